//! The table itself, for a machine of one's own and for tests: as template.yaml has it, but without a
//! stream, whose log grows without end on the embedded table.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::dynamo::Dynamo;
use crate::error::{Cause, StoreError};
use crate::keys::{EXPIRES_AT, Index, PK, SK};

impl Dynamo {
    /// Makes the table with its indexes; one that is there already stays.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is refused.
    pub async fn create_table(&self) -> Result<(), StoreError> {
        let mut request = self.client().create_table().table_name(self.table());
        request = request.billing_mode(BillingMode::PayPerRequest);
        for name in [PK, SK].into_iter().chain(index_attributes()) {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            let attribute = attribute.attribute_type(ScalarAttributeType::S).build();
            request = request.attribute_definitions(attribute.map_err(encode)?);
        }
        request = request.set_key_schema(Some(schema(PK, SK)?));
        for index in Index::ALL {
            let (pk, sk) = index.attributes();
            let built = GlobalSecondaryIndex::builder().index_name(index.name());
            let built = built.projection(projection(index));
            let built = built.set_key_schema(Some(schema(pk, sk)?)).build();
            request = request.global_secondary_indexes(built.map_err(encode)?);
        }
        match request.send().await {
            Ok(_) => {}
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
            {
                return Ok(());
            }
            Err(error) => return Err(StoreError::Unavailable(error.into())),
        }
        let expiry =
            TimeToLiveSpecification::builder().attribute_name(EXPIRES_AT).enabled(true).build();
        let request = self.client().update_time_to_live().table_name(self.table());
        let request = request.time_to_live_specification(expiry.map_err(encode)?);
        request.send().await.map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(())
    }
}

fn projection(index: Index) -> Projection {
    let names: Vec<_> = index.projected().iter().map(|name| (*name).to_owned()).collect();
    let projection = Projection::builder();
    match names.is_empty() {
        true => projection.projection_type(ProjectionType::KeysOnly).build(),
        false => {
            let projection = projection.projection_type(ProjectionType::Include);
            projection.set_non_key_attributes(Some(names)).build()
        }
    }
}

fn index_attributes() -> impl Iterator<Item = &'static str> {
    Index::ALL.into_iter().flat_map(|index| {
        let (pk, sk) = index.attributes();
        [pk, sk]
    })
}

fn schema(pk: &str, sk: &str) -> Result<Vec<KeySchemaElement>, StoreError> {
    let element = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(encode)
    };
    Ok(vec![element(pk, KeyType::Hash)?, element(sk, KeyType::Range)?])
}

fn encode(error: impl Into<Cause>) -> StoreError {
    StoreError::Encode(error.into())
}

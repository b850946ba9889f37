//! Each request that a client of the table sends, to be sent again as it was, and what was read.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::types::AttributeValue;
use store::{Dynamo, Place};

use super::TABLE;

/// A request as it was sent.
#[derive(Debug, Clone)]
pub enum Request {
    /// One item.
    Get(GetItemInput),
    /// A part of a partition or of an index.
    Query(QueryInput),
    /// Several writes at once.
    Transact(TransactWriteItemsInput),
    /// One write.
    Put(PutItemInput),
}

impl Request {
    /// The items that it writes or deletes.
    pub fn writes(&self) -> Vec<Place> {
        let keys: Vec<_> = match self {
            Self::Get(_) | Self::Query(_) => Vec::new(),
            Self::Put(put) => vec![put.item()],
            Self::Transact(transaction) => {
                let writes = transaction.transact_items().iter();
                let key = |write: &'_ aws_sdk_dynamodb::types::TransactWriteItem| {
                    let put = write.put().map(|put| put.item().clone());
                    let delete = || write.delete().map(|delete| delete.key().clone());
                    put.or_else(delete)
                        .or_else(|| write.update().map(|update| update.key().clone()))
                };
                return writes.filter_map(key).map(|key| place(&key)).collect();
            }
        };
        keys.into_iter().flatten().map(place).collect()
    }
}

/// What was sent and read.
#[derive(Debug, Default)]
pub struct Seen {
    /// In the order in which it was sent.
    pub requests: Vec<Request>,
    /// Each item that was read, from the table or an index.
    pub items: Vec<Place>,
    /// How many rows of the list of clients were read besides: who is active is counted there.
    pub listed: usize,
}

/// Writes down what a client of the table sends and reads.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Seen>>);

impl Recorder {
    /// The same table, through a client that is watched.
    pub fn watch(&self, dynamo: &Dynamo) -> Dynamo {
        let config = dynamo.client().config().to_builder().interceptor(self.clone()).build();
        Dynamo::new(Client::from_conf(config), TABLE)
    }

    /// What was seen since the last time that this was asked.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let input = context.input();
        let get = || input.downcast_ref().cloned().map(Request::Get);
        let query = || input.downcast_ref().cloned().map(Request::Query);
        let transact = || input.downcast_ref().cloned().map(Request::Transact);
        let put = || input.downcast_ref().cloned().map(Request::Put);
        let request = get().or_else(query).or_else(transact).or_else(put);
        let request = request.ok_or_else(|| format!("{input:?} is a request of another kind"))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests.push(request);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(output) = output.downcast_ref::<GetItemOutput>() {
            seen.items.extend(output.item().map(place));
        }
        if let Some(output) = output.downcast_ref::<QueryOutput>() {
            let is_row =
                |item: &&Key| item.contains_key("listed_as") && !item.contains_key("chain");
            let (rows, items): (Vec<_>, Vec<_>) = output.items().iter().partition(is_row);
            seen.listed += rows.len();
            seen.items.extend(items.into_iter().map(place));
        }
        Ok(())
    }
}

/// Sends a request again, as it was; a transaction under another token, or it would count as done.
pub async fn send(client: &Client, request: Request, token: String) {
    match request {
        Request::Get(input) => {
            let request = client.get_item().set_table_name(input.table_name).set_key(input.key);
            let request = request.set_consistent_read(input.consistent_read);
            let request = request.set_return_consumed_capacity(input.return_consumed_capacity);
            request.send().await.map(drop).unwrap();
        }
        Request::Query(input) => {
            let request = client
                .query()
                .set_table_name(input.table_name)
                .set_index_name(input.index_name)
                .set_key_condition_expression(input.key_condition_expression)
                .set_expression_attribute_names(input.expression_attribute_names)
                .set_expression_attribute_values(input.expression_attribute_values)
                .set_consistent_read(input.consistent_read)
                .set_scan_index_forward(input.scan_index_forward)
                .set_limit(input.limit)
                .set_exclusive_start_key(input.exclusive_start_key)
                .set_return_consumed_capacity(input.return_consumed_capacity);
            request.send().await.map(drop).unwrap();
        }
        Request::Transact(input) => {
            let request = client.transact_write_items().set_transact_items(input.transact_items);
            let request = request.client_request_token(token);
            let request = request.set_return_consumed_capacity(input.return_consumed_capacity);
            request.send().await.map(drop).unwrap();
        }
        Request::Put(input) => {
            let request = client
                .put_item()
                .set_table_name(input.table_name)
                .set_item(input.item)
                .set_condition_expression(input.condition_expression)
                .set_expression_attribute_names(input.expression_attribute_names)
                .set_expression_attribute_values(input.expression_attribute_values)
                .set_return_consumed_capacity(input.return_consumed_capacity);
            request.send().await.map(drop).unwrap();
        }
    }
}

type Key = HashMap<String, AttributeValue>;

fn place(item: &Key) -> Place {
    let text = |name| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok()).cloned();
    Place { pk: text("pk").unwrap_or_default(), sk: text("sk").unwrap_or_default() }
}

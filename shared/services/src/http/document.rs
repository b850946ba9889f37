//! The OpenAPI document: what the code's own leaves out because it is the same everywhere.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder, schema::Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::{MEDIA_TYPE, WrittenProblem};

/// The name of the staff's tokens in the document.
const TOKEN: &str = "staff_token";

/// The name of the contacts' sessions in the document.
const SESSION: &str = "contact_session";

/// Who is asked for at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Staff, with a token of their issuer.
    Staff,
    /// A contact, with the token of its session.
    Contact,
    /// Anybody.
    Anybody,
}

/// An empty document with a title.
pub fn empty() -> OpenApi {
    let mut info = Info::new("Portcullis", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "The gate of a firm's client portal. Errors are problem+json (RFC 9457); lists are paged by \
         cursor; amounts are decimal texts with their currency; days are ISO 8601."
            .to_owned(),
    );
    OpenApiBuilder::new().info(info).build()
}

/// Adds to each operation the errors, the token and the headers that all of the staff's have.
pub fn complete(document: OpenApi) -> OpenApi {
    complete_for(document, Who::Staff)
}

/// Adds to each operation the errors, the token and the headers that all have who ask for that caller.
pub fn complete_for(mut document: OpenApi, who: Who) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let problem = WrittenProblem::name().into_owned();
    components.schemas.insert(problem.clone(), WrittenProblem::schema());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let scheme = match who {
        Who::Staff => Some((TOKEN, bearer.bearer_format("JWT"))),
        Who::Contact => Some((SESSION, bearer)),
        Who::Anybody => None,
    };
    let schemes = scheme
        .map(|(name, token)| (name.to_owned(), RefOr::T(SecurityScheme::Http(token.build()))));
    components.security_schemes.extend(schemes);
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for (index, operation) in operations.into_iter().enumerate() {
            if let Some(operation) = operation {
                common(operation, who, index == 2, &problem);
            }
        }
    }
    document
}

fn common(operation: &mut Operation, who: Who, is_post: bool, problem: &str) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(problem))).build();
    let header = HeaderBuilder::new().schema(Some(text_schema())).build();
    let response = ResponseBuilder::new()
        .description("What is wrong")
        .header("X-Request-Id", header)
        .content(MEDIA_TYPE, content)
        .build();
    operation.responses.responses.insert("default".to_owned(), response.into());
    let token = match who {
        Who::Staff => Some(TOKEN),
        Who::Contact => Some(SESSION),
        Who::Anybody => None,
    };
    let needed = |name| SecurityRequirement::new(name, Vec::<String>::new());
    operation.security = Some(token.map(needed).into_iter().collect());
    let parameters = operation.parameters.get_or_insert_default();
    if who == Who::Staff {
        parameters.push(text_header(
            "X-Portcullis-Firm",
            false,
            "Which of the caller's firms is meant, if they have several",
        ));
    }
    if is_post {
        let description = "Names this request: made twice, it is done once";
        parameters.push(text_header("Idempotency-Key", false, description));
    }
}

fn text_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn text_header(name: &str, is_required: bool, description: &str) -> RefOr<Parameter> {
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(if is_required { Required::True } else { Required::False })
        .description(Some(description))
        .schema(Some(text_schema()))
        .build();
    RefOr::T(parameter)
}

/// One document of the documents of several functions.
pub fn merge(documents: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    documents.into_iter().fold(empty(), OpenApi::merge_from)
}

/// As it is committed: indented, with a newline at its end.
///
/// # Errors
/// Never, for a document that was made here.
pub fn to_text(document: &OpenApi) -> Result<String, serde_json::Error> {
    // Through a value, whose keys are in order: the same document is always the same text.
    let value = serde_json::to_value(document)?;
    serde_json::to_string_pretty(&value).map(|text| text + "\n")
}

//! The firm's gateways: connected, tested, changed and closed by an admin (STAFF-1) who signed in lately (SEC-6).
//!
//! No answer holds a secret (SEC-5): of each there is whether it is set, and since when. What is wrong with one is
//! said without repeating it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::role::Role;
use gateways::{CredentialsError, GatewayName, Mode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use services::http::{Ids, JsonBody, Problem, ProblemKind};
use services::office::Desk;
use services::office::gateways::{self as office, Connected, GatewaysError, KeyTest};
use services::webhook::EndpointError;
use store::Came;
use utoipa::{IntoParams, ToSchema};

use crate::Means;

/// The firm's gateways, and those that there are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllGateways {
    /// Those that are connected; closed ones last.
    items: Vec<ShownGateway>,
    /// What can be connected, and what each needs.
    kinds: Vec<GatewayKind>,
}

/// A gateway that can be connected.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GatewayKind {
    /// Its name in routes and bodies.
    #[schema(example = "stripe")]
    gateway: &'static str,
    /// As people write it.
    #[schema(example = "Stripe")]
    title: &'static str,
    /// What is copied from its dashboard.
    parts: Vec<KindPart>,
}

/// A part of what connects a gateway.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindPart {
    /// Its field in `credentials`.
    #[schema(example = "key")]
    field: &'static str,
    /// What it is called there.
    label: &'static str,
    /// Where it is found there.
    hint: &'static str,
    /// Whether it is never shown again.
    is_secret: bool,
    /// Whether it is a list.
    is_list: bool,
    /// Whether nothing works without it.
    is_needed: bool,
}

/// A gateway of the firm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownGateway {
    /// Its id, which stands in the address of its webhooks.
    id: String,
    /// Which it is.
    #[schema(example = "stripe")]
    gateway: String,
    /// As people write it.
    title: String,
    /// `live`: its money is real; or `test`.
    #[schema(example = "live")]
    mode: &'static str,
    /// Where it posts its webhooks: copy it into its dashboard.
    webhook_url: String,
    /// Since when it is connected, where that is known.
    connected_at: Option<String>,
    /// Since when nothing new is begun there; news of what was begun are taken all the same.
    closed_at: Option<String>,
    /// Whether clients pay here.
    takes_payments: bool,
    /// Which parts are set.
    parts: Vec<KnownPart>,
    /// The last event that arrived and was the gateway's own; looked up every ten seconds at most.
    last_event: Option<LastCame>,
    /// The last that could not be told to be the gateway's own.
    last_refused: Option<LastCame>,
}

/// A part that is set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KnownPart {
    /// Which.
    #[schema(example = "signing")]
    field: String,
    /// Since when: of a list each.
    since: Vec<String>,
}

/// Something that came to a gateway's address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastCame {
    /// When.
    at: String,
    /// What became of it, such as `applied`, `ignored` or `not_authentic`.
    outcome: String,
}

impl From<Came> for LastCame {
    fn from(Came { at, outcome }: Came) -> Self {
        Self { at: at.to_rfc3339(), outcome }
    }
}

impl ShownGateway {
    fn of(means: &Means, known: Connected) -> Self {
        let Connected { endpoint, parts, news, takes_payments } = known;
        let said = |at: DateTime<Utc>| at.to_rfc3339();
        let name = endpoint.gateway.as_str().parse::<GatewayName>();
        let part = |(field, since): (String, Vec<DateTime<Utc>>)| KnownPart {
            field,
            since: since.into_iter().map(said).collect(),
        };
        Self {
            webhook_url: means.gateways.webhook_url(&endpoint),
            title: name.map_or_else(|_| endpoint.gateway.to_string(), |name| name.title().into()),
            mode: mode(endpoint.is_live),
            connected_at: endpoint.opened_at.map(said),
            closed_at: endpoint.closed_at.map(said),
            takes_payments,
            parts: parts.into_iter().map(part).collect(),
            last_event: news.came.map(LastCame::from),
            last_refused: news.refused.map(LastCame::from),
            gateway: endpoint.gateway.to_string(),
            id: endpoint.id,
        }
    }
}

fn mode(is_live: bool) -> &'static str {
    if is_live { "live" } else { "test" }
}

fn kinds() -> Vec<GatewayKind> {
    let kind = |name: GatewayName| GatewayKind {
        gateway: name.as_str(),
        title: name.title(),
        parts: name
            .parts()
            .iter()
            .map(|part| KindPart {
                field: part.field,
                label: part.label,
                hint: part.hint,
                is_secret: part.is_secret,
                is_list: part.is_list,
                is_needed: part.is_needed,
            })
            .collect(),
    };
    GatewayName::ALL.into_iter().map(kind).collect()
}

/// The gateway in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfGateway {
    /// Its id.
    endpoint: String,
}

/// A gateway to connect.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGateway {
    /// Which.
    #[schema(example = "stripe")]
    gateway: String,
    /// `live` or `test`.
    #[schema(example = "live")]
    mode: String,
    /// What it is connected with, by the fields of its kind.
    #[schema(value_type = Object)]
    credentials: Value,
}

/// Secrets that take the place of others.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecrets {
    /// The parts that are replaced; the others stay, and one that is given as null is taken away.
    #[schema(value_type = Object)]
    credentials: Value,
    /// Whether the newest of what webhooks are checked with stays beside the new, until it is dropped.
    #[serde(default)]
    keep_old: bool,
}

/// What a key opens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestedKey {
    /// Whether it works.
    works: bool,
    /// That, in a sentence.
    said: String,
}

fn may_change(desk: &Desk) -> Result<(), Problem> {
    desk.require(&[Role::Admin])?;
    desk.require_fresh_sign_in()
}

async fn shown(desk: &Desk, means: &Means, id: &str) -> Result<Json<ShownGateway>, Problem> {
    let known = office::one(&desk.firm, id).await.map_err(problem)?;
    Ok(Json(ShownGateway::of(means, known)))
}

/// The firm's gateways, for an admin, and what each kind needs to be connected.
#[utoipa::path(get, path = "/firm/v1/gateways", tag = "gateways", operation_id = "list_gateways",
    responses((status = 200, body = AllGateways)))]
pub(crate) async fn list(desk: Desk, means: Means) -> Result<Json<AllGateways>, Problem> {
    desk.require(&[Role::Admin])?;
    let known = office::connected(&desk.firm).await?;
    let items = known.into_iter().map(|known| ShownGateway::of(&means, known)).collect();
    Ok(Json(AllGateways { items, kinds: kinds() }))
}

/// A gateway of the firm, for an admin.
#[utoipa::path(get, path = "/firm/v1/gateways/{endpoint}", tag = "gateways", params(OfGateway),
    operation_id = "get_gateway", responses((status = 200, body = ShownGateway)))]
pub(crate) async fn get(
    desk: Desk,
    means: Means,
    Ids(OfGateway { endpoint }): Ids<OfGateway>,
) -> Result<Json<ShownGateway>, Problem> {
    desk.require(&[Role::Admin])?;
    shown(&desk, &means, &endpoint).await
}

/// Connects a gateway, as an admin who signed in lately. Make a webhook at the gateway for the address that the
/// answer holds, then give what that signs with.
#[utoipa::path(post, path = "/firm/v1/gateways", tag = "gateways", operation_id = "connect_gateway",
    request_body = NewGateway, responses((status = 201, body = ShownGateway)))]
pub(crate) async fn connect(
    desk: Desk,
    means: Means,
    JsonBody(new): JsonBody<NewGateway>,
) -> Result<Response, Problem> {
    may_change(&desk)?;
    let name = new.gateway.parse::<GatewayName>().map_err(|_| {
        let known = GatewayName::ALL.map(GatewayName::as_str).join(", ");
        Problem::invalid("gateway", format!("one of {known} is expected"))
    })?;
    let mode = match new.mode.as_str() {
        "live" => Mode::Live,
        "test" => Mode::Test,
        _ => return Err(Problem::invalid("mode", "live or test is expected")),
    };
    let given = fields(new.credentials)?;
    let connected =
        means.gateways.connect(&desk.firm, (name, mode), &given, &desk.caller, desk.now).await;
    let endpoint = connected.map_err(problem)?;
    let answer = shown(&desk, &means, &endpoint.id).await?;
    Ok((StatusCode::CREATED, answer).into_response())
}

/// Replaces secrets, a part at a time, as an admin who signed in lately. To rotate a signing secret, keep the old
/// one beside it, and drop that when the gateway signs with the new one.
#[utoipa::path(put, path = "/firm/v1/gateways/{endpoint}/secrets", tag = "gateways",
    operation_id = "replace_gateway_secrets", params(OfGateway), request_body = NewSecrets,
    responses((status = 200, body = ShownGateway)))]
pub(crate) async fn replace(
    desk: Desk,
    means: Means,
    Ids(OfGateway { endpoint }): Ids<OfGateway>,
    JsonBody(new): JsonBody<NewSecrets>,
) -> Result<Json<ShownGateway>, Problem> {
    may_change(&desk)?;
    let given = fields(new.credentials)?;
    if given.is_empty() {
        return Err(Problem::invalid("credentials", "at least one part is expected"));
    }
    let given = (&given, new.keep_old);
    let replaced =
        means.gateways.replace(&desk.firm, &endpoint, given, &desk.caller, desk.now).await;
    replaced.map_err(problem)?;
    shown(&desk, &means, &endpoint).await
}

/// Drops what webhooks were checked with before: the newest stays.
#[utoipa::path(delete, path = "/firm/v1/gateways/{endpoint}/secrets/old", tag = "gateways",
    operation_id = "drop_old_gateway_secrets", params(OfGateway),
    responses((status = 200, body = ShownGateway)))]
pub(crate) async fn drop_old(
    desk: Desk,
    means: Means,
    Ids(OfGateway { endpoint }): Ids<OfGateway>,
) -> Result<Json<ShownGateway>, Problem> {
    may_change(&desk)?;
    let dropped = means.gateways.drop_old(&desk.firm, &endpoint, &desk.caller, desk.now).await;
    dropped.map_err(problem)?;
    shown(&desk, &means, &endpoint).await
}

/// Asks the gateway something harmless, to see whether the key works, as an admin.
#[utoipa::path(post, path = "/firm/v1/gateways/{endpoint}/test", tag = "gateways",
    operation_id = "test_gateway", params(OfGateway), responses((status = 200, body = TestedKey)))]
pub(crate) async fn test(
    desk: Desk,
    means: Means,
    Ids(OfGateway { endpoint }): Ids<OfGateway>,
) -> Result<Json<TestedKey>, Problem> {
    desk.require(&[Role::Admin])?;
    let conflict = |detail: String| Err(Problem::new(ProblemKind::Conflict, detail));
    match means.gateways.test(&desk.firm, &endpoint).await.map_err(problem)? {
        KeyTest::Works => Ok(Json(TestedKey {
            works: true,
            said: "The gateway answers, and the key opens the account.".to_owned(),
        })),
        KeyTest::Refused { code } => conflict(format!(
            "the gateway refuses the key ({code}): it is wrong, was revoked, is of the other mode, or may not read payments"
        )),
        KeyTest::NoAnswer => {
            conflict("the gateway didn't answer: nothing is known of the key, try again".to_owned())
        }
        KeyTest::Odd { what } => {
            conflict(format!("the gateway answered something else than expected: {what}"))
        }
    }
}

/// Clients pay here from now on, where the firm has several gateways.
#[utoipa::path(post, path = "/firm/v1/gateways/{endpoint}/prefer", tag = "gateways",
    operation_id = "prefer_gateway", params(OfGateway), responses((status = 200, body = ShownGateway)))]
pub(crate) async fn prefer(
    desk: Desk,
    means: Means,
    Ids(OfGateway { endpoint }): Ids<OfGateway>,
) -> Result<Json<ShownGateway>, Problem> {
    may_change(&desk)?;
    let preferred = means.gateways.prefer(&desk.firm, &endpoint, &desk.caller, desk.now).await;
    preferred.map_err(problem)?;
    // The firm as the request began with it still says who was before.
    let mut known = office::one(&desk.firm, &endpoint).await.map_err(problem)?;
    known.takes_payments = true;
    Ok(Json(ShownGateway::of(&means, known)))
}

/// Closes a gateway: no page to pay on and no charge is made there any more. News of what was begun there
/// (refunds, debits that come back, disputes) are taken as before.
#[utoipa::path(post, path = "/firm/v1/gateways/{endpoint}/close", tag = "gateways",
    operation_id = "close_gateway", params(OfGateway), responses((status = 200, body = ShownGateway)))]
pub(crate) async fn close(
    desk: Desk,
    means: Means,
    Ids(OfGateway { endpoint }): Ids<OfGateway>,
) -> Result<Json<ShownGateway>, Problem> {
    may_change(&desk)?;
    let closed = means.gateways.close(&desk.firm, &endpoint, &desk.caller, desk.now).await;
    closed.map_err(problem)?;
    shown(&desk, &means, &endpoint).await
}

/// Removes a gateway and its secrets: one that was closed half a year ago, or where nothing ever came.
#[utoipa::path(delete, path = "/firm/v1/gateways/{endpoint}", tag = "gateways",
    operation_id = "remove_gateway", params(OfGateway), responses((status = 204)))]
pub(crate) async fn remove(
    desk: Desk,
    means: Means,
    Ids(OfGateway { endpoint }): Ids<OfGateway>,
) -> Result<StatusCode, Problem> {
    may_change(&desk)?;
    let removed = means.gateways.remove(&desk.firm, &endpoint, &desk.caller, desk.now).await;
    removed.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looked at here: an error of the reader's would repeat what stands there.
fn fields(credentials: Value) -> Result<Map<String, Value>, Problem> {
    match credentials {
        Value::Object(fields) => Ok(fields),
        _ => {
            Err(Problem::invalid("credentials", "an object is expected, such as {\"key\": \"…\"}"))
        }
    }
}

fn problem(error: GatewaysError) -> Problem {
    let detail = error.to_string();
    match error {
        GatewaysError::NotFound => Problem::not_found("gateway"),
        GatewaysError::Credentials(error) => match error {
            CredentialsError::Shape { .. } => Problem::invalid("credentials", detail),
            CredentialsError::NotAPart { field, .. }
            | CredentialsError::Missing { field, .. }
            | CredentialsError::Wrong { field, .. } => {
                Problem::invalid(format!("credentials.{field}"), detail)
            }
        },
        GatewaysError::Config(gateways::ConfigError::Unknown(_)) => {
            Problem::invalid("gateway", "this gateway can't be connected here yet")
        }
        GatewaysError::Config(_) => Problem::invalid("credentials", detail),
        GatewaysError::LiveAtTestFirm => {
            Problem { rule: Some("TEST-1"), ..Problem::invalid("mode", detail) }
        }
        GatewaysError::TooMany
        | GatewaysError::Closed
        | GatewaysError::Open
        | GatewaysError::NewsMayCome(_)
        | GatewaysError::OtherMode { .. }
        | GatewaysError::NothingOld => Problem::new(ProblemKind::Conflict, detail),
        GatewaysError::Busy => Problem::new(ProblemKind::Busy, detail),
        GatewaysError::Endpoint(EndpointError::NoSecrets(_)) => {
            Problem::new(ProblemKind::Conflict, "its secrets are missing: put them in again")
        }
        GatewaysError::Endpoint(error) => Problem::internal(&error),
        GatewaysError::Store(error) => error.into(),
    }
}

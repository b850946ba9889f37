//! What of clients needs a person and is no task: disputes, broken promises and plans, plans that are asked for.

use axum::Json;
use domain::calendar::{Day, days_between};
use domain::concern::{Concern, ConcernKind};
use domain::id::ClientId;
use serde::{Deserialize, Serialize};
use services::http::page::page;
use services::http::{Amount, Date, Listing, Params, Problem};
use services::office::Desk;
use utoipa::{IntoParams, ToSchema};

/// Which ones.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only `dispute`, `broken_promise`, `broken_plan` or `plan_request`.
    kind: Option<String>,
    /// Where it begins: `next` of the page before.
    cursor: Option<String>,
    /// How many clients at most, 1 to 200.
    limit: Option<u32>,
}

/// One thing that needs a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenConcern {
    /// Whose.
    #[schema(value_type = String)]
    client: ClientId,
    /// The client's name.
    client_name: String,
    /// `dispute`, `broken_promise`, `broken_plan` or `plan_request`.
    #[schema(example = "dispute")]
    kind: &'static str,
    /// Since when.
    since: Date,
    /// For how many days.
    age_days: u32,
    /// About which invoices.
    invoices: Vec<String>,
    /// How much is disputed, of a dispute.
    disputed: Option<Amount>,
    /// Whether a partner looks at it, of a dispute.
    is_under_review: bool,
    /// Which partner.
    reviewed_by: Option<String>,
    /// Its task, of a request for a plan.
    task: Option<u64>,
}

/// What needs a person and is no task, kind by kind, the clients that wait longest first.
#[utoipa::path(get, path = "/firm/v1/concerns", tag = "tasks", operation_id = "list_concerns",
    params(Which), responses((status = 200, body = Listing<OpenConcern>)))]
pub(crate) async fn list(
    desk: Desk,
    Params(which): Params<Which>,
) -> Result<Json<Listing<OpenConcern>>, Problem> {
    let kind = which.kind.as_deref().map(kind).transpose()?;
    let request = page(which.cursor.as_deref(), which.limit)?;
    let listed = desk.store().concerns(kind, &request).await?;
    let mut items = Vec::new();
    for row in listed.items {
        // The list may be behind the account, which says what is so.
        let view = desk.view(&row.client).await?;
        let account = &view.loaded.account;
        let of_kind = account.concerns().into_iter().filter(|concern| concern.kind == row.kind);
        let name = account.profile.name.as_str();
        items.extend(of_kind.map(|concern| shown(&row.client, name, concern, desk.day())));
    }
    Ok(Json(Listing { items, next: listed.next }))
}

fn kind(name: &str) -> Result<ConcernKind, Problem> {
    ConcernKind::from_name(name).ok_or_else(|| {
        let known = ConcernKind::ALL.map(ConcernKind::as_str).join(", ");
        Problem::malformed(format!("{name:?} is no kind, expected one of {known}")).of("kind")
    })
}

fn shown(client: &ClientId, name: &str, concern: Concern, day: Day) -> OpenConcern {
    OpenConcern {
        client: client.clone(),
        client_name: name.to_owned(),
        kind: concern.kind.as_str(),
        since: Date(concern.since),
        age_days: days_between(concern.since, day),
        invoices: concern.invoices.iter().map(ToString::to_string).collect(),
        disputed: concern.disputed.map(Amount),
        is_under_review: concern.is_under_review,
        reviewed_by: concern.reviewed_by.map(|by| by.to_string()),
        task: concern.task.map(|task| task.0),
    }
}

//! The audit trail (AUD-1): of a client and of the firm, in sentences, and whether it is whole.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};
use services::http::page::page;
use services::http::{Ids, Listing, PageQuery, Params, Problem};
use services::office::Desk;
use store::{Order, Verdict};
use utoipa::{IntoParams, ToSchema};

use crate::OfClient;
use crate::show::{FirmRecord, Record, firm_record, record};

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichRecords {
    /// `newest` first, or `oldest` first.
    order: Option<String>,
    /// Where it begins: `next` of the page before.
    cursor: Option<String>,
    /// How many items at most, 1 to 200.
    limit: Option<u32>,
}

/// A client's audit trail: what each command did, in sentences; newest first unless asked otherwise.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/events", tag = "audit",
    operation_id = "list_events", params(OfClient, WhichRecords),
    responses((status = 200, body = Listing<Record>)))]
pub(crate) async fn events(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(which): Params<WhichRecords>,
) -> Result<Json<Listing<Record>>, Problem> {
    let order = match which.order.as_deref() {
        None | Some("newest") => Order::Newest,
        Some("oldest") => Order::Oldest,
        Some(other) => {
            let detail = format!("{other:?} is no order, expected newest or oldest");
            return Err(Problem::malformed(detail).of("order"));
        }
    };
    let page = page(which.cursor.as_deref(), which.limit)?;
    let listed = desk.store().records(&client, order, &page).await?;
    if listed.items.is_empty() {
        desk.require_client(&client).await?;
    }
    Ok(Json(Listing::of(listed, record)))
}

/// Whether a chain of records is as it was written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verified {
    /// Whether it is.
    is_whole: bool,
    /// How many records it has, if it is.
    records: Option<u64>,
    /// The first that is broken, and how, if it isn't.
    breach: Option<String>,
}

impl From<Verdict> for Verified {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Whole { records } => {
                Self { is_whole: true, records: Some(records), breach: None }
            }
            Verdict::Broken(breach) => {
                Self { is_whole: false, records: None, breach: Some(breach.to_string()) }
            }
        }
    }
}

/// Walks a client's chain of records and names the first that is broken.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/audit/verify", tag = "audit",
    operation_id = "verify_client", params(OfClient), responses((status = 200, body = Verified)))]
pub(crate) async fn verify(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Verified>, Problem> {
    let verdict = desk.store().verify(&client).await?;
    if verdict == (Verdict::Whole { records: 0 }) {
        return Err(Problem::not_found("client"));
    }
    Ok(Json(verdict.into()))
}

/// The firm's own audit trail, oldest first: policies, grants, settings, and what changed in them.
#[utoipa::path(get, path = "/firm/v1/events", tag = "audit", operation_id = "list_firm_events",
    params(PageQuery), responses((status = 200, body = Listing<FirmRecord>)))]
pub(crate) async fn firm_events(
    desk: Desk,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<FirmRecord>>, Problem> {
    let listed = desk.store().firm_records(&page.request()?).await?;
    let policies = desk.store().all_policies().await?.into_iter();
    let policies: BTreeMap<_, _> =
        policies.map(|policy| ((policy.class.clone(), policy.version), policy)).collect();
    Ok(Json(Listing::of(listed, |record| firm_record(record, &policies))))
}

/// Walks the firm's own chain of records.
#[utoipa::path(get, path = "/firm/v1/audit/verify", tag = "audit", operation_id = "verify_firm",
    responses((status = 200, body = Verified)))]
pub(crate) async fn verify_firm(desk: Desk) -> Result<Json<Verified>, Problem> {
    Ok(Json(desk.store().verify_firm().await?.into()))
}

//! Who is asking, and what can be asked.

use std::sync::LazyLock;

use axum::Json;
use serde::Serialize;
use services::http::Date;
use services::office::Desk;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use crate::settings::Ledger;

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The name in the audit.
    staff: String,
    /// The person's name.
    name: String,
    /// As what.
    roles: Vec<&'static str>,
    /// Where.
    firm: Firm,
}

/// The firm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Firm {
    /// Its id.
    firm: String,
    /// Its name.
    name: String,
    /// Where its days begin.
    #[schema(example = "America/New_York")]
    time_zone: &'static str,
    /// What it bills in.
    currency: String,
    /// Which day it is there.
    day: Date,
    /// Whether it is a test firm, with a clock of its own.
    is_test: bool,
    /// Where its ledger is kept, and whether letters and locks wait for it.
    ledger: Ledger,
}

/// Who is asking: the person, the roles and the firm.
#[utoipa::path(get, path = "/firm/v1/me", tag = "firm", responses((status = 200, body = Me)))]
pub(crate) async fn me(desk: Desk) -> Json<Me> {
    let settings = desk.firm.settings();
    Json(Me {
        staff: desk.staff().to_string(),
        name: desk.principal.grant.name.clone(),
        roles: desk.principal.grant.roles.iter().map(|role| role.as_str()).collect(),
        firm: Firm {
            firm: desk.firm.id().to_string(),
            name: settings.name.clone(),
            time_zone: settings.zone.name(),
            currency: settings.currency.code().to_owned(),
            day: Date(desk.day()),
            is_test: settings.is_test,
            ledger: Ledger::of(&desk),
        },
    })
}

/// This function's OpenAPI document.
#[utoipa::path(get, path = "/firm/v1/openapi.json", tag = "firm",
    responses((status = 200, description = "The document", body = serde_json::Value)))]
pub(crate) async fn document(_: Desk) -> Json<&'static OpenApi> {
    static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(crate::openapi);
    Json(&*DOCUMENT)
}

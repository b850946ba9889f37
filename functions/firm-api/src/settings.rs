//! What the firm set, as far as its staff change it.

use axum::Json;
use domain::ledger::{DEFAULT_FRESH_DAYS, Ledger as Freshness, MAX_FRESH_DAYS};
use domain::role::Role;
use serde::{Deserialize, Serialize};
use services::http::{Date, JsonBody, Problem, ProblemKind};
use services::import::run::{LastImport, last_import};
use services::office::Desk;
use services::office::settings::{SettingsError, change};
use store::FirmSettings;
use utoipa::ToSchema;

/// What the firm set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Settings {
    /// As it stands on letters.
    name: String,
    /// Where its days begin.
    #[schema(example = "America/New_York")]
    time_zone: &'static str,
    /// What it bills in.
    currency: String,
    /// Where its ledger is kept.
    ledger: Ledger,
}

/// Where the ledger is kept, and how old it may be (FRESH-1).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ledger {
    /// Whether invoices and payments are kept elsewhere and imported here.
    comes_from_elsewhere: bool,
    /// How many days old it may be; older, nothing harsher than a reminder leaves.
    fresh_days: Option<u32>,
    /// The day of the last import, if there was one.
    updated_on: Option<Date>,
    /// Whether notices, demands and locks wait for an import today.
    is_too_old: bool,
}

impl Ledger {
    /// As it stands on the firm's day.
    pub(crate) fn of(desk: &Desk) -> Self {
        Self::new(desk, desk.firm.settings(), desk.firm.ledger().and_then(|known| known.updated_on))
    }

    fn new(
        desk: &Desk,
        settings: &FirmSettings,
        updated_on: Option<domain::calendar::Day>,
    ) -> Self {
        let fresh_days = settings.ledger_fresh_days;
        let known = fresh_days.map(|fresh_days| Freshness { updated_on, fresh_days });
        Self {
            comes_from_elsewhere: fresh_days.is_some(),
            fresh_days,
            updated_on: updated_on.map(Date),
            is_too_old: known.is_some_and(|ledger| !ledger.is_fresh(desk.day())),
        }
    }
}

/// What the firm set.
#[utoipa::path(get, path = "/firm/v1/settings", tag = "firm", operation_id = "get_settings",
    responses((status = 200, body = Settings)))]
pub(crate) async fn get(desk: Desk) -> Result<Json<Settings>, Problem> {
    shown(&desk, desk.firm.settings()).await.map(Json)
}

async fn shown(desk: &Desk, settings: &FirmSettings) -> Result<Settings, Problem> {
    let last: Option<LastImport> = last_import(&desk.firm).await?;
    Ok(Settings {
        name: settings.name.clone(),
        time_zone: settings.zone.name(),
        currency: settings.currency.code().to_owned(),
        ledger: Ledger::new(desk, settings, last.map(|last| last.day)),
    })
}

/// A change of settings: what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsChange {
    /// Where the ledger is kept.
    #[serde(default)]
    ledger: Option<LedgerChange>,
}

/// Where the ledger is kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerChange {
    /// Whether invoices and payments are kept elsewhere and imported here, again and again.
    comes_from_elsewhere: bool,
    /// How many days old it may be; 7, if not said.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 92)]
    fresh_days: Option<u32>,
}

/// Changes settings.
#[utoipa::path(patch, path = "/firm/v1/settings", tag = "firm", operation_id = "change_settings",
    request_body = SettingsChange, responses((status = 200, body = Settings)))]
pub(crate) async fn patch(
    desk: Desk,
    JsonBody(asked): JsonBody<SettingsChange>,
) -> Result<Json<Settings>, Problem> {
    desk.require(&[Role::Admin])?;
    let ledger = asked.ledger.map(fresh_days).transpose()?;
    let with = |settings: &mut FirmSettings| {
        if let Some(fresh_days) = ledger {
            settings.ledger_fresh_days = fresh_days;
        }
    };
    let settings = change(&desk.firm, with, &desk.caller, desk.now).await;
    let settings = settings.map_err(|error| match error {
        SettingsError::Busy => Problem::new(ProblemKind::Busy, error.to_string()),
        SettingsError::Store(error) => error.into(),
    })?;
    shown(&desk, &settings).await.map(Json)
}

fn fresh_days(ledger: LedgerChange) -> Result<Option<u32>, Problem> {
    let invalid = |detail: String| Problem::invalid("ledger.fresh_days", detail);
    match (ledger.comes_from_elsewhere, ledger.fresh_days) {
        (true, days) => {
            let days = days.unwrap_or(DEFAULT_FRESH_DAYS);
            let is_fit = (1..=MAX_FRESH_DAYS).contains(&days);
            let detail = || invalid(format!("1 to {MAX_FRESH_DAYS} days are expected"));
            is_fit.then_some(Some(days)).ok_or_else(detail)
        }
        (false, None) => Ok(None),
        (false, Some(_)) => {
            Err(invalid("a ledger that is kept here is always up to date".to_owned()))
        }
    }
}

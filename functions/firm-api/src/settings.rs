//! What the firm set, as far as its staff change it.

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, IF_MATCH};
use axum::response::IntoResponse;
use domain::colour::{Colour, ColourError};
use domain::ledger::{DEFAULT_FRESH_DAYS, Ledger as Freshness, MAX_FRESH_DAYS};
use domain::retention::{DEFAULT_YEARS, YEARS};
use domain::role::Role;
use domain::text::sentence;
use serde::{Deserialize, Deserializer, Serialize};
use services::correspondence::is_at;
use services::firm::logo_path;
use services::http::etag::{check_match, etag, require_match};
use services::http::{Date, JsonBody, Listing, Problem, ProblemKind};
use services::import::run::{LastImport, last_import};
use services::office::Desk;
use services::office::policies::meta;
use services::office::settings::{SettingsError, change};
use store::{FirmChange, FirmCommit, FirmSettings, Grant, MailsReturned};
use utoipa::ToSchema;

use crate::clients;
use crate::numbering::{NewSeries, ShownSeries, numbering};

/// The longest postal address: what fits the head of a letter.
const MAX_POSTAL_BYTES: usize = 400;

/// The longest telephone number: with its country, an extension and a word about it.
const MAX_PHONE_BYTES: usize = 40;

/// The fewest digits that reach anybody outside the house.
const MIN_PHONE_DIGITS: usize = 5;

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
    /// Where its letters come from.
    mail_from: Option<String>,
    /// Where answers to them go, if not there.
    reply_to: Option<String>,
    /// Its postal address, as it stands on letters.
    postal_address: Option<String>,
    /// Where it is called, as it stands on letters.
    phone: Option<String>,
    /// In which language it writes to clients that say none.
    #[schema(example = "en")]
    language: &'static str,
    /// The colour of its pages' and letters' buttons and links; none: the usual one.
    #[schema(example = "#1f5b6e")]
    colour: Option<String>,
    /// Where its picture is, without our address.
    logo: Option<String>,
    /// Whether demand letters go out with their paper, as a PDF (LET-7).
    attach_pdf: bool,
    /// Its series of invoice numbers without a gap; who names none draws from the last (INV-7).
    numbering: Vec<ShownSeries>,
    /// Where its ledger is kept.
    ledger: Ledger,
    /// How many years a closed client's personal data are kept (CLOSE-1).
    retention_years: u32,
    /// Whose law policies' late fees are held against, a code of ISO 3166 (POL-5); none: the strictest is named.
    #[schema(example = "US-NY")]
    jurisdiction: Option<String>,
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
pub(crate) async fn get(desk: Desk) -> Result<impl IntoResponse, Problem> {
    let tag = [(ETAG, etag(desk.firm.loaded().version()))];
    Ok((tag, Json(shown(&desk, desk.firm.settings()).await?)))
}

pub(crate) async fn shown(desk: &Desk, settings: &FirmSettings) -> Result<Settings, Problem> {
    let last: Option<LastImport> = last_import(&desk.firm).await?;
    Ok(Settings {
        name: settings.name.clone(),
        time_zone: settings.zone.name(),
        currency: settings.currency.code().to_owned(),
        mail_from: settings.mail_from.clone(),
        reply_to: settings.reply_to.clone(),
        postal_address: settings.postal_address.clone(),
        phone: settings.phone.clone(),
        language: settings.language.as_str(),
        colour: settings.colour.map(String::from),
        logo: logo_path(desk.firm.id(), settings.logo.as_ref()),
        attach_pdf: settings.attach_pdf,
        numbering: settings.numbering.iter().map(ShownSeries::of).collect(),
        ledger: Ledger::new(desk, settings, last.map(|last| last.day)),
        retention_years: settings.retention_years.unwrap_or(DEFAULT_YEARS),
        jurisdiction: settings.jurisdiction.as_ref().map(ToString::to_string),
    })
}

/// A change of settings: what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsChange {
    /// Its name, as it stands on letters.
    #[serde(default)]
    name: Option<String>,
    /// Where its letters come from; `null`: nowhere, and they wait.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    mail_from: Option<Option<String>>,
    /// Where answers to them go; `null`: where they come from.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    reply_to: Option<Option<String>>,
    /// Its postal address, in lines; `null`: none.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    postal_address: Option<Option<String>>,
    /// Where it is called, in one line; `null`: no number stands on letters.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "+1 555 0100")]
    phone: Option<Option<String>>,
    /// In which language it writes to clients that say none: `en` or `es`.
    #[serde(default)]
    #[schema(example = "es")]
    language: Option<String>,
    /// The colour of its pages' and letters' buttons and links, as `#` and six hexadecimal digits; it is made darker or
    /// lighter where text on it couldn't be read. `null`: the usual one.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "#1f5b6e")]
    colour: Option<Option<String>>,
    /// Whether demand letters go out with their paper, as a PDF (LET-7).
    #[serde(default)]
    attach_pdf: Option<bool>,
    /// All its series of invoice numbers; the last is the one that numbers are drawn from (INV-7). Needs
    /// `If-Match`, since it replaces the whole list.
    #[serde(default)]
    numbering: Option<Vec<NewSeries>>,
    /// Where the ledger is kept.
    #[serde(default)]
    ledger: Option<LedgerChange>,
    /// How many years a closed client's personal data are kept, 1 to 30; a change comes to clients that are closed
    /// by now within a month (CLOSE-1).
    #[serde(default)]
    #[schema(minimum = 1, maximum = 30)]
    retention_years: Option<u32>,
    /// Whose law policies' late fees are held against, a code of ISO 3166; `null`: nobody said (POL-5).
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "US-NY")]
    jurisdiction: Option<Option<String>>,
}

/// Tells `null` from what isn't there.
pub(crate) fn said<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
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

/// Changes settings, as an admin; each change is a record of the firm's chain.
#[utoipa::path(patch, path = "/firm/v1/settings", tag = "firm", operation_id = "change_settings",
    params(("If-Match" = Option<String>, Header, description = "The settings looked at")),
    request_body = SettingsChange, responses((status = 200, body = Settings)))]
pub(crate) async fn patch(
    desk: Desk,
    headers: HeaderMap,
    JsonBody(asked): JsonBody<SettingsChange>,
) -> Result<Json<Settings>, Problem> {
    desk.require(&[Role::Admin])?;
    let version = desk.firm.loaded().version();
    match asked.numbering.is_some() {
        true => require_match(&headers, Some(version))?,
        false => check_match(&headers, version)?,
    }
    let name = asked.name.map(clients::name).transpose()?;
    let mail_from = asked.mail_from.map(|new| mail_address("mail_from", new)).transpose()?;
    if mail_from.as_ref().is_some_and(|new| *new != desk.firm.settings().mail_from) {
        at_own_domain(desk.firm.settings(), mail_from.as_ref().and_then(Option::as_deref))?;
        desk.require_fresh_sign_in()?;
    }
    let reply_to = asked.reply_to.map(|new| mail_address("reply_to", new)).transpose()?;
    let postal_address = asked.postal_address.map(postal).transpose()?;
    let phone = asked.phone.map(phone).transpose()?;
    let language =
        asked.language.as_deref().map(|tag| clients::language("language", tag)).transpose()?;
    let numbering = match asked.numbering {
        Some(new) => Some(numbering(&desk, new).await?),
        None => None,
    };
    let ledger = asked.ledger.map(fresh_days).transpose()?;
    let retention_years = asked.retention_years.map(years).transpose()?;
    let law = match &asked.jurisdiction {
        Some(code) => Some(code.as_deref().map(clients::jurisdiction).transpose()?),
        None => None,
    };
    let colour = asked.colour.map(colour).transpose()?;
    let with = |settings: &mut FirmSettings| {
        if let Some(fresh_days) = ledger {
            settings.ledger_fresh_days = fresh_days;
        }
        settings.retention_years = retention_years.or(settings.retention_years);
        settings.jurisdiction = law.clone().unwrap_or_else(|| settings.jurisdiction.take());
        if let Some(name) = &name {
            settings.name = name.as_str().to_owned();
        }
        settings.colour = colour.unwrap_or(settings.colour);
        settings.attach_pdf = asked.attach_pdf.unwrap_or(settings.attach_pdf);
        settings.mail_from = mail_from.clone().unwrap_or_else(|| settings.mail_from.take());
        settings.reply_to = reply_to.clone().unwrap_or_else(|| settings.reply_to.take());
        settings.phone = phone.clone().unwrap_or_else(|| settings.phone.take());
        settings.language = language.unwrap_or(settings.language);
        let known = settings.postal_address.take();
        settings.postal_address = postal_address.clone().unwrap_or(known);
        let known = std::mem::take(&mut settings.numbering);
        settings.numbering = numbering.clone().unwrap_or(known);
    };
    if headers.contains_key(IF_MATCH) {
        let settings = change_as_read(&desk, with).await?;
        return shown(&desk, &settings).await.map(Json);
    }
    let settings = save(&desk, with).await?;
    shown(&desk, &settings).await.map(Json)
}

/// What a change that didn't come to be is answered.
pub(crate) fn busy(error: SettingsError) -> Problem {
    match error {
        SettingsError::Busy => Problem::new(ProblemKind::Busy, error.to_string()),
        SettingsError::Store(error) => error.into(),
    }
}

/// Changes settings, whoever else does.
pub(crate) async fn save(
    desk: &Desk,
    with: impl Fn(&mut FirmSettings),
) -> Result<FirmSettings, Problem> {
    change(&desk.firm, with, &desk.caller, desk.now).await.map_err(busy)
}

/// Who works at the firm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StaffMember {
    /// The name in the audit.
    staff: String,
    /// The person's name.
    name: String,
    /// As what.
    roles: Vec<&'static str>,
    /// Since when mails to the person come back, and none is sent: until another address is known, or the
    /// person chooses again which mails to get.
    mails_returned_at: Option<String>,
}

/// Who works at the firm, and as what.
#[utoipa::path(get, path = "/firm/v1/staff", tag = "firm", operation_id = "list_staff",
    responses((status = 200, body = Listing<StaffMember>)))]
pub(crate) async fn staff(desk: Desk) -> Result<Json<Listing<StaffMember>>, Problem> {
    let returned = desk.store().all_mails_returned().await?;
    let since = |grant: &Grant| {
        let address = grant.mail.as_ref()?;
        let of = |known: &&MailsReturned| known.staff == grant.staff && known.address == *address;
        returned.iter().find(of).map(|known| known.at.to_rfc3339())
    };
    let member = |grant: Grant| StaffMember {
        mails_returned_at: since(&grant),
        staff: grant.staff.to_string(),
        name: grant.name.as_str().to_owned(),
        roles: grant.roles.iter().map(|role| role.as_str()).collect(),
    };
    let grants = desk.store().grants().await?;
    Ok(Json(Listing::whole(grants.into_iter().map(member).collect())))
}

/// How long a closed client's personal data are kept.
fn years(years: u32) -> Result<u32, Problem> {
    if YEARS.contains(&years) {
        return Ok(years);
    }
    let detail = format!("{} to {} years are expected", YEARS.start(), YEARS.end());
    Err(Problem::invalid("retention_years", sentence(&detail)))
}

fn colour(text: Option<String>) -> Result<Option<Colour>, Problem> {
    let colour = text.map(|text| text.parse()).transpose();
    colour.map_err(|error: ColourError| Problem::invalid("colour", error.to_string()))
}

/// Changes what the caller looked at, or nothing.
async fn change_as_read(
    desk: &Desk,
    with: impl Fn(&mut FirmSettings),
) -> Result<FirmSettings, Problem> {
    let loaded = desk.firm.loaded();
    let mut settings = loaded.settings.clone();
    with(&mut settings);
    if settings == loaded.settings {
        return Ok(settings);
    }
    let change = FirmChange::Settings(settings.clone());
    let meta = meta(&desk.firm, "change_settings", &desk.caller, desk.now);
    match desk.store().change_firm(loaded, &change, &meta).await? {
        FirmCommit::Done => Ok(settings),
        FirmCommit::Stale => {
            let detail = "it was changed meanwhile; read it again";
            Err(Problem::new(ProblemKind::PreconditionFailed, detail).of("If-Match"))
        }
    }
}

fn mail_address(field: &str, address: Option<String>) -> Result<Option<String>, Problem> {
    match address {
        Some(address) if !clients::is_address(&address) => {
            let detail = "an e-mail address is expected, such as billing@firm.example";
            Err(Problem::invalid(field, detail))
        }
        address => Ok(address),
    }
}

/// Letters come from the firm's own domain (LET-2). Before one is set up any address is kept, and letters wait.
fn at_own_domain(settings: &FirmSettings, address: Option<&str>) -> Result<(), Problem> {
    let domain = settings.mail_domain.as_ref().filter(|_| !settings.is_test);
    match (domain, address) {
        (Some(known), Some(address)) if !is_at(address, &known.name) => {
            let detail = format!("an address at {} is expected: that domain is set up", known.name);
            Err(Problem::invalid("mail_from", detail))
        }
        _ => Ok(()),
    }
}

fn postal(address: Option<String>) -> Result<Option<String>, Problem> {
    let Some(address) = address else { return Ok(None) };
    let has_control = address.chars().any(|c| c.is_control() && c != '\n');
    if address.trim().is_empty() || MAX_POSTAL_BYTES < address.len() || has_control {
        let detail = format!("lines of 1 to {MAX_POSTAL_BYTES} bytes together are expected");
        return Err(Problem::invalid("postal_address", detail));
    }
    Ok(Some(address))
}

/// A number as people write it: whether anybody answers there only a call can tell.
fn phone(number: Option<String>) -> Result<Option<String>, Problem> {
    let Some(number) = number else { return Ok(None) };
    let number = number.trim();
    let is_plain = number.chars().all(|c| c.is_ascii_alphanumeric() || " +-().,/#*".contains(c));
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if !is_plain || digits < MIN_PHONE_DIGITS || MAX_PHONE_BYTES < number.len() {
        let detail = format!(
            "a telephone number of at most {MAX_PHONE_BYTES} characters is expected, such as +1 555 0100"
        );
        return Err(Problem::invalid("phone", detail));
    }
    Ok(Some(number.to_owned()))
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

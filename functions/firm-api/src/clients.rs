//! Clients: the list, a new one, one with its explanation, and changes of who it is.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use domain::account::{Account, Contact, MAX_CONTACTS, Profile};
use domain::command::Command;
use domain::decide::decide;
use domain::fee::Jurisdiction;
use domain::id::{ClassId, ClientId, ServiceLine};
use domain::letter::{Language, LanguageError};
use domain::money::Currency;
use domain::refusal::Refusal;
use domain::text::Personal;
use identity::OpaqueToken;
use identity::contact::Address;
use serde::Deserialize;
use services::contacts::{drop_late, drop_orphans};
use services::execute::View;
use services::http::etag::{check_match, etag};
use services::http::page::page;
use services::http::{Ids, JsonBody, Listing, Params, Problem};
use services::office::{Desk, Outcome};
use store::ClientState;
use utoipa::{IntoParams, ToSchema};

use crate::OfClient;
use crate::settings::said;
use crate::show::{Client, ClientInList};

/// The class of a client for which none is said.
const USUAL_CLASS: &str = "default";

/// The longest name: two lines on a letter.
const MAX_NAME_CHARS: usize = 200;

/// The longest address: that of RFC 5321.
const MAX_ADDRESS_BYTES: usize = 254;

/// Which clients.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only those in this state: `closed`, `stopped`, `locked`, `exception`, `on_hold`, `limited` or `open`.
    state: Option<String>,
    /// Where it begins: `next` of the page before.
    cursor: Option<String>,
    /// How many items at most, 1 to 200.
    limit: Option<u32>,
}

/// The firm's clients: by name within each state.
#[utoipa::path(get, path = "/firm/v1/clients", tag = "clients", operation_id = "list_clients",
    params(Which), responses((status = 200, body = Listing<ClientInList>)))]
pub(crate) async fn list(
    desk: Desk,
    Params(which): Params<Which>,
) -> Result<Json<Listing<ClientInList>>, Problem> {
    let state = which.state.as_deref().map(state).transpose()?;
    let page = page(which.cursor.as_deref(), which.limit)?;
    let listed = desk.store().clients(state, &page).await?;
    Ok(Json(Listing::of(listed, ClientInList::from)))
}

fn state(name: &str) -> Result<ClientState, Problem> {
    ClientState::from_name(name).ok_or_else(|| {
        let known = ClientState::ALL.map(ClientState::as_str).join(", ");
        Problem::malformed(format!("{name:?} is no state, expected one of {known}")).of("state")
    })
}

/// A new client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    /// Its id; made, if not said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client: Option<ClientId>,
    /// Its name.
    name: String,
    /// Its class, whose policy applies; `default`, if not said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    class: Option<ClassId>,
    /// The currency in which it is billed; the firm's, if not said.
    #[serde(default)]
    currency: Option<String>,
    /// Where letters go, in this order.
    #[serde(default)]
    contacts: Vec<NewContact>,
    /// What is done for it.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    service_lines: BTreeSet<ServiceLine>,
    /// Whether its engagement's terms allow late fees.
    #[serde(default)]
    terms_allow_late_fee: bool,
    /// Whose law caps its late fees, a code of ISO 3166; nobody's, if not said.
    #[serde(default)]
    #[schema(example = "US-NY")]
    jurisdiction: Option<String>,
    /// In which language it is written to, `en` or `es`; in the firm's, if not said.
    #[serde(default)]
    #[schema(example = "es")]
    language: Option<String>,
}

/// An address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewContact {
    /// The e-mail address.
    address: String,
    /// Whether letters came back from it; what is known of it, if not said.
    #[serde(default)]
    is_bounced: Option<bool>,
}

/// Opens a client's account.
#[utoipa::path(post, path = "/firm/v1/clients", tag = "clients", operation_id = "open_client",
    request_body = NewClient, responses((status = 201, body = Outcome), (status = 200, body = Outcome)))]
pub(crate) async fn open(
    desk: Desk,
    JsonBody(new): JsonBody<NewClient>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let client = match new.client {
        Some(client) => client,
        None => made_id(&desk)?,
    };
    let class = new.class.map_or_else(|| USUAL_CLASS.parse(), Ok);
    let profile = Profile {
        name: name(new.name)?,
        class: class.map_err(|error: domain::id::IdError| Problem::internal(&error))?,
        currency: match &new.currency {
            Some(code) => currency(code)?,
            None => desk.firm.settings().currency,
        },
        contacts: contacts(new.contacts, &[])?,
        service_lines: new.service_lines,
        terms_allow_late_fee: new.terms_allow_late_fee,
        language: new.language.as_deref().map(|tag| language("language", tag)).transpose()?,
        late_fee_terms_since: None,
        jurisdiction: new.jurisdiction.as_deref().map(jurisdiction).transpose()?,
    };
    let executed = desk.execute(&client, &Command::OpenAccount(profile)).await?;
    Ok(created(Outcome::of(&executed).with_id(client.as_str())))
}

/// The same whenever the same request is made.
fn made_id(desk: &Desk) -> Result<ClientId, Problem> {
    let text = match &desk.once {
        Some(name) => name.clone(),
        None => {
            let token = OpaqueToken::random_128().map_err(|error| Problem::internal(&error))?;
            token.reveal().to_owned()
        }
    };
    format!("c-{text}").parse().map_err(|error: domain::id::IdError| Problem::internal(&error))
}

/// 201 for what was made, 200 for what was there.
pub(crate) fn created(outcome: Outcome) -> (StatusCode, Json<Outcome>) {
    let status = if outcome.did.is_empty() { StatusCode::OK } else { StatusCode::CREATED };
    (status, Json(outcome))
}

pub(crate) fn name(text: String) -> Result<Personal, Problem> {
    let text = text.trim();
    let is_line = !text.chars().any(char::is_control) && text.chars().nth(MAX_NAME_CHARS).is_none();
    if text.is_empty() || !is_line {
        let detail = format!("a name of one line and 1 to {MAX_NAME_CHARS} characters is expected");
        return Err(Problem::invalid("name", detail));
    }
    Ok(Personal::new(text))
}

fn currency(code: &str) -> Result<Currency, Problem> {
    code.parse()
        .map_err(|error: domain::money::MoneyError| Problem::invalid("currency", error.to_string()))
}

/// Whose law caps late fees (LF-1).
pub(crate) fn jurisdiction(code: &str) -> Result<Jurisdiction, Problem> {
    code.parse().map_err(|error: String| Problem::invalid("jurisdiction", error))
}

/// A language that letters are written in.
pub(crate) fn language(field: &str, tag: &str) -> Result<Language, Problem> {
    tag.parse().map_err(|error: LanguageError| Problem::invalid(field, error.to_string()))
}

/// What is known of an address stays known unless it is said anew.
fn contacts(new: Vec<NewContact>, known: &[Contact]) -> Result<Vec<Contact>, Problem> {
    if MAX_CONTACTS < new.len() {
        let detail = format!("a client has at most {MAX_CONTACTS} contacts");
        return Err(Problem::invalid("contacts", detail));
    }
    let mut contacts: Vec<Contact> = Vec::new();
    for (index, contact) in new.into_iter().enumerate() {
        let at = |detail: &str| Problem::invalid(format!("contacts[{index}].address"), detail);
        if !is_address(&contact.address) {
            return Err(at("an e-mail address is expected, such as ann@acme.example"));
        }
        let address = Personal::new(contact.address);
        let is_it = |other: &&Contact| is_same(&other.address, &address);
        if contacts.iter().any(|other| is_it(&other)) {
            return Err(at("this address is there twice"));
        }
        let was = known.iter().find(is_it);
        let was_bounced = was.is_some_and(|known| known.is_bounced);
        contacts.push(Contact { address, is_bounced: contact.is_bounced.unwrap_or(was_bounced) });
    }
    Ok(contacts)
}

/// Whether two addresses are one, however they are written.
fn is_same(one: &Personal, other: &Personal) -> bool {
    let parsed = |text: &Personal| text.as_str().parse::<Address>().ok();
    one == other || parsed(one).is_some_and(|address| parsed(other) == Some(address))
}

/// What a mail service takes; whether anybody reads there only a letter can tell.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>(),;:\\\"[]".contains(&byte));
    let labels_fit = domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    text.len() <= MAX_ADDRESS_BYTES
        && is_plain
        && !local.is_empty()
        && !local.contains('@')
        && domain.contains('.')
        && labels_fit
}

/// A client: who it is, where it stands, why, and what comes next.
#[utoipa::path(get, path = "/firm/v1/clients/{client}", tag = "clients", operation_id = "get_client",
    params(OfClient), responses((status = 200, body = Client)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<impl IntoResponse, Problem> {
    let view = desk.view(&client).await?;
    Ok(([(ETAG, etag(view.loaded.version()))], Json(Client::of(&view))))
}

/// A change of who a client is: what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientChange {
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// Its class.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    class: Option<ClassId>,
    /// The currency in which it is usually billed.
    #[serde(default)]
    currency: Option<String>,
    /// All its addresses, in this order.
    #[serde(default)]
    contacts: Option<Vec<NewContact>>,
    /// What is done for it.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    service_lines: Option<BTreeSet<ServiceLine>>,
    /// Whether its engagement's terms allow late fees.
    #[serde(default)]
    terms_allow_late_fee: Option<bool>,
    /// Whose law caps its late fees, a code of ISO 3166; `null`: nobody's.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "US-NY")]
    jurisdiction: Option<Option<String>>,
    /// In which language it is written to, `en` or `es`; `null`: in the firm's.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "es")]
    language: Option<Option<String>>,
}

/// Changes who a client is.
#[utoipa::path(patch, path = "/firm/v1/clients/{client}", tag = "clients", operation_id = "change_client",
    params(OfClient), request_body = ClientChange, responses((status = 200, body = Outcome)))]
pub(crate) async fn change(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    headers: HeaderMap,
    JsonBody(change): JsonBody<ClientChange>,
) -> Result<Json<Outcome>, Problem> {
    let view = desk.view(&client).await?;
    check_match(&headers, view.loaded.version())?;
    let known = &view.loaded.account.profile;
    let name = change.name.map(name).transpose()?;
    let currency = change.currency.as_deref().map(currency).transpose()?;
    let spoken = match &change.language {
        Some(tag) => Some(tag.as_deref().map(|tag| language("language", tag)).transpose()?),
        None => None,
    };
    let law = match &change.jurisdiction {
        Some(code) => Some(code.as_deref().map(jurisdiction).transpose()?),
        None => None,
    };
    let contacts = change.contacts.map(|new| contacts(new, &known.contacts)).transpose()?;
    // Also the addresses that came since: an invitation adds its own.
    let gone = Mutex::new(known.contacts.clone());
    // Laid over the profile as it is in the commit: two changes of two fields both hold.
    let changed = |account: &Account| -> Result<Command, Refusal> {
        let mut profile = account.profile.clone();
        let mut gone = gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.extend(profile.contacts.iter().cloned());
        drop(gone);
        profile.name = name.clone().unwrap_or(profile.name);
        profile.class = change.class.clone().unwrap_or(profile.class);
        profile.currency = currency.unwrap_or(profile.currency);
        profile.contacts = contacts.clone().unwrap_or(profile.contacts);
        profile.service_lines = change.service_lines.clone().unwrap_or(profile.service_lines);
        profile.terms_allow_late_fee =
            change.terms_allow_late_fee.unwrap_or(profile.terms_allow_late_fee);
        profile.language = spoken.unwrap_or(profile.language);
        profile.jurisdiction = law.clone().unwrap_or(profile.jurisdiction);
        Ok(Command::ChangeProfile(profile))
    };
    if let Some(contacts) = &contacts {
        // First whoever comes by an address that goes, then the address; and neither, if the change is refused.
        check(&desk, &view, &changed(&view.loaded.account)?).await?;
        let (firm, caller) = (&desk.firm, &desk.caller);
        drop_orphans(firm, &client, &known.contacts, contacts, caller, desk.now).await?;
    }
    let executed = desk.execute_of(&client, changed).await?;
    if contacts.is_some() {
        let gone = gone.into_inner().unwrap_or_else(PoisonError::into_inner);
        drop_late(&desk.firm, &client, &gone, &desk.caller, desk.now).await?;
    }
    Ok(Json(Outcome::of(&executed)))
}

/// Whether the rules take a change of who a client is, as it is now.
async fn check(desk: &Desk, view: &View, command: &Command) -> Result<(), Problem> {
    if let Command::ChangeProfile(profile) = command {
        desk.firm.policy(&profile.class, view.day, desk.now).await?;
    }
    decide(&view.loaded.account, command, &view.context(&desk.caller.actor))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_mail_can_go_to() {
        for address in ["ann@acme.example", "a.n+n@mail.acme.example", "o'neil@acme.example"] {
            assert!(is_address(address), "for {address}");
        }
        let long = format!("{}@acme.example", "x".repeat(250));
        for address in [
            "",
            "ann",
            "@acme.example",
            "ann@",
            "ann@acme",
            "ann@.example",
            "ann@acme..example",
            "a b@acme.example",
            "ann@acme.example\r\nBcc: x@y.example",
            "<ann@acme.example>",
            "ann@bea@acme.example",
            "ann@-acme.example",
            &long,
        ] {
            assert!(!is_address(address), "for {address:?}");
        }
    }
}

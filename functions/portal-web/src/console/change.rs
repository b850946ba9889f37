//! The page on which staff change who a client is: what isn't changed isn't sent, so that two people who change two
//! things both have their way.
//!
//! A change of class brings the client under another policy at once, so the page shows what that does.

use std::collections::BTreeSet;

use axum::response::Response;
use domain::account::Profile;
use domain::command::Command;
use domain::event::Event;
use domain::fee::Jurisdiction;
use domain::id::{ClassId, ClientId, ServiceLine};
use domain::letter::{Language, LanguageError};
use domain::money::Currency;
use domain::text::Personal;
use services::execute::View;
use services::http::form::listed;

use super::act::{Act, BOOKKEEPERS, Field, FieldKind};
use super::trial::{Asked, Foreseen, Tried, Wrong, foresee, sentences, shown};
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Visit};

/// The field that holds service lines: their names between commas.
const SERVICE_LINES: &str = "service_lines:list";

/// The field that says whether late fees are agreed on.
const LATE_FEES: &str = "terms_allow_late_fee:bool";

/// The field that says whose law caps its late fees; empty: nobody's.
const JURISDICTION: &str = "jurisdiction:clear";

/// The field that says in which language it is written to; empty: in the firm's.
pub(super) const LANGUAGE: &str = "language:clear";

pub(crate) async fn show(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let asked = Asked(asked);
    let classes = classes(&visit).await?;
    let profile = &view.loaded.account.profile;
    let act = Act::new(
        format!("Change {}", profile.name.as_str()),
        "Where letters go is changed under Contacts.",
        "Change the client",
        format!("/firm/v1/clients/{}", segment(client.as_str())),
    )
    .method("patch")
    .said("The client is changed.")
    .only(&visit, BOOKKEEPERS, "change a client");
    let tried = match asked.is_none() || act.refused.is_some() {
        true => None,
        false => Some(tried(&visit, &view, &asked).await?),
    };
    let fields = fields(profile, classes).into_iter().map(|field| asked.filled(field)).collect();
    let act = Act { fields, ..act };
    Ok(shown(&visit, &view, act, (Vec::new(), None), client_path(&client), tried))
}

/// The classes that have a policy.
pub(super) async fn classes(visit: &Visit) -> Result<BTreeSet<ClassId>, Failure> {
    let policies = visit.desk.store().all_policies().await?;
    Ok(policies.into_iter().map(|policy| policy.class).collect())
}

/// Who a client is, as far as one page asks it of new and of known ones.
fn fields(profile: &Profile, mut classes: BTreeSet<ClassId>) -> Vec<Field> {
    classes.insert(profile.class.clone());
    let name = Field::new("name", "Name", FieldKind::Line).hint("As it stands on letters.");
    let mut fields = vec![
        name.value(profile.name.as_str()),
        class(classes).value(profile.class.as_str()),
        currency().value(profile.currency.code()),
    ];
    fields.push(language(LANGUAGE).value(profile.language.map_or("", Language::as_str)));
    let lines: Vec<_> = profile.service_lines.iter().map(ServiceLine::as_str).collect();
    let terms = profile.terms_allow_late_fee.to_string();
    fields.extend(
        engagement()
            .into_iter()
            .zip([lines.join(", "), terms])
            .map(|(field, value)| field.value(value)),
    );
    let law = profile.jurisdiction.as_ref().map(Jurisdiction::as_str);
    let field = Field::new(JURISDICTION, "Jurisdiction", FieldKind::Line).optional();
    let field = field.hint("Whose law caps its late fees, such as US-NY or CA. Of one that isn't known here the strictest limit holds; left empty, none does.");
    fields.push(field.value(law.unwrap_or_default()));
    fields
}

/// Whose policy applies.
pub(super) fn class(classes: BTreeSet<ClassId>) -> Field {
    let classes = classes.iter().map(|class| (class.to_string(), class.to_string())).collect();
    Field::new("class", "Policy class", FieldKind::Choice(classes))
}

pub(super) fn currency() -> Field {
    Field::new("currency", "Currency", FieldKind::Line)
        .hint("Three letters, such as USD. Invoices are in it unless they say otherwise.")
}

/// In which language it is written to.
pub(super) fn language(name: &'static str) -> Field {
    let languages = Language::ALL.map(|language| (language.as_str(), language.words()));
    let choices = [("", "The firm's")].into_iter().chain(languages);
    let choices = choices.map(|(value, label)| (value.to_owned(), label.to_owned())).collect();
    Field::new(name, "Language of letters", FieldKind::Choice(choices)).optional()
}

/// What is done for a client, and what was agreed on about it.
pub(super) fn engagement() -> [Field; 2] {
    let terms = [("false", "No late fees"), ("true", "Late fees are agreed on")];
    let terms = terms.map(|(name, label)| (name.to_owned(), label.to_owned())).to_vec();
    [
        Field::new(SERVICE_LINES, "What is done for it", FieldKind::Line)
            .optional()
            .hint("Services with a comma between them, such as tax, audit, payroll."),
        Field::new(LATE_FEES, "Terms of the engagement", FieldKind::Choice(terms)).hint(
            "A late fee is charged only where the policy has one and the client's terms allow it.",
        ),
    ]
}

fn changed(asked: &Asked, known: &Profile) -> Result<Profile, Wrong> {
    let name = asked.required("name", "Name", |text| Ok(Personal::new(text)))?;
    let class = asked.required("class", "Policy class", |text| {
        text.parse::<ClassId>().map_err(|error| error.to_string())
    })?;
    let currency = asked.required("currency", "Currency", |text| {
        text.parse::<Currency>().map_err(|error| error.to_string())
    })?;
    let lines = listed(asked.text(SERVICE_LINES)).map(str::parse).collect::<Result<_, _>>();
    let lines = lines.map_err(|error: domain::id::IdError| {
        Wrong::new("service_lines", format!("What is done for it: {error}."))
    })?;
    let jurisdiction = match asked.text(JURISDICTION) {
        "" => None,
        code => Some(
            code.parse::<Jurisdiction>()
                .map_err(|error| Wrong::new("jurisdiction", format!("Jurisdiction: {error}.")))?,
        ),
    };
    let language = match asked.text(LANGUAGE) {
        "" => None,
        tag => Some(tag.parse().map_err(|error: LanguageError| {
            Wrong::new("language", format!("Language of letters: {error}."))
        })?),
    };
    Ok(Profile {
        language,
        jurisdiction,
        name,
        class,
        currency,
        service_lines: lines,
        terms_allow_late_fee: asked.text(LATE_FEES) == "true",
        ..known.clone()
    })
}

async fn tried(visit: &Visit, view: &View, asked: &Asked) -> Result<Result<Tried, Wrong>, Failure> {
    let account = &view.loaded.account;
    let known = &account.profile;
    let new = match changed(asked, known) {
        Ok(new) => new,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if new == *known {
        return Ok(Ok(Tried::refused("Nothing is changed.")));
    }
    let mut will = differences(known, &new);
    if new.class != known.class {
        let policy = visit.desk.firm.policy(&new.class, view.day, visit.desk.now).await;
        let Ok(policy) = policy else {
            let text = format!("Policy class: no policy of class {} is in force.", new.class);
            return Ok(Err(Wrong::new("class", text)));
        };
        will.push(format!("Policy of class {}: {}", new.class, policy.policy.sentence()));
        if account.is_locked() {
            let text = "The portal stays locked under the policy that it was locked by.";
            will.push(text.to_owned());
        }
    }
    let sent = sent(asked, known, &new);
    let foreseen = foresee(visit, &account.client, &Command::ChangeProfile(new)).await?;
    Ok(match foreseen {
        Foreseen::Events(events) => {
            // That it changes was said in full.
            let others = events.iter().filter(|event| !matches!(event, Event::ProfileChanged(_)));
            will.extend(sentences(others));
            Ok(Tried::will(will, sent))
        }
        refused => refused.tried(Vec::new(), |rule| (rule == "LOCK-5").then_some("service_lines")),
    })
}

fn differences(known: &Profile, new: &Profile) -> Vec<String> {
    let lines = |profile: &Profile| {
        let names: Vec<_> = profile.service_lines.iter().map(ServiceLine::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let terms = |profile: &Profile| match profile.terms_allow_late_fee {
        true => "allow late fees".to_owned(),
        false => "no late fees".to_owned(),
    };
    let spoken = |profile: &Profile| {
        profile.language.map_or_else(|| "the firm's".to_owned(), |it| it.words().to_owned())
    };
    let law = |profile: &Profile| {
        profile.jurisdiction.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
    };
    let of = |what: &str, was: String, now: String| {
        (was != now).then(|| format!("{what}: {was} becomes {now}."))
    };
    let all = [
        of("Name", known.name.as_str().to_owned(), new.name.as_str().to_owned()),
        of("Policy class", known.class.to_string(), new.class.to_string()),
        of("Currency", known.currency.to_string(), new.currency.to_string()),
        of("What is done for it", lines(known), lines(new)),
        of("Terms", terms(known), terms(new)),
        of("Jurisdiction", law(known), law(new)),
        of("Language of letters", spoken(known), spoken(new)),
    ];
    all.into_iter().flatten().collect()
}

/// The fields that say something else than what is known.
fn sent(asked: &Asked, known: &Profile, new: &Profile) -> Vec<(&'static str, String)> {
    let changes = [
        ("name", new.name != known.name),
        ("class", new.class != known.class),
        ("currency", new.currency != known.currency),
        (SERVICE_LINES, new.service_lines != known.service_lines),
        (LATE_FEES, new.terms_allow_late_fee != known.terms_allow_late_fee),
        (JURISDICTION, new.jurisdiction != known.jurisdiction),
        (LANGUAGE, new.language != known.language),
    ];
    let changes = changes.into_iter().filter(|(_, is_changed)| *is_changed);
    changes.map(|(name, _)| (name, asked.text(name).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_1_only_what_is_changed_is_sent() {
        let known = serde_json::json!({
            "name": Personal::new("Acme"), "class": "default", "currency": "USD", "service_lines": ["tax"],
        });
        let known: Profile = serde_json::from_value(known).unwrap();
        let as_it_is = [
            ("name", "Acme"),
            ("class", "default"),
            ("currency", "USD"),
            (SERVICE_LINES, "tax"),
            (LATE_FEES, "false"),
            (LANGUAGE, ""),
        ];
        let typed_in = |name: &str, typed: &str| {
            let fields = as_it_is.map(|(known, was)| {
                (known.to_owned(), if known == name { typed } else { was }.to_owned())
            });
            Asked(fields.to_vec())
        };
        for (name, typed, expected) in [
            ("name", "Acme & Co", Some("Name: Acme becomes Acme & Co.")),
            ("class", "vip", Some("Policy class: default becomes vip.")),
            ("currency", "EUR", Some("Currency: USD becomes EUR.")),
            (SERVICE_LINES, "tax,  audit", Some("What is done for it: tax becomes audit, tax.")),
            (SERVICE_LINES, "", Some("What is done for it: tax becomes none.")),
            (LATE_FEES, "true", Some("Terms: no late fees becomes allow late fees.")),
            (LANGUAGE, "es", Some("Language of letters: the firm's becomes Spanish.")),
            ("name", " Acme ", None),
        ] {
            let asked = typed_in(name, typed);
            let new = changed(&asked, &known).unwrap();
            let differences = differences(&known, &new);
            assert_eq!(differences.first().map(String::as_str), expected, "{name}={typed}");
            let sent: Vec<_> = sent(&asked, &known, &new);
            let only = expected.map(|_| (name, typed.to_owned()));
            assert_eq!(sent, only.into_iter().collect::<Vec<_>>(), "{name}={typed}");
        }
        for (name, typed) in
            [("name", " "), ("class", "a#b"), ("currency", "usd"), (SERVICE_LINES, "tax, a#b")]
        {
            let asked = typed_in(name, typed);
            let wrong = changed(&asked, &known).unwrap_err();
            assert_eq!(Some(&*wrong.field), name.split(':').next(), "{typed}");
        }
    }
}

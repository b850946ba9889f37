//! What the firm set: its name, address, colour and picture, changed by an admin and read by everybody; and how
//! far it is set up: where its letters come from, its gateway, its policies, its people.
//!
//! Only what acts stands here. Working days and quiet hours are the policy's, and said with it.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use domain::fee::Jurisdiction;
use domain::id::ClassId;
use domain::letter::Language;
use domain::role::Role;
use services::office::Desk;
use store::{FirmSettings, Grant, MailsReturned};

use super::mail_domain::letters;
use super::policies::path_of;
use crate::brand::Picture;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// What a picture may be, as the API has it.
const PICTURE_HINT: &str = "PNG, JPEG or WebP of up to 2 MB; it is shown 40 pixels high, and kept four times that for fine screens.";

#[derive(Template)]
#[template(path = "console/settings.html")]
struct SettingsPage {
    shell: Shell,
    is_admin: bool,
    name: String,
    mail_from: String,
    reply_to: String,
    postal_address: String,
    phone: String,
    language: String,
    languages: Vec<(&'static str, &'static str)>,
    attach_pdf: bool,
    words: String,
    colour: String,
    swatch: Option<String>,
    logo: Option<Picture>,
    picture_hint: &'static str,
    zone: &'static str,
    currency: String,
    numbering: String,
    ledger: String,
    retention: String,
    retention_years: String,
    jurisdiction: String,
    /// Whether letters leave, and from where; else why not.
    letters: (bool, String),
    gateways: Vec<Gateway>,
    policies: Vec<PolicyLine>,
    staff: Vec<Member>,
}

/// Where clients pay.
struct Gateway {
    name: String,
    is_live: bool,
}

/// Who works here.
struct Member {
    name: String,
    staff: String,
    roles: String,
    /// Whether mails come back from the only address that is known, so that none is sent.
    comes_back: bool,
}

/// What is in force for a class.
struct PolicyLine {
    class: String,
    path: String,
    version: Option<u32>,
    sentence: String,
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let desk = &visit.desk;
    let settings = desk.firm.settings();
    let shell = visit.shell("Settings", "settings");
    // What was typed and refused stands there again.
    let typed = |name: &str, known: Option<&str>| {
        let typed = shell.typed(name);
        if typed.is_empty() { known.unwrap_or_default().to_owned() } else { typed.to_owned() }
    };
    let colour = settings.colour.map(|colour| colour.to_string());
    let gateways = desk.store().endpoints().await?;
    let page = SettingsPage {
        is_admin: visit.may(&[Role::Admin]),
        name: typed("name", Some(&settings.name)),
        mail_from: typed("mail_from:clear", settings.mail_from.as_deref()),
        reply_to: typed("reply_to:clear", settings.reply_to.as_deref()),
        postal_address: typed("postal_address:clear", settings.postal_address.as_deref()),
        phone: typed("phone:clear", settings.phone.as_deref()),
        language: typed("language", Some(settings.language.as_str())),
        languages: Language::ALL.map(|language| (language.as_str(), language.words())).to_vec(),
        attach_pdf: match shell.typed("attach_pdf:bool") {
            "" => settings.attach_pdf,
            typed => typed == "true",
        },
        words: super::wording::standing(&settings.templates, settings.language),
        colour: typed("colour:clear", colour.as_deref()),
        swatch: colour,
        logo: shell.brand.logo.clone(),
        picture_hint: PICTURE_HINT,
        zone: settings.zone.name(),
        currency: settings.currency.code().to_owned(),
        numbering: numbering(settings),
        ledger: ledger(desk),
        retention: super::deletions::years(desk),
        retention_years: typed(
            "retention_years:int",
            Some(&desk.firm.retention_years().to_string()),
        ),
        jurisdiction: typed(
            "jurisdiction:clear",
            settings.jurisdiction.as_ref().map(Jurisdiction::as_str),
        ),
        letters: letters(settings),
        gateways: gateways
            .into_iter()
            .filter(|endpoint| endpoint.closed_at.is_none())
            .map(|endpoint| Gateway {
                name: match endpoint.gateway.as_str().parse::<::gateways::GatewayName>() {
                    Ok(name) => name.title().to_owned(),
                    Err(_) => said::capitalised(endpoint.gateway.as_str()),
                },
                is_live: endpoint.is_live,
            })
            .collect(),
        policies: policies(desk).await?,
        staff: staff(desk).await?,
        shell,
    };
    Ok(render(&page))
}

fn numbering(settings: &FirmSettings) -> String {
    match settings.numbering.last() {
        Some(series) => format!("In a row without a gap, beginning with {}.", series.prefix()),
        None => "As each invoice comes: staff or the import name it.".to_owned(),
    }
}

fn ledger(desk: &Desk) -> String {
    let Some(ledger) = desk.firm.ledger() else {
        return "Kept here.".to_owned();
    };
    let days = said::count(usize::try_from(ledger.fresh_days).unwrap_or(usize::MAX), "day");
    let last = ledger.updated_on.map_or_else(|| "never".to_owned(), said::day);
    let waits = match ledger.is_fresh(desk.day()) {
        true => "",
        false => " It is too old now: notices, demands and locks wait for the next import.",
    };
    format!("Kept elsewhere and imported, at least every {days}; last on {last}.{waits}")
}

async fn policies(desk: &Desk) -> Result<Vec<PolicyLine>, Failure> {
    let documents = desk.store().all_policies().await?;
    let classes: BTreeSet<ClassId> = documents.into_iter().map(|policy| policy.class).collect();
    let mut lines = Vec::new();
    for class in classes {
        let policy = desk.firm.policy(&class, desk.day(), desk.now).await.ok();
        let none = || "No version is in force yet.".to_owned();
        lines.push(PolicyLine {
            path: path_of(&class),
            class: class.to_string(),
            version: policy.as_ref().map(|version| version.id.version),
            sentence: policy.as_ref().map_or_else(none, |version| version.policy.sentence()),
        });
    }
    Ok(lines)
}

async fn staff(desk: &Desk) -> Result<Vec<Member>, Failure> {
    let returned = desk.store().all_mails_returned().await?;
    let member = |grant: &Grant| {
        let roles: Vec<_> = grant.roles.iter().map(|role| said::words(role.as_str())).collect();
        let is_theirs = |known: &MailsReturned| {
            known.staff == grant.staff && grant.mail.as_ref() == Some(&known.address)
        };
        Member {
            name: grant.name.as_str().to_owned(),
            staff: grant.staff.to_string(),
            roles: roles.join(", "),
            comes_back: returned.iter().any(is_theirs),
        }
    };
    Ok(desk.store().grants().await?.iter().map(member).collect())
}

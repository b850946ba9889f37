//! The domain that letters come from (LET-2): which one, the records to copy into the DNS, and how far that is.

use askama::Template;
use axum::response::Response;
use domain::role::Role;
use services::correspondence::{Sender, SetUpError};
use store::{DnsRecord, FirmSettings, MailDomain};

use super::act::{Act, Field, FieldKind};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Where its forms go.
const ADDRESS: &str = "/firm/v1/mail-domain";

#[derive(Template)]
#[template(path = "console/mail_domain.html")]
struct DomainPage {
    shell: Shell,
    is_admin: bool,
    is_test: bool,
    domain: Option<String>,
    is_verified: bool,
    looked_at: Option<String>,
    next: &'static str,
    parts: Vec<Part>,
    begin: Act,
    back: &'static str,
}

/// The records for one purpose.
struct Part {
    title: &'static str,
    why: &'static str,
    rows: Vec<Row>,
}

/// A record.
struct Row {
    kind: String,
    name: String,
    value: String,
    tone: &'static str,
    state: &'static str,
}

impl Row {
    fn of(record: &DnsRecord) -> Self {
        let (tone, state) = match record.state.as_str() {
            "found" => ("open", "found"),
            "waiting" => ("asked", "not found yet"),
            "given_up" => ("locked", "not found in three days"),
            _ => ("on_hold", "nobody looks"),
        };
        Self {
            kind: record.kind.clone(),
            name: record.name.clone(),
            value: record.value.clone(),
            tone,
            state,
        }
    }
}

fn parts(domain: &MailDomain) -> Vec<Part> {
    let part = |purpose: &str, title, why| Part {
        title,
        why,
        rows: domain
            .records
            .iter()
            .filter(|record| record.purpose == purpose)
            .map(Row::of)
            .collect(),
    };
    vec![
        part(
            "dkim",
            "Signature (DKIM)",
            "Letters are signed with these keys, so that nobody else can write in the firm's name. Without them no letter leaves.",
        ),
        part(
            "mail_from",
            "Way back (SPF)",
            "What can't be delivered comes back by this name, and receivers see that it is the firm's. Letters leave without it, but more of them end among unwanted mail.",
        ),
        part(
            "dmarc",
            "What receivers do with others' mail (DMARC)",
            "Large mail providers want one. If the domain has such a record already, keep that one.",
        ),
    ]
    .into_iter()
    .filter(|part| !part.rows.is_empty())
    .collect()
}

/// What is to be done, in a sentence or two (LET-2).
fn next(settings: &FirmSettings, domain: Option<&MailDomain>) -> &'static str {
    let Some(domain) = domain else {
        return match settings.is_test {
            true => {
                "A test firm's letters leave without one, into its mailbox. Here you see how it will be."
            }
            false => {
                "Set up the domain of the firm's own e-mail addresses. Until then letters wait."
            }
        };
    };
    if domain.looked_at.is_none() {
        return "The mail service didn't answer when the domain was set up. Look again.";
    }
    if domain.records.iter().any(|record| record.state == "given_up") {
        return "The mail service has stopped looking. Put the records in, give the domain up, and set it up again.";
    }
    if !domain.is_verified {
        return "Copy the records below to where the domain's DNS is kept, usually where it was bought. Then look again: it may take from minutes to a day. Until then letters wait.";
    }
    match Sender::of(settings) {
        Err(SetUpError::NoAddress) => {
            "It is verified. Say in the settings which address letters come from."
        }
        Err(SetUpError::OtherDomain) => {
            "It is verified, but letters come from an address of another domain: change it in the settings. Until then they wait."
        }
        Err(_) => {
            "It is verified, but the address that letters come from can't be used: change it in the settings."
        }
        Ok(_) => "It is verified: letters leave.",
    }
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let desk = &visit.desk;
    let settings = desk.firm.settings();
    let known = desk.store().mail_domain().await?;
    let zone = settings.zone;
    let of_address = settings.mail_from.as_deref().and_then(|from| from.rsplit_once('@'));
    let proposed = of_address.map_or("", |(_, domain)| domain);
    let field = Field::new("domain", "Domain", FieldKind::Line)
        .hint("What stands after the @ in the firm's own addresses.");
    let page = DomainPage {
        is_admin: visit.may(&[Role::Admin]),
        is_test: settings.is_test,
        next: next(settings, known.as_ref()),
        is_verified: known.as_ref().is_some_and(|known| known.is_verified),
        looked_at: known
            .as_ref()
            .and_then(|known| known.looked_at)
            .map(|at| at.with_timezone(&zone).format("%b %-d, %Y %H:%M").to_string()),
        parts: known.as_ref().map(parts).unwrap_or_default(),
        domain: known.map(|known| known.name),
        begin: Act::new("Set up a domain", "", "Set up", ADDRESS.to_owned())
            .method("put")
            .field(field.value(proposed))
            .said("The domain is taken for the firm: put the records in."),
        back: "/console/settings",
        shell: visit.shell("Domain for letters", "settings"),
    };
    Ok(render(&page))
}

/// Whether letters leave, and from where; else why not, and what to do (LET-2).
pub(super) fn letters(settings: &FirmSettings) -> (bool, String) {
    match (Sender::of(settings), settings.is_test) {
        (Err(error), _) => (false, format!("{}.", said::capitalised(&error.to_string()))),
        (Ok(sender), true) => {
            (true, format!("A test firm's letters, from {}, stay in its mailbox.", sender.from))
        }
        (Ok(sender), false) => (true, format!("Letters come from {}.", sender.from)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn let_2_what_keeps_letters_is_said() {
        let settings = FirmSettings::new("Bea & Partners", chrono_tz::America::New_York);
        let test = FirmSettings { is_test: true, ..settings.clone() };
        let own = settings.clone().sending_from("a@bea.example");
        let bad = FirmSettings { mail_from: Some("bea".to_owned()), ..own.clone() };
        let other = FirmSettings { mail_from: Some("a@pat.example".to_owned()), ..own.clone() };
        let mut waits = own.clone();
        waits.mail_domain.as_mut().unwrap().is_verified = false;
        for (settings, leaves, part) in [
            (&settings, false, "no verified domain"),
            (&test, true, "stay in its mailbox"),
            (&own, true, "a@bea.example"),
            (&bad, false, "not one that mail can use"),
            (&other, false, "not at the firm's domain"),
            (&waits, false, "not verified yet"),
        ] {
            let (is_set_up, sentence) = letters(settings);
            assert_eq!(is_set_up, leaves, "{sentence}");
            assert!(sentence.contains(part) && sentence.ends_with('.'), "{sentence}");
        }
    }

    #[test]
    fn let_2_what_is_to_be_done_is_said_at_each_stage() {
        let firm = FirmSettings::new("Bea & Partners", chrono_tz::America::New_York);
        let own = firm.clone().sending_from("a@bea.example");
        let no_address = FirmSettings { mail_from: None, ..own.clone() };
        let other = FirmSettings { mail_from: Some("a@pat.example".to_owned()), ..own.clone() };
        let taken = MailDomain::new("bea.example");
        let record = |state: &str| DnsRecord {
            purpose: "dkim".to_owned(),
            kind: "CNAME".to_owned(),
            name: "k1._domainkey.bea.example".to_owned(),
            value: "k1.dkim.amazonses.com".to_owned(),
            state: state.to_owned(),
        };
        let looked = |state: &str, is_verified| MailDomain {
            is_verified,
            looked_at: Some("2026-03-02T15:00:00Z".parse().unwrap()),
            records: vec![record(state)],
            ..taken.clone()
        };
        for (settings, domain, expected) in [
            (&firm, None, "Set up the domain"),
            (&firm, Some(taken.clone()), "Look again"),
            (&own, Some(looked("waiting", false)), "Copy the records"),
            (&own, Some(looked("given_up", false)), "stopped looking"),
            (&own, Some(looked("found", true)), "letters leave"),
            (&no_address, Some(looked("found", true)), "which address"),
            (&other, Some(looked("found", true)), "another domain"),
        ] {
            let sentence = next(settings, domain.as_ref());
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}

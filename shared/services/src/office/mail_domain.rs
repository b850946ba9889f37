//! The domain that a firm's letters come from is set up (LET-2): taken for the firm, made at the mail service,
//! looked at again until its records are found, and given up.
//!
//! It is taken in the table first, put only if absent: what is made at the mail service afterwards is made for
//! one firm alone (SEC-1). A process that ends between the two has taken a domain of which nothing is known;
//! setting it up again goes on from there. It is given up the other way round.

use chrono::{DateTime, Utc};
use domain::id::FirmId;
use platform::mail_domains::{
    MailDomainError as PortError, MailDomains, Purpose, RecordState, Standing, TrialDomains,
};
use sha2::{Digest, Sha256};
use store::{DnsRecord, FirmChange, FirmCommit, MailDomain, Platform, StoreError};

use super::policies::meta;
use super::settings::MAX_TRIES;
use crate::execute::Caller;
use crate::firm::Firm;

/// The longest name that the DNS has.
const MAX_NAME: usize = 253;

/// The longest label of one.
const MAX_LABEL: usize = 63;

/// What goes before it in the records' names; with it they must still be names.
const LONGEST_PREFIX: usize = 50;

/// Why a domain was not set up, or not given up.
#[derive(Debug, thiserror::Error)]
pub enum MailDomainError {
    /// It is none that letters can come from.
    #[error(
        "a domain of the firm's own is expected, such as harborpine.example, in ASCII (xn-- for others)"
    )]
    NoName,
    /// It is another firm's, or somebody else's.
    #[error("{0} is set up for somebody else here: whoever runs the system can help")]
    Taken(String),
    /// The firm has another one.
    #[error("letters come from {0}: give that up first")]
    Another(String),
    /// The mail service doesn't take it.
    #[error("the mail service does not take {name} ({code})")]
    Refused {
        /// Which.
        name: String,
        /// Its word.
        code: String,
    },
    /// The mail service is down: once more, later.
    #[error("the mail service can't be asked just now: try again")]
    Down(#[source] PortError),
    /// Others kept being faster.
    #[error("the firm's settings are being changed by others")]
    Busy,
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sets a domain up, or looks how far it is.
///
/// # Errors
/// [`MailDomainError`].
pub async fn set_up(
    firm: &Firm,
    domains: &dyn MailDomains,
    name: &str,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<MailDomain, MailDomainError> {
    let name = parsed(name).ok_or(MailDomainError::NoName)?;
    let is_new = take(firm, &name, caller, now).await?;
    let standing = match port(firm, domains).set_up(&name, &mark(firm.id())).await {
        Ok(standing) => standing,
        Err(error) => {
            // Down: it may have been made, and is looked at when it is set up again.
            if is_new && !matches!(error, PortError::Down(_)) {
                release(firm, &name, caller, now).await?;
            }
            return Err(told(name, error));
        }
    };
    let domain = MailDomain { looked_at: Some(firm.now(now)), ..known(&name, &standing) };
    commit(firm, &FirmChange::MailDomainSet(domain.clone()), caller, now, |taken| {
        taken == Some(&*name)
    })
    .await?;
    Ok(domain)
}

/// Gives the firm's domain up; letters wait from then on. None is given up as well.
///
/// # Errors
/// [`MailDomainError`].
pub async fn give_up(
    firm: &Firm,
    domains: &dyn MailDomains,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), MailDomainError> {
    let Some(known) = firm.store().mail_domain().await? else { return Ok(()) };
    match port(firm, domains).give_up(&known.name, &mark(firm.id())).await {
        // Somebody else's by now: nothing there is ours to delete.
        Ok(()) | Err(PortError::Taken) => release(firm, &known.name, caller, now).await,
        Err(error) => Err(told(known.name, error)),
    }
}

/// A test firm's mail goes nowhere, and so does its domain (TEST-1).
fn port<'a>(firm: &Firm, domains: &'a dyn MailDomains) -> &'a dyn MailDomains {
    if firm.settings().is_test { &TrialDomains } else { domains }
}

/// Which firm, for the mail service: an id may hold what a tag may not.
fn mark(firm: &FirmId) -> String {
    hex::encode(Sha256::digest(format!("mail domain of {firm}").as_bytes()))
}

/// Makes it the firm's; whether it wasn't before.
async fn take(
    firm: &Firm,
    name: &str,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<bool, MailDomainError> {
    let platform = Platform::new(firm.store().dynamo().clone());
    for _ in 0..MAX_TRIES {
        let Some(loaded) = firm.store().load_firm().await? else { break };
        match &loaded.settings.mail_domain {
            Some(known) if known.name == name => return Ok(false),
            Some(known) => return Err(MailDomainError::Another(known.name.clone())),
            None => {}
        }
        let is_test = loaded.settings.is_test;
        if !is_test && platform.firm_of_mail_domain(name).await?.is_some() {
            return Err(MailDomainError::Taken(name.to_owned()));
        }
        let change = FirmChange::MailDomainSet(MailDomain::new(name));
        let meta = meta(firm, "set_up_mail_domain", caller, now);
        if firm.store().change_firm(&loaded, &change, &meta).await? == FirmCommit::Done {
            return Ok(true);
        }
    }
    Err(MailDomainError::Busy)
}

async fn release(
    firm: &Firm,
    name: &str,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), MailDomainError> {
    let change = FirmChange::MailDomainGivenUp { name: name.to_owned() };
    commit(firm, &change, caller, now, |taken| taken == Some(name)).await
}

/// Changes the firm as long as that holds of its domain; else somebody else has settled the matter.
async fn commit(
    firm: &Firm,
    change: &FirmChange,
    caller: &Caller,
    now: DateTime<Utc>,
    holds: impl Fn(Option<&str>) -> bool,
) -> Result<(), MailDomainError> {
    for _ in 0..MAX_TRIES {
        let Some(loaded) = firm.store().load_firm().await? else { break };
        let taken = loaded.settings.mail_domain.as_ref().map(|known| &*known.name);
        if !holds(taken) {
            return Ok(());
        }
        let meta = meta(firm, "set_up_mail_domain", caller, now);
        if firm.store().change_firm(&loaded, change, &meta).await? == FirmCommit::Done {
            return Ok(());
        }
    }
    Err(MailDomainError::Busy)
}

fn told(name: String, error: PortError) -> MailDomainError {
    match error {
        PortError::Taken => MailDomainError::Taken(name),
        PortError::Refused { code } => MailDomainError::Refused { name, code },
        PortError::Down(_) => MailDomainError::Down(error),
    }
}

fn known(name: &str, standing: &Standing) -> MailDomain {
    let purpose = |purpose| match purpose {
        Purpose::Dkim => "dkim",
        Purpose::MailFrom => "mail_from",
        Purpose::Dmarc => "dmarc",
    };
    let state = |state| match state {
        RecordState::Found => "found",
        RecordState::Waiting => "waiting",
        RecordState::GivenUp => "given_up",
        RecordState::NotLookedAt => "not_looked_at",
    };
    let records = standing.records.iter().map(|record| DnsRecord {
        purpose: purpose(record.purpose).to_owned(),
        kind: record.kind.clone(),
        name: record.name.clone(),
        value: record.value.clone(),
        state: state(record.state).to_owned(),
    });
    MailDomain {
        is_verified: standing.is_verified,
        records: records.collect(),
        ..MailDomain::new(name)
    }
}

/// As the DNS has it: in lower case, at least two labels, no address of a machine.
fn parsed(text: &str) -> Option<String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<_> = name.split('.').collect();
    let is_label = |label: &&str| {
        let is_taken = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(is_taken)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_named = labels.last()?.bytes().any(|b| b.is_ascii_lowercase());
    let fits = name.len() + LONGEST_PREFIX <= MAX_NAME;
    (2 <= labels.len() && labels.iter().all(is_label) && is_named && fits).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn let_2_a_domain_is_a_name_of_the_dns() {
        let long = format!("{}.example", "x".repeat(64));
        for (text, expected) in [
            ("bea.example", Some("bea.example")),
            (" Bea.Example. ", Some("bea.example")),
            ("mail.bea-partners.co.uk", Some("mail.bea-partners.co.uk")),
            ("xn--zo-kka.example", Some("xn--zo-kka.example")),
            ("example", None),
            ("192.168.0.1", None),
            ("billing@bea.example", None),
            ("https://bea.example", None),
            ("bea..example", None),
            ("-bea.example", None),
            ("zoë.example", None),
            ("bea.example#x", None),
            (&long, None),
            ("", None),
        ] {
            assert_eq!(parsed(text).as_deref(), expected, "{text}");
        }
    }
}

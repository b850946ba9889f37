//! Who is who at the demo firm, and how each of them gets in.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use domain::people::People;
use domain::role::Role;
use identity::Subject;

use crate::issuer::sign_in::Person;
use crate::issuer::{Claim, Issuer};

/// How long the printed tokens are good.
const TOKEN_HOURS: i64 = 24 * 7;

/// A member of the demo firm's staff.
#[derive(Debug, Clone, Copy)]
pub(super) struct Staff {
    /// The name that is also the id in the audit.
    pub(super) name: &'static str,
    /// As what.
    pub(super) role: Role,
    /// In a word or two.
    what: &'static str,
}

/// Who works at the demo firm.
pub(super) const STAFF: [Staff; 4] = [
    Staff { name: "bea", role: Role::BillingLead, what: "billing lead" },
    Staff { name: "pat", role: Role::Partner, what: "partner" },
    Staff { name: "ada", role: Role::Admin, what: "admin" },
    Staff { name: "pre", role: Role::Preparer, what: "preparer" },
];

/// Where somebody who works there reads mail.
pub(super) fn address(name: &str) -> String {
    format!("{name}@demo.example")
}

/// Who looks after its clients (STAFF-1).
pub(super) fn looking_after() -> Result<People> {
    let named =
        |role| STAFF.iter().find(|staff| staff.role == role).map(|staff| staff.name.parse());
    Ok(People {
        partner: named(Role::Partner).transpose()?,
        billing_lead: named(Role::BillingLead).transpose()?,
        preparers: named(Role::Preparer).transpose()?.into_iter().collect(),
    })
}

/// A person, with what lets them in: staff and clients are printed alike, each with what they have.
#[derive(Debug, Clone)]
pub struct DemoPerson {
    /// Who: a name, or a client's address.
    pub name: String,
    /// Who that is: `billing lead`, or whose contact.
    pub what: String,
    /// What calls the API; clients have none.
    pub token: Option<String>,
    /// What signs in with a browser.
    pub link: Option<String>,
}

/// Everybody who works there, with tokens, and the links by which they sign in to the system at that address.
///
/// # Errors
/// When one can't be signed.
pub fn people(issuer: &Issuer, url: &str, now: DateTime<Utc>) -> Result<Vec<DemoPerson>> {
    let people = STAFF.into_iter().map(|Staff { name, what, .. }| {
        let subject: Subject = name.parse()?;
        let email = address(name);
        let claim = Claim { subject, email, has_second_factor: true };
        let token = issuer.mint_token(&claim, now, TimeDelta::hours(TOKEN_HOURS))?;
        Ok(DemoPerson {
            name: name.to_owned(),
            what: what.to_owned(),
            token: Some(token),
            link: Some(format!("{url}/console/sign-in?login_hint={name}")),
        })
    });
    people.collect()
}

/// Who can sign in as staff.
///
/// # Errors
/// Never: the names are subjects.
pub fn signing_in() -> Result<Vec<Person>> {
    let people = STAFF.into_iter().map(|Staff { name, what, .. }| {
        Ok(Person { subject: name.parse()?, what: what.to_owned() })
    });
    people.collect()
}

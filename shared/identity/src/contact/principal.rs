//! A contact who is signed in, with the clients that it may act for (SEC-1, SEC-3).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::id::{ClientId, ContactId, FirmId};
use domain::role::Actor;
use domain::text::Personal;
use http::StatusCode;

/// A contact whose session the table knows, as it is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactPrincipal {
    /// The firm that everything in this request is bound to.
    pub firm: FirmId,
    /// Who.
    pub contact: ContactId,
    /// The person's name, for people.
    pub called: Personal,
    /// The address that it comes by: it opens those clients that have it.
    pub address: Personal,
    /// The session's name, which opens nothing.
    pub session: String,
    /// When it began: what needs a fresh proof asks this.
    pub signed_in_at: DateTime<Utc>,
    /// For which clients it may act.
    pub clients: BTreeSet<ClientId>,
}

/// Not one of the contact's clients; whether there is such a client isn't said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no client {0} here")]
pub struct NotYours(pub ClientId);

impl NotYours {
    /// What an HTTP caller is told.
    pub fn status(&self) -> StatusCode {
        StatusCode::NOT_FOUND
    }
}

impl ContactPrincipal {
    /// Goes on only with one of the contact's own clients.
    ///
    /// # Errors
    /// [`NotYours`] for every other one, whether or not it is there.
    pub fn require(&self, client: &ClientId) -> Result<(), NotYours> {
        match self.clients.contains(client) {
            true => Ok(()),
            false => Err(NotYours(client.clone())),
        }
    }

    /// Who that is in the audit.
    pub fn actor(&self) -> Actor {
        Actor::Client { contact: Some(self.contact.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_1_a_contact_acts_for_its_own_clients_and_no_other() {
        let client = |id: &str| id.parse::<ClientId>().unwrap();
        let principal = ContactPrincipal {
            firm: "f-1".parse().unwrap(),
            contact: "k-1".parse().unwrap(),
            called: Personal::new("Ann"),
            address: Personal::new("ann@acme.example"),
            session: "s-1".to_owned(),
            signed_in_at: DateTime::UNIX_EPOCH,
            clients: [client("acme"), client("beta")].into(),
        };
        for (id, may) in [("acme", true), ("beta", true), ("Acme", false), ("gamma", false)] {
            assert_eq!(principal.require(&client(id)).is_ok(), may, "for {id}");
        }
        let none = ContactPrincipal { clients: BTreeSet::new(), ..principal };
        let error = none.require(&client("acme")).unwrap_err();
        assert_eq!(error.to_string(), "there is no client acme here");
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
        assert_eq!(none.actor(), Actor::Client { contact: Some("k-1".parse().unwrap()) });
    }
}

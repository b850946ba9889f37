//! Contacts and their sign-in: who comes to the portal, how, and for which clients (SEC-3, SEC-4).
//!
//! Staff invite the person behind one of a client's addresses; one person with one address is one contact in a
//! firm, however many clients it acts for. It comes by a mailed link or a password, and gets a session, which
//! [`session`] turns into the [`ContactPrincipal`](identity::contact::ContactPrincipal) of each request: read
//! again each time, so that what staff take away is gone at once. A contact without a client is let in nowhere.
//!
//! What a stranger may ask answers the same for every address, in words, in what is written and in the work
//! that is done. Links, sessions and tries run by the real clock also where a test firm's own stands still:
//! they are about the person at the browser, not about debts.

mod change;
mod client;
mod erase;
mod errand;
mod error;
mod invite;
mod limits;
mod post;
mod session;
mod sign_in;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::ContactId;
use identity::OpaqueToken;
use identity::contact::{ContactToken, Origin};
use platform::queue::{Queue, QueueMessage};
use store::{AddressHash, ContactLinkKind, ContactMail, Heard};

use crate::execute::Caller;
use crate::firm::Firm;

pub use client::{
    AddressRow, Person, addresses, admit, drop_late, drop_orphans, has_address, of_client,
    remove_address,
};
pub(crate) use erase::{forget_at, forget_client};
pub use errand::{Errand, MailMessage};
pub use error::ContactError;
pub use invite::{
    Invitation, Invited, KEEPERS, end_contact, forget_memberships, invite, take_membership,
};
pub use post::{MailOutcome, SIGN_IN_PATH};
pub use session::{
    SessionRow, end_other_sessions, end_session, end_sessions, end_sessions_of_client, session,
    sessions, sign_out,
};
pub use sign_in::{
    LinkSeen, confirm_link, look_at_link, request_link, set_password, sign_in_with_password,
};

/// How long a link that was asked for can be used (SEC-3).
pub const LINK_VALID: TimeDelta = TimeDelta::minutes(15);

/// How long an invitation can: over a weekend and a few days off, and not until somebody else finds it.
pub const INVITATION_VALID: TimeDelta = TimeDelta::days(7);

/// A session that isn't used ends after that: NIST SP 800-63B's limit where papers like a tax return are shown.
pub const SESSION_IDLE: TimeDelta = TimeDelta::minutes(30);

/// And every session after that, from the same place: a working day.
pub const SESSION_LONGEST: TimeDelta = TimeDelta::hours(12);

/// How many sessions a contact has at once: some machines at home and at work. With them the contact is
/// read for one unit; a new one ends the one that wasn't used for longest.
pub const MAX_SESSIONS: usize = 6;

/// Where somebody signs in.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The network, by which tries are counted.
    pub origin: Origin,
    /// In a few words, for the list of the contact's own sessions: "Firefox on Windows".
    pub device: String,
    /// The request that it came with.
    pub request_id: Option<String>,
}

/// Somebody signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub contact: ContactId,
    /// The session's token, for the cookie and nothing else.
    pub token: ContactToken,
    /// From when on it surely isn't good any more.
    pub ends_at: DateTime<Utc>,
    /// Whether it was the first time: the page offers to set a password.
    pub is_first: bool,
}

/// What carries letters to contacts. The sweeper finds each of them by itself; a queue is only faster.
#[derive(Clone, Default)]
pub struct Postbox {
    queue: Option<Arc<dyn Queue>>,
}

impl Postbox {
    /// The queue of letters.
    pub fn on(queue: Arc<dyn Queue>) -> Self {
        Self { queue: Some(queue) }
    }

    /// How long the queue has before the sweeper looks.
    const HEAD_START: TimeDelta = TimeDelta::minutes(1);

    /// A letter that is to be written.
    fn mail(
        &self,
        address: AddressHash,
        kind: ContactLinkKind,
        now: DateTime<Utc>,
    ) -> Result<ContactMail, ContactError> {
        let id = OpaqueToken::random_128()?.reveal().to_owned();
        let ready_at = if self.queue.is_some() { now + Self::HEAD_START } else { now };
        Ok(ContactMail {
            id,
            address,
            kind,
            asked_at: now,
            ready_at,
            attempts: 0,
            outcome: None,
            heard: Heard::default(),
        })
    }

    /// It is kept by now; should the queue not take it, the sweeper finds it.
    async fn hand_on(&self, firm: &Firm, mail: &ContactMail) {
        let Some(queue) = &self.queue else { return };
        let (firm, address) = (firm.id().clone(), mail.address.clone());
        let message = MailMessage { firm, address, mail: mail.id.clone() };
        let Ok(json) = QueueMessage::json(&message) else { return };
        let group = crate::day::group(&message.firm);
        if let Err(error) = queue.send(vec![json.on_behalf_of(group)]).await {
            let problem = platform::log::chain(&error);
            tracing::warn!(firm.id = %message.firm, "Left a letter to the sweeper: {problem}");
        }
    }
}

/// A contact who acts for itself.
fn itself(contact: &ContactId, request_id: Option<String>) -> Caller {
    let actor = domain::role::Actor::Client { contact: Some(contact.clone()) };
    Caller { actor, request_id }
}

//! Sessions: who makes this request, and what else the same contact has open.
//!
//! A request is answered by one read: the contact and its sessions, strongly consistent. So a session that was
//! ended, a client that was taken away and a contact that may no longer come are gone with the next request.

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ClientId, ContactId, FirmId};
use identity::contact::{ContactPrincipal, ContactToken};
use store::{
    ContactChange, ContactState, Dynamo, LoadedContact, Session, SessionEnd, SignInWay, Store,
};

use super::change::{Act, Decided};
use super::error::ContactError;
use super::invite::require_keeper;
use super::{MAX_SESSIONS, SESSION_IDLE, SESSION_LONGEST, itself};
use crate::execute::Caller;
use crate::firm::Firm;

/// How exactly a session's last use is kept: a write for each request would cost more than the request.
const TOUCH_AFTER: TimeDelta = TimeDelta::minutes(5);

/// The longest description of a machine: six of them and the contact are still one read unit.
const MAX_DEVICE_CHARS: usize = 40;

/// A session in its owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its name, by which it is ended; it opens nothing.
    pub id: String,
    /// How it began.
    pub by: SignInWay,
    /// When.
    pub begun_at: DateTime<Utc>,
    /// When it was used last, to within a few minutes.
    pub seen_at: DateTime<Utc>,
    /// On what.
    pub device: String,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// Who makes a request, by the token that it shows. `of` is the firm that the request is about, where its host
/// says so: a token of another one proves nobody there (SEC-1).
///
/// # Errors
/// [`ContactError::NotSignedIn`], whatever the reason; whatever reading has.
pub async fn session(
    dynamo: &Dynamo,
    of: Option<&FirmId>,
    shown: &str,
    now: DateTime<Utc>,
) -> Result<ContactPrincipal, ContactError> {
    let token = ContactToken::shown(shown).ok_or(ContactError::NotSignedIn)?;
    if of.is_some_and(|firm| firm != token.firm()) {
        return Err(ContactError::NotSignedIn);
    }
    let store = Store::new(dynamo.clone(), token.firm().clone());
    let loaded = store.load_contact(token.contact()).await?.ok_or(ContactError::NotSignedIn)?;
    let session = proved(&loaded, &token, now).ok_or(ContactError::NotSignedIn)?;
    let facts = &loaded.contact.facts;
    if facts.state != ContactState::Active || facts.clients.is_empty() {
        return Err(ContactError::NotSignedIn);
    }
    touch(&store, &loaded.contact.id, session, now).await;
    Ok(ContactPrincipal {
        firm: token.firm().clone(),
        contact: loaded.contact.id.clone(),
        called: facts.called.clone(),
        address: facts.address.clone(),
        session: session.id.clone(),
        signed_in_at: session.begun_at,
        clients: facts.clients.clone(),
    })
}

/// The session that a token is of.
fn proved<'a>(
    loaded: &'a LoadedContact,
    token: &ContactToken,
    now: DateTime<Utc>,
) -> Option<&'a Session> {
    let session = loaded.sessions.iter().find(|session| session.id == token.name())?;
    (token.is_kept_as(&session.hash) && is_live(session, now)).then_some(session)
}

/// Should that fail, the session ends a little earlier.
async fn touch(store: &Store, contact: &ContactId, session: &Session, now: DateTime<Utc>) {
    if now < session.seen_at + TOUCH_AFTER {
        return;
    }
    let kept_until = (now + SESSION_IDLE).min(session.begun_at + SESSION_LONGEST);
    if let Err(error) = store.touch_session(contact, session, now, kept_until).await {
        let problem = platform::log::chain(&error);
        tracing::warn!(firm.id = %store.firm(), "Could not note that a session was used: {problem}");
    }
}

/// Whether it is good at that moment. The table deletes it some time later.
pub(super) fn is_live(session: &Session, now: DateTime<Utc>) -> bool {
    now < session.seen_at + SESSION_IDLE && now < session.begun_at + SESSION_LONGEST
}

/// A session that begins, and what is written of it. Where there are too many, the one that wasn't used for
/// longest ends.
pub(super) fn begin(
    loaded: &LoadedContact,
    token: &ContactToken,
    by: SignInWay,
    device: &str,
    now: DateTime<Utc>,
) -> (Vec<ContactChange>, Session) {
    let mut live: Vec<_> = loaded.sessions.iter().filter(|open| is_live(open, now)).collect();
    live.sort_by_key(|open| (open.seen_at, open.begun_at, open.id.clone()));
    let too_many = (live.len() + 1).saturating_sub(MAX_SESSIONS);
    let displaced = live.into_iter().take(too_many).map(|open| ContactChange::SessionEnded {
        session: open.id.clone(),
        why: SessionEnd::Displaced,
    });
    let session = token.name().to_owned();
    let mut changes: Vec<_> = displaced.collect();
    changes.push(ContactChange::SessionBegun { session: session.clone(), by });
    let device = device.chars().filter(|c| !c.is_control()).take(MAX_DEVICE_CHARS).collect();
    let hash = token.hash().to_string();
    (changes, Session { id: session, hash, by, begun_at: now, seen_at: now, device })
}

/// What the contact has open, used last first.
///
/// # Errors
/// Whatever reading has.
pub async fn sessions(
    firm: &Firm,
    principal: &ContactPrincipal,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, ContactError> {
    let loaded = firm.store().load_contact(&principal.contact).await?;
    let mut sessions = loaded.ok_or(ContactError::NotSignedIn)?.sessions;
    sessions.retain(|session| is_live(session, now));
    sessions.sort_by_key(|session| std::cmp::Reverse((session.seen_at, session.begun_at)));
    let row = |session: Session| SessionRow {
        is_this: session.id == principal.session,
        id: session.id,
        by: session.by,
        begun_at: session.begun_at,
        seen_at: session.seen_at,
        device: session.device,
    };
    Ok(sessions.into_iter().map(row).collect())
}

/// The contact ends one of its sessions; one that isn't there is ended.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn end_session(
    firm: &Firm,
    principal: &ContactPrincipal,
    id: &str,
    request_id: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    end_those(firm, principal, request_id, now, |session| session.id == id).await
}

/// The contact signs out.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn sign_out(
    firm: &Firm,
    principal: &ContactPrincipal,
    request_id: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    end_session(firm, principal, &principal.session, request_id, now).await
}

/// The contact ends all its sessions but this one.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn end_other_sessions(
    firm: &Firm,
    principal: &ContactPrincipal,
    request_id: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    end_those(firm, principal, request_id, now, |session| session.id != principal.session).await
}

async fn end_those(
    firm: &Firm,
    principal: &ContactPrincipal,
    request_id: Option<String>,
    now: DateTime<Utc>,
    which: impl Fn(&Session) -> bool,
) -> Result<(), ContactError> {
    let caller = itself(&principal.contact, request_id);
    let act = Act { firm, caller: &caller, command: "end_sessions", now };
    let ended = |loaded: &LoadedContact| {
        let those =
            loaded.sessions.iter().filter(|session| is_live(session, now) && which(session));
        Ok(Decided::of(those.map(|session| end_of(session, SessionEnd::Contact)).collect(), ()))
    };
    act.on(&principal.contact, ended).await
}

pub(super) fn end_of(session: &Session, why: SessionEnd) -> ContactChange {
    ContactChange::SessionEnded { session: session.id.clone(), why }
}

/// Staff end everything that a contact has open, and the links that it was sent.
///
/// # Errors
/// When it isn't staff with the role for it; whatever reading and writing have.
pub async fn end_sessions(
    firm: &Firm,
    contact: &ContactId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    require_keeper(caller)?;
    end_all(firm, contact, SessionEnd::Staff, caller, now).await
}

/// A client was closed: whoever acts for it signs in anew, to what is left of it (CLOSE-1). Answers how many
/// contacts that are.
///
/// # Errors
/// Whatever reading and writing have; those until then are signed out.
pub async fn end_sessions_of_client(
    firm: &Firm,
    client: &ClientId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<usize, ContactError> {
    let contacts = firm.store().contacts_of(client).await?;
    for contact in &contacts {
        end_all(firm, &contact.id, SessionEnd::Closing, caller, now).await?;
    }
    Ok(contacts.len())
}

async fn end_all(
    firm: &Firm,
    contact: &ContactId,
    why: SessionEnd,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    let act = Act { firm, caller, command: "end_sessions", now };
    // A link may be on its way where no session is open, so this is written in any case.
    let signed_out =
        |_: &LoadedContact| Ok(Decided::of(vec![ContactChange::SignedOut { at: now, why }], ()));
    act.on(contact, signed_out).await
}

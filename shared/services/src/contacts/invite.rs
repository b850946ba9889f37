//! Staff and contacts: who may come, for which clients, and who no longer may (SEC-3).

use chrono::{DateTime, Utc};
use domain::id::{ClientId, ContactId};
use domain::role::Role;
use domain::text::Personal;
use identity::OpaqueToken;
use identity::contact::Address;
use store::{
    AddressHash, ContactChange, ContactLinkKind, ContactState, LoadedContact, MAX_CLIENTS,
    SessionEnd,
};

use super::Postbox;
use super::change::{Act, Decided, MAX_TRIES};
use super::client::is_at;
use super::error::{ContactError, MAX_NAME_CHARS};
use crate::execute::{Caller, jitter, view};
use crate::firm::Firm;

/// Who keeps the contacts: invites them, and takes away what they may.
pub const KEEPERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// Who is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// For which client.
    pub client: ClientId,
    /// By which of the client's addresses.
    pub address: String,
    /// The person's name.
    pub called: String,
}

/// What came of an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// Who.
    pub contact: ContactId,
    /// Where it stands.
    pub state: ContactState,
    /// Whether a letter was sent: whoever has been there needs none.
    pub is_mailed: bool,
}

/// Lets the person behind one of a client's addresses come to the portal for that client. Whoever is known
/// by that address already, through another client, acts for this one too; whoever never came is written to
/// again.
///
/// # Errors
/// When it isn't staff with one of [`KEEPERS`]' roles, or the client hasn't that address, or letters come back
/// from there; whatever reading and writing have.
pub async fn invite(
    firm: &Firm,
    postbox: &Postbox,
    invitation: &Invitation,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Invited, ContactError> {
    require_keeper(caller)?;
    let (address, called) = (invitation.address.parse()?, name(&invitation.called)?);
    require_address(firm, &invitation.client, &address, now).await?;
    let act = Act { firm, caller, command: "invite_contact", now };
    let hash = AddressHash::of(firm.id(), address.as_str());
    let mail = postbox.mail(hash.clone(), ContactLinkKind::Invitation, now)?;
    for tried in 0..MAX_TRIES {
        let loaded = loaded(firm, &hash).await?;
        let mut decided = invited(&loaded, &address, &called, &invitation.client)?;
        if decided.answer.is_mailed {
            decided.mail = Some(mail.clone());
        }
        if act.commit(&loaded, &decided).await? {
            still_there(&act, &invitation.client, &address, &decided.answer.contact).await?;
            if decided.answer.is_mailed {
                postbox.hand_on(firm, &mail).await;
            }
            return Ok(decided.answer);
        }
        tokio::time::sleep(jitter(tried)?).await;
    }
    Err(ContactError::Busy)
}

/// The address may have been taken off the client's list meanwhile; then nobody was invited.
async fn still_there(
    act: &Act<'_>,
    client: &ClientId,
    address: &Address,
    contact: &ContactId,
) -> Result<(), ContactError> {
    let gone = match require_address(act.firm, client, address, act.now).await {
        Ok(()) | Err(ContactError::Bounced(_)) => return Ok(()),
        Err(error) => error,
    };
    if matches!(gone, ContactError::NotOfClient(_) | ContactError::NoClient(_)) {
        take_membership(act.firm, contact, client, act.caller, act.now).await?;
    }
    Err(gone)
}

/// The contact by that address, or one that isn't there yet.
async fn loaded(firm: &Firm, address: &AddressHash) -> Result<LoadedContact, ContactError> {
    let store = firm.store();
    if let Some(id) = store.contact_at(address).await?
        && let Some(loaded) = store.load_contact(&id).await?
    {
        return Ok(loaded);
    }
    let id = format!("k-{}", OpaqueToken::random_128()?.reveal());
    let id = id.parse().map_err(|_| ContactError::Busy)?; // letters and digits always are an id
    Ok(store.new_contact(id))
}

fn invited(
    loaded: &LoadedContact,
    address: &Address,
    called: &Personal,
    client: &ClientId,
) -> Result<Decided<Invited>, ContactError> {
    let facts = &loaded.contact.facts;
    let mut changes = Vec::new();
    let mut state = facts.state;
    let is_mailed = state != ContactState::Active;
    if loaded.is_new() {
        let address = Personal::new(address.as_str());
        changes.push(ContactChange::Invited { address, called: called.clone() });
    } else if is_mailed {
        changes.push(ContactChange::InvitedAgain);
        state = ContactState::Invited;
    }
    if !facts.clients.contains(client) {
        if MAX_CLIENTS <= facts.clients.len() {
            return Err(ContactError::TooManyClients);
        }
        changes.push(ContactChange::MembershipGiven { client: client.clone() });
    }
    let contact = loaded.contact.id.clone();
    Ok(Decided::of(changes, Invited { contact, state, is_mailed }))
}

/// Takes one client away from a contact.
///
/// # Errors
/// When it isn't staff with one of [`KEEPERS`]' roles; whatever reading and writing have.
pub async fn take_membership(
    firm: &Firm,
    contact: &ContactId,
    client: &ClientId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    require_keeper(caller)?;
    let act = Act { firm, caller, command: "take_membership", now };
    let taken = |loaded: &LoadedContact| {
        let change = ContactChange::MembershipTaken { client: client.clone() };
        let is_there = loaded.contact.facts.clients.contains(client);
        Ok(Decided::of(is_there.then_some(change).into_iter().collect(), ()))
    };
    act.on(contact, taken).await
}

/// Takes a client away from all its contacts; answers how many there were.
///
/// # Errors
/// As [`take_membership`] has; what was taken until then is.
pub async fn forget_memberships(
    firm: &Firm,
    client: &ClientId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<usize, ContactError> {
    require_keeper(caller)?;
    let contacts = firm.store().contacts_of(client).await?;
    for contact in &contacts {
        take_membership(firm, &contact.id, client, caller, now).await?;
    }
    Ok(contacts.len())
}

/// A contact may no longer come at all: sessions, links, password and clients are gone.
///
/// # Errors
/// When it isn't staff with one of [`KEEPERS`]' roles; whatever reading and writing have.
pub async fn end_contact(
    firm: &Firm,
    contact: &ContactId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    require_keeper(caller)?;
    let act = Act { firm, caller, command: "end_contact", now };
    let ended = |loaded: &LoadedContact| {
        let changes = match loaded.contact.facts.state {
            ContactState::Ended => Vec::new(),
            ContactState::Invited | ContactState::Active => vec![
                ContactChange::SignedOut { at: now, why: SessionEnd::Staff },
                ContactChange::Ended,
            ],
        };
        Ok(Decided::of(changes, ()))
    };
    act.on(contact, ended).await
}

pub(super) fn require_keeper(caller: &Caller) -> Result<(), ContactError> {
    match caller.actor.has(KEEPERS) {
        true => Ok(()),
        false => Err(ContactError::NotAllowed(KEEPERS)),
    }
}

/// One of the client's addresses, that letters reach.
async fn require_address(
    firm: &Firm,
    client: &ClientId,
    address: &Address,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    let view = view(firm, client, now).await?;
    let view = view.ok_or_else(|| ContactError::NoClient(client.clone()))?;
    let contacts = &view.loaded.account.profile.contacts;
    match contacts.iter().find(|known| is_at(known, address)) {
        None => Err(ContactError::NotOfClient(client.clone())),
        Some(known) if known.is_bounced => Err(ContactError::Bounced(client.clone())),
        Some(_) => Ok(()),
    }
}

pub(super) fn name(text: &str) -> Result<Personal, ContactError> {
    let text = text.trim();
    let is_line = !text.chars().any(char::is_control) && text.chars().nth(MAX_NAME_CHARS).is_none();
    if text.is_empty() || !is_line {
        return Err(ContactError::Name);
    }
    Ok(Personal::new(text))
}

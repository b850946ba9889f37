//! A client's addresses and who comes by them: what staff see and do on the client's page (SEC-3).
//!
//! An address is where letters go; a contact is the person behind one who signs in. Whoever loses the address
//! loses the client: first the way in, then the address, so that a process that ends between the two has let
//! nobody in too long; then whoever was invited meanwhile. By an address that isn't the client's nobody comes
//! ([`has_address`]), so what is left behind there opens nothing.

use chrono::{DateTime, Utc};
use domain::account::{Account, Contact as Letterbox, MAX_CONTACTS};
use domain::command::Command;
use domain::id::ClientId;
use domain::text::Personal;
use identity::contact::Address;
use store::{AddressHash, Contact, ContactMail};

use super::Postbox;
use super::error::ContactError;
use super::invite::{Invitation, Invited, invite, require_keeper, take_membership};
use super::session::is_live;
use crate::execute::{Caller, View, execute_of, view};
use crate::firm::Firm;

/// One of a client's addresses, or one by which somebody still comes.
#[derive(Debug, Clone)]
pub struct AddressRow {
    /// The address.
    pub address: Personal,
    /// Whether letters came back from it (LET-6).
    pub is_bounced: bool,
    /// Whether letters go there: it is on the client's list.
    pub is_listed: bool,
    /// Who comes by it, for this client.
    pub person: Option<Person>,
}

/// A contact, for whoever keeps them.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub contact: Contact,
    /// How many sessions are open.
    pub sessions: usize,
    /// The last letter with a link, and what became of it.
    pub mail: Option<ContactMail>,
}

/// A client's addresses in their order, then whoever comes by another one.
///
/// # Errors
/// Whatever reading has.
pub async fn addresses(
    firm: &Firm,
    view: &View,
    now: DateTime<Utc>,
) -> Result<Vec<AddressRow>, ContactError> {
    let account = &view.loaded.account;
    let mut people = Vec::new();
    for contact in firm.store().contacts_of(&account.client).await? {
        people.push(person(firm, contact, now).await?);
    }
    let mut rows = Vec::new();
    for letterbox in &account.profile.contacts {
        let found = people
            .iter()
            .position(|person| is_among(std::slice::from_ref(letterbox), &person.contact));
        rows.push(AddressRow {
            address: letterbox.address.clone(),
            is_bounced: letterbox.is_bounced,
            is_listed: true,
            person: found.map(|found| people.swap_remove(found)),
        });
    }
    rows.extend(people.into_iter().map(|person| AddressRow {
        address: person.contact.facts.address.clone(),
        is_bounced: false,
        is_listed: false,
        person: Some(person),
    }));
    Ok(rows)
}

async fn person(firm: &Firm, contact: Contact, now: DateTime<Utc>) -> Result<Person, ContactError> {
    let loaded = firm.store().load_contact(&contact.id).await?;
    let sessions = loaded.iter().flat_map(|loaded| &loaded.sessions);
    let sessions = sessions.filter(|session| is_live(session, now)).count();
    let hash = AddressHash::of(firm.id(), contact.facts.address.as_str());
    let mail = firm.store().mails_to(&hash).await?.pop();
    Ok(Person { contact, sessions, mail })
}

/// Whether that is the address, however it is written there.
pub(super) fn is_at(letterbox: &Letterbox, address: &Address) -> bool {
    letterbox.address.as_str().parse().as_ref() == Ok(address)
}

/// Whether a client has the address that somebody comes by. It is asked with each request, of the account that is
/// read anyhow: an invitation that is made while the address is taken away leaves a membership at most.
pub fn has_address(account: &Account, address: &Personal) -> bool {
    let listed = &account.profile.contacts;
    address.as_str().parse().is_ok_and(|own| listed.iter().any(|known| is_at(known, &own)))
}

/// Whether a contact comes by one of those addresses.
fn is_among(listed: &[Letterbox], contact: &Contact) -> bool {
    let address = contact.facts.address.as_str().parse::<Address>();
    address.is_ok_and(|address| listed.iter().any(|letterbox| is_at(letterbox, &address)))
}

/// One of the contacts that act for a client.
///
/// # Errors
/// [`ContactError::NoContact`] for every other one, whether or not it is there (SEC-1).
pub async fn of_client(
    firm: &Firm,
    client: &ClientId,
    id: &domain::id::ContactId,
) -> Result<Contact, ContactError> {
    let mut contacts = firm.store().contacts_of(client).await?.into_iter();
    contacts.find(|contact| contact.id == *id).ok_or_else(|| ContactError::NoContact(id.clone()))
}

/// Invites somebody whose address need not be the client's yet: then it is added to its list.
///
/// # Errors
/// As [`invite`] has; [`ContactError::TooManyAddresses`].
pub async fn admit(
    firm: &Firm,
    postbox: &Postbox,
    invitation: &Invitation,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Invited, ContactError> {
    require_keeper(caller)?;
    // Everything that can be wrong is looked at first: a name that is none adds no address.
    let address: Address = invitation.address.parse()?;
    super::invite::name(&invitation.called)?;
    let known = view(firm, &invitation.client, now).await?;
    let known = known.ok_or_else(|| ContactError::NoClient(invitation.client.clone()))?;
    let listed = &known.loaded.account.profile.contacts;
    let is_same = |known: &Letterbox| is_at(known, &address);
    if !listed.iter().any(is_same) {
        if MAX_CONTACTS <= listed.len() {
            return Err(ContactError::TooManyAddresses);
        }
        let added = |account: &Account| {
            let mut profile = account.profile.clone();
            if !profile.contacts.iter().any(is_same) {
                let address = Personal::new(address.as_str());
                profile.contacts.push(Letterbox { address, is_bounced: false });
            }
            Ok(Command::ChangeProfile(profile))
        };
        execute_of(firm, &invitation.client, &added, caller, now).await?;
    }
    invite(firm, postbox, invitation, caller, now).await
}

/// Removes an address from a client: whoever comes by it comes for this client no more, and no letter goes
/// there. One that isn't there is removed.
///
/// # Errors
/// When it isn't staff with one of the keepers' roles; whatever reading and writing have.
pub async fn remove_address(
    firm: &Firm,
    client: &ClientId,
    address: &str,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    require_keeper(caller)?;
    let known = view(firm, client, now).await?;
    let known = known.ok_or_else(|| ContactError::NoClient(client.clone()))?;
    let parsed = address.parse::<Address>().ok();
    let is_it = |known: &Letterbox| {
        let same = parsed.is_some() && known.address.as_str().parse().ok() == parsed;
        same || known.address.as_str() == address
    };
    let gone = [Letterbox { address: Personal::new(address), is_bounced: false }];
    drop_orphans(firm, client, &gone, &[], caller, now).await?;
    if !known.loaded.account.profile.contacts.iter().any(is_it) {
        return Ok(());
    }
    let removed = |account: &Account| {
        let mut profile = account.profile.clone();
        profile.contacts.retain(|known| !is_it(known));
        Ok(Command::ChangeProfile(profile))
    };
    execute_of(firm, client, &removed, caller, now).await?;
    drop_late(firm, client, &gone, caller, now).await
}

/// Takes the client away from whoever comes by an address that was among those before and is none of those
/// that are kept. Others come by an address to which no letter goes, and stay.
///
/// # Errors
/// When there is one and it isn't staff with one of the keepers' roles; whatever reading and writing have.
pub async fn drop_orphans(
    firm: &Firm,
    client: &ClientId,
    before: &[Letterbox],
    kept: &[Letterbox],
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    for contact in firm.store().contacts_of(client).await? {
        if is_among(before, &contact) && !is_among(kept, &contact) {
            take_membership(firm, &contact.id, client, caller, now).await?;
        }
    }
    Ok(())
}

/// Takes the client away from whoever was invited by an address while it was taken off the list: once more
/// what [`drop_orphans`] does, when it is off. The list is read anew, for the address may be back.
///
/// # Errors
/// As [`drop_orphans`] has.
pub async fn drop_late(
    firm: &Firm,
    client: &ClientId,
    before: &[Letterbox],
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    let known = firm.store().profiles(&[client.clone()].into()).await?;
    let kept = known.get(client).map(|profile| &*profile.contacts).unwrap_or_default();
    drop_orphans(firm, client, before, kept, caller, now).await
}

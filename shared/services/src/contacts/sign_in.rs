//! Signing in: by a link that was mailed, or by a password (SEC-3, SEC-4).
//!
//! A link is looked at by whoever opens it, mail scanners among them, and used by whoever presses the button:
//! the commit that begins the session deletes it, so of two at once one signs in. Asking for a link writes the
//! same for every address. A password is compared also where there is none.

use chrono::{DateTime, Utc};
use domain::id::ContactId;
use domain::text::Personal;
use identity::contact::{Address, ContactPrincipal, ContactToken, Password, PasswordHash};
use store::{
    AddressHash, ContactChange, ContactFacts, ContactLink, ContactLinkKind, ContactState,
    LoadedContact, SessionEnd, SignInWay, StoredPassword,
};

use super::change::{Act, Decided};
use super::error::ContactError;
use super::limits::{Limit, count, give_back};
use super::session::{begin, end_of, is_live};
use super::{LINK_VALID, Postbox, SESSION_LONGEST, SignedIn, Visit, itself};
use crate::firm::Firm;

/// What a link's page shows beside its button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSeen {
    /// Who would sign in.
    pub called: Personal,
    /// Whether it is an invitation.
    pub is_invitation: bool,
    /// Until when it can be used.
    pub ends_at: DateTime<Utc>,
}

/// Somebody asks for a link by mail. That it answers says nothing of the address: who it is for is looked up
/// by whoever writes the letter.
///
/// # Errors
/// [`ContactError::Address`], [`ContactError::Limited`]; whatever writing has.
pub async fn request_link(
    firm: &Firm,
    postbox: &Postbox,
    address: &str,
    visit: &Visit,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    let address: Address = address.parse()?;
    count(Limit::Link, firm, &visit.origin, address.as_str(), now).await?;
    let hash = AddressHash::of(firm.id(), address.as_str());
    let mail = postbox.mail(hash, ContactLinkKind::SignIn, now)?;
    firm.store().add_mail(&mail).await?;
    postbox.hand_on(firm, &mail).await;
    Ok(())
}

/// Looks at a link and changes nothing: for its page, with the button.
///
/// # Errors
/// [`ContactError::LinkUnusable`]; whatever reading has.
pub async fn look_at_link(
    firm: &Firm,
    shown: &str,
    now: DateTime<Utc>,
) -> Result<LinkSeen, ContactError> {
    let (token, link) = known_link(firm, shown, now).await?;
    let loaded = firm.store().load_contact(token.contact()).await?;
    let loaded = loaded.ok_or(ContactError::LinkUnusable)?;
    require_usable(&loaded.contact.facts, &link)?;
    Ok(LinkSeen {
        called: loaded.contact.facts.called,
        is_invitation: link.kind == ContactLinkKind::Invitation,
        ends_at: link.ends_at,
    })
}

/// Uses a link up and signs its reader in; whoever came by an invitation is registered by that.
///
/// # Errors
/// [`ContactError::LinkUnusable`], also for the slower of two at once; whatever reading and writing have.
pub async fn confirm_link(
    firm: &Firm,
    shown: &str,
    visit: &Visit,
    now: DateTime<Utc>,
) -> Result<SignedIn, ContactError> {
    let (token, link) = known_link(firm, shown, now).await?;
    let by = match link.kind {
        ContactLinkKind::Invitation => SignInWay::Invitation,
        ContactLinkKind::SignIn => SignInWay::Link,
    };
    let signed_in = sign_in(firm, token.contact(), by, visit, now, |loaded| {
        require_usable(&loaded.contact.facts, &link)?;
        Ok(Some(link.id.clone()))
    });
    signed_in.await.map_err(|error| match error {
        ContactError::NoContact(_) => ContactError::LinkUnusable,
        error => error,
    })
}

/// A link of this firm that was made, and has not run out.
async fn known_link(
    firm: &Firm,
    shown: &str,
    now: DateTime<Utc>,
) -> Result<(ContactToken, ContactLink), ContactError> {
    let token = ContactToken::shown(shown).filter(|token| token.firm() == firm.id());
    let token = token.ok_or(ContactError::LinkUnusable)?;
    let link = firm.store().contact_link(token.contact(), token.name()).await?;
    let link = link.filter(|link| token.is_kept_as(&link.hash) && now < link.ends_at);
    Ok((token, link.ok_or(ContactError::LinkUnusable)?))
}

/// The contact may come, and nobody took its links back since.
fn require_usable(facts: &ContactFacts, link: &ContactLink) -> Result<(), ContactError> {
    let is_taken_back = facts.signed_out_at.is_some_and(|at| link.made_at <= at);
    match may_come(facts) && !is_taken_back {
        true => Ok(()),
        false => Err(ContactError::LinkUnusable),
    }
}

/// Whoever ended or has no client is let in nowhere.
pub(super) fn may_come(facts: &ContactFacts) -> bool {
    facts.state != ContactState::Ended && !facts.clients.is_empty()
}

/// Signs in by a password.
///
/// # Errors
/// [`ContactError::Refused`], whatever isn't right; [`ContactError::Limited`]; whatever reading and writing
/// have.
pub async fn sign_in_with_password(
    firm: &Firm,
    address: &str,
    password: &str,
    visit: &Visit,
    now: DateTime<Utc>,
) -> Result<SignedIn, ContactError> {
    // What is no address is tried like one that nobody has.
    let address =
        address.parse::<Address>().map_or_else(|_| String::new(), |a| a.as_str().to_owned());
    count(Limit::Password, firm, &visit.origin, &address, now).await?;
    let hash = AddressHash::of(firm.id(), &address);
    let id = firm.store().contact_at(&hash).await?.map_or_else(|| nobody(&hash), Ok)?;
    let loaded = firm.store().load_contact(&id).await?;
    let known = loaded.as_ref().and_then(|loaded| password_of(&loaded.contact.facts));
    let stored = known.map(|known| PasswordHash::stored(&*known.0));
    if !PasswordHash::is_of(stored.as_ref(), Password::shown(password)).await? {
        return Err(ContactError::Refused);
    }
    let signed_in = sign_in(firm, &id, SignInWay::Password, visit, now, |loaded| {
        // Another password meanwhile, or none: this one was the old one.
        match password_of(&loaded.contact.facts) == known {
            true => Ok(None),
            false => Err(ContactError::Refused),
        }
    });
    let signed_in = signed_in.await?;
    give_back(Limit::Password, firm, &visit.origin, &address, now).await;
    Ok(signed_in)
}

/// The password by which a contact may sign in.
fn password_of(facts: &ContactFacts) -> Option<&StoredPassword> {
    let is_active = facts.state == ContactState::Active && may_come(facts);
    facts.password.as_ref().filter(|_| is_active)
}

/// A contact that isn't there: looked for all the same (SEC-4).
fn nobody(address: &AddressHash) -> Result<ContactId, ContactError> {
    address.as_str().parse().map_err(|_| ContactError::Refused) // a hash is always an id
}

/// Begins a session, if the contact still may; `allow` answers with the link that is used up by it.
async fn sign_in(
    firm: &Firm,
    contact: &ContactId,
    by: SignInWay,
    visit: &Visit,
    now: DateTime<Utc>,
    allow: impl Fn(&LoadedContact) -> Result<Option<String>, ContactError>,
) -> Result<SignedIn, ContactError> {
    let token = ContactToken::new(firm.id(), contact)?;
    let caller = itself(contact, visit.request_id.clone());
    let act = Act { firm, caller: &caller, command: "sign_in", now };
    let begun = |loaded: &LoadedContact| {
        let link = allow(loaded)?;
        let is_first = loaded.contact.facts.state == ContactState::Invited;
        let mut changes: Vec<_> =
            is_first.then_some(ContactChange::Registered).into_iter().collect();
        let (session_changes, session) = begin(loaded, &token, by, &visit.device, now);
        changes.extend(session_changes);
        Ok(Decided { session: Some(session), link, ..Decided::of(changes, is_first) })
    };
    let is_first = act.on(contact, begun).await?;
    tracing::info!(firm.id = %firm.id(), contact.id = %contact, by = ?by, "Contact {contact} signed in");
    let ends_at = now + SESSION_LONGEST;
    Ok(SignedIn { contact: contact.clone(), token, ends_at, is_first })
}

/// The contact sets its password; every other session of it ends. The one in use is asked for, but not of
/// whoever signed in by a link a moment ago: that is how a forgotten one is replaced.
///
/// # Errors
/// [`ContactError::Password`], [`ContactError::CurrentPassword`], [`ContactError::Limited`],
/// [`ContactError::NotSignedIn`]; whatever reading and writing have.
pub async fn set_password(
    firm: &Firm,
    principal: &ContactPrincipal,
    current: Option<&str>,
    new: &str,
    visit: &Visit,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    let loaded = firm.store().load_contact(&principal.contact).await?;
    let loaded = loaded.ok_or(ContactError::NotSignedIn)?;
    let facts = &loaded.contact.facts;
    let address: Address = facts.address.as_str().parse()?;
    let new = Password::chosen(new, &address)?;
    if needs_current(&loaded, principal, now)? {
        prove_current(firm, facts, current, visit, now).await?;
    }
    let password = StoredPassword(PasswordHash::of(new).await?.as_str().to_owned());
    let caller = itself(&principal.contact, visit.request_id.clone());
    let act = Act { firm, caller: &caller, command: "set_password", now };
    let set = |again: &LoadedContact| {
        needs_current(again, principal, now)?;
        if again.contact.facts.password != facts.password {
            return Err(ContactError::CurrentPassword); // another one meanwhile
        }
        let others = again.sessions.iter().filter(|session| session.id != principal.session);
        let ended = others.map(|session| end_of(session, SessionEnd::Password));
        let set = ContactChange::PasswordSet { password: password.clone() };
        Ok(Decided::of(std::iter::once(set).chain(ended).collect(), ()))
    };
    act.on(&principal.contact, set).await
}

/// Whether the password in use has to be shown. Nothing is set by a session that ended.
fn needs_current(
    loaded: &LoadedContact,
    principal: &ContactPrincipal,
    now: DateTime<Utc>,
) -> Result<bool, ContactError> {
    let session = loaded.sessions.iter().find(|session| session.id == principal.session);
    let session = session.filter(|session| is_live(session, now));
    let session = session.ok_or(ContactError::NotSignedIn)?;
    let by_link = match session.by {
        SignInWay::Invitation | SignInWay::Link => now < session.begun_at + LINK_VALID,
        SignInWay::Password => false,
    };
    Ok(loaded.contact.facts.password.is_some() && !by_link)
}

async fn prove_current(
    firm: &Firm,
    facts: &ContactFacts,
    current: Option<&str>,
    visit: &Visit,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    let address = facts.address.as_str();
    count(Limit::Password, firm, &visit.origin, address, now).await?;
    let known = facts.password.as_ref().map(|known| PasswordHash::stored(&*known.0));
    let shown = Password::shown(current.unwrap_or_default());
    if !PasswordHash::is_of(known.as_ref(), shown).await? {
        return Err(ContactError::CurrentPassword);
    }
    give_back(Limit::Password, firm, &visit.origin, address, now).await;
    Ok(())
}

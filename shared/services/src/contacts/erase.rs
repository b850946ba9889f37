//! A contact of a client whose personal data are deleted (CLOSE-1): who comes for no other client is deleted as well.
//!
//! What lies beside the contact goes first, so that a process that ends on the way leaves a contact that is found again
//! by its client. From the commit on nobody signs in, and neither name nor address is known any more.

use chrono::{DateTime, Utc};
use domain::id::{ClientId, ContactId};
use domain::role::Actor;
use identity::contact::Address;
use store::{AddressHash, ContactChange, LoadedContact};

use super::change::{Act, Decided};
use super::error::ContactError;
use crate::execute::Caller;
use crate::firm::Firm;

/// Whether the contact comes for that client and no other, or for nobody.
fn is_of(loaded: &LoadedContact, client: &ClientId) -> bool {
    loaded.contact.facts.clients.iter().all(|of| of == client)
}

/// Takes the client from the contact, or deletes the contact with it.
///
/// # Errors
/// Whatever reading and writing have; who calls again goes on.
pub(crate) async fn forget_client(
    firm: &Firm,
    contact: &ContactId,
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    let Some(loaded) = firm.store().load_contact(contact).await? else { return Ok(()) };
    if is_of(&loaded, client) {
        firm.store().erase_beside_contact(&loaded).await?;
    }
    let caller = Caller::new(Actor::Schedule);
    let act = Act { firm, caller: &caller, command: "erase", now };
    let forgotten = |loaded: &LoadedContact| {
        let facts = &loaded.contact.facts;
        let changes = if facts.address.as_str().is_empty() {
            Vec::new() // it was deleted before
        } else if is_of(loaded, client) {
            vec![ContactChange::Erased]
        } else if facts.clients.contains(client) {
            vec![ContactChange::MembershipTaken { client: client.clone() }]
        } else {
            Vec::new()
        };
        Ok(Decided::of(changes, ()))
    };
    act.on(contact, forgotten).await
}

/// Deletes who came by one of those addresses and comes for nobody any more: staff had taken the client away before
/// it was closed.
///
/// # Errors
/// As [`forget_client`] has.
pub(crate) async fn forget_at(
    firm: &Firm,
    addresses: &[String],
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    for address in addresses {
        let Ok(address) = address.parse::<Address>() else { continue };
        let hash = AddressHash::of(firm.id(), address.as_str());
        if let Some(contact) = firm.store().contact_at(&hash).await? {
            let loaded = firm.store().load_contact(&contact).await?;
            if loaded.is_some_and(|loaded| is_of(&loaded, client)) {
                forget_client(firm, &contact, client, now).await?;
            }
        }
    }
    Ok(())
}

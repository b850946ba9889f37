//! Two of the demo firm's contacts, who can come to its portal, with links that sign them in.
//!
//! They are invited once; their links are made anew with each start, for whoever started the system and
//! reads its terminal.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use domain::id::ClientId;
use domain::role::{Actor, Role};
use identity::contact::ContactToken;
use services::contacts::{INVITATION_VALID, Invitation, Postbox, SIGN_IN_PATH, invite};
use services::execute::{Caller, view};
use services::firm::Firm;
use store::{ContactLink, ContactLinkKind};

use super::people::DemoPerson;
use super::{Ground, firm_id};

/// Who comes to the portal: a person's name, and the clients whose address it is.
const CONTACTS: [(&str, &[&str]); 2] =
    [("Ann", &["acme", "acme-homes", "acme-retail"]), ("Garnet", &["garnet"])];

/// Who invites them: the billing lead.
const INVITED_BY: &str = "bea";

/// Each contact, with a link that signs it in.
///
/// # Errors
/// When the table can't be read or written.
pub async fn contacts(ground: &Ground<'_>, now: DateTime<Utc>) -> Result<Vec<DemoPerson>> {
    let firm = Firm::open(ground.dynamo.clone(), firm_id()?).await?;
    let firm = firm.context("the demo firm is gone")?;
    let mut people = Vec::new();
    for (called, clients) in CONTACTS {
        people.extend(contact(ground, &firm, called, clients, now).await?);
    }
    Ok(people)
}

/// None, where somebody took the address away from the client.
async fn contact(
    ground: &Ground<'_>,
    firm: &Firm,
    called: &str,
    clients: &[&str],
    now: DateTime<Utc>,
) -> Result<Option<DemoPerson>> {
    let roles = [Role::BillingLead].into();
    let caller = Caller::new(Actor::Staff { id: INVITED_BY.parse()?, roles });
    let mut invited = None;
    for client in clients {
        let client: ClientId = client.parse()?;
        let Some(view) = view(firm, &client, now).await? else { continue };
        let contacts = &view.loaded.account.profile.contacts;
        let Some(known) = contacts.first().filter(|known| !known.is_bounced) else { continue };
        let address = known.address.as_str().to_owned();
        let of_client = firm.store().contacts_of(&client).await?;
        let known = of_client
            .into_iter()
            .find(|contact| contact.facts.address.as_str().eq_ignore_ascii_case(&address));
        let id = match known {
            Some(contact) => contact.id,
            None => {
                let invitation =
                    Invitation { client, address: address.clone(), called: called.to_owned() };
                invite(firm, &Postbox::default(), &invitation, &caller, now).await?.contact
            }
        };
        invited = Some((id, address));
    }
    let Some((id, address)) = invited else { return Ok(None) };
    let token = ContactToken::new(firm.id(), &id)?;
    let link = ContactLink {
        id: token.name().to_owned(),
        hash: token.hash().to_string(),
        kind: ContactLinkKind::SignIn,
        made_at: now,
        ends_at: now + INVITATION_VALID,
    };
    firm.store().add_contact_link(&id, &link).await?;
    let url = ground.public_url.trim_end_matches('/');
    Ok(Some(DemoPerson {
        name: address,
        what: format!("client: {}", clients.join(", ")),
        token: None,
        link: Some(format!("{url}{SIGN_IN_PATH}{}", token.reveal())),
    }))
}

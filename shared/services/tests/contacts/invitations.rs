//! Who may come, and for which clients.

use std::sync::{Arc, Mutex};

use domain::command::Command;
use domain::role::Role;
use platform::clock::FixedClock;
use services::contacts::{
    ContactError, Invitation, MailOutcome, Postbox, admit, end_contact, forget_memberships,
    look_at_link, remove_address, take_membership,
};
use services::execute::execute;
use services::firm::Firm;
use services::http::RequestId;
use services::portal::Portal;
use store::ContactState;

use crate::common::{acme, profile};
use crate::desk::*;

#[tokio::test]
async fn sec_3_an_invitation_is_a_letter_a_button_and_a_session() {
    let desk = Desk::new().await;
    let invited = desk.invite(&acme(), "  Ann@Acme.example ").await.unwrap();
    assert_eq!((invited.state, invited.is_mailed), (ContactState::Invited, true));
    assert_eq!(desk.deliver(noon()).await, [MailOutcome::Sent]);
    assert!(desk.deliver(minutes(60)).await.is_empty(), "it is done with");
    let sent = desk.post.sent.lock().unwrap()[0].clone();
    assert_eq!((sent.from.as_str(), sent.to.as_str()), ("office@bea.example", ANN));
    assert_eq!(sent.subject, "Bea & Partners invites you to its client portal");
    let token = token_in(&sent);
    // A scanner looks at it as often as it likes.
    for _ in 0..3 {
        let seen = look_at_link(&desk.firm, &token, minutes(10)).await.unwrap();
        assert_eq!((seen.called.as_str(), seen.is_invitation), ("Ann Aldrin", true));
    }
    // Days later, since a link that was asked for would have run out long ago.
    let days = minutes(6 * 24 * 60);
    let signed_in = desk.confirm(&token, days).await.unwrap();
    assert!(signed_in.is_first);
    assert_eq!(signed_in.contact, invited.contact);
    let principal = desk.session(signed_in.token.reveal(), days).await.unwrap();
    assert_eq!((&principal.contact, principal.called.as_str()), (&invited.contact, "Ann Aldrin"));
    assert_eq!(principal.clients, [acme()].into());
    assert!(principal.require(&acme()).is_ok() && principal.require(&beta()).is_err());
    assert_eq!(desk.facts(&invited.contact).await.state, ContactState::Active);
    assert_eq!(kind(desk.confirm(&token, days).await), "LinkUnusable");
    assert_eq!(kind(look_at_link(&desk.firm, &token, days).await), "LinkUnusable");
}

#[tokio::test]
async fn sec_3_one_person_with_one_address_is_one_contact_of_several_clients() {
    let desk = Desk::new().await;
    let joined = desk.joined().await;
    // Known and active: another client, and no letter.
    let again = desk.invite(&beta(), ANN).await.unwrap();
    assert_eq!(again.contact, joined.contact);
    assert_eq!((again.state, again.is_mailed), (ContactState::Active, false));
    assert!(desk.deliver(noon()).await.is_empty());
    let principal = desk.session(joined.token.reveal(), noon()).await.unwrap();
    assert_eq!(principal.clients, [acme(), beta()].into());
    for client in [acme(), beta()] {
        let contacts = desk.firm.store().contacts_of(&client).await.unwrap();
        assert_eq!(contacts.iter().map(|c| &c.id).collect::<Vec<_>>(), [&joined.contact]);
    }
    // Twice is once.
    let before = desk.firm.store().verify_contact(&joined.contact).await.unwrap();
    desk.invite(&beta(), ANN).await.unwrap();
    assert_eq!(desk.firm.store().verify_contact(&joined.contact).await.unwrap(), before);
    // Another address is another person.
    let bob = desk.invite(&acme(), "bob@acme.example").await.unwrap();
    assert_ne!(bob.contact, joined.contact);
    assert_eq!(desk.firm.store().contacts_of(&acme()).await.unwrap().len(), 2);
    let all = desk.firm.store().contacts(&Default::default()).await.unwrap().items;
    assert_eq!(all.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_two_invitations_at_once_make_one_contact() {
    for _ in 0..5 {
        let desk = Desk::new().await;
        let (acme, beta) = (acme(), beta());
        let (one, other) = tokio::join!(desk.invite(&acme, ANN), desk.invite(&beta, ANN));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.contact, other.contact);
        assert_eq!(desk.facts(&one.contact).await.clients, [acme, beta].into());
    }
}

#[tokio::test]
async fn sec_3_who_can_not_be_invited() {
    let desk = Desk::new().await;
    let gamma = "gamma".parse().unwrap();
    for (client, address, expected) in [
        (&acme(), "eve@evil.example", "NotOfClient"),
        (&beta(), "bob@acme.example", "NotOfClient"),
        (&gamma, ANN, "NoClient"),
        (&acme(), "ann", "Address"),
    ] {
        assert_eq!(kind(desk.invite(client, address).await), expected, "for {address}");
    }
    for (role, may) in [
        (Role::Admin, true),
        (Role::BillingLead, true),
        (Role::Partner, true),
        (Role::Preparer, false),
        (Role::Impersonator, false),
    ] {
        let invited = desk.invite_as(&acme(), ANN, &staff(role), noon()).await;
        assert_eq!(invited.is_ok(), may, "for {role:?}");
        if let Err(error) = invited {
            assert_eq!(error.to_string(), "this needs the role admin or billing_lead or partner");
        }
    }
    let mut returned = profile();
    returned.contacts[0].is_bounced = true;
    let command = Command::ChangeProfile(returned);
    execute(&desk.firm, &acme(), &command, &bea(), noon()).await.unwrap();
    assert_eq!(kind(desk.invite(&acme(), ANN).await), "Bounced");
}

#[tokio::test]
async fn sec_3_whoever_never_came_is_written_to_again_and_the_first_letter_still_works() {
    let desk = Desk::new().await;
    let invited = desk.invite(&acme(), ANN).await.unwrap();
    desk.deliver(noon()).await;
    let first = desk.token();
    let again = desk.invite_as(&acme(), ANN, &bea(), minutes(60)).await.unwrap();
    assert_eq!((&again.contact, again.is_mailed), (&invited.contact, true));
    assert_eq!(desk.deliver(minutes(60)).await, [MailOutcome::Sent]);
    let second = desk.token();
    assert_ne!(first, second);
    assert!(desk.confirm(&first, minutes(70)).await.unwrap().is_first);
    // The other one signs in as well, as long as it lasts: it is the same mailbox.
    assert!(!desk.confirm(&second, minutes(70)).await.unwrap().is_first);
    // Invited twice and come meanwhile: the letter that waits isn't sent.
    desk.ask("bob@acme.example", minutes(70)).await.unwrap();
    assert_eq!(desk.deliver(minutes(70)).await, [MailOutcome::Nobody]);
}

#[tokio::test]
async fn sec_1_what_staff_take_away_is_gone_with_the_next_request() {
    let desk = Desk::new().await;
    let joined = desk.joined().await;
    desk.invite(&beta(), ANN).await.unwrap();
    let (firm, id, token) = (&desk.firm, &joined.contact, joined.token.reveal());
    assert_eq!(
        kind(take_membership(firm, id, &acme(), &staff(Role::Preparer), noon()).await),
        "NotAllowed"
    );
    for _ in 0..2 {
        take_membership(firm, id, &acme(), &bea(), noon()).await.unwrap();
    }
    assert_eq!(desk.session(token, noon()).await.unwrap().clients, [beta()].into());
    assert!(firm.store().contacts_of(&acme()).await.unwrap().is_empty());
    // The last client: let in nowhere, by session, link or otherwise.
    assert_eq!(forget_memberships(firm, &beta(), &bea(), noon()).await.unwrap(), 1);
    assert!(!desk.is_in(&joined, noon()).await);
    desk.ask(ANN, noon()).await.unwrap();
    assert_eq!(desk.deliver(noon()).await, [MailOutcome::Nobody]);
    // And back again.
    desk.invite(&acme(), ANN).await.unwrap();
    assert!(desk.is_in(&joined, noon()).await);
}

#[tokio::test]
async fn sec_3_a_contact_that_ended_comes_no_more_until_invited_anew() {
    let desk = Desk::new().await;
    let joined = desk.with_password().await;
    desk.invite(&beta(), ANN).await.unwrap();
    let link = desk.link(ANN, noon()).await;
    assert!(matches!(
        end_contact(&desk.firm, &joined.contact, &staff(Role::Preparer), minutes(1)).await,
        Err(ContactError::NotAllowed(_))
    ));
    for _ in 0..2 {
        end_contact(&desk.firm, &joined.contact, &bea(), minutes(1)).await.unwrap();
    }
    assert!(!desk.is_in(&joined, minutes(1)).await);
    assert_eq!(kind(desk.confirm(&link, minutes(2)).await), "LinkUnusable");
    assert_eq!(kind(desk.password(ANN, PASSWORD, minutes(2)).await), "Refused");
    let facts = desk.facts(&joined.contact).await;
    assert_eq!((facts.state, facts.password, facts.clients.len()), (ContactState::Ended, None, 0));
    assert!(desk.firm.store().contacts_of(&beta()).await.unwrap().is_empty());
    let again = desk.invite_as(&acme(), ANN, &bea(), minutes(3)).await.unwrap();
    assert_eq!((&again.contact, again.is_mailed), (&joined.contact, true));
    assert_eq!(desk.deliver(minutes(3)).await, [MailOutcome::Sent]);
    // What it could do before doesn't come back by itself: neither clients, nor links from before.
    assert_eq!(desk.facts(&joined.contact).await.clients, [acme()].into());
    assert_eq!(kind(desk.confirm(&link, minutes(4)).await), "LinkUnusable");
    assert!(desk.confirm(&desk.token(), minutes(4)).await.unwrap().is_first);
    assert_eq!(kind(desk.password(ANN, PASSWORD, minutes(4)).await), "Refused");
}

/// Ann, who comes for beta, is invited for acme, or taken away from it with her address.
async fn either(firm: &Firm, is_invited: bool) -> Result<(), ContactError> {
    let (client, address) = (acme(), ANN.to_owned());
    if !is_invited {
        return remove_address(firm, &client, &address, &bea(), noon()).await;
    }
    let invitation = Invitation { client, address, called: "Ann Aldrin".to_owned() };
    admit(firm, &Postbox::default(), &invitation, &bea(), noon()).await.map(|_| ())
}

#[tokio::test]
async fn sec_3_by_an_address_that_goes_while_its_person_is_invited_nobody_comes() {
    let mut boundaries = 0;
    for (is_invited, ends) in [(true, false), (false, false), (true, true), (false, true)] {
        for boundary in 0.. {
            let desk = Desk::new().await;
            desk.invite(&beta(), ANN).await.unwrap();
            let ann = desk.link_of_invitation().await;
            let (other, firm) = (desk.dynamo.clone(), desk.firm.id().clone());
            let act = async move {
                let firm = Firm::open(other, firm).await.unwrap().unwrap();
                let done = either(&firm, !is_invited).await;
                assert!(matches!(done, Ok(()) | Err(ContactError::NotOfClient(_))), "{done:?}");
            };
            let meanwhile = Arc::new(Meanwhile {
                left: Mutex::new((boundary, Some(Box::pin(act)))),
                ends: ends.then(Default::default),
            });
            let slow = desk.dynamo.with_faults(meanwhile.clone());
            let slowly = async {
                let firm = Firm::open(slow, desk.firm.id().clone()).await.unwrap().unwrap();
                either(&firm, is_invited).await
            };
            tokio::select! {
                done = slowly => {
                    assert!(matches!(done, Ok(()) | Err(ContactError::NotOfClient(_))), "{done:?}");
                }
                () = ended(&meanwhile) => {}
            }
            let at = format!("{is_invited} {ends} {boundary}");
            let profiles = desk.firm.store().profiles(&[acme()].into()).await.unwrap();
            let listed = &profiles[&acme()].contacts;
            let is_listed = listed.iter().any(|known| known.address.as_str() == ANN);
            let portal = Portal::new(desk.dynamo.clone(), Arc::new(FixedClock::at(noon())), None);
            let ann = portal.enter(ann.token.reveal(), &RequestId("r-9".to_owned())).await.unwrap();
            assert!(ann.view(&beta()).await.is_ok(), "{at}: the other client stays");
            assert!(is_listed || ann.view(&acme()).await.is_err(), "{at}: comes without address");
            assert!(is_listed || ann.views().await.unwrap().len() == 1, "{at}");
            let acting = desk.firm.store().contacts_of(&acme()).await.unwrap();
            assert!(is_listed || acting.is_empty() || ends, "{at}: left behind");
            if !meanwhile.is_done() {
                break;
            }
            boundaries += 1;
        }
    }
    assert!(40 < boundaries, "{boundaries} boundaries");
}

async fn ended(meanwhile: &Meanwhile) {
    match &meanwhile.ends {
        Some(ended) => ended.notified().await,
        None => std::future::pending().await,
    }
}

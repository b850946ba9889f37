//! A closed client's personal data are deleted: nothing of them is left anywhere, the chains verify, a death on the way
//! ends the same, and a restored table deletes them again (CLOSE-1).

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use domain::account::Closed;
use domain::apply::fold;
use domain::command::Command;
use domain::event::Event;
use domain::id::{ClientId, ContactId};
use domain::letter::LetterId;
use domain::note::NoteKind;
use domain::text::Personal;
use services::day::evaluate;
use services::execute::execute;
use services::firm::Firm;
use services::retention::{deletions, go_on};
use store::{
    AddressHash, Chain, ClientState, Derived, Dynamo, PageRequest, PayLink, Replayed, SentLetter,
    Store, Verdict, Waiting, Words,
};

use crate::common::{acme, at, embedded, firm as firm_id, meta};
use crate::desk::*;
use crate::end_at::EndAt;
use crate::office::{issue, pat, reopened};

/// What must be nowhere when acme is deleted.
const SECRETS: [&str; 6] =
    ["ann@acme", "bob@acme", "Ann Aldrin", "mourning", "vanished", "Dear Ann"];

/// Seven years and a day after the engagement ended on March 2, 2026, at noon in New York.
fn due() -> DateTime<Utc> {
    at("2033-03-03T17:00:00Z")
}

type Items = BTreeMap<(String, String), HashMap<String, AttributeValue>>;

/// All items of those partitions.
async fn items(dynamo: &Dynamo, partitions: &[String]) -> Items {
    let mut all = Items::new();
    for pk in partitions {
        let query = dynamo.client().query().table_name(dynamo.table());
        let query = query.key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.clone()));
        for item in query.send().await.unwrap().items.unwrap() {
            let part = |name: &str| item[name].as_s().unwrap().clone();
            all.insert((part("pk"), part("sk")), item);
        }
    }
    all
}

/// Acme's partitions: its own, its contact's, that of the address, of the invoice, and the link's.
fn partitions(contact: &ContactId) -> Vec<String> {
    let address = AddressHash::of(&firm_id(), ANN);
    vec![
        "F#f-1#C#acme".to_owned(),
        format!("F#f-1#U#{contact}"),
        format!("F#f-1#V#{}", address.as_str()),
        "F#f-1#N#A-1".to_owned(),
        format!("J#{LINK}"),
    ]
}

/// The hash of a letter's link.
const LINK: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// The engagement ended, whoever proposed it.
async fn close(firm: &Firm, client: &ClientId) {
    let loaded = firm.store().load(client).await.unwrap().unwrap();
    let closed = Closed {
        on: "2026-03-02".parse().unwrap(),
        by: "pat".parse().unwrap(),
        put_off: None,
        erased: None,
    };
    let events = [Event::ClientClosed(closed)];
    let after = fold(loaded.account.clone(), &events);
    let ready_at = |_: &_| None;
    let derived = Derived {
        next_evaluation: None,
        shards: 2,
        ready_at: &ready_at,
        charge_at: Default::default(),
    };
    firm.store().commit(&loaded, &after, &events, &meta("close"), &derived).await.unwrap();
}

/// Ann came for acme, of whom there are a note, a letter with a link, and an invoice that was given up.
async fn scene() -> (Desk, ContactId) {
    let desk = Desk::new().await;
    let joined = desk.with_password().await;
    leave(desk, joined.contact).await
}

/// The same, of somebody who never set a password: hashing one takes longer than all the rest.
async fn spare_scene() -> (Desk, ContactId) {
    let desk = Desk::new().await;
    let joined = desk.joined().await;
    leave(desk, joined.contact).await
}

async fn leave(desk: Desk, contact: ContactId) -> (Desk, ContactId) {
    let (firm, now) = (&desk.firm, noon());
    let note = Command::AddNote {
        kind: NoteKind::Note,
        invoice: None,
        text: Personal::new("She is in mourning"),
    };
    execute(firm, &acme(), &note, &bea(), now).await.unwrap();
    execute(firm, &acme(), &issue("A-1", 10_000), &bea(), now).await.unwrap();
    let reason = Personal::new("They vanished");
    let write_off = Command::WriteOff { invoice: "A-1".parse().unwrap(), reason };
    execute(firm, &acme(), &write_off, &pat(), now).await.unwrap();
    let letter = LetterId(77);
    let sent = SentLetter {
        message_id: "<77@bea.example>".to_owned(),
        from: "office@bea.example".to_owned(),
        to: Personal::new(ANN),
        reply_to: "office@bea.example".to_owned(),
        dated: now,
        subject: Personal::new("Dear Ann"),
        words: Words::if_short("Dear Ann", "<p>Dear Ann</p>"),
        sha256: "00".to_owned(),
        attempts: 1,
        attempted_at: now,
        doubts: 0,
        is_unsent: false,
        link: Some(LINK.to_owned()),
        template: None,
        paper: None,
        within: None,
        together: Vec::new(),
    };
    assert!(firm.store().keep_letter(&acme(), letter, &sent).await.unwrap());
    let link = PayLink {
        hash: LINK.to_owned(),
        client: acme(),
        letter: Some(letter),
        made_by: None,
        invoices: ["A-1".parse().unwrap()].into(),
        made_on: "2026-03-02".parse().unwrap(),
        revoked_at: None,
    };
    assert!(firm.store().add_pay_link(&link).await.unwrap());
    close(firm, &acme()).await;
    (desk, contact)
}

/// What the sweeper would find to do of deletions, done.
async fn sweep(firm: &Firm, dynamo: &Dynamo) -> u32 {
    let mut done = 0;
    for waiting in store::Platform::new(dynamo.clone()).waiting(due(), 100).await.unwrap() {
        if let Waiting::Erasure { client, .. } = waiting {
            go_on(firm, &client, due()).await.unwrap();
            done += 1;
        }
    }
    done
}

fn secrets_in(items: &Items) -> Vec<&'static str> {
    let all = format!("{items:?}");
    SECRETS.into_iter().filter(|secret| all.contains(secret)).collect()
}

/// Nothing is left of acme, and what stays verifies.
async fn is_gone(firm: &Firm, dynamo: &Dynamo, contact: &ContactId, at: &str) {
    let left = items(dynamo, &partitions(contact)).await;
    assert_eq!(secrets_in(&left), [""; 0], "{at}");
    let keys: Vec<_> = left.keys().map(|(pk, sk)| format!("{pk} {sk}")).collect();
    for gone in [" N#", " B#", " O#", " U#", " K#", " A#S#", " Z", "J#"] {
        assert!(!keys.iter().any(|key| key.contains(gone)), "{at}: {gone} in {keys:?}");
    }
    let verdict = firm.store().verify(&acme()).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { records } if 5 < records), "{at}: {verdict}");
    let verdict = firm.store().verify_contact(contact).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { .. }), "{at}: {verdict}");
}

#[tokio::test]
async fn close_1_nothing_of_a_deleted_client_is_left_and_its_chain_verifies() {
    let (desk, contact) = scene().await;
    let (firm, store) = (&desk.firm, desk.firm.store());
    let before = items(&desk.dynamo, &partitions(&contact)).await;
    assert_eq!(secrets_in(&before), SECRETS, "they are there to be deleted");
    let listed = deletions(firm, &PageRequest { cursor: None, limit: 10 }, noon()).await.unwrap();
    let [planned] = &listed.items[..] else { panic!("{listed:?}") };
    assert_eq!(planned.deletes_on, "2033-03-03".parse().unwrap());
    assert!(planned.kept_for.is_empty(), "{planned:?}");

    // The day before, nothing happens but that the client is looked at on its day.
    let early = evaluate(firm, &acme(), at("2033-03-02T17:00:00Z")).await.unwrap();
    assert_eq!((early.events.len(), early.next_evaluation), (0, Some(planned.deletes_on)));

    let erased = evaluate(firm, &acme(), due()).await.unwrap();
    let gone = erased.events.iter().find_map(|event| match event {
        Event::ClientErased(erased) => Some(erased.gone),
        _ => None,
    });
    let gone = gone.unwrap();
    assert_eq!((gone.notes, gone.contacts), (1, 1));
    assert_eq!(erased.next_evaluation, None);
    // From the commit on nobody comes in, and nobody finds the name.
    assert!(desk.password(ANN, PASSWORD, due()).await.is_err());
    let page = PageRequest { cursor: None, limit: 10 };
    let rows = store.clients(Some(ClientState::Deleted), &page).await.unwrap().items;
    assert_eq!(rows[0].name.as_str(), "Deleted client");

    assert_eq!(sweep(firm, &desk.dynamo).await, 1);
    assert_eq!(sweep(firm, &desk.dynamo).await, 0, "it is done");
    is_gone(firm, &desk.dynamo, &contact, "swept").await;
    // The record says who, when and what, and holds no text.
    let records = store.records(&acme(), store::Order::Newest, &page).await.unwrap().items;
    let last = &records[0];
    assert_eq!((last.body.command.as_str(), last.body.rule.as_deref()), ("erase", Some("CLOSE-1")));
    assert_eq!(last.body.actor, domain::role::Actor::Schedule);
    // Ann's other client and everybody else's words stay.
    let other = store.load(&beta()).await.unwrap().unwrap().account;
    assert_eq!(other.profile.contacts.len(), 1);
    // Twice is once, and nothing more is written but money.
    assert_eq!(evaluate(firm, &acme(), due()).await.unwrap().events, []);
    let note = Command::AddNote { kind: NoteKind::Note, invoice: None, text: Personal::new("x") };
    assert!(execute(firm, &acme(), &note, &bea(), due()).await.is_err());
}

#[tokio::test]
async fn close_1_an_edit_of_a_deleted_clients_record_is_found() {
    let (desk, contact) = scene().await;
    evaluate(&desk.firm, &acme(), due()).await.unwrap();
    sweep(&desk.firm, &desk.dynamo).await;
    let all = items(&desk.dynamo, &partitions(&contact)).await;
    let key = ("F#f-1#C#acme".to_owned(), "E#0000000003".to_owned());
    let mut forged = all[&key].clone();
    let body = forged["body"].as_s().unwrap().replace("bea", "pat");
    forged.insert("body".to_owned(), AttributeValue::S(body));
    let put = desk.dynamo.client().put_item().table_name(desk.dynamo.table());
    put.set_item(Some(forged)).send().await.unwrap();
    let verdict = desk.firm.store().verify(&acme()).await.unwrap();
    assert_eq!(verdict.to_string(), "record 3 was changed");
}

#[tokio::test]
async fn close_1_a_contact_of_two_clients_keeps_the_other() {
    let (desk, contact) = scene().await;
    desk.invite(&beta(), ANN).await.unwrap();
    evaluate(&desk.firm, &acme(), due()).await.unwrap();
    sweep(&desk.firm, &desk.dynamo).await;
    let facts = desk.facts(&contact).await;
    assert_eq!((facts.address.as_str(), facts.clients), (ANN, [beta()].into()));
    assert!(desk.password(ANN, PASSWORD, due()).await.is_ok());
}

#[tokio::test]
async fn close_1_a_death_at_any_moment_ends_the_same() {
    let mut boundaries = 0;
    loop {
        let (desk, contact) = spare_scene().await;
        let end = std::sync::Arc::new(EndAt {
            boundary: boundaries,
            passed: Default::default(),
            ended: Default::default(),
        });
        let dying = desk.dynamo.with_faults(end.clone());
        let deletes = async {
            let firm = reopened(&dying).await;
            evaluate(&firm, &acme(), due()).await.unwrap();
            sweep(&firm, &dying).await;
        };
        let is_over = tokio::select! {
            () = deletes => true,
            () = end.ended.notified() => false,
        };
        // The next day's run, and whoever sweeps.
        let firm = reopened(&desk.dynamo).await;
        evaluate(&firm, &acme(), due()).await.unwrap();
        sweep(&firm, &desk.dynamo).await;
        is_gone(&firm, &desk.dynamo, &contact, &format!("boundary {boundaries}")).await;
        if is_over {
            break;
        }
        boundaries += 1;
    }
    assert!(30 < boundaries, "{boundaries} boundaries");
}

/// Puts those records of the chains into another table.
async fn replay(from: &Store, to: &Store, records: &[(Chain, u64, u64)]) {
    for (chain, first, last) in records {
        for record in from.chain_records(chain, *first, *last).await.unwrap() {
            let record = record.map_err(|(_, error)| error).unwrap();
            let replayed = to.replay(&record, Some(from), 2, noon()).await.unwrap();
            assert!(matches!(replayed, Replayed::Done(_)), "{record:?}");
        }
    }
}

#[tokio::test]
async fn close_1_a_restored_table_does_not_bring_a_deleted_client_back() {
    let (desk, contact) = scene().await;
    let store = desk.firm.store();
    let end = async |chain: &Chain| store.chain_end(chain).await.unwrap().unwrap().0;
    let (of_client, of_contact) = (Chain::Client(acme()), Chain::Contact(contact.clone()));
    let firm = end(&Chain::Firm).await;
    let (client, person) = (end(&of_client).await, end(&of_contact).await);
    // A table as it was before: with all texts.
    let restored = embedded().await;
    let to = Store::new(restored.clone(), firm_id());
    let before =
        [(Chain::Firm, 1, firm), (of_client.clone(), 1, client), (of_contact.clone(), 1, person)];
    replay(store, &to, &before).await;
    let there = items(&restored, &partitions(&contact)).await;
    assert!(secrets_in(&there).contains(&"mourning"), "{there:?}");
    // Meanwhile the client was deleted; the archive tells the restored table.
    evaluate(&desk.firm, &acme(), due()).await.unwrap();
    sweep(&desk.firm, &desk.dynamo).await;
    let (client_now, person_now) = (end(&of_client).await, end(&of_contact).await);
    let after = [(of_client, client + 1, client_now), (of_contact, person + 1, person_now)];
    replay(store, &to, &after).await;
    let firm = reopened(&restored).await;
    assert_eq!(sweep(&firm, &restored).await, 1, "it is to be deleted here as well");
    is_gone(&firm, &restored, &contact, "restored").await;
}

//! What a contact's chain says, what it doesn't, and that a change of it is found (AUD-1, SEC-5).

use aws_sdk_dynamodb::types::AttributeValue;
use domain::role::Actor;
use services::contacts::{end_contact, end_sessions, set_password, sign_out, take_membership};
use store::{Breach, ContactChange, PageRequest, Verdict};

use crate::common::acme;
use crate::desk::*;

#[tokio::test]
async fn aud_1_every_change_of_a_contact_is_a_record_of_its_chain() {
    let desk = Desk::new().await;
    let joined = desk.with_password().await;
    let (firm, id) = (&desk.firm, joined.contact.clone());
    desk.invite(&beta(), ANN).await.unwrap();
    let second = desk.password(ANN, PASSWORD, minutes(1)).await.unwrap();
    let principal = desk.session(second.token.reveal(), minutes(1)).await.unwrap();
    set_password(firm, &principal, Some(PASSWORD), "battery staple", &visit(), minutes(1))
        .await
        .unwrap();
    sign_out(firm, &principal, None, minutes(2)).await.unwrap();
    take_membership(firm, &id, &beta(), &bea(), minutes(3)).await.unwrap();
    end_sessions(firm, &id, &bea(), minutes(4)).await.unwrap();
    // Neither what fails nor what was done before writes one.
    assert!(desk.password(ANN, PASSWORD, minutes(5)).await.is_err());
    take_membership(firm, &id, &beta(), &bea(), minutes(5)).await.unwrap();
    end_contact(firm, &id, &bea(), minutes(6)).await.unwrap();
    end_contact(firm, &id, &bea(), minutes(6)).await.unwrap();
    let records = firm.store().contact_records(&id, &PageRequest::default()).await.unwrap().items;
    let ann = ann_itself(&id);
    let story: Vec<_> = records
        .iter()
        .map(|record| {
            let events = record.body.events.iter();
            let names = events.map(|event| match event {
                serde_json::Value::String(name) => name.clone(),
                event => event.as_object().unwrap().keys().next().unwrap().clone(),
            });
            (
                record.body.command.as_str(),
                record.body.actor == ann,
                names.collect::<Vec<_>>().join(" "),
            )
        })
        .collect();
    let story: Vec<_> = story.iter().map(|(a, b, c)| (*a, *b, c.as_str())).collect();
    assert_eq!(
        story,
        [
            ("invite_contact", false, "invited membership_given"),
            ("sign_in", true, "registered session_begun"),
            ("set_password", true, "password_set"),
            ("invite_contact", false, "membership_given"),
            ("sign_in", true, "session_begun"),
            ("set_password", true, "password_set session_ended"),
            ("end_sessions", true, "session_ended"),
            ("take_membership", false, "membership_taken"),
            ("end_sessions", false, "signed_out"),
            ("end_contact", false, "signed_out ended"),
        ]
    );
    assert!(matches!(&records[0].body.actor, Actor::Staff { id, .. } if id.as_str() == "bea"));
    assert_eq!(records[1].body.request_id.as_deref(), Some("r-9"));
    assert_eq!(firm.store().verify_contact(&id).await.unwrap(), Verdict::Whole { records: 10 });
    // The whole story, folded, is the contact.
    let mut contact = firm.store().new_contact(id.clone()).contact;
    for event in records.iter().flat_map(|record| &record.body.events) {
        let change: ContactChange = serde_json::from_value(event.clone()).unwrap();
        contact.apply(&change);
    }
    assert_eq!(contact.facts, desk.facts(&id).await);
}

#[tokio::test]
async fn sec_5_no_token_password_or_address_stands_in_the_chain_or_beside_it_in_the_clear() {
    let desk = Desk::new().await;
    let joined = desk.with_password().await;
    let link = desk.link(ANN, noon()).await;
    let store = desk.firm.store();
    let records =
        store.contact_records(&joined.contact, &PageRequest::default()).await.unwrap().items;
    let chain: String = records.iter().map(|record| record.stored.as_str()).collect();
    let facts = desk.facts(&joined.contact).await;
    let hash = facts.password.unwrap().0;
    for secret in ["ann@", "Ann Aldrin", hash.as_str(), "argon2", PASSWORD, "Firefox"] {
        assert!(!chain.contains(secret), "{secret} in {chain}");
    }
    let everything = format!("{:?}", items(&desk, &joined).await);
    let secret = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    for secret in [PASSWORD.to_owned(), secret(&link), secret(joined.token.reveal())] {
        assert!(!everything.contains(&secret), "{secret}");
    }
    assert!(everything.contains("argon2id"), "the head has it: these are the items");
}

async fn items(
    desk: &Desk,
    signed_in: &services::contacts::SignedIn,
) -> Vec<std::collections::HashMap<String, AttributeValue>> {
    let mut all = Vec::new();
    let address = desk.hash(ANN);
    for pk in [format!("F#f-1#U#{}", signed_in.contact), format!("F#f-1#V#{}", address.as_str())] {
        let query = desk.dynamo.client().query().table_name(desk.dynamo.table());
        let query = query.key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(pk));
        all.extend(query.send().await.unwrap().items.unwrap());
    }
    all
}

#[tokio::test]
async fn aud_1_a_byte_that_was_changed_in_a_contact_s_chain_is_found() {
    let desk = Desk::new().await;
    let joined = desk.joined().await;
    let store = desk.firm.store();
    assert_eq!(store.verify_contact(&joined.contact).await.unwrap(), Verdict::Whole { records: 2 });
    let nobody = "k-nobody".parse().unwrap();
    assert_eq!(store.verify_contact(&nobody).await.unwrap(), Verdict::Whole { records: 0 });
    let original = items(&desk, &joined).await;
    let record = |sk: &str| {
        original.iter().find(|item| item["sk"] == AttributeValue::S(sk.to_owned())).unwrap().clone()
    };
    let put = async |item: std::collections::HashMap<String, AttributeValue>| {
        let put = desk.dynamo.client().put_item().table_name(desk.dynamo.table());
        put.set_item(Some(item)).send().await.unwrap();
    };
    let first = record("E#0000000001");
    let mut forged = first.clone();
    let body = first["body"].as_s().unwrap().replace("bea", "pat");
    forged.insert("body".to_owned(), AttributeValue::S(body));
    put(forged).await;
    let found = store.verify_contact(&joined.contact).await.unwrap();
    assert_eq!(found.to_string(), "record 1 was changed");
    put(first).await;
    // The head, with a password that nobody set: not of the chain, but its end is.
    let mut head = record("A");
    head.insert("records".to_owned(), AttributeValue::N("1".to_owned()));
    put(head).await;
    let found = store.verify_contact(&joined.contact).await.unwrap();
    assert!(matches!(found, Verdict::Broken(Breach::Chain(_))), "{found:?}");
    put(record("A")).await;
    assert_eq!(store.verify_contact(&joined.contact).await.unwrap(), Verdict::Whole { records: 2 });
    assert_eq!(desk.firm.store().contacts_of(&acme()).await.unwrap().len(), 1);
}

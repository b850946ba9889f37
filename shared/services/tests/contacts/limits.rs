//! How often may be tried, and that no answer tells who is there (SEC-4).

use chrono::{DateTime, TimeDelta, Utc};
use services::contacts::{
    ContactError, MailMessage, Postbox, request_link, set_password, sign_in_with_password,
};
use services::firm::Firm;
use store::{Attempt, Consumed, Platform, Rate, Tried};

use crate::common::firm as firm_id;
use crate::desk::*;

fn limited<T: std::fmt::Debug>(result: Result<T, ContactError>) -> Option<TimeDelta> {
    match result {
        Err(ContactError::Limited { retry_after }) => Some(retry_after),
        Ok(_) | Err(ContactError::Refused) => None,
        Err(error) => panic!("{error:?}"),
    }
}

async fn tries(
    desk: &Desk,
    address: &str,
    password: &str,
    network: &str,
    now: DateTime<Utc>,
) -> Option<TimeDelta> {
    let visit = from(network);
    limited(sign_in_with_password(&desk.firm, address, password, &visit, now).await)
}

#[tokio::test]
async fn sec_4_failed_sign_ins_are_limited_per_account_whoever_tries_and_whether_or_not_it_is_there()
 {
    let desk = Desk::new().await;
    desk.with_password().await;
    for address in [ANN, "eve@evil.example"] {
        // Each from another network.
        for n in 0..10 {
            let network = format!("198.51.100.{n}");
            assert_eq!(
                tries(&desk, address, "wrong", &network, noon()).await,
                None,
                "{address} {n}"
            );
        }
        let wait = Some(TimeDelta::minutes(15));
        assert_eq!(tries(&desk, address, "wrong", "198.51.100.99", noon()).await, wait);
        // The right one doesn't help, in however many letters it is written.
        assert_eq!(tries(&desk, address, PASSWORD, "198.51.100.98", noon()).await, wait);
        assert_eq!(
            tries(&desk, &address.to_uppercase(), "wrong", "198.51.100.97", noon()).await,
            wait
        );
        let wait = Some(TimeDelta::minutes(1));
        assert_eq!(tries(&desk, address, "wrong", "198.51.100.96", minutes(14)).await, wait);
        // One more after each quarter of an hour.
        assert_eq!(tries(&desk, address, "wrong", "198.51.100.95", minutes(15)).await, None);
        assert!(tries(&desk, address, "wrong", "198.51.100.94", minutes(15)).await.is_some());
    }
    // Meanwhile a link still signs in.
    let link = desk.link(ANN, noon()).await;
    desk.confirm(&link, noon()).await.unwrap();
}

#[tokio::test]
async fn sec_4_failed_sign_ins_are_limited_per_network_whatever_is_tried() {
    let desk = Desk::new().await;
    desk.with_password().await;
    for n in 0..30 {
        let address = format!("nobody-{n}@acme.example");
        assert_eq!(tries(&desk, &address, "wrong", "2001:db8:1:2::7", noon()).await, None, "{n}");
    }
    // The same household from another of its addresses.
    let wait = Some(TimeDelta::minutes(1));
    assert_eq!(tries(&desk, ANN, PASSWORD, "2001:db8:1:2:3:4:5:6", noon()).await, wait);
    assert_eq!(tries(&desk, ANN, PASSWORD, "2001:db8:1:3::7", noon()).await, None);
}

#[tokio::test]
async fn sec_4_what_succeeds_is_not_counted() {
    let desk = Desk::new().await;
    let joined = desk.with_password().await;
    for n in 0..40 {
        assert_eq!(tries(&desk, ANN, PASSWORD, "203.0.113.9", noon()).await, None, "{n}");
    }
    // Nor is the current password, where it is asked for; a wrong one is.
    let signed_in = desk.password(ANN, PASSWORD, minutes(20)).await.unwrap();
    let principal = desk.session(signed_in.token.reveal(), minutes(20)).await.unwrap();
    let set = async |current| {
        set_password(&desk.firm, &principal, Some(current), PASSWORD, &visit(), minutes(20)).await
    };
    for n in 0..12 {
        set(PASSWORD).await.unwrap_or_else(|error| panic!("{n}: {error}"));
    }
    for n in 0..10 {
        assert_eq!(kind(set("wrong").await), "CurrentPassword", "{n}");
    }
    assert_eq!(kind(set("wrong").await), "Limited");
    assert_eq!(kind(set(PASSWORD).await), "Limited");
    assert!(!desk.is_in(&joined, minutes(20)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_4_of_many_tries_at_once_none_comes_past_the_limit() {
    let desk = Desk::new().await;
    desk.with_password().await;
    let guesses = (0..25).map(|_| desk.password(ANN, "wrong", noon()));
    let results = futures::future::join_all(guesses).await;
    let looked_at = results.iter().filter(|r| matches!(r, Err(ContactError::Refused))).count();
    let limited = results.iter().filter(|r| matches!(r, Err(ContactError::Limited { .. }))).count();
    assert!((1..=10).contains(&looked_at), "{looked_at}");
    assert_eq!(looked_at + limited, 25);
}

#[tokio::test]
async fn sec_4_links_are_limited_per_account_and_per_network() {
    let desk = Desk::new().await;
    desk.joined().await;
    let ask = async |address: &str, network: &str, now| {
        let postbox = Postbox::default();
        limited(request_link(&desk.firm, &postbox, address, &from(network), now).await)
    };
    for address in [ANN, "eve@evil.example"] {
        for n in 0..5 {
            let network = format!("198.51.100.{n}");
            assert_eq!(ask(address, &network, noon()).await, None, "{address} {n}");
        }
        let wait = Some(TimeDelta::minutes(10));
        assert_eq!(ask(address, "198.51.100.99", noon()).await, wait, "{address}");
        assert_eq!(ask(address, "198.51.100.99", minutes(10)).await, None, "{address}");
    }
    for n in 0..20 {
        let address = format!("nobody-{n}@acme.example");
        assert_eq!(ask(&address, "192.0.2.1", noon()).await, None, "{n}");
    }
    assert_eq!(ask("bob@acme.example", "192.0.2.1", noon()).await, Some(TimeDelta::minutes(2)));
    assert_eq!(kind(desk.ask("no address", noon()).await), "Address");
}

/// What a stranger's question costs; the same for everybody, or the time would tell.
async fn cost<T>(desk: &Desk, question: impl Future<Output = T>) -> (T, Consumed) {
    desk.dynamo.capacity().take();
    let answer = question.await;
    (answer, desk.dynamo.capacity().take())
}

#[tokio::test]
async fn sec_4_no_answer_and_no_cost_tells_which_addresses_exist() {
    let desk = Desk::new().await;
    desk.with_password().await;
    desk.invite(&crate::common::acme(), "bob@acme.example").await.unwrap();
    let mut asked = Vec::new();
    let mut tried = Vec::new();
    // Active, invited, unknown.
    for address in [ANN, "bob@acme.example", "eve@evil.example"] {
        let (answer, cost_of_it) = cost(&desk, desk.ask(address, noon())).await;
        asked.push((answer.is_ok(), cost_of_it));
        let (answer, cost_of_it) = cost(&desk, desk.password(address, "wrong", noon())).await;
        let error = answer.unwrap_err();
        tried.push((error.to_string(), error.status(), cost_of_it));
    }
    assert!(asked.iter().all(|one| *one == asked[0]), "{asked:?}");
    // A contact that is there is a bit more to read, which is no other number of calls.
    let calls = |(text, status, cost): &(String, _, Consumed)| {
        (text.clone(), *status, cost.calls, cost.half_writes)
    };
    assert!(tried.iter().all(|one| calls(one) == calls(&tried[0])), "{tried:?}");
    // What waits looks the same, too.
    let platform = Platform::new(desk.dynamo.clone());
    let waiting = platform.waiting(minutes(1), 100).await.unwrap();
    let messages: Vec<_> = waiting.iter().filter_map(MailMessage::of).collect();
    assert_eq!(messages.len(), 4); // and an invitation
    for message in &messages {
        assert!(!serde_json::to_string(message).unwrap().contains('@'));
    }
}

#[tokio::test]
async fn sec_4_a_bucket_fills_again_and_a_clock_that_was_set_back_locks_nobody_out() {
    let desk = Desk::new().await;
    let rate = Rate { burst: 2, every: TimeDelta::minutes(10) };
    let attempt = Attempt::of(&firm_id(), "test", "ann", rate);
    let store = desk.firm.store();
    let (counted, wait) = (Tried::Counted, |minutes| Tried::Wait(TimeDelta::minutes(minutes)));
    for (minute, expected) in [
        (0, counted),
        (0, counted),
        (0, wait(10)),
        (4, wait(6)),
        (10, counted),
        (10, wait(10)),
        (60, counted),
        (60, counted),
        (60, wait(10)),
        (30, wait(10)), // the clock was set back by a little: as if the bucket had just been emptied
        (-600, counted), // by hours: as if it were full
        (-600, counted),
        (-600, wait(10)),
        (-590, counted),
    ] {
        let tried = store.count_attempt(&attempt, minutes(minute)).await.unwrap();
        assert_eq!(tried, expected, "at {minute}");
    }
    let other = Attempt::of(&firm_id(), "another test", "ann", rate);
    let elsewhere = Attempt::of(&"f-2".parse().unwrap(), "test", "ann", rate);
    for attempt in [other, elsewhere] {
        assert_eq!(store.count_attempt(&attempt, minutes(-590)).await.unwrap(), counted);
    }
    // Given back more often than taken, it is full and no more.
    for _ in 0..5 {
        store.give_back(&attempt, minutes(-590)).await.unwrap();
    }
    for expected in [counted, counted, wait(10)] {
        assert_eq!(store.count_attempt(&attempt, minutes(-590)).await.unwrap(), expected);
    }
}

/// Another process counts the same tries.
#[tokio::test]
async fn sec_4_tries_are_counted_in_the_table_and_not_in_a_process() {
    let desk = Desk::new().await;
    for n in 0..10 {
        let firm = Firm::open(desk.dynamo.apart(), firm_id()).await.unwrap().unwrap();
        let tried = sign_in_with_password(&firm, ANN, "wrong", &visit(), noon()).await;
        assert_eq!(limited(tried), None, "{n}");
    }
    assert!(tries(&desk, ANN, "wrong", "192.0.2.1", noon()).await.is_some());
}

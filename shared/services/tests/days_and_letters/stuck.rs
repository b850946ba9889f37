//! Letters whose sender never said what became of them (LET-4): the lease, and who is sent once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::id::ClientId;
use domain::letter::{LetterId, LetterState};
use services::correspondence::{LetterMessage, Outcome};
use services::firm::{CLAIM_LEASE, Firm};
use store::{DeliveryState, Dynamo, Fault, Faults, Operation};

use crate::desk::{Answer, Desk, usd};
use crate::letters::{locked, noticed};

/// The process ends before its write of that number, from 1.
struct EndsAtWrite {
    number: u32,
    writes: AtomicU32,
}

#[async_trait]
impl Faults for EndsAtWrite {
    async fn before(&self, operation: Operation) -> Option<Fault> {
        if operation == Operation::Write
            && self.number == self.writes.fetch_add(1, Ordering::Relaxed) + 1
        {
            std::future::pending::<()>().await;
        }
        None
    }

    async fn after(&self, _: Operation) -> Option<Fault> {
        None
    }
}

/// A sender on that table, which ends when it hangs.
async fn dies(desk: &Desk, dynamo: Dynamo, message: &LetterMessage) {
    let firm = Firm::open(dynamo, message.firm.clone()).await.unwrap().unwrap();
    let now = platform::clock::Clock::now(&*desk.clock);
    let correspondence = desk.correspondence();
    let sending = correspondence.handle(&firm, message, now);
    let ended = tokio::time::timeout(Duration::from_millis(500), sending).await;
    assert!(ended.is_err(), "it went on: {ended:?}");
}

pub async fn dies_at_write(desk: &Desk, number: u32, message: &LetterMessage) {
    let faults = EndsAtWrite { number, writes: AtomicU32::new(0) };
    dies(desk, desk.dynamo.with_faults(Arc::new(faults)), message).await;
}

/// What became of the letter when its lease ran out; nothing happened before.
async fn after_the_lease(desk: &Desk, message: &LetterMessage) -> Outcome {
    assert_eq!(desk.send(message).await.unwrap(), Outcome::Busy, "delivered again");
    desk.pass(CLAIM_LEASE - TimeDelta::seconds(1));
    assert!(desk.waiting().await.is_empty(), "before the lease ran out");
    desk.pass(TimeDelta::seconds(1));
    let stuck = desk.waiting().await;
    assert_eq!(stuck, [LetterMessage { stuck: true, ..message.clone() }]);
    desk.send(&stuck[0]).await.unwrap()
}

async fn state(firm: &Firm, client: &ClientId, id: LetterId) -> Option<DeliveryState> {
    let row = firm.store().letter(client, id).await.unwrap().unwrap();
    row.delivery.map(|delivery| delivery.state)
}

#[tokio::test]
async fn let_4_a_notice_without_outcome_is_sent_once_more_under_the_same_name() {
    // Writes: 1 claim, 2 its link, 3 the letter is kept, then it is handed over, 4 its outcome.
    for (number, sent_before) in [(2, 0), (3, 0), (4, 1)] {
        let (desk, firm, acme) = noticed().await;
        let message = desk.waiting().await.remove(0);
        dies_at_write(&desk, number, &message).await;
        assert_eq!(desk.sent(), sent_before);
        assert_eq!(after_the_lease(&desk, &message).await, Outcome::Sent, "at write {number}");
        let sent = desk.post.sent.lock().unwrap().clone();
        assert_eq!(sent.len(), sent_before + 1);
        if let [first, second] = &sent[..] {
            assert_eq!(first, second, "the same bytes");
        }
        assert_eq!(state(&firm, &acme, message.letter).await, Some(DeliveryState::Sent));
        assert!(desk.tasks(&firm, &acme).await.is_empty());
    }
}

#[tokio::test]
async fn let_4_a_demand_without_outcome_becomes_a_persons_task() {
    for number in [2, 3, 4] {
        let (desk, firm, acme) = locked().await;
        let message = desk.waiting().await.remove(0);
        dies_at_write(&desk, number, &message).await;
        let before = desk.sent();
        assert_eq!(after_the_lease(&desk, &message).await, Outcome::Uncertain, "at write {number}");
        assert_eq!(desk.sent(), before);
        assert_eq!(desk.tasks(&firm, &acme).await, ["letter_stuck"]);
        assert_eq!(state(&firm, &acme, message.letter).await, Some(DeliveryState::Uncertain));
        desk.pass(CLAIM_LEASE);
        assert!(desk.waiting().await.is_empty());
    }
}

#[tokio::test]
async fn let_4_a_mail_service_that_can_be_asked_leaves_no_doubt() {
    for number in [2, 3, 4] {
        let (desk, firm, acme) = locked().await;
        desk.post.tells.store(true, Ordering::Relaxed);
        let message = desk.waiting().await.remove(0);
        let before = desk.sent();
        dies_at_write(&desk, number, &message).await;
        assert_eq!(after_the_lease(&desk, &message).await, Outcome::Sent, "at write {number}");
        assert_eq!(desk.sent(), before + 1, "once, whether it had left or not");
        assert_eq!(state(&firm, &acme, message.letter).await, Some(DeliveryState::Sent));
        assert!(desk.tasks(&firm, &acme).await.is_empty());
    }
}

#[tokio::test]
async fn let_4_before_the_claim_nothing_happened() {
    let (desk, _, _) = noticed().await;
    let message = desk.waiting().await.remove(0);
    dies_at_write(&desk, 1, &message).await;
    assert_eq!(desk.send(&message).await.unwrap(), Outcome::Sent);
    assert_eq!(desk.sent(), 1);
}

#[tokio::test]
async fn let_4_a_mail_service_that_never_answers_leaves_the_outcome_open() {
    for (answer, taken) in [(Answer::TakenSilently, 1), (Answer::NeverReturns, 0)] {
        let (desk, firm, acme) = noticed().await;
        let message = desk.waiting().await.remove(0);
        desk.next_answers(&[answer]);
        match answer {
            Answer::TakenSilently => assert_eq!(desk.send(&message).await.unwrap(), Outcome::Open),
            _ => dies(&desk, desk.dynamo.clone(), &message).await,
        }
        assert_eq!(desk.sent(), taken);
        // Once more, and again without an answer: then a person looks.
        desk.next_answers(&[Answer::TakenSilently]);
        assert_eq!(after_the_lease(&desk, &message).await, Outcome::Open);
        let stuck = LetterMessage { stuck: true, ..message.clone() };
        assert_eq!(desk.send(&stuck).await.unwrap(), Outcome::Busy, "too early");
        assert!(desk.waiting().await.is_empty());
        desk.pass(CLAIM_LEASE);
        assert_eq!(desk.deliver().await, [Outcome::Uncertain]);
        assert_eq!(desk.sent(), taken + 1);
        assert_eq!(desk.tasks(&firm, &acme).await, ["letter_stuck"]);
    }
}

#[tokio::test]
async fn let_4_a_delivery_event_that_was_found_ends_the_matter() {
    let (desk, firm, acme) = locked().await;
    let message = desk.waiting().await.remove(0);
    desk.next_answers(&[Answer::TakenSilently]);
    assert_eq!(desk.send(&message).await.unwrap(), Outcome::Open);
    let delivery = store::Delivery {
        state: DeliveryState::Sent,
        at: platform::clock::Clock::now(&*desk.clock),
        message_id: Some("ses-7".to_owned()),
        sha256: None,
        problem: None,
    };
    assert!(firm.store().letter_delivered(&acme, message.letter, &delivery).await.unwrap());
    desk.pass(CLAIM_LEASE);
    assert!(desk.waiting().await.is_empty());
    let stuck = LetterMessage { stuck: true, ..message };
    assert_eq!(desk.send(&stuck).await.unwrap(), Outcome::Done);
    assert!(desk.tasks(&firm, &acme).await.is_empty());
}

#[tokio::test]
async fn let_4_what_was_claimed_and_never_written_is_written_only_as_far_as_it_is_true() {
    let (desk, firm, acme) = noticed().await;
    let message = desk.waiting().await.remove(0);
    dies_at_write(&desk, 2, &message).await;
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    desk.deliver().await; // the receipt
    desk.pass(CLAIM_LEASE);
    assert_eq!(desk.deliver().await, [Outcome::Withdrawn]);
    assert_eq!(desk.sent(), 1);
    let row = desk.letter(&firm, &acme, message.letter.0).await;
    assert!(matches!(row.letter.state, LetterState::Withdrawn { .. }), "{row:?}");
}

#[tokio::test]
async fn let_4_two_who_look_after_a_letter_send_it_once() {
    let (desk, _, _) = noticed().await;
    let message = desk.waiting().await.remove(0);
    dies_at_write(&desk, 4, &message).await;
    desk.pass(CLAIM_LEASE);
    let stuck = LetterMessage { stuck: true, ..message };
    let (first, second) = tokio::join!(desk.send(&stuck), desk.send(&stuck));
    let outcomes = [first.unwrap(), second.unwrap()];
    assert_eq!(desk.sent(), 2, "{outcomes:?}");
    assert!(outcomes.contains(&Outcome::Sent), "{outcomes:?}");
}

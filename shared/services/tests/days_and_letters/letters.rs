//! A letter goes out: claimed while it is true, written from the facts of that moment (LET-1, 2, 4, 5, 9).

use std::sync::Arc;

use chrono::TimeDelta;
use domain::calendar::Day;
use domain::command::{Command, News};
use domain::event::Event;
use domain::id::ClientId;
use domain::letter::{LetterKind, LetterState};
use domain::money::Money;
use domain::payment::{Method, Seen};
use domain::plan::Instalment;
use domain::text::Personal;
use services::correspondence::{LetterMessage, Outcome, SendError, SetUpError};
use services::firm::Firm;
use store::{DeliveryState, Fault, Faults, Operation};

use crate::desk::{Answer, Desk, at, client, day, firm_id, settings, usd};

pub const ANN: &[&str] = &["ann@acme.example", "bob@acme.example"];

/// Acme on the day after its invoice was due, its notice queued, at noon.
pub async fn noticed() -> (Desk, Arc<Firm>, ClientId) {
    let desk = Desk::at("2026-03-04T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    (desk, firm, acme)
}

/// Acme on the day of its lock, with the demand letter queued, at noon.
pub async fn locked() -> (Desk, Arc<Firm>, ClientId) {
    let (desk, firm, acme) = noticed().await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    for on in ["2026-03-18", "2026-04-02"] {
        desk.clock.set(at(&format!("{on}T12:00:00Z")));
        desk.act(&firm, &acme, Command::Evaluate).await.unwrap();
        if on != "2026-04-02" {
            assert_eq!(desk.deliver().await, [Outcome::Sent]);
        }
    }
    assert!(firm.store().load(&acme).await.unwrap().unwrap().account.is_locked());
    (desk, firm, acme)
}

#[tokio::test]
async fn let_4_a_letter_is_claimed_written_kept_and_sent() {
    let (desk, firm, acme) = noticed().await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let text = desk.last_text();
    for words in [
        "Dear Acme Bakery",
        "Invoice A-1 was due on March 3, 2026",
        "100.00 USD",
        "1 day overdue",
        "How to pay: https://portal.example/l/",
        "No sign-in needed.",
        "April 2, 2026", // 30 days overdue: what follows is the lock
    ] {
        assert!(text.contains(words), "{words:?} is missing in {text}");
    }
    let message = desk.post.sent.lock().unwrap()[0].clone();
    assert_eq!(message.from, "billing@harborpine.example");
    assert_eq!(message.to, "ann@acme.example");
    assert!(!message.message_id.contains("acme"), "{}", message.message_id);
    let row = &desk.letters(&firm, &acme).await[0];
    let LetterState::Left(sending) = &row.letter.state else { panic!("{row:?}") };
    assert_eq!((sending.kind, sending.on), (LetterKind::Notice, day("2026-03-04")));
    let delivery = row.delivery.clone().unwrap();
    assert_eq!(
        (delivery.state, delivery.message_id.as_deref()),
        (DeliveryState::Sent, Some("ses-1"))
    );
    // LET-3: as it was sent.
    let sent = firm.store().sent_letter(&acme, row.letter.id).await.unwrap().unwrap();
    assert_eq!(sent.words.unwrap().text.as_str().trim_end(), text.trim_end());
    assert_eq!(delivery.sha256.as_deref(), Some(&*sent.sha256));
    assert!(desk.waiting().await.is_empty());
    desk.pass(TimeDelta::hours(2));
    assert!(desk.waiting().await.is_empty(), "it left the outbox");
}

#[tokio::test]
async fn let_4_no_letter_leaves_after_the_commit_that_paid_it() {
    let (desk, firm, acme) = noticed().await;
    let waiting = desk.waiting().await;
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    assert_eq!(desk.send(&waiting[0]).await.unwrap(), Outcome::Withdrawn);
    assert_eq!(desk.sent(), 0);
    assert_eq!(desk.send(&waiting[0]).await.unwrap(), Outcome::Withdrawn, "again");
    // The receipt is another letter.
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    assert!(desk.last_text().contains("We received your payment of 100.00 USD"));
}

#[tokio::test]
async fn let_4_a_part_that_was_paid_is_off_the_letter() {
    let (desk, firm, acme) = noticed().await;
    desk.invoice(&firm, &acme, "A-2", usd(5_000), "2026-03-03").await;
    let waiting = desk.waiting().await;
    assert_eq!(waiting.len(), 1, "LET-9: one message");
    desk.pay(&firm, &acme, "stripe:pi_1", usd(12_500)).await;
    assert_eq!(desk.send(&waiting[0]).await.unwrap(), Outcome::Sent);
    let text = desk.last_text();
    assert!(text.contains("A-2") && text.contains("25.00 USD") && !text.contains("A-1"), "{text}");
}

#[tokio::test]
async fn let_9_letters_of_a_day_are_one_message_of_the_strongest_kind_in_each_currency() {
    let (desk, firm, acme) = locked().await;
    let yen = Money::new(12_000, "JPY".parse().unwrap());
    desk.invoice(&firm, &acme, "J-1", yen, "2026-04-01").await;
    assert_eq!(desk.waiting().await.len(), 1);
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let text = desk.last_text();
    for words in [
        "As of today, April 2, 2026, your client portal is locked: 1 unpaid invoice over 30 days",
        "100.00 USD",
        "12,000 JPY",
        "30 days overdue",
        "1 day overdue",
        "by April 9, 2026", // LET-7: seven days
        "How to dispute: on the same page",
    ] {
        assert!(text.contains(words), "{words:?} is missing in {text}");
    }
    let subject = desk.post.sent.lock().unwrap().last().unwrap().subject.clone();
    assert!(subject.contains("100.00 USD"), "{subject}");
}

#[tokio::test]
async fn pay_7_the_receipt_of_a_locked_client_names_the_rest_and_says_that_access_stays_closed() {
    let (desk, firm, acme) = locked().await;
    desk.deliver().await;
    desk.pay(&firm, &acme, "stripe:pi_1", usd(4_000)).await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let text = desk.last_text();
    for words in [
        "We received your payment of 40.00 USD (card) on April 2, 2026",
        "Invoice A-1: 40.00 USD, 60.00 USD is left to pay",
        "stays closed for now",
        "1 unpaid invoice over 30 days",
        "How to pay the rest",
    ] {
        assert!(text.contains(words), "{words:?} is missing in {text}");
    }
    // The invoice is closed by the next one, and the rest of that is credit.
    desk.pay(&firm, &acme, "stripe:pi_2", usd(7_000)).await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let text = desk.last_text();
    for words in ["Invoice A-1: 60.00 USD, now paid in full", "10.00 USD", "until a person here"] {
        assert!(text.contains(words), "{words:?} is missing in {text}");
    }
}

#[tokio::test]
async fn let_1_failures_promises_plans_and_welcome_back_are_written() {
    let (desk, firm, acme) = locked().await;
    desk.deliver().await;
    let failed = News::Told {
        amount: usd(10_000),
        method: Method::Card,
        invoices: vec!["A-1".parse().unwrap()],
        seen: Seen::Failed,
        on: None,
    };
    let until: Day = day("2026-04-08");
    let instalment = |due, minor| Instalment { due_on: day(due), amount: usd(minor) };
    let plan = Command::BeginPlan {
        invoices: ["A-1".parse().unwrap()].into(),
        instalments: vec![instalment("2026-04-10", 4_000), instalment("2026-05-10", 6_000)],
    };
    let exception = Command::ExceptionUnlock {
        reason: Personal::new("known"),
        until: Some(until),
        lines: [].into(),
    };
    let cases = [
        (
            Command::RecordPayment { payment: "stripe:pi_9".parse().unwrap(), news: failed },
            &["Your payment of 100.00 USD by card on April 2, 2026 did not go through", "A-1"][..],
        ),
        (Command::MakePromise { invoice: None, until }, &["by the end of April 8, 2026", "A-1"]),
        (plan, &["plan over 100.00 USD", "April 10, 2026: 40.00 USD", "May 10, 2026: 60.00 USD"]),
        (exception, &["open again", "up to and including April 8, 2026", "https://portal.example"]),
    ];
    for (command, expected) in cases {
        desk.act(&firm, &acme, command.clone()).await.unwrap();
        let outcomes = desk.deliver().await;
        assert_eq!(outcomes, [Outcome::Sent], "for {command:?}");
        let text = desk.last_text();
        for words in expected {
            assert!(text.contains(words), "{words:?} is missing in {text}");
        }
    }
}

#[tokio::test]
async fn let_5_quiet_hours_move_a_letter_within_its_day() {
    let desk = Desk::at("2026-03-04T05:00:00Z").await; // midnight in New York
    let firm = desk.firm("f-1", "America/New_York", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    assert!(desk.waiting().await.is_empty());
    let message = |letter| LetterMessage {
        firm: firm_id("f-1"),
        client: client("acme"),
        letter: domain::letter::LetterId(letter),
        stuck: false,
    };
    let id = desk.letters(&firm, &acme).await[0].letter.id.0;
    // Whoever comes too early is told, and nothing leaves.
    let opens = at("2026-03-04T13:00:00Z");
    assert_eq!(desk.send(&message(id)).await.unwrap(), Outcome::Waits(opens));
    desk.clock.set(at("2026-03-04T12:59:59Z"));
    assert!(desk.waiting().await.is_empty());
    desk.clock.set(opens);
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    // At 20:00 it is quiet again: a letter decided then leaves the next morning.
    desk.clock.set(at("2026-03-05T01:00:00Z"));
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    assert!(desk.waiting().await.is_empty());
    desk.clock.set(at("2026-03-05T13:00:00Z"));
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
}

#[tokio::test]
async fn let_2_letters_of_a_firm_without_a_domain_wait() {
    let desk = Desk::at("2026-03-04T12:00:00Z").await;
    let mut without = settings("UTC");
    without.mail_domain = None;
    let mut waiting = settings("UTC");
    waiting.mail_domain.as_mut().unwrap().is_verified = false;
    let mut wrong = settings("UTC");
    wrong.mail_from = Some("Harbor & Pine".to_owned());
    let mut test = settings("UTC");
    test.mail_domain = None;
    (test.mail_from, test.is_test, test.test_clock) =
        (None, true, Some(at("2026-03-04T12:00:00Z")));
    let cases = [
        ("without", without, Outcome::NotSetUp(SetUpError::NoDomain)),
        ("waiting", waiting, Outcome::NotSetUp(SetUpError::NotVerified)),
        ("wrong", wrong, Outcome::NotSetUp(SetUpError::BadAddress)),
        ("test", test, Outcome::Sent),
    ];
    for (id, settings, expected) in cases {
        let firm = desk.firm_of(id, settings, "").await;
        let acme = desk.client(&firm, "acme", ANN).await;
        desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
        assert_eq!(desk.deliver().await, vec![expected.clone()], "for {id}");
        let row = &desk.letters(&firm, &acme).await[0];
        let waits = expected != Outcome::Sent;
        assert_eq!(row.letter.state == LetterState::Queued, waits, "for {id}");
        assert!(desk.waiting().await.is_empty(), "for {id}");
    }
    desk.pass(TimeDelta::hours(1));
    assert_eq!(desk.waiting().await.len(), 3, "they are looked at again");
}

#[tokio::test]
async fn let_4_of_two_senders_one_sends() {
    let (desk, firm, acme) = noticed().await;
    let message = desk.waiting().await.remove(0);
    let (first, second, third) =
        tokio::join!(desk.send(&message), desk.send(&message), desk.send(&message));
    let outcomes = [first.unwrap(), second.unwrap(), third.unwrap()];
    assert_eq!(desk.sent(), 1, "{outcomes:?}");
    assert!(outcomes.contains(&Outcome::Sent), "{outcomes:?}");
    let rest = outcomes.iter().filter(|outcome| **outcome != Outcome::Sent);
    for outcome in rest {
        assert!(matches!(outcome, Outcome::Busy | Outcome::Done), "{outcome:?}");
    }
    assert_eq!(desk.send(&message).await.unwrap(), Outcome::Done);
    assert!(matches!(desk.letters(&firm, &acme).await[0].letter.state, LetterState::Left(_)));
}

#[tokio::test]
async fn sec_1_another_firms_letter_is_not_found() {
    let (desk, firm, acme) = noticed().await;
    desk.firm("f-2", "UTC", "").await;
    let good = desk.waiting().await.remove(0);
    for stuck in [false, true] {
        let other = LetterMessage { firm: firm_id("f-2"), stuck, ..good.clone() };
        let error = desk.send(&other).await.unwrap_err();
        assert!(matches!(error, SendError::NoLetter { .. }), "{error:?}");
        let letter = domain::letter::LetterId(999);
        let none = LetterMessage { letter, stuck, ..good.clone() };
        let error = desk.send(&none).await.unwrap_err();
        assert!(matches!(error, SendError::NoLetter { .. }), "{error:?}");
    }
    assert_eq!(desk.letters(&firm, &acme).await[0].letter.state, LetterState::Queued);
}

#[tokio::test]
async fn let_4_a_letter_that_the_mail_service_has_no_room_for_is_sent_later() {
    let (desk, firm, acme) = locked().await; // a demand: never sent on a doubt
    desk.next_answers(&[Answer::Throttled, Answer::Throttled]);
    let now = at("2026-04-02T12:00:00Z");
    assert_eq!(desk.deliver().await, [Outcome::Unsent(now + TimeDelta::minutes(1))]);
    assert!(desk.waiting().await.is_empty());
    desk.pass(TimeDelta::minutes(1));
    let again = now + TimeDelta::minutes(3);
    assert_eq!(desk.deliver().await, [Outcome::Unsent(again)]);
    desk.clock.set(again);
    let sent = desk.sent();
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    assert_eq!(desk.sent(), sent + 1);
    assert!(desk.tasks(&firm, &acme).await.is_empty());
    desk.pass(TimeDelta::hours(2));
    assert!(desk.waiting().await.is_empty());
}

#[tokio::test]
async fn let_6_a_refused_letter_marks_the_address_and_goes_to_the_next_contact() {
    let (desk, firm, acme) = noticed().await;
    desk.next_answers(&[Answer::Rejected("BadRequestException", "no such mailbox")]);
    assert_eq!(desk.deliver().await, [Outcome::Undeliverable]);
    assert_eq!(desk.tasks(&firm, &acme).await, ["bounced_address"]);
    let rows = desk.letters(&firm, &acme).await;
    let failed = rows.iter().find_map(|row| row.delivery.clone()).unwrap();
    assert_eq!(failed.state, DeliveryState::Failed);
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    assert_eq!(desk.post.sent.lock().unwrap()[0].to, "bob@acme.example");
}

#[tokio::test]
async fn let_2_a_firm_that_the_mail_service_refuses_costs_no_client_its_address() {
    let (desk, firm, acme) = noticed().await;
    for (code, detail) in [
        ("MailFromDomainNotVerifiedException", ""),
        ("MessageRejected", "Email address is not verified."),
    ] {
        desk.next_answers(&[Answer::Rejected(code, detail)]);
        assert_eq!(desk.deliver().await, [Outcome::NotSetUp(SetUpError::Refused)], "for {code}");
        desk.pass(TimeDelta::hours(1));
    }
    assert!(desk.tasks(&firm, &acme).await.is_empty());
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
}

#[tokio::test]
async fn let_6_an_address_that_no_mail_can_use_is_marked() {
    let desk = Desk::at("2026-03-04T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = desk.client(&firm, "acme", &["zoë@acme.example"]).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    assert_eq!(desk.deliver().await, [Outcome::Undeliverable]);
    assert!(desk.tasks(&firm, &acme).await.contains(&"bounced_address"));
    assert_eq!(desk.sent(), 0);
}

/// Lets the first claim find the account changed.
struct OneConflict(std::sync::atomic::AtomicBool);

#[async_trait::async_trait]
impl Faults for OneConflict {
    async fn before(&self, operation: Operation) -> Option<Fault> {
        let first = operation == Operation::Write
            && !self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
        first.then_some(Fault::Conflict)
    }

    async fn after(&self, _: Operation) -> Option<Fault> {
        None
    }
}

#[tokio::test]
async fn eval_4_a_claim_that_meets_another_command_is_decided_again() {
    let (desk, firm, acme) = noticed().await;
    let message = desk.waiting().await.remove(0);
    let faulty = desk.dynamo.with_faults(Arc::new(OneConflict(false.into())));
    let faulty = Firm::open(faulty, firm_id("f-1")).await.unwrap().unwrap();
    let now = at("2026-03-04T12:00:00Z");
    let outcome = desk.correspondence().handle(&faulty, &message, now).await.unwrap();
    assert_eq!(outcome, Outcome::Sent);
    let records = firm.store().load(&acme).await.unwrap().unwrap().chain().0;
    assert_eq!(records, 3); // opened, invoiced, claimed
}

#[tokio::test]
async fn lock_4_a_lock_by_hand_is_told_as_what_it_is() {
    let (desk, firm, acme) = noticed().await;
    desk.act(
        &firm,
        &acme,
        Command::Lock { reason: Personal::new("records missing"), lines: [].into() },
    )
    .await
    .unwrap();
    let executed = desk.pay(&firm, &acme, "stripe:pi_1", usd(2_500)).await;
    assert!(executed.events.iter().any(|event| matches!(event, Event::LetterQueued(_))));
    assert_eq!(desk.deliver().await, [Outcome::Sent, Outcome::Sent]);
    let text = desk.last_text();
    assert!(text.contains("locked by hand") && text.contains("records missing"), "{text}");
}

//! A letter that was claimed and went nowhere is handed over again, as far as it is true by then (LET-4): the mail
//! service was down, and meanwhile the client paid, somebody changed its addresses, or another day began.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::account::{Contact, Profile};
use domain::command::{Command, News};
use domain::event::Event;
use domain::id::ClientId;
use domain::letter::{LetterId, LetterKind, LetterState, Sending};
use domain::text::Personal;
use platform::clock::Clock;
use services::correspondence::{LetterMessage, Outcome};
use services::execute::view;
use services::firm::{CLAIM_LEASE, Firm};
use store::{DeliveryState, Order, PageRequest};

use crate::desk::{Answer, Desk, at, day, usd};
use crate::letters::{locked, noticed};
use crate::stuck::dies_at_write;

/// The letter that is ready is claimed, and the mail service has no room for it.
async fn unsent(desk: &Desk) -> LetterId {
    let message = desk.waiting().await.remove(0);
    desk.next_answers(&[Answer::Throttled]);
    assert!(matches!(desk.send(&message).await.unwrap(), Outcome::Unsent(_)));
    message.letter
}

/// The mail service is back: what becomes of the letter.
async fn back(desk: &Desk, firm: &Firm, client: &ClientId, letter: LetterId) -> Outcome {
    desk.pass(TimeDelta::minutes(1));
    let (firm, client) = (firm.id().clone(), client.clone());
    desk.send(&LetterMessage { firm, client, letter, stuck: true }).await.unwrap()
}

async fn left(desk: &Desk, firm: &Firm, client: &ClientId, letter: LetterId) -> Option<Sending> {
    match desk.letter(firm, client, letter.0).await.letter.state {
        LetterState::Left(sending) => Some(sending),
        _ => None,
    }
}

/// The days on which the invoice's warnings count from.
async fn warned_on(firm: &Firm, client: &ClientId, invoice: &str) -> Vec<String> {
    let known = firm.store().invoice(client, &invoice.parse().unwrap()).await.unwrap().unwrap();
    known.warnings.iter().map(|warning| warning.on.to_string()).collect()
}

/// What the newest record of the audit says happened.
async fn newest(firm: &Firm, client: &ClientId) -> Vec<Event> {
    let page = PageRequest { cursor: None, limit: 1 };
    let records = firm.store().records(client, Order::Newest, &page).await.unwrap();
    records.items[0].body.events().unwrap()
}

/// Changes a client's list of addresses to these.
async fn list(desk: &Desk, firm: &Firm, client: &ClientId, addresses: &[&str]) {
    let known = view(firm, client, desk.clock.now()).await.unwrap().unwrap();
    let contact = |address: &&str| Contact { address: Personal::new(*address), is_bounced: false };
    let contacts = addresses.iter().map(contact).collect();
    let profile = Profile { contacts, ..known.loaded.account.profile.clone() };
    desk.act(firm, client, Command::ChangeProfile(profile)).await.unwrap();
}

fn last_to(desk: &Desk) -> String {
    desk.post.sent.lock().unwrap().last().unwrap().to.clone()
}

#[tokio::test]
async fn let_4_a_debt_letter_that_went_nowhere_doesnt_leave_after_the_payment() {
    for is_demand in [false, true] {
        let (desk, firm, acme) = match is_demand {
            false => noticed().await,
            true => locked().await,
        };
        let before = desk.sent();
        let warned = warned_on(&firm, &acme, "A-1").await.len();
        let letter = unsent(&desk).await;
        assert_eq!(warned_on(&firm, &acme, "A-1").await.len(), warned + 1);
        desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
        assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Withdrawn, "{is_demand}");
        let withdrawn = Event::LetterWithdrawn { letter, on: desk.clock.now().date_naive() };
        assert_eq!(newest(&firm, &acme).await, [withdrawn], "the chain says so");
        assert_eq!(warned_on(&firm, &acme, "A-1").await.len(), warned, "it warned nobody");
        assert_eq!(desk.letter(&firm, &acme, letter.0).await.delivery, None);
        assert!(!desk.tasks(&firm, &acme).await.contains(&"letter_stuck"));
        assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Done, "told again");
        assert_eq!(desk.deliver().await, [Outcome::Sent], "the receipt");
        assert_eq!(desk.sent(), before + 1);
        desk.pass(CLAIM_LEASE);
        assert!(desk.waiting().await.is_empty());
    }
}

#[tokio::test]
async fn let_4_what_is_true_in_other_amounts_is_written_anew() {
    let (desk, firm, acme) = noticed().await;
    desk.invoice(&firm, &acme, "A-2", usd(5_000), "2026-03-03").await;
    let letter = unsent(&desk).await;
    let first = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    // A part of the one: the same debt, and the same link to it.
    let pay = async |id: &str, invoice: &str, minor| {
        let news = News::Told {
            amount: usd(minor),
            method: domain::payment::Method::Check,
            invoices: vec![invoice.parse().unwrap()],
            seen: domain::payment::Seen::Succeeded,
            on: None,
        };
        let command = Command::RecordPayment { payment: id.parse().unwrap(), news };
        desk.act(&firm, &acme, command).await.unwrap();
    };
    pay("check-1", "A-1", 4_000).await;
    desk.next_answers(&[Answer::Throttled]);
    assert!(matches!(back(&desk, &firm, &acme, letter).await, Outcome::Unsent(_)));
    let second = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    assert_eq!((&second.link, second.attempts), (&first.link, 2));
    assert_ne!(second.sha256, first.sha256);
    // The other is paid wholly: another debt, another link.
    pay("check-2", "A-2", 5_000).await;
    assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Sent);
    let text = desk.last_text();
    assert!(text.contains("60.00 USD") && !text.contains("A-2"), "{text}");
    let third = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    assert_ne!(third.link, first.link);
    assert_eq!(third.words.unwrap().text.as_str().trim_end(), text.trim_end(), "LET-3");
    assert_eq!(third.message_id, first.message_id);
    let link = firm.store().pay_link(&acme, &third.link.unwrap()).await.unwrap().unwrap();
    assert_eq!(link.invoices, ["A-1".parse().unwrap()].into());
    assert!(warned_on(&firm, &acme, "A-2").await.is_empty());
    assert_eq!(left(&desk, &firm, &acme, letter).await.unwrap().invoices.len(), 1);
}

#[tokio::test]
async fn let_4_and_lock_7_a_warning_counts_from_the_day_on_which_it_left() {
    let (desk, firm, acme) = noticed().await;
    let letter = unsent(&desk).await;
    desk.clock.set(at("2026-03-06T12:00:00Z"));
    assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Sent);
    assert_eq!(left(&desk, &firm, &acme, letter).await.unwrap().on, day("2026-03-06"));
    assert_eq!(warned_on(&firm, &acme, "A-1").await, ["2026-03-06"]);
    assert!(desk.last_text().contains("3 days overdue"), "{}", desk.last_text());
}

#[tokio::test]
async fn let_4_what_stays_true_leaves_as_the_same_bytes() {
    let (desk, firm, acme) = noticed().await;
    let letter = unsent(&desk).await;
    let first = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    let version = firm.store().load(&acme).await.unwrap().unwrap().version();
    desk.next_answers(&[Answer::Throttled]);
    assert!(matches!(back(&desk, &firm, &acme, letter).await, Outcome::Unsent(_)));
    assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Sent);
    let last = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    assert_eq!((&last.sha256, last.attempts), (&first.sha256, 3));
    assert_eq!(firm.store().load(&acme).await.unwrap().unwrap().version(), version);
}

#[tokio::test]
async fn let_4_what_may_have_left_is_not_sent_again_when_it_is_no_longer_true() {
    let (desk, firm, acme) = noticed().await;
    let message = desk.waiting().await.remove(0);
    desk.next_answers(&[Answer::TakenSilently]);
    assert_eq!(desk.send(&message).await.unwrap(), Outcome::Open);
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    desk.deliver().await; // the receipt
    desk.pass(CLAIM_LEASE);
    assert_eq!(desk.deliver().await, [Outcome::Uncertain]);
    assert_eq!(desk.sent(), 2);
    let row = desk.letter(&firm, &acme, message.letter.0).await;
    assert_eq!(row.delivery.unwrap().state, DeliveryState::Uncertain);
    assert!(matches!(row.letter.state, LetterState::Left(_)), "it may have");
    assert!(desk.tasks(&firm, &acme).await.is_empty(), "nobody has to look: it is paid");
}

#[tokio::test]
async fn let_4_and_10_what_went_nowhere_goes_to_no_address_that_was_removed_since() {
    let (desk, firm, acme) = noticed().await;
    let letter = unsent(&desk).await;
    // Another place on the list is the same address.
    list(&desk, &firm, &acme, &["bob@acme.example", "ann@acme.example"]).await;
    desk.next_answers(&[Answer::Throttled]);
    assert!(matches!(back(&desk, &firm, &acme, letter).await, Outcome::Unsent(_)));
    let sent = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    assert_eq!(sent.to.as_str(), "ann@acme.example");
    assert_eq!(left(&desk, &firm, &acme, letter).await.unwrap().contact, 1);
    list(&desk, &firm, &acme, &["bob@acme.example"]).await;
    assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Sent);
    assert_eq!(last_to(&desk), "bob@acme.example");
    assert!(desk.tasks(&firm, &acme).await.is_empty(), "no address was marked");
    // Nobody is left to write to.
    desk.pay(&firm, &acme, "p-1", usd(10_000)).await;
    let receipt = unsent(&desk).await;
    list(&desk, &firm, &acme, &[]).await;
    assert_eq!(back(&desk, &firm, &acme, receipt).await, Outcome::Withdrawn);
    assert_eq!(desk.sent(), 1);
}

/// A link's mail goes to the address that staff chose and to no other, whether it was written before or not.
#[tokio::test]
async fn let_7_a_link_that_went_nowhere_keeps_the_address_that_was_chosen() {
    for is_written in [true, false] {
        let (desk, firm, acme) = noticed().await;
        assert_eq!(desk.deliver().await, [Outcome::Sent]);
        let mail = || Command::MailPayLink {
            invoices: ["A-1".parse().unwrap()].into(),
            to: Personal::new("bob@acme.example"),
        };
        let claimed = async || match is_written {
            true => unsent(&desk).await,
            false => {
                let message = desk.waiting().await.remove(0);
                dies_at_write(&desk, 2, &message).await;
                message.letter
            }
        };
        desk.act(&firm, &acme, mail()).await.unwrap();
        let letter = claimed().await;
        let moved = ["bob@acme.example", "cyd@acme.example", "ann@acme.example"];
        list(&desk, &firm, &acme, &moved).await;
        assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Sent);
        assert_eq!(last_to(&desk), "bob@acme.example");
        let sending = left(&desk, &firm, &acme, letter).await.unwrap();
        assert_eq!((sending.kind, sending.contact), (LetterKind::PayLink, 0));
        desk.act(&firm, &acme, mail()).await.unwrap();
        let letter = claimed().await;
        list(&desk, &firm, &acme, &moved[1..]).await;
        assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Withdrawn);
        assert_eq!(desk.sent(), 2, "the notice and the first");
    }
}

#[tokio::test]
async fn let_4_a_receipt_names_no_debt_that_was_paid_since() {
    let (desk, firm, acme) = noticed().await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    desk.pay(&firm, &acme, "stripe:pi_1", usd(4_000)).await;
    let letter = unsent(&desk).await;
    let sent = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    assert!(sent.link.is_some(), "the rest of A-1 is overdue");
    desk.pay(&firm, &acme, "stripe:pi_2", usd(6_000)).await;
    assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Sent);
    let text = desk.last_text();
    assert!(text.contains("40.00 USD") && !text.contains("/l/"), "{text}");
}

#[tokio::test]
async fn let_5_what_went_nowhere_leaves_in_no_quiet_hours_either() {
    let desk = Desk::at("2026-03-04T19:59:00Z").await;
    let with = "letters: {quiet_hours: {from: \"20:00\", to: \"08:00\"}}";
    let firm = desk.firm("f-1", "UTC", with).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    let letter = unsent(&desk).await;
    let morning = at("2026-03-05T08:00:00Z");
    assert_eq!(back(&desk, &firm, &acme, letter).await, Outcome::Waits(morning));
    desk.clock.set(morning - TimeDelta::seconds(1));
    assert!(desk.waiting().await.is_empty());
    desk.clock.set(morning);
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
}

/// Acme, whose portal opened by its payment, with all that was queued on that day.
async fn opened() -> (Desk, Arc<Firm>, ClientId) {
    let desk = Desk::at("2026-03-04T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "unlock: {mode: on_payment}").await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    let lock = Command::Evaluate;
    for on in ["2026-03-04", "2026-03-18", "2026-04-02"] {
        desk.clock.set(at(&format!("{on}T12:00:00Z")));
        desk.act(&firm, &acme, lock.clone()).await.unwrap();
        desk.deliver().await;
    }
    assert!(firm.store().load(&acme).await.unwrap().unwrap().account.is_locked());
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    assert!(!firm.store().load(&acme).await.unwrap().unwrap().account.is_locked());
    (desk, firm, acme)
}

#[tokio::test]
async fn unl_5_welcome_back_says_that_nothing_is_overdue_only_where_nothing_is() {
    for comes_back in [false, true] {
        let (desk, firm, acme) = opened().await;
        if comes_back {
            let payment = "stripe:pi_1".parse().unwrap();
            let command = Command::RecordPayment { payment, news: News::Returned };
            desk.act(&firm, &acme, command).await.unwrap();
        }
        let mut welcome = None;
        for message in desk.waiting().await {
            desk.send(&message).await.unwrap();
            let sending = left(&desk, &firm, &acme, message.letter).await;
            if sending.is_some_and(|sending| sending.kind == LetterKind::WelcomeBack) {
                welcome = Some(desk.last_text());
            }
        }
        let text = welcome.unwrap();
        assert_eq!(text.contains("Nothing is overdue any more"), !comes_back, "{text}");
        assert_eq!(text.contains("Still overdue"), comes_back, "{text}");
        assert_eq!(text.contains("A-1"), comes_back, "{text}");
    }
}

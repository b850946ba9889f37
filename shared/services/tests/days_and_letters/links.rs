//! A letter's link: made with the letter, the same when it is handed over again, and good for its debt alone
//! until some time after that is closed (LET-7).

use chrono::TimeDelta;
use domain::command::{Command, DisputeOutcome, News};
use domain::id::InvoiceId;
use domain::letter::LetterKind;
use domain::role::Role;
use domain::text::Personal;
use services::correspondence::Outcome;
use services::execute::{Caller, execute};
use services::firm::Firm;
use services::portal::{LinkError, Portal};

use crate::desk::{Answer, Desk, at, usd};
use crate::letters::noticed;

/// What stands after `/l/` in a letter.
fn token(text: &str) -> String {
    let (_, rest) = text.split_once("/l/").unwrap_or_else(|| panic!("no link in {text}"));
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

fn portal(desk: &Desk) -> Portal {
    Portal::new(desk.dynamo.clone(), desk.clock.clone(), None)
}

async fn invoices(desk: &Desk, token: &str) -> Option<Vec<String>> {
    match portal(desk).hold(token, None).await {
        Ok(holder) => Some(holder.invoices.iter().map(|invoice| invoice.id.to_string()).collect()),
        Err(LinkError::Gone) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn let_7_a_link_shows_its_letters_debt_until_30_days_after_it_closed() {
    let (desk, firm, acme) = noticed().await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let link = token(&desk.last_text());
    desk.invoice(&firm, &acme, "A-2", usd(5_000), "2026-03-20").await;
    assert_eq!(invoices(&desk, &link).await, Some(vec!["A-1".to_owned()]), "and no more");
    for wrong in ["", "none", &link[..42], &format!("{link}x"), "a#b", &"x".repeat(43)] {
        assert_eq!(invoices(&desk, wrong).await, None, "for {wrong:?}");
    }
    // Open for a year: the link lives as long as the debt.
    desk.clock.set(at("2027-03-04T12:00:00Z"));
    assert_eq!(invoices(&desk, &link).await, Some(vec!["A-1".to_owned()]));
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    for (now, is_good) in [
        ("2027-03-04T12:00:00Z", true),
        ("2027-04-03T23:00:00Z", true),
        ("2027-04-04T00:30:00Z", false),
    ] {
        desk.clock.set(at(now));
        assert_eq!(invoices(&desk, &link).await.is_some(), is_good, "at {now}");
    }
}

#[tokio::test]
async fn let_7_a_link_lives_30_days_after_its_debt_closed_however_it_did() {
    let because = || Personal::new("agreed");
    let invoice: InvoiceId = "A-1".parse().unwrap();
    let note = |id: &str, invoice| Command::IssueCreditNote {
        id: id.parse().unwrap(),
        amount: usd(10_000),
        invoice,
    };
    let dispute =
        Command::OpenDispute { invoice: invoice.clone(), amount: None, reason: because() };
    let upheld =
        Command::ResolveDispute { invoice: invoice.clone(), outcome: DisputeOutcome::Upheld };
    let cases = [
        ("a credit note", vec![note("CN-1", Some(invoice.clone()))]),
        ("credit without an invoice", vec![note("CN-1", None)]),
        ("an upheld dispute", vec![dispute, upheld]),
        ("a void", vec![Command::VoidInvoice { invoice: invoice.clone(), reason: because() }]),
    ];
    for (how, commands) in cases {
        let (desk, firm, acme) = noticed().await;
        assert_eq!(desk.deliver().await, [Outcome::Sent]);
        let link = token(&desk.last_text());
        desk.clock.set(at("2027-03-04T12:00:00Z"));
        for command in commands {
            desk.act(&firm, &acme, command).await.unwrap();
        }
        let closed = firm.store().load(&acme).await.unwrap().unwrap().account.invoices.is_empty();
        assert!(closed, "by {how}");
        for (now, is_good) in [
            ("2027-03-04T12:00:00Z", true),
            ("2027-04-03T23:00:00Z", true),
            ("2027-04-04T00:30:00Z", false),
        ] {
            desk.clock.set(at(now));
            assert_eq!(invoices(&desk, &link).await.is_some(), is_good, "{how}, at {now}");
        }
    }
}

/// What came in a year before and was put on the debt by now, or came back and was paid again.
#[tokio::test]
async fn let_7_a_link_lives_on_from_the_last_time_that_its_debt_closed() {
    let (desk, firm, acme) = noticed().await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let link = token(&desk.last_text());
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    desk.clock.set(at("2026-03-20T12:00:00Z"));
    let payment = "stripe:pi_1".parse().unwrap();
    let command = Command::RecordPayment { payment, news: News::Returned };
    desk.act(&firm, &acme, command).await.unwrap();
    desk.clock.set(at("2027-03-04T12:00:00Z"));
    assert!(invoices(&desk, &link).await.is_some(), "it is open again");
    desk.pay(&firm, &acme, "stripe:pi_2", usd(10_000)).await;
    for (now, is_good) in [("2027-04-03T23:00:00Z", true), ("2027-04-04T00:30:00Z", false)] {
        desk.clock.set(at(now));
        assert_eq!(invoices(&desk, &link).await.is_some(), is_good, "at {now}");
    }
}

#[tokio::test]
async fn let_7_a_link_is_taken_back_by_its_own_firm() {
    let (desk, firm, acme) = noticed().await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let link = token(&desk.last_text());
    let letter = desk.letters(&firm, &acme).await[0].letter.id;
    let sent = firm.store().sent_letter(&acme, letter).await.unwrap().unwrap();
    let hash = sent.link.unwrap();
    assert!(!hash.contains(&link), "the table has a hash");
    let other = desk.firm("f-2", "UTC", "").await;
    let now = at("2026-03-05T12:00:00Z");
    assert_eq!(other.store().pay_link(&acme, &hash).await.unwrap(), None);
    let command = Command::RevokePayLink { link: hash.clone(), letter: Some(letter) };
    let bea = |role| {
        let roles = [role].into();
        Caller::new(domain::role::Actor::Staff { id: "bea".parse().unwrap(), roles })
    };
    let revoke = async |firm: &Firm, role| execute(firm, &acme, &command, &bea(role), now).await;
    assert!(revoke(&firm, Role::Preparer).await.is_err());
    assert!(revoke(&other, Role::Partner).await.is_err());
    assert!(invoices(&desk, &link).await.is_some());
    revoke(&firm, Role::BillingLead).await.unwrap();
    assert_eq!(invoices(&desk, &link).await, None);
    let kept = firm.store().pay_link(&acme, &hash).await.unwrap().unwrap();
    assert!(kept.revoked_at.is_some() && kept.made_by.is_none());
}

#[tokio::test]
async fn let_7_a_letter_that_is_handed_over_again_holds_the_same_link() {
    let (desk, firm, acme) = noticed().await;
    desk.next_answers(&[Answer::Throttled]);
    let message = desk.waiting().await[0].clone();
    assert!(matches!(desk.send(&message).await.unwrap(), Outcome::Unsent(_)));
    let kept = firm.store().sent_letter(&acme, message.letter).await.unwrap().unwrap();
    let first = token(kept.words.unwrap().text.as_str());
    desk.pass(TimeDelta::hours(1));
    let message = desk.waiting().await[0].clone();
    assert_eq!(desk.send(&message).await.unwrap(), Outcome::Sent);
    assert_eq!(token(&desk.last_text()), first);
    assert!(invoices(&desk, &first).await.is_some());
}

#[tokio::test]
async fn let_7_what_is_done_with_a_link_is_link_in_the_audit() {
    let (desk, firm, acme) = noticed().await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let holder = portal(&desk).hold(&token(&desk.last_text()), Some("r-1".to_owned())).await;
    holder.unwrap().execute(&Command::RequestRecords).await.unwrap();
    let page = store::PageRequest { cursor: None, limit: 1 };
    let records = firm.store().records(&acme, store::Order::Newest, &page).await.unwrap();
    let record = &records.items[0].body;
    assert_eq!(record.actor, domain::role::Actor::Link);
    assert_eq!(record.request_id.as_deref(), Some("r-1"));
    assert_eq!(desk.tasks(&firm, &acme).await, ["records_request"]);
    // A receipt that leaves nothing open has no link.
    desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    assert!(!desk.last_text().contains("/l/"), "{}", desk.last_text());
    let letters = desk.letters(&firm, &acme).await;
    let kind = |letter: &store::LetterRow| match &letter.letter.state {
        domain::letter::LetterState::Left(sending) => Some(sending.kind),
        _ => None,
    };
    assert!(letters.iter().any(|letter| kind(letter) == Some(LetterKind::Receipt)));
}

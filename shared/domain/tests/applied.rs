//! What the account holds after events, and how it is written down: sums that grow, responses in order,
//! a draft's number, names in documents.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::account::{MAX_RESPONSES, UnlockWay, Unlocked};
use domain::apply::apply;
use domain::calendar::{Day, Terms, plus};
use domain::colour::Colour;
use domain::command::{Command, NewInvoice, News};
use domain::decide::{Context, decide};
use domain::event::{Event, Settlement};
use domain::id::InvoiceId;
use domain::invoice::{Line, MAX_LINES, Source};
use domain::letter::{Content, LetterKind};
use domain::lock::{LockCause, Scope};
use domain::money::{Currency, MAX_MINOR};
use domain::numbering::{Numbers, Series};
use domain::payment::{Method, Seen};
use domain::policy::Policy;
use domain::role::{Actor, Role};
use domain::text::Personal;

const CLIENT: Actor = Actor::Client { contact: None };

fn partner() -> Actor {
    staff("pat", Role::Partner)
}

fn because() -> Personal {
    Personal::new("because")
}

fn told(number: u8, minor: u64, on: Option<Day>) -> Command {
    let news = News::Told {
        amount: usd(minor),
        method: Method::Card,
        invoices: Vec::new(),
        seen: Seen::Succeeded,
        on,
    };
    Command::RecordPayment { payment: payment(number), news }
}

#[test]
fn pay_4_what_a_payment_puts_on_an_invoice_in_two_parts_is_one_sum() {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    let dispute =
        Command::OpenDispute { invoice: invoice(1), amount: Some(usd(4_000)), reason: because() };
    desk.try_run(&dispute, &CLIENT).unwrap();
    let credit = Command::IssueCreditNote {
        id: "CN-1".parse().unwrap(),
        amount: usd(500),
        invoice: Some(invoice(1)),
    };
    desk.try_run(&credit, &partner()).unwrap();
    // What is disputed takes no payment that doesn't name it: the rest waits as credit.
    desk.try_run(&told(1, 9_500, None), &Actor::Gateway).unwrap();
    let shares = |desk: &Desk| desk.account.payments[&payment(1)].allocations.clone();
    assert_eq!(shares(&desk), [(invoice(1), usd(5_500))]);
    let settlement = Settlement {
        credit_taken: Some(usd(4_000)),
        allocated: vec![(invoice(1), usd(4_000))],
        ..Settlement::default()
    };
    let source = Source::Payment(payment(1));
    apply(&mut desk.account, &Event::CreditMoved { source, on: desk.day, settlement });
    let paid = &desk.account.invoices[&invoice(1)];
    let from = |source: Source| paid.paid_from(&source);
    let held = from(Source::Payment(payment(1)));
    assert_eq!((held, shares(&desk)), (usd(9_500), vec![(invoice(1), held)]));
    assert_eq!(from(Source::CreditNote("CN-1".parse().unwrap())), usd(500));
    assert_eq!(from(Source::Payment(payment(2))), usd(0));
    assert_eq!((paid.paid(), paid.allocations.len()), (usd(10_000), 2));
}

#[test]
fn pay_5_a_won_chargeback_adds_to_what_the_payment_put_there_meanwhile() {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    desk.try_run(&told(1, 6_000, None), &Actor::Gateway).unwrap();
    let shares = |desk: &Desk| {
        let paid = &desk.account.invoices[&invoice(1)];
        (desk.account.payments[&payment(1)].allocations.clone(), paid.allocations.len())
    };
    let news = |id: &str, state| Command::RecordPayment {
        payment: payment(1),
        news: News::Chargeback { id: id.parse().unwrap(), state },
    };
    use domain::payment::ChargebackState::{Opened, Won};
    for id in ["d-1", "d-2"] {
        desk.try_run(&news(id, Opened), &Actor::Gateway).unwrap();
        assert_eq!(shares(&desk), (Vec::new(), 0));
        desk.try_run(&news(id, Won), &Actor::Gateway).unwrap();
        assert_eq!(shares(&desk), (vec![(invoice(1), usd(6_000))], 1));
    }
}

#[test]
fn let_8_responses_stand_in_order_and_the_oldest_goes() {
    let mut desk = Desk::new(Policy::default());
    let first = desk.day;
    for number in 0..u32::try_from(MAX_RESPONSES).unwrap() {
        apply(&mut desk.account, &Event::Responded { on: plus(first, number) });
        assert_eq!(desk.account.responses.len(), number as usize + 1);
    }
    assert_eq!(desk.account.responses[0].on, first, "all of them are remembered");
    apply(&mut desk.account, &Event::Responded { on: plus(first, 500) });
    assert_eq!(desk.account.responses.len(), MAX_RESPONSES);
    assert_eq!(desk.account.responses[0].on, plus(first, 1));

    // A payment that is recorded later than it was made stands at its day.
    let mut desk = Desk::new(Policy::default());
    let first = desk.day;
    for number in [5, 9] {
        apply(&mut desk.account, &Event::Responded { on: plus(first, number) });
    }
    desk.day = plus(first, 10);
    desk.try_run(&told(1, 100, Some(plus(first, 7))), &partner()).unwrap();
    let days: Vec<_> = desk.account.responses.iter().map(|response| response.on).collect();
    assert_eq!(days, [5, 7, 9].map(|number| plus(first, number)));
}

#[test]
fn inv_7_a_posted_draft_is_called_by_its_number_and_by_nothing_else() {
    let mut desk = Desk::new(Policy::default());
    let draft: InvoiceId = "draft:1".parse().unwrap();
    let new = NewInvoice { id: draft.clone(), is_draft: true, ..new_invoice(1, 10_000) };
    desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    let series = [Series::new("2026-A-", 4, 7).unwrap()];
    assert_eq!((series[0].prefix(), series[0].digits(), series[0].first()), ("2026-A-", 4, 7));
    let number = series[0].number(7).unwrap();
    assert_eq!(number.as_str(), "2026-A-0007");
    let actor = partner();
    let numbers = Numbers { series: &series, drawn: Some(&number) };
    let context = Context { numbers, ..desk.context(&actor) };
    let post = Command::PostInvoice { invoice: draft.clone() };
    for event in decide(&desk.account, &post, &context).unwrap() {
        apply(&mut desk.account, &event);
    }
    assert!(!desk.account.invoices.contains_key(&draft));
    assert_eq!(desk.account.invoices[&number].id, number);
}

#[test]
fn inv_5_an_invoice_takes_the_most_lines_and_the_most_money_and_no_more() {
    let lines = |count: usize| {
        let description = "hours".to_owned();
        let line = Line { description, quantity: 1, unit_amount: usd(1), tax: usd(0) };
        vec![line; count]
    };
    let one_each = u64::try_from(MAX_LINES).unwrap();
    for (lines, minor, is_taken) in [
        (lines(MAX_LINES), one_each, true),
        (lines(MAX_LINES + 1), one_each + 1, false),
        (Vec::new(), MAX_MINOR, true),
        (Vec::new(), MAX_MINOR + 1, false),
    ] {
        let count = lines.len();
        let mut desk = Desk::new(Policy::default());
        let new = NewInvoice { lines, ..new_invoice(1, minor) };
        let issued = desk.try_run(&Command::IssueInvoice(new), &Actor::Import);
        assert_eq!(issued.is_ok(), is_taken, "{count} lines over {minor}: {issued:?}");
    }
}

#[test]
fn inv_3_terms_currencies_and_colours_are_written_by_their_names() {
    for (text, terms) in [("net 30", Terms::Net(30)), ("net 0", Terms::Net(0))] {
        let written = serde_json::to_value(terms).unwrap();
        assert_eq!(serde_json::from_value::<Terms>(written.clone()).unwrap(), terms);
        assert_eq!(written, String::from(terms), "{text}");
        assert!(!String::from(terms).is_empty());
    }
    assert_eq!(serde_json::to_value(Currency::USD).unwrap(), "USD");
    assert_eq!(String::from("JPY".parse::<Currency>().unwrap()), "JPY");
    let colour: Colour = "#3d4f9f".parse().unwrap();
    assert_eq!(serde_json::to_value(colour).unwrap(), "#3d4f9f");
}

#[test]
fn unl_6_how_often_an_unlock_was_asked_for_is_written_down_unless_never() {
    let mut desk = Desk::new(Policy::default());
    let lock = Command::Lock { reason: because(), lines: [].into() };
    desk.try_run(&lock, &partner()).unwrap();
    let written = |desk: &Desk| serde_json::to_value(desk.account.lock().unwrap()).unwrap();
    assert_eq!(written(&desk).get("requests"), None);
    desk.account.locks.get_mut(&Scope::Client).unwrap().requests = 2;
    assert_eq!(written(&desk)["requests"], 2);
}

#[test]
fn let_1_a_letter_that_is_no_debt_letter_has_one_kind() {
    let one = || [invoice(1)].into();
    let until = Desk::new(Policy::default()).day;
    for (content, kind) in [
        (Content::Debt { parts: Vec::new() }, None),
        (Content::WelcomeBack, Some(LetterKind::WelcomeBack)),
        (Content::Receipt { payment: payment(1) }, Some(LetterKind::Receipt)),
        (Content::PaymentFailed { payment: payment(1) }, Some(LetterKind::PaymentFailed)),
        (
            Content::PromiseConfirmation { invoices: one(), until },
            Some(LetterKind::PromiseConfirmation),
        ),
        (Content::PlanConfirmation { invoices: one() }, Some(LetterKind::PlanConfirmation)),
    ] {
        assert_eq!(content.fixed_kind(), kind, "{content:?}");
    }
}

#[test]
fn aud_1_an_unlock_is_told_with_what_was_still_open_if_anything_was() {
    let told = |despite: &[u8]| {
        let despite = despite.iter().map(|number| invoice(*number)).collect();
        let way = UnlockWay::Approved { by: "pat".parse().unwrap(), despite };
        let on = Desk::new(Policy::default()).day;
        let was = LockCause::Hand(because());
        domain::describe::describe(&Event::Unlocked {
            unlocked: Unlocked { on, way, scope: Scope::Client },
            was,
        })
    };
    assert!(!told(&[]).contains("despite"), "{}", told(&[]));
    assert!(told(&[1]).ends_with("despite A-1"), "{}", told(&[1]));
}

//! Late fees never pass their caps, whatever is paid, credited, refunded or disputed, and in whatever order (LF-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff};
use domain::calendar::{days_between, plus};
use domain::command::{Command, DisputeOutcome, NewInvoice, News};
use domain::event::Event;
use domain::fee::{FeeCause, fee_invoice, named_after};
use domain::invoice::Invoice;
use domain::money::{Currency, Money};
use domain::payment::{ChargebackState, Method, Seen};
use domain::policy::{FeeForm, FeeRate, FeeSchedule, LateFee, Policy};
use domain::role::{Actor, Role};
use domain::text::Personal;
use proptest::prelude::*;
use rust_decimal::Decimal;

const TOTAL: u64 = 100_000;

#[derive(Debug, Clone)]
enum Act {
    Pay { id: u8, minor: u64, ach: bool, seen: Seen },
    Refund { payment: u8, minor: u64 },
    Chargeback { payment: u8, state: ChargebackState },
    Return { payment: u8 },
    Credit { id: u8, minor: u64 },
    Dispute { minor: u64 },
    Resolve { outcome: DisputeOutcome },
    Hold { days: u32 },
    Waive,
    AddFee { minor: u64 },
    Wait { days: u32 },
}

fn act() -> impl Strategy<Value = Act> {
    let minor = || 1..TOTAL;
    let outcomes = [DisputeOutcome::Upheld, DisputeOutcome::Rejected, DisputeOutcome::Withdrawn];
    let states = [ChargebackState::Opened, ChargebackState::Lost, ChargebackState::Won];
    let seen = [Seen::Pending, Seen::Succeeded, Seen::Failed];
    prop_oneof![
        4 => (0..4_u8, minor(), any::<bool>(), prop::sample::select(seen.to_vec()))
            .prop_map(|(id, minor, ach, seen)| Act::Pay { id, minor, ach, seen }),
        2 => (0..4_u8, minor()).prop_map(|(payment, minor)| Act::Refund { payment, minor }),
        1 => (0..4_u8, prop::sample::select(states.to_vec()))
            .prop_map(|(payment, state)| Act::Chargeback { payment, state }),
        1 => (0..4_u8).prop_map(|payment| Act::Return { payment }),
        2 => (0..4_u8, minor()).prop_map(|(id, minor)| Act::Credit { id, minor }),
        2 => minor().prop_map(|minor| Act::Dispute { minor }),
        2 => prop::sample::select(outcomes.to_vec()).prop_map(|outcome| Act::Resolve { outcome }),
        1 => (0..40_u32).prop_map(|days| Act::Hold { days }),
        1 => Just(Act::Waive),
        1 => (1..500_u64).prop_map(|minor| Act::AddFee { minor }),
        8 => (1..60_u32).prop_map(|days| Act::Wait { days }),
    ]
}

fn command(act: &Act, desk: &Desk, currency: Currency) -> (Command, Actor) {
    let (pat, money) = (staff("pat", Role::Partner), |minor| Money::new(minor, currency));
    let id = invoice(1);
    let reason = Personal::new("because");
    let news = |of: u8, news| Command::RecordPayment { payment: payment(of), news };
    match act.clone() {
        Act::Pay { id: of, minor, ach, seen } => {
            let method = if ach { Method::Ach } else { Method::Card };
            let told =
                News::Told { amount: money(minor), method, invoices: vec![id], seen, on: None };
            (news(of, told), Actor::Gateway)
        }
        Act::Refund { payment, minor } => {
            let id = format!("r-{payment}-{minor}").parse().unwrap();
            (news(payment, News::Refunded { id, amount: Some(money(minor)) }), Actor::Gateway)
        }
        Act::Chargeback { payment, state } => {
            let id = format!("cb-{payment}").parse().unwrap();
            (news(payment, News::Chargeback { id, state }), Actor::Gateway)
        }
        Act::Return { payment } => (news(payment, News::Returned), Actor::Gateway),
        Act::Credit { id: of, minor } => {
            let note = format!("cn-{of}").parse().unwrap();
            let amount = money(minor);
            (Command::IssueCreditNote { id: note, amount, invoice: Some(id) }, pat)
        }
        Act::Dispute { minor } => {
            let amount = Some(money(minor));
            (Command::OpenDispute { invoice: id, amount, reason }, Actor::Client { contact: None })
        }
        Act::Resolve { outcome } => (Command::ResolveDispute { invoice: id, outcome }, pat),
        Act::Hold { days } => {
            let until = Some(plus(desk.day, days));
            (Command::PlaceHold { invoice: None, until, reason }, pat)
        }
        Act::Waive => (Command::WaiveFees { invoice: id, reason }, pat),
        Act::AddFee { minor } => (Command::AddFee { invoice: id, amount: money(minor) }, pat),
        Act::Wait { .. } => (Command::Evaluate, Actor::Schedule),
    }
}

fn any_late_fee(currency: Currency) -> impl Strategy<Value = LateFee> {
    let percent =
        |most: i64| (1..most).prop_map(|value| Decimal::new(value, 2).to_string().parse().unwrap());
    let rate = prop_oneof![
        percent(3_000).prop_map(FeeRate::Percent),
        (1..TOTAL).prop_map(move |minor| {
            FeeRate::FlatPer([(currency, Money::new(minor, currency))].into())
        }),
    ];
    let cap = (1..TOTAL).prop_map(move |minor| [(currency, Money::new(minor, currency))].into());
    let caps = (prop::option::of(cap), prop::option::of(percent(6_000)));
    let schedule = (0..10_u32, 1..40_u32, 1..13_u32);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (rate, caps, schedule, flags).prop_map(|(rate, caps, days, flags)| LateFee {
        rate,
        schedule: Some(FeeSchedule { grace_days: days.0, every_days: days.1, times: days.2 }),
        include_tax: flags.0,
        cap_amount: caps.0,
        cap_annual: caps.1,
        even_if_paid_late: flags.1,
        form: if flags.2 { FeeForm::Invoice } else { FeeForm::Line },
    })
}

/// The rule's own words, over what is there: unwaived fees by rule, against each cap as of the newest fee's day.
fn is_within_caps(invoice: &Invoice, rule: &LateFee) -> Result<(), TestCaseError> {
    let by_rule = || invoice.fees.iter().filter(|fee| fee.cause != FeeCause::Hand);
    let charged = by_rule().filter(|fee| !fee.amount.is_zero()).count();
    let times = rule.schedule.map_or(0, |schedule| schedule.times);
    prop_assert!(charged <= times as usize, "{charged} fees of {times}");
    let mut standing = 0;
    for fee in by_rule().filter(|fee| fee.stands()) {
        standing += fee.amount.minor();
        let days = days_between(invoice.due_on, fee.for_day);
        if let Some(rate) = rule.cap_annual {
            // fees <= base x percent x days / 365, and no base is more than the invoice.
            let rate: Decimal = rate.to_string().parse().unwrap();
            let limit = Decimal::from(invoice.total.minor()) * rate * Decimal::from(days);
            let most = Decimal::from(standing) * Decimal::from(36_500);
            prop_assert!(most <= limit, "{standing} after {days} days at {rate} %");
        }
    }
    let cap = rule.cap_amount.as_ref().and_then(|caps| caps.get(&invoice.total.currency()));
    prop_assert!(cap.is_none_or(|cap| standing <= cap.minor()), "{standing} over {cap:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever the order and days of payments, credits, refunds and disputes, in currencies of each
    /// exponent; and no cent is made or lost meanwhile, which the desk looks at after each command (PAY-6).
    #[test]
    fn lf_1_and_pay_6_fees_never_pass_a_cap(
        (currency, rule) in prop::sample::select(vec!["USD", "JPY", "BHD"]).prop_flat_map(|code| {
            let currency: Currency = code.parse().unwrap();
            (Just(currency), any_late_fee(currency))
        }),
        tax in 0..TOTAL,
        acts in prop::collection::vec(act(), 1..30),
    ) {
        let mut policy = Policy { late_fee: Some(rule.clone()), ..Policy::default() };
        policy.lock.days_overdue = None;
        let mut desk = Desk::new(policy);
        desk.account.profile.terms_allow_late_fee = true;
        desk.account.profile.currency = currency;
        desk.credits_in = currency;
        let line = domain::invoice::Line {
            description: "Return".to_owned(),
            quantity: 1,
            unit_amount: Money::new(TOTAL - tax, currency),
            tax: Money::new(tax, currency),
        };
        let total = Money::new(TOTAL, currency);
        let new = NewInvoice { lines: vec![line], total, ..new_invoice(1, TOTAL) };
        desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
        for act in &acts {
            let (command, actor) = command(act, &desk, currency);
            let days = if let Act::Wait { days } = act { *days } else { 0 };
            for _ in 0..days {
                desk.next_day();
                is_within_caps(&desk.account.invoices[&invoice(1)], &rule)?;
            }
            desk.run(&command, &actor);
            is_within_caps(&desk.account.invoices[&invoice(1)], &rule)?;
            let again = desk.run(&Command::Evaluate, &Actor::Schedule);
            prop_assert!(again.is_empty() || days > 0, "evaluated again: {again:?}");
        }
        // Each fee that is an invoice has a number of its own, and is known by it.
        let fees = &desk.account.invoices[&invoice(1)].fees;
        let numbers: Vec<_> = fees.iter().filter_map(|fee| fee.invoice.clone()).collect();
        let expected: Vec<_> =
            (1..=numbers.len()).map(|n| fee_invoice(&invoice(1), n).unwrap()).collect();
        prop_assert_eq!(&numbers, &expected);
        prop_assert_eq!(BTreeSet::from_iter(&numbers).len(), numbers.len());
        let charged = desk.events.iter().filter(|event| matches!(event, Event::FeeCharged { .. }));
        prop_assert_eq!(charged.count(), fees.iter().filter(|fee| !fee.amount.is_zero()).count());
    }
}

#[test]
fn lf_1_the_number_of_a_fee_is_known_by_its_form() {
    for (number, of) in [
        ("A-1-F1", Some("A-1")),
        ("A-1-F12", Some("A-1")),
        ("A-F1-F2", Some("A-F1")),
        ("A-1-F0", None),
        ("A-1-F01", None),
        ("A-1-F", None),
        ("A-1-F1a", None),
        ("-F1", None),
        ("F-1", None),
        ("A-1", None),
    ] {
        let found = named_after(&number.parse().unwrap());
        assert_eq!(found, of.map(|of| of.parse().unwrap()), "for {number}");
    }
}

//! Laws that hold for any sequence of commands (PAY-3, PAY-6, EVAL-1, EVAL-2, AUD-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::{BTreeMap, BTreeSet};

use desk::{Desk, invoice, money, payment, staff, usd};
use domain::account::Account;
use domain::apply::fold;
use domain::calendar::{Day, plus};
use domain::charge::ChargeId;
use domain::command::{Command, DisputeOutcome, NewInvoice, News};
use domain::decide::{decide, evaluation_on, may_decide, next_evaluation, next_look};
use domain::event::Event;
use domain::foretell::foretell;
use domain::id::{InvoiceId, ServiceLine};
use domain::invoice::InvoiceKind;
use domain::letter::LetterState;
use domain::message::{Channel, MessageId, NewMessage};
use domain::money::{Currency, Money};
use domain::payment::{ChargebackState, Method, PaymentState, Seen};
use domain::plan::Instalment;
use domain::policy::{
    Action, AutoCharge, ChargeWhen, FeeForm, FeeRate, FeeSchedule, LateFee, LockScope, Policy,
    Require, Step, ThresholdOn, UnlockMode, When,
};
use domain::role::{Actor, Role};
use domain::statement::{Book, Part, Statement};
use domain::text::Personal;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

#[derive(Debug, Clone)]
enum Act {
    Issue { number: u8, amount: u64, yen: bool, out_of_turn: bool, back: u32, ahead: u32 },
    Pay { id: u8, amount: u64, invoice: Option<u8>, ach: bool, seen: Seen, yen: bool },
    Refund { id: u8, payment: u8, amount: u64 },
    Chargeback { id: u8, payment: u8, state: ChargebackState },
    Return { payment: u8 },
    Credit { id: u8, amount: u64, invoice: Option<u8> },
    Void { number: u8 },
    WriteOff { number: u8 },
    AddFee { number: u8, amount: u64, yen: bool },
    WaiveFees { number: u8 },
    Dispute { number: u8, amount: u64 },
    Resolve { number: u8, outcome: DisputeOutcome },
    Promise { number: Option<u8>, days: u32, client: bool },
    Plan { number: u8, days: u32 },
    Hold { number: Option<u8>, days: Option<u32> },
    Release { number: Option<u8> },
    Lock { of: u8 },
    Request { of: u8 },
    Approve { of: u8 },
    Exception { days: u32, of: u8 },
    ApproveStep { action: Action },
    ApproveClose,
    ReturnReferral,
    Message,
    Reply,
    ReadReply,
    SaveMethod { id: u8, ach: bool },
    RemoveMethod { id: u8 },
    Charged { number: u8, ends: u8 },
    Wait { days: u32 },
}

impl Act {
    fn command(&self, account: &Account, day: Day) -> (Command, Actor) {
        let (bea, pat) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
        let reason = Personal::new("because");
        match self.clone() {
            Self::Issue { number, amount, yen, out_of_turn, back, ahead } => {
                let kind = if out_of_turn { InvoiceKind::OutOfTurn } else { InvoiceKind::Regular };
                let issued_on = Some(domain::calendar::minus(plus(day, ahead), back));
                let new = NewInvoice {
                    id: invoice(number),
                    kind,
                    service_line: line(number),
                    lines: Vec::new(),
                    total: money(amount, yen),
                    issued_on,
                    due_on: None,
                    posts_on: None,
                    is_draft: false,
                    deposit: None,
                };
                (Command::IssueInvoice(new), bea)
            }
            Self::Pay { id, amount, invoice: named, ach, seen, yen } => {
                let method = if ach { Method::Ach } else { Method::Card };
                let invoices = named.map(invoice).into_iter().collect();
                let news =
                    News::Told { amount: money(amount, yen), method, invoices, seen, on: None };
                (Command::RecordPayment { payment: payment(id), news }, Actor::Gateway)
            }
            Self::Refund { id, payment: of, amount } => {
                let id = format!("r-{of}-{id}").parse().unwrap();
                let news = News::Refunded { id, amount: Some(usd(amount)) };
                (Command::RecordPayment { payment: payment(of), news }, Actor::Gateway)
            }
            Self::Chargeback { id, payment: of, state } => {
                let id = format!("cb-{of}-{id}").parse().unwrap();
                let news = News::Chargeback { id, state };
                (Command::RecordPayment { payment: payment(of), news }, Actor::Gateway)
            }
            Self::Return { payment: of } => (
                Command::RecordPayment { payment: payment(of), news: News::Returned },
                Actor::Gateway,
            ),
            Self::Credit { id, amount, invoice: named } => {
                let id = format!("cn-{id}").parse().unwrap();
                (
                    Command::IssueCreditNote {
                        id,
                        amount: usd(amount),
                        invoice: named.map(invoice),
                    },
                    bea,
                )
            }
            Self::Void { number } => {
                (Command::VoidInvoice { invoice: invoice(number), reason }, bea)
            }
            Self::WriteOff { number } => {
                (Command::WriteOff { invoice: invoice(number), reason }, pat)
            }
            Self::AddFee { number, amount, yen } => {
                (Command::AddFee { invoice: invoice(number), amount: money(amount, yen) }, pat)
            }
            Self::WaiveFees { number } => {
                (Command::WaiveFees { invoice: invoice(number), reason }, pat)
            }
            Self::Dispute { number, amount } => {
                let amount = Some(usd(amount));
                (
                    Command::OpenDispute { invoice: invoice(number), amount, reason },
                    Actor::Client { contact: None },
                )
            }
            Self::Resolve { number, outcome } => {
                (Command::ResolveDispute { invoice: invoice(number), outcome }, pat)
            }
            Self::Promise { number, days, client } => {
                let command =
                    Command::MakePromise { invoice: number.map(invoice), until: plus(day, days) };
                (command, if client { Actor::Client { contact: None } } else { bea })
            }
            Self::Plan { number, days } => {
                let owed = account
                    .invoices
                    .get(&invoice(number))
                    .map_or(usd(1), |invoice| invoice.balance());
                let first = Money::new(owed.minor() / 2, owed.currency());
                let rest = Money::new(owed.minor() - first.minor(), owed.currency());
                let instalments = vec![
                    Instalment { due_on: plus(day, days), amount: first },
                    Instalment { due_on: plus(day, days * 2), amount: rest },
                ];
                (
                    Command::BeginPlan { invoices: BTreeSet::from([invoice(number)]), instalments },
                    pat,
                )
            }
            Self::Hold { number, days } => {
                let until = days.map(|days| plus(day, days));
                (Command::PlaceHold { invoice: number.map(invoice), until, reason }, bea)
            }
            Self::Release { number } => {
                (Command::ReleaseHold { invoice: number.map(invoice) }, bea)
            }
            Self::Lock { of } => (Command::Lock { reason, lines: lines(of) }, bea),
            Self::Request { of } => (Command::RequestUnlock { lines: lines(of) }, bea),
            Self::Approve { of } => (Command::ApproveUnlock { lines: lines(of) }, pat),
            Self::Exception { days, of } => {
                let (until, lines) = (Some(plus(day, days)), lines(of));
                (Command::ExceptionUnlock { reason, until, lines }, pat)
            }
            Self::ApproveStep { action } => (Command::ApproveStep { action }, pat),
            Self::ApproveClose => (Command::ApproveClose, pat),
            Self::ReturnReferral => (Command::ReturnReferral { reason }, bea),
            Self::Message => (Command::NoteMessage, Actor::Client { contact: None }),
            Self::Reply => {
                let (channel, address, letter) = (Channel::Mail, None, None);
                let new = NewMessage { channel, address, letter, text: reason };
                (Command::ReceiveMessage(new), Actor::Client { contact: None })
            }
            Self::ReadReply => (Command::ReadMessage { message: MessageId(u64::MAX) }, bea),
            Self::SaveMethod { id, ach } => {
                (Command::SaveMethod(desk::new_method(id, ach)), Actor::Client { contact: None })
            }
            Self::RemoveMethod { id } => (Command::RemoveMethod { method: desk::method(id) }, bea),
            // The claim, or what came of it.
            Self::Charged { number, ends } => {
                let charge = account.charges.get(&invoice(number));
                let id = charge.map(|charge| charge.id.clone());
                let charge = id.unwrap_or(ChargeId { invoice: invoice(number), attempt: 1 });
                match desk::outcome(ends, &charge) {
                    Some(outcome) => (Command::EndCharge { charge, outcome }, Actor::Gateway),
                    None => (Command::ClaimCharge { charge }, Actor::Schedule),
                }
            }
            Self::Wait { .. } => (Command::Evaluate, Actor::Schedule),
        }
    }
}

/// Invoices 0 and 3 name no line.
fn line(number: u8) -> Option<ServiceLine> {
    match number {
        1 => Some("tax".parse().unwrap()),
        2 => Some("audit".parse().unwrap()),
        _ => None,
    }
}

/// None of the lines, one of the three, or two of them.
fn lines(of: u8) -> BTreeSet<ServiceLine> {
    let all = ["-", "audit", "tax"].map(|name| name.parse().unwrap());
    all.into_iter()
        .enumerate()
        .filter(|(place, _)| of & (1 << place) != 0)
        .map(|(_, l)| l)
        .collect()
}

fn of_lines() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0_u8), 4 => 1..7_u8]
}

/// The act, and what follows from it.
fn apply_act(desk: &mut Desk, act: &Act) {
    let (command, actor) = act.command(&desk.account, desk.day);
    desk.run(&command, &actor);
    desk.settle();
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![1 => Just(Seen::Pending), 1 => Just(Seen::Failed), 3 => Just(Seen::Succeeded)]
}

fn chargeback() -> impl Strategy<Value = ChargebackState> {
    prop_oneof![
        Just(ChargebackState::Opened),
        Just(ChargebackState::Lost),
        Just(ChargebackState::Won)
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let number = 0..4_u8;
    let named = || prop::option::of(0..4_u8);
    let amount = || 1..300_u64;
    prop_oneof![
        4 => (number.clone(), 0..200_u64, prop::bool::weighted(0.2), any::<bool>(), 0..90_u32, 0..9_u32).prop_map(
            |(number, amount, yen, out_of_turn, back, ahead)| Act::Issue { number, amount, yen, out_of_turn, back, ahead }
        ),
        4 => (0..4_u8, amount(), named(), any::<bool>(), seen(), prop::bool::weighted(0.2))
            .prop_map(|(id, amount, invoice, ach, seen, yen)| Act::Pay { id, amount, invoice, ach, seen, yen }),
        2 => (0..3_u8, 0..4_u8, amount()).prop_map(|(id, payment, amount)| Act::Refund { id, payment, amount }),
        2 => (0..2_u8, 0..4_u8, chargeback()).prop_map(|(id, payment, state)| Act::Chargeback { id, payment, state }),
        1 => (0..4_u8).prop_map(|payment| Act::Return { payment }),
        1 => (0..6_u8, amount(), named()).prop_map(|(id, amount, invoice)| Act::Credit { id, amount, invoice }),
        1 => number.clone().prop_map(|number| Act::Void { number }),
        1 => number.clone().prop_map(|number| Act::WriteOff { number }),
        1 => (number.clone(), amount(), prop::bool::weighted(0.2)).prop_map(|(number, amount, yen)| Act::AddFee { number, amount, yen }),
        1 => number.clone().prop_map(|number| Act::WaiveFees { number }),
        3 => (number.clone(), amount()).prop_map(|(number, amount)| Act::Dispute { number, amount }),
        3 => (number.clone(), prop_oneof![1 => Just(DisputeOutcome::Upheld), 3 => Just(DisputeOutcome::Rejected), 1 => Just(DisputeOutcome::Withdrawn)])
            .prop_map(|(number, outcome)| Act::Resolve { number, outcome }),
        1 => (named(), 0..16_u32, any::<bool>()).prop_map(|(number, days, client)| Act::Promise { number, days, client }),
        1 => (number.clone(), 0..20_u32).prop_map(|(number, days)| Act::Plan { number, days }),
        1 => (named(), prop::option::of(0..20_u32)).prop_map(|(number, days)| Act::Hold { number, days }),
        1 => named().prop_map(|number| Act::Release { number }),
        1 => of_lines().prop_map(|of| Act::Lock { of }),
        1 => of_lines().prop_map(|of| Act::Request { of }),
        1 => of_lines().prop_map(|of| Act::Approve { of }),
        1 => (0..20_u32, of_lines()).prop_map(|(days, of)| Act::Exception { days, of }),
        1 => prop_oneof![Just(Action::FinalDemand), Just(Action::CollectionsReferral)].prop_map(|action| Act::ApproveStep { action }),
        1 => Just(Act::ApproveClose),
        1 => Just(Act::ReturnReferral),
        1 => Just(Act::Message),
        1 => Just(Act::Reply),
        2 => Just(Act::ReadReply),
        2 => (0..2_u8, any::<bool>()).prop_map(|(id, ach)| Act::SaveMethod { id, ach }),
        1 => (0..2_u8).prop_map(|id| Act::RemoveMethod { id }),
        4 => (0..4_u8, 0..8_u8).prop_map(|(number, ends)| Act::Charged { number, ends }),
        6 => (1..40_u32).prop_map(|days| Act::Wait { days }),
    ]
}

/// Steps that announce, limit, lock and close, or none of them.
fn restrictions() -> impl Strategy<Value = fn(&mut Policy)> {
    fn announced(step: Step, before: &[u32]) -> Step {
        Step { notify_before: before.iter().copied().collect(), ..step }
    }
    let some = |policy: &mut Policy| {
        let at = |days, action| Step::new(When::DaysOverdue(days), action);
        policy.lock.notify_before = BTreeSet::from([5, 2]);
        let limit = Step { unless_response_days: Some(4), ..at(6, Action::Limit) };
        policy.regular.steps.push(announced(limit, &[3, 8]));
        policy.regular.steps.push(announced(at(22, Action::Close), &[4]));
        policy.out_of_turn.steps.push(at(3, Action::Limit));
        policy.out_of_turn.steps.push(at(9, Action::Lock));
        let close = Step::new(When::AfterLock(9), Action::Close);
        policy.out_of_turn.steps.push(announced(close, &[3]));
    };
    prop_oneof![2 => Just((|_| {}) as fn(&mut Policy)), 1 => Just(some as fn(&mut Policy))]
}

fn policy() -> impl Strategy<Value = Policy> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let scope = prop::sample::select(vec![LockScope::Client, LockScope::ServiceLines]);
    let charges = (prop::option::weighted(0.6, auto_charge()), prop::option::of(auto_charge()));
    let flags = (flags, restrictions(), scope, charges);
    (0..4_u32, flags, prop::option::of(late_fee()), prop::option::weighted(0.3, 1..20_u32))
        .prop_map(
            |(
                after_notice_days,
                ((on_payment, lock_waits, letters_wait, relocks), restricts, scope, charges),
                late_fee,
                step,
            )| {
                let mut policy = Policy::default();
                restricts(&mut policy);
                policy.lock.after_notice_days = after_notice_days;
                policy.lock.scope = scope;
                policy.lock.working_days_only = lock_waits;
                policy.lock.relock_after_exception = relocks;
                policy.letters.working_days_only = letters_wait;
                if on_payment {
                    policy.unlock.mode = UnlockMode::OnPayment;
                }
                policy.late_fee = late_fee;
                policy.regular.auto_charge = charges.0;
                policy.out_of_turn.auto_charge = charges.1;
                if let (Some(fee), Some(days)) = (&mut policy.late_fee, step) {
                    fee.schedule = None;
                    for when in [
                        When::DaysOverdue(days),
                        When::DaysOverdue(days + 20),
                        When::AfterLock(days),
                    ] {
                        policy.regular.steps.push(Step::new(when, Action::LateFee));
                    }
                }
                policy
            },
        )
}

fn auto_charge() -> impl Strategy<Value = AutoCharge> {
    let when = prop::sample::select(vec![ChargeWhen::OnIssue, ChargeWhen::OnDue]);
    let retry_days = prop::collection::btree_set(1..9_u32, 0..4);
    (when, retry_days).prop_map(|(when, retry_days)| AutoCharge { when, retry_days })
}

fn late_fee() -> impl Strategy<Value = LateFee> {
    let percent = |most: i64| {
        (1..most).prop_map(|value| format!("{}.{}", value / 10, value % 10).parse().unwrap())
    };
    let rate = prop_oneof![
        percent(300).prop_map(FeeRate::Percent),
        (1..500_i64).prop_map(|value| FeeRate::Flat(rust_decimal::Decimal::new(value, 2))),
    ];
    let schedule = (0..6_u32, 1..40_u32, 1..6_u32);
    let cap = prop::option::of((1..100_u64).prop_map(|minor| [(Currency::USD, usd(minor))].into()));
    let flags = (any::<bool>(), any::<bool>());
    (rate, schedule, cap, prop::option::of(percent(500)), flags).prop_map(
        |(rate, (grace_days, every_days, times), cap_amount, cap_annual, (keeps, beside))| {
            LateFee {
                rate,
                schedule: Some(FeeSchedule { grace_days, every_days, times }),
                include_tax: true,
                cap_amount,
                cap_annual,
                even_if_paid_late: keeps,
                form: if beside { FeeForm::Invoice } else { FeeForm::Line },
            }
        },
    )
}

/// A client whose engagement allows late fees.
fn desk_with(policy: Policy) -> Desk {
    let mut desk = Desk::new(policy);
    desk.account.profile.terms_allow_late_fee = true;
    desk
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whatever happens: the fold of the events is the account, no cent is made or lost (PAY-6), an
    /// evaluation repeated on the same day writes nothing (EVAL-2).
    #[test]
    fn pay_6_and_eval_2_hold_after_any_commands(policy in policy(), acts in prop::collection::vec(act(), 1..30)) {
        let mut desk = desk_with(policy);
        for act in &acts {
            if let Act::Wait { days } = act {
                for _ in 0..*days {
                    desk.next_day();
                }
            } else {
                apply_act(&mut desk, act);
            }
            let again = desk.run(&Command::Evaluate, &Actor::Schedule);
            let repeated = desk.run(&Command::Evaluate, &Actor::Schedule);
            prop_assert!(matches!(act, Act::Wait { .. }) <= again.is_empty(), "a second evaluation wrote {again:?}");
            prop_assert!(repeated.is_empty(), "a repeated evaluation wrote {repeated:?}");
        }
    }

    /// `next_evaluation` is the first later day on which the daily evaluation writes anything (EVAL-1).
    #[test]
    fn eval_1_next_evaluation_is_the_first_day_that_writes(policy in policy(), acts in prop::collection::vec(act(), 1..16)) {
        let mut desk = desk_with(policy);
        for act in &acts {
            if let Act::Wait { days } = act {
                for _ in 0..*days {
                    desk.next_day();
                }
            } else {
                apply_act(&mut desk, act);
            }
            desk.run(&Command::Evaluate, &Actor::Schedule);
        }
        for _ in 0..3 {
            let next = next_evaluation(&desk.account, &desk.context(&Actor::Schedule));
            let mut first = None;
            for _ in 0..200 {
                desk.leave();
                desk.day = plus(desk.day, 1);
                if !desk.run(&Command::Evaluate, &Actor::Schedule).is_empty() {
                    first = Some(desk.day);
                    break;
                }
            }
            if first.is_some() || next.is_some_and(|next| next <= desk.day) {
                prop_assert_eq!(next, first);
            }
        }
    }

    /// No day on which an evaluation would write anything is passed over without evaluating (EVAL-1, EVAL-3).
    #[test]
    fn eval_1_and_3_the_days_that_are_evaluated_are_all_that_would_write(
        policy in varied(policy()),
        acts in prop::collection::vec(act(), 1..20),
        is_evaluated in any::<bool>(),
    ) {
        let desk = lived(policy, &acts, is_evaluated);
        let context = desk.context(&Actor::Schedule);
        let mut first = None;
        for day in desk.day.iter_days().skip(1).take(150) {
            let events = evaluation_on(&desk.account, &context, day);
            let is_looked_at = may_decide(&desk.account, &context, day);
            prop_assert!(events.is_empty() || is_looked_at, "nobody looks on {}, but it would write {:?}", day, events);
            first = first.or((!events.is_empty()).then_some(day));
        }
        let (next, look) = (next_evaluation(&desk.account, &context), next_look(&desk.account, &context));
        if first.is_some() {
            prop_assert_eq!(next, first);
        }
        prop_assert!(next.is_none() || look.is_some_and(|look| Some(look) <= next), "{:?} looks at {:?}", next, look);
    }

    /// What is foretold of a client is what the days then bring, one after the other (EVAL-5).
    #[test]
    fn eval_5_what_is_foretold_is_what_day_by_day_evaluation_does(
        policy in varied(policy()),
        acts in prop::collection::vec(act(), 1..20),
        is_evaluated in any::<bool>(),
    ) {
        let mut desk = lived(policy, &acts, is_evaluated);
        let told = foretell(&desk.account, &desk.context(&Actor::Schedule)).take(5);
        let told: Vec<_> = told.map(|coming| (coming.on, coming.events)).collect();
        let last = told.last().map_or(plus(desk.day, 150), |(on, _)| *on).min(plus(desk.day, 250));
        let mut came = Vec::new();
        while desk.day < last {
            desk.leave();
            desk.day = plus(desk.day, 1);
            let events = desk.run(&Command::Evaluate, &Actor::Schedule);
            came.extend((!events.is_empty()).then_some((desk.day, events)));
        }
        let told: Vec<_> = told.into_iter().filter(|(on, _)| *on <= last).collect();
        prop_assert_eq!(told, came);
    }

    /// What [`Account::forget_closed`] drops decides nothing: days, letters, new invoices and payments go on as before.
    #[test]
    fn eval_1_what_is_forgotten_changes_no_later_decision(
        policy in varied(policy()),
        acts in prop::collection::vec(act(), 5..40),
    ) {
        let mut desk = lived(policy, &acts, true);
        let mut forgetful = desk.account.clone();
        forgetful.forget_closed(&desk.context(&Actor::Schedule));
        for day in 1..80 {
            desk.day = plus(desk.day, 1);
            let mut commands = vec![Command::Evaluate];
            if day % 30 == 9 {
                let id = format!("B-{day}").parse().unwrap();
                commands.push(Command::IssueInvoice(NewInvoice { id, ..desk::new_invoice(9, 5_000) }));
            }
            if day % 30 == 20 {
                commands.extend(payment_of_the_oldest(&desk.account, day));
            }
            let queued = desk.account.letters.values().filter(|l| l.state == LetterState::Queued);
            let leaving = queued.filter(|letter| letter.leaves_on <= desk.day);
            commands.extend(leaving.map(|letter| Command::ClaimLetter { letter: letter.id }));
            for command in commands {
                let context = desk.context(&Actor::Schedule);
                let expected = decide(&desk.account, &command, &context);
                let actual = decide(&forgetful, &command, &context);
                prop_assert_eq!(&actual, &expected, "after {} days: {:?}", day, command);
                let events = expected.unwrap_or_default();
                desk.account = fold(desk.account, &events);
                forgetful = fold(forgetful, &events);
            }
            forgetful.forget_closed(&desk.context(&Actor::Schedule));
        }
    }

    /// A statement of account: what was there, and all that happened, is what is there; and that is what the account
    /// comes to, in each currency and for any days (PAY-6).
    #[test]
    fn pay_6_opening_and_entries_of_a_statement_come_to_its_closing(
        policy in policy(),
        acts in prop::collection::vec(act(), 1..40),
        after in 0..60_u32,
    ) {
        let desk = lived(policy, &acts, true);
        let account = &desk.account;
        let mut book = Book::new(account.firm.clone(), account.client.clone(), account.profile.clone());
        for (event, day) in desk.events.iter().zip(&desk.days) {
            book.add(*day, event);
        }
        prop_assert_eq!(&book.account().invoices, &account.invoices);
        let (first, last) = (Day::MIN, plus(desk.day, 200)); // invoices may be dated ahead
        let middle = plus("2026-01-01".parse().unwrap(), after);
        let whole = book.statement(first, last);
        let (before, since) = (book.statement(first, middle), book.statement(plus(middle, 1), last));
        for part in whole.parts.iter().chain(&before.parts).chain(&since.parts) {
            let mut balance = part.opening.minor();
            for entry in &part.entries {
                prop_assert!(!entry.sum.amount.is_zero(), "an entry of nothing: {entry:?}");
                balance += entry.sum.minor();
                prop_assert_eq!(entry.balance.minor(), balance);
            }
            prop_assert_eq!(part.closing.minor(), balance);
        }
        for part in &whole.parts {
            let owed: u64 = account.open_invoices()
                .filter(|invoice| invoice.total.currency() == part.currency)
                .map(|invoice| invoice.balance().minor()).sum();
            let credit = account.credit(part.currency).minor();
            prop_assert_eq!(part.closing.minor(), i128::from(owed) - i128::from(credit));
            prop_assert_eq!(part.closing, book.balance(part.currency));
            prop_assert_eq!(part.opening.minor(), 0);
            let of = |statement: &Statement, side: fn(&Part) -> i128| {
                let found = statement.parts.iter().find(|known| known.currency == part.currency);
                found.map_or(0, side)
            };
            prop_assert_eq!(of(&before, |part| part.closing.minor()), of(&since, |part| part.opening.minor()));
        }
    }

    /// The news about payments, in any order and with repeats, ends in the same money (PAY-3).
    #[test]
    fn pay_3_news_in_any_order_ends_in_the_same_account(
        order in Just(news()).prop_shuffle(),
        repeats in prop::collection::vec(0..NEWS, 0..6),
        keep in prop::collection::vec(any::<bool>(), NEWS),
    ) {
        let mut chosen: Vec<_> = order.iter().filter(|(index, _)| keep[*index]).cloned().collect();
        for repeat in repeats {
            if let Some(again) = chosen.iter().find(|(index, _)| *index == repeat).cloned() {
                chosen.push(again);
            }
        }
        let shuffled = after(&chosen);
        chosen.sort_by_key(|(index, _)| *index);
        chosen.dedup_by_key(|(index, _)| *index);
        prop_assert_eq!(shuffled, after(&chosen));
    }
}

/// The account after those acts, and the evaluation of its last day if it is to have one.
fn lived(policy: Policy, acts: &[Act], is_evaluated: bool) -> Desk {
    let mut desk = desk_with(policy);
    for act in acts {
        if let Act::Wait { days } = act {
            (0..*days).for_each(|_| desk.next_day());
        } else {
            apply_act(&mut desk, act);
        }
    }
    if is_evaluated {
        desk.run(&Command::Evaluate, &Actor::Schedule);
        desk.leave();
    }
    desk
}

/// Half of what is owed on the oldest open invoice.
fn payment_of_the_oldest(account: &Account, day: u32) -> Option<Command> {
    let oldest = account.open_invoices().min_by_key(|invoice| (invoice.due_on, &invoice.id))?;
    let amount = Money::new(oldest.balance().minor().div_ceil(2), oldest.total.currency());
    let (method, invoices, seen) = (Method::Check, vec![oldest.id.clone()], Seen::Succeeded);
    let news = News::Told { amount, method, invoices, seen, on: None };
    Some(Command::RecordPayment { payment: format!("check {day}").parse().unwrap(), news })
}

/// With other triggers, thresholds and fewer steps.
fn varied(policy: impl Strategy<Value = Policy>) -> impl Strategy<Value = Policy> {
    let triggers =
        (prop::option::of(1..9_u32), prop::option::of(2..4_u32), prop::option::of(50..200_u64));
    let steps = (any::<bool>(), prop::collection::vec(any::<bool>(), 6));
    (policy, triggers, any::<bool>(), 0..60_u64, steps).prop_map(
        |(mut policy, (days, count, balance), all, threshold, (client_overdue, kept))| {
            policy.lock.days_overdue = days;
            policy.lock.unpaid_invoices = count;
            policy.lock.balance = balance.map(|minor| [(Currency::USD, usd(minor))].into());
            if all {
                policy.lock.require = Require::All;
            }
            policy.collection_threshold = [(Currency::USD, usd(threshold))].into();
            if client_overdue {
                policy.collection_threshold_on = ThresholdOn::ClientOverdue;
            }
            let mut kept = kept.into_iter();
            policy.regular.steps.retain(|_| kept.next().unwrap_or(true));
            policy
        },
    )
}

/// How often a day that is looked at has nothing: what narrowing them is for.
#[test]
fn eval_3_hardly_a_day_is_looked_at_for_nothing() {
    let mut runner = TestRunner::deterministic();
    let (mut looks, mut finds) = (0_u32, 0_u32);
    for _ in 0..200 {
        let policy = varied(policy()).new_tree(&mut runner).unwrap().current();
        let acts = prop::collection::vec(act(), 10..40).new_tree(&mut runner).unwrap().current();
        let desk = lived(policy, &acts, true);
        let context = desk.context(&Actor::Schedule);
        if let Some(day) = next_look(&desk.account, &context) {
            looks += 1;
            finds += u32::from(!evaluation_on(&desk.account, &context, day).is_empty());
        }
    }
    assert!(50 < looks, "{looks} are too few to say anything");
    assert!(
        looks * 10 <= finds * 11,
        "{looks} days were looked at, on {finds} there was something"
    );
}

const NEWS: usize = 9;

/// All that can be told of one payment over 100.00 that names an invoice over 80.00.
fn news() -> Vec<(usize, News)> {
    let told = |seen| News::Told {
        amount: usd(10_000),
        method: Method::Ach,
        invoices: vec![invoice(1)],
        seen,
        on: None,
    };
    let refund =
        |id: &str, minor| News::Refunded { id: id.parse().unwrap(), amount: Some(usd(minor)) };
    let chargeback = |id: &str, state| News::Chargeback { id: id.parse().unwrap(), state };
    let all = [
        told(Seen::Pending),
        told(Seen::Failed),
        told(Seen::Succeeded),
        refund("r-1", 3_000),
        refund("r-2", 2_000),
        News::Returned,
        chargeback("cb-1", ChargebackState::Opened),
        chargeback("cb-1", ChargebackState::Won),
        chargeback("cb-2", ChargebackState::Opened),
    ];
    all.into_iter().enumerate().collect()
}

/// Where the money is after those news, and what the payment is called.
fn after(news: &[(usize, News)]) -> (PaymentState, BTreeMap<InvoiceId, Money>, Money) {
    let mut desk = Desk::new(Policy::default());
    for (number, amount) in [(1, 8_000), (2, 5_000)] {
        apply_act(
            &mut desk,
            &Act::Issue { number, amount, yen: false, out_of_turn: false, back: 0, ahead: 0 },
        );
    }
    for (_, news) in news {
        let command = Command::RecordPayment { payment: payment(1), news: news.clone() };
        desk.run(&command, &Actor::Gateway);
    }
    let state = desk
        .account
        .payments
        .get(&payment(1))
        .map_or(PaymentState::Unknown, |payment| payment.state());
    let balances = desk
        .account
        .invoices
        .values()
        .map(|invoice| (invoice.id.clone(), invoice.balance()))
        .collect();
    (state, balances, desk.account.credit(Currency::USD))
}

/// A law that is only tried on quiet accounts says little: the random acts above reach these events.
#[test]
fn eval_2_and_pay_6_are_tried_on_eventful_accounts() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..700 {
        let policy = policy().new_tree(&mut runner).unwrap().current();
        let acts = prop::collection::vec(act(), 10..40).new_tree(&mut runner).unwrap().current();
        let mut desk = desk_with(policy);
        for act in &acts {
            if let Act::Wait { days } = act {
                (0..*days).for_each(|_| desk.next_day());
            } else {
                apply_act(&mut desk, act);
            }
        }
        seen.extend(desk.events.iter().map(name));
    }
    let quiet: BTreeSet<_> = [
        "charge_asked",
        "charge_ended",
        "charge_requested",
        "collection_rests",
        "caught_up",
        "credit_moved",
        "dispute_ended",
        "exception_begun",
        "exception_ended",
        "fee_charged",
        "fee_taken_back",
        "fee_waived",
        "hold_ended",
        "invoice_voided",
        "invoice_written_off",
        "letter_extended",
        "letter_left",
        "letter_withdrawn",
        "limit_begun",
        "limit_changed",
        "limit_ended",
        "client_closed",
        "locked",
        "method_removed",
        "method_stopped",
        "payment_changed",
        "payment_mismatched",
        "plan_ended",
        "promise_ended",
        "referral_approved",
        "reminded",
        "responded",
        "step_done",
        "step_reached",
        "step_skipped",
        "task_closed",
        "task_extended",
        "unlock_request_expired",
        "unlocked",
    ]
    .into_iter()
    .filter(|event| !seen.contains(*event))
    .collect();
    assert!(quiet.is_empty(), "never happened: {quiet:?}");
}

fn name(event: &Event) -> String {
    match serde_json::to_value(event).unwrap() {
        serde_json::Value::String(name) => name,
        value => value.as_object().unwrap().keys().next().unwrap().clone(),
    }
}

//! Locks by service line (LOCK-5), as properties: a client of one line is locked as a client is, and each line of a
//! client as if it were all there is.

#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, staff, usd};
use domain::access::PortalState;
use domain::calendar::{Day, minus, plus};
use domain::command::{Command, NewInvoice, News};
use domain::decide::next_evaluation;
use domain::event::Event;
use domain::id::ServiceLine;
use domain::lock::Scope;
use domain::payment::{Method, Seen};
use domain::policy::{LockScope, Policy, UnlockMode};
use domain::role::{Actor, Role};
use domain::text::Personal;
use proptest::prelude::*;
use serde_json::Value;

#[derive(Debug, Clone)]
enum Act {
    Issue { number: u8, back: u32 },
    Pay { number: u8, amount: u64 },
    Void { number: u8 },
    Lock,
    Ask,
    Approve,
    Except { days: u32 },
    Wait { days: u32 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..6_u8, 0..70_u32).prop_map(|(number, back)| Act::Issue { number, back }),
        3 => (0..6_u8, prop_oneof![2 => Just(10_000), 1 => 1..10_000_u64])
            .prop_map(|(number, amount)| Act::Pay { number, amount }),
        1 => (0..6_u8).prop_map(|number| Act::Void { number }),
        1 => Just(Act::Lock),
        2 => Just(Act::Ask),
        2 => Just(Act::Approve),
        1 => (0..30_u32).prop_map(|days| Act::Except { days }),
        6 => (1..30_u32).prop_map(|days| Act::Wait { days }),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    (0..4_u32, any::<bool>(), any::<bool>(), any::<bool>(), prop::option::of(2..4_u32)).prop_map(
        |(after_notice_days, on_payment, waits, relocks, unpaid_invoices)| {
            let mut policy = Policy::default();
            policy.lock.after_notice_days = after_notice_days;
            policy.lock.working_days_only = waits;
            policy.lock.relock_after_exception = relocks;
            policy.lock.unpaid_invoices = unpaid_invoices;
            policy.lock.notify_before = [3].into();
            if on_payment {
                policy.unlock.mode = UnlockMode::OnPayment;
            }
            policy
        },
    )
}

fn with_scope(policy: &Policy, scope: LockScope) -> Desk {
    let mut policy = policy.clone();
    policy.lock.scope = scope;
    Desk::new(policy)
}

fn tax() -> ServiceLine {
    "tax".parse().unwrap()
}

fn audit() -> ServiceLine {
    "audit".parse().unwrap()
}

impl Act {
    fn command(
        &self,
        day: Day,
        of: Option<ServiceLine>,
        lines: BTreeSet<ServiceLine>,
    ) -> (Command, Actor) {
        let (bea, pat) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
        let reason = Personal::new("because");
        match self.clone() {
            Self::Issue { number, back } => {
                let issued_on = Some(minus(day, back));
                let new = new_invoice(number, 10_000);
                let new = NewInvoice { issued_on, due_on: None, service_line: of, ..new };
                (Command::IssueInvoice(new), bea)
            }
            Self::Pay { number, amount } => {
                let (method, seen) = (Method::Card, Seen::Succeeded);
                let invoices = vec![invoice(number)];
                let news = News::Told { amount: usd(amount), method, invoices, seen, on: None };
                let payment = format!("p-{number}-{amount}").parse().unwrap();
                (Command::RecordPayment { payment, news }, Actor::Gateway)
            }
            Self::Void { number } => {
                (Command::VoidInvoice { invoice: invoice(number), reason }, bea)
            }
            Self::Lock => (Command::Lock { reason, lines }, bea),
            Self::Ask => (Command::RequestUnlock { lines }, bea),
            Self::Approve => (Command::ApproveUnlock { lines }, pat),
            Self::Except { days } => {
                let until = Some(plus(day, days));
                (Command::ExceptionUnlock { reason, until, lines }, pat)
            }
            Self::Wait { .. } => (Command::Evaluate, Actor::Schedule),
        }
    }

    /// What happens, all days of a wait included.
    fn play(&self, desk: &mut Desk, of: Option<ServiceLine>, lines: &[ServiceLine]) -> Vec<Event> {
        let before = desk.events.len();
        if let Self::Wait { days } = self {
            for _ in 0..*days {
                desk.next_day();
            }
        } else {
            let lines = lines.iter().cloned().collect();
            let (command, actor) = self.command(desk.day, of, lines);
            desk.run(&command, &actor);
        }
        desk.events.split_off(before)
    }
}

/// An event without what it is on.
fn plain(event: &Event) -> Value {
    fn strip(value: Value) -> Value {
        match value {
            Value::Object(fields) if fields.contains_key("line_welcome_back") => {
                Value::from("welcome_back")
            }
            Value::Object(fields) => {
                let fields =
                    fields.into_iter().filter(|(name, _)| name != "scope" && name != "lines");
                fields.map(|(name, value)| (name, strip(value))).collect()
            }
            Value::Array(values) => values.into_iter().map(strip).collect(),
            value => value,
        }
    }
    match event {
        Event::LineExceptionEnded { .. } => plain(&Event::ExceptionEnded),
        event => strip(serde_json::to_value(event).unwrap()),
    }
}

fn days_of_lock(desk: &Desk, line: &ServiceLine) -> Option<Day> {
    desk.account.locks.get(&Scope::Line(line.clone())).map(|lock| lock.on)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Where all invoices are of one line, what happens is what happens to a client that is locked as a whole: the same
    /// events, letters and tasks, the same days to come.
    #[test]
    fn lock_5_a_client_of_one_line_is_locked_as_a_client_is(
        policy in policy(),
        acts in prop::collection::vec(act(), 1..40),
    ) {
        let mut whole = with_scope(&policy, LockScope::Client);
        let mut lines = with_scope(&policy, LockScope::ServiceLines);
        lines.account.profile.service_lines.insert(tax());
        for act in &acts {
            let expected: Vec<_> = act.play(&mut whole, Some(tax()), &[]).iter().map(plain).collect();
            let found: Vec<_> = act.play(&mut lines, Some(tax()), &[tax()]).iter().map(plain).collect();
            prop_assert_eq!(found, expected, "{:?}", act);
            let (one, other) = (&lines.account, &whole.account);
            prop_assert_eq!(one.portal(), other.portal());
            prop_assert_eq!(one.portal_reason(), other.portal_reason());
            prop_assert_eq!(one.locked_lines().len(), usize::from(one.is_locked()));
            let status = |desk: &Desk| -> Vec<_> {
                let known = desk.account.invoices.values();
                known.map(|invoice| desk.account.status(invoice, desk.day)).collect()
            };
            prop_assert_eq!(status(&lines), status(&whole));
            let next = |desk: &Desk| next_evaluation(&desk.account, &desk.context(&Actor::Schedule));
            prop_assert_eq!(next(&lines), next(&whole));
        }
    }

    /// Each line locks and is unlocked on the days on which it would be, were it all that the client has.
    #[test]
    fn lock_5_each_line_locks_as_if_it_were_alone(
        mut policy in policy(),
        acts in prop::collection::vec((act(), any::<bool>()), 1..40),
    ) {
        // What one line is reminded of stands in the other's notice of that day, and warns with it (LET-9); here each
        // letter is of what it would be of, were the line alone.
        policy.regular.reminders.clear();
        let mut both = with_scope(&policy, LockScope::ServiceLines);
        let alone = || {
            let mut desk = with_scope(&policy, LockScope::ServiceLines);
            desk.account.profile.service_lines = [tax(), audit()].into();
            desk
        };
        both.account.profile.service_lines = [tax(), audit()].into();
        let (mut of_tax, mut of_audit) = (alone(), alone());
        for (act, is_tax) in &acts {
            // The first three numbers are of tax, so that what is paid is of one line, and no credit comes of it.
            let is_tax = match act {
                Act::Issue { number, .. } | Act::Pay { number, .. } | Act::Void { number } => *number < 3,
                _ => *is_tax,
            };
            if let Act::Pay { number, amount } = act {
                let owed = both.account.invoices.get(&invoice(*number));
                if owed.is_none_or(|invoice| invoice.balance().minor() < *amount) {
                    continue;
                }
            }
            // A request is one for the client, whichever lines it is for: who asks for both at once is another story.
            let asks = matches!(act, Act::Ask);
            if asks && both.account.request.is_some() {
                continue;
            }
            let line = if is_tax { tax() } else { audit() };
            let lines = [line.clone()];
            act.play(&mut both, Some(line.clone()), &lines);
            if matches!(act, Act::Wait { .. }) {
                act.play(&mut of_tax, None, &lines);
                act.play(&mut of_audit, None, &lines);
            } else {
                act.play(if is_tax { &mut of_tax } else { &mut of_audit }, Some(line), &lines);
            }
            prop_assert_eq!(days_of_lock(&both, &tax()), days_of_lock(&of_tax, &tax()), "{:?}", act);
            prop_assert_eq!(days_of_lock(&both, &audit()), days_of_lock(&of_audit, &audit()), "{:?}", act);
            let states = |desk: &Desk| desk.account.locked_lines().len();
            let portal = match states(&both) {
                0 => PortalState::Open,
                1 => PortalState::Limited,
                _ => PortalState::Locked,
            };
            prop_assert_eq!(both.account.portal(), portal);
        }
    }
}

fn locked_by_hand(lines: &[ServiceLine]) -> Desk {
    let mut policy = Policy::default();
    policy.lock.scope = LockScope::ServiceLines;
    policy.unlock.four_eyes = false;
    let mut desk = Desk::new(policy);
    desk.account.profile.service_lines = [tax(), audit()].into();
    let (reason, lines) = (Personal::new("papers"), lines.iter().cloned().collect());
    desk.try_run(&Command::Lock { reason, lines }, &staff("bea", Role::BillingLead)).unwrap();
    desk
}

#[test]
fn lock_5_a_lock_on_the_client_is_written_and_read_as_before_there_were_lines() {
    let stored = serde_json::json!({
        "episode": 1,
        "on": "2026-01-01",
        "cause": {"hand": {"personal": "papers"}},
        "policy": {"class": "default", "version": 1},
        "money_came": false,
    });
    let whole = locked_by_hand(&[]);
    let lock = whole.account.lock().unwrap();
    assert_eq!(serde_json::to_value(lock).unwrap(), stored);
    assert_eq!(serde_json::from_value::<domain::lock::Lock>(stored).unwrap(), *lock);
    let of_line = locked_by_hand(&[tax()]);
    let written = serde_json::to_value(of_line.account.lock().unwrap()).unwrap();
    assert_eq!(written["scope"], "tax");
    // So are the events of before.
    let done = serde_json::json!({"step_done": {
        "step": "regular/after_lock/7/demand_letter", "on": "2026-01-01", "invoices": ["A-1"], "letter": 3,
    }});
    let event: Event = serde_json::from_value(done.clone()).unwrap();
    assert_eq!(serde_json::to_value(event).unwrap(), done);
}

#[test]
fn lock_5_a_welcome_for_a_line_that_is_locked_again_stays_here() {
    let mut desk = locked_by_hand(&[tax(), audit()]);
    let pat = staff("pat", Role::Partner);
    desk.try_run(&Command::ApproveUnlock { lines: [tax(), audit()].into() }, &pat).unwrap();
    let again = Command::Lock { reason: Personal::new("more papers"), lines: [tax()].into() };
    desk.try_run(&again, &pat).unwrap();
    desk.leave();
    let withdrawn = |event: &&Event| matches!(event, Event::LetterWithdrawn { .. });
    let left = |event: &&Event| matches!(event, Event::LetterLeft { .. });
    assert_eq!(desk.events.iter().filter(withdrawn).count(), 1, "of tax");
    assert_eq!(desk.events.iter().filter(left).count(), 1, "of audit");
}

#[test]
fn lock_5_and_10_all_that_a_run_locked_is_undone() {
    let mut policy = Policy::default();
    policy.lock.scope = LockScope::ServiceLines;
    policy.lock.after_notice_days = 0;
    let mut desk = Desk::new(policy);
    let bea = staff("bea", Role::BillingLead);
    for (number, line) in [(1, tax()), (2, audit())] {
        let new = NewInvoice { service_line: Some(line), ..new_invoice(number, 500) };
        desk.try_run(&Command::IssueInvoice(new), &bea).unwrap();
    }
    desk.day = plus(desk.day, 60);
    desk.run(&Command::Evaluate, &Actor::Schedule);
    let episodes: BTreeSet<_> = desk.account.locks.values().map(|lock| lock.episode).collect();
    assert_eq!(episodes, [1, 2].into());
    let letters = BTreeSet::new();
    let undo = Command::UndoRun { episodes, letters, reason: Personal::new("wrong policy") };
    desk.try_run(&undo, &staff("pat", Role::Partner)).unwrap();
    assert!(!desk.account.is_locked());
    assert_eq!(desk.run(&Command::Evaluate, &Actor::Schedule), [], "not again that day");
}

#[test]
fn lock_5_invoices_too_name_at_most_so_many_lines() {
    let mut desk = Desk::new(Policy::default());
    let bea = staff("bea", Role::BillingLead);
    let issue = |desk: &mut Desk, number: u8, line: u8| {
        let service_line = Some(format!("line-{line}").parse().unwrap());
        let new = NewInvoice { service_line, ..new_invoice(number, 500) };
        desk.try_run(&Command::IssueInvoice(new), &bea)
    };
    for number in 0..20 {
        issue(&mut desk, number, number).unwrap();
    }
    assert_eq!(issue(&mut desk, 20, 20).unwrap_err().rule, "LOCK-5");
    issue(&mut desk, 21, 0).unwrap();
}

#[test]
fn lock_5_why_is_told_line_by_line() {
    let mut desk = locked_by_hand(&[tax()]);
    let actor = Actor::Schedule;
    let told = |desk: &Desk| domain::explain::explain(&desk.account, &desk.context(&actor)).why;
    assert_eq!(
        told(&desk),
        [
            "The portal for tax was locked by hand on Jan 1, 2026. Papers.",
            "Nothing stands against the unlock of tax: it can be asked for."
        ]
    );
    let until = Some(plus(desk.day, 3));
    let reason = Personal::new("season");
    let except = Command::ExceptionUnlock { reason, until, lines: [tax()].into() };
    desk.try_run(&except, &staff("pat", Role::Partner)).unwrap();
    let expected = "No automatic lock is set for tax until Jan 4, 2026: an exception was granted on Jan 1, 2026.";
    assert!(told(&desk).contains(&expected.to_owned()), "{:?}", told(&desk));
}

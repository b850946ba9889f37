//! What each commit leaves behind for the reports (KPI-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeMap;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::calendar::{Day, plus};
use domain::command::{Command, News};
use domain::id::ClientId;
use domain::kpi::{DayCount, Fact, Measures, facts};
use domain::letter::LetterState;
use domain::lock::Scope;
use domain::payment::{Method, Seen};
use domain::policy::Policy;
use domain::role::{Actor, Role};
use domain::text::Personal;

/// A desk that writes down what counts, day by day.
struct Counted {
    desk: Desk,
    days: BTreeMap<Day, Vec<Fact>>,
}

impl Counted {
    fn new() -> Self {
        Self { desk: Desk::new(Policy::default()), days: BTreeMap::new() }
    }

    fn run(&mut self, command: &Command, actor: &Actor) -> Vec<Fact> {
        let before = self.desk.account.clone();
        let events = self.desk.run(command, actor);
        let facts = facts(&before, &events, &self.desk.account, self.desk.day);
        self.days.entry(self.desk.day).or_default().extend(facts.clone());
        facts
    }

    fn leave(&mut self) {
        let letters = self.desk.account.letters.values();
        let queued = letters.filter(|letter| letter.state == LetterState::Queued);
        let due = queued.filter(|letter| letter.leaves_on <= self.desk.day);
        for letter in due.map(|letter| letter.id).collect::<Vec<_>>() {
            self.run(&Command::ClaimLetter { letter }, &Actor::Schedule);
        }
    }

    fn until(&mut self, day: &str) {
        let last: Day = day.parse().unwrap();
        while self.desk.day < last {
            self.leave();
            self.desk.day = plus(self.desk.day, 1);
            self.run(&Command::Evaluate, &Actor::Schedule);
        }
        self.leave();
    }

    fn issue(&mut self, number: u8, minor: u64, line: Option<&str>) -> Vec<Fact> {
        let mut new = new_invoice(number, minor);
        new.service_line = line.map(|line| line.parse().unwrap());
        self.run(&Command::IssueInvoice(new), &Actor::Import)
    }

    fn pay(&mut self, number: u8, minor: u64, seen: Seen, on: Option<&str>) -> Vec<Fact> {
        let (method, invoices) = (Method::Ach, vec![invoice(number)]);
        let on = on.map(|on| on.parse().unwrap());
        let news = News::Told { amount: usd(minor), method, invoices, seen, on };
        let gateway = Actor::Gateway;
        self.run(&Command::RecordPayment { payment: payment(number), news }, &gateway)
    }

    /// The days as they are rolled up.
    fn counts(&self) -> BTreeMap<Day, DayCount> {
        let client: ClientId = "acme".parse().unwrap();
        let mut counts: BTreeMap<Day, DayCount> = BTreeMap::new();
        for (day, facts) in &self.days {
            let week_of = |_: &_| self.desk.policy.policy.working_days.clone();
            counts.entry(*day).or_default().add(&client, facts, &week_of);
        }
        counts
    }

    fn measures(&self, first: &str, last: &str) -> Measures {
        let span = (first.parse().unwrap(), last.parse().unwrap());
        Measures::of(&self.counts(), span, self.desk.day)
    }
}

fn paid(line: Option<&str>, days: u32) -> Fact {
    Fact::Paid { line: line.map(|line| line.parse().unwrap()), days }
}

#[test]
fn kpi_1_an_invoice_counts_when_it_is_paid_in_full() {
    let mut counted = Counted::new();
    assert_eq!(counted.issue(1, 10_000, Some("tax")), [], "what is issued counts for nothing yet");
    counted.issue(2, 5_000, None);
    counted.issue(3, 5_000, None);
    counted.until("2026-01-09");
    assert_eq!(counted.pay(1, 4_000, Seen::Succeeded, None), [], "a part isn't all");
    counted.until("2026-01-11");
    // A debit on its way is no payment yet; then it is, as of the day on which it is here.
    assert_eq!(counted.pay(2, 5_000, Seen::Pending, None), []);
    counted.until("2026-01-13");
    assert_eq!(counted.pay(2, 5_000, Seen::Succeeded, None), [paid(None, 12)]);
    assert_eq!(counted.pay(2, 5_000, Seen::Succeeded, None), [], "it is told again");
    // A check of last week.
    assert_eq!(counted.pay(3, 5_000, Seen::Succeeded, Some("2026-01-06")), [paid(None, 5)]);
}

#[test]
fn kpi_1_what_is_given_up_credited_or_history_is_not_paid() {
    let reason = || Personal::new("because");
    let pat = staff("pat", Role::Partner);
    let mut counted = Counted::new();
    (1..=3).for_each(|number| drop(counted.issue(number, 5_000, None)));
    counted.until("2026-01-20");
    let void = Command::VoidInvoice { invoice: invoice(1), reason: reason() };
    assert_eq!(counted.run(&void, &pat), []);
    let write_off = Command::WriteOff { invoice: invoice(2), reason: reason() };
    assert_eq!(counted.run(&write_off, &pat), []);
    counted.until("2026-02-20");
    let history = counted.pay(3, 5_000, Seen::Succeeded, Some("2026-01-15"));
    assert!(!history.iter().any(|fact| matches!(fact, Fact::Paid { .. } | Fact::PaidAfter { .. })));
}

#[test]
fn kpi_1_from_the_demand_to_the_unlock() {
    let mut counted = Counted::new();
    counted.issue(1, 10_000, Some("tax"));
    counted.until("2026-03-31");
    assert!(counted.desk.account.is_locked());
    let locked_on = counted.desk.account.locks[&Scope::Client].on;
    let all = || counted.days.values().flatten();
    assert_eq!(all().filter(|fact| **fact == Fact::Locked).count(), 1, "locked once");
    let demands = all().filter(|fact| **fact == Fact::Demanded).count();
    assert!(0 < demands, "the lock's letter is a demand");
    assert!(!all().any(|fact| *fact == Fact::Answered), "nobody answered");
    // Again, and this time the client pays three days after the lock.
    let mut counted = Counted::new();
    counted.issue(1, 10_000, Some("tax"));
    let paid_on = plus(locked_on, 3);
    counted.until(&paid_on.to_string());
    let facts = counted.pay(1, 10_000, Seen::Succeeded, None);
    let days = domain::calendar::days_between("2026-01-01".parse().unwrap(), paid_on);
    assert!(facts.contains(&paid(Some("tax"), days)), "{facts:?}");
    assert!(facts.contains(&Fact::Answered), "{facts:?}");
    let after = facts.iter().find_map(|fact| match fact {
        Fact::PaidAfter { step, amount } => Some((step.clone(), *amount)),
        _ => None,
    });
    let (step, amount) = after.unwrap();
    assert!(step == "lock" || step.contains("after_lock"), "the latest step: {step}");
    assert_eq!(amount, usd(10_000));
    // Two days later it is let in.
    let opened_on = plus(paid_on, 2);
    counted.until(&opened_on.to_string());
    let (bea, pat) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
    counted.run(&Command::RequestUnlock { lines: [].into() }, &bea);
    let facts = counted.run(&Command::ApproveUnlock { lines: [].into() }, &pat);
    let class = "default".parse().unwrap();
    assert_eq!(facts, [Fact::Unlocked { class, ready_on: paid_on, on: opened_on }]);

    let (first, last) = ("2026-01-01", "2026-12-31");
    let measures = counted.measures(first, last);
    assert_eq!((measures.locked, measures.unlocks.count), (1, 1));
    assert_eq!((measures.all_paid().invoices, measures.all_paid().days), (1, u64::from(days)));
    assert_eq!(measures.answers.sent, measures.answers.answered + measures.answers.open);
    assert_eq!(measures.answers.is_met(), Some(true));
    assert_eq!(measures.steps[&step].payments, 1);
    assert!(0 < measures.steps[&step].fired, "{:?}", measures.steps);
}

#[test]
fn kpi_1_locks_by_hand_and_exceptions_are_nobodys_numbers() {
    let reason = || Personal::new("because");
    let pat = staff("pat", Role::Partner);
    let mut counted = Counted::new();
    counted.issue(1, 10_000, None);
    let lock = Command::Lock { reason: reason(), lines: [].into() };
    assert_eq!(counted.run(&lock, &pat), []);
    assert!(counted.desk.account.is_locked());
    counted.pay(1, 10_000, Seen::Succeeded, None);
    counted.run(&Command::RequestUnlock { lines: [].into() }, &staff("bea", Role::BillingLead));
    assert_eq!(counted.run(&Command::ApproveUnlock { lines: [].into() }, &pat), []);
    assert!(!counted.desk.account.is_locked());
}

/// A day that is put together again, or from its commits in another order, is the same.
#[test]
fn kpi_1_a_day_is_the_sum_of_its_commits_in_any_order() {
    let client = |name: &str| name.parse::<ClientId>().unwrap();
    let commits = [
        ("acme", vec![paid(Some("tax"), 10), Fact::Answered]),
        ("bolt", vec![Fact::Locked, Fact::Demanded, Fact::Step { step: "lock".to_owned() }]),
        ("acme", vec![paid(Some("tax"), 20), paid(None, 31), Fact::Demanded]),
        ("bolt", vec![Fact::PaidAfter { step: "lock".to_owned(), amount: usd(700) }]),
    ];
    let week_of = |_: &_| Default::default();
    let sum = |order: &[usize]| {
        let mut count = DayCount::default();
        for index in order {
            let (name, facts) = &commits[*index];
            count.add(&client(name), facts, &week_of);
        }
        count
    };
    let count = sum(&[0, 1, 2, 3]);
    assert_eq!(count, sum(&[3, 1, 0, 2]));
    let text = serde_json::to_string(&count).unwrap();
    assert_eq!(serde_json::from_str::<DayCount>(&text).unwrap(), count);
    let tax = count.paid[&"tax".parse().unwrap()];
    assert_eq!(
        (tax.invoices, tax.days, tax.in_time, tax.mean().to_string()),
        (2, 30, 1, "15.0".to_owned())
    );
    assert_eq!(tax.is_met(14), Some(false));
    assert_eq!(count.all_in_time(), 1, "31 days are more than 30, and 20 more than 14");
}

trait AllInTime {
    fn all_in_time(&self) -> u64;
}

impl AllInTime for DayCount {
    fn all_in_time(&self) -> u64 {
        self.paid.values().map(|paid| paid.in_time).sum()
    }
}

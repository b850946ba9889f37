//! What if: the engine plays a book as a rehearsal does (POL-6, TEST-2), with less work (EVAL-3), and forgets only what
//! decides nothing.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use domain::account::{Account, Contact, Profile};
use domain::calendar::{Day, plus};
use domain::command::{Command, NewInvoice, News};
use domain::event::Event;
use domain::id::{ClassId, ClientId, InvoiceId};
use domain::invoice::InvoiceKind;
use domain::letter::LetterKind;
use domain::money::{Currency, Money};
use domain::payment::{Method, Seen};
use domain::policy::read::read_text;
use domain::policy::{Action, Policy, PolicyVersion};
use domain::rehearsal::{
    Act as TimelineAct, Deed as TimelineDeed, Entry, Happening, Timeline, What, run,
};
use domain::role::{Actor, Role};
use domain::text::Personal;
use domain::whatif::{Act, Assumed, Bill, Deed, Engine, Held, Outcome};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A client's invoices, each with the days until it goes out, until it falls due and until it is paid.
type Book = Vec<Vec<Told>>;

#[derive(Debug, Clone)]
struct Told {
    issued: u32,
    due: Option<u32>,
    minor: u64,
    /// After how many days, and how much of it in hundredths.
    paid: Option<(u32, u64)>,
    out_of_turn: bool,
    disputed: bool,
}

const FROM: &str = "2026-01-05";
const DAYS: u32 = 230;

fn from() -> Day {
    FROM.parse().unwrap()
}

fn client(number: usize) -> ClientId {
    format!("c-{number}").parse().unwrap()
}

fn invoice(client: usize, number: usize) -> InvoiceId {
    format!("A-{client}-{number}").parse().unwrap()
}

fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

fn class() -> ClassId {
    "default".parse().unwrap()
}

/// Every fourth client has no address.
fn profile(number: usize) -> Profile {
    let address = Personal::new("ann@acme.example");
    let contacts = (number % 4 != 3).then_some(Contact { address, is_bounced: false });
    Profile {
        name: Personal::new("Acme"),
        class: class(),
        currency: Currency::USD,
        contacts: contacts.into_iter().collect(),
        service_lines: BTreeSet::new(),
        terms_allow_late_fee: number.is_multiple_of(2),
        language: None,
        late_fee_terms_since: None,
        jurisdiction: None,
    }
}

/// The book's acts in the order of their days.
fn acts(book: &Book) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut line = 1;
    for (number, told) in book.iter().enumerate() {
        for (index, told) in told.iter().enumerate() {
            line += 1;
            let (id, issued) = (invoice(number, index), plus(from(), told.issued));
            let kind = if told.out_of_turn { InvoiceKind::OutOfTurn } else { InvoiceKind::Regular };
            let bill = Bill {
                invoice: id.clone(),
                kind,
                service_line: None,
                due_on: told.due.map(|days| plus(issued, days)),
                total: usd(told.minor),
                is_disputed: told.disputed,
            };
            let client = u32::try_from(number).unwrap();
            acts.push(Act { on: issued, client, line, deed: Deed::Bill(Box::new(bill)) });
            if let Some((after, hundredths)) = told.paid {
                let amount = Some(usd((told.minor * hundredths / 100).max(1)));
                let deed = Deed::Pay { invoice: id, amount };
                acts.push(Act { on: plus(issued, after), client, line, deed });
            }
        }
    }
    acts.sort_by_key(|act| (act.on, act.client, act.line));
    acts
}

fn played(policy: &Policy, book: &Book, assumed: &Assumed) -> Outcome {
    let version = PolicyVersion::first(class(), policy.clone());
    let to = plus(from(), DAYS);
    let mut engine = Engine::new(version, assumed.clone(), from(), to);
    for number in 0..book.len() {
        engine.add(Account::new("f-1".parse().unwrap(), client(number), profile(number)));
    }
    for act in acts(book) {
        engine.take(act).unwrap();
    }
    engine.finish().unwrap()
}

/// The same book as a timeline. What is assumed is tried each day, and refused where there is nothing to do.
fn timeline(policy: &Policy, book: &Book, assumed: &Assumed) -> Timeline {
    let mut entries = Vec::new();
    let acts = acts(book);
    let mut acts = acts.iter().peekable();
    let (lead, partner) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
    let mut push = |on: Day, name: &'static str, deed: TimelineDeed, refused: Option<String>| {
        let what = What::Act(TimelineAct { name, deed, refused });
        entries.push(Entry { on, line: 0, what });
    };
    for on in from().iter_days().take(DAYS as usize + 1) {
        if assumed.held == Held::Approved {
            let deed = TimelineDeed::ApproveRun { actor: partner.clone() };
            push(on, "approve_run", deed, Some(String::new()));
        }
        while let Some(act) = acts.next_if(|act| act.on <= on) {
            let number = act.client as usize;
            for command in commands(book, act) {
                let actor = match command {
                    Command::RecordPayment { .. } => Actor::Gateway,
                    _ => lead.clone(),
                };
                let deed = TimelineDeed::Command {
                    client: client(number),
                    actor,
                    command: Box::new(command),
                };
                push(on, "act", deed, None);
            }
        }
        let mut all = Vec::new();
        if assumed.approves_steps {
            let steps = [Action::FinalDemand, Action::DemandLetter, Action::Notice];
            all.extend(steps.map(|action| (partner.clone(), Command::ApproveStep { action })));
        }
        if assumed.unlock_days.is_some() && policy.working_days.is_working(on) {
            all.push((lead.clone(), Command::RequestUnlock { lines: [].into() }));
            all.push((partner.clone(), Command::ApproveUnlock { lines: [].into() }));
        }
        for number in 0..book.len() {
            for (actor, command) in &all {
                let (actor, command) = (actor.clone(), Box::new(command.clone()));
                let deed = TimelineDeed::Command { client: client(number), actor, command };
                push(on, "assumed", deed, Some(String::new()));
            }
        }
    }
    Timeline {
        title: None,
        rules: Vec::new(),
        time_zone: chrono_tz::UTC,
        currency: Currency::USD,
        ledger_fresh_days: None,
        jurisdiction: None,
        policies: [(class(), policy.clone())].into(),
        clients: (0..book.len()).map(|number| (client(number), profile(number))).collect(),
        entries,
    }
}

fn commands(book: &Book, act: &Act) -> Vec<Command> {
    match &act.deed {
        Deed::Bill(bill) => {
            let issue = Command::IssueInvoice(NewInvoice {
                id: bill.invoice.clone(),
                kind: bill.kind,
                service_line: None,
                lines: Vec::new(),
                total: bill.total,
                issued_on: None,
                due_on: bill.due_on,
                posts_on: None,
                is_draft: false,
                deposit: None,
            });
            let (invoice, reason) = (bill.invoice.clone(), Personal::new("no"));
            let dispute = Command::OpenDispute { invoice, amount: None, reason };
            std::iter::once(issue).chain(bill.is_disputed.then_some(dispute)).collect()
        }
        Deed::Pay { invoice, amount } => {
            let told = &book[act.client as usize];
            let index: usize = invoice.as_str().rsplit('-').next().unwrap().parse().unwrap();
            let amount = amount.unwrap_or(usd(told[index].minor));
            let invoices = vec![invoice.clone()];
            let (method, seen) = (Method::Card, Seen::Succeeded);
            let news = News::Told { amount, method, invoices, seen, on: None };
            let payment = format!("stripe:{invoice}").parse().unwrap();
            vec![Command::RecordPayment { payment, news }]
        }
    }
}

fn staff(name: &str, role: Role) -> Actor {
    Actor::Staff { id: name.parse().unwrap(), roles: BTreeSet::from([role]) }
}

type Counted = BTreeMap<Day, BTreeMap<&'static str, u64>>;

/// What a rehearsal did, counted as the engine does.
fn rehearsed(timeline: &Timeline) -> Counted {
    let report = run(timeline, Some(plus(from(), DAYS)));
    let mut counted = Counted::new();
    let mut people: BTreeMap<Day, BTreeSet<ClientId>> = BTreeMap::new();
    let mut fees = BTreeMap::new();
    for item in &report.items {
        let Happening::Event(event) = &item.happening else { continue };
        let what = match event.as_ref() {
            Event::Locked { .. } => "locks",
            Event::Unlocked { .. } => "unlocks",
            Event::LetterLeft { sending, .. } => sending.kind.as_str(),
            Event::LimitBegun(_) => "limits",
            Event::FeeCharged { .. } | Event::FeeTakenBack { .. } => "fees",
            _ => continue,
        };
        let number = match event.as_ref() {
            Event::FeeCharged { invoice, fee } => {
                fees.insert((invoice, fee.number), fee.amount.minor());
                fee.amount.minor()
            }
            _ => 1,
        };
        let count = counted.entry(item.day).or_default().entry(what).or_default();
        match event.as_ref() {
            // On the very day on which it was charged (LF-2).
            Event::FeeTakenBack { invoice, fee, .. } => *count -= fees[&(invoice, *fee)],
            _ => *count += number,
        }
        if what != "receipt" {
            people.entry(item.day).or_default().insert(item.client.clone().unwrap());
        }
    }
    counted.values_mut().for_each(|counts| counts.retain(|_, number| 0 < *number));
    for (day, people) in people {
        counted.entry(day).or_default().insert("people", people.len() as u64);
    }
    counted
}

fn counted(outcome: &Outcome) -> Counted {
    let mut counted = Counted::new();
    for (day, count) in &outcome.days {
        let letters = LetterKind::ALL.map(|kind| (kind.as_str(), count.letters(kind)));
        let fees = count.fees.get(&Currency::USD).copied().unwrap_or(0);
        let others = [
            ("locks", count.locks),
            ("unlocks", count.unlocks),
            ("people", count.people),
            ("fees", fees),
            ("limits", count.limits),
        ];
        let all: BTreeMap<_, _> =
            letters.into_iter().chain(others).filter(|(_, number)| 0 < *number).collect();
        if !all.is_empty() {
            counted.insert(*day, all);
        }
    }
    counted
}

fn told() -> impl Strategy<Value = Told> {
    (
        0..120_u32,
        prop::option::of(0..40_u32),
        1..9_000_u64,
        prop::option::weighted(0.8, (0..150_u32, prop_oneof![3 => Just(100_u64), 1 => 10..90_u64])),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(issued, due, minor, paid, out_of_turn, disputed)| Told {
            issued,
            due,
            minor,
            paid,
            out_of_turn,
            disputed,
        })
}

fn book() -> impl Strategy<Value = Book> {
    prop::collection::vec(prop::collection::vec(told(), 0..7), 1..7)
}

const POLICIES: [&str; 12] = [
    "{preset: cpa, with: {lock: {notify_before: [7, 2]}, regular: {steps: [{at: 3, do: limit, notify_before: [2]}, {at: 20, do: lock}]}}}",
    "{preset: cpa, with: {regular: {steps: [{at: 1, do: notice}, {at: 12, do: close, notify_before: [5, 1]}]}, lock: {days_overdue: off}}}",
    "{preset: cpa, with: {late_fee: {kind: flat, value: '3'}, regular: {steps: [{at: 4, do: late_fee}, {after_lock: 2, do: late_fee}, {after_lock: 5, do: final_demand}]}, lock: {days_overdue: 6}}}",
    "{preset: cpa, with: {late_fee: {kind: percent, value: '1.5', every_days: 10, times: 3}}}",
    "{preset: cpa, with: {late_fee: {kind: flat, value: '5', times: 2, every_days: 20, as: invoice, even_if_paid_late: false}}}",
    "{preset: cpa}",
    "{preset: cpa, with: {unlock: {mode: on_payment}, lock: {unpaid_invoices: 2, days_overdue: off}}}",
    "{preset: cpa, with: {letters: {working_days_only: true}, lock: {working_days_only: true, days_overdue: 9}}}",
    "{preset: cpa, with: {lock: {min_locks_for_cap: 1, max_share_per_run: '0.1'}, letters: {max_per_run: 0}}}",
    "{preset: cpa, with: {collection_threshold: {USD: 20}, collection_threshold_on: client_overdue}}",
    "{preset: cpa, with: {lock: {require: all, balance: {USD: 50}, unpaid_invoices: 2, after_notice_days: 0}}}",
    "{preset: cpa, with: {regular: {reminders: [], steps: [{at: 10, do: notice}, {at: 20, do: final_demand}]}}}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn pol_6_and_test_2_the_engine_does_what_a_rehearsal_does(
        policy in prop::sample::select(&POLICIES[..]),
        book in book(),
        unlocks in any::<bool>(),
        approves_steps in any::<bool>(),
        waits in any::<bool>(),
    ) {
        let policy = read_text(policy).unwrap();
        let assumed = Assumed {
            // Asking for an unlock is an act, whose evaluation a rehearsal does with all latitude.
            unlock_days: (unlocks && !waits).then_some(0),
            approves_steps,
            held: if waits { Held::Waits } else { Held::Approved },
            responses: Vec::new(),
        };
        let outcome = played(&policy, &book, &assumed);
        let expected = rehearsed(&timeline(&policy, &book, &assumed));
        prop_assert_eq!(counted(&outcome), expected);
    }
}

fn outcomes(cases: usize, assumed: &Assumed) -> Vec<Outcome> {
    let mut runner = TestRunner::deterministic();
    let mut outcomes = Vec::new();
    for number in 0..cases {
        let policy = read_text(POLICIES[number % POLICIES.len()]).unwrap();
        let book = book().new_tree(&mut runner).unwrap().current();
        outcomes.push(played(&policy, &book, assumed));
    }
    outcomes
}

/// That both do the same says little of books in which nothing happens.
#[test]
fn pol_6_the_engine_is_tried_on_eventful_books() {
    let assumed = Assumed { approves_steps: true, ..Assumed::default() };
    let outcomes = outcomes(70, &assumed);
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    for (what, number) in [
        ("locks", sum(|outcome| outcome.total.locks)),
        ("unlocks", sum(|outcome| outcome.total.unlocks)),
        ("held runs", sum(|outcome| outcome.held.len() as u64)),
        ("approvals wanted", sum(|outcome| outcome.approvals_wanted)),
        ("clients without address", sum(|outcome| outcome.without_address)),
        ("invoices paid", sum(|outcome| outcome.total.paid)),
        ("final demands", sum(|outcome| outcome.total.letters(LetterKind::FinalDemand))),
        ("welcomes", sum(|outcome| outcome.total.letters(LetterKind::WelcomeBack))),
    ] {
        assert!(5 <= number, "{what}: {number}");
    }
}

#[test]
fn eval_3_a_client_is_evaluated_on_the_days_on_which_something_is_decided() {
    for approves_steps in [false, true] {
        let assumed = Assumed { approves_steps, ..Assumed::default() };
        let outcomes = outcomes(140, &assumed);
        let evaluations: u64 = outcomes.iter().map(|outcome| outcome.work.evaluations).sum();
        let decided: u64 = outcomes.iter().map(|outcome| outcome.work.decided).sum();
        assert!(1_000 < decided, "{decided} days are too few to say anything");
        assert!(evaluations * 10 <= decided * 11, "{evaluations} evaluations on {decided} days");
    }
}

/// A year of clients that pay late, and ten of them.
#[test]
fn pol_6_what_is_in_memory_is_the_open_book_however_many_years() {
    const CLIENTS: u32 = 25;
    let in_memory = |years: u32| {
        let policy = PolicyVersion::first(class(), read_text("{preset: cpa}").unwrap());
        let to = plus(from(), years * 365);
        let mut engine = Engine::new(policy, Assumed::default(), from(), to);
        let mut book = Book::new();
        for number in 0..CLIENTS {
            engine.add(Account::new("f-1".parse().unwrap(), client(0), profile(0)));
            let bill = |month| Told {
                issued: month * 30 + number,
                due: None,
                minor: 5_000,
                paid: Some((20 + (month * 7 + number) % 60, 100)),
                out_of_turn: false,
                disputed: false,
            };
            book.push((0..years * 12).map(bill).collect());
        }
        let mut most = 0;
        for act in acts(&book) {
            engine.take(act).unwrap();
            most = most.max(engine.held_in_memory());
        }
        let outcome = engine.finish().unwrap();
        assert!(u64::from(years * CLIENTS) * 10 <= outcome.total.paid, "{}", outcome.total.paid);
        assert!(0 < outcome.total.locks && 0 < outcome.total.unlocks);
        most
    };
    let (one, ten) = (in_memory(1), in_memory(10));
    assert!(ten * 10 <= one * 11, "{one} things in one year, {ten} in ten");
}

#[test]
fn pol_6_a_response_is_an_assumption_and_moves_payments_forward_only() {
    let told = |after| {
        let paid = Some((after, 100));
        Told { issued: 0, due: None, minor: 5_000, paid, out_of_turn: false, disputed: false }
    };
    // Net 30: the notice leaves on day 31, a response three days after it pays on day 34.
    let book = vec![vec![told(32)], vec![told(33)], vec![told(34)], vec![], vec![told(90)]];
    let policy = read_text("{preset: cpa}").unwrap();
    let late = |responses: &[&str]| {
        let responses = responses.iter().map(|text| text.parse().unwrap()).collect();
        let outcome = played(&policy, &book, &Assumed { responses, ..Assumed::default() });
        (outcome.total.paid, outcome.total.days_late, outcome.total.locks, outcome.answered)
    };
    assert_eq!(late(&[]), (4, 2 + 3 + 4 + 60, 1, 0));
    assert_eq!(late(&["notice=0@3"]), late(&[]));
    let (paid, days_late, locks, answered) = late(&["notice=1@3"]);
    assert_eq!((paid, days_late, locks), (4, 2 + 3 + 4 + 4, 0), "who paid sooner still does");
    assert_eq!(answered, 4, "told of everybody who got the letter");
    // Who never paid does by assumption.
    let never = vec![vec![Told { paid: None, ..told(0) }]];
    let responses = vec!["notice=1@5".parse().unwrap()];
    let assumed = Assumed { responses, ..Assumed::default() };
    assert_eq!(played(&policy, &never, &assumed).total.paid, 1);
}

#[test]
fn lf_1_who_pays_in_full_pays_the_fees_too() {
    for (as_what, letters) in [("line", 1), ("invoice", 1)] {
        let policy = format!(
            "{{preset: cpa, with: {{late_fee: {{kind: flat, value: '5', as: {as_what}}}, regular: {{steps: []}}}}}}"
        );
        let version = PolicyVersion::first(class(), read_text(&policy).unwrap());
        let mut engine = Engine::new(version, Assumed::default(), from(), plus(from(), 200));
        engine.add(Account::new("f-1".parse().unwrap(), client(0), profile(0)));
        let bill = Bill {
            invoice: invoice(0, 0),
            kind: InvoiceKind::Regular,
            service_line: None,
            due_on: None,
            total: usd(5_000),
            is_disputed: false,
        };
        let deed = Deed::Bill(Box::new(bill));
        engine.take(Act { on: from(), client: 0, line: 1, deed }).unwrap();
        let deed = Deed::Pay { invoice: invoice(0, 0), amount: None };
        engine.take(Act { on: plus(from(), 45), client: 0, line: 1, deed }).unwrap();
        let outcome = engine.finish().unwrap();
        assert_eq!(outcome.total.fees, [(Currency::USD, 500)].into(), "as {as_what}");
        assert_eq!((outcome.total.paid, outcome.total.locks), (1, 0), "as {as_what}");
        assert_eq!(outcome.total.letters(LetterKind::Receipt), letters);
        assert_eq!(
            outcome.days.last().map(|(day, _)| *day),
            Some(plus(from(), 45)),
            "nothing is left open"
        );
    }
}

#[test]
fn lock_10_what_was_owed_before_the_first_day_meets_its_run() {
    let policy = read_text("{preset: cpa}").unwrap();
    let version = PolicyVersion::first(class(), policy);
    let mut engine = Engine::new(version, Assumed::default(), from(), plus(from(), 10));
    engine.add(Account::new("f-1".parse().unwrap(), client(0), profile(0)));
    let on: Day = "2025-06-01".parse().unwrap();
    let bill = |number| Bill {
        invoice: invoice(0, number),
        kind: InvoiceKind::Regular,
        service_line: None,
        due_on: None,
        total: usd(5_000),
        is_disputed: false,
    };
    for (number, paid_on) in [(0, Some("2025-07-20")), (1, None)] {
        let deed = Deed::Bill(Box::new(bill(number)));
        engine.take(Act { on, client: 0, line: 1, deed }).unwrap();
        if let Some(paid_on) = paid_on {
            let deed = Deed::Pay { invoice: invoice(0, number), amount: None };
            let on = paid_on.parse().unwrap();
            engine.take(Act { on, client: 0, line: 1, deed }).unwrap();
        }
    }
    let outcome = engine.finish().unwrap();
    // Nothing before: no receipt, no reminder. Then the furthest notice, and the lock once it is warned.
    let days: Vec<_> = outcome.days.iter().map(|(day, _)| day.to_string()).collect();
    assert_eq!(days, ["2026-01-05", "2026-01-08", "2026-01-15"]);
    assert_eq!((outcome.total.letters(LetterKind::Notice), outcome.total.locks), (1, 1));
    assert_eq!((outcome.total.all_letters(), outcome.total.paid), (3, 0));
    assert_eq!(outcome.locked_at_end, 1);
}

#[test]
fn what_the_rules_refuse_is_named_by_its_line() {
    let version = PolicyVersion::first(class(), read_text("{preset: cpa}").unwrap());
    let mut engine = Engine::new(version, Assumed::default(), from(), plus(from(), 10));
    engine.add(Account::new("f-1".parse().unwrap(), client(0), profile(0)));
    let bill = Bill {
        invoice: invoice(0, 0),
        kind: InvoiceKind::Regular,
        service_line: None,
        due_on: None,
        total: usd(5_000),
        is_disputed: false,
    };
    for line in [7, 8] {
        let deed = Deed::Bill(Box::new(bill.clone()));
        engine.take(Act { on: from(), client: 0, line, deed }).unwrap();
    }
    let refused = engine.finish().unwrap_err();
    assert_eq!(refused.line, 8);
    assert!(refused.to_string().contains("A-0-0 is taken"), "{refused}");
}

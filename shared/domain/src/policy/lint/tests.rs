//! What is said about a policy, finding by finding; and that the days it names are those of the rules.

use super::*;
use crate::policy::read::{preset, read_text};
use crate::policy::{Action, Step, When};
use crate::rehearsal::{Timeline, run};

/// The findings about a document, one a line.
fn said(document: &str) -> Vec<String> {
    let policy = read_text(document).unwrap_or_else(|error| panic!("{document}: {error}"));
    lint(&policy).iter().map(ToString::to_string).collect()
}

/// A policy about which there is nothing to say: what the tests change.
const QUIET: &str = "lock: {unpaid_invoices: off}";

/// What is said about a policy with that change which isn't said without it.
fn new(change: &str) -> Vec<String> {
    assert_eq!(said(QUIET), Vec::<String>::new());
    said(change)
}

#[test]
fn pol_5_the_preset_says_what_its_number_of_invoices_comes_to() {
    let findings: Vec<_> = lint(&preset("cpa").unwrap()).iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        [
            "warning: lock.unpaid_invoices: 3: With terms of net 30, 3 unpaid invoices lock nobody before day 93 after the first was issued, and the days rule locks on day 60 at the latest: the number never decides (assuming one invoice a month)."
        ]
    );
}

#[test]
fn pol_5_errors_are_parts_that_can_never_do_what_they_say() {
    let off = "lock: {days_overdue: off, unpaid_invoices: off}";
    assert_eq!(
        said(off),
        [
            "error: regular.steps[2].after_lock: 7: The step is never reached: no rule ever locks, and a lock by hand starts no steps."
        ]
    );
    assert!(is_refused(&lint(&read_text(off).unwrap())));
    assert!(!is_refused(&lint(&preset("cpa").unwrap())));
    let without = format!("{off}\nregular: {{steps: [{{at: 1, do: notice}}]}}");
    assert_eq!(said(&without), Vec::<String>::new());
    // A balance is a trigger too.
    let balance = "lock: {days_overdue: off, unpaid_invoices: off, balance: {USD: 500}}";
    assert_eq!(said(balance), Vec::<String>::new());
}

#[test]
fn pol_5_warnings_say_field_value_and_consequence() {
    for (change, expected) in [
        (
            "lock: {unpaid_invoices: 2}\nregular: {terms: net 6}",
            &[
                "lock.unpaid_invoices: 2: With terms of net 6, 2 unpaid invoices lock nobody before day 38 after the first was issued, and the days rule locks on day 36 at the latest: the number never decides (assuming one invoice a month).",
                "regular.reminders[0]: 7: With terms of net 6 an invoice is due 6 days after it was issued at most, so this reminder never leaves (assuming due dates that follow from the terms).",
            ][..],
        ),
        (
            "lock: {unpaid_invoices: 2, days_overdue: 60}\nregular: {terms: net 10}",
            &[
                "lock.days_overdue: 60: A client who pays nothing is locked by the number of its invoices on day 42 after the first was issued, before any is 60 days overdue (assuming one invoice a month).",
                "lock.unpaid_invoices: 2: With terms of net 10, 2 unpaid invoices lock nobody before day 42 after the first was issued (assuming one invoice a month).",
            ],
        ),
        (
            "lock: {require: all}",
            &[
                "lock.unpaid_invoices: 3: With terms of net 30, 3 unpaid invoices lock nobody before day 93 after the first was issued, and as all triggers must be met, neither does anything else (assuming one invoice a month).",
            ],
        ),
        (
            "lock: {unpaid_invoices: off, require: all}",
            &["lock.require: all: It changes nothing: one trigger alone is on."],
        ),
        (
            "lock: {unpaid_invoices: off, after_notice_days: 0}",
            &[
                "lock.after_notice_days: 0: A client can be locked whom no letter has warned, even on the day on which its invoices are imported.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off, letter: off}",
            &[
                "lock.letter: off: A locked client is told by no letter; it finds its portal closed.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nregular: {steps: [{at: 28, do: notice}]}",
            &[
                "regular.steps: [{at: 28, do: notice}]: The first letter that warns goes out on day 28 overdue and the lock waits 3 days after it, so it comes at 31 and not at 30.",
                "promise.max_days: 14: A client who promises on the day of the first letter puts the lock off, which would come 3 days later.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nregular: {steps: []}",
            &[
                "regular.steps: []: No step warns before the lock, so on day 30 overdue a notice goes out by itself, and the lock comes 3 days later, at 33.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off, letter: notice}\nregular: {steps: [{at: 1, do: notice}, {at: 20, do: demand_letter}]}",
            &[
                "lock.letter: notice: The letter that goes with the lock is milder than the demand letter before it.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nregular: {reminders: [30, 29]}",
            &[
                "regular.reminders[0]: 30: With terms of net 30 an invoice is due 30 days after it was issued at most, so this reminder never leaves (assuming due dates that follow from the terms).",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nregular: {terms: day 15, reminders: [45, 44]}",
            &[
                "regular.reminders[0]: 45: With terms of day 15 an invoice is due 45 days after it was issued at most, so this reminder never leaves (assuming due dates that follow from the terms).",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nregular: {steps: [{at: 1, do: notice}, {at: 15, do: notice, unless_response_days: 20}]}",
            &[
                "regular.steps[1].unless_response_days: 20: A payment or message from up to 5 days before the invoice was due counts as a response, and skips the step for good.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nregular: {steps: [{at: 1, do: notice}, {at: 60, do: review_task, approval: partner}]}",
            &[
                "regular.steps[1].approval: partner: A partner is asked whether a partner shall be asked.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nregular: {steps: [{at: 1, do: notice}, {at: 60, do: final_demand, approval: partner}, {at: 64, do: collections_referral}]}",
            &[
                "regular.steps[2]: {at: 64, do: collections_referral, approval: partner}: A partner is asked again 4 days after the step before, which may still wait for an answer.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\ncollection_threshold: {USD: \"100.00\", JPY: 10001}",
            &[
                "collection_threshold.JPY: \"10001\": An invoice of 10,001 JPY or less is never reminded, warned or locked.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nletters: {quiet_hours: {from: \"00:00\", to: \"23:59\"}}",
            &[
                "letters.quiet_hours: {from: \"00:00\", to: \"23:59\"}: Letters may leave in 1 minute of the day only; what is held up then goes out a day late.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off, max_share_per_run: \"1\"}",
            &[
                "lock.max_share_per_run: \"1\": No run waits for a partner because of its locks: it may lock every client in one night.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off, max_share_per_run: \"0\", min_locks_for_cap: 0}",
            &["lock.max_share_per_run: \"0\": Every run with a lock in it waits for a partner."],
        ),
        (
            "lock: {unpaid_invoices: off, min_locks_for_cap: 101}",
            &[
                "lock.min_locks_for_cap: 101: A run locks up to 101 clients in one night before anybody is asked.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nletters: {max_per_run: 0}",
            &[
                "letters.max_per_run: 0: Every run with a demand letter in it waits for a partner, and its locks with it.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nin_flight_days: 0",
            &[
                "in_flight_days: 0: A client whose bank debit is on its way is written to and locked as if it had not paid.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nlate_fee: {kind: flat, value: 25}",
            &[
                "late_fee: {kind: flat, value: \"25\", every_days: 3660, grace_days: 0, times: 1, include_tax: true, cap_amount: off, cap_annual_percent: off, even_if_paid_late: true, as: line}: Nothing caps the fees of an invoice: whether the law of the client's place allows them is for the firm to know.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nlate_fee: {kind: percent, value: \"1.5\", every_days: 30, times: 13, cap_annual_percent: 18, as: invoice}",
            &[
                "late_fee.times: 13: An invoice that stays unpaid gets up to 13 more invoices, one for each fee.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\npromise: {max_days: 30}",
            &[
                "promise.max_days: 30: A client who promises on the day of the first letter puts the lock off, which would come 29 days later.",
            ],
        ),
        ("lock: {unpaid_invoices: off}\npromise: {max_days: 30, max_per_invoice: 0}", &[]),
        ("lock: {unpaid_invoices: off}\npromise: {max_days: 29}", &[]),
        (
            "lock: {unpaid_invoices: off}\nunlock: {remainder_below_threshold: true}",
            &[
                "unlock.remainder_below_threshold: true: No remainder counts as paid, for the collection threshold is zero in every currency.",
            ],
        ),
        (
            "lock: {unpaid_invoices: off}\nunlock: {mode: on_payment}",
            &[
                "unlock.four_eyes: true: Two people are needed only for locks by hand; all others open with the last payment, and nobody is asked.",
            ],
        ),
    ] {
        let expected: Vec<_> = expected.iter().map(|text| format!("warning: {text}")).collect();
        let mut found = new(change);
        found.sort();
        let mut wanted = expected;
        wanted.sort();
        assert_eq!(found, wanted, "for {change}");
    }
}

/// A policy with that step beside the notices, and with whatever else is changed.
fn with_step(step: Step, change: fn(&mut Policy)) -> Vec<String> {
    let mut policy = read_text(QUIET).unwrap();
    policy.promise.max_days = 0;
    policy.regular.steps.push(step);
    change(&mut policy);
    let said = |found: &Finding| {
        format!("{}: {}: {}", found.severity.as_str(), found.field, found.sentence())
    };
    lint(&policy).iter().map(said).collect()
}

#[test]
fn pol_5_steps_beside_the_lock_and_their_announcements() {
    let ahead =
        |step: Step, days: &[u32]| Step { notify_before: days.iter().copied().collect(), ..step };
    let at = |days, action| Step::new(When::DaysOverdue(days), action);
    let after = |days, action| Step::new(When::AfterLock(days), action);
    type Row<'a> = (Step, fn(&mut Policy), &'a str);
    let rows: [Row<'_>; 14] = [
        (at(10, Action::Lock), |_| {}, ""),
        (
            at(30, Action::Lock),
            |p| p.regular.steps.push(Step::new(When::DaysOverdue(12), Action::Lock)),
            "warning: regular.steps[6].at: The step never decides: another lock step is met at 12 days overdue.",
        ),
        (at(30, Action::Lock), |p| p.lock.days_overdue = None, ""),
        (
            after(3, Action::Lock),
            |_| {},
            "error: regular.steps[6]: A lock after the lock does nothing: the portal is closed.",
        ),
        (
            after(3, Action::Limit),
            |_| {},
            "error: regular.steps[6]: A limit after the lock does nothing: the portal is closed.",
        ),
        (at(10, Action::Limit), |_| {}, ""),
        (
            at(31, Action::Limit),
            |_| {},
            "warning: regular.steps[6].at: The limit comes when the lock has closed more already, at 30 days overdue.",
        ),
        // A lock of its kind alone is enough for steps after the lock to be reached.
        (
            at(10, Action::Lock),
            |p| (p.lock.days_overdue, p.out_of_turn.steps) = (None, Vec::new()),
            "",
        ),
        (ahead(at(20, Action::DemandLetter), &[5]), |_| {}, ""),
        (
            ahead(at(20, Action::DemandLetter), &[0, 5]),
            |_| {},
            "error: regular.steps[6].notify_before: A notice on the day of the step itself announces nothing.",
        ),
        (
            ahead(at(20, Action::DemandLetter), &[50]),
            |_| {},
            "warning: regular.steps[6].notify_before: A notice 50 days ahead would have to leave before the invoice was issued, and never leaves (assuming due dates that follow from the terms).",
        ),
        (
            ahead(after(3, Action::FinalDemand), &[4]),
            |_| {},
            "error: regular.steps[6].notify_before: A notice 4 days ahead would have to leave before the lock, from which the step is counted.",
        ),
        (ahead(after(3, Action::FinalDemand), &[3]), |_| {}, ""),
        (
            at(80, Action::Close),
            |p| {
                p.regular.steps.truncate(2);
                p.regular.steps.push(Step::new(When::DaysOverdue(80), Action::Close));
                p.regular.steps.push(Step::new(When::DaysOverdue(90), Action::DemandLetter));
            },
            "warning: regular.steps[3].at: The step comes only where the partner has not ended the engagement, which is proposed at 80 days overdue.",
        ),
    ];
    for (step, change, expected) in rows {
        let found = with_step(step.clone(), change);
        assert_eq!(found.join("\n"), expected, "for {step:?}");
    }
    let announced = |policy: &mut Policy| {
        policy.lock.notify_before = [5].into();
        policy.lock.days_overdue = None;
        policy.lock.unpaid_invoices = Some(2);
    };
    let found = with_step(at(100, Action::Notice), announced);
    assert!(
        found[0].starts_with("error: lock.notify_before: The lock is never announced"),
        "{found:?}"
    );
    // An announcement warns as well: no letter is needed beside it.
    let alone = |policy: &mut Policy| {
        policy.regular.steps.clear();
        policy.promise.max_days = 14;
        policy.lock.notify_before = [5].into();
    };
    assert_eq!(
        with_step(at(100, Action::Notice), alone),
        [
            "warning: promise.max_days: A client who promises on the day of the first letter puts the lock off, which would come 5 days later."
        ]
    );
}

/// The day of the first lock of a client who gets an invoice on each of those days and pays nothing.
fn locked_on(policy: &str, issued: &[&str]) -> String {
    let mut entries = String::new();
    for (index, on) in issued.iter().enumerate() {
        entries.push_str(&format!(
            "  - {{on: {on}, issue: {{client: acme, invoice: A-{index}, amount: \"100.00\"}}}}\n"
        ));
    }
    let timeline = format!(
        "title: lint\npolicy: {{preset: cpa, with: {{{policy}}}}}\nclients: {{acme: {{contacts: [ann@acme.example]}}}}\ntimeline:\n{entries}"
    );
    let load = |name: &str| Err(format!("{name} isn't there"));
    let timeline =
        Timeline::read("lint.yaml", &timeline, &load).unwrap_or_else(|error| panic!("{error}"));
    let report = run(&timeline, crate::calendar::parse_day("2027-06-01").ok());
    let text = report.to_text();
    let mut day = "";
    for line in text.lines() {
        if line.starts_with("20") {
            day = &line[..10];
        }
        if line.contains("locks the portal") {
            return day.to_owned();
        }
    }
    panic!("nobody is locked:\n{text}")
}

#[test]
fn pol_5_the_days_named_are_the_days_on_which_the_rules_lock() {
    // The shortest three months: those over February. Day 93 after the first invoice, as the preset's lint says.
    let monthly = ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"];
    let issued = crate::calendar::parse_day(monthly[0]).unwrap();
    let after = |days| crate::calendar::plus(issued, days).to_string();
    assert_eq!(locked_on("lock: {days_overdue: off}", &monthly), after(93));
    assert_eq!(locked_on("name: cpa", &monthly), after(60));
    // A step that warns late, and none.
    let late = "lock: {unpaid_invoices: off}, regular: {steps: [{at: 28, do: notice}]}";
    assert_eq!(locked_on(late, &monthly[..1]), after(30 + 31));
    let none = "lock: {unpaid_invoices: off}, regular: {steps: []}";
    assert_eq!(locked_on(none, &monthly[..1]), after(30 + 33));
    // By number before by days.
    let number = "lock: {unpaid_invoices: 2, days_overdue: 60}, regular: {terms: net 10}";
    assert_eq!(locked_on(number, &monthly), after(42));
}

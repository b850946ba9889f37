//! Every field of the contract: its default, another value, and values that it must not have.

mod presets;

use serde_json::json;

use super::*;
use crate::calendar::{Day, Terms, parse_day};
use crate::invoice::InvoiceKind;
use crate::policy::{Action, KindRules, Step, When};

fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

fn day(text: &str) -> Day {
    parse_day(text).unwrap()
}

fn step(when: When, action: Action) -> Step {
    Step { needs_approval: false, ..Step::new(when, action) }
}

fn refusal(text: &str) -> String {
    read_text(text).expect_err(text).to_string()
}

#[test]
fn pol_4_the_preset_cpa_is_the_contracts() {
    let amounts = BTreeMap::from([(Currency::USD, usd(0))]);
    let at = When::DaysOverdue;
    let notice = |days| step(at(days), Action::Notice);
    let unless_response = |step| Step { unless_response_days: Some(30), ..step };
    let with_approval = |step| Step { needs_approval: true, ..step };
    let cpa = Policy {
        name: "cpa".to_owned(),
        collection_threshold: amounts,
        collection_threshold_on: ThresholdOn::Invoice,
        lock: LockRule {
            days_overdue: Some(30),
            unpaid_invoices: Some(3),
            balance: None,
            require: Require::Any,
            after_notice_days: 3,
            notify_before: BTreeSet::new(),
            scope: LockScope::Client,
            working_days_only: false,
            letter: Some(DebtKind::DemandLetter),
            relock_after_exception: true,
            max_share_per_run: "0.10".parse().unwrap(),
            min_locks_for_cap: 5,
        },
        unlock: UnlockRule {
            mode: UnlockMode::Approval,
            four_eyes: true,
            request_expires_days: 14,
            remainder_below_threshold: false,
        },
        working_days: WorkingDays::default(),
        letters: LetterRule {
            quiet_hours: Some((20 * 60, 8 * 60)),
            working_days_only: false,
            consolidate_over_clients: false,
            max_per_run: 500,
        },
        promise: PromiseRule { max_days: 14, max_per_invoice: 2 },
        plan_grace_days: 3,
        in_flight_days: 7,
        after_return_days: 3,
        apply_credit_on_issue: true,
        late_fee: None,
        limits: BTreeSet::from([Capability::Statements, Capability::Documents]),
        regular: KindRules {
            terms: Terms::Net(30),
            auto_charge: None,
            reminders: vec![7, 1],
            steps: vec![
                notice(1),
                notice(15),
                step(When::AfterLock(7), Action::DemandLetter),
                unless_response(step(at(60), Action::ReviewTask)),
                unless_response(with_approval(step(at(60), Action::FinalDemand))),
                with_approval(step(at(90), Action::CollectionsReferral)),
            ],
        },
        out_of_turn: KindRules {
            terms: Terms::Net(6),
            auto_charge: None,
            reminders: vec![1],
            steps: vec![notice(1)],
        },
    };
    assert_eq!(preset("cpa"), Ok(cpa.clone()));
    assert_eq!(Policy::default(), cpa);
    assert_eq!(read_text(preset_text("cpa").unwrap()), Ok(cpa));
}

#[test]
fn pol_4_the_preset_cpa_is_the_default_of_all_fields() {
    for text in
        ["{}", "{preset: cpa}", "{preset: cpa, with: {}}", "{name: cpa}", "{lock: {}, regular: {}}"]
    {
        assert_eq!(read_text(text), Ok(Policy::default()), "for {text}");
    }
}

#[test]
fn pol_4_every_field_can_be_changed_and_changes_nothing_else() {
    type Change = fn(&mut Policy);
    let rows: &[(&str, Change)] = &[
        ("name: Firm, strict", |p| p.name = "Firm, strict".to_owned()),
        ("collection_threshold: {USD: \"5.00\"}", |p| {
            p.collection_threshold.insert(Currency::USD, usd(500));
        }),
        ("collection_threshold: {EUR: 5}", |p| {
            let eur: Currency = "EUR".parse().unwrap();
            p.collection_threshold.insert(eur, Money::new(500, eur));
        }),
        ("collection_threshold_on: client_overdue", |p| {
            p.collection_threshold_on = ThresholdOn::ClientOverdue;
        }),
        ("lock: {days_overdue: 45}", |p| p.lock.days_overdue = Some(45)),
        ("lock: {days_overdue: 1}", |p| p.lock.days_overdue = Some(1)),
        ("lock: {days_overdue: off}", |p| p.lock.days_overdue = None),
        ("lock: {unpaid_invoices: 2}", |p| p.lock.unpaid_invoices = Some(2)),
        ("lock: {unpaid_invoices: 5}", |p| p.lock.unpaid_invoices = Some(5)),
        ("lock: {unpaid_invoices: off}", |p| p.lock.unpaid_invoices = None),
        ("lock: {unpaid_invoices: \"off\"}", |p| p.lock.unpaid_invoices = None),
        ("lock: {unpaid_invoices: false}", |p| p.lock.unpaid_invoices = None),
        ("lock: {unpaid_invoices: none}", |p| p.lock.unpaid_invoices = None),
        ("lock: {days_overdue: off, unpaid_invoices: off, balance: off}", |p| {
            (p.lock.days_overdue, p.lock.unpaid_invoices) = (None, None);
        }),
        ("lock: {balance: {USD: \"500.00\", JPY: 50000}}", |p| {
            let jpy: Currency = "JPY".parse().unwrap();
            let amounts = [(Currency::USD, usd(50_000)), (jpy, Money::new(50_000, jpy))];
            p.lock.balance = Some(BTreeMap::from(amounts));
        }),
        ("lock: {require: all}", |p| p.lock.require = Require::All),
        ("lock: {after_notice_days: 5}", |p| p.lock.after_notice_days = 5),
        ("lock: {after_notice_days: 0}", |p| p.lock.after_notice_days = 0),
        ("lock: {after_notice_days: off}", |p| p.lock.after_notice_days = 0),
        ("lock: {working_days_only: true}", |p| p.lock.working_days_only = true),
        ("lock: {letter: notice}", |p| p.lock.letter = Some(DebtKind::Notice)),
        ("lock: {letter: final_demand}", |p| p.lock.letter = Some(DebtKind::FinalDemand)),
        ("lock: {letter: off}", |p| p.lock.letter = None),
        ("lock: {relock_after_exception: false}", |p| p.lock.relock_after_exception = false),
        ("lock: {relock_after_exception: off}", |p| p.lock.relock_after_exception = false),
        ("lock: {max_share_per_run: \"0.25\"}", |p| {
            p.lock.max_share_per_run = "0.25".parse().unwrap();
        }),
        ("lock: {max_share_per_run: \"0\"}", |p| {
            p.lock.max_share_per_run = "0".parse().unwrap();
        }),
        ("lock: {min_locks_for_cap: 0}", |p| p.lock.min_locks_for_cap = 0),
        ("lock: {notify_before: [7, 2]}", |p| p.lock.notify_before = BTreeSet::from([2, 7])),
        ("limits: {capabilities: [act_upload]}", |p| {
            p.limits = BTreeSet::from([Capability::ActUpload]);
        }),
        ("unlock: {mode: on_payment}", |p| p.unlock.mode = UnlockMode::OnPayment),
        ("unlock: {four_eyes: false}", |p| p.unlock.four_eyes = false),
        ("unlock: {request_expires_days: 1}", |p| p.unlock.request_expires_days = 1),
        ("unlock: {remainder_below_threshold: true}", |p| {
            p.unlock.remainder_below_threshold = true;
        }),
        ("working_days: {weekend: [fri, sat]}", |p| {
            p.working_days.weekend = vec![Weekday::Fri, Weekday::Sat];
        }),
        ("working_days: {weekend: []}", |p| p.working_days.weekend = Vec::new()),
        ("working_days: {weekend: [mon, tue, wed, thu, fri, sat]}", |p| {
            p.working_days.weekend.splice(..1, WEEKDAYS[..6].iter().map(|(_, day)| *day));
            p.working_days.weekend.pop();
        }),
        ("working_days: {holidays: [2026-12-25, 2026-01-01]}", |p| {
            p.working_days.holidays = BTreeSet::from([day("2026-01-01"), day("2026-12-25")]);
        }),
        ("letters: {quiet_hours: off}", |p| p.letters.quiet_hours = None),
        ("letters: {quiet_hours: {from: 22:30}}", |p| {
            p.letters.quiet_hours = Some((22 * 60 + 30, 8 * 60));
        }),
        ("letters: {quiet_hours: {from: \"00:00\", to: \"23:59\"}}", |p| {
            p.letters.quiet_hours = Some((0, 23 * 60 + 59));
        }),
        ("letters: {working_days_only: true}", |p| p.letters.working_days_only = true),
        ("letters: {consolidate_over_clients: true}", |p| {
            p.letters.consolidate_over_clients = true;
        }),
        ("letters: {max_per_run: 0}", |p| p.letters.max_per_run = 0),
        ("promise: {max_days: 0}", |p| p.promise.max_days = 0),
        ("promise: {max_per_invoice: 0}", |p| p.promise.max_per_invoice = 0),
        ("plan: {grace_days: 0}", |p| p.plan_grace_days = 0),
        ("in_flight_days: 10", |p| p.in_flight_days = 10),
        ("after_return_days: 0", |p| p.after_return_days = 0),
        ("apply_credit_on_issue: false", |p| p.apply_credit_on_issue = false),
        ("regular: {terms: eom + 15}", |p| p.regular.terms = Terms::EndOfMonth(15)),
        ("regular: {terms: due_on_receipt}", |p| p.regular.terms = Terms::Net(0)),
        ("regular: {reminders: [14, 0]}", |p| p.regular.reminders = vec![14, 0]),
        ("regular: {steps: []}", |p| p.regular.steps = Vec::new()),
        ("out_of_turn: {terms: day 15}", |p| p.out_of_turn.terms = Terms::DayOfNextMonth(15)),
        ("out_of_turn: {reminders: []}", |p| p.out_of_turn.reminders = Vec::new()),
        (
            "out_of_turn: {steps: [{after_lock: 2, do: notice}, {at: 2, do: notice, approval: partner}]}",
            |p| {
                p.out_of_turn.steps = vec![
                    step(When::AfterLock(2), Action::Notice),
                    Step { needs_approval: true, ..step(When::DaysOverdue(2), Action::Notice) },
                ];
            },
        ),
    ];
    for (text, change) in rows {
        let mut expected = Policy::default();
        change(&mut expected);
        assert_ne!(expected, Policy::default(), "{text} changes something");
        assert_eq!(read_text(text), Ok(expected.clone()), "for {text}");
        let indented = text.replace('\n', "\n  ");
        let with = format!("preset: cpa\nwith:\n  {indented}");
        assert_eq!(read_text(&with), Ok(expected), "for {with}");
    }
}

#[test]
fn pol_3_a_step_is_a_day_and_an_action() {
    let read = |steps: &str| {
        read_text(&format!("regular: {{steps: [{steps}]}}")).map(|policy| policy.regular.steps)
    };
    let at = When::DaysOverdue;
    for (text, expected) in [
        ("{at: 1, do: notice}", step(at(1), Action::Notice)),
        ("{at: 3660, do: demand_letter}", step(at(3_660), Action::DemandLetter)),
        ("{after_lock: 1, do: review_task}", step(When::AfterLock(1), Action::ReviewTask)),
        ("{at: 5, do: notice, approval: off}", step(at(5), Action::Notice)),
        ("{at: 5, do: notice, unless_response_days: off}", step(at(5), Action::Notice)),
        ("{at: 5, do: notice, notify_before: [], text: off}", step(at(5), Action::Notice)),
        (
            "{at: 5, do: final_demand, approval: partner, unless_response_days: 30}",
            Step {
                needs_approval: true,
                unless_response_days: Some(30),
                ..step(at(5), Action::FinalDemand)
            },
        ),
        // It always needs a partner, whether that is said or not.
        (
            "{at: 90, do: collections_referral}",
            Step { needs_approval: true, ..step(at(90), Action::CollectionsReferral) },
        ),
        (
            "{at: 90, do: collections_referral, approval: partner}",
            Step { needs_approval: true, ..step(at(90), Action::CollectionsReferral) },
        ),
        ("{at: 5, do: limit}", step(at(5), Action::Limit)),
        (
            "{at: 5, do: limit, capabilities: [act_form, documents], notify_before: [3, 1]}",
            Step {
                capabilities: Some(BTreeSet::from([Capability::Documents, Capability::ActForm])),
                notify_before: BTreeSet::from([1, 3]),
                ..step(at(5), Action::Limit)
            },
        ),
        (
            "{at: 5, do: lock, unless_response_days: 2}",
            Step { unless_response_days: Some(2), ..step(at(5), Action::Lock) },
        ),
        (
            "{after_lock: 30, do: close}",
            Step { needs_approval: true, ..step(When::AfterLock(30), Action::Close) },
        ),
    ] {
        assert_eq!(read(text), Ok(vec![expected]), "for {text}");
    }
    for (text, expected) in [
        ("{do: notice}", "regular.steps[0]: expected one of at or after_lock, got none of them"),
        ("{at: 1, after_lock: 1, do: notice}", "regular.steps[0].after_lock: at is there too"),
        ("{at: 1}", "regular.steps[0].do: is missing"),
        (
            "{at: 0, do: notice}",
            "regular.steps[0].at: expected a whole number from 1 to 3660, got 0",
        ),
        ("{at: 3661, do: notice}", "regular.steps[0].at: expected a whole number from 1 to 3660"),
        (
            "{after_lock: 0, do: notice}",
            "regular.steps[0].after_lock: expected a whole number from 1",
        ),
        (
            "{at: -1, do: notice}",
            "regular.steps[0].at: expected a whole number from 1 to 3660, got -1",
        ),
        ("{at: 1.5, do: notice}", "regular.steps[0].at: expected a whole number"),
        (
            "{at: 1, do: notise}",
            "regular.steps[0].do: expected notice, late_fee, limit, lock, demand_letter, final_demand, review_task, collections_referral or close, got \"notise\"",
        ),
        ("{at: 1, do: reminder}", "regular.steps[0].do: expected notice, "),
        ("{at: 1, do: [notice]}", "regular.steps[0].do: expected notice, "),
        ("{at: 1, do: off}", "regular.steps[0].do: expected notice, "),
        (
            "{at: 1, do: notice, approval: me}",
            "regular.steps[0].approval: expected partner, got \"me\"",
        ),
        (
            "{at: 1, do: collections_referral, approval: off}",
            "regular.steps[0].approval: expected partner, got off: collections_referral always needs approval",
        ),
        (
            "{at: 1, do: close, approval: off}",
            "regular.steps[0].approval: expected partner, got off: close always needs approval",
        ),
        (
            "{at: 1, do: limit, approval: partner}",
            "regular.steps[0].approval: expected off, got partner: limit needs no approval",
        ),
        (
            "{at: 1, do: lock, approval: partner}",
            "regular.steps[0].approval: expected off, got partner: lock needs no approval",
        ),
        (
            "{after_lock: 3, do: limit}",
            "regular.steps[0]: expected `at`: a portal is locked by then, and limit adds nothing",
        ),
        ("{after_lock: 3, do: lock}", "regular.steps[0]: expected `at`"),
        (
            "{at: 1, do: limit, capabilities: []}",
            "regular.steps[0].capabilities: expected at least one capability that a limit takes",
        ),
        (
            "{at: 1, do: limit, capabilities: [messages]}",
            "regular.steps[0].capabilities[0]: expected statements, documents, act_upload, act_form or act_appointment, got \"messages\"",
        ),
        (
            "{at: 1, do: limit, capabilities: [documents, documents]}",
            "regular.steps[0].capabilities[1]: \"documents\" is there twice",
        ),
        (
            "{at: 1, do: lock, capabilities: [documents]}",
            "regular.steps[0].capabilities: lock takes nothing: only limit does",
        ),
        (
            "{at: 9, do: lock, notify_before: [3, 3]}",
            "regular.steps[0].notify_before[1]: 3 is there twice",
        ),
        (
            "{at: 9, do: lock, notify_before: [0]}",
            "regular.steps[0].notify_before[0]: expected a whole number from 1",
        ),
        ("{at: 9, do: lock, notify_before: 3}", "regular.steps[0].notify_before: expected a list"),
        (
            "{at: 1, do: notice, unless_response_days: 0}",
            "regular.steps[0].unless_response_days: expected a whole number from 1",
        ),
        (
            "{at: 1, do: notice, unless_response: 30}",
            "regular.steps[0].unless_response: unknown field, the nearest known one is unless_response_days",
        ),
        (
            "{att: 1, do: notice}",
            "regular.steps[0].att: unknown field, the nearest known one is at",
        ),
        (
            "{at: 1, do: notice}, {at: 2, do: notice}, {at: 1, do: notice, approval: partner}",
            "regular.steps[2]: the same day and `do` as step [0]",
        ),
        ("1", "regular.steps[0]: expected a mapping, got 1"),
    ] {
        let message = read(text).expect_err(text).to_string();
        assert!(message.starts_with(&format!("line 1: {expected}")), "for {text}: {message}");
    }
    let same_day =
        read("{at: 1, do: notice}, {at: 1, do: review_task}, {after_lock: 1, do: notice}");
    assert_eq!(same_day.map(|steps| steps.len()), Ok(3));
}

#[test]
fn pol_2_what_a_field_must_not_be_is_said_with_its_line() {
    for (text, expected) in [
        ("name: \"\"", "name: expected text, got none"),
        ("name: 5", "name: expected text (in quotes), got 5"),
        ("name: \"a\\nb\"", "name: expected a name of one line"),
        ("name: ~", "name: expected text, got nothing"),
        (
            "collection_threshold: {USD: -1}",
            "collection_threshold.USD: expected an amount that isn't negative, got -1",
        ),
        (
            "collection_threshold: {USD: \"-1.00\"}",
            "collection_threshold.USD: \"-1.00\" is not an amount",
        ),
        (
            "collection_threshold: {USD: 5.00}",
            "collection_threshold.USD: expected an amount in quotes (\"5.00\") or a whole number, got the floating-point number 5.00",
        ),
        (
            "collection_threshold: {USD: \"0.001\"}",
            "collection_threshold.USD: 0.001 is finer than the minor unit",
        ),
        (
            "collection_threshold: {JPY: \"1.5\"}",
            "collection_threshold.JPY: 1.5 is finer than the minor unit",
        ),
        ("collection_threshold: {XXX: 1}", "collection_threshold.XXX: unknown currency \"XXX\""),
        ("collection_threshold: {usd: 1}", "collection_threshold.usd: unknown currency \"usd\""),
        ("collection_threshold: 5", "collection_threshold: expected amounts by currency"),
        (
            "collection_threshold_on: client",
            "collection_threshold_on: expected invoice or client_overdue, got \"client\"",
        ),
        ("lock: off", "lock: expected a mapping, got \"off\""),
        (
            "lock: {days_overdue: 0}",
            "lock.days_overdue: expected a whole number from 1 to 3660, or off, got 0",
        ),
        (
            "lock: {days_overdue: -30}",
            "lock.days_overdue: expected a whole number from 1 to 3660, or off, got -30",
        ),
        (
            "lock: {days_overdue: 3661}",
            "lock.days_overdue: expected a whole number from 1 to 3660, or off, got 3661",
        ),
        (
            "lock: {days_overdue: \"30\"}",
            "lock.days_overdue: expected a whole number from 1 to 3660, or off, got \"30\"",
        ),
        (
            "lock: {days_overdue: 30.0}",
            "lock.days_overdue: expected a whole number from 1 to 3660, or off, got the floating-point number 30.0",
        ),
        (
            "lock: {days_overdue: true}",
            "lock.days_overdue: expected a whole number from 1 to 3660, or off, got true",
        ),
        (
            "lock: {days_overdue: }",
            "lock.days_overdue: expected a whole number from 1 to 3660, or off, got nothing",
        ),
        (
            "lock: {unpaid_invoices: 1}",
            "lock.unpaid_invoices: expected a whole number from 2 to 5, or off, got 1",
        ),
        (
            "lock: {unpaid_invoices: 6}",
            "lock.unpaid_invoices: expected a whole number from 2 to 5, or off, got 6",
        ),
        (
            "lock: {balance: 500}",
            "lock.balance: expected amounts by currency, such as {USD: \"500.00\"}, got 500",
        ),
        (
            "lock: {balance: {USD: 0}}",
            "lock.balance: expected an amount above zero, or off, got 0.00 USD",
        ),
        ("lock: {balance: {}}", "lock.balance: expected at least one amount, or off"),
        ("lock: {balance: {USD: 500.00}}", "lock.balance.USD: expected an amount in quotes"),
        ("lock: {require: some}", "lock.require: expected any or all, got \"some\""),
        (
            "lock: {after_notice_days: -1}",
            "lock.after_notice_days: expected a whole number from 0 to 3660, got -1",
        ),
        (
            "lock: {working_days_only: yes}",
            "lock.working_days_only: expected true or false, got \"yes\"",
        ),
        (
            "lock: {letter: reminder}",
            "lock.letter: expected notice, demand_letter or final_demand, got \"reminder\"",
        ),
        (
            "lock: {letter: true}",
            "lock.letter: expected notice, demand_letter or final_demand, got true",
        ),
        (
            "lock: {relock_after_exception: 1}",
            "lock.relock_after_exception: expected true or false, got 1",
        ),
        (
            "unlock: {mode: payment}",
            "unlock.mode: expected approval or on_payment, got \"payment\"",
        ),
        (
            "unlock: {request_expires_days: 0}",
            "unlock.request_expires_days: expected a whole number from 1 to 3660, got 0",
        ),
        ("unlock: {four_eyes: 2}", "unlock.four_eyes: expected true or false, got 2"),
        (
            "working_days: {weekend: [saturday]}",
            "working_days.weekend[0]: expected mon, tue, wed, thu, fri, sat or sun, got \"saturday\"",
        ),
        ("working_days: {weekend: [sat, sat]}", "working_days.weekend[1]: \"sat\" is there twice"),
        (
            "working_days: {weekend: [mon, tue, wed, thu, fri, sat, sun]}",
            "working_days.weekend: expected at least one working day in the week, got none",
        ),
        ("working_days: {weekend: sun}", "working_days.weekend: expected a list, got \"sun\""),
        (
            "working_days: {holidays: [2026-02-30]}",
            "working_days.holidays[0]: \"2026-02-30\" is not a date",
        ),
        (
            "working_days: {holidays: [12/25/2026]}",
            "working_days.holidays[0]: \"12/25/2026\" is not a date",
        ),
        (
            "letters: {quiet_hours: {from: \"20:00\", to: \"20:00\"}}",
            "letters.quiet_hours: expected quiet hours that begin and end at different times",
        ),
        (
            "letters: {quiet_hours: {from: \"24:00\"}}",
            "letters.quiet_hours.from: expected a time such as \"20:00\", got \"24:00\"",
        ),
        (
            "letters: {quiet_hours: {to: \"8:00\"}}",
            "letters.quiet_hours.to: expected a time such as \"20:00\", got \"8:00\"",
        ),
        (
            "letters: {quiet_hours: {to: \"08:60\"}}",
            "letters.quiet_hours.to: expected a time such as \"20:00\", got \"08:60\"",
        ),
        (
            "letters: {quiet_hours: {to: 8}}",
            "letters.quiet_hours.to: expected a time such as \"20:00\", got 8",
        ),
        (
            "letters: {quiet_hours: \"20:00-08:00\"}",
            "letters.quiet_hours: expected a mapping, got \"20:00-08:00\"",
        ),
        (
            "promise: {max_days: -1}",
            "promise.max_days: expected a whole number from 0 to 3660, got -1",
        ),
        (
            "promise: {max_per_invoice: 101}",
            "promise.max_per_invoice: expected a whole number from 0 to 100, got 101",
        ),
        (
            "plan: {grace_days: 4000}",
            "plan.grace_days: expected a whole number from 0 to 3660, got 4000",
        ),
        ("plan: 3", "plan: expected a mapping, got 3"),
        (
            "in_flight_days: 7.5",
            "in_flight_days: expected a whole number from 0 to 3660, got the floating-point number 7.5",
        ),
        (
            "after_return_days: three",
            "after_return_days: expected a whole number from 0 to 3660, got \"three\"",
        ),
        (
            "apply_credit_on_issue: \"true\"",
            "apply_credit_on_issue: expected true or false, got \"true\"",
        ),
        ("regular: {terms: net -1}", "regular.terms: \"net -1\" are no terms"),
        ("regular: {terms: 30}", "regular.terms: \"30\" are no terms"),
        ("regular: {terms: off}", "regular.terms: \"off\" are no terms"),
        ("regular: {terms: day 32}", "regular.terms: \"day 32\" are no terms"),
        ("regular: {reminders: 7}", "regular.reminders: expected a list, got 7"),
        ("regular: {reminders: [7, 7]}", "regular.reminders[1]: 7 is there twice"),
        (
            "regular: {reminders: [-1]}",
            "regular.reminders[0]: expected a whole number from 0 to 3660, got -1",
        ),
        (
            "out_of_turn: {steps: {at: 1, do: notice}}",
            "out_of_turn.steps: expected a list, got a mapping",
        ),
        ("out_of_turn: off", "out_of_turn: expected a mapping, got \"off\""),
    ] {
        // The second line, so that the line is seen to be the document's.
        let message = refusal(&format!("# A policy.\n{text}\n"));
        assert!(message.starts_with(&format!("line 2: {expected}")), "for {text}: {message}");
        let message = refusal(&format!("preset: cpa\nwith:\n  # A change.\n  {text}\n"));
        assert!(message.starts_with(&format!("line 4: with.{expected}")), "for {text}: {message}");
    }
}

#[test]
fn pol_4_an_unknown_field_names_the_nearest() {
    for (text, expected) in [
        ("lok: {}", "lok: unknown field, the nearest known one is lock"),
        (
            "lock: {days_overdu: 30}",
            "lock.days_overdu: unknown field, the nearest known one is days_overdue",
        ),
        (
            "lock: {unpaid: 3}",
            "lock.unpaid: unknown field, the nearest known one is unpaid_invoices",
        ),
        (
            "unlock: {four-eyes: true}",
            "unlock.four-eyes: unknown field, the nearest known one is four_eyes",
        ),
        (
            "working_days: {weekends: []}",
            "working_days.weekends: unknown field, the nearest known one is weekend",
        ),
        (
            "letters: {quiet_hour: off}",
            "letters.quiet_hour: unknown field, the nearest known one is quiet_hours",
        ),
        (
            "letters: {quiet_hours: {till: \"08:00\"}}",
            "letters.quiet_hours.till: unknown field, the nearest known one is to",
        ),
        (
            "promise: {max_day: 1}",
            "promise.max_day: unknown field, the nearest known one is max_days",
        ),
        ("plan: {grace: 1}", "plan.grace: unknown field, the nearest known one is grace_days"),
        ("regular: {step: []}", "regular.step: unknown field, the nearest known one is steps"),
        ("out_of_turns: {}", "out_of_turns: unknown field, the nearest known one is out_of_turn"),
        (
            "limits: {capability: []}",
            "limits.capability: unknown field, the nearest known one is capabilities",
        ),
        ("latefee: off", "latefee: unknown field, the nearest known one is late_fee"),
    ] {
        let message = refusal(&format!("\n{text}"));
        assert_eq!(message, format!("line 2: {expected}"), "for {text}");
    }
}

#[test]
fn pol_4_a_policy_may_be_a_part_of_another_document() {
    let timeline = "title: x\npolicy:\n  preset: cpa\n  with: {lock: {days_overdue: 0}}";
    let node = parse(timeline).unwrap();
    let policy = Field::at(node.get("policy").unwrap(), "policy");
    let message = read_field(&policy).unwrap_err().to_string();
    assert!(message.starts_with("line 4: policy.with.lock.days_overdue: expected"), "{message}");
    let node = Node::from(&json!({"preset": "cpa", "with": {"in_flight_days": 1}}));
    assert_eq!(read(&node).map(|policy| policy.in_flight_days), Ok(1));
}

#[test]
fn pol_2_lists_and_names_have_an_end() {
    let name = |chars: usize| read_text(&format!("name: {}", "ö".repeat(chars)));
    assert!(name(100).is_ok());
    assert!(name(101).is_err());
    let steps = |count: u32| {
        let steps: Vec<_> = (1..=count).map(|at| format!("{{at: {at}, do: notice}}")).collect();
        read_text(&format!("regular: {{steps: [{}]}}", steps.join(", ")))
    };
    assert_eq!(steps(50).map(|policy| policy.regular.steps.len()), Ok(50));
    let message = steps(51).unwrap_err().to_string();
    assert_eq!(message, "line 1: regular.steps[50]: expected at most 50 entries, got 51");
    let reminders = |count: u32| {
        let days: Vec<_> = (0..count).collect();
        read(&Node::from(&json!({"out_of_turn": {"reminders": days}})))
    };
    assert!(reminders(50).is_ok());
    let message = reminders(51).unwrap_err().to_string();
    assert_eq!(message, "out_of_turn.reminders[50]: expected at most 50 entries, got 51");
    let holidays = |count: usize| {
        let days: Vec<_> =
            day("2026-01-01").iter_days().take(count).map(|day| day.to_string()).collect();
        read(&Node::from(&json!({"working_days": {"holidays": days}})))
    };
    assert_eq!(holidays(400).map(|policy| policy.working_days.holidays.len()), Ok(400));
    let message = holidays(401).unwrap_err().to_string();
    assert_eq!(message, "working_days.holidays: expected at most 400 entries, got 401");
}

#[test]
fn pol_1_the_document_of_a_policy_is_whole() {
    // Key by key what the preset says, and nothing else.
    let written = to_json(&Policy::default());
    let cpa = parse(preset_text("cpa").unwrap()).unwrap().to_json();
    assert_eq!(
        written["regular"]["steps"][5],
        json!({"at": 90, "do": "collections_referral", "approval": "partner"})
    );
    let without = |json: &serde_json::Value| {
        let mut json = json.clone();
        json["regular"]["steps"][5] = json!(null);
        json["collection_threshold"] = json!(null); // "0.00" for 0
        json
    };
    assert_eq!(without(&written), without(&cpa));
}

//! Versions of a policy, and what steps are known by.

use super::*;
use crate::calendar::parse_day;

fn day(text: &str) -> Day {
    parse_day(text).unwrap()
}

/// The policy whose regular invoices have those steps, and whose others have none.
fn policy(steps: &str) -> Policy {
    read::read_text(&format!("regular: {{steps: [{steps}]}}\nout_of_turn: {{steps: []}}")).unwrap()
}

/// The steps that count as new, as `key since day`.
fn new_steps(version: &PolicyVersion) -> Vec<String> {
    version.new_steps.iter().map(|(key, since)| format!("{key} since {since}")).collect()
}

#[test]
fn pol_1_the_first_version_has_no_new_steps() {
    let version = PolicyVersion::first("default".parse().unwrap(), Policy::default());
    assert_eq!(version.id, PolicyRef { class: "default".parse().unwrap(), version: 1 });
    assert_eq!(version.policy, Policy::default());
    assert_eq!(new_steps(&version), Vec::<String>::new());
}

#[test]
fn pol_1_a_step_is_new_from_the_version_that_brought_it() {
    let first = PolicyVersion::first("vip".parse().unwrap(), policy("{at: 1, do: notice}"));
    let second = first.next(
        policy("{at: 1, do: notice}, {at: 10, do: notice}, {after_lock: 7, do: demand_letter}"),
        day("2026-02-01"),
    );
    assert_eq!(second.id, PolicyRef { class: "vip".parse().unwrap(), version: 2 });
    let since_second = [
        "regular/at/10/notice since 2026-02-01",
        "regular/after_lock/7/demand_letter since 2026-02-01",
    ];
    assert_eq!(new_steps(&second), since_second);

    // What came with the second keeps its day; the first's step stays old.
    let third = second.next(
        policy("{at: 1, do: notice}, {at: 10, do: notice}, {at: 20, do: review_task}"),
        day("2026-03-01"),
    );
    let since_third =
        ["regular/at/10/notice since 2026-02-01", "regular/at/20/review_task since 2026-03-01"];
    assert_eq!((third.id.version, new_steps(&third)), (3, since_third.map(String::from).to_vec()));

    // Taken out and put in again it is a new one.
    let back = third.next(policy(""), day("2026-04-01"));
    assert_eq!(new_steps(&back), Vec::<String>::new());
    let back = back.next(policy("{at: 1, do: notice}"), day("2026-05-01"));
    assert_eq!(new_steps(&back), ["regular/at/1/notice since 2026-05-01"]);
}

#[test]
fn pol_1_a_step_is_known_by_kind_day_and_action() {
    let first =
        PolicyVersion::first("default".parse().unwrap(), policy("{at: 60, do: final_demand}"));
    for (steps, expected) in [
        // The same step, however it is approved or exempted.
        ("{at: 60, do: final_demand, approval: partner, unless_response_days: 30}", None),
        ("{at: 61, do: final_demand}", Some("regular/at/61/final_demand since 2026-02-01")),
        (
            "{after_lock: 60, do: final_demand}",
            Some("regular/after_lock/60/final_demand since 2026-02-01"),
        ),
        ("{at: 60, do: demand_letter}", Some("regular/at/60/demand_letter since 2026-02-01")),
    ] {
        let next = first.next(policy(steps), day("2026-02-01"));
        assert_eq!(new_steps(&next), Vec::from_iter(expected.map(String::from)), "for {steps}");
    }
    let other_kind = "regular: {steps: []}\nout_of_turn: {steps: [{at: 60, do: final_demand}]}";
    let next = first.next(read::read_text(other_kind).unwrap(), day("2026-02-01"));
    assert_eq!(new_steps(&next), ["out_of_turn/at/60/final_demand since 2026-02-01"]);
}

#[test]
fn pol_1_a_step_key_reads_back() {
    let policy = Policy::default();
    let keys: Vec<_> = policy.steps().map(|(key, _)| key).collect();
    let texts: Vec<_> = keys.iter().map(ToString::to_string).collect();
    let expected = [
        "regular/at/1/notice",
        "regular/at/15/notice",
        "regular/after_lock/7/demand_letter",
        "regular/at/60/review_task",
        "regular/at/60/final_demand",
        "regular/at/90/collections_referral",
        "out_of_turn/at/1/notice",
    ];
    assert_eq!(texts, expected);
    for (key, text) in keys.iter().zip(&texts) {
        assert_eq!(text.parse(), Ok(*key));
        let json = serde_json::to_string(key).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<StepKey>(&json).unwrap(), *key);
    }
    for text in [
        "",
        "regular",
        "regular/at/1",
        "regular/at/1/notice/more",
        "regular/at/-1/notice",
        "regular/on/1/notice",
        "regular/at/1/unlock",
        "regular/at/1/lock/after/3",
        "regular/at/1/lock/before",
        "regular/at/1/lock/before/3/4",
        "irregular/at/1/notice",
    ] {
        assert!(text.parse::<StepKey>().is_err(), "for {text:?}");
    }
}

#[test]
fn inv_4_a_currency_without_a_threshold_has_zero() {
    let policy = read::read_text("collection_threshold: {USD: \"5.00\"}").unwrap();
    let jpy: Currency = "JPY".parse().unwrap();
    assert_eq!(policy.threshold(Currency::USD), Money::new(500, Currency::USD));
    assert_eq!(policy.threshold(jpy), Money::zero(jpy));
}

#[test]
fn pol_2_each_kind_of_invoice_has_rules_of_its_own() {
    let policy = Policy::default();
    assert_eq!(policy.kind(InvoiceKind::Regular).terms, Terms::Net(30));
    assert_eq!(policy.kind(InvoiceKind::OutOfTurn).terms, Terms::Net(6));
}

#[test]
fn pol_3_what_is_announced_is_known_by_its_step_and_days_ahead() {
    let with = |lock: &str, steps: &str| {
        let text =
            format!("lock: {lock}\nregular: {{steps: [{steps}]}}\nout_of_turn: {{steps: []}}");
        let policy = read::read_text(&text).unwrap();
        let texts = policy.announced(InvoiceKind::Regular).into_iter().map(|key| {
            assert_eq!(key.to_string().parse(), Ok(key));
            key.to_string()
        });
        texts.collect::<Vec<_>>()
    };
    for (lock, steps, expected) in [
        ("{}", "{at: 5, do: lock}", &[][..]),
        (
            "{notify_before: [7, 2]}",
            "{at: 5, do: notice}",
            &["regular/at/30/lock/before/2", "regular/at/30/lock/before/7"],
        ),
        ("{days_overdue: off, notify_before: [7]}", "{at: 5, do: notice}", &[]),
        // A `lock` step is the days rule, and announced as that is unless it says how itself.
        ("{notify_before: [7]}", "{at: 9, do: lock}", &["regular/at/9/lock/before/7"]),
        (
            "{notify_before: [7]}",
            "{at: 9, do: lock, notify_before: [3]}",
            &["regular/at/9/lock/before/3"],
        ),
        (
            "{}",
            "{after_lock: 9, do: close, notify_before: [3]}, {at: 9, do: limit, notify_before: [1]}",
            &["regular/after_lock/9/close/before/3", "regular/at/9/limit/before/1"],
        ),
    ] {
        assert_eq!(with(lock, steps), expected, "for {lock} and {steps}");
    }
}

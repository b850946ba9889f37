//! The law of documents: what a policy is written as reads as that policy.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use super::kind::MAX_RETRIES;
use super::*;
use crate::calendar::{Day, Terms, plus};
use crate::policy::{
    Action, AutoCharge, ChargeWhen, FeeForm, FeeRate, FeeSchedule, KindRules, LateFee, MAX_TIMES,
    Percent, Step, When,
};

fn any_days(least: u32) -> impl Strategy<Value = u32> {
    prop_oneof![least..40, Just(MAX_DAYS)]
}

fn any_amounts(least: u64) -> impl Strategy<Value = BTreeMap<Currency, Money>> {
    let currency = prop::sample::select(vec!["USD", "EUR", "JPY", "BHD"]);
    let amount = (currency, least..1_000_000).prop_map(|(code, minor)| {
        let currency: Currency = code.parse().unwrap();
        (currency, Money::new(minor, currency))
    });
    prop::collection::vec(amount, 1..4).prop_map(BTreeMap::from_iter)
}

fn any_notices() -> impl Strategy<Value = BTreeSet<u32>> {
    prop::collection::btree_set(any_days(1), 0..3)
}

fn any_capabilities() -> impl Strategy<Value = BTreeSet<Capability>> {
    let limitable = Capability::ALL.into_iter().filter(|capability| is_limitable(*capability));
    prop::sample::subsequence(limitable.collect::<Vec<_>>(), 1..=5).prop_map(BTreeSet::from_iter)
}

fn any_lock() -> impl Strategy<Value = LockRule> {
    let letters = LOCK_LETTERS.map(|(_, kind)| kind).to_vec();
    (
        prop::option::of(any_days(1)),
        prop::option::of(2..=5_u32),
        prop::option::of(any_amounts(1)),
        prop::sample::select(vec![Require::Any, Require::All]),
        any_days(0),
        any::<bool>(),
        prop::option::of(prop::sample::select(letters)),
        (any::<bool>(), prop::sample::select(vec![LockScope::Client, LockScope::ServiceLines])),
        (0..=100_u32, any::<u32>(), any_notices()),
    )
        .prop_map(|row| LockRule {
            days_overdue: row.0,
            unpaid_invoices: row.1,
            balance: row.2,
            require: row.3,
            after_notice_days: row.4,
            working_days_only: row.5,
            letter: row.6,
            relock_after_exception: row.7.0,
            scope: row.7.1,
            notify_before: row.8.2,
            max_share_per_run: Decimal::new(i64::from(row.8.0), 2).to_string().parse().unwrap(),
            min_locks_for_cap: row.8.1,
        })
}

fn any_kind() -> impl Strategy<Value = KindRules> {
    let terms = prop_oneof![
        any_days(0).prop_map(Terms::Net),
        any_days(0).prop_map(Terms::EndOfMonth),
        (1..=31_u32).prop_map(Terms::DayOfNextMonth),
    ];
    let when = prop_oneof![
        any_days(1).prop_map(When::DaysOverdue),
        any_days(1).prop_map(When::AfterLock),
    ];
    let key = (when, prop::sample::select(Action::ALL.to_vec()));
    let key = key.prop_filter("follows", |(when, action): &(When, Action)| {
        action.may_follow_a_lock() || matches!(when, When::DaysOverdue(_))
    });
    let text = prop::option::of("[a-z]{1,9}".prop_map(|name| name.parse().unwrap()));
    let said = (any::<bool>(), prop::option::of(any_days(1)), text);
    let rest = (said, any_notices(), prop::option::of(any_capabilities()));
    type Said = (bool, Option<u32>, Option<crate::id::TemplateName>);
    type Rest = (Said, BTreeSet<u32>, Option<BTreeSet<Capability>>);
    let step = |((when, action), (said, notify_before, taken)): ((When, Action), Rest)| Step {
        text: said.2.filter(|_| action.letter().is_some()),
        needs_approval: (said.0 && !action.never_needs_approval())
            || action.always_needs_approval(),
        unless_response_days: said.1,
        notify_before,
        capabilities: taken.filter(|_| action == Action::Limit),
        ..Step::new(when, action)
    };
    let steps = prop::collection::btree_map(key, rest, 0..8)
        .prop_map(move |steps| steps.into_iter().map(step).collect::<Vec<_>>())
        .prop_shuffle();
    let reminders = prop::collection::hash_set(any_days(0), 0..4).prop_map(Vec::from_iter);
    (terms, prop::option::of(any_auto_charge()), reminders, steps).prop_map(
        |(terms, auto_charge, reminders, steps)| KindRules { terms, auto_charge, reminders, steps },
    )
}

fn any_auto_charge() -> impl Strategy<Value = AutoCharge> {
    let when = prop::sample::select(vec![ChargeWhen::OnIssue, ChargeWhen::OnDue]);
    let retry_days = prop::collection::btree_set(any_days(1), 0..MAX_RETRIES);
    (when, retry_days).prop_map(|(when, retry_days)| AutoCharge { when, retry_days })
}

fn any_working_days() -> impl Strategy<Value = WorkingDays> {
    let weekend = prop::sample::subsequence(WEEKDAYS.map(|(_, day)| day).to_vec(), 0..7);
    let holiday = (0..20_000_u32).prop_map(|days| plus(Day::default(), days));
    (weekend.prop_shuffle(), prop::collection::btree_set(holiday, 0..5))
        .prop_map(|(weekend, holidays)| WorkingDays { weekend, holidays })
}

fn any_letters() -> impl Strategy<Value = LetterRule> {
    let hours = (0..1_440_u32, 0..1_440_u32).prop_filter("differ", |(from, to)| from != to);
    let row = (prop::option::of(hours), any::<bool>(), any::<u32>(), any::<bool>());
    row.prop_map(|row| LetterRule {
        quiet_hours: row.0,
        working_days_only: row.1,
        consolidate_over_clients: row.3,
        max_per_run: row.2,
    })
}

fn any_unlock() -> impl Strategy<Value = UnlockRule> {
    let mode = prop::sample::select(vec![UnlockMode::Approval, UnlockMode::OnPayment]);
    (mode, any::<bool>(), any_days(1), any::<bool>()).prop_map(|row| UnlockRule {
        mode: row.0,
        four_eyes: row.1,
        request_expires_days: row.2,
        remainder_below_threshold: row.3,
    })
}

fn any_late_fee() -> impl Strategy<Value = LateFee> {
    let rate = prop_oneof![
        any_percent().prop_map(FeeRate::Percent),
        (1..1_000_000_i64).prop_map(|value| FeeRate::Flat(Decimal::new(value, 2))),
        any_amounts(1).prop_map(FeeRate::FlatPer),
    ];
    let schedule = (any_days(0), any_days(1), 1..=MAX_TIMES);
    let caps = (prop::option::of(any_amounts(1)), prop::option::of(any_percent()));
    let form = prop::sample::select(vec![FeeForm::Line, FeeForm::Invoice]);
    (rate, schedule, caps, any::<bool>(), any::<bool>(), form).prop_map(|row| LateFee {
        rate: row.0,
        schedule: Some(FeeSchedule { grace_days: row.1.0, every_days: row.1.1, times: row.1.2 }),
        include_tax: row.3,
        cap_amount: row.2.0,
        cap_annual: row.2.1,
        even_if_paid_late: row.4,
        form: row.5,
    })
}

fn any_percent() -> impl Strategy<Value = Percent> {
    (1..10_000_000_i64).prop_map(|value| Decimal::new(value, 4).to_string().parse().unwrap())
}

/// Steps that charge need the section, which then has no days of its own (LF-1).
fn agree_on_fees(policy: &mut Policy) {
    let has_step = policy.steps().any(|(_, step)| step.action == Action::LateFee);
    match &mut policy.late_fee {
        Some(fee) if has_step => fee.schedule = None,
        Some(_) => {}
        None => {
            for kind in [&mut policy.regular, &mut policy.out_of_turn] {
                kind.steps.retain(|step| step.action != Action::LateFee);
            }
        }
    }
}

pub(in crate::policy) fn any_policy() -> impl Strategy<Value = Policy> {
    let threshold_on = prop::sample::select(vec![ThresholdOn::Invoice, ThresholdOn::ClientOverdue]);
    let days = (any_days(0), any_days(0), any_days(0));
    let credit_and_limits = (any::<bool>(), any_capabilities(), prop::option::of(any_late_fee()));
    let promise = (any_days(0), 0..=MAX_PROMISES);
    let threshold = (any_amounts(0), threshold_on);
    let rules = (any_lock(), any_unlock(), any_working_days(), any_letters());
    (
        "[A-Za-z0-9\"':#,%\\\\{é -]{0,18}[a-z0-9:]",
        threshold,
        rules,
        promise,
        days,
        credit_and_limits,
        any_kind(),
        any_kind(),
    )
        .prop_map(
            |(
                name,
                threshold,
                rules,
                promise,
                days,
                (apply_credit, limits, late_fee),
                regular,
                out_of_turn,
            )| {
                let mut collection_threshold = threshold.0;
                // As in every policy that was read: the preset names this currency.
                collection_threshold.entry(Currency::USD).or_insert(Money::zero(Currency::USD));
                let mut policy = Policy {
                    name,
                    collection_threshold,
                    collection_threshold_on: threshold.1,
                    lock: rules.0,
                    unlock: rules.1,
                    working_days: rules.2,
                    letters: rules.3,
                    promise: PromiseRule { max_days: promise.0, max_per_invoice: promise.1 },
                    plan_grace_days: days.0,
                    in_flight_days: days.1,
                    after_return_days: days.2,
                    apply_credit_on_issue: apply_credit,
                    late_fee,
                    limits,
                    regular,
                    out_of_turn,
                };
                agree_on_fees(&mut policy);
                policy
            },
        )
}

proptest! {
    #[test]
    fn pol_1_a_policy_reads_back_from_its_document(policy in any_policy()) {
        let json = to_json(&policy);
        prop_assert_eq!(read(&Node::from(&json)), Ok(policy.clone()));
        prop_assert_eq!(read_text(&json.to_string()), Ok(policy.clone()));
        prop_assert_eq!(read_text(&to_yaml(&policy)), Ok(policy.clone()));
        let with = json!({"preset": "cpa", "with": json});
        prop_assert_eq!(read(&Node::from(&with)), Ok(policy));
    }
}

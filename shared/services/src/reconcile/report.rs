//! The report of an endpoint's day: how it begins, what goes into it, how it ends.

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Day;
use domain::id::PaymentId;
use gateways::{Ability, Field, Method, ObjectId, PaymentFacts, PaymentState};
use store::{
    Endpoint, Found, ReconcileCounts, ReconcileEntry, ReconcileStage, Reconciliation, Store,
    StoreError,
};

use super::{OVERLAP, REACH};
use crate::webhook::{Account, Outcome, Reading, Told};

/// How many payments a report lists: more than anybody looks at one by one, in an item of some tens of KB.
pub(super) const MAX_ENTRIES: usize = 100;

/// How many open payments are read again the next day: what a firm has on its way in a week, in some tens of KB.
const MAX_OPEN: usize = 1_000;

/// The longest sentence in a report.
const MAX_SENTENCE: usize = 300;

/// How long a bank may take a debit back that had cleared, where the gateway tells nobody: payers have 60 days.
const TAKEN_BACK_WITHIN: TimeDelta = TimeDelta::days(60);

/// A report that begins now, of a person's days or where the last one that was whole ended. Another one of the
/// same day goes on in its place, and keeps what that one healed.
pub(super) fn begin(
    endpoint: &Endpoint,
    name: String,
    (day, now, days): (Day, DateTime<Utc>, Option<u32>),
    last: Option<&Reconciliation>,
    todays: Option<Reconciliation>,
) -> Reconciliation {
    let newest = todays.as_ref().or(last);
    let whole_to = newest.and_then(|report| report.whole_to);
    let usual = whole_to.map_or(now - REACH, |whole_to| whole_to - OVERLAP);
    let from = days.map_or(usual, |days| now - TimeDelta::days(i64::from(days)));
    let mut open_before = newest.map(|report| report.open.clone()).unwrap_or_default();
    for id in newest.iter().flat_map(|report| &report.open_before) {
        // One that was not whole has not read them all.
        if newest.is_some_and(|report| report.ended_at.is_none()) && !open_before.contains(id) {
            open_before.push(id.clone());
        }
    }
    open_before.truncate(MAX_OPEN);
    let (version, entries) = todays.map_or((0, Vec::new()), |todays| {
        let healed = todays.entries.into_iter().filter(|entry| entry.found == Found::Healed);
        (todays.version, healed.collect())
    });
    let healed = entries.len() as u64;
    Reconciliation {
        day,
        name,
        gateway: endpoint.gateway.clone(),
        is_live: endpoint.is_live,
        begun_at: now,
        ended_at: None,
        from,
        to: now,
        is_gapless: from <= usual,
        whole_to,
        stage: ReconcileStage::Events,
        cursor: None,
        done: 0,
        counts: ReconcileCounts { healed, ..ReconcileCounts::default() },
        entries,
        left_out: 0,
        open_before,
        open: Vec::new(),
        not_listed: Vec::new(),
        trouble: None,
        failures: 0,
        version,
    }
}

/// All of it is done.
pub(super) fn end(report: &mut Reconciliation, now: DateTime<Utc>) {
    report.ended_at = Some(now);
    if report.is_gapless {
        report.whole_to = report.whole_to.max(Some(report.to));
    }
    report.open_before = Vec::new();
}

/// As much of it as there is room for.
pub(super) fn short(sentence: &str) -> String {
    sentence.chars().take(MAX_SENTENCE).collect()
}

/// What may still change is read again the next time: debits on their way, and those that cleared, where the
/// gateway doesn't tell that a bank took one back.
pub(super) fn watch(
    report: &mut Reconciliation,
    account: &Account,
    told: &Told,
    now: DateTime<Utc>,
) {
    let Told::Read(Reading { facts: Some(facts), .. }) = told else { return };
    let tells = account.gateway.abilities().contains(&Ability::Disputes);
    let id = facts.payment.as_str();
    if may_change(facts, tells, now)
        && report.open.len() < MAX_OPEN
        && !report.open.iter().any(|open| open == id)
    {
        report.open.push(id.to_owned());
    }
}

fn may_change(facts: &PaymentFacts, tells: bool, now: DateTime<Utc>) -> bool {
    let is_young = || now.timestamp() - facts.occurred_unix <= TAKEN_BACK_WITHIN.num_seconds();
    facts.reference.is_ours()
        && match facts.state {
            PaymentState::Pending | PaymentState::Held => true,
            PaymentState::Succeeded => !tells && facts.method == Some(Method::Ach) && is_young(),
            PaymentState::Open
            | PaymentState::RequiresAction
            | PaymentState::Failed { .. }
            | PaymentState::Canceled => false,
        }
}

/// Writes down what was found about a payment: counted where it is in a list of payments, and listed where a
/// person may want to look, once.
pub(super) async fn note(
    store: &Store,
    account: &Account,
    report: &mut Reconciliation,
    (asked, told): (Option<ObjectId>, Told),
    is_counted: bool,
) -> Result<(), StoreError> {
    let one = u64::from(is_counted);
    report.counts.payments += one;
    let (payment, facts, found, what) = match told {
        Told::Later(_) => return Ok(()),
        Told::Not(why) => {
            let payment = asked.and_then(|id| id_of(report, id.as_str()));
            (payment, None, Found::Unreadable, Some(why))
        }
        Told::Read(Reading { outcome, payment, facts }) => {
            let found = match outcome {
                Outcome::Unchanged => {
                    let is_listed = payment.as_ref().is_some_and(|id| is_listed(report, id));
                    report.counts.agree += if is_listed { 0 } else { one };
                    return Ok(());
                }
                Outcome::NotYet => {
                    report.counts.not_paid += one;
                    return Ok(());
                }
                Outcome::NotOurs => {
                    report.counts.others += one;
                    return Ok(());
                }
                Outcome::Applied => Found::Healed,
                Outcome::Mismatched => Found::Differs,
                // Whoever closes an endpoint or a firm knows of it.
                Outcome::Closed => return Ok(()),
                Outcome::Unclaimed => Found::Unclaimed,
                Outcome::Unknown | Outcome::Unreadable => Found::Unreadable,
            };
            // What names nobody and isn't paid is nobody's to claim.
            let is_paid = facts.as_ref().is_some_and(|facts| facts.state != PaymentState::Open);
            if found == Found::Unclaimed && !is_paid {
                report.counts.not_paid += one;
                return Ok(());
            }
            let what = facts.as_ref().filter(|_| found == Found::Differs);
            let what = what.and_then(|facts| both_sides(account, facts));
            (payment, facts, found, what)
        }
    };
    let Some(payment) = payment.or_else(|| id_of(report, "unknown")) else { return Ok(()) };
    if is_listed(report, &payment) {
        return Ok(());
    }
    let of = |counts: &mut ReconcileCounts| match found {
        Found::Healed => counts.healed += 1,
        Found::Differs => counts.differ += 1,
        Found::Unclaimed => counts.unclaimed += 1,
        Found::Unreadable => counts.unreadable += 1,
    };
    of(&mut report.counts);
    if MAX_ENTRIES <= report.entries.len() {
        report.left_out += 1;
        return Ok(());
    }
    let owner = store.payment(&payment).await?.map(|(client, _)| client);
    report.entries.push(ReconcileEntry {
        found,
        amount: facts.as_ref().map(|facts| facts.amount),
        client: owner.or_else(|| facts.and_then(|facts| facts.reference.client)),
        what: what.map(|what| short(&what)),
        payment,
    });
    Ok(())
}

fn is_listed(report: &Reconciliation, payment: &PaymentId) -> bool {
    report.entries.iter().any(|entry| entry.payment == *payment)
}

fn id_of(report: &Reconciliation, payment: &str) -> Option<PaymentId> {
    format!("{}:{payment}", report.gateway).parse().ok()
}

/// Both sides of what differs. Another firm isn't named: its money is here by its mistake or ours.
fn both_sides(account: &Account, facts: &PaymentFacts) -> Option<String> {
    let mismatch = account.mismatch(facts)?;
    let sentence = |difference: &gateways::Difference| match difference.field {
        Field::Firm => "it names another firm".to_owned(),
        _ => difference.to_string(),
    };
    let sentences: Vec<_> = mismatch.differences.iter().map(sentence).collect();
    Some(sentences.join("; "))
}

#[cfg(test)]
mod tests {
    use domain::money::{Currency, Money};
    use gateways::{Mode, Reference};

    use super::*;

    #[test]
    fn pay_3_what_may_still_change_is_read_again() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let facts = |state: &PaymentState, method, days: i64| PaymentFacts {
            payment: "pi_1".parse().unwrap(),
            amount: Money::new(100, Currency::USD),
            state: state.clone(),
            mode: Mode::Test,
            account: None,
            reference: Reference { client: Some("bea".parse().unwrap()), ..Reference::default() },
            method: Some(method),
            charge: None,
            checkout: None,
            occurred_unix: (now - TimeDelta::days(days)).timestamp(),
            refunds: Vec::new(),
            disputes: Vec::new(),
        };
        let (cleared, pending) = (PaymentState::Succeeded, PaymentState::Pending);
        for (state, method, days, tells, expected) in [
            (&pending, Method::Ach, 90, true, true),
            (&pending, Method::Card, 1, false, true),
            (&cleared, Method::Ach, 60, false, true),
            (&cleared, Method::Ach, 61, false, false),
            (&cleared, Method::Ach, 1, true, false),
            (&cleared, Method::Card, 1, false, false),
            (&PaymentState::Failed { code: None }, Method::Ach, 1, false, false),
        ] {
            let facts = facts(state, method.clone(), days);
            let found = may_change(&facts, tells, now);
            assert_eq!(found, expected, "{state:?} {method:?} {days} {tells}");
            let others = PaymentFacts { reference: Reference::default(), ..facts };
            assert!(!may_change(&others, tells, now), "a sale of the firm's own");
        }
    }

    fn endpoint() -> Endpoint {
        serde_json::from_value(serde_json::json!({
            "id": "e-1", "gateway": "stripe", "is_live": false, "secrets": "e-1"
        }))
        .unwrap()
    }

    #[test]
    fn a_report_begins_where_the_last_whole_one_ended_with_an_overlap() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let day = now.date_naive();
        let begun = |days, last: Option<&Reconciliation>, todays| {
            begin(&endpoint(), "n".to_owned(), (day, now, days), last, todays)
        };
        let first = begun(None, None, None);
        assert_eq!((first.from, first.is_gapless), (now - REACH, true));
        assert!(!begun(Some(2), None, None).is_gapless, "two days of thirty are not all");
        let ended = |mut report: Reconciliation| {
            end(&mut report, now);
            report
        };
        let whole = ended(first);
        assert_eq!(whole.whole_to, Some(now));
        let next = begun(None, Some(&whole), None);
        assert_eq!((next.from, next.is_gapless), (now - OVERLAP, true));
        // A short one by hand forgets nothing of how far it was.
        let short = ended(begun(Some(1), Some(&whole), None));
        assert_eq!((short.is_gapless, short.whole_to), (false, Some(now)));
        // Another one of the same day stands in its place, and keeps what was healed.
        let mut todays = whole.clone();
        todays.version = 7;
        for (payment, found) in [("stripe:a", Found::Healed), ("stripe:b", Found::Differs)] {
            let payment = payment.parse().unwrap();
            let entry = ReconcileEntry { payment, found, amount: None, client: None, what: None };
            todays.entries.push(entry);
        }
        let again = begun(None, Some(&whole), Some(todays));
        assert_eq!((again.version, again.counts.healed, again.entries.len()), (7, 1, 1));
    }

    #[test]
    fn payments_that_were_open_are_read_again_until_they_are_not() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let day = now.date_naive();
        let mut last = begin(&endpoint(), "n".to_owned(), (day, now, None), None, None);
        last.open = vec!["a".to_owned()];
        last.open_before = vec!["a".to_owned(), "b".to_owned()];
        let next = |last: &Reconciliation| {
            begin(&endpoint(), "n".to_owned(), (day, now, None), Some(last), None)
        };
        assert_eq!(next(&last).open_before, ["a", "b"], "it was not whole");
        end(&mut last, now);
        assert_eq!(next(&last).open_before, ["a"]);
    }
}

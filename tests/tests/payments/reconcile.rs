//! What webhooks lost is found in the gateway's own lists, and put right as if nothing had been lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use domain::id::FirmId;
use domain::payment::PaymentState;
use futures::future::join_all;
use sandbox::faults::Faults;
use sandbox::stripe::{Act, CardOutcome, DisputeOutcome, PayBy};
use serde_json::{Value, json};
use services::reconcile::{ReconcileError, Reconciler, Tick};
use store::{Found, PageRequest, ReconcileStage, Reconciliation};

use crate::bench::{self, Bench, open_firm};

fn acme() -> FirmId {
    "acme".parse().unwrap()
}

/// Everything that is told from now on is lost for good.
async fn lose(bench: &Bench) {
    bench.sandbox.set_faults(Faults { drop_webhooks: u32::MAX, ..Faults::default() });
    assert_eq!(bench.deliver().await, [], "nothing arrives");
    bench.sandbox.set_faults(Faults::default());
}

fn reconciler(bench: &Bench) -> Reconciler {
    Reconciler::new(bench.webhooks(), bench.clock.clone())
}

/// A run by hand, of all there is; its report.
async fn reconcile(bench: &Bench) -> Reconciliation {
    let deadline = bench.now() + TimeDelta::hours(1);
    let mut reports = reconciler(bench).now(&acme(), None, deadline).await.unwrap();
    let report = reports.remove(0);
    assert_eq!((&report.trouble, report.stage), (&None, ReconcileStage::Done), "{report:?}");
    report
}

/// A run by schedule.
async fn tick(bench: &Bench) -> Tick {
    reconciler(bench).tick(bench.now() + TimeDelta::hours(1)).await.unwrap()
}

/// Found, payment, amount and client of each, without the gateway's name.
fn entries(report: &Reconciliation) -> Vec<(Found, String, String, String)> {
    let entry = |entry: &store::ReconcileEntry| {
        let payment = entry.payment.as_str().trim_start_matches("stripe:").to_owned();
        let amount = entry.amount.map(|amount| amount.to_string()).unwrap_or_default();
        let client = entry.client.as_ref().map(ToString::to_string).unwrap_or_default();
        (entry.found, payment, amount, client)
    };
    report.entries.iter().map(entry).collect()
}

/// What happened at the gateway, from a page on.
#[derive(Debug, Clone, Copy)]
enum News {
    Paid,
    DeclinedThenPaid,
    Declined,
    Debited,
    Cleared,
    Bounced,
    TakenBack,
    PartlyRefunded,
    Refunded,
    Disputed,
    DisputeWon,
    DisputeLost,
}

const ALL: [News; 12] = [
    News::Paid,
    News::DeclinedThenPaid,
    News::Declined,
    News::Debited,
    News::Cleared,
    News::Bounced,
    News::TakenBack,
    News::PartlyRefunded,
    News::Refunded,
    News::Disputed,
    News::DisputeWon,
    News::DisputeLost,
];

/// Makes the news; `between` happens after each act. The payment.
async fn make(bench: &Bench, news: News, between: impl AsyncFn()) -> String {
    let session = bench.page_with(&[]).await;
    let card = |outcome| Act::PayByCard { session: session.clone(), outcome };
    let declines = || CardOutcome::Declines("insufficient_funds".to_owned());
    let act = async |act: Act| {
        let object = bench.act(act).object;
        between().await;
        object
    };
    let reason = || "insufficient_funds".to_owned();
    match news {
        News::Declined => act(card(declines())).await,
        News::DeclinedThenPaid => {
            act(card(declines())).await;
            act(card(CardOutcome::Succeeds)).await
        }
        News::Debited | News::Cleared | News::Bounced | News::TakenBack => {
            let payment = act(Act::PayByBank { session: session.clone() }).await;
            if matches!(news, News::Cleared | News::TakenBack) {
                act(Act::Settle { payment: payment.clone() }).await;
            }
            if matches!(news, News::TakenBack) {
                act(Act::Return { payment: payment.clone(), reason: reason() }).await;
            }
            if matches!(news, News::Bounced) {
                act(Act::Bounce { payment: payment.clone(), code: reason() }).await;
            }
            payment
        }
        _ => {
            let payment = act(card(CardOutcome::Succeeds)).await;
            let refund = |amount| Act::Refund { payment: payment.clone(), amount };
            let dispute =
                || Act::Dispute { payment: payment.clone(), amount: None, is_inquiry: false };
            match news {
                News::PartlyRefunded => {
                    act(refund(Some(30_000))).await;
                }
                News::Refunded => {
                    act(refund(None)).await;
                }
                News::Disputed => {
                    act(dispute()).await;
                }
                News::DisputeWon | News::DisputeLost => {
                    let outcome = match news {
                        News::DisputeWon => DisputeOutcome::Won,
                        _ => DisputeOutcome::Lost,
                    };
                    let dispute = act(dispute()).await;
                    act(Act::CloseDispute { dispute, outcome }).await;
                }
                _ => {}
            }
            payment
        }
    }
}

/// What the account comes to.
async fn account(bench: &Bench, payment: &str) -> String {
    let state = bench.payment_state(payment).await;
    let (first, second) = (bench.balance("A-1").await, bench.balance("A-2").await);
    format!("{state:?}, {first} + {second}, credit {}", bench.credit().await)
}

/// Without the payment's state.
fn money(account: &str) -> String {
    account.split_once(", ").unwrap().1.to_owned()
}

#[tokio::test]
async fn pay_3_each_kind_of_news_that_was_lost_is_healed() {
    for news in ALL {
        let told = Bench::start().await;
        let payment = make(&told, news, async || drop(told.deliver().await)).await;
        let lost = Bench::start().await;
        assert_eq!(make(&lost, news, async || lose(&lost).await).await, payment);
        let before = account(&lost, &payment).await;
        let report = reconcile(&lost).await;
        let expected = account(&told, &payment).await;
        let (found, expected) = match news {
            // A debit of which nothing was known before it bounced never was on its way here.
            News::Bounced => (money(&account(&lost, &payment).await), money(&expected)),
            _ => (account(&lost, &payment).await, expected),
        };
        assert_eq!(found, expected, "{news:?}");
        assert_ne!(before, expected, "{news:?} changed something");
        assert_eq!(report.counts.healed, 1, "{news:?}: {report:?}");
        let amount = "1250.00 USD".to_owned();
        let healed = (Found::Healed, payment.clone(), amount, "bea".to_owned());
        assert_eq!(entries(&report), [healed], "{news:?}");
        assert!(0 < report.counts.lost && report.counts.lost <= report.counts.events, "{news:?}");
        // What is still on its way is read again the next time.
        let open: &[String] = if matches!(news, News::Debited) { &[payment] } else { &[] };
        assert_eq!(report.open, open, "{news:?}");
    }
}

#[tokio::test]
async fn pay_3_only_the_last_of_some_news_was_lost() {
    let bench = Bench::start().await;
    let payment = bench.paid().await;
    bench.act(Act::Refund { payment: payment.clone(), amount: Some(30_000) });
    lose(&bench).await;
    let report = reconcile(&bench).await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::PartiallyRefunded));
    let counts = report.counts;
    assert!(counts.lost < counts.events, "{counts:?}");
    assert_eq!((counts.payments, counts.agree, counts.healed), (1, 0, 1), "{counts:?}");
}

#[tokio::test]
async fn pay_1_again_it_changes_nothing_and_costs_little() {
    /// Half units of a run in which all is known: three events, one payment; the report after each page, its turns.
    const KNOWN: (u64, u64) = (29, 20);
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.page_with(&[]).await);
    lose(&bench).await;
    reconcile(&bench).await;
    let (audit, stood) = (bench.audit().await, account(&bench, &payment).await);
    let again = reconcile(&bench).await;
    assert_eq!((bench.audit().await, account(&bench, &payment).await), (audit.clone(), stood));
    assert_eq!((again.counts.lost, again.counts.healed), (0, 1), "of the day: {again:?}");
    bench.wait(TimeDelta::days(1));
    let webhooks = bench.counted_webhooks();
    let reconciler = Reconciler::new(webhooks, bench.clock.clone());
    bench.cost();
    let deadline = bench.now() + TimeDelta::hours(1);
    let tomorrow = reconciler.now(&acme(), None, deadline).await.unwrap().remove(0);
    let consumed = bench.cost();
    assert_eq!(bench.audit().await, audit);
    let counts = tomorrow.counts;
    assert_eq!((counts.payments, counts.agree, counts.healed), (1, 1, 0), "{counts:?}");
    assert_eq!(tomorrow.entries, []);
    assert_eq!((consumed.half_reads, consumed.half_writes), KNOWN);
    // Both are there, the newest first.
    let listed = bench.store().reconciliations(&PageRequest::default()).await.unwrap().items;
    assert_eq!(listed.len(), 2);
    assert!(listed[1].day < listed[0].day);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_1_several_at_once_are_one() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.page_with(&[]).await);
    lose(&bench).await;
    let records = bench.audit().await.len();
    let deadline = bench.now() + TimeDelta::hours(1);
    let several: Vec<_> = (0..4).map(|_| reconciler(&bench)).collect();
    let firm = acme();
    let by_hand = join_all(several.iter().map(|one| one.now(&firm, None, deadline)));
    let by_clock = join_all(several.iter().map(|one| one.tick(deadline)));
    let (by_hand, by_clock) = futures::future::join(by_hand, by_clock).await;
    assert!(by_hand.iter().all(Result::is_ok) && by_clock.iter().all(Result::is_ok));
    assert_eq!(bench.audit().await.len(), records + 1);
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    let whole = reconcile(&bench).await;
    // Who was overtaken may have put it right, and says so in the audit alone.
    assert!(whole.counts.healed <= 1 && whole.counts.payments == 1, "{whole:?}");
}

/// Answers so many requests, then none.
async fn until_down(State(left): State<Arc<AtomicU32>>, request: Request, next: Next) -> Response {
    let take = |left: u32| left.checked_sub(1);
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
        Ok(_) => next.run(request).await,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[tokio::test]
async fn pay_2_a_gateway_that_goes_down_at_any_moment_is_asked_again_later() {
    let mut moments = 0;
    for answers in 0.. {
        let bench = Bench::start().await;
        let payment = bench.pay_by_card(&bench.page_with(&[]).await);
        let left = Arc::new(AtomicU32::new(answers));
        let router = bench.sandbox.router().layer(from_fn_with_state(left, until_down));
        let webhooks = bench.webhooks_at(&bench::serve(router).await);
        lose(&bench).await;
        let dying = Reconciler::new(webhooks, bench.clock.clone());
        let deadline = bench.now() + TimeDelta::hours(1);
        let first = dying.tick(deadline).await.unwrap();
        if first.whole == 1 {
            moments = answers;
            break;
        }
        assert_eq!((first.troubled, first.failed), (1, 0), "after {answers} answers");
        let reports = bench.store().reconciliations(&PageRequest::default()).await.unwrap();
        let said = &reports.items[0];
        let trouble = said.trouble.as_deref().unwrap_or_default();
        assert!(trouble.contains("503") && said.ended_at.is_none(), "{said:?}");
        assert_eq!(tick(&bench).await, Tick::default(), "not before it is time");
        bench.wait(TimeDelta::minutes(15));
        let second = tick(&bench).await;
        assert_eq!((second.whole, first.healed + second.healed), (1, 1), "after {answers} answers");
        let reports = bench.store().reconciliations(&PageRequest::default()).await.unwrap();
        let whole = &reports.items[0];
        assert_eq!((&whole.trouble, whole.failures, whole.counts.payments), (&None, 0, 1));
        assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
        assert_eq!(bench.balance("A-1").await, "0.00 USD");
    }
    assert!(5 < moments, "{moments} moments");
    println!("{moments} moments at which the gateway went down");
}

#[tokio::test]
async fn pay_2_what_differs_is_listed_with_both_sides_and_marks_nothing() {
    let bench = Bench::start().await;
    let wrong = ("payment_intent_data[metadata][invoices]", "A-1,A#2");
    let payment = bench.pay_by_card(&bench.page_with(&[wrong]).await);
    lose(&bench).await;
    for _ in 0..2 {
        let report = reconcile(&bench).await;
        let [entry] = &report.entries[..] else { panic!("one is listed: {report:?}") };
        assert_eq!((entry.found, report.counts.differ), (Found::Differs, 1));
        assert!(entry.payment.as_str().ends_with(&payment));
        let what = entry.what.as_deref().unwrap_or_default();
        assert!(what.contains("expected") && what.contains("found"), "{what}");
        assert_eq!(bench.balance("A-1").await, "1000.00 USD");
        assert_eq!(bench.mismatches().await.len(), 1, "one task, however often");
    }
}

#[tokio::test]
async fn sec_1_another_firms_money_is_refused_as_by_webhooks() {
    let bench = Bench::start().await;
    open_firm(&bench.store_of("beta"), bench.now()).await;
    bench.open_endpoint("beta", false, &["whsec_of_beta"]).await; // the same account at the gateway
    let payment = bench.pay_by_card(&bench.page_with(&[]).await);
    lose(&bench).await;
    let (beta, deadline) = ("beta".parse().unwrap(), bench.now() + TimeDelta::hours(1));
    let report = reconciler(&bench).now(&beta, None, deadline).await.unwrap().remove(0);
    let [entry] = &report.entries[..] else { panic!("one is listed: {report:?}") };
    assert_eq!((entry.found, &entry.what), (Found::Differs, &Some("it names another firm".into())));
    assert_eq!(bench.payment_state(&payment).await, None);
    // And beta used up nothing of acme's.
    assert_eq!(reconcile(&bench).await.counts.healed, 1);
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
}

#[tokio::test]
async fn pay_1_what_nobody_claims_is_kept_as_evidence_and_other_sales_are_counted() {
    let bench = Bench::start().await;
    let zoe = ("payment_intent_data[metadata][client]", "zoe");
    let page = bench.page_with(&[zoe, ("client_reference_id", "zoe")]).await;
    let payment = bench.pay_by_card(&page);
    let (currency, metadata) = ("usd".to_owned(), Default::default());
    bench.act(Act::Take { amount: 500, currency, metadata, by: PayBy::Card });
    lose(&bench).await;
    let report = reconcile(&bench).await;
    let unclaimed = (Found::Unclaimed, payment, "1250.00 USD".to_owned(), "zoe".to_owned());
    assert_eq!(entries(&report), [unclaimed]);
    let counts = report.counts;
    assert_eq!((counts.unclaimed, counts.others, counts.payments), (1, 1, 2), "{counts:?}");
    let kept = services::unclaimed::listed(&bench.firm().await, &PageRequest::default()).await;
    assert_eq!(kept.unwrap().items.len(), 1);
}

#[tokio::test]
async fn pay_3_long_lists_are_read_page_by_page() {
    let bench = Bench::start().await;
    for _ in 0..130 {
        let (currency, metadata) = ("usd".to_owned(), Default::default());
        bench.act(Act::Take { amount: 500, currency, metadata, by: PayBy::Card });
    }
    let payment = bench.pay_by_card(&bench.page_with(&[]).await);
    lose(&bench).await;
    let report = reconcile(&bench).await;
    let counts = report.counts;
    assert_eq!((counts.payments, counts.others, counts.healed), (131, 130, 1), "{counts:?}");
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    // Without time nothing is begun, and the next tick goes on.
    bench.wait(TimeDelta::days(1));
    let late = reconciler(&bench).tick(bench.now()).await.unwrap();
    assert_eq!((late.unfinished, late.whole), (1, 0));
    assert_eq!(tick(&bench).await.whole, 1);
}

#[tokio::test]
async fn pay_3_a_debit_on_its_way_is_read_again_until_it_is_through() {
    let bench = Bench::start().await;
    let session = bench.page_with(&[]).await;
    let payment = bench.act(Act::PayByBank { session }).object;
    lose(&bench).await;
    assert_eq!(reconcile(&bench).await.open, std::slice::from_ref(&payment));
    // Beyond the overlap it is in no list of payments any more.
    for _ in 0..4 {
        bench.wait(TimeDelta::days(1));
        let report = reconcile(&bench).await;
        assert_eq!((&report.open, report.counts.payments), (&vec![payment.clone()], 1));
    }
    bench.act(Act::Settle { payment: payment.clone() });
    lose(&bench).await;
    bench.wait(TimeDelta::days(1));
    let report = reconcile(&bench).await;
    assert_eq!((report.open.len(), report.counts.payments, report.counts.healed), (0, 1, 1));
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    bench.wait(TimeDelta::days(1));
    assert_eq!(reconcile(&bench).await.counts.payments, 0);
}

#[tokio::test]
async fn by_the_schedule_each_endpoint_has_its_turn_once_a_day_and_trouble_stops_no_other() {
    let bench = Bench::start().await;
    open_firm(&bench.store_of("beta"), bench.now()).await;
    bench.open_endpoint("beta", true, &["whsec_of_beta"]).await; // its key is none here
    bench.pay_by_card(&bench.page_with(&[]).await);
    lose(&bench).await;
    let first = tick(&bench).await;
    assert_eq!((first.whole, first.troubled, first.healed, first.failed), (1, 1, 1, 0));
    let beta = bench.store_of("beta").reconciliations(&PageRequest::default()).await.unwrap();
    let trouble = beta.items[0].trouble.clone().unwrap_or_default();
    assert!(trouble.contains("401") && !trouble.contains("sk_live"), "{trouble}");
    assert_eq!(tick(&bench).await, Tick::default());
    bench.wait(TimeDelta::minutes(20));
    assert_eq!(tick(&bench).await.troubled, 1, "only the other one");
    bench.wait(TimeDelta::days(1));
    assert_eq!(tick(&bench).await.whole, 1);
    let days = bench.store().reconciliations(&PageRequest::default()).await.unwrap().items;
    assert_eq!(days.len(), 2);
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_so() {
    let bench = Bench::start().await;
    let (one, deadline) = (reconciler(&bench), bench.now() + TimeDelta::hours(1));
    let nobody = "nobody".parse().unwrap();
    let ended = one.now(&nobody, None, deadline).await;
    assert!(matches!(ended, Err(ReconcileError::NoFirm(_))), "{ended:?}");
    open_firm(&bench.store_of("beta"), bench.now()).await;
    let ended = one.now(&"beta".parse().unwrap(), None, deadline).await;
    assert!(matches!(ended, Err(ReconcileError::NoEndpoint(_))), "{ended:?}");
    for days in [0, 91] {
        let ended = one.now(&acme(), Some(days), deadline).await;
        assert!(matches!(ended, Err(ReconcileError::Days(_))), "{ended:?}");
    }
    let report = one.now(&acme(), Some(2), deadline).await.unwrap().remove(0);
    assert_eq!(report.to - report.from, TimeDelta::days(2));
    assert!(!report.name.contains(&bench.endpoint.id), "its address stays unknown");
}

#[tokio::test]
async fn the_sample_event_of_the_schedule_compares_and_others_are_refused() {
    let bench = Bench::start().await;
    bench.pay_by_card(&bench.page_with(&[]).await);
    lose(&bench).await;
    let stage = platform::config::Stage::Local;
    let state = ::reconcile::State::new(reconciler(&bench), bench.clock.clone(), stage);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/reconcile-tick.json");
    let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let deadline = bench.now() + TimeDelta::minutes(14);
    let tick = ::reconcile::handle(&state, event.clone(), deadline).await.unwrap();
    assert_eq!((tick.whole, tick.healed), (1, 1));
    let mut other = event;
    other["detail-type"] = json!("EC2 Instance State-change Notification");
    for event in [other, json!({}), json!([]), json!(null), json!({"Records": []})] {
        let error = ::reconcile::handle(&state, event.clone(), deadline).await.unwrap_err();
        assert!(error.to_string().contains("expected"), "for {event}: {error}");
    }
}

//! Every order of a payment's webhooks, with up to two duplicates and one loss, leads to the same facts (PAY-3).

use std::collections::BTreeMap;

use gateways::{Gateway, Incoming, PaymentFacts, ReadBack};
use sandbox::outbox::Delivery;
use sandbox::square::{Act, DisputeOutcome, RefundOutcome};

use crate::bench::{Bench, by_bank, by_card};

/// What one delivery leads to.
async fn told(bench: &Bench, delivery: &Delivery) -> PaymentFacts {
    let Delivery { headers, body, .. } = delivery;
    let incoming = Incoming { headers, body, now_unix: bench.now() };
    let event = bench.square.receive(incoming).await.unwrap();
    match bench.square.read_back(&event.hint.unwrap()).await.unwrap() {
        ReadBack::Payment(facts) => *facts,
        other => panic!("{other:?}"),
    }
}

/// Calls `visit` for every order in which the copies of each event can arrive.
fn every_order(left: &mut [usize], so_far: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
    if left.iter().all(|copies| *copies == 0) {
        return visit(so_far);
    }
    for event in 0..left.len() {
        if 0 < left[event] {
            left[event] -= 1;
            so_far.push(event);
            every_order(left, so_far, visit);
            so_far.pop();
            left[event] += 1;
        }
    }
}

/// How often each event arrives: once, but for one at most that is lost and two at most that come again.
fn arrivals(events: usize) -> Vec<Vec<usize>> {
    let mut all = vec![];
    for lost in (0..events).map(Some).chain([None]) {
        let mut copies = vec![1; events];
        if let Some(lost) = lost {
            copies[lost] = 0;
        }
        let arrive: Vec<_> = (0..events).filter(|event| copies[*event] == 1).collect();
        all.push(copies.clone());
        for (at, first) in arrive.iter().enumerate() {
            let mut once_more = copies.clone();
            once_more[*first] += 1;
            all.push(once_more.clone());
            for second in &arrive[at..] {
                let mut twice_more = once_more.clone();
                twice_more[*second] += 1;
                all.push(twice_more);
            }
        }
    }
    all
}

async fn check(name: &str, bench: &Bench) {
    let deliveries = bench.sandbox.deliveries(&bench.endpoint());
    let mut facts = vec![];
    for delivery in &deliveries {
        facts.push(told(bench, delivery).await);
    }
    let (mut orders, mut ends) = (0_usize, BTreeMap::<String, usize>::new());
    for copies in arrivals(deliveries.len()) {
        let mut visit = |order: &[usize]| {
            // Whoever is told reads back, and what was read last stands.
            let mut account = None;
            for event in order {
                account = Some(&facts[*event]);
            }
            assert_eq!(account, facts.first(), "{name}: {order:?}");
            orders += 1;
        };
        every_order(&mut copies.clone(), &mut vec![], &mut visit);
    }
    for one in &facts {
        *ends.entry(format!("{one:?}")).or_default() += 1;
    }
    assert_eq!(ends.len(), 1, "{name}: {ends:?}");
    println!("{name}: {} events, {orders} orders, one end", deliveries.len());
}

#[tokio::test]
async fn pay_3_every_order_of_a_cards_webhooks_ends_in_the_same_facts() {
    let bench = Bench::start().await;
    let (_, payment) = bench.paid(by_card).await;
    let refund = bench.act(Act::Refund { payment, amount: Some(5_000) }).object;
    bench.act(Act::FinishRefund { refund, outcome: RefundOutcome::Completed });
    check("card, part given back", &bench).await;

    let bench = Bench::start().await;
    let (_, payment) = bench.paid(by_card).await;
    let dispute =
        bench.act(Act::Dispute { payment, amount: Some(5_000), is_inquiry: false }).object;
    bench.act(Act::CloseDispute { dispute, outcome: DisputeOutcome::Won });
    check("card, dispute won", &bench).await;
}

#[tokio::test]
async fn pay_3_every_order_of_a_debits_webhooks_ends_in_the_same_facts() {
    let bench = Bench::start().await;
    let (_, payment) = bench.paid(by_bank).await;
    bench.act(Act::Settle { payment: payment.clone() });
    bench.act(Act::Return { payment });
    check("debit, returned", &bench).await;

    let bench = Bench::start().await;
    let (_, payment) = bench.paid(by_bank).await;
    bench.act(Act::Bounce { payment, code: "INSUFFICIENT_FUNDS".to_owned() });
    check("debit, refused", &bench).await;
}

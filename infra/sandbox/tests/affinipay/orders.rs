//! Every order of one payment's webhooks, with up to two of them twice and one of them lost, ends in the same
//! facts (PAY-3).
//!
//! A webhook comes when its cause has happened, or any time later. So each life of a payment is cut into stages,
//! and what each webhook leads to at each stage is asked once, over HTTP; then all orders are gone through in
//! process. What a lost webhook would have told is in the list of events, which is asked for in the end.

use std::collections::BTreeMap;

use gateways::{Gateway, Mode, PaymentFacts, Span};
use sandbox::affinipay::{Act, PayWith};

use crate::bench::{Bench, NOON};

/// How many webhooks come twice, or one of them three times, at most.
const MAX_TWICE: usize = 2;

/// A payment's life: what every webhook that is out by a stage leads to then.
struct Life {
    /// By webhook: the stage that causes it.
    caused: Vec<usize>,
    /// By stage and webhook.
    facts: BTreeMap<(usize, usize), PaymentFacts>,
    stages: usize,
    truth: PaymentFacts,
}

/// What happens next to a payment.
type Step<'a> = &'a dyn Fn(&Bench, &str);

async fn life(with: PayWith, steps: &[Step<'_>]) -> Life {
    let bench = Bench::new().await;
    let payment = bench.pay(500, "pc-1.bea", with).to_string();
    let (mut caused, mut facts) = (vec![], BTreeMap::new());
    let mut stage = 0;
    loop {
        let deliveries = bench.sandbox.deliveries();
        caused.resize(deliveries.len(), stage);
        for (webhook, delivery) in deliveries.iter().enumerate() {
            let event = bench.receive(&delivery.body).await.unwrap();
            facts.insert((stage, webhook), bench.facts(&event.hint.unwrap()).await);
        }
        let Some(step) = steps.get(stage) else { break };
        bench.later(60);
        step(&bench, &payment);
        stage += 1;
    }
    let truth = bench.payment(&payment.parse().unwrap()).await;
    // Whatever a webhook lost, the list of events leads to the truth.
    let span = Span { from_unix: NOON, to_unix: bench.now() };
    let listed = bench.affinipay.events(span, None).await.unwrap().items;
    assert_eq!(listed.len(), caused.len());
    for event in listed {
        assert_eq!(bench.facts(&event.hint.unwrap()).await, truth);
    }
    Life { caused, facts, stages: stage + 1, truth }
}

impl Life {
    /// What is known after that order of webhooks, each read when it came.
    fn after(&self, order: &[usize]) -> (usize, Option<&PaymentFacts>) {
        let (mut stage, mut known) = (0, None);
        for webhook in order {
            stage = stage.max(self.caused[*webhook]);
            known = Some(&self.facts[&(stage, *webhook)]);
        }
        (stage, known)
    }

    /// Goes through all orders of what comes; answers with how many there are.
    fn all_orders(&self, left: &mut [usize], order: &mut Vec<usize>, is_complete: bool) -> usize {
        if left.iter().all(|times| *times == 0) {
            let (stage, known) = self.after(order);
            if is_complete || stage + 1 == self.stages {
                assert_eq!(known, Some(&self.truth), "for {order:?}");
            }
            return 1;
        }
        let mut count = 0;
        for webhook in 0..left.len() {
            if 0 < left[webhook] {
                left[webhook] -= 1;
                order.push(webhook);
                count += self.all_orders(left, order, is_complete);
                order.pop();
                left[webhook] += 1;
            }
        }
        count
    }

    fn every_order(&self) -> usize {
        let webhooks = self.caused.len();
        let mut count = 0;
        for lost in (0..webhooks).map(Some).chain([None]) {
            let once: Vec<usize> = (0..webhooks).map(|n| usize::from(Some(n) != lost)).collect();
            let come: Vec<usize> = (0..webhooks).filter(|n| Some(*n) != lost).collect();
            for more in repeats(&come, MAX_TWICE) {
                let mut left = once.clone();
                more.iter().for_each(|webhook| left[*webhook] += 1);
                count += self.all_orders(&mut left, &mut vec![], lost.is_none());
            }
        }
        count
    }
}

/// Which come once more: none, one, or two of them, perhaps the same.
fn repeats(come: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    let mut last: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..most {
        let longer = |some: &Vec<usize>| {
            let from = some.last().copied().unwrap_or(0);
            let some = some.clone();
            come.iter()
                .filter(move |webhook| from <= **webhook)
                .map(move |webhook| [some.clone(), vec![*webhook]].concat())
                .collect::<Vec<_>>()
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.clone());
    }
    all
}

#[tokio::test]
async fn pay_3_every_order_of_a_payments_webhooks_ends_in_the_same_facts() {
    let complete = |bench: &Bench, payment: &str| {
        drop(bench.act(Act::Complete { transaction: payment.to_owned() }));
    };
    let fail = |bench: &Bench, payment: &str| {
        let code = "ach_insufficient_funds".to_owned();
        drop(bench.act(Act::Fail { transaction: payment.to_owned(), code }));
    };
    let void = |bench: &Bench, payment: &str| {
        drop(bench.act(Act::Void { transaction: payment.to_owned() }));
    };
    let refund = |bench: &Bench, payment: &str| {
        drop(bench.act(Act::Refund { transaction: payment.to_owned(), amount: Some(200) }));
    };
    let next_day = |bench: &Bench, _: &str| assert_ne!(bench.day("2026-03-03"), 0);
    let card = PayWith::good_card;
    let mut all = 0;
    for (name, with, steps, webhooks) in [
        ("captured", card(), &[&complete as Step<'_>][..], 3),
        ("voided", card(), &[&void], 3),
        ("an eCheck that fails", PayWith::good_bank(), &[&fail], 3),
        ("an eCheck that fails after it cleared", PayWith::good_bank(), &[&complete, &fail], 4),
        ("refunded in part", card(), &[&complete, &refund, &next_day], 6),
        ("refunded before it is captured", card(), &[&refund, &next_day], 6),
    ] {
        let life = life(with, steps).await;
        assert_eq!(life.caused.len(), webhooks, "{name}");
        let count = life.every_order();
        println!("{name}: {webhooks} webhooks, {count} orders end in the same facts");
        all += count;
    }
    assert_eq!(all, 3 * 258 + 2_592 + 2 * 319_680, "all of them were gone through");
    let live = Bench::on(Default::default(), Mode::Live).await;
    assert!(live.sandbox.deliveries().is_empty());
}

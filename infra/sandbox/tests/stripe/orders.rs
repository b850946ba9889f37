//! Every order of one payment's news, with up to two duplicates and one loss, ends in the same facts (PAY-3).
//!
//! Each delivery is signed, received and read back for real, once for each moment of the payment's life at
//! which it can come. The orders are then gone through in memory: news come in any order, each at the earliest
//! moment at which all news before it were there; what was lost is found in the list of events in the end.

use std::collections::BTreeMap;

use gateways::{Gateway, Hint, Incoming, PaymentFacts, Span};
use reqwest::header::{HeaderMap, HeaderValue};
use sandbox::stripe::Act;

use crate::bench::{Bench, START, secret};

/// News of a payment: of which moment they are, and what is read at each moment from then on.
struct Life {
    /// By event: the moment at which it was made, and what its hint leads to, by moment.
    news: Vec<(usize, BTreeMap<usize, String>)>,
    last: usize,
}

/// What matters of the facts: only a page tells its own id and the free text on it.
fn said(mut facts: PaymentFacts) -> String {
    facts.checkout = None;
    facts.reference.client_reference = None;
    format!("{facts:?}")
}

async fn received(bench: &Bench, header: &str, body: &str) -> Hint {
    let mut headers = HeaderMap::new();
    headers.insert("stripe-signature", HeaderValue::from_str(header).unwrap());
    let incoming = Incoming { headers: &headers, body: body.as_bytes(), now_unix: bench.now() };
    bench.signed().receive(incoming).await.unwrap().hint.unwrap()
}

/// Acts one after the other; of each moment's news one for each kind of object is kept, and five in all.
async fn live(bench: &Bench, acts: impl IntoIterator<Item = Act>) -> Life {
    let mut hints: Vec<(usize, Hint)> = vec![];
    let mut seen = vec![];
    let mut read = BTreeMap::new();
    let mut last = 0;
    for (moment, act) in acts.into_iter().enumerate() {
        bench.act(act);
        for delivery in bench.sandbox.deliveries(&secret()) {
            let is_new = !seen.contains(&delivery.event);
            seen.push(delivery.event.clone());
            let kind = serde_json::from_str::<serde_json::Value>(&delivery.body).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned();
            if !is_new || !gateways::stripe::EVENT_KINDS.contains(&kind.as_str()) {
                continue;
            }
            let hint = received(bench, &delivery.header, &delivery.body).await;
            if !hints.iter().any(|(_, known)| *known == hint) {
                hints.push((moment, hint));
            }
        }
        for (index, (_, hint)) in hints.iter().enumerate() {
            read.insert((index, moment), said(bench.facts(hint).await));
        }
        last = moment;
    }
    let of = |index: usize| {
        let mine = read.iter().filter(|((of, _), _)| *of == index);
        mine.map(|((_, moment), facts)| (*moment, facts.clone())).collect()
    };
    let news = hints.iter().enumerate().map(|(index, (moment, _))| (*moment, of(index)));
    Life { news: news.collect(), last }
}

/// How often each is delivered: with up to two duplicates and one loss in all.
fn counts(news: usize) -> Vec<Vec<usize>> {
    let mut all = vec![];
    for lost in (0..news).map(Some).chain([None]) {
        let once: Vec<usize> = (0..news).map(|index| usize::from(Some(index) != lost)).collect();
        all.push(once.clone());
        let there = (0..news).filter(|index| Some(*index) != lost).collect::<Vec<_>>();
        for (place, first) in there.iter().enumerate() {
            let mut one = once.clone();
            one[*first] += 1;
            all.push(one.clone());
            for second in &there[place..] {
                let mut two = one.clone();
                two[*second] += 1;
                all.push(two);
            }
        }
    }
    all
}

/// Goes through every order of deliveries that are left; answers with how many there were.
fn go(life: &Life, left: &mut Vec<usize>, moment: usize, known: Option<&str>, end: &str) -> usize {
    let mut orders = 0;
    let mut is_over = true;
    for index in 0..left.len() {
        if left[index] == 0 {
            continue;
        }
        is_over = false;
        left[index] -= 1;
        let (made, read) = &life.news[index];
        let at = moment.max(*made);
        orders += go(life, left, at, Some(&read[&at]), end);
        left[index] += 1;
    }
    if !is_over {
        return orders;
    }
    // Whoever asks for the list of events reads each payment on it again.
    let healed = life.news.iter().map(|(_, read)| read[&life.last].as_str());
    let ends: Vec<_> = healed.chain(known.filter(|_| moment == life.last)).collect();
    assert!(ends.iter().all(|facts| *facts == end), "{known:?}");
    1
}

async fn walk(bench: &Bench, life: &Life, name: &str) -> usize {
    let (_, read) = &life.news[0];
    let end = read[&life.last].clone();
    let orders = counts(life.news.len())
        .into_iter()
        .map(|mut left| go(life, &mut left, 0, None, &end))
        .sum();
    // And the list holds something of each of them.
    let span = Span { from_unix: START, to_unix: bench.now() };
    let listed = bench.ours().events(span, None).await.unwrap();
    assert!(listed.next.is_none());
    for event in listed.items {
        assert_eq!(said(bench.facts(&event.hint.unwrap()).await), end);
    }
    println!("{name}: {} news, {orders} orders end in the same facts", life.news.len());
    orders
}

#[tokio::test]
async fn pay_3_every_order_of_a_cards_news_ends_in_the_same_facts() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let outcome = sandbox::stripe::CardOutcome::Succeeds;
    let paid = Act::PayByCard { session: session.clone(), outcome };
    // The payment's id is that of the first payment of a new book: acted out once to learn it.
    let trial = Bench::start().await;
    trial.session().await;
    let payment = trial.act(paid.clone()).object;
    let refund = Act::Refund { payment: payment.clone(), amount: Some(25_000) };
    let dispute = Act::Dispute { payment, amount: Some(100_000), is_inquiry: false };
    let life = live(&bench, [paid, refund, dispute]).await;
    assert_eq!(life.news.len(), 5, "page, payment, charge, refund, dispute");
    assert_eq!(walk(&bench, &life, "card").await, 27_840);
}

#[tokio::test]
async fn pay_3_every_order_of_a_debits_news_ends_in_the_same_facts() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let paid = Act::PayByBank { session: session.clone() };
    let trial = Bench::start().await;
    trial.session().await;
    let payment = trial.act(paid.clone()).object;
    let settled = Act::Settle { payment: payment.clone() };
    let refund = Act::Refund { payment: payment.clone(), amount: Some(100) };
    let returned = Act::Return { payment, reason: "insufficient_funds".to_owned() };
    let life = live(&bench, [paid, settled, refund, returned]).await;
    assert_eq!(life.news.len(), 5, "page, payment, charge, refund, return");
    assert_eq!(walk(&bench, &life, "debit").await, 27_840);
}

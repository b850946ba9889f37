//! There are no keys: whatever is lost on the way, one attempt takes, gives back and saves once.
//!
//! Every pattern of what can happen to the first requests is tried: each is answered, never arrives, or is done
//! and its answer lost. Whoever asks does so until there is an answer, as the product does.

use gateways::{
    ChargeError, Charged, Gateway, GatewayError, NewCharge, NewRefund, Refund, RefundError,
};
use sandbox::affinipay::{Act, PayWith};

use crate::bench::{Bench, Luck, customer, key, new_charge, usd};

const LUCKS: [Luck; 3] = [Luck::Good, Luck::LostBefore, Luck::LostAfter];

/// So many requests are anything; after them all is good.
const REQUESTS: usize = 6;

/// So many patterns meet one sandbox: its book is copied with each change.
const A_BOOK: usize = 27;

/// More than enough: each time at least one request is used up.
const MAX_TIMES: usize = 12;

fn patterns(requests: usize) -> Vec<Vec<Luck>> {
    (0..requests).fold(vec![vec![]], |all, _| {
        let longer = |pattern: &Vec<Luck>| {
            let pattern = pattern.clone();
            LUCKS.map(move |luck| [pattern.clone(), vec![luck]].concat())
        };
        all.iter().flat_map(longer).collect()
    })
}

async fn until_charged(bench: &Bench, new: &NewCharge) -> (Charged, usize) {
    let mut first = None;
    for times in 1..=MAX_TIMES {
        let charged = bench.affinipay.charge(new, &key("k"), bench.tried(first)).await;
        first = first.or(Some(bench.now()));
        bench.later(60);
        match charged {
            Ok(charged) => return (charged, times),
            Err(ChargeError::Gateway(GatewayError::Down { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no answer in {MAX_TIMES} times");
}

#[tokio::test]
async fn chg_1_one_attempt_is_one_charge_wherever_answers_are_lost() {
    let (mut attempts, mut most) = (0, 0);
    for group in patterns(REQUESTS).chunks(A_BOOK) {
        let bench = Bench::new().await;
        let saved = bench.save(PayWith::good_card()).await;
        for (before, pattern) in group.iter().enumerate() {
            bench.fate.set(pattern);
            let new = new_charge(&format!("c-{before}"), &saved);
            let (charged, times) = until_charged(&bench, &new).await;
            let Charged::Taken(id) = charged else { panic!("{charged:?} for {pattern:?}") };
            attempts += 1;
            most = most.max(times);
            bench.fate.set(&[]);
            assert_eq!(bench.sandbox.snapshot().charges(), before + 1, "for {pattern:?}");
            let facts = bench.payment(&id).await;
            assert_eq!((facts.reference.ours, facts.amount), (Some(new.ours), usd(12_550)));
        }
    }
    assert_eq!(attempts, 729);
    println!(
        "{attempts} patterns of {REQUESTS} requests: {attempts} charges, asked at most {most} times"
    );
}

#[tokio::test]
async fn chg_2_one_declined_attempt_is_tried_once_wherever_answers_are_lost() {
    let bench = Bench::new().await;
    let saved = bench.save(PayWith::Card { number: "4000000000000044".to_owned() }).await;
    let mut attempts = 0;
    for pattern in patterns(4) {
        bench.fate.set(&pattern);
        let new = new_charge(&format!("c-{attempts}"), &saved);
        let (charged, _) = until_charged(&bench, &new).await;
        let Charged::Declined(decline) = charged else { panic!("{charged:?} for {pattern:?}") };
        assert_eq!(decline.code, "card_declined_insufficient_funds");
        attempts += 1;
        let book = serde_json::to_value(bench.sandbox.snapshot()).unwrap();
        assert_eq!(book["transactions"].as_object().unwrap().len(), attempts, "for {pattern:?}");
    }
    assert_eq!(attempts, 81);
}

#[tokio::test]
async fn pay_5_one_attempt_gives_back_once_wherever_answers_are_lost() {
    for (is_captured, minor) in [(false, 500), (false, 200), (true, 500), (true, 200)] {
        let mut attempts = 0;
        for group in patterns(5).chunks(A_BOOK) {
            let bench = Bench::new().await;
            for (before, pattern) in group.iter().enumerate() {
                let payment = bench.pay(500, &format!("pc-{before}.bea"), PayWith::good_card());
                if is_captured {
                    bench.act(Act::Complete { transaction: payment.to_string() });
                }
                bench.fate.set(pattern);
                let new = NewRefund {
                    ours: format!("r-{before}"),
                    payment,
                    amount: usd(minor),
                    reason: None,
                };
                let refund = until_given_back(&bench, &new).await;
                bench.fate.set(&[]);
                assert_eq!(refund.amount, usd(minor), "for {pattern:?}");
                attempts += 1;
                let book = bench.sandbox.snapshot();
                let is_void = !is_captured && minor == 500;
                let expected = if is_void { (before + 1, 0) } else { (0, before + 1) };
                assert_eq!((book.voids(), book.refunds()), expected, "for {pattern:?}");
            }
        }
        assert_eq!(attempts, 243);
    }
}

async fn until_given_back(bench: &Bench, new: &NewRefund) -> Refund {
    for _ in 0..MAX_TIMES {
        match bench.affinipay.refund(new, &key("k"), bench.tried(None)).await {
            Ok(refund) => return refund,
            Err(RefundError::Gateway(GatewayError::Down { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no answer in {MAX_TIMES} times");
}

#[tokio::test]
async fn chg_1_one_token_is_saved_once_wherever_answers_are_lost() {
    let bench = Bench::new().await;
    let mut attempts = 0;
    for pattern in patterns(REQUESTS) {
        let with = if attempts % 2 == 0 { PayWith::good_card() } else { PayWith::good_bank() };
        let token = bench.act(Act::Tokenize { is_live: false, with }).object;
        // Each client of its own, so that the lists stay short.
        let customer = format!("{}-{attempts}", customer()).parse().unwrap();
        bench.fate.set(&pattern);
        let mut saved = None;
        for _ in 0..MAX_TIMES {
            match bench.affinipay.save_token(&customer, &token, &key("save")).await {
                Ok(method) => {
                    saved = Some(method);
                    break;
                }
                Err(GatewayError::Down { .. }) => {}
                Err(error) => panic!("{error} for {pattern:?}"),
            }
        }
        bench.fate.set(&[]);
        assert!(saved.is_some(), "for {pattern:?}");
        attempts += 1;
        assert_eq!(bench.sandbox.snapshot().saved_methods(), attempts, "for {pattern:?}");
    }
    assert_eq!(attempts, 729);
}

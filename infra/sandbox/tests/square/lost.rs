//! Answers that are lost, and requests that never arrive, at each point of each path that makes something: however
//! often it is tried again, it is made once.

use gateways::{
    ChargeError, Charged, CheckoutError, EndedCheckout, Gateway, NewCheckout, RefundError,
    RefundState, Tried,
};
use sandbox::square::{Act, Book, CardOutcome};

use crate::bench::{
    Bench, Fate, START, by_card, charge, checkout, customer, fates, id, key, link, refund,
    transport,
};

/// So many of the first requests have every fate.
const POINTS: usize = 4;

/// More than any sequence of fates can need.
const MAX_TRIES: usize = 8;

/// When it is tried again, and whether keys have died by then.
const WAITS: [(i64, bool); 3] = [(20, false), (3_600, false), (3_600, true)];

fn pass(bench: &Bench, (seconds, keys_die): (i64, bool)) {
    bench.wait(seconds);
    if keys_die {
        bench.sandbox.forget_keys();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chg_3_each_attempt_charges_once_whichever_answers_are_lost() {
    let transport = transport();
    let (mut cases, mut requests) = (0, 0);
    for (fates, wait) in all() {
        for outcome in [CardOutcome::Pays, CardOutcome::Declines("GENERIC_DECLINE".to_owned())] {
            let bench = Bench::over(&transport, Book::default()).await;
            let saved = bench.saved().await;
            let card = saved.id.as_str().replace("ccof-", "ccof:");
            bench.act(Act::SetCard { card, outcome: outcome.clone() });
            bench.tell(&fates);
            let (new, key) = (charge(&saved, "a1"), key("charge/a1"));
            let mut first_unix = None;
            let mut ended = None;
            for _ in 0..MAX_TRIES {
                let tried = Tried { first_unix, now_unix: bench.now() };
                match bench.square.charge(&new, &key, tried).await {
                    Ok(charged) => {
                        ended = Some(charged);
                        break;
                    }
                    Err(ChargeError::Gateway(error)) if error.is_temporary() => {}
                    Err(error) => panic!("{fates:?} {wait:?}: {error:?}"),
                }
                first_unix.get_or_insert(START);
                pass(&bench, wait);
            }
            let what = format!("{fates:?}, {wait:?}, {outcome:?}");
            assert_eq!(bench.count("payments"), 1, "{what}");
            match (ended, &outcome) {
                (Some(Charged::Taken(_)), CardOutcome::Pays) => assert_eq!(bench.taken(), 1),
                (Some(Charged::Declined(decline)), CardOutcome::Declines(code)) => {
                    assert_eq!((bench.taken(), &decline.code), (0, code), "{what}");
                }
                (other, _) => panic!("{what}: {other:?}"),
            }
            cases += 1;
            requests += bench.requests();
        }
    }
    println!("charges: {cases} cases, {requests} requests, one payment in each");
    assert_eq!(cases, 3_usize.pow(4) * 3 * 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_5_each_refund_is_given_once_whichever_answers_are_lost() {
    let transport = transport();
    let mut cases = 0;
    for (fates, wait) in all() {
        let bench = Bench::over(&transport, Book::default()).await;
        let (_, payment) = bench.paid(by_card).await;
        bench.tell(&fates);
        let (new, key) = (refund(&payment, "r1", 25_000), key("refund/r1"));
        let mut first_unix = None;
        let mut given = None;
        for _ in 0..MAX_TRIES {
            let tried = Tried { first_unix, now_unix: bench.now() };
            match bench.square.refund(&new, &key, tried).await {
                Ok(refund) => {
                    given = Some(refund);
                    break;
                }
                Err(RefundError::Gateway(error)) if error.is_temporary() => {}
                Err(error) => panic!("{fates:?} {wait:?}: {error:?}"),
            }
            first_unix.get_or_insert(START);
            pass(&bench, wait);
        }
        assert_eq!(given.unwrap().state, RefundState::Pending);
        assert_eq!(bench.count("refunds"), 1, "{fates:?}, {wait:?}");
        cases += 1;
    }
    println!("refunds: {cases} cases, one refund in each");
    assert_eq!(cases, 3_usize.pow(4) * 3);
}

/// A page is asked for again within its key's life, and ended; somebody pays before, after, or never.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_1_each_page_is_made_and_paid_once_whichever_answers_are_lost() {
    let transport = transport();
    let mut cases = 0;
    for fates_of_making in fates(POINTS) {
        let bench = Bench::over(&transport, Book::default()).await;
        bench.tell(&fates_of_making);
        let mut page = None;
        for _ in 0..MAX_TRIES {
            match bench.square.create_checkout(&checkout("p1"), &key("pay/p1")).await {
                Ok(open) => {
                    page = Some(open);
                    break;
                }
                Err(error) => assert!(error.is_temporary(), "{error:?}"),
            }
        }
        assert_eq!((bench.count("links"), bench.count("orders")), (1, 1), "{fates_of_making:?}");
        bench.act(by_card(link(&page.unwrap())));
        assert_eq!(bench.taken(), 1);
        cases += 1;
    }
    for fates_of_ending in fates(POINTS) {
        for is_paid in [false, true] {
            let bench = Bench::over(&transport, Book::default()).await;
            let page = bench.open(&checkout("p1")).await;
            if is_paid {
                bench.act(by_card(link(&page)));
            }
            bench.tell(&fates_of_ending);
            let mut ended = None;
            for _ in 0..MAX_TRIES {
                match bench.square.expire_checkout(&page.id, &key("end/p1")).await {
                    Ok(how) => {
                        ended = Some(how);
                        break;
                    }
                    Err(CheckoutError::Gateway(error)) => assert!(error.is_temporary()),
                    Err(error) => panic!("{error:?}"),
                }
            }
            let right = if is_paid { EndedCheckout::Completed } else { EndedCheckout::Expired };
            assert_eq!(ended, Some(right), "{fates_of_ending:?}");
            assert!(bench.sandbox.act(by_card(link(&page))).is_err());
            assert_eq!(bench.taken(), usize::from(is_paid));
            cases += 1;
        }
    }
    println!("pages: {cases} cases");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chg_1_each_customer_and_card_is_made_once_whichever_answers_are_lost() {
    let transport = transport();
    for fates in fates(POINTS) {
        let bench = Bench::over(&transport, Book::default()).await;
        bench.tell(&fates);
        let mut bea = None;
        for _ in 0..MAX_TRIES {
            if let Ok(id) = bench.square.create_customer(&customer(), &key("c1")).await {
                bea = Some(id);
                break;
            }
        }
        bench.tell(&[]);
        let save_for = bea.clone();
        let page = bench.open(&NewCheckout { save_for, ..checkout("p1") }).await;
        let payment = id(&bench.act(by_card(link(&page))).object);
        bench.tell(&fates);
        let mut saved = None;
        for _ in 0..MAX_TRIES {
            let asked = bench.square.saved_with(&payment, bea.as_ref().unwrap(), &key("s1")).await;
            if let Ok(method) = asked {
                saved = method;
                break;
            }
        }
        assert!(saved.is_some(), "{fates:?}");
        assert_eq!((bench.count("customers"), bench.count("cards")), (1, 1), "{fates:?}");
    }
}

fn all() -> impl Iterator<Item = (Vec<Fate>, (i64, bool))> {
    fates(POINTS).into_iter().flat_map(|fates| WAITS.map(|wait| (fates.clone(), wait)))
}

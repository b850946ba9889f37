//! Answers and requests lost at each point of a conversation, with keys that live, die or do nothing: one
//! charge, one refund, one page (PAY-1, CHG-3). Exhaustive over the fates of the first requests.

use gateways::{
    CHECKOUT_ID, ChargeError, Charged, Gateway, Method, NewCharge, NewCheckout, NewRefund,
    RefundError, Tried,
};
use sandbox::faults::Faults;
use sandbox::stripe::{Act, Does};

use crate::bench::{Bench, Fate, START, id};
use crate::charging::{charge, key, line};

/// So many requests have any fate; those after them arrive. A charge without losses takes two, and a further
/// attempt three.
const POINTS: usize = 4;

/// Whoever asks gives up after so many calls; each call meets at most four fates.
const CALLS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Live,
    /// Each call comes a day after the one before.
    Dead,
    /// As if Stripe had none.
    Ignored,
}

/// Every row of fates.
fn all_fates() -> impl Iterator<Item = Vec<Fate>> {
    const FATES: [Fate; 3] = [Fate::Fine, Fate::AnswerLost, Fate::RequestLost];
    (0..FATES.len().pow(POINTS as u32)).map(|number| {
        let digit = |point: usize| FATES[number / FATES.len().pow(point as u32) % FATES.len()];
        (0..POINTS).map(digit).collect()
    })
}

fn set(bench: &Bench, keys: Keys) {
    let ignore_keys = keys == Keys::Ignored;
    bench.sandbox.set_faults(Faults { ignore_keys, ..Faults::default() });
}

/// Asks until there is an answer, as a caller does that keeps when it asked first.
async fn until_answered<T, E: std::fmt::Debug>(
    bench: &Bench,
    keys: Keys,
    fates: &[Fate],
    call: impl AsyncFn(Tried) -> Result<T, E>,
    is_temporary: impl Fn(&E) -> bool,
) -> T {
    bench.fates(fates);
    let mut first_unix = None;
    for _ in 0..CALLS {
        let now_unix = bench.now();
        match call(Tried { first_unix, now_unix }).await {
            Ok(answer) => return answer,
            Err(error) if is_temporary(&error) => {
                first_unix = first_unix.or(Some(now_unix));
                bench.wait(if keys == Keys::Dead { 25 * 60 * 60 } else { 60 });
            }
            Err(error) => panic!("{keys:?} {fates:?}: {error:?}"),
        }
    }
    panic!("{keys:?} {fates:?}: no answer after {CALLS} calls");
}

async fn charge_until(bench: &Bench, keys: Keys, fates: &[Fate], new: &NewCharge) -> Charged {
    let (stripe, name) = (bench.ours(), key(&new.ours));
    let call = async |tried| stripe.charge(new, &name, tried).await;
    let is_temporary =
        |error: &ChargeError| matches!(error, ChargeError::Gateway(error) if error.is_temporary());
    until_answered(bench, keys, fates, call, is_temporary).await
}

async fn count(bench: &Bench, path: &str, status: &str) -> usize {
    let all = bench.all(path).await;
    all.iter().filter(|object| status.is_empty() || object["status"] == status).count()
}

/// One book for each row of fates: what is counted is all there is.
async fn charges(does: Does, is_again: bool, keys: Keys) -> usize {
    let (mut runs, clients) = (0, Bench::start().await);
    for fates in all_fates() {
        let bench = clients.beside().await;
        let kind = if matches!(does, Does::Bounces(_)) {
            "pm_usBankAccount_success"
        } else {
            "pm_card_visa"
        };
        let saved = bench.customer_with(kind).await;
        let method = if kind == "pm_card_visa" { Method::Card } else { Method::Ach };
        let change = |does| bench.act(Act::ChangeMethod { method: saved.1.to_string(), does });
        let mut new = charge("try-2", &saved, method.clone());
        let mut expected = 1;
        if is_again {
            change(Does::Declines("insufficient_funds".to_owned()));
            let first = charge("try-1", &saved, method);
            let tried = Tried { first_unix: None, now_unix: bench.now() };
            let Charged::Declined(decline) =
                bench.ours().charge(&first, &key("try-1"), tried).await.unwrap()
            else {
                panic!("the first attempt is declined")
            };
            new.again = decline.payment;
            expected = 2;
        }
        change(does.clone());
        set(&bench, keys);
        let charged = charge_until(&bench, keys, &fates, &new).await;
        bench.fates(&[]);
        let said = format!("{does:?} {keys:?} again: {is_again} {fates:?}: {charged:?}");
        assert_eq!(count(&bench, "/v1/charges", "").await, expected, "{said}");
        let declines = matches!(does, Does::Declines(_) | Does::AsksPayer);
        assert_eq!(matches!(charged, Charged::Declined(_)), declines, "{said}");
        let taken = usize::from(!declines);
        let status = if matches!(does, Does::Bounces(_)) { "processing" } else { "succeeded" };
        assert_eq!(count(&bench, "/v1/payment_intents", status).await, taken, "{said}");
        // Asked once more, long after: nothing happens.
        let tried = Tried { first_unix: Some(START), now_unix: bench.now() };
        let again = bench.ours().charge(&new, &key(&new.ours), tried).await.unwrap();
        assert_eq!(again, charged, "{said}");
        assert_eq!(count(&bench, "/v1/charges", "").await, expected, "{said}");
        runs += 1;
    }
    runs
}

macro_rules! charged_once {
    ($($name:ident: $does:expr, $is_again:literal;)*) => {$(
        #[tokio::test]
        async fn $name() {
            for keys in [Keys::Live, Keys::Dead, Keys::Ignored] {
                let runs = charges($does, $is_again, keys).await;
                println!("{}: {runs} rows of fates, keys {keys:?}: one charge each", stringify!($name));
                assert_eq!(runs, 81);
            }
        }
    )*};
}

charged_once! {
    pay_1_chg_3_a_card_is_charged_once: Does::Pays, false;
    pay_1_chg_3_a_card_is_charged_once_on_a_kept_payment: Does::Pays, true;
    pay_1_chg_3_a_debit_is_made_once: Does::Bounces("insufficient_funds".to_owned()), false;
    pay_1_chg_3_a_bank_says_no_once: Does::Declines("insufficient_funds".to_owned()), false;
    pay_1_chg_3_a_bank_says_no_once_on_a_kept_payment: Does::Declines("lost_card".to_owned()), true;
    pay_1_chg_3_a_payer_is_asked_for_once: Does::AsksPayer, false;
}

#[tokio::test]
async fn pay_5_a_part_is_given_back_once() {
    for keys in [Keys::Live, Keys::Dead, Keys::Ignored] {
        let (mut runs, clients) = (0, Bench::start().await);
        for fates in all_fates() {
            let bench = clients.beside().await;
            let payment = id(&bench.pay_by_card(&bench.session().await));
            let amount = line("A-1", "250.00").amount;
            let new = NewRefund { ours: "back-1".to_owned(), payment, amount, reason: None };
            let (stripe, name) = (bench.ours(), key("back-1"));
            set(&bench, keys);
            let call = async |tried| stripe.refund(&new, &name, tried).await;
            let is_temporary = |error: &RefundError| matches!(error, RefundError::Gateway(error) if error.is_temporary());
            let refund = until_answered(&bench, keys, &fates, call, is_temporary).await;
            bench.fates(&[]);
            let all = bench.all("/v1/refunds").await;
            assert_eq!(all.len(), 1, "{keys:?} {fates:?}");
            assert_eq!(all[0]["id"], refund.id.as_str());
            runs += 1;
        }
        println!("{runs} rows of fates, keys {keys:?}: one refund each");
        assert_eq!(runs, 81);
    }
}

#[tokio::test]
async fn pay_1_a_page_is_made_once_while_its_key_lives() {
    let (mut runs, clients) = (0, Bench::start().await);
    for fates in all_fates() {
        let bench = clients.beside().await;
        let new = NewCheckout {
            ours: "page-1".to_owned(),
            deposit: None,
            save_for: None,
            firm: "acme".parse().unwrap(),
            client: "bea".parse().unwrap(),
            lines: vec![line("A-1", "250.00")],
            methods: vec![Method::Card],
            success_url: format!("https://portal.example/paid?page={CHECKOUT_ID}"),
            cancel_url: "https://portal.example/invoices".to_owned(),
            expires_unix: None,
            email: None,
        };
        let (stripe, name) = (bench.ours(), key("page-1"));
        let call = async |_| stripe.create_checkout(&new, &name).await;
        let open = until_answered(&bench, Keys::Live, &fates, call, |error| error.is_temporary());
        let open = open.await;
        bench.fates(&[]);
        let sessions = bench.all("/v1/checkout/sessions").await;
        assert_eq!(sessions.len(), 1, "{fates:?}");
        assert_eq!(sessions[0]["id"], open.id.as_str());
        runs += 1;
    }
    println!("{runs} rows of fates: one page each");
    assert_eq!(runs, 81);
}

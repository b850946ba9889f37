//! Answers lost at each point of each path: one charge for each attempt, and one refund.
//!
//! The wire loses one to three answers in a row from each point on; one is made good by the adapter's own
//! second try, more by its caller's. Then likewise with keys that are dead.

use gateways::{
    ChargeError, Charged, CheckoutError, Gateway, Hint, NewRefund, PaymentState, ReadBack,
    RefundError, Tried,
};
use sandbox::faults::Faults;
use sandbox::paypal::Pays;

use super::stand::{START, Stand, new_charge, payment_id, usd};

/// In a row.
const MOST_LOST: usize = 3;

/// More than there are to lose.
const TRIES: usize = 4;

#[tokio::test]
async fn pay_1_a_payer_pays_once_whichever_answers_are_lost() {
    let mut runs = 0;
    for count in 1..=MOST_LOST {
        for after in 0.. {
            let stand = Stand::new().await;
            let open = stand.open("try-1").await;
            stand.approve(&open.id, Pays::AtOnce);
            stand.wire.lose(after, count);
            let mut read = None;
            for _ in 0..TRIES {
                match stand.read(Hint::Checkout(open.id.clone())).await {
                    Ok(found) => read = Some(found),
                    Err(error) => assert!(error.is_temporary(), "{error}"),
                }
                if read.is_some() {
                    break;
                }
            }
            let Some(ReadBack::Payment(facts)) = read else { panic!("{read:?}") };
            assert_eq!((facts.state, facts.amount), (PaymentState::Succeeded, usd(1_250)));
            assert_eq!(stand.sandbox.taken_payments(), 1, "{count} lost after {after}");
            runs += 1;
            if stand.wire.paths().len() <= after {
                break;
            }
        }
    }
    println!("{runs} runs of capturing with answers lost: one payment each");
    assert!(12 <= runs, "{runs}");
}

#[tokio::test]
async fn pay_1_one_page_is_made_whichever_answers_are_lost() {
    for after in 0..3 {
        let stand = Stand::new().await;
        stand.wire.lose(after, 2);
        let key = "try-1".parse().unwrap();
        let new = super::stand::checkout("try-1");
        let mut made = vec![];
        for _ in 0..TRIES {
            match stand.paypal.create_checkout(&new, &key).await {
                Ok(open) => made.push(open),
                Err(error) => assert!(error.is_temporary(), "{error}"),
            }
        }
        assert!(made.windows(2).all(|two| two[0] == two[1]) && !made.is_empty());
    }
}

/// How keys are when the caller asks again.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Keys {
    /// They protect.
    Live,
    /// Six hours later they are dead.
    Died,
    /// PayPal ignores them from the start, and the caller doesn't know.
    Ignored,
}

async fn charge_until_known(stand: &Stand, keys: Keys, pays: Pays) -> Charged {
    let saved = stand.saved("save-1", pays).await;
    let new = new_charge("try-1", &saved);
    let key = "try-1".parse().unwrap();
    stand.sandbox.set_faults(Faults { ignore_keys: keys == Keys::Ignored, ..Faults::default() });
    let mut tried = Tried { first_unix: None, now_unix: stand.now() };
    for _ in 0..TRIES {
        match stand.paypal.charge(&new, &key, tried).await {
            Ok(charged) => return charged,
            Err(ChargeError::Gateway(error)) => assert!(error.is_temporary(), "{error}"),
            Err(ChargeError::What(error)) => panic!("{error}"),
        }
        if keys != Keys::Live {
            stand.pass(6 * 3600);
        }
        tried = Tried { first_unix: Some(START), now_unix: stand.now() };
    }
    panic!("never known")
}

#[tokio::test]
async fn chg_1_a_method_is_charged_once_whichever_answers_are_lost() {
    let mut runs = 0;
    for keys in [Keys::Live, Keys::Died, Keys::Ignored] {
        for count in 1..=MOST_LOST {
            for after in 0.. {
                let stand = Stand::new().await;
                // What the saving asks comes first, and is not what is lost here.
                let before = {
                    let counted = Stand::new().await;
                    counted.wire.lose(0, 0);
                    counted.saved("save-1", Pays::AtOnce).await;
                    counted.wire.paths().len()
                };
                stand.wire.lose(before + after, count);
                let charged = charge_until_known(&stand, keys, Pays::AtOnce).await;
                let Charged::Taken(payment) = charged else { panic!("{charged:?}") };
                let asked = stand.wire.paths().len();
                stand.wire.lose(0, 0);
                let facts = stand.facts(Hint::Payment(payment)).await;
                assert_eq!(facts.state, PaymentState::Succeeded);
                assert_eq!(
                    stand.sandbox.taken_payments(),
                    1,
                    "{keys:?}: {count} lost after {after}"
                );
                runs += 1;
                if asked <= before + after {
                    break;
                }
            }
        }
    }
    println!("{runs} runs of charging with answers lost: one charge each");
    assert!(18 <= runs, "{runs}");
}

#[tokio::test]
async fn chg_1_a_charge_that_never_arrived_is_made_when_its_key_is_dead() {
    let stand = Stand::new().await;
    let saved = stand.saved("save-1", Pays::AtOnce).await;
    let new = new_charge("try-1", &saved);
    let key = "try-1".parse().unwrap();
    stand.sandbox.set_faults(Faults { down: true, ..Faults::default() });
    let down = stand.paypal.charge(&new, &key, stand.first()).await;
    assert!(matches!(down, Err(ChargeError::Gateway(error)) if error.is_temporary()));
    stand.sandbox.set_faults(Faults::default());
    stand.pass(40 * 86_400);
    let charged = stand.paypal.charge(&new, &key, stand.again()).await.unwrap();
    assert!(matches!(charged, Charged::Taken(_)), "{charged:?}");
    assert_eq!(stand.sandbox.taken_payments(), 1);
}

#[tokio::test]
async fn chg_1_what_was_taken_and_is_not_listed_yet_is_asked_again_later() {
    let stand = Stand::new().await;
    stand.sandbox.set_faults(Faults { ignore_keys: true, ..Faults::default() });
    let saved = stand.saved("save-1", Pays::AtOnce).await;
    let new = new_charge("try-1", &saved);
    let key = "try-1".parse().unwrap();
    let first = stand.paypal.charge(&new, &key, stand.first()).await.unwrap();
    let second = stand.paypal.charge(&new, &key, stand.again()).await;
    assert!(matches!(second, Err(ChargeError::Gateway(error)) if error.is_temporary()));
    stand.pass(3 * 3600);
    assert_eq!(stand.paypal.charge(&new, &key, stand.again()).await.unwrap(), first);
    assert_eq!(stand.sandbox.taken_payments(), 1);
}

#[tokio::test]
async fn pay_5_money_is_given_back_once_whichever_answers_are_lost() {
    let mut runs = 0;
    for is_dead in [false, true] {
        for count in 1..=MOST_LOST {
            for after in 0.. {
                let stand = Stand::new().await;
                let paid = stand.paid("try-1", Pays::AtOnce).await;
                let new = NewRefund {
                    ours: "r-1".to_owned(),
                    payment: payment_id(&paid),
                    amount: usd(250),
                    reason: None,
                };
                let key = "r-1".parse().unwrap();
                stand.wire.lose(after, count);
                let mut tried = stand.first();
                let mut given = None;
                for _ in 0..TRIES {
                    match stand.paypal.refund(&new, &key, tried).await {
                        Ok(refund) => given = Some(refund),
                        Err(RefundError::Gateway(error)) => {
                            assert!(error.is_temporary(), "{error}")
                        }
                        Err(error) => panic!("{error}"),
                    }
                    if given.is_some() {
                        break;
                    }
                    if is_dead {
                        stand.pass(46 * 86_400);
                    }
                    tried = stand.again();
                }
                assert_eq!(given.unwrap().amount, usd(250));
                let asked = stand.wire.paths().len();
                assert_eq!(stand.sandbox.refunds(), 1, "{count} lost after {after}");
                runs += 1;
                if asked <= after {
                    break;
                }
            }
        }
    }
    println!("{runs} runs of giving back with answers lost: one refund each");
    assert!(12 <= runs, "{runs}");
}

/// A body that can't be read is no reason to think that nothing was done.
#[tokio::test]
async fn pay_1_a_page_that_is_not_made_says_whether_to_ask_again() {
    let stand = Stand::new().await;
    stand.sandbox.set_faults(Faults { down: true, ..Faults::default() });
    let new = super::stand::checkout("try-1");
    let error = stand.paypal.create_checkout(&new, &"try-1".parse().unwrap()).await.unwrap_err();
    assert!(matches!(&error, CheckoutError::Gateway(_)) && error.is_temporary(), "{error}");
}

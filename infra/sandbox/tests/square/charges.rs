//! Cards on file: saved, charged, declined, removed; and what is listed.

use gateways::{
    Ability, ChargeError, Charged, CheckoutError, Decline, DeclineKind, Gateway, Method,
    PaymentState, Span, Tried,
};
use sandbox::faults::Faults;
use sandbox::square::{Act, CardOutcome, PayBy};

use crate::bench::{
    Bench, LOCATION, START, by_bank, by_card, charge, checkout, customer, id, key, link, usd,
};

#[tokio::test]
async fn chg_1_a_card_is_saved_while_it_is_paid_with_only_if_that_was_asked_for() {
    let bench = Bench::start().await;
    let square = &bench.square;
    assert!(square.abilities().contains(&Ability::SaveWhilePaying));
    assert!(!square.abilities().contains(&Ability::SavePage));
    let bea = square.create_customer(&customer(), &key("c1")).await.unwrap();
    assert_eq!(square.create_customer(&customer(), &key("c1")).await.unwrap(), bea);
    let other = square.create_customer(&customer(), &key("c2")).await.unwrap();
    assert_ne!(bea, other);

    let page =
        bench.open(&gateways::NewCheckout { save_for: Some(bea.clone()), ..checkout("p1") }).await;
    let payment = id(&bench.act(by_card(link(&page))).object);
    assert_eq!(square.saved_with(&payment, &other, &key("s0")).await.unwrap(), None);
    let saved = square.saved_with(&payment, &bea, &key("s1")).await.unwrap().unwrap();
    assert_eq!((saved.label.as_str(), saved.expires), ("Visa ending in 4242", Some((2031, 12))));
    assert_eq!(square.saved_with(&payment, &bea, &key("s1")).await.unwrap().unwrap(), saved);
    assert_eq!(square.saved_methods(&bea).await.unwrap(), [saved]);
    assert_eq!(square.saved_methods(&other).await.unwrap(), []);

    // Without being asked for, and where there is no card.
    let page = bench.open(&checkout("p2")).await;
    let payment = id(&bench.act(by_card(link(&page))).object);
    assert_eq!(square.saved_with(&payment, &bea, &key("s2")).await.unwrap(), None);
    let page =
        bench.open(&gateways::NewCheckout { save_for: Some(bea.clone()), ..checkout("p3") }).await;
    let payment = id(&bench.act(by_bank(link(&page))).object);
    assert_eq!(square.saved_with(&payment, &bea, &key("s3")).await.unwrap(), None);
    assert_eq!(bench.count("cards"), 1);
}

#[tokio::test]
async fn chg_2_a_saved_card_pays_declines_and_is_never_charged_after_it_was_removed() {
    let bench = Bench::start().await;
    let saved = bench.saved().await;
    let square = &bench.square;
    let charged =
        square.charge(&charge(&saved, "a1"), &key("a1"), bench.first_try()).await.unwrap();
    let Charged::Taken(payment) = charged else { panic!("{charged:?}") };
    let facts = bench.facts(payment.as_str()).await;
    assert_eq!((facts.state, facts.amount), (PaymentState::Succeeded, usd(125_000)));
    assert_eq!(facts.reference.ours.as_deref(), Some("a1"));
    assert_eq!(facts.reference.invoices.len(), 2);
    assert_eq!(facts.reference.problems, []);

    let card = saved.id.as_str().replace("ccof-", "ccof:");
    for (attempt, (code, kind)) in [
        ("INSUFFICIENT_FUNDS", DeclineKind::Soft),
        ("CARD_EXPIRED", DeclineKind::Hard),
        ("CARD_DECLINED_VERIFICATION_REQUIRED", DeclineKind::NeedsPayer),
    ]
    .into_iter()
    .enumerate()
    {
        let outcome = CardOutcome::Declines(code.to_owned());
        bench.act(Act::SetCard { card: card.clone(), outcome });
        let ours = format!("d{attempt}");
        let charged =
            square.charge(&charge(&saved, &ours), &key(&ours), bench.first_try()).await.unwrap();
        let Charged::Declined(decline) = charged else { panic!("{charged:?}") };
        assert_eq!((decline.code.as_str(), decline.kind), (code, kind));
        let failed = bench.facts(decline.payment.unwrap().as_str()).await;
        assert_eq!(failed.state, PaymentState::Failed { code: Some(code.to_owned()) });
        assert!(failed.reference.is_ours());
    }
    bench.act(Act::SetCard { card, outcome: CardOutcome::Pays });
    for _ in 0..2 {
        square.remove_method(&saved).await.unwrap();
    }
    assert_eq!(square.saved_methods(&saved.customer).await.unwrap(), []);
    let charged = square.charge(&charge(&saved, "z"), &key("z"), bench.first_try()).await.unwrap();
    let gone = Decline { code: "NOT_FOUND".to_owned(), kind: DeclineKind::Hard, payment: None };
    assert_eq!(charged, Charged::Declined(gone));
    assert_eq!(bench.taken(), 1);
}

#[tokio::test]
async fn chg_3_what_can_not_be_charged_is_said_and_nothing_is_taken() {
    let bench = Bench::start().await;
    let saved = bench.saved().await;
    let mut bank = charge(&saved, "a1");
    bank.method = Method::Ach;
    let mut none = charge(&saved, "a1");
    none.lines.clear();
    for (new, expected) in [(bank, "USD can't be paid"), (none, "at least one invoice")] {
        let error = bench.square.charge(&new, &key("a1"), bench.first_try()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    bench.square.charge(&charge(&saved, "a1"), &key("a1"), bench.first_try()).await.unwrap();
    let other = bench.square.charge(&charge(&saved, "a2"), &key("a1"), bench.first_try()).await;
    assert!(matches!(other, Err(ChargeError::What(CheckoutError::KeyReused))), "{other:?}");
    assert_eq!(bench.taken(), 1);
}

/// What would happen without the looking: the sandbox's keys can be switched off.
#[tokio::test]
async fn chg_3_without_keys_only_the_looking_keeps_a_second_charge_away() {
    let bench = Bench::start().await;
    let saved = bench.saved().await;
    bench.sandbox.set_faults(Faults { ignore_keys: true, ..Faults::default() });
    let new = charge(&saved, "a1");
    let first = bench.square.charge(&new, &key("a1"), bench.first_try()).await.unwrap();
    let blind = bench.square.charge(&new, &key("a1"), bench.first_try()).await.unwrap();
    assert_ne!(first, blind, "keys that do nothing");
    assert_eq!(bench.taken(), 2);
    bench.wait(24 * 60 * 60);
    let tried = Tried { first_unix: Some(START), now_unix: bench.now() };
    let looked = bench.square.charge(&new, &key("a1"), tried).await.unwrap();
    assert!(looked == first || looked == blind);
    assert_eq!(bench.taken(), 2);
}

#[tokio::test]
async fn pay_2_events_and_payments_are_listed_page_by_page_oldest_first() {
    let bench = Bench::start().await;
    let (_, first) = bench.paid(by_card).await;
    bench.wait(60);
    let sell = |location: &str| Act::Sell {
        amount: 700,
        currency: "USD".to_owned(),
        by: PayBy::Card,
        location: location.to_owned(),
        reference: None,
    };
    for _ in 0..110 {
        bench.act(sell(LOCATION));
    }
    bench.act(sell("L2"));
    bench.wait(60);
    bench.act(sell(LOCATION));
    let span = Span { from_unix: START, to_unix: START + 60 };
    let (mut payments, mut next, mut pages) = (vec![], None::<String>, 0);
    loop {
        let page = bench.square.payments(span, next.as_deref()).await.unwrap();
        payments.extend(page.items);
        (next, pages) = (page.next, pages + 1);
        if next.is_none() {
            break;
        }
    }
    assert_eq!((payments.len(), pages, payments[0].as_str()), (111, 2, first.as_str()));
    let (mut events, mut next) = (vec![], None::<String>);
    loop {
        let page = bench.square.events(span, next.as_deref()).await.unwrap();
        events.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    // Two of each payment, those of the other location too: whoever reads them knows by the account.
    assert_eq!(events.len(), 224);
    assert_eq!(events.iter().filter(|event| event.account.as_deref() == Some("L2")).count(), 2);
    assert!(events.is_sorted_by_key(|event| event.created_unix));
    let empty = Span { from_unix: START - 100, to_unix: START - 50 };
    assert_eq!(bench.square.payments(empty, None).await.unwrap().items, []);
    assert!(bench.square.events(empty, None).await.unwrap().items.is_empty());
}

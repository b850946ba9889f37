//! Links: used once, within their time, in their firm.

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use identity::contact::ContactToken;
use services::contacts::{confirm_link, end_sessions, look_at_link};
use services::firm::Firm;
use store::{FirmCommit, FirmSettings, Store};

use crate::common::{at, meta};
use crate::desk::*;

#[tokio::test]
async fn sec_3_a_link_is_good_for_fifteen_minutes_and_once() {
    for (used_at, expected) in [
        (at("2026-03-02T12:00:00Z"), None),
        (at("2026-03-02T12:14:59.999Z"), None),
        (at("2026-03-02T12:15:00Z"), Some("LinkUnusable")),
        (at("2026-03-09T12:00:00Z"), Some("LinkUnusable")),
    ] {
        let desk = Desk::new().await;
        desk.joined().await;
        let token = desk.link(ANN, noon()).await;
        let seen = look_at_link(&desk.firm, &token, used_at).await;
        assert_eq!(seen.err().map(|error| kind::<()>(Err(error))).as_deref(), expected);
        let confirmed = desk.confirm(&token, used_at).await;
        match expected {
            Some(expected) => assert_eq!(kind(confirmed), expected, "at {used_at}"),
            None => {
                assert!(!confirmed.unwrap().is_first);
                assert_eq!(kind(desk.confirm(&token, used_at).await), "LinkUnusable");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_a_link_pressed_twice_at_once_gives_one_session() {
    let desk = Desk::new().await;
    desk.joined().await;
    for round in 1..=6 {
        let now = minutes(round * 20);
        let token = desk.link(ANN, now).await;
        let pressed = (0..4).map(|_| desk.confirm(&token, now));
        let results = futures::future::join_all(pressed).await;
        let (good, bad): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((good.len(), bad.len()), (1, 3));
        for refused in bad {
            assert_eq!(kind(refused), "LinkUnusable");
        }
        assert!(desk.is_in(good[0].as_ref().unwrap(), now).await);
        assert_eq!(begun_at(&desk, &token, now).await, 1);
    }
}

/// How many sessions in the table began then.
async fn begun_at(desk: &Desk, token: &str, now: DateTime<Utc>) -> usize {
    let token = ContactToken::shown(token).unwrap();
    let loaded = desk.firm.store().load_contact(token.contact()).await.unwrap().unwrap();
    loaded.sessions.iter().filter(|session| session.begun_at == now).count()
}

#[tokio::test]
async fn sec_3_an_answer_that_got_lost_is_no_second_try() {
    let desk = Desk::new().await;
    desk.joined().await;
    let token = desk.link(ANN, minutes(1)).await;
    let faults = std::sync::Arc::new(LosesAnswer { left: Mutex::new(1) });
    let dynamo = desk.dynamo.with_faults(faults);
    let firm = Firm::open(dynamo, desk.firm.id().clone()).await.unwrap().unwrap();
    let signed_in = confirm_link(&firm, &token, &visit(), minutes(1)).await.unwrap();
    assert!(desk.is_in(&signed_in, minutes(1)).await);
    assert_eq!(begun_at(&desk, &token, minutes(1)).await, 1);
}

#[tokio::test]
async fn sec_1_a_token_that_was_tampered_with_or_moved_opens_nothing() {
    let desk = Desk::new().await;
    let signed_in = desk.joined().await;
    let link = desk.link(ANN, noon()).await;
    let other = Store::new(desk.dynamo.clone(), "f-2".parse().unwrap());
    let settings = FirmSettings::new("Other", "America/New_York".parse().unwrap());
    assert_eq!(other.open_firm(&settings, &meta("open")).await.unwrap(), FirmCommit::Done);
    let other = Firm::open(desk.dynamo.clone(), "f-2".parse().unwrap()).await.unwrap().unwrap();
    let session_token = signed_in.token.reveal();
    for (token, is_link) in [(link.as_str(), true), (session_token, false)] {
        let parts: Vec<_> = token.split('.').collect();
        let with = |index: usize, part: &str| {
            let mut parts: Vec<_> = parts.clone();
            parts[index] = part;
            parts.join(".")
        };
        let flipped = match parts[3].strip_prefix('A') {
            Some(rest) => format!("B{rest}"),
            None => format!("A{}", &parts[3][1..]),
        };
        let elsewhere = URL_SAFE_NO_PAD.encode("f-2");
        let someone = URL_SAFE_NO_PAD.encode("k-someone");
        let tampered = [
            String::new(),
            "x".to_owned(),
            with(0, &elsewhere),
            with(1, &someone),
            with(2, "name"),
            with(3, &flipped),
            format!("{token}A"),
            token[..token.len() - 1].to_owned(),
            // The one in the place of the other.
            if is_link { session_token.to_owned() } else { link.clone() },
        ];
        for token in tampered {
            match is_link {
                true => assert_eq!(kind(desk.confirm(&token, noon()).await), "LinkUnusable"),
                false => assert_eq!(kind(desk.session(&token, noon()).await), "NotSignedIn"),
            }
        }
    }
    // In another firm it is nobody's, whether the firm is asked for or the token's own.
    assert_eq!(kind(confirm_link(&other, &link, &visit(), noon()).await), "LinkUnusable");
    let moved = services::contacts::session(&desk.dynamo, Some(other.id()), session_token, noon());
    assert_eq!(kind(moved.await), "NotSignedIn");
    let own = services::contacts::session(&desk.dynamo, None, session_token, noon()).await;
    assert_eq!(own.unwrap().firm, *desk.firm.id());
    // None of these used the link up.
    desk.confirm(&link, noon()).await.unwrap();
}

#[tokio::test]
async fn sec_3_links_from_before_everything_was_ended_sign_nobody_in() {
    let desk = Desk::new().await;
    let joined = desk.joined().await;
    let before = desk.link(ANN, minutes(1)).await;
    end_sessions(&desk.firm, &joined.contact, &bea(), minutes(2)).await.unwrap();
    let after = desk.link(ANN, minutes(3)).await;
    assert_eq!(kind(desk.confirm(&before, minutes(4)).await), "LinkUnusable");
    assert!(desk.confirm(&after, minutes(4)).await.is_ok());
}

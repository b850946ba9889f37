//! Passwords: set, shown, replaced.

use services::contacts::{ContactError, set_password};
use store::SignInWay;

use crate::common::acme;
use crate::desk::*;

const OTHER: &str = "battery staple";

#[tokio::test]
async fn sec_3_a_password_signs_in_and_nothing_else_does() {
    let desk = Desk::new().await;
    desk.with_password().await;
    // Invited and never came: no password, no way in by one.
    desk.invite(&acme(), "bob@acme.example").await.unwrap();
    for (address, password, is_right) in [
        (ANN, PASSWORD, true),
        (" ANN@acme.example ", PASSWORD, true),
        (ANN, "Correct horse", false),
        (ANN, "", false),
        (ANN, "correct horse ", false),
        ("bob@acme.example", PASSWORD, false),
        ("bob@acme.example", "", false),
        ("eve@evil.example", PASSWORD, false),
        ("no address", PASSWORD, false),
        ("", "", false),
    ] {
        let answer = desk.password(address, password, noon()).await;
        match is_right {
            true => assert!(desk.is_in(&answer.unwrap(), noon()).await, "for {address:?}"),
            false => {
                let error = answer.unwrap_err();
                let text = "the e-mail address or the password is not right";
                assert_eq!((error.to_string().as_str(), error.status().as_u16()), (text, 401));
            }
        }
    }
}

#[tokio::test]
async fn sec_3_another_password_ends_every_other_session() {
    let desk = Desk::new().await;
    let first = desk.with_password().await;
    let second = desk.password(ANN, PASSWORD, minutes(20)).await.unwrap();
    let third = desk.password(ANN, PASSWORD, minutes(20)).await.unwrap();
    let principal = desk.session(second.token.reveal(), minutes(20)).await.unwrap();
    let set = async |current, new| {
        set_password(&desk.firm, &principal, current, new, &visit(), minutes(20)).await
    };
    for (current, new, expected) in [
        (None, OTHER, "CurrentPassword"),
        (Some(""), OTHER, "CurrentPassword"),
        (Some(OTHER), OTHER, "CurrentPassword"),
        (Some(PASSWORD), "short", "Password"),
        (Some(PASSWORD), ANN, "Password"),
    ] {
        assert_eq!(kind(set(current, new).await), expected, "for {current:?} {new}");
    }
    assert!(desk.is_in(&third, minutes(20)).await);
    set(Some(PASSWORD), OTHER).await.unwrap();
    for (session, is_in) in [(&first, false), (&second, true), (&third, false)] {
        assert_eq!(desk.is_in(session, minutes(20)).await, is_in);
    }
    assert_eq!(kind(desk.password(ANN, PASSWORD, minutes(20)).await), "Refused");
    assert!(desk.password(ANN, OTHER, minutes(20)).await.is_ok());
    // A session that ended sets nothing.
    let (current, late) = (Some(OTHER), minutes(60));
    let gone = set_password(&desk.firm, &principal, current, PASSWORD, &visit(), late).await;
    assert_eq!(kind(gone), "NotSignedIn");
}

#[tokio::test]
async fn sec_3_a_forgotten_password_is_replaced_by_way_of_a_link_for_a_while() {
    for (after, is_free) in [(0, true), (14, true), (15, false), (20, false)] {
        let desk = Desk::new().await;
        desk.with_password().await;
        let link = desk.link(ANN, minutes(20)).await;
        let signed_in = desk.confirm(&link, minutes(20)).await.unwrap();
        let now = minutes(20 + after);
        let principal = desk.session(signed_in.token.reveal(), now).await.unwrap();
        let set = set_password(&desk.firm, &principal, None, OTHER, &visit(), now).await;
        match is_free {
            true => set.unwrap(),
            false => assert_eq!(kind(set), "CurrentPassword", "after {after} minutes"),
        }
        assert_eq!(desk.password(ANN, OTHER, now).await.is_ok(), is_free);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_of_two_passwords_at_once_one_is_set() {
    let desk = Desk::new().await;
    let first = desk.with_password().await;
    let principal = desk.session(first.token.reveal(), noon()).await.unwrap();
    let visit = visit();
    let set = |new: &'static str| {
        set_password(&desk.firm, &principal, Some(PASSWORD), new, &visit, noon())
    };
    let (one, other) = tokio::join!(set("battery staple 1"), set("battery staple 2"));
    let results = [one, other];
    let good = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(good, 1, "{results:?}");
    for (result, new) in results.iter().zip(["battery staple 1", "battery staple 2"]) {
        assert_eq!(desk.password(ANN, new, noon()).await.is_ok(), result.is_ok());
        assert!(matches!(result, Ok(()) | Err(ContactError::CurrentPassword)), "{result:?}");
    }
}

#[tokio::test]
async fn sec_3_how_somebody_came_is_known() {
    let desk = Desk::new().await;
    let first = desk.with_password().await;
    let link = desk.link(ANN, noon()).await;
    desk.confirm(&link, noon()).await.unwrap();
    desk.password(ANN, PASSWORD, noon()).await.unwrap();
    let principal = desk.session(first.token.reveal(), noon()).await.unwrap();
    let rows = services::contacts::sessions(&desk.firm, &principal, noon()).await.unwrap();
    let mut ways: Vec<_> = rows.iter().map(|row| row.by).collect();
    ways.sort_by_key(|way| format!("{way:?}"));
    assert_eq!(ways, [SignInWay::Invitation, SignInWay::Link, SignInWay::Password]);
    assert_eq!(rows.iter().filter(|row| row.is_this).count(), 1);
    assert!(rows.iter().all(|row| row.device == "Firefox on Windows"));
}

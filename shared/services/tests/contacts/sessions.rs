//! Sessions: how long they last, who ends them, what it costs to know one.

use chrono::{DateTime, TimeDelta, Utc};
use services::contacts::{
    MAX_SESSIONS, SESSION_IDLE, SESSION_LONGEST, SignedIn, end_other_sessions, end_session,
    end_sessions, end_sessions_of_client, sessions, sign_out,
};
use services::execute::view;

use crate::common::acme;
use crate::desk::*;

#[tokio::test]
async fn sec_3_a_session_ends_when_it_isn_t_used_and_after_a_day_s_work_anyhow() {
    let ms = TimeDelta::milliseconds(1);
    for (seen_at, asked_at, is_in) in [
        (vec![], noon() + SESSION_IDLE - ms, true),
        (vec![], noon() + SESSION_IDLE, false),
        // Used once: as long again, but for the minutes by which the last use isn't known.
        (vec![20], minutes(20) + SESSION_IDLE - ms, true),
        (vec![20], minutes(20) + SESSION_IDLE, false),
        (vec![4], minutes(4) + SESSION_IDLE, false),
        // Used all day long.
        ((1..=35).map(|n| n * 20).collect(), noon() + SESSION_LONGEST - ms, true),
        ((1..=35).map(|n| n * 20).collect(), noon() + SESSION_LONGEST, false),
    ] {
        let desk = Desk::new().await;
        let signed_in = desk.joined().await;
        for minute in &seen_at {
            assert!(desk.is_in(&signed_in, minutes(*minute)).await, "at {minute}");
        }
        assert_eq!(desk.is_in(&signed_in, asked_at).await, is_in, "{seen_at:?} {asked_at}");
    }
}

/// The item is still there: it is the clock that counts, not when the table gets to deleting.
#[tokio::test]
async fn sec_3_a_session_that_ran_out_is_one_no_more_while_its_item_is_there() {
    let desk = Desk::new().await;
    let signed_in = desk.joined().await;
    let late = minutes(31);
    assert!(!desk.is_in(&signed_in, late).await);
    let load = async || desk.firm.store().load_contact(&signed_in.contact).await.unwrap().unwrap();
    assert_eq!(load().await.sessions.len(), 1);
    // The next one to come tidies up.
    let link = desk.link(ANN, late).await;
    let next = desk.confirm(&link, late).await.unwrap();
    let sessions = load().await.sessions;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].id, next.token.name());
}

async fn several(desk: &Desk, count: usize, now: DateTime<Utc>) -> Vec<SignedIn> {
    let mut all = Vec::new();
    for n in 0..count {
        let at = now + TimeDelta::seconds(i64::try_from(n).unwrap());
        all.push(desk.password(ANN, PASSWORD, at).await.unwrap());
    }
    all
}

async fn are_in(desk: &Desk, all: &[SignedIn], now: DateTime<Utc>) -> Vec<bool> {
    let mut answers = Vec::new();
    for signed_in in all {
        answers.push(desk.is_in(signed_in, now).await);
    }
    answers
}

#[tokio::test]
async fn sec_3_a_contact_ends_one_session_or_all_others() {
    let desk = Desk::new().await;
    desk.with_password().await;
    let now = minutes(40); // the first one ran out
    let all = several(&desk, 4, now).await;
    let principal = desk.session(all[0].token.reveal(), now).await.unwrap();
    let rows = sessions(&desk.firm, &principal, now).await.unwrap();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().any(|row| row.is_this && row.id == principal.session));
    // By a name of its list; another's, or none, is nothing to end.
    let (one, nobody) = (all[1].token.name(), "nobody");
    for id in [one, nobody, one] {
        end_session(&desk.firm, &principal, id, None, now).await.unwrap();
    }
    assert_eq!(are_in(&desk, &all, now).await, [true, false, true, true]);
    end_other_sessions(&desk.firm, &principal, None, now).await.unwrap();
    assert_eq!(are_in(&desk, &all, now).await, [true, false, false, false]);
    sign_out(&desk.firm, &principal, None, now).await.unwrap();
    assert_eq!(are_in(&desk, &all, now).await, [false; 4]);
}

#[tokio::test]
async fn sec_3_staff_and_closing_end_sessions() {
    let desk = Desk::new().await;
    let joined = desk.with_password().await;
    let preparer = staff(domain::role::Role::Preparer);
    let refused = end_sessions(&desk.firm, &joined.contact, &preparer, noon()).await;
    assert_eq!(kind(refused), "NotAllowed");
    assert!(desk.is_in(&joined, noon()).await);
    end_sessions(&desk.firm, &joined.contact, &bea(), noon()).await.unwrap();
    assert!(!desk.is_in(&joined, noon()).await);
    // It may come again.
    let again = several(&desk, 2, minutes(1)).await;
    let none = end_sessions_of_client(&desk.firm, &beta(), &bea(), minutes(2)).await.unwrap();
    assert_eq!((none, are_in(&desk, &again, minutes(2)).await), (0, vec![true, true]));
    let some = end_sessions_of_client(&desk.firm, &acme(), &bea(), minutes(2)).await.unwrap();
    assert_eq!((some, are_in(&desk, &again, minutes(2)).await), (1, vec![false, false]));
    let nobody = "k-nobody".parse().unwrap();
    let unknown = end_sessions(&desk.firm, &nobody, &bea(), noon()).await;
    assert_eq!(kind(unknown), "NoContact");
}

#[tokio::test]
async fn sec_3_one_session_too_many_ends_the_one_that_wasn_t_used_for_longest() {
    let desk = Desk::new().await;
    desk.with_password().await;
    let now = minutes(40);
    let all = several(&desk, MAX_SESSIONS, now).await;
    let later = minutes(50);
    assert!(desk.is_in(&all[0], later).await); // used, so the second one is the oldest
    let one_more = desk.password(ANN, PASSWORD, later).await.unwrap();
    let mut expected = vec![true; MAX_SESSIONS];
    expected[1] = false;
    assert_eq!(are_in(&desk, &all, later).await, expected);
    assert!(desk.is_in(&one_more, later).await);
}

#[tokio::test]
async fn sec_1_to_know_a_session_costs_one_read_unit_and_the_dashboard_two() {
    let desk = Desk::new().await;
    let joined = desk.with_password().await;
    let clients: Vec<domain::id::ClientId> =
        (0..8).map(|n| format!("client-{n}").parse().unwrap()).collect();
    for client in &clients {
        desk.client(client, &[ANN]).await;
        desk.invite(client, ANN).await.unwrap();
    }
    let all = several(&desk, MAX_SESSIONS, minutes(1)).await;
    assert!(!desk.is_in(&joined, minutes(2)).await, "it is full");
    let capacity = desk.dynamo.capacity();
    capacity.take();
    let principal = desk.session(all[0].token.reveal(), minutes(2)).await.unwrap();
    let known = capacity.take();
    assert_eq!((known.half_reads, known.half_writes, known.calls), (2, 0, 1));
    assert_eq!(principal.clients.len(), 9);
    // Once in a while it is noted that it was used.
    desk.session(all[0].token.reveal(), minutes(10)).await.unwrap();
    let touched = capacity.take();
    assert_eq!((touched.half_reads, touched.half_writes, touched.calls), (2, 2, 2));
    // And with it the dashboard.
    let client = principal.clients.first().unwrap();
    let day = desk.firm.day(minutes(10));
    desk.firm.policy(&"regular".parse().unwrap(), day, minutes(10)).await.unwrap();
    capacity.take();
    desk.session(all[1].token.reveal(), minutes(3)).await.unwrap();
    view(&desk.firm, client, minutes(10)).await.unwrap().unwrap();
    let dashboard = capacity.take();
    assert_eq!((dashboard.half_reads, dashboard.half_writes, dashboard.calls), (4, 0, 2));
}

//! One command against one client, on the table.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;
mod office;

use common::{acme, day, embedded, profile};
use domain::command::Command;
use domain::event::Event;
use domain::letter::LetterState;
use domain::text::Personal;
use office::*;
use services::execute::{ExecuteError, execute, view};
use services::firm::PolicyError;
use store::{Order, PageRequest, Platform, Verdict, Waiting};

#[tokio::test]
async fn aud_1_who_what_when_and_why_are_in_the_record() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    open(&firm, &acme(), "2026-03-02").await;
    let mut caller = bea();
    caller.request_id = Some("r-7".to_owned());
    let hold =
        Command::PlaceHold { invoice: None, until: None, reason: Personal::new("in mourning") };
    done(&firm, &hold, &caller, "2026-03-03").await;
    let page = PageRequest::default();
    let records = firm.store().records(&acme(), Order::Newest, &page).await.unwrap().items;
    let body = &records[0].body;
    assert_eq!((body.command.as_str(), body.request_id.as_deref()), ("place_hold", Some("r-7")));
    assert_eq!(
        (&body.actor, body.at, body.day),
        (&caller.actor, noon("2026-03-03"), day("2026-03-03"))
    );
    assert_eq!(body.policy.as_ref().map(|policy| policy.version), Some(1));
    let events = body.events().unwrap();
    assert!(
        matches!(&events[0], Event::HoldBegun { hold, .. } if hold.reason.as_str() == "in mourning")
    );
    assert!(!records[0].stored.contains("mourning"));
    // A refused act and a repeated one write none.
    refused(
        &firm,
        &Command::ExceptionUnlock { reason: Personal::new("x"), until: None, lines: [].into() },
        &bea(),
        "2026-03-03",
    )
    .await;
    let again =
        execute(&firm, &acme(), &Command::OpenAccount(profile()), &bea(), noon("2026-03-04")).await;
    assert!(again.unwrap().events.is_empty());
    let verdict = firm.store().verify(&acme()).await.unwrap();
    assert_eq!(verdict, Verdict::Whole { records: records.len() as u64 });
}

#[tokio::test]
async fn a_command_for_nobody_or_under_no_policy_is_refused() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let error = execute(&firm, &acme(), &Command::Evaluate, &schedule(), noon("2026-03-02")).await;
    assert!(matches!(error, Err(ExecuteError::NotFound(_))));
    let mut other = profile();
    other.class = "trade".parse().unwrap();
    let command = Command::OpenAccount(other);
    let error = execute(&firm, &acme(), &command, &bea(), noon("2026-03-02")).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Policy(PolicyError::None { .. })));
    assert_eq!(error.to_string(), "class trade has no policy in force on 2026-03-02");
    open(&firm, &acme(), "2026-03-02").await;
    let mut other = profile();
    other.name = Personal::new("Another Acme");
    let text = refused(&firm, &Command::OpenAccount(other), &bea(), "2026-03-02").await;
    assert_eq!(text, "there is a client acme already (STAFF-1)");
}

#[tokio::test]
async fn inv_7_and_pay_1_what_is_another_clients_is_refused() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let beta = "beta".parse().unwrap();
    open(&firm, &acme(), "2026-03-02").await;
    open(&firm, &beta, "2026-03-02").await;
    execute(&firm, &beta, &issue("A-1", 500), &bea(), noon("2026-03-02")).await.unwrap();
    execute(&firm, &beta, &pay("stripe:pi_1", 500, &[]), &gateway(), noon("2026-03-02"))
        .await
        .unwrap();
    let text = refused(&firm, &issue("A-1", 900), &bea(), "2026-03-02").await;
    assert_eq!(text, "invoice number A-1 is taken (INV-7)");
    let text = refused(&firm, &pay("stripe:pi_1", 500, &[]), &gateway(), "2026-03-02").await;
    assert_eq!(text, "payment stripe:pi_1 is another client's (PAY-1)");
    let account = firm.store().load(&acme()).await.unwrap().unwrap();
    assert_eq!((account.version(), account.account.invoices.len()), (1, 0));
}

/// The days of a client, as the schedule runs them: only when it is due.
#[tokio::test]
async fn eval_1_a_client_is_evaluated_when_it_is_due_and_locked_in_the_end() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let platform = Platform::new(dynamo.clone());
    open(&firm, &acme(), "2026-03-02").await;
    done(&firm, &issue("A-1", 50_000), &bea(), "2026-03-02").await;
    let mut evaluations = 0;
    let mut claimed = 0;
    let mut locked_on = None;
    let days = (0..100).map(|ahead| domain::calendar::plus(day("2026-03-02"), ahead));
    for today in days {
        let now = noon(&today.to_string());
        for shard in 0..2 {
            let due = firm.store().due(shard, today, &PageRequest::default()).await.unwrap();
            assert!(due.next.is_none());
            for due in due.items {
                evaluations += 1;
                let evaluated =
                    execute(&firm, &due.client, &Command::Evaluate, &schedule(), now).await;
                let evaluated = evaluated.unwrap();
                assert!(!evaluated.events.is_empty(), "nothing happened on {today}");
                assert!(evaluated.next_evaluation.is_none_or(|next| today < next));
                if evaluated.account.is_locked() {
                    locked_on = locked_on.or(Some(today));
                }
            }
        }
        for waiting in platform.waiting(now, 10).await.unwrap() {
            let Waiting::Letter { client, letter, .. } = waiting else { continue };
            claimed += 1;
            let claim = Command::ClaimLetter { letter };
            let claim = execute(&firm, &client, &claim, &schedule(), now).await.unwrap();
            assert!(matches!(&claim.events[..], [Event::LetterLeft { .. }]), "{:?}", claim.events);
            let row = firm.store().letter(&client, letter).await.unwrap().unwrap();
            assert!(matches!(row.letter.state, LetterState::Left(_)));
        }
    }
    assert!(locked_on.is_some());
    assert!((3..20).contains(&evaluations), "{evaluations} evaluations in 100 days");
    assert!(2 < claimed, "{claimed} letters");
    let view = view(&firm, &acme(), noon("2026-06-10")).await.unwrap().unwrap();
    assert_eq!(view.lock_policy().id.version, 1);
    assert!(matches!(firm.store().verify(&acme()).await.unwrap(), Verdict::Whole { .. }));
}

#[tokio::test]
async fn let_5_quiet_hours_move_a_letter_to_their_end() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let policy =
        firm.policy(&"regular".parse().unwrap(), day("2026-03-02"), noon("2026-03-02")).await;
    let mut policy = policy.unwrap().policy.clone();
    for (quiet, now, expected) in [
        (Some((20 * 60, 8 * 60)), "2026-03-02T17:00:00Z", "2026-03-02T17:00:00Z"),
        (Some((20 * 60, 8 * 60)), "2026-03-02T06:00:00Z", "2026-03-02T13:00:00Z"), // one at night
        (Some((20 * 60, 8 * 60)), "2026-03-03T01:00:00Z", "2026-03-03T13:00:00Z"), // eight in the evening
        (Some((20 * 60, 8 * 60)), "2026-03-03T00:59:59Z", "2026-03-03T00:59:59Z"),
        (Some((12 * 60, 14 * 60)), "2026-03-02T17:00:00Z", "2026-03-02T19:00:00Z"),
        (Some((12 * 60, 14 * 60)), "2026-03-02T19:00:00Z", "2026-03-02T19:00:00Z"),
        (None, "2026-03-02T06:00:00Z", "2026-03-02T06:00:00Z"),
        // The night in which the clock is put forward.
        (Some((20 * 60, 2 * 60 + 30)), "2026-03-08T06:30:00Z", "2026-03-08T07:00:00Z"),
    ] {
        policy.letters.quiet_hours = quiet;
        let at = firm.outside_quiet_hours(day("2026-03-02"), &policy, common::at(now));
        assert_eq!(at, common::at(expected), "for {quiet:?} at {now}");
    }
    // A letter of a later day waits for that day.
    policy.letters.quiet_hours = None;
    let at =
        firm.outside_quiet_hours(day("2026-03-05"), &policy, common::at("2026-03-02T06:00:00Z"));
    assert_eq!(at, common::at("2026-03-05T05:00:00Z"));
}

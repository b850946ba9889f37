//! In which text of the firm's own a letter leaves: the one that its step names (POL-3, LET-3, LET-9).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, staff};
use domain::command::Command;
use domain::letter::{Content, DebtKind, LetterId, LetterKind, LetterState, Part, Sending};
use domain::policy::Action;
use domain::policy::read::read_text;
use domain::role::{Actor, Role};

fn desk(steps: &str) -> Desk {
    let text = format!(
        "{{lock: {{days_overdue: off, unpaid_invoices: off}}, \
         regular: {{terms: net 1, reminders: [], steps: [{steps}]}}}}"
    );
    Desk::new(read_text(&text).unwrap())
}

fn issue(desk: &mut Desk, number: u8) {
    desk.run(&Command::IssueInvoice(new_invoice(number, 10_000)), &Actor::Schedule);
}

fn pass(desk: &mut Desk, days: u32) {
    for _ in 0..days {
        desk.next_day();
    }
    desk.leave();
}

/// What left, in order: the kind, and the text.
fn left(desk: &Desk) -> Vec<(LetterKind, Option<String>)> {
    let sendings = desk.account.letters.values().filter_map(|letter| match &letter.state {
        LetterState::Left(sending) => Some(sending),
        LetterState::Queued | LetterState::Withdrawn { .. } => None,
    });
    let text = |sending: &Sending| sending.text.as_ref().map(ToString::to_string);
    sendings.map(|sending| (sending.kind, text(sending))).collect()
}

#[test]
fn pol_3_a_step_that_names_a_text_sends_its_letter_in_it() {
    let mut desk = desk("{at: 1, do: notice, text: gentle}, {at: 3, do: notice}");
    issue(&mut desk, 1);
    pass(&mut desk, 2);
    let gentle = (LetterKind::Notice, Some("gentle".to_owned()));
    assert_eq!(left(&desk), std::slice::from_ref(&gentle));
    pass(&mut desk, 2);
    assert_eq!(left(&desk), [gentle, (LetterKind::Notice, None)]);
}

#[test]
fn pol_3_an_approved_step_leaves_in_its_text() {
    let mut desk = desk("{at: 1, do: final_demand, approval: partner, text: last word}");
    issue(&mut desk, 1);
    pass(&mut desk, 2);
    assert_eq!(left(&desk), [(LetterKind::Notice, None)], "the notice that it needs first");
    pass(&mut desk, 3);
    let approve = Command::ApproveStep { action: Action::FinalDemand };
    desk.try_run(&approve, &staff("pat", Role::Partner)).unwrap();
    desk.leave();
    let last = left(&desk).pop();
    assert_eq!(last, Some((LetterKind::FinalDemand, Some("last word".to_owned()))));
}

#[test]
fn let_9_a_merged_letter_leaves_in_the_text_of_its_strongest_part() {
    let mut desk =
        desk("{at: 1, do: notice, text: gentle}, {at: 3, do: demand_letter, text: firm}");
    issue(&mut desk, 1);
    desk.next_day();
    desk.next_day();
    issue(&mut desk, 2);
    pass(&mut desk, 2);
    let last = left(&desk).pop().unwrap();
    assert_eq!(last, (LetterKind::DemandLetter, Some("firm".to_owned())));
    assert_eq!(left(&desk).len(), 2, "both of the day are one message");
}

#[test]
fn let_9_of_parts_as_strong_the_first_that_has_a_text_speaks() {
    for (texts, expected) in [
        ([None, None], None),
        ([None, Some("b")], Some("b")),
        ([Some("a"), None], Some("a")),
        ([Some("a"), Some("b")], Some("a")),
    ] {
        let mut desk = desk("");
        issue(&mut desk, 1);
        pass(&mut desk, 2);
        let parts = texts.map(|text| Part {
            text: text.map(|name| name.parse().unwrap()),
            ..Part::new(DebtKind::Notice, BTreeSet::from([invoice(1)]))
        });
        let reminder = Part {
            text: Some("weak".parse().unwrap()),
            ..Part::new(DebtKind::Reminder, BTreeSet::from([invoice(1)]))
        };
        let parts = [reminder].into_iter().chain(parts).collect();
        let letter = domain::letter::Letter {
            id: LetterId(1),
            queued_on: desk.day,
            leaves_on: desk.day,
            content: Content::Debt { parts },
            state: LetterState::Queued,
        };
        let policy = &desk.policy.policy;
        let sending =
            domain::decide::letters::sending(&desk.account, policy, &letter, desk.day).unwrap();
        assert_eq!(sending.text.as_ref().map(|text| text.as_str()), expected, "{texts:?}");
    }
}

#[test]
fn let_10_a_letter_that_came_back_is_sent_again_in_the_same_text() {
    let mut desk = desk("{at: 1, do: notice, text: gentle}");
    let other = desk.account.profile.contacts[0].clone();
    let address = domain::text::Personal::new("cy@acme.example");
    desk.account.profile.contacts.push(domain::account::Contact { address, ..other });
    issue(&mut desk, 1);
    pass(&mut desk, 2);
    let letter = *desk.account.letters.keys().next().unwrap();
    desk.run(&Command::ReportBounce { letter, to: None }, &Actor::Schedule);
    desk.leave();
    let gentle = (LetterKind::Notice, Some("gentle".to_owned()));
    assert_eq!(left(&desk), [gentle.clone(), gentle]);
}

#[test]
fn pol_3_a_text_is_for_a_step_that_sends_a_letter() {
    for (step, expected) in [
        ("{at: 5, do: notice, text: mine}", Ok(Some("mine"))),
        ("{at: 5, do: notice, text: off}", Ok(None)),
        ("{at: 5, do: notice}", Ok(None)),
        (
            "{at: 5, do: review_task, text: mine}",
            Err("text: expected off: review_task sends no letter"),
        ),
        ("{at: 5, do: notice, text: \"a#b\"}", Err("holds '#', which no id may")),
        ("{at: 5, do: notice, text: [a]}", Err("text: expected")),
    ] {
        let policy = read_text(&format!("regular: {{steps: [{step}]}}"));
        match (policy, expected) {
            (Ok(policy), Ok(text)) => {
                let (key, _) = policy.steps().next().unwrap();
                assert_eq!(policy.text_of(key).as_ref().map(|name| name.as_str()), text, "{step}");
            }
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (policy, _) => panic!("for {step}: {policy:?}"),
        }
    }
}

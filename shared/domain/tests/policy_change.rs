//! A policy that changes under open invoices and running episodes (POL-1), and steps after the lock
//! that need a warning (EVAL-2).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, staff};
use domain::calendar::plus;
use domain::command::{Command, NewInvoice};
use domain::event::{Event, SkipReason};
use domain::policy::{Action, Policy, Step, When};
use domain::role::{Actor, Role};

fn step(when: When, action: Action) -> Step {
    Step { needs_approval: false, ..Step::new(when, action) }
}

fn with_steps(steps: Vec<Step>) -> Policy {
    let mut policy = Policy::default();
    policy.lock.unpaid_invoices = None;
    policy.regular.reminders = Vec::new();
    policy.regular.steps = steps;
    policy
}

fn notice(days: u32) -> Step {
    step(When::DaysOverdue(days), Action::Notice)
}

/// One invoice of January 1, due January 31; the desk stands so many days after the due date.
fn overdue(policy: Policy, days: u32) -> Desk {
    let mut desk = Desk::new(policy);
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    for _ in 0..30 + days {
        desk.next_day();
    }
    desk
}

fn skipped(desk: &Desk, why: SkipReason) -> Vec<String> {
    let skips = desk.events.iter().filter_map(|event| match event {
        Event::StepSkipped { step, why: known, .. } if *known == why => Some(step.to_string()),
        _ => None,
    });
    skips.collect()
}

fn done(desk: &Desk) -> Vec<String> {
    let steps = desk.events.iter().filter_map(|event| match event {
        Event::StepDone { step, on, .. } => Some(format!("{step} on {on}")),
        _ => None,
    });
    steps.collect()
}

#[test]
fn pol_1_a_new_step_whose_day_has_passed_is_skipped_and_one_of_today_fires() {
    for (days, skips, does) in [
        (4, &["regular/at/4/notice"][..], &["regular/at/1/notice on 2026-02-01"][..]),
        (5, &[], &["regular/at/1/notice on 2026-02-01", "regular/at/5/notice on 2026-02-05"]),
        (6, &[], &["regular/at/1/notice on 2026-02-01", "regular/at/6/notice on 2026-02-06"]),
    ] {
        let mut desk = overdue(with_steps(vec![notice(1)]), 5);
        desk.arm(with_steps(vec![notice(1), notice(days)]));
        desk.run(&Command::Evaluate, &Actor::Schedule);
        desk.next_day();
        assert_eq!(skipped(&desk, SkipReason::CameTooLate), skips, "a step at {days}");
        assert_eq!(done(&desk), does, "a step at {days}");
    }
}

#[test]
fn pol_1_an_invoice_that_came_with_the_version_or_later_is_caught_up_with() {
    let mut desk = overdue(with_steps(vec![notice(1)]), 5);
    desk.arm(with_steps(vec![notice(1), notice(4)]));
    let late =
        NewInvoice { issued_on: Some("2026-01-01".parse().unwrap()), ..new_invoice(2, 10_000) };
    desk.try_run(&Command::IssueInvoice(late), &staff("bea", Role::BillingLead)).unwrap();
    assert_eq!(done(&desk).last().unwrap(), "regular/at/4/notice on 2026-02-05");
    assert_eq!(
        skipped(&desk, SkipReason::CameTooLate),
        ["regular/at/4/notice"],
        "of the first invoice"
    );
    assert_eq!(skipped(&desk, SkipReason::PassedOver), ["regular/at/1/notice"], "of the second");
}

fn after_lock(days: u32) -> Step {
    step(When::AfterLock(days), Action::DemandLetter)
}

/// Locked on March 2 under a policy without a step after the lock; it is March 7.
fn locked_five_days() -> Desk {
    let desk = overdue(with_steps(vec![notice(1)]), 35);
    assert_eq!(desk.account.lock().unwrap().on, "2026-03-02".parse().unwrap());
    desk
}

#[test]
fn pol_1_a_running_episode_keeps_its_steps_unless_a_partner_moves_it() {
    let mut desk = locked_five_days();
    desk.arm(with_steps(vec![notice(1), after_lock(6)]));
    desk.next_day();
    assert_eq!(done(&desk).len(), 1, "the episode began without the step");
    let move_it = Command::MoveEpisode;
    assert!(desk.try_run(&move_it, &staff("bea", Role::BillingLead)).is_err());
    desk.try_run(&move_it, &staff("pat", Role::Partner)).unwrap();
    assert_eq!(done(&desk).last().unwrap(), "regular/after_lock/6/demand_letter on 2026-03-08");
    assert_eq!(skipped(&desk, SkipReason::CameTooLate), [""; 0]);
}

#[test]
fn pol_1_a_new_step_after_the_lock_whose_day_has_passed_is_skipped() {
    for (days, skips, count) in [(4, 1, 1), (5, 0, 2)] {
        let mut desk = locked_five_days();
        desk.arm(with_steps(vec![notice(1), after_lock(days)]));
        desk.try_run(&Command::MoveEpisode, &staff("pat", Role::Partner)).unwrap();
        assert_eq!(
            skipped(&desk, SkipReason::CameTooLate).len(),
            skips,
            "{days} days after the lock"
        );
        assert_eq!(done(&desk).len(), count, "{days} days after the lock");
        desk.next_day();
        assert_eq!(skipped(&desk, SkipReason::CameTooLate).len(), skips, "once");
    }
    // A lock set on the very day of the version knows the step from its beginning.
    let mut desk = overdue(with_steps(vec![notice(1)]), 29);
    desk.day = plus(desk.day, 1);
    desk.arm(with_steps(vec![notice(1), after_lock(0)]));
    desk.run(&Command::Evaluate, &Actor::Schedule);
    assert_eq!(done(&desk).last().unwrap(), "regular/after_lock/0/demand_letter on 2026-03-02");
}

#[test]
fn eval_2_a_final_demand_after_the_lock_waits_for_the_warning() {
    let final_demand = step(When::AfterLock(2), Action::FinalDemand);
    let mut desk = overdue(with_steps(vec![notice(1), final_demand]), 31);
    assert!(desk.account.is_locked());
    // Another old debt comes in: it was never warned, the first one was.
    let late =
        NewInvoice { issued_on: Some("2026-01-01".parse().unwrap()), ..new_invoice(2, 10_000) };
    desk.try_run(&Command::IssueInvoice(late), &Actor::Import).unwrap();
    desk.account.invoices.get_mut(&invoice(2)).unwrap().steps =
        desk.account.invoices[&invoice(1)].steps.clone();
    desk.next_day();
    let fired = desk.events.iter().rev().find_map(|event| match event {
        Event::StepDone { step, invoices, .. } if step.action == Action::FinalDemand => {
            Some(invoices.clone())
        }
        _ => None,
    });
    assert_eq!(
        fired.unwrap().into_iter().collect::<Vec<_>>(),
        [invoice(1)],
        "only what was warned"
    );
    let notices = desk.account.letters.values().filter(|letter| {
        format!("{:?}", letter.content).contains("kind: Notice") && letter.queued_on == desk.day
    });
    assert_eq!(notices.count(), 1, "the other one is warned instead");
}

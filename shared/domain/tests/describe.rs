//! Every decision in a sentence, and a rehearsal's days as a person reads them (TEST-2, EVAL-5).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeSet;

use domain::account::{Profile, TaskId};
use domain::calendar::{Day, parse_day};
use domain::command::News;
use domain::describe::describe;
use domain::event::{Event, Settlement, SkipReason};
use domain::invoice::{Invoice, Posting};
use domain::letter::LetterId;
use domain::lock::Scope;
use domain::message::{Author, Channel, Message, MessageId};
use domain::money::{Currency, Money};
use domain::note::{Note, NoteId, NoteKind};
use domain::payment::{Method, PaymentState, Seen};
use domain::policy::PolicyRef;
use domain::rehearsal::{Timeline, run};
use domain::task::{About, Task};
use domain::text::Personal;

/// The days of a timeline, as text.
fn told(timeline: &str) -> String {
    let timeline = Timeline::read("t.yaml", timeline, &|name| Err(format!("no file {name}")));
    let report = run(&timeline.unwrap(), None);
    assert!(report.has_passed(), "{}", report.to_text());
    report.to_text()
}

#[test]
fn test_2_money_is_told_with_where_it_went() {
    let timeline = r#"
clients: {acme: , bolt: }
timeline:
  - {on: 2026-01-05, issue: {client: acme, invoice: A-1, amount: "1250.50"}}
  - {on: 2026-01-05, issue: {client: acme, invoice: A-2, amount: 100, posts_on: 2026-01-09}}
  - {on: 2026-01-05, issue: {client: acme, invoice: A-3, amount: 30}}
  - {on: 2026-01-05, issue: {client: acme, invoice: A-4, amount: 30}}
  - {on: 2026-01-06, pay: {client: acme, id: p-1, amount: 1300, invoices: [A-1, A-3], method: ach, state: pending}}
  - {on: 2026-01-07, pay: {client: acme, id: p-1, amount: 1300, invoices: [A-1, A-3], method: ach}}
  - {on: 2026-01-07, deliver_again: {client: acme, payment: p-1}}
  - {on: 2026-01-08, credit: {client: acme, id: c-1, amount: 20}}
  - {on: 2026-01-10, refund: {client: acme, id: r-1, payment: p-1, amount: "20.50"}}
  - {on: 2026-01-11, chargeback: {client: acme, id: cb-1, payment: p-1, state: opened}}
  - {on: 2026-01-12, chargeback: {client: acme, id: cb-1, payment: p-1, state: won}}
  - {on: 2026-01-13, chargeback: {client: acme, id: cb-2, payment: p-1, state: lost}}
  - {on: 2026-01-14, pay: {client: acme, id: p-2, amount: 5, method: ach}}
  - {on: 2026-01-14, ach_return: {client: acme, payment: p-2}}
  - {on: 2026-01-14, pay: {client: acme, id: p-3, amount: 5, state: failed}}
  - {on: 2026-01-14, pay: {client: acme, id: p-3, amount: 6}}
  - {on: 2026-01-14, pay: {client: bolt, id: p-2, amount: 5}}
  - {on: 2026-01-14, pay: {client: bolt, id: p-2, amount: 5, method: check, refused: PAY-1}}
  - {on: 2026-01-15, void: {client: acme, invoice: A-1, by: pat, role: partner, reason: entered twice}}
  - {on: 2026-01-15, write_off: {client: acme, invoice: A-3, by: pat, role: partner, reason: too small}}
"#;
    insta::assert_snapshot!(told(timeline), @r#"
    2026-01-05 Monday
      acme: issues invoice A-1 of 1,250.50 USD, due Feb 4, 2026
      acme: issues invoice A-2 of 100.00 USD, due Feb 8, 2026, posted on Jan 9, 2026
      acme: issues invoice A-3 of 30.00 USD, due Feb 4, 2026
      acme: issues invoice A-4 of 30.00 USD, due Feb 4, 2026
    2026-01-06 Tuesday
      acme: payment p-1 of 1,300.00 USD is pending
    2026-01-07 Wednesday
      acme: payment p-1 of 1,300.00 USD succeeded: 1,250.50 USD to A-1, 30.00 USD to A-3, 19.50 USD to client credit
      acme: queues a receipt for payment p-1
      acme: deliver_again changes nothing: it was known already
      acme: sends letter 2, a receipt over A-1, A-3
    2026-01-08 Thursday
      acme: issues credit note c-1 of 20.00 USD: 20.00 USD to A-4
    2026-01-09 Friday
      acme: moves credit of payment p-1: 19.50 USD from client credit, 19.50 USD to A-2
    2026-01-10 Saturday
      acme: refund r-1 gives back 20.50 USD of payment p-1: 19.50 USD taken from A-2, 1.00 USD taken from A-3
    2026-01-11 Sunday
      acme: chargeback cb-1 of payment p-1 is opened: 29.00 USD taken from A-3, 1,250.50 USD taken from A-1
    2026-01-12 Monday
      acme: chargeback cb-1 of payment p-1 is won: 29.00 USD to A-3, 1,250.50 USD to A-1
    2026-01-13 Tuesday
      acme: chargeback cb-2 of payment p-1 is lost: 29.00 USD taken from A-3, 1,250.50 USD taken from A-1
    2026-01-14 Wednesday
      acme: payment p-2 of 5.00 USD succeeded: 5.00 USD to A-1
      acme: queues a receipt for payment p-2
      acme: debit p-2 came back: 5.00 USD taken from A-1
      acme: rests collection of A-1 until the start of Jan 17, 2026
      acme: queues a payment-failed letter for payment p-2
      acme: payment p-3 of 5.00 USD failed
      acme: queues a payment-failed letter for payment p-3
      acme: marks nothing paid: 6.00 USD told for payment p-3 doesn't match
      acme: opens a task to look into a payment: 6.00 USD was told for payment p-3, which is known here as 5.00 USD
      bolt: opens a task to look into a payment: 5.00 USD was told for client bolt, but payment p-2 was already recorded for client acme
      bolt: pay is refused: payment p-2 was already recorded for client acme (PAY-1)
      acme: sends letter 3, a receipt
      acme: sends letter 4, a payment-failed letter
      acme: sends letter 5, a payment-failed letter
    2026-01-15 Thursday
      acme: voids invoice A-1: entered twice
      acme: writes off 30.00 USD of invoice A-3: too small
    "#);
}

#[test]
fn test_2_what_pauses_collection_is_told() {
    let timeline = r#"
clients: {acme: }
timeline:
  - {on: 2026-01-05, issue: {client: acme, invoice: A-1, amount: 100}}
  - {on: 2026-01-05, issue: {client: acme, invoice: A-2, amount: 100}}
  - {on: 2026-01-06, dispute: {client: acme, invoice: A-1, amount: 40, reason: never ordered}}
  - {on: 2026-01-07, resolve_dispute: {client: acme, invoice: A-1, outcome: upheld, by: pat, role: partner}}
  - {on: 2026-01-07, dispute: {client: acme, invoice: A-2, reason: too much, by: bea, role: billing_lead}}
  - {on: 2026-01-08, resolve_dispute: {client: acme, invoice: A-2, outcome: withdrawn, by: client}}
  - {on: 2026-01-08, dispute: {client: acme, invoice: A-2, reason: too much}}
  - {on: 2026-01-09, resolve_dispute: {client: acme, invoice: A-2, outcome: rejected, by: pat, role: partner}}
  - {on: 2026-01-09, promise: {client: acme, invoice: A-1, until: 2026-01-11}}
  - {on: 2026-01-10, promise: {client: acme, invoice: A-1, until: 2026-01-12}}
  - {on: 2026-01-13, hold: {client: acme, reason: moving house, until: 2026-01-14, by: bea, role: billing_lead}}
  - {on: 2026-01-13, hold: {client: acme, invoice: A-1, reason: asked, by: bea, role: billing_lead}}
  - {on: 2026-01-16, release_hold: {client: acme, invoice: A-1, by: bea, role: billing_lead}}
  - {on: 2026-01-16, plan: {client: acme, invoices: [A-1, A-2], instalments: [{due: 2026-02-01, amount: 60}, {due: 2026-03-01, amount: 100}], by: pat, role: partner}}
  - {on: 2026-01-17, plan: {client: acme, invoices: [A-1], instalments: [{due: 2026-01-20, amount: 60}], by: pat, role: partner}}
  - {on: 2026-01-25, promise: {client: acme, invoice: A-2, until: 2026-02-05}}
  - {on: 2026-01-25, dispute: {client: acme, invoice: A-1, reason: not mine}}
  - {on: 2026-01-25, pay: {client: acme, id: p-1, amount: 160, invoices: [A-1, A-2]}}
  - {on: 2026-01-26, issue: {client: acme, invoice: A-3, amount: 10}}
  - {on: 2026-01-26, promise: {client: acme, invoice: A-3, until: 2026-02-05}}
  - {on: 2026-01-26, void: {client: acme, invoice: A-3, by: bea, role: billing_lead, reason: wrong client}}
  - {on: 2026-01-27, hard_stop: {client: acme, reason: bankruptcy, by: pat, role: partner}}
  - {on: 2026-01-28, message: {client: acme, from: contact}}
  - {on: 2026-01-28, request_records: {client: acme}}
"#;
    insta::assert_snapshot!(told(timeline), @r#"
    2026-01-05 Monday
      acme: issues invoice A-1 of 100.00 USD, due Feb 4, 2026
      acme: issues invoice A-2 of 100.00 USD, due Feb 4, 2026
    2026-01-06 Tuesday
      acme: begins a dispute of 40.00 USD on invoice A-1: never ordered
      acme: counts a response of the client
    2026-01-07 Wednesday
      acme: issues credit note dispute-A-1-1 of 40.00 USD: 40.00 USD to A-1
      acme: ends the dispute on invoice A-1: upheld
      acme: begins a dispute of 100.00 USD on invoice A-2: too much
      acme: counts a response of the client
    2026-01-08 Thursday
      acme: ends the dispute on invoice A-2: withdrawn
      acme: begins a dispute of 100.00 USD on invoice A-2: too much
      acme: counts a response of the client
    2026-01-09 Friday
      acme: ends the dispute on invoice A-2: rejected
      acme: has caught up with invoice A-2 after its dispute
      acme: begins a promise to pay A-1 by Jan 11, 2026
      acme: counts a response of the client
      acme: queues a promise confirmation over A-1 until Jan 11, 2026
      acme: sends letter 1, a promise confirmation over A-1
    2026-01-10 Saturday
      acme: ends the promise for A-1: a newer one takes its place
      acme: begins a promise to pay A-1 by Jan 12, 2026
      acme: counts a response of the client
      acme: queues a promise confirmation over A-1 until Jan 12, 2026
      acme: sends letter 2, a promise confirmation over A-1
    2026-01-13 Tuesday
      acme: ends the promise for A-1: broken
      acme: puts the client on hold until Jan 14, 2026: moving house
      acme: puts invoice A-1 on hold: asked
    2026-01-15 Thursday
      acme: ends the hold on the client
    2026-01-16 Friday
      acme: ends the hold on invoice A-1
      acme: begins a plan over A-1, A-2 for 160.00 USD, 2 instalments
      acme: counts a response of the client
      acme: queues a plan confirmation over A-1, A-2
      acme: sends letter 3, a plan confirmation over A-1, A-2
    2026-01-17 Saturday
      acme: ends the plan: a newer one takes its place
      acme: begins a plan over A-1 for 60.00 USD, 1 instalment
      acme: counts a response of the client
      acme: queues a plan confirmation over A-1
      acme: sends letter 4, a plan confirmation over A-1
    2026-01-24 Saturday
      acme: ends the plan: broken
    2026-01-25 Sunday
      acme: begins a promise to pay A-2 by Feb 5, 2026
      acme: counts a response of the client
      acme: queues a promise confirmation over A-2 until Feb 5, 2026
      acme: begins a dispute of 60.00 USD on invoice A-1: not mine
      acme: payment p-1 of 160.00 USD succeeded: 60.00 USD to A-1, 100.00 USD to A-2
      acme: ends the dispute on invoice A-1: nothing is owed any more
      acme: queues a receipt for payment p-1
      acme: ends the promise for A-2: kept
      acme: withdraws letter 5: it is no longer true
      acme: sends letter 6, a receipt over A-1, A-2
    2026-01-26 Monday
      acme: issues invoice A-3 of 10.00 USD, due Feb 25, 2026
      acme: begins a promise to pay A-3 by Feb 5, 2026
      acme: counts a response of the client
      acme: queues a promise confirmation over A-3 until Feb 5, 2026
      acme: voids invoice A-3: wrong client
      acme: ends the promise for A-3: nothing that it covers is owed any more
      acme: withdraws letter 7: it is no longer true
    2026-01-27 Tuesday
      acme: stops collection for good: bankruptcy
    2026-01-28 Wednesday
      acme: counts a response of the client
      acme: opens a task to hand over the client's own records
    "#);
}

#[test]
fn test_2_the_portal_is_told() {
    let timeline = r#"
policy: {preset: cpa, with: {letters: {working_days_only: true}, unlock: {request_expires_days: 2}, regular: {reminders: [7, 1]}}}
clients: {acme: {contacts: [ann@acme.example, bob@acme.example]}}
timeline:
  - {on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: 100}}
  - {on: 2026-01-01, issue: {client: acme, invoice: A-2, amount: 50, due: 2026-02-03}}
  - {on: 2026-02-03, bounce: {client: acme, letter: notice}}
  - {on: 2026-03-03, request_unlock: {client: acme, by: bea, role: billing_lead}}
  - {on: 2026-03-06, request_unlock: {client: acme, by: bea, role: billing_lead}}
  - {on: 2026-03-06, reject_unlock: {client: acme, by: pat, role: partner, reason: nothing came}}
  - {on: 2026-03-06, request_unlock: {client: acme, by: bea, role: billing_lead}}
  - {on: 2026-03-06, reject_unlock: {client: acme, by: pat, role: partner}}
  - {on: 2026-03-06, exception_unlock: {client: acme, reason: tax day, until: 2026-03-09, by: pat, role: partner}}
  - {on: 2026-03-11, request_unlock: {client: acme, by: bea, role: billing_lead}}
  - {on: 2026-03-11, promise: {client: acme, invoice: A-2, until: 2026-03-20}}
  - {on: 2026-03-11, pay: {client: acme, id: p-1, amount: 100, invoice: A-1}}
  - {on: 2026-03-12, approve_unlock: {client: acme, by: pat, role: partner}}
  - {on: 2026-03-12, lock: {client: acme, reason: files missing, by: bea, role: billing_lead}}
  - {on: 2026-03-12, set_policy: {policy: {preset: cpa, with: {unlock: {mode: on_payment, four_eyes: false}}}}}
  - {on: 2026-03-12, skip_evaluation: {days: 3}}
  - {on: 2026-03-16, plan: {client: acme, invoices: [A-2], instalments: [{due: 2026-04-01, amount: 50}], by: pat, role: partner}}
  - {on: 2026-03-16, exception_unlock: {client: acme, reason: plan agreed, by: pat, role: partner}}
  - {on: 2026-04-06, pay: {client: acme, id: p-2, amount: 50}}
"#;
    insta::assert_snapshot!(told(timeline), @r#"
    2026-01-01 Thursday
      acme: issues invoice A-1 of 100.00 USD, due Jan 31, 2026
      acme: issues invoice A-2 of 50.00 USD, due Feb 3, 2026
    2026-01-24 Saturday
      acme: marks invoice A-1 as reminded 7 days before due
      acme: queues a reminder over A-1, to leave on Jan 26, 2026
    2026-01-26 Monday
      acme: sends letter 1, a reminder over A-1
    2026-01-27 Tuesday
      acme: marks invoice A-2 as reminded 7 days before due
      acme: queues a reminder over A-2
      acme: sends letter 2, a reminder over A-2
    2026-01-30 Friday
      acme: marks invoice A-1 as reminded 1 day before due
      acme: queues a reminder over A-1
      acme: sends letter 3, a reminder over A-1
    2026-02-01 Sunday
      acme: queues a notice over A-1, to leave on Feb 2, 2026
      acme: reaches the notice at 1 day overdue over A-1
    2026-02-02 Monday
      acme: marks invoice A-2 as reminded 1 day before due
      acme: adds a reminder over A-2 to the day's letter
      acme: sends letter 4, a notice over A-1, A-2
    2026-02-03 Tuesday
      acme: notes that letter 4 came back from contact 1
      acme: opens a task to mend an address: letter 4 to contact 1 came back
      acme: queues a notice over A-1, A-2
      acme: sends letter 6, a notice over A-1, A-2
    2026-02-04 Wednesday
      acme: queues a notice over A-2
      acme: reaches the notice at 1 day overdue over A-2
      acme: sends letter 7, a notice over A-2
    2026-02-15 Sunday
      acme: queues a notice over A-1, to leave on Feb 16, 2026
      acme: reaches the notice at 15 days overdue over A-1
    2026-02-16 Monday
      acme: sends letter 8, a notice over A-1
    2026-02-18 Wednesday
      acme: queues a notice over A-2
      acme: reaches the notice at 15 days overdue over A-2
      acme: sends letter 9, a notice over A-2
    2026-03-02 Monday
      acme: locks the portal: 1 unpaid invoice over 30 days (A-1)
      acme: queues a demand letter over A-1, A-2
      acme: sends letter 10, a demand letter over A-1, A-2
    2026-03-03 Tuesday
      acme: asks for the unlock, by bea; the request expires at the start of Mar 5, 2026
    2026-03-05 Thursday
      acme: lets the request of bea to unlock expire
    2026-03-06 Friday
      acme: asks for the unlock, by bea; the request expires at the start of Mar 8, 2026
      acme: rejects the unlock that bea asked for: nothing came
      acme: asks for the unlock, by bea; the request expires at the start of Mar 8, 2026
      acme: rejects the unlock that bea asked for
      acme: begins an exception until Mar 9, 2026: tax day
      acme: unlocks the portal by exception of pat
      acme: queues a welcome-back letter
      acme: sends letter 11, a welcome-back letter
    2026-03-10 Tuesday
      acme: ends the exception
      acme: locks the portal: 2 unpaid invoices over 30 days (A-1, A-2)
      acme: queues a demand letter over A-1, A-2
      acme: sends letter 12, a demand letter over A-1, A-2
    2026-03-11 Wednesday
      acme: asks for the unlock, by bea; the request expires at the start of Mar 13, 2026
      acme: begins a promise to pay A-2 by Mar 20, 2026
      acme: counts a response of the client
      acme: queues a promise confirmation over A-2 until Mar 20, 2026
      acme: payment p-1 of 100.00 USD succeeded: 100.00 USD to A-1
      acme: queues a receipt for payment p-1
      acme: opens a task to ask for the unlock: nothing stands against it
      acme: sends letter 13, a promise confirmation over A-2
      acme: sends letter 14, a receipt over A-1
    2026-03-12 Thursday
      acme: unlocks the portal, approved by pat despite A-2
      acme: closes the task to ask for the unlock
      acme: queues a welcome-back letter
      acme: locks the portal: files missing
      acme: opens a task to ask for the unlock: nothing stands against it
      version 2 of policy default is in force
      no daily evaluation through 2026-03-15
      acme: withdraws letter 16: it is no longer true
    2026-03-16 Monday
      acme: begins a plan over A-2 for 50.00 USD, 1 instalment
      acme: counts a response of the client
      acme: queues a plan confirmation over A-2
      acme: begins an exception while the plan is kept: plan agreed
      acme: unlocks the portal by exception of pat
      acme: closes the task to ask for the unlock
      acme: queues a welcome-back letter
      acme: sends letter 18, a plan confirmation over A-2
      acme: sends letter 19, a welcome-back letter
    2026-03-21 Saturday
      acme: ends the promise for A-2: broken
    2026-04-05 Sunday
      acme: ends the plan: broken
      acme: ends the exception
      acme: locks the portal: 1 unpaid invoice over 30 days (A-2)
      acme: queues a demand letter over A-2
      acme: skips the final demand at 60 days overdue over A-2: the client responded
      acme: skips the review by a partner at 60 days overdue over A-2: the client responded
      acme: sends letter 20, a demand letter over A-2
    2026-04-06 Monday
      acme: payment p-2 of 50.00 USD succeeded: 50.00 USD to A-2
      acme: queues a receipt for payment p-2
      acme: unlocks the portal: everything is paid
      acme: queues a welcome-back letter
      acme: sends letter 21, a receipt over A-2
      acme: sends letter 22, a welcome-back letter
    "#);
}

#[test]
fn test_2_steps_and_tasks_are_told() {
    let timeline = r#"
policy: {preset: cpa}
clients: {acme: , bolt: {contacts: []}}
timeline:
  - {on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: 100}}
  - {on: 2026-01-01, issue: {client: bolt, invoice: B-1, amount: 100}}
  - {on: 2026-01-20, issue: {client: acme, invoice: A-2, amount: 50}}
  - {on: 2026-02-05, skip_evaluation: {days: 20}}
  - {on: 2026-04-25, message: {client: acme, from: contact}}
  - {on: 2026-05-01, approve_step: {client: acme, do: final_demand, by: pat, role: partner}}
  - {on: 2026-05-21, approve_step: {client: acme, do: collections_referral, by: pat, role: partner}}
  - {on: 2026-05-22, set_policy: {policy: {preset: cpa, with: {regular: {steps: [{at: 1, do: notice}, {at: 20, do: notice}, {after_lock: 10, do: demand_letter}]}}}}}
"#;
    insta::assert_snapshot!(told(timeline), @r#"
    2026-01-01 Thursday
      acme: issues invoice A-1 of 100.00 USD, due Jan 31, 2026
      bolt: issues invoice B-1 of 100.00 USD, due Jan 31, 2026
    2026-01-20 Tuesday
      acme: issues invoice A-2 of 50.00 USD, due Feb 19, 2026
    2026-01-24 Saturday
      acme: marks invoice A-1 as reminded 7 days before due
      acme: queues a reminder over A-1
      acme: sends letter 1, a reminder over A-1
    2026-01-30 Friday
      acme: marks invoice A-1 as reminded 1 day before due
      acme: queues a reminder over A-1
      acme: sends letter 2, a reminder over A-1
    2026-02-01 Sunday
      acme: queues a notice over A-1
      acme: reaches the notice at 1 day overdue over A-1
      bolt: reaches the notice at 1 day overdue over B-1
      acme: sends letter 3, a notice over A-1
    2026-02-05 Thursday
      no daily evaluation through 2026-02-25
    2026-02-26 Thursday
      acme: queues a notice over A-2
      acme: reaches the notice at 1 day overdue over A-2
      acme: adds a notice over A-1 to the day's letter
      acme: reaches the notice at 15 days overdue over A-1
      bolt: reaches the notice at 15 days overdue over B-1
      acme: sends letter 4, a notice over A-1, A-2
    2026-03-02 Monday
      acme: locks the portal: 1 unpaid invoice over 30 days (A-1)
      acme: queues a demand letter over A-1, A-2
      bolt: opens a task to find an address: there is none to write to
      acme: sends letter 5, a demand letter over A-1, A-2
    2026-03-06 Friday
      acme: queues a notice over A-2
      acme: reaches the notice at 15 days overdue over A-2
      acme: sends letter 6, a notice over A-2
    2026-03-09 Monday
      acme: queues a demand letter over A-1, A-2
      acme: reaches the demand letter 7 days after the lock over A-1, A-2
      acme: sends letter 7, a demand letter over A-1, A-2
    2026-04-01 Wednesday
      acme: waits for approval of the final demand at 60 days overdue over A-1
      acme: opens a task to approve the final demand over A-1
      acme: reaches the review by a partner at 60 days overdue over A-1
      acme: opens a task to review A-1
      bolt: reaches the review by a partner at 60 days overdue over B-1
      bolt: opens a task to review B-1
    2026-04-20 Monday
      acme: waits for approval of the final demand at 60 days overdue over A-2
      acme: adds A-2 to task 8
      acme: reaches the review by a partner at 60 days overdue over A-2
      acme: adds A-2 to task 9
    2026-04-25 Saturday
      acme: counts a response of the client
    2026-05-01 Friday
      acme: waits for approval of the referral to collections at 90 days overdue over A-1
      acme: opens a task to refer A-1 to collections
      acme: closes the task to approve a step
      acme: queues a final demand over A-1, A-2
      acme: sends letter 11, a final demand over A-1, A-2
    2026-05-20 Wednesday
      acme: waits for approval of the referral to collections at 90 days overdue over A-2
      acme: adds A-2 to task 10
    2026-05-21 Thursday
      acme: approves the referral to collections, by pat
    2026-05-22 Friday
      version 2 of policy default is in force
      bolt: skips the notice at 20 days overdue over B-1: the policy that brought it came after its day
    "#);
}

fn day(text: &str) -> Day {
    parse_day(text).unwrap()
}

fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

/// What no rehearsal brings about.
#[test]
fn eval_5_the_other_events_are_told() {
    let profile = Profile {
        name: Personal::new("Acme"),
        class: "vip".parse().unwrap(),
        currency: Currency::USD,
        contacts: Vec::new(),
        service_lines: BTreeSet::new(),
        terms_allow_late_fee: false,
        language: None,
        late_fee_terms_since: None,
        jurisdiction: None,
    };
    let news = |seen| News::Told {
        amount: usd(500),
        method: Method::Card,
        invoices: Vec::new(),
        seen,
        on: None,
    };
    let told = |seen, now| Event::PaymentChanged {
        payment: "p-1".parse().unwrap(),
        news: news(seen),
        on: day("2026-03-02"),
        was: PaymentState::Unknown,
        now,
        settlement: Settlement::default(),
    };
    let skipped = |why| Event::StepSkipped {
        step: "regular/at/15/notice".parse().unwrap(),
        on: day("2026-03-02"),
        invoice: None,
        why,
        scope: Scope::Client,
    };
    for (event, expected) in [
        (Event::AccountOpened(profile.clone()), "becomes a client of class vip"),
        (Event::ProfileChanged(profile), "changes name, class or contacts; class vip"),
        (
            Event::InvoiceIssued(Box::new(draft())),
            "issues invoice A-1 of 5.00 USD, due Apr 1, 2026, as a draft",
        ),
        (
            Event::InvoicePosted { invoice: "A-1".parse().unwrap(), number: None },
            "posts invoice A-1",
        ),
        (
            Event::InvoicePosted {
                invoice: "draft:a".parse().unwrap(),
                number: Some("2026-0001".parse().unwrap()),
            },
            "posts draft:a as invoice 2026-0001",
        ),
        // What a note says is not in the sentence: it is for whoever asks for the notes (NOTE-1).
        (Event::NoteAdded(note(NoteKind::Note, None)), "writes a note"),
        (Event::NoteAdded(note(NoteKind::Call, Some("A-1"))), "logs a call about invoice A-1"),
        // Nor what a message says.
        (Event::MessageCame(message(Channel::Mail)), "writes a message by mail"),
        (Event::MessageCame(message(Channel::Portal)), "writes a message in the portal"),
        (Event::MessageWritten(message(Channel::Console)), "writes a message to the client"),
        (
            Event::MessageRead {
                message: MessageId(7),
                on: parse_day("2026-03-02").unwrap(),
                by: "bea".parse().unwrap(),
            },
            "reads the client's messages, as bea",
        ),
        (
            Event::DisputeReviewed { invoice: "A-1".parse().unwrap(), by: None },
            "reviews the dispute on invoice A-1",
        ),
        (
            Event::EpisodeMoved { policy: PolicyRef { class: "vip".parse().unwrap(), version: 3 } },
            "moves the running episode to version 3 of policy vip",
        ),
        (
            Event::TaskAssigned { task: TaskId(4), to: "bea".parse().unwrap() },
            "assigns task 4 to bea",
        ),
        (
            Event::TaskOpened(Task {
                id: TaskId(5),
                opened_on: day("2026-03-02"),
                about: About::LetterStuck { letter: LetterId(3) },
                assignee: None,
            }),
            "opens a task to find out whether letter 3 left",
        ),
        (
            skipped(SkipReason::PassedOver),
            "skips the notice at 15 days overdue: a later one is due",
        ),
        (told(Seen::Returned, PaymentState::Returned), "payment p-1 of 5.00 USD came back"),
        // News that came late: what the payment is by now is said with it.
        (
            told(Seen::Pending, PaymentState::Unknown),
            "payment p-1 of 5.00 USD is told, and is not known yet",
        ),
        (
            told(Seen::Succeeded, PaymentState::PartiallyRefunded),
            "payment p-1 of 5.00 USD is told, and is partially refunded",
        ),
        (
            told(Seen::Succeeded, PaymentState::Refunded),
            "payment p-1 of 5.00 USD is told, and is refunded",
        ),
        (
            told(Seen::Succeeded, PaymentState::ChargedBack),
            "payment p-1 of 5.00 USD is told, and is charged back",
        ),
        (
            told(Seen::Pending, PaymentState::Returned),
            "payment p-1 of 5.00 USD is told, and is returned",
        ),
    ] {
        assert_eq!(describe(&event), expected);
    }
}

fn draft() -> Invoice {
    let (issued_on, due_on) = (day("2026-03-02"), day("2026-04-01"));
    Invoice::new("A-1".parse().unwrap(), usd(500), (issued_on, due_on), Posting::Draft)
}

fn message(channel: Channel) -> Message {
    let author = Author::Client { address: None };
    let (on, text) = (parse_day("2026-03-02").unwrap(), Personal::new("I paid in January"));
    Message { id: MessageId(7), on, channel, author, letter: None, text }
}

fn note(kind: NoteKind, invoice: Option<&str>) -> Note {
    let invoice = invoice.map(|id| id.parse().unwrap());
    let text = Personal::new("Ann pays on Monday");
    Note { id: NoteId(7), kind, by: "pre".parse().unwrap(), invoice, text }
}

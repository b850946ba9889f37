//! What staff are told, by whom, when and how often (STAFF-1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeDelta;
use domain::command::Command;
use domain::id::{ClientId, StaffId};
use domain::people::People;
use domain::role::{Actor, Role};
use domain::text::Personal;
use mail_parser::MessageParser;
use services::correspondence::Correspondence;
use services::execute::{Caller, execute};
use services::firm::Firm;
use services::import::mapping::Mapping;
use services::import::run::{Options, import};
use services::tell::{Tell, TellMessage, TellOutcome, choose_mails};
use store::{
    DeliveryState, Dynamo, FirmChange, FirmCommit, Grant, Mails, PageRequest, Platform, StaffMail,
};
use tokio::sync::Notify;

use crate::desk::*;
use crate::end_at::EndAt;

const ZONE: &str = "America/New_York";

/// Friday, half an hour before the digest: 8:00 in New York.
const FRIDAY: &str = "2026-03-06T13:00:00Z";

fn id(name: &str) -> StaffId {
    name.parse().unwrap()
}

fn caller(name: &str, role: Role) -> Caller {
    Caller::new(Actor::Staff { id: id(name), roles: [role].into() })
}

fn the_client() -> Caller {
    Caller::new(Actor::Client { contact: None })
}

fn reason() -> Personal {
    Personal::new("a secret between us")
}

async fn change(desk: &Desk, firm: &Firm, change: FirmChange) {
    let loaded = firm.store().load_firm().await.unwrap().unwrap();
    let changed = firm.store().change_firm(&loaded, &change, &desk.meta()).await.unwrap();
    assert_eq!(changed, FirmCommit::Done);
}

async fn grant(desk: &Desk, firm: &Firm, name: &str, role: Role) {
    let grant = Grant {
        subject: name.to_owned(),
        staff: id(name),
        name: Personal::new(name),
        roles: [role].into(),
        mail: Some(Personal::new(format!("{name}@firm.example"))),
    };
    change(desk, firm, FirmChange::GrantGiven(grant)).await;
}

/// A firm with two partners, a billing lead and a preparer.
async fn staffed(desk: &Desk) -> Arc<Firm> {
    let firm = desk.firm("f-1", ZONE, "").await;
    for (name, role) in [
        ("bea", Role::BillingLead),
        ("pat", Role::Partner),
        ("pam", Role::Partner),
        ("pre", Role::Preparer),
    ] {
        grant(desk, &firm, name, role).await;
    }
    firm
}

async fn run(desk: &Desk, firm: &Firm, client: &ClientId, command: Command, caller: &Caller) {
    execute(firm, client, &command, caller, desk.clock.now()).await.unwrap();
}

async fn name_people(desk: &Desk, firm: &Firm, client: &ClientId, partner: &str, lead: &str) {
    let people = People {
        partner: Some(id(partner)),
        billing_lead: Some(id(lead)),
        preparers: [id("pre")].into(),
    };
    let bea = caller("bea", Role::BillingLead);
    run(desk, firm, client, Command::AssignPeople(people), &bea).await;
}

async fn lock(desk: &Desk, firm: &Firm, client: &ClientId) {
    let bea = caller("bea", Role::BillingLead);
    run(desk, firm, client, Command::Lock { reason: reason(), lines: [].into() }, &bea).await;
}

use platform::clock::Clock;

async fn waiting(desk: &Desk) -> Vec<TellMessage> {
    let platform = Platform::new(desk.dynamo.clone());
    let waiting = platform.waiting(desk.clock.now(), 100).await.unwrap();
    waiting.iter().filter_map(TellMessage::of).collect()
}

/// Does what waits by now, and what comes of it.
pub(crate) async fn tell(desk: &Desk) -> Vec<TellOutcome> {
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        for message in waiting(desk).await {
            let firm = desk.open(message.firm.as_str()).await;
            let outcome = desk.correspondence().tell(&firm, &message, desk.clock.now()).await;
            outcomes.push(outcome.unwrap());
        }
    }
    outcomes
}

/// What was sent since the last look: to whom, and which subject, in order.
fn sent(desk: &Desk) -> Vec<(String, String)> {
    let mut sent: Vec<_> = desk.post.sent.lock().unwrap().drain(..).collect();
    sent.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
    sent.into_iter().map(|message| (message.to, message.subject)).collect()
}

fn readers(desk: &Desk) -> String {
    let names = sent(desk).into_iter().map(|(to, _)| to.replace("@firm.example", ""));
    names.collect::<Vec<_>>().join(" ")
}

async fn mails(firm: &Firm, staff: &str) -> Vec<StaffMail> {
    firm.store().staff_mails(&id(staff), &PageRequest::default()).await.unwrap().items
}

#[tokio::test]
async fn staff_1_a_decision_is_told_at_once_to_whoever_decides() {
    for (partner, asks, expected) in [
        (None, "bea", "pam pat"),
        (Some("pat"), "bea", "pat"),
        // Who asks doesn't decide: another partner does.
        (Some("pat"), "pat", "pam"),
        // Who left is nobody.
        (Some("old"), "bea", "pam pat"),
    ] {
        // At night, and with collection stopped for good: neither holds what staff are told.
        let desk = Desk::at("2026-03-07T04:00:00Z").await;
        let firm = staffed(&desk).await;
        let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
        if let Some(partner) = partner {
            name_people(&desk, &firm, &acme, partner, "bea").await;
        }
        lock(&desk, &firm, &acme).await;
        let stop = Command::HardStop { reason: reason() };
        run(&desk, &firm, &acme, stop, &caller("bea", Role::BillingLead)).await;
        let role = if asks == "bea" { Role::BillingLead } else { Role::Partner };
        run(&desk, &firm, &acme, Command::RequestUnlock { lines: [].into() }, &caller(asks, role))
            .await;
        tell(&desk).await;
        let message = desk.post.sent.lock().unwrap()[0].clone();
        let parsed = MessageParser::default().parse(&message.raw_mime).unwrap();
        let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
        assert_eq!(message.subject, "To decide: Acme Bakery");
        assert!(text.contains(&format!("{asks} asks for the unlock")), "{text}");
        assert!(text.contains("https://portal.example/console/clients/acme"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(
            parsed.from().unwrap().first().unwrap().address(),
            Some("billing@harborpine.example")
        );
        assert_eq!(readers(&desk), expected, "{partner:?} and {asks}");
        assert!(tell(&desk).await.is_empty());
        let pat = mails(&firm, expected.split(' ').next_back().unwrap()).await;
        let outcome = pat[0].outcome.as_ref().unwrap();
        assert_eq!((outcome.state, pat.len()), (DeliveryState::Sent, 1));
        assert!(outcome.sha256.is_some() && pat[0].to.is_some(), "who was told can be shown");
    }
}

#[tokio::test]
async fn staff_1_what_is_decided_meanwhile_is_told_to_nobody() {
    let desk = Desk::at(FRIDAY).await;
    let firm = staffed(&desk).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    lock(&desk, &firm, &acme).await;
    let bea = caller("bea", Role::BillingLead);
    run(&desk, &firm, &acme, Command::RequestUnlock { lines: [].into() }, &bea).await;
    run(
        &desk,
        &firm,
        &acme,
        Command::ApproveUnlock { lines: [].into() },
        &caller("pat", Role::Partner),
    )
    .await;
    assert_eq!(tell(&desk).await, [TellOutcome::Made(0)]);
    assert_eq!(sent(&desk), []);
}

#[tokio::test]
async fn staff_1_one_digest_a_working_day_and_none_without_news() {
    let desk = Desk::at("2026-03-06T05:00:00Z").await; // Friday's first minute in New York
    let firm = staffed(&desk).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    let cove = desk.client(&firm, "cove", &["cy@cove.example"]).await;
    name_people(&desk, &firm, &acme, "pat", "bea").await;
    assert_eq!(desk.tick().await.failed, 0);
    lock(&desk, &firm, &acme).await;
    run(&desk, &firm, &cove, Command::RequestRecords, &the_client()).await;
    desk.pass(TimeDelta::minutes(8 * 60 + 29));
    assert_eq!(tell(&desk).await, []);
    desk.pass(TimeDelta::minutes(1));
    tell(&desk).await;
    let all = sent(&desk);
    let subject = |text: &str| format!("Harbor & Pine CPAs, March 6: {text}");
    assert_eq!(
        all,
        [
            // bea locked acme herself, pam isn't its partner.
            ("bea@firm.example".to_owned(), subject("1 with a task")),
            ("pam@firm.example".to_owned(), subject("1 with a task")),
            ("pat@firm.example".to_owned(), subject("1 with a task, 1 portal")),
            ("pre@firm.example".to_owned(), subject("1 with a task, 1 portal")),
        ]
    );
    let pre = mails(&firm, "pre").await.remove(0);
    assert!(
        pre.text.as_str().contains("asks for its own records (yours)"),
        "{:?}",
        pre.text.as_str()
    );
    assert!(pre.text.as_str().contains("Open tasks in all: 2"), "{:?}", pre.text.as_str());
    assert!(pre.text.as_str().contains("portal locked, by hand"), "{:?}", pre.text.as_str());
    assert!(!pre.text.as_str().contains("secret"));

    // On Saturday nobody is told what happens then.
    desk.pass(TimeDelta::hours(24));
    desk.tick().await;
    run(&desk, &firm, &acme, Command::RequestRecords, &the_client()).await;
    desk.pass(TimeDelta::hours(24));
    desk.tick().await;
    assert_eq!((tell(&desk).await, sent(&desk)), (vec![], vec![]));
    // On Monday they are, once; clocks went forward in between, and it is half past eight all the same.
    desk.clock.set(at("2026-03-09T04:00:00Z"));
    desk.tick().await;
    desk.clock.set(at("2026-03-09T12:29:00Z"));
    assert_eq!(tell(&desk).await, []);
    desk.clock.set(at("2026-03-09T12:30:00Z"));
    tell(&desk).await;
    assert_eq!(readers(&desk), "bea pat pre");
    let monday = mails(&firm, "bea").await.remove(0);
    assert!(!monday.text.as_str().contains("cove"), "told on Friday: {:?}", monday.text.as_str());
    // On Tuesday nothing is new.
    desk.clock.set(at("2026-03-10T04:00:00Z"));
    desk.tick().await;
    desk.clock.set(at("2026-03-10T12:30:00Z"));
    assert_eq!(tell(&desk).await, [TellOutcome::Made(0)]);
    assert_eq!(sent(&desk), []);
}

/// A digest's morning in New York, by summer time.
async fn morning(desk: &Desk, on: &str) -> Vec<TellOutcome> {
    desk.clock.set(at(&format!("{on}T04:00:00Z")));
    desk.tick().await;
    desk.clock.set(at(&format!("{on}T12:30:00Z")));
    tell(desk).await
}

#[tokio::test]
async fn fresh_1_whoever_imports_is_told_once_that_the_ledger_is_too_old() {
    let desk = Desk::at("2026-03-09T17:00:00Z").await; // a Monday
    let firm = staffed(&desk).await;
    let mut settings = firm.settings().clone();
    settings.ledger_fresh_days = Some(7);
    change(&desk, &firm, FirmChange::Settings(settings)).await;
    let firm = desk.open("f-1").await;
    let file = b"client,invoice,issued,due,amount\nacme,A-1,2026-03-01,2026-09-01,100.00\n";
    let (mapping, options) = (Mapping::default(), Options::default());
    import(&firm, file, &mapping, &options, &|_| (), desk.clock.now()).await.unwrap();
    // Fresh until the 16th, a Monday; by Tuesday's digest it is not.
    morning(&desk, "2026-03-16").await;
    sent(&desk);
    assert_eq!(morning(&desk, "2026-03-17").await, [TellOutcome::Made(1), TellOutcome::Sent]);
    let too_old = "Harbor & Pine CPAs, March 17: ledger too old".to_owned();
    assert_eq!(sent(&desk), [("bea@firm.example".to_owned(), too_old)]);
    let mail = mails(&firm, "bea").await.remove(0).text;
    assert!(mail.as_str().contains("was last brought up to date on Mar 9, 2026"), "{mail:?}");
    assert!(mail.as_str().contains("/console/import"), "{mail:?}");
    // It is said again only beside other news.
    assert_eq!(morning(&desk, "2026-03-18").await, [TellOutcome::Made(0)]);
    let acme = "acme".parse().unwrap();
    run(&desk, &firm, &acme, Command::RequestRecords, &the_client()).await;
    morning(&desk, "2026-03-19").await;
    let all = sent(&desk);
    assert!(!all.is_empty());
    for (to, subject) in all {
        assert!(subject.ends_with("March 19: ledger too old, 1 with a task"), "{to}: {subject}");
    }
}

/// What the night's run found waits for the morning; and is told once, also where somebody did it.
#[tokio::test]
async fn staff_1_the_digest_leaves_out_what_was_told_at_once_or_done() {
    let desk = Desk::at("2026-03-05T14:00:00Z").await; // Thursday
    let firm = staffed(&desk).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    let cove = desk.client(&firm, "cove", &["cy@cove.example"]).await;
    lock(&desk, &firm, &acme).await;
    let bea = caller("bea", Role::BillingLead);
    run(&desk, &firm, &acme, Command::RequestUnlock { lines: [].into() }, &bea).await;
    tell(&desk).await;
    assert_eq!(readers(&desk), "pam pat");
    run(&desk, &firm, &cove, Command::RequestRecords, &the_client()).await;
    let loaded = firm.store().load(&cove).await.unwrap().unwrap();
    let task = *loaded.account.tasks.keys().next().unwrap();
    run(&desk, &firm, &cove, Command::CloseTask { task }, &bea).await;
    desk.clock.set(at("2026-03-06T05:00:00Z"));
    desk.tick().await;
    desk.clock.set(at("2026-03-06T13:30:00Z"));
    tell(&desk).await;
    let subjects = sent(&desk);
    let subject = |text: &str| format!("Harbor & Pine CPAs, March 6: {text}");
    assert_eq!(
        subjects,
        [
            // The partners know of the request; the preparer doesn't, and bea made it.
            ("pam@firm.example".to_owned(), subject("1 portal")),
            ("pat@firm.example".to_owned(), subject("1 portal")),
            ("pre@firm.example".to_owned(), subject("1 to decide, 1 portal")),
        ]
    );
}

/// A request a moment before the digest: whichever is looked at first, it is told once.
#[tokio::test]
async fn staff_1_what_is_told_at_once_is_not_in_the_digest_that_overtakes_it() {
    let desk = Desk::at("2026-03-06T13:30:00Z").await;
    let firm = staffed(&desk).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    name_people(&desk, &firm, &acme, "pat", "bea").await;
    lock(&desk, &firm, &acme).await;
    let bea = caller("bea", Role::BillingLead);
    run(&desk, &firm, &acme, Command::RequestUnlock { lines: [].into() }, &bea).await;
    firm.store().plan_digest(day("2026-03-06"), desk.clock.now()).await.unwrap();
    let mut messages = waiting(&desk).await;
    messages.sort_by_key(|message| !matches!(message.tell, Tell::Digest { .. }));
    for message in messages {
        desk.correspondence().tell(&firm, &message, desk.clock.now()).await.unwrap();
    }
    tell(&desk).await;
    let to_pat = sent(&desk).into_iter().filter(|(to, _)| to.starts_with("pat"));
    let subjects: Vec<_> = to_pat.map(|(_, subject)| subject).collect();
    assert_eq!(subjects, ["Harbor & Pine CPAs, March 6: 1 portal", "To decide: Acme Bakery"]);
}

#[tokio::test]
async fn staff_1_who_left_or_wants_no_mail_gets_none() {
    let desk = Desk::at(FRIDAY).await;
    let firm = staffed(&desk).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    lock(&desk, &firm, &acme).await;
    let bea = caller("bea", Role::BillingLead);
    let pat = caller("pat", Role::Partner);
    for (mails, at_once, digest) in
        [(Mails::Digest, "pam", "pat"), (Mails::Off, "pam", ""), (Mails::All, "pam pat", "")]
    {
        let now = desk.clock.now();
        choose_mails(&firm, &id("pat"), mails, &pat, now).await.unwrap();
        choose_mails(&firm, &id("pat"), mails, &pat, now).await.unwrap();
        run(&desk, &firm, &acme, Command::RequestUnlock { lines: [].into() }, &bea).await;
        tell(&desk).await;
        assert_eq!(readers(&desk), at_once, "{mails:?}");
        let day = desk.clock.now().date_naive();
        firm.store().plan_digest(day, desk.clock.now()).await.unwrap();
        tell(&desk).await;
        let to_pat = sent(&desk)
            .iter()
            .any(|(to, subject)| to.starts_with("pat") && subject.contains("to decide"));
        assert_eq!(to_pat, digest == "pat", "{mails:?}");
        run(&desk, &firm, &acme, Command::RejectUnlock { reason: reason() }, &bea).await;
        tell(&desk).await;
        sent(&desk);
        desk.pass(TimeDelta::days(3));
    }
    // A grant that goes while a mail waits.
    run(&desk, &firm, &acme, Command::RequestUnlock { lines: [].into() }, &bea).await;
    let notice = waiting(&desk).await.remove(0);
    desk.correspondence().tell(&firm, &notice, desk.clock.now()).await.unwrap();
    change(&desk, &firm, FirmChange::GrantTaken { subject: "pat".to_owned() }).await;
    let mut outcomes = tell(&desk).await;
    outcomes.sort_by_key(|outcome| format!("{outcome:?}"));
    assert_eq!(outcomes, [TellOutcome::GivenUp, TellOutcome::Sent]);
    assert_eq!(readers(&desk), "pam");
    let kept = mails(&firm, "pat").await.remove(0);
    let problem = kept.outcome.unwrap().problem.unwrap();
    assert_eq!(problem, "the person doesn't work at the firm any more");
    // The firm's chain says who chose what.
    let records = firm.store().firm_records(&PageRequest::default()).await.unwrap().items;
    let chosen = records.iter().filter(|record| record.body.command == "choose_mails").count();
    assert_eq!(chosen, 3, "choosing the same again is no record");
}

#[tokio::test]
async fn staff_1_a_mail_is_neither_lost_nor_sent_twice() {
    for (answers, tells, expected, is_sent) in [
        (&[Answer::Throttled][..], false, DeliveryState::Sent, 1),
        // Taken, and the answer was lost: a service that can be asked says so.
        (&[Answer::TakenSilently], true, DeliveryState::Sent, 1),
        // One that can't is given it once more, under the same name, and never a third time.
        (&[Answer::TakenSilently], false, DeliveryState::Sent, 2),
        (&[Answer::TakenSilently, Answer::TakenSilently], false, DeliveryState::Uncertain, 2),
        (&[Answer::Rejected("MessageRejected", "no")], false, DeliveryState::Failed, 0),
        (
            &[Answer::Rejected("MailFromDomainNotVerifiedException", "no")],
            false,
            DeliveryState::Sent,
            1,
        ),
    ] {
        let desk = Desk::at(FRIDAY).await;
        let firm = desk.firm("f-1", ZONE, "").await;
        grant(&desk, &firm, "pat", Role::Partner).await;
        let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
        lock(&desk, &firm, &acme).await;
        run(
            &desk,
            &firm,
            &acme,
            Command::RequestUnlock { lines: [].into() },
            &caller("bea", Role::BillingLead),
        )
        .await;
        desk.post.tells.store(tells, Ordering::Relaxed);
        desk.next_answers(answers);
        for _ in 0..6 {
            tell(&desk).await;
            desk.pass(TimeDelta::minutes(30));
        }
        let messages = desk.post.sent.lock().unwrap().clone();
        assert_eq!(messages.len(), is_sent);
        assert!(
            messages.windows(2).all(|pair| pair[0].raw_mime == pair[1].raw_mime
                || pair[0].message_id == pair[1].message_id)
        );
        let outcome = mails(&firm, "pat").await.remove(0).outcome.unwrap();
        assert_eq!(outcome.state, expected, "{outcome:?}");
        assert!(waiting(&desk).await.is_empty());
    }
}

#[tokio::test]
async fn let_2_mails_to_staff_wait_for_the_firm_s_domain_and_not_for_ever() {
    let desk = Desk::at(FRIDAY).await;
    let mut without = settings(ZONE);
    without.mail_domain = None;
    let firm = desk.firm_of("f-1", without, "").await;
    grant(&desk, &firm, "pat", Role::Partner).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    lock(&desk, &firm, &acme).await;
    run(
        &desk,
        &firm,
        &acme,
        Command::RequestUnlock { lines: [].into() },
        &caller("bea", Role::BillingLead),
    )
    .await;
    let hour = desk.clock.now() + TimeDelta::hours(1);
    assert_eq!(tell(&desk).await, [TellOutcome::Made(1), TellOutcome::Again(hour)]);
    desk.pass(TimeDelta::days(3));
    assert_eq!(tell(&desk).await, [TellOutcome::GivenUp]);
    assert_eq!(desk.sent(), 0);
}

/// A process that ends at one of its calls while it tells.
async fn dies_at(desk: &Desk, boundary: u32) -> bool {
    let (correspondence, now): (Correspondence, _) = (desk.correspondence(), desk.clock.now());
    ends_at(desk, boundary, |dying| async move {
        let platform = Platform::new(dying.clone());
        for _ in 0..2 {
            for waiting in platform.waiting(now, 100).await.unwrap() {
                let Some(message) = TellMessage::of(&waiting) else { continue };
                let firm = Firm::open(dying.clone(), message.firm.clone()).await.unwrap().unwrap();
                correspondence.tell(&firm, &message, now).await.unwrap();
            }
        }
    })
    .await
}

/// A process that ends at one of its calls; `false`: it came to its own end before.
pub(crate) async fn ends_at<Doing>(
    desk: &Desk,
    boundary: u32,
    doing: impl FnOnce(Dynamo) -> Doing,
) -> bool
where
    Doing: Future<Output = ()> + Send + 'static,
{
    let end = Arc::new(EndAt { boundary, passed: AtomicU32::new(0), ended: Notify::new() });
    let mut task = tokio::spawn(doing(desk.dynamo.with_faults(end.clone())));
    tokio::select! {
        () = end.ended.notified() => {
            task.abort();
            true
        }
        finished = &mut task => {
            finished.unwrap();
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_1_a_digest_survives_the_end_of_the_process_and_is_sent_once() {
    for boundary in 0.. {
        let desk = Desk::at("2026-03-06T05:00:00Z").await;
        let firm = desk.firm("f-1", ZONE, "").await;
        grant(&desk, &firm, "bea", Role::BillingLead).await;
        grant(&desk, &firm, "pat", Role::Partner).await;
        desk.post.tells.store(true, Ordering::Relaxed);
        let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
        run(&desk, &firm, &acme, Command::RequestRecords, &the_client()).await;
        desk.tick().await;
        desk.clock.set(at("2026-03-06T13:30:00Z"));
        let has_died = dies_at(&desk, boundary).await;
        // Something else happens before it is looked at again, and is the next digest's.
        lock(&desk, &firm, &acme).await;
        for _ in 0..3 {
            desk.pass(TimeDelta::minutes(10));
            tell(&desk).await;
        }
        desk.clock.set(at("2026-03-09T12:30:00Z"));
        firm.store().plan_digest(day("2026-03-09"), desk.clock.now()).await.unwrap();
        tell(&desk).await;
        let told: Vec<_> = sent(&desk)
            .into_iter()
            .map(|(to, subject)| {
                format!(
                    "{} {}",
                    to.split('@').next().unwrap(),
                    subject.replace("Harbor & Pine CPAs, ", "")
                )
            })
            .collect();
        // A process that died before it was settled what the digest tells leaves all of it to the next one.
        let friday_tells_all =
            ["bea March 6: 1 with a task", "pat March 6: 1 with a task, 1 portal"];
        let monday_tells_the_lock =
            ["bea March 6: 1 with a task", "pat March 6: 1 with a task", "pat March 9: 1 portal"];
        assert!(
            told == friday_tells_all || told == monday_tells_the_lock,
            "ended at boundary {boundary}: {told:?}"
        );
        if !has_died {
            println!("{boundary} boundaries");
            assert!(20 < boundary, "only {boundary} boundaries");
            return;
        }
    }
}

/// A test firm's staff are told when its clock is moved, by that clock (TEST-1).
#[tokio::test]
async fn staff_1_test_1_a_test_firm_s_staff_are_told_by_its_own_clock() {
    let desk = Desk::at("2026-11-20T12:00:00Z").await;
    let mut test = settings(ZONE);
    (test.is_test, test.test_clock) = (true, Some(at("2026-03-06T17:00:00Z")));
    let firm = desk.firm_of("f-1", test, "").await;
    grant(&desk, &firm, "pat", Role::Partner).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    let platform = Platform::new(desk.dynamo.clone());
    let tell_all = async |to: &str| {
        let mut settings = desk.open("f-1").await.settings().clone();
        settings.test_clock = Some(at(to));
        change(&desk, &firm, FirmChange::Settings(settings)).await;
        let firm = desk.open("f-1").await;
        desk.correspondence().tell_all(&platform, &firm, desk.clock.now()).await.unwrap();
        readers(&desk)
    };
    // By hand between two moves: the clock stands still meanwhile.
    lock(&desk, &firm, &acme).await;
    assert_eq!(tell_all("2026-03-06T17:00:00Z").await, "pat");
    let bea = caller("bea", Role::BillingLead);
    let firm_now = desk.open("f-1").await;
    run(&desk, &firm_now, &acme, Command::RequestRecords, &the_client()).await;
    run(&desk, &firm_now, &acme, Command::RequestUnlock { lines: [].into() }, &bea).await;
    assert_eq!(tell_all("2026-03-07T17:00:00Z").await, "pat", "at once, also on a Saturday");
    assert_eq!(tell_all("2026-03-08T17:00:00Z").await, "");
    assert_eq!(tell_all("2026-03-09T16:00:00Z").await, "pat");
    let monday = mails(&firm, "pat").await.remove(0);
    assert!(
        monday.subject.as_str().ends_with("March 9: 1 with a task"),
        "{}",
        monday.subject.as_str()
    );
    assert_eq!(tell_all("2026-03-10T16:00:00Z").await, "");
}

/// A queue that was down for a day: the newer digest may be looked at first, and told everything then.
#[tokio::test]
async fn staff_1_a_digest_that_comes_after_a_later_one_tells_nothing_twice() {
    let desk = Desk::at("2026-03-09T12:00:00Z").await; // Monday
    let firm = staffed(&desk).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    name_people(&desk, &firm, &acme, "pat", "bea").await;
    run(&desk, &firm, &acme, Command::RequestRecords, &the_client()).await;
    let now = at("2026-03-10T12:30:00Z");
    desk.clock.set(now);
    for day in ["2026-03-10", "2026-03-09"].map(day) {
        firm.store().plan_digest(day, now).await.unwrap();
        let message = TellMessage { firm: firm.id().clone(), tell: Tell::Digest { day } };
        desk.correspondence().tell(&firm, &message, now).await.unwrap();
    }
    tell(&desk).await;
    assert_eq!(readers(&desk), "bea pat pre");
    assert!(waiting(&desk).await.is_empty());
}

/// A move of the clock that ends in the middle of a day: what its digest had settled is told all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_1_test_1_a_digest_survives_the_end_of_a_move_and_is_sent_once() {
    for boundary in 0.. {
        let desk = Desk::at("2026-11-20T12:00:00Z").await;
        let mut test = settings(ZONE);
        (test.is_test, test.test_clock) = (true, Some(at("2026-03-09T16:00:00Z")));
        let firm = desk.firm_of("f-1", test, "").await;
        grant(&desk, &firm, "bea", Role::BillingLead).await;
        grant(&desk, &firm, "pat", Role::Partner).await;
        desk.post.tells.store(true, Ordering::Relaxed);
        let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
        run(&desk, &firm, &acme, Command::RequestRecords, &the_client()).await;
        let (correspondence, now): (Correspondence, _) = (desk.correspondence(), desk.clock.now());
        let has_died = ends_at(&desk, boundary, |dying| async move {
            let firm = Firm::open(dying.clone(), "f-1".parse().unwrap()).await.unwrap().unwrap();
            correspondence.tell_all(&Platform::new(dying), &firm, now).await.unwrap();
        })
        .await;
        // It is moved on, some time later.
        desk.pass(TimeDelta::minutes(10));
        let mut settings = desk.open("f-1").await.settings().clone();
        settings.test_clock = Some(at("2026-03-10T16:00:00Z"));
        change(&desk, &firm, FirmChange::Settings(settings)).await;
        let firm = desk.open("f-1").await;
        let platform = Platform::new(desk.dynamo.clone());
        desk.correspondence().tell_all(&platform, &firm, desk.clock.now()).await.unwrap();
        assert_eq!(readers(&desk), "bea pat", "ended at boundary {boundary}");
        if !has_died {
            assert!(20 < boundary, "only {boundary} boundaries");
            return;
        }
    }
}

/// Messages that nobody read pause collection without an end: each digest says so until somebody has (LET-8).
#[tokio::test]
async fn let_8_the_digest_names_messages_that_nobody_has_read_for_a_week() {
    let desk = Desk::at("2026-03-06T17:00:00Z").await;
    let firm = staffed(&desk).await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    name_people(&desk, &firm, &acme, "pat", "bea").await;
    let message = domain::message::NewMessage {
        channel: domain::message::Channel::Portal,
        address: None,
        letter: None,
        text: Personal::new("We moved house"),
    };
    run(&desk, &firm, &acme, Command::ReceiveMessage(message), &the_client()).await;
    let lain =
        |text: &str| text.lines().find(|line| line.contains("lain unread")).map(str::to_owned);
    let newest =
        async |who: &str| mails(&firm, who).await.first().and_then(|mail| lain(mail.text.as_str()));
    morning(&desk, "2026-03-10").await;
    assert_eq!(newest("bea").await, None, "it is a task, and not old");
    for (on, days) in [("2026-03-16", 10), ("2026-03-17", 11)] {
        morning(&desk, on).await;
        let line = newest("bea").await.unwrap_or_default();
        let expected = format!("what it wrote has lain unread for {days} days");
        assert!(line.contains(&expected) && line.contains("yours"), "{on}: {line}");
        assert_eq!(newest("pat").await, None, "it is the billing lead's to read");
    }
    let account = firm.store().load(&acme).await.unwrap().unwrap().account;
    let unread = account.tasks.values().find_map(|task| match &task.about {
        domain::task::About::Message { messages } => messages.iter().max().copied(),
        _ => None,
    });
    let read = Command::ReadMessage { message: unread.unwrap() };
    desk.act(&firm, &acme, read).await.unwrap();
    let before = mails(&firm, "bea").await.len();
    morning(&desk, "2026-03-18").await;
    let after = mails(&firm, "bea").await;
    assert!(after.len() == before || lain(after[0].text.as_str()).is_none(), "{after:?}");
}

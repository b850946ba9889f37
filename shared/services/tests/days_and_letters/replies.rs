//! Answers to letters that come by mail, end to end: what becomes a message, what pauses, what is handed on, and what
//! reaches nobody (LET-8, SEC-1).

use std::sync::Arc;

use chrono::TimeDelta;
use domain::command::Command;
use domain::id::ClientId;
use domain::message::{Channel, MAX_UNREAD, MessageId};
use domain::role::Actor;
use platform::clock::Clock;
use services::correspondence::{Correspondence, Outcome};
use services::firm::Firm;
use services::firms::Firms;
use services::replies::{ReplyError, TakenIn, left_lying};
use store::{Message, PageRequest};

use crate::desk::{Answer, Desk, at, day, settings, usd};

const DOMAIN: &str = "in.example.com";

/// A firm whose notice to acme has left, with an address for answers.
struct Scene {
    desk: Desk,
    firm: Arc<Firm>,
    acme: ClientId,
    reply_to: String,
}

fn inbound(desk: &Desk) -> Correspondence {
    Correspondence { inbound_domain: Some(DOMAIN.to_owned()), ..desk.correspondence() }
}

async fn deliver(desk: &Desk) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for message in desk.waiting().await {
        let firm = desk.open(message.firm.as_str()).await;
        let now = desk.clock.now();
        outcomes.push(inbound(desk).handle(&firm, &message, now).await.unwrap());
    }
    outcomes
}

async fn a_day(desk: &Desk, on: &str) -> Vec<Outcome> {
    desk.clock.set(at(&format!("{on}T00:00:00Z")));
    desk.tick().await;
    desk.work().await;
    desk.clock.set(at(&format!("{on}T12:00:00Z")));
    deliver(desk).await
}

impl Scene {
    async fn new() -> Self {
        let desk = Desk::at("2026-02-01T12:00:00Z").await;
        let mut own = settings("UTC");
        own.reply_to = Some("bea@harborpine.example".to_owned());
        let firm = desk.firm_of("f-1", own, "").await;
        let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
        desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
        assert_eq!(a_day(&desk, "2026-03-04").await, [Outcome::Sent]);
        let reply_to = desk.post.sent.lock().unwrap().last().unwrap().reply_to.clone();
        Self { desk, firm, acme, reply_to }
    }

    async fn take_in(&self, raw: &str) -> Result<TakenIn, ReplyError> {
        let firms = Firms::new(self.desk.dynamo.clone());
        inbound(&self.desk).take_in(&firms, raw.as_bytes(), self.desk.clock.now()).await
    }

    async fn messages(&self) -> Vec<Message> {
        let page = PageRequest::default();
        self.firm.store().messages(&self.acme, &page).await.unwrap().items
    }

    async fn is_locked(&self) -> bool {
        self.firm.store().load(&self.acme).await.unwrap().unwrap().account.is_locked()
    }
}

fn mail(headers: &[(&str, &str)], body: &str) -> String {
    let usual = [
        ("From", "Ann <ann@acme.example>"),
        ("Subject", "Re: Your invoice"),
        ("Message-ID", "<a-1@mail.acme.example>"),
    ];
    let missing = usual.iter().filter(|(name, _)| headers.iter().all(|(known, _)| known != name));
    let all = headers.iter().chain(missing).map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("{}\r\n{body}", all.collect::<String>())
}

#[tokio::test]
async fn let_8_a_reply_by_mail_pauses_until_somebody_has_read_it() {
    let scene = Scene::new().await;
    assert!(scene.reply_to.starts_with("reply+") && scene.reply_to.ends_with("@in.example.com"));
    let body = "I paid this in February.\r\n\r\nOn Mar 4, 2026 the firm wrote:\r\n> Dear Acme";
    let raw = mail(&[("To", &scene.reply_to)], body);
    assert_eq!(scene.take_in(&raw).await.unwrap(), TakenIn::Noted);
    let messages = scene.messages().await;
    let [Message { message, .. }] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(message.text.as_str(), "I paid this in February.");
    assert_eq!((message.channel, message.letter.map(|l| l.0)), (Channel::Mail, Some(1)));
    assert_eq!(scene.desk.tasks(&scene.firm, &scene.acme).await, ["message"]);
    // It went on to the firm's own address, whole, and an answer to it goes to Ann.
    {
        let sent = scene.desk.post.sent.lock().unwrap();
        let handed_on = sent.last().unwrap();
        assert_eq!(handed_on.to, "bea@harborpine.example");
        assert_eq!(handed_on.reply_to, "ann@acme.example");
        let parsed = mail_parser::MessageParser::default().parse(&handed_on.raw_mime).unwrap();
        assert!(parsed.body_text(0).unwrap().contains("I paid this in February."));
        assert_eq!(parsed.attachment_count(), 1);
        assert!(parsed.header_raw("X-Portcullis-Handed-On").is_some());
    }
    // A month later it is not locked, and nothing harsher left.
    for on in ["2026-03-20", "2026-04-02", "2026-04-10"] {
        assert_eq!(a_day(&scene.desk, on).await, [], "{on}");
    }
    assert!(!scene.is_locked().await);
    let lying = left_lying(scene.firm.store(), day("2026-04-10")).await.unwrap();
    assert_eq!((lying.len(), lying[0].days), (1, 37));
    let read = Command::ReadMessage { message: message.id };
    scene.desk.act(&scene.firm, &scene.acme, read).await.unwrap();
    assert!(!scene.is_locked().await, "reading locks nobody");
    assert_eq!(left_lying(scene.firm.store(), day("2026-04-10")).await.unwrap(), []);
    a_day(&scene.desk, "2026-04-11").await;
    assert!(scene.is_locked().await);
}

#[tokio::test]
async fn let_8_a_reply_that_comes_twice_is_one_message() {
    let scene = Scene::new().await;
    let raw = mail(&[("To", &scene.reply_to)], "I paid.");
    assert_eq!(scene.take_in(&raw).await.unwrap(), TakenIn::Noted);
    assert_eq!(scene.take_in(&raw).await.unwrap(), TakenIn::Again);
    // Also days later, when what a request made is forgotten, and by another way.
    scene.desk.pass(TimeDelta::days(9));
    let other = mail(&[("To", &scene.reply_to), ("Received", "from b by c")], "I paid.");
    assert_eq!(scene.take_in(&other).await.unwrap(), TakenIn::Again);
    assert_eq!(scene.messages().await.len(), 1);
    // Another mail is another message.
    let next = mail(&[("To", &scene.reply_to), ("Message-ID", "<a-2@mail.acme.example>")], "And?");
    assert_eq!(scene.take_in(&next).await.unwrap(), TakenIn::Noted);
    assert_eq!(scene.messages().await.len(), 2);
}

#[tokio::test]
async fn let_8_what_answers_nothing_writes_nothing() {
    let scene = Scene::new().await;
    let to = ("To", scene.reply_to.as_str());
    let unknown = "reply+00000000000000000000000000000000@in.example.com";
    for (headers, expected, handed_on) in [
        (vec![to, ("Auto-Submitted", "auto-replied")], TakenIn::Automatic, 1),
        (vec![to, ("Return-Path", "<>")], TakenIn::Automatic, 1),
        (vec![to, ("X-SES-Spam-Verdict", "FAIL")], TakenIn::Dropped, 0),
        (vec![to, ("X-Portcullis-Handed-On", "1")], TakenIn::Dropped, 0),
        (vec![to, ("From", "bea@harborpine.example")], TakenIn::Dropped, 0),
        (vec![to, ("From", "pre@harborpine.example")], TakenIn::Dropped, 0),
        (vec![to, ("From", "x@in.example.com")], TakenIn::Dropped, 0),
        (vec![("To", unknown)], TakenIn::Strange, 0),
        (vec![("To", "billing@harborpine.example")], TakenIn::Strange, 0),
    ] {
        let before = scene.desk.sent();
        let raw = mail(&headers, "I am away until Monday.");
        assert_eq!(scene.take_in(&raw).await.unwrap(), expected, "{headers:?}");
        assert_eq!(scene.desk.sent() - before, handed_on, "{headers:?}");
        // What is the same mail is handed on once where the mail service tells; here it doesn't.
    }
    assert_eq!(scene.messages().await, []);
    assert_eq!(scene.desk.tasks(&scene.firm, &scene.acme).await, [""; 0]);
    let big = "x".repeat(26 << 20);
    assert_eq!(scene.take_in(&mail(&[to], &big)).await.unwrap(), TakenIn::Strange);
    let nowhere = scene.desk.correspondence();
    let firms = Firms::new(scene.desk.dynamo.clone());
    let raw = mail(&[to], "I paid.");
    let taken = nowhere.take_in(&firms, raw.as_bytes(), scene.desk.clock.now()).await;
    assert_eq!(taken.unwrap(), TakenIn::Strange, "where none are taken in");
}

#[tokio::test]
async fn let_8_without_its_address_an_answer_counts_only_from_the_client() {
    let scene = Scene::new().await;
    let own = scene.desk.post.sent.lock().unwrap().last().unwrap().message_id.clone();
    let (own, service) = (format!("<{own}>"), "<ses-1@eu-west-1.amazonses.com>");
    let to = ("To", "billing@harborpine.example");
    for (number, (named, from, expected)) in [
        (own.as_str(), "ann@acme.example", TakenIn::Noted),
        (service, "Ann@ACME.example", TakenIn::Noted),
        (service, "eve@evil.example", TakenIn::Strange),
        ("<other@eu-west-1.amazonses.com>", "ann@acme.example", TakenIn::Strange),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("<m-{number}@mail.example>");
        let headers = [to, ("From", from), ("In-Reply-To", named), ("Message-ID", id.as_str())];
        let taken = scene.take_in(&mail(&headers, "I paid.")).await.unwrap();
        assert_eq!(taken, expected, "{named} from {from}");
    }
    assert_eq!(scene.messages().await.len(), 2);
    // At its own address it counts from whoever had the letter.
    let headers = [("To", scene.reply_to.as_str()), ("From", "accounts@bookkeeper.example")];
    assert_eq!(scene.take_in(&mail(&headers, "Paid.")).await.unwrap(), TakenIn::Noted);
}

#[tokio::test]
async fn sec_1_an_answer_reaches_the_client_of_its_letter_and_no_other() {
    let scene = Scene::new().await;
    let other = scene.desk.firm("f-2", "UTC", "").await;
    let same = scene.desk.client(&other, "acme", &["ann@acme.example"]).await;
    let raw = mail(&[("To", &scene.reply_to)], "I paid.");
    assert_eq!(scene.take_in(&raw).await.unwrap(), TakenIn::Noted);
    let of_other = other.store().messages(&same, &PageRequest::default()).await.unwrap().items;
    assert_eq!((scene.messages().await.len(), of_other), (1, Vec::new()));
}

#[tokio::test]
async fn let_8_while_the_mail_service_is_down_the_message_is_there_and_is_handed_on_later() {
    let scene = Scene::new().await;
    scene.desk.next_answers(&[Answer::Throttled]);
    let raw = mail(&[("To", &scene.reply_to)], "I paid.");
    assert!(matches!(scene.take_in(&raw).await, Err(ReplyError::Mail(_))));
    assert_eq!((scene.messages().await.len(), scene.desk.sent()), (1, 1));
    assert_eq!(scene.take_in(&raw).await.unwrap(), TakenIn::Again);
    assert_eq!((scene.messages().await.len(), scene.desk.sent()), (1, 2));
}

#[tokio::test]
async fn let_8_more_answers_than_anybody_reads_are_handed_on_alone() {
    let scene = Scene::new().await;
    for number in 0..=MAX_UNREAD {
        let id = format!("<m-{number}@mail.example>");
        let headers = [("To", scene.reply_to.as_str()), ("Message-ID", id.as_str())];
        let taken = scene.take_in(&mail(&headers, "again")).await.unwrap();
        let is_last = number == MAX_UNREAD;
        assert_eq!(taken, if is_last { TakenIn::HandedOn } else { TakenIn::Noted });
    }
    assert_eq!(scene.desk.sent(), 1 + 1 + MAX_UNREAD);
}

#[tokio::test]
async fn let_8_staff_answer_and_the_letter_leaves() {
    let scene = Scene::new().await;
    let raw = mail(&[("To", &scene.reply_to)], "Can I pay in parts?");
    scene.take_in(&raw).await.unwrap();
    let reads = Some(scene.messages().await[0].message.id);
    let text = domain::text::Personal::new("Yes.\nIn two.");
    let answer = Command::WriteMessage { text, reads };
    scene.desk.act(&scene.firm, &scene.acme, answer).await.unwrap();
    assert_eq!(deliver(&scene.desk).await, [Outcome::Sent]);
    assert!(scene.desk.last_text().contains("Yes.\nIn two."), "{}", scene.desk.last_text());
    assert_eq!(scene.desk.tasks(&scene.firm, &scene.acme).await, [""; 0]);
    let ours: Vec<_> = scene.messages().await.iter().map(|m| m.message.is_the_clients()).collect();
    assert_eq!(ours, [false, true], "newest first");
}

#[tokio::test]
async fn let_8_a_notice_that_waited_in_the_outbox_waits_for_the_reader() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = desk.client(&firm, "acme", &["ann@acme.example"]).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    desk.clock.set(at("2026-03-04T00:00:00Z"));
    desk.tick().await;
    desk.work().await;
    // She writes in the portal before it leaves.
    let text = domain::text::Personal::new("It is paid.");
    let (channel, address, letter) = (Channel::Portal, None, None);
    let message = domain::message::NewMessage { channel, address, letter, text };
    let command = Command::ReceiveMessage(message);
    let caller = services::execute::Caller::new(Actor::Link);
    services::execute::execute(&firm, &acme, &command, &caller, desk.clock.now()).await.unwrap();
    desk.clock.set(at("2026-03-04T12:00:00Z"));
    assert_eq!(desk.deliver().await, [Outcome::Unread]);
    assert_eq!(desk.sent(), 0);
    let read = Command::ReadMessage { message: MessageId(u64::MAX) };
    desk.act(&firm, &acme, read).await.unwrap();
    assert_eq!(desk.deliver().await, [], "it is looked at again in some hours");
    desk.pass(TimeDelta::hours(7));
    assert_eq!(desk.deliver().await, [Outcome::Unread], "that day is the reader's");
    desk.clock.set(at("2026-03-05T12:00:00Z"));
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
}

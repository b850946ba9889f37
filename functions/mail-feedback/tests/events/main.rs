//! The sample events, and news in every order, forged, twice and of every kind of mail, on an embedded table.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../demand-letter/tests/events/desk.rs"]
mod desk;
#[path = "../../../../shared/services/tests/office/end_at.rs"]
mod end_at;
mod inbound;

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use chrono::{DateTime, Utc};
use desk::{acme, at, embedded, firm};
use domain::id::ClientId;
use domain::letter::LetterId;
use domain::role::{Actor, Role};
use domain::text::Personal;
use end_at::EndAt;
use mail_feedback::{State, batch};
use platform::clock::FixedClock;
use platform::config::Stage;
use platform::mail::{MESSAGE_TAG, Mail, MailError, Message, SentId, message_tag};
use serde_json::{Value, json};
use services::correspondence::{Correspondence, LetterMessage, Outcome};
use services::execute::Caller;
use services::firm::{CLAIM_LEASE, Firm};
use services::tell::{Tell, TellMessage, TellOutcome, choose_mails};
use store::{
    CommitMeta, DeliveryState, Dynamo, FirmChange, Grant, HeardKind, LetterRow, Mails, PageRequest,
    StaffMail, Verdict,
};
use tokio::sync::Notify;

const QUEUE: &str = include_str!("../../../../events/mail-feedback-queue.json");
const COMPLAINT: &str = include_str!("../../../../events/mail-feedback-complaint.json");

/// The mail service: remembers what it took; `is_silent`: it never answers.
#[derive(Default)]
struct Post {
    sent: Mutex<Vec<Message>>,
    is_silent: Mutex<bool>,
}

#[async_trait]
impl Mail for Post {
    async fn send(&self, message: &Message) -> Result<SentId, MailError> {
        let mut sent = self.sent.lock().unwrap();
        sent.push(message.clone());
        if *self.is_silent.lock().unwrap() {
            return Err(MailError::Unanswered("connection reset".into()));
        }
        Ok(SentId(format!("ses-{}", sent.len())))
    }
}

fn now() -> DateTime<Utc> {
    at("2026-03-04T17:00:00Z")
}

/// A firm whose letter to acme has left.
struct Office {
    dynamo: Dynamo,
    firm: Firm,
    acme: ClientId,
    post: Arc<Post>,
}

impl Office {
    async fn new() -> Self {
        Self::with(false).await
    }

    async fn with(is_silent: bool) -> Self {
        let dynamo = embedded().await;
        let firm = firm(&dynamo, now()).await;
        let acme = acme(&firm, now()).await;
        let post = Arc::new(Post::default());
        *post.is_silent.lock().unwrap() = is_silent;
        let office = Self { dynamo, firm, acme, post };
        let expected = if is_silent { Outcome::Open } else { Outcome::Sent };
        assert_eq!(office.send(false, now()).await, expected);
        office
    }

    fn correspondence(&self) -> Correspondence {
        Correspondence {
            mail: self.post.clone(),
            public_url: "https://portal.example".to_owned(),
            configuration: Some("letters".to_owned()),
            inbound_domain: Some("in.example.com".to_owned()),
        }
    }

    async fn send(&self, stuck: bool, now: DateTime<Utc>) -> Outcome {
        let message = LetterMessage {
            firm: self.firm.id().clone(),
            client: self.acme.clone(),
            letter: LetterId(1),
            stuck,
        };
        self.correspondence().handle(&self.firm, &message, now).await.unwrap()
    }

    fn state(&self, dynamo: Dynamo) -> State {
        State {
            dynamo,
            public_url: "https://portal.example".to_owned(),
            clock: Arc::new(FixedClock::at(now())),
            stage: Stage::Local,
            inbound: None,
        }
    }

    /// Which of these messages fail.
    async fn hear(&self, event: SqsEvent) -> Vec<String> {
        let response = batch(&self.state(self.dynamo.clone()), event).await;
        let failed = response.batch_item_failures.into_iter();
        failed.map(|failure| failure.item_identifier).collect()
    }

    /// News of a message that was sent, which are understood.
    async fn told(&self, message: &Message, id: &str, news: Value) {
        assert_eq!(self.hear(queue(&[of(message, id, news)])).await, Vec::<String>::new());
    }

    async fn row(&self) -> LetterRow {
        self.firm.store().letter(&self.acme, LetterId(1)).await.unwrap().unwrap()
    }

    /// Whether ann's address is marked, what tasks are open, how many records there are.
    async fn account(&self) -> (bool, Vec<&'static str>, u64) {
        let loaded = self.firm.store().load(&self.acme).await.unwrap().unwrap();
        let tasks = loaded.account.tasks.values().map(|task| task.about.kind()).collect();
        (loaded.account.profile.contacts[0].is_bounced, tasks, loaded.chain().0)
    }

    fn sent(&self, place: usize) -> Message {
        self.post.sent.lock().unwrap()[place].clone()
    }
}

fn queue(bodies: &[Value]) -> SqsEvent {
    let records = bodies.iter().enumerate();
    let records: Vec<_> = records
        .map(|(id, body)| json!({"messageId": id.to_string(), "body": body.to_string()}))
        .collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}

/// An event of SES about that message, which it knows as `id`.
fn of(message: &Message, id: &str, news: Value) -> Value {
    let mut tags = json!({MESSAGE_TAG: [message_tag(&message.message_id)]});
    for (name, value) in message.about.as_ref().unwrap().tags() {
        tags[name] = json!([value]);
    }
    let mut event = news;
    event["mail"] = json!({"messageId": id, "timestamp": "2026-03-04T17:00:05Z", "tags": tags});
    json!({"source": "aws.ses", "detail-type": "…", "detail": event})
}

fn bounce(to: &str) -> Value {
    json!({"eventType": "Bounce", "bounce": {
        "bounceType": "Permanent", "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": to, "diagnosticCode": "550 no such user"}],
    }})
}

fn delivery() -> Value {
    json!({"eventType": "Delivery", "delivery": {"recipients": ["ann@acme.example"]}})
}

fn complaint(to: &str) -> Value {
    json!({"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": to}]}})
}

fn transient() -> Value {
    json!({"eventType": "Bounce", "bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull"}})
}

#[tokio::test]
async fn let_6_the_samples_mark_the_address_once_and_their_poison_fails_alone() {
    let office = Office::new().await;
    let queue: SqsEvent = serde_json::from_str(QUEUE).unwrap();
    let poison = queue.records[3].message_id.clone().unwrap();
    assert_eq!(office.hear(queue.clone()).await, [&*poison]);
    let (is_bounced, tasks, records) = office.account().await;
    assert_eq!((is_bounced, tasks), (true, vec!["bounced_address"]));
    let heard = office.row().await.heard;
    assert_eq!(heard.get(HeardKind::Arrived).unwrap().at, at("2026-03-04T17:00:02Z"));
    let (kind, news) = heard.most().unwrap();
    let what = "Permanent General: smtp; 550 5.1.1 user unknown";
    assert_eq!((kind, news.what.as_deref()), (HeardKind::Returned, Some(what)));
    // Once more, and the complaint by another way: nothing is done twice.
    assert_eq!(office.hear(queue).await, [&*poison]);
    assert_eq!(office.hear(serde_json::from_str(COMPLAINT).unwrap()).await, Vec::<String>::new());
    assert_eq!(office.account().await.2, records);
    assert!(office.row().await.heard.get(HeardKind::Complained).is_some());
}

#[tokio::test]
async fn let_6_news_end_alike_in_whatever_order_and_however_often_they_come() {
    let all = || [delivery(), bounce("Ann@Acme.example"), transient(), delivery()];
    let mut ends = Vec::new();
    for order in [[0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0], [2, 3, 0, 1]] {
        let office = Office::new().await;
        let message = office.sent(0);
        for place in order {
            office.told(&message, "ses-1", all()[place].clone()).await;
        }
        let row = office.row().await;
        assert_eq!(row.heard.most().unwrap().0, HeardKind::Returned);
        assert_eq!(row.delivery.unwrap().state, DeliveryState::Sent);
        ends.push(office.account().await);
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
    assert_eq!((ends[0].0, &*ends[0].1), (true, &["bounced_address"][..]));
}

/// What is done about each kind of news.
#[tokio::test]
async fn let_6_what_may_pass_is_noted_and_what_was_refused_is_a_persons() {
    let reject = json!({"eventType": "Reject", "reject": {"reason": "Bad content"}});
    for (news, kind, is_bounced, tasks) in [
        (delivery(), HeardKind::Arrived, false, vec![]),
        (transient(), HeardKind::Delayed, false, vec![]),
        (json!({"eventType": "DeliveryDelay"}), HeardKind::Delayed, false, vec![]),
        (bounce("ann@acme.example"), HeardKind::Returned, true, vec!["bounced_address"]),
        (complaint("ann@acme.example"), HeardKind::Complained, true, vec!["bounced_address"]),
        (reject, HeardKind::Refused, false, vec!["letter_stuck"]),
        (
            json!({"eventType": "Rendering Failure"}),
            HeardKind::Refused,
            false,
            vec!["letter_stuck"],
        ),
    ] {
        let office = Office::new().await;
        office.told(&office.sent(0), "ses-1", news.clone()).await;
        assert_eq!(office.row().await.heard.most().unwrap().0, kind, "{news}");
        let (marked, open, _) = office.account().await;
        assert_eq!((marked, open), (is_bounced, tasks), "{news}");
    }
}

#[tokio::test]
async fn sec_1_news_that_name_another_message_address_or_firm_reach_nobody() {
    let office = Office::new().await;
    let before = office.account().await;
    let message = office.sent(0);
    let changed = |change: &dyn Fn(&mut Message)| {
        let mut other = message.clone();
        change(&mut other);
        other
    };
    let about = |change: &dyn Fn(&mut platform::mail::About)| {
        changed(&|message| change(message.about.as_mut().unwrap()))
    };
    for (told, id, to) in [
        // Another message of the service, with all the right tags.
        (message.clone(), "ses-2", "ann@acme.example"),
        (message.clone(), "ses-1", "eve@evil.example"),
        (about(&|about| about.firm = "f-2".to_owned()), "ses-1", "ann@acme.example"),
        (about(&|about| about.firm = "f#1".to_owned()), "ses-1", "ann@acme.example"),
        (about(&|about| about.to = "bolt".to_owned()), "ses-1", "ann@acme.example"),
        (about(&|about| about.to = "a#b".to_owned()), "ses-1", "ann@acme.example"),
        (about(&|about| about.mail = "2".to_owned()), "ses-1", "ann@acme.example"),
        (about(&|about| about.mail = "-1".to_owned()), "ses-1", "ann@acme.example"),
        (about(&|about| about.kind = platform::mail::MailKind::Staff), "ses-1", "ann@acme.example"),
        (
            about(&|about| about.kind = platform::mail::MailKind::Contact),
            "ses-1",
            "ann@acme.example",
        ),
    ] {
        office.told(&told, id, bounce(to)).await;
        assert_eq!(office.account().await, before, "{told:?} {id} {to}");
        assert_eq!(office.row().await.heard.most(), None);
    }
}

/// Its sender never heard that the letter was taken: its news say so, and it isn't sent a second time.
#[tokio::test]
async fn let_4_a_claimed_letter_is_found_by_its_name_in_the_news() {
    let office = Office::with(true).await;
    assert_eq!(office.row().await.delivery, None);
    let mut other = office.sent(0);
    other.message_id = "0123@harborpine.example".to_owned();
    office.told(&other, "ses-1", delivery()).await;
    assert_eq!(office.row().await.delivery, None, "another message's name");
    office.told(&office.sent(0), "ses-1", json!({"eventType": "Send", "send": {}})).await;
    let delivery = office.row().await.delivery.unwrap();
    assert_eq!(delivery.message_id.as_deref(), Some("ses-1"));
    assert!(delivery.sha256.is_some());
    let later = now() + CLAIM_LEASE;
    assert_eq!(office.send(true, later).await, Outcome::Done);
    assert_eq!(office.post.sent.lock().unwrap().len(), 1);
}

/// Handed over twice, either may come back: the mail service has two names for it, and one is noted.
#[tokio::test]
async fn let_4_news_of_the_first_of_two_sendings_are_of_the_same_letter() {
    let office = Office::with(true).await;
    *office.post.is_silent.lock().unwrap() = false;
    let later = now() + CLAIM_LEASE;
    assert_eq!(office.send(true, later).await, Outcome::Sent);
    assert_eq!(office.row().await.delivery.unwrap().message_id.as_deref(), Some("ses-2"));
    office.told(&office.sent(0), "ses-1", bounce("ann@acme.example")).await;
    assert!(office.account().await.0, "the address takes no mail, whichever it was");
}

/// The process ends at each of its calls in turn; the queue hands the same message out again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_6_news_survive_the_end_of_the_process_at_each_boundary() {
    for boundary in 0.. {
        let office = Office::new().await;
        let event = queue(&[of(&office.sent(0), "ses-1", bounce("ann@acme.example"))]);
        let end = Arc::new(EndAt { boundary, passed: AtomicU32::new(0), ended: Notify::new() });
        let state = office.state(office.dynamo.with_faults(end.clone()));
        let again = event.clone();
        let mut task = tokio::spawn(async move { batch(&state, event).await });
        let finished = tokio::select! {
            () = end.ended.notified() => {
                task.abort();
                false
            }
            finished = &mut task => {
                assert!(finished.unwrap().batch_item_failures.is_empty());
                true
            }
        };
        assert_eq!(office.hear(again).await, Vec::<String>::new());
        let (is_bounced, tasks, records) = office.account().await;
        assert_eq!((is_bounced, tasks), (true, vec!["bounced_address"]), "boundary {boundary}");
        assert_eq!(office.row().await.heard.most().unwrap().0, HeardKind::Returned);
        assert_eq!(records, 4, "boundary {boundary}: opened, billed, claimed, came back");
        if finished {
            assert!(6 < boundary, "only {boundary} boundaries");
            return;
        }
    }
}

async fn grant(office: &Office, name: &str, role: Role) {
    let grant = Grant {
        subject: name.to_owned(),
        staff: name.parse().unwrap(),
        name: Personal::new(name),
        roles: [role].into(),
        mail: Some(Personal::new(format!("{name}@harborpine.example"))),
    };
    let loaded = office.firm.store().load_firm().await.unwrap().unwrap();
    let meta = CommitMeta {
        at: now(),
        day: now().date_naive(),
        actor: Actor::Schedule,
        command: "test".to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    };
    let change = FirmChange::GrantGiven(grant);
    office.firm.store().change_firm(&loaded, &change, &meta).await.unwrap();
}

async fn mails(office: &Office, staff: &str) -> Vec<StaffMail> {
    let page = PageRequest { cursor: None, limit: 10 };
    office.firm.store().staff_mails(&staff.parse().unwrap(), &page).await.unwrap().items
}

async fn post(office: &Office, staff: &str, mail: &str) -> TellOutcome {
    let tell = Tell::Mail { staff: staff.parse().unwrap(), mail: mail.to_owned() };
    let message = TellMessage { firm: office.firm.id().clone(), tell };
    office.correspondence().tell(&office.firm, &message, now()).await.unwrap()
}

fn staff_mail(staff: &str) -> StaffMail {
    StaffMail {
        id: "2026-03-04".to_owned(),
        staff: staff.parse().unwrap(),
        is_digest: true,
        made_at: now(),
        subject: Personal::new("News"),
        text: Personal::new("News"),
        html: Personal::new("<p>News</p>"),
        names: Vec::new(),
        to: None,
        attempts: 0,
        doubts: 0,
        attempted_at: None,
        outcome: None,
        heard: Default::default(),
    }
}

#[tokio::test]
async fn let_6_and_staff_1_mails_to_a_person_stop_and_another_is_told_once() {
    for (news, is_complaint) in
        [(bounce("pat@harborpine.example"), false), (complaint("pat@harborpine.example"), true)]
    {
        let office = Office::new().await;
        for (name, role) in
            [("pat", Role::Partner), ("ada", Role::Admin), ("bea", Role::BillingLead)]
        {
            grant(&office, name, role).await;
        }
        let store = office.firm.store();
        store.add_staff_mail(&staff_mail("pat"), now()).await.unwrap();
        assert_eq!(post(&office, "pat", "2026-03-04").await, TellOutcome::Sent);
        let message = office.sent(1);
        office.told(&message, "ses-2", bounce("eve@evil.example")).await;
        assert_eq!(store.mails_returned(&"pat".parse().unwrap()).await.unwrap(), None);
        for _ in 0..2 {
            office.told(&message, "ses-2", news.clone()).await;
        }
        let returned = store.mails_returned(&"pat".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(returned.is_complaint, is_complaint);
        let told = mails(&office, "ada").await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].subject.as_str(), "Mails to pat come back");
        assert!(mails(&office, "bea").await.is_empty(), "an admin is there");
        assert_eq!(post(&office, "ada", &told[0].id).await, TellOutcome::Sent);
        // None is sent any more, until pat says that the address is right.
        let next = StaffMail { id: "2026-03-05".to_owned(), ..staff_mail("pat") };
        store.add_staff_mail(&next, now()).await.unwrap();
        assert_eq!(post(&office, "pat", "2026-03-05").await, TellOutcome::GivenUp);
        let (pat, caller) = ("pat".parse().unwrap(), Caller::new(Actor::Schedule));
        choose_mails(&office.firm, &pat, Mails::All, &caller, now()).await.unwrap();
        let next = StaffMail { id: "2026-03-06".to_owned(), ..staff_mail("pat") };
        store.add_staff_mail(&next, now()).await.unwrap();
        assert_eq!(post(&office, "pat", "2026-03-06").await, TellOutcome::Sent);
        assert!(matches!(store.verify_firm().await.unwrap(), Verdict::Whole { .. }));
    }
}

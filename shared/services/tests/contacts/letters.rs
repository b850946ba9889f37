//! The letters with links: never lost, never kept, to nobody who isn't there.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::account::Profile;
use domain::command::Command;
use domain::letter::Language;
use platform::mail::{MailError, Message};
use platform::queue::{Queue, QueueError, QueueMessage};
use services::contacts::{Errand, MailOutcome, Postbox, request_link};
use services::correspondence::SetUpError;
use services::correspondence::feedback::{MailNews, NewsKind, Told, hear};
use services::execute::execute;
use store::{ContactLinkKind, DeliveryState, FirmChange, FirmCommit, HeardKind};

use crate::common::{acme, meta};
use crate::desk::*;
use crate::office;

#[tokio::test]
async fn sec_3_a_link_leaves_at_night_as_well() {
    let desk = Desk::new().await;
    desk.joined().await;
    let night = minutes(16 * 60);
    desk.ask("ANN@acme.example", night).await.unwrap();
    assert_eq!(desk.deliver(night).await, [MailOutcome::Sent]);
    let sent = desk.post.sent.lock().unwrap().last().unwrap().clone();
    assert_eq!(
        (sent.to.as_str(), sent.subject.as_str()),
        (ANN, "Your link to sign in to Bea & Partners")
    );
    let text = String::from_utf8(sent.raw_mime).unwrap();
    assert!(text.contains("Reply-To: office@bea.example"), "{text}");
    desk.confirm(&desk.token(), night).await.unwrap();
}

#[tokio::test]
async fn let_3_a_contact_is_written_to_in_the_language_of_its_client() {
    let desk = Desk::new().await;
    let known = desk.firm.store().load(&acme()).await.unwrap().unwrap().account.profile;
    let profile = Profile { language: Some(Language::Es), ..known };
    let command = Command::ChangeProfile(profile);
    execute(&desk.firm, &acme(), &command, &bea(), noon()).await.unwrap();
    desk.invite(&acme(), ANN).await.unwrap();
    assert_eq!(desk.deliver(noon()).await, [MailOutcome::Sent]);
    let sent = desk.post.sent.lock().unwrap().last().unwrap().clone();
    assert_eq!(sent.subject, "Bea & Partners le invita a su portal de clientes");
}

#[tokio::test]
async fn sec_3_a_link_is_not_lost_when_the_mail_service_fails() {
    let down = || MailError::Down("connection refused".into());
    let unanswered = || MailError::Unanswered("connection reset".into());
    let throttled = || MailError::Throttled { code: "SendingPausedException".to_owned() };
    for error in [down, unanswered, throttled] as [fn() -> MailError; 3] {
        let desk = Desk::new().await;
        desk.joined().await;
        desk.post.answers.lock().unwrap().extend([error(), error()]);
        desk.ask(ANN, noon()).await.unwrap();
        let mut at = noon();
        for seconds in [20, 40] {
            let again = at + TimeDelta::seconds(seconds);
            assert_eq!(desk.deliver(at).await, [MailOutcome::Again(again)]);
            assert!(desk.deliver(again - TimeDelta::seconds(1)).await.is_empty());
            at = again;
        }
        assert_eq!(desk.deliver(at).await, [MailOutcome::Sent]);
        desk.confirm(&desk.token(), at + TimeDelta::minutes(14)).await.unwrap();
        let kept = desk.firm.store().mails_to(&desk.hash(ANN)).await.unwrap();
        let link = kept.iter().find(|mail| mail.kind == ContactLinkKind::SignIn);
        let outcome = link.unwrap().outcome.clone().unwrap();
        assert_eq!(
            (outcome.state, outcome.message_id.as_deref()),
            (DeliveryState::Sent, Some("ses-2"))
        );
    }
}

#[tokio::test]
async fn sec_3_a_process_that_dies_while_writing_leaves_the_letter_to_the_sweeper() {
    let desk = Desk::new().await;
    desk.joined().await;
    desk.ask(ANN, noon()).await.unwrap();
    let mails = desk.firm.store().mails_to(&desk.hash(ANN)).await.unwrap();
    let mail = mails.iter().find(|mail| mail.outcome.is_none()).unwrap();
    // It took the letter up, and was never heard of again.
    let lease = minutes(2);
    assert!(desk.firm.store().attempt_mail(mail, lease).await.unwrap());
    assert!(!desk.firm.store().attempt_mail(mail, lease).await.unwrap(), "it is somebody's");
    assert!(desk.deliver(minutes(1)).await.is_empty());
    assert_eq!(desk.deliver(lease).await, [MailOutcome::Sent]);
    desk.confirm(&desk.token(), lease).await.unwrap();
}

#[tokio::test]
async fn sec_3_a_refused_letter_is_given_up_and_staff_see_why() {
    let desk = Desk::new().await;
    let refused =
        MailError::Rejected { code: "MessageRejected".to_owned(), detail: "no".to_owned() };
    desk.post.answers.lock().unwrap().push_back(refused);
    desk.invite(&acme(), ANN).await.unwrap();
    assert_eq!(desk.deliver(noon()).await, [MailOutcome::GivenUp]);
    assert!(desk.deliver(minutes(600)).await.is_empty());
    let kept = desk.firm.store().mails_to(&desk.hash(ANN)).await.unwrap();
    let outcome = kept[0].outcome.clone().unwrap();
    assert_eq!(outcome.state, DeliveryState::Failed);
    assert_eq!(outcome.problem.as_deref(), Some("MessageRejected: no"));
}

#[tokio::test]
async fn let_2_a_firm_without_a_domain_keeps_invitations_and_says_why() {
    let mut desk = Desk::new().await;
    let mut settings = desk.firm.settings().clone();
    let domain = settings.mail_domain.take();
    let set = async |desk: &Desk, settings: &store::FirmSettings| {
        let loaded = desk.firm.store().load_firm().await.unwrap().unwrap();
        let change = FirmChange::Settings(settings.clone());
        let changed = desk.firm.store().change_firm(&loaded, &change, &meta("settings")).await;
        assert_eq!(changed.unwrap(), FirmCommit::Done);
    };
    set(&desk, &settings).await;
    desk.firm = office::reopened(&desk.dynamo).await;
    desk.invite(&acme(), ANN).await.unwrap();
    let waits = [MailOutcome::NotSetUp(SetUpError::NoDomain)];
    assert_eq!(desk.deliver(noon()).await, waits);
    assert_eq!(desk.deliver(minutes(60)).await, waits);
    settings.mail_domain = domain;
    set(&desk, &settings).await;
    desk.firm = office::reopened(&desk.dynamo).await;
    assert_eq!(desk.deliver(minutes(24 * 60)).await, [MailOutcome::Sent]);
    // But not for ever; and a link that nobody waits for any more isn't sent at all.
    desk.invite(&acme(), "bob@acme.example").await.unwrap();
    assert_eq!(desk.deliver(minutes(72 * 60)).await, [MailOutcome::GivenUp]);
    desk.ask(ANN, noon()).await.unwrap();
    assert_eq!(desk.deliver(minutes(60)).await, [MailOutcome::GivenUp]);
}

#[tokio::test]
async fn sec_4_nobody_is_written_to_who_isn_t_there() {
    let desk = Desk::new().await;
    desk.ask("eve@evil.example", noon()).await.unwrap();
    assert_eq!(desk.deliver(noon()).await, [MailOutcome::Nobody]);
    assert!(desk.deliver(minutes(600)).await.is_empty());
    assert!(desk.post.sent.lock().unwrap().is_empty());
    assert!(desk.firm.store().mails_to(&desk.hash("eve@evil.example")).await.unwrap().is_empty());
}

/// A queue that remembers, or that is down.
#[derive(Default)]
struct Wire {
    taken: Mutex<Vec<QueueMessage>>,
    is_down: bool,
}

#[async_trait]
impl Queue for Wire {
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError> {
        if self.is_down {
            return Err(QueueError::Unsent { unsent: messages, sent: 0, cause: "down".into() });
        }
        self.taken.lock().unwrap().extend(messages);
        Ok(())
    }
}

#[tokio::test]
async fn sec_3_the_queue_makes_it_fast_and_the_sweeper_makes_it_sure() {
    for is_down in [false, true] {
        let desk = Desk::new().await;
        desk.joined().await;
        let wire = Arc::new(Wire { is_down, ..Wire::default() });
        let postbox = Postbox::on(wire.clone());
        request_link(&desk.firm, &postbox, ANN, &visit(), noon()).await.unwrap();
        let taken = std::mem::take(&mut *wire.taken.lock().unwrap());
        assert_eq!(taken.len(), usize::from(!is_down));
        for message in taken {
            let Errand::Mail(mail) = serde_json::from_str(&message.body).unwrap() else {
                panic!("{message:?}");
            };
            for expected in [MailOutcome::Sent, MailOutcome::Done] {
                let written = desk.correspondence.write_to_contact(&desk.firm, &mail, noon()).await;
                assert_eq!(written.unwrap(), expected);
            }
        }
        let left = desk.deliver(minutes(1)).await;
        assert_eq!(left, if is_down { vec![MailOutcome::Sent] } else { vec![] });
        desk.confirm(&desk.token(), minutes(1)).await.unwrap();
    }
}

/// News of the last letter that left.
async fn heard(desk: &Desk, kind: HeardKind) -> Told {
    let (message, place): (Message, usize) = {
        let sent = desk.post.sent.lock().unwrap();
        (sent.last().unwrap().clone(), sent.len())
    };
    let news = MailNews {
        about: message.about.unwrap(),
        provider_id: format!("ses-{place}"),
        message_id: Some(message.message_id),
        at: noon(),
        kind: NewsKind::Heard(kind),
        to: vec![message.to],
        what: None,
    };
    hear(&desk.firm, &news, "https://portal.example", noon()).await.unwrap()
}

/// Whoever asks for a link at an address that takes no mail gets none, until a week later one is tried anew.
#[tokio::test]
async fn let_6_no_more_links_go_to_an_address_from_which_one_came_back() {
    for bad in [HeardKind::Returned, HeardKind::Complained] {
        let desk = Desk::new().await;
        desk.invite(&acme(), ANN).await.unwrap();
        assert_eq!(desk.deliver(noon()).await, [MailOutcome::Sent]);
        let signed_in = desk.confirm(&desk.token(), noon()).await.unwrap();
        assert_eq!(heard(&desk, HeardKind::Arrived).await, Told::New);
        let mut at = 0;
        let mut ask = async || {
            at += 30;
            desk.ask(ANN, minutes(at)).await.unwrap();
            desk.deliver(minutes(at)).await
        };
        assert_eq!(ask().await, [MailOutcome::Sent]);
        assert_eq!(heard(&desk, HeardKind::Delayed).await, Told::New);
        assert_eq!(ask().await, [MailOutcome::Sent], "late is not lost");
        assert_eq!(heard(&desk, bad).await, Told::New);
        assert_eq!(heard(&desk, bad).await, Told::Known);
        assert_eq!(ask().await, [MailOutcome::GivenUp], "{bad:?}");
        let mails = desk.firm.store().mails_to(&desk.hash(ANN)).await.unwrap();
        let problem = mails.last().unwrap().outcome.clone().unwrap().problem.unwrap();
        assert!(problem.contains("come back"), "{problem}");
        assert!(mails.iter().any(|mail| mail.heard.is_bad()));
        assert!(desk.is_in(&signed_in, noon()).await, "who is in stays in");
        let week = 7 * 24 * 60 + 90;
        desk.ask(ANN, minutes(week)).await.unwrap();
        assert_eq!(desk.deliver(minutes(week)).await, [MailOutcome::Sent], "tried anew");
    }
}

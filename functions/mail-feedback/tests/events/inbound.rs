//! Answers that the mail service laid in the bucket: read, written down, handed on; what isn't there or ours fails
//! nobody (LET-8).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use mail_feedback::inbound::Inbound;
use mail_feedback::{State, batch};
use platform::archive::{Archive, ArchiveError};
use serde_json::{Value, json};
use store::PageRequest;

use crate::{Office, queue};

const ANSWER: &str = include_str!("../../../../events/mail-feedback-answer.json");

/// A bucket; `None` where it doesn't answer.
struct Bucket(BTreeMap<&'static str, Option<String>>);

#[async_trait]
impl Archive for Bucket {
    async fn put(&self, _: &str, _: Vec<u8>) -> Result<bool, ArchiveError> {
        Ok(false)
    }

    async fn has(&self, key: &str) -> Result<bool, ArchiveError> {
        Ok(self.0.contains_key(key))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Some(mail)) => Ok(Some(mail.clone().into_bytes())),
            Some(None) => {
                let cause = "the bucket is down".into();
                Err(ArchiveError { act: "read", key: key.to_owned(), cause })
            }
        }
    }

    async fn list(&self, _: &str) -> Result<Vec<String>, ArchiveError> {
        Ok(Vec::new())
    }

    async fn folders(&self, _: &str) -> Result<Vec<String>, ArchiveError> {
        Ok(Vec::new())
    }
}

fn laid(bucket: &str, key: &str, size: u64) -> Value {
    json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {
        "bucket": {"name": bucket}, "object": {"key": key, "size": size},
    }})
}

#[tokio::test]
async fn let_8_answers_come_from_the_bucket_once_and_a_bucket_that_is_down_is_asked_again() {
    let office = Office::new().await;
    let reply_to = office.sent(0).reply_to;
    assert!(reply_to.starts_with("reply+"), "{reply_to}");
    let mail = |id: &str, to: &str| {
        format!("From: ann@acme.example\r\nTo: {to}\r\nMessage-ID: <{id}@x.example>\r\n\r\nI paid.")
    };
    let mails = BTreeMap::from([
        ("answer", Some(mail("a", &reply_to))),
        ("again", Some(mail("a", &reply_to))),
        ("nobodys", Some(mail("b", "somebody@in.example.com"))),
        ("down", None),
    ]);
    let inbound = Inbound {
        correspondence: office.correspondence(),
        bucket: "answers".to_owned(),
        mails: Arc::new(Bucket(mails)),
    };
    let state = State { inbound: Some(inbound), ..office.state(office.dynamo.clone()) };
    let event = queue(&[
        laid("answers", "answer", 100),
        laid("answers", "again", 100),
        laid("answers", "nobodys", 100),
        laid("answers", "gone", 100),
        laid("answers", "answer", 100 << 20),
        laid("others", "answer", 100),
        laid("answers", "down", 100),
    ]);
    let failed = batch(&state, event).await.batch_item_failures.into_iter();
    let failed: Vec<_> = failed.map(|failure| failure.item_identifier).collect();
    assert_eq!(failed, ["6"]);
    let page = PageRequest::default();
    let messages = office.firm.store().messages(&office.acme, &page).await.unwrap().items;
    let texts: Vec<_> = messages.iter().map(|known| known.message.text.as_str()).collect();
    assert_eq!(texts, ["I paid."]);
    assert_eq!(office.account().await.1, ["message"]);
    // Where none are taken in, nothing is read.
    let event = queue(&[laid("answers", "answer", 100)]);
    assert!(
        batch(&office.state(office.dynamo.clone()), event).await.batch_item_failures.is_empty()
    );
}

#[tokio::test]
async fn let_8_the_sample_is_an_answer_that_becomes_a_message() {
    let office = Office::new().await;
    let reply_to = office.sent(0).reply_to;
    let mail = format!(
        "From: ann@acme.example\r\nTo: {reply_to}\r\nMessage-ID: <s@x.example>\r\n\r\nIt crossed with yours."
    );
    let mails = BTreeMap::from([("2mq0k5hcbf6c8o2ag3vtd5cr1l8o0e5t7n4p9g01", Some(mail))]);
    let inbound = Inbound {
        correspondence: office.correspondence(),
        bucket: "answers".to_owned(),
        mails: Arc::new(Bucket(mails)),
    };
    let state = State { inbound: Some(inbound), ..office.state(office.dynamo.clone()) };
    for _ in 0..2 {
        let event = serde_json::from_str(ANSWER).unwrap();
        assert!(batch(&state, event).await.batch_item_failures.is_empty());
    }
    let page = PageRequest::default();
    let messages = office.firm.store().messages(&office.acme, &page).await.unwrap().items;
    let texts: Vec<_> = messages.iter().map(|known| known.message.text.as_str()).collect();
    assert_eq!(texts, ["It crossed with yours."]);
}

//! The port as the functions meet it: through the official clients, and through our own AWS halves.

use std::time::Duration;

use platform::aws::Aws;
use platform::clock::FixedClock;
use platform::config::{AwsSettings, Secret};
use platform::mail::{Mail, Message, SesMail};
use platform::queue::{Queue, SqsQueue};
use platform::seal::{KmsSeal, LocalSeal, Seal, SealContext, SealError};
use serde_json::{Value, json};
use store::Dynamo;
use tempfile::TempDir;

use super::*;
use crate::embedded::{Embedded, TABLE};
use crate::mailbox::Mailbox;

struct Bench {
    data: TempDir,
    url: String,
    aws: Aws,
    queues: Queues,
    mailbox: Mailbox,
    seal: Arc<LocalSeal>,
    _embedded: Embedded,
}

impl Bench {
    async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let clock: Arc<dyn Clock> =
            Arc::new(FixedClock::at("2026-07-01T13:30:00Z".parse().unwrap()));
        let embedded = Embedded::in_memory().await.unwrap();
        let queues = Queues::open(data.path(), &clock).unwrap();
        let mailbox = Mailbox::open(data.path().join("mailbox"), clock.clone()).unwrap();
        let seal = Arc::new(LocalSeal::new(&[7; 32]).unwrap());
        let parts = AwsParts {
            table_url: embedded.url().to_owned(),
            queues: queues.clone(),
            mail: Arc::new(mailbox.clone()),
            seal: seal.clone(),
            clock,
        };
        let (listener, url) = listen(0).await.unwrap();
        let router = router(parts, &url);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let aws = Aws::new(&AwsSettings {
            region: env::REGION.to_owned(),
            endpoint_url: Some(url.clone()),
            access_key_id: "local".to_owned(),
            secret_access_key: Secret::new("local"),
            session_token: None,
        });
        Self { data, url, aws: aws.unwrap(), queues, mailbox, seal, _embedded: embedded }
    }

    fn letters(&self) -> String {
        sqs::queue_url(&self.url, "letters")
    }

    /// A request that no client of ours makes.
    async fn post(&self, target: Option<&str>, kind: &str, body: &str) -> (u16, String, String) {
        let mut request = reqwest::Client::new().post(&self.url).body(body.to_owned());
        request = request.header("content-type", kind);
        request = request.header("authorization", "AWS4-HMAC-SHA256 Credential=local");
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let answer = request.send().await.unwrap();
        let code = answer.headers().get("x-amzn-errortype");
        let code = code.map(|code| code.to_str().unwrap().to_owned()).unwrap_or_default();
        (answer.status().as_u16(), code, answer.text().await.unwrap())
    }
}

#[tokio::test]
async fn the_table_is_the_running_systems() {
    let bench = Bench::start().await;
    let dynamo = Dynamo::new(bench.aws.dynamodb(), TABLE);
    let store = store::Store::new(dynamo, "f-1".parse().unwrap());
    assert!(store.load_firm().await.unwrap().is_none());
    // The table's own refusals come through as they are.
    let missing = bench.aws.dynamodb().describe_table().table_name("other").send().await;
    let error = missing.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception(), "{error:?}");
}

#[tokio::test]
async fn what_is_sent_comes_to_the_local_queue_and_back() {
    let bench = Bench::start().await;
    let queue = SqsQueue::new(bench.aws.sqs(), bench.letters());
    let messages: Vec<_> = (0..13)
        .map(|n| platform::queue::QueueMessage::json(&json!({ "n": n })).unwrap())
        .map(|message| message.on_behalf_of("demo"))
        .collect();
    queue.send(messages).await.unwrap();
    assert_eq!(bench.queues.letters.depth().visible, 13);
    assert_eq!(bench.queues.evaluations.depth().visible, 0);

    let client = bench.aws.sqs();
    let url = client.get_queue_url().queue_name("letters").send().await.unwrap();
    assert_eq!(url.queue_url(), Some(&*bench.letters()));
    let received = client.receive_message().queue_url(bench.letters()).max_number_of_messages(10);
    let received = received.visibility_timeout(600).send().await.unwrap();
    let messages = received.messages();
    assert_eq!(messages.len(), 10);
    assert_eq!(messages[0].body(), Some(r#"{"n":0}"#));
    assert_eq!(messages[0].message_id(), Some("letters-1"));
    assert_eq!(messages[0].md5_of_body(), Some("4bb9e0de5005747b62cadb7fc69c584a"));
    for message in messages {
        let done = client.delete_message().queue_url(bench.letters());
        done.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }
    assert_eq!(bench.queues.letters.len(), 3);

    let rest = client.receive_message().queue_url(bench.letters()).max_number_of_messages(2);
    let rest = rest.wait_time_seconds(1).send().await.unwrap();
    let handle = rest.messages()[0].receipt_handle().unwrap();
    let seen = client.change_message_visibility().queue_url(bench.letters());
    seen.receipt_handle(handle).visibility_timeout(0).send().await.unwrap();
    let all = client.get_queue_attributes().queue_url(bench.letters());
    let all = all.attribute_names("All".into()).send().await.unwrap();
    let told = |name: &str| all.attributes().unwrap()[&name.into()].clone();
    assert_eq!(told("QueueArn"), "arn:aws:sqs:us-east-1:000000000000:letters");
    assert_eq!(told("ApproximateNumberOfMessages"), "2");
    assert_eq!(told("ApproximateNumberOfMessagesNotVisible"), "1");
    assert_eq!(told("VisibilityTimeout"), "30");
    let redrive: Value = serde_json::from_str(&told("RedrivePolicy")).unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], "arn:aws:sqs:us-east-1:000000000000:letters-dead");
}

/// Handed out as often as the queue does, and never done with.
async fn die(bench: &Bench) {
    for _ in 0..bench.queues.letters.settings().max_receives {
        for handed in bench.queues.letters.receive_for(10, Duration::from_secs(60)) {
            bench.queues.letters.change_visibility(handed.receipt, Duration::ZERO);
        }
    }
    assert!(bench.queues.letters.receive(10).is_empty());
}

#[tokio::test]
async fn dead_letters_are_replayed_with_the_redrive_of_sqs() {
    let bench = Bench::start().await;
    let client = bench.aws.sqs();
    let sent = client.send_message().queue_url(bench.letters()).message_body("poison");
    assert_eq!(sent.send().await.unwrap().message_id(), Some("letters-1"));
    die(&bench).await;
    let dead = sqs::queue_url(&bench.url, "letters-dead");
    let depth = client.get_queue_attributes().queue_url(&dead);
    let depth = depth.attribute_names("ApproximateNumberOfMessages".into()).send().await.unwrap();
    assert_eq!(depth.attributes().unwrap().values().collect::<Vec<_>>(), ["1"]);

    let arn = "arn:aws:sqs:us-east-1:000000000000:letters-dead";
    client.start_message_move_task().source_arn(arn).send().await.unwrap();
    let tasks = client.list_message_move_tasks().source_arn(arn).send().await.unwrap();
    assert_eq!(tasks.results()[0].status(), Some("COMPLETED"));
    assert_eq!(tasks.results()[0].approximate_number_of_messages_moved(), 1);
    assert_eq!(bench.queues.letters.depth().visible, 1);
    assert!(bench.queues.letters.dead_letters().is_empty());
}

#[tokio::test]
async fn a_letter_goes_to_the_mailbox() {
    let bench = Bench::start().await;
    let message = Message {
        from: "billing@demo.example".to_owned(),
        to: "ann@acme.example".to_owned(),
        reply_to: "billing@demo.example".to_owned(),
        subject: "Invoice A-1".to_owned(),
        raw_mime: b"From: billing@demo.example\r\nTo: ann@acme.example\r\nMessage-ID: <a@x>\r\n\
            Subject: Invoice A-1\r\n\r\nHello"
            .to_vec(),
        message_id: "acme.1@demo.example".to_owned(),
        configuration: None,
        about: None,
    };
    let sent = SesMail::new(bench.aws.ses().unwrap()).send(&message).await.unwrap();
    assert_eq!(bench.mailbox.raw(&sent.0).unwrap(), message.raw_mime);

    std::fs::remove_dir_all(bench.data.path().join("mailbox")).unwrap();
    let down = SesMail::new(bench.aws.ses().unwrap()).send(&message).await;
    assert!(matches!(down, Err(platform::mail::MailError::Down(_))), "{down:?}");
}

#[tokio::test]
async fn sec_5_what_the_system_sealed_a_function_opens_for_the_same_firm_alone() {
    let bench = Bench::start().await;
    let ours = SealContext { firm: "demo", gateway: "stripe" };
    let kms = KmsSeal::new(bench.aws.kms(), kms::KEY);
    let sealed = bench.seal.seal(b"whsec_1", ours).await.unwrap();
    assert_eq!(kms.unseal(&sealed, ours).await.unwrap(), b"whsec_1");
    let sealed = kms.seal(b"whsec_2", ours).await.unwrap();
    assert_eq!(bench.seal.unseal(&sealed, ours).await.unwrap(), b"whsec_2");
    for other in [SealContext { firm: "f-2", ..ours }, SealContext { gateway: "square", ..ours }] {
        let opened = kms.unseal(&sealed, other).await;
        assert!(matches!(opened, Err(SealError::NotOurs)), "{opened:?}");
    }
    let other = KmsSeal::new(bench.aws.kms(), "alias/other");
    let error = other.seal(b"x", ours).await.unwrap_err().to_string();
    assert!(error.contains("NotFoundException") || error.contains("can't be used"), "{error}");
}

#[tokio::test]
async fn what_nothing_stands_in_for_is_refused_by_name() {
    let bench = Bench::start().await;
    let json = "application/x-amz-json-1.0";
    let letters = json!({ "QueueUrl": bench.letters() });
    let with = |more: Value| {
        let mut body = letters.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let nine = "x".repeat(platform::queue::MAX_BYTES + 1);
    let entries = |many: usize| {
        let entries = (0..many).map(|n| json!({ "Id": n.to_string(), "MessageBody": "x" }));
        json!({ "Entries": entries.collect::<Vec<_>>() })
    };
    for (target, body, code, expected) in [
        (
            "AmazonSQS.PurgeQueue",
            with(json!({})),
            "UnknownOperationException",
            "AmazonSQS.PurgeQueue",
        ),
        (
            "TrentService.CreateKey",
            "{}".to_owned(),
            "UnknownOperationException",
            "TrentService.CreateKey",
        ),
        (
            "AWSEvents.PutEvents",
            "{}".to_owned(),
            "UnknownOperationException",
            "AWSEvents.PutEvents",
        ),
        ("AmazonSQS.SendMessage", "{}".to_owned(), "ValidationException", "SendMessage"),
        ("AmazonSQS.SendMessage", "ann@acme.example".to_owned(), "ValidationException", "no JSON"),
        (
            "AmazonSQS.SendMessage",
            with(json!({ "MessageBody": nine })),
            "InvalidParameterValue",
            "262145",
        ),
        (
            "AmazonSQS.SendMessage",
            json!({ "QueueUrl": "http://x/0/other", "MessageBody": "x" }).to_string(),
            "QueueDoesNotExist",
            "no queue",
        ),
        ("AmazonSQS.SendMessageBatch", with(entries(0)), "EmptyBatchRequest", "at least one"),
        ("AmazonSQS.SendMessageBatch", with(entries(11)), "TooManyEntriesInBatchRequest", "has 11"),
        (
            "AmazonSQS.ReceiveMessage",
            with(json!({ "MaxNumberOfMessages": 11 })),
            "InvalidParameterValue",
            "MaxNumberOfMessages is 11, expected 1 to 10",
        ),
        (
            "AmazonSQS.ReceiveMessage",
            json!({ "QueueUrl": format!("{}-dead", bench.letters()) }).to_string(),
            "UnsupportedOperation",
            "portcullis queue list",
        ),
        (
            "AmazonSQS.DeleteMessage",
            with(json!({ "ReceiptHandle": "x" })),
            "ReceiptHandleIsInvalid",
            "receipt handle",
        ),
        (
            "AmazonSQS.ChangeMessageVisibility",
            with(json!({ "ReceiptHandle": "9", "VisibilityTimeout": 1 })),
            "MessageNotInflight",
            "done with",
        ),
        (
            "AmazonSQS.StartMessageMoveTask",
            json!({ "SourceArn": "arn:aws:sqs:us-east-1:000000000000:letters" }).to_string(),
            "UnsupportedOperation",
            "not a dead-letter queue",
        ),
        (
            "TrentService.Encrypt",
            json!({ "KeyId": kms::KEY, "Plaintext": "eA==", "EncryptionContext": { "a": "b" } })
                .to_string(),
            "ValidationException",
            "Encrypt",
        ),
    ] {
        let (status, told, text) = bench.post(Some(target), json, &body).await;
        assert_eq!((status, &*told), (400, code), "{target}: {text}");
        assert!(text.contains(expected) && text.contains(code), "{target}: {text}");
        assert!(!text.contains("ann@"), "{text}");
    }
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let (status, _, text) = bench.post(None, form, body).await;
    assert_eq!(status, 400);
    assert!(text.starts_with("<ErrorResponse>") && text.contains("GetCallerIdentity"), "{text}");
    let (status, _, text) = bench.post(None, "application/json", "{}").await;
    assert_eq!(status, 400);
    assert!(text.contains("POST /"), "{text}");
}

#[tokio::test]
async fn sec_6_a_request_that_a_page_could_make_is_refused() {
    let bench = Bench::start().await;
    let url = format!("{}{SEND_EMAIL}", bench.url);
    let answer = reqwest::Client::new().post(&url).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("MissingAuthenticationToken"));
    // Asking first (CORS) is never answered with a yes.
    let answer = reqwest::Client::new().request(Method::OPTIONS, &url);
    let answer = answer.header("origin", "https://page.example").send().await.unwrap();
    assert!(answer.headers().get("access-control-allow-origin").is_none());
}

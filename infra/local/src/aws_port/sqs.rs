//! SQS over the local queues: what our functions send, and what somebody needs who looks at a queue or
//! replays its dead letters with the tools of AWS.
//!
//! Each queue has its dead-letter queue beside it, `letters-dead` to `letters`. From that one nothing is
//! received here: `portcullis queue` lists it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform::clock::Clock;
use platform::queue::{MAX_BATCH, QueueError, QueueMessage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{AwsError, parsed};
use crate::queue::{Handed, LocalQueue, Queues};

/// The account that local queues are of: in the place where SQS has one, and none that exists.
const ACCOUNT: &str = "000000000000";

/// What a dead-letter queue is called after its queue.
const DEAD: &str = "-dead";

/// The longest that SQS lets a receiver wait.
const MAX_WAIT_SECONDS: u64 = 20;

/// The longest that SQS keeps a message out of sight: 12 hours.
const MAX_VISIBILITY_SECONDS: u64 = 43_200;

/// The queues of SQS.
pub struct Sqs {
    queues: Queues,
    clock: Arc<dyn Clock>,
    url: String,
    /// The newest replay of each queue, newest first.
    moves: Mutex<Vec<Move>>,
}

/// A replay that was done.
struct Move {
    queue: &'static str,
    handle: String,
    moved: usize,
    started_at_ms: i64,
}

/// Which of a queue's two.
enum Which<'a> {
    Main(&'a LocalQueue),
    Dead(&'a LocalQueue),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Send {
    queue_url: String,
    #[serde(flatten)]
    entry: SendEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEntry {
    message_body: String,
    #[serde(default)]
    delay_seconds: u32,
    message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    queue_url: String,
    entries: Vec<Entry<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<T> {
    id: String,
    #[serde(flatten)]
    what: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    queue_url: String,
    #[serde(default = "one")]
    max_number_of_messages: usize,
    visibility_timeout: Option<u64>,
    #[serde(default)]
    wait_time_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    queue_url: String,
    #[serde(flatten)]
    receipt: Receipt,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receipt {
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Visibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Source {
    source_arn: String,
    destination_arn: Option<String>,
}

fn one() -> usize {
    1
}

/// The address of a queue.
pub fn queue_url(aws_url: &str, name: &str) -> String {
    format!("{aws_url}/{ACCOUNT}/{name}")
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{}:{ACCOUNT}:{name}", super::env::REGION)
}

impl Sqs {
    /// Over those queues, at that address.
    pub fn new(queues: Queues, clock: Arc<dyn Clock>, url: &str) -> Self {
        Self { queues, clock, url: url.to_owned(), moves: Mutex::default() }
    }

    /// Answers an operation.
    pub async fn answer(&self, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
        match operation {
            "SendMessage" => self.send(parsed(operation, body)?),
            "SendMessageBatch" => self.send_batch(parsed(operation, body)?),
            "ReceiveMessage" => self.receive(parsed(operation, body)?).await,
            "DeleteMessage" => {
                let request: Delete = parsed(operation, body)?;
                delete(self.main(&request.queue_url)?, &request.receipt)?;
                Ok(json!({}))
            }
            "DeleteMessageBatch" => self.delete_batch(parsed(operation, body)?),
            "ChangeMessageVisibility" => self.change_visibility(parsed(operation, body)?),
            "GetQueueUrl" => {
                let request: Named = parsed(operation, body)?;
                self.find(&request.queue_name)?;
                Ok(json!({ "QueueUrl": queue_url(&self.url, &request.queue_name) }))
            }
            "ListQueues" => {
                let names = self.all().flat_map(|q| [q.name().to_owned(), dead_name(q)]);
                let urls: Vec<_> = names.map(|name| queue_url(&self.url, &name)).collect();
                Ok(json!({ "QueueUrls": urls }))
            }
            "GetQueueAttributes" => self.attributes(parsed(operation, body)?),
            "StartMessageMoveTask" => self.start_move(parsed(operation, body)?),
            "ListMessageMoveTasks" => self.moves(parsed(operation, body)?),
            other => Err(AwsError::unknown(&format!("AmazonSQS.{other}"))),
        }
    }

    fn send(&self, request: Send) -> Result<Value, AwsError> {
        let queue = self.main(&request.queue_url)?;
        put(queue, request.entry).map_err(|error| AwsError::new(REFUSED, error.to_string()))
    }

    fn send_batch(&self, request: Batch<SendEntry>) -> Result<Value, AwsError> {
        let queue = self.main(&request.queue_url)?;
        checked(&request.entries)?;
        let (mut taken, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, what } in request.entries {
            match put(queue, what) {
                Ok(mut answer) => {
                    answer["Id"] = id.into();
                    taken.push(answer);
                }
                Err(error) => failed.push(failure(&id, REFUSED, &error.to_string())),
            }
        }
        Ok(json!({ "Successful": taken, "Failed": failed }))
    }

    async fn receive(&self, request: Receive) -> Result<Value, AwsError> {
        let queue = self.main(&request.queue_url)?;
        let most = request.max_number_of_messages;
        in_range("MaxNumberOfMessages", most as u64, 1, MAX_BATCH as u64)?;
        in_range("WaitTimeSeconds", request.wait_time_seconds, 0, MAX_WAIT_SECONDS)?;
        let visibility = match request.visibility_timeout {
            Some(seconds) => visibility(seconds)?,
            None => queue.settings().visibility,
        };
        let wait = Duration::from_secs(request.wait_time_seconds);
        let handed = queue.receive_within(most, visibility, wait).await;
        Ok(json!({ "Messages": handed.iter().map(message).collect::<Vec<_>>() }))
    }

    fn delete_batch(&self, request: Batch<Receipt>) -> Result<Value, AwsError> {
        let queue = self.main(&request.queue_url)?;
        checked(&request.entries)?;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for Entry { id, what } in request.entries {
            match delete(queue, &what) {
                Ok(()) => done.push(json!({ "Id": id })),
                Err(error) => {
                    failed.push(failure(&id, "ReceiptHandleIsInvalid", &error.to_string()))
                }
            }
        }
        Ok(json!({ "Successful": done, "Failed": failed }))
    }

    fn change_visibility(&self, request: Visibility) -> Result<Value, AwsError> {
        let queue = self.main(&request.queue_url)?;
        let receipt = receipt(&request.receipt_handle)?;
        if queue.change_visibility(receipt, visibility(request.visibility_timeout)?) {
            return Ok(json!({}));
        }
        let message = "the message is done with, or was handed out again";
        Err(AwsError::new("MessageNotInflight", message))
    }

    fn attributes(&self, request: Attributes) -> Result<Value, AwsError> {
        let (name, depth, rest) = match self.at(&request.queue_url)? {
            Which::Main(queue) => {
                let (depth, settings) = (queue.depth(), queue.settings());
                let redrive = json!({
                    "deadLetterTargetArn": arn(&dead_name(queue)),
                    "maxReceiveCount": settings.max_receives,
                });
                let rest = vec![
                    ("VisibilityTimeout", settings.visibility.as_secs().to_string()),
                    ("RedrivePolicy", redrive.to_string()),
                ];
                (queue.name().to_owned(), (depth.visible, depth.in_flight, depth.delayed), rest)
            }
            Which::Dead(queue) => (dead_name(queue), (queue.depth().dead, 0, 0), Vec::new()),
        };
        let mut all = vec![
            ("QueueArn", arn(&name)),
            ("ApproximateNumberOfMessages", depth.0.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", depth.1.to_string()),
            ("ApproximateNumberOfMessagesDelayed", depth.2.to_string()),
        ];
        all.extend(rest);
        let wanted = &request.attribute_names;
        let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == "All" || wanted == name);
        let chosen = all.into_iter().filter(|(name, _)| is_wanted(name));
        let chosen: Map<_, _> =
            chosen.map(|(name, value)| (name.to_owned(), value.into())).collect();
        Ok(json!({ "Attributes": chosen }))
    }

    /// All dead letters of a queue are put back, at once.
    fn start_move(&self, request: Source) -> Result<Value, AwsError> {
        let queue = self.dead(&request.source_arn)?;
        if request.destination_arn.is_some_and(|to| to != arn(queue.name())) {
            let message = "dead letters go back to the queue that they come from";
            return Err(AwsError::new("UnsupportedOperation", message));
        }
        let moved = queue.replay_all();
        let started_at_ms = self.clock.now().timestamp_millis();
        let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = format!("{}-move-{}", queue.name(), moves.len() + 1);
        moves.insert(0, Move { queue: queue.name(), handle: handle.clone(), moved, started_at_ms });
        Ok(json!({ "TaskHandle": handle }))
    }

    fn moves(&self, request: Source) -> Result<Value, AwsError> {
        let queue = self.dead(&request.source_arn)?;
        let moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let of_queue = moves.iter().filter(|task| task.queue == queue.name());
        let results = of_queue.map(|task| {
            json!({
                "TaskHandle": task.handle,
                "Status": "COMPLETED",
                "SourceArn": request.source_arn,
                "DestinationArn": arn(queue.name()),
                "ApproximateNumberOfMessagesMoved": task.moved,
                "ApproximateNumberOfMessagesToMove": task.moved,
                "StartedTimestamp": task.started_at_ms,
            })
        });
        Ok(json!({ "Results": results.collect::<Vec<_>>() }))
    }

    fn all(&self) -> impl Iterator<Item = &LocalQueue> {
        [&*self.queues.letters, &*self.queues.evaluations].into_iter()
    }

    fn find(&self, name: &str) -> Result<Which<'_>, AwsError> {
        let which = self.all().find_map(|queue| match name.strip_prefix(queue.name())? {
            "" => Some(Which::Main(queue)),
            DEAD => Some(Which::Dead(queue)),
            _ => None,
        });
        which.ok_or_else(|| {
            let message = format!("there is no queue {name:?} on this machine");
            AwsError::new("QueueDoesNotExist", message)
        })
    }

    fn at(&self, url: &str) -> Result<Which<'_>, AwsError> {
        self.find(url.rsplit('/').next().unwrap_or_default())
    }

    fn main(&self, url: &str) -> Result<&LocalQueue, AwsError> {
        match self.at(url)? {
            Which::Main(queue) => Ok(queue),
            Which::Dead(queue) => {
                let message = format!(
                    "{} is for looking at with `portcullis queue list`, and for StartMessageMoveTask",
                    dead_name(queue)
                );
                Err(AwsError::new("UnsupportedOperation", message))
            }
        }
    }

    fn dead(&self, arn: &str) -> Result<&LocalQueue, AwsError> {
        match self.find(arn.rsplit(':').next().unwrap_or_default())? {
            Which::Dead(queue) => Ok(queue),
            Which::Main(queue) => {
                let message = format!("{} is not a dead-letter queue", queue.name());
                Err(AwsError::new("UnsupportedOperation", message))
            }
        }
    }
}

/// SQS's word for a message that it doesn't take.
const REFUSED: &str = "InvalidParameterValue";

fn dead_name(queue: &LocalQueue) -> String {
    format!("{}{DEAD}", queue.name())
}

fn put(queue: &LocalQueue, entry: SendEntry) -> Result<Value, QueueError> {
    let digest = md5_of(&entry.message_body);
    let SendEntry { message_body, delay_seconds, message_group_id } = entry;
    let message = QueueMessage { group: message_group_id, body: message_body, delay_seconds };
    let ids = queue.put(vec![message])?;
    Ok(json!({ "MessageId": ids.first(), "MD5OfMessageBody": digest }))
}

fn delete(queue: &LocalQueue, request: &Receipt) -> Result<(), AwsError> {
    // One that was handed out again meanwhile stays, and to say so helps nobody: SQS doesn't either.
    queue.complete(receipt(&request.receipt_handle)?);
    Ok(())
}

fn receipt(handle: &str) -> Result<u64, AwsError> {
    let invalid =
        |_| AwsError::new("ReceiptHandleIsInvalid", "the receipt handle is not one of ours");
    handle.parse().map_err(invalid)
}

fn checked<T>(entries: &[Entry<T>]) -> Result<(), AwsError> {
    match entries.len() {
        0 => Err(AwsError::new("EmptyBatchRequest", "a batch has at least one entry")),
        1..=MAX_BATCH => Ok(()),
        many => {
            let message = format!("a batch has at most {MAX_BATCH} entries, this one has {many}");
            Err(AwsError::new("TooManyEntriesInBatchRequest", message))
        }
    }
}

fn in_range(name: &str, value: u64, least: u64, most: u64) -> Result<(), AwsError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("{name} is {value}, expected {least} to {most}");
    Err(AwsError::new(REFUSED, message))
}

fn visibility(seconds: u64) -> Result<Duration, AwsError> {
    in_range("VisibilityTimeout", seconds, 0, MAX_VISIBILITY_SECONDS)?;
    Ok(Duration::from_secs(seconds))
}

fn failure(id: &str, code: &str, message: &str) -> Value {
    json!({ "Id": id, "Code": code, "Message": message, "SenderFault": true })
}

fn message(handed: &Handed) -> Value {
    let mut attributes = Map::new();
    let mut tell = |name: &str, value: String| attributes.insert(name.to_owned(), value.into());
    tell("ApproximateReceiveCount", handed.receive_count.to_string());
    if let Some(sent_at) = handed.sent_at {
        tell("SentTimestamp", sent_at.timestamp_millis().to_string());
    }
    if let Some(group) = &handed.message.group {
        tell("MessageGroupId", group.clone());
    }
    json!({
        "MessageId": handed.id,
        "ReceiptHandle": handed.receipt.to_string(),
        "Body": handed.message.body,
        "MD5OfBody": md5_of(&handed.message.body),
        "Attributes": attributes,
    })
}

/// Clients compare it with what they sent or got.
fn md5_of(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

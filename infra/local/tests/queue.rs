//! A poison message on the running system: it is a dead letter alone, `portcullis queue` lists it without
//! what it says, it outlives a restart, and it is handled once the cause is gone.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::future::Future;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use platform::aws::Aws;
use platform::config::{AwsSettings, Secret};
use platform::queue::{Queue, QueueMessage, SqsQueue};
use portcullis::aws_port::env::variables;
use portcullis::system::{Options, System};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Five tries, a second after each other, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

async fn start(data: &Path) -> System {
    System::start(&Options { port: 0, data: data.to_owned(), demo: true }).await.unwrap()
}

/// As a function has it, whose environment is what `up --aws-port` writes.
async fn evaluations(system: &mut System) -> SqsQueue {
    let url = system.serve_aws(0).await.unwrap();
    let variables = variables(&system.url, &url);
    let settings = AwsSettings {
        region: variables["AWS_REGION"].clone(),
        endpoint_url: Some(variables["AWS_ENDPOINT_URL"].clone()),
        access_key_id: variables["AWS_ACCESS_KEY_ID"].clone(),
        secret_access_key: Secret::new(variables["AWS_SECRET_ACCESS_KEY"].clone()),
        session_token: None,
    };
    let client = Aws::new(&settings).unwrap().sqs();
    SqsQueue::new(client, variables["PORTCULLIS_EVALUATIONS_QUEUE_URL"].clone())
}

fn queue(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("queue").args(arguments).arg("--data").arg(data).output().unwrap()
}

fn printed(data: &Path, arguments: &[&str]) -> String {
    let output = queue(data, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn listed(data: &Path) -> Vec<Value> {
    let lines = printed(data, &["list", "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn open_client(system: &System, client: &str) {
    let bea = system.people.iter().find(|person| person.name == "bea").unwrap();
    let request = reqwest::Client::new()
        .post(format!("{}/firm/v1/clients", system.url))
        .bearer_auth(bea.token.as_deref().unwrap())
        .header("X-Portcullis-Firm", "demo")
        .json(&json!({
            "client": client, "name": "Late Ltd", "contacts": [{"address": "ann@acme.example"}],
        }));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

fn evaluate(client: &str) -> QueueMessage {
    let clients = json!({"firm": "demo", "day": "2026-01-02", "clients": [client]});
    QueueMessage::json(&json!({ "clients": clients })).unwrap().on_behalf_of("demo")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_3_a_poison_message_is_a_dead_letter_alone_outlives_a_restart_and_can_be_replayed() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut system = start(&data).await;
    open_client(&system, "here").await;
    let queue_of_evaluations = evaluations(&mut system).await;
    let personal = QueueMessage::json(&json!({"clients": "ann@acme.example"})).unwrap();
    let sent = vec![evaluate("here"), evaluate("late"), personal, evaluate("here")];
    queue_of_evaluations.send(sent).await.unwrap();
    until("the death of two messages", async || listed(&data).len() == 2).await;

    // Neither holds anything of the message but ids.
    let text = printed(&data, &["list"]);
    assert!(text.contains("the day 2026-01-02 of clients late of firm demo"), "{text}");
    assert!(text.contains("of another type") && !text.contains("ann@"), "{text}");
    let ids: Vec<_> = listed(&data).iter().map(|l| l["id"].as_str().unwrap().to_owned()).collect();
    for id in &ids {
        let text = printed(&data, &["show", id]);
        assert!(text.contains("tried      5 times") && !text.contains("ann@"), "{text}");
    }
    assert!(printed(&data, &["show", &ids[1], "--body"]).contains("ann@acme.example"));

    let url = system.url.clone();
    system.stop().await;
    assert_eq!(listed(&data).len(), 2, "{url}");
    let system = start(&data).await;
    assert_eq!(listed(&data).len(), 2);

    // The cause of one goes; the other stays what it is.
    open_client(&system, "late").await;
    let told = printed(&data, &["replay", &ids[0]]);
    assert!(told.contains("1 to be handled again"), "{told}");
    until("the replay", async || listed(&data).len() == 1).await;
    printed(&data, &["redrive", "--all"]);
    until("the second death", async || {
        let listed = listed(&data);
        listed.len() == 1 && listed[0]["is_replay_asked"] == json!(false)
    })
    .await;
    assert_eq!(listed(&data)[0]["id"], json!(ids[1]));
    system.stop().await;
}

#[test]
fn what_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("nothing");
    let output = queue(&missing, &["list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing is not the folder"));
    assert_eq!(printed(folder.path(), &["list"]), "no dead letters\n");
    assert_eq!(printed(folder.path(), &["replay", "--all"]), "no dead letters\n");
    for arguments in [&["show", "letters-9"][..], &["replay", "letters-9"]] {
        let output = queue(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("no dead letter \"letters-9\""));
    }
    assert_eq!(queue(folder.path(), &["replay"]).status.code(), Some(2));
    assert_eq!(queue(folder.path(), &["list", "--queue", "bills"]).status.code(), Some(2));
}

//! The README's tour, with the real binary: a ledger in, days run, clients warned, locked and written to, a
//! signed webhook pays, a partner approves, the audit verifies, and one changed byte is found.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How long the tour waits for what happens by itself: far more than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `portcullis up`.
struct Up {
    process: Child,
    url: String,
    tokens: Vec<(String, String)>,
}

impl Up {
    fn start(data: &Path) -> Self {
        let mut process = portcullis()
            .args(["up", "--demo", "--port", "0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut url = String::new();
        let mut tokens = Vec::new();
        loop {
            let line = lines.next().expect("it says when it is ready").unwrap();
            if let Some(address) = line.strip_prefix("Portcullis answers on ") {
                url = address.to_owned();
            }
            if let Some((name, _)) = line.trim().split_once(" (") {
                let token = lines.next().unwrap().unwrap().trim().to_owned();
                tokens.push((name.to_owned(), token));
            }
            if line.starts_with("Stop it") {
                break;
            }
        }
        // What it prints later is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url, tokens }
    }

    async fn ask(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let (_, token) = self.tokens.iter().find(|(name, _)| name == who).unwrap();
        let request = Client::new().request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(token).header("X-Portcullis-Firm", "demo");
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    async fn get(&self, who: &str, path: &str) -> Value {
        let (status, body) = self.ask(who, Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Pays in the sandbox as the client would, by card; its webhook comes signed.
    async fn pay(&self, client: &str, invoice: &str, minor: &str) {
        let mut form = vec![
            ("mode".to_owned(), "payment"),
            ("client_reference_id".to_owned(), client),
            ("success_url".to_owned(), "https://portal.example/paid"),
            ("line_items[0][quantity]".to_owned(), "1"),
            ("line_items[0][price_data][currency]".to_owned(), "usd"),
            ("line_items[0][price_data][unit_amount]".to_owned(), minor),
            ("line_items[0][price_data][product_data][name]".to_owned(), invoice),
        ];
        for prefix in ["metadata", "payment_intent_data[metadata]"] {
            for (name, value) in [("firm", "demo"), ("client", client), ("invoices", invoice)] {
                form.push((format!("{prefix}[{name}]"), value));
            }
        }
        let request = Client::new().post(format!("{}/v1/checkout/sessions", self.url));
        let request =
            request.bearer_auth("sk_test_sandbox").header("Stripe-Version", "2026-09-30.endive");
        let session: Value = request.form(&form).send().await.unwrap().json().await.unwrap();
        let act = json!({ "act": "pay_by_card", "session": session["id"] });
        let acts = format!("{}/sandbox/stripe/acts", self.url);
        let answer = Client::new().post(acts).json(&act).send().await.unwrap();
        assert!(answer.status().is_success(), "{session}");
    }

    /// Asks again until it is so.
    async fn wait<T>(&self, path: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let body = self.get("bea", path).await;
            if let Some(found) = found(&body) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{path} still says {body}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn stop(mut self) -> ExitStatus {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has ended where the tour came to its end.
        self.process.kill().ok();
    }
}

fn portcullis() -> Command {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
}

fn ledger() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/sample-ledger.csv")
}

/// Runs a command on the data folder, and answers what it printed.
fn run(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = portcullis().args(arguments).arg("--data").arg(data).output().unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

/// All letters that lie in the mailbox.
fn letters(mailbox: &Path) -> Vec<String> {
    let files = fs::read_dir(mailbox).unwrap().map(|file| file.unwrap().path());
    let letters = files.filter(|file| file.extension().is_some_and(|extension| extension == "eml"));
    letters.filter_map(|file| fs::read_to_string(file).ok()).collect()
}

fn subjects(mailbox: &Path) -> Vec<String> {
    let of = |letter: &String| {
        letter.lines().find(|line| line.starts_with("Subject: ")).map(str::to_owned)
    };
    letters(mailbox).iter().filter_map(of).collect()
}

#[tokio::test]
async fn aud_1_eval_1_unl_1_the_tour() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);

    // A real ledger in; a second time it changes nothing.
    let ledger = ledger();
    let import = ["import", "--firm", "demo", ledger.to_str().unwrap()];
    let (code, text) = run(&data, &import);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("60 new clients") && text.contains("929 new invoices"), "{text}");
    let (code, text) = run(&data, &import);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("929 unchanged"), "{text}");

    // The days run: who was never warned is warned first, and locked three days later.
    let (code, text) = run(&data, &["clock", "--firm", "demo", "--to", "2026-10-04"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("locked"), "nobody is locked before the warning: {text}");
    let (code, text) = run(&data, &["clock", "--firm", "demo", "--to", "2026-10-08"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("locked c-025: 1 unpaid invoice over 30 days"), "{text}");
    assert!(text.contains("locked c-030: 3 unpaid invoices over 11 days"), "{text}");

    // Locks with their reasons, and why.
    let locked = up.get("bea", "/firm/v1/clients?state=locked").await;
    assert!(4 <= locked["items"].as_array().unwrap().len(), "{locked}");
    let client = up.get("bea", "/firm/v1/clients/c-025").await;
    assert_eq!(client["portal"], "locked");
    assert_eq!(client["lock"]["reason"], "1 unpaid invoice over 30 days");
    assert_eq!(client["explanation"]["next"]["on"], "2026-10-12");

    // The letters lie in the mailbox: a warning, then the demand that goes with the lock. The running
    // system sends letters too, and may still be at one of them.
    let mailbox = data.join("mailbox");
    let is_about = |letter: &str, text: &str| {
        letter.contains("To: cellar@cedarhollow.example") && letter.contains(text)
    };
    let begun = Instant::now();
    for text in [
        "Subject: Invoice INV-2026-0821 is 63 days overdue",
        "Subject: Your client portal is locked, and 651.18 USD",
    ] {
        while !letters(&mailbox).iter().any(|letter| is_about(letter, text)) {
            assert!(
                begun.elapsed() < PATIENCE,
                "no letter says {text:?}: {:?}",
                subjects(&mailbox)
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(letters(&mailbox).iter().filter(|letter| is_about(letter, "Subject: ")).count(), 2);

    // A signed webhook pays; payment alone opens nothing.
    up.pay("c-025", "INV-2026-0821", "65118").await;
    up.wait("/firm/v1/clients/c-025/tasks", |tasks| {
        tasks["items"]
            .as_array()?
            .iter()
            .any(|task| task["kind"] == "ready_for_unlock")
            .then_some(())
    })
    .await;
    assert_eq!(up.get("bea", "/firm/v1/clients/c-025").await["portal"], "locked");

    // The billing lead asks, a partner approves, twice is once.
    let ask = "/firm/v1/clients/c-025/unlock-requests";
    let (status, body) = up.ask("bea", Method::POST, ask, Some(json!({}))).await;
    assert!((200..300).contains(&status), "{body}");
    let request = body["id"].as_str().unwrap().to_owned();
    let approve = format!("/firm/v1/unlock-requests/{request}/approve");
    let (status, body) = up.ask("bea", Method::POST, &approve, Some(json!({}))).await;
    assert_eq!(status, 403, "{body}");
    for _ in 0..2 {
        let (status, body) = up.ask("pat", Method::POST, &approve, Some(json!({}))).await;
        assert_eq!((status, &body["portal"]), (200, &json!("open")), "{body}");
    }
    up.wait("/firm/v1/clients/c-025/letters", |letters| {
        let text = letters.to_string();
        (text.contains("receipt") && text.contains("welcome_back")).then_some(())
    })
    .await;

    // Everything is proved; the system stops by itself, and what it wrote stays.
    assert!(up.stop().success());
    let (code, text) = run(&data, &["audit", "verify", "--firm", "demo"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("every record is as it was written"), "{text}");

    // One byte of one record.
    let table = data.join("table.db");
    let mut bytes = fs::read(&table).unwrap();
    let record = b"approve_unlock";
    let place = bytes.windows(record.len()).position(|window| window == record).unwrap();
    bytes[place] = b'A';
    fs::write(&table, bytes).unwrap();
    let (code, text) = run(&data, &["audit", "verify", "--firm", "demo"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("client c-025: record") && text.contains("was changed"), "{text}");
}

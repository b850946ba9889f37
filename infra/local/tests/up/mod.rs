//! The real binary, started, asked, stopped and killed.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How long is waited for what happens by itself: far more than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the version of the sandbox's API is.
const STRIPE_VERSION: &str = "2026-09-30.endive";

/// A running `portcullis up --demo`.
pub struct Up {
    process: Child,
    pub url: String,
    tokens: Vec<(String, String)>,
    links: Vec<(String, String)>,
    client: Client,
}

/// One that was started, and hasn't said yet that it is ready.
pub struct Starting {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

pub fn portcullis() -> Command {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
}

impl Starting {
    pub fn on(data: &Path) -> Self {
        Self::with(data, &[])
    }

    fn with(data: &Path, more: &[&str]) -> Self {
        let mut process = portcullis()
            .args(["up", "--demo", "--port", "0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Waits until it answers; `None`: it ended before.
    pub fn ready(mut self) -> Option<Up> {
        let (mut url, mut tokens, mut links) = (String::new(), Vec::new(), Vec::new());
        let mut name = String::new();
        loop {
            let line = self.lines.next()?.ok()?;
            if let Some(address) = line.strip_prefix("Portcullis answers on ") {
                url = address.to_owned();
            }
            if let Some((who, _)) = line.trim().split_once(" (") {
                name = who.to_owned();
            }
            if line.trim().starts_with("ey") {
                tokens.push((name.clone(), line.trim().to_owned()));
            }
            if line.trim().starts_with("http") {
                links.push((name.clone(), line.trim().to_owned()));
            }
            if line.starts_with("Stop it") {
                break;
            }
        }
        // What it prints later is read, so that it never waits for us.
        std::thread::spawn(move || self.lines.for_each(drop));
        Some(Up { process: self.process, url, tokens, links, client: Client::new() })
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Up {
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub fn start_with(data: &Path, more: &[&str]) -> Self {
        Starting::with(data, more).ready().expect("it says when it is ready")
    }

    /// What lets a client's contact in, by its address.
    pub fn link(&self, who: &str) -> &str {
        let (_, link) = self.links.iter().find(|(name, _)| name == who).unwrap();
        link
    }

    /// What lets a member of the staff in.
    pub fn token(&self, who: &str) -> &str {
        let (_, token) = self.tokens.iter().find(|(name, _)| name == who).unwrap();
        token
    }

    /// Asks as a member of the staff; `None`: nobody answers.
    pub async fn try_ask(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<(u16, Value)> {
        let (_, token) = self.tokens.iter().find(|(name, _)| name == who).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(token).header("X-Portcullis-Firm", "demo");
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.timeout(PATIENCE).send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    pub async fn ask(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        self.try_ask(who, method, path, body).await.expect("it answers")
    }

    pub async fn get(&self, who: &str, path: &str) -> Value {
        let (status, body) = self.ask(who, Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// All items of a list, page by page.
    pub async fn list(&self, who: &str, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let page = self.get(who, &format!("{path}{mark}limit=200{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Pays in the sandbox as the client would, by card; its webhook comes signed. `None`: nobody answers;
    /// an answer without a payment: the page ended with its day.
    pub async fn try_pay(&self, client: &str, invoice: &str, minor: &str) -> Option<Value> {
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
        let request = self.client.post(format!("{}/v1/checkout/sessions", self.url));
        let request =
            request.bearer_auth("sk_test_sandbox").header("Stripe-Version", STRIPE_VERSION);
        let session: Value = request.form(&form).send().await.ok()?.json().await.ok()?;
        let act = json!({ "act": "pay_by_card", "session": session["id"] });
        let acts = format!("{}/sandbox/stripe/acts", self.url);
        let answer = self.client.post(acts).json(&act).send().await.ok()?;
        let (status, body) = (answer.status().as_u16(), answer.json().await.ok()?);
        match status {
            200 => Some(body),
            409 => Some(Value::Null),
            _ => panic!("{session}: {status} {body}"),
        }
    }

    /// Asks again until it is so.
    pub async fn wait<T>(&self, path: &str, found: impl Fn(&Value) -> Option<T>) -> T {
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

    /// Stops it as a service manager does.
    pub fn stop(mut self) -> ExitStatus {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap()
    }

    /// `kill -9`, while others ask.
    pub fn kill_now(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    }

    /// `kill -9`, and until it is gone.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has ended where the test came to its end.
        self.process.kill().ok();
    }
}

pub fn sample_ledger() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/sample-ledger.csv")
}

/// Runs a command on the data folder, and answers what it printed.
pub fn run(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = portcullis().args(arguments).arg("--data").arg(data).output().unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

/// All letters that lie in the mailbox.
pub fn letters(mailbox: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(mailbox) else { return Vec::new() };
    let files = files.map(|file| file.unwrap().path());
    let letters = files.filter(|file| file.extension().is_some_and(|extension| extension == "eml"));
    letters.filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// Letters about what clients owe: those that let a contact in are kept with the contact, and what staff are
/// told with the staff.
pub fn client_letters(mailbox: &Path) -> Vec<String> {
    let is_invitation = |letter: &String| {
        letter.contains("Subject: Demo Practice invites you to its client portal")
    };
    let is_for_clients = |letter: &String| !is_invitation(letter) && !is_to_staff(letter);
    letters(mailbox).into_iter().filter(is_for_clients).collect()
}

/// Whether a letter is a mail to the demo firm's staff (STAFF-1).
pub fn is_to_staff(letter: &str) -> bool {
    letter.lines().any(|line| line.starts_with("To: ") && line.contains("@demo.example"))
}

/// A header of each letter.
pub fn headers(letters: &[String], name: &str) -> Vec<String> {
    let start = format!("{name}: ");
    let of =
        |letter: &String| letter.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
    letters.iter().filter_map(of).collect()
}

/// Whether every record is as it was written.
pub fn assert_audit_verifies(data: &Path) {
    let (code, text) = run(data, &["audit", "verify", "--firm", "demo"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("every record is as it was written"), "{text}");
}

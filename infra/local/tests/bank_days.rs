//! The demo firm's clock and the sandbox's banks, with the real binary (TEST-1): a debit that was made on
//! the page clears and comes back as the days go on, beside a running system and without one, and the
//! account knows it on that day.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portcullis::demo;
use portcullis::embedded::Embedded;
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::Value;
use services::firm::Firm;

/// How long the system may take to start, or to take a webhook: far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of its own beside the demo firm's, with one invoice that is due.
const LEDGER: &str = "\
client,client_name,contact_email,class,invoice,kind,service_line,issued,due,currency,amount,paid,paid_on,disputed
c-bank,Acme,ann@acme.example,default,ACME-1,regular,bookkeeping,2026-09-20,2026-10-20,USD,1250.00,,,
";

fn portcullis() -> Command {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
}

/// A running system, killed where it is dropped.
struct Up(Child, String);

impl Up {
    async fn start(data: &Path) -> Self {
        let mut command = portcullis();
        command.args(["up", "--demo", "--port", "0", "--data"]).arg(data);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut up = Self(child, String::new());
        let begun = Instant::now();
        let address = data.join("sandbox-stripe.url");
        loop {
            if let Ok(url) = fs::read_to_string(&address)
                && Client::new().get(format!("{url}/sandbox/stripe")).send().await.is_ok()
            {
                up.1 = url;
                return up;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens a page for the invoice and pays on it.
    async fn pay(&self, method: &str) {
        let mut form = vec![
            ("mode".to_owned(), "payment"),
            ("success_url".to_owned(), "https://portal.example/paid"),
            ("payment_method_types[]".to_owned(), "us_bank_account"),
            ("line_items[0][quantity]".to_owned(), "1"),
            ("line_items[0][price_data][currency]".to_owned(), "usd"),
            ("line_items[0][price_data][unit_amount]".to_owned(), "125000"),
            ("line_items[0][price_data][product_data][name]".to_owned(), "Invoice ACME-1"),
        ];
        for prefix in ["metadata", "payment_intent_data[metadata]"] {
            for (name, value) in
                [("firm", demo::FIRM), ("client", "c-bank"), ("invoices", "ACME-1")]
            {
                form.push((format!("{prefix}[{name}]"), value));
            }
        }
        let request = Client::new().post(format!("{}/v1/checkout/sessions", self.1));
        let request =
            request.bearer_auth("sk_test_sandbox").header("Stripe-Version", "2026-09-30.endive");
        let session: Value = request.form(&form).send().await.unwrap().json().await.unwrap();
        let page = session["url"].as_str().unwrap();
        let browser = Client::builder().redirect(Policy::none()).build().unwrap();
        let paid = browser.post(page).form(&[("method", method)]).send().await.unwrap();
        assert_eq!(paid.headers()["location"], "https://portal.example/paid");
        let begun = Instant::now();
        loop {
            let shown = Client::new().get(format!("{}/sandbox/stripe", self.1)).send().await;
            let shown: Value = shown.unwrap().json().await.unwrap();
            if shown["undelivered"] == 0 {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "webhooks are left: {shown}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// As if the machine had lost its power.
    fn kill(self) {
        drop(self);
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Moves the clock, and answers what banks did, each with its day.
fn clock(data: &Path, to: &str) -> Vec<String> {
    let mut command = portcullis();
    command.args(["clock", "--firm", demo::FIRM, "--json", "--to", to, "--data"]).arg(data);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    let days = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let news = days.flat_map(|day| {
        let all = day["bank"].as_array().unwrap().clone();
        let of_acme = all.into_iter().filter(|news| news["client"] == "c-bank");
        let text = |news: Value| {
            format!("{} {} {}", day["day"], news["amount"], news["what"]).replace('"', "")
        };
        of_acme.map(text).collect::<Vec<_>>()
    });
    news.collect()
}

/// How many of the client's invoices are open.
async fn open_invoices(data: &Path) -> usize {
    let table = Embedded::open(data).await.unwrap();
    let firm = demo::firm_id().unwrap();
    let firm = Firm::open(table.dynamo().clone(), firm).await.unwrap().unwrap();
    let loaded = firm.store().load(&"c-bank".parse().unwrap()).await.unwrap().unwrap();
    table.close().await;
    loaded.account.invoices.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_1_and_pay_5_a_debit_clears_and_comes_back_as_the_firms_days_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data).await;
    let ledger = folder.path().join("ledger.csv");
    fs::write(&ledger, LEDGER).unwrap();
    let mut import = portcullis();
    import.args(["import", "--firm", demo::FIRM]).arg(&ledger).arg("--data").arg(&data);
    assert!(import.output().unwrap().status.success());

    up.pay("bank_returned").await;
    assert_eq!(open_invoices(&data).await, 1, "pending is not paid");
    // Beside the running system: on the fourth day it is paid, and the account knows.
    assert_eq!(clock(&data, "2026-10-04"), Vec::<String>::new());
    assert_eq!(clock(&data, "2026-10-06"), ["2026-10-05 1,250.00 USD cleared"]);
    assert_eq!(open_invoices(&data).await, 0);
    // Without it, after it was killed: three days later it is taken back.
    up.kill();
    assert_eq!(clock(&data, "2026-10-10"), ["2026-10-08 1,250.00 USD returned"]);
    assert_eq!(open_invoices(&data).await, 1);
    // Another one, paid for good.
    let up = Up::start(&data).await;
    up.pay("bank").await;
    assert_eq!(clock(&data, "2026-10-31"), ["2026-10-14 1,250.00 USD cleared"]);
    assert_eq!(open_invoices(&data).await, 0);
}

//! What each use case costs, held against a committed file: it may not rise unnoticed.
//!
//! `PORTCULLIS_WRITE_CAPACITY=1` writes the file anew.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;
mod office;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use common::{acme, at, embedded, invoice, meta};
use domain::command::Command;
use domain::event::Event;
use domain::id::InvoiceId;
use domain::invoice::Ending;
use domain::note::NoteKind;
use domain::numbering::Series;
use domain::text::Personal;
use office::*;
use platform::mail::{Found, Mail, MailError, Message, SentId};
use services::correspondence::{Correspondence, Outcome};
use services::execute::{Numbered, With, execute, execute_with, view};
use services::firm::Firm;
use store::{
    Commit, Derived, Dynamo, FirmChange, FirmSettings, HeardKind, HeardNews, Platform, Received,
    Webhook,
};

/// The file, beside the store's tests.
const FILE: &str = "../store/tests/capacity.json";

/// After the client was locked, and all its steps have fired.
const LAST: &str = "2026-06-15";

/// Read units, write units (both in halves) and calls of each use case.
type Costs = BTreeMap<String, [u64; 3]>;

struct Meter<'a> {
    firm: &'a Firm,
    costs: Costs,
}

impl Meter<'_> {
    /// Before what is measured.
    fn begin(&self) {
        self.firm.store().dynamo().capacity().take();
    }

    fn end(&mut self, name: &str) {
        let consumed = self.firm.store().dynamo().capacity().take();
        let cost = [consumed.half_reads, consumed.half_writes, consumed.calls];
        assert!(self.costs.insert(name.to_owned(), cost).is_none(), "{name} twice");
    }

    async fn run(&mut self, name: &str, command: &Command, on: &str) -> Vec<Event> {
        // The policy is read once in a while, not with each command.
        let day = self.firm.day(noon(on));
        self.firm.policy(&"regular".parse().unwrap(), day, noon(on)).await.unwrap();
        self.begin();
        let executed = execute(self.firm, &acme(), command, &bea(), noon(on)).await.unwrap();
        self.end(name);
        executed.events
    }
}

fn webhook() -> Webhook {
    Webhook {
        firm: common::firm(),
        gateway: "stripe".parse().unwrap(),
        event: "evt_1".to_owned(),
        endpoint: "0123456789abcdef0123456789abcdef".to_owned(),
        hint: "pi_1".to_owned(),
        received_at: at("2026-03-02T17:00:00Z"),
        attempts: 0,
        outcome: None,
    }
}

/// Closed invoices cost nothing to have.
async fn with_closed(firm: &Firm, count: usize) {
    let store = firm.store();
    for some in (0..count).collect::<Vec<_>>().chunks(45) {
        let loaded = store.load(&acme()).await.unwrap().unwrap();
        let mut after = loaded.account.clone();
        for number in some {
            let mut invoice = invoice(&format!("OLD-{number:05}"), 100);
            let reason = Personal::new("typo");
            invoice.ending = Some(Ending::Voided { on: common::day("2026-01-01"), reason });
            after.invoices.insert(invoice.id.clone(), invoice);
        }
        let next_evaluation = loaded.next_evaluation();
        let derived = Derived {
            next_evaluation,
            shards: 2,
            ready_at: &|_| None,
            charge_at: Default::default(),
        };
        let events = [Event::ExceptionEnded];
        let commit =
            store.commit(&loaded, &after, &events, &meta("import"), &derived).await.unwrap();
        assert!(matches!(commit, Commit::Done(_)));
    }
}

#[tokio::test]
async fn eval_3_each_use_case_costs_what_the_file_says() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let mut meter = Meter { firm: &firm, costs: Costs::new() };
    meter.run("open a client", &Command::OpenAccount(common::profile()), "2026-03-02").await;
    for number in 0..4 {
        done(&firm, &issue(&format!("A-{number}"), 10_000), &bea(), "2026-03-02").await;
    }
    meter.run("issue an invoice", &issue("A-4", 10_000), "2026-03-02").await;
    number(&dynamo, &mut meter).await;
    let again =
        meter.run("evaluate: nothing to do, 5 open", &Command::Evaluate, "2026-03-02").await;
    assert!(again.is_empty());
    with_closed(&firm, 450).await;
    let again = meter
        .run("evaluate: nothing to do, 5 open, 450 closed", &Command::Evaluate, "2026-03-02")
        .await;
    assert!(again.is_empty());
    meter.begin();
    view(&firm, &acme(), noon("2026-03-02")).await.unwrap().unwrap();
    meter.end("dashboard");

    // A webhook from end to end, then the same again, then other news of the same payment.
    let (store, webhook) = (firm.store(), webhook());
    meter.begin();
    assert_eq!(store.receive(&webhook, at("2026-03-02T17:01:00Z")).await.unwrap(), Received::New);
    let command = pay("stripe:pi_1", 10_000, &["A-0".parse().unwrap()]);
    execute(&firm, &acme(), &command, &gateway(), noon("2026-03-02")).await.unwrap();
    assert!(store.finish_webhook(&webhook.gateway, "evt_1", "applied").await.unwrap());
    meter.end("payment webhook");
    meter.begin();
    assert_ne!(store.receive(&webhook, at("2026-03-02T17:01:00Z")).await.unwrap(), Received::New);
    meter.end("payment webhook again");
    assert!(meter.run("known payment, other event", &command, "2026-03-02").await.is_empty());

    // The client doesn't pay: until it is locked.
    let mut is_locked = false;
    for ahead in 1..100 {
        let today = domain::calendar::plus(common::day("2026-03-02"), ahead).to_string();
        let loaded = store.load(&acme()).await.unwrap().unwrap();
        let queued: Vec<_> = loaded.account.letters.keys().copied().collect();
        if !is_locked && loaded.next_evaluation().is_some_and(|next| next.to_string() == today) {
            meter.firm.store().dynamo().capacity().take();
            let evaluated =
                execute(&firm, &acme(), &Command::Evaluate, &schedule(), noon(&today)).await;
            is_locked = evaluated.unwrap().account.is_locked();
            if is_locked {
                meter.end("lock with its letter");
            }
        }
        for letter in queued {
            let claim = Command::ClaimLetter { letter };
            execute(&firm, &acme(), &claim, &schedule(), noon(&today)).await.unwrap();
        }
    }
    assert!(is_locked);
    let_in_again(&dynamo, &mut meter).await;
    nothing_to_do(&dynamo, &mut meter).await;
    compare(&meter.costs);
}

/// All is paid: the unlock is asked for and approved, and the letter about it leaves, as its queue asks.
async fn let_in_again(dynamo: &Dynamo, meter: &mut Meter<'_>) {
    let firm = meter.firm;
    done(firm, &pay("stripe:pi_2", 40_000, &[]), &gateway(), LAST).await;
    meter.run("ask for an unlock", &Command::RequestUnlock { lines: [].into() }, LAST).await;
    meter.begin();
    done(firm, &Command::ApproveUnlock { lines: [].into() }, &pat(), LAST).await;
    meter.end("approve an unlock");

    let store = firm.store();
    let loaded = store.load_firm().await.unwrap().unwrap();
    let settings = loaded.settings.clone().sending_from("billing@oak.example");
    let change = FirmChange::Settings(settings);
    store.change_firm(&loaded, &change, &meta("settings")).await.unwrap();
    let account = store.load(&acme()).await.unwrap().unwrap().account;
    let letter = *account.letters.keys().next_back().expect("the welcome waits");
    let correspondence = Correspondence {
        mail: Arc::new(Taker),
        public_url: "https://portal.oak.example".to_owned(),
        configuration: None,
        inbound_domain: None,
    };
    meter.begin();
    let firm = reopened(dynamo).await;
    let sent = correspondence.send(&firm, &acme(), letter, noon(LAST)).await.unwrap();
    assert_eq!(sent, Outcome::Sent);
    meter.end("a letter leaves");
    meter.begin();
    let news = HeardNews { at: noon(LAST), what: None };
    assert!(store.hear_of_letter(&acme(), letter, HeardKind::Arrived, &news).await.unwrap());
    meter.end("a letter arrived");
}

/// What the schedules ask each minute and each quarter of an hour.
async fn nothing_to_do(dynamo: &Dynamo, meter: &mut Meter<'_>) {
    let platform = Platform::new(dynamo.clone());
    let before = noon("2020-01-01");
    meter.begin();
    assert!(platform.ready(before, 100).await.unwrap().is_empty());
    meter.end("sweep: nothing waits");
    meter.begin();
    platform.dawned(before).await.unwrap();
    meter.end("schedule: no day begins");
}

/// A mail service that takes all.
struct Taker;

#[async_trait]
impl Mail for Taker {
    async fn send(&self, _: &Message) -> Result<SentId, MailError> {
        Ok(SentId("ses-1".to_owned()))
    }

    async fn find(&self, _: &str) -> Found {
        Found::Unknown
    }
}

/// A number of a series, and a note: on a client of their own.
async fn number(dynamo: &Dynamo, meter: &mut Meter<'_>) {
    let store = meter.firm.store();
    let loaded = store.load_firm().await.unwrap().unwrap();
    let numbering = vec![Series::new("2026-", 4, 1).unwrap()];
    let settings = FirmSettings { numbering, ..loaded.settings.clone() };
    let change = FirmChange::Settings(settings);
    store.change_firm(&loaded, &change, &meta("settings")).await.unwrap();
    let (firm, client) = (reopened(dynamo).await, "beta".parse().unwrap());
    open(&firm, &client, "2026-03-02").await;
    let text = Personal::new("Ann pays on Monday");
    let note = Command::AddNote { kind: NoteKind::Call, invoice: None, text };
    let named = |number: Option<&InvoiceId>| issue(number.unwrap().as_str(), 10_000);
    let noted = |_: Option<&InvoiceId>| note.clone();
    let series = firm.settings().numbering.first();
    let with = |once, series| With { once, series };
    let cases: [(&str, &Numbered<'_>, With<'_>); 4] = [
        ("issue an invoice, first number of a series", &named, with(None, series)),
        ("issue an invoice, next number of a series", &named, with(None, series)),
        ("issue an invoice, next number, under a key", &named, with(Some("k"), series)),
        ("write a note", &noted, with(None, None)),
    ];
    for (name, command, with) in cases {
        firm.store().dynamo().capacity().take();
        let now = noon("2026-03-02");
        execute_with(&firm, &client, (command, with), &bea(), now).await.unwrap();
        let consumed = firm.store().dynamo().capacity().take();
        let cost = [consumed.half_reads, consumed.half_writes, consumed.calls];
        meter.costs.insert(name.to_owned(), cost);
    }
}

fn compare(costs: &Costs) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("PORTCULLIS_WRITE_CAPACITY").is_some() {
        std::fs::write(&file, lines(costs)).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert_eq!(lines(costs), expected, "half read units, half write units, calls");
    let cost = |name: &str| costs[name];
    // The budgets of the architecture.
    let webhook = cost("payment webhook");
    assert!(webhook[0] <= 2 * 2 && webhook[1] <= 2 * 18, "{webhook:?}");
    assert_eq!(cost("payment webhook again")[1], 0);
    assert_eq!(cost("known payment, other event")[1], 0);
    assert!(cost("lock with its letter")[1] <= 2 * 18, "{:?}", cost("lock with its letter"));
    assert!(cost("dashboard")[0] <= 2 * 2 && cost("dashboard")[2] <= 2);
    let idle = cost("evaluate: nothing to do, 5 open");
    assert!(idle[0] <= 2 * 2 && idle[1] == 0, "{idle:?}");
    assert_eq!(idle, cost("evaluate: nothing to do, 5 open, 450 closed"));
}

/// One use case a line, so that a change is read in its diff.
fn lines(costs: &Costs) -> String {
    let line = |(name, cost): (&String, &[u64; 3])| {
        let [reads, writes, calls] = cost;
        format!(
            "  {name:?}: {{\"half_reads\": {reads}, \"half_writes\": {writes}, \"calls\": {calls}}}"
        )
    };
    format!("{{\n{}\n}}\n", costs.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

//! `kill -9`, again and again, while the system is at work: payments by hand and by card, invoices, notes,
//! imports and a clock that moves. Whatever was answered is there afterwards, and nothing is there twice.
//!
//! The moments are random; their seed is printed, and `PORTCULLIS_KILL_SEED` repeats it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use domain::account::Account;
use domain::apply::fold;
use domain::event::Event;
use domain::id::{ClientId, PaymentId};
use domain::invoice::Source;
use domain::letter::LetterState;
use domain::payment::PaymentState;
use platform::clock::{Clock, SystemClock};
use portcullis::embedded::Embedded;
use reqwest::Method;
use serde_json::{Value, json};
use services::firm::Firm;
use store::{DeliveryState, Order, PageRequest, Platform, Waiting};
use tokio::sync::{Notify, watch};
use up::{Up, assert_audit_verifies, headers, run};

/// How often it is killed.
const KILLS: u32 = 50;

/// Each payment by card is three webhooks: so many in one life are enough.
const MOST_CARDS: u64 = 2;

/// It is killed after so many answers at most: a slow machine takes longer and has done as much.
const MOST_ANSWERS: u64 = 9;

/// One life of so many waits for a command to end, as these take longer than everything else.
const COMMANDS_EVERY: u32 = 7;

/// And then within this time: in the middle of what is under way.
const KILLED_WITHIN_MS: u64 = 60;

/// A round that waits for a command's end goes on no longer than this.
const LONGEST_ROUND: Duration = Duration::from_secs(20);

/// One that found its account busy is tried again after a minute.
const LONGEST_REST: Duration = Duration::from_secs(150);

/// Whose accounts there is a lot to do with.
const BUSY: [&str; 3] = ["acme", "oriole", "nordlicht"];

/// The first day that the clock is moved to.
const FIRST_MOVE: &str = "2026-10-02";

/// The largest page of a list.
const WHOLE_PAGE: u32 = 200;

/// What was answered with success: it must be there in the end.
#[derive(Debug, Default)]
struct Answered {
    /// By reference: whose, and how much.
    checks: BTreeMap<String, (String, u64)>,
    /// By the sandbox's id: whose, and how much.
    cards: BTreeMap<String, (String, u64)>,
    invoices: BTreeMap<String, String>,
    notes: BTreeMap<String, String>,
    /// Invoices of files that were imported to their end, each paid.
    imported: Vec<String>,
    day: Option<String>,
}

/// Numbers in an order that a seed repeats (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// One life of the system, and what is done meanwhile.
struct Round<'a> {
    number: u32,
    up: &'a Up,
    data: &'a Path,
    answered: &'a Mutex<Answered>,
    /// How many requests were answered in this life.
    answers: watch::Sender<u64>,
}

/// When a life ends.
#[derive(Debug, Clone, Copy)]
enum Until {
    /// After so many answers.
    Answers(u64),
    /// After the import.
    Import,
    /// After the clock was moved.
    Clock,
}

impl Round<'_> {
    /// Everybody works until nobody answers.
    async fn work_until_killed(&self, until: Until, then: Duration) {
        let (imported, moved) = (Notify::new(), Notify::new());
        let kill = async {
            let moment = async {
                match until {
                    Until::Answers(most) => {
                        let mut answers = self.answers.subscribe();
                        answers.wait_for(|answers| most <= *answers).await.map(drop).unwrap();
                    }
                    Until::Import => imported.notified().await,
                    Until::Clock => moved.notified().await,
                }
            };
            // Whatever it waited for: a life ends.
            let _is_late = tokio::time::timeout(LONGEST_ROUND, moment).await;
            tokio::time::sleep(then).await;
            self.up.kill_now();
        };
        let import = async {
            self.imports().await;
            imported.notify_one();
        };
        let clock = async {
            self.clock().await;
            moved.notify_one();
        };
        tokio::join!(
            self.checks(),
            self.cards(),
            self.invoices(),
            self.notes(),
            import,
            clock,
            kill
        );
    }

    /// Notes what was answered with success.
    fn note(&self, made: impl FnOnce(&mut Answered)) {
        made(&mut self.answered.lock().unwrap());
        self.answers.send_modify(|answers| *answers += 1);
    }

    fn client(&self, number: u64) -> &'static str {
        BUSY[usize::try_from(number).unwrap() % BUSY.len()]
    }

    /// Posts one after the other; `made` is told of each that was answered with success.
    async fn post(
        &self,
        request: impl Fn(u64) -> (String, Value),
        made: impl Fn(&mut Answered, u64),
    ) {
        for number in 0.. {
            let (path, body) = request(number);
            match self.up.try_ask("bea", Method::POST, &path, Some(body)).await {
                Some((200..300, _)) => self.note(|answered| made(answered, number)),
                // Another command was faster, again and again: come back, it says.
                Some((503, _)) => {}
                Some((status, body)) => panic!("{path}: {status} {body}"),
                None => return,
            }
        }
    }

    async fn checks(&self) {
        let reference = |number: u64| format!("CHK-{}-{number}", self.number);
        let request = |number: u64| {
            let path = format!("/firm/v1/clients/{}/payments", self.client(number));
            let amount = json!({ "amount": format!("{}.07", number + 1), "currency": "USD" });
            let reference = reference(number);
            (path, json!({ "reference": reference, "method": "check", "amount": amount }))
        };
        self.post(request, |answered, number| {
            let (client, minor) = (self.client(number).to_owned(), (number + 1) * 100 + 7);
            answered.checks.insert(reference(number), (client, minor));
        })
        .await;
    }

    async fn cards(&self) {
        for number in 0..MOST_CARDS {
            let (client, minor) = (self.client(number), (number + 1) * 100 + 9);
            let Some(done) = self.up.try_pay(client, "", &minor.to_string()).await else { return };
            let Some(payment) = done["object"].as_str() else { continue };
            let told = (client.to_owned(), minor);
            self.note(|answered| drop(answered.cards.insert(payment.to_owned(), told)));
        }
    }

    async fn invoices(&self) {
        let id = |number: u64| format!("KILL-{}-{number}", self.number);
        let request = |number: u64| {
            let path = format!("/firm/v1/clients/{}/invoices", self.client(number + 1));
            let total = json!({ "amount": "3.50", "currency": "USD" });
            (path, json!({ "invoice": id(number), "total": total }))
        };
        self.post(request, |answered, number| {
            answered.invoices.insert(id(number), self.client(number + 1).to_owned());
        })
        .await;
    }

    async fn notes(&self) {
        let text = |number: u64| format!("Note {} of round {}", number, self.number);
        let request = |number: u64| {
            let path = format!("/firm/v1/clients/{}/notes", self.client(number + 2));
            (path, json!({ "text": text(number) }))
        };
        self.post(request, |answered, number| {
            answered.notes.insert(text(number), self.client(number + 2).to_owned());
        })
        .await;
    }

    /// On the command line, over the running system's table. A file that was cut off is imported again by
    /// nobody: what it brought is checked with everything else.
    async fn imports(&self) {
        let invoices: Vec<_> =
            (0..4).map(|number| format!("IMP-{}-{number}", self.number)).collect();
        let mut ledger = "client,invoice,issued,currency,amount,paid_on\n".to_owned();
        for (number, invoice) in invoices.iter().enumerate() {
            let client = format!("imported-{}", number % 4);
            ledger += &format!("{client},{invoice},2026-05-01,USD,20.00,2026-05-20\n");
        }
        let file = self.data.with_extension(format!("{}.csv", self.number));
        fs::write(&file, ledger).unwrap();
        let import = ["import", "--firm", "demo", file.to_str().unwrap()];
        let (code, _) = command(self.data, &import).await;
        if code == Some(0) {
            self.answered.lock().unwrap().imported.extend(invoices);
        }
    }

    async fn clock(&self) {
        let day = self.answered.lock().unwrap().day.clone();
        let next = day.map_or_else(
            || FIRST_MOVE.to_owned(),
            |day| day.parse::<domain::calendar::Day>().unwrap().succ_opt().unwrap().to_string(),
        );
        let (code, text) = command(self.data, &["clock", "--firm", "demo", "--to", &next]).await;
        // A move that was cut off may have come as far as the day itself.
        if code == Some(0) || text.contains("its clock only goes forward") {
            self.answered.lock().unwrap().day = Some(next);
        }
    }
}

async fn command(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let data = data.to_owned();
    let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
    let running = tokio::task::spawn_blocking(move || {
        run(&data, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    });
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_1_pay_6_let_4_aud_1_nothing_is_lost_and_nothing_is_twice_after_many_kills() {
    let seed = match std::env::var("PORTCULLIS_KILL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(std::process::id()) ^ 0x5EED,
    };
    println!("PORTCULLIS_KILL_SEED={seed}");
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(Up::start(&data).stop().success());
    let answered = Mutex::new(Answered::default());
    let begun = Instant::now();
    for number in 0..KILLS {
        let mut up = Up::start(&data);
        let until = match number % COMMANDS_EVERY {
            0 => Until::Import,
            1 => Until::Clock,
            _ => Until::Answers(random.below(MOST_ANSWERS)),
        };
        let then = Duration::from_millis(random.below(KILLED_WITHIN_MS));
        let answers = watch::Sender::new(0);
        let round = Round { number, up: &up, data: &data, answered: &answered, answers };
        round.work_until_killed(until, then).await;
        up.kill();
    }
    let answered = answered.into_inner().unwrap();
    println!("killed {KILLS} times in {:?}", begun.elapsed());
    println!(
        "answered: {} checks, {} cards, {} invoices, {} notes, {} imported, until {:?}",
        answered.checks.len(),
        answered.cards.len(),
        answered.invoices.len(),
        answered.notes.len(),
        answered.imported.len(),
        answered.day
    );
    for (what, count) in [
        ("checks", answered.checks.len()),
        ("cards", answered.cards.len()),
        ("invoices", answered.invoices.len()),
        ("notes", answered.notes.len()),
        ("imported invoices", answered.imported.len()),
    ] {
        assert!(usize::try_from(KILLS / 4).unwrap() < count, "only {count} {what} were answered");
    }
    assert!(answered.day.is_some(), "the clock was never moved");
    rest(&data).await;
    println!("at rest after {:?}", begun.elapsed());
    assert_audit_verifies(&data);
    check(&data, &answered).await;
    println!("checked after {:?}", begun.elapsed());
}

/// Lets the system finish what it was at: webhooks that nobody took, letters that are queued.
async fn rest(data: &Path) {
    let up = Up::start(data);
    let client = reqwest::Client::new();
    let sandbox = format!("{}/sandbox/stripe", up.url);
    let (mut least, mut since) = (u64::MAX, Instant::now());
    while 0 < least {
        let book: Value = client.get(&sandbox).send().await.unwrap().json().await.unwrap();
        let waiting = book["undelivered"].as_u64().unwrap();
        if waiting < least {
            (least, since) = (waiting, Instant::now());
        }
        assert!(since.elapsed() < up::PATIENCE, "{waiting} webhooks wait, and none is taken");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    while 0 < webhooks_in_the_inbox(data).await {
        assert!(since.elapsed() < LONGEST_REST, "a webhook stays in the inbox");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(up.stop().success());
}

/// Webhooks that were taken and not finished, whenever they are to be gone on with.
async fn webhooks_in_the_inbox(data: &Path) -> usize {
    let beside = Embedded::open(data).await.unwrap();
    let platform = Platform::new(beside.dynamo().clone());
    let waiting =
        platform.waiting(SystemClock.now() + TimeDelta::days(1), WHOLE_PAGE).await.unwrap();
    beside.close().await;
    waiting.iter().filter(|waiting| matches!(waiting, Waiting::Webhook { .. })).count()
}

async fn check(data: &Path, answered: &Answered) {
    let embedded = Embedded::open(data).await.unwrap();
    let firm = Firm::open(embedded.dynamo().clone(), "demo".parse().unwrap()).await;
    let firm = firm.unwrap().unwrap();
    let day = firm.day(DateTime::UNIX_EPOCH).to_string();
    assert!(answered.day.as_ref() <= Some(&day), "{day} is before {:?}", answered.day);
    let checks = answered.checks.iter().map(|(id, told)| (format!("staff:{id}"), told));
    let cards = answered.cards.iter().map(|(id, told)| (format!("stripe:{id}"), told));
    for (id, (client, minor)) in checks.chain(cards) {
        let found = firm.store().payment(&id.parse().unwrap()).await.unwrap();
        let (whose, payment) = found.unwrap_or_else(|| panic!("payment {id} is lost"));
        assert_eq!((whose.as_str(), payment.kept()), (client.as_str(), *minor), "{payment:?}");
        assert_eq!(payment.state(), PaymentState::Succeeded);
    }
    for (id, client) in &answered.invoices {
        let whose = firm.store().client_of_invoice(&id.parse().unwrap()).await.unwrap();
        assert_eq!(whose.as_ref().map(ClientId::as_str), Some(client.as_str()), "invoice {id}");
    }
    for id in &answered.imported {
        let whose = firm.store().client_of_invoice(&id.parse().unwrap()).await.unwrap();
        assert!(whose.is_some(), "imported invoice {id} is lost");
    }
    let mut sent = BTreeSet::new();
    for client in clients(&firm).await {
        check_client(&firm, &client, answered).await;
        sent.extend(letters_of(&firm, &client).await);
    }
    check_mailbox(&data.join("mailbox"), &sent);
    embedded.close().await;
}

async fn clients(firm: &Firm) -> Vec<ClientId> {
    let (mut clients, mut cursor): (Vec<_>, Option<String>) = (Vec::new(), None);
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: WHOLE_PAGE };
        let listed = firm.store().clients(None, &page).await.unwrap();
        clients.extend(listed.items.into_iter().map(|row| row.client));
        cursor = listed.next;
        if cursor.is_none() {
            return clients;
        }
    }
}

/// The fold of everything that was ever decided is what the table has, each note is there once, and no cent
/// was made or lost (PAY-6).
async fn check_client(firm: &Firm, client: &ClientId, answered: &Answered) {
    let loaded = firm.store().load(client).await.unwrap().unwrap().account;
    let events = events_of(firm, client).await;
    let notes = events.iter().filter_map(|event| match event {
        Event::NoteAdded(note) => Some(note.text.as_str().to_owned()),
        _ => None,
    });
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    notes.for_each(|text| *counts.entry(text).or_default() += 1);
    let own = answered.notes.iter().filter(|(_, whose)| whose.as_str() == client.as_str());
    for (text, _) in own {
        assert_eq!(counts.get(text), Some(&1), "{text:?} on {client}");
    }
    assert!(counts.values().all(|count| *count == 1), "a note is twice on {client}: {counts:?}");

    let blank = Account::new(firm.id().clone(), client.clone(), loaded.profile.clone());
    let folded = fold(blank, &events);
    for invoice in loaded.open_invoices() {
        assert_eq!(folded.invoices.get(&invoice.id), Some(invoice), "of {client}");
    }
    assert_eq!(folded.credits, loaded.credits, "of {client}");
    for payment in folded.payments.values() {
        assert_eq!(payment.kept(), folded.held(&payment.id), "{payment:?} of {client}");
        for (invoice, amount) in &payment.allocations {
            let source = Source::Payment(payment.id.clone());
            let paid = folded.invoices[invoice].paid_from(&source);
            let from_here: u64 = payment
                .allocations
                .iter()
                .filter(|(other, _)| other == invoice)
                .map(|(_, amount)| amount.minor())
                .sum();
            assert_eq!(paid.minor(), from_here, "{amount} of {}", payment.id);
        }
    }
    check_ids(client, &events);
}

/// Each payment was told of once, each invoice put in once.
fn check_ids(client: &ClientId, events: &[Event]) {
    let told: Vec<&PaymentId> = events
        .iter()
        .filter_map(|event| match event {
            Event::PaymentChanged { payment, was: PaymentState::Unknown, .. } => Some(payment),
            _ => None,
        })
        .collect();
    let different: BTreeSet<_> = told.iter().collect();
    assert_eq!(different.len(), told.len(), "a payment is twice on {client}: {told:?}");
}

async fn events_of(firm: &Firm, client: &ClientId) -> Vec<Event> {
    let (mut events, mut cursor): (Vec<_>, Option<String>) = (Vec::new(), None);
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: WHOLE_PAGE };
        let records = firm.store().records(client, Order::Oldest, &page).await.unwrap();
        for record in &records.items {
            events.extend(record.body.events().unwrap());
        }
        cursor = records.next;
        if cursor.is_none() {
            return events;
        }
    }
}

/// The names of the letters that may lie in the mailbox, and whether each surely does.
async fn letters_of(firm: &Firm, client: &ClientId) -> Vec<(String, bool)> {
    let (mut names, mut cursor): (Vec<_>, Option<String>) = (Vec::new(), None);
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: WHOLE_PAGE };
        let listed = firm.store().letters(client, &page).await.unwrap();
        for row in listed.items {
            if !matches!(row.letter.state, LetterState::Left(_)) {
                continue;
            }
            let is_sent =
                row.delivery.as_ref().is_some_and(|known| known.state == DeliveryState::Sent);
            if let Some(sent) = firm.store().sent_letter(client, row.letter.id).await.unwrap() {
                names.push((sent.message_id, is_sent));
            } else {
                assert!(!is_sent, "letter {} of {client} was sent and not kept", row.letter.id.0);
            }
        }
        cursor = listed.next;
        if cursor.is_none() {
            return names;
        }
    }
}

/// No letter is there twice, none that nobody claimed, and each that was sent.
fn check_mailbox(mailbox: &Path, letters: &BTreeSet<(String, bool)>) {
    let found = headers(&up::client_letters(mailbox), "Message-ID");
    let names: Vec<_> = found
        .iter()
        .map(|line| line.trim_start_matches("Message-ID: ").trim_matches(['<', '>']).to_owned())
        .collect();
    assert_eq!(names.len(), up::client_letters(mailbox).len(), "a letter has no name");
    let different: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(different.len(), names.len(), "a letter lies there twice");
    for (name, is_sent) in letters {
        assert!(!is_sent || different.contains(name), "letter {name} was sent and is lost");
    }
    let known: BTreeSet<_> = letters.iter().map(|(name, _)| name.clone()).collect();
    let strangers = up::client_letters(mailbox)
        .into_iter()
        .filter(|letter| !known.iter().any(|name| letter.contains(name.as_str())));
    let heads: Vec<_> =
        strangers.map(|letter| letter.lines().take(8).collect::<String>()).collect();
    assert!(heads.is_empty(), "letters that nobody claimed: {heads:#?}");
}

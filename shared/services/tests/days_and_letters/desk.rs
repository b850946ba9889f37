//! Firms on an embedded table, a clock that is set by hand, a queue and a mail service that remember.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::account::{Contact, Profile};
use domain::command::{Command, NewInvoice, News};
use domain::id::{ClientId, FirmId};
use domain::letter::LetterId;
use domain::money::{Currency, Money};
use domain::payment::{Method, Seen};
use domain::role::{Actor, Role};
use domain::text::Personal;
use platform::clock::{Clock, FixedClock};
use platform::mail::{Found, Mail, MailError, Message, SentId};
use platform::queue::{Queue, QueueError, QueueMessage, check};
use services::correspondence::{Correspondence, LetterMessage, Outcome, SendError};
use services::day::{DayError, Days, Evaluation, Tick};
use services::execute::{Caller, ExecuteError, Executed, execute};
use services::firm::Firm;
use services::firms::Firms;
use store::{CommitMeta, Dynamo, FirmSettings, LetterRow, PageRequest, Platform, Store};

pub use crate::common::{at, day};
use crate::common::{embedded, open_firm};

/// A queue that remembers what it was sent.
#[derive(Default)]
pub struct Wire(Mutex<VecDeque<QueueMessage>>);

impl Wire {
    /// Takes everything that is in it.
    pub fn take(&self) -> Vec<Evaluation> {
        let messages = self.0.lock().unwrap().drain(..).collect::<Vec<_>>();
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }
}

#[async_trait]
impl Queue for Wire {
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError> {
        check(&messages)?;
        self.0.lock().unwrap().extend(messages);
        Ok(())
    }
}

/// A mail service that remembers what it took, and does once what it is told to.
#[derive(Default)]
pub struct Post {
    pub sent: Mutex<Vec<Message>>,
    pub next: Mutex<VecDeque<Answer>>,
    /// Whether it can be asked what it took.
    pub tells: AtomicBool,
}

/// What the mail service does with the next message.
#[derive(Clone, Copy)]
pub enum Answer {
    Throttled,
    Rejected(&'static str, &'static str),
    /// Took it, and the answer got lost.
    TakenSilently,
    /// The process ends before it is handed over.
    NeverReturns,
}

#[async_trait]
impl Mail for Post {
    async fn send(&self, message: &Message) -> Result<SentId, MailError> {
        let answer = self.next.lock().unwrap().pop_front();
        let take = || self.sent.lock().unwrap().push(message.clone());
        match answer {
            None => {
                take();
                Ok(SentId(format!("ses-{}", self.sent.lock().unwrap().len())))
            }
            Some(Answer::Throttled) => Err(MailError::Throttled { code: "TooMany".to_owned() }),
            Some(Answer::Rejected(code, detail)) => {
                Err(MailError::Rejected { code: code.to_owned(), detail: detail.to_owned() })
            }
            Some(Answer::TakenSilently) => {
                take();
                Err(MailError::Unanswered("connection reset".into()))
            }
            Some(Answer::NeverReturns) => std::future::pending().await,
        }
    }

    async fn find(&self, message_id: &str) -> Found {
        if !self.tells.load(Ordering::Relaxed) {
            return Found::Unknown;
        }
        let sent = self.sent.lock().unwrap();
        let place = sent.iter().position(|message| message.message_id == message_id);
        place.map_or(Found::NotTaken, |place| Found::Taken(SentId(format!("ses-{}", place + 1))))
    }
}

/// Everything at one place.
pub struct Desk {
    pub dynamo: Dynamo,
    pub clock: Arc<FixedClock>,
    pub wire: Arc<Wire>,
    pub post: Arc<Post>,
}

impl Desk {
    pub async fn at(now: &str) -> Self {
        Self {
            dynamo: embedded().await,
            clock: Arc::new(FixedClock::at(at(now))),
            wire: Arc::default(),
            post: Arc::default(),
        }
    }

    /// A firm in that zone, with the preset `cpa` changed by `with`.
    pub async fn firm(&self, id: &str, zone: &str, with: &str) -> Arc<Firm> {
        self.firm_of(id, settings(zone), with).await
    }

    pub async fn firm_of(&self, id: &str, settings: FirmSettings, with: &str) -> Arc<Firm> {
        let store = Store::new(self.dynamo.clone(), id.parse().unwrap());
        let meta = self.meta();
        let policy = format!("{{preset: cpa, with: {{{with}}}}}");
        open_firm(&store, &settings, &[("default", &policy)], &meta).await;
        self.open(id).await
    }

    pub async fn open(&self, id: &str) -> Arc<Firm> {
        let firm = Firm::open(self.dynamo.clone(), id.parse().unwrap()).await.unwrap();
        Arc::new(firm.unwrap())
    }

    pub fn meta(&self) -> CommitMeta {
        CommitMeta {
            at: self.clock.now(),
            day: self.clock.now().date_naive(),
            actor: Actor::Schedule,
            command: "test".to_owned(),
            policy: None,
            request_id: None,
            rule: None,
        }
    }

    pub async fn client(&self, firm: &Firm, id: &str, addresses: &[&str]) -> ClientId {
        let contact =
            |address: &&str| Contact { address: Personal::new(*address), is_bounced: false };
        let profile = Profile {
            name: Personal::new("Acme Bakery"),
            class: "default".parse().unwrap(),
            currency: Currency::USD,
            contacts: addresses.iter().map(contact).collect(),
            service_lines: Default::default(),
            terms_allow_late_fee: false,
            language: None,
            late_fee_terms_since: None,
            jurisdiction: None,
        };
        let client = client(id);
        self.act(firm, &client, Command::OpenAccount(profile)).await.unwrap();
        client
    }

    pub async fn invoice(&self, firm: &Firm, to: &ClientId, id: &str, total: Money, due: &str) {
        let invoice = Command::IssueInvoice(NewInvoice {
            id: id.parse().unwrap(),
            kind: Default::default(),
            service_line: None,
            lines: Vec::new(),
            total,
            issued_on: Some(day(due) - TimeDelta::days(30)),
            due_on: Some(day(due)),
            posts_on: None,
            is_draft: false,
            deposit: None,
        });
        self.act(firm, to, invoice).await.unwrap();
    }

    pub async fn pay(&self, firm: &Firm, by: &ClientId, id: &str, amount: Money) -> Executed {
        let news = News::Told {
            amount,
            method: Method::Card,
            invoices: Vec::new(),
            seen: Seen::Succeeded,
            on: None,
        };
        let command = Command::RecordPayment { payment: id.parse().unwrap(), news };
        self.act(firm, by, command).await.unwrap()
    }

    pub async fn act(
        &self,
        firm: &Firm,
        client: &ClientId,
        command: Command,
    ) -> Result<Executed, ExecuteError> {
        let roles = [Role::BillingLead, Role::Partner].into();
        let actor = Actor::Staff { id: "bea".parse().unwrap(), roles };
        execute(firm, client, &command, &Caller::new(actor), self.clock.now()).await
    }

    pub fn days(&self) -> Days {
        Days { dynamo: self.dynamo.clone(), queue: self.wire.clone(), clock: self.clock.clone() }
    }

    pub async fn tick(&self) -> Tick {
        self.days().tick(self.later()).await.unwrap()
    }

    pub async fn do_message(&self, message: Evaluation) -> Result<(), DayError> {
        let firms = Firms::new(self.dynamo.clone());
        self.days().handle(&firms, message, self.later()).await
    }

    /// Does everything on the queue until nothing is; how many clients were named or in a run.
    pub async fn work(&self) -> usize {
        let mut evaluated = 0;
        loop {
            let messages = self.wire.take();
            if messages.is_empty() {
                return evaluated;
            }
            for message in messages {
                let before = self.evaluated(&message).await;
                if let Evaluation::Clients { clients, .. } = &message {
                    evaluated += clients.len();
                }
                let after = message.clone();
                self.do_message(message).await.unwrap();
                evaluated += self.evaluated(&after).await - before;
            }
        }
    }

    /// How many clients a shard's run has evaluated by now.
    async fn evaluated(&self, message: &Evaluation) -> usize {
        let Evaluation::Shard { firm, day, shard } = message else { return 0 };
        let store = Store::new(self.dynamo.clone(), firm.clone());
        let shard = store.run_shard(*day, *shard).await.unwrap();
        usize::try_from(shard.done.evaluated).unwrap()
    }

    /// A time limit that nothing comes near.
    pub fn later(&self) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::minutes(5)
    }

    pub fn correspondence(&self) -> Correspondence {
        Correspondence {
            mail: self.post.clone(),
            public_url: "https://portal.example".to_owned(),
            configuration: None,
            inbound_domain: None,
        }
    }

    /// What is ready for the queue of letters now.
    pub async fn waiting(&self) -> Vec<LetterMessage> {
        let platform = Platform::new(self.dynamo.clone());
        let waiting = platform.waiting(self.clock.now(), 100).await.unwrap();
        waiting.iter().filter_map(LetterMessage::of).collect()
    }

    /// Lets everything leave that is ready; what became of each.
    pub async fn deliver(&self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for message in self.waiting().await {
            outcomes.push(self.send(&message).await.unwrap());
        }
        outcomes
    }

    pub async fn send(&self, message: &LetterMessage) -> Result<Outcome, SendError> {
        let firm = self.open(message.firm.as_str()).await;
        self.correspondence().handle(&firm, message, self.clock.now()).await
    }

    pub async fn letters(&self, firm: &Firm, client: &ClientId) -> Vec<LetterRow> {
        firm.store().letters(client, &PageRequest::default()).await.unwrap().items
    }

    pub async fn letter(&self, firm: &Firm, client: &ClientId, id: u64) -> LetterRow {
        firm.store().letter(client, LetterId(id)).await.unwrap().unwrap()
    }

    /// The kinds of the client's open tasks.
    pub async fn tasks(&self, firm: &Firm, client: &ClientId) -> Vec<&'static str> {
        let loaded = firm.store().load(client).await.unwrap().unwrap();
        loaded.account.tasks.values().map(|task| task.about.kind()).collect()
    }

    /// The text of the newest message that left.
    pub fn last_text(&self) -> String {
        let sent = self.post.sent.lock().unwrap();
        let raw = &sent.last().unwrap().raw_mime;
        let message = mail_parser::MessageParser::default().parse(raw).unwrap();
        message.body_text(0).unwrap().replace("\r\n", "\n")
    }

    /// The newest message that left, as it left.
    pub fn last_mail(&self) -> Vec<u8> {
        self.post.sent.lock().unwrap().last().unwrap().raw_mime.clone()
    }

    pub fn sent(&self) -> usize {
        self.post.sent.lock().unwrap().len()
    }

    pub fn next_answers(&self, answers: &[Answer]) {
        self.post.next.lock().unwrap().extend(answers);
    }

    pub fn pass(&self, by: TimeDelta) {
        self.clock.advance(by);
    }
}

/// A firm with a domain, in that zone.
pub fn settings(zone: &str) -> FirmSettings {
    FirmSettings::new("Harbor & Pine CPAs", zone.parse().unwrap())
        .sending_from("billing@harborpine.example")
}

pub fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn client(id: &str) -> ClientId {
    id.parse().unwrap()
}

pub fn firm_id(id: &str) -> FirmId {
    id.parse().unwrap()
}

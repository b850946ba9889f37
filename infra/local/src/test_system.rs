//! What the running system has beside its functions, for pages to use: a test firm's clock, moved in the
//! background, and the mailbox (TEST-1).
//!
//! A move belongs to the system and to no request: it goes on when the browser goes away, one at a time for
//! each firm. It ends between two days when the system does; what it told is then forgotten, and the history
//! of each client still says it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::describe::describe;
use domain::event::Event;
use domain::id::{ClientId, FirmId};
use domain::letter::LetterKind;
use domain::role::Actor;
use domain::text::sentence;
use platform::clock::Clock;
use platform::config::Stage;
use portal_web::test_system::{
    ClientTold, DayTold, Kind, LetterHead, Move, MoveState, TestAnswer, TestLetter, TestNews,
    TestSystem, Told, UnderWay, Unreadable,
};
use sandbox::stripe::{BankAct, BankNews, SandboxStripe};
use serde_json::json;
use services::correspondence::{Correspondence, message_mark};
use services::execute::view;
use services::firm::Firm;
use services::firms::Firms;
use services::replies::TakenIn;
use store::{Dynamo, Order, PageRequest, Record};
use tokio::sync::watch;

use crate::bank::Bank;
use crate::demo;
use crate::mailbox::{Mailbox, MailboxError, Opened, Summary};
use crate::test_clock::{ClockError, DayRun, Mover, Walk, open};

/// How many of a client's last records are looked at for one day: more than a day ever has.
const LOOK_BACK: u32 = 40;

/// The running system, for pages of test firms.
#[derive(Clone)]
pub struct LocalTestSystem {
    inner: Arc<Inner>,
}

struct Inner {
    dynamo: Dynamo,
    correspondence: Correspondence,
    sandbox: SandboxStripe,
    mailbox: Mailbox,
    clock: Arc<dyn Clock>,
    stopped: watch::Receiver<bool>,
    moves: Mutex<BTreeMap<FirmId, Move>>,
    /// What was read of letters: they never change.
    letters: Mutex<BTreeMap<String, Summary>>,
}

/// What it stands on.
pub struct TestGround {
    /// The table.
    pub dynamo: Dynamo,
    /// What letters leave by.
    pub correspondence: Correspondence,
    /// The demo firm's banks.
    pub sandbox: SandboxStripe,
    /// Where letters lie.
    pub mailbox: Mailbox,
    /// The machine's time.
    pub clock: Arc<dyn Clock>,
    /// When the system ends.
    pub stopped: watch::Receiver<bool>,
}

impl LocalTestSystem {
    /// On that ground.
    pub fn new(ground: TestGround) -> Self {
        let TestGround { dynamo, correspondence, sandbox, mailbox, clock, stopped } = ground;
        let (moves, letters) = (Mutex::default(), Mutex::default());
        let inner =
            Inner { dynamo, correspondence, sandbox, mailbox, clock, stopped, moves, letters };
        Self { inner: Arc::new(inner) }
    }
}

#[async_trait]
impl TestSystem for LocalTestSystem {
    fn begin_move(&self, firm: &FirmId, from: Day, to: Day, by: Actor) -> Result<(), UnderWay> {
        let name = match &by {
            Actor::Staff { id, .. } => id.to_string(),
            Actor::Client { .. } | Actor::Link | Actor::Gateway | Actor::Import => String::new(),
            Actor::Schedule => "the schedule".to_owned(),
        };
        let mut moves = self.inner.moves.lock().unwrap_or_else(PoisonError::into_inner);
        if moves.get(firm).is_some_and(|last| last.state == MoveState::Running) {
            return Err(UnderWay);
        }
        let state = MoveState::Running;
        let begun = Move { from, day: from, to, by: name, state, days: Vec::new() };
        moves.insert(firm.clone(), begun);
        let (inner, firm) = (self.inner.clone(), firm.clone());
        tokio::spawn(async move { inner.carry_out(&firm, to, &by).await });
        Ok(())
    }

    fn last_move(&self, firm: &FirmId) -> Option<Move> {
        let moves = self.inner.moves.lock().unwrap_or_else(PoisonError::into_inner);
        moves.get(firm).cloned()
    }

    async fn letters(
        &self,
        firm: &FirmId,
        skip: usize,
        take: usize,
    ) -> Result<(Vec<LetterHead>, usize), Unreadable> {
        let (inner, mark) = (self.inner.clone(), message_mark(firm));
        let listed = tokio::task::spawn_blocking(move || inner.summaries(&mark)).await;
        let all = listed.map_err(unreadable)?.map_err(unreadable)?;
        let heads = all.iter().rev().skip(skip).take(take).map(head).collect();
        Ok((heads, all.len()))
    }

    async fn letter(&self, firm: &FirmId, id: &str) -> Result<Option<TestLetter>, Unreadable> {
        let (mailbox, mark, id) = (self.inner.mailbox.clone(), message_mark(firm), id.to_owned());
        let read = tokio::task::spawn_blocking(move || mailbox.read(&id)).await;
        match read.map_err(unreadable)? {
            Ok(opened) if opened.summary.message_id.starts_with(&mark) => Ok(Some(TestLetter {
                head: head(&opened.summary),
                from: opened.summary.from,
                reply_to: opened.reply_to,
                text: opened.text,
            })),
            Ok(_) | Err(MailboxError::NotFound(_)) => Ok(None),
            Err(error) => Err(unreadable(error)),
        }
    }

    async fn hear(&self, firm: &FirmId, id: &str, news: TestNews) -> Result<bool, Unreadable> {
        let (mailbox, id) = (self.inner.mailbox.clone(), id.to_owned());
        let read = move || Ok((mailbox.read(&id)?, mailbox.tags(&id)?));
        let read = tokio::task::spawn_blocking(read).await.map_err(unreadable)?;
        let (letter, tags) = match read {
            Ok(read) => read,
            Err(MailboxError::NotFound(_)) => return Ok(false),
            Err(error) => return Err(unreadable(error)),
        };
        if tags.is_empty() || !letter.summary.message_id.starts_with(&message_mark(firm)) {
            return Ok(false);
        }
        let state = mail_feedback::State {
            dynamo: self.inner.dynamo.clone(),
            public_url: self.inner.correspondence.public_url.clone(),
            clock: self.inner.clock.clone(),
            stage: Stage::Local,
            inbound: None,
        };
        let event = event(&letter, &tags, news, self.inner.clock.now());
        match mail_feedback::batch(&state, event).await.batch_item_failures.is_empty() {
            true => Ok(true),
            false => {
                Err(Unreadable("mail-feedback could not take the news: its log says why".into()))
            }
        }
    }

    async fn answer(&self, firm: &FirmId, id: &str, text: &str) -> Result<TestAnswer, Unreadable> {
        let (mailbox, mark, id) = (self.inner.mailbox.clone(), message_mark(firm), id.to_owned());
        let read = tokio::task::spawn_blocking(move || mailbox.read(&id)).await;
        let letter = match read.map_err(unreadable)? {
            Ok(letter) if letter.summary.message_id.starts_with(&mark) => letter,
            Ok(_) | Err(MailboxError::NotFound(_)) => return Ok(TestAnswer::NoLetter),
            Err(error) => return Err(unreadable(error)),
        };
        let now = self.inner.clock.now();
        let raw = answer(&letter, text, now)?;
        let firms = Firms::new(self.inner.dynamo.clone());
        let taken = self.inner.correspondence.take_in(&firms, &raw, now).await;
        Ok(match taken.map_err(unreadable)? {
            TakenIn::Noted => TestAnswer::Noted,
            TakenIn::Again
            | TakenIn::HandedOn
            | TakenIn::Automatic
            | TakenIn::Dropped
            | TakenIn::Strange => TestAnswer::NoEffect,
        })
    }
}

/// An answer to that letter, as a mail program would write it.
fn answer(letter: &Opened, text: &str, at: DateTime<Utc>) -> Result<Vec<u8>, Unreadable> {
    let Summary { to, subject, message_id, .. } = &letter.summary;
    let address = |text: &str| text.parse::<lettre::message::Mailbox>().map_err(unreadable);
    let quoted: String = letter.text.lines().map(|line| format!("> {line}\n")).collect();
    let subject = match subject.starts_with("Re: ") {
        true => subject.clone(),
        false => format!("Re: {subject}"),
    };
    let mail = lettre::Message::builder()
        .from(address(to)?)
        .to(address(&letter.reply_to)?)
        .subject(subject)
        .date(at.into())
        .message_id(None)
        .in_reply_to(format!("<{message_id}>"))
        .body(format!("{text}\n\nOn {} the firm wrote:\n{quoted}", at.format("%b %-d, %Y")));
    Ok(mail.map_err(unreadable)?.formatted())
}

/// An event of SES about that message, in the envelope in which they come.
fn event(
    letter: &Opened,
    tags: &BTreeMap<String, String>,
    news: TestNews,
    at: DateTime<Utc>,
) -> SqsEvent {
    let Summary { id, to, .. } = &letter.summary;
    let tags: BTreeMap<_, _> = tags.iter().map(|(name, value)| (name, [value])).collect();
    let recipients = json!([{ "emailAddress": to, "diagnosticCode": "550 5.1.1 user unknown" }]);
    let mut detail = match news {
        TestNews::Arrived => json!({
            "eventType": "Delivery", "delivery": { "timestamp": at, "recipients": [to] },
        }),
        TestNews::Returned => json!({ "eventType": "Bounce", "bounce": {
            "bounceType": "Permanent", "bounceSubType": "General",
            "bouncedRecipients": recipients, "timestamp": at,
        }}),
        TestNews::Complained => json!({ "eventType": "Complaint", "complaint": {
            "complainedRecipients": recipients, "complaintFeedbackType": "abuse", "timestamp": at,
        }}),
    };
    detail["mail"] = json!({ "messageId": id, "timestamp": at, "tags": tags });
    let body = json!({ "source": "aws.ses", "detail": detail }).to_string();
    let mut record = SqsMessage::default();
    (record.message_id, record.body) = (Some(id.clone()), Some(body));
    let mut event = SqsEvent::default();
    event.records = vec![record];
    event
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Unreadable {
    Unreadable(Box::new(error))
}

fn head(summary: &Summary) -> LetterHead {
    let Summary { id, to, subject, date, .. } = summary.clone();
    LetterHead { id, to, subject, date }
}

impl Inner {
    /// The letters of the firm with that mark, by their dates: a test firm's letters bear its own days, so one
    /// that was sent later may be of an earlier day. Those of one instant are in the order of sending.
    fn summaries(&self, mark: &str) -> Result<Vec<Summary>, MailboxError> {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        for id in self.mailbox.ids()? {
            if let Entry::Vacant(place) = letters.entry(id) {
                let summary = self.mailbox.summary(place.key())?;
                place.insert(summary);
            }
        }
        let is_ours = |summary: &&Summary| summary.message_id.starts_with(mark);
        let mut ours: Vec<_> = letters.values().filter(is_ours).cloned().collect();
        ours.sort_by_key(|summary| summary.date);
        Ok(ours)
    }

    async fn carry_out(&self, firm: &FirmId, to: Day, by: &Actor) {
        let bank = if firm.as_str() == demo::FIRM {
            Bank::Here(self.sandbox.clone())
        } else {
            Bank::Absent
        };
        let mover = Mover {
            dynamo: &self.dynamo,
            correspondence: &self.correspondence,
            bank: &bank,
            clock: self.clock.as_ref(),
            by,
        };
        let walked = async { self.walk(firm, mover.walk(firm, to).await?).await }.await;
        let state = match walked {
            Ok(state) => state,
            Err(error) => {
                let chain = platform::log::chain(&error);
                tracing::error!(firm.id = %firm, "The clock of firm {firm} stopped on its way: {chain}");
                MoveState::Stopped(chain)
            }
        };
        self.note(firm, |last| last.state = state);
    }

    async fn walk(&self, firm: &FirmId, mut walk: Walk<'_>) -> Result<MoveState, ClockError> {
        while let Some(run) = walk.next_day().await? {
            let told = self.tell(firm, &run).await?;
            self.note(firm, |last| {
                last.day = run.day;
                if !told.clients.is_empty() {
                    last.days.push(told);
                }
            });
            if *self.stopped.borrow() {
                return Ok(MoveState::Stopped("the system was stopped".to_owned()));
            }
        }
        Ok(MoveState::Done)
    }

    fn note(&self, firm: &FirmId, change: impl FnOnce(&mut Move)) {
        let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = moves.get_mut(firm) {
            change(last);
        }
    }

    /// What happened, as the clients' histories say it: whoever did it, here or in the system's own workers.
    async fn tell(&self, firm: &FirmId, run: &DayRun) -> Result<DayTold, ClockError> {
        let opened = open(&self.dynamo, firm).await?;
        let mut clients = Vec::new();
        for client in run.clients() {
            clients.extend(self.tell_of(&opened, &client, run).await?);
        }
        let nobodys = run.bank.iter().filter(|news| news.client.is_none());
        clients.extend(nobodys.map(|news| ClientTold {
            client: None,
            name: "A payment without a client".to_owned(),
            what: vec![bank_told(news)],
        }));
        clients.extend(run.held().map(|text| ClientTold {
            client: None,
            name: "The day's run".to_owned(),
            what: vec![Told { kind: Kind::Task, text }],
        }));
        // Whoever was locked comes first, then by name.
        let rank = |told: &ClientTold| told.what.iter().map(|told| told.kind).min();
        clients.sort_by_cached_key(|told| (rank(told), told.name.to_lowercase()));
        Ok(DayTold { day: run.day, clients })
    }

    async fn tell_of(
        &self,
        firm: &Firm,
        client: &ClientId,
        run: &DayRun,
    ) -> Result<Option<ClientTold>, ClockError> {
        let Some(seen) = view(firm, client, self.clock.now()).await? else { return Ok(None) };
        let page = PageRequest { cursor: None, limit: LOOK_BACK };
        let records = firm.store().records(client, Order::Newest, &page).await?;
        let of_bank =
            run.bank.iter().filter(|news| news.client.as_deref() == Some(client.as_str()));
        let mut what: Vec<_> = of_bank.map(bank_told).collect();
        let of_day = records.items.iter().rev().filter(|record| record.body.day == run.day);
        what.extend(of_day.flat_map(told));
        let failures = run.failed.iter().filter(|(failed, _)| failed == client);
        what.extend(failures.map(|(_, error)| failure(error)));
        what.sort_by_key(|told| told.kind); // within a kind as it happened
        let name = seen.loaded.account.profile.name.as_str().to_owned();
        Ok((!what.is_empty()).then(|| ClientTold { client: Some(client.clone()), name, what }))
    }
}

fn bank_told(news: &BankNews) -> Told {
    let what = match news.what {
        BankAct::Cleared => "cleared at the bank",
        BankAct::Returned => "was sent back by the bank",
        BankAct::Bounced => "was refused by the bank",
    };
    Told { kind: Kind::Paid, text: format!("The debit of {} {what}", news.amount) }
}

fn failure(error: &str) -> Told {
    let text = format!("Could not be looked at: {error}");
    Told { kind: Kind::Failed, text }
}

fn told(record: &Record) -> Vec<Told> {
    let events = record.body.events.iter();
    let events = events.filter_map(|event| serde_json::from_value::<Event>(event.clone()).ok());
    events
        .filter_map(|event| Some(Told { kind: kind(&event)?, text: sentence(&describe(&event)) }))
        .collect()
}

/// What a day is told by; what only prepares something else isn't told.
fn kind(event: &Event) -> Option<Kind> {
    match event {
        Event::Locked { .. } | Event::LimitBegun(_) | Event::ClientClosed(_) => Some(Kind::Locked),
        Event::Unlocked { .. } | Event::ExceptionBegun(_) => Some(Kind::Unlocked),
        Event::LetterLeft { sending, .. } => Some(match sending.kind {
            LetterKind::Notice => Kind::Warned,
            LetterKind::Reminder
            | LetterKind::LockNotice
            | LetterKind::LimitNotice
            | LetterKind::CloseNotice
            | LetterKind::DemandLetter
            | LetterKind::FinalDemand
            | LetterKind::WelcomeBack
            | LetterKind::Receipt
            | LetterKind::PaymentFailed
            | LetterKind::PromiseConfirmation
            | LetterKind::PlanConfirmation
            | LetterKind::PayLink
            | LetterKind::Message
            | LetterKind::Invitation
            | LetterKind::SignInLink => Kind::Written,
        }),
        Event::InvoiceIssued(_) | Event::InvoicePosted { .. } | Event::FeeCharged { .. } => {
            Some(Kind::Charged)
        }
        Event::PaymentChanged { .. }
        | Event::PaymentMismatched { .. }
        | Event::CreditNoteIssued { .. }
        | Event::CreditMoved { .. } => Some(Kind::Paid),
        Event::TaskOpened(_) => Some(Kind::Task),
        Event::ExceptionEnded
        | Event::LineExceptionEnded { .. }
        | Event::LimitEnded { .. }
        | Event::HoldEnded { .. }
        | Event::PromiseEnded { .. }
        | Event::PlanEnded { .. }
        | Event::UnlockRequestExpired { .. }
        | Event::LetterWithdrawn { .. }
        | Event::DeletionPutOff(_)
        | Event::ClientErased(_)
        | Event::StepSkipped { .. } => Some(Kind::Other),
        Event::MessageCame(_) | Event::MessageWritten(_) | Event::MessageRead { .. } => {
            Some(Kind::Other)
        }
        Event::AccountOpened(_)
        | Event::ProfileChanged(_)
        | Event::PeopleAssigned { .. }
        | Event::InvoiceVoided { .. }
        | Event::InvoiceWrittenOff { .. }
        | Event::FeePassedOver { .. }
        | Event::FeeTakenBack { .. }
        | Event::FeeWaived { .. }
        | Event::CollectionRests { .. }
        | Event::DisputeBegun { .. }
        | Event::DisputeReviewed { .. }
        | Event::DisputeEnded { .. }
        | Event::CaughtUp { .. }
        | Event::PromiseBegun { .. }
        | Event::PlanBegun(_)
        | Event::HoldBegun { .. }
        | Event::HardStopped { .. }
        | Event::LimitChanged(_)
        | Event::EpisodeMoved { .. }
        | Event::UnlockRequested(_)
        | Event::UnlockRejected { .. }
        | Event::LetterQueued(_)
        | Event::LetterExtended { .. }
        | Event::AddressBounced { .. }
        | Event::Reminded { .. }
        | Event::StepDone { .. }
        | Event::StepReached { .. }
        | Event::TaskExtended { .. }
        | Event::TaskAssigned { .. }
        | Event::ReferralApproved { .. }
        | Event::ReferralReturned { .. }
        | Event::TaskClosed { .. }
        | Event::NoteAdded(_)
        | Event::PayLinkMade(_)
        | Event::PayLinkRevoked { .. }
        | Event::MethodSaved(_)
        | Event::MethodRemoved { .. }
        | Event::DefaultMethodSet { .. }
        | Event::MethodStopped { .. }
        | Event::ChargeRequested(_)
        | Event::ChargeAsked { .. }
        | Event::ChargeEnded { .. }
        | Event::Responded { .. } => None,
    }
}

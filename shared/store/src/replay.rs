//! A record is put back: behind the end of its chain, byte for byte, with what its events make of the account.
//!
//! After the table was restored to an earlier moment, the archive has the records since. They hold all that was
//! decided, but for what is kept beside them: personal texts, passwords, sealed secrets, letters' words. Another table
//! that still has the same record (the one that was restored from) gives texts and words, each held against its hash;
//! else they are gone, as if somebody had asked to have them deleted. Nothing that was put back leaves again: a letter
//! that had been claimed counts as one that may have arrived (LET-4), a decided run is not carried out anew (LOCK-10).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::account::{Account, Profile};
use domain::apply::fold;
use domain::calendar::Day;
use domain::event::Event;
use domain::id::{ClientId, ContactId, PaymentId};
use domain::letter::{Letter, LetterId, LetterState};
use domain::text::Personal;
use domain::touches::touches;

use crate::Store;
use crate::change::{Derived, Taken};
use crate::commit::Commit;
use crate::contact::{ContactChange, ContactCommit, ContactExtras};
use crate::dynamo::Range;
use crate::error::StoreError;
use crate::firm::{FirmChange, FirmCommit, Grant};
use crate::head::Books;
use crate::keys::{Key, texts_sk};
use crate::load::Loaded;
use crate::numbers::CommitWith;
use crate::outbox::{Delivery, DeliveryState, delivery};
use crate::record::{Body, CommitMeta, Kept, Text, Wording, assemble_texts, hidden, open};
use crate::stream::{Chain, ChainRecord};

/// The last part of texts that a key has digits for.
const LAST_PART: usize = 9_999;

/// A letter names payments and invoices, a payment no more: each needs another look.
const MAX_LOOK_UPS: u32 = 4;

/// What is said of a letter that had left.
const LEFT_BEFORE: &str = "it left before the table was restored; what became of it was not kept";

/// What of a record could not be put back, since it never stood in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Personal texts: names, addresses, reasons.
    #[error("{0} personal texts")]
    Texts(usize),
    /// A password: the contact signs in by a link, and sets one again.
    #[error("the password of contact {0}")]
    Password(ContactId),
    /// A gateway's secrets: they are set again.
    #[error("the gateway secret {0}")]
    Secret(String),
    /// What was decided about a run and not done yet: the next day's run counts anew.
    #[error("the run of {0}")]
    Run(Day),
    /// What became of a letter at the mail service, and its words.
    #[error("what became of letter {}", .0.0)]
    Letter(LetterId),
}

/// How putting a record back ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It is there, but for that.
    Done(Vec<Lost>),
    /// Somebody else writes this table: nobody may, while it is restored.
    Stale,
}

/// Why a record can't be put back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It isn't the one after the table's last.
    #[error("record {sequence} of {chain} does not follow what the table has")]
    NotNext {
        /// Whose chain.
        chain: Chain,
        /// Which.
        sequence: u64,
    },
    /// It says what this program doesn't know, or isn't a record.
    #[error("record {sequence} of {chain} can't be read")]
    Unreadable {
        /// Whose chain.
        chain: Chain,
        /// Which.
        sequence: u64,
        /// Why not.
        source: serde_json::Error,
    },
    /// What it makes is there, and another's.
    #[error("record {sequence} of {chain} makes what is there already: {what:?}")]
    Taken {
        /// Whose chain.
        chain: Chain,
        /// Which.
        sequence: u64,
        /// What.
        what: Taken,
    },
    /// Its payment is another client's here (PAY-1).
    #[error("payment {payment} is client {client}'s")]
    Elsewhere {
        /// Which.
        payment: PaymentId,
        /// Whose.
        client: ClientId,
    },
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A record, opened.
struct Opened<'a> {
    record: &'a ChainRecord,
    body: Body,
    kept: Kept,
    lost: Vec<Lost>,
}

impl Opened<'_> {
    fn meta(&self) -> CommitMeta {
        let Body { at, day, actor, command, policy, request_id, rule, .. } = self.body.clone();
        CommitMeta { at, day, actor, command, policy, request_id, rule }
    }

    fn follows(&self, books: &Books) -> Result<(), ReplayError> {
        let ChainRecord { sequence, previous, .. } = self.record;
        let is_next = books.records + 1 == *sequence && books.chain == *previous;
        if is_next && books.version < self.body.version { Ok(()) } else { Err(self.not_next()) }
    }

    fn not_next(&self) -> ReplayError {
        let ChainRecord { chain, sequence, .. } = self.record;
        ReplayError::NotNext { chain: chain.clone(), sequence: *sequence }
    }

    fn unreadable(&self, source: serde_json::Error) -> ReplayError {
        unreadable(self.record, source)
    }

    /// What it says, as changes of a firm or a contact.
    fn changes<T: serde::de::DeserializeOwned>(&self) -> Result<Vec<T>, ReplayError> {
        let changes = self.body.events.iter().map(|event| serde_json::from_value(event.clone()));
        changes.collect::<Result<_, _>>().map_err(|error| self.unreadable(error))
    }
}

fn unreadable(record: &ChainRecord, source: serde_json::Error) -> ReplayError {
    let ChainRecord { chain, sequence, .. } = record;
    ReplayError::Unreadable { chain: chain.clone(), sequence: *sequence, source }
}

impl Store {
    /// Puts an archived record behind the end of its chain. `words` is another table that may have the same record
    /// with its texts; `shards` is into how many the firm's clients are divided; `at` is now.
    ///
    /// # Errors
    /// [`ReplayError`]; then nothing of it was written.
    pub async fn replay(
        &self,
        record: &ChainRecord,
        words: Option<&Store>,
        shards: u32,
        at: DateTime<Utc>,
    ) -> Result<Replayed, ReplayError> {
        let mut opened = open_record(record, words).await?;
        match &record.chain {
            Chain::Client(client) => {
                self.replay_client(client, &mut opened, words, (shards, at)).await
            }
            Chain::Firm => self.replay_firm(&mut opened, words).await,
            Chain::Contact(contact) => self.replay_contact(contact, &mut opened).await,
        }
    }

    async fn replay_client(
        &self,
        client: &ClientId,
        opened: &mut Opened<'_>,
        words: Option<&Store>,
        (shards, at): (u32, DateTime<Utc>),
    ) -> Result<Replayed, ReplayError> {
        let mut events = opened.body.events().map_err(|error| opened.unreadable(error))?;
        let mut loaded = match (self.load(client).await?, events.first()) {
            (Some(loaded), _) => loaded,
            (None, Some(Event::AccountOpened(profile))) => {
                self.begin(client.clone(), profile.clone())
            }
            (None, _) => return Err(opened.not_next()),
        };
        opened.follows(&loaded.books)?;
        for event in &mut events {
            if let Event::AccountOpened(profile) | Event::ProfileChanged(profile) = event {
                mend(profile, client, &loaded.account);
            }
        }
        self.look_at_touched(&mut loaded, &events).await?;
        if let Some((payment, client)) = loaded.elsewhere.pop_first() {
            return Err(ReplayError::Elsewhere { payment, client });
        }
        let after = fold(loaded.account.clone(), &events);
        let meta = opened.meta();
        // What is queued still is looked at as any other; the evaluation finds its own next day.
        let ready_at = |letter: &Letter| (letter.state == LetterState::Queued).then_some(at);
        let next_evaluation = Some(meta.day);
        let derived = Derived { next_evaluation, shards, ready_at: &ready_at, charge_at: at };
        let wording = Wording { meta: &meta, kept: Some(&opened.kept) };
        let beside = CommitWith::default();
        match self.write_commit(&loaded, &after, &events, wording, &derived, &beside).await? {
            Commit::Done(_) => {}
            Commit::Nothing | Commit::Stale => return Ok(Replayed::Stale),
            Commit::Taken(what) => {
                let ChainRecord { chain, sequence, .. } = opened.record;
                let (chain, sequence) = (chain.clone(), *sequence);
                return Err(ReplayError::Taken { chain, sequence, what });
            }
        }
        let left: BTreeSet<_> = events.iter().filter_map(left).collect();
        for letter in left {
            if !self.settle_letter(client, letter, words, at).await? {
                opened.lost.push(Lost::Letter(letter));
            }
        }
        Ok(Replayed::Done(std::mem::take(&mut opened.lost)))
    }

    async fn look_at_touched(
        &self,
        loaded: &mut Loaded,
        events: &[Event],
    ) -> Result<(), ReplayError> {
        for _ in 0..MAX_LOOK_UPS {
            let needs = touches(&loaded.account, events);
            if needs.is_empty() {
                break;
            }
            if !self.look_up(loaded, &needs).await? {
                return Err(StoreError::Torn(loaded.account.client.to_string()).into());
            }
        }
        Ok(())
    }

    /// Says of a claimed letter what another table knows of it, else that it may have left: so nobody hands it over
    /// again. `false`: nothing more is known.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn settle_letter(
        &self,
        client: &ClientId,
        letter: LetterId,
        words: Option<&Store>,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut known = None;
        if let Some(words) = words {
            if let Some(sent) = words.sent_letter(client, letter).await? {
                self.keep_letter(client, letter, &sent).await?;
            }
            let place = Key::Letter(client, letter).place(&words.firm);
            let item = words.dynamo.get(&place).await?;
            known = item.as_ref().map(delivery).transpose()?.flatten();
        }
        let is_known = known.is_some();
        let known = known.unwrap_or_else(|| Delivery {
            state: DeliveryState::Uncertain,
            at,
            message_id: None,
            sha256: None,
            problem: Some(LEFT_BEFORE.to_owned()),
        });
        self.letter_delivered(client, letter, &known).await?;
        Ok(is_known)
    }

    async fn replay_firm(
        &self,
        opened: &mut Opened<'_>,
        words: Option<&Store>,
    ) -> Result<Replayed, ReplayError> {
        let loaded = self.load_firm().await?;
        let genesis = self.firm_genesis()?;
        opened.follows(loaded.as_ref().map_or(&genesis, |loaded| &loaded.books))?;
        let mut changes: Vec<FirmChange> = opened.changes()?;
        let (Some(mut change), true) = (changes.pop(), changes.is_empty()) else {
            return Err(opened.not_next());
        };
        match &mut change {
            FirmChange::GrantGiven(grant) => {
                let known = self.grant(&grant.subject).await?;
                mend_grant(grant, known);
            }
            FirmChange::SecretKept(secret) => {
                // Sealed under a key that both tables are under, if that one still has it.
                let found = match words {
                    Some(words) => words.secret(&secret.name).await?,
                    None => None,
                };
                match found {
                    Some(found) => *secret = found,
                    None => opened.lost.push(Lost::Secret(secret.name.clone())),
                }
            }
            FirmChange::RunDecided(run) => opened.lost.push(Lost::Run(run.day)),
            _ => {}
        }
        let meta = opened.meta();
        let wording = Wording { meta: &meta, kept: Some(&opened.kept) };
        Ok(match self.commit_firm(loaded.as_ref(), &change, wording).await? {
            FirmCommit::Done => Replayed::Done(std::mem::take(&mut opened.lost)),
            FirmCommit::Stale => Replayed::Stale,
        })
    }

    async fn replay_contact(
        &self,
        contact: &ContactId,
        opened: &mut Opened<'_>,
    ) -> Result<Replayed, ReplayError> {
        let loaded = self.load_contact(contact).await?;
        let loaded = loaded.unwrap_or_else(|| self.new_contact(contact.clone()));
        opened.follows(&loaded.books)?;
        let mut changes: Vec<ContactChange> = opened.changes()?;
        for change in &mut changes {
            match change {
                ContactChange::Invited { called, .. } if called.as_str().is_empty() => {
                    *called = Personal::new(contact.as_str());
                }
                ContactChange::PasswordSet { .. } => {
                    opened.lost.push(Lost::Password(contact.clone()));
                }
                _ => {}
            }
        }
        if changes.contains(&ContactChange::Erased) {
            // Before the commit: who dies between the two begins with this record again.
            self.erase_beside_contact(&loaded).await?;
        }
        let meta = opened.meta();
        let wording = Wording { meta: &meta, kept: Some(&opened.kept) };
        let beside = ContactExtras::default();
        Ok(match self.write_contact(&loaded, &changes, &beside, wording).await? {
            ContactCommit::Done => Replayed::Done(std::mem::take(&mut opened.lost)),
            ContactCommit::Stale | ContactCommit::LinkUsed => Replayed::Stale,
        })
    }

    /// The personal texts of a record, if this table has the same record.
    async fn texts_of(&self, record: &ChainRecord) -> Result<Vec<Text>, StoreError> {
        let sequence = record.sequence;
        let found = self.chain_records(&record.chain, sequence, sequence).await?.pop();
        if !found.is_some_and(|found| found.is_ok_and(|found| found == *record)) {
            return Ok(Vec::new());
        }
        let range = Range {
            pk: self.pk_of(&record.chain),
            between: Some((texts_sk(sequence, 0), texts_sk(sequence, LAST_PART))),
            is_consistent: true,
            ..Range::default()
        };
        let mut texts = assemble_texts(&self.dynamo.query(range).await?.0)?;
        Ok(texts.remove(&sequence).unwrap_or_default())
    }
}

async fn open_record<'a>(
    record: &'a ChainRecord,
    words: Option<&Store>,
) -> Result<Opened<'a>, ReplayError> {
    let ChainRecord { sequence, previous, hash, chain, body, .. } = record;
    if previous.next(*sequence, body.as_bytes()) != *hash {
        return Err(ReplayError::NotNext { chain: chain.clone(), sequence: *sequence });
    }
    let mut texts = match words {
        Some(words) => words.texts_of(record).await?,
        None => Vec::new(),
    };
    let read = |texts: &[Text]| open(body, texts).map_err(|error| unreadable(record, error));
    let (mut opened, wrong) = read(&texts)?;
    if !wrong.is_empty() {
        // One that isn't what was hashed: none of them is believed.
        texts.clear();
        opened = read(&texts)?.0;
    }
    let values: Vec<serde_json::Value> = match serde_json::from_str::<Body>(body) {
        Ok(body) => body.events,
        Err(error) => return Err(unreadable(record, error)),
    };
    let missing = values.iter().map(hidden).sum::<usize>().saturating_sub(texts.len());
    let lost = (0 < missing).then_some(Lost::Texts(missing));
    let kept = Kept { body: body.clone(), version: opened.version, texts };
    Ok(Opened { record, body: opened, kept, lost: lost.into_iter().collect() })
}

/// Whether what follows from a change of the firm stands in its record. A secret without its sealed bytes would
/// be none, and a run that was decided about is not carried out a second time.
pub(crate) fn is_all_in_its_record(change: &FirmChange) -> bool {
    match change {
        FirmChange::SecretKept(secret) => !secret.sealed.is_empty(),
        FirmChange::RunDecided(_) => false,
        _ => true,
    }
}

fn left(event: &Event) -> Option<LetterId> {
    if let Event::LetterLeft { letter, .. } = event { Some(*letter) } else { None }
}

/// A profile whose texts are gone: the name of before stays, and no letter goes to an address that nobody knows.
fn mend(profile: &mut Profile, client: &ClientId, before: &Account) {
    if profile.name.as_str().is_empty() {
        let known = &before.profile.name;
        let is_known = !known.as_str().is_empty();
        profile.name = if is_known { known.clone() } else { Personal::new(client.as_str()) };
    }
    profile.contacts.retain(|contact| !contact.address.as_str().is_empty());
}

/// A grant whose texts are gone: the name and address of before stay.
fn mend_grant(grant: &mut Grant, known: Option<Grant>) {
    if !grant.name.as_str().is_empty() {
        return;
    }
    grant.mail = grant.mail.take().filter(|mail| !mail.as_str().is_empty());
    match known {
        Some(known) => (grant.name, grant.mail) = (known.name, known.mail),
        None => grant.name = Personal::new(grant.staff.as_str()),
    }
}

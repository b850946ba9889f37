//! The commit: everything one decision writes, in one transaction or not at all.
//!
//! The head is conditional on the version read, so a decision is written only against the facts that it
//! was taken from (EVAL-4); the commit record is put only where none is. An answer that doesn't come is
//! looked for in the table: the head and the record carry the id of the commit that wrote them.
//!
//! One decision may change more invoices than a transaction has room for: a letter warns each of a
//! thousand. Their new items then go into parcels beside the head, in the same transaction, and from there
//! to their places; whoever loads the account first makes sure of it ([`Store::load`]).

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::account::Account;
use domain::audit::ChainHash;
use domain::event::Event;
use domain::id::ClientId;
use domain::kpi;

use crate::Store;
use crate::change::{Changes, Derived, Taken, changes};
use crate::dynamo::{Condition, MAX_TRANSACTION, Transacted, Write};
use crate::error::StoreError;
use crate::head::{Books, COMMIT, MAX_HEAD_BYTES, put_books, rewrite};
use crate::item::{Item, check_size, get_text, new_item, place_of, size, text, version_of};
use crate::keys::{Key, PK, Place, SK, VERSION, prefix};
use crate::kpi::to_facts;
use crate::links::put_last_payments;
use crate::load::Loaded;
use crate::numbers::CommitWith;
use crate::record::{CommitMeta, Wording, record_items};
use crate::told::{notice, to_news};

/// DynamoDB's limit on one transaction, 4 MB, less a little for the conditions.
const MAX_TRANSACTION_BYTES: usize = 3_900 * 1024;

/// How much of changed items goes into one parcel.
const MAX_PARCEL_BYTES: usize = 300 * 1024;

/// How often a commit is sent again when no answer came. Each time has the SDK's own tries in it.
const MAX_SENDS: u32 = 3;

/// Before it is sent again.
const RESEND_DELAY: Duration = Duration::from_millis(50);

/// How a commit ended. Only an outage is an error; these are answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// It is written.
    Done(Committed),
    /// Nothing had changed, so nothing was written.
    Nothing,
    /// The facts moved under the decision: take it again (EVAL-4).
    Stale,
    /// Something that is unique in the firm is there already.
    Taken(Taken),
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The account's version now.
    pub version: u64,
    /// The number of the last commit record.
    pub sequence: u64,
}

/// A transaction, and what each of its writes guards.
struct Plan {
    writes: Vec<Write>,
    guards: Vec<Guard>,
    books: Books,
    has_parcels: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Guard {
    /// The account is as it was read.
    Facts,
    /// Something is new in the whole firm.
    Unique(Taken),
    /// Nothing.
    None,
}

impl Store {
    /// Writes what a decision changed, or nothing if that is nothing.
    ///
    /// # Errors
    /// [`StoreError::Unclear`] if the table never said whether it wrote; [`StoreError::TooLarge`] for what
    /// it has no room for; whatever reading and writing have.
    pub async fn commit(
        &self,
        loaded: &Loaded,
        after: &Account,
        events: &[Event],
        meta: &CommitMeta,
        derived: &Derived<'_>,
    ) -> Result<Commit, StoreError> {
        self.commit_with(loaded, after, events, meta, derived, &CommitWith::default()).await
    }

    /// The same, with what goes beside it in the same transaction.
    ///
    /// # Errors
    /// Those of [`Self::commit`].
    pub async fn commit_with(
        &self,
        loaded: &Loaded,
        after: &Account,
        events: &[Event],
        meta: &CommitMeta,
        derived: &Derived<'_>,
        beside: &CommitWith<'_>,
    ) -> Result<Commit, StoreError> {
        self.write_commit(loaded, after, events, Wording::new(meta), derived, beside).await
    }

    /// The same, with a record that is made now or put back.
    pub(crate) async fn write_commit(
        &self,
        loaded: &Loaded,
        after: &Account,
        events: &[Event],
        wording: Wording<'_>,
        derived: &Derived<'_>,
        beside: &CommitWith<'_>,
    ) -> Result<Commit, StoreError> {
        let id = commit_id()?;
        let room = MAX_TRANSACTION - beside.count();
        let Some(mut plan) = self.plan(loaded, after, events, wording, derived, (&id, room))?
        else {
            return Ok(Commit::Nothing);
        };
        plan.add(beside, &after.client);
        if let Some(ready_at) = beside.tell_at.filter(|_| !events.is_empty()) {
            let notice = notice(&self.firm, &after.client, plan.books.records, ready_at);
            plan.writes.push(Write::Put(notice, Condition::Always));
            plan.guards.push(Guard::None);
        }
        let done = Committed { version: plan.books.version, sequence: plan.books.records };
        let commit = match self.send(&plan, &after.client, &id).await? {
            Transacted::Done => Commit::Done(done),
            Transacted::Conflict => Commit::Stale,
            Transacted::Refused(places) => plan.refused(&places),
        };
        if plan.has_parcels && matches!(commit, Commit::Done(_)) {
            // Whoever loads the account next does it, if this doesn't get to it.
            if let Err(error) = self.unpack_all(&after.client, plan.books.version).await {
                tracing::warn!(client.id = %after.client, %error, "Left parcels of client {}", after.client);
            }
        }
        Ok(commit)
    }

    fn plan(
        &self,
        loaded: &Loaded,
        after: &Account,
        events: &[Event],
        wording: Wording<'_>,
        derived: &Derived<'_>,
        (id, room): (&str, usize),
    ) -> Result<Option<Plan>, StoreError> {
        let (old, meta) = (&loaded.books, wording.meta);
        let version = wording.version_after(old.version);
        let head_place = Key::Head(&after.client).place(&self.firm);
        let stored = loaded.items.get(&head_place);
        let head =
            rewrite(stored, &loaded.account, after, derived.next_evaluation, derived.shards)?;
        let changes = changes(loaded, after, (version, meta.at, meta.day), derived)?;
        if head.is_none() && changes.is_empty() && events.is_empty() {
            return Ok(None);
        }
        let mut books = Books { version, commit: id.to_owned(), ..old.clone() };
        let mut plan = Vec::new();
        if !events.is_empty() {
            let items = self.record(&mut books, (&loaded.account, after), events, wording)?;
            plan.extend(
                items.into_iter().map(|item| (Write::Put(item, Condition::Absent), Guard::Facts)),
            );
        }
        let mut head = head.or_else(|| stored.cloned()).unwrap_or_default();
        put_books(&mut head, &books);
        if let Some(last) = &changes.last_payments {
            put_last_payments(&mut head, last);
        }
        check_size(&head, MAX_HEAD_BYTES)?;
        let condition = match old.version {
            0 => Condition::Absent,
            version => Condition::Equals(VERSION, AttributeValue::N(version.to_string())),
        };
        plan.insert(0, (Write::Put(head, condition), Guard::Facts));
        let guard = |what: Option<Taken>| what.map_or(Guard::None, Guard::Unique);
        plan.extend(changes.writes.into_iter().map(|(write, what)| (write, guard(what))));
        let has_parcels = room < plan.len() + changes.invoices.len();
        let invoices = match has_parcels {
            false => changes.invoices,
            true => self.pack(&after.client, version, changes.invoices),
        };
        plan.extend(invoices.into_iter().map(|write| (write, Guard::None)));
        let (writes, guards): (Vec<_>, Vec<_>) = plan.into_iter().unzip();
        check_total(&writes)?;
        Ok(Some(Plan { writes, guards, books, has_parcels }))
    }

    fn record(
        &self,
        books: &mut Books,
        (before, after): (&Account, &Account),
        events: &[Event],
        wording: Wording<'_>,
    ) -> Result<Vec<Item>, StoreError> {
        let client = &after.client;
        let sequence = books.records + 1;
        let record = wording.record(events, books.version)?;
        let previous = books.chain;
        let hash: ChainHash = previous.next(sequence, record.body.as_bytes());
        (books.records, books.chain) = (sequence, hash);
        let place = |part| match part {
            0 => Key::Record(client, sequence).place(&self.firm),
            part => Key::RecordPart(client, sequence, part).place(&self.firm),
        };
        let text_place = |part| Key::Texts(client, sequence, part).place(&self.firm);
        let written_by = (books.version, books.commit.as_str());
        let mut items = record_items(place, text_place, &record, (previous, hash), written_by)?;
        if let Some(record) = items.first_mut() {
            let of = (sequence, wording.meta.at);
            let facts = kpi::facts(before, events, after, wording.meta.day);
            to_facts(record, (&self.firm, client), of, &facts)?;
            to_news(record, (&self.firm, client), of, events);
        }
        Ok(items)
    }

    /// Sends it until the table says how it ended, or too often.
    async fn send(
        &self,
        plan: &Plan,
        client: &ClientId,
        id: &str,
    ) -> Result<Transacted, StoreError> {
        let mut cause = None;
        for attempt in 0..MAX_SENDS {
            if 0 < attempt {
                tokio::time::sleep(RESEND_DELAY).await;
                if let Some(end) = self.find(client, plan, id).await? {
                    return Ok(end);
                }
            }
            match self.dynamo.transact(&plan.writes, id).await {
                // A second send may find what the first one wrote.
                Ok(Transacted::Refused(places)) if 0 < attempt => {
                    let end = self.find(client, plan, id).await?;
                    return Ok(end.unwrap_or(Transacted::Refused(places)));
                }
                Err(StoreError::Unclear(error)) => cause = Some(error),
                ended => return ended,
            }
        }
        match self.find(client, plan, id).await? {
            Some(end) => Ok(end),
            None => Err(StoreError::Unclear(cause.unwrap_or_else(|| "no answer".into()))),
        }
    }

    /// Whether the commit is in the table; `None`: neither it nor another in its place.
    async fn find(
        &self,
        client: &ClientId,
        plan: &Plan,
        id: &str,
    ) -> Result<Option<Transacted>, StoreError> {
        let Some(head) = self.dynamo.get(&Key::Head(client).place(&self.firm)).await? else {
            return Ok(None);
        };
        if version_of(&head) < plan.books.version {
            return Ok(None);
        }
        let is_mine = |item: &Item| get_text(item, COMMIT) == Some(id);
        if is_mine(&head) {
            return Ok(Some(Transacted::Done));
        }
        // Others have committed since, on top of it or instead of it. A commit without a record only
        // moved the next evaluation: it is computed again.
        let record = Key::Record(client, plan.books.records).place(&self.firm);
        let record = self.dynamo.get(&record).await?;
        let is_mine = record.as_ref().is_some_and(is_mine);
        Ok(Some(if is_mine { Transacted::Done } else { Transacted::Conflict }))
    }

    /// Parcels of these writes, which all are of one client.
    fn pack(&self, client: &ClientId, version: u64, writes: Vec<Write>) -> Vec<Write> {
        let mut parcels = Vec::new();
        let mut parcel = Parcel::default();
        for write in writes {
            parcel.add(write);
            if MAX_PARCEL_BYTES <= parcel.bytes {
                parcels.push(std::mem::take(&mut parcel));
            }
        }
        parcels.push(parcel);
        let place = |part| Key::Parcel(client, part).place(&self.firm);
        let items = parcels
            .into_iter()
            .enumerate()
            .map(|(part, parcel)| parcel.item(&place(part), version));
        items.map(|item| Write::Put(item, Condition::Always)).collect()
    }

    async fn unpack_all(&self, client: &ClientId, version: u64) -> Result<(), StoreError> {
        let range = crate::dynamo::Range {
            pk: Key::Head(client).pk(&self.firm),
            prefix: Some(prefix::PARCEL.to_owned()),
            is_consistent: true,
            ..crate::dynamo::Range::default()
        };
        let (items, _) = self.dynamo.query(range).await?;
        self.unpack(client, version, &items).await
    }

    /// Brings what is in parcels to its places and does away with them, as long as the account is at that
    /// version: after the next commit they would be old. Doing it twice does no harm.
    pub(crate) async fn unpack(
        &self,
        client: &ClientId,
        version: u64,
        items: &[Item],
    ) -> Result<(), StoreError> {
        let parcels: Vec<_> =
            items.iter().filter(|item| place_of(item).sk.starts_with(prefix::PARCEL)).collect();
        let mut writes: Vec<Write> =
            parcels.iter().flat_map(|parcel| open_parcel(parcel)).collect();
        // Last of all, and in this order, so that no parcel goes before what was in it.
        writes.extend(
            parcels.iter().map(|parcel| Write::Delete(place_of(parcel), Condition::Always)),
        );
        let head = Key::Head(client).place(&self.firm);
        let is_same = Condition::Equals(VERSION, AttributeValue::N(version.to_string()));
        let mut rest = writes.as_slice();
        while !rest.is_empty() {
            let count = fitting(rest);
            let (some, after) = rest.split_at(count);
            let mut transaction = vec![Write::Check(head.clone(), is_same.clone())];
            transaction.extend_from_slice(some);
            match self.dynamo.transact(&transaction, &commit_id()?).await? {
                Transacted::Done => rest = after,
                // Somebody else does it, or did; the reader looks again.
                Transacted::Refused(_) | Transacted::Conflict => return Ok(()),
            }
        }
        Ok(())
    }
}

/// How many of these writes go into one transaction.
fn fitting(writes: &[Write]) -> usize {
    let mut bytes = 0;
    let fits = |write: &&Write| {
        bytes += write_size(write);
        bytes <= MAX_TRANSACTION_BYTES
    };
    writes.iter().take(MAX_TRANSACTION - 1).take_while(fits).count().max(1)
}

impl Plan {
    /// A number that another drew first is decided again, like any fact that moved.
    fn add(&mut self, beside: &CommitWith<'_>, client: &ClientId) {
        if let Some(draw) = beside.draw {
            self.writes.push(draw.write());
            self.guards.push(Guard::Facts);
        }
        if let Some((once, made)) = beside.once {
            self.writes.push(once.write(client.as_str(), made));
            self.guards.push(Guard::Unique(Taken::Request));
        }
    }

    /// What a refusal means: the facts moved, or something is taken.
    fn refused(&self, places: &[usize]) -> Commit {
        let guards = || places.iter().filter_map(|&place| self.guards.get(place));
        if guards().any(|guard| *guard == Guard::Facts) {
            return Commit::Stale;
        }
        let taken = guards().find_map(|guard| match guard {
            Guard::Unique(what) => Some(what.clone()),
            Guard::Facts | Guard::None => None,
        });
        taken.map_or(Commit::Stale, Commit::Taken)
    }
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.invoices.is_empty()
    }
}

/// Items to be put and places to be cleared.
#[derive(Debug, Default)]
struct Parcel {
    puts: Vec<AttributeValue>,
    deletes: Vec<AttributeValue>,
    bytes: usize,
}

/// The items to be put.
const PUTS: &str = "puts";
/// The sort keys of the items to be deleted.
const DELETES: &str = "deletes";

impl Parcel {
    fn add(&mut self, write: Write) {
        self.bytes += write_size(&write);
        match write {
            Write::Put(item, _) => self.puts.push(AttributeValue::M(item)),
            Write::Delete(place, _) => self.deletes.push(text(place.sk)),
            Write::Update(..) | Write::Check(..) => {}
        }
    }

    fn item(self, place: &Place, version: u64) -> Item {
        let mut item = new_item(place, version);
        item.insert(PUTS.to_owned(), AttributeValue::L(self.puts));
        item.insert(DELETES.to_owned(), AttributeValue::L(self.deletes));
        item
    }
}

fn open_parcel(item: &Item) -> Vec<Write> {
    let list = |name| item.get(name).and_then(|list| list.as_l().ok()).into_iter().flatten();
    let puts = list(PUTS).filter_map(|put| put.as_m().ok());
    let puts = puts.map(|put| Write::Put(put.clone(), Condition::Always));
    let pk = get_text(item, PK).unwrap_or_default();
    let deletes = list(DELETES).filter_map(|sk| sk.as_s().ok());
    let place = |sk: &String| Place { pk: pk.to_owned(), sk: sk.clone() };
    let deletes = deletes.map(|sk| Write::Delete(place(sk), Condition::Always));
    puts.chain(deletes).collect()
}

fn write_size(write: &Write) -> usize {
    match write {
        Write::Put(item, _) => size(item) + 8,
        Write::Delete(place, _) | Write::Check(place, _) | Write::Update(place, ..) => {
            place.pk.len() + place.sk.len() + PK.len() + SK.len()
        }
    }
}

fn check_total(writes: &[Write]) -> Result<(), StoreError> {
    let size = writes.iter().map(write_size).sum();
    if MAX_TRANSACTION_BYTES < size {
        let what = "a commit in bytes".to_owned();
        return Err(StoreError::TooLarge { what, size, limit: MAX_TRANSACTION_BYTES });
    }
    Ok(())
}

/// Names one commit: also its token, so that sending it again does nothing twice.
pub(crate) fn commit_id() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Encode(error.to_string().into()))?;
    Ok(hex::encode(bytes))
}

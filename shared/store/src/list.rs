//! Lists of one firm: clients, invoices, letters, tasks, the audit trail; and single things by their name.

use chrono::{DateTime, Utc};
use domain::account::UnlockRequest;
use domain::calendar::Day;
use domain::concern::ConcernKind;
use domain::id::{ClassId, ClientId, InvoiceId, PaymentId};
use domain::invoice::Invoice;
use domain::letter::{Letter, LetterId};
use domain::lock::Lock;
use domain::message::MessageId;
use domain::note::{NoteId, NoteKind};
use domain::payment::Payment;
use domain::task::Task;
use domain::text::Personal;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::Range;
use crate::error::StoreError;
use crate::head::{
    CLASS, ClientState, LAST_INVOICED, LISTED_AS, NAME, NEXT_EVALUATION, OLDEST_DUE,
};
use crate::heard::Heard;
use crate::item::{Item, check_schema, corrupt, get_text, place_of, read};
use crate::keys::{
    Index, Key, clients_in, clients_pk, concerns_of, concerns_pk, due_of, due_pk, due_until,
    prefix, tasks_pk,
};
use crate::load::client_of;
use crate::outbox::{Delivery, delivery};
use crate::record::Record;

/// A client in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Which.
    pub client: ClientId,
    /// Its name.
    pub name: Personal,
    /// Its class.
    pub class: ClassId,
    /// Its state.
    pub state: ClientState,
    /// The due date of its oldest open invoice.
    pub oldest_due: Option<Day>,
    /// The day of its next evaluation.
    pub next_evaluation: Option<Day>,
    /// The date of its newest invoice.
    pub last_invoiced: Option<Day>,
    /// The lock, if it is locked.
    pub lock: Option<Lock>,
    /// The open request to unlock.
    pub request: Option<UnlockRequest>,
}

/// A client of whom something of a kind needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcernRow {
    /// Which.
    pub client: ClientId,
    /// Of which kind.
    pub kind: ConcernKind,
}

/// An open task in the firm's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Of which client.
    pub client: ClientId,
    /// What.
    pub task: Task,
}

/// A letter with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterRow {
    /// The letter.
    pub letter: Letter,
    /// What the mail service said, once it did.
    pub delivery: Option<Delivery>,
    /// What was heard of it since.
    pub heard: Heard,
}

/// A staff note on a client (NOTE-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its id: sorts by time, and is unique on the client.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: domain::id::StaffId,
    /// Whether it logs a call.
    #[serde(default)]
    pub kind: NoteKind,
    /// About which invoice, if about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceId>,
    /// What.
    pub text: Personal,
}

impl Note {
    /// A note as it is stored, written at that instant.
    pub fn of(note: &domain::note::Note, at: DateTime<Utc>) -> Self {
        let domain::note::Note { id, kind, by, invoice, text } = note.clone();
        Self { id: Self::name(id, at), at, by, kind, invoice, text }
    }

    /// The id of the note of that number, written at that instant.
    pub fn name(id: NoteId, at: DateTime<Utc>) -> String {
        // A test firm's clock stands still: then the number tells which came first.
        format!("{}-{:010}", at.format("%Y%m%dT%H%M%S%6fZ"), id.0)
    }
}

/// A message between a client and the firm, as it is stored (LET-8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub message: domain::message::Message,
}

/// A client that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub client: ClientId,
    /// Since which day: an earlier one was missed.
    pub day: Day,
}

/// Whether the newest come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    #[default]
    Oldest,
    /// Newest first.
    Newest,
}

impl Store {
    /// Clients by name, of one state or of all, state by state; eventually consistent.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn clients(
        &self,
        state: Option<ClientState>,
        page: &PageRequest<'_>,
    ) -> Result<Listed<ClientRow>, StoreError> {
        let range = Range {
            index: Some(Index::Firm),
            pk: clients_pk(&self.firm),
            prefix: state.map(|state| clients_in(state.as_str())),
            ..Range::default()
        };
        let owner = self.owner();
        self.dynamo.list(&[range], &owner, page, |item| client_row(item).map(Some)).await
    }

    /// Open tasks of the firm, oldest first; eventually consistent.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn tasks(&self, page: &PageRequest<'_>) -> Result<Listed<TaskRow>, StoreError> {
        let range =
            Range { index: Some(Index::Firm), pk: tasks_pk(&self.firm), ..Range::default() };
        let row = |item: &Item| Ok(Some(TaskRow { client: client_of(item)?, task: read(item)? }));
        self.dynamo.list(&[range], &self.owner(), page, row).await
    }

    /// Clients of whom something needs a person and is no task: those of a kind, or kind by kind, the oldest first;
    /// eventually consistent. What it is, the account says.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn concerns(
        &self,
        kind: Option<ConcernKind>,
        page: &PageRequest<'_>,
    ) -> Result<Listed<ConcernRow>, StoreError> {
        let range = Range {
            index: Some(Index::Firm),
            pk: concerns_pk(&self.firm),
            prefix: kind.map(concerns_of),
            ..Range::default()
        };
        let row = |item: &Item| {
            let place = place_of(item);
            let kind = place.sk.strip_prefix(prefix::CONCERN).and_then(ConcernKind::from_name);
            let client = client_of(item)?;
            Ok(kind.map(|kind| ConcernRow { client, kind }))
        };
        self.dynamo.list(&[range], &self.owner(), page, row).await
    }

    /// A client's invoices by number: the open ones, then the closed ones.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn invoices(
        &self,
        client: &ClientId,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Invoice>, StoreError> {
        let ranges =
            [prefix::OPEN_INVOICE, prefix::CLOSED_INVOICE].map(|part| self.range(client, part));
        self.dynamo.list(&ranges, &ranges[0].pk, page, |item| read(item).map(Some)).await
    }

    /// A client's letters: the queued ones, then the others, newest first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn letters(
        &self,
        client: &ClientId,
        page: &PageRequest<'_>,
    ) -> Result<Listed<LetterRow>, StoreError> {
        let range = |part| Range { is_backwards: true, ..self.range(client, part) };
        let ranges = [prefix::QUEUED_LETTER, prefix::LETTER].map(range);
        let row = |item: &Item| letter_row(item).map(Some);
        self.dynamo.list(&ranges, &ranges[0].pk, page, row).await
    }

    /// A client's audit trail, with personal texts where they still are.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn records(
        &self,
        client: &ClientId,
        order: Order,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Record>, StoreError> {
        self.trail(&Key::Head(client).pk(&self.firm), order, page).await
    }

    /// A client's notes, newest first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn notes(
        &self,
        client: &ClientId,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Note>, StoreError> {
        let range = Range { is_backwards: true, ..self.range(client, prefix::NOTE) };
        let pk = range.pk.clone();
        self.dynamo.list(&[range], &pk, page, |item| read(item).map(Some)).await
    }

    /// A client's messages, newest first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn messages(
        &self,
        client: &ClientId,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Message>, StoreError> {
        let range = Range { is_backwards: true, ..self.range(client, prefix::MESSAGE) };
        let pk = range.pk.clone();
        self.dynamo.list(&[range], &pk, page, |item| read(item).map(Some)).await
    }

    /// One message of a client.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn message(
        &self,
        client: &ClientId,
        id: MessageId,
    ) -> Result<Option<Message>, StoreError> {
        let item = self.dynamo.get(&Key::Message(client, id).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// One note of a client.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn note(&self, client: &ClientId, id: &str) -> Result<Option<Note>, StoreError> {
        let item = self.dynamo.get(&Key::Note(client, id).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// Clients of one shard that are due on that day or were before, the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn due(
        &self,
        shard: u32,
        day: Day,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Due>, StoreError> {
        let range = Range {
            index: Some(Index::Due),
            pk: due_pk(&self.firm, shard),
            at_most: Some(due_until(day)),
            ..Range::default()
        };
        self.dynamo.list(&[range], &self.owner(), page, |item| due(item).map(Some)).await
    }

    /// A payment and whose it is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<(ClientId, Payment)>, StoreError> {
        let item = self.dynamo.get(&Key::Payment(id).place(&self.firm)).await?;
        item.map(|item| Ok((client_of(&item)?, read(&item)?))).transpose()
    }

    /// Whose an invoice number is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn client_of_invoice(&self, id: &InvoiceId) -> Result<Option<ClientId>, StoreError> {
        let item = self.dynamo.get(&Key::InvoiceNumber(id).place(&self.firm)).await?;
        item.map(|item| client_of(&item)).transpose()
    }

    /// One invoice of a client, open or closed.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn invoice(
        &self,
        client: &ClientId,
        id: &InvoiceId,
    ) -> Result<Option<Invoice>, StoreError> {
        let keys = [Key::OpenInvoice(client, id), Key::ClosedInvoice(client, id)];
        let items = self.dynamo.batch_get(&keys.map(|key| key.place(&self.firm))).await?;
        // While it moves from one place to the other both may be seen: the newer one counts.
        let newest = items.iter().max_by_key(|item| crate::item::version_of(item));
        newest.map(read).transpose()
    }

    /// One letter of a client, wherever it stands.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn letter(
        &self,
        client: &ClientId,
        id: LetterId,
    ) -> Result<Option<LetterRow>, StoreError> {
        let keys = [Key::QueuedLetter(client, id), Key::Letter(client, id)];
        let items = self.dynamo.batch_get(&keys.map(|key| key.place(&self.firm))).await?;
        let newest = items.iter().max_by_key(|item| crate::item::version_of(item));
        newest.map(letter_row).transpose()
    }

    fn range(&self, client: &ClientId, prefix: &str) -> Range {
        Range {
            pk: Key::Head(client).pk(&self.firm),
            prefix: Some(prefix.to_owned()),
            is_consistent: true,
            ..Range::default()
        }
    }

    /// How all keys of the firm begin, but for the `#` that follows.
    fn owner(&self) -> String {
        Key::Settings.pk(&self.firm)
    }
}

/// From the index: the head itself isn't read.
fn client_row(item: &Item) -> Result<ClientRow, StoreError> {
    check_schema(item)?;
    let get = |name| get_text(item, name).ok_or_else(|| corrupt(item, format!("it has no {name}")));
    let day = |name| get_text(item, name).map(str::parse::<Day>).transpose();
    let state = ClientState::from_name(get(LISTED_AS)?);
    let lock = item.get("lock").cloned().map(serde_dynamo::from_attribute_value);
    let request = item.get("request").cloned().map(serde_dynamo::from_attribute_value);
    Ok(ClientRow {
        client: client_of(item)?,
        name: Personal::new(get(NAME)?),
        class: get(CLASS)?.parse().map_err(|error| corrupt(item, error))?,
        state: state.ok_or_else(|| corrupt(item, format!("its {LISTED_AS} is unknown")))?,
        oldest_due: day(OLDEST_DUE).map_err(|error| corrupt(item, error))?,
        next_evaluation: day(NEXT_EVALUATION).map_err(|error| corrupt(item, error))?,
        last_invoiced: day(LAST_INVOICED).map_err(|error| corrupt(item, error))?,
        lock: lock.transpose().map_err(|error| corrupt(item, error))?,
        request: request.transpose().map_err(|error| corrupt(item, error))?,
    })
}

fn letter_row(item: &Item) -> Result<LetterRow, StoreError> {
    Ok(LetterRow { letter: read(item)?, delivery: delivery(item)?, heard: Heard::of(item)? })
}

fn due(item: &Item) -> Result<Due, StoreError> {
    let (_, sk) = Index::Due.attributes();
    let due = get_text(item, sk).and_then(due_of);
    let (day, client) = due.ok_or_else(|| corrupt(item, "it isn't due"))?;
    Ok(Due { client, day })
}

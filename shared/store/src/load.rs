//! Reading an account: one query for all that can still change, one batch for what else a command
//! needs.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::{Account, Credit, Exception, Profile, Unlocked};
use domain::audit::ChainHash;
use domain::calendar::Day;
use domain::charge::Charge;
use domain::command::Needs;
use domain::id::{ClientId, PaymentId};
use domain::invoice::{Invoice, Source};
use domain::letter::Letter;
use domain::lock::{Lock, Scope};
use domain::payment::Payment;
use domain::plan::{Plan, Promise};
use domain::task::Task;

use crate::Store;
use crate::dynamo::Range;
use crate::error::StoreError;
use crate::head::{Books, CLIENT, read_facts};
use crate::item::{Item, check_schema, corrupt, get_text, place_of, read, version_of};
use crate::keys::{Key, Place, prefix};

/// How often an account is read again when it changed while it was read.
const MAX_READS: u32 = 8;

/// An account as it was read, and what is needed to write it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The facts.
    pub account: Account,
    /// Payments that were looked up and are another client's: the same money is applied once in the
    /// whole firm (PAY-1).
    pub elsewhere: BTreeMap<PaymentId, ClientId>,
    pub(crate) books: Books,
    /// The items as read: a rewrite keeps what this program doesn't know of them.
    pub(crate) items: BTreeMap<Place, Item>,
}

impl Loaded {
    /// The version of the account that these facts are; 0: it doesn't exist yet.
    pub fn version(&self) -> u64 {
        self.books.version
    }

    /// How many records its chain has, and the hash of the last.
    pub fn chain(&self) -> (u64, ChainHash) {
        (self.books.records, self.books.chain)
    }

    /// The day of the next evaluation, as stored.
    pub fn next_evaluation(&self) -> Option<Day> {
        self.books.next_evaluation
    }
}

impl Store {
    /// A client that doesn't exist yet: what an `OpenAccount` is decided against.
    pub fn begin(&self, client: ClientId, profile: Profile) -> Loaded {
        let books = Books::none(&self.firm, &client);
        let account = Account::new(self.firm.clone(), client, profile);
        Loaded { account, elsewhere: BTreeMap::new(), books, items: BTreeMap::new() }
    }

    /// A client's open account, strongly consistent; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError::Torn`] if it kept changing; whatever reading has.
    pub async fn load(&self, client: &ClientId) -> Result<Option<Loaded>, StoreError> {
        for _ in 0..MAX_READS {
            let (items, pages) = self.open_items(client).await?;
            let Some(head) = items.first() else { return Ok(None) };
            check_schema(head)?;
            let books = Books::read(head)?;
            if items.iter().any(|item| books.version < version_of(item)) {
                continue;
            }
            if 1 < pages && !self.is_still(client, books.version).await? {
                continue;
            }
            if items.iter().any(|item| place_of(item).sk.starts_with(prefix::PARCEL)) {
                self.unpack(client, books.version, &items).await?;
                continue;
            }
            return self.assemble(client, books, items).map(Some);
        }
        Err(StoreError::Torn(client.to_string()))
    }

    /// Reads what a command needs beside the open account. `false`: the account changed since, load it
    /// again.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn look_up(&self, loaded: &mut Loaded, needs: &Needs) -> Result<bool, StoreError> {
        let places = self.places_of(&loaded.account.client, needs);
        let items = self.dynamo.batch_get(&places).await?;
        self.take_in(loaded, needs, items)
    }

    /// Reads a payment as it was a moment ago, for half the price. That is enough for a decision that ends
    /// in a change of this payment: its commit is conditional on what was read. Any other has to be taken
    /// again after [`Self::look_up`].
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn glance_at(
        &self,
        loaded: &mut Loaded,
        payment: &PaymentId,
    ) -> Result<bool, StoreError> {
        let item = self.dynamo.glance(&Key::Payment(payment).place(&self.firm)).await?;
        let needs = Needs { payments: [payment.clone()].into(), ..Needs::default() };
        self.take_in(loaded, &needs, item.into_iter().collect())
    }

    /// Who those clients are, strongly consistent; one that isn't there is left out.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn profiles(
        &self,
        clients: &BTreeSet<ClientId>,
    ) -> Result<BTreeMap<ClientId, Profile>, StoreError> {
        let places = clients.iter().map(|client| (Key::Head(client).place(&self.firm), client));
        let places: BTreeMap<_, _> = places.collect();
        let wanted: Vec<_> = places.keys().cloned().collect();
        let mut profiles = BTreeMap::new();
        for item in self.dynamo.batch_get(&wanted).await? {
            check_schema(&item)?;
            if let Some(client) = places.get(&place_of(&item)) {
                profiles.insert((*client).clone(), read_facts(&item)?.profile);
            }
        }
        Ok(profiles)
    }

    fn take_in(
        &self,
        loaded: &mut Loaded,
        needs: &Needs,
        items: Vec<Item>,
    ) -> Result<bool, StoreError> {
        let client = loaded.account.client.clone();
        for item in items {
            let place = place_of(&item);
            if loaded.books.version < version_of(&item)
                && get_text(&item, CLIENT).is_none_or(|of| of == client.as_str())
            {
                return Ok(false);
            }
            self.found(loaded, &place, item)?;
        }
        let looked_up = &mut loaded.account.looked_up;
        looked_up.invoices.extend(needs.invoices.iter().cloned());
        looked_up.payments.extend(needs.payments.iter().cloned());
        looked_up.credit_notes.extend(needs.credit_notes.iter().cloned());
        looked_up.letters.extend(needs.letters.iter().copied());
        Ok(true)
    }

    async fn open_items(&self, client: &ClientId) -> Result<(Vec<Item>, usize), StoreError> {
        let range = Range {
            pk: Key::Head(client).pk(&self.firm),
            prefix: Some(prefix::OPEN.to_owned()),
            is_consistent: true,
            ..Range::default()
        };
        self.dynamo.query(range).await
    }

    /// Whether the account is still at that version: pages are read one after the other.
    async fn is_still(&self, client: &ClientId, version: u64) -> Result<bool, StoreError> {
        let head = self.dynamo.get(&Key::Head(client).place(&self.firm)).await?;
        Ok(head.is_some_and(|head| version_of(&head) == version))
    }

    fn assemble(
        &self,
        client: &ClientId,
        books: Books,
        items: Vec<Item>,
    ) -> Result<Loaded, StoreError> {
        let mut items = items.into_iter();
        let head = items.next().unwrap_or_default();
        let account = read_facts(&head)?.into_account(self.firm.clone(), client.clone());
        let mut loaded =
            Loaded { account, elsewhere: BTreeMap::new(), books, items: BTreeMap::new() };
        loaded.items.insert(place_of(&head), head);
        for item in items {
            let place = place_of(&item);
            put_open(&mut loaded.account, &place.sk, &item)?;
            loaded.items.insert(place, item);
        }
        Ok(loaded)
    }

    fn places_of(&self, client: &ClientId, needs: &Needs) -> Vec<Place> {
        let invoices = needs.invoices.iter().map(|id| Key::ClosedInvoice(client, id));
        let payments = needs.payments.iter().map(Key::Payment);
        let notes = needs.credit_notes.iter().map(Key::CreditNoteNumber);
        let letters = needs.letters.iter().map(|id| Key::Letter(client, *id));
        let keys = invoices.chain(payments).chain(notes).chain(letters);
        keys.map(|key| key.place(&self.firm)).collect()
    }

    fn found(&self, loaded: &mut Loaded, place: &Place, item: Item) -> Result<(), StoreError> {
        check_schema(&item)?;
        let account = &mut loaded.account;
        match place.sk.as_str() {
            "P" => {
                let payment: Payment = read(&item)?;
                let client = client_of(&item)?;
                if client != account.client {
                    loaded.elsewhere.insert(payment.id, client);
                    return Ok(());
                }
                account.payments.insert(payment.id.clone(), payment);
            }
            "C" => {
                let number = place.pk.rsplit('#').next().unwrap_or_default().parse();
                account.credit_notes.insert(number.map_err(|error| corrupt(&item, error))?);
            }
            sk if sk.starts_with(prefix::CLOSED_INVOICE) => {
                let invoice: Invoice = read(&item)?;
                account.invoices.insert(invoice.id.clone(), invoice);
            }
            _ => {
                let letter: Letter = read(&item)?;
                account.letters.insert(letter.id, letter);
            }
        }
        loaded.items.insert(place.clone(), item);
        Ok(())
    }
}

pub(crate) fn client_of(item: &Item) -> Result<ClientId, StoreError> {
    let client = get_text(item, CLIENT).ok_or_else(|| corrupt(item, "it has no client"))?;
    client.parse().map_err(|error| corrupt(item, error))
}

/// Credit as stored: with its source, which the key has only for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredCredit {
    pub(crate) source: Source,
    pub(crate) credit: Credit,
}

/// Puts one open item into the account. What has a key that this program doesn't know, it leaves alone.
fn put_open(account: &mut Account, sk: &str, item: &Item) -> Result<(), StoreError> {
    match sk {
        _ if sk.starts_with(prefix::OPEN_INVOICE) => {
            let invoice: Invoice = read(item)?;
            account.invoices.insert(invoice.id.clone(), invoice);
        }
        _ if sk.starts_with(prefix::CREDIT) => {
            let stored: StoredCredit = read(item)?;
            account.credits.insert(stored.source, stored.credit);
        }
        _ if sk.starts_with(prefix::MOVING_PAYMENT) => {
            let payment: Payment = read(item)?;
            account.payments.insert(payment.id.clone(), payment);
        }
        _ if sk.starts_with(prefix::QUEUED_LETTER) => {
            let letter: Letter = read(item)?;
            account.letters.insert(letter.id, letter);
        }
        _ if sk.starts_with(prefix::OPEN_CHARGE) => {
            let charge: Charge = read(item)?;
            account.charges.insert(charge.id.invoice.clone(), charge);
        }
        _ if sk.starts_with(prefix::TASK) => {
            let task: Task = read(item)?;
            account.tasks.insert(task.id, task);
        }
        _ if sk.starts_with(prefix::PROMISE) => account.promises.push(read::<Promise>(item)?),
        "A#P#plan" => account.plan = Some(read::<Plan>(item)?),
        "A#P#exception" => {
            account.exceptions.insert(Scope::Client, read::<Exception>(item)?);
        }
        _ if sk.starts_with(prefix::LINE_EXCEPTION) => {
            let exception: Exception = read(item)?;
            account.exceptions.insert(exception.scope.clone(), exception);
        }
        _ if sk.starts_with(prefix::LINE_LOCK) => {
            let lock: Lock = read(item)?;
            account.locks.insert(lock.scope.clone(), lock);
        }
        "A#P#unlocked" => account.last_unlock = Some(read::<Unlocked>(item)?),
        _ => check_schema(item)?,
    }
    Ok(())
}

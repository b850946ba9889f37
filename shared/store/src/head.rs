//! The account's head: what every decision looks at and no item of its own holds.
//!
//! Beside the facts it has the books: the account's version, where its chain ends, when it is to be
//! evaluated, and the keys of the indexes. The facts come from the account, the books from the store.

use std::collections::BTreeSet;

use domain::account::{Account, Closed, HardStop, Profile, Response, UnlockRequest};
use domain::audit::ChainHash;
use domain::calendar::Day;
use domain::charge::SavedMethod;
use domain::id::{ClientId, FirmId, MethodId, ServiceLine};
use domain::invoice::Hold;
use domain::limit::Limit;
use domain::lock::{Lock, Scope};
use domain::people::People;
use domain::run::last_invoiced;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::item::{
    Item, attributes, check_size, corrupt, get_number, get_text, new_item, number, read, replace,
    text, version_of,
};
use crate::keys::{Index, Key, SCHEMA, VERSION, clients_pk, clients_sk, due_pk, due_sk, shard};

/// The most that a head may have: it is read and written with every command, at a unit for each KB.
pub const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How many records the chain has.
const RECORDS: &str = "records";
/// The chain's last hash.
const CHAIN: &str = "chain";
/// The id of the last commit: tells whether one without an answer was written.
pub(crate) const COMMIT: &str = "commit";
/// The day of the next evaluation.
pub(crate) const NEXT_EVALUATION: &str = "next_evaluation";
/// The client's name, in lists.
pub(crate) const NAME: &str = "name";
/// The client's class, in lists.
pub(crate) const CLASS: &str = "class";
/// The due date of the oldest open invoice.
pub(crate) const OLDEST_DUE: &str = "oldest_due";
/// The date of the newest invoice: who has a recent one is an active client (LOCK-10).
pub(crate) const LAST_INVOICED: &str = "last_invoiced";
/// The client's state in lists.
pub(crate) const LISTED_AS: &str = "listed_as";
/// Whose.
pub(crate) const FIRM: &str = "firm";
/// Which client.
pub(crate) const CLIENT: &str = "client";

/// The facts on a head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) profile: Profile,
    #[serde(default, skip_serializing_if = "People::is_empty")]
    pub(crate) people: People,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lock: Option<Lock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<Limit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<Closed>,
    #[serde(default)]
    pub(crate) episodes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<UnlockRequest>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) billed_lines: BTreeSet<ServiceLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<Hold>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hard_stop: Option<HardStop>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) responses: Vec<Response>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) read_on: Option<Day>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) methods: Vec<SavedMethod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default_method: Option<MethodId>,
    pub(crate) next_number: u64,
}

impl Facts {
    pub(crate) fn of(account: &Account) -> Self {
        Self {
            profile: account.profile.clone(),
            people: account.people.clone(),
            lock: account.locks.get(&Scope::Client).cloned(),
            limit: account.limit.clone(),
            closed: account.closed.clone(),
            episodes: account.episodes,
            request: account.request.clone(),
            billed_lines: account.billed_lines.clone(),
            hold: account.hold.clone(),
            hard_stop: account.hard_stop.clone(),
            responses: account.responses.clone(),
            read_on: account.read_on,
            methods: account.methods.values().cloned().collect(),
            default_method: account.default_method.clone(),
            next_number: account.next_number,
        }
    }

    pub(crate) fn into_account(self, firm: FirmId, client: ClientId) -> Account {
        let mut account = Account::new(firm, client, self.profile);
        account.people = self.people;
        account.locks = self.lock.into_iter().map(|lock| (Scope::Client, lock)).collect();
        account.limit = self.limit;
        account.closed = self.closed;
        account.episodes = self.episodes;
        account.request = self.request;
        account.billed_lines = self.billed_lines;
        account.hold = self.hold;
        account.hard_stop = self.hard_stop;
        account.responses = self.responses;
        account.read_on = self.read_on;
        let methods = self.methods.into_iter().map(|method| (method.id.clone(), method));
        account.methods = methods.collect();
        account.default_method = self.default_method;
        account.next_number = self.next_number;
        account
    }
}

/// The books of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Books {
    /// Counts the commits; 0: there is no account yet.
    pub(crate) version: u64,
    /// Counts the commit records.
    pub(crate) records: u64,
    /// The end of the chain.
    pub(crate) chain: ChainHash,
    /// The last commit.
    pub(crate) commit: String,
    /// When the next evaluation is.
    pub(crate) next_evaluation: Option<Day>,
}

impl Books {
    pub(crate) fn none(firm: &FirmId, client: &ClientId) -> Self {
        let chain = ChainHash::genesis(firm, client);
        Self { version: 0, records: 0, chain, commit: String::new(), next_evaluation: None }
    }

    pub(crate) fn read(item: &Item) -> Result<Self, StoreError> {
        let chain = get_text(item, CHAIN).and_then(ChainHash::from_hex);
        let next = get_text(item, NEXT_EVALUATION).map(str::parse);
        Ok(Self {
            version: version_of(item),
            records: get_number(item, RECORDS).ok_or_else(|| corrupt(item, "it has no records"))?,
            chain: chain.ok_or_else(|| corrupt(item, "it has no chain"))?,
            commit: get_text(item, COMMIT).unwrap_or_default().to_owned(),
            next_evaluation: next.transpose().map_err(|error| corrupt(item, error))?,
        })
    }
}

pub(crate) fn read_facts(item: &Item) -> Result<Facts, StoreError> {
    read(item)
}

/// What the lists show of a client: its state.
fn state(account: &Account) -> ClientState {
    match account {
        account if account.is_erased() => ClientState::Deleted,
        Account { closed: Some(_), .. } => ClientState::Closed,
        Account { hard_stop: Some(_), .. } => ClientState::Stopped,
        _ if account.is_wholly_locked() => ClientState::Locked,
        _ if !account.exceptions.is_empty() => ClientState::Exception,
        Account { hold: Some(_), .. } => ClientState::OnHold,
        _ if account.is_locked() => ClientState::Limited, // LOCK-5
        Account { limit: Some(_), .. } => ClientState::Limited,
        Account { .. } => ClientState::Open,
    }
}

/// A client's state in lists, the first that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientState {
    /// The engagement ended.
    Closed,
    /// Nothing is collected any more.
    Stopped,
    /// The portal is locked.
    Locked,
    /// A running exception.
    Exception,
    /// On hold.
    OnHold,
    /// Some of the portal is denied.
    Limited,
    /// None of these.
    Open,
    /// The engagement ended, and the client's personal data are deleted.
    Deleted,
}

impl ClientState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Closed,
        Self::Stopped,
        Self::Locked,
        Self::Exception,
        Self::OnHold,
        Self::Limited,
        Self::Open,
        Self::Deleted,
    ];

    /// Its name in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Stopped => "stopped",
            Self::Locked => "locked",
            Self::Exception => "exception",
            Self::OnHold => "on_hold",
            Self::Limited => "limited",
            Self::Open => "open",
            Self::Deleted => "deleted",
        }
    }

    /// Whether the engagement ended.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Closed | Self::Deleted)
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// The due date of the oldest invoice that is owed.
fn oldest_due(account: &Account) -> Option<Day> {
    account.open_invoices().map(|invoice| invoice.due_on).min()
}

/// Everything on a head but the facts and what changes with every commit: if this and the facts are
/// the same, there is nothing to write.
fn derived(account: &Account, next_evaluation: Option<Day>, shards: u32) -> Item {
    let (firm, client) = (&account.firm, &account.client);
    let mut item = Item::new();
    let mut put = |name: &str, value: String| item.insert(name.to_owned(), text(value));
    let state = state(account).as_str();
    put(FIRM, firm.to_string());
    put(CLIENT, client.to_string());
    put(LISTED_AS, state.to_owned());
    put(NAME, account.profile.name.as_str().to_owned());
    put(CLASS, account.profile.class.to_string());
    let (pk, sk) = Index::Firm.attributes();
    put(pk, clients_pk(firm));
    put(sk, clients_sk(state, account.profile.name.as_str(), client));
    if let Some(due_on) = oldest_due(account) {
        put(OLDEST_DUE, due_on.to_string());
    }
    if let Some(day) = next_evaluation {
        let (pk, sk) = Index::Due.attributes();
        put(NEXT_EVALUATION, day.to_string());
        put(pk, due_pk(firm, shard(client.as_str(), shards)));
        put(sk, due_sk(day, client));
    }
    item
}

/// The head after a commit; `None` where nothing but version and chain would change.
///
/// # Errors
/// [`StoreError::TooLarge`] past [`MAX_HEAD_BYTES`].
pub(crate) fn rewrite(
    stored: Option<&Item>,
    before: &Account,
    after: &Account,
    next_evaluation: Option<Day>,
    shards: u32,
) -> Result<Option<Item>, StoreError> {
    let place = Key::Head(&after.client).place(&after.firm);
    let mut item = stored.cloned().unwrap_or_else(|| new_item(&place, 0));
    let derived = derived(after, next_evaluation, shards);
    let optional =
        [OLDEST_DUE, NEXT_EVALUATION, Index::Due.attributes().0, Index::Due.attributes().1];
    for name in optional {
        item.remove(name);
    }
    // Of closed invoices only those that were looked up are at hand, so the day only goes on.
    let known = get_text(&item, LAST_INVOICED).and_then(|day| day.parse().ok());
    if let Some(day) = known.max(last_invoiced(after)) {
        item.insert(LAST_INVOICED.to_owned(), text(day.to_string()));
    }
    item.extend(derived);
    let (old, new) = (Facts::of(before), Facts::of(after));
    if stored.is_none() {
        replace(&mut item, &Item::new(), attributes(&new)?);
    } else if old != new {
        replace(&mut item, &attributes(&old)?, attributes(&new)?);
    }
    check_size(&item, MAX_HEAD_BYTES)?;
    Ok((stored != Some(&item)).then_some(item))
}

/// Puts the books on a head.
pub(crate) fn put_books(item: &mut Item, books: &Books) {
    item.insert(SCHEMA.to_owned(), number(crate::item::SCHEMA_VERSION));
    item.insert(VERSION.to_owned(), number(books.version));
    item.insert(RECORDS.to_owned(), number(books.records));
    item.insert(CHAIN.to_owned(), text(books.chain.to_string()));
    item.insert(COMMIT.to_owned(), text(books.commit.clone()));
}

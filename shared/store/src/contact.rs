//! A contact: a person with one e-mail address who signs in to one firm's portal, for one client or several
//! (SEC-3). An aggregate with a chain of its own, of the same shape as the firm's.
//!
//! Its head says what it is and for which clients it may act; its sessions lie right behind the head, so that
//! one query answers who is asking and what they may see. That there are few of them keeps it at one read
//! unit. What changes a contact is a [`ContactChange`], which is also what the record says. How a session
//! is used, and how it runs out, is no change of the contact and stands in no record.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use domain::audit::{ChainHash, Verifier};
use domain::id::{ClientId, ContactId};
use domain::text::Personal;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::commit::commit_id;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::{Condition, Range, Transacted, Write};
use crate::error::StoreError;
use crate::head::{Books, COMMIT, LISTED_AS, NAME, put_books};
use crate::item::{Item, attributes, check_size, corrupt, get_text, new_item, read, replace, text};
use crate::keys::{Index, Key, VERSION, contact_of, contacts_pk, contacts_sk, prefix};
use crate::list::Order;
use crate::record::{CommitMeta, Record, Wording, record_items};
use crate::verify::{Breach, Verdict, walk};

mod attempts;
mod link;
mod mail;
mod session;

pub use attempts::{Attempt, Rate, Tried};
pub use link::{ContactLink, ContactLinkKind};
pub use mail::{AddressHash, AddressHashError, ContactMail};
pub use session::{Session, SessionEnd, SignInWay};

/// The most clients that one contact acts for: whoever may no longer come loses all of them in one transaction,
/// which has room for 100 items.
pub const MAX_CLIENTS: usize = 80;

/// The most that a head may have; see [`crate::MAX_HEAD_BYTES`].
const MAX_HEAD: usize = crate::head::MAX_HEAD_BYTES;

/// What stands in the place of a deleted contact's name.
const NOBODY: &str = "Deleted contact";

/// The id of a contact in its address's item.
const CONTACT: &str = "contact";

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// Was written to, and never came.
    Invited,
    /// Has signed in.
    Active,
    /// May no longer sign in.
    Ended,
}

impl ContactState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Invited, Self::Active, Self::Ended];

    /// Its name in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }
}

/// What is stored of a password: its hash, with salt and parameters. It never leaves the head: a record of
/// the audit is never deleted (SEC-5).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredPassword(pub String);

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredPassword(…)")
    }
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Which.
    pub id: ContactId,
    /// Everything else.
    pub facts: ContactFacts,
}

/// What is known of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactFacts {
    /// Its e-mail address, as all sign-ins have it.
    pub address: Personal,
    /// The person's name.
    pub called: Personal,
    /// Where it stands.
    pub state: ContactState,
    /// For which clients it may act; for no other.
    pub clients: BTreeSet<ClientId>,
    /// The password, if one was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<StoredPassword>,
    /// When everything was ended last: a link from before signs nobody in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_out_at: Option<DateTime<Utc>>,
}

/// A change of a contact, and what its record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactChange {
    /// Somebody is to come; the first change of every contact.
    Invited {
        /// The address.
        address: Personal,
        /// The person's name.
        called: Personal,
    },
    /// The same once more: the first letter was lost or ran out, or the contact had ended.
    InvitedAgain,
    /// It may act for a client.
    MembershipGiven {
        /// Which.
        client: ClientId,
    },
    /// It no longer may.
    MembershipTaken {
        /// Which.
        client: ClientId,
    },
    /// It came for the first time.
    Registered,
    /// It set a password, or another one.
    PasswordSet {
        /// The hash: in the head alone.
        #[serde(skip)]
        password: StoredPassword,
    },
    /// It signed in.
    SessionBegun {
        /// The session.
        session: String,
        /// By what.
        by: SignInWay,
    },
    /// A session was ended; one that ran out has no record.
    SessionEnded {
        /// Which.
        session: String,
        /// By what.
        why: SessionEnd,
    },
    /// All sessions were ended, and every link that was made before.
    SignedOut {
        /// When, by the clock that links and sessions run by.
        at: DateTime<Utc>,
        /// By what.
        why: SessionEnd,
    },
    /// It may no longer sign in; its password and its clients are gone.
    Ended,
    /// The same, and nobody knows any more who it was: its last client's personal data are deleted (CLOSE-1).
    Erased,
}

impl Contact {
    /// Changes it, as the record says. What goes into items of its own is no part of it.
    pub fn apply(&mut self, change: &ContactChange) {
        let facts = &mut self.facts;
        match change {
            ContactChange::Invited { address, called } => {
                (facts.address, facts.called) = (address.clone(), called.clone());
            }
            ContactChange::InvitedAgain => facts.state = ContactState::Invited,
            ContactChange::MembershipGiven { client } => {
                facts.clients.insert(client.clone());
            }
            ContactChange::MembershipTaken { client } => {
                facts.clients.remove(client);
            }
            ContactChange::Registered => facts.state = ContactState::Active,
            ContactChange::PasswordSet { password } => facts.password = Some(password.clone()),
            ContactChange::SignedOut { at, .. } => facts.signed_out_at = Some(*at),
            ContactChange::Ended => {
                facts.state = ContactState::Ended;
                facts.password = None;
                facts.clients.clear();
            }
            ContactChange::Erased => {
                facts.state = ContactState::Ended;
                facts.password = None;
                facts.clients.clear();
                (facts.address, facts.called) = (Personal::default(), Personal::new(NOBODY));
            }
            ContactChange::SessionBegun { .. } | ContactChange::SessionEnded { .. } => {}
        }
    }

    /// A password that was set is in no record: after that one is put back, none is known. The one of before may
    /// have been replaced because others knew it.
    fn forget_password(&mut self, changes: &[ContactChange]) {
        let sets = |change: &ContactChange| matches!(change, ContactChange::PasswordSet { .. });
        if changes.iter().any(sets) {
            self.facts.password = None;
        }
    }

    fn new(id: ContactId) -> Self {
        let facts = ContactFacts {
            address: Personal::default(),
            called: Personal::default(),
            state: ContactState::Invited,
            clients: BTreeSet::new(),
            password: None,
            signed_out_at: None,
        };
        Self { id, facts }
    }
}

/// A contact as it was read, with its sessions.
#[derive(Debug, Clone)]
pub struct LoadedContact {
    /// The contact.
    pub contact: Contact,
    /// Its sessions, also those that ran out and were not deleted yet.
    pub sessions: Vec<Session>,
    pub(crate) books: Books,
    /// As it lies in the table; empty for one that isn't there yet.
    item: Item,
}

impl LoadedContact {
    /// Whether it isn't there yet.
    pub fn is_new(&self) -> bool {
        self.books.version == 0
    }
}

/// What else a commit of a contact writes.
#[derive(Debug, Clone, Default)]
pub struct ContactExtras<'a> {
    /// A session that begins.
    pub session: Option<&'a Session>,
    /// A link that is used up by it.
    pub link: Option<&'a str>,
    /// A letter that is to be written to it.
    pub mail: Option<&'a ContactMail>,
    /// Sessions that ran out, and may be deleted by the way.
    pub run_out: Vec<String>,
}

/// How a change of a contact ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactCommit {
    /// It is written.
    Done,
    /// The contact changed since it was read, or its address is taken: look again.
    Stale,
    /// The link was used before, by whoever was faster.
    LinkUsed,
}

/// A contact in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRow {
    /// Which.
    pub contact: ContactId,
    /// The person's name.
    pub called: Personal,
    /// Where it stands.
    pub state: ContactState,
}

impl Store {
    /// One that isn't there yet.
    pub fn new_contact(&self, id: ContactId) -> LoadedContact {
        let chain = ChainHash::genesis_of_contact(&self.firm, &id);
        let books =
            Books { version: 0, records: 0, chain, commit: String::new(), next_evaluation: None };
        let contact = Contact::new(id);
        LoadedContact { contact, sessions: Vec::new(), books, item: Item::new() }
    }

    /// A contact with its sessions, in one strongly consistent query: what was ended or taken a moment ago
    /// isn't found.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn load_contact(&self, id: &ContactId) -> Result<Option<LoadedContact>, StoreError> {
        let items = self.whole(&Key::Contact(id).pk(&self.firm), prefix::OPEN).await?;
        let mut items = items.into_iter();
        // The head sorts first; sessions without one are a contact that is about to be deleted.
        let Some(item) = items.next().filter(|item| !item.contains_key(session::HASH)) else {
            return Ok(None);
        };
        let facts = read(&item)?;
        let sessions = items.map(|item| read(&item)).collect::<Result<_, _>>()?;
        let contact = Contact { id: id.clone(), facts };
        Ok(Some(LoadedContact { contact, sessions, books: Books::read(&item)?, item }))
    }

    /// Whose address that is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn contact_at(&self, address: &AddressHash) -> Result<Option<ContactId>, StoreError> {
        let item =
            self.dynamo.get(&Key::ContactAddress(address.as_str()).place(&self.firm)).await?;
        let Some(item) = item else { return Ok(None) };
        let id = get_text(&item, CONTACT).unwrap_or_default().parse();
        id.map(Some).map_err(|error| corrupt(&item, error))
    }

    /// Changes a contact, or makes it where it isn't there yet.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] where the head has no room; whatever writing has.
    pub async fn commit_contact(
        &self,
        loaded: &LoadedContact,
        changes: &[ContactChange],
        beside: &ContactExtras<'_>,
        meta: &CommitMeta,
    ) -> Result<ContactCommit, StoreError> {
        self.write_contact(loaded, changes, beside, Wording::new(meta)).await
    }

    /// The same, with a record that is made now or put back.
    pub(crate) async fn write_contact(
        &self,
        loaded: &LoadedContact,
        changes: &[ContactChange],
        beside: &ContactExtras<'_>,
        wording: Wording<'_>,
    ) -> Result<ContactCommit, StoreError> {
        let (commit, sequence) = (commit_id()?, loaded.books.records + 1);
        let mut writes = self.contact_writes(loaded, changes, beside, wording, &commit)?;
        let link = beside.link.map(|link| {
            let place = Key::ContactLink(&loaded.contact.id, link).place(&self.firm);
            writes.push(Write::Delete(place, Condition::Present));
            writes.len() - 1
        });
        let ended = match self.dynamo.transact(&writes, &commit).await {
            Err(StoreError::Unclear(error)) => {
                // The same token: sent again, it does nothing twice.
                let again = self.dynamo.transact(&writes, &commit).await;
                if self.is_contact_commit(&loaded.contact.id, sequence, &commit).await? {
                    Ok(Transacted::Done)
                } else {
                    again.map_err(|_| StoreError::Unclear(error))
                }
            }
            ended => ended,
        };
        Ok(match ended? {
            Transacted::Done => ContactCommit::Done,
            Transacted::Refused(unmet) if link.is_some_and(|link| unmet.contains(&link)) => {
                ContactCommit::LinkUsed
            }
            Transacted::Refused(_) | Transacted::Conflict => ContactCommit::Stale,
        })
    }

    fn contact_writes(
        &self,
        loaded: &LoadedContact,
        changes: &[ContactChange],
        beside: &ContactExtras<'_>,
        wording: Wording<'_>,
        commit: &str,
    ) -> Result<Vec<Write>, StoreError> {
        let (id, old) = (&loaded.contact.id, &loaded.books);
        let (version, sequence) = (wording.version_after(old.version), old.records + 1);
        let record = wording.record(changes, version)?;
        let chain = old.chain.next(sequence, record.body.as_bytes());
        let books = Books {
            version,
            records: sequence,
            chain,
            commit: commit.to_owned(),
            next_evaluation: None,
        };
        let mut after = loaded.contact.clone();
        changes.iter().for_each(|change| after.apply(change));
        if wording.kept.is_some() {
            after.forget_password(changes);
        }
        let condition = match old.version {
            0 => Condition::Absent,
            version => Condition::Equals(VERSION, AttributeValue::N(version.to_string())),
        };
        let mut writes = vec![Write::Put(self.contact_head(loaded, &after, &books)?, condition)];
        let places = (
            |part| match part {
                0 => Key::ContactRecord(id, sequence).place(&self.firm),
                part => Key::ContactRecordPart(id, sequence, part).place(&self.firm),
            },
            |part| Key::ContactTexts(id, sequence, part).place(&self.firm),
        );
        let hashes = (old.chain, chain);
        let items = record_items(places.0, places.1, &record, hashes, (version, commit))?;
        writes.extend(items.into_iter().map(|item| Write::Put(item, Condition::Absent)));
        for change in changes {
            writes.extend(self.items_of_contact(loaded, change, version));
        }
        let mut gone = beside.run_out.clone();
        gone.retain(|session| !writes.contains(&self.without_session(id, session)));
        writes.extend(gone.iter().map(|session| self.without_session(id, session)));
        if let Some(session) = beside.session {
            writes.push(Write::Put(self.session_item(id, session)?, Condition::Absent));
        }
        if let Some(mail) = beside.mail {
            writes.push(Write::Put(self.mail_item(mail)?, Condition::Absent));
        }
        Ok(writes)
    }

    fn contact_head(
        &self,
        loaded: &LoadedContact,
        after: &Contact,
        books: &Books,
    ) -> Result<Item, StoreError> {
        let (id, is_new) = (&after.id, loaded.is_new());
        let mut head = match is_new {
            true => new_item(&Key::Contact(id).place(&self.firm), books.version),
            false => loaded.item.clone(),
        };
        let known = match is_new {
            true => Item::new(),
            false => attributes(&loaded.contact.facts)?,
        };
        replace(&mut head, &known, attributes(&after.facts)?);
        let name = after.facts.called.as_str();
        let (pk, sk) = Index::Firm.attributes();
        head.insert(pk.to_owned(), text(contacts_pk(&self.firm)));
        head.insert(sk.to_owned(), text(contacts_sk(name, id)));
        head.insert(NAME.to_owned(), text(name));
        head.insert(LISTED_AS.to_owned(), text(after.facts.state.as_str()));
        put_books(&mut head, books);
        check_size(&head, MAX_HEAD)?;
        Ok(head)
    }

    /// What a change writes beside the head.
    fn items_of_contact(
        &self,
        loaded: &LoadedContact,
        change: &ContactChange,
        version: u64,
    ) -> Vec<Write> {
        let id = &loaded.contact.id;
        match change {
            // One that was put back without its texts: nobody knows the address.
            ContactChange::Invited { address, .. } if address.as_str().is_empty() => Vec::new(),
            ContactChange::Invited { address, .. } => {
                let address = AddressHash::of(&self.firm, address.as_str());
                let place = Key::ContactAddress(address.as_str()).place(&self.firm);
                let mut item = new_item(&place, version);
                item.insert(CONTACT.to_owned(), text(id.as_str()));
                vec![Write::Put(item, Condition::Absent)]
            }
            ContactChange::MembershipGiven { client } => {
                let place = Key::Membership(client, id).place(&self.firm);
                vec![Write::Put(new_item(&place, version), Condition::Always)]
            }
            ContactChange::MembershipTaken { client } => {
                let place = Key::Membership(client, id).place(&self.firm);
                vec![Write::Delete(place, Condition::Always)]
            }
            ContactChange::SessionEnded { session, .. } => {
                vec![self.without_session(id, session)]
            }
            ContactChange::SignedOut { .. } => {
                let sessions = loaded.sessions.iter();
                sessions.map(|session| self.without_session(id, &session.id)).collect()
            }
            ContactChange::Erased => {
                let facts = &loaded.contact.facts;
                let place = |client| Key::Membership(client, id).place(&self.firm);
                let mut gone: Vec<_> = facts.clients.iter().map(place).collect();
                if !facts.address.as_str().is_empty() {
                    let address = AddressHash::of(&self.firm, facts.address.as_str());
                    gone.push(Key::ContactAddress(address.as_str()).place(&self.firm));
                }
                gone.into_iter().map(|place| Write::Delete(place, Condition::Always)).collect()
            }
            ContactChange::Ended => {
                let clients = loaded.contact.facts.clients.iter();
                let place = |client| Key::Membership(client, id).place(&self.firm);
                clients.map(|client| Write::Delete(place(client), Condition::Always)).collect()
            }
            ContactChange::InvitedAgain
            | ContactChange::Registered
            | ContactChange::PasswordSet { .. }
            | ContactChange::SessionBegun { .. } => Vec::new(),
        }
    }

    async fn is_contact_commit(
        &self,
        id: &ContactId,
        sequence: u64,
        commit: &str,
    ) -> Result<bool, StoreError> {
        let record = self.dynamo.get(&Key::ContactRecord(id, sequence).place(&self.firm)).await?;
        Ok(record.is_some_and(|record| get_text(&record, COMMIT) == Some(commit)))
    }

    /// All contacts of the firm, by name; eventually consistent.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn contacts(&self, page: &PageRequest<'_>) -> Result<Listed<ContactRow>, StoreError> {
        let range =
            Range { index: Some(Index::Firm), pk: contacts_pk(&self.firm), ..Range::default() };
        let owner = Key::Settings.pk(&self.firm);
        self.dynamo.list(&[range], &owner, page, |item| contact_row(item).map(Some)).await
    }

    /// The contacts that may act for a client.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn contacts_of(&self, client: &ClientId) -> Result<Vec<Contact>, StoreError> {
        let items = self.whole(&Key::Head(client).pk(&self.firm), prefix::MEMBERSHIP).await?;
        let id = |item: &Item| {
            let sk = crate::item::place_of(item).sk;
            let id = sk.strip_prefix(prefix::MEMBERSHIP).and_then(|id| id.parse().ok());
            id.ok_or_else(|| corrupt(item, "its key names no contact"))
        };
        let ids = items.iter().map(id).collect::<Result<Vec<ContactId>, _>>()?;
        let places: Vec<_> = ids.iter().map(|id| Key::Contact(id).place(&self.firm)).collect();
        let heads = match places.is_empty() {
            true => Vec::new(),
            false => self.dynamo.batch_get(&places).await?,
        };
        let mut contacts = heads.iter().map(contact).collect::<Result<Vec<_>, _>>()?;
        contacts.sort_by(|a, b| (&a.facts.called, &a.id).cmp(&(&b.facts.called, &b.id)));
        Ok(contacts)
    }

    /// A contact's audit trail, oldest first, with personal texts where they still are.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn contact_records(
        &self,
        id: &ContactId,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Record>, StoreError> {
        self.trail(&Key::Contact(id).pk(&self.firm), Order::Oldest, page).await
    }

    /// Verifies a contact's chain.
    ///
    /// # Errors
    /// Whatever reading has; a broken chain is an answer.
    pub async fn verify_contact(&self, id: &ContactId) -> Result<Verdict, StoreError> {
        let pk = Key::Contact(id).pk(&self.firm);
        // The head first: what is committed while the records are read is not looked at.
        let head = self.dynamo.get(&Key::Contact(id).place(&self.firm)).await?;
        let records = self.whole(&pk, prefix::RECORD).await?;
        let texts = self.whole(&pk, prefix::TEXTS).await?;
        let head = match head {
            Some(head) => Books::read(&head)?,
            None if records.is_empty() => return Ok(Verdict::Whole { records: 0 }),
            None => return Ok(Verdict::Broken(Breach::NoHead)),
        };
        walk(Verifier::of_contact(&self.firm, id), records, &texts, (head.records, head.chain))
    }
}

fn contact(item: &Item) -> Result<Contact, StoreError> {
    let id = contact_of(&crate::item::place_of(item).pk);
    let id = id.ok_or_else(|| corrupt(item, "its key names no contact"))?;
    Ok(Contact { id, facts: read(item)? })
}

/// From the index: the head itself isn't read.
fn contact_row(item: &Item) -> Result<ContactRow, StoreError> {
    crate::item::check_schema(item)?;
    let id = contact_of(&crate::item::place_of(item).pk);
    let state = get_text(item, LISTED_AS)
        .and_then(|name| ContactState::ALL.into_iter().find(|state| state.as_str() == name));
    Ok(ContactRow {
        contact: id.ok_or_else(|| corrupt(item, "its key names no contact"))?,
        called: Personal::new(get_text(item, NAME).unwrap_or_default()),
        state: state.ok_or_else(|| corrupt(item, format!("its {LISTED_AS} is unknown")))?,
    })
}

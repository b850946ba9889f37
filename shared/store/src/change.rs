//! What a commit writes: found by comparing the account before and after, collection by collection.
//! No event has persistence code of its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::account::{Account, TaskId};
use domain::calendar::Day;
use domain::concern::ConcernKind;
use domain::id::{CreditNoteId, InvoiceId, PaymentId};
use domain::letter::{Letter, LetterState};
use domain::lock::Scope;
use domain::payment::{Payment, PaymentState};
use serde::Serialize;

use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::head::CLIENT;
use crate::item::{
    Item, MAX_ITEM_BYTES, SCHEMA_VERSION, attributes, check_size, new_item, number, replace, text,
};
use crate::keys::{
    Index, Key, PK, Place, SCHEMA, SK, VERSION, concerns_pk, concerns_sk, tasks_pk, tasks_sk,
};
use crate::links;
use crate::list::{Message, Note};
use crate::load::{Loaded, StoredCredit};
use crate::outbox::to_outbox;
use crate::pay_link::{self, CLOSED_ON, PayLink};

/// What a letter needs to be in the outbox: when it is ready. `None` takes it out.
pub type ReadyAt<'a> = &'a (dyn Fn(&Letter) -> Option<DateTime<Utc>> + Send + Sync);

/// What follows from a commit beside the facts.
#[derive(Clone, Copy)]
pub struct Derived<'a> {
    /// The first later day on which an evaluation would write anything.
    pub next_evaluation: Option<Day>,
    /// Into how many shards the firm's clients are divided.
    pub shards: u32,
    /// When each letter that changed is ready to be handed on: queued ones to be claimed, claimed
    /// ones to be looked after, should their sender never report.
    pub ready_at: ReadyAt<'a>,
    /// When a charge that was decided is ready to be asked for.
    pub charge_at: DateTime<Utc>,
}

/// What else a write guards, so that its refusal can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The payment is there already: another client's, or a moment older than this decision (PAY-1).
    Payment(PaymentId),
    /// The invoice number is taken in this firm (INV-7).
    Invoice(InvoiceId),
    /// The credit note's number is.
    CreditNote(CreditNoteId),
    /// The request has made what it is to make: it was made twice at once.
    Request,
}

/// The writes of a commit but for head and records.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Those that have to be in the transaction, and what they guard.
    pub(crate) writes: Vec<(Write, Option<Taken>)>,
    /// Invoices, which may come after it where they are many.
    pub(crate) invoices: Vec<Write>,
    /// The client's last payments, newest first, where there is a new one.
    pub(crate) last_payments: Option<Vec<PaymentId>>,
}

/// Compares.
pub(crate) fn changes(
    loaded: &Loaded,
    after: &Account,
    (version, at, day): (u64, DateTime<Utc>, Day),
    derived: &Derived<'_>,
) -> Result<Changes, StoreError> {
    let changes = Changes::default();
    let mut comparison = Comparison { loaded, after, version, day, changes };
    comparison.invoices()?;
    comparison.payments()?;
    comparison.credits()?;
    comparison.credit_notes();
    comparison.letters(derived.ready_at)?;
    comparison.charges(derived.charge_at)?;
    comparison.tasks()?;
    comparison.concerns();
    comparison.notes(at)?;
    comparison.messages(at)?;
    comparison.pay_links(at)?;
    comparison.arrangements()?;
    comparison.erasure();
    Ok(comparison.changes)
}

struct Comparison<'a> {
    loaded: &'a Loaded,
    after: &'a Account,
    version: u64,
    day: Day,
    changes: Changes,
}

impl Comparison<'_> {
    fn before(&self) -> &Account {
        &self.loaded.account
    }

    fn place(&self, key: Key<'_>) -> Place {
        key.place(&self.after.firm)
    }

    /// An item at `place`, made of the one at `old` if there is one.
    fn item<T: Serialize>(
        &self,
        place: &Place,
        old: Option<(&Place, &T)>,
        new: &T,
    ) -> Result<Item, StoreError> {
        let stored = old.and_then(|(old_place, _)| self.loaded.items.get(old_place)).cloned();
        let mut item = stored.unwrap_or_else(|| new_item(place, self.version));
        item.insert(PK.to_owned(), text(&*place.pk));
        item.insert(SK.to_owned(), text(&*place.sk));
        item.insert(SCHEMA.to_owned(), number(SCHEMA_VERSION));
        item.insert(VERSION.to_owned(), number(self.version));
        let known = old.map(|(_, old)| attributes(old)).transpose()?.unwrap_or_default();
        replace(&mut item, &known, attributes(new)?);
        Ok(item)
    }

    fn put(&mut self, item: Item) -> Result<(), StoreError> {
        check_size(&item, MAX_ITEM_BYTES)?;
        self.changes.writes.push((Write::Put(item, Condition::Always), None));
        Ok(())
    }

    fn delete(&mut self, place: Place) {
        self.changes.writes.push((Write::Delete(place, Condition::Always), None));
    }

    fn invoices(&mut self) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        let client = &after.client;
        let place_of = |id: &InvoiceId, is_open: bool| {
            let key =
                if is_open { Key::OpenInvoice(client, id) } else { Key::ClosedInvoice(client, id) };
            key.place(&after.firm)
        };
        for (id, invoice) in &after.invoices {
            let old = loaded.account.invoices.get(id);
            if old == Some(invoice) {
                continue;
            }
            let place = place_of(id, invoice.is_open());
            let old = old.map(|old| (place_of(id, old.is_open()), old));
            let was_open = old.as_ref().is_none_or(|(_, old)| old.is_open());
            let mut item =
                self.item(&place, old.as_ref().map(|(place, old)| (place, *old)), invoice)?;
            match (was_open, invoice.is_open()) {
                (_, true) => drop(item.remove(CLOSED_ON)),
                (true, false) => {
                    item.insert(CLOSED_ON.to_owned(), text(self.day.to_string()));
                }
                (false, false) => {}
            }
            check_size(&item, MAX_ITEM_BYTES)?;
            self.changes.invoices.push(Write::Put(item, Condition::Always));
            match old {
                Some((old, _)) if old != place => {
                    self.changes.invoices.push(Write::Delete(old, Condition::Always));
                }
                Some(_) => {}
                None => self.take(Key::InvoiceNumber(id), Taken::Invoice(id.clone())),
            }
        }
        // A draft that got its number goes on under it; its name stays taken.
        for (id, gone) in &loaded.account.invoices {
            if !after.invoices.contains_key(id) {
                let place = place_of(id, gone.is_open());
                self.changes.invoices.push(Write::Delete(place, Condition::Always));
            }
        }
        Ok(())
    }

    /// Takes a number that is unique in the firm.
    fn take(&mut self, key: Key<'_>, what: Taken) {
        let mut item = new_item(&self.place(key), self.version);
        item.insert(CLIENT.to_owned(), text(self.after.client.as_str()));
        self.changes.writes.push((Write::Put(item, Condition::Absent), Some(what)));
    }

    fn payments(&mut self) -> Result<(), StoreError> {
        let after = self.after;
        for (id, payment) in &after.payments {
            let old = self.before().payments.get(id).cloned();
            let moves = is_moving(after, payment);
            let moved = old.as_ref().is_some_and(|old| is_moving(self.before(), old));
            if old.as_ref() == Some(payment) && moves == moved {
                continue;
            }
            self.payment(id, old.as_ref(), payment)?;
            let copy = self.place(Key::MovingPayment(&after.client, id));
            if moves {
                let mut item = self.item(&copy, old.as_ref().map(|old| (&copy, old)), payment)?;
                self.link(&mut item, id);
                self.put(item)?;
            } else if moved {
                self.delete(copy);
            }
        }
        Ok(())
    }

    /// The payment itself: created once in the whole firm, or as it was read.
    fn payment(
        &mut self,
        id: &PaymentId,
        old: Option<&Payment>,
        new: &Payment,
    ) -> Result<(), StoreError> {
        let place = self.place(Key::Payment(id));
        let copy = self.place(Key::MovingPayment(&self.after.client, id));
        // It was looked up, or came with the open account as a copy of the same version.
        let items = &self.loaded.items;
        let source = if items.contains_key(&place) { &place } else { &copy };
        let mut item = self.item(&place, old.map(|old| (source, old)), new)?;
        item.insert(CLIENT.to_owned(), text(self.after.client.as_str()));
        let read = items.get(source).and_then(|item| item.get(VERSION)).cloned();
        let condition = match (old, read) {
            (Some(_), Some(version)) => Condition::Equals(VERSION, version),
            _ => Condition::Absent,
        };
        if old.is_none() {
            self.changes.last_payments = Some(links::with(&self.last_payments(), id));
        }
        self.link(&mut item, id);
        check_size(&item, MAX_ITEM_BYTES)?;
        self.changes.writes.push((Write::Put(item, condition), Some(Taken::Payment(id.clone()))));
        Ok(())
    }

    /// The client's last payments, newest first, by now.
    fn last_payments(&self) -> Vec<PaymentId> {
        let head = self.loaded.items.get(&self.place(Key::Head(&self.after.client)));
        let known = || head.map(links::last_payments).unwrap_or_default();
        self.changes.last_payments.clone().unwrap_or_else(known)
    }

    /// Each payment, and a copy of it, says which came before; that never changes.
    fn link(&self, item: &mut Item, id: &PaymentId) {
        let places = [Key::Payment(id), Key::MovingPayment(&self.after.client, id)];
        let stored = places.iter().find_map(|key| self.loaded.items.get(&self.place(*key)));
        let before = match stored {
            Some(stored) => links::before(stored),
            None => self.last_payments().into_iter().filter(|other| other != id).collect(),
        };
        links::put_before(item, &before);
    }

    fn credits(&mut self) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        let sources: BTreeSet<_> =
            loaded.account.credits.keys().chain(after.credits.keys()).collect();
        for source in sources {
            let stored = |account: &Account| {
                let credit = account.credits.get(source).cloned();
                credit.map(|credit| StoredCredit { source: source.clone(), credit })
            };
            let place = self.place(Key::Credit(&after.client, source));
            self.compare(place, stored(&loaded.account).as_ref(), stored(after).as_ref())?;
        }
        Ok(())
    }

    /// One thing that is there or not, always at the same place.
    fn compare<T: Serialize + PartialEq>(
        &mut self,
        place: Place,
        old: Option<&T>,
        new: Option<&T>,
    ) -> Result<(), StoreError> {
        match (old, new) {
            (old, new) if old == new => Ok(()),
            (old, Some(new)) => {
                let item = self.item(&place, old.map(|old| (&place, old)), new)?;
                self.put(item)
            }
            (_, None) => {
                self.delete(place);
                Ok(())
            }
        }
    }

    fn credit_notes(&mut self) {
        let after = self.after;
        for id in after.credit_notes.difference(&self.loaded.account.credit_notes) {
            self.take(Key::CreditNoteNumber(id), Taken::CreditNote(id.clone()));
        }
    }

    fn letters(&mut self, ready_at: ReadyAt<'_>) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        let place_of = |letter: &Letter| {
            let key = match letter.state {
                LetterState::Queued => Key::QueuedLetter(&after.client, letter.id),
                LetterState::Left(_) | LetterState::Withdrawn { .. } => {
                    Key::Letter(&after.client, letter.id)
                }
            };
            key.place(&after.firm)
        };
        for (id, letter) in &after.letters {
            let old = loaded.account.letters.get(id);
            if old == Some(letter) {
                continue;
            }
            let place = place_of(letter);
            let old = old.map(|old| (place_of(old), old));
            let mut item =
                self.item(&place, old.as_ref().map(|(place, old)| (place, *old)), letter)?;
            item.insert(CLIENT.to_owned(), text(after.client.as_str()));
            item.insert(crate::head::FIRM.to_owned(), text(after.firm.as_str()));
            to_outbox(&mut item, &place, ready_at(letter));
            self.put(item)?;
            if let Some((old, _)) = old.filter(|(old, _)| *old != place) {
                self.delete(old);
            }
        }
        Ok(())
    }

    /// In the outbox from the beginning to the end; a lease stays as it was read.
    fn charges(&mut self, ready_at: DateTime<Utc>) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        let before = &loaded.account.charges;
        let ids: BTreeSet<_> = before.keys().chain(after.charges.keys()).collect();
        for id in ids {
            let place = self.place(Key::OpenCharge(&after.client, id));
            match (before.get(id), after.charges.get(id)) {
                (old, new) if old == new => {}
                // The same attempt, of which more is known.
                (Some(old), Some(charge)) if old.id == charge.id && charge.is_asked => {
                    let item = self.item(&place, Some((&place, old)), charge)?;
                    self.put(item)?;
                }
                // Another takes its place: nothing of the one before stands beside it.
                (_, Some(charge)) => {
                    let mut item = new_item(&place, self.version);
                    item.extend(attributes(charge)?);
                    item.insert(CLIENT.to_owned(), text(after.client.as_str()));
                    item.insert(crate::head::FIRM.to_owned(), text(after.firm.as_str()));
                    to_outbox(&mut item, &place, Some(ready_at));
                    self.put(item)?;
                }
                (_, None) => self.delete(place),
            }
        }
        Ok(())
    }

    fn tasks(&mut self) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        let ids: BTreeSet<TaskId> =
            loaded.account.tasks.keys().chain(after.tasks.keys()).copied().collect();
        for id in ids {
            let place = self.place(Key::Task(&after.client, id));
            let (old, new) = (loaded.account.tasks.get(&id), after.tasks.get(&id));
            match (old, new) {
                (old, new) if old == new => {}
                (old, Some(task)) => {
                    let mut item = self.item(&place, old.map(|old| (&place, old)), task)?;
                    let (pk, sk) = Index::Firm.attributes();
                    item.insert(pk.to_owned(), text(tasks_pk(&after.firm)));
                    item.insert(sk.to_owned(), text(tasks_sk(task.opened_on, &after.client, id)));
                    item.insert(CLIENT.to_owned(), text(after.client.as_str()));
                    self.put(item)?;
                }
                (_, None) => self.delete(place),
            }
        }
        Ok(())
    }

    /// Of what kinds something needs a person, and since when: read off the facts, so that there is a list of them.
    fn concerns(&mut self) {
        let (before, after) = (self.before().oldest_concerns(), self.after.oldest_concerns());
        if before == after {
            return;
        }
        for kind in ConcernKind::ALL {
            let of = |known: &[(ConcernKind, Day)]| {
                known.iter().find(|(known, _)| *known == kind).map(|(_, since)| *since)
            };
            let place = self.place(Key::Concern(&self.after.client, kind));
            match (of(&before), of(&after)) {
                (old, new) if old == new => {}
                (_, Some(since)) => {
                    let mut item = new_item(&place, self.version);
                    let (pk, sk) = Index::Firm.attributes();
                    item.insert(pk.to_owned(), text(concerns_pk(&self.after.firm)));
                    item.insert(sk.to_owned(), text(concerns_sk(kind, since, &self.after.client)));
                    item.insert(CLIENT.to_owned(), text(self.after.client.as_str()));
                    self.changes.writes.push((Write::Put(item, Condition::Always), None));
                }
                (_, None) => self.delete(place),
            }
        }
    }

    /// Notes that are new: an account never has those of before.
    fn notes(&mut self, at: DateTime<Utc>) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        for written in after.notes.iter().skip(loaded.account.notes.len()) {
            let note = Note::of(written, at);
            let mut item = new_item(&self.place(Key::Note(&after.client, &note.id)), self.version);
            item.extend(attributes(&note)?);
            check_size(&item, MAX_ITEM_BYTES)?;
            self.changes.writes.push((Write::Put(item, Condition::Absent), None));
        }
        Ok(())
    }

    /// Messages that are new: an account never has those of before.
    fn messages(&mut self, at: DateTime<Utc>) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        for written in after.messages.iter().skip(loaded.account.messages.len()) {
            let place = self.place(Key::Message(&after.client, written.id));
            let mut item = new_item(&place, self.version);
            item.extend(attributes(&Message { at, message: written.clone() })?);
            check_size(&item, MAX_ITEM_BYTES)?;
            self.changes.writes.push((Write::Put(item, Condition::Absent), None));
        }
        Ok(())
    }

    /// Links that are new, or taken back: an account never has those of before.
    fn pay_links(&mut self, at: DateTime<Utc>) -> Result<(), StoreError> {
        let (before, after) = (&self.loaded.account, self.after);
        for made in after.pay_links.iter().skip(before.pay_links.len()) {
            let link = PayLink {
                hash: made.link.clone(),
                client: after.client.clone(),
                letter: None,
                made_by: Some(made.by.clone()),
                invoices: made.invoices.clone(),
                made_on: made.made_on,
                revoked_at: None,
            };
            let writes = pay_link::made(&after.firm, &link)?;
            self.changes.writes.extend(writes.map(|write| (write, None)));
        }
        for hash in after.revoked_links.iter().skip(before.revoked_links.len()) {
            self.changes.writes.push((pay_link::revoked(&after.firm, hash, at), None));
        }
        Ok(())
    }

    /// What lies beside the account is deleted after the commit that says so.
    fn erasure(&mut self) {
        let after = self.after;
        if after.is_erased() && !self.before().is_erased() {
            let write = crate::erase::entry(&after.firm, &after.client, self.version);
            self.changes.writes.push((write, None));
        }
    }

    fn arrangements(&mut self) -> Result<(), StoreError> {
        let (loaded, after) = (self.loaded, self.after);
        let before = &loaded.account;
        let client = &after.client;
        let promises = |account: &Account| -> BTreeMap<usize, _> {
            account.promises.iter().cloned().enumerate().collect()
        };
        let (old, new) = (promises(before), promises(after));
        for index in 0..old.len().max(new.len()) {
            let place = self.place(Key::Promise(client, index));
            self.compare(place, old.get(&index), new.get(&index))?;
        }
        self.compare(self.place(Key::Plan(client)), before.plan.as_ref(), after.plan.as_ref())?;
        let place = self.place(Key::Exception(client));
        let of_client = |account: &Account| account.exceptions.get(&Scope::Client).cloned();
        self.compare(place, of_client(before).as_ref(), of_client(after).as_ref())?;
        let scopes = |account: &Account| -> BTreeSet<Scope> {
            account.locks.keys().chain(account.exceptions.keys()).cloned().collect()
        };
        let all: BTreeSet<_> = scopes(before).union(&scopes(after)).cloned().collect();
        for scope in &all {
            let Some(line) = scope.line() else { continue };
            let place = self.place(Key::LineLock(client, line));
            self.compare(place, before.locks.get(scope), after.locks.get(scope))?;
            let place = self.place(Key::LineException(client, line));
            self.compare(place, before.exceptions.get(scope), after.exceptions.get(scope))?;
        }
        let place = self.place(Key::Unlocked(client));
        self.compare(place, before.last_unlock.as_ref(), after.last_unlock.as_ref())
    }
}

/// Whether a decision has to see the payment without asking for it: it is on its way, or more of it is
/// on invoices than is ours.
fn is_moving(account: &Account, payment: &Payment) -> bool {
    payment.state() == PaymentState::Pending || payment.kept() < account.held(&payment.id)
}

/// An instant that sorts as text.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

//! What an account's locks come to: which lines are locked, which invoices, and whose reason is told (LOCK-5).

use std::collections::BTreeSet;

use crate::account::{Account, UnlockTest};
use crate::calendar::Day;
use crate::id::ServiceLine;
use crate::invoice::Invoice;
use crate::lock::{Lock, Scope};
use crate::policy::{Policy, StepKey, UnlockRule};

impl Account {
    /// The oldest lock: its reason is the portal's.
    pub fn lock(&self) -> Option<&Lock> {
        self.locks.values().min_by_key(|lock| (lock.on, lock.episode))
    }

    /// Whether anything is locked, be it one line alone.
    pub fn is_locked(&self) -> bool {
        !self.locks.is_empty()
    }

    /// Whether that is locked, by itself or with the whole client.
    pub fn has_lock_on(&self, scope: &Scope) -> bool {
        self.locks.contains_key(&Scope::Client) || self.locks.contains_key(scope)
    }

    /// Whether an exception keeps locks from that, by itself or with the whole client (UNL-4).
    pub fn has_exception_for(&self, scope: &Scope) -> bool {
        self.exceptions.contains_key(&Scope::Client) || self.exceptions.contains_key(scope)
    }

    /// The locks that an invoice is under.
    pub fn locks_over<'a>(&'a self, invoice: &'a Invoice) -> impl Iterator<Item = &'a Lock> {
        self.locks.values().filter(|lock| lock.scope.covers(invoice))
    }

    /// All service lines of the client: the declared ones and those on invoices, also on closed ones.
    pub fn service_lines(&self) -> BTreeSet<ServiceLine> {
        let declared = self.profile.service_lines.iter().cloned();
        // Accounts of before remember no lines; of closed invoices some are in memory and some not.
        let on_invoices = self.open_invoices().map(Invoice::line);
        declared.chain(self.billed_lines.iter().cloned()).chain(on_invoices).collect()
    }

    /// The service lines that are locked; all of them, where the whole client is.
    pub fn locked_lines(&self) -> BTreeSet<ServiceLine> {
        match self.locks.contains_key(&Scope::Client) {
            true => self.service_lines(),
            false => self.locks.keys().filter_map(Scope::line).cloned().collect(),
        }
    }

    /// Whether nothing is left that isn't locked.
    pub fn is_wholly_locked(&self) -> bool {
        let all_lines = || self.service_lines().is_subset(&self.locked_lines());
        self.is_locked() && (self.locks.contains_key(&Scope::Client) || all_lines())
    }

    /// Whether a step of that running episode fired or was passed over.
    pub fn episode_step_is_done(&self, scope: &Scope, key: StepKey) -> bool {
        self.locks.get(scope).is_some_and(|lock| lock.steps.contains(&key))
    }

    /// UNL-1's test: no invoice of what is locked overdue, but for the named exceptions.
    ///
    /// `unlock` is the rule of the running episode, `policy` the newest: thresholds are the newest's
    /// (POL-1).
    pub fn unlock_test(
        &self,
        policy: &Policy,
        unlock: &UnlockRule,
        scope: &Scope,
        day: Day,
    ) -> UnlockTest {
        let view = self.collection(policy, day);
        let mut test = UnlockTest::default();
        let overdue = self.open_invoices().filter(|invoice| invoice.is_overdue(day));
        for invoice in overdue.filter(|invoice| scope.covers(invoice)) {
            if unlock.remainder_below_threshold && view.is_below_threshold(invoice) {
                continue;
            }
            let is_excused = invoice.collectable().is_zero()
                || self.is_promised(&invoice.id, day)
                || self.is_planned(&invoice.id, day);
            let list = if is_excused { &mut test.despite } else { &mut test.open };
            list.insert(invoice.id.clone());
        }
        test
    }
}

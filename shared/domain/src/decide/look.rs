//! Whether an evaluation may find anything on a later day, told without evaluating (EVAL-1, EVAL-3).
//!
//! Each question here mirrors one part of the evaluation ([`super::evaluate`]), and leans to yes where the whole
//! answer would take as much as evaluating: a wrong yes costs an evaluation that finds nothing, a wrong no would
//! lose a decision. That there is none of the latter is a property (`tests/properties.rs`).

use super::Context;
use super::fee::Fees;
use super::notice::Announcing;
use crate::account::{Account, CollectionView, ExceptionEnd};
use crate::calendar::{Day, minus, plus};
use crate::charge::{Charge, Charging, MAX_CHARGES};
use crate::id::InvoiceId;
use crate::invoice::{Hold, Invoice, Posting};
use crate::letter::{Content, DebtKind, LetterState};
use crate::limit::Limit;
use crate::lock::{Debt, Lock, counted, lock_reason};
use crate::policy::{Action, Policy, PolicyVersion, UnlockMode, When};
use crate::task::About;

/// Whether the evaluation of that later day may write anything, if nothing else happens until then: never `false`
/// where it would.
pub fn may_decide(account: &Account, context: &Context<'_>, day: Day) -> bool {
    let look = Look {
        account,
        policy: &context.policy.policy,
        newest: context.policy,
        context,
        view: account.collection(&context.policy.policy, day),
        day,
        waits: account.waits_for_reader(day),
    };
    if account.closed.is_some() {
        return look.a_task_closes(); // CLOSE-1
    }
    look.something_ends()
        || look.credit_is_applied()
        || look.a_task_closes()
        || look.a_charge_is_decided()
        || look.a_fee_is_charged()
        || look.a_fee_is_taken_back()
        || look.the_limit_changes()
        || look.lock()
        || look.something_is_announced()
        || look.a_step_fires()
        || look.a_step_after_the_lock_fires()
        || look.reminds()
        || look.unlock_is_offered()
}

/// An account on a later day.
struct Look<'a> {
    account: &'a Account,
    policy: &'a Policy,
    newest: &'a PolicyVersion,
    context: &'a Context<'a>,
    view: CollectionView<'a>,
    day: Day,
    /// Whether what the client wrote lies unread: nothing harsher than a reminder happens (LET-8).
    waits: bool,
}

impl<'a> Look<'a> {
    /// A request, a promise, a plan, a hold, an exception.
    fn something_ends(&self) -> bool {
        let (account, day) = (self.account, self.day);
        let is_open = |id: &InvoiceId| account.invoices.get(id).is_some_and(Invoice::is_open);
        let is_over = |hold: &Option<Hold>| hold.as_ref().is_some_and(|hold| !hold.holds_on(day));
        let plan_ends = account.plan.as_ref().is_some_and(|plan| {
            let balance = account.planned_balance(plan);
            balance == 0 || !plan.is_kept(balance, day)
        });
        let exception_ends = account.exceptions.values().any(|exception| match exception.ends {
            ExceptionEnd::Until(until) => until < day,
            ExceptionEnd::WithPlan => account.plan.is_none() || plan_ends,
        });
        let mut promises = account.promises.iter();
        account.request.as_ref().is_some_and(|request| request.expires_on <= day)
            || promises.any(|known| known.until < day || !known.invoices.iter().any(is_open))
            || plan_ends
            || exception_ends
            || is_over(&account.hold)
            || account.open_invoices().any(|invoice| is_over(&invoice.hold))
    }

    /// Credit that was there goes on what is posted (PAY-4).
    fn credit_is_applied(&self) -> bool {
        let fits = |invoice: &Invoice, on: Day| {
            self.account.credits.values().any(|credit| {
                credit.came_on <= on && credit.amount.currency() == invoice.total.currency()
            })
        };
        self.policy.apply_credit_on_issue
            && !self.account.credits.is_empty()
            && self.account.open_invoices().any(|invoice| match invoice.posting {
                Posting::Scheduled(on) => on <= self.day && fits(invoice, on),
                Posting::Draft | Posting::Posted => false,
            })
    }

    /// What a task was about is settled (POL-3, PLAN-1).
    fn a_task_closes(&self) -> bool {
        let overdue = |id: &InvoiceId| {
            self.account.invoices.get(id).is_some_and(|invoice| invoice.is_overdue(self.day))
        };
        let open = |id: &InvoiceId| self.account.invoices.get(id).is_some_and(Invoice::is_open);
        self.account.tasks.values().any(|task| match (&task.about, task.about.step()) {
            (_, Some((_, invoices))) => !invoices.iter().any(overdue),
            (About::PlanRequest { invoices, .. }, _) => !invoices.iter().any(open),
            _ => false,
        })
    }

    /// A saved method is charged, or one is no longer to be (CHG-1).
    fn a_charge_is_decided(&self) -> bool {
        let charging = self.charging();
        let invoice_of = |charge: &Charge| self.account.invoices.get(&charge.id.invoice);
        let stands = |charge: &Charge| {
            invoice_of(charge).is_some_and(|invoice| {
                self.view.collects(invoice) && charging.stands(charge, invoice)
            })
        };
        let mut charges = self.account.charges.values();
        let has_room = self.account.charges.len() < MAX_CHARGES;
        charges.any(|charge| !charge.is_asked && !stands(charge))
            || !self.waits
                && has_room
                && self.account.chargeable_method().is_some()
                && self.account.open_invoices().any(|invoice| {
                    charging.is_due(invoice, self.day) && self.view.collects(invoice)
                })
    }

    fn charging(&self) -> Charging<'_> {
        Charging { account: self.account, version: self.newest }
    }

    /// A late fee, by the section or by a step (LF-1).
    fn a_fee_is_charged(&self) -> bool {
        let fees = self.fees(self.newest);
        !self.waits && self.view.debts().into_iter().any(|(invoice, _)| fees.are_due(invoice))
    }

    /// A late fee of the very day, should its invoice be paid by now (LF-2).
    fn a_fee_is_taken_back(&self) -> bool {
        let is_taken = self.policy.late_fee.as_ref().is_some_and(|rule| !rule.even_if_paid_late);
        let mut fees = self.account.invoices.values().flat_map(|invoice| &invoice.fees);
        is_taken && fees.any(|fee| fee.stands() && fee.charged_on == self.day)
    }

    fn fees(&self, version: &'a PolicyVersion) -> Fees<'a> {
        let (newest, law) = (self.newest, self.context.law);
        Fees { account: self.account, version, newest, day: self.day, law }
    }

    /// A limit begins, or takes something else, or ends; one whose step is still to be reached is a step (POL-3).
    fn the_limit_changes(&self) -> bool {
        let was = &self.account.limit;
        let now = self.account.limited_by(self.policy, self.day);
        match (was, now) {
            (None, None) => false,
            (Some(was), Some(now)) => *was != Limit { on: was.on, ..now },
            (None, Some(_)) => !self.waits,
            (Some(_), None) => true,
        }
    }

    fn something_is_announced(&self) -> bool {
        let announcing = Announcing::new(self.account, self.context, self.day);
        !self.waits
            && self.account.open_invoices().any(|invoice| !announcing.due_for(invoice).is_empty())
    }

    /// The lock rule: a lock, a notice before it, or a task for want of an address (LOCK-1, LOCK-7).
    fn lock(&self) -> bool {
        let has_task = self.has_task(&About::NoAddress);
        let wanted = self.policy.lock.by_scope(self.view.debts()).into_iter();
        let wanted = wanted.filter(|(scope, _)| {
            !self.account.has_lock_on(scope) && !self.account.has_exception_for(scope)
        });
        let wanted: Vec<_> = wanted.filter_map(|(_, debts)| self.lock_wants(debts)).collect();
        if wanted.is_empty() {
            return has_task;
        }
        match self.account.deliverable() {
            None => !has_task,
            Some(_) => has_task || wanted.contains(&true),
        }
    }

    /// What the lock rule comes to for a client or a line of it: `None`, no trigger is met; else whether it would
    /// lock or warn.
    fn lock_wants(&self, debts: Vec<(&Invoice, Debt<'_>)>) -> Option<bool> {
        let rule = &self.policy.lock;
        let collected: Vec<Debt<'_>> = debts.iter().map(|(_, debt)| *debt).collect();
        let counts = |invoice: &Invoice| !invoice.never_locks;
        let debts: Vec<_> = debts.into_iter().filter(|(invoice, _)| counts(invoice)).collect();
        let all: Vec<Debt<'_>> = debts.iter().map(|(_, debt)| *debt).collect();
        lock_reason(self.policy, &all, &all)?;
        if self.waits {
            return Some(false);
        }
        let warned = debts.iter().filter(|(invoice, _)| self.is_warned(invoice));
        let warned: Vec<Debt<'_>> = warned.map(|(_, debt)| *debt).collect();
        let waits = rule.working_days_only && !self.policy.working_days.is_working(self.day);
        if lock_reason(self.policy, &warned, &collected).is_some() && !waits {
            return Some(true);
        }
        // A letter that is queued may be withdrawn, and then it warned nobody.
        let wanted = counted(self.policy, &all);
        let mut never = debts.iter().filter(|(invoice, _)| !invoice.was_warned());
        Some(never.any(|(invoice, _)| wanted.contains(&invoice.id)))
    }

    /// A step after due, or a notice that must come before it.
    fn a_step_fires(&self) -> bool {
        let debts = self.view.debts();
        debts.into_iter().any(|(invoice, _)| {
            self.policy.kind(invoice.kind).steps.iter().any(|step| {
                let When::DaysOverdue(days) = step.when else { return false };
                let on = plus(invoice.due_on, days);
                let key = step.key(invoice.kind);
                let is_due = on <= self.day && !invoice.steps.contains_key(&key);
                let came_late = self.newest.new_steps.get(&key).is_some_and(|since| on < *since);
                if step.action == Action::LateFee {
                    return is_due && came_late; // it is skipped; else it charges, or does nothing
                }
                // A `lock` step is the lock rule's, but for what exempts it.
                let may_fire = step.action != Action::Lock
                    && !self.waits
                    && self.may_fire(invoice, step.action.needs_warning());
                is_due
                    && invoice.fee_of.is_none()
                    && (may_fire || self.has_responded(step.unless_response_days, on))
            })
        })
    }

    fn a_step_after_the_lock_fires(&self) -> bool {
        let mut locks = self.account.locks.values();
        !self.waits && locks.any(|lock| lock.is_by_rule() && self.a_step_after_fires(lock))
    }

    fn a_step_after_fires(&self, lock: &Lock) -> bool {
        let Some(version) = self.context.version(&lock.policy) else {
            return true; // who decides says what is wrong
        };
        let debts = self.view.debts();
        version.policy.steps().any(|(key, step)| {
            let When::AfterLock(days) = key.when else { return false };
            let on = plus(lock.on, days);
            if lock.steps.contains(&key) {
                return false;
            }
            let mut of_kind = debts.iter().filter(|(invoice, _)| {
                let is_covered = lock.scope.covers(invoice) && invoice.fee_of.is_none();
                is_covered && invoice.kind == key.kind
            });
            let fees = self.fees(version);
            let may_fire = |invoice: &Invoice| match key.action == Action::LateFee {
                true => fees.charges_after_lock(invoice, on),
                false => self.may_fire(invoice, step.action.needs_warning()),
            };
            version.new_steps.get(&key).is_some_and(|since| on < *since)
                || on <= self.day && of_kind.any(|(invoice, _)| may_fire(invoice))
        })
    }

    fn may_fire(&self, invoice: &Invoice, needs_warning: bool) -> bool {
        let can_warn = self.account.deliverable().is_some() && !invoice.was_warned();
        !needs_warning || self.is_warned(invoice) || can_warn
    }

    fn has_responded(&self, days: Option<u32>, on: Day) -> bool {
        days.is_some_and(|days| self.account.responded_within(days, on))
    }

    /// A reminder on its day, or one that was missed while it is not yet due (LET-1).
    fn reminds(&self) -> bool {
        self.account.deliverable().is_some()
            && self.account.open_invoices().any(|invoice| {
                let day_of = |days| minus(invoice.due_on, days);
                let all = self.policy.kind(invoice.kind).reminders.iter().copied();
                let due = all.filter(|&days| {
                    invoice.issued_on < day_of(days)
                        && day_of(days) <= self.day
                        && !invoice.reminders.contains(&days)
                });
                let Some(nearest) = due.min() else { return false };
                let is_passed = invoice.reminders.range(..nearest).next().is_some();
                let is_in_time = day_of(nearest) == self.day || self.day < invoice.due_on;
                !is_passed
                    && is_in_time
                    && self.view.collects(invoice)
                    && !self.charging().is_to_come(invoice)
            })
    }

    /// The client is told of as ready, or no longer; or the rule unlocks (UNL-2, UNL-3).
    fn unlock_is_offered(&self) -> bool {
        let has_task = self.has_task(&About::ReadyForUnlock);
        let mut waits = false;
        for lock in self.account.locks.values() {
            let Some(version) = self.context.version(&lock.policy) else { return true };
            let unlock = &version.policy.unlock;
            if self.account.unlock_test(self.policy, unlock, &lock.scope, self.day).holds() {
                if unlock.mode == UnlockMode::OnPayment && lock.money_came && lock.is_by_rule() {
                    return true;
                }
                waits = true;
            }
        }
        waits != has_task
    }

    fn has_task(&self, about: &About) -> bool {
        self.account.tasks.values().any(|task| task.about == *about)
    }

    /// As LOCK-7 says, the letters that leave until then among them.
    fn is_warned(&self, invoice: &Invoice) -> bool {
        let days = self.policy.lock.after_notice_days;
        let first = invoice.first_warned_on();
        let leaves_on = self.leaving(&invoice.id).min();
        days == 0 || [first, leaves_on].into_iter().flatten().any(|on| plus(on, days) <= self.day)
    }

    /// The days on which queued letters leave that will have warned of it.
    fn leaving(&self, invoice: &InvoiceId) -> impl Iterator<Item = Day> {
        let queued = self.account.letters.values().filter(|l| l.state == LetterState::Queued);
        queued.filter_map(move |letter| {
            let Content::Debt { parts } = &letter.content else { return None };
            let mut parts = parts.iter().filter(|part| part.kind != DebtKind::Reminder);
            parts.any(|part| part.invoices.contains(invoice)).then_some(letter.leaves_on)
        })
    }
}

//! What an account can do without: history that no later decision looks at.
//!
//! The table keeps what is closed apart and loads it when a command needs it ([`crate::command::needs`]). Who
//! plays years of a book in memory ([`crate::whatif`]) has no such place, and lets it go instead.

use std::collections::BTreeSet;

use crate::account::Account;
use crate::calendar::{Day, minus, plus};
use crate::decide::Context;
use crate::id::PaymentId;
use crate::letter::{Content, LetterState};
use crate::payment::{Payment, PaymentState};
use crate::policy::When;

impl Account {
    /// Drops closed invoices, settled payments, letters that left or were withdrawn, and responses of so long ago
    /// that no step asks for them any more: what the table would not load with the open account.
    ///
    /// Evaluations, letters, new invoices and payments on open ones are decided as before. News about what was
    /// dropped are not: a refund of a forgotten payment is that of an unknown one. Nor are steps of an invoice that
    /// is put in later with a due date before this day.
    pub fn forget_closed(&mut self, context: &Context<'_>) {
        let oldest = self.oldest_response(context);
        self.responses.retain(|response| oldest.is_some_and(|oldest| oldest <= response.on));
        self.invoices.retain(|_, invoice| invoice.is_open());
        self.letters.retain(|_, letter| letter.state == LetterState::Queued);
        let told: BTreeSet<PaymentId> =
            self.letters.values().filter_map(|letter| payment_of(&letter.content)).collect();
        let moves = |payment: &Payment| {
            payment.state() == PaymentState::Pending
                || payment.facts.is_none()
                || payment.kept() != self.held(&payment.id)
        };
        let kept: BTreeSet<PaymentId> = self
            .payments
            .values()
            .filter(|payment| moves(payment) || told.contains(&payment.id))
            .map(|payment| payment.id.clone())
            .collect();
        self.payments.retain(|id, _| kept.contains(id));
        self.credit_notes.clear();
        self.notes.clear();
        self.messages.clear();
        self.pay_links.clear();
        self.revoked_links.clear();
    }

    /// The first day whose response a step may still ask for (LET-8): one of an open invoice or of the episode that
    /// wasn't done yet, or one of an invoice to come. `None`: no step asks.
    fn oldest_response(&self, context: &Context<'_>) -> Option<Day> {
        let policies = std::iter::once(context.policy).chain(context.episodes);
        let steps = policies.flat_map(|version| version.policy.steps());
        let asking = steps.filter_map(|(key, step)| Some((key, step.unless_response_days?)));
        let asked = asking.map(|(key, days)| {
            let oldest = match key.when {
                When::DaysOverdue(at) => self
                    .open_invoices()
                    .filter(|invoice| invoice.kind == key.kind && !invoice.steps.contains_key(&key))
                    .map(|invoice| plus(invoice.due_on, at))
                    .min(),
                When::AfterLock(at) => {
                    let locks = self.locks.values().filter(|lock| !lock.steps.contains(&key));
                    locks.map(|lock| plus(lock.on, at)).min()
                }
            };
            minus(oldest.unwrap_or(context.day).min(context.day), days)
        });
        asked.min()
    }
}

fn payment_of(content: &Content) -> Option<PaymentId> {
    match content {
        Content::Receipt { payment } | Content::PaymentFailed { payment } => Some(payment.clone()),
        Content::Debt { .. }
        | Content::ChargeFailed { .. }
        | Content::WelcomeBack
        | Content::LineWelcomeBack { .. }
        | Content::PromiseConfirmation { .. }
        | Content::PlanConfirmation { .. }
        | Content::PayLink { .. }
        | Content::Message { .. } => None,
    }
}

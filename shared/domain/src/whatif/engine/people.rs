//! What people do in a book that doesn't say it: approve, ask, pay because of a letter ([`super::super::Assumed`]).

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, ClientNumber, Deed, Engine, Refused, Today, assumed};
use crate::calendar::{Day, plus};
use crate::command::Command;
use crate::decide::decide_alone;
use crate::id::{InvoiceId, ServiceLine, StaffId};
use crate::letter::{LetterKind, Sending};
use crate::lock::Scope;
use crate::policy::{Action, Policy, UnlockMode};
use crate::role::{Actor, Role};
use crate::task::About;

/// Who does what is assumed: one asks, another approves (UNL-1).
#[derive(Debug)]
pub(super) struct Staff {
    pub(super) lead: Actor,
    pub(super) partner: Actor,
}

impl Staff {
    pub(super) fn new() -> Self {
        Self {
            lead: staff("billing lead", Role::BillingLead),
            partner: staff("partner", Role::Partner),
        }
    }
}

impl Engine {
    /// What people are assumed to do by now, and the evaluation that follows all that was done with the client today.
    pub(super) fn do_what_is_assumed(
        &mut self,
        number: ClientNumber,
        day: Day,
        today: &mut Today,
    ) -> Result<(), Refused> {
        loop {
            let mut is_changed = today.acted.remove(&number);
            for action in self.waiting_steps(number, day) {
                let partner = self.staff.partner.clone();
                self.act(number, day, &partner, &Command::ApproveStep { action }, today)?;
                is_changed = true;
            }
            if let Some(lines) = self.unlocks(number, day) {
                let (lead, partner) = (self.staff.lead.clone(), self.staff.partner.clone());
                self.act(
                    number,
                    day,
                    &lead,
                    &Command::RequestUnlock { lines: lines.clone() },
                    today,
                )?;
                self.act(number, day, &partner, &Command::ApproveUnlock { lines }, today)?;
                is_changed = true;
            }
            if !is_changed {
                return Ok(());
            }
            self.evaluate(number, day, today)?;
        }
    }

    fn act(
        &mut self,
        number: ClientNumber,
        day: Day,
        actor: &Actor,
        command: &Command,
        today: &mut Today,
    ) -> Result<(), Refused> {
        let (client, context) = self.client_and_context(number, day, actor);
        let events = decide_alone(&client.account, command, &context).map_err(assumed)?;
        self.commit(number, day, events, today);
        Ok(())
    }

    /// The steps that wait for a partner, and are still about something (POL-3).
    fn waiting_steps(&mut self, number: ClientNumber, day: Day) -> BTreeSet<Action> {
        if !self.assumed.approves_steps {
            return BTreeSet::new();
        }
        let (client, context) = self.client_and_context(number, day, &Actor::Schedule);
        let account = &client.account;
        let view = account.collection(&context.policy.policy, day);
        let collects =
            |id: &InvoiceId| account.invoices.get(id).is_some_and(|known| view.collects(known));
        let waiting = account.tasks.values().filter_map(|task| match &task.about {
            About::ApproveStep { step, invoices } => Some((step.action, invoices)),
            _ => None,
        });
        let mut steps: BTreeMap<Action, bool> = BTreeMap::new();
        for (action, invoices) in waiting {
            // All of that kind are approved together: one that is about nothing any more refuses them all.
            *steps.entry(action).or_insert(true) &= invoices.iter().any(collects);
        }
        steps.into_iter().filter(|(_, is_about)| *is_about).map(|(action, _)| action).collect()
    }

    /// The lines whose unlock is asked for and approved today, none of them being the whole client; `None`: nothing is
    /// unlocked today.
    fn unlocks(&mut self, number: ClientNumber, day: Day) -> Option<BTreeSet<ServiceLine>> {
        let after = self.assumed.unlock_days?;
        let (client, context) = self.client_and_context(number, day, &Actor::Schedule);
        let policy = &context.policy.policy;
        let by_rule = client.account.locks.values().filter(|lock| lock.is_by_rule());
        let ready = by_rule.filter(|lock| {
            let unlock = &context.version(&lock.policy).unwrap_or(context.policy).policy.unlock;
            unlock.mode == UnlockMode::Approval
                && client.account.unlock_test(policy, unlock, &lock.scope, day).holds()
        });
        let ready: BTreeSet<_> = ready.map(|lock| lock.scope.clone()).collect();
        if ready.is_empty() {
            client.unlock_on = None;
            return None;
        }
        let on = *client.unlock_on.get_or_insert_with(|| working_days_after(policy, day, after));
        let is_today = on <= day;
        if is_today {
            client.unlock_on = None;
        }
        // The whole client comes first, and the lines then stay for another day.
        let lines = match ready.contains(&Scope::Client) {
            true => BTreeSet::new(),
            false => ready.iter().filter_map(Scope::line).cloned().collect(),
        };
        is_today.then_some(lines)
    }

    /// A letter that left, and who pays because of it, where that is assumed.
    pub(super) fn count_letter(
        &mut self,
        number: ClientNumber,
        day: Day,
        sending: &Sending,
        today: &mut Today,
    ) {
        today.count.letter(sending.kind);
        if sending.kind != LetterKind::Receipt {
            today.touched.insert(number);
        }
        let Some(client) = self.clients.get(number as usize) else { return };
        for response in self.assumed.responses.iter().filter(|known| known.letter == sending.kind) {
            let id = &client.account.client;
            for invoice in sending.invoices.iter().filter(|invoice| response.picks(id, invoice)) {
                // From tomorrow on: the day's payments are in.
                let on = plus(day, response.days.max(1));
                let deed = Deed::Pay { invoice: invoice.clone(), amount: None };
                let act = Act { on, client: number, line: 0, deed };
                self.answers.entry(on).or_default().push(act);
                self.outcome.answered += 1;
            }
        }
    }
}

fn working_days_after(policy: &Policy, day: Day, days: u32) -> Day {
    let working = &policy.working_days;
    let first = working.on_or_after(day);
    (0..days).fold(first, |day, _| working.on_or_after(plus(day, 1)))
}

fn staff(name: &str, role: Role) -> Actor {
    let id: StaffId = name.parse().unwrap_or_else(|error| unreachable!("{name} is an id: {error}"));
    Actor::Staff { id, roles: BTreeSet::from([role]) }
}

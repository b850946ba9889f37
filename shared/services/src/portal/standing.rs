//! How a client's portal stands: what is open, what isn't and why, and what can be paid (ACC-1..4).

use domain::access::{
    Access, Capability, Denial, DenialText, Limits, PortalState, access, denial_text,
};
use domain::id::ServiceLine;
use domain::invoice::Invoice;
use domain::lock::Scope;
use domain::money::Money;

use crate::execute::View;
use crate::http::{Problem, ProblemKind};

/// How a portal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: PortalState,
    /// What is denied while it is limited.
    limits: Limits,
}

impl Standing {
    /// Of that client.
    pub fn of(view: &View) -> Self {
        let account = &view.loaded.account;
        Self { state: account.portal(), limits: account.limits() }
    }

    /// Whether that is open, for nothing in particular.
    pub fn access(&self, capability: Capability) -> Access {
        self.access_of(&Scope::Client, capability)
    }

    /// Whether that is open for what is of that service line (LOCK-5).
    pub fn access_of(&self, scope: &Scope, capability: Capability) -> Access {
        access(self.state, scope, capability, &self.limits)
    }

    /// Everything, in the order of the rules.
    pub fn all(&self) -> impl Iterator<Item = (Capability, Access)> + '_ {
        Capability::ALL.into_iter().map(|capability| (capability, self.access(capability)))
    }

    /// Goes on only where that is open.
    ///
    /// # Errors
    /// Why it isn't, and what would have to be paid (ACC-3).
    pub fn require(&self, view: &View, capability: Capability) -> Result<(), Problem> {
        match self.access(capability) {
            Access::Allow | Access::Only(_) => Ok(()),
            Access::Deny(denial) => {
                let DenialText { why, amounts } = self.denied(view, denial);
                let amounts: Vec<_> = amounts.into_iter().map(Money::for_person).collect();
                let detail = match amounts.is_empty() {
                    true => why,
                    false => format!("{why} To pay now: {}.", amounts.join(" and ")),
                };
                Err(Problem { rule: Some("ACC-1"), ..Problem::new(ProblemKind::Forbidden, detail) })
            }
        }
    }

    /// The service lines whose lock takes that away, for these alone (LOCK-5).
    pub fn lines_without(&self, capability: Capability) -> impl Iterator<Item = &ServiceLine> {
        let is_denied = move |line: &&ServiceLine| {
            let access = self.access_of(&Scope::Line((*line).clone()), capability);
            access == Access::Deny(Denial::Locked)
        };
        self.limits.locked_lines.iter().filter(is_denied)
    }

    /// What the denial of something of that service line tells a person (ACC-3, LOCK-5).
    pub fn denied_of(&self, scope: &Scope, view: &View, denial: Denial) -> DenialText {
        denial_text(&view.loaded.account, scope, denial, view.day)
    }

    /// What a denial tells a person (ACC-3).
    pub fn denied(&self, view: &View, denial: Denial) -> DenialText {
        self.denied_of(&Scope::Client, view, denial)
    }
}

/// An invoice that can be paid.
#[derive(Debug, Clone)]
pub struct Payable<'a> {
    /// Which.
    pub invoice: &'a Invoice,
    /// What is to be paid of it: what is not in dispute and not on its way; all of it, if everything is in
    /// dispute, for paying is never refused (ACC-4). Zero while everything is on its way.
    pub amount: Money,
    /// What of it a bank debit brings (CHG-3).
    pub on_its_way: Money,
}

impl Payable<'_> {
    /// The invoices of a client that are open and out, the oldest due first.
    pub fn all(view: &View) -> Vec<Payable<'_>> {
        let account = &view.loaded.account;
        let covered = account.in_flight(&view.policy.policy, view.day);
        let posted = account.open_invoices().filter(|invoice| invoice.is_posted(view.day));
        let mut payable: Vec<_> = posted
            .map(|invoice| {
                let balance = invoice.balance();
                let on_its_way = covered.get(&invoice.id).copied().unwrap_or(0);
                let on_its_way = on_its_way.min(balance.minor());
                let left = balance.minor() - on_its_way;
                let asked = left.min(invoice.collectable().minor());
                let amount = if asked == 0 { left } else { asked };
                let money = |minor| Money::new(minor, balance.currency());
                Payable { invoice, amount: money(amount), on_its_way: money(on_its_way) }
            })
            .collect();
        payable.sort_by(|a, b| {
            (a.invoice.due_on, &a.invoice.id).cmp(&(b.invoice.due_on, &b.invoice.id))
        });
        payable
    }
}

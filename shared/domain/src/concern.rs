//! What of a client needs a person and is no task: open disputes, promises and plans that were broken, plans that are
//! asked for (DIS-1, PROM-1, PLAN-1).
//!
//! Nothing is decided by it: it is read off the facts, so that staff have one list of it. A broken promise is there until
//! what it was for is paid, ends, or a newer promise or plan covers it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::account::{Account, TaskId};
use crate::calendar::{Day, plus};
use crate::id::{InvoiceId, StaffId};
use crate::invoice::Invoice;
use crate::money::Money;
use crate::plan::{Plan, Promise};
use crate::task::About;

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcernKind {
    /// An open dispute.
    Dispute,
    /// A promise that wasn't kept.
    BrokenPromise,
    /// A plan that wasn't kept.
    BrokenPlan,
    /// A plan that the client asks for.
    PlanRequest,
}

impl ConcernKind {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 4] =
        [Self::Dispute, Self::BrokenPromise, Self::BrokenPlan, Self::PlanRequest];

    /// Its name in documents and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dispute => "dispute",
            Self::BrokenPromise => "broken_promise",
            Self::BrokenPlan => "broken_plan",
            Self::PlanRequest => "plan_request",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// An arrangement that an invoice was part of, and that wasn't kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Which: a promise or a plan.
    pub what: Arrangement,
    /// Since when.
    pub on: Day,
}

/// What a client arranged with the firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// To pay by a day.
    Promise,
    /// To pay in parts.
    Plan,
}

/// One thing that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// What.
    pub kind: ConcernKind,
    /// Since when.
    pub since: Day,
    /// About which invoices.
    pub invoices: BTreeSet<InvoiceId>,
    /// How much is disputed, of a dispute.
    pub disputed: Option<Money>,
    /// Whether a partner looks at it, of a dispute.
    pub is_under_review: bool,
    /// Who does, where that was noted.
    pub reviewed_by: Option<StaffId>,
    /// Its task, of a request.
    pub task: Option<TaskId>,
}

impl Account {
    /// What needs a person, the kinds in their order, of each the oldest first. Of a closed client nothing does.
    pub fn concerns(&self) -> Vec<Concern> {
        if self.closed.is_some() {
            return Vec::new();
        }
        let mut concerns: Vec<_> = self.open_invoices().filter_map(dispute).collect();
        concerns.extend(self.broken(Arrangement::Promise, ConcernKind::BrokenPromise));
        concerns.extend(self.broken(Arrangement::Plan, ConcernKind::BrokenPlan));
        concerns.extend(self.tasks.values().filter_map(|task| match &task.about {
            About::PlanRequest { invoices, .. } => Some(Concern {
                task: Some(task.id),
                ..Concern::new(ConcernKind::PlanRequest, task.opened_on, invoices.clone())
            }),
            _ => None,
        }));
        concerns.sort_by_key(|concern| (concern.kind, concern.since));
        concerns
    }

    /// Since when the oldest of each kind is there.
    pub fn oldest_concerns(&self) -> Vec<(ConcernKind, Day)> {
        let concerns = self.concerns();
        let oldest = |kind| concerns.iter().find(|concern| concern.kind == kind);
        let kinds = ConcernKind::ALL.into_iter();
        kinds.filter_map(|kind| oldest(kind).map(|concern| (kind, concern.since))).collect()
    }

    fn broken(&self, what: Arrangement, kind: ConcernKind) -> Option<Concern> {
        let marked = |invoice: &&Invoice| {
            invoice.broken.is_some_and(|broken| broken.what == what)
                && !self.is_arranged(&invoice.id)
        };
        let broken: Vec<_> = self.open_invoices().filter(marked).collect();
        let since =
            broken.iter().filter_map(|invoice| invoice.broken).map(|broken| broken.on).min()?;
        Some(Concern::new(kind, since, broken.iter().map(|invoice| invoice.id.clone()).collect()))
    }

    /// Whether a running promise or plan covers it.
    fn is_arranged(&self, invoice: &InvoiceId) -> bool {
        self.promises.iter().any(|promise| promise.invoices.contains(invoice))
            || self.plan.as_ref().is_some_and(|plan| plan.invoices.contains(invoice))
    }
}

fn dispute(invoice: &Invoice) -> Option<Concern> {
    let dispute = invoice.dispute.as_ref()?;
    Some(Concern {
        disputed: Some(invoice.disputed()),
        is_under_review: dispute.is_under_review,
        reviewed_by: dispute.reviewed_by.clone(),
        ..Concern::new(ConcernKind::Dispute, dispute.opened_on, [invoice.id.clone()].into())
    })
}

impl Concern {
    fn new(kind: ConcernKind, since: Day, invoices: BTreeSet<InvoiceId>) -> Self {
        let (disputed, reviewed_by, task) = (None, None, None);
        Self { kind, since, invoices, disputed, is_under_review: false, reviewed_by, task }
    }
}

/// A promise that isn't kept is broken from the day after.
pub(crate) fn broken_promise(promise: &Promise) -> Broken {
    Broken { what: Arrangement::Promise, on: plus(promise.until, 1) }
}

/// A plan, with so much still owed on its invoices, since the first instalment that wasn't paid in time.
pub(crate) fn broken_plan(plan: &Plan, balance: u64) -> Broken {
    let missed = |instalment: &&crate::plan::Instalment| {
        !plan.is_kept(balance, plus(instalment.due_on, plan.grace_days.saturating_add(1)))
    };
    let due = plan.instalments.iter().find(missed).map_or(plan.begun_on, |found| found.due_on);
    let on = plus(due, plan.grace_days.saturating_add(1));
    Broken { what: Arrangement::Plan, on }
}

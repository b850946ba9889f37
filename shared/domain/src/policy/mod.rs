//! The collection policy of a client class (POL-1..4): what a firm decided once for many clients.
//!
//! [`Policy`] is a document as it was meant, every default filled in; [`PolicyVersion`] is one
//! armed version of it. Reading the document, its presets and the errors are in [`read`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::access::Capability;
use crate::calendar::{Day, Terms, WorkingDays};
use crate::id::{ClassId, TemplateName};
use crate::invoice::{Invoice, InvoiceKind};
use crate::letter::DebtKind;
use crate::lock::{Debt, Scope};
use crate::money::{Currency, Money};
use crate::run::Share;

/// A whole policy document (contracts §2); [`Default`] is the preset `cpa` (POL-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// For people.
    pub name: String,
    /// At or under it an invoice is not collected (INV-4); a currency that is not named has zero.
    pub collection_threshold: BTreeMap<Currency, Money>,
    /// Against what the threshold is held.
    pub collection_threshold_on: ThresholdOn,
    /// When the portal locks (LOCK-1).
    pub lock: LockRule,
    /// How it opens again (UNL-1, UNL-3).
    pub unlock: UnlockRule,
    /// Which days the firm works (LOCK-3, LET-5).
    pub working_days: WorkingDays,
    /// When letters leave (LET-5).
    pub letters: LetterRule,
    /// What a client may promise by itself (PROM-1).
    pub promise: PromiseRule,
    /// Days after an instalment's due day before the plan breaks (PLAN-1).
    pub plan_grace_days: u32,
    /// For how many days a pending debit stops notices and locks (CHG-3).
    pub in_flight_days: u32,
    /// For how many days collection rests after a returned debit (CHG-3).
    pub after_return_days: u32,
    /// Whether client credit pays later invoices when they are posted (PAY-4).
    pub apply_credit_on_issue: bool,
    /// Late fees, if any (LF-1).
    pub late_fee: Option<LateFee>,
    /// What a `limit` step denies that names nothing of its own (POL-3).
    pub limits: BTreeSet<Capability>,
    /// Terms and steps of regular invoices (POL-2).
    pub regular: KindRules,
    /// Terms and steps of out-of-turn invoices.
    pub out_of_turn: KindRules,
}

impl Default for Policy {
    fn default() -> Self {
        read::preset("cpa").unwrap_or_else(|error| unreachable!("the preset cpa reads: {error}"))
    }
}

impl Policy {
    /// The rules of that kind of invoice.
    pub fn kind(&self, kind: InvoiceKind) -> &KindRules {
        match kind {
            InvoiceKind::Regular => &self.regular,
            InvoiceKind::OutOfTurn => &self.out_of_turn,
        }
    }

    /// The threshold in that currency (INV-4).
    pub fn threshold(&self, currency: Currency) -> Money {
        self.collection_threshold.get(&currency).copied().unwrap_or(Money::zero(currency))
    }

    /// From how many days overdue on an invoice meets the days rule: that of a `lock` step of its kind, where there is
    /// one that it didn't skip, else the lock's (POL-3). `None`: never.
    pub fn lock_days(&self, invoice: &Invoice) -> Option<u32> {
        let mut steps = self.lock_steps(invoice.kind).peekable();
        if steps.peek().is_none() || invoice.fee_of.is_some() {
            return self.lock.days_overdue; // a fee's invoice takes no step (LF-1)
        }
        let stands = steps.filter(|(key, _, _)| !invoice.steps.contains_key(key));
        stands.map(|(_, days, _)| days).min()
    }

    /// The `lock` steps of a kind, with their days overdue.
    pub fn lock_steps(&self, kind: InvoiceKind) -> impl Iterator<Item = (StepKey, u32, &Step)> {
        self.kind(kind).steps.iter().filter_map(move |step| match (step.action, step.when) {
            (Action::Lock, When::DaysOverdue(days)) => Some((step.key(kind), days, step)),
            _ => None,
        })
    }

    /// Whether the days rule is on, for any kind of invoice.
    pub fn has_days_rule(&self) -> bool {
        let kinds = [InvoiceKind::Regular, InvoiceKind::OutOfTurn];
        self.lock.days_overdue.is_some()
            || kinds.into_iter().any(|kind| self.lock_steps(kind).next().is_some())
    }

    /// Everything that is announced to invoices of a kind, days ahead: steps, and the days rule.
    pub fn announced(&self, kind: InvoiceKind) -> Vec<StepKey> {
        let steps = self.kind(kind).steps.iter();
        let own = steps.map(|step| (step.key(kind), &step.notify_before));
        let mut announced: Vec<_> = own.filter(|(_, before)| !before.is_empty()).collect();
        let is_lock = |(key, _): &(StepKey, &BTreeSet<u32>)| key.action == Action::Lock;
        if !announced.iter().any(is_lock) {
            // A `lock` step is the days rule: what announces that announces it, unless it says so itself.
            let steps: Vec<_> = self.lock_steps(kind).map(|(_, days, _)| days).collect();
            let days = steps.into_iter().min().or(self.lock.days_overdue);
            announced.extend(days.map(|days| {
                let when = When::DaysOverdue(days);
                let key = StepKey { kind, when, action: Action::Lock, before: None };
                (key, &self.lock.notify_before)
            }));
        }
        let each = announced.into_iter().flat_map(|(key, before)| {
            before.iter().map(move |&before| StepKey { before: Some(before), ..key })
        });
        each.collect()
    }

    /// All steps with their keys, in the document's order.
    pub fn steps(&self) -> impl Iterator<Item = (StepKey, &Step)> {
        let kinds = [InvoiceKind::Regular, InvoiceKind::OutOfTurn];
        kinds
            .into_iter()
            .flat_map(|kind| self.kind(kind).steps.iter().map(move |step| (step.key(kind), step)))
    }

    /// The firm's own text that a step's letter has, if it names one (LET-3).
    pub fn text_of(&self, key: StepKey) -> Option<TemplateName> {
        self.steps().find(|(known, _)| *known == key).and_then(|(_, step)| step.text.clone())
    }
}

/// Against what the collection threshold is held (INV-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdOn {
    /// Each invoice alone.
    Invoice,
    /// What the client's overdue invoices in that currency come to together.
    ClientOverdue,
}

/// When the portal locks (LOCK-1, LOCK-3, LOCK-7, LOCK-9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRule {
    /// The days rule, if on.
    pub days_overdue: Option<u32>,
    /// The count rule, if on.
    pub unpaid_invoices: Option<u32>,
    /// The balance rule, if on: any one of these amounts is enough.
    pub balance: Option<BTreeMap<Currency, Money>>,
    /// Whether one of the triggers that are on is enough.
    pub require: Require,
    /// Days between a warning and the lock; 0 turns the warning off (LOCK-7).
    pub after_notice_days: u32,
    /// How many days ahead of the days rule the lock is announced (LET-1).
    pub notify_before: BTreeSet<u32>,
    /// Whether the client is locked, or each service line by itself (LOCK-5).
    pub scope: LockScope,
    /// Whether a lock waits for a working day (LOCK-3).
    pub working_days_only: bool,
    /// The letter that goes with the lock, if any.
    pub letter: Option<DebtKind>,
    /// Whether old debts lock again after an exception (UNL-4).
    pub relock_after_exception: bool,
    /// The share of the firm's active clients that one run may lock without being asked about (LOCK-10).
    pub max_share_per_run: Share,
    /// So many locks in one run are never too many (LOCK-10).
    pub min_locks_for_cap: u32,
}

impl LockRule {
    /// What the rule locks for such an invoice.
    pub fn scope_of(&self, invoice: &Invoice) -> Scope {
        match self.scope {
            LockScope::Client => Scope::Client,
            LockScope::ServiceLines => Scope::Line(invoice.line()),
        }
    }

    /// Debts by what the rule would lock for them: its triggers look at each by itself.
    pub fn by_scope<'d>(
        &self,
        debts: Vec<(&'d Invoice, Debt<'d>)>,
    ) -> BTreeMap<Scope, Vec<(&'d Invoice, Debt<'d>)>> {
        let mut by_scope: BTreeMap<Scope, Vec<_>> = BTreeMap::new();
        for (invoice, debt) in debts {
            by_scope.entry(self.scope_of(invoice)).or_default().push((invoice, debt));
        }
        by_scope
    }
}

/// What a lock by the rule is on (LOCK-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockScope {
    /// The whole client.
    Client,
    /// A service line: each by itself.
    ServiceLines,
}

/// How many of the triggers that are on must be met (LOCK-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Require {
    /// One is enough.
    Any,
    /// All of them.
    All,
}

/// How a locked portal opens (UNL-1, UNL-3, UNL-6, PAY-7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlockRule {
    /// By approval, or by the rule "payment → unlock portal".
    pub mode: UnlockMode,
    /// Whether one person asks and another approves.
    pub four_eyes: bool,
    /// Days after which a request expires.
    pub request_expires_days: u32,
    /// Whether a remainder at or under the threshold counts as paid.
    pub remainder_below_threshold: bool,
}

/// Who unlocks (UNL-1, UNL-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlockMode {
    /// A partner.
    Approval,
    /// The rule, once everything is paid; never a lock by hand.
    OnPayment,
}

/// When letters leave (LET-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterRule {
    /// From and to, in minutes after midnight at the firm, in which no letter leaves.
    pub quiet_hours: Option<(u32, u32)>,
    /// Whether debt letters wait for a working day.
    pub working_days_only: bool,
    /// Whether letters of several clients that go to one contact leave as one message (LET-9).
    pub consolidate_over_clients: bool,
    /// How many demand letters and final demands one run may send without being asked about (LOCK-10).
    pub max_per_run: u32,
}

/// What a client may promise by itself (PROM-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromiseRule {
    /// How many days ahead.
    pub max_days: u32,
    /// How often for one invoice.
    pub max_per_invoice: u32,
}

/// Terms and steps of one kind of invoice (POL-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRules {
    /// When it falls due.
    pub terms: Terms,
    /// Whether a saved method is charged by itself (CHG-1).
    pub auto_charge: Option<AutoCharge>,
    /// Days before the due date on which the client is reminded.
    pub reminders: Vec<u32>,
    /// What happens after the due date (POL-3).
    pub steps: Vec<Step>,
}

/// The client's saved method is charged by itself (CHG-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoCharge {
    /// On which day at first.
    pub when: ChargeWhen,
    /// How many days after the first attempt it is tried again.
    pub retry_days: BTreeSet<u32>,
}

/// On which day a saved method is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeWhen {
    /// When the invoice goes out.
    OnIssue,
    /// When it is due.
    OnDue,
}

/// One step after due (POL-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its day.
    pub when: When,
    /// What happens.
    pub action: Action,
    /// Whether it leaves only when a partner approved it.
    pub needs_approval: bool,
    /// Skipped if the client responded in that many days before (LET-8).
    pub unless_response_days: Option<u32>,
    /// How many days ahead it is announced.
    pub notify_before: BTreeSet<u32>,
    /// What a `limit` denies, where it names it (POL-3).
    pub capabilities: Option<BTreeSet<Capability>>,
    /// The firm's own text of its letter, where it names one.
    pub text: Option<TemplateName>,
}

impl Step {
    /// One that does that on that day, and says nothing more.
    pub fn new(when: When, action: Action) -> Self {
        Self {
            when,
            action,
            needs_approval: action.always_needs_approval(),
            unless_response_days: None,
            notify_before: BTreeSet::new(),
            capabilities: None,
            text: None,
        }
    }

    /// What the step is known by (POL-1).
    pub fn key(&self, kind: InvoiceKind) -> StepKey {
        StepKey { kind, when: self.when, action: self.action, before: None }
    }
}

/// What the days of a step are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// Days overdue.
    DaysOverdue(u32),
    /// Days after the lock.
    AfterLock(u32),
}

/// What a step does, mild to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A letter that says that it is overdue.
    Notice,
    /// A fee for being late (LF-1).
    LateFee,
    /// A lighter restriction than a lock: it takes some capabilities (POL-3).
    Limit,
    /// The days rule, with a number of its own for its kind of invoice (LOCK-1).
    Lock,
    /// A demand letter (LET-7).
    DemandLetter,
    /// The last letter before a referral.
    FinalDemand,
    /// A partner's task.
    ReviewTask,
    /// A partner's task to hand the debt to a collector (CLOSE-2); always needs approval.
    CollectionsReferral,
    /// A partner's task to end the engagement (CLOSE-1); always needs approval.
    Close,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Notice,
        Self::LateFee,
        Self::Limit,
        Self::Lock,
        Self::DemandLetter,
        Self::FinalDemand,
        Self::ReviewTask,
        Self::CollectionsReferral,
        Self::Close,
    ];

    /// Its name in the policy document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::LateFee => "late_fee",
            Self::Limit => "limit",
            Self::Lock => "lock",
            Self::DemandLetter => "demand_letter",
            Self::FinalDemand => "final_demand",
            Self::ReviewTask => "review_task",
            Self::CollectionsReferral => "collections_referral",
            Self::Close => "close",
        }
    }

    /// What it is called in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::LateFee => "late fee",
            Self::Limit => "limit of the portal",
            Self::Lock => "lock",
            Self::DemandLetter => "demand letter",
            Self::FinalDemand => "final demand",
            Self::ReviewTask => "review by a partner",
            Self::CollectionsReferral => "referral to collections",
            Self::Close => "end of the engagement",
        }
    }

    /// The letter that it sends, if it is a letter.
    pub fn letter(self) -> Option<DebtKind> {
        match self {
            Self::Notice => Some(DebtKind::Notice),
            Self::DemandLetter => Some(DebtKind::DemandLetter),
            Self::FinalDemand => Some(DebtKind::FinalDemand),
            Self::LateFee
            | Self::Limit
            | Self::Lock
            | Self::ReviewTask
            | Self::CollectionsReferral
            | Self::Close => None,
        }
    }

    /// The letter that announces it some days ahead.
    pub fn announced_by(self) -> DebtKind {
        match self {
            Self::Limit => DebtKind::LimitNotice,
            Self::Lock => DebtKind::LockNotice,
            Self::Close => DebtKind::CloseNotice,
            Self::Notice
            | Self::LateFee
            | Self::DemandLetter
            | Self::FinalDemand
            | Self::ReviewTask
            | Self::CollectionsReferral => DebtKind::Notice,
        }
    }

    /// Whether it fires only for invoices that are warned (EVAL-2).
    pub fn needs_warning(self) -> bool {
        match self {
            Self::FinalDemand | Self::CollectionsReferral | Self::Close => true,
            // A lock does as well, invoice by invoice (LOCK-7), but is none of the steps that fire.
            Self::Notice
            | Self::LateFee
            | Self::Limit
            | Self::Lock
            | Self::DemandLetter
            | Self::ReviewTask => false,
        }
    }

    /// Whether it happens by itself and ends by itself, so that nobody approves it (POL-3).
    pub fn never_needs_approval(self) -> bool {
        match self {
            Self::Limit | Self::Lock => true,
            Self::Notice
            | Self::LateFee
            | Self::DemandLetter
            | Self::FinalDemand
            | Self::ReviewTask
            | Self::CollectionsReferral
            | Self::Close => false,
        }
    }

    /// Whether it means something some days after a lock.
    pub fn may_follow_a_lock(self) -> bool {
        match self {
            Self::Limit | Self::Lock => false,
            Self::Notice
            | Self::LateFee
            | Self::DemandLetter
            | Self::FinalDemand
            | Self::ReviewTask
            | Self::CollectionsReferral
            | Self::Close => true,
        }
    }

    /// Whether it leaves the firm's hands, and so needs a person's decision (POL-3).
    pub fn always_needs_approval(self) -> bool {
        match self {
            Self::CollectionsReferral | Self::Close => true,
            Self::Notice
            | Self::LateFee
            | Self::Limit
            | Self::Lock
            | Self::DemandLetter
            | Self::FinalDemand
            | Self::ReviewTask => false,
        }
    }
}

/// What a step is known by, from version to version: (kind, at, do) (POL-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepKey {
    /// Of which kind of invoice.
    pub kind: InvoiceKind,
    /// On which day.
    pub when: When,
    /// What happens.
    pub action: Action,
    /// Where it isn't the step but what announces it: how many days ahead.
    pub before: Option<u32>,
}

impl StepKey {
    /// Whether it is a step that limits the portal.
    pub fn is_limit(self) -> bool {
        self.action == Action::Limit && self.before.is_none()
    }

    /// The step that it announces; itself, where it announces none.
    pub fn step(self) -> Self {
        Self { before: None, ..self }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, days) = match self.when {
            When::DaysOverdue(days) => ("at", days),
            When::AfterLock(days) => ("after_lock", days),
        };
        write!(f, "{}/{from}/{days}/{}", self.kind.as_str(), self.action.as_str())?;
        self.before.map_or(Ok(()), |before| write!(f, "/before/{before}"))
    }
}

impl FromStr for StepKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let mut parts = text.split('/');
            let kind = parts.next()?.parse().ok()?;
            let from = parts.next()?;
            let days = parts.next()?.parse().ok()?;
            let name = parts.next()?;
            let action = Action::ALL.into_iter().find(|action| action.as_str() == name)?;
            let when = match from {
                "at" => When::DaysOverdue(days),
                "after_lock" => When::AfterLock(days),
                _ => return None,
            };
            let before = match parts.next() {
                Some("before") => Some(parts.next()?.parse().ok()?),
                Some(_) => return None,
                None => None,
            };
            parts.next().is_none().then_some(Self { kind, when, action, before })
        };
        read().ok_or_else(|| {
            format!("{text:?} names no step, expected one such as regular/at/1/notice")
        })
    }
}

impl TryFrom<String> for StepKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<StepKey> for String {
    fn from(key: StepKey) -> Self {
        key.to_string()
    }
}

/// Which version of which class's policy: kept with every decision (POL-1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Whose policy.
    pub class: ClassId,
    /// Counted from 1.
    pub version: u32,
}

/// One version of a class's policy, from a day on (POL-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Which one it is.
    pub id: PolicyRef,
    /// What it says.
    pub policy: Policy,
    /// The steps that came with a later version than the first, and since when: on an invoice that
    /// was there before, one whose day had passed by then is skipped.
    pub new_steps: BTreeMap<StepKey, Day>,
    /// Since when the section of late fees charges on these days, where it came or changed them later: on an
    /// invoice that was there before, a fee whose day had passed by then is never charged.
    pub late_fee_since: Option<Day>,
    /// Since when saved methods are charged on these days, per kind of invoice, where that came or changed later: an
    /// invoice that was there before and whose day had passed by then is never charged by itself.
    pub auto_charge_since: BTreeMap<InvoiceKind, Day>,
}

impl PolicyVersion {
    /// The first version of a class.
    pub fn first(class: ClassId, policy: Policy) -> Self {
        Self {
            id: PolicyRef { class, version: 1 },
            policy,
            new_steps: BTreeMap::new(),
            late_fee_since: None,
            auto_charge_since: BTreeMap::new(),
        }
    }

    /// The version after this one, in force from that day. What is new in it is what this one hasn't: it must be
    /// the one that is in force until then.
    pub fn next(&self, policy: Policy, from: Day) -> Self {
        let known = |key: &StepKey| self.policy.steps().any(|(old, _)| old == *key);
        let new_steps = policy
            .steps()
            .filter_map(|(key, _)| {
                let since = if known(&key) { self.new_steps.get(&key).copied()? } else { from };
                Some((key, since))
            })
            .collect();
        let id =
            PolicyRef { class: self.id.class.clone(), version: self.id.version.saturating_add(1) };
        let days = |policy: &Policy| policy.late_fee.as_ref().map(|fee| fee.schedule);
        let late_fee_since = match (days(&self.policy), days(&policy)) {
            (_, None) => None,
            (before, now) if before == now => self.late_fee_since,
            (_, Some(_)) => Some(from),
        };
        let auto_charge_since = self.auto_charge_since(&policy, from);
        Self { id, policy, new_steps, late_fee_since, auto_charge_since }
    }

    /// Since when the policy after this one, in force from that day, charges saved methods, per kind of invoice,
    /// where that is new in it.
    pub fn auto_charge_since(&self, next: &Policy, from: Day) -> BTreeMap<InvoiceKind, Day> {
        let when = |policy: &Policy, kind| policy.kind(kind).auto_charge.as_ref().map(|r| r.when);
        let of = |kind| match (when(&self.policy, kind), when(next, kind)) {
            (_, None) => None,
            (before, now) if before == now => self.auto_charge_since.get(&kind).copied(),
            (_, Some(_)) => Some(from),
        };
        let kinds = [InvoiceKind::Regular, InvoiceKind::OutOfTurn].into_iter();
        kinds.filter_map(|kind| Some((kind, of(kind)?))).collect()
    }
}

mod late_fee;
pub mod life;
pub mod lint;
pub mod read;
pub mod schema;
mod sentence;
pub mod shadow;

pub use late_fee::{FeeForm, FeeRate, FeeSchedule, LateFee, MAX_TIMES, Percent};

#[cfg(test)]
mod tests;

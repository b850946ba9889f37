//! What a portal's state opens and denies (ACC-1..4): one function, which every route and page asks.
//!
//! Staff access never changes with a state. Paying, writing to the firm and asking for one's own
//! records are open in every state (ACC-4).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::calendar::Day;
use crate::id::ServiceLine;
use crate::lock::Scope;
use crate::money::Money;

/// The state of a portal, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortalState {
    /// The engagement ended (CLOSE-1).
    Closed,
    /// Paid portal access isn't paid yet (PPA-3).
    MustPay,
    /// Locked, by rule or by hand.
    Locked,
    /// Some capabilities are denied.
    Limited,
    /// Everything is open.
    Open,
}

impl PortalState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Closed, Self::MustPay, Self::Locked, Self::Limited, Self::Open];

    /// Its name in documents and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::MustPay => "must_pay",
            Self::Locked => "locked",
            Self::Limited => "limited",
            Self::Open => "open",
        }
    }
}

/// Something that a contact does in the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Sign in, see the reason and the amount, security settings.
    SignIn,
    /// View and pay invoices; payment methods.
    Invoices,
    /// The action "pay".
    ActPay,
    /// Preview and download financial statements.
    Statements,
    /// Upload, download, preview documents.
    Documents,
    /// Sign a document by its own link.
    Signing,
    /// The action "sign".
    ActSign,
    /// Messages.
    Messages,
    /// The action "upload".
    ActUpload,
    /// The action "fill in a form".
    ActForm,
    /// The action "make an appointment".
    ActAppointment,
    /// See the status of projects.
    Projects,
    /// Ask for one's own records and download them.
    Records,
}

impl Capability {
    /// All of them, in the order of rules §4.
    pub const ALL: [Self; 13] = [
        Self::SignIn,
        Self::Invoices,
        Self::ActPay,
        Self::Statements,
        Self::Documents,
        Self::Signing,
        Self::ActSign,
        Self::Messages,
        Self::ActUpload,
        Self::ActForm,
        Self::ActAppointment,
        Self::Projects,
        Self::Records,
    ];

    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Invoices => "invoices",
            Self::ActPay => "act_pay",
            Self::Statements => "statements",
            Self::Documents => "documents",
            Self::Signing => "signing",
            Self::ActSign => "act_sign",
            Self::Messages => "messages",
            Self::ActUpload => "act_upload",
            Self::ActForm => "act_form",
            Self::ActAppointment => "act_appointment",
            Self::Projects => "projects",
            Self::Records => "records",
        }
    }

    /// What it is called in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::SignIn => "signing in",
            Self::Invoices => "invoices",
            Self::ActPay => "paying",
            Self::Statements => "statements",
            Self::Documents => "documents",
            Self::Signing => "signing",
            Self::ActSign => "actions to sign",
            Self::Messages => "messages",
            Self::ActUpload => "actions to upload",
            Self::ActForm => "forms",
            Self::ActAppointment => "appointments",
            Self::Projects => "projects",
            Self::Records => "one's own records",
        }
    }

    /// The capability of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Yes.
    Allow,
    /// Yes, but only for this: the invoice that must be paid, messages to the firm, what was already
    /// sent for signature.
    Only(Narrowed),
    /// No.
    Deny(Denial),
}

impl Access {
    /// Whether it is a yes, if only for something.
    pub fn is_allowed(self) -> bool {
        match self {
            Self::Allow | Self::Only(_) => true,
            Self::Deny(_) => false,
        }
    }
}

/// What a narrowed yes is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Narrowed {
    /// The invoice that opens the portal.
    RequiredInvoice,
    /// Messages to the firm.
    ToTheFirm,
    /// What was already sent.
    AlreadySent,
    /// What is of no locked service line (LOCK-5).
    OtherLines,
}

/// What a limited portal denies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// By a limit (POL-3).
    pub capabilities: BTreeSet<Capability>,
    /// Documents and statements of these service lines: they are locked, and others aren't (LOCK-5).
    pub locked_lines: BTreeSet<ServiceLine>,
}

impl Limits {
    /// What the locks on single lines come to for that capability.
    fn by_lines(&self, capability: Capability, scope: &Scope) -> Access {
        if !matches!(capability, Capability::Statements | Capability::Documents) {
            return Access::Allow;
        }
        match scope {
            Scope::Line(line) if self.locked_lines.contains(line) => Access::Deny(Denial::Locked),
            Scope::Client if !self.locked_lines.is_empty() => Access::Only(Narrowed::OtherLines),
            Scope::Line(_) | Scope::Client => Access::Allow,
        }
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// The portal is locked: ready, and available after payment.
    Locked,
    /// The policy limits this meanwhile.
    Limited,
    /// The required invoice isn't paid.
    MustPay,
    /// The engagement ended.
    Closed,
}

/// Whether a portal in that state opens that capability (rules §4), for what is of that service line or, with the
/// whole client as the scope, of none in particular. `limits` are what a limited portal denies.
pub fn access(
    state: PortalState,
    scope: &Scope,
    capability: Capability,
    limits: &Limits,
) -> Access {
    match state {
        PortalState::Open => Access::Allow,
        PortalState::Limited
            if is_limitable(capability) && limits.capabilities.contains(&capability) =>
        {
            Access::Deny(Denial::Limited)
        }
        PortalState::Limited => limits.by_lines(capability, scope),
        PortalState::Locked => match capability {
            Capability::Statements
            | Capability::Documents
            | Capability::ActUpload
            | Capability::ActForm
            | Capability::ActAppointment => Access::Deny(Denial::Locked),
            Capability::SignIn
            | Capability::Invoices
            | Capability::ActPay
            | Capability::Signing
            | Capability::ActSign
            | Capability::Messages
            | Capability::Projects
            | Capability::Records => Access::Allow,
        },
        PortalState::MustPay => match capability {
            Capability::SignIn | Capability::Records => Access::Allow,
            Capability::Invoices | Capability::ActPay => Access::Only(Narrowed::RequiredInvoice),
            Capability::Messages => Access::Only(Narrowed::ToTheFirm),
            Capability::Statements
            | Capability::Documents
            | Capability::Signing
            | Capability::ActSign
            | Capability::ActUpload
            | Capability::ActForm
            | Capability::ActAppointment
            | Capability::Projects => Access::Deny(Denial::MustPay),
        },
        PortalState::Closed => match capability {
            Capability::SignIn
            | Capability::Invoices
            | Capability::ActPay
            | Capability::Records => Access::Allow,
            Capability::Messages => Access::Only(Narrowed::ToTheFirm),
            Capability::Signing | Capability::ActSign => Access::Only(Narrowed::AlreadySent),
            Capability::Statements
            | Capability::Documents
            | Capability::ActUpload
            | Capability::ActForm
            | Capability::ActAppointment
            | Capability::Projects => Access::Deny(Denial::Closed),
        },
    }
}

/// What a policy may deny to a limited portal; all else stays open (rules §4).
pub fn is_limitable(capability: Capability) -> bool {
    match capability {
        Capability::Statements
        | Capability::Documents
        | Capability::ActUpload
        | Capability::ActForm
        | Capability::ActAppointment => true,
        Capability::SignIn
        | Capability::Invoices
        | Capability::ActPay
        | Capability::Signing
        | Capability::ActSign
        | Capability::Messages
        | Capability::Projects
        | Capability::Records => false,
    }
}

/// Whether a document can be downloaded: the client's own records in every state (ACC-4), all else
/// as the state says.
pub fn may_download(
    state: PortalState,
    scope: &Scope,
    limits: &Limits,
    is_client_record: bool,
) -> Access {
    let capability = if is_client_record { Capability::Records } else { Capability::Documents };
    access(state, scope, capability, limits)
}

/// What a denial tells a person: why, how much to pay, and whom to ask (ACC-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DenialText {
    /// Why, in a sentence.
    pub why: String,
    /// What is overdue, per currency: what to pay now.
    pub amounts: Vec<Money>,
}

/// The sentence of a denial, with the amounts that would have to be paid (ACC-3): for what is of a locked service
/// line, those of that line (LOCK-5).
pub fn denial_text(account: &Account, scope: &Scope, denial: Denial, day: Day) -> DenialText {
    let lock = account.locks.get(scope).or_else(|| account.lock());
    let of_lock = lock.filter(|_| denial == Denial::Locked).map(|lock| &lock.scope);
    let of_lock = of_lock.filter(|_| account.portal() == PortalState::Limited);
    let overdue = account.open_invoices().filter(|invoice| invoice.is_overdue(day));
    let overdue = overdue.filter(|invoice| of_lock.is_none_or(|scope| scope.covers(invoice)));
    let mut amounts: Vec<Money> = Vec::new();
    for balance in overdue.map(|invoice| invoice.balance()) {
        match amounts.iter_mut().find(|sum| sum.currency() == balance.currency()) {
            Some(sum) => {
                *sum = Money::new(sum.minor().saturating_add(balance.minor()), sum.currency())
            }
            None => amounts.push(balance),
        }
    }
    let reason = match denial {
        Denial::Limited => account.limit.as_ref().map(|limit| limit.reason.to_string()),
        Denial::Locked | Denial::MustPay | Denial::Closed => lock.map(|lock| lock.cause.text()),
    };
    let what = of_lock.unwrap_or(&Scope::Client);
    // Nothing that could be paid opens what was locked by hand.
    let is_payable = !amounts.is_empty();
    let why = match (denial, reason) {
        (Denial::Locked, Some(reason)) if !is_payable => {
            format!("Not available while {what} is locked ({reason}).")
        }
        (Denial::Locked, Some(reason)) => {
            format!("Ready, and available after payment: {what} is locked ({reason}).")
        }
        (Denial::Locked, None) => "Ready, and available after payment.".to_owned(),
        (Denial::Limited, Some(reason)) => {
            format!("Ready, and available after payment: the portal is limited ({reason}).")
        }
        (Denial::Limited, None) => "Not available while invoices are overdue.".to_owned(),
        (Denial::MustPay, _) => "Available once the first invoice is paid.".to_owned(),
        (Denial::Closed, _) => {
            "The engagement has ended; your own records stay available.".to_owned()
        }
    };
    DenialText { why, amounts }
}

impl Account {
    /// The state of the client's portal, the strongest that holds (rules §4).
    pub fn portal(&self) -> PortalState {
        match self {
            Self { closed: Some(_), .. } => PortalState::Closed,
            _ if self.is_wholly_locked() => PortalState::Locked,
            _ if self.is_locked() => PortalState::Limited, // LOCK-5
            Self { limit: Some(_), .. } => PortalState::Limited,
            Self { .. } => PortalState::Open,
        }
    }

    /// What the portal denies while it is limited.
    pub fn limits(&self) -> Limits {
        let limit = self.limit.as_ref();
        Limits {
            capabilities: limit.map(|limit| limit.capabilities.clone()).unwrap_or_default(),
            locked_lines: self.locked_lines(),
        }
    }

    /// Why the portal isn't open, as the client reads it: by its oldest lock, if there is one (LOCK-2, LOCK-5).
    pub fn portal_reason(&self) -> Option<String> {
        match self.portal() {
            PortalState::Open | PortalState::MustPay => None,
            PortalState::Limited | PortalState::Locked => {
                let limit = self.limit.as_ref().map(|limit| limit.reason.to_string());
                self.lock().map(|lock| lock.cause.text()).or(limit)
            }
            PortalState::Closed => Some("the engagement has ended".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules §4, cell by cell: `y` yes, `n` no, `p` as the policy says, `o` only for something.
    /// Columns: open, limited, locked, must_pay, closed.
    const MATRIX: [(Capability, &str); 13] = [
        (Capability::SignIn, "yyyyy"),
        (Capability::Invoices, "yyyoy"),
        (Capability::ActPay, "yyyoy"),
        (Capability::Statements, "ypnnn"),
        (Capability::Documents, "ypnnn"),
        (Capability::Signing, "yyyno"),
        (Capability::ActSign, "yyyno"),
        (Capability::Messages, "yyyoo"),
        (Capability::ActUpload, "ypnnn"),
        (Capability::ActForm, "ypnnn"),
        (Capability::ActAppointment, "ypnnn"),
        (Capability::Projects, "yyynn"),
        (Capability::Records, "yyyyy"),
    ];

    fn all() -> Limits {
        Limits { capabilities: Capability::ALL.into(), locked_lines: BTreeSet::new() }
    }

    #[test]
    fn lock_5_locked_lines_deny_documents_and_statements_of_those_lines_only() {
        let line = |name: &str| name.parse::<ServiceLine>().unwrap();
        let limits = Limits { locked_lines: [line("tax")].into(), ..Limits::default() };
        let tax = Scope::Line(line("tax"));
        let audit = Scope::Line(line("audit"));
        for capability in Capability::ALL {
            let is_of_lines = matches!(capability, Capability::Statements | Capability::Documents);
            let (denied, narrowed) = match is_of_lines {
                true => (Access::Deny(Denial::Locked), Access::Only(Narrowed::OtherLines)),
                false => (Access::Allow, Access::Allow),
            };
            let of = |scope| access(PortalState::Limited, scope, capability, &limits);
            assert_eq!(of(&tax), denied, "{capability:?}");
            assert_eq!(of(&audit), Access::Allow, "{capability:?}");
            assert_eq!(of(&Scope::Client), narrowed, "{capability:?}");
            assert!(may_download(PortalState::Limited, &tax, &limits, true).is_allowed());
        }
        // A limit denies whatever the line (POL-3).
        let both = Limits { capabilities: [Capability::Documents].into(), ..limits };
        let found = access(PortalState::Limited, &audit, Capability::Documents, &both);
        assert_eq!(found, Access::Deny(Denial::Limited));
    }

    #[test]
    fn acc_1_every_cell_of_the_matrix() {
        let states = [
            PortalState::Open,
            PortalState::Limited,
            PortalState::Locked,
            PortalState::MustPay,
            PortalState::Closed,
        ];
        let (all, none) = (all(), Limits::default());
        let mut cells = 0;
        for (capability, row) in MATRIX {
            for (state, expected) in states.into_iter().zip(row.chars()) {
                let strict = access(state, &Scope::Client, capability, &all);
                let lenient = access(state, &Scope::Client, capability, &none);
                let found = match (strict, lenient) {
                    (Access::Deny(Denial::Limited), Access::Allow) => 'p',
                    (Access::Allow, Access::Allow) => 'y',
                    (Access::Only(_), Access::Only(_)) => 'o',
                    (Access::Deny(_), Access::Deny(_)) => 'n',
                    other => panic!("{state:?} × {capability:?} gives {other:?}"),
                };
                assert_eq!(found, expected, "{} × {}", state.as_str(), capability.as_str());
                cells += 1;
            }
        }
        assert_eq!(cells, Capability::ALL.len() * PortalState::ALL.len());
    }

    #[test]
    fn acc_2_a_locked_portal_still_signs() {
        let none = Limits::default();
        for capability in [Capability::Signing, Capability::ActSign, Capability::Projects] {
            assert_eq!(
                access(PortalState::Locked, &Scope::Client, capability, &none),
                Access::Allow,
                "{capability:?}"
            );
        }
    }

    #[test]
    fn acc_4_paying_writing_and_ones_own_records_are_never_blocked() {
        let all = all();
        for state in PortalState::ALL {
            for capability in [Capability::ActPay, Capability::Messages, Capability::Records] {
                let found = access(state, &Scope::Client, capability, &all);
                assert!(found.is_allowed(), "{state:?} × {capability:?}");
            }
            assert!(
                may_download(state, &Scope::Client, &all, true).is_allowed(),
                "own records when {state:?}"
            );
        }
        assert!(!may_download(PortalState::Locked, &Scope::Client, &all, false).is_allowed());
    }

    #[test]
    fn acc_1_names_and_precedence() {
        for capability in Capability::ALL {
            assert_eq!(Capability::from_name(capability.as_str()), Some(capability));
        }
        let mut states = PortalState::ALL;
        states.sort();
        assert_eq!(states, PortalState::ALL, "closed > must_pay > locked > limited > open");
    }
}

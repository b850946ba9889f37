//! Whoever holds a link, a letter's or one that staff made (LET-7): sees that debt and no more, may pay it, say something about it and
//! ask for records, and is `link` in the audit.
//!
//! A link lives until 30 days after its invoices are closed, however they closed, unless it was taken back.

use chrono::{DateTime, Utc};
use domain::calendar::{Day, plus};
use domain::command::Command;
use domain::id::InvoiceId;
use domain::invoice::Invoice;
use domain::role::Actor;
use identity::TokenHash;
use store::{PayLink, Platform, StoreError};

use super::door::Portal;
use super::standing::Payable;
use crate::execute::{Caller, ExecuteError, Executed, View, execute, view};
use crate::firm::Firm;
use crate::http::{Problem, ProblemKind};

/// How long after its debt is closed a link still shows that it is.
const LIVES_ON_DAYS: u32 = 30;

/// The longest token: ours have 43 letters.
const MAX_TOKEN: usize = 64;

/// Why a link opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is none, it was taken back, or its debt is closed for long: the same for all.
    #[error("this link is no longer good; sign in, or answer the firm's letter")]
    Gone,
    /// The client could not be read.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Gone => Self::new(ProblemKind::Gone, error.to_string()),
            LinkError::Execute(error) => error.into(),
            LinkError::Store(error) => error.into(),
        }
    }
}

/// Who holds a letter's link, for one request.
#[derive(Debug)]
pub struct Holder {
    /// Whose letter it is.
    pub firm: Firm,
    /// The link.
    pub link: PayLink,
    /// The client as it is now: more than the holder may see.
    pub view: View,
    /// The invoices that it shows, open or closed, the oldest due first.
    pub invoices: Vec<Invoice>,
    caller: Caller,
    now: DateTime<Utc>,
}

impl Portal {
    /// Opens a letter's link.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn hold(&self, token: &str, request_id: Option<String>) -> Result<Holder, LinkError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if token.is_empty() || MAX_TOKEN < token.len() || !token.bytes().all(is_plain) {
            return Err(LinkError::Gone);
        }
        let now = self.now();
        let hash = TokenHash::of(token).to_string();
        let found = Platform::new(self.dynamo().clone()).pay_link(&hash).await?;
        let (firm, link) = found.ok_or(LinkError::Gone)?;
        if link.revoked_at.is_some() {
            return Err(LinkError::Gone);
        }
        let firm = Firm::open(self.dynamo().clone(), firm).await?.ok_or(LinkError::Gone)?;
        let view = view(&firm, &link.client, now).await?.ok_or(LinkError::Gone)?;
        let invoices = shown(&firm, &view, &link).await?;
        if !life(&firm, &link, &invoices).await?.is_good(view.day) {
            return Err(LinkError::Gone);
        }
        let caller = Caller { actor: Actor::Link, request_id };
        Ok(Holder { firm, link, view, invoices, caller, now })
    }
}

/// Until when a link is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As long as something of its debt is open, and a while after.
    WhileOpen,
    /// That is its last day: everything is closed.
    Until(Day),
    /// Not any more: somebody took it back.
    TakenBack,
}

impl Life {
    /// Whether it opens its page on that day.
    pub fn is_good(self, day: Day) -> bool {
        match self {
            Self::WhileOpen => true,
            Self::Until(last) => day <= last,
            Self::TakenBack => false,
        }
    }
}

/// The invoices that a link shows, open or closed, the oldest due first.
pub(crate) async fn shown(
    firm: &Firm,
    view: &View,
    link: &PayLink,
) -> Result<Vec<Invoice>, StoreError> {
    let mut invoices = Vec::new();
    for id in &link.invoices {
        let open = view.loaded.account.invoices.get(id).cloned();
        let known = match open {
            Some(invoice) => Some(invoice),
            None => firm.store().invoice(&link.client, id).await?,
        };
        invoices.extend(known);
    }
    invoices.sort_by(|a, b| (a.due_on, &a.id).cmp(&(b.due_on, &b.id)));
    Ok(invoices)
}

/// Until when a link over these invoices is good.
pub(crate) async fn life(
    firm: &Firm,
    link: &PayLink,
    invoices: &[Invoice],
) -> Result<Life, StoreError> {
    if link.revoked_at.is_some() {
        return Ok(Life::TakenBack);
    }
    if invoices.iter().any(Invoice::is_open) {
        return Ok(Life::WhileOpen);
    }
    // A link may be made of invoices that are closed; it lives as long.
    let closed_on = firm.store().closed_on(&link.client, &link.invoices).await?;
    let last = closed_on.map_or(link.made_on, |closed_on| closed_on.max(link.made_on));
    Ok(Life::Until(plus(last, LIVES_ON_DAYS)))
}

impl Holder {
    /// When the request came.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Who a command comes from: the link (AUD-1).
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the link shows that invoice.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`] for every other one, whether or not it is there.
    pub fn require(&self, invoice: &InvoiceId) -> Result<(), Problem> {
        match self.link.invoices.contains(invoice) {
            true => Ok(()),
            false => Err(Problem::not_found("invoice")),
        }
    }

    /// What of the debt can be paid.
    pub fn payable(&self) -> Vec<Payable<'_>> {
        let mut payable = Payable::all(&self.view);
        payable.retain(|payable| self.link.invoices.contains(&payable.invoice.id));
        payable
    }

    /// Carries out a command on the client, as the link (AUD-1).
    ///
    /// # Errors
    /// What the rules refuse; whatever reading and writing have.
    pub async fn execute(&self, command: &Command) -> Result<Executed, Problem> {
        Ok(execute(&self.firm, &self.link.client, command, &self.caller, self.now).await?)
    }
}

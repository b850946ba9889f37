//! Payments that name no client we know, and the person who says whose they are.
//!
//! A gateway's news about such money is kept as evidence. A billing lead assigns it: what was told is recorded
//! on that client's account by the same commands as any payment's news, so it counts once (PAY-1), and what
//! is told later goes to the same client whatever it names (PAY-3). Two assignments of one payment, and an
//! assignment that meets a webhook, are told apart by the payment's own item, of which there is one in a firm.
//!
//! A payment may find its client by itself, when the client that it names is opened. A webhook doesn't look for
//! evidence of before, which there hardly ever is: whoever lists the unclaimed ones takes it out.

use chrono::{DateTime, Utc};
use domain::command::{Command, News};
use domain::id::{ClientId, InvoiceId, PaymentId};
use domain::refusal::Refusal;
use domain::text::Personal;
use store::{Assignment, Listed, PageRequest, StoreError, Unclaimed};

use crate::execute::{Caller, ExecuteError, Executed, execute, view};
use crate::firm::Firm;

/// The longest evidence, which may quote what others wrote on a payment: well inside the limit of a text.
pub(crate) const MAX_EVIDENCE_CHARS: usize = 1_000;

/// The most news that are kept of one payment: attempts, refunds and disputes, far more than there are.
const MAX_NEWS: usize = 100;

/// How often news and an assignment may meet before the caller is told to come back.
const MAX_TRIES: u32 = 8;

/// What was told of a payment, to be kept or recorded.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) payment: PaymentId,
    pub(crate) amount: domain::money::Money,
    pub(crate) client: Option<ClientId>,
    pub(crate) invoices: Vec<InvoiceId>,
    pub(crate) news: Vec<News>,
    pub(crate) doubts: Vec<String>,
}

/// Keeps what names nobody. Is it assigned meanwhile, it is recorded where it belongs: then that is answered.
pub(crate) async fn keep(
    firm: &Firm,
    evidence: &Evidence,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Option<Executed>, ExecuteError> {
    if let Some(known) = firm.store().assignment(&evidence.payment).await? {
        return record(firm, evidence, &known.client, caller, now).await.map(Some);
    }
    let kept = put(firm, evidence, now).await?;
    // Whoever assigned it before this was kept may have found nothing, and would never look again.
    let Some(known) = firm.store().assignment(&evidence.payment).await? else { return Ok(None) };
    let executed = record(firm, evidence, &known.client, caller, now).await?;
    firm.store().drop_unclaimed(&kept).await?;
    Ok(Some(executed))
}

async fn put(
    firm: &Firm,
    evidence: &Evidence,
    now: DateTime<Utc>,
) -> Result<Unclaimed, ExecuteError> {
    for _ in 0..MAX_TRIES {
        let known = firm.store().unclaimed(&evidence.payment).await?;
        let mut unclaimed = known.clone().unwrap_or_else(|| Unclaimed {
            payment: evidence.payment.clone(),
            came_at: now,
            amount: evidence.amount,
            client: None,
            invoices: Vec::new(),
            news: Vec::new(),
            doubts: Vec::new(),
            version: 0,
        });
        unclaimed.client = evidence.client.clone().or(unclaimed.client);
        if !evidence.invoices.is_empty() {
            unclaimed.invoices.clone_from(&evidence.invoices);
        }
        add(&mut unclaimed.news, &evidence.news);
        add(&mut unclaimed.doubts, &evidence.doubts);
        if known.as_ref() == Some(&unclaimed) {
            return Ok(unclaimed);
        }
        if firm.store().keep_unclaimed(&unclaimed).await? {
            unclaimed.version += 1;
            return Ok(unclaimed);
        }
    }
    Err(ExecuteError::Store(StoreError::Unavailable("a payment is told of too often".into())))
}

/// Each once. A payment is told whole each time, so past the limit the newest telling is enough.
fn add<T: Clone + PartialEq>(known: &mut Vec<T>, told: &[T]) {
    for one in told {
        if !known.contains(one) {
            known.push(one.clone());
        }
    }
    if MAX_NEWS < known.len() {
        *known = told.iter().take(MAX_NEWS).cloned().collect();
    }
}

/// Payments that are nobody's, by their ids. One that came to its client by itself is taken out: a payment is told
/// whole each time, so the account knows all that was kept here.
///
/// # Errors
/// [`StoreError::Cursor`]; whatever reading and writing have.
pub async fn listed(firm: &Firm, page: &PageRequest<'_>) -> Result<Listed<Unclaimed>, StoreError> {
    let store = firm.store();
    let mut listed = store.all_unclaimed(page).await?;
    let payments: Vec<_> = listed.items.iter().map(|known| known.payment.clone()).collect();
    let claimed = store.claimed_by_themselves(&payments).await?;
    for known in listed.items.extract_if(.., |known| claimed.contains(&known.payment)) {
        store.drop_unclaimed(&known).await?; // not if more was told since: then it goes the next time
    }
    Ok(listed)
}

/// A person says whose it is: what was told of it is recorded there, once.
///
/// # Errors
/// [`ExecuteError::NotFound`] for an unknown client; a refusal where the payment is nobody's to assign or
/// another client's (PAY-1); whatever reading and writing have, and then it can be said again.
pub async fn assign(
    firm: &Firm,
    payment: &PaymentId,
    client: &ClientId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    let store = firm.store();
    if view(firm, client, now).await?.is_none() {
        return Err(ExecuteError::NotFound(client.clone()));
    }
    let by = caller.actor.staff().cloned();
    let by = by.ok_or_else(|| Refusal::forbidden("STAFF-1", "only a person assigns a payment"))?;
    let mut executed = None;
    for _ in 0..MAX_TRIES {
        let Some(unclaimed) = store.unclaimed(payment).await? else { break };
        let owner = store.payment(payment).await?.map(|(owner, _)| owner);
        if let Some(owner) = owner.filter(|owner| owner != client) {
            store.drop_unclaimed(&unclaimed).await?; // it came to its client by itself
            return Err(anothers(payment, &owner));
        }
        let assignment = Assignment { client: client.clone(), by: by.clone(), at: firm.now(now) };
        if !store.assign_payment(payment, &assignment).await? {
            let known = store.assignment(payment).await?;
            if let Some(known) = known.filter(|known| known.client != *client) {
                return Err(anothers(payment, &known.client));
            }
        }
        let evidence = Evidence {
            payment: payment.clone(),
            amount: unclaimed.amount,
            client: None,
            invoices: unclaimed.invoices.clone(),
            news: unclaimed.news.clone(),
            doubts: unclaimed.doubts.clone(),
        };
        match record(firm, &evidence, client, caller, now).await {
            Err(error @ ExecuteError::Refused(_)) => {
                store.unassign_payment(payment).await?;
                return Err(error);
            }
            recorded => executed = Some(recorded?),
        }
        if store.drop_unclaimed(&unclaimed).await? {
            break;
        }
    }
    match executed {
        Some(executed) => Ok(executed),
        None => assigned_before(firm, payment, client, now).await,
    }
}

/// Said once more, it is the same assignment; else there is nothing to assign.
async fn assigned_before(
    firm: &Firm,
    payment: &PaymentId,
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    let known = firm.store().assignment(payment).await?;
    let known = known.ok_or_else(|| {
        Refusal::not_found("PAY-1", format!("there is no unclaimed payment {payment}"))
    })?;
    if known.client != *client {
        return Err(anothers(payment, &known.client));
    }
    let view = view(firm, client, now).await?;
    let view = view.ok_or_else(|| ExecuteError::NotFound(client.clone()))?;
    let (version, next_evaluation) = (view.loaded.version(), view.loaded.next_evaluation());
    let account = view.loaded.account;
    let (events, withheld) = (Vec::new(), Default::default());
    Ok(Executed { events, version, account, next_evaluation, tries: 0, made: None, withheld })
}

fn anothers(payment: &PaymentId, owner: &ClientId) -> ExecuteError {
    let text = format!("payment {payment} is that of client {owner}");
    Refusal::conflict("PAY-1", text).into()
}

/// Records everything that was told on that client, and what can't be recorded as a person's task (PAY-2).
pub(crate) async fn record(
    firm: &Firm,
    evidence: &Evidence,
    client: &ClientId,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    let mut invoices = Vec::new();
    for invoice in &evidence.invoices {
        // What another client was billed is not what this one pays; named none, it pays the oldest (PAY-4).
        if firm.store().client_of_invoice(invoice).await?.as_ref() == Some(client) {
            invoices.push(invoice.clone());
        }
    }
    let mut commands = Vec::new();
    for news in &evidence.news {
        let news = match news.clone() {
            News::Told { amount, method, seen, on, .. } => {
                News::Told { amount, method, seen, on, invoices: invoices.clone() }
            }
            news @ (News::Refunded { .. } | News::Chargeback { .. } | News::Returned) => news,
        };
        commands.push(Command::RecordPayment { payment: evidence.payment.clone(), news });
    }
    if !evidence.doubts.is_empty() {
        let what = format!("payment {}: {}", evidence.payment, evidence.doubts.join("; "));
        let what: String = what.chars().take(MAX_EVIDENCE_CHARS).collect();
        let (payment, evidence) = (evidence.payment.clone(), Personal::new(what));
        commands.push(Command::ReportMismatch { payment, evidence });
    }
    let mut all: Option<Executed> = None;
    for command in &commands {
        let executed = execute(firm, client, command, caller, now).await?;
        let before = all.take().map_or_else(Vec::new, |all| all.events);
        let events = before.into_iter().chain(executed.events).collect();
        all = Some(Executed { events, ..executed });
    }
    let nothing = || Refusal::conflict("PAY-2", "nothing was told of it that could be recorded");
    all.ok_or_else(|| nothing().into())
}

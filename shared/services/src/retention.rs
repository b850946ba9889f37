//! Closed clients' personal data: kept as long as the firm says, then deleted (CLOSE-1).
//!
//! A closed client is due on the day on which its time is over, and is found as any other that is due; its evaluation
//! then deletes it, if nothing obliges the firm to keep it. The commit that says so leaves an entry in the outbox, and
//! the sweeper deletes page by page what lies beside the account until nothing is left: contacts, texts, letters, notes,
//! links, what staff were told. Each of these steps finds what is still there, so a death on the way ends the same.

use chrono::{DateTime, Utc};
use domain::account::{Gone, PutOff};
use domain::calendar::Day;
use domain::command::Command;
use domain::id::{ClassId, ClientId};
use domain::retention::{DEFAULT_YEARS, Obligation, deletes_on, is_due, obligations};
use domain::role::Actor;
use store::{ClientState, Listed, PageRequest, StoreError};

use crate::contacts::{ContactError, forget_at, forget_client};
use crate::execute::{Caller, ExecuteError, Executed, View, execute, view};
use crate::firm::Firm;

/// How many clients are looked at for a page of the list: each is read whole.
pub const MAX_LISTED: u32 = 25;

/// Why the deletion of what lies beside an account stopped; it goes on when its entry is found again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// A contact.
    #[error(transparent)]
    Contact(#[from] ContactError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A closed client, and when what is known of it goes.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Which.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: ClassId,
    /// When the engagement ended.
    pub closed_on: Day,
    /// The first day on which it may be deleted.
    pub deletes_on: Day,
    /// What obliges the firm to keep it all the same, as things stand.
    pub kept_for: Vec<Obligation>,
    /// Who put it off, and why.
    pub put_off: Option<PutOff>,
}

impl Firm {
    /// How many years it keeps a closed client's personal data (CLOSE-1).
    pub fn retention_years(&self) -> u32 {
        self.settings().retention_years.unwrap_or(DEFAULT_YEARS)
    }
}

/// What is planned for a client as it was read; `None`: the engagement goes on, or it is deleted.
pub fn deletion(firm: &Firm, view: &View) -> Option<Deletion> {
    let account = &view.loaded.account;
    let closed = account.closed.as_ref().filter(|closed| closed.erased.is_none())?;
    Some(Deletion {
        client: account.client.clone(),
        name: account.profile.name.as_str().to_owned(),
        class: account.profile.class.clone(),
        closed_on: closed.on,
        deletes_on: deletes_on(closed, firm.retention_years()),
        kept_for: obligations(account, view.day),
        put_off: closed.put_off.clone(),
    })
}

/// The closed clients whose personal data are kept, by name.
///
/// # Errors
/// [`StoreError::Cursor`]; whatever reading has.
pub async fn deletions(
    firm: &Firm,
    page: &PageRequest<'_>,
    now: DateTime<Utc>,
) -> Result<Listed<Deletion>, ExecuteError> {
    let limit = page.limit.min(MAX_LISTED);
    let page = PageRequest { cursor: page.cursor, limit };
    let rows = firm.store().clients(Some(ClientState::Closed), &page).await?;
    let mut items = Vec::new();
    for row in rows.items {
        if let Some(view) = view(firm, &row.client, now).await? {
            items.extend(deletion(firm, &view));
        }
    }
    Ok(Listed { items, next: rows.next })
}

/// What would be deleted of a client.
///
/// # Errors
/// Whatever reading has.
pub async fn personal_data(firm: &Firm, client: &ClientId) -> Result<Gone, StoreError> {
    firm.store().personal_data(client).await
}

/// After the evaluation of a client: it is deleted, if its time is over. What an act brought meanwhile is found by the
/// decision, which then refuses; the client is looked at again.
///
/// # Errors
/// Those of [`execute`].
pub(crate) async fn after_evaluation(
    firm: &Firm,
    evaluated: Executed,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    let years = firm.retention_years();
    if !is_due(&evaluated.account, years, firm.day(now)) {
        return Ok(evaluated);
    }
    let client = evaluated.account.client.clone();
    let contacts = &evaluated.account.profile.contacts;
    let addresses: Vec<_> =
        contacts.iter().map(|contact| contact.address.as_str().to_owned()).collect();
    let gone = firm.store().personal_data(&client).await?;
    if let Err(error) = forget_at(firm, &addresses, &client, now).await {
        return match error {
            ContactError::Store(error) => Err(error.into()),
            _ => Err(ExecuteError::Busy(client)),
        };
    }
    let command = Command::Erase { years, gone };
    match execute(firm, &client, &command, &Caller::new(Actor::Schedule), now).await {
        Err(ExecuteError::Refused(_)) => Ok(evaluated),
        erased => erased,
    }
}

/// Goes on deleting what lies beside a deleted client's account, until nothing is left.
///
/// # Errors
/// [`RetentionError`]; what was deleted by then is.
pub async fn go_on(
    firm: &Firm,
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<(), RetentionError> {
    let store = firm.store();
    if !store.load(client).await?.is_some_and(|loaded| loaded.account.is_erased()) {
        return Ok(()); // nobody said that it is to be deleted
    }
    for contact in store.contacts_of(client).await? {
        forget_client(firm, &contact.id, client, now).await?;
    }
    while !store.erase_page(client).await? {}
    for grant in store.grants().await? {
        store.erase_staff_mails(&grant.staff, client).await?;
    }
    Ok(store.end_erasure(client).await?)
}

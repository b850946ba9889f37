//! A client's whole history, read once, page by page: what statements and referrals are made from.
//!
//! Nothing is kept of it but what they need: the account as it is written down, and what of the debts is worth
//! telling a collector.

use domain::calendar::Day;
use domain::event::Event;
use domain::id::ClientId;
use domain::statement::Book;
use store::{MAX_PAGE, Order, PageRequest, StoreError};

use crate::firm::Firm;
use crate::http::{Problem, ProblemKind};

/// The most records that are read for one paper. A client that is evaluated and pays every week of ten years has
/// some 3 000; at this count, some 25 MB are read, which is what a request has the time for.
pub const MAX_RECORDS: usize = 20_000;

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// No record: there is no such client.
    #[error("there is no client {0}")]
    NoClient(ClientId),
    /// More than can be read at once.
    #[error("this client has more than {MAX_RECORDS} records; its statement can't be made at once")]
    TooLong,
    /// A record of a newer program.
    #[error("a record of client {client} can't be read")]
    Unreadable {
        /// Whose.
        client: ClientId,
        /// Why not.
        source: serde_json::Error,
    },
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NoClient(_) => Self::not_found("client"),
            HistoryError::TooLong => Self::new(ProblemKind::TooLarge, error.to_string()),
            HistoryError::Unreadable { .. } => Self::internal(&error),
            HistoryError::Store(error) => error.into(),
        }
    }
}

/// Everything that happened to a client, written down; `each` sees every event with its day.
///
/// # Errors
/// [`HistoryError`].
pub async fn book(
    firm: &Firm,
    client: &ClientId,
    mut each: impl FnMut(Day, &Event) + Send,
) -> Result<Book, HistoryError> {
    let mut book: Option<Book> = None;
    let (mut cursor, mut count) = (None, 0_usize);
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: MAX_PAGE };
        let listed = firm.store().records(client, Order::Oldest, &page).await?;
        count = count.saturating_add(listed.items.len());
        if MAX_RECORDS < count {
            return Err(HistoryError::TooLong);
        }
        for record in listed.items {
            let unreadable = |source| HistoryError::Unreadable { client: client.clone(), source };
            for event in record.body.events().map_err(unreadable)? {
                if let (None, Event::AccountOpened(profile)) = (&book, &event) {
                    let firm = firm.id().clone();
                    book = Some(Book::new(firm, client.clone(), profile.clone()));
                }
                if let Some(book) = &mut book {
                    book.add(record.body.day, &event);
                }
                each(record.body.day, &event);
            }
        }
        cursor = listed.next;
        if cursor.is_none() {
            return book.ok_or_else(|| HistoryError::NoClient(client.clone()));
        }
    }
}

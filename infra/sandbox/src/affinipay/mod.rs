//! An AffiniPay of our own: LawPay and CPACharge, to pay, clear, fail, void and refund with on one machine.
//!
//! Its API lies under `/sandbox/affinipay/v1`, so that it can stand beside the others: that address without `/v1`
//! is the adapter's base URL. Nothing is signed and nothing has a key: what is sent twice is done twice. Cards are
//! captured when the next day begins, eChecks clear or fail days later, by the firm's day (TEST-1). An endpoint
//! has taken an event when it answered with exactly 200.
//!
//! There are four accounts, operating and trust, for cards and for eChecks, and a payment page for each two that
//! belong together. Left out because nothing of ours calls it: recurring charges, credits, holds, OAuth.

mod acts;
mod api;
mod book;
mod control;
mod days;
mod instruments;
mod page;
mod transactions;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use domain::calendar::Day;
use domain::invoice::Deposit;
use domain::money::Currency;
use gateways::affinipay::DepositAccount;
use gateways::{Method, Secret};

use crate::faults::{Faults, SharedFaults};
use crate::keep::{Keep, KeepError, Write};
use crate::outbox::{self, Delivery, News, Outbox};

pub use acts::{Act, ActError, Done};
pub use book::Book;
pub use control::BeginDay;
pub use days::{BankAct, BankNews, CLEARS_AFTER_DAYS};
pub use instruments::PayWith;
pub use transactions::Transaction;

/// The only key that the sandbox takes unless told otherwise: it opens nothing, so it is no secret. With `_live_`
/// in place of `_test_` it works on the live side, which shares nothing with the other. No money is real here.
pub const SANDBOX_KEY: &str = "affinipay_test_sandbox";

/// Under which address the API begins: the adapter's base URL is the sandbox's address and this.
pub const BASE_PATH: &str = "/sandbox/affinipay";

/// Says what time it is, in Unix seconds.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The accounts that a firm has there: their id, whose money, and by what it is paid.
pub const ACCOUNTS: [(&str, Deposit, Method); 4] = [
    ("sandboxOperatingCards_", Deposit::Operating, Method::Card),
    ("sandboxOperatingEcheck", Deposit::Operating, Method::Ach),
    ("sandboxTrustCards_____", Deposit::Trust, Method::Card),
    ("sandboxTrustEcheck____", Deposit::Trust, Method::Ach),
];

/// The accounts as a firm connects them, with pages at that address of the sandbox.
pub fn deposit_accounts(url: &str, is_live: bool) -> Vec<DepositAccount> {
    let page = |deposit: Deposit| {
        let side = if is_live { "live-" } else { "" };
        format!("{url}{BASE_PATH}/pages/{side}{}", deposit.as_str())
    };
    // The ids are written here, and are ids: what could not be parsed would be left out.
    let account = |(id, deposit, method): (&str, Deposit, Method)| {
        let page_url = Some(page(deposit));
        let id = id.parse().ok()?;
        Some(DepositAccount { id, deposit, method, currency: Currency::USD, page_url })
    };
    ACCOUNTS.into_iter().filter_map(account).collect()
}

/// The sandbox, cheap to clone; all clones share one book.
#[derive(Clone)]
pub struct SandboxAffiniPay {
    inner: Arc<Inner>,
}

struct Inner {
    key: Secret,
    now: Now,
    book: Mutex<Book>,
    /// Where the book is kept; nowhere in most tests.
    kept: Option<Keep>,
    faults: SharedFaults,
    shop: Mutex<Shop>,
    /// Held while webhooks are posted: whoever waits for it knows that they were answered.
    posting: tokio::sync::Mutex<()>,
    client: reqwest::Client,
}

/// Whose account it is: what a firm sets at AffiniPay.
#[derive(Debug, Clone, Default)]
pub struct Shop {
    /// What payers read on the page.
    pub name: String,
    /// Where its events are posted; nowhere until it is set.
    pub webhook: Option<String>,
    /// Where payers go from the page, which support sets for a firm.
    pub return_url: Option<String>,
}

impl fmt::Debug for SandboxAffiniPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxAffiniPay").field("kept", &self.inner.kept).finish_non_exhaustive()
    }
}

impl SandboxAffiniPay {
    /// With the book of an earlier run, or an empty one, in memory.
    pub fn new(key: Secret, now: Now, book: Book) -> Self {
        Self::with(key, now, book, None)
    }

    /// With the book in that file, where each change of it is kept.
    ///
    /// # Errors
    /// When the file is there and holds no book.
    pub fn open(key: Secret, now: Now, path: &Path, write: Write) -> Result<Self, KeepError> {
        let kept = Keep::new(path, write);
        Ok(Self::with(key, now, kept.read()?, Some(kept)))
    }

    fn with(key: Secret, now: Now, book: Book, kept: Option<Keep>) -> Self {
        let inner = Inner {
            key,
            now,
            book: Mutex::new(book),
            kept,
            faults: SharedFaults::default(),
            shop: Mutex::default(),
            posting: tokio::sync::Mutex::default(),
            client: reqwest::Client::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Says whose account it is.
    pub fn set_shop(&self, shop: Shop) {
        *self.inner.shop.lock().unwrap_or_else(PoisonError::into_inner) = shop;
    }

    fn shop(&self) -> Shop {
        self.inner.shop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The firm's day is this one now (TEST-1): cards are captured, banks do what is due, and when this answers,
    /// the firm's endpoint has been told of it.
    pub async fn begin_day(&self, day: Day) -> Vec<BankNews> {
        let news = self.note_day(day);
        self.post_webhooks().await;
        news
    }

    /// Likewise, without waiting for the endpoint.
    pub fn note_day(&self, day: Day) -> Vec<BankNews> {
        let now = self.now();
        self.always(|book| book.begin_day(day, now))
    }

    /// What goes on by itself: the day's work is done, and webhooks go out. Without a firm's day the machine's
    /// counts.
    pub async fn go_on(&self) {
        let now = self.now();
        let has_due = self.book().has_due(now);
        if has_due {
            self.always(|book| book.catch_up(now));
        }
        self.post_webhooks().await;
    }

    /// The API, the pages to pay on, and what steers the sandbox, all under [`BASE_PATH`]. Whoever reaches the
    /// last can pay anything: it is for loopback only.
    pub fn router(&self) -> Router {
        api::router(self).merge(control::router(self)).merge(page::router(self))
    }

    /// Does what a payer, a bank or the firm would do.
    ///
    /// # Errors
    /// [`ActError`] when there is no such object or it is past that; the book is then unchanged.
    pub fn act(&self, act: Act) -> Result<Done, ActError> {
        let now = self.now();
        self.change(|book| book.act(act, now))
    }

    /// A copy of the book, to be stored.
    pub fn snapshot(&self) -> Book {
        self.book().clone()
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults() = faults;
    }

    /// What would be posted now: each event that no endpoint took yet. One that a fault drops is never posted.
    pub fn deliveries(&self) -> Vec<Delivery> {
        let mut book = self.book();
        let mut outbox = Outbox::default();
        for event in book.events.iter().filter(|event| !event.is_taken) {
            outbox.push(event.id.as_str(), event.body.to_string());
        }
        let headers = |_: &News| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers
        };
        let due = outbox.due(&mut self.faults(), headers);
        for dropped in outbox.0.iter().filter(|news| news.is_taken) {
            book.taken(&dropped.event);
        }
        due
    }

    /// Hands every due event to `post`, which answers with a status; exactly 200 takes it. Answers with how many
    /// were posted.
    pub async fn deliver(&self, post: impl AsyncFn(&Delivery) -> u16) -> usize {
        let deliveries = self.deliveries();
        for delivery in &deliveries {
            if post(delivery).await == 200 {
                self.taken(&delivery.event);
            }
        }
        deliveries.len()
    }

    /// Notes that an endpoint took an event; false if there is no such event.
    pub fn taken(&self, event: &str) -> bool {
        self.book().taken(event)
    }

    async fn post_webhooks(&self) {
        let Some(url) = self.shop().webhook else { return };
        let _posting = self.inner.posting.lock().await;
        let deliveries = self.deliveries();
        for delivery in &deliveries {
            if outbox::post(&self.inner.client, &url, delivery, |status| status == 200).await {
                self.taken(&delivery.event);
            }
        }
        if !deliveries.is_empty() {
            self.keep(&self.book());
        }
    }

    fn now(&self) -> i64 {
        (self.inner.now)()
    }

    /// Changes the book whole or not at all.
    fn change<T, E>(&self, change: impl FnOnce(&mut Book) -> Result<T, E>) -> Result<T, E> {
        let mut book = self.book();
        let mut changed = book.clone();
        let result = change(&mut changed)?;
        *book = changed;
        self.keep(&book);
        Ok(result)
    }

    /// Changes the book in a way that can't fail.
    fn always<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book();
        let result = change(&mut book);
        self.keep(&book);
        result
    }

    /// A disk that is full doesn't stop the sandbox; it is said, and what was done is lost at its end.
    fn keep(&self, book: &Book) {
        if let Some(kept) = &self.inner.kept
            && let Err(error) = kept.write(book)
        {
            tracing::error!(%error, "Could not keep the sandbox's book");
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.inner.faults.lock()
    }
}

//! A Stripe of our own, to pay, fail, return, refund and dispute with on one machine.
//!
//! It answers the calls that we make, in Stripe's shapes and with Stripe's errors, from a book kept in
//! memory: no card, no network, no account. What the payer, their bank or the firm's own Stripe
//! dashboard would do is an [`Act`]; each act changes the book and records the events that Stripe would
//! send, which [`SandboxStripe::deliver`] signs and hands over, late, twice or never. A payer acts on the
//! page that a session's `url` leads to. Nothing here reads a clock: the time is the caller's, and what
//! banks do by the day follows the firm's day (TEST-1), which [`SandboxStripe::begin_day`] is told.
//!
//! Left out because nothing of ours calls it: subscriptions, Connect onboarding, and any check that Stripe
//! makes of parameters that we never send.

mod acts;
mod api;
mod book;
mod control;
mod days;
mod delivery;
mod form;
mod intents;
mod methods;
mod objects;
mod page;
mod params;
mod payments;
mod problem;
mod render;
mod reversals;
mod save_acts;
mod save_page;
mod saved;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::Router;
use domain::calendar::Day;
use gateways::Secret;

use crate::faults::{Faults, SharedFaults};
use crate::keep::{Keep, KeepError, Write};

pub use acts::{Act, ActError, CardOutcome, DisputeOutcome, Done, PayBy, RefundOutcome};
pub use book::Book;
pub use control::BeginDay;
pub use days::{BankAct, BankNews, CLEARS_AFTER_DAYS, RETURNS_AFTER_DAYS};
pub use delivery::{Delivery, signed_webhook};
pub use methods::Does;
pub use objects::Event;

/// The only key that the sandbox takes unless told otherwise: it opens nothing, so it is no secret.
///
/// With `_live_` in place of `_test_` it works on the live side, as it would at Stripe: what is made there says
/// that its money is real, which firms of a deployment ask for, and the other side knows nothing of it. No money
/// is real here.
pub const SANDBOX_KEY: &str = "sk_test_sandbox";

/// Says what time it is, in Unix seconds.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The sandbox, cheap to clone; all clones share one book.
#[derive(Clone)]
pub struct SandboxStripe {
    inner: Arc<Inner>,
}

struct Inner {
    key: Secret,
    now: Now,
    book: Mutex<Book>,
    /// Where the book is kept; nowhere in most tests.
    kept: Option<Keep>,
    faults: SharedFaults,
    /// Under which a request is on its way, by account.
    keys_in_use: Mutex<BTreeSet<String>>,
    /// How many requests of the API there were.
    requests: AtomicU64,
    shop: Mutex<Shop>,
    /// Held while webhooks are posted: whoever waits for it knows that they were answered.
    posting: tokio::sync::Mutex<()>,
    /// Made for the first webhook.
    client: OnceLock<reqwest::Client>,
}

/// Whose account it is: what a firm sets in its Stripe dashboard.
#[derive(Debug, Clone, Default)]
pub struct Shop {
    /// What payers read on the page.
    pub name: String,
    /// Where its events are posted; nowhere until it is set.
    pub webhook: Option<Endpoint>,
}

/// A webhook endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its address.
    pub url: String,
    /// What its webhooks are signed with.
    pub signing: Secret,
}

impl fmt::Debug for SandboxStripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxStripe").field("kept", &self.inner.kept).finish_non_exhaustive()
    }
}

impl SandboxStripe {
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
            keys_in_use: Mutex::default(),
            requests: AtomicU64::default(),
            shop: Mutex::default(),
            posting: tokio::sync::Mutex::default(),
            client: OnceLock::new(),
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

    /// The firm's day is this one now (TEST-1): banks do what is due by it, and when this answers, the
    /// firm's endpoint has been told of it.
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

    /// What goes on by itself: banks do what is due, and webhooks go out. Without a firm's day the
    /// machine's counts.
    pub async fn go_on(&self) {
        let now = self.now();
        let has_due = self.book().has_due(now);
        if has_due {
            self.always(|book| book.catch_up(now));
        }
        self.post_webhooks().await;
    }

    /// Stripe's API under `/v1`; under `/sandbox/stripe` the page to pay on, and what steers the
    /// sandbox. Whoever reaches the latter can pay anything: it is for loopback only.
    pub fn router(&self) -> Router {
        api::router(self).merge(control::router(self)).merge(page::router(self))
    }

    /// Does what a payer, a bank or the firm's dashboard would do.
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

    fn keys_in_use(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.inner.keys_in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.inner.faults.lock()
    }
}

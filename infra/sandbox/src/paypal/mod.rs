//! A PayPal of our own, to approve, capture, fail, refund and dispute with on one machine.
//!
//! It answers the calls that we make, in PayPal's shapes and with PayPal's errors, from a book: no card, no
//! network, no account. What the payer, their bank or PayPal's staff would do is an [`Act`]; each act changes
//! the book and tells what PayPal would tell, signed with a key and certificate of its own. A payer acts on the
//! page that an order's link leads to. Nothing here reads a clock: the time is the caller's, and what banks do
//! by the day follows the firm's day (TEST-1).
//!
//! Left out because nothing of ours calls it: authorisations, shipping, payouts, subscriptions, and checks of
//! fields that we never send.

mod acts;
mod api;
mod book;
mod control;
mod page;
mod payments;
mod problem;
mod signing;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use domain::calendar::Day;
use gateways::Secret;

pub use acts::{Act, ActError, Done};
pub use book::{Book, Pays};
pub use payments::CLEARS_AFTER_DAYS;
pub use signing::SignerError;

use self::signing::{Sent, Signer};
use crate::faults::{Faults, SharedFaults};
use crate::keep::{Keep, KeepError, Write};
use crate::outbox::{self, Delivery, News};

/// The app that the sandbox knows unless told otherwise, and its secret: it opens nothing, so it is none.
pub const SANDBOX_CLIENT_ID: &str = "sandbox-app";
/// Likewise.
pub const SANDBOX_KEY: &str = "sandbox-secret";
/// What its webhooks are signed for unless told otherwise.
pub const SANDBOX_WEBHOOK_ID: &str = "1SANDBOX234567890";

/// PayPal's API is below this, so that other gateways can be at the same address.
pub const BASE_PATH: &str = "/paypal";

/// Says what time it is, in Unix seconds.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The sandbox, cheap to clone; all clones share one book.
#[derive(Clone)]
pub struct SandboxPayPal {
    inner: Arc<Inner>,
}

struct Inner {
    client_id: String,
    key: Secret,
    now: Now,
    book: Mutex<Book>,
    /// Where the book is kept; nowhere in most tests.
    kept: Option<Keep>,
    faults: SharedFaults,
    /// How many requests of the API there were, signing in aside.
    requests: AtomicU64,
    shop: Mutex<Shop>,
    /// Held while webhooks are posted.
    posting: tokio::sync::Mutex<()>,
    client: reqwest::Client,
}

/// Whose account it is: what a firm sets in its PayPal dashboard.
#[derive(Debug, Clone, Default)]
pub struct Shop {
    /// What payers read on the page.
    pub name: String,
    /// Where its events are posted; nowhere until it is set.
    pub webhook: Option<Endpoint>,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its address.
    pub url: String,
    /// Its id, a part of what is signed.
    pub webhook_id: String,
    /// Where the sandbox's own API is, [`BASE_PATH`] included, for its certificate.
    pub base_url: String,
}

impl fmt::Debug for SandboxPayPal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxPayPal").field("kept", &self.inner.kept).finish_non_exhaustive()
    }
}

impl SandboxPayPal {
    /// With the book of an earlier run, or an empty one, in memory.
    pub fn new(client_id: &str, key: Secret, now: Now, book: Book) -> Self {
        Self::with(client_id, key, now, book, None)
    }

    /// With the book in that file, where each change of it is kept.
    ///
    /// # Errors
    /// When the file is there and holds no book.
    pub fn open(
        client_id: &str,
        key: Secret,
        now: Now,
        path: &Path,
        write: Write,
    ) -> Result<Self, KeepError> {
        let kept = Keep::new(path, write);
        Ok(Self::with(client_id, key, now, kept.read()?, Some(kept)))
    }

    fn with(client_id: &str, key: Secret, now: Now, book: Book, kept: Option<Keep>) -> Self {
        let inner = Inner {
            client_id: client_id.to_owned(),
            key,
            now,
            book: Mutex::new(book),
            kept,
            faults: SharedFaults::default(),
            requests: AtomicU64::default(),
            shop: Mutex::default(),
            posting: tokio::sync::Mutex::default(),
            client: reqwest::Client::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// PayPal's API under [`BASE_PATH`]; under `/sandbox/paypal` the pages of payers, and what steers the
    /// sandbox. Whoever reaches the latter can pay anything: it is for loopback only.
    pub fn router(&self) -> Router {
        api::router(self).merge(control::router(self)).merge(page::router(self))
    }

    /// Says whose account it is.
    pub fn set_shop(&self, shop: Shop) {
        *self.inner.shop.lock().unwrap_or_else(PoisonError::into_inner) = shop;
    }

    fn shop(&self) -> Shop {
        self.inner.shop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn shop_name(&self) -> String {
        let name = self.shop().name;
        if name.is_empty() { "the seller".to_owned() } else { name }
    }

    fn webhook_id(&self) -> Option<String> {
        self.shop().webhook.map(|endpoint| endpoint.webhook_id)
    }

    /// Does what a payer, a bank or PayPal's staff would do.
    ///
    /// # Errors
    /// [`ActError`] when there is no such object or it is past that; the book is then unchanged.
    pub fn act(&self, act: Act) -> Result<Done, ActError> {
        let now = self.now();
        self.change(|book| book.act(act, now))
    }

    /// The firm's day is this one now (TEST-1): banks do what is due by it, and when this answers, the firm's
    /// endpoint has been told of it.
    pub async fn begin_day(&self, day: Day) {
        let now = self.now();
        self.always(|book| {
            book.day = book.day.max(Some(day));
            book.go_on(now);
        });
        self.post_webhooks().await;
    }

    /// What goes on by itself: orders end, banks do what is due, and webhooks go out.
    pub async fn go_on(&self) {
        let now = self.now();
        self.always(|book| book.go_on(now));
        self.post_webhooks().await;
    }

    /// What PayPal would send now, each signed afresh.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn deliveries(
        &self,
        webhook_id: &str,
        base_url: &str,
    ) -> Result<Vec<Delivery>, SignerError> {
        let signer = self.signer()?;
        let time = book::written(self.now());
        let headers = |news: &News| {
            let id = format!("tx-{}", news.event);
            let body = news.body.as_bytes();
            signer.headers(&Sent { id: &id, time: &time, webhook_id, base_url, body })
        };
        let mut faults = self.faults().clone();
        let due = self.book().outbox.due(&mut faults, headers);
        *self.faults() = faults;
        Ok(due)
    }

    /// Notes that an endpoint took an event; false if there is no such event.
    pub fn taken(&self, event: &str) -> bool {
        self.book().outbox.taken(event)
    }

    async fn post_webhooks(&self) {
        let Some(Endpoint { url, webhook_id, base_url }) = self.shop().webhook else { return };
        let _posting = self.inner.posting.lock().await;
        let deliveries = match self.deliveries(&webhook_id, &base_url) {
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::error!(%error, "Nothing was told");
                return;
            }
        };
        for delivery in &deliveries {
            let is_taken = |status| (200..300).contains(&status);
            if outbox::post(&self.inner.client, &url, delivery, is_taken).await {
                self.taken(&delivery.event);
            }
        }
        if !deliveries.is_empty() {
            self.keep(&self.book());
        }
    }

    /// A copy of the book, to be stored.
    pub fn snapshot(&self) -> Book {
        self.book().clone()
    }

    /// How many payments took money or are about to, however they were asked for.
    pub fn taken_payments(&self) -> usize {
        let book = self.book();
        let is_taken = |status: &str| !matches!(status, "DECLINED" | "FAILED");
        book.captures.values().filter(|capture| is_taken(&capture.status)).count()
    }

    /// How many refunds there are.
    pub fn refunds(&self) -> usize {
        self.book().refunds.len()
    }

    /// How many requests of the API there were, signing in aside.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::Relaxed)
    }

    /// All tokens to ask with end at once, as when the app's secret was replaced.
    pub fn sign_all_out(&self) {
        self.always(|book| book.signed_in.clear());
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults() = faults;
    }

    /// Its key and certificate, made when they are first needed.
    fn signer(&self) -> Result<Signer, SignerError> {
        if let Some(signer) = &self.book().signer {
            return Ok(signer.clone());
        }
        let made = Signer::make()?;
        Ok(self.always(|book| book.signer.get_or_insert(made).clone()))
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

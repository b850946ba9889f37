//! A Stripe of our own, to pay, fail, return, refund and dispute with on one machine.
//!
//! It answers the calls that we make, in Stripe's shapes and with Stripe's errors, from a book kept in
//! memory: no card, no network, no account. What the payer, their bank or the firm's own Stripe
//! dashboard would do is an [`Act`]; each act changes the book and records the events that Stripe would
//! send, which [`SandboxStripe::deliver`] signs and hands over, late, twice or never. Nothing here
//! reads a clock: the time is the caller's, so that a test firm's clock moves this too (TEST-1).
//!
//! Left out because nothing of ours calls it: customers, saved methods, subscriptions, Connect
//! onboarding, and any check that Stripe makes of parameters that we never send.

mod acts;
mod api;
mod book;
mod control;
mod delivery;
mod faults;
mod form;
mod objects;
mod params;
mod payments;
mod problem;
mod render;
mod reversals;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use gateways::Secret;

pub use acts::{Act, ActError, CardOutcome, DisputeOutcome, Done, PayBy, RefundOutcome};
pub use book::Book;
pub use delivery::{Delivery, signed_webhook};
pub use faults::Faults;
pub use objects::Event;

/// The only key that the sandbox takes unless told otherwise: it opens nothing, so it is no secret.
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
    faults: Mutex<Faults>,
}

impl SandboxStripe {
    /// With the book of an earlier run, or an empty one.
    pub fn new(key: Secret, now: Now, book: Book) -> Self {
        let faults = Mutex::default();
        Self { inner: Arc::new(Inner { key, now, book: Mutex::new(book), faults }) }
    }

    /// Stripe's API under `/v1`, and what steers the sandbox under `/sandbox/stripe`. Whoever reaches
    /// the latter can pay anything: it is for loopback only.
    pub fn router(&self) -> Router {
        api::router(self).merge(control::router(self))
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
        Ok(result)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.inner.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

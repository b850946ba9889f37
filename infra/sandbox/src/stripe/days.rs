//! What banks do by the day: debits clear and come back, pages of an earlier day have ended.
//!
//! The days are the firm's: a test firm's clock moves them (TEST-1), and whoever moves it says so here
//! before that day's work begins. What a client of the API measures stays on the machine's time, as at
//! Stripe: when an object was made, how long a key is kept, when a webhook was signed.

use chrono::DateTime;
use domain::calendar::{Day, plus};
use gateways::stripe::currency;
use serde::{Deserialize, Serialize};

use super::acts::insufficient_funds;
use super::book::Book;
use super::methods::Does;

/// A bank takes up to four business days to pay a debit; here they are four days, as the page says.
pub const CLEARS_AFTER_DAYS: u32 = 4;

/// How long after that a debit comes back that is to come back. A payer's bank has sixty days for it.
pub const RETURNS_AFTER_DAYS: u32 = 3;

/// What will become of a pending debit, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Debit {
    pub clears_on: Day,
    pub returns_on: Option<Day>,
    /// Why it will not clear, or comes back; `insufficient_funds` where nothing is said.
    #[serde(default)]
    pub code: Option<String>,
    /// It is refused on the day on which it would have cleared.
    #[serde(default)]
    pub bounces: bool,
}

impl Debit {
    pub fn code(&self) -> String {
        self.code.clone().unwrap_or_else(insufficient_funds)
    }
}

/// What a bank did on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankNews {
    /// The payment.
    pub payment: String,
    /// For a person: `1,250.00 USD`.
    pub amount: String,
    /// Whose, if the payment says so.
    pub client: Option<String>,
    /// What happened to it.
    pub what: BankAct,
}

/// What a bank does to a debit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BankAct {
    /// It is paid.
    Cleared,
    /// It was paid, and is taken back.
    Returned,
    /// It is refused.
    Bounced,
}

impl Book {
    /// The day that the banks live in: the firm's as it was told last, else the machine's.
    pub(super) fn today(&self, now: i64) -> Day {
        let of_machine = DateTime::from_timestamp(now, 0).unwrap_or_default().date_naive();
        self.day.unwrap_or(of_machine)
    }

    pub(super) fn expect_debit(&mut self, payment: &str, does: &Does, now: i64) {
        let clears_on = plus(self.today(now), CLEARS_AFTER_DAYS);
        let (code, bounces, comes_back) = match does {
            Does::Bounces(code) | Does::Declines(code) => (Some(code), true, false),
            Does::Returns(reason) => (Some(reason), false, true),
            Does::Pays | Does::AsksPayer => (None, false, false),
        };
        let returns_on = comes_back.then(|| plus(clears_on, RETURNS_AFTER_DAYS));
        let debit = Debit { clears_on, returns_on, code: code.cloned(), bounces };
        self.debits.insert(payment.to_owned(), debit);
    }

    /// The firm's day is this one now: days only go forward.
    pub(super) fn begin_day(&mut self, day: Day, now: i64) -> Vec<BankNews> {
        self.day = self.day.max(Some(day));
        self.catch_up(now)
    }

    /// Whether there is anything to catch up with.
    pub(super) fn has_due(&self, now: i64) -> bool {
        self.has_pages_due(now) || self.next_due(self.today(now)).is_some()
    }

    /// Does what is due by today, in the order of the days on which it was.
    pub(super) fn catch_up(&mut self, now: i64) -> Vec<BankNews> {
        let today = self.today(now);
        self.expire_due(now);
        let mut news = vec![];
        while let Some((payment, what)) = self.next_due(today) {
            news.extend(self.bank_does(&payment, what, now));
        }
        news
    }

    fn next_due(&self, today: Day) -> Option<(String, BankAct)> {
        let steps = self.debits.iter().map(|(payment, debit)| {
            let is_pending =
                self.intents.get(payment).is_some_and(|intent| intent.status == "processing");
            match debit.returns_on.filter(|_| !is_pending) {
                Some(on) => (on, payment, BankAct::Returned),
                None if debit.bounces => (debit.clears_on, payment, BankAct::Bounced),
                None => (debit.clears_on, payment, BankAct::Cleared),
            }
        });
        let next = steps.filter(|(on, ..)| *on <= today).min_by_key(|(on, ..)| *on);
        next.map(|(_, payment, what)| (payment.clone(), what))
    }

    /// A debit that somebody settled, bounced or refunded by hand meanwhile goes its own way.
    fn bank_does(&mut self, payment: &str, what: BankAct, now: i64) -> Option<BankNews> {
        let debit = self.debits.get(payment);
        let returns_later = debit.is_some_and(|debit| debit.returns_on.is_some());
        let code = debit.map_or_else(insufficient_funds, Debit::code);
        let done = match what {
            BankAct::Cleared => self.settle(payment, now),
            BankAct::Returned => self.take_back(payment, &code, now),
            BankAct::Bounced => self.bounce(payment, &code, now),
        };
        if what != BankAct::Cleared || !returns_later || done.is_err() {
            self.debits.remove(payment);
        }
        done.ok()?;
        let intent = self.intents.get(payment)?;
        let amount = currency::from_stripe(intent.amount, &intent.currency).ok()?.for_person();
        let client = intent.metadata.get("client").cloned();
        Some(BankNews { payment: payment.to_owned(), amount, client, what })
    }
}

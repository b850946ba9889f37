//! What banks do by the day: debits clear and come back, refunds arrive.
//!
//! The days are the firm's: a test firm's clock moves them (TEST-1), and whoever moves it says so here before that
//! day's work begins. What a client of the API measures stays on the machine's time.

use chrono::Datelike;
use domain::calendar::{Day, plus};
use gateways::square::currency;
use serde::{Deserialize, Serialize};

use super::acts::RefundOutcome;
use super::book::{Book, amount, text};

/// Square says two to three business days; here it is the longer.
pub const CLEARS_AFTER_BUSINESS_DAYS: u32 = 3;

/// How long after that a debit comes back that is to come back. A payer's bank has sixty days for it.
pub const RETURNS_AFTER_BUSINESS_DAYS: u32 = 3;

/// What will become of a debit, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Debit {
    pub clears_on: Day,
    pub returns_on: Option<Day>,
}

/// What a bank did on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankNews {
    /// The payment.
    pub payment: String,
    /// For a person: `1,250.00 USD`.
    pub amount: String,
    /// Whose, if the order says so.
    pub client: Option<String>,
    /// What happened to it.
    pub what: BankAct,
}

/// What a bank does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BankAct {
    /// A debit is paid.
    Cleared,
    /// It was paid, and is taken back.
    Returned,
}

/// Saturdays and Sundays are no business days; holidays are left out.
fn business_days_after(day: Day, days: u32) -> Day {
    let mut at = day;
    let mut left = days;
    while 0 < left {
        at = plus(at, 1);
        let is_weekend = 5 <= at.weekday().num_days_from_monday();
        left -= u32::from(!is_weekend);
    }
    at
}

impl Book {
    pub(super) fn expect_debit(&mut self, payment: &str, comes_back: bool, now: i64) {
        let clears_on = business_days_after(self.today(now), CLEARS_AFTER_BUSINESS_DAYS);
        let returns_on =
            comes_back.then(|| business_days_after(clears_on, RETURNS_AFTER_BUSINESS_DAYS));
        self.debits.insert(payment.to_owned(), Debit { clears_on, returns_on });
    }

    /// The firm's day is this one now: days only go forward.
    pub(super) fn begin_day(&mut self, day: Day, now: i64) -> Vec<BankNews> {
        self.day = self.day.max(Some(day));
        self.catch_up(now)
    }

    /// Whether there is anything to catch up with.
    pub(super) fn has_due(&self, now: i64) -> bool {
        let today = self.today(now);
        self.next_due(today).is_some() || self.next_refund(today).is_some()
    }

    /// Does what is due by today, in the order of the days on which it was.
    pub(super) fn catch_up(&mut self, now: i64) -> Vec<BankNews> {
        let today = self.today(now);
        while let Some(refund) = self.next_refund(today) {
            self.refunds_on_their_way.remove(&refund);
            // One that somebody finished by hand meanwhile went its own way.
            let _ = self.finish_refund(&refund, RefundOutcome::Completed, now);
        }
        let mut news = vec![];
        while let Some((payment, what)) = self.next_due(today) {
            news.extend(self.bank_does(&payment, what, now));
        }
        news
    }

    fn next_refund(&self, today: Day) -> Option<String> {
        let mut due = self.refunds_on_their_way.iter().filter(|(_, made_on)| **made_on < today);
        due.next().map(|(refund, _)| refund.clone())
    }

    fn next_due(&self, today: Day) -> Option<(String, BankAct)> {
        let steps = self.debits.iter().map(|(payment, debit)| {
            let is_pending =
                self.payments.get(payment).is_some_and(|p| text(p, "status") == "PENDING");
            match debit.returns_on.filter(|_| !is_pending) {
                Some(on) => (on, payment, BankAct::Returned),
                None => (debit.clears_on, payment, BankAct::Cleared),
            }
        });
        let next = steps.filter(|(on, ..)| *on <= today).min_by_key(|(on, ..)| *on);
        next.map(|(_, payment, what)| (payment.clone(), what))
    }

    /// A debit that somebody settled, bounced or refunded by hand meanwhile goes its own way.
    fn bank_does(&mut self, payment: &str, what: BankAct, now: i64) -> Option<BankNews> {
        let returns_later =
            self.debits.get(payment).is_some_and(|debit| debit.returns_on.is_some());
        let done = match what {
            BankAct::Cleared => self.settle(payment, now),
            BankAct::Returned => self.take_back(payment, now),
        };
        if what == BankAct::Returned || !returns_later || done.is_err() {
            self.debits.remove(payment);
        }
        done.ok()?;
        let object = self.payments.get(payment)?;
        let code = text(&object["total_money"], "currency");
        let sum = currency::from_square(amount(object, "total_money"), code).ok()?;
        let order = self.orders.get(text(object, "order_id"));
        let client = order.and_then(|order| order["metadata"]["client"].as_str());
        let client = client.map(str::to_owned);
        Some(BankNews { payment: payment.to_owned(), amount: sum.for_person(), client, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_are_no_business_days() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        for (from, days, to) in [
            ("2026-09-21", 3, "2026-09-24"),
            ("2026-09-24", 3, "2026-09-29"),
            ("2026-09-26", 1, "2026-09-28"),
            ("2026-09-25", 0, "2026-09-25"),
        ] {
            assert_eq!(business_days_after(day(from), days), day(to), "{days} after {from}");
        }
    }
}

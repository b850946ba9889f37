//! What is done by the day: cards are captured when the next one begins, eChecks clear or fail four days on, and
//! refunds follow. The days are the firm's (TEST-1), else the machine's.

use chrono::DateTime;
use domain::calendar::{Day, plus};
use domain::money::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::book::Book;
use super::instruments::Fate;
use super::transactions::Transaction;

/// How long an eCheck takes isn't stated; a sister product says four to five business days.
pub const CLEARS_AFTER_DAYS: u32 = 4;

/// What was done on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankNews {
    /// The transaction.
    pub payment: String,
    /// For a person: `1,250.00 USD`.
    pub amount: String,
    /// What the merchant wrote on it.
    pub reference: Option<String>,
    /// What happened to it.
    pub what: BankAct,
}

/// What happened to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BankAct {
    /// It was captured, or cleared.
    Completed,
    /// The bank said no.
    Failed,
}

/// What is due, of which transaction.
enum Due {
    Complete(String),
    Fail(String, &'static str),
    /// The charge of a waiting refund has cleared.
    Release(String),
}

impl Book {
    /// The day that the gateway lives in: the firm's as it was told last, else the machine's.
    pub(super) fn today(&self, now: i64) -> Day {
        let of_machine = DateTime::from_timestamp(now, 0).unwrap_or_default().date_naive();
        self.day.unwrap_or(of_machine)
    }

    /// The firm's day is this one now: days only go forward.
    pub(super) fn begin_day(&mut self, day: Day, now: i64) -> Vec<BankNews> {
        self.day = self.day.max(Some(day));
        self.catch_up(now)
    }

    pub(super) fn has_due(&self, now: i64) -> bool {
        self.next_due(self.today(now)).is_some()
    }

    /// Does what is due by today, in the order of the days on which it was.
    pub(super) fn catch_up(&mut self, now: i64) -> Vec<BankNews> {
        let today = self.today(now);
        let mut news = vec![];
        while let Some(due) = self.next_due(today) {
            news.extend(self.does(&due, now));
        }
        news
    }

    fn next_due(&self, today: Day) -> Option<Due> {
        let due = self.transactions.values().filter(|of| of.due_on <= today);
        let due = due.filter_map(|of| Some((of.due_on, self.due(of)?)));
        due.min_by_key(|(on, _)| *on).map(|(_, due)| due)
    }

    fn due(&self, of: &Transaction) -> Option<Due> {
        let charge = of.charge_id.as_ref().and_then(|id| self.transactions.get(id));
        match (of.status.as_str(), charge.map(|charge| charge.status.as_str())) {
            ("AUTHORIZED", None) => match of.with.fate() {
                Fate::Fails(code) => Some(Due::Fail(of.id.clone(), code)),
                Fate::Pays | Fate::Declines(_) => Some(Due::Complete(of.id.clone())),
            },
            ("PENDING", Some("COMPLETED")) => Some(Due::Release(of.id.clone())),
            ("PENDING", Some("FAILED" | "VOIDED")) => {
                let code = "ach_deferred_refund_rejected_charge_failed";
                Some(Due::Fail(of.id.clone(), code))
            }
            ("AUTHORIZED", Some("COMPLETED")) => Some(Due::Complete(of.id.clone())),
            _ => None,
        }
    }

    fn does(&mut self, due: &Due, now: i64) -> Option<BankNews> {
        let (id, what) = match due {
            Due::Complete(id) => {
                self.turn(id, "COMPLETED", None, now);
                (id, Some(BankAct::Completed))
            }
            Due::Fail(id, code) => {
                self.turn(id, "FAILED", Some(code), now);
                (id, Some(BankAct::Failed))
            }
            Due::Release(id) => {
                self.turn(id, "AUTHORIZED", None, now);
                let tomorrow = plus(self.today(now), 1);
                if let Some(of) = self.transactions.get_mut(id) {
                    of.due_on = tomorrow;
                }
                (id, None)
            }
        };
        let of = self.transactions.get(id)?;
        let amount = Money::new(of.amount, Currency::USD).for_person();
        let reference = of.reference.clone();
        Some(BankNews { payment: id.clone(), amount, reference, what: what? })
    }
}

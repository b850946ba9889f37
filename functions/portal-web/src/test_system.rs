//! What only a system to try things has: a firm's clock that staff move, and the letters that would have
//! left (TEST-1).
//!
//! The pages need no more of it than this, so it is a port: the system on one machine implements it,
//! and on Lambda there is none, so neither are its pages.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClientId, FirmId};
use domain::role::Actor;

/// The parts that tests need, of the system that the pages run in.
#[async_trait]
pub trait TestSystem: Send + Sync {
    /// Begins to move a test firm's clock from its day to another one, and answers at once: the schedule runs on each day
    /// while nobody has to wait.
    ///
    /// # Errors
    /// When a move of that firm is under way.
    fn begin_move(&self, firm: &FirmId, from: Day, to: Day, by: Actor) -> Result<(), UnderWay>;

    /// A firm's last move, as far as it is; `None`: there was none since the system was started.
    fn last_move(&self, firm: &FirmId) -> Option<Move>;

    /// A firm's letters, the newest first: so many after the first so many, and how many there are.
    ///
    /// # Errors
    /// When they can't be read.
    async fn letters(
        &self,
        firm: &FirmId,
        skip: usize,
        take: usize,
    ) -> Result<(Vec<LetterHead>, usize), Unreadable>;

    /// One of a firm's letters.
    ///
    /// # Errors
    /// When it can't be read.
    async fn letter(&self, firm: &FirmId, id: &str) -> Result<Option<TestLetter>, Unreadable>;

    /// Has news come of one of a firm's letters, as the mail service would send them; `false`: there is no such
    /// letter, or none of which news can come.
    ///
    /// # Errors
    /// When it can't be read, or the news can't be taken.
    async fn hear(&self, firm: &FirmId, id: &str, news: TestNews) -> Result<bool, Unreadable>;

    /// Has whoever got one of a firm's letters answer it, as a mail program would.
    ///
    /// # Errors
    /// When it can't be read, or the answer can't be taken.
    async fn answer(&self, firm: &FirmId, id: &str, text: &str) -> Result<TestAnswer, Unreadable>;
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestAnswer {
    /// It is a message of the client's now.
    Noted,
    /// Nothing: it answers a mail that is no letter to a client, or there are too many messages already.
    NoEffect,
    /// There is no such letter.
    NoLetter,
}

/// What can come of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestNews {
    /// It comes back: there is no such address.
    Returned,
    /// Whoever got it marks it as unwanted.
    Complained,
    /// It arrives.
    Arrived,
}

/// A move of the firm's clock is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the firm's day is being moved already: wait until that is done")]
pub struct UnderWay;

/// The letters can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the mailbox can't be read")]
pub struct Unreadable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A move of a test firm's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The day on which it began.
    pub from: Day,
    /// The firm's day now.
    pub day: Day,
    /// Where it goes.
    pub to: Day,
    /// Who moves it.
    pub by: String,
    /// How it stands.
    pub state: MoveState,
    /// The days on which something happened, in their order.
    pub days: Vec<DayTold>,
}

/// How a move stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveState {
    /// It goes on.
    Running,
    /// It is there.
    Done,
    /// It ended on the way: the days told are done. Why, in a sentence.
    Stopped(String),
}

/// What happened on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTold {
    /// Which.
    pub day: Day,
    /// By client.
    pub clients: Vec<ClientTold>,
}

/// What happened to a client on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTold {
    /// Which; `None` for a payment that names nobody.
    pub client: Option<ClientId>,
    /// Its name.
    pub name: String,
    /// What, in the order in which it happened.
    pub what: Vec<Told>,
}

/// One thing that happened, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Of which kind it is.
    pub kind: Kind,
    /// In a sentence.
    pub text: String,
}

/// What people look for in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A portal was locked.
    Locked,
    /// A portal is open again.
    Unlocked,
    /// A letter left that warns of the lock.
    Warned,
    /// Another letter left.
    Written,
    /// Something was charged.
    Charged,
    /// Money came, or went back.
    Paid,
    /// A person is asked to do something.
    Task,
    /// Anything else that is said in the history.
    Other,
    /// It didn't work.
    Failed,
}

impl Kind {
    /// All of them, what matters most first.
    pub const ALL: [Self; 9] = [
        Self::Failed,
        Self::Locked,
        Self::Unlocked,
        Self::Warned,
        Self::Written,
        Self::Charged,
        Self::Paid,
        Self::Task,
        Self::Other,
    ];

    /// Its name after a number: 1 payment, 2 payments, 3 warned.
    pub fn counted(self, number: usize) -> String {
        let is_thing = matches!(self, Self::Paid | Self::Task);
        format!("{self}{}", if is_thing && number != 1 { "s" } else { "" })
    }

    /// Its name on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Warned => "warned",
            Self::Written => "written to",
            Self::Charged => "charged",
            Self::Paid => "payment",
            Self::Task => "task",
            Self::Other => "also",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A letter in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterHead {
    /// Its name in the mailbox.
    pub id: String,
    /// To which address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// When it left, by its own account.
    pub date: Option<DateTime<Utc>>,
}

/// A letter to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestLetter {
    /// As in the list.
    pub head: LetterHead,
    /// Who wrote.
    pub from: String,
    /// Where answers go.
    pub reply_to: String,
    /// The text.
    pub text: String,
}

//! Messages between a client and the firm (LET-8, POR-3): a reply to a letter, what is written in the portal or on a
//! letter's page, and what staff answer.
//!
//! A message of the client's is a response, and it waits to be read: until somebody at the firm has read it, nothing
//! harsher than a reminder happens to the client, since nobody may be locked for a debt about which an answer lies
//! unread. Which ones wait is the open task of kind `message`; nothing ends that wait but a reader. The texts stand
//! beside the account and decide nothing, as notes do, so an account holds only what the decision at hand writes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::calendar::{Day, days_between};
use crate::id::StaffId;
use crate::letter::LetterId;
use crate::task::{About, Task};
use crate::text::Personal;

/// The most messages of one client that wait to be read at a time. They are counted on the account's head, and whoever
/// writes more than that before anybody looked is answered no sooner by it.
pub const MAX_UNREAD: usize = 50;

/// After how many days an unread message is named to the firm as one that was left lying: it pauses collection
/// without an end, and a working week without a look at the task list is an oversight, not a decision.
pub const UNREAD_IS_OLD_AFTER_DAYS: u32 = 7;

/// A message's number: unique on the client, later ones higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub u64);

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// As a reply to a letter, by mail.
    Mail,
    /// Written on a letter's page, without signing in (LET-7).
    Letter,
    /// Written in the portal.
    Portal,
    /// Written by staff, in the console.
    Console,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mail, Self::Letter, Self::Portal, Self::Console];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Letter => "letter",
            Self::Portal => "portal",
            Self::Console => "console",
        }
    }

    /// How it came, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Mail => "by mail",
            Self::Letter => "on the page of a letter",
            Self::Portal => "in the portal",
            Self::Console => "from the firm",
        }
    }
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The client, or whoever holds a letter of its.
    Client {
        /// From which address, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Personal>,
    },
    /// Somebody at the firm.
    Staff {
        /// Who.
        by: StaffId,
    },
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number.
    pub id: MessageId,
    /// When.
    pub on: Day,
    /// How it came.
    pub channel: Channel,
    /// Who wrote it.
    pub author: Author,
    /// The letter that it answers, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<LetterId>,
    /// What.
    pub text: Personal,
}

impl Message {
    /// Whether the client wrote it.
    pub fn is_the_clients(&self) -> bool {
        matches!(self.author, Author::Client { .. })
    }
}

/// What the client wrote, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage {
    /// How it came.
    pub channel: Channel,
    /// From which address, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Personal>,
    /// The letter that it answers, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<LetterId>,
    /// What.
    pub text: Personal,
}

impl Account {
    /// The task of the messages that nobody has read yet, and which these are.
    pub fn unread(&self) -> Option<(&Task, &BTreeSet<MessageId>)> {
        self.tasks.values().find_map(|task| match &task.about {
            About::Message { messages } => Some((task, messages)),
            _ => None,
        })
    }

    /// Whether nothing harsher than a reminder happens that day: a message waits to be read, or the last one was read
    /// on it, for that day is the reader's (LET-8).
    pub fn waits_for_reader(&self, day: Day) -> bool {
        self.unread().is_some() || self.read_on == Some(day)
    }
}

/// For how many days unread messages lie, where those are too many.
pub fn left_lying(since: Day, today: Day) -> Option<u32> {
    let days = days_between(since, today);
    (UNREAD_IS_OLD_AFTER_DAYS < days).then_some(days)
}

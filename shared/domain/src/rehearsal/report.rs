//! What a rehearsal found, for people and for programs.

use std::fmt::Write;

use chrono::Datelike;
use serde_json::{Value, json};

use crate::calendar::Day;
use crate::describe::describe;
use crate::event::Event;
use crate::id::ClientId;
use crate::policy::PolicyRef;
use crate::refusal::Refusal;

/// Everything that happened, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The timeline's title.
    pub title: Option<String>,
    /// What happened.
    pub items: Vec<Item>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// When.
    pub day: Day,
    /// The line of the entry, for what is about an entry itself.
    pub line: Option<usize>,
    /// To whom, where it is about one client.
    pub client: Option<ClientId>,
    /// What.
    pub happening: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// Something was decided.
    Event(Box<Event>),
    /// An act changed nothing: it was known already.
    Nothing {
        /// Which.
        act: String,
    },
    /// An act was refused.
    Refused {
        /// Which.
        act: String,
        /// Why.
        refusal: Refusal,
    },
    /// A class has a new policy.
    PolicySet {
        /// Which version.
        policy: PolicyRef,
    },
    /// The day's run would do too much at once, and waits for a partner (LOCK-10).
    RunHeld {
        /// How many it would lock.
        locks: u64,
        /// How many demands it would send.
        demands: u64,
        /// Of how many active clients.
        active: u64,
    },
    /// A partner approved it.
    RunApproved,
    /// The ledger was brought up to date (FRESH-1).
    LedgerRefreshed,
    /// No daily evaluation for some days.
    EvaluationSkipped {
        /// The last of them.
        through: Day,
    },
    /// Something was expected.
    Check {
        /// What was asked.
        what: String,
        /// What should be.
        expected: String,
        /// What is.
        actual: String,
        /// Whether they are the same.
        is_met: bool,
    },
}

impl Happening {
    /// In a sentence, lower case and without a full stop.
    fn text(&self) -> String {
        match self {
            Self::Event(event) => describe(event),
            Self::Nothing { act } => format!("{act} changes nothing: it was known already"),
            Self::Refused { act, refusal } => format!("{act} is refused: {refusal}"),
            Self::PolicySet { policy } => {
                format!("version {} of policy {} is in force", policy.version, policy.class)
            }
            Self::RunHeld { locks, demands, active } => format!(
                "the run of this day would lock {locks} of {active} active clients and send {demands} \
                 demands: it waits for a partner's approval"
            ),
            Self::RunApproved => "the run that waited is approved".to_owned(),
            Self::LedgerRefreshed => "the ledger is brought up to date".to_owned(),
            Self::EvaluationSkipped { through } => format!("no daily evaluation through {through}"),
            Self::Check { what, expected, actual, .. } => {
                format!("{what}: expected {expected}, got {actual}")
            }
        }
    }
}

impl Report {
    /// What was expected and isn't so.
    pub fn unmet(&self) -> impl Iterator<Item = &Item> {
        let is_unmet =
            |item: &&Item| matches!(item.happening, Happening::Check { is_met: false, .. });
        self.items.iter().filter(is_unmet)
    }

    /// How many expectations were met.
    pub fn met(&self) -> usize {
        let is_met = |item: &&Item| matches!(item.happening, Happening::Check { is_met: true, .. });
        self.items.iter().filter(is_met).count()
    }

    /// Whether everything was as expected.
    pub fn has_passed(&self) -> bool {
        self.unmet().next().is_none()
    }

    /// Day by day, those on which something happened, for a person. What is unmet is marked, and
    /// stands with its line.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut before = None;
        for item in &self.items {
            let Some(line) = item.to_line() else { continue };
            if before.replace(item.day) != Some(item.day) {
                let _ = writeln!(text, "{} {}", item.day, weekday(item.day));
            }
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// One value for each thing that happened, for programs.
    pub fn to_json(&self) -> Vec<Value> {
        self.items.iter().map(Item::to_json).collect()
    }
}

impl Item {
    fn to_line(&self) -> Option<String> {
        let text = self.happening.text();
        let who = self.client.as_ref().map_or(String::new(), |client| format!("{client}: "));
        match (&self.happening, self.line) {
            (Happening::Check { is_met: true, .. }, _) => None,
            (Happening::Check { .. }, line) => {
                let line = line.map_or_else(String::new, |line| format!(" line {line}"));
                Some(format!("  UNMET{line}: {who}{text}"))
            }
            _ => Some(format!("  {who}{text}")),
        }
    }

    fn to_json(&self) -> Value {
        let mut value = json!({ "day": self.day, "text": self.happening.text() });
        if let Some(client) = &self.client {
            value["client"] = json!(client);
        }
        if let Some(line) = self.line {
            value["line"] = json!(line);
        }
        match &self.happening {
            Happening::Event(event) => value["event"] = json!(event),
            Happening::Nothing { act } => value["repeated"] = json!(act),
            Happening::Refused { act, refusal } => {
                value["refused"] =
                    json!({ "act": act, "rule": refusal.rule, "text": refusal.text });
            }
            Happening::PolicySet { policy } => value["policy"] = json!(policy),
            Happening::RunHeld { locks, demands, active } => {
                value["run_held"] = json!({ "locks": locks, "demands": demands, "active": active });
            }
            Happening::RunApproved => value["run_approved"] = json!(true),
            Happening::LedgerRefreshed => value["ledger_refreshed"] = json!(true),
            Happening::EvaluationSkipped { through } => value["skipped_through"] = json!(through),
            Happening::Check { what, expected, actual, is_met } => {
                value["expect"] =
                    json!({ "what": what, "expected": expected, "actual": actual, "met": is_met });
            }
        }
        value
    }
}

fn weekday(day: Day) -> &'static str {
    match day.weekday() {
        chrono::Weekday::Mon => "Monday",
        chrono::Weekday::Tue => "Tuesday",
        chrono::Weekday::Wed => "Wednesday",
        chrono::Weekday::Thu => "Thursday",
        chrono::Weekday::Fri => "Friday",
        chrono::Weekday::Sat => "Saturday",
        chrono::Weekday::Sun => "Sunday",
    }
}

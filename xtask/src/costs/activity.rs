//! What people and clients do in a month: assumptions, each with a name, so that whoever knows better changes one line.

use super::sources::{DUE_MEASURED, Sources};

/// Clients of one firm: every firm has a day of its own.
pub const CLIENTS_PER_FIRM: u64 = 400;

/// How many months are kept: storage is that of a deployment of this age.
pub const MONTHS_KEPT: u64 = 12;

/// What a commit adds to the table, in bytes: its record and what it changed, with 100 for each item, as DynamoDB counts.
/// In the demo firm's three months a record was 933 bytes and an invoice 300.
pub const COMMIT_BYTES: u64 = 1_700;

/// What a letter adds: its words as sent were 4532 bytes there, and 388 of its own.
pub const LETTER_BYTES: u64 = 5_200;

/// What the archive keeps of a commit.
pub const ARCHIVED_BYTES: u64 = 1_300;

/// What goes out with a page, its styles being kept by the browser.
pub const PAGE_BYTES: u64 = 30_000;

/// What an invocation logs, with Lambda's own lines.
pub const LOG_BYTES: u64 = 1_000;

/// Entries on the bus for each commit.
pub const EVENTS_PER_COMMIT: u64 = 2;

/// Requests to a queue for each message: put, taken, deleted.
pub const REQUESTS_PER_MESSAGE: u64 = 3;

/// How often Lambda asks a queue in which nothing is, in a minute: five pollers that wait for 20 seconds.
pub const EMPTY_POLLS: u64 = 15;

/// How often DynamoDB asks the key for a function, in minutes.
pub const KEY_ASKED_EVERY: u64 = 5;

/// What one thing that is done takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// What.
    pub what: &'static str,
    /// How often in a month, for a thousand clients; or for a firm and day.
    pub count: u64,
    /// What of the table each takes.
    pub takes: Takes,
    /// Milliseconds of the function that is called for each; 0: it is a part of another call.
    pub milliseconds: u64,
    /// Whether it comes by the API.
    pub is_request: bool,
    /// Whether it comes by a queue.
    pub is_message: bool,
    /// Whether it is a commit, which the stream tells.
    pub is_commit: bool,
}

/// What of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// As the use case of that name was measured.
    UseCase(&'static str),
    /// As a client that was due on the measured day.
    Due,
    /// Units of reading and writing that nobody measured.
    Estimate(u64, u64),
}

const NOTHING: Activity = Activity {
    what: "",
    count: 0,
    takes: Takes::Estimate(0, 0),
    milliseconds: 0,
    is_request: false,
    is_message: false,
    is_commit: false,
};

/// By staff or clients, through the API.
const fn asked(what: &'static str, count: u64, case: &'static str, is_commit: bool) -> Activity {
    let takes = Takes::UseCase(case);
    Activity { what, count, takes, milliseconds: 60, is_request: true, is_commit, ..NOTHING }
}

/// For a thousand clients in a month.
pub const OF_CLIENTS: [Activity; 15] = [
    asked("invoices are issued", 2_000, "issue an invoice, next number, under a key", true),
    asked("clients are opened", 10, "open a client", true),
    asked("notes are written", 200, "write a note", true),
    asked("unlocks are asked for", 15, "ask for an unlock", true),
    asked("unlocks are approved", 15, "approve an unlock", true),
    asked("pages are looked at, by clients and staff", 10_000, "dashboard", false),
    Activity {
        milliseconds: 300,
        ..asked("payments come, by a webhook that is read back", 1_500, "payment webhook", true)
    },
    Activity {
        milliseconds: 300,
        ..asked("further events of these come", 3_000, "known payment, other event", false)
    },
    Activity {
        what: "letters leave: reminders, warnings, receipts",
        count: 2_500,
        takes: Takes::UseCase("a letter leaves"),
        milliseconds: 250,
        is_message: true,
        is_commit: true,
        ..NOTHING
    },
    Activity {
        what: "events are kept in the inbox until they are done",
        count: 3_000,
        takes: Takes::Estimate(1, 3),
        ..NOTHING
    },
    Activity {
        what: "who asks is looked up: a grant, a session",
        count: 12_240,
        takes: Takes::Estimate(1, 0),
        ..NOTHING
    },
    Activity {
        what: "news of letters come: taken, arrived",
        count: 5_000,
        takes: Takes::UseCase("a letter arrived"),
        milliseconds: 30,
        is_message: true,
        ..NOTHING
    },
    Activity {
        what: "clients are due, and something is done",
        count: 1_000,
        takes: Takes::Due,
        milliseconds: 40,
        is_commit: true,
        ..NOTHING
    },
    Activity {
        what: "clients are due, and nothing has to be done",
        count: 1_000,
        takes: Takes::UseCase("evaluate: nothing to do, 5 open"),
        milliseconds: 20,
        ..NOTHING
    },
    Activity {
        what: "clients are locked",
        count: 20,
        takes: Takes::UseCase("lock with its letter"),
        milliseconds: 40,
        is_commit: true,
        ..NOTHING
    },
];

/// For a firm on each day: its run is begun, its four shards are looked through, its digest is made.
pub const OF_FIRM_DAYS: Activity = Activity {
    what: "a firm's day begins",
    count: 5,
    takes: Takes::Estimate(10, 10),
    milliseconds: 100,
    is_message: true,
    ..NOTHING
};

/// Where the minute's and the quarter hour's looks stand among the use cases, by the minutes between them.
pub const LOOKS: [(u64, &str); 2] = [(1, "sweep: nothing waits"), (15, "schedule: no day begins")];

/// How long a look takes.
pub const LOOK_MILLISECONDS: u64 = 50;

/// How long the stream's two halves take for a commit.
pub const STREAM_MILLISECONDS: u64 = 40;

/// And how often in a second each of them is called at most, since it is given what came meanwhile together.
pub const STREAM_CALLS_A_SECOND: u64 = 4;

impl Takes {
    /// Half units of reading and of writing.
    pub fn halves(self, sources: &Sources) -> (u64, u64) {
        match self {
            Self::UseCase(name) => {
                let consumed = sources.consumed(name);
                (consumed.half_reads, consumed.half_writes)
            }
            Self::Due => {
                let (reads, writes) = sources.day;
                ((2 * reads).div_ceil(DUE_MEASURED), (2 * writes).div_ceil(DUE_MEASURED))
            }
            Self::Estimate(reads, writes) => (2 * reads, 2 * writes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::tests::sources;
    use super::*;

    #[test]
    fn every_use_case_that_is_reckoned_with_was_measured() {
        let sources = sources();
        let of = OF_CLIENTS.iter().filter_map(|activity| match activity.takes {
            Takes::UseCase(name) => Some(name),
            Takes::Due | Takes::Estimate(..) => None,
        });
        for name in of.chain(LOOKS.iter().map(|(_, name)| *name)) {
            assert!(sources.capacity.contains_key(name), "{name} is in no measurement");
        }
        for (minutes, _) in LOOKS {
            assert!(sources.stack.schedules.contains(&minutes), "nothing runs every {minutes} min");
        }
    }
}

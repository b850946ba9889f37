//! What stands in the indexes, and in which partition of them: lists in the order in which they are read.

use domain::account::TaskId;
use domain::calendar::Day;
use domain::concern::ConcernKind;
use domain::id::{ClientId, ContactId, FirmId};

use super::{Place, digits};

/// The indexes of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// Accounts by the day of their next evaluation.
    Due,
    /// What is to be handed on, by when it is ready.
    Outbox,
    /// A firm's lists.
    Firm,
    /// Firms by the instant of their next local day.
    Dawn,
}

impl Index {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Due, Self::Outbox, Self::Firm, Self::Dawn];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Outbox => "outbox",
            Self::Firm => "firm",
            Self::Dawn => "dawn",
        }
    }

    /// Its partition and sort key.
    pub fn attributes(self) -> (&'static str, &'static str) {
        match self {
            Self::Due => ("due_pk", "due_sk"),
            Self::Outbox => ("outbox_pk", "outbox_sk"),
            Self::Firm => ("firm_pk", "firm_sk"),
            Self::Dawn => ("dawn_pk", "dawn_sk"),
        }
    }

    /// The attributes that it has beside all keys. What isn't here can change without a write to the
    /// index: a commit that leaves a client's row in the lists as it is costs nothing there.
    pub fn projected(self) -> &'static [&'static str] {
        match self {
            Self::Due | Self::Dawn => &[],
            Self::Outbox => &["attempts"],
            Self::Firm => &[
                "about",
                "assignee",
                "class",
                "client",
                "id",
                "last_invoiced",
                "listed_as",
                "lock",
                "name",
                "next_evaluation",
                "oldest_due",
                "opened_on",
                "request",
                "schema",
            ],
        }
    }
}
/// How many partitions the outbox and the dawn have: each takes 1,000 writes a second.
pub const PLATFORM_SHARDS: u32 = 4;

/// Partition of the index `due`: a shard of a firm's clients.
pub(crate) fn due_pk(firm: &FirmId, shard: u32) -> String {
    format!("F#{firm}#D#{shard}")
}

/// Sort key of the index `due`.
pub(crate) fn due_sk(day: Day, client: &ClientId) -> String {
    format!("{day}#{client}")
}

/// Day and client of a sort key of the index `due`.
pub(crate) fn due_of(sk: &str) -> Option<(Day, ClientId)> {
    let (day, client) = sk.split_once('#')?;
    Some((day.parse().ok()?, client.parse().ok()?))
}

/// After every client of that day: `$` follows `#`.
pub(crate) fn due_until(day: Day) -> String {
    format!("{day}$")
}

/// Partition of the index `outbox`.
pub(crate) fn outbox_pk(shard: u32) -> String {
    format!("O#{shard}")
}

/// Sort key of the index `outbox`; after it, whatever tells equal instants apart.
pub(crate) fn outbox_sk(ready_at: &str, what: &Place) -> String {
    format!("{ready_at}#{}#{}", what.pk, what.sk)
}

/// After everything of that instant.
pub(crate) fn outbox_until(ready_at: &str) -> String {
    format!("{ready_at}$")
}

/// Partition of the index `dawn`.
pub(crate) fn dawn_pk(shard: u32) -> String {
    format!("Z#{shard}")
}

/// Partition of the index `dawn`: endpoints, by when their payments are compared with the accounts.
pub(crate) fn reconcile_pk(shard: u32) -> String {
    format!("Z#R#{shard}")
}

/// Partition of the index `firm`: the firm's clients.
pub(crate) fn clients_pk(firm: &FirmId) -> String {
    format!("F#{firm}#C")
}

/// Sort key of a client in the index `firm`: its state, then its name.
pub(crate) fn clients_sk(state: &str, name: &str, client: &ClientId) -> String {
    // A name may hold anything and be long; only its order matters here.
    let name: String = name.chars().filter(|c| *c != '#').take(60).collect();
    format!("{state}#{}#{client}", name.to_lowercase())
}

/// Partition of the index `firm`: the firm's contacts; also how their own partitions begin.
pub(crate) fn contacts_pk(firm: &FirmId) -> String {
    format!("F#{firm}#U")
}

/// Sort key of a contact in the index `firm`: its name.
pub(crate) fn contacts_sk(name: &str, contact: &ContactId) -> String {
    let name: String = name.chars().filter(|c| *c != '#').take(60).collect();
    format!("{}#{contact}", name.to_lowercase())
}

/// Clients in that state.
pub(crate) fn clients_in(state: &str) -> String {
    format!("{state}#")
}

/// Partition of the index `firm`: the firm's open tasks.
pub(crate) fn tasks_pk(firm: &FirmId) -> String {
    format!("F#{firm}#T")
}

/// Partition of the index `firm`: clients of whom something needs a person.
pub(crate) fn concerns_pk(firm: &FirmId) -> String {
    format!("F#{firm}#W")
}

/// Sort key of such a client in the index `firm`: by kind, oldest first.
pub(crate) fn concerns_sk(kind: ConcernKind, since: Day, client: &ClientId) -> String {
    format!("{}{since}#{client}", concerns_of(kind))
}

/// Those of a kind.
pub(crate) fn concerns_of(kind: ConcernKind) -> String {
    format!("{}#", kind.as_str())
}

/// Sort key of a task in the index `firm`: oldest first.
pub(crate) fn tasks_sk(opened_on: Day, client: &ClientId, task: TaskId) -> String {
    format!("{opened_on}#{client}#{}", digits(task.0))
}

/// Partition of the index `firm`: what staff are told of.
pub(crate) fn news_pk(firm: &FirmId) -> String {
    format!("F#{firm}#E")
}

/// Partition of the index `firm`: records that count for reports and that staff are not told of.
pub(crate) fn facts_pk(firm: &FirmId) -> String {
    format!("F#{firm}#K")
}

/// Sort key of a record in the index `firm`: oldest first.
pub(crate) fn news_sk(at: &str, client: &ClientId, sequence: u64) -> String {
    format!("{at}#{client}#{}", digits(sequence))
}

/// Instant, client and record of such a sort key.
pub(crate) fn news_of(sk: &str) -> Option<(&str, ClientId, u64)> {
    let (at, rest) = sk.split_once('#')?;
    let (client, sequence) = rest.split_once('#')?;
    Some((at, client.parse().ok()?, sequence.parse().ok()?))
}

/// After all news of that instant.
pub(crate) fn news_until(at: &str) -> String {
    format!("{at}$")
}

/// A shard that stays the same for that text: FNV-1a, since the standard hasher may change.
pub fn shard(text: &str, shards: u32) -> u32 {
    const OFFSET: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(PRIME);
    text.bytes().fold(OFFSET, mix) % shards.max(1)
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_never_moves() {
        assert_eq!(shard("", 1_000_000), 0x811c_9dc5 % 1_000_000);
        assert_eq!(shard("a", 1_000_000), 0xe40c_292c % 1_000_000);
        assert_eq!(shard("acme", 0), 0);
    }

    #[test]
    fn what_is_due_on_a_day_sorts_before_its_end() {
        let client: ClientId = "~".parse().unwrap();
        let day = Day::from_ymd_opt(2026, 3, 2).unwrap();
        assert!(due_sk(day, &client) < due_until(day));
        assert!(due_until(day) < due_sk(day.succ_opt().unwrap(), &client));
    }
}

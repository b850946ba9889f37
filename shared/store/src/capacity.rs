//! What the table charged: counted on every call, so that tests can hold it against a budget.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Consumed capacity, summed; in half units, since an eventually consistent read costs half of one.
#[derive(Debug, Default)]
pub struct Capacity {
    reads: AtomicU64,
    writes: AtomicU64,
    calls: AtomicU64,
}

/// What was consumed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consumed {
    /// Half read units.
    pub half_reads: u64,
    /// Write units, also in halves.
    pub half_writes: u64,
    /// Round trips.
    pub calls: u64,
}

/// Whether a call's units are charged as reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Get, query.
    Read,
    /// Everything that may change an item.
    Write,
}

impl Capacity {
    /// What was consumed since the last time that this was asked.
    pub fn take(&self) -> Consumed {
        Consumed {
            half_reads: self.reads.swap(0, Ordering::Relaxed),
            half_writes: self.writes.swap(0, Ordering::Relaxed),
            calls: self.calls.swap(0, Ordering::Relaxed),
        }
    }

    pub(crate) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add<'a>(
        &self,
        kind: Kind,
        consumed: impl IntoIterator<Item = &'a ConsumedCapacity>,
    ) {
        let sum = match kind {
            Kind::Read => &self.reads,
            Kind::Write => &self.writes,
        };
        for capacity in consumed {
            sum.fetch_add(halves(capacity.capacity_units().unwrap_or(0.0)), Ordering::Relaxed);
        }
    }
}

#[allow(clippy::float_arithmetic, reason = "the SDK counts units in f64; they are halves")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
fn halves(units: f64) -> u64 {
    (units * 2.0).round() as u64
}

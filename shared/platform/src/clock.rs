//! What time it is, asked in one place.
//!
//! Rules get a day, services get a [`Clock`]; so a test firm's days can be moved forward (TEST-1)
//! and a test has the same answer tomorrow.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Something that knows what time it is.
pub trait Clock: Send + Sync {
    /// The instant, in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that everything else asks")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Used as the time limit where none is told: as long as a function has time for a batch of messages.
const USUAL_LIMIT: TimeDelta = TimeDelta::minutes(1);

/// Lambda's time limit, told in milliseconds since 1970. One that can't be, or is over before anything was
/// begun, is none: `cargo lambda` tells a duration in its place.
pub fn deadline(milliseconds: u64, clock: &dyn Clock) -> DateTime<Utc> {
    let now = clock.now();
    let told = i64::try_from(milliseconds).ok().and_then(DateTime::from_timestamp_millis);
    told.filter(|told| now < *told).unwrap_or(now + USUAL_LIMIT)
}

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct FixedClock(Mutex<DateTime<Utc>>);

impl FixedClock {
    /// Stands at that instant.
    pub const fn at(instant: DateTime<Utc>) -> Self {
        Self(Mutex::new(instant))
    }

    /// Moves it to that instant, forward or back.
    pub fn set(&self, instant: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = instant;
    }

    /// Moves it by so much and tells the new instant.
    pub fn advance(&self, by: TimeDelta) -> DateTime<Utc> {
        let mut instant = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *instant += by;
        *instant
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_limit_is_what_lambda_tells_if_that_can_be() {
        let clock = FixedClock::at(at("2026-03-01T00:00:00Z"));
        let told = at("2026-03-01T00:05:00Z");
        let milliseconds = u64::try_from(told.timestamp_millis()).unwrap();
        let usual = at("2026-03-01T00:01:00Z");
        for (milliseconds, expected) in
            [(milliseconds, told), (600_000, usual), (0, usual), (u64::MAX, usual)]
        {
            assert_eq!(deadline(milliseconds, &clock), expected, "{milliseconds}");
        }
    }

    #[test]
    fn test_1_a_fixed_clock_moves_only_when_it_is_told_to() {
        let clock = FixedClock::at(at("2026-03-01T00:00:00Z"));
        assert_eq!(clock.now(), clock.now());
        assert_eq!(clock.advance(TimeDelta::days(1)), at("2026-03-02T00:00:00Z"));
        clock.set(at("2026-01-01T00:00:00Z"));
        assert_eq!(clock.now(), at("2026-01-01T00:00:00Z"));
    }
}

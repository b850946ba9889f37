//! Metrics, in CloudWatch's embedded metric format: a log line that becomes numbers.
//!
//! No agent and no call. Names, units and dimension values are `&'static str`, and numbers are
//! whole, so that no personal data can get in (SEC-5) and no id makes a dimension (each combination
//! is a metric that is paid for). Stage and function are always dimensions, and numbers that are told apart
//! further are also counted by these two alone: that is what the alarms of `template.yaml` watch.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::config::Stage;

/// The namespace of all of ours.
pub const NAMESPACE: &str = "Portcullis";

/// How many dimensions every number has: stage and function.
const ALWAYS: usize = 2;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Time that people wait for.
    Seconds,
    /// Time.
    Milliseconds,
    /// Size.
    Bytes,
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
        }
    }
}

/// One line of metrics: numbers that share their dimensions.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    dimensions: Vec<(&'static str, &'static str)>,
    numbers: Vec<(&'static str, Unit, u64)>,
}

impl Metrics {
    /// Of that function in that stage.
    pub fn of(stage: &'static str, function: &'static str) -> Self {
        Self::default().by("stage", stage).by("function", function)
    }

    /// Told apart by one more dimension, such as a gateway or a letter's kind.
    #[must_use]
    pub fn by(mut self, dimension: &'static str, value: &'static str) -> Self {
        self.dimensions.push((dimension, value));
        self
    }

    /// With a number; the same name twice is their sum.
    #[must_use]
    pub fn with(mut self, name: &'static str, unit: Unit, number: u64) -> Self {
        match self.numbers.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, _, sum)) => *sum = sum.saturating_add(number),
            None => self.numbers.push((name, unit, number)),
        }
        self
    }

    /// With a count of things.
    #[must_use]
    pub fn count(self, name: &'static str, number: u64) -> Self {
        self.with(name, Unit::Count, number)
    }

    /// What it is by now.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.numbers.iter().find(|(known, ..)| *known == name).map(|(_, _, number)| *number)
    }

    /// Writes the line to standard output, from where Lambda takes it; on one machine nobody does. A
    /// metric that can't be written is no reason to fail.
    pub fn emit(&self, clock: &dyn Clock) {
        let is_local = self.dimensions.contains(&("stage", Stage::Local.as_str()));
        if !self.numbers.is_empty() && !is_local {
            self.write(&mut io::stdout().lock(), clock).ok();
        }
    }

    fn write(&self, out: &mut impl Write, clock: &dyn Clock) -> io::Result<()> {
        let names: Vec<_> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let mut sets = vec![&names[..]];
        sets.extend(names.get(..ALWAYS).filter(|always| always.len() < names.len()));
        let metrics = self.numbers.iter().map(|(name, unit, _)| {
            json!({"Name": name, "Unit": unit.as_str()}) // resolution: the default of one minute
        });
        let about = json!({
            "Timestamp": clock.now().timestamp_millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": sets,
                "Metrics": metrics.collect::<Vec<_>>(),
            }],
        });
        let mut line = Map::from_iter([("_aws".to_owned(), about)]);
        line.extend(self.dimensions.iter().map(|(name, v)| ((*name).to_owned(), Value::from(*v))));
        line.extend(self.numbers.iter().map(|(name, _, n)| ((*name).to_owned(), Value::from(*n))));
        writeln!(out, "{}", Value::Object(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;

    #[test]
    fn a_line_is_in_the_embedded_metric_format() {
        let clock = FixedClock::at("2026-03-02T05:00:00Z".parse().unwrap());
        let metrics = Metrics::of("local", "lock-evaluation")
            .by("kind", "demand_letter")
            .count("locks", 2)
            .count("locks", 1)
            .with("duration", Unit::Milliseconds, 40);
        let mut out = vec![];
        metrics.write(&mut out, &clock).unwrap();
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        let expected = json!({
            "_aws": {
                "Timestamp": 1_772_427_600_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Portcullis",
                    "Dimensions": [["stage", "function", "kind"], ["stage", "function"]],
                    "Metrics": [
                        {"Name": "locks", "Unit": "Count"},
                        {"Name": "duration", "Unit": "Milliseconds"},
                    ],
                }],
            },
            "stage": "local",
            "function": "lock-evaluation",
            "kind": "demand_letter",
            "locks": 3,
            "duration": 40,
        });
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
    }
    #[test]
    fn numbers_that_are_not_told_apart_are_counted_once() {
        let clock = FixedClock::at("2026-03-02T05:00:00Z".parse().unwrap());
        let mut out = vec![];
        let metrics = Metrics::of("local", "jobs").with("outbox_age", Unit::Seconds, 61);
        metrics.write(&mut out, &clock).unwrap();
        let line: Value = serde_json::from_slice(&out).unwrap();
        let about = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(about["Dimensions"], json!([["stage", "function"]]));
        assert_eq!(about["Metrics"], json!([{"Name": "outbox_age", "Unit": "Seconds"}]));
        assert_eq!(line["outbox_age"], 61);
    }
}

//! What the costs are reckoned from: what tests and benches measured, and what the stack is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What each use case consumes, as its test asserts.
const CAPACITY: &str = "shared/store/tests/capacity.json";

/// What the benches measured.
const MEASURED: &str = "docs/measured.md";

/// The stack.
const TEMPLATE: &str = "template.yaml";

/// The line of the benches that tells of how many clients the rest is.
const DAY: &str = "| of 100000 clients 1000 are due |";

/// How many clients were due in that measurement.
pub const DUE_MEASURED: u64 = 1_000;

/// The minutes of a month of 30 days.
pub const MINUTES: u64 = 30 * 24 * 60;

/// What a use case consumes: units in halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Consumed {
    /// Half read units.
    pub half_reads: u64,
    /// Half write units.
    pub half_writes: u64,
    /// Calls of the table.
    pub calls: u64,
}

/// What the stack has, whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub keys: u64,
    pub alarms: u64,
    pub dashboards: u64,
    /// Numbers of ours that alarms and dashboard name.
    pub metrics: u64,
    /// Queues that functions are fed from.
    pub fed_queues: u64,
    pub functions: u64,
    /// How many minutes pass between the starts of each schedule.
    pub schedules: Vec<u64>,
    /// MB of memory of each function.
    pub memory: u64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    pub capacity: BTreeMap<String, Consumed>,
    /// Read and write units of a day on which [`DUE_MEASURED`] clients are due.
    pub day: (u64, u64),
    pub stack: Stack,
}

impl Sources {
    /// Reads it.
    pub fn read(root: &Path) -> Result<Self> {
        let text = |file: &str| {
            std::fs::read_to_string(root.join(file))
                .with_context(|| format!("could not read {file}"))
        };
        let capacity = serde_json::from_str(&text(CAPACITY)?);
        let capacity = capacity.with_context(|| format!("{CAPACITY} is no list of use cases"))?;
        let day = day(&text(MEASURED)?).with_context(|| format!("{MEASURED} tells of no day"))?;
        let stack = stack(&text(TEMPLATE)?).with_context(|| format!("can't read {TEMPLATE}"))?;
        Ok(Self { capacity, day, stack })
    }

    /// What a use case consumes.
    pub fn consumed(&self, name: &str) -> Consumed {
        let none = Consumed { half_reads: 0, half_writes: 0, calls: 0 };
        self.capacity.get(name).copied().unwrap_or(none)
    }
}

fn day(measured: &str) -> Option<(u64, u64)> {
    let (_, section) = measured.split_once(DAY)?;
    let number = |name: &str| {
        let row = section.lines().find_map(|line| line.strip_prefix(&format!("| {name} | ")))?;
        row.trim_end_matches(" |").parse().ok()
    };
    Some((number("read units")?, number("write units")?))
}

fn stack(template: &str) -> Result<Stack> {
    let lines: Vec<_> = template.lines().map(str::trim).collect();
    let of = |kind: &str| {
        let line = format!("Type: {kind}");
        lines.iter().filter(|found| **found == line).count() as u64
    };
    let value = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name));
    let schedules: Result<Vec<_>> =
        lines.iter().filter_map(|line| line.strip_prefix("Schedule: ")).map(minutes).collect();
    let memory = value("MemorySize: ").context("functions have no memory")?;
    let stack = Stack {
        keys: of("AWS::KMS::Key"),
        alarms: of("AWS::CloudWatch::Alarm"),
        dashboards: of("AWS::CloudWatch::Dashboard"),
        metrics: metrics(&lines).len() as u64,
        fed_queues: of("SQS"),
        functions: of("AWS::Serverless::Function"),
        schedules: schedules?,
        memory: memory.parse().context("memory is no number")?,
    };
    ensure!(
        stack.keys != 0 && stack.alarms != 0 && stack.functions != 0 && !stack.schedules.is_empty(),
        "it has no keys, alarms, functions or schedules"
    );
    Ok(stack)
}

fn minutes(rate: &str) -> Result<u64> {
    let inner = rate.strip_prefix("rate(").and_then(|rate| rate.strip_suffix(')'));
    let (count, unit) = inner.and_then(|inner| inner.split_once(' ')).context("no rate")?;
    let count: u64 = count.parse().with_context(|| format!("{rate} is no rate"))?;
    Ok(match unit.trim_end_matches('s') {
        "minute" => count,
        "hour" => count * 60,
        _ => count * 24 * 60,
    })
}

/// Each number of ours by its name and function: in the dashboard a line of its body, at an alarm its properties.
fn metrics(lines: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some(rest) = line.strip_prefix("[\"Portcullis\",") {
            let words: Vec<_> = rest.split('"').filter(|word| word.len() > 1).collect();
            if let (Some(name), Some(function)) = (words.first(), words.get(4)) {
                found.insert(format!("{name} {function}"));
            }
        }
        if *line == "Namespace: Portcullis" {
            let name = lines.get(index + 1).and_then(|line| line.strip_prefix("MetricName: "));
            let near = lines.iter().skip(index).take(12);
            let function =
                near.filter_map(|line| line.split("Name: function, Value: ").nth(1)).next();
            if let (Some(name), Some(function)) = (name, function) {
                let end = function.find('}').unwrap_or(function.len());
                found.insert(format!("{name} {}", &function[..end]));
            }
        }
    }
    found
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Those of this repository.
    pub fn sources() -> Sources {
        Sources::read(&crate::root::folder()).unwrap()
    }

    #[test]
    fn the_stack_is_read_from_the_template() {
        let Stack { keys, dashboards, fed_queues, schedules, memory, metrics, .. } =
            sources().stack;
        assert_eq!((keys, dashboards, fed_queues), (2, 1, 3));
        assert_eq!(schedules.iter().min(), Some(&1), "{schedules:?}");
        assert!(128 <= memory && 10 < metrics, "{memory} {metrics}");
    }

    #[test]
    fn a_rate_is_minutes() {
        for (rate, expected) in
            [("rate(1 minute)", 1), ("rate(15 minutes)", 15), ("rate(1 hour)", 60)]
        {
            assert_eq!(minutes(rate).unwrap(), expected);
        }
        minutes("cron(0 1 * * ? *)").unwrap_err();
    }

    #[test]
    fn a_day_is_read_from_the_benches() {
        let text = "x\n| of 100000 clients 1000 are due | |\n|---|---|\n| read units | 1561 |\n| write units | 12290 |\n";
        assert_eq!(day(text), Some((1_561, 12_290)));
        assert_eq!(day("| read units | 1 |"), None);
    }
}

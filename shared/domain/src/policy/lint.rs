//! What a policy comes to, said before it is saved (POL-5).
//!
//! A document that reads is well-formed, and may still mean something that nobody wants: a step that never
//! comes, a lock later than everybody believes. An [error](Severity::Error) is a part that can never do what it
//! says; a [warning](Severity::Warning) is something to have been told. Each says in one sentence what follows,
//! and what it assumes, where it has to assume something about the firm's book.

mod limits;
mod lock;
mod steps;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Policy;
use super::read::{flow, to_json};
use crate::calendar::Day;
use crate::fee::{Jurisdiction, check_fee_limits};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It can never do what it says: such a policy isn't saved.
    Error,
    /// It does what it says, which may not be what is meant.
    Warning,
}

impl Severity {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that a policy comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// Which field, such as `regular.steps[2].after_lock`.
    pub field: String,
    /// What stands there, as in a document.
    pub value: String,
    /// What follows, in one sentence.
    pub consequence: String,
    /// What that rests on beside the policy, such as "one invoice a month".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumption: Option<&'static str>,
}

impl Finding {
    /// The sentence, with what it assumes.
    pub fn sentence(&self) -> String {
        match self.assumption {
            Some(assumption) => format!("{} (assuming {assumption}).", self.consequence),
            None => format!("{}.", self.consequence),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, field, value, .. } = self;
        write!(f, "{}: {field}: {value}: {}", severity.as_str(), self.sentence())
    }
}

/// All that is to be said about a policy: errors first, in the order of the document's sections.
pub fn lint(policy: &Policy) -> Vec<Finding> {
    let mut findings = Findings { document: to_json(policy), found: Vec::new() };
    for check in [lock::check, steps::check, limits::check] {
        check(policy, &mut findings);
    }
    findings.found.sort_by_key(|finding| finding.severity);
    findings.found
}

/// The same, with what the law says of its late fees on that day: the jurisdiction's, or, where nobody said one, the
/// strictest that is known, which then refuses nothing (LF-1).
pub fn lint_under(policy: &Policy, jurisdiction: Option<&Jurisdiction>, day: Day) -> Vec<Finding> {
    let mut found = lint(policy);
    found.extend(check_fee_limits(policy, jurisdiction, day).into_iter().map(|of_law| Finding {
        severity: if of_law.is_error { Severity::Error } else { Severity::Warning },
        field: of_law.field.to_owned(),
        value: of_law.value,
        consequence: of_law.consequence,
        assumption: None,
    }));
    found.sort_by_key(|finding| finding.severity);
    found
}

/// Whether a policy with these findings is not saved.
pub fn is_refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Where checks put what they find.
struct Findings {
    document: Value,
    found: Vec<Finding>,
}

impl Findings {
    fn error(&mut self, field: impl Into<String>, consequence: impl Into<String>) {
        self.add(Severity::Error, field.into(), consequence.into(), None);
    }

    fn warning(&mut self, field: impl Into<String>, consequence: impl Into<String>) {
        self.add(Severity::Warning, field.into(), consequence.into(), None);
    }

    fn assuming(
        &mut self,
        assumption: &'static str,
        field: impl Into<String>,
        consequence: impl Into<String>,
    ) {
        self.add(Severity::Warning, field.into(), consequence.into(), Some(assumption));
    }

    fn add(
        &mut self,
        severity: Severity,
        field: String,
        consequence: String,
        assumption: Option<&'static str>,
    ) {
        let value = at(&self.document, &field).map_or_else(|| "off".to_owned(), flow);
        self.found.push(Finding { severity, field, value, consequence, assumption });
    }
}

/// The value at a path such as `regular.steps[2].at`.
fn at<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    path.split('.').try_fold(document, |value, part| {
        let (name, index) = match part.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']')?.parse::<usize>().ok()),
            None => (part, None),
        };
        let value = value.get(name)?;
        index.map_or(Some(value), |index| value.get(index))
    })
}

/// "1 day", "3 days".
fn days(number: u32) -> String {
    if number == 1 { "1 day".to_owned() } else { format!("{number} days") }
}

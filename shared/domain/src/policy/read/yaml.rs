//! Policies as people read them: YAML, in the order of the contract, a step on each line.
//!
//! Only what the reader reads back is written: text in quotes wherever it could be taken for anything else, and
//! small mappings on one line, as the presets have them.

use serde_json::{Map, Value};

use super::super::Policy;
use super::to_json;
use crate::calendar::parse_day;

/// Wider than that, a mapping goes over several lines.
const WIDTH: usize = 76;

/// The order of the contract; a name that isn't here comes after them.
const ORDER: &[&str] = &[
    "name",
    "collection_threshold",
    "collection_threshold_on",
    "lock",
    "unlock",
    "working_days",
    "letters",
    "promise",
    "plan",
    "in_flight_days",
    "after_return_days",
    "access_on_pending_debit",
    "apply_credit_on_issue",
    "late_fee",
    "limits",
    "regular",
    "out_of_turn",
    // letters come first where the two share a name
    "quiet_hours",
    "from",
    "to",
    // lock
    "days_overdue",
    "unpaid_invoices",
    "balance",
    "require",
    "after_notice_days",
    "notify_before",
    "scope",
    "working_days_only",
    "letter",
    "relock_after_exception",
    "max_share_per_run",
    "min_locks_for_cap",
    // unlock
    "mode",
    "four_eyes",
    "request_expires_days",
    "remainder_below_threshold",
    // working days, the rest of letters
    "weekend",
    "holidays",
    "consolidate_over_clients",
    "max_per_run",
    // promise
    "max_days",
    "max_per_invoice",
    // a kind of invoice
    "terms",
    "auto_charge",
    "when",
    "retry_days",
    "reminders",
    "steps",
    // a step
    "at",
    "after_lock",
    "do",
    "approval",
    "unless_response_days",
    "capabilities",
    "text",
    // a late fee
    "kind",
    "value",
    "every_days",
    "grace_days",
    "times",
    "include_tax",
    "cap_amount",
    "cap_annual_percent",
    "even_if_paid_late",
    "as",
];

/// The whole document as YAML, every default filled in; reading it gives the same policy.
pub fn to_yaml(policy: &Policy) -> String {
    let mut text = String::new();
    if let Value::Object(sections) = to_json(policy) {
        for (name, value) in in_order(&sections) {
            section(name, value, &mut text);
        }
    }
    text
}

/// A value on one line.
pub fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let entries = in_order(map).map(|(name, value)| format!("{name}: {}", flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A field of the document: on one line where it is small, and each of its own on one otherwise.
fn section(name: &str, value: &Value, text: &mut String) {
    let line = format!("{name}: {}\n", flow(value));
    match value {
        Value::Object(fields) if WIDTH < line.len() => {
            text.push_str(&format!("{name}:\n"));
            for (name, value) in in_order(fields) {
                field(name, value, text);
            }
        }
        _ => text.push_str(&line),
    }
}

fn field(name: &str, value: &Value, text: &mut String) {
    let line = format!("  {name}: {}\n", flow(value));
    match value {
        Value::Array(items) if name == "steps" && !items.is_empty() => {
            text.push_str("  steps:\n");
            for item in items {
                text.push_str(&format!("    - {}\n", flow(item)));
            }
        }
        _ => text.push_str(&line),
    }
}

fn in_order(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(name, _)| place(name));
    entries.into_iter()
}

/// Text as it stands where nothing else could be read in it; else in quotes, by JSON's rules, which are YAML's.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | ' ');
    let begins_as_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let ends_as_word = text.ends_with(|c: char| c.is_ascii_alphanumeric());
    let means_else = ["true", "false", "null", "none", "off", "on", "yes", "no", "y", "n"]
        .contains(&text.to_ascii_lowercase().as_str());
    let is_plain = begins_as_word && ends_as_word && text.chars().all(is_word) && !means_else;
    // `off` is what it means wherever the contract has it.
    if text == "off" || is_plain || parse_day(text).is_ok() {
        return text.to_owned();
    }
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::read::{preset, read_text};

    #[test]
    fn pol_4_a_policy_as_people_read_it() {
        insta::assert_snapshot!(to_yaml(&preset("cpa").unwrap()));
    }

    #[test]
    fn pol_4_text_is_in_quotes_where_it_could_be_taken_for_something_else() {
        for (text, expected) in [
            ("cpa", "cpa"),
            ("net 30", "net 30"),
            ("eom + 15", "eom + 15"),
            ("Firm, strict", "\"Firm, strict\""),
            ("0.10", "\"0.10\""),
            ("20:00", "\"20:00\""),
            ("2026-12-25", "2026-12-25"),
            ("true", "\"true\""),
            ("No", "\"No\""),
            ("off", "off"),
            ("- dash", "\"- dash\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("trailing ", "\"trailing \""),
            ("it's \"so\"", "\"it's \\\"so\\\"\""),
        ] {
            assert_eq!(flow(&Value::from(text)), expected);
            let name = read_text(&format!("name: {}", flow(&Value::from(text))));
            assert_eq!(name.unwrap().name, text);
        }
    }
}

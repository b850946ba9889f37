//! The schema beside the reader: what both accept, what both refuse.

use std::path::Path;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::schema;
use crate::document::{Node, parse};
use crate::policy::read::round_trip::any_policy;
use crate::policy::read::{preset_text, read, to_json, to_yaml};

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

fn by_both(document: &Value) -> (bool, bool) {
    thread_local! {
        static VALIDATOR: Validator = validator();
    }
    let by_schema = VALIDATOR.with(|validator| validator.is_valid(document));
    (read(&Node::from(document)).is_ok(), by_schema)
}

#[test]
fn pol_5_the_schema_is_the_published_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy.schema.json");
    let made = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("PORTCULLIS_UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(published == made, "docs/policy.schema.json is out of date: PORTCULLIS_UPDATE=1");
}

#[test]
fn pol_5_documents_that_both_accept_and_both_refuse() {
    for (text, is_accepted) in [
        (preset_text("cpa").unwrap(), true),
        ("{}", true),
        ("{preset: cpa}", true),
        ("{preset: cpa, with: {lock: {days_overdue: off}}}", true),
        ("{lock: {unpaid_invoices: none, balance: {USD: 500, JPY: \"50000\"}}}", true),
        ("{lock: {after_notice_days: off, letter: off, relock_after_exception: off}}", true),
        ("{working_days: {weekend: [fri, sat], holidays: [2026-12-25]}}", true),
        ("{letters: {quiet_hours: off}}", true),
        ("{regular: {terms: eom + 15, reminders: [14, 0], steps: []}}", true),
        ("{out_of_turn: {terms: due_on_receipt}}", true),
        ("{regular: {steps: [{after_lock: 2, do: notice, approval: off}]}}", true),
        ("{regular: {steps: [{at: 60, do: final_demand, unless_response_days: off}]}}", true),
        ("[]", false),
        ("{preset: cpb}", false),
        ("{preset: cpa, lock: {days_overdue: 3}}", false),
        ("{with: {lock: {days_overdue: 3}}}", false),
        ("{lok: {days_overdue: 3}}", false),
        ("{lock: {days_overdu: 3}}", false),
        ("{lock: {days_overdue: 0}}", false),
        ("{lock: {days_overdue: \"3\"}}", false),
        ("{lock: {unpaid_invoices: 6}}", false),
        ("{lock: {unpaid_invoices: 1}}", false),
        ("{lock: {balance: {}}}", false),
        ("{lock: {balance: {USD: -5}}}", false),
        ("{lock: {balance: {USD: 5.5}}}", false),
        ("{lock: {balance: {usd: 5}}}", false),
        ("{lock: {letter: reminder}}", false),
        ("{lock: {scope: planet}}", false),
        ("{lock: {max_share_per_run: 0.5}}", false),
        ("{lock: {max_share_per_run: \"1.5\"}}", false),
        ("{lock: {max_share_per_run: \"-0.5\"}}", false),
        ("{unlock: {mode: sometimes}}", false),
        ("{unlock: {four_eyes: \"yes\"}}", false),
        ("{unlock: {request_expires_days: 0}}", false),
        ("{working_days: {weekend: [sat, sat]}}", false),
        ("{working_days: {weekend: [mon, tue, wed, thu, fri, sat, sun]}}", false),
        ("{working_days: {holidays: [12/25/2026]}}", false),
        ("{letters: {quiet_hours: {from: \"24:00\"}}}", false),
        ("{promise: {max_per_invoice: 101}}", false),
        ("{in_flight_days: 3661}", false),
        ("{name: \" \"}", false),
        ("{regular: {terms: sometimes}}", false),
        ("{regular: {terms: 30}}", false),
        ("{regular: {reminders: [1, 1]}}", false),
        ("{regular: {steps: [{do: notice}]}}", false),
        ("{regular: {steps: [{at: 1}]}}", false),
        ("{regular: {steps: [{at: 0, do: notice}]}}", false),
        ("{regular: {steps: [{at: 1, after_lock: 1, do: notice}]}}", false),
        ("{regular: {steps: [{at: 1, do: shout}]}}", false),
        ("{regular: {steps: [{at: 1, do: notice, approval: bea}]}}", false),
        ("{regular: {steps: [{at: 1, do: notice, why: so}]}}", false),
        ("{regular: {auto_charge: sometimes}}", false),
        ("{regular: {auto_charge: on_due}}", false),
        ("{regular: {auto_charge: never}}", true),
        ("{regular: {auto_charge: {when: on_due}}}", true),
        ("{out_of_turn: {auto_charge: {when: on_issue, retry_days: [3, 5, 7]}}}", true),
        ("{regular: {auto_charge: {when: on_due, retry_days: off}}}", true),
        ("{regular: {auto_charge: {retry_days: [3]}}}", false),
        ("{regular: {auto_charge: {when: on_due, retry_days: [0]}}}", false),
        ("{regular: {auto_charge: {when: on_due, retry_days: [1, 1]}}}", false),
    ] {
        let document = parse(text).unwrap().to_json();
        assert_eq!(by_both(&document), (is_accepted, is_accepted), "for {text}");
    }
}

/// What no field may be, whatever it is.
fn nonsense() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!(-1),
        json!(1.5),
        json!("no such word, nor number"),
        json!([[]]),
        json!({"unknown": 1}),
    ])
}

/// Every place in a document, as a JSON pointer.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let mut go_on = |name: &str, value: &Value| {
        let path = format!("{path}/{name}");
        found.push(path.clone());
        places(value, &path, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| go_on(name, value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| go_on(&index.to_string(), value));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn pol_5_the_schema_accepts_what_the_reader_writes(policy in any_policy()) {
        prop_assert_eq!(by_both(&to_json(&policy)), (true, true));
        let yaml = parse(&to_yaml(&policy)).unwrap().to_json();
        prop_assert_eq!(by_both(&yaml), (true, true));
    }

    #[test]
    fn pol_5_nonsense_anywhere_is_refused_by_both(
        policy in any_policy(),
        place in any::<prop::sample::Index>(),
        nonsense in nonsense(),
    ) {
        let mut document = to_json(&policy);
        let mut all = Vec::new();
        places(&document, "", &mut all);
        let path = place.get(&all);
        // A name may be any text, and that of a template a number too.
        prop_assume!(path != "/name" || !nonsense.is_string());
        prop_assume!(!path.ends_with("/text") || !(nonsense.is_string() || nonsense.is_number()));
        *document.pointer_mut(path).unwrap() = nonsense.clone();
        prop_assert_eq!(by_both(&document), (false, false), "{} at {}", nonsense, path);
    }

    #[test]
    fn pol_5_a_field_by_another_name_is_refused_by_both(
        policy in any_policy(),
        place in any::<prop::sample::Index>(),
    ) {
        let mut document = to_json(&policy);
        let mut all = Vec::new();
        places(&document, "", &mut all);
        all.retain(|path| !path.ends_with(|c: char| c.is_ascii_digit()));
        let path = place.get(&all);
        let (parent, name) = path.rsplit_once('/').unwrap();
        // Currencies are names too, and misspelled they are unknown ones.
        let Some(Value::Object(map)) = document.pointer_mut(parent) else { unreachable!() };
        let value = map.remove(name).unwrap();
        map.insert(format!("{name}_"), value);
        prop_assert_eq!(by_both(&document), (false, false), "{}", path);
    }
}

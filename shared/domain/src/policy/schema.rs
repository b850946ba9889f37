//! The JSON Schema of policy documents, for editors and for whoever writes them by program.
//!
//! Written by hand beside the reader, which is written by hand as well, and held against it: every document of
//! the tests is accepted by both, and what the reader refuses for its shape the schema refuses too. What it can't
//! say stays with the reader and the lint: amounts finer than a currency's minor unit, one thing twice in a list,
//! dates that don't exist, what one field means for another.

use serde_json::{Map, Value, json};

use super::{Action, MAX_TIMES};
use crate::access::{Capability, is_limitable};
use crate::calendar::MAX_DAYS;

/// Where the schema is published.
pub const SCHEMA_ID: &str = "https://portcullis.example/policy.schema.json";

/// The schema (draft 2020-12).
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Portcullis collection policy",
        "description": "The collection policy of a client class. What is left out is as in the preset cpa.",
        "oneOf": [{"$ref": "#/$defs/policy"}, {"$ref": "#/$defs/preset"}],
        "$defs": defs(),
    })
}

fn defs() -> Value {
    json!({
        "preset": {
            "type": "object",
            "description": "A preset with changes: maps are merged key by key, everything else is replaced.",
            "required": ["preset"],
            "properties": {
                "preset": {"enum": super::read::PRESETS},
                "with": {"$ref": "#/$defs/policy"},
            },
            "additionalProperties": false,
        },
        "off": {"enum": ["off", "none", false]},
        "flag": {"enum": [true, false, "off", "none"]},
        "days": {"type": "integer", "minimum": 0, "maximum": MAX_DAYS},
        "daysAhead": or_off(json!({"type": "array", "items": count(1, MAX_DAYS)})),
        "amount": {
            "description": "In major units: a decimal in quotes, or a whole number.",
            "anyOf": [
                {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"},
                {"type": "integer", "minimum": 0},
            ],
        },
        "amounts": {
            "type": "object",
            "propertyNames": {"pattern": "^[A-Z]{3}$"},
            "additionalProperties": {"$ref": "#/$defs/amount"},
        },
        "share": {"type": "string", "pattern": "^\\+?(0+(\\.[0-9]+)?|0*1(\\.0+)?|\\.[0-9]+)$"},
        "time": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
        "date": {"type": "string", "pattern": "^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"},
        "terms": {
            "type": "string",
            "description": "due_on_receipt, net N, eom + N, or day D of the next month.",
            "pattern": "^\\s*(due_on_receipt|net\\s+\\+?[0-9]+|eom(\\s*\\+\\s*\\+?[0-9]+)?|day\\s+\\+?[0-9]+)\\s*$",
        },
        "capabilities": {
            "type": "array",
            "items": {"enum": limitable()},
            "uniqueItems": true,
            "minItems": 1,
        },
        "lateFee": late_fee(),
        "step": step(),
        "kind": kind(),
        "policy": policy(),
    })
}

fn policy() -> Value {
    object(json!({
        "name": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "\\S"},
        "collection_threshold": {"$ref": "#/$defs/amounts", "description": "At or under it an invoice is left alone."},
        "collection_threshold_on": {"enum": ["invoice", "client_overdue"]},
        "lock": lock(),
        "unlock": object(json!({
            "mode": {"enum": ["approval", "on_payment"]},
            "four_eyes": flag("One person asks, another approves."),
            "request_expires_days": count(1, MAX_DAYS),
            "remainder_below_threshold": flag("What is left at or under the threshold counts as paid."),
        })),
        "working_days": object(json!({
            "weekend": {
                "type": "array",
                "items": {"enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
                "uniqueItems": true,
                "maxItems": 6,
            },
            "holidays": {"type": "array", "items": {"$ref": "#/$defs/date"}, "maxItems": 400},
        })),
        "letters": object(json!({
            "quiet_hours": or_off(object(json!({
                "from": {"$ref": "#/$defs/time"},
                "to": {"$ref": "#/$defs/time"},
            }))),
            "working_days_only": flag("Debt letters wait for a working day."),
            "consolidate_over_clients": flag("One letter to a contact of several clients."),
            "max_per_run": count(0, u32::MAX),
        })),
        "promise": object(json!({
            "max_days": {"$ref": "#/$defs/days"},
            "max_per_invoice": count(0, 100),
        })),
        "plan": object(json!({"grace_days": {"$ref": "#/$defs/days"}})),
        "in_flight_days": {"$ref": "#/$defs/days"},
        "after_return_days": {"$ref": "#/$defs/days"},
        "access_on_pending_debit": flag("Access opens when the debit is begun, not when it has cleared."),
        "apply_credit_on_issue": flag("Credit pays a new invoice at once."),
        "late_fee": or_off(json!({"$ref": "#/$defs/lateFee"})),
        "limits": object(json!({"capabilities": {"$ref": "#/$defs/capabilities"}})),
        "regular": {"$ref": "#/$defs/kind"},
        "out_of_turn": {"$ref": "#/$defs/kind"},
    }))
}

fn lock() -> Value {
    object(json!({
        "days_overdue": or_off(count(1, MAX_DAYS)),
        "unpaid_invoices": or_off(count(2, 5)),
        "balance": or_off(json!({"$ref": "#/$defs/amounts", "minProperties": 1})),
        "require": {"enum": ["any", "all"]},
        "after_notice_days": or_off(json!({"$ref": "#/$defs/days"})),
        "notify_before": {"$ref": "#/$defs/daysAhead"},
        "scope": {"enum": ["client", "service_lines"]},
        "working_days_only": flag("A lock waits for a working day."),
        "letter": {"enum": ["notice", "demand_letter", "final_demand", "off", "none", false]},
        "relock_after_exception": flag("Old debts lock again once an exception has ended."),
        "max_share_per_run": {"$ref": "#/$defs/share"},
        "min_locks_for_cap": count(0, u32::MAX),
    }))
}

fn kind() -> Value {
    object(json!({
        "terms": {"$ref": "#/$defs/terms"},
        "auto_charge": {
            "oneOf": [
                {"enum": ["never", "off", "none", false]},
                auto_charge(),
            ],
        },
        "reminders": {
            "type": "array",
            "items": {"$ref": "#/$defs/days"},
            "uniqueItems": true,
            "maxItems": 50,
        },
        "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}, "maxItems": 50},
    }))
}

fn auto_charge() -> Value {
    let mut rule = object(json!({
        "when": {"enum": ["on_issue", "on_due"]},
        "retry_days": or_off(json!({
            "description": "Days after the first attempt.",
            "type": "array",
            "items": count(1, MAX_DAYS),
            "uniqueItems": true,
            "maxItems": 10,
        })),
    }));
    rule["required"] = json!(["when"]);
    rule
}

fn step() -> Value {
    let mut step = object(json!({
        "at": {"description": "Days overdue.", "type": "integer", "minimum": 1, "maximum": MAX_DAYS},
        "after_lock": {"description": "Days after the lock.", "type": "integer", "minimum": 1, "maximum": MAX_DAYS},
        "do": {"enum": Action::ALL.map(Action::as_str)},
        "approval": {"enum": ["partner", "off", "none", false]},
        "unless_response_days": or_off(count(1, MAX_DAYS)),
        "notify_before": {"$ref": "#/$defs/daysAhead"},
        "capabilities": {"$ref": "#/$defs/capabilities"},
        "text": or_off(json!({
            "description": "The name of the firm's own template.",
            "type": ["string", "number"],
            "minLength": 1,
        })),
    }));
    step["required"] = json!(["do"]);
    step["oneOf"] = json!([{"required": ["at"]}, {"required": ["after_lock"]}]);
    step
}

fn late_fee() -> Value {
    let percent = json!({
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]*\\.?[0-9]+\\.?$"},
            {"type": "integer", "minimum": 1, "maximum": 1000},
        ],
    });
    let fee = |kind: &str, value: Value| {
        let mut fee = object(json!({
            "kind": {"const": kind},
            "value": value,
            "every_days": count(1, MAX_DAYS),
            "grace_days": {"$ref": "#/$defs/days"},
            "times": count(1, MAX_TIMES),
            "include_tax": flag("Taxes count in the base."),
            "cap_amount": or_off(json!({"$ref": "#/$defs/amounts", "minProperties": 1})),
            "cap_annual_percent": or_off(percent.clone()),
            "even_if_paid_late": flag("A fee stays when the invoice is paid on the very day."),
            "as": {"enum": ["line", "invoice"]},
        }));
        fee["required"] = json!(["kind", "value"]);
        fee
    };
    let flat = json!({
        "anyOf": [{"$ref": "#/$defs/amount"}, {"$ref": "#/$defs/amounts", "minProperties": 1}],
    });
    json!({"oneOf": [fee("percent", percent.clone()), fee("flat", flat)]})
}

fn limitable() -> Vec<&'static str> {
    let all = Capability::ALL.into_iter().filter(|capability| is_limitable(*capability));
    all.map(Capability::as_str).collect()
}

fn object(properties: Value) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), properties);
    object.insert("additionalProperties".to_owned(), false.into());
    Value::Object(object)
}

fn count(least: u32, most: u32) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

fn flag(description: &str) -> Value {
    json!({"$ref": "#/$defs/flag", "description": description})
}

fn or_off(schema: Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/$defs/off"}]})
}

#[cfg(test)]
mod tests;

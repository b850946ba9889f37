//! A policy is written here: the main fields as a form and the whole of it as text, side by side, with what it
//! comes to (POL-5). Nothing is saved by looking: the form goes to this page again, with a script while one types
//! and without one by a button, and only what was looked at and has no errors can be saved.

use std::collections::BTreeMap;

use askama::Template;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::document::{DocumentError, Node, parse};
use domain::id::ClassId;
use domain::policy::Policy;
use domain::policy::lint::is_refused;
use domain::policy::read::{PRESETS, preset, read, to_json, to_yaml};
use serde::Deserialize;
use serde_json::Value;
use services::http::form::check_origin;
use services::office::policies::{differences, version_of};
use store::PolicyDocument;

use super::{ADMINS, Line, armed, path_of};
use crate::console::previews::PREVIEWERS;
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};

#[derive(Template)]
#[template(path = "console/policy/edit.html")]
struct EditPage {
    shell: Shell,
    class: String,
    path: String,
    api: String,
    is_admin: bool,
    may_preview: bool,
    presets: Vec<&'static str>,
    groups: Vec<Group>,
    text: String,
    checked: Checked,
    /// The newest version, which a new one replaces.
    newest: Option<u32>,
    today: String,
    will: Vec<String>,
}

/// Fields of the form that belong together.
struct Group {
    title: &'static str,
    fields: Vec<Input>,
}

/// A field of the form.
struct Input {
    path: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    options: Vec<(&'static str, &'static str)>,
}

/// What came of looking at the text.
enum Checked {
    /// It can't be read.
    Unreadable(String),
    /// It can.
    Read(Box<Outcome>),
}

/// What a policy comes to.
struct Outcome {
    sentence: String,
    findings: Vec<Line>,
    changes: Vec<Line>,
    is_refused: bool,
    /// The text that would be saved.
    text: String,
}

const ON_OFF: &[(&str, &str)] = &[("true", "Yes"), ("false", "No")];
const COUNTS: &[(&str, &str)] = &[
    ("off", "Off"),
    ("2", "2 invoices"),
    ("3", "3 invoices"),
    ("4", "4 invoices"),
    ("5", "5 invoices"),
];
const REQUIRE: &[(&str, &str)] = &[("any", "Any one of them"), ("all", "All that are on")];
const LETTERS: &[(&str, &str)] = &[
    ("demand_letter", "Demand letter"),
    ("notice", "Notice"),
    ("final_demand", "Final demand"),
    ("off", "None"),
];
const MODES: &[(&str, &str)] =
    &[("approval", "A partner approves"), ("on_payment", "The last payment opens it")];

/// A field of the form: its path in the document, label, hint, and what may be chosen.
type Known = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The fields that have a place in the form; all others, the steps among them, are in the text.
const FIELDS: &[(&str, &[Known])] = &[
    (
        "The lock",
        &[
            ("lock.days_overdue", "Days overdue", "A number of days, or off.", &[]),
            ("lock.unpaid_invoices", "Number of unpaid invoices", "", COUNTS),
            ("lock.require", "Of these", "", REQUIRE),
            ("lock.after_notice_days", "Days after a warning", "0: without one.", &[]),
            ("lock.letter", "Letter with the lock", "", LETTERS),
            ("lock.working_days_only", "On working days only", "", ON_OFF),
        ],
    ),
    (
        "The unlock and promises",
        &[
            ("unlock.mode", "Who opens it again", "", MODES),
            ("unlock.four_eyes", "One asks, another approves", "", ON_OFF),
            ("promise.max_days", "A client may promise so many days ahead", "", &[]),
            ("promise.max_per_invoice", "And so often for one invoice", "0: never.", &[]),
        ],
    ),
    (
        "Terms and reminders",
        &[
            (
                "regular.terms",
                "Terms of regular invoices",
                "net 30, due_on_receipt, eom + 15 or day 15.",
                &[],
            ),
            ("regular.reminders", "Reminders, in days before due", "Such as 7, 1.", &[]),
            ("out_of_turn.terms", "Terms of out-of-turn invoices", "", &[]),
            ("out_of_turn.reminders", "Their reminders", "", &[]),
        ],
    ),
];

/// What the text begins with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Begin {
    #[serde(default)]
    from: Option<String>,
}

/// The editor, with the newest version in it, or whatever is begun from.
pub(crate) async fn show(
    visit: Visit,
    Path(class): Path<ClassId>,
    Query(Begin { from }): Query<Begin>,
) -> Result<Response, Failure> {
    let documents = visit.desk.store().policies(&class).await?;
    let policy = begun(&documents, from.as_deref())?;
    page(&visit, &class, &documents, to_yaml(&policy)).await
}

/// From a preset, a version, or what is newest.
fn begun(documents: &[PolicyDocument], from: Option<&str>) -> Result<Policy, Failure> {
    let none = || Failure::not_found("There is nothing of that name to begin from.".to_owned());
    if let Some(name) = from.and_then(|from| from.strip_prefix("preset-")) {
        return preset(name).map_err(|_| none());
    }
    if let Some(number) = from.and_then(|from| from.strip_prefix("version-")) {
        let document = documents.iter().find(|known| known.version.to_string() == number);
        return Ok(version_of(document.ok_or_else(none)?)?.policy);
    }
    match documents.first() {
        Some(newest) => Ok(version_of(newest)?.policy),
        None => Ok(Policy::default()),
    }
}

/// Looks at what was typed and shows what it comes to; nothing is saved.
pub(crate) async fn check(
    visit: Visit,
    Path(class): Path<ClassId>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    check_origin(&headers)?;
    let fields: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let typed = fields.get("text").cloned().unwrap_or_default().replace("\r\n", "\n");
    let text = match fields.get("use").map(String::as_str) {
        Some("form") => laid_over(&typed, &fields).unwrap_or(typed),
        _ => typed,
    };
    let documents = visit.desk.store().policies(&class).await?;
    page(&visit, &class, &documents, text).await
}

/// The text with the form's fields in place of its own; as it is, where it can't be read.
fn laid_over(text: &str, fields: &BTreeMap<String, String>) -> Result<String, DocumentError> {
    let mut document = to_json(&read(&parse(text)?)?);
    for (path, ..) in FIELDS.iter().flat_map(|(_, fields)| fields.iter()) {
        let Some(typed) = fields.get(*path) else { continue };
        let pointer = format!("/{}", path.replace('.', "/"));
        if let Some(place) = document.pointer_mut(&pointer) {
            *place = value(place, typed.trim());
        }
    }
    // What the form says may be wrong: then it stands in the text, and is said there.
    let policy = read(&Node::from(&document));
    Ok(policy.map_or_else(|_| written(&document), |policy| to_yaml(&policy)))
}

/// A document that is no policy, in the order of its fields.
fn written(document: &Value) -> String {
    let Value::Object(fields) = document else { return String::new() };
    let line = |(name, value): (&String, &Value)| {
        format!("{name}: {}\n", domain::policy::read::flow(value))
    };
    fields.iter().map(line).collect()
}

fn value(known: &Value, typed: &str) -> Value {
    let scalar = |typed: &str| match typed {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => typed.parse::<i64>().map_or_else(|_| typed.into(), Value::from),
    };
    match known {
        Value::Array(_) => {
            let items = typed.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(scalar).collect()
        }
        _ => scalar(typed),
    }
}

async fn page(
    visit: &Visit,
    class: &ClassId,
    documents: &[PolicyDocument],
    text: String,
) -> Result<Response, Failure> {
    let newest = documents.first();
    let policy = parse(&text).and_then(|node| read(&node));
    let groups = groups(policy.as_ref().ok());
    let checked = match &policy {
        Err(error) => Checked::Unreadable(error.to_string()),
        Ok(policy) => {
            let findings = visit.desk.firm.lint(policy, visit.desk.day());
            let before = newest.map(version_of).transpose()?;
            let changes = differences(before.as_ref().map(|known| &known.policy), policy);
            let changes = changes.iter().filter(|_| before.is_some());
            Checked::Read(Box::new(Outcome {
                sentence: policy.sentence(),
                is_refused: is_refused(&findings),
                findings: findings.iter().map(Line::from).collect(),
                changes: changes.map(Line::from).collect(),
                text: to_yaml(policy),
            }))
        }
    };
    let today = visit.desk.day();
    let number = newest.map_or(1, |newest| newest.version + 1);
    let page = EditPage {
        will: armed(visit, (class, number), documents, today).await?,
        presets: PRESETS.into_iter().filter(|name| preset(name).is_ok()).collect(),
        groups,
        text,
        checked,
        newest: newest.map(|newest| newest.version),
        today: today.to_string(),
        is_admin: visit.may(ADMINS),
        may_preview: visit.may(PREVIEWERS),
        path: path_of(class),
        api: format!("/firm/v1/policies/{}", super::segment(class.as_str())),
        shell: visit.shell(format!("Write the policy of class {class}"), "settings"),
        class: class.to_string(),
    };
    Ok(render(&page))
}

fn groups(policy: Option<&Policy>) -> Vec<Group> {
    let document = policy.map(to_json).unwrap_or_default();
    let input = |&(path, label, hint, options): &Known| {
        let value = document.pointer(&format!("/{}", path.replace('.', "/")));
        let value = match value {
            Some(Value::Array(items)) => {
                items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        Input { path, label, hint, value, options: options.to_vec() }
    };
    let group = |&(title, fields): &(&'static str, &[Known])| Group {
        title,
        fields: fields.iter().map(input).collect(),
    };
    FIELDS.iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(text: &str, fields: &[(&str, &str)]) -> String {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        laid_over(text, &fields.collect()).unwrap()
    }

    #[test]
    fn pol_5_the_forms_fields_are_laid_over_the_text() {
        let changed = over(
            "{}",
            &[
                ("lock.days_overdue", " 45 "),
                ("lock.unpaid_invoices", "off"),
                ("lock.working_days_only", "true"),
                ("regular.reminders", "10, 3,"),
                ("regular.terms", "eom + 15"),
                ("unknown.field", "x"),
            ],
        );
        let policy = read(&parse(&changed).unwrap()).unwrap();
        assert_eq!((policy.lock.days_overdue, policy.lock.unpaid_invoices), (Some(45), None));
        assert!(policy.lock.working_days_only);
        assert_eq!(policy.regular.reminders, [10, 3]);
        assert_eq!(policy.regular.terms.to_string(), "eom + 15");
        // All else is as it was.
        assert_eq!(policy.regular.steps, Policy::default().regular.steps);
    }

    #[test]
    fn pol_5_what_the_form_says_wrong_is_said_of_the_text() {
        let wrong = over("{}", &[("lock.days_overdue", "soon")]);
        let error = read(&parse(&wrong).unwrap()).unwrap_err();
        assert_eq!(error.path, "lock.days_overdue");
    }

    #[test]
    fn pol_5_every_field_of_the_form_is_one_of_the_document() {
        for group in groups(Some(&Policy::default())) {
            for input in group.fields {
                assert!(!input.value.is_empty(), "{}", input.path);
                let known = input.options.iter().any(|(option, _)| *option == input.value);
                assert!(input.options.is_empty() || known, "{}: {}", input.path, input.value);
            }
        }
    }
}

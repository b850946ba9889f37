//! Presets: changed under `with`, each readable alone, none with an error of lint (POL-4).

use super::*;
use crate::policy::lint::{Severity, lint};

#[test]
fn pol_4_a_preset_is_changed_under_with() {
    for (text, expected) in [
        (
            "preset: operater",
            "line 1: preset: unknown preset \"operater\", the nearest known one is operator",
        ),
        ("preset: cap", "line 1: preset: unknown preset \"cap\", the nearest known one is cpa"),
        ("preset: off", "line 1: preset: unknown preset \"off\""),
        ("preset: 1", "line 1: preset: expected text (in quotes), got 1"),
        ("with: {}", "line 1: preset: is missing"),
        (
            "preset: cpa\nlock: {days_overdue: 1}",
            "line 2: lock: a change of a preset, expected under `with`",
        ),
        ("preset: cpa\nwiht: {}", "line 2: wiht: unknown field, the nearest known one is with"),
        ("preset: cpa\nwith: off", "line 2: with: expected a mapping, got \"off\""),
        ("preset: cpa\nwith: {preset: cpa}", "line 2: with.preset: unknown field"),
        ("cpa", "line 1: expected a policy: its fields, or {preset: cpa, with: {…}}, got \"cpa\""),
        ("[]", "line 1: expected a policy"),
        ("", "line 1: the document is empty"),
        ("lock: {", "not YAML 1.2 or JSON"),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected), "for {text}: {message}");
    }
    for (name, expected) in [
        (
            "field service",
            "unknown preset \"field service\", the nearest known one is field-service",
        ),
        ("CPA", "unknown preset \"CPA\", the nearest known one is "),
    ] {
        for message in [preset(name).unwrap_err(), preset_text(name).unwrap_err()] {
            assert!(message.to_string().starts_with(expected), "for {name}: {message}");
        }
    }
}

#[test]
fn pol_4_each_preset_reads_alone_as_a_change_and_without_an_error_of_lint() {
    for name in PRESETS {
        let policy = preset(name).unwrap();
        assert_eq!(policy.name, name);
        assert_eq!(read_text(preset_text(name).unwrap()), Ok(policy.clone()), "{name}");
        assert_eq!(read_text(&format!("{{preset: {name}, with: {{}}}}")), Ok(policy.clone()));
        let errors = lint(&policy).into_iter().filter(|found| found.severity == Severity::Error);
        assert_eq!(errors.collect::<Vec<_>>(), [], "{name}");
    }
    let days = |name| {
        let policy = preset(name).unwrap();
        let of = |kind| policy.lock_steps(kind).map(|(_, days, _)| days).collect::<Vec<_>>();
        (policy.lock.days_overdue, of(InvoiceKind::Regular), of(InvoiceKind::OutOfTurn))
    };
    assert_eq!(days("operator"), (None, vec![20], vec![12]));
    assert_eq!(days("field-service"), (Some(30), vec![], vec![]));
}

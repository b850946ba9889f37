//! `portcullis rehearse` as a person meets it: exit codes, what is printed, and what it says of bad
//! input (contracts §1, §3).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn rehearse(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).arg("rehearse").args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with those files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A timeline of one client with those entries; the first of them stands in line 3.
fn timeline(entries: &str) -> String {
    let entries: Vec<_> = entries.lines().map(|entry| format!("  - {}\n", entry.trim())).collect();
    format!("clients: {{acme: }}\ntimeline:\n{}", entries.concat())
}

/// Rehearses one timeline of that text.
fn try_text(text: &str) -> Output {
    let folder = folder(&[("t.yaml", text)]);
    rehearse(folder.path(), &["t.yaml"])
}

#[test]
fn test_2_a_day_is_printed_and_expectations_are_counted() {
    let output = try_text(&timeline(
        r#"{on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: "1200.00"}}
           {on: 2026-01-31, expect: {client: acme, portal: open, balance: "1200.00"}}"#,
    ));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!(out(&output), @"
    t.yaml
    2026-01-01 Thursday
      acme: issues invoice A-1 of 1,200.00 USD, due Jan 31, 2026
    2026-01-24 Saturday
      acme: marks invoice A-1 as reminded 7 days before due
      acme: queues a reminder over A-1
      acme: sends letter 1, a reminder over A-1
    2026-01-30 Friday
      acme: marks invoice A-1 as reminded 1 day before due
      acme: queues a reminder over A-1
      acme: sends letter 2, a reminder over A-1
    passed: 2 expectations met, 0 unmet
    ");
}

#[test]
fn test_2_what_is_unmet_is_shown_with_expected_and_actual() {
    let entries = [
        (r#"expect: {client: acme, portal: locked}"#, "portal: expected locked, got open"),
        (
            r#"expect: {client: acme, balance: "99.00"}"#,
            "balance in USD: expected 99.00, got 100.00",
        ),
        (r#"expect: {client: acme, reason: off}"#, ""),
        (
            r#"expect: {client: acme, credit: {USD: 0, EUR: "1.00"}}"#,
            "credit in EUR: expected 1.00, got 0.00",
        ),
        (
            r#"expect: {client: acme, invoices: {A-1: {status: paid}}}"#,
            "status of invoice A-1: expected paid, got unpaid",
        ),
        (
            r#"expect: {client: acme, invoices: {B-1: {status: paid}}}"#,
            "status of invoice B-1: expected paid, got no such invoice",
        ),
        (r#"expect: {client: acme, letters: [receipt]}"#, "letters: expected [receipt], got []"),
        (r#"expect: {client: acme, tasks: [mismatch]}"#, "tasks: expected [mismatch], got []"),
        (
            r#"expect: {client: acme, access: {documents: deny}}"#,
            "access to documents: expected deny, got allow",
        ),
        (
            r#"expect: {client: acme, next_evaluation: none}"#,
            "next_evaluation: expected none, got 2026-01-24",
        ),
        (r#"expect: {client: acme, audit_events: 7}"#, "audit_events: expected 7, got 1"),
        (r#"expect: {client: acme, fees: "1.00"}"#, "fees in USD: expected 1.00, got 0.00"),
        (r#"expect: {client: acme, locked_lines: [tax]}"#, "locked_lines: expected [tax], got []"),
        // Acts that are refused and should be done, and the other way round.
        (
            r#"approve_unlock: {client: acme, by: pat, role: partner}"#,
            "approve_unlock: expected done, got refused: the portal is not locked (UNL-6)",
        ),
        (
            r#"credit: {client: acme, id: c-1, amount: 1, refused: INV-5}"#,
            "credit: expected refused: INV-5, got done",
        ),
        (
            r#"approve_unlock: {client: acme, by: pat, role: partner, refused: UNL-1}"#,
            "approve_unlock: expected refused: UNL-1, got refused: the portal is not locked (UNL-6)",
        ),
        // Refused as expected: by rule, by a part of the text, by whatever.
        (r#"approve_unlock: {client: acme, by: pat, role: partner, refused: UNL-6}"#, ""),
        (r#"approve_unlock: {client: acme, by: pat, role: partner, refused: not locked}"#, ""),
        (r#"approve_unlock: {client: acme, by: pat, role: partner, refused: ""}"#, ""),
    ];
    for (entry, unmet) in entries {
        let issue = r#"{on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: "100.00"}}"#;
        let output = try_text(&timeline(&format!("{issue}\n{{on: 2026-01-01, {entry}}}")));
        let text = out(&output);
        if unmet.is_empty() {
            assert_eq!(output.status.code(), Some(0), "for {entry}: {text}{}", err(&output));
        } else {
            assert_eq!(output.status.code(), Some(1), "for {entry}: {text}{}", err(&output));
            assert!(
                text.contains(&format!("  UNMET line 4: acme: {unmet}\n")),
                "for {entry}: {text}"
            );
            assert!(text.contains("FAILED: "), "for {entry}: {text}");
        }
    }
}

#[test]
fn test_2_bad_input_is_refused_with_file_and_line() {
    for (text, expected) in [
        // Not a document.
        ("", "t.yaml:1: the document is empty"),
        ("clients: {acme: \n", "t.yaml:2: not YAML 1.2 or JSON"),
        ("clients: &a {acme: }\n", "t.yaml:1: an anchor (&) is not supported"),
        ("- a\n- b\n", "t.yaml:1: expected a mapping, got a list"),
        // The head.
        (
            "client: {acme: }\ntimeline: []\n",
            "t.yaml:1: client: unknown field, the nearest known one is clients",
        ),
        ("timeline: []\n", "t.yaml:1: clients: is missing"),
        ("clients: {}\ntimeline: []\n", "t.yaml:1: clients: expected at least one client"),
        ("clients: {acme: }\n", "t.yaml:1: timeline: is missing"),
        ("clients: {acme: }\ntimeline: []\n", "t.yaml:2: timeline: expected at least one entry"),
        ("clients: {acme#P: }\n", "t.yaml:1: clients.acme#P: the id \"acme#P\" holds '#'"),
        (
            "clients: {acme: {clas: vip}}\n",
            "clients.acme.clas: unknown field, the nearest known one is class",
        ),
        (
            "clients: {acme: {class: vipp}}\nclasses: {vip: {preset: cpa}}\n",
            "t.yaml:1: clients.acme.class: unknown class vipp, the nearest known one is vip",
        ),
        ("clients: {acme: {contacts: [ann]}}\n", "contacts[0]: expected an e-mail address"),
        (
            "clients: {acme: {contacts: ann@acme.example}}\n",
            "clients.acme.contacts: expected a list",
        ),
        ("firm: {time_zone: Mars/Olympus}\n", "firm.time_zone: unknown time zone \"Mars/Olympus\""),
        ("firm: {currency: XXX}\n", "firm.currency: unknown currency \"XXX\""),
        ("firm: {zone: UTC}\n", "firm.zone: unknown field"),
        ("policy: {preset: cpb}\n", "policy.preset: unknown preset \"cpb\""),
        (
            "policy: {preset: cpa, with: {lock: {days_overdu: 3}}}\n",
            "policy.with.lock.days_overdu: unknown field, the nearest known one is days_overdue",
        ),
        ("policy: {preset: cpa, with: {late_fee: {kind: flat}}}\n", "late_fee.value: is missing"),
        ("policy: {file: none.yaml}\n", "t.yaml:1: policy.file: can't read none.yaml"),
        ("policy: {file: bad.yaml}\n", "bad.yaml:2: lock.days: unknown field"),
        (
            "policy: {file: bad.yaml, with: {}}\n",
            "policy.with: unknown field, the nearest known one is file",
        ),
        (
            "policy: {preset: cpa}\nclasses: {default: {preset: cpa}}\n",
            "t.yaml:2: classes.default: the class default has the policy under `policy` already",
        ),
    ] {
        let files = [("t.yaml", text), ("bad.yaml", "name: bad\nlock: {days: 3}\n")];
        let folder = folder(&files);
        let output = rehearse(folder.path(), &["t.yaml"]);
        assert_eq!(output.status.code(), Some(2), "for {text}: {}", out(&output));
        assert!(err(&output).contains(expected), "for {text}: {}", err(&output));
    }
}

#[test]
fn test_2_a_bad_entry_is_refused_with_its_line() {
    for (entry, expected) in [
        // The entry itself.
        ("{issue: {client: acme}}", "on: is missing"),
        ("{on: 2026-02-30, request_records: {client: acme}}", "on: \"2026-02-30\" is not a date"),
        ("{on: 2026-01-02}", "expected an act or `expect` beside `on`, got none"),
        (
            "{on: 2026-01-02, isue: {client: acme}}",
            "isue: unknown act \"isue\", the nearest known one is issue",
        ),
        ("{on: 2026-01-02, lock: {}, hold: {}}", "expected only one of"),
        (
            "{on: 2026-01-02, note: x, lock: {client: acme, by: bea, role: partner, reason: x}}",
            "note: unknown field",
        ),
        (
            "{on: 2025-12-31, request_records: {client: acme}}",
            "on: 2025-12-31 follows an entry of 2026-01-01, expected entries in date order",
        ),
        // Who.
        ("{on: 2026-01-02, request_records: {}}", "request_records.client: is missing"),
        (
            "{on: 2026-01-02, request_records: {client: acmee}}",
            "client: unknown client acmee, the nearest known one is acme",
        ),
        ("{on: 2026-01-02, lock: {client: acme, reason: x}}", "lock.by: is missing"),
        ("{on: 2026-01-02, lock: {client: acme, by: bea, reason: x}}", "lock.role: is missing"),
        (
            "{on: 2026-01-02, lock: {client: acme, by: bea, role: boss, reason: x}}",
            "lock.role: \"boss\" is no role, expected admin",
        ),
        (
            "{on: 2026-01-02, promise: {client: acme, by: client, role: partner, until: 2026-01-05}}",
            "promise.role: the client has no role",
        ),
        (
            "{on: 2026-01-02, message: {client: acme, from: anybody}}",
            "message.from: expected contact or staff, got \"anybody\"",
        ),
        // Amounts.
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1, amount: 10.5}}",
            "issue.amount: expected an amount in quotes",
        ),
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1, amount: \"10.005\"}}",
            "issue.amount: 10.005 is finer than the minor unit of USD",
        ),
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1, amount: \"10.5\", currency: JPY}}",
            "finer than the minor unit of JPY",
        ),
        (
            "{on: 2026-01-02, pay: {client: acme, id: p-1, amount: \"1.5\", invoice: Y-1}}",
            "pay.amount: 1.5 is finer than the minor unit of JPY",
        ),
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1, amount: -1}}",
            "issue.amount: expected an amount that isn't negative",
        ),
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1}}",
            "issue: expected one of amount or lines, got none of them",
        ),
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1, amount: 1, lines: []}}",
            "expected only one of amount or lines",
        ),
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1, lines: []}}",
            "issue.lines: expected at least one line",
        ),
        (
            "{on: 2026-01-02, issue: {client: acme, invoice: B-1, amount: 1, kind: odd}}",
            "issue.kind: \"odd\" is no invoice kind",
        ),
        ("{on: 2026-01-02, issue: {client: acme, amount: 1}}", "issue.invoice: is missing"),
        (
            "{on: 2026-01-02, pay: {client: acme, id: p-1, amount: 1, method: cash}}",
            "pay.method: expected card, ach, check or phone, got \"cash\"",
        ),
        (
            "{on: 2026-01-02, pay: {client: acme, id: p-1, amount: 1, state: lost}}",
            "pay.state: expected pending, succeeded or failed",
        ),
        (
            "{on: 2026-01-02, pay: {client: acme, id: p-1, amount: 1, invoice: A-1, invoices: [A-1]}}",
            "expected only one of invoice or invoices",
        ),
        (
            "{on: 2026-01-02, pay: {client: acme, id: p-1, amount: 1, ammount: 2}}",
            "pay.ammount: unknown field, the nearest known one is amount",
        ),
        // Others.
        (
            "{on: 2026-01-02, promise: {client: acme, until: soon}}",
            "promise.until: \"soon\" is not a date",
        ),
        (
            "{on: 2026-01-02, chargeback: {client: acme, id: c, payment: p, state: open}}",
            "expected opened, won or lost",
        ),
        (
            "{on: 2026-01-02, bounce: {client: acme, letter: postcard}}",
            "bounce.letter: expected reminder",
        ),
        (
            "{on: 2026-01-02, approve_step: {client: acme, do: dance, by: pat, role: partner}}",
            "approve_step.do: expected notice",
        ),
        (
            "{on: 2026-01-02, skip_evaluation: {days: 0}}",
            "skip_evaluation.days: expected a whole number from 1",
        ),
        (
            "{on: 2026-01-02, skip_evaluation: {client: acme, days: 1}}",
            "skip_evaluation.client: unknown field",
        ),
        (
            "{on: 2026-01-02, set_policy: {class: vip, policy: {preset: cpa}}}",
            "set_policy.class: unknown class vip",
        ),
        (
            "{on: 2026-01-02, set_policy: {policy: {preset: cpa, with: {lock: {days_overdue: 0}}}}}",
            "lock.days_overdue: expected a whole number from 1",
        ),
        (
            "{on: 2026-01-02, lock: {client: acme, by: bea, role: partner, reason: x, service_lines: [\"#\"]}}",
            "service_lines[0]",
        ),
        ("{on: 2026-01-02, approve_close: {client: acme}}", "approve_close.by: is missing"),
        ("{on: 2026-01-02, approve_run: {by: pat}}", "approve_run.role: is missing"),
        ("{on: 2026-01-02, add_fee: {client: acme}}", "add_fee.by: is missing"),
        ("{on: 2026-01-02, waive_fee: {client: acme}}", "waive_fee.by: is missing"),
        ("{on: 2026-01-02, method: {client: acme}}", "expected `add`, `remove` or `decline`"),
        (
            "{on: 2026-01-02, method: {client: acme, add: visa, decline: maybe}}",
            "method.decline: expected soft, hard or needs_payer, got \"maybe\"",
        ),
        ("{on: 2026-01-02, document: {client: acme}}", "document is not yet supported"),
        ("{on: 2026-01-02, download: {client: acme}}", "download is not yet supported"),
        ("{on: 2026-01-02, delete: {client: acme}}", "delete is not yet supported"),
        (
            "{on: 2026-01-02, lock: {client: acme, by: bea, role: partner, reason: x, refused: true}}",
            "lock.refused: expected a part of the refusal's text",
        ),
        // Expectations.
        ("{on: 2026-01-02, expect: {portal: open}}", "expect.client: is missing"),
        (
            "{on: 2026-01-02, expect: {client: acme}}",
            "expect: expected something to check beside `client`",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, portal: opne}}",
            "portal: unknown portal state \"opne\", the nearest known one is open",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, invoices: {A-1: {state: paid}}}}",
            "expect.invoices.A-1.state: unknown field, the nearest known one is status",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, invoices: {A-1: {status: late}}}}",
            "unknown status \"late\"",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, letters: [letter]}}",
            "expect.letters[0]: unknown letter \"letter\"",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, letters_since: {yesterday: []}}}",
            "\"yesterday\" is not a date",
        ),
        ("{on: 2026-01-02, expect: {client: acme, tasks: [unlock]}}", "unknown task \"unlock\""),
        (
            "{on: 2026-01-02, expect: {client: acme, access: {document: allow}}}",
            "unknown capability \"document\", the nearest known one is documents",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, access: {documents: yes}}}",
            "expected allow or deny, got \"yes\"",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, balance: {USA: 1}}}",
            "expect.balance.USA: unknown currency \"USA\"",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, balance: \"1.005\"}}",
            "finer than the minor unit of USD",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, audit_events: many}}",
            "audit_events: expected a whole number",
        ),
        (
            "{on: 2026-01-02, expect: {client: acme, charges: [{invoice: A-1}]}}",
            "charges[0].amount: is missing",
        ),
    ] {
        let first =
            "{on: 2026-01-01, issue: {client: acme, invoice: Y-1, amount: 100, currency: JPY}}";
        let output = try_text(&timeline(&format!("{first}\n{entry}")));
        let text = err(&output);
        assert_eq!(output.status.code(), Some(2), "for {entry}: {text}{}", out(&output));
        assert!(text.starts_with("t.yaml:4: timeline[1]"), "for {entry}: {text}");
        assert!(text.contains(expected), "for {entry}: {text}");
    }
}

#[test]
fn test_2_bad_usage_is_refused() {
    let folder = folder(&[]);
    for (arguments, expected) in [
        (&[][..], "<FILE>"),
        (&["none.yaml"], "none.yaml: can't be read"),
        (&["t.yaml", "--until", "tomorrow"], "\"tomorrow\" is not a date"),
        (&["t.yaml", "--unknown"], "--unknown"),
    ] {
        let output = rehearse(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "for {arguments:?}");
        assert!(err(&output).contains(expected), "for {arguments:?}: {}", err(&output));
    }
}

#[test]
fn test_2_several_files_are_all_run_and_summed_up() {
    let expect = |balance: &str| {
        timeline(&format!("{{on: 2026-01-01, expect: {{client: acme, balance: {balance}}}}}"))
    };
    let (good, unmet) = (expect("0"), expect("1"));
    let folder =
        folder(&[("good.yaml", &good), ("unmet.yaml", &unmet), ("bad.yaml", "clients: [")]);
    for (files, code, sum) in [
        (&["good.yaml", "good.yaml"][..], 0, "2 files: 2 passed, 0 failed, 0 can't be read"),
        (&["unmet.yaml", "good.yaml"], 1, "2 files: 1 passed, 1 failed, 0 can't be read"),
        (
            &["bad.yaml", "unmet.yaml", "good.yaml"],
            2,
            "3 files: 1 passed, 1 failed, 1 can't be read",
        ),
    ] {
        let output = rehearse(folder.path(), files);
        assert_eq!(output.status.code(), Some(code), "for {files:?}");
        assert_eq!(out(&output).lines().last(), Some(sum), "for {files:?}");
        let is_said = err(&output).contains("bad.yaml:");
        assert_eq!(is_said, code == 2, "for {files:?}: {}", err(&output));
    }
}

#[test]
fn test_2_json_is_one_object_a_line() {
    let text = timeline(
        r#"{on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: "100.00"}}
           {on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: "100.00", refused: INV-7}}
           {on: 2026-01-02, skip_evaluation: {days: 2}}
           {on: 2026-01-02, set_policy: {policy: {preset: cpa}}}
           {on: 2026-01-02, pay: {client: acme, id: p-1, amount: "40.00"}}
           {on: 2026-01-02, deliver_again: {client: acme, payment: p-1}}
           {on: 2026-01-02, expect: {client: acme, balance: "61.00"}}"#,
    );
    let folder = folder(&[("t.yaml", &text)]);
    let output = rehearse(folder.path(), &["t.yaml", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let values: Vec<Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |found: &dyn Fn(&Value) -> bool| values.iter().any(found);
    assert!(
        values
            .iter()
            .all(|value| value["file"] == "t.yaml" || value["summary"]["file"] == "t.yaml")
    );
    assert!(has(
        &|value| value["event"]["invoice_issued"]["id"] == "A-1" && value["day"] == "2026-01-01"
    ));
    assert!(has(&|value| value["refused"]["rule"] == "INV-7" && value["client"] == "acme"));
    assert!(has(&|value| value["skipped_through"] == "2026-01-04"));
    assert!(has(&|value| value["policy"]["version"] == 2));
    assert!(has(&|value| value["repeated"] == "deliver_again"));
    assert!(has(&|value| {
        let expect = &value["expect"];
        expect["expected"] == "61.00"
            && expect["actual"] == "60.00"
            && expect["met"] == false
            && value["line"] == 9
    }));
    let summary = &values.last().unwrap()["summary"];
    assert_eq!((summary["met"].as_u64(), summary["unmet"].as_u64()), (Some(1), Some(1)));
    assert_eq!(summary["passed"], false);
}

#[test]
fn test_2_until_runs_on_and_never_back() {
    let text = timeline(
        r#"{on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: 100}}
           {on: 2026-01-10, request_records: {client: acme}}"#,
    );
    let folder = folder(&[("t.yaml", &text)]);
    for (until, is_locked, is_asked) in
        [("2026-03-02", true, true), ("2026-03-01", false, true), ("2026-01-05", false, true)]
    {
        let output = rehearse(folder.path(), &["t.yaml", "--until", until]);
        assert_eq!(output.status.code(), Some(0));
        let text = out(&output);
        assert_eq!(
            text.contains("locks the portal: 1 unpaid invoice over 30 days"),
            is_locked,
            "{until}"
        );
        assert_eq!(
            text.contains("opens a task to hand over the client's own records"),
            is_asked,
            "{until}"
        );
    }
}

#[test]
fn test_2_the_same_file_always_prints_the_same() {
    let text = timeline(
        r#"{on: 2026-01-01, issue: {client: acme, invoice: A-2, amount: 100}}
           {on: 2026-01-01, issue: {client: acme, invoice: A-1, amount: 100}}
           {on: 2026-04-01, request_records: {client: acme}}"#,
    );
    let folder = folder(&[("t.yaml", &text)]);
    let first = out(&rehearse(folder.path(), &["t.yaml"]));
    assert!(
        first.contains(
            "2026-03-02 Monday\n  acme: locks the portal: 2 unpaid invoices over 30 days"
        )
    );
    assert_eq!(out(&rehearse(folder.path(), &["t.yaml"])), first);
}

#[test]
fn test_2_json_is_read_as_yaml_is() {
    let text = r#"{"clients": {"acme": {"contacts": []}}, "timeline": [
        {"on": "2026-01-01", "issue": {"client": "acme", "invoice": "A-1", "amount": "100.00"}},
        {"on": "2026-03-02", "expect": {"client": "acme", "portal": "open", "tasks": ["no_address"]}}]}"#;
    let folder = folder(&[("t.json", text)]);
    let output = rehearse(folder.path(), &["t.json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
}

#[test]
fn test_2_whoever_has_read_enough_gets_no_error() {
    let issue = |number| {
        format!("{{on: 2026-01-01, issue: {{client: acme, invoice: A-{number}, amount: 1}}}}\n")
    };
    // Far more output than a pipe holds.
    let entries: String = (0..1_200).map(issue).collect();
    let folder = folder(&[("t.yaml", &timeline(&entries))]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder.path()).args(["rehearse", "t.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}

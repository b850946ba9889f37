//! `portcullis policy` as a person meets it: exit codes, what is printed, where it stands (contracts §1, POL-5).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn policy(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).arg("policy").args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const STRICT: &str = "\
preset: cpa
with:
  name: strict
  lock: {days_overdue: 28}
  regular:
    steps:
      - {at: 27, do: notice}
";

const NEVER: &str = "lock: {days_overdue: off, unpaid_invoices: off}\n";

#[test]
fn pol_5_warnings_name_file_and_line_and_pass() {
    let folder = folder(&[("strict.yaml", STRICT)]);
    let output = policy(folder.path(), &["lint", "strict.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!(out(&output), @"
    strict.yaml: Locks at 28 days overdue or at 3 unpaid invoices, 3 days after a warning at the earliest; opens again when a partner approves what somebody else asked for.
    strict.yaml:4: warning: lock.unpaid_invoices: 3: With terms of net 30, 3 unpaid invoices lock nobody before day 93 after the first was issued, and the days rule locks on day 60 at the latest: the number never decides (assuming one invoice a month).
    strict.yaml:7: warning: regular.steps: [{at: 27, do: notice}]: The first letter that warns goes out on day 27 overdue and the lock waits 3 days after it, so it comes at 30 and not at 28.
    strict.yaml: warning: promise.max_days: 14: A client who promises on the day of the first letter puts the lock off, which would come 3 days later.
    strict.yaml: 0 errors, 3 warnings
    ");
}

#[test]
fn pol_5_an_error_is_exit_code_1_and_a_file_that_is_none_2() {
    let folder = folder(&[
        ("never.yaml", NEVER),
        ("bad.yaml", "name: x\nlok: {}\n"),
        ("fine.yaml", "lock: {unpaid_invoices: off}\n"),
    ]);
    for (files, code) in [
        (&["never.yaml"][..], 1),
        (&["fine.yaml"], 0),
        (&["fine.yaml", "never.yaml"], 1),
        (&["bad.yaml", "never.yaml"], 2),
        (&["nowhere.yaml"], 2),
        (&[], 2),
    ] {
        let arguments = [&["lint"], files].concat();
        let output = policy(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{files:?}: {}", err(&output));
    }
    let output = policy(folder.path(), &["lint", "bad.yaml"]);
    let expected = "bad.yaml: line 2: lok: unknown field, the nearest known one is lock";
    assert!(err(&output).starts_with(expected), "{}", err(&output));
}

#[test]
fn pol_5_json_has_one_finding_a_line() {
    let folder = folder(&[("never.yaml", NEVER)]);
    let output = policy(folder.path(), &["lint", "--json", "never.yaml"]);
    let lines: Vec<Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["severity"], "error");
    assert_eq!(lines[0]["field"], "regular.steps[2].after_lock");
    assert_eq!(lines[0]["value"], "7");
    assert_eq!(lines[1]["summary"]["refused"], true);
}

#[test]
fn pol_4_presets_are_printed_and_read() {
    let folder = folder(&[]);
    for name in ["cpa", "field-service", "operator"] {
        let output = policy(folder.path(), &["preset", name]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", err(&output));
        let file = format!("{name}.yaml");
        fs::write(folder.path().join(&file), out(&output)).unwrap();
        let linted = policy(folder.path(), &["lint", &file]);
        assert_eq!(linted.status.code(), Some(0), "{name}: {}", out(&linted));
    }
    let output = policy(folder.path(), &["preset", "cpb"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("the nearest known one is cpa"), "{}", err(&output));
}

#[test]
fn pol_5_the_schema_is_the_published_one() {
    let output = policy(Path::new("."), &["schema"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy.schema.json");
    assert_eq!(out(&output), fs::read_to_string(path).unwrap());
}

//! `portcullis simulate` as a person meets it: what it counts, what it assumes and says so, the same bytes on each run, and
//! what it says of bad rows (contracts §1, POL-6).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn simulate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).arg("simulate").args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name)
}

/// A folder with a ledger of those rows.
fn ledger(rows: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let header = "client,contact_email,invoice,issued,due,amount,paid,paid_on,disputed";
    let rows = [&[header][..], rows].concat().join("\n");
    fs::write(folder.path().join("ledger.csv"), rows + "\n").unwrap();
    folder
}

/// The ledger of a folder from January to June.
fn half_a_year(folder: &TempDir, arguments: &[&str]) -> Output {
    let usual = ["--invoices", "ledger.csv", "--from", "2026-01-01", "--to", "2026-06-30"];
    simulate(folder.path(), &[&usual, arguments].concat())
}

#[test]
fn pol_6_locks_letters_and_people_per_day_and_in_total() {
    let folder = ledger(&[
        "acme,ann@acme.example,A-1,2026-01-01,,100.00,,2026-03-10,",
        "beta,ben@beta.example,B-1,2026-01-01,,50.00,,2026-01-20,",
    ]);
    let output = half_a_year(&folder, &["--policy", "preset:cpa"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!(out(&output), @"
    2026-01-01 to 2026-06-30: 2 clients, 2 invoices

    Assumed
      - Where the policy wants an approval to open a portal, it is asked for and given on the first working day on which nothing overdue stands against it.
      - No partner approves a step that waits for it: such letters never leave.
      - A run that would lock or demand too much at once is approved by a partner that day.
      - Nobody pays sooner or later because of a letter or a lock.
      - No client's terms allow late fees: none are charged.
      - An invoice that was paid in full is paid with the fees on it.
      - What was owed on 2026-01-01 is in the book that day, and nothing was sent about it before.

    Day by day
      2026-01-20  1 receipt, 1 invoice paid
      2026-01-24  1 reminder; 1 person
      2026-01-30  1 reminder; 1 person
      2026-02-01  1 notice; 1 person
      2026-02-15  1 notice; 1 person
      2026-03-02  1 locked, 1 demand letter; 1 person
      2026-03-09  1 demand letter; 1 person
      2026-03-10  1 opened, 1 welcome back, 1 receipt, 1 invoice paid; 1 person

    In total
                                        cpa
      clients locked                      1
      clients opened again                1
      clients locked at the end           0
      times limited                       0
      people touched                      1
      letters: reminder                   2
      letters: notice                     2
      letters: demand letter              2
      letters: welcome back               1
      letters: receipt                    2
      letters in all                      9
      invoices paid                       2
      days late when paid, on average  19.0
      runs over the caps                  0
      steps that wait for a partner       0
      locks that want an address          0
    ");
}

#[test]
fn pol_6_two_policies_stand_side_by_side_and_a_response_beside_the_book_without_it() {
    let folder = ledger(&["acme,ann@acme.example,A-1,2026-01-01,,100.00,,2026-03-10,"]);
    let strict = "preset: cpa\nwith: {name: strict, lock: {days_overdue: 5}, late_fee: {kind: flat, value: '7.50'}}\n";
    fs::write(folder.path().join("strict.yaml"), strict).unwrap();
    let arguments = ["--policy", "preset:cpa", "strict.yaml", "--json", "--late-fee-terms"];
    let totals = |arguments: &[&str]| -> Vec<Value> {
        let output = half_a_year(&folder, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let text = out(&output);
        let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        values.filter_map(|value| value.get("total").cloned()).collect()
    };
    let read = |total: &Value| {
        let fees = total["fees"]["USD"].as_str().unwrap_or("none").to_owned();
        let policy = total["policy"].as_str().unwrap().to_owned();
        (policy, total["response"] == true, total["locks"].as_u64().unwrap(), fees)
    };
    let told = |arguments: &[&str]| totals(arguments).iter().map(read).collect::<Vec<_>>();
    let row = |policy: &str, response, locks, fees: &str| {
        (policy.to_owned(), response, locks, fees.to_owned())
    };
    let plain = [row("cpa", false, 1, "none"), row("strict", false, 1, "7.50")];
    assert_eq!(told(&arguments), plain);
    let with = [&arguments[..], &["--response", "notice=1@2"]].concat();
    let [cpa, strict] = plain;
    let assumed = [row("cpa", true, 0, "none"), row("strict", true, 0, "7.50")];
    let [cpa_too, strict_too] = assumed;
    assert_eq!(told(&with), [cpa, cpa_too, strict, strict_too]);
}

#[test]
fn pol_6_the_same_arguments_give_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let sample = data("sample-ledger.csv").display().to_string();
    let run = |arguments: &[&str]| {
        let usual = [
            "--policy",
            "preset:cpa",
            "--invoices",
            &sample,
            "--from",
            "2025-01-01",
            "--to",
            "2026-06-30",
            "--response",
            "notice=0.2@3,demand_letter=0.5@7",
            "--html",
            "page.html",
        ];
        let output = simulate(folder.path(), &[&usual, arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
        assert!(4_000 < output.stdout.len() && 4_000 < page.len());
        (out(&output), page)
    };
    for arguments in [&[][..], &["--json"]] {
        assert_eq!(run(arguments), run(arguments));
    }
}

/// Every assumption stands in every output.
#[test]
fn pol_6_what_is_assumed_is_said() {
    let folder = ledger(&[
        "acme,,A-1,2025-12-01,,100.00,100.00,,yes",
        "beta,ben@beta.example,B-1,2026-01-01,,50.00,,,",
        "beta,ben@beta.example,B-1,2026-01-01,,50.00,,,",
    ]);
    let arguments = [
        "--policy",
        "preset:cpa",
        "--html",
        "page.html",
        "--response",
        "notice=0.25@3",
        "--unlock-days",
        "2",
        "--held-runs",
        "wait",
        "--approve-steps",
    ];
    let text = out(&half_a_year(&folder, &arguments));
    let json = out(&half_a_year(&folder, &[&arguments[..], &["--json"]].concat()));
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap().replace("&#39;", "'");
    for said in [
        "it is asked for and given 2 working days after nothing overdue stands against it.",
        "A partner approves each step that waits for it",
        "is approved by nobody",
        "after a notice, 25% of the invoices in it that are not paid sooner are paid in full 3 days later.",
        "1 client without an address",
        "No client's terms allow late fees: none are charged.",
        "What was owed on 2026-01-01 is in the book that day",
        "1 payment without a day came on the due date",
        "1 invoice disputed without dates",
        "1 row saying again what one before said: left out.",
    ] {
        for (what, output) in [("table", &text), ("JSON", &json), ("page", &page)] {
            assert!(output.contains(said), "the {what} doesn't say {said:?}:\n{output}");
        }
    }
}

/// Readable without script, address or colour: each chart is told in words and has its numbers beside it.
#[test]
fn pol_6_the_page_needs_nothing_but_itself() {
    let folder = ledger(&["acme,ann@acme.example,A-1,2026-01-01,,100.00,,2026-03-10,"]);
    let output = half_a_year(&folder, &["--policy", "preset:cpa", "--html", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    for never in ["<script", "http:", "https:", "src=", "href=", "@import", "url(http"] {
        assert!(!page.contains(never), "the page holds {never}");
    }
    let count = |text: &str| page.matches(text).count();
    let charts = count("<svg role=\"img\"");
    assert!(4 <= charts, "{charts} charts");
    assert_eq!((count("<desc"), count("<caption>")), (charts, charts));
    for needed in
        ["<html lang=\"en\">", "name=\"viewport\"", "prefers-color-scheme: dark", "<h1>cpa</h1>"]
    {
        assert!(page.contains(needed), "the page lacks {needed}");
    }
}

#[test]
fn bad_rows_are_all_named_and_nothing_is_simulated() {
    let folder = ledger(&[
        "acme,ann@acme.example,A-1,2026-01-01,,100.00,,,",
        "acme,ann@acme.example,A-2,2026-03-01,,100.00,,2026-01-05,", // swapped
        "acme,ann@acme.example,A-3,2026-02-30,,100.00,,,",
        "acme,ann@acme.example,A-4,2026-02-01,2026-01-01,100.00,,,",
        "acme,ann@acme.example,A-5,2026-02-01,,-1,,,",
        "acme,ann@acme.example,A-1,2026-01-01,,101.00,,,",
    ]);
    let output = half_a_year(&folder, &["--policy", "preset:cpa", "--html", "page.html"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(out(&output), @r#"
    ledger.csv: line 3, column paid_on: "2026-01-05" is before the day of issue, 2026-03-01: swapped, or paid in advance, which a replay can't place
    ledger.csv: line 4, column issued: "2026-02-30" is a day that doesn't exist
    ledger.csv: line 5, column due: "2026-01-01" is before the day of issue, 2026-02-01
    ledger.csv: line 6, column amount: "-1" is negative, expected a decimal number such as 1234.50
    ledger.csv: line 7, column invoice: "A-1" is in line 2 already, with other values
    "#);
    assert_eq!(err(&output), "ledger.csv: 5 rows can't be read, so nothing was simulated\n");
    assert!(!folder.path().join("page.html").exists());
    let output = half_a_year(&folder, &["--policy", "preset:cpa", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let first: Value = serde_json::from_str(out(&output).lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["fault"]["line"], &first["fault"]["column"]),
        (&3.into(), &"paid_on".into())
    );
}

#[test]
fn what_means_nothing_is_refused_with_what_was_expected() {
    let folder = ledger(&["acme,ann@acme.example,A-1,2026-01-01,,100.00,,,"]);
    fs::write(folder.path().join("bad.yaml"), "preset: cpa\nwith: {lock: {days: 3}}\n").unwrap();
    let days = ["--from", "2026-01-01", "--to", "2026-06-30"];
    for (arguments, expected) in [
        (&["--policy", "preset:cpb"][..], "unknown preset \"cpb\""),
        (&["--policy", "bad.yaml"], "bad.yaml: line 2: with.lock.days: unknown field"),
        (&["--policy", "none.yaml"], "none.yaml: can't be read"),
        (&["--policy", "preset:cpa", "preset:cpa"], "both policies are preset:cpa"),
        (
            &["--policy", "preset:cpa", "--policy", "preset:cpa", "bad.yaml"],
            "3 policies are too many",
        ),
        (&["--policy", "preset:cpa", "--response", "notice=2@3"], "2 is no share"),
        (
            &["--policy", "preset:cpa", "--unlock-days", "soon"],
            "neither never nor a number of days",
        ),
        (&["--policy", "preset:cpa", "--map", "issued=Datum"], "no column \"Datum\""),
        (&["--policy", "preset:cpa", "--to", "2025-12-31"], "--to"),
    ] {
        let usual = ["--invoices", "ledger.csv"];
        let days = if arguments.contains(&"--to") { &days[..2] } else { &days[..] };
        let output = simulate(folder.path(), &[&usual, days, arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", out(&output));
        assert!(err(&output).contains(expected), "{arguments:?}: {}", err(&output));
    }
}

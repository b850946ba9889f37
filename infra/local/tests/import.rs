//! `portcullis import` as a person meets it: exit codes, what is printed, and what it says of bad input
//! (contracts §1, §5).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use domain::policy::read::preset_text;
use domain::role::Actor;
use portcullis::embedded::Embedded;
use serde_json::Value;
use services::firm::Firm;
use store::{CommitMeta, Dynamo, FirmChange, FirmSettings, PolicyDocument, Store};
use tempfile::TempDir;

const LEDGERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data");

/// A data folder with a test firm that has reached the end of the sample ledger.
async fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let table = Embedded::open(&folder.path().join("data")).await.unwrap();
    open_firm(table.dynamo()).await;
    table.close().await;
    folder
}

async fn open_firm(dynamo: &Dynamo) {
    let store = Store::new(dynamo.clone(), "f-1".parse().unwrap());
    let mut settings = FirmSettings::new("Bea & Partners", "America/New_York".parse().unwrap());
    settings.is_test = true;
    settings.test_clock = Some("2026-10-01T16:00:00Z".parse().unwrap());
    let meta = CommitMeta {
        at: "2026-10-01T16:00:00Z".parse().unwrap(),
        day: "2026-10-01".parse().unwrap(),
        actor: Actor::Schedule,
        command: "open".to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    };
    store.open_firm(&settings, &meta).await.unwrap();
    let document = PolicyDocument {
        class: "default".parse().unwrap(),
        version: 1,
        document: preset_text("cpa").unwrap().to_owned(),
        effective_on: "2024-01-01".parse().unwrap(),
        author: None,
        state: Default::default(),
        new_steps: [].into(),
        late_fee_since: None,
    };
    let loaded = store.load_firm().await.unwrap().unwrap();
    store.change_firm(&loaded, &FirmChange::PolicyArmed(document), &meta).await.unwrap();
}

fn import(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).args(["import", "--firm", "f-1"]).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A file of the folder.
fn write(folder: &TempDir, name: &str, rows: &str) {
    let header = "client,invoice,issued,amount,paid,paid_on,due";
    fs::write(folder.path().join(name), format!("{header}\n{rows}\n")).unwrap();
}

/// The committed ledger of that name, in the folder.
fn ledger(folder: &TempDir, name: &str) {
    fs::copy(Path::new(LEDGERS).join(name), folder.path().join(name)).unwrap();
}

#[tokio::test]
async fn the_sample_ledger_is_imported_twice_and_the_second_time_nothing_changes() {
    let folder = folder().await;
    ledger(&folder, "sample-ledger.csv");
    let dry = import(folder.path(), &["sample-ledger.csv", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", err(&dry));
    let first = import(folder.path(), &["sample-ledger.csv"]);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    assert_eq!(err(&first), "", "no progress bar where nobody looks");
    let dry_note = " (dry run: nothing was written)";
    assert_eq!(out(&dry).replace(dry_note, ""), out(&first));
    let second = import(folder.path(), &["sample-ledger.csv"]);
    assert_eq!(second.status.code(), Some(0), "{}", err(&second));
    insta::assert_snapshot!(out(&first) + &out(&second), @"
    sample-ledger.csv: 929 rows of 60 clients
           60 new clients
          929 new invoices
          901 payments
            0 unchanged
    sample-ledger.csv: 929 rows of 60 clients
            0 new clients
            0 new invoices
            0 payments
          929 unchanged
    ");
}

#[tokio::test]
async fn bad_rows_are_named_and_nothing_is_imported_unless_they_are_left_out() {
    let folder = folder().await;
    ledger(&folder, "bad-ledger.csv");
    let all = import(folder.path(), &["bad-ledger.csv"]);
    assert_eq!(all.status.code(), Some(2));
    let told = out(&all);
    assert_eq!(told.lines().count(), 27);
    assert_eq!(
        told.lines().next(),
        Some(
            "bad-ledger.csv: line 3, column issued: \"July 1st\" is not a date, expected 2026-03-02 or 3/2/2026 (month/day/year)"
        )
    );
    assert_eq!(
        err(&all),
        "bad-ledger.csv: 27 rows can't be read, so none was imported; --skip-bad leaves them out and imports the other 2\n"
    );
    let skipped = import(folder.path(), &["bad-ledger.csv", "--skip-bad"]);
    assert_eq!(skipped.status.code(), Some(0), "{}", err(&skipped));
    let told = out(&skipped);
    insta::assert_snapshot!(told.lines().skip(27).collect::<Vec<_>>().join("\n"), @"
    bad-ledger.csv: 2 rows of 2 clients
            2 new clients
            2 new invoices
            1 payment
            0 unchanged
           27 can't be read, and were left out
    ");
    let json = import(folder.path(), &["bad-ledger.csv", "--json"]);
    assert_eq!(json.status.code(), Some(2));
    let faults: Vec<Value> =
        out(&json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(faults.len(), 27);
    assert_eq!(
        faults[5]["fault"],
        serde_json::json!({
            "line": 8, "column": "amount", "value": "-120.00",
            "reason": "is negative, expected a decimal number such as 1234.50",
        })
    );
}

#[tokio::test]
async fn conflicts_and_larger_payments_are_told_and_the_exit_code_says_to_look() {
    let folder = folder().await;
    write(
        &folder,
        "first.csv",
        "acme,A-1,2026-08-01,100,40,2026-08-20,\nacme,A-2,2026-08-01,100,,,",
    );
    let first = import(folder.path(), &["first.csv"]);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    let rows = "acme,A-1,2026-08-01,1100,40,,\nacme,A-2,2026-08-01,100,25,9/1/2026,2026-09-15\nbigco,A-2,2026-08-01,100,,,";
    write(&folder, "second.csv", rows);
    let bad = import(folder.path(), &["second.csv"]);
    assert_eq!(bad.status.code(), Some(2), "one number twice");
    write(&folder, "second.csv", rows.rsplit_once('\n').unwrap().0);
    let second = import(folder.path(), &["second.csv"]);
    assert_eq!(second.status.code(), Some(1), "{}", err(&second));
    insta::assert_snapshot!(out(&second), @r#"
    second.csv: line 2: invoice A-1 of acme: amount is "100.00" here and "1100.00" in the file
    second.csv: line 3: invoice A-2 of acme: 25.00 USD more was paid
    second.csv: line 3: invoice A-2 of acme: due is "2026-08-31" here and "2026-09-15" in the file
    second.csv: 2 rows of 1 client
            0 new clients
            0 new invoices
            1 payment
            0 unchanged
            2 differ from what is here; that was left alone
    "#);
    let json = import(folder.path(), &["second.csv", "--json"]);
    assert_eq!(json.status.code(), Some(1), "the conflicts are still there");
    insta::assert_snapshot!(out(&json), @r#"
    {"row":{"client":"acme","differences":[{"field":"amount","ours":"100.00","theirs":"1100.00"}],"invoice":"A-1","line":2,"outcome":"conflict"}}
    {"row":{"client":"acme","differences":[{"field":"due","ours":"2026-08-31","theirs":"2026-09-15"}],"invoice":"A-2","line":3,"outcome":"conflict"}}
    {"summary":{"bad":0,"clients":1,"conflicts":2,"created":0,"dry_run":false,"file":"second.csv","opened":0,"payments":0,"refused":0,"repeated":0,"rows":2,"unchanged":0}}
    "#);
}

#[tokio::test]
async fn a_foreign_ledger_is_mapped_and_what_is_not_read_is_named() {
    let folder = folder().await;
    let rows =
        "Customer,Doc No,Doc Date,Amt,Amount Paid,Memo\nCU1,SO-1,8/1/2026,100.00,100.00,\"x\"\n";
    fs::write(folder.path().join("foreign.csv"), format!("\u{feff}{rows}")).unwrap();
    let map = ["--map", "client=Customer", "--map", "invoice=Doc No", "--map", "issued=Doc Date"];
    let dry = [&["foreign.csv", "--dry-run", "--map", "amount=Amt"][..], &map].concat();
    let output = import(folder.path(), &dry);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!(out(&output), @r#"
    foreign.csv: line 1: column "Amount Paid" is not read; if it is paid, say --map paid="Amount Paid"
    foreign.csv: columns not read: Memo
    foreign.csv: 1 row of 1 client (dry run: nothing was written)
            1 new client
            1 new invoice
            0 payments
            0 unchanged
    "#);
    let paid = [&dry[..], &["--map", "paid=Amount Paid"]].concat();
    let output = import(folder.path(), &paid);
    assert!(out(&output).contains("      1 payment\n"), "{}", out(&output));
}

#[tokio::test]
async fn what_can_not_be_done_is_said_with_exit_code_2() {
    let folder = folder().await;
    write(&folder, "good.csv", "acme,A-1,2026-08-01,100,,,");
    fs::write(folder.path().join("none.csv"), "a;b\n1;2\n").unwrap();
    for (arguments, expected) in [
        (&["nothing.csv"][..], "nothing.csv: can't be read"),
        (
            &["good.csv", "--map", "isued=Doc Date"],
            "there is no field \"isued\", the nearest is \"issued\"",
        ),
        (&["good.csv", "--map", "issued"], "\"issued\" maps nothing, expected field=column"),
        (
            &["good.csv", "--map", "due=Due Date"],
            "good.csv: line 1: there is no column \"Due Date\" for the field due, the nearest is \"due\"",
        ),
        (
            &["good.csv", "--map", "due=due", "--map", "due=issued"],
            "the field due is mapped to \"due\" and to \"issued\"",
        ),
        (
            &["none.csv"],
            "none.csv: line 1: no column for client, invoice, issued, amount; semicolons seem",
        ),
        (&["good.csv", "--firm", "f-2"], "cannot be used multiple times"),
        (&["good.csv", "--data", "good.csv"], "can't open the table"),
        (&["good.csv", "--endpoint", "http://127.0.0.1:9"], "can't read the firm"),
    ] {
        let output = import(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "for {arguments:?}: {}", err(&output));
        assert!(err(&output).contains(expected), "for {arguments:?}: {}", err(&output));
        assert_eq!(out(&output), "", "for {arguments:?}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.current_dir(folder.path()).args(["import", "--firm", "f-2", "good.csv"]);
    let output = output.output().unwrap();
    assert_eq!((output.status.code(), err(&output).trim_end()), (Some(2), "there is no firm f-2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_running_system_its_table_is_used_and_so_is_an_endpoint() {
    let folder = TempDir::new().unwrap();
    let table = Embedded::open(&folder.path().join("data")).await.unwrap();
    open_firm(table.dynamo()).await;
    write(&folder, "one.csv", "acme,A-1,2026-08-01,100,,,");
    write(&folder, "two.csv", "acme,A-2,2026-08-01,100,,,");
    let beside = import(folder.path(), &["one.csv"]);
    assert_eq!(beside.status.code(), Some(0), "{}", err(&beside));
    let endpoint = import(folder.path(), &["two.csv", "--endpoint", table.url()]);
    assert_eq!(endpoint.status.code(), Some(0), "{}", err(&endpoint));
    let firm = Firm::open(table.dynamo().clone(), "f-1".parse().unwrap()).await.unwrap().unwrap();
    let loaded = firm.store().load(&"acme".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(loaded.account.open_invoices().count(), 2);
    table.close().await;
}

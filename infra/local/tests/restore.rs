//! A table is restored to an earlier moment, as point-in-time recovery does it: the archive says what it lacks and
//! brings it back, and nothing happens twice (AUD-1, LET-4, PAY-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use domain::account::Account;
use domain::id::ClientId;
use portcullis::embedded::Embedded;
use reqwest::Method;
use serde_json::{Value, json};
use store::{Contact, LetterRow, PageRequest, PolicyDocument, Store};
use up::{Up, client_letters, headers, run};

/// The database and what SQLite may have beside it.
const TABLE: [&str; 3] = ["table.db", "table.db-wal", "table.db-shm"];

/// A table alone: what a backup has. Sandbox, mailbox and keys are not in it.
fn copy_table(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in TABLE {
        let (from, to) = (from.join(name), to.join(name));
        match from.exists() {
            true => drop(fs::copy(from, to).unwrap()),
            false => drop(fs::remove_file(to)),
        }
    }
}

/// What the demo firm's table holds.
#[derive(Debug, PartialEq)]
struct Contents {
    accounts: BTreeMap<ClientId, Account>,
    letters: BTreeMap<ClientId, Vec<LetterRow>>,
    contacts: Vec<Contact>,
    policies: Vec<PolicyDocument>,
    grants: Vec<String>,
    invoices: usize,
}

async fn contents(data: &Path) -> Contents {
    let table = Embedded::open(data).await.unwrap();
    let store = Store::new(table.dynamo().clone(), "demo".parse().unwrap());
    let page = PageRequest { cursor: None, limit: 200 };
    let mut found = Contents {
        accounts: BTreeMap::new(),
        letters: BTreeMap::new(),
        contacts: Vec::new(),
        policies: store.all_policies().await.unwrap(),
        grants: store.grants().await.unwrap().iter().map(|grant| format!("{grant:?}")).collect(),
        invoices: 0,
    };
    for row in store.clients(None, &page).await.unwrap().items {
        let loaded = store.load(&row.client).await.unwrap().unwrap();
        found.accounts.insert(row.client.clone(), loaded.account);
        let letters = store.letters(&row.client, &page).await.unwrap().items;
        found.letters.insert(row.client.clone(), letters);
        found.invoices += store.invoices(&row.client, &page).await.unwrap().items.len();
    }
    for row in store.contacts(&page).await.unwrap().items {
        let mut contact = store.load_contact(&row.contact).await.unwrap().unwrap().contact;
        contact.facts.password = None; // in no record: it is set again
        found.contacts.push(contact);
    }
    table.close().await;
    found
}

fn restore(data: &Path, archive: &Path, what: &str, more: &[&str]) -> (Option<i32>, String) {
    let arguments = ["restore", what, "--archive", archive.to_str().unwrap()];
    run(data, &[&arguments, more].concat())
}

fn verify(data: &Path, archive: &Path) -> (Option<i32>, String) {
    run(data, &["audit", "verify", "--firm", "demo", "--archive", archive.to_str().unwrap()])
}

fn move_clock(data: &Path, to: &str) {
    let (code, text) = run(data, &["clock", "--firm", "demo", "--to", to]);
    assert_eq!(code, Some(0), "{text}");
}

/// Three months of a firm, a moment that a backup is of, and what happened after it.
struct Scene {
    _folder: tempfile::TempDir,
    data: std::path::PathBuf,
    backup: std::path::PathBuf,
    later: std::path::PathBuf,
    archive: std::path::PathBuf,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, backup, later, archive) = (at("data"), at("backup"), at("later"), at("archive"));
    assert!(Up::start(&data).stop().success());
    copy_table(&data, &backup);

    // The next day cobalt is locked and gets its demand; then it pays, and is let in again.
    let up = Up::start(&data);
    move_clock(&data, "2026-10-02");
    assert_eq!(up.get("bea", "/firm/v1/clients/cobalt").await["portal"], "locked");
    up.try_pay("cobalt", "DP-2012", "45000").await.unwrap();
    let is_ready = |tasks: &Value| tasks.to_string().contains("ready_for_unlock").then_some(());
    up.wait("/firm/v1/clients/cobalt/tasks", is_ready).await;
    let ask = "/firm/v1/clients/cobalt/unlock-requests";
    let (_, request) = up.ask("bea", Method::POST, ask, Some(json!({}))).await;
    let id = request["id"].as_str().unwrap();
    let approve = format!("/firm/v1/unlock-requests/{id}/approve");
    assert_eq!(up.ask("pat", Method::POST, &approve, Some(json!({}))).await.0, 200);
    let note = json!({"text": "They paid at once"});
    let (status, body) =
        up.ask("bea", Method::POST, "/firm/v1/clients/iris/notes", Some(note)).await;
    assert!((200..300).contains(&status), "{body}");
    let have_left = |letters: &Value| {
        let text = letters.to_string();
        let have = text.contains("receipt") && text.contains("welcome_back");
        (have && !text.contains("\"queued\"")).then_some(())
    };
    up.wait("/firm/v1/clients/cobalt/letters", have_left).await;
    assert!(up.stop().success());
    let write = ["audit", "archive", "--firm", "demo", "--archive", archive.to_str().unwrap()];
    assert_eq!(run(&data, &write).0, Some(0));

    // The archive is always some seconds behind.
    let up = Up::start(&data);
    let note = json!({"text": "Then they called"});
    let (status, body) =
        up.ask("bea", Method::POST, "/firm/v1/clients/heron/notes", Some(note)).await;
    assert!((200..300).contains(&status), "{body}");
    assert!(up.stop().success());
    copy_table(&data, &later);
    Scene { _folder: folder, data, backup, later, archive }
}

#[tokio::test]
async fn aud_1_let_4_pay_1_a_restored_table_gets_back_what_came_after_and_nothing_happens_twice() {
    let Scene { data, backup, later, archive, .. } = &scene().await;
    let expected = contents(later).await;
    let sent = headers(&client_letters(&data.join("mailbox")), "Message-ID");

    copy_table(backup, data);
    let (code, text) = verify(data, archive);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("or the table was restored to an earlier moment"), "{text}");
    let (code, text) = restore(data, archive, "check", &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(!text.contains("client heron"), "the archive has no record of it yet: {text}");
    let words = ["--restored-from", later.to_str().unwrap()];
    let (code, text) = restore(data, archive, "check", &words);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("client heron: record"), "{text}");
    for said in
        ["firm demo, client cobalt: records", "1 PaymentChanged", "LetterLeft", "1 ClientUnlocked"]
    {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    assert!(!text.contains("client ember"), "nothing happened there: {text}");

    let (code, text) = restore(data, archive, "apply", &words);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("personal texts") && !text.contains("what became"), "{text}");
    let (code, text) = restore(data, archive, "check", &[]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = verify(data, archive);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(contents(data).await, expected, "letter by letter, account by account");

    // It runs on: stopped at first, and when that is lifted, no letter leaves a second time.
    let up = Up::start(data);
    let stop = up.get("pat", "/firm/v1/settings/stop").await;
    assert!(stop.to_string().contains("restored"), "{stop}");
    assert_eq!(up.ask("pat", Method::DELETE, "/firm/v1/settings/stop", None).await.0, 200);
    move_clock(data, "2026-10-05");
    let client = up.get("bea", "/firm/v1/clients/cobalt").await;
    assert_eq!(client["portal"], "open", "{client}");
    assert!(up.stop().success());
    let names = headers(&client_letters(&data.join("mailbox")), "Message-ID");
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "a letter left twice");
    assert!(sent.iter().all(|name| names.contains(name)) && sent.len() < names.len());
    let (code, text) = verify(data, archive);
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test]
async fn aud_1_let_4_without_the_old_table_only_words_are_lost_and_a_restore_goes_on_where_it_ended()
 {
    let Scene { data, backup, later, archive, .. } = &scene().await;
    let expected = contents(later).await;

    // Everything, from nothing: the account is the fold of its events. Interrupted once, and begun anew.
    let empty = &data.join("empty");
    let words = ["--restored-from", later.to_str().unwrap()];
    let cut = archive.join("demo/clients/cobalt");
    let aside = archive.join("demo/clients/cobalt.aside");
    fs::rename(&cut, &aside).unwrap();
    let (code, text) = restore(empty, archive, "apply", &words);
    assert_eq!(code, Some(1), "a digest or mark knows of cobalt: {text}");
    fs::rename(&aside, &cut).unwrap();
    let (code, text) = restore(empty, archive, "apply", &words);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = verify(empty, archive);
    assert_eq!(code, Some(0), "{text}");
    let found = contents(empty).await;
    assert_eq!(found.accounts, expected.accounts);
    assert_eq!(found, expected);

    // From the backup, without words: what was decided is there, what people wrote is not.
    copy_table(backup, data);
    let (code, text) = restore(data, archive, "apply", &["--json"]);
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |client: &str| lines.iter().find(|line| line["client"] == client).unwrap();
    assert!(of("iris")["lost"].to_string().contains("personal texts"), "{text}");
    assert!(of("cobalt")["lost"].to_string().contains("what became of letter"), "{text}");
    let found = contents(data).await;
    let cobalt: ClientId = "cobalt".parse().unwrap();
    assert_eq!(found.accounts[&cobalt].invoices, expected.accounts[&cobalt].invoices);
    assert_eq!(found.accounts[&cobalt].lock(), None);
    let states = |contents: &Contents| -> Vec<_> {
        contents.letters[&cobalt].iter().map(|row| row.letter.state.clone()).collect()
    };
    assert_eq!(states(&found), states(&expected));

    // A table that went on by itself is no earlier moment: nothing is put back, and it is said.
    copy_table(backup, data);
    let up = Up::start(data);
    let note = json!({"text": "Something else"});
    up.ask("bea", Method::POST, "/firm/v1/clients/iris/notes", Some(note)).await;
    assert!(up.stop().success());
    let (code, text) = restore(data, archive, "apply", &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("client iris: nothing can be put back: record"), "{text}");
}

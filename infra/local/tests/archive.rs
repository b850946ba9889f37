//! `portcullis audit archive` and `audit verify --archive`, on a data folder and a folder beside it (AUD-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::fs;
use std::path::Path;

use domain::account::Closed;
use domain::apply::fold;
use domain::command::Command;
use domain::event::Event;
use domain::id::{ClientId, FirmId};
use domain::role::{Actor, Role};
use domain::text::Personal;
use portcullis::embedded::Embedded;
use services::day::evaluate;
use services::execute::{Caller, execute};
use services::firm::Firm;
use services::retention::go_on;
use store::{CommitMeta, Derived, FirmSettings, Platform, Store, Waiting};
use up::run;

const LEDGER: &str = "client,invoice,issued,due,amount\nacme,A-1,2026-02-01,2026-03-03,100.00\nbolt,B-1,2026-02-01,2026-03-03,50.00\n";

/// A firm with two clients in that folder.
async fn firm(data: &Path) {
    let table = Embedded::open(data).await.unwrap();
    let firm: FirmId = "f-1".parse().unwrap();
    let store = Store::new(table.dynamo().clone(), firm);
    let settings = FirmSettings::new("Harbor & Pine CPAs", chrono_tz::America::New_York);
    let at: chrono::DateTime<chrono::Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let meta = CommitMeta {
        at,
        day: at.date_naive(),
        actor: Actor::Schedule,
        command: "test".to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    };
    store.open_firm(&settings, &meta).await.unwrap();
    let loaded = store.load_firm().await.unwrap().unwrap();
    let policy = store::FirmChange::PolicyArmed(store::PolicyDocument {
        class: "default".parse().unwrap(),
        version: 1,
        document: "{preset: cpa}".to_owned(),
        effective_on: "2020-01-01".parse().unwrap(),
        author: None,
        state: Default::default(),
        new_steps: Default::default(),
        late_fee_since: None,
    });
    store.change_firm(&loaded, &policy, &meta).await.unwrap();
    table.close().await;
    let ledger = data.join("ledger.csv");
    fs::write(&ledger, LEDGER).unwrap();
    let (code, text) = run(data, &["import", "--firm", "f-1", ledger.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
}

fn verify(data: &Path, archive: &Path, more: &[&str]) -> (Option<i32>, String) {
    let archive = archive.to_str().unwrap();
    let arguments = ["audit", "verify", "--firm", "f-1", "--archive", archive];
    run(data, &[&arguments, more].concat())
}

#[tokio::test]
async fn aud_1_the_archive_shows_what_the_table_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (data, archive) = (folder.path().join("data"), folder.path().join("archive"));
    firm(&data).await;
    let (code, text) = verify(&data, &archive, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("records not archived yet"), "{text}");

    // Twice: the second time there is nothing to do.
    let write = ["audit", "archive", "--firm", "f-1", "--archive", archive.to_str().unwrap()];
    let (code, text) = run(&data, &write);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.starts_with("0 records"), "{text}");
    let (_, text) = run(&data, &write);
    assert!(text.starts_with("0 records archived"), "{text}");
    let (code, text) = verify(&data, &archive, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("3 chains") && text.contains(" 0 records not archived yet"), "{text}");

    // Another system's table beside this archive: bolt is gone whole.
    let object = archive.join("f-1/clients/acme/0000000001.json");
    let whole = fs::read_to_string(&object).unwrap();
    fs::write(&object, whole.replace("account_opened", "Account_opened")).unwrap();
    let other = folder.path().join("other");
    fs::rename(archive.join("f-1/clients/bolt"), archive.join("f-1/clients/zed")).unwrap();
    let (code, text) = verify(&data, &archive, &[]);
    assert_eq!(code, Some(1), "{text}");
    for said in [
        "client acme: in the archive, record 1 was changed",
        "client bolt: the archive's end was cut off",
        "client zed: in the archive, f-1/clients/zed/0000000001.json can't be read",
        "4 chains: 3 are broken",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    let (code, text) = verify(&data, &archive, &["--client", "acme", "--json"]);
    assert_eq!(code, Some(1), "{text}");
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&line["whole"], &line["client"]), (&false.into(), &"acme".into()));
    assert_eq!(line["archive"], "in the archive, record 1 was changed");
    let (code, text) = verify(&other, &archive, &[]);
    assert_ne!(code, Some(0), "{text}");
}

/// Acme's engagement ended, and seven years later nothing personal of it is left.
async fn delete_acme(data: &Path) {
    let table = Embedded::open(data).await.unwrap();
    let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let (now, due) = (at("2026-03-02T12:00:00Z"), at("2033-03-03T17:00:00Z"));
    let firm = Firm::open(table.dynamo().clone(), "f-1".parse().unwrap()).await.unwrap().unwrap();
    let acme: ClientId = "acme".parse().unwrap();
    let roles = [Role::Partner].into();
    let pat = Caller::new(Actor::Staff { id: "pat".parse().unwrap(), roles });
    let reason = Personal::new("They vanished");
    let write_off = Command::WriteOff { invoice: "A-1".parse().unwrap(), reason };
    execute(&firm, &acme, &write_off, &pat, now).await.unwrap();
    let loaded = firm.store().load(&acme).await.unwrap().unwrap();
    let closed =
        Closed { on: now.date_naive(), by: "pat".parse().unwrap(), put_off: None, erased: None };
    let events = [Event::ClientClosed(closed)];
    let after = fold(loaded.account.clone(), &events);
    let derived = Derived { next_evaluation: None, shards: 1, ready_at: &|_| None, charge_at: now };
    let meta = CommitMeta {
        at: now,
        day: now.date_naive(),
        actor: Actor::Schedule,
        command: "close".to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    };
    firm.store().commit(&loaded, &after, &events, &meta, &derived).await.unwrap();
    let erased = evaluate(&firm, &acme, due).await.unwrap();
    assert!(erased.events.iter().any(|event| matches!(event, Event::ClientErased(_))));
    for waiting in Platform::new(table.dynamo().clone()).waiting(due, 100).await.unwrap() {
        if let Waiting::Erasure { client, .. } = waiting {
            go_on(&firm, &client, due).await.unwrap();
        }
    }
    table.close().await;
}

#[tokio::test]
async fn close_1_aud_1_a_deleted_client_verifies_beside_the_archive_and_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let (data, archive) = (folder.path().join("data"), folder.path().join("archive"));
    firm(&data).await;
    // Its first records were archived while its texts were there, the last ones afterwards.
    let write = ["audit", "archive", "--firm", "f-1", "--archive", archive.to_str().unwrap()];
    assert_eq!(run(&data, &write).0, Some(0));
    delete_acme(&data).await;
    let (code, text) = verify(&data, &archive, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(run(&data, &write).0, Some(0));
    let (code, text) = verify(&data, &archive, &[]);
    assert_eq!(code, Some(0), "{text}");
    for said in [
        "3 chains",
        " 0 records not archived yet",
        "of 1 client the personal data were deleted, the records were kept",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    let (code, text) = verify(&data, &archive, &["--client", "acme"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("client acme: its personal data were deleted"), "{text}");
    let (_, text) = verify(&data, &archive, &["--client", "acme", "--json"]);
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&line["whole"], &line["personal_data"]), (&true.into(), &"deleted".into()));
    let (_, text) = verify(&data, &archive, &["--client", "bolt"]);
    assert!(!text.contains("personal data"), "{text}");
    // An edit of it is found as before.
    let object = archive.join("f-1/clients/acme/0000000001.json");
    let whole = fs::read_to_string(&object).unwrap();
    fs::write(&object, whole.replace("account_opened", "Account_opened")).unwrap();
    let (code, text) = verify(&data, &archive, &[]);
    assert!(
        code == Some(1) && text.contains("client acme: in the archive, record 1 was changed"),
        "{text}"
    );
}

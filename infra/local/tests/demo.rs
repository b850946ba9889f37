//! The demo firm as somebody finds it who starts the system: clients in every state, all of it lived, and
//! whole however often the first start was killed.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use portcullis::embedded::Embedded;
use serde_json::Value;
use store::{Order, PageRequest, Store};
use up::{Starting, Up, assert_audit_verifies, client_letters, headers};

/// Each client as the story leaves it: its state in lists, why it is locked, and what waits for staff.
const CLIENTS: [(&str, &str, &str, &[&str]); 26] = [
    ("acme", "open", "", &[]),
    ("acme-homes", "locked", "1 unpaid invoice over 30 days", &[]),
    ("acme-retail", "open", "", &[]),
    ("aoba", "open", "", &[]),
    ("bluebird", "open", "", &[]),
    ("cobalt", "open", "", &[]),
    ("dune", "locked", "1 unpaid invoice over 30 days", &[]),
    ("ember", "stopped", "", &[]),
    ("finch", "open", "", &[]),
    ("garnet", "locked", "3 unpaid invoices over 4 days", &[]),
    ("heron", "open", "", &[]),
    (
        "iris",
        "locked",
        "Closed until our partner has spoken with you about the charges you object to",
        &[],
    ),
    ("juniper", "locked", "1 unpaid invoice over 30 days", &["ready_for_unlock"]),
    ("kestrel", "locked", "1 unpaid invoice over 30 days", &["ready_for_unlock"]),
    ("larch", "open", "", &[]),
    ("marlow", "exception", "", &[]),
    ("nordlicht", "open", "", &[]),
    ("oriole", "open", "", &[]),
    ("pinecrest", "locked", "1 unpaid invoice over 30 days", &[]),
    ("quill", "locked", "1 unpaid invoice over 30 days", &["ready_for_unlock"]),
    ("saint-elodie", "open", "", &[]),
    ("stonegate", "open", "", &["no_address"]),
    ("tern", "open", "", &["bounced_address"]),
    ("umber", "limited", "", &[]),
    ("willow", "on_hold", "", &[]),
    ("yarrow", "locked", "1 unpaid invoice over 30 days", &[]),
];

/// The first start is killed after these milliseconds, again and again.
const KILLED_AFTER: [u64; 6] = [250, 700, 1_100, 1_600, 400, 2_300];

/// What is in the table and the mailbox: the records of each client, and the letters' names.
type Contents = (BTreeMap<String, u64>, BTreeSet<String>);

async fn contents(data: &Path) -> Contents {
    let embedded = Embedded::open(data).await.unwrap();
    let store = Store::new(embedded.dynamo().clone(), "demo".parse().unwrap());
    let mut records = BTreeMap::new();
    for (client, ..) in CLIENTS {
        let one = PageRequest { cursor: None, limit: 1 };
        let newest = store.records(&client.parse().unwrap(), Order::Newest, &one).await.unwrap();
        records.insert(client.to_owned(), newest.items[0].sequence);
    }
    embedded.close().await;
    let letters = headers(&client_letters(&data.join("mailbox")), "Message-ID");
    let names: BTreeSet<_> = letters.iter().cloned().collect();
    assert_eq!(names.len(), letters.len(), "no letter was sent twice");
    (records, names)
}

#[tokio::test]
async fn test_1_the_demo_firm_has_a_client_in_every_state_also_after_a_first_start_that_was_killed()
{
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    assert!(Up::start(&whole).stop().success());
    for after in KILLED_AFTER {
        let starting = Starting::on(&killed);
        tokio::time::sleep(Duration::from_millis(after)).await;
        starting.kill();
    }
    let up = Up::start(&killed);
    assert_states(&up).await;
    assert!(up.stop().success());
    assert_audit_verifies(&killed);
    let (expected, found) = (contents(&whole).await, contents(&killed).await);
    assert_eq!(found, expected, "the same story, record by record and letter by letter");

    // A second start changes nothing.
    assert!(Up::start(&killed).stop().success());
    assert_eq!(contents(&killed).await, expected);
}

async fn assert_states(up: &Up) {
    let listed = up.list("bea", "/firm/v1/clients").await;
    assert_eq!(listed.len(), CLIENTS.len());
    for (client, state, reason, tasks) in CLIENTS {
        let row = listed.iter().find(|row| row["client"] == client).unwrap();
        assert_eq!(row["state"], state, "{row}");
        let shown = up.get("bea", &format!("/firm/v1/clients/{client}")).await;
        assert_eq!(shown["lock"]["reason"].as_str().unwrap_or_default(), reason, "{shown}");
        let open = up.list("bea", &format!("/firm/v1/clients/{client}/tasks")).await;
        let kinds: Vec<_> = open.iter().map(|task| task["kind"].as_str().unwrap()).collect();
        let expected: &[&str] = match client {
            "yarrow" => &["approve_step", "review_task", "collections_referral"],
            _ => tasks,
        };
        assert_eq!(kinds, expected, "of {client}");
    }
    let request = up.list("bea", "/firm/v1/unlock-requests").await;
    assert_eq!(request.len(), 1, "{request:?}");
    assert_eq!(request[0]["client"], "quill");
    let of = async |client: &str, what: &str| {
        up.list("pat", &format!("/firm/v1/clients/{client}/{what}")).await
    };
    assert_eq!(of("heron", "promises").await.len(), 1);
    assert_eq!(of("larch", "plans").await.len(), 1);
    assert_eq!(of("willow", "holds").await.len(), 1);
    assert_eq!(of("kestrel", "notes").await.len(), 1);
    let states = |payments: &[Value]| {
        let states = payments.iter().map(|payment| payment["state"].as_str().unwrap().to_owned());
        states.collect::<BTreeSet<_>>()
    };
    assert!(states(&of("finch", "payments").await).contains("pending"));
    let currencies: BTreeSet<_> = of("nordlicht", "invoices")
        .await
        .iter()
        .map(|invoice| invoice["total"]["currency"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(currencies, BTreeSet::from(["EUR".to_owned(), "USD".to_owned()]));
}

#[tokio::test]
async fn a_reset_begins_anew_and_never_under_a_running_system() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let note = serde_json::json!({ "kind": "note", "text": "gone after the reset" });
    let (status, body) =
        up.ask("bea", reqwest::Method::POST, "/firm/v1/clients/acme/notes", Some(note)).await;
    assert_eq!(status, 201, "{body}");
    let (code, text) = up::run(&data, &["up", "--reset", "--port", "0"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("stop that one first"), "{text}");
    assert_eq!(up.list("bea", "/firm/v1/clients/acme/notes").await.len(), 1);
    assert!(up.stop().success());

    let up = Up::start_with(&data, &["--reset"]);
    assert_eq!(up.list("bea", "/firm/v1/clients/acme/notes").await.len(), 0);
    assert_eq!(up.list("bea", "/firm/v1/clients").await.len(), CLIENTS.len());
    assert!(up.stop().success());
}

#[tokio::test]
async fn staff_1_test_1_staff_are_told_once_a_working_day_as_the_clock_moves() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let digests = async |who: &str| {
        let mails = up.list(who, &format!("/firm/v1/staff/{who}/mails")).await;
        let digests = mails.iter().filter(|mail| mail["is_digest"] == true);
        digests.map(|mail| mail["mail"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(digests("bea").await, ["2026-10-01-digest"], "the story's last day");
    // A Friday and a weekend, on which something happens as well.
    let (code, text) = up::run(&data, &["clock", "--firm", "demo", "--to", "2026-10-04"]);
    assert_eq!(code, Some(0), "{text}");
    for who in ["bea", "pat", "pre"] {
        assert_eq!(digests(who).await, ["2026-10-02-digest", "2026-10-01-digest"], "of {who}");
    }
    assert!(digests("ada").await.is_empty(), "an admin looks after no client");
    // Once each, and the mailbox's page shows them beside the letters.
    let mailbox: Vec<_> = up::letters(&data.join("mailbox"))
        .into_iter()
        .filter(|letter| up::is_to_staff(letter))
        .collect();
    let names = headers(&mailbox, "Message-ID");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), mailbox.len(), "{names:?}");
    let to_bea = mailbox.iter().filter(|mail| {
        mail.contains("To: bea@demo.example")
            && mail.contains("Subject: Demo Practice, October 2: ")
    });
    assert_eq!(to_bea.count(), 1);
    assert!(up.stop().success());
}

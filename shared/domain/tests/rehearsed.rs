//! What a rehearsal reports: what was expected and isn't so, with its line; as text and as JSON (TEST-2).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use domain::rehearsal::{Rehearsal, Report, Timeline, run};
use serde_json::json;

/// The least that a timeline must have.
const ENTRY: &str =
    "timeline:\n  - {on: 2026-01-05, issue: {client: acme, invoice: A-1, amount: 1}}\n";

fn read(timeline: &str) -> Result<Timeline, String> {
    let read = Timeline::read("t.yaml", timeline, &|name| Err(format!("no file {name}")));
    read.map_err(|error| error.to_string())
}

fn report(timeline: &str) -> Report {
    run(&read(timeline).unwrap(), None)
}

#[test]
fn test_2_what_is_not_as_expected_is_counted_and_told_with_its_line() {
    let report = report(
        r#"
clients: {acme: }
timeline:
  - {on: 2026-01-05, issue: {client: acme, invoice: A-1, amount: 100}}
  - {on: 2026-01-06, expect: {client: acme, portal: open, letters: [notice, receipt], balance: {USD: 100}}}
  - {on: 2026-01-06, expect: {client: acme, portal: locked, invoices: {A-1: {status: paid, days_overdue: 0}}}}
"#,
    );
    assert!(!report.has_passed());
    assert_eq!((report.met(), report.unmet().count()), (3, 3));
    insta::assert_snapshot!(report.to_text(), @"
    2026-01-05 Monday
      acme: issues invoice A-1 of 100.00 USD, due Feb 4, 2026
    2026-01-06 Tuesday
      UNMET line 5: acme: letters: expected [notice, receipt], got []
      UNMET line 6: acme: portal: expected locked, got open
      UNMET line 6: acme: status of invoice A-1: expected paid, got unpaid
    ");
    let told = report.to_json();
    let unmet = told.iter().find(|item| item["expect"]["met"] == json!(false));
    let expected = json!({
        "client": "acme",
        "day": "2026-01-06",
        "expect": {"what": "letters", "expected": "[notice, receipt]", "actual": "[]", "met": false},
        "line": 5,
        "text": "letters: expected [notice, receipt], got []",
    });
    assert_eq!(unmet, Some(&expected));
    assert_eq!(told[0]["client"], "acme");
    assert_eq!(told[0]["day"], "2026-01-05");
}

#[test]
fn test_2_a_refusal_that_was_expected_and_did_not_come_is_unmet_and_so_is_another() {
    let report = report(
        r#"
clients: {acme: }
timeline:
  - {on: 2026-01-05, issue: {client: acme, invoice: A-1, amount: 100, refused: INV-7}}
  - {on: 2026-01-06, issue: {client: acme, invoice: A-1, amount: 100, refused: INV-5}}
  - {on: 2026-01-07, issue: {client: acme, invoice: A-2, amount: 100}}
  - {on: 2026-01-08, issue: {client: acme, invoice: A-1, amount: 200, refused: INV-7}}
"#,
    );
    insta::assert_snapshot!(report.to_text(), @"
    2026-01-05 Monday
      acme: issues invoice A-1 of 100.00 USD, due Feb 4, 2026
      UNMET line 4: acme: issue: expected refused: INV-7, got done
    2026-01-06 Tuesday
      acme: issue is refused: the invoice number A-1 is taken (INV-7)
      UNMET line 5: acme: issue: expected refused: INV-5, got refused: the invoice number A-1 is taken (INV-7)
    2026-01-07 Wednesday
      acme: issues invoice A-2 of 100.00 USD, due Feb 6, 2026
    2026-01-08 Thursday
      acme: issue is refused: the invoice number A-1 is taken (INV-7)
    ");
    assert!(!report.has_passed());
}

#[test]
fn inv_7_a_credit_note_number_is_taken_for_every_client_of_the_firm() {
    let report = report(
        r#"
clients: {acme: , bolt: }
timeline:
  - {on: 2026-01-05, credit: {client: acme, id: c-1, amount: 20}}
  - {on: 2026-01-05, credit: {client: bolt, id: c-1, amount: 20, refused: INV-7}}
  - {on: 2026-01-05, credit: {client: bolt, id: c-2, amount: 20}}
  - {on: 2026-01-05, expect: {client: bolt, credit: {USD: 20}}}
"#,
    );
    assert!(report.has_passed(), "{}", report.to_text());
    assert!(report.to_text().contains("c-1 is taken"), "{}", report.to_text());
}

#[test]
fn test_2_a_timeline_that_cannot_be_read_is_named_with_what_was_expected() {
    let long = |what: &str, count: usize, item: &str| {
        let items = vec![item; count].join(", ");
        format!("clients: {{acme: {{{what}: [{items}]}}}}\n{ENTRY}")
    };
    assert!(read(&long("contacts", 20, "a@b.example")).is_ok());
    let entry =
        |entry: &str| format!("clients: {{acme: }}\ntimeline:\n  - {{on: 2026-01-05{entry}}}\n");
    for (timeline, expected) in [
        (entry(""), "t.yaml:3: timeline[0]: expected an act or `expect` beside `on`, got none"),
        (
            entry(", isue: {client: acme}"),
            "timeline[0].isue: unknown act \"isue\", the nearest known one is issue",
        ),
        (
            entry(", issue: {client: acm, invoice: A-1, amount: 1}"),
            "client: unknown client acm, the nearest known one is acme",
        ),
        (
            "clients: {acme: {class: defalt}}\ntimeline: []\n".to_owned(),
            "class: unknown class defalt, the nearest known one is default",
        ),
        (
            entry(", issue: {client: acme, invoice: A-1, amount: 1, refused: 7}"),
            "a part of the refusal's text",
        ),
        (long("contacts", 21, "a@b.example"), "contacts: expected at most 20, got 21"),
        (long("contacts", 1, "ann"), "an e-mail address such as ann@acme.example"),
        (long("contacts", 1, "\"ann@\""), "an e-mail address such as ann@acme.example"),
        (long("contacts", 1, "\"@acme.example\""), "an e-mail address such as ann@acme.example"),
    ] {
        let error = read(&timeline).err().unwrap();
        assert!(error.starts_with("t.yaml") && error.contains(expected), "{error}");
    }
}

#[test]
fn let_10_an_address_of_a_timeline_is_written_to_as_it_stands_there() {
    let timeline = format!("clients: {{acme: {{contacts: [ann@acme.example]}}}}\n{ENTRY}");
    let timeline = read(&timeline).unwrap();
    let rehearsal = Rehearsal::new(&timeline);
    let acme = &rehearsal.accounts()[&"acme".parse().unwrap()];
    assert_eq!(acme.profile.contacts[0].address.as_str(), "ann@acme.example");
}

#[test]
fn test_2_a_refusal_may_be_expected_without_its_text() {
    let report = report(
        "clients: {acme: }\ntimeline:\n  - {on: 2026-01-05, void: {client: acme, invoice: A-1, by: pat, role: partner, reason: twice, refused: \"\"}}\n",
    );
    assert!(report.has_passed(), "{}", report.to_text());
}

//! A second file: larger payments, conflicts, other people's numbers.

use domain::command::{Command, News};
use domain::id::ClientId;
use domain::payment::{Method, Seen};
use domain::role::Actor;
use services::execute::{Caller, execute};
use services::import::mapping::Mapping;
use services::import::run::{ImportError, Options};

use crate::common::{embedded, usd};
use crate::desk::*;

fn acme() -> ClientId {
    "acme".parse().unwrap()
}

#[tokio::test]
async fn a_larger_payment_is_recorded_and_everything_else_that_differs_is_told() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    imported(
        &firm,
        file(&[
            "acme,A-1,2026-08-01,,100,40,2026-08-20",
            "acme,A-2,2026-08-01,,100,100,2026-08-20",
            "acme,A-3,2026-08-01,,100",
            "acme,A-4,2026-08-01,,100",
            "bigco,B-1,2026-08-01,,100,40",
        ]),
    )
    .await;
    let second = file(&[
        "acme,A-1,2026-08-01,,100,70,2026-09-01",
        "acme,A-2,2026-08-01,,100,90,2026-08-20",
        "acme,A-3,2026-08-01,,120",
        "acme,A-5,2026-09-01,,50",
        "bigco,A-4,2026-08-01,,100",
        "bigco,B-1,2026-08-01,,100,,2026-09-03",
        "newco,A-1,2026-08-01,,100",
    ]);
    // A number twice in one file is a bad row; the other way round it is another client's here.
    let bad = try_import(&firm, second.as_bytes(), &Mapping::default(), &Options::default()).await;
    let Err(ImportError::Bad(ledger)) = bad else { panic!("{bad:?}") };
    assert_eq!(ledger.faults[0].line, 8);
    let second = second.replace("newco,A-1", "newco,A-2").replace("acme,A-2", "acme,A-9");
    let dry = Options { is_dry_run: true, ..Options::default() };
    let would = try_import(&firm, second.as_bytes(), &Mapping::default(), &dry).await.unwrap();
    let report = imported(&firm, &second).await;
    assert_eq!(would, report, "a dry run finds others' numbers too");
    assert_eq!(
        outcomes(&report),
        ["paid", "created", "conflict", "created", "conflict", "paid", "conflict"]
    );
    let told: Vec<_> = report
        .rows
        .iter()
        .flat_map(|row| row.differences.iter().map(|d| format!("{}: {d}", row.line)))
        .collect();
    assert_eq!(
        told,
        [
            "4: amount is \"100.00\" here and \"120.00\" in the file",
            "6: client is \"acme\" here and \"bigco\" in the file",
            "8: client is \"acme\" here and \"newco\" in the file",
        ]
    );
    assert_eq!((report.summary.payments, report.summary.conflicts), (3, 3));
    assert!(!report.summary.is_clean());
    assert!(
        firm.store().load(&"newco".parse().unwrap()).await.unwrap().is_none(),
        "no client for another's invoice"
    );
    let owed: Vec<_> = account(&firm, &acme())
        .await
        .open_invoices()
        .map(|invoice| (invoice.id.to_string(), invoice.balance().amount()))
        .collect();
    let owed: Vec<_> = owed.iter().map(|(id, amount)| (id.as_str(), amount.as_str())).collect();
    assert_eq!(
        owed,
        [
            ("A-1", "30.00"),
            ("A-3", "100.00"),
            ("A-4", "100.00"),
            ("A-5", "50.00"),
            ("A-9", "10.00")
        ]
    );
    // Once more: the payments are known, the conflicts still there.
    let again = imported(&firm, &second).await;
    assert_eq!((again.summary.payments, again.summary.created), (0, 0));
    assert_eq!(again.summary.conflicts, 3);
}

#[tokio::test]
async fn a_closed_invoice_is_compared_too() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let first = file(&["acme,A-1,2026-08-01,,100,100,2026-08-20"]);
    imported(&firm, &first).await;
    assert!(account(&firm, &acme()).await.invoices.is_empty(), "it is history");
    for (row, outcome, field) in [
        ("acme,A-1,2026-08-01,,100,100,2026-08-20", "unchanged", None),
        ("acme,A-1,2026-08-01,,100,60,2026-08-20", "conflict", Some("paid")),
        ("acme,A-1,2026-08-02,,100,100,2026-08-20", "conflict", Some("issued")),
        ("acme,A-1,2026-08-01,,130,130,2026-08-20", "conflict", Some("amount")),
        ("bigco,A-1,2026-08-01,,100,100,2026-08-20", "conflict", Some("client")),
    ] {
        let report = imported(&firm, file(&[row])).await;
        assert_eq!(outcomes(&report), [outcome], "for {row}");
        let fields: Vec<_> = report.rows[0].differences.iter().map(|d| d.field).collect();
        assert_eq!(fields, field.into_iter().collect::<Vec<_>>(), "for {row}");
    }
    assert_eq!(chains(&firm, [acme()].iter()).await[&acme()], 1, "nothing was written since");
}

#[tokio::test]
async fn pay_1_what_a_gateway_told_before_the_ledger_did_is_one_payment() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    imported(&firm, file(&["acme,A-1,2026-08-01,,100"])).await;
    let news = News::Told {
        amount: usd(6_000),
        method: Method::Card,
        invoices: vec!["A-1".parse().unwrap()],
        seen: Seen::Succeeded,
        on: None,
    };
    let payment = "stripe:pi_1".parse().unwrap();
    let command = Command::RecordPayment { payment, news };
    execute(&firm, &acme(), &command, &Caller::new(Actor::Gateway), now()).await.unwrap();
    // The ledger hasn't heard of it yet; then it has; then of a check too.
    for (paid, outcome, balance) in [
        ("0", "conflict", "40.00 USD"),
        ("60", "unchanged", "40.00 USD"),
        ("90", "paid", "10.00 USD"),
    ] {
        let row = format!("acme,A-1,2026-08-01,,100,{paid}");
        let report = imported(&firm, file(&[&row])).await;
        assert_eq!(outcomes(&report), [outcome], "for {row}");
        let account = account(&firm, &acme()).await;
        let balances: Vec<_> = account.open_invoices().map(|i| i.balance().to_string()).collect();
        assert_eq!(balances, [balance], "for {row}");
    }
}

#[tokio::test]
async fn a_known_client_keeps_its_profile_and_is_told_where_the_file_differs() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let header = "client,client_name,contact_email,class,invoice,issued,amount";
    let first = format!("{header}\nacme,Acme,ann@acme.example,,A-1,2026-08-01,100\n");
    imported(&firm, &first).await;
    let second = format!(
        "{header}\nacme,Acme Inc.,bea@acme.example,vip,A-1,2026-08-01,100\nacme,,,,A-2,2026-08-01,100\n"
    );
    let report = imported(&firm, &second).await;
    assert_eq!(outcomes(&report), ["unchanged", "created"]);
    let fields: Vec<_> = report.clients.iter().map(|c| (c.line, c.difference.field)).collect();
    assert_eq!(fields, [(2, "client_name"), (2, "class"), (2, "contact_email")]);
    assert_eq!(report.summary.conflicts, 1, "one line differs");
    let profile = account(&firm, &acme()).await.profile;
    assert_eq!((profile.name.as_str(), profile.class.as_str()), ("Acme", "default"));
    assert_eq!(profile.contacts.len(), 1);
}

#[tokio::test]
async fn a_client_of_many_rows_takes_several_commits() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let rows: Vec<_> = (1..=130)
        .map(|number| format!("acme,A-{number:03},2026-08-01,,100,{}", number % 3 * 50))
        .collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    let file = file(&rows);
    let dry = Options { is_dry_run: true, ..Options::default() };
    let would = try_import(&firm, file.as_bytes(), &Mapping::default(), &dry).await.unwrap();
    let report = imported(&firm, &file).await;
    assert_eq!(would, report);
    assert_eq!(
        (report.summary.created, report.summary.payments, report.summary.opened),
        (130, 87, 1)
    );
    assert_eq!(account(&firm, &acme()).await.open_invoices().count(), 87);
    assert_eq!(chains(&firm, [acme()].iter()).await[&acme()], 6);
    let again = imported(&firm, &file).await;
    assert_eq!((again.summary.unchanged, again.summary.created), (130, 0));
}

#[tokio::test]
async fn pol_1_a_class_without_a_policy_is_a_bad_row() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let header = "client,invoice,issued,amount,class";
    // Before anything is written, and not halfway.
    let file = format!("{header}\nacme,A-1,2026-08-01,100,gold\n");
    let bad = try_import(&firm, file.as_bytes(), &Mapping::default(), &Options::default()).await;
    let Err(ImportError::Bad(ledger)) = bad else { panic!("{bad:?}") };
    assert_eq!(
        ledger.faults[0].to_string(),
        "line 2, column class: \"gold\" is no class with a policy, expected one of: default, vip"
    );
}

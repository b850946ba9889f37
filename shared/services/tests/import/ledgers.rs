//! The ledgers that ship with the project, imported whole.

use std::collections::BTreeMap;

use domain::id::{ClientId, InvoiceId};
use services::day;
use services::import::mapping::Mapping;
use services::import::run::{ImportError, Options, Summary, last_import};
use store::{Order, PageRequest};

use crate::common::{day as date, embedded};
use crate::desk::*;

const SAMPLE: &[u8] = include_bytes!("../../../../tests/data/sample-ledger.csv");
const FOREIGN: &[u8] = include_bytes!("../../../../tests/data/foreign-ledger.csv");
const BAD: &[u8] = include_bytes!("../../../../tests/data/bad-ledger.csv");

const SAMPLE_COLUMNS: [&str; 7] =
    ["client", "amount", "currency", "paid", "paid_on", "disputed", "invoice"];

const FOREIGN_COLUMNS: [&str; 7] =
    ["Customer", "Amt", "Cur", "Amt Rcvd", "Rcvd On", "On Dispute", "Doc No"];

/// As the generator's documentation says.
const FOREIGN_MAP: [&str; 12] = [
    "client=Customer",
    "client_name=Customer Name",
    "contact_email=E-Mail",
    "invoice=Doc No",
    "service_line=Dept",
    "issued=Doc Date",
    "due=Due Date",
    "currency=Cur",
    "amount=Amt",
    "paid=Amt Rcvd",
    "paid_on=Rcvd On",
    "disputed=On Dispute",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_10_the_sample_ledger_is_in_the_table_to_the_cent_and_fires_nothing() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let dry = Options { is_dry_run: true, ..Options::default() };
    let would = try_import(&firm, SAMPLE, &Mapping::default(), &dry).await.unwrap();
    assert!(firm.store().load(&"c-001".parse().unwrap()).await.unwrap().is_none());
    assert!(last_import(&firm).await.unwrap().is_none(), "a dry run leaves nothing");

    let report = imported(&firm, SAMPLE).await;
    let Summary { rows, clients, opened, created, .. } = report.summary;
    assert_eq!((rows, clients, opened, created), (929, 60, 60, 929));
    assert!(report.summary.is_clean() && report.summary.bad == 0);
    assert_eq!(would, report, "a dry run says what will be");
    let last = last_import(&firm).await.unwrap().unwrap();
    assert_eq!((last.day, last.summary), (date(TODAY), report.summary));

    let books = books_of(SAMPLE, SAMPLE_COLUMNS);
    let paid: usize = report.rows.iter().filter(|row| row.payment.is_some()).count();
    assert_eq!(paid, report.summary.payments);
    let mut owed: BTreeMap<String, u64> = BTreeMap::new();
    for (client, expected) in &books {
        assert_eq!(books_in(&firm, client).await, *expected, "the books of {client}");
        for (currency, minor) in &expected.owed {
            *owed.entry(currency.clone()).or_default() += minor;
        }
        let loaded = firm.store().load(client).await.unwrap().unwrap();
        let account = &loaded.account;
        assert!(account.letters.is_empty() && !account.is_locked() && account.tasks.is_empty());
        assert_eq!(account.credits.len(), 0, "no row is paid more than it comes to");
        let next = loaded.next_evaluation();
        assert!(next.is_none_or(|next| date(TODAY) < next), "{client} is due on {next:?}");
        let is_overdue = account
            .open_invoices()
            .any(|invoice| invoice.is_overdue(date(TODAY)) && !invoice.collectable().is_zero());
        assert!(!is_overdue || next == Some(date("2026-10-02")), "{client} is met on {next:?}");
    }
    assert_eq!(owed.len(), 3, "in three currencies: {owed:?}");
    let chains = chains(&firm, books.keys()).await;
    assert!(chains.values().all(|records| (1..=2).contains(records)), "{chains:?}");

    // The same file again changes nothing: no event, no item, no version.
    let again = imported(&firm, SAMPLE).await;
    let Summary { unchanged, created, payments, opened, .. } = again.summary;
    assert_eq!((unchanged, created, payments, opened), (929, 0, 0, 0));
    assert!(again.summary.is_clean());
    assert_eq!(crate::desk::chains(&firm, books.keys()).await, chains);

    // The day of the import itself has nobody due; on the next one the debts are met.
    assert_eq!(day::run(&firm, now()).await.unwrap().evaluated, 0);
    let firm = next_day(&dynamo).await;
    let ran = day::run(&firm, now()).await.unwrap();
    assert_eq!(ran.failed.len(), 0);
    assert!(0 < ran.evaluated, "their first evaluation");
    let c_001 = account(&firm, &"c-001".parse().unwrap()).await;
    assert!(c_001.lock().is_none(), "nobody is locked before a warning (LOCK-7)");
    assert!(!c_001.letters.is_empty(), "but warned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_ledger_of_four_thousand_rows_is_in_the_table_to_the_cent() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let mapping = mapping(&FOREIGN_MAP);
    let seen = std::sync::Mutex::new(Vec::new());
    let watch = |progress| seen.lock().unwrap().push(progress);
    let options = Options::default();
    let report =
        services::import::run::import(&firm, FOREIGN, &mapping, &options, &watch, now()).await;
    let report = report.unwrap();
    assert_eq!((report.summary.created, report.summary.clients), (4_000, 300));
    let seen = seen.into_inner().unwrap();
    assert!(seen.windows(2).all(|pair| pair[0].done < pair[1].done));
    assert_eq!(seen.last().map(|last| (last.done, last.of)), Some((4_000, 4_000)));
    let books = books_of(FOREIGN, FOREIGN_COLUMNS);
    for (client, expected) in &books {
        assert_eq!(books_in(&firm, client).await, *expected, "the books of {client}");
    }
    let again = try_import(&firm, FOREIGN, &mapping, &Options::default()).await.unwrap();
    assert_eq!((again.summary.unchanged, again.summary.payments), (4_000, 0));
}

#[tokio::test]
async fn of_a_bad_file_nothing_is_imported_unless_its_bad_rows_are_left_out() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let all = try_import(&firm, BAD, &Mapping::default(), &Options::default()).await;
    let Err(ImportError::Bad(ledger)) = all else { panic!("{all:?}") };
    assert_eq!((ledger.bad_rows(), ledger.rows.len()), (27, 2));
    for client in ["c-101", "c-102"] {
        assert!(firm.store().load(&client.parse().unwrap()).await.unwrap().is_none());
    }
    let skip = Options { skip_bad: true, ..Options::default() };
    let report = try_import(&firm, BAD, &Mapping::default(), &skip).await.unwrap();
    assert_eq!((report.summary.created, report.summary.bad, report.faults.len()), (2, 27, 27));
    let deli = account(&firm, &"c-102".parse().unwrap()).await;
    let owed: Vec<_> = deli.open_invoices().map(|i| i.balance().to_string()).collect();
    assert_eq!(owed, ["50.00 USD"]);
    assert_eq!(deli.profile.name.as_str(), "Second Street Deli");
}

#[tokio::test]
async fn aud_1_the_record_of_an_import_names_the_import_and_the_file() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let client: ClientId = "acme".parse().unwrap();
    imported(&firm, file(&["acme,A-1,2026-08-01,,100,40,2026-08-20,yes"])).await;
    let page = PageRequest::default();
    let records = firm.store().records(&client, Order::Oldest, &page).await.unwrap().items;
    let [record] = &records[..] else { panic!("one commit: {records:?}") };
    assert_eq!(record.body.command, "import");
    assert_eq!(record.body.actor, domain::role::Actor::Import);
    let request = record.body.request_id.as_deref().unwrap();
    assert!(request.starts_with("import:sha256:") && request.len() == 14 + 64, "{request}");
    let names: Vec<_> = record.body.events.iter().flat_map(|event| event.as_object()).collect();
    let names: Vec<_> = names.iter().flat_map(|event| event.keys()).collect();
    assert_eq!(names, ["account_opened", "invoice_issued", "payment_changed", "dispute_begun"]);
    let invoice: InvoiceId = "A-1".parse().unwrap();
    let account = account(&firm, &client).await;
    assert_eq!(account.invoices[&invoice].collectable().to_string(), "0.00 USD");
}

//! A firm that imports, and the books of a file as anybody would add them up.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::account::Account;
use domain::id::ClientId;
use domain::policy::read::preset_text;
use services::firm::Firm;
use services::import::mapping::{Mapping, Pair};
use services::import::plan::RowReport;
use services::import::run::{ImportError, Options, Report, import};
use store::{Dynamo, FirmChange, FirmCommit, FirmSettings, PageRequest, Store, Verdict};

use crate::common::{at, firm as firm_id, meta, open_firm};

/// The firm's day: the one after the sample ledger ends.
pub const TODAY: &str = "2026-10-01";

/// A test firm in New York, with the preset `cpa` for the classes `default` and `vip`.
pub async fn firm(dynamo: &Dynamo) -> Firm {
    let store = Store::new(dynamo.clone(), firm_id());
    let mut settings = FirmSettings::new("Bea & Partners", "America/New_York".parse().unwrap());
    settings.is_test = true;
    settings.test_clock = Some(at("2026-10-01T16:00:00Z"));
    let cpa = preset_text("cpa").unwrap();
    open_firm(&store, &settings, &[("default", cpa), ("vip", cpa)], &meta("open")).await;
    reopened(dynamo).await
}

/// The firm as another process sees it.
pub async fn reopened(dynamo: &Dynamo) -> Firm {
    Firm::open(dynamo.clone(), firm_id()).await.unwrap().unwrap()
}

/// The firm a day later.
pub async fn next_day(dynamo: &Dynamo) -> Firm {
    let store = Store::new(dynamo.clone(), firm_id());
    let loaded = store.load_firm().await.unwrap().unwrap();
    let mut settings = loaded.settings.clone();
    settings.test_clock = settings.test_clock.map(|clock| clock + chrono::TimeDelta::days(1));
    let change = FirmChange::Settings(settings);
    assert_eq!(
        store.change_firm(&loaded, &change, &meta("clock")).await.unwrap(),
        FirmCommit::Done
    );
    reopened(dynamo).await
}

/// Any instant: the firm's clock is its own.
pub fn now() -> DateTime<Utc> {
    at("2026-11-20T12:00:00Z")
}

pub fn mapping(pairs: &[&str]) -> Mapping {
    Mapping::new(pairs.iter().map(|pair| pair.parse::<Pair>().unwrap())).unwrap()
}

pub async fn try_import(
    firm: &Firm,
    bytes: &[u8],
    mapping: &Mapping,
    options: &Options,
) -> Result<Report, ImportError> {
    import(firm, bytes, mapping, options, &|_| {}, now()).await
}

/// Imports a file of our own format.
pub async fn imported(firm: &Firm, file: impl AsRef<[u8]>) -> Report {
    try_import(firm, file.as_ref(), &Mapping::default(), &Options::default()).await.unwrap()
}

/// A file with the columns that most tests need.
pub fn file(rows: &[&str]) -> String {
    let header = "client,invoice,issued,due,amount,paid,paid_on,disputed,currency";
    let cells = header.split(',').count();
    let whole = |row: &&str| {
        let missing = cells - row.split(',').count();
        format!("{row}{}", ",".repeat(missing))
    };
    let rows: Vec<_> = rows.iter().map(whole).collect();
    format!("{header}\n{}\n", rows.join("\n"))
}

/// What became of each row, in a word.
pub fn outcomes(report: &Report) -> Vec<&'static str> {
    report.rows.iter().map(|row: &RowReport| row.outcome.as_str()).collect()
}

pub async fn account(firm: &Firm, client: &ClientId) -> Account {
    firm.store().load(client).await.unwrap().unwrap().account
}

/// How many records each client's chain has; each was walked.
pub async fn chains(
    firm: &Firm,
    clients: impl Iterator<Item = &ClientId>,
) -> BTreeMap<ClientId, u64> {
    let mut chains = BTreeMap::new();
    for client in clients {
        let Verdict::Whole { records } = firm.store().verify(client).await.unwrap() else {
            panic!("the chain of {client} is broken");
        };
        chains.insert(client.clone(), records);
    }
    chains
}

/// A ledger in numbers, per currency in minor units.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Books {
    pub invoices: usize,
    pub open: usize,
    pub disputed: usize,
    pub billed: BTreeMap<String, u64>,
    pub owed: BTreeMap<String, u64>,
    /// Owed, and not disputed.
    pub collectable: BTreeMap<String, u64>,
}

impl Books {
    pub fn add(&mut self, currency: &str, billed: u64, owed: u64, is_disputed: bool) {
        self.invoices += 1;
        *self.billed.entry(currency.to_owned()).or_default() += billed;
        if 0 < owed {
            self.open += 1;
            self.disputed += usize::from(is_disputed);
            *self.owed.entry(currency.to_owned()).or_default() += owed;
            *self.collectable.entry(currency.to_owned()).or_default() +=
                if is_disputed { 0 } else { owed };
        }
    }
}

/// The books of a file, read in the plainest way.
pub fn books_of(bytes: &[u8], columns: [&str; 7]) -> BTreeMap<ClientId, Books> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().unwrap().clone();
    let place = |column: &str| {
        header.iter().position(|name| name.trim_start_matches('\u{feff}') == column).unwrap()
    };
    let [client, amount, currency, paid, paid_on, disputed, _] = columns.map(place);
    let mut books: BTreeMap<ClientId, Books> = BTreeMap::new();
    for row in reader.records() {
        let row = row.unwrap();
        let minor = |text: &str| -> u64 {
            if text.is_empty() { 0 } else { text.replace('.', "").parse().unwrap() }
        };
        let billed = minor(&row[amount]);
        let is_paid_in_full = row[paid].is_empty() && !row[paid_on].is_empty();
        let owed = billed - if is_paid_in_full { billed } else { minor(&row[paid]) };
        let is_disputed = &row[disputed] == "yes";
        let client = row[client].parse().unwrap();
        books.entry(client).or_default().add(&row[currency], billed, owed, is_disputed);
    }
    books
}

/// The books of a client as the table has them.
pub async fn books_in(firm: &Firm, client: &ClientId) -> Books {
    let mut books = Books::default();
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
        let listed = firm.store().invoices(client, &page).await.unwrap();
        for invoice in listed.items {
            let (total, balance) = (invoice.total, invoice.balance());
            let is_disputed = invoice.dispute.is_some();
            books.add(total.currency().code(), total.minor(), balance.minor(), is_disputed);
        }
        cursor = listed.next;
        if cursor.is_none() {
            return books;
        }
    }
}

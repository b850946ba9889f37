//! The sample ledger: sixty clients of an accounting practice, October 2024 to September 2026.
//!
//! The running work is drawn per client from a seed of its own, so that a change to one client moves no
//! other row; what the ledger is to show at its end is written down in [`ENDING`]. Rows stand in the
//! order of issue and are numbered in it, as a practice's own system would.

use anyhow::Result;
use chrono::{Datelike, Days, NaiveDate};

use super::clients::{CLIENTS, Cadence, Client, Habit};
use super::money::Currency;
use super::random::Random;

/// The first and the last month of the ledger.
const MONTHS: std::ops::RangeInclusive<(i32, u32)> = (2024, 10)..=(2026, 9);

/// The last day that the ledger knows of: no payment is later.
const LAST_DAY: (i32, u32, u32) = (2026, 9, 30);

/// Of the first client; each of the others has the next. Any number does; this one draws the committed file.
const SEED: u64 = 482_906_109_027;

/// The header of the import format, in its order.
const HEADER: [&str; 14] = [
    "client",
    "client_name",
    "contact_email",
    "class",
    "invoice",
    "kind",
    "service_line",
    "issued",
    "due",
    "currency",
    "amount",
    "paid",
    "paid_on",
    "disputed",
];

/// What was paid of an invoice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paid {
    Nothing,
    /// All of it, on a day; the row says how much, or leaves that to the format.
    InFull {
        on: NaiveDate,
        is_amount_named: bool,
    },
    /// So many minor units, on a day.
    Part {
        minor: u64,
        on: NaiveDate,
    },
}

/// One row, before it is numbered.
struct Invoice {
    client: usize,
    is_out_of_turn: bool,
    service_line: &'static str,
    issued: NaiveDate,
    due: Option<NaiveDate>,
    currency: Currency,
    minor: u64,
    paid: Paid,
    disputed: &'static str,
}

impl Invoice {
    /// The due date as the policy's default terms make it: net 30, or net 6 out of turn.
    fn due(&self) -> NaiveDate {
        self.due.unwrap_or_else(|| after(self.issued, if self.is_out_of_turn { 6 } else { 30 }))
    }
}

/// An invoice at the end of the ledger that is there for what it shows.
struct Scene {
    /// Of [`CLIENTS`], from 1.
    client: usize,
    issued: (u32, u32),
    due: Option<(u32, u32)>,
    is_out_of_turn: bool,
    service_line: &'static str,
    dollars: u64,
    currency: Option<Currency>,
    /// Percent of it that was paid, and when.
    paid: Option<(u64, (u32, u32))>,
    disputed: &'static str,
}

const fn scene(
    client: usize,
    issued: (u32, u32),
    service_line: &'static str,
    dollars: u64,
) -> Scene {
    Scene {
        client,
        issued,
        due: None,
        is_out_of_turn: false,
        service_line,
        dollars,
        currency: None,
        paid: None,
        disputed: "",
    }
}

/// All of it is in 2026.
const ENDING: [Scene; 18] = [
    // One more client reaches thirty days overdue every few days of October.
    scene(3, (8, 7), "accounting", 310),
    Scene { paid: Some((40, (9, 2))), ..scene(8, (8, 12), "tax", 640) },
    scene(41, (8, 14), "tax", 880),
    scene(19, (8, 19), "tax", 520),
    Scene { due: Some((9, 24)), ..scene(26, (8, 25), "accounting", 275) },
    Scene { is_out_of_turn: true, ..scene(38, (9, 21), "accounting", 190) },
    Scene { paid: Some((65, (9, 28))), ..scene(57, (8, 30), "tax", 455) },
    // Three small ones, none of them old: the count rule.
    Scene { is_out_of_turn: true, ..scene(30, (9, 8), "accounting", 145) },
    Scene { is_out_of_turn: true, ..scene(30, (9, 15), "accounting", 160) },
    Scene { is_out_of_turn: true, disputed: "no", ..scene(30, (9, 18), "tax", 95) },
    // Disputes: the whole, with a part paid, not yet due, and one that was settled by paying.
    Scene { disputed: "yes", ..scene(17, (7, 20), "tax", 730) },
    Scene { disputed: "yes", paid: Some((50, (8, 18))), ..scene(33, (7, 6), "accounting", 415) },
    Scene { disputed: "yes", ..scene(44, (9, 17), "tax", 1_900) },
    Scene { disputed: "yes", ..scene(22, (6, 23), "audit", 2_600) },
    Scene { disputed: "yes", paid: Some((100, (9, 9))), ..scene(52, (8, 3), "tax", 1_240) },
    // Clients that owe in two currencies.
    Scene { currency: Some(Currency::Eur), ..scene(15, (9, 11), "audit", 1_350) },
    Scene { currency: Some(Currency::Usd), ..scene(29, (9, 4), "tax", 780) },
    Scene { currency: Some(Currency::Jpy), ..scene(58, (9, 22), "tax", 930) },
];

/// The file.
pub fn ledger() -> Result<Vec<u8>> {
    let mut invoices: Vec<Invoice> =
        CLIENTS.iter().enumerate().flat_map(|(index, client)| history(index, client)).collect();
    invoices.extend(ENDING.iter().map(played));
    invoices.sort_by_key(|invoice| (invoice.issued, invoice.client));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for (number, invoice) in invoices.iter().enumerate() {
        writer.write_record(row(number + 1, invoice))?;
    }
    Ok(writer.into_inner()?)
}

fn row(number: usize, invoice: &Invoice) -> [String; 14] {
    let client = &CLIENTS[invoice.client];
    let amount = invoice.currency.text(invoice.minor);
    let (paid, paid_on) = match invoice.paid {
        Paid::Nothing => (String::new(), String::new()),
        Paid::InFull { on, is_amount_named: true } => (amount.clone(), on.to_string()),
        Paid::InFull { on, is_amount_named: false } => (String::new(), on.to_string()),
        Paid::Part { minor, on } => (invoice.currency.text(minor), on.to_string()),
    };
    [
        format!("c-{:03}", invoice.client + 1),
        client.name.to_owned(),
        client.email.to_owned(),
        if invoice.client % 7 == 6 { "" } else { "default" }.to_owned(),
        format!("INV-{}-{number:04}", invoice.issued.year()),
        kind(invoice).to_owned(),
        invoice.service_line.to_owned(),
        invoice.issued.to_string(),
        invoice.due.map(|due| due.to_string()).unwrap_or_default(),
        invoice.currency.code().to_owned(),
        amount,
        paid,
        paid_on,
        invoice.disputed.to_owned(),
    ]
}

/// Some rows leave the kind to the format's default.
fn kind(invoice: &Invoice) -> &'static str {
    match (invoice.is_out_of_turn, invoice.client % 9) {
        (true, _) => "out_of_turn",
        (false, 4) => "",
        (false, _) => "regular",
    }
}

/// All that a client was billed over the two years, scenes apart.
fn history(index: usize, client: &Client) -> Vec<Invoice> {
    let mut random = Random::seeded(SEED + index as u64);
    let mut invoices = Vec::new();
    for (year, month) in months() {
        if let Some(line) = running_work(client.cadence, month) {
            invoices.push(billed(&mut random, index, (year, month), line, false));
        }
        if is_tax_season(month, index) && random.in_percent(70) {
            invoices.push(billed(&mut random, index, (year, month), "tax", false));
        }
        if random.in_percent(4) && (year, month) < (2026, 8) {
            let line = random.one_of(&["tax", "accounting", "bookkeeping"]);
            invoices.push(billed(&mut random, index, (year, month), line, true));
        }
    }
    invoices
}

fn months() -> impl Iterator<Item = (i32, u32)> {
    (2024..=2026)
        .flat_map(|year| (1..=12).map(move |month| (year, month)))
        .filter(|month| MONTHS.contains(month))
}

fn running_work(cadence: Cadence, month: u32) -> Option<&'static str> {
    match cadence {
        Cadence::Monthly => Some("bookkeeping"),
        Cadence::Quarterly => (month % 3 == 1).then_some("accounting"),
        Cadence::Yearly => matches!(month, 3 | 9).then_some("audit"),
    }
}

/// A client's return is made in February, March or April.
fn is_tax_season(month: u32, index: usize) -> bool {
    month == 2 + index as u32 % 3
}

fn billed(
    random: &mut Random,
    index: usize,
    (year, month): (i32, u32),
    service_line: &'static str,
    is_out_of_turn: bool,
) -> Invoice {
    let client = &CLIENTS[index];
    let day = match service_line {
        "bookkeeping" | "accounting" if !is_out_of_turn => random.between(1, 4),
        _ => random.between(8, 26),
    };
    let issued = date((year, month, day as u32));
    let minor = amount(random, client, service_line, is_out_of_turn);
    let due = given_due(random, issued, is_out_of_turn);
    let mut invoice = Invoice {
        client: index,
        is_out_of_turn,
        service_line,
        issued,
        due,
        currency: client.currency,
        minor,
        paid: Paid::Nothing,
        disputed: if random.in_percent(5) { "no" } else { "" },
    };
    invoice.paid = payment(random, client.habit, &invoice);
    invoice
}

/// The client's fee, a few percent up or down, and to the cent where there are cents.
fn amount(random: &mut Random, client: &Client, service_line: &str, is_out_of_turn: bool) -> u64 {
    let dollars = match (is_out_of_turn, service_line) {
        (true, _) => random.between(60, 240),
        (false, "tax") => random.between(350, 2_400),
        (false, _) => client.fee_dollars,
    };
    let percent = random.between(92, 108);
    client.currency.of_dollars(dollars) * percent / 100 + random.between(0, 99)
}

/// Four in ten rows name their due date: most the usual one, some another.
fn given_due(random: &mut Random, issued: NaiveDate, is_out_of_turn: bool) -> Option<NaiveDate> {
    let is_given = random.in_percent(40);
    let usual = random.in_percent(75);
    let other = random.one_of(&[15, 20, 45]);
    is_given.then(|| match (is_out_of_turn, usual) {
        (true, _) => after(issued, 6),
        (false, true) => after(issued, 30),
        (false, false) => after(issued, other),
    })
}

fn payment(random: &mut Random, habit: Habit, invoice: &Invoice) -> Paid {
    // Drawn for every habit alike, so that another habit leaves the other rows as they are.
    let soon =
        after(invoice.issued, random.between(1, if invoice.is_out_of_turn { 5 } else { 12 }));
    let days_early = random.between(0, 3);
    let days_late = random.between(2, 24);
    let is_amount_named = random.in_percent(50);
    let in_full = |on| Paid::InFull { on, is_amount_named };
    let since = |year, month| date((year, month, 1)) <= invoice.issued;
    let paid = match habit {
        Habit::Prompt => in_full(soon),
        Habit::OnDue => in_full(invoice.due() - Days::new(days_early)),
        Habit::Late => in_full(after(invoice.due(), days_late)),
        Habit::Stops(year, month) if since(year, month) => Paid::Nothing,
        Habit::PartOnly(year, month) if since(year, month) => {
            Paid::Part { minor: invoice.minor / 2, on: after(invoice.issued, 20) }
        }
        Habit::Stops(..) | Habit::PartOnly(..) => in_full(soon),
    };
    known(paid)
}

/// What the ledger doesn't know of yet hasn't happened.
fn known(paid: Paid) -> Paid {
    match paid {
        Paid::InFull { on, .. } | Paid::Part { on, .. } if date(LAST_DAY) < on => Paid::Nothing,
        Paid::InFull { .. } | Paid::Part { .. } | Paid::Nothing => paid,
    }
}

fn played(scene: &Scene) -> Invoice {
    let in_2026 = |(month, day)| date((2026, month, day));
    let currency = scene.currency.unwrap_or(CLIENTS[scene.client - 1].currency);
    let minor = currency.of_dollars(scene.dollars);
    let paid = scene.paid.map_or(Paid::Nothing, |(percent, on)| match percent {
        100 => Paid::InFull { on: in_2026(on), is_amount_named: true },
        _ => Paid::Part { minor: minor * percent / 100, on: in_2026(on) },
    });
    Invoice {
        client: scene.client - 1,
        is_out_of_turn: scene.is_out_of_turn,
        service_line: scene.service_line,
        issued: in_2026(scene.issued),
        due: scene.due.map(in_2026),
        currency,
        minor,
        paid,
        disputed: scene.disputed,
    }
}

fn after(day: NaiveDate, days: u64) -> NaiveDate {
    day + Days::new(days)
}

/// Only for dates that exist, which all that are drawn or written here do: the last day drawn is the 26th.
fn date((year, month, day): (i32, u32, u32)) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// A row as a reader of the file sees it.
    struct Row(Vec<String>);

    impl Row {
        fn get(&self, column: &str) -> &str {
            let index = HEADER.iter().position(|name| *name == column).unwrap();
            &self.0[index]
        }

        fn day(&self, column: &str) -> Option<NaiveDate> {
            let text = self.get(column);
            (!text.is_empty()).then(|| text.parse().unwrap())
        }

        fn due(&self) -> NaiveDate {
            let terms = if self.get("kind") == "out_of_turn" { 6 } else { 30 };
            self.day("due").unwrap_or_else(|| after(self.day("issued").unwrap(), terms))
        }

        fn is_partly_paid(&self) -> bool {
            !self.get("paid").is_empty() && self.get("paid") != self.get("amount")
        }

        /// Open, and nothing of it disputed.
        fn is_collected(&self) -> bool {
            let is_open = self.get("paid_on").is_empty() || self.is_partly_paid();
            is_open && self.get("disputed") != "yes"
        }
    }

    fn rows() -> Vec<Row> {
        let bytes = ledger().unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(reader.headers().unwrap(), HEADER.as_slice());
        let row = |record: csv::StringRecord| Row(record.iter().map(str::to_owned).collect());
        reader.records().map(|record| row(record.unwrap())).collect()
    }

    fn distinct<'a>(rows: &'a [Row], column: &str) -> BTreeSet<&'a str> {
        rows.iter().map(|row| row.get(column)).collect()
    }

    #[test]
    fn has_all_that_an_import_must_cope_with() {
        let rows = rows();
        assert!(500 <= rows.len(), "{} invoices", rows.len());
        assert_eq!(distinct(&rows, "client").len(), 60);
        assert_eq!(distinct(&rows, "invoice").len(), rows.len());
        assert_eq!(distinct(&rows, "currency"), ["EUR", "JPY", "USD"].into());
        assert_eq!(distinct(&rows, "kind"), ["", "out_of_turn", "regular"].into());
        assert_eq!(
            distinct(&rows, "service_line"),
            ["accounting", "audit", "bookkeeping", "tax"].into()
        );
        assert_eq!(distinct(&rows, "disputed"), ["", "no", "yes"].into());
        for (what, count, at_least) in [
            ("partly paid", rows.iter().filter(|row| row.is_partly_paid()).count(), 10),
            ("disputed", rows.iter().filter(|row| row.get("disputed") == "yes").count(), 5),
            ("due date given", rows.iter().filter(|row| !row.get("due").is_empty()).count(), 200),
            ("due date left out", rows.iter().filter(|row| row.get("due").is_empty()).count(), 200),
        ] {
            assert!(at_least <= count, "{what}: {count} rows");
        }
        let names = distinct(&rows, "client_name");
        for part in [",", "\"", "'", "ü", "株"] {
            assert!(names.iter().any(|name| name.contains(part)), "no name with {part}");
        }
        assert!(names.iter().any(|name| 120 < name.len()), "no long name");
    }

    #[test]
    fn every_row_can_be_true() {
        let (first, last) = (date((2024, 10, 1)), date(LAST_DAY));
        for row in rows() {
            let invoice = row.get("invoice");
            let issued = row.day("issued").unwrap();
            assert!(first <= issued && issued <= last, "{invoice} is outside of the two years");
            assert!(issued <= row.due(), "{invoice} is due before it was issued");
            if let Some(paid_on) = row.day("paid_on") {
                assert!(issued <= paid_on && paid_on <= last, "{invoice} was paid on {paid_on}");
            }
            let has_decimals = row.get("amount").contains('.');
            assert_eq!(has_decimals, row.get("currency") != "JPY", "{invoice} has wrong decimals");
            let email = row.get("contact_email");
            assert!(email.is_empty() || email.ends_with(".example"), "{email} could be somebody's");
        }
    }

    /// The clients that have `days` overdue on an invoice, or three overdue, on `day`.
    fn lockable(rows: &[Row], day: NaiveDate) -> BTreeSet<&str> {
        let mut overdue: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.is_collected() && row.due() < day) {
            overdue.entry(row.get("client")).or_default().push((day - row.due()).num_days());
        }
        let is_lockable = |days: &Vec<i64>| 3 <= days.len() || days.iter().any(|days| 30 <= *days);
        overdue
            .into_iter()
            .filter(|(_, days)| is_lockable(days))
            .map(|(client, _)| client)
            .collect()
    }

    #[test]
    fn october_locks_a_few_at_first_and_then_one_by_one() {
        let rows = rows();
        let on = |day| lockable(&rows, date((2026, 10, day)));
        // c-021 has nobody to write to: a task instead of a lock.
        assert_eq!(on(1), ["c-001", "c-014", "c-021", "c-025", "c-030"].into());
        let mut before = on(1);
        for day in 2..=31 {
            let now = on(day);
            let new: Vec<_> = now.difference(&before).collect();
            assert!(new.len() <= 2, "{new:?} on October {day}");
            before = now;
        }
        assert!(before.len() < 20, "{before:?}");
        assert!(10 <= before.len(), "{before:?}");
    }
}

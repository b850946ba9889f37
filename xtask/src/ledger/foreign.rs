//! A ledger as another system exports it: some thousand rows, other headers in another order, American
//! dates, columns that we know nothing of, a byte order mark and Windows line ends.
//!
//! To be imported with
//!
//! ```text
//! --map client=Customer --map client_name="Customer Name" --map contact_email=E-Mail --map invoice="Doc No"
//! --map service_line=Dept --map issued="Doc Date" --map due="Due Date" --map currency=Cur --map amount=Amt
//! --map paid="Amt Rcvd" --map paid_on="Rcvd On" --map disputed="On Dispute"
//! ```

use anyhow::Result;
use chrono::{Datelike, Days, NaiveDate};

use super::money::Currency;
use super::random::Random;

/// A few thousand: enough for a progress bar to be of use.
const INVOICES: u32 = 4_000;

/// Enough for many shards and pages.
const CUSTOMERS: usize = 300;

/// Any number does; this one draws the committed file.
const SEED: u64 = 28_832_984_742_848_366;

const HEADER: [&str; 15] = [
    "Doc No",
    "Doc Type",
    "Customer",
    "Customer Name",
    "Doc Date",
    "Due Date",
    "Amt",
    "Cur",
    "Amt Rcvd",
    "Rcvd On",
    "Dept",
    "On Dispute",
    "E-Mail",
    "Memo",
    "Rep",
];

const FIRST_WORDS: [&str; 20] = [
    "Amber", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Garnet", "Hazel", "Indigo", "Jasper",
    "Keystone", "Larch", "Mistral", "Nordlys", "Onyx", "Prärie", "Quartz", "Rowan", "Sable",
    "Tundra",
];

const SECOND_WORDS: [&str; 15] = [
    "Bearings",
    "Catering",
    "Drywall",
    "Ecology",
    "Films",
    "Gaskets",
    "Haulage",
    "Imaging",
    "Joinery",
    "Kennels",
    "Lighting",
    "Millwork",
    "Nurseries",
    "Optics",
    "Plumbing",
];

const FORMS: [&str; 5] = [", Inc.", " LLC", " & Co.", ", P.C.", " \"Since 1978\""];

/// What the other system's people wrote; nothing that we read.
const MEMOS: [&str; 6] = [
    "",
    "",
    "see e-mail, 2nd page",
    "\"rush\" job",
    "net terms as agreed; call first",
    "two lines,\nas typed",
];

/// One customer of the other system.
struct Customer {
    id: String,
    name: String,
    email: String,
    currency: Currency,
    /// Chance of being late, and of not paying at all, in percent.
    late_percent: u64,
    unpaid_percent: u64,
}

/// The file.
pub fn ledger() -> Result<Vec<u8>> {
    let mut random = Random::seeded(SEED);
    let customers: Vec<Customer> =
        (0..CUSTOMERS).map(|index| customer(&mut random, index)).collect();
    let byte_order_mark = "\u{feff}".as_bytes().to_vec();
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(byte_order_mark);
    writer.write_record(HEADER)?;
    for number in 0..INVOICES {
        let customer = &customers[random.between(0, CUSTOMERS as u64 - 1) as usize];
        writer.write_record(row(&mut random, number, customer))?;
    }
    Ok(writer.into_inner()?)
}

fn customer(random: &mut Random, index: usize) -> Customer {
    let first = FIRST_WORDS[index % FIRST_WORDS.len()];
    let second = SECOND_WORDS[index / FIRST_WORDS.len() % SECOND_WORDS.len()];
    let (late_percent, unpaid_percent) = match random.between(1, 20) {
        1 => (30, 40),
        2..=4 => (60, 0),
        _ => (3, 0),
    };
    let id = 10_000 + index * 7;
    Customer {
        id: format!("CU{id}"),
        name: format!("{first} {second}{}", random.one_of(&FORMS)),
        email: format!("ap{id}@customers.example"),
        currency: random.one_of(&[
            Currency::Usd,
            Currency::Usd,
            Currency::Usd,
            Currency::Usd,
            Currency::Usd,
            Currency::Usd,
            Currency::Eur,
            Currency::Jpy,
        ]),
        late_percent,
        unpaid_percent,
    }
}

fn row(random: &mut Random, number: u32, customer: &Customer) -> [String; 15] {
    // Rows come in the order of issue: two years over all of them.
    let issued = first_day() + Days::new(u64::from(number) * 729 / u64::from(INVOICES));
    let due = issued + Days::new(random.one_of(&[15, 30, 30, 30, 45]));
    let minor = customer.currency.of_dollars(random.between(40, 3_500)) + random.between(0, 99);
    let (received, received_on) = received(random, customer, issued, due, minor);
    let money =
        |minor: Option<u64>| minor.map(|minor| customer.currency.text(minor)).unwrap_or_default();
    let is_disputed = received.is_none() && random.in_percent(4);
    [
        format!("SO-{:06}", 400_000 + number),
        "Invoice".to_owned(),
        customer.id.clone(),
        customer.name.clone(),
        american(issued),
        american(due),
        money(Some(minor)),
        customer.currency.code().to_owned(),
        money(received),
        received_on.map(american).unwrap_or_default(),
        random.one_of(&["tax", "accounting", "bookkeeping", "audit", ""]).to_owned(),
        if is_disputed { "yes" } else { "no" }.to_owned(),
        customer.email.clone(),
        random.one_of(&MEMOS).to_owned(),
        format!("R{}", random.between(1, 9)),
    ]
}

/// What came in, and when: as it would have, up to the day of the export.
fn received(
    random: &mut Random,
    customer: &Customer,
    issued: NaiveDate,
    due: NaiveDate,
    minor: u64,
) -> (Option<u64>, Option<NaiveDate>) {
    let is_late = random.in_percent(customer.late_percent);
    let is_unpaid = random.in_percent(customer.unpaid_percent);
    let is_part = random.in_percent(1);
    let on = match is_late {
        true => due + Days::new(random.between(1, 60)),
        false => issued + Days::new(random.between(0, 14)),
    };
    if is_unpaid || first_day() + Days::new(729) < on {
        return (None, None);
    }
    (Some(if is_part { minor / 3 } else { minor }), Some(on))
}

/// October 1, 2024, as in the sample.
fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 10, 1).unwrap_or_default()
}

fn american(day: NaiveDate) -> String {
    format!("{}/{}/{}", day.month(), day.day(), day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_unlike_our_own_format() {
        let bytes = ledger().unwrap();
        assert!(bytes.starts_with("\u{feff}Doc No,".as_bytes()));
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), INVOICES as usize);
        let column = |index: usize| rows.iter().map(move |row| &row[index]);
        assert!(column(4).any(|issued| issued == "10/1/2024"));
        assert!(column(4).all(|issued| issued.matches('/').count() == 2));
        assert!(column(13).any(|memo| memo.contains('\n')));
        assert!(column(8).any(str::is_empty) && column(8).any(|received| !received.is_empty()));
    }
}

//! One row: text of cells into values of the domain, or what is wrong with each of them.
//!
//! All cells are read before the row is given up, so that one pass names all that is to be mended.
//! The sentences say what was expected; line, column and value stand beside them in the [`Fault`].

use std::str::FromStr;

use csv::ByteRecord;
use domain::calendar::{Day, YEARS};
use domain::id::{ClassId, IdError, InvoiceId, MAX_ID_BYTES};
use domain::invoice::{Deposit, InvoiceKind};
use domain::money::{Currency, MAX_MINOR, Money, MoneyError};
use domain::text::Personal;

use super::mapping::{Columns, Field};
use super::read::{Assumed, Fault, Paid, Row};
use super::records::Place;

/// The longest name of a client, in bytes: the longest of a registered company is under half of it.
pub const MAX_NAME_BYTES: usize = 512;

/// The longest e-mail address (RFC 5321).
pub const MAX_ADDRESS_BYTES: usize = 254;

/// The longest number of an imported invoice: its payments are named after it, `import:`, the number,
/// `:` and up to sixteen digits, and that name is an id too.
pub const MAX_NUMBER_BYTES: usize = MAX_ID_BYTES - "import:".len() - ":".len() - 16;

/// How much of a value is shown, in characters.
const MAX_SHOWN: usize = 60;

/// Reads one record.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(
    place: Place,
    record: &ByteRecord,
    columns: &Columns,
    assumed: &Assumed,
) -> Result<Row, Vec<Fault>> {
    let mut cells = Cells { line: place.line, record, columns, faults: Vec::new() };
    if let Some(fault) = cells.wrong_shape(place) {
        return Err(vec![fault]);
    }
    match cells.read(assumed) {
        Ok(row) if cells.faults.is_empty() => Ok(row),
        Ok(_) | Err(Faulty) => Err(cells.faults),
    }
}

/// A value as far as it is shown.
pub(super) fn shown(value: &str) -> String {
    match value.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The cells of a row.
struct Cells<'a> {
    line: usize,
    record: &'a ByteRecord,
    columns: &'a Columns,
    faults: Vec<Fault>,
}

impl Cells<'_> {
    /// A row with other columns than the header has, or with nothing in them.
    fn wrong_shape(&self, place: Place) -> Option<Fault> {
        let (expected, found) = (self.columns.names.len(), self.record.len());
        let line = self.line;
        if 1 < place.lines && !place.is_well_quoted {
            return Some(self.badly_quoted(place.lines));
        }
        if found < expected {
            let column = self.columns.names[found].clone();
            let reason = format!("is missing: the row has {found} columns, expected {expected}");
            return Some(Fault { line, column, value: String::new(), reason });
        }
        if expected < found {
            let value = shown(&String::from_utf8_lossy(&self.record[expected]));
            let reason = format!("is too much: the row has {found} columns, expected {expected}");
            return Some(Fault { line, column: (expected + 1).to_string(), value, reason });
        }
        if self.record.iter().all(|cell| cell.trim_ascii().is_empty()) {
            let column = self.columns.name(Field::Client).to_owned();
            let reason = "is required, and so is the rest of the row, which is empty".to_owned();
            return Some(Fault { line, column, value: String::new(), reason });
        }
        None
    }

    /// Several rows may be in this one.
    fn badly_quoted(&self, lines: usize) -> Fault {
        let has_end = |cell: &[u8]| cell.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        let index = self.record.iter().position(has_end).unwrap_or(0);
        let column = self.columns.names.get(index).cloned();
        let column = column.unwrap_or_else(|| (index + 1).to_string());
        let value = shown(&String::from_utf8_lossy(self.record.get(index).unwrap_or_default()));
        let reason =
            format!("runs over {lines} lines: a quote in it is neither closed nor doubled");
        Fault { line: self.line, column, value, reason }
    }

    fn read(&mut self, assumed: &Assumed) -> Result<Row, Faulty> {
        let today = assumed.today;
        let client = self.required(Field::Client, parse_id);
        let client_name = self.optional(Field::ClientName, parse_name);
        let contact_email = self.optional(Field::ContactEmail, parse_address);
        let class = self.optional(Field::Class, |text| parse_class(text, assumed));
        let invoice = self.required(Field::Invoice, parse_number);
        let kind = self.optional(Field::Kind, parse_kind);
        let service_line = self.optional(Field::ServiceLine, parse_id);
        let issued_on = self.required(Field::Issued, parse_date);
        let due_on = self.optional(Field::Due, parse_date);
        let currency = self.optional(Field::Currency, parse_currency);
        let currency = currency.map(|currency| currency.unwrap_or(assumed.currency));
        // How fine an amount may be follows from its currency.
        let amount =
            currency.and_then(|c| self.required(Field::Amount, |text| parse_amount(text, c)));
        let paid = currency.and_then(|c| self.paid(c, amount, today));
        let disputed = self.optional(Field::Disputed, parse_yes_or_no);
        let deposit = self.optional(Field::Deposit, parse_deposit);
        self.check_due(issued_on, due_on);
        self.check_disputed(issued_on, disputed, today);
        Ok(Row {
            line: self.line,
            client: client?,
            client_name: client_name?,
            contact_email: contact_email?,
            class: class?,
            invoice: invoice?,
            kind: kind?,
            service_line: service_line?,
            issued_on: issued_on?,
            due_on: due_on?,
            amount: amount?,
            paid: paid?,
            disputed: disputed?,
            deposit: deposit?,
        })
    }

    /// What came in, and when; a day without an amount says that all came on that day.
    fn paid(
        &mut self,
        currency: Currency,
        total: Result<Money, Faulty>,
        today: Day,
    ) -> Result<Option<Paid>, Faulty> {
        let amount = self.optional(Field::Paid, |text| parse_amount(text, currency));
        let on = self.optional(Field::PaidOn, |text| parse_past_date(text, today));
        if !self.columns.has(Field::Paid) && !self.columns.has(Field::PaidOn) {
            return Ok(None);
        }
        let (amount, on, total) = (amount?, on?, total?);
        let paid = match (amount, on) {
            (Some(amount), on) => Paid { amount, on },
            (None, Some(on)) => Paid { amount: total, on: Some(on) },
            (None, None) => Paid { amount: Money::zero(currency), on: None },
        };
        if total.minor() < paid.amount.minor() {
            let reason = format!("is more than the invoice comes to, which is {}", total.amount());
            self.fault(Field::Paid, &paid.amount.amount(), reason);
        }
        if let (Some(amount), Some(on)) = (amount, on)
            && amount.is_zero()
        {
            let reason = format!("is a day on which {} was paid", amount.amount());
            self.fault(Field::PaidOn, &on.to_string(), reason);
        }
        Ok(Some(paid))
    }

    fn check_due(&mut self, issued_on: Result<Day, Faulty>, due_on: Result<Option<Day>, Faulty>) {
        if let (Ok(issued_on), Ok(Some(due_on))) = (issued_on, due_on)
            && due_on < issued_on
        {
            let reason = format!("is before the day of issue, {issued_on}");
            self.fault(Field::Due, &due_on.to_string(), reason);
        }
    }

    fn check_disputed(
        &mut self,
        issued_on: Result<Day, Faulty>,
        disputed: Result<Option<bool>, Faulty>,
        today: Day,
    ) {
        if let (Ok(issued_on), Ok(Some(true))) = (issued_on, disputed)
            && today < issued_on
        {
            let reason = format!("can't be, the invoice goes out on {issued_on} only");
            self.fault(Field::Disputed, "yes", reason);
        }
    }

    /// A cell's value; `None` where it is empty or has no column.
    fn optional<T>(
        &mut self,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Faulty> {
        let record = self.record;
        let cell = self.columns.place(field).and_then(|place| record.get(place));
        let cell = cell.unwrap_or_default();
        let Ok(text) = std::str::from_utf8(cell) else {
            let value = String::from_utf8_lossy(cell);
            return Err(self.fault(field, &value, "is not UTF-8; save the file as UTF-8"));
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        parse(text).map(Some).map_err(|reason| self.fault(field, text, reason))
    }

    fn required<T>(
        &mut self,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Faulty> {
        let value = self.optional(field, parse)?;
        value.ok_or_else(|| self.fault(field, "", "is required"))
    }

    fn fault(&mut self, field: Field, value: &str, reason: impl Into<String>) -> Faulty {
        let column = self.columns.name(field).to_owned();
        let (value, reason) = (shown(value), reason.into());
        self.faults.push(Fault { line: self.line, column, value, reason });
        Faulty
    }
}

/// A cell's value can't be told; its fault is noted.
#[derive(Debug, Clone, Copy)]
struct Faulty;

fn parse_id<T: FromStr<Err = IdError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| match error {
        IdError::Empty => "is required".to_owned(),
        IdError::TooLong(_) => format!("is longer than {MAX_ID_BYTES} bytes"),
        IdError::Character { character, .. } => {
            format!("holds {character:?}, which no id may")
        }
        IdError::Step(_) => "is a step in an address, which no id may be".to_owned(),
    })
}

fn parse_number(text: &str) -> Result<InvoiceId, String> {
    if MAX_NUMBER_BYTES < text.len() {
        return Err(format!("is longer than {MAX_NUMBER_BYTES} bytes"));
    }
    parse_id(text)
}

fn parse_class(text: &str, assumed: &Assumed) -> Result<ClassId, String> {
    let class = parse_id(text)?;
    if assumed.classes.contains(&class) {
        return Ok(class);
    }
    let names: Vec<_> = assumed.classes.iter().map(ClassId::as_str).collect();
    Err(format!("is no class with a policy, expected one of: {}", names.join(", ")))
}

fn parse_name(text: &str) -> Result<Personal, String> {
    if MAX_NAME_BYTES < text.len() {
        return Err(format!("is longer than {MAX_NAME_BYTES} bytes"));
    }
    if text.contains(char::is_control) {
        return Err("holds a line end or another character that can't be seen".to_owned());
    }
    Ok(Personal::new(text))
}

/// What a message can be sent to: SES takes ASCII only.
fn parse_address(text: &str) -> Result<Personal, String> {
    if MAX_ADDRESS_BYTES < text.len() {
        return Err(format!("is longer than {MAX_ADDRESS_BYTES} bytes"));
    }
    let is_address = text.is_ascii() && text.parse::<lettre::Address>().is_ok();
    if !is_address {
        return Err("is no e-mail address, expected one such as ann@acme.example".to_owned());
    }
    Ok(Personal::new(text))
}

fn parse_kind(text: &str) -> Result<InvoiceKind, String> {
    let unknown = |_| "is no invoice kind, expected regular or out_of_turn".to_owned();
    text.parse().map_err(unknown)
}

fn parse_deposit(text: &str) -> Result<Deposit, String> {
    text.parse().map_err(|_| "is no deposit account, expected operating or trust".to_owned())
}

fn parse_yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        _ if text.eq_ignore_ascii_case("yes") => Ok(true),
        _ if text.eq_ignore_ascii_case("no") => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
    }
}

fn parse_currency(text: &str) -> Result<Currency, String> {
    let unknown = |_| "is no currency of ISO 4217, expected a code such as USD".to_owned();
    text.parse().map_err(unknown)
}

fn parse_amount(text: &str, currency: Currency) -> Result<Money, String> {
    let expected = format!("expected a decimal number such as {}", example(currency));
    Money::parse(text, currency).map_err(|error| match error {
        MoneyError::NotDecimal(_) if is_grouped(text) => {
            format!("has thousands separators or a decimal comma, {expected}")
        }
        MoneyError::NotDecimal(_) if text.starts_with(['-', '(']) || text.ends_with('-') => {
            format!("is negative, {expected}")
        }
        MoneyError::TooFine { .. } => {
            let decimals = currency.exponent();
            format!("is finer than the minor unit of {currency}, which has {decimals} decimals")
        }
        MoneyError::TooLarge(_) => {
            format!("is too large, the most is {}", Money::new(MAX_MINOR, currency).amount())
        }
        MoneyError::NotDecimal(_)
        | MoneyError::UnknownCurrency(_)
        | MoneyError::TwoCurrencies(..)
        | MoneyError::LessThanNothing { .. } => format!("is no amount, {expected}"),
    })
}

/// 1234.50 dollars, 1235 yen.
fn example(currency: Currency) -> String {
    Money::new(123_450, currency).amount()
}

/// Digits with something between them that people group by; what it means differs between countries,
/// so nothing is guessed.
fn is_grouped(text: &str) -> bool {
    let is_group = |c: char| matches!(c, ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}');
    let is_plain = |c: char| c.is_ascii_digit() || c == '.' || is_group(c);
    let is_number = text.chars().all(is_plain) && text.contains(|c: char| c.is_ascii_digit());
    is_number && (text.contains(is_group) || 1 < text.matches('.').count())
}

/// ISO 8601, or month, day and year as Americans write them.
fn parse_date(text: &str) -> Result<Day, String> {
    let parts = numbers(text, '-', [4, 2, 2]).map(|[year, month, day]| (year, month, day));
    let american = || {
        let short = numbers(text, '/', [2, 2, 4]);
        short.map(|[month, day, year]| (year, month, day))
    };
    let Some((year, month, day)) = parts.or_else(american) else {
        return Err("is not a date, expected 2026-03-02 or 3/2/2026 (month/day/year)".to_owned());
    };
    let year = i32::try_from(year).unwrap_or(i32::MAX);
    if !YEARS.contains(&year) {
        return Err(format!("lies outside the years {} to {}", YEARS.start(), YEARS.end()));
    }
    if !(1..=12).contains(&month) {
        let expected = "expected 2026-03-02 or 3/2/2026 (month/day/year)";
        return Err(format!("has no month between 1 and 12, {expected}"));
    }
    Day::from_ymd_opt(year, month, day).ok_or_else(|| "is a day that doesn't exist".to_owned())
}

/// Three numbers of at most so many digits; those of ISO 8601 have all of them.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u32; 3]> {
    let is_iso = separator == '-';
    let mut parts = text.split(separator);
    let numbers = digits.map(|digits| {
        let part = parts.next()?;
        let has_all = part.len() == digits || (!is_iso && digits == 2 && part.len() == 1);
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        (has_all && is_number).then(|| part.parse().ok()).flatten()
    });
    match (numbers, parts.next()) {
        ([Some(first), Some(second), Some(third)], None) => Some([first, second, third]),
        _ => None,
    }
}

fn parse_past_date(text: &str, today: Day) -> Result<Day, String> {
    let day = parse_date(text)?;
    if today < day {
        return Err(format!("is yet to come, today is {today}"));
    }
    Ok(day)
}

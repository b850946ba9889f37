//! A client's statement of account: as JSON, as CSV and on paper, the same for staff and for the client.
//!
//! Its words are those of the client's language; its figures those of [`domain::statement`].

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::account::Account;
use domain::calendar::{Day, minus};
use domain::letter::Language;
use domain::money::Money;
use domain::statement::{Entry, Part, Side, Statement, Sum, What};
use paper::{Block, Column, Paper, Row, Table, render};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::csv::Sheet;
use super::history::book;
use super::{Format, head, letterhead, of, pdf, picture, size};
use crate::firm::Firm;
use crate::http::{Amount, Date, Problem};

/// How many days a statement covers unless it is said: a year, for that is what people ask for.
const USUAL_DAYS: u32 = 364;

/// Which statement is asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The first day; a year before the last, if not said.
    #[param(value_type = Option<Date>)]
    pub from: Option<Date>,
    /// The last day; today, if not said.
    #[param(value_type = Option<Date>)]
    pub to: Option<Date>,
    /// `json`, `csv` or `pdf`; `json`, if not said.
    #[param(value_type = Option<String>, example = "pdf")]
    pub format: Option<Format>,
}

impl Asked {
    /// The days that are meant, both included.
    ///
    /// # Errors
    /// [`Problem`], where they are the wrong way round or still to come.
    pub fn days(&self, today: Day) -> Result<(Day, Day), Problem> {
        let to = self.to.map_or(today, |Date(day)| day);
        if today < to {
            let detail = format!("a statement goes up to today, {today}, and not beyond");
            return Err(Problem::invalid("to", detail));
        }
        let from = self.from.map_or_else(|| minus(to, USUAL_DAYS), |Date(day)| day);
        if to < from {
            return Err(Problem::invalid(
                "from",
                format!("the first day, {from}, is after the last, {to}"),
            ));
        }
        Ok((from, to))
    }
}

/// A statement of account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownStatement {
    /// The client's id.
    client: String,
    /// Its name.
    name: String,
    /// The first day.
    from: Date,
    /// The last day.
    to: Date,
    /// By currency.
    currencies: Vec<ShownPart>,
}

/// The part of a statement in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownPart {
    /// Which.
    #[schema(example = "USD")]
    currency: String,
    /// What the account came to before the first day.
    opening: Balance,
    /// What happened, by day.
    entries: Vec<ShownEntry>,
    /// What it came to after the last day.
    closing: Balance,
}

/// What an account comes to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balance {
    /// How much.
    amount: Amount,
    /// Whether the client has it to its good, and doesn't owe it.
    is_credit: bool,
}

impl Balance {
    fn of(sum: Sum) -> Self {
        Self { amount: Amount(sum.amount), is_credit: sum.side == Side::Credit }
    }
}

/// One thing that changed what the client owes.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownEntry {
    /// When.
    on: Date,
    /// `invoice`, `late_fee`, `fee_waived`, `payment`, `payment_returned`, `refund`, `chargeback`, `chargeback_won`,
    /// `credit_note`, `void`, `written_off` or `other`.
    what: &'static str,
    /// Of which invoice, payment or credit note.
    reference: String,
    /// What was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<Amount>,
    /// What came to the client's good.
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<Amount>,
    /// What the account came to after it.
    balance: Balance,
}

impl ShownEntry {
    fn of(entry: &Entry) -> Self {
        let (charge, credit) = sides(entry.sum);
        Self {
            on: Date(entry.on),
            what: entry.what.as_str(),
            reference: entry.reference.clone(),
            charge: charge.map(Amount),
            credit: credit.map(Amount),
            balance: Balance::of(entry.balance),
        }
    }
}

impl ShownStatement {
    fn of(account: &Account, statement: &Statement) -> Self {
        let part = |part: &Part| ShownPart {
            currency: part.currency.code().to_owned(),
            opening: Balance::of(part.opening),
            entries: part.entries.iter().map(ShownEntry::of).collect(),
            closing: Balance::of(part.closing),
        };
        Self {
            client: account.client.to_string(),
            name: account.profile.name.as_str().to_owned(),
            from: Date(statement.from),
            to: Date(statement.to),
            currencies: statement.parts.iter().map(part).collect(),
        }
    }
}

/// The statement of those days, as it was asked for.
///
/// # Errors
/// [`Problem`].
pub async fn answer(
    firm: &Firm,
    account: &Account,
    asked: &Asked,
    today: Day,
) -> Result<Response, Problem> {
    let (from, to) = asked.days(today)?;
    let book = book(firm, &account.client, |_, _| {}).await?;
    let statement = book.statement(from, to);
    let name = format!("statement-{}-{from}-{to}", account.client);
    Ok(match asked.format.unwrap_or(Format::Json) {
        Format::Json => Json(ShownStatement::of(account, &statement)).into_response(),
        Format::Csv => sheet(&statement).file(&format!("{name}.csv")),
        Format::Pdf => {
            let head = head(firm.settings(), &account.profile.name, to);
            let logo = picture(firm, &head).await?;
            let language = account.profile.language.unwrap_or(firm.settings().language);
            let paper = Paper {
                title: words(language).title.to_owned(),
                language: language.as_str(),
                size: size(&head),
                footer: format!("{} · {}", head.name, account.profile.name.as_str()),
                of: of(language),
                blocks: blocks(account, &statement, language),
                letterhead: letterhead(&head, logo),
            };
            pdf(&format!("{name}.pdf"), render(&paper)?)
        }
    })
}

/// A statement as a page shows it.
#[derive(Debug)]
pub struct OnPage {
    /// The first day.
    pub from: Day,
    /// The last one.
    pub to: Day,
    /// By currency.
    pub parts: Vec<PartOnPage>,
}

/// The part of one currency.
#[derive(Debug)]
pub struct PartOnPage {
    /// Which.
    pub currency: String,
    /// What stands above the columns.
    pub heads: Vec<String>,
    /// Its rows, and whether each is an opening or a closing balance.
    pub rows: Vec<(Vec<String>, bool)>,
    /// What it comes to, in words.
    pub closing: String,
}

/// The statement of those days, for a page in that language.
///
/// # Errors
/// [`Problem`].
pub async fn on_page(
    firm: &Firm,
    account: &Account,
    asked: &Asked,
    today: Day,
    language: Language,
) -> Result<OnPage, Problem> {
    let (from, to) = asked.days(today)?;
    let book = book(firm, &account.client, |_, _| {}).await?;
    let statement = book.statement(from, to);
    let part = |part: &Part| {
        let Table { columns, rows, .. } = table(part, &statement, language);
        PartOnPage {
            currency: part.currency.to_string(),
            heads: columns.into_iter().map(|column| column.head).collect(),
            rows: rows.into_iter().map(|row| (row.cells, row.is_total)).collect(),
            closing: closing(part, language),
        }
    };
    Ok(OnPage { from, to, parts: statement.parts.iter().map(part).collect() })
}

/// What it comes to, in words.
fn closing(part: &Part, language: Language) -> String {
    let (words, amount) = (words(language), part.closing.amount);
    match part.closing.side {
        _ if amount.is_zero() => words.nothing.to_owned(),
        Side::Charge => format!("{}: {}", words.owed, amount.for_person()),
        Side::Credit => format!("{}: {}", words.credit, amount.for_person()),
    }
}

/// What was charged, and what came to the client's good: one of both.
fn sides(sum: Sum) -> (Option<Money>, Option<Money>) {
    match sum.side {
        Side::Charge => (Some(sum.amount), None),
        Side::Credit => (None, Some(sum.amount)),
    }
}

/// A balance in figures: a credit with a minus before it.
fn signed(sum: Sum) -> String {
    match sum.side {
        Side::Charge => sum.amount.amount(),
        Side::Credit => format!("-{}", sum.amount.amount()),
    }
}

/// The same for people, without the currency, which stands above.
fn for_person(sum: Sum) -> String {
    let amount = grouped(sum.amount);
    match sum.side {
        Side::Charge => amount,
        Side::Credit => format!("-{amount}"),
    }
}

pub(super) fn grouped(money: Money) -> String {
    let text = money.for_person();
    let code = money.currency();
    text.strip_suffix(code.code()).map_or(text.clone(), |amount| amount.trim_end().to_owned())
}

pub(super) fn sheet(statement: &Statement) -> Sheet {
    let mut sheet =
        Sheet::new(&["date", "what", "reference", "charge", "credit", "balance", "currency"]);
    for part in &statement.parts {
        let code = part.currency.code();
        let balance = |on: Day, what: &str, sum: Sum| {
            let (none, sum) = (String::new(), signed(sum));
            let (on, what, code) = (on.to_string(), what.to_owned(), code.to_owned());
            [on, what, none.clone(), none.clone(), none, sum, code]
        };
        sheet.push(balance(statement.from, "opening", part.opening));
        for entry in &part.entries {
            let (charge, credit) = sides(entry.sum);
            let amount = |money: Option<Money>| money.map(Money::amount).unwrap_or_default();
            sheet.push([
                entry.on.to_string(),
                entry.what.as_str().to_owned(),
                entry.reference.clone(),
                amount(charge),
                amount(credit),
                signed(entry.balance),
                code.to_owned(),
            ]);
        }
        sheet.push(balance(statement.to, "closing", part.closing));
    }
    sheet
}

fn blocks(account: &Account, statement: &Statement, language: Language) -> Vec<Block> {
    let words = words(language);
    let day = |day| letters::date(language, day);
    let mut blocks = vec![Block::Facts(vec![
        (words.client.to_owned(), account.profile.name.as_str().to_owned()),
        (words.account.to_owned(), account.client.to_string()),
        (words.days.to_owned(), format!("{} – {}", day(statement.from), day(statement.to))),
    ])];
    for part in &statement.parts {
        blocks.push(Block::Heading(format!("{} {}", words.currency, part.currency)));
        blocks.push(Block::Table(table(part, statement, language)));
        blocks.push(Block::Strong(closing(part, language)));
    }
    blocks.push(Block::Small(words.note.to_owned()));
    blocks
}

pub(super) fn table(part: &Part, statement: &Statement, language: Language) -> Table {
    let words = words(language);
    let balance = |on: Day, name: &str, sum: Sum| {
        let none = String::new;
        Row::total([short(on), name.to_owned(), none(), none(), for_person(sum)])
    };
    let mut rows = vec![balance(statement.from, words.opening, part.opening)];
    rows.extend(part.entries.iter().map(|entry| {
        let (charge, credit) = sides(entry.sum);
        let amount = |money: Option<Money>| money.map(grouped).unwrap_or_default();
        let what = format!("{} {}", named(entry.what, language), short_reference(entry));
        let what = what.trim_end().to_owned();
        Row::of([short(entry.on), what, amount(charge), amount(credit), for_person(entry.balance)])
    }));
    rows.push(balance(statement.to, words.closing, part.closing));
    Table {
        summary: format!("{} {}", words.title, part.currency),
        columns: vec![
            Column::words(words.date, 16),
            Column::words(words.what, 36),
            Column::numbers(words.charges, 16),
            Column::numbers(words.credits, 16),
            Column::numbers(words.balance, 16),
        ],
        rows,
    }
}

/// A day as it stands in tables, in every language.
pub(super) fn short(day: Day) -> String {
    day.to_string()
}

/// What stands on a statement, in one language.
struct Words {
    title: &'static str,
    client: &'static str,
    account: &'static str,
    days: &'static str,
    currency: &'static str,
    date: &'static str,
    what: &'static str,
    charges: &'static str,
    credits: &'static str,
    balance: &'static str,
    opening: &'static str,
    closing: &'static str,
    owed: &'static str,
    credit: &'static str,
    nothing: &'static str,
    note: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::En => Words {
            title: "Statement of account",
            client: "Client",
            account: "Account",
            days: "Period",
            currency: "In",
            date: "Date",
            what: "Description",
            charges: "Charges",
            credits: "Credits",
            balance: "Balance",
            opening: "Opening balance",
            closing: "Closing balance",
            owed: "Balance due",
            credit: "Credit in your favor",
            nothing: "Nothing is due.",
            note: "A balance with a minus is in your favor. A bank debit that is still on its way is not in it yet.",
        },
        Language::Es => Words {
            title: "Estado de cuenta",
            client: "Cliente",
            account: "Cuenta",
            days: "Período",
            currency: "En",
            date: "Fecha",
            what: "Descripción",
            charges: "Cargos",
            credits: "Abonos",
            balance: "Saldo",
            opening: "Saldo inicial",
            closing: "Saldo final",
            owed: "Saldo pendiente",
            credit: "Saldo a su favor",
            nothing: "No hay nada pendiente.",
            note: "Un saldo con signo menos está a su favor. Un débito bancario que está en camino todavía no figura.",
        },
    }
}

/// What a person finds it again by: of a payment what its gateway or its check calls it, and nothing of one that came
/// with a ledger, whose name is ours alone.
fn short_reference(entry: &Entry) -> &str {
    let is_payment = matches!(
        entry.what,
        What::Payment | What::Returned | What::Refund | What::Chargeback | What::ChargebackWon
    );
    match entry.reference.split_once(':').filter(|_| is_payment) {
        Some(("import", _)) => "",
        Some((_, name)) => name,
        None => &entry.reference,
    }
}

/// What an entry is called.
pub(super) fn named(what: What, language: Language) -> &'static str {
    match (language, what) {
        (Language::En, What::Invoice) => "Invoice",
        (Language::En, What::LateFee) => "Late fee on",
        (Language::En, What::FeeWaived) => "Late fee waived on",
        (Language::En, What::Payment) => "Payment",
        (Language::En, What::Returned) => "Payment returned",
        (Language::En, What::Refund) => "Refund of",
        (Language::En, What::Chargeback) => "Chargeback of",
        (Language::En, What::ChargebackWon) => "Chargeback reversed of",
        (Language::En, What::CreditNote) => "Credit note",
        (Language::En, What::Void) => "Void invoice",
        (Language::En, What::WrittenOff) => "Written off",
        (Language::En, What::Other) => "Correction",
        (Language::Es, What::Invoice) => "Factura",
        (Language::Es, What::LateFee) => "Recargo por mora de",
        (Language::Es, What::FeeWaived) => "Recargo condonado de",
        (Language::Es, What::Payment) => "Pago",
        (Language::Es, What::Returned) => "Pago devuelto",
        (Language::Es, What::Refund) => "Reembolso de",
        (Language::Es, What::Chargeback) => "Contracargo de",
        (Language::Es, What::ChargebackWon) => "Contracargo revertido de",
        (Language::Es, What::CreditNote) => "Nota de crédito",
        (Language::Es, What::Void) => "Factura anulada",
        (Language::Es, What::WrittenOff) => "Deuda cancelada",
        (Language::Es, What::Other) => "Corrección",
    }
}

/// Σ of what is owed by currency, for people.
pub(super) fn sums(amounts: impl Iterator<Item = Money>) -> Vec<Money> {
    let mut sums = BTreeMap::new();
    for amount in amounts {
        let sum: &mut u64 = sums.entry(amount.currency()).or_default();
        *sum = sum.saturating_add(amount.minor());
    }
    sums.into_iter().map(|(currency, minor)| Money::new(minor, currency)).collect()
}

#[cfg(test)]
mod tests {
    use domain::calendar::plus;
    use domain::money::Currency;

    use super::*;

    #[test]
    fn a_statement_covers_a_year_up_to_today_unless_it_is_said() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let today = day("2026-11-22");
        let asked = |from: Option<&str>, to: Option<&str>| Asked {
            from: from.map(|text| Date(day(text))),
            to: to.map(|text| Date(day(text))),
            format: None,
        };
        for (from, to, expected) in [
            (None, None, Ok(("2025-11-23", "2026-11-22"))),
            (None, Some("2026-03-01"), Ok(("2025-03-02", "2026-03-01"))),
            (Some("2026-11-22"), None, Ok(("2026-11-22", "2026-11-22"))),
            (Some("2026-01-01"), Some("2026-03-31"), Ok(("2026-01-01", "2026-03-31"))),
            (Some("2026-11-23"), None, Err("from")),
            (None, Some("2026-11-23"), Err("to")),
        ] {
            let found = asked(from, to).days(today);
            let found = found.map_err(|problem| problem.field.unwrap());
            let expected = expected.map(|(from, to)| (day(from), day(to)));
            assert_eq!(found, expected.map_err(str::to_owned), "for {from:?} to {to:?}");
        }
        assert_eq!(plus(day("2025-11-23"), USUAL_DAYS), today);
    }

    #[test]
    fn a_payment_is_named_as_its_payer_knows_it() {
        let sum = Sum { amount: Money::new(100, Currency::USD), side: Side::Credit };
        let entry = |what, reference: &str| Entry {
            on: "2026-03-01".parse().unwrap(),
            what,
            reference: reference.to_owned(),
            sum,
            balance: sum,
        };
        for (what, reference, expected) in [
            (What::Payment, "staff:check 17", "check 17"),
            (What::Payment, "stripe:pi_9", "pi_9"),
            (What::Refund, "stripe:pi_9", "pi_9"),
            (What::Payment, "import:A-1:10000", ""),
            (What::Invoice, "A:1", "A:1"),
        ] {
            assert_eq!(short_reference(&entry(what, reference)), expected, "{reference}");
        }
    }

    #[test]
    fn each_entry_has_a_name_in_each_language() {
        let all = [
            What::Invoice,
            What::LateFee,
            What::FeeWaived,
            What::Payment,
            What::Returned,
            What::Refund,
            What::Chargeback,
            What::ChargebackWon,
            What::CreditNote,
            What::Void,
            What::WrittenOff,
            What::Other,
        ];
        let mut names: Vec<_> = Language::ALL
            .into_iter()
            .flat_map(|language| all.map(|what| named(what, language)))
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 2 * all.len());
    }
}

//! The page on which staff put in an invoice (INV-5): with lines or a total alone, now, on a day to come, or as a
//! draft. What it comes to, when it is due and what follows is worked out before it is issued.

use axum::response::Response;
use domain::account::Account;
use domain::calendar::{Day, parse_day};
use domain::command::{Command, NewInvoice};
use domain::id::{ClientId, InvoiceId, ServiceLine};
use domain::invoice::{Deposit, InvoiceKind, Line};
use domain::money::{Currency, MAX_MINOR, Money};
use domain::numbering::{Series, draft_name};
use services::execute::View;
use store::FirmSettings;

use super::act::{Act, BOOKKEEPERS, Field, FieldKind};
use super::trial::{Asked, Cell, Row, Rows, Tried, Wrong, foresee_numbered, shown};
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Visit};
use crate::said;

/// How many rows are there at first, and how many more at each asking.
const USUAL_ROWS: usize = 4;

/// The most rows: what they hold stands in the page's address, of which not every server takes more than 8 KB. An
/// invoice with more lines comes by the API.
const MAX_ROWS: usize = 20;

/// Stands for the name of a draft that is still to be made.
const DRAFT: &str = "new";

const LINE_PARTS: [(&str, &str, &str); 3] = [
    ("quantity", "Quantity", "1"),
    ("unit", "For one", "0.00"),
    ("tax", "Tax on the line", "0.00"),
];

pub(crate) async fn show(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let (account, asked) = (&view.loaded.account, Asked(asked));
    let settings = visit.desk.firm.settings();
    let act = Act::new(
        format!("Issue an invoice to {}", account.profile.name.as_str()),
        "It is owed from today, or from its date if that is to come. The policy's terms say when it is due, and reminders follow by the policy.",
        if is_draft(&asked) { "Keep the draft" } else { "Issue invoice" },
        format!("/firm/v1/clients/{}/invoices", segment(client.as_str())),
    )
    .said(if is_draft(&asked) { "The draft is kept." } else { "The invoice is issued." })
    .only(&visit, BOOKKEEPERS, "put in an invoice");
    let is_looked_at = !asked.is_none() && !asked.has("rows") && act.refused.is_none();
    let tried = match is_looked_at {
        true => Some(tried(&visit, &view, &asked).await?),
        false => None,
    };
    let fields = fields(account, settings).into_iter().map(|field| asked.filled(field)).collect();
    let act = Act { fields, ..act };
    Ok(shown(&visit, &view, act, rows(&asked), client_path(&client), tried))
}

fn is_draft(asked: &Asked) -> bool {
    asked.text("is_draft") == "true"
}

fn fields(account: &Account, settings: &FirmSettings) -> Vec<Field> {
    let number = Field::new("invoice", "Number", FieldKind::Line);
    let number = match settings.numbering.last() {
        None => number.optional().hint("Unique in the firm. A draft can wait for it."),
        Some(series) => number
            .optional()
            .hint(format!("Left empty, the next one of the series {}.", series.prefix())),
    };
    let kinds = [("regular", "Regular"), ("out_of_turn", "Out of turn")];
    let kinds = kinds.map(|(name, label)| (name.to_owned(), label.to_owned())).to_vec();
    let lines = &account.profile.service_lines;
    let lines = lines.iter().map(|line| (line.to_string(), said::words(&line.to_string())));
    let lines = std::iter::once((String::new(), "none".to_owned())).chain(lines).collect();
    let deposits = [
        ("", "not said"),
        ("operating", "Operating: the firm's own"),
        ("trust", "Trust: held for clients"),
    ];
    let deposits = deposits.map(|(name, label)| (name.to_owned(), label.to_owned())).to_vec();
    let whether = [("false", "Issue it"), ("true", "Keep it as a draft")];
    let whether = whether.map(|(name, label)| (name.to_owned(), label.to_owned())).to_vec();
    let mut fields = vec![
        number,
        Field::new("kind", "Kind", FieldKind::Choice(kinds)),
        Field::new("service_line", "For which service", FieldKind::Choice(lines)).optional(),
        Field::new("deposit", "Deposit account", FieldKind::Choice(deposits))
            .optional()
            .hint("Which of the firm's bank accounts its money goes to, where the firm keeps clients' money apart."),
        Field::new("total.currency", "Currency", FieldKind::Line)
            .value(account.profile.currency.code()),
        Field::new("issued_on", "Invoice date", FieldKind::Date).optional().hint("Left empty, the day on which it goes out."),
        Field::new("due_on", "Due on", FieldKind::Date).optional().hint("Left empty, by the policy's terms."),
        Field::new("posts_on", "Goes out on", FieldKind::Date)
            .optional()
            .hint("Left empty, now, or on its date if that is to come. Until then nothing of it is collected."),
        Field::new("is_draft", "Is it finished?", FieldKind::Choice(whether))
            .hint("A draft is nothing owed: no letter names it until it is posted."),
        Field::new("total.amount", "Total", FieldKind::Amount)
            .optional()
            .hint("Left empty, what the lines below come to."),
    ];
    if 1 < settings.numbering.len() {
        let series = settings.numbering.iter().rev().map(Series::prefix);
        let series = series.map(|prefix| (prefix.to_owned(), prefix.to_owned())).collect();
        let series = Field::new("series", "Series of the number", FieldKind::Choice(series));
        fields.insert(1, series.optional().hint("For an invoice that is issued without a number."));
    }
    fields
}

fn name(row: usize, part: &str) -> String {
    format!("{part}{row}")
}

/// The rows as they were left, and empty ones after them.
fn rows(asked: &Asked) -> Rows {
    let filled = (0..MAX_ROWS).filter(|row| !is_empty(asked, *row)).max();
    let wanted = asked.text("rows").parse().unwrap_or(USUAL_ROWS);
    let number = wanted.max(filled.map_or(0, |last| last + 1)).clamp(USUAL_ROWS, MAX_ROWS);
    let cell = |row: usize, (part, label, empty): (&str, &'static str, &'static str)| {
        let name = name(row, part);
        let value = asked.text(&name).to_owned();
        Cell { name, label, empty, value }
    };
    let row = |row: usize| Row {
        number: row + 1,
        what: cell(row, ("what", "What was done", "")),
        cells: LINE_PARTS.into_iter().map(|part| cell(row, part)).collect(),
    };
    let more = (number < MAX_ROWS).then(|| (number + USUAL_ROWS).min(MAX_ROWS));
    ((0..number).map(row).collect(), more)
}

fn is_empty(asked: &Asked, row: usize) -> bool {
    let parts = LINE_PARTS.iter().map(|(part, ..)| *part).chain(["what"]);
    parts.into_iter().all(|part| asked.text(&name(row, part)).is_empty())
}

/// The lines, each with what it comes to.
fn lines(asked: &Asked, currency: Currency) -> Result<Vec<(Line, Money)>, Wrong> {
    let filled = (0..MAX_ROWS).filter(|row| !is_empty(asked, *row));
    filled.map(|row| line(asked, row, currency)).collect()
}

fn line(asked: &Asked, row: usize, currency: Currency) -> Result<(Line, Money), Wrong> {
    let at = |part: &str| name(row, part);
    let called = |what: &str| format!("{what} of line {}", row + 1);
    let description =
        asked.required(&at("what"), &called("What was done"), |text| Ok(text.to_owned()))?;
    let quantity = asked.parsed(&at("quantity"), &called("Quantity"), |text| {
        let quantity = text.parse::<u32>().ok().filter(|quantity| 0 < *quantity);
        quantity.ok_or_else(|| format!("{text:?} is not a whole number from 1 on"))
    })?;
    let unit = asked.amount(&at("unit"), &called("For one"), currency)?;
    let missing =
        || Wrong::new(at("unit"), format!("{}: it can't be left empty.", called("For one")));
    let unit_amount = unit.ok_or_else(missing)?;
    let tax = asked.amount(&at("tax"), &called("Tax"), currency)?;
    let (quantity, tax) = (quantity.unwrap_or(1), tax.unwrap_or(Money::zero(currency)));
    let amount = unit_amount.minor().checked_mul(quantity.into());
    let amount = amount.and_then(|minor| minor.checked_add(tax.minor()));
    let amount = amount.filter(|minor| *minor <= MAX_MINOR);
    let too_large =
        || Wrong::new(at("unit"), format!("{}: the line is too large.", called("For one")));
    let amount = Money::new(amount.ok_or_else(too_large)?, currency);
    Ok((Line { description, quantity, unit_amount, tax }, amount))
}

/// What it comes to: the lines' sum, where there are any.
fn total(asked: &Asked, currency: Currency, lines: &[(Line, Money)]) -> Result<Money, Wrong> {
    let wrong = |text: String| Wrong::new("total", format!("Total: {text}."));
    let typed = asked.amount("total.amount", "Total", currency);
    let typed = typed.map_err(|no| Wrong { field: "total".to_owned(), ..no })?;
    if lines.is_empty() {
        return typed.ok_or_else(|| wrong("it is expected where there are no lines".to_owned()));
    }
    let sum = lines
        .iter()
        .try_fold(Money::zero(currency), |sum, (_, amount)| sum.checked_add(*amount))
        .map_err(|error| wrong(error.to_string()))?;
    match typed {
        Some(typed) if typed != sum => {
            let (sum, typed) = (sum.for_person(), typed.for_person());
            Err(wrong(format!("the lines come to {sum}, not to {typed}")))
        }
        _ => Ok(sum),
    }
}

/// An invoice as the page asks for it.
struct Wanted {
    number: Option<InvoiceId>,
    new: NewInvoice,
    amounts: Vec<Money>,
}

fn wanted(asked: &Asked) -> Result<Wanted, Wrong> {
    let id = |text: &str| text.parse::<InvoiceId>().map_err(|error| error.to_string());
    let number = asked.parsed("invoice", "Number", id)?;
    let kind = asked.parsed("kind", "Kind", str::parse::<InvoiceKind>)?;
    let service_line = asked.parsed("service_line", "For which service", |text| {
        text.parse::<ServiceLine>().map_err(|error| error.to_string())
    })?;
    let deposit = asked.parsed("deposit", "Deposit account", str::parse::<Deposit>)?;
    let currency = asked.required("total.currency", "Currency", |text| {
        text.parse::<Currency>().map_err(|error| error.to_string())
    })?;
    let day = |name: &str, label: &str| -> Result<Option<Day>, Wrong> {
        let wanted = |text: &str| {
            parse_day(text)
                .map_err(|_| format!("a day such as 2026-11-30 is expected, not {text:?}"))
        };
        asked.parsed(name, label, wanted)
    };
    let (issued_on, due_on) = (day("issued_on", "Invoice date")?, day("due_on", "Due on")?);
    let posts_on = day("posts_on", "Goes out on")?;
    let lines = lines(asked, currency)?;
    let total = total(asked, currency, &lines)?;
    let (lines, amounts) = lines.into_iter().unzip();
    let nameless = draft_name(DRAFT).map_err(|error| Wrong::new("invoice", error.to_string()))?;
    let new = NewInvoice {
        id: number.clone().unwrap_or(nameless),
        kind: kind.unwrap_or_default(),
        service_line,
        lines,
        total,
        issued_on,
        due_on,
        posts_on,
        is_draft: is_draft(asked),
        deposit,
    };
    Ok(Wanted { number, new, amounts })
}

async fn tried(visit: &Visit, view: &View, asked: &Asked) -> Result<Result<Tried, Wrong>, Failure> {
    let Wanted { number, new, amounts } = match wanted(asked) {
        Ok(wanted) => wanted,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let numbering = &visit.desk.firm.settings().numbering;
    let wanted = asked.text("series");
    let series = match &number {
        Some(number) if visit.desk.store().client_of_invoice(number).await?.is_some() => {
            let text = format!("Number: {number} is taken.");
            return Ok(Err(Wrong::new("invoice", text)));
        }
        Some(_) => None,
        None if new.is_draft => None,
        None => match numbering.iter().find(|known| known.prefix() == wanted) {
            Some(series) => Some(series),
            None => numbering.last(),
        },
    };
    if number.is_none() && series.is_none() && !new.is_draft {
        let text = "Number: it is expected, for the firm has no series to draw one from.";
        return Ok(Err(Wrong::new("invoice", text)));
    }
    let command = |drawn: Option<&InvoiceId>| {
        let id = drawn.unwrap_or(&new.id).clone();
        Command::IssueInvoice(NewInvoice { id, ..new.clone() })
    };
    let client = &view.loaded.account.client;
    let foreseen = foresee_numbered(visit, client, &command, series).await?;
    let tried = foreseen.tried(sent(asked, number.as_ref(), series, &new), |rule| match rule {
        "INV-3" => Some("due_on"),
        "INV-5" => Some("total"),
        "INV-7" => Some("invoice"),
        _ => None,
    });
    Ok(tried.map(|tried| {
        let lines = new.lines.iter().zip(&amounts).map(|(line, amount)| in_words(line, *amount));
        let nameless = draft_name(DRAFT).map(|name| name.to_string()).unwrap_or_default();
        let will = tried.will.iter().map(|what| what.replace(&nameless, "without a number"));
        let drawn = series.map(|series| {
            let prefix = series.prefix();
            format!("Should somebody else draw that number of the series {prefix} before, it gets the next one.")
        });
        let will = lines.chain(will).chain(drawn.filter(|_| tried.refused.is_none())).collect();
        let sent = tried.sent.into_iter().chain(sent_lines(&new.lines)).collect();
        Tried { will, sent, ..tried }
    }))
}

fn in_words(line: &Line, amount: Money) -> String {
    let Line { description, quantity, unit_amount, tax } = line;
    let tax = match tax.is_zero() {
        true => String::new(),
        false => format!(", tax {}", tax.for_person()),
    };
    let (unit, amount) = (unit_amount.for_person(), amount.for_person());
    format!("{description}: {quantity} × {unit}{tax}, together {amount}.")
}

/// What the API is sent.
fn sent(
    asked: &Asked,
    number: Option<&InvoiceId>,
    series: Option<&Series>,
    new: &NewInvoice,
) -> Vec<(&'static str, String)> {
    let mut sent = Vec::new();
    let code = new.total.currency().code().to_owned();
    sent.extend(number.map(|number| ("invoice", number.to_string())));
    sent.extend(series.map(|series| ("series", series.prefix().to_owned())));
    for name in ["kind", "service_line", "deposit", "issued_on", "due_on", "posts_on"] {
        let text = asked.text(name);
        sent.extend((!text.is_empty()).then(|| (name, text.to_owned())));
    }
    if new.is_draft {
        sent.push(("is_draft:bool", "true".to_owned()));
    }
    sent.push(("total.amount", new.total.amount()));
    sent.push(("total.currency", code));
    sent
}

fn sent_lines(lines: &[Line]) -> Vec<(String, String)> {
    let mut sent = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let mut put =
            |part: &str, value: String| sent.push((format!("lines[{index}].{part}"), value));
        put("description", line.description.clone());
        put("quantity:int", line.quantity.to_string());
        for (part, money) in [("unit_amount", line.unit_amount), ("tax", line.tax)] {
            put(&format!("{part}.amount"), money.amount());
            put(&format!("{part}.currency"), money.currency().code().to_owned());
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> Asked {
        let usual = [("total.currency", "USD")];
        let fields = usual.iter().chain(fields);
        Asked(fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn inv_5_lines_make_the_total_and_what_is_wrong_is_named_with_its_field() {
        let (tax, audit) = (("what0", "Tax return"), ("what2", "Audit"));
        for (fields, expected) in [
            (vec![("total.amount", "10.00")], Ok((0, "10.00 USD"))),
            (vec![tax, ("unit0", "150.00")], Ok((1, "150.00 USD"))),
            (
                vec![
                    tax,
                    ("quantity0", "2"),
                    ("unit0", "150"),
                    ("tax0", "24.30"),
                    audit,
                    ("unit2", "1"),
                ],
                Ok((2, "325.30 USD")),
            ),
            (vec![tax, ("unit0", "5"), ("total.amount", "5.00")], Ok((1, "5.00 USD"))),
            (
                vec![tax, ("unit0", "5"), ("total.amount", "6.00")],
                Err(("total", "come to 5.00 USD, not to 6.00 USD")),
            ),
            (vec![], Err(("total", "where there are no lines"))),
            (vec![("total.amount", "x")], Err(("total", "is not an amount"))),
            (vec![("unit0", "5")], Err(("what0", "What was done of line 1"))),
            (vec![tax], Err(("unit0", "can't be left empty"))),
            (vec![tax, ("unit0", "1.005")], Err(("unit0", "finer"))),
            (vec![tax, ("unit0", "1"), ("quantity0", "0")], Err(("quantity0", "whole number"))),
            (vec![tax, ("unit0", "1"), ("quantity0", "1.5")], Err(("quantity0", "whole number"))),
            (vec![audit, ("unit2", "1"), ("tax2", "-1")], Err(("tax2", "Tax of line 3"))),
            (
                vec![tax, ("unit0", "10000000000000"), ("quantity0", "4294967295")],
                Err(("unit0", "too large")),
            ),
            (vec![("invoice", "a#"), ("total.amount", "1")], Err(("invoice", "Number:"))),
            (
                vec![("due_on", "soon"), ("total.amount", "1")],
                Err(("due_on", "such as 2026-11-30")),
            ),
            (vec![("kind", "odd"), ("total.amount", "1")], Err(("kind", "no invoice kind"))),
        ] {
            match (wanted(&asked(&fields)), expected) {
                (Ok(wanted), Ok((lines, total))) => {
                    assert_eq!(wanted.new.lines.len(), lines, "{fields:?}");
                    assert_eq!(wanted.new.total.for_person(), total, "{fields:?}");
                }
                (Err(wrong), Err((field, text))) => {
                    assert_eq!(wrong.field, field, "{fields:?}");
                    assert!(wrong.text.contains(text), "{fields:?}: {}", wrong.text);
                }
                (read, _) => panic!("{fields:?}: {:?}", read.err()),
            }
        }
    }

    #[test]
    fn inv_5_there_is_always_a_row_to_fill_in_until_there_are_too_many() {
        for (fields, expected) in [
            (vec![], (4, Some(8))),
            (vec![("what1", "x")], (4, Some(8))),
            (vec![("rows", "8")], (8, Some(12))),
            (vec![("rows", "4"), ("what6", "x")], (7, Some(11))),
            (vec![("rows", "999")], (20, None)),
            (vec![("rows", "x")], (4, Some(8))),
        ] {
            let (rows, more) = rows(&asked(&fields));
            assert_eq!((rows.len(), more), expected, "{fields:?}");
        }
    }
}

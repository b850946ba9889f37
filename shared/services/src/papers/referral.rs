//! A referral to collections (CLOSE-2): what a collector needs to know of a debt, as CSV and on paper.
//!
//! The debt, invoice by invoice; the account since the oldest of them; what was said and agreed meanwhile; which
//! letters went out, and what the demands said. It is there from the day on which the step proposes the referral, so
//! that the partner who approves it reads what would be handed over. What staff noted stays here, and so do links
//! that pay and speak in the client's name.

use axum::response::Response;
use domain::account::Account;
use domain::calendar::Day;
use domain::describe::describe;
use domain::event::Event;
use domain::id::InvoiceId;
use domain::invoice::Invoice;
use domain::letter::{Language, LetterState};
use domain::money::Money;
use domain::statement::{Book, Statement};
use domain::task::About;
use domain::text::sentence;
use paper::{Block, Column, Paper, Row, Table, render};
use serde::Deserialize;
use std::collections::BTreeSet;
use store::{LetterRow, MAX_PAGE, PageRequest, StoreError};
use utoipa::IntoParams;

use super::csv::Sheet;
use super::history::book;
use super::letter::{is_on_paper, paragraphs};
use super::statement::{grouped, short, sums, table};
use super::{Format, head, letterhead, of, pdf, picture, size};
use crate::firm::Firm;
use crate::http::{Problem, ProblemKind};

/// The most demands whose words are put in: a ladder has three or four, and each may be some pages long.
const MAX_DEMANDS: usize = 12;

/// What stands in the address of a link that acts for the client.
const LINK: &str = "/l/";

/// In which form it is asked for.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// `csv` or `pdf`; `pdf`, if not said.
    #[param(value_type = Option<String>, example = "csv")]
    pub format: Option<Format>,
}

/// What is handed over, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// Which invoices.
    pub invoices: BTreeSet<InvoiceId>,
    /// Since when it is with the collector, and who approved it.
    pub approved: Option<(Day, String)>,
}

/// A letter that named the debt.
struct Sent {
    on: Day,
    kind: &'static str,
    invoices: String,
    delivery: String,
    /// What a demand said.
    words: Option<(String, String)>,
}

/// What is with a collector; else what is proposed.
pub fn find(account: &Account) -> Option<Referral> {
    let mut approved = account.referrals().peekable();
    if let Some(oldest) = approved.peek() {
        let by = Some((oldest.since, oldest.by.to_string()));
        let invoices = approved.flat_map(|referral| referral.invoices.clone()).collect();
        return Some(Referral { invoices, approved: by });
    }
    let proposed = account.tasks.values().find_map(|task| match &task.about {
        About::CollectionsReferral { invoices, .. } => Some(invoices.clone()),
        _ => None,
    });
    proposed.map(|invoices| Referral { invoices, approved: None })
}

/// The file for the collector.
///
/// # Errors
/// [`ProblemKind::NotFound`], where nothing is referred nor proposed to be.
pub async fn answer(
    firm: &Firm,
    account: &Account,
    asked: Asked,
    today: Day,
) -> Result<Response, Problem> {
    let none = || {
        let detail = "nothing of this client is with collections or proposed to be".to_owned();
        Problem { rule: Some("CLOSE-2"), detail, ..Problem::not_found("referral") }
    };
    let referral = find(account).ok_or_else(none)?;
    let format = asked.format.unwrap_or(Format::Pdf);
    if format == Format::Json {
        let detail = "a referral is made as csv or pdf";
        return Err(Problem::new(ProblemKind::Malformed, detail).of("format"));
    }
    let mut told = Vec::new();
    let book = book(firm, &account.client, |day, event| {
        if is_told(event, &referral.invoices) {
            told.push((day, sentence(&describe(event))));
        }
    })
    .await?;
    let invoices = referred(&book, &referral.invoices);
    let since = invoices.iter().map(|invoice| invoice.issued_on).min().unwrap_or(today);
    let statement = book.statement(since, today);
    let file = File {
        sent: letters_about(firm, account, &referral.invoices).await?,
        account,
        referral,
        invoices,
        statement,
        told,
        today,
    };
    let name = format!("referral-{}-{today}", account.client);
    Ok(match format {
        Format::Csv | Format::Json => file.sheet().file(&format!("{name}.csv")),
        Format::Pdf => {
            let head = head(firm.settings(), &account.profile.name, today);
            let logo = picture(firm, &head).await?;
            let paper = Paper {
                title: "Referral to collections".to_owned(),
                language: Language::En.as_str(),
                size: size(&head),
                footer: format!("{} · {}", head.name, account.profile.name.as_str()),
                of: of(Language::En),
                blocks: file.blocks(&head.name),
                letterhead: letterhead(&head, logo),
            };
            pdf(&format!("{name}.pdf"), render(&paper)?)
        }
    })
}

/// Those invoices, the oldest due first, also such as are closed by now.
fn referred(book: &Book, ids: &BTreeSet<InvoiceId>) -> Vec<Invoice> {
    let mut invoices: Vec<Invoice> =
        ids.iter().filter_map(|id| book.account().invoices.get(id)).cloned().collect();
    invoices.sort_by(|a, b| (a.due_on, &a.id).cmp(&(b.due_on, &b.id)));
    invoices
}

/// What of a debt's history isn't money and isn't a letter: what was said about it, agreed and restricted.
fn is_told(event: &Event, ids: &BTreeSet<InvoiceId>) -> bool {
    let any = |invoices: &BTreeSet<InvoiceId>| !invoices.is_disjoint(ids);
    match event {
        Event::DisputeBegun { invoice, .. } | Event::DisputeEnded { invoice, .. } => {
            ids.contains(invoice)
        }
        Event::PromiseBegun { promise, .. } => any(&promise.invoices),
        Event::PromiseEnded { invoices, .. } => any(invoices),
        Event::PlanBegun(plan) => any(&plan.invoices),
        Event::PlanEnded { .. } | Event::ReferralApproved { .. } => true,
        _ => false,
    }
}

/// Every letter that left and named one of them, oldest first, with what the demands said.
async fn letters_about(
    firm: &Firm,
    account: &Account,
    ids: &BTreeSet<InvoiceId>,
) -> Result<Vec<Sent>, StoreError> {
    let mut found: Vec<LetterRow> = Vec::new();
    let mut cursor = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: MAX_PAGE };
        let listed = firm.store().letters(&account.client, &page).await?;
        let names = |row: &LetterRow| match &row.letter.state {
            LetterState::Left(sending) => !sending.invoices.is_disjoint(ids),
            LetterState::Queued | LetterState::Withdrawn { .. } => false,
        };
        found.extend(listed.items.into_iter().filter(names));
        cursor = listed.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort_by_key(|row| row.letter.id);
    let mut sent = Vec::new();
    let mut demands = 0;
    for row in found {
        let LetterState::Left(sending) = &row.letter.state else { continue };
        let mut words = None;
        if is_on_paper(sending.kind) && demands < MAX_DEMANDS {
            let kept = firm.store().sent_letter(&account.client, row.letter.id).await?;
            words = kept.and_then(|kept| {
                let text = kept.words?.text;
                Some((kept.subject.as_str().to_owned(), without_links(text.as_str())))
            });
            demands += 1;
        }
        let heard = row.heard.most().map(|(kind, _)| kind.as_str());
        let delivery = heard.map_or_else(
            || if row.delivery.is_some() { "sent" } else { "left" }.to_owned(),
            |heard| heard.replace('_', " "),
        );
        let named = sending.invoices.intersection(ids).map(ToString::to_string);
        sent.push(Sent {
            on: sending.on,
            kind: sending.kind.as_str(),
            invoices: named.collect::<Vec<_>>().join(", "),
            delivery,
            words,
        });
    }
    Ok(sent)
}

/// Without the links that pay, promise and dispute for the client, whoever follows them.
fn without_links(text: &str) -> String {
    let is_link = |word: &str| {
        let is_address = word.contains("https://") || word.contains("http://");
        is_address && word.contains(LINK)
    };
    let lines = text.split('\n').map(|line| {
        let words = line.split(' ').map(|word| if is_link(word) { "(link)" } else { word });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All that the file holds.
struct File<'a> {
    account: &'a Account,
    referral: Referral,
    invoices: Vec<Invoice>,
    statement: Statement,
    told: Vec<(Day, String)>,
    sent: Vec<Sent>,
    today: Day,
}

impl File<'_> {
    fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::new(&[
            "section",
            "date",
            "what",
            "reference",
            "due",
            "total",
            "paid",
            "open",
            "disputed",
            "currency",
            "text",
        ]);
        let none = String::new;
        let mut fact = |what: &str, text: String| {
            let mut row: [String; 11] = std::array::from_fn(|_| String::new());
            (row[0], row[2], row[10]) = ("client".to_owned(), what.to_owned(), text);
            sheet.push(row);
        };
        for (what, text) in self.facts() {
            fact(&what, text);
        }
        for invoice in &self.invoices {
            sheet.push([
                "debt".to_owned(),
                invoice.issued_on.to_string(),
                invoice.status(self.today).as_str().to_owned(),
                invoice.id.to_string(),
                invoice.due_on.to_string(),
                invoice.total_with_fees().amount(),
                invoice.paid().amount(),
                invoice.balance().amount(),
                invoice.disputed().amount(),
                invoice.total.currency().code().to_owned(),
                fees(invoice),
            ]);
        }
        for part in &self.statement.parts {
            for entry in &part.entries {
                let charge = entry.sum.amount.amount();
                let sign = if entry.sum.minor() < 0 { "-" } else { "" };
                sheet.push([
                    "history".to_owned(),
                    entry.on.to_string(),
                    entry.what.as_str().to_owned(),
                    entry.reference.clone(),
                    none(),
                    format!("{sign}{charge}"),
                    none(),
                    none(),
                    none(),
                    part.currency.code().to_owned(),
                    none(),
                ]);
            }
        }
        for (day, text) in &self.told {
            let mut row: [String; 11] = std::array::from_fn(|_| String::new());
            (row[0], row[1], row[10]) = ("history".to_owned(), day.to_string(), text.clone());
            sheet.push(row);
        }
        for letter in &self.sent {
            let mut row: [String; 11] = std::array::from_fn(|_| String::new());
            (row[0], row[1]) = ("letter".to_owned(), letter.on.to_string());
            (row[2], row[3]) = (letter.kind.to_owned(), letter.invoices.clone());
            row[10] = letter.delivery.clone();
            sheet.push(row);
        }
        sheet
    }

    fn facts(&self) -> Vec<(String, String)> {
        let profile = &self.account.profile;
        let addresses = profile.contacts.iter().map(|contact| contact.address.as_str());
        let mut facts = vec![
            ("Client".to_owned(), profile.name.as_str().to_owned()),
            ("Account".to_owned(), self.account.client.to_string()),
            ("Addresses".to_owned(), addresses.collect::<Vec<_>>().join("\n")),
            ("As of".to_owned(), self.today.to_string()),
        ];
        facts.push(match &self.referral.approved {
            Some((since, by)) => ("Approved".to_owned(), format!("{since}, by {by}")),
            None => ("Approved".to_owned(), "not yet: a proposal".to_owned()),
        });
        let open = sums(self.invoices.iter().map(Invoice::balance));
        let open: Vec<_> =
            open.into_iter().filter(|sum| !sum.is_zero()).map(Money::for_person).collect();
        facts.push(("Open in total".to_owned(), open.join(" and ")));
        facts
    }

    fn blocks(&self, firm: &str) -> Vec<Block> {
        let mut blocks = vec![
            Block::Paragraph(format!(
                "{firm} refers this debt to collections. This file holds the debt, the account since its oldest invoice, what was \
                 said and agreed about it, and the letters that named it."
            )),
            Block::Facts(self.facts()),
            Block::Heading("The debt".to_owned()),
            Block::Table(self.debt()),
        ];
        for part in &self.statement.parts {
            blocks.push(Block::Heading(format!("The account in {}", part.currency)));
            blocks.push(Block::Table(table(part, &self.statement, Language::En)));
        }
        if !self.told.is_empty() {
            blocks.push(Block::Heading("What was said and agreed".to_owned()));
            let rows = self.told.iter().map(|(day, text)| Row::of([short(*day), text.clone()]));
            blocks.push(Block::Table(Table {
                summary: "What was said and agreed".to_owned(),
                columns: vec![Column::words("Date", 18), Column::words("What", 82)],
                rows: rows.collect(),
            }));
        }
        blocks.push(Block::Heading("Letters".to_owned()));
        blocks.push(match self.sent.is_empty() {
            true => Block::Paragraph("No letter named it.".to_owned()),
            false => Block::Table(self.letters()),
        });
        for letter in &self.sent {
            if let Some((subject, text)) = &letter.words {
                blocks.push(Block::Heading(format!("{}: {subject}", short(letter.on))));
                blocks.extend(paragraphs(text));
            }
        }
        blocks
    }

    fn debt(&self) -> Table {
        let mut rows: Vec<Row> = self
            .invoices
            .iter()
            .map(|invoice| {
                Row::of([
                    format!("{} {}", invoice.id, fees(invoice)).trim().to_owned(),
                    short(invoice.issued_on),
                    short(invoice.due_on),
                    grouped(invoice.total_with_fees()),
                    grouped(invoice.paid()),
                    invoice.balance().for_person(),
                ])
            })
            .collect();
        for sum in sums(self.invoices.iter().map(Invoice::balance)) {
            let none = String::new;
            let name = "Open".to_owned();
            rows.push(Row::total([name, none(), none(), none(), none(), sum.for_person()]));
        }
        Table {
            summary: "The invoices that are referred".to_owned(),
            columns: vec![
                Column::words("Invoice", 24),
                Column::words("Issued", 15),
                Column::words("Due", 15),
                Column::numbers("Total", 14),
                Column::numbers("Paid", 14),
                Column::numbers("Open", 18),
            ],
            rows,
        }
    }

    fn letters(&self) -> Table {
        let rows = self.sent.iter().map(|letter| {
            let kind = sentence(&letter.kind.replace('_', " "));
            let kind = kind.trim_end_matches('.').to_owned();
            Row::of([short(letter.on), kind, letter.invoices.clone(), letter.delivery.clone()])
        });
        Table {
            summary: "The letters that named the debt".to_owned(),
            columns: vec![
                Column::words("Date", 18),
                Column::words("Letter", 24),
                Column::words("Invoices", 38),
                Column::words("Delivery", 20),
            ],
            rows: rows.collect(),
        }
    }
}

/// What of an invoice's total are late fees, and what is in dispute.
fn fees(invoice: &Invoice) -> String {
    let mut words = Vec::new();
    if !invoice.late_fees().is_zero() {
        words.push(format!("late fees in it: {}", invoice.late_fees().for_person()));
    }
    if !invoice.disputed().is_zero() {
        words.push(format!("in dispute: {}", invoice.disputed().for_person()));
    }
    if words.is_empty() { String::new() } else { format!("({})", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_2_no_link_that_acts_for_the_client_is_handed_over() {
        let text = "How to pay: https://pay.example/l/abc123\nWrite to bea@firm.example, see https://firm.example/.\nhttp://localhost:8080/l/x";
        let expected =
            "How to pay: (link)\nWrite to bea@firm.example, see https://firm.example/.\n(link)";
        assert_eq!(without_links(text), expected);
    }
}

//! Acts of which only what is typed says what will happen: first they are asked for by the page's own address,
//! which changes nothing, then the page shows what the rules make of them, and the button that does them.
//!
//! Whoever comes back from a refusal finds what was asked for as it was: it stands in the address.

use askama::Template;
use axum::response::Response;
use domain::command::Command;
use domain::describe::describe;
use domain::event::Event;
use domain::id::{ClientId, InvoiceId};
use domain::money::{Currency, Money};
use domain::numbering::Series;
use domain::text::sentence;
use services::execute::View;
use services::http::form::Flash;

use super::act::Act;
use super::client::Head;
use super::field::{Field, FieldKind};
use crate::page::{Failure, Shell, Visit, render};

/// What an address asks for.
pub(super) struct Asked(pub(super) Vec<(String, String)>);

impl Asked {
    /// Whether anything was filled in yet.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// What was typed there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The field as it was left; as it is proposed, before anything was asked for.
    pub(super) fn filled(&self, field: Field) -> Field {
        match &field.kind {
            FieldKind::Fixed => field,
            _ if self.is_none() => field,
            _ => {
                let value = self.text(field.name).to_owned();
                field.value(value)
            }
        }
    }

    /// What was typed there, read; `None`: nothing was.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        label: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Wrong> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = |why| Wrong::new(name, format!("{label}: {why}."));
        parse(text).map(Some).map_err(wrong)
    }

    /// As [`parsed`](Self::parsed), of what can't be left empty.
    pub(super) fn required<T>(
        &self,
        name: &str,
        label: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Wrong> {
        let missing = || Wrong::new(name, format!("{label}: it can't be left empty."));
        self.parsed(name, label, parse)?.ok_or_else(missing)
    }

    pub(super) fn amount(
        &self,
        name: &str,
        label: &str,
        currency: Currency,
    ) -> Result<Option<Money>, Wrong> {
        self.parsed(name, label, |text| {
            Money::parse(text, currency).map_err(|error| error.to_string())
        })
    }
}

/// A field that can't be taken, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) text: String,
}

impl Wrong {
    pub(super) fn new(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self { field: field.into(), text: text.into() }
    }
}

/// A row of an invoice that is put in.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) what: Cell,
    pub(super) cells: Vec<Cell>,
}

/// A field in a row.
pub(super) struct Cell {
    pub(super) name: String,
    pub(super) label: &'static str,
    pub(super) empty: &'static str,
    pub(super) value: String,
}

/// What came of what was asked for.
pub(super) struct Tried {
    pub(super) will: Vec<String>,
    pub(super) refused: Option<String>,
    /// What its form sends.
    pub(super) sent: Vec<(String, String)>,
}

/// What the rules make of a command.
pub(super) enum Foreseen {
    /// What would happen.
    Events(Vec<Event>),
    /// Why it can't be, and under which rule.
    Refused { text: String, rule: Option<&'static str> },
}

/// Decides a command as it would be decided now, and writes nothing.
pub(super) async fn foresee(
    visit: &Visit,
    client: &ClientId,
    command: &Command,
) -> Result<Foreseen, Failure> {
    foresee_numbered(visit, client, &|_| command.clone(), None).await
}

/// As [`foresee`], of what takes the next number of a series.
pub(super) async fn foresee_numbered(
    visit: &Visit,
    client: &ClientId,
    command: &(dyn Fn(Option<&InvoiceId>) -> Command + Send + Sync),
    series: Option<&Series>,
) -> Result<Foreseen, Failure> {
    match visit.desk.foresee(client, command, series).await {
        Ok(events) => Ok(Foreseen::Events(events)),
        Err(problem) if problem.kind.status().is_client_error() => {
            Ok(Foreseen::Refused { text: sentence(&problem.detail), rule: problem.rule })
        }
        Err(problem) => Err(Failure::Problem(problem)),
    }
}

/// Events in sentences.
pub(super) fn sentences<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<String> {
    events.into_iter().map(|event| sentence(&describe(event))).collect()
}

impl Foreseen {
    /// Beside the field that the rule is about, if it is about one; else on the page.
    pub(super) fn tried(
        self,
        sent: Vec<(&str, String)>,
        field_of: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<Tried, Wrong> {
        match self {
            Self::Events(events) => Ok(Tried::will(sentences(&events), sent)),
            Self::Refused { text, rule } => match rule.and_then(field_of) {
                Some(field) => Err(Wrong::new(field, text)),
                None => Ok(Tried { will: Vec::new(), refused: Some(text), sent: Vec::new() }),
            },
        }
    }
}

impl Tried {
    pub(super) fn will(will: Vec<String>, sent: Vec<(&str, String)>) -> Self {
        let sent = sent.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { will, refused: None, sent }
    }

    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self { will: Vec::new(), refused: Some(why.into()), sent: Vec::new() }
    }
}

#[derive(Template)]
#[template(path = "console/trial.html")]
struct TrialPage {
    shell: Shell,
    head: Head,
    act: Act,
    /// Where it is asked for.
    path: String,
    back: String,
    rows: Vec<Row>,
    more_rows: Option<usize>,
    tried: Option<Tried>,
}

/// Rows that can be filled in, and how many there are after more were asked for.
pub(super) type Rows = (Vec<Row>, Option<usize>);

/// The page: what is asked for, and what came of it.
pub(super) fn shown(
    visit: &Visit,
    view: &View,
    act: Act,
    (rows, more_rows): Rows,
    back: String,
    tried: Option<Result<Tried, Wrong>>,
) -> Response {
    let mut shell = visit.shell(act.title.clone(), "clients");
    let tried = match tried {
        Some(Err(Wrong { field, text })) => {
            let flash = Flash { text, field: Some(field), ..Flash::default() };
            shell.flash.get_or_insert(flash);
            None
        }
        Some(Ok(tried)) => Some(tried),
        None => None,
    };
    let path = shell.path.split('?').next().unwrap_or_default().to_owned();
    render(&TrialPage {
        head: Head::of(&view.loaded.account, "act"),
        shell,
        act,
        path,
        back,
        rows,
        more_rows,
        tried,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> Asked {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Asked(fields.collect())
    }

    #[test]
    fn inv_5_an_amount_that_was_asked_for_is_read_or_named_with_its_field() {
        let usd: Currency = "USD".parse().unwrap();
        for (typed, expected) in [
            ("", Ok(None)),
            (" 1.50 ", Ok(Some(150))),
            ("1.505", Err("Amount: 1.505 is finer")),
            ("-1", Err("Amount: \"-1\" is not an amount")),
            ("1,000.00", Err("Amount: \"1,000.00\" is not an amount")),
        ] {
            let read = asked(&[("amount", typed)]).amount("amount", "Amount", usd);
            match (read, expected) {
                (Ok(read), Ok(expected)) => assert_eq!(read.map(Money::minor), expected, "{typed}"),
                (Err(wrong), Err(expected)) => {
                    assert_eq!(wrong.field, "amount", "{typed}");
                    assert!(wrong.text.starts_with(expected), "{typed}: {}", wrong.text);
                }
                (read, _) => panic!("{typed}: {read:?}"),
            }
        }
        let empty = asked(&[("number", " ")]).required("number", "Number", |text| Ok(text.len()));
        assert_eq!(empty, Err(Wrong::new("number", "Number: it can't be left empty.")));
    }

    #[test]
    fn a_field_keeps_what_was_typed_and_proposes_only_before() {
        let field = || Field::new("name", "Name", FieldKind::Line).value("Acme");
        assert_eq!(asked(&[]).filled(field()).value, "Acme");
        assert_eq!(asked(&[("name", "Bolt")]).filled(field()).value, "Bolt");
        assert_eq!(asked(&[("name", "")]).filled(field()).value, "", "cleared stays cleared");
        let fixed = Field::fixed("currency", "USD");
        assert_eq!(asked(&[("name", "x")]).filled(fixed).value, "USD");
    }
}

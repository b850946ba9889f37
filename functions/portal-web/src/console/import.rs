//! The import of a ledger: a file is looked at first, then brought in; the run says what came of each.
//!
//! The file goes to the function that imports. A browser doesn't give a file twice, so without a script it is
//! chosen again after the preview; that is harmless, since what is in is unchanged by the same row.

use askama::Template;
use axum::response::Response;
use services::http::once::Once;
use services::import::mapping::Field;
use services::import::told::{self, Counts, NotApplied, RowFault, Run, State};

use super::act::BOOKKEEPERS;
use crate::extract::Path;
use crate::page::{Failure, Shell, Visit, render};

#[derive(Template)]
#[template(path = "console/import.html")]
struct ImportPage {
    shell: Shell,
    may_import: bool,
    once: String,
    /// Where the run of this form will be seen.
    progress: String,
    fields: Vec<FieldChoice>,
    shown: Option<Shown>,
}

/// A field, and the columns that it may be in.
struct FieldChoice {
    name: &'static str,
    about: &'static str,
    is_required: bool,
    /// Whether a column has the field's own name.
    is_named: bool,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    pair: String,
    is_chosen: bool,
}

/// A run, as its page shows it.
struct Shown {
    title: &'static str,
    is_running: bool,
    /// What to make of it, and whether that is good.
    sentence: String,
    is_good: bool,
    run: Run,
    counts: Vec<(&'static str, usize)>,
    faults: Vec<RowFault>,
    more_faults: bool,
    not_applied: Vec<NotApplied>,
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    Ok(shown(&visit, None))
}

pub(crate) async fn run(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let run = if told::is_run(&id) { visit.desk.store().run::<Run>(&id).await? } else { None };
    let run = run.ok_or_else(|| Failure::not_found("There is no such import.".to_owned()))?;
    Ok(shown(&visit, Some(run)))
}

fn shown(visit: &Visit, run: Option<Run>) -> Response {
    let shell = visit.shell("Import", "clients");
    let once = shell.once();
    let subject = visit.desk.principal.person.subject.as_str();
    render(&ImportPage {
        may_import: visit.may(BOOKKEEPERS),
        progress: format!("/console/import/{}{}", told::PREFIX, Once::name_of(subject, &once)),
        once,
        fields: run.as_ref().filter(|run| !run.columns.is_empty()).map_or_else(Vec::new, choices),
        shown: run.map(Shown::of),
        shell,
    })
}

fn choices(run: &Run) -> Vec<FieldChoice> {
    let choice = |field: Field| {
        let name = field.as_str();
        let mapped = run.mapping.get(name);
        let column = |column: &String| Column {
            name: column.clone(),
            pair: format!("{name}={column}"),
            is_chosen: mapped == Some(column),
        };
        FieldChoice {
            name,
            about: about(field),
            is_required: Field::REQUIRED.contains(&field),
            is_named: run.columns.iter().any(|column| column == name),
            columns: run
                .columns
                .iter()
                .filter(|column| *column != name && !column.is_empty())
                .map(column)
                .collect(),
        }
    };
    Field::ALL.into_iter().map(choice).collect()
}

/// What a field holds.
fn about(field: Field) -> &'static str {
    match field {
        Field::Client => "the client's id",
        Field::ClientName => "its name on letters",
        Field::ContactEmail => "where letters go",
        Field::Class => "whose policy applies",
        Field::Invoice => "the invoice's number",
        Field::Kind => "regular or out_of_turn",
        Field::ServiceLine => "for which service",
        Field::Issued => "the invoice date",
        Field::Due => "the due date; from the terms, if there is none",
        Field::Currency => "the firm's, if there is none",
        Field::Amount => "what the invoice comes to",
        Field::Paid => "what came in so far",
        Field::PaidOn => "when the last of it came",
        Field::Disputed => "whether it is disputed",
        Field::Deposit => "which of the firm's bank accounts it goes to, operating or trust",
    }
}

impl Shown {
    fn of(run: Run) -> Self {
        let title = match (run.state, run.is_dry_run) {
            (State::Running, true) => "The preview goes on",
            (State::Running, false) => "The import goes on",
            (_, true) => "Preview",
            (_, false) => "Import",
        };
        let bad = run.summary.map_or(0, |summary| summary.bad);
        Self {
            title,
            is_running: run.state == State::Running,
            sentence: sentence(&run),
            is_good: run.state == State::Done && run.not_applied.is_empty() && bad == 0,
            counts: run.summary.map_or_else(Vec::new, |summary| counts(&summary, run.is_dry_run)),
            more_faults: told::MAX_LISTED <= run.faults.len(),
            faults: run.faults.clone(),
            not_applied: run.not_applied.clone(),
            run,
        }
    }
}

fn sentence(run: &Run) -> String {
    match (run.state, &run.problem) {
        (State::Running, _) if run.is_dry_run => {
            "Nothing is changed by it. If it still stands here after half a minute, it has ended.".to_owned()
        }
        (State::Running, _) => {
            "If it still stands here after half a minute, send the same file again: it goes on where it ended.".to_owned()
        }
        (State::Refused, Some(_)) if !run.columns.is_empty() => {
            let known = |field: &&Field| {
                run.mapping.contains_key(field.as_str())
                    || run.columns.iter().any(|column| column == field.as_str())
            };
            let missing: Vec<_> = Field::REQUIRED.iter().filter(|field| !known(field)).collect();
            let missing: Vec<_> = missing.into_iter().map(|field| field.as_str()).collect();
            match missing.is_empty() {
                true => format!("Nothing was imported: {}.", run.problem.as_deref().unwrap_or_default()),
                false => format!(
                    "Nothing was imported: no column is named {}. Say below which ones they are, and send the file again.",
                    missing.join(", ")
                ),
            }
        }
        (State::Refused, Some(problem)) => format!("Nothing was imported: {problem}."),
        (State::Refused, None) => {
            "Nothing was imported: the rows below can't be read. Mend them in the file, or leave them out.".to_owned()
        }
        (State::Stopped, _) if run.is_dry_run => preview_ended(run),
        (State::Stopped, Some(problem)) => {
            format!("It stopped: {problem}. What is in stays; send the same file again.")
        }
        (State::Stopped, None) => {
            "Its time was up. What is in stays: send the same file again, and it goes on from there."
                .to_owned()
        }
        (State::Done, _) => match (run.is_dry_run, changes(run)) {
            (true, 0) => "An import of this file would change nothing.".to_owned(),
            (true, _) => "This is what an import would do. Nothing is changed yet.".to_owned(),
            (false, 0) => "Nothing was changed: all of it was known.".to_owned(),
            (false, _) => "It is in. The same file again changes nothing.".to_owned(),
        },
    }
}

/// A preview that came to no end: begun again it would begin at the first row, and end no later.
fn preview_ended(run: &Run) -> String {
    let why = match (&run.problem, run.of) {
        (Some(problem), _) => format!("it stopped: {problem}"),
        (None, 0) => "its time was up before the file was read".to_owned(),
        (None, of) => format!("its time was up after {} of {of} rows", run.done),
    };
    format!(
        "The preview did not get to the end: {why}. Nothing is in. Look at the file in parts, or whole on the command \
         line, where no time is set: portcullis import --dry-run."
    )
}

fn changes(run: &Run) -> usize {
    run.summary.map_or(0, |summary| summary.opened + summary.created + summary.payments)
}

fn counts(summary: &Counts, is_dry_run: bool) -> Vec<(&'static str, usize)> {
    let of = |done, would| if is_dry_run { would } else { done };
    let all = [
        ("rows read", summary.rows),
        (of("new clients", "new clients to come"), summary.opened),
        (of("invoices put in", "invoices to put in"), summary.created),
        (of("payments recorded", "payments to record"), summary.payments),
        ("rows already known", summary.unchanged),
        ("rows that say otherwise than is known", summary.conflicts),
        ("rows that a rule refuses", summary.refused),
        ("rows that are there twice", summary.repeated),
        ("rows that can't be read", summary.bad),
    ];
    let (always, if_any) = all.split_at(4);
    always.iter().chain(if_any.iter().filter(|(_, number)| 0 < *number)).copied().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_preview_that_came_to_no_end_says_what_it_covered_and_nothing_of_what_is_in() {
        for (state, is_dry_run, of, problem, expected, never) in [
            ("stopped", true, 900, None, "after 300 of 900 rows. Nothing is in", "send the same"),
            ("stopped", true, 0, None, "before the file was read", "What is in"),
            ("stopped", true, 900, Some("the table is busy"), "it stopped: the table", "send the"),
            ("stopped", false, 900, None, "What is in stays: send the same file", "preview"),
            ("running", true, 900, None, "Nothing is changed by it", "send the same"),
            ("running", false, 900, None, "send the same file again", "Nothing is"),
        ] {
            let run = json!({
                "import": "import-1", "state": state, "by": "bea", "begun_at": "", "is_dry_run": is_dry_run,
                "done": 300, "of": of, "summary": null, "faults": [], "not_applied": [],
                "unread_columns": [], "problem": problem,
            });
            let said = sentence(&serde_json::from_value(run).unwrap());
            assert!(
                said.contains(expected) && !said.contains(never),
                "{state} {is_dry_run}: {said}"
            );
        }
    }
}

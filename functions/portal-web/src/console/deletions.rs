//! Clients whose engagement ended: what is still known of them, when it is deleted, and what stands in the way; a
//! partner puts a deletion off on the client's own page (CLOSE-1).

use askama::Template;
use axum::response::Response;
use domain::account::Account;
use domain::text::sentence;
use serde::Deserialize;
use services::execute::View;
use services::office::Desk;
use services::retention::{Deletion, MAX_LISTED, deletion, deletions};
use store::PageRequest;

use super::{client_path, segment};
use crate::extract::Query;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Where the page is.
pub(super) const PATH: &str = "/console/deletions";

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/deletions.html")]
struct DeletionsPage {
    shell: Shell,
    years: String,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

struct Row {
    name: String,
    path: String,
    closed: String,
    deletes: String,
    kept_for: Vec<String>,
    put_off: Option<String>,
    /// Where it is put off, for whoever may.
    act: Option<String>,
}

impl Row {
    fn of(visit: &Visit, of: &Deletion) -> Self {
        let path = client_path(&of.client);
        let may = visit.may(super::act::PARTNERS);
        Self {
            act: may.then(|| format!("{path}/do/put-off-deletion")),
            name: of.name.clone(),
            closed: said::day(of.closed_on),
            deletes: said::day(of.deletes_on),
            kept_for: of.kept_for.iter().map(|why| sentence(&why.to_string())).collect(),
            put_off: of.put_off.as_ref().map(|put_off| {
                let (by, why) = (&put_off.by, put_off.reason.as_str());
                format!("Put off by {by} until {}: {why}", said::day(put_off.until))
            }),
            path,
        }
    }
}

pub(crate) async fn list(visit: Visit, Query(place): Query<Place>) -> Result<Response, Failure> {
    let request = PageRequest { cursor: place.cursor.as_deref(), limit: MAX_LISTED };
    let listed = deletions(&visit.desk.firm, &request, visit.desk.now).await?;
    let page = DeletionsPage {
        years: years(&visit.desk),
        rows: listed.items.iter().map(|of| Row::of(&visit, of)).collect(),
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        shell: visit.shell("Deletions", "settings"),
    };
    Ok(render(&page))
}

/// How long the firm keeps what it knows of a closed client.
pub(super) fn years(desk: &Desk) -> String {
    said::count(usize::try_from(desk.firm.retention_years()).unwrap_or(usize::MAX), "year")
}

/// What a client's page says of it.
pub(super) fn line(desk: &Desk, view: &View) -> Option<String> {
    let of = deletion(&desk.firm, view)?;
    let mut text = format!("Its personal data are deleted on {}", said::day(of.deletes_on));
    if let Some(why) = of.kept_for.first() {
        text = format!(
            "Its personal data would be deleted on {}, but {why}",
            said::day(of.deletes_on)
        );
    }
    if let Some(put_off) = &of.put_off {
        text = format!("{text}; put off by {}: {}", put_off.by, put_off.reason.as_str());
    }
    Some(format!("{text}."))
}

/// Whether there is something to put off.
pub(super) fn is_kept(account: &Account) -> bool {
    account.closed.is_some() && !account.is_erased()
}

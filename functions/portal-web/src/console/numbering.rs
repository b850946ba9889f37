//! The firm's series of invoice numbers (INV-7): which there are, what comes next, and the forms by which an admin
//! adds one, draws from another one, or takes one away that nothing was drawn from.
//!
//! A form sends the whole list, and which version of it the page showed.

use askama::Template;
use axum::response::Response;
use domain::numbering::{MAX_DIGITS, MAX_SERIES, Series};
use domain::role::Role;

use crate::page::{Failure, Shell, Visit, render};

/// Hidden fields.
type Hidden = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "console/numbering.html")]
struct NumberingPage {
    shell: Shell,
    is_admin: bool,
    version: u64,
    rows: Vec<Row>,
    add: Option<Add>,
}

/// A series.
struct Row {
    prefix: String,
    next: String,
    is_last: bool,
    is_drawn: bool,
    /// What makes it the last one.
    draw_from: Hidden,
    /// What leaves it out.
    take_away: Hidden,
}

/// The form of a new one.
struct Add {
    known: Hidden,
    /// Where it stands in the list.
    at: String,
    prefix: String,
    digits: String,
    first: String,
    max_digits: u32,
}

fn hidden<'a>(series: impl Iterator<Item = &'a Series>) -> Hidden {
    // Without this one, a list without series would be no list.
    let mut hidden = vec![("numbering:list".to_owned(), String::new())];
    for (index, series) in series.enumerate() {
        let mut put = |part: &str, value: String| {
            hidden.push((format!("numbering[{index}].{part}"), value));
        };
        put("prefix", series.prefix().to_owned());
        put("digits:int", series.digits().to_string());
        put("first:int", series.first().to_string());
    }
    hidden
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let (desk, shell) = (&visit.desk, visit.shell("Invoice numbers", "settings"));
    let all = &desk.firm.settings().numbering;
    let mut rows = Vec::new();
    for (index, series) in all.iter().enumerate() {
        let others = || all.iter().filter(move |other| *other != series);
        let next = desk.store().draw(series).await?.number;
        rows.push(Row {
            prefix: series.prefix().to_owned(),
            next: next.map_or_else(|| "none is left".to_owned(), |number| number.to_string()),
            is_last: index + 1 == all.len(),
            is_drawn: desk.store().has_drawn(series).await?,
            draw_from: hidden(others().chain([series])),
            take_away: hidden(others()),
        });
    }
    let typed = |part: &str, proposed: &str| {
        let typed = shell.typed(&format!("numbering[{}].{part}", all.len()));
        if typed.is_empty() { proposed.to_owned() } else { typed.to_owned() }
    };
    let add = (all.len() < MAX_SERIES).then(|| Add {
        known: hidden(all.iter()),
        at: format!("numbering[{}]", all.len()),
        prefix: typed("prefix", ""),
        digits: typed("digits:int", "4"),
        first: typed("first:int", "1"),
        max_digits: MAX_DIGITS,
    });
    let (is_admin, version) = (visit.may(&[Role::Admin]), desk.firm.loaded().version());
    Ok(render(&NumberingPage { is_admin, version, rows, add, shell }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_7_a_form_sends_every_series_in_its_order_and_an_empty_list_when_none_is_left() {
        let (a, b) = (Series::new("a-", 4, 1).unwrap(), Series::new("b-", 3, 7).unwrap());
        let sent = hidden([&b, &a].into_iter());
        let sent: Vec<_> = sent.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            sent,
            [
                "numbering:list=",
                "numbering[0].prefix=b-",
                "numbering[0].digits:int=3",
                "numbering[0].first:int=7",
                "numbering[1].prefix=a-",
                "numbering[1].digits:int=4",
                "numbering[1].first:int=1",
            ]
        );
        assert_eq!(hidden(std::iter::empty()).len(), 1);
    }
}

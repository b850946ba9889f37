//! The page on which a partner agrees on a payment plan (PLAN-1): first what it is over and in how many parts,
//! then the instalments that come of it, each of which can still be changed, and what the rules will do.
//!
//! The first step is asked for by the page's own address: it changes nothing, and whoever comes back from a
//! refusal finds it as it was.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use chrono::Months;
use domain::account::Account;
use domain::calendar::{Day, parse_day, plus};
use domain::command::Command;
use domain::id::{ClientId, InvoiceId};
use domain::invoice::Invoice;
use domain::money::Money;
use domain::plan::Instalment;
use domain::role::Actor;
use domain::task::About;
use services::execute::View;
use services::http::form::Flash;

use super::act::{self, PARTNERS, consequences};
use super::client::{Head, titled};
use super::field::{Field, FieldKind};
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many instalments the page works out: five years of months. A form has at most 300 fields, of which each
/// instalment takes three, and a hundred invoices fit beside them.
const MAX_PARTS: usize = 60;

/// How many are proposed: a quarter of months.
const PROPOSED_PARTS: &str = "3";

/// Days until the first one that is proposed: the time of a letter and a transfer.
const PROPOSED_DAYS: u32 = 7;

/// Empty rows after those that were worked out, for what was agreed otherwise.
const SPARE_ROWS: usize = 3;

/// How many invoices the page offers, the oldest first: see [`MAX_PARTS`].
const MAX_OFFERED: usize = 100;

/// How long it is from one instalment to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Every {
    Month,
    TwoWeeks,
    Week,
}

impl Every {
    const ALL: [Self; 3] = [Self::Month, Self::TwoWeeks, Self::Week];

    fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::TwoWeeks => "two-weeks",
            Self::Week => "week",
        }
    }

    /// The day of the instalment after so many others; from Jan 31 on, months end where they end.
    fn after(self, first: Day, others: u32) -> Day {
        match self {
            Self::Month => first.checked_add_months(Months::new(others)).unwrap_or(first),
            Self::TwoWeeks => plus(first, 14 * others),
            Self::Week => plus(first, 7 * others),
        }
    }
}

/// A plan, as the first step asks for it.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    invoices: BTreeSet<InvoiceId>,
    parts: usize,
    first: Day,
    every: Every,
}

/// A field of the first step that can't be taken, and why.
type Wrong = (&'static str, String);

impl Wanted {
    fn read(asked: &[(String, String)], account: &Account, today: Day) -> Result<Self, Wrong> {
        let text = |name| value(asked, name).trim();
        let mut invoices = BTreeSet::new();
        for typed in asked.iter().filter(|(name, _)| name == "invoice").map(|(_, id)| id) {
            let open = account.open_invoices().find(|invoice| invoice.id.as_str() == typed);
            let open =
                open.ok_or_else(|| ("invoice", format!("There is no open invoice {typed}.")))?;
            invoices.insert(open.id.clone());
        }
        if invoices.is_empty() {
            return Err(("invoice", "Invoices: choose at least one.".to_owned()));
        }
        let parts = text("number").parse().ok().filter(|parts| (1..=MAX_PARTS).contains(parts));
        let parts = parts.ok_or_else(|| {
            let wanted = format!("a whole number from 1 to {MAX_PARTS} is expected");
            ("number", format!("Number of instalments: {wanted}, not “{}”.", text("number")))
        })?;
        let first = parse_day(text("first")).map_err(|_| {
            let wanted = "a day such as 2026-11-30 is expected";
            ("first", format!("First instalment: {wanted}, not “{}”.", text("first")))
        })?;
        if first < today {
            let (first, today) = (said::day(first), said::day(today));
            let why = format!("First instalment: {first} is in the past; today is {today}.");
            return Err(("first", why));
        }
        let every = Every::ALL.into_iter().find(|every| every.name() == text("every"));
        let every = every.ok_or_else(|| {
            let names = Every::ALL.map(Every::name).join(", ");
            ("every", format!("How often: one of {names} is expected."))
        })?;
        Ok(Self { invoices, parts, first, every })
    }

    /// The instalments: equal ones, of which the first ones take what can't be shared out.
    fn instalments(&self, account: &Account) -> Result<Vec<Instalment>, Wrong> {
        let mut balances =
            self.invoices.iter().filter_map(|id| account.invoices.get(id)).map(Invoice::balance);
        let none = || ("invoice", "Invoices: choose at least one.".to_owned());
        let first = balances.next().ok_or_else(none)?;
        let owed = balances.try_fold(first, Money::checked_add).map_err(|error| {
            ("invoice", format!("Invoices: a plan is in one currency, but here {error}."))
        })?;
        let number = u64::try_from(self.parts).unwrap_or(u64::MAX);
        let (each, left) = (owed.minor() / number, owed.minor() % number);
        if each == 0 {
            let owed = owed.for_person();
            let why = format!("Number of instalments: {owed} can't be paid in {number} parts.");
            return Err(("number", why));
        }
        let instalment = |place: u64| Instalment {
            due_on: self.every.after(self.first, u32::try_from(place).unwrap_or(u32::MAX)),
            amount: Money::new(each + u64::from(place < left), owed.currency()),
        };
        Ok((0..number).map(instalment).collect())
    }
}

fn value<'a>(asked: &'a [(String, String)], name: &str) -> &'a str {
    asked.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[derive(Template)]
#[template(path = "console/client/plan.html")]
struct PlanPage {
    shell: Shell,
    head: Head,
    about: Vec<String>,
    /// What the client asked for: when, and in its own words.
    wish: Option<(String, String)>,
    /// Why no plan can be agreed on now.
    refused: Option<String>,
    fields: Vec<Field>,
    agreed: Option<Agreed>,
}

/// The second step: the instalments, and what the rules make of them.
struct Agreed {
    action: String,
    invoices: Vec<String>,
    owed: String,
    currency: String,
    rows: Vec<Row>,
    will: Vec<String>,
    refused: Option<String>,
}

/// An instalment as it can be changed; empty, it is left out.
struct Row {
    index: usize,
    due_on: String,
    amount: String,
    wrong: Option<&'static str>,
}

pub(crate) async fn show(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let account = &view.loaded.account;
    let mut shell = titled(&visit, &view, "Payment plan");
    let refused = if !visit.may(PARTNERS) {
        Some("A partner agrees on a payment plan.")
    } else if account.open_invoices().next().is_none() {
        Some("No invoice is open.")
    } else {
        None
    };
    let is_asked = refused.is_none() && !value(&asked, "number").is_empty();
    let agreed = match is_asked.then(|| agreed(&visit, &view, &asked, &shell)) {
        Some(Err((field, text))) => {
            let field = Some(field.to_owned());
            shell.flash.get_or_insert(Flash { is_done: false, text, field, ..Flash::default() });
            None
        }
        Some(Ok(agreed)) => Some(agreed),
        None => None,
    };
    let page = PlanPage {
        head: Head::of(account, "plan"),
        about: about(&view),
        wish: wish(account).map(|(on, words, _)| (said::day(on), words.to_owned())),
        refused: refused.map(str::to_owned),
        fields: fields(&view, &asked),
        agreed,
        shell,
    };
    Ok(render(&page))
}

fn about(view: &View) -> Vec<String> {
    let grace = view.policy.policy.plan_grace_days;
    let mut about = vec![
        "While the plan is kept, no letter and no new lock comes of its invoices. The client gets a confirmation \
         with all instalments."
            .to_owned(),
        format!(
            "An instalment that isn't paid{} breaks the plan: all that is left is collected again.",
            match grace {
                0 => " on its day".to_owned(),
                days => format!(" within {} of its day", said::count(days as usize, "day")),
            }
        ),
    ];
    if view.loaded.account.plan.is_some() {
        about.push("A plan runs already: the new one takes its place.".to_owned());
    }
    if view.loaded.account.is_locked() {
        about.push(
            "The portal stays locked. While the plan is kept, its invoices don't stand against opening it: the \
             unlock can be asked for."
                .to_owned(),
        );
    }
    about
}

/// The request for a plan that waits: when it came, in which words, and over which invoices.
fn wish(account: &Account) -> Option<(Day, &str, &BTreeSet<InvoiceId>)> {
    account.tasks.values().find_map(|task| match &task.about {
        About::PlanRequest { invoices, wish } => Some((task.opened_on, wish.as_str(), invoices)),
        _ => None,
    })
}

/// The first step, with what was asked for; else with what the client asked for, else with what is overdue.
fn fields(view: &View, asked: &[(String, String)]) -> Vec<Field> {
    let account = &view.loaded.account;
    let mut open: Vec<_> = account.open_invoices().collect();
    open.sort_by(|a, b| (a.due_on, &a.id).cmp(&(b.due_on, &b.id)));
    open.truncate(MAX_OFFERED);
    let wished = wish(account).map(|(_, _, invoices)| invoices);
    // One currency: that of the oldest debt.
    let currency = open.first().map(|invoice| invoice.total.currency());
    let is_any_overdue = open.iter().any(|invoice| invoice.is_overdue(view.day));
    let is_chosen = |invoice: &Invoice| match wished {
        _ if !asked.is_empty() => {
            asked.iter().any(|(name, id)| name == "invoice" && id == invoice.id.as_str())
        }
        Some(wished) => wished.contains(&invoice.id),
        None => {
            Some(invoice.total.currency()) == currency
                && (invoice.is_overdue(view.day) || !is_any_overdue)
        }
    };
    let chosen = open.iter().filter(|invoice| is_chosen(invoice));
    let chosen: Vec<_> = chosen.map(|invoice| invoice.id.to_string()).collect();
    let options = open.iter().map(|invoice| {
        let (balance, due) = (invoice.balance().for_person(), said::day(invoice.due_on));
        (invoice.id.to_string(), format!("{}: {balance}, due {due}", invoice.id))
    });
    let every = Every::ALL.map(|every| {
        let label = match every {
            Every::Month => "each month",
            Every::TwoWeeks => "every two weeks",
            Every::Week => "each week",
        };
        (every.name().to_owned(), label.to_owned())
    });
    let first = plus(view.day, PROPOSED_DAYS).to_string();
    let or = |name, proposed: &str| {
        let typed = value(asked, name);
        if asked.is_empty() { proposed.to_owned() } else { typed.to_owned() }
    };
    vec![
        Field::new("invoice", "Invoices", FieldKind::Many(options.collect()))
            .value(chosen.join("\n"))
            .hint("All of one currency. Invoices that come later are not part of it."),
        Field::new("number", "Number of instalments", FieldKind::Line)
            .value(or("number", PROPOSED_PARTS))
            .hint(format!("1 to {MAX_PARTS}")),
        Field::new("first", "First instalment", FieldKind::Date).value(or("first", &first)),
        Field::new("every", "How often", FieldKind::Choice(every.to_vec()))
            .value(or("every", Every::Month.name())),
    ]
}

fn agreed(
    visit: &Visit,
    view: &View,
    asked: &[(String, String)],
    shell: &Shell,
) -> Result<Agreed, Wrong> {
    let account = &view.loaded.account;
    let wanted = Wanted::read(asked, account, view.day)?;
    let instalments = wanted.instalments(account)?;
    let currency = instalments.first().map(|part| part.amount.currency().code().to_owned());
    let rows = rows(&instalments, shell.flash.as_ref().filter(|flash| !flash.is_done));
    let roles = visit.desk.principal.grant.roles.clone();
    let actor = Actor::Staff { id: visit.desk.staff().clone(), roles };
    let owed = said::sums(instalments.iter().map(|part| part.amount)).join(" and ");
    let command = Command::BeginPlan { invoices: wanted.invoices.clone(), instalments };
    let (will, refused) = match consequences(view, &actor, &command) {
        Ok(will) => (will, None),
        Err(refused) => (Vec::new(), Some(refused)),
    };
    Ok(Agreed {
        action: format!("/firm/v1/clients/{}/plans", segment(account.client.as_str())),
        invoices: wanted.invoices.iter().map(ToString::to_string).collect(),
        owed,
        currency: currency.unwrap_or_default(),
        rows,
        will,
        refused,
    })
}

/// The rows: what was typed, where that was refused; else what was worked out.
fn rows(instalments: &[Instalment], refused: Option<&Flash>) -> Vec<Row> {
    let typed = |name: String| refused.and_then(|flash| flash.typed.get(&name)).cloned();
    let fault = refused.and_then(|flash| fault(flash, instalments.len() + SPARE_ROWS));
    let spare = std::iter::repeat_n(None, SPARE_ROWS);
    let proposed = instalments.iter().map(Some).chain(spare);
    let row = |(index, proposed): (usize, Option<&Instalment>)| {
        let due_on = proposed.map_or_else(String::new, |part| part.due_on.to_string());
        let amount = proposed.map_or_else(String::new, |part| part.amount.amount());
        Row {
            index,
            due_on: typed(due_name(index)).unwrap_or(due_on),
            amount: typed(amount_name(index)).unwrap_or(amount),
            wrong: fault.filter(|(at, _)| *at == index).map(|(_, part)| part),
        }
    };
    proposed.enumerate().map(row).collect()
}

fn due_name(index: usize) -> String {
    format!("instalments[{index}].due_on")
}

fn amount_name(index: usize) -> String {
    format!("instalments[{index}].amount.amount")
}

/// Which row is at fault, and which part of it; the API counts those that weren't empty.
fn fault(flash: &Flash, rows: usize) -> Option<(usize, &'static str)> {
    let named = flash.field.as_deref()?.strip_prefix("instalments[")?;
    let (number, part) = named.split_once(']')?;
    let is_said = |name: String| flash.typed.get(&name).is_some_and(|text| !text.trim().is_empty());
    let mut sent = (0..rows).filter(|row| is_said(due_name(*row)) || is_said(amount_name(*row)));
    let row = sent.nth(number.parse().ok()?)?;
    Some((row, if part.starts_with(".due_on") { "due_on" } else { "amount" }))
}

/// Its button, where a plan can be agreed on.
pub(super) fn deed(account: &Account, name: &'static str) -> act::Deed {
    let path = format!("{}/plan", client_path(&account.client));
    act::Deed { name, path, is_grave: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn plan_1_instalments_follow_each_other_and_months_end_where_they_end() {
        for (every, expected) in [
            (Every::Week, ["2027-01-31", "2027-02-07", "2027-02-14"]),
            (Every::TwoWeeks, ["2027-01-31", "2027-02-14", "2027-02-28"]),
            (Every::Month, ["2027-01-31", "2027-02-28", "2027-03-31"]),
        ] {
            let days = [0, 1, 2].map(|others| every.after(day("2027-01-31"), others));
            assert_eq!(days, expected.map(day), "{every:?}");
        }
    }

    #[test]
    fn plan_1_the_row_at_fault_is_found_among_those_that_were_not_empty() {
        let typed = [(0, "2027-01-01"), (1, " "), (2, "2027-03-01")];
        let typed = typed.map(|(row, text)| (due_name(row), text.to_owned())).into();
        let flash = |field: &str| Flash { field: Some(field.to_owned()), ..Flash::default() };
        for (field, expected) in [
            ("instalments[0].due_on", Some((0, "due_on"))),
            ("instalments[1].amount", Some((2, "amount"))),
            ("instalments[1].amount.amount", Some((2, "amount"))),
            ("instalments[2].due_on", None),
            ("invoices", None),
        ] {
            let flash = Flash { typed: Clone::clone(&typed), ..flash(field) };
            assert_eq!(fault(&flash, 6), expected, "{field}");
        }
    }
}

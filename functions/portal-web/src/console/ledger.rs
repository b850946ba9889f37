//! Where the ledger is kept, and how old it may be (FRESH-1): an admin says it, everybody reads it. And the sentence
//! that pages show while it is too old.

use askama::Template;
use axum::response::Response;
use domain::ledger::{DEFAULT_FRESH_DAYS, Ledger, MAX_FRESH_DAYS};
use domain::role::Role;
use services::import::run::last_import;
use services::office::Desk;

use super::act::{Act, Field, FieldKind};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Where it is set.
const API: &str = "/firm/v1/settings";

/// The field that says how many days old it may be.
const DAYS: &str = "ledger.fresh_days:int";

/// The field that says where it is kept.
const ELSEWHERE: &str = "ledger.comes_from_elsewhere:bool";

#[derive(Template)]
#[template(path = "console/ledger.html")]
struct LedgerPage {
    shell: Shell,
    says: Vec<String>,
    acts: Vec<Act>,
    back: &'static str,
}

/// What waits because the ledger is too old, in a sentence.
pub(super) fn waits(desk: &Desk) -> Option<String> {
    desk.firm.ledger()?.waits(desk.day())
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let desk = &visit.desk;
    let known = desk.firm.ledger();
    let last = last_import(&desk.firm).await?.map(|last| last.day);
    let of = |act: Act| act.only(&visit, &[Role::Admin], "say where the ledger is kept");
    let says = match &known {
        None => vec![
            "Invoices and payments are put in here, so what is known here is what there is. Imports only add to it."
                .to_owned(),
        ],
        Some(ledger) => vec![
            format!(
                "Invoices and payments are kept elsewhere and imported here, at least every {}.",
                days(ledger.fresh_days)
            ),
            ledger.waits(desk.day()).unwrap_or_else(|| format!("It {}.", ledger.age())),
        ],
    };
    let acts = match known {
        None => {
            let then = match last
                .map(|on| Ledger { updated_on: Some(on), fresh_days: DEFAULT_FRESH_DAYS })
            {
                None => "Nothing was imported yet: they wait from now on, until the first import."
                    .to_owned(),
                Some(ledger) => format!(
                    "The last import was on {}{}.",
                    last.map(said::day).unwrap_or_default(),
                    if ledger.is_fresh(desk.day()) {
                        ""
                    } else {
                        ", so they wait from now on, until the next one"
                    }
                ),
            };
            let act = Act::new(
                "Keep it elsewhere",
                "For a firm that bills with another program and brings its ledger here again and again.",
                "It is kept elsewhere",
                API.to_owned(),
            )
            .said("The ledger is kept elsewhere.");
            vec![of(Act {
                will: vec![LIMIT.to_owned(), then],
                ..with_days(act, DEFAULT_FRESH_DAYS)
            })]
        }
        Some(ledger) => {
            let change = Act::new(
                "How old it may be",
                "It counts from the day of the last import to its end.",
                "Save",
                API.to_owned(),
            )
            .said("It is saved how old the ledger may be.");
            let here = Act::new(
                "Keep it here",
                "From now on invoices and payments are put in here, and nothing waits for an import.",
                "It is kept here",
                API.to_owned(),
            )
            .method("patch")
            .field(Field::fixed(ELSEWHERE, "false"))
            .said("The ledger is kept here.");
            let goes_on = "What waited goes on with the next evaluation of each client, under the caps of the day's run.";
            vec![
                of(Act { will: vec![LIMIT.to_owned()], ..with_days(change, ledger.fresh_days) }),
                of(Act { will: vec![goes_on.to_owned()], ..here }),
            ]
        }
    };
    // Whoever may not change it reads so once.
    let acts = acts.into_iter().take(if visit.may(&[Role::Admin]) { 2 } else { 1 }).collect();
    let shell = visit.shell("Ledger", "settings");
    Ok(render(&LedgerPage { shell, says, acts, back: "/console/settings" }))
}

const LIMIT: &str = "While the last import is older than that, notices, demands, steps and locks wait, for who has paid and isn't known \
    here as paid must not be threatened. Reminders, receipts and unlocks don't wait.";

fn with_days(act: Act, days: u32) -> Act {
    act.method("patch").field(Field::fixed(ELSEWHERE, "true")).field(
        Field::new(DAYS, "Days that it may be old", FieldKind::Line)
            .value(days.to_string())
            .hint(format!("1 to {MAX_FRESH_DAYS}.")),
    )
}

fn days(number: u32) -> String {
    said::count(usize::try_from(number).unwrap_or(usize::MAX), "day")
}

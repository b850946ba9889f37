//! The page to save a method on: what a payer sees at Stripe in setup mode.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::acts::Act;
use super::book::Book;
use super::objects::Session;
use super::page::{answer, return_address};

/// What a payer can choose: the form's word, Stripe's name, what is said of it.
const CHOICES: [(&str, &str, &str, &str); 8] = [
    ("card", "pm_card_visa", "Card ending 4242", "It is saved, and pays."),
    (
        "card_declined_later",
        "pm_card_chargeCustomerFail",
        "Card ending 0341",
        "It is saved, and declined whenever it is charged.",
    ),
    (
        "card_asks",
        "pm_card_authenticationRequired",
        "Card ending 3184",
        "It is saved, and its bank wants to see you at each payment.",
    ),
    (
        "card_declined",
        "pm_card_chargeDeclined",
        "Card ending 0002",
        "The bank declines it at once.",
    ),
    ("bank", "pm_usBankAccount_success", "Bank account ending 6789", "Debits clear after days."),
    (
        "bank_poor",
        "pm_usBankAccount_insufficientFunds",
        "Bank account ending 2227",
        "Debits are refused after days: there is too little in it.",
    ),
    (
        "bank_closed",
        "pm_usBankAccount_accountClosed",
        "Bank account ending 1113",
        "Debits are refused after days: the account is closed.",
    ),
    (
        "bank_returned",
        "pm_usBankAccount_dispute",
        "Bank account ending 5559",
        "Debits clear after days, and come back days later.",
    ),
];

/// The form.
#[derive(Deserialize)]
pub struct Chosen {
    method: String,
}

impl Chosen {
    pub fn act(&self, session: String) -> Option<Act> {
        let choice = CHOICES.iter().find(|(word, ..)| *word == self.method);
        choice.map(|(_, name, ..)| Act::SaveMethod { session, method: (*name).to_owned() })
    }
}

/// What was wrong with the request that the page answers.
#[derive(Debug, Clone, Copy)]
pub enum Said {
    NoChoice,
    Refused,
}

#[derive(Template)]
#[template(path = "stripe/save.html")]
struct SavePage {
    shop: String,
    choices: Vec<(&'static str, &'static str, &'static str)>,
    is_open: bool,
    is_saved: bool,
    alert: Option<&'static str>,
    cancel_url: Option<String>,
    success_url: String,
}

/// The page as it stands.
pub fn page(book: &Book, session: &Session, shop: String, said: Option<Said>) -> Response {
    let takes = |name: &str| {
        let kind = super::methods::test_method(name).map(|source| source.by.name());
        session.payment_method_types.iter().any(|method| Some(method.as_str()) == kind)
    };
    let choices = CHOICES.iter().filter(|(_, name, ..)| takes(name));
    let is_open = session.status == "open";
    let alert = match said.filter(|_| is_open) {
        Some(Said::NoChoice) => Some("Choose what to save."),
        Some(Said::Refused) => Some("Your card was declined. Nothing was saved. Try another."),
        None => None,
    };
    let setup = session.setup_intent.as_ref().and_then(|id| book.setups.get(id));
    let page = SavePage {
        shop: if shop.is_empty() { "the seller".to_owned() } else { shop },
        choices: choices.map(|(word, _, name, what)| (*word, *name, *what)).collect(),
        is_open,
        is_saved: setup.is_some_and(|setup| setup.status == "succeeded"),
        alert,
        cancel_url: session.cancel_url.clone(),
        success_url: return_address(session),
    };
    let status = match (session.status.as_str(), said) {
        ("expired", _) => StatusCode::GONE,
        (_, Some(Said::NoChoice)) => StatusCode::UNPROCESSABLE_ENTITY,
        (_, Some(Said::Refused)) => StatusCode::CONFLICT,
        _ => StatusCode::OK,
    };
    answer(status, page.render())
}

//! Sample letters: for the trial of a firm's template, and for a preview of it.
//!
//! Of each kind there is a full one, in which every fact is present, and a spare one, in which none
//! is that may be absent. The full one also says which placeholders there are.

use chrono::NaiveDate;
use domain::id::InvoiceId;
use domain::lock::{LockCause, LockReason};
use domain::money::{Currency, Money};

use crate::facts::{
    Applied, Content, Debt, Demand, Firm, Instalment, Invoice, Language, LetterFacts, Lock,
    Message, Method, Next, NextAction, Opens, PaymentFailed, Plan, Promise, Receipt, Reopened,
    SignIn, Valid, WelcomeBack,
};
use domain::letter::LetterKind;

const LINK: &str = "https://portal.example/l/4fXn2cRkT0yq7w";

/// The samples of a kind: full, then spare.
pub fn samples(kind: LetterKind) -> [LetterFacts; 2] {
    [full(kind), spare(kind)]
}

fn full(kind: LetterKind) -> LetterFacts {
    let reminds = kind == LetterKind::Reminder;
    let day = if reminds { day(2026, 5, 25) } else { day(2026, 7, 1) };
    let content = match kind {
        LetterKind::Reminder => Content::Reminder(full_debt()),
        LetterKind::LockNotice => Content::LockNotice(announcing(NextAction::Lock)),
        LetterKind::LimitNotice => Content::LimitNotice(announcing(NextAction::Limit)),
        LetterKind::CloseNotice => Content::CloseNotice(announcing(NextAction::Close)),
        LetterKind::Notice => Content::Notice(full_debt()),
        LetterKind::DemandLetter => Content::DemandLetter(full_debt(), full_demand()),
        LetterKind::FinalDemand => Content::FinalDemand(full_debt(), full_demand()),
        LetterKind::WelcomeBack => Content::WelcomeBack(WelcomeBack {
            reopened: Reopened::Until(self::day(2026, 7, 31)),
            still_open: invoices(),
            portal_link: "https://portal.example".to_owned(),
        }),
        LetterKind::Receipt => Content::Receipt(full_receipt()),
        LetterKind::PaymentFailed => Content::PaymentFailed(PaymentFailed {
            amount: usd(125_050),
            failed_on: day,
            method: Method::Bank,
            is_returned: true,
            invoices: invoices(),
            link: Some(LINK.to_owned()),
        }),
        LetterKind::PromiseConfirmation => Content::PromiseConfirmation(Promise {
            until: self::day(2026, 7, 10),
            invoices: invoices(),
            link: Some(LINK.to_owned()),
        }),
        LetterKind::PlanConfirmation => Content::PlanConfirmation(Plan {
            instalments: vec![
                Instalment { due_on: self::day(2026, 7, 15), amount: usd(40_000) },
                Instalment { due_on: self::day(2026, 8, 15), amount: usd(40_000) },
                Instalment { due_on: self::day(2026, 9, 15), amount: usd(45_050) },
            ],
            invoices: invoices(),
            grace_days: 3,
            link: Some(LINK.to_owned()),
        }),
        LetterKind::PayLink => Content::PayLink(Debt { lock: None, next: None, ..full_debt() }),
        LetterKind::Message => Content::Message(Message {
            text: "Bea: 1,250.50 USD, 2026-06-26, INV-00042.\nOK.".to_owned(),
            portal_link: "https://portal.example".to_owned(),
        }),
        LetterKind::Invitation => Content::Invitation(sign_in(Valid::Days(7))),
        LetterKind::SignInLink => Content::SignInLink(sign_in(Valid::Minutes(15))),
    };
    LetterFacts { content, day, ..letter(full_firm()) }
}

fn spare(kind: LetterKind) -> LetterFacts {
    let mut facts = full(kind);
    facts.firm = Firm { phone: None, postal_address: None, logo_url: None, ..facts.firm };
    match &mut facts.content {
        Content::Reminder(debt)
        | Content::LockNotice(debt)
        | Content::LimitNotice(debt)
        | Content::CloseNotice(debt)
        | Content::Notice(debt)
        | Content::PayLink(debt) => {
            spare_debt(debt);
        }
        Content::DemandLetter(debt, demand) | Content::FinalDemand(debt, demand) => {
            spare_debt(debt);
            demand.ready.clear();
        }
        Content::WelcomeBack(facts) => {
            facts.reopened = Reopened::Settled;
            facts.still_open.clear();
        }
        Content::Receipt(facts) => {
            facts.applied = vec![applied("INV-00042", 50_000, 0)];
            facts.credit = usd(0);
            facts.rest.clear();
            facts.lock = None;
            facts.link = None;
        }
        Content::PaymentFailed(facts) => {
            facts.method = Method::Card;
            facts.is_returned = false;
            facts.link = None;
            spare_invoices(&mut facts.invoices);
        }
        Content::PromiseConfirmation(facts) => {
            facts.link = None;
            spare_invoices(&mut facts.invoices);
        }
        Content::PlanConfirmation(facts) => {
            facts.instalments = vec![Instalment { due_on: day(2026, 7, 15), amount: usd(125_050) }];
            facts.grace_days = 0;
            facts.link = None;
            spare_invoices(&mut facts.invoices);
        }
        Content::Message(facts) => facts.text = "OK.".to_owned(),
        Content::Invitation(facts) => facts.valid = Valid::Days(1),
        Content::SignInLink(facts) => facts.valid = Valid::Minutes(1),
    }
    facts
}

fn sign_in(valid: Valid) -> SignIn {
    let link = "https://portal.example/portal/sign-in/Zi0x.c-1.4fXn2cRkT0yq7w".to_owned();
    SignIn { link, portal_link: "https://portal.example".to_owned(), valid }
}

fn letter(firm: Firm) -> LetterFacts {
    LetterFacts {
        firm,
        client_name: "Acme Bakery LLC".to_owned(),
        language: Language::En,
        day: day(2026, 7, 1),
        content: Content::Notice(full_debt()),
    }
}

fn full_firm() -> Firm {
    Firm {
        name: "Harbor & Pine CPAs".to_owned(),
        reply_address: "billing@harborpine.example".to_owned(),
        phone: Some("+1 555 0100".to_owned()),
        postal_address: Some("12 Quay Street, Portland, ME 04101".to_owned()),
        logo_url: Some("https://portal.example/logo.png".to_owned()),
        colour: None,
    }
}

fn full_debt() -> Debt {
    Debt {
        invoices: invoices(),
        credit: vec![usd(5_000)],
        link: Some(LINK.to_owned()),
        lock: Some(Lock {
            cause: LockCause::Rule(LockReason::Unpaid { invoices: 1, days: 30 }),
            since: day(2026, 7, 1),
            opens: Opens::AfterReview,
        }),
        next: Some(Next { action: NextAction::PartnerReview, on: day(2026, 7, 31) }),
    }
}

/// What an advance notice says of something: only an end is announced to who is locked already.
fn announcing(action: NextAction) -> Debt {
    let debt = full_debt();
    let lock = debt.lock.filter(|_| action == NextAction::Close);
    Debt { lock, next: Some(Next { action, on: day(2026, 7, 8) }), ..debt }
}

fn spare_debt(debt: &mut Debt) {
    spare_invoices(&mut debt.invoices);
    debt.credit.clear();
    debt.lock = None;
    debt.next = None;
    debt.link = None;
}

fn full_demand() -> Demand {
    let ready = vec!["2025 financial statements".to_owned(), "Sales tax return, May".to_owned()];
    Demand { dispute_by: day(2026, 7, 8), ready }
}

fn full_receipt() -> Receipt {
    Receipt {
        amount: usd(50_000),
        received_on: day(2026, 7, 1),
        reference: "pi_3Qx7".to_owned(),
        method: Method::Card,
        applied: vec![applied("INV-00040", 25_000, 0), applied("INV-00042", 20_000, 95_050)],
        credit: usd(5_000),
        rest: invoices(),
        lock: full_debt().lock,
        link: Some(LINK.to_owned()),
    }
}

fn applied(number: &'static str, amount: u64, open: u64) -> Applied {
    Applied { invoice: invoice_id(number), amount: usd(amount), open: usd(open) }
}

/// One with everything that an invoice can have, and a plain one.
fn invoices() -> Vec<Invoice> {
    let full = Invoice {
        number: invoice_id("INV-00042"),
        issued_on: day(2026, 5, 2),
        due_on: day(2026, 6, 1),
        total: usd(125_050),
        fees: usd(1_850),
        paid: usd(20_000),
        disputed: usd(10_000),
    };
    let plain = Invoice {
        number: invoice_id("INV-00047"),
        issued_on: day(2026, 5, 16),
        due_on: day(2026, 6, 15),
        total: usd(30_000),
        fees: usd(0),
        paid: usd(0),
        disputed: usd(0),
    };
    vec![full, plain]
}

fn spare_invoices(invoices: &mut Vec<Invoice>) {
    invoices.truncate(1);
    for invoice in invoices {
        (invoice.fees, invoice.paid, invoice.disputed) = (usd(0), usd(0), usd(0));
    }
}

fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

/// A number that is known to be one.
fn invoice_id(number: &'static str) -> InvoiceId {
    match number.parse() {
        Ok(id) => id,
        Err(_) => unreachable!("the samples' numbers are ids"),
    }
}

/// A day that is known to be one.
fn day(year: i32, month: u32, on: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, on).unwrap_or(NaiveDate::MIN)
}

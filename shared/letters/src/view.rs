//! The placeholders: the facts as words and lists, as a template sees them.
//!
//! Everything is text, a number, a list or none, and every name is there in every letter of its kind,
//! so that a name that is not there is a mistake. Names of people and firms are made one line without
//! control characters: they go into subjects and headers too.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::colour::{Colour, PARTS, TEXT_CONTRAST};
use domain::money::{Money, MoneyError};
use serde::Serialize;

use crate::facts::{
    Content, Debt, Demand, Firm, Invoice, Language, LetterFacts, Lock, Message, Next, NextAction,
    Opens, PaymentFailed, Plan, Promise, Receipt, Reopened, SignIn, WelcomeBack,
};
use crate::templates::LetterError;
use crate::words;

/// In which language, and on which day.
#[derive(Debug, Clone, Copy)]
struct On {
    language: Language,
    day: NaiveDate,
}

impl On {
    fn date(self, day: NaiveDate) -> String {
        words::date(self.language, day)
    }
}

/// The colour of buttons and links where a firm has none.
const USUAL_COLOUR: Colour = Colour::new(0x1f, 0x4e, 0x5f);

/// The firm's colour, darker where it couldn't be read on white or white on it, by as little as it takes.
pub fn readable(colour: Option<Colour>) -> Colour {
    let colour = colour.unwrap_or(USUAL_COLOUR);
    let mut mixtures = (0..PARTS).map(|parts| colour.with(Colour::BLACK, parts));
    let is_readable = |colour: &Colour| colour.contrasts(Colour::WHITE, TEXT_CONTRAST);
    mixtures.find(is_readable).unwrap_or(Colour::BLACK)
}

/// All placeholders of one letter.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    firm: FirmView,
    client: ClientView,
    language: &'static str,
    day: String,
    #[serde(flatten)]
    content: ContentView,
}

#[derive(Debug, Serialize)]
struct FirmView {
    name: String,
    reply_address: String,
    phone: Option<String>,
    postal_address: Option<String>,
    logo_url: Option<String>,
    colour: String,
}

#[derive(Debug, Serialize)]
struct ClientView {
    name: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ContentView {
    Debt(DebtView),
    Demand(DemandView),
    WelcomeBack(WelcomeBackView),
    Receipt(ReceiptView),
    PaymentFailed(PaymentFailedView),
    Promise(PromiseView),
    Plan(PlanView),
    SignIn(SignInView),
    Message(MessageView),
}

#[derive(Debug, Serialize)]
struct DebtView {
    #[serde(flatten)]
    owed: OwedView,
    link: Option<String>,
    lock: Option<LockView>,
    next: Option<NextView>,
}

/// Invoices and what they come to; the part that letters of several kinds share.
#[derive(Debug, Serialize)]
struct OwedView {
    invoices: Vec<InvoiceView>,
    invoice_count: usize,
    oldest: InvoiceView,
    totals: Vec<TotalView>,
    amount_due: String,
}

#[derive(Debug, Clone, Serialize)]
struct InvoiceView {
    number: String,
    issued_on: String,
    due_on: String,
    days_overdue: i64,
    timing: String,
    total: String,
    fees: Option<String>,
    paid: Option<String>,
    disputed: Option<String>,
    open: String,
}

#[derive(Debug, Serialize)]
struct TotalView {
    open: String,
    credit: Option<String>,
    due: String,
}

#[derive(Debug, Serialize)]
struct LockView {
    reason: String,
    since: String,
    is_new: bool,
    opens: &'static str,
}

#[derive(Debug, Serialize)]
struct NextView {
    action: &'static str,
    on: String,
}

#[derive(Debug, Serialize)]
struct DemandView {
    #[serde(flatten)]
    debt: DebtView,
    dispute_by: String,
    ready: Vec<String>,
}

#[derive(Debug, Serialize)]
struct WelcomeBackView {
    portal_link: String,
    reopened: &'static str,
    until: Option<String>,
    rest: Option<OwedView>,
}

#[derive(Debug, Serialize)]
struct ReceiptView {
    amount: String,
    received_on: String,
    reference: String,
    method: &'static str,
    applied: Vec<AppliedView>,
    credit: Option<String>,
    rest: Option<OwedView>,
    lock: Option<LockView>,
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct AppliedView {
    invoice: String,
    amount: String,
    open: Option<String>,
}

#[derive(Debug, Serialize)]
struct PaymentFailedView {
    #[serde(flatten)]
    owed: OwedView,
    amount: String,
    failed_on: String,
    method: &'static str,
    is_returned: bool,
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct PromiseView {
    #[serde(flatten)]
    owed: OwedView,
    until: String,
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct PlanView {
    #[serde(flatten)]
    owed: OwedView,
    instalments: Vec<InstalmentView>,
    instalment_count: usize,
    first_due_on: String,
    plan_total: String,
    grace_days: u32,
    link: Option<String>,
}

#[derive(Debug, Serialize)]
struct InstalmentView {
    due_on: String,
    amount: String,
}

#[derive(Debug, Serialize)]
struct MessageView {
    lines: Vec<String>,
    portal_link: String,
}

#[derive(Debug, Serialize)]
struct SignInView {
    link: String,
    portal_link: String,
    valid_for: String,
}

impl View {
    pub(crate) fn of(facts: &LetterFacts) -> Result<Self, LetterError> {
        let on = On { language: facts.language, day: facts.day };
        let content = match &facts.content {
            Content::Reminder(debt)
            | Content::LockNotice(debt)
            | Content::LimitNotice(debt)
            | Content::CloseNotice(debt)
            | Content::Notice(debt)
            | Content::PayLink(debt) => ContentView::Debt(DebtView::of(debt, on)?),
            Content::DemandLetter(debt, demand) | Content::FinalDemand(debt, demand) => {
                ContentView::Demand(DemandView::of(debt, demand, on)?)
            }
            Content::WelcomeBack(facts) => {
                ContentView::WelcomeBack(WelcomeBackView::of(facts, on)?)
            }
            Content::Receipt(facts) => ContentView::Receipt(ReceiptView::of(facts, on)?),
            Content::PaymentFailed(facts) => {
                ContentView::PaymentFailed(PaymentFailedView::of(facts, on)?)
            }
            Content::PromiseConfirmation(facts) => {
                ContentView::Promise(PromiseView::of(facts, on)?)
            }
            Content::PlanConfirmation(facts) => ContentView::Plan(PlanView::of(facts, on)?),
            Content::Message(facts) => ContentView::Message(MessageView::of(facts)?),
            Content::Invitation(facts) | Content::SignInLink(facts) => {
                ContentView::SignIn(SignInView::of(facts, on)?)
            }
        };
        Ok(Self {
            firm: FirmView::of(&facts.firm)?,
            client: ClientView { name: one_line(&facts.client_name) },
            language: facts.language.as_str(),
            day: on.date(facts.day),
            content,
        })
    }
}

impl FirmView {
    fn of(firm: &Firm) -> Result<Self, LetterError> {
        let optional = |text: &Option<String>| text.as_deref().map(one_line);
        Ok(Self {
            name: one_line(&firm.name),
            reply_address: one_line(&firm.reply_address),
            phone: optional(&firm.phone),
            postal_address: optional(&firm.postal_address),
            logo_url: optional_link(firm.logo_url.as_ref())?,
            colour: readable(firm.colour).to_string(),
        })
    }
}

impl DebtView {
    fn of(debt: &Debt, on: On) -> Result<Self, LetterError> {
        Ok(Self {
            owed: OwedView::of(&debt.invoices, &debt.credit, on)?,
            link: optional_link(debt.link.as_ref())?,
            lock: debt.lock.as_ref().map(|lock| LockView::of(lock, on)),
            next: debt.next.map(|next| NextView::of(next, on)),
        })
    }
}

impl OwedView {
    fn of(invoices: &[Invoice], credit: &[Money], on: On) -> Result<Self, LetterError> {
        let mut sorted: Vec<_> = invoices.iter().collect();
        sorted.sort_by_key(|invoice| (invoice.due_on, invoice.issued_on, invoice.number.clone()));
        let views = sorted.iter().map(|invoice| InvoiceView::of(invoice, on));
        let views = views.collect::<Result<Vec<_>, _>>()?;
        let oldest = views.first().cloned().ok_or(LetterError::NoInvoices)?;
        let totals = totals(invoices, credit)?;
        let due: Vec<_> = totals.iter().map(|total| total.due.as_str()).collect();
        let amount_due = words::and(on.language, &due);
        Ok(Self { invoice_count: views.len(), invoices: views, oldest, totals, amount_due })
    }

    fn of_any(invoices: &[Invoice], on: On) -> Result<Option<Self>, LetterError> {
        if invoices.is_empty() {
            return Ok(None);
        }
        Self::of(invoices, &[], on).map(Some)
    }
}

impl InvoiceView {
    fn of(invoice: &Invoice, on: On) -> Result<Self, LetterError> {
        invoice.total.checked_sub(invoice.fees)?; // fees are a part of the total
        Ok(Self {
            number: invoice.number.to_string(),
            issued_on: on.date(invoice.issued_on),
            due_on: on.date(invoice.due_on),
            days_overdue: (on.day - invoice.due_on).num_days().max(0),
            timing: words::timing(on.language, (on.day - invoice.due_on).num_days()),
            total: invoice.total.for_person(),
            fees: unless_zero(invoice.fees),
            paid: unless_zero(invoice.paid),
            disputed: unless_zero(invoice.disputed),
            open: asked(invoice)?.for_person(),
        })
    }
}

impl LockView {
    fn of(lock: &Lock, on: On) -> Self {
        Self {
            reason: one_line(&words::reason(on.language, &lock.cause)),
            since: on.date(lock.since),
            is_new: lock.since == on.day,
            opens: match lock.opens {
                Opens::AfterReview => "after_review",
                Opens::OnPayment => "on_payment",
                Opens::ByTheFirm => "by_the_firm",
            },
        }
    }
}

impl NextView {
    fn of(next: Next, on: On) -> Self {
        let action = match next.action {
            NextAction::Limit => "limit",
            NextAction::Lock => "lock",
            NextAction::DemandLetter => "demand_letter",
            NextAction::PartnerReview => "partner_review",
            NextAction::CollectionsReferral => "collections_referral",
            NextAction::Close => "close",
        };
        Self { action, on: on.date(next.on) }
    }
}

impl DemandView {
    fn of(debt: &Debt, demand: &Demand, on: On) -> Result<Self, LetterError> {
        Ok(Self {
            debt: DebtView::of(debt, on)?,
            dispute_by: on.date(demand.dispute_by),
            ready: demand.ready.iter().map(|item| one_line(item)).collect(),
        })
    }
}

impl WelcomeBackView {
    fn of(facts: &WelcomeBack, on: On) -> Result<Self, LetterError> {
        let (reopened, until) = match facts.reopened {
            Reopened::Settled => ("settled", None),
            Reopened::Until(until) => ("until", Some(on.date(until))),
            Reopened::WithPlan => ("with_plan", None),
        };
        let rest = OwedView::of_any(&facts.still_open, on)?;
        Ok(Self { portal_link: link(&facts.portal_link)?, reopened, until, rest })
    }
}

impl MessageView {
    fn of(facts: &Message) -> Result<Self, LetterError> {
        let lines = facts.text.trim().lines().map(one_line).collect();
        Ok(Self { lines, portal_link: link(&facts.portal_link)? })
    }
}

impl SignInView {
    fn of(facts: &SignIn, on: On) -> Result<Self, LetterError> {
        let valid_for = words::valid_for(on.language, facts.valid);
        Ok(Self { link: link(&facts.link)?, portal_link: link(&facts.portal_link)?, valid_for })
    }
}

impl ReceiptView {
    fn of(facts: &Receipt, on: On) -> Result<Self, LetterError> {
        let mut left = facts.amount.checked_sub(facts.credit)?;
        for part in &facts.applied {
            left = left.checked_sub(part.amount)?; // no receipt tells of more than was paid (PAY-6)
        }
        let applied = facts.applied.iter().map(|part| AppliedView {
            invoice: part.invoice.to_string(),
            amount: part.amount.for_person(),
            open: unless_zero(part.open),
        });
        Ok(Self {
            amount: facts.amount.for_person(),
            received_on: on.date(facts.received_on),
            reference: one_line(&facts.reference),
            method: words::method(on.language, facts.method),
            applied: applied.collect(),
            credit: unless_zero(facts.credit),
            rest: OwedView::of_any(&facts.rest, on)?,
            lock: facts.lock.as_ref().map(|lock| LockView::of(lock, on)),
            link: optional_link(facts.link.as_ref())?,
        })
    }
}

impl PaymentFailedView {
    fn of(facts: &PaymentFailed, on: On) -> Result<Self, LetterError> {
        Ok(Self {
            owed: OwedView::of(&facts.invoices, &[], on)?,
            amount: facts.amount.for_person(),
            failed_on: on.date(facts.failed_on),
            method: words::method(on.language, facts.method),
            is_returned: facts.is_returned,
            link: optional_link(facts.link.as_ref())?,
        })
    }
}

impl PromiseView {
    fn of(facts: &Promise, on: On) -> Result<Self, LetterError> {
        let owed = OwedView::of(&facts.invoices, &[], on)?;
        Ok(Self { owed, until: on.date(facts.until), link: optional_link(facts.link.as_ref())? })
    }
}

impl PlanView {
    fn of(facts: &Plan, on: On) -> Result<Self, LetterError> {
        let mut instalments = facts.instalments.clone();
        instalments.sort_by_key(|instalment| instalment.due_on);
        let first = instalments.first().ok_or(LetterError::NoInstalments)?;
        let mut sum = Money::zero(first.amount.currency());
        for instalment in &instalments {
            sum = sum.checked_add(instalment.amount)?;
        }
        let views = instalments.iter().map(|instalment| InstalmentView {
            due_on: on.date(instalment.due_on),
            amount: instalment.amount.for_person(),
        });
        Ok(Self {
            owed: OwedView::of(&facts.invoices, &[], on)?,
            instalments: views.collect(),
            instalment_count: instalments.len(),
            first_due_on: on.date(first.due_on),
            plan_total: sum.for_person(),
            grace_days: facts.grace_days,
            link: optional_link(facts.link.as_ref())?,
        })
    }
}

/// What is asked for: the rest, but for what is in dispute (DIS-1).
fn asked(invoice: &Invoice) -> Result<Money, MoneyError> {
    invoice.total.checked_sub(invoice.paid)?.checked_sub(invoice.disputed)
}

/// Per currency: what is open, the credit that counts against it, and the rest (LET-9).
fn totals(invoices: &[Invoice], credit: &[Money]) -> Result<Vec<TotalView>, MoneyError> {
    let mut open = BTreeMap::new();
    for invoice in invoices {
        let asked = asked(invoice)?;
        let sum = open.entry(asked.currency()).or_insert(Money::zero(asked.currency()));
        *sum = sum.checked_add(asked)?;
    }
    let mut totals = Vec::new();
    for (currency, open) in open {
        let mut due = open;
        for credit in credit.iter().filter(|credit| credit.currency() == currency) {
            let counted = credit.minor().min(due.minor());
            due = due.checked_sub(Money::new(counted, currency))?;
        }
        let credit = unless_zero(open.checked_sub(due)?);
        totals.push(TotalView { open: open.for_person(), credit, due: due.for_person() });
    }
    Ok(totals)
}

fn unless_zero(money: Money) -> Option<String> {
    (!money.is_zero()).then(|| money.for_person())
}

fn optional_link(text: Option<&String>) -> Result<Option<String>, LetterError> {
    text.map(|text| link(text)).transpose()
}

/// An address that a letter may point to: nothing but http and https.
fn link(text: &str) -> Result<String, LetterError> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_web && is_plain { Ok(text.to_owned()) } else { Err(LetterError::Link(text.to_owned())) }
}

/// One line, without what can't be seen or turns the direction of what follows.
pub(crate) fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let visible: String =
        text.chars().filter(|&c| !turns(c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use domain::money::Currency;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn usd(minor: u64) -> Money {
        Money::new(minor, Currency::USD)
    }

    fn money(minor: u64, currency: &str) -> Money {
        Money::new(minor, currency.parse().unwrap())
    }

    fn invoice(total: Money, paid: u64, disputed: u64) -> Invoice {
        Invoice {
            number: "A-1".parse().unwrap(),
            issued_on: day("2026-05-02"),
            due_on: day("2026-06-01"),
            total,
            fees: Money::zero(total.currency()),
            paid: Money::new(paid, total.currency()),
            disputed: Money::new(disputed, total.currency()),
        }
    }

    #[test]
    fn let_9_totals_are_per_currency_and_net_of_credit() {
        let text = |invoices: &[Invoice], credit: &[Money]| {
            let totals = totals(invoices, credit).unwrap();
            let lines = totals.iter().map(|t| {
                let credit = t.credit.as_deref().unwrap_or("nothing");
                format!("{} less {credit} is {}", t.open, t.due)
            });
            lines.collect::<Vec<_>>().join("; ")
        };
        let a = invoice(usd(100_000), 20_000, 5_000);
        let b = invoice(usd(50), 0, 0);
        let yen = invoice(money(1_200, "JPY"), 0, 0);
        for (invoices, credit, expected) in [
            (vec![a.clone()], vec![], "750.00 USD less nothing is 750.00 USD"),
            (
                vec![a.clone(), b.clone()],
                vec![usd(10_050)],
                "750.50 USD less 100.50 USD is 650.00 USD",
            ),
            (vec![b.clone()], vec![usd(10_000)], "0.50 USD less 0.50 USD is 0.00 USD"),
            (vec![b.clone()], vec![money(9, "JPY")], "0.50 USD less nothing is 0.50 USD"),
            (
                vec![b, yen, a],
                vec![money(200, "JPY"), usd(50)],
                "1,200 JPY less 200 JPY is 1,000 JPY; 750.50 USD less 0.50 USD is 750.00 USD",
            ),
        ] {
            assert_eq!(text(&invoices, &credit), expected);
        }
    }

    #[test]
    fn dis_1_only_the_undisputed_part_is_asked_for() {
        assert_eq!(asked(&invoice(usd(100), 30, 20)), Ok(usd(50)));
        assert!(asked(&invoice(usd(100), 90, 20)).is_err());
        assert!(asked(&invoice(usd(100), 101, 0)).is_err());
    }

    #[test]
    fn inv_2_days_overdue_are_counted_from_the_due_date() {
        for (today, expected, days_overdue) in [
            ("2026-05-31", "due tomorrow", 0),
            ("2026-06-01", "due today", 0),
            ("2026-06-02", "1 day overdue", 1),
            ("2028-02-29", "638 days overdue", 638),
        ] {
            let on = On { language: Language::En, day: day(today) };
            let view = InvoiceView::of(&invoice(usd(100), 0, 0), on).unwrap();
            assert_eq!((view.timing.as_str(), view.days_overdue), (expected, days_overdue));
        }
    }

    #[test]
    fn let_2_the_firms_colour_can_be_read_on_white() {
        for (colour, expected) in [
            (None, "#1f4e5f"),
            (Some("#1f5b6e"), "#1f5b6e"),
            (Some("#000000"), "#000000"),
            (Some("#ffffff"), "#747474"),
            (Some("#ffd400"), "#8b7400"),
        ] {
            let colour = readable(colour.map(|text| text.parse().unwrap()));
            assert_eq!(colour.to_string(), expected);
            assert!(colour.contrasts(Colour::WHITE, TEXT_CONTRAST));
        }
    }

    #[test]
    fn a_name_can_not_break_out_of_its_line() {
        for (text, expected) in [
            ("Acme  Bakery\tLLC ", "Acme Bakery LLC"),
            ("Acme\r\nBcc: all@acme.example", "Acme Bcc: all@acme.example"),
            ("Acme\u{202e}CLL", "AcmeCLL"),
            ("Zoë & Söhne", "Zoë & Söhne"),
        ] {
            assert_eq!(one_line(text), expected);
        }
    }

    #[test]
    fn a_link_is_an_address_of_the_web() {
        for text in ["https://portal.example/l/x", "http://localhost:8080/l/x"] {
            assert!(link(text).is_ok(), "for {text}");
        }
        for text in ["javascript:alert(1)", "portal.example", "https://a b", "https://a\"\n", ""] {
            assert!(matches!(link(text), Err(LetterError::Link(_))), "for {text}");
        }
    }
}

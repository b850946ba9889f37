//! To the gateway's page and back (PAY-8): what is to be paid is ours to say, what was paid the gateway's.
//!
//! A page is kept before the gateway is asked for it, under a name of ours, which is the only thing that comes
//! back with the payer. Whoever asks again for the same invoices takes the place of the page before, which is
//! ended, so that nobody pays twice by leaving two of them open.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ClientId, InvoiceId};
use domain::invoice::Deposit;
use domain::money::Money;
use gateways::{
    CheckoutError, CheckoutLine, EndedCheckout, GatewayError, Method, NewCheckout, ObjectId,
    OpenCheckout,
};
use identity::OpaqueToken;
use identity::opaque::RandomError;
use platform::log::chain;
use store::{Checkout, CheckoutPage, CheckoutTold, StoreError};

use super::standing::Payable;
use crate::execute::View;
use crate::firm::Firm;
use crate::http::{Problem, ProblemKind};
use crate::office::gateways::paying_endpoint;
use crate::webhook::checkout::key;
use crate::webhook::{PageError, Returned, TakeError, Webhooks};

/// How long a page can be paid on: to find a card and a second factor. Stripe takes from 30 minutes on.
pub const PAGE_OPEN: TimeDelta = TimeDelta::hours(1);

/// The most invoices of one payment: as many as the gateways take on a page.
pub const MAX_INVOICES: usize = 100;

/// Why nothing can be paid now.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// Nothing was chosen.
    #[error("choose at least one invoice to pay")]
    Nothing,
    /// Too many were.
    #[error("at most {MAX_INVOICES} invoices can be paid at once")]
    TooMany,
    /// There is none, or none that this caller may see.
    #[error("there is no such invoice: {0}")]
    NoInvoice(InvoiceId),
    /// Paid meanwhile, or a bank debit is on its way.
    #[error("nothing is to be paid on invoice {0} now: it is paid, or its payment is on its way")]
    NothingOn(InvoiceId),
    /// Two currencies never meet in one payment.
    #[error("invoices in different currencies are paid one currency at a time")]
    Currencies,
    /// What is the firm's own and what it holds for clients never meet in one payment either.
    #[error("invoices for different deposit accounts are paid one account at a time")]
    Deposits,
    /// A payment of the same was made a moment ago.
    #[error("a payment of these invoices was made just now; look at your payments first")]
    JustPaid,
    /// The firm has no gateway.
    #[error("this firm takes no payments online yet; its letters and invoices say how to pay")]
    NoGateway,
    /// The gateway.
    #[error("the page to pay on can't be opened")]
    Page(#[from] PageError),
    /// The system.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        let detail = error.to_string();
        match error {
            PayError::Nothing | PayError::TooMany | PayError::Currencies | PayError::Deposits => {
                Self::invalid("invoices", detail)
            }
            PayError::NoInvoice(_) => Self::new(ProblemKind::NotFound, detail).of("invoices"),
            PayError::NothingOn(_) | PayError::JustPaid | PayError::NoGateway => {
                Self::new(ProblemKind::Conflict, detail)
            }
            PayError::Page(PageError::Checkout(error)) if error.is_about_what_is_paid() => {
                tracing::warn!("Could not make a page to pay on: {}", chain(&error));
                let text = not_online(&error);
                Self::new(ProblemKind::Conflict, text).of("invoices")
            }
            PayError::Page(error) if error.is_passing() => Self::busy(&error),
            PayError::Page(error) => Self::internal(&error),
            PayError::Random(error) => Self::busy(&error),
            PayError::Store(error) => error.into(),
        }
    }
}

/// What a payer does about what no page can be made for: three decimals are more than a gateway may charge. The
/// least that it takes isn't named, for it is in the currency of an account that we don't know.
fn not_online(error: &CheckoutError) -> String {
    match error {
        CheckoutError::TooMany { .. } | CheckoutError::ReferenceTooLong { .. } => {
            "these invoices can't be paid all at once: choose fewer of them".to_owned()
        }
        CheckoutError::TooSmall(amount) => format!(
            "{} is too little to be paid online: pay it together with other invoices, or as the firm's letters and invoices say",
            amount.for_person()
        ),
        _ => "this can't be paid online: the firm's letters and invoices say how else to pay"
            .to_owned(),
    }
}

/// What somebody wants to pay.
#[derive(Debug, Clone)]
pub struct Asked {
    /// A name for this wish, the same if it is made again.
    pub once: Option<String>,
    /// Which invoices, in the order in which they are paid (PAY-4).
    pub invoices: Vec<InvoiceId>,
    /// The hash of the letter's link that it is wished with.
    pub link: Option<String>,
    /// Where the payer comes back to, without our address; `{id}` stands for the page's name.
    pub return_path: String,
    /// Where the payer goes who gives up.
    pub cancel_path: String,
}

/// Where money is taken.
#[derive(Clone)]
pub struct Till {
    webhooks: Arc<Webhooks>,
    public_url: String,
}

impl Till {
    /// With the deployment's gateways, reached by payers at that address.
    pub fn new(webhooks: Arc<Webhooks>, public_url: &str) -> Self {
        Self { webhooks, public_url: public_url.trim_end_matches('/').to_owned() }
    }

    /// A page to pay on.
    ///
    /// # Errors
    /// [`PayError`].
    pub async fn open(
        &self,
        firm: &Firm,
        view: &View,
        asked: &Asked,
        now: DateTime<Utc>,
    ) -> Result<Checkout, PayError> {
        let store = firm.store();
        let client = &view.loaded.account.client;
        let id = match &asked.once {
            Some(name) => name.clone(),
            None => OpaqueToken::random_128()?.reveal().to_owned(),
        };
        let known = store.checkout(client, &id).await?;
        let mut checkout = match known.filter(|known| known.link == asked.link) {
            Some(known) if known.page.is_some() => return Ok(known),
            Some(known) => known,
            None => {
                let lines = lines(view, &asked.invoices)?;
                deposit(view, &lines)?;
                let endpoint = self.endpoint(firm).await?;
                let new = Checkout {
                    id,
                    client: client.clone(),
                    lines,
                    endpoint,
                    link: asked.link.clone(),
                    made_at: now,
                    ends_at: now + PAGE_OPEN,
                    page: None,
                    told: None,
                    is_replaced: false,
                };
                self.replace_others(firm, &new, now).await?;
                store.add_checkout(&new).await?;
                new
            }
        };
        let deposit = deposit(view, &checkout.lines)?;
        let opened = self.page(firm, (&checkout, deposit), asked, now).await?;
        // Some gateways' pages end when they are ended: until then they are open, whatever was asked for.
        let ends_at = DateTime::from_timestamp(opened.expires_unix, 0);
        checkout.ends_at = ends_at.unwrap_or(checkout.ends_at);
        checkout.page = Some(CheckoutPage { id: opened.id.to_string(), url: opened.url });
        store.note_checkout(&checkout).await?;
        Ok(checkout)
    }

    async fn page(
        &self,
        firm: &Firm,
        (checkout, deposit): (&Checkout, Option<Deposit>),
        asked: &Asked,
        now: DateTime<Utc>,
    ) -> Result<OpenCheckout, PayError> {
        let line = |(invoice, amount): &(InvoiceId, Money)| CheckoutLine {
            invoice: invoice.clone(),
            name: format!("Invoice {invoice}"),
            amount: *amount,
        };
        let path = asked.return_path.replace("{id}", &checkout.id);
        let new = NewCheckout {
            ours: checkout.id.clone(),
            deposit,
            save_for: None,
            firm: firm.id().clone(),
            client: checkout.client.clone(),
            lines: checkout.lines.iter().map(line).collect(),
            methods: vec![Method::Card, Method::Ach],
            success_url: format!("{}{path}", self.public_url),
            cancel_url: format!("{}{}", self.public_url, asked.cancel_path),
            expires_unix: Some(checkout.ends_at.timestamp()),
            email: None,
        };
        // Our names are letters and digits, so there always is a key.
        let key = key("pay", &checkout.id).ok_or(PageError::NoEndpoint)?;
        let page = self.webhooks.open_page(&checkout.endpoint, &new, &key, now).await;
        page.map_err(|error| match error {
            PageError::NoEndpoint => PayError::NoGateway,
            PageError::Checkout(CheckoutError::TooMany { .. }) => PayError::TooMany,
            error => PayError::Page(error),
        })
    }

    /// The firm's gateway: of real money, unless the firm is there for tests (TEST-1).
    async fn endpoint(&self, firm: &Firm) -> Result<String, PayError> {
        let fit = paying_endpoint(firm).await?;
        fit.map(|endpoint| endpoint.id).ok_or(PayError::NoGateway)
    }

    /// Ends the pages before on which the same could be paid. That one can't be ended keeps nobody from
    /// paying (ACC-4): what is paid twice becomes credit.
    async fn replace_others(
        &self,
        firm: &Firm,
        new: &Checkout,
        now: DateTime<Utc>,
    ) -> Result<(), PayError> {
        for mut other in firm.store().checkouts(&new.client).await? {
            let is_same = !other.invoices().is_disjoint(&new.invoices());
            let (true, Some(page)) = (is_same && other.is_open(now), &other.page) else { continue };
            let (Ok(page), Some(key)) = (page.id.parse::<ObjectId>(), key("end", &other.id)) else {
                continue;
            };
            match self.webhooks.end_page(&other.endpoint, &page, &key, now).await {
                Ok(EndedCheckout::Expired) => {
                    other.is_replaced = true;
                    firm.store().note_checkout(&other).await?;
                }
                Ok(EndedCheckout::Completed) => {
                    self.look(firm, &mut other, now).await?;
                    return Err(PayError::JustPaid);
                }
                // Gone, or at a gateway that ends no page early: what is paid twice becomes credit.
                Err(PageError::Checkout(CheckoutError::Gateway(
                    GatewayError::NotFound { .. } | GatewayError::CannotDo(_),
                ))) => {}
                Err(error) => {
                    tracing::warn!(firm.id = %firm.id(), "Could not end a page to pay on: {}", chain(&error));
                }
            }
        }
        Ok(())
    }

    /// A payer came back, or looks again: reads at the gateway what came of it, and applies that by the
    /// webhook's own path.
    ///
    /// # Errors
    /// Whatever the table has.
    pub async fn look(
        &self,
        firm: &Firm,
        checkout: &mut Checkout,
        now: DateTime<Utc>,
    ) -> Result<CheckoutTold, StoreError> {
        let page = checkout.page.as_ref().and_then(|page| page.id.parse::<ObjectId>().ok());
        let told = match page {
            None => CheckoutTold::Failed, // the gateway never made the page
            Some(page) => match self.webhooks.payer_returned(&checkout.endpoint, page, now).await {
                Ok(Returned::Paid) => CheckoutTold::Paid,
                Ok(Returned::Processing) => CheckoutTold::Processing,
                Ok(Returned::Failed) => CheckoutTold::Failed,
                Err(TakeError::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::warn!(firm.id = %firm.id(), "Could not tell a payer yet: {}", chain(&error));
                    CheckoutTold::Processing
                }
            },
        };
        if checkout.told != Some(told) {
            checkout.told = Some(told);
            firm.store().note_checkout(checkout).await?;
        }
        Ok(told)
    }
}

/// What is paid of which invoice.
fn lines(view: &View, invoices: &[InvoiceId]) -> Result<Vec<(InvoiceId, Money)>, PayError> {
    if MAX_INVOICES < invoices.len() {
        return Err(PayError::TooMany);
    }
    let payable = Payable::all(view);
    let mut lines: Vec<(InvoiceId, Money)> = Vec::new();
    for id in invoices {
        if lines.iter().any(|(known, _)| known == id) {
            continue;
        }
        let of = payable.iter().find(|payable| payable.invoice.id == *id);
        let amount = match of {
            Some(of) if !of.amount.is_zero() => of.amount,
            Some(_) => return Err(PayError::NothingOn(id.clone())),
            None if view.loaded.account.knows_invoice(id) => {
                return Err(PayError::NothingOn(id.clone()));
            }
            None => return Err(PayError::NoInvoice(id.clone())),
        };
        lines.push((id.clone(), amount));
    }
    let mut currencies = lines.iter().map(|(_, amount)| amount.currency());
    let first = currencies.next().ok_or(PayError::Nothing)?;
    if currencies.any(|currency| currency != first) {
        return Err(PayError::Currencies);
    }
    Ok(lines)
}

/// Which of the firm's bank accounts it all goes to: the same for all of it, said or not.
fn deposit(view: &View, lines: &[(InvoiceId, Money)]) -> Result<Option<Deposit>, PayError> {
    let invoices = &view.loaded.account.invoices;
    let of = |id: &InvoiceId| invoices.get(id).and_then(|invoice| invoice.deposit);
    let mut deposits = lines.iter().map(|(id, _)| of(id));
    let first = deposits.next().flatten();
    if deposits.any(|deposit| deposit != first) {
        return Err(PayError::Deposits);
    }
    Ok(first)
}

/// A name as a part of an address.
pub fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Where a contact's payer comes back to.
pub fn return_path(client: &ClientId) -> String {
    format!("/portal/v1/clients/{}/checkouts/{{id}}/return", segment(client.as_str()))
}

#[cfg(test)]
mod tests {
    use gateways::CurrencyError;

    use super::*;

    #[test]
    fn pay_8_what_can_t_be_paid_online_is_said_and_is_no_fault_of_ours() {
        let bhd = "BHD".parse().unwrap();
        let too_fine = CurrencyError::TooFine { amount: 1_235, currency: bhd, step: 10 };
        for (error, expected, words) in [
            (CheckoutError::Amount(too_fine), ProblemKind::Conflict, "how else to pay"),
            (CheckoutError::NoMethod { currency: bhd }, ProblemKind::Conflict, "how else to pay"),
            (
                CheckoutError::TooSmall(Money::new(30, domain::money::Currency::USD)),
                ProblemKind::Conflict,
                "0.30 USD is too little to be paid online",
            ),
            (
                CheckoutError::ReferenceTooLong { found: 600, limit: 500 },
                ProblemKind::Conflict,
                "choose fewer",
            ),
            (CheckoutError::KeyReused, ProblemKind::Internal, "it was logged"),
        ] {
            let problem = Problem::from(PayError::Page(PageError::Checkout(error)));
            assert_eq!(problem.kind, expected, "{}", problem.detail);
            assert!(problem.detail.contains(words), "{}", problem.detail);
        }
    }
}

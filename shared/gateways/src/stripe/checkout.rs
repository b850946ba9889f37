//! Pages to pay on: Checkout Sessions, made and ended.
//!
//! What is ours stands twice in a request, since a session's metadata does not reach its payment. What
//! comes back is compared with what was asked for before a payer is sent there. Each request carries the
//! caller's key and is sent once more under it when its answer is lost: the gateway then does nothing a
//! second time.

use domain::money::{Currency, Money};
use reqwest::Url;
use serde::Deserialize;

use super::call::{Form, Posted, TOO_SMALL};
use super::{Stripe, currency};
use crate::{
    CheckoutError, CheckoutLine, EndedCheckout, GatewayError, IdempotencyKey, Method, Mode,
    NewCheckout, ObjectId, OpenCheckout, Reference,
};

/// Stripe's limit of lines on a page that is paid once.
const MAX_LINES: usize = 100;

/// A session, as far as making and ending it needs.
#[derive(Debug, Deserialize)]
struct Made {
    id: String,
    status: Option<String>,
    url: Option<String>,
    amount_total: Option<u64>,
    currency: Option<String>,
    expires_at: i64,
    livemode: bool,
}

impl Stripe {
    pub(super) async fn create(
        &self,
        new: &NewCheckout,
        key: &IdempotencyKey,
    ) -> Result<OpenCheckout, CheckoutError> {
        let (form, amount) = form(new)?;
        let made = self.send("checkout/sessions", &form, key).await;
        let made = made.map_err(|error| match error {
            CheckoutError::Gateway(GatewayError::Rejected { ref code, .. })
                if code == TOO_SMALL =>
            {
                CheckoutError::TooSmall(amount)
            }
            error => error,
        })?;
        Ok(self.open(made, amount)?)
    }

    /// A session that is not open any more is looked at: which way it ended matters.
    pub(super) async fn expire(
        &self,
        id: &ObjectId,
        key: &IdempotencyKey,
    ) -> Result<EndedCheckout, CheckoutError> {
        let path = format!("checkout/sessions/{id}");
        let ended = match self.send(&format!("{path}/expire"), &[], key).await {
            Err(CheckoutError::Gateway(GatewayError::Rejected { .. })) => {
                self.get::<Made>("checkout.session", &path, &[]).await?
            }
            other => other?,
        };
        match ended.status.as_deref() {
            Some("expired") => Ok(EndedCheckout::Expired),
            Some("complete") => Ok(EndedCheckout::Completed),
            other => Err(malformed(&ended.id, format!("is {other:?} after it was ended")).into()),
        }
    }

    async fn send(
        &self,
        path: &str,
        form: &[(String, String)],
        key: &IdempotencyKey,
    ) -> Result<Made, CheckoutError> {
        match self.post("checkout.session", path, form, key).await? {
            Posted::Done(made) => Ok(made),
            Posted::Refused(refusal) if refusal.is_key_reused() => Err(CheckoutError::KeyReused),
            Posted::Refused(refusal) => Err(refusal.into_error().into()),
        }
    }

    /// What was made, if it is what was asked for: a payer is sent nowhere else.
    fn open(&self, made: Made, asked: Money) -> Result<OpenCheckout, GatewayError> {
        let id: ObjectId = made.id.parse().map_err(|error| malformed(&made.id, error))?;
        let mode = Mode::from_livemode(made.livemode);
        if mode != self.mode {
            return Err(malformed(&id, format!("expected {} mode, found {mode}", self.mode)));
        }
        let (Some(total), Some(code)) = (made.amount_total, &made.currency) else {
            return Err(malformed(&id, "has no amount"));
        };
        let amount = currency::from_stripe(total, code)?;
        if amount != asked {
            return Err(malformed(&id, format!("asks for {amount}, not for {asked}")));
        }
        let url = made.url.filter(|url| is_address(url));
        let url = url.ok_or_else(|| malformed(&id, "has no url that a browser can go to"))?;
        Ok(OpenCheckout { id, url, amount, expires_unix: made.expires_at })
    }
}

fn malformed(id: impl std::fmt::Display, what: impl std::fmt::Display) -> GatewayError {
    GatewayError::malformed(format!("checkout.session {id}: {what}"))
}

pub(super) fn is_address(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

/// The request's parameters, and the sum that it asks for.
fn form(new: &NewCheckout) -> Result<(Vec<(String, String)>, Money), CheckoutError> {
    let total = total(&new.lines)?;
    let mut form = Form::default();
    form.add("mode", "payment");
    form.add("success_url", &new.success_url);
    form.add("cancel_url", &new.cancel_url);
    form.add("client_reference_id", new.client.as_str());
    for (index, line) in new.lines.iter().enumerate() {
        let (amount, code) = currency::to_stripe(line.amount).map_err(CheckoutError::Amount)?;
        let line_item = format!("line_items[{index}]");
        form.add(format!("{line_item}[quantity]"), "1");
        form.add(format!("{line_item}[price_data][currency]"), code);
        form.add(format!("{line_item}[price_data][unit_amount]"), amount.to_string());
        form.add(format!("{line_item}[price_data][product_data][name]"), &line.name);
    }
    for (index, method) in methods(&new.methods, total.currency())?.into_iter().enumerate() {
        form.add(format!("payment_method_types[{index}]"), method);
    }
    let invoices = new.lines.iter().map(|line| &line.invoice);
    for (key, value) in Reference::metadata(&new.ours, &new.firm, &new.client, invoices)? {
        form.add(format!("metadata[{key}]"), &value);
        form.add(format!("payment_intent_data[metadata][{key}]"), value);
    }
    if let Some(at) = new.expires_unix {
        form.add("expires_at", at.to_string());
    }
    match (&new.save_for, &new.email) {
        (Some(customer), _) => {
            form.add("customer", customer.as_str());
            form.add("payment_intent_data[setup_future_usage]", "off_session");
        }
        (None, Some(email)) => form.add("customer_email", email),
        (None, None) => {}
    }
    Ok((form.0, total))
}

/// What the lines come to.
pub(super) fn total(lines: &[CheckoutLine]) -> Result<Money, CheckoutError> {
    if MAX_LINES < lines.len() {
        return Err(CheckoutError::TooMany { found: lines.len(), limit: MAX_LINES });
    }
    let mut amounts = lines.iter().map(|line| line.amount);
    let first = amounts.next().ok_or(CheckoutError::Nothing)?;
    if lines.iter().any(|line| line.amount.is_zero()) {
        return Err(CheckoutError::Nothing);
    }
    Ok(amounts.try_fold(first, Money::checked_add)?)
}

/// Stripe's names of the methods that take that currency.
pub(super) fn methods(asked: &[Method], currency: Currency) -> Result<Vec<&str>, CheckoutError> {
    let names = asked.iter().filter_map(|method| match method {
        Method::Card => Some("card"),
        // A debit of a US bank account is in dollars.
        Method::Ach => (currency == Currency::USD).then_some("us_bank_account"),
        Method::Other(name) => Some(name.as_str()),
    });
    let names: Vec<_> = names.collect();
    if names.is_empty() { Err(CheckoutError::NoMethod { currency }) } else { Ok(names) }
}

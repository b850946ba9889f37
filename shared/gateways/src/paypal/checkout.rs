//! Pages to pay on: orders, made and ended.
//!
//! PayPal ends no order early. But it takes no money before we capture what the payer approved, so an order is
//! ended by a mark on it: what is approved there afterwards is never captured, and PayPal gives it back.

use domain::money::Money;
use serde_json::{Value, json};

use super::PayPal;
use super::client::{Ask, request_id};
use super::currency::Amount;
use super::objects::{self, Order};
use crate::{
    CHECKOUT_ID, CheckoutError, CheckoutLine, EndedCheckout, GatewayError, IdempotencyKey, Method,
    NewCheckout, ObjectId, OpenCheckout, Reference,
};

/// More lines than this no payer reads.
const MAX_LINES: usize = 100;

/// The longest reference, name and description that PayPal takes.
pub(super) const MAX_TEXT: usize = 127;

/// An order that nobody approves, and one that nobody captures, ends after three hours.
const LIVES_SECONDS: i64 = 3 * 3600;

/// The description of an order that was ended; payers who are on its page read it.
const ENDED: &str = "Closed: nothing is to be paid here any more. What you approve is given back.";

/// PayPal's own way to pay, and the others that its page offers.
pub(super) const WALLET: &str = "paypal";

impl PayPal {
    pub(super) async fn create(
        &self,
        new: &NewCheckout,
        key: &IdempotencyKey,
    ) -> Result<OpenCheckout, CheckoutError> {
        let (body, amount) = body(new)?;
        let made: Result<Order, _> = self.post("v2/checkout/orders", &request_id(key), &body).await;
        let order = made.map_err(|error| match error {
            GatewayError::Rejected { ref code, .. } if code == "DUPLICATE_REQUEST_ID" => {
                CheckoutError::KeyReused
            }
            error => error.into(),
        })?;
        Ok(open(&order, amount)?)
    }

    pub(super) async fn end(&self, id: &ObjectId) -> Result<EndedCheckout, CheckoutError> {
        let path = format!("v2/checkout/orders/{id}");
        let mark = json!([{
            "op": "add", "path": "/purchase_units/@reference_id=='default'/description",
            "value": ENDED,
        }]);
        // An order that is past it can't be marked: which way it ended is looked at.
        match self.ask(&path, &Ask::Patch(&mark)).await {
            Ok(_) | Err(GatewayError::Rejected { .. }) => {}
            // PayPal forgets orders that nobody paid.
            Err(GatewayError::NotFound { .. }) => return Ok(EndedCheckout::Expired),
            Err(error) => return Err(error.into()),
        }
        let order = self.order(id).await?;
        match order.status.as_str() {
            _ if order.capture().is_some_and(|capture| !capture.is_failed()) => {
                Ok(EndedCheckout::Completed)
            }
            "COMPLETED" => Ok(EndedCheckout::Completed),
            "VOIDED" => Ok(EndedCheckout::Expired),
            _ if is_ended(&order) => Ok(EndedCheckout::Expired),
            other => Err(malformed(&order.id, format!("is {other} after it was ended")).into()),
        }
    }
}

/// Whether [`PayPal::end`] marked it.
pub(super) fn is_ended(order: &Order) -> bool {
    order.purchase_units.iter().any(|unit| unit.description.as_deref() == Some(ENDED))
}

fn malformed(id: impl std::fmt::Display, what: impl std::fmt::Display) -> GatewayError {
    GatewayError::malformed(format!("order {id}: {what}"))
}

/// What was made, if it is what was asked for: a payer is sent nowhere else.
fn open(order: &Order, asked: Money) -> Result<OpenCheckout, GatewayError> {
    let id: ObjectId = order.id.parse().map_err(|error| malformed(&order.id, error))?;
    let amount = order.purchase_units.iter().find_map(|unit| unit.amount.as_ref());
    let amount = amount.ok_or_else(|| malformed(&id, "has no amount"))?.money()?;
    if amount != asked {
        return Err(malformed(&id, format!("asks for {amount}, not for {asked}")));
    }
    let link = order.links.iter().find(|link| matches!(&*link.rel, "payer-action" | "approve"));
    let url = link.map(|link| link.href.clone()).filter(|url| is_address(url));
    let url = url.ok_or_else(|| malformed(&id, "has no link that a payer can go to"))?;
    let made = order.create_time.as_deref().and_then(objects::unix);
    let made = made.ok_or_else(|| malformed(&id, "create_time is missing or no time"))?;
    Ok(OpenCheckout { id, url, amount, expires_unix: made.saturating_add(LIVES_SECONDS) })
}

fn is_address(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

/// The request, and the sum that it asks for.
fn body(new: &NewCheckout) -> Result<(Value, Money), CheckoutError> {
    let (unit, total) = unit(&new.ours, &new.client, &new.lines)?;
    let mut wallet = json!({"experience_context": {
        "shipping_preference": "NO_SHIPPING",
        "user_action": "PAY_NOW",
        "payment_method_preference": preference(&new.methods, total)?,
        "return_url": return_url(&new.success_url),
        "cancel_url": new.cancel_url,
    }});
    if let Some(email) = &new.email {
        wallet["email_address"] = json!(email);
    }
    if let Some(customer) = &new.save_for {
        wallet["attributes"] = json!({
            "customer": {"id": customer.as_str()},
            "vault": {"store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"},
        });
    }
    let body = json!({
        "intent": "CAPTURE", "purchase_units": [unit], "payment_source": {WALLET: wallet},
    });
    Ok((body, total))
}

/// What is paid, as PayPal names it. The number is ours and unique, so that PayPal itself takes no second
/// payment under it unless the firm allowed that.
pub(super) fn unit(
    ours: &str,
    client: &domain::id::ClientId,
    lines: &[CheckoutLine],
) -> Result<(Value, Money), CheckoutError> {
    let total = total(lines)?;
    let amount = Amount::of(total).map_err(CheckoutError::Amount)?;
    let mut items = Vec::with_capacity(lines.len());
    for line in lines {
        let amount = Amount::of(line.amount).map_err(CheckoutError::Amount)?;
        items.push(json!({"name": short(&line.name), "quantity": "1", "unit_amount": amount}));
    }
    let unit = json!({
        "custom_id": Reference::text(ours, client, MAX_TEXT)?,
        "invoice_id": ours,
        "amount": {
            "currency_code": amount.currency_code, "value": amount.value,
            "breakdown": {"item_total": amount},
        },
        "items": items,
    });
    Ok((unit, total))
}

fn total(lines: &[CheckoutLine]) -> Result<Money, CheckoutError> {
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

fn short(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// A debit of a bank account is an eCheck here, days on its way. Payers choose on PayPal's page, so that one
/// without cards and PayPal can't be had.
fn preference(methods: &[Method], total: Money) -> Result<&'static str, CheckoutError> {
    let is_immediate = |method: &Method| match method {
        Method::Card => true,
        Method::Ach => false,
        Method::Other(name) => name == WALLET,
    };
    if !methods.iter().any(is_immediate) {
        return Err(CheckoutError::NoMethod { currency: total.currency() });
    }
    let with_bank = methods.contains(&Method::Ach);
    Ok(if with_bank { "UNRESTRICTED" } else { "IMMEDIATE_PAYMENT_REQUIRED" })
}

/// PayPal puts the order's id behind the address, as `token`, and knows no place for it within.
pub(super) fn return_url(url: &str) -> String {
    url.replace(CHECKOUT_ID, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(minor: u64, name: &str) -> CheckoutLine {
        let amount = Money::new(minor, domain::money::Currency::USD);
        CheckoutLine { invoice: "inv-1".parse().unwrap(), name: name.to_owned(), amount }
    }

    fn new(lines: Vec<CheckoutLine>, methods: Vec<Method>) -> NewCheckout {
        NewCheckout {
            ours: "try-1".to_owned(),
            firm: "acme".parse().unwrap(),
            client: "bea".parse().unwrap(),
            lines,
            methods,
            success_url: format!("https://portal.example/paid?page={CHECKOUT_ID}"),
            cancel_url: "https://portal.example/pay".to_owned(),
            expires_unix: None,
            deposit: None,
            save_for: None,
            email: None,
        }
    }

    #[test]
    fn pay_4_an_order_names_what_is_paid_and_by_whom() {
        let lines = vec![line(1_000, &"x".repeat(200)), line(250, "Invoice INV-00002")];
        let (body, total) = body(&new(lines, vec![Method::Card])).unwrap();
        assert_eq!(total.to_string(), "12.50 USD");
        let unit = &body["purchase_units"][0];
        assert_eq!(unit["custom_id"], "pc-try-1.bea");
        assert_eq!(unit["invoice_id"], "try-1");
        assert_eq!(unit["amount"]["value"], "12.50");
        assert_eq!(unit["amount"]["breakdown"]["item_total"]["value"], "12.50");
        assert_eq!(unit["items"][1]["unit_amount"]["value"], "2.50");
        assert_eq!(unit["items"][0]["name"].as_str().unwrap().len(), MAX_TEXT);
        let context = &body["payment_source"]["paypal"]["experience_context"];
        assert_eq!(context["return_url"], "https://portal.example/paid?page=");
    }

    #[test]
    fn pay_4_what_no_order_can_be_made_for() {
        let wallet = || Method::Other(WALLET.to_owned());
        for (lines, methods, expected) in [
            (vec![line(100, "a")], vec![Method::Card], "IMMEDIATE_PAYMENT_REQUIRED"),
            (vec![line(100, "a")], vec![wallet()], "IMMEDIATE_PAYMENT_REQUIRED"),
            (vec![line(100, "a")], vec![Method::Card, Method::Ach], "UNRESTRICTED"),
            (vec![line(100, "a")], vec![Method::Ach], "USD can't be paid in any of the ways"),
            (vec![line(100, "a")], vec![], "USD can't be paid in any of the ways"),
            (vec![], vec![wallet()], "at least one invoice"),
            (vec![line(0, "a")], vec![wallet()], "at least one invoice"),
            (vec![line(1, "a"); 101], vec![wallet()], "101 invoices are too many"),
        ] {
            let found = match body(&new(lines, methods)) {
                Ok((body, _)) => {
                    let context = &body["payment_source"]["paypal"]["experience_context"];
                    context["payment_method_preference"].as_str().unwrap().to_owned()
                }
                Err(error) => error.to_string(),
            };
            assert!(found.contains(expected), "{found}");
        }
    }
}

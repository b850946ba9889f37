//! What PayPal makes of orders, payments, refunds and disputes.

use domain::calendar::{Day, plus};
use domain::money::Money;
use gateways::paypal::currency::Amount;
use serde_json::{Value, json};

use super::book::{Book, Capture, Dispute, Order, Pays, Refund, Setup, Token};
use super::problem::Problem;

/// An eCheck takes three to six days; here four, as the page says.
pub const CLEARS_AFTER_DAYS: u32 = 4;

/// An order that nobody approves, or nobody captures, ends after three hours.
const ORDER_LIVES_SECONDS: i64 = 3 * 3600;

/// A bank's «insufficient funds».
const NO_FUNDS: &str = "5120";

fn amount_of(value: &Value) -> Result<Amount, Problem> {
    let amount: Amount = serde_json::from_value(value.clone()).map_err(|_| Problem::malformed())?;
    let money = amount.money().map_err(|_| Problem::refused("CURRENCY_NOT_SUPPORTED"))?;
    if money.is_zero() { Err(Problem::refused("CANNOT_BE_ZERO_OR_NEGATIVE")) } else { Ok(amount) }
}

fn money(amount: &Amount) -> Result<Money, Problem> {
    amount.money().map_err(|_| Problem::malformed())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

impl Book {
    /// The day that banks live in: the firm's as it was told last, else the machine's.
    pub(super) fn today(&self, now: i64) -> Day {
        let of_machine = chrono::DateTime::from_timestamp(now, 0).unwrap_or_default().date_naive();
        self.day.unwrap_or(of_machine)
    }

    /// Orders that are over, and eChecks that are due.
    pub(super) fn go_on(&mut self, now: i64) {
        let is_over = |order: &Order| {
            matches!(&*order.status, "PAYER_ACTION_REQUIRED" | "APPROVED")
                && order.created + ORDER_LIVES_SECONDS <= now
        };
        let over = self.orders.iter().filter(|(_, order)| is_over(order));
        for id in over.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.void(&id, now);
        }
        let today = self.today(now);
        let is_due =
            |one: &Capture| one.status == "PENDING" && one.decided_on.is_some_and(|on| on <= today);
        let due = self.captures.iter().filter(|(_, capture)| is_due(capture));
        let due: Vec<_> = due.map(|(id, capture)| (id.clone(), capture.is_refused)).collect();
        for (id, is_refused) in due {
            self.decide(&id, !is_refused, now);
        }
    }

    pub(super) fn void(&mut self, id: &str, now: i64) {
        let Some(order) = self.orders.get_mut(id) else { return };
        let was_approved = order.status == "APPROVED";
        order.status = "VOIDED".to_owned();
        if was_approved {
            let resource = json!({"order_id": id});
            self.tell("CHECKOUT.PAYMENT-APPROVAL.REVERSED", "checkout-order", &resource, now);
        }
    }

    /// A new order; one with a saved method is captured at once.
    pub(super) fn make_order(&mut self, body: &Value, now: i64) -> Result<String, Problem> {
        let units = body["purchase_units"].as_array();
        let unit = units.filter(|units| units.len() == 1).and_then(|units| units.first());
        let unit = unit.ok_or(Problem::malformed())?.clone();
        let source = body["payment_source"].clone();
        if body["intent"] != "CAPTURE" || source.as_object().is_none_or(|one| one.len() != 1) {
            return Err(Problem::malformed());
        }
        let total = money(&amount_of(&unit["amount"])?)?;
        if let Some(items) = unit["items"].as_array() {
            let mut sum: Option<Money> = None;
            for item in items {
                let amount = money(&amount_of(&item["unit_amount"])?)?;
                let next = sum.map_or(Ok(amount), |sum| sum.checked_add(amount));
                sum = Some(next.map_err(|_| Problem::refused("CURRENCY_NOT_SUPPORTED"))?);
            }
            let said = money(&amount_of(&unit["amount"]["breakdown"]["item_total"])?)?;
            if sum != Some(total) || said != total {
                return Err(Problem::refused("AMOUNT_MISMATCH"));
            }
        }
        let way = source.as_object().and_then(|source| source.values().next());
        let vaulted = way.and_then(|way| way["vault_id"].as_str()).map(str::to_owned);
        let id = self.new_id("O");
        let mut order = Order {
            status: "PAYER_ACTION_REQUIRED".to_owned(),
            created: now,
            unit,
            source,
            pays: None,
            saved: None,
        };
        let Some(vaulted) = vaulted else {
            self.orders.insert(id.clone(), order);
            return Ok(id);
        };
        let token = self.tokens.get(&vaulted).ok_or(Problem::refused("TOKEN_ID_NOT_FOUND"))?;
        order.status = "APPROVED".to_owned();
        order.pays = Some(token.pays);
        self.orders.insert(id.clone(), order);
        self.capture(&id, now)?;
        Ok(id)
    }

    /// The payer says yes on PayPal's page.
    pub(super) fn approve(&mut self, id: &str, pays: Pays, now: i64) -> Result<(), Problem> {
        let order = self.orders.get_mut(id).ok_or(Problem::missing())?;
        if order.status != "PAYER_ACTION_REQUIRED" {
            return Err(Problem::refused("ORDER_ALREADY_APPROVED"));
        }
        let is_bank = matches!(pays, Pays::ByBank | Pays::ByBankThatRefuses);
        if is_bank && !order.takes_bank() {
            return Err(Problem::refused("PAYMENT_SOURCE_NOT_SUPPORTED"));
        }
        order.status = "APPROVED".to_owned();
        order.pays = Some(pays);
        self.tell_order("CHECKOUT.ORDER.APPROVED", id, now);
        Ok(())
    }

    /// Takes what was approved.
    pub(super) fn capture(&mut self, id: &str, now: i64) -> Result<String, Problem> {
        let order = self.orders.get(id).ok_or(Problem::missing())?.clone();
        match &*order.status {
            "APPROVED" => {}
            "COMPLETED" => return Err(Problem::refused("ORDER_ALREADY_CAPTURED")),
            _ => return Err(Problem::refused("ORDER_NOT_APPROVED")),
        }
        let invoice_id = text(&order.unit["invoice_id"]);
        let is_paid = |one: &Capture| {
            one.invoice_id.is_some()
                && one.invoice_id == invoice_id
                && !matches!(&*one.status, "DECLINED" | "FAILED")
        };
        if self.captures.values().any(is_paid) {
            return Err(Problem::refused("DUPLICATE_INVOICE_ID"));
        }
        let pays = order.pays.unwrap_or_default();
        if pays == Pays::Nothing {
            return Err(Problem::refused("INSTRUMENT_DECLINED"));
        }
        let (status, reason, kind) = match pays {
            Pays::ByBank | Pays::ByBankThatRefuses => {
                ("PENDING", Some("ECHECK"), "PAYMENT.CAPTURE.PENDING")
            }
            Pays::AfterReview => ("PENDING", Some("PENDING_REVIEW"), "PAYMENT.CAPTURE.PENDING"),
            Pays::CardDeclines => ("DECLINED", None, "PAYMENT.CAPTURE.DECLINED"),
            Pays::AtOnce | Pays::Nothing => ("COMPLETED", None, "PAYMENT.CAPTURE.COMPLETED"),
        };
        let is_bank = matches!(pays, Pays::ByBank | Pays::ByBankThatRefuses);
        let capture = Capture {
            order: Some(id.to_owned()),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            response: (pays == Pays::CardDeclines).then(|| NO_FUNDS.to_owned()),
            amount: amount_of(&order.unit["amount"])?,
            custom_id: text(&order.unit["custom_id"]),
            invoice_id,
            created: now,
            decided_on: is_bank.then(|| plus(self.today(now), CLEARS_AFTER_DAYS)),
            is_refused: pays == Pays::ByBankThatRefuses,
            is_bank,
        };
        let made = self.new_id("C");
        self.captures.insert(made.clone(), capture);
        if let Some(order) = self.orders.get_mut(id) {
            order.status = "COMPLETED".to_owned();
        }
        self.tell_capture(kind, &made, now);
        if status == "COMPLETED" {
            self.tell_order("CHECKOUT.ORDER.COMPLETED", id, now);
        }
        let attributes = &order.source["paypal"]["attributes"];
        if attributes["vault"].is_object()
            && status != "DECLINED"
            && let Some(customer) = attributes["customer"]["id"].as_str()
        {
            let token = self.save(customer, pays, now);
            if let Some(order) = self.orders.get_mut(id) {
                order.saved = Some(token);
            }
        }
        Ok(made)
    }

    /// A declined payer may choose again.
    pub(super) fn ask_again(&mut self, id: &str) {
        if let Some(order) = self.orders.get_mut(id) {
            order.status = "PAYER_ACTION_REQUIRED".to_owned();
            order.pays = None;
        }
    }

    /// Its bank, or PayPal's review, decides on a pending payment.
    pub(super) fn decide(&mut self, id: &str, is_good: bool, now: i64) -> bool {
        let Some(capture) = self.captures.get_mut(id).filter(|one| one.status == "PENDING") else {
            return false;
        };
        let (status, kind) = match is_good {
            true => ("COMPLETED", "PAYMENT.CAPTURE.COMPLETED"),
            false => ("DECLINED", "PAYMENT.CAPTURE.DENIED"),
        };
        capture.status = status.to_owned();
        capture.decided_on = None;
        capture.reason = capture.reason.take().filter(|_| !is_good);
        self.tell_capture(kind, id, now);
        true
    }

    fn given_back(&self, capture: &str, is_counted: impl Fn(&Refund) -> bool) -> u64 {
        let of_capture = self.refunds.values().filter(|refund| refund.capture == capture);
        let amounts = of_capture.filter(|refund| is_counted(refund));
        amounts.filter_map(|refund| refund.amount.money().ok()).map(Money::minor).sum()
    }

    /// Without an amount all that is left.
    pub(super) fn refund(
        &mut self,
        capture: &str,
        amount: Option<&Value>,
        custom_id: Option<String>,
        now: i64,
    ) -> Result<String, Problem> {
        let paid = self.captures.get(capture).ok_or(Problem::missing())?.clone();
        match &*paid.status {
            "COMPLETED" | "PARTIALLY_REFUNDED" => {}
            "REFUNDED" => return Err(Problem::refused("CAPTURE_FULLY_REFUNDED")),
            _ => return Err(Problem::refused("REFUND_NOT_ALLOWED")),
        }
        let is_open = |one: &Dispute| {
            one.capture == capture && one.stage != "INQUIRY" && one.outcome.is_none()
        };
        if self.disputes.values().any(is_open) {
            return Err(Problem::refused("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"));
        }
        let total = money(&paid.amount)?;
        let gone = self.given_back(capture, |one| matches!(&*one.status, "COMPLETED" | "PENDING"));
        let left = total.minor().saturating_sub(gone);
        let asked = match amount {
            Some(amount) => money(&amount_of(amount)?)?,
            None => Money::new(left, total.currency()),
        };
        if asked.currency() != total.currency() {
            return Err(Problem::refused("REFUND_CAPTURE_CURRENCY_MISMATCH"));
        }
        if left < asked.minor() || left == 0 {
            return Err(Problem::refused("REFUND_AMOUNT_EXCEEDED"));
        }
        let status = if paid.is_bank { "PENDING" } else { "COMPLETED" };
        let refund = Refund {
            capture: capture.to_owned(),
            status: status.to_owned(),
            amount: Amount::of(asked).map_err(|_| Problem::malformed())?,
            custom_id,
            created: now,
        };
        let id = self.new_id("R");
        self.refunds.insert(id.clone(), refund);
        if paid.is_bank {
            self.tell_refund("PAYMENT.REFUND.PENDING", &id, now);
        } else {
            self.refunded(capture);
            self.tell_refund("PAYMENT.CAPTURE.REFUNDED", &id, now);
        }
        Ok(id)
    }

    pub(super) fn finish_refund(&mut self, id: &str, is_good: bool, now: i64) -> bool {
        let pending = self.refunds.get_mut(id).filter(|refund| refund.status == "PENDING");
        let Some(refund) = pending else { return false };
        refund.status = if is_good { "COMPLETED" } else { "FAILED" }.to_owned();
        let capture = refund.capture.clone();
        self.refunded(&capture);
        let kind = if is_good { "PAYMENT.CAPTURE.REFUNDED" } else { "PAYMENT.REFUND.FAILED" };
        self.tell_refund(kind, id, now);
        true
    }

    /// The payment says how much of it was given back.
    fn refunded(&mut self, capture: &str) {
        let gone = self.given_back(capture, |one| one.status == "COMPLETED");
        let Some(paid) = self.captures.get_mut(capture) else { return };
        let total = paid.amount.money().map_or(0, Money::minor);
        let status = match gone {
            0 => "COMPLETED",
            gone if gone < total => "PARTIALLY_REFUNDED",
            _ => "REFUNDED",
        };
        paid.status = status.to_owned();
    }

    pub(super) fn open_dispute(
        &mut self,
        capture: &str,
        amount: Option<&Value>,
        is_inquiry: bool,
        now: i64,
    ) -> Result<String, Problem> {
        let paid = self.captures.get(capture).ok_or(Problem::missing())?;
        if matches!(&*paid.status, "PENDING" | "DECLINED" | "FAILED") {
            return Err(Problem::refused("TRANSACTION_NOT_COMPLETED"));
        }
        let amount = amount.map(amount_of).transpose()?.unwrap_or_else(|| paid.amount.clone());
        let stage = if is_inquiry { "INQUIRY" } else { "CHARGEBACK" };
        let dispute = Dispute {
            capture: capture.to_owned(),
            status: "WAITING_FOR_SELLER_RESPONSE".to_owned(),
            stage: stage.to_owned(),
            outcome: None,
            amount,
            created: now,
        };
        let id = self.new_id("PP-D-");
        self.disputes.insert(id.clone(), dispute);
        self.tell_dispute("CUSTOMER.DISPUTE.CREATED", &id, now);
        Ok(id)
    }

    /// An inquiry that was not settled between the two.
    pub(super) fn escalate(&mut self, id: &str, now: i64) -> Result<(), Problem> {
        let open = self.disputes.get_mut(id).ok_or(Problem::missing())?;
        if open.outcome.is_some() || open.stage != "INQUIRY" {
            return Err(Problem::refused("ACTION_NOT_ALLOWED"));
        }
        open.stage = "CHARGEBACK".to_owned();
        open.status = "UNDER_REVIEW".to_owned();
        self.tell_dispute("CUSTOMER.DISPUTE.UPDATED", id, now);
        Ok(())
    }

    pub(super) fn close_dispute(
        &mut self,
        id: &str,
        outcome: &str,
        now: i64,
    ) -> Result<(), Problem> {
        let open = self.disputes.get_mut(id).ok_or(Problem::missing())?;
        if open.outcome.is_some() {
            return Err(Problem::refused("ACTION_NOT_ALLOWED"));
        }
        open.status = "RESOLVED".to_owned();
        open.outcome = Some(outcome.to_owned());
        let (capture, amount) = (open.capture.clone(), open.amount.clone());
        self.tell_dispute("CUSTOMER.DISPUTE.RESOLVED", id, now);
        if outcome == "RESOLVED_BUYER_FAVOUR" {
            let reversal = json!({
                "id": self.new_id("V"), "status": "COMPLETED", "amount": amount,
                "create_time": super::book::written(now),
                "links": [{"rel": "up", "href": format!("/v2/payments/captures/{capture}")}],
            });
            self.tell("PAYMENT.CAPTURE.REVERSED", "refund", &reversal, now);
        }
        Ok(())
    }

    /// A page to save a PayPal account on.
    pub(super) fn make_setup(&mut self, body: &Value) -> Result<String, Problem> {
        let context = &body["payment_source"]["paypal"]["experience_context"];
        let url = |field: &str| text(&context[field]).ok_or(Problem::malformed());
        let setup = Setup {
            customer: text(&body["customer"]["id"]).ok_or(Problem::malformed())?,
            status: "PAYER_ACTION_REQUIRED".to_owned(),
            return_url: url("return_url")?,
            cancel_url: url("cancel_url")?,
            pays: Pays::AtOnce,
            token: None,
        };
        let id = self.new_id("S");
        self.setups.insert(id.clone(), setup);
        Ok(id)
    }

    pub(super) fn approve_setup(&mut self, id: &str, pays: Pays) -> Result<(), Problem> {
        let setup = self.setups.get_mut(id).ok_or(Problem::missing())?;
        if setup.status != "PAYER_ACTION_REQUIRED" {
            return Err(Problem::refused("SETUP_TOKEN_ALREADY_APPROVED"));
        }
        setup.status = "APPROVED".to_owned();
        setup.pays = pays;
        Ok(())
    }

    /// The payment token of an approved page, once.
    pub(super) fn exchange(&mut self, body: &Value, now: i64) -> Result<String, Problem> {
        let page = body["payment_source"]["token"]["id"].as_str().ok_or(Problem::malformed())?;
        let setup = self.setups.get(page).ok_or(Problem::missing())?.clone();
        if setup.status != "APPROVED" {
            return Err(Problem::refused("INVALID_SETUP_TOKEN_STATUS"));
        }
        let token = self.save(&setup.customer, setup.pays, now);
        if let Some(setup) = self.setups.get_mut(page) {
            setup.status = "VAULTED".to_owned();
            setup.token = Some(token.clone());
        }
        Ok(token)
    }

    fn save(&mut self, customer: &str, pays: Pays, now: i64) -> String {
        let id = self.new_id("T");
        self.tokens.insert(id.clone(), Token { customer: customer.to_owned(), pays });
        let token = self.show_token(&id).unwrap_or_default();
        self.tell("VAULT.PAYMENT-TOKEN.CREATED", "payment_token", &token, now);
        id
    }

    pub(super) fn remove(&mut self, id: &str, now: i64) -> Result<(), Problem> {
        self.tokens.remove(id).ok_or(Problem::missing())?;
        self.tell("VAULT.PAYMENT-TOKEN.DELETED", "payment_token", &json!({"id": id}), now);
        Ok(())
    }
}

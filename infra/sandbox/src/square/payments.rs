//! Links that are paid on, and payments that complete, wait or fail.

use serde_json::{Value, json};

use super::acts::{ActError, CardOutcome, Done};
use super::book::{Book, amount, find, find_mut, money, text, time};

/// What a sale is paid with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Card { id: Option<String>, last_4: String, outcome: CardOutcome },
    Bank,
}

impl Source {
    /// One that a payer types in.
    pub(super) fn card(outcome: CardOutcome) -> Self {
        let last_4 = if outcome == CardOutcome::Pays { "4242" } else { "0002" };
        Self::Card { id: None, last_4: last_4.to_owned(), outcome }
    }
}

/// What is sold.
#[derive(Debug, Clone, Default)]
pub(super) struct Sale {
    pub location: String,
    pub order: Option<String>,
    pub customer: Option<String>,
    pub amount: u64,
    pub tip: u64,
    pub currency: String,
    pub reference: Option<String>,
}

impl Book {
    /// A location takes one currency: here that of its first sale.
    pub(super) fn check_currency(&mut self, location: &str, code: &str) -> Result<(), ActError> {
        let of_location = self.currencies.get(location).cloned();
        if of_location.as_deref().is_some_and(|known| known != code) {
            let what = format!("the location {location} does not take {code}");
            return Err(ActError::refused("CURRENCY_MISMATCH", what));
        }
        gateways::square::currency::from_square(1, code)
            .map_err(|error| ActError::refused("UNSUPPORTED_CURRENCY", error.to_string()))?;
        self.currencies.insert(location.to_owned(), code.to_owned());
        Ok(())
    }

    /// Somebody pays on a link's page.
    pub(super) fn pay_link(
        &mut self,
        link: &str,
        source: &Source,
        tip: u64,
        now: i64,
    ) -> Result<Done, ActError> {
        let order_id = text(find(&self.links, "payment link", link)?, "order_id").to_owned();
        let order = find(&self.orders, "order", &order_id)?;
        if amount(order, "total_money") == 0 {
            return Err(ActError::not_now("there is nothing to pay"));
        }
        let customer = order["customer_id"].as_str().map(str::to_owned);
        let sale = Sale {
            location: text(order, "location_id").to_owned(),
            amount: amount(order, "total_money"),
            currency: text(&order["total_money"], "currency").to_owned(),
            order: Some(order_id),
            customer,
            tip,
            reference: None,
        };
        self.sell(sale, source, now)
    }

    /// Tries to take a payment. One that is declined is made all the same, and has failed.
    pub(super) fn sell(&mut self, sale: Sale, source: &Source, now: i64) -> Result<Done, ActError> {
        self.check_currency(&sale.location, &sale.currency)?;
        if sale.amount == 0 {
            return Err(ActError::refused("VALUE_TOO_LOW", "the amount must be more than nothing"));
        }
        if let Some(order) = &sale.order {
            self.check_order(order, sale.amount)?;
        }
        if *source == Source::Bank && sale.currency != "USD" {
            return Err(ActError::refused("UNSUPPORTED_CURRENCY", "bank debits are in USD"));
        }
        let id = self.new_id("PAY");
        let total = sale.amount + sale.tip;
        let mut payment = json!({
            "id": id,
            "created_at": time(now),
            "updated_at": time(now),
            "amount_money": money(sale.amount, &sale.currency),
            "total_money": money(total, &sale.currency),
            "approved_money": money(total, &sale.currency),
            "status": "APPROVED",
            "location_id": sale.location,
        });
        if 0 < sale.tip {
            payment["tip_money"] = money(sale.tip, &sale.currency);
        }
        let texts = [
            ("order_id", &sale.order),
            ("customer_id", &sale.customer),
            ("reference_id", &sale.reference),
        ];
        for (field, value) in texts {
            if let Some(value) = value {
                payment[field] = json!(value);
            }
        }
        match source {
            Source::Card { id: card, last_4, .. } => {
                payment["source_type"] = json!("CARD");
                payment["card_details"] = json!({
                    "status": "AUTHORIZED",
                    "card": {"id": card, "card_brand": "VISA", "last_4": last_4},
                });
            }
            Source::Bank => {
                payment["source_type"] = json!("BANK_ACCOUNT");
                payment["status"] = json!("PENDING");
                payment["bank_account_details"] =
                    json!({"transfer_type": "ACH", "account_number_suffix": "6789"});
            }
        }
        self.payments.insert(id.clone(), payment);
        let events = match source {
            Source::Card { outcome: CardOutcome::Pays, .. } => {
                let created = self.record("payment.created", &id, now);
                let completed = self.complete(&id, now)?;
                vec![created, completed]
            }
            Source::Card { outcome: CardOutcome::Declines(code), .. } => {
                let created = self.record("payment.created", &id, now);
                vec![created, self.fail(&id, code, now)?]
            }
            Source::Bank => {
                self.expect_debit(&id, false, now);
                self.add_tender(&id, now)?;
                vec![self.record("payment.created", &id, now)]
            }
        };
        Ok(Done { object: id, events })
    }

    /// An order is paid once, and whole.
    fn check_order(&self, order_id: &str, paid: u64) -> Result<(), ActError> {
        let order = find(&self.orders, "order", order_id)?;
        let has_tender = order["tenders"].as_array().is_some_and(|tenders| !tenders.is_empty());
        let state = text(order, "state");
        if has_tender || !matches!(state, "DRAFT" | "OPEN") {
            return Err(ActError::not_now(format!("the order is {state}, and can't be paid")));
        }
        let total = amount(order, "total_money");
        if total != paid {
            let what = format!("the order asks for {total}, not for {paid}");
            return Err(ActError::refused("PAYMENT_AMOUNT_MISMATCH", what));
        }
        Ok(())
    }

    fn add_tender(&mut self, payment_id: &str, now: i64) -> Result<(), ActError> {
        let payment = find(&self.payments, "payment", payment_id)?.clone();
        let Some(order_id) = payment["order_id"].as_str() else { return Ok(()) };
        let is_of_link = self.links.values().any(|link| text(link, "order_id") == order_id);
        self.declines.remove(order_id);
        let order = find_mut(&mut self.orders, "order", order_id)?;
        order["tenders"] = json!([{
            "id": payment_id,
            "payment_id": payment_id,
            "type": payment["source_type"],
            "amount_money": payment["total_money"],
        }]);
        if payment["tip_money"].is_object() {
            order["total_tip_money"] = payment["tip_money"].clone();
            order["total_money"] = payment["total_money"].clone();
        }
        // What was bought on a page is still to be handed over, as Square sees it.
        order["state"] = json!(if is_of_link { "OPEN" } else { "COMPLETED" });
        order["updated_at"] = json!(time(now));
        Ok(())
    }

    fn complete(&mut self, id: &str, now: i64) -> Result<String, ActError> {
        let payment = find_mut(&mut self.payments, "payment", id)?;
        payment["status"] = json!("COMPLETED");
        payment["updated_at"] = json!(time(now));
        if payment["card_details"].is_object() {
            payment["card_details"]["status"] = json!("CAPTURED");
        }
        self.add_tender(id, now)?;
        Ok(self.record("payment.updated", id, now))
    }

    fn fail(&mut self, id: &str, code: &str, now: i64) -> Result<String, ActError> {
        let payment = find_mut(&mut self.payments, "payment", id)?;
        payment["status"] = json!("FAILED");
        payment["updated_at"] = json!(time(now));
        payment["approved_money"]["amount"] = json!(0);
        let errors = json!([{
            "category": "PAYMENT_METHOD_ERROR",
            "code": code,
            "detail": "The sandbox was told to refuse this payment.",
        }]);
        if payment["card_details"].is_object() {
            payment["card_details"]["status"] = json!("FAILED");
            payment["card_details"]["errors"] = errors;
        } else {
            payment["bank_account_details"]["errors"] = errors;
        }
        let order = payment["order_id"].as_str().map(str::to_owned);
        if let Some(order_id) = order
            && let Some(order) = self.orders.get_mut(&order_id)
        {
            order["tenders"] = json!([]);
            self.declines.insert(order_id, code.to_owned());
        }
        Ok(self.record("payment.updated", id, now))
    }

    pub(super) fn settle(&mut self, id: &str, now: i64) -> Result<Done, ActError> {
        self.check_pending(id)?;
        let events = vec![self.complete(id, now)?];
        Ok(Done { object: id.to_owned(), events })
    }

    pub(super) fn bounce(&mut self, id: &str, code: &str, now: i64) -> Result<Done, ActError> {
        self.check_pending(id)?;
        self.debits.remove(id);
        let events = vec![self.fail(id, code, now)?];
        Ok(Done { object: id.to_owned(), events })
    }

    fn check_pending(&self, id: &str) -> Result<(), ActError> {
        match text(find(&self.payments, "payment", id)?, "status") {
            "PENDING" => Ok(()),
            other => Err(ActError::not_now(format!("the payment is {other}, not PENDING"))),
        }
    }

    /// The link is gone; its order is canceled, unless somebody paid. Answers with that order.
    pub(super) fn delete_link(&mut self, id: &str, now: i64) -> Result<Option<String>, ActError> {
        let link = find(&self.links, "payment link", id)?;
        let order_id = text(link, "order_id").to_owned();
        self.links.remove(id);
        let order = find_mut(&mut self.orders, "order", &order_id)?;
        if order["tenders"].as_array().is_some_and(|tenders| !tenders.is_empty()) {
            return Ok(None);
        }
        order["state"] = json!("CANCELED");
        order["updated_at"] = json!(time(now));
        Ok(Some(order_id))
    }

    /// A card on file, with what it does.
    pub(super) fn card_source(&self, id: &str) -> Option<Source> {
        let card = self.cards.get(id).filter(|card| card["enabled"] == Value::Bool(true))?;
        let outcome = self.card_outcomes.get(id).cloned().unwrap_or_default();
        let last_4 = text(card, "last_4").to_owned();
        Some(Source::Card { id: Some(id.to_owned()), last_4, outcome })
    }
}

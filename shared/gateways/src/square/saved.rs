//! Customers, and their cards on file.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Square;
use super::api::{part, short_key, there};
use super::objects::Card;
use crate::{GatewayError, IdempotencyKey, Method, NewCustomer, ObjectId, SavedMethod};

/// A customer with more cards than on so many pages of 25 has none that anybody chose.
const MAX_PAGES: usize = 10;

/// What the ids of cards on file begin with, there and here: no id of ours holds a colon.
const CARD_THERE: &str = "ccof:";
const CARD_HERE: &str = "ccof-";

/// A card's id, as Square has it.
pub(super) fn card_there(id: &ObjectId) -> String {
    match id.as_str().strip_prefix(CARD_HERE) {
        Some(rest) => format!("{CARD_THERE}{rest}"),
        None => id.to_string(),
    }
}

fn card_here(id: &str) -> Result<ObjectId, GatewayError> {
    match id.strip_prefix(CARD_THERE) {
        Some(rest) => part("card", &format!("{CARD_HERE}{rest}")),
        None => part("card", id),
    }
}

impl Square {
    pub(super) async fn make_customer(
        &self,
        new: &NewCustomer,
        key: &IdempotencyKey,
    ) -> Result<ObjectId, GatewayError> {
        // Square wants one name at least, and has a field for those that are no person's.
        let name = new.name.as_deref().unwrap_or(new.client.as_str());
        let mut body = json!({
            "idempotency_key": short_key("customer", key),
            "company_name": name,
            "reference_id": new.client.as_str(),
        });
        if let Some(email) = &new.email {
            body["email_address"] = json!(email);
        }
        let answered = self.post("customers", &body).await?.map_err(super::api::Refusal::error)?;
        part("customer", &there(answered.customer, "customer", "customers")?.id)
    }

    /// Only a payment that was asked for with the saving in mind carries the customer on its order: no other card is
    /// ever kept.
    pub(super) async fn save_from_payment(
        &self,
        payment: &ObjectId,
        customer: &ObjectId,
        key: &IdempotencyKey,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        let paid = self.payment(payment.as_str()).await?;
        let is_card = paid.status == "COMPLETED" && paid.source_type.as_deref() == Some("CARD");
        let (true, Some(order)) = (is_card, &paid.order_id) else { return Ok(None) };
        let order = self.order(order).await?;
        if order.customer_id.as_deref() != Some(customer.as_str()) {
            return Ok(None);
        }
        match self.save(customer, payment.as_str(), key).await {
            Ok(saved) => Ok(Some(saved)),
            // Paid with something that can't be kept, such as a wallet's card.
            Err(GatewayError::Rejected { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the card behind a payment, or behind a token of Square's form.
    pub(super) async fn save(
        &self,
        customer: &ObjectId,
        source: &str,
        key: &IdempotencyKey,
    ) -> Result<SavedMethod, GatewayError> {
        let body = json!({
            "idempotency_key": short_key("card", key),
            "source_id": source,
            "card": {"customer_id": customer.as_str()},
        });
        let answered = self.post("cards", &body).await?.map_err(super::api::Refusal::error)?;
        saved(there(answered.card, "card", "cards")?, customer)
    }

    pub(super) async fn cards(
        &self,
        customer: &ObjectId,
    ) -> Result<Vec<SavedMethod>, GatewayError> {
        let mut all = vec![];
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = vec![("customer_id", customer.as_str())];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.get("cards", &query).await?;
            for card in page.cards.into_iter().filter(|card| card.enabled) {
                all.push(saved(card, customer)?);
            }
            cursor = page.cursor.filter(|cursor| !cursor.is_empty());
            if cursor.is_none() {
                return Ok(all);
            }
        }
        Err(GatewayError::malformed(format!("cards: more than {MAX_PAGES} pages")))
    }

    /// Disabling a card twice does what once does, so it needs no key.
    pub(super) async fn disable(&self, card: &ObjectId) -> Result<(), GatewayError> {
        let path = format!("cards/{}/disable", card_there(card));
        match self.post(&path, &Value::Object(serde_json::Map::new())).await? {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => Ok(()),
            Err(refusal) => Err(refusal.error()),
        }
    }
}

fn saved(card: Card, customer: &ObjectId) -> Result<SavedMethod, GatewayError> {
    let id = card_here(&card.id)?;
    if card.customer_id.as_deref() != Some(customer.as_str()) {
        return Err(GatewayError::malformed(format!("card {id}: not of customer {customer}")));
    }
    let last_4 = card
        .last_4
        .filter(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let brand = brand(card.card_brand.as_deref().unwrap_or_default());
    let label = match last_4 {
        Some(digits) => format!("{brand} ending in {digits}"),
        None => brand,
    };
    let expires = card.exp_year.zip(card.exp_month).filter(|(_, month)| (1..=12).contains(month));
    Ok(SavedMethod { id, customer: customer.clone(), method: Method::Card, label, expires })
}

/// As people write it.
fn brand(code: &str) -> String {
    match code {
        "VISA" => "Visa",
        "MASTERCARD" => "Mastercard",
        "AMERICAN_EXPRESS" => "American Express",
        "DISCOVER" | "DISCOVER_DINERS" => "Discover",
        "JCB" => "JCB",
        "INTERAC" => "Interac",
        "EFTPOS" => "eftpos",
        _ => "Card",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_1_a_saved_card_is_known_by_brand_and_four_digits_at_most() {
        for (card, expected) in [
            (json!({"card_brand": "VISA", "last_4": "4242"}), "Visa ending in 4242 None"),
            (
                json!({"card_brand": "OTHER", "last_4": "1111", "exp_month": 3, "exp_year": 2031}),
                "Card ending in 1111 Some((2031, 3))",
            ),
            (json!({"last_4": "4242424242424242", "exp_month": 13, "exp_year": 2031}), "Card None"),
        ] {
            let mut object = json!({"id": "ccof:1", "customer_id": "C1"});
            object.as_object_mut().unwrap().extend(card.as_object().unwrap().clone());
            let customer = "C1".parse().unwrap();
            let card = serde_json::from_value(object.clone()).unwrap();
            let read = saved(card, &customer).unwrap();
            assert_eq!(format!("{} {:?}", read.label, read.expires), expected);
            assert_eq!((read.id.as_str(), card_there(&read.id).as_str()), ("ccof-1", "ccof:1"));
            let card = serde_json::from_value(object).unwrap();
            assert!(saved(card, &"C2".parse().unwrap()).is_err());
        }
        assert_eq!(card_there(&card_here("plain").unwrap()), "plain");
        assert!(card_here("ccof:../x").is_err());
    }
}

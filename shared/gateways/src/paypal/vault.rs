//! Saved methods: PayPal's vault.
//!
//! A setup token is a page on which the payer agrees; once they did, it is exchanged for a payment token, which
//! can be charged. Cards are saved only on forms of PayPal's own, so that what is saved here is a PayPal
//! account; one that was saved by other means is charged all the same.

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::PayPal;
use super::checkout::{WALLET, return_url};
use super::client::{Ask, request_id};
use super::objects::{Capture, Link};
use crate::{
    Ability, GatewayError, IdempotencyKey, Method, NewCustomer, NewSavePage, ObjectId, SavePage,
    SavedMethod,
};

/// A customer's id has at most 22 characters.
const CUSTOMER_PREFIX: &str = "pc";
const CUSTOMER_HEX: usize = 20;

/// PayPal's longest page, and no payer has more methods than ten of them.
const PAGE: &str = "20";
const MAX_PAGES: usize = 10;

#[derive(Debug, Deserialize)]
struct SetupToken {
    id: String,
    status: Option<String>,
    customer: Option<Customer>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Customer {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Token {
    id: String,
    customer: Option<Customer>,
    #[serde(default)]
    payment_source: Source,
}

#[derive(Debug, Default, Deserialize)]
struct Source {
    card: Option<Card>,
    paypal: Option<Wallet>,
    venmo: Option<Wallet>,
}

#[derive(Debug, Default, Deserialize)]
struct Card {
    last_digits: Option<String>,
    brand: Option<String>,
    expiry: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Wallet {
    email_address: Option<String>,
    attributes: Option<Attributes>,
}

#[derive(Debug, Deserialize)]
struct Attributes {
    vault: Option<Vaulted>,
}

#[derive(Debug, Deserialize)]
struct Vaulted {
    id: Option<String>,
    status: Option<String>,
    customer: Option<Customer>,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    #[serde(default)]
    payment_tokens: Vec<Token>,
    total_pages: Option<usize>,
}

/// The client's id at PayPal, which is ours to choose: made of theirs, so that nothing has to be asked or kept.
pub(super) fn customer(new: &NewCustomer) -> Result<ObjectId, GatewayError> {
    let hash = hex::encode(Sha256::digest(format!("{}/{}", new.firm, new.client)));
    id("customer", &format!("{CUSTOMER_PREFIX}{}", &hash[..CUSTOMER_HEX]))
}

fn id(kind: &str, text: &str) -> Result<ObjectId, GatewayError> {
    text.parse().map_err(|error| GatewayError::malformed(format!("{kind}: {error}")))
}

impl PayPal {
    pub(super) async fn save_page(
        &self,
        new: &NewSavePage,
        key: &IdempotencyKey,
    ) -> Result<SavePage, GatewayError> {
        let is_wallet = |method: &Method| matches!(method, Method::Other(name) if name == WALLET);
        if !new.methods.iter().any(is_wallet) {
            return Err(GatewayError::CannotDo(Ability::SavePage));
        }
        let body = json!({
            "customer": {"id": new.customer.as_str()},
            "payment_source": {WALLET: {
                "usage_type": "MERCHANT",
                "permit_multiple_payment_tokens": true,
                "experience_context": {
                    "shipping_preference": "NO_SHIPPING",
                    "vault_instruction": "ON_PAYER_APPROVAL",
                    "return_url": return_url(&new.success_url),
                    "cancel_url": new.cancel_url,
                },
            }},
        });
        let token: SetupToken = self.post("v3/vault/setup-tokens", &request_id(key), &body).await?;
        let link = token.links.iter().find(|link| link.rel == "approve");
        let link = link.ok_or_else(|| GatewayError::malformed("setup-token: has no approve link"));
        Ok(SavePage { id: id("setup-token", &token.id)?, url: link?.href.clone() })
    }

    pub(super) async fn exchange(
        &self,
        page: &ObjectId,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        let path = format!("v3/vault/setup-tokens/{page}");
        let setup: SetupToken = self.get(&path, &[]).await?;
        match setup.status.as_deref() {
            Some("APPROVED" | "VAULTED") => {}
            _ => return Ok(None),
        }
        let body = json!({"payment_source": {"token": {
            "id": page.as_str(), "type": "SETUP_TOKEN",
        }}});
        let key = format!("saved-{page}");
        let token = self.post::<Token>("v3/vault/payment-tokens", &key, &body).await;
        match (token, setup.customer) {
            (Ok(token), customer) => {
                let customer = token.customer.as_ref().or(customer.as_ref());
                let customer = customer.map(|customer| id("customer", &customer.id)).transpose()?;
                Ok(Some(saved(&token, customer)?))
            }
            // Exchanged before, and the answer lost for longer than its key lives: the customer has it.
            (
                Err(GatewayError::Rejected { .. } | GatewayError::NotFound { .. }),
                Some(customer),
            ) => Ok(self.methods(&id("customer", &customer.id)?).await?.pop()),
            (Err(error), _) => Err(error),
        }
    }

    pub(super) async fn saved_while_paying(
        &self,
        payment: &ObjectId,
        customer: &ObjectId,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        let capture: Capture = self.get(&format!("v2/payments/captures/{payment}"), &[]).await?;
        let Some(order) = capture.order_id() else { return Ok(None) };
        let order = self.order(&order).await?;
        let wallet = order.payment_source.and_then(|mut source| source.remove(WALLET));
        let Some(Ok(wallet)) = wallet.map(serde_json::from_value::<Wallet>) else {
            return Ok(None);
        };
        let vaulted = wallet.attributes.as_ref().and_then(|found| found.vault.as_ref());
        let Some(vaulted) = vaulted.filter(|found| found.status.as_deref() == Some("VAULTED"))
        else {
            return Ok(None);
        };
        let Some(token) = &vaulted.id else { return Ok(None) };
        let theirs = vaulted.customer.as_ref().map(|customer| id("customer", &customer.id));
        Ok(Some(SavedMethod {
            id: id("payment-token", token)?,
            customer: theirs.transpose()?.unwrap_or_else(|| customer.clone()),
            method: Method::Other(WALLET.to_owned()),
            label: label(&wallet),
            expires: None,
        }))
    }

    /// Newest last.
    pub(super) async fn methods(
        &self,
        customer: &ObjectId,
    ) -> Result<Vec<SavedMethod>, GatewayError> {
        let mut all = vec![];
        for page in 1..=MAX_PAGES {
            let number = page.to_string();
            let query = [
                ("customer_id", customer.as_str()),
                ("page_size", PAGE),
                ("page", &number),
                ("total_required", "true"),
            ];
            let list: Tokens = match self.get("v3/vault/payment-tokens", &query).await {
                // A customer who saved nothing is not known.
                Err(GatewayError::NotFound { .. }) => return Ok(all),
                other => other?,
            };
            for token in &list.payment_tokens {
                all.push(saved(token, Some(customer.clone()))?);
            }
            if list.total_pages.unwrap_or_default() <= page {
                return Ok(all);
            }
        }
        Err(GatewayError::malformed(format!("payment-tokens: more than {MAX_PAGES} pages")))
    }

    pub(super) async fn remove(&self, method: &SavedMethod) -> Result<(), GatewayError> {
        match self.ask(&format!("v3/vault/payment-tokens/{}", method.id), &Ask::Delete).await {
            Ok(_) | Err(GatewayError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn saved(token: &Token, customer: Option<ObjectId>) -> Result<SavedMethod, GatewayError> {
    let missing = || GatewayError::malformed("payment-token: has no customer");
    let customer = customer.ok_or_else(missing)?;
    let source = &token.payment_source;
    let (method, label, expires) = match (&source.card, &source.paypal, &source.venmo) {
        (Some(card), ..) => (Method::Card, card_label(card), expires(card)),
        (None, Some(wallet), _) => (Method::Other(WALLET.to_owned()), label(wallet), None),
        (None, None, Some(_)) => (Method::Other("venmo".to_owned()), "Venmo".to_owned(), None),
        (None, None, None) => {
            (Method::Other("unknown".to_owned()), "Saved method".to_owned(), None)
        }
    };
    Ok(SavedMethod { id: id("payment-token", &token.id)?, customer, method, label, expires })
}

fn label(wallet: &Wallet) -> String {
    let address = wallet.email_address.as_deref();
    address.map_or_else(|| "PayPal".to_owned(), |address| format!("PayPal ({address})"))
}

/// Never more of a number than its last four digits.
fn card_label(card: &Card) -> String {
    let brand = card.brand.as_deref().unwrap_or("Card");
    let mut brand_letters = brand.chars();
    let first = brand_letters.next().map(|letter| letter.to_ascii_uppercase());
    let brand: String =
        first.into_iter().chain(brand_letters.map(|letter| letter.to_ascii_lowercase())).collect();
    let digits = card
        .last_digits
        .as_deref()
        .filter(|digits| digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.map_or(brand.clone(), |digits| format!("{brand} ending in {digits}"))
}

fn expires(card: &Card) -> Option<(u16, u8)> {
    let (year, month) = card.expiry.as_deref()?.split_once('-')?;
    Some((year.parse().ok()?, month.parse().ok().filter(|month| (1..=12).contains(month))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_1_a_client_has_one_customer_and_it_fits() {
        let named = |firm: &str, client: &str| {
            let (firm, client) = (firm.parse().unwrap(), client.parse().unwrap());
            customer(&NewCustomer { firm, client, name: None, email: None }).unwrap()
        };
        assert_eq!(named("acme", "bea"), named("acme", "bea"));
        assert_ne!(named("acme", "bea"), named("acme", "pat"));
        assert!(named("acme", "bea").as_str().len() <= 22);
    }

    #[test]
    fn chg_1_a_method_is_known_by_a_few_digits() {
        let token = |source: serde_json::Value| {
            let token = json!({"id": "t1", "payment_source": source});
            let token: Token = serde_json::from_value(token).unwrap();
            saved(&token, Some("c1".parse().unwrap())).unwrap()
        };
        let card =
            token(json!({"card": {"brand": "VISA", "last_digits": "1111", "expiry": "2027-02"}}));
        assert_eq!((card.label.as_str(), card.expires), ("Visa ending in 1111", Some((2027, 2))));
        let whole = token(json!({"card": {"brand": "VISA", "last_digits": "4111111111111111"}}));
        assert_eq!(whole.label, "Visa");
        let wallet = token(json!({"paypal": {"email_address": "ann@acme.example"}}));
        assert_eq!(wallet.label, "PayPal (ann@acme.example)");
    }
}

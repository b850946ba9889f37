//! Saved cards and bank accounts. The gateway knows no customers: a reference on each method says whose it is.
//!
//! A token can be used once, so saving it twice saves it once; what was saved bears our key in its description,
//! and is found by it when the answer was lost.

use domain::id::{ClientId, FirmId};
use reqwest::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::facts;
use super::objects::Instrument;
use super::{AffiniPay, ask};
use crate::{GatewayError, IdempotencyKey, Method, ObjectId, SavedMethod};

/// Of a hash, in hex: enough that no two clients meet. References and descriptions take 64 characters.
const HASH_CHARS: usize = 40;

/// The two lists, and what is in them.
const LISTS: [(&str, &str); 2] = [("card", "cards"), ("bank", "banks")];

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize()).chars().take(HASH_CHARS).collect()
}

/// The reference of all methods of a client: made of their id, which may hold what an id there may not.
pub(super) fn customer(firm: &FirmId, client: &ClientId) -> Result<ObjectId, GatewayError> {
    facts::id("customer", &format!("pc-{}", hash(&[firm.as_str(), client.as_str()])))
}

impl AffiniPay {
    pub(super) async fn save(
        &self,
        customer: &ObjectId,
        token: &str,
        key: &IdempotencyKey,
    ) -> Result<SavedMethod, GatewayError> {
        let token: ObjectId = facts::id("token", token)?;
        let mark = hash(&[key.as_str(), token.as_str()]);
        let kind = match self.ask::<Instrument>("token", &format!("tokens/{token}"), &[]).await {
            Ok(token) => token.kind,
            // Used up, perhaps by the try before.
            Err(error @ GatewayError::NotFound { .. }) => {
                return self.saved_by(customer, &mark).await?.ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let list = LISTS.iter().find(|(name, _)| *name == kind);
        let (_, list) = list.ok_or_else(|| {
            GatewayError::malformed(format!("token {token}: {kind:?} is neither card nor bank"))
        })?;
        let body = json!({"token_id": token, "reference": customer, "description": mark});
        let saved = self.send(list, &body).await;
        match saved.and_then(|answer| ask::read::<Instrument>(list, list, &answer)) {
            Ok(instrument) => shown(&instrument, customer),
            Err(error) => self.saved_by(customer, &mark).await?.ok_or(error),
        }
    }

    async fn saved_by(
        &self,
        customer: &ObjectId,
        mark: &str,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        let all = self.instruments(customer).await?;
        let found = all.iter().find(|saved| saved.description.as_deref() == Some(mark));
        found.map(|instrument| shown(instrument, customer)).transpose()
    }

    pub(super) async fn saved_of(
        &self,
        customer: &ObjectId,
    ) -> Result<Vec<SavedMethod>, GatewayError> {
        let all = self.instruments(customer).await?;
        all.iter().map(|instrument| shown(instrument, customer)).collect()
    }

    async fn instruments(&self, customer: &ObjectId) -> Result<Vec<Instrument>, GatewayError> {
        let query = [("reference", customer.to_string())];
        let mut all = vec![];
        for (kind, list) in LISTS {
            all.extend(self.ask_all::<Instrument>(kind, list, &query).await?);
        }
        Ok(all)
    }

    pub(super) async fn remove(&self, method: &SavedMethod) -> Result<(), GatewayError> {
        let list = match method.method {
            Method::Ach => "banks",
            Method::Card | Method::Other(_) => "cards",
        };
        let path = format!("{list}/{}", method.id);
        let answer = self.transport.delete(self.url(&path)?, &self.headers).await?;
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(ask::failure(&answer, &path)),
        }
    }
}

fn shown(instrument: &Instrument, customer: &ObjectId) -> Result<SavedMethod, GatewayError> {
    let id = instrument.id.as_deref().unwrap_or_default();
    Ok(SavedMethod {
        id: facts::id("saved method", id)?,
        customer: customer.clone(),
        method: facts::method(instrument),
        label: label(instrument),
        expires: expires(instrument),
    })
}

/// Never more of a number than its last four digits, whatever the gateway masks.
fn label(instrument: &Instrument) -> String {
    let number = instrument.number.as_deref().or(instrument.account_number.as_deref());
    let digits: Vec<char> =
        number.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    let last: String = digits[digits.len().saturating_sub(4)..].iter().collect();
    let name = match (&instrument.card_type, &instrument.bank_name) {
        (Some(card), _) => card_name(card),
        (None, Some(bank)) => bank.clone(),
        (None, None) => if instrument.kind == "bank" { "Bank account" } else { "Card" }.to_owned(),
    };
    if last.is_empty() { name } else { format!("{name} ending in {last}") }
}

fn card_name(code: &str) -> String {
    match code {
        "VISA" => "Visa",
        "MASTERCARD" => "Mastercard",
        "AMERICAN_EXPRESS" => "American Express",
        "DISCOVER" => "Discover",
        "DINERS_CLUB" => "Diners Club",
        "JCB" => "JCB",
        _ => "Card",
    }
    .to_owned()
}

/// A year may have two digits.
fn expires(instrument: &Instrument) -> Option<(u16, u8)> {
    let year = instrument.exp_year?;
    let year = if year < 100 { 2000 + year } else { year };
    let month = instrument.exp_month.filter(|month| (1..=12).contains(month))?;
    Some((u16::try_from(year).ok()?, u8::try_from(month).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sec_5_a_label_has_four_digits_at_most() {
        for (object, expected, expires_on) in [
            (
                json!({"type": "card", "number": "************4242", "card_type": "VISA", "exp_month": 3, "exp_year": 2030}),
                "Visa ending in 4242",
                Some((2030, 3)),
            ),
            (
                json!({"type": "card", "number": "4242424242424242", "card_type": "UNKNOWN", "exp_month": "12", "exp_year": "31"}),
                "Card ending in 4242",
                Some((2031, 12)),
            ),
            (
                json!({"type": "bank", "account_number": "******7890", "bank_name": "FIRST BANK OF TESTING"}),
                "FIRST BANK OF TESTING ending in 7890",
                None,
            ),
            (json!({"type": "bank"}), "Bank account", None),
            (json!({"type": "card", "exp_month": 13, "exp_year": 2030}), "Card", None),
        ] {
            let instrument: Instrument = serde_json::from_value(object.clone()).unwrap();
            assert_eq!((label(&instrument).as_str(), expires(&instrument)), (expected, expires_on));
        }
    }

    #[test]
    fn each_client_has_a_reference_of_its_own() {
        let of = |firm: &str, client: &str| {
            customer(&firm.parse().unwrap(), &client.parse().unwrap()).unwrap().to_string()
        };
        assert_eq!(of("acme", "bea & son"), of("acme", "bea & son"));
        assert_eq!(of("acme", "bea").len(), 43);
        assert_ne!(of("acme", "bea"), of("acm", "ebea"));
    }
}

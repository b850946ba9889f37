//! What a webhook tells before anything is believed: which object to read back.

use std::fmt;
use std::str::FromStr;

use domain::money::Money;
use serde::{Deserialize, Serialize};

use crate::Mode;

/// Stripe promises ids of up to 255 characters; the other gateways' are shorter.
pub const MAX_OBJECT_ID_BYTES: usize = 255;

/// A gateway's id of one of its objects; nothing in it can change the path that it becomes a part of.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId(String);

impl ObjectId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why an object's id was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of 1 to {MAX_OBJECT_ID_BYTES} letters, digits, `_` or `-`")]
pub struct ObjectIdError;

impl FromStr for ObjectId {
    type Err = ObjectIdError;

    fn from_str(text: &str) -> Result<Self, ObjectIdError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let is_id = (1..=MAX_OBJECT_ID_BYTES).contains(&text.len()) && text.bytes().all(is_plain);
        is_id.then(|| Self(text.to_owned())).ok_or(ObjectIdError)
    }
}

impl TryFrom<String> for ObjectId {
    type Error = ObjectIdError;

    fn try_from(text: String) -> Result<Self, ObjectIdError> {
        text.parse()
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> Self {
        id.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which object to read back. Each leads to one payment and all that happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// A page to pay on: Stripe's Checkout session.
    Checkout(ObjectId),
    /// A payment, the money itself: Stripe's PaymentIntent.
    Payment(ObjectId),
    /// One attempt to take it: Stripe's charge.
    Charge(ObjectId),
    /// Money given back by the firm.
    Refund(ObjectId),
    /// Money taken back by the payer's bank, or about to be.
    Dispute(ObjectId),
}

impl Hint {
    /// The object's id.
    pub fn object(&self) -> &ObjectId {
        match self {
            Self::Checkout(id)
            | Self::Payment(id)
            | Self::Charge(id)
            | Self::Refund(id)
            | Self::Dispute(id) => id,
        }
    }
}

/// A webhook whose signature was checked: a hint, not yet a fact (PAY-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The gateway's id of the event: a second delivery has the same (PAY-1).
    pub id: ObjectId,
    /// The gateway's name of what happened, such as `payment_intent.succeeded`.
    pub kind: String,
    /// What to read back; none for news that say nothing about a payment: acknowledge and count.
    pub hint: Option<Hint>,
    /// When the gateway made it, in Unix seconds; says nothing about order.
    pub created_unix: i64,
    /// Live or test.
    pub mode: Mode,
    /// The connected account that it is about; none for the endpoint's own.
    pub account: Option<String>,
    /// What the event says about the money.
    pub claim: Claim,
}

/// What an event says of itself: evidence to show beside what was read back, never applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The amount, if there is one that can be read.
    pub amount: Option<Money>,
    /// Our reference, if the event carries one.
    pub reference: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_2_an_object_id_can_not_change_the_path() {
        for text in ["", "../v1/balance", "pi_1?expand[]=x", "pi_1#", "pi 1", "pi_é", "a/b", "%2e"]
        {
            assert_eq!(text.parse::<ObjectId>(), Err(ObjectIdError), "for {text:?}");
        }
        assert_eq!("x".repeat(MAX_OBJECT_ID_BYTES + 1).parse::<ObjectId>(), Err(ObjectIdError));
        for text in ["pi_3MtwBwLkdIwHu7ix28a3tqPa", "WH-19973937", &"x".repeat(MAX_OBJECT_ID_BYTES)]
        {
            assert_eq!(text.parse::<ObjectId>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_hint_is_stored_and_read_again() {
        let hint = Hint::Payment("pi_1".parse().unwrap());
        let text = serde_json::to_string(&hint).unwrap();
        assert_eq!(text, r#"{"payment":"pi_1"}"#);
        assert_eq!(serde_json::from_str::<Hint>(&text).unwrap(), hint);
        assert!(serde_json::from_str::<Hint>(r#"{"payment":"../x"}"#).is_err());
    }
}

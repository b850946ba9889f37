//! Square's objects, as far as a decision needs them.
//!
//! Every field is optional that a state of the object can lack. Fields that hold a person's name, address or more
//! of a card than its last four digits are not here, so no error about an answer can quote one.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An amount.
#[derive(Debug, Clone, Deserialize)]
pub struct Money {
    pub amount: u64,
    pub currency: String,
}

/// The money.
#[derive(Debug, Deserialize)]
pub struct Payment {
    pub id: String,
    pub created_at: String,
    pub status: String,
    /// Tips included.
    pub total_money: Money,
    pub location_id: String,
    pub source_type: Option<String>,
    pub order_id: Option<String>,
    pub reference_id: Option<String>,
    pub card_details: Option<SourceDetails>,
    pub bank_account_details: Option<SourceDetails>,
    #[serde(default)]
    pub refund_ids: Vec<String>,
}

/// How it was taken: why it was not.
#[derive(Debug, Deserialize)]
pub struct SourceDetails {
    #[serde(default)]
    pub errors: Vec<Problem>,
}

/// What is paid for.
#[derive(Debug, Deserialize)]
pub struct Order {
    pub id: String,
    pub location_id: String,
    pub state: Option<String>,
    pub reference_id: Option<String>,
    pub customer_id: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, Option<String>>,
    pub total_money: Option<Money>,
    pub total_tip_money: Option<Money>,
    #[serde(default)]
    pub tenders: Vec<Tender>,
}

/// A payment on an order; older ones name it by their own id.
#[derive(Debug, Deserialize)]
pub struct Tender {
    pub id: Option<String>,
    pub payment_id: Option<String>,
}

/// A page to pay on.
#[derive(Debug, Deserialize)]
pub struct PaymentLink {
    pub id: String,
    pub order_id: Option<String>,
    pub url: Option<String>,
}

/// Money given back.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: Option<String>,
    pub amount_money: Money,
    pub payment_id: Option<String>,
    pub reason: Option<String>,
    pub created_at: String,
}

/// Money taken back.
#[derive(Debug, Clone, Deserialize)]
pub struct Dispute {
    pub id: Option<String>,
    /// What older versions call it.
    pub dispute_id: Option<String>,
    pub amount_money: Money,
    pub state: String,
    pub reason: Option<String>,
    pub created_at: String,
    pub disputed_payment: Option<DisputedPayment>,
    #[serde(default)]
    pub version: u64,
}

impl Dispute {
    pub fn id(&self) -> &str {
        self.id.as_deref().or(self.dispute_id.as_deref()).unwrap_or_default()
    }

    pub fn payment(&self) -> Option<&str> {
        self.disputed_payment.as_ref()?.payment_id.as_deref()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct DisputedPayment {
    pub payment_id: Option<String>,
}

/// A card on file.
#[derive(Debug, Deserialize)]
pub struct Card {
    pub id: String,
    pub customer_id: Option<String>,
    pub card_brand: Option<String>,
    pub last_4: Option<String>,
    pub exp_month: Option<u8>,
    pub exp_year: Option<u16>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// An object of which only the id matters.
#[derive(Debug, Deserialize)]
pub struct Id {
    pub id: String,
}

/// What Square answers: one object or a list under its name, and perhaps why not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Answered {
    pub errors: Vec<Problem>,
    pub payment: Option<Payment>,
    pub payments: Vec<Id>,
    pub order: Option<Order>,
    pub payment_link: Option<PaymentLink>,
    pub cancelled_order_id: Option<String>,
    pub refund: Option<Refund>,
    pub dispute: Option<Dispute>,
    pub disputes: Vec<Dispute>,
    pub customer: Option<Id>,
    pub card: Option<Card>,
    pub cards: Vec<Card>,
    pub events: Vec<serde_json::Value>,
    pub cursor: Option<String>,
}

/// Its machine words; the sentence is left out, since it can quote what was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    pub category: String,
    pub code: String,
    pub field: Option<String>,
}

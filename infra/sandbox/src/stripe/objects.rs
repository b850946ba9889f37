//! Stripe's objects as the sandbox keeps and sends them.
//!
//! Only the fields that something of ours reads or that tell a person what happened; each has the
//! name and JSON type of Stripe's published samples, which a test compares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The free key-value field of most objects.
pub type Metadata = BTreeMap<String, String>;

/// A page to pay on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    pub object: String,
    /// None where nothing is paid.
    pub amount_subtotal: Option<u64>,
    pub amount_total: Option<u64>,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    pub created: i64,
    pub currency: Option<String>,
    #[serde(default)]
    pub customer: Option<String>,
    pub customer_email: Option<String>,
    pub expires_at: i64,
    pub livemode: bool,
    pub metadata: Metadata,
    pub mode: String,
    pub payment_intent: Option<String>,
    pub payment_method_types: Vec<String>,
    pub payment_status: String,
    #[serde(default)]
    pub setup_intent: Option<String>,
    pub status: String,
    pub success_url: String,
    pub url: Option<String>,
}

/// One line of what is paid for on a page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LineItem {
    pub id: String,
    pub object: String,
    pub amount_discount: u64,
    pub amount_subtotal: u64,
    pub amount_tax: u64,
    pub amount_total: u64,
    pub currency: String,
    pub description: String,
    pub quantity: u64,
}

/// The money.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    pub object: String,
    pub amount: u64,
    pub amount_capturable: u64,
    pub amount_received: u64,
    pub canceled_at: Option<i64>,
    pub cancellation_reason: Option<String>,
    pub capture_method: String,
    pub created: i64,
    pub currency: String,
    #[serde(default)]
    pub customer: Option<String>,
    pub description: Option<String>,
    pub last_payment_error: Option<PaymentError>,
    pub latest_charge: Option<String>,
    pub livemode: bool,
    pub metadata: Metadata,
    pub next_action: Option<NextAction>,
    #[serde(default)]
    pub payment_method: Option<String>,
    pub payment_method_types: Vec<String>,
    #[serde(default)]
    pub setup_future_usage: Option<String>,
    pub status: String,
}

/// Why the last attempt failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaymentError {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub advice_code: Option<String>,
    pub code: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decline_code: Option<String>,
    pub message: String,
    pub r#type: String,
}

/// What the payer must do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NextAction {
    pub r#type: String,
}

/// One attempt to take the money.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    pub object: String,
    pub amount: u64,
    pub amount_captured: u64,
    pub amount_refunded: u64,
    pub captured: bool,
    pub created: i64,
    pub currency: String,
    #[serde(default)]
    pub customer: Option<String>,
    pub disputed: bool,
    pub failure_code: Option<String>,
    pub failure_message: Option<String>,
    pub livemode: bool,
    pub metadata: Metadata,
    pub paid: bool,
    pub payment_intent: String,
    #[serde(default)]
    pub payment_method: Option<String>,
    pub payment_method_details: MethodDetails,
    pub refunded: bool,
    pub status: String,
}

/// How it was taken: the fields of one method under that method's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MethodDetails {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub card: Option<Card>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub us_bank_account: Option<BankAccount>,
    pub r#type: String,
}

/// The test card's visible part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Card {
    pub brand: String,
    pub last4: String,
}

/// The test bank account's visible part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BankAccount {
    pub account_type: String,
    pub last4: String,
}

/// Whoever pays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Customer {
    pub id: String,
    pub object: String,
    pub created: i64,
    pub email: Option<String>,
    pub livemode: bool,
    pub metadata: Metadata,
    pub name: Option<String>,
}

/// A saved method.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaymentMethod {
    pub id: String,
    pub object: String,
    pub allow_redisplay: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub card: Option<CardDetails>,
    pub created: i64,
    /// None once it was removed.
    pub customer: Option<String>,
    pub livemode: bool,
    pub metadata: Metadata,
    pub r#type: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub us_bank_account: Option<BankDetails>,
}

/// A saved card's visible part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CardDetails {
    pub brand: String,
    pub country: String,
    pub exp_month: u8,
    pub exp_year: u16,
    pub funding: String,
    pub last4: String,
}

/// A saved bank account's visible part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BankDetails {
    pub account_holder_type: String,
    pub account_type: String,
    pub bank_name: String,
    pub last4: String,
    pub routing_number: String,
    pub status_details: Option<BankStatusDetails>,
}

/// Whether a bank account may be debited.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BankStatusDetails {
    pub blocked: Option<Blocked>,
}

/// Why it may not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Blocked {
    pub network_code: Option<String>,
    pub reason: String,
}

/// The saving of a method.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetupIntent {
    pub id: String,
    pub object: String,
    pub cancellation_reason: Option<String>,
    pub created: i64,
    pub customer: Option<String>,
    pub livemode: bool,
    pub metadata: Metadata,
    pub payment_method: Option<String>,
    pub payment_method_types: Vec<String>,
    pub status: String,
    pub usage: String,
}

/// Money given back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub object: String,
    pub amount: u64,
    pub charge: String,
    pub created: i64,
    pub currency: String,
    pub metadata: Metadata,
    pub payment_intent: String,
    pub reason: Option<String>,
    pub status: String,
}

/// Money taken back, or asked about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub object: String,
    pub amount: u64,
    pub charge: String,
    pub created: i64,
    pub currency: String,
    pub is_charge_refundable: bool,
    pub livemode: bool,
    pub metadata: Metadata,
    pub payment_intent: String,
    pub reason: String,
    pub status: String,
}

/// Something that happened, with the object as it was then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Always `event`.
    pub object: String,
    /// The version whose shape `data` has.
    pub api_version: String,
    /// The connected account that it happened in; absent for the own one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// Unix seconds.
    pub created: i64,
    /// The object.
    pub data: EventData,
    /// Whether it was made with the live key.
    pub livemode: bool,
    /// 1 until a delivery was answered with a 2xx.
    pub pending_webhooks: u64,
    /// What caused it.
    pub request: EventRequest,
    /// Such as `payment_intent.succeeded`.
    pub r#type: String,
}

/// The object of an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventData {
    /// As it was when the event was made.
    pub object: Value,
}

/// The API request that caused an event: none, for what payers and banks do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EventRequest {
    /// Its id.
    pub id: Option<String>,
    /// Its key.
    pub idempotency_key: Option<String>,
}

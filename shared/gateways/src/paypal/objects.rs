//! PayPal's objects, as far as a decision needs them.
//!
//! Every field is optional that a state of the object can lack. Fields that hold a person's name, address or
//! card are not here, so no error about an answer can quote one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::currency::Amount;
use crate::ObjectId;

/// Below it PayPal keeps orders.
pub const ORDERS: &str = "/v2/checkout/orders/";
/// Below it PayPal keeps captures.
pub const CAPTURES: &str = "/v2/payments/captures/";

/// What a payer approves.
#[derive(Debug, Clone, Deserialize)]
pub struct Order {
    pub id: String,
    pub status: String,
    pub create_time: Option<String>,
    #[serde(default)]
    pub purchase_units: Vec<Unit>,
    /// By the name of the way to pay.
    pub payment_source: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub links: Vec<Link>,
}

/// What is paid; ours have one.
#[derive(Debug, Clone, Deserialize)]
pub struct Unit {
    pub amount: Option<Amount>,
    pub custom_id: Option<String>,
    pub description: Option<String>,
    pub payments: Option<Payments>,
}

/// What came of it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Payments {
    #[serde(default)]
    pub captures: Vec<Capture>,
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

/// The money.
#[derive(Debug, Clone, Deserialize)]
pub struct Capture {
    pub id: String,
    pub status: String,
    pub status_details: Option<StatusDetails>,
    pub amount: Option<Amount>,
    pub custom_id: Option<String>,
    pub seller_receivable_breakdown: Option<Breakdown>,
    pub processor_response: Option<ProcessorResponse>,
    pub supplementary_data: Option<Supplement>,
    pub create_time: Option<String>,
    #[serde(default)]
    pub links: Vec<Link>,
}

/// Why it is pending or denied.
#[derive(Debug, Clone, Deserialize)]
pub struct StatusDetails {
    pub reason: Option<String>,
}

/// What the payer paid, before PayPal's fee.
#[derive(Debug, Clone, Deserialize)]
pub struct Breakdown {
    pub gross_amount: Option<Amount>,
}

/// What the card's bank said.
#[derive(Debug, Clone, Deserialize)]
pub struct ProcessorResponse {
    pub response_code: Option<String>,
    pub payment_advice_code: Option<String>,
}

/// What belongs to it.
#[derive(Debug, Clone, Deserialize)]
pub struct Supplement {
    pub related_ids: Option<RelatedIds>,
}

/// Ids of it.
#[derive(Debug, Clone, Deserialize)]
pub struct RelatedIds {
    pub order_id: Option<String>,
}

/// Money given back.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: String,
    pub amount: Option<Amount>,
    pub custom_id: Option<String>,
    pub create_time: Option<String>,
    #[serde(default)]
    pub links: Vec<Link>,
}

/// Money that the payer wants back.
#[derive(Debug, Clone, Deserialize)]
pub struct Dispute {
    pub dispute_id: String,
    pub create_time: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub dispute_amount: Option<Amount>,
    pub dispute_life_cycle_stage: Option<String>,
    pub dispute_outcome: Option<Outcome>,
    #[serde(default)]
    pub disputed_transactions: Vec<Disputed>,
}

/// How it ended.
#[derive(Debug, Clone, Deserialize)]
pub struct Outcome {
    pub outcome_code: Option<String>,
}

/// Which payment it is about.
#[derive(Debug, Clone, Deserialize)]
pub struct Disputed {
    pub seller_transaction_id: Option<String>,
}

/// A list of disputes names them.
#[derive(Debug, Deserialize)]
pub struct Disputes {
    #[serde(default)]
    pub items: Vec<Listed>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub dispute_id: String,
}

/// Where to go on from an object.
#[derive(Debug, Clone, Deserialize)]
pub struct Link {
    pub href: String,
    pub rel: String,
}

/// What PayPal answers instead of an object: machine words only.
#[derive(Debug, Default, Deserialize)]
pub struct Failure {
    pub name: Option<String>,
    /// Where signing in fails.
    pub error: Option<String>,
    #[serde(default)]
    pub details: Vec<FailureDetail>,
}

/// What exactly.
#[derive(Debug, Deserialize)]
pub struct FailureDetail {
    pub issue: Option<String>,
}

impl Failure {
    /// The most precise word.
    pub fn code(self) -> String {
        let issue = self.details.into_iter().find_map(|detail| detail.issue);
        issue.or(self.name).or(self.error).unwrap_or_else(|| "no code".to_owned())
    }
}

impl Order {
    /// The one that took money, or else the last attempt.
    pub fn capture(&self) -> Option<&Capture> {
        let captures = || self.payments().flat_map(|payments| &payments.captures);
        captures().find(|capture| !capture.is_failed()).or_else(|| captures().last())
    }

    /// All money given back.
    pub fn refunds(&self) -> impl Iterator<Item = &Refund> {
        self.payments().flat_map(|payments| &payments.refunds)
    }

    fn payments(&self) -> impl Iterator<Item = &Payments> {
        self.purchase_units.iter().filter_map(|unit| unit.payments.as_ref())
    }

    /// Our reference.
    pub fn custom_id(&self) -> Option<&str> {
        self.purchase_units.iter().find_map(|unit| unit.custom_id.as_deref())
    }
}

impl Capture {
    /// Whether it took nothing and won't.
    pub fn is_failed(&self) -> bool {
        matches!(self.status.as_str(), "DECLINED" | "FAILED")
    }

    /// The order that it was made of.
    pub fn order_id(&self) -> Option<ObjectId> {
        let related = self.supplementary_data.as_ref().and_then(|data| data.related_ids.as_ref());
        let named = related.and_then(|ids| ids.order_id.as_ref()?.parse().ok());
        named.or_else(|| find(&self.links, "up", ORDERS))
    }

    /// Why it is pending or declined: the bank's word before PayPal's.
    pub fn reason(&self) -> Option<&str> {
        let said = self.processor_response.as_ref().and_then(|said| said.response_code.as_deref());
        let reason = self.status_details.as_ref().and_then(|details| details.reason.as_deref());
        said.or(reason)
    }
}

/// The object of that kind that a link leads to.
pub fn find(links: &[Link], rel: &str, path: &str) -> Option<ObjectId> {
    let link = links.iter().find(|link| link.rel == rel && link.href.contains(path))?;
    link.href.rsplit_once(path)?.1.parse().ok()
}

/// Likewise, of any object.
pub fn linked(object: &Value, rel: &str, path: &str) -> Option<ObjectId> {
    find(&Vec::<Link>::deserialize(object.get("links")?).ok()?, rel, path)
}

/// A time as PayPal writes it, with or without a colon in its zone.
pub fn unix(text: &str) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    let time = time.or_else(|_| chrono::DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    time.ok().map(|time| time.timestamp())
}

/// A time as PayPal wants it.
pub fn rfc3339(unix: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp(unix, 0)?;
    Some(time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

//! From a hint to the payment behind it, with all that happened to it.
//!
//! The money is the capture. Its refunds are listed on its order alone, and its disputes apart from both, so
//! that every hint ends in reading order and disputes. An order that the payer approved is captured here:
//! PayPal takes nothing before we say so, and gives the approval back after some hours.

use tracing::warn;

use super::PayPal;
use super::checkout::is_ended;
use super::facts::{self, Parts};
use super::objects::{CAPTURES, Capture, Dispute, Disputes, Order, Refund, find};
use crate::{GatewayError, Hint, NoPayment, ObjectId, ReadBack, Reference};

/// A payment has one dispute, or a few after one another.
const MAX_DISPUTES: &str = "50";

/// What can stand in the way of capturing an order that says that it was approved: nothing is taken, and the
/// payer may approve it once more, otherwise.
const NOT_CAPTURED: [&str; 8] = [
    "ORDER_NOT_APPROVED",
    "PAYER_ACTION_REQUIRED",
    "INSTRUMENT_DECLINED",
    "PAYER_CANNOT_PAY",
    "TRANSACTION_REFUSED",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
    "PAYER_ACCOUNT_RESTRICTED",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
];

impl PayPal {
    pub(super) async fn read(&self, hint: &Hint) -> Result<ReadBack, GatewayError> {
        match hint {
            Hint::Checkout(id) => self.read_order(id).await,
            Hint::Payment(id) | Hint::Charge(id) => self.read_capture(id, None).await,
            Hint::Refund(id) => {
                let refund: Refund = self.get(&format!("v2/payments/refunds/{id}"), &[]).await?;
                match find(&refund.links, "up", CAPTURES) {
                    Some(capture) => self.read_capture(&capture, Some(refund)).await,
                    None => Ok(ReadBack::NoPayment(NoPayment::OtherPurpose)),
                }
            }
            Hint::Dispute(id) => {
                let dispute: Dispute = self.get(&dispute_path(id), &[]).await?;
                let mut disputed = dispute.disputed_transactions.iter();
                let capture = disputed.find_map(|one| one.seller_transaction_id.as_ref());
                match capture.and_then(|id| id.parse().ok()) {
                    Some(capture) => self.read_capture(&capture, None).await,
                    None => Ok(ReadBack::NoPayment(NoPayment::OtherPurpose)),
                }
            }
        }
    }

    pub(super) async fn order(&self, id: &ObjectId) -> Result<Order, GatewayError> {
        self.get(&order_path(id), &[]).await
    }

    async fn read_order(&self, id: &ObjectId) -> Result<ReadBack, GatewayError> {
        let mut order = self.order(id).await?;
        if order.status == "APPROVED" && order.capture().is_none() && is_ours(&order) {
            if is_ended(&order) {
                return Ok(ReadBack::NoPayment(NoPayment::Expired));
            }
            if let Some(no_payment) = self.capture(id).await? {
                return Ok(ReadBack::NoPayment(no_payment));
            }
            order = self.order(id).await?;
        }
        match order.capture() {
            Some(capture) => self.complete(capture, Some(&order), &[]).await,
            None => Ok(ReadBack::NoPayment(no_payment(&order))),
        }
    }

    /// Takes the money of an approved order; once, whoever asks how often. Answers why nothing was taken.
    pub(super) async fn capture(&self, id: &ObjectId) -> Result<Option<NoPayment>, GatewayError> {
        let path = format!("{}/capture", order_path(id));
        let body = serde_json::json!({});
        let done = self.post::<serde_json::Value>(&path, &format!("capture-{id}"), &body).await;
        match done {
            Ok(_) => Ok(None),
            Err(GatewayError::Rejected { code, .. }) => match code.as_str() {
                "ORDER_ALREADY_CAPTURED" => Ok(None),
                // The same was paid on another page.
                "DUPLICATE_INVOICE_ID" => Ok(Some(NoPayment::Expired)),
                code if NOT_CAPTURED.contains(&code) => Ok(Some(NoPayment::NotYet)),
                _ => Err(GatewayError::Rejected { status: 422, code }),
            },
            Err(error) => Err(error),
        }
    }

    async fn read_capture(
        &self,
        id: &ObjectId,
        refund: Option<Refund>,
    ) -> Result<ReadBack, GatewayError> {
        let capture: Capture = self.get(&format!("v2/payments/captures/{id}"), &[]).await?;
        let order = match capture.order_id() {
            None => None,
            Some(order) => match self.order(&order).await {
                Ok(order) => Some(order),
                // PayPal forgets orders before payments.
                Err(GatewayError::NotFound { .. }) => None,
                Err(error) => return Err(error),
            },
        };
        let refunds: Vec<_> = refund.into_iter().collect();
        self.complete(&capture, order.as_ref(), &refunds).await
    }

    /// Asks for the disputes, and puts the facts together.
    async fn complete(
        &self,
        capture: &Capture,
        order: Option<&Order>,
        refunds: &[Refund],
    ) -> Result<ReadBack, GatewayError> {
        let is_taken = !capture.is_failed() && capture.status != "PENDING";
        let disputes = if is_taken { self.disputes(&capture.id).await? } else { vec![] };
        let mode = self.mode;
        let parts = Parts { capture, order, refunds, disputes: &disputes, mode };
        Ok(ReadBack::Payment(Box::new(facts::payment(&parts)?)))
    }

    /// All disputes of a payment. An app that isn't allowed to see disputes is told of none either, and its
    /// payments must not stay unread for it.
    async fn disputes(&self, capture: &str) -> Result<Vec<Dispute>, GatewayError> {
        let query = [("disputed_transaction_id", capture), ("page_size", MAX_DISPUTES)];
        let list: Disputes = match self.get("v1/customer/disputes", &query).await {
            Err(GatewayError::Refused { status: 403, .. }) => {
                warn!("PayPal's app lacks the permission to read disputes");
                return Ok(vec![]);
            }
            Err(GatewayError::NotFound { .. }) => return Ok(vec![]),
            other => other?,
        };
        let mut disputes = Vec::with_capacity(list.items.len());
        for listed in list.items {
            let id = listed.dispute_id.parse();
            let id = id.map_err(|error| GatewayError::malformed(format!("dispute: {error}")))?;
            disputes.push(self.get(&dispute_path(&id), &[]).await?);
        }
        Ok(disputes)
    }
}

fn order_path(id: &ObjectId) -> String {
    format!("v2/checkout/orders/{id}")
}

fn dispute_path(id: &ObjectId) -> String {
    format!("v1/customer/disputes/{id}")
}

/// Whether we made it: another system of the firm may use the same app, and its orders are its own to capture.
fn is_ours(order: &Order) -> bool {
    order.custom_id().is_some_and(|text| Reference::from_text(text).ours.is_some())
}

/// Why an order has no payment.
fn no_payment(order: &Order) -> NoPayment {
    match order.status.as_str() {
        _ if !is_ours(order) => NoPayment::OtherPurpose,
        "VOIDED" => NoPayment::Expired,
        _ if is_ended(order) => NoPayment::Expired,
        _ => NoPayment::NotYet,
    }
}

//! From PayPal's objects to the facts: pure, so that each state is a row of a test.

use std::fmt::Display;
use std::str::FromStr;

use domain::money::Money;

use super::currency::Amount;
use super::objects::{self, Capture, Order};
use crate::{
    Checkout, Dispute, DisputeState, GatewayError, Method, Mode, PaymentFacts, PaymentState,
    Reference, Refund, RefundState,
};

/// All that was read about one payment.
pub struct Parts<'a> {
    pub capture: &'a Capture,
    /// The order that it was made of; none where PayPal has forgotten it.
    pub order: Option<&'a Order>,
    /// Those beyond the order's.
    pub refunds: &'a [objects::Refund],
    pub disputes: &'a [objects::Dispute],
    pub mode: Mode,
}

/// One payment, whole.
pub fn payment(parts: &Parts) -> Result<PaymentFacts, GatewayError> {
    let capture = parts.capture;
    let amount = amount(capture)?;
    let state = state(capture)?;
    let listed = parts.order.into_iter().flat_map(Order::refunds);
    let others = parts.refunds.iter().filter(|refund| {
        !parts.order.is_some_and(|order| order.refunds().any(|listed| listed.id == refund.id))
    });
    let refunds = listed.chain(others).map(refund);
    let mut refunds: Vec<_> = refunds.collect::<Result<_, _>>()?;
    refunds.sort_by(|a, b| (a.created_unix, a.id.as_str()).cmp(&(b.created_unix, b.id.as_str())));
    expect_refunds(capture, amount, &refunds)?;
    let mut disputes: Vec<_> = parts.disputes.iter().map(dispute).collect::<Result<_, _>>()?;
    disputes.sort_by(|a, b| (a.created_unix, a.id.as_str()).cmp(&(b.created_unix, b.id.as_str())));
    Ok(PaymentFacts {
        payment: id("capture", &capture.id)?,
        amount,
        state,
        mode: parts.mode,
        account: None,
        reference: reference(parts),
        method: parts.order.and_then(method),
        charge: None,
        checkout: parts.order.map(checkout).transpose()?,
        occurred_unix: time("capture", &capture.id, capture.create_time.as_deref())?,
        refunds,
        disputes,
    })
}

fn malformed(kind: &str, id: impl Display, what: impl Display) -> GatewayError {
    GatewayError::malformed(format!("{kind} {id}: {what}"))
}

fn id<T: FromStr<Err: Display>>(kind: &str, text: &str) -> Result<T, GatewayError> {
    text.parse().map_err(|error| malformed(kind, format_args!("{text:?}"), error))
}

fn time(kind: &str, id: &str, text: Option<&str>) -> Result<i64, GatewayError> {
    let time = text.and_then(objects::unix);
    time.ok_or_else(|| malformed(kind, id, "create_time is missing or no time"))
}

fn money(kind: &str, id: &str, amount: Option<&Amount>) -> Result<Money, GatewayError> {
    amount.ok_or_else(|| malformed(kind, id, "has no amount"))?.money()
}

/// What the payer paid: PayPal's fee comes off the firm's side, and the invoice is settled by gross.
fn amount(capture: &Capture) -> Result<Money, GatewayError> {
    let gross = capture.seller_receivable_breakdown.as_ref();
    let gross = gross.and_then(|breakdown| breakdown.gross_amount.as_ref());
    money("capture", &capture.id, gross.or(capture.amount.as_ref()))
}

fn state(capture: &Capture) -> Result<PaymentState, GatewayError> {
    Ok(match capture.status.as_str() {
        // What was given back is said by each refund.
        "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" => PaymentState::Succeeded,
        "PENDING" => PaymentState::Pending,
        "DECLINED" | "FAILED" => PaymentState::Failed { code: capture.reason().map(str::to_owned) },
        other => {
            let what = format!("status {other:?} is not one of this API version");
            return Err(malformed("capture", &capture.id, what));
        }
    })
}

/// A capture that says that it was refunded, of which not every refund is known, would make too much paid.
fn expect_refunds(
    capture: &Capture,
    amount: Money,
    refunds: &[Refund],
) -> Result<(), GatewayError> {
    let succeeded = refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
    let sum: u64 = succeeded.map(|refund| refund.amount.minor()).sum();
    let is_known = match capture.status.as_str() {
        "REFUNDED" => amount.minor() <= sum,
        "PARTIALLY_REFUNDED" => 0 < sum,
        _ => true,
    };
    let status = &capture.status;
    let unknown = || malformed("capture", &capture.id, format!("{status} by refunds not listed"));
    if is_known { Ok(()) } else { Err(unknown()) }
}

fn reference(parts: &Parts) -> Reference {
    let read = |text: Option<&str>| text.map(Reference::from_text).unwrap_or_default();
    let reference = read(parts.capture.custom_id.as_deref());
    reference.or(read(parts.order.and_then(Order::custom_id)))
}

fn method(order: &Order) -> Option<Method> {
    let source = order.payment_source.as_ref()?.keys().next()?;
    Some(if source == "card" { Method::Card } else { Method::Other(source.clone()) })
}

fn checkout(order: &Order) -> Result<Checkout, GatewayError> {
    let amount = order.purchase_units.iter().find_map(|unit| unit.amount.as_ref());
    Ok(Checkout { id: id("order", &order.id)?, amount: amount.map(Amount::money).transpose()? })
}

/// One refund.
pub fn refund(refund: &objects::Refund) -> Result<Refund, GatewayError> {
    let state = match refund.status.as_str() {
        "COMPLETED" => RefundState::Succeeded,
        "PENDING" => RefundState::Pending,
        "FAILED" => RefundState::Failed,
        "CANCELLED" => RefundState::Canceled,
        other => {
            let what = format!("status {other:?} is not one of this API version");
            return Err(malformed("refund", &refund.id, what));
        }
    };
    Ok(Refund {
        id: id("refund", &refund.id)?,
        amount: money("refund", &refund.id, refund.amount.as_ref())?,
        state,
        created_unix: time("refund", &refund.id, refund.create_time.as_deref())?,
    })
}

fn dispute(dispute: &objects::Dispute) -> Result<Dispute, GatewayError> {
    let kind = "dispute";
    Ok(Dispute {
        id: id(kind, &dispute.dispute_id)?,
        amount: money(kind, &dispute.dispute_id, dispute.dispute_amount.as_ref())?,
        state: dispute_state(dispute)?,
        is_ach_return: false,
        reason: dispute.reason.clone(),
        created_unix: time(kind, &dispute.dispute_id, dispute.create_time.as_deref())?,
    })
}

/// An inquiry is notice until PayPal decides for the payer. Where PayPal pays the payer itself, the firm keeps
/// its money.
fn dispute_state(dispute: &objects::Dispute) -> Result<DisputeState, GatewayError> {
    let is_inquiry = dispute.dispute_life_cycle_stage.as_deref() == Some("INQUIRY");
    if dispute.status != "RESOLVED" {
        return Ok(if is_inquiry { DisputeState::Notice } else { DisputeState::Opened });
    }
    let outcome = dispute.dispute_outcome.as_ref().and_then(|o| o.outcome_code.as_deref());
    match outcome {
        Some("RESOLVED_BUYER_FAVOUR" | "ACCEPTED") => Ok(DisputeState::Lost),
        Some(
            "RESOLVED_SELLER_FAVOUR" | "RESOLVED_WITH_PAYOUT" | "CANCELED_BY_BUYER" | "DENIED",
        ) if is_inquiry => Ok(DisputeState::Notice),
        Some(
            "RESOLVED_SELLER_FAVOUR" | "RESOLVED_WITH_PAYOUT" | "CANCELED_BY_BUYER" | "DENIED",
        ) => Ok(DisputeState::Won),
        Some("NONE") | None if is_inquiry => Ok(DisputeState::Notice),
        other => {
            let what = format!("resolved with the outcome {other:?}, which is not known");
            Err(malformed("dispute", &dispute.dispute_id, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn capture(status: &str, with: Value) -> Capture {
        let mut capture = json!({
            "id": "C1", "status": status, "custom_id": "pc-try-1.bea", "create_time": "2026-09-21T14:13:10Z",
            "amount": {"currency_code": "USD", "value": "10.00"},
        });
        for (key, value) in with.as_object().unwrap() {
            capture[key] = value.clone();
        }
        serde_json::from_value(capture).unwrap()
    }

    fn read(capture: &Capture) -> Result<PaymentFacts, String> {
        let parts = Parts { capture, order: None, refunds: &[], disputes: &[], mode: Mode::Test };
        payment(&parts).map_err(|error| error.to_string())
    }

    #[test]
    fn pay_3_states_of_a_capture() {
        let failed = |code: Option<&str>| PaymentState::Failed { code: code.map(str::to_owned) };
        let reason = json!({"status_details": {"reason": "ECHECK"}});
        let bank = json!({"processor_response": {"response_code": "5120"}});
        for (status, with, expected) in [
            ("COMPLETED", json!({}), PaymentState::Succeeded),
            ("PENDING", reason.clone(), PaymentState::Pending),
            ("DECLINED", reason, failed(Some("ECHECK"))),
            ("DECLINED", bank, failed(Some("5120"))),
            ("FAILED", json!({}), failed(None)),
        ] {
            assert_eq!(read(&capture(status, with.clone())).unwrap().state, expected, "{status}");
        }
        let error = read(&capture("NEW", json!({}))).unwrap_err();
        assert!(error.contains("status \"NEW\" is not one"), "{error}");
    }

    #[test]
    fn pay_2_an_invoice_is_settled_by_gross() {
        let breakdown = json!({"seller_receivable_breakdown": {
            "gross_amount": {"currency_code": "USD", "value": "10.00"},
            "paypal_fee": {"currency_code": "USD", "value": "0.84"},
            "net_amount": {"currency_code": "USD", "value": "9.16"},
        }});
        let facts = read(&capture("COMPLETED", breakdown)).unwrap();
        assert_eq!(facts.amount.to_string(), "10.00 USD");
        assert_eq!(facts.reference.ours.as_deref(), Some("try-1"));
        assert_eq!(facts.reference.client.unwrap().as_str(), "bea");
    }

    #[test]
    fn pay_5_a_refund_that_is_not_listed_is_not_passed_over() {
        for status in ["REFUNDED", "PARTIALLY_REFUNDED"] {
            let error = read(&capture(status, json!({}))).unwrap_err();
            assert!(error.contains("by refunds not listed"), "{error}");
        }
    }

    #[test]
    fn pay_3_states_of_a_dispute() {
        for (stage, status, outcome, expected) in [
            ("INQUIRY", "OPEN", None, "Notice"),
            ("INQUIRY", "RESOLVED", Some("CANCELED_BY_BUYER"), "Notice"),
            ("INQUIRY", "RESOLVED", Some("RESOLVED_BUYER_FAVOUR"), "Lost"),
            ("CHARGEBACK", "OPEN", None, "Opened"),
            ("CHARGEBACK", "UNDER_REVIEW", None, "Opened"),
            ("CHARGEBACK", "WAITING_FOR_SELLER_RESPONSE", None, "Opened"),
            ("CHARGEBACK", "RESOLVED", Some("RESOLVED_BUYER_FAVOUR"), "Lost"),
            ("CHARGEBACK", "RESOLVED", Some("ACCEPTED"), "Lost"),
            ("CHARGEBACK", "RESOLVED", Some("RESOLVED_SELLER_FAVOUR"), "Won"),
            ("CHARGEBACK", "RESOLVED", Some("RESOLVED_WITH_PAYOUT"), "Won"),
            ("CHARGEBACK", "RESOLVED", Some("CANCELED_BY_BUYER"), "Won"),
            ("ARBITRATION", "RESOLVED", Some("DENIED"), "Won"),
        ] {
            let object = json!({
                "dispute_id": "PP-D-1", "create_time": "2026-09-22T00:00:00Z", "status": status,
                "dispute_life_cycle_stage": stage, "dispute_outcome": {"outcome_code": outcome},
                "dispute_amount": {"currency_code": "USD", "value": "4.00"},
            });
            let found = dispute(&serde_json::from_value(object).unwrap()).unwrap();
            assert_eq!(format!("{:?}", found.state), expected, "for {stage} {status} {outcome:?}");
        }
    }
}

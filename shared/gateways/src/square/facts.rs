//! From Square's objects to the facts: pure, so that each state is a row of a test.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::currency::from_square;
use super::objects::{self, Order, Payment};
use super::time::unix;
use crate::{
    Checkout, Dispute, DisputeState, GatewayError, Method, Mode, PaymentFacts, PaymentState,
    Reference, Refund, RefundState,
};

/// All that was read about one payment.
pub struct Parts<'a> {
    pub payment: &'a Payment,
    pub order: Option<&'a Order>,
    pub refunds: &'a [objects::Refund],
    pub disputes: &'a [objects::Dispute],
    pub mode: Mode,
}

/// One payment, whole.
pub fn payment(parts: &Parts) -> Result<PaymentFacts, GatewayError> {
    let payment = parts.payment;
    let method = method(payment);
    let is_ach = method == Some(Method::Ach);
    let mut refunds: Vec<_> = parts.refunds.iter().map(refund).collect::<Result<_, _>>()?;
    refunds.sort_by(|a, b| (a.created_unix, a.id.as_str()).cmp(&(b.created_unix, b.id.as_str())));
    let disputes = parts.disputes.iter().map(|object| dispute(object, is_ach));
    let mut disputes: Vec<_> = disputes.collect::<Result<_, _>>()?;
    disputes.sort_by(|a, b| (a.created_unix, a.id.as_str()).cmp(&(b.created_unix, b.id.as_str())));
    let reference = reference(payment, parts.order);
    let checkout = parts.order.filter(|_| reference.is_ours()).map(checkout).transpose()?;
    Ok(PaymentFacts {
        payment: id("payment", &payment.id)?,
        amount: from_square(payment.total_money.amount, &payment.total_money.currency)?,
        state: state(payment)?,
        mode: parts.mode,
        account: Some(payment.location_id.clone()),
        reference,
        method,
        charge: None,
        checkout,
        occurred_unix: time("payment", &payment.id, &payment.created_at)?,
        refunds,
        disputes,
    })
}

/// What the order asked for: all of it but a tip, which nobody owes. Whichever way the payment was found, its
/// order is known, and no link; so it is the order that stands for the page.
fn checkout(order: &Order) -> Result<Checkout, GatewayError> {
    let asked = order.total_money.as_ref().map(|total| {
        let tip = order.total_tip_money.as_ref().map_or(0, |tip| tip.amount);
        from_square(total.amount.saturating_sub(tip), &total.currency)
    });
    Ok(Checkout { id: id("order", &order.id)?, amount: asked.transpose()? })
}

/// The order's, which has room for all of it; else what the payment's one text says.
fn reference(payment: &Payment, order: Option<&Order>) -> Reference {
    let metadata = order.map(|order| &order.metadata).into_iter().flatten();
    let metadata: BTreeMap<_, _> =
        metadata.filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    let mut reference = Reference::from_metadata(&metadata);
    let text = payment.reference_id.as_ref().or(order.and_then(|o| o.reference_id.as_ref()));
    if let Some(text) = text {
        reference = reference.or(Reference::from_text(text));
        reference.client_reference = Some(text.clone());
    }
    reference
}

fn method(payment: &Payment) -> Option<Method> {
    Some(match payment.source_type.as_deref()? {
        "CARD" => Method::Card,
        "BANK_ACCOUNT" => Method::Ach,
        other => Method::Other(other.to_ascii_lowercase()),
    })
}

fn state(payment: &Payment) -> Result<PaymentState, GatewayError> {
    Ok(match payment.status.as_str() {
        "APPROVED" => PaymentState::Held,
        "PENDING" => PaymentState::Pending,
        "COMPLETED" => PaymentState::Succeeded,
        "CANCELED" => PaymentState::Canceled,
        "FAILED" => PaymentState::Failed { code: failure_code(payment) },
        other => return Err(unexpected("payment", &payment.id, "status", other)),
    })
}

/// Why it failed, in Square's word.
pub fn failure_code(payment: &Payment) -> Option<String> {
    let details = [&payment.card_details, &payment.bank_account_details];
    let mut errors = details.into_iter().flatten().flat_map(|details| &details.errors);
    errors.next().map(|problem| problem.code.clone())
}

/// One refund.
pub fn refund(object: &objects::Refund) -> Result<Refund, GatewayError> {
    let state = match object.status.as_deref() {
        Some("PENDING") => RefundState::Pending,
        Some("COMPLETED") => RefundState::Succeeded,
        Some("REJECTED" | "FAILED") => RefundState::Failed,
        other => {
            return Err(unexpected("refund", &object.id, "status", other.unwrap_or("none")));
        }
    };
    Ok(Refund {
        id: id("refund", &object.id)?,
        amount: from_square(object.amount_money.amount, &object.amount_money.currency)?,
        state,
        created_unix: time("refund", &object.id, &object.created_at)?,
    })
}

fn dispute(object: &objects::Dispute, is_ach_return: bool) -> Result<Dispute, GatewayError> {
    let state = match object.state.as_str() {
        "INQUIRY_EVIDENCE_REQUIRED" | "INQUIRY_PROCESSING" | "INQUIRY_CLOSED" => {
            DisputeState::Notice
        }
        "EVIDENCE_REQUIRED" | "PROCESSING" => DisputeState::Opened,
        "WON" => DisputeState::Won,
        "LOST" | "ACCEPTED" => DisputeState::Lost,
        other => return Err(unexpected("dispute", object.id(), "state", other)),
    };
    Ok(Dispute {
        id: id("dispute", object.id())?,
        amount: from_square(object.amount_money.amount, &object.amount_money.currency)?,
        state,
        is_ach_return,
        reason: object.reason.as_ref().map(|reason| reason.to_ascii_lowercase()),
        created_unix: time("dispute", object.id(), &object.created_at)?,
    })
}

fn id<T: FromStr<Err: Display>>(kind: &str, text: &str) -> Result<T, GatewayError> {
    text.parse().map_err(|error| GatewayError::malformed(format!("{kind} {text:?}: {error}")))
}

fn time(kind: &str, id: &str, text: &str) -> Result<i64, GatewayError> {
    let what = || GatewayError::malformed(format!("{kind} {id}: created_at {text:?} is no time"));
    unix(text).ok_or_else(what)
}

fn unexpected(kind: &str, id: &str, field: &str, found: &str) -> GatewayError {
    GatewayError::malformed(format!("{kind} {id}: {field} {found:?} is not known"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Expected, compare};

    fn with(mut object: Value, changes: &Value) -> Value {
        for (key, value) in changes.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    }

    fn payment_of(changes: &Value) -> Payment {
        let object = json!({
            "id": "P1", "created_at": "2026-09-21T14:13:20Z", "status": "COMPLETED",
            "total_money": {"amount": 1000, "currency": "USD"}, "location_id": "L1",
            "source_type": "CARD", "order_id": "O1",
        });
        serde_json::from_value(with(object, changes)).unwrap()
    }

    fn order_of(changes: &Value) -> Order {
        let object = json!({
            "id": "O1", "location_id": "L1", "state": "OPEN",
            "metadata": {"firm": "acme", "client": "bea", "invoices": "A-1", "ours": "p1"},
            "total_money": {"amount": 1000, "currency": "USD"},
        });
        serde_json::from_value(with(object, changes)).unwrap()
    }

    fn read(payment: &Payment, order: Option<&Order>) -> Result<PaymentFacts, GatewayError> {
        let mode = Mode::Test;
        super::payment(&Parts { payment, order, refunds: &[], disputes: &[], mode })
    }

    #[test]
    fn pay_3_every_status_is_a_state() {
        let failed = |code: Option<&str>| PaymentState::Failed { code: code.map(str::to_owned) };
        let errors =
            json!({"errors": [{"category": "PAYMENT_METHOD_ERROR", "code": "GENERIC_DECLINE"}]});
        for (changes, expected) in [
            (json!({"status": "APPROVED"}), PaymentState::Held),
            (json!({"status": "PENDING"}), PaymentState::Pending),
            (json!({"status": "COMPLETED"}), PaymentState::Succeeded),
            (json!({"status": "CANCELED"}), PaymentState::Canceled),
            (json!({"status": "FAILED"}), failed(None)),
            (json!({"status": "FAILED", "card_details": errors}), failed(Some("GENERIC_DECLINE"))),
            (
                json!({"status": "FAILED", "bank_account_details": errors}),
                failed(Some("GENERIC_DECLINE")),
            ),
        ] {
            assert_eq!(read(&payment_of(&changes), None).unwrap().state, expected, "{changes}");
        }
        for (changes, expected) in [
            (json!({"status": "LUCKY"}), "status \"LUCKY\" is not known"),
            (json!({"created_at": "now"}), "created_at \"now\" is no time"),
            (json!({"id": "a#b"}), "payment \"a#b\""),
            (json!({"total_money": {"amount": 1, "currency": "XXX"}}), "money that can't be read"),
        ] {
            let error = read(&payment_of(&changes), None).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn pay_2_reference_and_account_come_from_order_and_payment() {
        let facts = read(&payment_of(&json!({})), Some(&order_of(&json!({})))).unwrap();
        assert_eq!(facts.account.as_deref(), Some("L1"));
        assert_eq!(facts.reference.ours.as_deref(), Some("p1"));
        assert_eq!(facts.reference.firm.as_ref().unwrap().as_str(), "acme");
        assert_eq!(facts.method, Some(Method::Card));
        for (source, method) in
            [("BANK_ACCOUNT", Method::Ach), ("WALLET", Method::Other("wallet".to_owned()))]
        {
            let facts = read(&payment_of(&json!({"source_type": source})), None).unwrap();
            assert_eq!(facts.method, Some(method));
        }
        // A sale at the card reader, and another application's order.
        for (payment, order) in [
            (json!({"order_id": null, "reference_id": "7"}), None),
            (json!({}), Some(json!({"metadata": {}, "reference_id": "table-7"}))),
        ] {
            let order = order.map(|order| order_of(&order));
            let facts = read(&payment_of(&payment), order.as_ref()).unwrap();
            assert!(!facts.reference.is_ours() && facts.checkout.is_none());
        }
    }

    /// What a payer adds as a tip is no part of what they owe: the two sides differ, and staff see both.
    #[test]
    fn pay_2_a_tip_is_a_difference_that_shows_both_sides() {
        let money = |amount: u64| json!({"amount": amount, "currency": "USD"});
        let order = order_of(&json!({"total_money": money(1200), "total_tip_money": money(200)}));
        let facts = read(&payment_of(&json!({"total_money": money(1200)})), Some(&order)).unwrap();
        let firm = "acme".parse().unwrap();
        let expected = Expected { firm, mode: Mode::Test, account: Some("L1".to_owned()) };
        let mismatch = compare(&facts, &expected).unwrap_err().to_string();
        assert_eq!(mismatch, "amount: expected 10.00 USD, found 12.00 USD");
        let exact = read(&payment_of(&json!({})), Some(&order_of(&json!({})))).unwrap();
        assert!(compare(&exact, &expected).is_ok());
        let elsewhere =
            read(&payment_of(&json!({"location_id": "L2"})), Some(&order_of(&json!({}))));
        let mismatch = compare(&elsewhere.unwrap(), &expected).unwrap_err().to_string();
        assert_eq!(mismatch, "account: expected L1, found L2");
    }

    #[test]
    fn pay_5_refunds_and_disputes_by_their_own_state_oldest_first() {
        let refund = |id: &str, second: u8, status: Value| -> objects::Refund {
            serde_json::from_value(json!({
                "id": id, "status": status, "amount_money": {"amount": 100, "currency": "USD"},
                "created_at": format!("2026-09-21T14:13:0{second}Z"),
            }))
            .unwrap()
        };
        let refunds = [
            refund("R4", 4, json!("FAILED")),
            refund("R3", 3, json!("REJECTED")),
            refund("R2", 2, json!("COMPLETED")),
            refund("R1", 1, json!("PENDING")),
        ];
        let payment = payment_of(&json!({}));
        let mode = Mode::Test;
        let parts =
            Parts { payment: &payment, order: None, refunds: &refunds, disputes: &[], mode };
        let read = super::payment(&parts).unwrap().refunds;
        let states: Vec<_> = read.iter().map(|refund| (refund.id.as_str(), refund.state)).collect();
        assert_eq!(
            states,
            [
                ("R1", RefundState::Pending),
                ("R2", RefundState::Succeeded),
                ("R3", RefundState::Failed),
                ("R4", RefundState::Failed),
            ]
        );
        for status in [json!(null), json!("LUCKY")] {
            assert!(super::refund(&refund("R1", 1, status)).is_err());
        }
    }

    #[test]
    fn pay_3_a_dispute_of_a_bank_debit_is_a_return() {
        for (state, is_ach, expected) in [
            ("INQUIRY_EVIDENCE_REQUIRED", false, Some(DisputeState::Notice)),
            ("INQUIRY_PROCESSING", false, Some(DisputeState::Notice)),
            ("INQUIRY_CLOSED", false, Some(DisputeState::Notice)),
            ("EVIDENCE_REQUIRED", false, Some(DisputeState::Opened)),
            ("PROCESSING", false, Some(DisputeState::Opened)),
            ("WON", false, Some(DisputeState::Won)),
            ("LOST", false, Some(DisputeState::Lost)),
            ("ACCEPTED", true, Some(DisputeState::Lost)),
            ("LUCKY", false, None),
        ] {
            for id_field in ["id", "dispute_id"] {
                let object = json!({
                    id_field: "D1", "state": state, "reason": "NO_KNOWLEDGE",
                    "amount_money": {"amount": 100, "currency": "USD"},
                    "created_at": "2026-09-21T14:13:20Z",
                });
                let read = dispute(&serde_json::from_value(object).unwrap(), is_ach).ok();
                let found = read.map(|dispute| (dispute.state, dispute.is_ach_return));
                assert_eq!(found, expected.map(|state| (state, is_ach)), "for {state}");
            }
        }
    }
}

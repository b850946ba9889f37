//! From Stripe's objects to the facts: pure, so that each state is a row of a test.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::currency;
use super::objects::{self, Charge, Expandable, Intent, PaymentError, Session};
use crate::{
    Checkout, Dispute, DisputeState, GatewayError, Method, Mode, NoPayment, PaymentFacts,
    PaymentState, Reference, Refund, RefundState,
};

/// Stripe's name for a debit of a US bank account; its older charges say `ach_debit`.
const ACH_KINDS: [&str; 2] = ["us_bank_account", "ach_debit"];

/// All that was read about one payment.
pub struct Parts<'a> {
    pub intent: &'a Intent,
    pub session: Option<&'a Session>,
    pub refunds: &'a [objects::Refund],
    pub disputes: &'a [objects::Dispute],
    pub account: Option<&'a str>,
}

/// One payment, whole.
pub fn payment(parts: &Parts) -> Result<PaymentFacts, GatewayError> {
    let intent = parts.intent;
    let charge = charge(intent)?;
    let method = method(intent, charge);
    let is_ach = method == Some(Method::Ach);
    let mut refunds: Vec<_> = parts.refunds.iter().map(refund).collect::<Result<_, _>>()?;
    refunds.sort_by(|a, b| (a.created_unix, a.id.as_str()).cmp(&(b.created_unix, b.id.as_str())));
    let disputes = parts.disputes.iter().map(|object| dispute(object, is_ach));
    let mut disputes: Vec<_> = disputes.collect::<Result<_, _>>()?;
    disputes.sort_by(|a, b| (a.created_unix, a.id.as_str()).cmp(&(b.created_unix, b.id.as_str())));
    Ok(PaymentFacts {
        payment: id("payment_intent", &intent.id)?,
        amount: currency::from_stripe(amount(intent)?, &intent.currency)?,
        state: state(intent)?,
        mode: Mode::from_livemode(intent.livemode),
        account: parts.account.map(str::to_owned),
        reference: reference(intent, parts.session),
        method,
        charge: charge.map(|charge| id("charge", &charge.id)).transpose()?,
        checkout: parts.session.map(checkout).transpose()?,
        occurred_unix: charge.map_or(intent.created, |charge| charge.created),
        refunds,
        disputes,
    })
}

/// Why a session has no payment.
pub fn no_payment(session: &Session) -> NoPayment {
    match (session.mode.as_str(), session.status.as_deref(), session.payment_status.as_str()) {
        ("setup" | "subscription", ..) => NoPayment::OtherPurpose,
        (_, _, "no_payment_required") => NoPayment::NothingToPay,
        (_, Some("expired"), _) => NoPayment::Expired,
        _ => NoPayment::NotYet,
    }
}

/// The last attempt, which was asked for with `expand[]`.
pub fn charge(intent: &Intent) -> Result<Option<&Charge>, GatewayError> {
    match &intent.latest_charge {
        None => Ok(None),
        Some(Expandable::Object(charge)) => Ok(Some(charge)),
        Some(Expandable::Id(_)) => {
            Err(malformed("payment_intent", &intent.id, "latest_charge is not expanded"))
        }
    }
}

fn malformed(kind: &str, id: impl Display, what: impl Display) -> GatewayError {
    GatewayError::malformed(format!("{kind} {id}: {what}"))
}

fn id<T: FromStr<Err: Display>>(kind: &str, text: &str) -> Result<T, GatewayError> {
    text.parse().map_err(|error| malformed(kind, format_args!("{text:?}"), error))
}

/// Authorised is not captured: of a payment that succeeded only what was received counts.
fn amount(intent: &Intent) -> Result<u64, GatewayError> {
    if intent.status != "succeeded" {
        return Ok(intent.amount);
    }
    let missing = || malformed("payment_intent", &intent.id, "succeeded without amount_received");
    intent.amount_received.ok_or_else(missing)
}

fn state(intent: &Intent) -> Result<PaymentState, GatewayError> {
    Ok(match intent.status.as_str() {
        "succeeded" => PaymentState::Succeeded,
        "processing" => PaymentState::Pending,
        "requires_action" => PaymentState::RequiresAction,
        "requires_capture" => PaymentState::Held,
        "canceled" => PaymentState::Canceled,
        "requires_confirmation" => PaymentState::Open,
        // What a new payment and one whose attempt failed have in common is that they want a method.
        "requires_payment_method" => match &intent.last_payment_error {
            Some(error) => PaymentState::Failed { code: code(error) },
            None if intent.latest_charge.is_some() => PaymentState::Failed { code: None },
            None => PaymentState::Open,
        },
        other => {
            let what = format!("status {other:?} is not one of this API version");
            return Err(malformed("payment_intent", &intent.id, what));
        }
    })
}

/// The bank's own word is more precise than Stripe's `card_declined`.
fn code(error: &PaymentError) -> Option<String> {
    error.decline_code.clone().or_else(|| error.code.clone())
}

/// From the attempt; before one, from the payment if it allows a single method.
fn method(intent: &Intent, charge: Option<&Charge>) -> Option<Method> {
    let details = charge.and_then(|charge| charge.payment_method_details.as_ref());
    let kind = match (details, intent.payment_method_types.as_slice()) {
        (Some(details), _) => &details.kind,
        (None, [single]) => single,
        (None, _) => return None,
    };
    Some(kind_of_method(kind))
}

/// By Stripe's name.
pub fn kind_of_method(kind: &str) -> Method {
    match kind {
        "card" | "card_present" => Method::Card,
        kind if ACH_KINDS.contains(&kind) => Method::Ach,
        other => Method::Other(other.to_owned()),
    }
}

fn reference(intent: &Intent, session: Option<&Session>) -> Reference {
    let read = |metadata: &Option<BTreeMap<String, String>>| {
        metadata.as_ref().map(Reference::from_metadata).unwrap_or_default()
    };
    let reference = read(&intent.metadata);
    let Some(session) = session else {
        return reference;
    };
    let client_reference = session.client_reference_id.clone();
    reference.or(Reference { client_reference, ..read(&session.metadata) })
}

fn checkout(session: &Session) -> Result<Checkout, GatewayError> {
    let amount = match (session.amount_total, &session.currency) {
        (Some(amount), Some(code)) => Some(currency::from_stripe(amount, code)?),
        _ => None,
    };
    Ok(Checkout { id: id("checkout.session", &session.id)?, amount })
}

pub fn refund(refund: &objects::Refund) -> Result<Refund, GatewayError> {
    let state = match refund.status.as_deref() {
        Some("succeeded") => RefundState::Succeeded,
        Some("pending" | "requires_action") => RefundState::Pending,
        Some("failed") => RefundState::Failed,
        Some("canceled") => RefundState::Canceled,
        other => {
            let what = format!("status {other:?} is not one of this API version");
            return Err(malformed("refund", &refund.id, what));
        }
    };
    Ok(Refund {
        id: id("refund", &refund.id)?,
        amount: currency::from_stripe(refund.amount, &refund.currency)?,
        state,
        created_unix: refund.created,
    })
}

pub fn dispute(dispute: &objects::Dispute, is_ach: bool) -> Result<Dispute, GatewayError> {
    let state = match dispute.status.as_str() {
        "warning_needs_response" | "warning_under_review" | "warning_closed" => {
            DisputeState::Notice
        }
        "needs_response" | "under_review" => DisputeState::Opened,
        "won" => DisputeState::Won,
        "lost" => DisputeState::Lost,
        "prevented" => DisputeState::Prevented,
        other => {
            let what = format!("status {other:?} is not one of this API version");
            return Err(malformed("dispute", &dispute.id, what));
        }
    };
    Ok(Dispute {
        id: id("dispute", &dispute.id)?,
        amount: currency::from_stripe(dispute.amount, &dispute.currency)?,
        state,
        is_ach_return: is_ach && state != DisputeState::Notice,
        reason: dispute.reason.clone(),
        created_unix: dispute.created,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn intent(status: &str, with: Value) -> Intent {
        let mut intent = json!({
            "id": "pi_1", "status": status, "amount": 1000, "amount_received": 0, "currency": "usd",
            "created": 7, "livemode": false, "metadata": {"firm": "acme"}, "latest_charge": null,
            "last_payment_error": null, "payment_method_types": ["card", "us_bank_account"],
        });
        for (key, value) in with.as_object().unwrap() {
            intent[key] = value.clone();
        }
        serde_json::from_value(intent).unwrap()
    }

    fn charge(kind: &str) -> Value {
        json!({
            "id": "ch_1", "created": 9, "amount_refunded": 0, "disputed": false,
            "payment_method_details": {"type": kind},
        })
    }

    fn read(intent: &Intent) -> Result<PaymentFacts, GatewayError> {
        payment(&Parts { intent, session: None, refunds: &[], disputes: &[], account: None })
    }

    #[test]
    fn pay_3_states_of_an_intent() {
        let failed = |code: Option<&str>| PaymentState::Failed { code: code.map(str::to_owned) };
        let error = |code: Value| json!({"last_payment_error": code});
        for (status, with, expected) in [
            ("requires_payment_method", json!({}), PaymentState::Open),
            ("requires_confirmation", json!({}), PaymentState::Open),
            ("requires_action", json!({}), PaymentState::RequiresAction),
            ("requires_capture", json!({}), PaymentState::Held),
            ("processing", json!({}), PaymentState::Pending),
            ("canceled", json!({}), PaymentState::Canceled),
            ("succeeded", json!({"amount_received": 1000}), PaymentState::Succeeded),
            ("requires_payment_method", error(json!({"type": "card_error"})), failed(None)),
            (
                "requires_payment_method",
                error(json!({"code": "card_declined"})),
                failed(Some("card_declined")),
            ),
            (
                "requires_payment_method",
                error(json!({"code": "card_declined", "decline_code": "lost_card"})),
                failed(Some("lost_card")),
            ),
            ("requires_payment_method", json!({"latest_charge": charge("card")}), failed(None)),
        ] {
            let facts = read(&intent(status, with.clone())).unwrap();
            assert_eq!(facts.state, expected, "for {status} {with}");
        }
    }

    #[test]
    fn pay_2_received_counts_not_asked() {
        let facts = |status, with| read(&intent(status, with)).unwrap().amount.to_string();
        assert_eq!(facts("succeeded", json!({"amount_received": 800})), "8.00 USD");
        assert_eq!(facts("processing", json!({})), "10.00 USD");
        assert_eq!(facts("processing", json!({"currency": "jpy"})), "1000 JPY");
    }

    #[test]
    fn pay_2_what_can_not_be_read_is_named() {
        for (status, with, expected) in [
            (
                "succeeded",
                json!({"amount_received": null}),
                "pi_1: succeeded without amount_received",
            ),
            ("requires_luck", json!({}), "pi_1: status \"requires_luck\""),
            ("processing", json!({"latest_charge": "ch_1"}), "pi_1: latest_charge is not expanded"),
            ("processing", json!({"id": "pi#1"}), "payment_intent \"pi#1\": the id"),
            ("processing", json!({"currency": "xxx"}), "holds money that can't be read"),
        ] {
            let error = read(&intent(status, with)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn method_and_time_are_those_of_the_attempt() {
        for (with, method, occurred_unix) in [
            (json!({}), None, 7),
            (json!({"payment_method_types": ["us_bank_account"]}), Some(Method::Ach), 7),
            (json!({"latest_charge": charge("card")}), Some(Method::Card), 9),
            (json!({"latest_charge": charge("us_bank_account")}), Some(Method::Ach), 9),
            (
                json!({"latest_charge": charge("klarna")}),
                Some(Method::Other("klarna".to_owned())),
                9,
            ),
        ] {
            let facts = read(&intent("processing", with)).unwrap();
            assert_eq!((facts.method, facts.occurred_unix), (method, occurred_unix));
        }
    }

    #[test]
    fn pay_5_refunds_and_disputes_by_their_own_state_oldest_first() {
        let refund = |id: &str, created: i64, status: Value| -> objects::Refund {
            serde_json::from_value(json!({
                "id": id, "amount": 100, "currency": "usd", "created": created, "status": status,
            }))
            .unwrap()
        };
        let refunds = ["succeeded", "pending", "requires_action", "failed", "canceled"];
        let refunds: Vec<_> = refunds
            .iter()
            .zip(1..)
            .map(|(status, n)| refund(&format!("re_{n}"), 9 - n, json!(status)))
            .collect();
        let intent = intent("succeeded", json!({"amount_received": 1000}));
        let parts = Parts {
            intent: &intent,
            session: None,
            refunds: &refunds,
            disputes: &[],
            account: None,
        };
        let read: Vec<_> = payment(&parts)
            .unwrap()
            .refunds
            .into_iter()
            .map(|r| (r.id.to_string(), r.state))
            .collect();
        assert_eq!(
            read,
            [
                ("re_5".to_owned(), RefundState::Canceled),
                ("re_4".to_owned(), RefundState::Failed),
                ("re_3".to_owned(), RefundState::Pending),
                ("re_2".to_owned(), RefundState::Pending),
                ("re_1".to_owned(), RefundState::Succeeded),
            ]
        );
        for status in [json!(null), json!("lost")] {
            let refunds = [refund("re_1", 1, status)];
            assert!(payment(&Parts { refunds: &refunds, ..parts }).is_err());
        }
    }

    #[test]
    fn pay_3_a_dispute_of_a_bank_debit_is_a_return() {
        for (status, kind, expected) in [
            ("warning_needs_response", "card", (DisputeState::Notice, false)),
            ("warning_closed", "card", (DisputeState::Notice, false)),
            ("needs_response", "card", (DisputeState::Opened, false)),
            ("under_review", "card", (DisputeState::Opened, false)),
            ("won", "card", (DisputeState::Won, false)),
            ("lost", "card", (DisputeState::Lost, false)),
            ("prevented", "card", (DisputeState::Prevented, false)),
            ("lost", "us_bank_account", (DisputeState::Lost, true)),
            ("needs_response", "us_bank_account", (DisputeState::Opened, true)),
        ] {
            let dispute = json!({
                "id": "dp_1", "amount": 1000, "currency": "usd", "created": 1, "status": status,
                "reason": "general",
            });
            let disputes = [serde_json::from_value(dispute).unwrap()];
            let intent = intent(
                "succeeded",
                json!({"amount_received": 1000, "latest_charge": charge(kind)}),
            );
            let parts = Parts {
                intent: &intent,
                session: None,
                refunds: &[],
                disputes: &disputes,
                account: None,
            };
            let read = &payment(&parts).unwrap().disputes[0];
            assert_eq!((read.state, read.is_ach_return), expected, "for {status} {kind}");
        }
    }

    #[test]
    fn pay_2_a_session_without_payment_says_why() {
        for (mode, status, payment_status, expected) in [
            ("payment", "open", "unpaid", NoPayment::NotYet),
            ("payment", "expired", "unpaid", NoPayment::Expired),
            ("payment", "complete", "no_payment_required", NoPayment::NothingToPay),
            ("setup", "complete", "no_payment_required", NoPayment::OtherPurpose),
            ("subscription", "complete", "paid", NoPayment::OtherPurpose),
        ] {
            let session = json!({
                "id": "cs_1", "mode": mode, "status": status, "payment_status": payment_status,
            });
            assert_eq!(no_payment(&serde_json::from_value(session).unwrap()), expected);
        }
    }
}

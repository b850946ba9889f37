//! Charging a saved method, and giving money back: each once, however often it is asked for.
//!
//! PayPal's keys die, those of orders first. After that it is looked for what an earlier request did before
//! another is made; and an order's number is unique, so that PayPal refuses a second payment under it itself.

use serde_json::json;

use super::PayPal;
use super::checkout::{WALLET, unit};
use super::client::request_id;
use super::currency::Amount;
use super::facts;
use super::objects::{self, Capture, Order};
use crate::{
    ChargeError, Charged, CheckoutError, Decline, DeclineKind, GatewayError, IdempotencyKey,
    Method, NewCharge, NewRefund, NoPayment, Reference, Refund, RefundError, Span, Tried,
};

/// Keys of orders live for six hours; one less for a clock that is wrong. What was taken before that is listed
/// by then: PayPal's reports are up to three hours late.
const ORDER_KEY_LIVES_SECONDS: i64 = 5 * 3600;

/// Keys of refunds live for 45 days; one less, likewise.
const REFUND_KEY_LIVES_SECONDS: i64 = 44 * 86_400;

/// How much earlier than the first request it is looked for, for a clock that is wrong.
const LOOK_BACK_SECONDS: i64 = 3600;

/// PayPal's answer to a second payment under one number.
const DUPLICATE: &str = "DUPLICATE_INVOICE_ID";

/// Words of PayPal's and codes of banks that say that this method will not pay again.
const HARD: [&str; 24] = [
    "AGREEMENT_ALREADY_CANCELLED",
    "BILLING_AGREEMENT_NOT_FOUND",
    "CARD_EXPIRED",
    "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE",
    "PAYEE_BLOCKED_TRANSACTION",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
    "PAYER_ACCOUNT_RESTRICTED",
    "REFERENCED_CARD_EXPIRED",
    "TOKEN_ID_NOT_FOUND",
    "TRANSACTION_BLOCKED_BY_PAYEE",
    "0390", // account not found
    "0580", // unauthorised
    "1330", // invalid account
    "5140", // card closed
    "5150", // pick the card up
    "5180", // invalid or restricted card
    "5400", // expired
    "5700", // not permitted
    "6300", // account not on file
    "9500", // suspected fraud
    "9510", // security violation
    "9520", // lost or stolen
    "9540", // refused card
    "PPAD", // billing address
];

/// Likewise, that it is for the payer to do something.
const NEEDS_PAYER: [&str; 6] = [
    "PAYER_ACTION_REQUIRED",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
    "ORDER_NOT_APPROVED",
    "0100", // the payer is to call the bank
    "7600", // 3-D Secure
    "7710", // authentication failed
];

/// Likewise, that another day may do.
const SOFT: [&str; 6] = [
    "INSTRUMENT_DECLINED",
    "PAYER_CANNOT_PAY",
    "TRANSACTION_REFUSED",
    "TRANSACTION_LIMIT_EXCEEDED",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    "DECLINED_DUE_TO_RELATED_TXN",
];

/// What card networks advise: new details, or never again.
const HARD_ADVICE: [&str; 3] = ["01", "03", "21"];

impl PayPal {
    pub(super) async fn charge_saved(
        &self,
        new: &NewCharge,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        let (unit, _) = unit(&new.ours, &new.client, &new.lines)?;
        let text = Reference::text(&new.ours, &new.client, super::checkout::MAX_TEXT)?;
        if tried.must_look_first(Some(ORDER_KEY_LIVES_SECONDS))
            && let Some(charged) = self.find_charge(&text, tried).await?
        {
            return Ok(charged);
        }
        let source = match new.method {
            Method::Card => json!({"card": {
                "vault_id": new.saved.as_str(),
                "stored_credential": {
                    "payment_initiator": "MERCHANT", "payment_type": "UNSCHEDULED",
                    "usage": "SUBSEQUENT",
                },
            }}),
            _ => json!({WALLET: {
                "vault_id": new.saved.as_str(),
                "stored_credential": {
                    "payment_initiator": "MERCHANT", "usage": "SUBSEQUENT",
                    "usage_pattern": "UNSCHEDULED_POSTPAID",
                },
            }}),
        };
        let body = json!({"intent": "CAPTURE", "purchase_units": [unit], "payment_source": source});
        let made = self.post::<Order>("v2/checkout/orders", &request_id(key), &body).await;
        match made {
            Ok(order) => self.charged(order).await,
            Err(GatewayError::Rejected { code, .. }) if code == DUPLICATE => {
                let found = self.find_charge(&text, tried).await?;
                let unlisted = || GatewayError::down("taken before, and not listed yet");
                found.ok_or_else(|| unlisted().into())
            }
            Err(GatewayError::Rejected { code, .. }) if code == "DUPLICATE_REQUEST_ID" => {
                Err(CheckoutError::KeyReused.into())
            }
            Err(GatewayError::Rejected { status, code }) => match kind(&code, None) {
                Some(kind) => Ok(Charged::Declined(Decline { code, kind, payment: None })),
                None => Err(GatewayError::Rejected { status, code }.into()),
            },
            // The saved method itself is what is not found.
            Err(GatewayError::NotFound { .. }) => {
                let code = "TOKEN_ID_NOT_FOUND".to_owned();
                let kind = DeclineKind::Hard;
                Ok(Charged::Declined(Decline { code, kind, payment: None }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What came of the order; one that is approved and no more is captured.
    async fn charged(&self, mut order: Order) -> Result<Charged, ChargeError> {
        let id = order.id.parse();
        let id = id.map_err(|error| GatewayError::malformed(format!("order: {error}")))?;
        if order.capture().is_none() && matches!(&*order.status, "APPROVED" | "CREATED") {
            match self.capture(&id).await? {
                None => order = self.order(&id).await?,
                Some(NoPayment::NotYet) => {
                    let (code, kind) = ("INSTRUMENT_DECLINED".to_owned(), DeclineKind::Soft);
                    return Ok(Charged::Declined(Decline { code, kind, payment: None }));
                }
                Some(_) => {
                    return Err(GatewayError::down("taken before, and not listed yet").into());
                }
            }
        }
        match order.capture() {
            Some(capture) => Ok(outcome(capture)?),
            None => {
                let (code, kind) = (order.status, DeclineKind::NeedsPayer);
                Ok(Charged::Declined(Decline { code, kind, payment: None }))
            }
        }
    }

    /// A payment that carries our reference, from the first request on.
    async fn find_charge(&self, text: &str, tried: Tried) -> Result<Option<Charged>, GatewayError> {
        let first = tried.first_unix.unwrap_or(tried.now_unix);
        let span =
            Span { from_unix: first.saturating_sub(LOOK_BACK_SECONDS), to_unix: tried.now_unix };
        let mut next = None;
        loop {
            let page = self.transactions(span, next.as_deref()).await?;
            if let Some(found) = page.items.into_iter().find(|item| item.is_for(text)) {
                return Ok(Some(Charged::Taken(found.id()?)));
            }
            match page.next {
                Some(further) => next = Some(further),
                None => return Ok(None),
            }
        }
    }

    pub(super) async fn give_back(
        &self,
        new: &NewRefund,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Refund, RefundError> {
        let amount = Amount::of(new.amount)?;
        if new.amount.is_zero() {
            return Err(RefundError::Amount { amount: new.amount, code: "ZERO".to_owned() });
        }
        if tried.must_look_first(Some(REFUND_KEY_LIVES_SECONDS))
            && let Some(refund) = self.find_refund(new).await?
        {
            return Ok(refund);
        }
        // Without the amount PayPal would give back all that is left.
        let body = json!({"amount": amount, "custom_id": new.ours});
        let path = format!("v2/payments/captures/{}/refund", new.payment);
        let made = self.post::<objects::Refund>(&path, &request_id(key), &body).await;
        match made {
            Ok(refund) => Ok(facts::refund(&refund)?),
            Err(GatewayError::Rejected { status, code }) => Err(refused(new, status, code)),
            Err(error) => Err(error.into()),
        }
    }

    async fn find_refund(&self, new: &NewRefund) -> Result<Option<Refund>, GatewayError> {
        let path = format!("v2/payments/captures/{}", new.payment);
        let capture: Capture = self.get(&path, &[]).await?;
        let order = capture.order_id().ok_or_else(|| {
            GatewayError::malformed(format!("capture {}: names no order", new.payment))
        })?;
        let order = self.order(&order).await?;
        let ours = order.refunds().find(|one| one.custom_id.as_deref() == Some(&new.ours));
        ours.map(facts::refund).transpose()
    }
}

fn refused(new: &NewRefund, status: u16, code: String) -> RefundError {
    match code.as_str() {
        "REFUND_AMOUNT_EXCEEDED"
        | "REFUND_AMOUNT_TOO_LOW"
        | "CAPTURE_FULLY_REFUNDED"
        | "MAX_CAPTURE_AMOUNT_EXCEEDED"
        | "REFUND_CAPTURE_CURRENCY_MISMATCH" => RefundError::Amount { amount: new.amount, code },
        "DUPLICATE_REQUEST_ID" => RefundError::KeyReused,
        code_text if code_text.starts_with("REFUND_") || code_text.contains("PENDING") => {
            RefundError::NotNow(code)
        }
        "PARTIAL_REFUND_NOT_ALLOWED" | "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED" => {
            RefundError::NotNow(code)
        }
        _ => GatewayError::Rejected { status, code }.into(),
    }
}

fn outcome(capture: &Capture) -> Result<Charged, GatewayError> {
    let id = capture.id.parse();
    let id = id.map_err(|error| GatewayError::malformed(format!("capture: {error}")))?;
    if !capture.is_failed() {
        return Ok(Charged::Taken(id));
    }
    let said = capture.processor_response.as_ref();
    let advice = said.and_then(|said| said.payment_advice_code.as_deref());
    let code = capture.reason().unwrap_or(&capture.status).to_owned();
    let kind = kind(&code, advice).unwrap_or(DeclineKind::Soft);
    Ok(Charged::Declined(Decline { code, kind, payment: Some(id) }))
}

/// What can be done about a decline; none if the code is not one of a decline.
fn kind(code: &str, advice: Option<&str>) -> Option<DeclineKind> {
    let is_hard = advice.is_some_and(|advice| HARD_ADVICE.contains(&advice));
    if is_hard || HARD.contains(&code) {
        return Some(DeclineKind::Hard);
    }
    if NEEDS_PAYER.contains(&code) {
        return Some(DeclineKind::NeedsPayer);
    }
    SOFT.contains(&code).then_some(DeclineKind::Soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_2_a_decline_says_what_can_be_done_about_it() {
        for (code, advice, expected) in [
            ("INSTRUMENT_DECLINED", None, Some(DeclineKind::Soft)),
            ("PAYER_ACCOUNT_LOCKED_OR_CLOSED", None, Some(DeclineKind::Hard)),
            ("PAYER_ACTION_REQUIRED", None, Some(DeclineKind::NeedsPayer)),
            ("9520", None, Some(DeclineKind::Hard)),
            ("5120", Some("02"), None),
            ("5120", Some("03"), Some(DeclineKind::Hard)),
            ("INVALID_PARAMETER_VALUE", None, None),
        ] {
            assert_eq!(kind(code, advice), expected, "for {code} {advice:?}");
        }
    }

    #[test]
    fn chg_2_a_declined_capture_is_soft_unless_its_bank_says_otherwise() {
        let declined = |response: &str| {
            let capture = json!({
                "id": "C1", "status": "DECLINED",
                "processor_response": {"response_code": response},
            });
            match outcome(&serde_json::from_value(capture).unwrap()).unwrap() {
                Charged::Declined(decline) => (decline.code, decline.kind),
                Charged::Taken(id) => panic!("took {id}"),
            }
        };
        assert_eq!(declined("5120"), ("5120".to_owned(), DeclineKind::Soft));
        assert_eq!(declined("5400"), ("5400".to_owned(), DeclineKind::Hard));
        assert_eq!(declined("0100"), ("0100".to_owned(), DeclineKind::NeedsPayer));
    }
}

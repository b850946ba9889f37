//! Charging a card on file.
//!
//! Two requests, each under a key of its own made from the caller's: an order, which has room for what is ours, and
//! its payment. How long Square keeps a key is not published, so a try that is not the first one looks for the
//! payment of the first by our name on it, as soon as lists can be relied upon to show it.

use domain::money::Money;
use serde_json::json;

use super::Square;
use super::api::{KEY_REUSED, Refusal, money, part, short_key, there};
use super::facts::failure_code;
use super::objects::{Payment, Problem};
use super::saved::card_there;
use super::time::rfc_3339;
use crate::{
    ChargeError, Charged, CheckoutError, Decline, DeclineKind, GatewayError, IdempotencyKey,
    Method, NewCharge, Reference, Tried,
};

/// For how long a key is relied upon alone. Square publishes no life of keys, and says that new payments show in
/// lists within seconds: keys surely live for minutes, and after minutes a list is sure to show the payment.
pub(super) const KEY_LIVES_SECONDS: i64 = 5 * 60;

/// By how much its clock and ours may differ.
const CLOCKS_DIFFER_SECONDS: i64 = 15 * 60;

/// Payments of exactly that amount at one location since the first try: more pages of them nobody has.
const MAX_PAGES: usize = 20;

impl Square {
    pub(super) async fn charge_once(
        &self,
        new: &NewCharge,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        let customer = Some(&new.customer);
        let (order, amount) =
            self.order_body(&new.ours, &new.firm, &new.client, &new.lines, customer)?;
        if new.method != Method::Card {
            return Err(CheckoutError::NoMethod { currency: amount.currency() }.into());
        }
        let name = Reference::name(&new.ours)?;
        if tried.must_look_first(Some(KEY_LIVES_SECONDS))
            && let Some(payment) = self.find_payment(&name, amount, tried).await?
        {
            return Ok(outcome(&payment)?);
        }
        let body = json!({"idempotency_key": short_key("order", key), "order": order});
        let made = match self.post("orders", &body).await? {
            Ok(answered) => there(answered.order, "order", "orders")?,
            Err(refusal) => return self.refused(refusal, &name, amount, tried).await,
        };
        let total = made.total_money.as_ref().map(|total| (total.amount, total.currency.as_str()));
        if total != Some((amount.minor(), amount.currency().code())) {
            let what = format!("order {}: asks for {total:?}, not for {amount}", made.id);
            return Err(GatewayError::malformed(what).into());
        }
        let body = json!({
            "idempotency_key": short_key("payment", key),
            "source_id": card_there(&new.saved),
            "customer_id": new.customer.as_str(),
            "location_id": self.location,
            "order_id": made.id,
            "reference_id": name,
            "amount_money": money(amount).map_err(CheckoutError::Amount)?,
            "autocomplete": true,
        });
        match self.post("payments", &body).await? {
            Ok(answered) => Ok(outcome(&there(answered.payment, "payment", "payments")?)?),
            Err(refusal) => self.refused(refusal, &name, amount, tried).await,
        }
    }

    /// A key that was used for another request: an earlier try's other half has died, so that a new order came to
    /// an old payment. Then the payment is there to be found.
    async fn refused(
        &self,
        refusal: Refusal,
        name: &str,
        amount: Money,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        let problem = refusal.problem();
        if problem.code == KEY_REUSED {
            return match self.find_payment(name, amount, tried).await? {
                Some(payment) => Ok(outcome(&payment)?),
                None => Err(CheckoutError::KeyReused.into()),
            };
        }
        let Some(kind) = declined(&problem) else { return Err(refusal.error().into()) };
        let payment = refusal.answered.payment.as_ref();
        let payment = payment.map(|payment| part("payment", &payment.id)).transpose()?;
        Ok(Charged::Declined(Decline { code: problem.code, kind, payment }))
    }

    /// The payment with our name on it, if an earlier try made one.
    async fn find_payment(
        &self,
        name: &str,
        amount: Money,
        tried: Tried,
    ) -> Result<Option<Payment>, GatewayError> {
        let first = tried.first_unix.unwrap_or(tried.now_unix);
        let from = rfc_3339(first.saturating_sub(CLOCKS_DIFFER_SECONDS));
        let to = rfc_3339(tried.now_unix.saturating_add(CLOCKS_DIFFER_SECONDS));
        let total = amount.minor().to_string();
        let query = [
            ("begin_time", from.as_str()),
            ("end_time", &to),
            ("location_id", &self.location),
            ("total", &total),
        ];
        let mut cursor: Option<String> = None;
        let mut failed = None;
        for _ in 0..MAX_PAGES {
            let mut query = query.to_vec();
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.get_payments(&query).await?;
            for payment in page.payments.into_iter().flatten() {
                let is_ours = payment.reference_id.as_deref() == Some(name);
                match payment.status.as_str() {
                    _ if !is_ours => {}
                    // One that took nothing counts only where none took anything.
                    "FAILED" | "CANCELED" => failed = Some(payment),
                    _ => return Ok(Some(payment)),
                }
            }
            cursor = page.cursor.filter(|cursor| !cursor.is_empty());
            if cursor.is_none() {
                return Ok(failed);
            }
        }
        Err(GatewayError::malformed(format!("payments: more than {MAX_PAGES} pages of {amount}")))
    }
}

/// What a payment that was made means.
fn outcome(payment: &Payment) -> Result<Charged, GatewayError> {
    let id = part("payment", &payment.id)?;
    if !matches!(payment.status.as_str(), "FAILED" | "CANCELED") {
        return Ok(Charged::Taken(id));
    }
    let code = failure_code(payment).unwrap_or_else(|| payment.status.clone());
    let kind = kind(&code).unwrap_or(DeclineKind::Soft);
    Ok(Charged::Declined(Decline { code, kind, payment: Some(id) }))
}

/// Whether an error is the card's, and what can be done about it; one that is not known to be anything else may
/// pass.
fn declined(problem: &Problem) -> Option<DeclineKind> {
    // A card that is gone is answered as an object that isn't there.
    if problem.code == "NOT_FOUND" && problem.field.as_deref() == Some("source_id") {
        return Some(DeclineKind::Hard);
    }
    let of_card = (problem.category == "PAYMENT_METHOD_ERROR").then_some(DeclineKind::Soft);
    kind(&problem.code).or(of_card)
}

/// Square's words for a payment that was declined.
fn kind(code: &str) -> Option<DeclineKind> {
    Some(match code {
        // Nothing will come of this card any more, or it is none.
        "ACCOUNT_UNUSABLE"
        | "ALLOWABLE_PIN_TRIES_EXCEEDED"
        | "BAD_EXPIRATION"
        | "BUYER_REFUSED_PAYMENT"
        | "CARDHOLDER_INSUFFICIENT_PERMISSIONS"
        | "CARD_EXPIRED"
        | "CARD_MISMATCH"
        | "CARD_NOT_SUPPORTED"
        | "CARD_TOKEN_EXPIRED"
        | "CARD_TOKEN_USED"
        | "EXPIRATION_FAILURE"
        | "INVALID_ACCOUNT"
        | "INVALID_CARD"
        | "INVALID_CARD_DATA"
        | "INVALID_EXPIRATION"
        | "INVALID_EXPIRATION_DATE"
        | "INVALID_EXPIRATION_YEAR"
        | "PAN_FAILURE"
        | "SOURCE_EXPIRED"
        | "SOURCE_USED"
        | "UNSUPPORTED_CARD_BRAND"
        | "UNSUPPORTED_INSTRUMENT_TYPE" => DeclineKind::Hard,
        // The bank wants the payer: to confirm, to type a number, to be called.
        "ADDRESS_VERIFICATION_FAILURE"
        | "CARD_DECLINED_CALL_ISSUER"
        | "CARD_DECLINED_VERIFICATION_REQUIRED"
        | "CARD_PRESENCE_REQUIRED"
        | "CHIP_INSERTION_REQUIRED"
        | "CVV_FAILURE"
        | "INVALID_PIN"
        | "INVALID_POSTAL_CODE"
        | "MISSING_PIN"
        | "VERIFY_AVS_FAILURE"
        | "VERIFY_CVV_FAILURE"
        | "VOICE_FAILURE" => DeclineKind::NeedsPayer,
        "CARD_DECLINED"
        | "GENERIC_DECLINE"
        | "INSUFFICIENT_FUNDS"
        | "PAYMENT_LIMIT_EXCEEDED"
        | "RESERVATION_DECLINED"
        | "TRANSACTION_LIMIT" => DeclineKind::Soft,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_2_declines_are_hard_soft_or_the_payers_and_other_errors_none() {
        use DeclineKind::{Hard, NeedsPayer, Soft};
        for (category, code, field, expected) in [
            ("PAYMENT_METHOD_ERROR", "INSUFFICIENT_FUNDS", None, Some(Soft)),
            ("PAYMENT_METHOD_ERROR", "GENERIC_DECLINE", None, Some(Soft)),
            ("PAYMENT_METHOD_ERROR", "NEW_WORD", None, Some(Soft)),
            ("PAYMENT_METHOD_ERROR", "CARD_EXPIRED", None, Some(Hard)),
            ("INVALID_REQUEST_ERROR", "INVALID_CARD", None, Some(Hard)),
            ("PAYMENT_METHOD_ERROR", "CARD_DECLINED_VERIFICATION_REQUIRED", None, Some(NeedsPayer)),
            ("INVALID_REQUEST_ERROR", "NOT_FOUND", Some("source_id"), Some(Hard)),
            ("INVALID_REQUEST_ERROR", "NOT_FOUND", Some("customer_id"), None),
            ("INVALID_REQUEST_ERROR", "BAD_REQUEST", None, None),
            ("API_ERROR", "INTERNAL_SERVER_ERROR", None, None),
            ("", "", None, None),
        ] {
            let (category, code) = (category.to_owned(), code.to_owned());
            let problem = Problem { category, code, field: field.map(str::to_owned) };
            assert_eq!(declined(&problem), expected, "for {problem:?}");
        }
    }
}

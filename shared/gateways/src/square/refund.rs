//! Giving money back.
//!
//! A refund has no text for a reference, so our name stands at the end of its reason, which Square only keeps and
//! shows; an earlier try whose key may be dead is found by it among the payment's refunds.

use serde_json::json;

use super::Square;
use super::api::{KEY_REUSED, money, short_key, there};
use super::charge::KEY_LIVES_SECONDS;
use super::{facts, objects};
use crate::{
    GatewayError, IdempotencyKey, NewRefund, ObjectId, Reference, Refund, RefundError, Tried,
};

/// The longest reason that Square keeps.
const MAX_REASON_CHARS: usize = 192;

impl Square {
    pub(super) async fn refund_once(
        &self,
        new: &NewRefund,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Refund, RefundError> {
        let mark = mark(&new.ours)?;
        if tried.must_look_first(Some(KEY_LIVES_SECONDS))
            && let Some(found) = self.find_refund(&new.payment, &mark).await?
        {
            return Ok(facts::refund(&found)?);
        }
        let body = json!({
            "idempotency_key": short_key("refund", key),
            "payment_id": new.payment.as_str(),
            "amount_money": money(new.amount)?,
            "reason": reason(new.reason.as_deref(), &mark),
        });
        match self.post("refunds", &body).await? {
            Ok(answered) => Ok(facts::refund(&there(answered.refund, "refund", "refunds")?)?),
            Err(refusal) => {
                let code = refusal.problem().code;
                Err(match code.as_str() {
                    KEY_REUSED => RefundError::KeyReused,
                    "REFUND_AMOUNT_INVALID"
                    | "AMOUNT_TOO_HIGH"
                    | "AMOUNT_TOO_LOW"
                    | "VALUE_TOO_LOW"
                    | "VALUE_TOO_HIGH" => RefundError::Amount { amount: new.amount, code },
                    "PAYMENT_NOT_REFUNDABLE"
                    | "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE"
                    | "REFUND_ALREADY_PENDING"
                    | "REFUND_DECLINED"
                    | "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION" => RefundError::NotNow(code),
                    _ => refusal.error().into(),
                })
            }
        }
    }

    async fn find_refund(
        &self,
        payment: &ObjectId,
        mark: &str,
    ) -> Result<Option<objects::Refund>, GatewayError> {
        let payment = self.payment(payment.as_str()).await?;
        let refunds = self.refunds_of(&payment, None).await?;
        let is_ours = |refund: &objects::Refund| {
            refund.reason.as_deref().is_some_and(|reason| reason.ends_with(mark))
        };
        Ok(refunds.into_iter().find(is_ours))
    }
}

fn mark(ours: &str) -> Result<String, RefundError> {
    let name = Reference::name(ours);
    let name = name.map_err(|error| GatewayError::malformed(format!("our name: {error}")))?;
    Ok(format!("[{name}]"))
}

fn reason(said: Option<&str>, mark: &str) -> String {
    let Some(said) = said.map(str::trim).filter(|said| !said.is_empty()) else {
        return mark.to_owned();
    };
    let room = MAX_REASON_CHARS.saturating_sub(mark.chars().count() + 1);
    let said: String = said.chars().take(room).collect();
    format!("{said} {mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_5_our_name_ends_the_reason_however_long_that_is() {
        let mark = mark("r-1").unwrap();
        assert_eq!(mark, "[pc-r-1]");
        for (said, expected) in [
            (None, "[pc-r-1]".to_owned()),
            (Some(" "), "[pc-r-1]".to_owned()),
            (Some("paid twice"), "paid twice [pc-r-1]".to_owned()),
            (Some(&*"é".repeat(300)), format!("{} [pc-r-1]", "é".repeat(183))),
        ] {
            let text = reason(said, &mark);
            assert_eq!(text, expected);
            assert!(text.chars().count() <= MAX_REASON_CHARS);
        }
        assert!(super::mark("a b").is_err());
    }
}

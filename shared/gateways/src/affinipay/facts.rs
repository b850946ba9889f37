//! From AffiniPay's transactions to the facts: pure, so that each state is a row of a test.
//!
//! An amount is in the currency's smallest unit. A card that is `AUTHORIZED` is captured the same day by the
//! gateway itself, nobody has to do anything: so it is on its way, like a debit, and neither charged a second time
//! nor chased. Only where somebody asked for a hold, which we never do, it is held. An eCheck that is `AUTHORIZED`
//! was merely handed in, and nobody knows the payer's balance: it is paid when it is `COMPLETED`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use domain::money::{Currency, Money};
use serde_json::Value;

use super::objects::{Instrument, Transaction, unix};
use crate::{
    CurrencyError, GatewayError, Method, Mode, PaymentFacts, PaymentState, Reference, Refund,
    RefundState,
};

/// In errors about money.
const GATEWAY: &str = "affinipay";

/// What it takes unless it says otherwise.
const DEFAULT_CURRENCY: &str = "USD";

/// The currencies of its merchants. Each has two decimals, here as in ISO 4217.
const CURRENCIES: [&str; 2] = ["USD", "CAD"];

/// The most that one transaction can be: its documentation says 10^14 - 1.
const MAX_AMOUNT: u64 = 100_000_000_000_000 - 1;

/// A transaction's money.
pub fn money(transaction: &Transaction) -> Result<Money, CurrencyError> {
    let code = transaction.currency.as_deref().unwrap_or(DEFAULT_CURRENCY);
    from_affinipay(transaction.amount, code)
}

fn from_affinipay(amount: u64, code: &str) -> Result<Money, CurrencyError> {
    let currency = currency(code)?;
    if MAX_AMOUNT < amount {
        return Err(CurrencyError::TooLarge { amount, currency });
    }
    Ok(Money::new(amount, currency))
}

fn currency(code: &str) -> Result<Currency, CurrencyError> {
    let unknown =
        || CurrencyError::Unknown { gateway: GATEWAY, code: code.chars().take(8).collect() };
    let is_known = CURRENCIES.contains(&code);
    is_known.then(|| code.parse().ok()).flatten().ok_or_else(unknown)
}

/// The amount to send.
pub fn to_affinipay(money: Money) -> Result<u64, CurrencyError> {
    let (amount, currency) = (money.minor(), currency(money.currency().code())?);
    if MAX_AMOUNT < amount {
        return Err(CurrencyError::TooLarge { amount, currency });
    }
    Ok(amount)
}

/// One payment, whole; `refunds` are those of the charge.
pub fn payment(
    charge: &Transaction,
    refunds: &[Transaction],
    mode: Mode,
) -> Result<PaymentFacts, GatewayError> {
    let occurred_unix = created(charge)?;
    let refunds = refunds.iter().map(|object| refund(object, occurred_unix));
    let mut refunds: Vec<_> = refunds.collect::<Result<_, _>>()?;
    refunds.sort_by(|a, b| (a.created_unix, a.id.as_str()).cmp(&(b.created_unix, b.id.as_str())));
    Ok(PaymentFacts {
        payment: id("charge", &charge.id)?,
        amount: money(charge)?,
        state: state(charge)?,
        mode,
        account: None,
        reference: reference(charge),
        method: charge.method.as_ref().map(method),
        charge: Some(id("charge", &charge.id)?),
        checkout: None,
        occurred_unix,
        refunds,
        disputes: vec![],
    })
}

/// What we wrote on it: in its data, where the charge was ours; in its reference, which is all that a payment
/// page takes.
fn reference(charge: &Transaction) -> Reference {
    let text = charge.reference.as_deref().unwrap_or_default();
    let by_text =
        Reference { client_reference: charge.reference.clone(), ..Reference::from_text(text) };
    let Some(Value::Object(data)) = &charge.data else { return by_text };
    let texts =
        data.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Reference::from_metadata(&texts.collect::<BTreeMap<_, _>>()).or(by_text)
}

/// How far a charge got.
pub fn state(charge: &Transaction) -> Result<PaymentState, GatewayError> {
    let is_card = charge.method.as_ref().map(method) == Some(Method::Card);
    Ok(match charge.status.as_str() {
        "AUTHORIZED" if is_card && charge.auto_capture == Some(false) => PaymentState::Held,
        "PENDING" | "AUTHORIZED" => PaymentState::Pending,
        "COMPLETED" => PaymentState::Succeeded,
        "VOIDED" => PaymentState::Canceled,
        "FAILED" => PaymentState::Failed { code: charge.failure_code.clone() },
        other => return Err(unknown_status(charge, other)),
    })
}

/// One refund. It is queued until the next capture, and that of an eCheck until the charge has cleared: till then
/// it can still fail with it.
pub fn refund(refund: &Transaction, charged_unix: i64) -> Result<Refund, GatewayError> {
    let state = match refund.status.as_str() {
        "PENDING" | "AUTHORIZED" => RefundState::Pending,
        "COMPLETED" => RefundState::Succeeded,
        "VOIDED" => RefundState::Canceled,
        "FAILED" => RefundState::Failed,
        other => return Err(unknown_status(refund, other)),
    };
    // Within its charge a refund may come without its time.
    let created_unix = if refund.created.is_some() { created(refund)? } else { charged_unix };
    Ok(Refund { id: id("refund", &refund.id)?, amount: money(refund)?, state, created_unix })
}

fn unknown_status(transaction: &Transaction, status: &str) -> GatewayError {
    malformed(
        "transaction",
        &transaction.id,
        format!("status {status:?} is none that is documented"),
    )
}

/// A transaction without a time is older than all that has one.
fn created(transaction: &Transaction) -> Result<i64, GatewayError> {
    let Some(text) = &transaction.created else { return Ok(0) };
    unix(text).ok_or_else(|| malformed("transaction", &transaction.id, "created is no moment"))
}

/// Card or bank account.
pub fn method(instrument: &Instrument) -> Method {
    match instrument.kind.as_str() {
        "card" => Method::Card,
        "bank" => Method::Ach,
        other => Method::Other(other.to_owned()),
    }
}

fn malformed(kind: &str, id: impl Display, what: impl Display) -> GatewayError {
    GatewayError::malformed(format!("{kind} {id}: {what}"))
}

/// An id from an answer.
pub fn id<T: FromStr<Err: Display>>(kind: &str, text: &str) -> Result<T, GatewayError> {
    text.parse().map_err(|error| malformed(kind, format_args!("{text:?}"), error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn transaction(fields: &Value) -> Transaction {
        let mut object = json!({
            "id": "t1", "type": "CHARGE", "created": "2026-03-02T10:00:00.000Z",
            "account_id": "a", "status": "COMPLETED", "amount": 1000, "currency": "USD",
            "auto_capture": true, "method": {"type": "card"},
        });
        for (key, value) in fields.as_object().unwrap() {
            object[key] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn pay_3_a_card_is_paid_when_captured_and_an_echeck_when_completed() {
        let bank = json!({"type": "bank"});
        let card = json!({"type": "card"});
        for (status, method, auto_capture, expected) in [
            ("PENDING", &card, json!(true), PaymentState::Pending),
            ("AUTHORIZED", &card, json!(true), PaymentState::Pending),
            ("AUTHORIZED", &card, json!("true"), PaymentState::Pending),
            ("AUTHORIZED", &card, json!(null), PaymentState::Pending),
            ("AUTHORIZED", &card, json!(false), PaymentState::Held),
            ("COMPLETED", &card, json!(true), PaymentState::Succeeded),
            ("VOIDED", &card, json!(true), PaymentState::Canceled),
            ("PENDING", &bank, json!(true), PaymentState::Pending),
            ("AUTHORIZED", &bank, json!(true), PaymentState::Pending),
            ("COMPLETED", &bank, json!(true), PaymentState::Succeeded),
            (
                "FAILED",
                &bank,
                json!(true),
                PaymentState::Failed { code: Some("ach_account_closed".to_owned()) },
            ),
        ] {
            let fields = json!({
                "status": status, "method": method, "auto_capture": auto_capture,
                "failure_code": "ach_account_closed",
            });
            assert_eq!(state(&transaction(&fields)).unwrap(), expected, "for {fields}");
        }
        let odd = state(&transaction(&json!({"status": "SETTLED"}))).unwrap_err().to_string();
        assert!(odd.contains("transaction t1: status \"SETTLED\""), "{odd}");
    }

    #[test]
    fn pay_5_a_refund_counts_when_it_is_completed() {
        for (status, expected) in [
            ("PENDING", RefundState::Pending),
            ("AUTHORIZED", RefundState::Pending),
            ("COMPLETED", RefundState::Succeeded),
            ("VOIDED", RefundState::Canceled),
            ("FAILED", RefundState::Failed),
        ] {
            let refund = refund(&transaction(&json!({"status": status})), 7).unwrap();
            assert_eq!(refund.state, expected, "for {status}");
        }
        let bare = refund(&transaction(&json!({"created": null})), 7).unwrap();
        assert_eq!(bare.created_unix, 7);
    }

    #[test]
    fn inv_5_only_currencies_of_the_table_are_read() {
        for (amount, code, expected) in [
            (json!(1000), json!("USD"), Ok("10.00 USD")),
            (json!("1000"), json!("CAD"), Ok("10.00 CAD")),
            (json!(1000), json!(null), Ok("10.00 USD")),
            (json!(1000), json!("usd"), Err("not in the table of affinipay")),
            (json!(1000), json!("JPY"), Err("not in the table of affinipay")),
            (json!(MAX_AMOUNT), json!("USD"), Ok("999999999999.99 USD")),
            (json!(MAX_AMOUNT + 1), json!("USD"), Err("too large")),
        ] {
            let read = money(&transaction(&json!({"amount": amount, "currency": code})));
            match (read, expected) {
                (Ok(money), Ok(expected)) => assert_eq!(money.to_string(), expected),
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (read, expected) => panic!("for {code}: {read:?}, expected {expected:?}"),
            }
        }
        assert!(to_affinipay(Money::new(1, "JPY".parse().unwrap())).is_err());
        assert_eq!(to_affinipay(Money::new(MAX_AMOUNT, Currency::USD)), Ok(MAX_AMOUNT));
    }

    #[test]
    fn pay_4_the_reference_is_read_from_data_and_text() {
        let data =
            json!({"firm": "acme", "client": "bea", "invoices": "A-1", "ours": "p1", "n": 1});
        for (text, data, expected) in [
            (json!("pc-p1.bea"), json!(null), "None Some(bea) [] Some(\"p1\") 0"),
            (json!("pc-p1.bea"), data.clone(), "Some(acme) Some(bea) [A-1] Some(\"p1\") 0"),
            (json!("INV-42"), data.clone(), "Some(acme) Some(bea) [A-1] Some(\"p1\") 0"),
            (json!("pc-p1.ann"), data, "Some(acme) Some(bea) [A-1] Some(\"p1\") 1"),
            (json!("INV-42"), json!("x"), "None None [] None 0"),
            (json!(null), json!(null), "None None [] None 0"),
        ] {
            let fields = json!({"reference": text, "data": data});
            let read = reference(&transaction(&fields));
            let said = format!(
                "{:?} {:?} {:?} {:?} {}",
                read.firm,
                read.client,
                read.invoices,
                read.ours,
                read.problems.len()
            );
            assert_eq!(said, expected, "for {fields}");
        }
    }
}

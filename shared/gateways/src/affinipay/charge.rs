//! Charging a saved method where nothing protects from doing it twice but our own name on the charge.
//!
//! A charge goes out once and is never repeated by the transport. Is its answer lost, it is looked for at once,
//! and again before the next try: by our reference, and if the search finds nothing, among all that the account
//! took since the first try, since a search may lag behind. What is found ends the matter. Whoever asks again
//! leaves the gateway more time than one answer may take, for what is still under way can't be found.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::checkout::{MAX_REFERENCE_CHARS, total};
use super::facts::{self, to_affinipay};
use super::objects::{CHARGE, Failure, Transaction, moment};
use super::read_back::furthest;
use super::{AffiniPay, DepositAccount, ask, declines};
use crate::transport::Answer;
use crate::{
    ChargeError, Charged, CheckoutError, Decline, GatewayError, NewCharge, Reference, Tried,
};

/// How far the gateway's clock and ours may be apart.
const CLOCKS_APART_SECONDS: i64 = 10 * 60;

/// What a charge of ours is known by.
struct Ours<'a> {
    reference: String,
    account: &'a DepositAccount,
    amount: u64,
    /// Nothing of it is older.
    since_unix: i64,
}

impl AffiniPay {
    pub(super) async fn charge_saved(
        &self,
        new: &NewCharge,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        let sum = total(&new.lines)?;
        let methods = std::slice::from_ref(&new.method);
        let account = self.account(new.deposit, methods, sum.currency(), |_| true)?;
        let ours = Ours {
            reference: Reference::text(&new.ours, &new.client, MAX_REFERENCE_CHARS)?,
            account,
            amount: to_affinipay(sum).map_err(CheckoutError::Amount)?,
            since_unix: tried.first_unix.unwrap_or(tried.now_unix) - CLOCKS_APART_SECONDS,
        };
        if tried.must_look_first(None)
            && let Some(charge) = self.find(&ours).await?
        {
            return concluded(&charge, &ours);
        }
        let answer = self.send("charges", &request(new, &ours)?).await;
        match answer.and_then(|answer| taken(&answer)) {
            Ok(Answered::Charge(charge)) => concluded(&charge, &ours),
            Ok(Answered::Declined(code)) => Ok(Charged::Declined(decline(code, None))),
            Err(error @ (GatewayError::Down { .. } | GatewayError::Malformed { .. })) => {
                match self.find(&ours).await? {
                    Some(charge) => concluded(&charge, &ours),
                    None => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The charge that bears our name, if there is one.
    async fn find(&self, ours: &Ours<'_>) -> Result<Option<Transaction>, GatewayError> {
        let account = ("account_id", ours.account.id.to_string());
        let by_reference = ("qf", format!("reference:{}", ours.reference));
        let since = ("start_date", moment(ours.since_unix));
        for query in [[account.clone(), by_reference], [account, since]] {
            let found: Vec<Transaction> =
                self.ask_all("transaction", "transactions", &query).await?;
            let is_ours = |charge: &Transaction| {
                charge.kind == CHARGE && charge.reference.as_ref() == Some(&ours.reference)
            };
            if let Some(charge) = furthest(found.into_iter().filter(is_ours)) {
                return Ok(Some(charge));
            }
        }
        Ok(None)
    }
}

/// The whole reference goes into `data`, our name into the text that can be searched for.
fn request(new: &NewCharge, ours: &Ours) -> Result<Value, CheckoutError> {
    let invoices = new.lines.iter().map(|line| &line.invoice);
    let data = Reference::metadata(&new.ours, &new.firm, &new.client, invoices)?;
    Ok(json!({
        "amount": ours.amount,
        "currency": ours.account.currency.code(),
        "account_id": ours.account.id,
        "method": new.saved,
        "reference": ours.reference,
        "data": data,
    }))
}

/// What a charge was answered with.
enum Answered {
    Charge(Box<Transaction>),
    Declined(String),
}

fn taken(answer: &Answer) -> Result<Answered, GatewayError> {
    let said: Failure = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = said.code().unwrap_or_default();
    match answer.status {
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYMENT_REQUIRED
            if declines::is_decline(code) =>
        {
            Ok(Answered::Declined(code.to_owned()))
        }
        // The method is gone, unless it says that the account is.
        StatusCode::NOT_FOUND if !said.is_about("Account") => {
            Ok(Answered::Declined("resource_not_found".to_owned()))
        }
        _ => {
            ask::read("charge", "charges", answer).map(|charge| Answered::Charge(Box::new(charge)))
        }
    }
}

impl Failure {
    /// Whether a reason names an object of that kind: `Account[…]`.
    fn is_about(&self, kind: &str) -> bool {
        let contexts = self.messages.iter().filter_map(|message| message.context.as_deref());
        contexts.into_iter().any(|context| context.contains(kind))
    }
}

/// What a charge that is there means for whoever asked for it.
fn concluded(charge: &Transaction, ours: &Ours) -> Result<Charged, ChargeError> {
    if charge.amount != ours.amount {
        return Err(CheckoutError::KeyReused.into());
    }
    if charge.account_id.as_deref().is_some_and(|id| id != ours.account.id.as_str()) {
        let what = format!("charge {}: went to another account than was asked for", charge.id);
        return Err(GatewayError::malformed(what).into());
    }
    let id = facts::id("charge", &charge.id)?;
    if charge.status == "FAILED" {
        let code = charge.failure_code.clone().unwrap_or_else(|| "no code".to_owned());
        return Ok(Charged::Declined(decline(code, Some(id))));
    }
    Ok(Charged::Taken(id))
}

fn decline(code: String, payment: Option<crate::ObjectId>) -> Decline {
    Decline { kind: declines::kind(&code), code, payment }
}

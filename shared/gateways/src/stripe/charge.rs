//! Charging a saved method: the payment is made first and confirmed second.
//!
//! A payment takes money once, however often it is confirmed. So it is not Stripe's keys alone that keep a
//! client from paying twice: once the payment is there, all that a lost answer, a dead key or a second process
//! can do is to confirm it again. Whatever was tried before is looked for by our name on it, among the
//! payments of the customer: that list holds what was made a moment ago, while Stripe's search by metadata
//! may be a minute late. An attempt that the card's bank saw is told from one that never got there by its
//! charge, which carries the payment's metadata as they were when it was made.

use std::collections::BTreeMap;

use domain::money::Money;

use super::call::{Form, Posted, Refusal, TOO_SMALL, step};
use super::checkout::{methods, total};
use super::decline::{decline, is_about_method};
use super::objects::{Expandable, Intent};
use super::save::{id, malformed, name_of};
use super::{Stripe, currency};
use crate::{
    ChargeError, Charged, CheckoutError, Decline, GatewayError, IdempotencyKey, NewCharge,
    ObjectId, Reference, Tried,
};

const KIND: &str = "payment_intent";
const EXPAND: &[&str] = &["latest_charge"];

/// How much earlier by Stripe's clock a payment may have been made than by ours.
const CLOCKS_DIFFER_SECONDS: i64 = 60 * 60;

/// Charges come with these payments, so that a page of them is long; an answer may not be longer than a
/// megabyte.
const PAGE: &str = "25";

/// Lists of invoices go on under such names; those of an earlier attempt may be longer.
const FURTHER_INVOICES: &str = "invoices_";

/// What is asked for.
struct Asked<'a> {
    new: &'a NewCharge,
    amount: Money,
    minor: u64,
    currency: String,
    method: &'a str,
    metadata: BTreeMap<String, String>,
}

impl<'a> Asked<'a> {
    fn of(new: &'a NewCharge) -> Result<Self, CheckoutError> {
        let amount = total(&new.lines)?;
        methods(std::slice::from_ref(&new.method), amount.currency())?;
        let (minor, currency) = currency::to_stripe(amount).map_err(CheckoutError::Amount)?;
        let invoices = new.lines.iter().map(|line| &line.invoice);
        let metadata = Reference::metadata(&new.ours, &new.firm, &new.client, invoices)?;
        Ok(Self { new, amount, minor, currency, method: name_of(&new.method), metadata })
    }

    /// Whether nothing of the payment has to be changed for this attempt.
    fn is_on(&self, intent: &Intent) -> bool {
        let is_same = (intent.amount, intent.currency.as_str()) == (self.minor, &self.currency);
        is_same && intent.metadata.as_ref() == Some(&self.metadata)
    }

    fn is_for(&self, metadata: Option<&BTreeMap<String, String>>) -> bool {
        let ours = metadata.and_then(|metadata| Reference::from_metadata(metadata).ours);
        ours.as_deref() == Some(&self.new.ours)
    }

    fn is_customers(&self, intent: &Intent) -> bool {
        let customer = intent.customer.as_ref().map(Expandable::id);
        customer == Some(self.new.customer.as_str())
    }

    fn form(&self) -> Form {
        let mut form = Form::default();
        form.add("amount", self.minor.to_string());
        form.add("currency", &self.currency);
        form.add("payment_method_types[0]", self.method);
        for (key, value) in &self.metadata {
            form.add(format!("metadata[{key}]"), value);
        }
        form
    }
}

impl Stripe {
    pub(super) async fn charge_saved(
        &self,
        new: &NewCharge,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        let asked = Asked::of(new)?;
        let mut known = vec![];
        if let Some(id) = &new.again {
            known.push(self.intent(id.as_str()).await?);
        }
        // Whatever is left of the key's day: to look costs one question, and only where it was tried before.
        if let Some(first_unix) = tried.first_unix {
            known.extend(self.made_before(&asked, first_unix).await?);
        }
        if let Some(taken) = known.iter().find(|intent| is_taken(intent)) {
            return Ok(Charged::Taken(id(KIND, &taken.id)?));
        }
        if let Some(ended) = known.iter().find(|intent| has_ended(&asked, intent)) {
            return Ok(Charged::Declined(declined(ended)?));
        }
        let kept = known.into_iter().find(|intent| can_go_on(&asked, intent));
        let ready = match kept {
            Some(intent) if asked.is_on(&intent) => Ok(intent),
            Some(intent) => self.rewrite(&asked, &intent, key).await?,
            None => self.make(&asked, key).await?,
        };
        match ready {
            Ok(intent) => self.confirm(&asked, &intent.id, key).await,
            Err(declined) => Ok(Charged::Declined(declined)),
        }
    }

    async fn intent(&self, id: &str) -> Result<Intent, GatewayError> {
        self.get(KIND, &format!("payment_intents/{id}"), EXPAND).await
    }

    /// What an earlier try of this attempt left behind.
    async fn made_before(
        &self,
        asked: &Asked<'_>,
        first_unix: i64,
    ) -> Result<Vec<Intent>, GatewayError> {
        let since = first_unix.saturating_sub(CLOCKS_DIFFER_SECONDS).to_string();
        let customer = asked.new.customer.as_str();
        let query = [
            ("customer", customer),
            ("created[gte]", &since),
            ("limit", PAGE),
            ("expand[]", "data.latest_charge"),
        ];
        let kind = format!("{KIND} list of {customer}");
        let all = self.all(&kind, "payment_intents", &query, |intent: &Intent| &intent.id);
        let is_this = |intent: &Intent| asked.is_for(intent.metadata.as_ref());
        Ok(all.await?.into_iter().filter(is_this).collect())
    }

    async fn make(
        &self,
        asked: &Asked<'_>,
        key: &IdempotencyKey,
    ) -> Result<Result<Intent, Decline>, ChargeError> {
        let mut form = asked.form();
        form.add("customer", asked.new.customer.as_str());
        let made = self.post(KIND, "payment_intents", &form.0, &step(key, "make")?).await?;
        self.ready(asked, made, None)
    }

    /// A payment of an earlier attempt becomes this attempt's: its name, its invoices, its sum.
    async fn rewrite(
        &self,
        asked: &Asked<'_>,
        intent: &Intent,
        key: &IdempotencyKey,
    ) -> Result<Result<Intent, Decline>, ChargeError> {
        let id = id(KIND, &intent.id)?;
        let mut form = asked.form();
        let old = intent.metadata.iter().flatten().map(|(key, _)| key);
        let old = old.filter(|key| key.starts_with(FURTHER_INVOICES));
        for key in old.filter(|key| !asked.metadata.contains_key(*key)) {
            form.add(format!("metadata[{key}]"), "");
        }
        let path = format!("payment_intents/{id}");
        let written = self.post(KIND, &path, &form.0, &step(key, "rewrite")?).await?;
        self.ready(asked, written, Some(id))
    }

    fn ready(
        &self,
        asked: &Asked<'_>,
        posted: Posted<Intent>,
        payment: Option<ObjectId>,
    ) -> Result<Result<Intent, Decline>, ChargeError> {
        let intent = match posted {
            Posted::Done(intent) => intent,
            Posted::Refused(refusal) => return refused(asked, refusal, payment).map(Err),
        };
        self.same_mode(KIND, &intent.id, intent.livemode)?;
        if (intent.amount, intent.currency.as_str()) != (asked.minor, &asked.currency) {
            let what = format!("asks for {} {}", intent.amount, intent.currency);
            return Err(malformed(KIND, &intent.id, what).into());
        }
        Ok(Ok(intent))
    }

    /// Sent again only after looking: a bank that said no once is not asked twice for one attempt.
    async fn confirm(
        &self,
        asked: &Asked<'_>,
        intent: &str,
        key: &IdempotencyKey,
    ) -> Result<Charged, ChargeError> {
        let payment = id(KIND, intent)?;
        let key = step(key, "confirm")?;
        let first = match self.confirm_once(asked, &payment, &key).await {
            Err(ChargeError::Gateway(error)) if error.is_temporary() => error,
            other => return other,
        };
        tracing::warn!("Looking what became of a charge: {first}");
        self.transport.pause().await;
        let now = self.intent(payment.as_str()).await?;
        if is_taken(&now) {
            return Ok(Charged::Taken(payment));
        }
        if has_ended(asked, &now) {
            return Ok(Charged::Declined(declined(&now)?));
        }
        self.confirm_once(asked, &payment, &key).await
    }

    async fn confirm_once(
        &self,
        asked: &Asked<'_>,
        payment: &ObjectId,
        key: &IdempotencyKey,
    ) -> Result<Charged, ChargeError> {
        let mut form = Form::default();
        form.add("payment_method", asked.new.saved.as_str());
        form.add("off_session", "true");
        // Nobody is there to act: an error, not a payment that waits for somebody.
        form.add("error_on_requires_action", "true");
        let path = format!("payment_intents/{payment}/confirm");
        match self.post_once(KIND, &path, &form.0, key).await? {
            Posted::Done(intent) => outcome(&intent),
            Posted::Refused(refusal) if refusal.code() == "payment_intent_unexpected_state" => {
                // Somebody else was faster: the payer on a page, or another process.
                outcome(&self.intent(payment.as_str()).await?)
            }
            Posted::Refused(refusal) => {
                refused(asked, refusal, Some(payment.clone())).map(Charged::Declined)
            }
        }
    }
}

/// The money is there, held, or on its way.
fn is_taken(intent: &Intent) -> bool {
    matches!(intent.status.as_str(), "succeeded" | "processing" | "requires_capture")
}

/// The payer is at it, or the bank has said no to this very attempt.
fn has_ended(asked: &Asked<'_>, intent: &Intent) -> bool {
    match intent.status.as_str() {
        "requires_action" => true,
        "requires_payment_method" => match &intent.latest_charge {
            Some(Expandable::Object(charge)) => asked.is_for(charge.metadata.as_ref()),
            Some(Expandable::Id(_)) | None => false,
        },
        _ => false,
    }
}

fn can_go_on(asked: &Asked<'_>, intent: &Intent) -> bool {
    let is_open =
        matches!(intent.status.as_str(), "requires_payment_method" | "requires_confirmation");
    is_open && asked.is_customers(intent)
}

/// How a payment stands that was confirmed.
fn outcome(intent: &Intent) -> Result<Charged, ChargeError> {
    match intent.status.as_str() {
        _ if is_taken(intent) => Ok(Charged::Taken(id(KIND, &intent.id)?)),
        "requires_action" | "requires_payment_method" => Ok(Charged::Declined(declined(intent)?)),
        other => {
            Err(malformed(KIND, &intent.id, format!("is {other:?} after it was confirmed")).into())
        }
    }
}

fn declined(intent: &Intent) -> Result<Decline, GatewayError> {
    let payment = Some(id(KIND, &intent.id)?);
    if intent.status == "requires_action" {
        return Ok(decline(Some("authentication_required"), None, None, payment));
    }
    let error = intent.last_payment_error.as_ref();
    Ok(decline(
        error.and_then(|error| error.code.as_deref()),
        error.and_then(|error| error.decline_code.as_deref()),
        error.and_then(|error| error.advice_code.as_deref()),
        payment,
    ))
}

/// A decline is no error; nor is a method that can't be charged, or an amount that is too small.
fn refused(
    asked: &Asked<'_>,
    refusal: Refusal,
    payment: Option<ObjectId>,
) -> Result<Decline, ChargeError> {
    if refusal.is_key_reused() {
        return Err(CheckoutError::KeyReused.into());
    }
    if refusal.code() == TOO_SMALL {
        return Err(CheckoutError::TooSmall(asked.amount).into());
    }
    let said = &refusal.said;
    let code = said.code.as_deref();
    if refusal.status.as_u16() == 402 {
        let (decline_code, advice) = (said.decline_code.as_deref(), said.advice_code.as_deref());
        return Ok(decline(code, decline_code, advice, payment));
    }
    if refusal.status.as_u16() == 400 && is_about_method(refusal.code(), said.param.as_deref()) {
        return Ok(Decline {
            code: refusal.code().to_owned(),
            kind: crate::DeclineKind::Hard,
            payment,
        });
    }
    Err(refusal.into_error().into())
}

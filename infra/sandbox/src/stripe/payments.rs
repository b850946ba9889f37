//! Pages that are paid on, and payments that succeed, wait or fail.

use std::collections::BTreeMap;

use super::acts::{ActError, CardOutcome, Done, PayBy};
use super::book::Book;
use super::methods::{Does, Source};
use super::objects::{
    BankAccount, Card, Charge, Intent, Metadata, MethodDetails, NextAction, PaymentError, Session,
};

/// A payment without a page.
#[derive(Default)]
pub(super) struct Asked<'a> {
    pub account: Option<&'a str>,
    pub amount: u64,
    pub currency: String,
    pub metadata: Metadata,
    pub customer: Option<String>,
    pub description: Option<String>,
    pub setup_future_usage: Option<String>,
    pub method_types: Vec<String>,
}

/// Codes that Stripe's own word for a decline is the same as.
const PLAIN_CODES: [&str; 4] =
    ["authentication_required", "expired_card", "incorrect_cvc", "processing_error"];

impl Book {
    /// Pages whose time has passed end by themselves.
    pub(super) fn expire_due(&mut self, now: i64) {
        let due = self.sessions.values().filter(|session| self.is_over(session, now));
        for id in due.map(|session| session.id.clone()).collect::<Vec<_>>() {
            self.end_session(&id, now);
        }
    }

    pub(super) fn has_pages_due(&self, now: i64) -> bool {
        self.sessions.values().any(|session| self.is_over(session, now))
    }

    /// By the machine's clock, or because the firm's went on to another day.
    fn is_over(&self, session: &Session, now: i64) -> bool {
        let opened_on = self.opened_on.get(&session.id).copied();
        let is_of_earlier_day = self.day.is_some() && opened_on < self.day;
        session.status == "open" && (session.expires_at <= now || is_of_earlier_day)
    }

    pub(super) fn expire(&mut self, id: &str, now: i64) -> Result<Done, ActError> {
        self.open_session(id)?;
        let event = self.end_session(id, now);
        Ok(Done { object: id.to_owned(), events: vec![event] })
    }

    fn end_session(&mut self, id: &str, now: i64) -> String {
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = "expired".to_owned();
            session.url = None;
        }
        self.record("checkout.session.expired", id, now)
    }

    pub(super) fn open_session(&mut self, id: &str) -> Result<&mut Session, ActError> {
        let session = find(&mut self.sessions, "checkout.session", id)?;
        if session.status == "open" {
            return Ok(session);
        }
        Err(ActError::not_now(format!("the session is {}, not open", session.status)))
    }

    pub(super) fn pay(
        &mut self,
        id: &str,
        by: PayBy,
        outcome: &CardOutcome,
        now: i64,
    ) -> Result<Done, ActError> {
        self.pay_with(id, &Source::entered(by, outcome), now)
    }

    pub(super) fn pay_with(
        &mut self,
        id: &str,
        source: &Source,
        now: i64,
    ) -> Result<Done, ActError> {
        let (session, by) = (self.open_session(id)?, source.by);
        if session.mode != "payment" {
            return Err(ActError::not_now("the session takes no payment"));
        }
        if !session.payment_method_types.iter().any(|method| method == by.name()) {
            return Err(ActError::not_now(format!("the session does not take {}", by.name())));
        }
        if session.amount_total == Some(0) {
            return Ok(self.complete(id, "no_payment_required", now));
        }
        let mut events = vec![];
        let payment = match session.payment_intent.clone() {
            Some(payment) => payment,
            None => {
                let payment = self.intent_of(id);
                events.push(self.record("payment_intent.created", &payment, now));
                payment
            }
        };
        events.extend(self.attempt(&payment, source, false, now)?);
        let status = self.intents.get(&payment).map(|intent| intent.status.as_str());
        match status {
            Some("succeeded") => events.extend(self.complete(id, "paid", now).events),
            Some("processing") => events.extend(self.complete(id, "unpaid", now).events),
            _ => (),
        }
        Ok(Done { object: payment, events })
    }

    pub(super) fn complete(&mut self, id: &str, payment_status: &str, now: i64) -> Done {
        if let Some(session) = self.sessions.get_mut(id) {
            session.status = "complete".to_owned();
            session.payment_status = payment_status.to_owned();
            session.url = None;
        }
        let event = self.record("checkout.session.completed", id, now);
        Done { object: id.to_owned(), events: vec![event] }
    }

    /// The payment of a session that has none yet.
    fn intent_of(&mut self, session_id: &str) -> String {
        let account = self.account(session_id).map(str::to_owned);
        let id = self.new_id("pi", account.as_deref());
        let metadata = self.intent_metadata.get(session_id).cloned().unwrap_or_default();
        if let Some(session) = self.sessions.get_mut(session_id) {
            session.payment_intent = Some(id.clone());
            let amount = session.amount_total.unwrap_or_default();
            let currency = session.currency.clone().unwrap_or_default();
            let mut intent = intent(&id, amount, currency, session.created, metadata);
            intent.customer = session.customer.clone();
            let is_saving = self.saving.contains(session_id);
            intent.setup_future_usage = is_saving.then(|| "off_session".to_owned());
            intent.livemode = session.livemode;
            intent.payment_method_types = session.payment_method_types.clone();
            self.intents.insert(id.clone(), intent);
        }
        id
    }

    pub(super) fn take(
        &mut self,
        asked: Asked<'_>,
        source: &Source,
        now: i64,
    ) -> Result<Done, ActError> {
        let types = vec![source.by.name().to_owned()];
        let Done { object, mut events } =
            self.make_intent(Asked { method_types: types, ..asked }, now)?;
        events.extend(self.attempt(&object, source, false, now)?);
        Ok(Done { object, events })
    }

    /// A payment that nobody tried to pay yet.
    pub(super) fn make_intent(&mut self, asked: Asked<'_>, now: i64) -> Result<Done, ActError> {
        check_amount(asked.amount, &asked.currency)?;
        let id = self.new_id("pi", asked.account);
        let mut intent = intent(&id, asked.amount, asked.currency, now, asked.metadata);
        intent.livemode = self.is_live(&id);
        intent.customer = asked.customer;
        intent.description = asked.description;
        intent.setup_future_usage = asked.setup_future_usage;
        intent.payment_method_types = asked.method_types;
        self.intents.insert(id.clone(), intent);
        let events = vec![self.record("payment_intent.created", &id, now)];
        Ok(Done { object: id, events })
    }

    /// The payment, if it can be changed or tried.
    pub(super) fn untaken(&mut self, payment: &str) -> Result<&mut Intent, ActError> {
        let intent = find(&mut self.intents, "payment_intent", payment)?;
        let open = ["requires_payment_method", "requires_confirmation", "requires_action"];
        if open.contains(&intent.status.as_str()) {
            return Ok(intent);
        }
        let what = format!("This PaymentIntent has a status of {}.", intent.status);
        Err(ActError::refused("payment_intent_unexpected_state", what))
    }

    /// Tries to take the money; `is_alone`: no payer is there to be asked.
    pub(super) fn attempt(
        &mut self,
        payment: &str,
        source: &Source,
        is_alone: bool,
        now: i64,
    ) -> Result<Vec<String>, ActError> {
        self.untaken(payment)?;
        if source.does == Does::AsksPayer && !is_alone {
            let intent = find(&mut self.intents, "payment_intent", payment)?;
            intent.status = "requires_action".to_owned();
            intent.next_action = Some(NextAction { r#type: "use_stripe_sdk".to_owned() });
            return Ok(vec![self.record("payment_intent.requires_action", payment, now)]);
        }
        let account = self.account(payment).map(str::to_owned);
        let charge_id = self.new_id("ch", account.as_deref());
        let intent = find(&mut self.intents, "payment_intent", payment)?;
        intent.payment_method = source.saved.clone();
        self.charges.insert(charge_id.clone(), charge(&charge_id, intent, source, now));
        intent.latest_charge = Some(charge_id);
        intent.next_action = None;
        intent.last_payment_error = None;
        match (source.by, &source.does) {
            (PayBy::Card, Does::Declines(code)) => self.decline(payment, code, now),
            (PayBy::Card, Does::AsksPayer) => self.decline(payment, "authentication_required", now),
            (PayBy::Card, _) => {
                let saved = self.save_if_asked(payment, source, now);
                Ok([saved, self.succeed(payment, now)?].concat())
            }
            (PayBy::Bank, does) => {
                self.expect_debit(payment, does, now);
                let mut events = self.save_if_asked(payment, source, now);
                find(&mut self.intents, "payment_intent", payment)?.status =
                    "processing".to_owned();
                let charge = self.charge_of(payment)?.id.clone();
                let told =
                    [("charge.pending", charge.as_str()), ("payment_intent.processing", payment)];
                events.extend(told.map(|(kind, id)| self.record(kind, id, now)));
                Ok(events)
            }
        }
    }

    /// A payer who wanted it is remembered with what they pay with.
    fn save_if_asked(&mut self, payment: &str, source: &Source, now: i64) -> Vec<String> {
        let intent = self.intents.get(payment);
        let intent = intent.filter(|intent| intent.setup_future_usage.is_some());
        let customer = intent.and_then(|intent| intent.customer.clone());
        let Some(customer) = customer.filter(|_| source.saved.is_none()) else { return vec![] };
        let (method, event) = self.attach(source, &customer, now);
        if let Some(intent) = self.intents.get_mut(payment) {
            intent.payment_method = Some(method.clone());
        }
        if let Ok(charge) = self.charge_of(payment) {
            charge.payment_method = Some(method);
        }
        vec![event]
    }

    fn decline(&mut self, payment: &str, code: &str, now: i64) -> Result<Vec<String>, ActError> {
        let stripes = if PLAIN_CODES.contains(&code) { code } else { "card_declined" };
        self.fail(payment, stripes, Some(code), now)
    }

    /// Somebody gives a payment up before it was made.
    pub(super) fn cancel(&mut self, payment: &str, now: i64) -> Result<Done, ActError> {
        let intent = self.untaken(payment)?;
        intent.status = "canceled".to_owned();
        intent.canceled_at = Some(now);
        let events = vec![self.record("payment_intent.canceled", payment, now)];
        Ok(Done { object: payment.to_owned(), events })
    }

    fn succeed(&mut self, payment: &str, now: i64) -> Result<Vec<String>, ActError> {
        let intent = find(&mut self.intents, "payment_intent", payment)?;
        intent.status = "succeeded".to_owned();
        intent.amount_received = intent.amount;
        let charge = self.charge_of(payment)?;
        charge.status = "succeeded".to_owned();
        charge.paid = true;
        charge.captured = true;
        charge.amount_captured = charge.amount;
        let charge = charge.id.clone();
        let events = [("charge.succeeded", charge.as_str()), ("payment_intent.succeeded", payment)];
        Ok(events.map(|(kind, id)| self.record(kind, id, now)).to_vec())
    }

    fn fail(
        &mut self,
        payment: &str,
        code: &str,
        decline_code: Option<&str>,
        now: i64,
    ) -> Result<Vec<String>, ActError> {
        let message = "The sandbox was told to refuse this payment.".to_owned();
        let intent = find(&mut self.intents, "payment_intent", payment)?;
        intent.status = "requires_payment_method".to_owned();
        intent.payment_method = None;
        intent.last_payment_error = Some(PaymentError {
            advice_code: decline_code.and_then(advice).map(str::to_owned),
            code: code.to_owned(),
            decline_code: decline_code.map(str::to_owned),
            message: message.clone(),
            r#type: "card_error".to_owned(),
        });
        let charge = self.charge_of(payment)?;
        charge.status = "failed".to_owned();
        charge.paid = false;
        charge.failure_code = Some(code.to_owned());
        charge.failure_message = Some(message);
        let charge = charge.id.clone();
        let events =
            [("charge.failed", charge.as_str()), ("payment_intent.payment_failed", payment)];
        Ok(events.map(|(kind, id)| self.record(kind, id, now)).to_vec())
    }

    pub(super) fn settle(&mut self, payment: &str, now: i64) -> Result<Done, ActError> {
        self.pending(payment)?;
        let mut events = self.succeed(payment, now)?;
        if let Some(session) = self.session_of(payment) {
            if let Some(session) = self.sessions.get_mut(&session) {
                session.payment_status = "paid".to_owned();
            }
            events.push(self.record("checkout.session.async_payment_succeeded", &session, now));
        }
        Ok(Done { object: payment.to_owned(), events })
    }

    pub(super) fn bounce(&mut self, payment: &str, code: &str, now: i64) -> Result<Done, ActError> {
        self.pending(payment)?;
        self.debit_came_back(payment, code, false);
        let mut events = self.fail(payment, code, None, now)?;
        if let Some(session) = self.session_of(payment) {
            events.push(self.record("checkout.session.async_payment_failed", &session, now));
        }
        Ok(Done { object: payment.to_owned(), events })
    }

    fn pending(&mut self, payment: &str) -> Result<(), ActError> {
        let intent = find(&mut self.intents, "payment_intent", payment)?;
        if intent.status == "processing" {
            return Ok(());
        }
        Err(ActError::not_now(format!("the payment is {}, not processing", intent.status)))
    }

    fn charge_of(&mut self, payment: &str) -> Result<&mut Charge, ActError> {
        let intent = find(&mut self.intents, "payment_intent", payment)?;
        let untried =
            || ActError::not_now(format!("the payment is {}, never tried", intent.status));
        let charge = intent.latest_charge.clone().ok_or_else(untried)?;
        find(&mut self.charges, "charge", &charge)
    }

    pub(super) fn paid_charge(&mut self, payment: &str) -> Result<&mut Charge, ActError> {
        let charge = self.charge_of(payment)?;
        if charge.status == "succeeded" {
            return Ok(charge);
        }
        Err(ActError::not_now(format!("the payment is {}, not succeeded", charge.status)))
    }
}

/// An object to change.
pub(super) fn find<'a, T>(
    map: &'a mut BTreeMap<String, T>,
    kind: &'static str,
    id: &str,
) -> Result<&'a mut T, ActError> {
    map.get_mut(id).ok_or_else(|| ActError::Missing { kind, id: id.to_owned() })
}

fn intent(id: &str, amount: u64, currency: String, created: i64, metadata: Metadata) -> Intent {
    Intent {
        id: id.to_owned(),
        object: "payment_intent".to_owned(),
        amount,
        amount_capturable: 0,
        amount_received: 0,
        canceled_at: None,
        cancellation_reason: None,
        capture_method: "automatic".to_owned(),
        created,
        currency,
        customer: None,
        description: None,
        last_payment_error: None,
        latest_charge: None,
        livemode: false,
        metadata,
        next_action: None,
        payment_method: None,
        payment_method_types: vec![],
        setup_future_usage: None,
        status: "requires_payment_method".to_owned(),
    }
}

/// What the card networks advise with some declines.
fn advice(decline_code: &str) -> Option<&'static str> {
    match decline_code {
        "insufficient_funds" | "processing_error" => Some("try_again_later"),
        "lost_card" | "stolen_card" => Some("do_not_try_again"),
        "expired_card" => Some("confirm_card_data"),
        _ => None,
    }
}

/// In Stripe's unit of the currency.
pub(super) fn check_amount(amount: u64, currency: &str) -> Result<(), ActError> {
    let money = gateways::stripe::currency::from_stripe(amount, currency);
    money.map(drop).map_err(|error| ActError::refused("amount_invalid", error.to_string()))
}

fn charge(id: &str, intent: &Intent, source: &Source, now: i64) -> Charge {
    let (by, last4) = (source.by, source.last4.clone());
    let card = Card { brand: source.brand.clone(), last4: last4.clone() };
    let bank = BankAccount { account_type: "checking".to_owned(), last4 };
    Charge {
        id: id.to_owned(),
        object: "charge".to_owned(),
        amount: intent.amount,
        amount_captured: 0,
        amount_refunded: 0,
        captured: false,
        created: now,
        currency: intent.currency.clone(),
        customer: intent.customer.clone(),
        disputed: false,
        failure_code: None,
        failure_message: None,
        livemode: intent.livemode,
        metadata: intent.metadata.clone(),
        paid: false,
        payment_intent: intent.id.clone(),
        payment_method: intent.payment_method.clone(),
        payment_method_details: MethodDetails {
            card: (by == PayBy::Card).then_some(card),
            us_bank_account: (by == PayBy::Bank).then_some(bank),
            r#type: by.name().to_owned(),
        },
        refunded: false,
        status: "pending".to_owned(),
    }
}

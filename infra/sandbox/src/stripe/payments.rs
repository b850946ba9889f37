//! Pages that are paid on, and payments that succeed, wait or fail.

use std::collections::BTreeMap;

use super::acts::{ActError, CardOutcome, Done, PayBy};
use super::book::Book;
use super::objects::{
    BankAccount, Card, Charge, Intent, Metadata, MethodDetails, NextAction, PaymentError, Session,
};

/// A payment without a page.
pub(super) struct Taken<'a> {
    pub account: Option<&'a str>,
    pub amount: u64,
    pub currency: &'a str,
    pub metadata: Metadata,
    pub by: PayBy,
}

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

    fn open_session(&mut self, id: &str) -> Result<&mut Session, ActError> {
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
        let session = self.open_session(id)?;
        if !session.payment_method_types.iter().any(|method| method == by.name()) {
            return Err(ActError::not_now(format!("the session does not take {}", by.name())));
        }
        if session.amount_total == 0 {
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
        events.extend(self.attempt(&payment, by, outcome, now)?);
        let status = self.intents.get(&payment).map(|intent| intent.status.as_str());
        match status {
            Some("succeeded") => events.extend(self.complete(id, "paid", now).events),
            Some("processing") => events.extend(self.complete(id, "unpaid", now).events),
            _ => (),
        }
        Ok(Done { object: payment, events })
    }

    fn complete(&mut self, id: &str, payment_status: &str, now: i64) -> Done {
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
            let (amount, currency) = (session.amount_total, session.currency.clone());
            let mut intent = intent(&id, amount, currency, session.created, metadata);
            intent.livemode = session.livemode;
            intent.payment_method_types = session.payment_method_types.clone();
            self.intents.insert(id.clone(), intent);
        }
        id
    }

    pub(super) fn take(
        &mut self,
        taken: Taken<'_>,
        outcome: &CardOutcome,
        now: i64,
    ) -> Result<Done, ActError> {
        let Taken { account, amount, currency, metadata, by } = taken;
        gateways::stripe::currency::from_stripe(amount, currency)
            .map_err(|error| ActError::refused("amount_invalid", error.to_string()))?;
        let id = self.new_id("pi", account);
        let mut intent = intent(&id, amount, currency.to_owned(), now, metadata);
        intent.livemode = self.is_live(&id);
        intent.payment_method_types = vec![by.name().to_owned()];
        self.intents.insert(id.clone(), intent);
        let mut events = vec![self.record("payment_intent.created", &id, now)];
        events.extend(self.attempt(&id, by, outcome, now)?);
        Ok(Done { object: id, events })
    }

    fn attempt(
        &mut self,
        payment: &str,
        by: PayBy,
        outcome: &CardOutcome,
        now: i64,
    ) -> Result<Vec<String>, ActError> {
        if *outcome == CardOutcome::RequiresAction {
            let intent = find(&mut self.intents, "payment_intent", payment)?;
            intent.status = "requires_action".to_owned();
            intent.next_action = Some(NextAction { r#type: "use_stripe_sdk".to_owned() });
            return Ok(vec![self.record("payment_intent.requires_action", payment, now)]);
        }
        let account = self.account(payment).map(str::to_owned);
        let charge_id = self.new_id("ch", account.as_deref());
        let intent = find(&mut self.intents, "payment_intent", payment)?;
        self.charges.insert(charge_id.clone(), charge(&charge_id, intent, by, now));
        intent.latest_charge = Some(charge_id);
        intent.next_action = None;
        intent.last_payment_error = None;
        if by == PayBy::Bank {
            self.expect_debit(payment, false, now);
        }
        match (by, outcome) {
            (PayBy::Card, CardOutcome::Declines(code)) => {
                self.fail(payment, "card_declined", Some(code), now)
            }
            (PayBy::Card, _) => self.succeed(payment, now),
            (PayBy::Bank, _) => {
                find(&mut self.intents, "payment_intent", payment)?.status =
                    "processing".to_owned();
                let charge = self.charge_of(payment)?.id.clone();
                let events =
                    [("charge.pending", charge.as_str()), ("payment_intent.processing", payment)];
                Ok(events.map(|(kind, id)| self.record(kind, id, now)).to_vec())
            }
        }
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
        intent.last_payment_error = Some(PaymentError {
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
        description: None,
        last_payment_error: None,
        latest_charge: None,
        livemode: false,
        metadata,
        next_action: None,
        payment_method_types: vec![],
        status: "requires_payment_method".to_owned(),
    }
}

fn charge(id: &str, intent: &Intent, by: PayBy, now: i64) -> Charge {
    let card = Card { brand: "visa".to_owned(), last4: "4242".to_owned() };
    let bank = BankAccount { account_type: "checking".to_owned(), last4: "6789".to_owned() };
    Charge {
        id: id.to_owned(),
        object: "charge".to_owned(),
        amount: intent.amount,
        amount_captured: 0,
        amount_refunded: 0,
        captured: false,
        created: now,
        currency: intent.currency.clone(),
        disputed: false,
        failure_code: None,
        failure_message: None,
        livemode: intent.livemode,
        metadata: intent.metadata.clone(),
        paid: false,
        payment_intent: intent.id.clone(),
        payment_method_details: MethodDetails {
            card: (by == PayBy::Card).then_some(card),
            us_bank_account: (by == PayBy::Bank).then_some(bank),
            r#type: by.name().to_owned(),
        },
        refunded: false,
        status: "pending".to_owned(),
    }
}

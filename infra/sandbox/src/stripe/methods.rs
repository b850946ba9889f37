//! Methods of payment: Stripe's test numbers, what each does, and those that are saved.
//!
//! What a method does is known by its number, as at Stripe; a saved one keeps it, and can be told to do
//! something else from now on, since a card that is lost was good when it was saved.

use serde::{Deserialize, Serialize};

use super::acts::{ActError, CardOutcome, Done, PayBy};
use super::book::Book;
use super::objects::{
    BankDetails, BankStatusDetails, Blocked, CardDetails, Metadata, PaymentMethod,
};
use super::payments::find;

/// What a method does when it is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// It pays: a card at once, a debit after days.
    Pays,
    /// The card's bank says no, with this code.
    Declines(String),
    /// The card's bank wants to see the payer, each time.
    AsksPayer,
    /// The debit is refused after days, with this code.
    Bounces(String),
    /// The debit is paid, and taken back days later, for this reason.
    Returns(String),
}

/// A method to be charged.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub by: PayBy,
    pub brand: String,
    pub last4: String,
    pub does: Does,
    /// The saved method that it is.
    pub saved: Option<String>,
}

/// One of Stripe's test methods.
struct TestMethod {
    name: &'static str,
    by: PayBy,
    brand: &'static str,
    last4: &'static str,
    does: fn() -> Does,
    /// It can be saved; the others are declined when somebody tries.
    can_be_saved: bool,
}

const VISA: &str = "visa";
const TEST_BANK: &str = "STRIPE TEST BANK";

const fn card(name: &'static str, last4: &'static str, does: fn() -> Does) -> TestMethod {
    TestMethod { name, by: PayBy::Card, brand: VISA, last4, does, can_be_saved: true }
}

/// Declined by its issuer also when it is saved.
const fn refused(name: &'static str, last4: &'static str, does: fn() -> Does) -> TestMethod {
    TestMethod { can_be_saved: false, ..card(name, last4, does) }
}

const fn bank(name: &'static str, last4: &'static str, does: fn() -> Does) -> TestMethod {
    TestMethod { name, by: PayBy::Bank, brand: TEST_BANK, last4, does, can_be_saved: true }
}

/// As <https://docs.stripe.com/testing> and the page on ACH have them.
const TEST_METHODS: [TestMethod; 18] = [
    card("pm_card_visa", "4242", || Does::Pays),
    TestMethod { brand: "mastercard", ..card("pm_card_mastercard", "4444", || Does::Pays) },
    card("pm_card_chargeCustomerFail", "0341", || Does::Declines("generic_decline".into())),
    card("pm_card_authenticationRequired", "3184", || Does::AsksPayer),
    card("pm_card_authenticationRequiredOnSetup", "3155", || Does::Pays),
    refused("pm_card_chargeDeclined", "0002", || Does::Declines("generic_decline".into())),
    refused("pm_card_chargeDeclinedInsufficientFunds", "9995", || {
        Does::Declines("insufficient_funds".into())
    }),
    refused("pm_card_chargeDeclinedLostCard", "9987", || Does::Declines("lost_card".into())),
    refused("pm_card_chargeDeclinedStolenCard", "9979", || Does::Declines("stolen_card".into())),
    refused("pm_card_chargeDeclinedExpiredCard", "0069", || Does::Declines("expired_card".into())),
    refused("pm_card_chargeDeclinedProcessingError", "0119", || {
        Does::Declines("processing_error".into())
    }),
    bank("pm_usBankAccount", "6789", || Does::Pays),
    bank("pm_usBankAccount_success", "6789", || Does::Pays),
    bank("pm_usBankAccount_accountClosed", "1113", || Does::Bounces("account_closed".into())),
    bank("pm_usBankAccount_noAccount", "1116", || Does::Bounces("no_account".into())),
    bank("pm_usBankAccount_insufficientFunds", "2227", || {
        Does::Bounces("insufficient_funds".into())
    }),
    bank("pm_usBankAccount_debitNotAuthorized", "3335", || {
        Does::Bounces("debit_not_authorized".into())
    }),
    bank("pm_usBankAccount_dispute", "5559", || Does::Returns("insufficient_funds".into())),
];

/// Reasons for which a bank account is not debited again, by any mandate.
const BLOCKING: [&str; 3] = ["account_closed", "debit_not_authorized", "no_account"];

/// The year in which all test cards end.
const CARDS_END: u16 = 2034;

/// One of Stripe's test methods, by its name.
pub(super) fn test_method(name: &str) -> Option<Source> {
    let found = TEST_METHODS.iter().find(|method| method.name == name)?;
    let (brand, last4) = (found.brand.to_owned(), found.last4.to_owned());
    Some(Source { by: found.by, brand, last4, does: (found.does)(), saved: None })
}

fn can_be_saved(name: &str) -> bool {
    TEST_METHODS.iter().any(|method| method.name == name && method.can_be_saved)
}

impl Source {
    /// What a payer enters on a page.
    pub fn entered(by: PayBy, outcome: &CardOutcome) -> Self {
        let (brand, last4) = match by {
            PayBy::Card => (VISA, "4242"),
            PayBy::Bank => (TEST_BANK, "6789"),
        };
        let does = match outcome {
            CardOutcome::Succeeds => Does::Pays,
            CardOutcome::Declines(code) => Does::Declines(code.clone()),
            CardOutcome::RequiresAction => Does::AsksPayer,
        };
        Self { by, brand: brand.to_owned(), last4: last4.to_owned(), does, saved: None }
    }
}

impl Book {
    /// A method becomes a customer's; answers with its id and the event.
    pub(super) fn attach(&mut self, source: &Source, customer: &str, now: i64) -> (String, String) {
        let account = self.account(customer).map(str::to_owned);
        let id = self.new_id("pm", account.as_deref());
        let is_card = source.by == PayBy::Card;
        let method = PaymentMethod {
            id: id.clone(),
            object: "payment_method".to_owned(),
            allow_redisplay: "unspecified".to_owned(),
            card: is_card.then(|| CardDetails {
                brand: source.brand.clone(),
                country: "US".to_owned(),
                exp_month: 12,
                exp_year: CARDS_END,
                funding: "credit".to_owned(),
                last4: source.last4.clone(),
            }),
            created: now,
            customer: Some(customer.to_owned()),
            livemode: self.is_live(&id),
            metadata: Metadata::new(),
            r#type: source.by.name().to_owned(),
            us_bank_account: (!is_card).then(|| BankDetails {
                account_holder_type: "individual".to_owned(),
                account_type: "checking".to_owned(),
                bank_name: source.brand.clone(),
                last4: source.last4.clone(),
                routing_number: "110000000".to_owned(),
                status_details: None,
            }),
        };
        self.methods.insert(id.clone(), method);
        self.does.insert(id.clone(), source.does.clone());
        let event = self.record("payment_method.attached", &id, now);
        (id, event)
    }

    /// A test method is saved for a customer; one whose issuer says no is not.
    pub(super) fn save(
        &mut self,
        name: &str,
        customer: &str,
        now: i64,
    ) -> Result<(String, String), ActError> {
        let missing = || ActError::Missing { kind: "PaymentMethod", id: name.to_owned() };
        let source = test_method(name).ok_or_else(missing)?;
        if !can_be_saved(name) {
            return Err(ActError::refused("card_declined", "Your card was declined."));
        }
        Ok(self.attach(&source, customer, now))
    }

    /// The method can't be charged any more.
    pub(super) fn detach(&mut self, id: &str, now: i64) -> Result<Done, ActError> {
        let method = find(&mut self.methods, "PaymentMethod", id)?;
        if method.customer.take().is_none() {
            let what = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(ActError::refused("payment_method_unexpected_state", what));
        }
        let events = vec![self.record("payment_method.detached", id, now)];
        Ok(Done { object: id.to_owned(), events })
    }

    pub(super) fn change_method(&mut self, id: &str, does: Does) -> Result<Done, ActError> {
        find(&mut self.methods, "PaymentMethod", id)?;
        self.does.insert(id.to_owned(), does);
        Ok(Done { object: id.to_owned(), events: vec![] })
    }

    /// A saved method, if it is that customer's and may be charged.
    pub(super) fn saved_source(
        &self,
        id: &str,
        customer: Option<&str>,
    ) -> Result<Source, ActError> {
        let missing = || ActError::Missing { kind: "PaymentMethod", id: id.to_owned() };
        let method = self.methods.get(id).ok_or_else(missing)?;
        if method.customer.is_none() || method.customer.as_deref() != customer {
            return Err(missing());
        }
        let bank = method.us_bank_account.as_ref();
        if bank.is_some_and(|bank| bank.status_details.is_some()) {
            let what = "The bank account can't be debited any more.";
            return Err(ActError::refused("payment_method_bank_account_blocked", what));
        }
        if self.void_mandates.contains(id) {
            let what =
                "The provided mandate is invalid and can not be used for the payment intent.";
            return Err(ActError::refused("payment_intent_mandate_invalid", what));
        }
        let (by, brand, last4) = match (&method.card, bank) {
            (Some(card), _) => (PayBy::Card, &card.brand, &card.last4),
            (None, Some(bank)) => (PayBy::Bank, &bank.bank_name, &bank.last4),
            (None, None) => return Err(missing()),
        };
        let does = self.does.get(id).cloned().unwrap_or(Does::Pays);
        let (brand, last4) = (brand.clone(), last4.clone());
        Ok(Source { by, brand, last4, does, saved: Some(id.to_owned()) })
    }

    /// A debit came back: its mandate is void, and for some reasons the account itself is blocked.
    pub(super) fn debit_came_back(&mut self, payment: &str, reason: &str, was_paid: bool) {
        let intent = self.intents.get(payment);
        let Some(id) = intent.and_then(|intent| intent.payment_method.clone()) else { return };
        let is_blocking = BLOCKING.contains(&reason);
        if was_paid || is_blocking {
            self.void_mandates.insert(id.clone());
        }
        let bank = self.methods.get_mut(&id).and_then(|method| method.us_bank_account.as_mut());
        if let Some(bank) = bank.filter(|_| is_blocking) {
            let blocked = Some(Blocked { network_code: None, reason: reason.to_owned() });
            bank.status_details = Some(BankStatusDetails { blocked });
        }
    }
}

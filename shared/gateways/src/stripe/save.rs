//! Customers, pages to save a method on, and what was saved.
//!
//! Which of a customer's methods is charged is not Stripe's to choose: it is kept here, and each charge names
//! its method. So Stripe's own default is neither set nor read.

use super::Stripe;
use super::call::{Form, Posted};
use super::checkout::is_address;
use super::facts::kind_of_method;
use super::objects::{self, Customer, Expandable, Id, Intent, SetupSession};
use crate::{
    Ability, GatewayError, IdempotencyKey, Method, Mode, NewCustomer, NewSavePage, ObjectId,
    Reference, SavePage, SavedMethod,
};

const EXPAND_SESSION: &[&str] = &["setup_intent.payment_method"];
const EXPAND_INTENT: &[&str] = &["payment_method"];

/// Stripe's longest page; a customer with ten of them is no client.
const PAGE: &str = "100";

/// How cards' brands are written.
const BRANDS: [(&str, &str); 8] = [
    ("amex", "American Express"),
    ("diners", "Diners Club"),
    ("discover", "Discover"),
    ("eftpos_au", "Eftpos"),
    ("jcb", "JCB"),
    ("mastercard", "Mastercard"),
    ("unionpay", "UnionPay"),
    ("visa", "Visa"),
];

impl Stripe {
    /// A key that is dead by now makes a second customer, which holds nothing.
    pub(super) async fn make_customer(
        &self,
        new: &NewCustomer,
        key: &IdempotencyKey,
    ) -> Result<ObjectId, GatewayError> {
        let mut form = Form::default();
        form.add("metadata[firm]", new.firm.as_str());
        form.add("metadata[client]", new.client.as_str());
        for (name, value) in [("name", &new.name), ("email", &new.email)] {
            if let Some(value) = value {
                form.add(name, value);
            }
        }
        let made: Customer = self.post("customer", "customers", &form.0, key).await?.done()?;
        self.same_mode("customer", &made.id, made.livemode)?;
        id("customer", &made.id)
    }

    /// In setup mode a page asks for no money; what is saved on it can be charged while the payer is away.
    pub(super) async fn make_save_page(
        &self,
        new: &NewSavePage,
        key: &IdempotencyKey,
    ) -> Result<SavePage, GatewayError> {
        if new.methods.is_empty() {
            return Err(GatewayError::CannotDo(Ability::SavePage));
        }
        let mut form = Form::default();
        form.add("mode", "setup");
        form.add("customer", new.customer.as_str());
        form.add("success_url", &new.success_url);
        form.add("cancel_url", &new.cancel_url);
        form.add("client_reference_id", new.client.as_str());
        for (index, method) in new.methods.iter().enumerate() {
            form.add(format!("payment_method_types[{index}]"), name_of(method));
        }
        let metadata = Reference::metadata(&new.ours, &new.firm, &new.client, [].into_iter());
        let metadata = metadata.map_err(|error| GatewayError::malformed(error.to_string()))?;
        for (key, value) in metadata.into_iter().filter(|(_, value)| !value.is_empty()) {
            form.add(format!("metadata[{key}]"), &value);
            form.add(format!("setup_intent_data[metadata][{key}]"), value);
        }
        let made: Posted<SetupSession> =
            self.post("checkout.session", "checkout/sessions", &form.0, key).await?;
        let made = made.done()?;
        self.same_mode("checkout.session", &made.id, made.livemode)?;
        let url = made.url.filter(|url| is_address(url));
        let no_url = || malformed("checkout.session", &made.id, "has no url to go to");
        Ok(SavePage { id: id("checkout.session", &made.id)?, url: url.ok_or_else(no_url)? })
    }

    /// Nothing until the page is done, and nothing while the payer has to confirm deposits to their account.
    pub(super) async fn saved_on_page(
        &self,
        page: &ObjectId,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        let path = format!("checkout/sessions/{page}");
        let session: SetupSession = self.get("checkout.session", &path, EXPAND_SESSION).await?;
        if session.status.as_deref() != Some("complete") {
            return Ok(None);
        }
        match session.setup_intent {
            Some(Expandable::Object(intent)) if intent.status == "succeeded" => {
                of_expanded(intent.payment_method)
            }
            Some(Expandable::Object(_)) | None => Ok(None),
            Some(Expandable::Id(_)) => {
                Err(malformed("checkout.session", &session.id, "setup_intent is not expanded"))
            }
        }
    }

    /// A payer may have chosen not to be remembered: then the method belongs to no customer.
    pub(super) async fn saved_by_payment(
        &self,
        payment: &ObjectId,
        customer: &ObjectId,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        let path = format!("payment_intents/{payment}");
        let intent: Intent = self.get("payment_intent", &path, EXPAND_INTENT).await?;
        let is_paid = matches!(intent.status.as_str(), "succeeded" | "processing");
        if !is_paid || intent.setup_future_usage.as_deref() != Some("off_session") {
            return Ok(None);
        }
        let saved = of_expanded(intent.payment_method)?;
        Ok(saved.filter(|saved| saved.customer == *customer))
    }

    pub(super) async fn methods_of(
        &self,
        customer: &ObjectId,
    ) -> Result<Vec<SavedMethod>, GatewayError> {
        let path = format!("customers/{customer}/payment_methods");
        let kind = format!("payment_method list of {customer}");
        let list = self.all(&kind, &path, &[("limit", PAGE)], |object: &objects::SavedMethod| {
            object.id.as_str()
        });
        let saved: Result<Vec<_>, _> =
            list.await?.iter().filter(|object| !is_blocked(object)).map(saved_method).collect();
        Ok(saved?.into_iter().flatten().collect())
    }

    /// Under a key of the method's own, since a method is removed once; what Stripe refuses is looked at: it
    /// may be gone already.
    pub(super) async fn detach(&self, method: &SavedMethod) -> Result<(), GatewayError> {
        let path = format!("payment_methods/{}", method.id);
        let key: Result<IdempotencyKey, _> = format!("detach/{}", method.id).parse();
        let key = key.map_err(|error| malformed("payment_method", method.id.as_str(), error))?;
        let removed: Posted<Id> =
            self.post("payment_method", &format!("{path}/detach"), &[], &key).await?;
        let error = match removed.done() {
            Ok(_) => return Ok(()),
            Err(GatewayError::NotFound { .. }) => return Ok(()),
            Err(error @ GatewayError::Rejected { .. }) => error,
            Err(error) => return Err(error),
        };
        match self.get::<objects::SavedMethod>("payment_method", &path, &[]).await {
            Ok(object) if object.customer.is_some() => Err(error),
            Ok(_) | Err(GatewayError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What is made in the other mode is not what was asked for (TEST-1).
    pub(super) fn same_mode(
        &self,
        kind: &str,
        id: &str,
        livemode: bool,
    ) -> Result<(), GatewayError> {
        match Mode::from_livemode(livemode) {
            mode if mode == self.mode => Ok(()),
            mode => {
                let what = format!("expected {} mode, found {mode}", self.mode);
                Err(malformed(kind, id, what))
            }
        }
    }
}

pub(super) fn malformed(
    kind: &str,
    id: impl std::fmt::Display,
    what: impl std::fmt::Display,
) -> GatewayError {
    GatewayError::malformed(format!("{kind} {id}: {what}"))
}

pub(super) fn id(kind: &str, text: &str) -> Result<ObjectId, GatewayError> {
    text.parse().map_err(|error| malformed(kind, format_args!("{text:?}"), error))
}

/// Stripe's name of a kind of method.
pub(super) fn name_of(method: &Method) -> &str {
    match method {
        Method::Card => "card",
        Method::Ach => "us_bank_account",
        Method::Other(name) => name,
    }
}

fn of_expanded(
    method: Option<Expandable<objects::SavedMethod>>,
) -> Result<Option<SavedMethod>, GatewayError> {
    match method {
        None => Ok(None),
        Some(Expandable::Object(object)) => saved_method(&object),
        Some(Expandable::Id(id)) => Err(malformed("payment_method", &id, "is not expanded")),
    }
}

/// None for one that belongs to nobody: it was never saved, or was removed since.
fn saved_method(object: &objects::SavedMethod) -> Result<Option<SavedMethod>, GatewayError> {
    let Some(customer) = &object.customer else { return Ok(None) };
    let expires = object.card.as_ref().and_then(|card| card.exp_year.zip(card.exp_month));
    Ok(Some(SavedMethod {
        id: id("payment_method", &object.id)?,
        customer: id("customer", customer.id())?,
        method: kind_of_method(&object.kind),
        label: label(object),
        expires,
    }))
}

/// A debit that came back for good blocks its bank account.
fn is_blocked(object: &objects::SavedMethod) -> bool {
    let details = object.us_bank_account.as_ref().and_then(|bank| bank.status_details.as_ref());
    details.is_some_and(|details| details.blocked.is_some())
}

fn label(object: &objects::SavedMethod) -> String {
    let (name, last4) = match (&object.card, &object.us_bank_account) {
        (Some(card), _) => {
            let brand = card.brand.as_deref();
            let known = BRANDS.iter().find(|(code, _)| Some(*code) == brand);
            (known.map_or("Card", |(_, name)| name), &card.last4)
        }
        (None, Some(bank)) => (bank.bank_name.as_deref().unwrap_or("Bank account"), &bank.last4),
        (None, None) => (object.kind.as_str(), &None),
    };
    match last4 {
        Some(last4) => format!("{name} ending in {last4}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(object: Value) -> Result<Option<SavedMethod>, GatewayError> {
        saved_method(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn chg_1_a_saved_method_is_told_by_its_last_digits() {
        for (kind, details, expected) in [
            ("card", json!({"brand": "visa", "last4": "4242"}), "Visa ending in 4242"),
            ("card", json!({"brand": "amex", "last4": "0005"}), "American Express ending in 0005"),
            ("card", json!({"brand": "new", "last4": "1"}), "Card ending in 1"),
            ("card", json!({}), "Card"),
            (
                "us_bank_account",
                json!({"bank_name": "STRIPE TEST BANK", "last4": "6789"}),
                "STRIPE TEST BANK ending in 6789",
            ),
            (
                "us_bank_account",
                json!({"bank_name": null, "last4": "6789"}),
                "Bank account ending in 6789",
            ),
            ("link", json!({}), "link"),
        ] {
            let object = json!({"id": "pm_1", "type": kind, "customer": "cus_1", kind: details});
            let saved = read(object).unwrap().unwrap();
            assert_eq!(saved.label, expected);
            assert_eq!(saved.method, kind_of_method(kind));
        }
        let card = json!({"brand": "visa", "last4": "4242", "exp_year": 2027, "exp_month": 3});
        let object =
            json!({"id": "pm_1", "type": "card", "customer": {"id": "cus_1"}, "card": card});
        assert_eq!(read(object).unwrap().unwrap().expires, Some((2027, 3)));
    }

    #[test]
    fn chg_1_a_method_of_nobody_is_not_saved() {
        assert_eq!(read(json!({"id": "pm_1", "type": "card", "customer": null})).unwrap(), None);
        assert!(read(json!({"id": "../x", "type": "card", "customer": "cus_1"})).is_err());
    }
}

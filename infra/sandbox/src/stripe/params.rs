//! The parameters of the requests that create something, and what Stripe would refuse about them.

use gateways::stripe::currency;
use serde::Deserialize;

use super::acts::{CardOutcome, PayBy};
use super::form;
use super::objects::{self, Metadata};
use super::problem::Problem;

/// Stripe's limits of the key-value field.
const MAX_METADATA_KEYS: usize = 50;
const MAX_METADATA_KEY_CHARS: usize = 40;
const MAX_METADATA_VALUE_CHARS: usize = 500;

/// Stripe's limit of a page that is paid once.
const MAX_LINE_ITEMS: usize = 100;

const MAX_CLIENT_REFERENCE_CHARS: usize = 200;

/// A session can be made to end 30 minutes to 24 hours after it was made; it does after 24 hours.
const MIN_SESSION_SECONDS: i64 = 30 * 60;
const MAX_SESSION_SECONDS: i64 = 24 * 60 * 60;

/// The methods that the sandbox can pay with.
const METHODS: [&str; 2] = ["card", "us_bank_account"];

const REFUND_REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

/// The least that Stripe takes at once, for an account that is paid out in the same currency
/// (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>); in Stripe's units. Any other
/// currency is converted to the account's first, at a rate that the sandbox doesn't have: it takes them all.
const LEAST: [(&str, u64); 24] = [
    ("usd", 50),
    ("aed", 200),
    ("aud", 50),
    ("bgn", 100),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("czk", 1_500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("inr", 50),
    ("jpy", 50),
    ("mxn", 1_000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1_000),
];

/// Refuses a sum that is below Stripe's least; `what` begins its sentence. Nothing at all is no such sum.
fn check_least(amount: u64, currency: &str, what: &str) -> Result<(), Problem> {
    let least = LEAST.iter().find(|(code, _)| *code == currency);
    match least {
        Some((_, least)) if 0 < amount && amount < *least => {
            let text = currency::from_stripe(*least, currency);
            let text = text.map_or_else(|_| least.to_string(), |least| least.amount());
            Err(Problem::invalid(format!("{what} at least {text} {currency}"))
                .with_code("amount_too_small"))
        }
        _ => Ok(()),
    }
}

/// `POST /v1/checkout/sessions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    pub mode: String,
    pub line_items: Vec<LineItem>,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    pub customer_email: Option<String>,
    #[serde(default, deserialize_with = "form::optional_number")]
    expires_at: Option<u64>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub payment_intent_data: IntentData,
    #[serde(default = "card_only")]
    pub payment_method_types: Vec<String>,
    #[serde(default)]
    pub expand: Vec<String>,
}

/// What the payment of a session will carry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntentData {
    #[serde(default)]
    pub metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineItem {
    price_data: PriceData,
    #[serde(deserialize_with = "form::number")]
    quantity: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceData {
    currency: String,
    #[serde(deserialize_with = "form::number")]
    unit_amount: u64,
    product_data: ProductData,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductData {
    name: String,
    description: Option<String>,
}

impl LineItem {
    /// As Stripe shows it; the description, where there is one, beside the name.
    pub fn shown(&self, id: String, currency: &str) -> objects::LineItem {
        let PriceData { unit_amount, product_data, .. } = &self.price_data;
        let amount = unit_amount.saturating_mul(self.quantity);
        let name = product_data.name.clone();
        objects::LineItem {
            id,
            object: "item".to_owned(),
            amount_discount: 0,
            amount_subtotal: amount,
            amount_tax: 0,
            amount_total: amount,
            currency: currency.to_owned(),
            description: match &product_data.description {
                Some(more) => format!("{name}, {more}"),
                None => name,
            },
            quantity: self.quantity,
        }
    }
}

fn card_only() -> Vec<String> {
    vec!["card".to_owned()]
}

impl NewSession {
    /// What Stripe would refuse; answers with amount, currency and when it ends.
    pub fn check(&self, now: i64) -> Result<(u64, String, i64), Problem> {
        if self.mode != "payment" {
            let message = format!("The sandbox knows only mode=payment, not {}.", self.mode);
            return Err(Problem::parameter("mode", message));
        }
        check_metadata(&self.metadata)?;
        check_metadata(&self.payment_intent_data.metadata)?;
        check_url("success_url", Some(&self.success_url))?;
        check_url("cancel_url", self.cancel_url.as_deref())?;
        let reference = self.client_reference_id.as_deref().unwrap_or_default();
        if MAX_CLIENT_REFERENCE_CHARS < reference.chars().count() {
            let message = format!("It may have at most {MAX_CLIENT_REFERENCE_CHARS} characters.");
            return Err(Problem::parameter("client_reference_id", message));
        }
        if let Some(method) =
            self.payment_method_types.iter().find(|m| !METHODS.contains(&m.as_str()))
        {
            let message =
                format!("Invalid payment_method_types: must be one of {METHODS:?}, not {method}.");
            return Err(Problem::parameter("payment_method_types", message));
        }
        let (amount, currency) = self.total()?;
        if self.payment_method_types.iter().any(|method| method == "us_bank_account")
            && currency != "usd"
        {
            let message = "us_bank_account takes only usd.";
            return Err(Problem::parameter("payment_method_types", message));
        }
        Ok((amount, currency, self.ends_at(now)?))
    }

    fn total(&self) -> Result<(u64, String), Problem> {
        let Some(first) = self.line_items.first() else {
            return Err(Problem::parameter("line_items", "There must be at least one."));
        };
        if MAX_LINE_ITEMS < self.line_items.len() {
            let message = format!("There can be at most {MAX_LINE_ITEMS}.");
            return Err(Problem::parameter("line_items", message));
        }
        let currency = first.price_data.currency.to_ascii_lowercase();
        let mut total = 0_u64;
        for item in &self.line_items {
            if item.price_data.currency.to_ascii_lowercase() != currency {
                return Err(Problem::parameter("line_items", "All must have the same currency."));
            }
            let amount = item.price_data.unit_amount.checked_mul(item.quantity);
            let sum = amount.and_then(|amount| total.checked_add(amount));
            total = sum.ok_or_else(|| Problem::parameter("line_items", "The sum is too large."))?;
        }
        currency::from_stripe(total, &currency).map_err(|error| {
            Problem::parameter("line_items", format!("Invalid amount: {error}."))
        })?;
        let what = "The Checkout Session's total amount due must add up to";
        check_least(total, &currency, what)?;
        Ok((total, currency))
    }

    fn ends_at(&self, now: i64) -> Result<i64, Problem> {
        let Some(asked) = self.expires_at else {
            return Ok(now + MAX_SESSION_SECONDS);
        };
        let allowed = now + MIN_SESSION_SECONDS..=now + MAX_SESSION_SECONDS;
        i64::try_from(asked).ok().filter(|at| allowed.contains(at)).ok_or_else(|| {
            let message = "It must be 30 minutes to 24 hours from now.";
            Problem::parameter("expires_at", message)
        })
    }
}

/// The test methods that a payment without a page can be made with, as Stripe names them.
const TEST_METHODS: [(&str, PayBy, Option<&str>); 5] = [
    ("pm_card_visa", PayBy::Card, None),
    ("pm_card_chargeDeclined", PayBy::Card, Some("generic_decline")),
    ("pm_card_chargeDeclinedInsufficientFunds", PayBy::Card, Some("insufficient_funds")),
    ("pm_card_chargeDeclinedLostCard", PayBy::Card, Some("lost_card")),
    ("pm_usBankAccount", PayBy::Bank, None),
];

/// `POST /v1/payment_intents`: only at once and with a test method, as from one that was saved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIntent {
    #[serde(deserialize_with = "form::number")]
    pub amount: u64,
    pub currency: String,
    payment_method: String,
    #[serde(deserialize_with = "form::optional_bool")]
    confirm: Option<bool>,
    #[serde(default, deserialize_with = "form::optional_bool")]
    #[expect(dead_code, reason = "is taken, and changes nothing here")]
    off_session: Option<bool>,
    #[serde(default)]
    payment_method_types: Vec<String>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub expand: Vec<String>,
}

impl NewIntent {
    /// What Stripe would refuse; answers with the method and what it does.
    pub fn check(&self) -> Result<(PayBy, CardOutcome), Problem> {
        check_metadata(&self.metadata)?;
        if self.confirm != Some(true) {
            let message = "The sandbox knows only payments with confirm=true.";
            return Err(Problem::parameter("confirm", message));
        }
        if self.amount == 0 {
            let problem = Problem::parameter("amount", "It must be at least 1.");
            return Err(problem.with_code("parameter_invalid_integer"));
        }
        check_least(self.amount, &self.currency.to_ascii_lowercase(), "Amount must be")?;
        let known = TEST_METHODS.into_iter().find(|(name, ..)| *name == self.payment_method);
        let (_, by, decline) =
            known.ok_or_else(|| Problem::missing("PaymentMethod", &self.payment_method))?;
        let is_taken = |name: &String| name == by.name();
        let default = [PayBy::Card.name().to_owned()];
        let types = if self.payment_method_types.is_empty() {
            &default
        } else {
            &self.payment_method_types[..]
        };
        if !types.iter().any(is_taken) {
            let message = format!("payment_method_types does not hold {}.", by.name());
            return Err(Problem::parameter("payment_method_types", message));
        }
        let declines = |code: &str| CardOutcome::Declines(code.to_owned());
        Ok((by, decline.map_or(CardOutcome::Succeeds, declines)))
    }
}

/// `POST /v1/refunds`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    #[serde(default, deserialize_with = "form::optional_number")]
    pub amount: Option<u64>,
    pub reason: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub expand: Vec<String>,
}

impl NewRefund {
    /// What Stripe would refuse before it looks at the payment.
    pub fn check(&self) -> Result<(), Problem> {
        check_metadata(&self.metadata)?;
        if self.amount == Some(0) {
            let problem = Problem::parameter("amount", "It must be at least 1.");
            return Err(problem.with_code("parameter_invalid_integer"));
        }
        match &self.reason {
            Some(reason) if !REFUND_REASONS.contains(&reason.as_str()) => {
                let message = format!("Invalid reason: must be one of {REFUND_REASONS:?}.");
                Err(Problem::parameter("reason", message))
            }
            _ => Ok(()),
        }
    }
}

/// A session is ended early with no parameters but what to expand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlyExpand {
    #[serde(default)]
    pub expand: Vec<String>,
}

/// The parameters of all lists; each list takes some of the filters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    #[serde(default, deserialize_with = "form::optional_number")]
    pub limit: Option<u64>,
    pub starting_after: Option<String>,
    pub ending_before: Option<String>,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub r#type: Option<String>,
    #[serde(default)]
    pub types: Vec<String>,
    #[serde(default, deserialize_with = "form::optional_bool")]
    pub delivery_success: Option<bool>,
}

/// `{CHECKOUT_SESSION_ID}` in it is for Stripe to fill in.
fn check_url(param: &str, url: Option<&str>) -> Result<(), Problem> {
    let is_url = |url: &str| {
        let url = reqwest::Url::parse(url).ok();
        url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    match url {
        Some(url) if !is_url(url) => {
            Err(Problem::parameter(param, "Not a valid URL").with_code("url_invalid"))
        }
        _ => Ok(()),
    }
}

fn check_metadata(metadata: &Metadata) -> Result<(), Problem> {
    if MAX_METADATA_KEYS < metadata.len() {
        let message = format!("Metadata can have at most {MAX_METADATA_KEYS} keys.");
        return Err(Problem::parameter("metadata", message));
    }
    for (key, value) in metadata {
        if MAX_METADATA_KEY_CHARS < key.chars().count() {
            let message =
                format!("Metadata keys can have at most {MAX_METADATA_KEY_CHARS} characters.");
            return Err(Problem::parameter("metadata", message));
        }
        if MAX_METADATA_VALUE_CHARS < value.chars().count() {
            let message = format!(
                "Metadata values can have at most {MAX_METADATA_VALUE_CHARS} characters, {key} has more."
            );
            return Err(Problem::parameter("metadata", message));
        }
    }
    Ok(())
}

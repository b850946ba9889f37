//! The parameters of the requests that create something, and what Stripe would refuse about them.

use gateways::stripe::currency;
use serde::Deserialize;

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
    #[serde(default)]
    pub line_items: Vec<LineItem>,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    pub customer: Option<String>,
    pub customer_email: Option<String>,
    currency: Option<String>,
    #[serde(default, deserialize_with = "form::optional_number")]
    expires_at: Option<u64>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub payment_intent_data: IntentData,
    #[serde(default)]
    pub setup_intent_data: SetupData,
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
    pub setup_future_usage: Option<String>,
}

/// What the saving of a session will carry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupData {
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
    /// What Stripe would refuse; answers with amount and currency, if anything is paid, and when it ends.
    pub fn check(&self, now: i64) -> Result<(Option<(u64, String)>, i64), Problem> {
        let is_setup = match self.mode.as_str() {
            "payment" => false,
            "setup" => true,
            other => {
                let message = format!("The sandbox knows payment and setup, not {other}.");
                return Err(Problem::parameter("mode", message));
            }
        };
        check_metadata(&self.metadata)?;
        check_metadata(&self.payment_intent_data.metadata)?;
        check_metadata(&self.setup_intent_data.metadata)?;
        check_usage(self.payment_intent_data.setup_future_usage.as_deref())?;
        if self.customer.is_some() && self.customer_email.is_some() {
            let message = "You may only specify one of these parameters: customer, customer_email.";
            return Err(Problem::parameter("customer_email", message));
        }
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
        let ends_at = self.ends_at(now)?;
        if is_setup {
            self.check_setup()?;
            return Ok((None, ends_at));
        }
        let (amount, currency) = self.total()?;
        if self.payment_method_types.iter().any(|method| method == "us_bank_account")
            && currency != "usd"
        {
            let message = "us_bank_account takes only usd.";
            return Err(Problem::parameter("payment_method_types", message));
        }
        Ok((Some((amount, currency)), ends_at))
    }

    fn check_setup(&self) -> Result<(), Problem> {
        let is_for_payments = self.payment_intent_data.setup_future_usage.is_some()
            || !self.payment_intent_data.metadata.is_empty();
        if !self.line_items.is_empty() || is_for_payments {
            let message = "You can not pass line_items or payment_intent_data in setup mode.";
            return Err(Problem::parameter("line_items", message));
        }
        if self.customer.is_none() {
            let message = "The sandbox saves methods only for a customer.";
            return Err(Problem::parameter("customer", message).with_code("parameter_missing"));
        }
        match self.currency.as_deref() {
            Some(currency) if currency != "usd" => {
                Err(Problem::parameter("currency", "The sandbox saves methods for usd."))
            }
            _ => Ok(()),
        }
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

/// `POST /v1/payment_intents`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIntent {
    #[serde(deserialize_with = "form::number")]
    pub amount: u64,
    pub currency: String,
    pub customer: Option<String>,
    pub description: Option<String>,
    pub payment_method: Option<String>,
    #[serde(default, deserialize_with = "form::optional_bool")]
    pub confirm: Option<bool>,
    #[serde(default, deserialize_with = "form::optional_bool")]
    pub off_session: Option<bool>,
    #[serde(default, deserialize_with = "form::optional_bool")]
    pub error_on_requires_action: Option<bool>,
    pub setup_future_usage: Option<String>,
    #[serde(default = "card_only")]
    pub payment_method_types: Vec<String>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub expand: Vec<String>,
}

impl NewIntent {
    /// What Stripe would refuse before it looks at the method.
    pub fn check(&self) -> Result<(), Problem> {
        check_metadata(&self.metadata)?;
        check_usage(self.setup_future_usage.as_deref())?;
        check_sum(self.amount, &self.currency)?;
        if self.confirm != Some(true) {
            for (name, is_there) in [
                ("off_session", self.off_session.is_some()),
                ("error_on_requires_action", self.error_on_requires_action.is_some()),
            ] {
                if is_there {
                    let message = format!("{name} may only be passed together with confirm=true.");
                    return Err(Problem::parameter(name, message));
                }
            }
        }
        Ok(())
    }
}

/// `POST /v1/payment_intents/{id}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedIntent {
    #[serde(default, deserialize_with = "form::optional_number")]
    pub amount: Option<u64>,
    pub currency: Option<String>,
    pub customer: Option<String>,
    pub description: Option<String>,
    #[serde(default)]
    pub payment_method_types: Vec<String>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub expand: Vec<String>,
}

/// `POST /v1/payment_intents/{id}/confirm`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    pub payment_method: Option<String>,
    #[serde(default, deserialize_with = "form::optional_bool")]
    pub off_session: Option<bool>,
    #[serde(default, deserialize_with = "form::optional_bool")]
    pub error_on_requires_action: Option<bool>,
    #[serde(default)]
    pub expand: Vec<String>,
}

/// `POST /v1/customers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    pub name: Option<String>,
    pub email: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub expand: Vec<String>,
}

/// `POST /v1/payment_methods/{id}/attach`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    pub customer: String,
    #[serde(default)]
    pub expand: Vec<String>,
}

/// A payment's sum.
pub fn check_sum(amount: u64, currency: &str) -> Result<(), Problem> {
    if amount == 0 {
        let problem = Problem::parameter("amount", "It must be at least 1.");
        return Err(problem.with_code("parameter_invalid_integer"));
    }
    check_least(amount, &currency.to_ascii_lowercase(), "Amount must be")
}

fn check_usage(usage: Option<&str>) -> Result<(), Problem> {
    match usage {
        None | Some("off_session" | "on_session") => Ok(()),
        Some(other) => {
            let message = format!("It must be off_session or on_session, not {other}.");
            Err(Problem::parameter("setup_future_usage", message))
        }
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
    pub customer: Option<String>,
    pub email: Option<String>,
    #[serde(default)]
    created: Times,
    #[serde(default)]
    pub expand: Vec<String>,
}

/// When something was made, in Unix seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    #[serde(default, deserialize_with = "form::optional_number")]
    gt: Option<u64>,
    #[serde(default, deserialize_with = "form::optional_number")]
    gte: Option<u64>,
    #[serde(default, deserialize_with = "form::optional_number")]
    lt: Option<u64>,
    #[serde(default, deserialize_with = "form::optional_number")]
    lte: Option<u64>,
}

/// Stripe's most kinds of events in one question.
const MAX_TYPES: usize = 20;

impl ListQuery {
    /// What Stripe would refuse.
    pub fn check(&self) -> Result<(), Problem> {
        if MAX_TYPES < self.types.len() {
            let message = format!("There can be at most {MAX_TYPES}.");
            return Err(Problem::parameter("types", message));
        }
        Ok(())
    }

    /// Whether something made then is asked for.
    pub fn covers(&self, created: i64) -> bool {
        let created = u64::try_from(created).unwrap_or_default();
        self.created.gt.is_none_or(|gt| gt < created)
            && self.created.gte.is_none_or(|gte| gte <= created)
            && self.created.lt.is_none_or(|lt| created < lt)
            && self.created.lte.is_none_or(|lte| created <= lte)
    }
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

pub fn check_metadata(metadata: &Metadata) -> Result<(), Problem> {
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

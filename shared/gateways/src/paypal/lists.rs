//! What PayPal told, or should have been heard of: its events and its payments.

use reqwest::Url;
use serde::Deserialize;

use super::PayPal;
use super::objects::{Link, rfc3339};
use super::webhook::Event;
use crate::{GatewayError, ObjectId, Page, Span, WebhookEvent};

/// Longer pages are refused or slow.
const EVENTS_PAGE: &str = "100";
const TRANSACTIONS_PAGE: &str = "500";

/// The longest stretch that PayPal reports on at once is 31 days.
const MAX_STRETCH_SECONDS: i64 = 31 * 86_400 - 1;

/// PayPal's codes of payments that came in, and of those from banks, begin so.
const PAYMENT_CODES: [&str; 1] = ["T00"];

/// What was denied took nothing.
const DENIED: &str = "D";

#[derive(Deserialize)]
struct Events {
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    transaction_details: Vec<Detail>,
    total_pages: Option<u32>,
}

#[derive(Deserialize)]
struct Detail {
    transaction_info: Transaction,
}

/// One line of PayPal's report.
#[derive(Debug, Deserialize)]
pub(super) struct Transaction {
    transaction_id: String,
    transaction_event_code: Option<String>,
    transaction_status: Option<String>,
    transaction_amount: Option<super::currency::Amount>,
    custom_field: Option<String>,
}

impl Transaction {
    /// Whether it is a payment that came in under our reference.
    pub fn is_for(&self, text: &str) -> bool {
        self.is_payment() && self.custom_field.as_deref() == Some(text)
    }

    /// Whether money came in, or is on its way.
    fn is_payment(&self) -> bool {
        let code = self.transaction_event_code.as_deref().unwrap_or_default();
        let is_out = self.transaction_amount.as_ref().is_some_and(|a| a.value.starts_with('-'));
        let is_code = PAYMENT_CODES.iter().any(|prefix| code.starts_with(prefix));
        is_code && !is_out && self.transaction_status.as_deref() != Some(DENIED)
    }

    pub fn id(&self) -> Result<ObjectId, GatewayError> {
        let id = self.transaction_id.parse();
        id.map_err(|error| GatewayError::malformed(format!("transaction: {error}")))
    }
}

fn time(unix: i64) -> Result<String, GatewayError> {
    rfc3339(unix).ok_or_else(|| GatewayError::malformed(format!("{unix} is no time")))
}

impl PayPal {
    /// Newest first, as PayPal lists them. An event that can't be read is passed over: others may be.
    pub(super) async fn list_events(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<WebhookEvent>, GatewayError> {
        let (from, to) = (time(span.from_unix)?, time(span.to_unix)?);
        let first = [("page_size", EVENTS_PAGE), ("start_time", &*from), ("end_time", &*to)];
        let further: Vec<(String, String)> = next.map(read_query).unwrap_or_default();
        let further: Vec<_> = further.iter().map(|(name, value)| (&**name, &**value)).collect();
        let query = if next.is_some() { &*further } else { &first };
        let list: Events = self.get("v1/notifications/webhooks-events", query).await?;
        let is_empty = list.events.is_empty();
        let mut items = Vec::with_capacity(list.events.len());
        for event in list.events {
            match event.read(self.mode) {
                Ok(event) => items.push(event),
                Err(error) => tracing::warn!("An event of PayPal's list can't be read: {error}"),
            }
        }
        let next = list.links.iter().find(|link| link.rel == "next");
        let next = next.and_then(|link| Url::parse(&link.href).ok()?.query().map(str::to_owned));
        Ok(Page { items, next: next.filter(|_| !is_empty) })
    }

    pub(super) async fn list_payments(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<ObjectId>, GatewayError> {
        let page = self.transactions(span, next).await?;
        let payments = page.items.iter().filter(|item| item.is_payment());
        let items = payments.map(Transaction::id).collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.next })
    }

    /// A page of a stretch, then the stretch's next page, then the next stretch's first.
    pub(super) async fn transactions(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<Transaction>, GatewayError> {
        let unreadable = || GatewayError::malformed("not where a list of payments goes on");
        let (from, page) = match next {
            None => (span.from_unix, 1),
            Some(next) => {
                let (from, page) = next.split_once('.').ok_or_else(unreadable)?;
                let numbers = from.parse::<i64>().ok().zip(page.parse::<u32>().ok());
                numbers.ok_or_else(unreadable)?
            }
        };
        let to = from.saturating_add(MAX_STRETCH_SECONDS).min(span.to_unix);
        let (start, end, number) = (time(from)?, time(to)?, page.to_string());
        let query = [
            ("start_date", &*start),
            ("end_date", &*end),
            ("fields", "transaction_info"),
            ("balance_affecting_records_only", "N"),
            ("page_size", TRANSACTIONS_PAGE),
            ("page", &*number),
        ];
        let report: Report = self.get("v1/reporting/transactions", &query).await?;
        let details = report.transaction_details.into_iter();
        let items = details.map(|detail| detail.transaction_info).collect();
        let next = if page < report.total_pages.unwrap_or_default() {
            Some(format!("{from}.{}", page.saturating_add(1)))
        } else {
            (to < span.to_unix).then(|| format!("{}.1", to.saturating_add(1)))
        };
        Ok(Page { items, next })
    }
}

/// The query of PayPal's own link; its address is not used.
fn read_query(text: &str) -> Vec<(String, String)> {
    let url = Url::parse(&format!("https://localhost/?{text}")).ok();
    let pairs = url.map(|url| url.query_pairs().into_owned().collect());
    pairs.unwrap_or_default()
}

//! What Stripe told, and what was paid, in a stretch of time: newest first, as all of Stripe's lists are.

use serde_json::Value;

use super::Stripe;
use super::objects::{Expandable, Id, List};
use super::save::{id, malformed};
use super::webhook;
use crate::{GatewayError, ObjectId, Page, Span, WebhookEvent};

/// The kinds of events that are asked for: Stripe takes twenty at most. Of those that an endpoint subscribes
/// to, these leave out two that never come alone: a debit that is pending is `payment_intent.processing` too,
/// and money that comes in parts ends as another of its kind.
const LISTED_KINDS: [&str; 20] = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.failed",
    "charge.refunded",
    "charge.succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
];

/// An event holds an object of some ten thousand bytes; an answer may not be longer than a megabyte.
const EVENTS_PAGE: &str = "50";

/// Payments hold no charge here.
const PAYMENTS_PAGE: &str = "100";

/// A payment, as far as a list of them is read.
#[derive(serde::Deserialize)]
struct Listed {
    id: String,
    status: String,
    latest_charge: Option<Expandable<Id>>,
}

impl Stripe {
    /// Only the last 30 days are there. Not by whether they were delivered: where an endpoint was missing, or
    /// lacked a kind, Stripe has nothing left to deliver.
    pub(super) async fn told(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<WebhookEvent>, GatewayError> {
        let (from, to) = (span.from_unix.to_string(), span.to_unix.to_string());
        let mut query = query(&from, &to, EVENTS_PAGE, next)?;
        query.extend(LISTED_KINDS.map(|kind| ("types[]", kind)));
        let list: List<Value> = self.ask("event list", "events", &query).await?;
        let id_of = |event: &Value| event["id"].as_str().unwrap_or_default().to_owned();
        let next = next_of(&list, |event| id_of(event))?;
        // One that can't be read hides none of the others; its payment is in the list of payments.
        let read = |event: &Value| match webhook::parse(event.to_string().as_bytes()) {
            Ok(event) => Some(event),
            Err(error) => {
                tracing::warn!(event = id_of(event), %error, "An event can't be read");
                None
            }
        };
        Ok(Page { items: list.data.iter().filter_map(read).collect(), next })
    }

    /// Without those that nobody ever tried to pay.
    pub(super) async fn made(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<ObjectId>, GatewayError> {
        let (from, to) = (span.from_unix.to_string(), span.to_unix.to_string());
        let query = query(&from, &to, PAYMENTS_PAGE, next)?;
        let list: List<Listed> = self.ask("payment_intent list", "payment_intents", &query).await?;
        let next = next_of(&list, |intent| intent.id.clone())?;
        let was_tried = |intent: &&Listed| {
            intent.latest_charge.is_some()
                || !matches!(
                    intent.status.as_str(),
                    "requires_payment_method" | "requires_confirmation" | "canceled"
                )
        };
        let tried = list.data.iter().filter(was_tried);
        let items: Result<_, _> = tried.map(|intent| id("payment_intent", &intent.id)).collect();
        Ok(Page { items: items?, next })
    }
}

fn query<'a>(
    from: &'a str,
    to: &'a str,
    limit: &'a str,
    next: Option<&'a str>,
) -> Result<Vec<(&'a str, &'a str)>, GatewayError> {
    let mut query = vec![("created[gte]", from), ("created[lte]", to), ("limit", limit)];
    if let Some(after) = next {
        id("list", after)?;
        query.push(("starting_after", after));
    }
    Ok(query)
}

/// The last one of a page is where the next begins.
fn next_of<T>(
    list: &List<T>,
    id_of: impl Fn(&T) -> String,
) -> Result<Option<String>, GatewayError> {
    match list.data.last() {
        Some(last) if list.has_more => {
            let id = id_of(last);
            let is_id = id.parse::<ObjectId>().is_ok();
            let no_id = || malformed("list", format_args!("{id:?}"), "is no id to go on after");
            is_id.then(|| id.clone()).ok_or_else(no_id).map(Some)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::EVENT_KINDS;
    use super::*;

    #[test]
    fn pay_3_all_kinds_but_two_are_asked_for() {
        let left_out: Vec<_> =
            EVENT_KINDS.iter().filter(|kind| !LISTED_KINDS.contains(kind)).collect();
        assert_eq!(left_out, [&"charge.pending", &"payment_intent.partially_funded"]);
        assert!(LISTED_KINDS.iter().all(|kind| EVENT_KINDS.contains(kind)));
    }

    #[test]
    fn pay_3_what_goes_on_after_no_id_is_refused() {
        assert!(query("1", "2", "50", Some("evt_1&limit=1")).is_err());
        assert!(query("1", "2", "50", Some("evt_1")).is_ok());
    }
}

//! What was told, and what was paid: asked for by the day, for whatever a webhook lost.

use serde_json::Value;

use super::AffiniPay;
use super::facts;
use super::objects::{CHARGE, REFUND, Results, Transaction, moment, unix};
use crate::{GatewayError, ObjectId, Page, ReceiveError, Span, WebhookEvent};

/// The gateway's own page.
const PAGE: u64 = 20;

impl AffiniPay {
    /// Oldest first, which is the gateway's order when it is asked from a moment on. The list has no end but now:
    /// what is later than the span ends it.
    pub(super) async fn list_events(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<WebhookEvent>, GatewayError> {
        let page = number(next)?;
        // «After» the moment: the second before it, so that nothing of the first second is left out.
        let query = [("start_date", moment(span.from_unix.saturating_sub(1)))];
        let (results, has_more): (Vec<Value>, _) = self.page_of("events", &query, page).await?;
        let mut items = vec![];
        for event in results {
            let created = event.get("created").and_then(Value::as_str).and_then(unix);
            if created.is_some_and(|created| span.to_unix < created) {
                return Ok(Page { items, next: None });
            }
            if created.is_some_and(|created| created < span.from_unix) {
                continue;
            }
            match self.told(event) {
                Ok(event) => items.push(event),
                // Of an account that the firm did not link: none of ours.
                Err(ReceiveError::NotAuthentic(_)) => {}
                Err(ReceiveError::Body { what }) => {
                    return Err(GatewayError::malformed(format!("event list: {what}")));
                }
                Err(ReceiveError::Gateway(error)) => return Err(error),
                Err(error @ (ReceiveError::NoMatch | ReceiveError::NoSecret)) => {
                    return Err(GatewayError::malformed(error.to_string()));
                }
            }
        }
        Ok(Page { items, next: has_more.then(|| (page + 1).to_string()) })
    }

    /// A refund stands for its charge, which may be far older.
    pub(super) async fn list_payments(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<ObjectId>, GatewayError> {
        let page = number(next)?;
        let query = [
            ("start_date", moment(span.from_unix.saturating_sub(1))),
            ("end_date", moment(span.to_unix.saturating_add(1))),
            ("order_by", "created".to_owned()),
        ];
        let (results, has_more): (Vec<Transaction>, _) =
            self.page_of("transactions", &query, page).await?;
        let mut items: Vec<ObjectId> = vec![];
        for transaction in results {
            let created = transaction.created.as_deref().and_then(unix);
            let is_within = created.is_none_or(|at| (span.from_unix..=span.to_unix).contains(&at));
            if !is_within || !self.is_linked(transaction.account_id.as_deref()) {
                continue;
            }
            let charge = match transaction.kind.as_str() {
                CHARGE => Some(&transaction.id),
                REFUND => transaction.charge_id.as_ref(),
                _ => None,
            };
            let Some(charge) = charge else { continue };
            let id: ObjectId = facts::id("charge", charge)?;
            if !items.contains(&id) {
                items.push(id);
            }
        }
        Ok(Page { items, next: has_more.then(|| (page + 1).to_string()) })
    }

    async fn page_of<T: serde::de::DeserializeOwned>(
        &self,
        list: &str,
        query: &[(&str, String)],
        page: u64,
    ) -> Result<(Vec<T>, bool), GatewayError> {
        let mut query = query.to_vec();
        query.extend([("page", page.to_string()), ("page_size", PAGE.to_string())]);
        let found: Results<T> = self.ask(list, list, &query).await?;
        let before = (page - 1).saturating_mul(PAGE);
        let so_far = before + found.results.len() as u64;
        let has_more =
            !found.results.is_empty() && found.total_entries.is_none_or(|total| so_far < total);
        Ok((found.results, has_more))
    }
}

/// Pages count from one.
fn number(next: Option<&str>) -> Result<u64, GatewayError> {
    let Some(text) = next else { return Ok(1) };
    let number = text.parse().ok().filter(|number| 1 < *number);
    number.ok_or_else(|| GatewayError::malformed(format!("{text:?} is no page of a list")))
}

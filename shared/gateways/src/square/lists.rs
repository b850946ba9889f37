//! What was told, and what was paid, for what no webhook brought.
//!
//! Events are kept for 28 days, once the seller's application has them switched on.

use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

use super::api::{Refusal, part};
use super::objects::Payment;
use super::time::rfc_3339;
use super::{Square, webhook};
use crate::{GatewayError, ObjectId, Page, Span, WebhookEvent};

/// Square's longest page.
const PAGE: usize = 100;

/// A page of whole payments.
#[derive(Deserialize)]
pub(super) struct Payments {
    pub payments: Option<Vec<Payment>>,
    pub cursor: Option<String>,
}

impl Square {
    pub(super) async fn list_events(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<WebhookEvent>, GatewayError> {
        let created_at = json!({"start_at": rfc_3339(span.from_unix), "end_at": end(span)});
        let mut body = json!({
            "limit": PAGE,
            "query": {
                "filter": {"created_at": created_at, "event_types": super::EVENT_KINDS},
                "sort": {"field": "DEFAULT", "order": "ASC"},
            },
        });
        if let Some(cursor) = next {
            body["cursor"] = json!(cursor);
        }
        let answered = self.post("events", &body).await?.map_err(Refusal::error)?;
        let read = |event| match webhook::fetched(event, self.mode) {
            Ok(told) => Some(self.of_location(told.event)),
            // One that can't be read must not hide the others; payments are listed besides.
            Err(error) => {
                warn!("An event of Square's list can't be read: {error}");
                None
            }
        };
        let items = answered.events.into_iter().filter_map(read).collect();
        Ok(Page { items, next: answered.cursor.filter(|cursor| !cursor.is_empty()) })
    }

    pub(super) async fn list_payments(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<ObjectId>, GatewayError> {
        let (from, to, limit) = (rfc_3339(span.from_unix), end(span), PAGE.to_string());
        let mut query = vec![
            ("begin_time", from.as_str()),
            ("end_time", &to),
            ("location_id", &self.location),
            ("sort_order", "ASC"),
            ("limit", &limit),
        ];
        query.extend(next.map(|cursor| ("cursor", cursor)));
        let page = self.get("payments", &query).await?;
        let items = page.payments.iter().map(|payment| part("payment", &payment.id));
        let items = items.collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.cursor.filter(|cursor| !cursor.is_empty()) })
    }

    pub(super) async fn get_payments(
        &self,
        query: &[(&str, &str)],
    ) -> Result<Payments, GatewayError> {
        let url = Url::parse_with_params(&format!("{}/v2/payments", self.base_url), query);
        let url = url.map_err(|_| GatewayError::malformed("payments: no path"))?;
        let answer = self.transport.get(url, &self.headers).await?;
        super::api::list(answer, "payments")
    }
}

/// A span's last second belongs to it, and ends with the next.
fn end(span: Span) -> String {
    rfc_3339(span.to_unix.saturating_add(1))
}

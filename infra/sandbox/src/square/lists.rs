//! What is listed, page by page.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SandboxSquare;
use super::api::Answer;
use super::body::read;
use super::book::{amount, text};
use super::problem::Problem;

/// Square's longest page of payments and events.
const MAX_PAGE: usize = 100;

/// Shorter than Square's, so that there is a second page with a few.
const DISPUTES_PAGE: usize = 5;
const CARDS_PAGE: usize = 25;

/// What to list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    begin_time: Option<String>,
    end_time: Option<String>,
    location_id: Option<String>,
    customer_id: Option<String>,
    total: Option<u64>,
    sort_order: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Begins at the cursor's place, and says where to go on.
fn paged<T: Clone>(
    all: &[T],
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let invalid = || Problem::invalid("INVALID_CURSOR", "that is no cursor of this list");
    let place = |cursor: &str| cursor.strip_prefix("at-")?.parse::<usize>().ok();
    let from = match cursor {
        Some(cursor) => place(cursor).filter(|at| *at <= all.len()).ok_or_else(invalid)?,
        None => 0,
    };
    let to = from.saturating_add(limit).min(all.len());
    let next = (to < all.len()).then(|| format!("at-{to}"));
    Ok((all.get(from..to).unwrap_or_default().to_vec(), next))
}

fn answer(name: &str, page: (Vec<Value>, Option<String>)) -> Json<Value> {
    let (objects, cursor) = page;
    let mut answer = json!({});
    // Square leaves an empty list out.
    if !objects.is_empty() {
        answer[name] = json!(objects);
    }
    if let Some(cursor) = cursor {
        answer["cursor"] = json!(cursor);
    }
    Json(answer)
}

/// A time that RFC 3339 writes, to be compared.
fn instant(text: &str) -> Result<i64, Problem> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    let invalid = |_| Problem::invalid("INVALID_TIME", format!("{text:?} is no time"));
    time.map(|time| time.timestamp_millis()).map_err(invalid)
}

/// Whether it was made in that time, the end left out.
fn is_between(object: &Value, from: Option<i64>, to: Option<i64>) -> bool {
    let made = instant(text(object, "created_at")).unwrap_or_default();
    from.is_none_or(|from| from <= made) && to.is_none_or(|to| made < to)
}

/// Newest first, unless told otherwise.
pub async fn payments(State(sandbox): State<SandboxSquare>, Query(asked): Query<Asked>) -> Answer {
    let from = asked.begin_time.as_deref().map(instant).transpose()?;
    let to = asked.end_time.as_deref().map(instant).transpose()?;
    let book = sandbox.book();
    let is_asked = |payment: &&Value| {
        let location = asked.location_id.as_deref();
        location.is_none_or(|id| text(payment, "location_id") == id)
            && asked.total.is_none_or(|total| amount(payment, "total_money") == total)
            && is_between(payment, from, to)
    };
    let mut all: Vec<_> = book.payments.values().filter(is_asked).cloned().collect();
    if asked.sort_order.as_deref() != Some("ASC") {
        all.reverse();
    }
    let limit = asked.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    Ok(answer("payments", paged(&all, asked.cursor.as_deref(), limit)?))
}

pub async fn disputes(State(sandbox): State<SandboxSquare>, Query(asked): Query<Asked>) -> Answer {
    let book = sandbox.book();
    let is_asked = |dispute: &&Value| {
        asked.location_id.as_deref().is_none_or(|id| text(dispute, "location_id") == id)
    };
    let all: Vec<_> = book.disputes.values().filter(is_asked).cloned().collect();
    Ok(answer("disputes", paged(&all, asked.cursor.as_deref(), DISPUTES_PAGE)?))
}

/// Only those that can be charged, as Square lists them unless told otherwise.
pub async fn cards(State(sandbox): State<SandboxSquare>, Query(asked): Query<Asked>) -> Answer {
    let book = sandbox.book();
    let is_asked = |card: &&Value| {
        card["enabled"] == Value::Bool(true)
            && asked.customer_id.as_deref().is_none_or(|id| text(card, "customer_id") == id)
    };
    let all: Vec<_> = book.cards.values().filter(is_asked).cloned().collect();
    Ok(answer("cards", paged(&all, asked.cursor.as_deref(), CARDS_PAGE)?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SearchEvents {
    cursor: Option<String>,
    limit: Option<usize>,
    query: EventQuery,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EventQuery {
    filter: EventFilter,
    sort: EventSort,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EventFilter {
    event_types: Vec<String>,
    created_at: TimeRange,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TimeRange {
    start_at: Option<String>,
    end_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EventSort {
    #[serde(rename = "field")]
    _field: Option<String>,
    order: Option<String>,
}

/// Also those that no webhook brought.
pub async fn events(State(sandbox): State<SandboxSquare>, body: Bytes) -> Answer {
    let body = serde_json::from_slice(&body)
        .map_err(|_| Problem::invalid("EXPECTED_JSON_BODY", "the body is no JSON"))?;
    let SearchEvents { cursor, limit, query } = read(&body)?;
    let EventQuery { filter, sort } = query;
    let from = filter.created_at.start_at.as_deref().map(instant).transpose()?;
    let to = filter.created_at.end_at.as_deref().map(instant).transpose()?;
    let book = sandbox.book();
    let told = book.outbox.0.iter().filter_map(|news| serde_json::from_str(&news.body).ok());
    let is_asked = |event: &Value| {
        let is_of_kind = |kind: &String| text(event, "type") == kind;
        (filter.event_types.is_empty() || filter.event_types.iter().any(is_of_kind))
            && is_between(event, from, to)
    };
    let mut all: Vec<Value> = told.filter(is_asked).collect();
    if sort.order.as_deref() != Some("ASC") {
        all.reverse();
    }
    let limit = limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    Ok(answer("events", paged(&all, cursor.as_deref(), limit)?))
}

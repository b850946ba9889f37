//! Questions to the gateway, and what an answer other than 200 means for whoever asked.

use reqwest::{StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::AffiniPay;
use super::objects::{Failure, Results};
use crate::GatewayError;
use crate::transport::Answer;

/// As many as fit into one answer; the gateway gives twenty unless asked.
const PAGE: u64 = 100;

/// More transactions than this since one attempt, or methods of one client, are none of ours.
const MAX_PAGES: u64 = 50;

impl AffiniPay {
    pub(super) fn url(&self, path: &str) -> Result<Url, GatewayError> {
        let url = Url::parse(&format!("{}/v1/{path}", self.base_url));
        url.map_err(|_| GatewayError::malformed(format!("{path:?} is no path")))
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, GatewayError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let answer = self.transport.get(url, &self.headers).await?;
        read(kind, path, &answer)
    }

    /// All of a list, however many pages.
    pub(super) async fn ask_all<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<T>, GatewayError> {
        let mut all = vec![];
        for page in 1..=MAX_PAGES {
            let mut query = query.to_vec();
            query.extend([("page", page.to_string()), ("page_size", PAGE.to_string())]);
            let found: Results<T> = self.ask(kind, path, &query).await?;
            let is_end = found.results.is_empty();
            all.extend(found.results);
            let total = found.total_entries.unwrap_or(u64::MAX);
            if is_end || total <= all.len() as u64 {
                return Ok(all);
            }
        }
        Err(GatewayError::malformed(format!("{kind} list: more than {MAX_PAGES} pages of {PAGE}")))
    }

    /// Sends what has no key: once, whatever becomes of the answer.
    pub(super) async fn send(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, GatewayError> {
        self.transport.post_json(self.url(path)?, &self.headers, None, body, false).await
    }
}

/// What was asked for.
pub(super) fn read<T: DeserializeOwned>(
    kind: &str,
    path: &str,
    answer: &Answer,
) -> Result<T, GatewayError> {
    if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
        return Err(failure(answer, path));
    }
    let unreadable = |error| GatewayError::malformed(format!("{kind}: {error}"));
    serde_json::from_slice(&answer.body).map_err(unreadable)
}

/// What any other answer means.
pub(super) fn failure(answer: &Answer, path: &str) -> GatewayError {
    let failure: Failure = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = failure.code().unwrap_or("no code").to_owned();
    let status = answer.status.as_u16();
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => GatewayError::Refused { status, code },
        StatusCode::NOT_FOUND => GatewayError::NotFound { object: path.to_owned() },
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
            GatewayError::down(format!("status {status} ({code})"))
        }
        _ => GatewayError::Rejected { status, code },
    }
}

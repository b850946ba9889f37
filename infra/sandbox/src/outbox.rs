//! Webhooks on their way: kept until somebody took them, and delivered as badly as [`Faults`] say.

use std::time::Duration;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::faults::{Faults, take_one};

/// As long as an HTTP API may take to answer.
const POST_TIMEOUT: Duration = Duration::from_secs(30);

/// What a gateway has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The gateway's id of the event.
    pub event: String,
    /// The exact bytes that are posted.
    pub body: String,
    /// Whether an endpoint took it, or it was lost for good.
    pub is_taken: bool,
}

/// All that a gateway told, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox(pub Vec<News>);

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event: String,
    /// The headers, with the gateway's signature.
    pub headers: HeaderMap,
    /// The bytes; not those that were signed, where a fault changed them.
    pub body: Vec<u8>,
}

impl Outbox {
    /// Something to tell.
    pub fn push(&mut self, event: impl Into<String>, body: impl Into<String>) {
        self.0.push(News { event: event.into(), body: body.into(), is_taken: false });
    }

    /// What would be sent now: each event that no endpoint took yet, signed afresh. One that a fault drops is
    /// never sent again.
    pub fn due(
        &mut self,
        faults: &mut Faults,
        headers: impl Fn(&News) -> HeaderMap,
    ) -> Vec<Delivery> {
        let mut due = Vec::new();
        for news in self.0.iter_mut().filter(|news| !news.is_taken) {
            if take_one(&mut faults.drop_webhooks) {
                news.is_taken = true;
                continue;
            }
            let mut body = news.body.clone().into_bytes();
            let headers = headers(news);
            if take_one(&mut faults.corrupt_webhooks)
                && let Some(byte) = body.iter_mut().find(|byte| byte.is_ascii_digit())
            {
                *byte = if *byte == b'9' { b'0' } else { *byte + 1 };
            }
            let delivery = Delivery { event: news.event.clone(), headers, body };
            let times = if faults.deliver_twice { 2 } else { 1 };
            due.extend(std::iter::repeat_n(delivery, times));
        }
        if faults.deliver_backwards {
            due.reverse();
        }
        due
    }

    /// Notes that an endpoint took an event; false if there is no such event.
    pub fn taken(&mut self, event: &str) -> bool {
        let news = self.0.iter_mut().find(|news| news.event == event);
        news.map(|news| news.is_taken = true).is_some()
    }
}

/// Posts a delivery; whether the endpoint took it, which is for the gateway to say by the status.
pub async fn post(
    client: &reqwest::Client,
    url: &str,
    delivery: &Delivery,
    is_taken: impl Fn(u16) -> bool,
) -> bool {
    let request = client.post(url).headers(delivery.headers.clone()).timeout(POST_TIMEOUT);
    let answer = request.body(delivery.body.clone()).send().await;
    answer.is_ok_and(|answer| is_taken(answer.status().as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_repeated_reordered_dropped_and_corrupted() {
        let outbox = || {
            let mut outbox = Outbox::default();
            outbox.push("a", "1");
            outbox.push("b", "29");
            outbox
        };
        let sent = |faults: &mut Faults| -> Vec<String> {
            let due = outbox().due(faults, |_| HeaderMap::new());
            due.into_iter().map(|delivery| String::from_utf8(delivery.body).unwrap()).collect()
        };
        let none = Faults::default();
        assert_eq!(sent(&mut none.clone()), ["1", "29"]);
        assert_eq!(
            sent(&mut Faults { deliver_twice: true, ..none.clone() }),
            ["1", "1", "29", "29"]
        );
        assert_eq!(sent(&mut Faults { deliver_backwards: true, ..none.clone() }), ["29", "1"]);
        let mut faults = Faults { drop_webhooks: 1, corrupt_webhooks: 1, ..none };
        assert_eq!(sent(&mut faults), ["39"]);
        assert_eq!(sent(&mut faults), ["1", "29"]);
        let mut outbox = outbox();
        assert!(outbox.taken("a") && !outbox.taken("c"));
        assert_eq!(outbox.due(&mut faults, |_| HeaderMap::new()).len(), 1);
    }
}

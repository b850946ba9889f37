//! What an act came to, as it is answered.

use domain::account::Account;
use domain::describe::describe;
use domain::event::Event;
use serde::Serialize;
use utoipa::ToSchema;

use crate::execute::Executed;
use crate::http::Date;

/// What an act came to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Outcome {
    /// On which client.
    pub client: String,
    /// What was made, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What happened, in the words of the audit trail; nothing, if it was so already.
    pub did: Vec<String>,
    /// The portal's state now: `open` or `locked`.
    #[schema(example = "open")]
    pub portal: &'static str,
    /// The account's version now.
    pub version: u64,
    /// When the client is looked at next.
    pub next_evaluation: Option<Date>,
}

impl Outcome {
    /// Of what was carried out.
    pub fn of(executed: &Executed) -> Self {
        let Executed { events, version, account, next_evaluation, .. } = executed;
        Self {
            client: account.client.to_string(),
            id: None,
            did: sentences(events),
            portal: portal(account),
            version: *version,
            next_evaluation: next_evaluation.map(Date),
        }
    }

    /// With the name of what was made.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

/// The portal's state.
pub fn portal(account: &Account) -> &'static str {
    account.portal().as_str()
}

/// Events in sentences.
pub fn sentences(events: &[Event]) -> Vec<String> {
    events.iter().map(describe).collect()
}

//! A task.

use domain::id::ClientId;
use domain::task::{self, About};
use serde::Serialize;
use services::http::Date;
use utoipa::ToSchema;

use super::names;

/// What waits for a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Task {
    /// Of which client.
    pub client: String,
    /// Its number, counted over the client's tasks and letters.
    pub task: u64,
    /// What kind it is.
    #[schema(example = "ready_for_unlock")]
    pub kind: &'static str,
    /// Since when.
    pub opened_on: Date,
    /// Whose it is, where somebody took it.
    pub assignee: Option<String>,
    /// What the step does that it is about.
    #[schema(example = "final_demand")]
    pub step: Option<&'static str>,
    /// Which invoices it is about.
    pub invoices: Vec<String>,
    /// Which letter it is about.
    pub letter: Option<u64>,
    /// Which payment it is about.
    pub payment: Option<String>,
    /// Both sides of a payment that isn't what was expected.
    pub evidence: Option<String>,
    /// What the client says who asks for a plan or the unlock.
    pub words: Option<String>,
}

impl Task {
    /// Of that client.
    pub fn of(client: &ClientId, task: &task::Task) -> Self {
        let step = task.about.step();
        let letter = match &task.about {
            About::BouncedAddress { letter, .. } | About::LetterStuck { letter } => Some(letter.0),
            _ => None,
        };
        let (payment, evidence) = match &task.about {
            About::Mismatch { payment, evidence } => {
                (Some(payment.to_string()), Some(evidence.as_str().to_owned()))
            }
            _ => (None, None),
        };
        let words = match &task.about {
            About::PlanRequest { wish: words, .. } | About::UnlockAsked { words } => {
                Some(words.as_str().to_owned())
            }
            _ => None,
        };
        Self {
            client: client.to_string(),
            task: task.id.0,
            kind: task.about.kind(),
            opened_on: Date(task.opened_on),
            assignee: task.assignee.as_ref().map(ToString::to_string),
            step: step.map(|(step, _)| step.action.as_str()),
            invoices: task.about.invoices().map_or_else(Vec::new, names),
            letter,
            payment,
            evidence,
            words,
        }
    }
}

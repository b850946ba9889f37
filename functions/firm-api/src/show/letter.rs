//! A letter: queued, sent or withdrawn, and what became of it.

use std::collections::BTreeSet;

use domain::letter::{Content, LetterKind, LetterState};
use serde::Serialize;
use services::http::Date;
use store::LetterRow;
use utoipa::ToSchema;

use super::{name, names};

/// A letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct Letter {
    /// Its number, counted over the client's tasks and letters.
    pub letter: u64,
    /// What kind it is; of a queued debt letter, the strongest that it may still be.
    #[schema(example = "demand_letter")]
    pub kind: Option<&'static str>,
    /// `queued`, `left` or `withdrawn`.
    #[schema(example = "left")]
    pub state: &'static str,
    /// When it was decided.
    pub queued_on: Date,
    /// When it leaves, left or was withdrawn.
    pub on: Date,
    /// Which invoices it is about.
    pub invoices: Vec<String>,
    /// What the mail service said of it.
    pub delivery: Option<Delivery>,
    /// What was heard of it since.
    pub heard: Option<Heard>,
}

/// What was heard of a letter after the mail service had taken it: what matters most.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeardOfLetter)]
pub struct Heard {
    /// `arrived`, `delayed`, `returned`, `complained` or `refused`.
    #[schema(example = "arrived")]
    pub what: &'static str,
    /// When.
    pub at: String,
    /// In the other side's words.
    pub detail: Option<String>,
}

/// What became of a letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// Where it stands.
    #[schema(example = "sent")]
    pub state: String,
    /// Since when.
    pub at: String,
    /// What went wrong, if anything did.
    pub problem: Option<String>,
}

impl From<LetterRow> for Letter {
    fn from(LetterRow { letter, delivery, heard }: LetterRow) -> Self {
        let (state, on) = match &letter.state {
            LetterState::Queued => ("queued", letter.leaves_on),
            LetterState::Left(sending) => ("left", sending.on),
            LetterState::Withdrawn { on } => ("withdrawn", *on),
        };
        let kind = match &letter.state {
            LetterState::Left(sending) => Some(sending.kind),
            LetterState::Queued | LetterState::Withdrawn { .. } => kind(&letter.content),
        };
        let invoices = match &letter.state {
            LetterState::Left(sending) => sending.invoices.clone(),
            LetterState::Queued | LetterState::Withdrawn { .. } => about(&letter.content),
        };
        Self {
            letter: letter.id.0,
            kind: kind.map(LetterKind::as_str),
            state,
            queued_on: Date(letter.queued_on),
            on: Date(on),
            invoices: names(&invoices),
            delivery: delivery.map(|delivery| Delivery {
                state: name(&delivery.state),
                at: delivery.at.to_rfc3339(),
                problem: delivery.problem,
            }),
            heard: heard.most().map(|(kind, news)| Heard {
                what: kind.as_str(),
                at: news.at.to_rfc3339(),
                detail: news.what.clone(),
            }),
        }
    }
}

fn kind(content: &Content) -> Option<LetterKind> {
    match content {
        Content::Debt { parts } => parts.iter().map(|part| part.kind).max().map(LetterKind::from),
        other => other.fixed_kind(),
    }
}

fn about(content: &Content) -> BTreeSet<domain::id::InvoiceId> {
    match content {
        Content::Debt { parts } => {
            parts.iter().flat_map(|part| part.invoices.iter().cloned()).collect()
        }
        Content::PromiseConfirmation { invoices, .. }
        | Content::PlanConfirmation { invoices }
        | Content::PayLink { invoices, .. } => invoices.clone(),
        Content::ChargeFailed { invoice, .. } => BTreeSet::from([invoice.clone()]),
        Content::WelcomeBack
        | Content::LineWelcomeBack { .. }
        | Content::Receipt { .. }
        | Content::PaymentFailed { .. }
        | Content::Message { .. } => BTreeSet::new(),
    }
}

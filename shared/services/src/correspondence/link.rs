//! The link in a letter (LET-7): made as the letter is written, so that a letter that is handed over again,
//! with the words that were kept, holds the same one. The table gets its hash before the letter is kept.

use std::collections::BTreeSet;

use domain::calendar::Day;
use domain::id::{ClientId, InvoiceId};
use domain::letter::LetterId;
use identity::OpaqueToken;
use identity::opaque::RandomError;
use letters::facts::Content;
use store::PayLink;

/// Where a link leads: the page of its debt, and the token after it.
pub const PAY_LINK_PATH: &str = "/l/";

/// A link whose letter is being written.
pub(super) struct NewLink {
    token: OpaqueToken,
}

impl NewLink {
    pub(super) fn new() -> Result<Self, RandomError> {
        Ok(Self { token: OpaqueToken::random_256()? })
    }

    /// As it stands in the letter.
    pub(super) fn url(&self, public_url: &str) -> String {
        format!("{}{PAY_LINK_PATH}{}", public_url.trim_end_matches('/'), self.token.reveal())
    }

    /// What the table keeps of it.
    pub(super) fn kept(
        &self,
        client: &ClientId,
        letter: LetterId,
        invoices: BTreeSet<InvoiceId>,
        made_on: Day,
    ) -> PayLink {
        PayLink {
            hash: self.token.hash().to_string(),
            client: client.clone(),
            letter: Some(letter),
            made_by: None,
            invoices,
            made_on,
            revoked_at: None,
        }
    }
}

/// The debt that a letter is about: what its link shows. A letter about none has no link.
pub(super) fn debt_of(content: &Content) -> BTreeSet<InvoiceId> {
    let invoices = match content {
        Content::Reminder(debt)
        | Content::Notice(debt)
        | Content::PayLink(debt)
        | Content::DemandLetter(debt, _)
        | Content::FinalDemand(debt, _) => &debt.invoices,
        Content::Receipt(receipt) => &receipt.rest,
        Content::PaymentFailed(failed) => &failed.invoices,
        Content::PromiseConfirmation(promise) => &promise.invoices,
        Content::PlanConfirmation(plan) => &plan.invoices,
        Content::WelcomeBack(_) | Content::Invitation(_) | Content::SignInLink(_) => {
            return BTreeSet::new();
        }
    };
    invoices.iter().map(|invoice| invoice.number.clone()).collect()
}

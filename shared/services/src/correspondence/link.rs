//! The link in a letter (LET-7): made as the letter is written, so that a letter that is handed over again,
//! with the words that were kept, holds the same one. The table gets its hash before the letter is kept.

use std::collections::BTreeSet;

use domain::calendar::Day;
use domain::id::{ClientId, InvoiceId};
use domain::letter::LetterId;
use identity::opaque::RandomError;
use identity::{OpaqueToken, TokenHash};
use letters::facts::Content;
use store::PayLink;

/// Where a link leads: the page of its debt, and the token after it.
pub const PAY_LINK_PATH: &str = "/l/";

/// A link whose letter is being written.
pub(super) struct Link {
    shown: String,
    hash: TokenHash,
}

impl Link {
    pub(super) fn new() -> Result<Self, RandomError> {
        let token = OpaqueToken::random_256()?;
        Ok(Self { shown: token.reveal().to_owned(), hash: token.hash() })
    }

    /// The one of that hash in a letter that was written before: nobody else knows it.
    pub(super) fn in_words(words: &str, public_url: &str, hash: &str) -> Option<Self> {
        let before = format!("{}{PAY_LINK_PATH}", public_url.trim_end_matches('/'));
        let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let mut shown = words.split(&before).skip(1).filter_map(|rest| rest.split(ends).next());
        let shown = shown.find(|shown| TokenHash::of(shown).to_string() == hash)?;
        Some(Self { shown: shown.to_owned(), hash: TokenHash::of(shown) })
    }

    /// As it stands in the letter.
    pub(super) fn url(&self, public_url: &str) -> String {
        format!("{}{PAY_LINK_PATH}{}", public_url.trim_end_matches('/'), self.shown)
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
            hash: self.hash.to_string(),
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
        | Content::LockNotice(debt)
        | Content::LimitNotice(debt)
        | Content::CloseNotice(debt)
        | Content::Notice(debt)
        | Content::PayLink(debt)
        | Content::DemandLetter(debt, _)
        | Content::FinalDemand(debt, _) => &debt.invoices,
        Content::Receipt(receipt) => &receipt.rest,
        Content::PaymentFailed(failed) => &failed.invoices,
        Content::PromiseConfirmation(promise) => &promise.invoices,
        Content::PlanConfirmation(plan) => &plan.invoices,
        Content::WelcomeBack(_)
        | Content::Message(_)
        | Content::Invitation(_)
        | Content::SignInLink(_) => {
            return BTreeSet::new();
        }
    };
    invoices.iter().map(|invoice| invoice.number.clone()).collect()
}

//! A letter as it would read today, of a client or of a sample: nothing is decided, queued or written for it.
//!
//! What a letter says of invoices and of the lock is the client's own, as things stand. What it says of one payment,
//! promise or plan, or of one person who signs in, is a sample's: which of them it would be is not known before there
//! is one. Its link is a sample too, and opens nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::account::Account;
use domain::id::InvoiceId;
use domain::letter::{
    Content, DebtKind, Language, Letter, LetterId, LetterKind, LetterState, Part, Sending,
};
use letters::facts::{self, LetterFacts};
use letters::samples;

use super::facts::Facts;
use super::link::PAY_LINK_PATH;
use crate::contacts::SIGN_IN_PATH;
use crate::execute::View;
use crate::firm::Firm;
use crate::wording::writer;

/// What stands where a token would: no token is that short, so it leads to a page that says so.
const SAMPLE_TOKEN: &str = "sample";

/// Why a letter can't be shown with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPreview {
    /// A letter about invoices has one.
    #[error("the client has no open invoice that such a letter could be about")]
    NoInvoices,
}

/// A letter of that kind as it would read today: with that client's facts, or a sample's.
///
/// # Errors
/// [`NoPreview`].
pub fn imagined(
    firm: &Firm,
    kind: LetterKind,
    language: Language,
    client: Option<&View>,
    public_url: &str,
    now: DateTime<Utc>,
) -> Result<LetterFacts, NoPreview> {
    let public_url = public_url.trim_end_matches('/');
    let settings = firm.settings();
    let reply_to = settings.reply_to.as_ref().or(settings.mail_from.as_ref());
    let reply_to = reply_to.map_or("letters@firm.test", String::as_str);
    let logo_url = firm.logo_path().map(|path| format!("{public_url}{path}"));
    let writer = writer(settings, reply_to, logo_url);
    let [sample, _] = samples(kind);
    let sample = LetterFacts { firm: writer.clone(), language, ..sample };
    let Some(view) = client else { return Ok(with_dead_links(sample, public_url)) };
    let account = &view.loaded.account;
    let real = about(kind, account, view);
    let Some(content) = real else {
        let client_name = account.profile.name.as_str().to_owned();
        return Ok(with_dead_links(
            LetterFacts { client_name, day: firm.day(now), ..sample },
            public_url,
        ));
    };
    let (content, invoices) = content?;
    let letter = Letter {
        id: LetterId(0),
        queued_on: view.day,
        leaves_on: view.day,
        content,
        state: LetterState::Queued,
    };
    let sending = Sending { on: view.day, kind, invoices, contact: 0, text: None, within: None };
    let link = format!("{public_url}{PAY_LINK_PATH}{SAMPLE_TOKEN}");
    let facts = Facts {
        link: Some(link),
        writer,
        language,
        public_url,
        account,
        view,
        letter: &letter,
        sending: &sending,
    };
    // Nothing of what is missing can be: no payment, plan or contact is named.
    facts.of_letter().map_err(|_| NoPreview::NoInvoices)
}

/// What a letter of that kind would be about, if the client's account alone says it.
fn about(
    kind: LetterKind,
    account: &Account,
    view: &View,
) -> Option<Result<(Content, BTreeSet<InvoiceId>), NoPreview>> {
    let debt = |kind: DebtKind| {
        let invoices = invoices(kind, account, view);
        if invoices.is_empty() {
            return Some(Err(NoPreview::NoInvoices));
        }
        let parts = vec![Part::new(kind, invoices.clone())];
        Some(Ok((Content::Debt { parts }, invoices)))
    };
    match kind {
        LetterKind::Reminder => debt(DebtKind::Reminder),
        LetterKind::LockNotice => debt(DebtKind::LockNotice),
        LetterKind::LimitNotice => debt(DebtKind::LimitNotice),
        LetterKind::CloseNotice => debt(DebtKind::CloseNotice),
        LetterKind::Notice => debt(DebtKind::Notice),
        LetterKind::DemandLetter => debt(DebtKind::DemandLetter),
        LetterKind::FinalDemand => debt(DebtKind::FinalDemand),
        LetterKind::PayLink => {
            let invoices = invoices(DebtKind::Notice, account, view);
            let to = account.profile.contacts.first().map(|contact| contact.address.clone());
            let to = to.unwrap_or_else(|| domain::text::Personal::new(""));
            Some(match invoices.is_empty() {
                true => Err(NoPreview::NoInvoices),
                false => Ok((Content::PayLink { invoices: invoices.clone(), to }, invoices)),
            })
        }
        LetterKind::WelcomeBack => Some(Ok((Content::WelcomeBack, BTreeSet::new()))),
        LetterKind::Receipt
        | LetterKind::PaymentFailed
        | LetterKind::PromiseConfirmation
        | LetterKind::PlanConfirmation
        | LetterKind::Message
        | LetterKind::Invitation
        | LetterKind::SignInLink => None,
    }
}

/// Those that it would be likeliest about: a reminder of what isn't due yet, anything else of what is overdue; else
/// of whatever something is asked for.
fn invoices(kind: DebtKind, account: &Account, view: &View) -> BTreeSet<InvoiceId> {
    let asked = || {
        let posted = account.open_invoices().filter(|invoice| invoice.is_posted(view.day));
        posted.filter(|invoice| !invoice.collectable().is_zero())
    };
    let reminds = kind == DebtKind::Reminder;
    let likely = asked().filter(|invoice| invoice.is_overdue(view.day) != reminds);
    let likely: BTreeSet<_> = likely.map(|invoice| invoice.id.clone()).collect();
    match likely.is_empty() {
        true => asked().map(|invoice| invoice.id.clone()).collect(),
        false => likely,
    }
}

/// A sample whose links lead to the firm's own system, and there to nothing.
fn with_dead_links(mut facts: LetterFacts, public_url: &str) -> LetterFacts {
    let pay = || Some(format!("{public_url}{PAY_LINK_PATH}{SAMPLE_TOKEN}"));
    match &mut facts.content {
        facts::Content::Reminder(debt)
        | facts::Content::LockNotice(debt)
        | facts::Content::LimitNotice(debt)
        | facts::Content::CloseNotice(debt)
        | facts::Content::Notice(debt)
        | facts::Content::PayLink(debt)
        | facts::Content::DemandLetter(debt, _)
        | facts::Content::FinalDemand(debt, _) => debt.link = pay(),
        facts::Content::WelcomeBack(back) => public_url.clone_into(&mut back.portal_link),
        facts::Content::Receipt(receipt) => receipt.link = pay(),
        facts::Content::PaymentFailed(failed) => failed.link = pay(),
        facts::Content::PromiseConfirmation(promise) => promise.link = pay(),
        facts::Content::PlanConfirmation(plan) => plan.link = pay(),
        facts::Content::Message(message) => public_url.clone_into(&mut message.portal_link),
        facts::Content::Invitation(link) | facts::Content::SignInLink(link) => {
            link.link = format!("{public_url}{SIGN_IN_PATH}{SAMPLE_TOKEN}");
            public_url.clone_into(&mut link.portal_link);
        }
    }
    facts
}

//! The acts of the story, each as the API or the gateway would have it done.
//!
//! What staff do is their command. A check or a phone payment is recorded by the billing lead; money by
//! card and bank comes from the sandbox: it is taken there, and the firm hears of it by a signed webhook.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use domain::command::{Command, News};
use domain::id::{ClientId, PaymentId, StaffId};
use domain::letter::{LetterKind, LetterState};
use domain::payment::Method;
use domain::rehearsal::{Deed, Entry, What};
use domain::role::{Actor, Role};
use gateways::stripe::currency::to_stripe;
use sandbox::stripe::{Act, PayBy};
use services::execute::{Caller, execute};
use services::firm::Firm;
use store::PageRequest;

use super::FIRM;
use super::story::Life;

/// Who puts in what comes from nobody else.
const BILLING_LEAD: &str = "bea";

/// How the id of a payment begins that staff record.
const STAFF_PAYMENT: &str = "staff:";

/// By which an act's payment is found again in the sandbox.
const STORY: &str = "story";

impl Life<'_> {
    /// Does what an entry says, under that name.
    pub(super) async fn act(&self, firm: &Firm, entry: &Entry, request: String) -> Result<()> {
        let What::Act(act) = &entry.what else { return Ok(()) };
        let (client, actor, command) = match &act.deed {
            Deed::Command { client, actor, command } => {
                (client, actor.clone(), (**command).clone())
            }
            Deed::Bounce { client, letter } => {
                let command = newest_letter(firm, client, *letter).await?;
                (client, Actor::Gateway, command)
            }
            Deed::DeliverAgain { .. }
            | Deed::Method { .. }
            | Deed::SetPolicy { .. }
            | Deed::ApproveRun { .. }
            | Deed::RefreshLedger
            | Deed::SkipEvaluation { .. } => {
                bail!("the demo's story has no {}", act.name)
            }
        };
        let (actor, command) = match command {
            Command::RecordPayment { payment, news } => match by_gateway(&news) {
                Some(by) => return self.pay(firm, client, &news, by, &request).await,
                None => {
                    let payment: PaymentId = format!("{STAFF_PAYMENT}{payment}").parse()?;
                    (billing_lead()?, Command::RecordPayment { payment, news })
                }
            },
            command @ (Command::IssueInvoice(_) | Command::IssueCreditNote { .. }) => {
                (billing_lead()?, command)
            }
            command => (actor, command),
        };
        let caller = Caller { actor, request_id: Some(request) };
        execute(firm, client, &command, &caller, self.now()).await?;
        Ok(())
    }

    /// Takes money in the sandbox, once, and lets its webhooks arrive.
    async fn pay(
        &self,
        firm: &Firm,
        client: &ClientId,
        news: &News,
        by: PayBy,
        request: &str,
    ) -> Result<()> {
        let News::Told { amount, invoices, .. } = news else { bail!("only payments are made") };
        if !self.is_taken(request)? {
            let (amount, currency) = to_stripe(*amount)?;
            let invoices: Vec<_> = invoices.iter().map(|invoice| invoice.as_str()).collect();
            let metadata = BTreeMap::from([
                ("firm".to_owned(), FIRM.to_owned()),
                ("client".to_owned(), client.to_string()),
                ("invoices".to_owned(), invoices.join(",")),
                (STORY.to_owned(), request.to_owned()),
            ]);
            self.sandbox.act(Act::Take { amount, currency, metadata, by })?;
        }
        self.sandbox.begin_day(firm.day(self.now())).await;
        let pending = self.pending_webhooks()?;
        ensure!(pending == 0, "{pending} webhooks of the sandbox were not taken");
        Ok(())
    }

    /// Whether the sandbox has an act's payment already.
    fn is_taken(&self, request: &str) -> Result<bool> {
        let book = serde_json::to_value(self.sandbox.snapshot())?;
        let payments = book["intents"].as_object().context("the sandbox's book has no payments")?;
        Ok(payments.values().any(|payment| payment["metadata"][STORY] == request))
    }

    fn pending_webhooks(&self) -> Result<usize> {
        let book = serde_json::to_value(self.sandbox.snapshot())?;
        let events = book["events"].as_object().context("the sandbox's book has no events")?;
        let is_pending =
            |event: &&serde_json::Value| event["pending_webhooks"].as_u64().is_some_and(|n| 0 < n);
        Ok(events.values().filter(is_pending).count())
    }
}

/// How the sandbox takes a payment; `None`: staff record it.
fn by_gateway(news: &News) -> Option<PayBy> {
    match news {
        News::Told { method: Method::Card, .. } => Some(PayBy::Card),
        News::Told { method: Method::Ach, .. } => Some(PayBy::Bank),
        News::Told { .. } | News::Refunded { .. } | News::Chargeback { .. } | News::Returned => {
            None
        }
    }
}

/// The newest letter of that kind that left came back.
async fn newest_letter(firm: &Firm, client: &ClientId, kind: LetterKind) -> Result<Command> {
    let letters = firm.store().letters(client, &PageRequest::default()).await?;
    let left = letters.items.into_iter().find(
        |row| matches!(&row.letter.state, LetterState::Left(sending) if sending.kind == kind),
    );
    let letter = left.with_context(|| format!("no letter {} of {client} left", kind.as_str()))?;
    Ok(Command::ReportBounce { letter: letter.letter.id, to: None })
}

pub(super) fn billing_lead() -> Result<Actor> {
    let id: StaffId = BILLING_LEAD.parse()?;
    Ok(Actor::Staff { id, roles: BTreeSet::from([Role::BillingLead]) })
}

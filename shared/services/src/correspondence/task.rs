//! One letter on its way: read with what it names, and its outcome noted in the account and beside it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::account::Account;
use domain::command::{Command, Needs};
use domain::id::ClientId;
use domain::letter::{Content, Letter, LetterId, LetterKind, LetterState, Sending, Within};
use domain::role::Actor;
use domain::text::Personal;
use store::{Delivery, DeliveryState, LetterRow, SentLetter};

use super::{LEDGER_WAIT, Outcome, STOP_WAIT, SendError, UNREAD_WAIT};
use crate::execute::{Caller, ExecuteError, View, execute, view};
use crate::firm::Firm;
use crate::papers::letter::is_on_paper;
use crate::wording::Wording;

/// How often the outcome is written before it is left to the lease.
const OUTCOME_TRIES: u32 = 3;

/// Between these.
const OUTCOME_PAUSE: Duration = Duration::from_millis(100);

/// How often the account may change while a letter's history is looked up.
const MAX_LOOKS: u32 = 8;

/// A letter's payment names invoices, and that is all: two looks find everything.
const MAX_LOOK_UPS: u32 = 3;

/// One letter of one client.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) firm: &'a Firm,
    pub(crate) client: &'a ClientId,
    pub(crate) id: LetterId,
    pub(crate) now: DateTime<Utc>,
}

impl Task<'_> {
    /// The letter, if it is queued, with the account and what of its history the letter names.
    pub(super) async fn queued(&self) -> Result<Option<(View, Letter)>, SendError> {
        let view = view(self.firm, self.client, self.now).await?;
        let letter = view.and_then(|view| view.loaded.account.letters.get(&self.id).cloned());
        let Some(letter) = letter else { return Ok(None) };
        Ok(Some((self.view(&letter).await?, letter)))
    }

    /// The account with what of its history the letter names.
    pub(super) async fn view(&self, letter: &Letter) -> Result<View, SendError> {
        for _ in 0..MAX_LOOKS {
            let view = view(self.firm, self.client, self.now).await?;
            let mut view = view.ok_or_else(|| self.no_letter())?;
            if self.look_up(&mut view, letter).await? {
                return Ok(view);
            }
        }
        Err(ExecuteError::Busy(self.client.clone()).into())
    }

    pub(super) async fn look_up(
        &self,
        view: &mut View,
        letter: &Letter,
    ) -> Result<bool, SendError> {
        for _ in 0..MAX_LOOK_UPS {
            let needs = history(&view.loaded.account, letter);
            if needs.is_empty() {
                break;
            }
            if !self.firm.store().look_up(&mut view.loaded, &needs).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// In whose words it is written, in the client's language or the firm's.
    pub(super) async fn wording(
        &self,
        account: &Account,
        sending: &Sending,
    ) -> Result<Wording, SendError> {
        let language = account.profile.language.unwrap_or(self.firm.settings().language);
        Ok(Wording::of(self.firm, sending.kind, language, sending.text.as_ref()).await?)
    }

    /// The firm's picture, where it stands on the paper of a letter of that kind.
    pub(super) async fn picture(&self, kind: LetterKind) -> Result<Option<Vec<u8>>, SendError> {
        let settings = self.firm.settings();
        match &settings.logo {
            Some(logo) if settings.attach_pdf && is_on_paper(kind) => {
                Ok(self.firm.store().logo(&logo.sha256).await?)
            }
            Some(_) | None => Ok(None),
        }
    }

    pub(super) async fn row(&self) -> Result<LetterRow, SendError> {
        let row = self.firm.store().letter(self.client, self.id).await?;
        row.ok_or_else(|| self.no_letter())
    }

    pub(super) fn no_letter(&self) -> SendError {
        SendError::NoLetter { client: self.client.clone(), letter: self.id }
    }

    /// What became of a letter that isn't queued any more; nothing is done about it here.
    pub(super) async fn not_queued(&self) -> Result<Outcome, SendError> {
        let row = self.row().await?;
        Ok(match (row.letter.state, row.delivery) {
            (LetterState::Withdrawn { .. }, _) => Outcome::Withdrawn,
            (LetterState::Left(_), Some(_)) => Outcome::Done,
            (LetterState::Left(_), None) | (LetterState::Queued, _) => Outcome::Busy,
        })
    }

    pub(super) async fn watch(&self, until: DateTime<Utc>) -> Result<(), SendError> {
        self.firm.store().watch_letter(self.client, self.id, until).await?;
        Ok(())
    }

    /// It surely didn't leave: again after a while, and at last a person looks.
    pub(super) async fn unsent(
        &self,
        sent: &SentLetter,
        wait: TimeDelta,
    ) -> Result<Outcome, SendError> {
        let store = self.firm.store();
        if store.letter_unsent(self.client, self.id, sent.attempts).await? {
            self.watch(self.now + wait).await?;
        }
        Ok(Outcome::Unsent(self.now + wait))
    }

    /// Claims it once more, as far as it is true by now (LET-4): as what it leaves, with the account at that claim;
    /// else what became of it.
    pub(super) async fn reclaim(
        &self,
        to: Option<Personal>,
    ) -> Result<Result<(Account, Sending), Outcome>, SendError> {
        self.claim_again(Command::ReclaimLetter { letter: self.id, to }).await
    }

    /// The same within another's message (LET-9).
    pub(super) async fn rejoin(
        &self,
        within: &Within,
        to: &Personal,
    ) -> Result<Result<(Account, Sending), Outcome>, SendError> {
        let (within, to) = (within.clone(), to.clone());
        self.claim_again(Command::JoinLetter { letter: self.id, within, to }).await
    }

    async fn claim_again(
        &self,
        command: Command,
    ) -> Result<Result<(Account, Sending), Outcome>, SendError> {
        let caller = Caller::new(Actor::Schedule);
        let executed = match execute(self.firm, self.client, &command, &caller, self.now).await {
            Err(ExecuteError::Refused(refusal)) if refusal.rule == "FRESH-1" => {
                self.watch(self.now + LEDGER_WAIT).await?;
                return Ok(Err(Outcome::LedgerOld));
            }
            Err(ExecuteError::Refused(refusal)) if refusal.rule == "LET-8" => {
                self.watch(self.now + UNREAD_WAIT).await?;
                return Ok(Err(Outcome::Unread));
            }
            Err(ExecuteError::Refused(refusal)) if refusal.rule == "LOCK-10" => {
                self.watch(self.now + STOP_WAIT).await?;
                return Ok(Err(Outcome::Stopped));
            }
            Err(ExecuteError::Refused(refusal)) if refusal.rule == "LET-9" => {
                return Ok(Err(Outcome::Busy)); // it goes to another address by now, by itself
            }
            executed => executed?,
        };
        let state = executed.account.letters.get(&self.id).map(|letter| letter.state.clone());
        Ok(match state {
            Some(LetterState::Left(sending)) => Ok((executed.account, sending)),
            Some(LetterState::Withdrawn { .. }) => Err(Outcome::Withdrawn),
            Some(LetterState::Queued) | None => Err(Outcome::Busy),
        })
    }

    /// It may have left, and is not true any more: it isn't sent again, and nothing is left for a person to do.
    pub(super) async fn untrue(&self, sha256: &str) -> Result<Outcome, SendError> {
        let problem = "nothing tells whether it left, and by now it is no longer true".to_owned();
        let hash = Some(sha256.to_owned());
        self.note(DeliveryState::Uncertain, None, hash, Some(problem)).await?;
        Ok(Outcome::Uncertain)
    }

    /// The address takes no mail: marked, and a debt letter goes to the next contact (LET-6, LET-10).
    pub(super) async fn bounced(&self, problem: &str) -> Result<Outcome, SendError> {
        let sent = self.firm.store().sent_letter(self.client, self.id).await?;
        let to = sent.map(|sent| sent.to);
        self.execute(Command::ReportBounce { letter: self.id, to }).await?;
        let problem = match problem {
            "" => "the address is none that mail can use",
            problem => problem,
        };
        self.note(DeliveryState::Failed, None, None, Some(problem.to_owned())).await?;
        Ok(Outcome::Undeliverable)
    }

    /// It can't be put into a message: a person looks.
    pub(super) async fn unwritten(&self, problem: String) -> Result<Outcome, SendError> {
        self.execute(Command::ReportStuckLetter { letter: self.id }).await?;
        self.note(DeliveryState::Failed, None, None, Some(problem)).await?;
        Ok(Outcome::Undeliverable)
    }

    /// Nobody knows whether it left: it isn't sent again, and a person looks (LET-4).
    pub(super) async fn uncertain(&self, sha256: &str) -> Result<Outcome, SendError> {
        self.execute(Command::ReportStuckLetter { letter: self.id }).await?;
        let hash = Some(sha256.to_owned()).filter(|hash| !hash.is_empty());
        let problem = "it was claimed, and nothing tells whether it left".to_owned();
        self.note(DeliveryState::Uncertain, None, hash, Some(problem)).await?;
        Ok(Outcome::Uncertain)
    }

    pub(super) async fn execute(&self, command: Command) -> Result<(), SendError> {
        let caller = Caller::new(Actor::Schedule);
        execute(self.firm, self.client, &command, &caller, self.now).await?;
        Ok(())
    }

    /// Writes the outcome. Should it get lost, the lease finds a letter that may have left.
    pub(super) async fn note(
        &self,
        state: DeliveryState,
        message_id: Option<String>,
        sha256: Option<String>,
        problem: Option<String>,
    ) -> Result<(), SendError> {
        let at = self.firm.now(self.now);
        let delivery = Delivery { state, at, message_id, sha256, problem };
        for tried in 1.. {
            match self.firm.store().letter_delivered(self.client, self.id, &delivery).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_passing() && tried < OUTCOME_TRIES => {
                    tokio::time::sleep(OUTCOME_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// What of the history a letter names: its payment, and the invoices that are closed by now.
fn history(account: &Account, letter: &Letter) -> Needs {
    let mut needs = Needs::default();
    match &letter.content {
        Content::Receipt { payment } | Content::PaymentFailed { payment } => {
            needs.payments.insert(payment.clone());
            if let Some(payment) = account.payments.get(payment) {
                needs.invoices.extend(payment.allocations.iter().map(|(id, _)| id.clone()));
                let named = payment.facts.iter().flat_map(|facts| facts.invoices.iter().cloned());
                needs.invoices.extend(named);
            }
        }
        Content::ChargeFailed { invoice, .. } => {
            needs.invoices.insert(invoice.clone());
        }
        Content::PromiseConfirmation { invoices, .. }
        | Content::PlanConfirmation { invoices }
        | Content::PayLink { invoices, .. } => {
            needs.invoices.extend(invoices.iter().cloned());
        }
        Content::Debt { .. }
        | Content::WelcomeBack
        | Content::LineWelcomeBack { .. }
        | Content::Message { .. } => {}
    }
    needs.invoices.retain(|id| !account.knows_invoice(id));
    needs.payments.retain(|id| !account.knows_payment(id));
    needs
}

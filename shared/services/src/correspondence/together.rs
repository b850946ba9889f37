//! Letters of several clients that go to one contact leave as one message (LET-9), where their policies say so.
//!
//! Each stays a letter of its own: claimed in a commit of its own client, against that account's version, so that one
//! client's payment withdraws its part and no other's (LET-4); written by itself, with its own link and paper. One of
//! them, the first by its client's id, stands for the message: mail programs and the mail service know its name alone,
//! and what is heard of it is heard of all ([`super::feedback`], [`crate::replies`]).
//!
//! What will be handed over is kept in one transaction over all of them, or not at all. So a letter that was claimed and
//! isn't in what was kept surely didn't leave within it, and goes by itself when its lease ends; and what is in it is
//! handed over once more, or looked at by a person, together. Outcomes are noted of the others first: where the one that
//! stands for the message has its own, all have.

use domain::account::Account;
use domain::decide::letters::sending;
use domain::id::ClientId;
use domain::letter::{Letter, LetterId, LetterState, Sending, Within};
use domain::text::Personal;
use futures::future::BoxFuture;
use identity::contact::Address;
use letters::{Attachment, Section, render_together};
use platform::mail::{MailError, Message, SentId};
use sha2::{Digest, Sha256};
use store::{AddressHash, DeliveryState, Kept, PayLink, SentLetter, StoreError};
use tracing::warn;

use super::sender::{self, Sender};
use super::{
    Correspondence, MAX_ATTEMPTS, Outcome, RUN_WAIT, SET_UP_WAIT, SendError, Task, Work,
    WriteError, Written, compose, feedback, is_set_up, wait, with_history,
};
use crate::execute::{View, view};
use crate::firm::CLAIM_LEASE;

/// The most letters of one message: their words are kept in one transaction, of at most 4 MB, and one of them may
/// have 350 KB. Further clients of the contact have a further message.
const MAX_TOGETHER: usize = 10;

/// What was written of a letter of a message, and what of it stood there before.
struct Part<'a, 'b> {
    work: &'b Work<'a>,
    written: Written,
    before: Option<u32>,
}

/// A letter that left in another's message: where it is, what it is, and what was sent of it.
type Carried = (Within, Letter, SentLetter);

/// A letter claimed anew, with the account that it is to leave of; else what became of it.
type Reclaimed = Result<(View, Account, Sending), Outcome>;

impl Correspondence {
    /// The letters that leave in one message with this one, itself among them, in the order of their clients' ids.
    /// Fewer than two: it leaves by itself.
    pub(super) fn company<'f>(
        &'f self,
        task: Task<'f>,
        view: &'f View,
        letter: &'f Letter,
    ) -> BoxFuture<'f, Result<Vec<Within>, SendError>> {
        Box::pin(async move {
            let Some(to) = address(view, letter) else { return Ok(Vec::new()) };
            let mut company = Vec::new();
            for client in clients_of(task, &to).await? {
                if client == *task.client {
                    company.push(Within { client, letter: task.id });
                    continue;
                }
                let other = Task { client: &client, ..task };
                if let Some(letter) = leaves_to(other, &to).await? {
                    company.push(Within { client, letter });
                }
            }
            let mut messages = company.chunks(MAX_TOGETHER);
            let own = messages.find(|some| some.iter().any(|one| one.client == *task.client));
            Ok(own.unwrap_or_default().to_vec())
        })
    }

    /// Whether letters that could be one message still come: the firm's run of that day is under way. Of a test firm
    /// nothing is waited for, since its clock stands still.
    pub(super) async fn may_be_joined(
        &self,
        task: Task<'_>,
        view: &View,
        letter: &Letter,
    ) -> Result<bool, SendError> {
        if address(view, letter).is_none() || task.firm.settings().is_test {
            return Ok(false);
        }
        let run = task.firm.store().day_run(view.day).await?;
        Ok(run.is_some_and(|run| {
            run.stage.is_working() && task.firm.now(task.now) < run.began_at + RUN_WAIT
        }))
    }

    /// Claims each of them and hands them over in one message; what became of the one that was asked for.
    pub(super) fn send_together<'f>(
        &'f self,
        task: Task<'f>,
        sender: &'f Sender,
        company: &'f [Within],
    ) -> BoxFuture<'f, Result<Outcome, SendError>> {
        Box::pin(async move {
            let mut works: Vec<Work<'_>> = Vec::new();
            let mut own = Ok(Outcome::Busy);
            for one in company {
                let other = Task { client: &one.client, id: one.letter, ..task };
                let lead = works.first().map(|lead| (stands(lead.task), lead.address()));
                let claimed = match other.queued().await {
                    Ok(Some((view, letter))) => {
                        self.claim(other, sender, (view, letter), lead.as_ref()).await
                    }
                    Ok(None) => other.not_queued().await.map(Err),
                    Err(error) => Err(error),
                };
                match claimed {
                    Ok(Ok(work)) => works.push(work),
                    claimed if is_same(other, task) => {
                        own = claimed.and_then(|left| left.err().map_or(Ok(Outcome::Busy), Ok))
                    }
                    // Another sender is at this message, and takes this one with it.
                    Ok(Err(Outcome::Busy)) if works.is_empty() => return Ok(Outcome::Busy),
                    Ok(Err(_)) => {}
                    // The others' messages come again by themselves.
                    Err(error) => {
                        warn!(client.id = %one.client, "Left letter {} out of a message: {error}", one.letter.0)
                    }
                }
            }
            let is_in = works.iter().any(|work| is_same(work.task, task));
            let outcome = match works.as_slice() {
                [] => return own,
                [one] => self.first(one, 0).await,
                _ => {
                    let all: Vec<_> = works.iter().map(|work| (work, None)).collect();
                    self.hand_over_all(&all, false).await
                }
            };
            if is_in { outcome } else { outcome.and(own) }
        })
    }

    /// Looks after a letter that was in another's message: whatever becomes of that one is its own outcome. `None`: that
    /// message isn't handed over any more, or not with it.
    pub(super) fn look_after_carried<'f>(
        &'f self,
        task: Task<'f>,
        within: &'f Within,
    ) -> BoxFuture<'f, Result<Option<Outcome>, SendError>> {
        Box::pin(async move {
            let look = self.look_after(task.firm, &within.client, within.letter, task.now);
            let outcome = Box::pin(look).await?;
            if task.row().await?.delivery.is_some() {
                return Ok(Some(outcome));
            }
            Ok(match outcome {
                Outcome::Withdrawn
                | Outcome::LedgerOld
                | Outcome::Unread
                | Outcome::Done
                | Outcome::Sent
                | Outcome::Undeliverable
                | Outcome::Uncertain => None,
                Outcome::Waits(_)
                | Outcome::Stopped
                | Outcome::NotSetUp(_)
                | Outcome::Busy
                | Outcome::Unsent(_)
                | Outcome::Open => Some(outcome),
            })
        })
    }

    /// In whose message a letter is, as that was kept.
    pub(super) async fn carrier(
        &self,
        task: Task<'_>,
        sent: Option<&SentLetter>,
    ) -> Result<Option<Within>, SendError> {
        let Some((sent, within)) = sent.and_then(|sent| Some((sent, sent.within.as_ref()?))) else {
            return Ok(None);
        };
        let store = task.firm.store();
        let lead = store.sent_letter(&within.client, within.letter).await?;
        let carries = |lead: &SentLetter| {
            lead.message_id == sent.message_id && lead.together.contains(&stands(task))
        };
        Ok(lead.is_some_and(|lead| carries(&lead)).then(|| within.clone()))
    }

    /// The other letters of a message of which nothing was heard: those that are still in it, and stand for nothing else.
    pub(super) fn carried<'f>(
        &'f self,
        task: Task<'f>,
        sent: &'f SentLetter,
    ) -> BoxFuture<'f, Result<Vec<Carried>, SendError>> {
        Box::pin(async move {
            let mut carried = Vec::new();
            for one in &sent.together {
                let store = task.firm.store();
                let Some(row) = store.letter(&one.client, one.letter).await? else { continue };
                let known = store.sent_letter(&one.client, one.letter).await?;
                let known = known.filter(|known| {
                    known.message_id == sent.message_id && known.within == Some(stands(task))
                });
                if let (LetterState::Left(_), None, Some(known)) =
                    (&row.letter.state, &row.delivery, known)
                {
                    carried.push((one.clone(), row.letter, known));
                }
            }
            Ok(carried)
        })
    }

    /// Hands a message over once more, less what is no longer true of it by now (LET-4).
    pub(super) fn again_together<'f>(
        &'f self,
        task: Task<'f>,
        (letter, sent): (Letter, SentLetter),
        may_have_left: bool,
    ) -> BoxFuture<'f, Result<Outcome, SendError>> {
        Box::pin(async move {
            let sender = match Sender::of(task.firm.settings()) {
                Ok(sender) => sender,
                Err(error) => {
                    task.watch(task.now + SET_UP_WAIT).await?;
                    return Ok(Outcome::NotSetUp(error));
                }
            };
            let carried = self.carried(task, &sent).await?;
            if MAX_ATTEMPTS <= sent.attempts {
                for (one, _, known) in &carried {
                    one_of(task, one).uncertain(&known.sha256).await?;
                }
                return task.uncertain(&sent.sha256).await;
            }
            let lead = match self.reclaimed(task, (&letter, &sent), may_have_left, None).await? {
                Ok((view, account, sending)) => {
                    work(task, &sender, view, account, letter, sending).await?
                }
                Err(outcome) => return Ok(outcome), // the others go by themselves
            };
            let within = (stands(task), lead.address());
            let mut works = vec![(lead, sent)];
            for (one, letter, known) in &carried {
                let other = one_of(task, one);
                let claim =
                    self.reclaimed(other, (letter, known), may_have_left, Some(&within)).await?;
                if let Ok((view, account, sending)) = claim {
                    let work = work(other, &sender, view, account, letter.clone(), sending).await?;
                    works.push((work, known.clone()));
                }
            }
            match works.as_slice() {
                [(one, sent)] => self.once_more(one, sent).await,
                several => {
                    let all: Vec<_> =
                        several.iter().map(|(work, known)| (work, Some(known))).collect();
                    self.hand_over_all(&all, true).await
                }
            }
        })
    }

    /// Claims one of them anew; else what became of it.
    fn reclaimed<'f>(
        &'f self,
        task: Task<'f>,
        (letter, sent): (&'f Letter, &'f SentLetter),
        may_have_left: bool,
        within: Option<&'f (Within, Personal)>,
    ) -> BoxFuture<'f, Result<Reclaimed, SendError>> {
        Box::pin(async move {
            let view = task.view(letter).await?;
            let policy = &view.policy.policy;
            let ready_at = task.firm.outside_quiet_hours(view.day, policy, task.now);
            if task.firm.now(task.now) < ready_at {
                if !task.firm.settings().is_test {
                    task.watch(ready_at).await?;
                }
                return Ok(Err(Outcome::Waits(ready_at)));
            }
            if may_have_left && sending(&view.loaded.account, policy, letter, view.day).is_none() {
                return task.untrue(&sent.sha256).await.map(Err);
            }
            let claimed = match within {
                None => task.reclaim(Some(sent.to.clone())).await?,
                Some((within, to)) => task.rejoin(within, to).await?,
            };
            Ok(claimed.map(|(account, sending)| {
                let account = with_history(account, view.loaded.account.clone());
                (view, account, sending)
            }))
        })
    }

    /// Writes, keeps and hands over one message of several letters, the first of which stands for it.
    fn hand_over_all<'f>(
        &'f self,
        works: &'f [(&'f Work<'f>, Option<&'f SentLetter>)],
        is_watched: bool,
    ) -> BoxFuture<'f, Result<Outcome, SendError>> {
        Box::pin(async move {
            let mut parts = Vec::new();
            for (index, (work, known)) in works.iter().enumerate() {
                let link = self.known_link(work.task, *known).await?;
                match self.written(work, known.map(|known| (known, link))) {
                    Ok(written) => {
                        let before = known.map(|known| known.attempts);
                        parts.push(Part { work, written, before });
                    }
                    Err(error) => {
                        let outcome = work.unwritten(&error).await?;
                        if index == 0 {
                            return Ok(outcome); // the others go by themselves when their leases end
                        }
                    }
                }
            }
            let known = works.first().and_then(|(_, known)| *known);
            let (subject, mime) = match sealed(&mut parts, known) {
                Ok(sealed) => sealed,
                Err(error) => {
                    let mut outcome = Outcome::Undeliverable;
                    for part in parts.iter().rev() {
                        outcome = part.work.unwritten(&error).await?;
                    }
                    return Ok(outcome);
                }
            };
            let Some(lead) = parts.first() else { return Ok(Outcome::Busy) };
            let (task, store) = (lead.work.task, lead.work.task.firm.store());
            for link in parts.iter().filter_map(|part| part.written.link.as_ref()) {
                store.add_pay_link(link).await?;
            }
            self.expect_answers(task, &lead.written.sent).await?;
            let kept: Vec<_> = parts.iter().map(Part::kept).collect();
            if !store.keep_letters(&kept).await? {
                return Ok(Outcome::Busy);
            }
            if is_watched {
                for part in parts.iter().rev() {
                    part.work.task.watch(task.now + CLAIM_LEASE).await?;
                }
            }
            self.post_all(&parts, subject, mime).await
        })
    }

    async fn post_all(
        &self,
        parts: &[Part<'_, '_>],
        subject: String,
        raw_mime: Vec<u8>,
    ) -> Result<Outcome, SendError> {
        let Some(lead) = parts.first() else { return Ok(Outcome::Busy) };
        let (task, sent) = (lead.work.task, &lead.written.sent);
        let message = Message {
            from: sent.from.clone(),
            to: sent.to.as_str().to_owned(),
            reply_to: sent.reply_to.clone(),
            subject,
            raw_mime,
            message_id: sent.message_id.clone(),
            configuration: self.configuration.clone(),
            about: Some(feedback::about_letter(task.firm.id(), task.client, task.id)),
        };
        let others_first = || parts.iter().rev();
        match self.mail.send(&message).await {
            Ok(SentId(id)) => {
                self.expect_answers_to(task, &id).await?;
                for part in others_first() {
                    let hash = Some(part.written.sent.sha256.clone());
                    let task = part.work.task;
                    task.note(DeliveryState::Sent, Some(id.clone()), hash, None).await?;
                }
                Ok(Outcome::Sent)
            }
            Err(MailError::Throttled { .. } | MailError::Down(_)) => {
                let until = wait(sent.attempts);
                for part in others_first() {
                    part.work.task.unsent(&part.written.sent, until).await?;
                }
                Ok(Outcome::Unsent(task.now + until))
            }
            Err(MailError::Unanswered(_)) => Ok(Outcome::Open),
            Err(MailError::Rejected { code, detail }) if is_set_up(&code, &detail) => {
                warn!(firm.id = %task.firm.id(), "The mail service refuses firm {} ({code})", task.firm.id());
                for part in others_first() {
                    part.work.task.unsent(&part.written.sent, SET_UP_WAIT).await?;
                }
                Ok(Outcome::NotSetUp(super::SetUpError::Refused))
            }
            Err(MailError::Rejected { code, detail }) => {
                for part in others_first() {
                    part.work.task.bounced(&format!("{code}: {detail}")).await?;
                }
                Ok(Outcome::Undeliverable)
            }
        }
    }

    /// The link that a letter had before.
    pub(super) async fn known_link(
        &self,
        task: Task<'_>,
        known: Option<&SentLetter>,
    ) -> Result<Option<PayLink>, StoreError> {
        match known.and_then(|known| known.link.as_ref()) {
            Some(hash) => task.firm.store().pay_link(task.client, hash).await,
            None => Ok(None),
        }
    }
}

impl Part<'_, '_> {
    fn kept(&self) -> Kept<'_> {
        let task = self.work.task;
        Kept { client: task.client, letter: task.id, sent: &self.written.sent, before: self.before }
    }
}

/// Makes one message of them, under one name, and writes into each what it is a part of; its subject and its bytes.
fn sealed(
    parts: &mut [Part<'_, '_>],
    known: Option<&SentLetter>,
) -> Result<(String, Vec<u8>), WriteError> {
    let all: Vec<_> = parts.iter().map(|part| stands(part.work.task)).collect();
    let (Some(stands), Some(lead)) = (all.first(), parts.first()) else {
        return Err(letters::LetterError::NoInvoices.into());
    };
    let (work, mut sent) = (lead.work, lead.written.sent.clone());
    let settings = work.task.firm.settings();
    let is_as_before = known.is_some_and(|known| known.together[..] == all[1..]);
    sent.message_id = match known.filter(|_| is_as_before) {
        Some(known) => known.message_id.clone(),
        None => {
            let names = all.iter().map(|one| format!("{}#{}", one.client, one.letter.0));
            let names = names.collect::<Vec<_>>().join("+");
            let name = format!("{}#together#{names}", work.task.firm.id());
            sender::message_id(work.task.firm.id(), &name, &work.sender)
        }
    };
    // The strongest first: it gives the message its subject.
    let mut order: Vec<_> = parts.iter().collect();
    order.sort_by_key(|part| std::cmp::Reverse(part.work.sending.kind));
    let kind = order.first().map_or(work.sending.kind, |part| part.work.sending.kind);
    let section = |part: &&Part<'_, '_>| -> (String, _) {
        (part.work.account.profile.name.as_str().to_owned(), part.work.wording.language())
    };
    let names: Vec<_> = order.iter().map(section).collect();
    let sections: Vec<_> = order
        .iter()
        .zip(&names)
        .map(|(part, (client, language))| Section {
            client,
            language: *language,
            letter: &part.written.rendered,
        })
        .collect();
    let rendered = render_together(&settings.name, &sections)?;
    let papers: Vec<Attachment> =
        order.iter().filter_map(|part| part.written.paper.clone()).collect();
    let mime = compose(settings, kind, &sent, &rendered, &papers)?;
    let sha256 = hex::encode(Sha256::digest(&mime));
    let (stands, others) = (stands.clone(), all[1..].to_vec());
    for (index, part) in parts.iter_mut().enumerate() {
        let own = &mut part.written.sent;
        own.message_id.clone_from(&sent.message_id);
        own.reply_to.clone_from(&sent.reply_to);
        own.dated = sent.dated;
        own.sha256.clone_from(&sha256);
        (own.within, own.together) = match index {
            0 => (None, others.clone()),
            _ => (Some(stands.clone()), Vec::new()),
        };
    }
    Ok((rendered.subject, mime))
}

async fn work<'a>(
    task: Task<'a>,
    sender: &Sender,
    view: View,
    account: Account,
    letter: Letter,
    sending: Sending,
) -> Result<Work<'a>, SendError> {
    let wording = task.wording(&account, &sending).await?;
    let logo = task.picture(sending.kind).await?;
    Ok(Work { task, sender: sender.clone(), view, account, letter, sending, wording, logo })
}

/// The address that a letter goes to, where it may leave within one message with those of other clients.
fn address(view: &View, letter: &Letter) -> Option<Personal> {
    let consolidates = view.policy.policy.letters.consolidate_over_clients;
    if !(consolidates && letter.content.is_debt()) {
        return None;
    }
    let account = &view.loaded.account;
    let contact = account.profile.contacts.get(account.deliverable()?)?;
    Some(contact.address.clone())
}

/// The clients for which the contact of that address acts: none, where it is nobody's who was ever invited.
async fn clients_of(task: Task<'_>, to: &Personal) -> Result<Vec<ClientId>, SendError> {
    let Ok(address) = to.as_str().parse::<Address>() else { return Ok(Vec::new()) };
    let store = task.firm.store();
    let hash = AddressHash::of(task.firm.id(), address.as_str());
    let Some(contact) = store.contact_at(&hash).await? else { return Ok(Vec::new()) };
    let Some(contact) = store.load_contact(&contact).await? else { return Ok(Vec::new()) };
    Ok(contact.contact.facts.clients.into_iter().collect())
}

/// The letter of that client that leaves now, to that address, and may leave with others.
async fn leaves_to(task: Task<'_>, to: &Personal) -> Result<Option<LetterId>, SendError> {
    let Some(view) = view(task.firm, task.client, task.now).await? else { return Ok(None) };
    let policy = &view.policy.policy;
    let leaves = |letter: &&Letter| {
        let goes_to = address(&view, letter);
        letter.state == LetterState::Queued
            && goes_to.is_some_and(|known| known.as_str().eq_ignore_ascii_case(to.as_str()))
            && task.firm.outside_quiet_hours(letter.leaves_on, policy, task.now)
                <= task.firm.now(task.now)
    };
    let letter = view.loaded.account.letters.values().find(leaves);
    Ok(letter.map(|letter| letter.id))
}

/// As others name it.
fn stands(task: Task<'_>) -> Within {
    Within { client: task.client.clone(), letter: task.id }
}

fn one_of<'a>(task: Task<'a>, one: &'a Within) -> Task<'a> {
    Task { client: &one.client, id: one.letter, ..task }
}

fn is_same(one: Task<'_>, other: Task<'_>) -> bool {
    (one.client, one.id) == (other.client, other.id)
}

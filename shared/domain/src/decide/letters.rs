//! Letters: queued, joined, claimed or withdrawn, come back (LET-4, LET-5, LET-6, LET-9, LET-10).

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::Decision;
use super::notice::may_be_locked;
use crate::account::Account;
use crate::calendar::{Day, for_person};
use crate::event::Event;
use crate::id::InvoiceId;
use crate::letter::{
    Content, DebtKind, Letter, LetterId, LetterKind, LetterState, Part, Sending, Within,
};
use crate::limit::limits;
use crate::lock::Scope;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::task::About;
use crate::text::Personal;

impl Decision<'_> {
    /// Queues a letter that isn't about a debt; without an address there is none.
    pub(super) fn queue_letter(&mut self, content: Content) {
        if self.account.deliverable().is_some() {
            let leaves_on = self.day();
            self.queue(content, leaves_on);
        }
    }

    /// Queues a debt letter, or joins it to the one that leaves that day (LET-9).
    pub(super) fn queue_debt_letter(
        &mut self,
        kind: DebtKind,
        invoices: BTreeSet<InvoiceId>,
        episode: Option<u32>,
    ) -> Option<LetterId> {
        self.queue_debt_part(Part { episode, ..Part::new(kind, invoices) })
    }

    /// The same, as a part that says more.
    pub(super) fn queue_debt_part(&mut self, part: Part) -> Option<LetterId> {
        self.account.deliverable()?;
        let leaves_on = match self.policy().letters.working_days_only {
            true => self.policy().working_days.on_or_after(self.day()),
            false => self.day(),
        };
        let queued = self.account.letters.values().find(|letter| {
            letter.state == LetterState::Queued
                && letter.content.is_debt()
                && self.leaves_with(letter, leaves_on)
        });
        match queued.map(|letter| letter.id) {
            Some(letter) => {
                self.emit(Event::LetterExtended { letter, part });
                Some(letter)
            }
            None => Some(self.queue(Content::Debt { parts: vec![part] }, leaves_on)),
        }
    }

    /// Whether a letter that leaves then takes up what leaves on that day: one of the same day does, and one that
    /// may have waited until today for a fresh ledger (FRESH-1, LET-9).
    fn leaves_with(&self, letter: &Letter, leaves_on: Day) -> bool {
        match letter.leaves_on.cmp(&leaves_on) {
            Ordering::Less => self.context.ledger.is_some() && leaves_on == self.day(),
            Ordering::Equal => true,
            Ordering::Greater => false,
        }
    }

    pub(super) fn queue(&mut self, content: Content, leaves_on: Day) -> LetterId {
        let id = LetterId(self.account.next_number);
        let letter =
            Letter { id, queued_on: self.day(), leaves_on, content, state: LetterState::Queued };
        self.emit(Event::LetterQueued(letter));
        id
    }

    /// A queued letter is about to leave: as far as it is still true, else it is withdrawn (LET-4).
    pub(super) fn claim_letter(&mut self, id: LetterId) -> Result<(), Refusal> {
        let Some(letter) = self.account.letters.get(&id) else {
            return Err(Refusal::not_found("LET-4", format!("there is no letter {}", id.0)));
        };
        if letter.state != LetterState::Queued {
            return Ok(()); // somebody was faster
        }
        let on = self.day();
        if on < letter.leaves_on {
            let text = format!("letter {} leaves on {}", id.0, for_person(letter.leaves_on));
            return Err(Refusal::conflict("LET-5", text));
        }
        self.claim(id, sending(&self.account, self.policy(), letter, on))
    }

    /// A letter that was claimed and for all that is known didn't leave is about to be handed over once more. No
    /// letter leaves after the payment's commit, so it is claimed anew: as on that day, or withdrawn (LET-4).
    pub(super) fn reclaim_letter(
        &mut self,
        id: LetterId,
        to: Option<&Personal>,
    ) -> Result<(), Refusal> {
        let Some(letter) = self.account.letters.get(&id) else {
            return Err(Refusal::not_found("LET-4", format!("there is no letter {}", id.0)));
        };
        let LetterState::Left(_) = letter.state else { return Ok(()) };
        self.claim(id, sending_to(&self.account, self.policy(), letter, self.day(), to))
    }

    /// A letter about a debt is about to leave within another client's message (LET-9): as it would by itself, and to
    /// no other address.
    pub(super) fn join_letter(
        &mut self,
        id: LetterId,
        within: &Within,
        to: &Personal,
    ) -> Result<(), Refusal> {
        let Some(letter) = self.account.letters.get(&id) else {
            return Err(Refusal::not_found("LET-4", format!("there is no letter {}", id.0)));
        };
        let on = self.day();
        let is_queued = match letter.state {
            LetterState::Queued => true,
            LetterState::Left(_) => false,
            LetterState::Withdrawn { .. } => return Ok(()),
        };
        if !letter.content.is_debt() {
            let text = format!("letter {} is about no debt, so it leaves by itself", id.0);
            return Err(Refusal::conflict("LET-9", text));
        }
        if is_queued && on < letter.leaves_on {
            let text = format!("letter {} leaves on {}", id.0, for_person(letter.leaves_on));
            return Err(Refusal::conflict("LET-5", text));
        }
        let known = if is_queued { None } else { Some(to) };
        let sending = sending_to(&self.account, self.policy(), letter, on, known);
        if let Some(sending) = &sending {
            let contact = self.account.profile.contacts.get(sending.contact as usize);
            if contact
                .is_none_or(|contact| !contact.address.as_str().eq_ignore_ascii_case(to.as_str()))
            {
                let text = format!("letter {} goes to another address", id.0);
                return Err(Refusal::conflict("LET-9", text));
            }
        }
        self.claim(id, sending.map(|sending| Sending { within: Some(within.clone()), ..sending }))
    }

    fn claim(&mut self, id: LetterId, sending: Option<Sending>) -> Result<(), Refusal> {
        let on = self.day();
        match sending {
            Some(_) if self.is_stopped() => {
                let text = format!("letter {} waits: the firm stopped locks and letters", id.0);
                return Err(Refusal::conflict("LOCK-10", text));
            }
            Some(sending) => {
                if let Some(ledger) = self.stale_ledger().filter(|_| is_harsh(sending.kind)) {
                    let text = format!("letter {} waits: the ledger {}", id.0, ledger.age());
                    return Err(Refusal::conflict("FRESH-1", text));
                }
                if self.account.waits_for_reader(on) && is_harsh(sending.kind) {
                    let text = format!(
                        "letter {} waits: what the client wrote was not read before today",
                        id.0
                    );
                    return Err(Refusal::conflict("LET-8", text));
                }
                let state = LetterState::Left(sending.clone());
                if self.account.letters.get(&id).is_none_or(|letter| letter.state != state) {
                    self.emit(Event::LetterLeft { letter: id, sending });
                }
            }
            None => self.emit(Event::LetterWithdrawn { letter: id, on }),
        }
        Ok(())
    }

    /// The address takes no more mail, what went there warned nobody, and a debt letter goes to the
    /// next contact (LET-6, LET-10).
    pub(super) fn report_bounce(
        &mut self,
        id: LetterId,
        to: Option<&Personal>,
    ) -> Result<(), Refusal> {
        let Some(letter) = self.account.letters.get(&id) else {
            return Err(Refusal::not_found("LET-6", format!("there is no letter {}", id.0)));
        };
        let LetterState::Left(sending) = letter.state.clone() else {
            return Err(Refusal::conflict("LET-6", format!("letter {} has not left", id.0)));
        };
        let contacts = &self.account.profile.contacts;
        // By its number alone, another address would be marked where the list was changed since.
        let place = match to {
            Some(to) => contacts.iter().position(|known| known.address == *to),
            None => Some(sending.contact as usize),
        };
        let known = place.and_then(|place| contacts.get(place));
        if known.is_none_or(|contact| contact.is_bounced) && !self.warns(id) {
            return Ok(()); // told before
        }
        let contact = u32::try_from(place.unwrap_or(contacts.len())).unwrap_or(u32::MAX);
        self.emit(Event::AddressBounced { contact, letter: id });
        if place.is_some() && !self.has_task(|about| matches!(about, About::BouncedAddress { contact: known, .. } if *known == contact)) {
            self.open_task(About::BouncedAddress { contact, letter: id });
        }
        self.send_again(&sending);
        Ok(())
    }

    /// Whether a demand left can't be told: it is never sent twice, a person looks (LET-4).
    pub(super) fn report_stuck_letter(&mut self, id: LetterId) -> Result<(), Refusal> {
        let state = self.account.letters.get(&id).map(|letter| &letter.state);
        if !matches!(state, Some(LetterState::Left(_))) {
            return Err(Refusal::conflict("LET-4", format!("letter {} was not claimed", id.0)));
        }
        if !self.has_task(|about| *about == About::LetterStuck { letter: id }) {
            self.open_task(About::LetterStuck { letter: id });
        }
        Ok(())
    }

    fn warns(&self, letter: LetterId) -> bool {
        let mut warnings = self.account.invoices.values().flat_map(|invoice| &invoice.warnings);
        warnings.any(|warning| warning.letter == letter)
    }

    fn send_again(&mut self, sending: &Sending) {
        let kind = match sending.kind {
            LetterKind::LockNotice => DebtKind::LockNotice,
            LetterKind::LimitNotice => DebtKind::LimitNotice,
            LetterKind::CloseNotice => DebtKind::CloseNotice,
            LetterKind::Notice => DebtKind::Notice,
            LetterKind::DemandLetter => DebtKind::DemandLetter,
            LetterKind::FinalDemand => DebtKind::FinalDemand,
            LetterKind::Reminder
            | LetterKind::WelcomeBack
            | LetterKind::Receipt
            | LetterKind::PaymentFailed
            | LetterKind::PromiseConfirmation
            | LetterKind::PlanConfirmation
            | LetterKind::PayLink
            | LetterKind::Message
            | LetterKind::Invitation
            | LetterKind::SignInLink => return,
        };
        let invoices = collected(&self.account, self.policy(), &sending.invoices, self.day());
        if !invoices.is_empty() {
            let text = sending.text.clone();
            self.queue_debt_part(Part { text, ..Part::new(kind, invoices) });
        }
    }
}

/// As what a letter would leave on that day: a debt letter over the invoices that are still
/// collected, as the strongest kind that is still true; nothing if none is.
pub fn sending(account: &Account, policy: &Policy, letter: &Letter, day: Day) -> Option<Sending> {
    sending_to(account, policy, letter, day, None)
}

/// The same, of a letter that was written to that address.
fn sending_to(
    account: &Account,
    policy: &Policy,
    letter: &Letter,
    day: Day,
    to: Option<&Personal>,
) -> Option<Sending> {
    if account.closed.is_some()
        && !matches!(
            letter.content,
            Content::Receipt { .. } | Content::PayLink { .. } | Content::Message { .. }
        )
    {
        return None; // CLOSE-1
    }
    let contact = match &letter.content {
        Content::PayLink { to, .. } => account.reachable_at(to)?,
        _ => to.and_then(|to| account.reachable_at(to)).or_else(|| account.deliverable())?,
    };
    let contact = u32::try_from(contact).ok()?;
    let mut text = None;
    let (kind, invoices) = match &letter.content {
        Content::Debt { parts } => {
            let (strongest, invoices) = debt(account, policy, parts, day)?;
            text = strongest.text.clone();
            (strongest.kind.into(), invoices)
        }
        Content::WelcomeBack if account.has_lock_on(&Scope::Client) => return None,
        Content::LineWelcomeBack { line } if account.has_lock_on(&Scope::Line(line.clone())) => {
            return None;
        }
        Content::WelcomeBack | Content::LineWelcomeBack { .. } => {
            (LetterKind::WelcomeBack, BTreeSet::new())
        }
        Content::Receipt { payment } => (LetterKind::Receipt, paid_by(account, payment)),
        Content::PaymentFailed { payment } => {
            (LetterKind::PaymentFailed, paid_by(account, payment))
        }
        // Paid by now, or nothing that is asked for: nothing is left to be done about it.
        Content::ChargeFailed { invoice, .. } => {
            (LetterKind::PaymentFailed, asked_for(account, &BTreeSet::from([invoice.clone()]))?)
        }
        Content::PromiseConfirmation { .. } | Content::PlanConfirmation { .. }
            if is_confirmed_later(account, letter) =>
        {
            return None;
        }
        Content::PromiseConfirmation { invoices, until } => {
            (LetterKind::PromiseConfirmation, promised(account, invoices, *until, day)?)
        }
        Content::PlanConfirmation { invoices } => {
            (LetterKind::PlanConfirmation, planned(account, invoices)?)
        }
        Content::PayLink { .. } if account.hard_stop.is_some() => return None,
        Content::PayLink { invoices, .. } => (LetterKind::PayLink, asked_for(account, invoices)?),
        Content::Message { .. } => (LetterKind::Message, BTreeSet::new()),
    };
    Some(Sending { on: day, kind, invoices, contact, text, within: None })
}

/// Whether it asks for more than a reminder does (FRESH-1, LET-8).
fn is_harsh(kind: LetterKind) -> bool {
    match kind {
        LetterKind::LockNotice
        | LetterKind::LimitNotice
        | LetterKind::CloseNotice
        | LetterKind::Notice
        | LetterKind::DemandLetter
        | LetterKind::FinalDemand => true,
        LetterKind::Reminder
        | LetterKind::WelcomeBack
        | LetterKind::Receipt
        | LetterKind::PaymentFailed
        | LetterKind::PromiseConfirmation
        | LetterKind::PlanConfirmation
        | LetterKind::PayLink
        | LetterKind::Message
        | LetterKind::Invitation
        | LetterKind::SignInLink => false,
    }
}

/// The strongest part that is still true, and the invoices of all that are (LET-9). Of several that are as strong
/// the first is it that has a text of its own.
fn debt<'a>(
    account: &Account,
    policy: &Policy,
    parts: &'a [Part],
    day: Day,
) -> Option<(&'a Part, BTreeSet<InvoiceId>)> {
    let runs = |episode: u32| account.locks.values().any(|lock| lock.episode == episode);
    let mut strongest: Option<&Part> = None;
    let mut invoices = BTreeSet::new();
    let rank = |part: &Part| (part.kind, part.text.is_some());
    for part in parts.iter().filter(|part| part.episode.is_none_or(runs)) {
        let mut still = collected(account, policy, &part.invoices, day);
        still.retain(|invoice| still_comes(account, policy, part.kind, invoice));
        if !still.is_empty() {
            strongest = Some(strongest.filter(|known| rank(part) <= rank(known)).unwrap_or(part));
            invoices.extend(still);
        }
    }
    strongest.map(|part| (part, invoices))
}

/// Whether what an advance notice announces is still to come for that invoice.
fn still_comes(account: &Account, policy: &Policy, kind: DebtKind, invoice: &InvoiceId) -> bool {
    let Some(invoice) = account.invoices.get(invoice) else { return false };
    match kind {
        DebtKind::LockNotice => may_be_locked(account, policy, invoice),
        DebtKind::LimitNotice => {
            let mut limits = limits(policy, invoice);
            limits.any(|(key, _, _)| !invoice.steps.contains_key(&key))
        }
        DebtKind::CloseNotice
        | DebtKind::Reminder
        | DebtKind::Notice
        | DebtKind::DemandLetter
        | DebtKind::FinalDemand => true,
    }
}

fn collected(
    account: &Account,
    policy: &Policy,
    invoices: &BTreeSet<InvoiceId>,
    day: Day,
) -> BTreeSet<InvoiceId> {
    let view = account.collection(policy, day);
    let known = invoices.iter().filter_map(|id| account.invoices.get(id));
    known.filter(|invoice| view.collects(invoice)).map(|invoice| invoice.id.clone()).collect()
}

/// Whether a letter that was decided after it, and leaves as well, says the same: of a promise or a plan that was
/// replaced and then made again.
fn is_confirmed_later(account: &Account, letter: &Letter) -> bool {
    let mut letters = account.letters.values();
    letters.any(|other| {
        letter.id < other.id
            && other.content == letter.content
            && !matches!(other.state, LetterState::Withdrawn { .. })
    })
}

/// What of that promise still runs: `None`, if it was kept, broken or replaced.
fn promised(
    account: &Account,
    invoices: &BTreeSet<InvoiceId>,
    until: Day,
    day: Day,
) -> Option<BTreeSet<InvoiceId>> {
    let running = account.promises.iter().filter(|known| known.until == until && day <= until);
    let covered = running.flat_map(|promise| &promise.invoices).filter(|id| invoices.contains(*id));
    open(account, covered)
}

/// What of that plan is open, if it still runs.
fn planned(account: &Account, invoices: &BTreeSet<InvoiceId>) -> Option<BTreeSet<InvoiceId>> {
    account.plan.as_ref().filter(|plan| plan.invoices == *invoices)?;
    open(account, invoices.iter())
}

fn open<'a>(
    account: &Account,
    ids: impl Iterator<Item = &'a InvoiceId>,
) -> Option<BTreeSet<InvoiceId>> {
    let is_open = |id: &&InvoiceId| account.invoices.get(*id).is_some_and(|known| known.is_open());
    let open: BTreeSet<_> = ids.filter(is_open).cloned().collect();
    (!open.is_empty()).then_some(open)
}

/// Those of which something is still to be paid; `None`: none is.
fn asked_for(account: &Account, invoices: &BTreeSet<InvoiceId>) -> Option<BTreeSet<InvoiceId>> {
    let known = invoices.iter().filter_map(|id| account.invoices.get(id));
    let owed = known.filter(|invoice| invoice.is_open() && !invoice.collectable().is_zero());
    let owed: BTreeSet<_> = owed.map(|invoice| invoice.id.clone()).collect();
    (!owed.is_empty()).then_some(owed)
}

fn paid_by(account: &Account, payment: &crate::id::PaymentId) -> BTreeSet<InvoiceId> {
    let payment = account.payments.get(payment);
    payment
        .iter()
        .flat_map(|payment| payment.allocations.iter().map(|(id, _)| id.clone()))
        .collect()
}

//! Links to pay with: made to be handed on, mailed, taken back (LET-7).

use std::collections::BTreeSet;

use super::{BOOKKEEPERS, Decision};
use crate::event::Event;
use crate::id::InvoiceId;
use crate::letter::{Content, LetterId, LetterState};
use crate::pay_link::{MAX_INVOICES, PayLink};
use crate::refusal::Refusal;
use crate::text::Personal;

impl Decision<'_> {
    pub(super) fn make_pay_link(
        &mut self,
        link: &str,
        invoices: &BTreeSet<InvoiceId>,
    ) -> Result<(), Refusal> {
        self.require(BOOKKEEPERS, "STAFF-1", "make a link to pay with")?;
        self.can_be_linked(invoices)?;
        let (link, by, made_on) = (link.to_owned(), self.staff()?, self.day());
        let invoices = invoices.clone();
        self.emit(Event::PayLinkMade(PayLink { link, by, made_on, invoices }));
        Ok(())
    }

    /// Asks for money, if kindly: not where collection was stopped (LOCK-6).
    pub(super) fn mail_pay_link(
        &mut self,
        invoices: &BTreeSet<InvoiceId>,
        to: &Personal,
    ) -> Result<(), Refusal> {
        self.require(BOOKKEEPERS, "STAFF-1", "send a link to pay with")?;
        if self.account.hard_stop.is_some() {
            let text = "collection is stopped: no letter asks for payment";
            return Err(Refusal::conflict("LOCK-6", text));
        }
        self.can_be_linked(invoices)?;
        let known = self.account.profile.contacts.iter().find(|known| known.address == *to);
        match known {
            None => {
                let text = "that is none of the client's addresses; add it there first";
                return Err(Refusal::invalid("LET-2", text));
            }
            Some(known) if known.is_bounced => {
                let text = "letters to that address came back; correct it first";
                return Err(Refusal::conflict("LET-6", text));
            }
            Some(_) => {}
        }
        let content = Content::PayLink { invoices: invoices.clone(), to: to.clone() };
        let mut letters = self.account.letters.values();
        let is_same =
            letters.any(|letter| letter.state == LetterState::Queued && letter.content == content);
        if !is_same {
            self.queue(content, self.day());
        }
        Ok(())
    }

    pub(super) fn revoke_pay_link(
        &mut self,
        link: &str,
        letter: Option<LetterId>,
    ) -> Result<(), Refusal> {
        self.require(BOOKKEEPERS, "STAFF-1", "take a link back")?;
        self.emit(Event::PayLinkRevoked { link: link.to_owned(), letter });
        Ok(())
    }

    /// A link shows what can be paid by it.
    fn can_be_linked(&self, invoices: &BTreeSet<InvoiceId>) -> Result<(), Refusal> {
        if invoices.is_empty() || MAX_INVOICES < invoices.len() {
            let text = format!("choose 1 to {MAX_INVOICES} open invoices");
            return Err(Refusal::invalid("LET-7", text));
        }
        for id in invoices {
            if !self.open_invoice(id, "LET-7")?.is_posted(self.day()) {
                let text = format!("invoice {id} was not posted yet");
                return Err(Refusal::conflict("LET-7", text));
            }
        }
        Ok(())
    }
}

//! What clients and staff write to each other (LET-8).

use super::{Decision, STAFF, reason_given};
use crate::event::Event;
use crate::letter::Content;
use crate::message::{Author, Channel, MAX_UNREAD, Message, MessageId, NewMessage};
use crate::refusal::Refusal;
use crate::task::About;
use crate::text::Personal;

/// Rules about messages: a response, and what waits for a reader.
const RULE: &str = "LET-8";

impl Decision<'_> {
    /// A message that somebody at the firm has read already, or wrote: it counts as a response, if it is one.
    pub(super) fn note_message(&mut self) -> Result<(), Refusal> {
        if self.context.actor.is_client() {
            self.respond();
        }
        Ok(())
    }

    /// The client wrote: a response, and harsher steps wait until somebody has read it.
    pub(super) fn receive_message(&mut self, new: &NewMessage) -> Result<(), Refusal> {
        if !self.context.actor.is_client() {
            let text = "only the client, or whoever holds a letter of its, writes to the firm";
            return Err(Refusal::forbidden(RULE, text));
        }
        has_words(&new.text)?;
        let unread = self.account.unread().map(|(_, messages)| messages.len());
        if unread.is_some_and(|unread| MAX_UNREAD <= unread) {
            let text = format!("{MAX_UNREAD} messages of yours wait to be read already");
            return Err(Refusal::conflict(RULE, text));
        }
        let NewMessage { channel, address, letter, text } = new.clone();
        let id = MessageId(self.account.next_number);
        let author = Author::Client { address };
        let message = Message { id, on: self.day(), channel, author, letter, text };
        self.emit(Event::MessageCame(message));
        if unread.is_none() {
            self.open_task(About::Message { messages: [id].into() });
        }
        self.respond();
        Ok(())
    }

    /// Somebody read what the client wrote, that message and those before it. What waited happens from the next day
    /// on, never by the reading itself: whoever reads that a client is in hospital has the day to place a hold.
    pub(super) fn read_message(&mut self, message: MessageId) -> Result<(), Refusal> {
        self.require(STAFF, "STAFF-1", "read a client's messages")?;
        let by = self.staff()?;
        let Some((task, unread)) = self.account.unread() else { return Ok(()) };
        if unread.first().is_none_or(|first| message < *first) {
            return Ok(()); // read before
        }
        let (task, is_all) = (task.id, unread.last().is_none_or(|last| *last <= message));
        self.emit(Event::MessageRead { message, on: self.day(), by });
        if is_all {
            self.close_task(task);
        }
        Ok(())
    }

    /// Staff write to the client: in the portal, and by mail where there is an address. Whoever answers has read.
    pub(super) fn write_message(
        &mut self,
        text: &Personal,
        reads: Option<MessageId>,
    ) -> Result<(), Refusal> {
        self.require(STAFF, "STAFF-1", "write to a client")?;
        let by = self.staff()?;
        has_words(text)?;
        if let Some(message) = reads {
            self.read_message(message)?;
        }
        let (id, on) = (MessageId(self.account.next_number), self.day());
        let (author, channel) = (Author::Staff { by }, Channel::Console);
        let text = text.clone();
        let message = Message { id, on, channel, author, letter: None, text: text.clone() };
        self.emit(Event::MessageWritten(message));
        self.queue_letter(Content::Message { text });
        Ok(())
    }
}

fn has_words(text: &Personal) -> Result<(), Refusal> {
    match text.as_str().trim().is_empty() {
        true => Err(Refusal::invalid(RULE, "a message has some words")),
        false => reason_given(text, RULE),
    }
}

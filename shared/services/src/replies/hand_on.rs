//! An answer on its way to the firm's own address: what it says, and the whole mail as a file beside it, since a
//! message has no attachments.

use chrono::{DateTime, Utc};
use domain::letter::Within;
use letters::Attachment;
use platform::mail::{Found, MailError, Message};
use sha2::{Digest, Sha256};
use tracing::warn;

use super::{ReplyError, read};
use crate::correspondence::{Correspondence, Sender, message_id_of};
use crate::firm::Firm;

/// The largest mail that goes along as a file: in base64 it is a third more, and most mail services take 25 MB.
const MAX_FILE_BYTES: usize = 15 << 20;

impl Correspondence {
    /// Hands it on. A firm that can't send letters yet can't be sent any by itself either: then the console has
    /// the message, and that is all.
    pub(super) async fn hand_on(
        &self,
        firm: &Firm,
        to: &[Within],
        mail: &read::Mail,
        raw: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), ReplyError> {
        let Ok(sender) = Sender::of(firm.settings()) else { return Ok(()) };
        let name = format!("answer {}", hex::encode(Sha256::digest(raw)));
        let message_id = message_id_of(firm.id(), &name, &sender);
        if let Found::Taken(_) = self.mail.find(&message_id).await {
            return Ok(());
        }
        let from = mail.from.clone().unwrap_or_default();
        let base = self.public_url.trim_end_matches('/');
        let page = |to: &Within| format!("{base}/console/clients/{}/messages\n", to.client);
        let pages: String = to.iter().map(page).collect();
        let letters = to.iter().map(|to| format!("letter {} to client {}", to.letter.0, to.client));
        let letters = letters.collect::<Vec<_>>().join(" and ");
        let text = format!(
            "{from} answered {letters}:\n\n{}\n\nAn answer to this mail goes to {from}. Harsher steps \
             wait until somebody has read the message in the console, unless a program wrote it:\n{pages}",
            mail.text
        );
        let clients = to.iter().map(|to| to.client.as_str()).collect::<Vec<_>>().join(", ");
        let subject = match mail.subject.trim() {
            "" => format!("{clients} answered a letter"),
            subject => subject.to_owned(),
        };
        let is_usable = from.is_ascii() && from.parse::<lettre::Address>().is_ok();
        let reply_address = if is_usable { from } else { sender.reply_to.clone() };
        let envelope = letters::Envelope {
            from_name: firm.settings().name.clone(),
            from_address: sender.from.clone(),
            to_address: sender.reply_to.clone(),
            reply_address,
            message_id,
            date: firm.now(now),
            unsubscribe_link: None,
        };
        let file = (raw.len() <= MAX_FILE_BYTES)
            .then(|| Attachment { name: "answer.eml".to_owned(), bytes: raw.to_vec() });
        let raw_mime = match letters::compose_handed_on(
            &subject,
            &text,
            file.as_ref(),
            read::HANDED_ON,
            &envelope,
        ) {
            Ok(raw_mime) => raw_mime,
            Err(error) => {
                let problem = platform::log::chain(&error);
                warn!(firm.id = %firm.id(), "An answer to {letters} could not be handed on: {problem}");
                return Ok(());
            }
        };
        let message = Message {
            from: envelope.from_address,
            to: envelope.to_address,
            reply_to: envelope.reply_address,
            subject,
            raw_mime,
            message_id: envelope.message_id,
            configuration: self.configuration.clone(),
            about: None,
        };
        match self.mail.send(&message).await {
            Ok(_) | Err(MailError::Unanswered(_)) => Ok(()),
            Err(error @ (MailError::Throttled { .. } | MailError::Down(_))) => {
                Err(ReplyError::Mail(error))
            }
            Err(MailError::Rejected { code, .. }) => {
                warn!(firm.id = %firm.id(), "The mail service refuses an answer to firm {} ({code})", firm.id());
                Ok(())
            }
        }
    }
}

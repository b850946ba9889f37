//! The message: headers, a text part and an HTML part.
//!
//! The same letter composes to the same bytes, boundary included, so that what is stored as sent is
//! what was sent, and a letter that is sent once more (LET-4) is not another one. Letters say that a
//! machine wrote them, so that out-of-office replies don't answer. Debt letters have no
//! `List-Unsubscribe`: nobody can unsubscribe from being told of a debt, and mail programs would
//! offer it beside the demand.

use std::time::SystemTime;

use chrono::{DateTime, Datelike, Utc};
use domain::letter::LetterKind;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue,
};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};
use sha2::{Digest, Sha256};

use crate::templates::Rendered;
use crate::view::one_line;

/// Who writes to whom, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The firm's name.
    pub from_name: String,
    /// Its own verified address (LET-2).
    pub from_address: String,
    /// The contact's address.
    pub to_address: String,
    /// Where answers go.
    pub reply_address: String,
    /// The message's name in all the world, `letter@domain`, without angle brackets.
    pub message_id: String,
    /// When it leaves.
    pub date: DateTime<Utc>,
    /// Where to unsubscribe, for letters that aren't about debts.
    pub unsubscribe_link: Option<String>,
}

/// Why no message could be composed. Addresses are named by their place and not quoted (SEC-5).
#[derive(Debug, thiserror::Error)]
pub enum MimeError {
    /// Not an address that mail can be sent to or from.
    #[error("the {place} address is none that mail can use, expected name@domain in ASCII")]
    Address {
        /// Whose.
        place: &'static str,
    },
    /// Not a `Message-ID`.
    #[error("{0:?} is no Message-ID, expected name@domain")]
    MessageId(String),
    /// Before 1970 or after 9999.
    #[error("{0} is no date of a letter")]
    Date(DateTime<Utc>),
    /// Not an address that a header may hold.
    #[error("{0:?} is no address to unsubscribe at, expected https://…")]
    Unsubscribe(String),
    /// Refused by the message builder.
    #[error("the message could not be composed")]
    Compose(#[from] lettre::error::Error),
}

/// The message as it is sent.
///
/// # Errors
/// When an address, the id or the date can't be those of a message.
pub fn compose(
    kind: LetterKind,
    letter: &Rendered,
    envelope: &Envelope,
) -> Result<Vec<u8>, MimeError> {
    message(letter, envelope, !is_debt(kind), &[])
}

/// A file that goes with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What it is called: letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// What is in it: a PDF, where it goes with a letter.
    pub bytes: Vec<u8>,
}

/// The message as it is sent, with the files that go with it.
///
/// # Errors
/// Those of [`compose`].
pub fn compose_with(
    kind: LetterKind,
    letter: &Rendered,
    envelope: &Envelope,
    attachments: &[Attachment],
) -> Result<Vec<u8>, MimeError> {
    message(letter, envelope, !is_debt(kind), attachments)
}

/// The message of a mail to staff ([`crate::staff`]).
///
/// # Errors
/// Those of [`compose`].
pub fn compose_to_staff(letter: &Rendered, envelope: &Envelope) -> Result<Vec<u8>, MimeError> {
    message(letter, envelope, true, &[])
}

/// A mail that is handed on to the firm: a text, a file beside it, and a mark by which it is known should it ever
/// come back.
///
/// # Errors
/// Those of [`compose`].
pub fn compose_handed_on(
    subject: &str,
    text: &str,
    file: Option<&Attachment>,
    mark: &'static str,
    envelope: &Envelope,
) -> Result<Vec<u8>, MimeError> {
    let message = head(subject, envelope, "auto-forwarded")?.raw_header(header(mark, "1"));
    let text = SinglePart::plain(text.to_owned());
    let message = match file {
        Some(file) => {
            let parts = MultiPart::mixed().boundary(boundary(&envelope.message_id, ""));
            let file = attached(file, "application/octet-stream");
            message.multipart(parts.singlepart(text).singlepart(file))?
        }
        None => message.singlepart(text)?,
    };
    Ok(message.formatted())
}

/// Who writes to whom, about what, when.
fn head(
    subject: &str,
    envelope: &Envelope,
    submitted: &'static str,
) -> Result<MessageBuilder, MimeError> {
    let from = Mailbox::new(
        Some(one_line(&envelope.from_name)),
        address("sender's", &envelope.from_address)?,
    );
    Ok(Message::builder()
        .from(from)
        .to(address("recipient's", &envelope.to_address)?.into())
        .reply_to(address("reply", &envelope.reply_address)?.into())
        .subject(one_line(subject))
        .date(date(envelope.date)?)
        .message_id(Some(message_id(&envelope.message_id)?))
        .raw_header(header("Auto-Submitted", submitted)))
}

fn message(
    letter: &Rendered,
    envelope: &Envelope,
    may_unsubscribe: bool,
    attachments: &[Attachment],
) -> Result<Vec<u8>, MimeError> {
    let mut message = head(&letter.subject, envelope, "auto-generated")?;
    if let Some(link) = &envelope.unsubscribe_link
        && may_unsubscribe
    {
        message = message.raw_header(header("List-Unsubscribe", &unsubscribe(link)?));
    }
    let words = MultiPart::alternative()
        .boundary(boundary(&envelope.message_id, ""))
        .singlepart(SinglePart::plain(letter.text.clone()))
        .singlepart(SinglePart::html(letter.html.clone()));
    let parts = match attachments {
        [] => words,
        files => {
            let mixed = MultiPart::mixed().boundary(boundary(&envelope.message_id, "file"));
            let pdf = |file| attached(file, "application/pdf");
            files.iter().map(pdf).fold(mixed.multipart(words), MultiPart::singlepart)
        }
    };
    Ok(message.multipart(parts)?.formatted())
}

fn attached(file: &Attachment, kind: &'static str) -> SinglePart {
    // A name that parses, as the tests see.
    let kind = ContentType::parse(kind).unwrap_or(ContentType::TEXT_PLAIN);
    SinglePart::builder()
        .header(kind)
        .header(ContentDisposition::attachment(&file.name))
        .header(ContentTransferEncoding::Base64)
        .body(file.bytes.clone())
}

/// Whether a letter is about a debt (LET-1).
fn is_debt(kind: LetterKind) -> bool {
    match kind {
        LetterKind::Reminder
        | LetterKind::LockNotice
        | LetterKind::LimitNotice
        | LetterKind::CloseNotice
        | LetterKind::Notice
        | LetterKind::DemandLetter
        | LetterKind::FinalDemand => true,
        LetterKind::WelcomeBack
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

/// ASCII only: SES speaks no SMTPUTF8, and an international domain has an ASCII form.
fn address(place: &'static str, text: &str) -> Result<Address, MimeError> {
    let parsed = text.is_ascii().then(|| text.parse().ok()).flatten();
    parsed.ok_or(MimeError::Address { place })
}

fn message_id(text: &str) -> Result<String, MimeError> {
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'));
    match text.split_once('@') {
        Some((name, domain)) if is_plain && !name.is_empty() && !domain.is_empty() => {
            Ok(format!("<{text}>"))
        }
        _ => Err(MimeError::MessageId(text.to_owned())),
    }
}

fn date(instant: DateTime<Utc>) -> Result<SystemTime, MimeError> {
    if (1970..=9999).contains(&instant.year()) {
        Ok(instant.into())
    } else {
        Err(MimeError::Date(instant))
    }
}

fn unsubscribe(link: &str) -> Result<String, MimeError> {
    let is_plain = link.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'));
    if is_plain && link.starts_with("https://") {
        Ok(format!("<{link}>"))
    } else {
        Err(MimeError::Unsubscribe(link.to_owned()))
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The same for the same letter; `=_` stands in no quoted-printable text, so no part can hold it.
fn boundary(message_id: &str, of: &str) -> String {
    let hash = hex::encode(Sha256::digest(format!("{of}{message_id}").as_bytes()));
    format!("=_{}", &hash[..32])
}

#[cfg(test)]
mod tests {
    use mail_parser::{HeaderValue as Parsed, MessageParser};
    use proptest::prelude::*;

    use super::*;
    use crate::sample::samples;
    use crate::templates::render;

    fn envelope() -> Envelope {
        Envelope {
            from_name: "Harbor & Pine CPAs".to_owned(),
            from_address: "billing@harborpine.example".to_owned(),
            to_address: "ann@acme.example".to_owned(),
            reply_address: "bea@harborpine.example".to_owned(),
            message_id: "acme.42@harborpine.example".to_owned(),
            date: "2026-07-01T13:30:00Z".parse().unwrap(),
            unsubscribe_link: Some("https://portal.example/u/x".to_owned()),
        }
    }

    fn composed(kind: LetterKind) -> Vec<u8> {
        let [full, _] = samples(kind);
        compose(kind, &render(&full).unwrap(), &envelope()).unwrap()
    }

    #[test]
    fn let_1_each_kind_is_read_back_as_it_was_written() {
        for kind in LetterKind::ALL {
            let bytes = composed(kind);
            assert_eq!(bytes, composed(kind), "for {kind:?}: other bytes");
            assert!(bytes.is_ascii(), "for {kind:?}");
            let longest = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap();
            assert!(longest <= 998, "for {kind:?}: a line of {longest} bytes"); // RFC 5322, 2.1.1
            let parsed = MessageParser::default().parse(&bytes).unwrap();
            let [full, _] = samples(kind);
            let letter = render(&full).unwrap();
            assert_eq!(parsed.subject(), Some(letter.subject.as_str()));
            let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
            assert_eq!(text.trim_end(), letter.text.trim_end(), "for {kind:?}");
            let html = parsed.body_html(0).unwrap().replace("\r\n", "\n");
            assert_eq!(html.trim_end(), letter.html.trim_end(), "for {kind:?}");
        }
    }

    #[test]
    fn let_2_headers_are_the_firms_own() {
        for (kind, unsubscribes) in [(LetterKind::DemandLetter, false), (LetterKind::Receipt, true)]
        {
            let bytes = composed(kind);
            let parsed = MessageParser::default().parse(&bytes).unwrap();
            let from = parsed.from().unwrap().first().unwrap();
            assert_eq!(from.name(), Some("Harbor & Pine CPAs"));
            assert_eq!(from.address(), Some("billing@harborpine.example"));
            let to = parsed.to().unwrap().first().unwrap();
            assert_eq!(to.address(), Some("ann@acme.example"));
            let reply = parsed.reply_to().unwrap().first().unwrap();
            assert_eq!(reply.address(), Some("bea@harborpine.example"));
            assert_eq!(parsed.message_id(), Some("acme.42@harborpine.example"));
            assert_eq!(parsed.date().unwrap().to_rfc3339(), "2026-07-01T13:30:00Z");
            let given = parsed.header("List-Unsubscribe").is_some();
            assert_eq!(given, unsubscribes, "for {kind:?}");
            let automatic = parsed.header("Auto-Submitted");
            assert!(matches!(automatic, Some(Parsed::Text(text)) if text == "auto-generated"));
        }
    }

    #[test]
    fn let_2_nothing_in_a_header_can_add_another_one() {
        let mut envelope = envelope();
        envelope.from_name = "Zoë \"Q\" <Söhne>\r\nBcc: all@acme.example".to_owned();
        let letter = Rendered {
            subject: "Zoë\r\nBcc: all@acme.example\r\n\r\nx".to_owned(),
            text: "--=_\r\n.\r\nZoë".to_owned(),
            html: "<p>Zoë</p>".to_owned(),
        };
        let bytes = compose(LetterKind::Receipt, &letter, &envelope).unwrap();
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        assert!(parsed.bcc().is_none());
        assert_eq!(parsed.headers().len(), composed_headers());
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), letter.text);
    }

    #[test]
    fn let_7_a_demand_goes_out_with_its_paper() {
        let [full, _] = samples(LetterKind::DemandLetter);
        let letter = render(&full).unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        let file = Attachment { name: "letter-acme-42.pdf".to_owned(), bytes: bytes.clone() };
        let with = |files: &[Attachment]| {
            compose_with(LetterKind::DemandLetter, &letter, &envelope(), files)
        };
        let files = [file.clone()];
        let composed = with(&files).unwrap();
        assert_eq!(composed, with(&files).unwrap(), "other bytes");
        assert!(composed.is_ascii());
        let parsed = MessageParser::default().parse(&composed).unwrap();
        assert_eq!(
            parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(),
            letter.text.trim_end()
        );
        assert!(parsed.body_html(0).is_some());
        let attached: Vec<_> = parsed.attachments().collect();
        assert_eq!(attached.len(), 1);
        assert_eq!(attached[0].contents(), bytes);
        let kind = mail_parser::MimeHeaders::content_type(attached[0]).unwrap();
        assert_eq!((kind.ctype(), kind.subtype()), ("application", Some("pdf")));
        let name = mail_parser::MimeHeaders::attachment_name(attached[0]);
        assert_eq!(name, Some("letter-acme-42.pdf"));
        assert_eq!(
            with(&[]).unwrap(),
            compose(LetterKind::DemandLetter, &letter, &envelope()).unwrap()
        );
        // Several clients' letters in one message have one each (LET-9).
        let other = Attachment { name: "letter-bea-7.pdf".to_owned(), bytes: vec![1, 2] };
        let both = with(&[file, other]).unwrap();
        let parsed = MessageParser::default().parse(&both).unwrap();
        let names: Vec<_> =
            parsed.attachments().filter_map(mail_parser::MimeHeaders::attachment_name).collect();
        assert_eq!(names, ["letter-acme-42.pdf", "letter-bea-7.pdf"]);
    }

    proptest! {
        #[test]
        fn let_2_any_name_and_any_words_make_one_message(name: String, subject: String, body: String) {
            let envelope = Envelope { from_name: name, ..envelope() };
            let letter = Rendered { subject, text: body.clone(), html: body };
            let bytes = compose(LetterKind::Receipt, &letter, &envelope).unwrap();
            prop_assert!(bytes.is_ascii());
            let parsed = MessageParser::default().parse(&bytes).unwrap();
            prop_assert_eq!(parsed.headers().len(), composed_headers());
            prop_assert_eq!(parsed.parts.len(), 3);
        }
    }

    fn composed_headers() -> usize {
        let bytes = composed(LetterKind::Receipt);
        MessageParser::default().parse(&bytes).unwrap().headers().len()
    }

    #[test]
    fn let_2_what_can_not_be_in_a_message_is_refused() {
        type Change = fn(&mut Envelope);
        let changes: [(Change, &str); 9] = [
            (|e| e.from_address = "billing".into(), "the sender's address"),
            (|e| e.from_address = "a@b\r\nBcc: c@d".into(), "the sender's address"),
            (|e| e.to_address = String::new(), "the recipient's address"),
            (|e| e.to_address = "zoë@acme.example".into(), "the recipient's address"),
            (|e| e.reply_address = "a@b@c".into(), "the reply address"),
            (|e| e.message_id = "42".into(), "no Message-ID"),
            (|e| e.message_id = "4 2@x".into(), "no Message-ID"),
            (|e| e.date = "1969-12-31T23:59:59Z".parse().unwrap(), "no date"),
            (|e| e.unsubscribe_link = Some("mailto:x".into()), "to unsubscribe at"),
        ];
        let [full, _] = samples(LetterKind::Receipt);
        let letter = render(&full).unwrap();
        for (change, expected) in changes {
            let mut envelope = envelope();
            change(&mut envelope);
            let error = compose(LetterKind::Receipt, &letter, &envelope).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

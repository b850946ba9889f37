//! The mail's port: one composed message out, to one address.
//!
//! The AWS half is SES v2 with the raw message; the local half a folder of `.eml` files. SES puts
//! its own `Message-ID` in place of ours, so ours also goes along as a tag, which comes back with
//! every event of that message (see [`message_tag`]), and so does what the message is about ([`About`]).
//! Nothing is tried again here: whether a letter
//! may be sent twice is a rule (LET-4), and [`MailError`] says what is known.

use std::error::Error;

use async_trait::async_trait;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The name of the tag that carries our `Message-ID`.
pub const MESSAGE_TAG: &str = "portcullis-message";

/// The names of the tags that say what a message is about: whose, of which kind, to whom, which.
const ABOUT_TAGS: [&str; 4] =
    ["portcullis-firm", "portcullis-kind", "portcullis-to", "portcullis-mail"];

/// The longest tag that SES takes.
const MAX_TAG: usize = 256;

/// What a message is about, so that what becomes of it finds its place without a search. These are names of
/// ours and say nothing of people (SEC-5); each fits a tag, for the longest id has 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Which firm's it is.
    pub firm: String,
    /// What kind of mail it is.
    pub kind: MailKind,
    /// To which client, address (by its hash) or person at the firm.
    pub to: String,
    /// Which one of these.
    pub mail: String,
}

/// What kind of mail a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailKind {
    /// A letter to a client.
    Letter,
    /// A letter to a contact, with a link to sign in by.
    Contact,
    /// A mail to a person at the firm.
    Staff,
}

impl MailKind {
    const ALL: [Self; 3] = [Self::Letter, Self::Contact, Self::Staff];

    fn as_str(self) -> &'static str {
        match self {
            Self::Letter => "letter",
            Self::Contact => "contact",
            Self::Staff => "staff",
        }
    }
}

impl About {
    /// As tags: name and value.
    pub fn tags(&self) -> [(&'static str, Option<String>); 4] {
        let [firm, kind, to, mail] = ABOUT_TAGS;
        [
            (firm, message_tag(&self.firm)),
            (kind, Some(self.kind.as_str().to_owned())),
            (to, message_tag(&self.to)),
            (mail, message_tag(&self.mail)),
        ]
    }

    /// As the tags say it; `None`: they are not ours.
    pub fn tagged<'a>(tag: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let [firm, kind, to, mail] = ABOUT_TAGS;
        let text = |name| tagged_message(tag(name)?);
        let named = tag(kind)?;
        Some(Self {
            firm: text(firm)?,
            kind: MailKind::ALL.into_iter().find(|kind| kind.as_str() == named)?,
            to: text(to)?,
            mail: text(mail)?,
        })
    }
}

/// A composed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The firm's own address (LET-2), without a name.
    pub from: String,
    /// The one address that it goes to.
    pub to: String,
    /// Where answers go.
    pub reply_to: String,
    /// As in the message.
    pub subject: String,
    /// The whole message, headers included.
    pub raw_mime: Vec<u8>,
    /// Our own name for it, without angle brackets.
    pub message_id: String,
    /// The configuration set, which publishes what becomes of it.
    pub configuration: Option<String>,
    /// What it is about; nothing is heard of one that doesn't say.
    pub about: Option<About>,
}

/// The provider's name for a message that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentId(pub String);

/// Why a message was not sent, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Not sent: too much at once, or sending is paused. Later, as it is.
    #[error("the mail provider takes no more for now ({code})")]
    Throttled {
        /// The provider's word.
        code: String,
    },
    /// Not sent, and never will be as it is: a person must do something.
    #[error("the mail provider refused the message ({code})")]
    Rejected {
        /// The provider's word.
        code: String,
        /// The provider's sentence, which may name addresses: for the person's task, not for a log.
        detail: String,
    },
    /// Not sent: the provider is out of reach or out of order. Later, as it is.
    #[error("the mail provider is down")]
    Down(#[source] Box<dyn Error + Send + Sync>),
    /// Nobody knows: it was handed over, and no answer came. Not again before its delivery event
    /// was looked for (LET-4).
    #[error("the mail provider did not say whether it took the message")]
    Unanswered(#[source] Box<dyn Error + Send + Sync>),
}

/// What a mail service knows of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It took it.
    Taken(SentId),
    /// It surely didn't.
    NotTaken,
    /// It can't be asked.
    Unknown,
}

/// Somewhere to send messages to.
#[async_trait]
pub trait Mail: Send + Sync {
    /// Sends it, once.
    async fn send(&self, message: &Message) -> Result<SentId, MailError>;

    /// Whether it took the message with that `Message-ID`, where it can be asked: SES can't, a folder can.
    async fn find(&self, _message_id: &str) -> Found {
        Found::Unknown
    }
}

/// Our `Message-ID` in the alphabet that SES takes for a tag's value; [`tagged_message`] reads it
/// back. None when it is too long for a tag.
pub fn message_tag(message_id: &str) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(message_id)).filter(|tag| tag.len() <= MAX_TAG)
}

/// The `Message-ID` that a tag carries.
pub fn tagged_message(tag: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(tag).ok()?).ok()
}

/// Mail by SES. Its client is [`crate::aws::Aws::ses`], which doesn't try again by itself.
#[derive(Debug, Clone)]
pub struct SesMail(Client);

impl SesMail {
    /// By that client.
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl Mail for SesMail {
    async fn send(&self, message: &Message) -> Result<SentId, MailError> {
        let rejected = |detail: String| MailError::Rejected { code: "Unsendable".into(), detail };
        let raw = RawMessage::builder().data(Blob::new(message.raw_mime.as_slice())).build();
        let raw = raw.map_err(|error| rejected(error.to_string()))?;
        let tag = message_tag(&message.message_id).ok_or_else(|| {
            rejected(format!("a Message-ID has at most {} bytes", MAX_TAG * 3 / 4))
        })?;
        let about = message.about.iter().flat_map(About::tags);
        let about = about.filter_map(|(name, value)| Some((name, value?)));
        let tags = about.chain([(MESSAGE_TAG, tag)]).map(|(name, value)| {
            let tag = MessageTag::builder().name(name).value(value).build();
            tag.map_err(|error| rejected(error.to_string()))
        });
        let tags = tags.collect::<Result<Vec<_>, _>>()?;
        let request = self.0.send_email().from_email_address(&message.from);
        let sent = request
            .destination(Destination::builder().to_addresses(&message.to).build())
            .content(EmailContent::builder().raw(raw).build())
            .set_email_tags(Some(tags))
            .set_configuration_set_name(message.configuration.clone())
            .send()
            .await;
        let sent = sent.map_err(mail_error)?;
        // Taken, by a 200, even if the provider's own id should be missing.
        Ok(SentId(sent.message_id().unwrap_or(&message.message_id).to_owned()))
    }
}

fn mail_error(error: SdkError<SendEmailError>) -> MailError {
    match error {
        SdkError::ConstructionFailure(_) => {
            MailError::Rejected { code: "Unsendable".to_owned(), detail: error.to_string() }
        }
        SdkError::DispatchFailure(_) if never_connected(&error) => MailError::Down(Box::new(error)),
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            service_error(context.into_err(), status)
        }
        other => MailError::Unanswered(Box::new(other)),
    }
}

fn service_error(error: SendEmailError, status: u16) -> MailError {
    let code = error.code().unwrap_or("Unknown").to_owned();
    match code.as_str() {
        "TooManyRequestsException" | "LimitExceededException" | "SendingPausedException" => {
            MailError::Throttled { code }
        }
        _ if status == 429 || code.contains("Throttl") => MailError::Throttled { code },
        _ if status == 503 => MailError::Down(Box::new(error)),
        // An answer that can't be read comes here too, with the status of a success.
        _ if !(400..500).contains(&status) => MailError::Unanswered(Box::new(error)),
        _ => MailError::Rejected { code, detail: error.message().unwrap_or_default().to_owned() },
    }
}

/// Whether the connection was never made, so that nothing can have been sent. Other failures to
/// connect (of name resolution or TLS) can't be told from a connection that broke later, and count
/// as unanswered: the letter waits instead of going out twice.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return matches!(io.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable);
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use axum::http::{StatusCode, Uri};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;
    use crate::aws::Aws;
    use crate::aws::tests::{aws_at, settings};

    fn message() -> Message {
        Message {
            from: "billing@firm.example".to_owned(),
            to: "ann@acme.example".to_owned(),
            reply_to: "bea@firm.example".to_owned(),
            subject: "Invoice A-1".to_owned(),
            raw_mime: b"Subject: Invoice A-1\r\n\r\nHello".to_vec(),
            message_id: "acme.42@firm.example".to_owned(),
            configuration: Some("letters".to_owned()),
            about: Some(About {
                firm: "f-1".to_owned(),
                kind: MailKind::Letter,
                to: "Zoë & Co".to_owned(),
                mail: "42".to_owned(),
            }),
        }
    }

    async fn answered(status: u16, body: Value) -> Result<SentId, MailError> {
        let status = StatusCode::from_u16(status).unwrap();
        let router = Router::new().fallback(move || async move { (status, body.to_string()) });
        SesMail::new(aws_at(router).await.ses().unwrap()).send(&message()).await
    }

    #[tokio::test]
    async fn let_4_a_letter_leaves_as_composed_with_its_id_as_a_tag() {
        let seen = Arc::new(Mutex::new(None));
        let recorder = seen.clone();
        let router = Router::new().fallback(move |uri: Uri, body: Bytes| async move {
            *recorder.lock().unwrap() = Some((uri.path().to_owned(), body));
            r#"{"MessageId": "0102"}"#
        });
        let mail = SesMail::new(aws_at(router).await.ses().unwrap());
        assert_eq!(mail.send(&message()).await.unwrap(), SentId("0102".to_owned()));
        let (path, body) = seen.lock().unwrap().take().unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(path, "/v2/email/outbound-emails");
        assert_eq!(body["FromEmailAddress"], "billing@firm.example");
        assert_eq!(body["Destination"], json!({"ToAddresses": ["ann@acme.example"]}));
        assert_eq!(body["ConfigurationSetName"], "letters");
        let raw = base64::engine::general_purpose::STANDARD
            .decode(body["Content"]["Raw"]["Data"].as_str().unwrap());
        assert_eq!(raw.unwrap(), message().raw_mime);
        let tags = body["EmailTags"].as_array().unwrap();
        let tag = |name: &str| tags.iter().find(|tag| tag["Name"] == name)?["Value"].as_str();
        for tag in tags {
            let tag = tag["Value"].as_str().unwrap();
            let is_taken = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            assert!(tag.bytes().all(is_taken), "{tag}");
        }
        assert_eq!(tag(MESSAGE_TAG).and_then(tagged_message), Some(message().message_id));
        assert_eq!(About::tagged(tag), message().about);
        assert_eq!(About::tagged(|name| tag(name).filter(|_| name != "portcullis-to")), None);
    }

    #[tokio::test]
    async fn let_4_a_failure_says_whether_the_letter_can_have_left() {
        let error = |name: &str| json!({"__type": name, "message": "no: ann@acme.example"});
        for (status, name, expected) in [
            (400, "MessageRejected", "refused the message (MessageRejected)"),
            (400, "MailFromDomainNotVerifiedException", "refused"),
            (400, "BadRequestException", "refused"),
            (404, "NotFoundException", "refused"),
            (400, "AccountSuspendedException", "refused"),
            (403, "AccessDeniedException", "refused"),
            (400, "SendingPausedException", "no more for now"),
            (400, "LimitExceededException", "no more for now"),
            (429, "TooManyRequestsException", "no more for now"),
            (400, "ThrottlingException", "no more for now"),
            (503, "ServiceUnavailable", "is down"),
            (500, "InternalFailure", "did not say"),
        ] {
            let error = answered(status, error(name)).await.unwrap_err();
            let text = error.to_string();
            assert!(text.contains(expected), "for {status} {name}: {text}");
            // SEC-5: the provider's sentence is for the task only.
            assert!(!text.contains("ann@"), "{text}");
            if let MailError::Rejected { detail, .. } = error {
                assert!(detail.contains("ann@acme.example"), "for {status} {name}: {detail}");
            }
        }
        let unreadable = answered(200, json!(["?"])).await;
        assert!(matches!(unreadable, Err(MailError::Unanswered(_))), "{unreadable:?}");
    }

    #[tokio::test]
    async fn let_4_a_provider_out_of_reach_has_taken_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let mail = SesMail::new(Aws::new(&settings(&url)).unwrap().ses().unwrap());
        let error = mail.send(&message()).await.unwrap_err();
        assert!(matches!(error, MailError::Down(_)), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn let_4_a_connection_that_breaks_or_stays_silent_leaves_the_outcome_open() {
        for breaks in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let attempts = Arc::new(Mutex::new(0));
            let count = attempts.clone();
            tokio::spawn(async move {
                let mut open = vec![];
                while let Ok((socket, _)) = listener.accept().await {
                    *count.lock().unwrap() += 1;
                    if breaks { drop(socket) } else { open.push(socket) }
                }
            });
            let mail = SesMail::new(Aws::new(&settings(&url)).unwrap().ses().unwrap());
            let error = mail.send(&message()).await.unwrap_err();
            assert!(matches!(error, MailError::Unanswered(_)), "breaks {breaks}: {error:?}");
            assert_eq!(*attempts.lock().unwrap(), 1, "breaks {breaks}");
        }
    }

    #[test]
    fn a_message_id_too_long_for_a_tag_has_none() {
        assert!(message_tag(&"x".repeat(192)).is_some());
        assert_eq!(message_tag(&"x".repeat(193)), None);
        assert_eq!(tagged_message("no tag!"), None);
    }
}

//! SES, as far as letters need it: one raw message to one address, into the mailbox.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use platform::mail::{About, MESSAGE_TAG, Mail, MailError, Message, tagged_message};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{AwsError, parsed};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: Option<String>,
    #[serde(default)]
    destination: Destination,
    content: Content,
    #[serde(default)]
    email_tags: Vec<Tag>,
    configuration_set_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    raw: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    name: String,
    value: String,
}

/// Takes a message.
pub async fn send(mail: &dyn Mail, body: &[u8]) -> Result<Value, AwsError> {
    let sent = mail.send(&message(parsed("SendEmail", body)?)?).await;
    let sent = sent.map_err(|error| refused(&error))?;
    Ok(json!({ "MessageId": sent.0 }))
}

fn message(request: SendEmail) -> Result<Message, AwsError> {
    let bad = |message: &str| AwsError::new("BadRequestException", format!("SendEmail: {message}"));
    let raw = request.content.raw.ok_or_else(|| {
        bad("only raw messages are taken on this machine (Content.Raw), which is what letters are")
    })?;
    let raw_mime = STANDARD.decode(raw.data).map_err(|_| bad("Content.Raw.Data is not base64"))?;
    let Destination { to_addresses, cc_addresses, bcc_addresses } = request.destination;
    let (Ok([to]), [], []) =
        (<[String; 1]>::try_from(to_addresses), &cc_addresses[..], &bcc_addresses[..])
    else {
        return Err(bad("a letter goes to one address"));
    };
    let tags = &request.email_tags;
    let tag = |name: &str| tags.iter().find(|tag| tag.name == name).map(|tag| &*tag.value);
    Ok(Message {
        from: request.from_email_address.ok_or_else(|| bad("FromEmailAddress is missing"))?,
        to,
        // These are in the message itself, which is all that the mailbox keeps.
        reply_to: String::new(),
        subject: String::new(),
        raw_mime,
        message_id: tag(MESSAGE_TAG).and_then(tagged_message).unwrap_or_default(),
        about: About::tagged(tag),
        configuration: request.configuration_set_name,
    })
}

fn refused(error: &MailError) -> AwsError {
    match error {
        MailError::Throttled { .. } => AwsError::new("TooManyRequestsException", error.to_string())
            .with(StatusCode::TOO_MANY_REQUESTS),
        MailError::Rejected { .. } => AwsError::new("MessageRejected", error.to_string()),
        MailError::Down(_) => AwsError::new("ServiceUnavailable", error.to_string())
            .with(StatusCode::SERVICE_UNAVAILABLE),
        MailError::Unanswered(_) => AwsError::new("InternalFailure", error.to_string())
            .with(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

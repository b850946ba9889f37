//! SES's news, in each of the ways in which they come: an event of EventBridge, the same by SNS, or by
//! itself.
//!
//! Only what is used is read, and everything may be missing: SES adds fields, and sends kinds of news that are
//! none of ours. Whether the news are to be believed is not asked here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use platform::mail::{About, MESSAGE_TAG, tagged_message};
use serde::Deserialize;
use serde_json::Value;
use services::correspondence::feedback::{MailNews, NewsKind};
use store::HeardKind;

/// Why a message of the queue is nothing of SES's. No word of it is quoted (SEC-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SesError {
    /// Not the shape.
    #[error("the message is no event of SES: expected eventType and mail with a messageId")]
    NoEvent,
}

/// What SES says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SesEvent {
    /// Something happened to a mail of ours.
    News(MailNews),
    /// It is about a mail that none of our tags came with.
    NotOurs,
    /// Something that follows from nothing: a letter was opened, a complaint was taken back.
    Nothing,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    bounce: Bounce,
    complaint: Complaint,
    delivery: Delivery,
    delivery_delay: Delay,
    reject: Reject,
    failure: Failure,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mail {
    message_id: String,
    timestamp: Option<DateTime<Utc>>,
    tags: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Bounce {
    bounce_type: String,
    bounce_sub_type: String,
    bounced_recipients: Vec<Recipient>,
    timestamp: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Complaint {
    complained_recipients: Vec<Recipient>,
    complaint_feedback_type: Option<String>,
    timestamp: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Delivery {
    recipients: Vec<String>,
    timestamp: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Delay {
    delay_type: Option<String>,
    delayed_recipients: Vec<Recipient>,
    timestamp: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reject {
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Failure {
    error_message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Recipient {
    email_address: String,
    diagnostic_code: Option<String>,
}

/// What a message of the queue says.
///
/// # Errors
/// When it is no event of SES.
pub fn read(body: &Value) -> Result<SesEvent, SesError> {
    let event = event(body)?;
    if event.mail.message_id.is_empty() || event.event_type.is_empty() {
        return Err(SesError::NoEvent);
    }
    let Some((kind, at, to, what)) = event.told() else { return Ok(SesEvent::Nothing) };
    let tag = |name: &str| event.mail.tags.get(name)?.first().map(String::as_str);
    let Some(about) = About::tagged(tag) else { return Ok(SesEvent::NotOurs) };
    let message_id = tag(MESSAGE_TAG).and_then(tagged_message);
    let at = at.or(event.mail.timestamp).ok_or(SesError::NoEvent)?;
    let provider_id = event.mail.message_id.clone();
    Ok(SesEvent::News(MailNews { about, provider_id, message_id, at, kind, to, what }))
}

/// Out of what it came in.
fn event(body: &Value) -> Result<Event, SesError> {
    let unpacked: Option<Value> = body
        .get("Message")
        .and_then(Value::as_str)
        .map(|message| serde_json::from_str(message).unwrap_or_default());
    let body = unpacked.as_ref().unwrap_or(body);
    let mut event =
        Event::deserialize(body.get("detail").unwrap_or(body)).map_err(|_| SesError::NoEvent)?;
    if event.event_type.is_empty() {
        let named = body.get("detail-type").and_then(Value::as_str);
        event.event_type = named.and_then(kind_of).unwrap_or_default().to_owned();
    }
    Ok(event)
}

/// The kind that EventBridge's name for it stands for.
fn kind_of(detail_type: &str) -> Option<&'static str> {
    Some(match detail_type {
        "Email Sent" => "Send",
        "Email Delivered" => "Delivery",
        "Email Bounced" => "Bounce",
        "Email Complaint Received" => "Complaint",
        "Email Rejected" => "Reject",
        "Email Delivery Delayed" => "DeliveryDelay",
        "Email Rendering Failed" => "Rendering Failure",
        _ => return None,
    })
}

/// What is said of which addresses, and when.
type Said = (NewsKind, Option<DateTime<Utc>>, Vec<String>, Option<String>);

impl Event {
    fn told(&self) -> Option<Said> {
        let heard = NewsKind::Heard;
        Some(match self.event_type.as_str() {
            "Send" => (NewsKind::Taken, None, Vec::new(), None),
            "Delivery" => {
                let Delivery { recipients, timestamp } = &self.delivery;
                (heard(HeardKind::Arrived), *timestamp, recipients.clone(), None)
            }
            "Bounce" => {
                let Bounce { bounced_recipients, timestamp, .. } = &self.bounce;
                let what = self.bounce.what();
                (heard(self.bounce.kind()), *timestamp, addresses(bounced_recipients), Some(what))
            }
            // Somebody moved it out of the folder of unwanted mail.
            "Complaint"
                if self.complaint.complaint_feedback_type.as_deref() == Some("not-spam") =>
            {
                return None;
            }
            "Complaint" => {
                let Complaint { complained_recipients, complaint_feedback_type, timestamp } =
                    &self.complaint;
                let what = complaint_feedback_type.clone();
                (heard(HeardKind::Complained), *timestamp, addresses(complained_recipients), what)
            }
            "DeliveryDelay" => {
                let Delay { delay_type, delayed_recipients, timestamp } = &self.delivery_delay;
                let to = addresses(delayed_recipients);
                (heard(HeardKind::Delayed), *timestamp, to, delay_type.clone())
            }
            "Reject" => (heard(HeardKind::Refused), None, Vec::new(), self.reject.reason.clone()),
            "Rendering Failure" => {
                (heard(HeardKind::Refused), None, Vec::new(), self.failure.error_message.clone())
            }
            _ => return None,
        })
    }
}

impl Bounce {
    /// Only what is permanent says that the address takes no mail; what SES can't tell may pass.
    fn kind(&self) -> HeardKind {
        if self.bounce_type == "Permanent" { HeardKind::Returned } else { HeardKind::Delayed }
    }

    fn what(&self) -> String {
        let Self { bounce_type, bounce_sub_type, bounced_recipients, .. } = self;
        let words = bounced_recipients.iter().find_map(|to| to.diagnostic_code.as_deref());
        match words {
            Some(words) => format!("{bounce_type} {bounce_sub_type}: {words}"),
            None => format!("{bounce_type} {bounce_sub_type}"),
        }
    }
}

fn addresses(recipients: &[Recipient]) -> Vec<String> {
    recipients.iter().map(|recipient| bare(&recipient.email_address)).collect()
}

/// Without a name before it and the brackets around it, which some servers leave there.
fn bare(address: &str) -> String {
    let inner = address.rsplit_once('<').map_or(address, |(_, rest)| rest);
    inner.trim_end_matches('>').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use platform::mail::{MailKind, message_tag};
    use serde_json::json;

    use super::*;

    fn mail() -> Value {
        let about = About {
            firm: "f-1".to_owned(),
            kind: MailKind::Letter,
            to: "acme".to_owned(),
            mail: "1".to_owned(),
        };
        let mut tags = json!({"ses:configuration-set": ["letters"]});
        for (name, value) in about.tags() {
            tags[name] = json!([value]);
        }
        tags[MESSAGE_TAG] = json!([message_tag("m1@bea.example")]);
        json!({"messageId": "0102", "timestamp": "2026-03-04T17:00:00Z", "tags": tags})
    }

    fn news(body: &Value) -> MailNews {
        match read(body).unwrap() {
            SesEvent::News(news) => news,
            other => panic!("{other:?} of {body}"),
        }
    }

    #[test]
    fn let_6_each_kind_of_news_in_each_of_its_envelopes() {
        let ann = json!([{"emailAddress": "Ann <ann@acme.example>", "diagnosticCode": "550 no such user"}]);
        let heard = NewsKind::Heard;
        for (kind, detail_type, more, expected, what) in [
            ("Send", "Email Sent", json!({"send": {}}), NewsKind::Taken, None),
            (
                "Delivery",
                "Email Delivered",
                json!({"delivery": {"recipients": ["ann@acme.example"]}}),
                heard(HeardKind::Arrived),
                None,
            ),
            (
                "Bounce",
                "Email Bounced",
                json!({"bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": ann}}),
                heard(HeardKind::Returned),
                Some("Permanent General: 550 no such user"),
            ),
            (
                "Bounce",
                "Email Bounced",
                json!({"bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull"}}),
                heard(HeardKind::Delayed),
                Some("Transient MailboxFull"),
            ),
            (
                "Complaint",
                "Email Complaint Received",
                json!({"complaint": {"complaintFeedbackType": "abuse", "complainedRecipients": ann}}),
                heard(HeardKind::Complained),
                Some("abuse"),
            ),
            (
                "DeliveryDelay",
                "Email Delivery Delayed",
                json!({"deliveryDelay": {"delayType": "MailboxFull"}}),
                heard(HeardKind::Delayed),
                Some("MailboxFull"),
            ),
            (
                "Reject",
                "Email Rejected",
                json!({"reject": {"reason": "Bad content"}}),
                heard(HeardKind::Refused),
                Some("Bad content"),
            ),
            (
                "Rendering Failure",
                "Email Rendering Failed",
                json!({"failure": {"errorMessage": "no"}}),
                heard(HeardKind::Refused),
                Some("no"),
            ),
        ] {
            let mut unnamed = more.clone();
            unnamed["mail"] = mail();
            let mut event = unnamed.clone();
            event["eventType"] = json!(kind);
            let mut notification = unnamed.clone();
            notification["notificationType"] = json!(kind);
            let first = news(&event);
            assert_eq!((first.kind, first.what.as_deref()), (expected, what), "{kind}");
            assert_eq!(first.message_id.as_deref(), Some("m1@bea.example"));
            assert!(first.to.iter().all(|to| to == "ann@acme.example"), "{:?}", first.to);
            for other in [
                notification,
                json!({"source": "aws.ses", "detail-type": detail_type, "detail": event}),
                json!({"source": "aws.ses", "detail-type": detail_type, "detail": unnamed}),
                json!({"Type": "Notification", "Message": event.to_string()}),
            ] {
                assert_eq!(news(&other), first, "{other}");
            }
        }
    }

    #[test]
    fn what_is_none_of_ours_or_follows_from_nothing_is_told_apart_from_what_is_no_event() {
        let with = |kind: &str, mail: Value| json!({"eventType": kind, "mail": mail});
        let mut untagged = mail();
        untagged["tags"] = json!({"campaign": ["spring"]});
        let mut not_spam = with("Complaint", mail());
        not_spam["complaint"] = json!({"complaintFeedbackType": "not-spam"});
        for (body, expected) in [
            (with("Open", mail()), Ok(SesEvent::Nothing)),
            (with("Subscription", mail()), Ok(SesEvent::Nothing)),
            (not_spam, Ok(SesEvent::Nothing)),
            (with("Bounce", untagged), Ok(SesEvent::NotOurs)),
            (with("Bounce", json!({})), Err(SesError::NoEvent)),
            (json!({"mail": mail()}), Err(SesError::NoEvent)),
            (json!({"eventType": 1, "mail": mail()}), Err(SesError::NoEvent)),
            (json!({"Message": "no JSON"}), Err(SesError::NoEvent)),
            (json!([]), Err(SesError::NoEvent)),
            (json!("ann@acme.example"), Err(SesError::NoEvent)),
        ] {
            assert_eq!(read(&body), expected, "{body}");
        }
    }
}

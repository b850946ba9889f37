//! The domains that firms send letters from (LET-2): set up at the mail service, and how far that is.
//!
//! The AWS half is SES v2: an identity with keys of SES's own (Easy DKIM), and a MAIL FROM domain below it, so
//! that SPF agrees with the sender as well. Each identity carries its firm as a tag: one that was made by
//! anybody else is never taken over, whoever owns its records by now (SEC-1). Nothing here asks the DNS:
//! SES does, and what it doesn't look at ([`RecordState::NotLookedAt`]) is said to be so.

use std::error::Error;

use async_trait::async_trait;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::get_email_identity::GetEmailIdentityOutput;
use aws_sdk_sesv2::types::{BehaviorOnMxFailure, DkimStatus, MailFromDomainStatus, Tag};
use serde::{Deserialize, Serialize};

/// The tag of an identity that says whose it is: an id has letters that a tag may not, so its hash.
const FIRM_TAG: &str = "portcullis-firm";

/// Where bounces of a domain go on their way: below it, for it must take mail for nobody else.
const MAIL_FROM: &str = "bounce";

/// Where keys are, unless the service says that they are elsewhere.
const DKIM_ZONE: &str = "dkim.amazonses.com";

/// How a receiver is told what to do with mail that isn't the firm's: nothing yet, as a first policy should.
const DMARC: &str = "v=DMARC1; p=none";

/// A record of the DNS that a firm puts in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// What it is for.
    pub purpose: Purpose,
    /// Of which type: `CNAME`, `MX`, `TXT`.
    pub kind: String,
    /// Its name, in full.
    pub name: String,
    /// What it says.
    pub value: String,
    /// Whether it is there.
    pub state: RecordState,
}

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Letters are signed: without it none leaves.
    Dkim,
    /// Bounces come back by way of the firm's own domain.
    MailFrom,
    /// What receivers do with mail that isn't the firm's.
    Dmarc,
}

/// Whether a record is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// It was found.
    Found,
    /// It wasn't yet.
    Waiting,
    /// The mail service has stopped looking for it.
    GivenUp,
    /// Nobody looks for it.
    NotLookedAt,
}

/// How far a domain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether letters may leave from it.
    pub is_verified: bool,
    /// What the firm puts in.
    pub records: Vec<DnsRecord>,
}

/// Why a domain was not set up, looked at or given up.
#[derive(Debug, thiserror::Error)]
pub enum MailDomainError {
    /// It is somebody else's at the mail service.
    #[error("the domain is set up at the mail service by somebody else")]
    Taken,
    /// The service doesn't take it.
    #[error("the mail service does not take the domain ({code})")]
    Refused {
        /// Its word.
        code: String,
    },
    /// Later.
    #[error("the mail service can't be asked")]
    Down(#[source] Box<dyn Error + Send + Sync>),
}

/// Where domains are set up.
#[async_trait]
pub trait MailDomains: Send + Sync {
    /// Sets a domain up for a firm (by a mark of it); one that is set up for that firm is looked at.
    async fn set_up(&self, domain: &str, firm: &str) -> Result<Standing, MailDomainError>;

    /// Gives a firm's domain up; one that isn't there is given up.
    async fn give_up(&self, domain: &str, firm: &str) -> Result<(), MailDomainError>;
}

/// The records that a domain with these keys needs.
fn records(
    domain: &str,
    (keys, zone, dkim): (&[String], &str, RecordState),
    (region, mail_from): (&str, RecordState),
) -> Vec<DnsRecord> {
    let record = |purpose, kind: &str, name: String, value: String, state| DnsRecord {
        purpose,
        kind: kind.to_owned(),
        name,
        value,
        state,
    };
    let from = format!("{MAIL_FROM}.{domain}");
    let keys = keys.iter().map(|key| {
        let name = format!("{key}._domainkey.{domain}");
        record(Purpose::Dkim, "CNAME", name, format!("{key}.{zone}"), dkim)
    });
    let back = format!("10 feedback-smtp.{region}.amazonses.com");
    let spf = "v=spf1 include:amazonses.com ~all".to_owned();
    let others = [
        record(Purpose::MailFrom, "MX", from.clone(), back, mail_from),
        record(Purpose::MailFrom, "TXT", from, spf, mail_from),
        record(
            Purpose::Dmarc,
            "TXT",
            format!("_dmarc.{domain}"),
            DMARC.to_owned(),
            RecordState::NotLookedAt,
        ),
    ];
    keys.chain(others).collect()
}

/// Domains at SES.
#[derive(Debug, Clone)]
pub struct SesDomains {
    client: Client,
    region: String,
}

impl SesDomains {
    /// By that client, in that region.
    pub fn new(client: Client, region: impl Into<String>) -> Self {
        Self { client, region: region.into() }
    }

    async fn found(&self, domain: &str) -> Result<Option<GetEmailIdentityOutput>, MailDomainError> {
        match self.client.get_email_identity().email_identity(domain).send().await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code() == Some("NotFoundException") => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// What is there, if it is that firm's.
    async fn own(
        &self,
        domain: &str,
        firm: &str,
    ) -> Result<Option<GetEmailIdentityOutput>, MailDomainError> {
        let Some(found) = self.found(domain).await? else { return Ok(None) };
        let is_own = found.tags().iter().any(|tag| tag.key() == FIRM_TAG && tag.value() == firm);
        if is_own { Ok(Some(found)) } else { Err(MailDomainError::Taken) }
    }

    async fn make(&self, domain: &str, firm: &str) -> Result<(), MailDomainError> {
        let tag = Tag::builder().key(FIRM_TAG).value(firm).build();
        let tag = tag.map_err(|error| MailDomainError::Down(Box::new(error)))?;
        let made = self.client.create_email_identity().email_identity(domain).tags(tag).send();
        match made.await {
            Err(error) if error.code() != Some("AlreadyExistsException") => Err(failed(error)),
            // Made a moment ago, or by somebody else: its tag tells.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// A process that ended after it made the identity left this to do.
    async fn set_mail_from(&self, domain: &str) -> Result<(), MailDomainError> {
        let set = self.client.put_email_identity_mail_from_attributes().email_identity(domain);
        let set = set
            .mail_from_domain(format!("{MAIL_FROM}.{domain}"))
            .behavior_on_mx_failure(BehaviorOnMxFailure::UseDefaultValue)
            .send();
        set.await.map(|_| ()).map_err(failed)
    }
}

#[async_trait]
impl MailDomains for SesDomains {
    async fn set_up(&self, domain: &str, firm: &str) -> Result<Standing, MailDomainError> {
        let known = match self.own(domain, firm).await? {
            Some(known) => Some(known),
            None => {
                self.make(domain, firm).await?;
                self.own(domain, firm).await?
            }
        };
        let gone = || MailDomainError::Down("the identity is not there yet".into());
        let known = known.ok_or_else(gone)?;
        if known.mail_from_attributes().is_none_or(|set| set.mail_from_domain().is_empty()) {
            self.set_mail_from(domain).await?;
        }
        Ok(standing(domain, &known, &self.region))
    }

    async fn give_up(&self, domain: &str, firm: &str) -> Result<(), MailDomainError> {
        if self.own(domain, firm).await?.is_none() {
            return Ok(());
        }
        match self.client.delete_email_identity().email_identity(domain).send().await {
            Err(error) if error.code() != Some("NotFoundException") => Err(failed(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn standing(domain: &str, identity: &GetEmailIdentityOutput, region: &str) -> Standing {
    let dkim = identity.dkim_attributes();
    let keys = dkim.map(|dkim| dkim.tokens()).unwrap_or_default();
    let zone = dkim.and_then(|dkim| dkim.signing_hosted_zone()).unwrap_or(DKIM_ZONE);
    let is_signed = dkim.and_then(|dkim| dkim.status()) == Some(&DkimStatus::Success);
    let signed = match dkim.and_then(|dkim| dkim.status()) {
        Some(DkimStatus::Success) => RecordState::Found,
        Some(DkimStatus::Failed) => RecordState::GivenUp,
        _ => RecordState::Waiting,
    };
    let from = identity.mail_from_attributes().map(|set| set.mail_from_domain_status());
    let from = match from {
        Some(MailFromDomainStatus::Success) => RecordState::Found,
        Some(MailFromDomainStatus::Failed) => RecordState::GivenUp,
        _ => RecordState::Waiting,
    };
    Standing {
        // A domain below one that is verified counts as verified at SES; here it needs keys of its own.
        is_verified: identity.verified_for_sending_status() && is_signed,
        records: records(domain, (keys, zone, signed), (region, from)),
    }
}

fn failed<E>(error: SdkError<E>) -> MailDomainError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match (&error, error.code()) {
        (SdkError::ServiceError(context), Some(code))
            if (400..429).contains(&context.raw().status().as_u16())
                && !["TooManyRequestsException", "ConcurrentModificationException"]
                    .contains(&code) =>
        {
            MailDomainError::Refused { code: code.to_owned() }
        }
        _ => MailDomainError::Down(Box::new(error)),
    }
}

/// Domains of firms that only try things: nothing leaves the machine, so each is verified at once. One whose
/// first label is `waiting` never is, for whoever wants to see how that looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrialDomains;

/// The first label of a domain that is never verified.
const NEVER: &str = "waiting.";

#[async_trait]
impl MailDomains for TrialDomains {
    async fn set_up(&self, domain: &str, _: &str) -> Result<Standing, MailDomainError> {
        let is_verified = !domain.starts_with(NEVER);
        let state = if is_verified { RecordState::Found } else { RecordState::Waiting };
        let keys = ["first", "second", "third"].map(str::to_owned);
        let records = records(domain, (&keys, DKIM_ZONE, state), ("us-east-1", state));
        Ok(Standing { is_verified, records })
    }

    async fn give_up(&self, _: &str, _: &str) -> Result<(), MailDomainError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes;
    use axum::http::{Method, StatusCode, Uri};
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::tests::aws_at;

    /// What SES has under the name of the domain, and the calls that it took.
    #[derive(Default)]
    struct Ses {
        identity: Option<Value>,
        calls: Vec<String>,
    }

    fn identity(firm: &str, status: &str) -> Value {
        json!({
            "VerifiedForSendingStatus": status == "SUCCESS",
            "DkimAttributes": {"SigningEnabled": true, "Status": status, "Tokens": ["k1", "k2", "k3"]},
            "Tags": [{"Key": FIRM_TAG, "Value": firm}],
        })
    }

    async fn domains(ses: &Arc<Mutex<Ses>>) -> SesDomains {
        let ses = ses.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, body: Bytes| async move {
            let mut ses = ses.lock().unwrap();
            ses.calls.push(format!("{method} {}", uri.path()));
            let missing = || (StatusCode::NOT_FOUND, json!({"__type": "NotFoundException"}).to_string());
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            match (method, ses.identity.clone()) {
                (Method::GET, Some(identity)) => (StatusCode::OK, identity.to_string()),
                (Method::GET | Method::DELETE, None) => missing(),
                (Method::DELETE, Some(_)) => {
                    ses.identity = None;
                    (StatusCode::OK, "{}".to_owned())
                }
                (Method::PUT, Some(mut identity)) => {
                    identity["MailFromAttributes"] = json!({
                        "MailFromDomain": body["MailFromDomain"], "MailFromDomainStatus": "PENDING",
                        "BehaviorOnMxFailure": body["BehaviorOnMxFailure"],
                    });
                    ses.identity = Some(identity);
                    (StatusCode::OK, "{}".to_owned())
                }
                (_, Some(_)) => {
                    (StatusCode::BAD_REQUEST, json!({"__type": "AlreadyExistsException"}).to_string())
                }
                (_, None) => {
                    assert_eq!(body["EmailIdentity"], "bea.example");
                    ses.identity = Some(identity(body["Tags"][0]["Value"].as_str().unwrap(), "PENDING"));
                    (StatusCode::OK, "{}".to_owned())
                }
            }
        });
        SesDomains::new(aws_at(router).await.ses().unwrap(), "eu-west-1")
    }

    #[tokio::test]
    async fn let_2_a_domain_is_set_up_once_with_its_records_and_given_up() {
        let ses = Arc::new(Mutex::new(Ses::default()));
        let domains = domains(&ses).await;
        let first = domains.set_up("bea.example", "f-1").await.unwrap();
        assert!(!first.is_verified);
        let lines = first.records.iter().map(|r| format!("{} {} {}", r.kind, r.name, r.value));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                "CNAME k1._domainkey.bea.example k1.dkim.amazonses.com",
                "CNAME k2._domainkey.bea.example k2.dkim.amazonses.com",
                "CNAME k3._domainkey.bea.example k3.dkim.amazonses.com",
                "MX bounce.bea.example 10 feedback-smtp.eu-west-1.amazonses.com",
                "TXT bounce.bea.example v=spf1 include:amazonses.com ~all",
                "TXT _dmarc.bea.example v=DMARC1; p=none",
            ]
        );
        assert_eq!(first.records[0].state, RecordState::Waiting);
        assert_eq!(first.records[5].state, RecordState::NotLookedAt);
        // Again: looked at, and nothing made.
        ses.lock().unwrap().calls.clear();
        domains.set_up("bea.example", "f-1").await.unwrap();
        assert_eq!(ses.lock().unwrap().calls, ["GET /v2/email/identities/bea.example"]);
        ses.lock().unwrap().identity = Some(identity("f-1", "SUCCESS"));
        let done = domains.set_up("bea.example", "f-1").await.unwrap();
        assert!(done.is_verified);
        assert_eq!(done.records[0].state, RecordState::Found);
        for _ in 0..2 {
            domains.give_up("bea.example", "f-1").await.unwrap();
            assert!(ses.lock().unwrap().identity.is_none());
        }
    }

    /// An identity that the deployment's owner made is verified already: it is no firm's for the asking.
    #[tokio::test]
    async fn sec_1_somebody_elses_identity_is_neither_taken_over_nor_deleted() {
        for theirs in [identity("f-2", "SUCCESS"), json!({"VerifiedForSendingStatus": true})] {
            let ses = Arc::new(Mutex::new(Ses { identity: Some(theirs), calls: Vec::new() }));
            let domains = domains(&ses).await;
            let error = domains.set_up("bea.example", "f-1").await.unwrap_err();
            assert!(matches!(error, MailDomainError::Taken), "{error:?}");
            let error = domains.give_up("bea.example", "f-1").await.unwrap_err();
            assert!(matches!(error, MailDomainError::Taken), "{error:?}");
            let calls = ses.lock().unwrap().calls.clone();
            assert!(calls.iter().all(|call| call.starts_with("GET ")), "{calls:?}");
        }
    }

    #[tokio::test]
    async fn let_2_what_the_service_answers_is_told_apart() {
        for (status, code, is_refused) in [
            (400, "BadRequestException", true),
            (400, "LimitExceededException", true),
            (429, "TooManyRequestsException", false),
            (500, "InternalFailure", false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let body = json!({"__type": code}).to_string();
            let router = Router::new().fallback(move || async move { (status, body) });
            let domains = SesDomains::new(aws_at(router).await.ses().unwrap(), "eu-west-1");
            let error = domains.set_up("bea.example", "f-1").await.unwrap_err();
            assert_eq!(matches!(error, MailDomainError::Refused { .. }), is_refused, "{error:?}");
        }
    }
}

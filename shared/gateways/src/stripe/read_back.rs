//! From a hint to the payment behind it, with all that happened to it.
//!
//! One question in the common case: the expanded session or intent carries charge and refunds.
//! Disputes and our reference on the session cost one more, and are asked for only when the answer
//! so far says that they are there or missing.

use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;

use super::Stripe;
use super::facts::{self, Parts};
use super::objects::{
    Charge, Dispute, Expandable, Failure, FailureDetails, Id, Intent, List, Refund, Session,
};
use crate::{GatewayError, Hint, NoPayment, ObjectId, ReadBack, Reference};

const EXPAND_INTENT: &[&str] = &["latest_charge.refunds"];
const EXPAND_SESSION: &[&str] = &["payment_intent.latest_charge.refunds"];

/// Stripe's longest page.
const PAGE: usize = 100;

/// A payment with more refunds or disputes than ten pages is no payment of ours.
const MAX_PAGES: usize = 10;

/// What is known to be there beyond what the intent says.
#[derive(Default)]
struct Known {
    session: Option<Session>,
    has_refunds: bool,
    has_disputes: bool,
}

impl Stripe {
    pub(super) async fn read(&self, hint: &Hint) -> Result<ReadBack, GatewayError> {
        let (intent, known) = match hint {
            Hint::Checkout(id) => return self.read_session(id).await,
            Hint::Payment(id) => (Some(id.to_string()), Known::default()),
            Hint::Charge(id) => (self.intent_of_charge(id.as_str()).await?, Known::default()),
            Hint::Refund(id) => {
                let refund: Refund = self.get("refund", &format!("refunds/{id}"), &[]).await?;
                let known = Known { has_refunds: true, ..Known::default() };
                (self.intent_of(refund.payment_intent, refund.charge).await?, known)
            }
            Hint::Dispute(id) => {
                let dispute: Dispute = self.get("dispute", &format!("disputes/{id}"), &[]).await?;
                let known = Known { has_disputes: true, ..Known::default() };
                (self.intent_of(dispute.payment_intent, dispute.charge).await?, known)
            }
        };
        match intent {
            Some(id) => self.read_intent(&id, known).await,
            None => Ok(ReadBack::NoPayment(NoPayment::OtherPurpose)),
        }
    }

    async fn read_session(&self, id: &ObjectId) -> Result<ReadBack, GatewayError> {
        let path = format!("checkout/sessions/{id}");
        let mut session: Session = self.get("checkout.session", &path, EXPAND_SESSION).await?;
        let intent = session.payment_intent.take();
        let known = |session| Known { session: Some(session), ..Known::default() };
        match intent {
            None => Ok(ReadBack::NoPayment(facts::no_payment(&session))),
            Some(Expandable::Id(id)) => self.read_intent(&id, known(session)).await,
            Some(Expandable::Object(intent)) => self.complete(&intent, known(session)).await,
        }
    }

    async fn read_intent(&self, id: &str, known: Known) -> Result<ReadBack, GatewayError> {
        let path = format!("payment_intents/{}", part("payment_intent", id)?);
        let intent: Intent = self.get("payment_intent", &path, EXPAND_INTENT).await?;
        self.complete(&intent, known).await
    }

    /// Sessions, charges, refunds and disputes of before PaymentIntents have none: not ours.
    async fn intent_of(
        &self,
        intent: Option<Expandable<Id>>,
        charge: Option<Expandable<Id>>,
    ) -> Result<Option<String>, GatewayError> {
        match (intent, charge) {
            (Some(intent), _) => Ok(Some(intent.id().to_owned())),
            (None, Some(charge)) => self.intent_of_charge(charge.id()).await,
            (None, None) => Ok(None),
        }
    }

    async fn intent_of_charge(&self, id: &str) -> Result<Option<String>, GatewayError> {
        let path = format!("charges/{}", part("charge", id)?);
        let charge: Charge = self.get("charge", &path, &[]).await?;
        Ok(charge.payment_intent.map(|intent| intent.id().to_owned()))
    }

    /// Asks for what the intent does not carry itself, and puts the facts together.
    async fn complete(&self, intent: &Intent, known: Known) -> Result<ReadBack, GatewayError> {
        let charge = facts::charge(intent)?;
        let refunds = match charge.and_then(|charge| charge.refunds.as_ref()) {
            Some(list) if !list.has_more => list.data.clone(),
            None if !known.has_refunds
                && charge.is_none_or(|charge| charge.amount_refunded == 0) =>
            {
                vec![]
            }
            _ => self.list("refund", "refunds", &intent.id, |refund: &Refund| &refund.id).await?,
        };
        let disputes = if known.has_disputes || charge.is_some_and(|charge| charge.disputed) {
            self.list("dispute", "disputes", &intent.id, |dispute: &Dispute| &dispute.id).await?
        } else {
            vec![]
        };
        let session = match known.session {
            Some(session) => Some(session),
            None if is_named(intent) => None,
            None => self.session_of(intent).await?,
        };
        let facts = facts::payment(&Parts {
            intent,
            session: session.as_ref(),
            refunds: &refunds,
            disputes: &disputes,
            account: self.account.as_deref(),
        })?;
        Ok(ReadBack::Payment(Box::new(facts)))
    }

    /// A session's metadata does not reach the payment unless it was written twice, so a payment
    /// that doesn't name us is looked up by the page that it was made on.
    async fn session_of(&self, intent: &Intent) -> Result<Option<Session>, GatewayError> {
        let query = [("payment_intent", intent.id.as_str()), ("limit", "1")];
        let list: List<Session> =
            self.ask("checkout.session list", "checkout/sessions", &query).await?;
        Ok(list.data.into_iter().next())
    }

    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        intent: &str,
        id: impl Fn(&T) -> &str,
    ) -> Result<Vec<T>, GatewayError> {
        let (kind, limit) = (format!("{kind} list of {intent}"), PAGE.to_string());
        self.all(&kind, path, &[("payment_intent", intent), ("limit", &limit)], id).await
    }

    /// All of a list: one with more pages than it may have is an error, since what is not seen may matter.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        query: &[(&str, &str)],
        id: impl Fn(&T) -> &str,
    ) -> Result<Vec<T>, GatewayError> {
        let mut all: Vec<T> = vec![];
        for _ in 0..MAX_PAGES {
            let mut query = query.to_vec();
            if let Some(last) = all.last() {
                query.push(("starting_after", id(last)));
            }
            let page: List<T> = self.ask(kind, path, &query).await?;
            let is_end = !page.has_more || page.data.is_empty();
            all.extend(page.data);
            if is_end {
                return Ok(all);
            }
        }
        Err(GatewayError::malformed(format!("{kind}: more than {MAX_PAGES} pages")))
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        expand: &[&str],
    ) -> Result<T, GatewayError> {
        let query: Vec<_> = expand.iter().map(|field| ("expand[]", *field)).collect();
        self.ask(kind, path, &query).await
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, GatewayError> {
        let url = Url::parse_with_params(&format!("{}/v1/{path}", self.base_url), query);
        let url =
            url.map_err(|_| GatewayError::malformed(format!("{kind}: {path:?} is no path")))?;
        let answer = self.transport.get(url, &self.headers).await?;
        if answer.status != StatusCode::OK {
            let said: Failure = serde_json::from_slice(&answer.body).unwrap_or_default();
            return Err(failure(answer.status, said.error, path));
        }
        let unreadable = |error| GatewayError::malformed(format!("{kind}: {error}"));
        serde_json::from_slice(&answer.body).map_err(unreadable)
    }
}

/// An id that came from an answer, before it becomes a part of a path.
fn part(kind: &str, id: &str) -> Result<ObjectId, GatewayError> {
    id.parse().map_err(|error| GatewayError::malformed(format!("{kind} {id:?}: {error}")))
}

fn is_named(intent: &Intent) -> bool {
    let metadata = intent.metadata.as_ref();
    metadata.is_some_and(|metadata| Reference::from_metadata(metadata).firm.is_some())
}

/// What an answer other than 200 means for whoever asked.
pub(super) fn failure(status: StatusCode, said: FailureDetails, path: &str) -> GatewayError {
    let code = said.code.or(said.kind).unwrap_or_else(|| "no code".to_owned());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            GatewayError::Refused { status: status.as_u16(), code }
        }
        StatusCode::NOT_FOUND => GatewayError::NotFound { object: path.to_owned() },
        // Busy with the same object, or with too many requests of this account.
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
            GatewayError::down(format!("status {} ({code})", status.as_u16()))
        }
        _ => GatewayError::Rejected { status: status.as_u16(), code },
    }
}

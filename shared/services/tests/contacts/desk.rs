//! A firm with two clients of one person, a mail service that remembers, and everybody's acts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::account::{Contact, Profile};
use domain::command::Command;
use domain::id::{ClientId, ContactId};
use domain::role::{Actor, Role};
use domain::text::Personal;
use identity::contact::{ContactPrincipal, Origin};
use mail_parser::MessageParser;
use platform::mail::{Mail, MailError, Message, SentId};
use services::contacts::{
    ContactError, Invitation, Invited, MailMessage, MailOutcome, Postbox, SIGN_IN_PATH, SignedIn,
    Visit, confirm_link, invite, request_link, session, set_password, sign_in_with_password,
};
use services::correspondence::Correspondence;
use services::execute::{Caller, execute};
use services::firm::Firm;
use store::{
    AddressHash, ContactFacts, Dynamo, Fault, Faults, FirmChange, FirmCommit, Operation, Platform,
};

use crate::common::{acme, at, embedded, firm as firm_id, meta, profile};
use crate::office;

pub const ANN: &str = "ann@acme.example";
pub const PASSWORD: &str = "correct horse";

/// A mail service that does as it is told, and else takes everything.
#[derive(Default)]
pub struct Post {
    pub sent: Mutex<Vec<Message>>,
    pub answers: Mutex<VecDeque<MailError>>,
}

#[async_trait]
impl Mail for Post {
    async fn send(&self, message: &Message) -> Result<SentId, MailError> {
        if let Some(error) = self.answers.lock().unwrap().pop_front() {
            return Err(error);
        }
        let mut sent = self.sent.lock().unwrap();
        sent.push(message.clone());
        Ok(SentId(format!("ses-{}", sent.len())))
    }
}

/// Loses the answer of the write of that number, after the table did it.
pub struct LosesAnswer {
    pub left: Mutex<u32>,
}

#[async_trait]
impl Faults for LosesAnswer {
    async fn before(&self, _: Operation) -> Option<Fault> {
        None
    }

    async fn after(&self, operation: Operation) -> Option<Fault> {
        let mut left = self.left.lock().unwrap();
        if operation != Operation::Write || *left == 0 {
            return None;
        }
        *left -= 1;
        (*left == 0).then_some(Fault::NoAnswer)
    }
}

type Act = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does something else at the boundary with that number, before or after a call of the table; and may end the
/// process there, which then never comes back.
pub struct Meanwhile {
    pub left: Mutex<(u32, Option<Act>)>,
    pub ends: Option<tokio::sync::Notify>,
}

impl Meanwhile {
    async fn pass(&self) {
        let act = {
            let mut left = self.left.lock().unwrap();
            left.0 = left.0.wrapping_sub(1);
            if left.0 == u32::MAX { left.1.take() } else { None }
        };
        let Some(act) = act else { return };
        act.await;
        if let Some(ended) = &self.ends {
            ended.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Whether it came to that.
    pub fn is_done(&self) -> bool {
        self.left.lock().unwrap().1.is_none()
    }
}

#[async_trait]
impl Faults for Meanwhile {
    async fn before(&self, _: Operation) -> Option<Fault> {
        self.pass().await;
        None
    }

    async fn after(&self, _: Operation) -> Option<Fault> {
        self.pass().await;
        None
    }
}

pub struct Desk {
    pub dynamo: Dynamo,
    pub firm: Firm,
    pub post: Arc<Post>,
    pub correspondence: Correspondence,
}

pub fn beta() -> ClientId {
    "beta".parse().unwrap()
}

/// Monday noon.
pub fn noon() -> DateTime<Utc> {
    at("2026-03-02T12:00:00Z")
}

pub fn minutes(minutes: i64) -> DateTime<Utc> {
    noon() + chrono::TimeDelta::minutes(minutes)
}

pub fn visit() -> Visit {
    from("203.0.113.7")
}

pub fn from(address: &str) -> Visit {
    let origin = Origin::of(address.parse().unwrap());
    Visit { origin, device: "Firefox on Windows".to_owned(), request_id: Some("r-9".to_owned()) }
}

pub fn bea() -> Caller {
    office::bea()
}

pub fn staff(role: Role) -> Caller {
    office::staff("pre", role)
}

impl Desk {
    pub async fn new() -> Self {
        let dynamo = embedded().await;
        let firm = office::firm(&dynamo).await;
        let settings = firm.settings().clone().sending_from("office@bea.example");
        let change = FirmChange::Settings(settings);
        let changed = firm.store().change_firm(firm.loaded(), &change, &meta("settings")).await;
        assert_eq!(changed.unwrap(), FirmCommit::Done);
        let firm = office::reopened(&dynamo).await;
        let post = Arc::new(Post::default());
        let correspondence = Correspondence {
            mail: post.clone(),
            public_url: "https://portal.example/".to_owned(),
            configuration: None,
            inbound_domain: None,
        };
        let desk = Self { dynamo, firm, post, correspondence };
        desk.client(&acme(), &[ANN, "bob@acme.example"]).await;
        desk.client(&beta(), &["Ann@ACME.example"]).await;
        desk
    }

    pub async fn client(&self, id: &ClientId, addresses: &[&str]) {
        let contact =
            |address: &&str| Contact { address: Personal::new(*address), is_bounced: false };
        let profile = Profile { contacts: addresses.iter().map(contact).collect(), ..profile() };
        let command = Command::OpenAccount(profile);
        execute(&self.firm, id, &command, &bea(), noon()).await.unwrap();
    }

    pub async fn invite(&self, client: &ClientId, address: &str) -> Result<Invited, ContactError> {
        self.invite_as(client, address, &bea(), noon()).await
    }

    pub async fn invite_as(
        &self,
        client: &ClientId,
        address: &str,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Invited, ContactError> {
        let invitation = Invitation {
            client: client.clone(),
            address: address.to_owned(),
            called: "Ann Aldrin".to_owned(),
        };
        invite(&self.firm, &Postbox::default(), &invitation, caller, now).await
    }

    pub async fn ask(&self, address: &str, now: DateTime<Utc>) -> Result<(), ContactError> {
        request_link(&self.firm, &Postbox::default(), address, &visit(), now).await
    }

    /// Everything that waits by then is written.
    pub async fn deliver(&self, now: DateTime<Utc>) -> Vec<MailOutcome> {
        let platform = Platform::new(self.dynamo.clone());
        let waiting = platform.waiting(now, 100).await.unwrap();
        let mut outcomes = Vec::new();
        for message in waiting.iter().filter_map(MailMessage::of) {
            let outcome = self.correspondence.write_to_contact(&self.firm, &message, now).await;
            outcomes.push(outcome.unwrap());
        }
        outcomes
    }

    /// The token in the letter that was sent last.
    pub fn token(&self) -> String {
        let sent = self.post.sent.lock().unwrap();
        token_in(sent.last().unwrap())
    }

    /// Asks for a link and gets it.
    pub async fn link(&self, address: &str, now: DateTime<Utc>) -> String {
        self.ask(address, now).await.unwrap();
        assert_eq!(self.deliver(now).await, [MailOutcome::Sent]);
        self.token()
    }

    pub async fn confirm(&self, token: &str, now: DateTime<Utc>) -> Result<SignedIn, ContactError> {
        confirm_link(&self.firm, token, &visit(), now).await
    }

    /// Ann was invited for acme and came.
    pub async fn joined(&self) -> SignedIn {
        self.invite(&acme(), ANN).await.unwrap();
        self.link_of_invitation().await
    }

    /// Who was invited comes by the letter.
    pub async fn link_of_invitation(&self) -> SignedIn {
        assert_eq!(self.deliver(noon()).await, [MailOutcome::Sent]);
        self.confirm(&self.token(), noon()).await.unwrap()
    }

    /// And has a password.
    pub async fn with_password(&self) -> SignedIn {
        let signed_in = self.joined().await;
        let principal = self.session(signed_in.token.reveal(), noon()).await.unwrap();
        let set = set_password(&self.firm, &principal, None, PASSWORD, &visit(), noon()).await;
        set.unwrap();
        signed_in
    }

    pub async fn password(
        &self,
        address: &str,
        password: &str,
        now: DateTime<Utc>,
    ) -> Result<SignedIn, ContactError> {
        sign_in_with_password(&self.firm, address, password, &visit(), now).await
    }

    pub async fn session(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<ContactPrincipal, ContactError> {
        session(&self.dynamo, Some(self.firm.id()), token, now).await
    }

    /// Whether that token opens anything.
    pub async fn is_in(&self, signed_in: &SignedIn, now: DateTime<Utc>) -> bool {
        match self.session(signed_in.token.reveal(), now).await {
            Ok(_) => true,
            Err(ContactError::NotSignedIn) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    pub async fn facts(&self, contact: &ContactId) -> ContactFacts {
        self.firm.store().load_contact(contact).await.unwrap().unwrap().contact.facts
    }

    pub fn hash(&self, address: &str) -> AddressHash {
        AddressHash::of(&firm_id(), address)
    }
}

pub fn token_in(message: &Message) -> String {
    let parsed = MessageParser::default().parse(&message.raw_mime).unwrap();
    let text = parsed.body_text(0).unwrap().into_owned();
    let (_, rest) = text.split_once(SIGN_IN_PATH).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// Which error it was; the causes don't matter.
pub fn kind<T: std::fmt::Debug>(result: Result<T, ContactError>) -> String {
    let debug = format!("{:?}", result.unwrap_err());
    debug.split(['(', ' ']).next().unwrap().to_owned()
}

pub fn ann_itself(contact: &ContactId) -> Actor {
    Actor::Client { contact: Some(contact.clone()) }
}

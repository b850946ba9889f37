//! The portal in front of a world: contacts with sessions, a letter's link, and whoever else comes.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use domain::id::{ClientId, ContactId};
use domain::letter::LetterId;
use domain::role::{Actor, Role};
use gateways::{Timeouts, Transport};
use http_body_util::BodyExt;
use identity::OpaqueToken;
use identity::contact::{ContactToken, Origin};
use platform::config::GatewayUrls;
use platform::seal::LocalSeal;
use portal_api::State;
use serde_json::{Value, json};
use services::contacts::{Invitation, Postbox, Visit, confirm_link, invite};
use services::execute::Caller;
use services::firm::Firm;
use services::portal::{Portal, Till};
use services::webhook::{GatewayAccess, Webhooks};
use store::{ContactLink, ContactLinkKind, PayLink};
use tower::ServiceExt;

use crate::world::{OTHER, World, with_json};

pub const ANN: &str = "ann@acme.example";

/// The portal.
pub struct Hall {
    pub world: World,
    pub router: Router,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }
}

impl Hall {
    /// Ann acts for acme, Bob for bolt, both of the first firm, where acme owes A-1; the second firm has a
    /// client acme of its own.
    pub async fn new() -> Self {
        let world = World::new().await;
        world.acme().await;
        let bolt = json!({"client": "bolt", "name": "Bolt Inc", "contacts": [{"address": "bob@bolt.example"}]});
        world.post("bea", "/firm/v1/clients", bolt).await;
        let other =
            json!({"client": "acme", "name": "Another Acme", "contacts": [{"address": ANN}]});
        let request = world.request("f-2", OTHER, &Method::POST, "/firm/v1/clients");
        world.send(with_json(request, &other)).await;
        let portal = Portal::new(world.dynamo.clone(), world.clock.clone(), None);
        let seal = Arc::new(LocalSeal::new(&[7; 32]).unwrap());
        let access = GatewayAccess {
            transport: Transport::new(Timeouts::default()),
            urls: GatewayUrls {
                stripe: Some("http://127.0.0.1:9".to_owned()),
                ..GatewayUrls::default()
            }, // nobody is there
            public_url: "https://portal.example".to_owned(),
        };
        let webhooks = Arc::new(Webhooks::new(world.dynamo.clone(), seal, access));
        let till = Till::new(webhooks, "https://portal.example");
        let router = portal_api::router(State { portal, till, postbox: Postbox::default() });
        Self { world, router }
    }

    pub async fn firm(&self, name: &str) -> Firm {
        self.world.firm(name).await
    }

    /// Invites somebody.
    pub async fn invited(&self, firm: &str, client: &str, address: &str) -> ContactId {
        let firm = self.firm(firm).await;
        let roles = [Role::BillingLead].into();
        let caller = Caller::new(Actor::Staff { id: "bea".parse().unwrap(), roles });
        let invitation = Invitation {
            client: client.parse().unwrap(),
            address: address.to_owned(),
            called: "Ann".to_owned(),
        };
        let now = self.world.now();
        invite(&firm, &Postbox::default(), &invitation, &caller, now).await.unwrap().contact
    }

    /// A link as it stands in a mailed letter.
    pub async fn mailed_link(&self, firm: &str, contact: &ContactId) -> String {
        let (firm, now) = (self.firm(firm).await, self.world.now());
        let token = ContactToken::new(firm.id(), contact).unwrap();
        let link = ContactLink {
            id: token.name().to_owned(),
            hash: token.hash().to_string(),
            kind: ContactLinkKind::SignIn,
            made_at: now,
            ends_at: now + services::contacts::LINK_VALID,
        };
        firm.store().add_contact_link(contact, &link).await.unwrap();
        token.reveal().to_owned()
    }

    /// Somebody who is signed in: the session's token.
    pub async fn signed_in(&self, firm: &str, client: &str, address: &str) -> String {
        let contact = self.invited(firm, client, address).await;
        let link = self.mailed_link(firm, &contact).await;
        let firm = self.firm(firm).await;
        let signed_in = confirm_link(&firm, &link, &visit(), self.world.now()).await.unwrap();
        signed_in.token.reveal().to_owned()
    }

    /// A letter's link over these invoices of acme.
    pub async fn pay_link(&self, invoices: &[&str]) -> (String, PayLink) {
        let firm = self.firm("f-1").await;
        let token = OpaqueToken::random_256().unwrap();
        let client: ClientId = "acme".parse().unwrap();
        let link = PayLink {
            hash: token.hash().to_string(),
            client,
            letter: Some(LetterId(1)),
            made_by: None,
            invoices: invoices.iter().map(|id| id.parse().unwrap()).collect(),
            made_on: firm.day(self.world.now()),
            revoked_at: None,
        };
        assert!(firm.store().add_pay_link(&link).await.unwrap());
        (token.reveal().to_owned(), link)
    }

    /// A request with that token, if any.
    pub async fn ask(&self, token: Option<&str>, method: &str, path: &str, body: &Value) -> Answer {
        let method: Method = method.parse().unwrap();
        let request = Request::builder().method(method).uri(path).header("host", "portal.example");
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        self.send(with_json(request, body)).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

pub fn visit() -> Visit {
    let address: IpAddr = "203.0.113.7".parse().unwrap();
    Visit { origin: Origin::of(address), device: "a test".to_owned(), request_id: None }
}

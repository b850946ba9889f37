//! The sandboxes of the gateways that the demo firm isn't connected with from the start: Square, PayPal, and
//! LawPay and CPACharge.
//!
//! They answer whoever asks with their key. A firm connects one in the console as it would connect the real one;
//! from then on the sandbox posts to the address that the firm's gateway page shows, signed with what was typed in
//! there. Stripe's, which the demo firm has, is [`crate::bank`]'s: payments are in its story.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use domain::calendar::Day;
use gateways::GatewayName;
use platform::clock::Clock;
use platform::config::GatewayUrls;
use platform::seal::Seal;
use sandbox::affinipay::{self, SandboxAffiniPay};
use sandbox::paypal::{self, SandboxPayPal};
use sandbox::square::{self, SandboxSquare};
use services::firm::Firm;
use services::webhook::credentials;

use crate::files::{Readers, replace};

/// All of them, cheap to clone.
#[derive(Debug, Clone)]
pub struct Sandboxes {
    square: SandboxSquare,
    paypal: SandboxPayPal,
    affinipay: SandboxAffiniPay,
    /// The last day that banks were told of.
    day: Arc<Mutex<Option<Day>>>,
}

/// Their routers, each under paths of its own.
pub struct Routers {
    /// `/v2` and `/sandbox/square`.
    pub square: Router,
    /// `/paypal` and `/sandbox/paypal`.
    pub paypal: Router,
    /// `/sandbox/affinipay`.
    pub affinipay: Router,
}

/// Where the gateways of a system at that address are: all of them are sandboxes.
pub fn urls(url: &str) -> GatewayUrls {
    GatewayUrls {
        stripe: Some(url.to_owned()),
        square: Some(url.to_owned()),
        paypal: Some(format!("{url}{}", paypal::BASE_PATH)),
        affinipay: Some(format!("{url}{}", affinipay::BASE_PATH)),
    }
}

impl Sandboxes {
    /// Those of a data folder.
    ///
    /// # Errors
    /// When a book can't be read.
    pub fn open(data: &Path, clock: &Arc<dyn Clock>) -> Result<Self> {
        let now = || {
            let clock = clock.clone();
            Arc::new(move || clock.now().timestamp())
        };
        let write = |path: &Path, bytes: &[u8]| replace(path, bytes, Readers::All);
        let book = |name: &str| data.join(format!("sandbox-{name}.json"));
        let (id, key) = (paypal::SANDBOX_CLIENT_ID, paypal::SANDBOX_KEY.into());
        Ok(Self {
            square: SandboxSquare::open(square::SANDBOX_KEY.into(), now(), &book("square"), write)?,
            paypal: SandboxPayPal::open(id, key, now(), &book("paypal"), write)?,
            affinipay: SandboxAffiniPay::open(
                affinipay::SANDBOX_KEY.into(),
                now(),
                &book("affinipay"),
                write,
            )?,
            day: Arc::default(),
        })
    }

    /// What they answer.
    pub fn routers(&self) -> Routers {
        Routers {
            square: self.square.router(),
            paypal: self.paypal.router(),
            affinipay: self.affinipay.router(),
        }
    }

    /// Learns where the firm's endpoints are, and what is to be signed with, tells banks of a new day, and posts what
    /// no endpoint took yet.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn go_on(&self, firm: &Firm, seal: &dyn Seal, url: &str, today: Day) -> Result<()> {
        let name = firm.settings().name.clone();
        for endpoint in firm.store().endpoints().await? {
            let Ok(gateway) = endpoint.gateway.as_str().parse::<GatewayName>() else { continue };
            if endpoint.is_live || gateway == GatewayName::Stripe {
                continue;
            }
            // One that can't be opened is the firm's to put right.
            let Ok(known) = credentials(firm.store(), seal, &endpoint).await else { continue };
            let name = name.clone();
            let webhook_url = format!("{url}/webhooks/{gateway}/{}", endpoint.id);
            match gateway {
                GatewayName::Stripe => {}
                GatewayName::Square => {
                    let webhook = known.signing.first().map(|signing| square::Endpoint {
                        url: webhook_url,
                        signing: signing.clone(),
                    });
                    self.square.set_shop(square::Shop { name, webhook });
                }
                GatewayName::PayPal => {
                    let webhook = known.webhook_ids.first().map(|id| paypal::Endpoint {
                        url: webhook_url.clone(),
                        webhook_id: id.clone(),
                        base_url: format!("{url}{}", paypal::BASE_PATH),
                    });
                    self.paypal.set_shop(paypal::Shop { name, webhook });
                }
                GatewayName::LawPay | GatewayName::CpaCharge => {
                    let shop =
                        affinipay::Shop { name, webhook: Some(webhook_url), return_url: None };
                    self.affinipay.set_shop(shop);
                }
            }
        }
        let before = self.day.lock().unwrap_or_else(PoisonError::into_inner).replace(today);
        if before.is_some_and(|before| before < today) {
            self.square.begin_day(today).await;
            self.paypal.begin_day(today).await;
            self.affinipay.begin_day(today).await;
        }
        self.square.go_on().await;
        self.paypal.go_on().await;
        self.affinipay.go_on().await;
        Ok(())
    }
}

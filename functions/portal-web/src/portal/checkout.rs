//! To the gateway's page, and what the payer is told who comes back (PAY-8): what was read at the gateway, and
//! nothing that the address says.

use askama::Template;
use axum::response::Response;
use domain::access::Capability;
use domain::id::ClientId;
use services::http::Problem;
use services::portal::pay::segment;
use store::{Checkout, CheckoutTold};

use super::dashboard::opening;
use super::{Guest, Shell, client_path, sending_on};
use crate::extract::Path;
use crate::page::{Failure, render};
use crate::said;

/// What was to be paid, and what came of it.
pub(super) struct Paying {
    pub(super) client: String,
    pub(super) amount: String,
    pub(super) lines: Vec<(String, String)>,
    /// `paid`, `processing`, `failed`, or `open`.
    pub(super) told: &'static str,
    /// Where it is looked at again.
    pub(super) again: String,
    /// Where the payer goes on to.
    pub(super) back: String,
    /// What opens the portal, where that is to be said.
    pub(super) opening: Option<String>,
}

impl Paying {
    pub(super) fn of(checkout: &Checkout, client: String, again: String, back: String) -> Self {
        let lines = checkout.lines.iter();
        Self {
            client,
            amount: said::sums(checkout.lines.iter().map(|(_, amount)| *amount)).join(" and "),
            lines: lines.map(|(id, amount)| (id.to_string(), amount.for_person())).collect(),
            told: match checkout.told {
                Some(CheckoutTold::Paid) => "paid",
                Some(CheckoutTold::Processing) => "processing",
                Some(CheckoutTold::Failed) => "failed",
                None => "open",
            },
            again,
            back,
            opening: None,
        }
    }
}

#[derive(Template)]
#[template(path = "portal/go.html")]
pub(super) struct GoPage {
    pub(super) shell: Shell,
    pub(super) paying: Paying,
    pub(super) url: String,
}

#[derive(Template)]
#[template(path = "portal/result.html")]
pub(super) struct ResultPage {
    pub(super) shell: Shell,
    pub(super) paying: Paying,
}

async fn found(guest: &Guest, client: &ClientId, id: &str) -> Result<(Checkout, Paying), Failure> {
    let view = guest.visitor.view_for(client, Capability::ActPay).await?;
    let checkout = guest.visitor.store().checkout(client, id).await?;
    let checkout = checkout.ok_or_else(|| Problem::not_found("payment"))?;
    let account = &view.loaded.account;
    let name = account.profile.name.as_str().to_owned();
    let again = format!("/portal/v1/clients/{}/checkouts/{id}/return", segment(client.as_str()));
    let paying = Paying::of(&checkout, name, again, client_path(client));
    let opening = opening(&view).map(|how| format!("Your portal stays locked for now. {how}"));
    Ok((checkout, Paying { opening, ..paying }))
}

/// On to the gateway's page.
pub(crate) async fn go(
    guest: Guest,
    Path((client, id)): Path<(ClientId, String)>,
) -> Result<Response, Failure> {
    let (checkout, paying) = found(&guest, &client, &id).await?;
    let page = checkout.page.filter(|_| checkout.told.is_none() && !checkout.is_replaced);
    let page = page.ok_or_else(|| Problem::not_found("page to pay on"))?;
    let shell = guest.shell("On to the payment page", "overview");
    let shell = Shell { refresh: Some(page.url.clone()), ..shell };
    let shown = render(&GoPage { shell, paying, url: page.url.clone() });
    Ok(sending_on(shown, &page.url))
}

/// What came of it, as far as it was read.
pub(crate) async fn result(
    guest: Guest,
    Path((client, id)): Path<(ClientId, String)>,
) -> Result<Response, Failure> {
    let (_, paying) = found(&guest, &client, &id).await?;
    Ok(render(&ResultPage { shell: guest.shell("Your payment", "overview"), paying }))
}

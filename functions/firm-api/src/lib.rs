//! `/firm/v1`: what staff do with clients, invoices, payments, policies and tasks (contracts §4).
//!
//! Each handler is facts, a command, an answer. Who it is, in which firm and how often it was asked was
//! settled at the door ([`services::office`]); what the rules allow is decided by the domain, command by
//! command (STAFF-1). The document is generated from these handlers, so that it can't be another; a function
//! that starts mounts them without it, for it takes longer to build than all the rest.

#![allow(unused_qualifications, reason = "utoipa's macro writes its types in full")]

mod audit;
mod clients;
mod collecting;
mod concerns;
mod contacts;
mod gateway;
mod imports;
mod invoices;
pub mod logo;
mod mail_domain;
mod me;
mod messages;
mod notes;
mod numbering;
mod papers;
mod pay_links;
mod payments;
pub mod people;
mod policies;
mod previews;
mod reports;
mod retention;
mod runs;
mod settings;
pub mod show;
mod tasks;
mod templates;
mod unclaimed;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::routing::on;
use axum::{Extension, Router, middleware};
use platform::mail_domains::MailDomains;
use services::contacts::Postbox;
use services::http::document::{complete, empty};
use services::http::form::with_forms;
use services::http::{Problem, ProblemKind};
use services::office::gateways::Gateways;
use services::office::{BodyLimit, Office, open_door};
use utoipa::openapi::OpenApi;
use utoipa_axum::PathItemExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use services::office::door::MAX_BODY;

/// What the function stands on.
#[derive(Clone)]
pub struct State {
    /// The office that its requests come to.
    pub office: Office,
    /// What carries invitations.
    pub postbox: Postbox,
    /// Where people reach the portal: links to pay with begin with it.
    pub public_url: String,
    /// Where domains are set up that letters come from.
    pub domains: Arc<dyn MailDomains>,
    /// How gateways are reached, and their secrets sealed.
    pub gateways: Gateways,
}

/// What handlers use beside the firm's part of the table.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) postbox: Postbox,
    pub(crate) public_url: String,
    pub(crate) domains: Arc<dyn MailDomains>,
    pub(crate) gateways: Gateways,
}

impl<S: Sync> FromRequestParts<S> for Means {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let means = parts.extensions.get::<Self>().cloned();
        means.ok_or_else(|| Problem::new(ProblemKind::Internal, "this address is not served"))
    }
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let door =
        |limit| middleware::from_fn_with_state((state.office.clone(), BodyLimit(limit)), open_door);
    let files = files().method_not_allowed_fallback(other_method).layer(door(imports::MAX_FILE));
    let routes = routes().fallback(nothing).method_not_allowed_fallback(other_method);
    let pictures =
        pictures().method_not_allowed_fallback(other_method).layer(door(logo::MAX_UPLOAD));
    let means = Means {
        postbox: state.postbox.clone(),
        public_url: state.public_url.clone(),
        domains: state.domains.clone(),
        gateways: state.gateways.clone(),
    };
    let all = routes.layer(door(MAX_BODY)).merge(files).merge(pictures);
    // Each door has read the body within its own limit, and said so in our words where it was larger.
    let all = all.layer(DefaultBodyLimit::disable());
    with_forms(all.layer(Extension(means)))
}

/// The function's part of the OpenAPI document.
pub fn openapi() -> OpenApi {
    let all = describe_routes().merge(describe_files()).merge(describe_pictures());
    complete(all.into_openapi())
}

async fn nothing() -> Problem {
    Problem::not_found("address")
}

async fn other_method() -> Problem {
    let kind = ProblemKind::MethodNotAllowed;
    Problem::new(kind, "this address does not take that method")
}

/// One list of handlers, to be mounted or to be described.
macro_rules! handlers {
    ($mount:ident, $describe:ident: $($module:ident::$handler:ident),+ $(,)?) => {
        fn $mount() -> Router {
            let router = Router::new();
            pastey::paste! {
                $(let router = mount::<$module::[<__path_ $handler>], _, _>(router, $module::$handler);)+
            }
            router
        }

        fn $describe() -> OpenApiRouter {
            OpenApiRouter::with_openapi(empty())$(.routes(routes!($module::$handler)))+
        }
    };
}

// What takes a file.
handlers! { files, describe_files: imports::begin, imports::get }

// What takes a picture.
handlers! { pictures, describe_pictures: logo::put, logo::remove }

handlers! {
    routes, describe_routes:
    me::me, me::document,
    settings::get, settings::patch,
    mail_domain::get, mail_domain::put, mail_domain::remove,
    gateway::list, gateway::connect, gateway::get, gateway::remove, gateway::replace,
    gateway::drop_old, gateway::test, gateway::prefer, gateway::close,
    clients::list, clients::open, clients::get, clients::change,
    people::get, people::put, people::mails, people::choose, people::sent,
    invoices::list, invoices::issue, invoices::get, invoices::post, invoices::void,
    invoices::write_off, invoices::add_fee, invoices::waive_fees, invoices::dispute, invoices::review_dispute,
    invoices::resolve_dispute, invoices::credit,
    payments::list, payments::record, payments::refund, payments::take_back,
    payments::credit,
    collecting::letters, collecting::holds, collecting::hold, collecting::release,
    collecting::promises, collecting::promise, collecting::plans, collecting::plan,
    collecting::lock, collecting::hard_stop, collecting::move_episode,
    papers::statement, papers::letter, papers::refer, papers::take_back,
    unclaimed::list, unclaimed::assign,
    tasks::list, tasks::of_client, tasks::assign, tasks::close, tasks::approve_step, tasks::approve_close,
    tasks::review_policies,
    concerns::list,
    retention::list, retention::get, retention::put_off,
    notes::list, notes::write,
    messages::list, messages::write, messages::read,
    contacts::list, contacts::invite, contacts::remove, contacts::withdraw,
    contacts::invite_again, contacts::end_sessions,
    pay_links::list, pay_links::make, pay_links::take_back,
    settings::staff,
    audit::events, audit::verify, audit::firm_events, audit::verify_firm,
    policies::list, policies::get, policies::put, policies::version, policies::check,
    policies::document_schema, policies::arm_version, policies::shadow_version,
    policies::withdraw_version, policies::shadow,
    previews::begin, previews::get, previews::clients,
    templates::list, templates::get, templates::put, templates::remove, templates::preview,
    templates::test,
    runs::list, runs::get, runs::clients, runs::approve, runs::reject, runs::undo,
    runs::stopped, runs::stop_firm, runs::lift_stop,
    reports::kpi, reports::aging,
}

/// Mounts a handler where its description says; only its path and methods are looked at.
fn mount<P: utoipa::Path, H, T>(router: Router, handler: H) -> Router
where
    H: Handler<T, ()>,
    T: 'static,
{
    let path = P::path();
    let on_method =
        |method: &utoipa::openapi::HttpMethod| on(method.to_method_filter(), handler.clone());
    P::methods().iter().fold(router, |router, method| router.route(&path, on_method(method)))
}

/// The client in a path.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfClient {
    /// The client's id.
    #[param(value_type = String)]
    pub(crate) client: domain::id::ClientId,
}

/// The invoice in a path.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfInvoice {
    /// The invoice's number.
    #[param(value_type = String)]
    pub(crate) invoice: domain::id::InvoiceId,
}

/// A reason.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Because {
    /// Why, in a sentence.
    pub(crate) reason: String,
}

impl Because {
    pub(crate) fn text(self) -> domain::text::Personal {
        domain::text::Personal::new(self.reason)
    }
}

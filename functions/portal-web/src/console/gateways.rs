//! The firm's gateways: connected, tested, rotated and closed by an admin (STAFF-1). No page holds a secret (SEC-5):
//! fields for them are empty, and beside each stands since when there is one.

use ::gateways::{GatewayName, Part};
use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::role::Role;
use services::http::{Problem, ProblemKind};
use services::office::gateways::{Connected, GatewaysError, NEWS_FOR, connected, one};
use store::{Came, FirmSettings};

use super::act::{Act, FieldKind};
use crate::State;
use crate::extract::Path;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Where these pages begin.
pub(super) const PATH: &str = "/console/settings/gateways";

/// Where their forms go.
const API: &str = "/firm/v1/gateways";

#[derive(Template)]
#[template(path = "console/gateways.html")]
struct ListPage {
    shell: Shell,
    is_admin: bool,
    is_test: bool,
    rows: Vec<Row>,
    kinds: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "console/gateway_new.html")]
struct NewPage {
    shell: Shell,
    title: &'static str,
    gateway: &'static str,
    guide: String,
    modes: Vec<(&'static str, &'static str)>,
    typed_mode: String,
    fields: Vec<Input>,
    events: Vec<&'static str>,
    api: &'static str,
}

#[derive(Template)]
#[template(path = "console/gateway.html")]
struct GatewayPage {
    shell: Shell,
    row: Row,
    path: String,
    api: String,
    url: String,
    guide: String,
    parts: Vec<SetPart>,
    fields: Vec<Input>,
    events: Vec<&'static str>,
    press: &'static str,
    news: Vec<(&'static str, String)>,
    is_waiting: bool,
    has_old: bool,
    may_prefer: bool,
}

#[derive(Template)]
#[template(path = "console/firm_act.html")]
struct ActPage {
    shell: Shell,
    act: Act,
    back: String,
    back_name: String,
}

/// A gateway in the list, and at the head of its page.
struct Row {
    title: String,
    path: String,
    is_live: bool,
    pill: &'static str,
    state: &'static str,
    connected: String,
    last: String,
    is_closed: bool,
}

/// A part as it is set.
struct SetPart {
    label: &'static str,
    since: String,
}

/// A field of a form for a part.
struct Input {
    /// Its name in the form, which says how it is read.
    name: String,
    /// What the API calls it when it is wrong.
    field: String,
    label: &'static str,
    hint: &'static str,
    is_secret: bool,
    is_lines: bool,
    is_required: bool,
    value: String,
    is_wrong: bool,
}

impl Input {
    fn of(part: &Part, shell: &Shell, is_new: bool) -> Self {
        let field = format!("credentials.{}", part.field);
        let name = match (part.is_list, part.is_secret) {
            (true, true) => format!("{field}[]:secret"),
            (true, false) => format!("{field}:lines"),
            (false, true) => format!("{field}:secret"),
            (false, false) => field.clone(),
        };
        Self {
            label: part.label,
            hint: part.hint,
            is_secret: part.is_secret,
            is_lines: part.is_list && !part.is_secret,
            is_required: is_new && part.is_needed,
            value: shell.typed(&name).to_owned(),
            is_wrong: shell.is_wrong(&field),
            name,
            field,
        }
    }
}

impl Row {
    fn of(known: &Connected, settings: &FirmSettings) -> Self {
        let endpoint = &known.endpoint;
        let (pill, state) = match (&endpoint.closed_at, known.takes_payments) {
            (Some(_), _) => ("closed", "closed"),
            (None, true) => ("open", "clients pay here"),
            (None, false) => ("other", "connected"),
        };
        Self {
            title: title(known),
            path: format!("{PATH}/{}", endpoint.id),
            is_live: endpoint.is_live,
            pill,
            state,
            connected: endpoint
                .opened_at
                .map_or_else(|| "–".to_owned(), |at| instant(at, settings)),
            last: known.news.came.as_ref().map_or_else(
                || "nothing yet".to_owned(),
                |came| format!("{}: {}", instant(came.at, settings), became(&came.outcome)),
            ),
            is_closed: endpoint.closed_at.is_some(),
        }
    }
}

fn instant(at: DateTime<Utc>, settings: &FirmSettings) -> String {
    at.with_timezone(&settings.zone).format("%b %-d, %Y %H:%M").to_string()
}

fn name(known: &Connected) -> Option<GatewayName> {
    known.endpoint.gateway.as_str().parse().ok()
}

fn title(known: &Connected) -> String {
    let unknown = || said::capitalised(known.endpoint.gateway.as_str());
    name(known).map_or_else(unknown, |name| name.title().to_owned())
}

/// What became of something that came, for a person.
fn became(outcome: &str) -> &'static str {
    match outcome {
        "applied" => "a payment's news, applied",
        "unchanged" | "before" => "known already",
        "not_yet" => "nothing to record yet",
        "not_ours" => "another sale of the firm's",
        "unclaimed" => "money that names no client: see the unclaimed payments",
        "mismatched" => "not what was expected: see the tasks",
        "kept" => "kept, and being worked on",
        "ignored" => "arrived; it is about nothing that is followed here",
        "not_for_here" => "arrived, for another account or mode",
        "other_mode" => "a live event at a test gateway: the address is in the wrong mode there",
        "malformed" | "unreadable" => "it could not be read",
        "not_authentic" => "its signature didn't match: the signing secret is another endpoint's",
        "not_configured" => "there was nothing to check it with: the signing secret is missing",
        "not_now" => "the gateway could not be asked whether it is its own",
        _ => "it came",
    }
}

/// Which events are to be sent, as the gateway names them.
fn events(name: GatewayName) -> Vec<&'static str> {
    match name {
        GatewayName::Stripe => vec![
            "checkout.session.completed",
            "checkout.session.async_payment_succeeded",
            "checkout.session.async_payment_failed",
            "payment_intent.succeeded",
            "payment_intent.payment_failed",
            "charge.refunded",
            "refund.failed",
            "charge.dispute.created",
            "charge.dispute.closed",
        ],
        GatewayName::Square => vec![
            "payment.updated",
            "refund.created",
            "refund.updated",
            "dispute.created",
            "dispute.state.updated",
        ],
        GatewayName::PayPal => vec![
            "CHECKOUT.ORDER.APPROVED",
            "PAYMENT.CAPTURE.COMPLETED",
            "PAYMENT.CAPTURE.PENDING",
            "PAYMENT.CAPTURE.DENIED",
            "PAYMENT.CAPTURE.REFUNDED",
            "PAYMENT.CAPTURE.REVERSED",
            "CUSTOMER.DISPUTE.CREATED",
            "CUSTOMER.DISPUTE.RESOLVED",
        ],
        GatewayName::LawPay | GatewayName::CpaCharge => vec!["all of transaction.…"],
    }
}

/// What makes a test event there.
fn press(name: GatewayName) -> &'static str {
    match name {
        GatewayName::Stripe => {
            "At Stripe: Developers, Webhooks, this endpoint, “Send test event”; with a live endpoint, any event of the account, such as a new customer."
        }
        GatewayName::Square => {
            "In Square's developer console: the application, Webhooks, this subscription, “Send test event”."
        }
        GatewayName::PayPal => {
            "PayPal's simulator signs for nobody, so its events are refused here. Make a payment of a small amount instead, in test mode with a sandbox buyer."
        }
        GatewayName::LawPay | GatewayName::CpaCharge => {
            "There is no test event there. Make a payment of a small amount on a page of the test account instead."
        }
    }
}

fn guide(name: GatewayName) -> String {
    let file = match name {
        GatewayName::LawPay | GatewayName::CpaCharge => "lawpay-cpacharge",
        name => name.as_str(),
    };
    format!("docs/gateways/{file}.md")
}

/// The firm's gateways.
pub(crate) async fn list(visit: Visit) -> Result<Response, Failure> {
    let settings = visit.desk.firm.settings();
    let known = connected(&visit.desk.firm).await?;
    let page = ListPage {
        is_admin: visit.may(&[Role::Admin]),
        is_test: settings.is_test,
        rows: known.iter().map(|known| Row::of(known, settings)).collect(),
        kinds: GatewayName::ALL
            .into_iter()
            .map(|name| (name.title(), format!("{PATH}/new/{name}")))
            .collect(),
        shell: visit.shell("Payment gateways", "settings"),
    };
    Ok(render(&page))
}

/// The form that connects one.
pub(crate) async fn begin(visit: Visit, Path(name): Path<String>) -> Result<Response, Failure> {
    visit.desk.require(&[Role::Admin])?;
    let none = |_| Failure::not_found("There is no such gateway.".to_owned());
    let name: GatewayName = name.parse().map_err(none)?;
    let shell = visit.shell(format!("Connect {}", name.title()), "settings");
    let live = ("live", "Live: real money");
    let test = ("test", "Test: to try it, no real money");
    let page = NewPage {
        title: name.title(),
        gateway: name.as_str(),
        guide: guide(name),
        modes: if visit.desk.firm.settings().is_test { vec![test] } else { vec![live, test] },
        typed_mode: shell.typed("mode").to_owned(),
        fields: name.parts().iter().map(|part| Input::of(part, &shell, true)).collect(),
        events: events(name),
        api: API,
        shell,
    };
    Ok(render(&page))
}

async fn found(visit: &Visit, id: &str) -> Result<Connected, Failure> {
    visit.desk.require(&[Role::Admin])?;
    one(&visit.desk.firm, id).await.map_err(|error| match error {
        GatewaysError::NotFound => Failure::not_found("There is no such gateway.".to_owned()),
        error => Failure::Problem(Problem::new(ProblemKind::Busy, error.to_string())),
    })
}

/// A gateway: where it posts, what is set, what came.
pub(crate) async fn show(
    Shared(state): Shared<State>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let known = found(&visit, &id).await?;
    let settings = visit.desk.firm.settings();
    let shell = visit.shell(title(&known), "settings");
    let endpoint = &known.endpoint;
    let name = name(&known);
    let kinds = name.map(GatewayName::parts).unwrap_or_default();
    let set = |part: &Part| SetPart {
        label: part.label,
        since: known.parts.get(part.field).filter(|since| !since.is_empty()).map_or_else(
            || if part.is_needed { "set" } else { "not set" }.to_owned(),
            |since| {
                let since: Vec<_> = since.iter().map(|at| instant(*at, settings)).collect();
                format!("set on {}", since.join(", and on "))
            },
        ),
    };
    let line = |what: &'static str, came: &Option<Came>| {
        came.as_ref().map(|came| {
            (what, format!("{}: {}.", instant(came.at, settings), became(&came.outcome)))
        })
    };
    let news =
        [line("Last event", &known.news.came), line("Last that was refused", &known.news.refused)];
    let is_of_clients = endpoint.is_live != visit.desk.firm.settings().is_test;
    let page = GatewayPage {
        row: Row::of(&known, settings),
        path: format!("{PATH}/{id}"),
        api: format!("{API}/{id}"),
        url: format!(
            "{}/webhooks/{}/{}",
            state.sign_in.public_url(),
            endpoint.gateway,
            endpoint.id
        ),
        guide: name.map(guide).unwrap_or_default(),
        parts: kinds.iter().map(set).collect(),
        fields: kinds.iter().map(|part| Input::of(part, &shell, false)).collect(),
        events: name.map(events).unwrap_or_default(),
        press: name.map(press).unwrap_or_default(),
        is_waiting: known.news.came.is_none() && endpoint.closed_at.is_none(),
        news: news.into_iter().flatten().collect(),
        has_old: 1 < known.checked_with(),
        may_prefer: is_of_clients && !known.takes_payments && endpoint.closed_at.is_none(),
        shell,
    };
    Ok(render(&page))
}

/// What can't be done at once: the pages on which it is confirmed.
pub(crate) async fn act(
    visit: Visit,
    Path((id, act)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let known = found(&visit, &id).await?;
    let (title, back) = (title(&known), format!("{PATH}/{id}"));
    let api = format!("{API}/{id}");
    let closed_at = known.endpoint.closed_at;
    let (act, back) = match act.as_str() {
        "close" => {
            let act = Act::new(
                format!("Close {title}"),
                "No page to pay on and no charge is made there any more. What was begun goes on being told of: refunds, debits that come back \
                 and disputes are taken and recorded as before. Leave its webhook at the gateway as it is.",
                "Close it",
                format!("{api}/close"),
            )
            .grave()
            .said("It is closed: nothing new is begun there.");
            let act = if closed_at.is_some() { act.refused("It is closed already.") } else { act };
            (act, back)
        }
        "remove" => {
            let act = Act::new(
                format!("Remove {title}"),
                "Its secrets are deleted, and nothing that it sends is taken any more. That can't be taken back.",
                "Remove it",
                api,
            )
            .grave()
            .deletes()
            .said("It is removed, and its secrets are deleted.");
            let until = closed_at.map(|at| at + NEWS_FOR);
            let act = match until {
                None => act.refused("Close it first."),
                Some(until) if known.news.came.is_some() && visit.desk.now < until => {
                    let until = instant(until, visit.desk.firm.settings());
                    act.refused(format!(
                        "News of old payments may still come until {until}: refunds, debits that come back, disputes."
                    ))
                }
                Some(_) => act,
            };
            (act, PATH.to_owned())
        }
        _ => return Err(Failure::not_found("There is no such act.".to_owned())),
    };
    let back_name = if back == PATH { "Payment gateways".to_owned() } else { title };
    let shell = visit.shell(act.title.clone(), "settings");
    Ok(render(&ActPage { shell, act, back, back_name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_1_each_gateway_has_its_guide_its_events_and_its_test() {
        for name in GatewayName::ALL {
            assert!(guide(name).starts_with("docs/gateways/"));
            assert!(!events(name).is_empty() && press(name).ends_with('.'), "for {name}");
        }
        assert_eq!(guide(GatewayName::CpaCharge), "docs/gateways/lawpay-cpacharge.md");
    }

    #[test]
    fn staff_1_what_came_of_an_event_is_said_in_words() {
        let known = [
            "applied",
            "unchanged",
            "before",
            "not_yet",
            "not_ours",
            "unclaimed",
            "mismatched",
            "kept",
            "ignored",
            "not_for_here",
            "other_mode",
            "malformed",
            "unreadable",
            "not_authentic",
            "not_configured",
            "not_now",
        ];
        for outcome in known {
            assert_ne!(became(outcome), became("something"), "for {outcome}");
        }
    }
}

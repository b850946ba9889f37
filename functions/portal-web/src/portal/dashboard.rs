//! How each of the contact's clients stands, what it owes and what is open meanwhile (POR-1, ACC-1..4).

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use domain::access::{Access, Capability, Denial, Narrowed, PortalState};
use domain::account::ExceptionEnd;
use domain::explain::client::explain_to_client;
use domain::id::{ClientId, InvoiceId};
use domain::lock::{LockCause, Scope};
use domain::money::Currency;
use domain::policy::UnlockMode;
use domain::role::Actor;
use domain::task::About;
use domain::text::sentence;
use services::execute::View;
use services::portal::pay::segment;
use services::portal::{Payable, Standing};

use super::{Guest, Shell, ask, client_path};
use crate::extract::Path;
use crate::page::{Failure, render};
use crate::said;

/// How many open invoices a client's panel shows; the rest is one click away.
const SHOWN: usize = 6;

/// What is to be paid at once, in one currency.
pub(super) struct PayNow {
    pub(super) amount: String,
    pub(super) invoices: Vec<String>,
    pub(super) is_overdue: bool,
}

impl PayNow {
    /// What is overdue, a button for each currency; if nothing is, what is open.
    pub(super) fn of(payable: &[Payable<'_>], view: &View) -> Vec<Self> {
        let mut groups: Vec<(Currency, bool)> = Vec::new();
        let is_overdue = |of: &Payable<'_>| of.invoice.is_overdue(view.day);
        let due = payable.iter().filter(|of| !of.amount.is_zero());
        let any_overdue = due.clone().any(is_overdue);
        let due: Vec<_> = due.filter(|of| !any_overdue || is_overdue(of)).collect();
        for of in &due {
            let group = (of.amount.currency(), any_overdue);
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let group = |(currency, is_overdue): (Currency, bool)| {
            let those = || due.iter().filter(move |of| of.amount.currency() == currency);
            Self {
                amount: said::sums(those().map(|of| of.amount)).concat(),
                invoices: those().map(|of| of.invoice.id.to_string()).collect(),
                is_overdue,
            }
        };
        groups.into_iter().map(group).collect()
    }
}

/// Why it stands as it stands, and what comes if nothing happens (EVAL-5).
pub(super) struct Told {
    pub(super) why: Vec<String>,
    pub(super) next: Vec<Follows>,
}

/// What comes on a day, and what the client can do about it.
pub(super) struct Follows {
    pub(super) when: String,
    pub(super) what: Vec<String>,
    pub(super) stopped_by: Vec<String>,
}

impl Told {
    fn of(view: &View) -> Self {
        let context = view.context(&Actor::Schedule);
        let told = explain_to_client(&view.loaded.account, &context);
        let next = told.next.into_iter().map(|follows| Follows {
            when: said::near(follows.on, view.day),
            what: follows.what,
            stopped_by: follows.stopped_by,
        });
        Self { why: told.why, next: next.collect() }
    }
}

/// How one client stands.
pub(super) struct Panel {
    pub(super) client: String,
    pub(super) name: String,
    pub(super) path: String,
    /// Where its acts are posted.
    pub(super) api: String,
    pub(super) state: &'static str,
    pub(super) state_name: &'static str,
    pub(super) words: Vec<String>,
    pub(super) overdue: Vec<String>,
    pub(super) balance: Vec<String>,
    pub(super) credit: Vec<String>,
    pub(super) pay: Vec<PayNow>,
    pub(super) shut: Vec<Shut>,
    pub(super) open: Vec<&'static str>,
    pub(super) next_due: Option<String>,
    pub(super) invoices: Vec<super::invoices::Row>,
    pub(super) more: usize,
    pub(super) has_asked_for_records: bool,
    /// Whether its statements are open.
    pub(super) has_statement: bool,
    /// Why it stands so and what comes; where it stands alone on its page.
    pub(super) told: Option<Told>,
    /// Whether the client can ask to have it opened.
    pub(super) can_ask_for_unlock: bool,
}

impl Panel {
    pub(super) fn of(view: &View) -> Self {
        let account = &view.loaded.account;
        let standing = Standing::of(view);
        let payable = Payable::all(view);
        let open = || payable.iter().map(|of| of.invoice);
        let next_due =
            open().filter(|invoice| !invoice.is_overdue(view.day)).min_by_key(|i| i.due_on);
        let (state, state_name) = match standing.state {
            PortalState::Open => ("open", "Open"),
            PortalState::Locked => ("locked", "Locked"),
            PortalState::Limited => ("limited", "Limited"),
            PortalState::MustPay => ("on_hold", "Payment needed"),
            PortalState::Closed => ("closed", "Closed"),
        };
        let (shut, open_names) = opened(view, &standing);
        Self {
            client: account.client.to_string(),
            name: account.profile.name.as_str().to_owned(),
            path: client_path(&account.client),
            api: format!("/portal/v1/clients/{}", segment(account.client.as_str())),
            state,
            state_name,
            words: words(view, &payable),
            overdue: said::sums(
                open().filter(|invoice| invoice.is_overdue(view.day)).map(|i| i.balance()),
            ),
            balance: said::sums(open().map(|invoice| invoice.balance())),
            credit: said::sums(account.credits.values().map(|credit| credit.amount)),
            pay: PayNow::of(&payable, view),
            shut,
            open: open_names,
            next_due: next_due.map(|invoice| {
                let (amount, on) =
                    (invoice.balance().for_person(), said::near(invoice.due_on, view.day));
                format!("{amount} for invoice {}, due {on}", invoice.id)
            }),
            invoices: payable
                .iter()
                .take(SHOWN)
                .map(|of| super::invoices::Row::of(view, of.invoice, Some(of)))
                .collect(),
            more: payable.len().saturating_sub(SHOWN),
            told: None,
            has_statement: standing.access(Capability::Statements).is_allowed(),
            has_asked_for_records: account
                .tasks
                .values()
                .any(|task| task.about == About::RecordsRequest),
            can_ask_for_unlock: account.is_locked() && ask::unlock_asked(account).is_none(),
        }
    }
}

/// How it stands, in sentences for the client.
fn words(view: &View, payable: &[Payable<'_>]) -> Vec<String> {
    let account = &view.loaded.account;
    let is_overdue = payable.iter().any(|of| of.invoice.is_overdue(view.day));
    let mut words = Vec::new();
    if let Some(closed) = &account.closed {
        words.push(format!(
            "Our engagement ended on {}. You can pay what is open, write to us and ask for your own records.",
            said::day(closed.on)
        ));
        return words;
    }
    let mut locks: Vec<_> = account.locks.values().collect();
    locks.sort_by_key(|lock| (lock.on, lock.episode));
    match locks.first() {
        None if account.limit.is_some() => words.extend(account.limit.iter().map(|limit| {
            let why = sentence(&limit.reason.to_string());
            format!(
                "Limited since {}. {why} It opens by itself as soon as that is settled.",
                said::day(limit.on)
            )
        })),
        None if is_overdue => {
            words.push("Your portal is open. Some of your invoices are overdue.".to_owned())
        }
        None => words.push("Your portal is open, and nothing is overdue.".to_owned()),
        Some(_) => {
            for lock in locks {
                let what = of_line(&lock.scope);
                let why = sentence(&lock.cause.text());
                words.push(format!("Locked{what} since {}. {why}", said::day(lock.on)));
            }
            words.extend(opening(view).map(str::to_owned));
        }
    }
    for exception in account.exceptions.values() {
        let what = of_line(&exception.scope);
        words.push(match exception.ends {
            ExceptionEnd::Until(until) => {
                format!("Open{what} by agreement until {}.", said::day(until))
            }
            ExceptionEnd::WithPlan => format!("Open{what} while the payment plan is kept."),
        });
    }
    if let Some(plan) = &account.plan
        && let Some(part) = plan.instalments.iter().find(|part| view.day <= part.due_on)
    {
        words.push(format!(
            "Payment plan: the next instalment is {}, due {}.",
            part.amount.for_person(),
            said::near(part.due_on, view.day)
        ));
    }
    for promise in &account.promises {
        words.push(promised(&promise.invoices, said::day(promise.until)));
    }
    if let Some((on, _)) = ask::plan_asked(account) {
        words.push(format!("You asked for a payment plan on {on}: a partner decides on it."));
    }
    if let Some(on) = ask::unlock_asked(account).filter(|_| account.is_locked()) {
        let on = said::day(on);
        words.push(format!("The firm was asked on {on} to open it, and looks at that."));
    }
    let coming = said::sums(payable.iter().map(|of| of.on_its_way));
    if !coming.is_empty() {
        words.push(format!("On its way from the bank: {}.", coming.join(" and ")));
    }
    words
}

/// Of which service line, if it isn't the whole client.
fn of_line(scope: &Scope) -> String {
    scope.line().map(|line| format!(" for {}", said::line(line))).unwrap_or_default()
}

/// What was promised, as long as it is no list.
fn promised(invoices: &BTreeSet<InvoiceId>, until: String) -> String {
    let what = match invoices.first() {
        Some(one) if invoices.len() == 1 => format!("invoice {one}"),
        _ => said::count(invoices.len(), "invoice"),
    };
    format!(
        "You promised to pay {what} by {until}: until then no letter and no lock comes of that."
    )
}

/// What opens a locked portal again, by the policy under which it was locked (UNL-1).
pub(super) fn opening(view: &View) -> Option<&'static str> {
    let lock = view.loaded.account.lock()?;
    let mode = view.lock_policy().policy.unlock.mode;
    let mut posted = view.loaded.account.open_invoices().filter(|known| known.is_posted(view.day));
    let is_overdue = posted.any(|known| known.is_overdue(view.day));
    Some(match (&lock.cause, mode, is_overdue) {
        (LockCause::Hand(_), ..) => {
            "We locked it by hand: please talk to us about opening it again."
        }
        (LockCause::Rule(_), UnlockMode::Approval, true) => {
            "Once nothing is overdue any more, a person at the firm opens it, usually within two \
             business days. Part of the amount does not open it."
        }
        (LockCause::Rule(_), UnlockMode::Approval, false) => {
            "Nothing is overdue any more, thank you. A person at the firm looks at it and opens it, \
             usually within two business days; we write to you as soon as it is open."
        }
        (LockCause::Rule(_), UnlockMode::OnPayment, _) => {
            "It opens by itself as soon as nothing is overdue any more."
        }
    })
}

/// What is shut, under each reason once; and what is open, as the one function says (ACC-1).
fn opened(view: &View, standing: &Standing) -> (Vec<Shut>, Vec<&'static str>) {
    let (mut shut, mut open): (Vec<Shut>, Vec<&'static str>) = (Vec::new(), Vec::new());
    for (capability, access) in standing.all() {
        let name = name(capability);
        match access {
            Access::Deny(denial) => {
                put(&mut shut, standing.denied(view, denial).why, name.to_owned());
            }
            Access::Only(Narrowed::OtherLines) => {
                for line in standing.lines_without(capability) {
                    let what = format!("{name}: {}", said::line(line));
                    let of = Scope::Line(line.clone());
                    put(&mut shut, standing.denied_of(&of, view, Denial::Locked).why, what);
                }
                if !open.contains(&name) {
                    open.push(name);
                }
            }
            Access::Allow | Access::Only(_) if !open.contains(&name) => open.push(name),
            Access::Allow | Access::Only(_) => {}
        }
    }
    (shut, open)
}

fn put(shut: &mut Vec<Shut>, why: String, what: String) {
    match shut.iter_mut().find(|known| known.why == why) {
        Some(known) if known.what.contains(&what) => {}
        Some(known) => known.what.push(what),
        None => shut.push(Shut { why, what: vec![what] }),
    }
}

/// What isn't open, for one reason.
pub(super) struct Shut {
    why: String,
    what: Vec<String>,
}

/// What a capability is to a client.
fn name(capability: Capability) -> &'static str {
    match capability {
        Capability::SignIn => "Signing in and security settings",
        Capability::Invoices | Capability::ActPay => "Invoices and paying",
        Capability::Statements => "Financial statements",
        Capability::Documents | Capability::ActUpload => "Documents",
        Capability::Signing | Capability::ActSign => "Signing what waits for your signature",
        Capability::Messages => "Messages to the firm",
        Capability::ActForm => "Forms to fill in",
        Capability::ActAppointment => "Appointments",
        Capability::Projects => "The status of projects",
        Capability::Records => "Your own records",
    }
}

#[derive(Template)]
#[template(path = "portal/dashboard.html")]
struct DashboardPage {
    shell: Shell,
    panels: Vec<Panel>,
    /// All of the contact's clients, to choose one; empty where there is one only.
    choices: Vec<(String, String, bool)>,
}

/// All of the contact's clients.
pub(crate) async fn all(guest: Guest) -> Result<Response, Failure> {
    page(guest, None).await
}

/// One of them.
pub(crate) async fn one(guest: Guest, Path(client): Path<ClientId>) -> Result<Response, Failure> {
    page(guest, Some(client)).await
}

async fn page(guest: Guest, only: Option<ClientId>) -> Result<Response, Failure> {
    if let Some(client) = &only {
        guest.visitor.view_for(client, Capability::SignIn).await?;
    }
    let (mut panels, mut choices, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    for view in guest.visitor.views().await? {
        Standing::of(&view).require(&view, Capability::SignIn)?;
        let panel = Panel::of(&view);
        let is_this = only.as_ref() == Some(&view.loaded.account.client);
        choices.push((panel.name.clone(), panel.path.clone(), is_this));
        if only.is_none() || is_this {
            panels.push(panel);
            shown.push(view);
        }
    }
    // Looking ahead takes its time: among several clients it is a click away.
    if let ([panel], [view]) = (&mut *panels, &*shown) {
        panel.told = Some(Told::of(view));
    }
    // Whatever needs the client first.
    panels
        .sort_by_key(|panel| (panel.state == "open", panel.overdue.is_empty(), panel.name.clone()));
    if choices.len() == 1 {
        choices.clear();
    }
    let title = match &*panels {
        [panel] => panel.name.clone(),
        _ => "Your clients".to_owned(),
    };
    Ok(render(&DashboardPage { shell: guest.shell(title, "overview"), panels, choices }))
}

#[derive(Template)]
#[template(path = "portal/records.html")]
struct RecordsPage {
    shell: Shell,
    panel: Panel,
}

/// Asking for one's own records: open in every state (ACC-4).
pub(crate) async fn records(
    guest: Guest,
    Path(client): Path<ClientId>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Records).await?;
    let panel = Panel::of(&view);
    Ok(render(&RecordsPage { shell: guest.shell("Your own records", "overview"), panel }))
}

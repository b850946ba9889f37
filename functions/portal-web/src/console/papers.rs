//! A client's papers: its statement of account, its demand letters, and the file for a collector (CLOSE-2); shown on
//! a page, and fetched from it as PDF or CSV.

use askama::Template;
use axum::response::Response;
use domain::account::Account;
use domain::explain::not_collected;
use domain::id::ClientId;
use domain::letter::{Language, LetterId};
use domain::role::Role;
use services::execute::View;
use services::papers::letter::{OnPaper, sent};
use services::papers::statement::{Asked, OnPage, on_page};
use services::papers::{pdf, referral, statement};

use super::act::{COLLECTORS, PARTNERS};
use super::client::{Head, titled};
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

#[derive(Template)]
#[template(path = "console/client/statement.html")]
struct StatementPage {
    shell: Shell,
    head: Head,
    shown: OnPage,
    today: String,
    /// Where it is as a file, up to its form.
    file: String,
}

/// The statement of some days.
pub(crate) async fn statement(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let account = &view.loaded.account;
    let shown = on_page(&visit.desk.firm, account, &asked, view.day, Language::En).await?;
    let path = client_path(&client);
    let page = StatementPage {
        file: format!("{path}/statement/file?from={}&to={}&format=", shown.from, shown.to),
        head: Head::of(account, "statement"),
        today: view.day.to_string(),
        shown,
        shell: titled(&visit, &view, "Statement"),
    };
    Ok(render(&page))
}

/// The same as a file.
pub(crate) async fn statement_file(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let firm = &visit.desk.firm;
    Ok(statement::answer(firm, &view.loaded.account, &asked, view.day).await?)
}

/// A demand letter on paper.
pub(crate) async fn letter(
    visit: Visit,
    Path((client, letter)): Path<(ClientId, u64)>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let paper = sent(&visit.desk.firm, &view.loaded.account, LetterId(letter)).await;
    let OnPaper { name, bytes } = paper.map_err(services::http::Problem::from)?;
    Ok(pdf(&name, bytes))
}

/// An invoice of a referral.
struct Referred {
    number: String,
    due: String,
    days: u32,
    balance: String,
}

#[derive(Template)]
#[template(path = "console/client/referral.html")]
struct ReferralPage {
    shell: Shell,
    head: Head,
    /// How it stands, in sentences.
    words: Vec<String>,
    invoices: Vec<Referred>,
    file: String,
    /// Where it is approved, or taken back, by who may.
    approve: Option<String>,
    take_back: Option<String>,
}

/// What is with a collector, or proposed to be.
pub(crate) async fn refer(visit: Visit, Path(client): Path<ClientId>) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let account = &view.loaded.account;
    let missing = || Failure::not_found("Nothing of this client is with collections.".to_owned());
    let found = referral::find(account).ok_or_else(missing)?;
    let is_approved = found.approved.is_some();
    let path = client_path(&client);
    let may = |roles: &[Role]| visit.may(roles);
    let page = ReferralPage {
        words: words(&found),
        invoices: referred(&view, account, &found),
        file: format!("{path}/referral/file?format="),
        approve: (!is_approved && may(PARTNERS))
            .then(|| format!("{path}/do/approve-collections_referral")),
        take_back: (is_approved && may(COLLECTORS)).then(|| format!("{path}/do/return-referral")),
        head: Head::of(account, "referral"),
        shell: titled(&visit, &view, "Collections"),
    };
    Ok(render(&page))
}

fn words(found: &referral::Referral) -> Vec<String> {
    match &found.approved {
        Some((since, by)) => vec![
            format!("With collections since {}, approved by {by}.", said::day(*since)),
            format!(
                "Meanwhile these invoices are not collected here ({}): no letter, fee or lock comes of them. A lock that is there \
                 stays. It ends by itself when nothing of it is overdue any more: paid, or written off.",
                not_collected(domain::account::NotCollected::WithCollections)
            ),
        ],
        None => vec![
            "Proposed: a partner decides whether it is handed over. The file is what would be."
                .to_owned(),
        ],
    }
}

fn referred(view: &View, account: &Account, found: &referral::Referral) -> Vec<Referred> {
    let open = found.invoices.iter().filter_map(|id| account.invoices.get(id));
    let open = open.filter(|invoice| invoice.is_open());
    let row = |invoice: &domain::invoice::Invoice| Referred {
        number: invoice.id.to_string(),
        due: said::day(invoice.due_on),
        days: invoice.days_overdue(view.day),
        balance: invoice.balance().for_person(),
    };
    open.map(row).collect()
}

/// The file for the collector.
pub(crate) async fn referral_file(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(asked): Query<referral::Asked>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    Ok(referral::answer(&visit.desk.firm, &view.loaded.account, asked, view.day).await?)
}

/// Where a letter's paper is.
pub(super) fn letter_path(client: &ClientId, letter: u64) -> String {
    format!("/console/clients/{}/letters/{letter}/pdf", segment(client.as_str()))
}

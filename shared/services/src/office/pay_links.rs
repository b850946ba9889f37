//! Links to pay with (LET-7): made by staff to be handed on, listed with those of letters, taken back.
//!
//! A token is told to whoever made it, once; the table has its hash. Each of these acts is a commit of the
//! client's chain, so the audit says who let whom see what.

use std::collections::BTreeSet;

use domain::calendar::Day;
use domain::command::Command;
use domain::id::{ClientId, InvoiceId};
use domain::letter::{LetterId, LetterState};
use domain::role::Role;
use identity::OpaqueToken;
use store::{LetterRow, PageRequest, PayLink, StoreError};

use super::door::Desk;
use crate::correspondence::PAY_LINK_PATH;
use crate::execute::{Executed, View};
use crate::firm::Firm;
use crate::http::Problem;
use crate::portal::link::{life, shown};
use crate::portal::{Life, Payable};

/// How many of the newest letters are looked at for their links: those that somebody still asks about.
const LETTERS_LOOKED_AT: u32 = 50;

/// Who makes links and takes them back.
pub const KEEPERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// A link in the list.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// The link.
    pub link: PayLink,
    /// Until when it is good.
    pub life: Life,
    /// The letter that holds it, with what became of it; staff's links have none.
    pub letter: Option<LetterRow>,
}

/// A link that was made.
#[derive(Debug)]
pub struct MadeLink {
    /// What it came to.
    pub executed: Executed,
    /// Its name, by which it is listed and taken back.
    pub id: String,
    token: OpaqueToken,
}

impl MadeLink {
    /// Where it leads, to be told once.
    pub fn path(&self) -> String {
        format!("{PAY_LINK_PATH}{}", self.token.reveal())
    }
}

/// What of a client can be paid by a link.
pub fn can_be_linked(view: &View) -> BTreeSet<InvoiceId> {
    let payable = Payable::all(view).into_iter().filter(|payable| !payable.amount.is_zero());
    payable.map(|payable| payable.invoice.id.clone()).collect()
}

/// Makes a link that opens the page of these invoices, and nothing else.
///
/// # Errors
/// What the rules refuse; whatever reading and writing have.
pub async fn make(
    desk: &Desk,
    client: &ClientId,
    invoices: BTreeSet<InvoiceId>,
) -> Result<MadeLink, Problem> {
    let token = OpaqueToken::random_256().map_err(|error| Problem::busy(&error))?;
    let id = token.hash().to_string();
    let command = Command::MakePayLink { link: id.clone(), invoices };
    let executed = desk.execute(client, &command).await?;
    Ok(MadeLink { executed, id, token })
}

/// A client's links, newest first: those that staff made, and those of its newest letters.
///
/// # Errors
/// Whatever reading has.
pub async fn links(firm: &Firm, view: &View) -> Result<Vec<LinkRow>, StoreError> {
    let (store, client) = (firm.store(), &view.loaded.account.client);
    let page = PageRequest { cursor: None, limit: LETTERS_LOOKED_AT };
    let letters = store.letters(client, &page).await?.items;
    let left = letters.iter().filter(|row| matches!(row.letter.state, LetterState::Left(_)));
    let left: Vec<_> = left.map(|row| row.letter.id).collect();
    let mut known = store.made_pay_links(client).await?;
    known.extend(store.pay_links_of(client, &left).await?);
    // Of one day, those that staff made stand before those of letters.
    known.sort_by(|a, b| newest(b).cmp(&newest(a)));
    let mut rows = Vec::new();
    for link in known {
        let invoices = shown(firm, view, &link).await?;
        let life = life(firm, &link, &invoices).await?;
        let letter = letters.iter().find(|row| Some(row.letter.id) == link.letter).cloned();
        rows.push(LinkRow { link, life, letter });
    }
    Ok(rows)
}

fn newest(link: &PayLink) -> (Day, bool, Option<LetterId>, &str) {
    (link.made_on, link.letter.is_none(), link.letter, &link.hash)
}

/// Takes a client's link back: whoever has it sees nothing any more. One that was taken back stays so.
///
/// # Errors
/// [`crate::http::ProblemKind::NotFound`] for one of nobody or of somebody else; whatever reading and writing
/// have.
pub async fn take_back(desk: &Desk, client: &ClientId, id: &str) -> Result<(), Problem> {
    desk.require(KEEPERS)?;
    let found = desk.store().pay_link(client, id).await?;
    let link = found.ok_or_else(|| Problem::not_found("link"))?;
    if link.revoked_at.is_some() {
        return Ok(());
    }
    let command = Command::RevokePayLink { link: link.hash, letter: link.letter };
    desk.execute(client, &command).await.map(|_| ())
}

//! Where a task is answered: of each kind at least one button leads there, for whoever may do something about it.

use domain::account::Account;
use domain::task::{About, Task};

use super::act::{COLLECTORS, Deed, PARTNERS, STAFF, approval};
use super::{client_path, plan};
use crate::page::Visit;

/// What a visitor may do with a task.
pub(super) fn of_task(visit: &Visit, account: &Account, task: &Task) -> Vec<Deed> {
    let client = client_path(&account.client);
    let number = task.id.0;
    let deed = |name, path: &str| Deed { name, path: format!("{client}/{path}"), is_grave: false };
    let mut deeds = answers(visit, account, &task.about, &deed);
    if visit.may(STAFF) {
        deeds.push(deed("Assign", &format!("do/assign-{number}")));
    }
    if visit.may(closers(&task.about)) {
        deeds.push(deed("Done", &format!("do/close-{number}")));
    }
    deeds
}

/// What answers it.
fn answers(
    visit: &Visit,
    account: &Account,
    about: &About,
    deed: &impl Fn(&'static str, &str) -> Deed,
) -> Vec<Deed> {
    let is_partner = visit.may(PARTNERS);
    match about {
        About::ReadyForUnlock | About::UnlockAsked { .. } => match approval(account) {
            Some(path) => {
                let name = if is_partner { "Decide" } else { "See the request" };
                vec![Deed { name, path, is_grave: false }]
            }
            None if account.lock.is_some() && visit.may(COLLECTORS) => {
                vec![deed("Ask for unlock", "do/ask-unlock")]
            }
            None => Vec::new(),
        },
        About::ApproveStep { step, .. }
        | About::CollectionsReferral { step, approved_by: None, .. }
            if is_partner =>
        {
            vec![deed("Approve", &format!("do/approve-{}", step.action.as_str()))]
        }
        About::PlanRequest { .. } if is_partner => vec![plan::deed(account, "Agree on a plan")],
        About::ReviewTask { .. }
        | About::ApproveStep { .. }
        | About::CollectionsReferral { .. }
        | About::PlanRequest { .. } => vec![deed("See the invoices", "invoices")],
        About::BouncedAddress { letter, .. } => {
            vec![
                deed("Contacts", "contacts"),
                deed("See the letter", &format!("letters/{}", letter.0)),
            ]
        }
        About::LetterStuck { letter } => {
            vec![
                deed("See the letter", &format!("letters/{}", letter.0)),
                deed("Contacts", "contacts"),
            ]
        }
        About::NoAddress => vec![deed("Contacts", "contacts")],
        About::RecordsRequest => vec![deed("Contacts", "contacts")],
        About::Mismatch { .. } => vec![deed("See the payments", "payments")],
    }
}

/// Who closes it by hand (STAFF-1); nobody, where it closes by itself.
fn closers(about: &About) -> &'static [domain::role::Role] {
    match about {
        About::ReadyForUnlock | About::NoAddress | About::ApproveStep { .. } => &[],
        About::ReviewTask { .. }
        | About::CollectionsReferral { .. }
        | About::PlanRequest { .. } => PARTNERS,
        About::BouncedAddress { .. }
        | About::LetterStuck { .. }
        | About::RecordsRequest
        | About::UnlockAsked { .. }
        | About::Mismatch { .. } => STAFF,
    }
}

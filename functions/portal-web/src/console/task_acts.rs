//! Where a task is answered: of each kind at least one button leads there, for whoever may do something about it.

use domain::account::Account;
use domain::role::Role;
use domain::task::{About, Task};

use super::act::{COLLECTORS, Deed, PARTNERS, STAFF, approval};
use super::{client_path, plan};
use crate::page::Visit;

/// What a visitor may do with a task.
pub(super) fn of_task(visit: &Visit, account: &Account, task: &Task) -> Vec<Deed> {
    let client = client_path(&account.client);
    let number = task.id.0;
    let deed = |name, path: &str| Deed { name, path: format!("{client}/{path}"), is_grave: false };
    let mut deeds = answers(&|roles| visit.may(roles), account, &task.about, &deed);
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
    may: &impl Fn(&[Role]) -> bool,
    account: &Account,
    about: &About,
    deed: &impl Fn(&'static str, &str) -> Deed,
) -> Vec<Deed> {
    let is_partner = may(PARTNERS);
    match about {
        About::ReadyForUnlock | About::UnlockAsked { .. } => match approval(account) {
            Some(path) => {
                let name = if is_partner { "Decide" } else { "See the request" };
                vec![Deed { name, path, is_grave: false }]
            }
            None if may(COLLECTORS) => {
                vec![deed("Ask for unlock", "do/ask-unlock")]
            }
            None => Vec::new(),
        },
        About::ApproveStep { step, .. }
        | About::CollectionsReferral { step, approved_by: None, .. }
            if is_partner =>
        {
            let mut deeds = vec![deed("Approve", &format!("do/approve-{}", step.action.as_str()))];
            if matches!(about, About::CollectionsReferral { .. }) {
                deeds.push(deed("File for the collector", "referral"));
            }
            deeds
        }
        About::CollectionsReferral { approved_by: Some(_), .. } => {
            let mut deeds = vec![deed("File for the collector", "referral")];
            if may(COLLECTORS) {
                deeds.push(deed("The collector gave it back", "do/return-referral"));
            }
            deeds
        }
        About::CollectionsReferral { .. } => vec![deed("File for the collector", "referral")],
        About::CloseProposal { .. } if is_partner => vec![deed("Decide", "do/approve-close")],
        About::PlanRequest { .. } if is_partner => vec![plan::deed(account, "Agree on a plan")],
        About::ReviewTask { .. }
        | About::ApproveStep { .. }
        | About::CloseProposal { .. }
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
        About::Message { .. } => vec![deed("Read and answer", "messages")],
        About::Mismatch { .. } => vec![deed("See the payments", "payments")],
    }
}

/// Who closes it by hand (STAFF-1); nobody, where it closes by itself.
fn closers(about: &About) -> &'static [Role] {
    match about {
        About::ReadyForUnlock
        | About::NoAddress
        | About::ApproveStep { .. }
        | About::CollectionsReferral { approved_by: Some(_), .. }
        | About::Message { .. }
        | About::CloseProposal { .. } => &[],
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::account::Profile;
    use domain::id::InvoiceId;
    use domain::invoice::InvoiceKind;
    use domain::letter::LetterId;
    use domain::message::MessageId;
    use domain::money::Currency;
    use domain::policy::{Action, StepKey, When};
    use domain::text::Personal;

    use super::*;

    /// One of each kind, with what a billing lead and a partner find there.
    fn each() -> Vec<(About, &'static str, &'static str)> {
        let invoices = BTreeSet::from(["A-1".parse::<InvoiceId>().unwrap()]);
        let when = When::DaysOverdue(30);
        let (kind, action) = (InvoiceKind::Regular, Action::FinalDemand);
        let step = StepKey { kind, when, action, before: None };
        let words = || Personal::new("words");
        let letter = LetterId(7);
        let referral = |approved_by| About::CollectionsReferral {
            step,
            invoices: invoices.clone(),
            approved_by,
            approved_on: None,
        };
        let payment = "stripe:pi_1".parse().unwrap();
        vec![
            (About::ReadyForUnlock, "do/ask-unlock", "do/ask-unlock"),
            (About::ReviewTask { step, invoices: invoices.clone() }, "invoices", "invoices"),
            (
                About::ApproveStep { step, invoices: invoices.clone() },
                "invoices",
                "do/approve-final_demand",
            ),
            (referral(None), "referral", "do/approve-final_demand referral"),
            (
                referral(Some("pat".parse().unwrap())),
                "referral do/return-referral",
                "referral do/return-referral",
            ),
            (
                About::CloseProposal { step, invoices: invoices.clone() },
                "invoices",
                "do/approve-close",
            ),
            (
                About::BouncedAddress { contact: 0, letter },
                "contacts letters/7",
                "contacts letters/7",
            ),
            (About::LetterStuck { letter }, "letters/7 contacts", "letters/7 contacts"),
            (About::NoAddress, "contacts", "contacts"),
            (About::RecordsRequest, "contacts", "contacts"),
            (About::PlanRequest { invoices, wish: words() }, "invoices", "plan"),
            (About::UnlockAsked { words: words() }, "do/ask-unlock", "do/ask-unlock"),
            (About::Message { messages: [MessageId(3)].into() }, "messages", "messages"),
            (About::Mismatch { payment, evidence: words() }, "payments", "payments"),
        ]
    }

    #[test]
    fn staff_1_every_task_leads_to_where_it_is_answered() {
        let profile = Profile {
            name: Personal::new("Acme"),
            class: "default".parse().unwrap(),
            currency: Currency::USD,
            contacts: Vec::new(),
            service_lines: BTreeSet::new(),
            terms_allow_late_fee: false,
            language: None,
            late_fee_terms_since: None,
            jurisdiction: None,
        };
        let account = Account::new("f-1".parse().unwrap(), "acme".parse().unwrap(), profile);
        let deed = |name, path: &str| Deed { name, path: path.to_owned(), is_grave: false };
        for (about, of_lead, of_partner) in each() {
            for (role, expected) in [(Role::BillingLead, of_lead), (Role::Partner, of_partner)] {
                let may = |roles: &[Role]| roles.contains(&role);
                let deeds = answers(&may, &account, &about, &deed);
                let paths: Vec<_> = deeds
                    .iter()
                    .map(|deed| deed.path.trim_start_matches("/console/clients/acme/"))
                    .collect();
                assert_eq!(paths.join(" "), expected, "{role:?}: {}", about.kind());
            }
        }
    }
}

//! Who looks after a client, and the page that says so (STAFF-1).

use domain::account::Account;
use domain::id::StaffId;
use domain::people::People;
use domain::role::Role;
use store::Grant;

use super::act::{Act, Field, FieldKind};

/// Role and names, as the client's page shows them.
pub(super) fn lines(people: &People) -> Vec<(&'static str, String)> {
    let line = |role| {
        let names: Vec<_> = people.of(role).iter().map(ToString::to_string).collect();
        let names = if names.is_empty() { everybody(role).to_owned() } else { names.join(", ") };
        (title(role), names)
    };
    People::ROLES.into_iter().map(line).collect()
}

fn title(role: Role) -> &'static str {
    match role {
        Role::Partner => "Engagement partner",
        Role::BillingLead => "Billing lead",
        Role::Preparer | Role::Admin | Role::Impersonator => "Preparers",
    }
}

fn everybody(role: Role) -> &'static str {
    match role {
        Role::Partner => "every partner",
        Role::BillingLead => "every billing lead",
        Role::Preparer | Role::Admin | Role::Impersonator => "every preparer",
    }
}

/// The page on which people are named.
pub(super) fn act(account: &Account, api: &str, grants: &[Grant]) -> Act {
    let who = account.profile.name.as_str();
    let people = &account.people;
    let of = |role: Role| {
        let of_role = grants.iter().filter(move |grant| grant.roles.contains(&role));
        let mut options: Vec<_> = of_role
            .map(|grant| (grant.staff.to_string(), grant.name.as_str().to_owned()))
            .collect();
        options.sort();
        options.dedup_by(|a, b| a.0 == b.0);
        options
    };
    let one = |role| {
        let none = (String::new(), everybody(role).to_owned());
        FieldKind::Choice(std::iter::once(none).chain(of(role)).collect())
    };
    let name =
        |staff: &Option<StaffId>| staff.as_ref().map_or_else(String::new, ToString::to_string);
    let preparers: Vec<_> = people.preparers.iter().map(ToString::to_string).collect();
    Act::new(
        format!("Who looks after {who}"),
        "They are told of the client's locks, letters, answers and tasks. Where nobody is named, everybody of that role is told.",
        "Save",
        format!("{api}/people"),
    )
    .method("put")
    .field(Field::new("partner", title(Role::Partner), one(Role::Partner)).optional().value(name(&people.partner)))
    .field(
        Field::new("billing_lead", title(Role::BillingLead), one(Role::BillingLead))
            .optional()
            .value(name(&people.billing_lead)),
    )
    .field(
        Field::new("preparers[]", title(Role::Preparer), FieldKind::Many(of(Role::Preparer)))
            .optional()
            .value(preparers.join("\n"))
            .hint("Without a mark, every preparer is told."),
    )
    .said("It is saved who looks after the client.")
}

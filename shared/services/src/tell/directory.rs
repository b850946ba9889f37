//! Who is told (STAFF-1): a client's people, as far as they work at the firm.
//!
//! Grants are read each time: somebody whose grant was taken away is told nothing, and a client that only
//! they looked after is everybody's of that role again.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::StaffId;
use domain::people::People;
use domain::role::Role;
use domain::tell::WaitsFor;
use domain::text::Personal;
use store::{Mails, StoreError};

use crate::firm::Firm;

/// A person at the firm.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) address: Option<Personal>,
    roles: BTreeSet<Role>,
    /// From where mails come back: nobody is told anything there.
    returns_from: Option<Personal>,
}

impl Person {
    /// Where the person is reached.
    pub(super) fn reached_at(&self) -> Option<&Personal> {
        self.address.as_ref().filter(|address| self.returns_from.as_ref() != Some(*address))
    }

    fn comes_back(&self) -> bool {
        self.returns_from.is_some() && self.returns_from == self.address
    }
}

/// Everybody who works at the firm.
#[derive(Debug)]
pub(super) struct Directory {
    persons: BTreeMap<StaffId, Person>,
}

impl Directory {
    pub(super) async fn of(firm: &Firm) -> Result<Self, StoreError> {
        let mut persons: BTreeMap<StaffId, Person> = BTreeMap::new();
        for grant in firm.store().grants().await? {
            // One who signs in in two ways is one person.
            let person = persons.entry(grant.staff).or_insert_with(|| Person {
                name: grant.name.as_str().to_owned(),
                address: None,
                roles: BTreeSet::new(),
                returns_from: None,
            });
            person.roles.extend(grant.roles);
            person.address = person.address.take().or(grant.mail);
        }
        for returned in firm.store().all_mails_returned().await? {
            if let Some(person) = persons.get_mut(&returned.staff) {
                person.returns_from = Some(returned.address);
            }
        }
        Ok(Self { persons })
    }

    pub(super) fn person(&self, staff: &StaffId) -> Option<&Person> {
        self.persons.get(staff)
    }

    /// Everybody of a role.
    pub(super) fn all_of(&self, role: Role) -> BTreeSet<StaffId> {
        self.of_role(&People::default(), role)
    }

    /// Whoever can be told of anything: has an address that takes it, and doesn't want none of it.
    pub(super) async fn readers(
        &self,
        firm: &Firm,
        among: &BTreeSet<StaffId>,
        wants: impl Fn(Mails) -> bool,
    ) -> Result<Vec<StaffId>, StoreError> {
        let mut readers = Vec::new();
        for staff in among {
            let is_reached = self.person(staff).is_some_and(|person| person.reached_at().is_some());
            if is_reached && wants(firm.store().mail_choice(staff).await?) {
                readers.push(staff.clone());
            }
        }
        Ok(readers)
    }

    /// Those of a client for that role: whoever is named, works here and gets the mails that are sent, else
    /// everybody of that role.
    pub(super) fn of_role(&self, people: &People, role: Role) -> BTreeSet<StaffId> {
        self.choose(people, role, |_| true)
    }

    /// All who look after a client.
    pub(super) fn of_client(&self, people: &People) -> BTreeSet<StaffId> {
        People::ROLES.into_iter().flat_map(|role| self.of_role(people, role)).collect()
    }

    /// Who decides on what waits, which never is who asked for it: then it is somebody else of the role.
    pub(super) fn deciders(
        &self,
        people: &People,
        waits_for: &WaitsFor,
        asked: Option<&StaffId>,
    ) -> BTreeSet<StaffId> {
        match waits_for {
            WaitsFor::Role(role) => self.choose(people, *role, |staff| Some(staff) != asked),
            WaitsFor::Person(staff) => {
                self.persons.keys().filter(|id| *id == staff).cloned().collect()
            }
        }
    }

    /// Whether that is whose something is to do.
    pub(super) fn is_theirs(&self, staff: &StaffId, people: &People, waits_for: &WaitsFor) -> bool {
        match waits_for {
            WaitsFor::Role(role) => self.of_role(people, *role).contains(staff),
            WaitsFor::Person(person) => person == staff,
        }
    }

    fn choose(
        &self,
        people: &People,
        role: Role,
        may: impl Fn(&StaffId) -> bool,
    ) -> BTreeSet<StaffId> {
        let of_role =
            self.persons.iter().filter(|(id, person)| person.roles.contains(&role) && may(id));
        let all: BTreeSet<_> = of_role.map(|(id, _)| id.clone()).collect();
        let named: BTreeSet<_> =
            people.of(role).into_iter().filter(|id| all.contains(*id)).cloned().collect();
        let is_reached = |id: &StaffId| self.person(id).is_some_and(|known| !known.comes_back());
        if named.iter().any(is_reached) { named } else { all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> StaffId {
        name.parse().unwrap()
    }

    fn directory() -> Directory {
        let person = |name: &str, role| {
            let person = Person {
                name: name.to_owned(),
                address: Some(Personal::new(format!("{name}@firm.example"))),
                roles: BTreeSet::from([role]),
                returns_from: None,
            };
            (id(name), person)
        };
        Directory {
            persons: BTreeMap::from([
                person("bea", Role::BillingLead),
                person("bob", Role::BillingLead),
                person("pat", Role::Partner),
                person("pam", Role::Partner),
                person("pre", Role::Preparer),
                person("ada", Role::Admin),
            ]),
        }
    }

    fn people(partner: Option<&str>, billing_lead: Option<&str>, preparers: &[&str]) -> People {
        People {
            partner: partner.map(id),
            billing_lead: billing_lead.map(id),
            preparers: preparers.iter().map(|name| id(name)).collect(),
        }
    }

    fn names(staff: BTreeSet<StaffId>) -> String {
        staff.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn staff_1_a_client_s_people_are_told_and_else_everybody_of_the_role() {
        for (people, expected) in [
            (people(None, None, &[]), "bea bob pam pat pre"),
            (people(Some("pat"), Some("bob"), &["pre"]), "bob pat pre"),
            (people(Some("pat"), None, &[]), "bea bob pat pre"),
            // Gone from the firm, or no longer of that role: as if nobody were named.
            (people(Some("old"), Some("bea"), &[]), "bea pam pat pre"),
            (people(Some("ada"), Some("pat"), &["old", "pre"]), "bea bob pam pat pre"),
        ] {
            assert_eq!(names(directory().of_client(&people)), expected, "for {people:?}");
        }
    }

    #[test]
    fn let_6_and_staff_1_whose_mails_come_back_is_one_of_all_until_another_address_is_known() {
        let mut directory = directory();
        let people = people(Some("pat"), Some("bob"), &["pre"]);
        let at = |address: &str| Some(Personal::new(address));
        for (returns_from, address, expected) in [
            (None, at("pat@firm.example"), "bob pat pre"),
            (at("pat@firm.example"), at("pat@firm.example"), "bob pam pat pre"),
            (at("old@firm.example"), at("pat@firm.example"), "bob pat pre"),
        ] {
            let person = directory.persons.get_mut(&id("pat")).unwrap();
            let is_reached = returns_from != address;
            (person.returns_from, person.address) = (returns_from, address);
            assert_eq!(person.reached_at().is_some(), is_reached);
            assert_eq!(names(directory.of_client(&people)), expected);
        }
    }

    #[test]
    fn staff_1_unl_1_who_asked_doesn_t_decide() {
        let partner = WaitsFor::Role(Role::Partner);
        for (people, waits_for, asked, expected) in [
            (people(Some("pat"), None, &[]), partner.clone(), Some("bea"), "pat"),
            (people(Some("pat"), None, &[]), partner.clone(), Some("pat"), "pam"),
            (people(None, None, &[]), partner.clone(), Some("pat"), "pam"),
            (people(None, None, &[]), partner, None, "pam pat"),
            (people(None, None, &[]), WaitsFor::Person(id("pre")), None, "pre"),
            (people(None, None, &[]), WaitsFor::Person(id("old")), None, ""),
        ] {
            let asked = asked.map(id);
            let deciders = directory().deciders(&people, &waits_for, asked.as_ref());
            assert_eq!(names(deciders), expected, "for {people:?}");
        }
    }
}

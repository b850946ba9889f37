//! What we wrote on a payment when we asked for it: firm, client, invoices.
//!
//! Read from the gateway's free key-value field. Text there that is no id of ours is kept as a
//! problem instead of failing the read: the money came, and somebody must see it (PAY-2).

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use domain::id::{ClientId, FirmId, IdError, InvoiceId};
use serde::{Deserialize, Serialize};

/// The first of these keys that is there counts; the first is the one that we write.
const FIRM_KEYS: [&str; 2] = ["firm", "firm_id"];
const CLIENT_KEYS: [&str; 2] = ["client", "client_id"];
const INVOICES_KEYS: [&str; 2] = ["invoices", "invoice_id"];

/// Our reference on a payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Whose payment it is.
    pub firm: Option<FirmId>,
    /// Who paid.
    pub client: Option<ClientId>,
    /// What it pays, in the order named (PAY-4); empty when it names none.
    pub invoices: Vec<InvoiceId>,
    /// The one free text that a page to pay on carries besides.
    pub client_reference: Option<String>,
    /// What could not be read, or is said in two ways.
    pub problems: Vec<ReferenceProblem>,
}

/// A part of the reference that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceProblem {
    /// Which part.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
}

impl Reference {
    /// Reads the gateway's key-value field.
    pub fn from_metadata(metadata: &BTreeMap<String, String>) -> Self {
        let mut reference = Self::default();
        let find = |keys: [&str; 2]| {
            let value = keys.into_iter().find_map(|key| metadata.get(key));
            value.map(|text| text.trim()).filter(|text| !text.is_empty())
        };
        reference.firm = find(FIRM_KEYS).and_then(|text| reference.parse("firm", text));
        reference.client = find(CLIENT_KEYS).and_then(|text| reference.parse("client", text));
        for text in find(INVOICES_KEYS).unwrap_or_default().split(',') {
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            if let Some(invoice) = reference.parse("invoices", text)
                && !reference.invoices.contains(&invoice)
            {
                reference.invoices.push(invoice);
            }
        }
        reference
    }

    fn parse<T: FromStr<Err = IdError>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error: IdError| self.problem(field, error.to_string())).ok()
    }

    fn problem(&mut self, field: &str, what: String) {
        self.problems.push(ReferenceProblem { field: field.to_owned(), what });
    }

    /// Whether we wrote anything on it. Firms take other money at their gateway too: a payment
    /// without any reference of ours is none of our business, and no mismatch.
    pub fn is_ours(&self) -> bool {
        let names_somebody = self.firm.is_some() || self.client.is_some();
        names_somebody || !self.invoices.is_empty() || !self.problems.is_empty()
    }

    /// Adds what `other`, read from the page that the payment was made on, says beyond this.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        let firm = self.agree("firm", self.firm.clone(), other.firm);
        let client = self.agree("client", self.client.clone(), other.client);
        let invoices = |list: Vec<InvoiceId>| (!list.is_empty()).then_some(Invoices(list));
        let (ours, theirs) =
            (invoices(std::mem::take(&mut self.invoices)), invoices(other.invoices));
        let invoices = self.agree("invoices", ours, theirs);
        self.firm = firm;
        self.client = client;
        self.invoices = invoices.map(|Invoices(list)| list).unwrap_or_default();
        self.client_reference = self.client_reference.or(other.client_reference);
        for problem in other.problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        self
    }

    fn agree<T: PartialEq + Display>(
        &mut self,
        field: &str,
        ours: Option<T>,
        theirs: Option<T>,
    ) -> Option<T> {
        if let (Some(ours), Some(theirs)) = (&ours, &theirs)
            && ours != theirs
        {
            self.problem(field, format!("the payment says {ours}, its page says {theirs}"));
        }
        ours.or(theirs)
    }
}

/// A list of invoices, to be compared and printed as one.
#[derive(PartialEq)]
struct Invoices(Vec<InvoiceId>);

impl Display for Invoices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.0.iter().map(InvoiceId::as_str).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Reference {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        Reference::from_metadata(&pairs.iter().map(owned).collect())
    }

    fn said(reference: &Reference) -> String {
        let problems: Vec<_> = reference.problems.iter().map(|p| p.what.as_str()).collect();
        format!(
            "{:?} {:?} {:?} {}",
            reference.firm,
            reference.client,
            reference.invoices,
            problems.join("; ")
        )
    }

    #[test]
    fn pay_4_metadata_names_firm_client_and_invoices_in_order() {
        for (pairs, expected) in [
            (
                &[("firm", "acme"), ("client", "bea"), ("invoices", "B-2, A-1,")][..],
                "Some(acme) Some(bea) [B-2, A-1] ",
            ),
            (
                &[("firm_id", "acme"), ("client_id", "bea"), ("invoice_id", "A-1")],
                "Some(acme) Some(bea) [A-1] ",
            ),
            (&[("firm", "acme"), ("firm_id", "other")], "Some(acme) None [] "),
            (&[("invoices", "A-1,A-1,A-2")], "None None [A-1, A-2] "),
            (&[("firm", "  "), ("color", "blue")], "None None [] "),
            (
                &[("client", "Bea#Son")],
                "None None [] the id \"Bea#Son\" holds '#', which no id may",
            ),
            (
                &[("invoices", "A-1,A#2")],
                "None None [A-1] the id \"A#2\" holds '#', which no id may",
            ),
        ] {
            assert_eq!(said(&read(pairs)), expected, "for {pairs:?}");
        }
    }

    #[test]
    fn pay_2_a_payment_without_any_reference_is_not_ours() {
        assert!(!read(&[]).is_ours());
        assert!(!read(&[("order", "7")]).is_ours());
        assert!(read(&[("firm", "acme")]).is_ours());
        assert!(read(&[("client", "Bea#Son")]).is_ours());
    }

    #[test]
    fn pay_2_payment_and_page_that_disagree_are_a_problem() {
        let payment = read(&[("firm", "acme"), ("invoices", "A-1")]);
        let page = read(&[("firm", "beta"), ("client", "bea"), ("invoices", "A-2")]);
        assert_eq!(
            said(&payment.clone().or(page)),
            "Some(acme) Some(bea) [A-1] the payment says acme, its page says beta; \
             the payment says A-1, its page says A-2"
        );
        let same = read(&[("firm", "acme"), ("client", "bea")]);
        assert_eq!(said(&payment.or(same)), "Some(acme) Some(bea) [A-1] ");
        assert_eq!(said(&read(&[]).or(read(&[("firm", "acme")]))), "Some(acme) None [] ");
    }
}

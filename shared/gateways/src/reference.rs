//! What we wrote on a payment when we asked for it: firm, client, invoices.
//!
//! Read from the gateway's free key-value field. Text there that is no id of ours is kept as a
//! problem instead of failing the read: the money came, and somebody must see it (PAY-2).

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use domain::id::{ClientId, FirmId, IdError, InvoiceId};
use serde::{Deserialize, Serialize};

use crate::CheckoutError;

/// The first of these keys that is there counts; the first is the one that we write.
const FIRM_KEYS: [&str; 2] = ["firm", "firm_id"];
const CLIENT_KEYS: [&str; 2] = ["client", "client_id"];
const INVOICES_KEYS: [&str; 2] = ["invoices", "invoice_id"];

/// How long the gateways' values may be; a list of invoices goes on under further keys, `invoices_2` and
/// so on. Stripe takes 50 keys.
const MAX_VALUE_CHARS: usize = 500;
const MAX_INVOICES_KEYS: usize = 20;

/// How much a gateway's key-value field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The characters of one value.
    pub value_chars: usize,
    /// How many of its keys may list invoices: all but the three for firm, client and our own name.
    pub invoices_keys: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { value_chars: MAX_VALUE_CHARS, invoices_keys: MAX_INVOICES_KEYS }
    }
}

/// Our own name for what asked for the payment.
pub(crate) const OURS_KEY: &str = "ours";

/// What our names begin with where the gateway has but one text, which the firm's other sales use too.
const OURS_PREFIX: &str = "pc-";

/// What they end with there: no name holds it, so that the client follows.
const OURS_END: char = '.';

/// How long our names may be: with the prefix, the shortest of the gateways' references, Square's 40.
pub const MAX_OURS_CHARS: usize = 37;

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_OURS_CHARS).contains(&text.len()) && text.bytes().all(is_plain)
}

fn further_key(number: usize) -> String {
    format!("{}_{number}", INVOICES_KEYS[0])
}

/// A list's comma within an id.
const ESCAPES: [(&str, &str); 2] = [("%", "%25"), (",", "%2C")];

fn escaped(invoice: &InvoiceId) -> String {
    ESCAPES.into_iter().fold(invoice.to_string(), |text, (plain, code)| text.replace(plain, code))
}

fn unescaped(text: &str) -> String {
    let codes = ESCAPES.into_iter().rev();
    codes.fold(text.to_owned(), |text, (plain, code)| text.replace(code, plain))
}

/// Our reference on a payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Whose payment it is.
    pub firm: Option<FirmId>,
    /// Who paid.
    pub client: Option<ClientId>,
    /// What it pays, in the order named (PAY-4); empty when it names none.
    pub invoices: Vec<InvoiceId>,
    /// Our own name for the page or the charge that asked for it: what it was for is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours: Option<String>,
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
        reference.ours = metadata.get(OURS_KEY).filter(|text| is_name(text)).cloned();
        let further = (2..=MAX_INVOICES_KEYS).map_while(|n| metadata.get(&further_key(n)));
        let lists = find(INVOICES_KEYS).into_iter().chain(further.map(String::as_str));
        for text in lists.flat_map(|list| list.split(',')) {
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            if let Some(invoice) = reference.parse("invoices", &unescaped(text))
                && !reference.invoices.contains(&invoice)
            {
                reference.invoices.push(invoice);
            }
        }
        reference
    }

    /// Reads the one text that a gateway has room for: our name and the client, or another sale's text.
    pub fn from_text(text: &str) -> Self {
        let mut reference = Self::default();
        let Some((ours, client)) =
            text.trim().strip_prefix(OURS_PREFIX).and_then(|text| text.split_once(OURS_END))
        else {
            return reference;
        };
        if is_name(ours) {
            reference.ours = Some(ours.to_owned());
            reference.client = reference.parse("client", client);
        }
        reference
    }

    /// Our own name as it stands where there is room for it alone; the rest is looked up by it.
    ///
    /// # Errors
    /// When it is no name of ours.
    pub fn name(ours: &str) -> Result<String, CheckoutError> {
        if !is_name(ours) {
            let (found, limit) = (ours.chars().count(), MAX_OURS_CHARS);
            return Err(CheckoutError::ReferenceTooLong { found, limit });
        }
        Ok(format!("{OURS_PREFIX}{ours}"))
    }

    /// What to write where there is room for one text, so that [`Self::from_text`] reads it.
    ///
    /// # Errors
    /// When it is longer than `limit`, in characters.
    pub fn text(ours: &str, client: &ClientId, limit: usize) -> Result<String, CheckoutError> {
        let text = format!("{OURS_PREFIX}{ours}{OURS_END}{client}");
        let found = text.chars().count();
        if limit < found || !is_name(ours) {
            return Err(CheckoutError::ReferenceTooLong { found, limit });
        }
        Ok(text)
    }

    /// What to write, so that [`Self::from_metadata`] reads it.
    ///
    /// # Errors
    /// When the invoices' ids don't fit.
    pub fn metadata<'a>(
        ours: &str,
        firm: &FirmId,
        client: &ClientId,
        invoices: impl Iterator<Item = &'a InvoiceId>,
    ) -> Result<BTreeMap<String, String>, CheckoutError> {
        Self::metadata_within(Room::default(), ours, firm, client, invoices)
    }

    /// Likewise, where a gateway has less room than the most.
    ///
    /// # Errors
    /// When the invoices' ids don't fit.
    pub fn metadata_within<'a>(
        room: Room,
        ours: &str,
        firm: &FirmId,
        client: &ClientId,
        invoices: impl Iterator<Item = &'a InvoiceId>,
    ) -> Result<BTreeMap<String, String>, CheckoutError> {
        let mut lists = vec![String::new()];
        for invoice in invoices.map(escaped) {
            let chars = |text: &str| text.chars().count();
            let is_full = |list: &String| room.value_chars < chars(list) + 1 + chars(&invoice);
            let is_full = lists.last().is_some_and(is_full);
            if is_full {
                lists.push(String::new());
            }
            if let Some(list) = lists.last_mut() {
                let comma = if list.is_empty() { "" } else { "," };
                list.push_str(comma);
                list.push_str(&invoice);
            }
        }
        if room.invoices_keys < lists.len() {
            let found = lists.iter().map(|list| list.chars().count()).sum();
            let limit = room.invoices_keys * room.value_chars;
            return Err(CheckoutError::ReferenceTooLong { found, limit });
        }
        let keys = (1..).map(|n| if n == 1 { INVOICES_KEYS[0].to_owned() } else { further_key(n) });
        let mut metadata: BTreeMap<_, _> = keys.zip(lists).collect();
        if is_name(ours) {
            metadata.insert(OURS_KEY.to_owned(), ours.to_owned());
        }
        metadata.insert(FIRM_KEYS[0].to_owned(), firm.to_string());
        metadata.insert(CLIENT_KEYS[0].to_owned(), client.to_string());
        Ok(metadata)
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
        let names_somebody = self.firm.is_some() || self.client.is_some() || self.ours.is_some();
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
        self.ours = self.ours.or(other.ours);
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
    fn pay_4_what_is_written_is_read_again_however_many_invoices() {
        let ids = |count: usize, bytes: usize| -> Vec<InvoiceId> {
            (0..count).map(|n| format!("{n:0>bytes$}").parse().unwrap()).collect()
        };
        let (firm, client) = ("acme".parse().unwrap(), "bea & son".parse().unwrap());
        let odd: Vec<InvoiceId> =
            ["A,1", "50%", "A%2C1", "B 7"].map(|id| id.parse().unwrap()).into();
        for (invoices, keys) in
            [(ids(1, 7), 4), (ids(35, 13), 4), (ids(36, 13), 5), (ids(60, 128), 23), (odd, 4)]
        {
            let count = invoices.len();
            let metadata = Reference::metadata("p1", &firm, &client, invoices.iter()).unwrap();
            assert_eq!(metadata.len(), keys, "{count} invoices");
            assert!(metadata.values().all(|value| value.chars().count() <= MAX_VALUE_CHARS));
            let read = Reference::from_metadata(&metadata);
            assert_eq!((read.firm.as_ref(), read.client.as_ref()), (Some(&firm), Some(&client)));
            assert_eq!(read.ours.as_deref(), Some("p1"));
            assert_eq!((read.invoices, read.problems), (invoices, vec![]));
        }
        let error = Reference::metadata("p1", &firm, &client, ids(61, 128).iter()).unwrap_err();
        assert!(error.to_string().contains("expected at most 10000"), "{error}");
    }

    #[test]
    fn pay_4_one_text_names_the_page_and_the_client_and_no_other_sale() {
        let client: ClientId = "bea & son".parse().unwrap();
        let text = Reference::text("p-1_x", &client, 127).unwrap();
        assert_eq!(text, "pc-p-1_x.bea & son");
        let read = Reference::from_text(&text);
        assert_eq!((read.ours.as_deref(), read.client.as_ref()), (Some("p-1_x"), Some(&client)));
        assert!(read.is_ours());
        for other in ["INV-00042", "pc-", "pc-1", "pc-.bea", "pc-a b.bea", "PC-1.bea", ""] {
            assert!(!Reference::from_text(other).is_ours(), "for {other:?}");
        }
        for (ours, limit) in [("p1", 14), ("", 127), ("a.b", 127), (&*"x".repeat(38), 127)] {
            let error = Reference::text(ours, &client, limit).unwrap_err();
            assert!(matches!(error, CheckoutError::ReferenceTooLong { .. }), "for {ours:?}");
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

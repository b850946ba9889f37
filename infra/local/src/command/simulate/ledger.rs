//! A ledger as acts in the order of their days: read once, row by row, and kept beside memory.
//!
//! All rows are read before anything is played, so that everything that is wrong with the file is said at once and
//! nothing comes of half a ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use anyhow::{Context, Result};
use domain::account::{Account, Contact, Profile};
use domain::calendar::{Day, plus};
use domain::id::{ClassId, ClientId, FirmId};
use domain::money::Currency;
use domain::text::Personal;
use domain::whatif::{Act, Bill, Deed};
use serde::{Deserialize, Serialize};
use services::import::mapping::{Field, Mapping, Unread};
use services::import::read::{Assumed, Fault, Row};
use services::import::rows::Rows;
use sha2::{Digest, Sha256};

use super::spill::{Sorted, Spill};

/// When an invoice was paid whose row says neither when, nor when it was due: at the end of the commonest terms.
pub const PAID_AFTER_DAYS: u32 = 30;

/// A ledger that was read.
#[derive(Debug)]
pub struct Ledger {
    /// Its clients, in the order in which they come up.
    pub clients: Vec<Named>,
    acts: Spill<Ordered>,
    /// Lines that say again what one before said.
    pub repeated: BTreeSet<u64>,
    /// The columns that are not read.
    pub unread: Vec<Unread>,
    /// Counts for the assumptions.
    pub told: Told,
}

/// A client of a ledger.
#[derive(Debug)]
pub struct Named {
    id: ClientId,
    has_address: bool,
}

/// What of a ledger had to be filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Rows.
    pub invoices: u64,
    /// Invoices that were paid, nobody says when.
    pub paid_undated: u64,
    /// Disputed invoices, without dates.
    pub disputed: u64,
    /// Whether the file has a column of classes.
    pub has_classes: bool,
    /// Whether it has one of addresses.
    pub has_addresses: bool,
    /// Clients without an address.
    pub without_address: u64,
}

/// An act in its order: by day and client; an invoice before what is paid on it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ordered(Act);

impl Ordered {
    fn key(&self) -> (Day, u32, u64, bool) {
        let Act { on, client, line, deed } = &self.0;
        (*on, *client, *line, matches!(deed, Deed::Pay { .. }))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The number of an invoice, its line, and a hash of what its row says.
type Number = (String, u64, [u8; 16]);

/// Reads a ledger; or answers what is wrong with it, in the file's order.
///
/// # Errors
/// When it has no rows to speak of, or can't be read on.
pub fn read(
    reader: impl Read,
    mapping: &Mapping,
    currency: Currency,
) -> Result<std::result::Result<Ledger, Vec<Fault>>> {
    let class: ClassId = class()?;
    let classes = BTreeSet::from([class.clone()]);
    // A replay knows what comes later.
    let assumed = Assumed { today: Day::MAX, currency, class, classes };
    let mut rows = Rows::new(reader, mapping, &[Field::Class], assumed)?;
    let mut reading = Reading {
        numbers: BTreeMap::new(),
        clients: Vec::new(),
        acts: Spill::new(),
        seen: Spill::new(),
        faults: Vec::new(),
        told: Told {
            has_classes: rows.ignores(Field::Class),
            has_addresses: rows.has(Field::ContactEmail),
            ..Told::default()
        },
    };
    while let Some(row) = rows.next() {
        match row? {
            Ok(row) => {
                let fault = |field, value: &str, reason| rows.fault(row.line, field, value, reason);
                reading.take(&row, fault).context("can't write to the temporary folder")?;
            }
            Err(faults) => reading.faults.extend(faults),
        }
    }
    reading.finish(&rows)
}

struct Reading {
    numbers: BTreeMap<ClientId, u32>,
    clients: Vec<Named>,
    acts: Spill<Ordered>,
    seen: Spill<Number>,
    faults: Vec<Fault>,
    told: Told,
}

impl Reading {
    fn take(
        &mut self,
        row: &Row,
        fault: impl Fn(Field, &str, String) -> Fault,
    ) -> std::io::Result<()> {
        if let Some(on) = row.paid.and_then(|paid| paid.on).filter(|on| *on < row.issued_on) {
            let reason = format!(
                "is before the day of issue, {}: swapped, or paid in advance, which a replay can't place",
                row.issued_on
            );
            self.faults.push(fault(Field::PaidOn, &on.to_string(), reason));
            return Ok(());
        }
        let client = self.client(row);
        let line = row.line as u64;
        self.told.invoices += 1;
        self.seen.push((row.invoice.as_str().to_owned(), line, content(row)))?;
        let is_disputed = row.disputed == Some(true);
        self.told.disputed += u64::from(is_disputed);
        let bill = Bill {
            invoice: row.invoice.clone(),
            kind: row.kind.unwrap_or_default(),
            service_line: row.service_line.clone(),
            due_on: row.due_on,
            total: row.amount,
            is_disputed,
        };
        let deed = Deed::Bill(Box::new(bill));
        self.acts.push(Ordered(Act { on: row.issued_on, client, line, deed }))?;
        let Some(paid) = row.paid.filter(|paid| !paid.amount.is_zero()) else { return Ok(()) };
        let on = paid.on.unwrap_or_else(|| {
            self.told.paid_undated += 1;
            row.due_on.unwrap_or_else(|| plus(row.issued_on, PAID_AFTER_DAYS))
        });
        let amount = (paid.amount != row.amount).then_some(paid.amount);
        let deed = Deed::Pay { invoice: row.invoice.clone(), amount };
        self.acts.push(Ordered(Act { on, client, line, deed }))
    }

    fn client(&mut self, row: &Row) -> u32 {
        let number = match self.numbers.get(&row.client) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
                self.numbers.insert(row.client.clone(), number);
                self.clients.push(Named { id: row.client.clone(), has_address: false });
                number
            }
        };
        if let Some(named) = self.clients.get_mut(number as usize) {
            named.has_address |= row.contact_email.is_some();
        }
        number
    }

    fn finish<R: Read>(
        mut self,
        rows: &Rows<R>,
    ) -> Result<std::result::Result<Ledger, Vec<Fault>>> {
        let mut repeated = BTreeSet::new();
        let mut first: Option<Number> = None;
        for number in self.seen.sorted().context("can't read the temporary folder")? {
            let (id, line, content) = number.context("can't read the temporary folder")?;
            match &first {
                Some((known, _, said)) if *known == id && *said == content => {
                    repeated.insert(line);
                }
                Some((known, at, _)) if *known == id => {
                    let reason = format!("is in line {at} already, with other values");
                    let line = usize::try_from(line).unwrap_or(usize::MAX);
                    self.faults.push(rows.fault(line, Field::Invoice, &id, reason));
                }
                _ => first = Some((id, line, content)),
            }
        }
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| fault.line);
            return Ok(Err(self.faults));
        }
        let without = self.clients.iter().filter(|client| !client.has_address).count();
        self.told.without_address = without as u64;
        self.told.invoices -= repeated.len() as u64;
        let unread = rows.unread().to_vec();
        Ok(Ok(Ledger { clients: self.clients, acts: self.acts, repeated, unread, told: self.told }))
    }
}

impl Ledger {
    /// The clients' accounts before anything happened. Each has an address where they are all assumed to.
    ///
    /// # Errors
    /// Never: the names of firm and class are given here.
    pub fn accounts(
        &self,
        all_have_addresses: bool,
        terms_allow_late_fee: bool,
    ) -> Result<Vec<Account>> {
        let (firm, class): (FirmId, ClassId) = ("simulated".parse()?, class()?);
        let account = |client: &Named| {
            let contact = Contact { address: Personal::new("a@b"), is_bounced: false };
            let profile = Profile {
                name: Personal::new(""),
                class: class.clone(),
                currency: Currency::USD,
                contacts: (client.has_address || all_have_addresses)
                    .then_some(contact)
                    .into_iter()
                    .collect(),
                service_lines: BTreeSet::new(),
                terms_allow_late_fee,
                language: None,
                late_fee_terms_since: None,
                jurisdiction: None,
            };
            Account::new(firm.clone(), client.id.clone(), profile)
        };
        Ok(self.clients.iter().map(account).collect())
    }

    /// What happened, in the order of the days; each row once.
    ///
    /// # Errors
    /// When the temporary folder can't be read.
    pub fn acts(self) -> std::io::Result<impl Iterator<Item = std::io::Result<Act>>> {
        let Self { acts, repeated, .. } = self;
        let acts: Sorted<Ordered> = acts.sorted()?;
        let is_new = move |act: &std::io::Result<Ordered>| {
            act.as_ref().map_or(true, |Ordered(act)| !repeated.contains(&act.line))
        };
        Ok(acts.filter(is_new).map(|act| act.map(|Ordered(act)| act)))
    }
}

/// The one class of a replay.
pub fn class() -> Result<ClassId> {
    Ok("default".parse()?)
}

/// What a row says, but for where it stands: in so many bytes that no two rows are the same by chance.
fn content(row: &Row) -> [u8; 16] {
    let person = |text: &Option<Personal>| text.as_ref().map(|text| text.as_str().to_owned());
    let persons = (person(&row.client_name), person(&row.contact_email));
    let text = format!("{:?} {persons:?}", Row { line: 0, ..row.clone() });
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}

//! A timeline, read from its file (contracts §3).
//!
//! Everything that can be said about a file without running it is said here, with its line: unknown
//! names, impossible dates, amounts finer than a cent, entries out of order. What depends on the state
//! of an account is left to the rules, so that a rehearsal can expect it to be refused.

mod acts;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono_tz::Tz;

use crate::account::{Contact, MAX_CONTACTS, MAX_SERVICE_LINES, Profile};
use crate::calendar::Day;
use crate::charge::DeclineKind;
use crate::command::Command;
use crate::document::{DocumentError, Field, Fields, Node, Value, nearest, parse};
use crate::fee::{Jurisdiction, named_after};
use crate::id::{ClassId, ClientId, InvoiceId, PaymentId};
use crate::ledger::MAX_FRESH_DAYS;
use crate::letter::LetterKind;
use crate::money::Currency;
use crate::policy::{Policy, read};
use crate::rehearsal::expect::Expectation;
use crate::role::Actor;
use crate::text::Personal;

/// The class of `policy`, and of clients that name none.
const DEFAULT_CLASS: &str = "default";

/// A file, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// What it shows.
    pub title: Option<String>,
    /// The rules that it is about.
    pub rules: Vec<String>,
    /// The firm's time zone: named for completeness, since a rehearsal counts dates.
    pub time_zone: Tz,
    /// The currency in which the firm bills unless an entry says otherwise.
    pub currency: Currency,
    /// How many days old its ledger may be, where that comes from elsewhere (FRESH-1); it came on the first day.
    pub ledger_fresh_days: Option<u32>,
    /// Whose law caps late fees of clients that name no jurisdiction (LF-1).
    pub jurisdiction: Option<Jurisdiction>,
    /// The first policy of each class.
    pub policies: BTreeMap<ClassId, Policy>,
    /// Clients by id.
    pub clients: BTreeMap<ClientId, Profile>,
    /// What happens and what is expected, in date order.
    pub entries: Vec<Entry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its day.
    pub on: Day,
    /// Its line in the file.
    pub line: usize,
    /// What it is.
    pub what: What,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Something happens.
    Act(Act),
    /// Something should be so.
    Expect(Expectation),
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Its name in the file.
    pub name: &'static str,
    /// What it does.
    pub deed: Deed,
    /// What its refusal is to say, where it is to be refused; empty accepts any.
    pub refused: Option<String>,
}

/// What an act does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A command to a client's account.
    Command {
        /// Whose.
        client: ClientId,
        /// By whom.
        actor: Actor,
        /// Which.
        command: Box<Command>,
    },
    /// The newest letter of that kind came back.
    Bounce {
        /// Whose.
        client: ClientId,
        /// Which.
        letter: LetterKind,
    },
    /// The first news of a payment, once more.
    DeliverAgain {
        /// Whose.
        client: ClientId,
        /// Which.
        payment: PaymentId,
        /// The news; none if no entry before told any.
        news: Option<Box<Command>>,
    },
    /// A saved method comes or goes, or its charges end in another way from now on.
    Method {
        /// Whose.
        client: ClientId,
        /// By whom.
        actor: Actor,
        /// What is done; none: only how charges of the default method end.
        change: Option<Box<Command>>,
        /// How its charges are declined; none: they succeed.
        decline: Option<DeclineKind>,
    },
    /// A new version of a class's policy.
    SetPolicy {
        /// Whose.
        class: ClassId,
        /// What it says.
        policy: Box<Policy>,
    },
    /// The run that waits is approved (LOCK-10).
    ApproveRun {
        /// By whom.
        actor: Actor,
    },
    /// The ledger that comes from elsewhere was brought up to date (FRESH-1).
    RefreshLedger,
    /// No daily evaluation on the days after this one.
    SkipEvaluation {
        /// On how many.
        days: u32,
    },
}

impl Deed {
    /// The client that it is about, if it is about one.
    pub fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Command { client, .. }
            | Self::Bounce { client, .. }
            | Self::Method { client, .. }
            | Self::DeliverAgain { client, .. } => Some(client),
            Self::SetPolicy { .. }
            | Self::ApproveRun { .. }
            | Self::RefreshLedger
            | Self::SkipEvaluation { .. } => None,
        }
    }
}

/// A file that a timeline names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its name in errors.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// What is wrong with a timeline or a policy that it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TimelineError {
    /// In which file.
    pub file: String,
    /// What, and where.
    pub error: DocumentError,
}

/// As compilers write it: `file:line: field: message`.
impl fmt::Display for TimelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DocumentError { line, path, message, .. } = &self.error;
        write!(f, "{}:{}: ", self.file, (*line).max(1))?;
        if path.is_empty() { f.write_str(message) } else { write!(f, "{path}: {message}") }
    }
}

impl Timeline {
    /// Reads the text of a timeline; `name` is its file's in errors, and `load` reads a policy that it
    /// names, or says in a sentence why that can't be read.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn read(
        name: &str,
        text: &str,
        load: &dyn Fn(&str) -> Result<Loaded, String>,
    ) -> Result<Self, TimelineError> {
        let mut reader = Reader::new(load);
        let read = parse(text).and_then(|node| reader.timeline(&node));
        read.map_err(|error| TimelineError {
            file: reader.other_file.take().unwrap_or_else(|| name.to_owned()),
            error,
        })
    }
}

/// What is known of the file so far.
struct Reader<'l> {
    load: &'l dyn Fn(&str) -> Result<Loaded, String>,
    /// Set where the error is in a file that this one names.
    other_file: Option<String>,
    currency: Currency,
    ledger_fresh_days: Option<u32>,
    jurisdiction: Option<Jurisdiction>,
    classes: Vec<ClassId>,
    clients: Vec<ClientId>,
    /// In what each invoice of an entry before was issued.
    invoices: BTreeMap<InvoiceId, Currency>,
    /// The payments of the entries before, by the id that they were given.
    payments: BTreeMap<String, PaymentId>,
    /// The first news of each, and its currency.
    first_news: BTreeMap<PaymentId, (Command, Currency)>,
}

impl<'l> Reader<'l> {
    fn new(load: &'l dyn Fn(&str) -> Result<Loaded, String>) -> Self {
        Self {
            load,
            other_file: None,
            currency: Currency::USD,
            ledger_fresh_days: None,
            jurisdiction: None,
            classes: Vec::new(),
            clients: Vec::new(),
            invoices: BTreeMap::new(),
            payments: BTreeMap::new(),
            first_news: BTreeMap::new(),
        }
    }

    fn timeline(&mut self, node: &Node) -> Result<Timeline, DocumentError> {
        Field::root(node).fields(|fields| {
            let title = fields.optional("title", |field| Ok(field.text()?.to_owned()))?;
            let rules = fields
                .or("rules", Vec::new(), |field| field.list(|rule| Ok(rule.text()?.to_owned())))?;
            let time_zone =
                fields.or("firm", Tz::UTC, |field| field.fields(|firm| self.firm(firm)))?;
            let policies = self.policies(fields)?;
            let clients = fields.required("clients", |field| self.clients(field))?;
            let entries = fields.required("timeline", |field| self.entries(field))?;
            let (currency, ledger_fresh_days) = (self.currency, self.ledger_fresh_days);
            let jurisdiction = self.jurisdiction.take();
            Ok(Timeline {
                title,
                rules,
                time_zone,
                currency,
                ledger_fresh_days,
                jurisdiction,
                policies,
                clients,
                entries,
            })
        })
    }

    fn firm(&mut self, fields: &mut Fields<'_>) -> Result<Tz, DocumentError> {
        self.currency = fields.or("currency", Currency::USD, Field::parse)?;
        self.ledger_fresh_days =
            fields.optional("ledger_fresh_days", |field| field.count(1..=MAX_FRESH_DAYS))?;
        self.jurisdiction = fields.optional("jurisdiction", Field::parse)?;
        fields.or("time_zone", Tz::UTC, |field| {
            let name = field.text()?;
            name.parse().map_err(|_| {
                field.error(format!(
                    "unknown time zone {name:?}, expected one such as America/New_York"
                ))
            })
        })
    }

    fn policies(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Result<BTreeMap<ClassId, Policy>, DocumentError> {
        let mut policies = BTreeMap::new();
        let default: ClassId =
            DEFAULT_CLASS.parse().map_err(|error| fields.whole().error(error))?;
        let policy = fields.field("policy");
        let first = match &policy {
            Some(field) => self.policy(field)?,
            None => Policy::default(),
        };
        policies.insert(default.clone(), first);
        if let Some(classes) = fields.field("classes") {
            for (class, more) in classes.entries(str::parse, |class: &ClassId, field| {
                if *class == default && policy.is_some() {
                    return Err(
                        field.error("the class default has the policy under `policy` already")
                    );
                }
                self.policy(field)
            })? {
                policies.insert(class, more);
            }
        }
        self.classes = policies.keys().cloned().collect();
        Ok(policies)
    }

    /// A document, a preset with changes, or the name of a file.
    fn policy(&mut self, field: &Field<'_>) -> Result<Policy, DocumentError> {
        let Some(file) = field.node().get("file") else { return read::read_field(field) };
        let file = Field::at(file, field.path_of("file"));
        let name = field.fields(|fields| {
            fields.field("file");
            file.text()
        })?;
        let loaded = (self.load)(name).map_err(|error| file.error(error))?;
        read::read_text(&loaded.text).inspect_err(|_| self.other_file = Some(loaded.name))
    }

    fn clients(&mut self, field: &Field<'_>) -> Result<BTreeMap<ClientId, Profile>, DocumentError> {
        let clients = field.entries(str::parse, |id: &ClientId, field| self.client(id, field))?;
        if clients.is_empty() {
            return Err(field.error("expected at least one client"));
        }
        let clients: BTreeMap<_, _> = clients.into_iter().collect();
        self.clients = clients.keys().cloned().collect();
        Ok(clients)
    }

    fn client(&self, id: &ClientId, field: &Field<'_>) -> Result<Profile, DocumentError> {
        let nothing = Node::new(Value::Map(Vec::new()));
        let field = match field.node().value {
            Value::Null => Field::at(&nothing, field.path()),
            _ => field.clone(),
        };
        field.fields(|fields| {
            let class = match fields.field("class") {
                Some(field) => self.class(&field)?,
                None => DEFAULT_CLASS.parse().map_err(|error| fields.whole().error(error))?,
            };
            let address =
                |address: &str| Contact { address: Personal::new(address), is_bounced: false };
            // Letters need somewhere to go; who has no address says so with `contacts: []`.
            let somewhere = vec![address(&format!("{id}@client.example"))];
            let contacts = fields.or("contacts", somewhere, |field| {
                let contacts = field.list(|contact| Ok(address(email(contact)?)))?;
                at_most(field, MAX_CONTACTS, contacts.len())?;
                Ok(contacts)
            })?;
            let service_lines = fields.or("service_lines", BTreeSet::new(), |field| {
                let lines = field.list(Field::parse)?;
                at_most(field, MAX_SERVICE_LINES, lines.len())?;
                Ok(lines.into_iter().collect())
            })?;
            Ok(Profile {
                name: Personal::new(id.as_str()),
                class,
                currency: self.currency,
                contacts,
                service_lines,
                terms_allow_late_fee: fields.or("terms_allow_late_fee", false, Field::flag)?,
                language: None,
                late_fee_terms_since: None,
                jurisdiction: fields.optional("jurisdiction", Field::parse)?,
            })
        })
    }

    fn class(&self, field: &Field<'_>) -> Result<ClassId, DocumentError> {
        known(field, "class", &self.classes)
    }

    fn entries(&mut self, field: &Field<'_>) -> Result<Vec<Entry>, DocumentError> {
        let mut before: Option<Day> = None;
        let entries = field.list(|field| {
            let mut fields = Fields::new(field.node(), field.path())?;
            let on = fields.required("on", |field| {
                let on = field.day()?;
                match before.filter(|&before| on < before) {
                    Some(before) => Err(field.error(format!(
                        "{on} follows an entry of {before}, expected entries in date order"
                    ))),
                    None => Ok(on),
                }
            })?;
            before = Some(on);
            let what = self.what(&mut fields)?;
            fields.finish()?;
            Ok(Entry { on, line: field.node().line, what })
        })?;
        if entries.is_empty() {
            return Err(field.error("expected at least one entry"));
        }
        Ok(entries)
    }

    fn what(&mut self, fields: &mut Fields<'_>) -> Result<What, DocumentError> {
        let names: Vec<_> =
            acts::NAMES.iter().chain(&acts::NOT_YET).copied().chain(["expect"]).collect();
        match fields.at_most_one(&names)? {
            Some(("expect", field)) => {
                let firm = self.currency;
                let currencies = |invoice: &InvoiceId| self.currency_of(Some(invoice));
                let client = |field: &Field<'_>| known(field, "client", &self.clients);
                let expectation =
                    field.fields(|fields| Expectation::read(fields, firm, &client, &currencies));
                expectation.map(What::Expect)
            }
            Some((name, field)) => self.act(name, &field).map(What::Act),
            None => Err(no_act(fields, &names)),
        }
    }

    /// What an invoice of the entries before was issued in, else the firm's currency.
    fn currency_of(&self, invoice: Option<&InvoiceId>) -> Currency {
        let currency = |invoice: &InvoiceId| self.invoices.get(invoice).copied();
        // A late fee that is an invoice is in the currency of its invoice (LF-1).
        let known = invoice.and_then(|id| currency(id).or_else(|| currency(&named_after(id)?)));
        known.unwrap_or(self.currency)
    }
}

/// An entry without an act; the name most like what it has instead.
fn no_act(fields: &Fields<'_>, names: &[&str]) -> DocumentError {
    let Some(key) = fields.keys().find(|key| key.text != "on") else {
        return fields.whole().error("expected an act or `expect` beside `on`, got none");
    };
    let nearest = nearest(&key.text, names).unwrap_or_default();
    let message = format!("unknown act {:?}, the nearest known one is {nearest}", key.text);
    let path = fields.whole().path_of(&key.text);
    DocumentError { line: key.line, column: key.column, path, message }
}

/// One of the classes or clients of this file.
fn known<T>(field: &Field<'_>, what: &str, all: &[T]) -> Result<T, DocumentError>
where
    T: Clone + PartialEq + std::str::FromStr<Err: fmt::Display> + AsName,
{
    let id: T = field.parse()?;
    if all.contains(&id) {
        return Ok(id);
    }
    let names: Vec<_> = all.iter().map(AsName::as_name).collect();
    let nearest = nearest(id.as_name(), &names).unwrap_or_default();
    Err(field.error(format!("unknown {what} {}, the nearest known one is {nearest}", id.as_name())))
}

/// An id as a name that is like another one.
trait AsName {
    fn as_name(&self) -> &str;
}

impl AsName for ClassId {
    fn as_name(&self) -> &str {
        self.as_str()
    }
}

impl AsName for ClientId {
    fn as_name(&self) -> &str {
        self.as_str()
    }
}

/// Not a check of addresses, only against a name in the place of one.
fn email<'n>(field: &Field<'n>) -> Result<&'n str, DocumentError> {
    let text = field.text()?;
    let is_shaped =
        text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if is_shaped {
        Ok(text)
    } else {
        Err(field.expected("an e-mail address such as ann@acme.example"))
    }
}

fn at_most(field: &Field<'_>, most: usize, count: usize) -> Result<(), DocumentError> {
    if most < count {
        return Err(field.error(format!("expected at most {most}, got {count}")));
    }
    Ok(())
}

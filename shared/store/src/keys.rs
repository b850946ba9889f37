//! Every key of the table, and the names of its attributes; `index` has those of its indexes. Nowhere else is a
//! `#` typed.
//!
//! A key of a firm can't be made without the firm (SEC-1). Ids refuse `#`, so none of them can reach
//! into another's keys.

mod index;

use std::fmt;

use domain::account::TaskId;
use domain::calendar::Day;
use domain::concern::ConcernKind;
use domain::id::{
    ClassId, ClientId, ContactId, CreditNoteId, FirmId, GatewayId, InvoiceId, PaymentId,
    ServiceLine, StaffId, TemplateName,
};
use domain::invoice::Source;
use domain::letter::LetterId;
use domain::message::MessageId;

use crate::template::TemplateId;

pub use index::{Index, PLATFORM_SHARDS, shard};
pub(crate) use index::{
    clients_in, clients_pk, clients_sk, concerns_of, concerns_pk, concerns_sk, contacts_pk,
    contacts_sk, dawn_pk, due_of, due_pk, due_sk, due_until, facts_pk, news_of, news_pk, news_sk,
    news_until, outbox_pk, outbox_sk, outbox_until, reconcile_pk, tasks_pk, tasks_sk,
};

/// The partition key.
pub const PK: &str = "pk";
/// The sort key.
pub const SK: &str = "sk";
/// The item's schema version.
pub const SCHEMA: &str = "schema";
/// The version of the account that wrote the item.
pub const VERSION: &str = "v";
/// When the table may delete the item, in Unix seconds; also checked on read.
pub const EXPIRES_AT: &str = "expires_at";
/// How many digits a sequence number has in a key: enough for a commit a second over 300 years.
const DIGITS: usize = 10;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
    }
}

/// A key within a firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// The account's head.
    Head(&'a ClientId),
    /// An open invoice.
    OpenInvoice(&'a ClientId, &'a InvoiceId),
    /// A closed invoice.
    ClosedInvoice(&'a ClientId, &'a InvoiceId),
    /// Client credit of one source.
    Credit(&'a ClientId, &'a Source),
    /// A copy of a payment that still moves.
    MovingPayment(&'a ClientId, &'a PaymentId),
    /// A letter that hasn't left.
    QueuedLetter(&'a ClientId, LetterId),
    /// A letter that left or was withdrawn.
    Letter(&'a ClientId, LetterId),
    /// The words of a letter that left.
    SentLetter(&'a ClientId, LetterId),
    /// A charge of a saved method that hasn't ended.
    OpenCharge(&'a ClientId, &'a InvoiceId),
    /// The running plan.
    Plan(&'a ClientId),
    /// A running promise, by its place.
    Promise(&'a ClientId, usize),
    /// The running exception.
    Exception(&'a ClientId),
    /// That of a service line.
    LineException(&'a ClientId, &'a ServiceLine),
    /// The lock on a service line; that on the client is on the head.
    LineLock(&'a ClientId, &'a ServiceLine),
    /// How the last episode ended.
    Unlocked(&'a ClientId),
    /// An open task.
    Task(&'a ClientId, TaskId),
    /// That something of a kind needs a person and is no task.
    Concern(&'a ClientId, ConcernKind),
    /// Changed items on their way to their places: a part of a commit too large for one transaction.
    Parcel(&'a ClientId, usize),
    /// A commit record.
    Record(&'a ClientId, u64),
    /// A further part of a long commit record, from 1.
    RecordPart(&'a ClientId, u64, usize),
    /// The personal texts of a commit record, in parts from 0.
    Texts(&'a ClientId, u64, usize),
    /// A staff note on a client: instant and id.
    Note(&'a ClientId, &'a str),
    /// A message between a client and the firm, by its number.
    Message(&'a ClientId, MessageId),
    /// A payment, whoever's client.
    Payment(&'a PaymentId),
    /// An invoice number, whoever's client.
    InvoiceNumber(&'a InvoiceId),
    /// The counter of a series of invoice numbers, by its prefix.
    Series(&'a str),
    /// What a request made, by its name.
    Made(&'a str),
    /// A credit note's number, whoever's client.
    CreditNoteNumber(&'a CreditNoteId),
    /// The firm's settings and the head of its own chain.
    Settings,
    /// A version of a class's policy.
    PolicyVersion(&'a ClassId, u32),
    /// A person's grant in the firm.
    Grant(&'a str),
    /// A webhook endpoint of the firm.
    Endpoint(&'a str),
    /// What came there last.
    EndpointNews(&'a str),
    /// When an endpoint's payments are compared with the accounts.
    Reconciling(&'a str),
    /// What came of that, by day and the endpoint's name.
    Reconciliation(Day, &'a str),
    /// A gateway's secrets, sealed.
    Secret(&'a str),
    /// The firm's own words for a letter.
    Template(&'a TemplateId),
    /// A picture of the firm, by its hash.
    Logo(&'a str),
    /// A record of the firm's own chain.
    FirmRecord(u64),
    /// A further part of a long one, from 1.
    FirmRecordPart(u64, usize),
    /// The personal texts of one, in parts from 0.
    FirmTexts(u64, usize),
    /// A run of something: an import.
    Run(&'a str),
    /// A version of a class's policy that is on its way to the class's clients.
    Rollout(&'a ClassId, u32),
    /// The run of a day.
    DayRun(Day),
    /// How far a shard of it is.
    RunShard(Day, u32),
    /// Some clients of a shard of it.
    RunPage(Day, u32, u32),
    /// What counts of a day (KPI-1).
    DayCount(Day),
    /// How the firm's book stood on a day.
    Book(Day),
    /// How far the firm's reports are.
    Reports,
    /// The draft that a preview is of.
    PreviewText(&'a str),
    /// Some clients of a preview.
    PreviewPage(&'a str, u32),
    /// What a preview came to.
    PreviewResult(&'a str),
    /// A payment that names nobody known.
    Unclaimed(&'a PaymentId),
    /// Whose a person said that a payment is.
    Assignment(&'a PaymentId),
    /// When the firm's next day begins.
    Dawn,
    /// A request that was answered.
    Request(&'a str),
    /// A webhook that came, by gateway and event.
    Inbox(&'a GatewayId, &'a str),
    /// A contact's head.
    Contact(&'a ContactId),
    /// A session of a contact.
    ContactSession(&'a ContactId, &'a str),
    /// A link that signs a contact in.
    ContactLink(&'a ContactId, &'a str),
    /// A record of a contact's chain.
    ContactRecord(&'a ContactId, u64),
    /// A further part of a long one, from 1.
    ContactRecordPart(&'a ContactId, u64, usize),
    /// The personal texts of one, in parts from 0.
    ContactTexts(&'a ContactId, u64, usize),
    /// That a contact may act for a client, where the client's staff look.
    Membership(&'a ClientId, &'a ContactId),
    /// Whose an e-mail address is, by its hash.
    ContactAddress(&'a str),
    /// A letter to an address, by its hash.
    ContactMail(&'a str, &'a str),
    /// How often something was tried, by the hash of what and who.
    Attempts(&'a str),
    /// That a client's personal data are still to be deleted.
    Erasure(&'a ClientId),
    /// That staff are told at once of a record.
    Notice(&'a ClientId, u64),
    /// What staff are told on a day.
    Digest(Day),
    /// A mail to a person at the firm.
    StaffMail(&'a StaffId, &'a str),
    /// Which mails a person at the firm wants.
    MailChoice(&'a StaffId),
    /// That mails to a person at the firm come back.
    MailsReturned(&'a StaffId),
    /// The domain that the firm's letters come from.
    MailDomain,
    /// A page to pay on that somebody asked for.
    Checkout(&'a ClientId, &'a str),
    /// That staff made a link to pay with, by the hash of its token.
    MadePayLink(&'a ClientId, &'a str),
}

impl Key<'_> {
    /// Where it is in that firm.
    pub fn place(&self, firm: &FirmId) -> Place {
        Place { pk: self.pk(firm), sk: self.sk() }
    }

    /// The partition.
    pub fn pk(&self, firm: &FirmId) -> String {
        match self {
            Self::Head(client)
            | Self::OpenInvoice(client, _)
            | Self::ClosedInvoice(client, _)
            | Self::Credit(client, _)
            | Self::MovingPayment(client, _)
            | Self::QueuedLetter(client, _)
            | Self::Letter(client, _)
            | Self::SentLetter(client, _)
            | Self::OpenCharge(client, _)
            | Self::Plan(client)
            | Self::Promise(client, _)
            | Self::Exception(client)
            | Self::LineException(client, _)
            | Self::LineLock(client, _)
            | Self::Unlocked(client)
            | Self::Task(client, _)
            | Self::Concern(client, _)
            | Self::Parcel(client, _)
            | Self::Record(client, _)
            | Self::RecordPart(client, ..)
            | Self::Texts(client, ..)
            | Self::Membership(client, _)
            | Self::Checkout(client, _)
            | Self::Notice(client, _)
            | Self::Erasure(client)
            | Self::MadePayLink(client, _)
            | Self::Message(client, _)
            | Self::Note(client, _) => format!("F#{firm}#C#{client}"),
            Self::Contact(contact)
            | Self::ContactSession(contact, _)
            | Self::ContactLink(contact, _)
            | Self::ContactRecord(contact, _)
            | Self::ContactRecordPart(contact, ..)
            | Self::ContactTexts(contact, ..) => format!("{}#{contact}", contacts_pk(firm)),
            Self::ContactAddress(hash) | Self::ContactMail(hash, _) => format!("F#{firm}#V#{hash}"),
            Self::Attempts(hash) => format!("F#{firm}#Y#{hash}"),
            Self::Payment(payment) | Self::Assignment(payment) => format!("F#{firm}#P#{payment}"),
            Self::InvoiceNumber(invoice) => format!("F#{firm}#N#{invoice}"),
            Self::CreditNoteNumber(note) => format!("F#{firm}#N#{note}"),
            Self::Series(prefix) => format!("F#{firm}#V#{prefix}"),
            Self::Settings
            | Self::PolicyVersion(..)
            | Self::Grant(_)
            | Self::Endpoint(_)
            | Self::EndpointNews(_)
            | Self::Reconciling(_)
            | Self::Reconciliation(..)
            | Self::Secret(_)
            | Self::Logo(_)
            | Self::Template(_)
            | Self::FirmRecord(_)
            | Self::FirmRecordPart(..)
            | Self::FirmTexts(..)
            | Self::Dawn
            | Self::Rollout(..)
            | Self::DayRun(_)
            | Self::DayCount(_)
            | Self::Book(_)
            | Self::Reports
            | Self::Unclaimed(_)
            | Self::Digest(_)
            | Self::MailChoice(_)
            | Self::MailsReturned(_)
            | Self::MailDomain
            | Self::Run(_) => format!("F#{firm}"),
            Self::RunShard(day, _) | Self::RunPage(day, ..) => format!("F#{firm}#R#{day}"),
            Self::PreviewText(id) | Self::PreviewPage(id, _) | Self::PreviewResult(id) => {
                format!("F#{firm}#R#{id}")
            }
            Self::StaffMail(staff, _) => format!("F#{firm}#M#{staff}"),
            Self::Request(key) | Self::Made(key) => format!("F#{firm}#Q#{key}"),
            // The firm is in it, so that nobody can use up another's event.
            Self::Inbox(gateway, event) => format!("W#{firm}#{gateway}#{event}"),
        }
    }

    /// The sort key.
    pub fn sk(&self) -> String {
        match self {
            Self::Head(_) | Self::Contact(_) => prefix::OPEN.to_owned(),
            Self::OpenInvoice(_, invoice) => format!("{}{invoice}", prefix::OPEN_INVOICE),
            Self::ClosedInvoice(_, invoice) => format!("{}{invoice}", prefix::CLOSED_INVOICE),
            Self::Credit(_, Source::Payment(payment)) => format!("{}P#{payment}", prefix::CREDIT),
            Self::Credit(_, Source::CreditNote(note)) => format!("{}N#{note}", prefix::CREDIT),
            Self::MovingPayment(_, payment) => format!("{}{payment}", prefix::MOVING_PAYMENT),
            Self::QueuedLetter(_, letter) => {
                format!("{}{}", prefix::QUEUED_LETTER, digits(letter.0))
            }
            Self::Letter(_, letter) => format!("{}{}", prefix::LETTER, digits(letter.0)),
            Self::SentLetter(_, letter) => format!("{}{}", prefix::SENT_LETTER, digits(letter.0)),
            Self::OpenCharge(_, invoice) => format!("{}{invoice}", prefix::OPEN_CHARGE),
            Self::Plan(_) => "A#P#plan".to_owned(),
            Self::Promise(_, place) => format!("{}{place:04}", prefix::PROMISE),
            Self::Exception(_) => "A#P#exception".to_owned(),
            Self::LineException(_, line) => format!("{}{line}", prefix::LINE_EXCEPTION),
            Self::LineLock(_, line) => format!("{}{line}", prefix::LINE_LOCK),
            Self::Unlocked(_) => "A#P#unlocked".to_owned(),
            Self::Task(_, task) => format!("{}{}", prefix::TASK, digits(task.0)),
            Self::Concern(_, kind) => format!("{}{}", prefix::CONCERN, kind.as_str()),
            Self::Parcel(_, part) => format!("{}{part:04}", prefix::PARCEL),
            Self::Record(_, sequence)
            | Self::FirmRecord(sequence)
            | Self::ContactRecord(_, sequence) => record_sk(*sequence),
            Self::RecordPart(_, sequence, part)
            | Self::FirmRecordPart(sequence, part)
            | Self::ContactRecordPart(_, sequence, part) => record_part_sk(*sequence, *part),
            Self::Texts(_, sequence, part)
            | Self::FirmTexts(sequence, part)
            | Self::ContactTexts(_, sequence, part) => texts_sk(*sequence, *part),
            Self::Note(_, id) => format!("{}{id}", prefix::NOTE),
            Self::Message(_, id) => format!("{}{}", prefix::MESSAGE, digits(id.0)),
            Self::Payment(_) => "P".to_owned(),
            Self::Assignment(_) => "V".to_owned(),
            Self::Unclaimed(payment) => format!("{}{payment}", prefix::UNCLAIMED),
            Self::InvoiceNumber(_) => "N".to_owned(),
            Self::CreditNoteNumber(_) => "C".to_owned(),
            Self::Series(_) => "V".to_owned(),
            Self::Made(_) => "M".to_owned(),
            Self::Settings => "S".to_owned(),
            Self::PolicyVersion(class, version) => {
                format!("{}{}", policies_of(class), digits(u64::from(*version)))
            }
            Self::Grant(subject) => format!("{}{subject}", prefix::GRANT),
            Self::Endpoint(endpoint) => format!("{}{endpoint}", prefix::ENDPOINT),
            Self::EndpointNews(endpoint) => format!("{}{endpoint}", prefix::ENDPOINT_NEWS),
            Self::Reconciling(endpoint) => format!("{}{endpoint}", prefix::RECONCILING),
            Self::Reconciliation(day, name) => format!("{}{day}#{name}", prefix::RECONCILIATION),
            Self::Secret(name) => format!("{}{name}", prefix::SECRET),
            Self::Logo(hash) => format!("{}{hash}", prefix::LOGO),
            Self::Template(of) => {
                let name = of.name.as_ref().map(TemplateName::as_str).unwrap_or_default();
                let (kind, language) = (of.kind.as_str(), of.language.as_str());
                format!("{}{kind}#{language}#{name}", prefix::TEMPLATE)
            }
            Self::Run(id) => format!("{}{id}", prefix::RUN),
            Self::Rollout(class, version) => {
                format!("{}{class}#{}", prefix::ROLLOUT, digits(u64::from(*version)))
            }
            Self::DayRun(day) => format!("{}{day}", prefix::DAY_RUN),
            Self::DayCount(day) => format!("{}{day}", prefix::DAY_COUNT),
            Self::Book(day) => format!("{}{day}", prefix::BOOK),
            Self::Reports => prefix::REPORTS.to_owned(),
            Self::RunShard(_, shard) => format!("{}{shard:06}", prefix::RUN_SHARD),
            Self::RunPage(_, shard, page) => format!("{}{shard:06}#{page:06}", prefix::RUN_PAGE),
            Self::PreviewText(_) => "D".to_owned(),
            Self::PreviewPage(_, page) => format!("{}{page:06}", prefix::PREVIEW_PAGE),
            Self::PreviewResult(_) => "Z".to_owned(),
            Self::Dawn => "Z".to_owned(),
            Self::Request(_) => "Q".to_owned(),
            Self::Inbox(..) => "W".to_owned(),
            Self::ContactSession(_, id) => format!("{}{id}", prefix::CONTACT_SESSION),
            Self::ContactLink(_, id) => format!("{}{id}", prefix::CONTACT_LINK),
            Self::Membership(_, contact) => format!("{}{contact}", prefix::MEMBERSHIP),
            Self::ContactAddress(_) => "V".to_owned(),
            Self::ContactMail(_, id) => format!("{}{id}", prefix::CONTACT_MAIL),
            Self::Attempts(_) => "Y".to_owned(),
            Self::Checkout(_, id) => format!("{}{id}", prefix::CHECKOUT),
            Self::Erasure(_) => ERASURE.to_owned(),
            Self::Notice(_, sequence) => format!("{}{}", prefix::NOTICE, digits(*sequence)),
            Self::Digest(day) => format!("{}{day}", prefix::DIGEST),
            Self::StaffMail(_, id) => format!("{}{id}", prefix::STAFF_MAIL),
            Self::MailChoice(staff) => format!("{}{staff}", prefix::MAIL_CHOICE),
            Self::MailsReturned(staff) => format!("{}{staff}", prefix::MAILS_RETURNED),
            Self::MailDomain => "V".to_owned(),
            Self::MadePayLink(_, hash) => format!("{}{hash}", prefix::PAY_LINK),
        }
    }
}

/// How sort keys of one kind begin.
pub(crate) mod prefix {
    /// Everything of a client that can still change.
    pub(crate) const OPEN: &str = "A";
    pub(crate) const OPEN_INVOICE: &str = "A#I#";
    pub(crate) const CREDIT: &str = "A#C#";
    pub(crate) const MOVING_PAYMENT: &str = "A#D#";
    pub(crate) const QUEUED_LETTER: &str = "A#L#";
    pub(crate) const OPEN_CHARGE: &str = "A#H#";
    pub(crate) const PROMISE: &str = "A#P#promise#";
    pub(crate) const LINE_EXCEPTION: &str = "A#P#exception#";
    pub(crate) const LINE_LOCK: &str = "A#P#lock#";
    pub(crate) const TASK: &str = "A#T#";
    pub(crate) const PARCEL: &str = "A#Z#";
    pub(crate) const CONCERN: &str = "W#";
    pub(crate) const CLOSED_INVOICE: &str = "X#";
    pub(crate) const LETTER: &str = "L#";
    pub(crate) const SENT_LETTER: &str = "B#";
    pub(crate) const RECORD: &str = "E#";
    pub(crate) const TEXTS: &str = "N#";
    pub(crate) const NOTE: &str = "O#";
    pub(crate) const MESSAGE: &str = "M#";
    pub(crate) const CHECKOUT: &str = "J#";
    pub(crate) const PAY_LINK: &str = "H#";
    pub(crate) const POLICY_VERSION: &str = "S#policy#";
    pub(crate) const GRANT: &str = "G#";
    pub(crate) const ENDPOINT: &str = "H#";
    pub(crate) const ENDPOINT_NEWS: &str = "W#";
    pub(crate) const SECRET: &str = "K#";
    pub(crate) const RECONCILIATION: &str = "Q#";
    pub(crate) const RECONCILING: &str = "X#";
    pub(crate) const RUN: &str = "R#";
    pub(crate) const DAY_RUN: &str = "R#day#";
    pub(crate) const DAY_COUNT: &str = "R#kpi#";
    pub(crate) const BOOK: &str = "R#book#";
    pub(crate) const REPORTS: &str = "R#reports#";
    pub(crate) const RUN_SHARD: &str = "S#";
    pub(crate) const RUN_PAGE: &str = "C#";
    pub(crate) const PREVIEW: &str = "R#preview-";
    pub(crate) const PREVIEW_PAGE: &str = "C#";
    pub(crate) const LOGO: &str = "B#";
    pub(crate) const TEMPLATE: &str = "T#";
    pub(crate) const CONTACT_SESSION: &str = "A#S#";
    pub(crate) const CONTACT_LINK: &str = "K#";
    pub(crate) const MEMBERSHIP: &str = "U#";
    pub(crate) const CONTACT_MAIL: &str = "M#";
    pub(crate) const ROLLOUT: &str = "Y#";
    pub(crate) const UNCLAIMED: &str = "U#";
    pub(crate) const NOTICE: &str = "S#";
    pub(crate) const DIGEST: &str = "D#";
    pub(crate) const STAFF_MAIL: &str = "M#";
    pub(crate) const MAIL_CHOICE: &str = "M#";
    pub(crate) const MAILS_RETURNED: &str = "J#";
}

/// The sort key of what is still to be deleted of a client.
const ERASURE: &str = "Z";

/// Firm and client of whose personal data are still to be deleted.
pub(crate) fn erasure_of(place: &Place) -> Option<(FirmId, ClientId)> {
    account_of(&place.pk).filter(|_| place.sk == ERASURE)
}

/// How the versions of a class's policy begin.
pub(crate) fn policies_of(class: &ClassId) -> String {
    format!("{}{class}#", prefix::POLICY_VERSION)
}

/// Where a record is, in the partition of its chain.
pub(crate) fn record_sk(sequence: u64) -> String {
    format!("{}{}", prefix::RECORD, digits(sequence))
}

/// Where a further part of a record is, in the partition of its chain.
pub(crate) fn record_part_sk(sequence: u64, part: usize) -> String {
    format!("{}{}#{part:04}", prefix::RECORD, digits(sequence))
}

/// Where a part of a record's personal texts is, in the partition of its chain.
pub(crate) fn texts_sk(sequence: u64, part: usize) -> String {
    format!("{}{}#{part:04}", prefix::TEXTS, digits(sequence))
}

fn digits(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// A key that no firm owns: found before the firm is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformKey<'a> {
    /// A firm of a person.
    FirmOf(&'a str, &'a FirmId),
    /// Whose a webhook endpoint is.
    Endpoint(&'a str),
    /// Whose a letter's link is, by the hash of its token.
    PayLink(&'a str),
    /// Whose letter an answer is to, by the hash of the name in its reply address or of its `Message-ID`.
    Answer(&'a str),
    /// Whose a domain is that letters come from.
    MailDomain(&'a str),
}

impl PlatformKey<'_> {
    /// Where it is.
    pub fn place(&self) -> Place {
        Place { pk: self.pk(), sk: self.sk() }
    }

    fn pk(&self) -> String {
        match self {
            Self::FirmOf(subject, _) => person(subject),
            Self::Endpoint(endpoint) => format!("H#{endpoint}"),
            Self::PayLink(hash) => format!("J#{hash}"),
            Self::Answer(hash) => format!("O#{hash}"),
            Self::MailDomain(name) => format!("V#{name}"),
        }
    }

    fn sk(&self) -> String {
        match self {
            Self::FirmOf(_, firm) => format!("F#{firm}"),
            Self::Endpoint(_) => "H".to_owned(),
            Self::PayLink(_) => "J".to_owned(),
            Self::Answer(_) => "O".to_owned(),
            Self::MailDomain(_) => "V".to_owned(),
        }
    }
}

/// Firm and client of an account's partition.
pub(crate) fn account_of(pk: &str) -> Option<(FirmId, ClientId)> {
    let (firm, client) = pk.strip_prefix("F#")?.split_once("#C#")?;
    Some((firm.parse().ok()?, client.parse().ok()?))
}

/// Firm, gateway and event of a webhook's partition.
pub(crate) fn webhook_of(pk: &str) -> Option<(FirmId, GatewayId, &str)> {
    let (firm, rest) = pk.strip_prefix("W#")?.split_once('#')?;
    let (gateway, event) = rest.split_once('#')?;
    Some((firm.parse().ok()?, gateway.parse().ok()?, event))
}

/// The letter of a sort key, and whether it is queued.
pub(crate) fn letter_of(sk: &str) -> Option<(LetterId, bool)> {
    let (number, is_queued) = match sk.strip_prefix(prefix::QUEUED_LETTER) {
        Some(number) => (number, true),
        None => (sk.strip_prefix(prefix::LETTER)?, false),
    };
    Some((LetterId(number.parse().ok()?), is_queued))
}

/// The invoice that a charge's sort key is about.
pub(crate) fn charge_of(sk: &str) -> Option<InvoiceId> {
    sk.strip_prefix(prefix::OPEN_CHARGE)?.parse().ok()
}

/// Class and version of a rollout's sort key.
pub(crate) fn rollout_of(sk: &str) -> Option<(ClassId, u32)> {
    let (class, version) = sk.strip_prefix(prefix::ROLLOUT)?.split_once('#')?;
    Some((class.parse().ok()?, version.parse().ok()?))
}

/// The day of a run's sort key.
pub(crate) fn day_run_of(sk: &str) -> Option<Day> {
    sk.strip_prefix(prefix::DAY_RUN)?.parse().ok()
}

/// Whether a sort key is that of a firm's reports.
pub(crate) fn is_reports(sk: &str) -> bool {
    sk == prefix::REPORTS
}

/// The preview of a preview's sort key.
pub(crate) fn preview_of(sk: &str) -> Option<&str> {
    sk.strip_prefix(prefix::RUN).filter(|_| sk.starts_with(prefix::PREVIEW))
}

/// The contact of a contact's partition.
pub(crate) fn contact_of(pk: &str) -> Option<ContactId> {
    Some(contact_in(pk)?.1)
}

/// Firm and contact of a contact's partition.
pub(crate) fn contact_in(pk: &str) -> Option<(FirmId, ContactId)> {
    let (firm, contact) = pk.strip_prefix("F#")?.split_once("#U#")?;
    Some((firm.parse().ok()?, contact.parse().ok()?))
}

/// Firm, address and letter of a letter to an address.
pub(crate) fn contact_mail_of(place: &Place) -> Option<(FirmId, &str, &str)> {
    let (firm, hash) = place.pk.strip_prefix("F#")?.split_once("#V#")?;
    Some((firm.parse().ok()?, hash, place.sk.strip_prefix(prefix::CONTACT_MAIL)?))
}

/// Firm, client and record of a notice to staff.
pub(crate) fn notice_of(place: &Place) -> Option<(FirmId, ClientId, u64)> {
    let (firm, client) = account_of(&place.pk)?;
    Some((firm, client, place.sk.strip_prefix(prefix::NOTICE)?.parse().ok()?))
}

/// Firm and day of a digest.
pub(crate) fn digest_of(place: &Place) -> Option<(FirmId, Day)> {
    Some((firm_of(&place.pk)?, place.sk.strip_prefix(prefix::DIGEST)?.parse().ok()?))
}

/// Firm, person and name of a mail to a person at the firm.
pub(crate) fn staff_mail_of(place: &Place) -> Option<(FirmId, StaffId, &str)> {
    let (firm, staff) = place.pk.strip_prefix("F#")?.split_once("#M#")?;
    Some((firm.parse().ok()?, staff.parse().ok()?, place.sk.strip_prefix(prefix::STAFF_MAIL)?))
}

/// Firm and endpoint of whose turn to be compared is.
pub(crate) fn reconciling_of(place: &Place) -> Option<(FirmId, String)> {
    let endpoint = place.sk.strip_prefix(prefix::RECONCILING)?;
    Some((firm_of(&place.pk)?, endpoint.to_owned()))
}

/// The firm of a firm's own partition.
pub(crate) fn firm_of(pk: &str) -> Option<FirmId> {
    pk.strip_prefix("F#")?.parse().ok()
}

/// The partition of a person's firms.
pub(crate) fn person(subject: &str) -> String {
    format!("G#{subject}")
}

#[cfg(test)]
mod tests {
    use domain::letter::{Language, LetterKind};

    use super::*;

    #[test]
    fn sec_1_every_key_of_a_firm_begins_with_the_firm() {
        let firm: FirmId = "f-1".parse().unwrap();
        let client: ClientId = "acme".parse().unwrap();
        let invoice: InvoiceId = "INV-1".parse().unwrap();
        let payment: PaymentId = "stripe:pi_1".parse().unwrap();
        let source = Source::Payment(payment.clone());
        let ann: ContactId = "ann".parse().unwrap();
        let bea: StaffId = "bea".parse().unwrap();
        let day: Day = "2026-03-02".parse().unwrap();
        let own = TemplateId { kind: LetterKind::Notice, language: Language::Es, name: None };
        let named = TemplateId { name: Some("gentle".parse().unwrap()), ..own.clone() };
        for (key, pk, sk) in [
            (Key::Head(&client), "F#f-1#C#acme", "A"),
            (Key::OpenInvoice(&client, &invoice), "F#f-1#C#acme", "A#I#INV-1"),
            (Key::ClosedInvoice(&client, &invoice), "F#f-1#C#acme", "X#INV-1"),
            (Key::Credit(&client, &source), "F#f-1#C#acme", "A#C#P#stripe:pi_1"),
            (Key::QueuedLetter(&client, LetterId(12)), "F#f-1#C#acme", "A#L#0000000012"),
            (Key::SentLetter(&client, LetterId(12)), "F#f-1#C#acme", "B#0000000012"),
            (Key::Concern(&client, ConcernKind::Dispute), "F#f-1#C#acme", "W#dispute"),
            (Key::Record(&client, 42), "F#f-1#C#acme", "E#0000000042"),
            (Key::Payment(&payment), "F#f-1#P#stripe:pi_1", "P"),
            (Key::InvoiceNumber(&invoice), "F#f-1#N#INV-1", "N"),
            (Key::Series("2026-"), "F#f-1#V#2026-", "V"),
            (Key::Made("0123"), "F#f-1#Q#0123", "M"),
            (Key::Settings, "F#f-1", "S"),
            (Key::Reconciling("ab"), "F#f-1", "X#ab"),
            (Key::Reconciliation(day, "ab"), "F#f-1", "Q#2026-03-02#ab"),
            (Key::Logo("ab"), "F#f-1", "B#ab"),
            (Key::EndpointNews("ab"), "F#f-1", "W#ab"),
            (Key::Template(&own), "F#f-1", "T#notice#es#"),
            (Key::Template(&named), "F#f-1", "T#notice#es#gentle"),
            (Key::Contact(&ann), "F#f-1#U#ann", "A"),
            (Key::ContactSession(&ann, "s-1"), "F#f-1#U#ann", "A#S#s-1"),
            (Key::ContactLink(&ann, "l-1"), "F#f-1#U#ann", "K#l-1"),
            (Key::ContactRecord(&ann, 42), "F#f-1#U#ann", "E#0000000042"),
            (Key::Membership(&client, &ann), "F#f-1#C#acme", "U#ann"),
            (Key::ContactAddress("ab"), "F#f-1#V#ab", "V"),
            (Key::ContactMail("ab", "m-1"), "F#f-1#V#ab", "M#m-1"),
            (Key::Attempts("ab"), "F#f-1#Y#ab", "Y"),
            (Key::Checkout(&client, "j-1"), "F#f-1#C#acme", "J#j-1"),
            (Key::Notice(&client, 7), "F#f-1#C#acme", "S#0000000007"),
            (Key::Erasure(&client), "F#f-1#C#acme", "Z"),
            (Key::DayRun(day), "F#f-1", "R#day#2026-03-02"),
            (Key::RunShard(day, 3), "F#f-1#R#2026-03-02", "S#000003"),
            (Key::RunPage(day, 3, 12), "F#f-1#R#2026-03-02", "C#000003#000012"),
            (Key::DayCount(day), "F#f-1", "R#kpi#2026-03-02"),
            (Key::Book(day), "F#f-1", "R#book#2026-03-02"),
            (Key::Reports, "F#f-1", "R#reports#"),
            (Key::Run("preview-x"), "F#f-1", "R#preview-x"),
            (Key::PreviewText("preview-x"), "F#f-1#R#preview-x", "D"),
            (Key::PreviewPage("preview-x", 12), "F#f-1#R#preview-x", "C#000012"),
            (Key::PreviewResult("preview-x"), "F#f-1#R#preview-x", "Z"),
            (Key::Digest(day), "F#f-1", "D#2026-03-02"),
            (Key::StaffMail(&bea, "m-1"), "F#f-1#M#bea", "M#m-1"),
            (Key::MailChoice(&bea), "F#f-1", "M#bea"),
            (Key::MailsReturned(&bea), "F#f-1", "J#bea"),
            (Key::MailDomain, "F#f-1", "V"),
            (Key::MadePayLink(&client, "ab"), "F#f-1#C#acme", "H#ab"),
            (Key::Message(&client, MessageId(12)), "F#f-1#C#acme", "M#0000000012"),
        ] {
            let place = key.place(&firm);
            assert_eq!((place.pk.as_str(), place.sk.as_str()), (pk, sk));
        }
    }
}

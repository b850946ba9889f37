//! The acts of a timeline, each read into the command that it stands for (contracts §3).

use std::collections::BTreeSet;

use super::{Act, Deed, Reader, known};
use crate::calendar::MAX_DAYS;
use crate::charge::{DeclineKind, NewMethod};
use crate::command::{Command, DisputeOutcome, NewInvoice, News};
use crate::document::{DocumentError, Field, Fields, Value};
use crate::id::{
    ClientId, GatewayId, InvoiceId, MethodId, PaymentId, RefundId, ServiceLine, StaffId,
};
use crate::invoice::{InvoiceKind, Line};
use crate::letter::LetterKind;
use crate::message::{Channel, MessageId, NewMessage};
use crate::money::{Currency, Money};
use crate::payment::{ChargebackState, Method, Seen};
use crate::plan::Instalment;
use crate::policy::Action;
use crate::role::{Actor, Role};
use crate::text::Personal;

/// Every act that a rehearsal can play.
pub(super) const NAMES: [&str; 36] = [
    "issue",
    "void",
    "write_off",
    "add_fee",
    "waive_fee",
    "credit",
    "pay",
    "method",
    "deliver_again",
    "refund",
    "chargeback",
    "ach_return",
    "dispute",
    "resolve_dispute",
    "promise",
    "plan",
    "hold",
    "release_hold",
    "hard_stop",
    "lock",
    "request_unlock",
    "approve_unlock",
    "reject_unlock",
    "exception_unlock",
    "approve_step",
    "approve_close",
    "return_referral",
    "approve_run",
    "set_policy",
    "message",
    "reply",
    "read_message",
    "bounce",
    "request_records",
    "refresh_ledger",
    "skip_evaluation",
];

/// Acts of the contract whose rules aren't built yet.
pub(super) const NOT_YET: [&str; 3] = ["document", "download", "delete"];

const METHODS: [(&str, Method); 4] = [
    ("card", Method::Card),
    ("ach", Method::Ach),
    ("check", Method::Check),
    ("phone", Method::Phone),
];

/// What can be saved, and charged by itself.
const SAVED_METHODS: [(&str, Method); 2] = [("card", Method::Card), ("ach", Method::Ach)];

const DECLINES: [(&str, DeclineKind); 3] = [
    ("soft", DeclineKind::Soft),
    ("hard", DeclineKind::Hard),
    ("needs_payer", DeclineKind::NeedsPayer),
];

const PAYMENT_STATES: [(&str, Seen); 3] =
    [("pending", Seen::Pending), ("succeeded", Seen::Succeeded), ("failed", Seen::Failed)];

const CHARGEBACK_STATES: [(&str, ChargebackState); 3] = [
    ("opened", ChargebackState::Opened),
    ("won", ChargebackState::Won),
    ("lost", ChargebackState::Lost),
];

const DISPUTE_OUTCOMES: [(&str, DisputeOutcome); 3] = [
    ("upheld", DisputeOutcome::Upheld),
    ("rejected", DisputeOutcome::Rejected),
    ("withdrawn", DisputeOutcome::Withdrawn),
];

/// The most days that one entry skips.
const MAX_SKIPPED_DAYS: u32 = MAX_DAYS;

impl Reader<'_> {
    pub(super) fn act(
        &mut self,
        name: &'static str,
        field: &Field<'_>,
    ) -> Result<Act, DocumentError> {
        if NOT_YET.contains(&name) {
            return Err(field.error(format!("{name} is not yet supported")));
        }
        field.fields(|fields| {
            let refused = fields.optional("refused", refusal)?;
            let deed = match name {
                "set_policy" => self.set_policy(fields)?,
                "approve_run" => Deed::ApproveRun { actor: named(fields)? },
                "refresh_ledger" => self.refresh_ledger(field)?,
                "skip_evaluation" => {
                    let days =
                        fields.required("days", |field| field.count(1..=MAX_SKIPPED_DAYS))?;
                    Deed::SkipEvaluation { days }
                }
                _ => {
                    let client =
                        fields.required("client", |field| known(field, "client", &self.clients))?;
                    self.deed(name, client, fields)?
                }
            };
            Ok(Act { name, deed, refused })
        })
    }

    /// Only a ledger that comes from elsewhere can be too old.
    fn refresh_ledger(&self, field: &Field<'_>) -> Result<Deed, DocumentError> {
        match self.ledger_fresh_days {
            Some(_) => Ok(Deed::RefreshLedger),
            None => Err(field.error("the firm has no ledger_fresh_days: its ledger is kept here")),
        }
    }

    fn set_policy(&mut self, fields: &mut Fields<'_>) -> Result<Deed, DocumentError> {
        let class = match fields.field("class") {
            Some(field) => self.class(&field)?,
            None => super::DEFAULT_CLASS.parse().map_err(|error| fields.whole().error(error))?,
        };
        let policy = fields.required("policy", |field| self.policy(field))?;
        Ok(Deed::SetPolicy { class, policy: Box::new(policy) })
    }

    fn deed(
        &mut self,
        name: &'static str,
        client: ClientId,
        fields: &mut Fields<'_>,
    ) -> Result<Deed, DocumentError> {
        let (actor, command) = match name {
            "issue" => (Actor::Gateway, self.issue(fields)?),
            "credit" => (Actor::Gateway, self.credit(fields)?),
            "pay" => (Actor::Gateway, self.pay(fields)?),
            "refund" => (Actor::Gateway, self.refund(fields)?),
            "chargeback" => (Actor::Gateway, self.chargeback(fields)?),
            "ach_return" => {
                let payment = fields.required("payment", |field| self.payment(field))?;
                (Actor::Gateway, Command::RecordPayment { payment, news: News::Returned })
            }
            "method" => return self.method(client, fields),
            "deliver_again" => {
                let payment = fields.required("payment", |field| self.payment(field))?;
                let news = self.first_news.get(&payment).map(|(news, _)| Box::new(news.clone()));
                return Ok(Deed::DeliverAgain { client, payment, news });
            }
            "bounce" => {
                let letter = fields.required("letter", letter_kind)?;
                return Ok(Deed::Bounce { client, letter });
            }
            "dispute" => (client_unless_named(fields)?, self.dispute(fields)?),
            "promise" => (client_unless_named(fields)?, promise(fields)?),
            "request_records" => (client_unless_named(fields)?, Command::RequestRecords),
            // Noted by somebody, and so read; what nobody has read yet is a `reply`.
            "message" => (sender(fields)?, Command::NoteMessage),
            "reply" => (Actor::Client { contact: None }, reply(fields)?),
            _ => (named(fields)?, self.of_staff(name, fields)?),
        };
        Ok(Deed::Command { client, actor, command: Box::new(command) })
    }

    /// A saved method comes or goes, by the name that it has in the timeline; and how its charges end from then on.
    fn method(&self, client: ClientId, fields: &mut Fields<'_>) -> Result<Deed, DocumentError> {
        let said = fields
            .optional("decline", |field| field.unless_off(|field| field.choice(&DECLINES)))?;
        let change = match fields.at_most_one(&["add", "remove"])? {
            Some(("add", field)) => {
                let id: MethodId = field.parse()?;
                let kind = match id.as_str() {
                    "ach" | "bank" => Method::Ach,
                    _ => fields.or("kind", Method::Card, |field| field.choice(&SAVED_METHODS))?,
                };
                Some(Command::SaveMethod(NewMethod {
                    endpoint: "rehearsal".to_owned(),
                    customer: client.to_string(),
                    kind,
                    label: Personal::new(id.as_str()),
                    expires: None,
                    is_default: fields.or("default", true, Field::flag)?,
                    id,
                }))
            }
            Some((_, field)) => Some(Command::RemoveMethod { method: field.parse()? }),
            None if said.is_some() => None,
            None => return Err(fields.whole().error("expected `add`, `remove` or `decline`")),
        };
        let actor = client_unless_named(fields)?;
        let decline = said.flatten();
        Ok(Deed::Method { client, actor, change: change.map(Box::new), decline })
    }

    /// Acts that somebody at the firm does by name.
    fn of_staff(
        &self,
        name: &'static str,
        fields: &mut Fields<'_>,
    ) -> Result<Command, DocumentError> {
        Ok(match name {
            "void" => {
                let invoice = fields.required("invoice", Field::parse)?;
                let reason = fields.optional("reason", reason)?;
                let reason = reason.unwrap_or_else(|| Personal::new("voided in the timeline"));
                Command::VoidInvoice { invoice, reason }
            }
            "write_off" => {
                let invoice = fields.required("invoice", Field::parse)?;
                Command::WriteOff { invoice, reason: fields.required("reason", reason)? }
            }
            "add_fee" => {
                let invoice: InvoiceId = fields.required("invoice", Field::parse)?;
                let currency = self.currency_of(Some(&invoice));
                let amount = fields.required("amount", |field| field.money(currency))?;
                Command::AddFee { invoice, amount }
            }
            "waive_fee" => {
                let invoice = fields.required("invoice", Field::parse)?;
                Command::WaiveFees { invoice, reason: fields.required("reason", reason)? }
            }
            "resolve_dispute" => {
                let invoice = fields.required("invoice", Field::parse)?;
                let outcome =
                    fields.required("outcome", |field| field.choice(&DISPUTE_OUTCOMES))?;
                Command::ResolveDispute { invoice, outcome }
            }
            "plan" => self.plan(fields)?,
            "hold" => Command::PlaceHold {
                invoice: fields.optional("invoice", Field::parse)?,
                until: fields.optional("until", Field::day)?,
                reason: fields.required("reason", reason)?,
            },
            "release_hold" => {
                Command::ReleaseHold { invoice: fields.optional("invoice", Field::parse)? }
            }
            "hard_stop" => Command::HardStop { reason: fields.required("reason", reason)? },
            "lock" => Command::Lock {
                reason: fields.required("reason", reason)?,
                lines: lines_of(fields)?,
            },
            "request_unlock" => Command::RequestUnlock { lines: lines_of(fields)? },
            "approve_unlock" => Command::ApproveUnlock { lines: lines_of(fields)? },
            "reject_unlock" => {
                Command::RejectUnlock { reason: fields.or("reason", Personal::default(), reason)? }
            }
            "exception_unlock" => Command::ExceptionUnlock {
                reason: fields.required("reason", reason)?,
                until: fields.optional("until", Field::day)?,
                lines: lines_of(fields)?,
            },
            "approve_step" => Command::ApproveStep { action: fields.required("do", action)? },
            "approve_close" => Command::ApproveClose,
            "return_referral" => {
                Command::ReturnReferral { reason: fields.required("reason", reason)? }
            }
            "read_message" => Command::ReadMessage { message: MessageId(u64::MAX) }, // all of them
            _ => return Err(fields.whole().error(format!("{name} is not yet supported"))),
        })
    }

    fn issue(&mut self, fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
        let id: InvoiceId = fields.required("invoice", Field::parse)?;
        let currency = fields.or("currency", self.currency, Field::parse)?;
        let (lines, total) = match fields.exactly_one(&["amount", "lines"])? {
            ("amount", field) => (Vec::new(), field.money(currency)?),
            (_, field) => lines(&field, currency)?,
        };
        let new = NewInvoice {
            id: id.clone(),
            kind: fields.or("kind", InvoiceKind::Regular, Field::parse)?,
            service_line: fields.optional("service_line", Field::parse)?,
            lines,
            total,
            issued_on: fields.optional("issued", Field::day)?,
            due_on: fields.optional("due", Field::day)?,
            posts_on: fields.optional("posts_on", Field::day)?,
            is_draft: false,
            deposit: fields.optional("deposit", Field::parse)?,
        };
        // A number that is taken is refused when it comes to it, and keeps its first currency.
        self.invoices.entry(id).or_insert(currency);
        Ok(Command::IssueInvoice(new))
    }

    fn credit(&self, fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
        let id = fields.required("id", Field::parse)?;
        let invoice: Option<InvoiceId> = fields.optional("invoice", Field::parse)?;
        let currency = fields.or("currency", self.currency_of(invoice.as_ref()), Field::parse)?;
        let amount = fields.required("amount", |field| field.money(currency))?;
        Ok(Command::IssueCreditNote { id, amount, invoice })
    }

    fn pay(&mut self, fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
        let gateway: Option<GatewayId> = fields.optional("gateway", Field::parse)?;
        let payment = fields.required("id", |field| self.new_payment(field, gateway.as_ref()))?;
        let invoices = match fields.at_most_one(&["invoice", "invoices"])? {
            Some(("invoice", field)) => vec![field.parse()?],
            Some((_, field)) => field.list(Field::parse)?,
            None => Vec::new(),
        };
        let currency = fields.or("currency", self.currency_of(invoices.first()), Field::parse)?;
        let news = News::Told {
            amount: fields.required("amount", |field| field.money(currency))?,
            method: fields.or("method", Method::Card, |field| field.choice(&METHODS))?,
            invoices,
            seen: fields.or("state", Seen::Succeeded, |field| field.choice(&PAYMENT_STATES))?,
            on: None,
        };
        let command = Command::RecordPayment { payment: payment.clone(), news };
        self.first_news.entry(payment).or_insert_with(|| (command.clone(), currency));
        Ok(command)
    }

    /// A payment is known by its gateway and the gateway's id (PAY-1). Where no gateway is named, the id
    /// stands for the newest payment that has it.
    fn new_payment(
        &mut self,
        field: &Field<'_>,
        gateway: Option<&GatewayId>,
    ) -> Result<PaymentId, DocumentError> {
        let id: PaymentId = field.parse()?;
        let payment = match gateway {
            Some(gateway) => {
                format!("{gateway}:{id}").parse().map_err(|error| field.error(error))?
            }
            None => self.payments.get(id.as_str()).unwrap_or(&id).clone(),
        };
        self.payments.insert(id.as_str().to_owned(), payment.clone());
        Ok(payment)
    }

    fn payment(&self, field: &Field<'_>) -> Result<PaymentId, DocumentError> {
        let id: PaymentId = field.parse()?;
        Ok(self.payments.get(id.as_str()).unwrap_or(&id).clone())
    }

    fn refund(&self, fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
        let id: RefundId = fields.required("id", Field::parse)?;
        let payment = fields.required("payment", |field| self.payment(field))?;
        let currency =
            self.first_news.get(&payment).map_or(self.currency, |(_, currency)| *currency);
        let amount = fields.optional("amount", |field| field.money(currency))?;
        Ok(Command::RecordPayment { payment, news: News::Refunded { id, amount } })
    }

    fn chargeback(&self, fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
        let id = fields.required("id", Field::parse)?;
        let payment = fields.required("payment", |field| self.payment(field))?;
        let state = fields.required("state", |field| field.choice(&CHARGEBACK_STATES))?;
        Ok(Command::RecordPayment { payment, news: News::Chargeback { id, state } })
    }

    fn dispute(&self, fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
        let invoice: InvoiceId = fields.required("invoice", Field::parse)?;
        let currency = self.currency_of(Some(&invoice));
        let amount = fields.optional("amount", |field| field.money(currency))?;
        Ok(Command::OpenDispute { invoice, amount, reason: fields.required("reason", reason)? })
    }

    fn plan(&self, fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
        let invoices: Vec<InvoiceId> =
            fields.required("invoices", |field| field.list(Field::parse))?;
        let currency = self.currency_of(invoices.first());
        let instalments = fields.required("instalments", |field| {
            field.list(|field| {
                field.fields(|fields| {
                    let due_on = fields.required("due", Field::day)?;
                    let amount = fields.required("amount", |field| field.money(currency))?;
                    Ok(Instalment { due_on, amount })
                })
            })
        })?;
        let invoices: BTreeSet<_> = invoices.into_iter().collect();
        Ok(Command::BeginPlan { invoices, instalments })
    }
}

fn promise(fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
    let invoice = fields.optional("invoice", Field::parse)?;
    Ok(Command::MakePromise { invoice, until: fields.required("until", Field::day)? })
}

/// Description, quantity, unit amount and tax of each (INV-5), and their sum.
fn lines(field: &Field<'_>, currency: Currency) -> Result<(Vec<Line>, Money), DocumentError> {
    let mut total = Money::zero(currency);
    let lines = field.list(|field| {
        let line = field.fields(|fields| {
            Ok(Line {
                description: fields
                    .or("description", String::new(), |field| Ok(field.text()?.to_owned()))?,
                quantity: fields.or("quantity", 1, |field| field.count(0..=u32::MAX))?,
                unit_amount: fields.required("unit_amount", |field| field.money(currency))?,
                tax: fields.or("tax", Money::zero(currency), |field| field.money(currency))?,
            })
        })?;
        let amount = line.unit_amount.minor().checked_mul(line.quantity.into());
        let amount = amount.ok_or_else(|| field.error("the line is too large"))?;
        let sum = total
            .checked_add(Money::new(amount, currency))
            .and_then(|sum| sum.checked_add(line.tax));
        total = sum.map_err(|error| field.error(error))?;
        Ok(line)
    })?;
    if lines.is_empty() {
        return Err(field.error("expected at least one line"));
    }
    Ok((lines, total))
}

/// The client, unless somebody at the firm is named.
fn client_unless_named(fields: &mut Fields<'_>) -> Result<Actor, DocumentError> {
    match fields.field("by") {
        Some(by) => person(&by, fields),
        None => the_client(fields),
    }
}

fn named(fields: &mut Fields<'_>) -> Result<Actor, DocumentError> {
    let by = fields.required("by", |field| Ok(field.clone()))?;
    person(&by, fields)
}

/// `by: client` is the client; any other name is staff and needs `role`.
fn person(by: &Field<'_>, fields: &mut Fields<'_>) -> Result<Actor, DocumentError> {
    let id: StaffId = by.parse()?;
    if id.as_str() == "client" {
        return the_client(fields);
    }
    let role: Role = fields.required("role", Field::parse)?;
    Ok(Actor::Staff { id, roles: BTreeSet::from([role]) })
}

fn the_client(fields: &mut Fields<'_>) -> Result<Actor, DocumentError> {
    match fields.field("role") {
        Some(role) => {
            Err(role.error("the client has no role, expected `by` to name somebody at the firm"))
        }
        None => Ok(Actor::Client { contact: None }),
    }
}

/// Who writes a message: any contact, or anybody at the firm.
fn sender(fields: &mut Fields<'_>) -> Result<Actor, DocumentError> {
    let is_contact =
        fields.required("from", |field| field.choice(&[("contact", true), ("staff", false)]))?;
    if is_contact {
        return Ok(Actor::Client { contact: None });
    }
    let id = "staff".parse().map_err(|error| fields.whole().error(error))?;
    Ok(Actor::Staff { id, roles: BTreeSet::from([Role::Preparer]) })
}

/// What a client answers to a letter: it waits to be read (LET-8).
fn reply(fields: &mut Fields<'_>) -> Result<Command, DocumentError> {
    let text = fields.or("text", Personal::new("a reply in the timeline"), reason)?;
    let (channel, address, letter) = (Channel::Mail, None, None);
    Ok(Command::ReceiveMessage(NewMessage { channel, address, letter, text }))
}

/// The service lines that an act is about; none of them: all (LOCK-5).
fn lines_of(fields: &mut Fields<'_>) -> Result<BTreeSet<ServiceLine>, DocumentError> {
    fields.or("service_lines", BTreeSet::new(), |field| {
        let lines = field.list(Field::parse)?;
        if lines.is_empty() {
            return Err(field.error("expected at least one service line, or no such field"));
        }
        Ok(BTreeSet::from_iter(lines))
    })
}

/// May be empty: that the rules want a reason is theirs to say.
fn reason(field: &Field<'_>) -> Result<Personal, DocumentError> {
    match &field.node().value {
        Value::Text(text) => Ok(Personal::new(text)),
        _ => Err(field.expected("text (in quotes)")),
    }
}

/// May be empty: any refusal will do.
fn refusal(field: &Field<'_>) -> Result<String, DocumentError> {
    match &field.node().value {
        Value::Text(text) => Ok(text.clone()),
        _ => {
            Err(field
                .expected("a part of the refusal's text, a rule's id, or \"\" for any refusal"))
        }
    }
}

fn letter_kind(field: &Field<'_>) -> Result<LetterKind, DocumentError> {
    field.choice(&LetterKind::ALL.map(|kind| (kind.as_str(), kind)))
}

fn action(field: &Field<'_>) -> Result<Action, DocumentError> {
    field.choice(&Action::ALL.map(|action| (action.as_str(), action)))
}

//! The audit trail in sentences (AUD-1, EVAL-5).

use std::collections::BTreeMap;

use domain::describe::describe;
use domain::event::Event;
use domain::id::ClassId;
use domain::policy::life::State;
use domain::role::Actor;
use serde::Serialize;
use serde_json::Value;
use services::http::Date;
use services::office::policies::{Difference, differences, version_of};
use store::{Body, DayRun, FirmChange, LetterTemplate, Mails, PolicyDocument, RunVerdict};
use utoipa::ToSchema;

use super::name;

/// What one command did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
pub struct Record {
    /// Counted from 1 over the client's life.
    pub sequence: u64,
    /// When.
    pub at: String,
    /// Which day it was at the firm.
    pub day: Date,
    /// Who: a member of staff, or `client`, `link`, `gateway`, `import`, `schedule`.
    pub by: String,
    /// With which roles, where it was staff.
    pub roles: Vec<&'static str>,
    /// What was asked for.
    #[schema(example = "approve_unlock")]
    pub command: String,
    /// The rule that acted, where the system did.
    pub rule: Option<String>,
    /// The policy under which it was decided: class and version.
    pub policy: Option<String>,
    /// The request that it came with.
    pub request_id: Option<String>,
    /// What happened, in sentences.
    pub what: Vec<String>,
    /// The same for programs: the events, as they are stored.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
    /// The hash of the record before.
    pub previous: String,
    /// The hash of this one.
    pub hash: String,
}

/// A record as it is shown.
pub fn record(record: store::Record) -> Record {
    let store::Record { sequence, previous, hash, body, .. } = record;
    let (by, roles) = who(&body.actor);
    Record {
        sequence,
        at: body.at.to_rfc3339(),
        day: Date(body.day),
        by,
        roles,
        what: body.events.iter().map(sentence).collect(),
        command: body.command,
        rule: body.rule,
        policy: body.policy.map(|policy| format!("{} {}", policy.class, policy.version)),
        request_id: body.request_id,
        events: body.events,
        previous: previous.to_string(),
        hash: hash.to_string(),
    }
}

/// An event of a newer program has a name at least.
fn sentence(event: &Value) -> String {
    let known: Result<Event, _> = serde_json::from_value(event.clone());
    known.map_or_else(|_| name(event), |event| describe(&event))
}

fn who(actor: &Actor) -> (String, Vec<&'static str>) {
    match actor {
        Actor::Staff { id, roles } => {
            (id.to_string(), roles.iter().map(|role| role.as_str()).collect())
        }
        Actor::Client { .. } | Actor::Link | Actor::Gateway | Actor::Import | Actor::Schedule => {
            (name(actor), Vec::new())
        }
    }
}

/// A change of the firm.
#[derive(Debug, Serialize, ToSchema)]
pub struct FirmRecord {
    /// Counted from 1.
    pub sequence: u64,
    /// When.
    pub at: String,
    /// Which day it was at the firm.
    pub day: Date,
    /// Who.
    pub by: String,
    /// The request that it came with.
    pub request_id: Option<String>,
    /// What changed, in sentences.
    pub what: Vec<String>,
    /// Of a policy: what changed, field by field.
    pub changes: Vec<Change>,
    /// The hash of the record before.
    pub previous: String,
    /// The hash of this one.
    pub hash: String,
}

/// One field of a policy that changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// Which.
    #[schema(example = "lock.days_overdue")]
    pub field: String,
    /// What it was; `null`: it wasn't there.
    #[schema(value_type = Object)]
    pub was: Option<Value>,
    /// What it is; `null`: it is gone.
    #[schema(value_type = Object)]
    pub is: Option<Value>,
}

impl From<Difference> for Change {
    fn from(difference: Difference) -> Self {
        let Difference { field, was, is } = difference;
        Self { field, was, is }
    }
}

/// All versions of the firm's policies, by class and version.
pub type Policies = BTreeMap<(ClassId, u32), PolicyDocument>;

/// A change of the firm as it is shown.
pub fn firm_record(record: store::Record, policies: &Policies) -> FirmRecord {
    let store::Record { sequence, previous, hash, body, .. } = record;
    let Body { at, day, actor, request_id, events, .. } = body;
    let known = events.iter().map(|event| serde_json::from_value::<FirmChange>(event.clone()));
    let mut what = Vec::new();
    let mut changes = Vec::new();
    for (change, event) in known.zip(&events) {
        let Ok(change) = change else {
            what.push(name(event));
            continue;
        };
        what.push(said(&change));
        if let FirmChange::PolicyArmed(policy) | FirmChange::PolicySaved(policy) = &change {
            changes.extend(changed(policy, policies));
        }
    }
    FirmRecord {
        sequence,
        at: at.to_rfc3339(),
        day: Date(day),
        by: who(&actor).0,
        request_id,
        what,
        changes,
        previous: previous.to_string(),
        hash: hash.to_string(),
    }
}

fn changed(armed: &PolicyDocument, policies: &Policies) -> Vec<Change> {
    let before = armed.version.checked_sub(1).and_then(|version| {
        let before = policies.get(&(armed.class.clone(), version))?;
        version_of(before).ok()
    });
    let Ok(after) = version_of(armed) else { return Vec::new() };
    let found = differences(before.as_ref().map(|before| &before.policy), &after.policy);
    found.into_iter().map(Change::from).collect()
}

fn said(change: &FirmChange) -> String {
    match change {
        FirmChange::Opened(settings) => format!("opens the firm {}", settings.name),
        FirmChange::Settings(_) => "changes the settings".to_owned(),
        FirmChange::PolicyArmed(armed) => format!(
            "arms version {} of the policy of class {} from {}",
            armed.version, armed.class, armed.effective_on
        ),
        FirmChange::PolicySaved(saved) => match saved.state {
            State::Shadow => format!(
                "lets version {} of the policy of class {} run as a shadow from {}",
                saved.version, saved.class, saved.effective_on
            ),
            State::Draft | State::Armed | State::Withdrawn => format!(
                "saves version {} of the policy of class {} as a draft",
                saved.version, saved.class
            ),
        },
        FirmChange::PolicyWithdrawn(policy) => {
            format!("takes back version {} of the policy of class {}", policy.version, policy.class)
        }
        FirmChange::PoliciesReviewed(reviewed) => {
            format!("has looked at the policies for the quarter to {}", reviewed.quarter)
        }
        FirmChange::GrantGiven(grant) => {
            let roles: Vec<_> = grant.roles.iter().map(|role| role.as_str()).collect();
            format!("lets {} act as {}", grant.staff, roles.join(", "))
        }
        FirmChange::GrantTaken { .. } => "takes a grant away".to_owned(),
        FirmChange::MailsChosen(choice) => {
            let what = match choice.mails {
                Mails::All => "all mails",
                Mails::Digest => "the day's digest alone",
                Mails::Off => "no mails",
            };
            format!("sends {} {what} from now on", choice.staff)
        }
        FirmChange::EndpointOpened(endpoint) => {
            format!("opens an endpoint for webhooks of {}", endpoint.gateway)
        }
        FirmChange::EndpointChanged(endpoint) => match endpoint.closed_at {
            Some(_) => format!("begins nothing new at an endpoint of {}", endpoint.gateway),
            None => format!("changes an endpoint for webhooks of {}", endpoint.gateway),
        },
        FirmChange::EndpointClosed { .. } => "closes an endpoint for webhooks".to_owned(),
        FirmChange::SecretKept(_) => "keeps a gateway's secrets".to_owned(),
        FirmChange::Stopped(stop) => format!("stops locks and letters: {}", stop.reason.as_str()),
        FirmChange::WentOn => "lets locks and letters go on".to_owned(),
        FirmChange::RunDecided(run) => run_decided(run),
        FirmChange::MailDomainSet(domain) => match (domain.looked_at, domain.is_verified) {
            (None, _) => format!("sets up the domain {} for letters", domain.name),
            (_, true) => format!("finds the domain {} verified: letters leave", domain.name),
            (_, false) => format!("finds the domain {} not verified: letters wait", domain.name),
        },
        FirmChange::MailDomainGivenUp { name } => format!("gives up the domain {name}"),
        FirmChange::TemplateSaved(saved) => template_saved(saved),
        FirmChange::MailsReturned(returned) => match returned.is_complaint {
            true => format!("sends {} no more mails: one was complained of", returned.staff),
            false => format!("sends {} no more mails: one came back", returned.staff),
        },
    }
}

/// A firm's own words for a letter (LET-3).
fn template_saved(saved: &LetterTemplate) -> String {
    let kind = saved.of.kind.as_str().replace('_', " ");
    let language = saved.of.language.words();
    let named = saved.of.name.as_ref().map(|name| format!(" named {name}")).unwrap_or_default();
    match saved.words.is_empty() {
        true => format!("goes back to the built-in words of the {kind}{named} in {language}"),
        false => {
            format!(
                "saves version {} of its words of the {kind}{named} in {language}",
                saved.version
            )
        }
    }
}

/// What was decided about a day's run (LOCK-10).
fn run_decided(run: &DayRun) -> String {
    let day = domain::calendar::for_person(run.day);
    let Some(decision) = &run.decision else { return format!("looks at the run of {day}") };
    let what = match decision.verdict {
        RunVerdict::Approved => {
            let many =
                |number: u64, one| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
            let (locks, demands) =
                (many(run.tally.locks, "lock"), many(run.tally.demands, "demand"));
            format!("approves the run of {day}: {locks}, {demands}")
        }
        RunVerdict::Rejected => format!("rejects the run of {day}"),
        RunVerdict::Undone => format!("undoes the run of {day}"),
    };
    match &decision.reason {
        Some(reason) => format!("{what}: {}", reason.as_str()),
        None => what,
    }
}

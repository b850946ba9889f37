//! Policies of the firm's classes: read, checked, drafted, let run beside, and armed as a new version by whoever
//! looked at the newest (POL-1, POL-5, POL-7).

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use domain::id::ClassId;
use domain::policy::Policy;
use domain::policy::life::{State, in_force, is_replaced, replaced_by};
use domain::policy::lint::{self, Severity, is_refused};
use domain::policy::read::{read_text, to_json, to_yaml};
use domain::policy::schema;
use domain::role::Role;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use services::http::body::media_type;
use services::http::etag::{etag, require_match};
use services::http::{Date, Ids, Listing, Params, Problem, ProblemKind};
use services::office::Desk;
use services::office::policies::{
    ArmError, Armed, MAX_CLASSES, become_, differences, save, standing, standings, version_of,
    withdraw,
};
use store::{DayRun, PageRequest, PolicyDocument};
use utoipa::{IntoParams, ToSchema};

use crate::show::Change;

/// What a policy document may come as: JSON is YAML too.
const MEDIA_TYPES: [&str; 5] =
    ["application/json", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];

/// A policy in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyInList {
    /// Of which class.
    class: String,
    /// The version that is in force today, if one is.
    in_force: Option<u32>,
    /// The newest version.
    newest: u32,
    /// What that is: `draft`, `shadow`, `armed` or `withdrawn`.
    #[schema(value_type = String)]
    state: State,
    /// From when that is in force; of a draft or a shadow, since when it is one.
    effective_on: Date,
    /// The version that runs as a shadow, if one does.
    shadow: Option<u32>,
    /// Who wrote it.
    author: Option<String>,
}

/// The policies of the firm's classes.
#[utoipa::path(get, path = "/firm/v1/policies", tag = "policies", operation_id = "list_policies",
    responses((status = 200, body = Listing<PolicyInList>)))]
pub(crate) async fn list(desk: Desk) -> Result<Json<Listing<PolicyInList>>, Problem> {
    let today = desk.day();
    let mut classes: BTreeMap<ClassId, Vec<PolicyDocument>> = BTreeMap::new();
    for policy in desk.store().all_policies().await? {
        classes.entry(policy.class.clone()).or_default().push(policy);
    }
    let row = |(class, versions): (ClassId, Vec<PolicyDocument>)| {
        let newest = versions.last()?;
        Some(PolicyInList {
            class: class.to_string(),
            in_force: in_force(&standings(&versions), today),
            newest: newest.version,
            state: newest.state,
            effective_on: Date(newest.effective_on),
            shadow: desk.firm.settings().shadows.get(&class).copied(),
            author: newest.author.as_ref().map(ToString::to_string),
        })
    };
    Ok(Json(Listing::whole(classes.into_iter().filter_map(row).collect())))
}

/// The class in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfClass {
    /// The client class.
    #[param(value_type = String)]
    pub(crate) class: ClassId,
}

/// A version of a policy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyVersion {
    /// Of which class.
    class: String,
    /// Which version, counted from 1.
    version: u32,
    /// What it is: `draft`, `shadow`, `armed` or `withdrawn`.
    #[schema(value_type = String)]
    state: State,
    /// From when it is in force; of a draft or a shadow, since when it is one.
    effective_on: Date,
    /// Who wrote it.
    author: Option<String>,
    /// Whether it never comes, because a newer version was armed for its first day or before.
    is_replaced: bool,
    /// The versions that never come now, where this answer armed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaces: Vec<u32>,
    /// What it says, every default filled in (contracts §2).
    #[schema(value_type = Object)]
    policy: Value,
    /// The same as YAML.
    yaml: String,
    /// What it comes to (POL-5).
    findings: Vec<Finding>,
    /// What it changed, field by field.
    changes: Vec<Change>,
    /// All versions, newest first.
    versions: Vec<VersionInList>,
}

/// A version in the list of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionInList {
    /// Which.
    version: u32,
    /// What it is.
    #[schema(value_type = String)]
    state: State,
    /// Whether it never comes.
    is_replaced: bool,
    /// From when it is in force; of a draft or a shadow, since when it is one.
    effective_on: Date,
    /// Who wrote it.
    author: Option<String>,
}

/// One thing that a policy comes to (POL-5).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Finding {
    /// `error`: such a policy isn't saved; or `warning`.
    #[schema(value_type = String)]
    severity: Severity,
    /// Which field, such as `regular.steps[2].after_lock`.
    field: String,
    /// What stands there.
    value: String,
    /// What follows, in one sentence.
    consequence: String,
    /// What that rests on beside the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    assumption: Option<&'static str>,
}

impl From<lint::Finding> for Finding {
    fn from(found: lint::Finding) -> Self {
        let lint::Finding { severity, field, value, consequence, assumption } = found;
        Self { severity, field, value, consequence, assumption }
    }
}

/// The newest version of a class's policy, which is the one that a change is made of.
#[utoipa::path(get, path = "/firm/v1/policies/{class}", tag = "policies", operation_id = "get_policy",
    params(OfClass), responses((status = 200, body = PolicyVersion)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfClass { class }): Ids<OfClass>,
) -> Result<impl IntoResponse, Problem> {
    let versions = desk.store().policies(&class).await?;
    let newest = versions.first().ok_or_else(|| Problem::not_found("policy"))?;
    let tag = [(ETAG, etag(newest.version.into()))];
    Ok((tag, Json(shown(&desk, newest, &versions)?)))
}

/// A version in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfVersion {
    /// The client class.
    #[param(value_type = String)]
    class: ClassId,
    /// The version.
    version: u32,
}

/// One version of a class's policy.
#[utoipa::path(get, path = "/firm/v1/policies/{class}/versions/{version}", tag = "policies",
    operation_id = "get_policy_version", params(OfVersion),
    responses((status = 200, body = PolicyVersion)))]
pub(crate) async fn version(
    desk: Desk,
    Ids(OfVersion { class, version }): Ids<OfVersion>,
) -> Result<Json<PolicyVersion>, Problem> {
    let versions = desk.store().policies(&class).await?;
    let found = versions.iter().find(|known| known.version == version);
    Ok(Json(shown(&desk, found.ok_or_else(|| Problem::not_found("policy"))?, &versions)?))
}

fn shown(
    desk: &Desk,
    document: &PolicyDocument,
    versions: &[PolicyDocument],
) -> Result<PolicyVersion, Problem> {
    let policy = version_of(document)?.policy;
    let before = versions.iter().find(|known| known.version + 1 == document.version);
    let before = before.map(version_of).transpose()?;
    let changes = differences(before.as_ref().map(|before| &before.policy), &policy);
    let author = |document: &PolicyDocument| document.author.as_ref().map(ToString::to_string);
    let all = standings(versions);
    let in_list = |known: &PolicyDocument| VersionInList {
        version: known.version,
        state: known.state,
        is_replaced: is_replaced(&all, standing(known)),
        effective_on: Date(known.effective_on),
        author: author(known),
    };
    Ok(PolicyVersion {
        class: document.class.to_string(),
        version: document.version,
        state: document.state,
        effective_on: Date(document.effective_on),
        author: author(document),
        is_replaced: is_replaced(&all, standing(document)),
        replaces: Vec::new(),
        policy: to_json(&policy),
        yaml: to_yaml(&policy),
        findings: desk.firm.lint(&policy, desk.day()).into_iter().map(Finding::from).collect(),
        changes: changes.into_iter().map(Change::from).collect(),
        versions: versions.iter().map(in_list).collect(),
    })
}

/// What a new version is, and from when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AsWhat {
    /// From that day on; from today, if not said. A draft and a shadow are so from today.
    #[param(value_type = Option<String>, example = "2026-03-02")]
    effective_on: Option<Date>,
    /// `armed`, if not said; `draft`: it is only kept; `shadow`: what it would do is recorded and not done (POL-7).
    #[param(value_type = Option<String>, example = "draft")]
    state: Option<State>,
}

/// Saves a new version of a class's policy, armed unless said otherwise (POL-1, POL-7). The body is the policy
/// document, YAML or JSON.
///
/// A policy that can never do what it says is refused, with the field, its value and why (POL-5).
///
/// All clients of the class are evaluated under an armed version within a minute of its being in force; who would
/// be locked or sent a demand is counted by a run first (LOCK-10). `replaces` in the answer names versions armed for
/// later days that never come now.
///
/// `If-Match` names the newest version, which this one replaces; a class without a policy needs none.
#[utoipa::path(put, path = "/firm/v1/policies/{class}", tag = "policies", operation_id = "arm_policy",
    params(OfClass, AsWhat, ("If-Match" = Option<String>, Header, description = "The version looked at")),
    request_body(content((serde_json::Value = "application/json"), (String = "application/yaml")),
        description = "A policy document (contracts §2)"),
    responses((status = 201, body = PolicyVersion), (status = 200, body = PolicyVersion)))]
pub(crate) async fn put(
    desk: Desk,
    Ids(OfClass { class }): Ids<OfClass>,
    Params(what): Params<AsWhat>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    desk.require(&[Role::Admin])?;
    let policy = read_text(document(&headers, &body)?)?;
    let (state, effective_on) = as_what(&desk, &what)?;
    let versions = desk.store().policies(&class).await?;
    let newest = versions.first();
    require_match(&headers, newest.map(|newest| newest.version.into()))?;
    without_errors(&desk, &policy)?;
    if newest.is_none() {
        room_for_another(&desk).await?;
    }
    let (caller, now) = (&desk.caller, desk.now);
    let saved =
        save(&desk.firm, (&class, &policy, state), (&versions, effective_on), caller, now).await;
    answer(&desk, saved, &versions)
}

fn as_what(desk: &Desk, what: &AsWhat) -> Result<(State, domain::calendar::Day), Problem> {
    let (state, today) = (what.state.unwrap_or_default(), desk.day());
    let effective_on = what.effective_on.map_or(today, |date| date.0);
    match state {
        State::Armed if effective_on < today => {
            let detail = "a policy is not changed for days that are past";
            Err(Problem::invalid("effective_on", detail))
        }
        State::Draft | State::Shadow if effective_on != today => {
            let detail = format!("a {} is one from today on", state.as_str());
            Err(Problem::invalid("effective_on", detail))
        }
        State::Withdrawn => {
            Err(Problem::invalid("state", "one of draft, shadow and armed is expected"))
        }
        State::Draft | State::Shadow | State::Armed => Ok((state, effective_on)),
    }
}

/// POL-5: what can never do what it says isn't saved.
pub(crate) fn without_errors(desk: &Desk, policy: &Policy) -> Result<(), Problem> {
    let findings = desk.firm.lint(policy, desk.day());
    match findings.iter().find(|found| found.severity == Severity::Error) {
        None => Ok(()),
        Some(found) => {
            let text = format!("{}: {}", found.value, found.sentence());
            let rule = Some("POL-5");
            Err(Problem { rule, ..Problem::invalid(found.field.clone(), text) })
        }
    }
}

fn answer(
    desk: &Desk,
    saved: Result<Armed, ArmError>,
    versions: &[PolicyDocument],
) -> Result<axum::response::Response, Problem> {
    let saved = saved.map_err(|error| match error {
        ArmError::Policy(error) => Problem::from(error),
        ArmError::Text(unknown) => {
            let detail = unknown.to_string();
            Problem { rule: Some("LET-3"), ..Problem::invalid(unknown.field, detail) }
        }
        ArmError::Refused(refusal) => Problem::from(refusal),
        ArmError::Store(error) => Problem::from(error),
    })?;
    let (is_new, document) = match saved {
        Armed::New(document) => (true, document),
        Armed::Same(document) => (false, document),
        Armed::Stale => {
            let detail = "it was changed meanwhile; read it again";
            return Err(Problem::new(ProblemKind::PreconditionFailed, detail).of("If-Match"));
        }
    };
    let is_first = versions.iter().all(|known| known.version != document.version);
    let others = versions.iter().filter(|known| known.version != document.version);
    let mut now: Vec<_> = others.cloned().collect();
    let replaces = match document.state {
        State::Armed if is_new => replaced_by(&standings(&now), document.effective_on),
        State::Draft | State::Shadow | State::Armed | State::Withdrawn => Vec::new(),
    };
    now.push(document.clone());
    now.sort_by_key(|known| std::cmp::Reverse(known.version));
    let status = if is_new && is_first { StatusCode::CREATED } else { StatusCode::OK };
    let tag = [(ETAG, etag(document.version.into()))];
    let shown = PolicyVersion { replaces, ..shown(desk, &document, &now)? };
    Ok((status, tag, Json(shown)).into_response())
}

/// What a policy comes to, without saving it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Linted {
    /// When it locks and how it opens again, in one sentence.
    sentence: String,
    /// Whether it would be refused.
    is_refused: bool,
    /// What it comes to, errors first.
    findings: Vec<Finding>,
    /// What it would change of the newest version, field by field.
    changes: Vec<Change>,
}

/// Says what a policy comes to, and saves nothing (POL-5). The body is the policy document, YAML or JSON.
#[utoipa::path(post, path = "/firm/v1/policies/{class}/lint", tag = "policies", operation_id = "lint_policy",
    params(OfClass),
    request_body(content((serde_json::Value = "application/json"), (String = "application/yaml")),
        description = "A policy document (contracts §2)"),
    responses((status = 200, body = Linted)))]
pub(crate) async fn check(
    desk: Desk,
    Ids(OfClass { class }): Ids<OfClass>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Linted>, Problem> {
    let policy = read_text(document(&headers, &body)?)?;
    let findings = desk.firm.lint(&policy, desk.day());
    let versions = desk.store().policies(&class).await?;
    let newest = versions.first().map(version_of).transpose()?;
    let changes = differences(newest.as_ref().map(|newest| &newest.policy), &policy);
    Ok(Json(Linted {
        sentence: policy.sentence(),
        is_refused: is_refused(&findings),
        findings: findings.into_iter().map(Finding::from).collect(),
        changes: changes.into_iter().map(Change::from).collect(),
    }))
}

/// The JSON Schema of policy documents.
#[utoipa::path(get, path = "/firm/v1/policy-schema", tag = "policies", operation_id = "policy_schema",
    responses((status = 200, body = serde_json::Value)))]
pub(crate) async fn document_schema(_desk: Desk) -> Json<Value> {
    Json(schema::schema())
}

/// From when a version is in force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromWhen {
    /// From that day on; from today, if not said.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "2026-03-02")]
    effective_on: Option<Date>,
}

/// Arms a draft or a shadow (POL-7): its text stays, and it is in force from that day on.
#[utoipa::path(post, path = "/firm/v1/policies/{class}/versions/{version}/arm", tag = "policies",
    operation_id = "arm_policy_version", params(OfVersion), request_body = FromWhen,
    responses((status = 200, body = PolicyVersion)))]
pub(crate) async fn arm_version(
    desk: Desk,
    Ids(of): Ids<OfVersion>,
    services::http::JsonBody(FromWhen { effective_on }): services::http::JsonBody<FromWhen>,
) -> Result<axum::response::Response, Problem> {
    change(desk, of, AsWhat { effective_on, state: Some(State::Armed) }).await
}

/// Lets a draft run as a shadow (POL-7): from the next run on, what it would do is recorded and not done.
#[utoipa::path(post, path = "/firm/v1/policies/{class}/versions/{version}/shadow", tag = "policies",
    operation_id = "shadow_policy_version", params(OfVersion),
    responses((status = 200, body = PolicyVersion)))]
pub(crate) async fn shadow_version(
    desk: Desk,
    Ids(of): Ids<OfVersion>,
) -> Result<axum::response::Response, Problem> {
    change(desk, of, AsWhat { effective_on: None, state: Some(State::Shadow) }).await
}

async fn change(
    desk: Desk,
    OfVersion { class, version }: OfVersion,
    what: AsWhat,
) -> Result<axum::response::Response, Problem> {
    desk.require(&[Role::Admin])?;
    let (state, effective_on) = as_what(&desk, &what)?;
    let versions = desk.store().policies(&class).await?;
    let found = versions.iter().find(|known| known.version == version);
    let found = found.ok_or_else(|| Problem::not_found("policy"))?;
    without_errors(&desk, &version_of(found)?.policy)?;
    let (caller, now) = (&desk.caller, desk.now);
    let changed = become_(&desk.firm, (found, state), (&versions, effective_on), caller, now).await;
    answer(&desk, changed, &versions)
}

/// Takes a version back that isn't in force yet: a draft, a shadow, or one armed for a later day.
#[utoipa::path(post, path = "/firm/v1/policies/{class}/versions/{version}/withdraw", tag = "policies",
    operation_id = "withdraw_policy_version", params(OfVersion),
    responses((status = 200, body = PolicyVersion)))]
pub(crate) async fn withdraw_version(
    desk: Desk,
    Ids(OfVersion { class, version }): Ids<OfVersion>,
) -> Result<axum::response::Response, Problem> {
    desk.require(&[Role::Admin])?;
    let versions = desk.store().policies(&class).await?;
    let found = versions.iter().find(|known| known.version == version);
    let found = found.ok_or_else(|| Problem::not_found("policy"))?;
    let taken = withdraw(&desk.firm, found, &versions, &desk.caller, desk.now).await;
    answer(&desk, taken, &versions)
}

/// What a shadow would have done in a day's run (POL-7).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShadowDay {
    /// Of which day.
    day: Date,
    /// Which version.
    version: u32,
    /// How many clients it looked at.
    looked_at: u64,
    /// To how many of them it would have done what.
    would_have: BTreeMap<String, u64>,
}

/// So many days are looked back.
const SHADOW_DAYS: u32 = 60;

/// What the shadow of a class would have done, run by run, newest first. Nothing of it was done, so what is due
/// stays due and is counted again on the next day.
#[utoipa::path(get, path = "/firm/v1/policies/{class}/shadow", tag = "policies", operation_id = "policy_shadow",
    params(OfClass), responses((status = 200, body = Listing<ShadowDay>)))]
pub(crate) async fn shadow(
    desk: Desk,
    Ids(OfClass { class }): Ids<OfClass>,
) -> Result<Json<Listing<ShadowDay>>, Problem> {
    let page = PageRequest { cursor: None, limit: SHADOW_DAYS };
    let runs = desk.store().day_runs(&page).await?.items;
    let day = |run: DayRun| {
        let count = run.shadow.versions.get(&class)?.clone();
        let (version, looked_at, would_have) = (count.version, count.looked_at, count.acts);
        Some(ShadowDay { day: Date(run.day), version, looked_at, would_have })
    };
    Ok(Json(Listing::whole(runs.into_iter().filter_map(day).collect())))
}

pub(crate) fn document<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<&'b str, Problem> {
    let is_known = media_type(headers).is_some_and(|given| MEDIA_TYPES.contains(&given.as_str()));
    if !is_known {
        let detail = format!("one of {} is expected here", MEDIA_TYPES.join(", "));
        return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail).of("Content-Type"));
    }
    std::str::from_utf8(body).map_err(|_| Problem::malformed("the document is not UTF-8"))
}

async fn room_for_another(desk: &Desk) -> Result<(), Problem> {
    let policies = desk.store().all_policies().await?;
    let classes: std::collections::BTreeSet<_> =
        policies.iter().map(|known| &known.class).collect();
    if classes.len() < MAX_CLASSES {
        return Ok(());
    }
    let detail = format!("the firm already has {MAX_CLASSES} classes, which is the most");
    Err(Problem::new(ProblemKind::Conflict, detail).of("class"))
}

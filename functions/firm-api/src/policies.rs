//! Policies of the firm's classes: read, and armed as a new version by whoever looked at the newest.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use domain::id::ClassId;
use domain::policy::read::{read_text, to_json};
use domain::role::Role;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use services::http::body::media_type;
use services::http::etag::{etag, require_match};
use services::http::{Date, Ids, Listing, Params, Problem, ProblemKind};
use services::office::Desk;
use services::office::policies::{ArmError, Armed, MAX_CLASSES, arm, differences, version_of};
use store::PolicyDocument;
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
    /// From when that is in force.
    effective_on: Date,
    /// Who armed it.
    author: Option<String>,
}

/// The policies of the firm's classes.
#[utoipa::path(get, path = "/firm/v1/policies", tag = "policies", operation_id = "list_policies",
    responses((status = 200, body = Listing<PolicyInList>)))]
pub(crate) async fn list(desk: Desk) -> Result<Json<Listing<PolicyInList>>, Problem> {
    let today = desk.day();
    let mut classes: BTreeMap<ClassId, PolicyInList> = BTreeMap::new();
    for policy in desk.store().all_policies().await? {
        let known = classes.get(&policy.class).and_then(|known| known.in_force);
        let in_force = if policy.effective_on <= today { Some(policy.version) } else { known };
        let row = PolicyInList {
            class: policy.class.to_string(),
            in_force,
            newest: policy.version,
            effective_on: Date(policy.effective_on),
            author: policy.author.as_ref().map(ToString::to_string),
        };
        classes.insert(policy.class, row);
    }
    Ok(Json(Listing::whole(classes.into_values().collect())))
}

/// The class in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfClass {
    /// The client class.
    #[param(value_type = String)]
    class: ClassId,
}

/// A version of a policy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyVersion {
    /// Of which class.
    class: String,
    /// Which version, counted from 1.
    version: u32,
    /// From when it is in force.
    effective_on: Date,
    /// Who armed it.
    author: Option<String>,
    /// What it says, every default filled in (contracts §2).
    #[schema(value_type = Object)]
    policy: Value,
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
    /// From when it is in force.
    effective_on: Date,
    /// Who armed it.
    author: Option<String>,
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
    Ok((tag, Json(shown(newest, &versions)?)))
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
    Ok(Json(shown(found.ok_or_else(|| Problem::not_found("policy"))?, &versions)?))
}

fn shown(document: &PolicyDocument, versions: &[PolicyDocument]) -> Result<PolicyVersion, Problem> {
    let policy = version_of(document)?.policy;
    let before = versions.iter().find(|known| known.version + 1 == document.version);
    let before = before.map(version_of).transpose()?;
    let changes = differences(before.as_ref().map(|before| &before.policy), &policy);
    let author = |document: &PolicyDocument| document.author.as_ref().map(ToString::to_string);
    let in_list = |known: &PolicyDocument| VersionInList {
        version: known.version,
        effective_on: Date(known.effective_on),
        author: author(known),
    };
    Ok(PolicyVersion {
        class: document.class.to_string(),
        version: document.version,
        effective_on: Date(document.effective_on),
        author: author(document),
        policy: to_json(&policy),
        changes: changes.into_iter().map(Change::from).collect(),
        versions: versions.iter().map(in_list).collect(),
    })
}

/// From when a new version is in force.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromWhen {
    /// From that day on; from today, if not said.
    #[param(value_type = Option<String>, example = "2026-03-02")]
    effective_on: Option<Date>,
}

/// Arms a new version of a class's policy (POL-1). The body is the policy document, YAML or JSON.
///
/// All clients of the class are evaluated under it within a minute of its being in force.
///
/// `If-Match` names the newest version, which this one replaces; a class without a policy needs none.
#[utoipa::path(put, path = "/firm/v1/policies/{class}", tag = "policies", operation_id = "arm_policy",
    params(OfClass, FromWhen, ("If-Match" = Option<String>, Header, description = "The version looked at")),
    request_body(content((serde_json::Value = "application/json"), (String = "application/yaml")),
        description = "A policy document (contracts §2)"),
    responses((status = 201, body = PolicyVersion), (status = 200, body = PolicyVersion)))]
pub(crate) async fn put(
    desk: Desk,
    Ids(OfClass { class }): Ids<OfClass>,
    Params(FromWhen { effective_on }): Params<FromWhen>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    desk.require(&[Role::Admin])?;
    let policy = read_text(document(&headers, &body)?)?;
    let today = desk.day();
    let effective_on = effective_on.map_or(today, |date| date.0);
    if effective_on < today {
        let detail = "a policy is not changed for days that are past";
        return Err(Problem::invalid("effective_on", detail));
    }
    let mut versions = desk.store().policies(&class).await?;
    let newest = versions.first();
    require_match(&headers, newest.map(|newest| newest.version.into()))?;
    if newest.is_none() {
        room_for_another(&desk).await?;
    }
    let when = (newest, effective_on);
    let armed = arm(&desk.firm, &class, &policy, when, &desk.caller, desk.now).await;
    let armed = armed.map_err(|error| match error {
        ArmError::Policy(error) => Problem::from(error),
        ArmError::Text(unknown) => {
            let detail = unknown.to_string();
            Problem { rule: Some("LET-3"), ..Problem::invalid(unknown.field, detail) }
        }
        ArmError::Store(error) => Problem::from(error),
    })?;
    let (status, document) = match armed {
        Armed::New(document) => (StatusCode::CREATED, document),
        Armed::Same(document) => (StatusCode::OK, document),
        Armed::Stale => {
            let detail = "it was changed meanwhile; read it again";
            return Err(Problem::new(ProblemKind::PreconditionFailed, detail).of("If-Match"));
        }
    };
    if status == StatusCode::CREATED {
        versions.insert(0, document.clone());
    }
    let tag = [(ETAG, etag(document.version.into()))];
    Ok((status, tag, Json(shown(&document, &versions)?)))
}

fn document<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<&'b str, Problem> {
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

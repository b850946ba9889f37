//! From a request to the one who makes it: token, person, firm, grant.
//!
//! The firm that a request names picks one of its caller's own grants and gives nothing by itself
//! (SEC-1): a firm that doesn't exist and one where the caller has no grant get the same answer. Who has a
//! grant in one firm only need not name it.

use chrono::{DateTime, Utc};
use domain::id::{FirmId, StaffId};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

use crate::grant::{Grant, Grants, GrantsError};
use crate::token::{Person, TokenError, Verifier};
use domain::role::Role;

/// The header by which a request says which of its caller's firms it means.
pub const FIRM_HEADER: &str = "x-portcullis-firm";

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Nobody is proved.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Which of several firms is not said.
    #[error("the header X-Portcullis-Firm is missing, expected the id of one of your {0} firms")]
    NoFirm(usize),
    /// No grant anywhere.
    #[error("you have no access to any firm")]
    NoGrants,
    /// Not said in a way that can be read.
    #[error("the header X-Portcullis-Firm is not the id of a firm")]
    FirmUnreadable,
    /// No grant there.
    #[error("you have no access to the firm {0}")]
    NoGrant(FirmId),
    /// A grant, but not for this.
    #[error("this needs the role {}", role_names(.0))]
    NoRole(Vec<Role>),
    /// The table is out of reach.
    #[error(transparent)]
    Grants(#[from] GrantsError),
}

impl AccessError {
    /// What an HTTP caller is told.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Token(TokenError::Keys(_)) | Self::Grants(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::NoFirm(_) | Self::FirmUnreadable => StatusCode::BAD_REQUEST,
            Self::NoGrants | Self::NoGrant(_) | Self::NoRole(_) => StatusCode::FORBIDDEN,
        }
    }
}

fn role_names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ")
}

/// A person at a firm, with what they may do there at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who the token proves.
    pub person: Person,
    /// What the table gives them.
    pub grant: Grant,
}

impl Principal {
    /// The firm that everything in this request is bound to.
    pub fn firm(&self) -> &FirmId {
        &self.grant.firm
    }

    /// The name in the audit.
    pub fn staff(&self) -> &StaffId {
        &self.grant.staff
    }

    /// Goes on only with one of these roles.
    ///
    /// # Errors
    /// [`AccessError::NoRole`], naming them.
    pub fn require(&self, wanted: &[Role]) -> Result<(), AccessError> {
        if self.grant.has(wanted) {
            return Ok(());
        }
        Err(AccessError::NoRole(wanted.to_vec()))
    }
}

/// Who makes this request, and in which firm.
///
/// # Errors
/// When the token proves nobody, or the person has no grant in the firm that the request names; without a
/// name, when the person has grants in none or in several.
pub async fn authorize(
    verifier: &Verifier,
    grants: &dyn Grants,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<Principal, AccessError> {
    let person = verifier.verify(bearer(headers)?, now).await?;
    let firm = match firm(headers)? {
        Some(firm) => firm,
        None => only_firm(grants.firms(&person.subject).await?)?,
    };
    let grant = grants.find(&person.subject, &firm).await?;
    // Whatever the table answers, only a grant of this person in this firm counts.
    let grant = grant.filter(|grant| grant.firm == firm && grant.subject == person.subject);
    match grant {
        Some(grant) => Ok(Principal { person, grant }),
        None => Err(AccessError::NoGrant(firm)),
    }
}

/// The bearer token of a request.
///
/// # Errors
/// When there is none, or more than one.
pub fn bearer(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(TokenError::Missing);
    };
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(TokenError::Missing)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(TokenError::Missing);
    }
    Ok(token)
}

/// The firm that nobody needs to name. It still takes the grant there to be let in.
fn only_firm(mut firms: Vec<FirmId>) -> Result<FirmId, AccessError> {
    match (firms.pop(), firms.len()) {
        (None, _) => Err(AccessError::NoGrants),
        (Some(firm), 0) => Ok(firm),
        (Some(_), others) => Err(AccessError::NoFirm(others + 1)),
    }
}

fn firm(headers: &HeaderMap) -> Result<Option<FirmId>, AccessError> {
    let mut values = headers.get_all(FIRM_HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AccessError::FirmUnreadable);
    }
    let text = value.to_str().map_err(|_| AccessError::FirmUnreadable)?;
    text.parse().map(Some).map_err(|_| AccessError::FirmUnreadable)
}

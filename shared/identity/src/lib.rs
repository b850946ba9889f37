//! Who is asking, and what they may do (SEC-1, SEC-2, STAFF-1).
//!
//! A token proves the person and nothing else. The firm and the roles come from the grant item,
//! which is read on each request, so that taking a grant away acts at once; a request only picks
//! which of its caller's own grants it means. Links and sessions are random tokens that are stored
//! hashed ([`opaque`]); those of contacts, and their passwords, are in [`contact`].

pub mod access;
pub mod contact;
pub mod grant;
pub mod keys;
pub mod opaque;
pub mod token;

pub use access::{AccessError, FIRM_HEADER, Principal, authorize};
pub use domain::role::Role;
pub use grant::{Grant, Grants, GrantsError, Subject};
pub use keys::{HttpKeys, KeySource, KeysError};
pub use opaque::{OpaqueToken, TokenHash};
pub use token::{Expected, Person, TokenError, Verifier};

//! What a page's address says: its ids, its query.
//!
//! An address that can't be read is answered by a page like any other, with a way back; the framework's own
//! extractors would answer with a line of text for programmers.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use services::http::{Ids, Params};

use crate::page::Failure;

/// The ids in a page's path.
#[derive(Debug, Clone)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Ids(ids) = Ids::from_request_parts(parts, state).await?;
        Ok(Self(ids))
    }
}

/// A page's query.
#[derive(Debug, Clone)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Params(query) = Params::from_request_parts(parts, state).await?;
        Ok(Self(query))
    }
}

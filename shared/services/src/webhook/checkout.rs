//! Pages to pay on, asked for at a firm's own gateway account.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use gateways::{
    CheckoutError, ConfigError, EndedCheckout, IdempotencyKey, NewCheckout, ObjectId, OpenCheckout,
};
use store::StoreError;

use super::{EndpointError, Webhooks};

/// Why there is no page to pay on.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The endpoint is gone.
    #[error("the firm's gateway is not set up")]
    NoEndpoint,
    /// Its secrets can't be used.
    #[error("the firm's gateway can't be used as it is set up")]
    Endpoint(#[source] EndpointError),
    /// Nor its account.
    #[error("the firm's gateway can't be asked as it is configured")]
    Config(#[from] ConfigError),
    /// The gateway.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<EndpointError> for PageError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Store(error) => Self::Store(error),
            error => Self::Endpoint(error),
        }
    }
}

impl PageError {
    /// Whether asking again may succeed.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Checkout(error) => error.is_temporary(),
            Self::Store(error) => error.is_passing(),
            Self::NoEndpoint | Self::Endpoint(_) | Self::Config(_) => false,
        }
    }
}

impl Webhooks {
    /// Makes a page to pay on, at the account behind that endpoint; once for each key.
    ///
    /// # Errors
    /// [`PageError`].
    pub async fn open_page(
        &self,
        endpoint: &str,
        new: &NewCheckout,
        key: &IdempotencyKey,
        now: DateTime<Utc>,
    ) -> Result<OpenCheckout, PageError> {
        let opened = self.endpoints.get(endpoint, now).await?;
        let opened =
            opened.filter(|opened| opened.firm == new.firm && opened.endpoint.closed_at.is_none());
        let opened = opened.ok_or(PageError::NoEndpoint)?;
        Ok(self.access.connect(&opened)?.create_checkout(new, key).await?)
    }

    /// Ends a page, so that nobody pays on it any more.
    ///
    /// # Errors
    /// [`PageError`]; the page may be open still.
    pub async fn end_page(
        &self,
        endpoint: &str,
        page: &ObjectId,
        key: &IdempotencyKey,
        now: DateTime<Utc>,
    ) -> Result<EndedCheckout, PageError> {
        let opened = self.endpoints.get(endpoint, now).await?.ok_or(PageError::NoEndpoint)?;
        Ok(self.access.connect(&opened)?.expire_checkout(page, key).await?)
    }
}

/// The key of what is asked of the gateway for one page.
pub(crate) fn key(what: &str, id: impl Display) -> Option<IdempotencyKey> {
    format!("{what}/{id}").parse().ok()
}

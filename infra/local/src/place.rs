//! Which table a command works on: that of a data folder on this machine, or one behind an endpoint.

use std::path::PathBuf;

use clap::Args;
use store::Dynamo;

use crate::embedded::{Embedded, EmbeddedError, TABLE, client};

/// Where `portcullis up` keeps its data, unless told otherwise.
pub const DATA: &str = "data";

/// Which table.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The folder of a system on this machine; beside a running `portcullis up`, its table is used.
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// A DynamoDB endpoint, in place of the folder.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub endpoint: Option<String>,
    /// The name of the table behind the endpoint.
    #[arg(long, value_name = "NAME", default_value = TABLE)]
    pub table: String,
}

/// An open table.
#[derive(Debug)]
pub enum Opened {
    /// Of a data folder.
    Embedded(Embedded),
    /// Behind an endpoint.
    Remote(Dynamo),
}

impl Place {
    /// Opens it.
    ///
    /// # Errors
    /// [`EmbeddedError`].
    pub async fn open(&self) -> Result<Opened, EmbeddedError> {
        match &self.endpoint {
            Some(url) => Ok(Opened::Remote(client(url, &self.table)?)),
            None => Ok(Opened::Embedded(Embedded::open(&self.data).await?)),
        }
    }
}

impl Opened {
    /// The table.
    pub fn dynamo(&self) -> &Dynamo {
        match self {
            Self::Embedded(embedded) => embedded.dynamo(),
            Self::Remote(dynamo) => dynamo,
        }
    }

    /// Ends with it.
    pub async fn close(self) {
        match self {
            Self::Embedded(embedded) => embedded.close().await,
            Self::Remote(_) => {}
        }
    }
}

//! Which table a command works on: that of a data folder on this machine, a deployment's on AWS, or one behind
//! an endpoint.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use platform::aws::Aws;
use platform::config::{AwsSettings, Environment};
use store::Dynamo;

use crate::embedded::{Embedded, TABLE, client};

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
    /// A deployment's table on AWS, in place of the folder: region and credentials come from the environment
    /// (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, …).
    #[arg(long, conflicts_with_all = ["data", "endpoint"])]
    pub aws: bool,
    /// The name of the table on AWS or behind the endpoint.
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
    /// When there is none, or the environment lacks what AWS needs.
    pub async fn open(&self) -> Result<Opened> {
        Ok(match &self.endpoint {
            Some(url) => Opened::Remote(client(url, &self.table)?),
            None if self.aws => Opened::Remote(Dynamo::new(aws()?.dynamodb(), &*self.table)),
            None => Opened::Embedded(Embedded::open(&self.data).await?),
        })
    }
}

/// AWS, as the environment says.
///
/// # Errors
/// When the environment lacks what that needs.
pub fn aws() -> Result<Aws> {
    let settings = AwsSettings::read(&Environment::of_process())
        .context("AWS needs a region and credentials in the environment")?;
    Ok(Aws::new(&settings)?)
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

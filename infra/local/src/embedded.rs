//! The table on this machine: DynamoDB's protocol over SQLite, in this process.
//!
//! One process owns a data folder, by a lock on a file in it, and serves the table on loopback for its
//! own SDK clients. Another one that is given the same folder talks to that server: so `portcullis
//! import` works beside a running `portcullis up`, and two processes never open one database.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use dynoxide::Database;
use platform::aws::{Aws, AwsError};
use platform::config::{AwsSettings, Secret};
use store::{Dynamo, StoreError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The name of the table, where nobody says another.
pub const TABLE: &str = "portcullis";

/// Held by the process that owns the folder.
const LOCK: &str = "lock";

/// Where that process serves the table.
const ADDRESS: &str = "table.url";

/// The database.
const DATABASE: &str = "table.db";

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The folder, or a file in it.
    #[error("can't use {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process owns the folder and doesn't say where it serves the table.
    #[error("{} is in use by another process, which does not serve its table yet", .0.display())]
    InUse(PathBuf),
    /// The database.
    #[error("can't open the database {}: {reason}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The client of the table.
    #[error("can't make a client of the table")]
    Client(#[from] AwsError),
    /// The table itself.
    #[error("can't make the table")]
    Table(#[from] StoreError),
}

/// A data folder's table: served by this process, or by the one that owns the folder.
pub struct Embedded {
    url: String,
    dynamo: Dynamo,
    owned: Option<Owned>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What the owner of the folder holds.
struct Owned {
    database: Database,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<Result<(), String>>,
    address: PathBuf,
    /// Held as long as the folder is this process's.
    _lock: Option<File>,
}

impl Embedded {
    /// Opens the folder's table, made if it isn't there.
    ///
    /// # Errors
    /// [`EmbeddedError`].
    pub async fn open(data: &Path) -> Result<Self, EmbeddedError> {
        let folder = |path: &Path, source| EmbeddedError::Folder { path: path.to_owned(), source };
        fs::create_dir_all(data).map_err(|error| folder(data, error))?;
        let path = data.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| folder(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Self::own(data, lock).await,
            Err(TryLockError::WouldBlock) => Self::join(data).await,
            Err(TryLockError::Error(error)) => Err(folder(&path, error)),
        }
    }

    /// A table for the length of a test or a rehearsal, in memory.
    ///
    /// # Errors
    /// [`EmbeddedError`].
    pub async fn in_memory() -> Result<Self, EmbeddedError> {
        let path = PathBuf::from(":memory:");
        let reason = |error: &dyn fmt::Display| EmbeddedError::Database {
            path: path.clone(),
            reason: error.to_string(),
        };
        let database = Database::memory().map_err(|error| reason(&error))?;
        Self::serve(database, None, PathBuf::new()).await
    }

    async fn own(data: &Path, lock: File) -> Result<Self, EmbeddedError> {
        let path = data.join(DATABASE);
        let reason = |reason: String| EmbeddedError::Database { path: path.clone(), reason };
        let name = path.to_str().ok_or_else(|| reason("its path is not UTF-8".to_owned()))?;
        let database = Database::new(name).map_err(|error| reason(error.to_string()))?;
        Self::serve(database, Some(lock), data.join(ADDRESS)).await
    }

    async fn serve(
        database: Database,
        lock: Option<File>,
        address: PathBuf,
    ) -> Result<Self, EmbeddedError> {
        let folder = |source| EmbeddedError::Folder { path: address.clone(), source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(folder)?;
        let url = format!("http://{}", listener.local_addr().map_err(folder)?);
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(dynoxide::server::serve_with_shutdown(
            listener,
            database.clone(),
            async {
                stopped.await.unwrap_or_default();
            },
        ));
        let dynamo = client(&url, TABLE)?;
        dynamo.create_table().await?;
        if !address.as_os_str().is_empty() {
            fs::write(&address, &url).map_err(folder)?;
        }
        let owned = Owned { database, stop: Some(stop), server, address, _lock: lock };
        Ok(Self { url, dynamo, owned: Some(owned) })
    }

    async fn join(data: &Path) -> Result<Self, EmbeddedError> {
        let url = fs::read_to_string(data.join(ADDRESS));
        let url = url.map_err(|_| EmbeddedError::InUse(data.to_owned()))?;
        let dynamo = client(&url, TABLE)?;
        Ok(Self { url, dynamo, owned: None })
    }

    /// The table.
    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }

    /// Where it is served.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether this process owns the folder.
    pub fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Deletes what has expired; the embedded table doesn't do so by itself.
    pub fn sweep_expired(&self) {
        let Some(owned) = &self.owned else { return };
        if let Err(error) = owned.database.sweep_ttl() {
            tracing::warn!(%error, "Left expired items in the table");
        }
    }

    /// Stops serving, after what is under way.
    pub async fn close(mut self) {
        let Some(mut owned) = self.owned.take() else { return };
        // Nobody may be sent here any more; a file that can't go names an address that nobody serves.
        let _gone = fs::remove_file(&owned.address);
        drop(owned.stop.take());
        if let Ok(Err(error)) = owned.server.await {
            tracing::warn!(%error, "The table's server ended badly");
        }
    }
}

/// A client of a table that speaks DynamoDB at that address, without credentials that matter.
///
/// # Errors
/// [`EmbeddedError::Client`].
pub fn client(url: &str, table: &str) -> Result<Dynamo, EmbeddedError> {
    let aws = Aws::new(&AwsSettings {
        region: "us-east-1".to_owned(),
        endpoint_url: Some(url.to_owned()),
        access_key_id: "local".to_owned(),
        secret_access_key: Secret::new("local"),
        session_token: None,
    })?;
    Ok(Dynamo::new(aws.dynamodb(), table))
}

#[cfg(test)]
mod tests {
    use domain::id::FirmId;
    use store::Store;

    use super::*;

    fn firm() -> FirmId {
        "f-1".parse().unwrap()
    }

    #[tokio::test]
    async fn a_second_process_talks_to_the_first_ones_table() {
        let folder = tempfile::tempdir().unwrap();
        let first = Embedded::open(folder.path()).await.unwrap();
        let second = Embedded::open(folder.path()).await.unwrap();
        assert!(first.is_owner() && !second.is_owner());
        assert_eq!(first.url(), second.url());
        let store = Store::new(second.dynamo().clone(), firm());
        assert!(store.load_firm().await.unwrap().is_none(), "the table answers");
        first.close().await;
    }

    #[tokio::test]
    async fn a_folder_that_nobody_owns_any_more_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        Embedded::open(folder.path()).await.unwrap().close().await;
        let again = Embedded::open(folder.path()).await.unwrap();
        assert!(again.is_owner());
        let store = Store::new(again.dynamo().clone(), firm());
        assert!(store.load_firm().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_folder_that_can_not_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Embedded::open(&file.join("data")).await.unwrap_err().to_string();
        assert!(error.contains("file/data"), "{error}");
    }
}

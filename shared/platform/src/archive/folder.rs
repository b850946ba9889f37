//! The archive in a folder, for one machine and for a copy of a bucket.
//!
//! A file is written under another name and then linked to its own, which succeeds once: whoever is killed on
//! the way leaves no half of an object.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::{Archive, ArchiveError};

/// How the names of files begin that are no objects yet.
const UNFINISHED: &str = ".unfinished-";

/// A folder, made with the first object. Its files are small and on this machine's disk: reading them holds
/// nobody up.
#[derive(Debug, Clone)]
pub struct FolderArchive(PathBuf);

impl FolderArchive {
    /// The folder at that path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let path = self.0.join(key);
        if path.exists() {
            return Ok(false);
        }
        let folder = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder)?;
        let unfinished = folder.join(unfinished());
        let mut file = File::create(&unfinished)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| fs::hard_link(&unfinished, &path));
        fs::remove_file(&unfinished)?;
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The names in a folder, and whether each is a folder itself; none where there is no folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<(String, bool)>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with(UNFINISHED) {
                names.push((name, entry.file_type()?.is_dir()));
            }
        }
        Ok(names)
    }

    fn keys(&self, prefix: &str, keys: &mut Vec<String>) -> io::Result<()> {
        for (name, is_folder) in self.names(&self.0.join(prefix))? {
            match is_folder {
                true => self.keys(&format!("{prefix}{name}/"), keys)?,
                false => keys.push(format!("{prefix}{name}")),
            }
        }
        Ok(())
    }
}

/// A name that nobody else in this folder has.
fn unfinished() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{UNFINISHED}{}-{count}", std::process::id())
}

#[async_trait]
impl Archive for FolderArchive {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<bool, ArchiveError> {
        self.write(key, &bytes).map_err(|error| failed("write", key, error))
    }

    async fn has(&self, key: &str) -> Result<bool, ArchiveError> {
        self.0.join(key).try_exists().map_err(|error| failed("read", key, error))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        match fs::read(self.0.join(key)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", key, error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ArchiveError> {
        let mut keys = Vec::new();
        self.keys(prefix, &mut keys).map_err(|error| failed("list", prefix, error))?;
        keys.sort();
        Ok(keys)
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, ArchiveError> {
        let names = self.names(&self.0.join(prefix)).map_err(|e| failed("list", prefix, e))?;
        let mut folders: Vec<_> =
            names.into_iter().filter_map(|(name, is_folder)| is_folder.then_some(name)).collect();
        folders.sort();
        Ok(folders)
    }
}

fn failed(act: &'static str, key: &str, error: io::Error) -> ArchiveError {
    ArchiveError { act, key: key.to_owned(), cause: Box::new(error) }
}

//! Beginning with an empty data folder (`up --reset`).
//!
//! Only what the system itself keeps there is deleted, by name: whoever names a folder of their own by
//! mistake loses nothing. A folder that another process works on is left alone. The reset is announced in
//! the folder before anything is gone, and finished at the next start should this one be killed, so that
//! no half of an old system is ever opened.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::command::clock::MAILBOX;
use crate::files::{DRAFT, sync_folder};
use crate::mailbox::ABOUT;
use crate::public_url;

/// Announces a reset.
const RESETTING: &str = "resetting";

/// Held by the process that owns the folder; it stays, as the next owner waits for it.
const LOCK: &str = "lock";

/// The files of a data folder, those first without which the rest means nothing.
const FILES: [&str; 10] = [
    "demo.json",
    "sandbox-stripe.json",
    "sandbox-stripe.url",
    public_url::FILE,
    "table.url",
    "table.db-wal",
    "table.db-shm",
    "table.db",
    "seal.key",
    "issuer-key.pk8",
];

/// The one without which a folder is none of ours.
const TABLE: &str = "table.db";

/// Its folders, and how the names of what we keep in each end.
const FOLDERS: [(&str, &[&str]); 2] =
    [(MAILBOX, &["eml", ABOUT, DRAFT]), ("dead-letters", &["json", "replay"])];

/// Why the folder was not emptied.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// Another process runs on it.
    #[error("{} is in use by another portcullis: stop that one first", .0.display())]
    InUse(PathBuf),
    /// Somebody else's folder.
    #[error("{} holds {found:?} and no table of ours: it is no data folder, so nothing was deleted", folder.display())]
    NotOurs {
        /// Which.
        folder: PathBuf,
        /// What is in it.
        found: String,
    },
    /// A file of it.
    #[error("can't empty {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Deletes what the system keeps in the folder. A folder that isn't there is empty already.
///
/// # Errors
/// [`ResetError`]; nothing was deleted unless it is [`ResetError::Io`].
pub fn reset(data: &Path) -> Result<(), ResetError> {
    if !data.exists() {
        return Ok(());
    }
    let _lock = lock(data)?;
    check_is_ours(data)?;
    let mark = data.join(RESETTING);
    fs::write(&mark, "").and_then(|()| sync_folder(&mark)).map_err(at(&mark))?;
    empty(data)
}

/// Ends a reset that was killed on its way.
///
/// # Errors
/// [`ResetError`].
pub fn finish(data: &Path) -> Result<(), ResetError> {
    if !data.join(RESETTING).exists() {
        return Ok(());
    }
    let _lock = lock(data)?;
    empty(data)
}

/// Held until the file is dropped.
fn lock(data: &Path) -> Result<File, ResetError> {
    let path = data.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ResetError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(ResetError::Io { path, source }),
    }
}

/// With a table it is; without one, it must be as good as empty.
fn check_is_ours(data: &Path) -> Result<(), ResetError> {
    if data.join(TABLE).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(data).map_err(at(data))? {
        let found = entry.map_err(at(data))?.file_name().to_string_lossy().into_owned();
        let is_folder = FOLDERS.iter().any(|(folder, _)| found == *folder);
        let is_ours = is_folder || found == LOCK || FILES.contains(&found.as_str());
        if !is_ours {
            return Err(ResetError::NotOurs { folder: data.to_owned(), found });
        }
    }
    Ok(())
}

fn empty(data: &Path) -> Result<(), ResetError> {
    for name in FILES {
        remove(&data.join(name))?;
        remove(&data.join(format!("{name}.{DRAFT}")))?;
    }
    for (folder, ends) in FOLDERS {
        let folder = data.join(folder);
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(at(&folder))? {
            let path = entry.map_err(at(&folder))?.path();
            if path.extension().is_some_and(|end| ends.iter().any(|ours| end == *ours)) {
                remove(&path)?;
            }
        }
    }
    sync_folder(&data.join(RESETTING)).map_err(at(data))?;
    remove(&data.join(RESETTING))
}

fn remove(path: &Path) -> Result<(), ResetError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> ResetError {
    move |source| ResetError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A data folder with a stranger's files in it.
    fn folder() -> TempDir {
        let folder = TempDir::new().unwrap();
        let data = folder.path();
        fs::create_dir(data.join(MAILBOX)).unwrap();
        for name in FILES {
            fs::write(data.join(name), "x").unwrap();
        }
        for name in [
            "seal.key.part",
            "notes.txt",
            "mailbox/1-20260701T133000Z.eml",
            "mailbox/1-20260701T133000Z.about",
            "mailbox/kept.txt",
        ] {
            fs::write(data.join(name), "x").unwrap();
        }
        folder
    }

    fn names(data: &Path) -> Vec<String> {
        let names = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_reset_deletes_what_is_ours_and_nothing_else() {
        let folder = folder();
        reset(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["lock", "mailbox", "notes.txt"]);
        assert_eq!(names(&folder.path().join(MAILBOX)), ["kept.txt"]);
        fs::remove_file(folder.path().join("notes.txt")).unwrap();
        reset(folder.path()).unwrap(); // an empty one, and one that isn't there
        reset(&folder.path().join("missing")).unwrap();
    }

    #[test]
    fn a_folder_in_use_and_a_strangers_folder_are_left_alone() {
        let folder = folder();
        let before = {
            let _owner = lock(folder.path()).unwrap();
            let error = reset(folder.path()).unwrap_err();
            assert!(error.to_string().contains("stop that one first"), "{error}");
            names(folder.path())
        };
        assert!(before.contains(&TABLE.to_owned()));
        fs::remove_file(folder.path().join(TABLE)).unwrap();
        let error = reset(folder.path()).unwrap_err();
        assert!(matches!(error, ResetError::NotOurs { .. }), "{error}");
        assert_eq!(names(folder.path()).len(), before.len() - 1, "nothing else is gone");
    }

    #[test]
    fn a_reset_that_was_killed_is_finished_at_the_next_start() {
        let folder = folder();
        finish(folder.path()).unwrap();
        assert!(folder.path().join(TABLE).exists(), "nobody asked for a reset");
        fs::write(folder.path().join(RESETTING), "").unwrap();
        fs::remove_file(folder.path().join("demo.json")).unwrap();
        finish(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["lock", "mailbox", "notes.txt"]);
    }
}

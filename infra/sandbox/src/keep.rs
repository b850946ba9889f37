//! A book on disk: read once at the start, written after each change.
//!
//! Whatever a sandbox has answered is in its file, so that a process that is killed forgets no payment. How a
//! file is written so that half of it is never there is the caller's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a file whole or not at all.
pub type Write = fn(&Path, &[u8]) -> io::Result<()>;

/// Where a book is kept.
#[derive(Debug, Clone)]
pub struct Keep {
    path: PathBuf,
    write: Write,
}

/// Why there is no book.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The file is there, and can't be read.
    #[error("can't read the sandbox's book {0}")]
    Read(String, #[source] io::Error),
    /// What it holds is no book.
    #[error("{0} is not a book of this sandbox")]
    Content(String, #[source] serde_json::Error),
}

impl Keep {
    /// In that file.
    pub fn new(path: &Path, write: Write) -> Self {
        Self { path: path.to_owned(), write }
    }

    /// The book in the file; an empty one if there is no file.
    ///
    /// # Errors
    /// [`KeepError`].
    pub fn read<T: DeserializeOwned + Default>(&self) -> Result<T, KeepError> {
        let name = || self.path.display().to_string();
        match fs::read(&self.path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| KeepError::Content(name(), error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(KeepError::Read(name(), error)),
        }
    }

    /// Whoever writes holds the book, so that no older one is written over a newer.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, book: &impl Serialize) -> io::Result<()> {
        (self.write)(&self.path, &serde_json::to_vec(book)?)
    }
}

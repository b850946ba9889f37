//! The book on disk: read once at the start, written after each change.
//!
//! Whatever the sandbox has answered is in the file, so that a process that is killed forgets no payment.

use std::fs;
use std::io;
use std::path::Path;

use super::book::Book;
use crate::files::{Readers, replace};

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

/// The book in that file; an empty one if there is no file.
pub fn read(path: &Path) -> Result<Book, KeepError> {
    let name = || path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| KeepError::Content(name(), error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Book::default()),
        Err(error) => Err(KeepError::Read(name(), error)),
    }
}

/// Whoever writes holds the book, so that no older one is written over a newer.
pub fn write(path: &Path, book: &Book) -> io::Result<()> {
    replace(path, &serde_json::to_vec(book)?, Readers::All)
}

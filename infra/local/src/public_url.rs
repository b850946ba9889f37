//! Where people reach the system of a data folder, as it was started last.
//!
//! Letters hold it, also those that a command beside the system or after it writes.

use std::io;
use std::path::Path;

use crate::files::{Readers, replace};

/// Where it stands in the data folder.
pub const FILE: &str = "public.url";

/// Where a system answers that was never started.
const USUAL: &str = "http://localhost:8080";

/// Keeps it.
///
/// # Errors
/// When it can't be written.
pub fn keep(data: &Path, url: &str) -> io::Result<()> {
    replace(&data.join(FILE), url.as_bytes(), Readers::All)
}

/// What was kept last.
///
/// # Errors
/// When it can't be read.
pub fn kept(data: &Path) -> io::Result<String> {
    match std::fs::read_to_string(data.join(FILE)) {
        Ok(url) => Ok(url.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(USUAL.to_owned()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_start_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kept(folder.path()).unwrap(), USUAL);
        for url in ["http://localhost:8391", "http://localhost:80"] {
            keep(folder.path(), url).unwrap();
            assert_eq!(kept(folder.path()).unwrap(), url);
        }
    }
}

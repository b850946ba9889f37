//! Files of the data folder that outlive a crash: the old one whole, or the new one whole.
//!
//! Each is written beside its place, brought to the disk, and moved there. So whoever is killed or loses
//! its power on the way leaves no half of a key, and what was answered stays.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whoever may read the folder.
    All,
    /// This user alone, where the machine knows users.
    Owner,
}

/// The end of a draft's name.
pub const DRAFT: &str = "part";

/// Writes the file, whatever was there before.
///
/// # Errors
/// When it can't be written; what was there is then still there.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let draft = path.with_added_extension(DRAFT);
    // One that a crash left may have other readers.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path)
}

/// What was made, moved or removed in the file's folder stays so.
///
/// # Errors
/// When the disk says no.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Only a Unix opens a folder; elsewhere a rename is as lasting as it gets.
    #[cfg(unix)]
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_draft_of_a_crash_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.json");
        fs::write(folder.path().join("demo.json.part"), "half").unwrap();
        replace(&path, b"one", Readers::All).unwrap();
        replace(&path, b"two", Readers::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(names.len(), 1, "{names:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn where_nothing_can_be_written_what_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing").join("demo.json");
        assert!(replace(&missing, b"x", Readers::All).is_err());
    }
}

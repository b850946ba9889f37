//! Dead letters in the data folder: one file for each message that nobody could handle.
//!
//! They outlive a restart, and another process (`portcullis queue`) reads them here without asking the
//! running one. That somebody wants one replayed is an empty file beside it; both go when the message is
//! done with, and only the wish goes when it has died again. On AWS this is a dead-letter queue of SQS and
//! its redrive.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::files::{self, Readers, sync_folder};

/// Their folder in the data folder. A message's name begins with its queue's.
const FOLDER: &str = "dead-letters";

/// Ends the name of a dead letter's file.
const LETTER: &str = ".json";

/// Ends the name of a wish to replay it.
const ASKED: &str = ".replay";

/// Why dead letters can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The folder or a file in it.
    #[error("could not {act} {}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file that holds something else.
    #[error("{} is not a dead letter: {what} at line {line}; delete it if nobody needs it", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// In which way; none of its own words, which may be personal (SEC-5).
        what: &'static str,
        /// From 1.
        line: usize,
    },
}

/// A message that nobody could handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The queue's name for it.
    pub id: String,
    /// On whose behalf it was sent.
    pub group: Option<String>,
    /// What was sent; it may be anything, personal data as well.
    pub body: String,
    /// How often it was handed out.
    pub receive_count: u32,
    /// Since when it is one, if its queue has a clock.
    pub died_at: Option<DateTime<Utc>>,
}

/// The dead letters of one queue.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    folder: PathBuf,
    queue: String,
}

impl DeadLetters {
    /// Those of that queue in that data folder.
    ///
    /// # Errors
    /// When their folder can't be made.
    pub fn open(data: &Path, queue: &str) -> Result<Self, DeadLetterError> {
        let folder = data.join(FOLDER);
        fs::create_dir_all(&folder).map_err(failed("make the folder", &folder))?;
        Ok(Self { folder, queue: queue.to_owned() })
    }

    /// All of them, oldest first.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn list(&self) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let mut letters = Vec::new();
        for id in self.ending_with(LETTER)? {
            letters.extend(self.get(&id)?);
        }
        letters.sort_by_key(|letter| {
            let number = letter.id.rsplit('-').next().and_then(|number| number.parse::<u64>().ok());
            (number, letter.id.clone())
        });
        Ok(letters)
    }

    /// The ids of those that are to be replayed.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn asked(&self) -> Result<Vec<String>, DeadLetterError> {
        self.ending_with(ASKED)
    }

    /// Asks for a replay; once more changes nothing.
    ///
    /// # Errors
    /// When that can't be written.
    pub fn ask(&self, id: &str) -> Result<(), DeadLetterError> {
        let path = self.path(id, ASKED);
        let ask = || {
            File::options().create(true).truncate(true).write(true).open(&path)?.sync_all()?;
            sync_folder(&path)
        };
        ask().map_err(failed("write", &path))
    }

    /// Keeps a message that died; a wish to replay it is done with.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn save(&self, letter: &DeadLetter) -> Result<(), DeadLetterError> {
        let path = self.path(&letter.id, LETTER);
        let save = || {
            files::replace(&path, &serde_json::to_vec_pretty(letter)?, Readers::All)?;
            remove_if_there(&self.path(&letter.id, ASKED))?;
            sync_folder(&path)
        };
        save().map_err(failed("write", &path))
    }

    /// Forgets one that was replayed and is done with.
    ///
    /// # Errors
    /// When it can't be deleted.
    pub fn remove(&self, id: &str) -> Result<(), DeadLetterError> {
        let path = self.path(id, LETTER);
        let remove = || {
            // A crash in between leaves a wish without a letter, which is none.
            remove_if_there(&path)?;
            remove_if_there(&self.path(id, ASKED))?;
            sync_folder(&path)
        };
        remove().map_err(failed("delete", &path))
    }

    /// None when it is gone by now.
    fn get(&self, id: &str) -> Result<Option<DeadLetter>, DeadLetterError> {
        let path = self.path(id, LETTER);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let read: Result<DeadLetter, _> = serde_json::from_slice(&text);
        read.map(Some).map_err(|error| {
            let what = if error.is_data() { "a field is missing or wrong" } else { "no JSON" };
            DeadLetterError::Unreadable { path, what, line: error.line() }
        })
    }

    fn ending_with(&self, ending: &str) -> Result<Vec<String>, DeadLetterError> {
        let read = || -> io::Result<Vec<String>> {
            let mut ids = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                let name = entry?.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(ending));
                ids.extend(id.filter(|id| self.is_ours(id)).map(str::to_owned));
            }
            Ok(ids)
        };
        read().map_err(failed("read", &self.folder))
    }

    fn is_ours(&self, id: &str) -> bool {
        id.strip_prefix(&self.queue).is_some_and(|rest| rest.starts_with('-'))
    }

    fn path(&self, id: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{id}{ending}"))
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DeadLetterError {
    let path = path.to_owned();
    move |source| DeadLetterError::Io { act, path, source }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn letter(number: u32) -> DeadLetter {
        DeadLetter {
            id: format!("letters-{number}"),
            group: Some("demo".to_owned()),
            body: "\"poison\"".to_owned(),
            receive_count: 5,
            died_at: Some("2026-07-01T13:30:00Z".parse().unwrap()),
        }
    }

    #[test]
    fn letters_are_kept_in_order_until_they_are_done_with() {
        let data = TempDir::new().unwrap();
        let open = || DeadLetters::open(data.path(), "letters").unwrap();
        for number in [2, 10, 1] {
            open().save(&letter(number)).unwrap();
        }
        assert_eq!(open().list().unwrap(), [letter(1), letter(2), letter(10)]);
        assert_eq!(DeadLetters::open(data.path(), "evaluations").unwrap().list().unwrap(), []);
        open().remove("letters-2").unwrap();
        open().remove("letters-2").unwrap();
        assert_eq!(open().list().unwrap(), [letter(1), letter(10)]);
    }

    #[test]
    fn a_wish_to_replay_is_done_with_when_the_letter_dies_again_or_is_forgotten() {
        let data = TempDir::new().unwrap();
        let letters = DeadLetters::open(data.path(), "letters").unwrap();
        letters.save(&letter(1)).unwrap();
        for _ in 0..2 {
            letters.ask("letters-1").unwrap();
            assert_eq!(letters.asked().unwrap(), ["letters-1"]);
        }
        letters.save(&letter(1)).unwrap();
        assert!(letters.asked().unwrap().is_empty());
        letters.ask("letters-1").unwrap();
        letters.remove("letters-1").unwrap();
        assert!(letters.asked().unwrap().is_empty());
        assert_eq!(letters.list().unwrap(), []);
    }

    #[test]
    fn sec_5_a_file_that_is_none_is_named_and_not_quoted() {
        let data = TempDir::new().unwrap();
        let letters = DeadLetters::open(data.path(), "letters").unwrap();
        for (text, expected) in
            [("ann@acme.example", "no JSON"), (r#"{"ann@acme.example": 1}"#, "missing or wrong")]
        {
            fs::write(data.path().join("dead-letters/letters-1.json"), text).unwrap();
            let error = letters.list().unwrap_err().to_string();
            assert!(error.contains("letters-1.json") && error.contains(expected), "{error}");
            assert!(!error.contains("ann@"), "{error}");
        }
    }
}

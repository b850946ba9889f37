//! The mail on one machine: a folder of `.eml` files, one for each message that would have left.
//!
//! Any mail program opens them. A file is written beside its place and then moved there, so that a
//! reader sees whole messages only; the names sort by the order of sending. Sending the same message
//! twice makes two files, as it would make two letters: that it doesn't happen is for others to prove. Beside
//! each stand the tags that it was sent with, for news of it that are made up here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mail_parser::{Address, MessageParser};
use platform::clock::Clock;
use platform::mail::{Found, MESSAGE_TAG, Mail, MailError, Message, SentId, message_tag};

/// Digits of a message's number in its name: as many messages as a development machine ever sends.
const NUMBER_DIGITS: usize = 8;

/// How a file of tags ends.
pub const ABOUT: &str = "about";

/// Why the mailbox can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// The folder or a file in it.
    #[error("could not {act} {path}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No such message.
    #[error("there is no message {0:?} in the mailbox")]
    NotFound(String),
    /// A file that is no message.
    #[error("{0:?} in the mailbox is not a message")]
    NoMessage(String),
}

/// A message, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Its name in the mailbox.
    pub id: String,
    /// Who wrote: the name, else the address.
    pub from: String,
    /// To which address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// When it left, by its own account.
    pub date: Option<DateTime<Utc>>,
    /// Our name for it.
    pub message_id: String,
}

/// A message, as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Opened {
    /// As in the list.
    #[serde(flatten)]
    pub summary: Summary,
    /// Where answers go.
    pub reply_to: String,
    /// The text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

/// A folder of messages.
#[derive(Clone)]
pub struct Mailbox {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<u64>>,
}

impl Mailbox {
    /// The mailbox in that folder, which is made if need be.
    ///
    /// # Errors
    /// When the folder can't be made or read.
    pub fn open(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, MailboxError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(io_error("make the folder", &folder))?;
        let mailbox = Self { folder, clock, last: Arc::default() };
        let last = mailbox.ids()?.iter().filter_map(|id| number(id)).max().unwrap_or(0);
        *mailbox.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(mailbox)
    }

    /// All messages, in the order of sending.
    ///
    /// # Errors
    /// When the folder or a file can't be read.
    pub fn list(&self) -> Result<Vec<Summary>, MailboxError> {
        self.ids()?.iter().map(|id| self.summary(id)).collect()
    }

    /// A message, for a list.
    ///
    /// # Errors
    /// When there is none of that id, or it can't be read.
    pub fn summary(&self, id: &str) -> Result<Summary, MailboxError> {
        summary(id, &self.raw(id)?)
    }

    /// A message, to be read.
    ///
    /// # Errors
    /// When there is none of that id, or it can't be read.
    pub fn read(&self, id: &str) -> Result<Opened, MailboxError> {
        let raw = self.raw(id)?;
        let message = parsed(id, &raw)?;
        let body = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or_default().into_owned();
        Ok(Opened {
            summary: summary(id, &raw)?,
            reply_to: address(message.reply_to()).1,
            text: body(message.body_text(0)),
            html: body(message.body_html(0)),
        })
    }

    /// A message, as it was sent.
    ///
    /// # Errors
    /// When there is none of that id, or it can't be read.
    pub fn raw(&self, id: &str) -> Result<Vec<u8>, MailboxError> {
        if number(id).is_none() {
            return Err(MailboxError::NotFound(id.to_owned())); // nor any path outside the folder
        }
        let path = self.path(id);
        fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => MailboxError::NotFound(id.to_owned()),
            _ => io_error("read", &path)(error),
        })
    }

    /// The tags that a message was sent with; none, if it wasn't said what it is about.
    ///
    /// # Errors
    /// When there is no such message, or its tags can't be read.
    pub fn tags(&self, id: &str) -> Result<BTreeMap<String, String>, MailboxError> {
        self.raw(id)?; // there is one of that id, and it is no path outside the folder
        let path = self.path(id).with_extension(ABOUT);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| io_error("read", &path)(io::Error::other(error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    fn keep_tags(&self, id: &str, tags: &BTreeMap<&str, String>) -> Result<(), MailboxError> {
        let path = self.path(id).with_extension(ABOUT);
        let text = serde_json::to_vec(tags).map_err(io::Error::other);
        text.and_then(|text| fs::write(&path, text)).map_err(io_error("write", &path))
    }

    /// Writes the file beside its place and links it there. Another process may deliver to the same
    /// folder: a number that it took meanwhile is left to it, and no letter is ever written over.
    fn deliver(&self, raw: &[u8]) -> Result<String, MailboxError> {
        let draft = self.draft();
        let write = || {
            let mut file = File::create_new(&draft)?;
            file.write_all(raw)?;
            file.sync_all()
        };
        write().map_err(io_error("write", &draft))?;
        let id = loop {
            let id = self.next_id();
            match fs::hard_link(&draft, self.path(&id)) {
                Ok(()) => break id,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_error("write", &self.path(&id))(error)),
            }
        };
        fs::remove_file(&draft).map_err(io_error("remove", &draft))?;
        let sync = || File::open(&self.folder)?.sync_all();
        sync().map_err(io_error("write", &self.folder))?;
        Ok(id)
    }

    /// A name for a letter that is being written: of this process and this letter alone.
    fn draft(&self) -> PathBuf {
        static DRAFTS: AtomicU64 = AtomicU64::new(0);
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{}-{number}.part", std::process::id()))
    }

    fn next_id(&self) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        let when = self.clock.now().format("%Y%m%dT%H%M%SZ");
        format!("{:0NUMBER_DIGITS$}-{when}", *last)
    }

    /// The names of all messages, in the order of sending.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn ids(&self) -> Result<Vec<String>, MailboxError> {
        let read = || -> io::Result<Vec<String>> {
            let mut ids = Vec::new();
            for entry in fs::read_dir(&self.folder)? {
                let name = entry?.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(".eml"));
                ids.extend(id.filter(|id| number(id).is_some()).map(str::to_owned));
            }
            Ok(ids)
        };
        let mut ids = read().map_err(io_error("read", &self.folder))?;
        ids.sort();
        Ok(ids)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.eml"))
    }
}

#[async_trait]
impl Mail for Mailbox {
    async fn send(&self, message: &Message) -> Result<SentId, MailError> {
        let (mailbox, raw, tags) = (self.clone(), message.raw_mime.clone(), tags(message));
        let deliver = move || -> Result<String, MailboxError> {
            let id = mailbox.deliver(&raw)?;
            if !tags.is_empty() {
                mailbox.keep_tags(&id, &tags)?;
            }
            Ok(id)
        };
        let delivered = tokio::task::spawn_blocking(deliver).await;
        match delivered {
            Ok(Ok(id)) => Ok(SentId(id)),
            Ok(Err(error)) => Err(MailError::Down(Box::new(error))),
            Err(error) => Err(MailError::Unanswered(Box::new(error))),
        }
    }

    async fn find(&self, message_id: &str) -> Found {
        let (mailbox, wanted) = (self.clone(), message_id.to_owned());
        let listed = tokio::task::spawn_blocking(move || mailbox.list()).await;
        let Ok(Ok(messages)) = listed else { return Found::Unknown };
        let found = messages.into_iter().find(|message| message.message_id == wanted);
        found.map_or(Found::NotTaken, |message| Found::Taken(SentId(message.id)))
    }
}

/// As SES would have them.
fn tags(message: &Message) -> BTreeMap<&'static str, String> {
    let Some(about) = &message.about else { return BTreeMap::new() };
    let of_message = (MESSAGE_TAG, message_tag(&message.message_id));
    let tags = about.tags().into_iter().chain([of_message]);
    tags.filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The number at the head of an id, if it is one of ours: digits, a dash, and an instant.
fn number(id: &str) -> Option<u64> {
    let (number, when) = id.split_once('-')?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_instant = when.len() == 16 && when.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (NUMBER_DIGITS <= number.len() && is_digits(number) && is_instant)
        .then(|| number.parse().ok())
        .flatten()
}

fn summary(id: &str, raw: &[u8]) -> Result<Summary, MailboxError> {
    let message = parsed(id, raw)?;
    let (name, from) = address(message.from());
    Ok(Summary {
        id: id.to_owned(),
        from: if name.is_empty() { from } else { name },
        to: address(message.to()).1,
        subject: message.subject().unwrap_or_default().to_owned(),
        date: message.date().and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0)),
        message_id: message.message_id().unwrap_or_default().to_owned(),
    })
}

fn parsed<'m>(id: &str, raw: &'m [u8]) -> Result<mail_parser::Message<'m>, MailboxError> {
    let message = MessageParser::default().parse(raw);
    message.ok_or_else(|| MailboxError::NoMessage(id.to_owned()))
}

/// The name and the address of the first one.
fn address(addresses: Option<&Address<'_>>) -> (String, String) {
    let first = addresses.and_then(Address::first);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(first.and_then(|a| a.name())), text(first.and_then(|a| a.address())))
}

fn io_error(act: &'static str, path: &Path) -> impl Fn(io::Error) -> MailboxError {
    let path = path.to_owned();
    move |source| MailboxError::Io { act, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use letters::{Envelope, LetterKind, compose, render, samples};
    use platform::clock::FixedClock;
    use platform::mail::{About, MailKind};
    use tempfile::TempDir;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-07-01T13:30:00Z".parse().unwrap()
    }

    fn mailbox(folder: &TempDir) -> Mailbox {
        Mailbox::open(folder.path().join("mail"), Arc::new(FixedClock::at(now()))).unwrap()
    }

    fn message(kind: LetterKind, id: &str) -> Message {
        let [facts, _] = samples(kind);
        let letter = render(&facts).unwrap();
        let envelope = Envelope {
            from_name: "Harbor & Pine CPAs".to_owned(),
            from_address: "billing@harborpine.example".to_owned(),
            to_address: "ann@acme.example".to_owned(),
            reply_address: "bea@harborpine.example".to_owned(),
            message_id: id.to_owned(),
            date: now(),
            unsubscribe_link: None,
        };
        let raw_mime = compose(kind, &letter, &envelope).unwrap();
        Message {
            from: envelope.from_address,
            to: envelope.to_address,
            reply_to: envelope.reply_address,
            subject: letter.subject,
            raw_mime,
            message_id: id.to_owned(),
            configuration: None,
            about: None,
        }
    }

    #[tokio::test]
    async fn two_processes_with_one_folder_write_over_no_letter() {
        let folder = TempDir::new().unwrap();
        let (first, second) = (mailbox(&folder), mailbox(&folder));
        for number in 0..5 {
            for mailbox in [&first, &second] {
                let sent =
                    message(LetterKind::Notice, &format!("acme.{number}@harborpine.example"));
                let SentId(id) = mailbox.send(&sent).await.unwrap();
                assert_eq!(mailbox.raw(&id).unwrap(), sent.raw_mime);
            }
        }
        assert_eq!(first.list().unwrap().len(), 10);
        let files = fs::read_dir(folder.path().join("mail")).unwrap().count();
        assert_eq!(files, 10, "no draft is left");
    }

    #[tokio::test]
    async fn a_letter_is_found_again_as_it_was_sent() {
        let folder = TempDir::new().unwrap();
        let mailbox = mailbox(&folder);
        assert_eq!(mailbox.list().unwrap(), []);
        let sent = message(LetterKind::DemandLetter, "acme.1@harborpine.example");
        let SentId(id) = mailbox.send(&sent).await.unwrap();
        assert_eq!(id, "00000001-20260701T133000Z");
        assert_eq!(mailbox.raw(&id).unwrap(), sent.raw_mime);
        let opened = mailbox.read(&id).unwrap();
        assert_eq!(mailbox.list().unwrap(), std::slice::from_ref(&opened.summary));
        assert_eq!(opened.summary.from, "Harbor & Pine CPAs");
        assert_eq!(opened.summary.to, "ann@acme.example");
        assert_eq!(opened.summary.subject, sent.subject);
        assert_eq!(opened.summary.date, Some(now()));
        assert_eq!(opened.summary.message_id, sent.message_id);
        assert_eq!(opened.reply_to, "bea@harborpine.example");
        assert!(opened.text.contains("You owe Harbor & Pine CPAs 1,200.50 USD"));
        assert!(opened.html.contains("<!doctype html>"));
        assert_eq!(mailbox.find("acme.1@harborpine.example").await, Found::Taken(SentId(id)));
        assert_eq!(mailbox.find("acme.2@harborpine.example").await, Found::NotTaken);
    }

    #[tokio::test]
    async fn let_6_the_tags_of_a_letter_stand_beside_it_for_news_of_it() {
        let folder = TempDir::new().unwrap();
        let mailbox = mailbox(&folder);
        let about = About {
            firm: "f-1".to_owned(),
            kind: MailKind::Letter,
            to: "acme".to_owned(),
            mail: "1".to_owned(),
        };
        let untold = message(LetterKind::Receipt, "acme.1@harborpine.example");
        let told = Message { about: Some(about.clone()), ..untold.clone() };
        let SentId(first) = mailbox.send(&untold).await.unwrap();
        let SentId(second) = mailbox.send(&told).await.unwrap();
        assert!(mailbox.tags(&first).unwrap().is_empty());
        let tags = mailbox.tags(&second).unwrap();
        assert_eq!(About::tagged(|name| tags.get(name).map(String::as_str)), Some(about));
        assert!(tags.contains_key(MESSAGE_TAG));
        assert_eq!(mailbox.list().unwrap().len(), 2, "tags are no letter");
        for id in ["../secret", "00000009-20260701T133000Z"] {
            assert!(matches!(mailbox.tags(id), Err(MailboxError::NotFound(_))), "{id}");
        }
    }

    #[tokio::test]
    async fn messages_stand_in_the_order_of_sending_also_after_a_restart() {
        let folder = TempDir::new().unwrap();
        let ids = ["a@x.example", "b@x.example", "c@x.example"];
        for (index, id) in ids.into_iter().enumerate() {
            let mailbox = mailbox(&folder); // opened again each time
            mailbox.send(&message(LetterKind::Receipt, id)).await.unwrap();
            assert_eq!(mailbox.list().unwrap().len(), index + 1);
        }
        let listed = mailbox(&folder).list().unwrap();
        assert_eq!(listed.iter().map(|m| m.message_id.as_str()).collect::<Vec<_>>(), ids);
    }

    #[tokio::test]
    async fn many_at_once_are_all_kept() {
        let folder = TempDir::new().unwrap();
        let mailbox = mailbox(&folder);
        let sent = message(LetterKind::Receipt, "same@x.example");
        let sends = (0..20).map(|_| {
            let (mailbox, sent) = (mailbox.clone(), sent.clone());
            tokio::spawn(async move { mailbox.send(&sent).await.unwrap() })
        });
        for send in sends.collect::<Vec<_>>() {
            send.await.unwrap();
        }
        assert_eq!(mailbox.list().unwrap().len(), 20);
    }

    #[test]
    fn nothing_outside_the_folder_can_be_read() {
        let folder = TempDir::new().unwrap();
        let mailbox = mailbox(&folder);
        fs::write(folder.path().join("secret.eml"), "x").unwrap();
        for id in [
            "../secret",
            "/etc/passwd",
            "",
            "00000001-../../secret000",
            "00000009-20260701T133000Z",
        ] {
            let error = mailbox.raw(id).unwrap_err();
            assert!(matches!(error, MailboxError::NotFound(_)), "for {id}: {error}");
        }
    }

    #[test]
    fn other_files_and_unfinished_ones_are_left_alone() {
        let folder = TempDir::new().unwrap();
        let mailbox = mailbox(&folder);
        for name in ["notes.txt", "x.eml", "00000001-20260701T133000Z.part"] {
            fs::write(folder.path().join("mail").join(name), "x").unwrap();
        }
        assert_eq!(mailbox.list().unwrap(), []);
    }

    #[tokio::test]
    async fn a_folder_that_can_not_be_written_to_is_mail_that_is_down() {
        let folder = TempDir::new().unwrap();
        let mailbox = mailbox(&folder);
        fs::remove_dir(folder.path().join("mail")).unwrap();
        let error = mailbox.send(&message(LetterKind::Receipt, "a@x.example")).await.unwrap_err();
        assert!(matches!(error, MailError::Down(_)), "{error:?}");
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = Mailbox::open(&file, Arc::new(FixedClock::at(now()))).err().unwrap();
        assert!(error.to_string().contains("could not make the folder"), "{error}");
    }
}

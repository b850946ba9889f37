//! A change of a contact: load, decide, commit, and again where somebody was faster.

use chrono::{DateTime, Utc};
use domain::id::ContactId;
use store::{
    CommitMeta, ContactChange, ContactCommit, ContactExtras, ContactMail, LoadedContact, Session,
};

use super::error::ContactError;
use super::session::is_live;
use crate::execute::{Caller, jitter};
use crate::firm::Firm;

/// How often a change is decided anew.
pub(super) const MAX_TRIES: u32 = 8;

/// What was decided.
#[derive(Debug)]
pub(super) struct Decided<T> {
    pub(super) changes: Vec<ContactChange>,
    pub(super) session: Option<Session>,
    /// The link that is used up.
    pub(super) link: Option<String>,
    pub(super) mail: Option<ContactMail>,
    pub(super) answer: T,
}

impl<T> Decided<T> {
    pub(super) fn of(changes: Vec<ContactChange>, answer: T) -> Self {
        Self { changes, session: None, link: None, mail: None, answer }
    }
}

/// Who changes what, in which words of the audit.
#[derive(Clone, Copy)]
pub(super) struct Act<'a> {
    pub(super) firm: &'a Firm,
    pub(super) caller: &'a Caller,
    pub(super) command: &'static str,
    pub(super) now: DateTime<Utc>,
}

impl Act<'_> {
    /// Changes a contact that is there.
    pub(super) async fn on<T>(
        &self,
        id: &ContactId,
        decide: impl Fn(&LoadedContact) -> Result<Decided<T>, ContactError>,
    ) -> Result<T, ContactError> {
        for tried in 0..MAX_TRIES {
            let loaded = self.firm.store().load_contact(id).await?;
            let loaded = loaded.ok_or_else(|| ContactError::NoContact(id.clone()))?;
            let decided = decide(&loaded)?;
            if self.commit(&loaded, &decided).await? {
                return Ok(decided.answer);
            }
            tokio::time::sleep(jitter(tried)?).await;
        }
        Err(ContactError::Busy)
    }

    /// `false`: somebody was faster.
    pub(super) async fn commit<T>(
        &self,
        loaded: &LoadedContact,
        decided: &Decided<T>,
    ) -> Result<bool, ContactError> {
        if decided.changes.is_empty() {
            return Ok(true);
        }
        let (firm, now) = (self.firm, self.now);
        let meta = CommitMeta {
            at: firm.now(now),
            day: firm.day(now),
            actor: self.caller.actor.clone(),
            command: self.command.to_owned(),
            policy: None,
            request_id: self.caller.request_id.clone(),
            rule: None,
        };
        let run_out = loaded.sessions.iter().filter(|session| !is_live(session, now));
        let extras = ContactExtras {
            session: decided.session.as_ref(),
            link: decided.link.as_deref(),
            mail: decided.mail.as_ref(),
            run_out: run_out.map(|session| session.id.clone()).collect(),
        };
        match firm.store().commit_contact(loaded, &decided.changes, &extras, &meta).await? {
            ContactCommit::Done => Ok(true),
            ContactCommit::Stale => Ok(false),
            ContactCommit::LinkUsed => Err(ContactError::LinkUnusable),
        }
    }
}

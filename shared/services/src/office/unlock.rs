//! Requests to unlock, by a name that stands for one of them (UNL-6).
//!
//! The name holds the client, the episode, who asked on which day and the request's number, so that an approval
//! can't meet another request than the one that the partner looked at: one of an ended episode is refused in the
//! same commit that would have lifted the lock. It is no secret: it opens nothing without a grant.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::account::{Account, UnlockRequest, UnlockWay};
use domain::calendar::Day;
use domain::command::Command;
use domain::id::{ClientId, ServiceLine, StaffId};
use domain::lock::Lock;
use domain::refusal::Refusal;
use domain::text::Personal;

/// One request to unlock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRef {
    /// Whose portal.
    pub client: ClientId,
    /// Which of its episodes.
    pub episode: u32,
    /// Who asked.
    pub by: StaffId,
    /// When.
    pub on: Day,
    /// Which of the episode's: one that was rejected is another than the next of that day.
    pub number: u32,
}

impl RequestRef {
    /// That of a request on a locked client.
    pub fn new(client: &ClientId, lock: &Lock, request: &UnlockRequest) -> Self {
        let (by, on, number) = (request.by.clone(), request.on, request.number);
        // That of the oldest lock which it was about, also when that one is lifted and others stand (LOCK-5).
        let episode = request.episode.unwrap_or(lock.episode);
        Self { client: client.clone(), episode, by, on, number }
    }

    /// The open request of an account, if there is one.
    pub fn of(account: &Account) -> Option<Self> {
        let (lock, request) = (account.lock()?, account.request.as_ref()?);
        Some(Self::new(&account.client, lock, request))
    }

    /// Its name.
    pub fn name(&self) -> String {
        // `#` is in no id and no day, so that the parts are told apart.
        let Self { client, episode, by, on, number } = self;
        let text = format!("{client}#{episode}#{by}#{on}#{number}");
        URL_SAFE_NO_PAD.encode(text)
    }

    /// The request of that name; `None`: it is no name of one.
    pub fn parse(name: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(name).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let mut parts = text.split('#');
        let found = Self {
            client: parts.next()?.parse().ok()?,
            episode: parts.next()?.parse().ok()?,
            by: parts.next()?.parse().ok()?,
            on: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        // One name for one request: no leading zeros, nothing after it.
        (parts.next().is_none() && found.name() == name).then_some(found)
    }

    /// The approval of this request, on the account as it is now, for those service lines of it or, without any,
    /// for all that it asks for; done before, it is the same one.
    ///
    /// # Errors
    /// For a request of an ended episode, and one that was rejected or expired.
    pub fn approve(
        &self,
        account: &Account,
        lines: &BTreeSet<ServiceLine>,
    ) -> Result<Command, Refusal> {
        let approval = || Command::ApproveUnlock { lines: lines.clone() };
        if !account.is_locked() && account.episodes == self.episode {
            return match account.last_unlock.as_ref().map(|unlocked| &unlocked.way) {
                Some(UnlockWay::Approved { .. }) => Ok(approval()),
                Some(
                    UnlockWay::Payment | UnlockWay::Exception { .. } | UnlockWay::Undone { .. },
                )
                | None => Err(Refusal::conflict("UNL-6", "the portal was unlocked in another way")),
            };
        }
        self.check(account)?;
        Ok(approval())
    }

    /// The rejection of this request.
    ///
    /// # Errors
    /// Those of [`Self::approve`].
    pub fn reject(&self, account: &Account, reason: &Personal) -> Result<Command, Refusal> {
        self.check(account)?;
        Ok(Command::RejectUnlock { reason: reason.clone() })
    }

    fn check(&self, account: &Account) -> Result<(), Refusal> {
        if Self::of(account).as_ref() == Some(self) {
            return Ok(());
        }
        if account.locks.values().all(|lock| lock.episode != self.episode) {
            return Err(Refusal::conflict(
                "UNL-6",
                "the lock that this request is about has ended",
            ));
        }
        Err(Refusal::conflict(
            "UNL-6",
            "this request no longer stands: it was rejected or it expired",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RequestRef {
        RequestRef {
            client: "Zoë/2026".parse().unwrap(),
            episode: 2,
            by: "bea".parse().unwrap(),
            on: "2026-03-08".parse().unwrap(),
            number: 7,
        }
    }

    #[test]
    fn unl_6_a_name_stands_for_one_request() {
        assert_eq!(RequestRef::parse(&request().name()), Some(request()));
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for name in [
            String::new(),
            "acme".to_owned(),
            encode("acme"),
            encode("acme#02#bea#2026-03-08#7"),
            encode("acme#2#bea#2026-03-08"),
            encode("acme#2#bea#2026-03-08#7#"),
            encode("acme#2#bea#2026-03-08#07"),
            encode("acme#2#bea#2026-02-30#7"),
            encode("acme##bea#2026-03-08"),
            format!("{}=", request().name()),
        ] {
            assert_eq!(RequestRef::parse(&name), None, "for {name}");
        }
    }
}

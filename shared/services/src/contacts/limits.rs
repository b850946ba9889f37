//! How often a stranger may try (SEC-4).
//!
//! By the account that is tried, be there one or not, and by the network that tries. A try is counted before
//! it is looked at, and one that succeeds is given back, so only failures run the bucket dry. Passwords and
//! links have buckets of their own: whose password somebody guesses at can still sign in by a link.

use chrono::{DateTime, TimeDelta, Utc};
use identity::contact::Origin;
use store::{Attempt, Rate, Tried};

use super::error::ContactError;
use crate::firm::Firm;

/// Passwords of one account: a person's bad morning at once, and a hundred guesses a day, as NIST SP 800-63B
/// lets at most.
const PASSWORD_OF_ACCOUNT: Rate = Rate { burst: 10, every: TimeDelta::minutes(15) };

/// Passwords from one network: an office behind one address at once, then one each minute.
const PASSWORD_OF_ORIGIN: Rate = Rate { burst: 30, every: TimeDelta::minutes(1) };

/// Links of one account: more than anybody needs who waits for a slow mail service, and too few to fill a
/// mailbox that isn't one's own.
const LINK_OF_ACCOUNT: Rate = Rate { burst: 5, every: TimeDelta::minutes(10) };

/// Links from one network.
const LINK_OF_ORIGIN: Rate = Rate { burst: 20, every: TimeDelta::minutes(2) };

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Password,
    Link,
}

impl Limit {
    /// By network and account; the network first, which one attacker has fewer of.
    fn attempts(self, firm: &Firm, origin: &Origin, account: &str) -> [Attempt; 2] {
        let [of_origin, of_account] = match self {
            Self::Password => [
                ("password of origin", PASSWORD_OF_ORIGIN),
                ("password of account", PASSWORD_OF_ACCOUNT),
            ],
            Self::Link => {
                [("link of origin", LINK_OF_ORIGIN), ("link of account", LINK_OF_ACCOUNT)]
            }
        };
        [
            Attempt::of(firm.id(), of_origin.0, origin.as_str(), of_origin.1),
            Attempt::of(firm.id(), of_account.0, account, of_account.1),
        ]
    }
}

/// Counts a try.
///
/// # Errors
/// [`ContactError::Limited`], if there were too many.
pub(super) async fn count(
    limit: Limit,
    firm: &Firm,
    origin: &Origin,
    account: &str,
    now: DateTime<Utc>,
) -> Result<(), ContactError> {
    for attempt in limit.attempts(firm, origin, account) {
        if let Tried::Wait(retry_after) = firm.store().count_attempt(&attempt, now).await? {
            return Err(ContactError::Limited { retry_after });
        }
    }
    Ok(())
}

/// Gives one back that succeeded. Should that fail, it only stays counted.
pub(super) async fn give_back(
    limit: Limit,
    firm: &Firm,
    origin: &Origin,
    account: &str,
    now: DateTime<Utc>,
) {
    for attempt in limit.attempts(firm, origin, account) {
        if let Err(error) = firm.store().give_back(&attempt, now).await {
            let problem = platform::log::chain(&error);
            tracing::warn!(firm.id = %firm.id(), "Could not give back a try: {problem}");
        }
    }
}

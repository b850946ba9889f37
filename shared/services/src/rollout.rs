//! A policy that was armed comes to the clients of its class at once (POL-1, contracts §3).
//!
//! What a newer policy asks for may be due today, so nobody waits for a day that the old one named. The
//! sweeper finds the entry that was written with the policy and puts one message on the queue of evaluations;
//! that goes through the firm's list page by page and hands on the clients of the class. The entry ends when
//! the last page was handed on: whatever dies on the way, it is found again when its lease runs out, and
//! evaluating twice writes nothing twice (EVAL-2).
//!
//! Nobody is locked or sent a demand on the way: who would be is due at once, and when all clients were looked at
//! a pass of the day's run counts them against the firm's caps, as on any morning (LOCK-10).

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::start_of;
use domain::id::{ClassId, ClientId};
use store::{MAX_PAGE, PageRequest, ROLLOUT_PASSES, Rollout, StoreError, Waiting};
use tracing::info;

use crate::day::{DayError, Days, Evaluation, MAX_CLIENTS, Ran, evaluate};
use crate::firm::{Firm, POLICIES_KEPT};

/// How long a rollout is the queue's: longer than a message of it is anybody's.
pub(crate) const LEASE: TimeDelta = TimeDelta::minutes(45);

/// When a test firm's rollout that isn't in force yet is looked at again: its clock is moved by hand, and
/// whoever moves it looks by himself.
const TEST_CLOCK_WAIT: TimeDelta = TimeDelta::hours(1);

/// Where a message about a class goes on.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) class: ClassId,
    pub(crate) version: u32,
    /// Which pass, and after whom; `None`: it begins.
    pub(crate) after: Option<(u32, String)>,
}

/// What is to be done about something that waits, if it is a rollout.
pub(crate) fn message(waiting: &Waiting) -> Option<Evaluation> {
    let Waiting::Rollout { firm, class, version } = waiting else { return None };
    let (firm, class) = (firm.clone(), class.clone());
    Some(Evaluation::Class { firm, class, version: *version, pass: None, cursor: None })
}

impl Days {
    /// Hands on the clients of a class, page by page; before the time limit, the rest of them.
    pub(crate) async fn roll_out(
        &self,
        firm: &Firm,
        place: Place,
        deadline: DateTime<Utc>,
    ) -> Result<(), DayError> {
        let now = self.clock.now();
        let Some(rollout) = firm.store().rollout(&place.class, place.version).await? else {
            return Ok(()); // it came to everybody
        };
        let today = firm.day(now);
        if today < rollout.effective_on {
            let in_force = start_of(rollout.effective_on, firm.settings().zone);
            let again = if firm.settings().is_test { now + TEST_CLOCK_WAIT } else { in_force };
            firm.store().postpone_rollout(&rollout, again).await?;
            return Ok(());
        }
        let mut cursor = match place.after {
            None => None,
            Some((pass, cursor)) if pass == rollout.pass => Some(cursor),
            Some(_) => return Ok(()), // somebody else made that pass
        };
        loop {
            let (clients, next) = of_class(firm, &rollout.class, cursor.as_deref()).await?;
            let messages = clients.chunks(MAX_CLIENTS).map(|clients| {
                let (firm, clients) = (firm.id().clone(), clients.to_vec());
                Evaluation::Clients { firm, day: today, clients }.message()
            });
            self.queue.send(messages.collect::<Result<_, _>>()?).await?;
            cursor = next;
            if cursor.is_none() {
                break;
            }
            if self.is_late(deadline) {
                let (firm, class) = (firm.id().clone(), rollout.class.clone());
                let (version, pass) = (rollout.version, Some(rollout.pass));
                let rest = Evaluation::Class { firm, class, version, pass, cursor };
                return Ok(self.queue.send(vec![rest.message()?]).await?);
            }
        }
        if ROLLOUT_PASSES <= rollout.pass {
            self.run_after_rollout(firm, today).await?;
        }
        // Whoever read the policies before this pass began has forgotten them by then.
        firm.store().end_pass(&rollout, self.clock.now() + POLICIES_KEPT).await?;
        let Rollout { class, version, pass, .. } = &rollout;
        info!(firm.id = %firm.id(), pass, "Version {version} of policy {class} came to its clients");
        Ok(())
    }
}

/// A page of the clients of a class, and where the list goes on.
async fn of_class(
    firm: &Firm,
    class: &ClassId,
    cursor: Option<&str>,
) -> Result<(Vec<ClientId>, Option<String>), StoreError> {
    let page = firm.store().clients(None, &PageRequest { cursor, limit: MAX_PAGE }).await?;
    let clients = page.items.into_iter().filter(|row| row.class == *class).map(|row| row.client);
    Ok((clients.collect(), page.next))
}

/// Evaluates the clients of every class whose newer policy is in force by now, here and now: on a test firm,
/// whose clock is moved by hand (TEST-1).
pub(crate) async fn run(firm: &Firm, now: DateTime<Utc>, ran: &mut Ran) -> Result<(), StoreError> {
    let today = firm.day(now);
    for rollout in firm.store().rollouts().await? {
        if today < rollout.effective_on {
            continue;
        }
        let mut cursor = None;
        loop {
            let (clients, next) = of_class(firm, &rollout.class, cursor.as_deref()).await?;
            for client in clients {
                ran.count(evaluate(firm, &client, now).await, client);
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        firm.store().end_rollout(&rollout).await?;
    }
    Ok(())
}

//! The day at each firm: whose has begun, who is due, and their evaluation (EVAL-1, EVAL-3).
//!
//! Small steps over one queue, so that nothing takes long and a crash costs nothing. The tick asks the index
//! `dawn` whose day has begun, begins its run ([`crate::run`]) and hands on one message for each shard that
//! has somebody due. Who isn't due is never read. Missed days need no word: due is whoever was due by today.
//! Each step may run twice, for evaluating twice writes nothing twice (EVAL-2).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::{Day, plus, start_of};
use domain::id::{ClassId, ClientId, FirmId};
use futures::future::join_all;
use platform::clock::{Clock, FixedClock};
use platform::queue::{Queue, QueueError, QueueMessage};
use serde::{Deserialize, Serialize};
use store::{DayRun, Dynamo, PageRequest, Platform, StoreError};
use tracing::{error, info, warn};

use crate::execute::{ExecuteError, Executed, InRun, evaluate_in};
use crate::firm::Firm;
use crate::firms::Firms;
use crate::reports;
use crate::rollout;
use crate::run::{self, Hands, run_whole};
use crate::tell::{digest_at, is_working};

/// How many clients one message names: what an evaluation takes at worst (seconds, on an account of
/// thousands of invoices) times this is well inside the function's time limit.
pub const MAX_CLIENTS: usize = 10;

/// How many of a message's clients are evaluated at the same time: most of what each takes is waiting for
/// the table. Half of a message, so that the time limit is looked at between the halves.
pub const AT_ONCE: usize = MAX_CLIENTS / 2;

/// What is begun this long before the time limit is still finished.
const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// How long after its day began a firm is looked at once more, for what got lost on the way.
const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

/// A client whose evaluation failed in company is tried again alone, a little later.
const ALONE_AFTER_SECONDS: u32 = 5;

/// Where the next day seems to have begun already (at the end of the calendar), the next tick looks.
const NO_TOMORROW: TimeDelta = TimeDelta::minutes(15);

/// One thing to do, as the queue of evaluations holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Evaluation {
    /// Do a shard's part of the day's run, wherever that stands (LOCK-10).
    Shard {
        /// At which firm.
        firm: FirmId,
        /// The run of which day.
        day: Day,
        /// Which part of its clients.
        shard: u32,
    },
    /// Go on with a run that was found waiting.
    Run {
        /// At which firm.
        firm: FirmId,
        /// Of which day.
        day: Day,
    },
    /// Hand on all clients of a class: a newer policy of theirs is in force.
    Class {
        /// At which firm.
        firm: FirmId,
        /// Which class.
        class: ClassId,
        /// The version that is on its way.
        version: u32,
        /// Which pass, where this goes on with what was begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pass: Option<u32>,
        /// And after whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// Go on with the preview of a draft (POL-6).
    Preview {
        /// At which firm.
        firm: FirmId,
        /// Which.
        preview: String,
    },
    /// Evaluate them.
    Clients {
        /// At which firm.
        firm: FirmId,
        /// For which day.
        day: Day,
        /// Whom; at most [`MAX_CLIENTS`].
        clients: Vec<ClientId>,
    },
}

impl Evaluation {
    /// At which firm.
    pub fn firm(&self) -> &FirmId {
        match self {
            Self::Shard { firm, .. }
            | Self::Run { firm, .. }
            | Self::Class { firm, .. }
            | Self::Preview { firm, .. }
            | Self::Clients { firm, .. } => firm,
        }
    }

    fn day(&self) -> Option<Day> {
        match self {
            Self::Shard { day, .. } | Self::Run { day, .. } | Self::Clients { day, .. } => {
                Some(*day)
            }
            Self::Class { .. } => None, // on whichever day its policy is in force
            Self::Preview { .. } => None, // it knows its own
        }
    }

    pub(crate) fn message(&self) -> Result<QueueMessage, DayError> {
        let message = QueueMessage::json(self).map_err(DayError::Encode)?;
        Ok(message.on_behalf_of(group(self.firm())))
    }
}

/// The queue shares itself out among firms by this: letters, digits and punctuation.
pub(crate) fn group(firm: &FirmId) -> String {
    firm.as_str().chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

/// Why a day's work could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// Another system's message, or a firm that is gone.
    #[error("there is no firm {0}")]
    NoFirm(FirmId),
    /// Nobody is evaluated before the day.
    #[error("day {day} has not begun at firm {firm}, where it is {today}")]
    NotBegun {
        /// Which firm.
        firm: FirmId,
        /// As asked for.
        day: Day,
        /// The firm's day.
        today: Day,
    },
    /// Not what this program sends.
    #[error("firm {firm} has {shards} shards, the message names {shard}")]
    NoShard {
        /// Which firm.
        firm: FirmId,
        /// As asked for.
        shard: u32,
        /// As the firm has.
        shards: u32,
    },
    /// Not what this program sends.
    #[error("the message names {0} clients, expected 1 to {MAX_CLIENTS}")]
    Clients(usize),
    /// The evaluation of a client.
    #[error("client {client} of firm {firm} could not be evaluated")]
    Evaluate {
        /// Of which firm.
        firm: FirmId,
        /// Which client.
        client: ClientId,
        /// Why not.
        source: Box<ExecuteError>,
    },
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue.
    #[error("the work could not be handed on")]
    Queue(#[from] QueueError),
    /// A message could not be made: a mistake of the program.
    #[error("a message could not be written")]
    Encode(#[source] serde_json::Error),
}

/// What a tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tick {
    /// Firms whose day was begun.
    pub firms: u32,
    /// Shards with somebody due.
    pub shards: u32,
    /// Firms that could not be begun; the next tick tries again.
    pub failed: u32,
    /// Firms that this tick had no time for; the next one has.
    pub left: u32,
    /// Firms that have still somebody due an hour after their day began.
    pub late: u32,
}

/// How a firm's day began.
struct Begun {
    /// Shards with somebody due.
    shards: u32,
    /// Whether these were due an hour ago as well.
    is_late: bool,
}

/// What the day's work needs.
#[derive(Clone)]
pub struct Days {
    /// The table.
    pub dynamo: Dynamo,
    /// The queue of evaluations.
    pub queue: Arc<dyn Queue>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Days {
    /// Begins the day of each firm whose day has begun. A firm that fails holds up no other.
    ///
    /// # Errors
    /// When the firms can't be asked for.
    pub async fn tick(&self, deadline: DateTime<Utc>) -> Result<Tick, DayError> {
        let mut tick = Tick::default();
        for id in Platform::new(self.dynamo.clone()).dawned(self.clock.now()).await? {
            if self.is_late(deadline) {
                tick.left += 1;
                continue;
            }
            match self.begin(&id).await {
                Ok(begun) => {
                    tick.firms += 1;
                    tick.shards += begun.shards;
                    tick.late += u32::from(begun.is_late);
                }
                Err(failure) => {
                    tick.failed += 1;
                    let chain = platform::log::chain(&failure);
                    error!(firm.id = %id, "Could not begin the day of firm {id}: {chain}");
                }
            }
        }
        info!(
            tick.firms,
            tick.shards, tick.failed, tick.left, tick.late, "Began the day of {} firms", tick.firms
        );
        Ok(tick)
    }

    /// Begins one firm's day: begins its run over the shards that have somebody due, then says when to look again.
    /// In this order, so that a crash between the two repeats the first.
    async fn begin(&self, id: &FirmId) -> Result<Begun, DayError> {
        let now = self.clock.now();
        let firm = Firm::open(self.dynamo.clone(), id.clone()).await?;
        let firm = firm.ok_or_else(|| DayError::NoFirm(id.clone()))?;
        let day = firm.day(now);
        let is_second_look = firm.store().evaluated_on().await? == Some(day);
        let shards = due_shards(&firm, day).await?;
        let is_late = is_second_look && !shards.is_empty();
        if is_late {
            warn!(firm.id = %id, shards = shards.len(), "Firm {id} has still somebody due");
        }
        if !shards.is_empty() {
            self.begin_run(&firm, day, &shards).await?;
        }
        if !is_second_look && is_working(&firm, day).await? {
            firm.store().plan_digest(day, digest_at(&firm, day)).await?;
        }
        if !is_second_look {
            reports::plan(&firm, day, reports::ready_at(&firm, day)).await?;
        }
        let tomorrow = tomorrow(&firm, day, now);
        let next_at = match shards.is_empty() || is_second_look {
            true => tomorrow,
            false => tomorrow.min(now + LOOK_AGAIN),
        };
        firm.store().set_dawn(firm.settings(), day, next_at).await?;
        Ok(Begun { shards: u32::try_from(shards.len()).unwrap_or(u32::MAX), is_late })
    }

    /// Does what a message of the queue says.
    ///
    /// # Errors
    /// When it has to come again, or never can be done.
    pub async fn handle(
        &self,
        firms: &Firms,
        message: Evaluation,
        deadline: DateTime<Utc>,
    ) -> Result<(), DayError> {
        let id = message.firm();
        let firm = firms.get(id).await?.ok_or_else(|| DayError::NoFirm(id.clone()))?;
        let today = firm.day(self.clock.now());
        if let Some(day) = message.day().filter(|day| today < *day) {
            return Err(DayError::NotBegun { firm: id.clone(), day, today });
        }
        match message {
            Evaluation::Shard { day, shard, .. } => {
                let shards = firm.settings().shards;
                if shards <= shard {
                    return Err(DayError::NoShard { firm: firm.id().clone(), shard, shards });
                }
                self.work_on(&firm, day, shard, deadline).await
            }
            Evaluation::Run { day, .. } => self.go_on(&firm, day, deadline).await,
            Evaluation::Class { class, version, pass, cursor, .. } => {
                let place = rollout::Place { class, version, after: pass.zip(cursor) };
                self.roll_out(&firm, place, deadline).await
            }
            Evaluation::Preview { preview, .. } => self.preview(&firm, &preview, deadline).await,
            Evaluation::Clients { day, clients, .. } => {
                self.evaluate(&firm, day, clients, deadline).await
            }
        }
    }

    /// Evaluates each; those that fail come again alone, so that only the poison becomes a dead letter.
    async fn evaluate(
        &self,
        firm: &Firm,
        day: Day,
        clients: Vec<ClientId>,
        deadline: DateTime<Utc>,
    ) -> Result<(), DayError> {
        if clients.is_empty() || MAX_CLIENTS < clients.len() {
            return Err(DayError::Clients(clients.len()));
        }
        let is_alone = clients.len() == 1;
        let message = |clients: Vec<ClientId>| {
            Evaluation::Clients { firm: firm.id().clone(), day, clients }.message()
        };
        let mut again = Vec::new();
        let mut rest = clients.as_slice();
        while !rest.is_empty() {
            let (some, after) = rest.split_at(rest.len().min(AT_ONCE));
            let now = self.clock.now();
            let ended = join_all(some.iter().map(|client| evaluate(firm, client, now))).await;
            for (client, ended) in some.iter().zip(ended) {
                match ended {
                    Ok(_) => {}
                    Err(source) if is_alone => {
                        let (firm, source) = (firm.id().clone(), Box::new(source));
                        return Err(DayError::Evaluate { firm, client: client.clone(), source });
                    }
                    Err(failure) => {
                        let chain = platform::log::chain(&failure);
                        warn!(client.id = %client, "Could not evaluate client {client} yet: {chain}");
                        let alone = message(vec![client.clone()])?;
                        again.push(alone.after_seconds(ALONE_AFTER_SECONDS));
                    }
                }
            }
            rest = after;
            if self.is_late(deadline) && !rest.is_empty() {
                again.push(message(rest.to_vec())?);
                break;
            }
        }
        Ok(self.queue.send(again).await?)
    }

    /// Whoever a newer policy would lock or demand from is due now, when all of its clients were looked at: a pass
    /// of the day's run counts them together, and carries them out or asks (LOCK-10). Where somebody has decided
    /// about the day's run, that was about other clients: these wait for the next day's.
    pub(crate) async fn run_after_rollout(&self, firm: &Firm, day: Day) -> Result<(), DayError> {
        let run = firm.store().day_run(day).await?;
        let is_decided = run.is_some_and(|run| run.decision.is_some());
        if is_decided || due_shards(firm, day).await?.is_empty() {
            return Ok(());
        }
        // All of them: the last clients of the class are being looked at now, and any of them may be due then.
        let shards: Vec<_> = (0..firm.settings().shards).collect();
        self.begin_run(firm, day, &shards).await
    }

    pub(crate) fn is_late(&self, deadline: DateTime<Utc>) -> bool {
        deadline - MARGIN <= self.clock.now()
    }
}

/// The evaluation of a client to whom a newer policy comes, on the firm's day (POL-1). What is harsh in it is left
/// to a run, which counts before it acts (LOCK-10).
///
/// # Errors
/// As [`evaluate_in`] has.
pub async fn evaluate(
    firm: &Firm,
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    evaluate_in(firm, client, InRun::RollOut, now).await
}

/// What came of a firm's day.
#[derive(Debug, Default)]
pub struct Ran {
    /// How many clients were due.
    pub evaluated: u32,
    /// Those that could not be evaluated, and why.
    pub failed: Vec<(ClientId, String)>,
    /// The run, if anybody was due (LOCK-10).
    pub run: Option<DayRun>,
}

impl Ran {
    pub(crate) fn count(&mut self, evaluated: Result<Executed, ExecuteError>, client: ClientId) {
        match evaluated {
            Ok(_) => self.evaluated += 1,
            Err(failure) => self.failed.push((client, platform::log::chain(&failure))),
        }
    }
}

/// The run of a firm's day, here and now: of a test firm, whose clock is moved by hand (TEST-1).
///
/// # Errors
/// Whatever reading and writing have.
pub async fn run(firm: &Firm, now: DateTime<Utc>) -> Result<Ran, StoreError> {
    let day = firm.day(now);
    let mut ran = Ran::default();
    rollout::run(firm, now, &mut ran).await?;
    let shards = due_shards(firm, day).await?;
    if !shards.is_empty() {
        let evaluated = |run: &Option<DayRun>| run.as_ref().map_or(0, |run| run.done.evaluated);
        let before = evaluated(&firm.store().day_run(day).await?);
        let clock = FixedClock::at(now);
        Box::pin(run_whole(firm, day, &shards, &Hands { clock: &clock, deadline: None })).await?;
        ran.run = firm.store().day_run(day).await?;
        let after = evaluated(&ran.run).saturating_sub(before);
        ran.evaluated += u32::try_from(after).unwrap_or(u32::MAX);
        if ran.run.as_ref().is_some_and(|run| 0 < run.done.failed) {
            ran.failed.extend(run::failures(firm, day).await?);
        }
    }
    reports::make(firm, now, &|| false).await?;
    firm.store().set_dawn(firm.settings(), day, tomorrow(firm, day, now)).await?;
    Ok(ran)
}

/// The shards in which somebody is due: one item of each is read.
async fn due_shards(firm: &Firm, day: Day) -> Result<Vec<u32>, StoreError> {
    let mut shards = Vec::new();
    for shard in 0..firm.settings().shards {
        let one = PageRequest { cursor: None, limit: 1 };
        if !firm.store().due(shard, day, &one).await?.items.is_empty() {
            shards.push(shard);
        }
    }
    Ok(shards)
}

/// When the firm's next day begins: at its first instant, which need not be midnight.
fn tomorrow(firm: &Firm, day: Day, now: DateTime<Utc>) -> DateTime<Utc> {
    let tomorrow = start_of(plus(day, 1), firm.settings().zone);
    if now < tomorrow { tomorrow } else { now + NO_TOMORROW }
}

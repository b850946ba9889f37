//! The run of a firm's day: plan, barrier, release (LOCK-10).
//!
//! Whoever is due is evaluated shard by shard, page by page. Most of them have nothing harsh before them, and
//! that is all: evaluated once, written once. Who would be locked or sent a demand is left as it is and put on
//! the run's list. When all shards are through, the last of them finds the list whole and holds it against
//! the firm's caps: within them the list is evaluated again and carried out, above them it is evaluated without
//! what is harsh, and waits for a partner. What a run does to a firm is therefore known before it is done,
//! and reading twice is paid only for those on the list.
//!
//! Every step may run twice and die anywhere. Where the run stands, how far each shard is and whom a page
//! names are written against what was read of them, so of two that do the same one goes on and the other looks
//! again; a page is written before its clients are evaluated, so that nobody on it is forgotten; and evaluating
//! twice writes nothing twice (EVAL-2). A client that can't be evaluated is named and holds up nobody.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Day;
use domain::command::Command;
use domain::event::Event;
use domain::id::{ClientId, FirmId};
use domain::letter::{LetterId, LetterState};
use domain::policy::PolicyRef;
use domain::role::{Actor, Role};
use domain::run::{Caps, Tally, Withheld, is_active};
use domain::text::Personal;
use futures::future::join_all;
use platform::clock::Clock;
use platform::log::chain;
use store::{
    DayRun, Done, MAX_PAGE, MAX_RUN_PAGE, PageRequest, RunClient, RunPage, RunShard, RunVerdict,
    Shadowed, Stage, Store, StoreError, Waiting,
};
use tracing::{error, info, warn};

use crate::day::{DayError, Days, Evaluation};
use crate::execute::{Caller, ExecuteError, Executed, InRun, evaluate_in, execute, shadowed};
use crate::firm::{Firm, PolicyError};

/// How long a run is the queue's when it was found waiting: longer than a message of it is anybody's.
pub(crate) const LEASE: TimeDelta = TimeDelta::minutes(45);

/// After so long a run that has work to be done is looked at, should its messages be lost: the queue
/// itself brings them again after some minutes.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(15);

/// How many clients of a page are at work at the same time: most of what each takes is waiting for the table.
const AT_ONCE: usize = 10;

/// What is begun this long before the time limit is still finished: some clients at once, each at worst a few
/// seconds.
const MARGIN: TimeDelta = TimeDelta::seconds(45);

/// How many runs before a day's are looked at for one that still waits.
const OLDER: u32 = 10;

/// The most that is kept of why a client could not be evaluated.
const MAX_FAILURE_BYTES: usize = 300;

/// Said of a client that came too late to be counted.
const TOO_LATE: &str =
    "it could be evaluated only after the run was counted; what is harsh waits for the next run";

/// What is to be done about something that waits, if it is a run.
pub(crate) fn message(waiting: &Waiting) -> Option<Evaluation> {
    let Waiting::Run { firm, day } = waiting else { return None };
    Some(Evaluation::Run { firm: firm.clone(), day: *day })
}

/// What time it is to whoever works, and until when it may.
pub(crate) struct Hands<'a> {
    pub(crate) clock: &'a dyn Clock,
    /// `None`: as long as it takes.
    pub(crate) deadline: Option<DateTime<Utc>>,
}

impl Hands<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline - MARGIN <= self.now())
    }
}

/// How a shard's work ended for this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worked {
    /// It is through with the run's round.
    Through,
    /// There is more, and no time left.
    Late,
}

impl Days {
    /// Begins the run of a day, or goes on with it.
    pub(crate) async fn begin_run(
        &self,
        firm: &Firm,
        day: Day,
        shards: &[u32],
    ) -> Result<(), DayError> {
        let shards = begin(firm, day, shards, self.clock.now()).await?;
        self.send_shards(firm.id(), day, &shards).await
    }

    /// Goes on with a run that was found waiting: hands on the shards that are not through.
    pub(crate) async fn go_on(
        &self,
        firm: &Firm,
        day: Day,
        deadline: DateTime<Utc>,
    ) -> Result<(), DayError> {
        let hands = Hands { clock: &*self.clock, deadline: Some(deadline) };
        let shards = match advance(firm, day, &hands).await? {
            Some(shards) => shards,
            None => unfinished(firm, day).await?,
        };
        self.send_shards(firm.id(), day, &shards).await
    }

    /// Does a shard's part; who is the last to be through takes the run on.
    pub(crate) async fn work_on(
        &self,
        firm: &Firm,
        day: Day,
        shard: u32,
        deadline: DateTime<Utc>,
    ) -> Result<(), DayError> {
        let hands = Hands { clock: &*self.clock, deadline: Some(deadline) };
        let shards = match work_on(firm, day, shard, &hands).await? {
            Worked::Late => vec![shard],
            Worked::Through => advance(firm, day, &hands).await?.unwrap_or_default(),
        };
        self.send_shards(firm.id(), day, &shards).await
    }

    async fn send_shards(&self, firm: &FirmId, day: Day, shards: &[u32]) -> Result<(), DayError> {
        let messages = shards
            .iter()
            .map(|&shard| Evaluation::Shard { firm: firm.clone(), day, shard }.message());
        Ok(self.queue.send(messages.collect::<Result<_, _>>()?).await?)
    }
}

/// The whole run of a day, here and now: of a test firm, whose clock is moved by hand (TEST-1).
pub(crate) async fn run_whole(
    firm: &Firm,
    day: Day,
    shards: &[u32],
    hands: &Hands<'_>,
) -> Result<(), StoreError> {
    let mut shards = begin(firm, day, shards, hands.now()).await?;
    while !shards.is_empty() {
        for shard in shards {
            work_on(firm, day, shard, hands).await?;
        }
        shards = advance(firm, day, hands).await?.unwrap_or_default();
    }
    Ok(())
}

/// Begins the run of a day over those shards, or a further pass of it over who is due still; answers the
/// shards that there is work in. A run of an earlier day that still waits is left: who is on its list is
/// on this day's.
pub(crate) async fn begin(
    firm: &Firm,
    day: Day,
    shards: &[u32],
    now: DateTime<Utc>,
) -> Result<Vec<u32>, StoreError> {
    let store = firm.store();
    loop {
        let next = match store.day_run(day).await? {
            Some(run) if run.stage.is_working() => return unfinished(firm, day).await,
            Some(run) => DayRun {
                stage: Stage::Planning,
                round: run.round + 1,
                shards: shards.iter().copied().collect(),
                ..run
            },
            None => {
                leave_older(firm, day, now).await?;
                DayRun {
                    day,
                    stage: Stage::Planning,
                    round: 1,
                    shards: shards.iter().copied().collect(),
                    began_at: firm.now(now),
                    tally: Tally::default(),
                    active: None,
                    done: Done::default(),
                    shadow: Shadowed::default(),
                    decision: None,
                    version: 0,
                }
            }
        };
        if store.put_day_run(&next, now + LOOK_AGAIN).await? {
            return Ok(shards.to_vec());
        }
    }
}

/// Whom the run of a day could not evaluate, and why.
pub(crate) async fn failures(firm: &Firm, day: Day) -> Result<Vec<(ClientId, String)>, StoreError> {
    let mut failures = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: MAX_PAGE };
        let listed = firm.store().run_pages(day, &page).await?;
        let clients = listed.items.into_iter().flat_map(|page| page.clients);
        failures.extend(clients.filter_map(|client| Some((client.client, client.failed?))));
        cursor = listed.next;
        if cursor.is_none() {
            return Ok(failures);
        }
    }
}

async fn leave_older(firm: &Firm, day: Day, now: DateTime<Utc>) -> Result<(), StoreError> {
    let page = PageRequest { cursor: None, limit: OLDER };
    for run in firm.store().day_runs(&page).await?.items {
        if run.day < day && run.stage == Stage::Held {
            // Somebody who decides at this moment is faster, and that is right.
            firm.store().put_day_run(&DayRun { stage: Stage::Left, ..run }, now).await?;
        }
    }
    Ok(())
}

/// The shards of a run that are not through with its round.
async fn unfinished(firm: &Firm, day: Day) -> Result<Vec<u32>, StoreError> {
    let Some(run) = firm.store().day_run(day).await? else { return Ok(Vec::new()) };
    if !run.stage.is_working() {
        return Ok(Vec::new());
    }
    let shards = firm.store().run_shards(day).await?;
    Ok(not_through(&run, &shards))
}

fn not_through(run: &DayRun, shards: &[RunShard]) -> Vec<u32> {
    let is_through = |number: &u32| {
        shards
            .iter()
            .any(|shard| shard.shard == *number && shard.round == run.round && shard.is_done)
    };
    run.shards.iter().copied().filter(|number| !is_through(number)).collect()
}

/// Takes a run on whose shards are all through; answers the shards of its next round, where this call began one.
pub(crate) async fn advance(
    firm: &Firm,
    day: Day,
    hands: &Hands<'_>,
) -> Result<Option<Vec<u32>>, StoreError> {
    let store = firm.store();
    loop {
        let Some(run) = store.day_run(day).await? else { return Ok(None) };
        if !run.stage.is_working() {
            return Ok(None);
        }
        let shards = store.run_shards(day).await?;
        if !not_through(&run, &shards).is_empty() {
            return Ok(None);
        }
        let next = next(firm, run, &shards, hands.now()).await?;
        if !store.put_day_run(&next, hands.now() + LOOK_AGAIN).await? {
            continue; // somebody was faster
        }
        tell(firm, &next);
        if next.stage.is_working() {
            return Ok(Some(next.shards.into_iter().collect()));
        }
        return Ok(None);
    }
}

fn tell(firm: &Firm, run: &DayRun) {
    let (id, day, stage) = (firm.id(), run.day, run.stage.as_str());
    let Done { evaluated, locked, failed, .. } = run.done;
    let Tally { locks, demands, .. } = run.tally;
    match run.stage {
        Stage::Held => warn!(
            firm.id = %id, run.locks = locks, run.demands = demands,
            "The run of {day} at firm {id} waits for a partner: {locks} locks, {demands} demands"
        ),
        _ => info!(
            firm.id = %id, run.evaluated = evaluated, run.locked = locked, run.failed = failed,
            "The run of {day} at firm {id} is {stage}"
        ),
    }
}

/// Where a run goes on whose shards are all through.
async fn next(
    firm: &Firm,
    run: DayRun,
    shards: &[RunShard],
    now: DateTime<Utc>,
) -> Result<DayRun, StoreError> {
    let (mut tally, mut done, mut shadow) =
        (Tally::default(), Done::default(), Shadowed::default());
    for shard in shards {
        tally.add(&shard.tally);
        done.add(&shard.done);
        shadow.add(&shard.shadow);
    }
    let mut run = DayRun { tally, done, shadow, ..run };
    match run.stage {
        Stage::Planning => {
            let concerned = shards.iter().filter(|shard| is_concerned(shard));
            let concerned: BTreeSet<_> = concerned.map(|shard| shard.shard).collect();
            let verdict = run.decision.as_ref().map(|decision| decision.verdict);
            let is_released = match verdict {
                Some(RunVerdict::Approved) => true,
                Some(RunVerdict::Rejected | RunVerdict::Undone) => false,
                None => is_within_caps(firm, &mut run, now).await?,
            };
            run.stage = if is_released { Stage::Releasing } else { Stage::Holding };
            match concerned.is_empty() {
                true => run.stage = ended(&run),
                false => (run.round, run.shards) = (run.round + 1, concerned),
            }
        }
        Stage::Holding | Stage::Releasing | Stage::Undoing => run.stage = ended(&run),
        Stage::Held | Stage::Left | Stage::Done | Stage::Undone => {}
    }
    Ok(run)
}

/// Whether there is somebody to be looked at once more.
fn is_concerned(shard: &RunShard) -> bool {
    0 < shard.tally.locks + shard.tally.demands + shard.done.failed
}

/// Where a round leaves its run.
fn ended(run: &DayRun) -> Stage {
    match (run.stage, run.decision.as_ref().map(|decision| decision.verdict)) {
        (Stage::Undoing, _) | (Stage::Holding, Some(RunVerdict::Undone)) => Stage::Undone,
        (Stage::Holding, Some(RunVerdict::Rejected)) => Stage::Left,
        (Stage::Holding, _) => Stage::Held,
        (stage, _) if stage.is_working() => Stage::Done,
        (stage, _) => stage,
    }
}

/// The barrier. Active clients are counted no further than it takes.
async fn is_within_caps(
    firm: &Firm,
    run: &mut DayRun,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let enough = run.tally.enough_active();
    let active = match enough {
        Some(0) => 0,
        enough => count_active(firm.store(), firm.day(now), enough).await?,
    };
    let is_too_much = run.tally.is_too_much(active);
    run.active = (is_too_much && enough != Some(0)).then_some(active);
    Ok(!is_too_much)
}

async fn count_active(store: &Store, today: Day, enough: Option<u64>) -> Result<u64, StoreError> {
    let mut active = 0;
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: MAX_PAGE };
        let listed = store.clients(None, &page).await?;
        let rows = listed
            .items
            .iter()
            .filter(|row| !row.state.has_ended() && is_active(row.last_invoiced, today));
        active += rows.count() as u64;
        cursor = listed.next;
        if cursor.is_none() || enough.is_some_and(|enough| enough <= active) {
            return Ok(active);
        }
    }
}

/// Goes through a shard's part of the run's present round, as far as there is time.
pub(crate) async fn work_on(
    firm: &Firm,
    day: Day,
    shard: u32,
    hands: &Hands<'_>,
) -> Result<Worked, StoreError> {
    loop {
        // Both anew for each page: somebody may have decided about the run, or be at the same shard.
        let Some(run) = firm.store().day_run(day).await? else { return Ok(Worked::Through) };
        if !run.stage.is_working() || !run.shards.contains(&shard) {
            return Ok(Worked::Through);
        }
        let progress = in_round(firm.store().run_shard(day, shard).await?, run.round);
        if progress.is_done {
            return Ok(Worked::Through);
        }
        let work = Work { firm, run: &run, hands };
        let is_through = match run.stage {
            Stage::Planning => Box::pin(work.plan(progress)).await?,
            _ => Box::pin(work.go_through(progress)).await?,
        };
        if is_through {
            return Ok(Worked::Through);
        }
        if hands.is_late() {
            return Ok(Worked::Late);
        }
    }
}

/// How far a shard is in that round: at its beginning, if it was last at work in an earlier one.
fn in_round(shard: RunShard, round: u32) -> RunShard {
    match shard.round == round {
        true => shard,
        false => RunShard {
            round,
            is_done: false,
            cursor: None,
            is_read: false,
            open: None,
            next: 0,
            ..shard
        },
    }
}

/// A run at work.
struct Work<'a> {
    firm: &'a Firm,
    run: &'a DayRun,
    hands: &'a Hands<'a>,
}

/// What came of a client this time.
struct Seen {
    client: RunClient,
    /// Whether it could not be evaluated the time before.
    had_failed: bool,
    /// The caps of the policy that wants what was withheld.
    caps: Option<Caps>,
    /// The shadow that looked at it.
    shadow: Option<PolicyRef>,
    did: Done,
}

impl Work<'_> {
    /// The next thing of the plan: takes a page of who is due, or evaluates the one that was taken. Whether the
    /// shard is through with it.
    async fn plan(&self, mut progress: RunShard) -> Result<bool, StoreError> {
        let (store, day) = (self.firm.store(), self.run.day);
        if let Some(number) = progress.open {
            let page = store.run_page(day, progress.shard, number).await?;
            let page = self.look_at_all(page, &mut progress).await?;
            if is_whole(page.as_ref()) {
                (progress.open, progress.is_done) = (None, progress.is_read);
            }
            return self.put(&progress, page.as_ref()).await;
        }
        let request = PageRequest { cursor: progress.cursor.as_deref(), limit: MAX_RUN_PAGE };
        let listed = store.due(progress.shard, day, &request).await?;
        progress.is_read = listed.next.is_none();
        progress.cursor = listed.next;
        let clients: Vec<_> =
            listed.items.into_iter().map(|due| RunClient::new(due.client)).collect();
        if clients.is_empty() {
            progress.is_done = progress.is_read;
            return self.put(&progress, None).await;
        }
        let number = progress.pages;
        (progress.open, progress.pages) = (Some(number), number + 1);
        let page = RunPage {
            shard: progress.shard,
            number,
            round: 0,
            clients,
            looked_at: None,
            version: 0,
        };
        self.put(&progress, Some(&page)).await
    }

    /// The next page of a later round. Whether the shard is through with it.
    async fn go_through(&self, mut progress: RunShard) -> Result<bool, StoreError> {
        let (store, day) = (self.firm.store(), self.run.day);
        let page = match progress.next < progress.pages {
            true => store.run_page(day, progress.shard, progress.next).await?,
            false => None,
        };
        let page = self.look_at_all(page, &mut progress).await?;
        if is_whole(page.as_ref()) {
            progress.next += 1;
            progress.is_done = progress.pages <= progress.next;
        }
        self.put(&progress, page.as_ref()).await
    }

    /// Writes how far the shard is; where somebody was faster, that is looked at anew.
    async fn put(&self, progress: &RunShard, page: Option<&RunPage>) -> Result<bool, StoreError> {
        let is_ours = self.firm.store().put_run_shard(self.run.day, progress, page).await?;
        Ok(is_ours && progress.is_done)
    }

    /// Looks at the clients of a page, some at a time and as far as there is time; what there is to say stays
    /// on it.
    async fn look_at_all(
        &self,
        page: Option<RunPage>,
        progress: &mut RunShard,
    ) -> Result<Option<RunPage>, StoreError> {
        let Some(mut page) = page else { return Ok(None) };
        let before = usize::try_from(page.looked_at.unwrap_or(0)).unwrap_or(usize::MAX);
        let clients = page.clients.split_off(before.min(page.clients.len()));
        let mut left = clients.as_slice();
        while !left.is_empty() {
            let (some, after) = left.split_at(left.len().min(AT_ONCE));
            left = after;
            let seen = join_all(some.iter().map(|client| self.look_at(client.clone()))).await;
            for seen in seen {
                let Seen { client, had_failed, caps, shadow, did } = seen?;
                if let Some(shadow) = shadow {
                    progress.shadow.count(&shadow, &client.shadow);
                }
                if let Some(caps) = caps.filter(|_| self.run.stage == Stage::Planning) {
                    progress.tally.count(client.withheld, caps);
                }
                progress.done.add(&did);
                let failed = progress.done.failed.saturating_sub(u64::from(had_failed));
                progress.done.failed = failed + u64::from(client.failed.is_some());
                page.clients.extend(Some(client).filter(RunClient::is_told));
            }
            if self.hands.is_late() {
                break;
            }
        }
        if left.is_empty() {
            (page.round, page.looked_at) = (self.run.round, None);
        } else {
            page.looked_at = u32::try_from(page.clients.len()).ok();
            page.clients.extend_from_slice(left);
        }
        Ok(Some(page))
    }

    async fn look_at(&self, client: RunClient) -> Result<Seen, StoreError> {
        let is_on_list = client.withheld.is_any();
        let had_failed = client.failed.is_some();
        match self.run.stage {
            Stage::Planning => self.evaluate(client, InRun::Plan).await,
            Stage::Holding if is_on_list || had_failed => self.evaluate(client, InRun::Hold).await,
            // It was not counted: the caps know nothing of it.
            Stage::Releasing if had_failed => {
                let mut seen = self.evaluate(client, InRun::Hold).await?;
                if seen.client.withheld.is_any() {
                    seen.client.withheld = Withheld::default();
                    seen.client.failed = Some(TOO_LATE.to_owned());
                }
                Ok(seen)
            }
            Stage::Releasing if is_on_list => self.evaluate(client, InRun::Release).await,
            Stage::Undoing if client.did_anything() && !client.is_undone => self.undo(client).await,
            _ => Ok(Seen { had_failed, client, caps: None, shadow: None, did: Done::default() }),
        }
    }

    async fn evaluate(&self, mut client: RunClient, how: InRun) -> Result<Seen, StoreError> {
        let had_failed = client.failed.take().is_some();
        let had_letters = !client.letters.is_empty();
        let was_on_list = client.withheld.is_any();
        let mut did = Done::default();
        let now = self.hands.now();
        // Before the real one, so that both find the same facts.
        let shadow = match how {
            InRun::Plan => self.shadow(&mut client, now).await,
            InRun::Hold | InRun::RollOut | InRun::Release => None,
        };
        let caps = match evaluate_twice(self.firm, &client, how, now).await {
            Ok((executed, caps)) => {
                did.evaluated = u64::from(!was_on_list);
                client.withheld = executed.withheld;
                client.letters.extend(letters(&executed, self.firm.day(now)));
                if how == InRun::Release {
                    let mut episodes = locked(&executed, self.firm.day(now));
                    if let Some(first) = episodes.pop_first() {
                        client.locked = Some(first);
                        client.also_locked = episodes;
                    }
                }
                did.written = u64::from(!had_letters && !client.letters.is_empty());
                did.locked = u64::from(client.locked.is_some() && how == InRun::Release);
                caps
            }
            Err(failure) => {
                client.failed = Some(self.failed(&client, failure)?);
                None
            }
        };
        Ok(Seen { client, had_failed, caps, shadow, did })
    }

    /// What the shadow would do stays on the page. One that can't be looked at is no reason not to do what is to be
    /// done: it is logged and left out.
    async fn shadow(&self, client: &mut RunClient, now: DateTime<Utc>) -> Option<PolicyRef> {
        match shadowed(self.firm, &client.client, now).await {
            Ok(Some((shadow, acts))) => {
                client.shadow = acts;
                Some(shadow)
            }
            Ok(None) => None,
            Err(failure) => {
                let (client, why) = (&client.client, chain(&failure));
                warn!(client.id = %client, "Could not look at client {client} under the shadow: {why}");
                None
            }
        }
    }

    /// Takes back what the run did to a client, in one commit, and says what had reached it.
    async fn undo(&self, mut client: RunClient) -> Result<Seen, StoreError> {
        let had_failed = client.failed.take().is_some();
        let mut did = Done::default();
        let Some(decision) = &self.run.decision else {
            return Ok(Seen { client, had_failed, caps: None, shadow: None, did });
        };
        let command = Command::UndoRun {
            episodes: client.locked.into_iter().chain(client.also_locked.iter().copied()).collect(),
            letters: client.letters.clone(),
            reason: decision.reason.clone().unwrap_or_else(|| Personal::new("undone")),
        };
        let actor = Actor::Staff { id: decision.by.clone(), roles: [Role::Partner].into() };
        let now = self.hands.now();
        match execute(self.firm, &client.client, &command, &Caller::new(actor), now).await {
            Ok(_) => {
                client.is_undone = true;
                did.undone = 1;
                for &letter in &client.letters {
                    let row = self.firm.store().letter(&client.client, letter).await?;
                    if let Some(LetterState::Left(sending)) = row.map(|row| row.letter.state) {
                        client.reached.insert(sending.kind);
                    }
                }
                did.reached = u64::from(!client.reached.is_empty());
            }
            Err(failure) => client.failed = Some(self.failed(&client, failure)?),
        }
        Ok(Seen { client, had_failed, caps: None, shadow: None, did })
    }

    /// Why a client could not be looked at, as it is kept. An outage is nobody's in particular: then the
    /// whole message comes again.
    fn failed(&self, client: &RunClient, failure: ExecuteError) -> Result<String, StoreError> {
        match failure {
            ExecuteError::Store(error) | ExecuteError::Policy(PolicyError::Store(error))
                if error.is_passing() =>
            {
                Err(error)
            }
            failure => {
                let (client, mut why) = (&client.client, chain(&failure));
                error!(client.id = %client, "Could not evaluate client {client}: {why}");
                let end = why.floor_char_boundary(MAX_FAILURE_BYTES);
                why.truncate(end);
                Ok(why)
            }
        }
    }
}

/// Whether a page was looked at to its end.
fn is_whole(page: Option<&RunPage>) -> bool {
    page.is_none_or(|page| page.looked_at.is_none())
}

/// Evaluates a client, and once more if its account was busy.
async fn evaluate_twice(
    firm: &Firm,
    client: &RunClient,
    how: InRun,
    now: DateTime<Utc>,
) -> Result<(Executed, Option<Caps>), ExecuteError> {
    // On the heap: it lies deep within a day, and unoptimised futures are large for a thread's stack.
    let evaluate = || Box::pin(evaluate_in(firm, &client.client, how, now));
    let executed = match evaluate().await {
        Err(ExecuteError::Busy(_)) => evaluate().await?,
        executed => executed?,
    };
    if !executed.withheld.is_any() {
        return Ok((executed, None));
    }
    let policy = firm.policy(&executed.account.profile.class, firm.day(now), now).await?;
    Ok((executed, Some(Caps::of(&policy.policy))))
}

/// The letters about debts that an evaluation decided. One that was made before and never told of decides
/// nothing now: then they are those of the day.
fn letters(executed: &Executed, today: Day) -> BTreeSet<LetterId> {
    let of_debt = |id: &LetterId| {
        executed.account.letters.get(id).is_some_and(|letter| letter.content.is_debt())
    };
    let decided = executed.events.iter().filter_map(|event| match event {
        Event::LetterQueued(letter) => Some(letter.id),
        Event::LetterExtended { letter, .. } => Some(*letter),
        _ => None,
    });
    match executed.events.is_empty() {
        false => decided.filter(of_debt).collect(),
        true => {
            let queued = executed.account.letters.values();
            let of_today = queued.filter(|letter| letter.queued_on == today);
            of_today.map(|letter| letter.id).filter(of_debt).collect()
        }
    }
}

/// The episodes that a release began: who was on the list was not locked.
fn locked(executed: &Executed, today: Day) -> BTreeSet<u32> {
    let locks = executed.account.locks.values();
    let of_today = locks.filter(|lock| lock.on == today && lock.is_by_rule());
    of_today.map(|lock| lock.episode).collect()
}

//! One command against one client: load, look up, decide, commit, and again where somebody was faster.
//!
//! What is decided is written only against the facts that it was decided from (EVAL-4). Where two commands
//! meet, one waits a random while and decides anew; after a few tries the caller is told to come back. A
//! payment over many invoices is put on all of them before this returns, commit by commit; should the
//! process end on the way, the next command or evaluation of the client goes on with it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::account::{Account, UnlockTest};
use domain::apply::fold;
use domain::calendar::Day;
use domain::command::{Command, Needs, needs};
use domain::decide::{Context, Decided, decide, decide_within, next_evaluation};
use domain::event::Event;
use domain::fee::Jurisdiction;
use domain::id::{ClientId, InvoiceId, PaymentId};
use domain::ledger::Ledger;
use domain::lock::Lock;
use domain::numbering::{Numbers, Series};
use domain::policy::shadow::acts;
use domain::policy::{PolicyRef, PolicyVersion};
use domain::refusal::Refusal;
use domain::retention::looks_on;
use domain::role::Actor;
use domain::run::{Latitude, Withheld};
use domain::tell::is_told_at_once;
use serde_json::Value;
use std::sync::Arc;
use store::{
    Commit, CommitMeta, CommitWith, Derived, Draw, Loaded, Note, Once, StoreError, Taken, Turn,
};
use tokio::time::Instant;

use crate::firm::{Firm, PolicyError};
use crate::retention::after_evaluation;

/// How often a command is decided anew when somebody was faster.
const MAX_TRIES: u32 = 8;

/// And for how long: whoever waits for an answer would rather ask again.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// The first wait is at most this, each further one at most twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// A payment names closed invoices, which were paid by a payment, which …: each needs another look.
const MAX_LOOK_UPS: u32 = 4;

/// More than a payment over the most open invoices takes, there and back.
const MAX_SPREADS: u32 = 600;

/// Who sends a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// The request that it came with.
    pub request_id: Option<String>,
}

impl Caller {
    /// Without a request.
    pub fn new(actor: Actor) -> Self {
        Self { actor, request_id: None }
    }
}

/// What came of a command.
#[derive(Debug, Clone)]
pub struct Executed {
    /// What was decided, in order; nothing, if it was done before.
    pub events: Vec<Event>,
    /// The account's version now.
    pub version: u64,
    /// The account now.
    pub account: Account,
    /// The day of the next evaluation.
    pub next_evaluation: Option<Day>,
    /// How often it was decided.
    pub tries: u32,
    /// What it made, where that got its name here: an invoice its number, a note its id.
    pub made: Option<String>,
    /// What the evaluation left undone, for the run to do or not (LOCK-10).
    pub withheld: Withheld,
}

/// How the run of a day evaluates a client (LOCK-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InRun {
    /// Whoever would be locked or sent a demand is left as it is, and told of in [`Executed::withheld`].
    Plan,
    /// Nobody is locked or sent a demand.
    Hold,
    /// A newer policy comes to the client: nobody is locked or sent a demand, and who would be is due at once,
    /// for a run to count (LOCK-10).
    RollOut,
    /// As the policy says.
    Release,
}

impl InRun {
    /// How far the evaluation may go at a firm that lets it go so far.
    fn latitude(self, firm: Latitude) -> Latitude {
        match (firm, self) {
            (Latitude::Full, Self::Plan | Self::Hold | Self::RollOut) => Latitude::NothingHarsh,
            (firm, _) => firm,
        }
    }
}

/// How a command is carried out beside what it asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct With<'a> {
    /// A name of the request, bound to its caller: what was made under it is not made again.
    pub once: Option<&'a str>,
    /// The series from which the command takes a number (INV-7).
    pub series: Option<&'a Series>,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such client.
    #[error("there is no client {0}")]
    NotFound(ClientId),
    /// Others kept being faster: 503, or back to the queue.
    #[error("the account of client {0} is busy")]
    Busy(ClientId),
    /// There is no policy to decide under.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExecuteError {
    /// Whether the same command may work a moment later: 503, or back to the queue.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Busy(_) => true,
            Self::Store(error) | Self::Policy(PolicyError::Store(error)) => {
                error.is_passing() || matches!(error, StoreError::TooNew { .. })
            }
            Self::Refused(_) | Self::NotFound(_) | Self::Policy(_) => false,
        }
    }
}

/// A command that follows from the account as it is at each try: a change of a part of the profile,
/// an answer to one of several requests.
pub type Asks<'a> = dyn Fn(&Account) -> Result<Command, Refusal> + Send + Sync + 'a;

/// What is asked for.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Command(&'a Command),
    Evaluate(InRun),
    Of(&'a Asks<'a>),
    Numbered(&'a Numbered<'a>),
}

/// A command by the number that was drawn for it, if one was.
pub type Numbered<'a> = dyn Fn(Option<&InvoiceId>) -> Command + Send + Sync + 'a;

/// What one try is about.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    asked: Asked<'a>,
    with: With<'a>,
    /// Whether the number that would be next was found taken.
    passes_over: bool,
    /// Whether it is enough to know a payment as it was a moment ago.
    glances: bool,
}

/// How one try ended.
enum Try {
    Done(Box<Executed>),
    Again,
    /// Again, with the next number that is free.
    PassOver,
    /// Again, and look properly: what was glanced at doesn't bear this end.
    Look,
}

/// A client's facts and the policies under which they are looked at.
#[derive(Debug, Clone)]
pub struct View {
    /// The facts, as loaded.
    pub loaded: Loaded,
    /// The policy of the client's class.
    pub policy: Arc<PolicyVersion>,
    /// The policies that running episodes began with, where those are others.
    pub episodes: Vec<PolicyVersion>,
    /// Which day it is at the firm.
    pub day: Day,
    /// How fresh the firm's ledger is, where that comes from elsewhere (FRESH-1).
    pub ledger: Option<Ledger>,
    /// How far an evaluation may go by itself (LOCK-10).
    pub latitude: Latitude,
    /// Whose law caps late fees of clients that name no jurisdiction (LF-1).
    pub law: Option<Jurisdiction>,
}

impl View {
    /// What is decided or explained under, by that actor, on the view's day. Numbers are not drawn: what
    /// comes of it is shown and not committed.
    pub fn context<'a>(&'a self, actor: &'a Actor) -> Context<'a> {
        Context {
            day: self.day,
            actor,
            policy: &self.policy,
            episodes: &self.episodes,
            numbers: Numbers::default(),
            ledger: self.ledger,
            latitude: self.latitude,
            law: self.law.as_ref(),
        }
    }

    /// The policy of lock, unlock and after-lock steps: that of the oldest lock (POL-1).
    pub fn lock_policy(&self) -> &PolicyVersion {
        self.loaded.account.lock().map_or(&*self.policy, |lock| self.policy_of(lock))
    }

    /// The policy that the episode of that lock began with.
    pub fn policy_of(&self, lock: &Lock) -> &PolicyVersion {
        let begun_with = self.episodes.iter().find(|version| version.id == lock.policy);
        begun_with.unwrap_or(&self.policy)
    }

    /// UNL-1's test of what is under that lock.
    pub fn unlock_test(&self, lock: &Lock) -> UnlockTest {
        let unlock = &self.policy_of(lock).policy.unlock;
        self.loaded.account.unlock_test(&self.policy.policy, unlock, &lock.scope, self.day)
    }

    /// UNL-1's test of all that is asked to be unlocked; of all that is locked, where nobody asks.
    pub fn test_of_request(&self) -> UnlockTest {
        let account = &self.loaded.account;
        let is_asked = |lock: &&Lock| {
            account.request.as_ref().is_none_or(|request| request.asks_for(&lock.scope))
        };
        let mut whole = UnlockTest::default();
        for lock in account.locks.values().filter(is_asked) {
            let test = self.unlock_test(lock);
            whole.open.extend(test.open);
            whole.despite.extend(test.despite);
        }
        whole
    }
}

/// A client as it is now; `None`: there is none.
///
/// # Errors
/// Whatever reading has.
pub async fn view(
    firm: &Firm,
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<Option<View>, ExecuteError> {
    let Some(loaded) = firm.store().load(client).await? else { return Ok(None) };
    let day = firm.day(now);
    let policy = firm.policy(&loaded.account.profile.class, day, now).await?;
    let episodes = episodes(firm, &loaded.account, &policy, now).await?;
    let (ledger, latitude) = (firm.ledger(), firm.latitude());
    let law = firm.settings().jurisdiction.clone();
    Ok(Some(View { loaded, policy, episodes, day, ledger, latitude, law }))
}

/// Carries out a command.
///
/// # Errors
/// [`ExecuteError::Refused`] where the rules say no, and then nothing was written.
pub async fn execute(
    firm: &Firm,
    client: &ClientId,
    command: &Command,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    carry_out(firm, client, (Asked::Command(command), With::default()), caller, now).await
}

/// Evaluates a client as a part of its firm's run (LOCK-10).
///
/// # Errors
/// Those of [`execute`].
pub async fn evaluate_in(
    firm: &Firm,
    client: &ClientId,
    run: InRun,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    let asked = (Asked::Evaluate(run), With::default());
    let evaluated = carry_out(firm, client, asked, &Caller::new(Actor::Schedule), now).await?;
    match evaluated.account.closed {
        Some(_) => Box::pin(after_evaluation(firm, evaluated, now)).await,
        None => Ok(evaluated),
    }
}

/// What the shadow of a client's class would do to it today, and which version that is; `None`: there is no shadow.
/// It is decided on the facts as they are, in full, and written nowhere (POL-7).
///
/// # Errors
/// Those of [`view`], and where the rules refuse.
pub async fn shadowed(
    firm: &Firm,
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<Option<(PolicyRef, BTreeSet<String>)>, ExecuteError> {
    if firm.settings().shadows.is_empty() {
        return Ok(None);
    }
    let Some(view) = view(firm, client, now).await? else { return Ok(None) };
    let Some(shadow) = firm.shadow(&view.loaded.account.profile.class, now).await? else {
        return Ok(None);
    };
    let context = Context { policy: &shadow, ..view.context(&Actor::Schedule) };
    let decided = decide_within(&view.loaded.account, &Command::Evaluate, &context)?;
    Ok(Some((shadow.id.clone(), acts(&decided.events))))
}

/// Carries out a command that takes a number of a series, or that must not be done twice though nothing
/// in it has a name: the number, what the request made and what was decided are one commit.
///
/// # Errors
/// Those of [`execute`].
pub async fn execute_with(
    firm: &Firm,
    client: &ClientId,
    (command, with): (&Numbered<'_>, With<'_>),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    carry_out(firm, client, (Asked::Numbered(command), with), caller, now).await
}

/// Carries out the command that follows from the client's account, in one commit with the facts that
/// it follows from.
///
/// # Errors
/// Those of [`execute`], and what `asks` refuses.
pub async fn execute_of(
    firm: &Firm,
    client: &ClientId,
    asks: &Asks<'_>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    carry_out(firm, client, (Asked::Of(asks), With::default()), caller, now).await
}

/// What a command would do as things stand, for whoever asks before: nothing is written. Of a series the number is
/// told that would be next.
///
/// # Errors
/// Those of [`execute`].
pub async fn foresee(
    firm: &Firm,
    client: &ClientId,
    (command, series): (&Numbered<'_>, Option<&Series>),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, ExecuteError> {
    let view = view(firm, client, now).await?;
    let mut view = view.ok_or_else(|| ExecuteError::NotFound(client.clone()))?;
    let with = With { series, ..With::default() };
    let asked = Asked::Numbered(command);
    let look = Attempt { asked, with, passes_over: series.is_some(), glances: false };
    let beside = Beside::read(firm, look, now).await?;
    let drawn = beside.drawn(with)?;
    let command = command(drawn);
    if look_up(firm, &mut view.loaded, &command, false).await?.is_none() {
        return Err(ExecuteError::Busy(client.clone()));
    }
    if let Command::ChangeProfile(profile) = &command {
        view.policy = firm.policy(&profile.class, view.day, now).await?;
        view.episodes = episodes(firm, &view.loaded.account, &view.policy, now).await?;
    }
    let numbers = Numbers { series: &firm.settings().numbering, drawn };
    let context = Context { numbers, ..view.context(&caller.actor) };
    Ok(decide(&view.loaded.account, &command, &context)?)
}

async fn carry_out(
    firm: &Firm,
    client: &ClientId,
    asked: (Asked<'_>, With<'_>),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    // On the heap, as everything passes here and unoptimised futures are large for a thread's stack.
    let mut executed = Box::pin(with_retries(firm, client, asked, caller, now)).await?;
    let spreading = Caller { actor: Actor::Schedule, request_id: caller.request_id.clone() };
    for _ in 0..MAX_SPREADS {
        if !executed.account.is_spreading() {
            break;
        }
        let rest = (Asked::Command(&Command::AllocateCredit), With::default());
        let next = with_retries(firm, client, rest, &spreading, now).await?;
        if next.events.is_empty() {
            break;
        }
        executed.events.extend(next.events);
        executed.version = next.version;
        executed.account = next.account;
        executed.next_evaluation = next.next_evaluation;
    }
    Ok(executed)
}

async fn with_retries(
    firm: &Firm,
    client: &ClientId,
    (asked, with): (Asked<'_>, With<'_>),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Executed, ExecuteError> {
    let begun = Instant::now();
    let turns = tokio::time::timeout(MAX_WAIT, turns(firm, client, with)).await;
    let Ok(_turns) = turns else { return Err(ExecuteError::Busy(client.clone())) };
    let mut attempted = Attempt { asked, with, passes_over: false, glances: true };
    let mut waits = false;
    for tried in 0..MAX_TRIES {
        if waits {
            tokio::time::sleep(jitter(tried)?).await;
        }
        waits = true;
        match attempt(firm, client, attempted, caller, now).await {
            Ok(Try::Done(executed)) => return Ok(Executed { tries: tried + 1, ..*executed }),
            Ok(Try::Again) => {}
            Ok(Try::PassOver) => attempted.passes_over = true,
            Ok(Try::Look) => (attempted.glances, waits) = (false, false),
            Err(ExecuteError::Store(StoreError::Throttled(_) | StoreError::Torn(_))) => {}
            Err(error) => return Err(error),
        }
        if MAX_WAIT < begun.elapsed() {
            break;
        }
    }
    Err(ExecuteError::Busy(client.clone()))
}

/// The client's turn, then the series': always in this order, so that nobody waits for the other.
async fn turns(firm: &Firm, client: &ClientId, with: With<'_>) -> (Turn, Option<Turn>) {
    let of_client = firm.store().turn(client).await;
    let of_series = match with.series {
        Some(series) => Some(firm.store().turn_at(series).await),
        None => None,
    };
    (of_client, of_series)
}

async fn attempt(
    firm: &Firm,
    client: &ClientId,
    attempt: Attempt<'_>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Try, ExecuteError> {
    let beside = Beside::read(firm, attempt, now).await?;
    let drawn = beside.drawn(attempt.with)?;
    let (mut loaded, command) = match (firm.store().load(client).await?, attempt.asked) {
        (Some(loaded), _) if beside.made().is_some() => return Ok(made_before(loaded, &beside)),
        (Some(loaded), Asked::Numbered(command)) => (loaded, Cow::Owned(command(drawn))),
        (Some(loaded), Asked::Command(Command::OpenAccount(profile))) => {
            return opened(loaded, profile);
        }
        (Some(loaded), Asked::Command(command)) => (loaded, Cow::Borrowed(command)),
        (Some(loaded), Asked::Evaluate(_)) => (loaded, Cow::Borrowed(&Command::Evaluate)),
        (Some(loaded), Asked::Of(asks)) => {
            let command = asks(&loaded.account)?;
            (loaded, Cow::Owned(command))
        }
        (None, Asked::Command(command @ Command::OpenAccount(profile))) => {
            (firm.store().begin(client.clone(), profile.clone()), Cow::Borrowed(command))
        }
        (None, _) => return Err(ExecuteError::NotFound(client.clone())),
    };
    let command = &*command;
    if drawn.is_some_and(|number| loaded.account.invoices.contains_key(number)) {
        return Ok(Try::PassOver);
    }
    let Some(glanced) = look_up(firm, &mut loaded, command, attempt.glances).await? else {
        return Ok(Try::Again);
    };
    let day = firm.day(now);
    // A change of class is decided under the policy that the client comes to.
    let class = match command {
        Command::ChangeProfile(profile) => &profile.class,
        _ => &loaded.account.profile.class,
    };
    let policy = firm.policy(class, day, now).await?;
    let episodes = episodes(firm, &loaded.account, &policy, now).await?;
    let numbers = Numbers { series: &firm.settings().numbering, drawn };
    let (episodes, ledger) = (&episodes[..], firm.ledger());
    let latitude = match attempt.asked {
        Asked::Evaluate(run) => run.latitude(firm.latitude()),
        Asked::Command(_) | Asked::Of(_) | Asked::Numbered(_) => firm.latitude(),
    };
    let actor = &caller.actor;
    let (policy_now, law) = (&*policy, firm.settings().jurisdiction.as_ref());
    let context =
        Context { day, actor, policy: policy_now, episodes, numbers, ledger, latitude, law };
    let Decided { events, withheld } = match decide_within(&loaded.account, command, &context) {
        Ok(decided) if decided.events.is_empty() && glanced => return Ok(Try::Look),
        Err(_) if glanced => return Ok(Try::Look),
        decided => decided?,
    };
    // What the run withholds is the run's; what the firm stopped waits for the firm.
    let withheld =
        Some(withheld).filter(|_| latitude == Latitude::NothingHarsh).unwrap_or_default();
    if matches!(attempt.asked, Asked::Evaluate(InRun::Plan)) && withheld.is_any() {
        return Ok(Try::Done(Box::new(Executed { withheld, ..as_it_is(loaded) })));
    }
    let after = fold(loaded.account.clone(), &events);
    let mut next_evaluation = next(firm, &after, &context);
    if matches!(attempt.asked, Asked::Evaluate(InRun::RollOut)) && withheld.is_any() {
        next_evaluation = Some(day);
    }
    if let Some(shadow) = firm.shadow(class, now).await? {
        // Whoever the shadow would do something to is looked at on that day as well (POL-7).
        let of_shadow = next(firm, &after, &Context { policy: &shadow, ..context });
        next_evaluation = next_evaluation.into_iter().chain(of_shadow).min();
    }
    let meta = CommitMeta {
        at: firm.now(now),
        day,
        actor: caller.actor.clone(),
        command: name(command),
        policy: Some(policy.id.clone()),
        request_id: caller.request_id.clone(),
        rule: rule(command).map(str::to_owned),
    };
    let ready_at = |letter: &_| firm.ready_at(letter, &policy.policy, now);
    let shards = firm.settings().shards;
    let derived = Derived { next_evaluation, shards, ready_at: &ready_at, charge_at: now };
    let made = made(&events, meta.at);
    let mut writes = beside.writes(made.as_deref());
    writes.tell_at = is_told_at_once(&caller.actor, &events).then_some(now);
    let commit = firm.store().commit_with(&loaded, &after, &events, &meta, &derived, &writes);
    let version = match commit.await? {
        Commit::Done(committed) => committed.version,
        Commit::Nothing => loaded.version(),
        Commit::Stale => return Ok(Try::Again),
        // Read again, it is found there.
        Commit::Taken(Taken::Payment(_) | Taken::Request) => return Ok(Try::Again),
        Commit::Taken(Taken::Invoice(id)) if Some(&id) == drawn => return Ok(Try::PassOver),
        Commit::Taken(Taken::Invoice(id)) => {
            return Err(Refusal::conflict("INV-7", format!("invoice number {id} is taken")).into());
        }
        Commit::Taken(Taken::CreditNote(id)) => {
            let text = format!("the credit note number {id} is taken");
            return Err(Refusal::conflict("INV-7", text).into());
        }
    };
    let account = after;
    let executed = Executed { events, version, account, next_evaluation, tries: 1, made, withheld };
    Ok(Try::Done(Box::new(executed)))
}

/// What is read for a command beside the client's account.
struct Beside {
    draw: Option<Draw>,
    once: Option<Once>,
}

impl Beside {
    async fn read(
        firm: &Firm,
        attempt: Attempt<'_>,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let (store, With { once, series }) = (firm.store(), attempt.with);
        let once = match once {
            Some(name) => Some(store.once(name, now).await?),
            None => None,
        };
        let is_made = once.as_ref().is_some_and(|once| once.made.is_some());
        let draw = match series.filter(|_| !is_made) {
            Some(series) if attempt.passes_over => {
                Some(store.pass_over(series, store.draw(series).await?).await?)
            }
            Some(series) => Some(store.draw(series).await?),
            None => None,
        };
        Ok(Self { draw, once })
    }

    /// What the request made before.
    fn made(&self) -> Option<&str> {
        self.once.as_ref()?.made.as_deref()
    }

    fn drawn(&self, with: With<'_>) -> Result<Option<&InvoiceId>, Refusal> {
        match (&self.draw, with.series) {
            (Some(Draw { number: None, .. }), Some(series)) => {
                let text = format!("the series {:?} has no number left", series.prefix());
                Err(Refusal::conflict("INV-7", text))
            }
            (draw, _) => Ok(draw.as_ref().and_then(|draw| draw.number.as_ref())),
        }
    }

    fn writes<'a>(&'a self, made: Option<&'a str>) -> CommitWith<'a> {
        CommitWith { draw: self.draw.as_ref(), once: self.once.as_ref().zip(made), tell_at: None }
    }
}

/// A request that is made again: what it made is there.
fn made_before(loaded: Loaded, beside: &Beside) -> Try {
    let made = beside.made().map(str::to_owned);
    Try::Done(Box::new(Executed { made, ..as_it_is(loaded) }))
}

/// A client of whom nothing was decided.
fn as_it_is(loaded: Loaded) -> Executed {
    let (version, next_evaluation) = (loaded.version(), loaded.next_evaluation());
    let account = loaded.account;
    let (events, withheld) = (Vec::new(), Withheld::default());
    Executed { events, version, account, next_evaluation, tries: 1, made: None, withheld }
}

/// The name of what was made, where it was made here.
fn made(events: &[Event], at: DateTime<Utc>) -> Option<String> {
    events.iter().find_map(|event| match event {
        Event::InvoiceIssued(invoice) => Some(invoice.id.to_string()),
        Event::InvoicePosted { number: Some(number), .. } => Some(number.to_string()),
        Event::NoteAdded(note) => Some(Note::name(note.id, at)),
        Event::MessageCame(message) | Event::MessageWritten(message) => {
            Some(message.id.0.to_string())
        }
        _ => None,
    })
}

/// Opening an account that is there: done before, or somebody else's id.
fn opened(loaded: Loaded, profile: &domain::account::Profile) -> Result<Try, ExecuteError> {
    if loaded.account.profile != *profile {
        let text = format!("there is a client {} already", loaded.account.client);
        return Err(Refusal::conflict("STAFF-1", text).into());
    }
    Ok(Try::Done(Box::new(as_it_is(loaded))))
}

/// Whether anything was only glanced at; `None`: the account changed meanwhile.
async fn look_up(
    firm: &Firm,
    loaded: &mut Loaded,
    command: &Command,
    glances: bool,
) -> Result<Option<bool>, ExecuteError> {
    let mut glanced = false;
    for _ in 0..MAX_LOOK_UPS {
        let missing = needs(&loaded.account, command);
        if missing.is_empty() {
            break;
        }
        let payment = payment_alone(command, &missing).filter(|_| glances);
        glanced |= payment.is_some();
        let found = match payment {
            Some(payment) => firm.store().glance_at(loaded, payment).await?,
            None => firm.store().look_up(loaded, &missing).await?,
        };
        if !found {
            return Ok(None);
        }
        if let Some(payment) = loaded.elsewhere.keys().next() {
            let text = format!("payment {payment} is another client's");
            return Err(Refusal::conflict("PAY-1", text).into());
        }
    }
    Ok(Some(glanced))
}

/// The payment that the news is about, if nothing else is missing.
fn payment_alone<'a>(command: &'a Command, missing: &Needs) -> Option<&'a PaymentId> {
    let Command::RecordPayment { payment, .. } = command else { return None };
    let alone = Needs { payments: [payment.clone()].into(), ..Needs::default() };
    (*missing == alone).then_some(payment)
}

pub(crate) async fn episodes(
    firm: &Firm,
    account: &Account,
    newest: &PolicyVersion,
    now: DateTime<Utc>,
) -> Result<Vec<PolicyVersion>, ExecuteError> {
    let mut episodes: Vec<PolicyVersion> = Vec::new();
    for lock in account.locks.values().filter(|lock| lock.policy != newest.id) {
        if episodes.iter().all(|known| known.id != lock.policy) {
            let version = firm.policy_version(&lock.policy, now).await?;
            episodes.push(Arc::unwrap_or_clone(version));
        }
    }
    Ok(episodes)
}

/// A client whose payment is being put on its invoices is due at once: should this process end, the
/// evaluation goes on with it.
pub(crate) fn next(firm: &Firm, after: &Account, context: &Context<'_>) -> Option<Day> {
    if after.is_spreading() {
        return Some(context.day);
    }
    if after.closed.is_some() {
        return looks_on(after, firm.retention_years(), context.day); // CLOSE-1
    }
    next_evaluation(after, context)
}

/// The command's name, as its serialization has it.
fn name(command: &Command) -> String {
    match serde_json::to_value(command) {
        Ok(Value::String(name)) => name,
        Ok(Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// The rule that acts, where the system does (AUD-1).
fn rule(command: &Command) -> Option<&'static str> {
    match command {
        Command::Evaluate => Some("EVAL-1"),
        Command::AllocateCredit => Some("PAY-4"),
        Command::ClaimLetter { .. } | Command::ReclaimLetter { .. } => Some("LET-4"),
        Command::JoinLetter { .. } => Some("LET-9"),
        Command::Erase { .. } => Some("CLOSE-1"),
        _ => None,
    }
}

/// Full jitter: anything between nothing and twice the longest wait of the try before.
pub(crate) fn jitter(tried: u32) -> Result<Duration, ExecuteError> {
    let longest = FIRST_WAIT.saturating_mul(1 << tried.min(10)).min(LONGEST_WAIT);
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| ExecuteError::Store(StoreError::Unavailable(error.to_string().into())))?;
    let range = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
    Ok(Duration::from_micros(u64::from_le_bytes(bytes) % range))
}

//! A day's evaluation of 100 000 clients of which 1 000 are due: what is read, and how fast it is beside the
//! table itself.
//!
//! The first round writes down each request. Then rounds by the real path (tick, queue, batch) take turns with
//! rounds in which the same requests are sent as they are, as many at once, and nobody decides anything.
//! Between two rounds the clients are put back to how they were. What the ratio lacks of 1 is ours.

#![allow(clippy::unwrap_used, reason = "a measurement that can't go on stops")]
#![allow(clippy::float_arithmetic, reason = "a ratio of times")]

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::calendar::Day;
use domain::id::ClientId;
use dynoxide::Item;
use futures::future::join_all;
use lock_evaluation::{State, batch, tick};
use platform::clock::{Clock, FixedClock};
use platform::config::Stage;
use portcullis::queue::{LocalQueue, QueueSettings};
use portcullis_tests::measure::{FIRM, Model, Office, Recorder, Request, Seen, Table, noon, send};
use services::day::AT_ONCE as ACCOUNTS_AT_ONCE;
use store::{Consumed, Dynamo, Key, Place};

/// A Wednesday.
const TODAY: &str = "2026-10-07";

/// Of these, unless another number is given.
const CLIENTS: usize = 100_000;

/// This many are due.
const DUE: usize = 1_000;

/// Rounds of each kind: odd, for the one in the middle.
const ROUNDS: usize = 3;

/// How many messages are worked on at once. One: the pages of a run's shard stand in a line, each conditional on
/// the one before, so what several workers asked can't be asked again side by side.
const WORKERS: [usize; 1] = [1];

/// Clients that are put into the table at once.
const AT_ONCE: usize = 500;

/// The ages of the invoices of those who are due. Today the oldest is: seven days before its due date, one day
/// overdue, thirty days overdue.
const LIVES: [&[i64]; 3] = [&[23, 20, 15, 10, 5], &[31, 20, 15, 10, 5], &[60, 20, 15, 10, 5]];

/// And of all others.
const QUIET_LIFE: &[i64] = &[2];

struct World {
    table: Table,
    today: Day,
    clock: Arc<FixedClock>,
    due: HashSet<String>,
    /// What everything that the day touches looked like in the morning.
    morning: HashMap<Place, Item>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let clients = given.unwrap_or(CLIENTS);
    let world = World::new(clients).await;
    let (seen, consumed) = world.recorded().await;
    world.back(&seen);
    println!("| of {clients} clients {DUE} are due | |\n|---|---|");
    world.print_read(&seen, consumed);
    for workers in WORKERS {
        let (real, raw) = world.compared(&seen, workers).await;
        let ratio = raw.as_secs_f64() / real.as_secs_f64();
        let count = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
        println!("| accounts/s, {count} | {} |", rate(real));
        println!("| the table's own rate of the same requests, {count} | {} |", rate(raw));
        println!("| **ratio, {count}** | **{ratio:.2}** |");
    }
}

fn rate(took: Duration) -> String {
    format!("{:.0}", DUE as f64 / took.as_secs_f64())
}

impl World {
    async fn new(clients: usize) -> Self {
        let today: Day = TODAY.parse().unwrap();
        let table = Table::open().await;
        Office::open(table.dynamo(), today).await;
        let mut morning = HashMap::new();
        let mut due = HashSet::new();
        let mut lives = Vec::new();
        for life in LIVES {
            let model = Model::lived(today, life).await;
            assert_eq!(model.next_evaluation, Some(today), "of {life:?}");
            lives.push(model);
        }
        let firm = FIRM.parse().unwrap();
        for number in 0..DUE {
            let id: ClientId = format!("c-{number:06}").parse().unwrap();
            let copy = lives[number % lives.len()].copy_by_place(&id);
            table.put(copy.values().cloned().collect());
            morning.extend(copy);
            due.insert(Key::Head(&id).pk(&firm));
        }
        let quiet = Model::lived(today, QUIET_LIFE).await;
        assert!(quiet.next_evaluation.is_none_or(|next| today < next));
        let others: Vec<_> = (DUE..clients).collect();
        for some in others.chunks(AT_ONCE) {
            let copy = |number: &usize| quiet.copy(&format!("c-{number:06}").parse().unwrap());
            table.put(some.iter().flat_map(copy).collect());
        }
        let of_firm = table.partition(&Key::Settings.pk(&firm));
        morning.extend(of_firm.into_iter().map(|item| (Table::place(&item), item)));
        Self { table, today, clock: Arc::new(FixedClock::at(noon(today))), due, morning }
    }

    /// The whole day by the real path.
    async fn day(&self, dynamo: &Dynamo, workers: usize) -> Duration {
        let settings = QueueSettings { visibility: Duration::from_secs(600), ..Default::default() };
        let queue = Arc::new(LocalQueue::new("evaluations", settings));
        let state = State::new(dynamo.clone(), queue.clone(), self.clock.clone(), Stage::Local);
        let deadline = self.clock.now() + TimeDelta::minutes(15);
        let begun = Instant::now();
        let tick = tick(&state, deadline).await.unwrap();
        assert_eq!((tick.firms, tick.failed), (1, 0));
        while !queue.is_empty() {
            let worker = |_| queue.drain(|event| batch(&state, event, deadline));
            join_all((0..workers).map(worker)).await;
        }
        assert!(queue.dead_letters().is_empty());
        begun.elapsed()
    }

    /// The same requests, as they are.
    async fn raw(&self, seen: &Seen, at_once: usize, round: usize) -> Duration {
        let client = self.table.dynamo().client();
        let requests: VecDeque<_> = seen.requests.iter().cloned().enumerate().collect();
        let requests = Mutex::new(requests);
        let next = || requests.lock().unwrap().pop_front();
        let begun = Instant::now();
        let worker = |_| async {
            while let Some((number, request)) = next() {
                send(client, request, format!("{at_once}-{round}-{number}")).await;
            }
        };
        join_all((0..at_once).map(worker)).await;
        begun.elapsed()
    }

    async fn recorded(&self) -> (Seen, Consumed) {
        let recorder = Recorder::default();
        let dynamo = recorder.watch(self.table.dynamo());
        self.day(&dynamo, 1).await;
        (recorder.take(), dynamo.capacity().take())
    }

    /// Puts everything back to how it was in the morning.
    fn back(&self, seen: &Seen) {
        let touched: HashSet<_> = seen.requests.iter().flat_map(Request::writes).collect();
        let (known, new): (Vec<_>, Vec<_>) =
            touched.iter().partition(|place| self.morning.contains_key(place));
        self.table.put(known.iter().map(|place| self.morning[*place].clone()).collect());
        new.into_iter().for_each(|place| self.table.delete(place));
    }

    /// The median of what the real path takes, and of what its requests take alone.
    async fn compared(&self, seen: &Seen, workers: usize) -> (Duration, Duration) {
        let (mut real, mut raw) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            real.push(self.day(self.table.dynamo(), workers).await);
            self.back(seen);
            raw.push(self.raw(seen, workers * ACCOUNTS_AT_ONCE, round).await);
            self.back(seen);
        }
        (median(real), median(raw))
    }

    fn print_read(&self, seen: &Seen, consumed: Consumed) {
        let index = |request: &&Request| match request {
            Request::Query(query) => query.index_name().is_some(),
            _ => false,
        };
        let of_index = seen.requests.iter().filter(index).count();
        let accounts = format!("F#{FIRM}#C#");
        let is_account = |place: &&Place| place.pk.starts_with(&accounts);
        let is_commit = |request: &&Request| {
            matches!(request, Request::Transact(_))
                && request.writes().iter().any(|place| is_account(&place))
        };
        let transactions = seen.requests.iter().filter(is_commit).count();
        let (of_accounts, others): (Vec<_>, Vec<_>) = seen.items.iter().partition(is_account);
        let (due, not_due): (Vec<&Place>, Vec<&Place>) =
            of_accounts.into_iter().partition(|place| self.due.contains(&place.pk));
        assert!(not_due.is_empty(), "clients that aren't due were read: {not_due:?}");
        assert_eq!(transactions, DUE, "each is written once, on {}", self.today);
        let Consumed { half_reads, half_writes, calls } = consumed;
        println!("| calls of the table, of which {of_index} ask an index | {calls} |");
        println!("| items read of accounts that are due, index included | {} |", due.len());
        println!("| items read of other accounts | {} |", not_due.len());
        println!("| items read of the firm | {} |", others.len());
        println!(
            "| rows read of the list of clients, to count the active ones | {} |",
            seen.listed
        );
        println!("| read units | {} |", half_reads / 2);
        println!("| write units | {} |", half_writes / 2);
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

//! A test firm's clock, moved by two at once (TEST-1): settings that change beside it are no hindrance, and whoever
//! is overtaken is told where the clock stands and how to go on.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use domain::calendar::Day;
use domain::id::FirmId;
use platform::clock::{Clock, FixedClock, SystemClock};
use portcullis::bank::Bank;
use portcullis::command::clock::correspondence;
use portcullis::embedded::Embedded;
use portcullis::test_clock::{ClockError, Mover, operator};
use services::correspondence::Correspondence;
use store::{
    CommitMeta, Dynamo, Fault, Faults, FirmChange, FirmCommit, FirmSettings, Operation, Store,
};

fn firm() -> FirmId {
    "trial".parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn meta() -> CommitMeta {
    CommitMeta {
        at: SystemClock.now(),
        day: day("2026-10-01"),
        actor: operator(),
        command: "test".to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    }
}

/// A firm without clients, whose clock stands at the first of October.
async fn opened(dynamo: &Dynamo) {
    let mut settings = FirmSettings::new("Trial", chrono_tz::America::New_York);
    settings.is_test = true;
    settings.test_clock = Some("2026-10-01T16:00:00Z".parse().unwrap());
    let store = Store::new(dynamo.clone(), firm());
    assert_eq!(store.open_firm(&settings, &meta()).await.unwrap(), FirmCommit::Done);
}

/// What a clock moves with, over that table.
struct Ground {
    dynamo: Dynamo,
    correspondence: Correspondence,
    clock: Arc<dyn Clock>,
}

impl Ground {
    fn new(dynamo: Dynamo, data: &Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(SystemClock.now()));
        let letters = correspondence(data, "http://localhost:8080", clock.clone()).unwrap();
        Self { dynamo, correspondence: letters, clock }
    }

    /// The days of a move, until it ends or can't go on; `between` comes after the first of them.
    async fn go(&self, to: &str, between: impl AsyncFnOnce()) -> (Vec<Day>, Option<ClockError>) {
        let by = operator();
        let mover = Mover {
            dynamo: &self.dynamo,
            correspondence: &self.correspondence,
            bank: &Bank::Absent,
            clock: &*self.clock,
            by: &by,
        };
        let mut walk = mover.walk(&firm(), day(to)).await.unwrap();
        let (mut days, mut between) = (Vec::new(), Some(between));
        loop {
            match walk.next_day().await {
                Ok(Some(run)) => days.push(run.day),
                Ok(None) => return (days, None),
                Err(error) => return (days, Some(error)),
            }
            if let Some(between) = between.take() {
                between().await;
            }
        }
    }

    async fn stands_at(&self) -> Day {
        let firm = services::firm::Firm::open(self.dynamo.clone(), firm()).await.unwrap().unwrap();
        firm.day(self.clock.now())
    }
}

async fn nothing() {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_1_who_is_overtaken_is_told_where_the_clock_stands_and_how_to_go_on() {
    let data = tempfile::tempdir().unwrap();
    let table = Embedded::in_memory().await.unwrap();
    opened(table.dynamo()).await;
    let ground = Ground::new(table.dynamo().clone(), data.path());
    let other = Ground::new(table.dynamo().clone(), data.path());
    for (others, expected) in [
        (
            "2026-10-04",
            "its day is 2026-10-04. Let that move end, then move it to 2026-10-08 again",
        ),
        ("2026-10-09", "its day is 2026-10-09, so there is nothing left to do"),
    ] {
        let overtake = async || {
            let (days, error) = other.go(others, nothing).await;
            assert!(error.is_none() && !days.is_empty(), "{days:?} {error:?}");
        };
        let (days, error) = ground.go("2026-10-08", overtake).await;
        let text = error.unwrap().to_string();
        assert_eq!(days.len(), 1, "the others' days are theirs");
        assert!(text.contains("somebody else moved the clock of firm trial"), "{text}");
        assert!(text.contains(expected), "{text}");
        assert_eq!(ground.stands_at().await, day(others), "nobody sets it back");
    }
    // As it was told to.
    let (days, error) = ground.go("2026-10-12", nothing).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(days, [day("2026-10-10"), day("2026-10-11"), day("2026-10-12")]);
}

/// Changes the firm's settings before each of the first so many writes.
struct Meddler {
    dynamo: Dynamo,
    left: AtomicU32,
}

#[async_trait]
impl Faults for Meddler {
    async fn before(&self, operation: Operation) -> Option<Fault> {
        let take = |left: u32| left.checked_sub(1);
        let is_write = operation == Operation::Write;
        if is_write && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            let store = Store::new(self.dynamo.clone(), firm());
            let loaded = store.load_firm().await.unwrap().unwrap();
            let mut settings = loaded.settings.clone();
            settings.reply_to = Some(format!("{}@trial.example", loaded.version()));
            let change = FirmChange::Settings(settings);
            assert_eq!(
                store.change_firm(&loaded, &change, &meta()).await.unwrap(),
                FirmCommit::Done
            );
        }
        None
    }

    async fn after(&self, _: Operation) -> Option<Fault> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_1_settings_that_change_beside_a_move_do_not_stop_it() {
    for (changes, is_there) in [(1, true), (5, true), (1_000, false)] {
        let data = tempfile::tempdir().unwrap();
        let table = Embedded::in_memory().await.unwrap();
        opened(table.dynamo()).await;
        let meddler = Meddler { dynamo: table.dynamo().clone(), left: AtomicU32::new(changes) };
        let dynamo = table.dynamo().with_faults(Arc::new(meddler));
        let ground = Ground::new(dynamo, data.path());
        let (days, error) = ground.go("2026-10-02", nothing).await;
        assert_eq!(days.len(), usize::from(is_there), "{error:?}");
        if let Some(error) = error {
            let text = error.to_string();
            assert!(!is_there && text.contains("try again in a moment"), "{text}");
        }
        let store = Store::new(table.dynamo().clone(), firm());
        let settings = store.load_firm().await.unwrap().unwrap().settings;
        assert!(settings.reply_to.is_some(), "what the others set is kept");
    }
}

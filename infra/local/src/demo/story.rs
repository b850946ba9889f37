//! Three months at the demo firm, lived.
//!
//! `story.yaml` says what happens when, as a rehearsal's timeline does; here it happens in the table, by the
//! commands of the API, with the schedule's days and the letters between. Each act is one commit that names
//! it, the firm's clock says which day is lived, and everything of a day can be done twice. So whoever goes
//! on after a crash finds where it stopped, and what was begun is neither lost nor doubled.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::{Day, plus, start_of};
use domain::command::Command;
use domain::id::ClientId;
use domain::letter::LetterState;
use domain::rehearsal::{Entry, Timeline, What};
use sandbox::stripe::SandboxStripe;
use services::correspondence::Correspondence;
use services::day;
use services::execute::{Caller, execute};
use services::firm::{CLAIM_LEASE, Firm};
use services::import::mapping::Mapping;
use services::import::run::{Options, import};
use store::{Order, PageRequest, Platform};

use super::acts::billing_lead;
use super::desk::{self, Jotting};
use super::firm::{STORY_BEGINS, story_time};
use super::people::looking_after;
use super::{FIRST_DAY, Ground, firm_id};
use crate::bank::{Alone, Bank};
use crate::command::clock::correspondence;
use crate::test_clock::{self, NOON, operator};

/// What happens, when, to whom.
const STORY: &str = include_str!("story.yaml");

/// Its clients, and what they owed before.
const LEDGER: &[u8] = include_bytes!("ledger.csv");

/// Clients that nobody in particular looks after.
const OF_EVERYBODY: [&str; 3] = ["tern", "willow", "yarrow"];

/// So many records of a client are looked at for what a crash left: a day of the story makes far fewer.
const LOOK_BACK: u32 = 50;

/// The story under way.
pub(super) struct Life<'a> {
    pub(super) ground: &'a Ground<'a>,
    pub(super) sandbox: SandboxStripe,
    timeline: Timeline,
    desk: Vec<Jotting>,
    correspondence: Correspondence,
}

/// Lives the story from where it is to its end.
pub(super) async fn live(ground: &Ground<'_>) -> Result<()> {
    let Ground { dynamo, data, public_url, clock, .. } = ground;
    let alone = Alone::start(data, (*dynamo).clone(), clock.clone()).await?;
    let alone = alone.context("the demo firm has no gateway")?;
    let Bank::Here(sandbox) = alone.bank() else { unreachable!("a sandbox alone is here") };
    let life = Life {
        ground,
        sandbox,
        timeline: timeline()?,
        desk: desk::read()?,
        correspondence: correspondence(data, public_url, clock.clone())?,
    };
    let lived = life.live().await;
    alone.stop();
    lived
}

fn timeline() -> Result<Timeline> {
    let nothing = |name: &str| Err(format!("the story names no other file, got {name:?}"));
    Timeline::read("story.yaml", STORY, &nothing).context("the demo's story can't be read")
}

impl Life<'_> {
    async fn live(&self) -> Result<()> {
        let (first, last): (Day, Day) = (STORY_BEGINS.parse()?, FIRST_DAY.parse()?);
        let mut firm = test_clock::open(self.ground.dynamo, &firm_id()?).await?;
        let mut day = firm.day(self.now());
        tracing::info!(firm.id = %firm.id(), "Living the demo firm's story from {day} on");
        if day == first {
            self.import(&firm).await?;
            self.name_people(&firm).await?;
        }
        self.settle_letters(&firm).await?;
        let mut done = self.done_on(&firm, day).await?;
        loop {
            Box::pin(self.day(&firm, day, &done)).await?;
            if last <= day {
                break;
            }
            day = self.next_day(&firm, day).await?.min(last);
            firm = test_clock::set(firm, story_time(day), &operator(), self.now()).await?;
            done = BTreeSet::new();
        }
        // The last day's digest: of the days before nobody needs one any more.
        let platform = Platform::new(self.ground.dynamo.clone());
        self.correspondence.tell_all(&platform, &firm, self.now()).await?;
        let noon = start_of(last, firm.settings().zone) + NOON;
        test_clock::set(firm, noon, &operator(), self.now()).await?;
        Ok(())
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.ground.clock.now()
    }

    /// The clients, with what they owed before.
    async fn import(&self, firm: &Firm) -> Result<()> {
        let mapping = Mapping::new(std::iter::empty())?;
        let report =
            import(firm, LEDGER, &mapping, &Options::default(), &|_| {}, self.now()).await?;
        ensure!(report.summary.refused == 0, "the demo's ledger is refused: {:?}", report.summary);
        Ok(())
    }

    /// Who looks after its clients; a few are everybody's.
    async fn name_people(&self, firm: &Firm) -> Result<()> {
        let people = Command::AssignPeople(looking_after()?);
        let caller = Caller::new(billing_lead()?);
        for client in self.timeline.clients.keys() {
            if !OF_EVERYBODY.contains(&client.as_str()) {
                execute(firm, client, &people, &caller, self.now()).await?;
            }
        }
        Ok(())
    }

    /// What banks did by then, the evaluation at its start, then what happens on it, then its letters.
    async fn day(&self, firm: &Firm, day: Day, done: &BTreeSet<String>) -> Result<()> {
        let now = self.now();
        self.sandbox.begin_day(day).await;
        let ran = Box::pin(day::run(firm, now)).await?;
        if let Some((client, error)) = ran.failed.into_iter().next() {
            bail!("can't evaluate {client} on {day}: {error}");
        }
        for (number, entry) in self.entries(day) {
            let request = request_id("story", number);
            if !done.contains(&request) {
                let act = self.act(firm, entry, request).await;
                act.with_context(|| format!("story.yaml:{}", entry.line))?;
            }
        }
        for (number, jotting) in self.desk.iter().enumerate().filter(|(_, j)| j.on == day) {
            let request = request_id("desk", number);
            if !done.contains(&request) {
                let jotted = jotting.write(firm, request, self.now()).await;
                jotted.with_context(|| format!("desk.csv: entry {}", number + 1))?;
            }
        }
        let platform = Platform::new(self.ground.dynamo.clone());
        self.correspondence.leave_all(&platform, firm, self.now()).await?;
        Ok(())
    }

    fn entries(&self, day: Day) -> impl Iterator<Item = (usize, &Entry)> {
        self.timeline.entries.iter().enumerate().filter(move |(_, entry)| entry.on == day)
    }

    /// The next day on which anything happens: on one between nobody would be evaluated.
    async fn next_day(&self, firm: &Firm, day: Day) -> Result<Day> {
        let tomorrow = plus(day, 1);
        let told = self.timeline.entries.iter().map(|entry| entry.on);
        let told = told.chain(self.desk.iter().map(|jotting| jotting.on));
        let mut next = told.filter(|on| day < *on).min().unwrap_or(FIRST_DAY.parse()?);
        for shard in 0..firm.settings().shards {
            let one = PageRequest { cursor: None, limit: 1 };
            let due = firm.store().due(shard, next, &one).await?;
            next = due.items.iter().map(|due| due.day).fold(next, Day::min);
        }
        Ok(next.max(tomorrow))
    }

    /// The acts of that day that are done: a crash was on it.
    async fn done_on(&self, firm: &Firm, day: Day) -> Result<BTreeSet<String>> {
        let acts = self.entries(day).filter_map(|(_, entry)| match &entry.what {
            What::Act(act) => act.deed.client(),
            What::Expect(_) => None,
        });
        let jotted = self.desk.iter().filter(|jotting| jotting.on == day).map(Jotting::client);
        let clients: BTreeSet<&ClientId> = acts.chain(jotted).collect();
        let mut done = BTreeSet::new();
        for client in clients {
            let page = PageRequest { cursor: None, limit: LOOK_BACK };
            let records = firm.store().records(client, Order::Newest, &page).await?;
            done.extend(records.items.into_iter().filter_map(|record| record.body.request_id));
        }
        Ok(done)
    }

    /// Letters that a crash caught between their claim and their outcome: the mailbox knows which left. No
    /// other process is at them, as the folder is this one's.
    async fn settle_letters(&self, firm: &Firm) -> Result<()> {
        let now = self.now() + CLAIM_LEASE + TimeDelta::seconds(1);
        for client in self.timeline.clients.keys() {
            let page = PageRequest { cursor: None, limit: LOOK_BACK };
            for row in firm.store().letters(client, &page).await?.items {
                if matches!(row.letter.state, LetterState::Left(_)) && row.delivery.is_none() {
                    self.correspondence.look_after(firm, client, row.letter.id, now).await?;
                }
            }
        }
        Ok(())
    }
}

/// The name of an act in the audit.
fn request_id(of: &str, number: usize) -> String {
    format!("demo-{of}-{}", number + 1)
}

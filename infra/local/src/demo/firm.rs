//! The firm itself: settings, policy, grants. Each is made unless it is there, so that a crash between two
//! of them does no harm.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::calendar::{Day, start_of};
use domain::id::{ClassId, StaffId};
use domain::policy::read::preset_text;
use domain::role::Role;
use domain::text::Personal;
use firm_api::logo::{Drawn, draw};
use store::{CommitMeta, FirmChange, FirmCommit, FirmSettings, Grant, Logo, PolicyDocument, Store};

use super::FIRST_DAY;
use super::people::{STAFF, address};
use crate::test_clock::{NOON, operator};

/// The day on which its ledger is imported, and its story begins.
pub(super) const STORY_BEGINS: &str = "2026-07-01";

/// Its policy is in force since before any ledger that somebody tries with it.
const POLICY_SINCE: &str = "2024-01-01";

/// The class of clients with a monthly retainer, and their policy: what they may open is limited for weeks before a lock.
const RETAINER: &str = "retainer";
const LIMITS_FIRST: &str = "\
preset: cpa
with:
  regular:
    steps:
      - {at: 1, do: notice}
      - {at: 10, do: limit}
      - {at: 15, do: notice}
";

/// Its picture, and the colour in it.
const LOGO: &[u8] = include_bytes!("logo.png");
const COLOUR: &str = "#3d4f9f";

/// When in their day the days of the story are lived: letters leave at once, and on the last one there is
/// time left until noon, which says that the story is over.
pub(super) const STORY_HOUR: TimeDelta = TimeDelta::hours(9);

/// Where its days begin.
pub(super) const ZONE: Tz = Tz::America__New_York;

/// Whether its story was lived to the end; a firm that was opened by an older program has none.
pub(super) async fn is_lived(store: &Store) -> Result<bool> {
    let Some(loaded) = store.load_firm().await? else { return Ok(false) };
    let end = start_of(FIRST_DAY.parse()?, ZONE) + NOON;
    Ok(loaded.settings.test_clock.is_none_or(|clock| end <= clock))
}

/// What its clock says while a day of the story is lived.
pub(super) fn story_time(day: Day) -> DateTime<Utc> {
    start_of(day, ZONE) + STORY_HOUR
}

pub(super) async fn open(store: &Store) -> Result<()> {
    if store.load_firm().await?.is_none() {
        let Drawn { logo, bytes } = draw(LOGO)?;
        store.keep_logo(&logo.sha256, bytes).await?;
        let opened = store.open_firm(&settings(logo)?, &meta("open_firm")?).await?;
        ensure!(opened == FirmCommit::Done, "the demo firm is being opened by somebody else");
    }
    let usual = preset_text("cpa").context("the preset cpa is missing")?;
    for (class, document) in [("default", usual), (RETAINER, LIMITS_FIRST)] {
        let class: ClassId = class.parse()?;
        if store.policies(&class).await?.is_empty() {
            change(store, &FirmChange::PolicyArmed(policy(class, document)?), "arm_policy").await?;
        }
    }
    for person in STAFF {
        if store.grant(person.name).await?.is_none() {
            let grant = grant(person.name, person.role)?;
            change(store, &FirmChange::GrantGiven(grant), "give_grant").await?;
        }
    }
    Ok(())
}

fn settings(logo: Logo) -> Result<FirmSettings> {
    Ok(FirmSettings {
        is_test: true,
        test_clock: Some(story_time(STORY_BEGINS.parse()?)),
        mail_from: Some("billing@demo.example".to_owned()),
        reply_to: Some("billing@demo.example".to_owned()),
        postal_address: Some("1 Demo Street, New York, NY 10001".to_owned()),
        colour: Some(COLOUR.parse()?),
        logo: Some(logo),
        shards: 1, // a hundred clients
        ..FirmSettings::new("Demo Practice", ZONE)
    })
}

fn policy(class: ClassId, document: &str) -> Result<PolicyDocument> {
    Ok(PolicyDocument {
        class,
        version: 1,
        document: document.to_owned(),
        effective_on: POLICY_SINCE.parse()?,
        author: None,
        state: Default::default(),
        new_steps: BTreeMap::new(),
        late_fee_since: None,
    })
}

fn grant(name: &str, role: Role) -> Result<Grant> {
    Ok(Grant {
        subject: name.to_owned(),
        staff: name.parse::<StaffId>()?,
        name: Personal::new(name),
        roles: BTreeSet::from([role]),
        mail: Some(Personal::new(address(name))),
    })
}

async fn change(store: &Store, change: &FirmChange, command: &str) -> Result<()> {
    let loaded = store.load_firm().await?.context("the demo firm is gone")?;
    let changed = store.change_firm(&loaded, change, &meta(command)?).await?;
    ensure!(changed == FirmCommit::Done, "the demo firm is being changed by somebody else");
    Ok(())
}

/// What the record of a change says that the machine's operator makes as the story begins.
pub(super) fn meta(command: &str) -> Result<CommitMeta> {
    let day: Day = STORY_BEGINS.parse()?;
    Ok(CommitMeta {
        at: story_time(day),
        day,
        actor: operator(),
        command: command.to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    })
}

//! What a draft would do to the firm's book as it is, from today on, beside what is in force (POL-6).
//!
//! A preview is asked for in a request and worked on behind the queue of evaluations, page by page of the firm's list
//! of clients, as an armed policy comes to them ([`crate::rollout`]). Accounts are read and played on copies by the
//! engine of what-ifs; nothing is written but the preview's own items. A page and how far the preview is are one
//! write against what was read, so a message that comes twice, or two workers at once, count nobody twice.
//!
//! Each client is played alone, with every run taken as approved: then clients are independent of each other, and
//! whether a run of the whole firm would have waited is told at the end from the sums (LOCK-10). For these the
//! clients of other classes are played as well, under their own policies.

mod sum;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::account::Account;
use domain::calendar::{Day, plus};
use domain::id::ClassId;
use domain::letter::LetterKind;
use domain::policy::read::{read_text, to_yaml};
use domain::policy::{Policy, PolicyVersion};
use domain::run::{Caps, Latitude, Withheld};
use domain::whatif::{Assumed, Count, Engine};
use platform::log::chain;
use store::{
    ClientRow, ClientState, PageRequest, Preview, PreviewClient, PreviewDay, PreviewPage,
    PreviewSide, PreviewStage, StoreError, Waiting,
};
use tracing::{info, warn};

use crate::day::{DayError, Days, Evaluation};
use crate::execute::{Caller, ExecuteError, View, view};
use crate::firm::{Firm, PolicyError};
use crate::office::policies::{standings, version_after, version_of};

use self::sum::sum_up;
pub use self::sum::{CSV, MAX_LISTED, concerned, concerned_csv};

/// The most days that are looked ahead, and how many there are unless said otherwise.
pub const MAX_DAYS: u32 = 90;

/// How long a preview is whose who works on it: longer than a message of it is anybody's.
pub(crate) const LEASE: TimeDelta = TimeDelta::minutes(45);

/// The clients of a page. What one costs at worst (seconds, for thousands of invoices over 90 days under two policies)
/// times this is well inside the function's time limit; reading them costs less than writing the page.
pub const CLIENTS_PER_PAGE: u32 = 10;

/// So many pages at once, then the rest is handed on: others of the same firm wait behind them.
const PAGES_AT_ONCE: u32 = 20;

/// The most that is kept of why.
const MAX_FAILURE_BYTES: usize = 300;

/// The days of a week of the result.
pub const WEEK: u32 = 7;

/// What is to be done about something that waits, if it is a preview.
pub(crate) fn message(waiting: &Waiting) -> Option<Evaluation> {
    let Waiting::Preview { firm, preview } = waiting else { return None };
    Some(Evaluation::Preview { firm: firm.clone(), preview: preview.clone() })
}

/// What is to be previewed.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The id of the preview.
    pub id: String,
    /// Of which class.
    pub class: &'a ClassId,
    /// The draft.
    pub policy: &'a Policy,
    /// How many days after today.
    pub days: u32,
}

/// Begins a preview; the one that there is, where one of that id was begun before.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn begin(
    firm: &Firm,
    asked: Asked<'_>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Option<Preview>, PolicyError> {
    let Some(by) = caller.actor.staff().cloned() else { return Ok(None) };
    let today = firm.day(now);
    let current = match firm.policy(asked.class, today, now).await {
        Ok(version) => Some(version.id.version),
        Err(PolicyError::None { .. }) => None,
        Err(error) => return Err(error),
    };
    let preview = Preview {
        preview: asked.id,
        class: asked.class.clone(),
        by,
        begun_at: now,
        from: today,
        to: plus(today, asked.days),
        stage: PreviewStage::Running,
        current,
        assumed: assumed(firm, asked.class, today).await?,
        pages: 0,
        looked_at: 0,
        cursor: None,
        problem: None,
        version: 0,
    };
    firm.store().begin_preview(&preview, &to_yaml(asked.policy)).await?;
    Ok(firm.store().preview(&preview.preview, now).await?)
}

/// What a preview rests on beside the book, in sentences.
async fn assumed(firm: &Firm, class: &ClassId, today: Day) -> Result<Vec<String>, StoreError> {
    let mut sentences = vec![
        "Nobody pays, promises or disputes anything in these days, and no invoice goes out."
            .to_owned(),
    ];
    sentences.extend(Assumed::default().sentences().into_iter().filter(|said| {
        // Who pays because of a letter is in the sentence before.
        !said.starts_with("Nobody pays sooner")
    }));
    let documents = firm.store().policies(class).await?;
    let to_come = standings(&documents)
        .into_iter()
        .filter(|known| known.state.is_armed() && today < known.effective_on);
    sentences.extend(to_come.map(|known| {
        format!(
            "Version {}, armed for {}, is left out: the version in force today stays in force.",
            known.version,
            domain::calendar::for_person(known.effective_on)
        )
    }));
    if firm.ledger().is_some() {
        sentences.push("The ledger stays fresh.".to_owned());
    }
    if firm.latitude() == Latitude::Stopped {
        sentences.push("The stop of locks and letters is lifted today.".to_owned());
    }
    Ok(sentences)
}

impl Days {
    /// Works on a preview, page by page; what is left for want of time is handed on.
    pub(crate) async fn preview(
        &self,
        firm: &Firm,
        id: &str,
        deadline: DateTime<Utc>,
    ) -> Result<(), DayError> {
        let now = self.clock.now();
        let store = firm.store();
        let Some(mut preview) = store.preview(id, now).await? else { return Ok(()) };
        if preview.stage != PreviewStage::Running {
            return Ok(()); // somebody else brought it to its end
        }
        let draft = match draft(firm, &preview).await {
            Ok(draft) => draft,
            Err(PolicyError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(self.fail(firm, preview, &error).await?),
        };
        for done in 0.. {
            if PAGES_AT_ONCE <= done || (0 < done && self.is_late(deadline)) {
                let (firm, preview) = (firm.id().clone(), id.to_owned());
                let rest = Evaluation::Preview { firm, preview };
                return Ok(self.queue.send(vec![rest.message()?]).await?);
            }
            let (page, next) = look_at_page(firm, &preview, &draft, self.clock.now()).await?;
            let looked_at = page.clients.len() as u64;
            let after = Preview {
                pages: page.number + 1,
                looked_at: preview.looked_at + looked_at,
                cursor: next,
                ..preview.clone()
            };
            if !store.put_preview_page(&after, &page, self.clock.now() + LEASE).await? {
                return Ok(()); // somebody else is at it, and goes on
            }
            preview = Preview { version: after.version + 1, ..after };
            if preview.cursor.is_none() {
                break;
            }
        }
        let result = sum_up(firm, &preview).await?;
        let done = Preview { stage: PreviewStage::Done, ..preview };
        store.end_preview(&done, Some(&result)).await?;
        info!(firm.id = %firm.id(), clients = done.looked_at, "Preview {id} is done");
        Ok(())
    }

    async fn fail(
        &self,
        firm: &Firm,
        preview: Preview,
        error: &PolicyError,
    ) -> Result<(), StoreError> {
        warn!(firm.id = %firm.id(), "Preview {} has no result: {}", preview.preview, chain(error));
        let problem = Some(error.to_string());
        let failed = Preview { stage: PreviewStage::Failed, problem, ..preview };
        firm.store().end_preview(&failed, None).await.map(|_| ())
    }
}

/// The draft as it would be if it were armed today: what is new in it is new against what is in force (POL-1).
async fn draft(firm: &Firm, preview: &Preview) -> Result<PolicyVersion, PolicyError> {
    let text = firm.store().preview_text(&preview.preview).await?.unwrap_or_default();
    let documents = firm.store().policies(&preview.class).await?;
    let number = documents.first().map_or(1, |newest| newest.version + 1);
    let id = || domain::policy::PolicyRef { class: preview.class.clone(), version: number };
    let policy = read_text(&text).map_err(|source| PolicyError::Unreadable { id: id(), source })?;
    // Read all, so that a version that can't be read is found before clients are looked at.
    documents.iter().try_for_each(|document| version_of(document).map(|_| ()))?;
    version_after(&preview.class, &documents, (&policy, number), preview.from)
}

/// The next clients in the list, and where it goes on.
async fn look_at_page(
    firm: &Firm,
    preview: &Preview,
    draft: &PolicyVersion,
    now: DateTime<Utc>,
) -> Result<(PreviewPage, Option<String>), StoreError> {
    let request = PageRequest { cursor: preview.cursor.as_deref(), limit: CLIENTS_PER_PAGE };
    let listed = firm.store().clients(None, &request).await?;
    let mut clients = Vec::new();
    for row in listed.items {
        clients.push(look_at(firm, row, preview, draft, now).await?);
    }
    Ok((PreviewPage { number: preview.pages, clients }, listed.next))
}

/// What would happen to a client; an outage is an error, and anything else that goes wrong is its own.
async fn look_at(
    firm: &Firm,
    row: ClientRow,
    preview: &Preview,
    draft: &PolicyVersion,
    now: DateTime<Utc>,
) -> Result<PreviewClient, StoreError> {
    let mut seen = PreviewClient {
        is_of_class: row.class == preview.class,
        last_invoiced: row.last_invoiced.filter(|_| row.state != ClientState::Closed),
        client: row.client,
        current: PreviewSide::default(),
        draft: PreviewSide::default(),
        failed: None,
    };
    let view = match view(firm, &seen.client, now).await {
        Ok(Some(view)) => view,
        // It went meanwhile, or nothing is decided for its class.
        Ok(None) | Err(ExecuteError::Policy(PolicyError::None { .. })) => return Ok(seen),
        Err(ExecuteError::Store(error) | ExecuteError::Policy(PolicyError::Store(error)))
            if error.is_passing() =>
        {
            return Err(error);
        }
        Err(error) => {
            seen.failed = Some(cut(chain(&error)));
            return Ok(seen);
        }
    };
    if let Err(refused) = play_both(&view, preview, draft, &mut seen) {
        seen.failed = Some(cut(refused.to_string()));
    }
    Ok(seen)
}

fn play_both(
    view: &View,
    preview: &Preview,
    draft: &PolicyVersion,
    seen: &mut PreviewClient,
) -> Result<(), domain::whatif::Refused> {
    let account = &view.loaded.account;
    let (from, to) = (preview.from, preview.to);
    seen.current = play(account, &view.policy, view.episodes.clone(), (from, to))?;
    if seen.is_of_class {
        // Of what is in force now, which other locks name than those of older versions.
        let mut older = view.episodes.clone();
        older.push((*view.policy).clone());
        seen.draft = play(account, draft, older, (from, to))?;
    } else {
        // Nothing of it is shown but what the firm's run counts, and that is the same under both.
        seen.current.days.clear();
        (seen.current.is_locked, seen.current.approvals) = (false, 0);
    }
    Ok(())
}

/// Plays a copy of an account from a day to a day, both included.
fn play(
    account: &Account,
    policy: &PolicyVersion,
    older: Vec<PolicyVersion>,
    (from, to): (Day, Day),
) -> Result<PreviewSide, domain::whatif::Refused> {
    let caps = Caps::of(&policy.policy);
    let mut engine = Engine::new(policy.clone(), Assumed::default(), from, to).after(older);
    engine.add(account.clone());
    let outcome = engine.finish()?;
    let harsh: BTreeMap<_, _> = outcome
        .harsh
        .into_iter()
        .map(|(day, locks, demands)| (day, Withheld { lock: 0 < locks, demand: 0 < demands }))
        .collect();
    Ok(PreviewSide {
        days: outcome.days.iter().map(|(day, count)| (*day, of(count))).collect(),
        caps: (!harsh.is_empty()).then_some(caps),
        harsh,
        is_locked: 0 < outcome.locked_at_end,
        approvals: outcome.approvals_wanted,
    })
}

fn of(count: &Count) -> PreviewDay {
    let letters = LetterKind::ALL.into_iter().map(|kind| (kind, count.letters(kind)));
    PreviewDay {
        locks: count.locks,
        unlocks: count.unlocks,
        limits: count.limits,
        letters: letters.filter(|(_, letters)| 0 < *letters).collect(),
        fees: count.fees.clone(),
        people: count.people,
    }
}

fn cut(mut text: String) -> String {
    let mut end = MAX_FAILURE_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

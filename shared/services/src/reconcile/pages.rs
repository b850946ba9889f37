//! A page of a gateway's list: asked for, and each that is on it read.

use chrono::{DateTime, Utc};
use futures::future::join_all;
use gateways::{GatewayError, ObjectId, Page, Span, WebhookEvent};
use platform::log::chain;
use store::{ReconcileStage, Reconciliation, Store, StoreError};

use super::report::{self, note, watch};
use super::{REACH, Reconciler, needs};
use crate::webhook::{Account, Told};

/// How many payments are read at the same time: gateways allow some 25 questions a second, and a reading is a few.
const AT_ONCE: usize = 4;

/// How many payments that were open before make a page.
const OPEN_PAGE: usize = 100;

/// How an endpoint's turn ended.
#[derive(Debug)]
pub(super) enum Paged {
    /// All of it is done.
    Whole,
    /// Time was over.
    Late,
    /// The gateway can't be asked.
    Stopped,
    /// Somebody else went on.
    Overtaken,
}

/// What a page holds.
enum Item {
    Event(Box<WebhookEvent>),
    Payment(ObjectId),
}

/// A list's page, or why there is none.
enum Listing {
    Page(Vec<Item>, Option<String>),
    /// Not now.
    Later(String),
    /// Nor later, as it was asked for.
    Never(String),
}

impl Reconciler {
    /// Does a page, or as much of it as there is time for, and says in the report where it goes on. An error is
    /// a sentence: why the gateway can't be asked.
    pub(super) async fn page(
        &self,
        store: &Store,
        account: &Account,
        report: &mut Reconciliation,
        until: DateTime<Utc>,
    ) -> Result<Result<(), String>, StoreError> {
        if let Some((ability, list)) = needs(report.stage)
            && !account.gateway.abilities().contains(&ability)
        {
            report.not_listed.push(list.to_owned());
            turn_to_next(report);
            return Ok(Ok(()));
        }
        let (items, next) = match ask(account, report).await {
            Listing::Page(items, next) => (items, next),
            Listing::Later(why) => return Ok(Err(why)),
            // A place in a list that is no more: from its beginning. What is known changes nothing.
            Listing::Never(_) if report.cursor.is_some() => {
                (report.cursor, report.done) = (None, 0);
                return Ok(Ok(()));
            }
            Listing::Never(why) => {
                (report.is_gapless, report.trouble) = (false, Some(report::short(&why)));
                turn_to_next(report);
                return Ok(Ok(()));
            }
        };
        let mut items = items.into_iter().skip(report.done as usize).peekable();
        while items.peek().is_some() {
            if self.is_late(until) {
                return Ok(Ok(()));
            }
            let some: Vec<_> = items.by_ref().take(AT_ONCE).collect();
            if let Err(why) = self.some(store, account, report, some).await? {
                return Ok(Err(why));
            }
        }
        report.done = 0;
        match next {
            // One that leads to itself would never end.
            Some(next) if report.cursor.as_ref() != Some(&next) => report.cursor = Some(next),
            _ => turn_to_next(report),
        }
        Ok(Ok(()))
    }

    /// Reads some at the same time. Those before the first that can't be read now are done; what was put right
    /// beyond it is noted all the same, and comes again.
    async fn some(
        &self,
        store: &Store,
        account: &Account,
        report: &mut Reconciliation,
        some: Vec<Item>,
    ) -> Result<Result<(), String>, StoreError> {
        let is_event = report.stage == ReconcileStage::Events;
        let count = some.len();
        let told = join_all(some.into_iter().map(|item| self.item(account, item))).await;
        let (mut done, mut trouble) = (0, None);
        for told in told {
            let (id, told) = told?;
            match told {
                Some(Told::Later(why)) => trouble = trouble.or(Some(why)),
                told => {
                    let is_counted = trouble.is_none();
                    done += u32::from(is_counted);
                    if is_event && is_counted {
                        report.counts.events += 1;
                        report.counts.lost += u64::from(told.is_some());
                    }
                    if let (Some(id), ReconcileStage::Payments) = (&id, report.stage) {
                        // It is read here: then not once more with those that were open before.
                        report.open_before.retain(|open| open != id.as_str());
                    }
                    if let Some(told) = told {
                        watch(report, account, &told, self.clock.now());
                        note(store, account, report, (id, told), is_counted && !is_event).await?;
                    }
                }
            }
        }
        debug_assert!(done as usize <= count, "no more is done than there was");
        report.done += done;
        Ok(trouble.map_or(Ok(()), Err))
    }

    async fn item(
        &self,
        account: &Account,
        item: Item,
    ) -> Result<(Option<ObjectId>, Option<Told>), StoreError> {
        let now = self.clock.now();
        match item {
            Item::Event(event) => {
                let told = self.webhooks.catch_up(account, *event, now).await?;
                Ok((None, told))
            }
            Item::Payment(payment) => {
                let told = self.webhooks.reread(account, &payment, now).await?;
                Ok((Some(payment), Some(told)))
            }
        }
    }
}

/// Asks for the page that is next.
async fn ask(account: &Account, report: &Reconciliation) -> Listing {
    let (gateway, cursor) = (&account.gateway, report.cursor.as_deref());
    let span =
        |from: DateTime<Utc>| Span { from_unix: from.timestamp(), to_unix: report.to.timestamp() };
    match report.stage {
        ReconcileStage::Events => {
            let from = report.from.max(report.to - REACH);
            let listed = gateway.events(span(from), cursor).await;
            listing(listed, |event| Item::Event(Box::new(event)))
        }
        ReconcileStage::Payments => {
            listing(gateway.payments(span(report.from), cursor).await, Item::Payment)
        }
        ReconcileStage::Open => {
            let first = cursor.and_then(|cursor| cursor.parse::<usize>().ok()).unwrap_or(0);
            let rest = report.open_before.get(first..).unwrap_or_default();
            let page = rest.iter().take(OPEN_PAGE);
            let items = page.filter_map(|id| id.parse().ok()).map(Item::Payment).collect();
            let next = first + OPEN_PAGE;
            let has_more = next < report.open_before.len();
            Listing::Page(items, has_more.then(|| next.to_string()))
        }
        ReconcileStage::Done => Listing::Page(Vec::new(), None),
    }
}

fn listing<T>(listed: Result<Page<T>, GatewayError>, item: impl Fn(T) -> Item) -> Listing {
    match listed {
        Ok(Page { items, next }) => Listing::Page(items.into_iter().map(item).collect(), next),
        Err(
            error @ (GatewayError::Down { .. }
            | GatewayError::Refused { .. }
            | GatewayError::NotFound { .. }),
        ) => Listing::Later(chain(&error)),
        Err(error) => Listing::Never(chain(&error)),
    }
}

fn turn_to_next(report: &mut Reconciliation) {
    (report.cursor, report.done) = (None, 0);
    report.stage = match report.stage {
        ReconcileStage::Events => ReconcileStage::Payments,
        ReconcileStage::Payments => ReconcileStage::Open,
        ReconcileStage::Open | ReconcileStage::Done => ReconcileStage::Done,
    };
}

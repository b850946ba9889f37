//! A draft is previewed on the book as it is, and nothing of the book is changed by it (POL-6).

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use domain::command::Command;
use domain::letter::LetterKind;
use domain::policy::read::read_text;
use domain::role::{Actor, Role};
use platform::clock::Clock;
use services::day::Evaluation;
use services::execute::Caller;
use services::firm::Firm;
use services::firms::Firms;
use services::preview::{Asked, CLIENTS_PER_PAGE, MAX_DAYS, begin, concerned, concerned_csv};
use store::{Preview, PreviewAct, PreviewResult, PreviewStage};

use crate::desk::{Desk, client, day, firm_id, settings, usd};
use crate::rollout::{ANN, STRICT, a_debtor, arm, is_locked, roll_out, sweep};

/// What a client costs at most, in half units: a part of a page of the list, its items, twice a part of the page
/// that is written in a transaction with how far the preview is; and reading that page again at the end.
const HALF_READS: u64 = 6;
const HALF_WRITES: u64 = 8;

async fn preview(desk: &Desk, firm: &Firm, id: &str, class: &str, with: &str) -> Preview {
    let policy = read_text(&format!("{{preset: cpa, with: {{{with}}}}}")).unwrap();
    let class = class.parse().unwrap();
    let id = format!("preview-{id}");
    let roles = [Role::BillingLead].into();
    let caller = Caller::new(Actor::Staff { id: "bea".parse().unwrap(), roles });
    let asked = Asked { id, class: &class, policy: &policy, days: MAX_DAYS };
    begin(firm, asked, &caller, desk.clock.now()).await.unwrap().unwrap()
}

async fn result(desk: &Desk, firm: &Firm, id: &str) -> PreviewResult {
    let id = format!("preview-{id}");
    let preview = firm.store().preview(&id, desk.clock.now()).await.unwrap().unwrap();
    assert_eq!(preview.stage, PreviewStage::Done, "{:?}", preview.problem);
    firm.store().preview_result(&id).await.unwrap().unwrap()
}

/// Every item of the table but a preview's own, by its keys.
async fn everything_else(desk: &Desk) -> BTreeMap<(String, String), String> {
    let mut items = BTreeMap::new();
    let mut start = None;
    loop {
        // By its long name: the product reads no table whole, and a test looks for whoever does.
        let page = Client::scan(desk.dynamo.client()).table_name(desk.dynamo.table());
        let page = page.set_exclusive_start_key(start).send().await.unwrap();
        for item in page.items() {
            let text = |name: &str| match item.get(name) {
                Some(AttributeValue::S(text)) => text.clone(),
                _ => String::new(),
            };
            let key = (text("pk"), text("sk"));
            if !key.0.contains("preview-") && !key.1.contains("preview-") {
                items.insert(key, in_order(&AttributeValue::M(item.clone())));
            }
        }
        start = page.last_evaluated_key().cloned();
        if start.is_none() {
            return items;
        }
    }
}

/// Maps come in another order each time.
fn in_order(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let sorted: BTreeMap<_, _> =
                map.iter().map(|(name, value)| (name, in_order(value))).collect();
            format!("{sorted:?}")
        }
        AttributeValue::L(list) => list.iter().map(in_order).collect::<Vec<_>>().join(", "),
        value => format!("{value:?}"),
    }
}

#[tokio::test]
async fn pol_6_a_preview_says_what_arming_would_do_and_changes_nothing() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    let bolt = desk.client(&firm, "bolt", ANN).await;
    desk.invoice(&firm, &bolt, "bolt-1", usd(5_000), "2026-04-20").await;
    desk.tick().await;
    desk.work().await;

    sweep(&desk).await; // what else waits is the queues' for a while
    let before = everything_else(&desk).await;
    assert!(10 < before.len());
    let begun = preview(&desk, &firm, "1", "default", STRICT).await;
    assert_eq!((begun.stage, begun.current), (PreviewStage::Running, Some(1)));
    assert_eq!((begun.from, begun.to), (day("2026-03-26"), day("2026-06-24")));
    assert!(begun.assumed[0].contains("Nobody pays"), "{:?}", begun.assumed);
    assert_eq!(sweep(&desk).await.rollouts, 1);
    desk.work().await;
    let after = everything_else(&desk).await;
    for (key, item) in &before {
        assert_eq!(after.get(key), Some(item), "{key:?}");
    }
    assert_eq!(after.len(), before.len());
    assert!(desk.waiting().await.len() < 10, "no letter came of it");

    let found = result(&desk, &firm, "1").await;
    assert_eq!((found.clients, found.failures), (2, 0));
    // Under the draft acme is locked today, under what is in force five days later: 30 days after March 2.
    let locked = found.listed.iter().find(|listed| listed.act == PreviewAct::Locked).unwrap();
    assert_eq!(locked.client, acme);
    assert_eq!(locked.draft.unwrap().on, day("2026-03-26"));
    assert_eq!(locked.current.unwrap().on, day("2026-04-01"));
    assert_eq!((found.current.total.locks, found.draft.total.locks), (2, 2));
    assert_eq!((found.current.locked_at_end, found.draft.locked_at_end), (2, 2));
    assert_eq!(found.draft.weeks.len(), 13);
    assert_eq!((found.draft.weeks[0].locks, found.current.weeks[0].locks), (1, 1));
    assert!(found.current.total.letters.contains_key(&LetterKind::Reminder), "bolt is reminded");
    assert_eq!(found.draft.total.people, 2);

    // What it says of today is what arming does.
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-26").await;
    roll_out(&desk).await;
    assert!(is_locked(&firm, &acme).await && !is_locked(&firm, &bolt).await);
}

#[tokio::test]
async fn pol_6_what_is_in_force_does_is_what_its_side_says() {
    let desk = Desk::at("2026-03-26T00:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    desk.tick().await;
    desk.work().await;
    preview(&desk, &firm, "1", "default", STRICT).await;
    sweep(&desk).await;
    desk.work().await;
    let days = result(&desk, &firm, "1").await.current.days;
    let letters_of = |from: usize| -> Vec<(String, LetterKind)> {
        let days = days.iter().skip(from);
        days.flat_map(|(on, day)| day.letters.keys().map(|kind| (on.to_string(), *kind))).collect()
    };
    let mut left = Vec::new();
    for ahead in 0..30 {
        if 0 < ahead {
            desk.pass(TimeDelta::days(1));
            desk.tick().await;
            desk.work().await;
        }
        desk.pass(TimeDelta::hours(9)); // past the quiet hours
        desk.deliver().await;
        desk.pass(-TimeDelta::hours(9));
        for row in desk.letters(&firm, &acme).await {
            if let domain::letter::LetterState::Left(sending) = &row.letter.state
                && sending.on == desk.clock.now().date_naive()
            {
                left.push((sending.on.to_string(), sending.kind));
            }
        }
        let is_said =
            days.iter().any(|(on, day)| 0 < day.locks && *on <= desk.clock.now().date_naive());
        assert_eq!(is_locked(&firm, &acme).await, is_said, "{ahead} days later");
    }
    let mut said = letters_of(0);
    said.retain(|(on, _)| **on < *"2026-04-25");
    left.sort();
    assert_eq!(left, said);
    assert!(1 < left.len(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_6_a_page_that_is_brought_twice_or_by_two_counts_once() {
    const CLIENTS: u32 = 2 * CLIENTS_PER_PAGE + 5;
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    for number in 0..CLIENTS {
        a_debtor(&desk, &firm, &format!("c-{number:02}")).await;
    }
    preview(&desk, &firm, "once", "default", STRICT).await;
    sweep(&desk).await;
    desk.work().await;
    let once = result(&desk, &firm, "once").await;
    assert_eq!((once.clients, once.draft.total.locks), (u64::from(CLIENTS), u64::from(CLIENTS)));

    preview(&desk, &firm, "twice", "default", STRICT).await;
    sweep(&desk).await;
    let firms = Firms::new(desk.dynamo.clone());
    let over = desk.clock.now(); // a time limit that is over: one page a message
    let mut messages = desk.wire.take();
    let mut rounds = 0;
    while !messages.is_empty() {
        rounds += 1;
        assert!(rounds < 20, "{messages:?}");
        for message in messages {
            assert!(matches!(message, Evaluation::Preview { .. }), "{message:?}");
            let days = desk.days();
            let (one, other) = tokio::join!(
                days.handle(&firms, message.clone(), over),
                days.handle(&firms, message.clone(), over)
            );
            one.unwrap();
            other.unwrap();
            days.handle(&firms, message, over).await.unwrap();
        }
        messages = desk.wire.take();
    }
    assert_eq!(result(&desk, &firm, "twice").await, once);
    // And once more, when all is done.
    let message = Evaluation::Preview { firm: firm_id("f-1"), preview: "preview-twice".to_owned() };
    desk.do_message(message).await.unwrap();
    assert_eq!(result(&desk, &firm, "twice").await, once);
}

#[tokio::test]
async fn pol_6_a_preview_whose_worker_died_is_gone_on_with_and_ends_by_itself() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    a_debtor(&desk, &firm, "acme").await;
    preview(&desk, &firm, "1", "default", STRICT).await;
    assert_eq!(sweep(&desk).await.rollouts, 1);
    assert_eq!(desk.wire.take().len(), 1); // and whoever took it dies
    desk.pass(TimeDelta::minutes(44));
    assert_eq!(sweep(&desk).await.rollouts, 0, "it is the queue's as long as its lease");
    desk.pass(TimeDelta::minutes(2));
    assert_eq!(sweep(&desk).await.rollouts, 1);
    desk.work().await;
    assert_eq!(result(&desk, &firm, "1").await.clients, 1);
    desk.pass(TimeDelta::hours(1));
    assert_eq!(sweep(&desk).await.rollouts, 0, "nothing is left to be done");
    desk.pass(TimeDelta::days(7));
    let now = desk.clock.now();
    assert_eq!(firm.store().preview("preview-1", now).await.unwrap(), None, "its time is over");
}

#[tokio::test]
async fn lock_10_the_caps_are_held_against_what_a_run_of_the_whole_firm_would_do() {
    const AT_25: &str = "lock: {days_overdue: 25, after_notice_days: 0}"; // on the 27th
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    arm(&desk, "f-1", "vip", 1, AT_25, "2020-01-01").await;
    for number in 0..4 {
        a_debtor(&desk, &firm, &format!("c-{number}")).await;
    }
    for number in 0..2 {
        let vip = a_debtor(&desk, &firm, &format!("v-{number}")).await;
        let mut profile = firm.store().load(&vip).await.unwrap().unwrap().account.profile;
        profile.class = "vip".parse().unwrap();
        desk.act(&firm, &vip, Command::ChangeProfile(profile)).await.unwrap();
    }
    preview(&desk, &firm, "1", "default", AT_25).await;
    sweep(&desk).await;
    desk.work().await;
    let found = result(&desk, &firm, "1").await;
    // Four of the class and two others on one day: neither alone is too many.
    assert_eq!((found.clients, found.draft.total.locks), (4, 4));
    let [held] = &found.draft.held[..] else { panic!("{:?}", found.draft.held) };
    assert_eq!((held.on, held.locks, held.active), (day("2026-03-27"), 6, 6));
    assert_eq!(found.current.held, []);
}

#[tokio::test]
async fn sec_1_a_preview_is_of_one_firm_and_a_firms_book_of_its_own() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let other = desk.firm_of("f-2", settings("UTC"), "").await;
    a_debtor(&desk, &firm, "acme").await;
    a_debtor(&desk, &other, "bolt").await;
    preview(&desk, &firm, "1", "default", STRICT).await;
    sweep(&desk).await;
    desk.work().await;
    let now = desk.clock.now();
    assert_eq!(other.store().preview("preview-1", now).await.unwrap(), None);
    assert_eq!(other.store().preview_result("preview-1").await.unwrap(), None);
    let (rows, next) = concerned(firm.store(), "preview-1", None).await.unwrap();
    assert!(next.is_none() && rows.iter().all(|row| row.client == client("acme")), "{rows:?}");
    assert_eq!(concerned(other.store(), "preview-1", None).await.unwrap().0, []);
    let (csv, _) = concerned_csv(firm.store(), "preview-1", None).await.unwrap();
    let line = "\"acme\",\"Acme Bakery\",locked,2026-04-01,1,2026-03-26,1";
    assert!(csv.lines().any(|known| known == line), "{csv}");
    // Ids that are none lead nowhere, whatever else the firm keeps under such keys.
    for id in ["day#2026-03-26", "import-1", "preview-#", "preview-1/x", ""] {
        assert_eq!(firm.store().preview(id, now).await.unwrap(), None, "for {id:?}");
    }
}

#[tokio::test]
async fn eval_3_a_preview_costs_what_reading_the_book_and_writing_its_pages_costs() {
    const CLIENTS: u64 = 40;
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    for number in 0..CLIENTS {
        a_debtor(&desk, &firm, &format!("c-{number:02}")).await;
    }
    preview(&desk, &firm, "1", "default", STRICT).await;
    sweep(&desk).await;
    desk.dynamo.capacity().take();
    desk.work().await;
    let consumed = desk.dynamo.capacity().take();
    assert_eq!(result(&desk, &firm, "1").await.clients, CLIENTS);
    let reads = consumed.half_reads.div_ceil(CLIENTS);
    let writes = consumed.half_writes.div_ceil(CLIENTS);
    assert!(
        reads <= HALF_READS && writes <= HALF_WRITES,
        "{reads} half reads, {writes} half writes a client"
    );
}

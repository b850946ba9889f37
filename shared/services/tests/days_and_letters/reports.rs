//! The firm's numbers (KPI-1): rolled up once however often it is tried, whoever dies on the way; of one firm and no
//! other; and told to partners once a month.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use chrono::TimeDelta;
use domain::calendar::Day;
use domain::id::ClientId;
use domain::kpi::{AGING, Book, DayCount};
use domain::money::Money;
use domain::role::Role;
use domain::text::Personal;
use futures::future::join_all;
use platform::clock::Clock;
use services::firm::Firm;
use services::reports::{Made, aging_csv, kpi_csv, make, plan, report};
use services::tell::choose_mails;
use store::{FirmChange, Grant, Mails, PageRequest, Platform, Waiting};

use crate::desk::*;
use crate::staff::ends_at;

const ZONE: &str = "America/New_York";

const ANN: &[&str] = &["ann@acme.example"];

/// Locks what is 20 days overdue, warned or not.
const STRICT: &str = "lock: {days_overdue: 20, after_notice_days: 0}";

async fn made(desk: &Desk, firm: &Firm) -> Made {
    make(firm, desk.clock.now(), &|| false).await.unwrap()
}

/// Everything that reports are made of.
async fn kept(firm: &Firm) -> (Vec<(Day, DayCount)>, Vec<(Day, Book)>) {
    let (first, last) = (day("2026-01-01"), day("2026-12-31"));
    let days = firm.store().day_counts(first, last).await.unwrap();
    let books = firm.store().books(first, last).await.unwrap();
    (days.into_iter().collect(), books.into_iter().map(|book| (book.day, book.book)).collect())
}

/// Three clients pay on March 2 and 3, and one of them in yen; a fourth pays nothing.
async fn lived(desk: &Desk, id: &str) -> Arc<Firm> {
    let firm = desk.firm(id, ZONE, "").await;
    plan(&firm, day("2026-03-02"), desk.clock.now()).await.unwrap();
    let yen = |minor| Money::new(minor, "JPY".parse().unwrap());
    for (name, total) in
        [("acme", usd(10_000)), ("bolt", usd(7_000)), ("cord", yen(900)), ("dent", usd(1))]
    {
        let client = desk.client(&firm, &format!("{name}-{id}"), ANN).await;
        desk.invoice(&firm, &client, &format!("{name}-1"), total, "2026-03-10").await;
        if name == "cord" {
            desk.invoice(&firm, &client, "cord-2", usd(200), "2026-01-10").await;
        }
    }
    let pay = async |name: &str, amount| {
        desk.pay(&firm, &client(&format!("{name}-{id}")), &format!("stripe:{name}-{id}"), amount)
            .await;
    };
    pay("acme", usd(10_000)).await;
    desk.clock.set(at("2026-03-04T04:59:59Z")); // the last second of March 3 in New York
    pay("bolt", usd(7_000)).await;
    desk.clock.set(at("2026-03-04T05:00:00Z"));
    pay("cord", yen(900)).await;
    desk.clock.set(at("2026-03-05T17:00:00Z"));
    firm
}

#[tokio::test]
async fn kpi_1_days_are_the_firm_s_and_come_to_the_same_however_often() {
    let desk = Desk::at("2026-03-02T17:00:00Z").await;
    let firm = lived(&desk, "f-1").await;
    // The first day is that on which somebody looked first.
    assert_eq!(made(&desk, &firm).await, Made::Done);
    let first = kept(&firm).await;
    let paid = |(day, count): &(Day, DayCount)| {
        let all = count.paid.values().map(|paid| (paid.invoices, paid.days));
        (day.to_string(), all.collect::<Vec<_>>())
    };
    let days: Vec<_> = first.0.iter().map(paid).collect();
    // Issued on February 8: 22, 23 and 24 days before.
    let one = |on: &str, days| (on.to_owned(), vec![(1, days)]);
    assert_eq!(days, [one("2026-03-02", 22), one("2026-03-03", 23), one("2026-03-04", 24)]);
    // Money of two currencies is in two lists.
    let (on, book) = &first.1[0];
    assert_eq!((on.to_string(), book.clients, book.active), ("2026-03-05".to_owned(), 4, 4));
    let owed: Vec<_> = book
        .owed
        .iter()
        .map(|(currency, buckets)| (currency.code(), buckets.map(|aged| aged.minor)))
        .collect();
    assert_eq!(owed, [("USD", [1, 0, 200, 0, 0])], "what was paid is owed no more");
    // Again, and by four at once.
    assert_eq!(made(&desk, &firm).await, Made::Done);
    let firms = [desk.open("f-1").await, desk.open("f-1").await, desk.open("f-1").await, firm];
    for made in join_all(firms.iter().map(|firm| made(&desk, firm))).await {
        assert_eq!(made, Made::Done);
    }
    assert_eq!(kept(&firms[0]).await, first);
    // A day later there is one more book, and the days are as they were.
    desk.pass(TimeDelta::days(1));
    made(&desk, &firms[0]).await;
    let later = kept(&firms[0]).await;
    assert_eq!((&later.0, later.1.len()), (&first.0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpi_1_whoever_dies_on_the_way_changes_no_number() {
    let desk = Desk::at("2026-03-02T17:00:00Z").await;
    let model = lived(&desk, "model").await;
    made(&desk, &model).await;
    let (days, books) = kept(&model).await;
    for boundary in 0.. {
        let desk = Desk::at("2026-03-02T17:00:00Z").await;
        let firm = lived(&desk, "model").await;
        let now = desk.clock.now();
        let has_died = ends_at(&desk, boundary, |dying| async move {
            let firm = Firm::open(dying, "model".parse().unwrap()).await.unwrap().unwrap();
            make(&firm, now, &|| false).await.unwrap();
        })
        .await;
        assert_eq!(made(&desk, &firm).await, Made::Done);
        assert_eq!(kept(&firm).await, (days.clone(), books.clone()), "ended at {boundary}");
        if !has_died {
            assert!(15 < boundary, "only {boundary} boundaries");
            return;
        }
    }
}

/// Page by page, each page its own step of work: what is over when time is goes on from there.
#[tokio::test]
async fn kpi_1_a_large_book_is_counted_in_several_goes() {
    let desk = Desk::at("2026-03-02T17:00:00Z").await;
    let firm = desk.firm("f-1", ZONE, "").await;
    for number in 0..230 {
        let client = desk.client(&firm, &format!("c-{number:03}"), ANN).await;
        if number % 2 == 0 {
            let due = if number % 4 == 0 { "2026-03-01" } else { "2026-03-20" };
            desk.invoice(&firm, &client, &format!("A-{number}"), usd(100), due).await;
        }
    }
    // No time at all: nothing is lost, and nothing is said to be done.
    assert_eq!(make(&firm, desk.clock.now(), &|| true).await.unwrap(), Made::Later);
    let mut goes = 0;
    loop {
        goes += 1;
        let looks = AtomicU32::new(0);
        // Room for one page in each.
        let is_late = || 1 <= looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if make(&firm, desk.clock.now(), &is_late).await.unwrap() == Made::Done {
            break;
        }
    }
    assert_eq!(goes, 3);
    let (_, books) = kept(&firm).await;
    let [(_, book)] = &books[..] else { panic!("{books:?}") };
    assert_eq!((book.clients, book.active, book.locked), (230, 115, 0));
    let buckets = book.owed.values().next().unwrap();
    let owed: Vec<_> = AGING
        .iter()
        .zip(buckets)
        .map(|((_, name), aged)| (*name, aged.invoices, aged.minor))
        .collect();
    assert_eq!(owed[..2], [("current", 57, 5_700), ("1–30 days", 58, 5_800)]);
}

#[tokio::test]
async fn kpi_1_sec_1_one_firm_s_numbers_are_in_no_other_s() {
    let desk = Desk::at("2026-03-02T17:00:00Z").await;
    let (mine, other) = (lived(&desk, "f-1").await, desk.firm("f-10", ZONE, "").await);
    plan(&other, day("2026-03-02"), desk.clock.now()).await.unwrap();
    for firm in [&mine, &other] {
        made(&desk, firm).await;
    }
    let (days, books) = kept(&other).await;
    assert_eq!((days, books[0].1.clone()), (Vec::new(), Book::default()));
    let (from, to) = (day("2026-03-01"), day("2026-03-31"));
    let of_other = report(other.store(), from, to).await.unwrap();
    assert_eq!(of_other.months[0].measures, Default::default());
    let of_mine = report(mine.store(), from, to).await.unwrap();
    assert_eq!(of_mine.months[0].measures.all_paid().invoices, 3);
}

/// A day of the schedule, end to end: the tick plans, the sweeper makes, and nothing waits any more.
#[tokio::test]
async fn kpi_1_the_sweeper_makes_what_the_morning_plans() {
    let desk = Desk::at("2026-01-05T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", STRICT).await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-01-10").await;
    for ahead in 0..40 {
        desk.clock.set(at("2026-01-06T00:00:00Z") + TimeDelta::days(ahead));
        desk.tick().await;
        desk.work().await;
        desk.pass(TimeDelta::hours(12));
        desk.deliver().await;
        let platform = Platform::new(desk.dynamo.clone());
        let waits = |waiting: &Waiting| matches!(waiting, Waiting::Reports { .. });
        let waiting = platform.waiting(desk.clock.now(), 100).await.unwrap();
        assert!(waiting.iter().any(waits), "on day {ahead}");
        crate::rollout::sweep(&desk).await;
        let waiting = platform.waiting(desk.clock.now() + TimeDelta::hours(1), 100).await.unwrap();
        assert!(!waiting.iter().any(waits), "on day {ahead}");
    }
    let loaded = firm.store().load(&acme).await.unwrap().unwrap();
    assert!(loaded.account.is_locked());
    let report = report(firm.store(), day("2026-01-01"), day("2026-02-28")).await.unwrap();
    assert_eq!(report.since, Some(day("2026-01-06")));
    assert_eq!(report.counted, Some(day("2026-02-13")));
    let locked: Vec<_> = report.months.iter().map(|month| month.measures.locked).collect();
    assert_eq!(locked, [1, 0], "20 days after January 10");
    let january = &report.months[0];
    assert!(!january.is_whole, "its first days are in no number");
    assert_eq!(january.locked().is_met, Some(false), "one of one client");
    assert!(0 < january.measures.answers.sent && january.measures.answers.answered == 0);
    let steps: Vec<_> = report.steps().into_iter().map(|step| step.name).collect();
    assert!(steps.contains(&"Lock by the rule".to_owned()), "{steps:?}");
    // What was before anything was counted is no month without payments, in no document.
    let longer =
        services::reports::report(firm.store(), day("2025-06-01"), day("2026-02-28")).await;
    assert_eq!(longer.unwrap().months, report.months);
    let before =
        services::reports::report(firm.store(), day("2025-06-01"), day("2025-12-31")).await;
    assert_eq!(before.unwrap().months, []);
    // And as files.
    let kpi = String::from_utf8(kpi_csv(&report).unwrap()).unwrap();
    assert!(
        kpi.starts_with(
            "month,whole,measure,of,value,unit,count,target,met\n2026-01,no,days_to_payment,"
        ),
        "{kpi}"
    );
    assert!(
        kpi.contains("2026-01,no,auto_locked,,100.0,percent,1 client of 1 active,under 5 %,no\n"),
        "{kpi}"
    );
    let books = firm.store().books(day("2026-02-13"), day("2026-02-13")).await.unwrap();
    let aging = String::from_utf8(aging_csv(&books).unwrap()).unwrap();
    assert!(aging.contains("2026-02-13,USD,31–60 days,1,100.00\n"), "{aging}");
}

/// What reports cost: nothing where nothing happened, and a year is read from days, not from accounts.
#[tokio::test]
async fn kpi_1_eval_3_a_report_costs_days_and_no_accounts() {
    let desk = Desk::at("2026-01-01T17:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    plan(&firm, day("2026-01-01"), desk.clock.now()).await.unwrap();
    let count = DayCount {
        facts: 9,
        paid: [("tax".parse().unwrap(), Default::default())].into(),
        locked: (0..10).map(|number| client(&format!("client-{number}"))).collect(),
        ..DayCount::default()
    };
    for ahead in 0..365 {
        assert!(
            firm.store().roll_up(day("2026-01-01") + TimeDelta::days(ahead), &count).await.unwrap()
        );
    }
    let capacity = firm.store().dynamo().capacity();
    capacity.take();
    let year = report(firm.store(), day("2026-01-01"), day("2026-12-31")).await.unwrap();
    let consumed = capacity.take();
    assert_eq!(year.months.len(), 12);
    assert_eq!(consumed.half_writes, 0);
    assert!(consumed.half_reads <= 2 * 60, "{consumed:?}: a year of days, some 300 bytes each");
    assert!(consumed.calls <= 4, "{consumed:?}");
    // A day on which nothing happened: looked for, found nowhere, written nowhere.
    capacity.take();
    let empty = DayCount::default();
    assert!(!firm.store().roll_up(day("2027-01-01"), &empty).await.unwrap());
    let consumed = capacity.take();
    assert_eq!((consumed.half_writes, consumed.calls), (0, 1));
}

#[tokio::test]
async fn kpi_1_staff_1_partners_are_told_of_a_month_once_on_its_first_working_day() {
    let desk = Desk::at("2026-02-02T17:00:00Z").await;
    let firm = lived_february(&desk).await;
    for (name, role) in [
        ("bea", Role::BillingLead),
        ("pat", Role::Partner),
        ("pam", Role::Partner),
        ("pia", Role::Partner),
    ] {
        let grant = Grant {
            subject: name.to_owned(),
            staff: name.parse().unwrap(),
            name: Personal::new(name),
            roles: [role].into(),
            mail: Some(Personal::new(format!("{name}@firm.example"))),
        };
        let loaded = firm.store().load_firm().await.unwrap().unwrap();
        firm.store()
            .change_firm(&loaded, &FirmChange::GrantGiven(grant), &desk.meta())
            .await
            .unwrap();
    }
    let pam = services::execute::Caller::new(domain::role::Actor::Staff {
        id: "pam".parse().unwrap(),
        roles: [Role::Partner].into(),
    });
    let off = Mails::Off;
    choose_mails(&firm, &"pam".parse().unwrap(), off, &pam, desk.clock.now()).await.unwrap();
    // Sunday the 1st, and the days after it.
    for (on, expected) in [("2026-03-01", ""), ("2026-03-02", "pat pia"), ("2026-03-03", "")] {
        desk.clock.set(at(&format!("{on}T14:00:00Z")));
        let firm = desk.open("f-1").await;
        for _ in 0..2 {
            // A test of what the digest does; it is planned on working days alone.
            if on != "2026-03-01" {
                firm.store().plan_digest(day(on), desk.clock.now()).await.unwrap();
            }
            crate::staff::tell(&desk).await;
        }
        let sent: Vec<_> = desk.post.sent.lock().unwrap().drain(..).collect();
        let mut months: Vec<_> =
            sent.iter().filter(|mail| mail.subject.contains("February 2026")).collect();
        months.sort_by_key(|mail| mail.to.clone());
        let readers: Vec<_> =
            months.iter().map(|mail| mail.to.replace("@firm.example", "")).collect();
        assert_eq!(readers.join(" "), expected, "on {on}");
    }
    let mails = firm.store().staff_mails(&"pat".parse().unwrap(), &PageRequest::default()).await;
    let month =
        mails.unwrap().items.into_iter().find(|mail| mail.id == "2026-03-02-month").unwrap();
    let text = month.text.as_str();
    assert!(text.contains("Days from issue to payment: 19.0 (1 invoice)"), "{text}");
    assert!(text.contains("https://portal.example/console/reports"), "{text}");
}

/// One client paid in February.
async fn lived_february(desk: &Desk) -> Arc<Firm> {
    let firm = desk.firm("f-1", ZONE, "").await;
    plan(&firm, day("2026-02-01"), desk.clock.now()).await.unwrap();
    let acme: ClientId = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-02-20").await;
    desk.clock.set(at("2026-02-09T17:00:00Z"));
    desk.pay(&firm, &acme, "stripe:1", usd(10_000)).await;
    firm
}

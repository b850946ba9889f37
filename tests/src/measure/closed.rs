//! What an evaluation costs a client that has had many invoices.

use domain::calendar::Day;
use domain::command::{Command, News};
use domain::id::ClientId;
use domain::money::{Currency, Money};
use domain::payment::{Method, Seen};
use dynoxide::{AttributeValue, Item};
use services::execute::{Caller, execute};
use services::firm::Firm;
use store::Key;

use super::{Office, Recorder, Table, noon};

/// Its five invoices are issued on this day.
const ISSUED_ON: &str = "2026-10-07";

/// On which nothing happens, and on which a reminder is due.
const DAYS: [(&str, &str); 2] =
    [("nothing due", "2026-10-08"), ("a reminder for each due", "2026-10-30")];

/// Items that are put in at once.
const AT_ONCE: usize = 1_000;

/// What one evaluation costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Items that were read.
    pub items: usize,
    /// Half read units.
    pub half_reads: u64,
    /// Half write units.
    pub half_writes: u64,
    /// Calls of the table.
    pub calls: u64,
}

/// What the evaluations of a client with five open invoices and so many closed ones cost.
pub async fn cost_with_closed(closed: usize) -> Vec<(&'static str, Cost)> {
    let today: Day = ISSUED_ON.parse().unwrap();
    let table = Table::open().await;
    let office = Office::open(table.dynamo(), today).await;
    let client: ClientId = "acme".parse().unwrap();
    office.client(&client, today).await;
    for number in 0..6 {
        office.invoice(&client, &format!("A-{number}"), today).await;
    }
    let news = News::Told {
        amount: Money::new(10_000, Currency::USD),
        method: Method::Card,
        invoices: vec!["A-0".parse().unwrap()],
        seen: Seen::Succeeded,
        on: None,
    };
    let pay = Command::RecordPayment { payment: "stripe:pi_1".parse().unwrap(), news };
    office.act(&client, &pay, today).await;
    office.pass(&client, today).await; // the receipt leaves
    multiply(&table, &client, closed);
    let mut costs = Vec::new();
    for (what, day) in DAYS {
        costs.push((what, cost(&table, &client, day.parse().unwrap()).await));
    }
    costs
}

async fn cost(table: &Table, client: &ClientId, day: Day) -> Cost {
    let recorder = Recorder::default();
    let dynamo = recorder.watch(table.dynamo());
    let firm = Firm::open(dynamo.clone(), super::FIRM.parse().unwrap()).await.unwrap().unwrap();
    // The policy is read once in a while, not with each evaluation.
    firm.policy(&"regular".parse().unwrap(), day, noon(day)).await.unwrap();
    recorder.take();
    dynamo.capacity().take();
    let caller = Caller::new(domain::role::Actor::Schedule);
    execute(&firm, client, &Command::Evaluate, &caller, noon(day)).await.unwrap();
    let consumed = dynamo.capacity().take();
    Cost {
        items: recorder.take().items.len(),
        half_reads: consumed.half_reads,
        half_writes: consumed.half_writes,
        calls: consumed.calls,
    }
}

/// As if the closed invoice and the records that led there had come so many times.
fn multiply(table: &Table, client: &ClientId, times: usize) {
    let lived = table.partition(&Key::Head(client).pk(&super::FIRM.parse().unwrap()));
    let sk = |item: &Item| Table::place(item).sk;
    let closed = lived.iter().find(|item| sk(item).starts_with("X#")).unwrap();
    let record =
        lived.iter().filter(|item| sk(item).starts_with("E#")).max_by_key(|i| sk(i)).unwrap();
    let with = |item: &Item, sk: String| {
        let mut item = item.clone();
        item.insert("sk".to_owned(), AttributeValue::S(sk));
        item
    };
    let numbers: Vec<_> = (0..times).collect();
    for some in numbers.chunks(AT_ONCE) {
        let invoices = some.iter().map(|number| {
            let mut item = with(closed, format!("X#OLD-{number:05}"));
            item.insert("id".to_owned(), AttributeValue::S(format!("OLD-{number:05}")));
            item
        });
        let records = some.iter().map(|number| with(record, format!("E#{:010}", number + 1_000)));
        table.put(invoices.chain(records).collect());
    }
}

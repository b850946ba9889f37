//! What a webhook costs at the table, held against committed numbers: they may not rise unnoticed.
//!
//! Reads and writes are in half units, as the table charges them; the function is warm.

use domain::money::{Currency, Money};
use sandbox::stripe::Delivery;

use crate::bench::Bench;

/// The first delivery of a payment that closes an invoice while another stays open: inbox, account,
/// dedupe, audit, receipt, index, and what the reports count of it (KPI-1).
const FIRST_DELIVERY: (u64, u64) = (4, 36);

/// The same where it closes the last one: the account also leaves the indexes of what is due and owed.
const LAST_INVOICE: (u64, u64) = (4, 40);

/// The same event again.
const SAME_EVENT: (u64, u64) = (1, 0);

/// Another event of a known payment: kept, read back, nothing new; the writes are the inbox's.
const OTHER_EVENT: (u64, u64) = (7, 8);

async fn cost(bench: &Bench, delivery: &Delivery) -> (u64, u64) {
    bench.cost();
    assert_eq!(bench.post(delivery).await.0, 200);
    let consumed = bench.cost();
    (consumed.half_reads, consumed.half_writes)
}

/// One invoice paid; its events.
async fn paid(bench: &Bench, invoice: &str) -> (Delivery, Delivery) {
    let invoices = ("payment_intent_data[metadata][invoices]", invoice);
    bench.pay_by_card(&bench.page_with(&[invoices]).await);
    (bench.event("payment_intent.succeeded"), bench.event("checkout.session.completed"))
}

#[tokio::test]
async fn pay_1_the_cost_of_a_webhook() {
    let bench = Bench::start().await;
    bench.paid().await; // the endpoint's secrets and the firm's policy are in memory now
    for invoice in ["A-3", "A-4"] {
        bench.invoice("bea", invoice, Money::new(125_000, Currency::USD)).await;
    }
    let (first, other) = paid(&bench, "A-3").await;
    let of_first = cost(&bench, &first).await;
    let of_same = cost(&bench, &first).await;
    let of_other = cost(&bench, &other).await;
    bench.deliver().await;
    let of_last = cost(&bench, &paid(&bench, "A-4").await.0).await;
    let costs = [of_first, of_last, of_same, of_other];
    assert_eq!(costs, [FIRST_DELIVERY, LAST_INVOICE, SAME_EVENT, OTHER_EVENT]);
}

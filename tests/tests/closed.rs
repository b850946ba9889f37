//! What is closed costs nothing.

use portcullis_tests::measure::cost_with_closed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_3_ten_thousand_closed_invoices_cost_an_evaluation_nothing() {
    let (few, many) = (cost_with_closed(0).await, cost_with_closed(10_000).await);
    assert_eq!(few, many);
    let (_, idle) = few[0];
    assert_eq!((idle.items, idle.half_writes, idle.calls), (6, 0, 1), "the head and 5 invoices");
}

//! An evaluation of a client with 5 open invoices, and of the same client with 10 000 closed ones: what is
//! read. That it is equal is a test of its own (`tests/closed.rs`).

use portcullis_tests::measure::{Cost, cost_with_closed};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("| evaluation of a client with | items loaded | read units | write units | calls |");
    println!("|---|---|---|---|---|");
    for closed in [0, 10_000] {
        for (what, cost) in cost_with_closed(closed).await {
            let Cost { items, half_reads, half_writes, calls } = cost;
            let (reads, writes) = (half_reads.div_ceil(2), half_writes.div_ceil(2));
            println!(
                "| 5 open and {closed} closed invoices, {what} | {items} | {reads} | {writes} | {calls} |"
            );
        }
    }
}

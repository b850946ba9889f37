//! payment-webhook
fn main() {}

//! demand-letter
fn main() {}

//! lock-evaluation
fn main() {}

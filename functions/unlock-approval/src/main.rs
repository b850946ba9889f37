//! unlock-approval
fn main() {}

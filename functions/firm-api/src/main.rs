//! firm-api
fn main() {}

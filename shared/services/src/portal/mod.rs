//! The portal: what a client's contacts see and do, and whoever holds a letter's link (ACC-1..4, LET-7).
//!
//! [`door`] says who comes; [`standing`] what is open to them and what can be paid; [`pay`] leads to the
//! gateway's page and reads what came of it; [`link`] is the way in without signing in, to one debt alone.

pub mod door;
pub mod link;
pub mod pay;
pub mod standing;

pub use door::{Network, Portal, Stranger, Visitor, open_door, receive};
pub use link::{Holder, Life, LinkError};
pub use pay::{Asked, PayError, Till};
pub use standing::{Payable, Standing};

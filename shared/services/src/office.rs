//! What staff do at the firm: who they are at the door, and what is done there beyond one client's
//! account: policies, requests to unlock.

pub mod door;
pub mod grants;
pub mod policies;
pub mod unlock;

pub use door::{Desk, Office, open_door};

//! What staff do at the firm: who they are at the door, and what is done there beyond one client's
//! account: policies, requests to unlock.

pub mod door;
pub mod gateways;
pub mod grants;
pub mod mail_domain;
pub mod outcome;
pub mod pay_links;
pub mod policies;
pub mod reviews;
pub mod runs;
pub mod settings;
pub mod templates;
pub mod unlock;

pub use door::{BodyLimit, Desk, Office, open_door};
pub use outcome::Outcome;

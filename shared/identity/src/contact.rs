//! Contacts at the door: addresses, passwords, tokens, and who a session proves (SEC-3).
//!
//! Nothing here reads or writes anything. A token names the firm and the contact in the clear, so that where
//! its hash lies follows from itself; that hash decides whether it is believed (SEC-1).

pub mod address;
pub mod origin;
pub mod password;
pub mod principal;
pub mod token;

pub use address::{Address, AddressError};
pub use origin::Origin;
pub use password::{HashingError, MIN_PASSWORD_CHARS, Password, PasswordError, PasswordHash};
pub use principal::{ContactPrincipal, NotYours};
pub use token::ContactToken;

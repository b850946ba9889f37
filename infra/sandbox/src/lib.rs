//! Gateways of our own, to pay, fail, return, refund and dispute with on one machine.
//!
//! Each module answers the calls that we make of one gateway, in its shapes and with its errors, out of a book:
//! no card, no network, no account. What a payer, a bank or the gateway's own dashboard would do is an act;
//! each act changes the book and puts what the gateway would tell into its [`outbox`]. [`faults`] go wrong for
//! all of them alike. Nothing here reads a clock: the time is the caller's.

pub mod affinipay;
pub mod faults;
pub mod keep;
pub mod outbox;
pub mod paypal;
pub mod square;
pub mod stripe;

//! What every HTTP function does alike: one form of error, bodies and pages read with the field at
//! fault named, requests that are made once by their `Idempotency-Key`.
//!
//! A handler answers with a type or a [`Problem`]; everything else that an HTTP caller can be told is
//! made here, so that the same mistake reads the same at every address.

pub mod body;
pub mod document;
pub mod etag;
pub mod form;
pub mod once;
pub mod page;
pub mod problem;
pub mod request_id;
pub mod wire;

pub use body::{Ids, JsonBody, Params, read_body, read_json};
pub use page::{Listing, PageQuery};
pub use problem::{Problem, ProblemKind};
pub use request_id::RequestId;
pub use wire::{Amount, Date};

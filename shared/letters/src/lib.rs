//! Letters: from facts to a subject, a text and an HTML body, and to the message that is sent.
//!
//! What a letter says is decided elsewhere, when it is about to leave (LET-4); here the facts are put
//! into words. The templates are files beside this crate, included at compile time, one each for
//! subject, text and HTML. A firm may put its own in place of them; [`Templates::with`] checks that
//! they name nothing that isn't known (LET-3).

mod check;
pub mod facts;
mod meaning;
pub mod mime;
mod own;
mod sample;
pub mod staff;
pub mod staff_address;
pub mod staff_month;
mod templates;
mod together;
mod view;
mod words;

pub use check::{
    MAX_SUBJECT_BYTES, MAX_TEMPLATE_BYTES, Part, TemplateError, check_template, check_words,
    placeholders,
};
pub use domain::letter::LetterKind;
pub use facts::{Content, LetterFacts};
pub use meaning::{Placeholder, explained};
pub use mime::{
    Attachment, Envelope, MimeError, compose, compose_handed_on, compose_to_staff, compose_with,
};
pub use own::{Own, check_own, render_own};
pub use sample::samples;
pub use templates::{LetterError, Rendered, Templates, built_in_words, render};
pub use together::{Section, render_together};
pub use view::readable;
pub use words::date;

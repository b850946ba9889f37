//! `portcullis openapi`: the OpenAPI document of all HTTP functions, generated from their code.

use std::io::{self, Write};

use anyhow::{Context, Result};
use services::http::document::{merge, to_text};

use super::Verdict;

/// Prints it.
///
/// # Errors
/// When it can't be printed.
pub fn run() -> Result<Verdict> {
    let document = merge([
        firm_api::openapi(),
        unlock_approval::openapi(),
        portal_api::openapi(),
        payment_webhook::openapi(),
    ]);
    io::stdout().lock().write_all(to_text(&document)?.as_bytes()).context("could not print")?;
    Ok(Verdict::Done)
}

//! What a deployment costs per month, and what each use case consumes: `docs/costs.md`.
//!
//! Nothing in it is reckoned by hand. What an operation consumes is measured and asserted by tests
//! (`shared/store/tests/capacity.json`), a day's evaluation by the benches (`docs/measured.md`), how many alarms, keys and
//! schedules there are stands in `template.yaml`; prices and what people do are assumptions, named on the page.
//! `cargo xtask test` fails where the page isn't what would be written.

mod activity;
mod bill;
mod page;
mod prices;
mod sources;

use std::path::Path;

use anyhow::{Context, Result, bail};

/// What is generated.
const PAGE: &str = "docs/costs.md";

/// Writes the page.
pub fn write(root: &Path) -> Result<()> {
    let page = render(root)?;
    std::fs::write(root.join(PAGE), page).with_context(|| format!("could not write {PAGE}"))?;
    println!("wrote {PAGE}");
    Ok(())
}

/// Fails if the page isn't what would be written.
pub fn check(root: &Path) -> Result<()> {
    let committed = std::fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    if committed != render(root)? {
        bail!("{PAGE} is not up to date: run `cargo xtask costs` and commit it");
    }
    println!("{PAGE} is what the measurements say");
    Ok(())
}

fn render(root: &Path) -> Result<String> {
    let sources = sources::Sources::read(root)?;
    Ok(page::render(&sources, &bill::SIZES))
}

//! Where the repository is.

use std::path::PathBuf;

/// The folder of the workspace's `Cargo.toml`.
///
/// Cargo says at run time where this crate is. What was true when the program was built comes second:
/// two checkouts may share one target folder.
pub fn folder() -> PathBuf {
    let this_crate = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    this_crate.parent().map(PathBuf::from).unwrap_or(this_crate)
}

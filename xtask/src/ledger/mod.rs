//! The ledgers that ship with the project: made here, committed, and made again byte for byte.
//!
//! A made-up ledger can be committed and read by anybody; one drawn from a fixed seed can be changed in
//! one place and still be reviewed as a diff. There are four files, in the format of `portcullis import`:
//! one that is right and has a story to tell (`sample`), one with somebody else's headers (`foreign`),
//! and two that are wrong in every way that a row can be (`bad`).

mod bad;
mod clients;
mod foreign;
mod money;
mod random;
mod sample;

use std::path::Path;

use anyhow::{Context, Result};

/// Every file, by its path in the repository, with its bytes.
pub fn files() -> Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(vec![
        ("tests/data/sample-ledger.csv", sample::ledger()?),
        ("tests/data/foreign-ledger.csv", foreign::ledger()?),
        ("tests/data/bad-ledger.csv", bad::LEDGER.as_bytes().to_vec()),
        ("tests/data/bad-encoding.csv", bad::ENCODING.to_vec()),
    ])
}

/// Writes every file under `root`.
pub fn write(root: &Path) -> Result<()> {
    for (path, bytes) in files()? {
        let target = root.join(path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&target, &bytes).with_context(|| format!("could not write {path}"))?;
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
        println!("wrote {path}: {lines} lines");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::root;

    #[test]
    fn the_committed_ledgers_are_those_that_the_generator_makes() {
        for (path, bytes) in super::files().unwrap() {
            let committed = std::fs::read(root::folder().join(path)).unwrap();
            assert!(committed == bytes, "{path} differs: run `cargo xtask ledger`");
        }
    }
}

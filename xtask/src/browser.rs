//! The pages in a real Chromium: `tests/browser` walks the whole story as staff and clients, with scripts
//! and without, and looks at every kind of page (WCAG 2.2 AA, keyboard, reflow, weight).
//!
//! Chromium is the one that `PORTCULLIS_CHROMIUM` names, or one on the path; else it is installed, by apt
//! for root, or by Playwright beside the Python environment. Pictures of all pages stay in
//! `tests/output/browser`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::run::{self, Ended};
use crate::tests_run::{self, Count};
use crate::{bench, functions, python};

/// Says which Chromium, if not the first one found.
const CHROMIUM: &str = "PORTCULLIS_CHROMIUM";

/// What Chromium, or a browser made of it, is called on the path.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What apt is asked for. Without a font every page is white.
const PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// Tells Playwright where browsers lie that it installed itself.
const OF_PLAYWRIGHT: &str = "PLAYWRIGHT_BROWSERS_PATH";

/// How to get what is missing, or do without.
const ADVICE: &str = "install Chromium or Chrome (Debian: `sudo apt-get install chromium`; macOS: \
    `brew install --cask chromium`), or name one in PORTCULLIS_CHROMIUM, or leave this out with `cargo xtask test \
    --without-browser`";

/// The tests, pictures of what they saw, and the program that they start.
const TESTS: &str = "tests/browser/main.py";
const PICTURES: &str = "tests/output/browser";
const PROGRAM: &str = "portcullis";

/// Runs those parts of it, or all; each thing that was looked at counts as one.
pub fn run(root: &Path, only: &[String]) -> Result<Count> {
    let programs = python::environment(root, "browser")?;
    let chromium = Chromium::found_or_installed(&programs)?;
    functions::build(root)?;
    let program = bench::target_folder(root)?.join("debug").join(PROGRAM);
    let mut command = Command::new(programs.join("python"));
    command.current_dir(root).arg("-B").arg(TESTS).arg("--portcullis").arg(program);
    command.args(["--output", PICTURES]);
    command.args(only.iter().flat_map(|part| ["--only", part]));
    match chromium {
        Chromium::Program(program) => command.arg("--chromium").arg(program),
        Chromium::OfPlaywright(folder) => command.env(OF_PLAYWRIGHT, folder),
    };
    let Ended { status, output } = run::streamed(&mut command)?;
    Ok(counted(&output, status.success()))
}

/// From the last line: `87 passed, 2 failed`. What broke off has failed.
pub fn counted(output: &str, is_ok: bool) -> Count {
    let count = output.lines().rev().find_map(|line| {
        let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
        Some(Count { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
    });
    let count = count.unwrap_or_default();
    tests_run::at_least_one_failed(count, is_ok && 0 < count.passed)
}

/// The browser.
enum Chromium {
    /// One of this machine.
    Program(OsString),
    /// What Playwright installed in that folder.
    OfPlaywright(PathBuf),
}

impl Chromium {
    fn found_or_installed(programs: &Path) -> Result<Self> {
        if let Some(named) = std::env::var_os(CHROMIUM) {
            ensure!(starts(&named), "{CHROMIUM} names {named:?}, which can't be started: {ADVICE}");
            return Ok(Self::Program(named));
        }
        if let Some(found) = on_path() {
            return Ok(found);
        }
        if is_root() && starts("apt-get") {
            println!("there is no Chromium: installing it with apt-get");
            let apt = |arguments: &[&str]| {
                let mut command = Command::new("apt-get");
                run::streamed(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
            };
            apt(&["update", "--quiet"])?;
            let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
            apt(&[&install[..], &PACKAGES].concat())?;
            if let Some(found) = on_path() {
                return Ok(found);
            }
        }
        Self::by_playwright(programs)
    }

    /// Does nothing if it is there already.
    fn by_playwright(programs: &Path) -> Result<Self> {
        let folder = programs.join("../chromium");
        println!("there is no Chromium: Playwright's own goes into {}", folder.display());
        let mut install = Command::new(programs.join("playwright"));
        install.args(["install", "--only-shell", "chromium"]).env(OF_PLAYWRIGHT, &folder);
        if !run::streamed(&mut install)?.status.success() {
            bail!("there is no Chromium, and it could not be installed: {ADVICE}");
        }
        Ok(Self::OfPlaywright(folder))
    }
}

fn on_path() -> Option<Chromium> {
    let found = NAMES.into_iter().find(|name| starts(name))?;
    Some(Chromium::Program(found.into()))
}

fn starts(program: impl AsRef<std::ffi::OsStr>) -> bool {
    run::succeeds(Command::new(program).arg("--version"))
}

/// Installing for all is root's to do.
fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        for (output, is_ok, expected) in [
            ("ok     a\n12 passed, 0 failed\n", true, Count { passed: 12, failed: 0 }),
            ("FAILED b\n12 passed, 3 failed\n", false, Count { passed: 12, failed: 3 }),
            // It broke while it ended.
            ("12 passed, 0 failed\nTraceback\n", false, Count { passed: 12, failed: 1 }),
            ("Traceback (most recent call last)\n", false, Count { passed: 0, failed: 1 }),
            // Nothing that was looked at is nothing that was shown.
            ("0 passed, 0 failed\n", true, Count { passed: 0, failed: 1 }),
            ("", true, Count { passed: 0, failed: 1 }),
        ] {
            assert_eq!(counted(output, is_ok), expected, "{output:?}");
        }
    }
}

//! `docs/measured.md`: read as sections, written as sections.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

/// Above the sections.
const HEAD: &str = "# Measured

`cargo xtask bench` measures and writes this file; `--only` takes one section anew. What counts are the ratios, whose
two sides were measured in the same run, and the counts: times belong to the machine. No test asserts a time.
What each use case consumes of the table is in [costs.md](costs.md#what-each-use-case-consumes).
";

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What was measured.
    pub title: String,
    text: String,
}

impl Section {
    /// A table that was measured just now, by programs that were built in that profile.
    pub fn new(title: &str, profile: &str, table: &str) -> Self {
        let machine = machine();
        let text = format!("Taken on {}, {machine}, profile `{profile}`.\n\n{table}", today());
        Self { title: title.to_owned(), text }
    }
}

/// The sections of the file; none, if there is no file.
pub fn read(file: &Path) -> Result<Vec<Section>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(sections(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("could not read {}", file.display())),
    }
}

/// Writes the file.
pub fn write(file: &Path, sections: &[Section]) -> Result<()> {
    fs::write(file, text(sections)).with_context(|| format!("could not write {}", file.display()))
}

fn sections(text: &str) -> Vec<Section> {
    let sections = text.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    let section = |(title, text): (&str, &str)| Section {
        title: title.trim().to_owned(),
        text: text.trim().to_owned(),
    };
    sections.map(section).collect()
}

fn text(sections: &[Section]) -> String {
    let section = |section: &Section| format!("\n## {}\n\n{}\n", section.title, section.text);
    HEAD.to_owned() + &sections.iter().map(section).collect::<String>()
}

#[allow(
    clippy::disallowed_methods,
    reason = "the date of a measurement is no fact of the business"
)]
fn today() -> String {
    DateTime::<Utc>::from(std::time::SystemTime::now()).date_naive().to_string()
}

/// The kind of machine.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {} on {}", std::env::consts::OS, std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let section =
            |title: &str| Section { title: title.to_owned(), text: "|a|\n|b|".to_owned() };
        let written = [section("One"), section("Two")];
        assert_eq!(sections(&text(&written)), written);
        assert_eq!(sections(HEAD), []);
    }

    #[test]
    fn a_section_says_when_and_how() {
        let section = Section::new("One", "bench", "|a|");
        assert!(section.text.starts_with("Taken on 20") && section.text.ends_with("\n\n|a|"));
        assert!(section.text.contains("profile `bench`"), "{}", section.text);
    }

    #[test]
    fn a_file_that_is_not_there_has_no_section() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("measured.md")).unwrap(), []);
    }
}

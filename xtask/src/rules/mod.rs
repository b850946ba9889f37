//! From a rule to its tests: `docs/rules.md`, made from what the tests themselves say.
//!
//! A test says which rules it shows: a Rust test in its name (`lock_1_and_2_days_before_count`), a
//! rehearsal in its list `rules`. Which rules must have one by now is in `docs/rules-in-scope.txt`.

mod page;
mod rehearsals;
mod rust_tests;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use scope::Rule;

/// What is generated.
const PAGE: &str = "docs/rules.md";

/// The folders that hold tests.
const FOLDERS: [&str; 5] = ["functions", "infra", "shared", "tests", "xtask"];

/// The tests of each rule: by file, the names of Rust tests; a rehearsal is a file without names.
type Index = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Writes the page.
pub fn write(root: &Path) -> Result<()> {
    let rules = scope::read(root)?;
    let index = index(root)?;
    let page = page::render(&rules, &index);
    std::fs::write(root.join(PAGE), page).with_context(|| format!("could not write {PAGE}"))?;
    println!("wrote {PAGE}: {} rules", rules.len());
    if let Some(missing) = missing(&rules, &index) {
        println!("{missing}");
    }
    Ok(())
}

/// Fails if a rule has no test, or the page isn't what would be written.
pub fn check(root: &Path) -> Result<()> {
    let rules = scope::read(root)?;
    let index = index(root)?;
    if let Some(missing) = missing(&rules, &index) {
        bail!("{missing}");
    }
    let committed = std::fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    if committed != page::render(&rules, &index) {
        bail!("{PAGE} is not up to date: run `cargo xtask rules` and commit it");
    }
    println!("{} rules, each with a test", rules.len());
    Ok(())
}

fn index(root: &Path) -> Result<Index> {
    let mut index = Index::new();
    for (file, text) in files(root)? {
        if file.ends_with(".rs") {
            for name in rust_tests::names(&text) {
                for rule in rust_tests::rules(name) {
                    let files = index.entry(rule).or_default();
                    files.entry(file.clone()).or_default().insert(name.to_owned());
                }
            }
        } else {
            let rules =
                rehearsals::rules(&text).with_context(|| format!("could not read {file}"))?;
            for rule in rules {
                index.entry(rule).or_default().entry(file.clone()).or_default();
            }
        }
    }
    Ok(index)
}

fn missing(rules: &[Rule], index: &Index) -> Option<String> {
    let missing: Vec<&str> =
        rules.iter().map(|rule| rule.id.as_str()).filter(|id| !index.contains_key(*id)).collect();
    let list = missing.join(", ");
    (!missing.is_empty())
        .then(|| format!("{} of {} rules have no test: {list}", missing.len(), rules.len()))
}

/// Every source file and every rehearsal, by its path from the root with `/`.
fn files(root: &Path) -> Result<Vec<(String, String)>> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut paths)?;
    }
    let mut files = Vec::new();
    for path in paths {
        let parts = path.strip_prefix(root)?.iter().map(|part| part.to_string_lossy());
        let name = parts.collect::<Vec<_>>().join("/");
        if name.ends_with(".rs") || rehearsals::is_one(&name) {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("could not read {name}"))?;
            files.push((name, text));
        }
    }
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?
    {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = !name.to_string_lossy().starts_with('.') && name != "target";
        let kind = entry.file_type()?;
        if kind.is_dir() && is_ours {
            collect(&entry.path(), paths)?;
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with one rule file, one source and one rehearsal.
    fn repository(scope: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in FOLDERS {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let rehearsals = root.path().join("tests/scenarios/locks");
        std::fs::create_dir_all(&rehearsals).unwrap();
        std::fs::create_dir_all(root.path().join("docs")).unwrap();
        let source = "    #[test]\n    fn lock_7_and_eval_2_warned_first() {\n";
        std::fs::write(root.path().join("shared/lock.rs"), source).unwrap();
        std::fs::write(
            rehearsals.join("one.yaml"),
            "title: T\nrules: [LOCK-7, PAY-7]\ntimeline: []\n",
        )
        .unwrap();
        std::fs::write(root.path().join("docs/rules-in-scope.txt"), scope).unwrap();
        root
    }

    #[test]
    fn the_page_is_checked_against_what_the_tests_say() {
        let root =
            repository("LOCK-7: warn first\nEVAL-2: twice is once\nPAY-7: a part is a part\n");
        let stale = check(root.path()).unwrap_err().to_string();
        assert_eq!(stale, "docs/rules.md is not up to date: run `cargo xtask rules` and commit it");
        write(root.path()).unwrap();
        check(root.path()).unwrap();
        let page = std::fs::read_to_string(root.path().join(PAGE)).unwrap();
        let row = page.lines().find(|line| line.starts_with("| LOCK-7 |")).unwrap();
        assert_eq!(
            row,
            "| LOCK-7 | warn first | [shared/lock.rs](../shared/lock.rs): `lock_7_and_eval_2_warned_first`<br>\
             [tests/scenarios/locks/one.yaml](../tests/scenarios/locks/one.yaml) |"
        );
    }

    #[test]
    fn a_rule_without_a_test_is_named() {
        let root = repository("LOCK-7: warn first\nUNL-1: two people\nLOCK-9: by balance\n");
        write(root.path()).unwrap();
        let error = check(root.path()).unwrap_err().to_string();
        assert_eq!(error, "2 of 3 rules have no test: UNL-1, LOCK-9");
    }

    #[test]
    fn a_rehearsal_that_can_not_be_read_is_named() {
        let root = repository("LOCK-7: warn first\n");
        std::fs::write(root.path().join("tests/scenarios/bad.yaml"), "rules: [LOCK-7").unwrap();
        let error = format!("{:#}", check(root.path()).unwrap_err());
        assert!(error.starts_with("could not read tests/scenarios/bad.yaml: "), "{error}");
    }
}

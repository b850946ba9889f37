//! The list of mutations, `tests/mutations.txt`: for each rule one change of the domain, or of the crate of letters where
//! the rule is about words, and the test that fails with it.
//!
//! The other half of mutation testing asks whether any test notices any change, and takes hours. This one asks, rule by
//! rule, whether the test that is said to prove it does: each change is made in a copy of the crate, and its one test is
//! run, which takes as long as building the domain. A change whose text is no longer there fails as well, so the list
//! can't fall behind the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::run;

/// Where the list is.
const LIST: &str = "tests/mutations.txt";

/// The crates that can be changed: those that are built without the rest.
const CRATES: [&str; 2] = ["domain", "letters"];

/// What of the repository the copy needs to build and test them.
const COPIED: [&str; 6] = [
    "shared/domain",
    "shared/letters",
    "tests/scenarios",
    "tests/policies",
    "docs/policy.schema.json",
    "Cargo.lock",
];

/// Which timeline alone is run, in `shared/domain/tests/scenarios.rs`.
const TIMELINE: &str = "PORTCULLIS_TIMELINE";

/// How long building the domain and running one test may take: some ten times what it does.
const MAX_TEST: Duration = Duration::from_secs(600);

/// How often it is asked whether it is done.
const LOOK: Duration = Duration::from_millis(100);

/// The test that runs timelines.
const TIMELINES: &str = "test_2_every_timeline_is_met";

/// One change, and what must fail with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// The rule that it breaks.
    pub rule: String,
    /// The crate that is changed, below `shared`.
    package: String,
    /// Below its `src`.
    file: String,
    test: Test,
    /// What stands there once, and what comes in its place.
    changes: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Timeline(String),
    /// A test beside the code, by the beginning of its name.
    Lib(String),
    /// A file of tests, and a test in it.
    File(String, String),
}

impl Test {
    fn read(text: &str) -> Result<Self> {
        if text.ends_with(".yaml") {
            return Ok(Self::Timeline(text.to_owned()));
        }
        let (file, test) = text
            .split_once("::")
            .ok_or_else(|| anyhow!("{text:?} is no test, expected a timeline or FILE::TEST"))?;
        Ok(match file {
            "lib" => Self::Lib(test.to_owned()),
            file => Self::File(file.to_owned(), test.to_owned()),
        })
    }
}

/// Reads the list.
///
/// # Errors
/// Names the line that can't be meant.
pub fn read(text: &str) -> Result<Vec<Mutation>> {
    let mut mutations: Vec<Mutation> = Vec::new();
    let mut is_old = false;
    for (index, line) in text.lines().enumerate() {
        let at = || format!("{LIST}:{}", index + 1);
        match line.split_at_checked(2) {
            _ if line.trim().is_empty() || line.starts_with('#') => is_old = false,
            Some(("- ", old)) => {
                let mutation = mutations.last_mut().with_context(at)?;
                match mutation.changes.last_mut().filter(|_| is_old) {
                    Some((known, _)) => *known = format!("{known}\n{old}"),
                    None => mutation.changes.push((old.to_owned(), String::new())),
                }
                is_old = true;
            }
            Some(("+ ", new)) => {
                let changes = mutations.last_mut().and_then(|known| known.changes.last_mut());
                let (_, known) = changes.with_context(at)?;
                *known = if known.is_empty() { new.to_owned() } else { format!("{known}\n{new}") };
                is_old = false;
            }
            _ => {
                let words: Vec<_> = line.split_whitespace().collect();
                let [rule, file, test] = words[..] else {
                    bail!("{}: expected RULE FILE TEST, or a line of a change", at());
                };
                let test = Test::read(test).with_context(at)?;
                let (package, file) = file.split_once(':').unwrap_or(("domain", file));
                if !CRATES.contains(&package) {
                    bail!("{}: {package:?} is none of {}", at(), CRATES.join(", "));
                }
                let (rule, file) = (rule.to_owned(), file.to_owned());
                let package = package.to_owned();
                mutations.push(Mutation { rule, package, file, test, changes: Vec::new() });
            }
        }
    }
    Ok(mutations)
}

impl Mutation {
    /// Where what is changed is.
    fn path(&self, root: &Path) -> PathBuf {
        root.join("shared").join(&self.package).join("src").join(&self.file)
    }

    /// The file as it is with the change.
    fn applied(&self, source: &str) -> Result<String> {
        ensure!(!self.changes.is_empty(), "{}: nothing is changed", self.rule);
        let mut changed = source.to_owned();
        for (old, new) in &self.changes {
            let found = changed.matches(old.as_str()).count();
            ensure!(found == 1, "{}: {old:?} stands {found} times in {}", self.rule, self.file);
            changed = changed.replacen(old.as_str(), new, 1);
        }
        Ok(changed)
    }

    /// Whether its test fails in the copy as it is now; an error where it can't be built.
    fn is_noticed(&self, copy: &Path) -> Result<bool> {
        let mut command = run::cargo();
        command.current_dir(copy).args(["test", "--offline", "--quiet", "-p", &*self.package]);
        match &self.test {
            Test::Timeline(name) => {
                command.args(["--test", "scenarios", TIMELINES]).env(TIMELINE, name)
            }
            Test::Lib(test) => command.args(["--lib", test]),
            Test::File(file, test) => command.args(["--test", file, test]),
        };
        let (said, complained) = (copy.join("said.txt"), copy.join("complained.txt"));
        let child = command
            .stdin(Stdio::null())
            .stdout(fs::File::create(&said)?)
            .stderr(fs::File::create(&complained)?)
            .spawn()
            .context("cargo could not be started")?;
        let Some(ended) = ended(child)? else { return Ok(true) };
        let (output, errors) = (fs::read_to_string(&said)?, fs::read_to_string(&complained)?);
        if !output.contains("test result:") {
            bail!("{}: the copy could not be built or run:\n{errors}", self.rule);
        }
        ensure!(!output.contains("running 0 tests"), "{}: there is no such test", self.rule);
        Ok(!ended.success())
    }
}

/// How it ended; `None`: it goes on and on, which nobody would take for a pass.
fn ended(mut child: Child) -> Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if MAX_TEST < begun.elapsed() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// Makes each change of the list, or those of these rules, and runs its test; true if all were noticed.
///
/// # Errors
/// When the list can't be read, a change can't be made, or the copy can't be built.
pub fn run(root: &Path, rules: &[String]) -> Result<bool> {
    let text = fs::read_to_string(root.join(LIST)).context(LIST)?;
    let mutations = read(&text)?;
    let known: BTreeSet<_> = mutations.iter().map(|known| known.rule.as_str()).collect();
    if let Some(rule) = rules.iter().find(|rule| !known.contains(rule.as_str())) {
        bail!("{LIST} changes nothing for {rule}");
    }
    let wanted: Vec<_> =
        mutations.iter().filter(|known| rules.is_empty() || rules.contains(&known.rule)).collect();
    let copy = copied(root)?;
    let mut survived = Vec::new();
    for mutation in &wanted {
        let path = mutation.path(&copy);
        let source = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, mutation.applied(&source)?)?;
        let noticed = mutation.is_noticed(&copy);
        fs::write(&path, &source)?;
        let said = if noticed? { "noticed" } else { "NOT noticed" };
        println!("{:8} {said}, {}", mutation.rule, mutation.file);
        if said != "noticed" {
            survived.push(mutation.rule.as_str());
        }
    }
    let seen = wanted.len() - survived.len();
    println!("{seen} of {} changes were noticed", wanted.len());
    Ok(survived.is_empty())
}

/// A copy of what the domain is built from, below `target`; what was built there before is kept.
fn copied(root: &Path) -> Result<PathBuf> {
    let copy = root.join("target/mutations");
    for name in COPIED {
        let (from, to) = (root.join(name), copy.join(name));
        if to.is_dir() {
            fs::remove_dir_all(&to).with_context(|| to.display().to_string())?;
        }
        copy_all(&from, &to).with_context(|| from.display().to_string())?;
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let alone = |line: &str| match line.split_once(" = ") {
        Some(("members" | "default-members", _)) => {
            let name = line.split(' ').next().unwrap_or_default();
            let folders = CRATES.map(|name| format!("\"shared/{name}\""));
            format!("{name} = [{}]\n", folders.join(", "))
        }
        _ => format!("{line}\n"),
    };
    fs::write(copy.join("Cargo.toml"), manifest.lines().map(alone).collect::<String>())?;
    Ok(copy)
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        return fs::copy(from, to).map(|_| ()).map_err(Into::into);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_of_the_list_can_be_made_and_each_rule_has_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = fs::read_to_string(root.join(LIST)).unwrap();
        let mutations = read(&text).unwrap();
        for mutation in &mutations {
            let source = fs::read_to_string(mutation.path(&root)).unwrap();
            assert_ne!(mutation.applied(&source).unwrap(), source, "{}", mutation.rule);
            if let Test::Timeline(name) = &mutation.test {
                assert!(root.join("tests/scenarios").join(name).is_file(), "there is no {name}");
            }
        }
        let rules: BTreeSet<_> = mutations.iter().map(|known| known.rule.as_str()).collect();
        for rule in [
            "INV-1", "PAY-8", "POL-6", "LOCK-10", "EVAL-5", "ACC-4", "UNL-6", "LET-2", "LET-3",
            "LET-6", "LET-7", "LET-10", "CLOSE-2",
        ] {
            assert!(rules.contains(rule), "nothing is changed for {rule}");
        }
        assert!(66 <= rules.len(), "{} rules", rules.len());
    }

    #[test]
    fn what_can_t_be_meant_is_named_by_its_line() {
        for (text, expected) in [
            ("LOCK-1 lock.rs", "mutations.txt:1"),
            ("- old", "mutations.txt:1"),
            ("# a\n\nLOCK-1 lock.rs none", "mutations.txt:3"),
            ("LET-2 store:mail.rs lib::x", "\"store\" is none of domain, letters"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        let read = read("A-1 a.rs b.yaml\n- x\n- y\n+ z\n- q\n+ r\n+ s\n").unwrap();
        let expected = [("x\ny".to_owned(), "z".to_owned()), ("q".to_owned(), "r\ns".to_owned())];
        assert_eq!(read[0].changes, expected);
        assert!(read[0].applied("x\ny q").is_ok_and(|text| text == "z r\ns"));
        assert!(read[0].applied("x\ny q q").is_err(), "it must stand there once");
    }
}

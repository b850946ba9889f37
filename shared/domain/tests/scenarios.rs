//! Every timeline in `tests/scenarios` through the real rules (TEST-2).

use std::fs;
use std::path::{Path, PathBuf};

use domain::rehearsal::{Loaded, Timeline, run};

fn timelines(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            timelines(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

fn rehearse(file: &Path) -> Result<usize, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let load = |name: &str| {
        let path = file.parent().unwrap_or(Path::new("")).join(name);
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Ok(Loaded { name: path.display().to_string(), text })
    };
    let name = file.display().to_string();
    let timeline = Timeline::read(&name, &text, &load).map_err(|error| error.to_string())?;
    let report = run(&timeline, None);
    if report.has_passed() {
        return Ok(report.met());
    }
    let unmet: Vec<_> = report.unmet().map(|item| format!("  {item:?}")).collect();
    Err(unmet.join("\n"))
}

#[test]
fn test_2_every_timeline_is_met() {
    let mut files = Vec::new();
    timelines(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios")), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no timeline found");
    let mut met = 0;
    let mut failures = Vec::new();
    for file in &files {
        match rehearse(file) {
            Ok(expectations) => met += expectations,
            Err(error) => failures.push(format!("{}:\n{error}", file.display())),
        }
    }
    println!("{} timelines, {met} expectations met", files.len());
    assert!(
        failures.is_empty(),
        "{} of {} timelines failed\n{}",
        failures.len(),
        files.len(),
        failures.join("\n")
    );
}

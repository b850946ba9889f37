//! Nothing reads the whole table: one scan of a table of years costs more than a month of everything else.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") || name == "template.yaml" {
            found.push(path);
        }
    }
}

#[test]
fn eval_3_nothing_scans_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(50 < files.len(), "only {} files below {}", files.len(), root.display());
    // Put together, so that this file isn't found.
    let calls = [concat!(".sc", "an()"), concat!("operation::sc", "an")];
    let right = [concat!("dynamodb:Sc", "an"), "dynamodb:*"];
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let words = if file.ends_with("template.yaml") { &right } else { &calls };
        for word in words {
            assert!(!text.contains(*word), "{word} in {}", file.display());
        }
    }
}

//! The table that tests make is the one that is deployed.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::Path;

use store::Index;

/// What follows a line, as far as it is needed: without blanks and line ends.
fn after(template: &str, line: &str) -> String {
    let (_, rest) = template.split_once(line).unwrap();
    let rest = rest.split("- IndexName").next().unwrap();
    rest.split_whitespace().collect()
}

#[test]
fn the_indexes_are_those_of_the_template() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    assert_eq!(template.matches("- IndexName:").count(), Index::ALL.len());
    for index in Index::ALL {
        let text = after(&template, &format!("- IndexName: {}\n", index.name()));
        let (pk, sk) = index.attributes();
        for (attribute, kind) in [(pk, "HASH"), (sk, "RANGE")] {
            let key = format!("-{{AttributeName:{attribute},KeyType:{kind}}}");
            assert!(text.contains(&key), "{}: {key} in {text}", index.name());
        }
        let names = index.projected().join(",");
        let projection = match names.is_empty() {
            true => "ProjectionType:KEYS_ONLY".to_owned(),
            false => format!("[{names}]"),
        };
        assert!(text.contains(&projection), "{}: {projection} in {text}", index.name());
    }
}

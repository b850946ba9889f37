//! Each program is told what it reads, and nothing else: where two functions are one, each what its half reads.
//!
//! What a function reads is what its `main.rs` names: sections of the configuration by the functions that read
//! them, and variables.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::Yaml;

use super::{at, binary, functions, read, with_template};

/// Lambda gives these.
const GIVEN_BY_LAMBDA: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// What reads the configuration: `Config::read` or `public_url`, and what stands in it.
fn readers(config: &str) -> BTreeMap<String, String> {
    let mut readers = BTreeMap::new();
    let mut of = None;
    let mut reader = None;
    for line in config.lines() {
        if let Some(kind) = line.strip_prefix("impl ") {
            of = kind.strip_suffix(" {");
        } else if line == "}" {
            (of, reader) = (None, None);
        } else if let Some(name) = line.trim_start().strip_prefix("pub fn ") {
            let name = name.split(['(', '<']).next().unwrap();
            let name = of.map_or(name.to_owned(), |of| format!("{of}::{name}"));
            readers.insert(name.clone(), String::new());
            reader = Some(name);
        } else if let Some(reader) = &reader {
            let body: &mut String = readers.get_mut(reader).unwrap();
            body.push_str(line.trim());
            body.push('\n');
        }
    }
    // `required`, `optional` and their like read whatever they are told to.
    readers.retain(|name, _| !name.starts_with("Environment::"));
    readers
}

/// The words after `variable::`.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let ends = move |part: &str| part.find(|c| !is_name(c)).unwrap_or(part.len());
    let parts = text.split("variable::").skip(1);
    parts.map(move |part| &part[..ends(part)]).filter(|name| !name.is_empty())
}

/// Whether `text` calls that one, and not another whose name ends so.
fn calls(text: &str, reader: &str) -> bool {
    let call = format!("{reader}(");
    let before = |place: usize| text[..place].chars().next_back().unwrap_or(' ');
    let is_whole = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    text.match_indices(&call).any(|(place, _)| is_whole(before(place)))
}

fn read_by(text: &str, readers: &BTreeMap<String, String>, found: &mut BTreeSet<String>) {
    found.extend(constants(text).map(str::to_owned));
    for (_, body) in readers.iter().filter(|(name, _)| calls(text, name)) {
        read_by(body, readers, found);
    }
}

/// Of each name of [`constants`], the variable.
fn variables(config: &str) -> BTreeMap<String, String> {
    let lines = config.lines().filter_map(|line| line.trim().strip_prefix("pub const "));
    let pairs = lines.filter_map(|line| line.split_once(": &str = \""));
    pairs.map(|(name, rest)| (name.to_owned(), rest.trim_end_matches("\";").to_owned())).collect()
}

#[test]
fn every_function_is_told_what_it_reads_and_nothing_else() {
    let config = read("shared/platform/src/config.rs");
    let config = config.split("#[cfg(test)]").next().unwrap();
    let (mut readers, variables) = (readers(config), variables(config));
    // Where gateways are is read once for all who ask them.
    let access = self::readers(&read("shared/services/src/webhook/endpoint.rs"));
    readers.extend(access.into_iter().filter(|(name, _)| name == "GatewayAccess::read"));
    assert!(readers.contains_key("GatewayAccess::read"));
    with_template(|template| {
        let given_to = |node: Option<&Yaml<'_>>| -> BTreeSet<String> {
            let given = node.and_then(Yaml::as_mapping).into_iter().flatten();
            given.map(|(name, _)| name.as_str().unwrap().to_owned()).collect()
        };
        let always = given_to(at(template, "Globals.Function.Environment.Variables"));
        let mut given: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for function in functions(template).into_values() {
            let own = given_to(at(function, "Properties.Environment.Variables"));
            given.entry(binary(function)).or_insert_with(|| always.clone()).extend(own);
        }
        for (binary, given) in given {
            let mut found = BTreeSet::new();
            read_by(&read(&format!("functions/{binary}/src/main.rs")), &readers, &mut found);
            let mut wanted: BTreeSet<String> =
                found.iter().map(|name| variables[name].clone()).collect();
            wanted.retain(|name| !GIVEN_BY_LAMBDA.contains(&name.as_str()));
            assert_eq!(given, wanted, "of {binary}");
        }
    });
}

#[test]
fn what_a_function_reads_is_found() {
    let config = "pub const A: &str = \"X_A\";\nimpl All {\n    pub fn read(e: E) -> Self {\n        \
                  e.required(variable::A); one(e)\n    }\n}\npub fn one(e: E) {\n    variable::B_C\n}\n";
    let mut found = BTreeSet::new();
    read_by("let x = All::read(&e)?; bone(1);", &readers(config), &mut found);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A", "B_C"]);
    assert_eq!(variables(config)["A"], "X_A");
    let mut found = BTreeSet::new();
    read_by("bone(1); Small::read()", &readers(config), &mut found);
    assert!(found.is_empty(), "{found:?}");
}

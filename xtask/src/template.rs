//! What the linter can't know of `template.yaml`: that it fits the rest of the repository.
//!
//! Short forms (`!Ref`, `!Sub`) are looked through: to these tests `!Sub ${Table.Arn}/index/due` is its text.

mod alarms;
mod kept;
mod permissions;
mod routes;
mod variables;

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Yaml};

use crate::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root::folder().join(path)).unwrap()
}

/// The template, loaded once for each test, with a walk over its parts.
fn with_template(look: impl FnOnce(&Yaml<'_>)) {
    let text = read("template.yaml");
    let documents = Yaml::load_from_str(&text).unwrap();
    look(&documents[0]);
}

/// Without its short form.
fn plain<'a, 'input>(node: &'a Yaml<'input>) -> &'a Yaml<'input> {
    match node {
        Yaml::Tagged(_, inner) => plain(inner),
        _ => node,
    }
}

fn at<'a, 'input>(node: &'a Yaml<'input>, path: &str) -> Option<&'a Yaml<'input>> {
    path.split('.').try_fold(node, |node, key| plain(node).as_mapping_get(key)).map(plain)
}

fn text<'a>(node: &'a Yaml<'_>, path: &str) -> &'a str {
    let found = at(node, path).unwrap_or_else(|| panic!("no {path} in {node:?}"));
    found.as_str().unwrap_or_else(|| panic!("{path} is no text in {node:?}"))
}

fn number(node: &Yaml<'_>, path: &str) -> i64 {
    at(node, path).and_then(Yaml::as_integer).unwrap_or_else(|| panic!("no {path} in {node:?}"))
}

/// What is named below `Resources`, `Parameters` or `Outputs`.
fn named<'a, 'input>(
    template: &'a Yaml<'input>,
    part: &str,
) -> BTreeMap<&'a str, &'a Yaml<'input>> {
    let all = at(template, part).and_then(Yaml::as_mapping).unwrap();
    all.iter().map(|(name, what)| (name.as_str().unwrap(), what)).collect()
}

/// Resources of a type, by their logical names.
fn resources<'a, 'input>(
    template: &'a Yaml<'input>,
    kind: &str,
) -> BTreeMap<&'a str, &'a Yaml<'input>> {
    let mut resources = named(template, "Resources");
    resources.retain(|_, resource| text(resource, "Type") == kind);
    resources
}

/// The functions, by what follows the stage in their names: that of the binary, and of its half where two
/// functions are one program.
fn functions<'a, 'input>(template: &'a Yaml<'input>) -> BTreeMap<&'a str, &'a Yaml<'input>> {
    let functions = resources(template, "AWS::Serverless::Function").into_values();
    let name =
        |one| text(one, "Properties.FunctionName").strip_prefix("portcullis-${Stage}-").unwrap();
    functions.map(|one| (name(one), one)).collect()
}

/// A function's program.
fn binary<'a>(function: &'a Yaml<'_>) -> &'a str {
    text(function, "Metadata.BuildProperties.Binary")
}

/// The events that a function has of that type.
fn events<'a, 'input>(function: &'a Yaml<'input>, kind: &str) -> Vec<&'a Yaml<'input>> {
    let events = at(function, "Properties.Events").and_then(Yaml::as_mapping);
    let events = events.into_iter().flat_map(|events| events.values());
    events.filter(|event| text(event, "Type") == kind).collect()
}

/// Calls `look` with each mapping below `node`; what lies under a key named `but` is left out.
fn walk<'a, 'input>(node: &'a Yaml<'input>, but: &str, look: &mut impl FnMut(&'a Yaml<'input>)) {
    match plain(node) {
        Yaml::Sequence(items) => items.iter().for_each(|item| walk(item, but, look)),
        Yaml::Mapping(mapping) => {
            look(plain(node));
            let below = mapping.iter().filter(|(key, _)| key.as_str() != Some(but));
            below.for_each(|(_, value)| walk(value, but, look));
        }
        _ => {}
    }
}

fn texts<'a>(node: &'a Yaml<'_>) -> Vec<&'a str> {
    match plain(node) {
        Yaml::Sequence(items) => items.iter().flat_map(texts).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// What a text names: `Table` of `${Table.Arn}/index/due`, and of `Table.Arn` alone.
fn names_in(text: &str) -> Vec<&str> {
    let of = |reference: &'_ str| reference.split('.').next().unwrap_or_default().len();
    match text.split_once("${") {
        None => vec![&text[..of(text)]],
        Some((_, rest)) => {
            let references = rest.split("${").map(|part| part.split('}').next().unwrap());
            references.map(|reference| &reference[..of(reference)]).collect()
        }
    }
}

/// The folders of the functions.
fn folders() -> BTreeSet<String> {
    let entries = std::fs::read_dir(root::folder().join("functions")).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_function_folder_is_a_function_of_its_name() {
    with_template(|template| {
        let all = functions(template);
        let binaries: BTreeSet<String> = all.values().map(|one| binary(one).to_owned()).collect();
        assert_eq!(binaries, folders());
        assert_eq!(all.len(), resources(template, "AWS::Serverless::Function").len());
        let mut seen = BTreeSet::new();
        for (name, function) in all {
            assert_eq!(text(function, "Metadata.BuildMethod"), "rust-cargolambda", "{name}");
            let half = name.strip_prefix(binary(function)).unwrap_or_else(|| panic!("{name}"));
            assert!(half.is_empty() || half.starts_with('-'), "{name}");
            let log = text(function, "Properties.LoggingConfig.LogGroup");
            let logs = resources(template, "AWS::Logs::LogGroup");
            let group = format!("/aws/lambda/portcullis-${{Stage}}-{name}");
            assert_eq!(text(logs[log], "Properties.LogGroupName"), group);
            assert!(seen.insert(text(function, "Properties.Role")), "{name} has another's role");
        }
    });
}

#[test]
fn what_a_text_names_is_found() {
    for (text, names) in [
        ("Table.Arn", &["Table"][..]),
        ("MailIdentityArns", &["MailIdentityArns"]),
        ("${Table.Arn}/index/due", &["Table"]),
        ("arn:${AWS::Partition}:ses:${MailDomain}", &["AWS::Partition", "MailDomain"]),
    ] {
        assert_eq!(names_in(text), names, "{text}");
    }
}

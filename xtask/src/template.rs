//! What the linter can't know of `template.yaml`: that it fits the rest of the repository.
//!
//! Short forms (`!Ref`, `!Sub`) are looked through: to these tests `!Sub ${Table.Arn}/index/due` is its text.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::{root, run};

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

/// Resources of a type, by their logical names.
fn resources<'a, 'input>(
    template: &'a Yaml<'input>,
    kind: &str,
) -> BTreeMap<&'a str, &'a Yaml<'input>> {
    let all = at(template, "Resources").and_then(Yaml::as_mapping).unwrap();
    let is_kind = |resource: &Yaml<'_>| text(resource, "Type") == kind;
    let named = all.iter().map(|(name, resource)| (name.as_str().unwrap(), resource));
    named.filter(|(_, resource)| is_kind(resource)).collect()
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

#[test]
fn every_function_folder_is_a_function_of_its_name() {
    let entries = std::fs::read_dir(root::folder().join("functions")).unwrap();
    let folders: BTreeSet<String> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    with_template(|template| {
        let functions = resources(template, "AWS::Serverless::Function");
        let binaries: BTreeSet<String> = functions
            .values()
            .map(|function| text(function, "Metadata.BuildProperties.Binary").to_owned())
            .collect();
        assert_eq!(binaries, folders);
        for (logical, function) in functions {
            let binary = text(function, "Metadata.BuildProperties.Binary");
            assert_eq!(text(function, "Metadata.BuildMethod"), "rust-cargolambda", "{logical}");
            let name = text(function, "Properties.FunctionName");
            assert_eq!(name, format!("portcullis-${{Stage}}-{binary}"), "{logical}");
            let log = text(function, "Properties.LoggingConfig.LogGroup");
            let logs = resources(template, "AWS::Logs::LogGroup");
            assert_eq!(text(logs[log], "Properties.LogGroupName"), format!("/aws/lambda/{name}"));
        }
    });
}

#[test]
fn no_policy_has_a_wildcard_and_none_may_scan() {
    with_template(|template| {
        let mut statements = 0;
        // A key's own policy says `*` for the key itself.
        walk(template, "KeyPolicy", &mut |mapping| {
            if mapping.as_mapping_get("Effect").is_none() {
                return;
            }
            statements += 1;
            for part in ["Action", "Resource"] {
                let words = texts(mapping.as_mapping_get(part).unwrap());
                assert!(!words.is_empty(), "no {part} in {mapping:?}");
                for word in words {
                    assert!(!word.contains('*'), "{part} {word} is a wildcard");
                    assert_ne!(word, "dynamodb:Scan");
                }
            }
        });
        let functions = resources(template, "AWS::Serverless::Function").len();
        assert!(functions <= statements, "{statements} statements for {functions} functions");
    });
}

#[test]
fn logs_are_kept_for_a_time_and_dead_letters_are_caught() {
    with_template(|template| {
        for (name, log) in resources(template, "AWS::Logs::LogGroup") {
            assert!(at(log, "Properties.RetentionInDays").is_some(), "{name} is kept for ever");
        }
        for (name, queue) in resources(template, "AWS::SQS::Queue") {
            let is_dead_end = name.ends_with("DeadLetterQueue");
            assert_ne!(at(queue, "Properties.RedrivePolicy").is_some(), is_dead_end, "{name}");
        }
    });
}

#[test]
fn every_variable_is_one_that_the_configuration_reads() {
    let config = read("shared/platform/src/config.rs");
    with_template(|template| {
        walk(template, "", &mut |mapping| {
            let variables = at(mapping, "Environment.Variables").and_then(Yaml::as_mapping);
            for (name, _) in variables.into_iter().flatten() {
                let name = name.as_str().unwrap();
                assert!(config.contains(&format!("\"{name}\"")), "no configuration reads {name}");
            }
        });
    });
}

/// `METHOD path` to function, as the template has it.
fn deployed_routes() -> BTreeMap<String, String> {
    let mut routes = BTreeMap::new();
    with_template(|template| {
        let integrations = resources(template, "AWS::ApiGatewayV2::Integration");
        let functions = resources(template, "AWS::Serverless::Function");
        for route in resources(template, "AWS::ApiGatewayV2::Route").values() {
            let target = text(route, "Properties.Target");
            let integration =
                target.strip_prefix("integrations/${").unwrap().strip_suffix('}').unwrap();
            let uri = text(integrations[integration], "Properties.IntegrationUri");
            let function = functions[uri.strip_suffix(".Arn").unwrap()];
            let binary = text(function, "Metadata.BuildProperties.Binary").to_owned();
            routes.insert(text(route, "Properties.RouteKey").to_owned(), binary);
        }
    });
    routes
}

/// The same, as `cargo lambda watch` has it.
fn watched_routes() -> BTreeMap<String, String> {
    let mut command = run::cargo();
    command.current_dir(root::folder()).args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let output = command.output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object().unwrap();
    let mut routes = BTreeMap::new();
    for (path, target) in router {
        let path = path.replace("{*proxy}", "{proxy+}");
        match target {
            Value::String(function) => {
                routes.insert(format!("ANY {path}"), function.clone());
            }
            methods => {
                for one in methods.as_array().unwrap() {
                    let method = one["method"].as_str().unwrap();
                    let function = one["function"].as_str().unwrap().to_owned();
                    routes.insert(format!("{method} {path}"), function);
                }
            }
        }
    }
    routes
}

#[test]
fn a_request_reaches_the_same_function_on_this_machine_as_on_aws() {
    assert_eq!(watched_routes(), deployed_routes());
}

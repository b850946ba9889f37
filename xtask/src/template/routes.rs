//! Which request reaches which function, and past whom.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{at, read, resources, text, with_template};
use crate::{root, run};

/// A route of the API.
struct Route {
    /// The function's binary.
    binary: String,
    /// Whether the gateway wants a token first.
    is_checked: bool,
}

/// `METHOD path` to route, as the template has it.
fn deployed() -> BTreeMap<String, Route> {
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
            let is_checked = at(route, "Properties.AuthorizerId").is_some();
            let key = text(route, "Properties.RouteKey").to_owned();
            assert!(routes.insert(key, Route { binary, is_checked }).is_none());
        }
    });
    routes
}

/// To which function, where a route for one method says nothing else than that for all of them.
fn by_function(routes: BTreeMap<String, Route>) -> BTreeMap<String, String> {
    let all: BTreeMap<_, _> = routes.into_iter().map(|(key, route)| (key, route.binary)).collect();
    let says_more = |(key, binary): &(&String, &String)| {
        let (method, path) = key.split_once(' ').unwrap();
        method == "ANY" || all.get(&format!("ANY {path}")) != Some(*binary)
    };
    all.iter().filter(says_more).map(|(key, binary)| (key.clone(), binary.clone())).collect()
}

/// The same, as `cargo lambda watch` has it.
fn watched() -> BTreeMap<String, String> {
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

/// Whether a route's path takes that one.
fn takes(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some("{proxy+}"), Some(_)) => return true,
            (Some(a), Some(b)) if a == b || a.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[test]
fn a_request_reaches_the_same_function_on_this_machine_as_on_aws() {
    assert_eq!(watched(), by_function(deployed()));
}

#[test]
fn every_address_of_the_api_has_a_route() {
    let document: Value = serde_json::from_str(&read("infra/openapi.json")).unwrap();
    let routes = deployed();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let has_route = routes.keys().any(|key| {
                let (wanted, route) = key.split_once(' ').unwrap();
                (wanted == "ANY" || wanted.eq_ignore_ascii_case(method)) && takes(route, path)
            });
            assert!(has_route, "{method} {path}");
        }
    }
    assert!(!takes("/portal/{proxy+}", "/portal") && !takes("/l/{proxy+}", "/me/x"));
}

/// A form comes with a cookie, which the gateway can't read; all else of the staff's API comes with a token.
#[test]
fn sec_2_the_gateway_asks_programs_of_staff_for_a_token_and_nobody_else() {
    let routes = deployed();
    for (key, route) in &routes {
        let (method, path) = key.split_once(' ').unwrap();
        let is_checked = path.starts_with("/firm/v1/") && method != "POST";
        assert_eq!(route.is_checked, is_checked, "{key}");
        if is_checked {
            // Which of `POST /a/{proxy+}` and `ANY /a/b` is the closer one shall nobody have to know.
            let form = &routes[&format!("POST {path}")];
            assert_eq!((method, &form.binary), ("ANY", &route.binary), "{path}");
        }
    }
}

//! Stripe's form encoding, `line_items[0][price_data][currency]=usd`, as a tree of JSON.
//!
//! All leaves are text; [`number`] and its like turn them into what a parameter is. A body is then
//! read into a struct that refuses unknown fields, as Stripe does.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::problem::Problem;

/// Deeper than any parameter of ours; keeps a forged name from nesting without end.
const MAX_DEPTH: usize = 8;

/// Reads an encoded body or query into the parameters of a request.
pub fn read<T: DeserializeOwned>(encoded: &[u8]) -> Result<T, Problem> {
    serde_json::from_value(tree(encoded)?).map_err(|error| problem(&error))
}

fn problem(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    // Serde names the field in backquotes, where it can name one.
    let field = text.split('`').nth(1).unwrap_or("unknown").to_owned();
    if text.starts_with("unknown field") {
        let message = format!("Received unknown parameter: {field}");
        return Problem::parameter(&field, message).with_code("parameter_unknown");
    }
    if text.starts_with("missing field") {
        let message = format!("Missing required param: {field}.");
        return Problem::parameter(&field, message).with_code("parameter_missing");
    }
    Problem::invalid(format!("Invalid parameters: {text}"))
}

/// The pairs as a tree: `a[b]=c` is `{"a": {"b": "c"}}`, and `a[]=b` or `a[0]=b` is `{"a": ["b"]}`.
fn tree(encoded: &[u8]) -> Result<Value, Problem> {
    let mut root = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let path = path(&name).ok_or_else(|| {
            let message = format!("Invalid parameter name: {name}");
            Problem::parameter(&name, message)
        })?;
        insert(&mut root, &path, value.into_owned())
            .ok_or_else(|| Problem::parameter(&name, format!("Parameter given twice: {name}")))?;
    }
    Ok(Value::Object(root.into_iter().map(|(key, value)| (key, lists(value))).collect()))
}

/// `a[b][]` as `["a", "b", ""]`.
fn path(name: &str) -> Option<Vec<&str>> {
    let Some((first, rest)) = name.split_once('[') else {
        return (!name.is_empty()).then(|| vec![name]);
    };
    let mut path = vec![first];
    path.extend(rest.strip_suffix(']')?.split("]["));
    let is_plain = |part: &&str| !part.contains(['[', ']']);
    (!first.is_empty() && path.len() <= MAX_DEPTH && path.iter().all(is_plain)).then_some(path)
}

fn insert(map: &mut Map<String, Value>, path: &[&str], value: String) -> Option<()> {
    let (key, rest) = path.split_first()?;
    let key = if key.is_empty() { map.len().to_string() } else { (*key).to_owned() };
    if rest.is_empty() {
        return map.insert(key, Value::String(value)).is_none().then_some(());
    }
    let child = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    insert(child.as_object_mut()?, rest, value)
}

/// Maps whose keys are 0, 1, 2, … are lists.
fn lists(value: Value) -> Value {
    let Value::Object(map) = value else {
        return value;
    };
    let mut items: Vec<_> = map.into_iter().map(|(key, value)| (key, lists(value))).collect();
    let number = |key: &str| key.parse::<usize>().unwrap_or(usize::MAX);
    items.sort_by_key(|(key, _)| number(key));
    if !items.is_empty() && items.iter().enumerate().all(|(index, (key, _))| number(key) == index) {
        return Value::Array(items.into_iter().map(|(_, value)| value).collect());
    }
    Value::Object(items.into_iter().collect())
}

/// A whole number.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("invalid integer: {text}")))
}

/// A whole number that may be left out.
pub fn optional_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    number(deserializer).map(Some)
}

/// `true` or `false`, which may be left out.
pub fn optional_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        text => Err(D::Error::custom(format!("invalid boolean: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_a_tree() {
        for (encoded, expected) in [
            ("", json!({})),
            ("a=1&b=x+y%26", json!({"a": "1", "b": "x y&"})),
            ("a[b][c]=1&a[b][d]=2", json!({"a": {"b": {"c": "1", "d": "2"}}})),
            ("a[]=x&a[]=y", json!({"a": ["x", "y"]})),
            ("a[1]=y&a[0]=x", json!({"a": ["x", "y"]})),
            ("a%5B0%5D[b]=1", json!({"a": [{"b": "1"}]})),
            ("a[1]=y", json!({"a": {"1": "y"}})),
        ] {
            assert_eq!(tree(encoded.as_bytes()).unwrap(), expected, "for {encoded}");
        }
    }

    #[test]
    fn a_form_that_is_no_tree_is_refused() {
        for encoded in ["=1", "[a]=1", "a[=1", "a[b]c=1", "a=1&a=2", "a=1&a[b]=2", "a[[b]]=1"] {
            assert!(tree(encoded.as_bytes()).is_err(), "for {encoded}");
        }
        assert!(tree(format!("a{}=1", "[b]".repeat(MAX_DEPTH)).as_bytes()).is_err());
    }
}

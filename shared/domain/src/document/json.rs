//! A tree to and from JSON values: what the store keeps and what an HTTP body was.

use serde_json::{Map, Number};

use super::{Key, Node, Value};

impl Node {
    /// As a JSON value. A number that isn't whole stays a number where JSON can write it, and
    /// becomes text where it can't (`.inf`, `.5`, past 64 bits).
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(text) => float(text),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.text.clone(), node.to_json()));
                serde_json::Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}

fn float(text: &str) -> serde_json::Value {
    // Only where it reads back as the same kind of number: JSON has none past a double.
    let number = text.contains(['.', 'e', 'E']).then(|| serde_json::from_str::<Number>(text).ok());
    number.flatten().map_or_else(|| text.into(), serde_json::Value::Number)
}

/// A tree that stands nowhere: its errors name the field alone.
impl From<&serde_json::Value> for Node {
    fn from(json: &serde_json::Value) -> Self {
        Self::new(match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(*flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Value::Integer(number),
                None => Value::Float(number.to_string()),
            },
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Array(items) => Value::List(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => {
                let entry = |(text, json): (&String, _)| {
                    (Key { text: text.clone(), line: 0, column: 0 }, Self::from(json))
                };
                Value::Map(entries.iter().map(entry).collect())
            }
        })
    }
}

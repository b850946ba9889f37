//! JSON Schemas of events, as the bus tells them: with null for what people wrote.
//!
//! Nothing is said of properties that a schema doesn't name: events gain some as time goes by.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use syn::{Fields, Item, ItemEnum, Type};

use crate::source::{Found, Source, doc, name_of, only, serde};

/// Null on the bus, as `services::archive::told` does.
const FREE_TEXT: &str = "description";

/// One kind of entry.
pub struct Entry {
    /// As it is called in a record.
    pub tag: String,
    /// What it tells.
    pub doc: String,
    /// The schema of its `detail`.
    pub schema: Value,
}

/// All kinds, in the order of their source.
pub fn entries(source: &mut Source) -> Vec<Entry> {
    let Some(Found { item: Item::Enum(event), .. }) = source.find("event", "Event") else {
        panic!("there are no events");
    };
    event.variants.iter().map(|variant| entry(source, variant)).collect()
}

fn entry(source: &mut Source, variant: &syn::Variant) -> Entry {
    let mut maker = Maker { source, defined: BTreeMap::new() };
    let event = match &variant.fields {
        Fields::Unit => json!({"type": "object"}),
        Fields::Named(_) => maker.object(&variant.fields, "event"),
        Fields::Unnamed(_) => maker.of(only(&variant.fields).unwrap(), "event"),
    };
    let (tag, doc) = (snake(&variant.ident.to_string()), doc(&variant.attrs));
    let title = services::archive::told::detail_type(&tag);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": doc,
        "type": "object",
        "required": ["firm", "client", "sequence", "index", "at", "actor"],
        "properties": {
            "firm": {"type": "string", "description": "Whose client it is."},
            "client": {"type": "string", "description": "To which client it happened."},
            "sequence": {
                "type": "integer",
                "minimum": 1,
                "description": "The number of the client's commit record that it is in: counted without a gap.",
            },
            "index": {"type": "integer", "minimum": 0, "description": "Its place among the record's events, from 0."},
            "at": {"type": "string", "format": "date-time", "description": "When it was decided."},
            "actor": {
                "enum": ["staff", "client", "link", "gateway", "import", "schedule"],
                "description": "What kind of actor it came from.",
            },
            "event": event,
            "is_too_large": {
                "const": true,
                "description": "The event is too large for the bus and left out; the audit has it.",
            },
        },
    });
    if !maker.defined.is_empty() {
        schema["$defs"] = json!(maker.defined);
    }
    Entry { tag, doc, schema }
}

struct Maker<'a> {
    source: &'a mut Source,
    /// By their names; several types of one name are told apart by their module.
    defined: BTreeMap<String, Value>,
}

impl Maker<'_> {
    fn of(&mut self, kind: &Type, module: &str) -> Value {
        let (name, of) = name_of(kind);
        let whole = || json!({"type": "integer", "minimum": 0});
        match (name.as_str(), of.as_slice()) {
            ("Personal", _) => json!({"type": "null"}),
            ("String", _) => json!({"type": "string"}),
            ("bool", _) => json!({"type": "boolean"}),
            ("u8" | "u16" | "u32" | "u64" | "usize", _) => whole(),
            ("i32" | "i64", _) => json!({"type": "integer"}),
            ("NaiveDate" | "Day", _) => json!({"type": "string", "format": "date"}),
            ("DateTime", _) => json!({"type": "string", "format": "date-time"}),
            ("Box", [inner]) => self.of(inner, module),
            ("Option", [inner]) => json!({"anyOf": [self.of(inner, module), {"type": "null"}]}),
            ("Vec" | "BTreeSet", [inner]) => {
                json!({"type": "array", "items": self.of(inner, module)})
            }
            ("BTreeMap", [_, value]) => {
                json!({"type": "object", "additionalProperties": self.of(value, module)})
            }
            ("(,)", parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.of(part, module)).collect();
                let count = parts.len();
                json!({"type": "array", "prefixItems": parts, "minItems": count, "maxItems": count})
            }
            (name, []) => self.named(name, module),
            (name, _) => panic!("no event had a {name} so far"),
        }
    }

    fn named(&mut self, name: &str, module: &str) -> Value {
        if self.source.is_id(module, name) {
            return json!({"type": "string"});
        }
        let found = self.source.find(module, name);
        let Found { module, item } =
            found.unwrap_or_else(|| panic!("{name} of {module} is nowhere"));
        let reference = json!({"$ref": format!("#/$defs/{name}")});
        if self.defined.contains_key(name) {
            return reference;
        }
        self.defined.insert(name.to_owned(), Value::Null); // it may hold itself
        let schema = self.item(&item, &module);
        self.defined.insert(name.to_owned(), schema);
        reference
    }

    fn item(&mut self, item: &Item, module: &str) -> Value {
        let (attributes, mut schema) = match item {
            Item::Struct(found) if serde(&found.attrs).contains_key("into") => {
                (&found.attrs, json!({"type": "string"}))
            }
            Item::Struct(found) => {
                let schema = match only(&found.fields) {
                    Some(inner) => self.of(inner, module),
                    None => self.object(&found.fields, module),
                };
                (&found.attrs, schema)
            }
            Item::Enum(found) if serde(&found.attrs).contains_key("into") => {
                (&found.attrs, json!({"type": "string"}))
            }
            Item::Enum(found) => (&found.attrs, self.variants(found, module)),
            Item::Type(found) => (&found.attrs, self.of(&found.ty, module)),
            _ => panic!("neither struct nor enum"),
        };
        describe(&mut schema, doc(attributes));
        schema
    }

    fn variants(&mut self, found: &ItemEnum, module: &str) -> Value {
        let told = serde(&found.attrs);
        assert_eq!(
            told.get("rename_all").map(String::as_str),
            Some("snake_case"),
            "{}",
            found.ident
        );
        let (mut words, mut others) = (Vec::new(), Vec::new());
        for variant in &found.variants {
            let tag = snake(&variant.ident.to_string());
            let inner = match &variant.fields {
                Fields::Unit => {
                    words.push(tag);
                    continue;
                }
                Fields::Named(_) => self.object(&variant.fields, module),
                Fields::Unnamed(_) => self.of(only(&variant.fields).unwrap(), module),
            };
            let mut properties = Map::new();
            properties.insert(tag.clone(), inner);
            let mut schema = json!({"type": "object", "required": [tag], "properties": properties});
            describe(&mut schema, doc(&variant.attrs));
            others.push(schema);
        }
        match (words.is_empty(), others.is_empty()) {
            (false, true) => json!({"enum": words}),
            (true, _) => json!({"oneOf": others}),
            (false, false) => {
                others.insert(0, json!({"enum": words}));
                json!({"oneOf": others})
            }
        }
    }

    fn object(&mut self, fields: &Fields, module: &str) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in fields {
            let name = field.ident.as_ref().unwrap().to_string();
            let told = serde(&field.attrs);
            let is_known = ["default", "skip_serializing_if"];
            assert!(told.keys().all(|key| is_known.contains(&key.as_str())), "{name}: {told:?}");
            let can_be_left_out = told.contains_key("skip_serializing_if");
            let (kind, of) = name_of(&field.ty);
            // What is left out is never null.
            let inner = match (kind.as_str(), of.as_slice()) {
                ("Option", [inner]) if can_be_left_out => inner,
                _ => &field.ty,
            };
            let mut schema = match name.as_str() {
                FREE_TEXT => json!({"type": "null"}),
                _ => self.of(inner, module),
            };
            describe(&mut schema, doc(&field.attrs));
            properties.insert(name.clone(), schema);
            // An older program's record may lack what is read by default.
            if !can_be_left_out && !told.contains_key("default") {
                required.push(name);
            }
        }
        json!({"type": "object", "required": required, "properties": properties})
    }
}

fn describe(schema: &mut Value, doc: String) {
    if !doc.is_empty() {
        schema["description"] = doc.into();
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (place, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && 0 < place {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

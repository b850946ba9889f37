//! Objects as JSON, with what `expand[]` asks for in place of ids.

use serde::Serialize;
use serde_json::{Value, json};

use super::book::Book;
use super::problem::Problem;

/// Stripe expands four levels deep.
const MAX_EXPAND_DEPTH: usize = 4;

/// The object alone, ids as ids.
pub fn plain(object: &impl Serialize) -> Value {
    // Structs with string keys always serialize.
    serde_json::to_value(object).unwrap_or_default()
}

/// The object with each path of `expand` followed.
pub fn expanded(book: &Book, mut object: Value, expand: &[String]) -> Result<Value, Problem> {
    for path in expand {
        let fields: Vec<_> = path.split('.').collect();
        if MAX_EXPAND_DEPTH < fields.len() {
            let message = format!(
                "You cannot expand more than {MAX_EXPAND_DEPTH} levels of a property ({path})."
            );
            return Err(Problem::parameter("expand", message));
        }
        follow(book, &mut object, &fields, path)?;
    }
    Ok(object)
}

fn follow(book: &Book, object: &mut Value, fields: &[&str], path: &str) -> Result<(), Problem> {
    let Some((field, rest)) = fields.split_first() else {
        return Ok(());
    };
    let refused =
        || Problem::parameter("expand", format!("This property cannot be expanded ({path})."));
    if object["object"] == "charge" && *field == "refunds" {
        object["refunds"] = refunds(book, &object["id"]);
        return if rest.is_empty() { Ok(()) } else { Err(refused()) };
    }
    if object["object"] == "checkout.session" && *field == "line_items" {
        object["line_items"] = line_items(book, &object["id"]);
        return if rest.is_empty() { Ok(()) } else { Err(refused()) };
    }
    let value = object.get_mut(*field).ok_or_else(refused)?;
    if let Some(id) = value.as_str() {
        *value = book.object(id).ok_or_else(refused)?;
    }
    match value {
        Value::Null => Ok(()),
        Value::Object(_) => follow(book, value, rest, path),
        _ => Err(refused()),
    }
}

/// All of them: a sandbox's page shows no more than its list may hold.
fn line_items(book: &Book, session: &Value) -> Value {
    let id = session.as_str().unwrap_or_default();
    let items = book.line_items.get(id).into_iter().flatten();
    let data: Vec<_> = items.map(plain).collect();
    let url = format!("/v1/checkout/sessions/{id}/line_items");
    json!({"object": "list", "data": data, "has_more": false, "url": url})
}

/// Newest first, as Stripe's lists are; a sandbox's charge has less than a page of them.
fn refunds(book: &Book, charge: &Value) -> Value {
    let of_charge = book.refunds.values().rev().filter(|refund| charge == &refund.charge);
    let data: Vec<_> = of_charge.map(plain).collect();
    let url = format!("/v1/charges/{}/refunds", charge.as_str().unwrap_or_default());
    json!({"object": "list", "data": data, "has_more": false, "url": url})
}

//! Documents as they are written by people who mean well, and by others.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::calendar::parse_day;
use crate::id::{ClientId, InvoiceId};
use crate::money::{Currency, Money};

fn json(text: &str) -> serde_json::Value {
    parse(text).unwrap_or_else(|error| panic!("{error} in {text:?}")).to_json()
}

fn refusal(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

/// What `read` says to the document `a: …` (its field, at line 2).
fn field_error<T: fmt::Debug>(
    value: &str,
    read: impl FnOnce(&Field<'_>) -> Result<T, DocumentError>,
) -> String {
    let node = parse(&format!("# A comment.\na: {value}")).unwrap();
    let mut fields = Fields::new(&node, "lock").unwrap();
    fields.required("a", read).expect_err(value).to_string()
}

fn field<T>(
    value: &str,
    read: impl FnOnce(&Field<'_>) -> Result<T, DocumentError>,
) -> Result<T, DocumentError> {
    Field::root(&parse(value)?).fields(|fields| fields.required("a", read))
}

#[test]
fn yaml_and_json_are_one_language() {
    for (yaml, same) in [
        (
            "lock:\n  days_overdue: 30\n  balance: off\n",
            r#"{"lock": {"days_overdue": 30, "balance": "off"}}"#,
        ),
        ("- 1\n- [a, {b: c}]\n-\n", r#"[1, ["a", {"b": "c"}], null]"#),
        ("a: |\n  one\n  two\nb: >-\n  one\n  two\n", r#"{"a": "one\ntwo\n", "b": "one two"}"#),
        ("'it''s': \"\\u00e9\"", r#"{"it's": "é"}"#),
        ("\u{feff}a: 1\r\nb: 2\r\n", "{\"a\": 1,\n\t\"b\": 2}"),
        ("%YAML 1.2\n---\na: 1\n...\n", r#"{"a":1}"#),
        ("a: 1.0 # not money", r#"{"a": 1.0}"#),
        ("\"\\U0001F600\"", r#""😀""#),
    ] {
        assert_eq!(json(yaml), json(same), "for {yaml:?}");
        assert_eq!(json(same), serde_json::from_str::<serde_json::Value>(same).unwrap());
    }
}

#[test]
fn json_escapes_past_the_first_plane() {
    let text = r#"{"a": "\ud83d\ude00", "b": "\\ud83d\\ude00", "c": "\u00e9\/\"", "d": "x\uD83D\uDE00\uD83D\uDE00"}"#;
    assert_eq!(json(text), serde_json::from_str::<serde_json::Value>(text).unwrap());
    // Half a pair is nothing, and outside of double quotes a backslash is a backslash.
    assert!(refusal(r#"{"a": "\ud83d"}"#).starts_with("line 1: not YAML 1.2 or JSON at column 7"));
    assert!(refusal(r#"{"a": "\ude00\ud83d"}"#).contains("not YAML 1.2 or JSON"));
    assert_eq!(json(r"a: '\ud83d\ude00'"), json!({"a": r"\ud83d\ude00"}));
}

#[test]
fn scalars_are_what_the_core_schema_says_and_keep_their_text() {
    let integer = Value::Integer;
    let text = |text: &str| Value::Text(text.to_owned());
    let float = |text: &str| Value::Float(text.to_owned());
    for (written, expected) in [
        ("~", Value::Null),
        ("null", Value::Null),
        ("true", Value::Bool(true)),
        ("False", Value::Bool(false)),
        ("30", integer(30)),
        ("-5", integer(-5)),
        ("+5", integer(5)),
        ("007", integer(7)),
        ("0x1F", integer(31)),
        ("0o17", integer(15)),
        ("9223372036854775807", integer(i64::MAX)),
        ("9223372036854775808", float("9223372036854775808")),
        ("100.00", float("100.00")),
        ("-1.5e-3", float("-1.5e-3")),
        ("1e3", float("1e3")),
        (".5", float(".5")),
        ("5.", float("5.")),
        ("+.5", float("+.5")),
        ("1E+5", float("1E+5")),
        ("+.INF", float("+.INF")),
        ("-.nan", text("-.nan")),
        ("1.5x", text("1.5x")),
        ("x1.5", text("x1.5")),
        ("1e5x", text("1e5x")),
        ("-.inf", float("-.inf")),
        (".nan", float(".nan")),
        ("\"100.00\"", text("100.00")),
        ("'true'", text("true")),
        ("\"\"", text("")),
        ("2026-01-01", text("2026-01-01")),
        ("20:00", text("20:00")),
        ("off", text("off")),
        ("yes", text("yes")),
        ("net 30", text("net 30")),
        ("1.2.3", text("1.2.3")),
        ("1_000", text("1_000")),
        ("0x", text("0x")),
        ("0o8", text("0o8")),
        ("1e", text("1e")),
        ("e5", text("e5")),
        (".", text(".")),
        ("+", text("+")),
        ("INV-1", text("INV-1")),
    ] {
        let node = parse(written).unwrap();
        assert_eq!(node.value, expected, "for {written}");
        let unquoted = written.trim_matches(['"', '\'']);
        assert_eq!(node.as_written(), Some(unquoted), "for {written}");
    }
}

#[test]
fn every_value_and_key_knows_its_place() {
    let node =
        parse("# Why.\nlock:\n  days: 30\nsteps:\n  - {at: 1, do: notice}\n  - x\n").unwrap();
    let place = |node: &Node| (node.line, node.column);
    assert_eq!(place(&node), (2, 1));
    assert_eq!(place(node.get("lock").unwrap()), (3, 3));
    assert_eq!(place(node.get("lock").unwrap().get("days").unwrap()), (3, 9));
    let Value::List(steps) = &node.get("steps").unwrap().value else { panic!("no list") };
    assert_eq!(place(steps[0].get("do").unwrap()), (5, 17));
    assert_eq!(place(&steps[1]), (6, 5));
    let Value::Map(entries) = &node.value else { panic!("no mapping") };
    assert_eq!((entries[1].0.line, entries[1].0.column), (4, 1));
    assert_eq!(node.get("x"), None);
    assert_eq!(steps[1].get("x"), None);
    let stripped = node.without_place();
    assert_eq!(place(&stripped), (0, 0));
    let Value::Map(entries) = &stripped.value else { panic!("no mapping") };
    assert_eq!((entries[1].0.line, entries[1].0.column), (0, 0));
    let Value::List(steps) = &entries[1].1.value else { panic!("no list") };
    assert_eq!(place(steps[0].get("do").unwrap()), (0, 0));
    let error = parse("a: 1\nb:\0").unwrap_err();
    assert_eq!((error.line, error.column), (2, 3));
    let error = parse("a: 1\nb: &c 1").unwrap_err();
    assert_eq!((error.line, error.column), (2, 4));
}

#[test]
fn what_multiplies_or_surprises_is_refused() {
    for (text, expected) in [
        ("", "line 1: the document is empty"),
        ("# Only a comment.\n", "line 1: the document is empty"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins"),
        ("a: 1\n...\nb: 2", "line 3: a second document begins"),
        ("a: 1\nb: 2\na: 3", "line 3: the key \"a\" is there twice"),
        ("{a: 1, \"a\": 2}", "line 1: the key \"a\" is there twice"),
        ("a: {b: 1,\n b: 2}", "line 2: the key \"b\" is there twice"),
        ("a: &x 1", "line 1: an anchor (&) is not supported"),
        ("a: &x [1]", "line 1: an anchor (&) is not supported"),
        ("a: &x {b: 1}\nc: *x", "line 1: an anchor (&) is not supported"),
        ("a: *x", "line 1: not YAML 1.2 or JSON at column 4"),
        ("a: !!int \"1\"", "line 1: a tag (!) is not supported"),
        ("a: !x [1]", "line 1: a tag (!) is not supported"),
        ("\n\na: !x {b: 1}", "line 3: a tag (!) is not supported"),
        ("? [a]\n: 1", "line 1: a list or mapping as a key, expected text"),
        ("{{a: 1}: 2}", "line 1: a list or mapping as a key, expected text"),
        ("a: {: 1}", "line 1: expected a key of 1 to 256 bytes, got 0"),
        ("a: 1\nb: [1, 2", "not YAML 1.2 or JSON"),
        ("a: b: c", "line 1: not YAML 1.2 or JSON at column 5: mapping values are not allowed"),
        ("a: 1\n\0b: 2", "line 2: a control character"),
        ("a: \u{1}", "line 1: a control character"),
        ("\u{1b}[31m", "line 1: a control character"),
    ] {
        let message = refusal(text);
        assert!(message.starts_with(expected) || message.contains(expected), "{text:?}: {message}");
    }
}

#[test]
fn no_document_is_too_much() {
    for (text, expected) in [
        ("- ".repeat(100_000), "nested too deep, expected at most 32 levels"),
        ("{a: ".repeat(100_000), "limit exceeded"),
        ("[".repeat(100_000), "limit exceeded"),
        (format!("[{}1]", "1,".repeat(MAX_NODES)), "expected at most 400000 values"),
        (" ".repeat(MAX_DOCUMENT_BYTES + 1), "expected at most 4194304"),
        (format!("{}: 1", "k".repeat(257)), "expected a key of 1 to 256 bytes, got 257"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(expected), "for {}…: {message}", &text[..8]);
    }
    assert!(refusal(&" ".repeat(MAX_DOCUMENT_BYTES)).contains("is empty"));
    assert!(parse(&format!("[{}1]", "1,".repeat(MAX_NODES - 2))).is_ok());
    let deepest = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(parse(&deepest).is_ok());
    assert!(refusal(&format!("[{deepest}]")).contains("nested too deep"));
    assert!(parse(&format!("{}: 1", "k".repeat(256))).is_ok());
}

#[test]
fn off_is_written_in_four_ways() {
    for text in ["off", "\"off\"", "false", "none", "'none'", "False"] {
        assert!(parse(text).unwrap().is_off(), "for {text}");
    }
    for text in ["on", "no", "~", "0", "true", "Off", "[]", "{}", "0.0", "\"\""] {
        assert!(!parse(text).unwrap().is_off(), "for {text}");
    }
}

#[test]
fn pol_4_maps_are_merged_key_by_key_and_everything_else_replaced() {
    for (base, with, expected) in [
        ("{a: 1, b: 2}", "{b: 3, c: 4}", json!({"a": 1, "b": 3, "c": 4})),
        ("{a: {b: 1, c: 2}}", "{a: {c: 3}}", json!({"a": {"b": 1, "c": 3}})),
        ("{a: [1, 2]}", "{a: [3]}", json!({"a": [3]})),
        ("{a: [{b: 1, c: 2}]}", "{a: [{b: 3}]}", json!({"a": [{"b": 3}]})),
        ("{a: {b: 1}}", "{a: off}", json!({"a": "off"})),
        ("{a: off}", "{a: {b: 1}}", json!({"a": {"b": 1}})),
        ("{a: {b: 1}}", "{a: ~}", json!({"a": null})),
        ("{a: {b: 1}}", "{a: {}}", json!({"a": {"b": 1}})),
        ("{a: 1}", "{}", json!({"a": 1})),
        ("{}", "{a: 1}", json!({"a": 1})),
        ("[1]", "{a: 1}", json!({"a": 1})),
    ] {
        let merged = merge(parse(base).unwrap(), parse(with).unwrap());
        assert_eq!(merged.to_json(), expected, "{base} with {with}");
    }
    let merged = merge(parse("a: {b: 1}").unwrap(), parse("\n\na:\n  c: 1").unwrap());
    assert_eq!(merged.get("a").unwrap().line, 4, "an error is about what was changed");
}

#[test]
fn numbers_survive_json_as_what_they_are() {
    for (text, expected) in [
        ("1.5", json!(1.5)),
        ("100.00", json!(100.0)),
        (".5", json!(".5")),
        (".inf", json!(".inf")),
        ("18446744073709551616", json!("18446744073709551616")),
        ("0x10", json!(16)),
        ("-7", json!(-7)),
    ] {
        assert_eq!(json(text), expected, "for {text}");
    }
    let from = Node::from(&json!({"a": [1.5, u64::MAX, -1, true, null, "x"]}));
    let Value::List(items) = &from.get("a").unwrap().value else { panic!("no list") };
    let written: Vec<_> = items.iter().filter_map(Node::as_written).collect();
    assert_eq!(written, ["1.5", "18446744073709551615", "-1", "true", "null", "x"]);
    let error = Field::at(items.first().unwrap(), "a[0]").day().unwrap_err();
    let expected = "a[0]: expected a date such as 2026-03-02, got the floating-point number 1.5";
    assert_eq!(error.to_string(), expected, "no line where there is none");
}

#[test]
fn inv_5_money_is_text_or_a_whole_number_and_never_a_float() {
    let money = |value: &str, currency: Currency| {
        field(&format!("a: {value}"), |field| field.money(currency)).map(Money::minor)
    };
    let jpy: Currency = "JPY".parse().unwrap();
    for (value, currency, minor) in [
        ("\"100.00\"", Currency::USD, 10_000),
        ("'0.5'", Currency::USD, 50),
        ("100", Currency::USD, 10_000),
        ("0", Currency::USD, 0),
        ("100", jpy, 100),
        ("\"100\"", jpy, 100),
    ] {
        assert_eq!(money(value, currency), Ok(minor), "for {value} {currency}");
    }
    for (value, expected) in [
        (
            "100.00",
            "expected an amount in quotes (\"100.00\") or a whole number, got the floating-point number 100.00",
        ),
        (
            "1e2",
            "expected an amount in quotes, such as \"100.00\", got the floating-point number 1e2",
        ),
        (
            "-0.01",
            "expected an amount in quotes, such as \"100.00\", got the floating-point number -0.01",
        ),
        ("-5", "expected an amount that isn't negative, got -5"),
        ("\"-5\"", "\"-5\" is not an amount, expected a decimal number such as 100.00"),
        ("\"1,000\"", "\"1,000\" is not an amount"),
        ("\"1.001\"", "1.001 is finer than the minor unit of USD"),
        ("99999999999999999999", "got the number 99999999999999999999, which is too large"),
        ("99999999999999999", "99999999999999999 is too large"),
        ("true", "expected an amount such as \"100.00\", got true"),
        ("", "expected an amount such as \"100.00\", got nothing"),
        ("[1]", "expected an amount such as \"100.00\", got a list"),
    ] {
        let message = field_error(value, |field| field.money(Currency::USD));
        assert!(message.contains(expected), "for {value}: {message}");
        assert!(message.starts_with("line 2: lock.a: "), "for {value}: {message}");
    }
    for (value, expected) in [
        ("{USD: 1.5}", "lock.a.USD: expected an amount in quotes"),
        ("{usd: 1}", "lock.a.usd: unknown currency \"usd\""),
        ("5", "lock.a: expected amounts by currency, such as {USD: \"500.00\"}, got 5"),
    ] {
        let message = field_error(value, |field| field.amounts());
        assert!(message.contains(expected), "for {value}: {message}");
    }
}

#[test]
fn fields_are_read_as_what_they_are_for() {
    let text = "
        id: A-1
        number: 0042
        version: 1.10
        day: 2024-02-29
        flag: off
        count: 3
        letter: demand_letter
        none: none
        lines: [{n: 1}, {n: 2}]
        clients: {acme: 1, bea: 2}
        days: {2026-03-01: [x]}
    ";
    let node = parse(text).unwrap();
    let mut fields = Fields::new(&node, "").unwrap();
    let id: InvoiceId = fields.required("id", Field::parse).unwrap();
    assert_eq!(id.as_str(), "A-1");
    let number: InvoiceId = fields.required("number", Field::parse).unwrap();
    assert_eq!(number.as_str(), "0042", "an id keeps its zeros");
    assert_eq!(fields.required("version", Field::scalar).unwrap(), "1.10");
    assert_eq!(fields.required("day", Field::day).unwrap(), parse_day("2024-02-29").unwrap());
    assert!(!fields.required("flag", Field::flag).unwrap());
    assert_eq!(fields.required("count", |field| field.count(0..=3)).unwrap(), 3);
    let letters = [("notice", 1), ("demand_letter", 2)];
    assert_eq!(fields.required("letter", |field| field.choice(&letters)).unwrap(), 2);
    assert_eq!(fields.required("none", |field| field.unless_off(Field::day)).unwrap(), None);
    let line = |field: &Field<'_>| field.fields(|fields| fields.required("n", |n| n.count(1..=9)));
    assert_eq!(fields.required("lines", |field| field.list(line)).unwrap(), [1, 2]);
    let clients = fields.required("clients", |field| {
        field.entries(str::parse::<ClientId>, |_, field| field.count(1..=9))
    });
    assert_eq!(clients.unwrap().last().unwrap().0.as_str(), "bea");
    let days = fields
        .required("days", |field| field.entries(parse_day, |_, field| field.list(Field::text)));
    assert_eq!(days.unwrap(), [(parse_day("2026-03-01").unwrap(), vec!["x"])]);
    assert_eq!(fields.optional("else", Field::day).unwrap(), None);
    assert_eq!(fields.or("kind", 7, |field| field.count(0..=9)).unwrap(), 7);
    assert_eq!(fields.finish(), Ok(()));
}

#[test]
fn an_error_says_what_was_expected_and_what_was_there() {
    type Read = fn(&Field<'_>) -> Result<(), DocumentError>;
    let text: Read = |field| field.text().map(drop);
    let day: Read = |field| field.day().map(drop);
    let flag: Read = |field| field.flag().map(drop);
    let count: Read = |field| field.count(2..=5).map(drop);
    let choice: Read = |field| field.choice(&[("any", ()), ("all", ()), ("x", ())]);
    let id: Read = |field| field.parse::<ClientId>().map(drop);
    let list: Read = |field| field.list(Field::day).map(drop);
    let map: Read = |field| field.fields(|_| Ok(()));
    let entries: Read = |field| field.entries(str::parse::<ClientId>, |_, _| Ok(())).map(drop);
    for (read, value, expected) in [
        (text, "30", "expected text (in quotes), got 30"),
        (text, "true", "expected text (in quotes), got true"),
        (text, "", "expected text, got nothing"),
        (text, "[a]", "expected text, got a list"),
        (text, "\" \"", "expected text, got none"),
        (day, "2026-02-30", "\"2026-02-30\" is not a date, expected one such as 2026-03-02"),
        (day, "20260302", "expected a date such as 2026-03-02, got 20260302"),
        (flag, "yes", "expected true or false, got \"yes\""),
        (flag, "\"true\"", "expected true or false, got \"true\""),
        (flag, "1", "expected true or false, got 1"),
        (count, "1", "expected a whole number from 2 to 5, got 1"),
        (count, "6", "expected a whole number from 2 to 5, got 6"),
        (count, "-3", "expected a whole number from 2 to 5, got -3"),
        (count, "4294967299", "expected a whole number from 2 to 5, got 4294967299"),
        (count, "3.0", "expected a whole number from 2 to 5, got the floating-point number 3.0"),
        (count, "\"3\"", "expected a whole number from 2 to 5, got \"3\""),
        (choice, "some", "expected any, all or x, got \"some\""),
        (choice, "{a: 1}", "expected any, all or x, got a mapping"),
        (id, "a\tb", "the id \"a\\tb\" holds '\\t', which no id may"),
        (id, "\"a#b\"", "the id \"a#b\" holds '#', which no id may"),
        (id, "true", "expected text (in quotes), got true"),
        (id, "[a]", "expected text, got a list"),
        (list, "2026-01-01", "expected a list, got \"2026-01-01\""),
        (map, "off", "expected a mapping, got \"off\""),
        (map, "{x: 1}", "unknown field, none is known here"),
        (entries, "{a\tb: 1}", "the id \"a\\tb\" holds '\\t', which no id may"),
    ] {
        let message = field_error(value, read);
        assert!(message.ends_with(expected), "for {value}: {message}");
        assert!(message.starts_with("line 2: lock.a"), "for {value}: {message}");
    }
    let message = field_error("[2026-01-01,\n 7]", |field| field.list(Field::day));
    assert!(message.starts_with("line 3: lock.a[1]: expected a date"), "{message}");
    let long = "x".repeat(70);
    let message = field_error(&long, |field| field.day());
    assert!(message.starts_with("line 2: lock.a: ") && message.len() < 200, "{message}");
    let message = field_error(&long, |field| field.flag());
    assert!(message.ends_with(&format!("got {:?}…", "x".repeat(60))), "{message}");
    assert!(field(&format!("a: {}", "x".repeat(8_192)), |field| field.text().map(drop)).is_ok());
    let message = field_error(&"x".repeat(9_000), |field| field.text().map(drop));
    assert!(message.ends_with("expected at most 8192 bytes, got 9000"), "{message}");
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    for (text, expected) in [
        (
            "{client: a, amont: 1}",
            "line 1: issue.amont: unknown field, the nearest known one is amount",
        ),
        ("{client: a,\n foo: 1}", "line 2: issue.foo: unknown field, the nearest known one is"),
        // It isn't said that `client` is missing.
        ("{clinet: a}", "line 1: issue.clinet: unknown field, the nearest known one is client"),
        ("{amount: 1}", "line 1: issue.client: is missing, and has no default"),
        ("{}", "line 1: issue.client: is missing, and has no default"),
    ] {
        let node = parse(text).unwrap();
        let error = Field::at(&node, "issue").fields(|fields| {
            fields.required("client", |field| field.parse::<ClientId>())?;
            fields.optional("amount", |field| field.money(Currency::USD))
        });
        let message = error.unwrap_err().to_string();
        assert!(message.starts_with(expected), "for {text}: {message}");
    }
    for (name, expected) in
        [("days_overdu", "days_overdue"), ("unpaid", "unpaid_invoices"), ("Letter", "letter")]
    {
        let known = ["balance", "unpaid_invoices", "days_overdue", "letter"];
        assert_eq!(nearest(name, &known), Some(expected), "for {name}");
    }
    assert_eq!(nearest("x", &[]), None);
}

#[test]
fn of_some_fields_one_may_be_there() {
    let acts = ["issue", "pay", "expect"];
    let one = |text: &str| {
        let node = parse(text).unwrap();
        let mut fields = Fields::new(&node, "timeline[3]").unwrap();
        fields.field("on");
        let (name, field) = fields.exactly_one(&acts)?;
        assert_eq!(fields.keys().next().unwrap().text, "on");
        assert_eq!(fields.whole().path(), "timeline[3]");
        fields.finish()?;
        Ok::<_, DocumentError>((name, field.path().to_owned()))
    };
    assert_eq!(one("{on: x, pay: 1}").unwrap(), ("pay", "timeline[3].pay".to_owned()));
    for (text, expected) in [
        ("{on: x}", "line 1: timeline[3]: expected one of issue, pay or expect, got none of them"),
        (
            "{on: x, pay: 1,\n issue: 2}",
            "line 1: timeline[3].pay: issue is there too, expected only one of issue, pay or expect",
        ),
        (
            "{on: x, isue: 2}",
            "line 1: timeline[3].isue: unknown field, the nearest known one is issue",
        ),
        (
            "{on: x, pay: 1, say: 2}",
            "line 1: timeline[3].say: unknown field, the nearest known one is pay",
        ),
    ] {
        assert_eq!(one(text).expect_err(text).to_string(), expected, "for {text}");
    }
}

/// Any JSON, its keys such as a document may have them.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(|text| json!(text)),
        "[-+.0-9a-z:#&*!|>%@`,\\[\\]{} ]{0,8}".prop_map(|text| json!(text)),
    ];
    scalar.prop_recursive(4, 40, 5, |inner| {
        let key = "\\PC{1,20}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
            prop::collection::btree_map(key, inner, 0..5)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// As `json.dumps` of Python does by default: everything past ASCII as escapes.
fn escaped(text: &str) -> String {
    let escape = |unit: &u16| format!("\\u{unit:04x}");
    let one = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => c.encode_utf16(&mut [0; 2]).iter().map(escape).collect(),
    };
    text.chars().map(one).collect()
}

proptest! {
    #[test]
    fn json_is_read_as_json(json in any_json()) {
        prop_assert_eq!(&Node::from(&json).to_json(), &json);
        for text in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
            prop_assert_eq!(&parse(&text).unwrap().to_json(), &json, "{}", text);
        }
        if json.is_object() || json.is_array() {
            prop_assert_eq!(&parse(&escaped(&json.to_string())).unwrap().to_json(), &json);
        }
    }

    #[test]
    fn no_text_is_more_than_an_error(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \n\t\\\\a0.~<]{0,60}") {
        if let Ok(node) = parse(&text) {
            prop_assert_eq!(Node::from(&node.to_json()).to_json(), node.to_json());
        }
    }

    #[test]
    fn merging_over_nothing_or_with_nothing_changes_nothing(json in any_json()) {
        let node = Node::from(&json);
        if json.is_object() {
            let nothing = || Node::new(Value::Map(Vec::new()));
            prop_assert_eq!(merge(node.clone(), nothing()).to_json(), node.to_json());
            prop_assert_eq!(merge(nothing(), node.clone()).to_json(), node.to_json());
        }
        prop_assert_eq!(merge(node.clone(), node.clone()).to_json(), node.to_json());
    }
}

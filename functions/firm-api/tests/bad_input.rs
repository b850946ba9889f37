//! Bad input at each kind of place: a clear error that names the field, and nothing written.

mod world;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use world::World;

const CLIENTS: &str = "/firm/v1/clients";
const INVOICES: &str = "/firm/v1/clients/acme/invoices";
const PAYMENTS: &str = "/firm/v1/clients/acme/payments";
const HOLDS: &str = "/firm/v1/clients/acme/holds";
const PROMISES: &str = "/firm/v1/clients/acme/promises";
const PLANS: &str = "/firm/v1/clients/acme/plans";

fn usd(amount: &str) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

fn invoice(name: &str, value: Value) -> Value {
    let mut invoice = json!({"invoice": "A-2", "total": usd("5.00")});
    invoice[name] = value;
    invoice
}

fn payment(name: &str, value: Value) -> Value {
    let mut payment = json!({"reference": "9", "method": "check", "amount": usd("5.00")});
    payment[name] = value;
    payment
}

fn client(name: &str, value: Value) -> Value {
    let mut client = json!({"client": "new", "name": "New"});
    client[name] = value;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_field_is_named_and_nothing_is_written() {
    let world = World::new().await;
    world.acme().await;
    let version = world.version("acme").await;
    let long = "x".repeat(9_000);
    for (path, body, status, field, detail) in [
        // Wrong types, missing and unknown fields.
        (CLIENTS, json!([]), 422, "", "object is expected"),
        (CLIENTS, json!({}), 422, "name", " is missing"),
        (CLIENTS, client("name", json!(3)), 422, "name", "a text is expected, not 3"),
        (CLIENTS, client("name", json!(" ")), 422, "name", "1 to 200"),
        (CLIENTS, client("name", json!("a\nb")), 422, "name", "one line"),
        (CLIENTS, client("nmae", json!("x")), 422, "nmae", "the nearest one is name"),
        (CLIENTS, client("client", json!("a#b")), 422, "client", "'#'"),
        (CLIENTS, client("client", json!(".")), 422, "client", "a step"),
        (CLIENTS, client("client", json!("..")), 422, "client", "a step"),
        (INVOICES, invoice("invoice", json!("..")), 422, "invoice", "a step"),
        (
            CLIENTS,
            client("contacts", json!([{"address": "A@b.example"}, {"address": "a@B.example"}])),
            422,
            "contacts[1].address",
            "twice",
        ),
        (CLIENTS, client("client", json!("x".repeat(129))), 422, "client", "longer than 128"),
        (CLIENTS, client("class", json!("")), 422, "class", "empty"),
        (CLIENTS, client("class", json!("gold")), 409, "class", "no policy in force"),
        (CLIENTS, client("currency", json!("XYZ")), 422, "currency", "unknown currency"),
        (
            CLIENTS,
            client("contacts", json!([{"address": "ann"}])),
            422,
            "contacts[0].address",
            "e-mail",
        ),
        (
            CLIENTS,
            client("contacts", json!([{"adress": "a@b.example"}])),
            422,
            "contacts[0].adress",
            "address",
        ),
        (
            CLIENTS,
            client("contacts", json!(vec![json!({"address": "a@b.example"}); 2])),
            422,
            "contacts[1].address",
            "twice",
        ),
        // Money.
        (INVOICES, invoice("total", json!(5.0)), 422, "total", "an object is expected, not 5.0"),
        (INVOICES, invoice("total", json!("5.00")), 422, "total", "expected"),
        (
            INVOICES,
            invoice("total", json!({"amount": 5, "currency": "USD"})),
            422,
            "total.amount",
            "a text is expected, not 5",
        ),
        (INVOICES, invoice("total", usd("5.001")), 422, "total", "finer than the minor unit"),
        (INVOICES, invoice("total", usd("-5")), 422, "total", "not an amount"),
        (INVOICES, invoice("total", usd("99999999999999999999")), 422, "total", "too large"),
        (
            INVOICES,
            invoice("total", json!({"amount": "5", "currency": "usd"})),
            422,
            "total",
            "currency",
        ),
        (
            INVOICES,
            invoice("total", json!({"amount": "5.5", "currency": "JPY"})),
            422,
            "total",
            "finer",
        ),
        (INVOICES, json!({"invoice": "A-2"}), 422, "total", " is missing"),
        // Days.
        (INVOICES, invoice("issued_on", json!("2026-02-30")), 422, "issued_on", "not a date"),
        (
            INVOICES,
            invoice("issued_on", json!("0026-02-03")),
            422,
            "issued_on",
            "outside the years",
        ),
        (INVOICES, invoice("due_on", json!("3/2/2026")), 422, "due_on", "not a date"),
        (INVOICES, invoice("due_on", json!("2026-01-01")), 422, "", "before it is issued"),
        (INVOICES, invoice("kind", json!("monthly")), 422, "kind", "regular"),
        (
            INVOICES,
            invoice(
                "lines",
                json!([{"description": "x", "quantity": -1, "unit_amount": usd("5")}]),
            ),
            422,
            "lines[0].quantity",
            "a whole number from 0 to 4294967295 is expected, not -1",
        ),
        (
            INVOICES,
            invoice("lines", json!([{"description": "x", "quantity": 1, "unit_amount": usd("4")}])),
            422,
            "",
            "lines come to 4.00 USD",
        ),
        (INVOICES, json!({"invoice": "A-1", "total": usd("1.00")}), 409, "", "taken"),
        (PAYMENTS, payment("reference", json!("")), 422, "reference", "empty"),
        (PAYMENTS, payment("reference", json!("x".repeat(125))), 422, "reference", "longer"),
        (PAYMENTS, payment("method", json!("card")), 422, "method", "check"),
        (PAYMENTS, payment("amount", usd("0.00")), 422, "", "can't be paid"),
        (PAYMENTS, payment("invoices", json!(["a#b"])), 422, "invoices[0]", "'#'"),
        (PAYMENTS, payment("paid_on", json!("2026-03-03")), 422, "paid_on", "to come"),
        (HOLDS, json!({"reason": ""}), 422, "", "reason is required"),
        (HOLDS, json!({"reason": long}), 422, "", "longer than"),
        (HOLDS, json!({"reason": "x", "until": "2026-03-01"}), 422, "", "past"),
        (HOLDS, json!({"reason": "x", "invoice": "Z-9"}), 404, "", "no open invoice"),
        (PROMISES, json!({"until": "2026-03-01"}), 422, "", "past"),
        (PLANS, json!({"invoices": [], "instalments": []}), 422, "", "at least one invoice"),
        (
            PLANS,
            json!({"invoices": ["A-1"], "instalments": [{"due_on": "2026-05-01", "amount": usd("5.00")}]}),
            422,
            "",
            "come to",
        ),
        ("/firm/v1/clients/acme/lock", json!({"reason": " "}), 422, "", "reason"),
        (
            "/firm/v1/clients/acme/notes",
            json!({"text": "x", "invoice": "Z-9"}),
            422,
            "invoice",
            "no such invoice",
        ),
        ("/firm/v1/clients/acme/approve-step", json!({"do": "dance"}), 422, "do", "is none of"),
        (
            "/firm/v1/clients/acme/exception-unlock",
            json!({"reason": "x", "untill": "2026-04-01"}),
            422,
            "untill",
            "until",
        ),
        (
            "/firm/v1/invoices/A-1/disputes/resolution",
            json!({"outcome": "settled"}),
            422,
            "outcome",
            "upheld",
        ),
        ("/firm/v1/invoices/Z-9/void", json!({"reason": "x"}), 404, "", "no such invoice"),
    ] {
        let answer = world.post("pat", path, body.clone()).await;
        let shown = format!("{path} {body}: {}", answer.body);
        assert_eq!(answer.status, status, "{shown}");
        let (_, named, said) = answer.problem(status);
        assert_eq!(named, field, "{shown}");
        assert!(said.to_lowercase().contains(&detail.to_lowercase()), "{shown}");
        assert_eq!(world.version("acme").await, version, "{shown}");
    }
    assert_eq!(world.version("new").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_none_or_too_much() {
    let world = World::new().await;
    world.acme().await;
    let version = world.version("acme").await;
    let huge = format!("{{\"reason\": \"{}\"}}", "x".repeat(200_000));
    let deep = "[".repeat(100_000);
    for (media_type, body, status, detail) in [
        (Some("application/json"), "", 400, "no JSON"),
        (Some("application/json"), "{", 400, "no JSON"),
        (Some("application/json"), "{\"reason\": \"x\"} {}", 400, "no JSON"),
        (Some("application/json"), deep.as_str(), 422, "object is expected"),
        (Some("application/json"), "[\"a reason\"]", 422, "object is expected"),
        (Some("application/json"), huge.as_str(), 413, "larger than"),
        (Some("text/plain"), "{\"reason\": \"x\"}", 415, "application/json"),
        (Some("application/x-www-form-urlencoded"), "reason=x", 415, "application/json"),
        (None, "{\"reason\": \"x\"}", 415, "application/json"),
    ] {
        let mut request = world.request("f-1", "bea", &Method::POST, HOLDS);
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        let answer = world.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        let (.., said) = answer.problem(status);
        assert!(said.to_lowercase().contains(&detail.to_lowercase()), "{said}");
        assert_eq!(world.version("acme").await, version);
    }
    // A body that is longer than it says is cut off; one in another charset parameter is fine.
    let request = world.request("f-1", "bea", &Method::POST, HOLDS);
    let request = request.header("content-type", "application/json; charset=utf-8");
    world.send(request.body(Body::from("{\"reason\": \"x\"}")).unwrap()).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_is_none_and_a_forged_cursor() {
    let world = World::new().await;
    world.acme().await;
    world.post("bea", CLIENTS, json!({"client": "bolt", "name": "Bolt"})).await.expect(201);
    let first = world.get("pia", "/firm/v1/clients?limit=1").await.expect(200);
    let cursor = first["next"].as_str().unwrap().to_owned();
    for (path, field) in [
        ("/firm/v1/clients?limit=0".to_owned(), "limit"),
        ("/firm/v1/clients?limit=201".to_owned(), "limit"),
        ("/firm/v1/clients?limit=many".to_owned(), "limit"),
        ("/firm/v1/clients?sate=locked".to_owned(), "sate"),
        ("/firm/v1/clients?state=shut".to_owned(), "state"),
        ("/firm/v1/clients?cursor=x".to_owned(), "cursor"),
        (format!("/firm/v1/clients?cursor={cursor}x"), "cursor"),
        (format!("/firm/v1/tasks?cursor={cursor}"), "cursor"),
        (format!("/firm/v1/clients/acme/notes?cursor={cursor}"), "cursor"),
        (format!("/firm/v1/unlock-requests?cursor=l.{cursor}"), "cursor"),
        ("/firm/v1/unlock-requests?cursor=l".to_owned(), "cursor"),
        ("/firm/v1/clients/acme/events?order=up".to_owned(), "order"),
    ] {
        let (_, named, said) = world.get("pia", &path).await.problem(400);
        assert_eq!(named, field, "{path}: {said}");
    }
    // One of another firm's list.
    let path = format!("/firm/v1/clients?cursor={cursor}");
    world.get("pia", &path).await.expect(200);
    let request = world.request("f-2", world::OTHER, &Method::GET, &path);
    let (_, field, _) = world.send(request.body(Body::empty()).unwrap()).await.problem(400);
    assert_eq!(field, "cursor");
}

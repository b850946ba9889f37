//! A ledger comes in over HTTP: once, with its bad rows named, and visible as a run.

mod world;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use world::World;

const LEDGER: &str = "\
client,client_name,contact_email,invoice,issued,due,amount,paid
acme,Acme Corp,ann@acme.example,A-1,2026-01-05,2026-02-04,100.00,40.00
acme,Acme Corp,ann@acme.example,A-2,2026-02-05,2026-03-07,50.00,
bolt,Bolt & Co,bo@bolt.example,B-1,1/15/2026,2/14/2026,75.00,75.00
";

async fn post(world: &World, query: &str, file: &str) -> world::Answer {
    world.post("bea", &format!("/firm/v1/imports{query}"), json!(file)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_is_imported_once() {
    let world = World::new().await;
    let tried = post(&world, "?dry_run=true", LEDGER).await.expect(202);
    assert_eq!((&tried["is_dry_run"], &tried["summary"]["created"]), (&json!(true), &json!(3)));
    world.get("pia", "/firm/v1/clients/acme").await.problem(404);

    let answer = post(&world, "", LEDGER).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let run = answer.expect(202);
    assert_eq!((&run["state"], &run["done"], &run["of"]), (&json!("done"), &json!(3), &json!(3)));
    assert_eq!((&run["summary"]["opened"], &run["summary"]["payments"]), (&json!(2), &json!(2)));
    assert_eq!(world.get("pia", &location).await.expect(200), run);
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(
        (&invoice["status"], &invoice["balance"]["amount"]),
        (&json!("overdue"), &json!("60.00"))
    );
    // It fires nothing by itself (LOCK-10), and the audit says what it was.
    let letters = world.get("pia", "/firm/v1/clients/acme/letters").await.expect(200);
    assert_eq!(letters["items"], json!([]));
    let trail = world.get("pia", "/firm/v1/clients/acme/events").await.expect(200);
    assert_eq!(trail["items"][0]["by"], "import");

    let version = world.version("acme").await;
    let again = post(&world, "", LEDGER).await.expect(202);
    assert_eq!(
        (&again["summary"]["unchanged"], &again["summary"]["created"]),
        (&json!(3), &json!(0))
    );
    let changed = LEDGER.replace("100.00,40.00", "120.00,40.00");
    let changed = post(&world, "", &changed).await.expect(202);
    assert_eq!((&changed["state"], &changed["summary"]["conflicts"]), (&json!("done"), &json!(1)));
    assert_eq!(changed["not_applied"][0]["invoice"], "A-1");
    assert_eq!(world.version("acme").await, version);
    // Another firm's run isn't there.
    let request = world.request("f-2", world::OTHER, &Method::GET, &location);
    world.send(request.body(Body::empty()).unwrap()).await.problem(404);
    for id in ["last-import", "import-", "import-%23", "x"] {
        world.get("pia", &format!("/firm/v1/imports/{id}")).await.problem(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_files_and_bad_rows() {
    let world = World::new().await;
    let bad = LEDGER.replace("2026-02-05", "2026-02-30");
    let run = post(&world, "", &bad).await.expect(202);
    assert_eq!(run["state"], "refused");
    let fault = &run["faults"][0];
    assert_eq!(
        (&fault["line"], &fault["column"], &fault["value"]),
        (&json!(3), &json!("issued"), &json!("2026-02-30"))
    );
    world.get("pia", "/firm/v1/clients/acme").await.problem(404);
    let run = post(&world, "?skip_bad=true", &bad).await.expect(202);
    assert_eq!((&run["state"], &run["summary"]["bad"]), (&json!("done"), &json!(1)));
    world.get("pia", "/firm/v1/invoices/A-2").await.problem(404);
    let foreign = "Customer,Number,Doc Date,Total\nzed,Z-1,2026-01-05,9.00\n";
    let map =
        "?map=client%3DCustomer&map=invoice%3DNumber&map=issued%3DDoc%20Date&map=amount%3DTotal";
    let run = post(&world, map, foreign).await.expect(202);
    assert_eq!(run["summary"]["created"], 1);
    for (query, file, status, field, detail) in [
        ("", "", 422, "", "empty"),
        ("", foreign, 422, "", "client"),
        ("?map=client", LEDGER, 400, "map", "field=column"),
        ("?map=clinet%3DCustomer", LEDGER, 400, "map", "client"),
        ("?skip_bda=true", LEDGER, 400, "skip_bda", "skip_bad"),
        ("?dry_run=maybe", LEDGER, 400, "dry_run", "neither"),
    ] {
        let (_, named, said) = post(&world, query, file).await.problem(status);
        assert_eq!(named, field, "{query}: {said}");
        assert!(said.contains(detail), "{query}: {said}");
    }
    let json = world.post("bea", "/firm/v1/imports", json!({"file": LEDGER})).await;
    json.problem(415);
    // The largest file is read, also where it is no ledger and all of it is one column's name.
    let most = "x".repeat(5 * 1024 * 1024);
    let (_, _, said) = post(&world, "", &most).await.problem(422);
    assert!(said.contains("no column"), "{said}");
    let (_, _, said) = post(&world, "", &(most + "x")).await.problem(413);
    assert!(said.contains("larger than 5242880 bytes"), "{said}");
    let refused = world.post("pia", "/firm/v1/imports", json!(LEDGER)).await;
    assert_eq!(refused.problem(403).0, "STAFF-1");
    world.ask("bea", Method::DELETE, "/firm/v1/imports", Value::Null).await.problem(405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fresh_1_a_firm_says_that_its_ledger_comes_from_elsewhere_and_is_told_how_old_it_is() {
    let world = World::new().await;
    let path = "/firm/v1/settings";
    let ledger =
        async || world.get("pia", "/firm/v1/me").await.expect(200)["firm"]["ledger"].clone();
    let kept_here = json!({
        "comes_from_elsewhere": false, "fresh_days": null, "updated_on": null, "is_too_old": false,
    });
    assert_eq!(ledger().await, kept_here);
    let patch = async |who: &str, ledger: Value| {
        world.ask(who, Method::PATCH, path, json!({"ledger": ledger})).await
    };
    let elsewhere = json!({"comes_from_elsewhere": true});
    let (rule, ..) = patch("bea", elsewhere.clone()).await.problem(403);
    assert_eq!(rule, "STAFF-1");
    for (wrong, status) in [
        (json!({"comes_from_elsewhere": true, "fresh_days": 0}), 422),
        (json!({"comes_from_elsewhere": true, "fresh_days": 93}), 422),
        (json!({"comes_from_elsewhere": false, "fresh_days": 7}), 422),
        (json!({"comes_from_elsewhere": true, "fresh_days": "7"}), 422),
        (json!({"comes_from": "elsewhere"}), 422),
    ] {
        let (_, field, _) = patch("adam", wrong.clone()).await.problem(status);
        assert!(field.starts_with("ledger"), "for {wrong}: {field}");
    }
    assert_eq!(ledger().await, kept_here);
    patch("adam", elsewhere).await.expect(200);
    let never = json!({
        "comes_from_elsewhere": true, "fresh_days": 7, "updated_on": null, "is_too_old": true,
    });
    assert_eq!(ledger().await, never);
    post(&world, "", LEDGER).await.expect(202);
    let fresh = json!({
        "comes_from_elsewhere": true, "fresh_days": 7, "updated_on": "2026-03-02", "is_too_old": false,
    });
    assert_eq!(ledger().await, fresh);
    assert_eq!(world.get("pia", path).await.expect(200)["ledger"], fresh);
    world.clock.advance(chrono::TimeDelta::days(8));
    assert_eq!(ledger().await["is_too_old"], true);
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    let why = client["explanation"]["why"].to_string();
    assert!(why.contains("last brought up to date on Mar 2, 2026"), "{why}");
    let trail = world.get("pia", "/firm/v1/events").await.expect(200);
    assert!(trail.to_string().contains("changes the settings"), "{trail}");
}

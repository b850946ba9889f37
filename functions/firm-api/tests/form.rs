//! What pages send: a file in a form is an import, and a form leads on to what it made (SEC-6).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod world;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use serde_json::json;
use services::http::form::{FIRM_COOKIE, Flash, STAFF_COOKIE, form_token};
use world::{Token, World};

const FOREIGN: &str = "Customer,Number,Doc Date,Total\nzed,Z-1,2026-01-05,9.00\n";

const PAIRS: [&str; 4] = ["client=Customer", "invoice=Number", "issued=Doc Date", "amount=Total"];

const BOUNDARY: &str = "----a-boundary";

/// What lets that person in; each is another one.
fn sign_in(world: &World, who: &str) -> String {
    world::token(who, Token::Good, world.now())
}

/// A form of who signed in so at the first firm, as a browser sends it.
fn form(token: &str, path: &str, media_type: &str, body: String) -> Request<Body> {
    Request::post(path)
        .header("host", "portal.example")
        .header("origin", "https://portal.example")
        .header("referer", "https://portal.example/console/import?x=1")
        .header("cookie", format!("{STAFF_COOKIE}={token}; {FIRM_COOKIE}=f-1"))
        .header("content-type", media_type)
        .body(Body::from(body))
        .unwrap()
}

/// A form with a file.
fn upload(world: &World, who: &str, file: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let signed_in = sign_in(world, who);
    let token = form_token(&signed_in);
    let mut body = String::new();
    let fixed = [
        ("_token", token.as_str()),
        ("_then", "/console/import/{made}"),
        ("_back", "/console/import"),
    ];
    for (name, value) in fixed.iter().chain(fields) {
        body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body += &format!("{value}\r\n");
    }
    body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; ");
    body += "filename=\"l.csv\"\r\nContent-Type: application/vnd.ms-excel\r\n\r\n";
    body += &format!("{file}\r\n--{BOUNDARY}--\r\n");
    let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
    form(&signed_in, "/firm/v1/imports", &media_type, body)
}

/// Where it leads, and what is said there.
async fn led(world: &World, request: Request<Body>) -> (String, String) {
    let answer = world.send(request).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let said = answer.headers.get("set-cookie").and_then(|set| {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", set.to_str().unwrap().split(';').next().unwrap().parse().unwrap());
        Flash::of(&headers)
    });
    let to = answer.headers["location"].to_str().unwrap().to_owned();
    (to, said.map(|flash| flash.text).unwrap_or_default())
}

/// The run that a page shows.
async fn run(world: &World, page: &str) -> serde_json::Value {
    let id = page.strip_prefix("/console/import/").unwrap();
    world.get("pia", &format!("/firm/v1/imports/{id}")).await.expect(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_a_form_is_looked_at_and_then_imported_once() {
    let world = World::new().await;
    let (page, said) =
        led(&world, upload(&world, "bea", FOREIGN, &[("dry_run", "true"), ("map", "")])).await;
    assert_eq!(said, "", "the run's page says it");
    let refused = run(&world, &page).await;
    assert_eq!((&refused["state"], &refused["is_dry_run"]), (&json!("refused"), &json!(true)));
    assert_eq!(refused["columns"], json!(["Customer", "Number", "Doc Date", "Total"]));
    let problem = refused["problem"].as_str().unwrap();
    assert!(problem.contains("no column for client, invoice, issued, amount"), "{problem}");

    let mut fields: Vec<_> = PAIRS.iter().map(|pair| ("map", *pair)).collect();
    fields.push(("dry_run", "true"));
    let (page, said) = led(&world, upload(&world, "bea", FOREIGN, &fields)).await;
    assert_eq!(said, "Done.");
    let tried = run(&world, &page).await;
    assert_eq!((&tried["state"], &tried["summary"]["created"]), (&json!("done"), &json!(1)));
    assert_eq!(tried["mapping"]["issued"], "Doc Date");
    world.get("pia", "/firm/v1/invoices/Z-1").await.problem(404);

    fields.pop();
    for (created, unchanged) in [(1, 0), (0, 1)] {
        let (page, _) = led(&world, upload(&world, "bea", FOREIGN, &fields)).await;
        let done = run(&world, &page).await;
        assert_eq!(done["summary"]["created"], created);
        assert_eq!(done["summary"]["unchanged"], unchanged);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_refused_leads_back_and_says_why() {
    let world = World::new().await;
    let large = "x".repeat(5 * 1024 * 1024 + 1);
    let larger = "x".repeat(6 * 1024 * 1024);
    for (who, file, expected, words) in [
        ("pia", FOREIGN, "/console/import", "role"),
        ("bea", large.as_str(), "/console/import", "larger than"),
        ("bea", larger.as_str(), "/console/import?x=1", "larger than"),
    ] {
        let (page, said) = led(&world, upload(&world, who, file, &[])).await;
        assert_eq!(page, expected, "{who}: {said}");
        assert!(said.contains(words), "{who}: {said}");
    }
    let (page, _) = led(&world, upload(&world, "bea", "", &[])).await;
    assert!(run(&world, &page).await["problem"].as_str().unwrap().contains("empty"));
    let signed_in = sign_in(&world, "bea");
    let broken = form(&signed_in, "/firm/v1/imports", "multipart/form-data", String::new());
    let (page, said) = led(&world, broken).await;
    assert_eq!(page, "/console/import?x=1", "{said}");

    let mut foreign = upload(&world, "bea", FOREIGN, &[]);
    foreign.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    world.send(foreign).await.problem(403);
    let guessed = upload(&world, "bea", FOREIGN, &[]);
    let (parts, _) = guessed.into_parts();
    let other = upload(&world, "pat", FOREIGN, &[]).into_body();
    world.send(Request::from_parts(parts, other)).await.problem(403);
    world.get("pia", "/firm/v1/clients/zed").await.problem(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_leads_on_to_what_it_made() {
    let world = World::new().await;
    let signed_in = sign_in(&world, "bea");
    let token = form_token(&signed_in);
    let fields = |client: &str| {
        format!(
            "_token={token}&_then=/console/clients/%7Bmade%7D&_back=/console/new-client&name=Zed{client}"
        )
    };
    let media_type = "application/x-www-form-urlencoded";
    for (client, expected) in [("&client=zed", "/console/clients/zed"), ("", "/console/clients/c-")]
    {
        let request = form(&signed_in, "/firm/v1/clients", media_type, fields(client));
        let (page, _) = led(&world, request).await;
        assert!(page.starts_with(expected), "{page}");
    }
}

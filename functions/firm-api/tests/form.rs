//! What pages send: a file in a form is an import, and a form leads on to what it made (SEC-6).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod world;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
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
    let most = "x".repeat(5 * 1024 * 1024);
    let (page, _) = led(&world, upload(&world, "bea", &most, &[])).await;
    assert!(run(&world, &page).await["problem"].as_str().unwrap().contains("no column"));
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

/// A small PNG, made by hand: sixteen white pixels each way.
fn png() -> Vec<u8> {
    use image::{DynamicImage, ImageFormat};
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(16, 16).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A form with a picture.
fn picture(world: &World, who: &str, file: &[u8]) -> Request<Body> {
    let signed_in = sign_in(world, who);
    let token = form_token(&signed_in);
    let mut body = Vec::new();
    for (name, value) in [
        ("_token", token.as_str()),
        ("_file", "picture"),
        ("_then", "/console/settings"),
        ("_back", "/console/settings"),
    ] {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"logo\"; filename=\"l.png\"\r\n\r\n"
    );
    body.extend([head.as_bytes(), file, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat());
    let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = form(&signed_in, "/firm/v1/settings/logo", &media_type, String::new());
    let (parts, _) = request.into_parts();
    Request::from_parts(parts, Body::from(body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_2_an_admin_puts_in_the_firms_logo_and_takes_it_away() {
    let world = World::new().await;
    let logo = async || world.get("pia", "/firm/v1/settings").await.expect(200)["logo"].clone();
    for (who, file, words) in [
        ("pat", png(), "role"),
        ("adam", Vec::new(), "hoose a file"),
        ("adam", b"<svg><script/></svg>".to_vec(), "SVG"),
        ("adam", vec![0; 3 * 1024 * 1024], "larger than"),
    ] {
        let (page, said) = led(&world, picture(&world, who, &file)).await;
        assert_eq!(page, "/console/settings");
        assert!(said.contains(words), "{said}");
        assert_eq!(logo().await, json!(null), "nothing half done");
    }
    led(&world, picture(&world, "adam", &png())).await;
    let path = logo().await;
    let path = path.as_str().unwrap();
    assert!(path.starts_with("/assets/logo-f-1-") && path.ends_with(".png"), "{path}");
    let name = path.trim_end_matches(".png").rsplit('-').next().unwrap();
    let kept = world.firm("f-1").await.store().logo(name).await.unwrap();
    assert!(kept.is_some_and(|bytes| bytes.starts_with(b"\x89PNG")));
    assert_eq!(world.firm("f-2").await.store().logo(name).await.unwrap(), None);
    let gone = world.ask("adam", Method::DELETE, "/firm/v1/settings/logo", json!(null)).await;
    assert_eq!(gone.expect(200)["logo"], json!(null));
    let kept = world.firm("f-1").await.store().logo(name).await.unwrap();
    assert!(kept.is_some(), "letters that were sent go on showing it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_changed_by_a_form_as_a_whole_or_not_at_all() {
    let world = World::new().await;
    let signed_in = sign_in(&world, "adam");
    let token = form_token(&signed_in);
    let save = async |fields: &str| {
        let body = format!(
            "_token={token}&_method=patch&_then=/console/settings&_back=/console/settings&{fields}"
        );
        let media_type = "application/x-www-form-urlencoded";
        let request = form(&signed_in, "/firm/v1/settings", media_type, body);
        led(&world, request).await.1
    };
    let fields =
        "name=Bea+%26+Pat&mail_from:clear=a@bea.example&reply_to:clear=&colour:clear=%23FFAA00";
    assert_eq!(save(fields).await, "Done.");
    let settings = world.get("pia", "/firm/v1/settings").await.expect(200);
    assert_eq!((&settings["name"], &settings["colour"]), (&json!("Bea & Pat"), &json!("#ffaa00")));
    assert_eq!(
        (&settings["mail_from"], &settings["reply_to"]),
        (&json!("a@bea.example"), &json!(null))
    );
    for (fields, words) in [
        ("name=Other&colour:clear=red", "is no colour"),
        ("name=Other&colour:clear=%23ff", "six hexadecimal digits"),
        ("name=Other&mail_from:clear=bea", "e-mail address"),
        ("name=+&colour:clear=%23000000", ""),
    ] {
        let said = save(fields).await;
        assert!(said.contains(words), "{fields}: {said}");
    }
    let now = world.get("pia", "/firm/v1/settings").await.expect(200);
    assert_eq!((&now["name"], &now["mail_from"]), (&settings["name"], &settings["mail_from"]));
    // What is cleared is none, and the usual colour is back.
    assert_eq!(save("name=Bea&mail_from:clear=&colour:clear=").await, "Done.");
    let now = world.get("pia", "/firm/v1/settings").await.expect(200);
    assert_eq!((&now["mail_from"], &now["colour"]), (&json!(null), &json!(null)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_5_a_link_is_shown_by_the_page_after_its_form_and_never_again() {
    let world = World::new().await;
    world.acme().await;
    let signed_in = sign_in(&world, "bea");
    let token = form_token(&signed_in);
    let body = format!(
        "_token={token}&_once=o-1&_show=url&_then=/console/clients/acme/links&invoices%5B%5D=A-1"
    );
    let shown = async || {
        let media_type = "application/x-www-form-urlencoded";
        let request = form(&signed_in, "/firm/v1/clients/acme/pay-links", media_type, body.clone());
        let answer = world.send(request).await;
        let set = answer.headers["set-cookie"].to_str().unwrap();
        assert!(set.contains("HttpOnly") && set.contains("Max-Age=60"), "{set}");
        let mut headers = HeaderMap::new();
        headers.insert("cookie", set.split(';').next().unwrap().parse().unwrap());
        Flash::of(&headers).unwrap().shown
    };
    assert!(shown().await.is_some_and(|url| url.starts_with("https://portal.example/l/")));
    assert_eq!(shown().await, None, "the same form again");
}

#[tokio::test]
async fn sec_6_what_opens_a_portal_or_gives_money_up_needs_a_sign_in_of_the_last_half_hour() {
    let world = World::new().await;
    for (who, path, body) in [
        ("pat", "/firm/v1/clients/acme/exception-unlock", json!({"reason": "he came by"})),
        ("pat", "/firm/v1/clients/acme/approve-step", json!({"do": "final_demand"})),
        ("pat", "/firm/v1/unlock-requests/acme.1.1/approve", json!({})),
        ("pat", "/firm/v1/invoices/A-1/write-off", json!({"reason": "too small"})),
    ] {
        let send = |kind| {
            let token = world::token(who, kind, world.now());
            let request = Request::post(path)
                .header("authorization", format!("Bearer {token}"))
                .header("x-portcullis-firm", "f-1")
                .header("content-type", "application/json")
                .body(Body::from(body.to_string()));
            world.send(request.unwrap())
        };
        let (rule, _, detail) = send(Token::Old).await.problem(401);
        assert_eq!(rule, "SEC-6", "{path}");
        assert!(detail.contains("the last 30 minutes"), "{path}: {detail}");
        assert_ne!(send(Token::Good).await.body["rule"], "SEC-6", "{path}");
    }

    // A form leads to the issuer, who asks again, and back to the form with what was typed.
    let token = world::token("pat", Token::Old, world.now());
    let fields = [
        ("_token", form_token(&token)),
        ("_back", "/console/clients/acme/do/exception".to_owned()),
        ("reason", "he came by".to_owned()),
    ];
    let body: String =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let path = "/firm/v1/clients/acme/exception-unlock";
    let request = form(&token, path, "application/x-www-form-urlencoded", body);
    let (to, said) = led(&world, request).await;
    assert_eq!(to, "/console/sign-in?again=true&next=%2Fconsole%2Fclients%2Facme%2Fdo%2Fexception");
    assert!(said.contains("Nothing was done yet"), "{said}");
}

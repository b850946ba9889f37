//! Each address with each caller in each state of the portal; and the table of addresses itself, which fails
//! when a route is added without a row (ACC-1, SEC-1).

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod hall;
#[path = "../../firm-api/tests/world/mod.rs"]
mod world;

use std::collections::BTreeSet;

use axum::http::Method;
use chrono::TimeDelta;
use hall::{ANN, Hall};
use serde_json::{Value, json};

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Contacts, about themselves.
    Contacts,
    /// Contacts of the client alone.
    Client,
    /// The letter's link alone, which is in the address.
    Link,
    /// Everybody: one signs in here.
    All,
}
use Open::{All, Client, Contacts, Link};

/// Method, route, address with the link's token as `{token}`, body, who may, what they are answered.
type Row = (&'static str, &'static str, &'static str, Value, Open, u16);

/// There is no gateway: whoever may pay is told that (409), and whoever may not, not even that.
fn table() -> Vec<Row> {
    let pay = || json!({"invoices": ["A-1"]});
    let pay_as_client = || json!({"client": "acme", "invoices": ["A-1"]});
    let password = || json!({"address": ANN, "password": "correct horse", "firm": "f-1"});
    let dispute = json!({"invoice": "A-1", "reason": "wrong hours"});
    let plan = json!({"invoices": ["A-1"], "wish": "half now"});
    let c = "/portal/v1/clients/{client}";
    let l = "/portal/v1/links/{token}";
    let join = |base: &str, rest: &str| -> &'static str {
        Box::leak(format!("{base}{rest}").into_boxed_str())
    };
    let acme = |rest: &str| join("/portal/v1/clients/acme", rest);
    let row = |method, path, open, status| (method, path, path, Value::Null, open, status);
    vec![
        row("GET", "/portal/v1/me", Contacts, 200),
        row("GET", "/portal/v1/me/access", Contacts, 200),
        row("GET", "/portal/v1/me/sessions", Contacts, 200),
        row("DELETE", "/portal/v1/me/sessions", Contacts, 204),
        (
            "DELETE",
            "/portal/v1/me/sessions/{session}",
            "/portal/v1/me/sessions/none",
            Value::Null,
            Contacts,
            204,
        ),
        (
            "POST",
            "/portal/v1/me/password",
            "/portal/v1/me/password",
            json!({"new_password": "short"}),
            Contacts,
            422,
        ),
        ("GET", join(c, "/dashboard"), acme("/dashboard"), Value::Null, Client, 200),
        ("GET", join(c, "/invoices"), acme("/invoices"), Value::Null, Client, 200),
        ("GET", join(c, "/statement"), acme("/statement"), Value::Null, Client, 200),
        ("POST", join(c, "/records-requests"), acme("/records-requests"), Value::Null, Client, 202),
        ("GET", join(c, "/messages"), acme("/messages"), Value::Null, Client, 200),
        ("POST", join(c, "/messages"), acme("/messages"), json!({"text": "Paid."}), Client, 201),
        ("POST", join(c, "/disputes"), acme("/disputes"), dispute.clone(), Client, 201),
        ("DELETE", join(c, "/disputes/{invoice}"), acme("/disputes/A-1"), Value::Null, Client, 204),
        (
            "POST",
            join(c, "/promises"),
            acme("/promises"),
            json!({"invoice": "A-1", "until": "2020-01-01"}),
            Client,
            422,
        ),
        ("POST", join(c, "/plan-requests"), acme("/plan-requests"), plan.clone(), Client, 201),
        ("POST", join(c, "/unlock-requests"), acme("/unlock-requests"), json!({}), Client, 201),
        ("POST", "/portal/v1/checkouts", "/portal/v1/checkouts", pay_as_client(), Client, 409),
        (
            "GET",
            join(c, "/checkouts/{checkout}/return"),
            acme("/checkouts/none/return"),
            Value::Null,
            Client,
            404,
        ),
        ("POST", join(l, "/checkouts"), join(l, "/checkouts"), pay(), Link, 409),
        (
            "GET",
            join(l, "/checkouts/{checkout}/return"),
            join(l, "/checkouts/none/return"),
            Value::Null,
            Link,
            404,
        ),
        (
            "POST",
            join(l, "/records-requests"),
            join(l, "/records-requests"),
            Value::Null,
            Link,
            202,
        ),
        (
            "POST",
            join(l, "/promises"),
            join(l, "/promises"),
            json!({"invoice": "A-1", "until": "2020-01-01"}),
            Link,
            422,
        ),
        ("POST", join(l, "/messages"), join(l, "/messages"), json!({"text": "Paid."}), Link, 201),
        ("POST", join(l, "/disputes"), join(l, "/disputes"), dispute, Link, 201),
        ("POST", join(l, "/plan-requests"), join(l, "/plan-requests"), plan, Link, 201),
        ("POST", "/portal/v1/sign-in", "/portal/v1/sign-in", password(), All, 401),
        (
            "POST",
            "/portal/v1/sign-in-links",
            "/portal/v1/sign-in-links",
            json!({"address": ANN, "firm": "f-1"}),
            All,
            202,
        ),
        (
            "POST",
            "/portal/v1/sign-in-links/confirm",
            "/portal/v1/sign-in-links/confirm",
            json!({"link": "none"}),
            All,
            410,
        ),
        // Last: its session is over then.
        row("POST", "/portal/v1/me/sign-out", Contacts, 204),
    ]
}

/// How a portal comes to stand.
#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    Overdue,
    Locked,
    LockedByHand,
    Limited,
    Closed,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Open, Self::Overdue, Self::Locked, Self::LockedByHand, Self::Limited, Self::Closed];

    fn is_locked(self) -> bool {
        matches!(self, Self::Locked | Self::LockedByHand)
    }
}

/// Whether an address is about what acme of the first firm owes.
fn owes(path: &str) -> bool {
    ["/checkouts", "/disputes", "/disputes/A-1", "/plan-requests"]
        .iter()
        .any(|end| path.ends_with(end))
}

/// Arms a policy that limits at five days overdue and proposes the end at eight.
async fn restrict(hall: &Hall) {
    let path = "/firm/v1/policies/default";
    let tag = hall.world.get("pia", path).await.headers["etag"].to_str().unwrap().to_owned();
    let policy = json!({"preset": "cpa", "with": {
        "lock": {"days_overdue": "off", "unpaid_invoices": "off"},
        "regular": {"steps": [
            {"at": 1, "do": "notice"}, {"at": 5, "do": "limit"}, {"at": 8, "do": "close"},
        ]},
    }});
    let request = hall.world.request("f-1", "adam", &Method::PUT, path).header("if-match", tag);
    hall.world.send(world::with_json(request, &policy)).await.expect(201);
}

async fn hall(state: State) -> Hall {
    let hall = Hall::new().await;
    match state {
        State::Open => {}
        State::Overdue => hall.world.go_to("2026-04-10").await,
        State::Locked => hall.world.go_to("2026-05-04").await,
        State::LockedByHand => {
            let body = json!({"reason": "no records"});
            hall.world.post("bea", "/firm/v1/clients/acme/lock", body).await.expect(200);
        }
        State::Limited => {
            restrict(&hall).await;
            hall.world.go_to("2026-04-08").await;
        }
        State::Closed => {
            restrict(&hall).await;
            hall.world.go_to("2026-04-12").await;
            let path = "/firm/v1/clients/acme/approve-close";
            hall.world.post("pat", path, Value::Null).await.expect(200);
        }
    }
    hall
}

#[test]
fn acc_1_every_address_is_in_the_table() {
    let documented: BTreeSet<(String, String)> = portal_api::openapi()
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            let there = methods.into_iter().filter(|(_, is_there)| *is_there);
            there.map(|(method, _)| (method.to_owned(), path.clone())).collect::<Vec<_>>()
        })
        .collect();
    let rows = table().into_iter().map(|row| (row.0.to_owned(), row.1.to_owned())).collect();
    assert_eq!(documented, rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acc_1_each_address_with_each_caller_in_each_state() {
    let mut cells = 0;
    for state in State::ALL {
        let hall = hall(state).await;
        let expired = hall.signed_in("f-1", "acme", ANN).await;
        hall.world.clock.advance(services::contacts::SESSION_LONGEST);
        let ann = hall.signed_in("f-1", "acme", ANN).await;
        let bob = hall.signed_in("f-1", "bolt", "bob@bolt.example").await;
        let elsewhere = hall.signed_in("f-2", "acme", ANN).await;
        let (link, _) = hall.pay_link(&["A-1"]).await;
        let (other_link, _) = hall.pay_link(&[]).await;
        let forged = format!("{ann}x");
        for (method, route, path, body, open, status) in table() {
            let callers = [
                ("nobody", None),
                ("a forged token", Some(forged.as_str())),
                ("an expired session", Some(expired.as_str())),
                ("a contact of another client", Some(bob.as_str())),
                ("a contact of another firm", Some(elsewhere.as_str())),
                ("a letter's link", Some(link.as_str())),
                ("the client's contact", Some(ann.as_str())),
            ];
            for (caller, token) in callers {
                let is_in = token.is_some_and(|token| [&*ann, &*bob, &*elsewhere].contains(&token));
                let expected = match open {
                    All | Link => status,
                    Contacts | Client if !is_in => 401,
                    // The other firm has an acme too, whose contact this is: it owes nothing.
                    Client if caller == "a contact of another firm" && owes(path) => 404,
                    // The other firm has locked nobody.
                    Client
                        if path.ends_with("/unlock-requests")
                            && (!state.is_locked() || caller == "a contact of another firm") =>
                    {
                        match caller {
                            "a contact of another client" => 404,
                            _ => 409,
                        }
                    }
                    Client if caller == "a contact of another client" => 404,
                    // The other firm has shut nobody's statements.
                    Client
                        if path.ends_with("/statement")
                            && caller == "the client's contact"
                            && !matches!(state, State::Open | State::Overdue) =>
                    {
                        403
                    }
                    Contacts | Client => status,
                };
                let path = path.replace("{token}", &link);
                // Links of one account are limited (SEC-4): each asks for another's.
                let body = match route {
                    "/portal/v1/sign-in-links" => {
                        json!({"address": format!("n{cells}@acme.example"), "firm": "f-1"})
                    }
                    _ => body.clone(),
                };
                let answer = hall.ask(token, method, &path, &body).await;
                // A dispute is there from the first time on; the return of a browser leads to a page.
                let is_again = route.ends_with("/disputes") && answer.status == 409;
                let is_page = route.ends_with("/return") && open == Client && answer.status == 303;
                assert!(
                    answer.status == expected || is_again || is_page,
                    "{state:?}: {method} {path} as {caller}: {} {}, expected {expected}",
                    answer.status,
                    answer.body
                );
                cells += 1;
                if route.contains("{token}") {
                    for wrong in ["none", &"x".repeat(43), &other_link[..42], "a%23b"] {
                        let path = route.replace("{token}", wrong).replace("{checkout}", "none");
                        let answer = hall.ask(token, method, &path, &body).await;
                        assert_eq!(
                            answer.status, 410,
                            "{method} {path} as {caller}: {}",
                            answer.body
                        );
                        cells += 1;
                    }
                }
            }
        }
        // What is another's is not told from what isn't there.
        for client in ["bolt", "nobody", "a b"] {
            let path = format!("/portal/v1/clients/{}/dashboard", client.replace(' ', "%20"));
            let ann = hall.signed_in("f-1", "acme", ANN).await;
            let answer = hall.ask(Some(&ann), "GET", &path, &Value::Null).await;
            assert_eq!(
                (answer.status, &answer.body["detail"]),
                (404, &json!("There is no such client."))
            );
            cells += 1;
        }
    }
    println!("{cells} cells");
    assert!(400 < cells);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acc_4_paying_and_ones_own_records_are_open_in_every_state() {
    for state in State::ALL {
        let hall = hall(state).await;
        let ann = hall.signed_in("f-1", "acme", ANN).await;
        let records = "/portal/v1/clients/acme/records-requests";
        for is_new in [true, false] {
            let answer = hall.ask(Some(&ann), "POST", records, &Value::Null).await;
            assert_eq!((answer.status, &answer.body), (202, &json!({"is_new": is_new})));
        }
        let tasks = hall.world.get("bea", "/firm/v1/clients/acme/tasks").await.expect(200);
        assert!(tasks.to_string().contains("records_request"), "{tasks}");
        let answer = hall.ask(Some(&ann), "GET", "/portal/v1/me/access", &Value::Null).await;
        for open in ["sign_in", "invoices", "act_pay", "messages", "records"] {
            let access = answer.body["items"][0]["access"].as_array().unwrap();
            let found = access.iter().find(|one| one["capability"] == open).unwrap();
            assert_eq!(found["is_open"], true, "{state:?}: {open}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_3_and_close_1_a_limited_and_a_closed_portal_say_why_and_what_is_left() {
    for (state, portal, reason, shut) in [
        (
            State::Limited,
            "limited",
            "1 unpaid invoice over 5 days",
            &["statements", "documents"][..],
        ),
        (
            State::Closed,
            "closed",
            "the engagement has ended",
            &["statements", "documents", "act_upload", "act_form", "act_appointment", "projects"],
        ),
    ] {
        let hall = hall(state).await;
        let ann = hall.signed_in("f-1", "acme", ANN).await;
        let path = "/portal/v1/clients/acme/dashboard";
        let shown = hall.ask(Some(&ann), "GET", path, &Value::Null).await.body;
        assert_eq!((&shown["portal"], &shown["reason"]), (&json!(portal), &json!(reason)));
        let access = shown["access"].as_array().unwrap();
        let is_shut = |one: &&Value| one["is_open"] == false;
        let found: Vec<_> = access.iter().filter(is_shut).map(|one| &one["capability"]).collect();
        assert_eq!(
            found,
            shut.iter().map(|name| json!(name)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
        let why = access.iter().find(is_shut).unwrap()["why"].as_str().unwrap();
        assert!(
            why.contains("1 unpaid invoice over 5 days") || why.contains("engagement"),
            "{why}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acc_3_a_locked_portal_says_why_and_how_much() {
    let hall = hall(State::Locked).await;
    let ann = hall.signed_in("f-1", "acme", ANN).await;
    let answer =
        hall.ask(Some(&ann), "GET", "/portal/v1/clients/acme/dashboard", &Value::Null).await;
    let shown = answer.body;
    assert_eq!(shown["portal"], "locked");
    assert_eq!(shown["reason"], "1 unpaid invoice over 30 days");
    assert_eq!(shown["overdue"], json!([{"amount": "100.00", "currency": "USD"}]));
    assert_eq!(shown["invoices"][0]["status"], "locked");
    assert_eq!(shown["invoices"][0]["to_pay"], json!({"amount": "100.00", "currency": "USD"}));
    let access = shown["access"].as_array().unwrap();
    let documents = access.iter().find(|one| one["capability"] == "documents").unwrap();
    assert_eq!(documents["is_open"], false);
    assert!(documents["why"].as_str().unwrap().contains("1 unpaid invoice over 30 days"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_4_answers_do_not_tell_which_address_exists() {
    let hall = Hall::new().await;
    hall.invited("f-1", "acme", ANN).await;
    let mut answers = Vec::new();
    for (firm, address) in
        [("f-1", ANN), ("f-1", "nobody@acme.example"), ("f-2", ANN), ("f-9", ANN), ("f#1", ANN)]
    {
        let link = json!({"address": address, "firm": firm});
        let asked = hall.ask(None, "POST", "/portal/v1/sign-in-links", &link).await;
        let password = json!({"address": address, "firm": firm, "password": "correct horse"});
        let tried = hall.ask(None, "POST", "/portal/v1/sign-in", &password).await;
        answers.push((asked.status, asked.body, tried.status, tried.body));
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!((answers[0].0, answers[0].2), (202, 401));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_a_link_is_used_once_and_a_password_signs_in_until_sessions_end() {
    let hall = Hall::new().await;
    let contact = hall.invited("f-1", "acme", ANN).await;
    let link = json!({"link": hall.mailed_link("f-1", &contact).await});
    let confirm = "/portal/v1/sign-in-links/confirm";
    let first = hall.ask(None, "POST", confirm, &link).await;
    assert_eq!(first.status, 201);
    let cookie = first.headers["set-cookie"].to_str().unwrap().to_owned();
    for part in ["__Host-portcullis-contact=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(hall.ask(None, "POST", confirm, &link).await.status, 410);
    let ann = first.body["token"].as_str().unwrap().to_owned();
    let password = json!({"new_password": "correct horse"});
    assert_eq!(hall.ask(Some(&ann), "POST", "/portal/v1/me/password", &password).await.status, 204);
    let given = json!({"firm": "f-1", "address": "Ann@Acme.example", "password": "correct horse"});
    let second = hall.ask(None, "POST", "/portal/v1/sign-in", &given).await;
    let second = second.body["token"].as_str().unwrap().to_owned();
    let sessions = hall.ask(Some(&ann), "GET", "/portal/v1/me/sessions", &Value::Null).await;
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        hall.ask(Some(&ann), "DELETE", "/portal/v1/me/sessions", &Value::Null).await.status,
        204
    );
    assert_eq!(hall.ask(Some(&second), "GET", "/portal/v1/me", &Value::Null).await.status, 401);
    // Without being used it ends by itself.
    hall.world.clock.advance(services::contacts::SESSION_IDLE - TimeDelta::seconds(1));
    assert_eq!(hall.ask(Some(&ann), "GET", "/portal/v1/me", &Value::Null).await.status, 200);
    hall.world.clock.advance(services::contacts::SESSION_IDLE);
    assert_eq!(hall.ask(Some(&ann), "GET", "/portal/v1/me", &Value::Null).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acc_1_and_3_a_statement_is_read_while_statements_are_open_and_else_the_reason_is_told() {
    let path = "/portal/v1/clients/acme/statement";
    let open = hall(State::Overdue).await;
    let ann = open.signed_in("f-1", "acme", ANN).await;
    let shown = open.ask(Some(&ann), "GET", path, &Value::Null).await;
    assert_eq!(shown.status, 200);
    let part = &shown.body["currencies"][0];
    assert_eq!(part["entries"][0]["reference"], "A-1");
    assert_eq!(
        part["closing"],
        json!({"amount": {"amount": "100.00", "currency": "USD"}, "is_credit": false})
    );
    let pdf = open.ask(Some(&ann), "GET", &format!("{path}?format=pdf"), &Value::Null).await;
    assert_eq!(
        (pdf.status, &pdf.headers["content-type"]),
        (200, &"application/pdf".parse().unwrap())
    );
    let wrong = open.ask(Some(&ann), "GET", &format!("{path}?to=2099-01-01"), &Value::Null).await;
    assert_eq!((wrong.status, &wrong.body["field"]), (422, &json!("to")));

    let locked = hall(State::Locked).await;
    let ann = locked.signed_in("f-1", "acme", ANN).await;
    for format in ["", "?format=pdf", "?format=csv"] {
        let answer = locked.ask(Some(&ann), "GET", &format!("{path}{format}"), &Value::Null).await;
        assert_eq!((answer.status, &answer.body["rule"]), (403, &json!("ACC-1")), "{format}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.contains("1 unpaid invoice over 30 days") && detail.contains("100.00 USD"),
            "{detail}"
        );
    }
}

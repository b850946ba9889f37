//! Days at a desk: what a billing lead, a partner, a preparer and an admin do, from end to end.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::body::Body;
use axum::http::Method;
use domain::command::News;
use domain::money::{Currency, Money};
use domain::payment::Seen;
use serde_json::{Value, json};
use store::Unclaimed;
use world::World;

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn usd(amount: &str) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_1_from_an_invoice_to_a_lock_to_an_unlock() {
    let world = World::new().await;
    world.acme().await;
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(invoice["status"], "unpaid");
    assert_eq!(invoice["due_on"], "2026-04-01");
    assert_eq!(invoice["balance"], usd("100.00"));

    // Warned on the 2nd of April, locked on the 1st of May.
    world.go_to("2026-04-20").await;
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!((&invoice["status"], &invoice["days_overdue"]), (&json!("overdue"), &json!(19)));
    assert_eq!(invoice["warned_on"], "2026-04-02");
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    assert_eq!(client["portal"], "open");
    assert_eq!(client["explanation"]["next"]["on"], "2026-05-01");
    let what = client["explanation"]["next"]["what"].to_string();
    assert!(what.contains("1 unpaid invoice over 30 days"), "{what}");

    world.go_to("2026-05-04").await;
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    assert_eq!(client["portal"], "locked");
    assert_eq!(client["lock"]["reason"], "1 unpaid invoice over 30 days");
    assert_eq!(client["overdue"], json!([usd("100.00")]));
    let locked = world.get("pia", "/firm/v1/clients?state=locked").await.expect(200);
    assert_eq!(locked["items"][0]["client"], "acme");
    let letters = world.get("pia", "/firm/v1/clients/acme/letters").await.expect(200);
    let kinds: Vec<_> =
        letters["items"].as_array().unwrap().iter().map(|l| l["kind"].clone()).collect();
    assert_eq!(kinds[0], "demand_letter", "{letters}");
    assert!(kinds.contains(&json!("reminder")) && kinds.contains(&json!("notice")), "{letters}");

    // Payment alone does not unlock (UNL-1).
    let refused = world.post("bea", "/firm/v1/clients/acme/unlock-requests", Value::Null).await;
    let request = refused.expect(201)["id"].as_str().unwrap().to_owned();
    let approve = format!("/firm/v1/unlock-requests/{request}/approve");
    let (rule, _, detail) = world.post("pat", &approve, Value::Null).await.problem(409);
    assert_eq!((rule.as_str(), detail.as_str()), ("UNL-1", "These are still overdue: A-1."));
    let check = json!({"reference": "check 17", "method": "check", "amount": usd("100.00")});
    let paid = world.post("bea", "/firm/v1/clients/acme/payments", check).await.expect(201);
    assert_eq!(paid["id"], "staff:check 17");
    assert_eq!(paid["portal"], "locked");
    let tasks = world.get("pia", "/firm/v1/tasks").await.expect(200);
    assert_eq!(tasks["items"][0]["kind"], "ready_for_unlock");

    let pending = world.get("pat", "/firm/v1/unlock-requests").await.expect(200);
    let pending = &pending["items"][0];
    assert_eq!(pending["id"], request.as_str());
    assert_eq!(pending["can_be_approved"], true);
    assert_eq!(
        (&pending["ready_since"], &pending["target_on"]),
        (&json!("2026-05-04"), &json!("2026-05-06"))
    );
    let (rule, ..) = world.post("bea", &approve, Value::Null).await.problem(403);
    assert_eq!(rule, "STAFF-1");
    let unlocked = world.post("pat", &approve, Value::Null).await.expect(200);
    assert_eq!(unlocked["portal"], "open");
    let again = world.post("pat", &approve, Value::Null).await.expect(200);
    assert_eq!((&again["did"], &again["version"]), (&json!([]), &unlocked["version"]));

    let trail = world.get("pia", "/firm/v1/clients/acme/events?limit=1").await.expect(200);
    let newest = &trail["items"][0];
    assert_eq!((&newest["by"], &newest["command"]), (&json!("pat"), &json!("approve_unlock")));
    assert!(texts(&newest["what"]).iter().any(|text| text.contains("unlock")), "{newest}");
    assert!(trail["next"].is_string());
    let verified = world.get("pia", "/firm/v1/clients/acme/audit/verify").await.expect(200);
    assert_eq!(verified["is_whole"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unl_6_a_request_of_an_ended_episode_opens_nothing() {
    let world = World::new().await;
    world.acme().await;
    let lock = || json!({"reason": "no records"});
    world.post("bea", "/firm/v1/clients/acme/lock", lock()).await.expect(200);
    let ask = async || {
        let asked = world.post("bea", "/firm/v1/clients/acme/unlock-requests", Value::Null).await;
        asked.body["id"].as_str().unwrap().to_owned()
    };
    let first = ask().await;
    assert_eq!(ask().await, first, "a second one is the same request");
    let path = |request: &str, act: &str| format!("/firm/v1/unlock-requests/{request}/{act}");
    world.post("pat", &path(&first, "approve"), Value::Null).await.expect(200);
    world.post("bea", "/firm/v1/clients/acme/lock", lock()).await.expect(200);
    let second = ask().await;
    assert_ne!(second, first);
    let version = world.version("acme").await;
    for act in ["approve", "reject"] {
        let body = if act == "reject" { lock() } else { Value::Null };
        let (rule, _, detail) = world.post("pat", &path(&first, act), body).await.problem(409);
        assert_eq!(rule, "UNL-6");
        assert!(detail.contains("has ended"), "{detail}");
    }
    assert_eq!(world.version("acme").await, version);
    world.get("pat", &format!("/firm/v1/unlock-requests/{first}")).await.problem(404);
    world.get("pat", &format!("/firm/v1/unlock-requests/{second}")).await.expect(200);
    world.post("bea", &path(&second, "reject"), lock()).await.expect(200);
    let (rule, ..) = world.post("pat", &path(&second, "approve"), Value::Null).await.problem(409);
    assert_eq!(rule, "UNL-6");
    let pending = world.get("pat", "/firm/v1/unlock-requests").await.expect(200);
    assert_eq!(pending, json!({"items": [], "next": null}));
    // By exception (UNL-4).
    let exception = json!({"reason": "tax season", "until": "2026-04-30"});
    world.post("pat", "/firm/v1/clients/acme/exception-unlock", exception).await.expect(200);
    let client = world.get("pat", "/firm/v1/clients/acme").await.expect(200);
    assert_eq!(
        (&client["portal"], &client["exceptions"][0]["until"]),
        (&json!("open"), &json!("2026-04-30"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_5_single_service_lines_by_hand() {
    let world = World::new().await;
    world.acme().await;
    let lines = json!({"service_lines": ["tax", "payroll"]});
    world.ask("bea", Method::PATCH, "/firm/v1/clients/acme", lines).await.expect(200);
    let lock = |lines: &[&str]| json!({"reason": "no records", "service_lines": lines});
    let path = "/firm/v1/clients/acme/lock";
    let (rule, _, detail) = world.post("bea", path, lock(&["audit"])).await.problem(404);
    assert_eq!(
        (rule.as_str(), detail.as_str()),
        ("LOCK-5", "The client has no service line audit.")
    );
    let done = world.post("bea", path, lock(&["tax"])).await.expect(200);
    assert_eq!(done["portal"], "limited");
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    assert_eq!(client["locked_lines"], json!(["tax"]));
    assert_eq!(client["locks"][0]["service_line"], "tax");
    assert_eq!(client["locks"].as_array().unwrap().len(), 1);
    world.post("bea", path, lock(&["payroll"])).await.expect(200);

    // Asked for one of the two, and listed whatever the client's state is.
    let asks = "/firm/v1/clients/acme/unlock-requests";
    let (rule, ..) = world.post("bea", asks, json!({"service_lines": ["-"]})).await.problem(409);
    assert_eq!(rule, "LOCK-5");
    let body = json!({"service_lines": ["tax"]});
    let asked = world.post("bea", asks, body.clone()).await.expect(201);
    let again = world.post("bea", asks, body).await.expect(200);
    assert_eq!(again["id"], asked["id"], "a second one is the same request");
    let (rule, _, detail) = world.post("bea", asks, Value::Null).await.problem(409);
    assert_eq!(rule, "UNL-6");
    assert!(detail.contains("other service lines"), "{detail}");
    let pending = world.get("pat", "/firm/v1/unlock-requests").await.expect(200);
    assert_eq!(pending["items"][0]["service_lines"], json!(["tax"]));

    // Approved: that line is open again, the other one isn't.
    let approve = format!("/firm/v1/unlock-requests/{}/approve", asked["id"].as_str().unwrap());
    let misspelt = world.post("pat", &approve, json!({"service_line": ["tax"]})).await;
    let (_, _, detail) = misspelt.problem(422);
    assert!(detail.contains("service_lines"), "{detail}");
    let opened = world.post("pat", &approve, Value::Null).await.expect(200);
    assert_eq!(opened["portal"], "limited");
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    assert_eq!(client["locked_lines"], json!(["payroll"]));
    let limited = world.get("pia", "/firm/v1/clients?state=limited").await.expect(200);
    assert_eq!(limited["items"][0]["client"], "acme");

    // A client who is listed as limited is among the requests too.
    let asked = world.post("bea", asks, Value::Null).await.expect(201);
    let listed = world.get("pat", "/firm/v1/unlock-requests").await.expect(200);
    assert_eq!(listed["items"][0]["id"], asked["id"]);
    let exception =
        json!({"reason": "payday", "until": "2026-04-30", "service_lines": ["payroll"]});
    let open = world.post("pat", "/firm/v1/clients/acme/exception-unlock", exception).await;
    assert_eq!(open.expect(200)["portal"], "open");
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    assert_eq!(client["exceptions"][0]["service_line"], "payroll");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_5_payments_by_hand_come_and_go() {
    let world = World::new().await;
    world.acme().await;
    let pay = |reference: &str, amount: &str| json!({"reference": reference, "method": "phone", "amount": usd(amount), "invoices": ["A-1"]});
    let payments = "/firm/v1/clients/acme/payments";
    world.post("bea", payments, pay("1", "60.00")).await.expect(201);
    let again = world.post("bea", payments, pay("1", "60.00")).await.expect(200);
    assert_eq!(again["did"], json!([]), "the same reference is the same payment (PAY-1)");
    world.post("bea", payments, pay("2", "70.00")).await.expect(201);
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    assert_eq!((&client["balance"], &client["credit"]), (&json!([]), &json!([usd("30.00")])));
    let listed = world.get("pia", payments).await.expect(200);
    let ids: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|p| p["payment"].clone()).collect();
    assert_eq!(ids, ["staff:2", "staff:1"]);
    let refund = json!({"refund": "r-1", "amount": usd("50.00")});
    world.post("bea", "/firm/v1/payments/staff:2/refunds", refund).await.expect(201);
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(
        (&invoice["status"], &invoice["balance"]),
        (&json!("partially_paid"), &usd("20.00"))
    );
    world.post("bea", "/firm/v1/payments/staff:1/return", Value::Null).await.expect(200);
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(invoice["balance"], usd("80.00"));
    world.post("bea", "/firm/v1/payments/staff:9/return", Value::Null).await.problem(404);
    let note = json!({"credit_note": "N-1", "amount": usd("80.00")});
    world.post("bea", "/firm/v1/invoices/A-1/credit-notes", note.clone()).await.expect(201);
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(invoice["status"], "paid");
    let (rule, ..) =
        world.post("bea", "/firm/v1/clients/acme/credit-notes", note).await.problem(409);
    assert_eq!(rule, "INV-7");
    // Many payments: page by page, each once.
    for number in 0..7 {
        world.post("bea", payments, pay(&format!("m-{number}"), "1.00")).await.expect(201);
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = world.get("pia", &format!("{payments}?limit=2{next}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|p| p["payment"].to_string()));
        assert!(page["items"].as_array().unwrap().len() <= 2);
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
    assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrangements_tasks_and_notes() {
    let world = World::new().await;
    world.acme().await;
    world.go_to("2026-04-06").await;
    let acme = |rest: &str| format!("/firm/v1/clients/acme/{rest}");
    world.post("bea", &acme("promises"), json!({"until": "2026-04-10"})).await.expect(201);
    let promises = world.get("pia", &acme("promises")).await.expect(200);
    assert_eq!(promises["items"][0]["invoices"], json!(["A-1"]));
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(invoice["collection"], "do_not_collect");
    assert_eq!(invoice["not_collected_because"], "a promise covers it");
    let plan = json!({"invoices": ["A-1"], "instalments": [
        {"due_on": "2026-04-20", "amount": usd("40.00")}, {"due_on": "2026-05-20", "amount": usd("60.00")}]});
    world.post("pat", &acme("plans"), plan).await.expect(201);
    let plans = world.get("pia", &acme("plans")).await.expect(200);
    assert_eq!(plans["items"][0]["covered"], usd("100.00"));
    world
        .post("bea", &acme("holds"), json!({"invoice": "A-1", "reason": "checking"}))
        .await
        .expect(201);
    world
        .post("bea", &acme("holds"), json!({"reason": "moving", "until": "2026-04-30"}))
        .await
        .expect(201);
    let holds = world.get("pia", &acme("holds")).await.expect(200);
    assert_eq!(holds["items"].as_array().unwrap().len(), 2);
    let release = acme("holds?invoice=A-1");
    world.ask("bea", Method::DELETE, &release, Value::Null).await.expect(200);
    world.ask("bea", Method::DELETE, &acme("holds"), Value::Null).await.expect(200);
    assert_eq!(world.get("pia", &acme("holds")).await.expect(200)["items"], json!([]));
    world
        .post("bea", "/firm/v1/invoices/A-1/disputes", json!({"reason": "twice"}))
        .await
        .expect(201);
    world.post("pat", "/firm/v1/invoices/A-1/disputes/review", Value::Null).await.expect(200);
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(
        (&invoice["status"], &invoice["dispute"]["is_under_review"]),
        (&json!("disputed"), &json!(true))
    );
    let upheld = json!({"outcome": "upheld"});
    world.post("pat", "/firm/v1/invoices/A-1/disputes/resolution", upheld).await.expect(200);
    assert_eq!(world.get("pia", "/firm/v1/invoices/A-1").await.expect(200)["balance"], usd("0.00"));
    // Notes (NOTE-1).
    let call = json!({"text": "Ann calls back on Monday", "invoice": "A-1"});
    let note = world.post("pia", &acme("notes"), call).await.expect(201);
    assert_eq!(note["by"], "pia");
    let notes = world.get("bea", &acme("notes")).await.expect(200);
    assert_eq!(notes["items"], json!([note]));
    // A client without an address, whom nothing can warn (LOCK-7), is somebody's task.
    let bare = json!({"client": "bare", "name": "Bare Ltd"});
    world.post("bea", "/firm/v1/clients", bare).await.expect(201);
    let old = json!({"invoice": "B-1", "total": usd("9.00"), "issued_on": "2026-02-01"});
    world.post("bea", "/firm/v1/clients/bare/invoices", old).await.expect(201);
    let tasks = world.get("pia", "/firm/v1/clients/bare/tasks").await.expect(200);
    assert_eq!(tasks["items"][0]["kind"], "no_address", "{tasks}");
    let number = tasks["items"][0]["task"].as_u64().unwrap();
    let task = |act: &str| format!("/firm/v1/clients/bare/tasks/{number}/{act}");
    world.post("pia", &task("assign"), json!({"to": "bea"})).await.expect(200);
    let (_, field, _) =
        world.post("pia", &task("assign"), json!({"to": "nobody"})).await.problem(422);
    assert_eq!(field, "to");
    world.post("pia", &task("close"), Value::Null).await.problem(409);
    let contacts = json!({"contacts": [{"address": "bo@bare.example"}]});
    world.ask("pia", Method::PATCH, "/firm/v1/clients/bare", contacts).await.expect(200);
    let tasks = world.get("pia", "/firm/v1/clients/bare/tasks").await.expect(200);
    assert_eq!(tasks["items"], json!([]), "it went with what it stood for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_opened_found_and_changed() {
    let world = World::new().await;
    let made = world.post("bea", "/firm/v1/clients", json!({"name": "No id"})).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("c-"), "{id}");
    for number in 0..5 {
        let client = json!({"client": format!("n-{number}"), "name": format!("Client {number}")});
        world.post("bea", "/firm/v1/clients", client.clone()).await.expect(201);
        world.post("bea", "/firm/v1/clients", client).await.expect(200); // the same: nothing more
    }
    let other = json!({"client": "n-0", "name": "Somebody else"});
    world.post("bea", "/firm/v1/clients", other).await.problem(409);
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let page = world.get("pia", &format!("/firm/v1/clients?limit=2{next}")).await.expect(200);
        names.extend(page["items"].as_array().unwrap().iter().map(|c| c["name"].clone()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(names, ["Client 0", "Client 1", "Client 2", "Client 3", "Client 4", "No id"]);
    // Two fields changed by two people both hold; an old version is refused.
    let n0 = "/firm/v1/clients/n-0";
    let answer = world.get("pia", n0).await;
    let tag = answer.headers["etag"].to_str().unwrap().to_owned();
    let change = async |body: Value, tag: &str| {
        let request = world.request("f-1", "bea", &Method::PATCH, n0).header("if-match", tag);
        world.send(world::with_json(request, &body)).await
    };
    change(json!({"name": "Zero"}), &tag).await.expect(200);
    change(json!({"name": "Nought"}), &tag).await.problem(412);
    let contacts =
        json!({"contacts": [{"address": "zoe@zero.example"}], "service_lines": ["tax", "audit"]});
    let (rule, ..) = world.ask("pia", Method::PATCH, n0, contacts.clone()).await.problem(403);
    assert_eq!(rule, "STAFF-1");
    world.ask("bea", Method::PATCH, n0, contacts).await.expect(200);
    let client = world.get("pia", n0).await.expect(200);
    assert_eq!(
        (&client["name"], &client["service_lines"]),
        (&json!("Zero"), &json!(["audit", "tax"]))
    );
    let (rule, field, _) =
        world.ask("bea", Method::PATCH, n0, json!({"class": "gold"})).await.problem(409);
    assert_eq!((rule.as_str(), field.as_str()), ("POL-1", "class"));
    let me = world.get("pia", "/firm/v1/me").await.expect(200);
    assert_eq!((&me["firm"]["day"], &me["roles"]), (&json!("2026-03-02"), &json!(["preparer"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_1_a_policy_is_armed_as_a_new_version_with_its_diff_in_the_audit() {
    let world = World::new().await;
    let path = "/firm/v1/policies/default";
    let answer = world.get("pia", path).await;
    let tag = answer.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(answer.expect(200)["policy"]["lock"]["days_overdue"], 30);
    let put = async |who: &str, media_type: &str, body: &str, tag: Option<&str>| {
        let mut request =
            world.request("f-1", who, &Method::PUT, path).header("content-type", media_type);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        world.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let yaml = "preset: cpa\nwith:\n  # a fortnight more\n  lock: {days_overdue: 44}\n";
    let json = r#"{"preset": "cpa", "with": {"lock": {"days_overdue": 44}}}"#;
    put("adam", "application/yaml", yaml, None).await.problem(428);
    put("adam", "application/yaml", yaml, Some("\"7\"")).await.problem(412);
    put("adam", "text/plain", yaml, Some(&tag)).await.problem(415);
    let (rule, ..) = put("pat", "application/yaml", yaml, Some(&tag)).await.problem(403);
    assert_eq!(rule, "STAFF-1");
    let wrong = "preset: cpa\nwith:\n  lock:\n    days_overdu: 44\n";
    let answer = put("adam", "application/yaml", wrong, Some(&tag)).await;
    assert_eq!(answer.body["line"], 4, "{}", answer.body);
    let (_, field, detail) = answer.problem(422);
    assert!(field.contains("lock") && detail.contains("days_overdue"), "{field}: {detail}");
    let armed = put("adam", "application/yaml", yaml, Some(&tag)).await;
    assert_eq!(armed.headers["etag"], "\"2\"");
    let armed = armed.expect(201);
    assert_eq!(armed["changes"], json!([{"field": "lock.days_overdue", "was": 30, "is": 44}]));
    assert_eq!((&armed["author"], &armed["effective_on"]), (&json!("adam"), &json!("2026-03-02")));
    let same = put("adam", "application/json", json, Some("\"2\"")).await.expect(200);
    assert_eq!(same["version"], 2, "what says the same is no new version");
    put("adam", "application/yaml", yaml, Some(&tag)).await.problem(412);
    let old = world.get("pia", &format!("{path}/versions/1")).await.expect(200);
    assert_eq!(old["policy"]["lock"]["days_overdue"], 30);
    let trail = world.get("pia", "/firm/v1/events").await.expect(200);
    let newest = trail["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(newest["by"], "adam");
    assert_eq!(
        newest["what"],
        json!(["arms version 2 of the policy of class default from 2026-03-02"])
    );
    assert_eq!(newest["changes"], armed["changes"]);
    let verified = world.get("pia", "/firm/v1/audit/verify").await.expect(200);
    assert_eq!(verified["is_whole"], true);
    let past =
        world.request("f-1", "adam", &Method::PUT, &format!("{path}?effective_on=2026-03-01"));
    let past = past.header("content-type", "application/json").header("if-match", "\"2\"");
    let past = world.send(past.body(Body::from(r#"{"preset": "cpa"}"#)).unwrap()).await;
    assert_eq!(past.problem(422).1, "effective_on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_1_a_billing_lead_says_whose_unclaimed_money_is() {
    let world = World::new().await;
    world.acme().await;
    let path = "/firm/v1/unclaimed-payments";
    assert_eq!(world.get("pia", path).await.expect(200)["items"], json!([]));
    let amount = Money::new(4_000, Currency::USD);
    let news = News::Told {
        amount,
        method: domain::payment::Method::Card,
        invoices: Vec::new(),
        seen: Seen::Succeeded,
        on: None,
    };
    let unclaimed = Unclaimed {
        payment: "stripe:pi_9".parse().unwrap(),
        came_at: world.now(),
        amount,
        client: Some("zoe".parse().unwrap()),
        invoices: Vec::new(),
        news: vec![news],
        doubts: Vec::new(),
        version: 0,
    };
    let firm = world.firm("f-1").await;
    assert!(firm.store().keep_unclaimed(&unclaimed).await.unwrap());
    let listed = world.get("pia", path).await.expect(200);
    assert_eq!(
        listed["items"],
        json!([{
            "payment": "stripe:pi_9", "amount": usd("40.00"), "state": "succeeded",
            "came_at": "2026-03-02T15:00:00+00:00", "names_client": "zoe", "names_invoices": [],
            "doubts": [],
        }])
    );
    let assign = format!("{path}/stripe:pi_9/assign");
    world.post("pia", &assign, json!({"client": "acme"})).await.problem(403);
    world.post("bea", &assign, json!({"client": "zoe"})).await.problem(404);
    world.post("bea", &assign, json!({"klient": "acme"})).await.problem(422);
    let assigned = world.post("bea", &assign, json!({"client": "acme"})).await.expect(200);
    assert_eq!(assigned["client"], "acme");
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(invoice["balance"], usd("60.00"));
    assert_eq!(world.get("pia", path).await.expect(200)["items"], json!([]));
    let trail = world.get("pia", "/firm/v1/clients/acme/events").await.expect(200);
    assert_eq!(
        (&trail["items"][0]["by"], &trail["items"][0]["command"]),
        (&json!("bea"), &json!("record_payment"))
    );
    let again = world.post("bea", &assign, json!({"client": "acme"})).await.expect(200);
    assert_eq!((&again["did"], &again["version"]), (&json!([]), &assigned["version"]));
}

//! Each address with each caller: nobody, somebody else, each role; and the table of addresses itself,
//! which fails when a route is added without a row.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use domain::money::{Currency, Money};
use domain::role::Role;
use domain::text::Personal;
use serde_json::{Value, json};
use store::{DayRun, Endpoint, FirmChange, Grant, Preview, PreviewStage, Stage, Unclaimed};
use world::{Answer, OTHER, Token, World, change, token, with_json};

/// A ledger of one row.
const LEDGER: &str = "client,invoice,issued,amount\nbolt,B-1,2026-02-01,10.00\n";

/// Who may: by the first letter of admin, billing lead, partner, preparer (`r`: reads and writes).
const ALL: &str = "abpr";
const BOOKKEEPERS: &str = "abp";
const COLLECTORS: &str = "bp";
const PARTNERS: &str = "p";
const ADMINS: &str = "a";
const STOPPERS: &str = "ap";

/// The first firm's gateway.
const GATEWAY: &str = "e1d2";

/// What another firm's staff is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elsewhere {
    /// There is no such thing there.
    NotFound,
    /// It is about the caller's own firm alone.
    Own,
}
use Elsewhere::{NotFound, Own};

/// Method, route, address, body, who may, what elsewhere.
type Row = (&'static str, &'static str, &'static str, Value, &'static str, Elsewhere);

/// In the order in which they are asked, so that each finds what it needs.
fn table(request: &str) -> Vec<Row> {
    let because = || json!({"reason": "as agreed"});
    let amount = |amount: &str| json!({"amount": amount, "currency": "USD"});
    let unlock: &'static str =
        Box::leak(format!("/firm/v1/unlock-requests/{request}").into_boxed_str());
    let approve: &'static str = Box::leak(format!("{unlock}/approve").into_boxed_str());
    let reject: &'static str = Box::leak(format!("{unlock}/reject").into_boxed_str());
    let c = "/firm/v1/clients/{client}";
    let i = "/firm/v1/invoices/{invoice}";
    let route = |base: &str, rest: &str| -> &'static str {
        Box::leak(format!("{base}{rest}").into_boxed_str())
    };
    let acme = |rest: &str| route("/firm/v1/clients/acme", rest);
    let a1 = |rest: &str| route("/firm/v1/invoices/A-1", rest);
    // What is about that client, that invoice, or the caller's own firm.
    let at_acme = |method, rest: &str, address: &str, body, who| -> Row {
        (method, route(c, rest), acme(address), body, who, NotFound)
    };
    let of_acme = |method, rest: &str, body, who| at_acme(method, rest, rest, body, who);
    let of_a1 = |method, rest: &str, body, who| -> Row {
        (method, route(i, rest), a1(rest), body, who, NotFound)
    };
    let words = |method, rest: &str, body, who, elsewhere| -> Row {
        let letter = route("/firm/v1/templates/{kind}/{language}", rest);
        (method, letter, route("/firm/v1/templates/notice/es", rest), body, who, elsewhere)
    };
    let of_vip = |method, rest: &str, body, who| -> Row {
        let (of_class, vip) = ("/firm/v1/policies/{class}", "/firm/v1/policies/vip");
        (method, route(of_class, rest), route(vip, rest), body, who, Own)
    };
    // A draft of a class that the other firm hasn't.
    let of_gold = |rest: &str, body| -> Row {
        let version = route("/firm/v1/policies/{class}/versions/{version}", rest);
        let address = route("/firm/v1/policies/gold/versions/1", rest);
        ("POST", version, address, body, ADMINS, NotFound)
    };
    let of_gateway = |method, rest: &str, body| -> Row {
        let of = route("/firm/v1/gateways/{endpoint}", rest);
        let address = route(&format!("/firm/v1/gateways/{GATEWAY}"), rest);
        (method, of, address, body, ADMINS, NotFound)
    };
    let stripe =
        || json!({"gateway": "stripe", "mode": "live", "credentials": {"key": "sk_live_walk"}});
    let own = |method, address, body, who| -> Row { (method, address, address, body, who, Own) };
    vec![
        own("GET", "/firm/v1/me", Value::Null, ALL),
        own("GET", "/firm/v1/settings", Value::Null, ALL),
        own("PATCH", "/firm/v1/settings", json!({}), ADMINS),
        own("GET", "/firm/v1/mail-domain", Value::Null, ALL),
        own("PUT", "/firm/v1/mail-domain", json!({"domain": "bea.example"}), ADMINS),
        own("DELETE", "/firm/v1/mail-domain", Value::Null, ADMINS),
        own("GET", "/firm/v1/gateways", Value::Null, ADMINS),
        own("POST", "/firm/v1/gateways", stripe(), ADMINS),
        of_gateway("GET", "", Value::Null),
        of_gateway(
            "PUT",
            "/secrets",
            json!({"credentials": {"signing": ["whsec_2"]}, "keep_old": true}),
        ),
        of_gateway("DELETE", "/secrets/old", Value::Null),
        of_gateway("POST", "/test", Value::Null),
        of_gateway("POST", "/prefer", Value::Null),
        of_gateway("POST", "/close", Value::Null),
        of_gateway("DELETE", "", Value::Null),
        own("GET", "/firm/v1/openapi.json", Value::Null, ALL),
        own("GET", "/firm/v1/clients", Value::Null, ALL),
        own("POST", "/firm/v1/clients", json!({"name": "New"}), BOOKKEEPERS),
        ("GET", c, acme(""), Value::Null, ALL, NotFound),
        ("PATCH", c, acme(""), json!({"name": "Acme & Co"}), BOOKKEEPERS, NotFound),
        of_acme("GET", "/invoices", Value::Null, ALL),
        of_acme(
            "POST",
            "/invoices",
            json!({"invoice": "A-1", "total": amount("5.00")}),
            BOOKKEEPERS,
        ),
        ("GET", i, a1(""), Value::Null, ALL, NotFound),
        of_a1("POST", "/post", Value::Null, BOOKKEEPERS),
        of_a1(
            "POST",
            "/disputes",
            json!({"reason": "wrong", "amount": amount("1.00")}),
            BOOKKEEPERS,
        ),
        of_a1("POST", "/disputes/review", Value::Null, PARTNERS),
        of_a1("POST", "/disputes/resolution", json!({"outcome": "rejected"}), PARTNERS),
        of_a1(
            "POST",
            "/credit-notes",
            json!({"credit_note": "N-1", "amount": amount("1.00")}),
            BOOKKEEPERS,
        ),
        of_a1("POST", "/void", because(), BOOKKEEPERS),
        of_acme("GET", "/payments", Value::Null, ALL),
        of_acme(
            "POST",
            "/payments",
            json!({"reference": "17", "method": "check", "amount": amount("5.00")}),
            BOOKKEEPERS,
        ),
        (
            "POST",
            "/firm/v1/payments/{payment}/refunds",
            "/firm/v1/payments/staff:1/refunds",
            json!({"refund": "r"}),
            BOOKKEEPERS,
            NotFound,
        ),
        (
            "POST",
            "/firm/v1/payments/{payment}/return",
            "/firm/v1/payments/staff:1/return",
            Value::Null,
            BOOKKEEPERS,
            NotFound,
        ),
        of_acme(
            "POST",
            "/credit-notes",
            json!({"credit_note": "N-2", "amount": amount("1.00")}),
            BOOKKEEPERS,
        ),
        of_acme("GET", "/letters", Value::Null, ALL),
        at_acme("GET", "/letters/{letter}/pdf", "/letters/1/pdf", Value::Null, ALL),
        of_acme("GET", "/statement", Value::Null, ALL),
        of_acme("GET", "/referral", Value::Null, ALL),
        of_acme("POST", "/referral/return", because(), COLLECTORS),
        of_acme("GET", "/holds", Value::Null, ALL),
        of_acme("POST", "/holds", because(), COLLECTORS),
        of_acme("DELETE", "/holds", Value::Null, COLLECTORS),
        of_acme("GET", "/promises", Value::Null, ALL),
        of_acme("POST", "/promises", json!({"until": "2026-03-05", "invoice": "A-1"}), BOOKKEEPERS),
        of_acme("GET", "/plans", Value::Null, ALL),
        of_acme("POST", "/plans", json!({"invoices": ["A-1"], "instalments": []}), PARTNERS),
        of_acme("POST", "/lock", because(), COLLECTORS),
        of_acme("POST", "/move-episode", Value::Null, PARTNERS),
        own("POST", "/firm/v1/imports", json!(LEDGER), BOOKKEEPERS),
        (
            "GET",
            "/firm/v1/imports/{import}",
            "/firm/v1/imports/import-x",
            Value::Null,
            ALL,
            NotFound,
        ),
        own("GET", "/firm/v1/tasks", Value::Null, ALL),
        own("GET", "/firm/v1/concerns", Value::Null, ALL),
        of_acme("GET", "/tasks", Value::Null, ALL),
        at_acme("POST", "/tasks/{task}/assign", "/tasks/1/assign", json!({"to": "pia"}), ALL),
        at_acme("POST", "/tasks/{task}/close", "/tasks/1/close", Value::Null, ALL),
        of_acme("POST", "/approve-close", json!({}), PARTNERS),
        own("GET", "/firm/v1/deletions", Value::Null, ALL),
        of_acme("GET", "/deletion", Value::Null, ALL),
        of_acme(
            "POST",
            "/put-off-deletion",
            json!({"until": "2036-03-02", "reason": "an audit is announced"}),
            PARTNERS,
        ),
        of_acme("POST", "/approve-step", json!({"do": "final_demand"}), PARTNERS),
        of_acme("GET", "/notes", Value::Null, ALL),
        of_acme("POST", "/notes", json!({"text": "called"}), ALL),
        of_acme("GET", "/messages", Value::Null, ALL),
        of_acme("POST", "/messages", json!({"text": "Thank you."}), ALL),
        at_acme("POST", "/messages/{message}/read", "/messages/1/read", Value::Null, ALL),
        own("GET", "/firm/v1/staff", Value::Null, ALL),
        (
            "GET",
            "/firm/v1/staff/{staff}/mails",
            "/firm/v1/staff/zed/mails",
            Value::Null,
            ADMINS,
            Own,
        ),
        own("GET", "/firm/v1/me/mails", Value::Null, ALL),
        own("PUT", "/firm/v1/me/mails", json!({"mails": "digest"}), ALL),
        of_acme("GET", "/people", Value::Null, ALL),
        of_acme("PUT", "/people", json!({}), BOOKKEEPERS),
        own("POST", "/firm/v1/settings/logo", json!("no picture"), ADMINS),
        own("DELETE", "/firm/v1/settings/logo", Value::Null, ADMINS),
        of_acme("GET", "/contacts", Value::Null, ALL),
        of_acme(
            "POST",
            "/contacts",
            json!({"address": "ann@acme.example", "called": "Ann"}),
            BOOKKEEPERS,
        ),
        at_acme(
            "POST",
            "/contacts/{contact}/invitations",
            "/contacts/k-1/invitations",
            Value::Null,
            BOOKKEEPERS,
        ),
        at_acme(
            "POST",
            "/contacts/{contact}/end-sessions",
            "/contacts/k-1/end-sessions",
            Value::Null,
            BOOKKEEPERS,
        ),
        at_acme("DELETE", "/contacts/{contact}", "/contacts/k-1", Value::Null, BOOKKEEPERS),
        at_acme(
            "DELETE",
            "/contacts",
            "/contacts?address=bob@acme.example",
            Value::Null,
            BOOKKEEPERS,
        ),
        of_acme("GET", "/pay-links", Value::Null, ALL),
        of_acme("POST", "/pay-links", json!({"invoices": ["A-1"]}), BOOKKEEPERS),
        at_acme("DELETE", "/pay-links/{link}", "/pay-links/l-1", Value::Null, BOOKKEEPERS),
        of_acme("GET", "/events", Value::Null, ALL),
        of_acme("GET", "/audit/verify", Value::Null, ALL),
        own("GET", "/firm/v1/unclaimed-payments", Value::Null, ALL),
        (
            "POST",
            "/firm/v1/unclaimed-payments/{payment}/assign",
            "/firm/v1/unclaimed-payments/stripe:pi_9/assign",
            json!({"client": "acme"}),
            COLLECTORS,
            NotFound,
        ),
        own("GET", "/firm/v1/runs", Value::Null, ALL),
        ("GET", "/firm/v1/runs/{day}", "/firm/v1/runs/2026-03-02", Value::Null, ALL, NotFound),
        (
            "GET",
            "/firm/v1/runs/{day}/clients",
            "/firm/v1/runs/2026-03-02/clients",
            Value::Null,
            ALL,
            NotFound,
        ),
        (
            "POST",
            "/firm/v1/runs/{day}/reject",
            "/firm/v1/runs/2026-03-01/reject",
            because(),
            COLLECTORS,
            NotFound,
        ),
        (
            "POST",
            "/firm/v1/runs/{day}/approve",
            "/firm/v1/runs/2026-03-02/approve",
            Value::Null,
            PARTNERS,
            NotFound,
        ),
        (
            "POST",
            "/firm/v1/runs/{day}/undo",
            "/firm/v1/runs/2026-03-02/undo",
            because(),
            PARTNERS,
            NotFound,
        ),
        own("GET", "/firm/v1/settings/stop", Value::Null, ALL),
        own("PUT", "/firm/v1/settings/stop", because(), STOPPERS),
        own("DELETE", "/firm/v1/settings/stop", Value::Null, STOPPERS),
        own("GET", "/firm/v1/reports/kpi", Value::Null, ALL),
        own("GET", "/firm/v1/reports/aging", Value::Null, ALL),
        own("GET", "/firm/v1/events", Value::Null, ALL),
        own("GET", "/firm/v1/audit/verify", Value::Null, ALL),
        own("GET", "/firm/v1/policies", Value::Null, ALL),
        ("GET", "/firm/v1/policies/{class}", "/firm/v1/policies/vip", Value::Null, ALL, NotFound),
        (
            "PUT",
            "/firm/v1/policies/{class}",
            "/firm/v1/policies/vip",
            json!({"preset": "cpa"}),
            ADMINS,
            Own,
        ),
        (
            "GET",
            "/firm/v1/policies/{class}/versions/{version}",
            "/firm/v1/policies/vip/versions/1",
            Value::Null,
            ALL,
            Own,
        ),
        of_vip("GET", "/shadow", Value::Null, ALL),
        of_vip("POST", "/lint", json!({"preset": "cpa"}), ALL),
        of_vip("POST", "/preview", json!({"preset": "cpa"}), BOOKKEEPERS),
        (
            "GET",
            "/firm/v1/previews/{preview}",
            "/firm/v1/previews/preview-1",
            Value::Null,
            ALL,
            NotFound,
        ),
        (
            "GET",
            "/firm/v1/previews/{preview}/clients",
            "/firm/v1/previews/preview-1/clients",
            Value::Null,
            ALL,
            NotFound,
        ),
        of_gold("/shadow", Value::Null),
        of_gold("/arm", json!({})),
        of_gold("/withdraw", Value::Null),
        own("GET", "/firm/v1/policy-schema", Value::Null, ALL),
        own("POST", "/firm/v1/policy-reviews", Value::Null, PARTNERS),
        own("GET", "/firm/v1/templates", Value::Null, ALL),
        words("GET", "", Value::Null, ALL, Own),
        words("DELETE", "", Value::Null, ADMINS, Own),
        words("PUT", "", json!({"subject": "Aviso"}), ADMINS, Own),
        words("POST", "/preview", json!({"client": "acme"}), ALL, NotFound),
        words("POST", "/test", json!({"client": "acme"}), ALL, NotFound),
        own("GET", "/firm/v1/unlock-requests", Value::Null, ALL),
        of_acme("GET", "/unlock-requests", Value::Null, ALL),
        of_acme("POST", "/unlock-requests", Value::Null, COLLECTORS),
        ("GET", "/firm/v1/unlock-requests/{request}", unlock, Value::Null, ALL, NotFound),
        (
            "POST",
            "/firm/v1/unlock-requests/{request}/reject",
            reject,
            because(),
            COLLECTORS,
            NotFound,
        ),
        (
            "POST",
            "/firm/v1/unlock-requests/{request}/approve",
            approve,
            Value::Null,
            PARTNERS,
            NotFound,
        ),
        of_acme(
            "POST",
            "/exception-unlock",
            json!({"reason": "season", "until": "2026-04-30"}),
            PARTNERS,
        ),
        of_a1("POST", "/fees", json!({"amount": {"amount": "1.00", "currency": "USD"}}), PARTNERS),
        of_a1("POST", "/fees/waive", because(), PARTNERS),
        of_a1("POST", "/write-off", because(), PARTNERS),
        of_acme("POST", "/hard-stop", because(), COLLECTORS),
    ]
}

/// A locked client with a payment, a second class and an open request, whose id this is.
async fn furnished() -> (World, String) {
    let world = World::new().await;
    world.acme().await;
    let payment = json!({"reference": "1", "method": "check", "amount": {"amount": "2.00", "currency": "USD"}});
    world.post("bea", "/firm/v1/clients/acme/payments", payment).await.expect(201);
    let vip =
        world.ask("adam", Method::PUT, "/firm/v1/policies/vip", json!({"preset": "cpa"})).await;
    vip.expect(201);
    let gold = "/firm/v1/policies/gold?state=draft";
    world.ask("adam", Method::PUT, gold, json!({"preset": "cpa"})).await.expect(201);
    world
        .post("bea", "/firm/v1/clients/acme/lock", json!({"reason": "no records"}))
        .await
        .expect(200);
    let asked = world.post("bea", "/firm/v1/clients/acme/unlock-requests", Value::Null).await;
    let request = asked.expect(201)["id"].as_str().unwrap().to_owned();
    let amount = Money::new(100, Currency::USD);
    let told = json!({"amount": amount, "method": "card", "invoices": [], "seen": "succeeded"});
    let unclaimed = Unclaimed {
        payment: "stripe:pi_9".parse().unwrap(),
        came_at: world.now(),
        amount,
        client: None,
        invoices: Vec::new(),
        news: vec![serde_json::from_value(json!({"told": told})).unwrap()],
        doubts: Vec::new(),
        version: 0,
    };
    let store = world.firm("f-1").await.store().clone();
    assert!(store.keep_unclaimed(&unclaimed).await.unwrap());
    for day in ["2026-03-01", "2026-03-02"] {
        let run = DayRun {
            day: day.parse().unwrap(),
            stage: Stage::Held,
            round: 2,
            shards: [0].into(),
            began_at: world.now(),
            tally: Default::default(),
            active: Some(10),
            done: Default::default(),
            shadow: Default::default(),
            decision: None,
            version: 0,
        };
        assert!(store.put_day_run(&run, world.now()).await.unwrap());
    }
    let endpoint = Endpoint {
        id: GATEWAY.to_owned(),
        gateway: "stripe".parse().unwrap(),
        is_live: true,
        secrets: GATEWAY.to_owned(),
        opened_at: Some(world.now()),
        closed_at: None,
    };
    change(&world.dynamo, "f-1", FirmChange::EndpointOpened(endpoint)).await;
    let preview = Preview {
        preview: "preview-1".to_owned(),
        class: "vip".parse().unwrap(),
        by: "bea".parse().unwrap(),
        begun_at: world.now(),
        from: "2026-03-02".parse().unwrap(),
        to: "2026-05-31".parse().unwrap(),
        stage: PreviewStage::Running,
        current: Some(1),
        assumed: Vec::new(),
        pages: 0,
        looked_at: 0,
        cursor: None,
        problem: None,
        version: 0,
    };
    assert!(store.begin_preview(&preview, "preset: cpa").await.unwrap());
    (world, request)
}

#[test]
fn sec_1_each_route_of_the_document_has_a_row() {
    let mut documented = BTreeSet::new();
    for document in [firm_api::openapi(), unlock_approval::openapi()] {
        let document = serde_json::to_value(document).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                let is_new = documented.insert(format!("{} {path}", method.to_uppercase()));
                assert!(is_new, "{method} {path} is there twice");
            }
        }
    }
    let rows: BTreeSet<_> =
        table("x").iter().map(|(method, route, ..)| format!("{method} {route}")).collect();
    assert_eq!(
        documented.difference(&rows).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "without a row"
    );
    assert_eq!(
        rows.difference(&documented).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "not a route"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_2_nobody_gets_in_without_a_good_token_and_a_grant() {
    let (world, request) = furnished().await;
    let version = world.version("acme").await;
    for (method, _, path, body, ..) in table(&request) {
        let method: Method = method.parse().unwrap();
        let send = async |authorization: Option<String>, firm: Option<&str>| {
            let mut builder = Request::builder().method(method.clone()).uri(path);
            if let Some(authorization) = authorization {
                builder = builder.header("authorization", authorization);
            }
            if let Some(firm) = firm {
                builder = builder.header("x-portcullis-firm", firm);
            }
            world.send(with_json(builder, &body)).await
        };
        let bearer = |who: &str, kind| Some(format!("Bearer {}", token(who, kind, world.now())));
        for (authorization, firm, expected) in [
            (None, Some("f-1"), 401),
            (Some("Bearer x".to_owned()), Some("f-1"), 401),
            (bearer("pat", Token::Expired), Some("f-1"), 401),
            (bearer("pat", Token::Forged), Some("f-1"), 401),
            (bearer("pat", Token::OneFactor), Some("f-1"), 401),
            (bearer("nobody", Token::Good), Some("f-1"), 403),
            (bearer("imre", Token::Good), Some("f-1"), 403), // an extra grant alone
            (bearer(OTHER, Token::Good), Some("f-1"), 403),
            (bearer("pat", Token::Good), Some("f-2"), 403),
            (bearer("pat", Token::Good), Some("f-3"), 403), // there is none: the same answer
            (bearer("nobody", Token::Good), None, 403),
            (bearer("pat", Token::Expired), None, 401),
            (bearer("pat", Token::Good), Some("f#1"), 400),
        ] {
            let answer = send(authorization.clone(), firm).await;
            let got = answer.status;
            assert_eq!(got, expected, "{method} {path} in {firm:?}: {}", answer.body);
            answer.problem(expected);
        }
    }
    assert_eq!(world.version("acme").await, version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_1_another_firms_things_are_not_there() {
    let (world, request) = furnished().await;
    let version = world.version("acme").await;
    for (method, _, path, body, _, elsewhere) in table(&request) {
        let method: Method = method.parse().unwrap();
        let builder = world.request("f-2", OTHER, &method, path);
        let answer = world.send(with_json(builder, &body)).await;
        let text = answer.body.to_string();
        // The words of the first firm's things.
        for secret in ["Acme Corp", "ann@acme", "no records", "f-1"] {
            assert!(!text.contains(secret), "{method} {path}: {text}");
        }
        match elsewhere {
            NotFound => {
                let detail = answer.problem(404).2;
                assert!(detail.starts_with("There is no such"), "{method} {path}: {detail}");
            }
            // No picture is one wherever it is sent.
            Own if body == json!("no picture") => assert_eq!(answer.status, 422),
            Own => assert!(answer.status < 300, "{method} {path}: {}", answer.body),
        }
    }
    assert_eq!(world.version("acme").await, version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_1_each_role_does_its_own() {
    let (world, request) = furnished().await;
    for (method, _, path, body, who_may, _) in table(&request) {
        let method: Method = method.parse().unwrap();
        for (letter, who) in [('r', "pia"), ('a', "adam"), ('b', "bea"), ('p', "pat")] {
            let version = world.version("acme").await;
            let builder = world.request("f-1", who, &method, path);
            let answer = world.send(with_json(builder, &body)).await;
            let at = format!("{method} {path} as {who}: {}", answer.body);
            if who_may.contains(letter) {
                let expected = [200, 201, 202, 204, 409, 422, 428];
                let gone = method == Method::GET
                    && (path.contains("unlock-requests/") || path.contains("imports/"));
                let task = path.contains("/tasks/1/");
                let nobody = path.contains("/contacts/k-1") || path.ends_with("/pay-links/l-1");
                let paper = path.ends_with("/letters/1/pdf") || path.ends_with("/referral");
                // Nobody wrote yet, and the engagement goes on.
                let yet = path.ends_with("/messages/1/read") || path.ends_with("/deletion");
                let is_there = !gone && !task && !nobody && !paper && !yet;
                assert!(
                    expected.contains(&answer.status) || (!is_there && answer.status == 404),
                    "{at}"
                );
            } else {
                assert_eq!(answer.status, 403, "{at}");
                let (rule, _, detail) = answer.problem(403);
                assert!(
                    !rule.is_empty() && detail.starts_with("Only ")
                        || detail.contains("needs the role"),
                    "{at}"
                );
                assert_eq!(world.version("acme").await, version, "{at}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_is_none_and_a_method_that_is_none() {
    let world = World::new().await;
    for (method, path, expected) in [
        (Method::GET, "/firm/v1/clientss", 404),
        (Method::GET, "/firm/v1/unlock-requests/x/approvee", 404),
        (Method::DELETE, "/firm/v1/clients", 405),
        (Method::DELETE, "/firm/v1/unlock-requests", 405),
        (Method::GET, "/firm/v1/clients/a%23b", 400),
        (Method::GET, "/firm/v1/clients/%ff", 400),
        (Method::GET, "/firm/v1/unlock-requests/x", 404),
        (Method::POST, "/firm/v1/clients/acme/tasks/one/close", 400),
    ] {
        let answer = world.ask("pat", method.clone(), path, Value::Null).await;
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.body);
        answer.problem(expected);
        let anonymous = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        world.send(anonymous).await.problem(401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_1_who_works_for_one_firm_need_not_name_it() {
    let world = World::new().await;
    let me = async |who: &str| {
        let authorization = format!("Bearer {}", token(who, Token::Good, world.now()));
        let request = Request::get("/firm/v1/me").header("authorization", authorization);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let firm = |answer: Answer| answer.expect(200)["firm"]["firm"].clone();
    assert_eq!(firm(me("bea").await), "f-1");
    assert_eq!(firm(me(OTHER).await), "f-2");
    let grant = Grant {
        subject: "bea".to_owned(),
        staff: "bea".parse().unwrap(),
        name: Personal::new("Bea"),
        roles: [Role::Partner].into(),
        mail: None,
    };
    change(&world.dynamo, "f-2", FirmChange::GrantGiven(grant)).await;
    let (_, field, detail) = me("bea").await.problem(400);
    assert_eq!(field, "X-Portcullis-Firm");
    assert!(detail.contains("one of your 2 firms"), "{detail}");
    // A grant taken away acts at once (SEC-2), and so does what it leaves.
    let taken = || FirmChange::GrantTaken { subject: "bea".to_owned() };
    change(&world.dynamo, "f-1", taken()).await;
    assert_eq!(firm(me("bea").await), "f-2");
    change(&world.dynamo, "f-2", taken()).await;
    me("bea").await.problem(403);
}

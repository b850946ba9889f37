//! What a client says about its debt, from both doors: by signing in and by a letter's link (DIS-1, PROM-1,
//! PLAN-1, UNL-1, LET-7). The rules themselves are tried in `domain`; here what comes of a request.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod hall;
#[path = "../../firm-api/tests/world/mod.rs"]
mod world;

use axum::http::Request;
use domain::calendar::plus;
use hall::{ANN, Answer, Hall};
use serde_json::{Value, json};
use world::with_json;

const ACME: &str = "/portal/v1/clients/acme";

/// Overdue, and by May locked.
async fn hall_on(day: &str) -> (Hall, String) {
    let hall = Hall::new().await;
    hall.world.go_to(day).await;
    let ann = hall.signed_in("f-1", "acme", ANN).await;
    (hall, ann)
}

/// So many days from the firm's own day.
async fn in_days(hall: &Hall, days: u32) -> String {
    plus(hall.firm("f-1").await.day(hall.world.now()), days).to_string()
}

async fn post(hall: &Hall, token: &str, path: &str, body: &Value) -> Answer {
    hall.ask(Some(token), "POST", path, body).await
}

/// The kinds of acme's open tasks, as staff see them.
async fn tasks(hall: &Hall) -> Vec<Value> {
    let tasks = hall.world.get("bea", "/firm/v1/clients/acme/tasks").await.expect(200);
    tasks["items"].as_array().unwrap().clone()
}

/// What is wrong with an answer, and the field at fault.
fn wrong(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.body[name].as_str().unwrap_or("");
    (answer.status, text("detail"), text("field"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dis_1_a_client_disputes_all_or_a_part_and_takes_it_back() {
    let (hall, ann) = hall_on("2026-04-10").await;
    let disputes = &format!("{ACME}/disputes");
    let usd = |amount: &str| json!({"amount": amount, "currency": "USD"});
    for (body, expected) in [
        (json!({"invoice": "A-1", "reason": " "}), (422, "A reason is required.", "reason")),
        (
            json!({"invoice": "A-1", "reason": "hours", "amount": usd("0")}),
            (
                422,
                "Of invoice A-1 100.00 USD is open, so 0.00 USD of it can't be disputed.",
                "reason",
            ),
        ),
        (
            json!({"invoice": "B-1", "reason": "not mine"}),
            (404, "There is no open invoice B-1.", ""),
        ),
    ] {
        let answer = post(&hall, &ann, disputes, &body).await;
        assert_eq!(wrong(&answer), expected, "{body}");
    }
    let part = json!({"invoice": "A-1", "reason": "two hours too many", "amount": usd("40.00")});
    let answer = post(&hall, &ann, disputes, &part).await;
    assert_eq!((answer.status, &answer.body), (201, &json!({"is_new": true})));
    let shown = hall.ask(Some(&ann), "GET", &format!("{ACME}/dashboard"), &Value::Null).await;
    assert_eq!(shown.body["invoices"][0]["to_pay"], usd("60.00"), "the rest stays due");
    let again = post(&hall, &ann, disputes, &part).await;
    assert_eq!(wrong(&again), (409, "Invoice A-1 is already disputed.", "reason"));
    let withdraw = format!("{disputes}/A-1");
    let taken_back = hall.ask(Some(&ann), "DELETE", &withdraw, &Value::Null).await;
    assert_eq!(taken_back.status, 204);
    let twice = hall.ask(Some(&ann), "DELETE", &withdraw, &Value::Null).await;
    assert_eq!(wrong(&twice), (409, "Invoice A-1 is not disputed.", ""));
    // Who did it is in the audit.
    let events = hall.world.get("bea", "/firm/v1/clients/acme/events?limit=1").await.expect(200);
    assert!(events.to_string().contains("withdrawn"), "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prom_1_a_client_promises_within_the_firms_limits() {
    let (hall, ann) = hall_on("2026-04-10").await;
    let promises = &format!("{ACME}/promises");
    for (days, status) in [(15, 409), (14, 201), (0, 201), (3, 409)] {
        let body = json!({"invoice": "A-1", "until": in_days(&hall, days).await});
        let answer = post(&hall, &ann, promises, &body).await;
        assert_eq!(answer.status, status, "in {days} days: {}", answer.body);
        if status == 409 {
            let (_, detail, field) = wrong(&answer);
            assert!(detail.ends_with('.') && field == "until", "{}", answer.body);
        }
    }
    let late = json!({"invoice": "A-1", "until": "2026-01-01"});
    let answer = post(&hall, &ann, promises, &late).await;
    assert_eq!(wrong(&answer), (422, "Jan 1, 2026 is in the past.", "until"));
    let client = hall.world.get("bea", "/firm/v1/clients/acme").await.expect(200);
    assert!(client.to_string().contains("a promise covers it"), "staff see why nothing happens");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prom_1_the_same_request_twice_is_one_promise() {
    let (hall, ann) = hall_on("2026-04-10").await;
    let body = json!({"until": in_days(&hall, 7).await});
    let mut answers = Vec::new();
    for _ in 0..2 {
        let request = Request::post(format!("{ACME}/promises"))
            .header("host", "portal.example")
            .header("authorization", format!("Bearer {ann}"))
            .header("idempotency-key", "once");
        let answer = hall.send(with_json(request, &body)).await;
        answers.push((answer.status, answer.body));
    }
    assert_eq!(answers[0], (201, json!({"is_new": true})));
    assert_eq!(answers[1], answers[0]);
    // One is left of two.
    let one_more = json!({"invoice": "A-1", "until": in_days(&hall, 3).await});
    assert_eq!(post(&hall, &ann, &format!("{ACME}/promises"), &one_more).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_1_a_request_for_a_plan_is_a_task_with_what_was_asked() {
    let (hall, ann) = hall_on("2026-04-10").await;
    let (link, _) = hall.pay_link(&["A-1"]).await;
    let doors = [format!("{ACME}/plan-requests"), format!("/portal/v1/links/{link}/plan-requests")];
    for (door, wish) in doors.iter().zip(["40 now, the rest in June", "all of it in July"]) {
        for is_new in [true, false] {
            let body = json!({"invoices": ["A-1"], "wish": wish});
            let answer = post(&hall, &ann, door, &body).await;
            assert_eq!((answer.status, &answer.body), (201, &json!({"is_new": is_new})));
        }
        let tasks = tasks(&hall).await;
        let request = tasks.iter().find(|task| task["kind"] == "plan_request").unwrap();
        assert_eq!((&request["words"], &request["invoices"]), (&json!(wish), &json!(["A-1"])));
        for (body, expected) in [
            (json!({"invoices": [], "wish": "x"}), (422, "wish")),
            (json!({"invoices": ["A-1"]}), (422, "wish")),
            (json!({"invoices": ["B-1"], "wish": "x"}), (404, "")),
        ] {
            let answer = post(&hall, &ann, door, &body).await;
            let (status, detail, field) = wrong(&answer);
            assert_eq!((status, field), expected, "{door} {body}: {detail}");
            assert!(detail.ends_with('.'), "{detail}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unl_1_a_locked_client_asks_and_staff_take_it_up() {
    let (hall, ann) = hall_on("2026-05-04").await;
    let ask = &format!("{ACME}/unlock-requests");
    for is_new in [true, false] {
        let answer = post(&hall, &ann, ask, &json!({"words": "we paid today"})).await;
        assert_eq!((answer.status, &answer.body), (201, &json!({"is_new": is_new})));
    }
    let asked = tasks(&hall).await;
    let asked = asked.iter().find(|task| task["kind"] == "unlock_asked").unwrap();
    assert_eq!(asked["words"], "we paid today");
    // All else that a client can say is open to it while it is locked (ACC-4).
    for (path, body) in [
        ("promises", json!({"invoice": "A-1", "until": in_days(&hall, 3).await})),
        ("plan-requests", json!({"invoices": ["A-1"], "wish": "half now"})),
        ("disputes", json!({"invoice": "A-1", "reason": "wrong hours"})),
    ] {
        let answer = post(&hall, &ann, &format!("{ACME}/{path}"), &body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.body);
    }
    let requests = "/firm/v1/clients/acme/unlock-requests";
    hall.world.post("bea", requests, json!({})).await;
    let kinds: Vec<_> = tasks(&hall).await.iter().map(|task| task["kind"].clone()).collect();
    assert!(!kinds.contains(&json!("unlock_asked")), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_7_a_link_says_something_of_its_own_debt_alone() {
    let (hall, ann) = hall_on("2026-04-10").await;
    let (link, _) = hall.pay_link(&["A-1"]).await;
    let until = in_days(&hall, 3).await;
    let none = (404, "There is no such invoice.", "");
    for (path, body, expected) in [
        ("promises", json!({"invoice": "A-2", "until": until}), none),
        // All that is overdue may be more than the letter's debt.
        ("promises", json!({"until": until}), (422, "Say which invoice.", "invoice")),
        ("disputes", json!({"invoice": "A-2", "reason": "wrong"}), none),
        ("plan-requests", json!({"invoices": ["A-1", "A-2"], "wish": "half"}), none),
    ] {
        let path = format!("/portal/v1/links/{link}/{path}");
        let answer = hall.ask(None, "POST", &path, &body).await;
        assert_eq!(wrong(&answer), expected, "{path} {body}");
    }
    // Nor does a contact's session make more of it.
    let path = format!("/portal/v1/links/{link}/disputes");
    let body = json!({"invoice": "A-2", "reason": "wrong"});
    assert_eq!(post(&hall, &ann, &path, &body).await.status, 404);
}

//! Reports over HTTP (KPI-1): as JSON and as files, of the caller's firm and no other, and what can't be asked for.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::http::Method;
use serde_json::{Value, json};
use world::{OTHER, World, with_json};

/// Somebody is billed on March 2 and pays on the 4th; then the numbers are made, as on each morning.
async fn lived() -> World {
    let world = World::new().await;
    world.acme().await;
    let firm = world.firm("f-1").await;
    let today = firm.day(world.now());
    services::reports::plan(&firm, today, world.now()).await.unwrap();
    world.invoice("A-2", "40.00").await;
    world.go_to("2026-03-04").await;
    let amount = json!({"amount": "100.00", "currency": "USD"});
    let payment = json!({"reference": "1", "method": "check", "amount": amount});
    world.post("bea", "/firm/v1/clients/acme/payments", payment).await.expect(201);
    world.go_to("2026-03-05").await;
    let made = services::reports::make(&firm, world.now(), &|| false).await.unwrap();
    assert_eq!(made, services::reports::Made::Done);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpi_1_the_numbers_of_a_month_as_json_and_as_a_file() {
    let world = lived().await;
    let report = world.get("pia", "/firm/v1/reports/kpi?from=2026-03-01").await.expect(200);
    assert_eq!((&report["since"], &report["until"]), (&json!("2026-03-02"), &json!("2026-03-04")));
    let march = &report["months"][0];
    assert_eq!((&march["month"], &march["is_whole"]), (&json!("2026-03"), &json!(false)));
    let payment = &march["numbers"][0];
    let expected = json!({"kpi": "days_to_payment", "service_line": null, "value": "2.0", "unit": "days",
        "of": "1 invoice", "target": "at most 30", "is_met": true});
    assert_eq!(*payment, expected);
    let others = march["numbers"].as_array().unwrap().iter().skip(1);
    let others: Vec<_> = others.map(|number| (&number["kpi"], &number["value"])).collect();
    assert_eq!(
        others,
        [
            (&json!("auto_locked"), &json!("0.0")),
            (&json!("time_to_unlock"), &Value::Null),
            (&json!("demands_answered"), &Value::Null),
        ]
    );
    let file = world.get("pia", "/firm/v1/reports/kpi?from=2026-03-01&format=csv").await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"kpi.csv\"");
    let text = file.expect(200);
    let line = "2026-03,no,days_to_payment,,2.0,days,1 invoice,at most 30,yes\n";
    assert!(text.as_str().unwrap().contains(line), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpi_1_how_old_debts_are_as_json_and_as_a_file() {
    let world = lived().await;
    let report = world.get("pia", "/firm/v1/reports/aging").await.expect(200);
    let [book] = report["books"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&book["day"], &book["clients"]), (&json!("2026-03-05"), &json!(1)));
    let owed = &book["owed"][0];
    assert_eq!(owed["total"], json!({"amount": "40.00", "currency": "USD"}));
    let names: Vec<_> = owed["buckets"].as_array().unwrap().iter().map(|b| &b["name"]).collect();
    assert_eq!(names, ["current", "1–30 days", "31–60 days", "61–90 days", "over 90 days"]);
    let file = world.get("pia", "/firm/v1/reports/aging?format=csv").await.expect(200);
    assert!(file.as_str().unwrap().contains("2026-03-05,USD,current,1,40.00\n"), "{file}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpi_1_sec_1_another_firm_reads_its_own_numbers() {
    let world = lived().await;
    let ask = |path: &str| world.request("f-2", OTHER, &Method::GET, path);
    let report = world.send(with_json(ask("/firm/v1/reports/kpi"), &Value::Null)).await.expect(200);
    assert_eq!(report["since"], Value::Null, "nobody has counted there");
    let numbers = report["months"].as_array().unwrap().iter().flat_map(|m| m["numbers"].as_array());
    assert!(numbers.flatten().all(|number| number["value"].is_null()), "{report}");
    let report =
        world.send(with_json(ask("/firm/v1/reports/aging"), &Value::Null)).await.expect(200);
    assert_eq!(report, json!({"books": []}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpi_1_what_is_no_report_is_refused_by_name() {
    let world = World::new().await;
    for (query, field) in [
        ("kpi?format=xlsx", "format"),
        ("kpi?from=2026-03-02&to=2026-03-01", "from"),
        ("kpi?from=2020-01-01&to=2026-03-01", "from"),
        ("aging?from=2020-01-01&to=2026-03-01", "from"),
        ("aging?from=2026-02-30", "from"),
    ] {
        let answer = world.get("pia", &format!("/firm/v1/reports/{query}")).await;
        let (_, named, detail) = answer.problem(400);
        assert!(named == field || detail.contains("2026-02-30"), "{query}: {named} {detail}");
    }
    world.get("pia", "/firm/v1/reports/profit").await.problem(404);
}

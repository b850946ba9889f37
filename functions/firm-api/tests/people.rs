//! Who looks after a client, and what a person at the firm is told by mail (STAFF-1).

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::http::Method;
use serde_json::{Value, json};
use world::World;

const PEOPLE: &str = "/firm/v1/clients/acme/people";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_1_a_client_s_people_are_named_kept_and_audited() {
    let world = World::new().await;
    world.acme().await;
    let put = async |body: Value| world.ask("bea", Method::PUT, PEOPLE, body).await;
    for (body, field, problem) in [
        (json!({"partner": "zed"}), "partner", "Nobody of that name works at the firm"),
        (json!({"partner": "bea"}), "partner", "bea is no partner"),
        (json!({"billing_lead": "pat"}), "billing_lead", "pat is no billing lead"),
        (
            json!({"preparers": ["pia", "zed"]}),
            "preparers[1]",
            "Nobody of that name works at the firm",
        ),
        (json!({"preparers": vec!["pia"; 21]}), "preparers", "A client has at most 20 preparers"),
    ] {
        let (_, at, detail) = put(body.clone()).await.problem(422);
        assert_eq!(at, field, "for {body}");
        assert!(detail.to_lowercase().contains(&problem.to_lowercase()), "for {body}: {detail}");
    }
    let named = json!({"partner": "pat", "billing_lead": "bea", "preparers": ["pia"]});
    let done = put(named.clone()).await;
    let did = done.expect(200)["did"][0].as_str().unwrap().to_owned();
    assert_eq!(
        did,
        "names pat as partner, before nobody; bea as billing lead, before nobody; pia as preparer, before nobody"
    );
    assert_eq!(world.get("pia", PEOPLE).await.expect(200), named);
    assert_eq!(world.get("pia", "/firm/v1/clients/acme").await.expect(200)["people"], named);
    // The same again is no record; who isn't named any more is an event with who it was.
    assert_eq!(put(named).await.expect(200)["did"], json!([]));
    put(json!({"partner": "pat"})).await.expect(200);
    let events = world.get("bea", "/firm/v1/clients/acme/events").await;
    let text = events.expect(200).to_string();
    assert!(text.contains("nobody as billing lead, before bea"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_1_everybody_chooses_its_own_mails() {
    let world = World::new().await;
    let mine = "/firm/v1/me/mails";
    assert_eq!(world.get("pia", mine).await.expect(200)["mails"], "all");
    for mails in ["digest", "off", "all", "off"] {
        let chosen = world.ask("pia", Method::PUT, mine, json!({"mails": mails})).await;
        assert_eq!(chosen.expect(200)["mails"], mails);
    }
    assert_eq!(world.get("bea", mine).await.expect(200)["mails"], "all", "nobody else's");
    world.ask("pia", Method::PUT, mine, json!({"mails": "loud"})).await.problem(422);
    let sent = world.get("pia", "/firm/v1/staff/pia/mails").await;
    assert_eq!(sent.expect(200)["items"], json!([]));
    world.get("pia", "/firm/v1/staff/bea/mails").await.problem(403);
    world.get("adam", "/firm/v1/staff/bea/mails").await.expect(200);
}

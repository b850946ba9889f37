//! A firm's own words for its letters over HTTP (LET-3): saved in versions, checked, tried on a client, mailed to oneself.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::http::Method;
use domain::role::Role;
use domain::text::Personal;
use serde_json::{Value, json};
use store::{FirmChange, FirmSettings, Grant, MailChoice, Mails, PageRequest};
use world::{Answer, World, change, with_json};

const NOTICE: &str = "/firm/v1/templates/notice/en";

async fn send(
    world: &World,
    who: &str,
    (method, path): (Method, &str),
    tag: Option<&str>,
    body: Value,
) -> Answer {
    let mut request = world.request("f-1", who, &method, path);
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    world.send(with_json(request, &body)).await
}

async fn put(world: &World, path: &str, tag: Option<&str>, body: Value) -> Answer {
    send(world, "adam", (Method::PUT, path), tag, body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_3_a_firms_own_words_are_saved_in_versions_and_taken_back() {
    let world = World::new().await;
    let listed = world.get("pia", "/firm/v1/templates").await.expect(200);
    let rows = listed["items"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 32, "sixteen letters in two languages");
    assert!(rows.iter().all(|row| row["version"].is_null()));

    let shown = world.get("pia", NOTICE).await;
    assert!(!shown.headers.contains_key("etag"), "there never were any");
    let shown = shown.expect(200);
    assert_eq!((&shown["version"], &shown["own"]["text"]), (&Value::Null, &Value::Null));
    assert!(shown["built_in"]["text"].as_str().unwrap().contains("Dear {{ client.name }}"));
    let due = json!({
        "name": "amount_due", "meaning": "what is to be paid in all, net of credit",
        "example": "1,200.50 USD",
    });
    assert!(shown["placeholders"].as_array().unwrap().contains(&due));

    let words = json!({"subject": "{{ firm.name }} asks for {{ amount_due }}"});
    let saved = put(&world, NOTICE, None, words.clone()).await;
    assert_eq!(saved.headers["etag"], "\"1\"");
    let saved = saved.expect(201);
    assert_eq!((&saved["version"], &saved["author"]), (&json!(1), &json!("adam")));
    assert_eq!(saved["own"]["subject"], words["subject"]);
    put(&world, NOTICE, None, words.clone()).await.problem(428);
    put(&world, NOTICE, Some("\"7\""), words.clone()).await.problem(412);
    put(&world, NOTICE, Some("\"1\""), words.clone()).await.expect(200);
    let more = json!({"subject": "Please pay", "text": "Pay {{ amount_due }}."});
    assert_eq!(put(&world, NOTICE, Some("\"1\""), more).await.expect(201)["version"], 2);

    // A step's text is another one.
    let gentle = format!("{NOTICE}?text=gentle");
    assert_eq!(put(&world, &gentle, None, words).await.expect(201)["version"], 1);
    let listed = world.get("pia", "/firm/v1/templates").await.expect(200);
    let known: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| !row["version"].is_null())
        .collect();
    let row = |text, version| json!({"kind": "notice", "language": "en", "text": text, "version": version});
    assert_eq!(known, [&row(Value::Null, 2), &row(json!("gentle"), 1)]);

    send(&world, "bea", (Method::DELETE, NOTICE), Some("\"2\""), Value::Null).await.problem(403);
    let gone = send(&world, "adam", (Method::DELETE, NOTICE), Some("\"2\""), Value::Null).await;
    assert_eq!(gone.headers["etag"], "\"3\"");
    assert_eq!(gone.expect(200)["own"]["text"], Value::Null);
    // Its versions go on, so that nobody who looked at an older one saves over a newer.
    put(&world, NOTICE, Some("\"1\""), json!({"subject": "x"})).await.problem(412);
    assert_eq!(
        put(&world, NOTICE, Some("\"3\""), json!({"subject": "x"})).await.expect(201)["version"],
        4
    );

    let trail = world.get("pia", "/firm/v1/events").await.expect(200);
    let said: Vec<_> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|record| record["what"].as_array().unwrap().clone())
        .collect();
    for expected in [
        "saves version 2 of its words of the notice in English",
        "saves version 1 of its words of the notice named gentle in English",
        "goes back to the built-in words of the notice in English",
    ] {
        assert!(said.contains(&json!(expected)), "{said:?}");
    }
    assert_eq!(world.get("pia", "/firm/v1/audit/verify").await.expect(200)["is_whole"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_3_words_that_can_not_be_used_are_refused_with_their_line() {
    let world = World::new().await;
    for (path, body, field, line, expected) in [
        (
            NOTICE,
            json!({"text": "Dear\n{{ client.nmae }}"}),
            "text",
            json!(2),
            "nearest known one is \"client.name\"",
        ),
        (
            NOTICE,
            json!({"subject": "{{ dispute_by }}"}),
            "subject",
            json!(1),
            "unknown placeholder",
        ),
        (NOTICE, json!({"html": "<p>\n\n{% if lock %}"}), "html", json!(3), "can't be read"),
        (
            "/firm/v1/templates/demand_letter/es",
            json!({"text": "Pague {{ amount_due }}"}),
            "text",
            Value::Null,
            "who is owed",
        ),
        (
            "/firm/v1/templates/sign_in_link/en",
            json!({"text": "Hello"}),
            "text",
            Value::Null,
            "where to sign in",
        ),
        (NOTICE, json!({"text": "x".repeat(25_000)}), "text", Value::Null, "25000 bytes"),
        (NOTICE, json!({}), "text", Value::Null, "is expected"),
        (NOTICE, json!({"subjct": "x"}), "subjct", Value::Null, ""),
    ] {
        let answer = put(&world, path, None, body.clone()).await;
        if field == "subjct" {
            assert!([400, 422].contains(&answer.status), "{}", answer.body);
            continue;
        }
        assert_eq!(answer.body["line"], line, "{}", answer.body);
        let (_, at, detail) = answer.problem(422);
        assert!(at == field && detail.contains(expected), "{body}: {at}: {detail}");
        // What can't be saved can't be tried either.
        if body != json!({}) {
            let tried = world.post("pia", &format!("{path}/preview"), body).await;
            assert_eq!(tried.problem(422).1, field);
        }
    }
    for path in ["/firm/v1/templates/letter/en", "/firm/v1/templates/notice/fr"] {
        world.get("pia", path).await.problem(404);
    }
    world.get("pia", &format!("{NOTICE}?text=a%23b")).await.problem(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_3_a_policy_names_only_texts_that_there_are() {
    let world = World::new().await;
    let policy = |text: &str| json!({"preset": "cpa", "with": {"regular": {"steps": [{"at": 1, "do": "notice", "text": text}]}}});
    let vip = "/firm/v1/policies/vip";
    let (rule, field, detail) = put(&world, vip, None, policy("gentle")).await.problem(422);
    assert_eq!((rule.as_str(), field.as_str()), ("LET-3", "regular.steps[0].text"));
    assert!(
        detail.contains("there is no text gentle for a notice")
            || detail.contains("no text gentle"),
        "{detail}"
    );
    let gentle = "/firm/v1/templates/notice/es?text=gentle";
    put(&world, gentle, None, json!({"subject": "Un aviso"})).await.expect(201);
    let (_, _, detail) = put(&world, vip, None, policy("gentel")).await.problem(422);
    assert!(detail.contains("the nearest known one is gentle"), "{detail}");
    put(&world, vip, None, policy("gentle")).await.expect(201);
    // Now it stays, until another language has it or the policy doesn't.
    let remove = |path| send(&world, "adam", (Method::DELETE, path), Some("\"1\""), Value::Null);
    let (rule, _, detail) = remove(gentle).await.problem(409);
    assert!(rule == "POL-3" && detail.contains("class vip"), "{rule}: {detail}");
    put(&world, "/firm/v1/templates/notice/en?text=gentle", None, json!({"subject": "A word"}))
        .await
        .expect(201);
    remove(gentle).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_3_a_letter_is_tried_on_a_client_and_changes_nothing() {
    let world = World::new().await;
    world.acme().await;
    world.go_to("2026-04-03").await;
    let version = world.version("acme").await;
    let preview = "/firm/v1/templates/notice/es/preview";
    let real = world.post("pia", preview, json!({"client": "acme"})).await.expect(200);
    let text = real["text"].as_str().unwrap();
    for part in [
        "Estimado/a Acme Corp:",
        "Factura A-1",
        "vencida hace 2 días",
        "A PAGAR: 100.00 USD",
        "https://portal.example/l/sample",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let own = json!({"client": "acme", "text": "{{ client.name }}: {{ amount_due }}"});
    assert_eq!(
        world.post("pia", preview, own).await.expect(200)["text"],
        "Acme Corp: 100.00 USD\n"
    );
    for kind in domain::letter::LetterKind::ALL {
        let path = format!("/firm/v1/templates/{}/en/preview", kind.as_str());
        for body in [json!({}), json!({"client": "acme"})] {
            let shown = world.post("pia", &path, body).await.expect(200);
            assert!(
                !shown.to_string().contains("4fXn2cRkT0yq7w"),
                "{kind:?}: the sample's own link"
            );
        }
    }
    let none = json!({"client": "nobody"});
    assert_eq!(world.post("pia", preview, none).await.problem(404).2, "There is no such client.");
    let bolt = json!({"client": "bolt", "name": "Bolt"});
    world.post("bea", "/firm/v1/clients", bolt).await.expect(201);
    let (_, field, detail) =
        world.post("pia", preview, json!({"client": "bolt"})).await.problem(409);
    assert!(field == "client" && detail.contains("no open invoice"), "{detail}");
    assert_eq!(world.version("acme").await, version);
    let shown = world.get("pia", "/firm/v1/templates/notice/es").await.expect(200);
    assert_eq!(shown["version"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_3_a_test_goes_to_ones_own_address_and_opens_nothing() {
    let world = World::new().await;
    let test = format!("{NOTICE}/test");
    let (rule, _, detail) = world.post("pia", &test, json!({})).await.problem(409);
    assert!(rule == "LET-2" && detail.contains("no verified domain"), "{rule}: {detail}");
    let settings = world.firm("f-1").await.settings().clone().sending_from("billing@bea.example");
    change(&world.dynamo, "f-1", FirmChange::Settings(FirmSettings { ..settings })).await;
    let (_, _, detail) = world.post("pia", &test, json!({})).await.problem(409);
    assert!(detail.contains("e-mail address of yours"), "{detail}");
    let grant = Grant {
        subject: "pia".to_owned(),
        staff: "pia".parse().unwrap(),
        name: Personal::new("Pia"),
        roles: [Role::Preparer].into(),
        mail: Some(Personal::new("pia@bea.example")),
    };
    change(&world.dynamo, "f-1", FirmChange::GrantGiven(grant)).await;
    let words = json!({"text": "Pay at {{ link }}"});
    let sent = world.post("pia", &test, words.clone()).await.expect(200);
    assert_eq!(sent, json!({"to": "pia@bea.example"}));
    let firm = world.firm("f-1").await;
    let pia = "pia".parse().unwrap();
    let mails = firm.store().staff_mails(&pia, &PageRequest::default()).await.unwrap().items;
    let [mail] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert!(mail.subject.as_str().starts_with("[Test] "), "{}", mail.subject.as_str());
    assert_eq!(mail.text.as_str(), "Pay at https://portal.example/l/sample\n");
    let off = MailChoice { staff: pia, mails: Mails::Off };
    change(&world.dynamo, "f-1", FirmChange::MailsChosen(off)).await;
    assert!(world.post("pia", &test, words).await.problem(409).2.contains("no mails"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_3_a_client_and_the_firm_have_a_language_and_the_firm_a_telephone() {
    let world = World::new().await;
    world.acme().await;
    let acme = "/firm/v1/clients/acme";
    assert_eq!(world.get("pia", acme).await.expect(200)["language"], Value::Null);
    let change =
        |language: Value| world.ask("bea", Method::PATCH, acme, json!({"language": language}));
    change(json!("es")).await.expect(200);
    assert_eq!(world.get("pia", acme).await.expect(200)["language"], "es");
    change(json!("fr")).await.problem(422);
    change(Value::Null).await.expect(200);
    assert_eq!(world.get("pia", acme).await.expect(200)["language"], Value::Null);
    let bolt = json!({"client": "bolt", "name": "Bolt", "language": "es"});
    world.post("bea", "/firm/v1/clients", bolt).await.expect(201);
    assert_eq!(world.get("pia", "/firm/v1/clients/bolt").await.expect(200)["language"], "es");

    let set = |change: Value| world.ask("adam", Method::PATCH, "/firm/v1/settings", change);
    let settings = set(json!({"language": "es", "phone": " +1 555 0100 "})).await.expect(200);
    assert_eq!((&settings["language"], &settings["phone"]), (&json!("es"), &json!("+1 555 0100")));
    for (wrong, field) in [
        (json!({"language": "fr"}), "language"),
        (json!({"phone": "call us"}), "phone"),
        (json!({"phone": "+1\n555 0100"}), "phone"),
        (json!({"phone": "5".repeat(41)}), "phone"),
    ] {
        assert_eq!(set(wrong).await.problem(422).1, field);
    }
    assert_eq!(set(json!({"phone": null})).await.expect(200)["phone"], Value::Null);
}

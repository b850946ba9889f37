//! A request that is made twice is done once, by its `Idempotency-Key`; a refused one writes nothing.

mod world;

use axum::http::Method;
use serde_json::{Value, json};
use world::{Answer, World, with_json};

async fn with_key(world: &World, who: &str, path: &str, key: &str, body: Value) -> Answer {
    let request = world.request("f-1", who, &Method::POST, path).header("idempotency-key", key);
    world.send(with_json(request, &body)).await
}

fn note(text: &str) -> Value {
    json!({"text": text})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_again_it_is_answered_as_before() {
    let world = World::new().await;
    world.acme().await;
    let notes = "/firm/v1/clients/acme/notes";
    let first = with_key(&world, "pia", notes, "k-1", note("called")).await;
    let again = with_key(&world, "pia", notes, "k-1", note("called")).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert!(first.headers.get("idempotency-replayed").is_none());
    assert_eq!(again.headers["idempotency-replayed"], "true");
    // Another body, another address; and another caller's key is another key.
    let (_, field, _) = with_key(&world, "pia", notes, "k-1", note("wrote")).await.problem(422);
    assert_eq!(field, "Idempotency-Key");
    with_key(&world, "pia", "/firm/v1/clients", "k-1", json!({"name": "X"})).await.problem(422);
    with_key(&world, "bea", notes, "k-1", note("called")).await.expect(201);
    let listed = world.get("pia", notes).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    // A client without an id of its own gets the same one.
    let made = with_key(&world, "bea", "/firm/v1/clients", "k-2", json!({"name": "X"})).await;
    let again = with_key(&world, "bea", "/firm/v1/clients", "k-2", json!({"name": "X"})).await;
    assert_eq!(made.expect(201)["id"], again.expect(201)["id"]);
    with_key(&world, "pia", notes, "", note("called")).await.problem(400);
    // What was refused did nothing, and may be made again under its key.
    let refused = with_key(&world, "pia", notes, "k-3", note(" ")).await;
    assert_eq!(refused.problem(422).1, "text");
    with_key(&world, "pia", notes, "k-3", note("called again")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_at_once_are_one() {
    let world = World::new().await;
    world.acme().await;
    let notes = "/firm/v1/clients/acme/notes";
    let (one, two, three) = tokio::join!(
        with_key(&world, "pia", notes, "k", note("called")),
        with_key(&world, "pia", notes, "k", note("called")),
        with_key(&world, "pia", notes, "k", note("called")),
    );
    // Those that came second are answered as the first: nobody's second press is a failure.
    for answer in [&one, &two, &three] {
        assert_eq!((answer.status, &answer.body), (201, &one.body));
    }
    let replayed = |answer: &&Answer| answer.headers.contains_key("idempotency-replayed");
    assert_eq!([&one, &two, &three].into_iter().filter(replayed).count(), 2);
    let listed = world.get("pia", notes).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    // Without a key, what names itself is still done once: the same payment twice at once.
    let pay = json!({"reference": "1", "method": "check", "amount": {"amount": "5.00", "currency": "USD"}});
    let payments = "/firm/v1/clients/acme/payments";
    let (one, two) = tokio::join!(
        world.post("bea", payments, pay.clone()),
        world.post("bea", payments, pay.clone())
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    let invoice = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(invoice["balance"]["amount"], "95.00");
}

//! Who comes to a client's portal and by what: contacts invited and kept out, links to pay with made and taken
//! back (SEC-3, LET-7); and what staff write down about calls (NOTE-1).

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::http::Method;
use domain::command::Command;
use domain::letter::LetterState;
use domain::role::{Actor, Role};
use identity::contact::ContactToken;
use serde_json::{Value, json};
use services::contacts::{Visit, confirm_link};
use services::execute::{Caller, execute, view};
use services::http::RequestId;
use services::portal::{LinkError, Portal};
use store::{ContactLink, ContactLinkKind};
use world::{World, at};

const CONTACTS: &str = "/firm/v1/clients/acme/contacts";
const LINKS: &str = "/firm/v1/clients/acme/pay-links";
const NOTES: &str = "/firm/v1/clients/acme/notes";

async fn world() -> World {
    let world = World::new().await;
    world.acme().await;
    world
}

async fn contacts(world: &World) -> Value {
    world.get("pia", CONTACTS).await.expect(200)["items"].clone()
}

/// Invites that person, and answers its id.
async fn invited(world: &World, address: &str, called: &str) -> String {
    let body = json!({"address": address, "called": called});
    let made = world.post("bea", CONTACTS, body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// Uses a link that was mailed to it: the session's token.
async fn signed_in(world: &World, contact: &str) -> String {
    // A link from before somebody was signed out everywhere is good for nothing.
    world.clock.advance(chrono::TimeDelta::minutes(1));
    let firm = world.firm("f-1").await;
    let id = contact.parse().unwrap();
    let token = ContactToken::new(firm.id(), &id).unwrap();
    let link = ContactLink {
        id: token.name().to_owned(),
        hash: token.hash().to_string(),
        kind: ContactLinkKind::Invitation,
        made_at: world.now(),
        ends_at: world.now() + chrono::TimeDelta::days(1),
    };
    firm.store().add_contact_link(&id, &link).await.unwrap();
    let origin = identity::contact::Origin::of("203.0.113.7".parse().unwrap());
    let visit = Visit { origin, device: "Firefox".to_owned(), request_id: None };
    let signed_in = confirm_link(&firm, token.reveal(), &visit, world.now()).await.unwrap();
    signed_in.token.reveal().to_owned()
}

async fn comes(world: &World, token: &str) -> bool {
    let portal = Portal::new(world.dynamo.clone(), world.clock.clone(), None);
    match portal.enter(token, &RequestId("r-1".to_owned())).await {
        Ok(visitor) => visitor.view(&"acme".parse().unwrap()).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_an_invitation_is_made_listed_and_made_again() {
    let world = world().await;
    let rows = contacts(&world).await;
    assert_eq!(rows[0]["address"], "ann@acme.example");
    assert_eq!((&rows[0]["contact"], &rows[0]["is_listed"]), (&Value::Null, &json!(true)));
    // A known address, written in another way, and one that is new.
    let ann = invited(&world, " Ann@Acme.example", "Ann").await;
    invited(&world, "cy@acme.example", "Cy").await;
    let rows = contacts(&world).await;
    let seen: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["address"].as_str().unwrap(), row["contact"]["state"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("ann@acme.example", "invited"), ("cy@acme.example", "invited")]);
    let mail = &rows[0]["contact"]["mail"];
    assert_eq!((&mail["kind"], &mail["state"]), (&json!("invitation"), &json!("waiting")));
    let again = format!("{CONTACTS}/{ann}/invitations");
    let made = world.post("pat", &again, Value::Null).await.expect(201);
    assert_eq!((&made["id"], &made["is_mailed"]), (&json!(ann), &json!(true)));
    signed_in(&world, &ann).await;
    let rows = contacts(&world).await;
    assert_eq!(
        (&rows[0]["contact"]["state"], &rows[0]["contact"]["sessions"]),
        (&json!("active"), &json!(1))
    );
    // Who comes needs no letter.
    assert_eq!(world.post("pat", &again, Value::Null).await.expect(201)["is_mailed"], false);
    for (body, field) in [
        (json!({"address": "ann", "called": "Ann"}), "address"),
        (json!({"address": "dot@acme.example", "called": " "}), "called"),
        (json!({"address": "dot@acme.example", "called": "a\nb"}), "called"),
        (json!({"address": "dot@acme.example"}), "called"),
        (json!({"called": "Dot"}), "address"),
        (json!({"address": "dot@acme.example", "called": "Dot", "role": "x"}), "role"),
    ] {
        assert_eq!(world.post("bea", CONTACTS, body.clone()).await.problem(422).1, field, "{body}");
    }
    assert_eq!(contacts(&world).await.as_array().unwrap().len(), 2, "nothing half done");
    let trail = world.get("pia", "/firm/v1/clients/acme/audit/verify").await.expect(200);
    assert_eq!(trail["is_whole"], json!(true), "{trail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_who_is_kept_out_is_out_with_the_next_click() {
    let world = world().await;
    for (name, method, path) in
        [("sessions", Method::POST, "/end-sessions"), ("membership", Method::DELETE, "")]
    {
        let ann = invited(&world, "ann@acme.example", "Ann").await;
        let token = signed_in(&world, &ann).await;
        assert!(comes(&world, &token).await, "{name}");
        let path = format!("{CONTACTS}/{ann}{path}");
        world.ask("pia", method.clone(), &path, Value::Null).await.problem(403);
        assert!(comes(&world, &token).await, "{name}");
        world.ask("bea", method, &path, Value::Null).await.expect(204);
        assert!(!comes(&world, &token).await, "{name}");
    }
    // The address is still one of the client's: letters go there.
    let rows = contacts(&world).await;
    assert_eq!((&rows[0]["is_listed"], &rows[0]["contact"]), (&json!(true), &Value::Null));
    // Nobody of this client: another client's contact, and none at all.
    let client =
        json!({"client": "bolt", "name": "Bolt", "contacts": [{"address": "bo@bolt.example"}]});
    world.post("bea", "/firm/v1/clients", client).await.expect(201);
    let body = json!({"address": "bo@bolt.example", "called": "Bo"});
    let bo =
        world.post("bea", "/firm/v1/clients/bolt/contacts", body).await.expect(201)["id"].clone();
    for path in [format!("{CONTACTS}/{}", bo.as_str().unwrap()), format!("{CONTACTS}/k-none")] {
        world.ask("bea", Method::DELETE, &path, Value::Null).await.problem(404);
        world.post("bea", &format!("{path}/end-sessions"), Value::Null).await.problem(404);
        world.post("bea", &format!("{path}/invitations"), Value::Null).await.problem(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_an_address_that_goes_takes_its_person_along() {
    let patch = json!({"contacts": [{"address": "cy@acme.example"}]});
    let gone = format!("{CONTACTS}?address=ann%40acme.example");
    for (method, path, body) in [
        (Method::DELETE, gone.as_str(), Value::Null),
        (Method::PATCH, "/firm/v1/clients/acme", patch),
    ] {
        let world = world().await;
        let ann = invited(&world, "ann@acme.example", "Ann").await;
        invited(&world, "cy@acme.example", "Cy").await;
        let token = signed_in(&world, &ann).await;
        // Whoever may not keep people out can't by the address either.
        world.ask("pia", method.clone(), path, body.clone()).await.problem(403);
        assert!(comes(&world, &token).await, "{path}");
        // A change that is refused takes nobody along.
        let wrong = json!({"class": "gold", "contacts": []});
        world.ask("bea", Method::PATCH, "/firm/v1/clients/acme", wrong).await.problem(409);
        assert!(comes(&world, &token).await, "{path}");
        let version = world.version("acme").await;
        let done = world.ask("bea", method.clone(), path, body.clone()).await;
        assert!(done.status < 300, "{path}: {}", done.body);
        assert!(!comes(&world, &token).await, "{path}");
        let rows = contacts(&world).await;
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
        assert_eq!(rows[0]["address"], "cy@acme.example");
        assert_eq!(rows[0]["contact"]["called"], "Cy", "the others stay");
        assert!(version < world.version("acme").await);
        if method == Method::DELETE {
            let version = world.version("acme").await;
            world.ask("bea", method, path, body).await.expect(204);
            assert_eq!(world.version("acme").await, version, "it was gone");
        }
    }
}

/// Takes an address off the client's list and nothing else, as a ledger from elsewhere may.
async fn unlist(world: &World, address: &str) {
    let (firm, client) = (world.firm("f-1").await, "acme".parse().unwrap());
    let known = view(&firm, &client, world.now()).await.unwrap().unwrap();
    let mut profile = known.loaded.account.profile.clone();
    profile.contacts.retain(|known| known.address.as_str() != address);
    let actor = Actor::Staff { id: "bea".parse().unwrap(), roles: [Role::BillingLead].into() };
    let command = Command::ChangeProfile(profile);
    execute(&firm, &client, &command, &Caller::new(actor), world.now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_3_an_address_that_goes_takes_nobody_else_along() {
    let patch = json!({"contacts": [{"address": "cy@acme.example"}]});
    let gone = |address: &str| format!("{CONTACTS}?address={}%40acme.example", address);
    for (method, path, body) in [
        (Method::DELETE, gone("ann").as_str(), Value::Null),
        (Method::PATCH, "/firm/v1/clients/acme", patch),
    ] {
        let world = world().await;
        let ann = invited(&world, "ann@acme.example", "Ann").await;
        invited(&world, "cy@acme.example", "Cy").await;
        let dot = invited(&world, "dot@acme.example", "Dot").await;
        let (ann, dot) = (signed_in(&world, &ann).await, signed_in(&world, &dot).await);
        unlist(&world, "dot@acme.example").await;
        let done = world.ask("bea", method, path, body).await;
        assert!(done.status < 300, "{path}: {}", done.body);
        assert!(!comes(&world, &ann).await, "{path}");
        let rows = contacts(&world).await;
        let seen: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["is_listed"]).collect();
        assert_eq!(seen, [&json!(true), &json!(false)], "{rows}");
        // By an address that isn't the client's nobody comes; Dot does when it is again.
        assert!(!comes(&world, &dot).await, "{path}");
        let both =
            json!({"contacts": [{"address": "cy@acme.example"}, {"address": "DOT@acme.example"}]});
        world.ask("bea", Method::PATCH, "/firm/v1/clients/acme", both).await.expect(200);
        assert!(comes(&world, &dot).await, "{path}");
        // Removed by its name, it takes Dot along, listed or not.
        unlist(&world, "DOT@acme.example").await;
        world.ask("bea", Method::DELETE, &gone("dot"), Value::Null).await.expect(204);
        assert!(!comes(&world, &dot).await, "{path}");
        assert_eq!(contacts(&world).await.as_array().unwrap().len(), 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_3_an_address_invited_and_removed_at_once_is_there_with_its_person_or_not_at_all() {
    let world = world().await;
    let others = json!({"contacts": [{"address": "cy@acme.example"}]});
    let gone = format!("{CONTACTS}?address=ann%40acme.example");
    for round in 0..24 {
        let body = json!({"address": "ann@acme.example", "called": "Ann"});
        let (method, path, sent) = match round % 2 {
            0 => (Method::DELETE, gone.as_str(), Value::Null),
            _ => (Method::PATCH, "/firm/v1/clients/acme", others.clone()),
        };
        let (asked, removed) =
            tokio::join!(world.post("bea", CONTACTS, body), world.ask("pat", method, path, sent));
        assert!([201, 422].contains(&asked.status), "{}", asked.body);
        assert!(removed.status < 300, "{}", removed.body);
        for row in contacts(&world).await.as_array().unwrap() {
            let is_in = !row["contact"].is_null();
            assert!(!is_in || row["is_listed"] == json!(true), "round {round}: {row}");
        }
    }
}

async fn opens(world: &World, url: &str) -> Option<Vec<String>> {
    let token = url.strip_prefix("https://portal.example/l/").unwrap();
    let portal = Portal::new(world.dynamo.clone(), world.clock.clone(), None);
    match portal.hold(token, None).await {
        Ok(holder) => Some(holder.invoices.iter().map(|invoice| invoice.id.to_string()).collect()),
        Err(LinkError::Gone) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_7_staffs_link_is_shown_once_listed_and_taken_back() {
    let world = world().await;
    world.invoice("A-2", "5.00").await;
    let request = |who: &str| {
        let request =
            world.request("f-1", who, &Method::POST, LINKS).header("idempotency-key", "k-1");
        world::with_json(request, &json!({"invoices": ["A-1"]}))
    };
    let made = world.send(request("bea")).await.expect(201);
    let url = made["url"].as_str().unwrap();
    assert_eq!(opens(&world, url).await, Some(vec!["A-1".to_owned()]));
    // The same again makes no other one, and doesn't show this one once more (SEC-5).
    let again = world.send(request("bea")).await.expect(201);
    assert_eq!((&again["id"], &again["url"]), (&made["id"], &Value::Null));
    let listed = world.get("pia", LINKS).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let row = &listed["items"][0];
    assert_eq!((&row["pay_link"], &row["made_by"]), (&made["id"], &json!("bea")));
    assert_eq!((&row["state"], &row["invoices"]), (&json!("good"), &json!(["A-1"])));
    assert!(!listed.to_string().contains(url.rsplit('/').next().unwrap()), "no token is told");
    let all = world.post("adam", LINKS, json!({})).await.expect(201);
    let shown = opens(&world, all["url"].as_str().unwrap()).await.unwrap();
    assert_eq!(shown.len(), 2, "everything that can be paid");

    let one = format!("{LINKS}/{}", made["id"].as_str().unwrap());
    world.ask("pia", Method::DELETE, &one, Value::Null).await.problem(403);
    assert!(opens(&world, url).await.is_some());
    for _ in 0..2 {
        world.ask("pat", Method::DELETE, &one, Value::Null).await.expect(204);
        assert_eq!(opens(&world, url).await, None);
    }
    let listed = world.get("pia", LINKS).await.expect(200);
    let states: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert!(
        states.contains(&&json!("taken_back")) && states.contains(&&json!("good")),
        "{states:?}"
    );
    let trail = world.get("pia", "/firm/v1/clients/acme/events").await.expect(200).to_string();
    for words in ["a link to pay A-1 with", "takes a link to pay back"] {
        assert!(trail.contains(words), "{trail}");
    }
    assert!(!trail.contains(url.rsplit('/').next().unwrap()), "no token is in the audit");

    // Settled, it is good for another 30 days.
    let paid = json!({"reference": "9", "method": "check", "amount": {"amount": "105.00", "currency": "USD"}});
    world.post("bea", "/firm/v1/clients/acme/payments", paid).await.expect(201);
    let own = async || {
        let listed = world.get("pia", LINKS).await.expect(200);
        let items = listed["items"].as_array().unwrap().clone();
        items.into_iter().find(|row| row["pay_link"] == all["id"]).unwrap()
    };
    assert_eq!(own().await["ends_on"], "2026-04-01");
    world.clock.set(at("2026-04-02T15:00:00Z"));
    assert_eq!(own().await["state"], "over");
    assert_eq!(opens(&world, all["url"].as_str().unwrap()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_7_a_link_that_can_not_be_is_refused_and_nothing_is_written() {
    let world = world().await;
    let draft =
        json!({"invoice": "D-1", "is_draft": true, "total": {"amount": "1.00", "currency": "USD"}});
    world.post("bea", "/firm/v1/clients/acme/invoices", draft).await.expect(201);
    let version = world.version("acme").await;
    for (body, status, field, detail) in [
        (json!({"invoices": []}), 422, "invoices", "choose 1 to 100"),
        (json!({"invoices": ["B-9"]}), 404, "invoices", "no open invoice B-9"),
        (json!({"invoices": ["D-1"]}), 409, "invoices", "was not posted yet"),
        (
            json!({"invoices": ["A-1"], "mail_to": "bo@acme.example"}),
            422,
            "mail_to",
            "none of the client's",
        ),
        (json!({"invoices": "A-1"}), 422, "invoices", "expected"),
        (json!({"mail": "ann@acme.example"}), 422, "mail", "mail_to"),
    ] {
        let (_, at, told) = world.post("bea", LINKS, body.clone()).await.problem(status);
        assert_eq!(at, field, "{body}: {told}");
        assert!(told.to_lowercase().contains(&detail.to_lowercase()), "{body}: {told}");
    }
    assert_eq!(world.version("acme").await, version);
    let stop = json!({"reason": "represented"});
    world.post("pat", "/firm/v1/clients/acme/hard-stop", stop).await.expect(200);
    let body = json!({"invoices": ["A-1"], "mail_to": "ann@acme.example"});
    assert_eq!(world.post("bea", LINKS, body).await.problem(409).0, "LOCK-6");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_4_a_mailed_link_is_a_letter_that_payment_takes_back() {
    let world = world().await;
    let mail = json!({"invoices": ["A-1"], "mail_to": "ann@acme.example"});
    let sent = world.post("bea", LINKS, mail.clone()).await.expect(201);
    assert_eq!(sent["url"], Value::Null, "the letter has it");
    let again = world.post("bea", LINKS, mail.clone()).await.expect(201);
    assert_eq!(again["did"], json!([]), "it is on its way");
    let letters = world.get("pia", "/firm/v1/clients/acme/letters").await.expect(200);
    let queued = letters["items"].as_array().unwrap().iter().find(|row| row["kind"] == "pay_link");
    assert_eq!(queued.unwrap()["state"], "queued", "{letters}");
    let paid = json!({"reference": "9", "method": "check", "amount": {"amount": "100.00", "currency": "USD"}});
    world.post("bea", "/firm/v1/clients/acme/payments", paid).await.expect(201);
    let firm = world.firm("f-1").await;
    let acme = "acme".parse().unwrap();
    let account = firm.store().load(&acme).await.unwrap().unwrap().account;
    let letter = account
        .letters
        .values()
        .find(|letter| sent["id"].as_str() == Some(&*letter.id.0.to_string()));
    let command = Command::ClaimLetter { letter: letter.unwrap().id };
    let caller = Caller::new(Actor::Schedule);
    execute(&firm, &acme, &command, &caller, world.now()).await.unwrap();
    let row = firm.store().letter(&acme, letter.unwrap().id).await.unwrap().unwrap();
    assert!(matches!(row.letter.state, LetterState::Withdrawn { .. }), "{row:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn note_1_a_call_says_with_whom_when_and_what_comes_next() {
    let world = world().await;
    for (body, expected) in [
        (json!({"text": "Is back in May"}), "Is back in May"),
        (json!({"kind": "call", "text": "No answer"}), "No answer"),
        (
            json!({"kind": "call", "spoke_with": " Ann\nMiller ", "text": "Will pay", "next_step": "Call on Friday"}),
            "Spoke with Ann Miller.\nWill pay\nNext step: Call on Friday",
        ),
        (
            json!({"kind": "call", "spoke_with": "Ann", "called_on": "2026-02-27", "text": "Away"}),
            "Spoke with Ann on February 27, 2026.\nAway",
        ),
        (
            json!({"kind": "call", "called_on": "2026-02-27", "text": "Away"}),
            "Call on February 27, 2026.\nAway",
        ),
    ] {
        let written = world.post("pia", NOTES, body.clone()).await.expect(201);
        assert_eq!(written["text"], expected, "{body}");
    }
    for (query, expected) in [("", 5), ("?kind=call", 4), ("?kind=note", 1)] {
        let listed = world.get("pia", &format!("{NOTES}{query}")).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), expected, "{query}");
    }
    world.get("pia", &format!("{NOTES}?kind=mail")).await.problem(400);
    for (body, field) in [
        (json!({"text": "x", "spoke_with": "Ann"}), "spoke_with"),
        (json!({"text": "x", "next_step": "none"}), "next_step"),
        (json!({"kind": "call", "text": "x", "called_on": "2026-03-03"}), "called_on"),
        (json!({"kind": "call", "text": " "}), "text"),
        (json!({"kind": "call", "text": "x".repeat(9_000)}), "text"),
        (json!({"kind": "visit", "text": "x"}), "kind"),
    ] {
        assert_eq!(world.post("pia", NOTES, body.clone()).await.problem(422).1, field, "{body}");
    }
}

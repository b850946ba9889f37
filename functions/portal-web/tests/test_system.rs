//! A test firm's clock and mailbox: who may use them, where the clock may go, and whose letters are read
//! (TEST-1, SEC-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../firm-api/tests/world/mod.rs"]
mod world;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use domain::calendar::Day;
use domain::id::FirmId;
use domain::role::Actor;
use http_body_util::BodyExt;
use portal_web::test_system::{
    ClientTold, DayTold, Kind, LetterHead, Move, MoveState, TestAnswer, TestLetter, TestNews, Told,
    UnderWay, Unreadable,
};
use portal_web::{SignIn, SignInSettings, State, TestSystem};
use serde_json::{Value, json};
use services::http::form::{FIRM_COOKIE, STAFF_COOKIE, form_token};
use services::portal::Portal;
use store::FirmChange;
use tower::ServiceExt;
use world::{OTHER, Token, World, firm_id};

const MOVES: &str = "/console/clock/moves";

/// Remembers what it was asked, and has a letter for the first firm.
#[derive(Default)]
struct Stub {
    moves: Mutex<Vec<(FirmId, Day, Day, Actor)>>,
    last: Mutex<Option<Move>>,
    news: Mutex<Vec<TestNews>>,
    answers: Mutex<Vec<String>>,
}

#[async_trait]
impl TestSystem for Stub {
    fn begin_move(&self, firm: &FirmId, from: Day, to: Day, by: Actor) -> Result<(), UnderWay> {
        let mut last = self.last.lock().unwrap();
        if last.as_ref().is_some_and(|last| last.state == MoveState::Running) {
            return Err(UnderWay);
        }
        let (state, days) = (MoveState::Running, Vec::new());
        *last = Some(Move { from, day: from, to, by: "bea".to_owned(), state, days });
        self.moves.lock().unwrap().push((firm.clone(), from, to, by));
        Ok(())
    }

    fn last_move(&self, _: &FirmId) -> Option<Move> {
        self.last.lock().unwrap().clone()
    }

    async fn letters(
        &self,
        firm: &FirmId,
        skip: usize,
        take: usize,
    ) -> Result<(Vec<LetterHead>, usize), Unreadable> {
        let number = if firm.as_str() == "f-1" { 120 } else { 0 };
        Ok(((skip..number).take(take).map(head).collect(), number))
    }

    async fn letter(&self, firm: &FirmId, id: &str) -> Result<Option<TestLetter>, Unreadable> {
        Ok((firm.as_str() == "f-1" && id == "l-7").then(|| TestLetter {
            head: head(7),
            from: "Bea & Partners".to_owned(),
            reply_to: "bea@firm.example".to_owned(),
            text: "Pay <now>: https://p.example/i/7.".to_owned(),
        }))
    }

    async fn hear(&self, firm: &FirmId, id: &str, news: TestNews) -> Result<bool, Unreadable> {
        let is_there = firm.as_str() == "f-1" && id == "l-7";
        if is_there {
            self.news.lock().unwrap().push(news);
        }
        Ok(is_there)
    }

    async fn answer(&self, firm: &FirmId, id: &str, text: &str) -> Result<TestAnswer, Unreadable> {
        if firm.as_str() != "f-1" || id != "l-7" {
            return Ok(TestAnswer::NoLetter);
        }
        self.answers.lock().unwrap().push(text.to_owned());
        Ok(if text == "nothing" { TestAnswer::NoEffect } else { TestAnswer::Noted })
    }
}

fn head(number: usize) -> LetterHead {
    LetterHead {
        id: format!("l-{number}"),
        to: "ann@acme.example".to_owned(),
        subject: format!("Letter {number}"),
        date: None,
    }
}

/// The pages over the world, in which the first firm is a test firm.
struct Pages {
    world: World,
    stub: Arc<Stub>,
    router: Router,
}

impl Pages {
    async fn new(has_test_system: bool) -> Self {
        let world = World::new().await;
        let mut settings = world.firm("f-1").await.settings().clone();
        settings.is_test = true;
        settings.test_clock = Some(world.now());
        world::change(&world.dynamo, "f-1", FirmChange::Settings(settings)).await;
        let stub = Arc::new(Stub::default());
        let test_system: Arc<dyn TestSystem> = stub.clone();
        let sign_in = SignIn::new(SignInSettings {
            authorize_url: "https://issuer.example/authorize".to_owned(),
            token_url: "https://issuer.example/token".to_owned(),
            client_id: "portcullis".to_owned(),
            public_url: "https://portal.example".to_owned(),
        });
        let router = portal_web::router(State {
            office: world.office.clone(),
            portal: Portal::new(world.dynamo.clone(), world.clock.clone(), None),
            sign_in: Arc::new(sign_in),
            test_system: has_test_system.then_some(test_system),
        });
        Self { world, stub, router }
    }

    async fn send(&self, request: Request<Body>) -> (u16, String, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let location = response.headers().get("location");
        let location = location.map_or("", |value| value.to_str().unwrap()).to_owned();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, location, String::from_utf8_lossy(&bytes).into_owned())
    }

    fn cookie(&self, firm: &str, who: &str) -> (String, String) {
        let token = world::token(who, Token::Good, self.world.now());
        (format!("{STAFF_COOKIE}={token}; {FIRM_COOKIE}={firm}"), token)
    }

    async fn page(&self, firm: &str, who: &str, path: &str) -> (u16, String) {
        let (cookie, _) = self.cookie(firm, who);
        let request = Request::get(path).header("cookie", cookie);
        let (status, _, html) = self.send(request.body(Body::empty()).unwrap()).await;
        (status, html)
    }

    /// As a program asks.
    async fn go_to(&self, firm: &str, who: &str, body: &Value) -> (u16, Value) {
        let request = self.world.request(firm, who, &Method::POST, MOVES);
        let (status, _, text) = self.send(world::with_json(request, body)).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// As the page's form does.
    async fn submit(&self, who: &str, to: &str, is_ours: bool) -> (u16, String, String) {
        let (cookie, token) = self.cookie("f-1", who);
        let token = if is_ours { form_token(&token) } else { "guessed".to_owned() };
        let body = format!("_token={token}&_then=/console/clock&_back=/console/clock&to={to}");
        let request = Request::post(MOVES)
            .header("host", "portal.example")
            .header("origin", "https://portal.example")
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_1_the_clock_goes_forward_and_who_may_move_it() {
    let tomorrow = json!({"to": "2026-03-03"});
    for (firm, who, expected) in [
        ("f-1", "adam", 202),
        ("f-1", "bea", 202),
        ("f-1", "pat", 202),
        ("f-1", "pia", 403),
        ("f-1", "imre", 403),
        ("f-1", OTHER, 403),
        ("f-2", "bea", 403),
        ("f-2", OTHER, 404), // a real firm's day is the calendar's
    ] {
        let pages = Pages::new(true).await;
        let (status, body) = pages.go_to(firm, who, &tomorrow).await;
        assert_eq!(status, expected, "{who} at {firm}: {body}");
        let moved = pages.stub.moves.lock().unwrap().len();
        assert_eq!(moved, usize::from(expected == 202), "{who} at {firm}");
    }
    let pages = Pages::new(true).await;
    for (body, expected, said) in [
        (json!({"to": "2026-03-02"}), 422, "only goes forward"),
        (json!({"to": "2026-03-01"}), 422, "only goes forward"),
        (json!({"to": "2026-02-30"}), 422, ""),
        (json!({"to": "tomorrow"}), 422, ""),
        (json!({}), 422, "To is missing"),
        (json!({"to": "2027-03-04"}), 422, "2027-03-03 is as far as one move goes"),
        (json!({"to": "2026-03-03", "day": 1}), 422, "no field day"),
        (json!({"to": "2027-03-03"}), 202, ""),
        (json!({"to": "2026-03-04"}), 409, "being moved already"),
    ] {
        let (status, answer) = pages.go_to("f-1", "bea", &body).await;
        assert_eq!(status, expected, "{body}: {answer}");
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(said), "{body}: {answer}");
        assert!(status != 422 || ["to", "day"].contains(&answer["field"].as_str().unwrap()));
    }
    let moves = pages.stub.moves.lock().unwrap();
    let [(firm, from, to, Actor::Staff { id, .. })] = moves.as_slice() else { panic!("{moves:?}") };
    assert_eq!((firm, id.as_str()), (&firm_id("f-1"), "bea"));
    assert_eq!((from.to_string(), to.to_string()), ("2026-03-02".into(), "2027-03-03".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_1_the_page_of_the_clock_shows_what_happens() {
    let pages = Pages::new(true).await;
    let (status, html) = pages.page("f-1", "bea", "/console/clock").await;
    assert_eq!(status, 200);
    assert!(html.contains("Mon, Mar 2, 2026") && html.contains("value=\"2026-03-09\""), "{html}");
    let (_, html) = pages.page("f-1", "pia", "/console/clock").await;
    assert!(!html.contains(MOVES), "who may not move it has no form: {html}");
    let (status, location, _) = pages.submit("bea", "2026-03-03", false).await;
    assert_eq!((status, location.as_str()), (403, ""), "a form of another site moves nothing");
    let (status, location, _) = pages.submit("bea", "2026-03-01", true).await;
    assert_eq!((status, location.as_str()), (303, "/console/clock"));
    assert!(pages.stub.moves.lock().unwrap().is_empty());
    let (status, location, _) = pages.submit("bea", "2026-03-09", true).await;
    assert_eq!((status, location.as_str()), (303, "/console/clock"));
    let (_, html) = pages.page("f-1", "bea", "/console/clock").await;
    assert!(html.contains("0 of 7 days done") && html.contains("http-equiv=\"refresh\""), "{html}");
    assert!(!html.contains(MOVES), "while it moves it isn't moved again: {html}");

    let day = |number: u32| DayTold {
        day: format!("2026-03-{number:02}").parse().unwrap(),
        clients: vec![ClientTold {
            client: Some("acme".parse().unwrap()),
            name: "Acme & Co".to_owned(),
            what: vec![Told { kind: Kind::Locked, text: format!("Locks the portal on {number}") }],
        }],
    };
    let mut moved = pages.stub.last_move(&firm_id("f-1")).unwrap();
    moved.day = "2026-03-22".parse().unwrap();
    moved.to = moved.day;
    moved.days = (3..=22).map(day).collect();
    moved.state = MoveState::Done;
    *pages.stub.last.lock().unwrap() = Some(moved.clone());
    let (_, html) = pages.page("f-1", "bea", "/console/clock").await;
    assert!(
        html.contains("Done: 20 days") && html.contains("<strong>20</strong> locked"),
        "{html}"
    );
    assert!(html.contains("Locks the portal on 22") && !html.contains("Locks the portal on 7<"));
    assert!(html.contains("Acme &#38; Co") && html.contains("/console/clients/acme"), "{html}");
    assert!(!html.contains("http-equiv=\"refresh\""), "{html}");
    let (_, html) = pages.page("f-1", "bea", "/console/clock?page=1").await;
    assert!(html.contains("Locks the portal on 7<") && html.contains("Later days"), "{html}");
    moved.state = MoveState::Stopped("the disk is full".to_owned());
    *pages.stub.last.lock().unwrap() = Some(moved);
    let (_, html) = pages.page("f-1", "bea", "/console/clock?page=99").await;
    assert!(html.contains("It stopped on the way") && html.contains("the disk is full"), "{html}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_1_the_mailbox_shows_this_firms_letters() {
    let pages = Pages::new(true).await;
    let (status, html) = pages.page("f-1", "pia", "/console/mailbox").await;
    assert_eq!(status, 200);
    assert!(html.contains("120 letters") && html.contains("/console/mailbox/l-49"), "{html}");
    assert!(!html.contains("l-50\"") && html.contains("?page=1"), "{html}");
    let (_, html) = pages.page("f-1", "pia", "/console/mailbox?page=2").await;
    assert!(html.contains("/console/mailbox/l-119") && !html.contains("?page=3"), "{html}");
    let (status, html) = pages.page("f-1", "pia", "/console/mailbox?page=9").await;
    assert!(status == 200 && html.contains("No letter was sent that far back"), "{html}");
    let (status, html) = pages.page("f-1", "pia", "/console/mailbox/l-7").await;
    assert_eq!(status, 200);
    assert!(html.contains("Pay &#60;now&#62;"), "a letter is text: {html}");
    assert!(html.contains("href=\"https://p.example/i/7\""), "{html}");
    for (firm, who, path, expected) in [
        ("f-1", "pia", "/console/mailbox/l-8", 404),
        ("f-1", "imre", "/console/mailbox", 403),
        ("f-2", OTHER, "/console/mailbox", 404),
        ("f-2", OTHER, "/console/mailbox/l-7", 404),
        ("f-2", OTHER, "/console/clock", 404),
        ("f-1", OTHER, "/console/mailbox/l-7", 403),
    ] {
        assert_eq!(pages.page(firm, who, path).await.0, expected, "{who} at {firm}: {path}");
    }
    let elsewhere = Pages::new(false).await;
    for path in ["/console/clock", "/console/mailbox", "/console/mailbox/l-7"] {
        assert_eq!(elsewhere.page("f-1", "bea", path).await.0, 404, "{path}");
    }
    assert_eq!(elsewhere.go_to("f-1", "bea", &json!({"to": "2026-03-03"})).await.0, 404);
    let (_, html) = elsewhere.page("f-1", "bea", "/console").await;
    assert!(html.contains("Test firm") && !html.contains("/console/clock"), "{html}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_6_and_test_1_who_may_have_news_come_of_a_test_firms_letters() {
    let pages = Pages::new(true).await;
    let hear = async |firm: &str, who: &str, letter: &str, body: &Value| {
        let path = format!("/console/mailbox/{letter}/news");
        let request = pages.world.request(firm, who, &Method::POST, &path);
        pages.send(world::with_json(request, body)).await.0
    };
    let news = |what: &str| json!({ "news": what });
    for (firm, who, letter, body, expected) in [
        ("f-1", "bea", "l-7", news("returned"), 200),
        ("f-1", "pat", "l-7", news("complained"), 200),
        ("f-1", "adam", "l-7", news("arrived"), 200),
        ("f-1", "pia", "l-7", news("returned"), 403),
        ("f-1", "imre", "l-7", news("returned"), 403),
        ("f-1", OTHER, "l-7", news("returned"), 403),
        ("f-2", OTHER, "l-7", news("returned"), 404), // a real firm's news come from the mail service
        ("f-1", "bea", "l-8", news("returned"), 404),
        ("f-1", "bea", "l-7", news("lost"), 422),
        ("f-1", "bea", "l-7", json!({}), 422),
    ] {
        assert_eq!(
            hear(firm, who, letter, &body).await,
            expected,
            "{who} at {firm}: {letter} {body}"
        );
    }
    let heard = pages.stub.news.lock().unwrap().clone();
    assert_eq!(heard, [TestNews::Returned, TestNews::Complained, TestNews::Arrived]);
    let (_, html) = pages.page("f-1", "bea", "/console/mailbox/l-7").await;
    assert!(html.contains("action=\"/console/mailbox/l-7/news\""), "{html}");
    let (_, html) = pages.page("f-1", "pia", "/console/mailbox/l-7").await;
    assert!(!html.contains("/news\""), "who may not has no form: {html}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_8_and_test_1_who_may_answer_a_test_firms_letters() {
    let pages = Pages::new(true).await;
    let answer = async |firm: &str, who: &str, letter: &str, body: &Value| {
        let path = format!("/console/mailbox/{letter}/answers");
        let request = pages.world.request(firm, who, &Method::POST, &path);
        pages.send(world::with_json(request, body)).await.0
    };
    let text = |text: &str| json!({ "text": text });
    for (firm, who, letter, body, expected) in [
        ("f-1", "bea", "l-7", text("I paid."), 200),
        ("f-1", "pia", "l-7", text("I paid."), 403),
        ("f-1", "imre", "l-7", text("I paid."), 403),
        ("f-1", OTHER, "l-7", text("I paid."), 403),
        ("f-2", OTHER, "l-7", text("I paid."), 404),
        ("f-1", "bea", "l-8", text("I paid."), 404),
        ("f-1", "bea", "l-7", text("nothing"), 422),
        ("f-1", "bea", "l-7", text(" "), 422),
        ("f-1", "bea", "l-7", json!({}), 422),
    ] {
        let got = answer(firm, who, letter, &body).await;
        assert_eq!(got, expected, "{who} at {firm}: {letter} {body}");
    }
    assert_eq!(*pages.stub.answers.lock().unwrap(), ["I paid.", "nothing"]);
    let (_, html) = pages.page("f-1", "bea", "/console/mailbox/l-7").await;
    assert!(html.contains("action=\"/console/mailbox/l-7/answers\""), "{html}");
    let (_, html) = pages.page("f-1", "pia", "/console/mailbox/l-7").await;
    assert!(!html.contains("/answers\""), "who may not has no form: {html}");
}

//! A sandbox behind a port, a clock to turn, an adapter that asks it, and a line between them that breaks as told.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use domain::money::{Currency, Money};
use gateways::square::{Config, Square};
use gateways::{
    CheckoutLine, Gateway, Hint, IdempotencyKey, Method, Mode, NewCharge, NewCheckout, NewCustomer,
    NewRefund, ObjectId, OpenCheckout, PaymentFacts, ReadBack, SavedMethod, Timeouts, Transport,
    Tried,
};
use sandbox::square::{Act, Book, CardOutcome, Done, Endpoint, SANDBOX_KEY, SandboxSquare};
use serde_json::Value;

/// 2026-09-21, a Monday, and a second in which nothing special happens.
pub const START: i64 = 1_790_000_000;

pub const LOCATION: &str = "L1";
pub const WEBHOOK_URL: &str = "https://hooks.example.com/square/acme?v=2";
pub const SECRET: &str = "sandbox-signature-key";

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done and answered.
    Fine,
    /// It is done, and its answer breaks off.
    Lost,
    /// It never arrives.
    Down,
}

impl Fate {
    pub const ALL: [Self; 3] = [Self::Fine, Self::Lost, Self::Down];
}

/// All fates of the first `length` requests; later ones are fine.
pub fn fates(length: usize) -> Vec<Vec<Fate>> {
    (0..length).fold(vec![vec![]], |all, _| {
        let longer = |so_far: Vec<Fate>| {
            Fate::ALL.into_iter().map(move |fate| [so_far.clone(), vec![fate]].concat())
        };
        all.into_iter().flat_map(longer).collect()
    })
}

pub struct Bench {
    pub sandbox: SandboxSquare,
    pub url: String,
    pub square: Square,
    clock: Arc<AtomicI64>,
    line: Arc<Mutex<VecDeque<Fate>>>,
    requests: Arc<AtomicUsize>,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with_book(Book::default()).await
    }

    pub async fn with_book(book: Book) -> Self {
        Self::over(&transport(), book).await
    }

    /// Over connections that several benches share.
    pub async fn over(transport: &Transport, book: Book) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let now = clock.clone();
        let now = Arc::new(move || now.load(Ordering::SeqCst));
        let sandbox = SandboxSquare::new(SANDBOX_KEY.into(), now, book);
        let line: Arc<Mutex<VecDeque<Fate>>> = Arc::default();
        let requests: Arc<AtomicUsize> = Arc::default();
        let (told, counted) = (line.clone(), requests.clone());
        let break_off = middleware::from_fn(move |request: Request, next: Next| {
            counted.fetch_add(1, Ordering::SeqCst);
            let fate = told.lock().unwrap().pop_front().unwrap_or(Fate::Fine);
            async move { through(fate, request, next).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = sandbox.router().layer(break_off);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let square = adapter(transport, &url, SANDBOX_KEY, LOCATION);
        Self { sandbox, url, square, clock, line, requests }
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// What becomes of the next requests.
    pub fn tell(&self, fates: &[Fate]) {
        *self.line.lock().unwrap() = fates.iter().copied().collect();
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn act(&self, act: Act) -> Done {
        self.sandbox.act(act).unwrap()
    }

    pub fn book(&self) -> Value {
        serde_json::to_value(self.sandbox.snapshot()).unwrap()
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.book()[kind].as_object().unwrap().len()
    }

    /// How many payments took money, or may yet.
    pub fn taken(&self) -> usize {
        let book = self.book();
        let payments = book["payments"].as_object().unwrap().values();
        payments.filter(|payment| payment["status"] != "FAILED").count()
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint { url: WEBHOOK_URL.to_owned(), signing: SECRET.into() }
    }

    pub async fn open(&self, new: &NewCheckout) -> OpenCheckout {
        self.square.create_checkout(new, &key(&format!("pay/{}", new.ours))).await.unwrap()
    }

    /// A page, and the payment that was made on it.
    pub async fn paid(&self, act: impl FnOnce(String) -> Act) -> (OpenCheckout, String) {
        let page = self.open(&checkout("p1")).await;
        let done = self.act(act(link(&page)));
        (page, done.object)
    }

    pub async fn read(&self, hint: Hint) -> ReadBack {
        self.square.read_back(&hint).await.unwrap()
    }

    pub async fn facts(&self, payment: &str) -> PaymentFacts {
        match self.read(Hint::Payment(id(payment))).await {
            ReadBack::Payment(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    /// A customer with a card on file.
    pub async fn saved(&self) -> SavedMethod {
        let customer = self.square.create_customer(&customer(), &key("customer")).await.unwrap();
        self.square.save_token(&customer, "cnon:card-nonce-ok", &key("card")).await.unwrap()
    }

    pub fn first_try(&self) -> Tried {
        Tried { first_unix: None, now_unix: self.now() }
    }
}

async fn through(fate: Fate, request: Request, next: Next) -> Response {
    if fate == Fate::Down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let response = next.run(request).await;
    if fate == Fate::Lost {
        let broken = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
        return Response::new(Body::from_stream(futures::stream::iter([broken])));
    }
    response
}

pub fn transport() -> Transport {
    Transport::new(Timeouts { pause: Duration::from_millis(1), ..Timeouts::default() })
}

pub fn adapter(transport: &Transport, url: &str, key: &str, location: &str) -> Square {
    let config = Config {
        key: key.into(),
        mode: Mode::Test,
        location: location.to_owned(),
        signing: vec![SECRET.into()],
        webhook_url: WEBHOOK_URL.to_owned(),
        base_url: url.to_owned(),
    };
    Square::new(transport.clone(), &config).unwrap()
}

pub fn id(text: &str) -> ObjectId {
    text.parse().unwrap()
}

pub fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

pub fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn lines() -> Vec<CheckoutLine> {
    let line = |invoice: &str, minor| CheckoutLine {
        invoice: invoice.parse().unwrap(),
        name: format!("Invoice {invoice}"),
        amount: usd(minor),
    };
    vec![line("A-1", 100_000), line("A-2", 25_000)]
}

pub fn checkout(ours: &str) -> NewCheckout {
    NewCheckout {
        ours: ours.to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea".parse().unwrap(),
        lines: lines(),
        methods: vec![Method::Card, Method::Ach],
        success_url: "https://portal.example/paid?page={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://portal.example/".to_owned(),
        expires_unix: None,
        deposit: None,
        save_for: None,
        email: Some("ann@acme.example".to_owned()),
    }
}

pub fn customer() -> NewCustomer {
    NewCustomer {
        firm: "acme".parse().unwrap(),
        client: "bea".parse().unwrap(),
        name: Some("Bea & Son".to_owned()),
        email: Some("ann@acme.example".to_owned()),
    }
}

pub fn charge(saved: &SavedMethod, ours: &str) -> NewCharge {
    NewCharge {
        ours: ours.to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea".parse().unwrap(),
        customer: saved.customer.clone(),
        saved: saved.id.clone(),
        method: saved.method.clone(),
        lines: lines(),
        deposit: None,
        again: None,
    }
}

pub fn refund(payment: &str, ours: &str, minor: u64) -> NewRefund {
    NewRefund {
        ours: ours.to_owned(),
        payment: id(payment),
        amount: usd(minor),
        reason: Some("paid twice".to_owned()),
    }
}

/// The link in a page's id.
pub fn link(page: &OpenCheckout) -> String {
    page.id.as_str().split_once("--").unwrap().0.to_owned()
}

pub fn by_card(link: String) -> Act {
    Act::PayByCard { link, outcome: CardOutcome::Pays, tip: 0 }
}

pub fn by_bank(link: String) -> Act {
    Act::PayByBank { link }
}

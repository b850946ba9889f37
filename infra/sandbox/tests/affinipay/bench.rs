//! A sandbox that listens, and an adapter that asks it; between them answers are lost as told.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use domain::invoice::Deposit;
use domain::money::{Currency, Money};
use gateways::affinipay::{AffiniPay, Brand, Config};
use gateways::{
    CheckoutLine, Gateway, Hint, IdempotencyKey, Incoming, Method, Mode, NewCharge, NewCheckout,
    ObjectId, PaymentFacts, ReadBack, ReceiveError, SavedMethod, Timeouts, Transport, Tried,
    WebhookEvent,
};
use reqwest::header::HeaderMap;
use sandbox::affinipay::{
    Act, BASE_PATH, Book, Done, PayWith, SANDBOX_KEY, SandboxAffiniPay, deposit_accounts,
};
use tokio::net::TcpListener;

/// 2026-03-02, a Monday, at noon.
pub const NOON: i64 = 1_772_452_800;

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(10),
    total: Duration::from_secs(30),
    pause: Duration::ZERO,
};

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// It is done and answered.
    Good,
    /// It never arrives.
    LostBefore,
    /// It is done, and its answer is lost.
    LostAfter,
}

/// What becomes of the next requests; of those after, all is good.
#[derive(Clone, Default)]
pub struct Fate {
    lucks: Arc<Mutex<Vec<Luck>>>,
    asked: Arc<AtomicUsize>,
}

impl Fate {
    pub fn set(&self, lucks: &[Luck]) {
        *self.lucks.lock().unwrap() = lucks.to_vec();
        self.asked.store(0, Ordering::SeqCst);
    }

    /// How many requests there were since.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn next(&self) -> Luck {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        self.lucks.lock().unwrap().get(number).copied().unwrap_or(Luck::Good)
    }
}

async fn layer(State(fate): State<Fate>, request: Request, next: Next) -> Response {
    let luck = fate.next();
    let broken = || {
        let error = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        Response::new(Body::from_stream(futures::stream::iter([Err::<Bytes, _>(error)])))
    };
    if luck == Luck::LostBefore {
        return broken();
    }
    let response = next.run(request).await;
    if luck == Luck::LostAfter { broken() } else { response }
}

pub struct Bench {
    pub sandbox: SandboxAffiniPay,
    pub affinipay: AffiniPay,
    pub fate: Fate,
    pub url: String,
    pub clock: Arc<AtomicI64>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::on(Book::default(), Mode::Test).await
    }

    pub async fn on(book: Book, mode: Mode) -> Self {
        let clock = Arc::new(AtomicI64::new(NOON));
        let of_sandbox = clock.clone();
        let now = Arc::new(move || of_sandbox.load(Ordering::SeqCst));
        let sandbox = SandboxAffiniPay::new(SANDBOX_KEY.into(), now, book);
        let fate = Fate::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = sandbox.router().layer(middleware::from_fn_with_state(fate.clone(), layer));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let affinipay = adapter(&url, mode);
        Self { sandbox, affinipay, fate, url, clock }
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn later(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn act(&self, act: Act) -> Done {
        self.sandbox.act(act).unwrap()
    }

    pub fn day(&self, day: &str) -> usize {
        self.later(86_400);
        self.sandbox.note_day(day.parse().unwrap()).len()
    }

    /// A payment on a page.
    pub fn pay(&self, amount: u64, reference: &str, with: PayWith) -> ObjectId {
        let reference = Some(reference.to_owned());
        let deposit = Deposit::Operating;
        let done = self.act(Act::Pay { deposit, is_live: false, amount, reference, with });
        done.object.parse().unwrap()
    }

    pub async fn receive(&self, body: &[u8]) -> Result<WebhookEvent, ReceiveError> {
        let headers = HeaderMap::new();
        let incoming = Incoming { headers: &headers, body, now_unix: self.now() };
        self.affinipay.receive(incoming).await
    }

    pub async fn facts(&self, hint: &Hint) -> PaymentFacts {
        match self.affinipay.read_back(hint).await.unwrap() {
            ReadBack::Payment(facts) => *facts,
            ReadBack::NoPayment(why) => panic!("no payment: {why:?}"),
        }
    }

    pub async fn payment(&self, id: &ObjectId) -> PaymentFacts {
        self.facts(&Hint::Payment(id.clone())).await
    }

    /// A method that a payer saves.
    pub async fn save(&self, with: PayWith) -> SavedMethod {
        let token = self.act(Act::Tokenize { is_live: false, with }).object;
        self.affinipay.save_token(&customer(), &token, &key("save")).await.unwrap()
    }

    pub fn tried(&self, first: Option<i64>) -> Tried {
        Tried { first_unix: first, now_unix: self.now() }
    }
}

pub fn adapter(url: &str, mode: Mode) -> AffiniPay {
    let is_live = mode == Mode::Live;
    let key =
        if is_live { SANDBOX_KEY.replacen("_test_", "_live_", 1) } else { SANDBOX_KEY.to_owned() };
    let config = Config {
        brand: Brand::LawPay,
        key: key.as_str().into(),
        mode,
        accounts: deposit_accounts(url, is_live),
        base_url: format!("{url}{BASE_PATH}"),
    };
    AffiniPay::new(Transport::new(TIMEOUTS), &config).unwrap()
}

pub fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

pub fn customer() -> ObjectId {
    "pc-bea".parse().unwrap()
}

pub fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn line(invoice: &str, minor: u64) -> CheckoutLine {
    let name = format!("Invoice {invoice}");
    CheckoutLine { invoice: invoice.parse().unwrap(), name, amount: usd(minor) }
}

pub fn new_checkout(ours: &str, deposit: Option<Deposit>) -> NewCheckout {
    NewCheckout {
        ours: ours.to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea & son".parse().unwrap(),
        lines: vec![line("A-1", 10_000), line("A-2", 2_550)],
        methods: vec![Method::Card, Method::Ach],
        success_url: "https://portal.example/back".to_owned(),
        cancel_url: "https://portal.example/".to_owned(),
        expires_unix: Some(NOON + 3_600),
        deposit,
        save_for: None,
        email: None,
    }
}

pub fn new_charge(ours: &str, saved: &SavedMethod) -> NewCharge {
    NewCharge {
        ours: ours.to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea".parse().unwrap(),
        customer: saved.customer.clone(),
        saved: saved.id.clone(),
        method: saved.method.clone(),
        lines: vec![line("A-1", 12_550)],
        deposit: Some(Deposit::Trust),
        again: None,
    }
}

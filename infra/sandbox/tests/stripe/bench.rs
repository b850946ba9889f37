//! A sandbox behind a port, a clock to turn, and an adapter that asks it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use gateways::stripe::{API_VERSION, Config, Stripe};
use gateways::{
    Gateway, GatewayError, Hint, Mode, ObjectId, PaymentFacts, ReadBack, Secret, Timeouts,
    Transport,
};
use sandbox::stripe::{Act, Book, CardOutcome, Done, SANDBOX_KEY, SandboxStripe};
use serde_json::Value;

/// 2026-09-21, a second in which nothing special happens.
pub const START: i64 = 1_790_000_000;

pub const SECRET: &str = "whsec_sandbox_bench";

/// What our checkout writes on a page and on its payment.
pub const INVOICE: [(&str, &str); 13] = [
    ("mode", "payment"),
    ("success_url", "https://portal.example/paid"),
    ("client_reference_id", "bea"),
    ("line_items[0][quantity]", "1"),
    ("line_items[0][price_data][currency]", "usd"),
    ("line_items[0][price_data][unit_amount]", "125000"),
    ("line_items[0][price_data][product_data][name]", "Invoice A-1"),
    ("payment_method_types[]", "card"),
    ("payment_method_types[]", "us_bank_account"),
    ("metadata[firm]", "acme"),
    ("payment_intent_data[metadata][firm]", "acme"),
    ("payment_intent_data[metadata][client]", "bea"),
    ("payment_intent_data[metadata][invoices]", "A-1,A-2"),
];

/// What becomes of a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Fine,
    /// It is done, and nobody hears of it.
    AnswerLost,
    /// It never arrives.
    RequestLost,
}

/// The fates of the requests to come, in order; then all are fine.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<VecDeque<Fate>>>);

impl Wire {
    async fn carry(State(wire): State<Self>, request: Request, next: Next) -> Response {
        let fate = wire.0.lock().unwrap().pop_front().unwrap_or(Fate::Fine);
        let answer = match fate {
            Fate::RequestLost => None,
            _ => Some(next.run(request).await),
        };
        match (fate, answer) {
            (Fate::Fine, Some(answer)) => answer,
            _ => {
                let broken = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
                Response::new(Body::from_stream(futures::stream::iter([broken])))
            }
        }
    }
}

pub struct Bench {
    pub sandbox: SandboxStripe,
    pub url: String,
    wire: Wire,
    clock: Arc<AtomicI64>,
    transport: Transport,
    http: reqwest::Client,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with_book(Book::default()).await
    }

    /// A new sandbox for the same clients: making those takes longer than most of what is tested.
    pub async fn beside(&self) -> Self {
        Self::with(Book::default(), self.transport.clone(), self.http.clone()).await
    }

    pub async fn with_book(book: Book) -> Self {
        let timeouts = Timeouts {
            connect: Duration::from_secs(2),
            answer: Duration::from_millis(700),
            total: Duration::from_secs(5),
            pause: Duration::from_millis(1),
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self::with(book, Transport::new(timeouts), http).await
    }

    async fn with(book: Book, transport: Transport, http: reqwest::Client) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let now = clock.clone();
        let now = Arc::new(move || now.load(Ordering::SeqCst));
        let sandbox = SandboxStripe::new(SANDBOX_KEY.into(), now, book);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let wire = Wire::default();
        let carry = middleware::from_fn_with_state(wire.clone(), Wire::carry);
        let router = sandbox.router().layer(carry);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { sandbox, url, wire, clock, transport, http }
    }

    /// What becomes of the requests to come.
    pub fn fates(&self, fates: &[Fate]) {
        *self.wire.0.lock().unwrap() = fates.iter().copied().collect();
    }

    /// The adapter, with the sandbox's own key.
    pub fn ours(&self) -> Stripe {
        self.stripe(SANDBOX_KEY, None)
    }

    /// One that takes the sandbox's webhooks.
    pub fn signed(&self) -> Stripe {
        self.adapter_with(SANDBOX_KEY, Mode::Test, None, vec![secret()])
    }

    /// A customer with one of Stripe's test methods.
    pub async fn customer_with(&self, method: &str) -> (ObjectId, ObjectId) {
        let (status, customer) = self.post("/v1/customers", &[("name", "Bea")]).await;
        assert_eq!(status, 200, "{customer}");
        let customer = customer["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/payment_methods/{method}/attach");
        let (status, saved) = self.post(&path, &[("customer", &customer)]).await;
        assert_eq!(status, 200, "{saved}");
        (id(&customer), id(saved["id"].as_str().unwrap()))
    }

    /// All objects of a list that is shorter than a page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let (status, list) = self.get(&format!("{path}?limit=100")).await;
        assert_eq!((status, &list["has_more"]), (200, &Value::Bool(false)), "{list}");
        list["data"].as_array().unwrap().clone()
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn stripe(&self, key: &str, account: Option<&str>) -> Stripe {
        self.adapter(key, Mode::Test, account)
    }

    /// One that asks for real money.
    pub fn live(&self, key: &str) -> Stripe {
        self.adapter(key, Mode::Live, None)
    }

    fn adapter(&self, key: &str, mode: Mode, account: Option<&str>) -> Stripe {
        self.adapter_with(key, mode, account, vec![])
    }

    fn adapter_with(
        &self,
        key: &str,
        mode: Mode,
        account: Option<&str>,
        signing: Vec<Secret>,
    ) -> Stripe {
        let account = account.map(str::to_owned);
        let config = Config { key: key.into(), mode, account, signing, base_url: self.url.clone() };
        Stripe::new(self.transport.clone(), &config).unwrap()
    }

    pub async fn read(&self, hint: &Hint) -> Result<ReadBack, GatewayError> {
        self.stripe(SANDBOX_KEY, None).read_back(hint).await
    }

    /// The facts of what must be a payment.
    pub async fn facts(&self, hint: &Hint) -> PaymentFacts {
        match self.read(hint).await.unwrap() {
            ReadBack::Payment(facts) => *facts,
            ReadBack::NoPayment(why) => panic!("{hint:?} leads to no payment: {why:?}"),
        }
    }

    pub fn act(&self, act: Act) -> Done {
        self.sandbox.act(act).unwrap()
    }

    pub fn pay_by_card(&self, session: &str) -> String {
        let session = session.to_owned();
        self.act(Act::PayByCard { session, outcome: CardOutcome::Succeeds }).object
    }

    pub fn pay_by_bank(&self, session: &str) -> String {
        self.act(Act::PayByBank { session: session.to_owned() }).object
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        self.send(self.http.post(format!("{}{path}", self.url)).form(form)).await
    }

    pub async fn post_with_key(
        &self,
        path: &str,
        form: &[(&str, &str)],
        key: &str,
    ) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).form(form);
        self.send(request.header("idempotency-key", key)).await
    }

    /// A request of a connected account.
    pub async fn post_as(&self, account: &str, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).form(form);
        self.send(request.header("stripe-account", account)).await
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Status and body; status 0 is no answer.
    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let request = request.bearer_auth(SANDBOX_KEY).header("stripe-version", API_VERSION);
        let Ok(response) = request.send().await else {
            return (0, Value::Null);
        };
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// A new page to pay on, with parameters replaced or added.
    pub async fn session_with(&self, changes: &[(&str, &str)]) -> String {
        let is_kept =
            |(name, _): &&(&str, &str)| !changes.iter().any(|(changed, _)| changed == name);
        let mut form: Vec<_> = INVOICE.iter().filter(is_kept).copied().collect();
        form.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        let (status, session) = self.post("/v1/checkout/sessions", &form).await;
        assert_eq!(status, 200, "{session}");
        session["id"].as_str().unwrap().to_owned()
    }

    pub async fn session(&self) -> String {
        self.session_with(&[]).await
    }
}

pub fn id(text: &str) -> ObjectId {
    text.parse().unwrap()
}

pub fn secret() -> Secret {
    Secret::from(SECRET)
}

//! A sandbox that listens, an adapter that asks it, a clock of its own, and a wire that loses chosen answers.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use domain::money::{Currency, Money};
use gateways::paypal::{Certificates, Config, PayPal};
use gateways::{
    CheckoutLine, Gateway, GatewayError, Hint, Method, Mode, NewCharge, NewCheckout, NewCustomer,
    NewSavePage, ObjectId, OpenCheckout, PaymentFacts, ReadBack, SavedMethod, Timeouts, Transport,
    Tried,
};
use sandbox::paypal::{
    Act, BASE_PATH, Book, Done, Pays, SANDBOX_CLIENT_ID, SANDBOX_KEY, SANDBOX_WEBHOOK_ID,
    SandboxPayPal,
};

/// The stand's first moment.
pub const START: i64 = 1_790_000_000;

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(20),
    total: Duration::from_secs(60),
    pause: Duration::from_millis(1),
};

/// What travels between the two.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Travelled>>);

#[derive(Default)]
struct Travelled {
    paths: Vec<String>,
    lost: Vec<usize>,
}

impl Wire {
    /// So many answers arrive, and then so many don't.
    pub fn lose(&self, after: usize, count: usize) {
        let mut travelled = self.0.lock().unwrap();
        travelled.paths.clear();
        travelled.lost = (after..after + count).collect();
    }

    /// What was asked since answers were last lost.
    pub fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().paths.clone()
    }
}

async fn carry(State(wire): State<Wire>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_lost = {
        let mut travelled = wire.0.lock().unwrap();
        let number = travelled.paths.len();
        travelled.paths.push(path);
        travelled.lost.contains(&number)
    };
    let response = next.run(request).await;
    if is_lost {
        let broken = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
        return Response::new(Body::from_stream(futures::stream::iter([broken])));
    }
    response
}

/// Both sides.
pub struct Stand {
    pub sandbox: SandboxPayPal,
    pub paypal: PayPal,
    pub wire: Wire,
    pub origin: String,
    clock: Arc<AtomicI64>,
}

pub fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn wallet() -> Method {
    Method::Other("paypal".to_owned())
}

impl Stand {
    pub async fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let time = Arc::clone(&clock);
        let now = Arc::new(move || time.load(Ordering::SeqCst));
        let sandbox =
            SandboxPayPal::new(SANDBOX_CLIENT_ID, SANDBOX_KEY.into(), now, Book::default());
        let wire = Wire::default();
        let carry = middleware::from_fn_with_state(wire.clone(), carry);
        let router = sandbox.router().layer(carry);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = config(&origin);
        let paypal = PayPal::new(Transport::new(TIMEOUTS), &config).unwrap();
        Self { sandbox, paypal, wire, origin, clock }
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn act(&self, act: Act) -> Done {
        self.sandbox.act(act).unwrap()
    }

    pub fn approve(&self, order: &ObjectId, pays: Pays) {
        self.act(Act::Approve { order: order.to_string(), pays });
    }

    pub async fn open(&self, ours: &str) -> OpenCheckout {
        self.paypal.create_checkout(&checkout(ours), &ours.parse().unwrap()).await.unwrap()
    }

    pub async fn read(&self, hint: Hint) -> Result<ReadBack, GatewayError> {
        self.paypal.read_back(&hint).await
    }

    pub async fn facts(&self, hint: Hint) -> PaymentFacts {
        match self.read(hint.clone()).await {
            Ok(ReadBack::Payment(facts)) => *facts,
            other => panic!("no payment behind {hint:?}: {other:?}"),
        }
    }

    /// A payment made on a page.
    pub async fn paid(&self, ours: &str, pays: Pays) -> PaymentFacts {
        let open = self.open(ours).await;
        self.approve(&open.id, pays);
        self.facts(Hint::Checkout(open.id)).await
    }

    /// A PayPal account that was saved on a page.
    pub async fn saved(&self, ours: &str, pays: Pays) -> SavedMethod {
        let page = save_page(ours, self.customer().await);
        let page = self.paypal.create_save_page(&page, &ours.parse().unwrap()).await.unwrap();
        assert_eq!(self.paypal.saved_on(&page.id).await.unwrap(), None);
        self.act(Act::ApproveSaving { page: page.id.to_string(), pays });
        self.paypal.saved_on(&page.id).await.unwrap().unwrap()
    }

    pub async fn customer(&self) -> ObjectId {
        let (firm, client) = ("acme".parse().unwrap(), "bea".parse().unwrap());
        let new = NewCustomer { firm, client, name: None, email: None };
        self.paypal.create_customer(&new, &"customer".parse().unwrap()).await.unwrap()
    }

    pub fn first(&self) -> Tried {
        Tried { first_unix: None, now_unix: self.now() }
    }

    pub fn again(&self) -> Tried {
        Tried { first_unix: Some(START), now_unix: self.now() }
    }
}

pub fn config(origin: &str) -> Config {
    let base_url = format!("{origin}{BASE_PATH}");
    Config {
        client_id: SANDBOX_CLIENT_ID.to_owned(),
        key: SANDBOX_KEY.into(),
        mode: Mode::Test,
        webhook_ids: vec!["1OLD".to_owned(), SANDBOX_WEBHOOK_ID.to_owned()],
        certificates: Certificates::of_sandbox(&base_url),
        base_url,
    }
}

/// The gateway's id of a payment that was read back.
pub fn payment_id(facts: &PaymentFacts) -> ObjectId {
    facts.payment.as_str().parse().unwrap()
}

pub fn payment(facts: &PaymentFacts) -> Hint {
    Hint::Payment(payment_id(facts))
}

fn lines() -> Vec<CheckoutLine> {
    let line = |id: &str, minor: u64| CheckoutLine {
        invoice: id.parse().unwrap(),
        name: format!("Invoice {id}"),
        amount: usd(minor),
    };
    vec![line("INV-00001", 1_000), line("INV-00002", 250)]
}

pub fn checkout(ours: &str) -> NewCheckout {
    NewCheckout {
        ours: ours.to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea".parse().unwrap(),
        lines: lines(),
        methods: vec![Method::Card, Method::Ach, wallet()],
        success_url: "https://portal.example/paid?page=1".to_owned(),
        cancel_url: "https://portal.example/pay".to_owned(),
        expires_unix: None,
        deposit: None,
        save_for: None,
        email: Some("ann@acme.example".to_owned()),
    }
}

pub fn save_page(ours: &str, customer: ObjectId) -> NewSavePage {
    NewSavePage {
        ours: ours.to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea".parse().unwrap(),
        customer,
        methods: vec![wallet()],
        success_url: "https://portal.example/saved".to_owned(),
        cancel_url: "https://portal.example/methods".to_owned(),
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
        lines: lines(),
        deposit: None,
        again: None,
    }
}

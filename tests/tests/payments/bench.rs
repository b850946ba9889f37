//! A firm with one client and two invoices, a gateway endpoint, a sandbox, and everything between.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use domain::account::{Contact, Profile};
use domain::command::{Command, NewInvoice};
use domain::id::{ClientId, InvoiceId, PaymentId};
use domain::money::{Currency, Money};
use domain::payment::PaymentState;
use domain::policy::read::preset_text;
use domain::role::{Actor, Role};
use domain::task::About;
use domain::text::Personal;
use gateways::stripe::API_VERSION;
use gateways::{Credentials, Secret, Timeouts, Transport, stripe};
use http_body_util::BodyExt;
use platform::clock::{Clock, FixedClock};
use platform::config::{GatewayUrls, Stage};
use platform::seal::{LocalSeal, Seal};
use portcullis::embedded::Embedded;
use portcullis::queue::{LocalQueue, QueueSettings};
use sandbox::stripe::{Act, Book, CardOutcome, Delivery, Done, SANDBOX_KEY, SandboxStripe};
use serde_json::Value;
use services::execute::{Caller, execute};
use services::firm::Firm;
use services::sweep::{Sweeper, Swept};
use services::webhook::{GatewayAccess, Webhooks, keep_secrets, open_endpoint};
use store::{
    CommitMeta, Consumed, Dynamo, Endpoint, FirmChange, FirmCommit, FirmSettings, Order,
    PageRequest, PolicyDocument, Store, Verdict,
};
use tower::ServiceExt;

/// 2026-09-21 14:13:20 UTC, a Monday morning at the firm.
pub const START: i64 = 1_790_000_000;

pub const SECRET: &str = "whsec_of_acme";

pub struct Bench {
    pub sandbox: SandboxStripe,
    pub clock: Arc<FixedClock>,
    pub dynamo: Dynamo,
    pub seal: Arc<dyn Seal>,
    pub letters: Arc<LocalQueue>,
    pub endpoint: Endpoint,
    /// What the function's own calls of the table cost.
    counted: Dynamo,
    router: Router,
    url: String,
    _table: Embedded,
}

impl Bench {
    pub async fn start() -> Self {
        let table = Embedded::in_memory().await.unwrap();
        let dynamo = table.dynamo().clone();
        let clock = Arc::new(FixedClock::at(DateTime::from_timestamp(START, 0).unwrap()));
        let now = clock.clone();
        let now = Arc::new(move || now.now().timestamp());
        let sandbox = SandboxStripe::new(SANDBOX_KEY.into(), now, Book::default());
        let url = serve(sandbox.router()).await;
        let seal: Arc<dyn Seal> = Arc::new(LocalSeal::new(&[7; 32]).unwrap());
        let counted = dynamo.counted_apart();
        let webhooks = webhooks(&counted, &seal, &url);
        let state = payment_webhook::State::new(webhooks, clock.clone(), Stage::Local);
        let letters = Arc::new(LocalQueue::new("letters", QueueSettings::default()));
        let store = Store::new(dynamo.clone(), "acme".parse().unwrap());
        let at = clock.now();
        open_firm(&store, at).await;
        let endpoint = open_stripe(&store, &*seal, false, &[SECRET], at).await;
        let router = payment_webhook::router(state);
        let bench = Self {
            sandbox,
            clock,
            dynamo,
            seal,
            letters,
            endpoint,
            counted,
            router,
            url,
            _table: table,
        };
        bench.open_client("bea").await;
        bench.invoice("bea", "A-1", Money::new(100_000, Currency::USD)).await;
        bench.invoice("bea", "A-2", Money::new(25_000, Currency::USD)).await;
        bench
    }

    pub fn store(&self) -> Store {
        self.store_of("acme")
    }

    pub fn store_of(&self, firm: &str) -> Store {
        Store::new(self.dynamo.clone(), firm.parse().unwrap())
    }

    pub async fn firm(&self) -> Firm {
        Firm::open(self.dynamo.clone(), "acme".parse().unwrap()).await.unwrap().unwrap()
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn wait(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    pub async fn execute(&self, client: &str, command: &Command) {
        let caller =
            Caller::new(Actor::Staff { id: "pat".parse().unwrap(), roles: Role::ALL.into() });
        let client = client.parse().unwrap();
        execute(&self.firm().await, &client, command, &caller, self.now()).await.unwrap();
    }

    pub async fn open_client(&self, client: &str) {
        let profile = Profile {
            name: Personal::new(client),
            class: "regular".parse().unwrap(),
            currency: Currency::USD,
            contacts: vec![Contact {
                address: Personal::new("ann@acme.example"),
                is_bounced: false,
            }],
            service_lines: [].into(),
            terms_allow_late_fee: false,
            language: None,
            late_fee_terms_since: None,
            jurisdiction: None,
        };
        self.execute(client, &Command::OpenAccount(profile)).await;
    }

    pub async fn invoice(&self, client: &str, id: &str, total: Money) {
        let new = NewInvoice {
            id: id.parse().unwrap(),
            kind: Default::default(),
            service_line: None,
            lines: Vec::new(),
            total,
            issued_on: None,
            due_on: None,
            posts_on: None,
            is_draft: false,
            deposit: None,
        };
        self.execute(client, &Command::IssueInvoice(new)).await;
    }

    /// What is open of an invoice of bea's.
    pub async fn balance(&self, invoice: &str) -> String {
        let (client, id): (ClientId, InvoiceId) =
            ("bea".parse().unwrap(), invoice.parse().unwrap());
        self.store().invoice(&client, &id).await.unwrap().unwrap().balance().to_string()
    }

    pub async fn payment_state(&self, payment: &str) -> Option<PaymentState> {
        let id: PaymentId = format!("stripe:{payment}").parse().unwrap();
        self.store().payment(&id).await.unwrap().map(|(_, payment)| payment.state())
    }

    /// Bea's client credit, summed.
    pub async fn credit(&self) -> u64 {
        let loaded = self.store().load(&"bea".parse().unwrap()).await.unwrap().unwrap();
        loaded.account.credits.values().map(|credit| credit.amount.minor()).sum()
    }

    /// The evidence of all open mismatch tasks of the firm.
    pub async fn mismatches(&self) -> Vec<String> {
        let tasks = self.store().tasks(&PageRequest::default()).await.unwrap().items;
        let evidence = tasks.into_iter().filter_map(|row| match row.task.about {
            About::Mismatch { evidence, .. } => Some(evidence.as_str().to_owned()),
            _ => None,
        });
        evidence.collect()
    }

    /// The names of all commands in bea's audit, oldest first.
    pub async fn audit(&self) -> Vec<String> {
        let (store, client) = (self.store(), "bea".parse().unwrap());
        let verdict = store.verify(&client).await.unwrap();
        let records = store.records(&client, Order::Oldest, &PageRequest::default()).await.unwrap();
        let count = records.items.len() as u64;
        assert_eq!(verdict, Verdict::Whole { records: count });
        records.items.into_iter().map(|record| record.body.command).collect()
    }

    pub fn act(&self, act: Act) -> Done {
        self.sandbox.act(act).unwrap()
    }

    /// A page over both invoices, with parameters replaced, added, or left out where they are empty.
    pub async fn page_with(&self, changes: &[(&str, &str)]) -> String {
        let form = [
            ("mode", "payment"),
            ("success_url", "https://portal.example/paid"),
            ("client_reference_id", "bea"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", "usd"),
            ("line_items[0][price_data][unit_amount]", "125000"),
            ("line_items[0][price_data][product_data][name]", "Invoices"),
            ("payment_method_types[]", "card"),
            ("payment_method_types[]", "us_bank_account"),
            ("payment_intent_data[metadata][firm]", "acme"),
            ("payment_intent_data[metadata][client]", "bea"),
            ("payment_intent_data[metadata][invoices]", "A-1,A-2"),
        ];
        let is_kept =
            |(name, _): &(&str, &str)| !changes.iter().any(|(changed, _)| changed == name);
        let mut form: Vec<_> = form.into_iter().filter(is_kept).collect();
        form.extend(changes.iter().copied().filter(|(_, value)| !value.is_empty()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(format!("{}/v1/checkout/sessions", self.url)).form(&form);
        let request = request.bearer_auth(SANDBOX_KEY).header("stripe-version", API_VERSION);
        let answer = request.send().await.unwrap().text().await.unwrap();
        let page: Value = serde_json::from_str(&answer).unwrap();
        page["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub fn pay_by_card(&self, page: &str) -> String {
        let session = page.to_owned();
        self.act(Act::PayByCard { session, outcome: CardOutcome::Succeeds }).object
    }

    /// Both invoices paid by card; the payment's id.
    pub async fn paid(&self) -> String {
        let payment = self.pay_by_card(&self.page_with(&[]).await);
        self.deliver().await;
        payment
    }

    /// Every event that is due, posted as Stripe posts it and taken where it was answered with success;
    /// kind of event, status and outcome of each.
    pub async fn deliver(&self) -> Vec<(String, u16, String)> {
        let mut said = Vec::new();
        for delivery in self.due() {
            let (status, answer) = self.post(&delivery).await;
            if (200..300).contains(&status) {
                assert!(self.sandbox.taken(&delivery.event));
            }
            let body: Value = serde_json::from_str(&delivery.body).unwrap();
            let outcome = answer["outcome"].as_str().unwrap_or_default().to_owned();
            said.push((body["type"].as_str().unwrap().to_owned(), status, outcome));
        }
        said
    }

    pub fn due(&self) -> Vec<Delivery> {
        self.sandbox.deliveries(&Secret::from(SECRET))
    }

    /// The one due event of that kind.
    pub fn event(&self, kind: &str) -> Delivery {
        let kind = format!("\"type\":\"{kind}\"");
        let mut due = self.due().into_iter().filter(|delivery| delivery.body.contains(&kind));
        due.next().unwrap_or_else(|| panic!("no {kind} is due"))
    }

    pub async fn post(&self, delivery: &Delivery) -> (u16, Value) {
        self.post_to(&self.endpoint.id, &delivery.header, delivery.body.as_bytes()).await
    }

    pub async fn post_to(&self, endpoint: &str, signature: &str, body: &[u8]) -> (u16, Value) {
        let request = Request::post(format!("/webhooks/stripe/{endpoint}"));
        let request = request.header("stripe-signature", signature).body(Body::from(body.to_vec()));
        self.send(request.unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The use cases behind the functions.
    pub fn webhooks(&self) -> Arc<Webhooks> {
        webhooks(&self.dynamo, &self.seal, &self.url)
    }

    /// The same, with what their calls of the table cost counted.
    pub fn counted_webhooks(&self) -> Arc<Webhooks> {
        webhooks(&self.counted, &self.seal, &self.url)
    }

    /// The same, with the gateway at another address.
    pub fn webhooks_at(&self, url: &str) -> Arc<Webhooks> {
        webhooks(&self.dynamo, &self.seal, url)
    }

    /// A second process over the same table.
    pub fn sweeper(&self) -> Sweeper {
        let webhooks = webhooks(&self.dynamo, &self.seal, &self.url);
        let (letters, evaluations) = (self.letters.clone(), self.letters.clone());
        Sweeper::new(webhooks, letters, evaluations, self.clock.clone())
    }

    pub async fn sweep(&self) -> Swept {
        self.sweeper().sweep().await.unwrap()
    }

    /// What the function's calls of the table cost since the last time that this was asked.
    pub fn cost(&self) -> Consumed {
        self.counted.capacity().take()
    }

    /// Another endpoint, with secrets of its own.
    pub async fn open_endpoint(&self, firm: &str, is_live: bool, signing: &[&str]) -> Endpoint {
        open_stripe(&self.store_of(firm), &*self.seal, is_live, signing, self.now()).await
    }

    pub async fn replace_secrets(&self, signing: &[&str]) {
        let (store, secrets) = (self.store(), secrets(false, signing));
        let meta = meta("keep_secrets", self.now());
        keep_secrets(&store, &*self.seal, &self.endpoint, &secrets, &meta).await.unwrap();
    }
}

pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn webhooks(dynamo: &Dynamo, seal: &Arc<dyn Seal>, url: &str) -> Arc<Webhooks> {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        answer: Duration::from_secs(5),
        total: Duration::from_secs(8),
        pause: Duration::from_millis(1),
    };
    let transport = Transport::new(timeouts);
    let urls = GatewayUrls { stripe: Some(url.to_owned()), ..GatewayUrls::default() };
    let access = GatewayAccess { transport, urls, public_url: url.to_owned() };
    Arc::new(Webhooks::new(dynamo.clone(), seal.clone(), access))
}

pub fn meta(command: &str, at: DateTime<Utc>) -> CommitMeta {
    CommitMeta {
        at,
        day: at.date_naive(),
        actor: Actor::Schedule,
        command: command.to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    }
}

pub async fn open_firm(store: &Store, at: DateTime<Utc>) {
    let settings = FirmSettings::new("Acme", chrono_tz::America::New_York);
    let opened = store.open_firm(&settings, &meta("open_firm", at)).await.unwrap();
    assert_eq!(opened, FirmCommit::Done);
    let policy = PolicyDocument {
        class: "regular".parse().unwrap(),
        version: 1,
        document: preset_text("cpa").unwrap().to_owned(),
        effective_on: "2026-01-01".parse().unwrap(),
        author: None,
        state: Default::default(),
        new_steps: Default::default(),
        late_fee_since: None,
    };
    let loaded = store.load_firm().await.unwrap().unwrap();
    let change = FirmChange::PolicyArmed(policy);
    assert_eq!(
        store.change_firm(&loaded, &change, &meta("arm", at)).await.unwrap(),
        FirmCommit::Done
    );
}

fn secrets(is_live: bool, signing: &[&str]) -> Credentials {
    let key = if is_live { "sk_live_of_acme" } else { SANDBOX_KEY };
    let signing = signing.iter().map(|&text| Secret::from(text)).collect();
    Credentials { key: key.into(), signing, ..Credentials::default() }
}

async fn open_stripe(
    store: &Store,
    seal: &dyn Seal,
    is_live: bool,
    signing: &[&str],
    at: DateTime<Utc>,
) -> Endpoint {
    let (gateway, secrets) = (stripe::NAME.parse().unwrap(), secrets(is_live, signing));
    let meta = meta("open_endpoint", at);
    open_endpoint(store, seal, &gateway, is_live, &secrets, &meta).await.unwrap()
}

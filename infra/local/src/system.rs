//! The whole system in one process: every function behind one port, on embedded parts.
//!
//! Each function is the one that runs on Lambda; only what it stands on is local: the table, the queues,
//! the mailbox, the issuer of tokens, the gateway. The sweeper is the path on which letters leave here, as
//! the table has no stream.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use gateways::{Timeouts, Transport};
use identity::{HttpKeys, Verifier};
use platform::clock::{Clock, SystemClock};
use platform::config::Stage;
use platform::mail_domains::TrialDomains;
use platform::queue::Queue;
use platform::seal::{LocalSeal, Seal};
use portal_web::TestSystem;
use sandbox::stripe::SandboxStripe;
use services::contacts::Postbox;
use services::firm::Firm;
use services::office::Office;
use services::office::gateways::Gateways;
use services::portal::{Portal, Till};
use services::reconcile::Reconciler;
use services::sweep::Sweeper;
use services::webhook::{GatewayAccess, Webhooks};
use store::Dynamo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::aws_port::{self, AwsParts};
use crate::bank;
use crate::command::clock::{MAILBOX, correspondence};
use crate::demo::{self, DemoGateway, DemoPerson, Ground};
use crate::embedded::Embedded;
use crate::files::{Readers, replace};
use crate::issuer::{AUDIENCE, ISSUER_PATH, Issuer, sign_in};
use crate::mailbox::Mailbox;
use crate::public_url;
use crate::queue::Queues;
use crate::sandboxes::{self, Routers, Sandboxes};
use crate::test_system::{LocalTestSystem, TestGround};

/// How often the sweeper looks: locally nothing else hands letters on.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How often it is asked whose day has begun.
const TICK_EVERY: Duration = Duration::from_secs(60);

/// How often it is asked which gateway is to be compared with its accounts, as on AWS; not at once: a webhook of a
/// moment ago is not lost.
const RECONCILE_EVERY: Duration = Duration::from_secs(15 * 60);

/// How often expired items are deleted.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

/// How often the sandbox posts what no endpoint took yet.
const DELIVER_EVERY: Duration = Duration::from_millis(500);

/// How often the other sandboxes look for the firm's endpoints and go on.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);

/// What a function may take for one batch, as on Lambda.
const TIME_LIMIT: TimeDelta = TimeDelta::minutes(1);

/// What a tick of comparing gateways may take, as on Lambda.
const RECONCILE_WITHIN: TimeDelta = TimeDelta::minutes(14);

/// The key that seals gateway secrets, in the data folder.
const SEAL_KEY: &str = "seal.key";

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port; 0 for any that is free.
    pub port: u16,
    /// Where the data is.
    pub data: PathBuf,
    /// Whether the demo firm is opened.
    pub demo: bool,
}

/// The running system.
#[derive(Debug)]
pub struct System {
    /// Where it answers.
    pub url: String,
    /// The demo firm's people, with tokens.
    pub people: Vec<DemoPerson>,
    /// The demo firm's webhook.
    pub gateway: Option<DemoGateway>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    embedded: Arc<Embedded>,
    queues: Queues,
    data: PathBuf,
}

/// The parts that requests go to.
struct Parts {
    webhook: Router,
    firm: Router,
    unlock: Router,
    portal: Router,
    web: Router,
    issuer: Router,
    stripe: Router,
    sandboxes: Routers,
}

impl System {
    /// Starts it.
    ///
    /// # Errors
    /// When the data folder is another process's, or something of it can't be read or written.
    pub async fn start(options: &Options) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let data = &options.data;
        let embedded = Arc::new(Embedded::open(data).await?);
        ensure!(embedded.is_owner(), "{} is in use by another portcullis", data.display());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await;
        let listener =
            listener.with_context(|| format!("can't listen on port {}", options.port))?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        public_url::keep(data, &url).context("can't keep where the system answers")?;
        let issuer = Issuer::open(data, &url)?;
        let seal = LocalSeal::new(&seal_key(data)?)?;
        let dynamo = embedded.dynamo().clone();
        let (gateway, people) = if options.demo {
            let (dynamo, seal) = (&dynamo, &seal);
            let ground = Ground { dynamo, seal, data, public_url: &url, clock: clock.clone() };
            let gateway = demo::open(&ground).await?;
            let mut people = demo::people(&issuer, &url, clock.now())?;
            people.extend(demo::contacts(&ground, clock.now()).await?);
            (Some(gateway), people)
        } else {
            (None, Vec::new())
        };
        let queues = Queues::open(data, &clock).context("can't open the queues")?;
        // Only now: opening the demo firm pays in the sandbox.
        let sandbox = bank::sandbox_of(data, clock.clone())?;
        let sandboxes = Sandboxes::open(data, &clock)?;
        let (stop, stopped) = watch::channel(false);
        let mut system = Self {
            url,
            people,
            gateway,
            stop,
            tasks: JoinSet::new(),
            embedded: embedded.clone(),
            queues,
            data: data.clone(),
        };
        let webhooks = webhooks_on(data, dynamo.clone(), &system.url)?;
        let keys = Arc::new(HttpKeys::at(issuer.keys_url()));
        let verifier = Arc::new(Verifier::new(issuer.expected(), keys));
        let office = Office::new(dynamo.clone(), verifier, clock.clone());
        let usual_firm = options.demo.then(demo::firm_id).transpose()?;
        let portal = Portal::new(dynamo.clone(), clock.clone(), usual_firm);
        let test_system = system.test_system(data, sandbox.clone(), &clock, stopped.clone())?;
        let parts = Parts {
            webhook: payment_webhook::router(payment_webhook::State::new(
                webhooks.clone(),
                clock.clone(),
                Stage::Local,
            )),
            firm: firm_api::router(firm_api::State {
                office: office.clone(),
                postbox: Postbox::on(system.queues.letters.clone()),
                public_url: system.url.clone(),
                domains: Arc::new(TrialDomains),
                gateways: gateways_on(data, &system.url)?,
            }),
            unlock: unlock_approval::router(unlock_approval::State { office: office.clone() }),
            portal: portal_api::router(portal_api::State {
                portal: portal.clone(),
                till: Till::new(webhooks.clone(), &system.url),
                postbox: Postbox::on(system.queues.letters.clone()),
            }),
            web: portal_web::router(pages(office, portal, &issuer, &system.url, Some(test_system))),
            issuer: issuer.router().merge(sign_in::router(
                issuer.clone(),
                &system.url,
                signing_in(options.demo)?,
                clock.clone(),
            )),
            stripe: sandbox.router(),
            sandboxes: sandboxes.routers(),
        };
        system.serve(listener, parts, stopped.clone());
        let now = clock.now();
        system.work(data, clock.clone(), webhooks, stopped.clone()).await?;
        system.deliver(sandbox, data, now, stopped.clone()).await?;
        system.follow(sandboxes, data, clock, stopped)?;
        Ok(system)
    }

    fn serve(&mut self, listener: TcpListener, parts: Parts, stopped: watch::Receiver<bool>) {
        let app = Router::new().fallback(dispatch).with_state(Arc::new(parts));
        self.answer(listener, app, stopped);
    }

    fn answer(&mut self, listener: TcpListener, app: Router, mut stopped: watch::Receiver<bool>) {
        self.tasks.spawn(async move {
            let stop = async move {
                // The sender lives as long as the system: its end is a stop as well.
                let _ended = stopped.wait_for(|stopped| *stopped).await;
            };
            if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
                tracing::error!(%error, "Stopped answering");
            }
        });
    }

    /// What pages of test firms use beside the functions (TEST-1).
    fn test_system(
        &self,
        data: &Path,
        sandbox: SandboxStripe,
        clock: &Arc<dyn Clock>,
        stopped: watch::Receiver<bool>,
    ) -> Result<Arc<dyn TestSystem>> {
        let mailbox = Mailbox::open(data.join(MAILBOX), clock.clone());
        let ground = TestGround {
            dynamo: self.embedded.dynamo().clone(),
            correspondence: correspondence(data, &self.url, clock.clone())?,
            sandbox,
            mailbox: mailbox.context("can't open the mailbox")?,
            clock: clock.clone(),
            stopped,
        };
        Ok(Arc::new(LocalTestSystem::new(ground)))
    }

    /// The queues' workers and the schedule.
    async fn work(
        &mut self,
        data: &Path,
        clock: Arc<dyn Clock>,
        webhooks: Arc<Webhooks>,
        stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        let dynamo = self.embedded.dynamo().clone();
        let Queues { letters, evaluations } = self.queues.clone();
        let mail = correspondence(data, &self.url, clock.clone())?;
        let letter_state =
            Arc::new(demand_letter::State::new(dynamo.clone(), mail, clock.clone(), Stage::Local));
        let queue: Arc<dyn Queue> = evaluations.clone();
        let day_state =
            Arc::new(lock_evaluation::State::new(dynamo, queue, clock.clone(), Stage::Local));
        let letter_queue: Arc<dyn Queue> = letters.clone();
        let evaluation_queue: Arc<dyn Queue> = evaluations.clone();
        self.reconcile(webhooks.clone(), &clock, stopped.clone());
        let sweeper = Sweeper::new(webhooks, letter_queue, evaluation_queue, clock.clone());
        // The folder is this process's alone: whoever had taken a webhook is gone.
        sweeper.take_over().await.context("can't go on with the webhooks of before")?;
        let job_state = Arc::new(jobs::State::new(sweeper, clock.clone(), Stage::Local));
        let (stop, now) = (ended(stopped.clone()), clock.clone());
        self.tasks.spawn(async move {
            let handle = |event| {
                let (state, deadline) = (letter_state.clone(), now.now() + TIME_LIMIT);
                async move { demand_letter::batch_until(&state, event, deadline).await }
            };
            letters.run(handle, stop).await;
        });
        let (stop, state, now) = (ended(stopped.clone()), day_state.clone(), clock.clone());
        self.tasks.spawn(async move {
            let handle = |event| {
                let (state, deadline) = (state.clone(), now.now() + TIME_LIMIT);
                async move { lock_evaluation::batch(&state, event, deadline).await }
            };
            evaluations.run(handle, stop).await;
        });
        self.every(TICK_EVERY, stopped.clone(), move || {
            let (state, deadline) = (day_state.clone(), clock.now() + TIME_LIMIT);
            async move {
                if let Err(error) = lock_evaluation::tick(&state, deadline).await {
                    tracing::error!(error = %platform::log::chain(&error), "Could not ask whose day has begun");
                }
            }
        });
        self.every(SWEEP_EVERY, stopped.clone(), move || {
            let state = job_state.clone();
            async move {
                if let Err(error) = jobs::sweep(&state).await {
                    tracing::error!(error = %platform::log::chain(&error), "Could not sweep the outbox");
                }
            }
        });
        let embedded = self.embedded.clone();
        self.every(EXPIRE_EVERY, stopped, move || {
            let embedded = embedded.clone();
            async move { embedded.sweep_expired() }
        });
        Ok(())
    }

    /// What webhooks lost is looked for by its schedule.
    fn reconcile(
        &mut self,
        webhooks: Arc<Webhooks>,
        clock: &Arc<dyn Clock>,
        stopped: watch::Receiver<bool>,
    ) {
        let reconciler = Reconciler::new(webhooks, clock.clone());
        let state = Arc::new(reconcile::State::new(reconciler, clock.clone(), Stage::Local));
        let begin = tokio::time::Instant::now() + RECONCILE_EVERY;
        let clock = clock.clone();
        self.every_from(begin, RECONCILE_EVERY, stopped, move || {
            let (state, deadline) = (state.clone(), clock.now() + RECONCILE_WITHIN);
            async move {
                if let Err(error) = reconcile::tick(&state, deadline).await {
                    tracing::error!(error = %platform::log::chain(&error), "Could not ask which gateway is to be compared");
                }
            }
        });
    }

    /// Lets the sandbox go on: banks follow the demo firm's day, webhooks go to its endpoint.
    async fn deliver(
        &mut self,
        sandbox: SandboxStripe,
        data: &Path,
        now: DateTime<Utc>,
        stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        let Some(gateway) = &self.gateway else { return Ok(()) };
        let firm = Firm::open(self.embedded.dynamo().clone(), demo::firm_id()?).await?;
        let firm = firm.context("the demo firm is gone")?;
        bank::serve_demo(&sandbox, &firm.settings().name, gateway, &self.url);
        sandbox.note_day(firm.day(now));
        bank::announce(data, &self.url)?;
        self.every(DELIVER_EVERY, stopped, move || {
            let sandbox = sandbox.clone();
            async move { sandbox.go_on().await }
        });
        Ok(())
    }

    /// Lets the other sandboxes go on, where the demo firm connected them.
    fn follow(
        &mut self,
        sandboxes: Sandboxes,
        data: &Path,
        clock: Arc<dyn Clock>,
        stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        if self.gateway.is_none() {
            return Ok(());
        }
        let (dynamo, url) = (self.embedded.dynamo().clone(), self.url.clone());
        let seal = Arc::new(LocalSeal::new(&seal_key(data)?)?);
        self.every(FOLLOW_EVERY, stopped, move || {
            let (sandboxes, dynamo, clock) = (sandboxes.clone(), dynamo.clone(), clock.clone());
            let (seal, url) = (seal.clone(), url.clone());
            async move {
                let followed = async {
                    let firm = Firm::open(dynamo, demo::firm_id()?).await?;
                    let Some(firm) = firm else { return Ok(()) };
                    sandboxes.go_on(&firm, &*seal, &url, firm.day(clock.now())).await
                };
                if let Err(error) = followed.await {
                    tracing::error!("The sandboxes could not go on: {error:#}");
                }
            }
        });
        Ok(())
    }

    fn every<F, Fut>(&mut self, period: Duration, stopped: watch::Receiver<bool>, work: F)
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.every_from(tokio::time::Instant::now(), period, stopped, work);
    }

    fn every_from<F, Fut>(
        &mut self,
        begin: tokio::time::Instant,
        period: Duration,
        mut stopped: watch::Receiver<bool>,
        work: F,
    ) where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(async move {
            let mut interval = tokio::time::interval_at(begin, period);
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stopped.changed() => return,
                    _ = interval.tick() => {}
                }
                work().await;
            }
        });
    }

    /// Also answers as AWS on that port, 0 for any that is free; tells the address.
    ///
    /// # Errors
    /// When the port is taken, or a file of the data folder can't be read.
    pub async fn serve_aws(&mut self, port: u16) -> Result<String> {
        let listening = aws_port::listen(port).await;
        let (listener, url) = listening.with_context(|| format!("can't listen on port {port}"))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mailbox = Mailbox::open(self.data.join(MAILBOX), clock.clone());
        let parts = AwsParts {
            table_url: self.embedded.url().to_owned(),
            queues: self.queues.clone(),
            mail: Arc::new(mailbox.context("can't open the mailbox")?),
            seal: Arc::new(LocalSeal::new(&seal_key(&self.data)?)?),
            clock,
        };
        self.answer(listener, aws_port::router(parts, &url), self.stop.subscribe());
        Ok(url)
    }

    /// The table's own address, for tests and the SDK.
    pub fn embedded(&self) -> &Embedded {
        &self.embedded
    }

    /// Stops: what is under way is finished.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        bank::withdraw(&self.data);
        if let Ok(embedded) = Arc::try_unwrap(self.embedded) {
            embedded.close().await;
        }
    }
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // The sender's end is a stop as well.
    let _ended = stopped.wait_for(|stopped| *stopped).await;
}

/// Hands a request to the function that owns its path, as the API gateway's routes do.
async fn dispatch(State(parts): State<Arc<Parts>>, request: Request<Body>) -> Response {
    let path = request.uri().path().to_owned();
    let is_under = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_under("/v1") || is_under("/sandbox/stripe") {
        return answer(&parts.stripe, request).await;
    }
    let Routers { square, paypal, affinipay } = &parts.sandboxes;
    for (router, prefixes) in [
        (square, ["/v2", "/sandbox/square"]),
        (paypal, ["/paypal", "/sandbox/paypal"]),
        (affinipay, ["/sandbox/affinipay", "/sandbox/affinipay"]),
    ] {
        if prefixes.into_iter().any(is_under) {
            return answer(router, request).await;
        }
    }
    let router = match () {
        () if is_under("/webhooks") => &parts.webhook,
        () if is_unlock(&path) => &parts.unlock,
        () if is_under("/firm/v1") => &parts.firm,
        () if is_under("/portal/v1") => &parts.portal,
        () if is_under(ISSUER_PATH) => &parts.issuer,
        () => &parts.web,
    };
    answer(router, request).await
}

async fn answer(router: &Router, request: Request<Body>) -> Response {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// What `unlock-approval` owns of `/firm/v1`.
fn is_unlock(path: &str) -> bool {
    let mut parts = path.trim_start_matches('/').split('/').skip(2);
    match (parts.next(), parts.nth(1)) {
        (Some("unlock-requests"), _) => path.starts_with("/firm/v1/"),
        (Some("clients"), Some("unlock-requests" | "exception-unlock")) => {
            path.starts_with("/firm/v1/")
        }
        _ => false,
    }
}

/// The webhooks of a data folder, with Stripe at that address.
///
/// # Errors
/// When the sealing key can't be used, or the HTTP client can't be made.
pub(crate) fn webhooks_on(data: &Path, dynamo: Dynamo, stripe_url: &str) -> Result<Arc<Webhooks>> {
    let seal: Arc<dyn Seal> = Arc::new(LocalSeal::new(&seal_key(data)?)?);
    Ok(Arc::new(Webhooks::new(dynamo, seal, access(stripe_url))))
}

/// How an admin's gateways are reached, and sealed in a data folder.
fn gateways_on(data: &Path, url: &str) -> Result<Gateways> {
    Ok(Gateways::new(Arc::new(LocalSeal::new(&seal_key(data)?)?), access(url)))
}

fn access(url: &str) -> GatewayAccess {
    let transport = Transport::new(Timeouts::default());
    GatewayAccess { transport, urls: sandboxes::urls(url), public_url: url.to_owned() }
}

/// The key that seals gateway secrets, made once.
///
/// # Errors
/// When the file of it can't be read or written.
pub fn seal_key(data: &Path) -> Result<[u8; 32]> {
    let path = data.join(SEAL_KEY);
    let read = |text: String| -> Result<[u8; 32]> {
        let bytes = hex::decode(text.trim()).context("it is not hexadecimal")?;
        bytes.try_into().map_err(|_| anyhow::anyhow!("it does not have 32 bytes"))
    };
    if let Ok(text) = fs::read_to_string(&path) {
        return read(text).with_context(|| format!("can't use the key in {}", path.display()));
    }
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    replace(&path, hex::encode(key).as_bytes(), Readers::Owner)
        .with_context(|| format!("can't write {}", path.display()))?;
    Ok(key)
}

/// What the pages stand on.
fn pages(
    office: Office,
    portal: Portal,
    issuer: &Issuer,
    url: &str,
    test_system: Option<Arc<dyn TestSystem>>,
) -> portal_web::State {
    let settings = portal_web::SignInSettings {
        authorize_url: issuer.authorize_url(),
        token_url: issuer.token_url(),
        client_id: AUDIENCE.to_owned(),
        public_url: url.to_owned(),
    };
    let sign_in = Arc::new(portal_web::SignIn::new(settings));
    portal_web::State { office, portal, sign_in, test_system }
}

/// Who can sign in here.
fn signing_in(is_demo: bool) -> Result<Vec<sign_in::Person>> {
    if is_demo { demo::signing_in() } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unl_1_unlock_approval_owns_its_paths() {
        for (path, expected) in [
            ("/firm/v1/unlock-requests", true),
            ("/firm/v1/unlock-requests/r-1/approve", true),
            ("/firm/v1/clients/acme/unlock-requests", true),
            ("/firm/v1/clients/acme/exception-unlock", true),
            ("/firm/v1/clients/acme/lock", false),
            ("/firm/v1/clients/unlock-requests", false),
            ("/firm/v2/unlock-requests", false),
            ("/firm/v1", false),
            ("/", false),
        ] {
            assert_eq!(is_unlock(path), expected, "{path}");
        }
    }

    #[test]
    fn sec_5_the_sealing_key_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let key = seal_key(folder.path()).unwrap();
        assert_eq!(seal_key(folder.path()).unwrap(), key);
        fs::write(folder.path().join(SEAL_KEY), "short").unwrap();
        assert!(seal_key(folder.path()).is_err());
    }
}

//! The portal's door: every request of a contact passes here, or gets no further.
//!
//! The session's token proves firm, contact and clients together, by one read that is done anew with each
//! request (SEC-1, SEC-3). Whoever isn't signed in is a [`Stranger`], of whom only the network is known, by
//! which tries are counted (SEC-4).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::access::Capability;
use domain::command::Command;
use domain::id::{ClientId, FirmId};
use identity::contact::{ContactPrincipal, Origin};
use platform::clock::Clock;
use store::{Dynamo, Store};

use super::standing::Standing;
use crate::contacts::{ContactError, Visit, has_address, session};
use crate::execute::{Caller, Executed, View, execute, view};
use crate::firm::Firm;
use crate::http::once::{First, Once};
use crate::http::{Problem, ProblemKind, RequestId, read_body, request_id};

/// The largest body: what somebody writes in a form.
const MAX_BODY: usize = 32 * 1024;

/// What every request needs.
#[derive(Clone)]
pub struct Portal {
    dynamo: Dynamo,
    clock: Arc<dyn Clock>,
    usual_firm: Option<FirmId>,
}

impl Portal {
    /// Over that table. Where a deployment serves one firm, its sign-in page needs no name of it.
    pub fn new(dynamo: Dynamo, clock: Arc<dyn Clock>, usual_firm: Option<FirmId>) -> Self {
        Self { dynamo, clock, usual_firm }
    }

    /// The machine's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The table.
    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }

    /// The firm that a stranger wants to sign in at: the one named, else the deployment's. It decides where
    /// an address is looked for; who signs in is bound to the firm of their session.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn firm(&self, named: Option<&str>) -> Result<Option<Firm>, Problem> {
        let named = named.map(str::trim).filter(|name| !name.is_empty());
        let firm = match named {
            Some(name) => name.parse().ok(),
            None => self.usual_firm.clone(),
        };
        match firm {
            Some(firm) => Ok(Firm::open(self.dynamo.clone(), firm).await?),
            None => Ok(None),
        }
    }

    /// Who shows that token.
    ///
    /// # Errors
    /// [`ProblemKind::Unauthorized`], whatever isn't right about it; whatever reading has.
    pub async fn enter(&self, token: &str, id: &RequestId) -> Result<Visitor, Problem> {
        let now = self.clock.now();
        let principal = session(&self.dynamo, None, token, now).await?;
        let firm = Firm::open(self.dynamo.clone(), principal.firm.clone()).await?;
        let firm = firm.ok_or(ContactError::NotSignedIn)?;
        let caller = Caller { actor: principal.actor(), request_id: Some(id.0.clone()) };
        Ok(Visitor {
            principal: Arc::new(principal),
            firm: Arc::new(firm),
            now,
            caller,
            once: None,
        })
    }
}

/// A contact who is signed in, for one request.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who, of which firm, for which clients.
    pub principal: Arc<ContactPrincipal>,
    /// That firm.
    pub firm: Arc<Firm>,
    /// When the request came.
    pub now: DateTime<Utc>,
    /// Who a command comes from.
    pub caller: Caller,
    /// A name for what this request makes, the same whenever it is made; if it has a key.
    pub once: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let visitor = parts.extensions.get::<Self>().cloned();
        // A route outside the door: nobody is let through.
        visitor.ok_or_else(|| Problem::new(ProblemKind::Internal, "this address is not served"))
    }
}

impl Visitor {
    /// The firm's part of the table.
    pub fn store(&self) -> &Store {
        self.firm.store()
    }

    /// One of the contact's own clients as it is now.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`] for every other one, whether or not it is there (SEC-1).
    pub async fn view(&self, client: &ClientId) -> Result<View, Problem> {
        let not_found = || Problem::not_found("client");
        self.principal.require(client).map_err(|_| not_found())?;
        let view = view(&self.firm, client, self.now).await?;
        // Its address may have been taken off the client's list while it was invited (SEC-3).
        let is_open = |view: &View| has_address(&view.loaded.account, &self.principal.address);
        view.filter(is_open).ok_or_else(not_found)
    }

    /// All of the contact's own clients as they are now.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn views(&self) -> Result<Vec<View>, Problem> {
        let mut views = Vec::new();
        for client in &self.principal.clients {
            match self.view(client).await {
                Ok(view) => views.push(view),
                Err(problem) if problem.kind == ProblemKind::NotFound => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(views)
    }

    /// The same, if its portal opens that (ACC-1).
    ///
    /// # Errors
    /// Why not, and what to do about it (ACC-3).
    pub async fn view_for(
        &self,
        client: &ClientId,
        capability: Capability,
    ) -> Result<View, Problem> {
        let view = self.view(client).await?;
        Standing::of(&view).require(&view, capability)?;
        Ok(view)
    }

    /// Carries out a command on one of the contact's own clients.
    ///
    /// # Errors
    /// What the rules refuse; whatever reading and writing have.
    pub async fn execute(&self, client: &ClientId, command: &Command) -> Result<Executed, Problem> {
        self.view(client).await?;
        Ok(execute(&self.firm, client, command, &self.caller, self.now).await?)
    }
}

/// The network that a request comes from, as the platform saw it; a function puts it into the request's
/// extensions. Without one it is this machine.
#[derive(Debug, Clone, Copy)]
pub struct Network(pub IpAddr);

/// Somebody who isn't signed in.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// When the request came.
    pub now: DateTime<Utc>,
    /// From where, on what.
    pub visit: Visit,
    /// A name for what this request makes, if it has a key.
    pub once: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Stranger {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let stranger = parts.extensions.get::<Self>().cloned();
        stranger.ok_or_else(|| Problem::new(ProblemKind::Internal, "this address is not served"))
    }
}

/// From where a request comes.
pub fn visit(parts: &Parts, id: &RequestId) -> Visit {
    let here = Network(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let Network(address) = parts.extensions.get().copied().unwrap_or(here);
    let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Visit {
        origin: Origin::of(address),
        device: device(agent.unwrap_or_default()),
        request_id: Some(id.0.clone()),
    }
}

/// "Firefox on Windows": enough to recognize one's own machine by. The order matters: most browsers call
/// themselves by several names.
fn device(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "another program".to_owned(),
    }
}

/// Lets a contact's request through to its handler, or answers it here.
pub async fn open_door(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let told = Told::of(&parts);
    let answered = pass(&portal, &told.id, parts, body, next).await;
    let (firm, response) = answered.unwrap_or_else(|problem| (None, problem.into_response()));
    told.log(firm.as_ref(), response)
}

/// Lets a stranger's request through.
pub async fn receive(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let told = Told::of(&parts);
    let response = async {
        let body = read_body(&parts.headers, body, MAX_BODY).await?;
        let once = Once::of((&parts.method, &parts.uri, &parts.headers), "stranger", &body)?;
        let visit = visit(&parts, &told.id);
        let once = once.map(|once| once.name().to_owned());
        parts.extensions.insert(Stranger { now: portal.now(), visit, once });
        Ok::<_, Problem>(next.run(Request::from_parts(parts, Body::from(body))).await)
    };
    let response = response.await.unwrap_or_else(IntoResponse::into_response);
    told.log(None, response)
}

/// What the log says of a request: the route and not the address, that may hold anything.
struct Told {
    id: RequestId,
    what: String,
}

impl Told {
    fn of(parts: &Parts) -> Self {
        let route = parts.extensions.get::<MatchedPath>().map_or("none", MatchedPath::as_str);
        Self { id: RequestId::of(parts), what: format!("{} {route}", parts.method) }
    }

    fn log(self, firm: Option<&FirmId>, mut response: Response) -> Response {
        let (firm, status) = (firm.map_or("", FirmId::as_str), response.status().as_u16());
        tracing::info!(request.id = %self.id.0, firm.id = firm, "Answered {} with {status}", self.what);
        if let Ok(value) = HeaderValue::from_str(&self.id.0) {
            response.headers_mut().insert(request_id::HEADER, value);
        }
        response
    }
}

async fn pass(
    portal: &Portal,
    id: &RequestId,
    mut parts: Parts,
    body: Body,
    next: Next,
) -> Result<(Option<FirmId>, Response), Problem> {
    let token = bearer(&parts.headers).ok_or(ContactError::NotSignedIn)?;
    let visitor = portal.enter(&token, id).await?;
    let firm = Some(visitor.firm.id().clone());
    let visit = visit(&parts, id);
    let inside = async {
        let body = read_body(&parts.headers, body, MAX_BODY).await?;
        let contact = visitor.principal.contact.as_str();
        let once = Once::of((&parts.method, &parts.uri, &parts.headers), contact, &body)?;
        let (store, now) = (visitor.store().clone(), visitor.now);
        let name = once.as_ref().map(|once| once.name().to_owned());
        parts.extensions.insert(Stranger { now, visit, once: name.clone() });
        parts.extensions.insert(Visitor { once: name, ..visitor });
        let request = Request::from_parts(parts, Body::from(body));
        match once {
            None => Ok(next.run(request).await),
            Some(once) => match once.begin(&store, now).await? {
                First::Done(response) => Ok(*response),
                First::New => once.end(&store, next.run(request).await).await,
            },
        }
    };
    let response = inside.await.unwrap_or_else(|problem: Problem| problem.into_response());
    Ok((firm, response))
}

/// The token that a request shows.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_3_a_machine_is_called_so_that_its_owner_knows_it() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
                "Chrome on Mac",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Linux",
            ),
            ("curl/8.5.0", "another program"),
            ("", "another program"),
        ] {
            assert_eq!(device(agent), expected, "for {agent}");
        }
    }

    #[test]
    fn sec_1_one_token_is_shown_or_none() {
        for (values, expected) in [
            (&["Bearer abc"][..], Some("abc")),
            (&["bearer abc "], Some("abc")),
            (&["Basic abc"], None),
            (&["abc"], None),
            (&["Bearer a", "Bearer b"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(bearer(&headers).as_deref(), expected, "for {values:?}");
        }
    }
}

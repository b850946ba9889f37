//! The portal as a client's browser without scripts meets it, on the real binary with the sandbox to pay in:
//! from a printed link, or a letter's, to the gateway's page and back (PAY-8, LET-7, SEC-1, SEC-6).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use reqwest::header::{COOKIE, HOST, LOCATION, ORIGIN, REFRESH, SET_COOKIE};
use serde_json::json;
use up::Up;

/// A browser as far as these tests need one: it keeps cookies and follows where it is sent.
struct Browser {
    client: reqwest::Client,
    url: String,
    cookies: BTreeMap<String, String>,
}

/// A page, or a redirect.
#[derive(Debug)]
struct Page {
    status: u16,
    location: String,
    refresh: String,
    html: String,
}

impl Page {
    /// The fields of the first form that posts to that address, as it stands there.
    fn form(&self, action: &str) -> Vec<(String, String)> {
        let begin = format!("action=\"{action}\"");
        let form = self.html.split(&begin).nth(1);
        let form = form.unwrap_or_else(|| panic!("no form to {action} in {}", self.html));
        let form = form.split("</form>").next().unwrap();
        let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
        let field = |text: &str| {
            let (name, rest) = text.split_once("\" value=\"").unwrap();
            (name.to_owned(), plain(rest.split('"').next().unwrap()))
        };
        fields.map(field).collect()
    }
}

fn plain(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}

impl Browser {
    fn new(up: &Up) -> Self {
        let policy = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(policy).build().unwrap();
        Self { client, url: up.url.clone(), cookies: BTreeMap::new() }
    }

    /// Signed in by a link that the system printed.
    async fn by(up: &Up, link: &str) -> Self {
        let mut browser = Self::new(up);
        let page = browser.get(link).await;
        assert_eq!(page.status, 200);
        // Looking uses nothing up: a mail scanner may.
        assert_eq!(browser.get(link).await.status, 200);
        let fields = page.form("/portal/v1/sign-in-links/confirm");
        let signed_in = browser.post("/portal/v1/sign-in-links/confirm", &fields).await;
        assert_eq!((signed_in.status, signed_in.location.as_str()), (303, "/portal"));
        assert_eq!(browser.get(link).await.status, 410, "once");
        browser
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, &[]).await
    }

    async fn post(&mut self, path: &str, fields: &[(String, String)]) -> Page {
        self.send(Method::POST, path, fields).await
    }

    async fn send(&mut self, method: Method, path: &str, fields: &[(String, String)]) -> Page {
        let address = match path.starts_with('/') {
            true => format!("{}{path}", self.url),
            false => path.to_owned(),
        };
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request =
            self.client.request(method.clone(), address).header(COOKIE, cookies.join("; "));
        let request = match method {
            Method::POST => request
                .header(HOST, self.url.trim_start_matches("http://"))
                .header(ORIGIN, &self.url)
                .header("sec-fetch-site", "same-origin")
                .form(fields),
            _ => request,
        };
        let response = request.send().await.unwrap();
        for set in response.headers().get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            match set.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let header = |name| {
            let value = response.headers().get(name);
            value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let (location, refresh) = (header(LOCATION), header(REFRESH));
        let status = response.status().as_u16();
        Page { status, location, refresh, html: response.text().await.unwrap() }
    }

    /// Asks for a page to pay on by the first such form of a page; the name of the gateway's page.
    async fn begin(&mut self, page: &Page, action: &str) -> (String, String) {
        let begun = self.post(action, &page.form(action)).await;
        assert_eq!(begun.status, 303, "{}", begun.html);
        assert!(begun.location.ends_with("/pay"), "{begun:?}");
        let on = self.get(&begun.location).await;
        let url = on.refresh.strip_prefix("0; url=").unwrap_or_else(|| panic!("{on:?}"));
        let session = url.rsplit('/').next().unwrap().to_owned();
        (begun.location.trim_end_matches("/pay").to_owned(), session)
    }
}

/// What the payer does on the gateway's page; where they are sent then.
async fn act(up: &Up, act: &str, session: &str) {
    let acts = format!("{}/sandbox/stripe/acts", up.url);
    let body = json!({"act": act, "session": session});
    let answer = reqwest::Client::new().post(acts).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{act}: {}", answer.text().await.unwrap());
}

/// The address to which the gateway sends a payer back, for the page of that address.
fn way_back(page: &str) -> String {
    match page.strip_prefix("/l/") {
        Some(rest) => format!("/portal/v1/links/{rest}/return"),
        None => format!("{}/return", page.replacen("/portal/", "/portal/v1/", 1)),
    }
}

/// The link in the newest letter to that address which has one.
fn letters_link(mailbox: &Path, to: &str) -> String {
    let mut files: Vec<_> =
        std::fs::read_dir(mailbox).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let link = |path: &std::path::PathBuf| {
        // Lines are folded with `=` where they are long.
        let text = std::fs::read_to_string(path).ok()?.replace("=\r\n", "").replace("=\n", "");
        if !text.contains(to) {
            return None;
        }
        let (_, rest) = text.split_once("/l/")?;
        let is_token = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
        Some(rest.chars().take_while(is_token).collect::<String>())
    };
    format!("/l/{}", files.iter().rev().find_map(link).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_8_a_payer_is_told_what_the_gateway_says() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path());
    let mut ann = Browser::by(&up, up.link("ann@acme.example")).await;
    let overview = ann.get("/portal").await;
    for name in ["Acme Holdings, LLC", "Acme Home Builders, Inc.", "Acme Retail Stores, LLC"] {
        assert!(overview.html.contains(name), "everything names its client");
    }
    assert!(overview.html.contains("1 unpaid invoice over 30 days"));
    let home = "/portal/clients/acme-homes";
    let dashboard = ann.get(home).await;
    let checkout = "/portal/v1/checkouts";

    // Not paid yet, then declined: nothing was paid.
    let (page, session) = ann.begin(&dashboard, checkout).await;
    let back = ann.get(&way_back(&page)).await;
    assert_eq!((back.status, &back.location), (303, &page));
    assert!(ann.get(&page).await.html.contains("Nothing was paid"));
    // What stands in the address is not believed.
    let boast = ann.get(&format!("{page}?redirect_status=succeeded&paid=yes")).await;
    assert!(boast.html.contains("Nothing was paid"));
    act(&up, "pay_by_card", &session).await;
    ann.get(&way_back(&page)).await;
    let paid = ann.get(&page).await;
    assert!(
        paid.html.contains("Paid, thank you") && paid.html.contains("1,045.00 USD"),
        "{}",
        paid.html
    );
    assert!(paid.html.contains("stays locked"), "payment alone opens nothing (UNL-1)");
    assert!(paid.html.contains("A person at the firm looks at it and opens it"), "{}", paid.html);
    let payments = ann.get(&format!("{home}/payments")).await;
    assert!(payments.html.contains("1,045.00 USD"));
    let nothing = ann.get(&format!("{home}/invoices/DP-2010")).await;
    assert!(nothing.html.contains("paid") && !nothing.html.contains("now</button>"));

    // A second page for the same takes the place of the first.
    let retail = ann.get("/portal/clients/acme-retail").await;
    let (_, first) = ann.begin(&retail, checkout).await;
    let retail = ann.get("/portal/clients/acme-retail").await;
    let (page, second) = ann.begin(&retail, checkout).await;
    assert_ne!(first, second);
    // A bank debit is on its way.
    act(&up, "pay_by_bank", &second).await;
    ann.get(&way_back(&page)).await;
    assert!(ann.get(&page).await.html.contains("on its way"));
    let dashboard = ann.get("/portal/clients/acme-retail").await;
    assert!(dashboard.html.contains("On its way from the bank: 455.00 USD"), "{}", dashboard.html);

    // Whoever is signed out meanwhile signs in, and comes back to the page.
    let mut stranger = Browser::new(&up);
    let back = stranger.get(&way_back(&page)).await;
    assert_eq!(back.location, format!("/sign-in?next={page}"));
    assert_eq!(up.stop().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_7_a_letters_link_shows_its_debt_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path());
    let link = letters_link(&folder.path().join("mailbox"), "frontdesk@dune-fitness.example");
    let mut reader = Browser::new(&up);
    let page = reader.get(&link).await;
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.html.contains("Dune Street Fitness") && page.html.contains("DP-2011"));
    for hidden in ["Locked", "locked", "credit", "frontdesk@", "DP-1"] {
        assert!(!page.html.contains(hidden), "{hidden} is not the link's to tell: {}", page.html);
    }
    // Not another's invoice, nor any other page.
    let action = format!("/portal/v1{}/checkouts", link.replacen("/l/", "/links/", 1));
    let mut fields = page.form(&action);
    fields
        .iter_mut()
        .filter(|(name, _)| name == "invoices[]")
        .for_each(|f| f.1 = "DP-2010".to_owned());
    let refused = reader.post(&action, &fields).await;
    assert_eq!(refused.location, link);
    assert!(reader.get(&link).await.html.contains("role=\"alert\""));
    assert_eq!(reader.get("/portal").await.location, "/sign-in?next=%2Fportal");

    // What is done with it is `link` in the audit.
    let records = format!("/portal/v1{}/records-requests", link.replacen("/l/", "/links/", 1));
    reader.post(&records, &page.form(&records)).await;
    let events = up.get("bea", "/firm/v1/clients/dune/events?limit=1").await;
    assert_eq!(events["items"][0]["by"], "link", "{events}");

    let page = reader.get(&link).await;
    let (result, session) = reader.begin(&page, &action).await;
    act(&up, "pay_by_card", &session).await;
    let back = reader.get(&way_back(&result)).await;
    assert_eq!(back.location, result);
    // What opens a portal is said, and not whether this one is locked.
    let paid = reader.get(&result).await.html;
    assert!(paid.contains("Paid, thank you") && paid.contains("If the client portal is locked"));
    let settled = reader.get(&link).await;
    assert!(settled.html.contains("Everything here is settled"));
    assert_eq!(up.stop().code(), Some(0));
}

/// What a page says above its content, and whether it was done.
fn said(page: &Page) -> &str {
    let place = page.html.split("<div id=\"said\">").nth(1).unwrap_or_default();
    place.split("</div>").next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dis_1_prom_1_and_plan_1_a_client_says_something_of_its_debt() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path());
    let mut ann = Browser::by(&up, up.link("ann@acme.example")).await;
    let home = "/portal/clients/acme-homes";
    let api = "/portal/v1/clients/acme-homes";
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    // Page, where its form goes, what is typed, what is said then, what the summary says from then on.
    for (page, action, typed, done, state) in [
        (
            "dispute?invoice=DP-2010",
            "disputes",
            vec![field("reason", "two hours too many"), field("amount.amount", "45.00")],
            "Your dispute is noted",
            "45.00 USD is in dispute",
        ),
        (
            "plan",
            "plan-requests",
            vec![field("invoices[]", "DP-2010"), field("wish", "half now")],
            "Your request is with the firm",
            "You asked for a payment plan on",
        ),
        (
            "promise",
            "promises",
            vec![field("invoice", "DP-2010"), field("until", "2026-10-05")],
            "Your promise is noted",
            "You promised to pay invoice DP-2010 by Oct 5, 2026",
        ),
        (
            "unlock",
            "unlock-requests",
            vec![],
            "Your request is with the firm",
            "to open it, and looks",
        ),
    ] {
        let page = format!("{home}/{page}");
        let shown = ann.get(&page).await;
        assert!(shown.html.contains("What will happen"), "{page}");
        let action = format!("{api}/{action}");
        // Nothing typed where something must be, and a date out of reach: refused in a sentence.
        let refusing =
            vec![field("until", "2027-01-01"), field("reason", " "), field("invoice", "DP-2010")];
        if !typed.is_empty() {
            let mut fields = shown.form(&action);
            fields.retain(|(name, _)| name.starts_with('_'));
            let wanted = |name: &str| typed.iter().any(|(known, _)| known == name);
            fields.extend(refusing.into_iter().filter(|(name, _)| wanted(name)));
            assert_eq!(ann.post(&action, &fields).await.location, page);
            let refused = ann.get(&page).await;
            let said = said(&refused);
            assert!(said.contains("role=\"alert\"") && said.contains(".</p>"), "{page}: {said}");
        }
        let mut fields = ann.get(&page).await.form(&action);
        fields.extend(typed);
        assert_eq!(ann.post(&action, &fields).await.location, home, "{page}");
        let summary = ann.get(home).await;
        assert!(said(&summary).contains(done), "{page}: {}", said(&summary));
        assert!(summary.html.contains(state), "{page}: {}", summary.html);
        // The same form once more is the same act.
        assert_eq!(ann.post(&action, &fields).await.location, home, "{page}");
        assert!(said(&ann.get(home).await).contains(done), "{page}");
    }
    // Staff see what was asked, in the client's words, and what was promised.
    let tasks = up.get("bea", "/firm/v1/clients/acme-homes/tasks").await;
    let kinds = ["plan_request", "unlock_asked"];
    for kind in kinds {
        let count = tasks["items"].as_array().unwrap().iter().filter(|task| task["kind"] == kind);
        assert_eq!(count.count(), 1, "{kind}: {tasks}");
    }
    assert!(tasks.to_string().contains("half now"), "{tasks}");
    // The dispute's own page takes it back.
    let page = ann.get(&format!("{home}/dispute?invoice=DP-2010")).await;
    assert!(page.html.contains("two hours too many"), "{}", page.html);
    let action = format!("{api}/disputes/DP-2010");
    ann.post(&action, &page.form(&action)).await;
    let summary = ann.get(home).await;
    assert!(said(&summary).contains("taken back"), "{}", said(&summary));
    assert!(!summary.html.contains("is in dispute"));
    assert_eq!(up.stop().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_1_and_6_pages_are_for_their_own_contact_and_forms_for_their_own_browser() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path());
    let mut ann = Browser::by(&up, up.link("ann@acme.example")).await;
    // SEC-3, SEC-4: while she is signed in.
    passwords_tell_nothing_to_a_stranger(&up, &mut ann).await;
    let mut other = Browser::by(&up, up.link("owner@garnet-cafe.example")).await;
    let home = "/portal/clients/acme-homes";
    let mut cells = 0;
    for page in [
        String::new(),
        "/invoices".to_owned(),
        "/invoices/DP-2010".to_owned(),
        "/payments".to_owned(),
        "/records".to_owned(),
        "/messages".to_owned(),
        "/promise".to_owned(),
        "/promise?invoice=DP-2010".to_owned(),
        "/plan".to_owned(),
        "/dispute".to_owned(),
        "/dispute?invoice=DP-2010".to_owned(),
        "/unlock".to_owned(),
    ] {
        let path = format!("{home}{page}");
        assert_eq!(ann.get(&path).await.status, 200, "{path}");
        assert_eq!(other.get(&path).await.status, 404, "{path} of another client");
        let mut stranger = Browser::new(&up);
        let sent_on = stranger.get(&path).await;
        assert!(sent_on.location.starts_with("/sign-in?next="), "{path}: {sent_on:?}");
        cells += 3;
    }
    // Another client's invoice under one's own client is none.
    for page in [
        "invoices/DP-2010",
        "dispute?invoice=DP-2010",
        "promise?invoice=DP-2010",
        "plan?invoice=DP-2010",
    ] {
        let path = format!("/portal/clients/garnet/{page}");
        assert_eq!(other.get(&path).await.status, 404, "{path}");
    }

    let dashboard = ann.get(home).await;
    let action = "/portal/v1/checkouts";
    let fields = dashboard.form(action);
    let status = other.post(action, &fields).await.status;
    assert_eq!(status, 403, "a form of another sign-in");
    let mut changed = fields.clone();
    changed.iter_mut().filter(|(name, _)| name == "_token").for_each(|f| f.1 = "0".repeat(64));
    assert_eq!(ann.post(action, &changed).await.status, 403);
    let sign_out = ann.get("/portal/security").await.form("/portal/v1/me/sign-out");
    assert_eq!(ann.post("/portal/v1/me/sign-out", &sign_out).await.location, "/sign-in");
    assert!(ann.get(home).await.location.starts_with("/sign-in"));
    assert_eq!(cells, 36);
    assert_eq!(up.stop().code(), Some(0));
}

/// Signing in by a password answers alike for every address, and what was typed is kept nowhere.
async fn passwords_tell_nothing_to_a_stranger(up: &Up, ann: &mut Browser) {
    let set = "/portal/v1/me/password";
    let mut fields = ann.get("/portal/security").await.form(set);
    fields.push(("new_password".to_owned(), "correct horse".to_owned()));
    assert_eq!(ann.post(set, &fields).await.location, "/portal/security");

    let mut browser = Browser::new(up);
    let action = "/portal/v1/sign-in";
    let mut told = Vec::new();
    for (address, password) in [
        ("nobody@acme.example", "correct horse"),
        ("ann@acme.example", "wrong horse"),
        ("ann@acme.example", "correct horse"),
    ] {
        let mut fields = browser.get("/sign-in?next=/portal/security").await.form(action);
        fields.push(("address".to_owned(), address.to_owned()));
        fields.push(("password".to_owned(), password.to_owned()));
        let answer = browser.post(action, &fields).await;
        let flash = browser.cookies.get("__Host-portcullis-said").cloned().unwrap_or_default();
        assert!(!flash.contains("horse"));
        let page = browser.get(&answer.location).await;
        let alert = page.html.split("role=\"alert\">").nth(1);
        told.push((answer.location, alert.map(|text| text.split('<').next().unwrap().to_owned())));
    }
    let refused = Some("The e-mail address or the password is not right.".to_owned());
    assert_eq!(told[0].1, refused);
    assert_eq!(told[1], told[0]);
    assert_eq!(told[2], ("/portal/security".to_owned(), None));
}

#[tokio::test]
async fn lock_5_a_client_reads_which_service_line_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut ann = Browser::by(&up, up.link("ann@acme.example")).await;
    let client = "/firm/v1/clients/acme";
    let lines = json!({"service_lines": ["tax", "payroll"]});
    let (status, answer) = up.ask("bea", Method::PATCH, client, Some(lines)).await;
    assert_eq!(status, 200, "{answer}");
    let lock = json!({"reason": "the payroll records are missing", "service_lines": ["payroll"]});
    let (status, answer) = up.ask("bea", Method::POST, &format!("{client}/lock"), Some(lock)).await;
    assert_eq!((status, &answer["portal"]), (200, &json!("limited")), "{answer}");

    let page = ann.get("/portal/clients/acme").await.html;
    assert!(page.contains("Limited"), "{page}");
    assert!(page.contains("Locked for payroll since"), "{page}");
    assert!(page.contains("Financial statements: payroll"), "{page}");
    assert!(!page.contains("Financial statements: tax"), "{page}");
}

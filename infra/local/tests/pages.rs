//! The console as a browser without scripts meets it: signing in, every link, every form's rules, the whole
//! job of a billing lead and a partner. What only a real browser shows is tried in one (`tests/browser`).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod bookkeeping;
mod browse;
mod up;

use std::collections::BTreeSet;

use browse::{Browser, Page, plain};
use reqwest::header::{HOST, ORIGIN};
use reqwest::{Method, StatusCode};
use up::Up;

/// What a page may weigh without images (with what it loads, no page may weigh 100 KB).
const MAX_PAGE: usize = 80_000;

#[tokio::test]
async fn every_link_of_the_console_leads_to_a_page_with_a_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    for who in ["bea", "pat", "ada", "pre"] {
        let mut browser = Browser::signed_in(&up, who).await;
        let mut seen = BTreeSet::from(["/console".to_owned()]);
        let mut waiting = vec!["/console".to_owned()];
        while let Some(path) = waiting.pop() {
            let page = browser.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{who} at {path}: {}", page.html);
            if path.starts_with("/assets/") {
                continue;
            }
            let kind = page.headers["content-type"].to_str().unwrap();
            if !kind.starts_with("text/html") {
                let is_file =
                    ["text/csv", "application/pdf"].iter().any(|file| kind.starts_with(file));
                assert!(is_file, "{path} is neither a page nor a file: {kind}");
                continue;
            }
            look_at(&path, &page);
            for href in page.all("href") {
                let href = href.split('#').next().unwrap().to_owned();
                let href = match href.strip_prefix('?') {
                    Some(query) => format!("{}?{query}", path.split('?').next().unwrap()),
                    None => href,
                };
                if href.starts_with('/') && seen.insert(href.clone()) {
                    waiting.push(href);
                }
            }
        }
        let acts = seen.iter().filter(|path| path.contains("/do/")).count();
        assert!(100 < seen.len(), "{who} saw {} pages", seen.len());
        // What is reached by a button of a client's page or by a hint is not forgotten.
        let ends = [
            "/mails",
            "/unclaimed",
            "/settings",
            "/mailbox",
            "/contacts",
            "/links",
            "/notes",
            "/messages",
        ];
        let settings = ["/settings/ledger", "/settings/numbering", "/settings/gateways"];
        let of_bookkeepers = ["/do/people", "/do/change", "/do/credit-note", "/do/refund"];
        let of_bookkeepers = of_bookkeepers.into_iter().filter(|_| who != "pre");
        for end in ends.into_iter().chain(settings).chain(of_bookkeepers) {
            assert!(seen.iter().any(|path| path.ends_with(end)), "{who} finds {end}");
        }
        assert_eq!(seen.iter().any(|path| path.ends_with("/plan")), who == "pat", "{who}");
        assert_eq!(
            seen.iter().any(|path| path.ends_with("/review-dispute")),
            who == "pat",
            "{who}"
        );
        assert_eq!(
            seen.iter().any(|path| path.ends_with("/do/exception")),
            who == "pat",
            "only partners unlock by exception"
        );
        assert_eq!(
            seen.iter().any(|path| path.ends_with("/do/lock")),
            matches!(who, "bea" | "pat"),
            "{who} and {acts} acts"
        );
    }
}

#[tokio::test]
async fn staff_1_who_may_not_do_a_thing_reads_who_may_and_finds_no_form() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let invoices = up.get("pre", "/firm/v1/clients/dune/invoices?limit=50").await;
    let is_open = |invoice: &&serde_json::Value| invoice["balance"]["amount"] != "0.00";
    let invoice = invoices["items"].as_array().unwrap().iter().find(is_open).unwrap();
    let invoice = invoice["invoice"].as_str().unwrap().to_owned();
    let on_invoice = |act: &str| format!("invoices/{invoice}/do/{act}");
    for (page, who) in [
        ("do/people".to_owned(), "bea pat ada"),
        ("do/payment".to_owned(), "bea pat ada"),
        // What is looked at first has its form once it was.
        ("do/invoice?invoice=X-1&total.amount=1&total.currency=USD".to_owned(), "bea pat ada"),
        (
            "do/change?name=Dune&class=default&currency=USD&terms_allow_late_fee:bool=false"
                .to_owned(),
            "bea pat ada",
        ),
        (
            "do/credit-note?credit_note=N-1&amount.amount=1&amount.currency=USD".to_owned(),
            "bea pat ada",
        ),
        ("do/promise".to_owned(), "bea pat ada"),
        ("do/hold".to_owned(), "bea pat"),
        ("do/lock".to_owned(), "bea pat"),
        ("do/hard-stop".to_owned(), "bea pat"),
        ("do/exception".to_owned(), "pat"),
        ("do/note".to_owned(), "bea pat ada pre"),
        ("do/call".to_owned(), "bea pat ada pre"),
        (on_invoice("hold"), "bea pat"),
        (on_invoice("dispute"), "bea pat ada"),
        (on_invoice("resolve-dispute"), "pat"),
        (
            on_invoice("credit-note?credit_note=N-1&amount.amount=1&amount.currency=USD"),
            "bea pat ada",
        ),
        (on_invoice("void"), "bea pat ada"),
        (on_invoice("add-fee"), "pat"),
        (on_invoice("write-off"), "pat"),
    ] {
        for name in ["bea", "pat", "ada", "pre"] {
            let path = format!("/console/clients/dune/{page}");
            let shown = Browser::signed_in(&up, name).await.get(&path).await;
            assert_eq!(shown.status, StatusCode::OK, "{name} at {path}: {}", shown.html);
            let has_form = shown.html.contains("action=\"/firm/v1/clients/")
                || shown.html.contains("action=\"/firm/v1/invoices/");
            let may = who.split(' ').any(|allowed| allowed == name);
            assert_eq!(has_form, may, "{name} at {path}: {}", shown.html);
            assert!(may || shown.html.contains("Only a"), "{name} at {path}: {}", shown.html);
        }
    }
}

#[tokio::test]
async fn an_address_that_can_not_be_read_is_answered_by_a_page_and_in_an_api_by_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let long = format!("/console/clients/{}", "x".repeat(129));
    let mut browser = Browser::signed_in(&up, "bea").await;
    for path in [
        "/console/clock?page=99999999999999999999",
        "/console/mailbox?page=-1",
        "/console/mailbox?page=x",
        "/console/clients/%00",
        "/console/clients/%ff",
        "/console/clients/%23",
        "/console/clients/bluebird/letters/x",
        "/console/unclaimed/%ff",
        "/portal/sign-in/%ff",
        "/l/%ff",
        &long,
    ] {
        let page = browser.get(path).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
        assert!(page.html.contains("To the start page"), "{path}: {}", page.html);
        for raw in ["Failed to", "Invalid U", "u32", "u64", "usize"] {
            assert!(!page.html.contains(raw), "{path}: {}", page.html);
        }
    }
    let long = format!("/firm/v1/clients/{}", "x".repeat(129));
    for path in [
        "/firm/v1/clients/%00",
        "/firm/v1/clients/%ff",
        "/firm/v1/clients?limit=x",
        "/firm/v1/clients?limit=99999999999999999999",
        "/portal/v1/clients/%ff",
        "/webhooks/stripe/%ff",
        &long,
    ] {
        let method = if path.starts_with("/webhooks") { Method::POST } else { Method::GET };
        let page = browser.send(method, path, None, &[]).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
        assert_eq!(
            page.headers["content-type"], "application/problem+json",
            "{path}: {}",
            page.html
        );
    }
}

/// The page without what stands in its text areas: a letter's source is text there.
fn without_areas(html: &str) -> String {
    let mut pieces = html.split("<textarea");
    let first = pieces.next().unwrap_or_default().to_owned();
    let after = |piece: &str| piece.split_once("</textarea>").map(|(_, after)| after.to_owned());
    pieces.fold(first, |whole, piece| whole + &after(piece).expect("a text area ends"))
}

/// What holds for each page.
fn look_at(path: &str, page: &Page) {
    let html = &page.html;
    assert!(html.len() < MAX_PAGE, "{path} weighs {}", html.len());
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{path}");
    assert_eq!(html.matches("<h1").count(), 1, "{path} has one heading of the first rank");
    assert!(html.contains("<title>") && html.contains("id=\"main\""), "{path}");
    assert!(html.contains("href=\"/console\""), "{path} has a way back");
    let source = without_areas(html);
    for inline in ["<style", " style=", " onclick=", "<script>", "javascript:"] {
        assert!(!source.contains(inline), "{path} has {inline}, which the policy forbids (SEC-6)");
    }
    let header = |name: &str| {
        page.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    };
    assert!(header("content-security-policy").contains("default-src 'none'"), "{path}");
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    assert_eq!(header("cache-control"), "no-store", "{path}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
    let labels: BTreeSet<_> = page.all(" for").into_iter().collect();
    for id in page
        .all("<input id")
        .into_iter()
        .chain(page.all("<textarea id"))
        .chain(page.all("<select id"))
    {
        assert!(labels.contains(&id), "{path}: the field {id} has a label");
    }
}

#[tokio::test]
async fn a_billing_lead_and_a_partner_do_their_job_with_forms() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut bea = Browser::signed_in(&up, "bea").await;
    let mut pat = Browser::signed_in(&up, "pat").await;

    // A lock by hand says what it will do, wants a reason, and is done once.
    let (page, action) = ("/console/clients/bluebird/do/lock", "/firm/v1/clients/bluebird/lock");
    assert!(bea.get(page).await.html.contains("Locks the portal"));
    let refused = bea.fill(page, action, &[("reason", "  ")]).await;
    assert_eq!((refused.status, refused.location.as_str()), (StatusCode::SEE_OTHER, page));
    assert!(bea.get(page).await.html.contains("role=\"alert\""));
    assert!(!bea.get(page).await.html.contains("role=\"alert\""), "it is said once");
    let done = bea.fill(page, action, &[("reason", "Signature on file doesn't match")]).await;
    assert_eq!(done.location, "/console/clients/bluebird");
    let client = bea.get(&done.location).await.html;
    assert!(
        client.contains("role=\"status\">The portal is locked.") && client.contains("pill locked"),
        "{client}"
    );

    // A payment by check, for one invoice, twice with the same reference: once.
    let (page, action) = ("/console/clients/dune/do/payment", "/firm/v1/clients/dune/payments");
    let balance = up.get("bea", "/firm/v1/clients/dune").await["balance"][0].clone();
    let typed = [
        ("amount.amount", balance["amount"].as_str().unwrap()),
        ("amount.currency", balance["currency"].as_str().unwrap()),
        ("method", "check"),
        ("reference", "4711"),
        ("paid_on", ""),
    ];
    for _ in 0..2 {
        let paid = bea.fill(page, action, &typed).await;
        assert_eq!(paid.location, "/console/clients/dune");
    }
    let client = up.get("bea", "/firm/v1/clients/dune").await;
    assert_eq!(
        (&client["balance"], &client["credit"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );

    // Ask and approve, from the queue; whoever asked can't approve.
    let asked = bea
        .fill("/console/clients/dune/do/ask-unlock", "/firm/v1/clients/dune/unlock-requests", &[])
        .await;
    assert_eq!(asked.location, "/console/clients/dune");
    let queue = pat.get("/console/unlock").await;
    assert!(queue.html.contains("Dune Street Fitness"), "{}", queue.html);
    let mut requests = queue.all("href");
    requests.retain(|href| href.starts_with("/console/unlock/"));
    let mut approved = false;
    for request in &requests {
        let shown = pat.get(request).await;
        if !shown.html.contains("Dune Street Fitness") {
            continue;
        }
        assert!(
            !bea.get(request).await.html.contains("Approve the unlock"),
            "a billing lead doesn't approve"
        );
        let id = request.rsplit('/').next().unwrap();
        let done = pat.fill(request, &format!("/firm/v1/unlock-requests/{id}/approve"), &[]).await;
        assert_eq!(done.location, "/console/unlock");
        assert!(pat.get(&done.location).await.html.contains("The portal is open again."));
        assert_eq!(pat.get(request).await.status, StatusCode::NOT_FOUND, "it no longer stands");
        approved = true;
    }
    assert!(approved, "{requests:?}");
    assert_eq!(up.get("bea", "/firm/v1/clients/dune").await["portal"], "open");
}

#[tokio::test]
async fn plan_1_a_partner_answers_a_request_for_a_plan_by_forms() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut pat = Browser::signed_in(&up, "pat").await;
    let mut bea = Browser::signed_in(&up, "bea").await;
    let (client, api) = ("/console/clients/acme-homes", "/firm/v1/clients/acme-homes/plans");
    let refused = bea.get(&format!("{client}/plan")).await.html;
    assert!(refused.contains("A partner agrees") && !refused.contains("<form method=\"get\""));

    // The client asks, and its words and invoices stand on the page to which its task leads.
    ask_for_a_plan(&up, "acme-homes", "DP-2010", "half now, half in May").await;
    let tasks = pat.get("/console/tasks").await;
    let plan = format!("{client}/plan");
    assert!(tasks.all("href").contains(&plan), "{}", tasks.html);
    assert!(!bea.get("/console/tasks").await.all("href").contains(&plan));
    let first = pat.get(&plan).await;
    assert!(first.html.contains("half now, half in May"), "{}", first.html);
    assert!(first.html.contains("value=\"DP-2010\" checked"), "{}", first.html);

    // Each field that can't be taken is named, with what is expected.
    for (query, field, expected) in [
        ("invoice=DP-2010&number=0&first=2026-11-01&every=week", "number", "from 1 to 60"),
        ("invoice=DP-2010&number=two&first=2026-11-01&every=week", "number", "not “two”"),
        ("invoice=DP-2010&number=2&first=soon&every=week", "first", "such as 2026-11-30"),
        ("invoice=DP-2010&number=2&first=2020-01-01&every=week", "first", "in the past"),
        ("invoice=DP-2010&number=2&first=2026-11-01&every=year", "", "month, two-weeks, week"),
        ("invoice=DP-1&number=2&first=2026-11-01&every=week", "", "no open invoice DP-1"),
        ("number=2&first=2026-11-01&every=week", "", "at least one"),
    ] {
        let page = pat.get(&format!("{plan}?{query}")).await.html;
        assert!(page.contains("role=\"alert\"") && page.contains(expected), "{query}: {page}");
        assert!(!page.contains(api), "{query}: nothing can be agreed on yet");
        let marked = page.split("aria-invalid").next().unwrap().rsplit("id=\"").next().unwrap();
        assert!(field.is_empty() || marked.starts_with(field), "{query}: {marked}");
    }

    // Worked out: days and amounts that come to what is owed, and what will happen.
    let query = "invoice=DP-2010&number=3&first=2026-10-31&every=month";
    let second = format!("{plan}?{query}");
    let page = pat.get(&second).await;
    let owed = up.get("pat", "/firm/v1/invoices/DP-2010").await["balance"]["amount"].clone();
    let text = page.html.split("What will happen").nth(1).unwrap();
    assert!(text.contains("Begins a plan over DP-2010"), "{text}");
    let inputs = |page: &Page, part: &str| -> Vec<String> {
        let after = |row: usize| format!("name=\"instalments[{row}].{part}\"");
        let value = |row: usize| {
            let field = page.html.split(&after(row)).nth(1)?;
            Some(field.split("value=\"").nth(1)?.split('"').next()?.to_owned())
        };
        (0..6).filter_map(value).collect()
    };
    assert_eq!(
        inputs(&page, "due_on"),
        ["2026-10-31", "2026-11-30", "2026-12-31", "", "", ""],
        "{}",
        page.html
    );
    let amounts = inputs(&page, "amount.amount");
    let cents = |text: &str| text.replace('.', "").parse::<u64>().unwrap();
    let sum: u64 = amounts.iter().filter(|text| !text.is_empty()).map(|text| cents(text)).sum();
    assert_eq!(sum, cents(owed.as_str().unwrap()), "{amounts:?}");

    // Changed by hand: the sum must be right, what was typed stays, and the empty rows are left out.
    let named = |row: usize, part: &str| format!("instalments[{row}].{part}");
    let typed = |rows: &[(usize, &str, &str)]| -> Vec<(String, String)> {
        let mut fields = vec![("invoices[]".to_owned(), "DP-2010".to_owned())];
        for (row, due_on, amount) in rows {
            fields.push((named(*row, "due_on"), (*due_on).to_owned()));
            fields.push((named(*row, "amount.amount"), (*amount).to_owned()));
            fields.push((named(*row, "amount.currency"), "USD".to_owned()));
        }
        fields
    };
    let whole = owed.as_str().unwrap();
    for (rows, expected) in [
        (vec![(0, "2026-10-31", "1.00"), (1, "", "")], "the invoices to"),
        (vec![(0, "", ""), (1, "2026-10-31", "1,x")], "1,x"),
        (vec![(0, "", ""), (1, "2026-10-31", "")], "Amount is missing"),
        (vec![(0, "2020-10-31", whole)], "in the past"),
    ] {
        let fields = typed(&rows);
        let fields: Vec<_> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let back = pat.fill(&second, api, &fields).await;
        assert_eq!(back.location, second, "{rows:?}");
        let page = pat.get(&back.location).await;
        assert!(
            page.html.contains("role=\"alert\"") && page.html.contains(expected),
            "{}",
            page.html
        );
        assert_eq!(inputs(&page, "due_on")[0], rows[0].1, "{rows:?}");
    }
    let rows = [(0, "2026-10-31", whole), (1, "", ""), (2, "", "")];
    let fields = typed(&rows);
    let fields: Vec<_> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let done = pat.fill(&second, api, &fields).await;
    assert_eq!(done.location, client);
    let page = pat.get(client).await.html;
    assert!(page.contains("The payment plan is agreed on.") && page.contains("Payment plan since"));
    let plans = up.get("pat", api).await;
    assert_eq!(plans["items"][0]["instalments"].as_array().unwrap().len(), 1, "{plans}");
    // It is answered; another plan would take the place of this one.
    assert!(!pat.get("/console/tasks").await.all("href").contains(&plan));
    assert!(pat.get(&plan).await.html.contains("A plan runs already"));
}

/// The client asks for a plan over an invoice, as its page's form does.
async fn ask_for_a_plan(up: &Up, client: &str, invoice: &str, wish: &str) {
    let mut ann = Browser::new(up);
    let link = up.link("ann@acme.example").trim_start_matches(&up.url).to_owned();
    let confirm = "/portal/v1/sign-in-links/confirm";
    for (page, action, typed) in [
        (link, confirm.to_owned(), vec![]),
        (
            format!("/portal/clients/{client}/plan"),
            format!("/portal/v1/clients/{client}/plan-requests"),
            vec![("invoices[]", invoice), ("wish", wish)],
        ),
    ] {
        let form = ann.get(&page).await;
        let start = form.html.split(&format!("action=\"{action}\"")).nth(1).unwrap();
        let inputs = start.split("</form>").next().unwrap().split("type=\"hidden\" name=\"");
        let hidden: Vec<_> = inputs
            .skip(1)
            .map(|field| {
                let (name, rest) = field.split_once("\" value=\"").unwrap();
                (name.to_owned(), plain(rest.split('"').next().unwrap()))
            })
            .collect();
        let mut fields: Vec<_> = hidden.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        fields.extend(typed);
        assert_eq!(ann.post(&action, &fields).await.status, StatusCode::SEE_OTHER, "{page}");
    }
}

#[tokio::test]
async fn pay_1_money_without_a_client_is_given_to_one_by_a_form() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let acts = format!("{}/sandbox/stripe/acts", up.url);
    let take = serde_json::json!({
        "act": "take", "amount": 4_000, "currency": "usd", "by": "card",
        "metadata": {"firm": "demo", "client": "nobody-known"},
    });
    let taken = reqwest::Client::new().post(acts).json(&take).send().await.unwrap();
    assert!(taken.status().is_success());
    let id = |list: &serde_json::Value| Some(list["items"][0]["payment"].as_str()?.to_owned());
    let payment = up.wait("/firm/v1/unclaimed-payments", id).await;
    let mut bea = Browser::signed_in(&up, "bea").await;
    let mut pre = Browser::signed_in(&up, "pre").await;
    assert!(bea.get("/console/tasks").await.html.contains("1 payment to be given"));
    let list = bea.get("/console/unclaimed").await;
    assert!(list.html.contains("client nobody-known"), "{}", list.html);
    let path = list.all("href").into_iter().find(|href| href.starts_with("/console/unclaimed/"));
    let path = path.unwrap();
    look_at(&path, &bea.get(&path).await);
    assert!(
        !pre.get(&path).await.html.contains("<form method=\"post\" action=\"/firm/v1/unclaimed")
    );
    let page = bea.get(&path).await;
    let action = page.all("action").into_iter().find(|action| action.ends_with("/assign")).unwrap();
    let refused = bea.fill(&path, &action, &[("client", "nobody-known")]).await;
    assert_eq!(refused.location, path);
    assert!(bea.get(&path).await.html.contains("role=\"alert\""));
    let done = bea.fill(&path, &action, &[("client", "dune")]).await;
    assert_eq!(done.location, "/console/unclaimed");
    assert!(bea.get(&done.location).await.html.contains("There is none"));
    let gone = bea.get(&path).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "{payment}: {}", gone.html);
    assert!(bea.get("/console/clients/dune/payments").await.html.contains("40.00 USD"));
}

#[tokio::test]
async fn sec_1_sec_2_sec_6_nobody_gets_in_by_the_side() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut nobody = Browser::new(&up);
    for path in [
        "/console",
        "/console/clients/acme",
        "/console/clients/acme/do/lock",
        "/console/unlock",
        "/console/tasks",
    ] {
        let page = nobody.get(path).await;
        assert!(
            page.status.is_redirection() && page.location.starts_with("/sign-in"),
            "{path}: {page:?}"
        );
        assert!(!page.html.contains("Acme"), "{path}");
    }
    let mut forged = Browser::new(&up);
    forged.cookies.insert("__Host-portcullis-staff".to_owned(), "e30.e30.e30".to_owned());
    assert!(forged.get("/console").await.location.starts_with("/sign-in"));

    // The link that is printed for somebody asks for no other name; one that names nobody asks for all.
    for (who, people) in [("bea", &["bea"][..]), ("pat", &["pat"]), ("pre", &["pre"])] {
        let link = up.link(who).trim_start_matches(&up.url).to_owned();
        let mut browser = Browser::new(&up);
        let to_issuer = browser.get(&link).await.location;
        let page = browser.get(&to_issuer).await;
        assert_eq!(page.all("value"), people);
        let choose = page.all("action")[0].clone();
        let back = browser.post(&choose, &[("person", who)]).await;
        assert_eq!(browser.get(&back.location).await.location, "/console");
        assert!(browser.get("/console").await.html.contains(who));
        let others = page.all("href").into_iter().find(|href| href.contains("/authorize")).unwrap();
        assert_eq!(browser.get(&others).await.all("value").len(), 4);
    }
    let to_issuer = nobody.get("/console/sign-in?login_hint=nobody").await.location;
    assert_eq!(nobody.get(&to_issuer).await.all("value").len(), 4);

    // An answer of the issuer that this browser didn't ask for.
    let mut other = Browser::new(&up);
    let strange = other.get("/console/callback?code=x&state=y").await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST);
    assert!(other.cookies.is_empty());

    // Another firm than one's own, by the cookie that only picks.
    let mut bea = Browser::signed_in(&up, "bea").await;
    bea.cookies.insert("__Host-portcullis-firm".to_owned(), "another".to_owned());
    assert_eq!(bea.get("/console").await.status, StatusCode::FORBIDDEN);
    bea.cookies.remove("__Host-portcullis-firm");
    assert_eq!(bea.get("/console/clients/nobody").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bea.get("/console/nothing").await.status, StatusCode::NOT_FOUND);

    // A form from elsewhere, or without what only our page knows.
    let form = bea.get("/console/clients/acme/do/lock").await;
    let token = form.hidden("/firm/v1/clients/acme/lock", "_token");
    let fields = [("reason", "x"), ("_token", token.as_str())];
    let host = up.url.trim_start_matches("http://").to_owned();
    for headers in [
        &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "same-site")],
    ] {
        let path = "/firm/v1/clients/acme/lock";
        let refused = bea.send(Method::POST, path, Some(&fields), headers).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{headers:?} {HOST} {host} {ORIGIN}");
    }
    let without = bea.post("/firm/v1/clients/acme/lock", &[("reason", "x")]).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    assert_eq!(up.get("bea", "/firm/v1/clients/acme").await["portal"], "open");

    // Out: the cookie is gone, and only a form does it.
    assert_eq!(bea.get("/console/sign-out").await.status, StatusCode::METHOD_NOT_ALLOWED);
    let out = bea.post("/console/sign-out", &[]).await;
    assert_eq!(out.location, "/sign-in");
    assert!(bea.get("/console").await.location.starts_with("/sign-in"));
}

#[tokio::test]
async fn let_2_a_firm_looks_like_itself_and_an_admin_changes_how() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut ada = Browser::signed_in(&up, "ada").await;
    let page = ada.get("/console/settings").await;
    let sheet = |page: &Page| {
        let sheets = page.all("href").into_iter();
        sheets.filter(|href| href.starts_with("/assets/accent-")).collect::<Vec<_>>()
    };
    let logo = page.all("src").into_iter().find(|src| src.starts_with("/assets/logo-")).unwrap();
    for (file, media_type) in [(&logo, "image/png"), (&sheet(&page)[0], "text/css; charset=utf-8")]
    {
        // Whoever isn't signed in sees them too, and may keep them.
        let served = Browser::new(&up).get(file).await;
        assert_eq!(served.status, StatusCode::OK, "{file}");
        let header = |name: &str| served.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), media_type);
        assert!(header("cache-control").contains("immutable"), "{file}");
        let other = file.replace(if file == &logo { "logo-demo" } else { "accent-3" }, "accent-4");
        assert_eq!(ada.get(&other).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    let sign_in = Browser::new(&up).get("/sign-in").await;
    assert_eq!((sheet(&sign_in), sign_in.html.contains(&logo)), (sheet(&page), true));

    let action = "/firm/v1/settings";
    let mut change = async |fields: &[(&str, &str)]| {
        let typed: Vec<_> = [("_method", "patch")].iter().chain(fields).copied().collect();
        ada.fill("/console/settings", action, &typed).await;
        ada.get("/console/settings").await
    };
    let refused = change(&[("name", "Other"), ("colour:clear", "purple")]).await;
    assert!(refused.html.contains("is no colour") && refused.html.contains("value=\"purple\""));
    assert!(refused.html.contains(">Demo Practice ·") || !refused.html.contains("Other ·"));
    let changed = change(&[("name", "Demo & Co"), ("colour:clear", "#aa5500")]).await;
    assert!(sheet(&changed)[0].starts_with("/assets/accent-aa5500-"), "{:?}", sheet(&changed));
    assert!(changed.html.contains("Demo &#38; Co"), "{}", changed.html);
    let usual = change(&[("name", "Demo Practice"), ("colour:clear", "")]).await;
    assert_eq!(sheet(&usual), Vec::<String>::new());
    // Who isn't an admin reads.
    let mut bea = Browser::signed_in(&up, "bea").await;
    let page = bea.get("/console/settings").await;
    assert!(!page.html.contains("<form method=\"post\" action=\"/firm/v1/settings"));
    assert!(page.html.contains("America/New_York") && page.html.contains("pre"), "{}", page.html);
    let text = bea.get("/console/settings/policies/default").await;
    assert!(text.status == StatusCode::OK && text.html.contains("in force"), "{}", text.html);
}

#[tokio::test]
async fn staff_1_an_admin_connects_a_gateway_by_forms_and_no_page_or_cookie_holds_a_secret() {
    const KEY: &str = "sk_test_typed51";
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut ada = Browser::signed_in(&up, "ada").await;
    let list = ada.get("/console/settings/gateways").await;
    assert!(list.html.contains("clients pay here") && list.html.contains("Connect a gateway"));
    let new = "/console/settings/gateways/new/stripe";
    let page = ada.get(new).await;
    // A test firm has no live mode.
    assert!(page.html.contains("whsec_") && !page.html.contains("value=\"live\""));
    let wrong = [
        ("gateway", "stripe"),
        ("mode", "test"),
        ("credentials.key:secret", KEY),
        ("credentials.account", "51"),
    ];
    let refused = ada.fill(new, "/firm/v1/gateways", &wrong).await;
    assert_eq!(refused.location, new);
    let page = ada.get(new).await;
    assert!(page.html.contains("begins with acct_") && !page.html.contains(KEY), "{}", page.html);
    assert!(page.html.contains("value=\"51\""), "what is no secret stands there again");
    let typed = [("gateway", "stripe"), ("mode", "test"), ("credentials.key:secret", KEY)];
    let made = ada.fill(new, "/firm/v1/gateways", &typed).await;
    assert!(made.location.starts_with("/console/settings/gateways/"), "{}", made.location);
    let at = made.location.clone();
    let page = ada.get(&at).await;
    let id = at.rsplit('/').next().unwrap();
    assert!(page.html.contains(&format!("/webhooks/stripe/{id}")), "{}", page.html);
    assert!(page.html.contains("waiting for the first") && !page.html.contains(KEY));
    let api = |rest: &str| format!("/firm/v1/gateways/{id}{rest}");
    for secret in ["whsec_first51", "whsec_second51"] {
        let field = ("credentials.signing[]:secret", secret);
        let typed = [("_method", "put"), field, ("keep_old:bool", "true")];
        ada.fill(&at, &api("/secrets"), &typed).await;
        let page = ada.get(&at).await;
        assert!(
            page.html.contains("It is replaced") && !page.html.contains(secret),
            "{}",
            page.html
        );
    }
    assert!(ada.get(&at).await.html.contains("Drop the old one"));
    ada.fill(&at, &api("/secrets/old"), &[("_method", "delete")]).await;
    assert!(!ada.get(&at).await.html.contains("Drop the old one"));
    ada.fill(&at, &api("/test"), &[]).await;
    let page = ada.get(&at).await;
    assert!(page.html.contains("refuses the key"), "the sandbox knows another one: {}", page.html);
    let close = format!("{at}/close");
    ada.fill(&close, &api("/close"), &[]).await;
    let page = ada.get(&at).await;
    assert!(page.html.contains("Nothing new is begun here"), "{}", page.html);
    let gone = ada.fill(&format!("{at}/remove"), &api(""), &[("_method", "delete")]).await;
    assert_eq!(gone.location, "/console/settings/gateways");
    assert_eq!(ada.get(&at).await.status, StatusCode::NOT_FOUND);
    // Who isn't an admin sees that there is one, and no more.
    let mut bea = Browser::signed_in(&up, "bea").await;
    let page = bea.get("/console/settings/gateways").await;
    assert!(page.html.contains("clients pay here") && !page.html.contains("/gateways/new/"));
    assert_eq!(bea.get(new).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn sec_3_let_7_note_1_a_contact_a_link_and_a_call_by_forms() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut bea = Browser::signed_in(&up, "bea").await;
    let client = "/console/clients/dune";

    // Somebody is invited, and kept out again.
    let api = "/firm/v1/clients/dune/contacts";
    let typed = [("called", "Dee"), ("address", "dee@dune-fitness.example")];
    let invited = bea.fill(&format!("{client}/contacts/invite"), api, &typed).await;
    assert_eq!(invited.location, format!("{client}/contacts"));
    let page = bea.get(&invited.location).await;
    assert!(
        page.html.contains("Dee") && page.html.contains("Invited, never came"),
        "{}",
        page.html
    );
    let path = page.all("href").into_iter().find(|href| href.ends_with("/withdraw")).unwrap();
    let form = bea.get(&path).await;
    let action = form.all("action").into_iter().find(|action| action.starts_with(api)).unwrap();
    bea.fill(&path, &action, &[("_method", "delete")]).await;
    let page = bea.get(&invited.location).await;
    assert!(!page.html.contains("Dee") && page.html.contains("dee@dune"), "{}", page.html);

    // A link is shown once, opens its debt, and is taken back.
    let links = format!("{client}/links");
    let api = "/firm/v1/clients/dune/pay-links";
    let form = bea.get(&links).await;
    let invoice = form.all("name=\"invoices[]\" value").remove(0);
    let typed = [("_show", "url"), ("invoices[]", invoice.as_str())];
    assert_eq!(bea.fill(&links, api, &typed).await.location, links);
    let shown = bea.get(&links).await;
    let url = shown.all("readonly value").remove(0);
    assert!(url.starts_with(&format!("{}/l/", up.url)), "{url}");
    assert!(!bea.get(&links).await.html.contains(&url), "once");
    let opened = Browser::new(&up).get(&url).await;
    assert!(opened.status == StatusCode::OK && opened.html.contains(&invoice), "{}", opened.html);
    let path = bea.get(&links).await.all("href").into_iter().find(|href| href.contains("/links/"));
    let path = path.unwrap();
    let form = bea.get(&path).await;
    assert!(form.html.contains("sees nothing any more"), "{}", form.html);
    let action = form.all("action").into_iter().find(|action| action.starts_with(api)).unwrap();
    bea.fill(&path, &action, &[("_method", "delete")]).await;
    assert!(bea.get(&links).await.html.contains("Taken back"));
    let gone = Browser::new(&up).get(&url).await.status;
    assert_eq!(gone, StatusCode::GONE);

    // A call says with whom; notes and calls are told apart.
    let api = "/firm/v1/clients/dune/notes";
    let typed = [
        ("kind", "call"),
        ("spoke_with", "Dee"),
        ("text", "Pays on Friday"),
        ("next_step", "Look on Monday"),
    ];
    bea.fill(&format!("{client}/do/call"), api, &typed).await;
    bea.fill(&format!("{client}/do/note"), api, &[("text", "Prefers mail")]).await;
    for (query, call, note) in
        [("", true, true), ("?kind=call", true, false), ("?kind=note", false, true)]
    {
        let page = bea.get(&format!("{client}/notes{query}")).await.html;
        assert_eq!(
            page.contains("Spoke with Dee.\nPays on Friday\nNext step: Look on Monday"),
            call,
            "{query}"
        );
        assert_eq!(page.contains("Prefers mail"), note, "{query}");
    }
}

//! What staff put in, correct and set by forms, as a browser without scripts meets it: asked for first by the page's
//! own address, shown with what will happen, then sent as the page has it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browse::{Browser, Page, plain};
use crate::up::{Up, run};

/// The form on a page that goes to that address, as far as it is hidden.
fn hidden(page: &Page, action: &str) -> Vec<(String, String)> {
    let form = page.html.split(&format!("<form method=\"post\" action=\"{action}\"")).nth(1);
    let form = form.unwrap_or_else(|| panic!("no form to {action} in {}", page.html));
    let form = form.split("</form>").next().unwrap();
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |field: &str| {
        let (name, rest) = field.split_once("\" value=\"").unwrap();
        (name.to_owned(), plain(rest.split('"').next().unwrap()))
    };
    fields.map(field).collect()
}

/// Presses the button of a form as it stands, and follows where that leads.
async fn press(browser: &mut Browser, path: &str, action: &str, typed: &[(&str, &str)]) -> Page {
    let page = browser.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.html);
    let hidden = hidden(&page, action);
    let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let fields: Vec<_> = hidden.chain(typed.iter().copied()).collect();
    let done = browser.post(action, &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{path}: {}", done.html);
    browser.get(&done.location).await
}

/// The page's address with what is typed in it.
fn asked(path: &str, typed: &[(&str, &str)]) -> String {
    let query: Vec<_> = typed
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace('&', "%26").replace(' ', "+")))
        .collect();
    format!("{path}?{}", query.join("&"))
}

/// The field beside which a page says what is wrong.
fn wrong_field(page: &Page) -> &str {
    assert!(page.html.contains("role=\"alert\""), "{}", page.html);
    let before = page.html.split("aria-invalid").next().unwrap();
    let name = before.rsplit(" name=\"").next().unwrap();
    name.split('"').next().unwrap()
}

#[tokio::test]
async fn inv_5_inv_7_an_invoice_is_put_in_with_lines_as_a_draft_or_for_a_day_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut bea = Browser::signed_in(&up, "bea").await;
    let client = "/console/clients/bluebird";
    let (path, api) = (format!("{client}/do/invoice"), "/firm/v1/clients/bluebird/invoices");
    let usual = [("total.currency", "USD"), ("kind", "regular")];
    let with = |typed: &[(&'static str, &'static str)]| [&usual[..], typed].concat();

    // Rows are added without a script, and what was typed stays.
    let first = bea.get(&path).await;
    assert!(!first.html.contains(api), "nothing can be sent before it was looked at");
    assert_eq!(first.html.matches("name=\"what").count(), 4, "{}", first.html);
    let more = asked(&path, &with(&[("what0", "Tax return"), ("rows", "8")]));
    let more = bea.get(&more).await;
    assert_eq!(more.html.matches("name=\"what").count(), 8, "{}", more.html);
    assert!(more.html.contains("value=\"Tax return\"") && !more.html.contains("What will happen"));

    // What can't be taken is said beside its field.
    let line = [("what0", "Tax return"), ("unit0", "150.00")];
    for (typed, field, expected) in [
        (vec![("what0", "Tax return"), ("unit0", "1.005")], "unit0", "finer than the minor unit"),
        (vec![("what0", "Tax return")], "unit0", "be left empty"),
        (vec![line[0], line[1], ("total.amount", "1.00")], "total.amount", "come to 150.00 USD"),
        (line.to_vec(), "invoice", "no series to draw one from"),
        (vec![line[0], line[1], ("invoice", "DP-2001")], "invoice", "DP-2001 is taken"),
        (
            vec![line[0], line[1], ("invoice", "X-1"), ("due_on", "2026-01-01")],
            "due_on",
            "before it is issued",
        ),
    ] {
        let page = bea.get(&asked(&path, &with(&typed))).await;
        assert_eq!(wrong_field(&page), field, "{typed:?}");
        assert!(page.html.contains(expected), "{typed:?}: {}", page.html);
        assert!(!page.html.contains(api), "{typed:?}");
        assert!(page.html.contains("value=\"Tax return\""), "{typed:?}: it stays");
    }

    // Looked at, then issued: lines, tax, total, due date.
    let typed = with(&[
        ("invoice", "X-1"),
        ("what0", "Tax return & letter"),
        ("quantity0", "2"),
        ("unit0", "150.00"),
        ("tax0", "24.30"),
        ("what2", "Audit"),
        ("unit2", "1"),
        ("service_line", ""),
    ]);
    let looked = asked(&path, &typed);
    let page = bea.get(&looked).await;
    for expected in ["What will happen", "Issues invoice X-1 of 325.30 USD", "together 324.30 USD"]
    {
        assert!(page.html.contains(expected), "{expected}: {}", page.html);
    }
    let done = press(&mut bea, &looked, api, &[]).await;
    assert!(done.html.contains("The invoice is issued.") && done.html.contains("X-1"));
    let invoice = up.get("bea", "/firm/v1/invoices/X-1").await;
    assert_eq!(invoice["lines"][0]["description"], "Tax return & letter", "{invoice}");
    assert_eq!(invoice["lines"][0]["tax"], json!({"amount": "24.30", "currency": "USD"}));
    assert_eq!(invoice["total"], json!({"amount": "325.30", "currency": "USD"}));

    // A draft without a number is owed by nobody; posted, it gets one of the series.
    let typed = with(&[("is_draft", "true"), ("total.amount", "80.00")]);
    let done = press(&mut bea, &asked(&path, &typed), api, &[]).await;
    assert!(done.html.contains("The draft is kept."), "{}", done.html);
    let post = done.all("href").into_iter().find(|href| href.ends_with("/do/post")).unwrap();
    assert!(bea.get(&post).await.html.contains("no series to draw one from"));
    let settings = up.get("ada", "/firm/v1/settings").await;
    assert_eq!(settings["numbering"], json!([]));
    let mut ada = Browser::signed_in(&up, "ada").await;
    let typed = [
        ("numbering[0].prefix", "2026-"),
        ("numbering[0].digits:int", "4"),
        ("numbering[0].first:int", "7"),
    ];
    press(&mut ada, "/console/settings/numbering", "/firm/v1/settings", &typed).await;
    let settings = up.get("ada", "/firm/v1/settings").await;
    assert_eq!(settings["numbering"][0]["prefix"], "2026-", "{settings}");
    let page = bea.get(&post).await;
    assert!(page.html.contains("Posts the draft as invoice 2026-0007"), "{}", page.html);
    let api_post = page.all("action").into_iter().find(|action| action.ends_with("/post")).unwrap();
    let done = press(&mut bea, &post, &api_post, &[]).await;
    assert!(done.html.contains("The invoice is posted.") && done.html.contains("2026-0007"));

    // One that goes out later says so, and can go out now.
    let typed = with(&[("total.amount", "5.00"), ("posts_on", "2026-12-01"), ("series", "2026-")]);
    let looked = asked(&path, &typed);
    let page = bea.get(&looked).await;
    assert!(page.html.contains("Issues invoice 2026-0008"), "{}", page.html);
    assert!(page.html.contains("posted on Dec 1, 2026"), "{}", page.html);
    press(&mut bea, &looked, api, &[]).await;
    let invoice = up.get("bea", "/firm/v1/invoices/2026-0008").await;
    assert_eq!(invoice["status"], "scheduled", "{invoice}");
    let post = format!("{client}/invoices/2026-0008/do/post");
    press(&mut bea, &post, "/firm/v1/invoices/2026-0008/post", &[]).await;
    let invoice = up.get("bea", "/firm/v1/invoices/2026-0008").await;
    assert_eq!(invoice["status"], "unpaid", "{invoice}");
}

#[tokio::test]
async fn staff_1_pol_1_a_client_is_changed_and_only_what_changed_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut bea = Browser::signed_in(&up, "bea").await;
    let (path, api) = ("/console/clients/bluebird/do/change", "/firm/v1/clients/bluebird");
    let known = up.get("bea", api).await;
    let as_it_is = |known: &Value, name: &str, typed: &str| {
        let lines = known["service_lines"].as_array().unwrap().iter();
        let lines: Vec<_> = lines.map(|line| line.as_str().unwrap()).collect();
        let (lines, terms) = (lines.join(", "), known["terms_allow_late_fee"].to_string());
        let was = [
            ("name", known["name"].as_str().unwrap()),
            ("class", known["class"].as_str().unwrap()),
            ("currency", "USD"),
            ("service_lines:list", &lines),
            ("terms_allow_late_fee:bool", &terms),
        ];
        asked(path, &was.map(|(field, was)| (field, if field == name { typed } else { was })))
    };
    let first = bea.get(path).await;
    assert!(first.html.contains("Bluebird") && !first.html.contains("What will happen"));
    for (name, typed, field, expected) in [
        ("name", "", "name", "be left empty"),
        ("currency", "usd", "currency", "unknown currency"),
        ("class", "vip", "class", "no policy of class vip is in force"),
        ("service_lines:list", "tax, a%23b", "service_lines:list", "no id may"),
    ] {
        let page = bea.get(&as_it_is(&known, name, typed)).await;
        assert_eq!(wrong_field(&page), field, "{name}={typed}");
        assert!(page.html.contains(expected), "{name}={typed}: {}", page.html);
    }
    // What the API alone refuses comes back to its field as well.
    let looked = as_it_is(&known, "name", &"x".repeat(201));
    let refused = press(&mut bea, &looked, api, &[]).await;
    assert_eq!(wrong_field(&refused), "name");
    assert!(refused.html.contains("1 to 200 characters"), "{}", refused.html);

    for (name, typed, expected, field, now) in [
        (
            "name",
            "Bluebird & Sons",
            "becomes Bluebird &#38; Sons.",
            "name",
            json!("Bluebird & Sons"),
        ),
        (
            "service_lines:list",
            "tax, audit",
            "none becomes audit, tax.",
            "service_lines",
            json!(["audit", "tax"]),
        ),
        (
            "terms_allow_late_fee:bool",
            "true",
            "becomes allow late fees.",
            "terms_allow_late_fee",
            json!(true),
        ),
    ] {
        let looked = as_it_is(&up.get("bea", api).await, name, typed);
        let page = bea.get(&looked).await;
        assert!(page.html.contains(expected), "{name}: {}", page.html);
        // Nothing else is sent: what somebody changes meanwhile stays.
        let fields = hidden(&page, api).into_iter().map(|(name, _)| name);
        let fields: Vec<_> = fields.filter(|name| !name.starts_with('_')).collect();
        assert_eq!(fields, [name]);
        press(&mut bea, &looked, api, &[]).await;
        let client = up.get("bea", api).await;
        assert_eq!(client[field], now, "{client}");
    }
    assert!(
        bea.get(&as_it_is(&up.get("bea", api).await, "", ""))
            .await
            .html
            .contains("Nothing is changed.")
    );

    // Another class: the policy that it comes under is named before.
    let policy = json!({"preset": "cpa"});
    let (status, told) = up.ask("ada", Method::PUT, "/firm/v1/policies/vip", Some(policy)).await;
    assert!(status < 300, "{told}");
    let looked = as_it_is(&up.get("bea", api).await, "class", "vip");
    let page = bea.get(&looked).await;
    assert!(page.html.contains("Policy class: default becomes vip."), "{}", page.html);
    assert!(page.html.contains("Policy of class vip:"), "{}", page.html);
    press(&mut bea, &looked, api, &[]).await;
    assert_eq!(up.get("bea", api).await["class"], "vip");

    // A new client says what is done for it at once.
    let typed = [
        ("name", "Zed"),
        ("client", "zed"),
        ("service_lines:list", "tax"),
        ("terms_allow_late_fee:bool", "true"),
    ];
    press(&mut bea, "/console/new-client", "/firm/v1/clients", &typed).await;
    let zed = up.get("bea", "/firm/v1/clients/zed").await;
    assert_eq!(
        (&zed["service_lines"], &zed["terms_allow_late_fee"]),
        (&json!(["tax"]), &json!(true))
    );
}

#[tokio::test]
async fn dis_1_a_partner_takes_a_dispute_under_review_and_everybody_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let (mut bea, mut pat) =
        (Browser::signed_in(&up, "bea").await, Browser::signed_in(&up, "pat").await);
    let client = "/console/clients/kestrel";
    let review = format!("{client}/invoices/DP-2008/do/review-dispute");
    assert!(!bea.get(client).await.all("href").contains(&review));
    assert!(bea.get(&review).await.html.contains("That is not possible now. Only a partner"));
    let page = pat.get(client).await;
    assert!(page.all("href").contains(&review) && !page.html.contains("Under review"));
    let page = pat.get(&review).await;
    assert!(page.html.contains("Reviews the dispute on invoice DP-2008"), "{}", page.html);
    let done = press(&mut pat, &review, "/firm/v1/invoices/DP-2008/disputes/review", &[]).await;
    assert!(done.html.contains("The dispute is under review."), "{}", done.html);
    assert!(!done.all("href").contains(&review));
    for page in [client.to_owned(), format!("{client}/invoices")] {
        assert!(bea.get(&page).await.html.contains("Under review"), "{page}");
    }
}

#[tokio::test]
async fn inv_5_pay_5_credit_notes_refunds_and_returns_say_what_they_move() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut bea = Browser::signed_in(&up, "bea").await;
    let usd = |amount: &str| json!({"amount": amount, "currency": "USD"});

    // A credit note on an invoice that a plan is about.
    let balance = || async { up.get("bea", "/firm/v1/invoices/DP-2004").await["balance"].clone() };
    assert_eq!(balance().await, usd("1200.00"));
    let (path, api) = (
        "/console/clients/larch/invoices/DP-2004/do/credit-note",
        "/firm/v1/invoices/DP-2004/credit-notes",
    );
    for (typed, field, expected) in [
        ([("credit_note", ""), ("amount.amount", "1")], "credit_note", "be left empty"),
        ([("credit_note", "N-1"), ("amount.amount", "")], "amount.amount", "be left empty"),
        ([("credit_note", "N-1"), ("amount.amount", "x")], "amount.amount", "not an amount"),
        ([("credit_note", "N-1"), ("amount.amount", "0")], "amount.amount", "be credited"),
    ] {
        let typed = [&typed[..], &[("amount.currency", "USD")]].concat();
        let page = bea.get(&asked(path, &typed)).await;
        assert_eq!(wrong_field(&page), field, "{typed:?}");
        assert!(page.html.contains(expected), "{typed:?}: {}", page.html);
    }
    let typed = [("credit_note", "N-1"), ("amount.amount", "200.00"), ("amount.currency", "USD")];
    let page = bea.get(&asked(path, &typed)).await;
    let expected = "Issues credit note N-1 of 200.00 USD: 200.00 USD to DP-2004.";
    assert!(page.html.contains(expected), "{}", page.html);
    press(&mut bea, &asked(path, &typed), api, &[]).await;
    assert_eq!(balance().await, usd("1000.00"));
    let page = bea.get(&asked(path, &typed)).await;
    assert_eq!(wrong_field(&page), "credit_note", "the number is taken");

    // A credit note to a client who owes nothing becomes credit.
    let (path, api) =
        ("/console/clients/bluebird/do/credit-note", "/firm/v1/clients/bluebird/credit-notes");
    let typed = [("credit_note", "N-2"), ("amount.amount", "30"), ("amount.currency", "USD")];
    let page = bea.get(&asked(path, &typed)).await;
    assert!(page.html.contains("30.00 USD to client credit"), "{}", page.html);
    press(&mut bea, &asked(path, &typed), api, &[]).await;
    assert_eq!(up.get("bea", "/firm/v1/clients/bluebird").await["credit"], json!([usd("30.00")]));

    // Of a check some is given back: its invoice, closed by then, is owed again.
    let payments = bea.get("/console/clients/bluebird/payments").await;
    let links = payments.all("href");
    let refund = links.iter().find(|href| href.ends_with("/do/refund")).unwrap().clone();
    let back = links.iter().find(|href| href.ends_with("/do/return")).unwrap().clone();
    let page = bea.get(&refund).await;
    assert!(
        page.html.contains("all that is left of it: 1,670.00 USD")
            || page.html.contains("1670.00 USD"),
        "{}",
        page.html
    );
    let typed = [("refund", "R-1"), ("amount.amount", "9999.00"), ("amount.currency", "USD")];
    let page = bea.get(&asked(&refund, &typed)).await;
    assert_eq!(wrong_field(&page), "amount.amount", "{}", page.html);
    let typed = [("refund", "R-1"), ("amount.amount", "70.00"), ("amount.currency", "USD")];
    let looked = asked(&refund, &typed);
    let page = bea.get(&looked).await;
    assert!(page.html.contains("taken from DP-2001"), "{}", page.html);
    let api = page.all("action").into_iter().find(|action| action.ends_with("/refunds")).unwrap();
    let done = press(&mut bea, &looked, &api, &[]).await;
    assert!(
        done.html.contains("The refund is recorded.") && done.html.contains("Partly given back")
    );
    assert_eq!(wrong_field(&bea.get(&looked).await), "refund", "the same reference again");

    // And then the rest of it comes back.
    let page = bea.get(&back).await;
    assert!(page.html.contains("What will happen"), "{}", page.html);
    assert!(page.html.contains("taken from DP-2001"), "{}", page.html);
    let api = page.all("action").into_iter().find(|action| action.ends_with("/return")).unwrap();
    let done = press(&mut bea, &back, &api, &[]).await;
    assert!(done.html.contains("It is recorded that the payment came back."), "{}", done.html);
    assert!(!done.all("href").contains(&back), "once");
    assert!(bea.get(&back).await.html.contains("Nothing of this payment is left"));

    // PAY-2: of a gateway's payment only the gateway tells; another client's payment isn't found here.
    let card = up.list("bea", "/firm/v1/clients/finch/payments").await;
    let card = card[0]["payment"].as_str().unwrap().replace(':', "%3A");
    let page = bea.get(&format!("/console/clients/finch/payments/{card}/do/refund")).await;
    assert!(page.html.contains("Only the gateway tells"), "{}", page.html);
    let page = bea.get(&format!("/console/clients/larch/payments/{card}/do/refund")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn fresh_1_inv_7_an_admin_sets_the_ledger_and_the_numbers_and_a_ledger_that_is_too_old_is_said()
 {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let (mut ada, mut bea) =
        (Browser::signed_in(&up, "ada").await, Browser::signed_in(&up, "bea").await);
    let (ledger, api) = ("/console/settings/ledger", "/firm/v1/settings");
    let warning = "notices, demands and locks wait for the next import";
    for path in ["/console", "/console/runs"] {
        assert!(!bea.get(path).await.html.contains(warning), "{path}");
    }
    let page = bea.get(ledger).await;
    assert!(
        page.html.contains("Only an admin") && !page.html.contains(&format!("action=\"{api}\""))
    );

    // Switched on, with the days that it may be old.
    let days = "ledger.fresh_days:int";
    assert!(ada.get(ledger).await.html.contains("The last import was on"));
    for (typed, expected) in [("0", "1 to 92 days"), ("93", "1 to 92 days"), ("x", "whole number")]
    {
        let page = press(&mut ada, ledger, api, &[(days, typed)]).await;
        assert_eq!(wrong_field(&page), days, "{typed}");
        assert!(page.html.contains(expected), "{typed}: {}", page.html);
        assert!(page.html.contains(&format!("value=\"{typed}\"")), "{typed}: it stays");
    }
    let done = press(&mut ada, ledger, api, &[(days, "5")]).await;
    assert!(done.html.contains("The ledger is kept elsewhere."), "{}", done.html);
    assert_eq!(up.get("ada", api).await["ledger"]["fresh_days"], 5);

    // The demo's ledger came in July: everybody reads what waits, and where it is mended.
    for path in ["/console", "/console/runs", ledger, "/console/runs/2026-10-01"] {
        let page = bea.get(path).await;
        assert!(page.html.contains(warning), "{path}: {}", page.html);
        assert!(page.all("href").contains(&"/console/import".to_owned()), "{path}");
    }
    assert!(!bea.get("/console/runs/2026-09-30").await.html.contains(warning), "of that day");
    let (code, text) = run(&data, &["doctor", "--firm", "demo"]);
    assert!(code == Some(1) && text.contains("notices, demands and locks wait"), "{text}");

    // And off again: the second form of the page.
    let page = ada.get(ledger).await;
    let off = page.html.rsplit(&format!("<form method=\"post\" action=\"{api}\"")).next().unwrap();
    assert!(off.contains("name=\"ledger.comes_from_elsewhere:bool\" value=\"false\""), "{off}");
    let token = page.hidden(api, "_token");
    let fields = [
        ("_token", token.as_str()),
        ("_method", "patch"),
        ("_back", ledger),
        ("_then", ledger),
        ("ledger.comes_from_elsewhere:bool", "false"),
    ];
    ada.post(api, &fields).await;
    assert!(!bea.get("/console").await.html.contains(warning));

    // Series of numbers: the last one is drawn from; what is there can't be there twice.
    let numbering = "/console/settings/numbering";
    let row = |at: usize, prefix: &'static str| {
        let part = |part: &str, value: &'static str| (format!("numbering[{at}].{part}"), value);
        [part("prefix", prefix), part("digits:int", "4"), part("first:int", "1")]
    };
    for (at, prefix) in [(0, "2026-"), (1, "N-")] {
        let fields = row(at, prefix);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        // A page with series has a form for each: the last one adds.
        add(&mut ada, numbering, &fields).await;
    }
    let prefixes = || async {
        let settings = up.get("ada", api).await;
        let all = settings["numbering"].as_array().unwrap().clone();
        all.iter().map(|series| series["prefix"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(prefixes().await, ["2026-", "N-"]);
    for (prefix, expected) in [("N-", "there twice"), ("2027", "end with a digit")] {
        let fields = row(2, prefix);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let page = add(&mut ada, numbering, &fields).await;
        assert_eq!(wrong_field(&page), "numbering[2].prefix", "{prefix}");
        assert!(page.html.contains(expected), "{prefix}: {}", page.html);
        assert!(page.html.contains(&format!("value=\"{prefix}\"")), "{prefix}: it stays");
    }
    // The first form makes the first series the last one; what comes after it takes the other away.
    press(&mut ada, numbering, api, &[]).await;
    assert_eq!(prefixes().await, ["N-", "2026-"]);
    let stale = ada.get(numbering).await;
    let stale: Vec<_> = hidden(&stale, api);
    press(&mut ada, numbering, api, &[]).await;
    let stale: Vec<_> = stale.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let refused = ada.post(api, &stale).await;
    assert!(ada.get(&refused.location).await.html.contains("changed meanwhile"));
    let page = bea.get(numbering).await;
    assert!(
        page.html.contains("2026-0001") && page.html.contains("Only an admin"),
        "{}",
        page.html
    );
    assert!(!page.html.contains(&format!("action=\"{api}\"")));
}

/// Sends the last form of a page.
async fn add(browser: &mut Browser, path: &str, typed: &[(&str, &str)]) -> Page {
    let page = browser.get(path).await;
    let api = "/firm/v1/settings";
    let start = page.html.rfind(&format!("<form method=\"post\" action=\"{api}\"")).unwrap();
    let last = Page { html: page.html[start..].to_owned(), ..page };
    let hidden = hidden(&last, api);
    let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let fields: Vec<_> = hidden.chain(typed.iter().copied()).collect();
    let done = browser.post(api, &fields).await;
    browser.get(&done.location).await
}

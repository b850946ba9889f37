//! The page on which a firm words its letters, as a browser without scripts meets it (LET-3, SEC-6).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![allow(dead_code, reason = "each test file uses its part of what they share")]

mod browse;
mod up;

use browse::{Browser, Page};
use reqwest::StatusCode;
use up::{PATIENCE, Up, letters};

const LIST: &str = "/console/settings/letters";
const NOTICE: &str = "/console/settings/letters/notice?language=en";
const VIEW: &str = "/console/settings/letters/notice/view?language=en";
const API: &str = "/firm/v1/templates/notice/en";

fn header<'a>(page: &'a Page, name: &str) -> &'a str {
    page.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// A frame of a letter can do nothing, and only a page of ours may hold it; every other page is nobody's frame.
fn is_frame(page: &Page) {
    assert_eq!(page.status, StatusCode::OK, "{}", page.html);
    let policy = header(page, "content-security-policy");
    for part in ["sandbox;", "default-src 'none'", "form-action 'none'", "frame-ancestors 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("allow-"), "{policy}");
    assert_eq!(header(page, "x-frame-options"), "SAMEORIGIN");
    assert_eq!(header(page, "cache-control"), "no-store");
}

fn is_page(page: &Page) {
    let policy = header(page, "content-security-policy");
    assert!(
        policy.contains("frame-ancestors 'none'") && policy.contains("frame-src 'self'"),
        "{policy}"
    );
    assert_eq!(header(page, "x-frame-options"), "DENY");
}

/// The words of the form with its hidden fields, as a browser sends them to that address.
async fn send(browser: &mut Browser, to: &str, more: &[(&str, &str)]) -> Page {
    let page = browser.get(NOTICE).await;
    let hidden = ["_token", "_once", "_then", "_back", "_said"]
        .map(|name| (name, page.hidden(NOTICE, name)));
    let mut fields: Vec<_> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let version = page
        .html
        .split("name=\"_match\" value=\"")
        .nth(1)
        .map(|rest| rest.split('"').next().unwrap());
    fields.extend(version.map(|version| ("_match", version)));
    fields.extend_from_slice(more);
    let answer = browser.post(to, &fields).await;
    if answer.status == StatusCode::TEMPORARY_REDIRECT {
        // The same request once more, as browsers send it.
        let location = answer.location.clone();
        return browser.post(&location, &fields).await;
    }
    answer
}

#[tokio::test]
async fn let_3_a_firm_words_a_letter_on_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut ada = Browser::signed_in(&up, "ada").await;
    let list = ada.get(LIST).await;
    is_page(&list);
    for part in ["Demand letter", "Welcome back", "built-in", "A text for a step"] {
        assert!(list.html.contains(part), "{part} is not in {}", list.html);
    }
    let page = ada.get(NOTICE).await;
    is_page(&page);
    assert!(page.html.contains("The built-in words."), "{}", page.html);
    assert!(page.html.contains("what is to be paid in all, net of credit"), "{}", page.html);
    let frame = ada.get(VIEW).await;
    is_frame(&frame);
    assert!(
        frame.html.contains("Harbor") || frame.html.contains("Demo Practice"),
        "{}",
        frame.html
    );

    // What is wrong stands beside the field, and what was typed stays.
    let (wrong, right) =
        ("Dear all\n{{ client.nmae }}", "Pay {{ amount_due }}, {{ client.name }}.");
    let put = ("_method", "put");
    let refused = send(&mut ada, NOTICE, &[("subject", "A word"), ("text", wrong), put]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    is_page(&refused);
    let shown = browse::plain(&refused.html);
    for part in [
        "line 2: unknown placeholder",
        "client.name",
        "A word</textarea>",
        "{{ client.nmae }}</textarea>",
        "aria-invalid",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(ada.get(NOTICE).await.html.contains("The built-in words."), "nothing was saved");

    // A preview of what is typed, with a client and without, saves nothing either.
    let tried = send(&mut ada, VIEW, &[("subject", "A word"), ("text", right)]).await;
    is_frame(&tried);
    assert!(tried.html.contains("A word") && tried.html.contains("Pay "), "{}", tried.html);
    for (client, expected) in
        [("nobody", "There is no client nobody."), ("a#b", "which no id may"), ("dune", "A word")]
    {
        let tried = send(&mut ada, VIEW, &[("subject", "A word"), ("_client", client)]).await;
        is_frame(&tried);
        assert!(browse::plain(&tried.html).contains(expected), "{client}: {}", tried.html);
    }
    assert!(
        send(&mut ada, VIEW, &[("text", wrong)]).await.html.contains("There is nothing to show")
    );

    // Saved, and shown from then on.
    let saved = send(&mut ada, NOTICE, &[("subject", "A word"), ("text", right), put]).await;
    assert_eq!(
        (saved.status, saved.location.as_str()),
        (StatusCode::SEE_OTHER, NOTICE),
        "{}",
        saved.html
    );
    let page = ada.get(NOTICE).await;
    assert!(page.html.contains("version 1 by ada"), "{}", page.html);
    assert!(ada.get(VIEW).await.html.contains("A word"));
    assert!(ada.get(LIST).await.html.contains("own, version 1"));
    assert!(ada.get("/console").await.html.contains("Own words for 1 in English"));
    let again = send(&mut ada, NOTICE, &[("subject", "Another"), put]).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let page = ada.get(NOTICE).await;
    let stale: Vec<(&str, String)> = ["_token", "_once", "_then", "_back", "_said"]
        .map(|name| (name, page.hidden(NOTICE, name)))
        .into();
    let mut stale: Vec<_> = stale.iter().map(|(name, value)| (*name, value.as_str())).collect();
    stale.extend([("_match", "1"), ("subject", "Mine"), put]);
    let refused = ada.post(NOTICE, &stale).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = browse::plain(&refused.html);
    assert!(
        shown.contains("Meanwhile ada saved version 2") && shown.contains("Mine</textarea>"),
        "{shown}"
    );

    // Another site's form, or one of another sign-in, is none.
    let fields: &[(&str, &str)] = &[("subject", "Evil"), ("_token", "x")];
    assert_eq!(ada.post(NOTICE, fields).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ada.post(VIEW, fields).await.status, StatusCode::FORBIDDEN);

    // A test comes to one's own address; and the built-in words come back.
    let test = format!("{API}/test");
    let sent = ada.fill(NOTICE, &test, &[]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let said = ada.get(NOTICE).await.html;
    assert!(said.contains("on its way to your own address"), "{said}");
    let mailbox = folder.path().join("data/mailbox");
    let begun = std::time::Instant::now();
    let is_test = |letter: &String| {
        letter.contains("Subject: [Test] Another") && letter.contains("To: ada@demo.example")
    };
    while !letters(&mailbox).iter().any(is_test) {
        assert!(
            begun.elapsed() < PATIENCE,
            "no test came: {:?}",
            up::headers(&letters(&mailbox), "Subject")
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let page = ada.get(NOTICE).await;
    let version = page.hidden(API, "_match");
    let back = ada.fill(NOTICE, API, &[("_method", "delete"), ("_match", &version)]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    assert!(ada.get(NOTICE).await.html.contains("The built-in words are back."));
    assert!(ada.get(LIST).await.html.matches("own, version").count() == 0);
}

#[tokio::test]
async fn staff_1_whoever_is_no_admin_reads_words_and_tries_them_and_saves_none() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    for who in ["bea", "pat", "pre"] {
        let mut browser = Browser::signed_in(&up, who).await;
        let page = browser.get(NOTICE).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(
            !page.html.contains(">Save<") && page.html.contains("readonly"),
            "{who}: {}",
            page.html
        );
        is_frame(&send(&mut browser, VIEW, &[("subject", "A word")]).await);
        let saved = send(&mut browser, NOTICE, &[("subject", "A word"), ("_method", "put")]).await;
        assert_eq!(saved.status, StatusCode::FORBIDDEN, "{who}");
    }
}

#[tokio::test]
async fn let_3_a_letter_is_shown_as_it_went_out_in_a_frame_that_can_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut bea = Browser::signed_in(&up, "bea").await;
    let list = bea.get("/console/clients/dune/letters").await;
    let letter = list
        .all("href")
        .into_iter()
        .find(|href| href.starts_with("/console/clients/dune/letters/"));
    let page = bea.get(&letter.unwrap()).await;
    is_page(&page);
    assert!(page.html.contains("the built-in ones, in English"), "{}", page.html);
    let source = page.all("src").into_iter().find(|source| source.ends_with("/html")).unwrap();
    let frame = bea.get(&source).await;
    is_frame(&frame);
    assert!(
        frame.html.starts_with("<!doctype html>") && frame.html.contains("Kind regards"),
        "{}",
        frame.html
    );
    let missing = bea.get("/console/clients/dune/letters/9999/html").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

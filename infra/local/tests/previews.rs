//! A draft is previewed from the editor, without a script: the page says how far it is, then what came of it, and leads
//! back to the draft (POL-6). A client's page says what comes and what stops it (EVAL-5).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![allow(dead_code, reason = "each test file uses its part of what they share")]

mod browse;
mod up;

use std::time::Duration;

use browse::Browser;
use reqwest::StatusCode;
use up::Up;

const EDITOR: &str = "/console/settings/policies/default/edit";
const ACTION: &str = "/firm/v1/policies/default/preview";

#[tokio::test]
async fn pol_6_eval_5_a_draft_is_previewed_from_the_editor_and_a_client_reads_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("data"));
    let mut bea = Browser::signed_in(&up, "bea").await;
    let before = up.get("bea", "/firm/v1/clients/acme-retail").await;

    let page = bea.get(EDITOR).await;
    let text = page.hidden(ACTION, "_document");
    let stricter = text.replace("days_overdue: 30", "days_overdue: 20");
    assert_ne!(stricter, text);
    let begun = bea.fill(EDITOR, ACTION, &[("_document", &stricter), ("days", "90")]).await;
    assert!(begun.location.starts_with("/console/previews/preview-"), "{begun:?}");
    let mut page = bea.get(&begun.location).await;
    for _ in 0..600 {
        assert_eq!(page.status, StatusCode::OK, "{}", page.html);
        if page.html.contains("In all, over") {
            break;
        }
        assert!(page.html.contains("It goes on") && page.html.contains("http-equiv=\"refresh\""));
        tokio::time::sleep(Duration::from_millis(100)).await;
        page = bea.get(&begun.location).await;
    }
    assert!(page.html.contains("In all, over 25 clients"), "{}", page.html);
    for part in ["<svg viewBox=\"0 0 632", "Week of", "Would be locked", "Nobody pays", "In force"]
    {
        assert!(page.html.contains(part), "{part}: {}", page.html);
    }
    let csv = page.all("href").into_iter().find(|href| href.ends_with(".csv")).unwrap();
    let file = bea.get(&csv).await;
    assert!(file.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    // Earlier by ten days under the draft.
    let line = "\"acme-retail\",\"Acme Retail Stores, LLC\",locked,2026-10-19,1,2026-10-09,1";
    assert!(file.html.lines().any(|known| known == line), "{}", file.html);
    assert_eq!(up.get("bea", "/firm/v1/clients/acme-retail").await, before, "nothing happened");

    // Back to the draft, as it was left.
    let check = "/console/settings/policies/default/check";
    let draft = page.hidden(check, "text");
    let back = bea.post(check, &[("text", &draft), ("use", "text")]).await;
    assert!(back.html.contains("days_overdue: 20"), "{}", back.html);
    // Who can't begin one sees none of the button, and reads what others began.
    let mut pre = Browser::signed_in(&up, "pre").await;
    assert!(!pre.get(EDITOR).await.html.contains(ACTION));
    assert_eq!(pre.get(&begun.location).await.status, StatusCode::OK);
    let gone = begun.location.replace("preview-", "preview-x");
    assert_eq!(pre.get(&gone).await.status, StatusCode::NOT_FOUND);
    assert_eq!(pre.get(&format!("{gone}/clients.csv")).await.status, StatusCode::NOT_FOUND);

    // The API says the same of the client that its page says.
    let explanation = &before["explanation"];
    let [next, later] = [&explanation["next"], &explanation["later"][0]];
    assert!(later["rules"].as_array().unwrap().contains(&"LOCK-1".into()), "{explanation}");
    let summary = bea.get("/console/clients/acme-retail").await.html;
    for said in [next, later].into_iter().flat_map(|step| step["stopped_by"].as_array().unwrap()) {
        assert!(summary.contains(said.as_str().unwrap()), "{said}");
    }
    assert!(summary.contains("Payment of 455.00 USD by"), "{summary}");
}

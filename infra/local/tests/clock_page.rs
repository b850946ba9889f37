//! The demo firm's day, moved from the console of the running system, and its letters, read there (TEST-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::fs;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use up::{PATIENCE, Up};

const MOVES: &str = "/console/clock/moves";

/// A page, as a signed-in browser gets it.
async fn page(up: &Up, who: &str, path: &str) -> (u16, String) {
    let cookie = format!("__Host-portcullis-staff={}; __Host-portcullis-firm=demo", up.token(who));
    let request = reqwest::Client::new().get(format!("{}{path}", up.url)).header("cookie", cookie);
    let answer = request.timeout(PATIENCE).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn go_to(up: &Up, who: &str, day: &str) -> (u16, String) {
    let (status, body) = up.ask(who, Method::POST, MOVES, Some(json!({"to": day}))).await;
    (status, body["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_1_the_day_moves_in_the_background_one_move_at_a_time_and_only_forward() {
    let data = tempfile::tempdir().unwrap();
    let up = Up::start(data.path());
    assert_eq!(go_to(&up, "pre", "2026-10-02").await.0, 403);
    assert_eq!(go_to(&up, "bea", "2026-10-21").await.0, 202);
    // Nobody waits for it, and nobody begins a second one.
    let (status, detail) = go_to(&up, "pat", "2026-10-31").await;
    assert_eq!(status, 409, "{detail}");
    let begun = Instant::now();
    let mut html = String::new();
    while !html.contains("Done: 20 days, moved by bea") {
        assert!(begun.elapsed() < PATIENCE, "{html}");
        assert!(!html.contains("It stopped on the way"), "{html}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        html = page(&up, "pre", "/console/clock").await.1;
    }
    assert!(html.contains("Wed, Oct 21, 2026"), "{html}");
    for kind in ["locked", "warned", "written to", "payments"] {
        assert!(html.contains(&format!("</strong> {kind}")), "{kind}: {html}");
    }
    let (status, detail) = go_to(&up, "pat", "2026-10-20").await;
    assert!(status == 422 && detail.contains("only goes forward"), "{status}: {detail}");
    // Who moved it stands in the firm's history.
    let events = up.get("ada", "/firm/v1/events?limit=200").await;
    let moved = events["items"].as_array().unwrap().iter().filter(|event| event["by"] == "bea");
    assert_eq!(moved.count(), 20, "{events}");
    up::assert_audit_verifies(data.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_1_the_mailbox_shows_no_letter_of_another_firm() {
    let data = tempfile::tempdir().unwrap();
    let up = Up::start(data.path());
    let folder = data.path().join("mailbox");
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    names.sort();
    let ours = names.last().unwrap();
    let text = fs::read_to_string(ours).unwrap();
    let id = text.lines().find(|line| line.starts_with("Message-ID: <")).unwrap();
    // The same sender, to the same address, and of another firm.
    let foreign = text.replace(&id[13..21], "00000000");
    fs::write(folder.join("99999999-20261001T120000Z.eml"), foreign).unwrap();
    // One that came last and bears an earlier day: the page goes by the days that it shows.
    let date = text.lines().find(|line| line.starts_with("Date: ")).unwrap();
    let early = text.replace(date, "Date: Wed, 1 Jul 2026 09:00:00 -0400");
    fs::write(folder.join("99999998-20261001T120000Z.eml"), early).unwrap();
    // The running system may still be at its first letters: the page tells of those that lie there.
    let begun = Instant::now();
    let html = loop {
        let number = up::letters(&folder).len() - 1;
        let (status, html) = page(&up, "pre", "/console/mailbox").await;
        assert_eq!(status, 200);
        if html.contains(&format!("{number} letters")) {
            break html;
        }
        assert!(begun.elapsed() < PATIENCE, "{number}: {html}");
    };
    assert!(!html.contains("99999999-"), "{html}");
    assert!(!html.contains("99999998-"), "the oldest comes last: {html}");
    let name = ours.file_stem().unwrap().to_str().unwrap();
    assert!(html.contains(name), "the newest comes first: {html}");
    for (path, expected) in [
        (name, 200),
        ("99999999-20261001T120000Z", 404),
        ("..%2Fdemo", 404),
        ("00000000-20261001T120000Z", 404),
    ] {
        let path = format!("/console/mailbox/{path}");
        assert_eq!(page(&up, "pre", &path).await.0, expected, "{path}");
    }
}

/// The letters of a test firm go nowhere, so what would be heard of them is made up: by the function that hears it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_6_and_test_1_a_letter_comes_back_from_the_mailbox() {
    let data = tempfile::tempdir().unwrap();
    let up = Up::start(data.path());
    assert_eq!(go_to(&up, "bea", "2026-10-02").await.0, 202);
    let begun = Instant::now();
    // Letters of before the system was started say nothing of what they are about.
    let (name, client) = loop {
        let tagged = fs::read_dir(data.path().join("mailbox")).unwrap();
        let mut tagged: Vec<_> = tagged
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "about"))
            .filter(|path| {
                fs::read_to_string(path).unwrap().contains("\"portcullis-kind\":\"letter\"")
            })
            .collect();
        tagged.sort();
        if let Some(path) = tagged.pop() {
            let tags: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let client = tags["portcullis-to"].as_str().and_then(platform::mail::tagged_message);
            break (path.file_stem().unwrap().to_str().unwrap().to_owned(), client.unwrap());
        }
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let path = format!("/console/mailbox/{name}/news");
    let hear = async |who: &str, path: &str, news: &str| {
        up.ask(who, Method::POST, path, Some(json!({ "news": news }))).await.0
    };
    assert_eq!(hear("pre", &path, "returned").await, 403);
    assert_eq!(hear("bea", &path, "lost").await, 422);
    assert_eq!(
        hear("bea", "/console/mailbox/99999999-20261001T120000Z/news", "returned").await,
        404
    );
    let is_bounced = async || {
        let shown = up.get("bea", &format!("/firm/v1/clients/{client}")).await;
        shown["contacts"].as_array().unwrap().iter().any(|known| known["is_bounced"] == true)
    };
    let before = is_bounced().await;
    assert_eq!(hear("bea", &path, "arrived").await, 200);
    assert_eq!(is_bounced().await, before);
    for _ in 0..2 {
        assert_eq!(hear("bea", &path, "returned").await, 200);
    }
    assert!(is_bounced().await, "{client}");
    let (status, html) = page(&up, "bea", &format!("/console/clients/{client}/letters")).await;
    assert!(status == 200 && html.contains("came back"), "{html}");

    // LET-8: whoever got it answers, and until somebody has read it harsher steps wait.
    let path = format!("/console/mailbox/{name}/answers");
    let text = json!({ "text": "I paid in September." });
    assert_eq!(up.ask("pre", Method::POST, &path, Some(text.clone())).await.0, 403);
    assert_eq!(up.ask("bea", Method::POST, &path, Some(text)).await.0, 200);
    let messages = format!("/firm/v1/clients/{client}/messages");
    let written = up.list("bea", &messages).await;
    assert_eq!((written.len(), &written[0]["is_unread"]), (1, &json!(true)), "{written:?}");
    assert_eq!(written[0]["text"], "I paid in September.", "without what it quotes");
    let shown = up.get("bea", &format!("/firm/v1/clients/{client}")).await;
    assert!(shown["explanation"].to_string().contains("lain unread"), "{shown}");
    let (_, html) = page(&up, "bea", &format!("/console/clients/{client}/messages")).await;
    assert!(html.contains("I have read it") && html.contains("Unread"), "{html}");
    // A week later the overview and `doctor` name it; until it is read.
    let lies = async || {
        let (_, html) = page(&up, "bea", "/console").await;
        let (_, text) = up::run(data.path(), &["doctor", "--firm", "demo"]);
        let said = "messages of 1 clients have lain unread";
        (html.contains("Messages that nobody has read"), text.contains(said))
    };
    assert_eq!(lies().await, (false, false));
    let (code, text) = up::run(data.path(), &["clock", "--firm", "demo", "--to", "2026-10-12"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(lies().await, (true, true));
    let read = format!("{messages}/{}/read", written[0]["message"].as_str().unwrap());
    let (status, answer) = up.ask("pre", Method::POST, &read, None).await;
    assert_eq!((status, answer), (200, json!({ "unread": 0 })));
    let (_, html) = page(&up, "bea", &format!("/console/clients/{client}/messages")).await;
    assert!(!html.contains("I have read it"), "{html}");
    assert_eq!(lies().await, (false, false));
    up::assert_audit_verifies(data.path());
}

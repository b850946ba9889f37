//! Forms as browsers send them.

use axum::Json;
use axum::routing::{delete, post};
use serde_json::json;
use tower::ServiceExt;

use super::*;

fn app() -> Router {
    async fn echo(headers: HeaderMap, Json(body): Json<Value>) -> Result<Json<Value>, Problem> {
        if body["reason"] == "bad" {
            return Err(Problem::invalid("reason", "a better one is expected"));
        }
        Ok(Json(json!({"body": body, "bearer": headers[AUTHORIZATION].to_str().unwrap(),
            "firm": headers.get(FIRM_HEADER).map(|firm| firm.to_str().unwrap()),
            "once": headers.get(once::HEADER).map(|key| key.to_str().unwrap())})))
    }
    with_forms(Router::new().route("/act", post(echo)).route("/gone", delete(async || "")))
}

fn ask(path: &str) -> http::request::Builder {
    Request::post(path)
        .header(HOST, "portal.example")
        .header(ORIGIN, "https://portal.example")
        .header("sec-fetch-site", "same-origin")
        .header("cookie", format!("x=1; {STAFF_COOKIE}=jwt; {FIRM_COOKIE}=f-1"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn written(fields: &[(&str, &str)]) -> Body {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("_token", &form_token("jwt"))
        .append_pair("_then", "/there")
        .append_pair("_back", "/here?x=1");
    Body::from(form.extend_pairs(fields).finish())
}

async fn post_form(path: &str, fields: &[(&str, &str)]) -> (StatusCode, String, Flash) {
    let request = ask(path).body(written(fields)).unwrap();
    let response = app().oneshot(request).await.unwrap();
    let header =
        |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let flash = header(SET_COOKIE).and_then(|set| {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", set.split(';').next().unwrap().parse().unwrap());
        Flash::of(&headers)
    });
    (response.status(), header(LOCATION).unwrap_or_default(), flash.unwrap_or_default())
}

#[tokio::test]
async fn a_form_is_done_and_leads_on() {
    let (status, location, flash) =
        post_form("/act", &[("reason", "x"), ("_said", "Locked.")]).await;
    assert_eq!((status, location.as_str()), (StatusCode::SEE_OTHER, "/there"));
    assert_eq!(flash, Flash { is_done: true, text: "Locked.".to_owned(), ..Flash::default() });
    let (status, ..) = post_form("/gone", &[("_method", "delete")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_that_is_refused_leads_back_with_what_was_typed() {
    let (_, location, flash) =
        post_form("/act", &[("reason", "bad"), ("until", "2026-01-01")]).await;
    assert_eq!(location, "/here?x=1");
    assert!(!flash.is_done);
    assert_eq!(
        (flash.text.as_str(), flash.field.as_deref()),
        ("A better one is expected.", Some("reason"))
    );
    assert_eq!(flash.typed["until"], "2026-01-01");
    let (_, location, flash) =
        post_form("/act", &[("reason", "x"), ("_then", "//evil.example")]).await;
    assert_eq!((location.as_str(), flash.is_done), ("/there", true), "the first counts");
}

#[test]
fn sec_6_what_was_typed_waits_as_long_as_a_sign_in_on_the_way_may_take() {
    for (is_done, expected) in [(true, "Max-Age=60"), (false, "Max-Age=600")] {
        let flash = Flash { is_done, text: "Said.".to_owned(), ..Flash::default() };
        let cookie = flash.cookie().unwrap();
        assert_eq!(cookie.to_str().unwrap().split("; ").last(), Some(expected));
    }
}

#[test]
fn names_of_fields_say_where_they_stand() {
    for (fields, expected) in [
        (&[("reason", "a\r\nb"), ("until", " ")][..], Some(json!({"reason": "a\nb"}))),
        (
            &[("amount.amount", "1.00"), ("amount.currency", "USD")],
            Some(json!({"amount": {"amount": "1.00", "currency": "USD"}})),
        ),
        (&[("invoices[]", "A"), ("invoices[]", "B")], Some(json!({"invoices": ["A", "B"]}))),
        (
            &[("i[0].due_on", "d"), ("i[0].amount.amount", "1"), ("i[2].due_on", "e")],
            Some(json!({"i": [{"due_on": "d", "amount": {"amount": "1"}}, {"due_on": "e"}]})),
        ),
        (
            &[("amount.amount", ""), ("amount.currency", "USD"), ("currency", "USD")],
            Some(json!({"currency": "USD"})),
        ),
        (
            &[
                ("rows[0].on", ""),
                ("rows[0].amount.amount", ""),
                ("rows[0].amount.currency", "USD"),
                ("rows[1].on", "2027-01-01"),
                ("rows[1].amount.amount", ""),
                ("rows[1].amount.currency", "USD"),
            ],
            Some(json!({"rows": [{"on": "2027-01-01"}]})),
        ),
        (&[("n:int", "3"), ("b:bool", "on")], Some(json!({"n": 3, "b": true}))),
        (&[("l:list", " tax,, audit ")], Some(json!({"l": ["tax", "audit"]}))),
        (&[("l:list", "")], Some(json!({"l": []}))),
        (
            &[("l:list", ""), ("l[0].a", "1"), ("l[3].a", "2")],
            Some(json!({"l": [{"a": "1"}, {"a": "2"}]})),
        ),
        (&[("n:int", "3.5")], None),
        (&[("a", "1"), ("a", "2")], None),
        (&[("a", "1"), ("a.b", "2")], None),
        (&[("a[", "1")], None),
        (&[("a[100]", "1")], None),
        (&[(".a", "1")], None),
    ] {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let form = Form { fields: fields.collect() };
        assert_eq!(form.json().ok(), expected);
    }
}

#[tokio::test]
async fn sec_6_a_form_counts_only_from_a_page_of_ours() {
    let body = || written(&[("reason", "x")]);
    let good = || ask("/act").body(body()).unwrap();
    type Change = fn(&mut Request);
    let changes: [(&str, Change, StatusCode); 7] = [
        ("as it is", |_| {}, StatusCode::SEE_OTHER),
        (
            "another site",
            |r| {
                r.headers_mut().insert(FETCH_SITE, "cross-site".parse().unwrap());
            },
            StatusCode::FORBIDDEN,
        ),
        (
            "a sister site",
            |r| {
                r.headers_mut().insert(FETCH_SITE, "same-site".parse().unwrap());
            },
            StatusCode::FORBIDDEN,
        ),
        (
            "another origin",
            |r| {
                r.headers_mut().insert(ORIGIN, "https://evil.example".parse().unwrap());
            },
            StatusCode::FORBIDDEN,
        ),
        (
            "no origin",
            |r| {
                r.headers_mut().insert(ORIGIN, "null".parse().unwrap());
            },
            StatusCode::FORBIDDEN,
        ),
        (
            "an old browser",
            |r| {
                r.headers_mut().remove(FETCH_SITE);
            },
            StatusCode::SEE_OTHER,
        ),
        (
            "another sign-in",
            |r| {
                r.headers_mut().insert("cookie", format!("{STAFF_COOKIE}=other").parse().unwrap());
            },
            StatusCode::FORBIDDEN,
        ),
    ];
    for (case, change, expected) in changes {
        let mut request = good();
        change(&mut request);
        assert_eq!(app().oneshot(request).await.unwrap().status(), expected, "{case}");
    }
}

#[tokio::test]
async fn a_program_s_request_passes_as_it_is() {
    let request = Request::post("/act")
        .header(AUTHORIZATION, "Bearer t")
        .header(CONTENT_TYPE, "application/json");
    let response = app().oneshot(request.body(Body::from(r#"{"a": 1}"#)).unwrap()).await.unwrap();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let json: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&json["bearer"], &json["body"]), (&json!("Bearer t"), &json!({"a": 1})));
}

#[test]
fn redirects_stay_here() {
    for (path, expected) in [
        ("/console", true),
        ("/console/clients?x=1#y", true),
        ("//evil.example", false),
        ("/\\evil.example", false),
        ("https://evil.example", false),
        ("", false),
        ("/a b", false),
        ("/a\nb", false),
    ] {
        assert_eq!(is_local_path(path), expected, "for {path:?}");
    }
}

#[test]
fn what_was_typed_is_left_out_when_it_does_not_fit() {
    let typed = BTreeMap::from([("reason".to_owned(), "x".repeat(5_000))]);
    let flash = Flash { text: "no".to_owned(), typed, ..Flash::default() };
    let cookie = flash.cookie().unwrap();
    assert!(cookie.len() < 4_096);
    let mut headers = HeaderMap::new();
    headers.insert("cookie", cookie.to_str().unwrap().split(';').next().unwrap().parse().unwrap());
    assert_eq!(Flash::of(&headers).unwrap().text, "no");
}

#[tokio::test]
async fn a_form_says_which_version_its_page_showed() {
    let named = |fields: &[(&str, &str)]| ask("/told").body(written(fields)).unwrap();
    for (fields, expected) in
        [(&[("_match", "7")][..], Some("\"7\"")), (&[("_match", "")], None), (&[], None)]
    {
        let tag = async |headers: HeaderMap| {
            let tag = headers.get(IF_MATCH).map_or("none", |tag| tag.to_str().unwrap());
            Json(json!({"tag": tag}))
        };
        let shown = with_forms(Router::new().route("/told", post(tag)));
        let mut fields = fields.to_vec();
        fields.push(("_show", "tag"));
        let response = shown.oneshot(named(&fields)).await.unwrap();
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert("cookie", cookie.split(';').next().unwrap().parse().unwrap());
        let shown = Flash::of(&headers).unwrap().shown;
        assert_eq!(shown.as_deref(), Some(expected.unwrap_or("none")), "{fields:?}");
    }
}

#[test]
fn sec_5_a_secret_waits_in_no_cookie_and_is_taken_without_the_blanks_beside_it() {
    let typed = [
        ("credentials.key:secret", " sk_test_51 \n"),
        ("credentials.signing[]:secret", "whsec_51"),
        ("credentials.location", "L1"),
        ("credentials.deposits:lines", "a,trust,card\r\n\r\n b,operating,card \r\n"),
    ];
    let fields = typed.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let form = Form { fields };
    let expected = json!({"credentials": {
        "key": "sk_test_51", "signing": ["whsec_51"], "location": "L1",
        "deposits": ["a,trust,card", "b,operating,card"],
    }});
    assert_eq!(form.json().unwrap(), expected);
    let kept: Vec<_> = form.typed().into_keys().collect();
    assert_eq!(kept, ["credentials.deposits:lines", "credentials.location"]);
}

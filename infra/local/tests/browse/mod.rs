//! The staff's browser without scripts: it keeps cookies, checks them, and fills forms in as they stand.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};

use crate::up::Up;

/// A browser as far as these tests need one: it keeps cookies and follows what a person clicks.
pub struct Browser {
    pub client: reqwest::Client,
    pub url: String,
    pub cookies: BTreeMap<String, String>,
}

/// A page, or a redirect.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub location: String,
    pub html: String,
    pub headers: reqwest::header::HeaderMap,
}

impl Page {
    /// What stands in an attribute, each time.
    pub fn all(&self, attribute: &str) -> Vec<String> {
        let start = format!("{attribute}=\"");
        let parts = self.html.split(start.as_str()).skip(1);
        parts.map(|rest| plain(rest.split('"').next().unwrap())).collect()
    }

    /// The value of a hidden field in the form that posts to that address.
    pub fn hidden(&self, action: &str, name: &str) -> String {
        let form = self
            .html
            .split(&format!("action=\"{action}\""))
            .nth(1)
            .unwrap_or_else(|| panic!("no form to {action} in {}", self.html));
        let form = form.split("</form>").next().unwrap();
        let field = form.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        plain(field.split('"').next().unwrap())
    }
}

pub fn plain(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&amp;", "&")
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
}

impl Browser {
    pub fn new(up: &Up) -> Self {
        let policy = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(policy).build().unwrap();
        Self { client, url: up.url.clone(), cookies: BTreeMap::new() }
    }

    pub async fn signed_in(up: &Up, who: &str) -> Self {
        let mut browser = Self::new(up);
        let page = browser.get("/console/clients?q=acme").await;
        assert_eq!(page.location, "/sign-in?next=%2Fconsole%2Fclients%3Fq%3Dacme");
        let page = browser.get(&page.location).await;
        let begin =
            page.all("href").into_iter().find(|href| href.starts_with("/console/sign-in")).unwrap();
        let to_issuer = browser.get(&begin).await.location;
        let choose = browser.get(&to_issuer).await.all("action")[0].clone();
        let back = browser.post(&choose, &[("person", who)]).await;
        let landed = browser.get(&back.location).await;
        assert_eq!(landed.location, "/console/clients?q=acme", "{landed:?}");
        browser
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let origin = self.url.clone();
        self.send(
            Method::POST,
            path,
            Some(fields),
            &[("origin", &origin), ("sec-fetch-site", "same-origin")],
        )
        .await
    }

    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        fields: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Page {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method, url).header(COOKIE, cookies.join("; "));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(fields) = fields {
            request = request.form(fields);
        }
        let response = request.send().await.unwrap();
        for set in response.headers().get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            assert!(set.contains("Path=/; Secure; HttpOnly; SameSite=Lax"), "SEC-6: {set}");
            let (name, rest) = set.split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "SEC-6: {set}");
            let value = rest.split(';').next().unwrap();
            if value.is_empty() || set.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let (status, headers) = (response.status(), response.headers().clone());
        let html = response.text().await.unwrap();
        Page { status, location: location.unwrap_or_default(), html, headers }
    }

    /// Fills in a form and sends it, as the page has it.
    pub async fn fill(&mut self, page: &str, action: &str, typed: &[(&str, &str)]) -> Page {
        let form = self.get(page).await;
        assert_eq!(form.status, StatusCode::OK, "{page}: {}", form.html);
        let hidden = ["_token", "_once", "_then", "_back", "_said"]
            .map(|name| (name, form.hidden(action, name)));
        let mut fields: Vec<_> =
            hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend_from_slice(typed);
        self.post(action, &fields).await
    }
}

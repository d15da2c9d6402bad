//! Somebody at a browser without scripts: pages, forms and cookies.

use std::collections::BTreeMap;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};

use crate::client::{Answer, Client};

/// One browser at one portal. It keeps cookies and follows no redirect, because a test wants to see them.
#[derive(Debug, Clone)]
pub struct Browser {
    client: Client,
    base: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A browser that was never here.
    pub(crate) fn open(guest: &Client, slug: &str) -> Self {
        Self { client: guest.clone(), base: format!("/portal/{slug}"), cookies: BTreeMap::new() }
    }

    /// The same browser at another portal.
    pub fn at(&self, slug: &str) -> Self {
        Self { base: format!("/portal/{slug}"), ..self.clone() }
    }

    /// The `Cookie` header as it is now.
    pub fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Takes over the cookies of an answer.
    pub fn keep(&mut self, answer: &Answer) {
        for header in answer.headers.get_all("set-cookie") {
            let pair = header.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A request with the cookies, as one of our own pages makes it. `path` is below the portal, or absolute with two slashes.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path =
            path.strip_prefix('/').filter(|rest| rest.starts_with('/')).map_or_else(|| format!("{}{path}", self.base), str::to_owned);
        self.client.request(method, &path).header("cookie", self.cookie()).header("sec-fetch-site", "same-origin")
    }

    /// Sends a request and keeps its cookies.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = self.client.send(request).await;
        self.keep(&answer);
        answer
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// The main part of a page, which must be there.
    pub async fn main(&mut self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer));
        main_part(&text(&answer)).to_owned()
    }

    /// Opens the page where requests are made.
    pub async fn new_request(&mut self) -> String {
        text(&self.get("/requests/new").await)
    }

    /// Sends a page's form: its hidden fields and these.
    pub async fn submit(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let html = text(&self.get(page).await);
        self.post(&html, action, fields).await
    }

    /// Sends a form of a page that is open, without files.
    pub async fn post(&mut self, html: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = hidden(html);
        all.retain(|(name, _)| !fields.iter().any(|(given, _)| given == name));
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.send(self.request(Method::POST, action).form(&all)).await
    }

    /// The same with one file.
    pub async fn post_file(&mut self, html: &str, action: &str, fields: &[(&str, &str)], name: &str, content: Vec<u8>) -> Answer {
        let mut form = Form::new();
        for (field, value) in hidden(html) {
            form = form.text(field, value);
        }
        for (field, value) in fields {
            form = form.text((*field).to_owned(), (*value).to_owned());
        }
        let part = Part::bytes(content).file_name(name.to_owned());
        // A form with a body that streams can't be sent twice: no waiting for a busy service here.
        self.send(self.request(Method::POST, action).multipart(form.part("files", part))).await
    }

    /// Signs in; the answer is the redirect.
    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.submit("/sign-in", "/sign-in", &[("email", email), ("password", password)]).await
    }
}

/// A page as text.
pub fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.bytes).into_owned()
}

/// The hidden fields of the forms in `main`: `_csrf`, `_key`, captcha tokens, upload tickets.
fn hidden(html: &str) -> Vec<(String, String)> {
    let main = main_part(html);
    let mut fields: Vec<(String, String)> = Vec::new();
    for tag in main.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let kept = tag.contains("type=\"hidden\"") || (tag.contains("type=\"checkbox\"") && tag.contains(" checked"));
        let name = attribute(tag, "name");
        let single = name != "upload" && fields.iter().any(|(known, _)| *known == name);
        if kept && !name.is_empty() && !single {
            fields.push((name, attribute(tag, "value")));
        }
    }
    fields
}

/// The value of an attribute in a tag; empty when it has none.
pub fn attribute(tag: &str, name: &str) -> String {
    tag.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned()
}

/// Where the first link with this label leads, as [`Browser::get`] takes it.
#[track_caller]
pub fn link(html: &str, label: &str) -> String {
    let (before, _) = html.split_once(&format!(">{label}</a>")).unwrap_or_else(|| panic!("there is no link {label:?} in {html}"));
    let href = before.rsplit_once("href=\"").and_then(|(_, rest)| rest.split('"').next()).expect("a link leads somewhere");
    format!("/{}", href.replace("&#38;", "&").replace("&amp;", "&"))
}

/// What stands between `<main>` and its end.
pub fn main_part(html: &str) -> &str {
    html.split_once("<main").map_or(html, |(_, main)| main).split("</main>").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_as_it_stands() {
        let html = r#"<a href="/portal/x/a">A</a> <a class="b" href="/portal/x/search?q=1&#38;type=b">B</a>"#;
        assert_eq!(link(html, "B"), "//portal/x/search?q=1&type=b");
    }

    #[test]
    fn hidden_fields_of_the_main_part_are_read_once() {
        let html = r#"<input type="hidden" name="_csrf" value="menu"><main><input type="hidden" name="_csrf" value="a"><input name="x" type="text" value="no">
            <input type="hidden" name="_csrf" value="b"><input type="checkbox" name="upload" value="t1" checked><input type="checkbox" name="upload" value="t2" checked></main>"#;
        let pairs = [("_csrf", "a"), ("upload", "t1"), ("upload", "t2")];
        assert_eq!(hidden(html), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

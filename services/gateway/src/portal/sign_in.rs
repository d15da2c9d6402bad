//! Signing in and out.

use axum::extract::Query;
use axum::http::header;
use axum::response::Response;
use chassis::error::Error;
use chassis::peers::once;
use portico_proto::identity::v1 as identity;
use serde::Deserialize;

use super::posted::Posted;
use super::view::form::{Form, FormError};
use super::view::way_in::SignIn;
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct Next {
    /// A path of this portal.
    #[serde(default)]
    pub next: String,
}

/// The sign-in page.
pub async fn page(visit: Visit, Query(query): Query<Next>) -> Answer<Response> {
    let next = safe_next(&query.next, &visit.portal());
    if visit.l.me.is_some() {
        return Ok(visit.go(&landing(&visit, &next)));
    }
    let form = visit.form().with("next", next);
    visit.show(&SignIn { l: visit.l.clone(), form })
}

/// Signs in and goes where the visitor wanted to.
pub async fn sign_in(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let again = |visit: Visit, form: Form| SignIn { l: visit.l, form };
    let mut form = posted.again();
    let (email, password) = (posted.trimmed("email"), posted.value("password").to_owned());
    if email.is_empty() {
        form.refuse("email", "Enter your e-mail address");
    }
    if password.is_empty() {
        form.refuse("password", "Enter your password");
    }
    if !form.errors.is_empty() {
        return posted.show_again(form, again);
    }
    if let Err(problem) = visit.call.limit_credentials() {
        return posted.refuse(problem, again);
    }
    let request = once(visit.call.grpc(identity::LoginRequest {
        portal: visit.portal(),
        request_id: visit.call.request_id(),
        email,
        password,
        client: Some(visit.call.client(true)),
    }));
    match visit.call.clients().sessions().login(request).await.map_err(Problem::from) {
        Ok(answer) => {
            let answer = answer.into_inner();
            let next = safe_next(posted.value("next"), &visit.portal());
            let target = if next.is_empty() { home_of(&answer, visit) } else { next };
            Ok(signed_in(visit, &answer, &target))
        }
        Err(Problem::Error(Error::Unauthenticated { .. } | Error::Invalid(_))) => {
            form.errors = vec![FormError {
                field: "email".into(),
                message: "The e-mail address or the password is wrong. Check both and try again".into(),
            }];
            posted.show_again(form, again)
        }
        Err(problem) => posted.refuse(problem, again),
    }
}

/// The team begins at the desk, everybody else at home.
fn home_of(answer: &identity::SignIn, visit: &Visit) -> String {
    use portico_proto::common::v1::Role;
    match answer.user.as_ref().map(identity::User::role) {
        Some(Role::Agent | Role::Admin) => format!("{}/", visit.l.portal.desk),
        _ => visit.url("/"),
    }
}

/// The answer of everything that signs a browser in: its cookies, and where to go.
pub fn signed_in(visit: &Visit, answer: &identity::SignIn, target: &str) -> Response {
    visit.call.forget_session();
    let mut response = visit.go(target);
    for cookie in visit.call.signed_in_cookies(answer) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Signs out here, or everywhere.
pub async fn sign_out(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(identity::LogoutRequest {
        portal: visit.portal(),
        request_id: visit.call.request_id(),
        all: posted.is_true("all"),
    });
    match visit.call.clients().sessions().logout(request).await.map_err(Problem::from) {
        Ok(_) | Err(Problem::Error(Error::Unauthenticated { .. })) => {}
        Err(problem) => return Err(problem),
    }
    let mut response = visit.go_saying(&visit.url("/"), "You are signed out.");
    if let Some(cookie) = visit.call.renewed_cookie() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn landing(visit: &Visit, next: &str) -> String {
    if next.is_empty() { visit.url("/") } else { next.to_owned() }
}

/// A path of this portal or its desk; empty for anything else, so that a link can't lead away.
pub fn safe_next(next: &str, slug: &str) -> String {
    let ours = [format!("/portal/{slug}"), format!("/desk/{slug}")];
    let below = |folder: &String| next.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && !next.contains("//") && !next.contains("/..");
    if plain && ours.iter().any(below) && !crate::security::one_time(next) { next.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leads_out_of_the_portal() {
        for good in ["/portal/demo/requests/DEMO-1?x=1", "/portal/demo", "/desk/demo/"] {
            assert_eq!(safe_next(good, "demo"), good);
        }
        for bad in [
            "https://evil.test",
            "//evil.test",
            "/portal/other/",
            "/portal/demo//evil",
            "/portal/demo/../x",
            "/portal/demo\\x",
            "/portal/demoevil",
            "/portal/demo/reset/TOKEN",
        ] {
            assert_eq!(safe_next(bad, "demo"), "", "{bad}");
        }
    }
}

//! The pages of one-time links: register, confirm an address, choose a new password. A link that doesn't work has one page, whatever the reason (S08).

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use chassis::error::Error;
use portico_proto::identity::v1 as identity;

use super::posted::Posted;
use super::sign_in::signed_in;
use super::view::form::Form;
use super::view::way_in::{DeadLink, Link, Message};
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// What the link of this page is for.
pub async fn page(visit: Visit, Path((_, token)): Path<(String, String)>) -> Answer<Response> {
    match inspect(&visit, token).await {
        Ok(link) => {
            let form = visit.form().with("name", link.name.clone());
            visit.show(&shown(visit.clone(), form, &link))
        }
        Err(problem) => dead_or(&visit, problem),
    }
}

async fn inspect(visit: &Visit, token: String) -> Answer<identity::InspectLinkResponse> {
    visit.call.limit_credentials()?;
    let request = visit.call.grpc(identity::InspectLinkRequest { portal: visit.portal(), token });
    Ok(visit.call.clients().accounts().inspect_link(request).await?.into_inner())
}

fn shown(visit: Visit, form: Form, link: &identity::InspectLinkResponse) -> Link {
    let kind = match link.action() {
        identity::LinkAction::ResetPassword => "reset",
        identity::LinkAction::ConfirmAddress => "confirm",
        _ => "register",
    };
    let action = visit.l.path.split('?').next().unwrap_or_default().to_owned();
    Link { form, action, email: link.email.clone(), kind, l: visit.l }
}

/// Registers by an invite or sign-up link, or confirms the address of a guest.
pub async fn register(Path((_, token)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let link = match inspect(visit, token.clone()).await {
        Ok(link) => link,
        Err(problem) if is_dead(&problem) && !posted.value("renew").is_empty() => return renew(&posted, token).await,
        Err(problem) => return dead_or(visit, problem),
    };
    if link.action() == identity::LinkAction::ConfirmAddress {
        return confirm(&posted, token).await;
    }
    let mut form = posted.again();
    if posted.trimmed("name").is_empty() {
        form.refuse("name", "Enter your name");
    }
    check_password(&posted, &mut form);
    if !form.errors.is_empty() {
        return posted.show_again(form, |visit, form| shown(visit, form, &link));
    }
    let request = visit.call.grpc(identity::RegisterRequest {
        portal: visit.portal(),
        request_id: posted.request_id("register"),
        token,
        password: posted.value("password").to_owned(),
        name: posted.trimmed("name"),
        client: Some(visit.call.client(true)),
    });
    match visit.call.clients().accounts().register(request).await.map_err(Problem::from) {
        Ok(answer) => Ok(signed_in(visit, &answer.into_inner(), &visit.url("/"))),
        Err(problem) if is_dead(&problem) => dead_or(visit, problem),
        Err(problem) => posted.refuse(problem, |visit, form| shown(visit, form, &link)),
    }
}

async fn confirm(posted: &Posted, token: String) -> Answer<Response> {
    let visit = &posted.visit;
    let request =
        visit.call.grpc(identity::ConfirmAddressRequest { portal: visit.portal(), request_id: posted.request_id("confirm"), token });
    match visit.call.clients().accounts().confirm_address(request).await.map_err(Problem::from) {
        Ok(_) => visit.show(&Message {
            l: visit.l.clone(),
            art: "sent",
            title: "Your address is confirmed".into(),
            text: format!("Your {} is with the team now. You get the answer by mail.", visit.l.words.ticket),
            more: String::new(),
            links: vec![("Sign in to follow it here".into(), visit.url("/sign-in")), ("Home".into(), visit.url("/"))],
        }),
        Err(problem) => dead_or(visit, problem),
    }
}

/// Has an invitation that only expired sent again. The page says the same for every link.
async fn renew(posted: &Posted, token: String) -> Answer<Response> {
    let visit = &posted.visit;
    let request = identity::RenewLinkRequest { portal: visit.portal(), request_id: posted.request_id("renew"), token };
    visit.call.clients().accounts().renew_link(visit.call.grpc(request)).await?;
    visit.show(&Message {
        l: visit.l.clone(),
        art: "sent",
        title: "Check your inbox".into(),
        text: "If this link was an invitation that ran out of time, a new one is on its way to the address that it was for.".into(),
        more: "Nothing comes? Then the link was used, replaced or taken back. Ask whoever invited you.".into(),
        links: vec![("Sign in".into(), visit.url("/sign-in")), ("Home".into(), visit.url("/"))],
    })
}

/// Sets a new password by a reset link.
pub async fn reset(Path((_, token)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let link = match inspect(visit, token.clone()).await {
        Ok(link) => link,
        Err(problem) => return dead_or(visit, problem),
    };
    let mut form = posted.again();
    check_password(&posted, &mut form);
    if !form.errors.is_empty() {
        return posted.show_again(form, |visit, form| shown(visit, form, &link));
    }
    let request = visit.call.grpc(identity::ConfirmPasswordResetRequest {
        portal: visit.portal(),
        request_id: posted.request_id("reset"),
        token,
        password: posted.value("password").to_owned(),
    });
    match visit.call.clients().accounts().confirm_password_reset(request).await.map_err(Problem::from) {
        Ok(_) => visit.show(&Message {
            l: visit.l.clone(),
            art: "sent",
            title: "Your password is changed".into(),
            text: "You are signed out everywhere. Sign in with the new password.".into(),
            more: String::new(),
            links: vec![("Sign in".into(), visit.url("/sign-in"))],
        }),
        Err(problem) if is_dead(&problem) => dead_or(visit, problem),
        Err(problem) => posted.refuse(problem, |visit, form| shown(visit, form, &link)),
    }
}

fn check_password(posted: &Posted, form: &mut Form) {
    let password = posted.value("password");
    if password.is_empty() {
        form.refuse("password", "Choose a password");
    } else if password.chars().count() < 15 {
        form.refuse("password", "The password must have at least 15 characters");
    }
}

fn is_dead(problem: &Problem) -> bool {
    matches!(problem, Problem::Error(Error::NotFound { .. } | Error::Gone))
}

/// One page for every link that does not work.
fn dead_or(visit: &Visit, problem: Problem) -> Answer<Response> {
    if !is_dead(&problem) {
        return Err(problem);
    }
    let mut links =
        vec![("Sign in".into(), visit.url("/sign-in")), ("Ask for a new link to reset your password".into(), visit.url("/forgot"))];
    if visit.l.portal.signup {
        links.push(("Sign up".into(), visit.url("/sign-up")));
    }
    let path = visit.l.path.split('?').next().unwrap_or_default();
    let is_reset = path.split('/').nth(3) == Some("reset");
    let page = DeadLink { form: visit.form(), action: if is_reset { String::new() } else { path.to_owned() }, links, l: visit.l.clone() };
    visit.show_as(StatusCode::NOT_FOUND, &page)
}

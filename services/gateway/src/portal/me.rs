//! The reader's own pages: profile, password, sessions, colours.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chassis::peers::once;
use portico_proto::identity::v1 as identity;
use serde_json::Value;

use super::home::first;
use super::posted::Posted;
use super::sign_in::safe_next;
use super::view::form::Form;
use super::view::me::{Profile, Security, Session};
use super::view::ui::Choice;
use super::visit::{THEME_COOKIE, Visit};
use crate::error::{Answer, Problem};
use crate::renewal;

/// Time zones to choose from, besides the one that is set.
const ZONES: [&str; 24] = [
    "UTC",
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Paris",
    "Europe/Berlin",
    "Europe/Madrid",
    "Europe/Rome",
    "Europe/Warsaw",
    "Europe/Athens",
    "Europe/Helsinki",
    "Europe/Istanbul",
    "Africa/Lagos",
    "Africa/Nairobi",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
];

/// The profile.
pub async fn profile(visit: Visit) -> Answer<Response> {
    visit.person()?;
    let request = visit.call.grpc(identity::GetMeRequest { portal: visit.portal() });
    let user = visit.call.clients().people().get_me(request).await?.into_inner();
    let form = visit.form().with("name", user.name.clone()).with("locale", user.locale.clone()).with("time_zone", user.time_zone.clone());
    visit.show(&shown(visit.clone(), form, user.organization.map(|organization| organization.name).unwrap_or_default()))
}

fn shown(visit: Visit, form: Form, organization: String) -> Profile {
    let copy = visit.call.state.portals().get(&visit.portal());
    let codes = copy.and_then(|portal| portal.settings.get("locales").and_then(Value::as_array).cloned()).unwrap_or_default();
    let mut locales: Vec<_> = codes.iter().filter_map(Value::as_str).map(|code| Choice::new(code, language(code))).collect();
    let mut zones: Vec<_> = ZONES.iter().map(|zone| Choice::new(*zone, zone.replace('_', " "))).collect();
    for (list, value) in [(&mut locales, form.value("locale")), (&mut zones, form.value("time_zone"))] {
        if !value.is_empty() && list.iter().all(|choice| choice.value != value) {
            list.insert(0, Choice::new(value, value));
        }
    }
    Profile { l: visit.l, form, organization, locales, zones }
}

fn language(code: &str) -> &str {
    match code.split('-').next().unwrap_or_default() {
        "en" => "English",
        "de" => "Deutsch",
        "fr" => "Français",
        "es" => "Español",
        "ar" => "العربية",
        _ => code,
    }
}

/// Saves the profile.
pub async fn save(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let given = |name: &str| Some(posted.trimmed(name)).filter(|value| !value.is_empty());
    let request = visit.call.grpc(identity::UpdateMeRequest {
        portal: visit.portal(),
        request_id: posted.request_id("me"),
        etag: String::new(),
        name: Some(posted.trimmed("name")),
        locale: given("locale"),
        time_zone: given("time_zone"),
    });
    match visit.call.clients().people().update_me(request).await.map_err(Problem::from) {
        Ok(_) => {
            visit.call.forget_session();
            Ok(visit.go_saying(&visit.url("/me"), "Your profile is saved."))
        }
        Err(problem) => posted.refuse(problem, |visit, form| shown(visit, form, String::new())),
    }
}

/// Password and sessions.
pub async fn security(visit: Visit) -> Answer<Response> {
    visit.person()?;
    let sessions = sessions(&visit).await?;
    visit.show(&Security { l: visit.l.clone(), form: visit.form(), sessions })
}

async fn sessions(visit: &Visit) -> Answer<Vec<Session>> {
    let request = visit.call.grpc(identity::ListSessionsRequest { portal: visit.portal(), page: first(50) });
    let answer = visit.call.clients().sessions().list_sessions(request).await?.into_inner();
    let shown = |session: identity::Session| Session {
        device: device(&session.user_agent),
        used: visit.dates.when(session.last_used_at.as_ref().or(session.created_at.as_ref())),
        id: session.id,
        ip: session.ip,
        current: session.current,
    };
    Ok(answer.sessions.into_iter().map(shown).collect())
}

/// "Firefox on Linux" out of a browser's name for itself.
fn device(agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    let browser = find(&[("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "A program".to_owned(),
    }
}

/// Sets a new password; every other session ends.
pub async fn change_password(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let sessions = sessions(visit).await?;
    let again = |visit: Visit, form: Form| Security { l: visit.l, form, sessions };
    let mut form = posted.again();
    if posted.value("current").is_empty() {
        form.refuse("current", "Enter your current password");
    }
    if posted.value("new").chars().count() < 15 {
        form.refuse("new", "The new password must have at least 15 characters");
    }
    if !form.errors.is_empty() {
        return posted.show_again(form, again);
    }
    if let Err(problem) = visit.call.limit_credentials() {
        return posted.refuse(problem, again);
    }
    let request = once(visit.call.grpc(identity::ChangePasswordRequest {
        portal: visit.portal(),
        request_id: posted.request_id("password"),
        current: posted.value("current").to_owned(),
        new: posted.value("new").to_owned(),
    }));
    match visit.call.clients().people().change_password(request).await.map_err(Problem::from) {
        Ok(_) => {
            let mut response = visit.go_saying(&visit.url("/me/security"), "Your password is changed. You are signed out everywhere else.");
            for cookie in renewal::after_password_change(&visit.call, posted.value("new")).await {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(problem) => posted.refuse(problem, again),
    }
}

/// Ends one session.
pub async fn end_session(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request =
        visit.call.grpc(identity::EndSessionRequest { portal: visit.portal(), request_id: posted.request_id(&id), session_id: id.clone() });
    visit.call.clients().sessions().end_session(request).await?;
    Ok(visit.go_saying(&visit.url("/me/security"), "That session is signed out."))
}

/// Keeps the choice of colours for a year and goes back to the page.
pub async fn theme(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let back = safe_next(posted.value("back"), &visit.portal());
    let mut response = visit.go(if back.is_empty() { &visit.l.portal.base } else { &back });
    let choice = Some(posted.value("theme")).filter(|theme| matches!(*theme, "light" | "dark")).unwrap_or("system");
    if let Ok(cookie) = HeaderValue::from_str(&format!("{THEME_COOKIE}={choice}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly")) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_by_browser_and_system() {
        assert_eq!(device("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox on Linux");
        assert_eq!(device("curl/8"), "A program");
    }
}

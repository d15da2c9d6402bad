//! A new secret for a browser session whose owner has just proven who they are again (S19): the cookie from before is worth nothing afterwards.

use axum::http::HeaderValue;
use chassis::peers::once;
use portico_proto::identity::v1 as identity;

use crate::call::Call;

/// The cookies after a change of the password. The browser is signed in anew with it, so that identity gives its session another secret; its
/// sign-ins in other portals move along. A program's token needs nothing: no cookies.
pub async fn after_password_change(call: &Call, password: &str) -> Vec<HeaderValue> {
    let Some(person) = call.caller.as_person().filter(|_| call.browser.is_some()) else { return Vec::new() };
    // The change has made the token of this call void.
    let anew = call.without_token();
    let request = once(anew.grpc(identity::LoginRequest {
        portal: call.portal(),
        request_id: call.state.random().uuid(call.state.clock().now()).to_string(),
        email: person.email.clone(),
        password: password.to_owned(),
        client: Some(call.client(true)),
    }));
    let answer = call.clients().sessions().login(request).await;
    call.forget_session();
    match answer {
        Ok(answer) => call.signed_in_cookies(&answer.into_inner()),
        Err(status) => {
            tracing::warn!(code = %status.code(), "after a new password the browser session kept its secret");
            call.renewed_cookie().into_iter().collect()
        }
    }
}

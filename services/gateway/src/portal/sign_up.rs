//! Asking for an account, and for a new password: both end in the inbox, whoever asked.

use axum::response::Response;
use portico_proto::identity::v1 as identity;

use super::posted::Posted;
use super::view::form::{Challenge, Form};
use super::view::way_in::{Forgot, Message, SignUp};
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// Makes a human check for a form.
///
/// # Errors
/// When identity does not answer.
pub async fn challenge(visit: &Visit, purpose: identity::CaptchaPurpose) -> Answer<Challenge> {
    let request = visit.call.grpc(identity::IssueCaptchaRequest { portal: visit.portal(), purpose: purpose.into() });
    let answer = visit.call.clients().captcha().issue_captcha(request).await?.into_inner();
    Ok(Challenge { token: answer.token, salt: answer.salt, difficulty: answer.difficulty })
}

/// The answer to a human check in a form: the number of a script or the code of a picture.
pub fn captcha(posted: &Posted) -> Option<identity::CaptchaAnswer> {
    Some(identity::CaptchaAnswer {
        token: posted.trimmed("captcha_token"),
        number: posted.trimmed("captcha_number"),
        code: posted.trimmed("captcha_code"),
    })
}

/// The sign-up page.
pub async fn page(visit: Visit) -> Answer<Response> {
    if !visit.l.portal.signup {
        return Err(Problem::not_found());
    }
    let challenge = challenge(&visit, identity::CaptchaPurpose::Signup).await?;
    visit.show(&SignUp { l: visit.l.clone(), form: visit.form(), challenge })
}

/// Asks for an account.
pub async fn sign_up(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let mut form = posted.again();
    if posted.trimmed("name").is_empty() {
        form.refuse("name", "Enter your name");
    }
    check_email(&posted, &mut form);
    if form.errors.is_empty() {
        let request = visit.call.grpc(identity::SignUpRequest {
            portal: visit.portal(),
            request_id: posted.request_id("sign-up"),
            name: posted.trimmed("name"),
            email: posted.trimmed("email"),
            captcha: captcha(&posted),
        });
        let sent = match visit.call.limit_credentials() {
            Ok(()) => visit.call.clients().accounts().sign_up(request).await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        match sent {
            Ok(_) => return Ok(visit.go(&visit.url("/check-your-inbox"))),
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let challenge = challenge(visit, identity::CaptchaPurpose::Signup).await?;
    // A refused sending is another request: its key was not spent, but its captcha may be.
    form.key = visit.form().key;
    posted.show_again(form, |visit, form| SignUp { l: visit.l, form, challenge })
}

/// The page that asks for a reset mail.
pub async fn forgot_page(visit: Visit) -> Answer<Response> {
    let challenge = challenge(&visit, identity::CaptchaPurpose::PasswordReset).await?;
    visit.show(&Forgot { l: visit.l.clone(), form: visit.form(), challenge })
}

/// Asks for a reset mail.
pub async fn forgot(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let mut form = posted.again();
    check_email(&posted, &mut form);
    if form.errors.is_empty() {
        let request = visit.call.grpc(identity::RequestPasswordResetRequest {
            portal: visit.portal(),
            request_id: posted.request_id("forgot"),
            email: posted.trimmed("email"),
            captcha: captcha(&posted),
        });
        let sent = match visit.call.limit_credentials() {
            Ok(()) => visit.call.clients().accounts().request_password_reset(request).await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        match sent {
            Ok(_) => return Ok(visit.go(&visit.url("/check-your-inbox"))),
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let challenge = challenge(visit, identity::CaptchaPurpose::PasswordReset).await?;
    form.key = visit.form().key;
    posted.show_again(form, |visit, form| Forgot { l: visit.l, form, challenge })
}

/// What is said to everybody, known address or not.
pub async fn check_inbox(visit: Visit) -> Answer<Response> {
    let links = vec![("Back to sign in".into(), visit.url("/sign-in")), ("Home".into(), visit.url("/"))];
    visit.show(&Message {
        l: visit.l.clone(),
        art: "sent",
        title: "Check your inbox".into(),
        text: "We sent you a mail with a link. Open it to go on.".into(),
        more: "Nothing there after a few minutes? Look into the spam folder, or check the address and ask again.".into(),
        links,
    })
}

/// Adds the error of a missing or impossible address.
pub fn check_email(posted: &Posted, form: &mut Form) {
    let email = posted.trimmed("email");
    if email.is_empty() {
        form.refuse("email", "Enter an e-mail address");
    } else if !email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !email.contains(' ')) {
        form.refuse("email", "Enter an e-mail address like name@example.com");
    }
}

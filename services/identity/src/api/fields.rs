//! Reading requests: all wrong fields are named at once.

use portico_chassis::error::{Error, FieldError};
use portico_proto::common::v1 as common;
use portico_proto::identity::v1 as wire;

use crate::app::account::CaptchaAnswer;
use crate::app::session::Client;
use crate::domain::captcha::{Answer, Purpose};
use crate::domain::email::Email;
use crate::domain::invitation::InvitationStatus;
use crate::domain::password;
use crate::domain::person::{Role, Status, Visibility};
use crate::domain::text::{self, NAME_CHARS};

/// Longest token of ours.
const TOKEN_BYTES: usize = 200;

/// Collects what is wrong with a request.
#[derive(Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// Notes a wrong field.
    pub fn refuse(&mut self, field: &str, code: &'static str, message: &str) {
        self.0.push(FieldError::new(field, code, message));
    }

    /// `Ok` when nothing was wrong.
    pub fn done(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    /// A text of one line; empty when it is wrong, which [`Fields::done`] tells.
    pub fn line(&mut self, field: &str, value: &str, max: usize) -> String {
        text::one_line(value, max).unwrap_or_else(|problem| {
            let message = match problem {
                text::TextProblem::Empty => "Please fill this in.".to_owned(),
                text::TextProblem::TooLong => format!("Use at most {max} characters."),
                text::TextProblem::Control => "Line breaks and control characters are not allowed.".to_owned(),
            };
            self.refuse(field, problem.code(), &message);
            String::new()
        })
    }

    /// A name of a person or thing.
    pub fn name(&mut self, field: &str, value: &str) -> String {
        self.line(field, value, NAME_CHARS)
    }

    /// A name that may be left out.
    pub fn optional_name(&mut self, field: &str, value: &str) -> String {
        if value.trim().is_empty() { String::new() } else { self.name(field, value) }
    }

    /// A mail address.
    pub fn email(&mut self, field: &str, value: &str) -> Option<Email> {
        let email = Email::parse(value);
        if email.is_none() {
            let code = if value.trim().is_empty() { "required" } else { "invalid" };
            self.refuse(field, code, "Enter a mail address like name@example.com.");
        }
        email
    }

    /// A password, as far as its bytes go (S15): the rules need to know whose it is.
    pub fn password(&mut self, field: &str, value: &str) {
        if value.is_empty() {
            self.refuse(field, "required", "Enter a password.");
        } else if value.len() > password::MAX_BYTES {
            self.refuse(field, "too_long", "Use at most 1,024 bytes.");
        }
    }

    /// A language tag that may be left out.
    pub fn locale(&mut self, field: &str, value: &str) {
        if !value.is_empty() && !text::is_locale(value) {
            self.refuse(field, "invalid", "Enter a language tag like en or de-AT.");
        }
    }

    /// A time zone that may be left out.
    pub fn time_zone(&mut self, field: &str, value: &str) {
        if !value.is_empty() && !text::is_time_zone(value) {
            self.refuse(field, "invalid", "Enter a time zone like Europe/Berlin.");
        }
    }

    /// The id of something that the request refers to; unknown ids are told by the use case.
    pub fn reference<T: std::str::FromStr>(&mut self, field: &str, value: &str) -> Option<T> {
        if value.is_empty() {
            return None;
        }
        let id = value.parse().ok();
        if id.is_none() {
            self.refuse(field, "unknown", "There is no such thing.");
        }
        id
    }
}

/// A value that [`Fields::done`] has vouched for.
pub fn vouched<T>(value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::internal("a wrong field was not noted"))
}

/// The id that a request is about: one that is none can't be found.
pub fn id<T: std::str::FromStr>(value: &str) -> Result<T, Error> {
    value.parse().map_err(|_| Error::NOT_FOUND)
}

/// The token of a link; anything that can't be one is as good as a wrong one.
pub fn link_token(token: &str) -> Result<String, Error> {
    let invalid = || Error::NotFound { code: "link_invalid".into() };
    if (1..=TOKEN_BYTES).contains(&token.len()) { Ok(token.to_owned()) } else { Err(invalid()) }
}

/// Who signs in.
pub fn client(client: Option<wire::Client>) -> Client {
    let client = client.unwrap_or_default();
    let short = |text: String| if text.len() <= TOKEN_BYTES { text } else { String::new() };
    Client {
        ip: client.ip,
        user_agent: client.user_agent,
        browser: client.browser,
        browser_secret: short(client.browser_secret),
        device_token: short(client.device_token),
    }
}

/// The answer to a challenge.
pub fn captcha(fields: &mut Fields, answer: Option<wire::CaptchaAnswer>) -> CaptchaAnswer {
    let answer = answer.unwrap_or_default();
    let fits = (1..=TOKEN_BYTES).contains(&answer.token.len()) && answer.number.len() <= 20 && answer.code.len() <= 40;
    if !fits || (answer.number.is_empty() && answer.code.is_empty()) {
        fields.refuse("captcha", "invalid", "Please answer the challenge.");
    }
    let given = if answer.number.is_empty() { Answer::Code(answer.code) } else { Answer::Number(answer.number) };
    CaptchaAnswer { token: answer.token, answer: given }
}

/// The form that a challenge is for.
pub fn purpose(value: i32) -> Result<Purpose, Error> {
    match wire::CaptchaPurpose::try_from(value) {
        Ok(wire::CaptchaPurpose::Signup) => Ok(Purpose::SignUp),
        Ok(wire::CaptchaPurpose::PasswordReset) => Ok(Purpose::PasswordReset),
        Ok(wire::CaptchaPurpose::AccessRequest) => Ok(Purpose::AccessRequest),
        Ok(wire::CaptchaPurpose::GuestTicket) => Ok(Purpose::GuestTicket),
        _ => Err(Error::invalid("purpose", "invalid", "Use signup, password_reset, access_request or guest_ticket.")),
    }
}

/// A role; `None` when it was left out.
pub fn role(fields: &mut Fields, value: i32) -> Option<Role> {
    match common::Role::try_from(value) {
        Ok(common::Role::Unspecified) => None,
        Ok(common::Role::Customer) => Some(Role::Customer),
        Ok(common::Role::Agent) => Some(Role::Agent),
        Ok(common::Role::Admin) => Some(Role::Admin),
        _ => {
            fields.refuse("role", "invalid", "Use customer, agent or admin.");
            None
        }
    }
}

/// A visibility; `None` when it was left out.
pub fn visibility(fields: &mut Fields, value: i32) -> Option<Visibility> {
    match common::Visibility::try_from(value) {
        Ok(common::Visibility::Unspecified) => None,
        Ok(common::Visibility::Own) => Some(Visibility::Own),
        Ok(common::Visibility::Organization) => Some(Visibility::Organization),
        Err(_) => {
            fields.refuse("visibility", "invalid", "Use own or organization.");
            None
        }
    }
}

/// A status; `None` when it was left out.
pub fn status(fields: &mut Fields, value: i32) -> Option<Status> {
    match wire::PersonStatus::try_from(value) {
        Ok(wire::PersonStatus::Unspecified) => None,
        Ok(wire::PersonStatus::Active) => Some(Status::Active),
        Ok(wire::PersonStatus::Suspended) => Some(Status::Suspended),
        Err(_) => {
            fields.refuse("status", "invalid", "Use active or suspended.");
            None
        }
    }
}

/// What an invitation is shown as; `None` when it was left out.
pub fn invitation_status(value: i32) -> Result<Option<InvitationStatus>, Error> {
    match wire::InvitationStatus::try_from(value) {
        Ok(wire::InvitationStatus::Unspecified) => Ok(None),
        Ok(wire::InvitationStatus::Pending) => Ok(Some(InvitationStatus::Pending)),
        Ok(wire::InvitationStatus::Accepted) => Ok(Some(InvitationStatus::Accepted)),
        Ok(wire::InvitationStatus::Revoked) => Ok(Some(InvitationStatus::Revoked)),
        Ok(wire::InvitationStatus::Expired) => Ok(Some(InvitationStatus::Expired)),
        Err(_) => Err(Error::invalid("status", "invalid", "Use pending, accepted, revoked or expired.")),
    }
}

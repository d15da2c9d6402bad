//! A form that was sent: its fields, its files, and the check that it is ours (S28).

use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use chassis::error::Error;
use percent_encoding::percent_decode;
use portico_proto::common::v1 as common;

use super::uploads::{self, Taken};
use super::view::form::{Form, FormError, Upload};
use super::visit::Visit;
use crate::csrf;
use crate::error::{Answer, Problem};
use crate::state::AppState;

/// Largest form without files, in bytes.
const FORM_LIMIT: usize = 1024 * 1024;
/// Most fields that are read.
const MAX_FIELDS: usize = 200;

/// A form that was sent from one of our pages.
pub struct Posted {
    /// Who sent it.
    pub visit: Visit,
    /// Its fields, in order.
    fields: Vec<(String, String)>,
    /// Its files, which are in staging by now.
    files: Taken,
}

impl FromRequest<AppState> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, state).await?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let request = Request::from_parts(parts, body);
        let (fields, files) = if kind.starts_with("multipart/form-data") {
            multipart(&visit, request, state).await?
        } else if kind.is_empty() || kind.starts_with("application/x-www-form-urlencoded") {
            (urlencoded(&crate::extract::read_limited(request, FORM_LIMIT).await?)?, Taken::default())
        } else {
            return Err(Problem::UnsupportedMediaType("a form"));
        };
        visit.call.check_form(value_of(&fields, csrf::FIELD))?;
        // The body is there and its files are in staging: from now on the services get their time.
        visit.call.term.begin();
        Ok(Self { visit, fields, files })
    }
}

async fn multipart(visit: &Visit, request: Request, state: &AppState) -> Result<(Vec<(String, String)>, Taken), Problem> {
    let broken = |_| Problem::malformed("body", "The form ended early.");
    let mut parts = Multipart::from_request(request, state).await.map_err(|_| Problem::malformed("body", "The form can’t be read."))?;
    let (mut fields, mut files, mut text) = (Vec::new(), Taken::default(), 0);
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let Some(file) = part.file_name().map(str::to_owned) else {
            let bytes = collect(&mut part, FORM_LIMIT, &name).await?;
            text += bytes.len();
            if fields.len() >= MAX_FIELDS || text > FORM_LIMIT {
                return Err(Error::TooLarge { field: "body".into() }.into());
            }
            fields.push((name, clean(&bytes)?));
            continue;
        };
        // Nothing large is taken in before the form is known to be ours; `_csrf` is the first field of every form.
        visit.call.check_form(value_of(&fields, csrf::FIELD))?;
        // A browser sends a part without a name where no file was chosen.
        if !file.is_empty() {
            files.take(&visit.call, value_of(&fields, "captcha_token").unwrap_or_default(), &file, part).await?;
        }
    }
    Ok((fields, files))
}

async fn collect(part: &mut axum::extract::multipart::Field<'_>, limit: usize, field: &str) -> Result<Bytes, Problem> {
    let mut all = bytes::BytesMut::new();
    while let Some(chunk) = part.chunk().await.map_err(|_| Problem::malformed("body", "The form ended early."))? {
        if all.len() + chunk.len() > limit {
            return Err(Error::TooLarge { field: field.to_owned() }.into());
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

fn urlencoded(body: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .take(MAX_FIELDS)
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let half = |part: Option<&[u8]>| {
                let spaced: Vec<u8> = part.unwrap_or_default().iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
                clean(&percent_decode(&spaced).collect::<Vec<u8>>())
            };
            Ok((half(halves.next())?, half(halves.next())?))
        })
        .collect()
}

/// Text of a form: UTF-8 without NUL, line ends as one character.
fn clean(bytes: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::malformed("body", "The form is not UTF-8."))?;
    Ok(text.replace("\r\n", "\n").replace('\0', ""))
}

fn value_of<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

impl Posted {
    /// A field's value; empty when it was not sent.
    pub fn value(&self, name: &str) -> &str {
        value_of(&self.fields, name).unwrap_or_default()
    }

    /// A field's value without space around it.
    pub fn trimmed(&self, name: &str) -> String {
        self.value(name).trim().to_owned()
    }

    /// Whether a field was sent at all.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, _)| key == name)
    }

    /// Whether a field was sent as `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.value(name) == "true"
    }

    /// The rests of the names of those fields that begin like this and were sent as `true`.
    pub fn names_below(&self, start: &str) -> Vec<String> {
        self.fields
            .iter()
            .filter(|(_, value)| value == "true")
            .filter_map(|(name, _)| name.strip_prefix(start))
            .map(str::to_owned)
            .collect()
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// The parts of a field that holds a list separated by commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.value(name).split([',', ';', '\n']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The services' request id of this sending; the same for a double click and for a reload.
    pub fn request_id(&self, purpose: &str) -> String {
        let key = self.value("_key");
        if key.is_empty() { self.visit.call.request_id() } else { self.visit.request_id(purpose, key) }
    }

    /// The form as it is shown again: all fields but secrets.
    pub fn again(&self) -> Form {
        let kept = |name: &str| {
            !name.starts_with('_')
                && !matches!(name, "password" | "current" | "new" | "captcha_code" | "captcha_number" | "captcha_token" | "upload")
        };
        Form {
            key: self.value("_key").to_owned(),
            values: self.fields.iter().filter(|(name, _)| kept(name)).cloned().collect(),
            errors: self.files.errors.clone(),
            uploads: self.kept_files(),
            retry_after: self.files.retry_after,
        }
    }

    /// Files that go on waiting for this form: those of an earlier sending or of scripts, then those that came with it.
    fn kept_files(&self) -> Vec<Upload> {
        let before = self.all("upload").into_iter().filter_map(|token| uploads::of_token(&self.visit.call, token));
        before.chain(self.files.files.iter().cloned()).collect()
    }

    /// The files that wait for this form, for whoever will own them.
    ///
    /// # Errors
    /// 422 or 429 when one that came with it was not taken.
    pub fn uploads(&self) -> Answer<Vec<common::UploadTicket>> {
        self.files.refused()?;
        let here = self.files.files.iter().map(|file| file.token.clone());
        Ok(self.all("upload").into_iter().chain(here).map(|token| common::UploadTicket { token }).collect())
    }

    /// Puts a refusal into the form that is shown again. A form that was sent before with another text gets a fresh key, so that sending it once
    /// more is a request of its own; one that comes too often says when to come back.
    ///
    /// # Errors
    /// The refusal itself, when it is not about what was typed.
    pub fn fault(&self, form: &mut Form, problem: Problem) -> Answer<()> {
        let Some(errors) = errors_of(&problem) else { return Err(problem) };
        form.errors = errors;
        match problem {
            Problem::Error(Error::RateLimited { retry_after, .. }) => form.retry_after = Some(retry_after.as_secs().max(1)),
            Problem::Error(Error::KeyReused) => form.key = self.visit.form().key,
            _ => {}
        }
        Ok(())
    }

    /// Answers a refusal: field errors go back into the form by `page`; anything else is an error page.
    ///
    /// # Errors
    /// The refusal itself, when it is not about what was typed.
    pub fn refuse<T: askama::Template>(&self, problem: Problem, page: impl FnOnce(Visit, Form) -> T) -> Answer<Response> {
        let mut form = self.again();
        self.fault(&mut form, problem)?;
        self.show_again(form, page)
    }

    /// Shows the form again with its errors, as 422, or as 429 with `Retry-After` when it came too often.
    ///
    /// # Errors
    /// 500 when the template fails.
    pub fn show_again<T: askama::Template>(&self, form: Form, page: impl FnOnce(Visit, Form) -> T) -> Answer<Response> {
        let mut visit = self.visit.clone();
        visit.l.failed = true;
        let wait = form.retry_after;
        let shown = page(visit.clone(), form);
        let status = if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY };
        let mut response = visit.show_as(status, &shown)?;
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Ok(response)
    }
}

/// What of a refusal belongs into a form; `None` when the whole page has to say it.
pub fn errors_of(problem: &Problem) -> Option<Vec<FormError>> {
    let whole = |message: String| Some(vec![FormError { field: String::new(), message }]);
    match problem {
        Problem::Error(Error::Invalid(fields)) => {
            Some(fields.iter().map(|error| FormError { field: id_of(&error.field), message: error.message.clone() }).collect())
        }
        Problem::Error(Error::Conflict { detail, .. }) => whole(detail.clone()),
        Problem::Error(Error::RateLimited { retry_after, .. }) => {
            whole(format!("Too many tries in a short time. Wait {} and try again", wait_words(retry_after.as_secs())))
        }
        Problem::Error(Error::KeyReused) => {
            whole("You sent this form before, with another text. To send this one as well, send it once more".into())
        }
        Problem::Error(Error::TooLarge { field }) => {
            Some(vec![FormError { field: id_of(field), message: "This is longer than allowed".into() }])
        }
        _ => None,
    }
}

/// "a minute", "5 minutes", "2 hours": never shorter than it is.
fn wait_words(seconds: u64) -> String {
    match seconds {
        0..=60 => "a minute".into(),
        61..=3600 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

/// The id of the field on the page for a field of a contract.
fn id_of(field: &str) -> String {
    match field.split('.').next().unwrap_or_default() {
        "uploads" | "upload" => "files".into(),
        "collaborators" => "email".into(),
        other => other.trim_end_matches("_id").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chassis::error::FieldError;

    #[test]
    fn a_form_body_is_read_as_browsers_write_it() {
        let fields = urlencoded(b"subject=Caf%C3%A9+au+lait&empty=&a=1%0D%0A2").unwrap();
        assert_eq!(value_of(&fields, "subject"), Some("Café au lait"));
        assert_eq!(value_of(&fields, "empty"), Some(""));
        assert_eq!(value_of(&fields, "a"), Some("1\n2"));
        assert!(urlencoded(b"a=%FF").is_err());
    }

    #[test]
    fn a_services_field_errors_find_their_fields_on_the_page() {
        let problem = Problem::fields(vec![FieldError::new("uploads.0", "x", "No"), FieldError::new("product_id", "x", "Gone")]);
        let fields: Vec<_> = errors_of(&problem).unwrap().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["files", "product"]);
        assert!(errors_of(&Problem::not_found()).is_none());
        assert!(errors_of(&Error::KeyReused.into()).is_some(), "what was typed is kept, whatever the key was used for");
    }

    #[test]
    fn nobody_is_told_to_come_back_too_early() {
        assert_eq!([1, 60, 61, 3600, 3601].map(wait_words), ["a minute", "a minute", "2 minutes", "60 minutes", "2 hours"]);
    }
}

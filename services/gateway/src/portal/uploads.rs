//! Files that come with a form: they go into staging like those that scripts upload. Their upload tickets travel in the form until its
//! owner claims them, also when the form is refused and shown again.

use axum::extract::multipart::Field;
use chassis::blobs::MOST_UPLOADS;
use chassis::error::{Error, FieldError};
use futures_util::TryStreamExt;

use super::view::form::{FormError, Upload};
use super::view::ui::size;
use crate::call::Call;
use crate::error::{Answer, Problem};
use crate::limits::Kind;
use crate::uploads;

/// The files of one sending: those that lie in staging, and what was wrong with the others.
#[derive(Default)]
pub struct Taken {
    /// In staging.
    pub files: Vec<Upload>,
    /// One for each that was not taken.
    pub errors: Vec<FormError>,
    /// Seconds to wait, when there were too many.
    pub retry_after: Option<u64>,
    /// Who brings them, once that was asked.
    uploader: Option<String>,
}

impl Taken {
    /// Takes one file in. What is wrong with it is noted: the form is shown again with it.
    ///
    /// # Errors
    /// When the form broke off, staging does not answer, or a guest comes without a human check.
    pub async fn take(&mut self, call: &Call, captcha: &str, name: &str, part: Field<'_>) -> Answer<()> {
        if self.files.len() >= MOST_UPLOADS {
            self.refuse(format!("{name}: at most {MOST_UPLOADS} files go with one form"));
            return Ok(());
        }
        // What the parser says may quote the content.
        let content = part.map_err(|_| "the form ended early");
        let taken = async {
            call.limit(Kind::Uploads)?;
            let uploader = match &self.uploader {
                Some(uploader) => uploader.clone(),
                None => self.uploader.insert(uploads::uploader(call, captcha).await?).clone(),
            };
            uploads::take_in(call, uploader, name, content).await
        };
        match taken.await {
            Ok(file) => {
                self.files.push(Upload { token: file.upload_id, name: file.name, size: size(i64::try_from(file.size).unwrap_or(i64::MAX)) })
            }
            Err(problem) => self.note(call, name, problem)?,
        }
        Ok(())
    }

    fn note(&mut self, call: &Call, name: &str, problem: Problem) -> Answer<()> {
        match problem {
            Problem::Error(Error::TooLarge { .. }) => self.refuse(format!("{name}: {}", too_large(uploads::largest(call)))),
            Problem::Error(Error::RateLimited { retry_after, .. }) => {
                self.retry_after = Some(retry_after.as_secs().max(1));
                self.refuse(format!("{name}: too many files were uploaded in a short time. Wait and try again"));
            }
            // The human check is a field of its own.
            Problem::Error(Error::Invalid(fields)) if fields.iter().any(|field| field.field == "captcha") => {
                self.errors.extend(fields.into_iter().map(|field| FormError { field: "captcha".into(), message: field.message }));
            }
            Problem::Error(Error::Invalid(fields)) => {
                fields.into_iter().for_each(|field| self.refuse(format!("{name}: {}", field.message)))
            }
            other => return Err(other),
        }
        Ok(())
    }

    fn refuse(&mut self, message: String) {
        self.errors.push(FormError { field: "files".into(), message });
    }

    /// Refuses the whole form when a file was not taken, so that nobody sends it without noticing.
    ///
    /// # Errors
    /// 422 with one error a file, or 429.
    pub fn refused(&self) -> Answer<()> {
        if let Some(seconds) = self.retry_after {
            let retry_after = std::time::Duration::from_secs(seconds);
            return Err(Error::RateLimited { code: "rate_limited".into(), retry_after }.into());
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        let field = |error: &FormError| FieldError::new(error.field.clone(), "invalid", error.message.clone());
        Err(Problem::fields(self.errors.iter().map(field).collect()))
    }
}

/// What is said of a file that is too large, in the words of the page's scripts.
pub fn too_large(largest: u64) -> String {
    format!("The selected file must be smaller than {}", size(i64::try_from(largest).unwrap_or(i64::MAX)))
}

/// A file of an earlier sending, read from its upload ticket; `None` when that is not good any more.
pub fn of_token(call: &Call, token: String) -> Option<Upload> {
    let upload = uploads::read(call, &token)?;
    Some(Upload { token, size: size(i64::try_from(upload.size).unwrap_or(i64::MAX)), name: upload.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_told_the_exact_words() {
        assert_eq!(too_large(25 * 1024 * 1024), "The selected file must be smaller than 25 MB");
    }

    #[test]
    fn a_form_with_a_file_that_was_not_taken_is_refused_as_a_whole() {
        let mut taken = Taken::default();
        assert!(taken.refused().is_ok());
        taken.refuse("run.exe: not taken".into());
        assert_eq!(taken.refused().unwrap_err().status(), 422);
        taken.retry_after = Some(30);
        assert_eq!(taken.refused().unwrap_err().status(), 429);
    }
}

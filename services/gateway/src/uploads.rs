//! Taking a file in: into staging while it is hashed, then a signed upload ticket for whoever will own its parent. Used by the API and by forms.

use bytes::Bytes;
use chassis::blobs::{Stored, Upload};
use chassis::error::{Error, FieldError};
use futures_util::{Stream, TryStreamExt};
use portico_proto::identity::v1 as identity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::call::Call;
use crate::error::{Answer, Problem};
use crate::file_kind::{clean_name, recognise};
use crate::json::shared::FileState;

/// How long an upload may be claimed.
const CLAIMABLE: time::Duration = time::Duration::hours(24);

/// An upload that may be claimed once, by its uploader, within 24 hours.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Uploaded {
    /// Goes into `uploads` of what it belongs to.
    pub upload_id: String,
    /// As it will be called.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// As it was recognised.
    pub content_type: String,
    /// Nothing is downloadable before it was checked.
    #[schema(value_type = FileState)]
    pub state: String,
}

/// What is kept beside a staged file, so that a repeated Idempotency-Key gets the same answer.
#[derive(Serialize, Deserialize)]
struct Remembered {
    sha256: String,
    answer: Uploaded,
}

/// Who may claim an upload: the person, or whoever comes from the same place as this guest, who shows the token of the form's captcha.
///
/// # Errors
/// 401 for a guest without a token, 422 on `captcha` for a token that is not good.
pub async fn uploader(call: &Call, captcha: &str) -> Answer<String> {
    if call.caller.as_person().is_some() {
        return Ok(call.caller.actor());
    }
    if captcha.is_empty() {
        return Err(Error::sign_in_required().into());
    }
    let purpose = identity::CaptchaPurpose::GuestTicket.into();
    let request = call.grpc(identity::InspectCaptchaRequest { portal: call.portal(), purpose, token: captcha.to_owned() });
    call.clients().captcha().inspect_captcha(request).await?;
    Ok(owner(call))
}

/// Whose upload it is.
fn owner(call: &Call) -> String {
    if call.caller.as_person().is_some() { call.caller.actor() } else { format!("guest:{}", call.state.source_hash(call.source)) }
}

/// What an upload ticket of this caller's is for; `None` when it is not good any more.
pub fn read(call: &Call, token: &str) -> Option<Upload> {
    let portal = call.portal().parse().ok()?;
    Upload::read(token, call.state.keys(), &portal, &owner(call), call.state.clock().now()).ok()
}

/// The most bytes that a file may have here and now.
pub fn largest(call: &Call) -> u64 {
    let set = call.state.portals().get(&call.portal());
    let set = set.and_then(|portal| portal.settings.pointer("/limits/upload_bytes").and_then(Value::as_u64));
    set.unwrap_or(u64::MAX).min(call.state.config().max_upload_bytes)
}

/// A file that lies in staging and is not signed for yet.
pub struct Staged {
    id: Uuid,
    stored: Stored,
}

/// Streams a file into staging, under an id that nobody had before: what was signed for is never written again.
///
/// # Errors
/// 413 beyond [`largest`], 422 for an empty one; nothing is left of it then. 503 when too many files come at once.
pub async fn stage<E: std::fmt::Display>(call: &Call, content: impl Stream<Item = Result<Bytes, E>> + Send) -> Answer<Staged> {
    let _place = call.state.upload_place(call.source).await?;
    let id = call.state.random().uuid(call.state.clock().now());
    let stored = call.state.blobs().put(&path(id), content, largest(call)).await?;
    if stored.size == 0 {
        call.state.blobs().delete(&path(id)).await?;
        return Err(Problem::fields(vec![FieldError::new("file", "empty", "The file is empty.")]));
    }
    Ok(Staged { id, stored })
}

fn path(id: Uuid) -> String {
    format!("staging/{id}")
}

/// Signs the upload ticket of a staged file; for a repeated Idempotency-Key the one from before, whose file stays as it is.
///
/// # Errors
/// 422 on `file` for a type that is not taken, 422 `idempotency_key_reused` for another file under the same key.
pub async fn sign(call: &Call, uploader: String, name: &str, staged: Staged) -> Answer<Uploaded> {
    let Some(key) = call.idempotency_key() else { return issue(call, uploader, name, &staged).await };
    let kept = format!("staging/{key}.answer");
    let before = remembered(call, &kept).await?;
    if let Some(before) = before.filter(|before| read(call, &before.answer.upload_id).is_some()) {
        call.state.blobs().delete(&path(staged.id)).await?;
        let same = before.sha256 == staged.stored.sha256 && before.answer.name == clean_name(name);
        return if same { Ok(before.answer) } else { Err(Error::KeyReused.into()) };
    }
    let answer = issue(call, uploader, name, &staged).await?;
    remember(call, &kept, &Remembered { sha256: staged.stored.sha256, answer: answer.clone() }).await?;
    Ok(answer)
}

async fn issue(call: &Call, uploader: String, name: &str, staged: &Staged) -> Answer<Uploaded> {
    let Staged { id, stored } = staged;
    let name = clean_name(name);
    let content_type = match recognise(&name, &stored.head) {
        Ok(kind) => kind.to_owned(),
        Err(refused) => {
            call.state.blobs().delete(&path(*id)).await?;
            return Err(Problem::fields(vec![FieldError::new("file", "type_not_allowed", refused.to_string())]));
        }
    };
    let upload = Upload {
        id: *id,
        portal: call.portal().parse().map_err(Error::internal)?,
        uploader,
        sha256: stored.sha256.clone(),
        size: stored.size,
        name: name.clone(),
        content_type: content_type.clone(),
        expires: (call.state.clock().now() + CLAIMABLE).unix_timestamp(),
    };
    let upload_id = upload.ticket(call.state.keys())?;
    Ok(Uploaded { upload_id, name, size: stored.size, content_type, state: FileState::Quarantined.wire().into() })
}

/// Takes in one of several files of a form.
///
/// # Errors
/// As [`stage`] and [`sign`].
pub async fn take_in<E: std::fmt::Display>(
    call: &Call,
    uploader: String,
    name: &str,
    content: impl Stream<Item = Result<Bytes, E>> + Send,
) -> Answer<Uploaded> {
    let staged = stage(call, content).await?;
    issue(call, uploader, name, &staged).await
}

async fn remembered(call: &Call, path: &str) -> Answer<Option<Remembered>> {
    let content = match call.state.blobs().get(path).await {
        Ok(content) => {
            content
                .try_fold(Vec::new(), async |mut all, chunk| {
                    all.extend_from_slice(&chunk);
                    Ok(all)
                })
                .await?
        }
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(serde_json::from_slice(&content).map_err(Error::internal)?))
}

async fn remember(call: &Call, path: &str, what: &Remembered) -> Answer<()> {
    let content = Bytes::from(serde_json::to_vec(what).map_err(Error::internal)?);
    let stream = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(content)]);
    call.state.blobs().put(path, stream, u64::MAX).await?;
    Ok(())
}

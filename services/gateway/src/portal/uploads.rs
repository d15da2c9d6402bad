//! Files that come with a form: they go into staging like those that scripts upload, and the form's owner claims them.

use bytes::Bytes;
use chassis::blobs::Upload;
use chassis::error::{Error, FieldError};
use portico_proto::common::v1 as common;
use portico_proto::identity::v1 as identity;

use super::posted::{Posted, PostedFile};
use crate::call::Call;
use crate::error::{Answer, Problem};
use crate::file_kind::{clean_name, recognise};
use crate::limits::Kind;

/// How long it may be claimed. The form claims it at once; this only bounds a broken one.
const CLAIMABLE: time::Duration = time::Duration::hours(1);

/// Takes one file of a form in.
///
/// # Errors
/// 422 naming the file's fault; 413; 429.
pub async fn take_in(posted: &Posted, file: &PostedFile) -> Answer<common::UploadTicket> {
    let call = &posted.visit.call;
    call.limit(Kind::Uploads)?;
    let refuse = |what: String| Problem::fields(vec![FieldError::new("files", "invalid", format!("{}: {what}", file.name))]);
    let name = clean_name(&file.name);
    if file.bytes.is_empty() {
        return Err(refuse("the file is empty".into()));
    }
    let content_type = recognise(&name, &file.bytes).map_err(|refused| refuse(refused.to_string()))?.to_owned();
    let uploader = uploader(call, posted.value("captcha_token")).await?;
    let id = call.state.random().uuid(call.state.clock().now());
    let content = futures_util::stream::iter([Ok::<Bytes, std::convert::Infallible>(file.bytes.clone())]);
    let stored = call.state.blobs().put(&format!("staging/{id}"), content, call.state.config().max_upload_bytes).await?;
    let upload = Upload {
        id,
        portal: call.portal().parse().map_err(Error::internal)?,
        uploader,
        sha256: stored.sha256,
        size: stored.size,
        name,
        content_type,
        expires: (call.state.clock().now() + CLAIMABLE).unix_timestamp(),
    };
    Ok(common::UploadTicket { token: upload.ticket(call.state.keys())? })
}

/// Who may claim it: the person, or whoever comes from the same place as this guest and holds a live human check.
async fn uploader(call: &Call, captcha: &str) -> Answer<String> {
    if call.caller.person().is_ok() {
        return Ok(call.caller.actor());
    }
    let request = call.grpc(identity::InspectCaptchaRequest {
        portal: call.portal(),
        purpose: identity::CaptchaPurpose::GuestTicket.into(),
        token: captcha.to_owned(),
    });
    call.peers().captcha().inspect_captcha(request).await?;
    Ok(format!("guest:{}", call.state.source_hash(call.source)))
}

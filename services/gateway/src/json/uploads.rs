//! Files on their way in and out. An upload goes into staging and gets a signed upload ticket; whoever owns the parent claims it.

use axum::body::Body as AxumBody;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chassis::error::{Error, FieldError};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt, TryStreamExt};
use portico_proto::common::v1 as common;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{FileState, created};
use crate::call::{Api, Call};
use crate::error::{Answer, Problem};
use crate::extract::{Params, refuse_encoded};
use crate::file_kind::disposition;
use crate::limits::Kind;
use crate::query_params;
use crate::security::FILE_CSP;
use crate::state::AppState;
use crate::uploads::{self, Staged, Uploaded};

/// What a form adds around its file.
const FORM_ROOM: u64 = 4096;
/// The header with which a guest shows the captcha token of its form.
const CAPTCHA_HEADER: &str = "x-portico-captcha";

query_params! {
    /// Of a raw body.
    pub struct UploadParams {
        /// The file's name.
        #[param(max_length = 1000)]
        pub name: Option<String>,
    }
}

/// A file as multipart form data.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form to OpenAPI")]
struct UploadForm {
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Takes a file in. Guests send the token of their `guest_ticket` captcha as `X-Portico-Captcha`.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/uploads", tag = "files", params(("portal" = String, Path), UploadParams,
        ("X-Portico-Captcha" = Option<String>, Header, description = "Guests: the token of the form's captcha.")),
    request_body(content((UploadForm = "multipart/form-data"), (String = "application/octet-stream"))),
    responses((status = 201, body = Uploaded)))]
async fn upload(Api(call): Api, Params(params): Params<UploadParams>, request: Request) -> Answer<Response> {
    call.limit(Kind::Uploads)?;
    refuse_encoded(request.headers())?;
    let captcha = call.headers.get(CAPTCHA_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let uploader = uploads::uploader(&call, captcha).await?;
    let most = uploads::largest(&call).saturating_add(FORM_ROOM);
    if announced(request.headers()).is_some_and(|length| length > most) {
        return Err(Error::TooLarge { field: "file".into() }.into());
    }
    let (name, staged) = if is_multipart(request.headers()) {
        stage_form(&call, request).await?
    } else {
        let name = params.name.ok_or_else(|| required("name"))?;
        require_type(request.headers())?;
        (name, uploads::stage(&call, request.into_body().into_data_stream()).await?)
    };
    Ok(created(uploads::sign(&call, uploader, &name, staged).await?))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("multipart/form-data")
}

/// A raw body says what it is, and is none of the types that a form of another site can send.
fn require_type(headers: &HeaderMap) -> Answer<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let well_formed = kind.split(';').next().is_some_and(|essence| essence.trim().split('/').filter(|part| !part.is_empty()).count() == 2);
    let form = kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
    if well_formed && !form { Ok(()) } else { Err(Problem::UnsupportedMediaType("multipart/form-data, or raw with its own Content-Type")) }
}

fn required(field: &str) -> Problem {
    Problem::fields(vec![FieldError::new(field, "required", format!("{field} is required."))])
}

async fn stage_form(call: &Call, request: Request) -> Answer<(String, Staged)> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| Problem::malformed("body", "The form is not readable."))?;
    let unreadable = |_| Problem::malformed("body", "The form is not readable.");
    let Some(field) = form.next_field().await.map_err(unreadable)? else { return Err(required("file")) };
    if field.name() != Some("file") {
        let name: String = field.name().unwrap_or_default().chars().filter(|c| !c.is_control()).take(100).collect();
        return Err(Problem::fields(vec![FieldError::new(name, "unknown_field", "The one part is called file.")]));
    }
    let name = field.file_name().unwrap_or("file").to_owned();
    let staged = uploads::stage(call, parts(field)).await?;
    if form.next_field().await.map_err(unreadable)?.is_some() {
        return Err(Problem::fields(vec![FieldError::new("file", "repeated", "One file is taken at a time.")]));
    }
    Ok((name, staged))
}

fn parts(field: axum::extract::multipart::Field<'_>) -> impl Stream<Item = Result<Bytes, &'static str>> + Send {
    // What the parser says may quote the content.
    field.map_err(|_| "the form ended early")
}

/// A file, after its owner's access check of this moment.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/attachments/{id}", tag = "files",
    params(("portal" = String, Path), ("id" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = String)))]
async fn download(Api(call): Api) -> Answer<Response> {
    let blob = find(&call, call.path("id")).await?;
    serve(&call, blob).await
}

/// Streams a file as a download that runs nothing.
///
/// # Errors
/// 409 before it was found clean, 404 when its owner does not give it.
pub async fn serve(call: &Call, blob: common::AttachmentBlob) -> Answer<Response> {
    let file = blob.attachment.unwrap_or_default();
    match FileState::from_proto(file.state) {
        Some(FileState::Clean) => {}
        Some(FileState::Infected) => return Err(Problem::not_found()),
        _ => return Err(Error::conflict("not_scanned_yet", "The file is still being checked. Try again in a moment.").into()),
    }
    let content = call.state.blobs().get(&blob.path).await?;
    let mut response =
        AxumBody::from_stream(content.map(|chunk| chunk.map_err(|error| std::io::Error::other(error.to_string())))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(u64::try_from(file.size).unwrap_or(0)));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(FILE_CSP));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Ok(value) = HeaderValue::from_str(&disposition(&file.name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Asks the owners, all at once: an id belongs to at most one of them, and one that is away keeps nobody from what another one has.
///
/// # Errors
/// What tickets says when nobody has it; 503 when it may belong to one that is away.
pub async fn find(call: &Call, id: String) -> Answer<common::AttachmentBlob> {
    let (portal, attachment_id) = (call.portal(), id.clone());
    let ticket = call.grpc(portico_proto::tickets::v1::GetAttachmentBlobRequest { portal: portal.clone(), attachment_id: id.clone() });
    let article = call.grpc(portico_proto::knowledge::v1::GetArticleAttachmentRequest { portal: portal.clone(), attachment_id });
    let topic = call.grpc(portico_proto::community::v1::GetAttachmentRequest { portal, id });
    let (mut tickets, mut articles, mut topics) =
        (call.clients().ticket_files(), call.clients().articles(), call.clients().community_files());
    let mut answers: FuturesUnordered<BoxFuture<'_, Found>> = FuturesUnordered::new();
    answers.push(Box::pin(async move { (0, tickets.get_attachment_blob(ticket).await) }));
    answers.push(Box::pin(async move { (1, articles.get_article_attachment(article).await) }));
    answers.push(Box::pin(async move { (2, topics.get_attachment(topic).await) }));
    let mut refused = Vec::new();
    while let Some((owner, answer)) = answers.next().await {
        match answer {
            Ok(blob) => return Ok(blob.into_inner()),
            Err(status) => refused.push((owner, Error::from_status(&status))),
        }
    }
    Err(told(refused).into())
}

/// What one owner says.
type Found = (usize, Result<tonic::Response<common::AttachmentBlob>, tonic::Status>);

/// What is told when nobody gives it: that somebody failed, otherwise what the first owner said. A guest is not told to sign in for a file that
/// may be a public one of somebody who is away.
fn told(mut refused: Vec<(usize, Error)>) -> Error {
    refused.sort_by_key(|(owner, error)| (matches!(error, Error::NotFound { .. } | Error::Unauthenticated { .. }), *owner));
    refused.into_iter().next().map_or(Error::NOT_FOUND, |(_, error)| error)
}

/// The routes of this noun. The upload bounds its body itself.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::disable()).routes(routes!(download))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_belong_to_somebody_who_is_away_is_not_said_to_be_absent() {
        let absent = || Error::NOT_FOUND;
        let away = Error::Unavailable("a peer");
        assert_eq!(told(vec![(1, absent()), (0, Error::sign_in_required()), (2, absent())]), Error::sign_in_required());
        assert_eq!(told(vec![(0, absent()), (2, absent()), (1, absent())]), absent());
        assert_eq!(told(vec![(0, Error::sign_in_required()), (2, away.clone()), (1, absent())]), away);
    }
}

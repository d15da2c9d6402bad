//! Answers identity's question whether a changed document is good for this service.

use std::marker::PhantomData;

use portico_proto::common::v1::settings_service_server::{SettingsService, SettingsServiceServer};
use portico_proto::common::v1::{SettingsProblem, ValidateSettingsRequest, ValidateSettingsResponse};
use tonic::{Request, Response, Status};

use super::FromDocument;
use crate::error::Error;
use crate::grpc::Permission;

/// The row of this service for the permission table.
pub const PERMISSIONS: &[(&str, Permission)] =
    &[("/portico.common.v1.SettingsService/ValidateSettings", Permission::Services(&["identity"]))];

/// Checks documents for the part `T`; to be added to the server.
pub fn service<T: FromDocument>() -> SettingsServiceServer<impl SettingsService> {
    SettingsServiceServer::new(Checker::<T>(PhantomData))
}

struct Checker<T>(PhantomData<fn() -> T>);

#[tonic::async_trait]
impl<T: FromDocument> SettingsService for Checker<T> {
    async fn validate_settings(&self, request: Request<ValidateSettingsRequest>) -> Result<Response<ValidateSettingsResponse>, Status> {
        let document = serde_json::from_str(&request.get_ref().settings_json)
            .map_err(|_| Error::Malformed { field: "settings_json".into(), message: "The document is not JSON.".into() })?;
        let problems = T::problems(&document)
            .into_iter()
            .map(|problem| SettingsProblem { field: problem.field, code: problem.code.into_owned(), message: problem.message })
            .collect();
        Ok(Response::new(ValidateSettingsResponse { problems }))
    }
}

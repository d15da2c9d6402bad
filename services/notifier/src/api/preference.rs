//! `PreferencesService`.

use std::collections::{BTreeMap, HashMap};

use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, context};
use portico_proto::notifier::v1::preferences_service_server::PreferencesService;
use portico_proto::notifier::v1::{GetPreferencesRequest, Preferences, PutPreferencesRequest};
use tonic::{Request, Response, Status};

use super::{Api, check_request_id, reader};
use crate::domain::delivery::Channel;
use crate::domain::preference::Preferences as Choice;

/// Keys of one channel in a request; there are far fewer kinds.
const MAX_KEYS: usize = 50;

#[tonic::async_trait]
impl PreferencesService for Api {
    async fn get_preferences(&self, request: Request<GetPreferencesRequest>) -> Result<Response<Preferences>, Status> {
        let context = context(&request)?;
        let reader = reader(&context, &request.into_inner().portal)?;
        let stored = self.app.preferences(&reader).await?;
        Ok(Response::new(encode(&stored.preferences, stored.version)))
    }

    async fn put_preferences(&self, request: Request<PutPreferencesRequest>) -> Result<Response<Preferences>, Status> {
        let context = context(&request)?;
        Ok(Response::new(self.put(&context, request.into_inner()).await?))
    }
}

impl Api {
    async fn put(&self, context: &Context, request: PutPreferencesRequest) -> Result<Preferences, Error> {
        let reader = reader(context, &request.portal)?;
        check_request_id(&request.request_id)?;
        for (field, choices) in [("mail", &request.mail), ("bell", &request.bell)] {
            if choices.len() > MAX_KEYS {
                return Err(Error::invalid(field, "too_long", format!("At most {MAX_KEYS} kinds.")));
            }
        }
        let expected = match request.etag.as_str() {
            "" => None,
            etag => Some(etag.parse().map_err(|_| Error::version_conflict())?),
        };
        let (mail, bell) = (sorted(request.mail), sorted(request.bell));
        let stored = self.app.put_preferences(&reader, &mail, &bell, expected, &request.request_id).await?;
        Ok(encode(&stored.preferences, stored.version))
    }
}

fn sorted(choices: HashMap<String, bool>) -> BTreeMap<String, bool> {
    choices.into_iter().collect()
}

fn encode(choice: &Choice, version: i64) -> Preferences {
    Preferences {
        mail: choice.all(Channel::Mail).into_iter().collect(),
        bell: choice.all(Channel::Bell).into_iter().collect(),
        etag: version.to_string(),
    }
}

//! ForumsService.

use portico_chassis::error::Error;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::forums_service_server::ForumsService;
use prost::Message;
use tonic::{Request, Response, Status};

use super::fields::Fields;
use super::{Api, answer, encode, opened};
use crate::app::forum::ForumWish;
use crate::domain::text::{FORUM_DESCRIPTION_MAX, FORUM_NAME_MAX};

#[tonic::async_trait]
impl ForumsService for Api {
    async fn list_forums(&self, request: Request<wire::ListForumsRequest>) -> Result<Response<wire::ListForumsResponse>, Status> {
        let (asker, ..) = opened(request, |message| &message.portal)?;
        let forums = self.community.forums(&asker).await?;
        Ok(Response::new(wire::ListForumsResponse { forums: forums.iter().map(encode::forum).collect() }))
    }

    async fn create_forum(&self, request: Request<wire::CreateForumRequest>) -> Result<Response<wire::Forum>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("CreateForum", &message.request_id, &message)?;
        let mut fields = Fields::default();
        let wish = ForumWish {
            name: fields.line("name", &message.name, FORUM_NAME_MAX),
            description: fields.text("description", &message.description, FORUM_DESCRIPTION_MAX),
            parent: message.parent_id,
            audience: fields.audience(message.audience),
            problems: fields.problems(),
        };
        if asker.writer().is_err() {
            return Err(Error::sign_in_required().into());
        }
        let made = self.community.create_forum(&asker, key, wish, |view| encode::forum(view).encode_to_vec()).await?;
        answer(&made)
    }
}

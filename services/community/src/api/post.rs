//! PostsService.

use portico_chassis::blobs::by_content;
use portico_chassis::error::Error;
use portico_chassis::page::First;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::posts_service_server::PostsService;
use prost::Message;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::fields::Fields;
use super::paging::Paging;
use super::topic::topic_id;
use super::{Api, answer, encode, opened, writing};
use crate::app::entity::Outcome;
use crate::app::post::PostWish;
use crate::domain::listing::Position;
use crate::domain::text::BODY_MAX;

#[tonic::async_trait]
impl PostsService for Api {
    async fn list_posts(&self, request: Request<wire::ListPostsRequest>) -> Result<Response<wire::ListPostsResponse>, Status> {
        let (asker, _, message) = opened(request, |message| &message.portal)?;
        let topic = topic_id(&message.topic_id)?;
        if message.accepted_only {
            let accepted = self.community.accepted_post(&asker, topic).await?;
            let posts = accepted.iter().map(encode::post).collect();
            return Ok(Response::new(wire::ListPostsResponse { posts, next_page_token: String::new() }));
        }
        let first = First::of(message.newest_first);
        let paging = Paging::new(&self.pager, &asker, "ListPosts", format!("{topic} {}", first.name()), message.page.as_ref())?;
        let after = paging.after.or(through(&message, first)?);
        let page = self.community.posts(&asker, topic, first, after, paging.limit).await?;
        let next_page_token = paging.token(page.next)?;
        Ok(Response::new(wire::ListPostsResponse { posts: page.items.iter().map(encode::post).collect(), next_page_token }))
    }

    async fn add_post(&self, request: Request<wire::AddPostRequest>) -> Result<Response<wire::Post>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("AddPost", &message.request_id, &by_content(&message, |message| &mut message.uploads))?;
        let mut fields = Fields::default();
        let wish = PostWish {
            topic: topic_id(&message.topic_id)?,
            body: fields.text("body", &message.body, BODY_MAX),
            uploads: writing::uploads(message.uploads),
            problems: fields.problems(),
        };
        answer(&self.community.add_post(&asker, key, wish, post_answer).await?)
    }
}

/// Where a page that is to begin at a number begins.
fn through(message: &wire::ListPostsRequest, first: First) -> Result<Option<Position>, Error> {
    match (message.through, first) {
        (0, _) => Ok(None),
        (1.., First::Newest) => Ok(Some(Position { key: message.through.saturating_add(1), id: Uuid::nil() })),
        _ => Err(Error::invalid("through", "invalid", "A post's number, newest first.")),
    }
}

fn post_answer(outcome: &Outcome) -> Vec<u8> {
    outcome.post.as_ref().map(|view| encode::post(view).encode_to_vec()).unwrap_or_default()
}

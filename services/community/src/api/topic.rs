//! TopicsService.

use portico_chassis::blobs::by_content;
use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::journal::RequestKey;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::topics_service_server::TopicsService;
use prost::Message;
use tonic::{Request, Response, Status};

use super::fields::{self, Fields};
use super::paging::Paging;
use super::{Api, answer, encode, opened, writing};
use crate::app::entity::{Outcome, Render};
use crate::app::topic::{ListWish, PlainCommand};
use crate::domain::ids::TopicId;
use crate::domain::listing::Order;
use crate::domain::tag;
use crate::domain::text::{LOCK_REASON_MAX, REPORT_MAX};
use crate::domain::topic::Command;
use crate::domain::view::ReportView;

#[tonic::async_trait]
impl TopicsService for Api {
    async fn list_topics(&self, request: Request<wire::ListTopicsRequest>) -> Result<Response<wire::ListTopicsResponse>, Status> {
        let (asker, _, message) = opened(request, |message| &message.portal)?;
        let wish = list_wish(&message)?;
        let paging = Paging::new(&self.pager, &asker, "ListTopics", format!("{wish:?}"), message.page.as_ref())?;
        let page = self.community.topics(&asker, wish, paging.after, paging.limit).await?;
        let next_page_token = paging.token(page.next)?;
        Ok(Response::new(wire::ListTopicsResponse { topics: page.items.iter().map(encode::summary).collect(), next_page_token }))
    }

    async fn list_drafts(&self, request: Request<wire::ListDraftsRequest>) -> Result<Response<wire::ListDraftsResponse>, Status> {
        let (asker, _, message) = opened(request, |message| &message.portal)?;
        let paging = Paging::new(&self.pager, &asker, "ListDrafts", String::new(), message.page.as_ref())?;
        let page = self.community.drafts(&asker, paging.after, paging.limit).await?;
        let next_page_token = paging.token(page.next)?;
        Ok(Response::new(wire::ListDraftsResponse { topics: page.items.iter().map(encode::summary).collect(), next_page_token }))
    }

    async fn create_topic(&self, request: Request<wire::CreateTopicRequest>) -> Result<Response<wire::Topic>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("CreateTopic", &message.request_id, &by_content(&message, |message| &mut message.uploads))?;
        answer(&self.community.create_topic(&asker, key, writing::creation(message), encode::topic_answer).await?)
    }

    async fn get_topic(&self, request: Request<wire::GetTopicRequest>) -> Result<Response<wire::Topic>, Status> {
        let (asker, _, message) = opened(request, |message| &message.portal)?;
        let view = self.community.topic(&asker, topic_id(&message.id)?, message.count_view).await?;
        Ok(Response::new(encode::topic(&view, &asker.reader)))
    }

    async fn update_topic(&self, request: Request<wire::UpdateTopicRequest>) -> Result<Response<wire::Topic>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("UpdateTopic", &message.request_id, &by_content(&message, |message| &mut message.uploads))?;
        let wish = writing::update(topic_id(&message.id)?, message);
        answer(&self.community.update_topic(&asker, key, wish, encode::topic_answer).await?)
    }

    async fn delete_topic(&self, request: Request<wire::DeleteTopicRequest>) -> Result<Response<wire::DeleteTopicResponse>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("DeleteTopic", &message.request_id, &message)?;
        let mut command = plain(&message.id, key, Command::Delete, |_| wire::DeleteTopicResponse {}.encode_to_vec())?;
        command.etag = fields::etag(&message.etag);
        answer(&self.community.command(&asker, command).await?)
    }

    async fn vote_topic(&self, request: Request<wire::VoteTopicRequest>) -> Result<Response<wire::VoteTopicResponse>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("VoteTopic", &message.request_id, &message)?;
        let mut command = plain(&message.id, key, Command::Vote { on: message.value == 1 }, vote_answer)?;
        let mut fields = Fields::default();
        if !matches!(message.value, 0 | 1) {
            fields.push("value", "invalid", "The value is 1 or 0.");
        }
        command.problems = fields.problems();
        answer(&self.community.command(&asker, command).await?)
    }

    async fn follow_topic(&self, request: Request<wire::FollowTopicRequest>) -> Result<Response<wire::FollowTopicResponse>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("FollowTopic", &message.request_id, &message)?;
        let command = plain(&message.id, key, Command::Follow { on: message.on }, follow_answer)?;
        answer(&self.community.command(&asker, command).await?)
    }

    async fn accept_post(&self, request: Request<wire::AcceptPostRequest>) -> Result<Response<wire::Topic>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("AcceptPost", &message.request_id, &message)?;
        let post = Some(message.post_id.as_str()).filter(|post| !post.is_empty());
        answer(&self.community.accept(&asker, key, topic_id(&message.id)?, post, encode::topic_answer).await?)
    }

    async fn report_topic(&self, request: Request<wire::ReportTopicRequest>) -> Result<Response<wire::ReportTopicResponse>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("ReportTopic", &message.request_id, &message)?;
        let mut fields = Fields::default();
        let report = self.community.new_report(fields.text("reason", &message.reason, REPORT_MAX));
        let mut command = plain(&message.id, key, Command::Report(report), |_| wire::ReportTopicResponse {}.encode_to_vec())?;
        command.problems = fields.problems();
        answer(&self.community.command(&asker, command).await?)
    }

    async fn list_reports(&self, request: Request<wire::ListReportsRequest>) -> Result<Response<wire::ListReportsResponse>, Status> {
        let (asker, _, message) = opened(request, |message| &message.portal)?;
        let paging = Paging::new(&self.pager, &asker, "ListReports", String::new(), message.page.as_ref())?;
        let page = self.community.reports(&asker, paging.after, paging.limit).await?;
        let next_page_token = paging.token(page.next)?;
        Ok(Response::new(wire::ListReportsResponse { reports: page.items.iter().map(report).collect(), next_page_token }))
    }

    async fn dismiss_reports(
        &self,
        request: Request<wire::DismissReportsRequest>,
    ) -> Result<Response<wire::DismissReportsResponse>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("DismissReports", &message.request_id, &message)?;
        let command = plain(&message.id, key, Command::DismissReports, dismiss_answer)?;
        answer(&self.community.command(&asker, command).await?)
    }

    async fn lock_topic(&self, request: Request<wire::LockTopicRequest>) -> Result<Response<wire::Topic>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("LockTopic", &message.request_id, &message)?;
        let mut fields = Fields::default();
        let reason = fields.text("reason", &message.reason, LOCK_REASON_MAX);
        let reason = message.locked.then_some(reason);
        let mut command = plain(&message.id, key, Command::Lock { reason }, encode::topic_answer)?;
        command.etag = fields::etag(&message.etag);
        command.problems = fields.problems();
        answer(&self.community.command(&asker, command).await?)
    }
}

/// An id that is none names nothing.
pub(super) fn topic_id(text: &str) -> Result<TopicId, Error> {
    text.parse().map_err(|_| Error::NOT_FOUND)
}

fn plain(id: &str, request: RequestKey, command: Command, render: Render) -> Result<PlainCommand, Error> {
    Ok(PlainCommand { id: topic_id(id)?, etag: None, request, problems: Vec::new(), command, render })
}

fn list_wish(message: &wire::ListTopicsRequest) -> Result<ListWish, Error> {
    let order = match wire::TopicSort::try_from(message.sort) {
        Ok(wire::TopicSort::Unspecified | wire::TopicSort::Recent) => Order::Recent,
        Ok(wire::TopicSort::MostDiscussed) => Order::MostDiscussed,
        Ok(wire::TopicSort::MostViewed) => Order::MostViewed,
        Ok(wire::TopicSort::Top) => Order::Top,
        Err(_) => return Err(Error::invalid("sort", "invalid", "Sort by recent, most_discussed, most_viewed or top.")),
    };
    let mut fields = Fields::default();
    let kind = fields.topic_type(message.r#type);
    let tag = Some(message.tag.as_str()).filter(|tag| !tag.is_empty());
    let normal = tag.and_then(tag::normalise);
    if tag.is_some() && normal.is_none() {
        fields.push("tag", "invalid", "This is not a tag.");
    }
    let problems = fields.problems();
    if !problems.is_empty() {
        return Err(Error::Invalid(problems.into_iter().map(Into::into).collect()));
    }
    Ok(ListWish { forum: message.forum.clone(), kind, tag: normal, unanswered: message.unanswered, order })
}

fn vote_answer(outcome: &Outcome) -> Vec<u8> {
    let head = &outcome.view.head;
    wire::VoteTopicResponse { votes: head.votes, voted: outcome.view.voted, version: head.version }.encode_to_vec()
}

fn follow_answer(outcome: &Outcome) -> Vec<u8> {
    wire::FollowTopicResponse { following: outcome.view.following, version: outcome.view.head.version }.encode_to_vec()
}

fn dismiss_answer(outcome: &Outcome) -> Vec<u8> {
    wire::DismissReportsResponse { version: outcome.view.head.version }.encode_to_vec()
}

fn report(view: &ReportView) -> wire::Report {
    wire::Report {
        id: view.id.to_string(),
        topic: Some(encode::summary(&view.topic)),
        reporter: Some(encode::person(&view.reporter)),
        reason: view.reason.clone(),
        at: Some(to_proto(view.at)),
    }
}

//! Reads what people write: new topics and changes of topics.

use portico_proto::common::v1::UploadTicket;
use portico_proto::community::v1 as wire;

use super::fields::{self, Fields};
use crate::app::topic::{TopicWish, UpdateWish};
use crate::domain::ids::{AttachmentId, TopicId};
use crate::domain::text::{BODY_MAX, TITLE_MAX};

pub(super) fn creation(message: wire::CreateTopicRequest) -> TopicWish {
    let mut fields = Fields::default();
    TopicWish {
        kind: fields.required_type(message.r#type),
        title: fields.line("title", &message.title, TITLE_MAX),
        body: fields.text("body", &message.body, BODY_MAX),
        forum: message.forum,
        tags: fields.tags(&message.tags),
        uploads: uploads(message.uploads),
        notify: fields.addresses(&message.notify_emails),
        draft: message.draft,
        problems: fields.problems(),
    }
}

pub(super) fn update(id: TopicId, message: wire::UpdateTopicRequest) -> UpdateWish {
    let mut fields = Fields::default();
    let kind = message.r#type.map(|number| fields.required_type(number));
    let title = message.title.map(|title| fields.line("title", &title, TITLE_MAX));
    let body = message.body.map(|body| fields.text("body", &body, BODY_MAX));
    let tags = message.tags.map(|list| fields.tags(&list.tags));
    let notify = message.notify_emails.map(|list| fields.addresses(&list.addresses));
    let remove: Vec<AttachmentId> = message.remove_attachments.iter().filter_map(|id| id.parse().ok()).collect();
    if remove.len() < message.remove_attachments.len() {
        fields.push("remove_attachments", "unknown", "There is no such file.");
    }
    UpdateWish {
        id,
        etag: fields::etag(&message.etag),
        kind,
        title,
        body,
        forum: message.forum,
        tags,
        notify,
        uploads: uploads(message.uploads),
        remove,
        draft: message.draft,
        problems: fields.problems(),
    }
}

pub(super) fn uploads(given: Vec<UploadTicket>) -> Vec<String> {
    given.into_iter().map(|upload| upload.token).collect()
}

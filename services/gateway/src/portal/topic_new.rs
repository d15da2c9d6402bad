//! Writing a topic: a preview, drafts, publishing, and changing it afterwards.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::common::v1::UploadTicket;
use portico_proto::community::v1 as proto;
use serde::Deserialize;

use super::community::forums;
use super::map;
use super::posted::Posted;
use super::topic::{Named, read};
use super::view::community::NewTopic;
use super::view::form::Form;
use super::view::ui::SafeHtml;
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// What the address may fill in.
#[derive(Debug, Default, Deserialize)]
pub struct Prefill {
    #[serde(default)]
    forum: String,
    #[serde(default)]
    title: String,
}

/// The page to write a topic.
pub async fn new_page(visit: Visit, Query(prefill): Query<Prefill>) -> Answer<Response> {
    visit.person()?;
    let title: String = prefill.title.chars().take(200).collect();
    let form = visit.form().with("forum", prefill.forum).with("title", title).with("type", "question");
    let page = writing(visit.clone(), form, None, None).await?;
    visit.show_form(&page)
}

async fn writing(visit: Visit, form: Form, preview: Option<SafeHtml>, kept: Option<&proto::Topic>) -> Answer<NewTopic> {
    let forums = forums(&visit).await?;
    Ok(NewTopic {
        action: kept.map_or_else(|| visit.url("/community"), |topic| visit.url(&format!("/community/t/{}/edit", topic.id))),
        forums: map::topic::choices(&forums),
        kinds: map::topic::kinds(visit.l.staff()),
        files: kept.map(|topic| map::topic::kept_files(&visit.l.api, &topic.attachments)).unwrap_or_default(),
        l: visit.layout("community"),
        draft: kept.is_some_and(|topic| topic.draft),
        published: kept.is_some_and(|topic| !topic.draft),
        preview,
        form,
    })
}

/// Previews, keeps as a draft, or publishes.
pub async fn create(posted: Posted) -> Answer<Response> {
    posted.visit.person()?;
    write(&posted, None).await
}

/// A topic that the reader may change.
async fn editable(visit: &Visit, id: &str) -> Answer<proto::Topic> {
    visit.person()?;
    let topic = read(visit, id, false).await?;
    if topic.viewer.as_ref().is_some_and(|viewer| viewer.may_edit) { Ok(topic) } else { Err(Problem::not_found()) }
}

/// The page to go on with a draft, or to change what is published.
pub async fn edit_page(visit: Visit, Path((_, id)): Named) -> Answer<Response> {
    let topic = editable(&visit, &id).await?;
    let form = visit
        .form()
        .with("type", map::topic::kind_key(topic.r#type()))
        .with("title", topic.title.clone())
        .with("body", topic.body.clone())
        .with("forum", topic.forum.as_ref().map(|forum| forum.id.clone()).unwrap_or_default())
        .with("tags", topic.tags.join(", "))
        .with("notify_emails", topic.notify_emails.join(", "));
    let page = writing(visit.clone(), form, None, Some(&topic)).await?;
    visit.show(&page)
}

/// The same for a topic that is there already.
pub async fn update(Path((_, id)): Named, posted: Posted) -> Answer<Response> {
    let topic = editable(&posted.visit, &id).await?;
    write(&posted, Some(&topic)).await
}

async fn write(posted: &Posted, kept: Option<&proto::Topic>) -> Answer<Response> {
    let visit = &posted.visit;
    if posted.value("do") == "preview" {
        let html = SafeHtml(chassis::markdown::render(posted.value("body")));
        let page = writing(visit.clone(), posted.again(), Some(html), kept).await?;
        return visit.show(&page);
    }
    let publish = posted.value("do") != "draft";
    let published = kept.is_some_and(|topic| !topic.draft);
    let mut form = checked(posted, publish, published);
    if form.errors.is_empty() {
        match save(posted, kept, publish).await {
            Ok(_) if !publish => return Ok(visit.go_saying(&visit.url("/community/drafts"), "The draft is saved.")),
            Ok(topic) => {
                return Ok(visit.go_saying(
                    &map::topic::url(&visit.l.portal.base, &topic.id, &topic.slug),
                    if published { "Saved." } else { "Your topic is published." },
                ));
            }
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let page = writing(visit.clone(), form.clone(), None, kept).await?;
    posted.show_again(form, |visit, _| NewTopic { l: visit.layout("community"), ..page })
}

fn checked(posted: &Posted, publish: bool, published: bool) -> Form {
    let mut form = posted.again();
    // A draft may be anything that is worth keeping.
    if publish && posted.trimmed("title").is_empty() {
        form.refuse("title", "Enter a title");
    }
    if publish && posted.trimmed("forum").is_empty() && !published {
        form.refuse("forum", "Choose a forum");
    }
    if publish && posted.trimmed("body").is_empty() {
        form.refuse("body", "Write the text");
    }
    form
}

async fn save(posted: &Posted, kept: Option<&proto::Topic>, publish: bool) -> Answer<proto::Topic> {
    let visit = &posted.visit;
    let uploads = posted.uploads()?;
    let request_id = posted.request_id(&format!("topic {} {publish}", kept.map_or("new", |topic| topic.id.as_str())));
    let mut topics = visit.call.clients().topics();
    let answer = match kept {
        Some(topic) => topics.update_topic(visit.call.grpc(changes(posted, topic, publish, request_id, uploads))).await?,
        None => {
            let request = proto::CreateTopicRequest {
                portal: visit.portal(),
                request_id,
                r#type: map::topic::kind_of(posted.value("type")).into(),
                title: posted.trimmed("title"),
                body: posted.value("body").trim_end().to_owned(),
                forum: posted.trimmed("forum"),
                tags: posted.list("tags"),
                uploads,
                notify_emails: posted.list("notify_emails"),
                draft: !publish,
            };
            topics.create_topic(visit.call.grpc(request)).await?
        }
    };
    Ok(answer.into_inner())
}

/// Kind and copies are a draft's; a published topic is moved by the team alone.
fn changes(
    posted: &Posted,
    topic: &proto::Topic,
    publish: bool,
    request_id: String,
    uploads: Vec<UploadTicket>,
) -> proto::UpdateTopicRequest {
    let forum = Some(posted.trimmed("forum")).filter(|forum| topic.draft || (posted.visit.l.staff() && !forum.is_empty()));
    proto::UpdateTopicRequest {
        portal: posted.visit.portal(),
        request_id,
        id: topic.id.clone(),
        r#type: topic.draft.then(|| map::topic::kind_of(posted.value("type")).into()),
        title: Some(posted.trimmed("title")),
        body: Some(posted.value("body").trim_end().to_owned()),
        remove_attachments: topic
            .attachments
            .iter()
            .filter(|file| posted.is_true(&format!("remove-{}", file.id)))
            .map(|file| file.id.clone())
            .collect(),
        tags: Some(proto::TagList { tags: posted.list("tags") }),
        notify_emails: topic.draft.then(|| proto::AddressList { addresses: posted.list("notify_emails") }),
        draft: topic.draft.then_some(!publish),
        forum,
        uploads,
        ..Default::default()
    }
}

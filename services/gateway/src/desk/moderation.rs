//! What people reported in the community, and what the team does about it.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::community::v1 as proto;

use super::editor_view::{Complaint, Moderation, Reported};
use crate::error::{Answer, Problem};
use crate::portal::map;
use crate::portal::news::{Cursor, next};
use crate::portal::posted::Posted;
use crate::portal::visit::Visit;

fn url(visit: &Visit) -> String {
    format!("{}/moderation", visit.l.portal.desk)
}

/// Reported topics, each with what was said about it.
pub async fn page(visit: Visit, Query(cursor): Query<Cursor>) -> Answer<Response> {
    visit.staff()?;
    if !visit.l.portal.community {
        return Err(Problem::not_found());
    }
    let request = visit.call.grpc(proto::ListReportsRequest { portal: visit.portal(), page: cursor.page(50) });
    let answer = visit.call.clients().topics().list_reports(request).await?.into_inner();
    let page = Moderation {
        l: visit.layout("content"),
        topics: grouped(&answer.reports, &visit),
        next: next(url(&visit), &answer.next_page_token),
        url: url(&visit),
        form: visit.form(),
    };
    visit.show(&page)
}

/// Reports of one topic stand together, at the place of the newest.
fn grouped(reports: &[proto::Report], visit: &Visit) -> Vec<Reported> {
    let mut topics: Vec<Reported> = Vec::new();
    for report in reports {
        let Some(topic) = &report.topic else { continue };
        let complaint = Complaint {
            person: map::person::person(report.reporter.as_ref(), &visit.my_id()),
            reason: report.reason.clone(),
            at: visit.dates.when(report.at.as_ref()),
        };
        match topics.iter_mut().find(|one| one.topic.id == topic.id) {
            Some(known) => known.complaints.push(complaint),
            None => topics.push(Reported {
                topic: map::topic::row(topic, &visit.l.portal.base, &visit.dates),
                excerpt: topic.excerpt.clone(),
                complaints: vec![complaint],
            }),
        }
    }
    topics
}

/// Keeps the topic: its reports are closed.
pub async fn keep(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    dismiss(&posted, &id).await?;
    Ok(visit.go_saying(&url(visit), "The topic stays. Its reports are closed."))
}

async fn dismiss(posted: &Posted, id: &str) -> Answer<()> {
    let visit = &posted.visit;
    let request_id = posted.request_id(&format!("dismiss {id}"));
    let request = visit.call.grpc(proto::DismissReportsRequest { portal: visit.portal(), request_id, id: id.to_owned() });
    visit.call.clients().topics().dismiss_reports(request).await?;
    Ok(())
}

/// Locks the topic or opens it again. From the list of reports it also closes them.
pub async fn lock(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let locked = posted.value("on") != "false";
    let request = visit.call.grpc(proto::LockTopicRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("lock {id} {locked}")),
        id: id.clone(),
        locked,
        reason: posted.trimmed("lock_reason").chars().take(500).collect(),
        ..Default::default()
    });
    visit.call.clients().topics().lock_topic(request).await?;
    if posted.value("back") == "topic" {
        let said = if locked { "Locked. It stays readable." } else { "Open again." };
        return Ok(visit.go_saying(&visit.url(&format!("/community/t/{id}")), said));
    }
    dismiss(&posted, &id).await?;
    Ok(visit.go_saying(&url(visit), "The topic is locked. It stays readable."))
}

/// Removes the topic with its replies.
pub async fn remove(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let request_id = posted.request_id(&format!("remove {id}"));
    let request = visit.call.grpc(proto::DeleteTopicRequest { portal: visit.portal(), request_id, id, etag: String::new() });
    visit.call.clients().topics().delete_topic(request).await?;
    Ok(visit.go_saying(&url(visit), "The topic is removed with its replies."))
}

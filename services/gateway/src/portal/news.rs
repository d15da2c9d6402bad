//! Announcements and the bell.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::knowledge::v1 as knowledge;
use portico_proto::notifier::v1 as notifier;
use serde::Deserialize;

use super::map;
use super::posted::Posted;
use super::view::layout::percent_encode;
use super::view::news::{Announcements, Notifications};
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
pub struct Cursor {
    /// The place, or empty.
    #[serde(default)]
    pub cursor: String,
}

impl Cursor {
    /// The page that it asks for.
    pub fn page(self, rows: i32) -> Option<PageRequest> {
        Some(PageRequest { page_size: rows, page_token: self.cursor })
    }
}

/// The address of the next page; empty when there is none.
pub fn next(url: String, token: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    if token.is_empty() { String::new() } else { format!("{url}{joint}cursor={}", percent_encode(token)) }
}

/// All announcements.
pub async fn announcements(visit: Visit, Query(cursor): Query<Cursor>) -> Answer<Response> {
    if !visit.l.portal.announcements {
        return Err(Problem::not_found());
    }
    let request = visit.call.grpc(knowledge::ListAnnouncementsRequest {
        portal: visit.portal(),
        page: cursor.page(20),
        include_all: false,
        undismissed_only: false,
    });
    let answer = visit.call.clients().announcements().list_announcements(request).await?.into_inner();
    let page = Announcements {
        l: visit.layout("announcements"),
        notices: answer.announcements.iter().map(|one| map::news::notice(one, &visit.l.portal.base, &visit.dates)).collect(),
        single: false,
        next: next(visit.url("/announcements"), &answer.next_page_token),
        form: visit.form(),
    };
    visit.show(&page)
}

/// One announcement.
pub async fn announcement(visit: Visit, Path((_, id)): Path<(String, String)>) -> Answer<Response> {
    let request = visit.call.grpc(knowledge::GetAnnouncementRequest { portal: visit.portal(), announcement_id: id });
    let one = visit.call.clients().announcements().get_announcement(request).await?.into_inner();
    let page = Announcements {
        l: visit.layout("announcements"),
        notices: vec![map::news::notice(&one, &visit.l.portal.base, &visit.dates)],
        single: true,
        next: String::new(),
        form: visit.form(),
    };
    visit.show(&page)
}

/// Puts an announcement away for this reader.
pub async fn dismiss(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let request = visit.call.grpc(knowledge::DismissAnnouncementRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("dismiss {id}")),
        announcement_id: id,
    });
    visit.call.clients().announcements().dismiss_announcement(request).await?;
    Ok(visit.go(&visit.url("/")))
}

/// The bell's page.
pub async fn notifications(visit: Visit, Query(cursor): Query<Cursor>) -> Answer<Response> {
    visit.person()?;
    let request = visit.call.grpc(notifier::ListNotificationsRequest { portal: visit.portal(), unread: false, page: cursor.page(30) });
    let answer = visit.call.clients().notifications().list_notifications(request).await?.into_inner();
    let page = Notifications {
        l: visit.layout("notifications"),
        days: map::news::days(&answer.items, &visit.l.portal.base, &visit.dates),
        unread: answer.unread_count,
        next: next(visit.url("/notifications"), &answer.next_page_token),
        form: visit.form(),
    };
    visit.show(&page)
}

/// Marks all as read.
pub async fn read_all(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    mark(visit, posted.request_id("read all"), Vec::new(), true).await?;
    Ok(visit.go_saying(&visit.url("/notifications"), "All read."))
}

async fn mark(visit: &Visit, request_id: String, ids: Vec<String>, all: bool) -> Answer<()> {
    let request = visit.call.grpc(notifier::MarkNotificationsReadRequest { portal: visit.portal(), request_id, ids, all });
    visit.call.clients().notifications().mark_notifications_read(request).await?;
    Ok(())
}

/// Follows a notification: it is read then, and the reader is where it points.
pub async fn open(visit: Visit, Path((_, id)): Path<(String, String)>) -> Answer<Response> {
    visit.person()?;
    let target = find(&visit, &id).await?;
    if visit.call.headers.get("sec-purpose").is_none() {
        mark(&visit, visit.call.request_id(), vec![id], false).await?;
    }
    Ok(visit.go(&target))
}

/// Where a notification points, looked for among the newest.
async fn find(visit: &Visit, id: &str) -> Answer<String> {
    let mut token = String::new();
    for _ in 0..5 {
        let page = Some(PageRequest { page_size: 100, page_token: token });
        let request = visit.call.grpc(notifier::ListNotificationsRequest { portal: visit.portal(), unread: false, page });
        let answer = visit.call.clients().notifications().list_notifications(request).await?.into_inner();
        if let Some(found) = answer.items.iter().find(|item| item.id == id) {
            return Ok(target(found, visit));
        }
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    Err(Problem::not_found())
}

fn target(item: &notifier::Notification, visit: &Visit) -> String {
    if !item.ticket_number.is_empty() {
        return match visit.l.staff() {
            true => format!("{}/tickets/{}", visit.l.portal.desk, item.ticket_number),
            false => visit.url(&format!("/requests/{}", item.ticket_number)),
        };
    }
    let path = super::sign_in::safe_next(&item.url, &visit.portal());
    if path.is_empty() { visit.url("/notifications") } else { path }
}

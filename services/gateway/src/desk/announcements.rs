//! Announcements as the team writes them: all of them, an editor with a preview, the time they hold.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::knowledge::v1 as proto;

use super::audience;
use super::editor_view::{NoticeEditor, NoticeRow, Notices};
use crate::error::{Answer, Problem};
use crate::portal::map;
use crate::portal::news::{Cursor, next};
use crate::portal::posted::Posted;
use crate::portal::view::form::Form;
use crate::portal::view::ui::{Choice, SafeHtml, Status};
use crate::portal::visit::Visit;

/// Severities: the form's value, words, what they mean.
const SEVERITIES: [(&str, &str, proto::Severity); 3] = [
    ("info", "News", proto::Severity::Info),
    ("warning", "Important", proto::Severity::Warning),
    ("critical", "Disruption", proto::Severity::Critical),
];

fn url(visit: &Visit) -> String {
    format!("{}/announcements", visit.l.portal.desk)
}

/// All announcements, also those to come and those that are over.
pub async fn list(visit: Visit, Query(cursor): Query<Cursor>) -> Answer<Response> {
    visit.staff()?;
    let request = visit.call.grpc(proto::ListAnnouncementsRequest {
        portal: visit.portal(),
        page: cursor.page(50),
        include_all: true,
        undismissed_only: false,
    });
    let answer = visit.call.clients().announcements().list_announcements(request).await?.into_inner();
    let page = Notices {
        l: visit.layout("content"),
        rows: answer.announcements.iter().map(|one| row(one, &visit)).collect(),
        next: next(url(&visit), &answer.next_page_token),
        url: url(&visit),
    };
    visit.show(&page)
}

fn row(one: &proto::Announcement, visit: &Visit) -> NoticeRow {
    let notice = map::news::notice(one, &visit.l.portal.base, &visit.dates);
    NoticeRow {
        url: format!("{}/{}", url(visit), one.id),
        status: time_of(one, visit.call.state.clock().now().unix_timestamp()),
        severity: notice.severity_word(),
        audience: audience::word(one.audience()),
        from: visit.dates.deadline(one.valid_from.as_ref()),
        until: notice.until,
        title: notice.title,
    }
}

/// Whether it is to come, holds, or is over.
fn time_of(one: &proto::Announcement, now: i64) -> Status {
    let begun = one.valid_from.as_ref().is_none_or(|from| from.seconds <= now);
    let over = one.valid_until.as_ref().is_some_and(|until| until.seconds <= now);
    let (key, label) = match (begun, over) {
        (_, true) => ("closed", "Over"),
        (false, _) => ("new", "Scheduled"),
        _ => ("resolved", "Shown now"),
    };
    Status { key, label: label.into(), definition: String::new() }
}

/// An empty editor.
pub async fn new_page(visit: Visit) -> Answer<Response> {
    visit.staff()?;
    let form = visit.form().with("severity", "info").with("audience", "public");
    let page = editor(visit.clone(), form, None, None).await?;
    visit.show(&page)
}

async fn editor(visit: Visit, form: Form, one: Option<&proto::Announcement>, preview: Option<SafeHtml>) -> Answer<NoticeEditor> {
    let organizations = audience::organizations(&visit).await?;
    Ok(NoticeEditor {
        action: one.map_or_else(|| format!("{}/new", url(&visit)), |one| format!("{}/{}", url(&visit), one.id)),
        title: one.map(|one| one.title.clone()).unwrap_or_default(),
        status: one.map(|one| time_of(one, visit.call.state.clock().now().unix_timestamp())).unwrap_or_default(),
        exists: one.is_some(),
        severities: SEVERITIES.iter().map(|(value, label, _)| Choice::new(*value, *label)).collect(),
        audiences: audience::choices(),
        zone: visit.dates.zone(),
        url: url(&visit),
        l: visit.layout("content"),
        organizations,
        preview,
        form,
    })
}

async fn read(visit: &Visit, id: &str) -> Answer<proto::Announcement> {
    visit.staff()?;
    let request = visit.call.grpc(proto::GetAnnouncementRequest { portal: visit.portal(), announcement_id: id.to_owned() });
    Ok(visit.call.clients().announcements().get_announcement(request).await?.into_inner())
}

/// The editor of an announcement.
pub async fn edit_page(visit: Visit, Path((_, id)): Path<(String, String)>) -> Answer<Response> {
    let one = read(&visit, &id).await?;
    let severity = SEVERITIES.iter().find(|(.., severity)| *severity == one.severity()).map_or("info", |(value, ..)| value);
    let form = visit
        .form()
        .with("title", one.title.clone())
        .with("body", one.body.clone())
        .with("severity", severity)
        .with("valid_from", visit.dates.field(one.valid_from.as_ref()))
        .with("valid_until", visit.dates.field(one.valid_until.as_ref()))
        .with("etag", one.etag.clone());
    let form = audience::filled(form, one.audience(), &one.organizations);
    let page = editor(visit.clone(), form, Some(&one), None).await?;
    visit.show(&page)
}

/// Previews or announces.
pub async fn create(posted: Posted) -> Answer<Response> {
    posted.visit.staff()?;
    write(&posted, None).await
}

/// Previews, changes or deletes.
pub async fn update(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let one = read(&posted.visit, &id).await?;
    if posted.value("do") != "delete" {
        return write(&posted, Some(&one)).await;
    }
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::DeleteAnnouncementRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("delete {id}")),
        etag: String::new(),
        announcement_id: id,
    });
    visit.call.clients().announcements().delete_announcement(request).await?;
    Ok(visit.go_saying(&url(visit), "The announcement is deleted."))
}

async fn write(posted: &Posted, one: Option<&proto::Announcement>) -> Answer<Response> {
    let visit = &posted.visit;
    if posted.value("do") == "preview" {
        let html = SafeHtml(chassis::markdown::render(posted.value("body")));
        let page = editor(visit.clone(), posted.again(), one, Some(html)).await?;
        return visit.show(&page);
    }
    let mut form = checked(posted);
    if form.errors.is_empty() {
        match save(posted, one).await {
            Ok(()) => return Ok(visit.go_saying(&url(visit), if one.is_some() { "Saved." } else { "Announced." })),
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let page = editor(visit.clone(), form.clone(), one, None).await?;
    posted.show_again(form, |visit, _| NoticeEditor { l: visit.layout("content"), ..page })
}

fn checked(posted: &Posted) -> Form {
    let mut form = posted.again();
    if posted.trimmed("title").is_empty() {
        form.refuse("title", "Enter a title");
    }
    let mut moment = |name: &str| {
        let typed = posted.trimmed(name);
        let read = posted.visit.dates.from_field(&typed);
        if !typed.is_empty() && read.is_none() {
            form.refuse(name, "Enter a day and a time, such as 2026-11-30 18:00");
        }
        read
    };
    let (from, until) = (moment("valid_from"), moment("valid_until"));
    if let (Some(from), Some(until)) = (from, until)
        && until.seconds <= from.seconds
    {
        form.refuse("valid_until", "The end must be after the beginning");
    }
    let (chosen, organizations) = audience::chosen(posted);
    audience::check(&mut form, chosen, &organizations);
    form
}

async fn save(posted: &Posted, one: Option<&proto::Announcement>) -> Answer<()> {
    let visit = &posted.visit;
    let (audience, organizations) = audience::chosen(posted);
    let severity = SEVERITIES.iter().find(|(value, ..)| *value == posted.value("severity")).map_or(proto::Severity::Info, |(.., one)| *one);
    let (valid_from, valid_until) =
        (visit.dates.from_field(posted.value("valid_from")), visit.dates.from_field(posted.value("valid_until")));
    let (title, body) = (posted.trimmed("title"), posted.value("body").trim_end().to_owned());
    let mut announcements = visit.call.clients().announcements();
    if let Some(one) = one {
        let request = proto::UpdateAnnouncementRequest {
            portal: visit.portal(),
            request_id: posted.request_id(&format!("announcement {}", one.id)),
            etag: posted.trimmed("etag"),
            announcement_id: one.id.clone(),
            title: Some(title),
            body: Some(body),
            severity: Some(severity.into()),
            audience: Some(audience.into()),
            organizations: Some(proto::OrganizationIds { ids: organizations }),
            clear_valid_until: valid_until.is_none() && one.valid_until.is_some(),
            valid_from,
            valid_until,
        };
        announcements.update_announcement(visit.call.grpc(request)).await?;
        return Ok(());
    }
    let request = proto::CreateAnnouncementRequest {
        portal: visit.portal(),
        request_id: posted.request_id("announcement"),
        severity: severity.into(),
        audience: audience.into(),
        title,
        body,
        organizations,
        valid_from,
        valid_until,
    };
    announcements.create_announcement(visit.call.grpc(request)).await.map_err(Problem::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_to_come_holds_or_is_over() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let label = |from, until| time_of(&proto::Announcement { valid_from: from, valid_until: until, ..Default::default() }, 100).label;
        assert_eq!(label(at(50), None), "Shown now");
        assert_eq!(label(at(150), at(200)), "Scheduled");
        assert_eq!(label(at(10), at(100)), "Over");
    }
}

//! Who can see a request: add, confirm, remove, leave.

use axum::extract::Path;
use axum::response::Response;
use portico_proto::tickets::v1 as proto;

use super::map;
use super::posted::Posted;
use super::request::{Numbered, collaborators};
use super::sign_up::check_email;
use super::view::form::Form;
use super::view::request::People;
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// A portal, a number and a sharing.
type Sharing = Path<(String, String, String)>;

/// The page.
pub async fn page(visit: Visit, Path((_, number)): Numbered) -> Answer<Response> {
    visit.person()?;
    let page = shown(visit.clone(), visit.form(), &number).await?;
    visit.show(&page)
}

async fn shown(visit: Visit, form: Form, number: &str) -> Answer<People> {
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number: number.to_owned() });
    let ticket = visit.call.clients().tickets().get_ticket(request).await?.into_inner();
    let shared = collaborators(&visit, number).await?;
    Ok(People {
        people: map::ticket::people(&ticket, &shared, &visit.my_id()),
        may_add: ticket.actions.as_ref().is_some_and(|actions| actions.add_collaborator),
        back: visit.request_url(&ticket.number),
        found: String::new(),
        number: ticket.number,
        subject: ticket.subject,
        l: visit.layout("requests"),
        form,
    })
}

fn url(visit: &Visit, number: &str) -> String {
    visit.url(&format!("/requests/{number}/collaborators"))
}

/// Looks somebody up by the exact address, and shares when the hit was picked and confirmed. What is said is the same whether there is an account
/// or not; an address that nobody has gets an invitation to this request.
pub async fn add(Path((_, number)): Numbered, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let mut form = posted.again();
    check_email(&posted, &mut form);
    if form.errors.is_empty() && posted.value("do") != "share" {
        return pick(&posted, form, &number).await;
    }
    if form.errors.is_empty() {
        let access = if posted.value("access") == "read" { proto::CollaboratorAccess::Read } else { proto::CollaboratorAccess::Write };
        let request = visit.call.grpc(proto::AddCollaboratorRequest {
            portal: visit.portal(),
            request_id: posted.request_id(&format!("share {number}")),
            number: number.clone(),
            email: posted.trimmed("email"),
            access: access.into(),
            expires_at: None,
        });
        match visit.call.clients().collaborators().add_collaborator(request).await.map_err(Problem::from) {
            Ok(_) => return Ok(visit.go_saying(&url(visit, &number), &format!("Shared with {}.", posted.trimmed("email")))),
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let page = shown(visit.clone(), form.clone(), &number).await?;
    posted.show_again(form, |visit, _| People { l: visit.layout("requests"), ..page })
}

/// The second step: the contact to pick, and what they may do. Somebody who is there already is not found again.
async fn pick(posted: &Posted, mut form: Form, number: &str) -> Answer<Response> {
    let visit = &posted.visit;
    let email = posted.trimmed("email");
    let mut page = shown(visit.clone(), form.clone(), number).await?;
    if page.people.iter().any(|one| one.email.eq_ignore_ascii_case(&email)) {
        form.refuse("email", format!("{email} sees this already"));
        return posted.show_again(form.clone(), |visit, _| People { l: visit.layout("requests"), form, ..page });
    }
    page.found = email;
    visit.show(&page)
}

/// Takes somebody out, or leaves.
pub async fn remove(Path((_, number, id)): Sharing, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let me = collaborators(visit, &number).await?.iter().any(|shared| shared.id == id && shared.me);
    let request = visit.call.grpc(proto::RemoveCollaboratorRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("unshare {number} {id}")),
        number: number.clone(),
        collaborator_id: id,
    });
    visit.call.clients().collaborators().remove_collaborator(request).await?;
    if me {
        return Ok(visit.go_saying(&visit.url("/requests"), &format!("You left {number}.")));
    }
    Ok(visit.go_saying(&url(visit, &number), "Removed. They can’t see it any more."))
}

/// Confirms somebody who came along in a mail.
pub async fn confirm(Path((_, number, id)): Sharing, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::ConfirmCollaboratorRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("confirm {number} {id}")),
        number: number.clone(),
        collaborator_id: id,
    });
    visit.call.clients().collaborators().confirm_collaborator(request).await?;
    Ok(visit.go_saying(&url(visit, &number), "Confirmed."))
}

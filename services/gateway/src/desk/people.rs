//! Who is in the portal, and who is invited.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::common::v1::{PageRequest, Role};
use portico_proto::identity::v1 as proto;
use serde::Deserialize;

use super::view::{Account, Invitation, People};
use crate::error::{Answer, Problem};
use crate::portal::home::first;
use crate::portal::news::next;
use crate::portal::posted::Posted;
use crate::portal::sign_up::check_email;
use crate::portal::view::form::Form;
use crate::portal::view::ui::Choice;
use crate::portal::visit::Visit;

/// What the address says.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    cursor: String,
}

/// People and invitations.
pub async fn page(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    visit.staff()?;
    let form = visit.form().with("role", "customer");
    let page = shown(visit.clone(), form, asked).await?;
    visit.show(&page)
}

async fn shown(visit: Visit, form: Form, asked: Asked) -> Answer<People> {
    let people = visit.call.grpc(proto::ListPeopleRequest {
        portal: visit.portal(),
        page: Some(PageRequest { page_size: 50, page_token: asked.cursor }),
        query: asked.q.trim().chars().take(100).collect(),
        ..Default::default()
    });
    let pending = proto::InvitationStatus::Pending.into();
    let invitations = visit.call.grpc(proto::ListInvitationsRequest { portal: visit.portal(), page: first(50), status: pending });
    let organizations = visit.call.grpc(proto::ListOrganizationsRequest { portal: visit.portal(), page: first(100), query: String::new() });
    let (mut a, mut b, mut c) = (visit.call.clients().people(), visit.call.clients().invitations(), visit.call.clients().organizations());
    let (people, invitations, organizations) =
        tokio::join!(a.list_people(people), b.list_invitations(invitations), c.list_organizations(organizations));
    let people = people?.into_inner();
    let me = visit.my_id();
    Ok(People {
        roles: roles(visit.l.admin()),
        organizations: organizations?.into_inner().organizations.into_iter().map(|one| Choice::new(one.id, one.name)).collect(),
        invitations: invitations?.into_inner().invitations.into_iter().map(|one| invitation(one, &visit)).collect(),
        next: next(format!("{}/admin/people", visit.l.portal.desk), &people.next_page_token),
        people: people.people.into_iter().map(|user| account(user, &me)).collect(),
        l: visit.layout("people"),
        q: asked.q,
        form,
    })
}

fn roles(admin: bool) -> Vec<Choice> {
    let all = [("customer", "Customer"), ("agent", "Agent"), ("admin", "Administrator")];
    all.into_iter().take(if admin { 3 } else { 1 }).map(|(value, label)| Choice::new(value, label)).collect()
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Agent => "Agent",
        Role::Admin => "Administrator",
        _ => "Customer",
    }
}

fn role_of(value: &str) -> Option<Role> {
    Some(match value {
        "customer" => Role::Customer,
        "agent" => Role::Agent,
        "admin" => Role::Admin,
        _ => return None,
    })
}

fn invitation(one: proto::Invitation, visit: &Visit) -> Invitation {
    Invitation { role: role_word(one.role()), expires: visit.dates.deadline(one.expires_at.as_ref()), id: one.id, email: one.email }
}

fn account(user: proto::User, me: &str) -> Account {
    let suspended = user.status() == proto::PersonStatus::Suspended;
    let role = user.role();
    Account {
        role: role_word(role),
        status: if suspended {
            "Suspended"
        } else if user.registered {
            "Active"
        } else {
            "No account yet"
        },
        roles: roles(true).into_iter().filter(|choice| role_of(&choice.value) != Some(role)).collect(),
        organization: user.organization.map(|organization| organization.name).unwrap_or_default(),
        me: user.id == me,
        id: user.id,
        name: if user.name.is_empty() { user.email.clone() } else { user.name },
        email: user.email,
        suspended,
    }
}

fn url(visit: &Visit) -> String {
    format!("{}/admin/people", visit.l.portal.desk)
}

/// Sends an invitation.
pub async fn invite(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let mut form = posted.again();
    check_email(&posted, &mut form);
    if form.errors.is_empty() {
        let request = visit.call.grpc(proto::CreateInvitationRequest {
            portal: visit.portal(),
            request_id: posted.request_id("invite"),
            email: posted.trimmed("email"),
            name: posted.trimmed("name"),
            role: role_of(posted.value("role")).unwrap_or(Role::Customer).into(),
            organization_id: posted.trimmed("organization"),
            visibility: 0,
        });
        match visit.call.clients().invitations().create_invitation(request).await.map_err(Problem::from) {
            Ok(_) => return Ok(visit.go_saying(&url(visit), &format!("The invitation to {} is on its way.", posted.trimmed("email")))),
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let page = shown(visit.clone(), form.clone(), Asked::default()).await?;
    posted.show_again(form, |visit, _| People { l: visit.layout("people"), ..page })
}

/// Sends an invitation again; the older link is dead.
pub async fn resend(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let request_id = posted.request_id(&format!("resend {id}"));
    let request = visit.call.grpc(proto::ResendInvitationRequest { portal: visit.portal(), request_id, invitation_id: id });
    visit.call.clients().invitations().resend_invitation(request).await?;
    Ok(visit.go_saying(&url(visit), "Sent again. The older link doesn’t work any more."))
}

/// Takes an invitation back.
pub async fn revoke(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let request_id = posted.request_id(&format!("revoke {id}"));
    let request = visit.call.grpc(proto::RevokeInvitationRequest { portal: visit.portal(), request_id, invitation_id: id });
    visit.call.clients().invitations().revoke_invitation(request).await?;
    Ok(visit.go_saying(&url(visit), "The invitation is revoked."))
}

/// Changes the role or the status of somebody.
pub async fn change(Path((_, id)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.admin()?;
    let status = match posted.value("status") {
        "active" => Some(proto::PersonStatus::Active.into()),
        "suspended" => Some(proto::PersonStatus::Suspended.into()),
        _ => None,
    };
    let request = visit.call.grpc(proto::UpdatePersonRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("person {id} {} {}", posted.value("role"), posted.value("status"))),
        person_id: id,
        role: role_of(posted.value("role")).map(Into::into),
        status,
        ..Default::default()
    });
    match visit.call.clients().people().update_person(request).await.map_err(Problem::from) {
        Ok(_) => Ok(visit.go_saying(&url(visit), "Saved.")),
        Err(problem) => {
            let mut form = posted.again();
            posted.fault(&mut form, problem)?;
            let page = shown(visit.clone(), form.clone(), Asked::default()).await?;
            posted.show_again(form, |visit, _| People { l: visit.layout("people"), ..page })
        }
    }
}

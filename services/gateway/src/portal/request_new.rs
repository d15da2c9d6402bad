//! A new request, its confirmation, and a follow-up.

use axum::extract::{Path, Query};
use axum::response::Response;
use chassis::auth::Caller;
use portico_proto::identity::v1::CaptchaPurpose;
use portico_proto::tickets::v1 as proto;
use serde::Deserialize;

use super::map;
use super::posted::Posted;
use super::sign_up::{challenge, check_email};
use super::suggestions::fitting;
use super::view::form::{Challenge, Form};
use super::view::request::{NewRequest, Submitted};
use super::view::ui::{Choice, Status};
use super::visit::Visit;
use crate::error::{Answer, Problem};
use crate::limits::Kind;

/// What the address may fill in.
#[derive(Debug, Default, Deserialize)]
pub struct Prefill {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    product: String,
    #[serde(default)]
    follow_up_of: String,
}

/// Where a guest's receipt is told.
#[derive(Debug, Default, Deserialize)]
pub struct Receipt {
    #[serde(default)]
    guest: String,
}

/// The form.
pub async fn page(visit: Visit, Query(prefill): Query<Prefill>) -> Answer<Response> {
    may_submit(&visit)?;
    if plausible(&prefill.follow_up_of) && !prefill.follow_up_of.is_empty() {
        return Ok(visit.go(&visit.url(&format!("/requests/{}/follow-up", prefill.follow_up_of))));
    }
    let subject: String = prefill.subject.chars().take(200).collect();
    let form = visit.form().with("subject", subject).with("product", prefill.product);
    let page = shown(visit.clone(), form, String::new()).await?;
    visit.show_form(&page)
}

fn may_submit(visit: &Visit) -> Answer<()> {
    if visit.l.may_submit() { Ok(()) } else { visit.person().map(|_| ()) }
}

async fn shown(visit: Visit, form: Form, follows: String) -> Answer<NewRequest> {
    let request = visit.call.grpc(proto::GetCatalogRequest { portal: visit.portal() });
    let catalog = visit.call.clients().catalog().get_catalog(request).await?.into_inner();
    let challenge = match visit.call.caller {
        Caller::Guest => Some(challenge(&visit, CaptchaPurpose::GuestTicket).await?),
        _ => None,
    };
    let suggestions = fitting(&visit, form.value("subject").trim()).await;
    Ok(NewRequest { suggestions, ..new_request(visit, form, follows, catalog, challenge) })
}

fn new_request(visit: Visit, form: Form, follows: String, catalog: proto::GetCatalogResponse, challenge: Option<Challenge>) -> NewRequest {
    let entry = catalog.priority_entry();
    let categories = categories(&catalog);
    NewRequest {
        // Not the form's own address: sending there would make browsers forget the page, and Back would bring one with another key.
        action: if follows.is_empty() { visit.url("/requests") } else { visit.url(&format!("/requests/{follows}/follow-ups")) },
        draft_key: format!("{}/{}/{}", visit.portal(), visit.my_id(), if follows.is_empty() { "new" } else { &follows }),
        products: catalog.products.into_iter().map(|one| Choice::new(one.id, one.name)).collect(),
        departments: catalog.departments.into_iter().map(|one| Choice::new(one.id, one.name)).collect(),
        // Who may enter a priority may enter what it is made of, too.
        priority: entry == proto::PriorityEntry::Customer,
        matrix: matches!(entry, proto::PriorityEntry::Customer | proto::PriorityEntry::Matrix),
        l: visit.layout("requests"),
        suggestions: Vec::new(),
        categories,
        challenge,
        follows,
        form,
    }
}

/// Categories with the name of their product before them, where there is more than one product.
fn categories(catalog: &proto::GetCatalogResponse) -> Vec<Choice> {
    let product = |id: &str| catalog.products.iter().find(|product| product.id == id).map(|product| product.name.as_str());
    let label = |category: &proto::Category| match product(&category.product_id).filter(|_| catalog.products.len() > 1) {
        Some(product) => format!("{product}: {}", category.name),
        None => category.name.clone(),
    };
    catalog.categories.iter().map(|category| Choice::new(category.id.clone(), label(category))).collect()
}

/// Sends the request off. The same form sent twice makes one request.
pub async fn submit(posted: Posted) -> Answer<Response> {
    may_submit(&posted.visit)?;
    create(&posted, None).await
}

/// The form of a follow-up.
pub async fn follow_up_page(visit: Visit, Path((_, number)): Path<(String, String)>) -> Answer<Response> {
    visit.person()?;
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number });
    let parent = visit.call.clients().tickets().get_ticket(request).await?.into_inner();
    if !parent.actions.as_ref().is_some_and(|actions| actions.follow_up) {
        return Err(Problem::not_found());
    }
    let id = |named: Option<&proto::NamedRef>| named.map(|named| named.id.clone()).unwrap_or_default();
    let form = visit
        .form()
        .with("subject", format!("Re: {}", parent.subject))
        .with("product", id(parent.product.as_ref()))
        .with("category", id(parent.category.as_ref()))
        .with("department", id(parent.department.as_ref()))
        .with("priority", map::ticket::priority_key(parent.priority()));
    let page = shown(visit.clone(), form, parent.number).await?;
    visit.show_form(&page)
}

/// Makes a follow-up.
pub async fn follow_up(Path((_, number)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    posted.visit.person()?;
    create(&posted, Some(number)).await
}

async fn create(posted: &Posted, follows: Option<String>) -> Answer<Response> {
    let mut form = check(posted);
    if form.errors.is_empty() {
        match send(posted, follows.clone()).await {
            Ok(ticket) => return Ok(confirmation(posted, &ticket)),
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    if posted.visit.l.me.is_none() {
        // The human check may be spent: another sending is another request.
        form.key = posted.visit.form().key;
    }
    let page = shown(posted.visit.clone(), form.clone(), follows.unwrap_or_default()).await?;
    posted.show_again(form, |visit, _| NewRequest { l: visit.layout("requests"), ..page })
}

fn check(posted: &Posted) -> Form {
    let mut form = posted.again();
    if posted.visit.l.me.is_none() {
        if posted.trimmed("name").is_empty() {
            form.refuse("name", "Enter your name");
        }
        check_email(posted, &mut form);
    }
    if posted.trimmed("subject").is_empty() {
        form.refuse("subject", "Enter a subject");
    }
    if posted.trimmed("description").is_empty() {
        form.refuse("description", "Describe what you need");
    }
    form
}

async fn send(posted: &Posted, follows: Option<String>) -> Answer<proto::Ticket> {
    let visit = &posted.visit;
    if visit.l.me.is_none() {
        visit.call.limit(Kind::GuestRequests)?;
    }
    let uploads = posted.uploads()?;
    let guest = visit.l.me.is_none().then(|| proto::GuestEntry {
        email: posted.trimmed("email"),
        name: posted.trimmed("name"),
        captcha: Some(proto::CaptchaAnswer {
            token: posted.trimmed("captcha_token"),
            number: posted.trimmed("captcha_number"),
            code: posted.trimmed("captcha_code"),
        }),
    });
    let ticket = proto::CreateTicketRequest {
        portal: visit.portal(),
        request_id: posted.request_id("request"),
        subject: posted.trimmed("subject"),
        description: posted.value("description").trim_end().to_owned(),
        department_id: posted.trimmed("department"),
        product_id: posted.trimmed("product"),
        category_id: posted.trimmed("category"),
        impact: map::ticket::level_of(posted.value("impact")).into(),
        urgency: map::ticket::level_of(posted.value("urgency")).into(),
        priority: map::ticket::priority_of(posted.value("priority")).into(),
        uploads,
        guest,
        ..Default::default()
    };
    let mut tickets = visit.call.clients().tickets();
    let answer = match follows {
        Some(number) => {
            let request = proto::CreateFollowUpRequest { ticket: Some(ticket), number };
            tickets.create_follow_up(visit.call.grpc(request)).await?
        }
        None => tickets.create_ticket(visit.call.grpc(ticket)).await?,
    };
    Ok(answer.into_inner().ticket.unwrap_or_default())
}

/// A page of its own, so that a reload or a bookmark never sends again.
fn confirmation(posted: &Posted, ticket: &proto::Ticket) -> Response {
    let visit = &posted.visit;
    let guest = if visit.l.me.is_none() { "?guest=1" } else { "" };
    visit.go(&visit.url(&format!("/requests/{}/submitted{guest}", ticket.number)))
}

/// What was sent, what happens next.
pub async fn submitted(visit: Visit, Path((_, number)): Path<(String, String)>, Query(receipt): Query<Receipt>) -> Answer<Response> {
    if visit.l.me.is_none() && receipt.guest == "1" && plausible(&number) {
        // Nothing of the request is shown to a guest: its number is what this visitor was just given.
        let page = Submitted {
            l: visit.layout("requests"),
            number,
            subject: String::new(),
            status: Status::default(),
            email: "the address you gave".into(),
            guest: true,
            suggestions: Vec::new(),
        };
        return visit.show(&page);
    }
    let person = visit.person()?.clone();
    let request = visit.call.grpc(proto::GetTicketRequest { portal: visit.portal(), number });
    let ticket = visit.call.clients().tickets().get_ticket(request).await?.into_inner();
    let suggestions = fitting(&visit, &ticket.subject).await;
    let page = Submitted {
        l: visit.layout("requests"),
        status: map::ticket::status(&ticket),
        number: ticket.number,
        subject: ticket.subject,
        email: person.email,
        guest: false,
        suggestions,
    };
    visit.show(&page)
}

/// Whether a text looks like a reference.
fn plausible(number: &str) -> bool {
    number.len() <= 60 && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_name_their_product_only_where_there_are_several() {
        let product = |id: &str, name: &str| proto::Product { id: id.into(), name: name.into(), ..Default::default() };
        let category = proto::Category { id: "c".into(), name: "Invoices".into(), product_id: "1".into(), ..Default::default() };
        let mut catalog =
            proto::GetCatalogResponse { products: vec![product("1", "Billing")], categories: vec![category], ..Default::default() };
        assert_eq!(categories(&catalog)[0].label, "Invoices");
        catalog.products.push(product("2", "Rooms"));
        assert_eq!(categories(&catalog)[0].label, "Billing: Invoices");
    }
}

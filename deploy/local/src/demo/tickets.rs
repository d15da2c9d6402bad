//! The demo's catalogue and requests.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::import_service_client::ImportServiceClient;
use portico_proto::tickets::v1::imported_step::What;
use prost_types::FieldMask;
use serde_json::{Value, json};
use tonic::transport::Channel;
use uuid::Uuid;

use super::data::{Demo, Live, Step, Ticket};
use super::past::When;
use super::{PORTAL, Scene, text};
use crate::operator;

/// Ids by name: products, and categories by product and name.
#[derive(Debug, Default)]
pub struct Catalogue {
    products: BTreeMap<String, String>,
    categories: BTreeMap<(String, String), String>,
}

/// Makes departments, products and categories.
pub async fn make_catalogue(scene: &Scene<'_>, demo: &Demo) -> Result<Catalogue> {
    let admin = scene.admin()?;
    let mut departments = BTreeMap::new();
    for name in &demo.departments {
        let made = admin.post("departments", &format!("demo-department-{}", departments.len()), &json!({"name": name})).await?;
        departments.insert(name.clone(), text(&made, "id")?);
    }
    let mut catalogue = Catalogue::default();
    for product in &demo.products {
        let department = departments.get(&product.department).with_context(|| format!("no department {}", product.department))?;
        let key = format!("demo-product-{}", catalogue.products.len());
        let made = admin.post("products", &key, &json!({"name": product.name, "department": department})).await?;
        let id = text(&made, "id")?;
        for name in &product.categories {
            let key = format!("demo-category-{}", catalogue.categories.len());
            let made = admin.post("categories", &key, &json!({"name": name, "product": id})).await?;
            catalogue.categories.insert((product.name.clone(), name.clone()), text(&made, "id")?);
        }
        catalogue.products.insert(product.name.clone(), id);
    }
    Ok(catalogue)
}

/// Brings the requests of the past weeks along, oldest first, and then lets what is going on right now happen.
pub async fn seed(scene: &Scene<'_>, catalogue: &Catalogue, demo: &Demo) -> Result<()> {
    let mut client = ImportServiceClient::new(operator::channel(scene.status, "tickets").await?);
    let mut tickets: Vec<&Ticket> = demo.tickets.iter().collect();
    tickets.sort_by_key(|ticket| (std::cmp::Reverse(ticket.when.days_ago), ticket.when.at.clone()));
    let mut numbers = BTreeMap::new();
    for ticket in tickets {
        let number = import(scene, &mut client, catalogue, ticket).await.with_context(|| ticket.subject.clone())?;
        numbers.insert(ticket.id.as_str(), number);
        scene.bar.inc(1);
    }
    for (index, live) in demo.live.iter().enumerate() {
        let number = numbers.get(live.ticket.as_str()).with_context(|| format!("no request {}", live.ticket))?;
        happen(scene, number, live, &format!("demo-live-{index}")).await.with_context(|| live.reply.clone())?;
    }
    Ok(())
}

/// Imports one request; what makes a repeat harmless is its id.
async fn import(scene: &Scene<'_>, client: &mut ImportServiceClient<Channel>, catalogue: &Catalogue, ticket: &Ticket) -> Result<String> {
    let place = (ticket.product.clone(), ticket.category.clone());
    let message = wire::ImportTicketRequest {
        portal: PORTAL.to_owned(),
        request_id: Uuid::new_v4().to_string(),
        source_id: format!("demo-{}", ticket.id),
        subject: ticket.subject.clone(),
        description: ticket.description.clone(),
        requester_id: scene.id(&ticket.by)?,
        created_by_id: scene.id_or_none(ticket.made_by.as_deref())?,
        created_at: Some(scene.calendar.stamp(&ticket.when)?),
        channel: value(ticket.channel.as_deref(), "CHANNEL", wire::Channel::from_str_name)?,
        r#type: value(Some(&ticket.kind), "TICKET_TYPE", wire::TicketType::from_str_name)?,
        priority: value(Some(&ticket.priority), "PRIORITY", wire::Priority::from_str_name)?,
        product_id: catalogue.products.get(&ticket.product).cloned().unwrap_or_default(),
        category_id: catalogue.categories.get(&place).cloned().unwrap_or_default(),
        contact_name: ticket.contact.clone().unwrap_or_default(),
        tags: ticket.tags.clone(),
        follow_up_of: ticket.follow_up_of.as_ref().map(|id| format!("demo-{id}")).unwrap_or_default(),
        history: history(scene, ticket)?,
        ..wire::ImportTicketRequest::default()
    };
    let answer = client.import_ticket(operator::request(scene.status, message)?).await;
    Ok(answer.map_err(|status| operator::refusal("tickets", &status))?.into_inner().number)
}

/// What everybody did. Whoever does something has the page open: they have looked.
fn history(scene: &Scene<'_>, ticket: &Ticket) -> Result<Vec<wire::ImportedStep>> {
    let looked = |by: &str, when: &When| step(scene, by, when, None, What::View(wire::ImportedView {}));
    let mut history = vec![looked(ticket.made_by.as_ref().unwrap_or(&ticket.by), &ticket.when)?];
    for done in &ticket.steps {
        let context = || format!("{} at {} days ago, {}", done.by, done.when.days_ago, done.when.at);
        for what in deeds(scene, done).with_context(context)? {
            history.push(step(scene, &done.by, &done.when, done.channel.as_deref(), what)?);
        }
        history.push(looked(&done.by, &done.when)?);
    }
    Ok(history)
}

fn step(scene: &Scene<'_>, by: &str, when: &When, channel: Option<&str>, what: What) -> Result<wire::ImportedStep> {
    let channel = value(channel, "CHANNEL", wire::Channel::from_str_name)?;
    Ok(wire::ImportedStep { at: Some(scene.calendar.stamp(when)?), by_id: scene.id(by)?, channel, what: Some(what) })
}

/// A step may say several things at once: take it, note something, answer.
fn deeds(scene: &Scene<'_>, step: &Step) -> Result<Vec<What>> {
    let mut deeds = Vec::new();
    if let Some(assignee) = &step.assign {
        deeds.push(change("assignee_id", wire::TicketChanges { assignee_id: scene.id(assignee)?, ..Default::default() }));
    }
    if let Some(priority) = &step.priority {
        let priority = value(Some(priority), "PRIORITY", wire::Priority::from_str_name)?;
        deeds.push(change("priority", wire::TicketChanges { priority, ..Default::default() }));
    }
    if let Some(body) = &step.note {
        deeds.push(What::Comment(wire::ImportedComment { body: body.clone(), internal: true, ..Default::default() }));
    }
    if let Some(body) = &step.reply {
        let status = value(step.status.as_deref(), "STATUS", wire::Status::from_str_name)?;
        let reason = value(step.reason.as_deref(), "REASON", wire::Reason::from_str_name)?;
        let sub_status = step.sub_status.clone().unwrap_or_default();
        deeds.push(What::Comment(wire::ImportedComment { body: body.clone(), internal: false, status, sub_status, reason }));
    }
    if let Some(person) = &step.share {
        deeds.push(What::Share(wire::ImportedShare { person_id: scene.id(person)?, ..Default::default() }));
    }
    if let Some(comment) = &step.reopen {
        deeds.push(What::Reopen(wire::ImportedReopen { comment: comment.clone() }));
    }
    if let Some(rating) = &step.close {
        deeds.push(What::Close(wire::ImportedClose { score: rating.score, comment: rating.comment.clone() }));
    }
    if let Some(rating) = &step.rate {
        deeds.push(What::Rating(wire::ImportedRating { score: rating.score, comment: rating.comment.clone() }));
    }
    if step.keep_open {
        deeds.push(What::KeepOpen(wire::ImportedKeepOpen {}));
    }
    Ok(deeds)
}

fn change(field: &str, changes: wire::TicketChanges) -> What {
    What::Change(wire::ImportedChange { changes: Some(changes), update_mask: Some(FieldMask { paths: vec![field.to_owned()] }) })
}

/// The number of a value that the data spell like the JSON API.
fn value<E: Into<i32>>(name: Option<&str>, prefix: &str, known: impl Fn(&str) -> Option<E>) -> Result<i32> {
    let Some(name) = name else { return Ok(0) };
    known(&format!("{prefix}_{}", name.to_ascii_uppercase())).map(Into::into).with_context(|| format!("no {prefix} {name}"))
}

/// Somebody writes just now, through the public API: the bell rings and a mail leaves.
async fn happen(scene: &Scene<'_>, number: &str, live: &Live, key: &str) -> Result<()> {
    let mut body = json!({"body": live.reply});
    if let Some(status) = &live.status {
        body["status"] = Value::String(status.clone());
    }
    scene.of(&live.by)?.post(&format!("tickets/{number}/comments"), key, &body).await?;
    Ok(())
}

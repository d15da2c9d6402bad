//! The demo's catalogue and requests.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::data::{Demo, Step, Ticket};
use super::{Scene, text};

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

/// Files the requests and lets everybody do their part.
pub async fn seed(scene: &Scene<'_>, catalogue: &Catalogue, tickets: &[Ticket]) -> Result<()> {
    for (index, ticket) in tickets.iter().enumerate() {
        play(scene, catalogue, ticket, &format!("demo-ticket-{index}")).await.with_context(|| ticket.subject.clone())?;
        scene.bar.inc(1);
    }
    Ok(())
}

async fn play(scene: &Scene<'_>, catalogue: &Catalogue, ticket: &Ticket, key: &str) -> Result<()> {
    let place = (ticket.product.clone(), ticket.category.clone());
    let body = json!({
        "subject": ticket.subject, "description": ticket.description, "type": ticket.kind, "priority": ticket.priority,
        "product": catalogue.products.get(&ticket.product), "category": catalogue.categories.get(&place),
    });
    let requester = scene.of(&ticket.by)?;
    let made = requester.post("tickets", key, &body).await?;
    let path = format!("tickets/{}", text(&made, "number")?);
    if let Some(email) = &ticket.share {
        requester.post(&format!("{path}/collaborators"), &format!("{key}-share"), &json!({"email": email})).await?;
    }
    for (index, step) in ticket.steps.iter().enumerate() {
        act(scene, &path, step, &format!("{key}-{index}")).await?;
    }
    Ok(())
}

async fn act(scene: &Scene<'_>, path: &str, step: &Step, key: &str) -> Result<()> {
    let actor = scene.of(&step.by)?;
    if let Some(assignee) = &step.assign {
        actor.patch(path, &json!({"assignee": scene.of(assignee)?.id})).await?;
    }
    if let Some(note) = &step.note {
        actor.post(&format!("{path}/comments"), key, &json!({"body": note, "visibility": "internal"})).await?;
    }
    if let Some(reply) = &step.reply {
        let mut body = json!({"body": reply});
        for (name, value) in [("status", &step.status), ("sub_status", &step.sub_status), ("reason", &step.reason)] {
            if let Some(value) = value {
                body[name] = Value::String(value.clone());
            }
        }
        actor.post(&format!("{path}/comments"), key, &body).await?;
    }
    if let Some(rating) = &step.close {
        actor.post(&format!("{path}/close"), key, &serde_json::to_value(rating)?).await?;
    }
    Ok(())
}

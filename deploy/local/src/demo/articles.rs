//! The demo's help articles, and that people have read them.

use anyhow::Result;
use portico_proto::knowledge::v1::{ArticleKind, ImportedArticle};
use serde_json::Value;

use super::data::Article;
use super::{PORTAL, Scene};
use crate::import;

/// Imports the articles and reads each as often as its text says.
pub async fn seed(scene: &Scene<'_>, articles: &[Article]) -> Result<()> {
    let imported: Vec<ImportedArticle> = articles.iter().map(as_import).collect();
    let mut importer = import::Importer::connect(scene.status, PORTAL).await?;
    importer.send(imported).await?;
    importer.await_indexed().await?;
    let reader = scene.of("carol@globex.test")?;
    let mut cursor = String::new();
    loop {
        let list = reader.look(&format!("articles?limit=100{cursor}")).await?;
        for item in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let slug = super::text(item, "slug")?;
            let source = item.get("source_id").and_then(Value::as_str).unwrap_or_default();
            let views = articles.iter().find(|article| article.source_id == source).map_or(0, |article| article.views);
            for _ in 0..views {
                reader.look(&format!("articles/{slug}")).await?;
            }
            scene.bar.inc(1);
        }
        match list.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

fn as_import(article: &Article) -> ImportedArticle {
    let kind = if article.faq { ArticleKind::Faq } else { ArticleKind::Article };
    ImportedArticle {
        source_id: article.source_id.clone(),
        title: article.title.clone(),
        body: article.body.clone(),
        category: article.category.clone(),
        tags: article.tags.clone(),
        kind: kind.into(),
    }
}

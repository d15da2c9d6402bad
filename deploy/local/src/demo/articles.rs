//! The demo's help articles.

use anyhow::Result;
use portico_proto::knowledge::v1::{ArticleKind, ImportedArticle};

use super::data::Article;
use super::past::stamp;
use super::{PORTAL, Scene};
use crate::import;

/// Imports the articles, with their dates and as often read as their texts say.
pub async fn seed(scene: &Scene<'_>, articles: &[Article]) -> Result<()> {
    let imported: Vec<ImportedArticle> = articles.iter().map(|article| as_import(scene, article)).collect();
    let mut importer = import::Importer::connect(scene.status, PORTAL).await?;
    importer.send(imported).await?;
    importer.await_indexed().await?;
    scene.bar.inc(articles.len() as u64);
    Ok(())
}

fn as_import(scene: &Scene<'_>, article: &Article) -> ImportedArticle {
    let kind = if article.faq { ArticleKind::Faq } else { ArticleKind::Article };
    ImportedArticle {
        source_id: article.source_id.clone(),
        title: article.title.clone(),
        body: article.body.clone(),
        category: article.category.clone(),
        tags: article.tags.clone(),
        kind: kind.into(),
        published_at: Some(stamp(scene.calendar.day(article.published))),
        updated_at: Some(stamp(scene.calendar.day(article.updated))),
        created_at: None,
        views: article.views,
    }
}

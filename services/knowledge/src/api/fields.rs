//! Reads the fields of articles and announcements, and collects what is wrong with them.

use portico_chassis::error::{Error, FieldError};
use portico_chassis::ids::parse_uuid;
use portico_proto::common::v1::UploadTicket;
use portico_proto::knowledge::v1 as wire;
use uuid::Uuid;

use crate::domain::article::{ArticleChange, ArticleKind, ArticleState};
use crate::domain::audience::Audience;

/// What was wrong so far.
#[derive(Default)]
pub(super) struct Fields(Vec<FieldError>);

impl Fields {
    /// The kind; `None` when it is left open.
    pub fn kind(&mut self, number: i32) -> Option<ArticleKind> {
        match wire::ArticleKind::try_from(number) {
            Ok(wire::ArticleKind::Article) => Some(ArticleKind::Article),
            Ok(wire::ArticleKind::Faq) => Some(ArticleKind::Faq),
            Ok(wire::ArticleKind::Unspecified) => None,
            Err(_) => self.unknown("kind", "Choose article or faq."),
        }
    }

    /// The state; `None` when it is left open.
    pub fn state(&mut self, number: i32) -> Option<ArticleState> {
        match wire::ArticleState::try_from(number) {
            Ok(wire::ArticleState::Draft) => Some(ArticleState::Draft),
            Ok(wire::ArticleState::Review) => Some(ArticleState::Review),
            Ok(wire::ArticleState::Published) => Some(ArticleState::Published),
            Ok(wire::ArticleState::Archived) => Some(ArticleState::Archived),
            Ok(wire::ArticleState::Unspecified) => None,
            Err(_) => self.unknown("state", "Choose draft, review, published or archived."),
        }
    }

    /// The audience with its organisations; `None` when both are left open.
    pub fn audience(&mut self, number: i32, organizations: Option<&[String]>) -> Option<Audience> {
        let ids = self.organizations(organizations.unwrap_or_default());
        let named = organizations.is_some_and(|ids| !ids.is_empty());
        let audience = match wire::Audience::try_from(number) {
            Ok(wire::Audience::Public) => Audience::Public,
            Ok(wire::Audience::Customers) => Audience::Customers,
            Ok(wire::Audience::Agents) => Audience::Agents,
            Ok(wire::Audience::Organizations) => return Some(Audience::Organizations(ids)),
            // Naming organisations says for whom.
            Ok(wire::Audience::Unspecified) if named => return Some(Audience::Organizations(ids)),
            Ok(wire::Audience::Unspecified) => return None,
            Err(_) => return self.unknown("audience", "Choose public, customers, agents or organizations."),
        };
        if named {
            self.push("organizations", "not_allowed", "Organizations go with the audience organizations only.");
        }
        Some(audience)
    }

    fn organizations(&mut self, ids: &[String]) -> Vec<Uuid> {
        let mut known = Vec::with_capacity(ids.len());
        for id in ids {
            match parse_uuid(id) {
                Ok(id) if !known.contains(&id) => known.push(id),
                Ok(_) => {}
                Err(_) => self.push("organizations", "invalid", "This is no organization's id."),
            }
        }
        known
    }

    /// Ids of a thing.
    pub fn ids<T: std::str::FromStr>(&mut self, field: &'static str, ids: &[String]) -> Vec<T> {
        let parsed: Vec<T> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        if parsed.len() != ids.len() {
            self.push(field, "invalid", "This is no id.");
        }
        parsed
    }

    /// Something else that is wrong.
    pub fn push(&mut self, field: &'static str, code: &'static str, message: &str) {
        self.0.push(FieldError::new(field, code, message));
    }

    /// Something that is wrong with the article at `index` of an import.
    pub fn of(&mut self, index: usize, field: &str, message: &str) {
        self.0.push(FieldError::new(format!("articles[{index}].{field}"), "invalid", message));
    }

    fn unknown<T>(&mut self, field: &'static str, message: &str) -> Option<T> {
        self.push(field, "invalid", message);
        None
    }

    /// Everything that was wrong, or the value.
    pub fn done<T>(self, value: T) -> Result<T, Error> {
        if self.0.is_empty() { Ok(value) } else { Err(Error::Invalid(self.0)) }
    }
}

/// The texts of upload tickets.
pub(super) fn uploads(given: &[UploadTicket]) -> Vec<String> {
    given.iter().map(|upload| upload.token.clone()).collect()
}

/// A new article's content.
pub(super) fn creation(request: &wire::CreateArticleRequest) -> Result<ArticleChange, Error> {
    let mut fields = Fields::default();
    let change = ArticleChange {
        title: Some(request.title.clone()),
        body: Some(request.body.clone()),
        state: fields.state(request.state),
        audience: fields.audience(request.audience, Some(&request.organizations)),
        kind: fields.kind(request.kind),
        department: Some(request.department.clone()),
        category: Some(request.category.clone()),
        tags: Some(request.tags.clone()),
        ..ArticleChange::default()
    };
    fields.done(change)
}

/// What an update sets.
pub(super) fn update(request: &wire::UpdateArticleRequest) -> Result<ArticleChange, Error> {
    let mut fields = Fields::default();
    let organizations = request.organizations.as_ref().map(|set| set.ids.as_slice());
    let change = ArticleChange {
        title: request.title.clone(),
        body: request.body.clone(),
        state: request.state.and_then(|state| fields.state(state)),
        audience: fields.audience(request.audience.unwrap_or_default(), organizations),
        kind: request.kind.and_then(|kind| fields.kind(kind)),
        department: request.department.clone(),
        category: request.category.clone(),
        tags: request.tags.as_ref().map(|set| set.tags.clone()),
        add_files: Vec::new(),
        remove_files: fields.ids("remove_attachments", &request.remove_attachments),
    };
    fields.done(change)
}

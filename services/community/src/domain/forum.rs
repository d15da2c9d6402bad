//! Forums: a tree of at most two levels.

use super::ids::ForumId;
use super::refusal::{Problem, Refusal};
use super::text;

/// Pages that stand where forums have theirs: no forum takes their address.
const PAGES: [&str; 3] = ["new", "drafts", "t"];
/// Forums of one portal.
pub const FORUMS_MAX: usize = 200;

/// Who may read a forum. Ordered: each one is narrower than those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Everybody, also without signing in.
    Public,
    /// Whoever is signed in.
    Customers,
    /// Agents and administrators.
    Agents,
}

/// A forum as topics refer to it. Forums are never deleted; they keep name and audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForumRef {
    /// Names it.
    pub id: ForumId,
    /// As addresses name it.
    pub slug: String,
    /// As people name it.
    pub name: String,
    /// `None` on the first level.
    pub parent: Option<ForumId>,
    /// Who may read it.
    pub audience: Audience,
}

/// A forum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forum {
    /// Names it.
    pub id: ForumId,
    /// Unique in the portal, never changes.
    pub slug: String,
    /// Unique among its siblings.
    pub name: String,
    /// Plain text.
    pub description: String,
    /// `None` on the first level.
    pub parent: Option<ForumId>,
    /// Who may read it.
    pub audience: Audience,
}

impl Forum {
    /// The forum as its topics refer to it.
    pub fn reference(&self) -> ForumRef {
        ForumRef { id: self.id, slug: self.slug.clone(), name: self.name.clone(), parent: self.parent, audience: self.audience }
    }
}

/// What an agent wants to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewForum {
    /// Names it.
    pub id: ForumId,
    /// One line.
    pub name: String,
    /// Plain text.
    pub description: String,
    /// The forum above; `None` on the first level.
    pub parent: Option<ForumId>,
    /// `None`: the parent's, or public.
    pub audience: Option<Audience>,
}

/// Makes a forum beside the portal's `existing` ones, or says what is wrong with it.
pub fn create(wish: NewForum, existing: &[Forum]) -> Result<Forum, Refusal> {
    let mut problems = Vec::new();
    if text::is_blank(&wish.name) {
        problems.push(Problem::new("name", "required", "Enter a name."));
    }
    if existing.len() >= FORUMS_MAX {
        problems.push(Problem::new("name", "too_many", format!("A portal has at most {FORUMS_MAX} forums.")));
    }
    let parent = wish.parent.and_then(|id| existing.iter().find(|forum| forum.id == id));
    if wish.parent.is_some() && parent.is_none() {
        problems.push(Problem::new("parent", "unknown", "There is no such forum."));
    }
    if parent.is_some_and(|parent| parent.parent.is_some()) {
        problems.push(Problem::new("parent", "too_deep", "A sub-forum has no sub-forums."));
    }
    let above = parent.map_or(Audience::Public, |parent| parent.audience);
    let audience = wish.audience.unwrap_or(above);
    if audience < above {
        problems.push(Problem::new("audience", "too_wide", "A sub-forum is not open to more people than the forum above it."));
    }
    if !problems.is_empty() {
        return Err(Refusal::Fields(problems));
    }
    let key = name_key(&wish.name);
    if existing.iter().any(|forum| forum.parent == wish.parent && name_key(&forum.name) == key) {
        return Err(Refusal::NameTaken);
    }
    let slug = free_slug(&wish.name, existing);
    Ok(Forum { id: wish.id, slug, name: wish.name, description: wish.description, parent: wish.parent, audience })
}

/// What two sibling names are compared by.
pub fn name_key(name: &str) -> String {
    name.to_lowercase()
}

fn free_slug(name: &str, existing: &[Forum]) -> String {
    let wanted = text::slug(name, "forum");
    let taken = |slug: &str| PAGES.contains(&slug) || existing.iter().any(|forum| forum.slug == slug);
    if !taken(&wanted) {
        return wanted;
    }
    // One of the first `existing + 1` numbers is free.
    (2..=existing.len() + 2).map(|n| format!("{wanted}-{n}")).find(|slug| !taken(slug)).unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use portico_chassis::uuid::Uuid;

    use super::*;

    fn id(n: u128) -> ForumId {
        ForumId::new(Uuid::from_u128(n))
    }

    fn forum(n: u128, name: &str, parent: Option<u128>, audience: Audience) -> Forum {
        let slug = text::slug(name, "forum");
        Forum { id: id(n), slug, name: name.into(), description: String::new(), parent: parent.map(id), audience }
    }

    fn wish(name: &str, parent: Option<u128>) -> NewForum {
        NewForum { id: id(99), name: name.into(), description: String::new(), parent: parent.map(id), audience: None }
    }

    fn problem(wish: NewForum, existing: &[Forum]) -> (&'static str, &'static str) {
        match create(wish, existing) {
            Err(Refusal::Fields(problems)) => (problems[0].field, problems[0].code),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_forum_is_public_unless_said_otherwise() {
        let forum = create(wish("Billing & invoices", None), &[]).unwrap();
        assert_eq!((forum.slug.as_str(), forum.audience, forum.parent), ("billing-invoices", Audience::Public, None));
    }

    #[test]
    fn a_sub_forum_takes_over_the_audience_above_it_cm_1() {
        let staff = forum(1, "Staff", None, Audience::Agents);
        assert_eq!(create(wish("Plans", Some(1)), &[staff]).unwrap().audience, Audience::Agents);
    }

    #[test]
    fn there_are_two_levels_and_no_third_cm_1() {
        let tree = [forum(1, "A", None, Audience::Public), forum(2, "B", Some(1), Audience::Public)];
        assert_eq!(problem(wish("C", Some(2)), &tree), ("parent", "too_deep"));
        assert_eq!(problem(wish("C", Some(3)), &tree), ("parent", "unknown"));
    }

    #[test]
    fn a_sub_forum_never_opens_what_is_closed_above() {
        let closed = [forum(1, "A", None, Audience::Customers)];
        let wide = NewForum { audience: Some(Audience::Public), ..wish("B", Some(1)) };
        assert_eq!(problem(wide, &closed), ("audience", "too_wide"));
    }

    #[test]
    fn siblings_have_different_names_and_cousins_different_slugs() {
        let tree = [forum(1, "A", None, Audience::Public), forum(2, "Tips", Some(1), Audience::Public)];
        assert_eq!(create(wish("TIPS", Some(1)), &tree), Err(Refusal::NameTaken));
        assert_eq!(create(wish("Tips", None), &tree).unwrap().slug, "tips-2");
    }

    #[test]
    fn a_forum_never_takes_the_address_of_a_page() {
        for (name, slug) in [("New", "new-2"), ("Drafts!", "drafts-2"), ("T", "t-2"), ("News", "news")] {
            assert_eq!(create(wish(name, None), &[]).unwrap().slug, slug);
        }
        let second = Forum { slug: "new-2".into(), ..forum(1, "Elsewhere", None, Audience::Public) };
        assert_eq!(create(wish("New", None), &[second]).unwrap().slug, "new-3");
    }

    #[test]
    fn a_name_is_required_and_the_number_is_bounded() {
        assert_eq!(problem(wish(" ", None), &[]), ("name", "required"));
        let many: Vec<Forum> = (0..200).map(|n| forum(n, &format!("F{n}"), None, Audience::Public)).collect();
        assert_eq!(problem(wish("One more", None), &many), ("name", "too_many"));
    }
}

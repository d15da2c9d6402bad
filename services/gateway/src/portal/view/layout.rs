//! What every page has around its content.

use super::super::assets;
use super::ui::{Person, initials, size};
use crate::security::one_time;

/// The frame of a page.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// BCP 47.
    pub lang: String,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// `light`, `dark`, or empty for the device's choice.
    pub theme: String,
    /// The form token.
    pub csrf: String,
    /// Base of the JSON API of this portal.
    pub api: String,
    /// The portal.
    pub portal: Portal,
    /// The portal's words.
    pub words: Words,
    /// Who reads; `None` for a guest.
    pub me: Option<Me>,
    /// Unread notifications.
    pub unread: i32,
    /// Path and query of this page below the host.
    pub path: String,
    /// Which part of the portal: `home`, `requests`, `help`, `community`, `announcements`, `search`, or empty.
    pub section: &'static str,
    /// What just happened, said once.
    pub flash: Option<String>,
    /// Whether a form on this page was refused.
    pub failed: bool,
    /// Largest upload in bytes.
    pub upload_limit: i64,
}

/// The portal of a page.
#[derive(Debug, Clone, Default)]
pub struct Portal {
    /// The slug.
    pub slug: String,
    /// The title.
    pub title: String,
    /// `/portal/{slug}`.
    pub base: String,
    /// `/desk/{slug}`.
    pub desk: String,
    /// The stylesheet with its accent.
    pub theme_url: String,
    /// Whether the community is on.
    pub community: bool,
    /// Whether announcements are on.
    pub announcements: bool,
    /// Whether people may sign up.
    pub signup: bool,
    /// Whether guests may submit.
    pub guest_requests: bool,
}

/// The portal's own words, in lower case.
#[derive(Debug, Clone)]
pub struct Words {
    /// "request", "ticket", "case".
    pub ticket: String,
    /// The plural.
    pub tickets: String,
    /// "organisation", "company", "agency".
    pub organization: String,
    /// "article", "solution".
    pub article: String,
    /// The plural.
    pub articles: String,
    /// "product", "service".
    pub product: String,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            ticket: "request".into(),
            tickets: "requests".into(),
            organization: "organisation".into(),
            article: "article".into(),
            articles: "articles".into(),
            product: "product".into(),
        }
    }
}

/// With a capital first letter.
pub fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

impl Words {
    /// "Requests".
    #[allow(non_snake_case)]
    pub fn Tickets(&self) -> String {
        capital(&self.tickets)
    }

    /// "Request".
    #[allow(non_snake_case)]
    pub fn Ticket(&self) -> String {
        capital(&self.ticket)
    }

    /// "Product".
    #[allow(non_snake_case)]
    pub fn Product(&self) -> String {
        capital(&self.product)
    }

    /// "Organisation".
    #[allow(non_snake_case)]
    pub fn Organization(&self) -> String {
        capital(&self.organization)
    }

    /// "Article".
    #[allow(non_snake_case)]
    pub fn Article(&self) -> String {
        capital(&self.article)
    }

    /// "Articles".
    #[allow(non_snake_case)]
    pub fn Articles(&self) -> String {
        capital(&self.articles)
    }
}

/// Who reads a page.
#[derive(Debug, Clone, Default)]
pub struct Me {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Agents and administrators.
    pub staff: bool,
    /// Administrators.
    pub admin: bool,
    /// Whether the password is kept elsewhere.
    pub external: bool,
    /// Whether the person sees the whole organisation.
    pub organization_view: bool,
    /// Always the reader: for the avatar.
    pub team: bool,
    /// Always true: for the avatar.
    pub me: bool,
}

impl Me {
    /// One or two letters for the avatar.
    pub fn initials(&self) -> String {
        initials(&self.name)
    }

    /// The first word of the name.
    pub fn first_name(&self) -> &str {
        self.name.split_whitespace().next().unwrap_or(&self.name)
    }

    /// The reader as a person of a conversation.
    pub fn person(&self) -> Person {
        Person { name: self.name.clone(), team: false, me: true }
    }
}

/// Keys one after the other, and what they do.
type Shortcut = (&'static [&'static str], &'static str);

/// Keys that work everywhere.
const KEYS: [Shortcut; 7] = [
    (&["/"], "Search"),
    (&["j"], "Next in the list"),
    (&["k"], "Previous in the list"),
    (&["g", "h"], "Go to the home page"),
    (&["g", "k"], "Go to the knowledge base"),
    (&["Ctrl", "Enter"], "Send what you write"),
    (&["?"], "Show this list"),
];
/// Keys of the customers' pages.
const PORTAL_KEYS: [Shortcut; 2] = [(&["g", "r"], "Go to your requests"), (&["g", "c"], "Go to the community")];
/// Keys of the desk.
const DESK_KEYS: [Shortcut; 4] =
    [(&["r"], "Reply to the customer"), (&["n"], "Write an internal note"), (&["a"], "Assign"), (&["s"], "Set the status")];

impl Layout {
    /// The keyboard's shortcuts on the desk or in the portal.
    pub fn keys(&self, desk: &bool) -> Vec<Shortcut> {
        KEYS.into_iter().chain(if *desk { DESK_KEYS.to_vec() } else { PORTAL_KEYS.to_vec() }).collect()
    }

    /// Where an asset is served.
    pub fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    /// Where the icons are served.
    pub fn sprite(&self) -> String {
        assets::url("icons.svg")
    }

    /// Marks the link to the part of the portal that is shown.
    pub fn current(&self, section: &str) -> super::ui::SafeHtml {
        super::ui::SafeHtml(if self.section == section { " aria-current=\"true\"".into() } else { String::new() })
    }

    /// Whether the reader may submit a request.
    pub fn may_submit(&self) -> bool {
        self.me.is_some() || self.portal.guest_requests
    }

    /// Whether the reader is one of the team.
    pub fn staff(&self) -> bool {
        self.me.as_ref().is_some_and(|me| me.staff)
    }

    /// Whether the reader is an administrator.
    pub fn admin(&self) -> bool {
        self.me.as_ref().is_some_and(|me| me.admin)
    }

    /// Whether the reader sees the organisation's requests.
    pub fn sees_organization(&self) -> bool {
        self.me.as_ref().is_some_and(|me| me.organization_view)
    }

    /// Signs in and comes back to this page.
    pub fn sign_in_url(&self) -> String {
        let back = self.back();
        if back.contains("/sign-") || back.is_empty() {
            format!("{}/sign-in", self.portal.base)
        } else {
            format!("{}/sign-in?next={}", self.portal.base, percent_encode(back))
        }
    }

    /// Where a link or form may lead back to: this page, or nowhere when its address holds a one-time token (S09).
    pub fn back(&self) -> &str {
        if one_time(&self.path) { "" } else { &self.path }
    }

    /// The bell, spoken.
    pub fn bell_label(&self) -> String {
        if self.unread > 0 { format!("Notifications, {} unread", self.unread) } else { "Notifications".into() }
    }

    /// The largest upload, in words.
    pub fn upload_limit_words(&self) -> String {
        size(self.upload_limit)
    }
}

/// Percent-encodes a query value.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(byte as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_time_token_is_in_no_link_of_its_page_s09() {
        let page = |path: &str| Layout {
            path: path.into(),
            portal: Portal { base: "/portal/demo".into(), ..Portal::default() },
            ..Layout::default()
        };
        for path in ["/portal/demo/invite/SECRET", "/portal/demo/verify/SECRET?x=1", "/portal/demo/reset/SECRET"] {
            assert_eq!(page(path).sign_in_url(), "/portal/demo/sign-in");
            assert_eq!(page(path).back(), "");
        }
        assert_eq!(page("/portal/demo/kb").sign_in_url(), "/portal/demo/sign-in?next=/portal/demo/kb");
    }
}

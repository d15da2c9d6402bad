//! What the owner of an event gives for one recipient: the words of a mail or of a bell mark.

/// Words for one recipient, as of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Where the mail goes.
    pub to_address: String,
    /// The recipient's name; may be empty.
    pub to_name: String,
    /// BCP 47.
    pub locale: String,
    /// The portal's title.
    pub portal_title: String,
    /// Mail subject and bell title.
    pub subject: String,
    /// Paragraphs before the quoted text.
    pub intro: Vec<String>,
    /// Who wrote the quoted text; may be empty.
    pub author_name: String,
    /// What a person wrote, as Markdown; may be empty.
    pub body_markdown: String,
    /// The words of the one button; empty for none.
    pub action_label: String,
    /// Where the button leads, below the portal's base URL.
    pub action_path: String,
    /// The ticket's number; empty when it is about none.
    pub ticket_number: String,
    /// Identifies the conversation; empty for none.
    pub thread_root: String,
    /// Whether an answer by mail joins the conversation.
    pub answerable: bool,
    /// Small facts: label and value.
    pub facts: Vec<(String, String)>,
}

/// Joins the path of a button or mark with the portal's base: `/requests/DEMO-7` becomes `/portal/demo/requests/DEMO-7`; a path that names
/// the portal or the desk already stays. Anything that is no path leads to the portal's home.
pub fn portal_path(portal: &str, path: &str) -> String {
    let is_path = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'"');
    if !is_path {
        format!("/portal/{portal}/")
    } else if path.starts_with("/desk/") || path.starts_with("/portal/") {
        path.to_owned()
    } else {
        format!("/portal/{portal}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_into_the_portal_and_nowhere_else() {
        assert_eq!(portal_path("demo", "/requests/DEMO-7"), "/portal/demo/requests/DEMO-7");
        assert_eq!(portal_path("demo", "/desk/demo/tickets/DEMO-7"), "/desk/demo/tickets/DEMO-7");
        for foreign in ["", "https://evil.test", "//evil.test", "/a b", "/a\nb", "/\\evil.test", "javascript:x"] {
            assert_eq!(portal_path("demo", foreign), "/portal/demo/", "{foreign:?}");
        }
    }
}

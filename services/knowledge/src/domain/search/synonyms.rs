//! Words that people in support use for the same thing.
//!
//! General language only: a hit by a synonym counts about half of a hit by the word itself, so a wrong pair does little harm.

const GROUPS: &[&[&str]] = &[
    &["delete", "remove", "erase"],
    &["create", "make", "add", "new"],
    &["edit", "change", "modify"],
    &["picture", "image", "photo", "graphic", "screenshot"],
    &["mail", "email"],
    &["login", "logon", "signin"],
    &["password", "passphrase"],
    &["begin", "start", "launch"],
    &["stop", "end", "quit", "terminate"],
    &["show", "display", "view"],
    &["hide", "conceal"],
    &["error", "failure", "problem", "issue"],
    &["fix", "repair", "resolve", "solve"],
    &["move", "transfer", "migrate"],
    &["copy", "duplicate", "clone"],
    &["find", "search", "locate"],
    &["buy", "purchase"],
    &["cost", "price", "fee"],
    &["cancel", "unsubscribe"],
    &["choose", "select", "pick"],
    &["update", "upgrade"],
    &["install", "setup"],
    &["folder", "directory"],
    &["page", "webpage"],
    &["site", "website"],
    &["phone", "telephone"],
    &["cell", "field"],
    &["sharing", "share", "shared"],
    &["allow", "permit", "enable"],
    &["block", "disable", "prevent"],
    &["insert", "add"],
    &["increase", "enlarge"],
    &["decrease", "reduce", "shrink"],
    &["big", "large"],
    &["little", "small"],
    &["colour", "color"],
    &["join", "merge", "combine"],
    &["separate", "split", "divide"],
    &["save", "store"],
    &["send", "forward"],
    &["receive", "get"],
    &["hyperlink", "link", "url"],
    &["link", "connect"],
    &["application", "app", "program", "software"],
    &["document", "file"],
    &["notification", "alert", "notice"],
    &["fast", "quick", "speed"],
    &["slow", "delay"],
    &["crash", "hang", "freeze"],
    &["size", "resize", "dimension"],
    &["turn", "rotate"],
    &["person", "user", "people"],
    &["friend", "contact"],
    &["company", "business", "organization", "organisation"],
    &["client", "customer"],
    &["invoice", "bill"],
    &["refund", "reimbursement"],
    &["movie", "video", "film", "clip"],
    &["song", "music", "audio"],
    &["talk", "chat", "conversation"],
    &["letter", "character"],
    &["bold", "strong"],
    &["list", "bullet"],
    &["number", "digit", "figure"],
    &["default", "standard"],
    &["automatic", "automatically", "auto"],
    &["hidden", "invisible"],
    &["temporary", "temp"],
    &["configuration", "settings", "options", "preferences", "configure"],
    &["parameter", "option"],
    &["button", "icon"],
    &["secure", "security", "safe"],
    &["private", "privacy"],
    &["public", "everyone"],
    &["sync", "synchronize", "synchronization"],
    &["backup", "archive"],
    &["limit", "maximum", "max", "quota"],
    &["minimum", "min"],
    &["repository", "repo"],
    &["administrator", "admin"],
    &["information", "info"],
    &["database", "db"],
    &["table", "spreadsheet", "grid"],
    &["chart", "diagram", "graph"],
    &["calculate", "compute"],
    &["sort", "order", "arrange"],
    &["align", "position"],
    &["define", "specify", "set"],
    &["language", "locale"],
    &["translate", "translation"],
    &["shortcut", "hotkey"],
    &["keyboard", "key"],
    &["mouse", "click"],
];

/// Other words for a word in lower case; empty when none is known.
#[must_use]
pub fn synonyms(word: &str) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = GROUPS
        .iter()
        .filter(|group| group.contains(&word))
        .flat_map(|group| group.iter().copied())
        .filter(|other| *other != word)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_word_in_two_groups_has_the_words_of_both_and_never_itself() {
        assert_eq!(super::synonyms("add"), ["create", "insert", "make", "new"]);
        assert!(super::synonyms("zebra").is_empty());
    }
}

//! People and files.

use portico_proto::common::v1 as common;
use portico_proto::tickets::v1 as tickets;

use crate::portal::view::request::FileRow;
use crate::portal::view::ui::{File, Person, size};

/// Somebody as a byline shows them.
pub fn person(name: Option<&common::PersonName>, me: &str) -> Person {
    let Some(name) = name else { return Person { name: "Portico".into(), ..Person::default() } };
    let team = matches!(name.role(), common::Role::Agent | common::Role::Admin);
    let shown = if name.name.is_empty() { "Somebody".to_owned() } else { name.name.clone() };
    Person { name: shown, team, me: !me.is_empty() && name.id == me }
}

/// Files of a message.
pub fn files(api: &str, files: &[common::Attachment]) -> Vec<File> {
    files.iter().map(|file| self::file(api, file)).collect()
}

/// A file in the list of all files.
pub fn file_row(api: &str, file: &tickets::TicketFile) -> FileRow {
    FileRow {
        file: file.attachment.as_ref().map(|attachment| self::file(api, attachment)).unwrap_or_default(),
        by: person(file.actor.as_ref(), "").name,
        entry: file.item_id.clone(),
        internal: file.internal,
    }
}

fn file(api: &str, file: &common::Attachment) -> File {
    let state = file.state();
    File {
        name: file.name.clone(),
        size: size(file.size),
        url: format!("{api}/attachments/{}", file.id),
        ready: state == common::ScanState::Clean,
        state: if state == common::ScanState::Infected { "refused: it contains malware" } else { "being checked" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_offered_only_when_it_was_found_clean() {
        let made = |state: common::ScanState| {
            file("/a", &common::Attachment { id: "1".into(), size: 2048, state: state.into(), ..Default::default() })
        };
        assert!(made(common::ScanState::Clean).ready);
        assert!(!made(common::ScanState::Quarantined).ready);
        assert_eq!(made(common::ScanState::Clean).url, "/a/attachments/1");
    }
}

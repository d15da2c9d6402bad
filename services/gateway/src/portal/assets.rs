//! The styles, scripts, icons and type that build.rs put into the binary.

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of the pages.
pub struct Asset {
    /// The name in the sources.
    pub name: &'static str,
    /// The name in the address: it changes with the content.
    pub file: &'static str,
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

/// Where an asset is served; `/assets/` alone for a name that no build has.
pub fn url(name: &str) -> String {
    let file = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.file);
    format!("/assets/{file}")
}

/// The asset of a file name in an address.
pub fn find(file: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.file == file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_templates_name_was_built() {
        for name in ["portal.css", "desk.css", "portal.js", "desk.js", "icons.svg", "icon.svg", "figtree-latin-wght-normal.woff2"] {
            assert!(find(url(name).trim_start_matches("/assets/")).is_some(), "{name} is missing");
        }
    }

    #[test]
    fn the_pages_keep_their_size_budget() {
        let size = |name: &str| find(url(name).trim_start_matches("/assets/")).map_or(0, |asset| asset.bytes.len());
        // Uncompressed; gzip makes about a third of it: 20 KB of styles and 45 KB of scripts.
        assert!(size("portal.css") < 60_000 && size("portal.js") < 130_000);
    }
}

//! Which files are taken, and whether they wait for a scanner (S49, S55).

use super::kinds::ScanState;
use super::refusal::Refusal;

/// How files are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilePolicy {
    /// A scanner looks at every file: until then it is quarantined.
    pub scanned: bool,
}

/// Extensions that are taken. Whoever signed the upload has compared the content with the extension; a type that is not here is refused
/// whatever the signer took.
const EVIDENCE: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "avif", "heic", "bmp", "tif", "tiff", "svg", "pdf", "txt", "log", "md", "csv", "tsv", "json",
    "jsonl", "xml", "yaml", "yml", "toml", "ini", "conf", "html", "htm", "css", "sql", "ics", "vcf", "eml", "msg", "rtf", "doc", "docx",
    "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "zip", "gz", "tgz", "tar", "7z", "xz", "zst", "mp3", "wav", "ogg", "m4a", "mp4",
    "m4v", "mov", "webm", "mkv", "avi", "har", "pcap", "dmp", "bin", "dat",
];

/// Types that run when opened, whatever the name says.
const PROGRAMS: &[&str] =
    &["application/x-msdownload", "application/x-executable", "application/x-elf", "application/x-sh", "application/java-archive"];

/// The state that a file comes in with.
///
/// # Errors
/// `file_type` on `uploads` when extension and content do not fit a kind of evidence that is taken.
pub fn verdict(name: &str, content_type: &str, policy: FilePolicy) -> Result<ScanState, Refusal> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    let fits = EVIDENCE.contains(&extension.as_str()) && !PROGRAMS.contains(&essence.as_str());
    match (fits, policy.scanned) {
        (false, _) => Err(Refusal::field("uploads", "file_type", "Files of this type are not taken.")),
        (true, true) => Ok(ScanState::Quarantined),
        (true, false) => Ok(ScanState::Clean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_taken_by_extension_and_content_together() {
        // S49, CF-7.
        let policy = FilePolicy::default();
        for (name, content_type) in [("a.PNG", "image/png"), ("trace.log", "text/plain; charset=utf-8"), ("screen.mp4", "video/mp4")] {
            assert_eq!(verdict(name, content_type, policy), Ok(ScanState::Clean), "{name}");
        }
        for (name, content_type) in
            [("a.exe", "image/png"), ("a.png", "application/x-msdownload"), ("noextension", "image/png"), ("a.sh", "text/plain")]
        {
            assert!(verdict(name, content_type, policy).is_err(), "{name}");
        }
    }

    #[test]
    fn with_a_scanner_every_file_waits() {
        // S55.
        assert_eq!(verdict("a.pdf", "application/pdf", FilePolicy { scanned: true }), Ok(ScanState::Quarantined));
    }
}

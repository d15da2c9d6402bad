//! Which files are taken (S49); each waits for the scanner (S55).

use super::kinds::ScanState;
use super::refusal::Refusal;

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
pub fn verdict(name: &str, content_type: &str) -> Result<ScanState, Refusal> {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    let fits = EVIDENCE.contains(&extension.as_str()) && !PROGRAMS.contains(&essence.as_str());
    if fits { Ok(ScanState::Quarantined) } else { Err(Refusal::field("uploads", "file_type", "Files of this type are not taken.")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_taken_by_extension_and_content_together() {
        // S49, CF-7, S55: what is taken waits.
        for (name, content_type) in [("a.PNG", "image/png"), ("trace.log", "text/plain; charset=utf-8"), ("screen.mp4", "video/mp4")] {
            assert_eq!(verdict(name, content_type), Ok(ScanState::Quarantined), "{name}");
        }
        for (name, content_type) in
            [("a.exe", "image/png"), ("a.png", "application/x-msdownload"), ("noextension", "image/png"), ("a.sh", "text/plain")]
        {
            assert!(verdict(name, content_type).is_err(), "{name}");
        }
    }
}

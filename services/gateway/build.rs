//! Puts the pages' styles, scripts, icons and type into the binary. They are built with npm from `web/`, only when something there changed.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    for source in ["css", "js", "static", "build.mjs", "icons.json", "package.json", "package-lock.json"] {
        println!("cargo:rerun-if-changed={}", web.join(source).display());
    }
    // Outside the sources: a file that a build script writes among what it watches is always newer than its run, and each build would be one
    // for nothing.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let dist = out.join("dist");
    build(&web, &dist)?;
    fs::write(out.join("assets.rs"), listing(&dist)?)?;
    Ok(())
}

/// When a file was changed; none when it is not there.
fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

fn build(web: &Path, dist: &Path) -> Result<(), Box<dyn Error>> {
    if changed(&web.join("node_modules/.package-lock.json")) < changed(&web.join("package-lock.json")) {
        run(web, &["ci", "--no-audit", "--no-fund"])?;
    }
    run(web, &["run", "build", "--silent", "--", dist.to_str().ok_or("the build folder's name is not UTF-8")?])
}

fn run(web: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let status = Command::new("npm").args(arguments).current_dir(web).status().map_err(|error| {
        format!("the pages need npm (Node.js 20 or newer) to be built, and it could not be started: {error}. Install Node.js, or build once with ./run, which does")
    })?;
    if status.success() { Ok(()) } else { Err(format!("npm {} failed in {}", arguments.join(" "), web.display()).into()) }
}

/// The Rust source of the list of assets.
fn listing(dist: &Path) -> Result<String, Box<dyn Error>> {
    let manifest = fs::read_to_string(dist.join("manifest.json"))?;
    let mut out = String::from("/// Everything that is served under `/assets/`.\npub static ASSETS: &[Asset] = &[\n");
    for line in manifest.lines() {
        let parts: Vec<&str> = line.split('"').collect();
        let [_, name, _, file, ..] = parts.as_slice() else { continue };
        let path = dist.join(file);
        let content_type = match path.extension().and_then(|extension| extension.to_str()) {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("woff2") => "font/woff2",
            _ => "application/octet-stream",
        };
        writeln!(
            out,
            "    Asset {{ name: {name:?}, file: {file:?}, content_type: {content_type:?}, bytes: include_bytes!({:?}) }},",
            path.display().to_string()
        )?;
    }
    out.push_str("];\n");
    Ok(out)
}

//! Compiles the contracts with protox, so that no protoc is needed.

use std::path::{Path, PathBuf};

use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=portico");
    let files = proto_files(Path::new("portico"))?;
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    let mut files = compiler.file_descriptor_set();
    leave_body_encoded(&mut files)?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}

/// In Rust an envelope's body is bytes, which is the same on the wire. prost forgets fields that it does not know, so whoever hands an event on
/// would take from it what a newer version said; this way it is handed on as it came.
fn leave_body_encoded(files: &mut FileDescriptorSet) -> Result<(), &'static str> {
    let events = files.file.iter_mut().filter(|file| file.package() == "portico.events.v1");
    let mut envelopes = events.flat_map(|file| &mut file.message_type).filter(|message| message.name() == "Envelope");
    let envelope = envelopes.next().ok_or("no message Envelope")?;
    let body = envelope.field.iter_mut().find(|field| field.name() == "body").ok_or("an Envelope has no body")?;
    body.set_type(Type::Bytes);
    body.type_name = None;
    Ok(())
}

fn proto_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

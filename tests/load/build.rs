//! Compiles the contracts with protox, as the product's contracts are: that of the bare limits, and what is read of OTLP.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(["bare.proto", "spans.proto"], ["proto"])?;
    tonic_prost_build::configure().type_attribute(".", "#[derive(serde::Serialize)]").compile_fds(descriptors)?;
    Ok(())
}

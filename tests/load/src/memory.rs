//! Memory as the kernel shares it out: PSS counts what processes share once.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use portico_integration_tests::World;

/// The processes of the services, by name.
///
/// # Errors
/// When a service does not run.
pub fn processes(world: &World) -> Result<BTreeMap<String, u32>> {
    let pid = |service: String| world.pid(&service).map(|pid| (service.clone(), pid)).with_context(|| format!("{service} does not run"));
    world.processes().into_iter().map(pid).collect()
}

/// PSS of each service, in megabytes of 1,048,576 bytes.
///
/// # Errors
/// When a service does not run.
pub fn of_services(world: &World) -> Result<BTreeMap<String, f64>> {
    processes(world)?.into_iter().map(|(service, pid)| Ok((service, of(pid)?))).collect()
}

/// All of them together.
///
/// # Errors
/// When a service does not run.
pub fn total(world: &World) -> Result<f64> {
    Ok(of_services(world)?.values().sum())
}

/// PSS of a process, in megabytes.
///
/// # Errors
/// When it does not run.
pub fn of(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    pss(&text).with_context(|| format!("{path} says nothing of Pss"))
}

fn pss(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_read_and_not_a_part_of_it() {
        let text = "5583a000-7ffc [rollup]\nRss:   4096 kB\nPss:               2048 kB\nPss_Anon:  1024 kB\n";
        assert_eq!(pss(text), Some(2.0));
        assert_eq!(pss("Rss: 1 kB\n"), None);
    }
}

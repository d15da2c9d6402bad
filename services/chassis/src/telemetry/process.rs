//! What the process uses (K27), under the names that Prometheus' own clients give it. Read from Linux' `/proc` at each look; elsewhere absent.

use std::fs;

use super::meter;

/// Ticks of a second in `/proc`: part of the kernel's interface, on every architecture that we build for.
const TICKS: f64 = 100.0;

/// Shows processor time, memory, open files, and since when the process runs.
pub(super) fn show() {
    let meter = meter();
    meter
        .f64_observable_counter("process.cpu")
        .with_unit("s")
        .with_description("Processor time that the process used.")
        .with_callback(|counter| {
            if let Some(seconds) = stat().and_then(|stat| processor_time(&stat)) {
                counter.observe(seconds, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process.resident_memory")
        .with_unit("By")
        .with_description("Memory of the process that is in use now.")
        .with_callback(|gauge| {
            if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
                gauge.observe(bytes, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process.open_fds")
        .with_description("Files and sockets that the process has open.")
        .with_callback(|gauge| {
            if let Ok(open) = fs::read_dir("/proc/self/fd") {
                // The folder itself is open while it is read.
                gauge.observe((open.count() as u64).saturating_sub(1), &[]);
            }
        })
        .build();
    let started = fs::read_to_string("/proc/stat").ok().as_deref().zip(stat().as_deref()).and_then(|(system, own)| started(system, own));
    if let Some(started) = started {
        meter
            .f64_gauge("process.start_time")
            .with_unit("s")
            .with_description("When the process was started, in seconds of Unix time.")
            .build()
            .record(started, &[]);
    }
}

fn stat() -> Option<String> {
    fs::read_to_string("/proc/self/stat").ok()
}

/// A field of `/proc/self/stat`, by proc(5)'s number. The second one, the program's name, may hold anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// Seconds in user and in kernel mode.
fn processor_time(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS)
}

/// When the machine started, and how long after that the process did.
fn started(system: &str, own: &str) -> Option<f64> {
    let booted: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted + field(own, 22)? / TICKS)
}

/// `VmRSS` of `/proc/self/status`, which counts in units of 1024 bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a program with a name that is no good idea.
    const STAT: &str = "17 (a (b) c) S 1 17 17 0 -1 4194304 10 0 0 0 250 150 7 8 20 0 9 0 5000 1 2 3";

    #[test]
    fn numbers_are_read_whatever_the_program_is_called() {
        assert_eq!(processor_time(STAT), Some(4.0));
        assert_eq!(started("cpu 1 2\nbtime 1700000000\nprocesses 5\n", STAT), Some(1_700_000_050.0));
        assert_eq!(resident("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152));
        assert_eq!((processor_time(""), started("", STAT), resident("VmRSS: many\n")), (None, None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(resident(&status).unwrap() > 500_000, "{status}");
        assert!(processor_time(&stat().unwrap()).is_some());
        assert!(started(&fs::read_to_string("/proc/stat").unwrap(), &stat().unwrap()).unwrap() > 1_600_000_000.0);
    }
}

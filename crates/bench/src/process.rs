//! What the kernel knows about a process: processor time by kind of thread, and memory.

use std::{fs, path::Path};

use anyhow::Context;

/// Processor time in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Of the whole process.
    pub(crate) all: f64,
    /// Of its one thread that writes to the store.
    pub(crate) writer: f64,
}

impl Usage {
    /// What both spent.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            all: self.all + other.all,
            writer: self.writer + other.writer,
        }
    }

    /// What was spent since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            writer: self.writer - before.writer,
        }
    }
}

/// Processor time that a process has spent so far.
pub(crate) fn usage(pid: u32) -> anyhow::Result<Usage> {
    let home = format!("/proc/{pid}");
    let all = spent(&Path::new(&home).join("stat"))?;
    let mut writer = 0.0;
    for task in fs::read_dir(format!("{home}/task"))
        .context("listing threads")?
        .flatten()
    {
        // A thread may end between the listing and here.
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.trim() == "store-writer" {
            writer += spent(&task.path().join("stat")).unwrap_or(0.0);
        }
    }
    Ok(Usage { all, writer })
}

/// The sum of the fields utime and stime of a `stat` file (``proc_pid_stat(5)``), in microseconds.
fn spent(file: &Path) -> anyhow::Result<f64> {
    let text = fs::read_to_string(file).context("reading processor time")?;
    let fields = text.rsplit_once(')').context("a stat line without a name")?.1;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|f| f.parse::<u32>().ok())
        .sum();
    let a_second = u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100);
    Ok(f64::from(ticks) * 1e6 / f64::from(a_second))
}

/// Memory in MiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
    /// Resident now and not backed by a file.
    pub(crate) anonymous: f64,
}

/// Memory of a process.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("reading memory")?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u32>().ok());
        f64::from(kib.unwrap_or(0)) / 1024.0
    };
    Ok(Memory {
        resident: field("VmRSS:"),
        peak: field("VmHWM:"),
        anonymous: field("RssAnon:"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_spends_time_and_memory() {
        let pid = std::process::id();
        assert!(usage(pid).unwrap().all >= 0.0);
        let memory = memory(pid).unwrap();
        assert!(memory.peak >= memory.resident && memory.resident > memory.anonymous);
    }
}

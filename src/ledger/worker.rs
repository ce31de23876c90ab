//! Who holds a lease: a process, named so that another on the same machine can tell whether it
//! still lives.

use std::fs;
use std::path::Path;
use std::process;

use super::{Dot, Dots};

/// What is known of the worker that holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It may live: its lease counts.
    MayLive,
    /// It has ended, and every letter in Sending may be out.
    Gone,
    /// It has ended, and began no dots but some of these.
    GoneAfter(Vec<Dot>),
}

/// The name of this process: boot, process namespace, process number, start. All four together
/// name one process that ever was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    name: String,
}

impl Worker {
    /// Names this process. On a system without `/proc` the name is only as good as the process
    /// number, and leases end by time alone.
    #[must_use]
    pub fn here() -> Self {
        let pid = process::id();
        let start = started(pid).unwrap_or_default();
        Self { name: format!("{}/{}/{pid}/{start}", boot(), namespace()) }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is known of the worker of that name, here and from its notes in `folder`.
    #[must_use]
    pub fn fate(name: &str, folder: Option<&Path>) -> Fate {
        if !Self::is_gone(name) {
            return Fate::MayLive;
        }
        folder.and_then(|folder| Dots::of(folder, name)).map_or(Fate::Gone, Fate::GoneAfter)
    }

    /// Whether the worker of that name has certainly ended. One of another machine, boot or
    /// container cannot be judged from here: its lease decides.
    #[must_use]
    pub fn is_gone(name: &str) -> bool {
        let parts: Vec<&str> = name.split('/').collect();
        let [its_boot, its_namespace, pid, start] = parts[..] else { return false };
        let here = !its_boot.is_empty() && its_boot == boot() && its_namespace == namespace();
        match pid.parse::<u32>() {
            Ok(pid) if here => started(pid).as_deref() != Some(start),
            _ => false,
        }
    }
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default()
}

/// When a process began, in ticks since the boot (proc(5), field 22); `None` when there is none. A
/// zombie has ended.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then_some(())?;
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Worker;

    #[test]
    fn a_living_worker_is_not_gone_and_a_dead_one_is() {
        let here = Worker::here();
        assert!(!Worker::is_gone(here.name()), "{}", here.name());
        let earlier = format!("{}9", here.name());
        assert!(Worker::is_gone(&earlier), "the same number, begun at another time");
        let elsewhere = format!("another{}", here.name());
        assert!(!Worker::is_gone(&elsewhere));
        assert!(!Worker::is_gone("nonsense"));
    }
}

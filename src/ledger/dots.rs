//! Which final dots this process has begun to write: a few octets for each connection, in a file
//! beside the ledger.
//!
//! The ledger says Sending before the dot. A process that dies in between has sent nothing, yet the
//! ledger alone must call it a doubt, and the third doubt ends a delivery. So the thread that is
//! about to write a dot notes it here, in the moment before: no commit, no wait, and what write(2)
//! was given outlives the process. It need not outlive the machine: after a power cut, from another
//! machine or another container nothing is known, and every letter in Sending is a doubt.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Claim, Worker};
use crate::domain::{DigestId, SubscriberId};

/// One try to send one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dot {
    pub digest: DigestId,
    pub subscriber: SubscriberId,
    /// The lease under which it was tried.
    pub token: i64,
}

/// The notes of one process. They stay where it does not come to [`end`](Self::end).
#[derive(Debug)]
pub struct Dots {
    file: File,
    path: PathBuf,
}

/// Octets in front of the notes: the name of their worker, filled up with line ends.
const HEAD: usize = 256;
const NOTE: usize = 24;

impl Dots {
    /// Begins the notes of `worker` in a folder, for so many connections. Those of workers that
    /// have ended are swept up: whoever recovers their letters has read them.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn begin(folder: &Path, worker: &str, connections: usize) -> io::Result<Self> {
        for old in notes_in(folder) {
            if read(&old).is_none_or(|(worker, _)| Worker::is_gone(&worker)) {
                let _ = fs::remove_file(old);
            }
        }
        let path = folder.join(file_name(worker));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let mut empty = vec![b'\n'; HEAD];
        let head = worker.as_bytes().get(..HEAD).unwrap_or(worker.as_bytes());
        empty[..head.len()].copy_from_slice(head);
        // All of it now, so that no note has to wait for room on the disk.
        empty.resize(HEAD + connections * NOTE, 0);
        file.write_all_at(&empty, 0)?;
        Ok(Self { file, path })
    }

    /// Notes that the next octets on this connection are the dot of `claim`.
    ///
    /// # Errors
    /// When it cannot be written: then no dot may be.
    pub fn note(&self, connection: usize, claim: &Claim) -> io::Result<()> {
        let mut note = [0; NOTE];
        note[..8].copy_from_slice(&claim.digest.0.to_be_bytes());
        note[8..16].copy_from_slice(&claim.subscriber.0.to_be_bytes());
        note[16..].copy_from_slice(&claim.token.to_be_bytes());
        self.file.write_all_at(&note, (HEAD + connection * NOTE) as u64)
    }

    /// Sweeps the notes up, once the ledger knows what became of every letter.
    pub fn end(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// The last dot that each connection of a worker began; `None` when there are no notes of it.
    #[must_use]
    pub fn of(folder: &Path, worker: &str) -> Option<Vec<Dot>> {
        read(&folder.join(file_name(worker))).filter(|(whose, _)| whose == worker).map(|(_, dots)| dots)
    }
}

/// `dots-PID-START`: boot and namespace are in the file itself.
fn file_name(worker: &str) -> String {
    let mut parts = worker.rsplit('/');
    let (start, pid) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("dots-{pid}-{start}")
}

fn notes_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"dots-"))
        .map(|entry| entry.path())
}

/// Whose notes these are, and what they say; `None` for what was not written whole.
fn read(path: &Path) -> Option<(String, Vec<Dot>)> {
    let mut octets = Vec::new();
    File::open(path).ok()?.take(1 << 20).read_to_end(&mut octets).ok()?;
    let (head, notes) = octets.split_at_checked(HEAD)?;
    let worker = String::from_utf8_lossy(head).trim_end_matches('\n').to_owned();
    let number = |octets: &[u8]| octets.iter().fold(0_i64, |number, octet| number << 8 | i64::from(*octet));
    let dots = notes.chunks_exact(NOTE).map(|note| Dot {
        digest: DigestId(number(&note[..8])),
        subscriber: SubscriberId(number(&note[8..16])),
        token: number(&note[16..]),
    });
    Some((worker, dots.filter(|dot| dot.digest.0 != 0).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EmailAddress;

    fn claim(subscriber: i64, token: i64) -> Claim {
        Claim {
            digest: DigestId(7),
            edition: 0,
            subscriber: SubscriberId(subscriber),
            email: EmailAddress::parse("a@example.org").unwrap(),
            name: String::new(),
            language: None,
            token,
            attempts: 0,
            doubts: 0,
        }
    }

    #[test]
    fn the_last_dot_of_each_connection_is_known_until_the_process_ends_well() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = ("boot/space/12/345", "boot/space/12/346");
        let dots = Dots::begin(folder.path(), mine, 3).unwrap();
        assert_eq!(Dots::of(folder.path(), mine), Some(vec![]));
        assert_eq!(Dots::of(folder.path(), other), None);
        dots.note(0, &claim(1, 10)).unwrap();
        dots.note(2, &claim(2, 10)).unwrap();
        dots.note(0, &claim(300, -5)).unwrap();
        let dot =
            |subscriber, token| Dot { digest: DigestId(7), subscriber: SubscriberId(subscriber), token };
        assert_eq!(Dots::of(folder.path(), mine), Some(vec![dot(300, -5), dot(2, 10)]));
        assert_eq!(Dots::of(folder.path(), "elsewhere/space/12/345"), None, "another boot");
        dots.end();
        assert_eq!(Dots::of(folder.path(), mine), None);
    }

    #[test]
    fn notes_of_dead_processes_and_torn_ones_are_swept_up() {
        let folder = tempfile::tempdir().unwrap();
        let here = Worker::here();
        let dead = here.name().rsplit_once('/').map(|(rest, _)| format!("{rest}/1")).unwrap();
        Dots::begin(folder.path(), &dead, 1).unwrap();
        fs::write(folder.path().join("dots-torn"), "to").unwrap();
        let living = Dots::begin(folder.path(), here.name(), 1).unwrap();
        assert!(notes_in(folder.path()).eq([living.path.clone()]));
    }
}

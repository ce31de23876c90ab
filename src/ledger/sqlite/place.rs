//! The folder and the file of a ledger: made private, checked before SQLite sees them, locked
//! while a run lasts.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statfs};

use crate::ledger::LedgerError;

/// Makes folder and file where they are missing, private where they are not, and refuses places
/// where SQLite cannot keep its promises. Says whether the last user ended without closing.
pub fn prepare(path: &Path) -> Result<bool, LedgerError> {
    let folder = folder_of(path);
    let fail = |e| file(path, e);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
    refuse_network(path, folder)?;
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => create_private(path)?,
        Err(e) => return Err(fail(e)),
        Ok(facts) => {
            if !facts.is_file() {
                return Err(unsuitable(path, "it is not a plain file"));
            }
            if facts.nlink() > 1 {
                return Err(unsuitable(
                    path,
                    "it has a second name (hard link), whose journal would be lost",
                ));
            }
            if facts.mode() & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(fail)?;
            }
        }
    }
    let journal = journal_of(path);
    Ok(fs::metadata(journal).is_ok_and(|facts| facts.len() > 0))
}

/// An empty file that only its owner can read; must not exist yet.
pub fn create_private(path: &Path) -> Result<(), LedgerError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| file(path, e))
        .map(|_| ())
}

/// The right to run, held until the value is dropped or the process ends; `None` when it is taken.
pub fn lock(path: &Path) -> Result<Option<OwnedFd>, LedgerError> {
    let name = path.with_extension("lock");
    let lock: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(|e| file(&name, e))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock.into())),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(file(&name, e.into())),
    }
}

/// The number of the newest digest that was cut here, as noted outside the ledger: a ledger that
/// does not know it was restored from an older copy. 0 when nothing is noted.
pub fn newest_digest(path: &Path) -> i64 {
    let noted = fs::read_to_string(path.with_extension("lock")).unwrap_or_default();
    noted.trim().parse().unwrap_or(0)
}

/// Notes it, in the file that the lock is on. Where that fails, an older copy is not recognised.
pub fn note_newest_digest(path: &Path, digest: i64) {
    let name = path.with_extension("lock");
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(name);
    let _ = open.and_then(|mut file| writeln!(file, "{digest}"));
}

/// `ledger.db-wal`, which a clean end removes.
fn journal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Locks and shared memory cannot be trusted across machines.
fn refuse_network(path: &Path, folder: &Path) -> Result<(), LedgerError> {
    const NETWORK: [(u32, &str); 5] =
        [(0x6969, "NFS"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB"), (0x517b, "SMB"), (0x0102_1997, "9p")];
    let kind = statfs(folder).map_err(|e| file(path, e.into()))?.f_type as u32;
    match NETWORK.iter().find(|(magic, _)| *magic == kind) {
        Some((_, name)) => Err(unsuitable(
            path,
            &format!(
                "it would lie on {name}, whose locks SQLite cannot trust; use a local disk or PostgreSQL"
            ),
        )),
        None => Ok(()),
    }
}

fn file(path: &Path, source: io::Error) -> LedgerError {
    LedgerError::File { ledger: path.display().to_string(), source }
}

fn unsuitable(path: &Path, why: &str) -> LedgerError {
    LedgerError::Unsuitable { ledger: path.display().to_string(), why: why.to_owned() }
}

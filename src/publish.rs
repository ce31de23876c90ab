//! Files for the public, replaced all together or not at all.
//!
//! A [`Publication`] first stages what differs from what is there: each file goes whole into a
//! temporary one in its own folder. `commit` makes all of them durable, renames them, makes the
//! folders durable, and removes what is no longer published. A reader of a file sees the old octets
//! or the new, never a part; a file whose octets are the same is not touched. A process killed at
//! any moment leaves at most temporaries, which the next run removes. When the disk refuses, what
//! was staged is removed and the old files stay (a failed `fsync` is not tried again: the kernel
//! may have dropped the pages).
//!
//! A kill between two renames leaves some files new and some old; each is whole, and the next run
//! completes the rest.

pub mod websub;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

/// Files on their way to the public.
#[derive(Debug)]
pub struct Publication {
    root: PathBuf,
    staged: Vec<Staged>,
    retired: Vec<PathBuf>,
    swept: BTreeSet<PathBuf>,
    names: BTreeSet<String>,
}

#[derive(Debug)]
struct Staged {
    name: String,
    temporary: PathBuf,
    target: PathBuf,
    is_durable: bool,
}

impl Staged {
    fn make_durable(&mut self) -> Result<(), PublishError> {
        if !self.is_durable {
            let synced = File::open(&self.temporary).and_then(|file| file.sync_all());
            synced.map_err(failed("make durable", &self.temporary))?;
            self.is_durable = true;
        }
        Ok(())
    }
}

/// What a publication did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// Names of the files whose octets changed, in the order in which they were staged.
    pub written: Vec<String>,
    /// How many files were there already, octet for octet.
    pub unchanged: usize,
    pub removed: Vec<PathBuf>,
}

/// The machine refused; the old files stay.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}: {source}", path.display())]
pub struct PublishError {
    pub step: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

/// File names of one folder that begin and end alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Family {
    /// Below the published folder; empty for itself.
    pub folder: String,
    pub prefix: String,
    pub suffix: String,
}

impl Family {
    fn has(&self, file_name: &str) -> bool {
        file_name.len() >= self.prefix.len() + self.suffix.len()
            && file_name.starts_with(&self.prefix)
            && file_name.ends_with(&self.suffix)
    }
}

impl Publication {
    /// Opens the folder to publish into, and makes it where there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn into_folder(root: &Path) -> Result<Self, PublishError> {
        fs::create_dir_all(root).map_err(failed("make the folder", root))?;
        Ok(Self {
            root: root.to_owned(),
            staged: Vec::new(),
            retired: Vec::new(),
            swept: BTreeSet::new(),
            names: BTreeSet::new(),
        })
    }

    /// Notes that a file is there already, octet for octet.
    pub fn keep(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// Prepares a file, unless it is there already, octet for octet. The name is a path below the
    /// folder that the caller has checked.
    ///
    /// # Errors
    /// The temporary file cannot be written; nothing was published.
    pub fn stage(&mut self, name: &str, octets: &[u8]) -> Result<(), PublishError> {
        let target = self.root.join(name);
        let folder = target.parent().unwrap_or(&self.root).to_owned();
        if self.swept.insert(folder.clone()) {
            fs::create_dir_all(&folder).map_err(failed("make the folder", &folder))?;
            sweep(&folder)?;
        }
        self.names.insert(name.to_owned());
        if same(&target, octets).map_err(failed("read", &target))? {
            return Ok(());
        }
        let file_name = target.file_name().unwrap_or_default().to_string_lossy();
        let temporary = folder.join(format!(".{file_name}{MARK}{}", std::process::id()));
        // Listed first, so that half a temporary file is removed too.
        let staged =
            Staged { name: name.to_owned(), temporary: temporary.clone(), target, is_durable: false };
        self.staged.push(staged);
        let mut file = File::create(&temporary).map_err(failed("write", &temporary))?;
        file.write_all(octets).map_err(failed("write", &temporary))
    }

    /// Marks for removal every file of these families that was not staged and holds its family's mark
    /// near its beginning: what an earlier run published and this one does not. Files of others stay.
    ///
    /// # Errors
    /// A folder or a file in it cannot be read.
    pub fn retire(&mut self, families: &[(Family, &str)]) -> Result<(), PublishError> {
        let folders: BTreeSet<&str> = families.iter().map(|(family, _)| family.folder.as_str()).collect();
        for own in folders {
            let folder = self.root.join(own);
            let listing = match fs::read_dir(&folder) {
                Ok(listing) => listing,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("list", &folder)(error)),
            };
            for item in listing {
                let item = item.map_err(failed("list", &folder))?;
                let Ok(file_name) = item.file_name().into_string() else { continue };
                let name = if own.is_empty() { file_name.clone() } else { format!("{own}/{file_name}") };
                if self.names.contains(&name) || !item.file_type().is_ok_and(|kind| kind.is_file()) {
                    continue;
                }
                let of_it = families.iter().filter(|(it, _)| it.folder == own && it.has(&file_name));
                let marks: BTreeSet<&str> = of_it.map(|(_, mark)| *mark).collect();
                for mark in marks {
                    if begins_with_mark(&item.path(), mark).map_err(failed("read", &item.path()))? {
                        self.retired.push(item.path());
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until everything that was staged is on the disk, so that [`Publication::commit`] need not.
    ///
    /// # Errors
    /// The disk refused; nothing has changed for the public.
    pub fn make_durable(&mut self) -> Result<(), PublishError> {
        /// Files that are waited for at once: a disk takes them together.
        const AT_ONCE: usize = 8;
        let portion = self.staged.len().div_ceil(AT_ONCE).max(1);
        thread::scope(|scope| {
            let portions = self.staged.chunks_mut(portion);
            let waiting: Vec<_> = portions
                .map(|files| scope.spawn(|| files.iter_mut().try_for_each(Staged::make_durable)))
                .collect();
            waiting.into_iter().try_for_each(|portion| portion.join().expect("waiting never panics"))
        })
    }

    /// Publishes everything that was staged.
    ///
    /// # Errors
    /// The disk refused. Before the first rename nothing has changed for the public.
    pub fn commit(mut self) -> Result<Published, PublishError> {
        self.make_durable()?;
        let mut folders = BTreeSet::new();
        let mut published =
            Published { unchanged: self.names.len() - self.staged.len(), ..Published::default() };
        while !self.staged.is_empty() {
            let staged = &self.staged[0];
            fs::rename(&staged.temporary, &staged.target).map_err(failed("replace", &staged.target))?;
            folders.insert(staged.target.parent().unwrap_or(&self.root).to_owned());
            published.written.push(self.staged.remove(0).name);
        }
        for path in std::mem::take(&mut self.retired) {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            folders.insert(path.parent().unwrap_or(&self.root).to_owned());
            published.removed.push(path);
        }
        for folder in folders {
            let durable = || File::open(&folder)?.sync_all();
            durable().map_err(failed("make durable", &folder))?;
        }
        Ok(published)
    }
}

impl Drop for Publication {
    /// A publication that was not committed leaves nothing behind.
    fn drop(&mut self) {
        for staged in &self.staged {
            // The next run removes what cannot be removed now.
            let _ = fs::remove_file(&staged.temporary);
        }
    }
}

/// The octets that are published under a name today.
///
/// # Errors
/// The file is there and cannot be read.
pub fn present(root: &Path, name: &str) -> Result<Option<Vec<u8>>, PublishError> {
    let path = root.join(name);
    match fs::read(&path) {
        Ok(octets) => Ok(Some(octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path)(error)),
    }
}

/// Between a file's name and the number of the process that writes it.
const MARK: &str = ".tmp-";

/// Removes temporaries of processes that are no more.
fn sweep(folder: &Path) -> Result<(), PublishError> {
    for item in fs::read_dir(folder).map_err(failed("list", folder))? {
        let item = item.map_err(failed("list", folder))?;
        let Ok(name) = item.file_name().into_string() else { continue };
        let Some((_, process)) = name.strip_prefix('.').and_then(|name| name.rsplit_once(MARK)) else {
            continue;
        };
        let Ok(process) = process.parse::<i32>() else { continue };
        // Our own number on a file from before we began belonged to a process that is gone.
        let is_ours = u32::try_from(process) == Ok(std::process::id());
        let alive = rustix::process::Pid::from_raw(process)
            .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        if is_ours || !alive {
            fs::remove_file(item.path()).map_err(failed("remove", &item.path()))?;
        }
    }
    Ok(())
}

/// Whether a file holds exactly these octets.
fn same(path: &Path, octets: &[u8]) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(facts) if facts.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(facts) if facts.len() == octets.len() as u64 => Ok(fs::read(path)? == octets),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn begins_with_mark(path: &Path, mark: &str) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(16_384).read_to_end(&mut head)?;
    Ok(head.windows(mark.len()).any(|window| window == mark.as_bytes()))
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.to_owned();
    move |source| PublishError { step, path, source }
}

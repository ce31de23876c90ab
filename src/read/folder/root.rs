//! Opens files below one folder, and nothing else.
//!
//! Every path is resolved by the kernel below the folder (`openat2` with `RESOLVE_BENEATH`), so
//! neither `..` nor a link nor a race leads out; without that call (before Linux 5.6, other systems)
//! each step is opened without following links, which is stricter. Opening never blocks, and what
//! was opened is looked at before it is read: FIFOs, devices and folders are refused.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::buffer::spare_capacity;
use rustix::fs::{self, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

/// The folder that every path is relative to.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    path: PathBuf,
}

/// The folder of the file that was read last: the next one most often lies beside it.
#[derive(Debug, Default)]
pub struct Near(Option<(OwnedFd, String)>);

/// Why a file could not be read.
#[derive(Debug)]
pub enum Fault {
    Missing,
    /// A link, or a path, that leads out of the folder.
    LeadsOut,
    /// A folder, a FIFO, a device.
    NotAFile,
    TooLong {
        bytes: u64,
        limit: u64,
    },
    Denied,
    Machine(io::Error),
}

impl Fault {
    /// The end of a sentence that begins with the file's name.
    pub fn what(&self) -> String {
        match self {
            Self::Missing => "does not exist".to_owned(),
            Self::LeadsOut => "is a link, or leads out of the site's folder".to_owned(),
            Self::NotAFile => "is not a regular file".to_owned(),
            Self::TooLong { bytes, limit } => {
                format!("has {} KiB, over the limit of {} KiB", bytes.div_ceil(1024), limit / 1024)
            }
            Self::Denied => "may not be read: permission denied".to_owned(),
            Self::Machine(error) => format!("cannot be read: {error}"),
        }
    }
}

/// What a name in a folder is, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// Whether links are followed, as long as they stay below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    Follow,
    Refuse,
}

impl Root {
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = fs::open(path, flags, Mode::empty())?;
        Ok(Self { folder, path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file, unless it has over `limit` octets.
    pub fn read(&self, path: &Path, limit: u64, links: Links) -> Result<Vec<u8>, Fault> {
        let mut content = Vec::new();
        read_into(&mut content, &self.open_file(path, links)?, limit)?;
        Ok(content)
    }

    /// The same for who reads many files: in place of what `content` holds, and by the name alone
    /// where `near` is the file's folder. `path` is `/`-separated; no link is followed.
    pub fn read_near(
        &self,
        near: &mut Near,
        content: &mut Vec<u8>,
        path: &str,
        limit: u64,
    ) -> Result<(), Fault> {
        let Some(slash) = memchr::memrchr(b'/', path.as_bytes()) else {
            return read_into(content, &self.open_file(Path::new(path), Links::Refuse)?, limit);
        };
        let (folder, name) = (&path[..slash], &path[slash + 1..]);
        let opened = match &near.0 {
            Some((opened, known)) if known == folder => opened,
            _ => {
                let flags = OFlags::PATH | OFlags::DIRECTORY;
                let opened = self.open_at(Path::new(folder), flags, Links::Refuse)?;
                &near.0.insert((opened, folder.to_owned())).0
            }
        };
        let flags = OPENED_FILE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(opened, name, flags, Mode::empty()).map_err(fault)?;
        read_into(content, &regular(file)?, limit)
    }

    /// The first `most` octets, and the length of the whole file.
    pub fn read_head(&self, path: &Path, most: u64, links: Links) -> Result<(Vec<u8>, u64), Fault> {
        let (file, bytes) = self.open_file(path, links)?;
        let mut head = Vec::with_capacity(bytes.min(most) as usize);
        file.take(most).read_to_end(&mut head).map_err(Fault::Machine)?;
        Ok((head, bytes))
    }

    /// What `path` is, a link below the root followed; `None` when there is nothing.
    pub fn kind(&self, path: &Path) -> Option<Kind> {
        let opened = self.open_at(path, OFlags::PATH, Links::Follow).ok()?;
        let stat = fs::fstat(&opened).ok()?;
        Some(kind_of(FileType::from_raw_mode(stat.st_mode)))
    }

    /// The names in a folder, in any order, with what they are.
    pub fn list(&self, path: &Path) -> Result<Vec<(OsString, Kind)>, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let folder = self.open_at(path, flags, Links::Refuse)?;
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                kind = fs::statat(&folder, name, fs::AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode));
            }
            names.push((OsString::from_vec(name.to_bytes().to_vec()), kind_of(kind)));
        }
        Ok(names)
    }

    fn open_file(&self, path: &Path, links: Links) -> Result<(File, u64), Fault> {
        regular(self.open_at(path, OPENED_FILE, links)?)
    }

    fn open_at(&self, path: &Path, flags: OFlags, links: Links) -> Result<OwnedFd, Fault> {
        let flags = flags | OFlags::CLOEXEC;
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        #[cfg(target_os = "linux")]
        {
            use fs::ResolveFlags;
            let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            if links == Links::Refuse {
                resolve |= ResolveFlags::NO_SYMLINKS;
            }
            match fs::openat2(&self.folder, path, flags, Mode::empty(), resolve) {
                // An old kernel, a sandbox that does not know the call, or a tree that moved during
                // the look-up: nothing is lost by the strict way.
                Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
                result => return result.map_err(fault),
            }
        }
        self.open_step_by_step(path, flags)
    }

    fn open_step_by_step(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Fault> {
        let mut steps = Vec::new();
        for step in path.components() {
            match step {
                Component::Normal(name) => steps.push(name),
                Component::CurDir => {}
                _ => return Err(Fault::LeadsOut),
            }
        }
        let Some((last, folders)) = steps.split_last() else {
            return fs::openat(&self.folder, ".", flags, Mode::empty()).map_err(fault);
        };
        let through = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at: Option<OwnedFd> = None;
        for name in folders {
            let from = at.as_ref().map_or(self.folder.as_fd(), AsFd::as_fd);
            at = Some(fs::openat(from, *name, through, Mode::empty()).map_err(fault)?);
        }
        let from = at.as_ref().map_or(self.folder.as_fd(), AsFd::as_fd);
        fs::openat(from, *last, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(fault)
    }
}

/// How a file is opened: never waiting for who is at the other end.
const OPENED_FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// An open file and its length, if it is one.
fn regular(opened: OwnedFd) -> Result<(File, u64), Fault> {
    let stat = fs::fstat(&opened).map_err(fault)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fault::NotAFile);
    }
    Ok((File::from(opened), u64::try_from(stat.st_size).unwrap_or(0)))
}

fn read_into(content: &mut Vec<u8>, (file, bytes): &(File, u64), limit: u64) -> Result<(), Fault> {
    if *bytes > limit {
        return Err(Fault::TooLong { bytes: *bytes, limit });
    }
    content.clear();
    // Room for one octet more shows in the first read whether the file has grown meanwhile.
    content.reserve(*bytes as usize + 1);
    loop {
        let read = retry_on_intr(|| rustix::io::read(file, spare_capacity(content))).map_err(fault)?;
        if content.len() as u64 > limit {
            return Err(Fault::TooLong { bytes: content.len() as u64, limit });
        }
        if read == 0 || content.len() as u64 == *bytes {
            return Ok(());
        }
        content.reserve(1);
    }
}

fn kind_of(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

fn fault(error: Errno) -> Fault {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Fault::Missing,
        Errno::LOOP | Errno::XDEV => Fault::LeadsOut,
        // A socket, or a device without a driver.
        Errno::NXIO | Errno::ISDIR => Fault::NotAFile,
        Errno::ACCESS | Errno::PERM => Fault::Denied,
        other => Fault::Machine(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

    use super::{Fault, Links, Root};

    fn tree() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("site");
        std::fs::create_dir_all(site.join("a")).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::fs::write(site.join("a/in"), "in").unwrap();
        symlink("../../secret", site.join("a/out")).unwrap();
        symlink("/dev/zero", site.join("a/zero")).unwrap();
        symlink("in", site.join("a/link")).unwrap();
        symlink("loop", site.join("a/loop")).unwrap();
        symlink("..", site.join("a/up")).unwrap();
        let root = Root::open(&site).unwrap();
        (dir, root)
    }

    #[test]
    fn nothing_outside_is_read() {
        let (_dir, root) = tree();
        for path in ["../secret", "a/out", "a/zero", "a/loop", "/etc/passwd", "a/up/../secret"] {
            let path = Path::new(path);
            assert!(root.read(path, 100, Links::Follow).is_err(), "{path:?}");
            assert!(root.open_step_by_step(path, OFlags::RDONLY).is_err(), "{path:?}, step by step");
        }
        assert_eq!(root.read(Path::new("a/link"), 100, Links::Follow).unwrap(), b"in");
        assert!(root.read(Path::new("a/link"), 100, Links::Refuse).is_err());
        assert!(root.open_step_by_step(Path::new("a/in"), OFlags::RDONLY).is_ok());
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let (dir, root) = tree();
        let fifo = dir.path().join("site/fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        for path in ["fifo", "a"] {
            assert!(matches!(root.read(Path::new(path), 100, Links::Follow), Err(Fault::NotAFile)), "{path}");
        }
        assert!(matches!(root.read(Path::new("none"), 100, Links::Follow), Err(Fault::Missing)));
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let (_dir, root) = tree();
        assert!(matches!(root.read(Path::new("a/in"), 1, Links::Refuse), Err(Fault::TooLong { .. })));
        assert_eq!(root.read_head(Path::new("a/in"), 1, Links::Refuse).unwrap(), (b"i".to_vec(), 2));
    }
}

//! Letters into a Maildir, which any mail program opens: written into `tmp`, made durable, then
//! renamed into `new`. A copy of a letter has its name, so it takes the place of the first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Envelope;
use crate::domain::Outcome;
use crate::mail::outcome::{Answer, Stage, judge_silence};

/// A Maildir; made with its three folders when it is first opened.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

pub struct Session<'m> {
    folder: &'m Folder,
    new: File,
    letter: Option<Letter>,
}

struct Letter {
    name: String,
    file: Option<File>,
}

impl Folder {
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn name(&self) -> String {
        self.root.display().to_string()
    }

    pub(super) fn open(&self) -> Result<Session<'_>, Answer> {
        let open = || {
            for part in ["tmp", "new", "cur"] {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(self.root.join(part))?;
            }
            File::open(self.root.join("new"))
        };
        let new = open().map_err(|e| self.trouble(&e))?;
        Ok(Session { folder: self, new, letter: None })
    }

    /// A folder that cannot be written is for a person to mend; nobody is charged.
    fn trouble(&self, error: &io::Error) -> Answer {
        let what = format!("{}: {error}", self.root.display());
        Answer { outcome: Outcome::Misconfigured(what), bounce: None, slow_down: false }
    }
}

impl Session<'_> {
    pub(super) fn offer(&mut self, envelope: &Envelope<'_>) -> Result<(), Answer> {
        let name = format!("{}.parution", envelope.name);
        let path = self.folder.root.join("tmp").join(&name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.map_err(|e| self.folder.trouble(&e))?;
        self.letter = Some(Letter { name, file: Some(file) });
        Ok(())
    }

    pub(super) fn write(&mut self, letter: &[u8]) -> Result<(), Answer> {
        let Some(Letter { file: Some(file), .. }) = &mut self.letter else {
            return Err(judge_silence(Stage::Body, "no letter was offered"));
        };
        file.write_all(letter).and_then(|()| file.sync_all()).map_err(|e| self.folder.trouble(&e))
    }

    pub(super) fn dot(&mut self) -> Answer {
        let Some(letter) = self.letter.take() else {
            return judge_silence(Stage::Body, "no letter was offered");
        };
        drop(letter.file);
        let (from, to) = ("tmp", "new");
        let renamed = fs::rename(
            self.folder.root.join(from).join(&letter.name),
            self.folder.root.join(to).join(&letter.name),
        );
        match renamed.and_then(|()| self.new.sync_all()) {
            Ok(()) => Answer {
                outcome: Outcome::Accepted(format!("kept as new/{}", letter.name)),
                bounce: None,
                slow_down: false,
            },
            Err(e) => self.folder.trouble(&e),
        }
    }
}

impl Drop for Session<'_> {
    /// A letter that got no dot leaves nothing behind.
    fn drop(&mut self) {
        if let Some(letter) = self.letter.take() {
            let _ = fs::remove_file(self.folder.root.join("tmp").join(&letter.name));
        }
    }
}

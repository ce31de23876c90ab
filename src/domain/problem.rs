//! A fault in the content, for the person who can mend it.

use std::fmt;
use std::path::PathBuf;

/// How much a [`Problem`] matters; ordered, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gravity {
    /// Readers lose nothing; `check` mentions it (a missing alternative text, a long title).
    Advice,
    /// Something was cleaned, repaired or dropped from an article that goes out.
    Warning,
    /// An article, an image or a setting could not be used at all.
    Error,
}

/// One fault, printed as `path:line: what — remedy`.
///
/// A fault in the content is a value, never an `Err`: the other articles go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to the site's folder.
    pub path: PathBuf,
    /// The line, counted from 1, where it is known.
    pub line: Option<u32>,
    pub gravity: Gravity,
    /// What is wrong, lower case, without a full stop.
    pub what: String,
    /// What the editor can do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {} — {}", self.what, self.remedy)
    }
}

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

impl Problem {
    /// A fault of a whole file or setting; [`Self::at`] adds the line.
    pub fn new(
        gravity: Gravity,
        path: impl Into<PathBuf>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), line: None, gravity, what: what.into(), remedy: remedy.into() }
    }

    /// The same fault with its line, counted from 1.
    #[must_use]
    pub fn at(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file may be called anything: what a terminal would obey is printed as an escape.
        let plain = |text: &str| -> String {
            text.chars()
                .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
                .collect()
        };
        write!(f, "{}", plain(&self.path.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {} — {}", plain(&self.what), plain(&self.remedy))
    }
}

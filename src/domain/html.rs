//! Sanitised HTML.

use std::fmt;

/// A fragment of HTML that has passed the sanitiser: balanced, allow-listed, every URL absolute.
///
/// Only `read::sanitise` makes one; whoever holds it may print it unescaped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Html(String);

impl Html {
    /// Wraps a fragment whose safety the caller vouches for.
    #[must_use]
    pub fn trusted(fragment: String) -> Self {
        Self(fragment)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! The standfirst.

use super::Html;

/// The few sentences that stand before an article; never blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapeau {
    /// Block-level HTML: one or more paragraphs, possibly a figure.
    pub html: Html,
    /// The same words as plain text, paragraphs separated by a blank line, without the figure.
    pub text: String,
    pub origin: Origin,
}

/// Where a chapeau was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A front matter key of the configured chain.
    Field,
    /// What stands before `<!--more-->` in the body.
    MoreMark,
    /// The first paragraph of the body, cut at a sentence end.
    FirstParagraph,
}

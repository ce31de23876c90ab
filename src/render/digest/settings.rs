//! What the owner of a list may decide about the letter, beyond its look.

use serde::Serialize;

/// The composition of the letter.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A line under the letter's name; may be empty.
    pub tagline: String,
    /// The subject as a template of the same fields as `subject.txt`; the language's own when `None`.
    pub subject: Option<String>,
    pub group_by: Grouping,
    pub images: ImageMode,
    /// Chapeaux longer than this many characters are cut at a sentence or a word; 0 keeps them whole.
    pub chapeau_characters: usize,
    /// Campaign parameters for links to the site; the same for every reader.
    pub utm: Option<Utm>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tagline: String::new(),
            subject: None,
            group_by: Grouping::None,
            images: ImageMode::Embedded,
            chapeau_characters: 0,
            utm: None,
        }
    }
}

/// How the articles after the lead are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Grouping {
    None,
    Collection,
    Category,
}

/// How images reach the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageMode {
    /// Inside the letter: shown without a click, read by nobody else.
    Embedded,
    /// From the site's server, which then sees who opens the letter; inside it where mail programs would
    /// not show the site's file.
    Linked,
    None,
}

/// `utm_source`, `utm_medium`, `utm_campaign`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utm {
    pub source: String,
    pub medium: String,
    pub campaign: String,
}

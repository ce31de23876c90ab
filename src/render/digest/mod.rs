//! From articles to a letter: subject, HTML, plain text, and the images it shows.
//!
//! [`compose`] builds one view of the letter (`view`), lays it out (`templates`), and shortens it
//! until it fits where Gmail does not clip it (`fit`): chapeaux first, then lists of titles, always
//! saying so in a [`Problem`]. Everything is computed from values: no file, no clock.

mod article_of;
mod fit;
mod inline;
mod links;
mod pictures;
mod settings;
mod templates;
mod text;
mod theme;
mod view;
mod view_of;

pub use fit::{LARGEST_HTML, size};
pub use pictures::{ALL_IMAGES, Pictures, Role, wanted};
pub use settings::{Grouping, ImageMode, Settings, Utm};
pub use templates::{NAMES as TEMPLATE_NAMES, TemplateFault, Templates};
pub use text::shorten;
pub use theme::{Color, LEAST_CONTRAST, Masthead, Palette, Theme, TooFaint};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset};

use crate::domain::{Article, Content, Html, InlineImage, Language, Problem, Site};

use super::letter::{ListSettings, TOKEN};

/// A token that belongs to nobody, for letters that nobody gets.
pub const SAMPLE_TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// What a letter is made of.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    pub site: &'a Site,
    pub list: &'a ListSettings,
    pub settings: &'a Settings,
    pub theme: &'a Theme,
    pub templates: &'a Templates,
    pub language: &'a Language,
    /// The lead first; never empty.
    pub articles: &'a [(&'a Article, &'a Content)],
    pub pictures: &'a Pictures,
    /// The logo as the site publishes it, and its alternative text.
    pub logo: Option<(&'a str, &'a str)>,
    pub intro: Option<&'a Intro>,
    /// Written by hand for this digest.
    pub subject: Option<&'a str>,
    pub preheader: Option<&'a str>,
    pub number: Option<u64>,
    /// When the digest is cut, in the site's offset.
    pub date: DateTime<FixedOffset>,
    /// Marks the subject of a letter that goes to chosen addresses only.
    pub test: bool,
}

/// The editor's own words at the head of a letter, rendered from Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intro {
    pub html: Html,
    pub text: String,
}

/// A letter ready for `render::letter`, and its page for the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    pub subject: String,
    pub preheader: String,
    /// Images as `cid:`, the reader's token as [`super::letter::TOKEN`].
    pub html: String,
    pub text: String,
    /// The images the HTML refers to, each once.
    pub images: Vec<InlineImage>,
    /// The same digest with nothing personal, images by URL.
    pub archive_html: String,
    pub archive_text: String,
    /// What was shortened or left out, and what an editor should mend.
    pub problems: Vec<Problem>,
    /// What the articles themselves say: marks of source text in it are meant (`{{ … }}` in an
    /// article on templates), anywhere else they are a fault.
    pub words: String,
}

impl Composed {
    /// The HTML with its images inside and a sample token, as a browser can show it.
    #[must_use]
    pub fn standalone_html(&self) -> String {
        let mut html = self.html.replace(TOKEN, SAMPLE_TOKEN);
        for image in &self.images {
            let data = format!("data:{};base64,{}", image.media_type, STANDARD.encode(&image.bytes));
            html = html.replace(&format!("cid:{}", image.content_id), &data);
        }
        html
    }

    /// The plain text with a sample token.
    #[must_use]
    pub fn sample_text(&self) -> String {
        self.text.replace(TOKEN, SAMPLE_TOKEN)
    }
}

/// Composes the letter of one edition.
///
/// # Errors
/// Only a user's own template can fail, and then it names its line.
pub fn compose(draft: &Draft<'_>) -> Result<Composed, TemplateFault> {
    fit::compose(draft)
}

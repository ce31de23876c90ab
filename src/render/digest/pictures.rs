//! Which images a letter shows, how large, and those that have been prepared for it.

use std::collections::BTreeMap;

use crate::domain::{Content, Image, ImageSource, InlineImage};

use super::inline::escape;

/// All images of a letter together may weigh this much, octets.
pub const ALL_IMAGES: usize = 800_000;

/// What an image does in a letter, and so how large it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Across the letter, above its first article.
    Lead,
    /// Beside an article.
    Side,
    /// A figure inside a chapeau.
    Figure,
    /// In the masthead.
    Logo,
}

impl Role {
    /// The largest size at which it is shown, CSS pixels; images keep their proportions inside it.
    #[must_use]
    pub fn frame(self) -> (u32, u32) {
        match self {
            Self::Lead => (536, 480),
            Self::Side => (168, 200),
            Self::Figure => (240, 240),
            Self::Logo => (240, 72),
        }
    }

    /// What the image should weigh at most, octets: 60,000 for all of one article.
    #[must_use]
    pub fn weight(self) -> usize {
        match self {
            Self::Lead => 45_000,
            Self::Side => 30_000,
            Self::Figure => 15_000,
            Self::Logo => 24_000,
        }
    }
}

/// The images prepared for a letter, by the URL under which the site publishes them.
#[derive(Debug, Clone, Default)]
pub struct Pictures(BTreeMap<(String, Role), InlineImage>);

impl Pictures {
    pub fn insert(&mut self, url: &str, role: Role, image: InlineImage) {
        self.0.insert((url.to_owned(), role), image);
    }

    #[must_use]
    pub fn get(&self, url: &str, role: Role) -> Option<&InlineImage> {
        self.0.get(&(url.to_owned(), role))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The images of the site's own files that an article shows in a letter.
#[must_use]
pub fn wanted(content: &Content, lead: bool) -> Vec<(&Image, Role)> {
    let own = content.image();
    let of_article = own.map(|image| (image, if lead { Role::Lead } else { Role::Side }));
    let chapeau = content.chapeau.as_ref().map(|chapeau| chapeau.html.as_str()).unwrap_or_default();
    let figures = content
        .images
        .iter()
        .filter(|image| Some(image.url.as_str()) != own.map(|own| own.url.as_str()))
        .filter(|image| chapeau.contains(&format!("\"{}\"", escape(image.url.as_str()))))
        .map(|image| (image, Role::Figure));
    of_article
        .into_iter()
        .chain(figures)
        .filter(|(image, _)| matches!(image.source, ImageSource::InSite(_)))
        .collect()
}

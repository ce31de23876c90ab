//! The text of an article, made ready for an output; read only for the articles that need it.

use super::{Chapeau, Html, Image};

/// What an article says, beyond its front matter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Content {
    /// `None` when neither a field nor the body gives one.
    pub chapeau: Option<Chapeau>,
    /// The whole body; may be empty.
    pub body: Html,
    /// Header images first (`une-ou-diaporama`, `image`), then those of the chapeau and the body,
    /// each file once. The first is the article's image.
    pub images: Vec<Image>,
    /// The first of `images` when neither the chapeau's HTML nor the body shows it already, so that
    /// an output can put it before the text without showing it twice.
    pub header_image: Option<Image>,
}

impl Content {
    /// The image that stands for the article in a list.
    #[must_use]
    pub fn image(&self) -> Option<&Image> {
        self.images.first()
    }
}

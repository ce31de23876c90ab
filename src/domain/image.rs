//! Images that accompany an article.

use url::Url;

/// An image of an article, before or after its file was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub source: ImageSource,
    /// The absolute URL under which the site publishes it.
    pub url: Url,
    /// The alternative text an editor wrote; empty when there is none. Never a file name.
    pub alt: String,
    /// The caption (`legende`), plain text.
    pub caption: String,
    /// What the file says of itself; `None` for an image elsewhere, which is never fetched.
    pub facts: Option<ImageFacts>,
}

/// Where the octets of an image are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageSource {
    /// A regular file under the site's folder.
    InSite(SitePath),
    /// On another host; linked, never fetched.
    Elsewhere,
}

/// A path below the site's folder: relative, `/`-separated, decoded, without `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SitePath(String);

impl SitePath {
    /// Accepts a decoded path; refuses `..`, NUL, backslashes and emptiness.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let path = path.trim_start_matches('/');
        let sound =
            !path.is_empty() && !path.contains(['\0', '\\']) && path.split('/').all(|part| part != "..");
        sound.then(|| Self(path.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was read from an image file's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    pub format: ImageFormat,
    /// The file's length in octets.
    pub bytes: u64,
    /// Pixels, after the rotation that EXIF asks for.
    pub width: u32,
    pub height: u32,
}

/// The formats that are recognised by their first octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    Jpeg,
    Png,
    Gif,
    WebP,
    Svg,
}

impl ImageFormat {
    /// The media type (RFC 2046, RFC 9649, SVG 1.1 appendix P).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }
}

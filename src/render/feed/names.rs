//! The files of a feed, one a format, and the names that lead out of the folder refused.

use std::fmt;

use url::Url;

use super::{Addresses, Format};

/// File names below the published site, by format; a format without a name is not written. In the
/// names of a kind of feed, `{}` stands for the topic's slug.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileNames {
    pub rss: Option<String>,
    pub atom: Option<String>,
    pub json: Option<String>,
}

/// Why a file name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    pub name: String,
    pub reason: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the feed name {:?} cannot be used: {}", self.name, self.reason)
    }
}

impl std::error::Error for NameError {}

impl FileNames {
    #[must_use]
    pub fn of(rss: &str, atom: &str, json: &str) -> Self {
        Self { rss: Some(rss.to_owned()), atom: Some(atom.to_owned()), json: Some(json.to_owned()) }
    }

    #[must_use]
    pub fn get(&self, format: Format) -> Option<&str> {
        match format {
            Format::Rss => self.rss.as_deref(),
            Format::Atom => self.atom.as_deref(),
            Format::Json => self.json.as_deref(),
        }
    }

    /// The formats that are written, with their file names.
    pub fn written(&self) -> impl Iterator<Item = (Format, &str)> {
        Format::ALL.into_iter().filter_map(|format| Some((format, self.get(format)?)))
    }

    /// The names for one topic: `{}` filled in.
    #[must_use]
    pub fn for_slug(&self, slug: &str) -> Self {
        self.map(|name| name.replace("{}", slug))
    }

    /// The names of an archive document: its mark before the last extension, so that a server
    /// still tells the type.
    #[must_use]
    pub fn for_archive(&self, mark: &str) -> Self {
        self.map(|name| {
            let folder = name.rfind('/').map_or(0, |slash| slash + 1);
            match name[folder..].rfind('.') {
                Some(dot) if dot > 0 => {
                    format!("{}.{mark}{}", &name[..folder + dot], &name[folder + dot..])
                }
                _ => format!("{name}.{mark}"),
            }
        })
    }

    /// The public URLs under a site whose URL ends in `/`.
    #[must_use]
    pub fn addresses(&self, site: &Url) -> Addresses {
        // `./` keeps a name from being taken for a host or a scheme.
        let at = |name: &Option<String>| site.join(&format!("./{}", name.as_deref()?)).ok();
        Addresses { rss: at(&self.rss), atom: at(&self.atom), json: at(&self.json) }
    }

    /// Accepts names that stay below the published folder; `per_topic` names must hold `{}` once.
    ///
    /// # Errors
    /// The first name that leads elsewhere, is empty, or could not tell two topics apart.
    pub fn checked(self, per_topic: bool) -> Result<Self, NameError> {
        for (_, name) in self.written() {
            let refuse = |reason| Err(NameError { name: name.to_owned(), reason });
            if name.is_empty() || name.ends_with('/') {
                return refuse("it names no file");
            }
            if name.starts_with('/') {
                return refuse("it must be a path below the published folder");
            }
            if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
                return refuse("it must not hold empty parts, `.` or `..`");
            }
            // What stands in URLs, server configurations and every file system as it is.
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._~/{}".contains(c)) {
                return refuse("it may hold ASCII letters, digits, `-`, `.`, `_`, `~` and `/` only");
            }
            let slots = name.matches("{}").count();
            if per_topic && slots != 1 {
                return refuse("it must hold {} once, for the topic");
            }
            if !per_topic && slots != 0 {
                return refuse("it must not hold {}");
            }
        }
        let mut names: Vec<&str> = self.written().map(|(_, name)| name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(NameError { name: pair[0].to_owned(), reason: "two formats have it" });
        }
        Ok(self)
    }

    fn map(&self, change: impl Fn(&str) -> String) -> Self {
        Self {
            rss: self.rss.as_deref().map(&change),
            atom: self.atom.as_deref().map(&change),
            json: self.json.as_deref().map(&change),
        }
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::FileNames;

    #[test]
    fn an_archive_keeps_the_extension_of_its_feed() {
        let names = FileNames::of("feed.xml", "feeds/tags/a.b/atom", "feeds.v1/feed.json");
        let archive = names.for_archive("1-ab");
        assert_eq!(archive.rss.unwrap(), "feed.1-ab.xml");
        assert_eq!(archive.atom.unwrap(), "feeds/tags/a.b/atom.1-ab");
        assert_eq!(archive.json.unwrap(), "feeds.v1/feed.1-ab.json");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "",
            "/etc/feed.xml",
            "../feed.xml",
            "a/../feed.xml",
            "a//b",
            "a/",
            "a\\b",
            "c:x",
            "a{}",
            "à.xml",
            "a\"b",
        ] {
            let names = FileNames { rss: Some(name.to_owned()), ..FileNames::default() };
            assert!(names.checked(false).is_err(), "{name:?}");
        }
        let twice = FileNames::of("feed.xml", "feed.xml", "feed.json");
        assert!(twice.checked(false).is_err());
        assert!(FileNames::of("feed.xml", "atom.xml", "feed.json").checked(true).is_err());
    }

    #[test]
    fn addresses_are_below_the_site() {
        let site = Url::parse("https://example.org/base/").unwrap();
        let names = FileNames { rss: Some("flux/a.xml".to_owned()), ..FileNames::default() };
        let rss = names.addresses(&site).rss.unwrap();
        assert_eq!(rss.as_str(), "https://example.org/base/flux/a.xml");
    }
}

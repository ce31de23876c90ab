//! Where outputs go, and the places they may not go to.

use std::path::{Component, Path, PathBuf};

use super::{Place, Refusal};
use crate::ledger::Location;

/// Where what parution writes goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Feeds.
    pub public: PathBuf,
    /// Letters, as a Maildir, until `smtp.url` is set.
    pub outbox: PathBuf,
    /// Prepared images, kept between runs; may be deleted at any time.
    pub cache: PathBuf,
}

impl Paths {
    /// Checks the folders against the site and against each other.
    pub(super) fn check(
        place: &Place,
        public: Option<&str>,
        outbox: Option<&str>,
        cache: Option<&str>,
    ) -> Result<Self, Refusal> {
        let folder = |key: &str, written: Option<&str>, default: &str| {
            let path = normal(&place.output(written.unwrap_or(default)));
            refuse_bad_folder(key, &path, &normal(&place.site))?;
            Ok(path)
        };
        Ok(Self {
            public: folder("public", public, "public")?,
            outbox: folder("outbox", outbox, "outbox")?,
            cache: folder("cache", cache, ".parution/cache")?,
        })
    }

    /// Refuses letters and a ledger, which name the readers, below the folder that is served to all.
    pub(super) fn keep_private(&self, ledger: &Location, outbox_used: bool) -> Result<(), Refusal> {
        let ledger = match ledger {
            Location::File(file) => normal(file),
            Location::Postgres(_) => PathBuf::new(),
        };
        for (key, path, used) in [("outbox", &self.outbox, outbox_used), ("ledger", &ledger, true)] {
            if used && path.starts_with(&self.public) {
                return Err(Refusal::of(
                    key,
                    format!("`{}` is in the folder `public`, which everyone may read", path.display()),
                    "name a place outside it, or another folder for `public`",
                ));
            }
        }
        Ok(())
    }
}

fn refuse_bad_folder(key: &str, path: &Path, site: &Path) -> Result<(), Refusal> {
    let shown = path.display();
    if path.parent().is_none() {
        return Err(Refusal::of(
            key,
            format!("`{shown}` is the root of the disk"),
            "name a folder of its own",
        ));
    }
    if path.exists() && !path.is_dir() {
        return Err(Refusal::of(key, format!("`{shown}` is not a folder"), "name a folder"));
    }
    // Jekyll leaves folders with an underscore to collections, and the site's own folder is full
    // of pages; parution would read there what it wrote.
    let inside = path.strip_prefix(site).ok();
    let in_collection = inside.is_some_and(|rest| {
        rest.components().any(|c| matches!(c, Component::Normal(n) if n.to_string_lossy().starts_with('_')))
    });
    if path == site || in_collection {
        return Err(Refusal::of(
            key,
            format!("`{shown}` is where the articles are"),
            "name a folder outside the articles, such as `public`",
        ));
    }
    Ok(())
}

/// An absolute path without `.` and `..`, as far as names alone can tell.
fn normal(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut clean = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(root: &Path) -> Place {
        Place { site: root.join("site"), settings: None, here: root.to_owned() }
    }

    #[test]
    fn outputs_keep_away_from_the_articles_and_the_root() {
        let root = tempfile::tempdir().unwrap();
        let place = place(root.path());
        std::fs::create_dir(&place.site).unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        for bad in ["/", "site", "site/.", "site/_actualites", "site/_actualites/../_a/b", "file"] {
            assert!(Paths::check(&place, Some(bad), None, None).is_err(), "{bad}");
        }
        let good = Paths::check(&place, Some("site/public"), None, None).unwrap();
        assert_eq!(good.public, place.site.join("public"));
        assert_eq!(good.outbox, root.path().join("outbox"));
    }
}

//! What the rest of the site's tree can say: which pages and files are there.

use std::collections::HashSet;
use std::path::Path;

use percent_encoding::percent_decode_str;
use url::Url;

use super::Scan;
use super::root::Kind;
use crate::domain::{SitePath, Status};
use crate::read::front_matter::article::{basename, site_url};
use crate::read::images::below_site;
use crate::read::markdown::Links;

/// Whether something that the site's own address names is in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    There,
    Missing,
    /// The tree cannot tell: the folder it would be in is made by the site's build, or is kept
    /// elsewhere.
    Unknown,
}

impl Links for Scan {
    fn url_of(&self, reference: &str) -> Option<Url> {
        let reference = reference.trim().trim_start_matches('/');
        if let Some(url) = self.document(reference) {
            return Some(url);
        }
        // `{% post_url 2026-01-01-a %}`, with the folders below `_posts` or without them.
        let post = self.articles.iter().find(|article| {
            let source = article.source.to_string_lossy();
            let stem = source.rsplit_once('.').map_or(&*source, |(stem, _)| stem);
            article.collection == "posts"
                && article.status == Status::Published
                && (basename(&source) == reference || stem.ends_with(&format!("_posts/{reference}")))
        });
        post.map(|article| article.url.clone()).or_else(|| {
            let path = SitePath::parse(reference)?;
            let there = self.root.kind(Path::new(path.as_str())) == Some(Kind::File);
            there.then(|| self.site.url.join(path.as_str()).ok()).flatten()
        })
    }
}

impl Scan {
    fn document(&self, source: &str) -> Option<Url> {
        if let Ok(at) = self.articles.binary_search_by(|a| a.source.as_path().cmp(Path::new(source))) {
            let article = &self.articles[at];
            return (article.status == Status::Published).then(|| article.url.clone());
        }
        let at = self.pages.binary_search_by(|(file, _)| file.as_str().cmp(source)).ok()?;
        site_url(&self.site.url, &self.pages[at].1)
    }

    /// Whether the page or file behind an address of the site itself is in the tree; `None` for
    /// another site's address.
    pub fn presence(&self, url: &Url) -> Option<Presence> {
        let path = below_site(&self.site, url)?;
        let page = bare(path);
        if page.is_empty() || self.paths().contains(page) {
            return Some(Presence::There);
        }
        let Some(file) = percent_decode_str(path).decode_utf8().ok().and_then(|p| SitePath::parse(&p)) else {
            return Some(Presence::Missing);
        };
        Some(self.file_presence(&file))
    }

    fn paths(&self) -> &HashSet<String> {
        self.paths.get_or_init(|| {
            let shown = self.articles.iter().filter(|a| a.status == Status::Published).map(|a| &a.id.0);
            shown.chain(self.pages.iter().map(|(_, path)| path)).map(|path| bare(path).to_owned()).collect()
        })
    }

    /// The same for a file: pages of other formats (`/a/` for `a.html` or `a/index.html`) count.
    pub(super) fn file_presence(&self, file: &SitePath) -> Presence {
        let path = file.as_str().trim_end_matches('/');
        let is_there = |path: &str| self.root.kind(Path::new(path)).is_some();
        let candidates =
            [path.to_owned(), format!("_{path}"), format!("{path}.html"), format!("{path}/index.html")];
        if candidates.iter().any(|candidate| is_there(candidate)) {
            return Presence::There;
        }
        // Only a folder of static files can say what is not in it. The URLs of a collection have
        // their own first folder, which says so too.
        let Some((first, _)) = path.split_once('/') else { return Presence::Unknown };
        let of_collection = self.site.collections.iter().any(|c| {
            c.permalink.trim_start_matches('/').split('/').next().is_some_and(|f| f == first)
                && self.articles.iter().any(|a| a.collection == c.name)
        });
        if of_collection || self.root.kind(Path::new(first)) == Some(Kind::Folder) {
            Presence::Missing
        } else {
            Presence::Unknown
        }
    }
}

/// A path by which `/a/`, `/a` and `/a.html` are one page.
fn bare(path: &str) -> &str {
    path.trim_matches('/').trim_end_matches("index.html").trim_end_matches('/').trim_end_matches(".html")
}

//! kramdown source to sanitised HTML with absolute URLs, and HTML to plain text.
//!
//! Nothing is fetched, nothing is random; the same text on the same page gives the same octets.

mod plain;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use url::Url;

use crate::domain::{Gravity, Html, Problem, Site};
use crate::read::{kramdown, liquid, sanitise};

pub use plain::plain_text;

/// Where a text stands: what its links are relative to, and how to name it in a [`Problem`].
#[derive(Clone, Copy)]
pub struct Page<'a> {
    pub site: &'a Site,
    /// The page's own address: the base of its relative links.
    pub url: &'a Url,
    /// What `{{ page.title }}` says.
    pub title: &'a str,
    /// The file, relative to the site's folder.
    pub path: &'a Path,
    /// The line of the file on which the text begins, counted from 1.
    pub first_line: u32,
    /// Resolves `{% link %}` and `{% post_url %}`.
    pub links: &'a dyn Links,
}

/// What a text may ask of the rest of its site.
pub trait Links {
    /// The address of a document of the site: a path such as `_posts/2026-01-01-a.md` (`link`), or
    /// a name such as `2026-01-01-a` (`post_url`).
    fn url_of(&self, reference: &str) -> Option<Url>;
}

/// A site of which nothing is known: every `{% link %}` is reported as unresolved.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLinks;

impl Links for NoLinks {
    fn url_of(&self, _reference: &str) -> Option<Url> {
        None
    }
}

/// A rendered text, and what had to be cleaned, repaired or dropped on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rendered {
    pub html: Html,
    pub problems: Vec<Problem>,
}

/// The longest text that is rendered, in octets.
pub const LONGEST_TEXT: usize = 1 << 20;

/// The longest HTML that is looked at: short Markdown can make long HTML.
const LONGEST_HTML: usize = 4 << 20;

/// Renders a text of a site to HTML that a feed or a letter may carry. Never panics; a text beyond
/// the limits gives empty HTML, or HTML that is cut short, and a [`Problem`] that names the limit.
#[must_use]
pub fn render(source: &str, page: &Page) -> Rendered {
    let mut guard = sanitise::Guard::new(page);
    if source.len() > LONGEST_TEXT {
        let what = format!("the text is {} octets long, over the limit of 1 MiB", source.len());
        guard.report(0, Gravity::Error, what, "split the article");
        return Rendered { html: Html::default(), problems: guard.problems };
    }
    // A parser that panics is a fault of ours; it must not take the other articles with it.
    let html = catch_unwind(AssertUnwindSafe(|| {
        let source = normalised(source);
        let source = liquid::resolve(&source, page, &mut guard);
        let (html, limits) = kramdown::to_html(&source, &mut guard);
        for (line, limit) in limits {
            guard.report(
                line,
                Gravity::Warning,
                limit,
                "simplify the text; what goes beyond is shown as typed",
            );
        }
        if html.len() > LONGEST_HTML {
            let what = format!("the HTML is {} octets long, over the limit of 4 MiB", html.len());
            guard.report(0, Gravity::Error, what, "split the article");
            return Html::default();
        }
        sanitise::clean(&html)
    }));
    let html = html.unwrap_or_else(|_| {
        guard.report(
            0,
            Gravity::Error,
            "the text could not be read",
            "report this article as a fault of parution",
        );
        Html::default()
    });
    Rendered { html, problems: guard.problems }
}

/// Lines end in `\n`, the last one too; no byte order mark, no control characters.
fn normalised(source: &str) -> Cow<'_, str> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let is_odd = |b: u8| b < b' ' && b != b'\n' && b != b'\t';
    if source.bytes().any(is_odd) {
        let mut plain = source.replace("\r\n", "\n").replace('\r', "\n");
        plain.retain(|c| c >= ' ' || c == '\n' || c == '\t');
        if !plain.ends_with('\n') {
            plain.push('\n');
        }
        return Cow::Owned(plain);
    }
    if source.ends_with('\n') { Cow::Borrowed(source) } else { Cow::Owned(format!("{source}\n")) }
}

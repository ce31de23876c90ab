//! kramdown source to sanitised HTML with absolute URLs, and HTML to plain text.

use std::path::Path;

use pulldown_cmark::{Options, Parser, html};
use url::Url;

use crate::domain::{Gravity, Html, Problem, Site};
use crate::read::sanitise;

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

/// Renders a text of a site to HTML that a feed or a letter may carry. Never panics; a text beyond
/// the limits gives empty HTML and a [`Problem`] that names the limit.
#[must_use]
pub fn render(source: &str, page: &Page) -> Rendered {
    if source.len() > LONGEST_TEXT {
        let problem = Problem {
            path: page.path.to_owned(),
            line: Some(page.first_line),
            gravity: Gravity::Error,
            what: format!("the text is {} octets long, over the limit of 1 MiB", source.len()),
            remedy: "split the article".to_owned(),
        };
        return Rendered { html: Html::default(), problems: vec![problem] };
    }
    let mut raw = String::with_capacity(source.len() * 3 / 2);
    html::push_html(
        &mut raw,
        Parser::new_ext(source, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH),
    );
    Rendered { html: sanitise::clean(&raw, page), problems: Vec::new() }
}

/// The words of a fragment as plain text: paragraphs separated by a blank line, list items begun
/// with a dash, figures left out.
#[must_use]
pub fn plain_text(html: &Html) -> String {
    let mut text = String::with_capacity(html.as_str().len());
    let mut inside_tag = false;
    for c in html.as_str().replace("</p>", "\n\n</p>").chars() {
        match c {
            '<' => inside_tag = true,
            '>' if inside_tag => inside_tag = false,
            c if !inside_tag => text.push(c),
            _ => {}
        }
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
        .trim()
        .to_owned()
}

//! The local page that shows a letter at both widths, as text, as header fields, and says why each
//! article is in it or not.

use askama::Template;

/// What the page shows.
#[derive(Debug, Template)]
#[template(path = "preview.html")]
pub struct Shown<'a> {
    /// Changes when anything else does.
    pub version: u64,
    /// Empty when there is no letter.
    pub subject: &'a str,
    pub text: &'a str,
    pub header: &'a str,
    pub html_octets: usize,
    pub letter_octets: usize,
    pub rows: Vec<Line<'a>>,
    pub remarks: Vec<&'a str>,
}

/// One article.
#[derive(Debug)]
pub struct Line<'a> {
    pub chosen: bool,
    pub date: &'a str,
    pub title: &'a str,
    pub source: &'a str,
    pub reason: &'a str,
}

/// The page.
///
/// # Panics
/// Never: writing to a string does not fail.
#[must_use]
pub fn page(shown: &Shown<'_>) -> String {
    shown.render().expect("writing to memory does not fail")
}

//! The allow-list every fragment of HTML passes last.

use ammonia::{Builder, UrlRelative};

use crate::domain::Html;
use crate::read::markdown::Page;

/// Keeps what the allow-list knows, closes what is open, makes every URL absolute.
#[must_use]
pub fn clean(fragment: &str, page: &Page) -> Html {
    let html = Builder::default()
        .url_relative(UrlRelative::RewriteWithBase(page.url.clone()))
        .clean(fragment)
        .to_string();
    Html::trusted(html)
}

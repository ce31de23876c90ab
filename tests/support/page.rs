//! A page of a site to render texts on.

use std::path::Path;

use parution::domain::{Language, Site};
use parution::read::markdown::{Links, Page, Rendered, render};
use url::Url;

/// A site that knows one document.
pub struct Known;

impl Links for Known {
    fn url_of(&self, reference: &str) -> Option<Url> {
        let known = ["_posts/2026-03-01-connu.md", "2026-03-01-connu"];
        known.contains(&reference).then(|| Url::parse("https://www.example.org/connu/").unwrap())
    }
}

/// Renders a text on `https://www.example.org/actualites/article/`, from line 10 of its file.
#[allow(dead_code, reason = "not every test looks at problems")]
pub fn render_text(text: &str) -> Rendered {
    let site = Site {
        title: "Exemple".to_owned(),
        description: String::new(),
        url: Url::parse("https://www.example.org/").unwrap(),
        language: Language::parse("fr").unwrap(),
        timezone: chrono_tz::Europe::Paris,
        collections: Vec::new(),
    };
    let url = Url::parse("https://www.example.org/actualites/article/").unwrap();
    render(
        text,
        &Page {
            site: &site,
            url: &url,
            title: "L’article",
            path: Path::new("_actualites/article.md"),
            first_line: 10,
            links: &Known,
        },
    )
}

/// The HTML of a text.
pub fn rendered(text: &str) -> String {
    render_text(text).html.as_str().to_owned()
}

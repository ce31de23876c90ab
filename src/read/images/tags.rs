//! The `<img>` tags of sanitised HTML: read, changed, or replaced by their words.
//!
//! The sanitiser has made every tag regular (one case, every value in double quotes, `<`, `>`, `&`
//! and quotes escaped), so a plain scan sees what a parser would.

use crate::domain::Html;

/// An image of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTag {
    pub src: String,
    /// `None` when the tag has no `alt` at all.
    pub alt: Option<String>,
}

/// What becomes of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    /// Keep it with another alternative text.
    Alt(String),
    /// Print this text in its place.
    Replace(String),
}

/// The same HTML with every `<img>` treated as `decide` says, in the order of the text.
pub fn rewrite(html: &Html, decide: &mut dyn FnMut(&ImageTag) -> Verdict) -> Html {
    let mut rest = html.as_str();
    if !rest.contains("<img") {
        return html.clone();
    }
    let mut out = String::with_capacity(rest.len());
    while let Some(at) = rest.find("<img") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find('>').map(|end| end + 1) else { break };
        let tag = &rest[..end];
        let image = ImageTag {
            src: attribute(tag, "src").map(unescape).unwrap_or_default(),
            alt: attribute(tag, "alt").map(unescape),
        };
        match decide(&image) {
            Verdict::Keep => out.push_str(tag),
            Verdict::Replace(text) => out.push_str(&escape(&text)),
            Verdict::Alt(text) => {
                let tag = with_alt(tag, &escape(&text));
                out.push_str(&tag);
            }
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    Html::trusted(out)
}

fn with_alt(tag: &str, alt: &str) -> String {
    let Some(old) = attribute(tag, "alt") else {
        return format!("<img alt=\"{alt}\"{}", &tag["<img".len()..]);
    };
    let from = old.as_ptr() as usize - tag.as_ptr() as usize;
    format!("{}{alt}{}", &tag[..from], &tag[from + old.len()..])
}

/// The value of an attribute, still escaped.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    while let Some(equals) = rest.find("=\"") {
        let key = rest[..equals].rsplit([' ', '\n', '\t', '<']).next().unwrap_or_default();
        let value = &rest[equals + 2..];
        let end = value.find('"')?;
        if key == name {
            return Some(&value[..end]);
        }
        rest = &value[end + 1..];
    }
    None
}

fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{Verdict, rewrite};
    use crate::domain::Html;

    #[test]
    fn images_are_seen_changed_and_replaced() {
        let html = Html::trusted(
            "<p><img src=\"https://a/x.png?a=1&amp;b=2\" alt=\"x.png\"> et \
             <img width=\"3\" src=\"https://a/y.png\"> &lt;img&gt; <img src=\"https://a/z.png\" alt=\"A &amp; B\"></p>"
                .to_owned(),
        );
        let mut seen = Vec::new();
        let out = rewrite(&html, &mut |tag| {
            seen.push((tag.src.clone(), tag.alt.clone()));
            match seen.len() {
                1 => Verdict::Alt(String::new()),
                2 => Verdict::Alt("un \"y\"".to_owned()),
                _ => Verdict::Replace(tag.alt.clone().unwrap()),
            }
        });
        assert_eq!(seen[0], ("https://a/x.png?a=1&b=2".to_owned(), Some("x.png".to_owned())));
        assert_eq!(seen[1].1, None);
        assert_eq!(
            out.as_str(),
            "<p><img src=\"https://a/x.png?a=1&amp;b=2\" alt=\"\"> et \
             <img alt=\"un &quot;y&quot;\" width=\"3\" src=\"https://a/y.png\"> &lt;img&gt; A &amp; B</p>"
        );
    }
}

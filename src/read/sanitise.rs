//! What may leave: the guard at every tag, and the allow-list every fragment passes last.
//!
//! The [`Guard`] sees each tag while HTML is written: it makes addresses absolute, repairs the usual
//! slips, turns players into links, drops what acts (scripts, forms, frames, styles), and reports
//! what a reader would miss. What it writes is balanced and no deeper than the limits of the reader.
//! [`clean`] then holds the whole against the allow-list, by an HTML5 parser wherever something is to
//! be mended; nothing is safe because of the guard alone.
//!
//! No `style` attribute passes: what one may say differs from mail program to mail program, and
//! style can cover, hide and track. Classes pass; the digest gives the known ones a look.

mod address;
mod verify;
mod video;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use crate::domain::{Gravity, Html, Problem};
use crate::read::kramdown::{Attributes, Fate, Ink, Slip};
use crate::read::markdown::Page;

pub use address::Address;

/// Keeps of a fragment what the allow-list knows. Addresses that are still relative go.
#[must_use]
pub fn clean(fragment: &str) -> Html {
    Html::trusted(verify::verified(fragment).unwrap_or_else(|| parsed(fragment)))
}

/// The fragment through an HTML5 parser and the allow-list, whatever it holds.
fn parsed(fragment: &str) -> String {
    let fragment = with_short_texts(fragment);
    // The only named reference that the serialiser writes and XML does not know.
    let html = ALLOWED.clean(&fragment).to_string().replace("&nbsp;", "\u{a0}");
    if html.chars().any(is_forbidden) { html.chars().filter(|&c| !is_forbidden(c)).collect() } else { html }
}

/// Puts comments, which do not pass, into texts with very many character references: the parser
/// appends to a text once for each, which takes longer the longer the text is.
fn with_short_texts(fragment: &str) -> Cow<'_, str> {
    const MOST_REFERENCES: usize = 500;
    if fragment.bytes().filter(|&b| b == b'&').count() <= MOST_REFERENCES {
        return Cow::Borrowed(fragment);
    }
    let mut parts = String::with_capacity(fragment.len() + fragment.len() / 100);
    let mut from = 0;
    let mut references = 0;
    let mut in_tag = false;
    for (at, byte) in fragment.bytes().enumerate() {
        match byte {
            b'<' => (in_tag, references) = (true, 0),
            b'>' => in_tag = false,
            b'&' if !in_tag => {
                references += 1;
                if references > MOST_REFERENCES {
                    parts.push_str(&fragment[from..at]);
                    parts.push_str("<!---->");
                    (from, references) = (at, 0);
                }
            }
            _ => {}
        }
    }
    parts.push_str(&fragment[from..]);
    Cow::Owned(parts)
}

/// Characters that XML 1.0 cannot hold, whatever the escape.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// Elements that pass.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "picture",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// What an address may begin with.
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// Elements that go with all they hold.
const GONE: &[&str] = &[
    "script",
    "style",
    "svg",
    "math",
    "template",
    "noscript",
    "object",
    "applet",
    "canvas",
    "head",
    "title",
    "select",
    "textarea",
    "datalist",
    "frameset",
    "noframes",
    "noembed",
    "xmp",
    "plaintext",
    "map",
    "dialog",
];

static ALLOWED: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(ELEMENTS.iter().copied().collect())
        .clean_content_tags(["script", "style"].into())
        .generic_attributes(["class", "dir", "id", "lang", "title"].into())
        .tag_attributes(
            [
                ("a", HashSet::from(["href", "hreflang", "rel", "target"])),
                ("blockquote", ["cite"].into()),
                ("q", ["cite"].into()),
                ("del", ["cite", "datetime"].into()),
                ("ins", ["cite", "datetime"].into()),
                ("time", ["datetime"].into()),
                ("img", ["src", "srcset", "sizes", "alt", "width", "height"].into()),
                ("ol", ["start", "type", "reversed"].into()),
                ("li", ["value"].into()),
                ("table", ["summary"].into()),
                ("td", ["align", "colspan", "headers", "rowspan", "valign"].into()),
                ("th", ["align", "colspan", "headers", "rowspan", "scope", "valign"].into()),
                ("col", ["span"].into()),
                ("colgroup", ["span"].into()),
            ]
            .into(),
        )
        .url_schemes(SCHEMES.into())
        .url_relative(UrlRelative::Deny)
        .link_rel(None)
        .strip_comments(true);
    builder
});

/// Decides, tag by tag, what becomes of what an editor wrote.
pub struct Guard<'p> {
    page: &'p Page<'p>,
    pub problems: Vec<Problem>,
}

/// Problems of one text that are reported; the rest would only bury them.
const MOST_PROBLEMS: usize = 50;

impl<'p> Guard<'p> {
    #[must_use]
    pub fn new(page: &'p Page<'p>) -> Self {
        Self { page, problems: Vec::new() }
    }

    /// Reports a fault on a line of the text, counted from 0.
    pub fn report(
        &mut self,
        line: u32,
        gravity: Gravity,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.problems.len() >= MOST_PROBLEMS {
            return;
        }
        let problem = Problem {
            path: self.page.path.to_owned(),
            line: Some(self.page.first_line + line),
            gravity,
            what: what.into(),
            remedy: remedy.into(),
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The address behind a reference, slips repaired; `None`, and a report, when there is none.
    fn address(&mut self, reference: &str, line: u32) -> Option<String> {
        match Address::of(reference, self.page) {
            Address::Sound(url) => Some(url),
            Address::Repaired(url, slip) => {
                self.report(
                    line,
                    Gravity::Warning,
                    format!("the link “{}” {slip}", shown(reference)),
                    format!("write {url}"),
                );
                Some(url)
            }
            Address::Hopeless(why) => {
                self.report(
                    line,
                    Gravity::Warning,
                    format!("the link “{}” {why}; its words are kept, and lead nowhere", shown(reference)),
                    "write a whole address such as https://example.org/page or /page",
                );
                None
            }
        }
    }

    fn link(&mut self, attributes: &mut Attributes, line: u32) -> Fate {
        let target_is_new_window = attributes.get("target") == Some("_blank");
        if !target_is_new_window {
            attributes.remove("target");
        }
        if let Some(reference) = attributes.get("href").map(str::to_owned) {
            let Some(url) = self.address(&reference, line) else {
                // A link without an address is HTML's way to say that one is missing here.
                for key in ["href", "target", "rel"] {
                    attributes.remove(key);
                }
                return Fate::Keep;
            };
            attributes.set("href", url);
            if target_is_new_window {
                attributes.set("rel", rel_with_noopener(attributes.get("rel")));
            }
        }
        Fate::Keep
    }

    fn image(&mut self, attributes: &mut Attributes, line: u32) -> Fate {
        let reference = attributes.get("src").unwrap_or_default().to_owned();
        let source = match Address::of_image(&reference, self.page) {
            Address::Sound(url) | Address::Repaired(url, _) => url,
            Address::Hopeless(why) => {
                self.report(
                    line,
                    Gravity::Warning,
                    format!("the image “{}” {why} and is left out", shown(&reference)),
                    "write the path of a file of the site, such as /uploads/image.png",
                );
                return Fate::Unwrap;
            }
        };
        attributes.set("src", source);
        if let Some(candidates) = attributes.remove("srcset")
            && let Some(candidates) = address::srcset(&candidates, self.page)
        {
            attributes.set("srcset", candidates);
        }
        for side in ["width", "height"] {
            if let Some(length) = attributes.remove(side).as_deref().and_then(pixels_or_percent) {
                attributes.set(side, length.to_owned());
            }
        }
        match attributes.get("alt") {
            None => {
                self.report(
                    line,
                    Gravity::Advice,
                    format!("the image “{}” has no alternative text", shown(&reference)),
                    "say what it shows in alt=\"…\", or write alt=\"\" if it only decorates",
                );
                attributes.set("alt", String::new());
            }
            Some(alt) if is_file_name(alt, &reference) => {
                self.report(
                    line,
                    Gravity::Advice,
                    format!("the alternative text of the image “{}” is its file name", shown(&reference)),
                    "say what the image shows",
                );
                attributes.set("alt", String::new());
            }
            Some(_) => {}
        }
        Fate::Keep
    }
}

impl Ink for Guard<'_> {
    fn open(&mut self, name: &str, attributes: &mut Attributes, line: u32) -> Fate {
        let lower = name.to_ascii_lowercase();
        if GONE.contains(&lower.as_str()) {
            self.report(
                line,
                Gravity::Warning,
                format!("<{lower}> was left out: feeds and letters cannot carry it"),
                "remove it, or say the same in words",
            );
            return Fate::Drop;
        }
        match lower.as_str() {
            "iframe" | "embed" | "frame" => return self.player(attributes, line),
            "video" | "audio" | "source" if attributes.get("src").is_some() => {
                return self.player(attributes, line);
            }
            "input" | "meta" | "link" | "base" | "param" | "track" | "source" | "area" => return Fate::Drop,
            _ if name != lower || !ELEMENTS.contains(&lower.as_str()) => return Fate::Unwrap,
            _ => {}
        }
        keep_known(&lower, attributes);
        if let Some(reference) = attributes.remove("cite")
            && let Address::Sound(url) | Address::Repaired(url, _) = Address::of(&reference, self.page)
        {
            attributes.set("cite", url);
        }
        match lower.as_str() {
            "a" => self.link(attributes, line),
            "img" => self.image(attributes, line),
            _ => Fate::Keep,
        }
    }

    fn slip(&mut self, slip: Slip, line: u32) {
        let (what, remedy) = match slip {
            Slip::UnquotedValue => (
                "an HTML tag has a value without quotes, and the site's own page shows it as text",
                "write the value between quotes: href=\"…\"",
            ),
            Slip::BlankInBold => (
                "a blank stands before the ** that ends bold words, and the site's own page shows the marks",
                "write **words** without blanks inside",
            ),
            Slip::MarkdownInHtml => (
                "Markdown stands inside HTML, and the site's own page shows its marks",
                "write it in HTML too (<a href=\"…\">, <strong>), or add markdown=\"1\" to the HTML element",
            ),
        };
        self.report(line, Gravity::Warning, what, remedy);
    }
}

/// Removes the attributes that would not pass the allow-list anyway, so that plain elements stay so.
fn keep_known(element: &str, attributes: &mut Attributes) {
    let unknown: Vec<String> = attributes
        .iter()
        .map(|(key, _)| key)
        .filter(|key| !is_known(element, key))
        .map(str::to_owned)
        .collect();
    for key in unknown {
        attributes.remove(&key);
    }
    if attributes.get("id").is_some_and(|id| id.trim().is_empty()) {
        attributes.remove("id");
    }
}

fn is_known(element: &str, attribute: &str) -> bool {
    match attribute {
        "class" | "dir" | "id" | "lang" | "title" => true,
        "href" | "hreflang" | "rel" | "target" => element == "a",
        "src" | "srcset" | "sizes" | "alt" | "width" | "height" => element == "img",
        "cite" => matches!(element, "blockquote" | "q" | "del" | "ins"),
        "datetime" => matches!(element, "del" | "ins" | "time"),
        "start" | "type" | "reversed" => element == "ol",
        "value" => element == "li",
        "summary" => element == "table",
        "align" | "colspan" | "headers" | "rowspan" | "scope" | "valign" => matches!(element, "td" | "th"),
        "span" => matches!(element, "col" | "colgroup"),
        _ => false,
    }
}

fn rel_with_noopener(rel: Option<&str>) -> String {
    match rel {
        Some(rel) if rel.split_whitespace().any(|word| word == "noopener") => rel.to_owned(),
        Some(rel) if !rel.trim().is_empty() => format!("{} noopener", rel.trim()),
        _ => "noopener".to_owned(),
    }
}

/// `88px` and `88` are 88; percentages stay; anything else says nothing.
fn pixels_or_percent(length: &str) -> Option<&str> {
    let length = length.trim().trim_end_matches(';').trim();
    let number = length.strip_suffix("px").unwrap_or(length).trim_end();
    let digits = number.strip_suffix('%').unwrap_or(number);
    let sound = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    sound.then_some(number)
}

/// Whether an alternative text only repeats the name of the file.
fn is_file_name(alt: &str, reference: &str) -> bool {
    let file = reference.rsplit('/').next().unwrap_or(reference);
    !alt.trim().is_empty()
        && file.contains('.')
        && (alt.trim() == file || Some(alt.trim()) == file.rsplit_once('.').map(|(stem, _)| stem))
}

/// A reference, short enough for a message.
fn shown(reference: &str) -> String {
    let one_line: String = reference.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &one_line[..at]),
        None => one_line,
    }
}

//! The few Liquid tags that articles use; anything else is removed and reported.
//!
//! Liquid runs before kramdown, on the whole text, code included, as in Jekyll. The number of lines
//! stays the same, so that problems name the right one.

use std::borrow::Cow;

use crate::domain::Gravity;
use crate::read::markdown::Page;
use crate::read::sanitise::Guard;

/// Resolves the tags of a text.
pub fn resolve<'s>(source: &'s str, page: &Page, guard: &mut Guard) -> Cow<'s, str> {
    if !source.contains("{{") && !source.contains("{%") {
        return Cow::Borrowed(source);
    }
    let mut reader = Reader { page, guard, out: String::with_capacity(source.len()), line: 0 };
    reader.text(source);
    Cow::Owned(reader.out)
}

struct Reader<'p, 'g, 'q> {
    page: &'p Page<'p>,
    guard: &'g mut Guard<'q>,
    out: String,
    line: u32,
}

/// The blocks that Liquid ends with a tag of their own, and whether what they hold is shown.
const BLOCKS: [(&str, &str); 3] =
    [("raw", "endraw"), ("comment", "endcomment"), ("highlight", "endhighlight")];

impl Reader<'_, '_, '_> {
    fn text(&mut self, source: &str) {
        let mut rest = source;
        let mut no_object_ends = false;
        let mut no_tag_ends = false;
        while let Some(at) = rest.find('{') {
            self.keep(&rest[..at]);
            rest = &rest[at..];
            let (ending, given_up) = match rest.as_bytes().get(1) {
                Some(b'{') => ("}}", &mut no_object_ends),
                Some(b'%') => ("%}", &mut no_tag_ends),
                _ => {
                    self.keep("{");
                    rest = &rest[1..];
                    continue;
                }
            };
            let end = if *given_up { None } else { rest[2..].find(ending) };
            let Some(end) = end else {
                *given_up = true;
                self.keep(&rest[..2]);
                rest = &rest[2..];
                continue;
            };
            let inner = &rest[2..2 + end];
            let mut after = &rest[2 + end + 2..];
            if inner.starts_with('-') {
                let trimmed = self.out.trim_end_matches([' ', '\t']).len();
                self.out.truncate(trimmed);
            }
            let trims_after = inner.ends_with('-') && inner.len() > 1;
            let inner = inner.strip_prefix('-').unwrap_or(inner);
            let inner = inner.strip_suffix('-').unwrap_or(inner).trim();
            if ending == "}}" {
                self.object(inner);
            } else {
                after = self.tag(inner, after);
            }
            if trims_after {
                after = after.trim_start_matches([' ', '\t']);
            }
            rest = after;
        }
        self.keep(rest);
    }

    fn keep(&mut self, text: &str) {
        self.line += text.bytes().filter(|&b| b == b'\n').count() as u32;
        self.out.push_str(text);
    }

    fn report(&mut self, what: String, remedy: &str) {
        self.guard.report(self.line, Gravity::Warning, what, remedy);
    }

    /// `{{ … }}`.
    fn object(&mut self, inner: &str) {
        match self.value(inner) {
            Some(value) => self.out.push_str(&value),
            None => self.report(
                format!(
                    "“{{{{ {} }}}}” was removed: its value is known only to the site's own engine",
                    short(inner)
                ),
                "write the text itself",
            ),
        }
    }

    fn value(&self, expression: &str) -> Option<String> {
        let mut parts = split_filters(expression).into_iter();
        let mut value = self.operand(parts.next()?)?;
        for filter in parts {
            let (name, argument) = match filter.split_once(':') {
                Some((name, argument)) => (name.trim(), Some(argument.trim())),
                None => (filter, None),
            };
            value = match name {
                "relative_url" => self.relative(&value),
                "absolute_url" => {
                    self.page.site.url.join(self.relative(&value).trim_start_matches("//")).ok()?.into()
                }
                "prepend" => self.operand(argument?)? + &value,
                "append" => value + &self.operand(argument?)?,
                "escape" | "xml_escape" => escape(&value),
                "strip" => value.trim().to_owned(),
                "upcase" => value.to_uppercase(),
                "downcase" => value.to_lowercase(),
                _ => return None,
            };
        }
        Some(value)
    }

    fn operand(&self, name: &str) -> Option<String> {
        let name = name.trim();
        for quote in ['"', '\''] {
            if let Some(text) = name.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
                return Some(text.to_owned());
            }
        }
        let site = self.page.site;
        match name {
            "site.url" => Some(site.url.origin().ascii_serialization()),
            "site.baseurl" => Some(site.url.path().trim_end_matches('/').to_owned()),
            "site.title" | "site.name" => Some(site.title.clone()),
            "site.description" => Some(site.description.clone()),
            "page.title" => Some(self.page.title.to_owned()),
            "page.url" => Some(self.page.url.path().to_owned()),
            _ => None,
        }
    }

    /// A path below the site's own.
    fn relative(&self, path: &str) -> String {
        if path.contains("://") {
            return path.to_owned();
        }
        let base = self.page.site.url.path().trim_end_matches('/');
        format!("{base}/{}", path.trim_start_matches('/'))
    }

    /// `{% … %}`; gives what is left to read.
    fn tag<'r>(&mut self, inner: &str, after: &'r str) -> &'r str {
        let (name, argument) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let argument = argument.trim();
        if let Some((_, end_name)) = BLOCKS.iter().find(|(block, _)| *block == name) {
            let (body, rest) = until(after, end_name);
            match name {
                "raw" => self.keep(body),
                "highlight" => self.highlighted(argument, body),
                _ => self.skip_lines(body),
            }
            return rest;
        }
        match name {
            "link" | "post_url" => {
                if let Some(url) = self.page.links.url_of(argument) {
                    self.out.push_str(url.as_str());
                } else {
                    self.report(
                        format!("“{{% {name} {} %}}” leads to no document of the site", short(argument)),
                        "correct the name of the file",
                    );
                }
            }
            // A comment of Liquid's newer kind.
            name if name.starts_with('#') => {}
            _ => self.report(
                format!("“{{% {} %}}” was removed: only the site's own engine can run it", short(inner)),
                "write the text itself",
            ),
        }
        after
    }

    /// What is not shown keeps its line feeds only inside a line of its own.
    fn skip_lines(&mut self, body: &str) {
        self.line += body.bytes().filter(|&b| b == b'\n').count() as u32;
    }

    fn highlighted(&mut self, language: &str, body: &str) {
        let language = language.split_whitespace().next().unwrap_or("");
        let is_plain = language.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_#".contains(&b));
        let fence = "~".repeat(3.max(longest_run(body, '~') + 1));
        if !self.out.ends_with('\n') && !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(&fence);
        self.out.push_str(if is_plain { language } else { "" });
        self.out.push('\n');
        self.keep(body.trim_matches('\n'));
        self.out.push('\n');
        self.out.push_str(&fence);
        self.out.push('\n');
        let lost = body.len() - body.trim_matches('\n').len();
        self.line += lost as u32;
    }
}

/// What stands before `{% name %}`, and what after; all of it when the end is missing.
fn until<'t>(text: &'t str, name: &str) -> (&'t str, &'t str) {
    let mut from = 0;
    while let Some(found) = text[from..].find("{%") {
        let at = from + found;
        let inner = text[at + 2..].trim_start_matches('-').trim_start();
        if let Some(rest) = inner.strip_prefix(name) {
            let rest = rest.trim_start().trim_start_matches('-');
            if let Some(rest) = rest.strip_prefix("%}") {
                return (&text[..at], rest);
            }
        }
        from = at + 2;
    }
    (text, "")
}

/// Splits at `|`, but not inside quotes.
fn split_filters(expression: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut quote = None;
    let mut from = 0;
    for (at, c) in expression.char_indices() {
        match (c, quote) {
            ('|', None) => {
                parts.push(expression[from..at].trim());
                from = at + 1;
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    parts.push(expression[from..].trim());
    parts
}

fn longest_run(text: &str, mark: char) -> usize {
    text.split(|c| c != mark).map(str::len).max().unwrap_or(0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn short(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &one_line[..at]),
        None => one_line,
    }
}

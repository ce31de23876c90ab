//! The templates of the letter: those built in, checked by the compiler, or a user's own, read from
//! a folder and checked at start.
//!
//! Both are of the Jinja family and see the same fields (`view`). A user's folder may hold any of
//! `digest.html`, `digest.txt` and `subject.txt`; what it lacks stays built in.

use std::collections::BTreeMap;

use askama::Template as _;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use thiserror::Error;

use super::view::{DigestView, HtmlLetter, SubjectLine, TextLetter, ThemeView};
use super::{Masthead, Theme};

/// The names a template folder may hold.
pub const NAMES: [&str; 3] = [HTML, TEXT, SUBJECT];

const HTML: &str = "digest.html";
const TEXT: &str = "digest.txt";
const SUBJECT: &str = "subject.txt";

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}:{line}: {what}")]
pub struct TemplateFault {
    /// The file's name in its folder, or the setting that holds the template.
    pub file: String,
    /// Counted from 1; 0 where the engine does not know.
    pub line: usize,
    pub what: String,
}

/// What lays out a letter.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    /// Sources by name; empty when all are built in.
    own: BTreeMap<String, String>,
}

impl Templates {
    /// Takes users' templates by name and tries each on a full letter and on a bare one, so that a
    /// misspelt field is found now and not in the night of a send.
    ///
    /// # Errors
    /// The first template that does not compile or names a field that does not exist.
    pub fn own(sources: BTreeMap<String, String>) -> Result<Self, TemplateFault> {
        let templates = Self { own: sources };
        for (full, masthead) in [(true, Masthead::Plain), (false, Masthead::Band)] {
            let theme = ThemeView::from(&Theme { masthead, ..Theme::default() });
            for name in templates.own.keys() {
                templates.render(name, &DigestView::sample(full), &theme)?;
            }
        }
        Ok(templates)
    }

    pub(super) fn html(&self, digest: &DigestView, theme: &ThemeView) -> Result<String, TemplateFault> {
        if self.own.contains_key(HTML) {
            return self.render(HTML, digest, theme);
        }
        built_in(HTML, HtmlLetter { digest, theme }.render())
    }

    pub(super) fn text(&self, digest: &DigestView, theme: &ThemeView) -> Result<String, TemplateFault> {
        if self.own.contains_key(TEXT) {
            return self.render(TEXT, digest, theme);
        }
        built_in(TEXT, TextLetter { digest }.render())
    }

    pub(super) fn subject(&self, digest: &DigestView, theme: &ThemeView) -> Result<String, TemplateFault> {
        if self.own.contains_key(SUBJECT) {
            return self.render(SUBJECT, digest, theme);
        }
        built_in(SUBJECT, SubjectLine { digest }.render())
    }

    fn render(&self, name: &str, digest: &DigestView, theme: &ThemeView) -> Result<String, TemplateFault> {
        let mut engine = engine();
        for (name, source) in &self.own {
            engine.add_template(name, source).map_err(|error| fault(name, source, &error))?;
        }
        let source = self.own.get(name).map(String::as_str).unwrap_or_default();
        let template = engine.get_template(name).map_err(|error| fault(name, source, &error))?;
        template.render(fields(digest, theme)).map_err(|error| fault(name, source, &error))
    }
}

/// Renders a template that stands in a setting, such as `digest.subject`.
pub(super) fn render_setting(
    setting: &str,
    source: &str,
    digest: &DigestView,
    theme: &ThemeView,
) -> Result<String, TemplateFault> {
    engine()
        .render_named_str(setting, source, fields(digest, theme))
        .map_err(|error| fault(setting, source, &error))
}

fn fields(digest: &DigestView, theme: &ThemeView) -> Value {
    context! { digest => Serde(digest), theme => Serde(theme) }
}

fn built_in(name: &str, rendered: askama::Result<String>) -> Result<String, TemplateFault> {
    rendered.map_err(|error| TemplateFault { file: name.to_owned(), line: 0, what: error.to_string() })
}

/// An engine that behaves as the built-in one: unknown fields are errors, HTML is escaped and
/// nothing else is.
fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|name| if name == HTML { AutoEscape::Html } else { AutoEscape::None });
    engine.set_formatter(|out, state, value: &Value| {
        let plain = *state.auto_escape() == AutoEscape::None || value.is_safe();
        match value.as_str() {
            Some(text) if !plain => out.write_str(&as_built_in(text)).map_err(minijinja::Error::from),
            _ => minijinja::escape_formatter(out, state, value),
        }
    });
    engine
}

/// Escapes as the built-in engine does, so that a copy of a built-in template gives the same octets.
fn as_built_in(text: &str) -> String {
    text.replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

/// A fault with the line it is in, since the engine does not say which field it missed.
fn fault(name: &str, source: &str, error: &minijinja::Error) -> TemplateFault {
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let line = error.line().unwrap_or(0);
    let written: String =
        source.lines().nth(line.wrapping_sub(1)).unwrap_or_default().trim().chars().take(120).collect();
    let what = if written.is_empty() { what } else { format!("{what}: {written}") };
    TemplateFault { file: error.name().unwrap_or(name).to_owned(), line, what }
}

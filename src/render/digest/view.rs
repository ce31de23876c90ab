//! The fields that templates lay out, built-in and users' own alike.
//!
//! A field that does not apply is an empty text, an empty list or 0, so that one template language
//! is enough: `{% if digest.tagline != "" %}`, `{% for … %}`, `{% if article.image.width > 0 %}`.
//! Fields ending in `_html` are finished HTML and are printed with `|safe`; all others are plain
//! text and escaped by the template.

use serde::Serialize;

use super::{Color, Masthead, Palette, Theme};

/// The whole letter, under the name `digest`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DigestView {
    /// `fr`, `fr-FR`: the `lang` of the letter.
    pub language: String,
    pub subject: String,
    /// The line mail programs show after the subject; empty in the archive.
    pub preheader: String,
    /// The lead's title, short enough for a subject, and what follows it there.
    pub lead_title: String,
    pub and_others: String,
    /// How many articles the letter has.
    pub count: usize,
    /// The letter's name and the line under it.
    pub name: String,
    pub tagline: String,
    /// The number in words (`nº 12`), and the day (`lundi 23 novembre 2026`).
    pub number: String,
    pub date: String,
    pub logo: ImageView,
    pub site_url: String,
    pub intro_html: String,
    pub intro_text: String,
    /// Where the head of the letter leads: its logo if that is linked, then the introduction.
    pub intro_links: Vec<LinkView>,
    /// The first has the lead and no heading.
    pub sections: Vec<SectionView>,
    /// Articles of which the letter's size left only the title.
    pub titles_heading: String,
    pub titles: Vec<LinkView>,
    pub footer: FooterView,
    /// The page of the archive, which has nothing personal; else the letter.
    pub archive: bool,
    /// The colon as the language sets it, between labels and what they label.
    pub colon: String,
    /// Lines across the plain text.
    pub rule: String,
    pub thin_rule: String,
}

/// Articles under one heading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SectionView {
    /// Empty when the articles need none.
    pub heading: String,
    pub articles: Vec<ArticleView>,
}

/// One article.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArticleView {
    /// The first of the letter, with a large image.
    pub lead: bool,
    /// The first under its section's heading.
    pub follows_heading: bool,
    /// The level of its heading, 2 or 3.
    pub level: u8,
    pub title: String,
    pub url: String,
    /// Where the link leads when it leaves the site (`sur etalab.gouv.fr`).
    pub elsewhere: String,
    /// Its own language where it is not the letter's.
    pub language: String,
    /// The day of publication; empty for an event, which has days of its own.
    pub date: String,
    pub image: ImageView,
    /// The width left for the text beside the image; 0 where it has the whole line.
    pub text_width: u32,
    /// When and where an event takes place.
    pub event: Vec<LabelView>,
    pub chapeau_html: String,
    pub chapeau_text: String,
    /// Where the image and the chapeau lead, linked images included: the text names each address as
    /// often as the HTML does, since filters count them.
    pub links: Vec<LinkView>,
    pub files_label: String,
    pub files: Vec<LinkView>,
}

/// An image; `width` 0 where there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ImageView {
    pub src: String,
    /// The size at which it is shown, CSS pixels.
    pub width: u32,
    pub height: u32,
    pub alt: String,
    pub caption: String,
}

impl ImageView {
    /// What the plain text says of an image that stays on its server; `None` for one that travels in
    /// the letter. Filters count the addresses of both parts, and readers of text may want to look.
    pub(super) fn link(&self) -> Option<LinkView> {
        let linked = self.width > 0 && !self.src.starts_with("cid:");
        linked.then(|| LinkView { text: self.alt.clone(), url: self.src.clone() })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkView {
    pub text: String,
    pub url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelView {
    pub label: String,
    pub text: String,
}

/// Who sends the letter, why, and how to leave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FooterView {
    pub why: String,
    pub sender: String,
    /// The postal address, a line each.
    pub address: Vec<String>,
    /// The text and the personal address of the unsubscribe link; empty in the archive.
    pub leave: String,
    pub leave_url: String,
    /// Archive, feeds, privacy.
    pub links: Vec<LinkView>,
    /// Where readers write, as text: some mail programs break a `mailto:` link.
    pub contact_label: String,
    pub contact: String,
}

/// The letter as HTML.
#[derive(askama::Template)]
#[template(path = "digest.html")]
pub(super) struct HtmlLetter<'a> {
    pub digest: &'a DigestView,
    pub theme: &'a ThemeView,
}

/// The letter as plain text.
#[derive(askama::Template)]
#[template(path = "digest.txt")]
pub(super) struct TextLetter<'a> {
    pub digest: &'a DigestView,
}

/// Its subject.
#[derive(askama::Template)]
#[template(path = "subject.txt")]
pub(super) struct SubjectLine<'a> {
    pub digest: &'a DigestView,
}

/// The theme, under the name `theme`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThemeView {
    pub light: Palette,
    pub dark: Palette,
    pub heading_font: String,
    pub font: String,
    pub radius: u8,
    /// Whether the masthead is a band of the accent colour.
    pub band: bool,
    /// Text on that band.
    pub band_ink: Color,
}

impl From<&Theme> for ThemeView {
    fn from(theme: &Theme) -> Self {
        Self {
            light: theme.light,
            dark: theme.dark,
            heading_font: theme.heading_font.clone(),
            font: theme.font.clone(),
            radius: theme.radius,
            band: theme.masthead == Masthead::Band,
            band_ink: theme.band_ink(),
        }
    }
}

impl DigestView {
    /// A letter on which users' templates are tried: every field filled, or all that may be empty
    /// left empty, so that both sides of a condition are seen.
    pub(super) fn sample(full: bool) -> Self {
        let text = || if full { "Texte".to_owned() } else { String::new() };
        let url = || "https://www.example.org/".to_owned();
        let link = || LinkView { text: text(), url: url() };
        let links = || if full { vec![link(), link()] } else { Vec::new() };
        let image = || ImageView {
            src: url(),
            width: if full { 168 } else { 0 },
            height: 112,
            alt: text(),
            caption: text(),
        };
        let article = |lead| ArticleView {
            lead,
            follows_heading: full,
            level: 2,
            title: text(),
            url: url(),
            elsewhere: text(),
            language: text(),
            date: text(),
            image: image(),
            text_width: if full && !lead { 346 } else { 0 },
            event: links().iter().map(|_| LabelView { label: text(), text: text() }).collect(),
            chapeau_html: text(),
            chapeau_text: text(),
            links: links(),
            files_label: text(),
            files: links(),
        };
        Self {
            language: "fr".to_owned(),
            subject: text(),
            preheader: text(),
            lead_title: text(),
            and_others: text(),
            count: 2,
            name: text(),
            tagline: text(),
            number: text(),
            date: text(),
            logo: image(),
            site_url: url(),
            intro_html: text(),
            intro_text: text(),
            intro_links: links(),
            sections: vec![SectionView { heading: text(), articles: vec![article(true), article(false)] }],
            titles_heading: text(),
            titles: links(),
            footer: FooterView {
                why: text(),
                sender: text(),
                address: links().into_iter().map(|link| link.text).collect(),
                leave: text(),
                leave_url: url(),
                links: links(),
                contact_label: text(),
                contact: text(),
            },
            archive: !full,
            colon: ": ".to_owned(),
            rule: "_".repeat(76),
            thin_rule: "-".repeat(76),
        }
    }
}

//! The pages of the service: subscribe, confirm, preferences, leave, archive. Values in, HTML out.
//!
//! The pages work without scripts, name their language, hold one heading of the first level, and
//! look like the digest. Each thing that changes something is a button of a form that posts.

use askama::Template;
use chrono::{DateTime, FixedOffset};
use url::Url;

use crate::domain::Language;
use crate::render::digest::{Palette, Theme};
use crate::render::words::{PageWords, Words};

/// What all pages know of the list and of the service.
#[derive(Debug, Clone)]
pub struct House {
    /// What the letter is called.
    pub list: String,
    /// The service's address as configured, ending in `/`; every absolute link begins so.
    pub base: Url,
    /// The path of `base`: `/`, or a prefix such as `/lettre/`.
    pub root: String,
    pub site: Url,
    pub privacy: Option<Url>,
    /// The accessibility statement.
    pub accessibility: Option<Url>,
    /// An address that a person reads.
    pub contact: String,
    pub topics: Vec<Topic>,
    /// The languages letters come in, the site's first.
    pub languages: Vec<&'static PageWords>,
    /// Whether readers may choose one letter a month.
    pub monthly: bool,
}

/// Something that readers can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The collection, category or tag.
    pub key: String,
    pub title: String,
}

impl House {
    /// The words to speak to someone: their choice in the address, else what their browser asks
    /// for, else the site's language.
    #[must_use]
    pub fn words(&self, chosen: Option<&str>, accept_language: Option<&str>) -> &'static PageWords {
        let spoken = |tag: &str| Language::parse(tag).and_then(|language| PageWords::of(&language));
        let accepted = || {
            let tags = accept_language?.split(',').take(20);
            tags.map(|tag| tag.split(';').next().unwrap_or(tag)).find_map(spoken)
        };
        chosen.and_then(spoken).or_else(accepted).unwrap_or(self.languages[0])
    }

    /// The topics among these words that readers can choose; what a form sends is not trusted.
    #[must_use]
    pub fn known_topics(&self, words: &[String]) -> Vec<String> {
        let known = self.topics.iter().filter(|topic| words.contains(&topic.key));
        known.map(|topic| topic.key.clone()).collect()
    }

    fn has_choices(&self) -> bool {
        !self.topics.is_empty() || self.languages.len() > 1 || self.monthly
    }

    /// An absolute address of the service.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// What a form holds when it is shown.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pub email: String,
    /// The address could not be read.
    pub wrong: bool,
    pub topics: Vec<String>,
    /// The primary subtag.
    pub language: String,
    pub monthly: bool,
}

impl Form {
    fn has(&self, topic: &str) -> bool {
        self.topics.iter().any(|chosen| chosen == topic)
    }
}

struct Frame<'a> {
    house: &'a House,
    words: &'static PageWords,
}

impl Frame<'_> {
    /// The other languages that this page can be read in.
    fn others(&self) -> impl Iterator<Item = &'static PageWords> {
        PageWords::ALL.into_iter().filter(|other| other.language != self.words.language)
    }
}

/// One of the pages, to be shown in some words.
#[derive(Debug, Clone)]
pub enum Page<'a> {
    Subscribe(&'a Form),
    LookInMailbox,
    Confirm { token: &'a str },
    Confirmed { token: &'a str },
    LinkExpired,
    Leave { token: &'a str },
    Left { token: &'a str },
    Preferences { token: &'a str, masked: &'a str, form: &'a Form },
    PreferencesSaved { token: &'a str },
    DataSent,
    ForgetAsked,
    Erase { token: &'a str },
    Erased,
    Archive(&'a [ArchivedLetter]),
    NotFound,
    TooMany,
    BadRequest,
    Unavailable,
}

/// One line of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedLetter {
    pub number: i64,
    pub subject: String,
    /// In the site's offset.
    pub cut_at: DateTime<FixedOffset>,
    /// Its plain text; only the feed shows it.
    pub text: String,
}

/// The page as HTML.
#[must_use]
pub fn page(house: &House, words: &'static PageWords, page: &Page<'_>) -> String {
    let frame = Frame { house, words };
    let list = house.list.as_str();
    let at = |path: &str, token: &str| format!("{}{path}/{token}", house.root);
    let again =
        || Link { path: format!("{}?lang={}", house.root, words.language), text: words.subscribe_again };
    let say = |title: &str, paragraphs: &[&str]| Message {
        title: title.to_owned(),
        paragraphs: paragraphs.iter().map(ToString::to_string).collect(),
        button: None,
        links: Vec::new(),
    };
    let button = |path: &str, token: &str, text: &'static str| {
        Some(Button { path: at(path, token), text, quiet: false })
    };
    let to_preferences = |token: &str| Link {
        path: format!("{}?lang={}", at("preferences", token), words.language),
        text: words.to_preferences,
    };
    let message = match *page {
        Page::Subscribe(form) => return subscribe(frame, form),
        Page::Preferences { token, masked, form } => return preferences(frame, token, masked, form),
        Page::Archive(letters) => return archive(frame, letters),
        Page::LookInMailbox => say(words.look_in_mailbox_title, words.look_in_mailbox),
        Page::Confirm { token } => Message {
            button: button("confirm", token, words.confirm_button),
            ..say(words.confirm_title, &[&(words.confirm_lead)(list), &(words.consent)(list)])
        },
        Page::Confirmed { token } => Message {
            links: vec![to_preferences(token)],
            ..say(words.confirmed_title, &[&(words.confirmed)(list)])
        },
        Page::LinkExpired => {
            Message { links: vec![again()], ..say(words.link_expired_title, &[words.link_expired]) }
        }
        Page::Leave { token } => Message {
            button: button("unsubscribe", token, words.leave_button),
            links: vec![to_preferences(token)],
            ..say(words.leave_title, &[&(words.leave_lead)(list)])
        },
        Page::Left { token } => Message {
            links: vec![again(), Link { text: words.other_choices, ..to_preferences(token) }],
            ..say(words.left_title, &[&(words.left)(list), words.left_truncated])
        },
        Page::PreferencesSaved { token } => Message {
            links: vec![to_preferences(token)],
            ..say(words.preferences_saved_title, &[words.preferences_saved])
        },
        Page::DataSent => say(words.data_sent_title, &[words.data_sent]),
        Page::ForgetAsked => say(words.forget_asked_title, &[words.forget_asked]),
        Page::Erase { token } => Message {
            button: button("erase", token, words.erase_button),
            ..say(words.erase_title, &[words.erase_lead])
        },
        Page::Erased => Message { links: vec![again()], ..say(words.erased_title, &[words.erased]) },
        Page::NotFound => Message { links: vec![again()], ..say(words.not_found_title, &[words.not_found]) },
        Page::TooMany => say(words.too_many_title, &[words.too_many]),
        Page::BadRequest => say(words.bad_request_title, &[words.bad_request]),
        Page::Unavailable => say(words.unavailable_title, &[words.unavailable]),
    };
    written(&MessagePage { frame, message })
}

/// The style sheet of all pages.
#[must_use]
pub fn style(theme: &Theme) -> String {
    written(&Style {
        light: theme.light,
        dark: theme.dark,
        light_button: theme.light.sheet.to_string(),
        dark_button: theme.dark.sheet.to_string(),
        font: &theme.font,
        heading_font: &theme.heading_font,
        radius: theme.radius,
    })
}

/// What an editor pastes into a page of the site so that readers can subscribe there.
#[must_use]
pub fn form_snippet(house: &House, words: &'static PageWords) -> String {
    written(&Snippet { house, words, consent: (words.consent)(&house.list) })
}

/// The text that a reader agrees to, with its version: the proof of consent.
#[must_use]
pub fn consent_text(house: &House, words: &PageWords) -> String {
    format!("[{}] {}", words.consent_version, (words.consent)(&house.list))
}

fn subscribe(frame: Frame<'_>, form: &Form) -> String {
    let (title, consent) =
        ((frame.words.subscribe_title)(&frame.house.list), (frame.words.consent)(&frame.house.list));
    written(&SubscribePage { frame, title, consent, form })
}

fn preferences(frame: Frame<'_>, token: &str, masked: &str, form: &Form) -> String {
    let words = frame.words;
    let section = |title, lead: &str, path: &str, text| Section {
        title,
        lead: lead.to_owned(),
        button: Button { path: format!("{}{path}/{token}", frame.house.root), text, quiet: true },
    };
    let sections = [
        section(words.leave_title, &(words.leave_lead)(&frame.house.list), "unsubscribe", words.leave_button),
        section(words.data_title, words.data_lead, "data", words.data_button),
        section(words.forget_title, words.forget_lead, "forget", words.forget_button),
    ];
    written(&PreferencesPage { frame, lead: (words.preferences_lead)(masked), token, form, sections })
}

fn archive(frame: Frame<'_>, letters: &[ArchivedLetter]) -> String {
    let dates = Language::parse(frame.words.language).map(|language| Words::of_or_english(&language).dates);
    let letters = letters.iter().map(|letter| Line {
        number: letter.number,
        subject: &letter.subject,
        day_iso: letter.cut_at.date_naive().to_string(),
        day: dates.map(|dates| dates.long(letter.cut_at.date_naive())).unwrap_or_default(),
    });
    let letters: Vec<Line<'_>> = letters.collect();
    written(&ArchivePage { title: (frame.words.archive_title)(&frame.house.list), frame, letters })
}

/// The archive as an Atom feed (RFC 4287): each digest an entry with its plain text.
#[must_use]
pub fn archive_feed(house: &House, words: &PageWords, letters: &[ArchivedLetter]) -> String {
    let entries: Vec<FeedEntry> = letters
        .iter()
        .map(|letter| FeedEntry {
            url: house.url(&format!("archive/{}", letter.number)),
            title: xml_text(&letter.subject),
            updated: letter.cut_at.to_rfc3339(),
            text: xml_text(&letter.text),
        })
        .collect();
    let updated = entries.first().map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |e| e.updated.clone());
    written(&ArchiveFeed { house, title: (words.archive_title)(&house.list), words, updated, entries })
}

/// The pages that search engines may show.
#[must_use]
pub fn sitemap(house: &House, _words: &PageWords, letters: &[ArchivedLetter]) -> String {
    written(&Sitemap { house, letters })
}

/// Text without the characters that XML 1.0 forbids.
fn xml_text(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..))
        .collect()
}

/// Writing into memory cannot fail, and the templates are compiled.
fn written(template: &impl Template) -> String {
    template.render().expect("a compiled template writes into a String")
}

struct Message {
    title: String,
    paragraphs: Vec<String>,
    button: Option<Button>,
    links: Vec<Link>,
}

#[derive(Clone)]
struct Button {
    path: String,
    text: &'static str,
    quiet: bool,
}

struct Link {
    path: String,
    text: &'static str,
}

struct Section {
    title: &'static str,
    lead: String,
    button: Button,
}

struct Line<'a> {
    number: i64,
    subject: &'a str,
    day_iso: String,
    day: String,
}

#[derive(Template)]
#[template(path = "pages/message.html")]
struct MessagePage<'a> {
    frame: Frame<'a>,
    message: Message,
}

#[derive(Template)]
#[template(path = "pages/subscribe.html")]
struct SubscribePage<'a> {
    frame: Frame<'a>,
    title: String,
    consent: String,
    form: &'a Form,
}

#[derive(Template)]
#[template(path = "pages/preferences.html")]
struct PreferencesPage<'a> {
    frame: Frame<'a>,
    lead: String,
    token: &'a str,
    form: &'a Form,
    sections: [Section; 3],
}

#[derive(Template)]
#[template(path = "pages/archive.html")]
struct ArchivePage<'a> {
    frame: Frame<'a>,
    title: String,
    letters: Vec<Line<'a>>,
}

struct FeedEntry {
    url: String,
    title: String,
    updated: String,
    text: String,
}

#[derive(Template)]
#[template(path = "pages/archive.xml", escape = "html")]
struct ArchiveFeed<'a> {
    house: &'a House,
    words: &'a PageWords,
    title: String,
    updated: String,
    entries: Vec<FeedEntry>,
}

#[derive(Template)]
#[template(path = "pages/sitemap.xml", escape = "html")]
struct Sitemap<'a> {
    house: &'a House,
    letters: &'a [ArchivedLetter],
}

#[derive(Template)]
#[template(path = "pages/style.css", escape = "none")]
struct Style<'a> {
    light: Palette,
    dark: Palette,
    light_button: String,
    dark_button: String,
    font: &'a str,
    heading_font: &'a str,
    radius: u8,
}

#[derive(Template)]
#[template(path = "pages/snippet.html")]
struct Snippet<'a> {
    house: &'a House,
    words: &'static PageWords,
    consent: String,
}

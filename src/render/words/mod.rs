//! What readers read that no editor wrote: one struct of words, one file a language.
//!
//! Every language is a constant of the same struct, so a missing word does not compile; a third
//! language is one more file and one more line in [`Words::of`]. Plurals and dates are functions,
//! because languages differ in more than vocabulary.

mod dates;
mod en;
mod fr;
mod pages;
mod pages_en;
mod pages_fr;
mod typography;

pub use dates::Dates;
pub use pages::{LetterWords, PageWords};
pub use typography::french_spaces;

use crate::domain::Language;

/// Everything the program says to readers in one language.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// The primary language subtag these words are written in.
    pub language: &'static str,
    pub dates: Dates,
    pub digest: DigestWords,
    pub feeds: FeedWords,
}

/// The words of the digest.
#[derive(Debug, Clone, Copy)]
pub struct DigestWords {
    /// The digest's number in its masthead, from 1.
    pub number: fn(u64) -> String,
    /// What follows the lead's title in the subject: how many other articles there are, from 1.
    pub and_others: fn(usize) -> String,
    /// Stands before the other titles in the preheader, with its own trailing blank.
    pub preheader_also: &'static str,
    /// Heading of the articles of which only the title is left.
    pub titles_only: &'static str,
    /// Heading of a group of articles whose collection has no title.
    pub unnamed_group: &'static str,
    /// An image without alternative text, by the title of its article.
    pub illustration: fn(&str) -> String,
    /// After the title of an article that lives on another host.
    pub on_host: fn(&str) -> String,
    /// Labels of an event; used before a colon.
    pub when: &'static str,
    pub place: &'static str,
    /// Label of the attached files.
    pub files: &'static str,
    /// The colon as this language sets it, with its blanks.
    pub colon: &'static str,
    /// Why this letter came, by the name of the list.
    pub why: fn(&str) -> String,
    /// The same where the letter goes to a mailing list, by the list's address too.
    pub why_listed: fn(&str, &str) -> String,
    /// Text of the unsubscribe link.
    pub leave: &'static str,
    /// Before the address that takes an unsubscription by mail.
    pub leave_by_mail: &'static str,
    /// Texts of the footer's links; the site is named by its host.
    pub site: fn(&str) -> String,
    pub archive: &'static str,
    pub subscribe: &'static str,
    pub feeds: &'static str,
    pub privacy: &'static str,
    pub help: &'static str,
    /// Label of the address to which readers write.
    pub contact: &'static str,
    /// Before the subject of a letter that was sent as a test.
    pub test_mark: &'static str,
}

/// The words of the feeds, and of the page that a feed is in a browser.
#[derive(Debug, Clone, Copy)]
pub struct FeedWords {
    /// Text of the link to the rest of an article, after its chapeau.
    pub read_on: &'static str,
    /// Title of a topic's feed, from the site's title and the topic.
    pub topic_title: fn(&str, &str) -> String,
    /// Description of a topic's feed, from the topic and the site's title.
    pub topic_description: fn(&str, &str) -> String,
    /// What the feed of this language is called, as a topic.
    pub this_language: &'static str,
    /// For people who open a feed: what it is, what that is good for, how to subscribe.
    pub page_heading: &'static str,
    pub page_what: &'static str,
    pub page_how: &'static str,
    /// The link to the site, and the heading of the list of articles.
    pub page_to_site: &'static str,
    pub page_entries: &'static str,
}

impl Words {
    /// The words for a language; `None` when there are none yet.
    #[must_use]
    pub fn of(language: &Language) -> Option<&'static Self> {
        match language.primary() {
            "fr" => Some(&fr::WORDS),
            "en" => Some(&en::WORDS),
            _ => None,
        }
    }

    /// The words for a language, or English where there are none.
    #[must_use]
    pub fn of_or_english(language: &Language) -> &'static Self {
        Self::of(language).unwrap_or(&en::WORDS)
    }

    /// Text set by the rules of this language: in French, no-break spaces inside « » and before
    /// high punctuation, so that a line never begins with a colon.
    #[must_use]
    pub fn set(&self, text: &str) -> String {
        if self.language == "fr" { french_spaces(text) } else { text.to_owned() }
    }
}

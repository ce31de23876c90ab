//! The words of the service's pages, and of the letters that it writes by itself.

use crate::domain::Language;

use super::{pages_en, pages_fr};

/// What the pages say in one language. Sentences that hold a value are functions.
#[derive(Debug, Clone, Copy)]
pub struct PageWords {
    /// The primary language subtag these words are written in, and the language's name for itself.
    pub language: &'static str,
    pub language_name: &'static str,
    pub skip_to_content: &'static str,
    /// Names the navigation of the foot for screen readers.
    pub about_this_service: &'static str,
    pub to_the_site: &'static str,
    pub archive: &'static str,
    pub privacy: &'static str,
    pub accessibility: &'static str,
    pub contact: &'static str,
    pub error_prefix: &'static str,

    // The form.
    pub subscribe_title: fn(list: &str) -> String,
    pub subscribe_lead: &'static str,
    pub email_label: &'static str,
    pub email_hint: &'static str,
    pub email_wrong: &'static str,
    pub topics_legend: &'static str,
    pub topics_hint: &'static str,
    pub language_legend: &'static str,
    pub frequency_legend: &'static str,
    pub every_digest: &'static str,
    pub once_a_month: &'static str,
    /// Label of the field that only machines fill in.
    pub leave_empty: &'static str,
    /// The text agreed to, recorded with its version as the proof of consent.
    pub consent: fn(list: &str) -> String,
    pub consent_version: &'static str,
    pub subscribe_button: &'static str,

    // After the form.
    pub look_in_mailbox_title: &'static str,
    pub look_in_mailbox: &'static [&'static str],
    pub confirm_title: &'static str,
    pub confirm_lead: fn(list: &str) -> String,
    pub confirm_button: &'static str,
    pub confirmed_title: &'static str,
    pub confirmed: fn(list: &str) -> String,
    pub link_expired_title: &'static str,
    pub link_expired: &'static str,
    pub subscribe_again: &'static str,

    // Leaving.
    pub leave_title: &'static str,
    pub leave_lead: fn(list: &str) -> String,
    pub leave_button: &'static str,
    pub left_title: &'static str,
    pub left: fn(list: &str) -> String,
    pub left_truncated: &'static str,
    pub other_choices: &'static str,

    // Preferences.
    pub preferences_title: &'static str,
    pub preferences_lead: fn(masked_address: &str) -> String,
    pub preferences_button: &'static str,
    pub preferences_saved_title: &'static str,
    pub preferences_saved: &'static str,
    pub to_preferences: &'static str,

    // My data.
    pub data_title: &'static str,
    pub data_lead: &'static str,
    pub data_button: &'static str,
    pub data_sent_title: &'static str,
    pub data_sent: &'static str,
    pub forget_title: &'static str,
    pub forget_lead: &'static str,
    pub forget_button: &'static str,
    pub forget_asked_title: &'static str,
    pub forget_asked: &'static str,
    pub erase_title: &'static str,
    pub erase_lead: &'static str,
    pub erase_button: &'static str,
    pub erased_title: &'static str,
    pub erased: &'static str,

    // Archive.
    pub archive_title: fn(list: &str) -> String,
    pub archive_empty: &'static str,
    pub archive_feed: &'static str,

    // Faults.
    pub not_found_title: &'static str,
    pub not_found: &'static str,
    pub too_many_title: &'static str,
    pub too_many: &'static str,
    pub bad_request_title: &'static str,
    pub bad_request: &'static str,
    pub unavailable_title: &'static str,
    pub unavailable: &'static str,

    pub letters: LetterWords,
}

/// The letters that the service writes by itself.
#[derive(Debug, Clone, Copy)]
pub struct LetterWords {
    pub confirm_subject: fn(list: &str) -> String,
    pub confirm_lead: fn(list: &str) -> String,
    pub confirm_button: &'static str,
    pub confirm_ignore: &'static str,
    pub welcome_subject: fn(list: &str) -> String,
    pub welcome_lead: fn(list: &str) -> String,
    pub welcome_preferences: &'static str,
    pub welcome_leave: &'static str,
    pub already_subject: fn(list: &str) -> String,
    pub already_lead: fn(list: &str) -> String,
    pub already_ignore: &'static str,
    pub data_subject: fn(list: &str) -> String,
    pub data_lead: fn(list: &str) -> String,
    pub forget_subject: fn(list: &str) -> String,
    pub forget_lead: fn(list: &str) -> String,
    pub forget_button: &'static str,
    pub forget_ignore: &'static str,
}

impl PageWords {
    /// Every language there are words for, the first the one to fall back on.
    pub const ALL: [&'static Self; 2] = [&pages_en::PAGES, &pages_fr::PAGES];

    /// The words for a language; `None` when there are none yet.
    #[must_use]
    pub fn of(language: &Language) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|words| words.language == language.primary())
    }
}

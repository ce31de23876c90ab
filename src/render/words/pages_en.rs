//! The pages and letters of the service in English.

use super::pages::{LetterWords, PageWords};

pub const PAGES: PageWords = PageWords {
    language: "en",
    language_name: "English",
    skip_to_content: "Skip to content",
    about_this_service: "About this service",
    to_the_site: "The website",
    archive: "Earlier letters",
    privacy: "Your personal data",
    accessibility: "Accessibility",
    contact: "Contact",
    error_prefix: "Error: ",

    subscribe_title: |list| format!("Subscribe to “{list}”"),
    subscribe_lead: "New articles, by e-mail. We do not measure who opens or clicks what.",
    email_label: "Your e-mail address",
    email_hint: "For example: name@example.org",
    email_wrong: "Enter one e-mail address in the form name@example.org.",
    topics_legend: "Topics",
    topics_hint: "Tick nothing to receive everything.",
    language_legend: "Language of the letters",
    frequency_legend: "How often",
    every_digest: "Each letter",
    once_a_month: "One letter a month, with everything",
    leave_empty: "Leave this field empty",
    consent: |list| {
        format!(
            "By subscribing, I agree to receive “{list}” by e-mail. My address serves this purpose only, and I \
             can leave at any time by a link in each letter."
        )
    },
    consent_version: "en-1",
    subscribe_button: "Subscribe",

    look_in_mailbox_title: "Look in your mailbox",
    look_in_mailbox: &[
        "We have written to the address you gave. Open the link in that letter within 48 hours to confirm.",
        "Nothing has come after ten minutes? Look in the folder of unwanted mail, then try again in an hour.",
    ],
    confirm_title: "Confirm your subscription",
    confirm_lead: |list| format!("One more click, and you will receive “{list}”."),
    confirm_button: "Confirm my subscription",
    confirmed_title: "Your subscription is confirmed",
    confirmed: |list| format!("You will receive “{list}” from the next letter on. Welcome!"),
    link_expired_title: "This link is no longer valid",
    link_expired: "A link works once, for 48 hours. If you have confirmed already, all is well; if not, \
                   subscribe again to receive a new one.",
    subscribe_again: "Subscribe again",

    leave_title: "Unsubscribe",
    leave_lead: |list| format!("You will no longer receive “{list}”."),
    leave_button: "Unsubscribe",
    left_title: "You are unsubscribed",
    left: |list| {
        format!("You will no longer receive “{list}”. A letter already on its way may still arrive.")
    },
    left_truncated: "If letters keep coming, the link you followed may have been cut short: write to us and we \
                     will see to it.",
    other_choices: "Other choices",

    preferences_title: "Your preferences",
    preferences_lead: |address| format!("For the address {address}."),
    preferences_button: "Save",
    preferences_saved_title: "Your preferences are saved",
    preferences_saved: "They hold from the next letter on.",
    to_preferences: "Choose topics, language and frequency",

    data_title: "Your data",
    data_lead: "We can send you all that we keep about you, to your own address.",
    data_button: "Send me my data",
    data_sent_title: "Look in your mailbox",
    data_sent: "What we keep about you is on its way to your address.",
    forget_title: "Be forgotten",
    forget_lead: "We erase all that we keep about you. So that no imported list can bring you back, we keep one \
                  fingerprint of your address, from which it cannot be read.",
    forget_button: "Erase my data",
    forget_asked_title: "Look in your mailbox",
    forget_asked: "We have written to your address. Open the link in that letter within 48 hours, and your data \
                   will be erased.",
    erase_title: "Erase your data",
    erase_lead: "This cannot be undone. You will receive nothing more from us.",
    erase_button: "Erase my data for good",
    erased_title: "Your data is erased",
    erased: "We no longer know you. You may subscribe again whenever you like.",

    archive_title: |list| format!("“{list}”: earlier letters"),
    archive_empty: "There is no letter yet.",
    archive_feed: "Follow as an Atom feed",

    not_found_title: "Page not found",
    not_found: "There is nothing at this address, or the link was cut short.",
    too_many_title: "Too many requests",
    too_many: "Wait a little, then try again.",
    bad_request_title: "This request cannot be understood",
    bad_request: "Go back, check what you typed and try again.",
    unavailable_title: "Out of order for the moment",
    unavailable: "Try again in a few minutes.",

    letters: LetterWords {
        confirm_subject: |list| format!("Confirm your subscription to “{list}”"),
        confirm_lead: |list| {
            format!("Someone, surely you, asked for “{list}” to be sent to this address. Is it right?")
        },
        confirm_button: "Yes, subscribe me",
        confirm_ignore: "The link works once, for 48 hours. If you did not ask for anything, do nothing: you will \
                         not hear from us again.",
        welcome_subject: |list| format!("Welcome to “{list}”"),
        welcome_lead: |list| {
            format!("Your subscription to “{list}” is confirmed. The next letter is for you too.")
        },
        welcome_preferences: "Choose topics, language and frequency",
        welcome_leave: "Unsubscribe",
        already_subject: |list| format!("You already receive “{list}”"),
        already_lead: |list| {
            format!("Someone, surely you, asked for “{list}” to be sent to this address. It is already.")
        },
        already_ignore: "There is nothing to do. These links are for you alone:",
        data_subject: |list| format!("Your data at “{list}”"),
        data_lead: |list| format!("This is all that “{list}” keeps about you."),
        forget_subject: |list| format!("Erase your data at “{list}”"),
        forget_lead: |list| {
            format!("Someone, surely you, asked “{list}” to erase all that it keeps about this address.")
        },
        forget_button: "Yes, erase my data",
        forget_ignore: "The link works once, for 48 hours. If you did not ask for anything, do nothing: nothing \
                        will change.",
    },
};

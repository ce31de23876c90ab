//! What feeds say to readers that no editor wrote.

use crate::domain::Language;

/// The words of the feeds in one language.
#[derive(Debug, Clone, Copy)]
pub struct FeedWords {
    /// The primary subtag of the language these words are in.
    pub language: &'static str,
    /// Text of the link to the rest of an article, after its chapeau.
    pub read_on: &'static str,
    /// Heading of an article's files.
    pub files: &'static str,
    /// Title of a topic's feed, from the site's title and the topic.
    pub topic_title: fn(&str, &str) -> String,
    /// Description of a topic's feed, from the topic and the site's title.
    pub topic_description: fn(&str, &str) -> String,
    /// The name of a language feed's topic.
    pub this_language: &'static str,
    /// For people who open a feed in a browser: heading, what it is, what to do.
    pub page_heading: &'static str,
    pub page_what: &'static str,
    pub page_how: &'static str,
    /// The link to the site, and the heading of the list of articles.
    pub page_to_site: &'static str,
    pub page_entries: &'static str,
}

impl FeedWords {
    /// The words for a language, or English where there are none.
    #[must_use]
    pub fn of(language: &Language) -> &'static Self {
        match language.primary() {
            "fr" => &FRENCH,
            _ => &ENGLISH,
        }
    }
}

const FRENCH: FeedWords = FeedWords {
    language: "fr",
    read_on: "Lire la suite sur le site",
    files: "À télécharger",
    topic_title: |site, topic| format!("{site} – {topic}"),
    topic_description: |topic, site| format!("{topic}\u{a0}: les articles de {site}"),
    this_language: "en français",
    page_heading: "Ceci est un flux d’actualité.",
    page_what: "Il permet de suivre ce site sans donner d’adresse électronique\u{a0}: un lecteur de \
                flux affiche chaque nouvel article dès sa parution.",
    page_how: "Pour vous abonner, copiez cette adresse dans un lecteur de flux, par exemple \
               Thunderbird, NetNewsWire ou FreshRSS\u{a0}:",
    page_to_site: "Aller sur le site",
    page_entries: "Derniers articles",
};

const ENGLISH: FeedWords = FeedWords {
    language: "en",
    read_on: "Read on at the site",
    files: "Downloads",
    topic_title: |site, topic| format!("{site} – {topic}"),
    topic_description: |topic, site| format!("{topic}: articles of {site}"),
    this_language: "in English",
    page_heading: "This is a web feed.",
    page_what: "It lets you follow this site without giving an e-mail address: a feed reader shows \
                each new article as soon as it is out.",
    page_how: "To subscribe, copy this address into a feed reader, such as Thunderbird, NetNewsWire \
               or FreshRSS:",
    page_to_site: "Go to the site",
    page_entries: "Latest articles",
};

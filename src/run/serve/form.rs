//! What a request says: the language it wants, and what a form chose. None of it is believed.

use axum::extract::RawQuery;
use axum::http::{HeaderMap, header};
use url::form_urlencoded;

use super::Service;
use crate::domain::{Frequency, Language, Subscriber};
use crate::ledger::Choice;
use crate::render::pages::Form;
use crate::render::words::PageWords;

/// The fields of a form or a query, in their order.
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).take(200).map(|(k, v)| (k.into_owned(), v.into_owned())).collect())
    }

    pub fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that is there exactly once: two addresses are nobody's.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        let first = values.next()?;
        values.next().is_none().then_some(first.1.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }
}

/// The language chosen in the address.
pub fn lang_of(RawQuery(query): &RawQuery) -> Option<String> {
    Fields::read(query.as_deref()?.as_bytes()).one("lang").map(str::to_owned)
}

impl Service {
    pub(super) fn words(&self, query: &RawQuery, headers: &HeaderMap) -> &'static PageWords {
        self.words_of(lang_of(query).as_deref(), headers)
    }

    pub(super) fn words_of(&self, chosen: Option<&str>, headers: &HeaderMap) -> &'static PageWords {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        self.house.words(chosen, accepted)
    }

    pub(super) fn empty_form(&self, words: &PageWords) -> Form {
        let known = self.house.languages.iter().any(|language| language.language == words.language);
        let language = if known { words.language } else { self.house.languages[0].language };
        Form { language: language.to_owned(), ..Form::default() }
    }

    pub(super) fn form_of(&self, person: &Subscriber) -> Form {
        let language = person.language.as_ref().map_or(self.house.languages[0].language, Language::primary);
        Form {
            topics: person.topics.clone(),
            language: language.to_owned(),
            monthly: person.frequency == Frequency::Monthly,
            ..Form::default()
        }
    }

    /// What a form chose among what can be chosen; the rest of it is not believed.
    pub(super) fn choice(&self, fields: &Fields, words: &PageWords) -> Choice {
        let wanted = fields.one("language").unwrap_or(words.language);
        let site = self.house.languages[0].language;
        let known = self.house.languages.iter().any(|language| language.language == wanted);
        let monthly = self.house.monthly && fields.one("frequency") == Some(Frequency::Monthly.word());
        Choice {
            language: if known && wanted != site { Language::parse(wanted) } else { None },
            topics: self.house.known_topics(&fields.all("topic")),
            frequency: if monthly { Frequency::Monthly } else { Frequency::Every },
        }
    }
}

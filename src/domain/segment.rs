//! Which reader gets which articles: the wishes of the readers, and the letters that follow.
//!
//! A letter is composed once for each distinct selection, however many readers share it, and nobody
//! gets an empty one. Pure: the ledger says which wishes exist, not who has them.

use std::collections::BTreeMap;

use super::{Article, ArticleId, Language};

/// What some readers share: their language and topics, not their number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wish {
    /// `None` for the site's own language.
    pub language: Option<Language>,
    /// Collections, categories or tags; empty for everything.
    pub topics: Vec<String>,
}

/// One letter to compose, and the wishes it fulfils.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub language: Language,
    /// Never empty; in the order of the digest.
    pub articles: Vec<ArticleId>,
    /// The wishes it fulfils, as places in the list that was given.
    pub wishes: Vec<usize>,
}

/// The letters that a digest of these articles needs, the fullest selection first, the site's language
/// before others; wishes that no
/// article fulfils are in none of them.
#[must_use]
pub fn segments(wishes: &[Wish], articles: &[&Article], site_language: &Language) -> Vec<Segment> {
    let mut by_selection: BTreeMap<(Language, Vec<usize>), Vec<usize>> = BTreeMap::new();
    for (place, wish) in wishes.iter().enumerate() {
        let chosen: Vec<usize> =
            (0..articles.len()).filter(|&at| concerns(articles[at], &wish.topics)).collect();
        if !chosen.is_empty() {
            let language = wish.language.clone().unwrap_or_else(|| site_language.clone());
            by_selection.entry((language, chosen)).or_default().push(place);
        }
    }
    let mut segments: Vec<Segment> = by_selection
        .into_iter()
        .map(|((language, chosen), wishes)| Segment {
            language,
            articles: chosen.iter().map(|&at| articles[at].id.clone()).collect(),
            wishes,
        })
        .collect();
    segments.sort_by_key(|segment| {
        (std::cmp::Reverse(segment.articles.len()), segment.language != *site_language)
    });
    segments
}

/// Whether one of the topics is the article's collection, or one of its categories or tags. Letter
/// case does not matter; no topics mean every article.
fn concerns(article: &Article, topics: &[String]) -> bool {
    let names = || article.categories.iter().chain(&article.tags).chain([&article.collection]);
    topics.is_empty()
        || topics.iter().any(|topic| {
            let topic = topic.trim().to_lowercase();
            names().any(|name| name.trim().to_lowercase() == topic)
        })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use url::Url;

    use super::{Wish, segments};
    use crate::domain::{Article, ArticleId, Guid, Language, Status};

    fn article(path: &str, collection: &str, tags: &[&str]) -> Article {
        let url = Url::parse("https://example.org").unwrap().join(path).unwrap();
        Article {
            id: ArticleId(path.to_owned()),
            guid: Guid(url.to_string()),
            guid_is_declared: false,
            collection: collection.to_owned(),
            title: path.to_owned(),
            link: url.clone(),
            url,
            published: None,
            updated: None,
            status: Status::Published,
            tags: tags.iter().map(ToString::to_string).collect(),
            categories: Vec::new(),
            authors: Vec::new(),
            language: None,
            event: None,
            attachments: Vec::new(),
            in_feeds: true,
            summary_only: false,
            words: 0,
            source: PathBuf::new(),
            body_line: 1,
        }
    }

    fn wish(language: Option<&str>, topics: &[&str]) -> Wish {
        Wish {
            language: language.and_then(Language::parse),
            topics: topics.iter().map(ToString::to_string).collect(),
        }
    }

    fn french() -> Language {
        Language::parse("fr").unwrap()
    }

    #[test]
    fn readers_who_choose_differently_and_get_the_same_share_a_letter() {
        let (a, b) = (article("/a/", "actualites", &["Eau"]), article("/b/", "agenda", &[]));
        let wishes =
            [wish(None, &[]), wish(None, &["eau"]), wish(None, &["Actualites"]), wish(Some("fr"), &[])];
        let letters = segments(&wishes, &[&a, &b], &french());
        assert_eq!(letters.len(), 2);
        assert_eq!(letters[0].articles.len(), 2, "the whole digest comes first");
        assert_eq!(letters[0].wishes, [0, 3]);
        assert_eq!(letters[1].articles, [a.id]);
        assert_eq!(letters[1].wishes, [1, 2]);
    }

    #[test]
    fn a_reader_of_another_language_gets_another_letter() {
        let a = article("/a/", "actualites", &[]);
        let letters = segments(&[wish(None, &[]), wish(Some("en"), &[])], &[&a], &french());
        assert_eq!(letters.len(), 2);
    }

    #[test]
    fn nobody_gets_an_empty_digest() {
        let a = article("/a/", "actualites", &["eau"]);
        assert!(segments(&[wish(None, &["air"])], &[&a], &french()).is_empty());
        assert!(segments(&[wish(None, &[])], &[], &french()).is_empty());
    }
}

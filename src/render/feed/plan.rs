//! Which feeds a site has: one of everything, and one for each topic that has entries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::archive::newest_first;
use super::entry::{authors, clean_line, terms};
use super::{Entry, FileNames, NameError, Scheme, Settings, Slugs};
use crate::domain::{Language, Site};
use crate::render::words::Words;

/// One feed: a selection of entries with a name and files of its own.
#[derive(Debug, Clone)]
pub struct Feed<'a> {
    /// What its id ends in; never changes while the topic keeps its name.
    pub key: String,
    pub title: String,
    pub description: String,
    pub language: &'a Language,
    pub names: FileNames,
    /// Newest first.
    pub entries: Vec<&'a Entry<'a>>,
    /// The feed of everything.
    pub is_all: bool,
}

/// The feeds of a site, that of everything first. Entries may come in any order.
///
/// # Errors
/// Two feeds that would be written to one file, which only configured names can cause.
pub fn plan<'a>(
    site: &'a Site,
    settings: &Settings,
    entries: &'a [Entry<'a>],
) -> Result<Vec<Feed<'a>>, NameError> {
    let words = &Words::of_or_english(&site.language).feeds;
    let mut all: Vec<&Entry> = entries
        .iter()
        .filter(|entry| !settings.without.iter().any(|name| name == entry.collection))
        .collect();
    newest_first(&mut all);

    let title = &clean_line(&site.title).into_owned();
    let description = clean_line(&site.description).into_owned();
    let mut feeds = vec![Feed {
        key: "all".to_owned(),
        title: title.clone(),
        description: if description.is_empty() { title.clone() } else { description },
        language: &site.language,
        names: settings.all.clone(),
        entries: all.clone(),
        is_all: true,
    }];
    for collection in &site.collections {
        let Some(names) = settings
            .named
            .get(&collection.name)
            .cloned()
            .or_else(|| Some(settings.collections.as_ref()?.for_slug(&super::slug(&collection.name))))
        else {
            continue;
        };
        let own: Vec<&Entry> =
            all.iter().copied().filter(|entry| entry.collection == collection.name).collect();
        if !own.is_empty() {
            feeds.push(Feed {
                key: format!("collection-{}", collection.name),
                title: (words.topic_title)(title, &clean_line(&collection.title)),
                description: (words.topic_description)(&clean_line(&collection.title), title),
                language: &site.language,
                names,
                entries: own,
                is_all: false,
            });
        }
    }
    let of_scheme = |scheme: Scheme| {
        move |entry: &'a Entry<'a>| {
            let own = terms(site, entry.article).into_iter().filter(|(of, _)| *of == scheme);
            own.map(|(_, term)| term).collect()
        }
    };
    let mut topics =
        |kind: &str, names: &Option<FileNames>, terms: &dyn Fn(&'a Entry<'a>) -> Vec<Cow<'a, str>>| {
            let Some(names) = names else { return };
            for topic in by_topic(&all, terms) {
                feeds.push(Feed {
                    key: format!("{kind}-{}", topic.slug),
                    title: (words.topic_title)(title, &topic.name),
                    description: (words.topic_description)(&topic.name, title),
                    language: &site.language,
                    names: names.for_slug(&topic.slug),
                    entries: topic.entries,
                    is_all: false,
                });
            }
        };
    topics("category", &settings.categories, &of_scheme(Scheme::Category));
    topics("tag", &settings.tags, &of_scheme(Scheme::Tag));
    topics("author", &settings.authors, &|entry| authors(entry.article));
    if let Some(names) = &settings.languages {
        let languages = by_topic(&all, &|entry| vec![entry.language.tag().into()]);
        // One language alone would only repeat the feed of everything.
        for topic in languages.into_iter().filter(|topic| topic.entries.len() < all.len()) {
            let language = &topic.entries[0].language;
            let words = Words::of_or_english(language);
            let spoken = words.language == language.primary();
            let (words, name) = (&words.feeds, if spoken { words.feeds.this_language } else { &topic.name });
            feeds.push(Feed {
                key: format!("language-{}", topic.slug),
                title: (words.topic_title)(title, name),
                description: (words.topic_description)(name, title),
                language,
                names: names.for_slug(&topic.slug),
                entries: topic.entries,
                is_all: false,
            });
        }
    }
    no_shared_file(&feeds)?;
    Ok(feeds)
}

/// A topic with its entries, newest first.
struct Topic<'a> {
    /// As its newest entry writes it.
    name: Cow<'a, str>,
    slug: String,
    entries: Vec<&'a Entry<'a>>,
}

/// Groups entries by the topics that `terms` gives. Spellings that differ by case only are one
/// topic; accents tell topics apart. Slugs are given in the order in which topics first appeared.
fn by_topic<'a>(all: &[&'a Entry<'a>], terms: &dyn Fn(&'a Entry<'a>) -> Vec<Cow<'a, str>>) -> Vec<Topic<'a>> {
    let mut groups: BTreeMap<String, Topic<'a>> = BTreeMap::new();
    for entry in all.iter().copied() {
        for name in terms(entry) {
            let key: String = name.to_lowercase().nfc().collect();
            let topic =
                groups.entry(key).or_insert_with(|| Topic { name, slug: String::new(), entries: Vec::new() });
            if topic.entries.last().is_none_or(|last| last.guid != entry.guid) {
                topic.entries.push(entry);
            }
        }
    }
    let mut topics: Vec<(String, Topic<'a>)> = groups.into_iter().collect();
    topics.sort_by(|a, b| {
        let first = |topic: &Topic<'a>| topic.entries.last().map(|entry| entry.published);
        first(&a.1).cmp(&first(&b.1)).then_with(|| a.0.cmp(&b.0))
    });
    let mut slugs = Slugs::default();
    topics.into_iter().map(|(key, topic)| Topic { slug: slugs.of(&key), ..topic }).collect()
}

/// File systems and servers that ignore case are common enough to be minded.
fn no_shared_file(feeds: &[Feed]) -> Result<(), NameError> {
    let mut taken = std::collections::BTreeSet::new();
    for feed in feeds {
        for (_, name) in feed.names.written() {
            if !taken.insert(name.to_lowercase()) {
                return Err(NameError { name: name.to_owned(), reason: "two feeds have it" });
            }
        }
    }
    Ok(())
}

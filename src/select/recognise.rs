//! Old acquaintances under a new name: real editors rename, and a new title gives a new file name
//! and so a new URL. An article that moved keeps its guid and stays announced.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Article, KnownArticle, likeness, near};

/// What the ledger's memory says of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recognised {
    /// Articles that moved: index in the scan, and the known path they had before.
    pub moved: Vec<(usize, crate::domain::ArticleId)>,
    /// Known articles, as places in the list given, whose paths vanished since the last scan.
    pub gone: Vec<usize>,
}

/// Titles at least this alike are the same title, retouched.
const SAME_TITLE: f64 = 0.7;

/// Gives each article of the scan the guid it is known by.
///
/// An article is known by the guid its front matter declares; else by its path; else, when its path
/// is new and a known path vanished in the same scan, by its file, or by equal collection and date
/// and a title or body that is the same or nearly so. Two files that both exist are two articles,
/// however alike. `fingerprint` is asked only for articles whose path is new.
pub fn recognise(
    articles: &mut [Article],
    known: &[KnownArticle],
    fingerprint: &mut dyn FnMut(&Article) -> u64,
) -> Recognised {
    let by_guid: BTreeMap<&str, usize> =
        known.iter().enumerate().map(|(i, k)| (k.guid.0.as_str(), i)).collect();
    // Several known articles may have stood at one path over the years: the last one holds it.
    let by_path: BTreeMap<&str, usize> =
        known.iter().enumerate().map(|(i, k)| (k.id.0.as_str(), i)).collect();
    let mut present = BTreeSet::new();
    let mut strangers = Vec::new();
    for (index, article) in articles.iter_mut().enumerate() {
        let declared = article.guid_is_declared.then(|| by_guid.get(article.guid.0.as_str())).flatten();
        let path = if article.guid_is_declared { None } else { by_path.get(article.id.0.as_str()) };
        match declared.or(path) {
            Some(&at) if present.insert(at) => article.guid = known[at].guid.clone(),
            _ if article.guid_is_declared => {}
            _ => strangers.push(index),
        }
    }
    let mut vanished: Vec<usize> =
        (0..known.len()).filter(|at| !present.contains(at) && !known[*at].gone).collect();
    // A declared guid may be new on an article that is otherwise known by its path: not gone.
    let paths: BTreeSet<&str> = articles.iter().map(|a| a.id.0.as_str()).collect();
    vanished.retain(|&at| !paths.contains(known[at].id.0.as_str()));

    let mut moved = Vec::new();
    if !vanished.is_empty() {
        let mut matches: Vec<(u32, usize, usize)> = Vec::new();
        for &index in &strangers {
            let mut print = None;
            for &at in &vanished {
                let mut body = || *print.get_or_insert_with(|| fingerprint(&articles[index]));
                if let Some(strength) = resemblance(&articles[index], &known[at], &mut body) {
                    matches.push((strength, index, at));
                }
            }
        }
        // The strongest resemblance first; the order of the scan and of the guids settles the rest.
        matches.sort_by_key(|&(strength, index, at)| (std::cmp::Reverse(strength), index, at));
        for (_, index, at) in matches {
            if let Some(place) = vanished.iter().position(|v| *v == at)
                && !moved.iter().any(|(i, _)| *i == index)
            {
                vanished.remove(place);
                articles[index].guid = known[at].guid.clone();
                moved.push((index, known[at].id.clone()));
            }
        }
    }
    moved.sort();
    Recognised { moved, gone: vanished }
}

/// How strongly a stranger resembles a vanished article, 3 the most; `None` for another article.
fn resemblance(article: &Article, known: &KnownArticle, body: &mut dyn FnMut() -> u64) -> Option<u32> {
    if article.collection != known.collection {
        return None;
    }
    let same_file = article.source == known.source;
    let same_date = article.published.map(|at| at.to_utc()) == known.published.map(|at| at.to_utc());
    if !same_file && !same_date {
        return None;
    }
    let alike = likeness(&article.title, &known.title);
    let same_body = || near(body(), known.fingerprint);
    if alike > 0.99 {
        return Some(3);
    }
    if alike >= SAME_TITLE || same_file && same_date {
        return Some(2);
    }
    let mut same_body = same_body;
    same_body().then_some(1)
}

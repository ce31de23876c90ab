//! What a rebuild would do to readers that already follow a feed.

use std::collections::BTreeSet;

use url::Url;

use super::{Entry, Format, Seen};
use crate::domain::{Gravity, Problem};

/// Why a feed must not be replaced without a yes: entries whose id would change, which every reader
/// would show again as new, and a feed that would lose more than half of its entries. `before` is
/// what the published document holds, `entries` all that the feed has now, archives included.
#[must_use]
pub fn objections(
    before: &[Seen],
    entries: &[&Entry],
    format: Format,
    home: &Url,
    name: &str,
) -> Vec<Problem> {
    let id = |entry: &Entry| match format {
        Format::Atom => entry.atom_id(home),
        Format::Rss | Format::Json => entry.guid.to_owned(),
    };
    let now: BTreeSet<String> = entries.iter().map(|entry| id(entry)).collect();
    let then: BTreeSet<&str> = before.iter().map(|seen| seen.guid.as_str()).collect();
    let gone: Vec<&Seen> = before.iter().filter(|seen| !now.contains(&seen.guid)).collect();
    let mut out = Vec::new();
    let mut renamed = 0;
    for seen in &gone {
        let heir = entries.iter().find(|entry| {
            let moved = entry.title == seen.title && Some(entry.published.to_utc()) == seen.published;
            !then.contains(id(entry).as_str()) && (entry.link.as_str() == seen.link || moved)
        });
        if let Some(entry) = heir {
            renamed += 1;
            out.push(Problem {
                path: entry.source.to_owned(),
                line: None,
                gravity: Gravity::Error,
                what: format!("its published id {} would become {} in {name}", seen.guid, id(entry)),
                remedy: format!(
                    "readers would see it twice: add `guid: {}` to its front matter, or say --force",
                    seen.guid
                ),
            });
        }
    }
    let lost = gone.len() - renamed;
    if lost * 2 > before.len() {
        out.push(Problem {
            path: name.into(),
            line: None,
            gravity: Gravity::Error,
            what: format!("{lost} of its {} entries would disappear from every feed", before.len()),
            remedy: "look whether the site's folder is whole; if this is meant, say --force".to_owned(),
        });
    }
    out
}

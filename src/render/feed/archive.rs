//! The documents of one feed: the one that people subscribe to, and archives (RFC 5005 section 4).
//!
//! Readers first get the entries that were published or revised last, in the order of publication:
//! an article of last year whose flag flips today is news today, and a correction should reach those
//! who read the old text (RFC 5005 asks for it). All others stay reachable through archive
//! documents, filled from the oldest entry on, so that a new article never moves an old one to
//! another archive. An archive's name ends in a digest of all it holds and of the name of the archive
//! before it: what a name stands for never changes, and where an old article is corrected, added
//! or withdrawn, the archives from there on get other names. The last few entries are in no archive
//! until one is full; they are always among those that every subscriber gets.

use aws_lc_rs::digest::{Context, SHA256};

use super::entry::hex;
use super::{Entry, Full, Settings, Shown};

/// The documents of one feed.
#[derive(Debug, Clone)]
pub struct Pages<'a> {
    /// The newest entries, newest first.
    pub current: Vec<Shown<'a>>,
    /// Oldest first.
    pub archives: Vec<Page<'a>>,
    /// How many entries of `current` lost their full text to the size budget.
    pub shortened: usize,
}

/// One archive document.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// What stands in its file names: `archive-3-1f0c22ab`.
    pub mark: String,
    /// Newest first.
    pub entries: Vec<Shown<'a>>,
}

/// Raise this when a format prints an entry in another way, so that archives get new names.
const EDITION: &str = "1";

/// Lays out entries (newest first). `keep_old` asks for archives; `seed` names
/// all that they print beside their entries.
#[must_use]
pub fn paginate<'a>(entries: &[&'a Entry<'a>], settings: &Settings, keep_old: bool, seed: &str) -> Pages<'a> {
    let limit = settings.limit.max(1);
    let mut loose = entries;
    let mut archives = Vec::new();
    if keep_old && entries.len() > limit {
        let most = settings.archive_entries.clamp(1, limit);
        let mut mark = format!("{EDITION} {seed}");
        while let Some(length) = full_archive(loose, most, settings.budget) {
            let (newer, own) = loose.split_at(loose.len() - length);
            loose = newer;
            mark = next_mark(&mark, archives.len() + 1, own);
            let entries =
                own.iter().map(|entry| Shown { entry, full: settings.full == Full::Full }).collect();
            archives.push(Page { mark: mark.clone(), entries });
        }
    }
    let at_hand = if archives.is_empty() { 0 } else { loose.len() };
    let (current, shortened) = within_budget(&latest(entries, at_hand, limit), settings);
    Pages { current, archives, shortened }
}

/// Those of a feed's entries (newest first) that some document of it shows.
#[must_use]
pub fn shown<'a>(entries: &[&'a Entry<'a>], settings: &Settings, keep_old: bool) -> Vec<&'a Entry<'a>> {
    if keep_old { entries.to_vec() } else { latest(entries, 0, settings.limit.max(1)) }
}

/// The first `at_hand` entries, and of the others those revised last, up to `limit` in all.
fn latest<'a>(entries: &[&'a Entry<'a>], at_hand: usize, limit: usize) -> Vec<&'a Entry<'a>> {
    let (first, others) = entries.split_at(at_hand.min(entries.len()));
    let mut others = others.to_vec();
    let wanted = limit.saturating_sub(first.len());
    if wanted < others.len() {
        others.select_nth_unstable_by(wanted, |a, b| {
            b.updated.cmp(&a.updated).then_with(|| a.guid.cmp(b.guid))
        });
        others.truncate(wanted);
    }
    let mut chosen = first.to_vec();
    chosen.extend(others);
    newest_first(&mut chosen);
    chosen
}

/// The order of every feed: by publication, and by id where two were published at once.
pub(super) fn newest_first(entries: &mut [&Entry]) {
    entries.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.guid.cmp(b.guid)));
}

/// How many of the oldest entries make a full archive: as many as it may hold, or as fill the
/// budget; `None` while there are fewer.
fn full_archive(entries: &[&Entry], most: usize, budget: usize) -> Option<usize> {
    let mut size = FRAME;
    for (count, entry) in entries.iter().rev().enumerate() {
        size += entry.told().weight(true);
        if size > budget && count > 0 {
            return Some(count);
        }
        if count + 1 == most {
            return Some(most);
        }
    }
    None
}

fn next_mark(before: &str, number: usize, entries: &[&Entry]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(before.as_bytes());
    for entry in entries {
        context.update(entry.fingerprint().as_bytes());
    }
    format!("archive-{number}-{}", &hex(context.finish().as_ref())[..8])
}

/// Full text for the newest entries, as far as the budget goes; then chapeaux. One article too
/// long for any budget does not take the text of all those before it.
fn within_budget<'a>(entries: &[&'a Entry<'a>], settings: &Settings) -> (Vec<Shown<'a>>, usize) {
    let least: usize = FRAME + entries.iter().map(|entry| entry.told().weight(false)).sum::<usize>();
    let mut left = settings.budget.saturating_sub(least);
    let mut open = settings.full == Full::Full;
    let mut shortened = 0;
    let shown = entries
        .iter()
        .map(|entry| {
            let more = entry.told().weight(true).saturating_sub(entry.told().weight(false));
            let full = open && more <= left;
            if full {
                left -= more;
            } else if settings.full == Full::Full {
                shortened += 1;
                open = open && more > settings.budget / 2;
            }
            Shown { entry, full }
        })
        .collect();
    (shown, shortened)
}

/// Octets of a document without its entries.
const FRAME: usize = 3_000;

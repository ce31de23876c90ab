//! When an entry was last revised: stable, never before its publication, no two alike.
//!
//! `updated` moves when the words of an article change, not when a file is touched or its markup is
//! tidied (RFC 4287 4.2.15). The ledger remembers the words; without one, the front matter decides.
//! Readers compare these dates, and the W3C validator refuses two equal ones in a feed, so that
//! articles dated by the day alone each get some seconds of their own, the same ones for ever.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Duration, NaiveTime, SubsecRound, Utc};
use twox_hash::XxHash3_128;

use super::Entry;
use crate::domain::{Article, KnownText, Site, TextHash};

/// Sets `updated` of all entries of a site, and gives what the ledger is to remember of those that
/// are new or whose words have changed. No two entries share an instant.
pub fn stamp(site: &Site, entries: &mut [Entry], known: &[KnownText], now: DateTime<Utc>) -> Vec<KnownText> {
    let known: HashMap<&str, &KnownText> = known.iter().map(|text| (text.guid.0.as_str(), text)).collect();
    let here = |date: DateTime<Utc>| date.with_timezone(&site.timezone).fixed_offset();
    let mut changed = Vec::new();
    let mut settled = HashSet::with_capacity(entries.len());
    let mut open: Vec<usize> = Vec::new();
    for (at, entry) in entries.iter_mut().enumerate() {
        match known.get(entry.guid) {
            // Words that another version wrote down in its own way are taken for the same.
            Some(text)
                if text.hash.is_none_or(|hash| hash == entry.text_hash)
                    && text.updated >= entry.published =>
            {
                entry.updated = here(text.updated);
                settled.insert(entry.updated);
                if text.hash.is_none() {
                    changed.push(entry.known());
                }
            }
            Some(text) => {
                // The editor's own date wins when it is later than what readers have seen.
                if entry.updated <= text.updated || entry.updated > now {
                    entry.updated = here(now.trunc_subsecs(0)).max(entry.published);
                }
                open.push(at);
            }
            None if !known.is_empty() && entry.updated < now - LATE => {
                entry.updated = here(now.trunc_subsecs(0));
                open.push(at);
            }
            None => {
                if entry.updated > now {
                    entry.updated = entry.published;
                }
                if entry.updated.time() == NaiveTime::MIN {
                    entry.updated += seconds_of_the_day(entry.guid);
                }
                open.push(at);
            }
        }
    }
    // The order of files must not matter.
    open.sort_by(|a, b| {
        (entries[*a].updated, entries[*a].guid).cmp(&(entries[*b].updated, entries[*b].guid))
    });
    let found_now = now.trunc_subsecs(0);
    // Many revisions found at once count back from now, not on into the future; each from where the
    // one before it came to.
    let mut back = found_now;
    for at in open {
        let entry = &mut entries[at];
        let is_now = entry.updated == found_now;
        if is_now {
            entry.updated = here(back).max(entry.published);
        }
        let mut step = Duration::seconds(if is_now { -1 } else { 1 });
        while !settled.insert(entry.updated) {
            if entry.updated + step < entry.published {
                step = Duration::seconds(1);
            }
            entry.updated += step;
        }
        if is_now && entry.updated < back {
            back = entry.updated.to_utc();
        }
        changed.push(entry.known());
    }
    changed
}

/// An article that turns up later than this after its own date was published today, whatever it
/// says: its date of revision tells readers so, and brings it into the feeds.
const LATE: Duration = Duration::days(1);

/// What an article says is known by: its title, its event, and the words of its chapeau and body.
pub(super) fn text_hash(title: &str, article: &Article) -> TextHash {
    let mut words = [&article.words.to_be_bytes()[..], title.as_bytes(), b"\n"].concat();
    if let Some(event) = &article.event {
        for date in [event.start, event.end].into_iter().flatten() {
            words.extend(date.timestamp_millis().to_be_bytes());
        }
        words.extend(event.place.as_bytes());
    }
    TextHash(XxHash3_128::oneshot(&words))
}

/// Between one second and ten minutes, by the guid: the same for every build and every neighbour.
fn seconds_of_the_day(guid: &str) -> Duration {
    let hash = digest(&SHA256, guid.as_bytes());
    let number = u32::from_be_bytes([0, hash.as_ref()[0], hash.as_ref()[1], hash.as_ref()[2]]);
    Duration::seconds(i64::from(1 + number % 599))
}

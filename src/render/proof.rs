//! The self-check of feeds: a document is read back and held against what it was to say.
//!
//! What is found: octets that are no UTF-8; characters that kill feeds; XML that is not well-formed
//! (also where lenient parsers let it pass: attributes, references, prefixes, a second root) and
//! JSON that is none; an entry that is missing, doubled or out of its place; any id, link, title,
//! date, summary, text, topic, author or address of an image that is not read back as it was meant; an
//! address in a text that leads nowhere from a feed reader.

mod json;
mod xml;

use chrono::{DateTime, FixedOffset};

use super::feed::{Channel, Format, Shown};
use super::{atom, rss};
use crate::domain::{Gravity, Problem};

pub use xml::{Dialect, Fields, Value};

/// What is wrong with a document.
#[derive(Debug, PartialEq, Eq)]
struct Flaw {
    /// The place of the entry that is at fault.
    entry: Option<usize>,
    what: String,
}

/// Reads a document back that shows these entries of a channel. Nothing is published that fails
/// here; a failure names the article whose entry is at fault where there is one.
///
/// # Errors
/// The first fault.
pub fn check(
    channel: &Channel,
    entries: &[Shown],
    format: Format,
    octets: &[u8],
) -> Result<(), Box<Problem>> {
    held(channel, entries, format, octets).map_err(|flaw| {
        let entry = flaw.entry.and_then(|at| entries.get(at)).map(|shown| shown.entry);
        Box::new(Problem {
            path: entry.map_or_else(|| "_config.yml".into(), |entry| entry.source.to_owned()),
            line: None,
            gravity: Gravity::Error,
            what: format!("the {} feed «{}» would be faulty: {}", format.name(), channel.title, flaw.what),
            remedy: "nothing was published and the old feeds stay; simplify this text, and report the \
                     fault to the makers of parution"
                .to_owned(),
        })
    })
}

fn held(channel: &Channel, entries: &[Shown], format: Format, octets: &[u8]) -> Result<(), Flaw> {
    let general = |what: String| Flaw { entry: None, what };
    let text = encoding_rs::UTF_8.decode_without_bom_handling_and_without_replacement(octets);
    let text = text.ok_or_else(|| general("it is no UTF-8".to_owned()))?;
    if let Some(c) = first_forbidden(&text) {
        return Err(general(format!("it holds the forbidden character U+{:04X}", u32::from(c))));
    }
    for (at, shown) in entries.iter().enumerate() {
        let own = [Some(shown.entry.link), shown.entry.told().image.as_ref().map(|image| &image.url)];
        let astray = own.into_iter().flatten().find(|url| !matches!(url.scheme(), "http" | "https"));
        let astray = astray.map(url::Url::as_str).or(shown.entry.told().astray.as_deref());
        if let Some(url) = astray {
            let what = format!("the address {url:?} leads nowhere from a feed reader");
            return Err(Flaw { entry: Some(at), what });
        }
    }
    match format {
        Format::Rss => {
            let said = entries.iter().map(|shown| rss::said_by(channel, *shown));
            xml::hold(&text, &rss::DIALECT, rss::said(channel), said)
        }
        Format::Atom => {
            let said = entries.iter().map(|shown| atom::said_by(channel, *shown));
            xml::hold(&text, &atom::DIALECT, atom::said(channel), said)
        }
        Format::Json => json::hold(&text, channel, entries),
    }
}

/// The first character that no feed may carry: a control but line feed and tab, U+FFFD, a
/// noncharacter of the first plane. Looks at octets, because sound documents are the rule and processors then
/// take many at a time.
fn first_forbidden(text: &str) -> Option<char> {
    let octets = text.as_bytes();
    let is_c0 = |octet: u8| matches!(octet, 0..=8 | 11..=31 | 0x7f);
    let c0 = octets.chunks(4096).any(|part| part.iter().fold(false, |found, octet| found | is_c0(*octet)));
    // C1 controls are C2 80 to C2 9F; U+FDD0 to U+FDEF are EF B7 90 to EF B7 AF, U+FFFD on EF BF BD on.
    let c1 = || memchr::memchr_iter(0xc2, octets).any(|at| octets[at + 1] < 0xa0);
    let last = || {
        memchr::memchr_iter(0xef, octets)
            .any(|at| matches!(octets[at + 1..at + 3], [0xb7, 0x90..=0xaf] | [0xbf, 0xbd..=0xbf]))
    };
    if !c0 && !c1() && !last() {
        return None;
    }
    text.chars().find(|c| is_forbidden(*c))
}

fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{fffd}'..='\u{ffff}')
}

/// Whether a date is read back as it was: the same time of the clock, in the same zone. Zones of
/// long ago have seconds, which no format can say.
fn is_date(read: &DateTime<FixedOffset>, meant: &DateTime<FixedOffset>) -> bool {
    let zones = [read, meant].map(|date| date.offset().local_minus_utc());
    read.naive_local() == meant.naive_local() && zones[0].abs_diff(zones[1]) < 60
}

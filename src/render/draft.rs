//! A document on its way to the public: put together of pieces that documents share, and read back.
//!
//! A site's feeds show the same articles again and again: in the feed of everything, of their
//! collection, of each tag, in archives. What a format prints of an entry is the same in all of
//! them, so it is made once, and [`proof`] reads it back once: in the first document that shows it. Any
//! other document is read back with its own frame and those entries that were not read yet, one at
//! least; an entry that a parser took for one in a place is one in every document with the same
//! octets in that place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::documents::Sheet;
use super::feed::{Channel, Format, Shown};
use super::{atom, json_feed, proof, rss};
use crate::domain::Problem;

/// What stands around the entries of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub head: String,
    pub between: &'static str,
    pub tail: String,
}

/// What one format prints of the entries that stand in several documents.
#[derive(Debug)]
pub struct Shelf<'a> {
    pub format: Format,
    places: HashMap<Key<'a>, OnceLock<Arc<Piece>>>,
    /// Octets that are kept.
    kept: AtomicUsize,
}

/// An entry's guid, whether it is shown in full, and whether it says its own language.
type Key<'a> = (&'a str, bool, bool);

#[derive(Debug)]
struct Piece {
    text: String,
    was_read_back: AtomicBool,
}

/// What is kept at most; entries beyond are made anew for each document.
const MOST_KEPT: usize = 64 << 20;

impl<'a> Shelf<'a> {
    /// Has a place for each entry that several of these documents show.
    pub fn of<'s>(format: Format, sheets: impl Iterator<Item = &'s Sheet<'a>>) -> Self
    where
        'a: 's,
    {
        let mut seen: HashMap<Key, u32> = HashMap::new();
        for sheet in sheets.filter(|sheet| sheet.names.get(format).is_some()) {
            for shown in &sheet.channel.entries {
                *seen.entry(key(&sheet.channel, *shown)).or_default() += 1;
            }
        }
        let several = seen.into_iter().filter(|(_, times)| *times > 1);
        Self {
            format,
            places: several.map(|(key, _)| (key, OnceLock::new())).collect(),
            kept: AtomicUsize::new(0),
        }
    }

    fn piece(&self, channel: &Channel<'a>, shown: Shown<'a>) -> Arc<Piece> {
        let place = self.places.get(&key(channel, shown));
        if let Some(piece) = place.and_then(OnceLock::get) {
            return Arc::clone(piece);
        }
        let text = match self.format {
            Format::Rss => rss::piece(channel, shown),
            Format::Atom => atom::piece(channel, shown),
            Format::Json => json_feed::piece(channel, shown),
        };
        let length = text.len();
        let piece = Arc::new(Piece { text, was_read_back: AtomicBool::new(false) });
        match place {
            Some(place) if self.kept.fetch_add(length, Ordering::Relaxed) + length <= MOST_KEPT => {
                Arc::clone(place.get_or_init(|| piece))
            }
            _ => piece,
        }
    }
}

fn key<'a>(channel: &Channel<'a>, shown: Shown<'a>) -> Key<'a> {
    (shown.entry.guid, shown.full, shown.entry.language != channel.language)
}

/// One document in one format.
#[derive(Debug)]
pub struct Draft<'c, 'a> {
    channel: &'c Channel<'a>,
    format: Format,
    frame: Frame,
    pieces: Vec<Arc<Piece>>,
}

impl<'c, 'a> Draft<'c, 'a> {
    /// Takes the entries from the shelf of a format.
    #[must_use]
    pub fn of(channel: &'c Channel<'a>, shelf: &Shelf<'a>) -> Self {
        let frame = match shelf.format {
            Format::Rss => rss::frame(channel),
            Format::Atom => atom::frame(channel),
            Format::Json => json_feed::frame(channel),
        };
        let pieces = channel.entries.iter().map(|shown| shelf.piece(channel, *shown)).collect();
        Self { channel, format: shelf.format, frame, pieces }
    }

    /// The whole document.
    #[must_use]
    pub fn text(&self) -> String {
        self.with(&self.pieces)
    }

    /// Reads back what of it was not read back yet and holds it against what it was to say.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), Box<Problem>> {
        let is_new = |at: usize| at == 0 || !self.pieces[at].was_read_back.load(Ordering::Relaxed);
        let (pieces, entries): (Vec<_>, Vec<_>) = (0..self.pieces.len())
            .filter(|at| is_new(*at))
            .map(|at| (Arc::clone(&self.pieces[at]), self.channel.entries[at]))
            .unzip();
        proof::check(self.channel, &entries, self.format, self.with(&pieces).as_bytes())?;
        for piece in pieces {
            piece.was_read_back.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn with(&self, pieces: &[Arc<Piece>]) -> String {
        let Frame { head, between, tail } = &self.frame;
        let own: usize = pieces.iter().map(|piece| piece.text.len() + between.len()).sum();
        let mut out = String::with_capacity(head.len() + own + tail.len());
        out.push_str(head);
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 {
                out.push_str(between);
            }
            out.push_str(&piece.text);
        }
        out.push_str(tail);
        out
    }
}

/// One document that shares nothing with others.
#[must_use]
pub fn write(channel: &Channel, format: Format) -> String {
    let alone = Shelf { format, places: HashMap::new(), kept: AtomicUsize::new(0) };
    Draft::of(channel, &alone).text()
}

//! Verbs about digests: cutting, pausing, looking back.

use chrono::{DateTime, Utc};

use super::LedgerError;
use crate::domain::{ArticleId, Digest, DigestId, Edition, Frequency, Language, Occasion, Tally};

/// Digests, frozen from the moment they are cut.
pub trait Digests {
    /// The confirmed readers, grouped by what decides their edition; small however long the list.
    fn reader_groups(&mut self) -> Result<Vec<ReaderGroup>, LedgerError>;

    /// Freezes a digest: its parts, its articles marked as announced (scheduled digests), one
    /// delivery for each confirmed reader of the groups that have an edition. All or nothing.
    ///
    /// `readers` must name every group there is, with the index of its edition in
    /// `digest.editions`, or `None` for readers whom this digest leaves out.
    fn cut(&mut self, digest: &Digest, readers: &[(ReaderGroup, Option<usize>)]) -> Result<Cut, LedgerError>;

    /// The newest digests first, at most `limit`.
    fn digests(&mut self, limit: usize) -> Result<Vec<DigestSummary>, LedgerError>;

    /// The frozen parts of one edition; `None` when there is none of that number.
    fn edition(&mut self, digest: DigestId, number: usize) -> Result<Option<Edition>, LedgerError>;

    /// Keeps a digest's letters back until an instant, and says why.
    fn pause(&mut self, digest: DigestId, pause: &Pause) -> Result<(), LedgerError>;

    /// Ends the pauses of all digests; says how many there were.
    fn resume(&mut self) -> Result<u64, LedgerError>;
}

/// Readers who get the same edition: same language, topics and frequency.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReaderGroup {
    pub language: Option<Language>,
    /// Sorted, each once; empty means everything.
    pub topics: Vec<String>,
    pub frequency: Frequency,
    /// How many confirmed readers there are.
    pub readers: u64,
}

/// What became of an attempt to cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    Made {
        digest: DigestId,
        deliveries: u64,
    },
    /// Another run was faster, or the selection was made from an old view.
    AlreadyAnnounced(Vec<ArticleId>),
    /// The manual name was used before, by this digest.
    NameTaken(DigestId),
    /// An article was never given to `remember`.
    UnknownArticle(ArticleId),
    /// A group of readers appeared since `reader_groups` was asked: ask again and cut again.
    ReadersChanged,
}

/// Why a digest waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub until: DateTime<Utc>,
    pub reason: String,
}

/// One line of the list of digests.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestSummary {
    pub id: DigestId,
    pub occasion: Occasion,
    pub cut_at: DateTime<Utc>,
    pub articles: Vec<ArticleId>,
    /// The subject of its first edition.
    pub subject: String,
    pub pause: Option<Pause>,
    pub tally: Tally,
}

/// The edition for a group of readers, as chosen before a cut; `None` for a group nobody had seen.
pub(super) fn edition_of<'r>(
    readers: &'r [(ReaderGroup, Option<usize>)],
    group: &ReaderGroup,
) -> Option<&'r Option<usize>> {
    let same = |known: &&(ReaderGroup, Option<usize>)| {
        known.0.language == group.language
            && known.0.topics == group.topics
            && known.0.frequency == group.frequency
    };
    readers.iter().find(same).map(|(_, edition)| edition)
}

/// Groups keep their topics in one column, one a line.
pub(super) fn topics_to_text(topics: &[String]) -> String {
    let mut topics: Vec<&str> = topics.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).collect();
    topics.sort_unstable();
    topics.dedup();
    topics.join("\n")
}

pub(super) fn topics_from_text(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

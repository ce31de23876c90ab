//! Cuts a digest: from chosen articles to one transaction of the ledger.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::digest::{self, ByHand, Made, Style};
use super::{Fault, digest::wishes};
use crate::domain::{Article, Digest, DigestId, Frequency, Occasion, Problem, segments};
use crate::ledger::{self, Ledger, ReaderGroup};
use crate::read::folder::Scan;

/// What became of the intention to send a digest.
#[derive(Debug)]
pub enum Cutting {
    Cut {
        digest: DigestId,
        deliveries: u64,
        subject: String,
        /// How many of its articles are in no reader's topics.
        unwanted: usize,
        problems: Vec<Problem>,
    },
    /// Nobody subscribes; or nobody's topics are what an editor chose by hand.
    NoReaders,
    /// The letter must not go out as it is.
    Flawed { flaws: Vec<String>, problems: Vec<Problem> },
    /// Another run announced some of the articles meanwhile; nothing was cut.
    Overtaken,
    /// A digest by hand had this name before.
    NameTaken(DigestId),
}

/// Which readers a digest is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Who wants every digest.
    Every,
    /// Who wants one a month.
    Monthly,
    /// Everyone: what an editor sends by hand.
    All,
}

impl Audience {
    fn holds(self, group: &ReaderGroup) -> bool {
        match self {
            Self::Every => group.frequency == Frequency::Every,
            Self::Monthly => group.frequency == Frequency::Monthly,
            Self::All => true,
        }
    }
}

/// What goes into a digest.
pub struct Digesting<'a> {
    /// Places in the scan, oldest first.
    pub chosen: &'a [usize],
    pub occasion: Occasion,
    pub audience: Audience,
    pub style: &'a Style<'a>,
    pub by_hand: &'a ByHand,
    /// The editor's introduction, used when `by_hand` has none and nobody has had it yet.
    pub intro: &'a Path,
    /// Send a letter that [`digest::make`] finds flaws in.
    pub force: bool,
    pub now: DateTime<Utc>,
}

/// Makes the editions for the readers there are, and cuts the digest.
///
/// # Errors
/// When a template, the introduction or the ledger fails.
pub fn cut(digesting: &Digesting, scan: &Scan, ledger: &mut dyn Ledger) -> Result<Cutting, Fault> {
    // Someone may subscribe between the question and the cut; three times in a row is a fault.
    for _ in 0..3 {
        let groups = ledger.reader_groups()?;
        if groups.is_empty() {
            return Ok(Cutting::NoReaders);
        }
        let unwanted = unwanted(digesting.chosen, scan, &groups);
        let (served, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| digesting.audience.holds(group));
        // Articles that no reader asked for are announced all the same, to nobody: they would pile up
        // and fall upon the first who does. So are those of a list of monthly readers alone, whose own
        // letter takes them up from there.
        let mut made = make(digesting, scan, &wishes(&served), ledger)?;
        let mut readers = made.readers(&served);
        if made.editions.is_empty() && digesting.audience != Audience::All {
            made = make(digesting, scan, &[], ledger)?;
            readers = served.into_iter().map(|group| (group, None)).collect();
        }
        if made.editions.is_empty() {
            return Ok(Cutting::NoReaders);
        }
        if !made.flaws.is_empty() && !digesting.force {
            return Ok(Cutting::Flawed { flaws: made.flaws, problems: made.problems });
        }
        readers.extend(others.into_iter().map(|group| (group, None)));
        let subject = made.editions[0].subject.clone();
        let digest = Digest {
            occasion: digesting.occasion.clone(),
            cut_at: digesting.now,
            articles: made.articles,
            editions: made.editions,
        };
        match ledger.cut(&digest, &readers)? {
            ledger::Cut::Made { digest, deliveries } => {
                return Ok(Cutting::Cut { digest, deliveries, subject, unwanted, problems: made.problems });
            }
            ledger::Cut::AlreadyAnnounced(_) => return Ok(Cutting::Overtaken),
            ledger::Cut::NameTaken(digest) => return Ok(Cutting::NameTaken(digest)),
            ledger::Cut::UnknownArticle(id) => {
                return Err(Fault(format!("{id} is in no ledger: this is a bug of parution")));
            }
            ledger::Cut::ReadersChanged => {}
        }
    }
    Err(Fault("the list of readers changes faster than a digest can be cut; run again".to_owned()))
}

/// How many of the chosen articles no reader has among their topics, however often they want letters.
fn unwanted(chosen: &[usize], scan: &Scan, groups: &[ReaderGroup]) -> usize {
    let articles: Vec<&Article> = chosen.iter().map(|&at| &scan.articles[at]).collect();
    let segments = segments(&wishes(groups), &articles, &scan.site.language);
    articles.iter().filter(|article| !segments.iter().any(|s| s.articles.contains(&article.id))).count()
}

/// Makes the editions, cuts nothing; for previews too.
///
/// # Errors
/// When a template, the introduction or the ledger fails.
pub fn make(
    digesting: &Digesting,
    scan: &Scan,
    wishes: &[crate::domain::Wish],
    ledger: &mut dyn Ledger,
) -> Result<Made, Fault> {
    let last = ledger.digests(1)?.into_iter().next();
    let number = last.as_ref().map_or(1, |last| last.id.0.unsigned_abs() + 1);
    let mut by_hand = digesting.by_hand.clone();
    let mut problems = Vec::new();
    if by_hand.intro.is_none()
        && let Some((intro, more)) = digest::read_intro(digesting.intro, scan, last.map(|last| last.cut_at))?
    {
        by_hand.intro = Some(intro);
        problems = more;
    }
    let mut made =
        digest::make(scan, digesting.chosen, wishes, digesting.style, &by_hand, Some(number), digesting.now)?;
    problems.append(&mut made.problems);
    made.problems = problems;
    Ok(made)
}

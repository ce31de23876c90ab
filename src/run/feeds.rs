//! Builds and publishes the feeds.
//!
//! Order: announce each article to feeds; date the revisions; plan the feeds; tell those that some
//! document shows, once for all feeds and on all processors; write every document, read it back, hold
//! it against what is published; then publish all of it together. Anything doubtful stops before the
//! first file changes. Hubs are told last, and a hub that does not listen is told again by the next
//! run.

mod announce;
mod hubs;
mod prepare;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

use chrono::{DateTime, Utc};

use super::{Ending, Fault, processors};
use crate::domain::{Article, Content, Gravity, Problem, Site};
use crate::ledger::Ledger;
use crate::render::feed::{self, Settings};
use crate::render::host::Host;
use crate::render::{documents, opml};
use announce::{announce, is_for_feeds, tell};
use prepare::{prepare, size_advice};

/// What `feeds` needs to know beside the articles.
#[derive(Debug)]
pub struct Order<'a> {
    pub site: &'a Site,
    pub settings: &'a Settings,
    /// The folder that is published.
    pub folder: &'a Path,
    /// The name of the list of all feeds; `None` for none.
    pub opml: Option<&'a str>,
    pub hosts: &'a [Host],
    /// Old feed names and the names that took their place.
    pub redirects: &'a [(String, String)],
    /// Replace feeds although ids would change or most entries would go.
    pub force: bool,
    pub now: DateTime<Utc>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    pub feeds: usize,
    pub entries: usize,
    /// Names of the files that changed.
    pub written: Vec<String>,
    pub unchanged: usize,
    pub removed: Vec<PathBuf>,
    /// What editors should look at; none of it kept other articles from the feeds.
    pub problems: Vec<Problem>,
    /// Why nothing was published; empty when all was.
    pub objections: Vec<Problem>,
    pub pings: usize,
    /// Hubs that did not take a ping; the next run asks again.
    pub unheard: Vec<String>,
}

impl Report {
    /// Says in plain lines what was done, and what was not and why.
    ///
    /// # Errors
    /// The output is closed.
    pub fn tell(&self, out: &mut dyn Write) -> Result<Ending, Fault> {
        for objection in &self.objections {
            writeln!(out, "{objection}")?;
        }
        if !self.objections.is_empty() {
            writeln!(out, "feeds: nothing was published, the old feeds stay")?;
            return Ok(Ending::Look);
        }
        if self.written.is_empty() && self.removed.is_empty() {
            writeln!(out, "feeds: {} feeds, nothing changed", self.feeds)?;
        } else {
            let (entries, feeds, written) = (self.entries, self.feeds, self.written.len());
            write!(out, "feeds: {entries} entries in {feeds} feeds, {written} files written")?;
            if !self.removed.is_empty() {
                write!(out, ", {} old ones removed", self.removed.len())?;
            }
            writeln!(out)?;
        }
        // A hub is never a fault of the run.
        for hub in &self.unheard {
            writeln!(out, "feeds: {hub}; the next run asks again")?;
        }
        Ok(Ending::Done)
    }
}

/// Reads and renders one article's text.
pub type ReadContent<'a> = dyn Fn(&Article) -> Result<(Content, Vec<Problem>), Problem> + Sync + 'a;

/// Builds all feeds of these articles and publishes what changed. Articles that readers may not see
/// yet, or that keep out of feeds, are passed over.
///
/// # Errors
/// The disk or the ledger refused, or two feeds have one file name. Old feeds stay.
pub fn feeds(
    order: &Order,
    articles: &[Article],
    content: &ReadContent,
    mut ledger: Option<&mut dyn Ledger>,
) -> Result<Report, Fault> {
    let mut report = Report::default();
    let (mut entries, problems) = announce(order, articles);
    report.problems = problems;
    let known = ledger.as_mut().map_or_else(|| Ok(Vec::new()), |ledger| ledger.feed_texts())?;
    let texts = feed::stamp(order.site, &mut entries, &known, order.now);
    let withdrawn: BTreeSet<&str> = articles
        .iter()
        .filter(|article| !is_for_feeds(article, order.now))
        .map(|article| article.link.as_str())
        .collect();
    let (feeds, publication) = thread::scope(|scope| {
        let making = scope.spawn(|| {
            let mut feeds = feed::plan(order.site, order.settings, &entries)?;
            report.problems.extend(tell(order, &mut feeds, content));
            let mut publication = prepare(order, &feeds, &withdrawn, &mut report)?;
            if report.objections.is_empty() {
                publication.make_durable()?;
            }
            Ok::<_, Fault>((feeds, publication))
        });
        // The ledger writes down the dates meanwhile; they come first, since a run that is killed
        // before it publishes must not date the same words again.
        let dated = ledger.as_mut().map_or(Ok(()), |ledger| ledger.record_feed_texts(&texts));
        let made = making.join().expect("making documents never panics")?;
        dated?;
        Ok::<_, Fault>(made)
    })?;
    report.feeds = feeds.len();
    report.entries = feeds.first().map_or(0, |all| all.entries.len());
    if !report.objections.is_empty() {
        return Ok(report);
    }
    let published = publication.commit()?;
    let changed = hubs::pings(order, &feeds, &published.written);
    if let Some(ledger) = ledger.as_mut() {
        ledger.owe_pings(&changed)?;
    }
    (report.written, report.unchanged, report.removed) =
        (published.written, published.unchanged, published.removed);
    hubs::tell(changed, ledger, &mut report)?;
    Ok(report)
}

/// The feeds that a site has, for the tags that let browsers discover them.
///
/// # Errors
/// Two feeds have one file name.
pub fn discovery(order: &Order, articles: &[Article]) -> Result<String, Fault> {
    let (entries, _) = announce(order, articles);
    Ok(opml::discovery(order.site, &feed::plan(order.site, order.settings, &entries)?))
}

/// What `check` says of the feeds beside the faults of single texts: ids that clash, dates that
/// readers doubt, a missing icon, the size budget. Nothing is written.
///
/// # Errors
/// Two feeds have one file name.
pub fn problems(order: &Order, articles: &[Article], content: &ReadContent) -> Result<Vec<Problem>, Fault> {
    let quietly = |article: &Article| content(article).map(|(content, _)| (content, Vec::new()));
    let (entries, mut problems) = announce(order, articles);
    let mut feeds = feed::plan(order.site, order.settings, &entries)?;
    problems.extend(tell(order, &mut feeds, &quietly));
    if order.settings.icon.is_none() && !entries.is_empty() {
        problems.push(Problem {
            path: "parution.yml".into(),
            line: None,
            gravity: Gravity::Advice,
            what: "the feeds have no icon, so readers show a picture of their own choice".to_owned(),
            remedy: "set `feeds.icon` to a square picture of the site, 512 pixels wide".to_owned(),
        });
    }
    for feed in feeds.iter().filter(|feed| feed.is_all) {
        let (_, shortened) = documents::sheets(order.site, order.settings, None, feed);
        problems.extend(size_advice(order.settings, feed, shortened));
    }
    Ok(problems)
}

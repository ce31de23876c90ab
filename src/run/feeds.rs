//! Builds and publishes the feeds.
//!
//! Order: announce each article to feeds; date the revisions; plan the feeds; tell those that some
//! document shows, once for all feeds and on all processors; write every document, read it back, hold
//! it against what is published; then publish all of it together. Anything doubtful stops before the
//! first file changes. Hubs are told last, and a hub that does not listen is told again by the next
//! run.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};

use super::{Ending, Fault, processors};
use crate::domain::{Article, Content, Gravity, Ping, Problem, Site};
use crate::ledger::Ledger;
use crate::publish::{self, Family, Publication, websub};
use crate::render::documents::{self, Sheet};
use crate::render::feed::{self, Entry, Feed, FileNames, Format, Settings};
use crate::render::host::{self, Host, Kind, Served};
use crate::render::{opml, reading_page};
use crate::select;

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
    let mut announced = announce(order, articles);
    let known = ledger.as_mut().map_or_else(|| Ok(Vec::new()), |ledger| ledger.feed_texts())?;
    let texts = feed::stamp(order.site, &mut announced.entries, &known, order.now);
    let wanted: Vec<usize> = {
        let shown =
            documents::shown(order.settings, &feed::plan(order.site, order.settings, &announced.entries)?);
        let entries = announced.entries.iter().enumerate();
        entries.filter(|(_, entry)| shown.contains(entry.guid.as_str())).map(|(at, _)| at).collect()
    };
    let (entries, problems) = tell(order, announced, &wanted, content);
    report.problems = problems;
    let feeds = feed::plan(order.site, order.settings, &entries)?;
    report.feeds = feeds.len();
    report.entries = feeds.first().map_or(0, |all| all.entries.len());

    let withdrawn: BTreeSet<&str> = articles
        .iter()
        .filter(|article| !is_for_feeds(article, order.now))
        .map(|article| article.link.as_str())
        .collect();
    let publication = prepare(order, &feeds, &withdrawn, &mut report)?;
    if !report.objections.is_empty() {
        return Ok(report);
    }
    // Dates first: a run that is killed in between must not date the same words again.
    if let Some(ledger) = ledger.as_mut() {
        ledger.record_feed_texts(&texts)?;
    }
    let published = publication.commit()?;
    let changed = pings(order, &feeds, &published.written);
    if let Some(ledger) = ledger.as_mut() {
        ledger.owe_pings(&changed)?;
    }
    (report.written, report.unchanged, report.removed) =
        (published.written, published.unchanged, published.removed);
    tell_hubs(changed, ledger, &mut report)?;
    Ok(report)
}

/// The feeds that a site has, for the tags that let browsers discover them.
///
/// # Errors
/// Two feeds have one file name.
pub fn discovery(order: &Order, articles: &[Article]) -> Result<String, Fault> {
    let entries = announce(order, articles).entries;
    Ok(opml::discovery(order.site, &feed::plan(order.site, order.settings, &entries)?))
}

/// What `check` says of the feeds beside the faults of single texts: ids that clash, dates that
/// readers doubt, a missing icon, the size budget. Nothing is written.
///
/// # Errors
/// Two feeds have one file name.
pub fn problems(order: &Order, articles: &[Article], content: &ReadContent) -> Result<Vec<Problem>, Fault> {
    let quietly = |article: &Article| content(article).map(|(content, _)| (content, Vec::new()));
    let announced = announce(order, articles);
    let all: Vec<usize> = (0..announced.entries.len()).collect();
    let (entries, mut problems) = tell(order, announced, &all, &quietly);
    let feeds = feed::plan(order.site, order.settings, &entries)?;
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

/// The entries of a site, and the article behind each.
struct Announced<'a> {
    entries: Vec<Entry>,
    articles: Vec<&'a Article>,
    problems: Vec<Problem>,
}

/// Announces every article that feeds may show, each id once; in the order of the articles.
fn announce<'a>(order: &Order, articles: &'a [Article]) -> Announced<'a> {
    let mut out = Announced { entries: Vec::new(), articles: Vec::new(), problems: Vec::new() };
    let mut guids = HashSet::with_capacity(articles.len());
    for article in articles {
        out.problems.extend(age_advice(article, order.now));
        if !is_for_feeds(article, order.now) {
            continue;
        }
        if guids.insert(&article.guid) {
            out.articles.push(article);
        } else {
            out.problems.push(Problem {
                path: article.source.clone(),
                line: None,
                gravity: Gravity::Error,
                what: format!(
                    "another article has the id {} already, so this one is in no feed",
                    article.guid
                ),
                remedy: "give it a permalink or a `guid:` of its own".to_owned(),
            });
        }
    }
    out.entries = processors::map(&out.articles, |article| {
        Entry::of(order.site, article).expect("what is for feeds has a date")
    });
    out
}

/// Tells the entries at these places, on all processors. One whose text cannot be read now leaves.
fn tell(
    order: &Order,
    announced: Announced,
    wanted: &[usize],
    content: &ReadContent,
) -> (Vec<Entry>, Vec<Problem>) {
    let Announced { mut entries, articles, mut problems } = announced;
    let told = processors::map(wanted, |&at| {
        content(articles[at]).map(|(content, problems)| {
            let mut entry = entries[at].clone();
            entry.tell(order.settings, articles[at], &content);
            (entry, problems)
        })
    });
    let mut unread = HashSet::new();
    for (&at, told) in wanted.iter().zip(told) {
        match told {
            Ok((entry, more)) => {
                problems.extend(more);
                entries[at] = entry;
            }
            Err(problem) => {
                problems.push(problem);
                unread.insert(at);
            }
        }
    }
    if !unread.is_empty() {
        let mut at = 0..;
        entries.retain(|_| !at.next().is_some_and(|at| unread.contains(&at)));
    }
    (entries, problems)
}

/// Says how readers take a published article of long ago.
fn age_advice(article: &Article, now: DateTime<Utc>) -> Option<Problem> {
    select::published(article, now, false).ok()?;
    let date = article.published?;
    (article.in_feeds && date.year() < OLDEST_YEAR).then(|| Problem {
        path: article.source.clone(),
        line: None,
        gravity: Gravity::Advice,
        what: format!("it is dated {}, which some feed readers take for a mistake", date.year()),
        remedy: "correct its date, or say `feed: false` if it is meant".to_owned(),
    })
}

/// Published now, and not kept out. A date to come would be news from the future to every reader,
/// even on a site that shows such articles.
fn is_for_feeds(article: &Article, now: DateTime<Utc>) -> bool {
    article.in_feeds && select::published(article, now, false).is_ok()
}

/// Feeds are younger; the W3C's validator says so of any date before.
const OLDEST_YEAR: i32 = 1990;

/// Writes every document, reads it back, and stages what differs.
fn prepare(
    order: &Order,
    feeds: &[Feed],
    withdrawn: &BTreeSet<&str>,
    report: &mut Report,
) -> Result<Publication, Fault> {
    let mut publication = Publication::into_folder(order.folder)?;
    let stylesheet = order.settings.stylesheet.as_deref();
    let stylesheet_url = stylesheet.and_then(|name| order.site.url.join(&format!("./{name}")).ok());
    let mut jobs: Vec<Job> = Vec::new();
    let mut sheets = Vec::new();
    for feed in feeds {
        let (own, shortened) = documents::sheets(order.site, order.settings, stylesheet_url.as_ref(), feed);
        if feed.is_all {
            report.problems.extend(size_advice(order.settings, feed, shortened));
        }
        sheets.extend(own.into_iter().map(|sheet| (feed, sheet)));
    }
    for (feed, sheet) in &sheets {
        jobs.extend(sheet.names.written().map(|(format, name)| Job { feed, sheet, format, name }));
    }
    let mut trouble = None;
    processors::each(
        &jobs,
        |job| job.fate(order, withdrawn),
        |place, fate| {
            let name = jobs[place].name;
            let done = fate.and_then(|fate| match fate {
                Fate::Unchanged => {
                    publication.keep(name);
                    Ok(())
                }
                Fate::Changed(octets) => Ok(publication.stage(name, &octets)?),
                Fate::Objected(objections) => {
                    report.objections.extend(objections);
                    Ok(())
                }
            });
            match done {
                Ok(()) => ControlFlow::Continue(()),
                Err(fault) => {
                    trouble = Some(fault);
                    ControlFlow::Break(())
                }
            }
        },
    );
    if let Some(fault) = trouble {
        return Err(fault);
    }
    report.objections.sort();
    report.objections.dedup();
    if let Some(name) = stylesheet {
        publication.stage(name, reading_page::STYLE.as_bytes())?;
    }
    if let Some(name) = order.opml {
        publication.stage(name, &opml::write(order.site, feeds))?;
    }
    for host in order.hosts {
        for (name, lines) in host.files(&order.site.url, &served(order, feeds), order.redirects) {
            let present = publish::present(order.folder, name)?.unwrap_or_default();
            let merged = host::merged(&String::from_utf8_lossy(&present), &lines);
            publication.stage(name, merged.as_bytes())?;
        }
    }
    for (family, format) in families(order.settings, feeds) {
        publication.retire(&family, documents::mark(format))?;
    }
    Ok(publication)
}

/// One file to write.
struct Job<'a> {
    feed: &'a Feed<'a>,
    sheet: &'a Sheet<'a>,
    format: Format,
    name: &'a str,
}

/// What is to become of a file.
enum Fate {
    Unchanged,
    Changed(Vec<u8>),
    /// The old one must stay.
    Objected(Vec<Problem>),
}

impl Job<'_> {
    fn fate(&self, order: &Order, withdrawn: &BTreeSet<&str>) -> Result<Fate, Fault> {
        let octets = documents::write(&self.sheet.channel, self.format);
        let present = publish::present(order.folder, self.name)?;
        if present.as_ref() == Some(&octets) {
            return Ok(Fate::Unchanged);
        }
        let mut objections = Vec::new();
        if let Err(fault) = documents::check(&self.sheet.channel, self.format, &octets) {
            objections.push(*fault);
        }
        if let (false, false, Some(present)) = (order.force, self.sheet.is_archive, present) {
            // What no parser reads, no reader follows.
            let mut before = documents::read(&present, self.format).unwrap_or_default();
            // What an editor took back is not lost.
            before.retain(|seen| !withdrawn.contains(seen.link.as_str()));
            let entries = &self.feed.entries;
            objections.extend(feed::objections(&before, entries, self.format, &order.site.url, self.name));
        }
        Ok(if objections.is_empty() { Fate::Changed(octets) } else { Fate::Objected(objections) })
    }
}

/// Says that the size budget was felt, for the feed in which everything is.
fn size_advice(settings: &Settings, feed: &Feed, shortened: usize) -> Option<Problem> {
    let name = feed.names.written().next()?.1;
    (shortened > 0).then(|| Problem {
        path: name.into(),
        line: None,
        gravity: Gravity::Advice,
        what: format!(
            "{shortened} of its {} newest entries carry their chapeau only, to stay within {} octets",
            feed.entries.len().min(settings.limit),
            settings.budget
        ),
        remedy: "set a smaller `limit` or a larger `budget`, or shorten long articles".to_owned(),
    })
}

/// The files that servers are told about; archives go by their pattern.
fn served(order: &Order, feeds: &[Feed]) -> Vec<Served> {
    let page = order.settings.stylesheet.is_some();
    let feed_files = feeds.iter().flat_map(|feed| feed.names.written());
    let mut out: Vec<Served> = feed_files
        .map(|(format, name)| Served { name: name.to_owned(), kind: Kind::Feed { format, page } })
        .collect();
    let style = order.settings.stylesheet.iter().map(|name| (name.clone(), Kind::Stylesheet));
    let list = order.opml.iter().map(|name| ((*name).to_owned(), Kind::Opml));
    out.extend(style.chain(list).map(|(name, kind)| Served { name, kind }));
    out
}

/// Where files of an earlier build may lie that this one no longer has: archives that were
/// superseded, feeds of topics without entries. They would show what was withdrawn since.
fn families(settings: &Settings, feeds: &[Feed]) -> Vec<(Family, Format)> {
    let of_topics: Vec<FileNames> = [
        &settings.collections,
        &settings.categories,
        &settings.tags,
        &settings.authors,
        &settings.languages,
        &Settings::default().collections,
    ]
    .into_iter()
    .flatten()
    .cloned()
    .chain(["categories", "tags", "authors", "languages"].map(Settings::in_folder))
    .collect();
    let of_archives = feeds.iter().map(|feed| feed.names.for_archive("archive-{}"));
    let mut out: Vec<(Family, Format)> = of_topics
        .into_iter()
        .chain(of_archives)
        .flat_map(|names| {
            let all: Vec<_> =
                names.written().filter_map(|(format, name)| Some((family(name)?, format))).collect();
            all
        })
        .collect();
    out.sort();
    out.dedup();
    out
}

/// The files whose name differs where `{}` stands.
fn family(name: &str) -> Option<Family> {
    let (before, suffix) = name.split_once("{}")?;
    let (folder, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    // A topic that is a folder's name has its files in as many folders: nothing is looked for there.
    (!suffix.contains('/')).then(|| Family {
        folder: folder.to_owned(),
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
    })
}

/// What hubs are to hear: each changed feed, not its archives.
fn pings(order: &Order, feeds: &[Feed], written: &[String]) -> Vec<Ping> {
    let changed = feeds.iter().flat_map(|feed| {
        let addresses = feed.names.addresses(&order.site.url);
        let files: Vec<_> = feed.names.written().map(|(format, name)| (name.to_owned(), format)).collect();
        files.into_iter().filter_map(move |(name, format)| {
            written.contains(&name).then(|| addresses.of(format).cloned()).flatten()
        })
    });
    changed
        .flat_map(|topic| {
            order.settings.hubs.iter().map(move |hub| Ping { hub: hub.clone(), topic: topic.clone() })
        })
        .collect()
}

/// How long a hub may take for each step of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells hubs what they are owed. One that fails once is left in peace until the next run.
fn tell_hubs(
    changed: Vec<Ping>,
    mut ledger: Option<&mut dyn Ledger>,
    report: &mut Report,
) -> Result<(), Fault> {
    let owed = match ledger.as_mut() {
        Some(ledger) => ledger.owed_pings()?,
        None => changed,
    };
    let mut deaf = BTreeSet::new();
    for ping in owed {
        if deaf.contains(&ping.hub) {
            continue;
        }
        match websub::ping(&ping, PATIENCE) {
            Ok(()) => {
                report.pings += 1;
                if let Some(ledger) = ledger.as_mut() {
                    ledger.ping_accepted(&ping)?;
                }
            }
            Err(error) => {
                report.unheard.push(error.to_string());
                deaf.insert(ping.hub);
            }
        }
    }
    Ok(())
}

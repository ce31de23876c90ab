//! Writes every document, reads it back, and stages the files that differ from those of before.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::{Fault, Order, Report, processors};
use crate::domain::{Gravity, Problem};
use crate::publish::{self, Family, Publication};
use crate::render::documents::{self, Sheet};
use crate::render::draft::{Draft, Shelf};
use crate::render::feed::{self, Feed, FileNames, Format, Settings};
use crate::render::host::{self, Kind, Served};
use crate::render::{opml, reading_page};

/// Writes every document, reads it back, and stages what differs.
pub fn prepare(
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
    let shelves = Format::ALL.map(|format| Shelf::of(format, sheets.iter().map(|(_, sheet)| sheet)));
    for (feed, sheet) in &sheets {
        let named = shelves.iter().filter_map(|shelf| Some((shelf, sheet.names.get(shelf.format)?)));
        jobs.extend(named.map(|(shelf, name)| Job { feed, sheet, shelf, name }));
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
    publication.retire(&families(order.settings, feeds))?;
    Ok(publication)
}

/// One file to write.
struct Job<'a> {
    feed: &'a Feed<'a>,
    sheet: &'a Sheet<'a>,
    shelf: &'a Shelf<'a>,
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
        let draft = Draft::of(&self.sheet.channel, self.shelf);
        let octets = draft.text().into_bytes();
        let present = publish::present(order.folder, self.name)?;
        if present.as_ref() == Some(&octets) {
            return Ok(Fate::Unchanged);
        }
        let mut objections = Vec::new();
        if let Err(fault) = draft.check() {
            objections.push(*fault);
        }
        if let (false, false, Some(present)) = (order.force, self.sheet.is_archive, present) {
            // What no parser reads, no reader follows.
            let format = self.shelf.format;
            let mut before = documents::read(&present, format).unwrap_or_default();
            // What an editor took back is not lost.
            before.retain(|seen| !withdrawn.contains(seen.link.as_str()));
            let entries = &self.feed.entries;
            objections.extend(feed::objections(&before, entries, format, &order.site.url, self.name));
        }
        Ok(if objections.is_empty() { Fate::Changed(octets) } else { Fate::Objected(objections) })
    }
}

/// Says that the size budget was felt, for the feed in which everything is.
pub fn size_advice(settings: &Settings, feed: &Feed, shortened: usize) -> Option<Problem> {
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
fn families(settings: &Settings, feeds: &[Feed]) -> Vec<(Family, &'static str)> {
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
    let mut out: Vec<(Family, &str)> = of_topics
        .into_iter()
        .chain(of_archives)
        .flat_map(|names| {
            let all: Vec<_> = names
                .written()
                .filter_map(|(format, name)| Some((family(name)?, documents::mark(format))))
                .collect();
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

//! What cron calls: feeds, then what waits, then a digest if one is due.

use std::io::Write;

use chrono::{DateTime, Utc};

use super::{Ending, Fault, feeds, news};
use crate::domain::{Article, Gravity, Problem};
use crate::ledger::Ledger;
use crate::read::folder::{self, Scan};
use crate::select::{FirstRun, Policy};

/// What the whole job needs to know.
pub struct Job<'a> {
    pub feeds: feeds::Order<'a>,
    pub policy: &'a Policy,
    pub first_run: FirstRun,
    /// Go on where the job would stop and ask.
    pub yes: bool,
    /// Say why each article was left out.
    pub verbose: bool,
    pub now: DateTime<Utc>,
}

/// Runs the job on a site that was just scanned.
///
/// # Errors
/// When the ledger, the disk or the site's state does not allow it; nothing was sent.
pub fn run(job: &Job, scan: &Scan, ledger: &mut dyn Ledger, out: &mut dyn Write) -> Result<Ending, Fault> {
    if !ledger.lock_run()? {
        writeln!(out, "another run is at work; it does what there is to do")?;
        return Ok(Ending::Done);
    }
    let mut articles = scan.articles.clone();
    let mut fingerprint = |article: &Article| body_fingerprint(scan, article);
    let news = news::look(&mut articles, ledger, &mut fingerprint, job.now, job.policy, job.first_run)?;
    if let Some(guard) = news.guard.filter(|_| !job.yes) {
        return Err(Fault(guard.to_string()));
    }
    let content = |article: &Article| folder::content(scan, article);
    let report = feeds::feeds(&job.feeds, &articles, &content, Some(ledger))?;
    tell_feeds(&report, out)?;
    news::record(&news, ledger, job.now)?;
    let _ = job.verbose;
    Ok(Ending::look_if(say_problems(scan.problems.iter().chain(&report.problems), out)?))
}

/// Builds the feeds and nothing else: what is new stays new.
///
/// # Errors
/// As [`run`].
pub fn feeds_only(
    order: &feeds::Order,
    policy: &Policy,
    scan: &Scan,
    ledger: &mut dyn Ledger,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let mut articles = scan.articles.clone();
    let mut fingerprint = |article: &Article| body_fingerprint(scan, article);
    // Only for the guids that readers know: nothing is written down.
    news::look(&mut articles, ledger, &mut fingerprint, order.now, policy, FirstRun::Baseline)?;
    let content = |article: &Article| folder::content(scan, article);
    let report = feeds::feeds(order, &articles, &content, Some(ledger))?;
    tell_feeds(&report, out)?;
    Ok(Ending::look_if(say_problems(scan.problems.iter().chain(&report.problems), out)?))
}

/// How near two bodies are is asked of an article whose path is new; a body that cannot be read is
/// near to nothing.
fn body_fingerprint(scan: &Scan, article: &Article) -> u64 {
    folder::content(scan, article).map_or(0, |(content, _)| {
        crate::domain::fingerprint(&crate::read::markdown::plain_text(&content.body))
    })
}

fn tell_feeds(report: &feeds::Report, out: &mut dyn Write) -> Result<(), Fault> {
    if report.written.is_empty() {
        writeln!(out, "feeds: {} feeds, nothing changed", report.feeds)?;
    } else {
        writeln!(
            out,
            "feeds: {} entries in {} feeds, {} files written",
            report.entries,
            report.feeds,
            report.written.len()
        )?;
    }
    Ok(())
}

/// Prints what someone must look at; `true` when there is something.
fn say_problems<'a>(problems: impl Iterator<Item = &'a Problem>, out: &mut dyn Write) -> Result<bool, Fault> {
    let mut some = false;
    for problem in problems.filter(|p| p.gravity == Gravity::Error) {
        writeln!(out, "{problem}")?;
        some = true;
    }
    Ok(some)
}

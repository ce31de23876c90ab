//! What cron calls: feeds, then what waits, then a digest if one is due.
//!
//! The order is the promise. Feeds are published first: they announce what the letter links to.
//! Letters of earlier digests go next, so that nobody's is overtaken. Then a digest is cut, in one
//! transaction, and delivered. A run that dies anywhere leaves a state from which the next goes on.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::cut::{self, Audience, Cutting, Digesting};
use super::deliver::{self, Progress, Report};
use super::digest::{ByHand, Style};
use super::monthly;
use super::news::{self, News};
use super::{Ending, Fault, feeds, plural};
use crate::domain::{Article, Due, Gravity, Occasion, Problem, Schedule};
use crate::ledger::Ledger;
use crate::read::folder::{self, Scan};
use crate::select::{self, FirstRun, Policy};

/// What the whole job needs to know.
pub struct Job<'a> {
    pub feeds: feeds::Order<'a>,
    pub style: &'a Style<'a>,
    /// The editor's introduction, used when the file is there and new.
    pub intro: &'a Path,
    pub policy: &'a Policy,
    pub first_run: FirstRun,
    pub schedule: &'a Schedule,
    pub delivery: &'a deliver::Job<'a>,
    /// Go on where the job would stop and ask.
    pub yes: bool,
    /// Say why each article was left out.
    pub verbose: bool,
    pub now: DateTime<Utc>,
}

/// Runs the job on a site that was just scanned. `watch` is told how delivery goes on,
/// and `reports` gets one for each time that letters were delivered.
///
/// # Errors
/// When the ledger, the disk or the site's state does not allow it; nothing was sent.
pub fn run(
    job: &Job,
    scan: &mut Scan,
    ledger: &mut dyn Ledger,
    watch: &mut dyn FnMut(&Progress),
    reports: &mut Vec<Report>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    if !ledger.lock_run()? {
        writeln!(out, "another run is at work; it does what there is to do")?;
        return Ok(Ending::Done);
    }
    let clock = select::guard_clock(ledger.last_run()?, job.now);
    let news = look(scan, ledger, job.policy, job.first_run, job.now)?;
    let scan = &*scan;
    if let Some(guard) = clock.or(news.guard).filter(|_| !job.yes) {
        return Err(Fault(guard.to_string()));
    }
    let content = |article: &Article| folder::content(scan, article);
    let report = feeds::feeds(&job.feeds, &scan.articles, &content, Some(ledger))?;
    let mut ending = report.tell(out)?;
    if !news::record(&news, ledger, job.now)? {
        return Err(Fault("another first run was faster; run again".to_owned()));
    }
    tell_news(&news, &scan.articles, job.verbose, out)?;
    let mut problems: Vec<Problem> = scan.problems.iter().chain(&report.problems).cloned().collect();

    let tally = ledger.tally(None)?;
    let stale = if job.yes { None } else { deliver::stale(ledger, job.now)? };
    if let Some(digest) = stale {
        let cut = digest.cut_at.with_timezone(&scan.site.timezone).format("%Y-%m-%d %H:%M");
        writeln!(
            out,
            "letters: digest {} was cut {cut} and nobody has it yet; say --yes if it still makes sense",
            digest.id
        )?;
        ending = Ending::Look;
    } else if tally.open() > 0 {
        ending = ending.and(deliver_open(job.delivery, ledger, watch, reports, out)?);
    } else if tally.in_doubt > 0 {
        let count = tally.in_doubt;
        writeln!(
            out,
            "letters: {count} in doubt; decide with send --resend-in-doubt or --accept-in-doubt (see status)"
        )?;
        ending = Ending::Look;
    }
    let by_hand = ByHand::default();
    let digesting = |chosen, occasion, audience| Digesting {
        chosen,
        occasion,
        audience,
        style: job.style,
        by_hand: &by_hand,
        intro: job.intro,
        force: false,
        now: job.now,
    };
    let waiting = news.selection.chosen.len();
    let due = due(job, scan, waiting, ledger)?;
    if waiting == 0 {
        match news.selection.too_few() {
            Some(reason) => writeln!(out, "digest: {reason}")?,
            None if news.baseline.is_none() => writeln!(out, "digest: nothing new")?,
            None => {}
        }
    } else if tell_due(&due, waiting, job.yes, &mut problems, out)? {
        let digesting = digesting(&news.selection.chosen, Occasion::Scheduled, Audience::Every);
        let cutting = cut::cut(&digesting, scan, ledger)?;
        ending = ending.and(tell_cutting(&cutting, news.selection.chosen.len(), out)?);
        if let Cutting::Cut { problems: more, .. } | Cutting::Flawed { problems: more, .. } = &cutting {
            problems.extend(more.iter().cloned());
        }
        match cutting {
            Cutting::Cut { .. } => {
                ending = ending.and(deliver_open(job.delivery, ledger, watch, reports, out)?);
            }
            Cutting::NoReaders => {
                let passed = news::pass_over(&news.selection, &scan.articles, ledger, job.now)?;
                if passed > 0 {
                    let passed = plural(passed as u64, "older one");
                    writeln!(out, "digest: {passed} will not be mailed: nobody was there to read them")?;
                }
            }
            _ => {}
        }
    }
    if let Some(due) = monthly::due(scan, ledger, job.now)? {
        let digesting = digesting(&due.chosen, Occasion::Manual(due.name), Audience::Monthly);
        let cutting = cut::cut(&digesting, scan, ledger)?;
        ending = ending.and(tell_cutting(&cutting, due.chosen.len(), out)?);
        if matches!(cutting, Cutting::Cut { .. }) {
            ending = ending.and(deliver_open(job.delivery, ledger, watch, reports, out)?);
        }
    }
    ledger.note_run(job.now)?;
    Ok(ending.and(tell_problems(&problems, ledger, out)?))
}

/// A window of the schedule that nobody was there for is still served after so long.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

fn due(job: &Job, scan: &Scan, waiting: usize, ledger: &mut dyn Ledger) -> Result<Due, Fault> {
    let scheduled = ledger.digests(50)?.into_iter().find(|digest| digest.occasion == Occasion::Scheduled);
    let last = scheduled.map(|digest| digest.cut_at).max(ledger.baseline()?);
    Ok(job.schedule.due(last, job.now, scan.site.timezone, waiting, PATIENCE))
}

/// Says why a digest waits; `true` when it is due.
fn tell_due(
    due: &Due,
    waiting: usize,
    yes: bool,
    problems: &mut Vec<Problem>,
    out: &mut dyn Write,
) -> Result<bool, Fault> {
    let day = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    match due {
        Due::Now(_) => return Ok(true),
        Due::Stale(_) if yes => return Ok(true),
        Due::Stale(at) => problems.push(Problem {
            path: "parution.yml".into(),
            line: None,
            gravity: Gravity::Error,
            what: format!("the digest of {} is over a day late, {waiting} articles wait", day(at)),
            remedy: "say parution run --yes to send it now, or let the next one take them".to_owned(),
        }),
        Due::At(at) => writeln!(out, "digest: {waiting} articles wait until {}", day(at))?,
        Due::Articles(wanted) => writeln!(out, "digest: {waiting} articles wait; {wanted} are wanted")?,
        Due::Never => writeln!(out, "digest: {waiting} articles wait for parution send")?,
    }
    Ok(false)
}

/// Builds the feeds and nothing else: what is new stays new.
///
/// # Errors
/// As [`run`].
pub fn feeds_only(
    order: &feeds::Order,
    scan: &mut Scan,
    ledger: &mut dyn Ledger,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    // Only for the guids that readers know: nothing is chosen, nothing is written down, and where
    // the ledger knows no article no body is opened.
    let known = ledger.known_articles()?;
    if !known.is_empty() {
        with_articles(scan, |scan, articles| {
            select::recognise(articles, &known, &mut |article| folder::fingerprint(scan, article))
        });
    }
    let scan = &*scan;
    let content = |article: &Article| folder::content(scan, article);
    let report = feeds::feeds(order, &scan.articles, &content, Some(ledger))?;
    let ending = report.tell(out)?;
    let mut worst = false;
    for problem in scan.problems.iter().chain(&report.problems).filter(|p| p.gravity == Gravity::Error) {
        writeln!(out, "{problem}")?;
        worst = true;
    }
    Ok(ending.and(Ending::look_if(worst)))
}

/// Prints the tags that let browsers and readers find the feeds; writes nothing.
///
/// # Errors
/// When the feeds' names clash.
pub fn discovery(order: &feeds::Order, scan: &Scan, out: &mut dyn Write) -> Result<Ending, Fault> {
    write!(out, "{}", feeds::discovery(order, &scan.articles)?)?;
    Ok(Ending::Done)
}

/// What only the feeds can see of a site's faults; writes nothing.
///
/// # Errors
/// When the feeds' names clash.
pub fn problems_of_feeds(order: &feeds::Order, scan: &Scan) -> Result<Vec<Problem>, Fault> {
    feeds::problems(order, &scan.articles, &|article| folder::content(scan, article))
}

/// Holds a scan against the ledger; its articles then bear the guids that readers know.
///
/// # Errors
/// When the ledger cannot be read.
pub fn look(
    scan: &mut Scan,
    ledger: &mut dyn Ledger,
    policy: &Policy,
    first_run: FirstRun,
    now: DateTime<Utc>,
) -> Result<News, Fault> {
    with_articles(scan, |scan, articles| {
        let mut fingerprint = |article: &Article| folder::fingerprint(scan, article);
        news::look(articles, ledger, &mut fingerprint, now, policy, first_run)
    })
}

/// Lets the articles of a scan be changed by who reads their files through it.
fn with_articles<T>(scan: &mut Scan, work: impl FnOnce(&Scan, &mut [Article]) -> T) -> T {
    let mut articles = std::mem::take(&mut scan.articles);
    let result = work(scan, &mut articles);
    scan.articles = articles;
    result
}

/// Delivers what is open, and says how it went, in `reports` too.
///
/// # Errors
/// When the ledger fails, or the mail server's settings keep everything from being tried.
pub fn deliver_open(
    delivery: &deliver::Job,
    ledger: &mut dyn Ledger,
    watch: &mut dyn FnMut(&Progress),
    reports: &mut Vec<Report>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let report = deliver::deliver(ledger, delivery, watch)?;
    writeln!(out, "letters: {report} ({})", delivery.destination)?;
    let ending = match report.could_not_try() {
        Some(reason) => Err(Fault(reason.to_owned())),
        None => Ok(report.ending()),
    };
    reports.push(report);
    ending
}

fn tell_news(news: &News, articles: &[Article], verbose: bool, out: &mut dyn Write) -> Result<(), Fault> {
    if let Some(known) = news.baseline {
        writeln!(out, "first run: {known} published before are taken as known; nobody is mailed about them")?;
    }
    for (index, before) in &news.moved {
        let article = &articles[*index];
        writeln!(out, "moved: {before} is now {}; readers keep it as it was", article.id)?;
    }
    if verbose {
        for (index, reason) in &news.selection.left_out {
            writeln!(out, "left out: {}: {reason}", articles[*index].source.display())?;
        }
    }
    Ok(())
}

pub(super) fn tell_cutting(cutting: &Cutting, articles: usize, out: &mut dyn Write) -> Result<Ending, Fault> {
    match cutting {
        Cutting::Cut { digest, deliveries, subject, unwanted, .. } => {
            let (articles, readers) = (plural(articles as u64, "article"), plural(*deliveries, "reader"));
            write!(out, "digest {digest}: «{subject}», {articles} for {readers}")?;
            if *unwanted > 0 {
                write!(out, "; {unwanted} of them in nobody's topics")?;
            }
            writeln!(out)?;
            return Ok(Ending::Done);
        }
        Cutting::NoReaders => {
            writeln!(
                out,
                "digest: {} wait for a first reader — parution subscribers import, or add",
                plural(articles as u64, "new article")
            )?;
            return Ok(Ending::Done);
        }
        Cutting::Overtaken => writeln!(out, "digest: another run announced these articles meanwhile")?,
        Cutting::NameTaken(digest) => writeln!(out, "digest: this name was used before, by digest {digest}")?,
        Cutting::Flawed { flaws, .. } => {
            writeln!(out, "digest: not sent, the letter is not fit for readers:")?;
            for flaw in flaws {
                writeln!(out, "  {flaw}")?;
            }
            writeln!(out, "  (parution preview shows it; parution send --force sends it all the same)")?;
        }
    }
    Ok(Ending::Look)
}

/// Prints each grave problem once in its life; later runs only count it.
fn tell_problems(
    problems: &[Problem],
    ledger: &mut dyn Ledger,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let mut lines: Vec<String> =
        problems.iter().filter(|p| p.gravity == Gravity::Error).map(ToString::to_string).collect();
    lines.sort();
    lines.dedup();
    let new = ledger.new_problems(&lines)?;
    for &at in &new {
        writeln!(out, "{}", lines[at])?;
    }
    let known = lines.len() - new.len();
    if known > 0 {
        writeln!(out, "{} known since an earlier run (parution check)", plural(known as u64, "problem"))?;
    }
    Ok(Ending::look_if(!new.is_empty()))
}

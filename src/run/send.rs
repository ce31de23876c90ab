//! Cuts and delivers by hand: the editor's way, with a look first and a choice of articles.

use std::io::Write;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};

use super::cut::{self, Cutting, Digesting};
use super::digest::Made;
use super::{Ending, Fault, deliver, job, plural};
use crate::domain::{Article, ArticleId, DigestId, EmailAddress, Outcome};
use crate::ledger::{InDoubt, Ledger};
use crate::mail::guard;
use crate::mail::mailer::{Envelope, Mailer};
use crate::mail::sign::Signer;
use crate::read::folder::Scan;
use crate::render::digest;
use crate::render::letter::{Mold, Reader};

/// Finds the articles that an editor named: by file, by path on the site, or by the last part of
/// either.
///
/// # Errors
/// Names what was not found, or what could be several articles.
pub fn chosen(scan: &Scan, names: &[String]) -> Result<Vec<usize>, Fault> {
    names
        .iter()
        .map(|name| {
            let bare = name.trim_matches('/');
            let found: Vec<usize> =
                (0..scan.articles.len()).filter(|&at| is_called(&scan.articles[at], bare)).collect();
            match found[..] {
                [one] => Ok(one),
                [] => Err(Fault(format!("no article is called `{name}` — give its file or its address"))),
                _ => {
                    let files: Vec<String> =
                        found.iter().map(|&at| scan.articles[at].source.display().to_string()).collect();
                    Err(Fault(format!("`{name}` could be {}", files.join(" or "))))
                }
            }
        })
        .collect()
}

fn is_called(article: &Article, name: &str) -> bool {
    let path = article.id.0.trim_matches('/');
    let ends =
        |whole: &str| whole == name || whole.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'));
    ends(path)
        || ends(&article.source.to_string_lossy())
        || article.url.as_str().trim_end_matches('/') == name
}

/// The name of a digest of articles chosen by hand, when the editor gives none: the same choice on
/// the same day is the same digest.
#[must_use]
pub fn name_of(scan: &Scan, chosen: &[usize], now: DateTime<Utc>) -> String {
    let day = now.with_timezone(&scan.site.timezone).format("%Y-%m-%d");
    let paths: Vec<&str> = chosen.iter().map(|&at| scan.articles[at].id.0.as_str()).collect();
    format!("{day} {}", paths.join(" "))
}

/// Says what [`now`] would do, and does nothing.
///
/// # Errors
/// When the ledger fails or nobody listens.
pub fn dry_run(
    made: &Made,
    scan: &Scan,
    ledger: &mut dyn Ledger,
    destination: &str,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    for (edition, composed) in made.editions.iter().zip(&made.composed) {
        writeln!(
            out,
            "«{}», {} articles, in {}:",
            edition.subject,
            edition.articles.len(),
            edition.language
        )?;
        for id in &edition.articles {
            if let Some(article) = scan.articles.iter().find(|article| article.id == *id) {
                writeln!(out, "  {}  {}", article.source.display(), article.title)?;
            }
        }
        let (html, images) = (digest::size(&composed.html), composed.images.len());
        writeln!(out, "  {html} octets of HTML, {images} images, {} octets in all", edition.mold.len())?;
    }
    for flaw in &made.flaws {
        writeln!(out, "not fit to send: {flaw}")?;
    }
    let readers = ledger.confirmed()?;
    writeln!(out, "would go {destination}, to at most {}; nothing was sent", plural(readers, "reader"))?;
    Ok(Ending::look_if(!made.flaws.is_empty() || readers == 0))
}

/// How test letters leave.
pub struct TestPost<'a> {
    pub mailer: &'a Mailer,
    pub signer: Option<&'a Signer>,
    /// The sender's address: envelope and domain of the Message-ID.
    pub sender: &'a EmailAddress,
    pub stop: &'a AtomicBool,
    pub now: DateTime<Utc>,
}

/// A token of the right length that no ledger knows.
const NO_TOKEN: &str = "testtesttesttesttesttesttesttest";

/// Sends the first edition, marked as a test when it was made, to each address. No state changes.
///
/// # Errors
/// When a letter cannot be made or the server refuses all of them.
pub fn test(
    post: &TestPost,
    made: &Made,
    addresses: &[EmailAddress],
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let edition = made.editions.first().ok_or_else(|| Fault("nothing new: there is no digest".to_owned()))?;
    let mold = Mold::parse(&edition.mold)?;
    let mut ending = Ending::Done;
    for (number, address) in addresses.iter().enumerate() {
        let name = format!("test-{}-{number}", post.now.timestamp_millis());
        let message_id = format!("{name}@{}", post.sender.domain());
        let mut letter = Vec::new();
        mold.fill(&Reader { to: address, token: NO_TOKEN, message_id: &message_id }, &mut letter);
        if let Some(signer) = post.signer {
            let plain = std::mem::take(&mut letter);
            signer.sign(&plain, &mut letter).map_err(|error| Fault(error.to_string()))?;
        }
        guard::check(&letter)?;
        match post_one(post, address, &name, &letter) {
            Outcome::Accepted(reply) => writeln!(out, "{}: {reply}", address.as_str())?,
            other => {
                writeln!(out, "{}: not sent: {}", address.as_str(), other.words())?;
                ending = Ending::Look;
            }
        }
    }
    Ok(ending)
}

fn post_one(post: &TestPost, address: &EmailAddress, name: &str, letter: &[u8]) -> Outcome {
    let envelope = Envelope { sender: Some(post.sender), recipient: address, name };
    let mut session = match post.mailer.open(0, post.stop) {
        Ok(session) => session,
        Err(answer) => return answer.outcome,
    };
    let offered = session.offer(&envelope, letter.len()).and_then(|()| session.write(letter));
    let outcome = match offered {
        Ok(()) => session.dot().outcome,
        Err(answer) => answer.outcome,
    };
    session.quit();
    outcome
}

/// Cuts and delivers now.
///
/// # Errors
/// When the ledger, a template or the mail settings fail.
pub fn now(
    digesting: &Digesting,
    scan: &Scan,
    delivery: &deliver::Job,
    ledger: &mut dyn Ledger,
    watch: &mut dyn FnMut(&deliver::Progress),
    reports: &mut Vec<deliver::Report>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let cutting = cut::cut(digesting, scan, ledger)?;
    let told = job::tell_cutting(&cutting, digesting.chosen.len(), out)?;
    if !matches!(cutting, Cutting::Cut { .. }) {
        return Ok(Ending::Look);
    }
    Ok(told.and(job::deliver_open(delivery, ledger, watch, reports, out)?))
}

/// A person's decision on letters that wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Letters that may have arrived go out again, at most three more times.
    ResendInDoubt,
    /// Letters that may have arrived are taken as delivered.
    AcceptInDoubt,
    /// Those whom the latest digest was refused get it again.
    ResendFailed,
    /// Paused digests go on.
    Resume,
    /// What is still open of a digest is never sent.
    Stop(DigestId),
}

/// Writes a decision down; says how many letters it concerns. Delivering comes after.
///
/// # Errors
/// When the ledger fails.
pub fn decide(
    decision: Decision,
    ledger: &mut dyn Ledger,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    match decision {
        Decision::ResendInDoubt => {
            let count = ledger.close_in_doubt(InDoubt::Resend, now)?;
            writeln!(out, "sent again: {}", plural(count, "letter in doubt"))?;
        }
        Decision::AcceptInDoubt => {
            let count = ledger.close_in_doubt(InDoubt::Accept, now)?;
            writeln!(out, "taken as delivered: {}", plural(count, "letter"))?;
        }
        Decision::ResendFailed => {
            let Some(digest) = ledger.digests(1)?.into_iter().next() else {
                return Err(Fault("there is no digest yet".to_owned()));
            };
            let count = ledger.reopen_refused(digest.id, now)?;
            write!(out, "sent again: {} of digest {}", plural(count, "refused letter"), digest.id)?;
            let rest = digest.tally.refused.saturating_sub(count);
            if rest > 0 {
                write!(out, "; {rest} not, as their addresses are off the list since they bounced")?;
            }
            writeln!(out)?;
        }
        Decision::Resume => {
            let count = ledger.resume()?;
            writeln!(out, "resumed: {}", plural(count, "paused digest"))?;
        }
        Decision::Stop(digest) => {
            if ledger.edition(digest, 0)?.is_none() {
                return Err(Fault(format!("there is no digest {digest} (parution status numbers them)")));
            }
            let count = ledger.stop(digest, now)?;
            writeln!(out, "never sent: {} of digest {digest}", plural(count, "letter"))?;
        }
    }
    Ok(Ending::Done)
}

/// Articles that are chosen by hand must be ones that readers can open.
///
/// # Errors
/// Names the first that is not published.
pub fn published(scan: &Scan, chosen: &[usize], now: DateTime<Utc>) -> Result<Vec<ArticleId>, Fault> {
    chosen
        .iter()
        .map(|&at| {
            let article = &scan.articles[at];
            crate::select::published(article, now, false)
                .map(|_| article.id.clone())
                .map_err(|reason| Fault(format!("{}: {reason}", article.source.display())))
        })
        .collect()
}

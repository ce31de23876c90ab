//! The next digest to look at, before anybody gets it: three files, and why each recent article is
//! in or out.
//!
//! Nothing is remembered: a preview neither announces an article nor cuts a digest.

mod service;

pub use service::{Service, Snapshot};

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::Fault;
use super::digest::{Made, sample_letter};
use crate::domain::Article;
use crate::mail::sign::Signer;
use crate::read::folder::Scan;
use crate::select::Selection;

/// How many articles that are left out are told of, the most recent ones.
const RECENT: usize = 30;

/// Writes `digest.html`, `digest.txt` and `digest.eml` of the fullest edition, and the like with
/// `-2`, `-3`… for the others. The HTML carries its images in itself, so that a browser shows it as
/// a mail program would. Returns what was written, the HTML to open first.
///
/// # Errors
/// Names the file that could not be written.
pub fn write(made: &Made, domain: &str, signer: Option<&Signer>, out: &Path) -> Result<Vec<PathBuf>, Fault> {
    let fault = |path: &Path, error: &std::io::Error| Fault(format!("{}: {error}", path.display()));
    fs::create_dir_all(out).map_err(|error| fault(out, &error))?;
    let mut written = Vec::new();
    for (index, (edition, composed)) in made.editions.iter().zip(&made.composed).enumerate() {
        let mark = if index == 0 { String::new() } else { format!("-{}", index + 1) };
        let letter = signed(sample_letter(edition, domain)?, signer)?;
        let parts: [(&str, &[u8]); 3] = [
            ("html", &composed.standalone_html().into_bytes()),
            ("txt", &composed.sample_text().into_bytes()),
            ("eml", &letter),
        ];
        for (extension, octets) in parts {
            let path = out.join(format!("digest{mark}.{extension}"));
            fs::write(&path, octets).map_err(|error| fault(&path, &error))?;
            written.push(path);
        }
    }
    Ok(written)
}

fn signed(letter: Vec<u8>, signer: Option<&Signer>) -> Result<Vec<u8>, Fault> {
    let Some(signer) = signer else { return Ok(letter) };
    let mut out = Vec::new();
    signer.sign(&letter, &mut out).map_err(|error| Fault(error.to_string()))?;
    Ok(out)
}

/// One recent article in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whether it is in the next digest.
    pub chosen: bool,
    /// `2026-11-23`, or blank.
    pub date: String,
    pub title: String,
    /// The file it is in.
    pub source: String,
    /// Why it is left out; empty when it is in.
    pub reason: String,
}

/// The articles of the next digest, then the most recent of the others with the reason each waits.
#[must_use]
pub fn rows(scan: &Scan, selection: &Selection) -> Vec<Row> {
    let row = |article: &Article, reason: String| Row {
        chosen: reason.is_empty(),
        date: article.published.map(|at| at.format("%Y-%m-%d").to_string()).unwrap_or_default(),
        title: article.title.clone(),
        source: article.source.display().to_string(),
        reason,
    };
    let mut chosen: Vec<Row> =
        selection.chosen.iter().map(|&place| row(&scan.articles[place], String::new())).collect();
    let mut left_out: Vec<Row> = selection
        .left_out
        .iter()
        .map(|(place, reason)| row(&scan.articles[*place], reason.to_string()))
        .collect();
    // What has no date yet is what an editor is working on: it comes first.
    let newest_first = |a: &Row, b: &Row| {
        let undated = |row: &Row| !row.date.is_empty();
        undated(a).cmp(&undated(b)).then_with(|| b.date.cmp(&a.date)).then_with(|| a.source.cmp(&b.source))
    };
    chosen.sort_by(newest_first);
    left_out.sort_by(newest_first);
    left_out.truncate(RECENT);
    chosen.extend(left_out);
    chosen
}

/// The rows for a terminal, titles cut to a width; control characters of titles are not printed.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    const TITLE: usize = 54;
    let mut out = String::new();
    for row in rows {
        let clean: String = row.title.chars().filter(|c| !is_unprintable(*c)).collect();
        let mut title: String = clean.chars().take(TITLE).collect();
        if clean.chars().count() > TITLE {
            title.pop();
            title.push('…');
        }
        let mark = if row.chosen { "in " } else { "out" };
        let width = TITLE - title.chars().count();
        let _ = write!(out, "{mark}  {:10}  {title}{:width$}", row.date, "");
        if !row.reason.is_empty() {
            let _ = write!(out, "  {}", row.reason);
        }
        let end = out.trim_end().len();
        out.truncate(end);
        out.push('\n');
    }
    out
}

/// Controls, and the marks that turn the direction of a line.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{Row, table};

    #[test]
    fn the_table_says_why_and_cannot_be_made_to_lie() {
        let row = |chosen, title: &str, reason: &str| Row {
            chosen,
            date: "2026-11-20".to_owned(),
            title: title.to_owned(),
            source: "a.md".to_owned(),
            reason: reason.to_owned(),
        };
        let said =
            table(&[row(true, "Un\u{1b}[2J\u{202e} titre", ""), row(false, &"x".repeat(80), "a draft")]);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "in   2026-11-20  Un[2J titre");
        assert_eq!(lines[1], format!("out  2026-11-20  {}…  a draft", "x".repeat(53)));
    }
}

//! Importing a list: one transaction, every row accounted for.

use std::io::{Read, Seek, Write};

use chrono::{DateTime, Utc};

use super::basis;
use crate::domain::{Consent, Standing};
use crate::ledger::{Effect, ImportSource, Membership, NewSubscriber, NextBatch};
use crate::read::roster::{Broken, Hints, Listed, Roster, tidy};
use crate::run::plural;
use crate::run::{Ending, Fault};

const BATCH: usize = 1000;

/// Rows and remarks that are printed in full; beyond, they are counted.
const SHOWN: usize = 20;

/// What the person who imports says of the list.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// Names the list in the proof of consent: the file's name, without its folder.
    pub name: String,
    pub hints: Hints,
    /// The legal basis.
    pub consent: String,
    /// Say what would change, and change nothing.
    pub dry_run: bool,
}

/// Reads a whole list into the ledger, or nothing of it when its structure breaks. `progress` is
/// told the number of rows read so far.
///
/// # Errors
/// A list that cannot be trusted, a missing legal basis, a ledger that fails: nothing has changed.
pub fn import(
    ledger: &mut dyn Membership,
    list: impl Read + Seek,
    import: &Import,
    now: DateTime<Utc>,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<Ending, Fault> {
    let consent = basis(&import.consent)?;
    let fault = |broken: Broken| Fault(format!("{}: {broken}; nothing was imported", import.name));
    let roster = Roster::open(list, &import.hints).map_err(fault)?;
    let encoding = roster.encoding().name();
    let mut source = Source {
        roster,
        consent,
        name: &import.name,
        now,
        progress,
        report: Report::default(),
        lines: Vec::new(),
    };
    let whole = ledger.import(&mut source, import.dry_run, now)?;
    if let Some(broken) = source.report.broken.take() {
        return Err(fault(broken));
    }
    debug_assert!(whole, "only a broken list gives up");
    source.report.print(import, encoding, out)?;
    Ok(Ending::look_if(source.report.someone_must_look()))
}

struct Source<'a, R: Read> {
    roster: Roster<R>,
    consent: &'a str,
    name: &'a str,
    now: DateTime<Utc>,
    progress: &'a mut dyn FnMut(u64),
    report: Report,
    /// Line and masked address of each person of the batch that is being decided.
    lines: Vec<(u64, String)>,
}

impl<R: Read> ImportSource for Source<'_, R> {
    fn next(&mut self) -> NextBatch {
        let mut batch = Vec::with_capacity(BATCH);
        self.lines.clear();
        while batch.len() < BATCH {
            match self.roster.next_row() {
                Ok(Some(row)) => {
                    self.report.rows += 1;
                    match row.found {
                        Ok(listed) => {
                            self.lines.push((row.line, listed.email.masked()));
                            batch.push(self.person(listed));
                        }
                        Err(why) => self.report.left_out.add(format!("line {}: {}", row.line, why.0)),
                    }
                }
                Ok(None) => break,
                Err(broken) => {
                    self.report.broken = Some(broken);
                    return NextBatch::GiveUp;
                }
            }
        }
        (self.progress)(self.report.rows);
        if batch.is_empty() { NextBatch::End } else { NextBatch::People(batch) }
    }

    fn note(&mut self, effects: &[Effect]) {
        for (effect, (line, address)) in effects.iter().zip(&self.lines) {
            self.report.note(*effect, *line, address);
        }
    }
}

impl<R: Read> Source<'_, R> {
    fn person(&self, listed: Listed) -> NewSubscriber {
        let from =
            if listed.from.is_empty() { String::new() } else { format!(", joined from {}", listed.from) };
        NewSubscriber {
            email: listed.email,
            name: listed.name,
            language: listed.language,
            topics: listed.topics,
            frequency: listed.frequency,
            standing: listed.standing,
            consent: Consent {
                asked_at: Some(listed.asked_at.unwrap_or(self.now)),
                confirmed_at: listed.confirmed_at,
                origin: format!("import {}{from}", self.name),
                text: self.consent.to_owned(),
            },
        }
    }
}

/// The first of many lines, and how many there are.
#[derive(Debug, Default)]
struct Remarks {
    shown: Vec<String>,
    count: u64,
}

impl Remarks {
    fn add(&mut self, line: String) {
        if self.shown.len() < SHOWN {
            self.shown.push(line);
        }
        self.count += 1;
    }

    fn print(&self, title: &str, out: &mut dyn Write) -> std::io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        writeln!(out, "{title}:")?;
        for line in &self.shown {
            // Foreign text reaches a terminal here: no control characters.
            writeln!(out, "  {}", tidy(line, 200))?;
        }
        let more = self.count - self.shown.len() as u64;
        if more > 0 { writeln!(out, "  and {more} more") } else { Ok(()) }
    }
}

#[derive(Debug, Default)]
struct Report {
    rows: u64,
    added: [u64; Standing::ALL.len()],
    known: u64,
    restricted: u64,
    kept: u64,
    barred: u64,
    left_out: Remarks,
    contradictions: Remarks,
    broken: Option<Broken>,
}

impl Report {
    fn note(&mut self, effect: Effect, line: u64, address: &str) {
        match effect {
            Effect::Added(standing) => {
                self.added[Standing::ALL.iter().position(|known| *known == standing).unwrap_or(0)] += 1;
            }
            Effect::Known => self.known += 1,
            Effect::Barred => self.barred += 1,
            Effect::Restricted { from, to, same_list } => {
                self.restricted += 1;
                if same_list {
                    self.contradict(line, address, from, to);
                }
            }
            Effect::Kept { standing, same_list } => {
                self.kept += 1;
                if same_list {
                    self.contradict(line, address, standing, standing);
                }
            }
        }
    }

    fn contradict(&mut self, line: u64, address: &str, before: Standing, after: Standing) {
        let before =
            if before == after { "as less than".to_owned() } else { format!("after {}, as", before.word()) };
        self.contradictions.add(format!(
            "line {line}: {address} is listed again, {before} {}: the stricter holds",
            after.word()
        ));
    }

    fn someone_must_look(&self) -> bool {
        self.left_out.count > 0 || self.contradictions.count > 0
    }

    fn print(&self, import: &Import, encoding: &str, out: &mut dyn Write) -> std::io::Result<()> {
        let would = if import.dry_run { "would be " } else { "" };
        writeln!(out, "{}: {} read as {encoding}", import.name, plural(self.rows, "row"))?;
        for (standing, count) in Standing::ALL.into_iter().zip(self.added) {
            if count > 0 {
                writeln!(out, "{count:>9} {would}added as {}", standing.word())?;
            }
        }
        for (count, what) in [
            (self.known, "on the list already".to_owned()),
            (self.restricted, format!("{would}restricted: the list is stricter than what was known")),
            (self.kept, "stay as they are: the list is laxer than what is known".to_owned()),
            (self.barred, "forgotten or suppressed: no list brings them back".to_owned()),
        ] {
            if count > 0 {
                writeln!(out, "{count:>9} {what}")?;
            }
        }
        if self.rows == 0 {
            writeln!(out, "nothing to do: a header and no rows")?;
        }
        self.left_out.print("left out", out)?;
        self.contradictions.print("the list contradicts itself", out)?;
        if import.dry_run {
            writeln!(out, "dry run: nothing has changed")?;
        }
        Ok(())
    }
}

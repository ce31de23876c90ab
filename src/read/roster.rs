//! Lists of people as other systems export them: Mailchimp, Brevo, listmonk, Sympa, a spreadsheet,
//! or one address a line. Text in, people out, one row at a time, so memory does not grow with the
//! list.
//!
//! Two kinds of fault: a row that cannot be used is left out and named by its line; a structure that
//! cannot be trusted (a quote that never closes, another encoding) is [`Broken`] and must undo the
//! whole list, since every later row may be a piece of something else.

mod columns;
mod encoding;
mod stanzas;
mod table;

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

pub use columns::{Column, standing_named};
pub use encoding::Encoding;

use crate::domain::{EmailAddress, Frequency, Language, Standing};
use columns::Columns;
use table::{Record, Table};

/// One person, as the list says.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub email: EmailAddress,
    /// One line, at most 100 characters, nothing invisible; may be empty.
    pub name: String,
    pub language: Option<Language>,
    pub topics: Vec<String>,
    pub frequency: Frequency,
    pub standing: Standing,
    /// When the person joined the other system, where it says so.
    pub asked_at: Option<DateTime<Utc>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    /// The client address from which the person joined, where the list has it.
    pub from: String,
}

/// One row of the list, with the line of the file on which it begins, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub line: u64,
    pub found: Result<Listed, Unusable>,
}

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable(pub String);

/// Why nothing of the list may be used.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the list is empty: is it the right file?")]
    Empty,
    #[error("the list is not UTF-8 but {0}: save it as CSV UTF-8, or name its encoding with --encoding")]
    NotUtf8(&'static str),
    #[error("line {0}: a quote opens here and never closes, so no row after it can be trusted")]
    OpenQuote(u64),
    #[error("line {0}: text follows a closing quote, so the rows cannot be told apart")]
    AfterQuote(u64),
    #[error("line {0}: a row of more than 1 MiB; is it a list of people?")]
    LongRow(u64),
    #[error("no column holds addresses; the columns are: {0}. Name one with --column email=NAME")]
    NoAddresses(String),
    #[error("there is no column {wanted}; the columns are: {found}")]
    NoSuchColumn { wanted: String, found: String },
    #[error("the list cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
}

/// What the person who imports knows better than the list.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// Columns named by hand, over those recognised.
    pub columns: Vec<(Column, String)>,
    /// The encoding, when it is not to be detected.
    pub encoding: Option<Encoding>,
    /// The standing of people whose row does not tell: `Confirmed` when `None`.
    pub standing: Option<Standing>,
}

/// A list being read.
pub struct Roster<R: Read> {
    table: Table<R>,
    form: Form,
    encoding: Encoding,
    standing: Standing,
    record: Record,
    /// The first row of a list without header, already read.
    held: bool,
}

enum Form {
    Columns {
        columns: Columns,
        width: usize,
    },
    /// Sympa's dump: paragraphs of `key value` lines.
    Stanzas,
    /// An address, then perhaps a name, separated by blanks.
    Lines,
}

impl<R: Read + Seek> Roster<R> {
    /// Surveys the list (encoding, delimiter, columns) and stands before its first person.
    ///
    /// # Errors
    /// A list that cannot be trusted or has no addresses.
    pub fn open(mut source: R, hints: &Hints) -> Result<Self, Broken> {
        let survey = encoding::survey(&mut source, hints.encoding)?;
        source.seek(SeekFrom::Start(survey.skip))?;
        let mut reader = BufReader::with_capacity(1 << 16, source);
        let head = reader.fill_buf()?;
        if head.iter().all(u8::is_ascii_whitespace) && head.len() < 1 << 16 {
            return Err(Broken::Empty);
        }
        let stanzas = stanzas::recognised(head);
        let delimiter = table::delimiter(head);
        let mut roster = Self {
            table: Table::new(reader, delimiter.unwrap_or(b',')),
            form: Form::Lines,
            encoding: survey.encoding,
            standing: hints.standing.unwrap_or(Standing::Confirmed),
            record: Record::default(),
            held: false,
        };
        if stanzas {
            roster.form = Form::Stanzas;
            return Ok(roster);
        }
        if !roster.table.read(&mut roster.record)? {
            return Err(Broken::Empty);
        }
        let first: Vec<String> =
            roster.record.fields().map(|field| roster.encoding.lossy(field).into_owned()).collect();
        let headless = first.iter().any(|field| field.contains('@'));
        roster.held = headless;
        if headless && delimiter.is_none() {
            return Ok(roster);
        }
        let columns = if headless {
            Columns::guessed(&first, &hints.columns)?
        } else {
            Columns::recognised(&first, &hints.columns)?
        };
        roster.form = Form::Columns { columns, width: first.len() };
        Ok(roster)
    }
}

impl<R: Read> Roster<R> {
    /// The encoding found or named.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The next row; `None` at the end of the list.
    ///
    /// # Errors
    /// The structure breaks, or the source cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row>, Broken> {
        if matches!(self.form, Form::Stanzas) {
            return self.next_stanza();
        }
        if !std::mem::take(&mut self.held) && !self.table.read(&mut self.record)? {
            return Ok(None);
        }
        let found = match &self.form {
            Form::Columns { columns, width } => self.columns_of(columns, *width),
            Form::Lines | Form::Stanzas => self.line_of(),
        };
        Ok(Some(Row { line: self.record.line, found }))
    }

    fn columns_of(&self, columns: &Columns, width: usize) -> Result<Listed, Unusable> {
        if self.record.len() != width {
            let found = self.record.len();
            return Err(Unusable(format!("the row has {found} fields where the first has {width}")));
        }
        let text = |column: Column| -> Result<String, Unusable> {
            let Some(at) = columns.at(column) else { return Ok(String::new()) };
            let text = self.encoding.exact(self.record.field(at)).ok_or_else(not_the_encoding)?;
            if text.contains('\0') {
                return Err(Unusable("a NUL character".to_owned()));
            }
            Ok(without_guard(&text).to_owned())
        };
        let email = address(&text(Column::Email)?)?;
        let full_name = text(Column::Name)?;
        let name = if full_name.trim().is_empty() {
            format!("{} {}", text(Column::FirstName)?, text(Column::LastName)?)
        } else {
            full_name
        };
        let mut standing = self.standing;
        if columns.at(Column::Standing).is_some() {
            let word = text(Column::Standing)?;
            let named = standing_named(&word).ok_or_else(|| {
                Unusable(format!("the status “{}” says nothing we know: not mailed", tidy(&word, 40)))
            })?;
            standing = standing.max(named);
        }
        if !text(Column::LeftAt)?.trim().is_empty() || columns::says_yes(&text(Column::Blocked)?) {
            standing = standing.max(Standing::Left);
        }
        if !text(Column::BouncedAt)?.trim().is_empty() {
            standing = standing.max(Standing::Bouncing);
        }
        let frequency = Frequency::from_word(text(Column::Frequency)?.trim()).unwrap_or_default();
        let topics = text(Column::Topics)?;
        let topics = topics.split([',', ';', '|']).map(|topic| tidy(topic, 100)).filter(not_empty);
        Ok(Listed {
            email,
            name: tidy(&name, 100),
            language: Language::parse(&text(Column::Language)?),
            topics: topics.take(50).collect(),
            frequency,
            standing,
            asked_at: instant(&text(Column::AskedAt)?),
            confirmed_at: instant(&text(Column::ConfirmedAt)?),
            from: tidy(&text(Column::From)?, 60),
        })
    }

    /// `address` or `address Name of the Person`, as Sympa's and Mailman's plain lists have it.
    fn line_of(&self) -> Result<Listed, Unusable> {
        if self.record.len() > 1 {
            return Err(Unusable("the row has several fields where the first has one".to_owned()));
        }
        let text = self.encoding.exact(self.record.field(0)).ok_or_else(not_the_encoding)?;
        let text = text.trim();
        let (email, name) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        // A name that holds an address is a row misread, not a person.
        if name.contains('@') {
            return Err(Unusable("more than one address on the line".to_owned()));
        }
        Ok(self.bare(address(email)?, name))
    }

    fn next_stanza(&mut self) -> Result<Option<Row>, Broken> {
        let Some((line, stanza)) = stanzas::next(&mut self.table)? else { return Ok(None) };
        let found = (|| {
            let text = self.encoding.exact(&stanza).ok_or_else(not_the_encoding)?;
            let entry = stanzas::Entry::read(&text);
            let mut listed = self.bare(address(entry.email)?, entry.name);
            listed.asked_at = entry.date.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            if entry.bounces {
                listed.standing = listed.standing.max(Standing::Bouncing);
            }
            if entry.wants_no_mail {
                // `nomail` and `suspend` are a reader's own wish to get nothing.
                listed.standing = listed.standing.max(Standing::Left);
            }
            Ok(listed)
        })();
        Ok(Some(Row { line, found }))
    }

    fn bare(&self, email: EmailAddress, name: &str) -> Listed {
        Listed {
            email,
            name: tidy(name, 100),
            language: None,
            topics: Vec::new(),
            frequency: Frequency::Every,
            standing: self.standing,
            asked_at: None,
            confirmed_at: None,
            from: String::new(),
        }
    }
}

/// Takes off the apostrophe that exports put before a text that a spreadsheet would run.
fn without_guard(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => text,
    }
}

fn not_the_encoding() -> Unusable {
    Unusable("the row is not in the encoding of the list (UTF-8 unless --encoding says otherwise)".into())
}

fn address(text: &str) -> Result<EmailAddress, Unusable> {
    EmailAddress::parse(text).map_err(|fault| Unusable(fault.to_string()))
}

#[expect(clippy::ptr_arg, reason = "a filter over Strings hands out &String")]
fn not_empty(text: &String) -> bool {
    !text.is_empty()
}

/// One line of at most `limit` characters, without control characters, invisible marks or marks
/// that turn the writing direction; runs of blanks become one.
#[must_use]
pub fn tidy(text: &str, limit: usize) -> String {
    let invisible = |c: char| {
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
            || (c.is_control() && !c.is_whitespace())
    };
    let words =
        text.split_whitespace().map(|word| word.chars().filter(|&c| !invisible(c)).collect::<String>());
    let mut tidied = String::with_capacity(text.len().min(4 * limit));
    for word in words.filter(not_empty) {
        if !tidied.is_empty() {
            tidied.push(' ');
        }
        tidied.push_str(&word);
        if tidied.len() > 4 * limit {
            break;
        }
    }
    if let Some((end, _)) = tidied.char_indices().nth(limit) {
        tidied.truncate(end);
    }
    tidied.truncate(tidied.trim_end().len());
    tidied
}

/// Reads an instant as exports write it: RFC 3339, or `2024-05-06 07:08:09` or a date alone, taken
/// as UTC. Anything else is no proof of anything, and `None`.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests;

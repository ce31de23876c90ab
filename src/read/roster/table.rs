//! Rows and fields of delimited text (RFC 4180), strict where it matters: a quote that never closes
//! or text after a closing quote is an error, where a lenient reader would quietly swallow or glue
//! people. Streams; holds one row.

use std::io::{BufRead, BufReader, Read};

use super::Broken;

const LONGEST_ROW: usize = 1 << 20;

/// Delimited text being read.
pub struct Table<R: Read> {
    input: BufReader<R>,
    delimiter: u8,
    line: u64,
    /// The last octet was a CR, so that a LF now ends no second line.
    after_cr: bool,
}

/// One row: its octets without quotes and delimiters, and where each field ends.
#[derive(Debug, Default)]
pub struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The line on which the row begins, counted from 1.
    pub line: u64,
}

impl Record {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The octets of a field; empty beyond the last.
    pub fn field(&self, at: usize) -> &[u8] {
        let Some(&end) = self.ends.get(at) else { return b"" };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..end]
    }

    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.field(at))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn end_field(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn is_blank(&self) -> bool {
        self.ends.len() == 1 && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// A quote was met inside a quoted field: the end, or the first of two.
    QuoteMet,
}

impl<R: Read> Table<R> {
    pub fn new(input: BufReader<R>, delimiter: u8) -> Self {
        Self { input, delimiter, line: 1, after_cr: false }
    }

    /// Reads the next row that is not blank; `false` at the end.
    pub fn read(&mut self, record: &mut Record) -> Result<bool, Broken> {
        loop {
            if !self.read_any(record)? {
                return Ok(false);
            }
            if !record.is_blank() {
                return Ok(true);
            }
        }
    }

    fn read_any(&mut self, record: &mut Record) -> Result<bool, Broken> {
        record.clear();
        record.line = self.line;
        let mut state = State::FieldStart;
        let mut quote_line = self.line;
        let mut seen_any = false;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return match state {
                    State::Quoted => Err(Broken::OpenQuote(quote_line)),
                    _ if !seen_any => Ok(false),
                    _ => {
                        record.end_field();
                        Ok(true)
                    }
                };
            }
            let mut used = 0;
            let mut done = false;
            for &octet in buffer {
                used += 1;
                let second_half = std::mem::take(&mut self.after_cr) && octet == b'\n';
                if second_half && state != State::Quoted {
                    continue;
                }
                seen_any = true;
                let newline = matches!(octet, b'\n' | b'\r') && !second_half;
                if newline {
                    self.line += 1;
                    self.after_cr = octet == b'\r';
                }
                if state == State::Quoted {
                    if octet == b'"' {
                        state = State::QuoteMet;
                    } else {
                        record.bytes.push(octet);
                    }
                } else if newline {
                    record.end_field();
                    done = true;
                    break;
                } else if octet == self.delimiter {
                    record.end_field();
                    state = State::FieldStart;
                } else if octet == b'"' && state == State::FieldStart {
                    state = State::Quoted;
                    quote_line = self.line;
                } else if state == State::QuoteMet {
                    if octet == b'"' {
                        record.bytes.push(octet);
                        state = State::Quoted;
                    } else if octet != b' ' {
                        return Err(Broken::AfterQuote(self.line));
                    }
                } else {
                    record.bytes.push(octet);
                    state = State::Plain;
                }
            }
            self.input.consume(used);
            if done {
                return Ok(true);
            }
            if record.bytes.len() > LONGEST_ROW || record.ends.len() > LONGEST_ROW {
                return Err(match state {
                    State::Quoted => Broken::OpenQuote(quote_line),
                    _ => Broken::LongRow(record.line),
                });
            }
        }
    }

    /// Reads one line as it stands, without its end; `None` at the end of the text.
    pub fn read_line(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let mut line = Vec::new();
        let read = (&mut self.input).take(LONGEST_ROW as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if read > LONGEST_ROW {
            return Err(Broken::LongRow(self.line));
        }
        self.line += 1;
        while line.last().is_some_and(|&octet| octet == b'\n' || octet == b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// The line about to be read.
    pub fn line(&self) -> u64 {
        self.line
    }
}

/// The delimiter that the first row uses most; `None` when it holds a single field.
pub fn delimiter(head: &[u8]) -> Option<u8> {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    let mut begun = false;
    for &octet in head {
        match octet {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted && begun => break,
            _ if quoted => {}
            _ => {
                if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| *delimiter == octet) {
                    *count += 1;
                }
            }
        }
        begun |= !octet.is_ascii_whitespace();
    }
    counts.into_iter().filter(|&(_, count)| count > 0).max_by_key(|&(_, count)| count).map(|(d, _)| d)
}

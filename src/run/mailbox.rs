//! Letters that came in: one by one, from a Maildir, an mbox file, or a pipe.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::Fault;

/// A larger letter is read this far.
pub const LARGEST: u64 = 1 << 20;

/// What became of a letter, for the flag of a Maildir: maildir(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Seen,
    /// Flagged: parution made nothing of it.
    ForAPerson,
}

/// Shows every new letter of a Maildir, or every letter of an mbox file. Letters of a Maildir move
/// from `new/` to `cur/`, as mail programs do, so that each is shown once; a file is left as it is.
///
/// # Errors
/// What cannot be read or moved; letters shown so far are done.
pub fn each(mailbox: &Path, visit: &mut dyn FnMut(&[u8]) -> Result<Mark, Fault>) -> Result<(), Fault> {
    let fault = |path: &Path, error: std::io::Error| Fault(format!("{}: {error}", path.display()));
    if mailbox.is_file() {
        let octets = fs::read(mailbox).map_err(|error| fault(mailbox, error))?;
        return each_of(&octets, visit);
    }
    let (new, cur) = (mailbox.join("new"), mailbox.join("cur"));
    let entries = fs::read_dir(&new).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Fault(format!("{} is neither a Maildir nor an mbox file", mailbox.display())),
        _ => fault(&new, error),
    })?;
    let mut names: Vec<OsString> = entries
        .filter_map(|entry| entry.ok().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())))
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    for name in names {
        let path = new.join(&name);
        let mut letter = Vec::new();
        fs::File::open(&path)
            .and_then(|file| file.take(LARGEST).read_to_end(&mut letter))
            .map_err(|error| fault(&path, error))?;
        let mut marked = name;
        marked.push(match visit(&letter)? {
            Mark::Seen => ":2,S",
            Mark::ForAPerson => ":2,F",
        });
        fs::rename(&path, cur.join(marked)).map_err(|error| fault(&path, error))?;
    }
    Ok(())
}

/// Shows the letters of a text: one, or an mbox (RFC 4155) when it begins like one.
///
/// # Errors
/// The visitor's.
pub fn each_of(octets: &[u8], visit: &mut dyn FnMut(&[u8]) -> Result<Mark, Fault>) -> Result<(), Fault> {
    for letter in split(octets) {
        visit(&letter[..letter.len().min(LARGEST as usize)])?;
    }
    Ok(())
}

/// The letters between the `From ` lines; the whole text when there are none.
fn split(octets: &[u8]) -> Vec<&[u8]> {
    if !octets.starts_with(b"From ") {
        return if octets.is_empty() { Vec::new() } else { vec![octets] };
    }
    let mut starts = vec![0];
    starts.extend(octets.windows(7).enumerate().filter(|(_, w)| *w == b"\n\nFrom ").map(|(at, _)| at + 2));
    let ends = starts.iter().skip(1).copied().chain([octets.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let whole = &octets[start..end];
            let line = whole.iter().position(|b| *b == b'\n').map_or(whole.len(), |at| at + 1);
            &whole[line..]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbox_is_taken_apart_and_a_letter_is_left_whole() {
        let mbox = b"From a Mon\nSubject: 1\n\n>From inside a line\n\nFrom b Tue\nSubject: 2\n\ntext\n";
        assert_eq!(
            split(mbox),
            [&b"Subject: 1\n\n>From inside a line\n\n"[..], &b"Subject: 2\n\ntext\n"[..]]
        );
        assert_eq!(split(b"Subject: 1\n\nx"), [&b"Subject: 1\n\nx"[..]]);
        assert!(split(b"").is_empty());
    }
}

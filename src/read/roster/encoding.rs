//! In which encoding a list is written, decided over the whole of it before the first row is used.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use super::Broken;

/// An encoding that a list can be read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    const WINDOWS_1252: Self = Self(encoding_rs::WINDOWS_1252);

    /// The encoding of that label (`utf-8`, `latin1`, `windows-1252`, …), if its letters are one or
    /// more whole octets each and ASCII is itself, so that rows can be told apart before decoding.
    #[must_use]
    pub fn named(label: &str) -> Option<Self> {
        encoding_rs::Encoding::for_label(label.as_bytes())
            .filter(|encoding| encoding.is_ascii_compatible())
            .map(Self)
    }

    /// Its name, such as `UTF-8` or `windows-1252`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The text, if these octets are of this encoding.
    pub(super) fn exact(self, octets: &[u8]) -> Option<Cow<'_, str>> {
        self.0.decode_without_bom_handling_and_without_replacement(octets)
    }

    /// The text, with marks where the octets are not of this encoding.
    pub(super) fn lossy(self, octets: &[u8]) -> Cow<'_, str> {
        self.0.decode_without_bom_handling(octets).0
    }
}

/// What a walk over the whole list found.
pub struct Survey {
    pub encoding: Encoding,
    /// Octets of a byte order mark to step over.
    pub skip: u64,
}

/// Lines that are not UTF-8 before a list without any well-formed accent counts as Windows-1252.
/// One or two such lines are damage in a list of another encoding, and are left out by themselves.
const ENOUGH: u32 = 3;

/// Decides the encoding: the one named, else UTF-8, else Windows-1252 (what French spreadsheets
/// save) when at least three lines are not UTF-8 and no accent anywhere is.
pub fn survey(source: &mut (impl Read + Seek), named: Option<Encoding>) -> Result<Survey, Broken> {
    source.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(1 << 16, source);
    let head = reader.fill_buf()?;
    let skip = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    if let Some(encoding) = named {
        return Ok(Survey { encoding, skip });
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || looks_like_utf_16(head) {
        return Err(Broken::NotUtf8("UTF-16"));
    }
    if head.starts_with(b"PK\x03\x04") {
        return Err(Broken::NotUtf8("a spreadsheet file"));
    }
    let (mut strange_lines, mut well_formed) = (0u32, false);
    let mut line = Vec::new();
    while (&mut reader).take(1 << 20).read_until(b'\n', &mut line)? > 0 {
        match std::str::from_utf8(&line) {
            Ok(_) => well_formed |= !line.is_ascii(),
            Err(_) => strange_lines += 1,
        }
        line.clear();
    }
    let foreign = strange_lines >= ENOUGH && !well_formed;
    Ok(Survey { encoding: if foreign { Encoding::WINDOWS_1252 } else { Encoding::UTF_8 }, skip })
}

/// UTF-16 without a mark: every other octet of Latin text is NUL.
fn looks_like_utf_16(head: &[u8]) -> bool {
    let head = &head[..head.len().min(512)];
    let (pairs, _) = head.as_chunks::<2>();
    pairs.len() >= 4 && pairs.iter().filter(|pair| pair.contains(&0)).count() * 3 >= pairs.len() * 2
}

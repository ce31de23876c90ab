//! Sympa's dump of a list: a paragraph a person, a `key value` line a fact.

use std::io::Read;

use super::Broken;
use super::table::Table;

/// One paragraph, read.
pub struct Entry<'a> {
    pub email: &'a str,
    pub name: &'a str,
    /// Seconds since 1970.
    pub date: Option<i64>,
    pub wants_no_mail: bool,
    pub bounces: bool,
}

impl<'a> Entry<'a> {
    pub fn read(text: &'a str) -> Self {
        let value = |wanted: &str| {
            text.lines()
                .filter_map(|line| line.split_once([' ', '\t']))
                .find(|(key, _)| *key == wanted)
                .map_or("", |(_, value)| value.trim())
        };
        Self {
            email: value("email"),
            name: value("gecos"),
            date: value("date").parse().ok(),
            wants_no_mail: matches!(value("reception"), "nomail") || value("suspend") == "1",
            bounces: !value("bounce").is_empty(),
        }
    }
}

/// Whether the text begins as a dump: within its first paragraph, an `email` line with an address.
pub fn recognised(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&head[..head.len().min(4096)]);
    let paragraph = text.trim_start().lines().take_while(|line| !line.trim().is_empty());
    let mut keys = 0;
    let mut address = false;
    for line in paragraph {
        let Some((key, value)) = line.split_once([' ', '\t']) else { return false };
        let known = ["email", "gecos", "date", "update_date", "reception", "visibility", "subscribed"];
        keys += usize::from(known.contains(&key));
        address |= key == "email" && value.contains('@');
    }
    address && keys >= 2
}

/// The next paragraph with the line it begins on; `None` at the end.
pub fn next<R: Read>(table: &mut Table<R>) -> Result<Option<(u64, Vec<u8>)>, Broken> {
    let mut begun = table.line();
    let mut paragraph: Vec<u8> = Vec::new();
    loop {
        let at = table.line();
        let Some(line) = table.read_line()? else {
            return Ok((!paragraph.is_empty()).then_some((begun, paragraph)));
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            if !paragraph.is_empty() {
                return Ok(Some((begun, paragraph)));
            }
            continue;
        }
        if paragraph.is_empty() {
            begun = at;
        }
        if paragraph.len() > 1 << 16 {
            return Err(Broken::LongRow(begun));
        }
        paragraph.extend_from_slice(&line);
        paragraph.push(b'\n');
    }
}

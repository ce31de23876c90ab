//! One article's file: its text, its front matter, and what can be wrong with either.

use std::borrow::Cow;
use std::path::Path;

use super::root::{Fault, Links, Near, Root};
use crate::domain::{Gravity, Problem};
use crate::read::front_matter::{self, Block, Fields, Split};
use crate::yaml::{self, Map};

/// Octets of an article.
const MAX_ARTICLE: u64 = 1 << 20;

/// Octets of its file, which may hold pasted images besides.
const MAX_FILE: u64 = 16 << 20;

/// The text of an article's file. An image that was pasted into it as `data:` does not count
/// against the limit, since it is dropped anyway: only its empty reference stays.
pub fn text_of(root: &Root, source: &str) -> Result<String, Problem> {
    let octets =
        root.read(Path::new(source), MAX_FILE, Links::Refuse).map_err(|fault| unread(source, &fault))?;
    text(source, &octets).map(Cow::into_owned)
}

/// The same for one of many files, in `octets`, which serve again for the next.
pub fn text_near<'o>(
    near: &mut Near,
    octets: &'o mut Vec<u8>,
    root: &Root,
    source: &str,
) -> Result<Cow<'o, str>, Problem> {
    if octets.capacity() as u64 > 2 * MAX_ARTICLE {
        // One giant is no reason to keep room for the next.
        *octets = Vec::new();
    }
    root.read_near(near, octets, source, MAX_FILE).map_err(|fault| unread(source, &fault))?;
    text(source, octets)
}

fn text<'o>(source: &str, octets: &'o [u8]) -> Result<Cow<'o, str>, Problem> {
    if memchr::memchr(0, octets).is_some() {
        return Err(out(source, "the file holds NUL octets", "save it as UTF-8 text"));
    }
    let text = simdutf8::compat::from_utf8(octets).map_err(|error| {
        let good = &octets[..error.valid_up_to()];
        let line = good.split(|b| *b == b'\n').count();
        out(source, "the file is not UTF-8", "save it as UTF-8").at(u32::try_from(line).unwrap_or(u32::MAX))
    })?;
    if text.len() as u64 <= MAX_ARTICLE {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = text.len() as u64;
    let text = without_pasted_images(text);
    if text.len() as u64 > MAX_ARTICLE {
        let fault = Fault::TooLong { bytes, limit: MAX_ARTICLE };
        return Err(out(source, &format!("the file {}", fault.what()), "split the article"));
    }
    Ok(Cow::Owned(text))
}

fn unread(source: &str, fault: &Fault) -> Problem {
    out(source, &format!("the file {}", fault.what()), "mend or remove it")
}

fn out(source: &str, what: &str, remedy: &str) -> Problem {
    Problem::new(Gravity::Error, source, format!("{what}; the article is left out"), remedy)
}

/// The text with the octets of every `data:` address cut out.
fn without_pasted_images(text: &str) -> String {
    const MARK: &str = ";base64,";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let end = at + MARK.len();
        out.push_str(&rest[..end]);
        rest = rest[end..]
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='));
    }
    out.push_str(rest);
    out
}

/// Why a text has no front matter that can be used.
#[derive(Debug)]
pub enum Unread {
    NoFrontMatter,
    Broken(Problem),
}

impl Unread {
    /// The fault of a file that should have been an article.
    pub fn problem(self, source: &str) -> Problem {
        match self {
            Self::Broken(problem) => problem,
            Self::NoFrontMatter => Problem::new(
                Gravity::Error,
                source,
                "there is no front matter; the article is left out",
                "begin the file with a line `---`, then `title:` and `date:`, then `---`",
            ),
        }
    }
}

/// Cuts a text and parses its front matter.
pub fn front_matter<'t>(
    text: &'t str,
    source: &str,
    fields: &Fields,
) -> Result<(Block<'t>, Map<'t>), Unread> {
    let broken = |what: &str, remedy: &str| Unread::Broken(out(source, what, remedy));
    match front_matter::split(text) {
        Split::Found(block) => match parsed(block.yaml, source) {
            Ok(map) => Ok((block, map)),
            Err(problem) => Err(Unread::Broken(problem)),
        },
        Split::None => Err(Unread::NoFrontMatter),
        Split::Unclosed => Err(broken("the front matter is not closed", "end it with a line `---`")),
        Split::TooLong(block) => {
            let lists: Vec<&String> = fields.tags.iter().chain(&fields.categories).collect();
            match front_matter::shortened(&block, &lists)
                .map(|yaml| parsed(&yaml, source).map(Map::into_owned))
            {
                Some(Ok(map)) => Ok((block, map)),
                Some(Err(problem)) => Err(Unread::Broken(problem)),
                None => Err(broken(
                    &format!("the front matter has over {} KiB", front_matter::MAX_BYTES / 1024),
                    "move long texts into the body",
                )),
            }
        }
    }
}

fn parsed<'t>(text: &'t str, source: &str) -> Result<Map<'t>, Problem> {
    yaml::parse(text).map_err(|error| {
        let what = &error.what;
        let hint = if what.contains("given twice") {
            "keep one of the two"
        } else if what.contains("control characters") {
            "remove the invisible character"
        } else if what.contains("limit exceeded") || what.contains("open [") {
            "write it plainly, without anchors and deep brackets"
        } else if what.contains("another column") {
            "begin all keys in the same column"
        } else if what.starts_with("it is ") {
            "write `title: …` and `date: …`, each on its own line"
        } else if what.contains("cannot start any token") && text.contains('\t') {
            "indent with blanks, never with tabs"
        } else if text.contains('\'') && what.contains("expected") {
            "check the quotes: between single quotes an apostrophe is written twice"
        } else {
            "check the line: a value that holds `: `, `#` or begins with a sign stands between quotes"
        };
        let problem = Problem::new(
            Gravity::Error,
            source,
            format!("the front matter is not valid YAML: {}; the article is left out", error.what),
            hint,
        );
        problem.at(error.line.unwrap_or(1) + 1)
    })
}

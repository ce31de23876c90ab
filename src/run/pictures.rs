//! The images of a letter, prepared side by side and kept by the hash of their contents, so that a
//! second preview is instant.
//!
//! The cache is a folder of small files that may be deleted at any time: a result that cannot be
//! read is made again, and one that cannot be written is only made again next time.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use super::processors;
use crate::domain::{Gravity, Image, ImageFormat, ImageSource, InlineImage, Problem, SitePath};
use crate::read::folder::Scan;
use crate::read::pictures::{self, Frame, Picture};
use crate::render::digest::{Pictures, Role};

/// An image that a letter wants, for one of the things an image does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    pub url: String,
    pub role: Role,
    pub path: SitePath,
    /// The file that refers to it, for problems.
    pub source: std::path::PathBuf,
}

impl Wanted {
    /// `None` for an image of another host, which is never fetched.
    #[must_use]
    pub fn new(image: &Image, role: Role, source: &Path) -> Option<Self> {
        match &image.source {
            ImageSource::InSite(path) => {
                Some(Self { url: image.url.to_string(), role, path: path.clone(), source: source.to_owned() })
            }
            ImageSource::Elsewhere => None,
        }
    }
}

/// Prepares all wanted images; what cannot be shown is a problem, and the letter goes without it.
/// `domain` is the sender's, for the Content-IDs.
#[must_use]
pub fn prepare(scan: &Scan, wanted: &[Wanted], domain: &str, cache: &Path) -> (Pictures, Vec<Problem>) {
    let unique: BTreeMap<(&str, Role), &Wanted> =
        wanted.iter().map(|wanted| ((wanted.url.as_str(), wanted.role), wanted)).collect();
    let unique: Vec<&Wanted> = unique.into_values().collect();
    let mut done = Vec::with_capacity(unique.len());
    let take = |place: usize, result| {
        done.push((unique[place], result));
        ControlFlow::Continue(())
    };
    processors::each(&unique, |wanted| one(scan, wanted, cache), take);
    done.sort_by_key(|(wanted, _)| *wanted);
    let mut ready = Pictures::default();
    let mut problems = Vec::new();
    for (wanted, result) in done {
        match result {
            Ok(picture) => ready.insert(&wanted.url, wanted.role, inline(&wanted.path, domain, picture)),
            Err(what) => problems.push(Problem {
                path: wanted.source.clone(),
                line: None,
                gravity: Gravity::Warning,
                what: format!("the image {} is left out of the letter: {what}", wanted.path.as_str()),
                remedy: "replace the file by a sound JPEG or PNG".to_owned(),
            }),
        }
    }
    (ready, problems)
}

fn one(scan: &Scan, wanted: &Wanted, cache: &Path) -> Result<Picture, String> {
    let octets = scan.image_bytes(&wanted.path).map_err(|fault| format!("it {}", fault.what()))?;
    let (width, height) = wanted.role.frame();
    let frame = Frame { width, height, weight: wanted.role.weight(), transparent: wanted.role == Role::Logo };
    let recipe = format!("{} {frame:?}", pictures::VERSION);
    let key = hex(digest(&SHA256, &[octets.as_slice(), recipe.as_bytes()].concat()).as_ref());
    let file = cache.join("pictures").join(key);
    if let Some(picture) = fs::read(&file).ok().and_then(|kept| read_kept(&kept)) {
        return Ok(picture);
    }
    let picture = pictures::prepare(&octets, &frame).map_err(|why| why.to_string())?;
    keep(&file, &picture);
    Ok(picture)
}

/// A kept picture: a line `jpeg 536 301`, then its octets.
fn read_kept(kept: &[u8]) -> Option<Picture> {
    let end = kept.iter().take(32).position(|octet| *octet == b'\n')?;
    let line = std::str::from_utf8(&kept[..end]).ok()?;
    let mut words = line.split(' ');
    let (format, magic): (_, &[u8]) = match words.next()? {
        "jpeg" => (ImageFormat::Jpeg, b"\xff\xd8\xff"),
        "png" => (ImageFormat::Png, b"\x89PNG"),
        _ => return None,
    };
    let (width, height) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let bytes = kept[end + 1..].to_vec();
    bytes.starts_with(magic).then_some(Picture { bytes, format, width, height })
}

fn keep(file: &Path, picture: &Picture) {
    let Some(folder) = file.parent() else { return };
    let name = if picture.format == ImageFormat::Png { "png" } else { "jpeg" };
    let mut octets = format!("{name} {} {}\n", picture.width, picture.height).into_bytes();
    octets.extend_from_slice(&picture.bytes);
    // Renamed into place: another run never reads half a picture.
    let draft = file.with_extension(format!("{}.new", std::process::id()));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&draft, octets));
    if written.and_then(|()| fs::rename(&draft, file)).is_err() {
        tracing::debug!(file = %file.display(), "the picture is not kept");
    }
}

fn inline(path: &SitePath, domain: &str, picture: Picture) -> InlineImage {
    let hash = hex(digest(&SHA256, &picture.bytes).as_ref());
    let (media_type, extension) = match picture.format {
        ImageFormat::Png => ("image/png", "png"),
        _ => ("image/jpeg", "jpg"),
    };
    InlineImage {
        content_id: format!("{}@{domain}", &hash[..24]),
        file_name: format!("{}.{extension}", plain_name(path.as_str())),
        media_type: media_type.to_owned(),
        bytes: picture.bytes,
        width: picture.width,
        height: picture.height,
    }
}

/// The file's name in letters that every mail program takes.
fn plain_name(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let mut name = String::new();
    for letter in stem.chars().take(60) {
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "image".to_owned() } else { name.to_owned() }
}

fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut out, octet| {
        let _ = write!(out, "{octet:02x}");
        out
    })
}

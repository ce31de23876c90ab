//! The published feeds over HTTP: type, entity tag, date, compressed once and kept in memory.
//!
//! A file is read again when its size or time changes. Only the files that parution publishes are
//! served, by their plain names and those of one folder below: a path never reaches the disk as it
//! was sent.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_lc_rs::digest;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;

/// No published file is larger; a larger one is none of ours.
const LARGEST: u64 = 64 << 20;
const KEPT: usize = 2000;

/// The folder that the feeds are published into.
pub struct Folder {
    root: PathBuf,
    kept: Mutex<HashMap<String, Arc<Kept>>>,
}

/// A file or a page, ready to be sent.
pub struct Kept {
    modified: SystemTime,
    length: u64,
    media_type: HeaderValue,
    plain: Bytes,
    zipped: Option<Bytes>,
    /// Bare, to compare with; then as each representation bears it.
    tag: String,
    plain_tag: HeaderValue,
    zipped_tag: HeaderValue,
    /// RFC 9110 5.6.7.
    date: HeaderValue,
}

impl Folder {
    pub fn new(root: PathBuf) -> Self {
        Self { root, kept: Mutex::default() }
    }

    /// The published file of that path; `None` when there is none.
    pub fn file(&self, path: &str) -> Option<Arc<Kept>> {
        let extension = extension(path)?;
        let file = self.below(path)?;
        let facts = fs::symlink_metadata(&file).ok()?;
        if !facts.is_file() || facts.len() > LARGEST {
            return None;
        }
        let modified = facts.modified().ok()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(path)
            && known.modified == modified
            && known.length == facts.len()
        {
            return Some(Arc::clone(known));
        }
        let octets = fs::read(&file).ok()?;
        let media_type = media_type(extension, &octets);
        let ready = Arc::new(Kept::new(octets, media_type, modified));
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(path.to_owned(), Arc::clone(&ready));
        Some(ready)
    }

    /// Joins a path whose every part is a plain name.
    fn below(&self, path: &str) -> Option<PathBuf> {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let mut file = self.root.clone();
        let mut folder_is_real = true;
        for (depth, part) in path.split('/').enumerate() {
            if !plain(part) || depth > 4 {
                return None;
            }
            folder_is_real &= depth == 0 || is_folder(&file);
            file.push(part);
        }
        folder_is_real.then_some(file)
    }
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir())
}

/// The extension of a file of a kind that is published.
fn extension(path: &str) -> Option<&str> {
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    ["xml", "rss", "atom", "json", "opml", "css", "xsl", "html"].contains(&extension).then_some(extension)
}

/// How readers and browsers take a file. Feeds may have any name, so XML says itself what it is.
fn media_type(extension: &str, octets: &[u8]) -> &'static str {
    let head = String::from_utf8_lossy(&octets[..octets.len().min(1024)]);
    match extension {
        "json" => "application/feed+json; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "xsl" => "text/xsl; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        _ if head.contains("<rss") => "application/rss+xml; charset=utf-8",
        _ if head.contains("<feed") => "application/atom+xml; charset=utf-8",
        _ if head.contains("<opml") => "text/x-opml; charset=utf-8",
        _ => "application/xml; charset=utf-8",
    }
}

impl Kept {
    /// Makes octets ready: tags, date, and a compressed copy where it is smaller.
    pub fn new(octets: Vec<u8>, media_type: &'static str, modified: SystemTime) -> Self {
        let hash = digest::digest(&digest::SHA256, &octets);
        let tag = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]);
        let mut zip = GzEncoder::new(Vec::new(), Compression::best());
        let zipped = zip.write_all(&octets).and_then(|()| zip.finish()).ok();
        let date = DateTime::<Utc>::from(modified).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let value = |text: String| HeaderValue::from_str(&text).expect("made here, of printable ASCII");
        Self {
            modified,
            length: octets.len() as u64,
            media_type: HeaderValue::from_static(media_type),
            zipped: zipped.filter(|zipped| zipped.len() < octets.len()).map(Bytes::from),
            plain: Bytes::from(octets),
            // Two representations, two tags (RFC 9110 8.8.3).
            plain_tag: value(format!("\"{tag}\"")),
            zipped_tag: value(format!("\"{tag}-gz\"")),
            tag,
            date: value(date),
        }
    }

    /// Answers a GET or HEAD: 304 when the client has it already, compressed when it can take that.
    pub fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let zipped = self.zipped.as_ref().filter(|_| takes_gzip(asked));
        let known = self.is_known(asked);
        let body = match zipped {
            _ if known => Body::empty(),
            Some(zipped) => Body::from(zipped.clone()),
            None => Body::from(self.plain.clone()),
        };
        let mut answer = Response::new(body);
        let tag = if zipped.is_some() { &self.zipped_tag } else { &self.plain_tag };
        let headers = answer.headers_mut();
        headers.insert(header::ETAG, tag.clone());
        headers.insert(header::LAST_MODIFIED, self.date.clone());
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        if known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return answer;
        }
        headers.insert(header::CONTENT_TYPE, self.media_type.clone());
        if zipped.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }

    /// RFC 9110 13.2.2: the date is looked at only where there is no tag.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        if asked.contains_key(header::IF_NONE_MATCH) {
            let tags = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
            return tags.flat_map(|line| line.split(',')).any(|tag| {
                let tag = tag.trim();
                let bare = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
                tag == "*" || bare.strip_suffix("-gz").unwrap_or(bare) == self.tag
            });
        }
        let since = asked.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
        since
            .and_then(|since| DateTime::parse_from_rfc2822(since).ok())
            .is_some_and(|since| DateTime::<Utc>::from(self.modified).timestamp() <= since.timestamp())
    }
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|line| line.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let refused = parts.any(|part| part.replace(' ', "").trim_end_matches(['0', '.']) == "q=");
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn only_published_files_are_served_by_their_plain_names() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("public");
        fs::create_dir_all(root.join("feeds")).unwrap();
        fs::write(outside.path().join("secret.xml"), "x").unwrap();
        fs::write(root.join("feed.xml"), "<rss/>").unwrap();
        fs::write(root.join("feeds/eau.json"), "{}").unwrap();
        fs::write(root.join(".hidden.xml"), "x").unwrap();
        fs::write(root.join("ledger.db"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("out")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.xml"), root.join("link.xml")).unwrap();
        let folder = Folder::new(root);
        assert!(folder.file("feed.xml").is_some());
        assert!(folder.file("feeds/eau.json").is_some());
        for path in [
            "",
            "/",
            "../secret.xml",
            "feeds/../../secret.xml",
            "..",
            ".hidden.xml",
            "ledger.db",
            "feeds",
            "out/secret.xml",
            "link.xml",
            "%2e%2e/secret.xml",
            "feed.xml/",
            "/feed.xml",
        ] {
            assert!(folder.file(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_feed_of_any_name_has_the_type_of_what_it_is() {
        for (octets, media_type_begins) in [
            ("<?xml version=\"1.0\"?>\n<rss version=\"2.0\">", "application/rss+xml"),
            ("<feed xmlns=\"http://www.w3.org/2005/Atom\">", "application/atom+xml"),
            ("<opml version=\"2.0\">", "text/x-opml"),
            ("<urlset>", "application/xml"),
        ] {
            assert!(media_type("xml", octets.as_bytes()).starts_with(media_type_begins), "{octets}");
        }
        assert!(media_type("json", b"{}").starts_with("application/feed+json"));
    }

    #[test]
    fn who_has_it_already_gets_304() {
        let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        let kept = Kept::new("<rss/>".repeat(500).into_bytes(), "application/rss+xml", modified);
        let status = |headers: &HeaderMap| kept.answer(headers).status().as_u16();
        assert_eq!(status(&HeaderMap::new()), 200);
        let first = kept.answer(&HeaderMap::new());
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(status(&asked("if-none-match", &tag)), 304);
        assert_eq!(status(&asked("if-none-match", &format!("\"x\", W/{tag}"))), 304);
        assert_eq!(status(&asked("if-none-match", "\"other\"")), 200);
        assert_eq!(status(&asked("if-modified-since", "Tue, 14 Nov 2023 22:13:20 GMT")), 304);
        assert_eq!(status(&asked("if-modified-since", "Tue, 14 Nov 2023 22:13:19 GMT")), 200);
        assert_eq!(status(&asked("if-modified-since", "nonsense")), 200);
        // The tag outranks the date.
        let mut both = asked("if-none-match", "\"other\"");
        both.insert("if-modified-since", HeaderValue::from_static("Tue, 14 Nov 2023 22:13:20 GMT"));
        assert_eq!(status(&both), 200);
    }

    #[test]
    fn compressed_copies_have_a_tag_of_their_own() {
        let kept = Kept::new("<rss/>".repeat(500).into_bytes(), "text/css", SystemTime::UNIX_EPOCH);
        let plain = kept.answer(&HeaderMap::new());
        let zipped = kept.answer(&asked("accept-encoding", "br, gzip;q=0.5"));
        assert_eq!(zipped.headers()["content-encoding"], "gzip");
        assert_ne!(plain.headers()["etag"], zipped.headers()["etag"]);
        for refused in ["gzip;q=0", "gzip; q=0.000", "br", ""] {
            let answer = kept.answer(&asked("accept-encoding", refused));
            assert!(!answer.headers().contains_key("content-encoding"), "{refused}");
        }
    }
}

//! Lines for web servers: the types, cache times and redirections that feeds deserve.
//!
//! Feeds are fetched over and over; most of that traffic is needless where a server sends no cache
//! time or a wrong type. XML feeds with a reading page are served as `application/xml`, because
//! browsers show the source of what comes as `application/rss+xml`; readers take both. Archives
//! never change under their names, and may be kept for ever.

use std::fmt::Write;

use url::Url;

use super::feed::{Format, NameError};

/// The servers that lines are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    Nginx,
    Apache,
    Netlify,
}

/// A published file that people ask for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub name: String,
    pub kind: Kind,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A feed; `page` when it opens as a page in browsers.
    Feed {
        format: Format,
        page: bool,
    },
    Stylesheet,
    Opml,
}

impl Kind {
    fn media_type(self) -> &'static str {
        match self {
            Self::Feed { format: Format::Rss | Format::Atom, page: true } => "application/xml; charset=utf-8",
            Self::Feed { format: Format::Rss, .. } => "application/rss+xml; charset=utf-8",
            Self::Feed { format: Format::Atom, .. } => "application/atom+xml; charset=utf-8",
            Self::Feed { format: Format::Json, .. } => "application/feed+json; charset=utf-8",
            Self::Stylesheet => "text/css; charset=utf-8",
            Self::Opml => "text/x-opml; charset=utf-8",
        }
    }
}

/// What readers may keep for half an hour, and what they may keep for ever.
const FRESH: &str = "public, max-age=1800";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

impl Host {
    /// The files that hold the lines, below the published folder, and the lines themselves. A file
    /// may have other lines too: see [`merged`].
    #[must_use]
    pub fn files(
        self,
        site: &Url,
        served: &[Served],
        redirects: &[(String, String)],
    ) -> Vec<(&'static str, String)> {
        let base = site.path();
        match self {
            Self::Nginx => vec![("feeds.nginx.conf", nginx(base, served, redirects))],
            Self::Apache => vec![(".htaccess", apache(base, served, redirects))],
            Self::Netlify => {
                let mut files = vec![("_headers", netlify_headers(base, served))];
                if !redirects.is_empty() {
                    let lines = redirects.iter().map(|(old, new)| format!("{base}{old} {base}{new} 301\n"));
                    files.push(("_redirects", lines.collect()));
                }
                files
            }
        }
    }
}

/// Accepts an old and a new feed name that can stand in the lines of every server.
///
/// # Errors
/// The name with a blank, a quote or a control character in it.
pub fn checked_redirect(old: &str, new: &str) -> Result<(String, String), NameError> {
    for name in [old, new] {
        let sound = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        if name.is_empty() || name.starts_with('/') || !name.chars().all(sound) {
            let reason = "a redirected name is a path of ASCII letters, digits, -._~/ below the site";
            return Err(NameError { name: name.to_owned(), reason });
        }
    }
    Ok((old.to_owned(), new.to_owned()))
}

const BEGIN: &str = "# begin feeds (written by parution, do not edit between these lines)";
const END: &str = "# end feeds";

/// A server's file with our lines in it, everything else as it was.
#[must_use]
pub fn merged(present: &str, lines: &str) -> String {
    let block = format!("{BEGIN}\n{lines}{END}\n");
    if let Some((before, rest)) = present.split_once(BEGIN)
        && let Some((_, after)) = rest.split_once(END)
    {
        return format!("{before}{block}{}", after.strip_prefix('\n').unwrap_or(after));
    }
    let gap = if present.is_empty() || present.ends_with('\n') { "" } else { "\n" };
    format!("{present}{gap}{block}")
}

fn nginx(base: &str, served: &[Served], redirects: &[(String, String)]) -> String {
    let mut out = String::from("# include this file in the server block of the site\n");
    for file in served {
        let _ = writeln!(
            out,
            "location = \"{base}{}\" {{ types {{ }} default_type \"{}\"; add_header Cache-Control \"{FRESH}\"; \
             gzip on; gzip_types *; }}",
            file.name,
            file.kind.media_type()
        );
    }
    let _ = writeln!(
        out,
        "location ~ \"^{base}.*\\.archive-[0-9]+-[0-9a-f]{{8}}\\.xml$\" {{ types {{ }} default_type \"application/xml; \
         charset=utf-8\"; add_header Cache-Control \"{FOR_EVER}\"; gzip on; gzip_types *; }}\n\
         location ~ \"^{base}.*\\.archive-[0-9]+-[0-9a-f]{{8}}\\.json$\" {{ types {{ }} default_type \
         \"application/feed+json; charset=utf-8\"; add_header Cache-Control \"{FOR_EVER}\"; gzip on; gzip_types *; }}"
    );
    for (old, new) in redirects {
        let _ = writeln!(out, "location = \"{base}{old}\" {{ return 301 {base}{new}; }}");
    }
    out
}

fn apache(base: &str, served: &[Served], redirects: &[(String, String)]) -> String {
    let mut out = String::from("<IfModule mod_headers.c>\n");
    for file in served {
        let _ = writeln!(
            out,
            "<If \"%{{REQUEST_URI}} == '{base}{}'\">\nHeader set Content-Type \"{}\"\n\
             Header set Cache-Control \"{FRESH}\"\n</If>",
            file.name,
            file.kind.media_type()
        );
    }
    let _ = writeln!(
        out,
        "<If \"%{{REQUEST_URI}} =~ /\\.archive-[0-9]+-[0-9a-f]{{8}}\\.(xml|json)$/\">\n\
         Header set Cache-Control \"{FOR_EVER}\"\n</If>\n</IfModule>\n\
         <IfModule mod_deflate.c>\nAddOutputFilterByType DEFLATE application/xml application/json application/rss+xml \
         application/atom+xml application/feed+json text/x-opml\n</IfModule>"
    );
    for (old, new) in redirects {
        let _ = writeln!(out, "Redirect 301 \"{base}{old}\" \"{base}{new}\"");
    }
    out
}

fn netlify_headers(base: &str, served: &[Served]) -> String {
    let mut out = String::new();
    for file in served {
        let _ = writeln!(
            out,
            "{base}{}\n  Content-Type: {}\n  Cache-Control: {FRESH}",
            file.name,
            file.kind.media_type()
        );
    }
    out
}

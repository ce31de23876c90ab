//! References as editors write them, made absolute.
//!
//! An address is encoded once: what is already encoded stays, what is not is. A slip that has one
//! plain meaning is repaired; a reference that leads nowhere is not made a link.

use std::fmt::Write as _;

use url::Url;

use crate::read::markdown::Page;

/// What a reference comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The absolute address.
    Sound(String),
    /// The absolute address, and what was wrong with the reference.
    Repaired(String, &'static str),
    /// Why there is none.
    Hopeless(&'static str),
}

impl Address {
    /// Where a link of a page leads.
    #[must_use]
    pub fn of(reference: &str, page: &Page) -> Self {
        let written: String = reference.trim().chars().filter(|c| !c.is_control()).collect();
        if written.is_empty() {
            return Self::Hopeless("is empty");
        }
        // What is left of `java&#9;script:`, which browsers resolve and then pass over.
        if written.contains("&#") {
            return Self::Hopeless("holds a character that no address may hold");
        }
        let lower = written.to_ascii_lowercase();
        if let Some(at) = lower.find("mailto:").filter(|&at| at > 0 && is_scheme_of_web(&lower[..at])) {
            return mail(&written[at + 7..]).map_or(Self::Hopeless("is no e-mail address"), |url| {
                Self::Repaired(url, "mixes a web and a mail address")
            });
        }
        if let Some(rest) = lower.strip_prefix("mailto:") {
            let rest = &written[written.len() - rest.len()..];
            return mail(rest.trim()).map_or(Self::Hopeless("is no e-mail address"), Self::Sound);
        }
        if let Some(number) = lower.strip_prefix("tel:") {
            let number: String = number.chars().filter(|c| !c.is_whitespace()).collect();
            let sound = number.bytes().all(|b| b.is_ascii_digit() || b"+-.();=".contains(&b));
            return if sound { Self::Sound(format!("tel:{number}")) } else { Self::Hopeless("is no number") };
        }
        if is_mail_address(&written) {
            return mail(&written).map_or(Self::Hopeless("is no e-mail address"), |url| {
                Self::Repaired(url, "lacks “mailto:”")
            });
        }
        if ["javascript:", "vbscript:"].iter().any(|scheme| lower.contains(scheme)) {
            return Self::Hopeless("is of a kind that readers cannot follow");
        }
        if let Some((scheme, _)) = lower.split_once(':')
            && is_scheme(scheme)
            && !matches!(scheme, "http" | "https")
        {
            return Self::Hopeless("is of a kind that readers cannot follow");
        }
        if looks_like_host(&lower) {
            return web(&format!("https://{written}"), page)
                .map_or(Self::Hopeless("is no address"), |url| Self::Repaired(url, "lacks “https://”"));
        }
        if !written.contains(['/', '.', '#', '?', ':', '=']) {
            return Self::Hopeless("is no address");
        }
        web(&written, page).map_or(Self::Hopeless("is no address"), Self::Sound)
    }

    /// Where an image of a page is.
    #[must_use]
    pub fn of_image(reference: &str, page: &Page) -> Self {
        match Self::of(reference, page) {
            Self::Sound(url) | Self::Repaired(url, _) if !url.starts_with("http") => {
                Self::Hopeless("is no address of an image")
            }
            address => address,
        }
    }
}

/// The candidates of a `srcset`, each absolute; `None` when none is usable.
pub fn srcset(candidates: &str, page: &Page) -> Option<String> {
    let mut sound = Vec::new();
    for candidate in candidates.split(',').take(20) {
        let mut parts = candidate.split_whitespace();
        let Some(reference) = parts.next() else { continue };
        let Address::Sound(url) = Address::of_image(reference, page) else { continue };
        let descriptor = parts.next().unwrap_or("");
        let is_descriptor = descriptor.is_empty()
            || descriptor
                .strip_suffix(['w', 'x'])
                .is_some_and(|number| number.parse::<f32>().is_ok_and(f32::is_finite));
        if is_descriptor {
            // A comma would split the address once more.
            sound.push(format!("{} {descriptor}", url.replace(',', "%2C")).trim_end().to_owned());
        }
    }
    (!sound.is_empty()).then(|| sound.join(", "))
}

/// An `http` or `https` address, resolved against the page and encoded.
fn web(reference: &str, page: &Page) -> Option<String> {
    let url = page.site.resolve(page.url, reference)?;
    let sound = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none();
    sound.then(|| encoded(&url))
}

/// Encodes what WHATWG's URL leaves and RFC 3986 does not allow; nothing is encoded twice.
fn encoded(url: &Url) -> String {
    let text = url.as_str();
    let start = url[..url::Position::BeforePath].len();
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..start]);
    for (at, c) in text.char_indices().filter(|(at, _)| *at >= start) {
        let stray_percent = c == '%'
            && !(bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
                && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit));
        if stray_percent
            || matches!(c, '[' | ']' | '|' | '\\' | '^' | '`' | '{' | '}' | '"' | '<' | '>' | ' ')
        {
            let _ = write!(out, "%{:02X}", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}

/// `mailto:` with one or more addresses and perhaps a subject.
fn mail(rest: &str) -> Option<String> {
    let rest = rest.trim_start_matches("//").trim_start_matches("mailto:");
    let (addresses, query) = match rest.split_once('?') {
        Some((addresses, query)) => (addresses, Some(query)),
        None => (rest, None),
    };
    let addresses: Vec<&str> = addresses.split([',', ';']).map(str::trim).collect();
    if !addresses.iter().all(|address| is_mail_address(address)) {
        return None;
    }
    let mut url = format!("mailto:{}", addresses.join(","));
    if let Some(query) = query {
        url.push('?');
        for c in query.chars() {
            if c.is_ascii_graphic()
                && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' | '[' | ']')
            {
                url.push(c);
            } else {
                for byte in c.to_string().bytes() {
                    let _ = write!(url, "%{byte:02X}");
                }
            }
        }
    }
    Some(url)
}

/// Loose on purpose: it decides what an editor meant, not where a letter goes.
fn is_mail_address(text: &str) -> bool {
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$&'*+-=^_`{|}~.%".contains(&b);
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && name.bytes().all(atom)
            && host.contains('.')
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
    })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        // A host with a port is no scheme.
        && !text.contains('.')
}

fn is_scheme_of_web(text: &str) -> bool {
    matches!(text, "http:" | "https:" | "http://" | "https://" | "http:/" | "https:/")
}

/// `www.example.org/page` and `example.gouv.fr`: a host without its scheme. A file in the same folder
/// looks alike, so only the endings that hosts have count.
fn looks_like_host(reference: &str) -> bool {
    const ENDINGS: [&str; 13] =
        ["fr", "com", "org", "net", "eu", "io", "info", "paris", "bzh", "gouv", "int", "gov", "edu"];
    let host = reference.split(['/', '?', '#', ':']).next().unwrap_or("");
    let labels: Vec<&str> = host.split('.').collect();
    labels.len() >= 2
        && labels
            .iter()
            .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        && (labels[0] == "www" || labels.last().is_some_and(|ending| ENDINGS.contains(ending)))
}

//! Addresses in HTML that lead nowhere from a feed reader.

/// The first address that has no scheme: readers do not agree on what it would be relative to. The
/// HTML is ours: its texts hold no `<`, its attributes stand in double quotes.
pub fn first_relative(html: &str) -> Option<&str> {
    const NAMES: [&str; 5] = ["href", "src", "poster", "cite", "srcset"];
    let octets = html.as_bytes();
    let mut at = 0;
    while let Some(tag) = memchr::memchr(b'<', &octets[at..]) {
        at += tag + 1;
        at += octets[at..].iter().take_while(|octet| octet.is_ascii_alphanumeric()).count();
        if octets.get(at) != Some(&b' ') {
            continue;
        }
        // To the end of the tag, from one quoted value to the next.
        while let Some(mark) = memchr::memchr2(b'"', b'>', &octets[at..]) {
            let before = &html[at..at + mark];
            at += mark + 1;
            if octets[at - 1] == b'>' {
                break;
            }
            let value = &html[at..at + memchr::memchr(b'"', &octets[at..])?];
            at += value.len() + 1;
            if NAMES.contains(&before.trim_matches([' ', '\n', '\t', '='])) && !has_scheme(value) {
                return Some(value);
            }
        }
    }
    None
}

fn has_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'))
    })
}

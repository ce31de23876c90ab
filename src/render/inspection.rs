//! The program's own look at a letter before a digest is cut: what readers must never get.
//!
//! The finished octets are read back with someone else's parser, so that a fault of ours in writing
//! them shows here and not in ten thousand mailboxes.

use std::collections::BTreeSet;

use mail_parser::{MessageParser, MimeHeaders};

use super::digest::{self, ALL_IMAGES, Composed, LARGEST_HTML, Theme};
use super::letter::{ListSettings, TOKEN};

/// Something that a letter must not leave with, in words for the person who sends it.
pub type Flaw = String;

/// Inspects one edition: `letter` is its mold filled for a reader whose token is `token`.
#[must_use]
pub fn flaws(
    letter: &[u8],
    token: &str,
    composed: &Composed,
    list: &ListSettings,
    theme: &Theme,
) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    structure(letter, token, composed, &mut flaws);
    leaving(composed, list, &mut flaws);
    weight(composed, &mut flaws);
    html(&composed.html, &mut flaws);
    images(composed, &mut flaws);
    residue(composed, &mut flaws);
    flaws.extend(theme.too_faint().iter().map(ToString::to_string));
    flaws
}

/// Read back, the letter says what was written.
fn structure(letter: &[u8], token: &str, composed: &Composed, flaws: &mut Vec<Flaw>) {
    let Some(read) = MessageParser::default().parse(letter) else {
        flaws.push("the letter cannot be read back".to_owned());
        return;
    };
    if composed.subject.trim().is_empty() {
        flaws.push("the subject is empty".to_owned());
    }
    let same = |what: &str, read: Option<&str>, written: &str| {
        let flat = |text: &str| text.trim_end().replace("\r\n", "\n");
        (read.map(flat).as_deref() != Some(&flat(&written.replace(TOKEN, token))))
            .then(|| format!("the {what} does not come back as it was written"))
    };
    flaws.extend(same("subject", read.subject(), &composed.subject));
    flaws.extend(same("HTML", read.body_html(0).as_deref(), &composed.html));
    flaws.extend(same("plain text", read.body_text(0).as_deref(), &composed.text));
    let inline = read.parts.iter().filter(|part| part.content_id().is_some()).count();
    if inline != composed.images.len() {
        flaws.push(format!("{} images were put in and {inline} come out", composed.images.len()));
    }
}

/// Every reader can leave by the letter itself: with a link of their own, or with that of the
/// mailing list, whose members must never see a personal one.
fn leaving(composed: &Composed, list: &ListSettings, flaws: &mut Vec<Flaw>) {
    let link = list.leave_link();
    // The two engines of templates each write these in their own way.
    let html = composed.html.replace("&amp;", "&").replace("&#38;", "&").replace("&#x2f;", "/");
    for (part, text) in [("HTML", &html), ("plain text", &composed.text)] {
        if !text.contains(&link) {
            flaws.push(format!("the {part} has no link to unsubscribe"));
        }
        if list.mailing_list.is_some() && text.contains(TOKEN) {
            flaws.push(format!("the {part} has a personal link, and goes to a mailing list"));
        }
    }
}

fn weight(composed: &Composed, flaws: &mut Vec<Flaw>) {
    let html = digest::size(&composed.html);
    if html > LARGEST_HTML {
        flaws.push(format!("the HTML has {html} octets; Gmail clips after {LARGEST_HTML}"));
    }
    let images: usize = composed.images.iter().map(|image| image.bytes.len()).sum();
    if images > ALL_IMAGES {
        flaws.push(format!("the images weigh {images} octets, over {ALL_IMAGES}"));
    }
}

/// Links are absolute, images have an alternative text.
fn html(html: &str, flaws: &mut Vec<Flaw>) {
    for href in values(html, " href=\"") {
        if !["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| href.starts_with(scheme)) {
            flaws.push(format!("the link `{href}` leads nowhere from a letter"));
        }
    }
    for image in html.split("<img ").skip(1) {
        let tag = image.split('>').next().unwrap_or_default();
        if !tag.contains(" alt=\"") {
            flaws.push("an image has no alternative text".to_owned());
        }
        if !tag.contains(" width=\"") {
            flaws.push("an image has no width, and Outlook shows it at full size".to_owned());
        }
    }
}

/// Every `cid:` has its image and every image its `cid:`.
fn images(composed: &Composed, flaws: &mut Vec<Flaw>) {
    let asked: BTreeSet<&str> = values(&composed.html, "src=\"cid:").collect();
    let there: BTreeSet<&str> = composed.images.iter().map(|image| image.content_id.as_str()).collect();
    flaws.extend(
        asked.difference(&there).map(|id| format!("the image {id} is asked for and not in the letter")),
    );
    flaws.extend(
        there.difference(&asked).map(|id| format!("the image {id} is in the letter and never shown")),
    );
}

/// No template, Liquid or kramdown is left over. What an article says itself never stops a digest.
fn residue(composed: &Composed, flaws: &mut Vec<Flaw>) {
    let parts = [("subject", &composed.subject), ("HTML", &composed.html), ("plain text", &composed.text)];
    for (part, text) in parts {
        // Style rules have braces of their own, but never two of a kind together.
        for mark in ["{{", "}}", "{%", "%}", "{:", "]("] {
            if composed.words.contains(mark) {
                continue;
            }
            let body = text.split_once("</style>").map_or(text.as_str(), |(_, body)| body);
            if let Some(at) = body.find(mark) {
                let around: String = body[at..].chars().take(40).collect();
                flaws.push(format!("the {part} shows source text: {}", around.escape_debug()));
                break;
            }
        }
    }
}

fn values<'a>(html: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    html.split(before).skip(1).map(|rest| rest.split('"').next().unwrap_or_default())
}

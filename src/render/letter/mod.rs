//! From a composed digest to octets: header, MIME structure, encodings, and the slots in which
//! readers differ.
//!
//! ```text
//! multipart/alternative
//!   text/plain                                     quoted-printable
//!   multipart/related; type="text/html"            only when there are images
//!     text/html                                    quoted-printable
//!     image/jpeg | image/png  (inline, Content-ID) base64
//! ```
//!
//! Nothing here depends on the clock or on chance: the same parts give the same octets. Boundaries
//! come from a hash of the contents and begin with `=_`, which neither encoding can produce.

mod header;
mod list;
mod mold;
mod quoted_printable;

pub use header::one_line;
pub use list::{LeaveUrl, ListSettings, MailingList, NotALeaveUrl};
pub use mold::{Mold, NotAMold, Reader};

use std::fmt::Write;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset};

use crate::domain::{InlineImage, Language};

use mold::{MESSAGE_ID_OCTET, TO_OCTET};

/// Stands for a reader's token in the HTML, the text and the header, until the mold is filled.
pub const TOKEN: char = '\u{3}';
/// The length of every token, in ASCII characters.
pub const TOKEN_LENGTH: usize = 32;
const TOKEN_OCTET: u8 = 3;

/// What is the same for all readers of an edition.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    pub subject: &'a str,
    /// HTML, `\n` line ends, each image referred to as `cid:` its Content-ID.
    pub html: &'a str,
    /// Plain text, `\n` line ends, at most 76 columns but for URLs.
    pub text: &'a str,
    pub images: &'a [InlineImage],
    /// When the digest was cut, in the site's offset: every copy bears this date.
    pub date: DateTime<FixedOffset>,
    pub language: &'a Language,
    /// Names the digest in `Feedback-ID`: ASCII letters, digits and hyphens.
    pub campaign: &'a str,
}

/// Composes and encodes a letter once for all its readers; [`Mold::parse`] and [`Mold::fill`] do
/// the rest.
#[must_use]
pub fn compose(parts: &Parts<'_>, list: &ListSettings) -> Vec<u8> {
    put_together(head(parts, list), parts)
}

/// Composes a letter that concerns one person's own request (confirm, welcome, your data): the same
/// letter without the fields of a list, since nobody need leave what they have not joined.
#[must_use]
pub fn compose_notice(parts: &Parts<'_>, list: &ListSettings) -> Vec<u8> {
    let mut fields = sender_fields(parts, list);
    // RFC 3834 5: an answer to what someone did, not a message of its own.
    fields += "Auto-Submitted: auto-replied\r\n";
    fields += "X-Auto-Response-Suppress: All\r\n";
    fields += &last_fields(parts);
    put_together(fields, parts)
}

fn put_together(head: String, parts: &Parts<'_>) -> Vec<u8> {
    let boundary = Boundaries::of(parts);
    let mut out = head.into_bytes();
    out.extend(
        format!("Content-Type: multipart/alternative;\r\n boundary=\"{}\"\r\n\r\n", boundary.outer).bytes(),
    );
    open(&mut out, &boundary.outer);
    text_part(&mut out, "text/plain", parts.text);
    open(&mut out, &boundary.outer);
    if parts.images.is_empty() {
        text_part(&mut out, "text/html", parts.html);
    } else {
        out.extend(
            format!(
                "Content-Type: multipart/related; type=\"text/html\";\r\n boundary=\"{}\"\r\n\r\n",
                boundary.inner
            )
            .bytes(),
        );
        open(&mut out, &boundary.inner);
        text_part(&mut out, "text/html", parts.html);
        for image in parts.images {
            open(&mut out, &boundary.inner);
            image_part(&mut out, image);
        }
        close(&mut out, &boundary.inner);
    }
    close(&mut out, &boundary.outer);
    out
}

/// Every header field but the last, `Content-Type`.
fn head(parts: &Parts<'_>, list: &ListSettings) -> String {
    let mut head = sender_fields(parts, list);
    if list.mailing_list.is_some() {
        // The fields of a list are its own program's to write: Sympa adds its beside ours, and its
        // usual settings turn away whatever says `Auto-Submitted`.
        head += "X-Auto-Response-Suppress: OOF, AutoReply\r\n";
        return head + &last_fields(parts);
    }
    head += &header::named("List-ID", &list.name, &list.id);
    head += &header::tokens("List-Unsubscribe", &list.leave_uris());
    if list.unsubscribe_url.is_some() {
        // RFC 8058 3.1: only beside an https URI that takes a POST.
        head += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
    }
    if let Some(url) = &list.archive_url {
        head += &header::tokens("List-Archive", &[format!("<{url}>")]);
    }
    if let Some(url) = &list.subscribe_url {
        head += &header::tokens("List-Subscribe", &[format!("<{url}>")]);
    }
    head += &header::tokens("List-Help", &[list.help_uri()]);
    head += &header::tokens("List-Owner", &[format!("<mailto:{}>", list.contact())]);
    head += "List-Post: NO\r\n";
    head += "Auto-Submitted: auto-generated\r\n";
    head += "Precedence: bulk\r\n";
    head += "X-Auto-Response-Suppress: OOF, AutoReply\r\n";
    head += &header::tokens("Feedback-ID", &[list.feedback_id(parts.campaign)]);
    head += &last_fields(parts);
    head
}

/// Who writes to whom, about what, when.
fn sender_fields(parts: &Parts<'_>, list: &ListSettings) -> String {
    let mut head = String::new();
    head += &header::named("From", &list.sender_name, list.sender.as_str());
    let _ = write!(head, "To: {}\r\n", char::from(TO_OCTET));
    head += &header::text("Subject", parts.subject);
    let _ = write!(head, "Date: {}\r\n", parts.date.format("%a, %d %b %Y %H:%M:%S %z"));
    let _ = write!(head, "Message-ID: <{}>\r\n", char::from(MESSAGE_ID_OCTET));
    head += &header::tokens("Reply-To", &[list.reply_to().as_str().to_owned()]);
    head
}

fn last_fields(parts: &Parts<'_>) -> String {
    format!("Content-Language: {}\r\nMIME-Version: 1.0\r\n", parts.language)
}

fn open(out: &mut Vec<u8>, boundary: &str) {
    out.extend(format!("--{boundary}\r\n").bytes());
}

fn close(out: &mut Vec<u8>, boundary: &str) {
    out.extend(format!("--{boundary}--\r\n").bytes());
}

fn text_part(out: &mut Vec<u8>, media_type: &str, text: &str) {
    out.extend(format!("Content-Type: {media_type}; charset=utf-8\r\n").bytes());
    out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    out.extend(quoted_printable::encode(text));
}

fn image_part(out: &mut Vec<u8>, image: &InlineImage) {
    out.extend(
        format!(
            "Content-Type: {}; name=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\
             Content-ID: <{}>\r\n\
             Content-Disposition: inline; filename=\"{name}\"\r\n\r\n",
            image.media_type,
            image.content_id,
            name = image.file_name,
        )
        .bytes(),
    );
    let encoded = STANDARD.encode(&image.bytes);
    for line in encoded.as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

struct Boundaries {
    outer: String,
    inner: String,
}

impl Boundaries {
    fn of(parts: &Parts<'_>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for piece in [parts.subject, parts.text, parts.html] {
            context.update(&(piece.len() as u64).to_be_bytes());
            context.update(piece.as_bytes());
        }
        for image in parts.images {
            context.update(image.content_id.as_bytes());
        }
        let hash = context.finish();
        let mut hex = String::new();
        for byte in &hash.as_ref()[..12] {
            let _ = write!(hex, "{byte:02x}");
        }
        Self { outer: format!("=_a{hex}"), inner: format!("=_r{hex}") }
    }
}

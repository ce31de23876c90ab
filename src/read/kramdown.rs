//! kramdown with its GFM parser, as Jekyll runs it: blocks, spans, attribute lists, typography.
//!
//! kramdown is not CommonMark: HTML ends with its closing tag, attribute lists are part of the
//! language, a list needs no blank line before it, and `**bold :**text` is bold. So blocks and spans
//! are read here, into pulldown-cmark's events, and pulldown-cmark writes them; `tests/kramdown.rs`
//! and `tests/kramdown_differential.rs` hold the result against the real thing.
//!
//! ```text
//! text → blocks (blocks, list, table, lines) → words (spans, quotes) → events → HTML (write)
//! ```
//!
//! Reading is linear in the length of the text: nesting is limited, and what has to be tried is paid
//! for from a purse. Whatever was cut short is in `Document::limits`.
//!
//! Not done, because articles have no use for it: table of contents, syntax colouring, nested named
//! attribute lists, ids of definition terms, options other than `auto_ids` and `parse_block_html`.

pub mod attributes;
mod blocks;
mod definitions;
mod emphasis;
pub mod entities;
mod extension;
mod footnotes;
mod heading_id;
mod html;
mod inline;
mod lines;
mod links;
mod list;
mod quotes;
mod spans;
mod stray;
mod table;
pub mod tag;
mod tree;
mod write;

pub use attributes::Attributes;
pub use write::{Fate, Ink, Slip};

/// HTML as written by hand and by kramdown: balanced, but only as safe as `ink` makes it; and what
/// was cut short, with the line, counted from 0.
pub fn to_html(source: &str, ink: &mut dyn Ink) -> (String, Vec<(u32, &'static str)>) {
    let document = blocks::read(source);
    let purse = spans::Purse::for_text(source.len());
    let html = write::write(&document, &purse, source.len() * 3 / 2, ink);
    let mut limits = document.limits;
    if purse.is_empty() {
        limits.push((0, "too many marks that nothing closes"));
    }
    (html, limits)
}

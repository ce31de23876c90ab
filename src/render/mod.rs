//! What readers see: feeds, letters, pages. Values in, text out; nothing is opened or sent.

pub mod atom;
pub mod digest;
pub mod documents;
pub mod draft;
pub mod feed;
pub mod host;
pub mod inspection;
pub mod json_feed;
pub mod letter;
pub mod notice;
pub mod opml;
pub mod pages;
pub mod preview_page;
pub mod proof;
pub mod reading_page;
pub mod rss;
pub mod words;
mod xml;

//! The YAML block of an article, and the nouns it becomes.
//!
//! [`split`] cuts a file as Jekyll does, [`article::read`] makes an [`crate::domain::Article`] of
//! it. A fault in one key is a [`crate::domain::Problem`] with its line; only a fault that would
//! make the article untrue (no title, a date that is none, doubt about `published`) leaves it out.

pub mod article;
mod block;
mod date;
mod fields;
mod one_line;

pub use article::line_of;
pub use block::{Block, MAX_BYTES, Split, shortened, split};
pub use date::{Written, parse as parse_date};
pub use fields::Fields;
pub use one_line::{label, one_line};

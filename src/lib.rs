//! parution: from a folder of articles to feeds that last and a digest that arrives once.
//!
//! # The flow
//!
//! ```text
//! read → select → render → publish                     feeds
//!               → cut → deliver → record               digest
//! ```
//!
//! # The floors
//!
//! | floor | modules | may do |
//! |---|---|---|
//! | 0 | [`domain`] | hold values, decide purely |
//! | 1 | [`yaml`], [`read`] but `read::folder`, [`select`], [`render`], `mail::{outcome, pace, sign, letter guard}` | compute: no file, socket, clock, randomness, log |
//! | 2 | `read::folder`, [`publish`], [`ledger`], `mail::mailer` | one kind of input or output each |
//! | 3 | [`run`] | order the steps: no SQL, no SMTP, no XML, no HTML |
//! | 4 | `main` with `house` and `terminal`, [`cli`], [`config`] | argv, environment, clock, terminal, exit code |
//!
//! A module imports from lower floors and from its own folder only; folders on floors 1 and 2 never
//! import one another. `tests/floors.rs` reads the `use crate::` lines and enforces it.
//!
//! # Reading order
//!
//! [`domain`] for the words; [`read`] and [`select`] for what is new; [`render`] for what readers
//! see; [`ledger`], [`mail`] and `run::deliver` for how a letter arrives once.
//!
//! # Deliberately absent
//!
//! Nothing is fetched from the network while reading or rendering. Nothing measures readers: no
//! pixel, no click counter. There is no global state and no clock outside `main`.

pub mod cli;
pub mod config;
pub mod domain;
pub mod ledger;
pub mod mail;
pub mod publish;
pub mod read;
pub mod render;
pub mod run;
pub mod select;
pub mod yaml;

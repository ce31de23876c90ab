//! The ledger: what was announced, which digests exist, who subscribes, what happened to each
//! delivery. One trait, two databases, one suite of tests for both.

pub mod postgres;
pub mod sqlite;

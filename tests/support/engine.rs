//! The engines that a ledger may be kept in, and sentences that must hold on each of them.

use std::path::PathBuf;

use parution::ledger::Ledger;
use parution::ledger::sqlite::SqliteLedger;
use tempfile::TempDir;

use super::opening;
use super::postgres::Database;

/// A place where ledgers of one engine live.
pub trait Engine {
    fn open(&self) -> Box<dyn Ledger>;
}

pub struct Sqlite(TempDir);

impl Sqlite {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("folder/ledger.db")
    }
}

impl Engine for Sqlite {
    fn open(&self) -> Box<dyn Ledger> {
        Box::new(SqliteLedger::open(&self.path(), &opening()).unwrap())
    }
}

impl Engine for Database {
    fn open(&self) -> Box<dyn Ledger> {
        self.ledger(&opening())
    }
}

/// Runs every sentence as a test of its own, for each engine.
#[allow(unused_macros, reason = "each test program uses its own part")]
macro_rules! for_each_engine {
    ($($sentence:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $sentence() { super::$sentence(&super::support::engine::Sqlite::new()); })*
        }
        mod postgres {
            $(#[test] fn $sentence() {
                if let Some(database) = super::support::postgres::database(stringify!($sentence)) {
                    super::$sentence(&database);
                }
            })*
        }
    };
}

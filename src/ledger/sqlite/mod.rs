//! The ledger in one SQLite file beside the site.
//!
//! Promises: a verb that returned is on the disk (WAL with `synchronous=FULL`); every write begins
//! with `BEGIN IMMEDIATE`, so that it waits its turn instead of failing half-way; a file that is
//! not ours, is damaged, or was made by a newer version is refused and left untouched. Each value
//! is one connection; several processes may have the same ledger open, one of them may run.
//!
//! Does badly: network file systems, whose locks cannot be trusted, are refused.

mod articles;
mod deliveries;
mod digests;
mod feeds;
mod import;
mod membership;
mod place;
mod record;
mod subscribers;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Ledger, LedgerError, LedgerKey, Opening, instant, millis};

/// "Paru" as a number: what `file` and other programs recognise the ledger by.
const APPLICATION_ID: i64 = 0x5061_7275;

/// Each brings the ledger from the version of its index to the next. Only ever grows.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/sqlite-0001.sql"),
    include_str!("../migrations/sqlite-0002.sql"),
    include_str!("../migrations/sqlite-0003.sql"),
    include_str!("../migrations/sqlite-0004.sql"),
];

/// Below this, two writers could corrupt a WAL database (sqlite.org/wal.html, "WAL-reset bug").
const OLDEST_SOUND_SQLITE: i32 = 3_051_003;

/// How long a verb waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(30);

/// An open ledger.
pub struct SqliteLedger {
    db: Connection,
    path: PathBuf,
    key: LedgerKey,
    run_lock: Option<OwnedFd>,
}

impl SqliteLedger {
    /// Opens the ledger at `path`, or makes it with its folder (0700, file 0600) when there is
    /// none. After an unclean end the whole file is checked first.
    pub fn open(path: &Path, opening: &Opening) -> Result<Self, LedgerError> {
        if rusqlite::version_number() < OLDEST_SOUND_SQLITE {
            return Err(LedgerError::Unsuitable {
                ledger: path.display().to_string(),
                why: format!("SQLite {} can damage it; 3.51.3 or later is needed", rusqlite::version()),
            });
        }
        let ended_uncleanly = place::prepare(path)?;
        let fail = |e: rusqlite::Error| database(path, &e);
        let db = Connection::open(path).map_err(fail)?;
        db.busy_timeout(BUSY).map_err(fail)?;
        let mut ledger = Self { db, path: path.to_owned(), key: LedgerKey::new([0; 32]), run_lock: None };
        ledger.recognise(ended_uncleanly)?;
        ledger.db.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
        ledger.db.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
        ledger.db.pragma_update(None, "foreign_keys", true).map_err(fail)?;
        ledger.db.set_prepared_statement_cache_capacity(64);
        if ended_uncleanly {
            // A full disk is where a long journal hurts most; who reads it just now keeps it.
            let _ = ledger.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        ledger.migrate(opening)?;
        ledger.settle_in(opening)?;
        Ok(ledger)
    }

    /// Writes a whole, compact copy to `target`, which must not exist; safe while others write.
    pub fn back_up(&self, target: &Path) -> Result<(), LedgerError> {
        place::create_private(target)?;
        self.db.execute("VACUUM INTO ?1", [target.to_string_lossy()]).map_err(|e| self.fault(&e)).map(|_| ())
    }

    /// Refuses what is not a ledger, is newer than this program, or is damaged.
    fn recognise(&self, ended_uncleanly: bool) -> Result<(), LedgerError> {
        let ledger = || self.path.display().to_string();
        let pragma = |name: &str| {
            self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|e| self.fault(&e))
        };
        let (application, version) = (pragma("application_id")?, pragma("user_version")?);
        let tables: i64 = self
            .db
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(|e| self.fault(&e))?;
        if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
            return Err(LedgerError::NotALedger { ledger: ledger() });
        }
        let known = MIGRATIONS.len() as i64;
        if version > known {
            return Err(LedgerError::Newer { ledger: ledger(), found: version, known });
        }
        if ended_uncleanly {
            let verdict: String = self
                .db
                .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
                .map_err(|e| self.fault(&e))?;
            if verdict != "ok" {
                return Err(LedgerError::Damaged { ledger: ledger(), what: verdict });
            }
        }
        Ok(())
    }

    /// Brings an older ledger, or an empty file, to the present version: all of it or nothing.
    fn migrate(&mut self, opening: &Opening) -> Result<(), LedgerError> {
        let path = self.path.clone();
        self.write(|tx| {
            // Read again inside the transaction: another process may have been faster.
            let version: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
            for migration in &MIGRATIONS[(version.max(0) as usize).min(MIGRATIONS.len())..] {
                tx.execute_batch(migration)?;
            }
            if version == 0 {
                tx.execute(
                    "INSERT INTO ledger (only_row, key, made_at, machine) VALUES (1, ?1, ?2, ?3)",
                    params![opening.random, millis(opening.now), opening.machine],
                )?;
                tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            }
            tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)
        })
        .map_err(|e| match e {
            LedgerError::Database { what, .. } => {
                LedgerError::Database { ledger: path.display().to_string(), what }
            }
            other => other,
        })
    }

    /// Reads the key, and makes sure that this machine is the one that used the ledger last.
    fn settle_in(&mut self, opening: &Opening) -> Result<(), LedgerError> {
        let (key, machine): ([u8; 32], String) = self
            .db
            .query_row("SELECT key, machine FROM ledger", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|e| self.fault(&e))?;
        self.key = LedgerKey::new(key);
        if machine != opening.machine && !opening.machine.is_empty() {
            if !machine.is_empty() && !opening.adopt {
                return Err(LedgerError::OtherMachine { ledger: self.path.display().to_string() });
            }
            self.write(|tx| tx.execute("UPDATE ledger SET machine = ?1", [&opening.machine]).map(|_| ()))?;
        }
        // The note first: what is noted was committed before.
        let seen = place::newest_digest(&self.path);
        let newest: i64 = self
            .db
            .query_row("SELECT coalesce(max(id), 0) FROM digest", [], |row| row.get(0))
            .map_err(|e| self.fault(&e))?;
        if seen > newest && !opening.adopt {
            return Err(LedgerError::Older { ledger: self.path.display().to_string(), newest, seen });
        }
        if seen != newest {
            place::note_newest_digest(&self.path, newest);
        }
        Ok(())
    }

    /// One transaction that writes, begun in a way that waits for its turn at once.
    fn write<T>(
        &mut self,
        verb: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let path = &self.path;
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|e| database(path, &e))?;
        let value = verb(&tx).map_err(|e| database(path, &e))?;
        tx.commit().map_err(|e| database(path, &e))?;
        Ok(value)
    }

    /// One transaction that only reads, so that all its queries see the same moment.
    fn read<T>(
        &mut self,
        verb: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let path = &self.path;
        let tx = self.db.transaction().map_err(|e| database(path, &e))?;
        verb(&tx).map_err(|e| database(path, &e))
    }

    fn fault(&self, error: &rusqlite::Error) -> LedgerError {
        database(&self.path, error)
    }
}

impl Ledger for SqliteLedger {
    fn key(&self) -> &LedgerKey {
        &self.key
    }

    fn lock_run(&mut self) -> Result<bool, LedgerError> {
        if self.run_lock.is_none() {
            self.run_lock = place::lock(&self.path)?;
        }
        Ok(self.run_lock.is_some())
    }

    fn last_run(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.read(|tx| {
            let at: Option<Option<i64>> =
                tx.query_row("SELECT last_run_at FROM ledger", [], |row| row.get(0)).optional()?;
            Ok(at.flatten().map(instant))
        })
    }

    fn note_run(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.write(|tx| tx.execute("UPDATE ledger SET last_run_at = ?1", [millis(now)]).map(|_| ()))
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(place::folder_of(&self.path).to_owned())
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Names the file, and keeps damage apart from other trouble.
fn database(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let ledger = path.display().to_string();
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => LedgerError::NotALedger { ledger },
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            LedgerError::Damaged { ledger, what: error.to_string() }
        }
        _ => LedgerError::Database { ledger, what: error.to_string() },
    }
}

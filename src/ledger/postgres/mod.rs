//! The ledger in PostgreSQL: one for many workers, on any number of machines.
//!
//! Promises what the SQLite engine promises, and beyond it: claims never meet (`FOR UPDATE SKIP
//! LOCKED`); leases run by the clock of the database, whatever the machines believe; who cuts is
//! alone (an advisory lock), who delivers is not. How a lost connection is dealt with is told in
//! `connection`.
//!
//! The tables live in a schema of their own (`parution`), so that a database may be shared.

mod address;
mod articles;
mod connection;
mod deliveries;
mod digests;
mod feeds;
mod import;
mod membership;
mod record;
mod subscribers;

use std::time::Duration;

use chrono::{DateTime, Utc};

pub use address::Address;
use connection::{Begin, Connection, Purpose, Session, Sql, Trouble};

use super::{Ledger, LedgerError, LedgerKey, Opening, instant, millis};

/// Each brings the ledger from the version of its index to the next. Only ever grows.
const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/postgres-0001.sql"), include_str!("../migrations/postgres-0002.sql")];

/// An open ledger.
pub struct PostgresLedger {
    db: Connection,
    key: LedgerKey,
    /// The lease that this process asked for last: a letter whose dot is near gets a whole one.
    lease: Duration,
}

impl PostgresLedger {
    /// Opens the ledger at an address, or makes it there when there is none. Of several processes
    /// that begin at once, one makes it and the others wait.
    ///
    /// # Errors
    /// What is there is not a ledger, is newer than this program, or was copied from elsewhere; the
    /// server does not keep the promises that a ledger needs (`fsync`, UTF8, version 13).
    pub fn open(address: &Address, opening: &Opening) -> Result<Self, LedgerError> {
        let mut db = Connection::open(address)?;
        let name = address.to_string();
        let known = MIGRATIONS.len() as i64;
        let present = |session: &mut Session| match version(session)? {
            Version::Of(found) => Ok(Ok(found)),
            Version::Foreign => Ok(Err(LedgerError::NotALedger { ledger: name.clone() })),
        };
        let mut found = db.read(present)??;
        if found < known {
            db.make(|session| migrate(session, address.schema(), opening))?;
            // What was learnt of the schema before it existed is of no use.
            drop(db);
            db = Connection::open(address)?;
            found = db.read(present)??;
        }
        if found > known {
            return Err(LedgerError::Newer { ledger: name, found, known });
        }
        let key = settle_in(&mut db, opening)?;
        Ok(Self { db, key, lease: Duration::from_mins(15) })
    }
}

enum Version {
    /// 0 where there is nothing yet.
    Of(i64),
    /// Somebody else's tables.
    Foreign,
}

fn version(session: &mut Session) -> Sql<Version> {
    if !session.has_place() {
        return Ok(Version::Of(0));
    }
    let row = session.query_one(
        "SELECT to_regclass('ledger') IS NOT NULL,
                (SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace)",
        &[],
    )?;
    let (is_ledger, relations): (bool, i64) = (row.try_get(0)?, row.try_get(1)?);
    if !is_ledger {
        return Ok(if relations == 0 { Version::Of(0) } else { Version::Foreign });
    }
    let row = session.query_opt("SELECT version FROM ledger", &[])?;
    Ok(match row {
        Some(row) => Version::Of(row.try_get(0)?),
        None => Version::Foreign,
    })
}

/// Brings an older ledger, or an empty place, to the present version: all of it or nothing.
fn migrate(session: &mut Session, schema: &str, opening: &Opening) -> Sql<()> {
    // One migrates; the others find it done.
    session.batch(&format!("SELECT pg_advisory_xact_lock({})", Purpose::Migrating.key(0)))?;
    // Asked first: who may not make schemas may still use one that was made for them.
    if session.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema])?.is_none() {
        session.batch(&format!("CREATE SCHEMA {schema}"))?;
    }
    let present: bool = session.query_one("SELECT to_regclass('ledger') IS NOT NULL", &[])?.try_get(0)?;
    let version: i64 =
        if present { session.query_one("SELECT version FROM ledger", &[])?.try_get(0)? } else { 0 };
    for migration in &MIGRATIONS[(version.max(0) as usize).min(MIGRATIONS.len())..] {
        session.batch(migration)?;
    }
    let newest = MIGRATIONS.len() as i64;
    if version == 0 {
        let cluster = cluster(session)?;
        session.execute(
            "INSERT INTO ledger (only_row, version, key, made_at, cluster) VALUES (1, $1, $2, $3, $4)",
            &[&newest, &opening.random.as_slice(), &millis(opening.now), &cluster],
        )?;
    } else if version < newest {
        session.execute("UPDATE ledger SET version = $1", &[&newest])?;
    }
    Ok(())
}

/// Reads the key, and makes sure that this is no copy of a ledger that is still used elsewhere.
fn settle_in(db: &mut Connection, opening: &Opening) -> Result<LedgerKey, LedgerError> {
    let (key, last, here) = db.read(|session| {
        let row = session.query_one("SELECT key, cluster FROM ledger", &[])?;
        let key: Vec<u8> = row.try_get(0)?;
        let key: [u8; 32] =
            key.try_into().map_err(|_| Trouble::Strange("its key has not 32 octets".to_owned()))?;
        Ok((LedgerKey::new(key), row.try_get::<_, String>(1)?, cluster(session)?))
    })?;
    if last != here {
        if !opening.adopt {
            return Err(LedgerError::OtherMachine { ledger: db.address().to_string() });
        }
        db.write(Begin::Usual, |session| {
            session.execute("UPDATE ledger SET cluster = $1", &[&here]).map(|_| ())
        })?;
    }
    Ok(key)
}

/// What tells this database from one that was restored from its dump: the cluster's own number,
/// which replicas share, and the database's. A copy made by hand octet by octet has the same.
fn cluster(session: &mut Session) -> Sql<String> {
    let row = session.query_one(
        "SELECT has_function_privilege('pg_control_system()', 'execute'),
                (SELECT oid::text FROM pg_database WHERE datname = current_database())",
        &[],
    )?;
    let (may_ask, database): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
    if !may_ask {
        return Ok(database);
    }
    let row = session.query_one("SELECT system_identifier::text FROM pg_control_system()", &[])?;
    Ok(format!("{}/{database}", row.try_get::<_, String>(0)?))
}

impl Ledger for PostgresLedger {
    fn key(&self) -> &LedgerKey {
        &self.key
    }

    fn lock_run(&mut self) -> Result<bool, LedgerError> {
        self.db.lock_run()
    }

    fn lock_delivery(&mut self) -> Result<bool, LedgerError> {
        Ok(true)
    }

    fn last_run(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.db.read(|session| {
            let at: Option<i64> = session.query_one("SELECT last_run_at FROM ledger", &[])?.try_get(0)?;
            Ok(at.map(instant))
        })
    }

    fn note_run(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session.execute("UPDATE ledger SET last_run_at = $1", &[&millis(now)]).map(|_| ())
        })
    }

    fn name(&self) -> String {
        self.db.address().to_string()
    }
}

/// PostgreSQL keeps every character but one, which no letter needs.
fn text(from_outside: &str) -> String {
    from_outside.replace('\0', "\u{fffd}")
}

//! The ledger in PostgreSQL, shared by any number of workers on any machines.
//!
//! Promises: workers share a digest by leases that follow the database's clock, and every write
//! names its token. A connection that breaks is made again, for two minutes at most, and the verb
//! is done again: each verb is written so that doing it twice is doing it once, because an answer to
//! COMMIT can be lost like any other. `synchronous_commit` is on, whatever the server's default.
//!
//! Does badly: a server that fails over without a synchronous standby may forget commits that it
//! acknowledged, and so send letters again. Use one.

mod articles;
mod deliveries;
mod digests;
mod feeds;
mod membership;
mod subscribers;

use std::collections::HashMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row, Statement, Transaction};

use super::{Ledger, LedgerError, LedgerKey, Opening, instant, millis};

/// Each brings the ledger from the version of its index to the next. Only ever grows.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/postgres-0001.sql")];

/// How long a lost server is awaited.
const PATIENCE: Duration = Duration::from_mins(2);

/// The advisory locks of parution: its name, and what is locked.
const LOCK_MIGRATION: i64 = 0x5061_7275_0001;
const LOCK_CUT: i64 = 0x5061_7275_0002;

/// An open ledger: one connection.
pub struct PostgresLedger {
    config: Config,
    name: String,
    client: Client,
    statements: HashMap<&'static str, Statement>,
    key: LedgerKey,
}

/// A transaction whose statements are prepared once for each connection.
struct Tx<'t> {
    tx: Transaction<'t>,
    statements: &'t mut HashMap<&'static str, Statement>,
}

/// What can go wrong inside a verb.
#[derive(Debug)]
enum Fault {
    Database(postgres::Error),
    /// A row that no version of this program wrote.
    Row(String),
}

type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

impl PostgresLedger {
    /// Opens the ledger of a database, or makes it there. `url` is `postgres://user@host/database`;
    /// the password comes apart from it. Only a server on this machine (a socket or loopback) is
    /// spoken to without TLS.
    pub fn open(url: &str, password: Option<&str>, opening: &Opening) -> Result<Self, LedgerError> {
        let mut config: Config = url.parse().map_err(|_| LedgerError::Unsuitable {
            ledger: "postgres".to_owned(),
            why: "its URL is not understood; write it as postgres://user@host/database".to_owned(),
        })?;
        if let Some(password) = password {
            config.password(password);
        }
        config.application_name("parution").connect_timeout(Duration::from_secs(10));
        let name = name(&config);
        let client = connect(&config, &name)?;
        let mut ledger =
            Self { config, name, client, statements: HashMap::new(), key: LedgerKey::new([0; 32]) };
        ledger.migrate(opening)?;
        let key: Vec<u8> = ledger.verb(|tx| Ok(tx.one("SELECT key FROM ledger", &[])?.get(0)))?;
        let octets = <[u8; 32]>::try_from(key)
            .map_err(|_| LedgerError::Damaged { ledger: ledger.name.clone(), what: "its key".to_owned() })?;
        ledger.key = LedgerKey::new(octets);
        Ok(ledger)
    }

    /// Brings an older ledger, or an empty database, to the present version; once, however many
    /// workers start together.
    fn migrate(&mut self, opening: &Opening) -> Result<(), LedgerError> {
        let known = MIGRATIONS.len() as i64;
        let found = self.verb(|tx| {
            tx.tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK_MIGRATION])?;
            let exists: bool = tx.tx.query_one("SELECT to_regclass('ledger') IS NOT NULL", &[])?.get(0);
            let version: i64 =
                if exists { tx.tx.query_one("SELECT version FROM ledger", &[])?.get(0) } else { 0 };
            if version < known {
                for migration in &MIGRATIONS[version.max(0) as usize..] {
                    tx.tx.batch_execute(migration)?;
                }
                if exists {
                    tx.tx.execute("UPDATE ledger SET version = $1", &[&known])?;
                } else {
                    tx.tx.execute(
                        "INSERT INTO ledger (only_row, version, key, made_at) VALUES (TRUE, $1, $2, $3)",
                        &[&known, &opening.random.as_slice(), &millis(opening.now)],
                    )?;
                }
            }
            Ok(version)
        })?;
        if found > known {
            return Err(LedgerError::Newer { ledger: self.name.clone(), found, known });
        }
        Ok(())
    }

    /// One transaction, done again when the connection broke or another one was in the way.
    fn verb<T>(&mut self, mut verb: impl FnMut(&mut Tx<'_>) -> Result<T, Fault>) -> Result<T, LedgerError> {
        let begun = Instant::now();
        loop {
            let fault = match self.once(&mut verb) {
                Ok(value) => return Ok(value),
                Err(Fault::Row(what)) => {
                    return Err(LedgerError::Damaged { ledger: self.name.clone(), what });
                }
                Err(Fault::Database(error)) => error,
            };
            let lost = self.client.is_closed();
            if !(lost || is_passing(&fault)) || begun.elapsed() > PATIENCE {
                return Err(LedgerError::Database { ledger: self.name.clone(), what: words(&fault) });
            }
            if lost {
                tracing::warn!(
                    ledger = self.name,
                    reason = words(&fault),
                    "the connection broke; making it again"
                );
                self.reconnect(begun)?;
            }
        }
    }

    fn once<T>(&mut self, verb: &mut impl FnMut(&mut Tx<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut tx = Tx { tx: self.client.transaction()?, statements: &mut self.statements };
        let value = verb(&mut tx)?;
        tx.tx.commit()?;
        Ok(value)
    }

    fn reconnect(&mut self, begun: Instant) -> Result<(), LedgerError> {
        self.statements.clear();
        loop {
            match connect(&self.config, &self.name) {
                Ok(client) => {
                    self.client = client;
                    return Ok(());
                }
                Err(fault) if begun.elapsed() > PATIENCE => return Err(fault),
                Err(_) => thread::sleep(Duration::from_millis(500)),
            }
        }
    }
}

impl Ledger for PostgresLedger {
    fn key(&self) -> &LedgerKey {
        &self.key
    }

    /// Always yes: runs share the work by claims, and cutting has a lock of its own.
    fn lock_run(&mut self) -> Result<bool, LedgerError> {
        Ok(true)
    }

    fn last_run(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let at: Option<i64> = self.verb(|tx| Ok(tx.one("SELECT last_run_at FROM ledger", &[])?.get(0)))?;
        Ok(at.map(instant))
    }

    fn note_run(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.verb(|tx| tx.execute("UPDATE ledger SET last_run_at = $1", &[&millis(now)]).map(|_| ()))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Tx<'_> {
    fn prepared(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.tx.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn execute(&mut self, sql: &'static str, params: Params<'_>) -> Result<u64, Fault> {
        let statement = self.prepared(sql)?;
        Ok(self.tx.execute(&statement, params)?)
    }

    fn query(&mut self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Fault> {
        let statement = self.prepared(sql)?;
        Ok(self.tx.query(&statement, params)?)
    }

    /// The only row.
    fn one(&mut self, sql: &'static str, params: Params<'_>) -> Result<Row, Fault> {
        let statement = self.prepared(sql)?;
        Ok(self.tx.query_one(&statement, params)?)
    }

    /// The first row, if there is one.
    fn first(&mut self, sql: &'static str, params: Params<'_>) -> Result<Option<Row>, Fault> {
        Ok(self.query(sql, params)?.into_iter().next())
    }
}

impl From<postgres::Error> for Fault {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl Fault {
    fn row(what: impl fmt::Display) -> Self {
        Self::Row(what.to_string())
    }
}

fn connect(config: &Config, name: &str) -> Result<Client, LedgerError> {
    let fail =
        |error: &postgres::Error| LedgerError::Database { ledger: name.to_owned(), what: words(error) };
    if !is_here(config) {
        return Err(LedgerError::Unsuitable {
            ledger: name.to_owned(),
            why: "it is on another machine, and parution speaks with PostgreSQL without TLS: reach it through a socket or a tunnel (ssh, stunnel) on this machine".to_owned(),
        });
    }
    let mut client = config.connect(NoTls).map_err(|e| fail(&e))?;
    client
        .batch_execute(
            "SET synchronous_commit = on; SET client_min_messages = warning; SET statement_timeout = 0",
        )
        .map_err(|e| fail(&e))?;
    Ok(client)
}

/// A socket, or this machine's own address.
fn is_here(config: &Config) -> bool {
    use postgres::config::Host;
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    })
}

fn name(config: &Config) -> String {
    use postgres::config::Host;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    };
    format!("{host}/{}", config.get_dbname().unwrap_or_default())
}

/// Two transactions wanted the same rows: the database asks to do it again.
fn is_passing(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| matches!(code.code(), "40001" | "40P01" | "57P01" | "57P02" | "57P03"))
}

fn words(error: &postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        return database.message().to_owned();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

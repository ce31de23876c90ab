//! One connection to PostgreSQL that outlives its server: verbs are transactions, and a verb whose
//! connection breaks is done again on a new one.
//!
//! Promises: what returned is committed (`synchronous_commit`, `fsync`). A commit whose answer got
//! lost is looked up by its number in `writer` before anything is done again, so no verb happens
//! twice. What a server refuses for good is an error at once; what passes (a restart, a fail-over,
//! a deadlock) is waited for, up to [`PATIENCE`].
//!
//! Does badly: a pooler that shares sessions between transactions (pgbouncer in transaction mode)
//! loses the run lock; use it in session mode.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use postgres::error::{Severity, SqlState};
use postgres::types::ToSql;
use postgres::{Client, Row, Statement};

use super::address::{Address, Dialer};
use crate::ledger::LedgerError;

/// How long a verb waits for a database that is away. Shorter than a mail server waits for a dot.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long the first connection waits for a server that is starting.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(20);

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What every session begins with. A process that is frozen inside a transaction must not keep its
/// rows from the others, and a verb that waits for somebody's row gives up in the end.
const SESSION: &str = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '15s'; \
     SET client_min_messages = 'warning'; SET TimeZone = 'UTC'; \
     SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// Oldest server whose promises are used here.
const OLDEST_SERVER: i32 = 130_000;

/// What a verb's query may end with.
pub(super) type Sql<T> = Result<T, Trouble>;

/// Why a verb did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    Server(postgres::Error),
    /// A row that no version of this program wrote.
    Strange(String),
    /// Must not be tried again.
    Fatal(LedgerError),
}

impl From<postgres::Error> for Trouble {
    fn from(error: postgres::Error) -> Self {
        Self::Server(error)
    }
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    /// Every statement sees what was committed before it.
    Usual,
    /// Adds people: one such transaction at a time, so that their numbers follow one another.
    AddingPeople,
    /// Cuts a digest: one at a time, and all its queries see the same moment.
    Cutting,
}

/// An open session and the statements it has learnt.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// The process that serves it, and since when: together they name it for ever.
    backend: (i32, String),
    /// Sets our advisory locks apart from those of other schemas in the same database.
    namespace: i64,
}

impl Session {
    fn learn(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) fn execute(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Sql<u64> {
        let statement = self.learn(sql)?;
        Ok(self.client.execute(&statement, parameters)?)
    }

    pub(super) fn query(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Sql<Vec<Row>> {
        let statement = self.learn(sql)?;
        Ok(self.client.query(&statement, parameters)?)
    }

    pub(super) fn query_one(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Sql<Row> {
        let statement = self.learn(sql)?;
        Ok(self.client.query_one(&statement, parameters)?)
    }

    pub(super) fn query_opt(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Sql<Option<Row>> {
        let statement = self.learn(sql)?;
        Ok(self.client.query_opt(&statement, parameters)?)
    }

    /// Several statements without parameters, in one round trip.
    pub(super) fn batch(&mut self, sql: &str) -> Sql<()> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// Whether the tables' place exists.
    pub(super) fn has_place(&self) -> bool {
        self.namespace != 0
    }

    fn try_advisory_lock(&mut self, purpose: Purpose) -> Sql<bool> {
        let key = self.lock_key(purpose);
        Ok(self.query_one("SELECT pg_try_advisory_lock($1)", &[&key])?.try_get(0)?)
    }

    fn lock_key(&self, purpose: Purpose) -> i64 {
        purpose.key(self.namespace)
    }
}

/// What advisory locks are for; one number each.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Migrating = 1,
    Running = 2,
    AddingPeople = 3,
}

impl Purpose {
    /// "Pa", the purpose, the namespace: 64 bits that nobody else is likely to use.
    pub(super) fn key(self, namespace: i64) -> i64 {
        0x5061 << 48 | (self as i64) << 32 | (namespace & 0xffff_ffff)
    }
}

/// A session that is opened when it is needed, and again when it was lost.
pub(super) struct Connection {
    address: Address,
    dialer: Dialer,
    session: Option<Session>,
    /// The session before this one, whose last transaction may still be at work.
    predecessor: Option<(i32, String)>,
    writer: Option<i64>,
    writes: i64,
    holds_the_run: bool,
}

impl Connection {
    /// Opens the first session.
    pub(super) fn open(address: &Address) -> Result<Self, LedgerError> {
        let mut connection = Self {
            address: address.clone(),
            dialer: address.dialer()?,
            session: None,
            predecessor: None,
            writer: None,
            writes: 0,
            holds_the_run: false,
        };
        let begun = Instant::now();
        let mut pause = Duration::from_millis(200);
        loop {
            match connection.connect() {
                Ok(()) => return Ok(connection),
                // A host that does not answer may be a misspelt one: only a server that says it is
                // starting is waited for.
                Err(Trouble::Server(error)) if is_starting(&error) && begun.elapsed() < PATIENCE_AT_FIRST => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(trouble) => return Err(connection.fault(trouble)),
            }
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// One transaction that writes; done again when the server was away and has not committed it.
    pub(super) fn write<T>(
        &mut self,
        begin: Begin,
        mut verb: impl FnMut(&mut Session) -> Sql<T>,
    ) -> Result<T, LedgerError> {
        self.write_if(begin, |session| verb(session).map(|value| (value, true)))
    }

    /// As [`write`](Self::write); the verb says beside its value whether to commit.
    pub(super) fn write_if<T>(
        &mut self,
        begin: Begin,
        mut verb: impl FnMut(&mut Session) -> Sql<(T, bool)>,
    ) -> Result<T, LedgerError> {
        self.patiently(|connection| connection.attempt(begin, &mut verb))
    }

    /// As [`write_if`](Self::write_if), for a verb that cannot be done twice.
    pub(super) fn write_once<T>(
        &mut self,
        begin: Begin,
        verb: impl FnOnce(&mut Session) -> Sql<(T, bool)>,
    ) -> Result<T, LedgerError> {
        self.attempt(begin, verb).map_err(|trouble| self.fault(trouble))
    }

    /// The transaction that makes the tables: until then there is nowhere to leave a number. Done
    /// twice it finds its work done, so it needs none.
    pub(super) fn make(&mut self, mut verb: impl FnMut(&mut Session) -> Sql<()>) -> Result<(), LedgerError> {
        self.patiently(|connection| {
            let session = connection.session()?;
            session.batch("BEGIN")?;
            let done = verb(session).and_then(|()| session.batch("COMMIT"));
            if done.is_err() {
                let _ = session.batch("ROLLBACK");
            }
            done
        })
    }

    /// One query that only reads.
    pub(super) fn read<T>(&mut self, mut verb: impl FnMut(&mut Session) -> Sql<T>) -> Result<T, LedgerError> {
        self.patiently(|connection| verb(connection.session()?))
    }

    /// Several queries that see the same moment.
    pub(super) fn look<T>(&mut self, mut verb: impl FnMut(&mut Session) -> Sql<T>) -> Result<T, LedgerError> {
        self.patiently(|connection| {
            let session = connection.session()?;
            session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            let value = verb(session);
            // Nothing was written: however this ends, the value stands.
            let _ = session.batch("COMMIT");
            value
        })
    }

    /// Takes the run lock for as long as the session lasts; `false` when somebody has it.
    pub(super) fn lock_run(&mut self) -> Result<bool, LedgerError> {
        if !self.holds_the_run {
            self.holds_the_run =
                self.patiently(|connection| connection.session()?.try_advisory_lock(Purpose::Running))?;
        }
        Ok(self.holds_the_run)
    }

    fn patiently<T>(&mut self, mut attempt: impl FnMut(&mut Self) -> Sql<T>) -> Result<T, LedgerError> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            match attempt(self) {
                Ok(value) => return Ok(value),
                Err(trouble) => {
                    if self.session.as_ref().is_some_and(|s| s.client.is_closed()) || trouble.ends_session() {
                        self.hang_up();
                    }
                    if !trouble.passes() || begun.elapsed() > PATIENCE {
                        return Err(self.fault(trouble));
                    }
                    tracing::debug!(ledger = %self.address, what = trouble.words(), "trying again");
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn attempt<T>(&mut self, begin: Begin, verb: impl FnOnce(&mut Session) -> Sql<(T, bool)>) -> Sql<T> {
        let writer = self.writer()?;
        self.writes += 1;
        let number = self.writes;
        let session = self.session()?;
        session.batch(&words_to_begin(begin, session, writer, number))?;
        match verb(session) {
            Ok((value, true)) => match session.client.batch_execute("COMMIT") {
                Ok(()) => Ok(value),
                Err(error) if is_refusal(&error) => Err(error.into()),
                Err(error) => {
                    self.hang_up();
                    if self.was_committed(writer, number)? { Ok(value) } else { Err(error.into()) }
                }
            },
            other => {
                // Without an answer the server takes it back by itself.
                let _ = session.client.batch_execute("ROLLBACK");
                other.map(|(value, _)| value)
            }
        }
    }

    /// Whether a transaction whose answer got lost was committed: its number says so.
    fn was_committed(&mut self, writer: i64, number: i64) -> Sql<bool> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            // The lock waits for the transaction itself, should it still be at work.
            let found = self.session().and_then(|session| {
                session.query_opt("SELECT last_write FROM writer WHERE id = $1 FOR UPDATE", &[&writer])
            });
            match found {
                Ok(Some(row)) => return Ok(row.try_get::<_, i64>(0)? == number),
                Err(trouble) if trouble.passes() && begun.elapsed() < PATIENCE => {
                    self.hang_up();
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Ok(None) | Err(_) => break,
            }
        }
        Err(Trouble::Fatal(LedgerError::Database {
            ledger: self.address.to_string(),
            what: "the connection broke at a commit, and the database does not say what became of it"
                .to_owned(),
        }))
    }

    /// This process's row in `writer`.
    fn writer(&mut self) -> Sql<i64> {
        if let Some(writer) = self.writer {
            return Ok(writer);
        }
        let session = self.session()?;
        session.execute("DELETE FROM writer WHERE at < clock_timestamp() - interval '30 days'", &[])?;
        let writer = session.query_one("INSERT INTO writer DEFAULT VALUES RETURNING id", &[])?.try_get(0)?;
        self.writer = Some(writer);
        Ok(writer)
    }

    fn session(&mut self) -> Sql<&mut Session> {
        if self.session.is_none() {
            self.connect()?;
        }
        Ok(self.session.as_mut().expect("just opened"))
    }

    fn hang_up(&mut self) {
        if let Some(session) = self.session.take() {
            self.predecessor = Some(session.backend);
        }
    }

    fn connect(&mut self) -> Sql<()> {
        let mut client = self.dialer.connect()?;
        let mut begin = String::from(SESSION);
        let _ = write!(begin, "; SET search_path = {}", self.address.schema());
        client.batch_execute(&begin)?;
        let row = client.query_one(
            "SELECT current_setting('server_version_num')::int4, current_setting('fsync'),
                    current_setting('server_encoding'), a.pid, a.backend_start::text,
                    coalesce((SELECT oid::bigint FROM pg_namespace WHERE nspname = $1), 0)
             FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()",
            &[&self.address.schema()],
        )?;
        let unsuitable =
            |why: String| Trouble::Fatal(LedgerError::Unsuitable { ledger: self.address.to_string(), why });
        let (version, fsync, encoding): (i32, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if version < OLDEST_SERVER {
            return Err(unsuitable(format!(
                "PostgreSQL {} is too old; 13 or later is needed",
                version / 10_000
            )));
        }
        if fsync != "on" {
            return Err(unsuitable("`fsync` is off: a power cut would lose what was promised".to_owned()));
        }
        if encoding != "UTF8" {
            return Err(unsuitable(format!("the database is in {encoding}; make one in UTF8")));
        }
        let mut session = Session {
            client,
            statements: HashMap::new(),
            backend: (row.try_get(3)?, row.try_get(4)?),
            namespace: row.try_get(5)?,
        };
        if let Some((pid, since)) = &self.predecessor {
            // It may not have noticed yet that nobody listens, and still hold the run lock.
            session.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE pid = $1 AND backend_start::text = $2",
                &[pid, since],
            )?;
        }
        if self.holds_the_run {
            let mut tries = 0..50;
            while !session.try_advisory_lock(Purpose::Running)? {
                if tries.next().is_none() {
                    return Err(Trouble::Fatal(LedgerError::Database {
                        ledger: self.address.to_string(),
                        what: "the connection was lost, and another run has begun meanwhile".to_owned(),
                    }));
                }
                thread::sleep(Duration::from_millis(100));
            }
        }
        self.predecessor = None;
        self.session = Some(session);
        Ok(())
    }

    pub(super) fn fault(&self, trouble: Trouble) -> LedgerError {
        match trouble {
            Trouble::Fatal(error) => error,
            other => LedgerError::Database { ledger: self.address.to_string(), what: other.words() },
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let (Some(writer), Some(session)) = (self.writer, &mut self.session) {
            // Only tidiness: what is left is swept away by a later process.
            let _ = session.execute("DELETE FROM writer WHERE id = $1", &[&writer]);
        }
    }
}

fn words_to_begin(begin: Begin, session: &Session, writer: i64, number: i64) -> String {
    let how = match begin {
        Begin::Usual => "BEGIN".to_owned(),
        Begin::AddingPeople => {
            format!("BEGIN; SELECT pg_advisory_xact_lock({})", session.lock_key(Purpose::AddingPeople))
        }
        // The lock comes before the first look, or the transaction would see the world as it was
        // before it waited.
        Begin::Cutting => {
            "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE digest IN SHARE ROW EXCLUSIVE MODE".to_owned()
        }
    };
    format!("{how}; UPDATE writer SET last_write = {number}, at = clock_timestamp() WHERE id = {writer}")
}

impl Trouble {
    /// Whether waiting may help.
    fn passes(&self) -> bool {
        let Self::Server(error) = self else { return false };
        match error.code() {
            None => is_broken(error),
            Some(code) => {
                *code == SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == SqlState::T_R_DEADLOCK_DETECTED
                    || *code == SqlState::READ_ONLY_SQL_TRANSACTION
                    || *code == SqlState::TOO_MANY_CONNECTIONS
                    || self.ends_session()
            }
        }
    }

    /// Whether the session is over, whatever the client believes.
    fn ends_session(&self) -> bool {
        let Self::Server(error) = self else { return false };
        match error.code() {
            None => is_broken(error),
            Some(code) => {
                code.code().starts_with("08")
                    || code.code().starts_with("57P")
                    || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                    // After a fail-over this server is the one that only reads.
                    || *code == SqlState::READ_ONLY_SQL_TRANSACTION
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Server(error) => {
                if let Some(said) = error.as_db_error() {
                    return format!("{} ({})", said.message(), said.code().code());
                }
                let mut words = error.to_string();
                if let Some(cause) = std::error::Error::source(error) {
                    let _ = write!(words, ": {cause}");
                }
                words
            }
            Self::Strange(what) => what.clone(),
            Self::Fatal(error) => error.to_string(),
        }
    }
}

/// An error of the transaction, after which the server has taken it back; nothing else is certain.
fn is_refusal(error: &postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| said.parsed_severity() == Some(Severity::Error))
}

/// Not the server's words: the connection broke, or could not be made.
fn is_broken(error: &postgres::Error) -> bool {
    let cause = std::error::Error::source(error);
    error.is_closed()
        || cause.is_some_and(<dyn std::error::Error + 'static>::is::<std::io::Error>)
        || cause.is_none() && error.code().is_none() && error.to_string().starts_with("timeout")
}

fn is_starting(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("57P"))
}

//! A PostgreSQL server for tests: that of `TEST_DATABASE_URL`, or one of our own in a temporary
//! folder, gone when the test program ends, however it ends. Where there is neither, tests say so
//! and pass; with `REQUIRE_POSTGRES` set they fail instead.

use std::env;
use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parution::ledger::{Ledger, Location, Opening, open};

/// `nobody`, in every distribution: the server refuses to run for root.
const NOBODY: u32 = 65534;

/// Starts a server, waits until the test program is gone, stops it and sweeps up.
const KEEPER: &str = r#"trap "" INT TERM HUP
"$1/pg_ctl" -D "$2/data" -w -t 120 -l "$2/log" -o "$3" start >/dev/null || exit 1
touch "$2/ready"
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null
rm -rf "$2""#;

/// An empty place for one ledger: a schema of its own, swept up when this is dropped.
pub struct Database {
    pub url: String,
    base: String,
    schema: String,
}

/// Makes an empty place; `None`, said aloud, when there is no PostgreSQL.
pub fn database(name: &str) -> Option<Database> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let base = match env::var("TEST_DATABASE_URL") {
        Ok(url) => url,
        Err(_) => {
            if let Some(cluster) = cluster() {
                cluster.url()
            } else {
                say(&format!(
                    "{name}: NOT run, for want of PostgreSQL (set TEST_DATABASE_URL, or install it)"
                ));
                return None;
            }
        }
    };
    let schema = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let joint = if base.contains('?') { '&' } else { '?' };
    Some(Database { url: format!("{base}{joint}schema={schema}"), base, schema })
}

impl Database {
    pub fn ledger(&self, opening: &Opening) -> Box<dyn Ledger> {
        open(&Location::parse(&self.url).unwrap(), opening).unwrap()
    }

    /// A bare connection, to look at what a ledger wrote or to disturb it.
    pub fn client(&self) -> postgres::Client {
        let mut client = postgres::Client::connect(&self.base, postgres::NoTls).unwrap();
        client.batch_execute(&format!("SET search_path = {}", self.schema)).unwrap();
        client
    }

    /// Breaks the connections of all who wrote to this place, as a server that restarts does.
    pub fn break_connections(&self) {
        let mut client = self.client();
        client
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = $1 AND pid <> pg_backend_pid()",
                &[&self.schema],
            )
            .unwrap();
    }

    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// As [`url`](Self::url), for a ledger whose connections can be told from all others.
    pub fn named_url(&self) -> String {
        format!("{}&application_name={}", self.url, self.schema)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // With the server of our own everything goes at the end.
        if env::var_os("TEST_DATABASE_URL").is_some() {
            let _ = self.client().batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema));
        }
    }
}

/// The server of this test program, started when it is first asked for.
fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start).as_ref()
}

struct Cluster {
    folder: PathBuf,
    /// What it watches is its standard input: closed when this program ends.
    _keeper: Child,
}

impl Cluster {
    fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = as_nobody(&mut Command::new(programs.join("initdb")))
            .args(["-A", "trust", "-U", "parution", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(folder.join("data"))
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let options = format!(
            "-c listen_addresses= -c max_connections=200 -c unix_socket_directories={}",
            folder.display()
        );
        let keeper = as_nobody(&mut Command::new("sh"))
            .args(["-c", KEEPER, "keeper"])
            .args([&programs, &folder])
            .arg(options)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !folder.join("ready").exists() {
            assert!(begun.elapsed() < Duration::from_mins(2), "PostgreSQL did not start");
            thread::sleep(Duration::from_millis(50));
        }
        Some(Self { folder, _keeper: keeper })
    }

    fn url(&self) -> String {
        format!("postgres://parution@{}/postgres", self.folder.display().to_string().replace('/', "%2F"))
    }
}

/// Where `initdb`, `postgres` and `pg_ctl` are: on the path, or where Debian keeps the newest.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let all = |folder: &Path| ["initdb", "postgres", "pg_ctl"].iter().all(|name| folder.join(name).is_file());
    folders.into_iter().find(|folder| all(folder))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn as_nobody(command: &mut Command) -> &mut Command {
    if is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

/// Past the capture of test output: a test that did not run must be seen.
fn say(what: &str) {
    assert!(env::var_os("REQUIRE_POSTGRES").is_none(), "{what}");
    let _ = writeln!(std::io::stderr(), "{what}");
}

//! A PostgreSQL server for tests: that of `TEST_DATABASE_URL`, or one of our own in a temporary
//! folder. Where there is neither, the tests say so and pass.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An empty database.
pub struct Database {
    pub url: String,
}

/// Makes an empty database; `None`, said aloud, when there is no PostgreSQL.
pub fn database(name: &str) -> Option<Database> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(server) = server() else {
        eprintln!("{name}: not run, because there is no PostgreSQL (set TEST_DATABASE_URL, or install it)");
        return None;
    };
    let database = format!("parution_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut client = postgres::Client::connect(&server.url("postgres"), postgres::NoTls).unwrap();
    client.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
    Some(Database { url: server.url(&database) })
}

/// Where the server is, with a place for the database's name.
struct Server {
    before: String,
    after: String,
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.before, self.after)
    }
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| match std::env::var("TEST_DATABASE_URL") {
            Ok(url) => {
                let (address, after) = match url.split_once('?') {
                    Some((address, after)) => (address.to_owned(), format!("?{after}")),
                    None => (url, String::new()),
                };
                let end = address.rfind('/').expect("a URL such as postgres://user@localhost/postgres") + 1;
                Some(Server { before: address[..end].to_owned(), after })
            }
            Err(_) => start(),
        })
        .as_ref()
}

/// Starts a server that ends with this process, in a folder that its guardian removes.
fn start() -> Option<Server> {
    let programs = programs()?;
    let folder = tempfile::Builder::new().prefix("parution-postgres-").tempdir().unwrap().keep();
    // The server refuses to run for root.
    let root = rustix::process::geteuid().is_root();
    if root {
        std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let data = folder.join("data");
    let made = command(&programs.join("initdb"), root)
        .args(["-A", "trust", "-U", "parution", "-E", "UTF8", "--locale=C", "-D"])
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    assert!(made.success(), "initdb failed in {}", data.display());
    let mut server = command(&programs.join("postgres"), root)
        .arg("-D")
        .arg(&data)
        .args(["-c", "listen_addresses=", "-c", "max_connections=200", "-c", "unix_socket_directories="])
        .arg("-k")
        .arg(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let url = format!("?host={}&user=parution", folder.display());
    let begun = Instant::now();
    while postgres::Client::connect(&format!("postgres:///postgres{url}"), postgres::NoTls).is_err() {
        assert!(begun.elapsed() < Duration::from_mins(1), "PostgreSQL does not start");
        assert!(server.try_wait().unwrap().is_none(), "PostgreSQL ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    guard(&server, &folder);
    Some(Server { before: "postgres:///".to_owned(), after: url })
}

/// A shell that waits for this process to end, then ends the server and removes its folder: tests
/// have no place for a farewell.
fn guard(server: &Child, folder: &Path) {
    let script =
        "while kill -0 \"$1\" 2>/dev/null; do sleep 0.3; done; kill -INT \"$2\"; sleep 1; rm -rf \"$3\"";
    let _ = Command::new("sh")
        .args(["-c", script, "guard", &std::process::id().to_string(), &server.id().to_string()])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
}

const NOBODY: u32 = 65534;

fn command(program: &Path, root: bool) -> Command {
    let mut command = Command::new(program);
    if root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/");
    command
}

/// The folder of `initdb` and `postgres`: on the path, or where Debian keeps the newest.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|v| v.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.into_iter().find(|f| f.join("initdb").is_file() && f.join("postgres").is_file())
}

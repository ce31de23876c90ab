//! What the machine does to a run: kills, writes that fail, and another run beside it.
//!
//! A hundred kills, each aimed at the one window that matters: the server has taken a letter, and
//! the sender has not written that down. Through the program itself, with its own ledger.
//!
//! The long form: `KILLS=1000 READERS=2000 cargo test --release --test kill -- --nocapture`.

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use parution::domain::Tally;
use parution::ledger::Deliveries as _;
use parution::ledger::sqlite::SqliteLedger;
use support::opening;
use support::server::{Do, Server};

const CONNECTIONS: usize = 4;

/// A number that the environment may set.
fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn a_hundred_kills_lose_nobody_and_make_no_copy_without_a_reason() {
    let (wanted, readers) = (number("KILLS", 100), number("READERS", 150));
    let folder = tempfile::tempdir().unwrap();
    let (bell, rung) = mpsc::channel();
    let bell = Mutex::new(bell);
    let server = Server::scripted(move |stage, _, _| {
        (stage == "DOT").then(|| {
            let _ = bell.lock().unwrap().send(());
            // The letter is kept; its answer is a moment late.
            Do::Delay(Duration::from_millis(4))
        })
    });
    site(folder.path(), &server);
    import(folder.path(), readers);

    let (mut kills, mut rounds_left) = (0, 5);
    // The first run cuts the digest; the others find it.
    let mut verb = "run";
    while kills < wanted {
        while rung.try_recv().is_ok() {}
        let mut child = parution(folder.path(), &[verb, "--adopt"]).spawn().unwrap();
        // The kill comes with this letter of the round, so that every round also delivers some.
        let aim = kills % 5;
        let mut seen = 0;
        let ended = loop {
            if rung.recv_timeout(Duration::from_millis(20)).is_ok() {
                seen += 1;
            }
            if seen > aim {
                child.kill().unwrap();
                child.wait().unwrap();
                break false;
            }
            if child.try_wait().unwrap().is_some() {
                break true;
            }
        };
        verb = "deliver";
        if ended {
            break;
        }
        kills += 1;
    }
    while !parution(folder.path(), &["deliver"]).status().unwrap().success() && rounds_left > 0 {
        rounds_left -= 1;
    }

    let tally = tally(folder.path());
    assert_eq!((tally.total(), tally.open()), (readers as u64, 0), "{tally:?}");
    let extra = copies(&server, readers);
    assert!(extra <= kills * CONNECTIONS, "{extra} copies by {kills} kills");
    println!("{readers} readers, {kills} kills: nobody lost, {extra} copies, {tally:?}");
    assert!(kills >= 20, "only {kills} rounds were killed: the test aims badly");
}

/// The first write fails that makes a file too long, then a later one, and so on until none does:
/// the disk is full at every point of the job, the middle of a letter among them.
#[test]
fn a_disk_that_is_full_loses_nobody_and_makes_no_copy_without_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::kind();
    site(folder.path(), &server);
    import(folder.path(), 200);
    let (mut failed_before, mut failed_amidst, mut failed_after) = (0, 0, 0);
    for blocks in (0..4000).step_by(100) {
        let limit = format!("ulimit -f {blocks}; exec \"$0\" --site site run --yes");
        let mut run = Command::new("sh");
        run.args(["-c", &limit, env!("CARGO_BIN_EXE_parution")]).current_dir(folder.path());
        let ending = run.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        match (ending.code(), server.taken().len()) {
            (Some(0), _) => break,
            (Some(2), 0) => failed_before += 1,
            (Some(2), ..200) => failed_amidst += 1,
            (Some(1 | 2), _) => failed_after += 1,
            (code, letters) => panic!("{code:?} with {letters} letters"),
        }
    }
    assert!(failed_before > 0 && failed_amidst > 0, "{failed_before}, {failed_amidst}, {failed_after}");
    let ended = parution(folder.path(), &["deliver"]).status().unwrap();
    let tally = tally(folder.path());
    assert_eq!(tally.open(), 0, "{tally:?}");
    // Whoever's letter met a full disk three times behind its dot has it, and a person is told.
    assert_eq!(ended.code(), Some(i32::from(tally.in_doubt > 0)), "{tally:?}");
    let extra = copies(&server, 200);
    let failures = failed_amidst + failed_after;
    assert!(extra <= failures * CONNECTIONS, "{extra} copies by {failures} failures");
}

/// The process ends at the first call that brings something to the disk, then at the second, and so
/// on until none is left: the commits of the cut, of orders and of answers are among them. Calls are
/// counted thread by thread, and all of these are the first thread's; others only wait for files that
/// nobody has a name for yet, and a death there leaves what one at the first renaming leaves.
#[test]
fn a_run_that_dies_at_any_commit_goes_on_from_there() {
    const CALLS: &str = "fsync,fdatasync,rename";
    let traced = |options: &[&str], folder: &Path| {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={CALLS}")]).args(options);
        command.arg(env!("CARGO_BIN_EXE_parution")).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let folder = tempfile::tempdir().unwrap();
    if !traced(&[], folder.path()).arg("--help").status().is_ok_and(|status| status.success()) {
        println!("NOT TESTED: strace is not installed, or may not look into a process here");
        return;
    }
    site(folder.path(), &Server::kind());
    import(folder.path(), 3);
    let prepared = fs::read(folder.path().join(".parution/ledger.db")).unwrap();

    let mut copied = 0;
    for point in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::kind();
        site(folder.path(), &server);
        fs::create_dir(folder.path().join(".parution")).unwrap();
        fs::write(folder.path().join(".parution/ledger.db"), &prepared).unwrap();
        let end = format!("inject={CALLS}:signal=KILL:when={point}");
        let run = traced(&["-e", &end], folder.path()).args(["--site", "site", "run", "--yes"]).status();
        if run.unwrap().success() {
            println!("died at {} points, with {copied} copies", point - 1);
            assert!(point > 12, "only {point} points: the test aims badly");
            break;
        }
        let mut rounds = 0..3;
        while !parution(folder.path(), &["run", "--yes"]).status().unwrap().success() {
            rounds.next().unwrap_or_else(|| panic!("dead at point {point}, and never done again"));
        }
        let extra = copies(&server, 3);
        assert!(extra <= CONNECTIONS, "{extra} copies by one death, at point {point}");
        copied += extra;
    }
}

#[test]
fn runs_that_begin_together_send_one_digest_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::kind();
    site(folder.path(), &server);
    import(folder.path(), 40);
    for _ in 0..3 {
        let runs: Vec<_> =
            (0..5).map(|_| parution(folder.path(), &["run", "--yes"]).spawn().unwrap()).collect();
        for mut run in runs {
            assert!(run.wait().unwrap().success(), "the others say that one is at work");
        }
    }
    assert_eq!((copies(&server, 40), server.taken().len()), (0, 40));
}

#[test]
fn where_the_feeds_cannot_be_written_no_letter_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::kind();
    site(folder.path(), &server);
    import(folder.path(), 1);
    fs::write(folder.path().join("public"), "not a folder").unwrap();
    assert_eq!(parution(folder.path(), &["run", "--yes"]).status().unwrap().code(), Some(2));
    assert!(server.taken().is_empty());
    fs::remove_file(folder.path().join("public")).unwrap();
    assert!(parution(folder.path(), &["run", "--yes"]).status().unwrap().success());
    assert_eq!(copies(&server, 1), 0);
}

/// Everyone has the letter; counts the copies, each of which must have its reason.
fn copies(server: &Server, readers: usize) -> usize {
    let mut letters: HashMap<String, Vec<_>> = HashMap::new();
    for taken in server.taken() {
        letters.entry(taken.recipient.clone()).or_default().push(taken);
    }
    assert_eq!(letters.len(), readers, "somebody is lost");
    for (recipient, letters) in &letters {
        assert!(letters.len() <= 3, "{recipient} got {}", letters.len());
        assert!(letters.iter().all(|l| l.letter == letters[0].letter && l.sender == letters[0].sender));
        let unexplained = letters[..letters.len() - 1].iter().any(|letter| letter.known);
        assert!(!unexplained, "{recipient} got a copy of a letter whose 250 was read");
    }
    letters.values().map(|letters| letters.len() - 1).sum()
}

fn parution(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parution"));
    command.current_dir(folder).args(["--site", "site"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Where all deliveries stand.
fn tally(folder: &Path) -> Tally {
    let opening = parution::ledger::Opening { adopt: true, ..opening() };
    SqliteLedger::open(&folder.join(".parution/ledger.db"), &opening).unwrap().tally(None).unwrap()
}

/// Takes in so many readers.
fn import(folder: &Path, readers: usize) {
    let people: String = (0..readers).map(|i| format!("r{i}@example.net\n")).collect();
    fs::write(folder.join("people.csv"), format!("email\n{people}")).unwrap();
    let consent = ["subscribers", "import", "people.csv", "--consent", "essai"];
    assert!(parution(folder, &consent).status().unwrap().success());
}

/// A site of one article, and settings whose waits are short.
fn site(folder: &Path, server: &Server) {
    let write = |name: &str, text: &str| {
        let path = folder.join("site").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("_config.yml", "title: Essai\nurl: https://www.example.org\ntimezone: Europe/Paris\nlang: fr\n");
    write(
        "_posts/2026-11-01-une.md",
        "---\ntitle: Une nouvelle\ndate: 2026-11-01 08:00:00 +01:00\n---\nUn paragraphe.\n",
    );
    write(
        "parution.yml",
        &format!(
            "first_run: all\n\
             list: {{name: Essai, from: \"Essai <lettre@example.org>\", postal_address: \"1 rue de l’Essai\"}}\n\
             smtp:\n  url: {}\n  connections: {CONNECTIONS}\n  max_time: 10 s\n  \
             retry: {{first: [100 ms], then: 100 ms, after_doubt: 100 ms, after_trouble: 100 ms}}\n",
            server.url()
        ),
    );
}

//! Several workers on one PostgreSQL ledger: real processes of the program, killed and frozen.

mod support;

use std::collections::HashMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use parution::domain::Tally;
use parution::ledger::Ledger;
use rustix::process::{Pid, Signal, kill_process};
use support::server::Server;
use support::{cut, opening, subscribe};

const READERS: usize = 300;

#[test]
fn workers_that_are_killed_and_frozen_lose_nobody_and_copy_only_what_nobody_can_know() {
    let name = "workers_that_are_killed_and_frozen_lose_nobody_and_copy_only_what_nobody_can_know";
    let Some(place) = support::postgres::database(name) else { return };
    let server = Server::scripted(|stage, _, _| {
        // Each letter takes a moment, so that somebody is always in the middle of one.
        (stage == "DOT").then_some(support::server::Do::Delay(Duration::from_millis(20)))
    });
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("_config.yml"), "title: Example\nurl: https://www.example.org\n").unwrap();
    let settings = format!(
        "list:\n  from: Office <lettre@example.org>\nledger: {}\nsmtp:\n  url: {}\n  tls: none\n  connections: 2\n",
        place.named_url(),
        server.url()
    );
    fs::write(site.join("parution.yml"), settings).unwrap();
    let mut ledger = place.ledger(&opening());
    let addresses: Vec<String> = (0..READERS).map(|i| format!("r{i}@example.net")).collect();
    subscribe(&mut *ledger, addresses.iter().map(String::as_str));
    cut(&mut *ledger, "une");

    let worker = || {
        Command::new(env!("CARGO_BIN_EXE_parution"))
            .args(["--site".as_ref(), site.as_os_str(), "deliver".as_ref()])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut workers: Vec<Child> = (0..3).map(|_| worker()).collect();
    let (begun, mut kills) = (Instant::now(), 0);
    for round in 0.. {
        assert!(begun.elapsed() < Duration::from_secs(100), "{:?}", tally(&mut *ledger));
        thread::sleep(Duration::from_millis(300));
        if tally(&mut *ledger).open() == 0 {
            break;
        }
        let one = &mut workers[round % 3];
        let is_running = one.try_wait().unwrap().is_none();
        match round % 4 {
            0 | 2 if is_running && kills < 8 => {
                one.kill().unwrap();
                kills += 1;
            }
            1 if is_running => {
                let pid = Pid::from_child(one);
                kill_process(pid, Signal::STOP).unwrap();
                thread::sleep(Duration::from_millis(300));
                kill_process(pid, Signal::CONT).unwrap();
            }
            3 if kills < 8 => place.break_connections(),
            _ => {}
        }
        if one.try_wait().unwrap().is_some() {
            *one = worker();
        }
    }
    for one in &mut workers {
        one.wait().unwrap();
    }

    let now = tally(&mut *ledger);
    assert_eq!((now.sent, now.total()), (READERS as u64, READERS as u64), "{now:?}");
    let mut copies: HashMap<String, Vec<_>> = HashMap::new();
    for taken in server.taken() {
        copies.entry(taken.recipient.clone()).or_default().push(taken);
    }
    assert_eq!(copies.len(), READERS, "nobody is missing");
    for (reader, letters) in copies {
        assert!(letters.len() <= 3, "{reader} got {} letters", letters.len());
        assert!(letters.iter().all(|one| one.letter == letters[0].letter), "{reader}: other octets");
        // A copy may follow only a letter whose 250 nobody read.
        let followed = &letters[..letters.len() - 1];
        assert!(followed.iter().all(|one| !one.known), "{reader}: again after its 250 was read");
    }
}

fn tally(ledger: &mut dyn Ledger) -> Tally {
    ledger.tally(None).unwrap()
}

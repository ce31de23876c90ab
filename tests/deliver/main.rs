//! Delivery, told as stories: a ledger with readers on one side, a mail server on the other.

mod protected;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use parution::domain::{Outcome, Standing, Tally};
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{
    Brake, Deliveries as _, Digests as _, InDoubt, Ledger as _, Subscribers as _, Worker,
};
use parution::mail::mailer::smtp::{Relay, Smtp};
use parution::mail::mailer::{Folder, Mailer, Memory};
use parution::mail::outcome::{Answer, Stage};
use parution::mail::pace::Limit;
use parution::run::Ending;
use parution::run::deliver::{Job, Report, Settings, Stop, deliver};
use support::server::{Do, Server};
use support::{cut, email, ledger, now, run, run_at, sender, settings, subscribe};

/// A ledger in a folder of its own, its readers, and one digest cut for them.
struct Story {
    folder: tempfile::TempDir,
    ledger: SqliteLedger,
}

impl Story {
    fn with(addresses: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ledger(folder.path());
        subscribe(&mut ledger, addresses.iter().copied());
        cut(&mut ledger, "une");
        Self { folder, ledger }
    }

    fn with_many(count: usize) -> Self {
        let addresses: Vec<String> = (0..count).map(|i| format!("r{i}@example.org")).collect();
        Self::with(&addresses.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn run(&mut self, mailer: &Mailer) -> Report {
        run(&mut self.ledger, mailer, &settings())
    }

    fn run_later(&mut self, mailer: &Mailer, later: TimeDelta) -> Report {
        run_at(&mut self.ledger, mailer, &settings(), now() + later)
    }

    fn tally(&mut self) -> Tally {
        self.ledger.tally(None).unwrap()
    }
}

fn smtp(servers: &[&Server]) -> Smtp {
    let relays = servers.iter().map(|s| Relay::parse(&s.url()).unwrap()).collect();
    let mut smtp = Smtp::new(relays, "client.example.org".into(), None).unwrap();
    smtp.time_outs.mail = Duration::from_secs(2);
    smtp.time_outs.rcpt = Duration::from_secs(2);
    smtp.time_outs.data = Duration::from_secs(2);
    smtp.time_outs.dot = Duration::from_secs(2);
    smtp.time_outs.banner = Duration::from_secs(2);
    smtp.time_outs.hello = Duration::from_secs(2);
    smtp
}

fn by_smtp(server: &Server) -> Mailer {
    Mailer::Smtp(smtp(&[server]))
}

#[test]
fn everyone_gets_the_letter_once_and_nothing_is_left_in_the_queue() {
    let server = Server::kind();
    let mut story = Story::with_many(250);
    let report = story.run(&by_smtp(&server));
    assert_eq!((report.sent, report.stop.clone(), report.ending()), (250, None, Ending::Done), "{report}");
    let mut everyone = server.recipients();
    everyone.dedup();
    assert_eq!(everyone.len(), 250);
    assert_eq!(server.taken().len(), 250);
    assert_eq!(story.tally(), Tally { sent: 250, ..Tally::default() });
    assert!(server.connections() <= 8, "{} connections for 250 letters", server.connections());

    let again = story.run(&by_smtp(&server));
    assert_eq!((again.sent, again.ending()), (0, Ending::Done));
    assert_eq!(server.taken().len(), 250);
}

#[test]
fn a_letter_arrives_as_it_was_composed_with_its_own_return_address() {
    for offers in [&["PIPELINING", "SIZE"][..], &[]] {
        let server = Server::offering(offers, |_, _, _| None);
        let mut story = Story::with(&["zoe@example.org"]);
        story.run(&by_smtp(&server));
        let arrived = &server.taken()[0];
        let letter = String::from_utf8(arrived.letter.clone()).unwrap();
        let token = arrived.sender.strip_prefix("retours+").unwrap().strip_suffix("@example.org").unwrap();
        assert!(letter.contains(&format!("Message-ID: <{token}@example.org>\r\n")), "{letter}");
        assert!(letter.contains("To: zoe@example.org\r\n"), "{letter}");
        assert!(letter.ends_with("\r\n.\r\n..deux points\r\nAu revoir.\r\n"), "dots: {letter}");
        let opened = story.ledger.key().open_delivery_token(token).unwrap();
        assert_eq!((opened.0.0, opened.1.0), (1, 1));
    }
}

#[test]
fn a_refused_address_does_not_stop_the_others_and_gets_no_more_letters() {
    let server = Server::scripted(|stage, to, _| {
        (stage == "RCPT" && to == "gone@example.org").then_some(Do::Say("550 5.1.1 no such user"))
    });
    let mut story = Story::with(&["a@example.org", "gone@example.org", "b@example.org"]);
    let report = story.run(&by_smtp(&server));
    assert_eq!((report.sent, report.refused, report.ending()), (2, 1, Ending::Look), "{report}");
    let gone = story.ledger.subscriber(&email("gone@example.org")).unwrap().unwrap();
    assert_eq!(gone.standing, Standing::Bouncing);
    cut(&mut story.ledger, "deux");
    let next = story.run(&by_smtp(&server));
    assert_eq!((next.sent, next.refused, next.ending()), (2, 0, Ending::Done), "{next}");
}

#[test]
fn an_address_that_the_server_quotes_is_shortened_wherever_its_words_end() {
    let server = Server::scripted(|stage, _, _| {
        (stage == "RCPT").then_some(Do::Say("450 4.2.1 <Zoe.Durand@example.org>: mailbox busy"))
    });
    let mut story = Story::with(&["zoe.durand@example.org"]);
    let report = story.run(&by_smtp(&server));
    let digest = story.ledger.digests(1).unwrap()[0].id;
    let reply = story.ledger.troubles(digest, 1).unwrap().remove(0).reply;
    assert_eq!(reply, "450 4.2.1 <z…@example.org>: mailbox busy");
    assert_eq!(report.last_words, Some(reply));
}

#[test]
fn a_refusal_for_now_is_tried_again_later_and_never_sooner() {
    let server = Server::scripted(|stage, to, time| {
        (stage == "RCPT" && to == "grey@example.org" && time <= 2).then_some(Do::Say("451 4.7.1 greylisted"))
    });
    let mut story = Story::with(&["grey@example.org", "a@example.org"]);
    let report = story.run(&by_smtp(&server));
    assert_eq!((report.sent, report.deferred, report.ending()), (1, 1, Ending::Look));
    assert!(report.next_due.unwrap() >= now() + TimeDelta::minutes(5));
    let sooner = story.run_later(&by_smtp(&server), TimeDelta::minutes(4));
    assert_eq!((sooner.sent, sooner.deferred), (0, 0));
    story.run_later(&by_smtp(&server), TimeDelta::minutes(7));
    let third = story.run_later(&by_smtp(&server), TimeDelta::minutes(30));
    assert_eq!((third.sent, third.ending()), (1, Ending::Done), "{third}");
    assert_eq!(server.recipients(), ["a@example.org", "grey@example.org"]);
}

#[test]
fn a_run_stays_for_what_becomes_due_in_its_time() {
    let server = Server::scripted(|stage, to, time| {
        (stage == "RCPT" && to == "grey@example.org" && time == 1).then_some(Do::Say("451 4.7.1 later"))
    });
    let mut story = Story::with(&["grey@example.org"]);
    // A clock that goes a minute with each look.
    let minutes = AtomicU64::new(0);
    let clock = || -> DateTime<Utc> {
        now() + TimeDelta::seconds(minutes.fetch_add(1, Ordering::Relaxed).cast_signed() * 20)
    };
    let settings = Settings { max_time: Duration::from_mins(25), ..settings() };
    let report = run_by_clock(&mut story, &by_smtp(&server), &settings, &clock, &AtomicBool::new(false));
    assert_eq!((report.sent, report.ending()), (1, Ending::Done), "{report}");
    assert_eq!(server.taken()[0].sender, "lettre@example.org");
}

#[test]
fn a_lost_answer_is_a_doubt_whose_copies_are_alike_and_end_at_three() {
    let server = Server::scripted(|stage, to, _| {
        (stage == "DOT" && to == "lost@example.org").then_some(Do::KeepAndClose)
    });
    let mut story = Story::with(&["lost@example.org"]);
    for run in 0..10 {
        let report = story.run_later(&by_smtp(&server), TimeDelta::hours(run));
        assert_eq!(report.ending(), Ending::Look, "{report}");
    }
    let copies = server.taken();
    assert_eq!(copies.len(), 3);
    assert!(copies.iter().all(|copy| copy.letter == copies[0].letter && copy.sender == copies[0].sender));
    assert_eq!(story.tally().in_doubt, 1);
    assert_eq!(story.ledger.close_in_doubt(InDoubt::Accept, now()).unwrap(), 1);
    assert_eq!(story.run(&by_smtp(&server)).ending(), Ending::Done);
}

#[test]
fn a_server_that_never_confirms_is_left_after_a_few_letters() {
    let server = Server::scripted(|stage, _, _| (stage == "DOT").then_some(Do::KeepAndClose));
    let mut story = Story::with_many(500);
    let report = story.run(&by_smtp(&server));
    assert_eq!(report.stop, Some(Stop::TooManyDoubts));
    assert_eq!(report.ending(), Ending::Look);
    assert!(server.taken().len() <= 5 + 4, "{} letters", server.taken().len());
    assert_eq!(story.tally().open(), 500);
}

#[test]
fn every_odd_answer_after_the_dot_means_what_it_says() {
    for (answer, sent, state) in [
        ("250", 1, "sent"),
        ("250-2.0.0 one\r\n250 2.0.0 two", 1, "sent"),
        ("251 2.1.5 will forward", 1, "sent"),
        ("250 \u{1b}[31mred", 1, "sent"),
        ("999 what", 0, "waiting"),
        ("HTTP/1.1 400 Bad Request", 0, "waiting"),
        ("250-one\r\n451 two", 0, "waiting"),
    ] {
        let server = Server::scripted(move |stage, _, _| (stage == "DOT").then_some(Do::KeepAndSay(answer)));
        let mut story = Story::with(&["a@example.org"]);
        let report = story.run(&by_smtp(&server));
        assert_eq!(report.sent, sent, "{answer}");
        let tally = story.tally();
        assert_eq!((tally.sent, tally.waiting), if state == "sent" { (1, 0) } else { (0, 1) }, "{answer}");
        assert_eq!(server.taken().len(), 1);
    }
}

#[test]
fn nonsense_before_the_dot_charges_nobody() {
    let long: &'static str = Box::leak(format!("250 {}", "x".repeat(100_000)).into_boxed_str());
    for answer in [long, "HTTP/1.1 400 Bad Request", "2", "\u{1}\u{2}"] {
        let server =
            Server::scripted(move |stage, _, time| (stage == "RCPT" && time == 1).then_some(Do::Say(answer)));
        let mut story = Story::with(&["a@example.org"]);
        story.run(&by_smtp(&server));
        let report = story.run_later(&by_smtp(&server), TimeDelta::minutes(1));
        assert_eq!((report.sent, report.deferred, report.doubted), (1, 0, 0), "{report}");
    }
}

#[test]
fn three_readers_refused_for_our_sake_pause_the_digest_and_suppress_nobody() {
    let server =
        Server::scripted(|stage, _, _| (stage == "DOT").then_some(Do::Say("550 5.7.1 looks like spam")));
    let mut story = Story::with_many(100);
    let report = story.run(&by_smtp(&server));
    assert_eq!(report.paused.len(), 1, "{report}");
    assert_eq!((report.refused, report.ending()), (0, Ending::Look), "{report}");
    let dots = server.commands().iter().filter(|line| line.starts_with("DATA")).count();
    assert!(dots <= 3 + 4, "{dots} letters");
    assert_eq!(story.tally().waiting, 100, "those refused wait with the others");
    assert_eq!(story.ledger.confirmed().unwrap(), 100);
    // It is tried again when the pause is over, and goes on when the server has changed its mind.
    let kind = Server::kind();
    assert_eq!(story.run_later(&by_smtp(&kind), TimeDelta::minutes(30)).sent, 0);
    assert_eq!(story.run_later(&by_smtp(&kind), TimeDelta::minutes(61)).sent, 100);
}

#[test]
fn one_reader_whose_provider_dislikes_us_is_refused_alone() {
    let server = Server::scripted(|stage, to, _| {
        (stage == "RCPT" && to.starts_with("r5")).then_some(Do::Say("554 5.7.1 not here"))
    });
    let mut story = Story::with_many(10);
    let report = story.run(&by_smtp(&server));
    assert_eq!((report.sent, report.refused), (9, 1));
    assert_eq!(story.ledger.confirmed().unwrap(), 10);
}

#[test]
fn what_only_a_person_can_mend_stops_at_once_and_marks_nobody() {
    for (stage, answer) in [
        ("CONNECT", "554 5.7.1 your host is blocked"),
        ("EHLO", "550 5.7.1 not you"),
        ("MAIL", "550 5.7.1 sender not allowed"),
    ] {
        let server = Server::scripted(move |at, _, _| (at == stage).then_some(Do::Say(answer)));
        let mut story = Story::with_many(50);
        let report = story.run(&by_smtp(&server));
        let reason = report.could_not_try().unwrap_or_else(|| panic!("{stage}: {report}"));
        assert!(reason.contains(answer), "{reason}");
        assert!(server.connections() <= 4, "{stage}: {} connections", server.connections());
        if stage != "MAIL" {
            assert_eq!(server.connections(), 1, "{stage}");
        }
        assert_eq!(story.tally(), Tally { waiting: 50, ..Tally::default() });
        assert!(story.ledger.troubles(parution::domain::DigestId(1), 99).unwrap().is_empty());
    }
}

#[test]
fn a_server_that_is_down_charges_nobody_and_the_run_ends_in_its_time() {
    let server = Server::scripted(|stage, _, _| (stage == "CONNECT").then_some(Do::Say("421 4.3.2 not now")));
    let mut story = Story::with_many(50);
    let begun = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let bell = Arc::clone(&stop);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(2500));
        bell.store(true, Ordering::Relaxed);
    });
    let report = run_until(&mut story, &by_smtp(&server), &stop);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!((report.stop.clone(), report.ending()), (Some(Stop::Asked), Ending::Look));
    assert!(server.connections() <= 3, "{} connections", server.connections());
    assert_eq!(story.tally(), Tally { waiting: 50, ..Tally::default() });
}

#[test]
fn a_run_does_not_wait_past_its_time_for_a_server_that_stays_down() {
    let server = Server::scripted(|stage, _, _| (stage == "CONNECT").then_some(Do::Say("421 4.3.2 not now")));
    let mut story = Story::with_many(50);
    let begun = Instant::now();
    let mailer = by_smtp(&server);
    let report = run_by_clock(
        &mut story,
        &mailer,
        &Settings { max_time: Duration::from_secs(1), ..settings() },
        &|| now() + begun.elapsed(),
        &AtomicBool::new(false),
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!((report.stop.clone(), report.ending()), (Some(Stop::Time), Ending::Look));
    assert_eq!(story.tally(), Tally { waiting: 50, ..Tally::default() });
}

#[test]
fn a_connection_that_ends_after_so_many_letters_is_opened_again_at_once() {
    let count = Arc::new(AtomicU64::new(0));
    let server = Server::scripted(move |stage, _, _| {
        (stage == "MAIL" && count.fetch_add(1, Ordering::SeqCst) % 8 == 7)
            .then_some(Do::Say("421 4.7.0 enough for one connection"))
    });
    let mut story = Story::with_many(100);
    let report = story.run(&by_smtp(&server));
    assert_eq!((report.sent, report.stop.clone()), (100, None), "{report}");
}

#[test]
fn when_one_relay_is_down_another_takes_over() {
    let down = Server::scripted(|stage, _, _| (stage == "CONNECT").then_some(Do::Say("421 4.3.2 not now")));
    let up = Server::kind();
    let mut story = Story::with_many(40);
    let report = story.run(&Mailer::Smtp(smtp(&[&down, &up])));
    assert_eq!((report.sent, up.taken().len()), (40, 40), "{report}");
}

#[test]
fn two_relays_share_the_letters_by_weight() {
    let servers = [Server::kind(), Server::kind()];
    let mut smtp = smtp(&[&servers[0], &servers[1]]);
    smtp.relays[0].weight = 3;
    let mut story = Story::with_many(200);
    let report = story.run(&Mailer::Smtp(smtp));
    assert_eq!(report.sent, 200);
    let shares = servers.map(|server| server.taken().len());
    assert!(shares[0] > shares[1] && shares[1] > 10, "{shares:?}");
}

#[test]
fn a_letter_larger_than_the_server_takes_is_not_begun() {
    let server = Server::offering(&["SIZE 100"], |_, _, _| None);
    let mut story = Story::with_many(10);
    let report = story.run(&by_smtp(&server));
    assert_eq!(report.paused.len(), 1, "{report}");
    assert!(report.paused[0].1.contains("takes 100"), "{report}");
    assert!(!server.commands().iter().any(|line| line.starts_with("MAIL")));
}

#[test]
fn a_reader_who_leaves_during_the_run_gets_no_letter_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    // The first letter makes all others leave, as fast as a letter can.
    let server = Server::scripted(move |stage, to, _| {
        if stage == "RCPT" && to == "r0@example.org" {
            let mut service = ledger(&path);
            for i in 1..=100 {
                let reader = service.subscriber(&email(&format!("r{i}@example.org"))).unwrap().unwrap();
                service.set_standing(reader.id, Standing::Left, now()).unwrap();
            }
        }
        None
    });
    let mut ledger = ledger(folder.path());
    let addresses: Vec<String> = (0..=100).map(|i| format!("r{i}@example.org")).collect();
    subscribe(&mut ledger, addresses.iter().map(String::as_str));
    cut(&mut ledger, "une");
    let one = Settings { connections: 1, ..settings() };
    let report = run(&mut ledger, &by_smtp(&server), &one);
    assert_eq!(server.recipients(), ["r0@example.org"]);
    assert_eq!((report.sent, report.ending()), (1, Ending::Done), "{report}");
    assert_eq!(ledger.tally(None).unwrap().left, 100);
}

#[test]
fn a_run_that_is_asked_to_stop_leaves_no_doubt_when_the_server_answers() {
    let server =
        Server::scripted(|stage, _, _| (stage == "DOT").then_some(Do::Delay(Duration::from_millis(20))));
    let mut story = Story::with_many(400);
    let stop = Arc::new(AtomicBool::new(false));
    let bell = Arc::clone(&stop);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        bell.store(true, Ordering::Relaxed);
    });
    let report = run_until(&mut story, &by_smtp(&server), &stop);
    assert_eq!(report.stop, Some(Stop::Asked));
    assert!(report.sent > 0 && report.sent < 400, "{report}");
    assert_eq!(report.doubted, 0);
    let tally = story.tally();
    assert_eq!((tally.sending, tally.claimed, tally.sent), (0, 0, report.sent));
    assert_eq!(server.taken().len() as u64, report.sent);
}

#[test]
fn the_pace_is_kept() {
    let server = Server::kind();
    let mut story = Story::with_many(30);
    let mut slow = settings();
    slow.pace.overall = Limit { per_second: Some(20.0), per_hour: None };
    let begun = Instant::now();
    let report = run(&mut story.ledger, &by_smtp(&server), &slow);
    assert_eq!(report.sent, 30);
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1300) && took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_server_that_finds_us_too_fast_gets_everything_at_its_own_pace() {
    let window = std::sync::Mutex::new((Instant::now(), 0));
    let server = Server::scripted(move |stage, _, _| {
        if stage != "MAIL" {
            return None;
        }
        let mut window = window.lock().unwrap();
        if window.0.elapsed() > Duration::from_secs(1) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        (window.1 > 40).then_some(Do::Say("450 4.7.1 too fast"))
    });
    let mut story = Story::with_many(120);
    let mut patient = settings();
    patient.max_time = Duration::from_secs(30);
    let start = Instant::now();
    let clock = || now() + TimeDelta::from_std(start.elapsed()).unwrap();
    let report = run_by_clock(&mut story, &by_smtp(&server), &patient, &clock, &AtomicBool::new(false));
    assert_eq!((report.sent, report.ending()), (120, Ending::Done), "{report}");
}

#[test]
fn a_complaint_about_our_pace_is_remembered_by_the_next_run() {
    let server = Server::scripted(|stage, to, time| {
        (stage == "MAIL" && to.is_empty() && time == 40).then_some(Do::Say("450 4.7.1 too fast"))
    });
    let mut story = Story::with_many(41);
    let report = story.run(&by_smtp(&server));
    assert!(report.sent >= 38, "{report}");
    let brake = story.ledger.brake().unwrap().expect("the server complained");
    assert!(brake.pace < 30.0, "{brake:?}");

    story.ledger.set_brake(Brake { pace: 20.0, ..brake }).unwrap();
    subscribe(
        &mut story.ledger,
        (100..120).map(|i| format!("r{i}@example.org")).collect::<Vec<_>>().iter().map(String::as_str),
    );
    cut(&mut story.ledger, "deux");
    let begun = Instant::now();
    let report = story.run_later(&by_smtp(&Server::kind()), TimeDelta::hours(1));
    assert!(report.sent >= 60 && begun.elapsed() > Duration::from_secs(2), "{:?}: {report}", begun.elapsed());
    // A day later it is forgotten: the server may have been busy, or another.
    cut(&mut story.ledger, "trois");
    let begun = Instant::now();
    let report = story.run_later(&by_smtp(&Server::kind()), TimeDelta::hours(30));
    assert!(report.sent >= 61 && begun.elapsed() < Duration::from_secs(2), "{:?}: {report}", begun.elapsed());
}

#[test]
fn a_worker_that_slept_past_its_lease_writes_no_dot() {
    // The second letter is ordered together with the answer to the first.
    for sleeper in [1, 2] {
        let server = Server::kind();
        let mut story = Story::with(&["a@example.org", "b@example.org"]);
        // The machine sleeps an hour, once, between the ledger's word and the dot.
        let slept = AtomicBool::new(false);
        let path = story.folder.path().join("ledger.db");
        let clock = || -> DateTime<Utc> {
            let db = rusqlite::Connection::open(&path).unwrap();
            let sending =
                "SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 'sending' AND subscriber = ?1)";
            if db.query_row(sending, [sleeper], |row| row.get(0)).unwrap() {
                slept.store(true, Ordering::Relaxed);
            }
            now() + TimeDelta::hours(i64::from(slept.load(Ordering::Relaxed)))
        };
        let settings = Settings { max_time: Duration::from_hours(2), connections: 1, ..settings() };
        let report = run_by_clock(&mut story, &by_smtp(&server), &settings, &clock, &AtomicBool::new(false));
        assert!(slept.load(Ordering::Relaxed));
        assert_eq!((report.sent, report.doubted, report.dots), (2, 0, 2), "{report}");
        let begun = server.commands().iter().filter(|line| *line == "DATA").count();
        assert_eq!((begun, server.taken().len()), (3, 2), "one was begun, dropped and begun again");
    }
}

#[test]
fn letters_go_into_a_maildir_when_no_server_is_known() {
    let mut story = Story::with(&["a@example.org", "b@example.org"]);
    let outbox = story.folder.path().join("outbox");
    let report = story.run(&Mailer::Folder(Folder::new(&outbox)));
    assert_eq!((report.sent, report.ending()), (2, Ending::Done), "{report}");
    let letters: Vec<_> = std::fs::read_dir(outbox.join("new")).unwrap().collect();
    assert_eq!(letters.len(), 2);
    assert_eq!(std::fs::read_dir(outbox.join("tmp")).unwrap().count(), 0);
    let letter = std::fs::read(letters[0].as_ref().unwrap().path()).unwrap();
    assert!(mail_parser::MessageParser::default().parse(&letter).unwrap().message_id().is_some());
}

#[test]
fn an_outbox_that_cannot_be_written_is_said_and_nobody_is_charged() {
    let mut story = Story::with_many(20);
    let file = story.folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let report = story.run(&Mailer::Folder(Folder::new(&file)));
    assert!(report.could_not_try().unwrap().contains("file"), "{report}");
    assert_eq!(story.tally(), Tally { waiting: 20, ..Tally::default() });
}

/// Whatever a server does, and whenever the process dies: nobody is lost, and every extra copy has
/// an answer that never came.
#[test]
fn nobody_is_lost_and_no_copy_is_unexplained_whatever_happens() {
    for seed in 0..12_u64 {
        let chance = move |what: &str, about: &str, time: u64| -> u64 {
            let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for octet in what.bytes().chain(about.bytes()).chain(time.to_le_bytes()) {
                hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
            }
            (hash >> 20) % 100
        };
        let tries = std::sync::Mutex::new(std::collections::HashMap::<String, u64>::new());
        let lost = Arc::new(AtomicU64::new(0));
        let lost_answers = Arc::clone(&lost);
        let memory = Memory::scripted(move |stage, to| {
            let time = {
                let mut tries = tries.lock().unwrap();
                let time = tries.entry(format!("{stage:?}{}", to.as_str())).or_default();
                *time += 1;
                *time
            };
            let answer = |outcome| Some(Answer { outcome, bounce: None, slow_down: false });
            match (stage, chance(&format!("{stage:?}"), to.as_str(), time)) {
                (Stage::Mail, 0..3) => answer(Outcome::ServerDown("451".into())),
                (Stage::Rcpt, 0..5) => answer(Outcome::Deferred("450 4.2.0".into())),
                (Stage::Rcpt, 5..7) => answer(Outcome::Refused("550 5.1.1".into())),
                (Stage::Body, 0..3) => answer(Outcome::ServerDown("lost".into())),
                (Stage::Dot, 0..5) => answer(Outcome::Deferred("451".into())),
                (Stage::Dot, 5..8) => {
                    lost_answers.fetch_add(1, Ordering::Relaxed);
                    answer(Outcome::Unknown("lost".into()))
                }
                _ => None,
            }
        });
        let mailer = Mailer::Memory(memory.clone());
        let mut story = Story::with_many(40);
        for hour in 0..80 {
            if story.run_later(&mailer, TimeDelta::hours(hour)).tally.open() == 0 {
                break;
            }
        }
        let tally = story.tally();
        assert_eq!((tally.open(), tally.total()), (0, 40), "seed {seed}: {tally:?}");
        let posted = memory.posted();
        let mut arrived: Vec<&str> = posted.iter().map(|p| p.recipient.as_str()).collect();
        arrived.sort_unstable();
        let copies = arrived.len();
        arrived.dedup();
        assert!(arrived.len() as u64 >= tally.sent, "seed {seed}");
        assert!((copies - arrived.len()) as u64 <= lost.load(Ordering::Relaxed), "seed {seed}: unexplained");
        for one in &posted {
            let same = posted.iter().find(|p| p.recipient == one.recipient).unwrap();
            assert_eq!(one.letter, same.letter, "seed {seed}");
        }
    }
}

fn run_until(story: &mut Story, mailer: &Mailer, stop: &AtomicBool) -> Report {
    let settings = Settings { max_time: Duration::from_mins(10), ..settings() };
    run_by_clock(story, mailer, &settings, &now, stop)
}

/// A run whose clock goes on, and that can be asked to stop.
fn run_by_clock(
    story: &mut Story,
    mailer: &Mailer,
    settings: &Settings,
    clock: &(dyn Fn() -> DateTime<Utc> + Sync),
    stop: &AtomicBool,
) -> Report {
    let worker = Worker::here();
    let job = Job {
        mailer,
        destination: "through a test",
        signer: None,
        sender: sender(),
        return_path: None,
        plain_return: false,
        settings,
        worker: worker.name(),
        clock,
        stop,
    };
    deliver(&mut story.ledger, &job, &mut |_| {}).unwrap()
}

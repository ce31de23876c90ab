//! The contract of the ledger: one suite, run on every engine.
//!
//! PostgreSQL is tried when `TEST_DATABASE_URL` names a server that may be filled, or when its
//! programs are installed: then a server of our own runs in a temporary folder.

#[macro_use]
mod support;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use parution::domain::{
    ArticleId, Bounce, Consent, DeliveryState, Digest, DigestId, Edition, Frequency, Guid, KnownArticle,
    KnownText, Language, Occasion, Ping, Standing, SubscriberId, TextHash,
};
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{
    Added, Articles as _, Brake, Claim, Claimer, Cut, Deliveries as _, Dot, Fate, InDoubt, Ledger,
    LedgerError, Location, NewSubscriber, Opening, Pause, ReaderGroup, Step, Subscribers as _, Verdict, open,
};
use support::engine::{Engine, Sqlite};
use support::{email, now, opening};

for_each_engine! {
    a_fresh_ledger_knows_nothing_and_has_a_key_that_stays,
    the_baseline_is_taken_once,
    what_was_announced_stays_announced,
    a_problem_is_new_once_and_again_after_it_was_mended,
    a_cut_freezes_everything_or_nothing,
    an_article_enters_one_scheduled_digest_only,
    a_manual_name_exists_once_and_announces_nothing,
    readers_who_appear_between_looking_and_cutting_are_not_forgotten,
    a_letter_is_claimed_by_one_worker_only,
    the_dot_is_a_doubt_until_an_answer_is_recorded,
    a_reader_who_left_gets_no_dot,
    a_lost_lease_records_nothing,
    a_dead_workers_letters_go_on,
    a_letter_whose_dot_was_never_begun_is_no_doubt,
    a_third_doubt_waits_for_a_person,
    a_digest_that_is_done_is_counted_once_and_again_when_it_is_opened,
    a_brake_is_remembered_and_workers_are_counted,
    a_pause_keeps_letters_back,
    a_hard_bounce_suppresses_at_once_and_a_soft_one_the_third_time_in_a_row,
    an_address_is_on_the_list_once_however_it_is_spelt,
    a_digest_can_be_stopped_by_a_person,
    the_words_of_an_entry_are_remembered_by_its_guid,
    a_hub_is_owed_a_ping_until_it_accepts,
}

fn a_fresh_ledger_knows_nothing_and_has_a_key_that_stays(engine: &dyn Engine) {
    let mut ledger = engine.open();
    assert_eq!(ledger.baseline().unwrap(), None);
    assert_eq!(ledger.known_articles().unwrap(), []);
    assert_eq!(ledger.digests(10).unwrap(), []);
    assert_eq!(ledger.confirmed().unwrap(), 0);
    assert_eq!(ledger.last_run().unwrap(), None);
    ledger.note_run(now()).unwrap();
    let token = ledger.key().delivery_token(DigestId(1), SubscriberId(1));
    drop(ledger);
    let mut ledger = engine.open();
    assert_eq!(ledger.key().delivery_token(DigestId(1), SubscriberId(1)), token);
    assert_eq!(ledger.last_run().unwrap(), Some(now()));
}

fn the_baseline_is_taken_once(engine: &dyn Engine) {
    let mut ledger = engine.open();
    let old = KnownArticle { announced: Some(now()), ..article("/old/") };
    assert!(ledger.take_baseline(&[old.clone(), article("/new/")], now()).unwrap());
    assert!(!ledger.take_baseline(&[article("/late/")], now()).unwrap());
    assert_eq!(ledger.baseline().unwrap(), Some(now()));
    assert_eq!(ledger.known_articles().unwrap(), [article("/new/"), old]);
}

fn a_problem_is_new_once_and_again_after_it_was_mended(engine: &dyn Engine) {
    let mut ledger = engine.open();
    let problems = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<String>>();
    assert_eq!(ledger.new_problems(&problems(&["a", "b"])).unwrap(), [0, 1]);
    assert!(ledger.new_problems(&problems(&["a", "b"])).unwrap().is_empty());
    assert_eq!(ledger.new_problems(&problems(&["b", "c"])).unwrap(), [1]);
    assert_eq!(ledger.new_problems(&problems(&["a"])).unwrap(), [0]);
}

fn what_was_announced_stays_announced(engine: &dyn Engine) {
    let mut ledger = engine.open();
    let announced = KnownArticle { announced: Some(now()), ..article("/a/") };
    ledger.remember(std::slice::from_ref(&announced)).unwrap();
    let moved = KnownArticle { id: ArticleId("/b/".into()), title: "Autre".into(), ..article("/a/") };
    ledger.remember(&[moved]).unwrap();
    let known = ledger.known_articles().unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].id.0.as_str(), known[0].announced), ("/b/", Some(now())));
}

fn a_cut_freezes_everything_or_nothing(engine: &dyn Engine) {
    let mut ledger = engine.open();
    let readers = readers(&mut *ledger, 3);
    ledger.remember(&[article("/a/")]).unwrap();
    let refused = cut(&mut *ledger, &digest(&["/a/", "/unknown/"]));
    assert_eq!(refused, Cut::UnknownArticle(ArticleId("/unknown/".into())));
    assert_eq!(ledger.digests(10).unwrap(), []);
    assert_eq!(ledger.known_articles().unwrap()[0].announced, None);

    let digest = digest(&["/a/"]);
    let made = cut(&mut *ledger, &digest);
    let Cut::Made { digest: id, deliveries: 3 } = made else { panic!("{made:?}") };
    assert_eq!(ledger.known_articles().unwrap()[0].announced, Some(now()));
    assert_eq!(ledger.edition(id, 0).unwrap().as_ref(), Some(&digest.editions[0]));
    assert_eq!(ledger.edition(id, 1).unwrap(), None);
    let summary = &ledger.digests(10).unwrap()[0];
    assert_eq!((summary.id, &summary.occasion, summary.cut_at), (id, &Occasion::Scheduled, now()));
    assert_eq!(summary.articles, digest.articles);
    assert_eq!(summary.subject, "Objet");
    assert_eq!((summary.tally.waiting, summary.tally.total()), (3, 3));
    assert_eq!(readers.len(), 3);
}

fn an_article_enters_one_scheduled_digest_only(engine: &dyn Engine) {
    let mut ledger = engine.open();
    readers(&mut *ledger, 1);
    ledger.remember(&[article("/a/"), article("/b/")]).unwrap();
    assert!(matches!(cut(&mut *ledger, &digest(&["/a/"])), Cut::Made { .. }));
    let again = cut(&mut *ledger, &digest(&["/a/", "/b/"]));
    assert_eq!(again, Cut::AlreadyAnnounced(vec![ArticleId("/a/".into())]));
    assert_eq!(ledger.digests(10).unwrap().len(), 1);
    let b = ledger.known_articles().unwrap().into_iter().find(|a| a.id.0 == "/b/").unwrap();
    assert_eq!(b.announced, None);
}

fn a_manual_name_exists_once_and_announces_nothing(engine: &dyn Engine) {
    let mut ledger = engine.open();
    readers(&mut *ledger, 1);
    ledger.remember(&[article("/a/")]).unwrap();
    let manual = Digest { occasion: Occasion::Manual("vœux".into()), ..digest(&["/a/"]) };
    let Cut::Made { digest: first, .. } = cut(&mut *ledger, &manual) else { panic!() };
    assert_eq!(cut(&mut *ledger, &manual), Cut::NameTaken(first));
    assert_eq!(ledger.known_articles().unwrap()[0].announced, None);
    assert!(matches!(cut(&mut *ledger, &digest(&["/a/"])), Cut::Made { .. }));
}

fn readers_who_appear_between_looking_and_cutting_are_not_forgotten(engine: &dyn Engine) {
    let mut ledger = engine.open();
    readers(&mut *ledger, 1);
    ledger.remember(&[article("/a/")]).unwrap();
    let seen = ledger.reader_groups().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].readers, 1);
    let english = NewSubscriber {
        language: Language::parse("en"),
        topics: vec!["santé".into(), "budget".into(), "santé".into()],
        frequency: Frequency::Monthly,
        ..subscriber("english@example.org")
    };
    ledger.add_subscriber(&english, now()).unwrap();
    let everyone = |groups: &[ReaderGroup]| groups.iter().map(|g| (g.clone(), Some(0))).collect::<Vec<_>>();
    assert_eq!(ledger.cut(&digest(&["/a/"]), &everyone(&seen)).unwrap(), Cut::ReadersChanged);
    assert_eq!(ledger.digests(1).unwrap(), []);

    let seen = ledger.reader_groups().unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].topics, ["budget", "santé"]);
    let mut chosen = everyone(&seen);
    chosen[1].1 = None;
    let made = ledger.cut(&digest(&["/a/"]), &chosen).unwrap();
    assert!(matches!(made, Cut::Made { deliveries: 1, .. }), "{made:?}");
}

fn a_letter_is_claimed_by_one_worker_only(engine: &dyn Engine) {
    let (mut ledger, _) = ready(engine, 5);
    let mut other = engine.open();
    let mine = ledger.claim(&ALPHA, 3, now()).unwrap();
    let theirs = other.claim(&BETA, 10, now()).unwrap();
    assert_eq!((mine.len(), theirs.len()), (3, 2));
    let mut everyone: Vec<_> = mine.iter().chain(&theirs).map(|c| c.email.as_str().to_owned()).collect();
    everyone.sort();
    everyone.dedup();
    assert_eq!(everyone.len(), 5);
    assert_eq!(ledger.claim(&ALPHA, 10, now()).unwrap(), []);
    assert_eq!(ledger.tally(None).unwrap().claimed, 5);
}

fn the_dot_is_a_doubt_until_an_answer_is_recorded(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 3);
    let claims = ledger.claim(&ALPHA, 3, now()).unwrap();
    let sending: Vec<Step> = claims.iter().map(sending).collect();
    assert_eq!(ledger.record(&sending, now()).unwrap(), [Verdict::Recorded; 3]);
    assert_eq!(ledger.tally(Some(digest)).unwrap().sending, 3);
    let later = now() + TimeDelta::minutes(5);
    let steps = [
        settle(&claims[0], DeliveryState::Sent { at: now(), reply: "250 queued as 7".into() }, 0, 0),
        settle(&claims[1], DeliveryState::Waiting { not_before: later }, 1, 0),
        settle(&claims[2], DeliveryState::Refused { at: now(), reply: "550 5.1.1 unknown".into() }, 0, 0),
    ];
    assert_eq!(ledger.record(&steps, now()).unwrap(), [Verdict::Recorded; 3]);
    let tally = ledger.tally(Some(digest)).unwrap();
    assert_eq!((tally.sent, tally.waiting, tally.refused, tally.total()), (1, 1, 1, 3));
    assert_eq!(ledger.next_due().unwrap(), Some(later));
    assert_eq!(ledger.claim(&ALPHA, 9, now()).unwrap(), []);
    let again = ledger.claim(&ALPHA, 9, later).unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].attempts, again[0].doubts), (1, 0));
    assert_eq!(ledger.sent_since(now()).unwrap(), [("example.org".to_owned(), 1)]);
    assert_eq!(ledger.sent_since(later).unwrap(), []);
    let troubles = ledger.troubles(digest, 10).unwrap();
    assert_eq!(troubles.len(), 1);
    assert_eq!(troubles[0].reply, "550 5.1.1 unknown");
    assert_eq!(ledger.reopen_refused(digest, now()).unwrap(), 1);
}

fn a_reader_who_left_gets_no_dot(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 2);
    let claims = ledger.claim(&ALPHA, 1, now()).unwrap();
    let mut service = engine.open();
    service.set_standing(claims[0].subscriber, Standing::Left, now()).unwrap();
    assert_eq!(ledger.record(&[sending(&claims[0])], now()).unwrap(), [Verdict::ReaderLeft]);
    // The other leaves before being claimed.
    service.each_subscriber(&mut |_| ControlFlow::Break(())).unwrap();
    let other = if claims[0].subscriber == SubscriberId(1) { SubscriberId(2) } else { SubscriberId(1) };
    service.set_standing(other, Standing::Complained, now()).unwrap();
    assert_eq!(ledger.claim(&ALPHA, 9, now()).unwrap(), []);
    assert_eq!(ledger.tally(Some(digest)).unwrap().left, 2);
}

fn a_lost_lease_records_nothing(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 1);
    let mine = ledger.claim(&ALPHA, 1, now()).unwrap();
    ledger.recover(&mut |worker| gone_if(worker == ALPHA.worker), 3, now()).unwrap();
    let theirs = ledger.claim(&BETA, 1, now()).unwrap();
    assert_ne!(mine[0].token, theirs[0].token);
    assert_eq!(ledger.record(&[sending(&mine[0])], now()).unwrap(), [Verdict::LeaseLost]);
    assert_eq!(ledger.record(&[sending(&theirs[0])], now()).unwrap(), [Verdict::Recorded]);
    let sent = DeliveryState::Sent { at: now(), reply: "250".into() };
    assert_eq!(ledger.record(&[settle(&mine[0], sent, 0, 0)], now()).unwrap(), [Verdict::LeaseLost]);
    assert_eq!(ledger.tally(Some(digest)).unwrap().sending, 1);
}

fn a_dead_workers_letters_go_on(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 2);
    let claims = ledger.claim(&ALPHA, 2, now()).unwrap();
    ledger.record(&[sending(&claims[0])], now()).unwrap();
    let alive = ledger.recover(&mut |_| Fate::MayLive, 3, now()).unwrap();
    assert_eq!(alive, parution::ledger::Recovered::default());
    let found = ledger.recover(&mut |worker| gone_if(worker == "alpha"), 3, now()).unwrap();
    assert_eq!((found.unclaimed, found.doubtful, found.in_doubt), (1, 1, 0));
    assert_eq!(ledger.tally(Some(digest)).unwrap().waiting, 2);
    let again = ledger.claim(&BETA, 2, now()).unwrap();
    let mut doubts: Vec<u32> = again.iter().map(|c| c.doubts).collect();
    doubts.sort_unstable();
    assert_eq!(doubts, [0, 1]);
}

fn a_letter_whose_dot_was_never_begun_is_no_doubt(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 4);
    let claims = ledger.claim(&ALPHA, 4, now()).unwrap();
    ledger.record(&[sending(&claims[0]), sending(&claims[1]), sending(&claims[2])], now()).unwrap();
    let dot = |claim: &Claim, token| Dot { digest, subscriber: claim.subscriber, token };
    // The second was dotted under an earlier lease, the fourth is not in Sending at all.
    let begun = vec![dot(&claims[0], claims[0].token), dot(&claims[1], claims[1].token - 1)];
    let found = ledger.recover(&mut |_| Fate::GoneAfter(begun.clone()), 3, now()).unwrap();
    assert_eq!((found.unclaimed, found.doubtful, found.in_doubt), (3, 1, 0));
    let again = ledger.claim(&BETA, 4, now()).unwrap();
    for claim in again {
        let doubts = u32::from(claim.subscriber == claims[0].subscriber);
        assert_eq!(claim.doubts, doubts, "{:?}", claim.subscriber);
    }
}

fn a_third_doubt_waits_for_a_person(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 2);
    for _ in 0..3 {
        for claim in ledger.claim(&ALPHA, 2, now()).unwrap() {
            ledger.record(&[sending(&claim)], now()).unwrap();
        }
        ledger.recover(&mut |_| Fate::Gone, 3, now()).unwrap();
    }
    assert_eq!(ledger.claim(&ALPHA, 2, now()).unwrap(), []);
    assert_eq!(ledger.tally(Some(digest)).unwrap().in_doubt, 2);
    assert!(matches!(ledger.troubles(digest, 1).unwrap()[0].state, DeliveryState::InDoubt { .. }));
    assert_eq!(ledger.close_in_doubt(InDoubt::Resend, now()).unwrap(), 2);
    let again = ledger.claim(&ALPHA, 2, now()).unwrap();
    assert_eq!(again.len(), 2);
    ledger.record(&again.iter().map(sending).collect::<Vec<_>>(), now()).unwrap();
    ledger.recover(&mut |_| Fate::Gone, 3, now()).unwrap();
    assert_eq!(ledger.close_in_doubt(InDoubt::Accept, now()).unwrap(), 2);
    assert_eq!(ledger.tally(Some(digest)).unwrap().sent, 2);
}

fn a_digest_that_is_done_is_counted_once_and_again_when_it_is_opened(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 4);
    let tally = |ledger: &mut dyn Ledger| {
        ledger.close_finished(now()).unwrap();
        let tally = ledger.tally(Some(digest)).unwrap();
        assert_eq!(ledger.tally(None).unwrap(), tally, "there is but one digest");
        assert_eq!(ledger.digests(1).unwrap()[0].tally, tally);
        (tally.sent, tally.refused, tally.in_doubt, tally.open())
    };
    let claims = ledger.claim(&ALPHA, 4, now()).unwrap();
    let sent = |claim| settle(claim, DeliveryState::Sent { at: now(), reply: "250".into() }, 0, 0);
    let refused = |claim| settle(claim, DeliveryState::Refused { at: now(), reply: "550".into() }, 1, 0);
    let in_doubt = |claim| settle(claim, DeliveryState::InDoubt { since: now() }, 0, 3);
    ledger.record(&[sent(&claims[0]), refused(&claims[1]), in_doubt(&claims[2])], now()).unwrap();
    assert_eq!(tally(&mut *ledger), (1, 1, 1, 1));
    ledger.record(&[sent(&claims[3])], now()).unwrap();
    assert_eq!(tally(&mut *ledger), (2, 1, 1, 0), "a doubt keeps it open");
    ledger.close_in_doubt(InDoubt::Accept, now()).unwrap();
    assert_eq!(tally(&mut *ledger), (3, 1, 0, 0));
    assert_eq!(tally(&mut *ledger), (3, 1, 0, 0), "from what was noted");
    assert_eq!(ledger.next_due().unwrap(), None);
    let hour = ledger.sent_since(now()).unwrap();
    assert_eq!(hour, [("example.org".to_owned(), 3)], "a closed digest still counts for the pace");
    assert_eq!(ledger.reopen_refused(digest, now()).unwrap(), 1);
    assert_eq!(tally(&mut *ledger), (3, 0, 0, 1));
    assert!(ledger.next_due().unwrap().is_some());
    let again = ledger.claim(&ALPHA, 4, now()).unwrap();
    ledger.record(&[sent(&again[0])], now()).unwrap();
    assert_eq!(tally(&mut *ledger), (4, 0, 0, 0));
}

fn a_brake_is_remembered_and_workers_are_counted(engine: &dyn Engine) {
    let (mut ledger, _) = ready(engine, 3);
    assert_eq!(ledger.brake().unwrap(), None);
    ledger.set_brake(Brake { pace: 12.5, at: now() }).unwrap();
    let slower = Brake { pace: 6.25, at: now() + TimeDelta::milliseconds(1) };
    ledger.set_brake(slower).unwrap();
    assert_eq!(engine.open().brake().unwrap(), Some(slower));
    ledger.claim(&ALPHA, 1, now()).unwrap();
    let theirs = ledger.claim(&BETA, 2, now()).unwrap();
    assert_eq!(ledger.other_workers("alpha").unwrap(), 1);
    assert_eq!(ledger.other_workers("gamma").unwrap(), 2);
    ledger.record(&[sending(&theirs[0])], now()).unwrap();
    assert_eq!(ledger.other_workers("alpha").unwrap(), 1);
}

fn a_pause_keeps_letters_back(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 1);
    let until = now() + TimeDelta::hours(1);
    let pause = Pause { until, reason: "550 5.7.1 refused".into() };
    ledger.pause(digest, &pause).unwrap();
    assert_eq!(ledger.digests(1).unwrap()[0].pause.as_ref(), Some(&pause));
    assert_eq!(ledger.claim(&ALPHA, 1, now()).unwrap(), []);
    assert_eq!(ledger.next_due().unwrap(), Some(until));
    assert_eq!(ledger.resume().unwrap(), 1);
    assert_eq!(ledger.claim(&ALPHA, 1, now()).unwrap().len(), 1);
}

fn a_hard_bounce_suppresses_at_once_and_a_soft_one_the_third_time_in_a_row(engine: &dyn Engine) {
    let mut ledger = engine.open();
    let readers = readers(&mut *ledger, 3);
    let standing = |ledger: &mut dyn Ledger, i: usize| {
        ledger.subscriber(&email(&format!("r{i}@example.org"))).unwrap().unwrap().standing
    };
    for number in 1..=4 {
        let id = format!("/{number}/");
        ledger.remember(&[article(&id)]).unwrap();
        let Cut::Made { digest, .. } = cut(&mut *ledger, &digest(&[&id])) else { panic!() };
        let claims = ledger.claim(&ALPHA, 9, now()).unwrap();
        if number == 1 {
            let refused = DeliveryState::Refused { at: now(), reply: "550 5.1.1 unknown".into() };
            let step = match settle(of(&claims, readers[0]), refused, 0, 0) {
                Step::Settle { digest, subscriber, token, state, attempts, doubts, reply, .. } => {
                    let bounce = Some(Bounce::Hard);
                    Step::Settle { digest, subscriber, token, state, attempts, doubts, reply, bounce }
                }
                _ => unreachable!(),
            };
            ledger.record(&[step], now()).unwrap();
            assert_eq!(standing(&mut *ledger, 0), Standing::Bouncing);
        }
        // Reader 1 bounces softly every time but the second, reader 2 in every digest.
        if number != 2 {
            assert!(!ledger.bounced(digest, readers[1], Bounce::Soft, now()).unwrap());
            assert!(!ledger.bounced(digest, readers[1], Bounce::Soft, now()).unwrap(), "counted twice");
        }
        let third = ledger.bounced(digest, readers[2], Bounce::Soft, now()).unwrap();
        assert_eq!(third, number == 3);
    }
    assert_eq!(standing(&mut *ledger, 1), Standing::Confirmed);
    assert_eq!(standing(&mut *ledger, 2), Standing::Bouncing);
    assert!(ledger.bounced(DigestId(4), readers[2], Bounce::Complaint, now()).unwrap());
    assert_eq!(standing(&mut *ledger, 2), Standing::Complained);
    ledger.set_standing(readers[1], Standing::Left, now()).unwrap();
    assert!(!ledger.bounced(DigestId(4), readers[1], Bounce::Complaint, now()).unwrap());
}

fn an_address_is_on_the_list_once_however_it_is_spelt(engine: &dyn Engine) {
    let mut ledger = engine.open();
    let new = NewSubscriber {
        name: "Zoé".into(),
        language: Language::parse("fr-FR"),
        topics: vec!["b".into(), "a".into()],
        ..subscriber("Zoe@example.org")
    };
    let Added::New(id) = ledger.add_subscriber(&new, now()).unwrap() else { panic!() };
    ledger.set_standing(id, Standing::Left, now()).unwrap();
    let again = ledger.add_subscriber(&subscriber("zoe@Example.ORG"), now()).unwrap();
    assert_eq!(again, Added::Known(id, Standing::Left));
    let kept = ledger.subscriber(&email("ZOE@example.org")).unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.topics.join(",").as_str()), ("Zoé", "a,b"));
    assert_eq!(kept.standing, Standing::Left);
    assert_eq!(kept.consent, new.consent);
    assert_eq!(ledger.confirmed().unwrap(), 0);
}

fn a_digest_can_be_stopped_by_a_person(engine: &dyn Engine) {
    let (mut ledger, digest) = ready(engine, 3);
    let claims = ledger.claim(&ALPHA, 2, now()).unwrap();
    ledger.record(&[sending(&claims[0])], now()).unwrap();
    assert_eq!(ledger.stop(digest, now()).unwrap(), 2);
    assert_eq!(ledger.record(&[sending(&claims[1])], now()).unwrap(), [Verdict::LeaseLost]);
    let sent = DeliveryState::Sent { at: now(), reply: "250".into() };
    assert_eq!(ledger.record(&[settle(&claims[0], sent, 0, 0)], now()).unwrap(), [Verdict::Recorded]);
    assert_eq!(ledger.tally(Some(digest)).unwrap().open(), 0);
}

// What only a file can suffer.

#[test]
fn the_file_is_private_and_one_run_at_a_time_has_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = Sqlite::new();
    let (mut one, mut two) = (place.open(), place.open());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = place.path();
    assert_eq!((mode(file.parent().unwrap()), mode(&file)), (0o700, 0o600));
    assert!(one.lock_run().unwrap());
    assert!(one.lock_run().unwrap());
    assert!(!two.lock_run().unwrap());
    drop(one);
    assert!(two.lock_run().unwrap());
}

#[test]
fn what_is_not_a_ledger_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let open = || SqliteLedger::open(&path, &opening()).err();

    std::fs::write(&path, "this is somebody's letter, not a database\n".repeat(40)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(), Some(LedgerError::NotALedger { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::remove_file(&path).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE mine (a)").unwrap();
    drop(foreign);
    assert!(matches!(open(), Some(LedgerError::NotALedger { .. })));

    std::fs::remove_file(&path).unwrap();
    assert!(open().is_none());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    drop(newer);
    assert!(matches!(open(), Some(LedgerError::Newer { found: 999, .. })));

    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(open(), Some(LedgerError::Unsuitable { .. })));
    std::fs::remove_dir(&path).unwrap();
    assert!(open().is_none());
    std::fs::hard_link(&path, folder.path().join("second")).unwrap();
    assert!(matches!(open(), Some(LedgerError::Unsuitable { .. })));
}

#[test]
fn a_row_that_nothing_of_ours_can_have_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut ledger = SqliteLedger::open(&path, &opening()).unwrap();
    ledger.add_subscriber(&subscriber("a@example.org"), now()).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.pragma_update(None, "ignore_check_constraints", true).unwrap();
    foreign.execute("UPDATE subscriber SET standing = 'gone'", []).unwrap();
    let address = subscriber("a@example.org").email;
    let said = ledger.subscriber(&address).unwrap_err().to_string();
    assert!(said.contains("`gone` is no standing"), "{said}");
}

#[test]
fn another_machine_must_adopt_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(SqliteLedger::open(&path, &opening()).unwrap());
    let elsewhere = Opening { machine: "clone".into(), ..opening() };
    assert!(matches!(SqliteLedger::open(&path, &elsewhere), Err(LedgerError::OtherMachine { .. })));
    drop(SqliteLedger::open(&path, &Opening { adopt: true, ..elsewhere.clone() }).unwrap());
    drop(SqliteLedger::open(&path, &elsewhere).unwrap());
    assert!(matches!(SqliteLedger::open(&path, &opening()), Err(LedgerError::OtherMachine { .. })));
}

#[test]
fn a_backup_that_is_restored_is_recognised_as_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("ledger.db"), folder.path().join("backup.db"));
    let mut ledger = SqliteLedger::open(&path, &opening()).unwrap();
    readers(&mut ledger, 1);
    ledger.remember(&[article("/a/"), article("/b/")]).unwrap();
    cut(&mut ledger, &digest(&["/a/"]));
    ledger.back_up(&backup).unwrap();
    cut(&mut ledger, &digest(&["/b/"]));
    drop(ledger);
    std::fs::rename(&backup, &path).unwrap();
    let refused = SqliteLedger::open(&path, &opening()).err();
    assert!(matches!(refused, Some(LedgerError::Older { newest: 1, seen: 2, .. })), "{refused:?}");
    drop(SqliteLedger::open(&path, &Opening { adopt: true, ..opening() }).unwrap());
    drop(SqliteLedger::open(&path, &opening()).unwrap());
}

#[test]
fn a_backup_is_a_whole_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut ledger = SqliteLedger::open(&path, &opening()).unwrap();
    readers(&mut ledger, 3);
    let copy = folder.path().join("copy.db");
    ledger.back_up(&copy).unwrap();
    assert!(ledger.back_up(&copy).is_err(), "a backup is never overwritten");
    assert_eq!(SqliteLedger::open(&copy, &opening()).unwrap().confirmed().unwrap(), 3);
}

#[test]
fn a_flipped_octet_is_an_error_or_harmless_and_never_a_letter_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let sound = Sqlite::new();
    let (mut ledger, _) = ready(&sound, 40);
    let claims = ledger.claim(&ALPHA, 30, now()).unwrap();
    let sent = |c: &Claim| settle(c, DeliveryState::Sent { at: now(), reply: "250".into() }, 0, 0);
    ledger.record(&claims.iter().map(sending).collect::<Vec<_>>(), now()).unwrap();
    ledger.record(&claims.iter().map(sent).collect::<Vec<_>>(), now()).unwrap();
    drop(ledger);
    let octets = std::fs::read(sound.path()).unwrap();
    for i in 0..200 {
        let path = folder.path().join(format!("{i}.db"));
        let mut damaged = octets.clone();
        let at = i * octets.len() / 200;
        damaged[at] ^= 0xff;
        std::fs::write(&path, &damaged).unwrap();
        // A journal left behind makes the next opening check the whole file.
        std::fs::write(folder.path().join(format!("{i}.db-wal")), b"x").unwrap();
        let Ok(mut ledger) = SqliteLedger::open(&path, &opening()) else { continue };
        if let Ok(due) = ledger.claim(&ALPHA, 100, now()) {
            assert!(due.len() <= 11, "octet {at}: {} letters", due.len());
        }
    }
}

// What only a database that many share can suffer.

#[test]
fn workers_that_begin_together_make_one_ledger() {
    let Some(place) = support::postgres::database("workers_that_begin_together_make_one_ledger") else {
        return;
    };
    let tokens: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..6)
            .map(|number| {
                let opening = Opening { random: [number; 32], ..opening() };
                let place = &place;
                scope.spawn(move || place.ledger(&opening).key().delivery_token(DigestId(1), SubscriberId(1)))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]), "one key");
}

#[test]
fn one_run_cuts_and_many_workers_deliver() {
    let Some(place) = support::postgres::database("one_run_cuts_and_many_workers_deliver") else { return };
    let (mut one, mut two) = (place.ledger(&opening()), place.ledger(&opening()));
    assert!(one.lock_run().unwrap());
    assert!(one.lock_run().unwrap());
    assert!(!two.lock_run().unwrap());
    assert!(one.lock_delivery().unwrap() && two.lock_delivery().unwrap());
    drop(one);
    let begun = Instant::now();
    while !two.lock_run().unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the lock ends with its connection");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn no_verb_happens_twice_or_never_however_often_connections_break() {
    let name = "no_verb_happens_twice_or_never_however_often_connections_break";
    let Some(place) = support::postgres::database(name) else { return };
    let mut ledger = open(&Location::parse(&place.named_url()).unwrap(), &opening()).unwrap();
    assert!(ledger.lock_run().unwrap());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                place.break_connections();
                thread::sleep(Duration::from_millis(70));
            }
        });
        for number in 0..25 {
            let added = ledger.add_subscriber(&subscriber(&format!("r{number}@example.org")), now()).unwrap();
            // A verb done twice would find its own work.
            assert!(matches!(added, Added::New(_)), "{number}: {added:?}");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(ledger.confirmed().unwrap(), 25);
    assert!(!place.ledger(&opening()).lock_run().unwrap(), "the run is still ours");
}

#[test]
fn a_lease_ends_by_the_clock_of_the_database() {
    let Some(place) = support::postgres::database("a_lease_ends_by_the_clock_of_the_database") else {
        return;
    };
    let (mut ledger, digest) = ready(&place, 2);
    let brief = Claimer { worker: "frozen", lease: Duration::from_millis(200) };
    let claims = ledger.claim(&brief, 2, now()).unwrap();
    ledger.record(&[sending(&claims[0])], now()).unwrap();
    // This worker's own clock is years away, and nothing is decided by it.
    let years_later = now() + TimeDelta::days(2000);
    ledger.renew(&brief, years_later).unwrap();
    thread::sleep(Duration::from_millis(300));
    let found = ledger.recover(&mut |_| Fate::MayLive, 3, now()).unwrap();
    assert_eq!((found.unclaimed, found.doubtful), (1, 1));
    let late = DeliveryState::Sent { at: now(), reply: "250".into() };
    assert_eq!(ledger.record(&[settle(&claims[0], late, 0, 0)], now()).unwrap(), [Verdict::LeaseLost]);
    assert_eq!(ledger.tally(Some(digest)).unwrap().waiting, 2);
}

#[test]
fn a_database_that_holds_something_else_is_left_untouched() {
    let name = "a_database_that_holds_something_else_is_left_untouched";
    let Some(place) = support::postgres::database(name) else { return };
    let refused = || open(&Location::parse(&place.url).unwrap(), &opening()).err();
    let mut client = place.client();
    let schema = place.schema();
    client.batch_execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.mine (a INT)")).unwrap();
    assert!(matches!(refused(), Some(LedgerError::NotALedger { .. })));
    client.batch_execute(&format!("DROP TABLE {schema}.mine")).unwrap();
    drop(place.ledger(&opening()));
    client.batch_execute("UPDATE ledger SET cluster = 'elsewhere'").unwrap();
    assert!(matches!(refused(), Some(LedgerError::OtherMachine { .. })));
    drop(place.ledger(&Opening { adopt: true, ..opening() }));
    client.batch_execute("UPDATE ledger SET version = 999").unwrap();
    assert!(matches!(refused(), Some(LedgerError::Newer { found: 999, .. })));
}

// The story's furniture.

fn gone_if(it_has_ended: bool) -> Fate {
    if it_has_ended { Fate::Gone } else { Fate::MayLive }
}

const ALPHA: Claimer<'_> = Claimer { worker: "alpha", lease: Duration::from_mins(15) };
const BETA: Claimer<'_> = Claimer { worker: "beta", lease: Duration::from_mins(15) };

fn article(id: &str) -> KnownArticle {
    KnownArticle {
        id: ArticleId(id.into()),
        guid: Guid(format!("https://www.example.org{id}")),
        source: format!("_actualites{id}a.md").into(),
        collection: "actualites".into(),
        published: Some(now().fixed_offset()),
        title: "Une nouvelle".into(),
        fingerprint: 0xfedc_ba98_7654_3210,
        gone: false,
        announced: None,
    }
}

fn digest(articles: &[&str]) -> Digest {
    let articles: Vec<ArticleId> = articles.iter().map(|id| ArticleId((*id).into())).collect();
    let edition = Edition {
        language: Language::parse("fr").unwrap(),
        articles: articles.clone(),
        subject: "Objet".into(),
        html: "<p>Bonjour</p>".into(),
        text: "Bonjour".into(),
        mold: b"mold\r\n\x00\xff".to_vec(),
    };
    Digest { occasion: Occasion::Scheduled, cut_at: now(), articles, editions: vec![edition] }
}

fn subscriber(address: &str) -> NewSubscriber {
    NewSubscriber {
        email: email(address),
        name: String::new(),
        language: None,
        topics: Vec::new(),
        frequency: Frequency::Every,
        standing: Standing::Confirmed,
        consent: Consent {
            asked_at: Some(now()),
            confirmed_at: None,
            origin: "command line".into(),
            text: "mission de service public".into(),
        },
    }
}

fn readers(ledger: &mut dyn Ledger, count: usize) -> Vec<SubscriberId> {
    (0..count)
        .map(|i| match ledger.add_subscriber(&subscriber(&format!("r{i}@example.org")), now()).unwrap() {
            Added::New(id) | Added::Known(id, _) => id,
        })
        .collect()
}

fn cut(ledger: &mut dyn Ledger, digest: &Digest) -> Cut {
    let everyone: Vec<_> = ledger.reader_groups().unwrap().into_iter().map(|g| (g, Some(0))).collect();
    ledger.cut(digest, &everyone).unwrap()
}

/// A ledger with one digest cut for so many readers.
fn ready(engine: &dyn Engine, count: usize) -> (Box<dyn Ledger>, DigestId) {
    let mut ledger = engine.open();
    readers(&mut *ledger, count);
    ledger.remember(&[article("/a/")]).unwrap();
    match cut(&mut *ledger, &digest(&["/a/"])) {
        Cut::Made { digest, .. } => (ledger, digest),
        other => panic!("{other:?}"),
    }
}

fn sending(claim: &Claim) -> Step {
    Step::Sending { digest: claim.digest, subscriber: claim.subscriber, token: claim.token }
}

fn settle(claim: &Claim, state: DeliveryState, attempts: u32, doubts: u32) -> Step {
    Step::Settle {
        digest: claim.digest,
        subscriber: claim.subscriber,
        token: claim.token,
        state,
        attempts,
        doubts,
        reply: String::new(),
        bounce: None,
    }
}

fn of(claims: &[Claim], subscriber: SubscriberId) -> &Claim {
    claims.iter().find(|c| c.subscriber == subscriber).unwrap()
}

fn the_words_of_an_entry_are_remembered_by_its_guid(engine: &dyn Engine) {
    let text = |guid: &str, hash: u128, hour: i64| KnownText {
        guid: Guid(guid.to_owned()),
        hash: (hash > 0).then_some(TextHash(hash)),
        updated: now() + TimeDelta::hours(hour),
    };
    let mut ledger = engine.open();
    assert_eq!(ledger.feed_texts().unwrap(), []);
    ledger.record_feed_texts(&[text("b", 1, 0), text("a", u128::MAX, 1), text("c", 0, 0)]).unwrap();
    ledger.record_feed_texts(&[text("b", 3, 2)]).unwrap();
    ledger.record_feed_texts(&[]).unwrap();
    let known = engine.open().feed_texts().unwrap();
    assert_eq!(known, [text("a", u128::MAX, 1), text("b", 3, 2), text("c", 0, 0)]);
}

fn a_hub_is_owed_a_ping_until_it_accepts(engine: &dyn Engine) {
    let ping = |topic: &str| Ping {
        hub: "https://hub.example.org/".parse().unwrap(),
        topic: format!("https://www.example.org/{topic}").parse().unwrap(),
    };
    let mut ledger = engine.open();
    ledger.owe_pings(&[ping("feed.xml"), ping("atom.xml")]).unwrap();
    ledger.owe_pings(&[ping("feed.xml")]).unwrap();
    assert_eq!(ledger.owed_pings().unwrap(), [ping("atom.xml"), ping("feed.xml")]);
    ledger.ping_accepted(&ping("atom.xml")).unwrap();
    assert_eq!(engine.open().owed_pings().unwrap(), [ping("feed.xml")]);
}

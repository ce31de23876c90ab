//! The list of subscribers, from a file to the ledger and back.

#[macro_use]
mod support;

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use parution::domain::{EmailAddress, Standing, StandingEvent};
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{Asked, Asking, Barred, Choice, Filter, Ledger, LedgerKey};
use parution::run::subscribers::import::{Import, import};
use parution::run::subscribers::{self, export};
use parution::run::{Ending, Fault};
use proptest::prelude::*;
use support::engine::{Engine, Sqlite};
use support::opening;
use tempfile::TempDir;

for_each_engine! {
    spellings_of_one_address_are_one_subscriber,
    an_import_names_its_legal_basis_and_keeps_it_with_each_person,
    a_dry_run_says_what_would_change_and_changes_nothing,
    the_same_list_twice_changes_nothing_the_second_time,
    no_import_brings_back_who_left_complained_bounced_or_was_forgotten,
    nothing_of_a_broken_list_is_kept,
    an_export_runs_nothing_in_a_spreadsheet_and_comes_back_the_same,
    a_link_confirms_once_and_for_two_days,
    a_mailbox_gets_one_letter_an_hour_however_often_someone_asks,
    ones_own_consent_ends_leaving_and_forgetting_and_asking_alone_does_not,
    a_suppressed_address_gets_no_letter_even_when_someone_asks,
    leaving_is_done_at_once_and_the_second_time_changes_nothing,
    a_token_serves_its_own_purpose_only,
    who_never_confirmed_is_not_kept,
    what_people_type_into_a_filter_is_text_and_not_a_pattern,
    figures_count_people_and_never_opens,
    a_letter_that_names_its_token_leaves_and_others_wait_for_a_person,
}

/// A list in a ledger of its own, told step by step.
struct List {
    ledger: Box<dyn Ledger>,
    now: DateTime<Utc>,
    said: String,
}

impl List {
    fn on(engine: &dyn Engine) -> Self {
        Self { ledger: engine.open(), now: at("2026-11-23T08:00:00Z"), said: String::new() }
    }

    fn import_bytes(&mut self, list: &[u8], dry_run: bool) -> Result<Ending, Fault> {
        let import_it = Import {
            name: "list.csv".to_owned(),
            consent: "public task, order of 2026".to_owned(),
            dry_run,
            ..Import::default()
        };
        let mut out = Vec::new();
        let ending =
            import(self.ledger.as_mut(), Cursor::new(list), &import_it, self.now, &mut |_| {}, &mut out);
        self.said = String::from_utf8(out).unwrap();
        ending
    }

    fn import(&mut self, list: &str) -> Ending {
        self.import_bytes(list.as_bytes(), false).unwrap()
    }

    fn standing(&mut self, address: &str) -> Option<Standing> {
        self.ledger.subscriber(&email(address)).unwrap().map(|person| person.standing)
    }

    fn addresses(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        self.ledger
            .list(&Filter::default(), &mut |person| {
                all.push(person.email.as_str().to_owned());
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        all
    }

    fn ask(&mut self, address: &str) -> Asked {
        let asking = Asking {
            email: email(address),
            choice: Choice::default(),
            origin: "form, from 192.0.2.1".to_owned(),
            consent_text: "[en-1] I agree".to_owned(),
        };
        self.ledger.ask_to_join(&asking, self.now).unwrap()
    }

    fn ask_for_link(&mut self, address: &str) -> String {
        match self.ask(address) {
            Asked::Confirm { token, .. } => token,
            other => panic!("{other:?}"),
        }
    }

    fn letter_token(&mut self, address: &str) -> String {
        let person = self.ledger.subscriber(&email(address)).unwrap().unwrap();
        self.ledger.key().subscriber_token(parution::ledger::LEAVE, person.id)
    }

    fn later(&mut self, time: Duration) {
        self.now += time;
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn spellings_of_one_address_are_one_subscriber(engine: &dyn Engine) {
    let mut list = List::on(engine);
    let ending = list.import(
        "email,name,status\na@example.org,1,active\nA@example.org,2,active\na@EXAMPLE.ORG,3,active\n \
         a@example.org ,4,active\na@example.org.,5,active\na@bücher.example,6,active\na@xn--bcher-kva.example,7,active\n",
    );
    assert_eq!(ending, Ending::Done, "{}", list.said);
    assert_eq!(list.addresses(), ["a@example.org", "a@xn--bcher-kva.example"]);
}

fn an_import_names_its_legal_basis_and_keeps_it_with_each_person(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import("email,OPTIN_TIME,OPTIN_IP\na@example.org,2019-03-04 10:20:30,192.0.2.7\n");
    let person = list.ledger.subscriber(&email("a@example.org")).unwrap().unwrap();
    assert_eq!(person.consent.text, "public task, order of 2026");
    assert_eq!(person.consent.origin, "import list.csv, joined from 192.0.2.7");
    assert_eq!(person.consent.asked_at, Some(at("2019-03-04T10:20:30Z")));
    let nameless = Import { consent: "  ".to_owned(), ..Import::default() };
    let fault = import(
        list.ledger.as_mut(),
        Cursor::new(b"email\nb@example.org\n"),
        &nameless,
        list.now,
        &mut |_| {},
        &mut Vec::new(),
    );
    assert!(fault.unwrap_err().0.contains("--consent"));
    assert_eq!(list.addresses().len(), 1);
}

fn a_dry_run_says_what_would_change_and_changes_nothing(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import("email\nold@example.org\n");
    let text = "email,status\nold@example.org,unsubscribed\nnew@example.org,active\nNEW@example.org,active\n";
    list.import_bytes(text.as_bytes(), true).unwrap();
    assert!(list.said.contains("1 would be added as confirmed"), "{}", list.said);
    assert!(list.said.contains("1 would be restricted"), "{}", list.said);
    assert!(list.said.contains("1 on the list already"), "{}", list.said);
    assert_eq!(list.addresses(), ["old@example.org"]);
    assert_eq!(list.standing("old@example.org"), Some(Standing::Confirmed));
}

fn the_same_list_twice_changes_nothing_the_second_time(engine: &dyn Engine) {
    let mut list = List::on(engine);
    let text = "email,status\na@example.org,active\nb@example.org,unsubscribed\n";
    list.import(text);
    assert_eq!(list.import(text), Ending::Done);
    assert!(list.said.contains("2 on the list already"), "{}", list.said);
}

fn no_import_brings_back_who_left_complained_bounced_or_was_forgotten(engine: &dyn Engine) {
    let mut list = List::on(engine);
    let text =
        "email\nleft@example.org\nspam@example.org\ndead@example.org\ngone@example.org\nno@example.org\n";
    list.import(text);
    for (address, event) in [
        ("left@example.org", StandingEvent::Left),
        ("spam@example.org", StandingEvent::Complained),
        ("dead@example.org", StandingEvent::Bounced),
    ] {
        let person = list.ledger.subscriber(&email(address)).unwrap().unwrap();
        list.ledger.note(person.id, event, "test", list.now).unwrap();
    }
    assert!(list.ledger.forget(&email("gone@example.org"), list.now).unwrap());
    list.ledger.suppress(&email("no@example.org"), list.now).unwrap();
    list.import(text);
    assert_eq!(list.standing("left@example.org"), Some(Standing::Left));
    assert_eq!(list.standing("spam@example.org"), Some(Standing::Complained));
    assert_eq!(list.standing("dead@example.org"), Some(Standing::Bouncing));
    assert_eq!(list.standing("gone@example.org"), None);
    assert_eq!(list.standing("no@example.org"), Some(Standing::Left));
    let mut out = Vec::new();
    let ending =
        subscribers::add(list.ledger.as_mut(), "gone@example.org", "", "asked by phone", list.now, &mut out);
    assert_eq!(ending.unwrap(), Ending::Look);
    assert_eq!(list.standing("gone@example.org"), None);
}

fn nothing_of_a_broken_list_is_kept(engine: &dyn Engine) {
    let mut list = List::on(engine);
    let mut text = String::from("email,name\n");
    for person in 0..5000 {
        let _ = writeln!(text, "user{person}@example.org,User");
    }
    text.push_str("last@example.org,\"never closed\nx@example.org,X\n");
    let fault = list.import_bytes(text.as_bytes(), false).unwrap_err();
    assert!(fault.0.contains("line 5002"), "{}", fault.0);
    assert!(list.addresses().is_empty());
}

fn an_export_runs_nothing_in_a_spreadsheet_and_comes_back_the_same(engine: &dyn Engine) {
    let mut list = List::on(engine);
    let names = ["=cmd|'/C calc'!A0", "@SUM(1+1)", "+1+1", "-2+3", "Zoë, \"la\" O’Hara"];
    let mut text = String::from("email,name\n");
    for (at, name) in names.iter().enumerate() {
        let _ = writeln!(text, "u{at}@example.org,\"{}\"", name.replace('"', "\"\""));
    }
    list.import(&text);
    let mut file = Vec::new();
    export::as_csv(list.ledger.as_mut(), &Filter::default(), &mut file).unwrap();
    let mut rows = csv::Reader::from_reader(file.as_slice());
    for row in rows.records() {
        for cell in &row.unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }
    let mut other = List::on(engine);
    other.import_bytes(&file, false).unwrap();
    for (at, name) in names.iter().enumerate() {
        let person = other.ledger.subscriber(&email(&format!("u{at}@example.org"))).unwrap().unwrap();
        assert_eq!(&person.name, name);
    }
}

fn a_link_confirms_once_and_for_two_days(engine: &dyn Engine) {
    let mut list = List::on(engine);
    let token = list.ask_for_link("a@example.org");
    assert_eq!(list.standing("a@example.org"), Some(Standing::Pending));
    list.later(Duration::hours(49));
    assert_eq!(list.ledger.confirm(&token, list.now).unwrap(), None);
    let token = list.ask_for_link("a@example.org");
    let person = list.ledger.confirm(&token, list.now).unwrap().unwrap();
    assert_eq!(person.standing, Standing::Confirmed);
    assert_eq!(person.consent.text, "[en-1] I agree");
    assert_eq!(person.consent.confirmed_at, Some(list.now));
    assert_eq!(list.ledger.confirm(&token, list.now).unwrap(), None, "the second time");
}

#[test]
fn only_the_hash_of_a_link_is_in_the_ledger() {
    let engine = Sqlite::new();
    let mut list = List::on(&engine);
    let token = list.ask_for_link("a@example.org");
    let path = list.ledger.name();
    let folder = Path::new(&path).parent().unwrap();
    let mut octets = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        octets.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let found = |wanted: &[u8]| octets.windows(wanted.len()).any(|window| window == wanted);
    assert!(found(&LedgerKey::token_hash(&token)), "the search itself works");
    assert!(!found(token.as_bytes()));
}

fn a_mailbox_gets_one_letter_an_hour_however_often_someone_asks(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.ask_for_link("a@example.org");
    assert_eq!(list.ask("A@example.org"), Asked::Nothing);
    list.later(Duration::minutes(59));
    assert_eq!(list.ask("a@example.org"), Asked::Nothing);
    list.later(Duration::minutes(1));
    let token = list.ask_for_link("a@example.org");
    list.ledger.confirm(&token, list.now).unwrap().unwrap();
    list.later(Duration::hours(1));
    assert!(matches!(list.ask("a@example.org"), Asked::Already { .. }));
    assert_eq!(list.ask("a@example.org"), Asked::Nothing);
}

fn ones_own_consent_ends_leaving_and_forgetting_and_asking_alone_does_not(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import("email\na@example.org\n");
    let token = list.letter_token("a@example.org");
    assert!(list.ledger.leave(&token, "one click", list.now).unwrap().is_some());
    let link = list.ask_for_link("a@example.org");
    assert_eq!(list.standing("a@example.org"), Some(Standing::Left), "anyone may ask");
    list.ledger.confirm(&link, list.now).unwrap().unwrap();
    assert_eq!(list.standing("a@example.org"), Some(Standing::Confirmed));

    list.ledger.forget(&email("a@example.org"), list.now).unwrap();
    let link = list.ask_for_link("a@example.org");
    assert_eq!(list.ledger.barred(&email("a@example.org")).unwrap(), Some(Barred::Forgotten));
    list.ledger.confirm(&link, list.now).unwrap().unwrap();
    assert_eq!(list.ledger.barred(&email("a@example.org")).unwrap(), None);
}

fn a_suppressed_address_gets_no_letter_even_when_someone_asks(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.ledger.suppress(&email("a@example.org"), list.now).unwrap();
    assert_eq!(list.ask("a@example.org"), Asked::Nothing);
    assert_eq!(list.standing("a@example.org"), None);
    assert!(list.ledger.lift(&email("a@example.org")).unwrap());
    list.ask_for_link("a@example.org");
}

fn leaving_is_done_at_once_and_the_second_time_changes_nothing(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import("email\na@example.org\n");
    let token = list.letter_token("a@example.org");
    for _ in 0..2 {
        assert!(list.ledger.leave(&token, "one click", list.now).unwrap().is_some());
        assert_eq!(list.standing("a@example.org"), Some(Standing::Left));
    }
    let person = list.ledger.subscriber(&email("a@example.org")).unwrap().unwrap();
    let left = list.ledger.history(person.id).unwrap();
    assert_eq!(left.iter().filter(|entry| entry.event == "left").count(), 1);
    assert_eq!(list.ledger.leave(&token.replace(&token[..1], "x"), "guess", list.now).unwrap(), None);
}

fn a_token_serves_its_own_purpose_only(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import("email\na@example.org\n");
    let letter = list.letter_token("a@example.org");
    let person = list.ledger.subscriber(&email("a@example.org")).unwrap().unwrap();
    let erase = list.ledger.ask_to_erase(person.id, list.now).unwrap();
    assert!(list.ledger.confirm(&letter, list.now).unwrap().is_none());
    assert!(!list.ledger.erase(&letter, list.now).unwrap());
    assert!(list.ledger.confirm(&erase, list.now).unwrap().is_none());
    assert!(list.ledger.leave(&erase, "", list.now).unwrap().is_none());
    assert!(list.ledger.erase(&erase, list.now).unwrap());
    assert_eq!(list.standing("a@example.org"), None);
}

#[test]
fn forgetting_leaves_no_trace_of_the_address_in_the_ledger() {
    let engine = Sqlite::new();
    let mut list = List::on(&engine);
    list.import("email,name\nstrange-address-7@example.org,Strange Name Seven\n");
    list.ledger.forget(&email("strange-address-7@example.org"), list.now).unwrap();
    assert!(list.addresses().is_empty());
    // What deleted rows leave in the pages of the file is gone with the next copy of it.
    let copy = TempDir::new().unwrap();
    let ledger = SqliteLedger::open(&engine.path(), &opening()).unwrap();
    ledger.back_up(&copy.path().join("copy.db")).unwrap();
    let octets = std::fs::read(copy.path().join("copy.db")).unwrap();
    for trace in ["strange-address-7", "Strange Name Seven"] {
        assert!(!octets.windows(trace.len()).any(|window| window == trace.as_bytes()), "{trace}");
    }
}

fn who_never_confirmed_is_not_kept(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.ask_for_link("a@example.org");
    list.import("email,status\nb@example.org,pending\nc@example.org,active\n");
    list.later(Duration::days(31));
    assert_eq!(list.ledger.tidy_up(list.now).unwrap(), 1);
    assert_eq!(list.addresses(), ["b@example.org", "c@example.org"]);
}

fn what_people_type_into_a_filter_is_text_and_not_a_pattern(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import("email\nabc@example.org\na_c@example.org\n");
    let mut count = |part: &str| {
        let filter = Filter { part: Some(part.to_owned()), ..Filter::default() };
        let mut out = Vec::new();
        export::as_csv(list.ledger.as_mut(), &filter, &mut out).unwrap()
    };
    assert_eq!(count("a_c"), 1);
    assert_eq!(count("%"), 0);
    assert_eq!(count("EXAMPLE"), 2);
}

fn figures_count_people_and_never_opens(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import(
        "email,topics,language,status,created_at\na@example.org,\"eau, air\",fr,active,2026-10-01\n\
         b@example.org,eau,en,active,2026-11-02\nc@example.org,,fr,unsubscribed,2026-11-03\n",
    );
    let figures = list.ledger.figures().unwrap();
    assert_eq!(figures.by_standing, [(Standing::Confirmed, 2), (Standing::Left, 1)]);
    assert_eq!(figures.by_topic, [("eau".to_owned(), 2), ("air".to_owned(), 1)]);
    assert_eq!(figures.by_month[0], ("2026-11".to_owned(), 2, 1));
    let json = export::figures(&figures);
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["topics"]["eau"], 2);
}

proptest! {
    // Each case opens a ledger of its own, with its fsyncs.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a file holds, an import ends with a list of sound addresses or changes nothing.
    #[test]
    fn any_file_is_a_list_or_a_fault(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let engine = Sqlite::new();
        let mut list = List::on(&engine);
        let mut text = b"email,name,status\n".to_vec();
        text.extend(octets);
        let ended = list.import_bytes(&text, false);
        prop_assert!(ended.is_ok() || list.addresses().is_empty());
    }
}

fn a_letter_that_names_its_token_leaves_and_others_wait_for_a_person(engine: &dyn Engine) {
    let mut list = List::on(engine);
    list.import("email\na@example.org\nb@example.org\n");
    let token = list.letter_token("a@example.org");
    let mailbox = TempDir::new().unwrap();
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir(mailbox.path().join(folder)).unwrap();
    }
    let letter = |name: &str, subject: &str| {
        // Anyone can write any sender: it decides nothing.
        let text = format!("From: b@example.org\r\nSubject: {subject}\r\n\r\nplease\r\n");
        std::fs::write(mailbox.path().join("new").join(name), text).unwrap();
    };
    letter("1", &format!("unsubscribe {token}"));
    letter("2", "=?utf-8?Q?d=C3=A9sabonnez-moi?=");
    letter("3", "unsubscribe aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    let mut out = Vec::new();
    let mut read = |list: &mut List| {
        parution::run::unsubscribe::all(list.ledger.as_mut(), mailbox.path(), list.now, &mut out).unwrap()
    };
    assert_eq!(read(&mut list), Ending::Look);
    assert_eq!(list.standing("a@example.org"), Some(Standing::Left));
    assert_eq!(list.standing("b@example.org"), Some(Standing::Confirmed));
    assert_eq!(read(&mut list), Ending::Done, "each letter once");
    let mut kept: Vec<_> = std::fs::read_dir(mailbox.path().join("cur"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["1:2,S", "2:2,F", "3:2,S"]);
    let said = String::from_utf8(out).unwrap();
    assert!(
        said.contains("désabonnez-moi") && said.contains("1 reader left the list, 1 letter for"),
        "{said}"
    );
}

#[test]
fn nobody_makes_a_token_without_the_key_of_the_ledger() {
    let token = |key: u8, purpose: &str, id: i64| {
        LedgerKey::new([key; 32]).subscriber_token(purpose, parution::domain::SubscriberId(id))
    };
    let mine = token(7, parution::ledger::LEAVE, 1);
    assert_eq!(mine, token(7, parution::ledger::LEAVE, 1), "the link of an old letter still works");
    for other in [
        token(8, parution::ledger::LEAVE, 1),
        token(0, parution::ledger::LEAVE, 1),
        token(7, "erase", 1),
        token(7, parution::ledger::LEAVE, 2),
    ] {
        let alike = mine.bytes().zip(other.bytes()).filter(|(a, b)| a == b).count();
        assert!(alike < 12, "{mine} and {other} have {alike} characters in common");
    }
}

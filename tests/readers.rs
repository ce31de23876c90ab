//! Who gets a digest, and who does not: readers of one letter a month, topics that nobody chose, the
//! address of a mailing list. Through the program itself.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mail_parser::MessageParser;
use parution::domain::EmailAddress;
use parution::ledger::{Location, Opening, open};
use support::server::{Do, Server};
use tempfile::TempDir;

/// A small site of its own, and the folder that the program runs in.
struct Office(TempDir);

impl Office {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let site = folder.path().join("site");
        fs::create_dir_all(site.join("_actualites")).unwrap();
        fs::write(
            site.join("_config.yml"),
            "title: Office\nurl: https://www.example.org\nlang: fr\ntimezone: Europe/Paris\n\
             collections:\n  actualites:\n    output: true\n    permalink: /actualites/:title/\n",
        )
        .unwrap();
        fs::write(site.join("parution.yml"), "list:\n  from: Office <lettre@example.org>\n").unwrap();
        Self(folder)
    }

    fn publish(&self, name: &str, day: &str) {
        let text = format!("---\ntitle: Titre {name}\ndate: {day} 08:00:00\n---\nLe texte de {name}.\n");
        fs::write(self.0.path().join(format!("site/_actualites/{name}.md")), text).unwrap();
    }

    fn set(&self, settings: &str) {
        let settings = format!("list:\n  name: La lettre\n  from: Office <lettre@example.org>\n{settings}");
        fs::write(self.0.path().join("site/parution.yml"), settings).unwrap();
    }

    fn parution(&self, now: &str, words: &[&str]) -> Output {
        let output = self.ends(now, words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        output
    }

    /// What a command says on standard output.
    fn says(&self, now: &str, words: &[&str]) -> String {
        String::from_utf8(self.parution(now, words).stdout).unwrap()
    }

    /// A command that ends with any code.
    fn ends(&self, now: &str, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_parution"))
            .current_dir(&self.0)
            .args(["--site", "site", "--now", now])
            .args(words)
            .output()
            .unwrap()
    }

    fn letters_to(&self, address: &str) -> Vec<String> {
        let all = files(&self.0.path().join("outbox/new"));
        let texts = all.iter().map(|path| fs::read_to_string(path).unwrap());
        texts.filter(|text| text.contains(&format!("To: {address}\r\n"))).collect()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|dir| dir.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

#[test]
fn who_wants_one_letter_a_month_gets_everything_once() {
    let office = Office::new();
    office.publish("vieux", "2026-01-05");
    let list = office.0.path().join("list.csv");
    fs::write(&list, "email,frequency\neach@example.org,every\nmonth@example.org,monthly\n").unwrap();
    office.parution("2026-10-01T06:00:00Z", &["subscribers", "import", "list.csv", "--consent", "test"]);
    office.parution("2026-10-01T07:00:00Z", &["run"]);
    for (name, day) in [("un", "2026-10-05"), ("deux", "2026-10-19"), ("trois", "2026-11-03")] {
        office.publish(name, day);
        office.parution(&format!("{day}T10:00:00Z"), &["run"]);
    }
    assert_eq!(office.letters_to("each@example.org").len(), 3);
    let monthly = office.letters_to("month@example.org");
    assert_eq!(monthly.len(), 1, "the first run of November closes October");
    for (name, told) in [("un", true), ("deux", true), ("trois", false), ("vieux", false)] {
        assert_eq!(monthly[0].contains(&format!("Titre {name}")), told, "{name}");
    }
    office.parution("2026-11-04T10:00:00Z", &["run"]);
    assert_eq!(office.letters_to("month@example.org").len(), 1, "once");
    office.publish("quatre", "2026-11-20");
    office.parution("2026-11-20T10:00:00Z", &["run"]);
    office.parution("2026-12-01T10:00:00Z", &["run"]);
    let monthly = office.letters_to("month@example.org");
    assert_eq!(monthly.len(), 2);
    let second = monthly.iter().find(|letter| letter.contains("Titre quatre")).expect("December's letter");
    assert!(second.contains("Titre trois") && !second.contains("Titre deux"), "everything, once");
}

#[test]
fn a_list_of_monthly_readers_alone_misses_nothing() {
    let office = Office::new();
    fs::write(office.0.path().join("list.csv"), "email,frequency\nmonth@example.org,monthly\n").unwrap();
    office.publish("vieux", "2026-01-05");
    office.parution("2026-10-01T06:00:00Z", &["subscribers", "import", "list.csv", "--consent", "test"]);
    office.parution("2026-10-01T07:00:00Z", &["run"]);
    office.publish("un", "2026-10-05");
    office.parution("2026-10-05T10:00:00Z", &["run"]);
    assert!(office.letters_to("month@example.org").is_empty());
    office.parution("2026-11-01T10:00:00Z", &["run"]);
    let letters = office.letters_to("month@example.org");
    assert_eq!(letters.len(), 1);
    assert!(letters[0].contains("Titre un"));
}

#[test]
fn articles_that_nobody_asked_for_do_not_fall_upon_the_first_who_does() {
    let office = Office::new();
    fs::write(office.0.path().join("list.csv"), "email,topics\nwater@example.org,eau\n").unwrap();
    office.publish("vieux", "2026-01-05");
    office.parution("2026-10-01T06:00:00Z", &["subscribers", "import", "list.csv", "--consent", "test"]);
    office.parution("2026-10-01T07:00:00Z", &["run"]);
    office.publish("un", "2026-10-05");
    let said = office.says("2026-10-05T10:00:00Z", &["run"]);
    assert!(said.contains("1 article for 0 readers; 1 of them in nobody's topics"), "{said}");
    let status = office.says("2026-10-05T10:01:00Z", &["status"]);
    assert!(status.contains("for nobody"), "{status}");
    assert!(office.says("2026-10-05T10:02:00Z", &["run"]).contains("nothing new"));
    fs::write(office.0.path().join("list.csv"), "email\nall@example.org\n").unwrap();
    office.parution("2026-10-06T06:00:00Z", &["subscribers", "import", "list.csv", "--consent", "test"]);
    office.publish("deux", "2026-10-06");
    let said = office.says("2026-10-06T10:00:00Z", &["run"]);
    assert!(said.contains("1 article for 1 reader\n"), "{said}");
    let letters = office.letters_to("all@example.org");
    assert_eq!(letters.len(), 1);
    assert!(letters[0].contains("Titre deux") && !letters[0].contains("Titre un"));
    assert!(office.letters_to("water@example.org").is_empty());
}

#[test]
fn no_more_than_one_digest_waits_for_a_first_reader() {
    let office = Office::new();
    office.set("digest:\n  max_items: 3\n");
    office.publish("vieux", "2026-01-05");
    office.parution("2026-10-01T07:00:00Z", &["run"]);
    for day in 1..=5 {
        office.publish(&format!("n{day}"), &format!("2026-10-0{day}"));
    }
    let said = office.says("2026-10-05T10:00:00Z", &["run"]);
    assert!(said.contains("3 new articles wait for a first reader"), "{said}");
    assert!(said.contains("2 older ones will not be mailed"), "{said}");
    office.parution("2026-10-05T11:00:00Z", &["subscribers", "add", "a@example.org", "--consent", "test"]);
    office.parution("2026-10-05T12:00:00Z", &["run"]);
    let letters = office.letters_to("a@example.org");
    assert_eq!(letters.len(), 1);
    for (name, told) in [("n1", false), ("n2", false), ("n3", true), ("n4", true), ("n5", true)] {
        assert_eq!(letters[0].contains(&format!("Titre {name}")), told, "{name}");
    }
}

/// An office whose letters go to a list of Sympa through a mail server.
fn office_with_a_mailing_list(server: &Server, more: &str) -> Office {
    let office = Office::new();
    office.set(&format!(
        "  mailing_list: lettre@listes.example.net\n{more}smtp:\n  url: {}\n  tls: none\n  \
         return_path: retours@example.org\n  connections: 1\n",
        server.url()
    ));
    office.publish("vieux", "2026-01-05");
    office.parution("2026-10-01T07:00:00Z", &["run"]);
    office
}

const PAGE: &str = "  unsubscribe_url: https://listes.example.net/sympa/sigrequest/lettre?a=1&b=2\n";

#[test]
fn a_mailing_list_gets_one_letter_in_which_nothing_is_personal() {
    let server = Server::kind();
    let office = office_with_a_mailing_list(&server, PAGE);
    office.publish("un", "2026-10-05");
    let said = office.says("2026-10-05T10:00:00Z", &["run"]);
    assert!(
        said.contains("1 article for 1 reader") && said.contains("to the mailing list lettre@"),
        "{said}"
    );
    office.parution("2026-10-05T10:10:00Z", &["run"]);

    let taken = server.taken();
    assert_eq!(taken.len(), 1, "once");
    assert_eq!(taken[0].recipient, "lettre@listes.example.net");
    assert_eq!(taken[0].sender, "retours@example.org", "the list knows its writers by this address");
    let letter = MessageParser::default().parse(&taken[0].letter).unwrap();
    assert_eq!(letter.to().unwrap().first().unwrap().address(), Some("lettre@listes.example.net"));
    for field in letter.headers() {
        let name = field.name().to_ascii_lowercase();
        let of_a_list = name.starts_with("list-") || name == "feedback-id";
        assert!(!of_a_list && name != "auto-submitted" && name != "precedence", "{name}");
    }
    let (text, html) = (letter.body_text(0).unwrap(), letter.body_html(0).unwrap());
    assert!(text.contains("https://listes.example.net/sympa/sigrequest/lettre?a=1&b=2"), "{text}");
    assert!(
        html.replace("&#38;", "&")
            .contains("href=\"https://listes.example.net/sympa/sigrequest/lettre?a=1&b=2\"")
    );
    assert!(one_line(&text).contains("inscrite à la liste de diffusion lettre@"), "{text}");

    let place = Location::File(office.0.path().join(".parution/ledger.db"));
    let opening =
        Opening { now: chrono::DateTime::UNIX_EPOCH, random: [0; 32], machine: String::new(), adopt: true };
    let mut ledger = open(&place, &opening).unwrap();
    let list =
        ledger.subscriber(&EmailAddress::parse("lettre@listes.example.net").unwrap()).unwrap().unwrap();
    let key = ledger.letter_token(list.id);
    assert!(!String::from_utf8_lossy(&taken[0].letter).replace("=\r\n", "").contains(&key));
}

#[test]
fn members_of_a_list_without_a_page_leave_by_mail_and_in_their_language() {
    let server = Server::kind();
    let office = office_with_a_mailing_list(&server, "  unsubscribe_mail: lettre-leave@listes.example.net\n");
    let config = office.0.path().join("site/_config.yml");
    let english = fs::read_to_string(&config).unwrap().replace("lang: fr", "lang: en");
    fs::write(&config, english).unwrap();
    office.publish("un", "2026-10-05");
    office.parution("2026-10-05T10:00:00Z", &["run"]);
    let letter = server.taken().remove(0).letter;
    let text = MessageParser::default().parse(&letter).unwrap().body_text(0).unwrap().into_owned();
    assert!(text.contains("Unsubscribe by e-mail"), "{text}");
    assert!(text.contains("mailto:lettre-leave@listes.example.net?subject=unsubscribe"), "{text}");
    assert!(one_line(&text).contains("through the mailing list lettre@listes.example.net."), "{text}");
}

#[test]
fn a_mailing_list_that_was_refused_once_gets_the_next_digest() {
    let server = Server::scripted(|stage, _, times| {
        (stage == "RCPT" && times == 1).then_some(Do::Say("550 5.1.1 unknown"))
    });
    let office = office_with_a_mailing_list(&server, PAGE);
    office.publish("un", "2026-10-05");
    let refused = office.ends("2026-10-05T10:00:00Z", &["run"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    office.publish("deux", "2026-10-06");
    office.parution("2026-10-06T10:00:00Z", &["run"]);
    assert_eq!(server.taken().len(), 1);
}

#[test]
fn a_mailing_list_and_single_readers_never_share_a_ledger() {
    let server = Server::kind();
    let office = office_with_a_mailing_list(&server, PAGE);
    office.parution("2026-10-05T09:00:00Z", &["subscribers", "add", "a@example.org", "--consent", "test"]);
    office.publish("un", "2026-10-05");
    let stopped = office.ends("2026-10-05T10:00:00Z", &["run"]);
    assert_eq!(stopped.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&stopped.stderr).contains("1 reader besides"), "{stopped:?}");
    // Without the setting the list is nobody: it must not get a personal link.
    office.set(&format!("smtp:\n  url: {}\n  tls: none\n", server.url()));
    office.parution("2026-10-05T11:00:00Z", &["run"]);
    assert_eq!(server.recipients(), ["a@example.org"]);
    let list = office.says("2026-10-05T12:00:00Z", &["subscribers", "list", "--origin", "list."]);
    assert!(list.contains("lettre@listes.example.net") && list.contains("left"), "{list}");
}

#[test]
fn an_address_that_has_a_link_of_its_own_does_not_become_a_mailing_list() {
    let server = Server::kind();
    let office = Office::new();
    office.parution(
        "2026-10-01T06:00:00Z",
        &["subscribers", "add", "lettre@listes.example.net", "--consent", "test"],
    );
    office.set(&format!(
        "  mailing_list: lettre@listes.example.net\n{PAGE}smtp:\n  url: {}\n  tls: none\n",
        server.url()
    ));
    let stopped = office.ends("2026-10-01T07:00:00Z", &["run"]);
    assert_eq!(stopped.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&stopped.stderr).contains("subscribers forget"), "{stopped:?}");
    office.parution("2026-10-01T08:00:00Z", &["subscribers", "forget", "lettre@listes.example.net"]);
    office.parution("2026-10-01T09:00:00Z", &["run"]);
}

#[test]
fn a_reader_beyond_ascii_gets_letters_from_servers_that_can_and_keeps_nobody_else_waiting() {
    for (offers, expected) in [
        (&["8BITMIME"][..], &["a@example.org"][..]),
        (&["8BITMIME", "SMTPUTF8"], &["a@example.org", "josé@example.org"]),
    ] {
        let server = Server::offering(offers, |_, _, _| None);
        let office = Office::new();
        office.set(&format!("smtp:\n  url: {}\n  tls: none\n", server.url()));
        office.publish("vieux", "2026-01-05");
        for address in ["a@example.org", "josé@example.org"] {
            office.parution("2026-10-01T06:00:00Z", &["subscribers", "add", address, "--consent", "test"]);
        }
        office.parution("2026-10-01T07:00:00Z", &["run"]);
        office.publish("un", "2026-10-05");
        let run = office.ends("2026-10-05T10:00:00Z", &["run"]);
        assert_eq!(server.recipients(), expected, "{run:?}");
        assert!(server.taken().iter().all(|taken| taken.letter.is_ascii()), "headers stay ASCII");
        let status = String::from_utf8(office.ends("2026-10-05T11:00:00Z", &["status"]).stdout).unwrap();
        assert_eq!(status.contains("does not know SMTPUTF8"), expected.len() == 1, "{status}");
    }
}

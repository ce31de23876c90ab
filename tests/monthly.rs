//! Readers who want one letter a month, through the program itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

    fn parution(&self, now: &str, words: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_parution"))
            .current_dir(&self.0)
            .args(["--site", "site", "--now", now])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        output
    }

    fn letters_to(&self, address: &str) -> Vec<String> {
        let all = files(&self.0.path().join("outbox/new"));
        let texts = all.iter().map(|path| fs::read_to_string(path).unwrap());
        texts.filter(|text| text.contains(&format!("To: {address}\r\n"))).collect()
    }
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

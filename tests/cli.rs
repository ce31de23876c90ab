//! The program as its users run it: a folder goes in, files, letters and exit codes come out.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use support::tls::{Identity, Stream, authority};

/// A copy of the sample site in a folder of its own, and the days on which parution runs there.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("content"), &place.path("content"));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, day: u32, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parution"));
        command
            .current_dir(self.0.path())
            .arg(format!("--now=2026-11-{day:02}T09:00:00Z"))
            .args(words)
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    /// Runs a command and expects its exit code; what it said on standard output.
    fn says(&self, day: u32, words: &[&str], code: i32) -> String {
        let Output { status, stdout, stderr } = self.command(day, words).output().unwrap();
        let said = String::from_utf8(stdout).unwrap();
        let errors = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{words:?} said:\n{said}\n{errors}");
        said + &errors
    }

    fn letters(&self) -> Vec<String> {
        let Ok(new) = fs::read_dir(self.path("outbox/new")) else { return Vec::new() };
        new.map(|letter| fs::read_to_string(letter.unwrap().path()).unwrap()).collect()
    }

    fn rewrite(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} holds {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder with its octets and the moment it was last written.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            found.insert(path.clone(), (fs::read(&path).unwrap(), written));
        }
    }
    found
}

const SECRET: &str = "ornithorynque";

#[test]
fn the_sample_is_mailed_once_and_a_second_run_touches_nothing() {
    let place = Place::new();
    let first = place.says(23, &["run"], 1);
    assert!(first.contains("3 sent") && first.contains("digest 1"), "{first}");
    assert!(first.contains(":6: the front matter is not valid YAML"), "{first}");
    assert_eq!(place.letters().len(), 3);
    let before = (tree(&place.path("public")), tree(&place.path("outbox")));
    let second = place.says(23, &["run"], 0);
    assert!(second.contains("nothing new"), "{second}");
    assert_eq!((tree(&place.path("public")), tree(&place.path("outbox"))), before);
    for (path, (octets, _)) in tree(&place.path("public")) {
        let text = String::from_utf8_lossy(&octets).into_owned();
        assert!(!text.contains(SECRET) && !text.contains("{:"), "{}", path.display());
    }
}

#[test]
fn an_article_of_2015_whose_flag_flips_is_the_whole_next_digest() {
    let place = Place::new();
    place.says(23, &["run"], 1);
    let file = "content/_actualites/la-premiere-carte-du-val.markdown";
    place.rewrite(file, "published: false", "published: true");
    let said = place.says(24, &["run"], 0);
    assert!(said.contains("digest 2") && said.contains("1 article for 3 readers"), "{said}");
    assert_eq!(place.letters().len(), 6);
    let feed = fs::read_to_string(place.path("public/feed.xml")).unwrap();
    assert!(feed.contains("/actualites/la-premiere-carte-du-val/"));
    let again = place.says(25, &["run"], 0);
    assert!(again.contains("nothing new"), "{again}");
}

#[test]
fn a_wrong_setting_stops_everything_before_anything_is_written() {
    let place = Place::new();
    place.rewrite("content/parution.yml", "first_run: last 3", "frist_run: last 3");
    let said = place.says(23, &["run"], 2);
    assert!(said.contains("parution.yml:") && said.contains("frist_run"), "{said}");
    for made in ["public", "outbox", ".parution"] {
        assert!(!place.path(made).exists(), "{made}");
    }
}

#[test]
fn a_list_that_is_missing_is_told_before_anything_is_made() {
    let place = Place::new();
    fs::remove_file(place.path("content/subscribers.csv")).unwrap();
    let said = place.says(23, &["run"], 2);
    assert!(said.contains("list.file: ") && said.contains("subscribers.csv"), "{said}");
    for made in [".parution", "public", "outbox"] {
        assert!(!place.path(made).exists(), "{made}");
    }
}

#[test]
fn a_dry_run_and_a_test_letter_change_no_state() {
    let place = Place::new();
    place.says(23, &["subscribers", "add", "a@example.org", "--consent", "a test"], 0);
    let said = place.says(23, &["send", "--dry-run"], 0);
    assert!(said.contains("nothing was sent"), "{said}");
    assert!(place.letters().is_empty());
    place.says(23, &["send", "--test", "editor@example.org"], 0);
    let letters = place.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].contains("To: editor@example.org") && letters[0].contains("[TEST]"));
    let said = place.says(23, &["run"], 1);
    assert!(said.contains("digest 1"), "the test was no digest: {said}");
}

#[test]
fn a_choice_of_articles_goes_out_once_by_hand() {
    let place = Place::new();
    place.says(23, &["run"], 1);
    let chosen = ["send", "--articles", "ecrire-court-cest-du-travail", "--subject", "À relire"];
    let name = fs::read_dir(place.path("content/_actualites"))
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().into_string().ok())
        .find(|name| name.starts_with("ecrire-court"))
        .unwrap();
    let words = [chosen[0], chosen[1], &name, chosen[3], chosen[4]];
    let said = place.says(23, &words, 0);
    assert!(said.contains("À relire") && said.contains("3 sent"), "{said}");
    let said = place.says(23, &words, 1);
    assert!(said.contains("used before"), "{said}");
    assert_eq!(place.letters().len(), 6);
}

#[test]
fn a_reader_of_the_output_who_leaves_does_not_stop_the_delivery() {
    let place = Place::new();
    let mut run = place.command(23, &["run"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(run.stdout.take());
    assert_eq!(run.wait().unwrap().code(), Some(1));
    assert_eq!(place.letters().len(), 3);
}

#[test]
fn check_names_file_line_and_remedy() {
    let place = Place::new();
    let said = place.says(23, &["check"], 1);
    assert!(said.contains("nos-engagements-pour-2018.markdown:6: "), "{said}");
    assert!(said.contains(" — "), "{said}");
    let json: serde_json::Value = serde_json::from_str(&place.says(23, &["check", "--json"], 1)).unwrap();
    assert!(json["errors"].as_u64() >= Some(2), "{json}");
}

#[test]
fn a_tree_that_vanished_is_asked_about() {
    let place = Place::new();
    place.says(23, &["run"], 1);
    for folder in ["_actualites", "_communiques", "_evenements"] {
        fs::remove_dir_all(place.path("content").join(folder)).unwrap();
    }
    let before = tree(&place.path("public"));
    let said = place.says(24, &["run"], 2);
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(tree(&place.path("public")), before);
}

#[test]
fn a_clock_that_goes_back_sends_nothing() {
    let place = Place::new();
    place.says(23, &["run"], 1);
    let said = place.says(22, &["run"], 2);
    assert!(said.contains("clock"), "{said}");
}

#[test]
fn one_article_where_two_are_wanted_waits_for_company() {
    let place = Place::new();
    place.rewrite("content/parution.yml", "first_run: last 3", "first_run: last 1");
    place.rewrite("content/parution.yml", "digest:\n", "digest:\n  min_items: 2\n");
    let said = place.says(23, &["run"], 1);
    assert!(said.contains("digest: waits for company: 1 new, 2 wanted"), "{said}");
    for command in ["send", "preview"] {
        let said = place.says(23, &[command], 0);
        assert!(said.contains("it waits for company: 1 new, 2 wanted"), "{said}");
    }
    assert!(place.letters().is_empty());
}

#[test]
fn a_decision_names_a_digest_that_there_is_and_stands_alone() {
    let place = Place::new();
    place.says(23, &["send", "--resend-failed"], 2);
    place.says(23, &["run"], 1);
    let said = place.says(23, &["send", "--stop", "7"], 2);
    assert!(said.contains("there is no digest 7"), "{said}");
    let said = place.says(23, &["send", "--stop", "1"], 0);
    assert!(said.contains("never sent: 0 letters of digest 1"), "{said}");
    for decision in ["--resend-failed", "--resend-in-doubt", "--accept-in-doubt", "--resume", "--stop=1"] {
        let said = place.says(23, &["send", "--dry-run", decision], 2);
        assert!(said.contains("cannot be used with"), "{said}");
    }
    let said = place.says(23, &["send", "--resume", "--resend-failed"], 2);
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
fn a_bounce_takes_its_reader_off_the_list() {
    let place = Place::new();
    place.says(23, &["run"], 1);
    let letter = place.letters().remove(0);
    let message_id = letter.lines().find(|line| line.starts_with("Message-ID:")).unwrap();
    let returned = format!(
        "From: MAILER-DAEMON@example.net\nMIME-Version: 1.0\nContent-Type: multipart/report; boundary=b\n\n\
         --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n\
         Final-Recipient: rfc822; somebody.else@example.net\nAction: failed\nStatus: 5.1.1\n\n\
         --b\nContent-Type: text/rfc822-headers\n\n{message_id}\n\n--b--\n"
    );
    fs::write(place.path("returned.mbox"), returned).unwrap();
    let said = place.says(23, &["bounces", "returned.mbox"], 0);
    assert!(said.contains("1 reader taken off"), "{said}");
    let list = place.says(23, &["subscribers", "list"], 0);
    assert_eq!(list.matches("bouncing").count(), 1, "{list}");
    let gone = list.lines().find(|line| line.contains("bouncing")).unwrap();
    let address = gone.split_whitespace().find(|word| word.contains('@')).unwrap();
    let shown = place.says(23, &["subscribers", "show", address], 0);
    assert!(shown.contains("bounced    no. 1: for good"), "{shown}");
}

#[test]
fn a_report_in_figures_is_written_whatever_delivered() {
    let place = Place::new();
    let report = |words: &[&str], code: i32| -> serde_json::Value {
        place.says(23, &[words, &["--report", "report.json"]].concat(), code);
        serde_json::from_str(&fs::read_to_string(place.path("report.json")).unwrap()).unwrap()
    };
    let first = report(&["run"], 1);
    assert_eq!((&first["sent"], &first["tally"]["sent"]), (&3.into(), &3.into()), "{first}");
    for words in [&["run"][..], &["deliver"], &["send", "--resend-failed"]] {
        let again = report(words, 0);
        assert_eq!((&again["sent"], &again["tally"]["sent"]), (&0.into(), &3.into()), "{again}");
    }
}

#[test]
fn a_file_over_the_limit_of_the_shell_is_an_error_and_the_old_feeds_stay() {
    let place = Place::new();
    place.says(23, &["feeds"], 1);
    let before = tree(&place.path("public"));
    let title = "title: La rivière";
    let article = fs::read_dir(place.path("content/_actualites"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(title)))
        .unwrap();
    let text = fs::read_to_string(&article).unwrap();
    fs::write(&article, text.replace(title, "title: Notre rivière")).unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 16; exec \"$0\" --now=2026-11-23T09:00:00Z feeds"])
        .arg(env!("CARGO_BIN_EXE_parution"))
        .current_dir(place.0.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(tree(&place.path("public")) == before, "the old feeds stay as they were");
}

/// What a hub on loopback hears that shows this certificate, and what `feeds` says of it.
fn hub_over_tls(identity: Identity) -> (Vec<String>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hub = format!("https://localhost:{}/hub", listener.local_addr().unwrap().port());
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            // A client that does not like the certificate is gone; the next one is served.
            let Ok(mut stream) = Stream::Plain(socket.unwrap()).accept_tls(identity) else { continue };
            let mut request = String::new();
            let mut part = [0; 4096];
            while !request.contains("hub.topic=") {
                match stream.read(&mut part) {
                    Ok(read @ 1..) => request.push_str(&String::from_utf8_lossy(&part[..read])),
                    _ => break,
                }
            }
            if !request.is_empty() {
                let _ = tell.send(request);
                let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\n\r\n").and_then(|()| stream.flush());
            }
        }
    });
    let place = Place::new();
    fs::write(place.path("content/parution.yml"), format!("feeds:\n  hubs: {hub}\n")).unwrap();
    let output = place.command(20, &["feeds"]).env("SSL_CERT_FILE", authority()).output().unwrap();
    assert!(place.path("public/feed.xml").exists(), "a hub never stands in the way of the feeds");
    let said = [output.stdout, output.stderr].concat();
    (heard.try_iter().collect(), String::from_utf8(said).unwrap())
}

#[test]
fn a_hub_is_told_over_tls_and_only_when_its_certificate_is_right() {
    let (heard, said) = hub_over_tls(Identity::Good);
    assert!(heard.iter().any(|request| request.starts_with("POST /hub HTTP/1.1\r\n")), "{heard:?}");
    assert!(!said.contains("hub "), "{said}");
    for identity in [Identity::OtherHost, Identity::Expired] {
        let (heard, said) = hub_over_tls(identity);
        assert!(heard.is_empty() && said.contains("cannot be reached"), "{identity:?}: {heard:?} {said}");
    }
}

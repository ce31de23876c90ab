//! The HTTP service, spoken to over real sockets, its letters read with another program's parser.
//!
//! Each defence has a test here that fails when the defence is taken away.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use mail_parser::MessageParser;
use parution::domain::{
    ArticleId, Consent, Digest, Edition, EmailAddress, Frequency, Language, Occasion, Standing,
};
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{
    Digests, Filter, LEAVE, Ledger, Membership, NewSubscriber, Opening, ReaderGroup, Subscribers,
};
use parution::render::digest::Theme;
use parution::render::letter::ListSettings;
use parution::render::pages::{House, Topic};
use parution::render::words::PageWords;
use parution::run::serve::{Rates, Serving, Settings, Stop, serve};
use tempfile::TempDir;
use tokio::sync::oneshot;
use url::Url;

type Posted = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A service that runs, its ledger, its clock and the letters it wrote.
struct Service {
    address: SocketAddr,
    ledger: SqliteLedger,
    now: Arc<Mutex<DateTime<Utc>>>,
    posted: Posted,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    root: &'static str,
    folder: TempDir,
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Service {
    fn start() -> Self {
        Self::start_with("/", |_| {})
    }

    fn start_with(root: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = TempDir::new().unwrap();
        let now: Arc<Mutex<DateTime<Utc>>> = Arc::new(Mutex::new("2026-11-23T08:00:00Z".parse().unwrap()));
        let open = || {
            let opening =
                Opening { now: *now.lock().unwrap(), random: [7; 32], machine: String::new(), adopt: false };
            SqliteLedger::open(&folder.path().join("ledger.db"), &opening).unwrap()
        };
        let feeds = folder.path().join("public");
        fs::create_dir(&feeds).unwrap();
        fs::write(feeds.join("feed.xml"), "<rss version=\"2.0\"><channel></channel></rss>".repeat(50))
            .unwrap();
        let mut settings = Settings::new(feeds);
        settings.rates = Rates { per_client: 1000, overall: 10_000 };
        change(&mut settings);
        let posted = Posted::default();
        let letters = Arc::clone(&posted);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Arc::clone(&now);
        let serving = Serving {
            settings,
            house: House {
                list: "La lettre de l’Office".to_owned(),
                base: Url::parse("https://lettre.example.org").unwrap().join(root).unwrap(),
                root: root.to_owned(),
                site: Url::parse("https://www.example.org/").unwrap(),
                privacy: None,
                accessibility: None,
                contact: "contact@example.org".to_owned(),
                topics: vec![
                    Topic { key: "actualites".to_owned(), title: "Actualités".to_owned() },
                    Topic { key: "eau".to_owned(), title: "L’eau".to_owned() },
                ],
                languages: vec![french(), english()],
                monthly: true,
            },
            list: list(),
            theme: Theme::default(),
            timezone: chrono_tz::Europe::Paris,
            ledgers: [Box::new(open()), Box::new(open())],
            post: Box::new(move |to, _, letter| {
                letters.lock().unwrap().push((to.as_str().to_owned(), letter.to_vec()));
                Ok(())
            }),
            clock: Arc::new(move || *clock.lock().unwrap()),
        };
        let (stop, stopped) = oneshot::channel();
        let running = std::thread::spawn(move || {
            serve(serving, listener, Stop::When(stopped)).unwrap();
        });
        Self {
            address,
            ledger: open(),
            now: Arc::clone(&now),
            posted,
            stop: Some(stop),
            running: Some(running),
            root,
            folder,
        }
    }

    fn raw(&self, request: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request).unwrap();
        let mut octets = Vec::new();
        // A connection that is closed while we still write may end in a reset: what was read counts.
        let _ = stream.read_to_end(&mut octets);
        let text = String::from_utf8_lossy(&octets).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "")
    }

    fn ask(&self, method: &str, path: &str, fields: &str) -> Reply {
        let root = self.root;
        self.raw(
            format!("{method} {root}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n")
                .as_bytes(),
        )
    }

    fn post(&self, path: &str, form: &str) -> Reply {
        self.post_with(path, form, "")
    }

    fn post_with(&self, path: &str, form: &str, fields: &str) -> Reply {
        let (root, length) = (self.root, form.len());
        let request = format!(
            "POST {root}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        );
        self.raw(request.as_bytes())
    }

    /// Waits until so many letters were written in all, and gives the last.
    fn letter(&self, count: usize) -> (String, String) {
        let begun = Instant::now();
        loop {
            let posted = self.posted.lock().unwrap();
            assert!(posted.len() <= count, "one letter too many to {}", posted[count].0);
            if posted.len() == count {
                let (to, octets) = posted[count - 1].clone();
                parution::mail::guard::check(&octets).expect("the letter is fit for the wire");
                let letter = MessageParser::default().parse(&octets).expect("the letter can be read");
                return (to, letter.body_text(0).unwrap().into_owned());
            }
            drop(posted);
            assert!(begun.elapsed() < Duration::from_secs(10), "the letter does not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The path of the first link of a letter to one of our pages.
    fn link(text: &str, page: &str) -> String {
        let start = text.find(&format!("https://lettre.example.org/{page}/")).expect(text);
        let url = text[start..].split_whitespace().next().unwrap();
        url.trim_start_matches("https://lettre.example.org/").split('?').next().unwrap().to_owned()
    }

    fn count(&self) -> usize {
        self.posted.lock().unwrap().len()
    }

    fn later(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }

    fn add(&mut self, address: &str) -> String {
        let new = NewSubscriber {
            email: email(address),
            name: String::new(),
            language: None,
            topics: Vec::new(),
            frequency: Frequency::Every,
            standing: Standing::Confirmed,
            consent: Consent::default(),
        };
        let now = *self.now.lock().unwrap();
        self.ledger.add_subscriber(&new, now).unwrap();
        let person = self.ledger.subscriber(&email(address)).unwrap().unwrap();
        self.ledger.key().subscriber_token(LEAVE, person.id)
    }

    fn standing(&mut self, address: &str) -> Option<Standing> {
        self.ledger.subscriber(&email(address)).unwrap().map(|person| person.standing)
    }

    fn everyone(&mut self) -> usize {
        let mut people = 0;
        self.ledger
            .list(&Filter::default(), &mut |_| {
                people += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        people
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            let ended = running.join();
            if !std::thread::panicking() {
                ended.expect("the service ends in peace");
            }
        }
    }
}

/// Long enough for a letter that must not be written.
fn quiet() {
    std::thread::sleep(Duration::from_millis(150));
}

fn list() -> ListSettings {
    let site = parution::domain::Site {
        title: "L’Office".to_owned(),
        description: String::new(),
        url: Url::parse("https://www.example.org/").unwrap(),
        language: Language::parse("fr").unwrap(),
        timezone: chrono_tz::Europe::Paris,
        collections: Vec::new(),
    };
    ListSettings { name: "La lettre de l’Office".to_owned(), ..ListSettings::for_site(&site) }
}

fn french() -> &'static PageWords {
    PageWords::of(&Language::parse("fr").unwrap()).unwrap()
}

fn english() -> &'static PageWords {
    PageWords::of(&Language::parse("en").unwrap()).unwrap()
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

#[test]
fn a_reader_comes_chooses_leaves_and_is_forgotten() {
    let mut service = Service::start();
    let form = service.get("?lang=fr");
    assert_eq!(form.status, 200);
    assert!(form.body.contains("S’abonner"), "{}", form.body);
    let reply = service
        .post("subscribe", "lang=fr&email=anne%40example.org&topic=eau&topic=nonsense&frequency=monthly");
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains(french().look_in_mailbox_title));
    assert_eq!(service.ledger.confirmed().unwrap(), 0);

    let (to, text) = service.letter(1);
    assert_eq!(to, "anne@example.org");
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Pending));
    let confirm = Service::link(&text, "confirm");
    assert!(service.get(&confirm).body.contains(french().confirm_button));
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Pending), "a look confirms nothing");
    assert!(service.post(&confirm, "lang=fr").body.contains(french().confirmed_title));
    let person = service.ledger.subscriber(&email("anne@example.org")).unwrap().unwrap();
    assert_eq!(person.standing, Standing::Confirmed);
    assert_eq!(person.topics, ["eau"]);
    assert_eq!(person.frequency, Frequency::Monthly);
    assert!(person.consent.text.starts_with("[fr-1] En m’abonnant"), "{}", person.consent.text);
    assert_eq!(person.consent.origin, "form, from 127.0.0.1");
    assert_eq!(service.post(&confirm, "").status, 410, "a link works once");

    let (_, welcome) = service.letter(2);
    let preferences = Service::link(&welcome, "preferences");
    let shown = service.get(&preferences);
    assert!(shown.body.contains("a…@example.org"), "the address is not shown whole");
    assert!(!shown.body.contains("anne@example.org"));
    assert!(shown.body.contains("value=\"eau\" checked"), "{}", shown.body);
    service.post(&preferences, "topic=actualites&language=en&frequency=every");
    let person = service.ledger.subscriber(&email("anne@example.org")).unwrap().unwrap();
    assert_eq!(person.topics, ["actualites"]);
    assert_eq!(person.language.unwrap().tag(), "en");

    service.later(TimeDelta::hours(1));
    let token = preferences.split('/').next_back().unwrap().to_owned();
    service.post(&format!("data/{token}"), "lang=en");
    let (to, record) = service.letter(3);
    assert_eq!(to, "anne@example.org");
    assert!(record.contains("\"topics\": [") && record.contains("by the link in the letter"), "{record}");

    service.post(&format!("unsubscribe/{token}"), "lang=fr");
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Left));

    service.later(TimeDelta::hours(1));
    service.post(&format!("forget/{token}"), "lang=fr");
    let (_, text) = service.letter(4);
    let erase = Service::link(&text, "erase");
    service.get(&erase);
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Left), "a look erases nothing");
    assert!(service.post(&erase, "lang=fr").body.contains(french().erased_title));
    assert_eq!(service.standing("anne@example.org"), None);
    assert_eq!(service.get(&preferences).status, 404);
}

#[test]
fn every_page_is_there_in_every_language() {
    let mut service = Service::start();
    let token = service.add("anne@example.org");
    for words in PageWords::ALL {
        let lang = words.language;
        for path in [
            String::new(),
            format!("confirm/{token}"),
            format!("unsubscribe/{token}"),
            format!("preferences/{token}"),
            format!("erase/{token}"),
            "archive".to_owned(),
            "nowhere".to_owned(),
        ] {
            let body = service.get(&format!("{path}?lang={lang}")).body;
            assert!(body.contains(&format!("<html lang=\"{lang}\">")), "{path}");
            assert_eq!(body.matches("<h1>").count(), 1, "{path}");
            assert!(!body.contains("<script") && !body.contains("style=\""), "{path}");
        }
        let asked = service.ask("GET", "", &format!("Accept-Language: de, {lang};q=0.5\r\n"));
        assert!(asked.body.contains(&format!("<html lang=\"{lang}\">")));
    }
}

#[test]
fn one_click_leaves_at_once_and_again_without_harm() {
    let mut service = Service::start();
    let token = service.add("anne@example.org");
    for _ in 0..2 {
        let reply = service.post(&format!("unsubscribe/{token}"), "List-Unsubscribe=One-Click");
        assert_eq!(reply.status, 200, "no redirect: {}", reply.head);
        assert!(reply.field("location").is_none() && reply.field("set-cookie").is_none());
        assert_eq!(service.standing("anne@example.org"), Some(Standing::Left));
    }
    let person = service.ledger.subscriber(&email("anne@example.org")).unwrap().unwrap();
    let history = service.ledger.history(person.id).unwrap();
    assert_eq!(history.iter().filter(|entry| entry.detail.contains("one click")).count(), 1);
}

#[test]
fn looking_at_a_link_changes_nothing() {
    let mut service = Service::start();
    let token = service.add("anne@example.org");
    for method in ["GET", "HEAD", "OPTIONS"] {
        for page in ["unsubscribe", "preferences", "data", "forget", "erase", "confirm"] {
            service.ask(method, &format!("{page}/{token}"), "");
        }
    }
    quiet();
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Confirmed));
    assert_eq!(service.count(), 0);
    assert!(service.ledger.history(parution::domain::SubscriberId(1)).unwrap().is_empty());
}

#[test]
fn a_wrong_token_is_answered_like_a_right_one_and_changes_nothing() {
    let mut service = Service::start();
    let right = service.add("anne@example.org");
    let last = if right.ends_with('a') { "b" } else { "a" };
    let wrong = format!("{}{last}", &right[..31]);
    for (path, form) in [
        ("unsubscribe", "List-Unsubscribe=One-Click"),
        ("data", ""),
        ("forget", ""),
        ("unsubscribe", "lang=en"),
    ] {
        let said = |token: &str| {
            let reply = service.post(&format!("{path}/{token}"), form);
            (reply.status, reply.body.replace(token, "TOKEN"))
        };
        let answer = said(&wrong);
        quiet();
        assert_eq!(service.count(), 0, "{path}");
        if path != "unsubscribe" {
            continue;
        }
        assert_eq!(answer, said(&wrong));
    }
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Confirmed));
    let wrong_says = service.post(&format!("unsubscribe/{wrong}"), "lang=fr").body.replace(&wrong, "TOKEN");
    let right_says = service.post(&format!("unsubscribe/{right}"), "lang=fr").body.replace(&right, "TOKEN");
    assert_eq!(wrong_says, right_says);
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Left));
}

#[test]
fn nothing_changes_without_the_token_of_a_letter() {
    // A page elsewhere can make a browser post here (CSRF), but has no token; there is no cookie
    // that could lend it one.
    let mut service = Service::start();
    service.add("anne@example.org");
    for path in [
        "unsubscribe/1",
        "preferences/1",
        "preferences/anne@example.org",
        "erase/1",
        "confirm/1",
        "unsubscribe",
    ] {
        let reply = service.post_with(
            path,
            "email=anne%40example.org&id=1",
            "Cookie: session=1\r\nOrigin: https://evil.example\r\n",
        );
        assert!(reply.field("set-cookie").is_none());
    }
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Confirmed));
    assert_eq!(service.ledger.history(parution::domain::SubscriberId(1)).unwrap(), []);
}

#[test]
fn known_and_unknown_addresses_get_the_same_answer() {
    let mut service = Service::start();
    service.add("known@example.org");
    let left = service.add("left@example.org");
    service.post(&format!("unsubscribe/{left}"), "");
    let mut answers: Vec<(u16, String, String)> = Vec::new();
    for address in ["known", "left", "new"] {
        let reply = service.post("subscribe", &format!("lang=fr&email={address}%40example.org"));
        let head: Vec<&str> = reply.head.lines().filter(|line| !line.starts_with("date:")).collect();
        answers.push((reply.status, head.join("\n"), reply.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[test]
fn the_time_of_an_answer_does_not_tell_who_is_known() {
    // The ledger is held by someone else for longer than any answer may take: an answer that asked
    // it first would have to wait.
    let mut service = Service::start();
    service.add("known@example.org");
    let leaving = service.add("leaving@example.org");
    let blocker = rusqlite::Connection::open(service.folder.path().join("ledger.db")).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Someone who leaves waits for the ledger, and holds up whoever would read it.
    let mut waits = TcpStream::connect(service.address).unwrap();
    write!(waits, "POST /unsubscribe/{leaving} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    quiet();
    for address in ["known", "new"] {
        let begun = Instant::now();
        assert_eq!(service.post("subscribe", &format!("email={address}%40example.org")).status, 200);
        assert!(begun.elapsed() < Duration::from_secs(2), "{address} waited for the ledger");
    }
    blocker.execute_batch("ROLLBACK").unwrap();
    let mut answer = String::new();
    waits.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    service.letter(2);
}

#[test]
fn a_mailbox_cannot_be_flooded() {
    let mut service = Service::start();
    service.add("known@example.org");
    for _ in 0..5 {
        service.post("subscribe", "email=new%40example.org");
        service.post("subscribe", "email=NEW%40EXAMPLE.org");
        service.post("subscribe", "email=known%40example.org");
    }
    service.letter(2);
    quiet();
    assert_eq!(service.count(), 2);
    service.later(TimeDelta::hours(1));
    service.post("subscribe", "email=new%40example.org");
    service.letter(3);
}

#[test]
fn a_client_cannot_write_to_many_mailboxes_and_leaving_is_never_limited() {
    let mut service =
        Service::start_with("/", |settings| settings.rates = Rates { per_client: 3, overall: 100 });
    let token = service.add("anne@example.org");
    let status: Vec<u16> =
        (0..5).map(|n| service.post("subscribe", &format!("email=u{n}%40example.org")).status).collect();
    assert_eq!(status, [200, 200, 200, 429, 429]);
    let refused = service.post("subscribe", "email=u9%40example.org");
    assert!(refused.field("retry-after").is_some());
    // The client cannot call itself another one.
    let forged = service.post_with("subscribe", "email=u9%40example.org", "X-Forwarded-For: 203.0.113.7\r\n");
    assert_eq!(forged.status, 429);
    assert_eq!(service.post(&format!("data/{token}"), "").status, 429);
    assert_eq!(service.post(&format!("unsubscribe/{token}"), "").status, 200);
    assert_eq!(service.standing("anne@example.org"), Some(Standing::Left));
}

#[test]
fn behind_a_trusted_proxy_each_client_counts_for_itself() {
    let mut service = Service::start_with("/", |settings| {
        settings.rates = Rates { per_client: 1, overall: 100 };
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let ask = |address: &str, client: &str| {
        let fields = format!("X-Forwarded-For: {client}\r\n");
        service.post_with("subscribe", &format!("email={address}%40example.org"), &fields).status
    };
    assert_eq!(ask("a", "203.0.113.7"), 200);
    assert_eq!(ask("b", "6.6.6.6, 203.0.113.7"), 429, "what the client wrote itself proves nothing");
    assert_eq!(ask("c", "203.0.113.8"), 200);
    service.letter(2);
    let person = service.ledger.subscriber(&email("c@example.org")).unwrap().unwrap();
    assert_eq!(person.consent.origin, "form, from 203.0.113.8");
}

#[test]
fn a_machine_that_fills_in_everything_writes_to_nobody() {
    let mut service = Service::start();
    let person = service.post("subscribe", "lang=fr&email=a%40example.org&website=");
    let machine =
        service.post("subscribe", "lang=fr&email=b%40example.org&website=http%3A%2F%2Fspam.example");
    assert_eq!(person.body, machine.body);
    service.letter(1);
    quiet();
    assert_eq!(service.everyone(), 1);
}

#[test]
fn addresses_that_could_go_elsewhere_are_refused() {
    let mut service = Service::start();
    for form in [
        "email=a%40example.net%0d%0aBcc:victim%40example.net",
        "email=a%40example.net%2Cb%40example.net",
        "email=a%40example.net&email=c%40example.net",
        "email=%25%40example.net",
        "email=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%40example.net",
        "email=",
        "",
    ] {
        let reply = service.post("subscribe", form);
        assert_eq!(reply.status, 400, "{form}");
        assert!(!reply.body.contains("<script"), "{form}");
        assert!(reply.body.contains("aria-invalid=\"true\""), "{form}");
    }
    quiet();
    assert_eq!((service.count(), service.everyone()), (0, 0));
}

#[test]
fn links_come_from_the_configured_address_only() {
    let service = Service::start_with("/lettre/", |_| {});
    let form = "email=a%40example.net";
    let request = format!(
        "POST /lettre/subscribe HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\
         Forwarded: host=evil.example\r\nX-Forwarded-Proto: gopher\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let reply = service.raw(request.as_bytes());
    assert_eq!(reply.status, 200);
    assert!(!reply.body.contains("evil"));
    let (_, text) = service.letter(1);
    assert!(text.contains("https://lettre.example.org/lettre/confirm/"), "{text}");
    let posted = service.posted.lock().unwrap();
    assert!(!String::from_utf8_lossy(&posted[0].1).contains("evil"));
}

#[test]
fn nobody_is_sent_to_another_site() {
    let mut service = Service::start();
    let token = service.add("anne@example.org");
    for path in [
        format!("confirm/{token}?next=//evil.example/"),
        "?next=https://evil.example&lang=//evil.example".to_owned(),
        format!("unsubscribe/{token}?return=//evil.example"),
        "subscribe?next=//evil.example".to_owned(),
        "//evil.example/".to_owned(),
    ] {
        let form = "email=a%40example.org&next=//evil.example&lang=evil";
        for reply in [service.get(&path), service.post(&path, form)] {
            assert!(reply.field("location").is_none(), "{path}");
            assert!(!reply.body.contains("evil.example"), "{path}");
        }
    }
}

#[test]
fn under_a_path_everything_stays_below_it() {
    let mut service = Service::start_with("/lettre/", |_| {});
    let token = service.add("anne@example.org");
    for page in ["", "archive", &format!("unsubscribe/{token}"), &format!("preferences/{token}")] {
        let body = service.get(page).body;
        for (at, _) in body.match_indices("=\"/") {
            assert!(body[at + 2..].starts_with("/lettre/"), "{}", &body[at..(at + 60).min(body.len())]);
        }
    }
    assert_eq!(service.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 404);
    assert_eq!(service.get("feed.xml").status, 200);
}

#[test]
fn every_answer_says_what_browsers_may_do_with_it() {
    let mut service = Service::start();
    let token = service.add("anne@example.org");
    for path in
        ["", "style.css", "feed.xml", "nowhere", "archive", "healthz", &format!("unsubscribe/{token}")]
    {
        let reply = service.get(path);
        let policy = reply.field("content-security-policy").expect(path);
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(reply.field("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(reply.field("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.field("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(reply.field("cross-origin-opener-policy"), Some("same-origin"), "{path}");
        assert!(reply.field("set-cookie").is_none(), "{path}");
    }
    assert_eq!(service.get(&format!("unsubscribe/{token}")).field("cache-control"), Some("no-store"));
}

#[test]
fn feeds_are_served_as_feed_readers_want_them() {
    let service = Service::start();
    let plain = service.get("feed.xml");
    assert_eq!(plain.status, 200);
    assert_eq!(plain.field("content-type"), Some("application/rss+xml; charset=utf-8"));
    let length: usize = plain.field("content-length").unwrap().parse().unwrap();
    assert_eq!(plain.body.len(), length);
    let head = service.ask("HEAD", "feed.xml", "");
    assert_eq!(head.field("content-length"), plain.field("content-length"));
    assert!(head.body.is_empty());
    let zipped = service.ask("GET", "feed.xml", "Accept-Encoding: gzip\r\n");
    assert_eq!(zipped.field("content-encoding"), Some("gzip"));
    for field in ["If-None-Match", "If-Modified-Since"] {
        let from = if field == "If-None-Match" { "etag" } else { "last-modified" };
        let known = format!("{field}: {}\r\n", plain.field(from).unwrap());
        let reply = service.ask("GET", "feed.xml", &known);
        assert_eq!((reply.status, reply.body.as_str()), (304, ""), "{field}");
        assert_eq!(reply.field("etag"), plain.field("etag"));
    }
    fs::write(service.folder.path().join("public/feed.xml"), "<rss>changed</rss>").unwrap();
    assert_eq!(service.get("feed.xml").body, "<rss>changed</rss>");
}

#[test]
fn nothing_outside_the_published_folder_is_served() {
    let service = Service::start();
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/ledger.db",
        "/ledger.db",
        "/public/",
        "/feed.xml%00.json",
    ] {
        let reply =
            service.raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
        assert!(!reply.body.contains("root:"));
    }
}

#[test]
fn what_is_too_big_or_smuggled_is_refused_before_it_is_read() {
    let service = Service::start();
    let begun = Instant::now();
    let reply = service.raw(
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\n\
          Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=a",
    );
    assert_eq!((reply.status, reply.field("connection")), (413, Some("close")));
    let reply = service.raw(
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
          Content-Type: application/x-www-form-urlencoded\r\n\r\n15\r\nemail=a%40example.org\r\n0\r\n\r\n",
    );
    assert_eq!(
        (reply.status, reply.field("connection")),
        (400, Some("close")),
        "nobody we know sends chunks"
    );
    let reply = service.raw(
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
          0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(reply.status, 400);
    assert_eq!(reply.field("connection"), Some("close"));
    assert!(!reply.body.contains("HTTP/1.1"), "the second request was not answered: {}", reply.body);
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(100_000));
    assert_eq!(service.raw(long.as_bytes()).status, 431);
    let brew = service.raw(b"BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(brew.status, 405);
    assert!(begun.elapsed() < Duration::from_secs(8), "nothing waited for a body");
}

#[test]
fn a_slow_header_is_cut_off_and_others_are_served() {
    let service = Service::start_with("/", |settings| {
        settings.connections = 2;
        settings.header_time = Duration::from_secs(2);
    });
    let slow = || {
        let mut slow = TcpStream::connect(service.address).unwrap();
        slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ").unwrap();
        slow
    };
    let mut first = slow();
    let begun = Instant::now();
    assert_eq!(service.get("healthz").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "one slow client is in nobody's way");
    // Two take all the places there are: the next one waits until they are cut off, and no longer.
    let _second = slow();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(service.get("healthz").status, 200);
    assert!(begun.elapsed() > Duration::from_millis(1500), "there are two places");
    assert!(begun.elapsed() < Duration::from_secs(8), "the header time-out ends it");
    let mut rest = Vec::new();
    let _ = first.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_body_that_trickles_in_is_cut_off() {
    let service = Service::start_with("/", |settings| settings.answer_time = Duration::from_secs(1));
    let mut slow = TcpStream::connect(service.address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    slow.write_all(b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nemail=").unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(begun.elapsed() < Duration::from_secs(8), "the answer's time-out ends it");
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn nothing_that_a_client_says_comes_back_in_a_header_or_as_markup() {
    let mut service = Service::start();
    let token = service.add("anne@example.org");
    let nasty = "%0d%0aX-Marker:%20marker%22%3E%3Cb%3Emarker";
    let fields = "User-Agent: marker\r\nReferer: https://marker.example/\r\nX-Marker: marker\r\n\
                  Accept-Language: marker\r\nOrigin: https://marker.example\r\n";
    for path in [
        format!("?lang={nasty}"),
        format!("{nasty}.xml"),
        format!("confirm/{nasty}"),
        format!("unsubscribe/{nasty}"),
        format!("unsubscribe/{token}?lang={nasty}"),
        format!("preferences/{nasty}"),
        format!("erase/{nasty}"),
        format!("archive/{nasty}"),
    ] {
        let form = format!("lang={nasty}&email={nasty}&topic={nasty}&language={nasty}");
        let asked = service.ask("GET", &path, fields);
        let posted = service.post_with(&path, &form, fields);
        for reply in [asked, posted] {
            assert!(reply.status >= 200, "{path}");
            assert!(!reply.head.to_lowercase().contains("marker"), "{path}: {}", reply.head);
            assert!(!reply.body.contains("marker"), "{path}: {}", reply.body);
        }
    }
    let wrong = service.post("subscribe", &format!("email={nasty}"));
    assert!(wrong.body.contains("marker") && !wrong.body.contains("<b>marker"), "shown as text");
}

#[test]
fn the_archive_shows_each_digest_and_has_a_feed() {
    let mut service = Service::start();
    assert!(service.get("archive?lang=fr").body.contains(french().archive_empty));
    service.add("anne@example.org");
    let groups: Vec<(ReaderGroup, Option<usize>)> =
        service.ledger.reader_groups().unwrap().into_iter().map(|group| (group, Some(0))).collect();
    let digest = Digest {
        occasion: Occasion::Manual("première".to_owned()),
        cut_at: "2026-11-23T23:30:00Z".parse().unwrap(),
        articles: Vec::<ArticleId>::new(),
        editions: vec![Edition {
            language: Language::parse("fr").unwrap(),
            articles: Vec::new(),
            subject: "Un <titre> & un autre".to_owned(),
            html: "<!DOCTYPE html><title>x</title><p style=\"color:red\">Le corps".to_owned(),
            text: "Le corps \u{b}en texte".to_owned(),
            mold: b"x".to_vec(),
        }],
    };
    service.ledger.cut(&digest, &groups).unwrap();
    let list = service.get("archive?lang=fr").body;
    assert!(list.contains("Un &lt;titre&gt;") || list.contains("Un &#60;titre&#62;"), "{list}");
    assert!(list.contains("24\u{a0}novembre 2026"), "days are the site's: {list}");
    let page = service.get("archive/1");
    assert!(page.body.contains("Le corps"));
    assert!(page.field("content-security-policy").unwrap().contains("form-action 'none'"));
    let feed = service.get("archive.xml");
    assert_eq!(feed.field("content-type"), Some("application/atom+xml; charset=utf-8"));
    let parsed = feed_rs::parser::parse(feed.body.as_bytes()).unwrap();
    assert_eq!(parsed.entries.len(), 1);
    assert_eq!(parsed.entries[0].title.as_ref().unwrap().content, "Un <titre> & un autre");
    assert_eq!(parsed.entries[0].links[0].href, "https://lettre.example.org/archive/1");
    let known = format!("If-None-Match: {}\r\n", feed.field("etag").unwrap());
    assert_eq!(service.ask("GET", "archive.xml", &known).status, 304);
    assert!(service.get("sitemap.xml").body.contains("<loc>https://lettre.example.org/archive/1</loc>"));
    assert_eq!(service.get("archive/2").status, 404);
    assert_eq!(service.get("archive/x").status, 404);
}

#[test]
fn health_says_whether_the_ledger_answers() {
    let service = Service::start();
    let reply = service.get("healthz");
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok\n"));
}

#[test]
fn stopping_finishes_the_letters_that_were_asked_for() {
    let mut service = Service::start();
    for n in 0..50 {
        assert_eq!(service.post("subscribe", &format!("email=u{n}%40example.org")).status, 200);
    }
    drop(service.stop.take());
    service.running.take().unwrap().join().unwrap();
    assert_eq!(service.count(), 50);
    assert!(TcpStream::connect(service.address).is_err(), "nobody listens any more");
}

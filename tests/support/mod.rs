//! What the tests of delivery stand on: a ledger with readers and a cut digest, and a mail server.
#![allow(dead_code, reason = "each test program uses its own part")]

#[macro_use]
pub mod engine;
pub mod postgres;
pub mod server;
pub mod tls;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parution::domain::{
    ArticleId, Consent, Digest, DigestId, Edition, EmailAddress, Frequency, Guid, KnownArticle, Language,
    Occasion, Standing,
};
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{Cut, Ledger, NewSubscriber, Opening, Worker};
use parution::mail::mailer::Mailer;
use parution::run::deliver::{Job, Report, Settings, deliver};

pub fn now() -> DateTime<Utc> {
    "2026-11-20T07:00:00Z".parse().unwrap()
}

pub fn opening() -> Opening {
    Opening { now: now(), random: [7; 32], machine: "here".into(), adopt: false }
}

pub fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// Opens the ledger in a folder, or makes it.
pub fn ledger(folder: &Path) -> SqliteLedger {
    SqliteLedger::open(&folder.join("ledger.db"), &opening()).unwrap()
}

/// Everyone at these addresses is confirmed.
pub fn subscribe<'a>(ledger: &mut dyn Ledger, addresses: impl IntoIterator<Item = &'a str>) {
    for address in addresses {
        let new = NewSubscriber {
            email: email(address),
            name: String::new(),
            language: None,
            topics: Vec::new(),
            frequency: Frequency::Every,
            standing: Standing::Confirmed,
            consent: Consent::default(),
        };
        ledger.add_subscriber(&new, now()).unwrap();
    }
}

/// Cuts a digest about one article for everyone there is.
pub fn cut(ledger: &mut dyn Ledger, name: &str) -> DigestId {
    let id = ArticleId(format!("/{name}/"));
    let article = KnownArticle {
        guid: Guid(format!("https://www.example.org{id}")),
        id: id.clone(),
        source: format!("_posts/{name}.md").into(),
        collection: "posts".into(),
        published: None,
        title: name.into(),
        fingerprint: 0,
        announced: None,
        gone: false,
    };
    ledger.remember(&[article]).unwrap();
    let edition = Edition {
        language: Language::parse("fr").unwrap(),
        articles: vec![id.clone()],
        subject: "Objet".into(),
        html: String::new(),
        text: String::new(),
        mold: MOLD.to_vec(),
    };
    let digest =
        Digest { occasion: Occasion::Scheduled, cut_at: now(), articles: vec![id], editions: vec![edition] };
    let everyone: Vec<_> = ledger.reader_groups().unwrap().into_iter().map(|g| (g, Some(0))).collect();
    match ledger.cut(&digest, &everyone).unwrap() {
        Cut::Made { digest, .. } => digest,
        other => panic!("{other:?}"),
    }
}

/// A small letter with its slots: 1 the address, 2 the Message-ID, 3 the reader's token. Some lines
/// begin with a dot, as lines may.
pub const MOLD: &[u8] = b"From: lettre@example.org\r\nTo: \x01\r\nSubject: Objet\r\n\
Message-ID: <\x02>\r\nDate: Fri, 20 Nov 2026 08:00:00 +0100\r\nMIME-Version: 1.0\r\n\
List-Unsubscribe: <https://www.example.org/leave/\x03>\r\n\r\n\
Bonjour,\r\n.\r\n..deux points\r\nAu revoir.\r\n";

/// Settings for tests: no wait that a person would notice.
pub fn settings() -> Settings {
    let mut settings = Settings { connections: 4, max_time: Duration::ZERO, ..Settings::default() };
    settings.after_trouble = Duration::from_millis(10);
    settings
}

/// One run over a ledger, at `now()`.
pub fn run(ledger: &mut dyn Ledger, mailer: &Mailer, settings: &Settings) -> Report {
    run_at(ledger, mailer, settings, now())
}

pub fn run_at(ledger: &mut dyn Ledger, mailer: &Mailer, settings: &Settings, now: DateTime<Utc>) -> Report {
    let worker = Worker::here();
    let job = Job {
        mailer,
        destination: "through a test",
        signer: None,
        sender: sender(),
        return_path: Some(&email("retours@example.org")),
        plain_return: false,
        settings,
        worker: worker.name(),
        clock: &|| now,
        stop: &AtomicBool::new(false),
    };
    deliver(ledger, &job, &mut |_| {}).unwrap()
}

/// The address that the letters of these tests are from.
pub fn sender() -> &'static EmailAddress {
    static SENDER: std::sync::LazyLock<EmailAddress> =
        std::sync::LazyLock::new(|| EmailAddress::parse("lettre@example.org").unwrap());
    &SENDER
}

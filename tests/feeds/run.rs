//! The whole command, from articles to the published folder.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use super::*;
use parution::domain::Problem;
use parution::ledger::Opening;
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{Feeds as _, Ledger};
use parution::render::documents::read;
use parution::render::feed::Format;
use parution::render::host::Host;
use parution::run::feeds::{Order, Report, discovery, feeds, problems};

/// A site, its published folder, and what `parution feeds` is told.
struct Newsroom {
    folder: tempfile::TempDir,
    site: Site,
    settings: Settings,
    hosts: Vec<Host>,
    force: bool,
    now: DateTime<Utc>,
    ledger: Option<SqliteLedger>,
}

impl Newsroom {
    fn open() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            site: site(),
            settings: Settings { tags: Some(Settings::in_folder("tags")), ..Settings::default() },
            hosts: Vec::new(),
            force: false,
            now: noon(),
            ledger: None,
        }
    }

    fn with_ledger(mut self) -> Self {
        let opening = Opening { now: self.now, random: [7; 32], machine: String::new(), adopt: false };
        self.ledger = Some(SqliteLedger::open(&self.folder.path().join("ledger.db"), &opening).unwrap());
        self
    }

    fn order<'a>(&'a self, public: &'a Path, redirects: &'a [(String, String)]) -> Order<'a> {
        Order {
            site: &self.site,
            settings: &self.settings,
            folder: public,
            opml: Some("feeds.opml"),
            hosts: &self.hosts,
            redirects,
            force: self.force,
            now: self.now,
        }
    }

    fn public(&self) -> std::path::PathBuf {
        self.folder.path().join("public")
    }

    fn publish(&mut self, all: &[Written]) -> Report {
        let mut ledger = self.ledger.take();
        let redirects = [("feed.evennements.xml".to_owned(), "feed.actualites.xml".to_owned())];
        let public = self.public();
        let order = self.order(&public, &redirects);
        let articles: Vec<Article> = all.iter().map(|one| one.article.clone()).collect();
        let content = contents(all);
        let known = ledger.as_mut().map(|ledger| ledger as &mut dyn Ledger);
        let report = feeds(&order, &articles, &content, known).unwrap();
        self.ledger = ledger;
        report
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut out = Vec::new();
        let mut folders = vec![self.public()];
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(folder).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.public()).unwrap().to_str().unwrap().to_owned();
                    out.push((name, std::fs::read(path).unwrap()));
                }
            }
        }
        out.sort();
        out
    }
}

fn contents(all: &[Written]) -> impl Fn(&Article) -> Result<(Content, Vec<Problem>), Problem> + Sync + '_ {
    |article| {
        let one = all.iter().find(|one| one.article.source == article.source).unwrap();
        Ok((one.content.clone(), Vec::new()))
    }
}

#[test]
fn a_second_run_touches_nothing() {
    let mut newsroom = Newsroom::open();
    let first = newsroom.publish(&hard_cases());
    assert!(first.objections.is_empty(), "{:?}", first.objections);
    assert_eq!((first.entries, first.unchanged), (7, 0));
    assert!(first.written.len() > 15);
    let before = newsroom.files();
    newsroom.now += chrono::Duration::days(30);
    let second = newsroom.publish(&hard_cases());
    assert_eq!((second.written.len(), second.unchanged), (0, first.written.len()));
    assert_eq!(newsroom.files(), before);
}

#[test]
fn a_ledger_changes_no_octet_of_the_first_build() {
    let (mut without, mut with) = (Newsroom::open(), Newsroom::open().with_ledger());
    without.publish(&hard_cases());
    with.publish(&hard_cases());
    assert_eq!(without.files(), with.files());
    with.publish(&hard_cases());
    assert_eq!(without.files(), with.files());
}

#[test]
fn what_readers_may_not_see_is_nowhere() {
    let mut all = hard_cases();
    let hidden = |name: &str, change: &dyn Fn(&mut Article)| {
        let mut one =
            written(name, &format!("SECRET {name}"), "2026-06-01T09:00:00+02:00").tagged(&["SECRET"]);
        change(&mut one.article);
        one
    };
    all.extend([
        hidden("unpublished", &|article| article.status = Status::Unpublished),
        hidden("draft", &|article| article.status = Status::Draft),
        hidden("future", &|article| {
            article.published = Some(DateTime::parse_from_rfc3339("2026-07-02T14:00:01+02:00").unwrap());
        }),
        hidden("undated", &|article| article.published = None),
        hidden("kept-out", &|article| article.in_feeds = false),
    ]);
    let mut newsroom = Newsroom::open();
    let report = newsroom.publish(&all);
    assert_eq!(report.entries, 7);
    for (name, octets) in newsroom.files() {
        let text = String::from_utf8(octets).unwrap();
        assert!(!text.contains("SECRET") && !name.contains("secret"), "{name}");
    }
}

#[test]
fn a_withdrawn_article_leaves_every_file() {
    let mut newsroom = Newsroom::open();
    newsroom.settings.limit = 3;
    newsroom.settings.archive_entries = 3;
    newsroom.publish(&hard_cases());
    assert!(newsroom.files().iter().any(|(name, _)| name == "feeds/tags/democratie.xml"));
    let mut fewer = hard_cases();
    fewer.remove(1);
    let report = newsroom.publish(&fewer);
    assert!(report.objections.is_empty(), "{:?}", report.objections);
    for (name, octets) in newsroom.files() {
        assert!(!String::from_utf8(octets).unwrap().contains("crochet"), "{name}");
    }
    assert!(!newsroom.files().iter().any(|(name, _)| name.starts_with("feeds/tags/democratie")));
}

#[test]
fn articles_taken_back_are_no_tree_that_got_lost() {
    let mut newsroom = Newsroom::open();
    let mut all = hard_cases();
    newsroom.publish(&all);
    for one in &mut all[1..] {
        one.article.status = Status::Unpublished;
    }
    let report = newsroom.publish(&all);
    assert!(report.objections.is_empty(), "{:?}", report.objections);
    assert_eq!(report.entries, 1);
    assert!(!newsroom.publish(&[]).objections.is_empty(), "the folder is empty");
}

#[test]
fn an_article_of_long_ago_is_in_the_feeds() {
    let mut newsroom = Newsroom::open();
    newsroom.publish(&[written("exposition", "L’exposition", "1900-04-14T10:00:00+01:00")]);
    let files = newsroom.files();
    for (name, format) in [("feed.xml", Format::Rss), ("atom.xml", Format::Atom), ("feed.json", Format::Json)]
    {
        assert_eq!(read(file(&files, name), format).unwrap()[0].title, "L’exposition");
    }
}

#[test]
fn an_old_article_whose_flag_flips_today_reaches_every_subscriber() {
    let mut newsroom = Newsroom::open().with_ledger();
    newsroom.settings.limit = 3;
    newsroom.settings.archive_entries = 2;
    let mut all = hard_cases();
    all.push(written("de-2015", "Une nouvelle de 2015", "2015-04-24T11:07:00+02:00"));
    all[7].article.status = Status::Unpublished;
    newsroom.publish(&all);
    all[7].article.status = Status::Published;
    newsroom.now += chrono::Duration::days(1);
    newsroom.publish(&all);
    let files = newsroom.files();
    for (name, format) in [("feed.xml", Format::Rss), ("atom.xml", Format::Atom), ("feed.json", Format::Json)]
    {
        let seen = read(file(&files, name), format).unwrap();
        let titles: Vec<&str> = seen.iter().map(|entry| entry.title.as_str()).collect();
        assert_eq!(titles.len(), 3);
        assert_eq!(titles[2], "Une nouvelle de 2015", "last, because it keeps its own date: {titles:?}");
        assert!(seen[2].html.contains("Le chapeau de de-2015."));
    }
    let atom = feed_rs::parser::parse(file(&files, "atom.xml")).unwrap();
    assert_eq!(atom.updated.unwrap(), newsroom.now);

    newsroom.now += chrono::Duration::days(1);
    assert_eq!(newsroom.publish(&all).written, [] as [&str; 0]);
}

#[test]
fn a_refused_rebuild_changes_nothing_until_it_is_forced() {
    let mut newsroom = Newsroom::open().with_ledger();
    newsroom.publish(&hard_cases());
    let before = newsroom.files();
    let mut renamed = hard_cases();
    renamed[3] = renamed[3].clone().guid("urn:example:another");
    let report = newsroom.publish(&renamed);
    assert!(report.written.is_empty());
    assert!(report.objections[0].to_string().contains("urn:example:another"), "{:?}", report.objections);
    assert_eq!(newsroom.files(), before);

    newsroom.force = true;
    assert!(newsroom.publish(&renamed).objections.is_empty());
    assert_ne!(newsroom.files(), before);
}

#[test]
fn two_articles_with_one_id_are_one_entry_and_a_problem() {
    let mut all = hard_cases();
    let guid = all[0].article.guid.0.clone();
    all[5] = all[5].clone().guid(&guid);
    let report = Newsroom::open().publish(&all);
    assert_eq!(report.entries, 6);
    assert!(report.problems.iter().any(|problem| problem.path.ends_with("notes.md")));
}

#[test]
fn servers_get_their_lines_and_keep_their_own() {
    let mut newsroom = Newsroom::open();
    newsroom.hosts = vec![Host::Nginx, Host::Apache, Host::Netlify];
    let public = newsroom.public();
    std::fs::create_dir_all(&public).unwrap();
    std::fs::write(public.join(".htaccess"), "Options -Indexes").unwrap();
    newsroom.publish(&hard_cases());
    let read = |name: &str| std::fs::read_to_string(public.join(name)).unwrap();
    let htaccess = read(".htaccess");
    assert!(htaccess.starts_with("Options -Indexes\n# begin feeds"));
    assert!(htaccess.contains("Redirect 301 \"/feed.evennements.xml\" \"/feed.actualites.xml\""));
    assert!(read("_headers").contains("/feed.json\n  Content-Type: application/feed+json"));
    assert!(read("_redirects").contains("/feed.evennements.xml /feed.actualites.xml 301"));
    assert!(read("feeds.nginx.conf").contains("location = \"/feed.xml\""));
    assert_eq!(newsroom.publish(&hard_cases()).written, [] as [&str; 0]);
    assert_eq!(read(".htaccess"), htaccess);
}

#[test]
fn what_editors_should_know_of_their_feeds_is_said_without_writing() {
    let mut newsroom = Newsroom::open();
    newsroom.settings.budget = 20_000;
    let mut all = hard_cases();
    all[1] = all[1].clone().body(&format!("<p>{}</p>", "Un long texte. ".repeat(2_000)));
    all[5].article.published = Some(DateTime::parse_from_rfc3339("1970-01-01T00:00:00Z").unwrap());
    let articles: Vec<Article> = all.iter().map(|one| one.article.clone()).collect();
    let public = newsroom.public();
    let told = problems(&newsroom.order(&public, &[]), &articles, &contents(&all)).unwrap();
    let lines: Vec<String> = told.iter().map(ToString::to_string).collect();
    for (file, what) in [
        ("parution.yml", "the feeds have no icon"),
        ("_actualites/notes.md", "it is dated 1970"),
        ("feed.xml", "1 of its 7 newest entries carry their chapeau only"),
    ] {
        assert!(lines.iter().any(|line| line.starts_with(file) && line.contains(what)), "{what}: {lines:?}");
    }
    assert!(!public.exists());
}

#[test]
fn discovery_tags_name_what_is_published() {
    let newsroom = Newsroom::open();
    let all = hard_cases();
    let articles: Vec<Article> = all.iter().map(|one| one.article.clone()).collect();
    let public = newsroom.public();
    let tags = discovery(&newsroom.order(&public, &[]), &articles).unwrap();
    assert!(
        tags.starts_with("<link rel=\"alternate\" type=\"application/rss+xml\" title=\"Le Journal (RSS)\"")
    );
    assert!(!public.exists(), "asking for tags writes nothing");
}

/// A hub on loopback that gives each caller the next answer, and what callers asked.
fn hub(answers: &'static [&'static str]) -> (Url, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/hub?x=1", listener.local_addr().unwrap())).unwrap();
    let hub = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 65_536];
            let mut length = 0;
            loop {
                length += stream.read(&mut request[length..]).unwrap();
                let text = String::from_utf8_lossy(&request[..length]);
                if text.split_once("\r\n\r\n").is_some_and(|(_, form)| form.contains("hub.topic=")) {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).unwrap();
            asked.push(String::from_utf8_lossy(&request[..length]).into_owned());
        }
        asked
    });
    (url, hub)
}

const ACCEPTED: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn a_hub_hears_of_each_changed_feed_and_only_of_those() {
    let (url, hub) = hub(&[ACCEPTED; 6]);
    let mut newsroom = Newsroom::open().with_ledger();
    newsroom.settings.tags = None;
    newsroom.settings.hubs = vec![url];
    let report = newsroom.publish(&hard_cases());
    assert_eq!((report.pings, report.unheard.len()), (6, 0));
    let asked = hub.join().unwrap();
    assert!(asked[0].starts_with("POST /hub?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
    let topics: BTreeSet<&str> =
        asked.iter().map(|request| request.rsplit_once("hub.topic=").unwrap().1).collect();
    assert_eq!(topics.len(), 6);
    assert!(topics.contains("https%3A%2F%2Fwww.example.org%2Ffeed.actualites.xml"));

    // Nobody listens any more, and nobody is called.
    let report = newsroom.publish(&hard_cases());
    assert_eq!((report.pings, report.unheard.len()), (0, 0));
}

#[test]
fn a_hub_that_refuses_is_asked_again_by_the_next_run() {
    let (url, refusing) = hub(&["HTTP/1.1 503 Later\r\n\r\n"]);
    let mut newsroom = Newsroom::open().with_ledger();
    newsroom.settings.tags = None;
    newsroom.settings.hubs = vec![url.clone()];
    let report = newsroom.publish(&hard_cases());
    refusing.join().unwrap();
    assert_eq!((report.pings, report.written.is_empty()), (0, false));
    assert!(report.unheard[0].contains("503 Later"), "{:?}", report.unheard);
    assert_eq!(newsroom.ledger.as_mut().unwrap().owed_pings().unwrap().len(), 6);

    // Down altogether: the run is none the worse.
    let report = newsroom.publish(&hard_cases());
    assert!(
        report.written.is_empty() && report.unheard[0].contains("cannot be reached"),
        "{:?}",
        report.unheard
    );
}

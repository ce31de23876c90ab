//! `parution.yml`, `_config.yml` and the environment, checked once and handed down in small pieces.
//!
//! One YAML language for editors: unknown keys are errors with their line, a wrong value names its
//! key and what would be right. Nothing is written before everything has been checked, and a secret
//! is never printed. Each section of the file has a file here, which turns what was written into
//! the settings of one room.
//!
//! What parution reads (the introduction, templates, the password's file) is looked for beside
//! `parution.yml`; what it writes goes below the folder in which it is started.

mod digest;
mod dkim;
mod feeds;
mod ledger;
mod list;
mod paths;
mod place;
mod reading;
mod schedule;
mod selection;
mod serve;
mod smtp;

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use crate::domain::Schedule;
use crate::ledger::Location;
use crate::read::folder;
use crate::select::FirstRun;
use crate::yaml;

pub use digest::DigestConfig;
pub use dkim::DkimConfig;
pub use feeds::FeedsConfig;
pub use list::{List, ListFile};
pub use paths::Paths;
pub use place::Place;
pub use serve::{ServeConfig, listen_address};
pub use smtp::SmtpConfig;

/// The largest settings file, octets. A larger one is a mistake or an attack.
const LARGEST: u64 = 256 * 1024;

/// Everything the commands are told, checked.
#[derive(Debug)]
pub struct Config {
    pub place: Place,
    pub paths: Paths,
    pub reading: folder::Settings,
    pub first_run: FirstRun,
    pub digest: DigestConfig,
    pub list: List,
    pub feeds: FeedsConfig,
    pub smtp: SmtpConfig,
    /// `None` where signing is left to the mail server.
    pub dkim: Option<DkimConfig>,
    /// When `run` cuts a digest by itself.
    pub schedule: Schedule,
    pub serve: ServeConfig,
    pub ledger: Location,
}

/// `parution.yml` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wire {
    site: reading::SiteWire,
    fields: reading::FieldsWire,
    first_run: Option<String>,
    digest: digest::Wire,
    feeds: feeds::Wire,
    theme: digest::ThemeWire,
    list: list::Wire,
    ledger: Option<String>,
    smtp: smtp::Wire,
    dkim: dkim::Wire,
    schedule: schedule::Wire,
    serve: serve::Wire,
    public: Option<String>,
    outbox: Option<String>,
    cache: Option<String>,
}

/// Why the settings cannot be used: exit code 2.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("{}{}: {refusal}", file.display(), at(*line))]
    Setting { file: PathBuf, line: Option<u32>, refusal: Refusal },
    #[error("{}{}: {what} — see the settings in the README", file.display(), at(*line))]
    Form { file: PathBuf, line: Option<u32>, what: String },
    #[error("{0}")]
    Place(String),
}

fn at(line: Option<u32>) -> String {
    line.map(|l| format!(":{l}")).unwrap_or_default()
}

/// A value that is well written and cannot be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key}: {what} — {remedy}")]
pub struct Refusal {
    /// The key, with its section: `smtp.url`.
    pub key: String,
    pub what: String,
    pub remedy: String,
}

impl Refusal {
    pub(crate) fn of(key: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { key: key.to_owned(), what: what.into(), remedy: remedy.into() }
    }
}

/// The variables of the environment, as a function so that tests need none.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// The first fault, with file, line where it is known, and remedy.
    pub fn load(place: Place, environment: Environment) -> Result<Self, ConfigError> {
        let (wire, text) = match &place.settings {
            Some(file) => read(file)?,
            None => Default::default(),
        };
        let file = place.settings.clone().unwrap_or_else(|| place.site.clone());
        Self::check(place, wire, environment).map_err(|refusal| {
            let refusal = Refusal { what: without_log_in(refusal.what), ..refusal };
            ConfigError::Setting { file, line: yaml::line_of(&text, &refusal.key), refusal }
        })
    }

    fn check(place: Place, wire: Wire, environment: Environment) -> Result<Self, Refusal> {
        let paths =
            Paths::check(&place, wire.public.as_deref(), wire.outbox.as_deref(), wire.cache.as_deref())?;
        let reading = reading::check(wire.site, wire.fields)?;
        let first_run = selection::first_run(wire.first_run.as_deref())?;
        let digest = digest::check(wire.digest, wire.theme, &place)?;
        let serve = ServeConfig::check(wire.serve, &paths.public)?;
        let list = List::check(wire.list, &place)?.with_service(serve.clone())?;
        let smtp = smtp::check(wire.smtp, &place, environment)?;
        let dkim = dkim::check(wire.dkim, &place)?;
        let schedule = schedule::check(&wire.schedule)?;
        let ledger = ledger::check(wire.ledger.as_deref(), &place, environment)?;
        paths.keep_private(&ledger, smtp.relays.is_empty())?;
        Ok(Self {
            place,
            paths,
            reading,
            first_run,
            digest,
            list,
            feeds: feeds::check(wire.feeds)?,
            serve,
            smtp,
            dkim,
            schedule,
            ledger,
        })
    }
}

/// A key with one value, or with a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

/// An absolute URL of the web.
fn web_url(key: &str, text: &str) -> Result<Url, Refusal> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(
        || {
            let what = format!("`{}` is no web address", text.escape_debug());
            Refusal::of(key, what, "write it whole, such as https://www.example.org/")
        },
    )
}

/// A fault without the log-in of an address in it: a password may stand in a wrong place.
fn without_log_in(mut what: String) -> String {
    if let Some(from) = what.find("://").map(|at| at + 3)
        && let Some(to) = what.rfind('@').filter(|to| *to > from)
    {
        what.replace_range(from..to, "…");
    }
    what
}

/// The settings, and the text they are written in.
fn read(file: &Path) -> Result<(Wire, String), ConfigError> {
    let form = |line, what| ConfigError::Form { file: file.to_owned(), line, what: without_log_in(what) };
    let mut octets = Vec::new();
    // A device or a pipe has no length: the reader is cut off instead.
    std::fs::File::open(file)
        .and_then(|open| open.take(LARGEST + 1).read_to_end(&mut octets))
        .map_err(|error| form(None, error.to_string()))?;
    if octets.len() as u64 > LARGEST {
        return Err(form(None, format!("it is over {} KiB", LARGEST / 1024)));
    }
    let text = String::from_utf8(octets).map_err(|_| form(None, "it is not UTF-8 text".to_owned()))?;
    if text.trim().is_empty() {
        return Err(form(None, "it is empty; delete it to keep all defaults".to_owned()));
    }
    let only_comments = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if only_comments {
        return Ok((Wire::default(), text));
    }
    let wire = yaml::settings(&text).map_err(|error| form(error.line, error.what))?;
    Ok((wire, text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::select::Policy;

    fn load(settings: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("_config.yml"), "title: T\n").unwrap();
        fs::write(folder.path().join("parution.yml"), settings).unwrap();
        Config::load(Place::find(folder.path(), None, None).unwrap(), &|_| None)
    }

    #[test]
    fn a_misspelt_key_is_an_error_with_its_line() {
        let fault = load("list:\n  name: Lettre\n  form: a@example.org\n").unwrap_err().to_string();
        assert!(fault.contains("parution.yml:3: ") && fault.contains("form"), "{fault}");
    }

    #[test]
    fn a_wrong_value_names_its_key_and_a_remedy() {
        for (settings, key) in [
            ("site:\n  timezone: Mars/Olympus\n", "site.timezone"),
            ("site:\n  url: javascript:alert(1)\n", "site.url"),
            ("site:\n  url: example.org\n", "site.url"),
            ("list:\n  from: a@example.org, b@example.org\n", "list.from"),
            ("digest:\n  max_items: 0\n", "digest.max_items"),
            ("theme:\n  light:\n    ink: \"#fefefe\"\n", "theme.light.ink"),
            ("fields:\n  chapo: x\n", "fields.chapo"),
            ("list:\n  file: list.csv\n", "list.consent"),
            ("list:\n  mailing_list: l@example.org\n", "list.unsubscribe_url"),
            (
                "list:\n  mailing_list: l@example.org\n  unsubscribe_url: https://example.org/{token}\n",
                "list.unsubscribe_url",
            ),
            (
                "list:\n  mailing_list: l@example.org\n  unsubscribe_mail: l-leave@example.org\n  \
                 file: a.csv\n  consent: x\n",
                "list.file",
            ),
            (
                "list:\n  mailing_list: l@example.org\n  unsubscribe_mail: l-leave@example.org\n\
                 serve:\n  url: https://example.org/\n",
                "serve.url",
            ),
            ("public: /\n", "public"),
            ("feeds:\n  all: { rss: ../feed.xml }\n", "feeds.all"),
            ("feeds:\n  tags: { rss: tags.xml }\n", "feeds.tags"),
            ("feeds:\n  limit: 0\n", "feeds.limit"),
            ("feeds:\n  hubs: hub.example.org\n", "feeds.hubs"),
            ("feeds:\n  icon: javascript:alert(1)\n", "feeds.icon"),
            ("feeds:\n  formats: []\n", "feeds.formats"),
            ("feeds:\n  redirects:\n    \"old feed.xml\": feed.xml\n", "feeds.redirects"),
        ] {
            let fault = load(settings).unwrap_err().to_string();
            assert!(fault.contains(key) && fault.contains(" — "), "{settings}: {fault}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        for (settings, line, value) in [
            ("site:\n  title: T\n  timezone: Mars/Olympus\n", 3, "Mars/Olympus"),
            ("smtp:\n  url: smtp://localhost\n\n  tls: starttsl\n", 4, "starttsl"),
            ("# url:\nlist: { from: nobody }\nsite:\n  # url:\n  \"url\": x\n", 5, "`x`"),
            ("list:\n  name: L\n  id: { }\n", 3, "list.id"),
            ("smtp:\n  relays:\n    - url: smtp://localhost\n    - { url: x }\n", 2, "relays[2]"),
            ("digest:\n  max_items: -1\n", 2, "a whole number, 0 or more"),
            ("public: /\n", 1, "`/`"),
        ] {
            let fault = load(settings).unwrap_err().to_string();
            let at = format!("parution.yml:{line}: ");
            assert!(fault.contains(&at) && fault.contains(value), "{settings}: {fault}");
        }
    }

    #[test]
    fn a_password_in_a_wrong_place_is_not_repeated() {
        for settings in [
            "smtp:\n  url: smtps://user:geheim@mail.example.org\n",
            "smtp: smtps://user:geheim@mail.example.org\n",
            "smtp:\n  relays: ['smtps://user:ge@heim@mail.example.org']\n",
            "smtp:\n  connections: smtps://user:geheim@mail.example.org\n",
            "smtp:\n  password: geheim\n",
            "ledger: postgres://user:geheim@localhost/db\n",
            "feeds:\n  hubs: ftp://user:geheim@hub.example.org/\n",
            "serve:\n  url: https://user:geheim@example.org/?a=b\n",
        ] {
            let fault = load(settings).unwrap_err().to_string();
            assert!(fault.contains("parution.yml:") && !fault.contains("heim"), "{settings}: {fault}");
        }
    }

    #[test]
    fn what_names_readers_is_not_written_where_everyone_reads() {
        for (settings, key) in [
            ("ledger: public/ledger.db\n", "ledger"),
            ("public: .\nsmtp: { url: smtp://localhost }\n", "ledger"),
            ("public: .\n", "outbox"),
            ("outbox: public/outbox\n", "outbox"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let site = folder.path().join("content");
            fs::create_dir_all(&site).unwrap();
            fs::create_dir(folder.path().join("public")).unwrap();
            fs::write(site.join("parution.yml"), settings).unwrap();
            let fault = Config::load(Place::find(folder.path(), None, None).unwrap(), &|_| None).unwrap_err();
            assert!(fault.to_string().contains(&format!(": {key}: `")), "{settings}: {fault}");
        }
    }

    #[test]
    fn feeds_are_named_as_the_site_wants() {
        let settings = "feeds:\n  formats: [rss, json]\n  tags: true\n  authors: { rss: 'by/{}.xml' }\n  \
                        names:\n    evenements: { rss: feed.evennements.xml }\n  hubs: https://hub.example.org/\n  \
                        archives: everywhere\n  text: summary\n  servers: [nginx]\n  opml: false\n";
        let feeds = load(settings).unwrap().feeds;
        let tags = feeds.settings.tags.unwrap();
        assert_eq!((tags.rss.as_deref(), tags.atom), (Some("feeds/tags/{}.xml"), None));
        assert_eq!(feeds.settings.all.atom, None);
        assert_eq!(feeds.settings.authors.unwrap().rss.as_deref(), Some("by/{}.xml"));
        assert_eq!(feeds.settings.named["evenements"].rss.as_deref(), Some("feed.evennements.xml"));
        assert_eq!((feeds.settings.hubs.len(), feeds.hosts.len(), feeds.opml), (1, 1, None));
        assert!(feeds.settings.categories.is_none() && feeds.settings.collections.is_some());
    }

    #[test]
    fn the_reference_that_init_writes_is_true() {
        let reference = crate::run::init::REFERENCE;
        assert!(load(reference).is_ok(), "as written, it changes nothing");
        let used: String = reference
            .lines()
            .filter_map(|line| line.strip_prefix("#:"))
            .map(|line| format!("{line}\n"))
            .collect();
        // A list kept in a file is read by a run, not by the settings.
        let config = load(&used).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(config.digest.policy.max_items, Policy::default().max_items);
        assert_eq!(config.digest.theme, crate::render::digest::Theme::default());
        let apart = reference.lines().find_map(|line| line.strip_prefix("# list: ")).unwrap();
        let apart = apart.rsplit_once('}').unwrap().0;
        assert!(load(&format!("list: {apart}}}\n")).is_ok());
    }

    #[test]
    fn what_is_not_settings_at_all_is_refused() {
        assert!(load("").is_err());
        assert!(load("list: [unclosed\n").unwrap_err().to_string().contains("parution.yml:"));
        assert!(load(&format!("#{}\n", "x".repeat(300 * 1024))).is_err());
    }
}

//! Opens what a command needs (settings, site, ledger) and hands it to `run`.

mod delivery;
mod dkim;
mod letters;
mod mailboxes;
mod send;
mod serve;
mod subscribers;
mod watch;

use std::mem::ManuallyDrop;
use std::path::Path;
use std::thread;

use chrono::{DateTime, Utc};
use parution::cli::{self, Global};
use parution::config::{Config, Place};
use parution::domain::Site;
use parution::ledger::{self, Ledger, Opening};
use parution::read::folder::{Folder, Scan};
use parution::run::{Ending, Fault, check, feeds, init, job};

use crate::terminal::Terminal;

/// The real world, as far as commands are told of it.
pub struct House {
    config: Config,
    now: DateTime<Utc>,
    adopt: bool,
    verbose: bool,
}

impl House {
    /// Finds the site and checks the settings; opens nothing else yet.
    pub fn open(global: &Global, now: DateTime<Utc>) -> Result<Self, Fault> {
        let here = std::env::current_dir()?;
        let place = Place::find(&here, global.site.as_deref(), global.config.as_deref())?;
        let config = Config::load(place, &|name| std::env::var(name).ok())?;
        Ok(Self { config, now, adopt: global.adopt, verbose: global.verbose > 0 })
    }

    /// A path as a person would name it: from the folder parution was started in.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.config.place.here).unwrap_or(path).display().to_string()
    }

    fn folder(&self) -> Result<Folder, Fault> {
        Ok(Folder::open(&self.config.place.site, &self.config.reading)?)
    }

    fn scan(&self) -> Result<Scan, Fault> {
        Ok(self.folder()?.scan()?)
    }

    /// Opens the ledger while the articles are read: a new one waits for the disk several times.
    fn scan_and_ledger(&self, folder: Folder) -> Result<(Scan, Box<dyn Ledger>), Fault> {
        thread::scope(|scope| {
            let scan = scope.spawn(|| folder.scan());
            let ledger = self.ledger();
            Ok((scan.join().expect("reading never panics")?, ledger?))
        })
    }

    fn opening(&self) -> Result<Opening, Fault> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Fault(format!("no random numbers: {error}")))?;
        let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned();
        Ok(Opening { now: self.now, random, machine, adopt: self.adopt })
    }

    fn ledger(&self) -> Result<Box<dyn Ledger>, Fault> {
        Ok(ledger::open(&self.config.ledger, &self.opening()?)?)
    }

    fn feeds_order<'a>(&'a self, site: &'a Site, force: bool) -> feeds::Order<'a> {
        let feeds = &self.config.feeds;
        feeds::Order {
            site,
            settings: &feeds.settings,
            folder: &self.config.paths.public,
            opml: feeds.opml.as_deref(),
            hosts: &feeds.hosts,
            redirects: &feeds.redirects,
            force,
            now: self.now,
        }
    }

    /// `parution feeds`.
    pub fn feeds(&self, options: &cli::Feeds, out: &mut Terminal) -> Result<Ending, Fault> {
        let folder = self.folder()?;
        let site = folder.site().clone();
        let order = self.feeds_order(&site, options.force);
        if options.discovery {
            return job::discovery(&order, &folder.scan()?, out);
        }
        let (scan, mut ledger) = self.scan_and_ledger(folder)?;
        // Given back piece by piece, thousands of articles would take longer than anything that follows.
        let mut scan = ManuallyDrop::new(scan);
        job::feeds_only(&order, &mut scan, ledger.as_mut(), out)
    }

    /// `parution init`.
    pub fn init(&self, out: &mut Terminal) -> Result<Ending, Fault> {
        init::init(&self.config.place.site.join("parution.yml"), out)
    }

    /// `parution check`.
    pub fn check(&self, options: &cli::Check, out: &mut Terminal) -> Result<Ending, Fault> {
        let form = match (options.json, out.interactive) {
            (true, _) => check::Form::Json,
            (false, true) if std::env::var_os("NO_COLOR").is_none() => check::Form::Colour,
            (false, _) => check::Form::Lines,
        };
        let scan = self.scan()?;
        let seen_in_feeds = job::problems_of_feeds(&self.feeds_order(&scan.site, false), &scan)?;
        Ok(check::check(&scan, seen_in_feeds, form, out)?)
    }
}

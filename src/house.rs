//! Opens what a command needs (settings, site, ledger) and hands it to `run`.

use std::fs::{File, OpenOptions};
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chrono::{DateTime, Utc};
use parution::cli::{self, Global};
use parution::config::{Config, Place};
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{Filter, Ledger, Membership, Opening};
use parution::read::folder::{self, Scan};
use parution::read::roster::{Column, Encoding, Hints, standing_named};
use parution::run::subscribers::import::{self, Import};
use parution::run::{Ending, Fault, feeds, job, subscribers};

use crate::terminal::Terminal;

/// The real world, as far as commands are told of it.
pub struct House {
    config: Config,
    now: DateTime<Utc>,
    verbose: bool,
}

impl House {
    /// Finds the site and checks the settings; opens nothing else yet.
    pub fn open(global: &Global, now: DateTime<Utc>) -> Result<Self, Fault> {
        let here = std::env::current_dir()?;
        let place = Place::find(&here, global.site.as_deref(), global.config.as_deref())?;
        let config = Config::load(place, &|name| std::env::var(name).ok())?;
        Ok(Self { config, now, verbose: global.verbose > 0 })
    }

    fn scan(&self) -> Result<Scan, Fault> {
        Ok(folder::scan(&self.config.place.site, &self.config.reading)?)
    }

    fn ledger(&self) -> Result<Box<dyn Ledger>, Fault> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Fault(format!("no random numbers: {error}")))?;
        let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned();
        let opening = Opening { now: self.now, random, machine, adopt: false };
        Ok(Box::new(SqliteLedger::open(&self.config.ledger, &opening)?))
    }

    fn feeds_order<'a>(&'a self, scan: &'a Scan, force: bool) -> feeds::Order<'a> {
        let feeds = &self.config.feeds;
        feeds::Order {
            site: &scan.site,
            settings: &feeds.settings,
            folder: &self.config.paths.public,
            opml: feeds.opml.as_deref(),
            hosts: &feeds.hosts,
            redirects: &feeds.redirects,
            force,
            now: self.now,
        }
    }

    /// `parution run`.
    pub fn run(&self, options: &cli::Run, out: &mut Terminal) -> Result<Ending, Fault> {
        let scan = self.scan()?;
        let mut ledger = self.ledger()?;
        let job = job::Job {
            feeds: self.feeds_order(&scan, options.yes),
            policy: &self.config.digest.policy,
            first_run: self.config.first_run,
            yes: options.yes,
            verbose: self.verbose,
            now: self.now,
        };
        job::run(&job, &scan, ledger.as_mut(), out)
    }

    /// `parution feeds`.
    pub fn feeds(&self, options: &cli::Feeds, out: &mut Terminal) -> Result<Ending, Fault> {
        let scan = self.scan()?;
        let mut ledger = self.ledger()?;
        let order = self.feeds_order(&scan, options.force);
        job::feeds_only(&order, &self.config.digest.policy, &scan, ledger.as_mut(), out)
    }

    /// `parution subscribers …`.
    pub fn subscribers(&self, verb: &cli::Subscribers, out: &mut Terminal) -> Result<Ending, Fault> {
        use cli::Subscribers as Verb;
        let mut ledger = self.ledger()?;
        let ledger: &mut dyn Membership = ledger.as_mut();
        match verb {
            Verb::Import(options) => self.import(options, ledger, out),
            Verb::Add { address, name, consent } => {
                subscribers::add(ledger, address, name, consent, self.now, out)
            }
            Verb::Remove { address } => subscribers::remove(ledger, address, self.now, out),
            Verb::List { filter, json } => subscribers::list(ledger, &wanted(filter)?, *json, out),
            Verb::Export { file, filter } => export(ledger, file.as_deref(), &wanted(filter)?, out),
            Verb::Show { address, json } => subscribers::show(ledger, address, *json, out),
            Verb::Forget { address } => subscribers::forget(ledger, address, self.now, out),
            Verb::Suppress { address, lift } => subscribers::suppress(ledger, address, *lift, self.now, out),
            Verb::Stats { json } => subscribers::stats(ledger, *json, out),
        }
    }

    fn import(
        &self,
        options: &cli::ImportSubscribers,
        ledger: &mut dyn Membership,
        out: &mut Terminal,
    ) -> Result<Ending, Fault> {
        let encoding = match &options.encoding {
            Some(name) => {
                Some(Encoding::named(name).ok_or_else(|| Fault(format!("no encoding is called `{name}`")))?)
            }
            None => None,
        };
        let import = Import {
            name: options.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            hints: Hints {
                columns: options.columns.iter().map(|text| column(text)).collect::<Result<_, _>>()?,
                encoding,
                standing: options.standing.as_deref().and_then(standing_named),
            },
            consent: options.consent.clone(),
            dry_run: options.dry_run,
        };
        let mut bar = out.counter("rows");
        if options.file.as_os_str() == "-" {
            let mut octets = Vec::new();
            std::io::stdin().read_to_end(&mut octets)?;
            let list = Cursor::new(octets);
            return import::import(ledger, list, &import, self.now, &mut |rows| bar.at(rows), out);
        }
        let list = File::open(&options.file)
            .map_err(|error| Fault(format!("{}: {error}", options.file.display())))?;
        import::import(ledger, list, &import, self.now, &mut |rows| bar.at(rows), out)
    }
}

/// `MEANING=NAME`: which column of a list holds what.
fn column(text: &str) -> Result<(Column, String), Fault> {
    text.split_once('=')
        .and_then(|(meaning, name)| Some((Column::named(meaning)?, name.to_owned())))
        .ok_or_else(|| Fault(format!("`{text}` is not understood: write email=\"Name of the column\"")))
}

fn wanted(filter: &cli::SubscriberFilter) -> Result<Filter, Fault> {
    Ok(Filter {
        standing: filter.standing.as_deref().and_then(standing_named),
        topic: filter.topic.clone(),
        part: filter.matching.clone(),
        since: filter.since,
        until: filter.until,
    })
}

fn export(
    ledger: &mut dyn Membership,
    file: Option<&Path>,
    filter: &Filter,
    out: &mut Terminal,
) -> Result<Ending, Fault> {
    let Some(path) = file else {
        subscribers::export::as_csv(ledger, filter, out)?;
        return Ok(Ending::Done);
    };
    let fault = |error: std::io::Error| Fault(format!("{}: {error}", path.display()));
    // People's addresses: nobody else may read the file.
    let mut list =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(fault)?;
    let people = if path.extension().is_some_and(|e| e == "json") {
        subscribers::export::as_json(ledger, filter, &mut list)?
    } else {
        subscribers::export::as_csv(ledger, filter, &mut list)?
    };
    list.sync_all().map_err(fault)?;
    writeln!(out, "{people} people written to {}", path.display())?;
    Ok(Ending::Done)
}

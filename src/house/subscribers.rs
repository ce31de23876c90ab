//! `parution subscribers …`: from options to one verb of `run::subscribers`.

use std::fs::{File, OpenOptions};
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use parution::cli;
use parution::ledger::{Filter, Membership};
use parution::read::roster::{Column, Encoding, Hints, standing_named};
use parution::run::subscribers::import::{self, Import};
use parution::run::{Ending, Fault, subscribers};

use super::House;
use crate::terminal::Terminal;

impl House {
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
            Verb::List { filter, json } => subscribers::list(ledger, &wanted(filter), *json, out),
            Verb::Export { file, filter } => export(ledger, file.as_deref(), &wanted(filter), out),
            Verb::Show { address, json } => subscribers::show(ledger, address, *json, out),
            Verb::Forget { address } => subscribers::forget(ledger, address, self.now, out),
            Verb::Suppress { address, lift } => subscribers::suppress(ledger, address, *lift, self.now, out),
            Verb::Stats { json } => subscribers::stats(ledger, *json, out),
        }
    }

    /// Opens the list that is kept in a file beside the settings, if there is one.
    pub(super) fn open_list(&self) -> Result<Option<File>, Fault> {
        let Some(list) = &self.config.list.file else { return Ok(None) };
        let fault = |error| Fault(format!("list.file: {}: {error}", list.path.display()));
        File::open(&list.path).map(Some).map_err(fault)
    }

    /// Takes in that list.
    pub(super) fn take_in_the_list(
        &self,
        file: Option<File>,
        ledger: &mut dyn Membership,
        out: &mut Terminal,
    ) -> Result<(), Fault> {
        let (Some(list), Some(file)) = (&self.config.list.file, file) else { return Ok(()) };
        let import = Import {
            name: list.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            consent: list.consent.clone(),
            ..Import::default()
        };
        let before = ledger.confirmed()?;
        let mut said = Vec::new();
        let ending = import::import(ledger, file, &import, self.now, &mut |_| {}, &mut said)?;
        // The same list at every run is no news.
        if ending == Ending::Look || ledger.confirmed()? != before {
            out.write_all(&said)?;
        }
        Ok(())
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

fn wanted(filter: &cli::SubscriberFilter) -> Filter {
    Filter {
        standing: filter.standing.as_deref().and_then(standing_named),
        topic: filter.topic.clone(),
        part: filter.matching.clone(),
        origin: filter.origin.clone(),
        since: filter.since,
        until: filter.until,
    }
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

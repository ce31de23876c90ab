//! `parution deliver` and `backup`: what concerns the ledger alone.

use std::io::Write;
use std::path::Path;

use parution::cli;
use parution::ledger::Location;
use parution::ledger::sqlite::SqliteLedger;
use parution::run::{Ending, Fault, deliver};

use super::House;
use crate::terminal::Terminal;

impl House {
    /// `parution deliver`: a worker, which cuts nothing.
    pub fn deliver(&self, options: &cli::Deliver, out: &mut Terminal) -> Result<Ending, Fault> {
        let scan = self.scan()?;
        let desk = self.desk(&scan.site)?;
        let mut ledger = self.ledger()?;
        if !ledger.lock_delivery()? {
            writeln!(out, "another run is at work; it does what there is to do")?;
            return Ok(Ending::Done);
        }
        let time = self.time();
        let mut bar = out.progress();
        let report = deliver::deliver(ledger.as_mut(), &desk.delivery(&time), &mut |p| bar.at(p))?;
        drop(bar);
        writeln!(out, "letters: {report} ({})", desk.destination)?;
        if let Some(file) = &options.report {
            replace(file, format!("{:#}\n", report.as_json()).as_bytes())?;
        }
        match report.could_not_try() {
            Some(reason) => Err(Fault(reason.to_owned())),
            None => Ok(report.ending()),
        }
    }

    /// `parution backup`.
    pub fn backup(&self, options: &cli::Backup, out: &mut Terminal) -> Result<Ending, Fault> {
        let Location::File(path) = &self.config.ledger else {
            return Err(Fault("a PostgreSQL ledger is backed up with pg_dump".to_owned()));
        };
        if !path.exists() {
            return Err(Fault(format!("{} does not exist yet", path.display())));
        }
        SqliteLedger::open(path, &self.opening()?)?.back_up(&options.file)?;
        writeln!(out, "the ledger is copied to {}", options.file.display())?;
        Ok(Ending::Done)
    }
}

/// Writes a whole file in place of the old one: a collector never reads half of it.
fn replace(path: &Path, text: &[u8]) -> Result<(), Fault> {
    let fault = |error: std::io::Error| Fault(format!("{}: {error}", path.display()));
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path)).map_err(fault)
}

//! `parution deliver` and `backup`: what concerns the ledger alone.

use std::io::Write;
use std::path::Path;

use parution::cli;
use parution::ledger::sqlite::SqliteLedger;
use parution::ledger::{Ledger, Location};
use parution::run::deliver::Report;
use parution::run::{Ending, Fault, job};

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
        let (ledger, delivery) = (ledger.as_mut(), desk.delivery(&time));
        self.accounting(options.report.as_deref(), ledger, |ledger, reports| {
            job::deliver_open(&delivery, ledger, &mut |p| bar.at(p), reports, out)
        })
    }

    /// Does what may deliver letters, and writes what was delivered into a file where one is asked
    /// for, also when the command fails.
    pub(super) fn accounting(
        &self,
        file: Option<&Path>,
        ledger: &mut dyn Ledger,
        work: impl FnOnce(&mut dyn Ledger, &mut Vec<Report>) -> Result<Ending, Fault>,
    ) -> Result<Ending, Fault> {
        let mut reports = Vec::new();
        let ending = work(ledger, &mut reports);
        if let Some(file) = file {
            let report = match reports.into_iter().reduce(Report::and) {
                Some(report) => report,
                None => Report::of_nothing(ledger, self.now)?,
            };
            replace(file, format!("{:#}\n", report.as_json()).as_bytes())?;
        }
        ending
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

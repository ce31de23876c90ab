//! `parution preview --serve`: the next digest on a page of this machine, made again as articles and
//! settings change.

use std::io::Write;

use parution::cli;
use parution::config::Config;
use parution::run::preview::{Service, Snapshot};
use parution::run::{Ending, Fault, job};

use super::House;
use super::letters::open;
use crate::terminal::Terminal;

impl House {
    /// Answers until it is interrupted.
    pub(super) fn watch(
        &self,
        options: &cli::Preview,
        port: u16,
        out: &mut Terminal,
    ) -> Result<Ending, Fault> {
        let service = Service::bind(port)?;
        writeln!(out, "the next digest is on {} (end with Ctrl-C)", service.url())?;
        out.flush()?;
        if options.open {
            open(service.url().as_ref())?;
        }
        let time = self.time();
        service.run(&mut || self.snapshot(time()), &|| false)?;
        Ok(Ending::Done)
    }

    /// The settings are read again each time: restyling shows at once.
    fn snapshot(&self, now: chrono::DateTime<chrono::Utc>) -> Result<Snapshot, Fault> {
        let config = Config::load(self.config.place.clone(), &|name| std::env::var(name).ok())?;
        let house = House { config, now, adopt: self.adopt, verbose: self.verbose };
        let mut scan = house.scan()?;
        let desk = house.quiet_desk(&scan.site)?;
        let mut ledger = house.ledger()?;
        let digest = &house.config.digest;
        let news = job::look(&mut scan, ledger.as_mut(), &digest.policy, house.config.first_run, now)?;
        let made = match news.selection.chosen.as_slice() {
            [] => None,
            chosen => Some(house.make(&scan, &desk, chosen, ledger.as_mut())?),
        };
        let domain = desk.list.sender.domain();
        Snapshot::of(made.as_ref(), &scan, &news.selection, domain, desk.signer.as_ref())
    }
}

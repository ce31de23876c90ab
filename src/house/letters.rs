//! `parution run`, `preview` and `send`: what letters are made with, and where they go.

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use parution::cli;
use parution::domain::{EmailAddress, Occasion, Site};
use parution::ledger::Worker;
use parution::mail::mailer::Mailer;
use parution::mail::sign::Signer;
use parution::read::folder::Scan;
use parution::render::digest::Templates;
use parution::render::letter::ListSettings;
use parution::run::cut::{self, Digesting};
use parution::run::digest::{self, ByHand, Style};
use parution::run::{Ending, Fault, deliver, job, mailing_list, preview};
use parution::select::Selection;

use super::House;
use crate::clock;
use crate::terminal::Terminal;

/// What letters of this site are made with, read once.
pub(super) struct Desk {
    pub(super) list: ListSettings,
    templates: Templates,
    pub(super) signer: Option<Signer>,
    pub(super) mailer: Mailer,
    pub(super) destination: String,
    return_path: Option<EmailAddress>,
    deliver: deliver::Settings,
    worker: Worker,
    pub(super) stop: Arc<AtomicBool>,
}

impl Desk {
    pub(super) fn delivery<'a>(&'a self, clock: &'a (dyn Fn() -> DateTime<Utc> + Sync)) -> deliver::Job<'a> {
        deliver::Job {
            mailer: &self.mailer,
            destination: &self.destination,
            signer: self.signer.as_ref(),
            sender: &self.list.sender,
            return_path: self.return_path.as_ref(),
            plain_return: self.list.mailing_list.is_some(),
            settings: &self.deliver,
            worker: self.worker.name(),
            clock,
            stop: &self.stop,
        }
    }
}

impl House {
    /// A desk that ends its work in order when it is told to stop.
    pub(super) fn desk(&self, site: &Site) -> Result<Desk, Fault> {
        let desk = self.quiet_desk(site)?;
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&desk.stop))?;
        }
        Ok(desk)
    }

    /// A desk that sends nothing, and so may be stopped at any time.
    pub(super) fn quiet_desk(&self, site: &Site) -> Result<Desk, Fault> {
        let (smtp, outbox) = (&self.config.smtp, &self.config.paths.outbox);
        let list = self.config.list.for_site(site)?;
        let destination = match smtp.relays.first() {
            Some(relay) => format!("through {}", relay.name()),
            None => format!("into {}", self.shown(outbox)),
        };
        let destination = match &list.mailing_list {
            Some(members) => format!("to the mailing list {}, {destination}", members.address.as_str()),
            None => destination,
        };
        Ok(Desk {
            templates: digest::read_templates(self.config.digest.templates.as_ref())?,
            signer: self.signer(&list)?,
            mailer: smtp.mailer(outbox, &list.sender)?,
            destination,
            return_path: smtp.return_path.clone(),
            deliver: smtp.delivery.clone(),
            list,
            worker: Worker::here(),
            stop: Arc::new(AtomicBool::new(false)),
        })
    }

    pub(super) fn style<'a>(&'a self, desk: &'a Desk) -> Style<'a> {
        let digest = &self.config.digest;
        Style {
            settings: &digest.settings,
            theme: &digest.theme,
            templates: &desk.templates,
            list: &desk.list,
            logo: digest.logo.as_ref().map(|(path, alt)| (path.as_str(), alt.as_str())),
            cache: &self.config.paths.cache,
        }
    }

    /// `parution run`.
    pub fn run(&self, options: &cli::Run, out: &mut Terminal) -> Result<Ending, Fault> {
        let folder = self.folder()?;
        let site = folder.site().clone();
        let desk = self.desk(&site)?;
        // A list that is missing is told before a ledger is made for it.
        let list = self.open_list()?;
        let (mut scan, mut ledger) = self.scan_and_ledger(folder)?;
        self.take_in_the_list(list, ledger.as_mut(), out)?;
        mailing_list::settle(ledger.as_mut(), desk.list.mailing_list.as_ref(), self.now)?;
        let time = self.time();
        let job = job::Job {
            feeds: self.feeds_order(&site, options.yes),
            style: &self.style(&desk),
            intro: &self.config.digest.intro,
            policy: &self.config.digest.policy,
            first_run: self.config.first_run,
            schedule: &self.config.schedule,
            delivery: &desk.delivery(&time),
            yes: options.yes,
            verbose: self.verbose,
            now: self.now,
        };
        let mut bar = out.progress();
        self.accounting(options.report.as_deref(), ledger.as_mut(), |ledger, reports| {
            job::run(&job, &mut scan, ledger, &mut |progress| bar.at(progress), reports, out)
        })
    }

    /// `parution preview`.
    pub fn preview(&self, options: &cli::Preview, out: &mut Terminal) -> Result<Ending, Fault> {
        if let Some(port) = options.serve {
            return self.watch(options, port, out);
        }
        let mut scan = self.scan()?;
        let desk = self.quiet_desk(&scan.site)?;
        let mut ledger = self.ledger()?;
        let news = job::look(
            &mut scan,
            ledger.as_mut(),
            &self.config.digest.policy,
            self.config.first_run,
            self.now,
        )?;
        write!(out, "{}", preview::table(&preview::rows(&scan, &news.selection)))?;
        if news.selection.chosen.is_empty() {
            return no_digest(&news.selection, "look at", out);
        }
        let made = self.make(&scan, &desk, &news.selection.chosen, ledger.as_mut())?;
        let written = preview::write(&made, desk.list.sender.domain(), desk.signer.as_ref(), &options.out)?;
        for flaw in &made.flaws {
            writeln!(out, "not fit to send: {flaw}")?;
        }
        for problem in &made.problems {
            writeln!(out, "{problem}")?;
        }
        for path in &written {
            writeln!(out, "{}", path.display())?;
        }
        if options.open {
            open(&written[0])?;
        }
        Ok(Ending::look_if(!made.flaws.is_empty()))
    }

    pub(super) fn make(
        &self,
        scan: &Scan,
        desk: &Desk,
        chosen: &[usize],
        ledger: &mut dyn parution::ledger::Ledger,
    ) -> Result<digest::Made, Fault> {
        let digesting = Digesting {
            chosen,
            occasion: Occasion::Scheduled,
            audience: cut::Audience::Every,
            style: &self.style(desk),
            by_hand: &ByHand::default(),
            intro: &self.config.digest.intro,
            force: false,
            now: self.now,
        };
        let wishes = digest::wishes(&ledger.reader_groups()?);
        cut::make(&digesting, scan, &wishes, ledger)
    }

    /// The instant that commands act in, moving on as time does.
    pub(super) fn time(&self) -> impl Fn() -> DateTime<Utc> + Sync + use<> {
        let (now, began) = (self.now, clock());
        move || now + (clock() - began)
    }
}

/// Says why there is no digest to `look at`, or to `send`.
pub(super) fn no_digest(selection: &Selection, to: &str, out: &mut Terminal) -> Result<Ending, Fault> {
    match selection.too_few() {
        Some(reason) => writeln!(out, "there is no digest to {to}: it {reason} (digest.min_items)")?,
        None => writeln!(out, "nothing new: there is no digest to {to}")?,
    }
    Ok(Ending::Done)
}

/// Opens a file in the person's browser.
pub(super) fn open(path: &std::path::Path) -> Result<(), Fault> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    Command::new(opener)
        .arg(path)
        .spawn()
        .map(drop)
        .map_err(|error| Fault(format!("{opener}: {error} — open {} yourself", path.display())))
}

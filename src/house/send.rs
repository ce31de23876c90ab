//! `parution send`: from options to a digest by hand, a test letter, or a decision.

use parution::cli;
use parution::domain::{DigestId, EmailAddress, Occasion};
use parution::run::cut::{self, Digesting};
use parution::run::digest::{self, ByHand};
use parution::run::send::{self, Decision, TestPost};
use parution::run::{Ending, Fault, job, mailing_list, news};
use std::io::Write;

use super::House;
use super::letters::no_digest;
use crate::terminal::Terminal;

impl House {
    /// `parution send`.
    pub fn send(&self, options: &cli::Send, out: &mut Terminal) -> Result<Ending, Fault> {
        let mut scan = self.scan()?;
        let desk = self.desk(&scan.site)?;
        let mut ledger = self.ledger()?;
        let ledger = ledger.as_mut();
        let time = self.time();
        let writes = options.test.is_empty() && !options.dry_run;
        if writes && !ledger.lock_run()? {
            writeln!(out, "another run is at work; try again when it has ended")?;
            return Ok(Ending::Look);
        }
        let mut bar = out.progress();
        if let Some(decision) = decision(options) {
            send::decide(decision, ledger, self.now, out)?;
            let delivery = desk.delivery(&time);
            return self.accounting(options.report.as_deref(), ledger, |ledger, reports| {
                job::deliver_open(&delivery, ledger, &mut |p| bar.at(p), reports, out)
            });
        }

        let policy = &self.config.digest.policy;
        let found = job::look(&mut scan, ledger, policy, self.config.first_run, self.now)?;
        let (chosen, occasion) = if options.articles.is_empty() {
            (found.selection.chosen.clone(), Occasion::Scheduled)
        } else {
            let chosen = send::chosen(&scan, &options.articles)?;
            send::published(&scan, &chosen, self.now)?;
            let name = options.name.clone().unwrap_or_else(|| send::name_of(&scan, &chosen, self.now));
            (chosen, Occasion::Manual(name))
        };
        if chosen.is_empty() {
            return no_digest(&found.selection, "send", out);
        }
        if let Some(guard) = found.guard.filter(|_| writes && !options.yes) {
            return Err(Fault(guard.to_string()));
        }
        let intro = match &options.intro {
            Some(file) => Some(
                digest::read_intro(file, &scan, None)?
                    .ok_or_else(|| Fault(format!("{}: there is no introduction in it", file.display())))?
                    .0,
            ),
            None => None,
        };
        let by_hand = ByHand {
            subject: options.subject.clone(),
            preheader: options.preheader.clone(),
            intro,
            test: !options.test.is_empty(),
        };
        let digesting = Digesting {
            chosen: &chosen,
            audience: if occasion == Occasion::Scheduled { cut::Audience::Every } else { cut::Audience::All },
            occasion,
            style: &self.style(&desk),
            by_hand: &by_hand,
            intro: &self.config.digest.intro,
            force: options.force,
            now: self.now,
        };
        if writes {
            mailing_list::settle(ledger, desk.list.mailing_list.as_ref(), self.now)?;
            news::record(&found, ledger, self.now)?;
            let delivery = desk.delivery(&time);
            return self.accounting(options.report.as_deref(), ledger, |ledger, reports| {
                send::now(&digesting, &scan, &delivery, ledger, &mut |p| bar.at(p), reports, out)
            });
        }
        let wishes = digest::wishes(&ledger.reader_groups()?);
        let made = cut::make(&digesting, &scan, &wishes, ledger)?;
        if options.dry_run {
            return send::dry_run(&made, &scan, ledger, &desk.destination, out);
        }
        let addresses = options
            .test
            .iter()
            .map(|text| {
                EmailAddress::parse(text).map_err(|why| Fault(format!("{}: {why}", text.escape_debug())))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let post = TestPost {
            mailer: &desk.mailer,
            signer: desk.signer.as_ref(),
            sender: &desk.list.sender,
            stop: &desk.stop,
            now: self.now,
        };
        send::test(&post, &made, &addresses, out)
    }
}

fn decision(options: &cli::Send) -> Option<Decision> {
    if options.resend_failed {
        Some(Decision::ResendFailed)
    } else if options.resend_in_doubt {
        Some(Decision::ResendInDoubt)
    } else if options.accept_in_doubt {
        Some(Decision::AcceptInDoubt)
    } else if options.resume {
        Some(Decision::Resume)
    } else {
        options.stop.map(|number| Decision::Stop(DigestId(number)))
    }
}

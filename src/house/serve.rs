//! `parution serve`: the service that people come in and leave by.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;

use parution::cli;
use parution::config::listen_address;
use parution::domain::Language;
use parution::read::folder::Scan;
use parution::render::pages;
use parution::render::words::PageWords;
use parution::run::serve::{Serving, Stop, post, serve};
use parution::run::{Ending, Fault};

use super::House;
use crate::terminal::Terminal;

impl House {
    /// `parution serve`.
    pub fn serve(&self, options: &cli::Serve, out: &mut Terminal) -> Result<Ending, Fault> {
        let Scan { site, articles, .. } = self.scan()?;
        let list = self.config.list.for_site(&site)?;
        let in_use = |collection: &str| articles.iter().any(|article| article.collection == collection);
        let house = self.config.serve.house(&site, &list, &in_use).ok_or_else(|| {
            Fault("serve.url is missing: say in parution.yml where readers find the service".to_owned())
        })?;
        if let Some(tag) = &options.form {
            let words = Language::parse(tag).and_then(|language| PageWords::of(&language));
            write!(out, "{}", pages::form_snippet(&house, words.unwrap_or(house.languages[0])))?;
            return Ok(Ending::Done);
        }
        let desk = self.desk(&site)?;
        let mut settings = self.config.serve.settings.clone();
        if let Some(text) = &options.listen {
            settings.listen = listen_address("--listen", text)?;
        }
        let listener = match listenfd::ListenFd::from_env().take_tcp_listener(0)? {
            Some(opened) => opened,
            None => TcpListener::bind(settings.listen)
                .map_err(|error| Fault(format!("{}: {error}", settings.listen)))?,
        };
        writeln!(out, "{} on {}", house.base, listener.local_addr()?)?;
        out.flush()?;
        let sender = desk.list.sender.clone();
        let serving = Serving {
            settings,
            theme: self.config.digest.theme.clone(),
            timezone: site.timezone,
            ledgers: [self.ledger()?, self.ledger()?],
            post: post::by_mail(desk.mailer, desk.signer, sender),
            clock: Arc::new(self.time()),
            list: desk.list,
            house,
        };
        serve(serving, listener, Stop::Signals)
    }
}

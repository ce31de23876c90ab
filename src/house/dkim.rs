//! `parution dkim keygen`, and the keys that every letter is signed with.

use std::fs;

use parution::cli;
use parution::mail::sign::Signer;
use parution::render::letter::ListSettings;
use parution::run::{Ending, Fault, dkim};

use super::House;
use crate::terminal::Terminal;

impl House {
    /// What signs letters; `None` when that is left to the mail server.
    pub(super) fn signer(&self, list: &ListSettings) -> Result<Option<Signer>, Fault> {
        let Some(config) = &self.config.dkim else { return Ok(None) };
        let mut keys = Vec::new();
        for (selector, file) in &config.keys {
            let pem = fs::read_to_string(file)
                .map_err(|error| Fault(format!("dkim.keys.{selector}: {}: {error}", file.display())))?;
            keys.push((selector.clone(), pem));
        }
        let signer = Signer::new(&config.domain, &keys)?;
        if !signer.is_aligned_with(list.sender.domain()) {
            return Err(Fault(format!(
                "dkim.domain: {} is not the domain of the sender {}, so its signatures would count for nothing",
                config.domain,
                list.sender.as_str()
            )));
        }
        Ok(Some(signer))
    }

    /// `parution dkim keygen`.
    pub fn dkim(&self, verb: &cli::Dkim, out: &mut Terminal) -> Result<Ending, Fault> {
        let cli::Dkim::Keygen { domain, selector, folder } = verb;
        let domain = match domain {
            Some(domain) => domain.clone(),
            None => self.config.list.for_site(&self.scan()?.site)?.sender.domain().to_owned(),
        };
        let selector = selector.clone().unwrap_or_else(|| self.now.format("p%Y%m").to_string());
        dkim::keygen(&domain, &selector, folder, out)
    }
}

//! `dkim:`: the keys that letters are signed with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Place, Refusal};

/// `dkim:` as it is written: a domain, and the file of each selector's private key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    domain: Option<String>,
    keys: BTreeMap<String, String>,
}

/// Keys named and not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimConfig {
    pub domain: String,
    /// Selector and file, in the order of the selectors.
    pub keys: Vec<(String, PathBuf)>,
}

pub(super) fn check(wire: Wire, place: &Place) -> Result<Option<DkimConfig>, Refusal> {
    let Wire { domain, keys } = wire;
    match domain {
        None if keys.is_empty() => Ok(None),
        Some(domain) if !keys.is_empty() => {
            let keys = keys.into_iter().map(|(selector, file)| (selector, place.input(&file))).collect();
            Ok(Some(DkimConfig { domain, keys }))
        }
        Some(_) => Err(Refusal::of("dkim.keys", "it is missing", "make keys with `parution dkim keygen`")),
        None => Err(Refusal::of("dkim.domain", "it is missing", "write the domain of the sender's address")),
    }
}

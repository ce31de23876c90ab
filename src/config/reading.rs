//! `site:` and `fields:`: what replaces `_config.yml`, and which front matter keys say what.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Deserialize;
use url::Url;

use super::{OneOrMore, Refusal};
use crate::domain::Language;
use crate::read::folder;
use crate::read::front_matter::Fields;
use crate::read::site_config::Overrides;

/// `site:` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SiteWire {
    title: Option<String>,
    description: Option<String>,
    url: Option<String>,
    language: Option<String>,
    timezone: Option<String>,
    collections: Option<Vec<String>>,
}

/// `fields:` as it is written: a key, or a list of keys of which the first that speaks wins.
pub(super) type FieldsWire = BTreeMap<String, OneOrMore>;

pub(super) fn check(site: SiteWire, fields: FieldsWire) -> Result<folder::Settings, Refusal> {
    let mut keys = Fields::default();
    for (name, names) in fields {
        keys.set(&name, names.into_vec())
            .map_err(|what| Refusal::of(&format!("fields.{name}"), what, "name the front matter keys"))?;
    }
    let url = site.url.as_deref().map(|text| site_url("site.url", text)).transpose()?;
    let language = site.language.as_deref().map(|text| language("site.language", text)).transpose()?;
    let timezone = match site.timezone.as_deref() {
        Some(text) => Some(text.parse::<Tz>().map_err(|_| {
            Refusal::of(
                "site.timezone",
                format!("`{text}` is no time zone"),
                "write one such as Europe/Paris",
            )
        })?),
        None => None,
    };
    Ok(folder::Settings {
        site: Overrides {
            title: site.title,
            description: site.description,
            url,
            language,
            timezone,
            collections: site.collections,
        },
        fields: keys,
    })
}

/// An absolute http or https URL of a folder: it ends in `/`.
fn site_url(key: &str, text: &str) -> Result<Url, Refusal> {
    let mut url = super::web_url(key, text)?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

pub(super) fn language(key: &str, text: &str) -> Result<Language, Refusal> {
    Language::parse(text)
        .ok_or_else(|| Refusal::of(key, format!("`{text}` is no language tag"), "write fr, en or fr-CA"))
}

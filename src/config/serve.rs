//! `serve:`: the HTTP service, and what the letter says of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;
use url::{Host, Url};

use super::{OneOrMore, Refusal, web_url};
use crate::domain::{Language, Site};
use crate::render::letter::{LeaveUrl, ListSettings};
use crate::render::pages::{House, Topic};
use crate::render::words::PageWords;
use crate::run::serve::{Network, Rates, Settings};

/// `serve:` as it is written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    url: Option<String>,
    listen: Option<String>,
    trusted_proxies: Option<OneOrMore>,
    topics: Option<BTreeMap<String, String>>,
    languages: Option<OneOrMore>,
    monthly: bool,
    accessibility_url: Option<String>,
    letters_per_client: Option<u32>,
    letters_per_hour: Option<u32>,
    connections: Option<usize>,
}

/// The service as configured, before the site has been read.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where readers find the service; without it there is none.
    pub url: Option<Url>,
    pub settings: Settings,
    topics: Option<Vec<Topic>>,
    languages: Vec<&'static PageWords>,
    monthly: bool,
    accessibility: Option<Url>,
}

impl ServeConfig {
    pub(super) fn check(wire: Wire, public: &Path) -> Result<Self, Refusal> {
        let mut settings = Settings::new(public.to_owned());
        if let Some(text) = &wire.listen {
            settings.listen = listen_address("serve.listen", text)?;
        }
        for text in wire.trusted_proxies.map(OneOrMore::into_vec).unwrap_or_default() {
            let network: Network = text.parse().map_err(|what| {
                Refusal::of(
                    "serve.trusted_proxies",
                    what,
                    "name addresses or networks of proxies of your own",
                )
            })?;
            settings.trusted_proxies.push(network);
        }
        settings.rates = Rates {
            per_client: at_least_one("serve.letters_per_client", wire.letters_per_client)?
                .unwrap_or(settings.rates.per_client),
            overall: at_least_one("serve.letters_per_hour", wire.letters_per_hour)?
                .unwrap_or(settings.rates.overall),
        };
        settings.connections =
            at_least_one("serve.connections", wire.connections)?.unwrap_or(settings.connections);
        let languages = wire.languages.map(OneOrMore::into_vec).unwrap_or_default();
        let languages = languages.iter().map(|tag| {
            Language::parse(tag).and_then(|language| PageWords::of(&language)).ok_or_else(|| {
                Refusal::of("serve.languages", format!("there are no words for `{tag}`"), "choose fr or en")
            })
        });
        let topics = wire
            .topics
            .map(|topics| topics.into_iter().map(|(key, title)| Topic { key, title }).collect::<Vec<_>>());
        Ok(Self {
            url: wire.url.as_deref().map(base_url).transpose()?,
            settings,
            topics,
            languages: languages.collect::<Result<_, _>>()?,
            monthly: wire.monthly,
            accessibility: wire
                .accessibility_url
                .as_deref()
                .map(|text| web_url("serve.accessibility_url", text))
                .transpose()?,
        })
    }

    /// Says in the letter what the service offers, where the settings of the list say nothing.
    pub fn complete(&self, list: &mut ListSettings, archive_is_set: bool) {
        let Some(url) = &self.url else { return };
        if list.unsubscribe_url.is_none() {
            // Plain http is for trying things out on this machine: RFC 8058 wants https.
            list.unsubscribe_url = LeaveUrl::parse(&format!("{url}unsubscribe/{{token}}")).ok();
        }
        if list.subscribe_url.is_none() {
            list.subscribe_url = Some(url.clone());
        }
        if !archive_is_set {
            list.archive_url = url.join("archive").ok();
        }
    }

    /// What the pages need to know; `None` without an address. Where the settings name no topics,
    /// readers choose among the collections that have articles.
    #[must_use]
    pub fn house(&self, site: &Site, list: &ListSettings, in_use: &dyn Fn(&str) -> bool) -> Option<House> {
        let base = self.url.clone()?;
        let own = PageWords::of(&site.language).unwrap_or(PageWords::ALL[0]);
        let mut languages = vec![own];
        languages.extend(self.languages.iter().filter(|words| words.language != own.language));
        let collections = || {
            let all = site.collections.iter().filter(|collection| in_use(&collection.name));
            all.map(|c| Topic { key: c.name.clone(), title: c.title.clone() }).collect::<Vec<_>>()
        };
        Some(House {
            list: list.name.clone(),
            root: base.path().to_owned(),
            base,
            site: site.url.clone(),
            privacy: list.privacy_url.clone(),
            accessibility: self.accessibility.clone(),
            contact: list.contact().to_owned(),
            topics: self.topics.clone().unwrap_or_else(collections),
            languages,
            monthly: self.monthly,
        })
    }
}

/// An address to listen on: `127.0.0.1:8025`, `[::1]:8025`.
///
/// # Errors
/// What is no address with a port.
pub fn listen_address(key: &str, text: &str) -> Result<SocketAddr, Refusal> {
    text.trim().parse().map_err(|_| {
        Refusal::of(
            key,
            format!("`{}` is no address with a port", text.escape_debug()),
            "write 127.0.0.1:8025",
        )
    })
}

fn base_url(text: &str) -> Result<Url, Refusal> {
    let mut url = web_url("serve.url", text)?;
    if url.query().is_some() || url.fragment().is_some() || url.path().contains(['{', '}']) {
        let what = format!("`{url}` is more than an address and a path");
        return Err(Refusal::of("serve.url", what, "leave out what follows `?` or `#`"));
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !here {
        // RFC 8058, 3.1: one-click needs https, and each link carries its reader's token.
        let what = format!("`{url}` would send the readers' tokens in the clear");
        return Err(Refusal::of("serve.url", what, "write https://; only this machine may do without"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn at_least_one<N: PartialEq + Default>(key: &str, number: Option<N>) -> Result<Option<N>, Refusal> {
    match number {
        Some(number) if number == N::default() => {
            Err(Refusal::of(key, "0 would close the service", "write 1 or more, or leave it out"))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wire: Wire) -> Result<ServeConfig, Refusal> {
        ServeConfig::check(wire, Path::new("public"))
    }

    #[test]
    fn an_address_is_completed_and_a_strange_one_refused() {
        let url = |text: &str| check(Wire { url: Some(text.to_owned()), ..Wire::default() });
        assert_eq!(url("https://example.org/lettre").unwrap().url.unwrap().path(), "/lettre/");
        assert_eq!(url("https://example.org").unwrap().url.unwrap().path(), "/");
        assert!(url("http://127.0.0.1:8025/").is_ok(), "to try it out");
        for wrong in [
            "example.org",
            "javascript:x",
            "https://example.org/?a=b",
            "https://example.org/#a",
            "http://example.org/",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        assert!(check(Wire { listen: Some("localhost".to_owned()), ..Wire::default() }).is_err());
        assert!(check(Wire { letters_per_hour: Some(0), ..Wire::default() }).is_err());
    }

    #[test]
    fn the_letter_says_what_the_service_offers() {
        let site = Site {
            title: "T".to_owned(),
            description: String::new(),
            url: Url::parse("https://www.example.org/").unwrap(),
            language: Language::parse("fr").unwrap(),
            timezone: chrono_tz::UTC,
            collections: Vec::new(),
        };
        let wire = Wire { url: Some("https://example.org/lettre".to_owned()), ..Wire::default() };
        let mut list = ListSettings::for_site(&site);
        check(wire).unwrap().complete(&mut list, false);
        let leave = list.unsubscribe_url.unwrap();
        assert_eq!(leave.for_token("abc"), "https://example.org/lettre/unsubscribe/abc");
        assert_eq!(list.archive_url.unwrap().as_str(), "https://example.org/lettre/archive");
    }
}

//! Where the letter's links lead, and texts that say so without what is around them.

use std::collections::BTreeMap;

use url::Url;

use super::Draft;
use super::view_of::Target;

/// The address a link gets: whole in plain text too, over https within a site that has it, and in
/// letters with the campaign's parameters when the site's own server will see them.
pub fn link(draft: &Draft<'_>, target: Target, url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    if !matches!(parsed.scheme(), "http" | "https") {
        return url.to_owned();
    }
    // Programs that find addresses in a text let them end at an apostrophe or a bracket.
    let whole = parsed.path().replace('\'', "%27").replace('(', "%28").replace(')', "%29");
    parsed.set_path(&whole);
    let site = &draft.site.url;
    if parsed.host_str() == site.host_str() {
        if site.scheme() == "https" && parsed.port().is_none() {
            let _ = parsed.set_scheme("https");
        }
        if let Some(utm) = draft.settings.utm.as_ref().filter(|_| target == Target::Letter) {
            parsed
                .query_pairs_mut()
                .append_pair("utm_source", &utm.source)
                .append_pair("utm_medium", &utm.medium)
                .append_pair("utm_campaign", &utm.campaign);
        }
    }
    parsed.to_string()
}

/// The address that each link text leads to: no text may lead to two places (RGAA 6.1).
#[derive(Debug, Default)]
pub struct LinkTexts(BTreeMap<String, String>);

impl LinkTexts {
    /// The text, with a hint or a number when the same text already leads elsewhere.
    pub fn unlike(&mut self, text: &str, url: &str, hint: &str) -> String {
        let taken = |text: &str| self.0.get(&text.to_lowercase()).is_some_and(|other| other != url);
        let hinted = (!hint.is_empty()).then(|| format!("{text} ({hint})"));
        let first = 2 + usize::from(hinted.is_some());
        let numbered = (first..).map(|number| format!("{text} ({number})"));
        let mut texts = [text.to_owned()].into_iter().chain(hinted).chain(numbered);
        let free = texts.find(|text| !taken(text)).expect("numbers do not end");
        self.0.insert(free.to_lowercase(), url.to_owned());
        free
    }
}

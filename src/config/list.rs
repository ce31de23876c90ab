//! `list:`: who sends the letter, to which list, and how one leaves it.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::{Place, Refusal, ServeConfig, web_url};
use crate::domain::{EmailAddress, Site};
use crate::render::letter::{LeaveUrl, ListSettings, MailingList};

/// `list:` as it is written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    name: Option<String>,
    from: Option<String>,
    reply_to: Option<String>,
    contact: Option<String>,
    mailing_list: Option<String>,
    id: Option<String>,
    unsubscribe_url: Option<String>,
    unsubscribe_mail: Option<String>,
    subscribe_url: Option<String>,
    archive_url: Option<String>,
    feeds_url: Option<String>,
    privacy_url: Option<String>,
    help_url: Option<String>,
    postal_address: Option<String>,
    why: Option<String>,
    file: Option<String>,
    consent: Option<String>,
}

/// What is known of the list before the site has been read; [`List::for_site`] completes it.
#[derive(Debug, Clone)]
pub struct List {
    wire: Wire,
    from: Option<(String, EmailAddress)>,
    /// A list that is kept in a file beside the settings and taken in at every run.
    pub file: Option<ListFile>,
    /// What the letter says of the service, where it says nothing itself.
    service: Option<ServeConfig>,
}

/// A list kept in a file, and why its people may be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    pub path: PathBuf,
    pub consent: String,
}

impl List {
    pub(super) fn check(wire: Wire, place: &Place) -> Result<Self, Refusal> {
        let from = wire.from.as_deref().map(|text| named_address("list.from", text)).transpose()?;
        let file = match (&wire.file, &wire.consent) {
            (Some(file), Some(consent)) if !consent.trim().is_empty() => {
                Some(ListFile { path: place.input(file), consent: consent.trim().to_owned() })
            }
            (Some(_), _) => {
                return Err(Refusal::of(
                    "list.consent",
                    "it is missing beside `list.file`",
                    "say why these people may be written to, such as «registered on paper, spring 2026»",
                ));
            }
            (None, _) => None,
        };
        if wire.mailing_list.is_some() && file.is_some() {
            return Err(Refusal::of(
                "list.file",
                "a letter to a mailing list goes to nobody else",
                "take out list.file or list.mailing_list",
            ));
        }
        let list = Self { wire, from, file, service: None };
        // Everything is checked before anything is read; the site given here only lends a name.
        list.fill(ListSettings::for_site(&nowhere()))?;
        Ok(list)
    }

    /// The same list, with a service that its letters point to.
    pub(super) fn with_service(self, service: ServeConfig) -> Result<Self, Refusal> {
        if self.wire.mailing_list.is_some() && service.url.is_some() {
            return Err(Refusal::of(
                "serve.url",
                "a mailing list has its own way in and out",
                "take out serve.url or list.mailing_list",
            ));
        }
        Ok(Self { service: Some(service), ..self })
    }

    /// The settings of the letter, completed by what the site says of itself.
    ///
    /// # Errors
    /// None that [`List::check`] has not found before.
    pub fn for_site(&self, site: &Site) -> Result<ListSettings, Refusal> {
        self.fill(ListSettings::for_site(site))
    }

    fn fill(&self, mut list: ListSettings) -> Result<ListSettings, Refusal> {
        let wire = &self.wire;
        let one_line = |key: &str, text: &Option<String>| match text.as_deref().map(str::trim) {
            Some(text) if text.chars().any(char::is_control) => {
                Err(Refusal::of(&format!("list.{key}"), "it holds a line break", "write it on one line"))
            }
            Some("") | None => Ok(None),
            Some(text) => Ok(Some(text.to_owned())),
        };
        let mailbox = |key: &str, text: &Option<String>| {
            text.as_deref().map(|text| address(&format!("list.{key}"), text)).transpose()
        };
        let url = |key: &str, text: &Option<String>| {
            text.as_deref().map(|text| web_url(&format!("list.{key}"), text)).transpose()
        };
        if let Some((name, sender)) = &self.from {
            if !name.is_empty() {
                list.sender_name.clone_from(name);
            }
            list.id = format!("lettre.{}", sender.domain());
            list.sender = sender.clone();
        }
        if let Some(name) = one_line("name", &wire.name)? {
            list.name = name;
        }
        if let Some(id) = one_line("id", &wire.id)? {
            let sound = id.contains('.')
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
            if !sound {
                return Err(Refusal::of(
                    "list.id",
                    format!("`{id}` is not of the form of RFC 2919"),
                    "write letters, digits and dots, such as lettre.example.org",
                ));
            }
            list.id = id;
        }
        list.unsubscribe_mail = mailbox("unsubscribe_mail", &wire.unsubscribe_mail)?;
        if let Some(address) = mailbox("mailing_list", &wire.mailing_list)? {
            let leave = wire.leave_mailing_list(list.unsubscribe_mail.as_ref())?;
            list.mailing_list = Some(MailingList { address, leave });
        } else if let Some(text) = &wire.unsubscribe_url {
            list.unsubscribe_url = Some(LeaveUrl::parse(text).map_err(|why| {
                Refusal::of(
                    "list.unsubscribe_url",
                    why.to_string(),
                    "write an https URL with {token} where the reader's token belongs",
                )
            })?);
        }
        list.reply_to = mailbox("reply_to", &wire.reply_to)?;
        list.contact = mailbox("contact", &wire.contact)?;
        list.subscribe_url = url("subscribe_url", &wire.subscribe_url)?;
        list.archive_url = url("archive_url", &wire.archive_url)?.or(list.archive_url);
        list.feeds_url = url("feeds_url", &wire.feeds_url)?;
        list.privacy_url = url("privacy_url", &wire.privacy_url)?;
        list.help_url = url("help_url", &wire.help_url)?;
        list.postal_address = wire.postal_address.clone().unwrap_or_default().trim().to_owned();
        list.why = one_line("why", &wire.why)?;
        if let Some(service) = &self.service {
            service.complete(&mut list, wire.archive_url.is_some());
        }
        Ok(list)
    }
}

impl Wire {
    /// Where the members of a mailing list leave it: its own page, or the mailbox of its program.
    fn leave_mailing_list(&self, mailbox: Option<&EmailAddress>) -> Result<Url, Refusal> {
        match (&self.unsubscribe_url, mailbox) {
            (Some(text), _) if text.contains("{token}") => Err(Refusal::of(
                "list.unsubscribe_url",
                "the letter to a mailing list has no personal token",
                "name the page on which members leave that list, without {token}",
            )),
            (Some(text), _) => web_url("list.unsubscribe_url", text),
            (None, Some(mailbox)) => {
                Ok(Url::parse(&format!("mailto:{}?subject=unsubscribe", mailbox.as_str()))
                    .expect("an address makes a URI"))
            }
            (None, None) => Err(Refusal::of(
                "list.unsubscribe_url",
                "it is missing beside `list.mailing_list`",
                "name the page on which members leave that list, or its mailbox in list.unsubscribe_mail",
            )),
        }
    }
}

fn address(key: &str, text: &str) -> Result<EmailAddress, Refusal> {
    let wrong =
        |why: &str| Refusal::of(key, format!("`{}`: {why}", text.escape_debug()), "write one bare address");
    match EmailAddress::parse(text) {
        Ok(address) if address.is_ascii() => Ok(address),
        Ok(_) => Err(wrong("letters beyond ASCII, which headers that everyone reads cannot hold")),
        Err(why) => Err(wrong(why.0)),
    }
}

/// `Name <address>` or a bare address (RFC 5322 3.4, without comments or groups).
fn named_address(key: &str, text: &str) -> Result<(String, EmailAddress), Refusal> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        let what = format!("`{}` holds a line break", text.escape_debug());
        return Err(Refusal::of(key, what, "write it on one line"));
    }
    match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, inside)) => {
            let name = name.trim().trim_matches('"').trim();
            if name.contains(['<', '>', '"']) || name.contains('@') {
                return Err(Refusal::of(
                    key,
                    format!("`{text}` is not one address with a name"),
                    "write: Name <address>",
                ));
            }
            Ok((name.to_owned(), address(key, inside)?))
        }
        None => Ok((String::new(), address(key, text)?)),
    }
}

/// A site that says nothing of itself.
fn nowhere() -> Site {
    Site {
        title: String::new(),
        description: String::new(),
        url: url::Url::parse("https://example.org/").expect("a URL"),
        language: crate::domain::Language::parse("en").expect("a tag"),
        timezone: chrono_tz::UTC,
        collections: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_one_address_and_no_line_break() {
        let (name, email) = named_address("list.from", "Lettre, l’actu <lettre@example.org>").unwrap();
        assert_eq!((name.as_str(), email.as_str()), ("Lettre, l’actu", "lettre@example.org"));
        for wrong in [
            "a@example.org, b@example.org",
            "News <news@example.org>\r\nBcc: victim@example.net",
            "A <a@example.org> <b@example.org>",
            "<>",
            "",
        ] {
            assert!(named_address("list.from", wrong).is_err(), "{wrong:?}");
        }
    }
}

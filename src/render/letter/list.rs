//! Who sends the letter, for which list, and how one leaves it.

use std::fmt;

use thiserror::Error;
use url::Url;

use crate::domain::{EmailAddress, Site};

use super::TOKEN;

/// The list as its readers and their mail programs know it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListSettings {
    /// What the letter is called: masthead, `List-ID`.
    pub name: String,
    /// The organisation that sends it: `From`, footer.
    pub sender_name: String,
    pub sender: EmailAddress,
    /// Where answers go; the sender's own address when `None`.
    pub reply_to: Option<EmailAddress>,
    /// Where readers write about the list; `reply_to` when `None`.
    pub contact: Option<EmailAddress>,
    /// The identifier of RFC 2919: a name under a domain of the sender's.
    pub id: String,
    /// The letter goes to the one address of a list that another program keeps.
    pub mailing_list: Option<MailingList>,
    /// Where one leaves with one click; without it readers can only leave by mail.
    pub unsubscribe_url: Option<LeaveUrl>,
    /// The mailbox that takes unsubscriptions; `reply_to` when `None`.
    pub unsubscribe_mail: Option<EmailAddress>,
    pub subscribe_url: Option<Url>,
    /// Where earlier digests can be read.
    pub archive_url: Option<Url>,
    pub feeds_url: Option<Url>,
    /// The privacy notice (GDPR art. 13).
    pub privacy_url: Option<Url>,
    pub help_url: Option<Url>,
    /// One line or several; may be empty.
    pub postal_address: String,
    /// Why readers get this letter, where the usual sentence does not fit.
    pub why: Option<String>,
}

impl ListSettings {
    /// What can be said of a site that configured nothing: honest headers under its own domain, and
    /// unsubscription by mail.
    ///
    /// # Panics
    /// Never: `example.org` is an address that parses.
    #[must_use]
    pub fn for_site(site: &Site) -> Self {
        let host = site.url.host_str().unwrap_or_default().trim_start_matches("www.").to_owned();
        let sender = EmailAddress::parse(&format!("lettre@{host}"))
            .or_else(|_| EmailAddress::parse("lettre@example.org"))
            .expect("example.org is a domain");
        let name = if site.title.trim().is_empty() { sender.domain().to_owned() } else { site.title.clone() };
        Self {
            sender_name: name.clone(),
            name,
            id: format!("lettre.{}", sender.domain()),
            sender,
            reply_to: None,
            contact: None,
            mailing_list: None,
            unsubscribe_url: None,
            unsubscribe_mail: None,
            subscribe_url: None,
            archive_url: None,
            feeds_url: None,
            privacy_url: None,
            help_url: None,
            postal_address: String::new(),
            why: None,
        }
    }

    #[must_use]
    pub fn reply_to(&self) -> &EmailAddress {
        self.reply_to.as_ref().unwrap_or(&self.sender)
    }

    #[must_use]
    pub fn contact(&self) -> &str {
        self.contact.as_ref().unwrap_or_else(|| self.reply_to()).as_str()
    }

    /// The link of the letter's body by which its reader leaves, with [`TOKEN`] for the token; the
    /// members of a mailing list all get the same one.
    #[must_use]
    pub fn leave_link(&self) -> String {
        match (&self.mailing_list, &self.unsubscribe_url) {
            (Some(list), _) => list.leave.to_string(),
            (None, Some(url)) => url.with_slot(),
            (None, None) => self.leave_mailto(),
        }
    }

    /// The values of `List-Unsubscribe`: https first, since clients read from left to right.
    pub(super) fn leave_uris(&self) -> Vec<String> {
        let https = self.unsubscribe_url.as_ref().map(|url| format!("<{}>", url.with_slot()));
        https.into_iter().chain([format!("<{}>", self.leave_mailto())]).collect()
    }

    /// RFC 6068; the subject names the subscription, so that a forwarded letter leaves for nobody
    /// else.
    fn leave_mailto(&self) -> String {
        let mailbox = self.unsubscribe_mail.as_ref().unwrap_or_else(|| self.reply_to());
        format!("mailto:{mailbox}?subject=unsubscribe%20{TOKEN}", mailbox = mailbox.as_str())
    }

    pub(super) fn help_uri(&self) -> String {
        match &self.help_url {
            Some(url) => format!("<{url}>"),
            None => format!("<mailto:{}>", self.contact()),
        }
    }

    /// Gmail's four parts, none of which says anything about the reader; the last names the sender
    /// in 5 to 15 characters.
    pub(super) fn feedback_id(&self, campaign: &str) -> String {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '.').collect()
        };
        let list = plain(self.id.split('.').next().unwrap_or_default());
        let mut sender: String = plain(self.sender.domain()).chars().take(15).collect();
        while sender.len() < 5 {
            sender.push('-');
        }
        format!("{}:digest:{list}:{sender}", plain(campaign))
    }
}

/// A list of Sympa, Mailman and their like: one letter goes to its address, and its own program does
/// the rest. So nothing in that letter is personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailingList {
    pub address: EmailAddress,
    /// Where its members leave it: a page of the list, or a `mailto:` URI.
    pub leave: Url,
}

/// The https address of the page on which one leaves, with the place of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveUrl {
    before: String,
    after: String,
}

/// Why a text is not a [`LeaveUrl`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotALeaveUrl {
    #[error("the unsubscribe URL has to hold {{token}} exactly once")]
    Token,
    #[error("the unsubscribe URL has to be an https:// address (RFC 8058)")]
    NotHttps,
}

impl LeaveUrl {
    /// Reads `https://www.example.org/leave/{token}`.
    ///
    /// # Errors
    /// When there is not exactly one `{token}`, or the rest is not an https URL.
    pub fn parse(text: &str) -> Result<Self, NotALeaveUrl> {
        const SAMPLE: &str = "0token0slot0";
        let text = text.trim();
        let (before, after) = text.split_once("{token}").ok_or(NotALeaveUrl::Token)?;
        if after.contains("{token}") {
            return Err(NotALeaveUrl::Token);
        }
        // The token has to come through the parser as it is, and so has all around it.
        let sample = format!("{before}{SAMPLE}{after}");
        let url = Url::parse(&sample).map_err(|_| NotALeaveUrl::NotHttps)?;
        let in_host = url.host_str().is_none_or(|host| host.contains(SAMPLE));
        if url.scheme() != "https"
            || in_host
            || sample.contains(|c: char| c.is_control() || c.is_whitespace())
        {
            return Err(NotALeaveUrl::NotHttps);
        }
        let (before, after) = url.as_str().split_once(SAMPLE).ok_or(NotALeaveUrl::Token)?;
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// The address for one token.
    #[must_use]
    pub fn for_token(&self, token: &str) -> String {
        format!("{}{token}{}", self.before, self.after)
    }

    fn with_slot(&self) -> String {
        format!("{}{TOKEN}{}", self.before, self.after)
    }
}

impl fmt::Display for LeaveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{token}}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::LeaveUrl;

    #[test]
    fn a_leave_url_has_one_token_outside_its_host() {
        let url = LeaveUrl::parse("https://www.example.org/leave/{token}?from=letter").unwrap();
        assert_eq!(url.for_token("abc"), "https://www.example.org/leave/abc?from=letter");
        for wrong in [
            "https://www.example.org/leave",
            "http://www.example.org/{token}",
            "https://{token}.example.org/",
            "https://www.example.org/{token}/{token}",
            "/leave/{token}",
            "https://www.example.org/a b/{token}",
        ] {
            assert!(LeaveUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}

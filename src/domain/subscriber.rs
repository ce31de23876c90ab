//! A reader of the digest, and what a reader has agreed to.

use std::fmt;

use chrono::{DateTime, Utc};

use super::Language;

/// A subscriber's row in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId(pub i64);

/// An address that a letter can be sent to: a bare RFC 5321 mailbox with a dot-atom local part, in
/// which letters of any script may stand (RFC 6531), and a DNS domain (IDN in its `xn--` form, lower
/// case). Exists only if it was parsed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress {
    address: String,
    at: usize,
}

/// Why a text is not an [`EmailAddress`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnAddress(pub &'static str);

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAnAddress {}

impl EmailAddress {
    /// Parses a bare address; surrounding blanks are trimmed, the domain is lower-cased and
    /// converted to its ASCII form (RFC 5891 through the WHATWG host parser).
    ///
    /// ```
    /// use parution::domain::EmailAddress;
    ///
    /// let email = EmailAddress::parse(" Jeanne@Example.ORG ")?;
    /// assert_eq!(email.as_str(), "Jeanne@example.org");
    /// assert!(EmailAddress::parse("Jeanne <jeanne@example.org>").is_err());
    /// # Ok::<(), parution::domain::NotAnAddress>(())
    /// ```
    ///
    /// # Errors
    /// Says what is wrong: display names, comments, quoted local parts, routes, address literals,
    /// lists, control characters, over-long parts (RFC 5321 4.5.3.1) are all refused.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim_matches([' ', '\t', '\u{a0}', '\u{feff}']);
        if text.is_empty() {
            return Err(NotAnAddress("the address is empty"));
        }
        // Before anything walks over it: an address of 100 kB is an attack or the wrong column.
        if text.len() > 1024 {
            return Err(NotAnAddress("the address is over 254 octets"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(NotAnAddress("a blank or a control character inside the address"));
        }
        let Some((local, domain)) = text.rsplit_once('@') else {
            return Err(NotAnAddress("there is no @"));
        };
        if local.is_empty() || domain.is_empty() {
            return Err(NotAnAddress("one side of the @ is empty"));
        }
        if local.len() > 64 {
            return Err(NotAnAddress("the part before the @ is over 64 octets"));
        }
        // RFC 5322 atext without `%` and `!`, which old relays read as a route to another host, and
        // without `|` and the back quote, which old delivery agents hand to a shell.
        let atom = |c: char| {
            c.is_ascii_alphanumeric() || "#$&'*+-/=?^_{}~.".contains(c) || is_letter_beyond_ascii(c)
        };
        if !local.chars().all(atom) {
            return Err(NotAnAddress("a character before the @ that could send the letter elsewhere"));
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(NotAnAddress("a misplaced dot before the @"));
        }
        if local.starts_with('-') {
            return Err(NotAnAddress("the address begins with a hyphen"));
        }
        let domain = Self::domain_to_ascii(domain)?;
        if local.len() + 1 + domain.len() > 254 {
            return Err(NotAnAddress("the address is over 254 octets"));
        }
        Ok(Self { address: format!("{local}@{domain}"), at: local.len() })
    }

    fn domain_to_ascii(domain: &str) -> Result<String, NotAnAddress> {
        const WRONG: NotAnAddress = NotAnAddress("the part after the @ is not a domain name");
        // One final dot is the root of the same domain name (RFC 1034 3.1), not another domain.
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if domain.contains(['[', ']', '(', ')', ',', ';', ':', '<', '>', '%', '!', '"', '\\', '/', '?', '#'])
        {
            return Err(WRONG);
        }
        let Ok(url::Host::Domain(ascii)) = url::Host::parse(domain) else { return Err(WRONG) };
        let labels: Vec<&str> = ascii.split('.').collect();
        let sound = |label: &&str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let last_is_a_number = labels.last().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if labels.len() < 2 || !labels.iter().all(sound) || last_is_a_number {
            return Err(WRONG);
        }
        Ok(ascii)
    }

    /// The whole address; ASCII for nearly everyone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// Whether it is ASCII only; servers take another one if they know SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.address.is_ascii()
    }

    #[must_use]
    pub fn local(&self) -> &str {
        &self.address[..self.at]
    }

    /// The domain, lower case, in its ASCII form.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.address[self.at + 1..]
    }

    /// What two spellings of one mailbox share: the address in lower case. RFC 5321 2.4 lets local
    /// parts differ by case, but no provider does, and two letters to one person are worse.
    #[must_use]
    pub fn key(&self) -> String {
        self.address.to_ascii_lowercase()
    }

    /// The address shortened for logs: `a…@example.org`.
    #[must_use]
    pub fn masked(&self) -> String {
        let first = self.local().chars().next().unwrap_or('?');
        format!("{first}…@{}", self.domain())
    }

    /// A text with this address shortened wherever it stands in it, whatever its case.
    #[must_use]
    pub fn masked_in(&self, text: &str) -> String {
        // Lower case as ASCII has it keeps every octet in its place.
        let (lower, key) = (text.to_ascii_lowercase(), self.key());
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for (at, found) in lower.match_indices(&key) {
            masked.push_str(&text[from..at]);
            masked.push_str(&self.masked());
            from = at + found.len();
        }
        masked.push_str(&text[from..]);
        masked
    }
}

/// A letter of another script that stays what it is: one that Unicode would turn into ASCII (a
/// full-width `a`, a long s) could send mail to somebody else, as could one made of two characters.
fn is_letter_beyond_ascii(c: char) -> bool {
    let stays =
        || url::Host::parse(&format!("{c}.example")).is_ok_and(|host| host.to_string().starts_with("xn--"));
    !c.is_ascii() && c.is_alphanumeric() && stays()
}

impl fmt::Debug for EmailAddress {
    /// Masked: addresses are people, and debug output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// One person on the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscriber {
    pub id: SubscriberId,
    pub email: EmailAddress,
    /// May be empty.
    pub name: String,
    /// The language of the letters to this reader; the site's when `None`.
    pub language: Option<Language>,
    /// Collections, categories or tags this reader asked for; empty means everything.
    pub topics: Vec<String>,
    pub frequency: Frequency,
    pub standing: Standing,
    pub consent: Consent,
}

/// How often a reader wants letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Frequency {
    /// Every digest.
    #[default]
    Every,
    /// One letter a month with all that was announced since the last.
    Monthly,
}

impl Frequency {
    /// The word for it in ledgers, exports and forms.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Monthly => "monthly",
        }
    }

    /// The frequency of that [`word`](Self::word).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Every, Self::Monthly].into_iter().find(|frequency| frequency.word() == word)
    }
}

/// Where a subscriber stands; only `Confirmed` gets letters. Ordered: the later, the more
/// restrictive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Confirmed,
    /// Asked to subscribe, has not confirmed yet.
    Pending,
    /// The address refuses mail for good.
    Bouncing,
    /// Left, by any way there is. Nothing but this person's own new consent undoes it.
    Left,
    /// Reported a letter as spam (RFC 5965).
    Complained,
}

/// Something that happened and bears on a [`Standing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StandingEvent {
    /// A list kept elsewhere, or an operator, says so.
    Listed(Standing),
    /// The person opened the link that only their mailbox received, and agreed.
    Consented,
    /// The person asked to leave, or an operator removed them.
    Left,
    /// The mailbox refused a letter for good.
    Bounced,
    Complained,
}

impl Standing {
    /// The standing after an event: the most restrictive wins, and only the person's own consent
    /// makes anything less restrictive. So no import and no operator brings back who left.
    #[must_use]
    pub fn after(self, event: StandingEvent) -> Self {
        match event {
            StandingEvent::Consented => Self::Confirmed,
            StandingEvent::Listed(listed) => self.max(listed),
            StandingEvent::Left => self.max(Self::Left),
            StandingEvent::Bounced => self.max(Self::Bouncing),
            StandingEvent::Complained => Self::Complained,
        }
    }

    /// The word for it in ledgers, exports, listings and `--standing`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Pending => "pending",
            Self::Bouncing => "bouncing",
            Self::Left => "left",
            Self::Complained => "complained",
        }
    }

    /// Every standing, the least restrictive first.
    pub const ALL: [Self; 5] = [Self::Confirmed, Self::Pending, Self::Bouncing, Self::Left, Self::Complained];

    /// The standing of that [`word`](Self::word).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

/// The proof of consent (GDPR art. 7(1)): what, when, from where, in which words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Consent {
    /// When the person asked, or the import was made.
    pub asked_at: Option<DateTime<Utc>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Where it came from: `form`, `command line`, `import FILE`; a client address where known.
    pub origin: String,
    /// The text agreed to with its version, or the legal basis an import named.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::{EmailAddress, Standing, StandingEvent};

    #[test]
    fn what_is_an_address_is_kept() {
        for (text, parsed) in [
            ("a@example.org", "a@example.org"),
            ("  Jean.Dupont+lettre@Example.ORG ", "Jean.Dupont+lettre@example.org"),
            ("o'neill@example.org", "o'neill@example.org"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
            ("a@BüCHER.example", "a@xn--bcher-kva.example"),
            ("a@example.org.", "a@example.org"),
            ("bounces+a=b.example@example.org", "bounces+a=b.example@example.org"),
            ("Élise@example.org", "Élise@example.org"),
            ("用户@example.org", "用户@example.org"),
        ] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), parsed);
        }
        assert!(!EmailAddress::parse("élise@example.org").unwrap().is_ascii());
        assert!(EmailAddress::parse("a@bücher.example").unwrap().is_ascii());
    }

    #[test]
    fn what_could_be_misrouted_is_refused() {
        for text in [
            "",
            "a",
            "@example.org",
            "a@",
            "a@localhost",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a b@example.org",
            "\"a b\"@example.org",
            "a@example.org,b@example.org",
            "Jean <a@example.org>",
            "a@b@example.org",
            "a@example.org\r\nRCPT TO:<b@example.org>",
            ".a@example.org",
            "a..b@example.org",
            "a.@example.org",
            "a@-example.org",
            "a@example..org",
            "e\u{301}lise@example.org",
            "\u{ff41}@example.org",
            "\u{17f}am@example.org",
            "ab\u{200d}c@example.org",
            "\u{202e}abc@example.org",
            "a\u{ff20}b@example.org",
            "😀@example.org",
            "-oQ/tmp@example.org",
            "a(c)@example.org",
            "a@xn--example-.org",
            "a%b@example.org",
            "evil.example!user@example.org",
            "@a.example:user@example.org",
            "|sh@example.org",
            "<a@evil.example>@example.org",
            "a@example.org(comment)evil.example",
            "group: a@evil.example;",
            "a@example.org\n",
            "a@example.org> SIZE=1 <b@example.org",
            "a%0d%0aRCPT@example.org",
            "a\0@example.org",
            "a@[IPv6:::1]",
            "a@xn--ü.example",
            "a@example.org..",
            "a;b@example.org",
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        assert!(EmailAddress::parse(&long).is_err());
        let label = format!("a@{}.example", "l".repeat(64));
        assert!(EmailAddress::parse(&label).is_err());
        let domain = format!("a@{}.net", ["d".repeat(60).as_str(); 5].join("."));
        assert!(EmailAddress::parse(&domain).is_err());
        assert!(EmailAddress::parse(&format!("{}@example.org", "x".repeat(100_000))).is_err());
    }

    #[test]
    fn only_a_persons_own_consent_makes_a_standing_less_restrictive() {
        let events = Standing::ALL.map(StandingEvent::Listed).into_iter().chain([
            StandingEvent::Left,
            StandingEvent::Bounced,
            StandingEvent::Complained,
        ]);
        for event in events {
            for before in Standing::ALL {
                assert!(before.after(event) >= before, "{before:?} after {event:?}");
            }
        }
        for before in Standing::ALL {
            assert_eq!(before.after(StandingEvent::Consented), Standing::Confirmed);
        }
    }

    #[test]
    fn the_order_of_the_rows_of_one_person_does_not_matter() {
        for one in Standing::ALL {
            for other in Standing::ALL {
                assert_eq!(one.after(StandingEvent::Listed(other)), other.after(StandingEvent::Listed(one)),);
            }
        }
    }

    #[test]
    fn leaving_after_a_complaint_does_not_forget_the_complaint() {
        assert_eq!(Standing::Complained.after(StandingEvent::Left), Standing::Complained);
        assert_eq!(Standing::Left.after(StandingEvent::Bounced), Standing::Left);
        assert_eq!(Standing::Bouncing.after(StandingEvent::Left), Standing::Left);
    }

    #[test]
    fn a_word_leads_back_to_its_standing() {
        for standing in Standing::ALL {
            assert_eq!(Standing::from_word(standing.word()), Some(standing));
        }
    }

    #[test]
    fn debug_output_does_not_name_a_person() {
        let email = EmailAddress::parse("jeanne@example.org").unwrap();
        assert_eq!(format!("{email:?}"), "j…@example.org");
    }
}

//! Which column of a list means what, by the names that other systems give their columns.

use super::Broken;
use crate::domain::Standing;

/// What a column can tell of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    Email,
    Name,
    FirstName,
    LastName,
    Language,
    Topics,
    Frequency,
    Standing,
    /// Yes: the person must not be written to.
    Blocked,
    LeftAt,
    BouncedAt,
    AskedAt,
    ConfirmedAt,
    /// The client address from which the person joined.
    From,
}

/// The names of each column, folded: lower case, without accents, blanks and punctuation.
/// English and French, Mailchimp, Brevo, listmonk, Sympa and our own export.
const NAMES: &[(Column, &[&str])] = &[
    (
        Column::Email,
        &[
            "email",
            "emailaddress",
            "mail",
            "address",
            "courriel",
            "adresseemail",
            "adressemail",
            "adressecourriel",
            "adresseelectronique",
            "adressedemessagerie",
            "subscriberemail",
            "useremail",
            "contactemail",
        ],
    ),
    (Column::Name, &["name", "fullname", "nomcomplet", "nometprenom", "prenomnom", "gecos", "displayname"]),
    (Column::FirstName, &["firstname", "fname", "prenom", "givenname"]),
    (Column::LastName, &["lastname", "lname", "surname", "nom", "nomdefamille", "familyname"]),
    (Column::Language, &["language", "lang", "langue", "locale"]),
    (Column::Topics, &["topics", "themes", "thematiques", "rubriques", "interests"]),
    (Column::Frequency, &["frequency", "frequence"]),
    (
        Column::Standing,
        &[
            "status",
            "statut",
            "state",
            "etat",
            "standing",
            "subscriptionstatus",
            "subscriberstatus",
            "emailmarketing",
            "emailmarketingstatus",
        ],
    ),
    (
        Column::Blocked,
        &[
            "blocklisted",
            "blacklisted",
            "emailblocklisted",
            "emailblacklisted",
            "unsubscribed",
            "desabonne",
            "optout",
        ],
    ),
    (Column::LeftAt, &["unsubtime", "unsubscribedat", "unsubscribedate", "datededesinscription", "leftat"]),
    (Column::BouncedAt, &["cleantime", "bouncedat"]),
    (
        Column::AskedAt,
        &[
            "optintime",
            "addedtime",
            "createdat",
            "subscribedat",
            "askedat",
            "datedinscription",
            "dateinscription",
        ],
    ),
    (Column::ConfirmedAt, &["confirmtime", "confirmedat"]),
    (Column::From, &["optinip", "confirmip", "ip", "ipaddress"]),
];

impl Column {
    /// The column of that name on the command line (`email`, `first-name`, `status`, …).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        recognise(name)
    }
}

/// The places of the columns in a row, counted from 0.
#[derive(Debug)]
pub struct Columns(Vec<(Column, usize)>);

impl Columns {
    pub fn at(&self, column: Column) -> Option<usize> {
        self.0.iter().find(|(known, _)| *known == column).map(|&(_, at)| at)
    }

    /// Reads the header row; columns named by hand come first.
    pub fn recognised(header: &[String], by_hand: &[(Column, String)]) -> Result<Self, Broken> {
        let mut places = Self::placed_by_hand(header, by_hand)?;
        for (at, name) in header.iter().enumerate() {
            if let Some(column) = recognise(name)
                && !places.iter().any(|&(known, taken)| known == column || taken == at)
            {
                places.push((column, at));
            }
        }
        // "Nom" beside "Prénom" is a family name; alone it is the whole name, and LastName serves.
        if !places.iter().any(|(known, _)| *known == Column::Email) {
            return Err(Broken::NoAddresses(listed(header)));
        }
        Ok(Self(places))
    }

    /// A list without header: the field with an `@` is the address, the next one the name.
    pub fn guessed(first: &[String], by_hand: &[(Column, String)]) -> Result<Self, Broken> {
        if let Some((_, wanted)) = by_hand.first() {
            return Err(Broken::NoSuchColumn {
                wanted: wanted.clone(),
                found: "none, the list has no header row".to_owned(),
            });
        }
        let email = first
            .iter()
            .position(|field| field.contains('@'))
            .ok_or_else(|| Broken::NoAddresses(listed(first)))?;
        let mut places = vec![(Column::Email, email)];
        if email + 1 < first.len() {
            places.push((Column::Name, email + 1));
        }
        Ok(Self(places))
    }

    fn placed_by_hand(
        header: &[String],
        by_hand: &[(Column, String)],
    ) -> Result<Vec<(Column, usize)>, Broken> {
        by_hand
            .iter()
            .map(|(column, wanted)| {
                let at = header.iter().position(|name| folded(name) == folded(wanted));
                at.map(|at| (*column, at))
                    .ok_or_else(|| Broken::NoSuchColumn { wanted: wanted.clone(), found: listed(header) })
            })
            .collect()
    }
}

fn recognise(name: &str) -> Option<Column> {
    let name = folded(name);
    NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|&(column, _)| column)
}

/// What a status means, in the words of several systems; `None` for a word nobody taught us, since
/// unknown means not mailed.
pub fn standing_named(word: &str) -> Option<Standing> {
    Some(match folded(word).as_str() {
        "active" | "actif" | "subscribed" | "subscribe" | "abonne" | "inscrit" | "enabled" | "confirmed"
        | "confirme" => Standing::Confirmed,
        "pending" | "unconfirmed" | "nonconfirme" | "enattente" => Standing::Pending,
        "unsubscribed" | "desabonne" | "desinscrit" | "left" | "optedout" | "disabled" | "blocklisted"
        | "blacklisted" | "nonsubscribed" | "transactional" | "archived" | "suppressed" => Standing::Left,
        "cleaned" | "bounced" | "bouncing" | "hardbounce" | "hardbounced" | "invalid" => Standing::Bouncing,
        "complained" | "complaint" | "spam" | "abuse" => Standing::Complained,
        _ => return None,
    })
}

/// Whether a yes-or-no column says yes; anything but a clear no does, since doubt means not mailed.
pub fn says_yes(text: &str) -> bool {
    !matches!(folded(text).as_str(), "" | "0" | "no" | "non" | "false" | "faux" | "n")
}

/// Lower case, letters and digits only, accents taken off.
fn folded(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    name.nfd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn listed(header: &[String]) -> String {
    let names: Vec<String> =
        header.iter().take(40).map(|name| format!("“{}”", super::tidy(name, 40))).collect();
    names.join(", ")
}

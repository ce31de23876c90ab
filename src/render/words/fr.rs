//! French.

use chrono::Timelike;

use super::{Dates, DigestWords, FeedWords, Words};

pub const WORDS: Words = Words {
    language: "fr",
    dates: Dates {
        weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        months: [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        day: |day| if day == 1 { "1er".to_owned() } else { day.to_string() },
        time: |time| match time.minute() {
            0 => format!("{}\u{a0}h", time.hour()),
            minute => format!("{}\u{a0}h\u{a0}{minute:02}", time.hour()),
        },
        from_day_to_day: |from, to| format!("du {from} au {to}"),
        day_at_time: |day, time| format!("{day} à {time}"),
        day_from_to: |day, from, to| format!("{day} de {from} à {to}"),
    },
    digest: DigestWords {
        number: |number| format!("nº\u{a0}{number}"),
        and_others: |others| match others {
            1 => " et un autre article".to_owned(),
            _ => format!(" et {others}\u{a0}autres articles"),
        },
        preheader_also: "Et aussi\u{a0}: ",
        titles_only: "Et encore",
        unnamed_group: "Autres articles",
        illustration: |title| format!("Illustration\u{a0}: {title}"),
        on_host: |host| format!("sur {host}"),
        when: "Quand",
        place: "Où",
        files: "À télécharger",
        colon: "\u{a0}: ",
        why: |list| format!("Vous recevez «\u{a0}{list}\u{a0}» parce que vous en avez demandé l’envoi."),
        why_listed: |list, address| {
            format!(
                "Vous recevez «\u{a0}{list}\u{a0}» parce que votre adresse est inscrite à la liste de \
                 diffusion {address}."
            )
        },
        leave: "Se désabonner de cette lettre",
        leave_by_mail: "Se désabonner par courriel",
        site: |host| format!("Le site {host}"),
        archive: "Les lettres précédentes",
        subscribe: "S’abonner à cette lettre",
        feeds: "Les flux RSS et Atom",
        privacy: "Vos données personnelles",
        help: "L’aide",
        contact: "Écrire à la rédaction",
        test_mark: "[TEST] ",
    },
    feeds: FeedWords {
        read_on: "Lire la suite sur le site",
        topic_title: |site, topic| format!("{site} – {topic}"),
        topic_description: |topic, site| format!("{topic}\u{a0}: les articles de {site}"),
        this_language: "en français",
        page_heading: "Ceci est un flux d’actualité.",
        page_what: "Il permet de suivre ce site sans donner d’adresse électronique\u{a0}: un lecteur de \
                    flux affiche chaque nouvel article dès sa parution.",
        page_how: "Pour vous abonner, copiez cette adresse dans un lecteur de flux, par exemple \
                   Thunderbird, NetNewsWire ou FreshRSS\u{a0}:",
        page_to_site: "Aller sur le site",
        page_entries: "Derniers articles",
    },
};

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};

    use super::WORDS;

    #[test]
    fn dates_are_said_as_in_french() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        assert_eq!(WORDS.dates.full(day(2026, 11, 23)), "lundi 23\u{a0}novembre 2026");
        assert_eq!(WORDS.dates.long(day(2027, 5, 1)), "1er\u{a0}mai 2027");
    }

    #[test]
    fn an_event_says_its_days_and_hours_once() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
        let said =
            |start: &str, end: Option<&str>| WORDS.dates.event(at(start), end.map(at)).replace('\u{a0}', " ");
        assert_eq!(
            said("2023-05-25T14:00:00+02:00", Some("2023-05-25T18:30:00+02:00")),
            "jeudi 25 mai 2023 de 14 h à 18 h 30"
        );
        assert_eq!(said("2023-05-25T09:05:00+02:00", None), "jeudi 25 mai 2023 à 9 h 05");
        assert_eq!(said("2023-05-25T00:00:00+02:00", None), "jeudi 25 mai 2023");
        assert_eq!(
            said("2023-05-25T00:00:00+02:00", Some("2023-05-27T00:00:00+02:00")),
            "du 25 au 27 mai 2023"
        );
        assert_eq!(
            said("2023-05-30T00:00:00+02:00", Some("2023-06-01T00:00:00+02:00")),
            "du 30 mai au 1er juin 2023"
        );
        assert_eq!(
            said("2023-12-31T00:00:00+01:00", Some("2024-01-02T00:00:00+01:00")),
            "du 31 décembre 2023 au 2 janvier 2024"
        );
        assert_eq!(
            said("2023-05-25T14:00:00+02:00", Some("2023-05-24T14:00:00+02:00")),
            "jeudi 25 mai 2023 à 14 h"
        );
    }

    #[test]
    fn one_other_article_is_singular() {
        assert_eq!((WORDS.digest.and_others)(1), " et un autre article");
        assert_eq!((WORDS.digest.and_others)(3), " et 3\u{a0}autres articles");
    }
}

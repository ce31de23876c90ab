//! English.

use super::{Dates, DigestWords, FeedWords, Words};

pub const WORDS: Words = Words {
    language: "en",
    dates: Dates {
        weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        months: [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        day: |day| day.to_string(),
        time: |time| time.format("%H:%M").to_string(),
        from_day_to_day: |from, to| format!("{from} to {to}"),
        day_at_time: |day, time| format!("{day}, {time}"),
        day_from_to: |day, from, to| format!("{day}, {from}–{to}"),
    },
    digest: DigestWords {
        number: |number| format!("No.\u{a0}{number}"),
        and_others: |others| match others {
            1 => " and one other article".to_owned(),
            _ => format!(" and {others}\u{a0}other articles"),
        },
        preheader_also: "Also: ",
        titles_only: "Also published",
        unnamed_group: "Other articles",
        illustration: |title| format!("Illustration: {title}"),
        on_host: |host| format!("on {host}"),
        when: "Date",
        place: "Place",
        files: "Download",
        colon: ": ",
        why: |list| format!("You receive “{list}” as a subscriber."),
        why_listed: |list, address| format!("“{list}” reaches you through the mailing list {address}."),
        leave: "Unsubscribe",
        leave_by_mail: "Unsubscribe by e-mail",
        site: |host| format!("Website {host}"),
        archive: "Earlier letters",
        subscribe: "Subscribe to this letter",
        feeds: "RSS/Atom feeds",
        privacy: "Privacy notice",
        help: "Help",
        contact: "Contact",
        test_mark: "[TEST] ",
    },
    feeds: FeedWords {
        read_on: "Read on at the site",
        topic_title: |site, topic| format!("{site} – {topic}"),
        topic_description: |topic, site| format!("{topic}: articles of {site}"),
        this_language: "in English",
        page_heading: "This is a web feed.",
        page_what: "It lets you follow this site without giving an e-mail address: a feed reader \
                    shows each new article as soon as it is out.",
        page_how: "To subscribe, copy this address into a feed reader, such as Thunderbird, \
                   NetNewsWire or FreshRSS:",
        page_to_site: "Go to the site",
        page_entries: "Latest articles",
    },
};

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};

    use super::WORDS;

    #[test]
    fn dates_are_said_as_in_english() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
        let day = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        assert_eq!(WORDS.dates.full(day), "Monday 23\u{a0}November 2026");
        let event = WORDS.dates.event(at("2023-05-25T14:00:00+02:00"), Some(at("2023-05-25T18:30:00+02:00")));
        assert_eq!(event.replace('\u{a0}', " "), "Thursday 25 May 2023, 14:00–18:30");
    }
}

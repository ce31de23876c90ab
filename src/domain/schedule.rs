//! When a digest is due: the windows of the schedule as instants, whatever the clocks of the site's
//! zone do.
//!
//! A moment of the calendar that a clock change skips is its end (02:30 becomes 03:00 on the night
//! that has no 02:30); one that comes twice is the first. Windows that nobody was there for merge
//! into one digest.

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;

/// `schedule:` as the editor means it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// With every run that finds something new.
    Always,
    /// On days of the week (all of them: daily), at a time of the site's zone.
    Weekly { days: Vec<Weekday>, at: NaiveTime },
    /// On a day of the month, 1 to 28, at a time of the site's zone.
    Monthly { day: u32, at: NaiveTime },
    /// As soon as so many articles wait.
    Articles(usize),
    /// Never by itself: `send` only.
    ByHand,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no schedule")]
pub struct NotASchedule(pub String);

/// Whether a digest may be cut now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Now, for the window that opened at this instant; `None` for schedules without windows.
    Now(Option<DateTime<Utc>>),
    /// The window opened so long ago that someone should say whether it still makes sense.
    Stale(DateTime<Utc>),
    /// At this instant.
    At(DateTime<Utc>),
    /// When so many articles wait.
    Articles(usize),
    Never,
}

impl Schedule {
    /// Reads `friday 08:00`, `monday, thursday 7:30`, `day 18:00`, `month 09:00`, `month 15 09:00`
    /// (after `every:`), or `5 articles` (after `when:`), in English or French.
    ///
    /// # Errors
    /// Repeats the text.
    pub fn parse(text: &str) -> Result<Self, NotASchedule> {
        let wrong = || NotASchedule(text.to_owned());
        let lower = text.trim().to_lowercase();
        match lower.as_str() {
            "always" | "toujours" | "run" => return Ok(Self::Always),
            "never" | "jamais" | "by hand" => return Ok(Self::ByHand),
            _ => {}
        }
        let mut words: Vec<&str> =
            lower.split([' ', ',', '\t']).filter(|w| !matches!(*w, "" | "and" | "et" | "at" | "à")).collect();
        if let [count, "articles" | "article"] = words[..] {
            let count = count.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
            return Ok(Self::Articles(count));
        }
        let at = match words.last().and_then(|word| time(word)) {
            Some(at) => {
                words.pop();
                at
            }
            None => NaiveTime::from_hms_opt(8, 0, 0).expect("eight o'clock exists"),
        };
        match words[..] {
            ["day" | "daily" | "jour"] => Ok(Self::Weekly { days: WEEK.to_vec(), at }),
            ["month" | "monthly" | "mois"] => Ok(Self::Monthly { day: 1, at }),
            ["month" | "monthly" | "mois", day] => {
                let day = day.parse().ok().filter(|day| (1..=28).contains(day)).ok_or_else(wrong)?;
                Ok(Self::Monthly { day, at })
            }
            [] => Err(wrong()),
            _ => {
                let mut days: Vec<Weekday> =
                    words.iter().map(|word| weekday(word)).collect::<Option<_>>().ok_or_else(wrong)?;
                days.sort_by_key(Weekday::num_days_from_monday);
                days.dedup();
                Ok(Self::Weekly { days, at })
            }
        }
    }

    /// Whether a digest is due at `now`. `last` is the latest of the last scheduled cut and the
    /// baseline: windows up to it are over. `waiting` counts the articles that would be in it.
    #[must_use]
    pub fn due(
        &self,
        last: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        zone: Tz,
        waiting: usize,
        patience: TimeDelta,
    ) -> Due {
        match self {
            Self::Always => Due::Now(None),
            Self::ByHand => Due::Never,
            Self::Articles(count) if waiting >= *count => Due::Now(None),
            Self::Articles(count) => Due::Articles(*count),
            Self::Weekly { .. } | Self::Monthly { .. } => {
                // The window that is open is the last one that has begun.
                let open = self.window_before(now, zone);
                match open {
                    Some(open) if last.is_none_or(|last| last < open) => {
                        if now - open > patience {
                            Due::Stale(open)
                        } else {
                            Due::Now(Some(open))
                        }
                    }
                    _ => self.window_after(now, zone).map_or(Due::Never, Due::At),
                }
            }
        }
    }

    /// The last window that begins at `now` or before.
    fn window_before(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let today = now.with_timezone(&zone).date_naive();
        // A month and a day back is enough for any schedule; a day ahead, for zones and skips.
        (0..=63).find_map(|back| {
            let day = today.checked_add_days(Days::new(1))?.checked_sub_days(Days::new(back))?;
            self.window_on(day, zone).filter(|window| *window <= now)
        })
    }

    fn window_after(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let today = now.with_timezone(&zone).date_naive();
        (0..=63).find_map(|ahead| {
            let day = today.checked_sub_days(Days::new(1))?.checked_add_days(Days::new(ahead))?;
            self.window_on(day, zone).filter(|window| *window > now)
        })
    }

    /// The window that begins on a day of the site's calendar, if one does.
    fn window_on(&self, day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
        let at = match self {
            Self::Weekly { days, at } if days.contains(&day.weekday()) => *at,
            Self::Monthly { day: wanted, at } if day.day() == *wanted => *at,
            _ => return None,
        };
        instant(day, at, zone)
    }
}

/// The instant of a moment of the calendar.
fn instant(day: NaiveDate, at: NaiveTime, zone: Tz) -> Option<DateTime<Utc>> {
    let moment = day.and_time(at);
    match zone.from_local_datetime(&moment) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => Some(instant.to_utc()),
        // Skipped: the first quarter of an hour that exists again.
        LocalResult::None => (1..=12).find_map(|quarters| {
            let later = moment + TimeDelta::minutes(15 * quarters);
            let later = later
                - TimeDelta::minutes(i64::from(
                    later.time().format("%M").to_string().parse::<u8>().unwrap_or(0) % 15,
                ));
            zone.from_local_datetime(&later).earliest().map(|instant| instant.to_utc())
        }),
    }
}

const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// `8:00`, `08:00`, `8h`, `8h30`.
fn time(word: &str) -> Option<NaiveTime> {
    let (hour, minute) = word.split_once([':', 'h'])?;
    let minute = if minute.is_empty() && word.ends_with('h') { "0" } else { minute };
    let digits = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    (digits(hour) && digits(minute)).then_some(())?;
    NaiveTime::from_hms_opt(hour.parse().ok()?, minute.parse().ok()?, 0)
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word.trim_end_matches('s') {
        "monday" | "mon" | "lundi" => Weekday::Mon,
        "tuesday" | "tue" | "mardi" => Weekday::Tue,
        "wednesday" | "wed" | "mercredi" => Weekday::Wed,
        "thursday" | "thu" | "jeudi" => Weekday::Thu,
        "friday" | "fri" | "vendredi" => Weekday::Fri,
        "saturday" | "sat" | "samedi" => Weekday::Sat,
        "sunday" | "sun" | "dimanche" => Weekday::Sun,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARIS: Tz = chrono_tz::Europe::Paris;
    const DAY: TimeDelta = TimeDelta::hours(24);

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn schedule(text: &str) -> Schedule {
        Schedule::parse(text).unwrap()
    }

    #[test]
    fn a_schedule_is_written_as_people_say_it() {
        let eight = NaiveTime::from_hms_opt(8, 0, 0).unwrap();
        let half = NaiveTime::from_hms_opt(7, 30, 0).unwrap();
        for (text, meant) in [
            ("friday 08:00", Schedule::Weekly { days: vec![Weekday::Fri], at: eight }),
            ("Vendredi 8h", Schedule::Weekly { days: vec![Weekday::Fri], at: eight }),
            ("monday", Schedule::Weekly { days: vec![Weekday::Mon], at: eight }),
            (
                "thursday, monday and monday 7:30",
                Schedule::Weekly { days: vec![Weekday::Mon, Weekday::Thu], at: half },
            ),
            ("lundi et jeudi à 7h30", Schedule::Weekly { days: vec![Weekday::Mon, Weekday::Thu], at: half }),
            ("day 07:30", Schedule::Weekly { days: WEEK.to_vec(), at: half }),
            ("monthly", Schedule::Monthly { day: 1, at: eight }),
            ("month 15 07:30", Schedule::Monthly { day: 15, at: half }),
            ("5 articles", Schedule::Articles(5)),
            ("always", Schedule::Always),
            ("never", Schedule::ByHand),
        ] {
            assert_eq!(schedule(text), meant, "{text}");
        }
        for text in
            ["", "08:00", "someday 08:00", "friday 25:00", "friday 8", "month 31", "0 articles", "x articles"]
        {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_digest_is_due_once_in_each_window_whenever_cron_calls() {
        let friday = schedule("friday 08:00");
        let due = |last: &str, now: &str| friday.due(Some(at(last)), at(now), PARIS, 3, DAY);
        let window = at("2026-11-20T07:00:00Z");
        assert_eq!(due("2026-11-13T07:00:10Z", "2026-11-20T06:59:59Z"), Due::At(window));
        assert_eq!(due("2026-11-13T07:00:10Z", "2026-11-20T07:00:00Z"), Due::Now(Some(window)));
        assert_eq!(due("2026-11-13T07:00:10Z", "2026-11-20T19:00:00Z"), Due::Now(Some(window)));
        assert_eq!(due("2026-11-20T07:00:10Z", "2026-11-20T07:10:00Z"), Due::At(at("2026-11-27T07:00:00Z")));
        assert_eq!(due("2026-11-13T07:00:10Z", "2026-11-21T07:00:01Z"), Due::Stale(window));
        // Three missed Fridays are one digest.
        assert_eq!(due("2026-10-30T07:00:10Z", "2026-11-20T08:00:00Z"), Due::Now(Some(window)));
    }

    #[test]
    fn eight_in_the_morning_stays_eight_when_the_clocks_change() {
        let day = schedule("day 08:00");
        let due = |now: &str| day.due(Some(at(now)), at(now), PARIS, 1, DAY);
        assert_eq!(due("2026-03-28T12:00:00Z"), Due::At(at("2026-03-29T06:00:00Z")));
        assert_eq!(due("2026-03-27T12:00:00Z"), Due::At(at("2026-03-28T07:00:00Z")));
        assert_eq!(due("2026-10-24T12:00:00Z"), Due::At(at("2026-10-25T07:00:00Z")));
    }

    #[test]
    fn the_hour_that_does_not_exist_is_its_end_and_the_one_that_comes_twice_is_the_first() {
        let skipped = schedule("day 02:30");
        let due = |now: &str| skipped.due(Some(at(now)), at(now), PARIS, 1, DAY);
        assert_eq!(due("2026-03-28T12:00:00Z"), Due::At(at("2026-03-29T01:00:00Z")), "03:00, summer time");
        assert_eq!(
            due("2026-10-24T12:00:00Z"),
            Due::At(at("2026-10-25T00:30:00Z")),
            "02:30, still summer time"
        );
        assert_eq!(due("2026-10-25T00:30:00Z"), Due::At(at("2026-10-26T01:30:00Z")), "not twice");
    }

    #[test]
    fn cron_every_ten_minutes_makes_one_digest_a_window_through_every_change_of_the_clocks() {
        // The last Sundays of March are the 29th and the 28th: they have no half past two.
        let (none, both, second) = (&[][..], &["03-29 03:05", "03-28 03:05"][..], &["03-28 03:05"][..]);
        for (text, windows, usual, odd) in [
            ("friday 08:00", 105, "08:05", none),
            ("sunday 02:30", 104, "02:35", both),
            ("day 02:30", 730, "02:35", both),
            ("month 28 02:30", 24, "02:35", second),
        ] {
            let schedule = schedule(text);
            let mut now = at("2026-01-01T00:05:00Z");
            let (mut last, mut cuts) = (now, Vec::new());
            while now < at("2027-12-31T23:00:00Z") {
                if let Due::Now(_) = schedule.due(Some(last), now, PARIS, 1, DAY) {
                    last = now;
                    cuts.push(now.with_timezone(&PARIS).format("%m-%d %H:%M").to_string());
                }
                now += TimeDelta::minutes(10);
            }
            assert_eq!(cuts.len(), windows, "{text}: {cuts:?}");
            cuts.retain(|cut| !cut.ends_with(usual));
            assert_eq!(cuts, odd, "{text}");
        }
    }

    #[test]
    fn a_month_has_one_window_and_articles_have_none() {
        let month = schedule("month 15 09:00");
        let due = |last: &str, now: &str| month.due(Some(at(last)), at(now), PARIS, 1, DAY);
        assert_eq!(due("2026-10-15T07:00:01Z", "2026-11-14T23:00:00Z"), Due::At(at("2026-11-15T08:00:00Z")));
        assert_eq!(
            due("2026-10-15T07:00:01Z", "2026-11-15T08:00:00Z"),
            Due::Now(Some(at("2026-11-15T08:00:00Z")))
        );
        let five = schedule("5 articles");
        assert_eq!(five.due(None, at("2026-11-15T08:00:00Z"), PARIS, 4, DAY), Due::Articles(5));
        assert_eq!(five.due(None, at("2026-11-15T08:00:00Z"), PARIS, 5, DAY), Due::Now(None));
    }
}

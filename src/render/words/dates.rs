//! Dates and times in words, from the names of one language.

use std::fmt::Write;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, Timelike};

/// How a language says when.
#[derive(Debug, Clone, Copy)]
pub struct Dates {
    /// Monday first.
    pub weekdays: [&'static str; 7],
    /// January first.
    pub months: [&'static str; 12],
    /// The number of a day: `1er`, `2`…
    pub day: fn(u32) -> String,
    /// A time of day.
    pub time: fn(NaiveTime) -> String,
    /// From one day to another, both already in words.
    pub from_day_to_day: fn(&str, &str) -> String,
    /// A day, then one time.
    pub day_at_time: fn(&str, &str) -> String,
    /// A day, then two times.
    pub day_from_to: fn(&str, &str, &str) -> String,
}

impl Dates {
    /// `lundi 23 novembre 2026`, `Monday 23 November 2026`.
    #[must_use]
    pub fn full(&self, date: NaiveDate) -> String {
        let weekday = self.weekdays[date.weekday().num_days_from_monday() as usize];
        format!("{weekday} {}", self.long(date))
    }

    /// `23 novembre 2026`, `23 November 2026`.
    #[must_use]
    pub fn long(&self, date: NaiveDate) -> String {
        format!("{} {}", self.day_and_month(date), date.year())
    }

    fn day_and_month(&self, date: NaiveDate) -> String {
        // The number stays with its month at the end of a line.
        format!("{}\u{a0}{}", (self.day)(date.day()), self.months[date.month0() as usize])
    }

    /// When an event takes place. Midnight stands for a day without a time, as calendars of
    /// content managers write it; times are told in the offset they were given in.
    #[must_use]
    pub fn event(&self, start: DateTime<FixedOffset>, end: Option<DateTime<FixedOffset>>) -> String {
        let first = start.date_naive();
        let time = |at: DateTime<FixedOffset>| {
            let time = at.time();
            (time.num_seconds_from_midnight() != 0).then(|| (self.time)(time))
        };
        let end = end.filter(|end| *end > start);
        match end {
            Some(end) if end.date_naive() != first => self.days(first, end.date_naive()),
            _ => match (time(start), end.and_then(time)) {
                (Some(from), Some(to)) => (self.day_from_to)(&self.full(first), &from, &to),
                (Some(at), None) => (self.day_at_time)(&self.full(first), &at),
                _ => self.full(first),
            },
        }
    }

    /// Several days, with what both ends share said once.
    fn days(&self, first: NaiveDate, last: NaiveDate) -> String {
        let mut from = String::new();
        if first.year() != last.year() {
            let _ = write!(from, "{}", self.long(first));
        } else if first.month() != last.month() {
            let _ = write!(from, "{}", self.day_and_month(first));
        } else {
            let _ = write!(from, "{}", (self.day)(first.day()));
        }
        (self.from_day_to_day)(&from, &self.long(last))
    }
}

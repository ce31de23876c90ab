//! Dates as editors and Siteleaf write them.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

/// A date, and whether a time was written with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The instant, with the offset of the site's zone on that day.
    pub at: DateTime<FixedOffset>,
    /// Whether the written offset is the one the site's zone has on that day; an editor who copies
    /// `+02:00` into November means another hour than the one that readers will see.
    pub offset_fits: bool,
}

/// Reads `2015-04-24 11:07:00 +02:00`, `2016-03-22 00:00:00 Z`, `2018-07-02`, and the same with `T`,
/// without seconds, with a fraction, or without a zone, which is then the site's.
///
/// A local time that the clock skips is the end of the gap; one that happens twice is the first. A
/// leap second is the second before it. `None` for anything else: nothing is guessed.
pub fn parse(text: &str, zone: Tz) -> Option<Written> {
    let mut rest = text.trim();
    let year = number(&mut rest, 4, 4)?;
    let month = rest.strip_prefix('-').and_then(|r| take(&mut rest, r, 1, 2))?;
    let day = rest.strip_prefix('-').and_then(|r| take(&mut rest, r, 1, 2))?;
    let date = NaiveDate::from_ymd_opt(year.cast_signed(), month, day).filter(|_| year >= 1000)?;
    let blank = rest.trim_start_matches([' ', '\t']);
    let Some(clock) = blank.strip_prefix(['T', 't']).or((blank.len() < rest.len()).then_some(blank)) else {
        return if rest.is_empty() { local(date.and_time(NaiveTime::MIN), zone) } else { None };
    };
    let (time, offset) = time_and_offset(clock)?;
    let wall = date.and_time(time);
    match offset {
        None => local(wall, zone),
        Some(offset) => {
            let at = offset.from_local_datetime(&wall).single()?;
            let here = at.with_timezone(&zone).fixed_offset();
            let fits = here.offset() == at.offset() || offset.local_minus_utc() == 0;
            Some(Written { at: here, offset_fits: fits })
        }
    }
}

/// Midnight, or any other wall time, in the site's zone.
fn local(wall: NaiveDateTime, zone: Tz) -> Option<Written> {
    let at = match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at,
        LocalResult::None => (1..=24 * 60).find_map(|minutes| {
            let later = wall.with_second_zero()? + TimeDelta::minutes(minutes);
            zone.from_local_datetime(&later).earliest()
        })?,
    };
    Some(Written { at: at.fixed_offset(), offset_fits: true })
}

trait WithoutSeconds: Sized {
    fn with_second_zero(self) -> Option<Self>;
}

impl WithoutSeconds for NaiveDateTime {
    fn with_second_zero(self) -> Option<Self> {
        use chrono::Timelike;
        self.with_second(0)?.with_nanosecond(0)
    }
}

fn time_and_offset(clock: &str) -> Option<(NaiveTime, Option<FixedOffset>)> {
    let mut rest = clock;
    let hour = number(&mut rest, 1, 2)?;
    let minute = rest.strip_prefix(':').and_then(|r| take(&mut rest, r, 2, 2))?;
    let mut second = 0;
    if let Some(r) = rest.strip_prefix(':') {
        second = take(&mut rest, r, 2, 2)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    if second == 60 {
        second = 59;
    }
    let time = NaiveTime::from_hms_opt(hour, minute, second)?;
    let zone = rest.trim();
    let offset = match zone {
        "" => None,
        "Z" | "z" | "UTC" | "GMT" => Some(0),
        _ => Some(offset_seconds(zone)?),
    };
    Some((
        time,
        match offset {
            None => None,
            Some(seconds) => Some(FixedOffset::east_opt(seconds)?),
        },
    ))
}

/// `+02:00`, `+0200`, `-5`; no place on earth is over 14 hours from UTC.
fn offset_seconds(zone: &str) -> Option<i32> {
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = &zone[1..];
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "00"),
    };
    let two = |mut text: &str, least| number(&mut text, least, 2).filter(|_| text.is_empty());
    let (hours, minutes) = (two(hours, 1)?, two(minutes, 2)?);
    let sound = minutes < 60 && hours * 60 + minutes <= 14 * 60;
    sound.then(|| sign * (hours * 3600 + minutes * 60).cast_signed())
}

fn take<'a>(rest: &mut &'a str, from: &'a str, least: usize, most: usize) -> Option<u32> {
    *rest = from;
    number(rest, least, most)
}

/// Reads a run of `least` to `most` digits from the front, and no longer one.
fn number(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !(least..=most).contains(&length) {
        return None;
    }
    let (digits, after) = rest.split_at(length);
    *rest = after;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use chrono_tz::Europe::{Berlin, Paris};

    fn paris(text: &str) -> String {
        parse(text, Paris).map_or_else(|| "none".to_owned(), |date| date.at.to_rfc3339())
    }

    #[test]
    fn the_forms_of_editors_are_read() {
        for (text, instant) in [
            ("2015-04-24 11:07:00 +02:00", "2015-04-24T11:07:00+02:00"),
            ("2018-07-18 15:16:00 Z", "2018-07-18T17:16:00+02:00"),
            ("2018-07-02", "2018-07-02T00:00:00+02:00"),
            ("2026-11-22 10:00:00", "2026-11-22T10:00:00+01:00"),
            ("2026-11-22T10:00", "2026-11-22T10:00:00+01:00"),
            ("2026-1-2 9:05", "2026-01-02T09:05:00+01:00"),
            ("2026-11-22T10:00:00.123Z", "2026-11-22T11:00:00+01:00"),
            ("2026-11-22 10:00:00 -0500", "2026-11-22T16:00:00+01:00"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:59:59+01:00"),
            ("9999-12-31", "9999-12-31T00:00:00+01:00"),
            ("1900-01-01", "1900-01-01T00:00:00+00:09"),
        ] {
            assert_eq!(paris(text), instant, "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "2026-13-45",
            "2026-02-30",
            "0000-00-00",
            "yesterday",
            "1e999",
            "1795000000",
            "12:30:45",
            "2026-11-22T10:00:00+25:00",
            "10000-01-01",
            "03/04/2026",
            "2026-11-22x",
            "2026-11-22 10",
            "2026-11-22 10:00:00 CET",
            "2026-11-22 10:00:00 +1:5",
            "2026-11-22 10:00:00 +01:00x",
            "8 septembre 2023",
            "",
        ] {
            assert_eq!(paris(text), "none", "{text}");
        }
    }

    #[test]
    fn the_hour_that_is_skipped_and_the_hour_that_comes_twice() {
        let berlin = |text| parse(text, Berlin).unwrap().at.to_rfc3339();
        assert_eq!(berlin("2026-03-29 02:30:00"), "2026-03-29T03:00:00+02:00");
        assert_eq!(berlin("2026-10-25 02:30:00"), "2026-10-25T02:30:00+02:00");
    }

    #[test]
    fn an_offset_of_the_wrong_season_is_noticed() {
        assert!(!parse("2021-11-10 12:05:00 +02:00", Paris).unwrap().offset_fits);
        assert!(parse("2021-11-10 12:05:00 +01:00", Paris).unwrap().offset_fits);
        assert!(parse("2021-11-10 12:05:00 Z", Paris).unwrap().offset_fits);
    }
}

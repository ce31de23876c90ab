//! `first_run:` and the part of `digest:` that decides which articles are mailed.

use chrono::{DateTime, NaiveDate, TimeZone, Utc};

use super::Refusal;
use crate::select::FirstRun;

/// `baseline`, `all`, `last 3`, `since 2026-01-01`.
pub(super) fn first_run(text: Option<&str>) -> Result<FirstRun, Refusal> {
    let Some(text) = text else { return Ok(FirstRun::Baseline) };
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["baseline"] => Ok(FirstRun::Baseline),
        ["all"] => Ok(FirstRun::All),
        ["last", count] if count.parse::<usize>().is_ok() => {
            Ok(FirstRun::Last(count.parse().unwrap_or_default()))
        }
        ["since", date] => Ok(FirstRun::Since(instant("first_run", date)?)),
        _ => Err(Refusal::of(
            "first_run",
            format!("`{text}` is not understood"),
            "write baseline, all, last 3, or since 2026-01-01",
        )),
    }
}

/// A day (its beginning, UTC) or an RFC 3339 instant.
pub(super) fn instant(key: &str, text: &str) -> Result<DateTime<Utc>, Refusal> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    day.map(|day| Utc.from_utc_datetime(&day))
        .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()))
        .ok_or_else(|| Refusal::of(key, format!("`{text}` is no date"), "write it as 2026-01-31"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_is_said_in_words() {
        assert_eq!(first_run(None), Ok(FirstRun::Baseline));
        assert_eq!(first_run(Some("last 3")), Ok(FirstRun::Last(3)));
        assert_eq!(first_run(Some("all")), Ok(FirstRun::All));
        let since = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
        assert_eq!(first_run(Some("since 2026-01-01")), Ok(FirstRun::Since(since)));
        for wrong in ["", "last", "last x", "since", "since yesterday", "3"] {
            assert!(first_run(Some(wrong)).is_err(), "{wrong:?}");
        }
    }
}

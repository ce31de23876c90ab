//! The letter of readers who want one a month: everything that was announced since their last.
//!
//! It is cut by the first run of a month, whatever the schedule of the others. Its name holds the
//! month it closes and exists once in the ledger, so two runs cannot send it twice.

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

use super::Fault;
use crate::domain::{Frequency, Occasion};
use crate::ledger::{DigestSummary, Ledger};
use crate::read::folder::Scan;

/// What every monthly digest is called before its month: `monthly 2026-10`.
const NAME: &str = "monthly ";

/// Digests looked back upon: more than a month of daily ones and of letters by hand.
const LOOKED_BACK: usize = 200;

/// A monthly digest that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub name: String,
    /// Places in the scan.
    pub chosen: Vec<usize>,
}

/// Whether a monthly digest is due, and of which articles: those of the scheduled digests of the
/// month that is over, or since the last monthly one, that are still on the site. `None` when nobody wants one, when this month has
/// had it, or when nothing was announced.
///
/// # Errors
/// When the ledger cannot be read.
pub fn due(scan: &Scan, ledger: &mut dyn Ledger, now: DateTime<Utc>) -> Result<Option<Due>, Fault> {
    let wanted = ledger.reader_groups()?.iter().any(|group| group.frequency == Frequency::Monthly);
    if !wanted {
        return Ok(None);
    }
    let month = Month::over(now, scan.site.timezone);
    let digests = ledger.digests(LOOKED_BACK)?;
    let Some(digests) = since_last(&digests, month, scan.site.timezone) else { return Ok(None) };
    let announced: Vec<_> = digests.iter().flat_map(|digest| &digest.articles).collect();
    let chosen: Vec<usize> =
        (0..scan.articles.len()).filter(|&at| announced.contains(&&scan.articles[at].id)).collect();
    Ok((!chosen.is_empty()).then_some(Due { name: month.name(), chosen }))
}

/// The scheduled digests that the letter of a month takes up: those cut since the month of the last
/// monthly letter ended (or since this one began, when there is none) and before it ended itself.
/// `None` when it exists.
fn since_last(digests: &[DigestSummary], month: Month, zone: Tz) -> Option<Vec<&DigestSummary>> {
    // The newest come first.
    let last = digests.iter().find_map(|digest| match &digest.occasion {
        Occasion::Manual(name) => Month::of_name(name),
        Occasion::Scheduled => None,
    });
    if last.is_some_and(|last| last >= month) {
        return None;
    }
    let from = midnight(last.map_or(month.0, |last| last.next().0), zone);
    let until = midnight(month.next().0, zone);
    let scheduled = digests.iter().filter(|digest| digest.occasion == Occasion::Scheduled);
    Some(scheduled.filter(|digest| (from..until).contains(&digest.cut_at)).collect())
}

/// A month of the calendar, as its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Month(NaiveDate);

impl Month {
    /// The last month that is over in the site's zone.
    fn over(now: DateTime<Utc>, zone: Tz) -> Self {
        let today = now.with_timezone(&zone).date_naive();
        let first = |day: NaiveDate| day.with_day(1).expect("every month has a first day");
        Self(first(today).pred_opt().map_or(today, first))
    }

    fn next(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    fn name(self) -> String {
        format!("{NAME}{}", self.0.format("%Y-%m"))
    }

    /// The month of a monthly digest; `None` for any other name.
    fn of_name(name: &str) -> Option<Self> {
        NaiveDate::parse_from_str(&format!("{}-01", name.strip_prefix(NAME)?), "%Y-%m-%d").ok().map(Self)
    }
}

/// The first instant of a day; where midnight does not exist, the first that does.
fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    zone.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc(), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ArticleId, DigestId, Tally};

    fn digest(id: i64, occasion: Occasion, at: &str) -> DigestSummary {
        DigestSummary {
            id: DigestId(id),
            occasion,
            cut_at: at.parse().unwrap(),
            articles: vec![ArticleId(format!("/{id}/"))],
            subject: String::new(),
            pause: None,
            tally: Tally::default(),
        }
    }

    #[test]
    fn a_month_is_the_sites_own() {
        let zone = chrono_tz::Europe::Paris;
        let over = |text: &str| Month::over(text.parse().unwrap(), zone).name();
        assert_eq!(over("2026-11-30T23:30:00Z"), "monthly 2026-11");
        assert_eq!(over("2026-11-30T22:30:00Z"), "monthly 2026-10");
        assert_eq!(over("2027-01-01T00:00:00Z"), "monthly 2026-12");
        let october = Month::of_name("monthly 2026-10").unwrap();
        assert_eq!(midnight(october.0, zone).to_rfc3339(), "2026-09-30T22:00:00+00:00");
        assert_eq!(Month::of_name("monthly news"), None);
    }

    #[test]
    fn each_digest_is_taken_up_once_and_letters_by_hand_are_not() {
        let mut digests = vec![
            digest(5, Occasion::Scheduled, "2026-11-02T08:00:00Z"),
            digest(4, Occasion::Manual("special".to_owned()), "2026-10-20T08:00:00Z"),
            digest(3, Occasion::Scheduled, "2026-10-09T08:00:00Z"),
            digest(2, Occasion::Scheduled, "2026-10-02T08:00:00Z"),
            digest(1, Occasion::Scheduled, "2026-09-11T08:00:00Z"),
        ];
        let taken = |digests: &[DigestSummary], name: &str| -> Option<Vec<i64>> {
            let found = since_last(digests, Month::of_name(name).unwrap(), chrono_tz::UTC)?;
            Some(found.iter().map(|digest| digest.id.0).collect())
        };
        assert_eq!(taken(&digests, "monthly 2026-10"), Some(vec![3, 2]));
        digests.insert(0, digest(6, Occasion::Manual("monthly 2026-10".to_owned()), "2026-11-02T08:00:01Z"));
        assert_eq!(taken(&digests, "monthly 2026-10"), None, "once");
        digests.insert(0, digest(7, Occasion::Scheduled, "2026-12-04T08:00:00Z"));
        // Nobody was there in December: January closes both months.
        assert_eq!(taken(&digests, "monthly 2026-12"), Some(vec![7, 5]));
    }
}

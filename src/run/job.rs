//! What cron calls: feeds, then what waits, then a digest if one is due.

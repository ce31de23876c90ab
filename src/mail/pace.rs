//! How fast letters may go: overall and for each recipient domain, by the second and by the hour.
//!
//! Pure: time comes in as the span since the run began. What the last hour has used up, and how many
//! workers share the limits, is told at the start and now and then, so that a run killed and
//! started again is no faster, and eight workers are no faster than one. A server that says "too
//! fast" halves the pace; every hundred letters it then takes without a word win a tenth back.

use std::collections::HashMap;
use std::time::Duration;

/// Limits of one kind; `None` is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limit {
    pub per_second: Option<f64>,
    pub per_hour: Option<u32>,
}

/// All limits of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    pub overall: Limit,
    /// For every recipient domain that has no limit of its own.
    pub each_domain: Limit,
    /// By domain, lower case.
    pub domains: HashMap<String, Limit>,
}

/// Counts letters out.
#[derive(Debug)]
pub struct Pace {
    limits: Limits,
    overall: Gate,
    domains: HashMap<String, Gate>,
    /// Letters of the last hour, by recipient domain.
    used: HashMap<String, u64>,
    /// This worker's part of every limit.
    share: f64,
    brake: Option<Brake>,
    /// Letters let out in the present and the last whole second, to know what "half" means.
    recent: [(u64, u32); 2],
}

/// The pace that a server asked for by complaining.
#[derive(Debug)]
struct Brake {
    /// Of all workers together.
    per_second: f64,
    gate: Bucket,
    since: Duration,
    accepted: u32,
}

impl Pace {
    /// A pace at the start of a run that is alone and follows none.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            overall: Gate::new(limits.overall, 0, 1.0, Duration::ZERO),
            limits,
            domains: HashMap::new(),
            used: HashMap::new(),
            share: 1.0,
            brake: None,
            recent: [(0, 0); 2],
        }
    }

    /// Learns what all workers have sent in the last hour, by recipient domain, and how many they
    /// are, this one included.
    pub fn agree(&mut self, used: Vec<(String, u64)>, workers: u32, at: Duration) {
        self.share = 1.0 / f64::from(workers.max(1));
        let total = used.iter().map(|(_, count)| count).sum();
        self.used = used.into_iter().collect();
        self.overall.agree(self.limits.overall, total, self.share, at);
        for (domain, gate) in &mut self.domains {
            let limit = self.limits.domains.get(domain).copied().unwrap_or(self.limits.each_domain);
            gate.agree(limit, self.used.get(domain).copied().unwrap_or(0), self.share, at);
        }
        if let Some(brake) = &mut self.brake {
            brake.gate.set_rate(brake.per_second * self.share, at);
        }
    }

    /// Whether any hourly limit is set, so that the last hour matters.
    #[must_use]
    pub fn looks_back(limits: &Limits) -> bool {
        let hourly = |limit: &Limit| limit.per_hour.is_some();
        hourly(&limits.overall) || hourly(&limits.each_domain) || limits.domains.values().any(hourly)
    }

    /// Lets one letter to `domain` go, or says how long it must wait.
    pub fn ask(&mut self, domain: &str, at: Duration) -> Result<(), Duration> {
        let limit = self.limits.domains.get(domain).copied().unwrap_or(self.limits.each_domain);
        let limited = limit != Limit::default();
        if limited && !self.domains.contains_key(domain) {
            if self.domains.len() > 10_000 {
                self.domains.retain(|_, gate| !gate.is_full(at));
            }
            let used = self.used.get(domain).copied().unwrap_or(0);
            self.domains.insert(domain.to_owned(), Gate::new(limit, used, self.share, at));
        }
        let mut wait = self.overall.wait(at);
        if let Some(brake) = &mut self.brake {
            wait = wait.max(brake.gate.wait(at));
        }
        let mut gate = if limited { self.domains.get_mut(domain) } else { None };
        if let Some(gate) = &mut gate {
            wait = wait.max(gate.wait(at));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        self.overall.take();
        if let Some(brake) = &mut self.brake {
            brake.gate.take();
        }
        if let Some(gate) = gate {
            gate.take();
        }
        let second = at.as_secs();
        if self.recent[1].0 != second {
            self.recent = [self.recent[1], (second, 0)];
        }
        self.recent[1].1 += 1;
        Ok(())
    }

    /// The server took a letter.
    pub fn accepted(&mut self, at: Duration) {
        if let Some(brake) = &mut self.brake {
            brake.accepted += 1;
            if brake.accepted >= 100 {
                brake.accepted = 0;
                brake.per_second *= 1.1;
                brake.gate.set_rate(brake.per_second * self.share, at);
            }
        }
    }

    /// The server finds us too fast. Complaints within one second of each other are one: says
    /// whether this was the first.
    pub fn slow_down(&mut self, at: Duration) -> bool {
        if self.brake.as_ref().is_some_and(|brake| at.saturating_sub(brake.since) < Duration::from_secs(1)) {
            return false;
        }
        let rate = if let Some(brake) = &self.brake {
            brake.per_second
        } else {
            let measured = self.recent.iter().map(|(_, count)| *count).max().unwrap_or(1);
            let measured = f64::from(measured.max(1)) / self.share;
            self.limits.overall.per_second.unwrap_or(f64::INFINITY).min(measured)
        };
        self.brake(rate / 2.0, at);
        true
    }

    /// All workers together shall be no faster than this, letters a second, until good service
    /// wins it back.
    pub fn brake(&mut self, per_second: f64, at: Duration) {
        let per_second = per_second.max(0.1);
        // The braked bucket holds one letter: bursts are what the server complained of.
        let gate = Bucket::new(per_second * self.share, 1.0, 0.0, at);
        self.brake = Some(Brake { per_second, gate, since: at, accepted: 0 });
    }

    /// The pace that complaints have left all workers together, letters a second.
    #[must_use]
    pub fn braked(&self) -> Option<f64> {
        self.brake.as_ref().map(|brake| brake.per_second)
    }
}

/// The buckets of one limit.
#[derive(Debug)]
struct Gate {
    second: Option<Bucket>,
    hour: Option<Bucket>,
}

impl Gate {
    fn new(limit: Limit, used: u64, share: f64, at: Duration) -> Self {
        let second = limit.per_second.map(|rate| Bucket::new(rate, 1.0, rate.min(1.0), at));
        let hour = limit.per_hour.map(|_| Bucket::new(0.0, f64::INFINITY, f64::INFINITY, at));
        let mut gate = Self { second, hour };
        gate.agree(limit, used, share, at);
        gate
    }

    /// What is left never grows by agreeing: only time gives it back.
    fn agree(&mut self, limit: Limit, used: u64, share: f64, at: Duration) {
        if let (Some(bucket), Some(rate)) = (&mut self.second, limit.per_second) {
            bucket.set_rate(rate * share, at);
            bucket.size = (rate * share).max(1.0);
        }
        if let (Some(bucket), Some(count)) = (&mut self.hour, limit.per_hour) {
            let full = f64::from(count.max(1));
            bucket.set_rate(full / 3600.0 * share, at);
            bucket.size = (full * share).max(1.0);
            bucket.level = bucket.level.min((full - used as f64) * share);
        }
    }

    fn wait(&mut self, at: Duration) -> Duration {
        let wait = |bucket: &mut Option<Bucket>| bucket.as_mut().map_or(Duration::ZERO, |b| b.wait(at));
        wait(&mut self.second).max(wait(&mut self.hour))
    }

    fn take(&mut self) {
        for bucket in [&mut self.second, &mut self.hour].into_iter().flatten() {
            bucket.level -= 1.0;
        }
    }

    fn is_full(&self, at: Duration) -> bool {
        [&self.second, &self.hour].into_iter().flatten().all(|bucket| bucket.level_at(at) >= bucket.size)
    }
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    size: f64,
    level: f64,
    at: Duration,
}

impl Bucket {
    fn new(per_second: f64, size: f64, level: f64, at: Duration) -> Self {
        Self { per_second: per_second.max(1e-6), size, level, at }
    }

    fn level_at(&self, at: Duration) -> f64 {
        (self.level + at.saturating_sub(self.at).as_secs_f64() * self.per_second).min(self.size)
    }

    fn wait(&mut self, at: Duration) -> Duration {
        self.level = self.level_at(at);
        self.at = self.at.max(at);
        if self.level >= 1.0 - 1e-9 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(((1.0 - self.level) / self.per_second).clamp(1e-6, 86_400.0))
        }
    }

    fn take(&mut self) {
        self.level -= 1.0;
    }

    fn set_rate(&mut self, per_second: f64, at: Duration) {
        self.level = self.level_at(at);
        self.at = self.at.max(at);
        self.per_second = per_second.max(1e-6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters to one domain that pass within a span, asking as soon as allowed.
    fn count(pace: &mut Pace, domain: &str, from: Duration, to: Duration) -> u32 {
        let (mut at, mut letters) = (from, 0);
        while at < to {
            match pace.ask(domain, at) {
                Ok(()) => letters += 1,
                Err(wait) => at += wait,
            }
            assert!(letters < 1_000_000, "no limit at all");
        }
        letters
    }

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn ten_a_second_is_ten_a_second() {
        let limits =
            Limits { overall: Limit { per_second: Some(10.0), per_hour: None }, ..Limits::default() };
        let mut pace = Pace::new(limits);
        let letters = count(&mut pace, "example.org", seconds(0), seconds(10));
        assert!((99..=101).contains(&letters), "{letters}");
        // After a pause, one second's worth may go at once, not more.
        let burst = count(&mut pace, "example.org", seconds(60), Duration::from_millis(60_001));
        assert!((10..=11).contains(&burst), "{burst}");
    }

    #[test]
    fn an_hours_quota_counts_what_went_before_a_restart() {
        let limits = Limits { overall: Limit { per_second: None, per_hour: Some(360) }, ..Limits::default() };
        let used = vec![("example.org".to_owned(), 300), ("example.net".to_owned(), 60)];
        let mut pace = Pace::new(limits);
        pace.agree(used, 1, seconds(0));
        assert!(pace.ask("example.org", seconds(0)).is_err());
        assert_eq!(count(&mut pace, "example.org", seconds(0), seconds(1001)), 100);
    }

    #[test]
    fn one_slow_domain_does_not_hold_the_others_back() {
        let slow = Limit { per_second: Some(1.0), per_hour: None };
        let limits = Limits { domains: [("slow.example".to_owned(), slow)].into(), ..Limits::default() };
        let mut pace = Pace::new(limits);
        assert_eq!(pace.ask("slow.example", seconds(0)), Ok(()));
        assert!(pace.ask("slow.example", seconds(0)).is_err());
        for _ in 0..100 {
            assert_eq!(pace.ask("example.org", seconds(0)), Ok(()));
        }
        assert_eq!(pace.ask("slow.example", seconds(1)), Ok(()));
    }

    #[test]
    fn a_complaint_halves_the_pace_once_and_good_service_wins_it_back() {
        let mut pace = Pace::new(Limits::default());
        for i in 0..80 {
            pace.ask("example.org", Duration::from_millis(i * 10)).unwrap();
        }
        assert!(pace.slow_down(seconds(1)));
        assert!(!pace.slow_down(seconds(1)));
        assert_eq!(pace.braked(), Some(40.0));
        let letters = count(&mut pace, "example.org", seconds(2), seconds(4));
        assert!((79..=82).contains(&letters), "{letters}");
        pace.slow_down(seconds(4));
        assert_eq!(pace.braked(), Some(20.0));
        for _ in 0..100 {
            pace.accepted(seconds(5));
        }
        assert_eq!(pace.braked(), Some(22.0));
    }

    #[test]
    fn four_workers_are_as_fast_as_one() {
        let limit = Limit { per_second: Some(40.0), per_hour: None };
        let mut pace = Pace::new(Limits { overall: limit, ..Limits::default() });
        assert!(count(&mut pace, "example.org", seconds(0), seconds(10)) >= 399);
        pace.agree(vec![], 4, seconds(10));
        let letters = count(&mut pace, "example.org", seconds(10), seconds(20));
        assert!((99..=112).contains(&letters), "{letters}");
        pace.brake(20.0, seconds(20));
        let letters = count(&mut pace, "example.org", seconds(20), seconds(30));
        assert!((49..=51).contains(&letters), "{letters}");
        pace.agree(vec![], 1, seconds(30));
        let letters = count(&mut pace, "example.org", seconds(30), seconds(40));
        assert!((199..=201).contains(&letters), "{letters}");
    }

    #[test]
    fn what_others_sent_is_missing_from_the_hour() {
        let limit = Limit { per_second: None, per_hour: Some(100) };
        let mut pace = Pace::new(Limits { each_domain: limit, ..Limits::default() });
        assert_eq!(pace.ask("example.org", seconds(0)), Ok(()));
        pace.agree(vec![("example.org".into(), 60), ("example.net".into(), 90)], 2, seconds(0));
        assert_eq!(count(&mut pace, "example.org", seconds(0), seconds(1)), 20, "half of what is left");
        assert_eq!(count(&mut pace, "example.net", seconds(0), seconds(1)), 5);
        assert_eq!(count(&mut pace, "example.com", seconds(0), seconds(1)), 50);
        // A later look never gives back what was let go and is not in the ledger yet.
        pace.agree(vec![], 1, seconds(1));
        assert!(pace.ask("example.org", seconds(1)).is_err());
    }
}

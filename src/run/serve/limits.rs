//! How often someone may make the service write letters. Pure: it is told the time.
//!
//! Three limits stand behind one another: one client, all clients together, and (in the ledger,
//! since it must outlive a restart) one letter an hour to one mailbox. Leaving is never limited.

use std::collections::HashMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

/// How many requests that write letters are answered in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    pub per_client: u32,
    pub overall: u32,
}

impl Default for Rates {
    fn default() -> Self {
        // A town hall or a school is one client behind one address.
        Self { per_client: 20, overall: 1000 }
    }
}

/// Clients remembered at most; beyond, the fullest buckets, which forget nothing, go first.
const CLIENTS: usize = 50_000;

/// What is left to each client, and to all.
#[derive(Debug)]
pub struct Limits {
    rates: Rates,
    clients: HashMap<IpAddr, Bucket>,
    overall: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: DateTime<Utc>,
}

impl Bucket {
    fn full(rate: u32, now: DateTime<Utc>) -> Self {
        Self { left: f64::from(rate), at: now }
    }

    fn refill(&mut self, rate: u32, now: DateTime<Utc>) {
        // A clock that steps back gives nothing and takes nothing.
        let hours = (now - self.at).as_seconds_f64().max(0.0) / 3600.0;
        self.left = (self.left + hours * f64::from(rate)).min(f64::from(rate));
        self.at = now;
    }
}

impl Limits {
    #[must_use]
    pub fn new(rates: Rates, now: DateTime<Utc>) -> Self {
        Self { rates, clients: HashMap::new(), overall: Bucket::full(rates.overall, now) }
    }

    /// Whether a client may make the service write a letter now; if so, it counts.
    pub fn allow(&mut self, client: IpAddr, now: DateTime<Utc>) -> bool {
        let client = network_of(client);
        if self.clients.len() >= CLIENTS && !self.clients.contains_key(&client) {
            self.forget_idle(now);
        }
        self.overall.refill(self.rates.overall, now);
        let bucket = self.clients.entry(client).or_insert_with(|| Bucket::full(self.rates.per_client, now));
        bucket.refill(self.rates.per_client, now);
        let allowed = bucket.left >= 1.0 && self.overall.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
            self.overall.left -= 1.0;
        }
        allowed
    }

    fn forget_idle(&mut self, now: DateTime<Utc>) {
        let rate = self.rates.per_client;
        self.clients.retain(|_, bucket| {
            bucket.refill(rate, now);
            bucket.left < f64::from(rate)
        });
        // An attack from everywhere at once: the overall limit holds it, memory stays bounded.
        if self.clients.len() >= CLIENTS {
            self.clients.clear();
        }
    }
}

/// Who counts as one client: an IPv4 address, or the /64 that one IPv6 household gets.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration, Utc};

    use super::{CLIENTS, Limits, Rates};

    fn start() -> DateTime<Utc> {
        "2026-11-23T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_client_is_stopped_and_others_go_on() {
        let mut limits = Limits::new(Rates { per_client: 2, overall: 100 }, start());
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert!(limits.allow(one, start()) && limits.allow(one, start()));
        assert!(!limits.allow(one, start()));
        assert!(limits.allow(other, start()));
        assert!(limits.allow(one, start() + Duration::minutes(31)), "half an hour gives one of two back");
    }

    #[test]
    fn many_clients_together_are_stopped() {
        let mut limits = Limits::new(Rates { per_client: 5, overall: 10 }, start());
        let allowed = (0..100_u8).filter(|n| limits.allow([192, 0, 2, *n].into(), start())).count();
        assert_eq!(allowed, 10);
    }

    #[test]
    fn a_household_has_one_bucket_whatever_its_addresses() {
        let mut limits = Limits::new(Rates { per_client: 1, overall: 100 }, start());
        assert!(limits.allow("2001:db8::1".parse().unwrap(), start()));
        assert!(!limits.allow("2001:db8::ffff".parse().unwrap(), start()));
        assert!(limits.allow("2001:db8:0:1::1".parse().unwrap(), start()));
        assert!(limits.allow("192.0.2.1".parse().unwrap(), start()));
        assert!(!limits.allow("::ffff:192.0.2.1".parse().unwrap(), start()));
    }

    #[test]
    fn memory_is_bounded_and_a_clock_that_steps_back_gives_nothing() {
        let mut limits = Limits::new(Rates { per_client: 1, overall: u32::MAX }, start());
        for n in 0..(CLIENTS as u32 + 10) {
            limits.allow(std::net::Ipv4Addr::from(n).into(), start());
        }
        assert!(limits.clients.len() <= CLIENTS);
        let client = "192.0.2.1".parse().unwrap();
        limits.allow(client, start());
        assert!(!limits.allow(client, start() - Duration::hours(5)));
    }
}

//! Which relay the next letter goes to: shares by weight, fail-over, and patience with one that is
//! down. Pure; time comes in as the span since the run began.

use std::time::Duration;

/// The waits after failures in a row: soon at first, since many are a hiccup.
const BACK_OFF: [Duration; 8] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(10),
];

/// The wait of one connection too many for a relay that has others open; twice as long for each
/// that fails before one opens again.
const FIRST_REST: Duration = Duration::from_millis(125);
const LONGEST_REST: Duration = Duration::from_secs(8);

/// Answers in a row that helped no letter before a relay counts as down.
const TROUBLES: u32 = 5;

/// What is known of each relay during one run.
#[derive(Debug)]
pub struct Relays {
    relays: Vec<Relay>,
    /// The relay of each connection, in order: the shares of the weights.
    shares: Vec<usize>,
}

#[derive(Debug, Default)]
struct Relay {
    weight: u32,
    contact: Contact,
    failures: usize,
    troubles: u32,
    /// Connections in a row that could not be opened beside others.
    too_many: u32,
    rest_until: Duration,
    worked_at: Option<Duration>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Contact {
    /// Nobody has spoken with it in this run.
    #[default]
    None,
    /// One connection is trying; the others wait for what it finds, so that a wrong password is
    /// tried once.
    Trying,
    Made,
    /// Something only a person can mend.
    Excluded(String),
}

/// The answer to "where to?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    Use(usize),
    /// None is ready; ask again after this span, or when something has happened.
    Wait(Duration),
    /// None will be ready in this run, for this reason.
    Never(String),
}

impl Relays {
    /// Relays by their weights, for so many connections.
    #[must_use]
    pub fn new(weights: &[u32], connections: usize) -> Self {
        let mut owed: Vec<f64> = vec![0.0; weights.len()];
        let total: f64 = weights.iter().map(|w| f64::from(*w)).sum::<f64>().max(1.0);
        let shares = (0..connections)
            .map(|_| {
                for (owed, weight) in owed.iter_mut().zip(weights) {
                    *owed += f64::from(*weight) / total;
                }
                let most = (0..weights.len()).max_by(|a, b| owed[*a].total_cmp(&owed[*b]).then(b.cmp(a)));
                let most = most.unwrap_or(0);
                if let Some(owed) = owed.get_mut(most) {
                    *owed -= 1.0;
                }
                most
            })
            .collect();
        let relays = weights.iter().map(|weight| Relay { weight: *weight, ..Relay::default() }).collect();
        Self { relays, shares }
    }

    /// Where a connection's next letter goes: its own relay, or while that one is down the heaviest
    /// that is not.
    pub fn choose(&mut self, connection: usize, at: Duration) -> Choice {
        let own = self.shares.get(connection).copied().unwrap_or(0);
        let mut order: Vec<usize> = (0..self.relays.len()).collect();
        order.sort_by_key(|i| (*i != own, u32::MAX - self.relays[*i].weight));
        let mut wait: Option<Duration> = None;
        let mut reason = None;
        for i in order {
            let relay = &mut self.relays[i];
            match &relay.contact {
                Contact::Excluded(why) => {
                    reason.get_or_insert_with(|| why.clone());
                }
                Contact::Trying => {
                    // Fail-over is for relays that are down, not for one that is being asked.
                    return Choice::Wait(Duration::from_secs(1));
                }
                _ if relay.rest_until > at => {
                    let left = relay.rest_until.checked_sub(at).unwrap();
                    wait = Some(wait.map_or(left, |w| w.min(left)));
                }
                Contact::None => {
                    relay.contact = Contact::Trying;
                    return Choice::Use(i);
                }
                Contact::Made => return Choice::Use(i),
            }
        }
        match (wait, reason) {
            (Some(wait), _) => Choice::Wait(wait),
            (None, Some(reason)) => Choice::Never(reason),
            (None, None) => Choice::Never("no relay is configured".to_owned()),
        }
    }

    /// The letter that was to go to this relay does not go after all.
    pub fn unused(&mut self, relay: usize) {
        let relay = &mut self.relays[relay];
        if relay.contact == Contact::Trying {
            relay.contact = Contact::None;
        }
    }

    /// A connection was opened.
    pub fn opened(&mut self, relay: usize, at: Duration) {
        let relay = &mut self.relays[relay];
        relay.contact = Contact::Made;
        relay.worked_at = Some(at);
        relay.too_many = 0;
    }

    /// A letter got an answer about itself, good or bad: the relay works.
    pub fn worked(&mut self, relay: usize, at: Duration) {
        let relay = &mut self.relays[relay];
        relay.worked_at = Some(at);
        relay.failures = 0;
        relay.troubles = 0;
    }

    /// A connection could not be opened. Where others are open, the relay only has enough of them:
    /// says how long this connection should rest then.
    pub fn not_opened(&mut self, relay: usize, at: Duration) -> Option<Duration> {
        let relay = &mut self.relays[relay];
        let works = relay.worked_at.is_some_and(|then| at.saturating_sub(then) < Duration::from_secs(10));
        if works && relay.contact == Contact::Made {
            let rest = FIRST_REST.saturating_mul(2_u32.saturating_pow(relay.too_many));
            relay.too_many += 1;
            return Some(rest.min(LONGEST_REST));
        }
        relay.contact = Contact::None;
        relay.rest(at);
        None
    }

    /// A connection broke, or the relay refused before it heard of a reader.
    pub fn troubled(&mut self, relay: usize, at: Duration) {
        let relay = &mut self.relays[relay];
        if relay.contact == Contact::Trying {
            relay.contact = Contact::None;
        }
        relay.troubles += 1;
        if relay.troubles >= TROUBLES {
            relay.troubles = 0;
            relay.rest(at);
        }
    }

    /// The relay refuses us for good.
    pub fn exclude(&mut self, relay: usize, why: &str) {
        self.relays[relay].contact = Contact::Excluded(why.to_owned());
    }
}

impl Relay {
    fn rest(&mut self, at: Duration) {
        let wait = BACK_OFF[self.failures.min(BACK_OFF.len() - 1)];
        self.failures += 1;
        self.rest_until = at + wait;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn connections_are_shared_out_by_weight() {
        let relays = Relays::new(&[3, 1, 0], 8);
        let count = |relay| relays.shares.iter().filter(|share| **share == relay).count();
        assert_eq!((count(0), count(1), count(2)), (6, 2, 0));
    }

    #[test]
    fn one_connection_asks_first_and_the_others_wait() {
        let mut relays = Relays::new(&[1], 3);
        assert_eq!(relays.choose(0, s(0)), Choice::Use(0));
        assert!(matches!(relays.choose(1, s(0)), Choice::Wait(_)));
        relays.opened(0, s(0));
        assert_eq!(relays.choose(1, s(0)), Choice::Use(0));
    }

    #[test]
    fn a_relay_that_is_down_rests_longer_each_time_and_another_takes_over() {
        let mut relays = Relays::new(&[1, 0], 1);
        assert_eq!(relays.choose(0, s(0)), Choice::Use(0));
        assert_eq!(relays.not_opened(0, s(0)), None);
        assert_eq!(relays.choose(0, s(0)), Choice::Use(1));
        relays.opened(1, s(0));
        assert_eq!(relays.choose(0, s(1)), Choice::Use(0), "its own again, after a moment");
        relays.not_opened(0, s(1));
        assert_eq!(relays.choose(0, s(1)), Choice::Use(1));
        assert_eq!(relays.choose(0, s(2)), Choice::Use(0), "after a second");
        relays.not_opened(0, s(2));
        relays.not_opened(1, s(60));
        assert_eq!(relays.choose(0, s(60)), Choice::Use(0));
        relays.not_opened(0, s(60));
        assert_eq!(relays.choose(0, s(60)), Choice::Wait(BACK_OFF[0]), "the second relay comes back first");
    }

    #[test]
    fn a_relay_with_enough_connections_is_not_down() {
        let mut relays = Relays::new(&[1], 5);
        relays.choose(0, s(0));
        relays.opened(0, s(0));
        let rests: Vec<_> = (0..5).filter_map(|_| relays.not_opened(0, s(1))).collect();
        assert_eq!(rests, [125, 250, 500, 1000, 2000].map(Duration::from_millis));
        assert_eq!(relays.choose(0, s(1)), Choice::Use(0));
        for _ in 0..100 {
            relays.worked(0, s(2));
            assert!(relays.not_opened(0, s(2)) <= Some(s(8)));
        }
        relays.opened(0, s(3));
        assert_eq!(relays.not_opened(0, s(3)), Some(FIRST_REST), "a hiccup is soon over");
    }

    #[test]
    fn five_troubles_in_a_row_are_a_rest_and_one_success_forgives() {
        let mut relays = Relays::new(&[1], 1);
        relays.choose(0, s(0));
        relays.opened(0, s(0));
        for _ in 0..4 {
            relays.troubled(0, s(0));
        }
        relays.worked(0, s(0));
        for _ in 0..4 {
            relays.troubled(0, s(0));
        }
        assert_eq!(relays.choose(0, s(0)), Choice::Use(0));
        relays.troubled(0, s(0));
        assert!(matches!(relays.choose(0, s(0)), Choice::Wait(_)));
    }

    #[test]
    fn when_every_relay_refuses_us_the_run_ends_with_the_reason() {
        let mut relays = Relays::new(&[1, 1], 2);
        relays.choose(0, s(0));
        relays.exclude(0, "535 wrong password");
        assert_eq!(relays.choose(0, s(0)), Choice::Use(1));
        relays.exclude(1, "554 blocked");
        assert_eq!(relays.choose(0, s(0)), Choice::Never("535 wrong password".to_owned()));
    }
}

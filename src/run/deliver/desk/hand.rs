//! The letters at hand: claimed a few ahead of the connections, given out as pace and relays allow.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::sender::{Asked, Order, Task};
use super::{About, BRIEFLY, Busy, Desk, GLANCE, LineState, Next, Stop, sending, until};
use crate::ledger::{Claim, Claimer, LedgerError, Step};
use crate::mail::relays::Choice;
use crate::render::letter::Mold;

/// Molds kept at the same time; an edition that comes back is read again.
const MOLDS: usize = 32;

impl Desk<'_> {
    /// Claims a few letters ahead of the connections; says how soon there may be more.
    pub(super) fn refill(&mut self) -> Result<Duration, LedgerError> {
        let want = self.lines.len() * 8;
        let left = until(self.next_look);
        if self.queue.len() * 2 > want {
            return Ok(GLANCE);
        } else if !left.is_zero() {
            return Ok(left);
        }
        let now = (self.job.clock)();
        let claimer = Claimer { worker: self.job.worker, lease: self.job.settings.lease };
        let room = want - self.queue.len();
        self.queue.extend(self.ledger.claim(&claimer, room, now)?);
        if self.queue.len() < want {
            self.report.next_due = self.ledger.next_due()?;
            let due = self.report.next_due.and_then(|due| (due - now).to_std().ok());
            self.next_look = Instant::now() + due.unwrap_or(GLANCE).clamp(BRIEFLY, GLANCE);
        }
        Ok(until(self.next_look).max(BRIEFLY))
    }

    /// Gives letters to idle connections; says how soon it may be worth trying again.
    pub(super) fn dispatch(&mut self) -> Result<Duration, LedgerError> {
        let mut wait = GLANCE;
        self.relays_rest = false;
        for number in 0..self.lines.len() {
            let line = &self.lines[number];
            let nothing = self.queue.is_empty() && line.ahead.is_none();
            if nothing || matches!(line.state, LineState::Busy(_)) {
                continue;
            }
            let rest = until(line.rest_until);
            if !rest.is_zero() {
                wait = wait.min(rest);
                continue;
            }
            let at = self.begun.elapsed();
            let relay = match self.relays.choose(number, at) {
                Choice::Use(relay) => relay,
                Choice::Wait(span) => {
                    self.relays_rest = true;
                    wait = wait.min(span);
                    continue;
                }
                Choice::Never(reason) => {
                    self.stop.get_or_insert(Stop::Misconfigured(reason));
                    break;
                }
            };
            let Some(Next { claim, asked }) = self.next_allowed(number, &mut wait) else {
                self.relays.unused(relay);
                continue;
            };
            let mold = match self.mold(&claim)? {
                Ok(mold) => mold,
                Err(reason) => {
                    self.relays.unused(relay);
                    self.queue.push_front(claim);
                    self.stop.get_or_insert(Stop::Misconfigured(reason));
                    break;
                }
            };
            let task = self.task(&claim, mold, relay, asked);
            self.lines[number].state = LineState::Busy(Box::new(Busy { claim, relay, gone: false }));
            // A thread that is gone has panicked, which ends the scope it runs in.
            let _ = self.lines[number].orders.send(Order::Deliver(task));
        }
        Ok(wait)
    }

    /// Lets a connection that is done compose the next letter while the ledger writes down the last:
    /// processors and disk then work at the same time. Where a kill leaves no doubt by it, the same
    /// commit orders that letter too, and a letter costs one wait for the disk in place of two.
    pub(super) fn look_ahead(
        &mut self,
        connection: usize,
        at: Duration,
        steps: &mut Vec<Step>,
        about: &mut Vec<About>,
    ) -> Result<(), LedgerError> {
        let held = self.lines[connection].ahead.take().map(|next| next.claim);
        let Some(claim) = held.or_else(|| self.queue.pop_front()) else { return Ok(()) };
        if let Ok(mold) = self.mold(&claim)? {
            // Where it will go is not known yet, nor asked.
            self.order(connection, Order::Prepare(self.task(&claim, mold, 0, None)));
            if self.begins_are_noted && self.pace.ask(claim.email.domain(), at).is_ok() {
                steps.push(sending(&claim));
                about.push(About::Ahead(connection));
            }
        }
        self.lines[connection].ahead = Some(Next { claim, asked: None });
        Ok(())
    }

    /// A letter that the pace lets go: the one that this connection has at hand, else the first of
    /// the queue.
    fn next_allowed(&mut self, number: usize, wait: &mut Duration) -> Option<Next> {
        let at = self.begun.elapsed();
        if let Some(next) = self.lines[number].ahead.take() {
            if next.asked.is_some() {
                return Some(next);
            }
            match self.pace.ask(next.claim.email.domain(), at) {
                Ok(()) => return Some(next),
                Err(span) => *wait = (*wait).min(span),
            }
            self.lines[number].ahead = Some(next);
        }
        for place in 0..self.queue.len() {
            match self.pace.ask(self.queue[place].email.domain(), at) {
                Ok(()) => return self.queue.remove(place).map(|claim| Next { claim, asked: None }),
                Err(span) => *wait = (*wait).min(span),
            }
        }
        None
    }

    fn task(&self, claim: &Claim, mold: Arc<Mold>, relay: usize, asked: Option<Asked>) -> Box<Task> {
        Box::new(Task {
            token: self.key.subscriber_token("unsubscribe", claim.subscriber),
            name: self.key.delivery_token(claim.digest, claim.subscriber),
            claim: claim.clone(),
            mold,
            relay,
            asked,
        })
    }

    /// The mold of a letter's edition, or why there is none.
    fn mold(&mut self, claim: &Claim) -> Result<Result<Arc<Mold>, String>, LedgerError> {
        let place = (claim.digest, claim.edition);
        if let Some(mold) = self.molds.get(&place) {
            return Ok(Ok(Arc::clone(mold)));
        }
        let Some(edition) = self.ledger.edition(claim.digest, claim.edition)? else {
            return Ok(Err(format!("digest {} has no edition {}", claim.digest, claim.edition)));
        };
        Ok(match Mold::parse(&edition.mold) {
            Ok(mold) => {
                if self.molds.len() >= MOLDS {
                    self.molds.clear();
                }
                let mold = Arc::new(mold);
                self.molds.insert(place, Arc::clone(&mold));
                Ok(mold)
            }
            Err(e) => Err(format!("digest {}: {e}", claim.digest)),
        })
    }

    /// Whether no letter is claimed that no connection is busy with.
    pub(super) fn is_empty_handed(&self) -> bool {
        self.queue.is_empty() && self.lines.iter().all(|line| line.ahead.is_none())
    }

    /// Takes the claims back that no connection is busy with, and that are meant.
    pub(super) fn take_from_hand(&mut self, is_meant: impl Fn(&Claim) -> bool) -> Vec<Claim> {
        let ahead = self.lines.iter_mut().filter_map(|line| line.ahead.take_if(|next| is_meant(&next.claim)));
        let mut taken: Vec<Claim> = ahead.map(|next| next.claim).collect();
        let (meant, others) = self.queue.drain(..).partition::<VecDeque<_>, _>(|claim| is_meant(claim));
        self.queue = others;
        taken.extend(meant);
        taken
    }
}

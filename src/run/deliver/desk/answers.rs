//! What connections say, what of it is written down, and what it means for all that follows.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::super::breaker;
use super::super::sender::{Answered, Asked, Event, Order, What};
use super::{About, Desk, LineState, Next, Stop, sending, waiting};
use crate::domain::{DeliveryState, DigestId, Outcome, SubscriberId};
use crate::ledger::{Claim, LedgerError, Pause, Step, Verdict};
use crate::mail::outcome::after;

/// How long a digest rests whose letter is refused for our sake.
const PAUSE: TimeDelta = TimeDelta::hours(1);

impl Desk<'_> {
    /// Writes down everything that the connections have to say, in one transaction.
    pub(super) fn take_note(&mut self, batch: Vec<Event>) -> Result<(), LedgerError> {
        let asked = Asked { monotonic: Instant::now(), wall: (self.job.clock)() };
        let now = asked.wall;
        let at = self.begun.elapsed();
        let mut steps = Vec::with_capacity(batch.len());
        let mut about = Vec::with_capacity(batch.len());
        for Event { connection, what } in batch {
            match what {
                What::Opened(relay) => self.relays.opened(relay, at),
                What::AtTheDot if self.stop.is_some() => self.order(connection, Order::Drop),
                What::AtTheDot => {
                    let LineState::Busy(busy) = &self.lines[connection].state else { continue };
                    steps.push(sending(&busy.claim));
                    about.push(About::Dot(connection));
                }
                What::Dropped => {
                    if let Some(release) = self.release(connection, now) {
                        steps.push(release);
                        about.push(About::Letter(connection));
                    } else {
                        self.lines[connection].state = LineState::Idle;
                    }
                }
                What::Answered(answered) => {
                    self.answered(connection, &answered, at, now, &mut steps, &mut about)?;
                    let works = matches!(answered.answer.outcome, Outcome::Accepted(_));
                    if works && self.stop.is_none() {
                        self.look_ahead(connection, at, &mut steps, &mut about)?;
                    }
                }
            }
        }
        if steps.is_empty() {
            return Ok(());
        }
        let verdicts = self.ledger.record(&steps, now)?;
        for (about, verdict) in about.into_iter().zip(verdicts) {
            self.report.left += u64::from(verdict == Verdict::ReaderLeft);
            match about {
                About::Dot(connection) => self.may_dot(connection, verdict, asked),
                About::Ahead(connection) => self.ordered_ahead(connection, verdict, asked),
                About::Letter(connection) => self.lines[connection].state = LineState::Idle,
                About::Other => {}
            }
        }
        Ok(())
    }

    /// The ledger's answer to "may the dot be written?".
    fn may_dot(&mut self, connection: usize, verdict: Verdict, asked: Asked) {
        let LineState::Busy(busy) = &mut self.lines[connection].state else { return };
        if verdict == Verdict::Recorded {
            let is_copy = busy.claim.doubts > 0;
            self.count_dot(is_copy);
            self.order(connection, Order::Dot(asked));
        } else {
            busy.gone = true;
            self.order(connection, Order::Drop);
        }
    }

    /// The ledger's answer to an order for the letter after this one.
    fn ordered_ahead(&mut self, connection: usize, verdict: Verdict, asked: Asked) {
        let Some(next) = self.lines[connection].ahead.take() else { return };
        if verdict == Verdict::Recorded {
            self.count_dot(next.claim.doubts > 0);
            self.lines[connection].ahead = Some(Next { asked: Some(asked), ..next });
        }
    }

    /// Counts a letter whose dot the ledger allows; a run that makes mostly copies stops.
    fn count_dot(&mut self, is_copy: bool) {
        if !self.breaker.dot(is_copy) {
            self.stop.get_or_insert(Stop::TooManyCopies);
        }
    }

    /// Gives a letter back that was certainly not sent.
    fn release(&self, connection: usize, now: DateTime<Utc>) -> Option<Step> {
        match &self.lines[connection].state {
            LineState::Busy(busy) if !busy.gone => Some(waiting(&busy.claim, now)),
            _ => None,
        }
    }

    /// Turns an answer into what is to be written down.
    fn answered(
        &mut self,
        connection: usize,
        answered: &Answered,
        at: Duration,
        now: DateTime<Utc>,
        steps: &mut Vec<Step>,
        about: &mut Vec<About>,
    ) -> Result<(), LedgerError> {
        let LineState::Busy(busy) = &self.lines[connection].state else { return Ok(()) };
        let (claim, relay) = (busy.claim.clone(), busy.relay);
        let Answered { answer, dotted, opened } = answered;
        self.judge_relay(connection, relay, answered, at);
        if answer.slow_down && self.pace.slow_down(at) {
            self.note_brake(now)?;
            tracing::info!(
                per_second = self.pace.braked(),
                reply = answer.outcome.words(),
                "the server finds us too fast"
            );
        }
        self.log(&claim, &answer.outcome);

        let verdict = if *opened && !self.paused.contains_key(&claim.digest) {
            self.breaker.note(claim.digest, claim.subscriber, &answer.outcome, *dotted)
        } else {
            breaker::Verdict::GoOn
        };
        let retry = &self.job.settings.retry;
        let spread = spread(claim.digest, claim.subscriber);
        let mut after = after(&answer.outcome, claim.attempts, claim.doubts, spread, now, retry);
        match &answer.outcome {
            Outcome::Accepted(_) => self.report.sent += 1,
            Outcome::Deferred(_) => self.report.deferred += 1,
            Outcome::Unknown(_) => self.report.doubted += 1,
            Outcome::LetterRefused(_) if self.paused.contains_key(&claim.digest) => {
                after.state = DeliveryState::Waiting { not_before: self.paused[&claim.digest] };
            }
            Outcome::ServerDown(_) if *opened => {
                let soon = TimeDelta::from_std(self.job.settings.after_trouble).unwrap_or_default();
                after.state = DeliveryState::Waiting { not_before: now + soon };
            }
            _ => {}
        }
        self.report.dots += u64::from(*dotted);
        self.report.copies += u64::from(*dotted && claim.doubts > 0);
        self.report.refused += u64::from(matches!(after.state, DeliveryState::Refused { .. }));
        if !matches!(answer.outcome, Outcome::Accepted(_)) {
            self.report.last_words = Some(answer.outcome.words().to_owned());
        }
        steps.push(Step::Settle {
            digest: claim.digest,
            subscriber: claim.subscriber,
            token: claim.token,
            state: after.state,
            attempts: after.attempts,
            doubts: after.doubts,
            reply: answer.outcome.words().to_owned(),
            bounce: answer.bounce,
        });
        about.push(About::Letter(connection));
        match verdict {
            breaker::Verdict::GoOn => {}
            breaker::Verdict::TooManyDoubts => {
                self.stop.get_or_insert(Stop::TooManyDoubts);
            }
            breaker::Verdict::ItIsUs(refused) => {
                let reopen = self.put_to_rest(claim.digest, answer.outcome.words(), &refused, now)?;
                about.extend(reopen.iter().map(|_| About::Other));
                steps.extend(reopen);
            }
        }
        Ok(())
    }

    /// What an answer says of the relay that gave it.
    fn judge_relay(&mut self, connection: usize, relay: usize, answered: &Answered, at: Duration) {
        match &answered.answer.outcome {
            Outcome::Misconfigured(reason) => {
                tracing::error!(relay = self.job.mailer.name(relay), reason, "this relay is left out");
                self.relays.exclude(relay, reason);
            }
            Outcome::ServerDown(reason) if !answered.opened => {
                if let Some(rest) = self.relays.not_opened(relay, at) {
                    self.lines[connection].rest_until = Instant::now() + rest;
                } else {
                    tracing::warn!(relay = self.job.mailer.name(relay), reason, "cannot connect");
                }
            }
            Outcome::ServerDown(_) | Outcome::Unknown(_) => self.relays.troubled(relay, at),
            Outcome::Accepted(_) => {
                self.relays.worked(relay, at);
                self.pace.accepted(at);
            }
            Outcome::Deferred(_) | Outcome::Refused(_) | Outcome::LetterRefused(_) => {
                self.relays.worked(relay, at);
            }
        }
    }

    /// The letter is refused whoever reads it: the digest waits, and those refused for it too.
    fn put_to_rest(
        &mut self,
        digest: DigestId,
        reason: &str,
        refused: &[(DigestId, SubscriberId)],
        now: DateTime<Utc>,
    ) -> Result<Vec<Step>, LedgerError> {
        let until = now + PAUSE;
        tracing::error!(%digest, reason, "refused for three readers in a row: it is us, and the digest pauses");
        self.ledger.pause(digest, &Pause { until, reason: reason.to_owned() })?;
        self.paused.insert(digest, until);
        self.report.paused.push((digest, reason.to_owned()));
        self.report.refused = self.report.refused.saturating_sub(refused.len() as u64);
        let mut steps: Vec<Step> = refused
            .iter()
            .map(|(digest, subscriber)| Step::Reopen {
                digest: *digest,
                subscriber: *subscriber,
                not_before: until,
            })
            .collect();
        // What was claimed ahead goes back to wait with the others.
        let rests = self.take_from_hand(|claim| claim.digest == digest);
        steps.extend(rests.iter().map(|claim| waiting(claim, now)));
        Ok(steps)
    }

    fn log(&self, claim: &Claim, outcome: &Outcome) {
        let message_id = self.key.delivery_token(claim.digest, claim.subscriber);
        let (to, reply) = (claim.email.masked(), outcome.words());
        match outcome {
            Outcome::Accepted(_) => tracing::debug!(message_id, to, reply, "sent"),
            Outcome::Deferred(_) => tracing::info!(message_id, to, reply, "refused for now"),
            Outcome::Refused(_) => tracing::warn!(message_id, to, reply, "refused"),
            Outcome::LetterRefused(_) => tracing::warn!(message_id, to, reply, "the letter is refused"),
            Outcome::Unknown(_) => tracing::warn!(message_id, to, reply, "in doubt: no answer after the dot"),
            Outcome::ServerDown(_) | Outcome::Misconfigured(_) => {
                tracing::info!(message_id, to, reply, "not sent");
            }
        }
    }
}

/// A number that sets one delivery apart from another, always the same for the same one.
fn spread(digest: DigestId, subscriber: SubscriberId) -> u64 {
    (digest.0 ^ subscriber.0.rotate_left(32)).cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

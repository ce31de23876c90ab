//! The one thread that owns the ledger: hands out letters, writes down what happens to them, and
//! decides when to stop.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::breaker::{self, Breaker};
use super::sender::{self, Answered, Asked, Event, Order, Task, What};
use super::{Job, Progress, Report, Stop};
use crate::domain::{DeliveryState, DigestId, Outcome, SubscriberId};
use crate::ledger::{
    Brake, Claim, Claimer, Dots, Ledger, LedgerError, LedgerKey, Pause, Recovered, Step, Verdict, Worker,
};
use crate::mail::outcome::after;
use crate::mail::pace::Pace;
use crate::mail::relays::{Choice, Relays};
use crate::render::letter::Mold;

/// How often the desk looks up: at a signal, at the clock, at the terminal.
const GLANCE: Duration = Duration::from_millis(200);

/// The least between two looks for letters that are due.
const BRIEFLY: Duration = Duration::from_millis(10);

/// How often it looks for letters that dead workers left behind.
const ROUNDS: Duration = Duration::from_secs(5);

/// How often it looks what other workers have used up of the pace.
const AGREEMENTS: Duration = Duration::from_secs(15);

/// How long a server's complaint about our pace is remembered.
const BRAKE_LIFE: TimeDelta = TimeDelta::hours(24);

/// Molds kept at the same time; an edition that comes back is read again.
const MOLDS: usize = 32;

/// How long a digest rests whose letter is refused for our sake.
const PAUSE: TimeDelta = TimeDelta::hours(1);

pub fn run(
    ledger: &mut dyn Ledger,
    job: &Job<'_>,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Report, LedgerError> {
    let started = (job.clock)();
    let recovered = recover(ledger, job, started)?;
    let connections = job.settings.connections.max(1);
    let dots = ledger.folder().and_then(|folder| {
        Dots::begin(&folder, job.worker, connections)
            .inspect_err(|e| tracing::warn!("{}: a kill will leave more doubts: {e}", folder.display()))
            .ok()
    });
    let hurry = AtomicBool::new(false);
    let noted = dots.as_ref();
    let (event_end, events) = sync_channel(connections * 4);
    let report = thread::scope(|scope| {
        let mut lines = Vec::with_capacity(connections);
        for number in 0..connections {
            let (orders, order_end) = sync_channel(2);
            let (events, hurry) = (event_end.clone(), &hurry);
            scope.spawn(move || sender::serve(number, job, noted, hurry, &order_end, &events));
            let rest_until = Instant::now();
            lines.push(Line { orders, state: LineState::Idle, ahead: None, rest_until });
        }
        drop(event_end);
        let key = ledger.key().clone();
        let mut desk = Desk {
            job,
            key,
            hurry: &hurry,
            begins_are_noted: noted.is_some(),
            lines,
            queue: VecDeque::new(),
            molds: HashMap::new(),
            relays: Relays::new(&job.mailer.weights(), connections),
            pace: Pace::new(job.settings.pace.clone()),
            brake_at: None,
            breaker: Breaker::default(),
            relays_rest: false,
            paused: HashMap::new(),
            report: Report::new(started, recovered),
            stop: None,
            begun: Instant::now(),
            next_look: Instant::now(),
            next_round: Instant::now() + ROUNDS,
            next_renewal: Instant::now() + job.settings.lease / 3,
            next_agreement: Instant::now(),
            total: 0,
            ledger,
        };
        let result = desk.work(&events, watch);
        // Whatever is not behind its dot ends now; closing the orders ends the threads.
        hurry.store(result.is_err(), Ordering::Relaxed);
        drop(desk);
        result
    })?;
    // A ledger that fails does not know of every letter: then the notes stay for whoever comes next.
    if let Some(dots) = dots {
        dots.end();
    }
    Ok(report)
}

struct Desk<'d> {
    ledger: &'d mut dyn Ledger,
    job: &'d Job<'d>,
    key: LedgerKey,
    hurry: &'d AtomicBool,
    /// Connections note each dot they begin, so an order alone is no doubt after a kill.
    begins_are_noted: bool,
    lines: Vec<Line>,
    queue: VecDeque<Claim>,
    molds: HashMap<(DigestId, usize), Arc<Mold>>,
    relays: Relays,
    pace: Pace,
    /// When the brake that the ledger knows was noted, by us or by another.
    brake_at: Option<DateTime<Utc>>,
    breaker: Breaker,
    /// Letters are at hand, and no relay takes them just now.
    relays_rest: bool,
    /// Digests that this run put to rest.
    paused: HashMap<DigestId, DateTime<Utc>>,
    report: Report,
    stop: Option<Stop>,
    begun: Instant,
    /// When to ask the ledger for letters again, once it had none.
    next_look: Instant,
    next_round: Instant,
    next_renewal: Instant,
    next_agreement: Instant,
    /// Letters that were open when the run began.
    total: u64,
}

/// The desk's end of a connection.
struct Line {
    orders: SyncSender<Order>,
    state: LineState,
    /// The letter after this one, which it composes already.
    ahead: Option<Next>,
    /// The server does not want so many connections just now.
    rest_until: Instant,
}

/// A letter that goes next over a connection.
struct Next {
    claim: Claim,
    /// Its order, if the ledger has said Sending already.
    asked: Option<Asked>,
}

enum LineState {
    Idle,
    Busy(Box<Busy>),
}

struct Busy {
    claim: Claim,
    relay: usize,
    /// The ledger has closed or given away this letter: nothing is to be written about it.
    gone: bool,
}

/// What a step in a transaction is about, to act on its verdict.
enum About {
    Dot(usize),
    /// The letter after this one.
    Ahead(usize),
    Letter(usize),
    Other,
}

impl Desk<'_> {
    fn work(
        &mut self,
        events: &Receiver<Event>,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Report, LedgerError> {
        self.total = self.ledger.tally(None)?.open();
        let mut next_glance = Instant::now();
        loop {
            let mut wait = GLANCE;
            if self.job.stop.load(Ordering::Relaxed) {
                self.hurry.store(true, Ordering::Relaxed);
                self.stop.get_or_insert(Stop::Asked);
            }
            self.keep_up()?;
            if self.stop.is_none() {
                wait = wait.min(self.refill()?);
                wait = wait.min(self.dispatch()?);
            }
            let may_end = self.stop.is_some() || self.is_empty_handed() || self.relays_rest;
            if !self.is_busy() && may_end && (self.stop.is_some() || self.is_at_the_end()?) {
                break;
            }
            if Instant::now() >= next_glance {
                watch(&self.progress());
                next_glance = Instant::now() + GLANCE;
            }
            if let Ok(first) = events.recv_timeout(wait) {
                let mut batch = vec![first];
                batch.extend(events.try_iter());
                self.take_note(batch)?;
            }
        }
        self.finish()?;
        watch(&self.progress());
        Ok(self.report.clone())
    }

    /// Leases are renewed, and the pace is agreed upon with the other workers.
    fn keep_up(&mut self) -> Result<(), LedgerError> {
        let now = Instant::now();
        if now >= self.next_renewal {
            self.next_renewal = now + self.job.settings.lease / 3;
            let claimer = Claimer { worker: self.job.worker, lease: self.job.settings.lease };
            self.ledger.renew(&claimer, (self.job.clock)())?;
        }
        if now >= self.next_agreement {
            self.next_agreement = now + AGREEMENTS;
            self.agree()?;
        }
        Ok(())
    }

    /// Shares the pace with whoever else delivers from this ledger, now or in earlier runs.
    fn agree(&mut self) -> Result<(), LedgerError> {
        let (now, at) = ((self.job.clock)(), self.begun.elapsed());
        let used = if Pace::looks_back(&self.job.settings.pace) {
            self.ledger.sent_since(now - TimeDelta::hours(1))?
        } else {
            Vec::new()
        };
        self.pace.agree(used, 1 + self.ledger.other_workers(self.job.worker)?, at);
        let noted = self.ledger.brake()?.filter(|brake| now - brake.at < BRAKE_LIFE);
        match noted.filter(|brake| self.brake_at != Some(brake.at)) {
            Some(brake) => {
                self.pace.brake(brake.pace, at);
                self.brake_at = Some(brake.at);
                Ok(())
            }
            None => self.note_brake(now),
        }
    }

    fn note_brake(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let Some(pace) = self.pace.braked() else { return Ok(()) };
        let at = now.trunc_subsecs(3);
        self.brake_at = Some(at);
        self.ledger.set_brake(Brake { pace, at })
    }

    /// Claims a few letters ahead of the connections; says how soon there may be more.
    fn refill(&mut self) -> Result<Duration, LedgerError> {
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
    fn dispatch(&mut self) -> Result<Duration, LedgerError> {
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

    /// Lets a connection that is done compose the next letter while the ledger writes down the last:
    /// processors and disk then work at the same time. Where a kill leaves no doubt by it, the same
    /// commit orders that letter too, and a letter costs one wait for the disk in place of two.
    fn look_ahead(
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
                let Claim { digest, subscriber, token, .. } = claim;
                steps.push(Step::Sending { digest, subscriber, token });
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

    /// Whether no letter is claimed that no connection is busy with.
    fn is_empty_handed(&self) -> bool {
        self.queue.is_empty() && self.lines.iter().all(|line| line.ahead.is_none())
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

    /// Writes down everything that the connections have to say, in one transaction.
    fn take_note(&mut self, batch: Vec<Event>) -> Result<(), LedgerError> {
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
                    let Claim { digest, subscriber, token, .. } = busy.claim;
                    steps.push(Step::Sending { digest, subscriber, token });
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
            if !self.breaker.dot(busy.claim.doubts > 0) {
                self.stop.get_or_insert(Stop::TooManyCopies);
            }
            self.order(connection, Order::Dot(asked));
        } else {
            busy.gone = true;
            self.report.left += u64::from(verdict == Verdict::ReaderLeft);
            self.order(connection, Order::Drop);
        }
    }

    /// The ledger's answer to an order for the letter after this one.
    fn ordered_ahead(&mut self, connection: usize, verdict: Verdict, asked: Asked) {
        let ahead = &mut self.lines[connection].ahead;
        if verdict != Verdict::Recorded {
            *ahead = None;
            self.report.left += u64::from(verdict == Verdict::ReaderLeft);
        } else if let Some(next) = ahead {
            next.asked = Some(asked);
            if !self.breaker.dot(next.claim.doubts > 0) {
                self.stop.get_or_insert(Stop::TooManyCopies);
            }
        }
    }

    fn order(&self, connection: usize, order: Order) {
        let _ = self.lines[connection].orders.send(order);
    }

    /// Gives a letter back that was certainly not sent.
    fn release(&self, connection: usize, now: DateTime<Utc>) -> Option<Step> {
        match &self.lines[connection].state {
            LineState::Busy(busy) if !busy.gone => Some(waiting(&busy.claim, now, String::new())),
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
        steps.extend(rests.iter().map(|claim| waiting(claim, now, String::new())));
        Ok(steps)
    }

    /// Takes the claims back that no connection is busy with, and that are meant.
    fn take_from_hand(&mut self, is_meant: impl Fn(&Claim) -> bool) -> Vec<Claim> {
        let ahead = self.lines.iter_mut().filter_map(|line| line.ahead.take_if(|next| is_meant(&next.claim)));
        let mut taken: Vec<Claim> = ahead.map(|next| next.claim).collect();
        let (meant, others) = self.queue.drain(..).partition::<VecDeque<_>, _>(|claim| is_meant(claim));
        self.queue = others;
        taken.extend(meant);
        taken
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

    fn is_busy(&self) -> bool {
        self.lines.iter().any(|line| matches!(line.state, LineState::Busy(_)))
    }

    /// Whether nothing more can be done in the time of this run.
    fn is_at_the_end(&mut self) -> Result<bool, LedgerError> {
        let now = (self.job.clock)();
        if Instant::now() >= self.next_round {
            self.next_round = Instant::now() + ROUNDS;
            recover(self.ledger, self.job, now)?;
        }
        let end =
            self.report.started + TimeDelta::from_std(self.job.settings.max_time).unwrap_or(TimeDelta::MAX);
        if self.relays_rest {
            // What is at hand is due, but not even a server that rests is waited for any longer.
            if now > end {
                self.stop = Some(Stop::Time);
            }
            return Ok(now > end);
        }
        self.report.next_due = self.ledger.next_due()?;
        match self.report.next_due {
            None => Ok(true),
            Some(due) if due > end || now > end => {
                self.stop = Some(Stop::Time);
                Ok(true)
            }
            Some(_) => Ok(false),
        }
    }

    fn progress(&self) -> Progress {
        let waits = self.is_empty_handed() && !self.is_busy();
        Progress {
            total: self.total,
            done: (self.report.sent + self.report.refused + self.report.left).min(self.total),
            sent: self.report.sent,
            refused: self.report.refused,
            waiting_until: if waits { self.report.next_due } else { None },
        }
    }

    /// Gives back what was claimed and not begun, and sums up.
    fn finish(&mut self) -> Result<(), LedgerError> {
        for line in &self.lines {
            let _ = line.orders.send(Order::End);
        }
        let now = (self.job.clock)();
        let back: Vec<Step> =
            self.take_from_hand(|_| true).iter().map(|claim| waiting(claim, now, String::new())).collect();
        if !back.is_empty() {
            self.ledger.record(&back, now)?;
        }
        self.note_brake(now)?;
        self.ledger.close_finished(now)?;
        self.report.ended = now;
        self.report.tally = self.ledger.tally(None)?;
        self.report.next_due = self.ledger.next_due()?;
        self.report.stop = self.stop.take();
        Ok(())
    }
}

fn until(instant: Instant) -> Duration {
    instant.saturating_duration_since(Instant::now())
}

/// Takes up what dead workers left behind.
fn recover(ledger: &mut dyn Ledger, job: &Job<'_>, now: DateTime<Utc>) -> Result<Recovered, LedgerError> {
    let folder = ledger.folder();
    let mut fate = |worker: &str| Worker::fate(worker, folder.as_deref());
    ledger.recover(&mut fate, job.settings.retry.max_doubts, now)
}

/// A letter goes back as it came.
fn waiting(claim: &Claim, now: DateTime<Utc>, reply: String) -> Step {
    Step::Settle {
        digest: claim.digest,
        subscriber: claim.subscriber,
        token: claim.token,
        state: DeliveryState::Waiting { not_before: now },
        attempts: claim.attempts,
        doubts: claim.doubts,
        reply,
        bounce: None,
    }
}

/// A number that sets one delivery apart from another, always the same for the same one.
fn spread(digest: DigestId, subscriber: SubscriberId) -> u64 {
    (digest.0 ^ subscriber.0.rotate_left(32)).cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

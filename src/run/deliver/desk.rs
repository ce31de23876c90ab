//! The one thread that owns the ledger: hands out letters, writes down what happens to them, and
//! decides when to stop.

mod answers;
mod hand;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::breaker::Breaker;
use super::sender::{self, Asked, Event, Order};
use super::{Job, Progress, Report, Stop};
use crate::domain::{DeliveryState, DigestId};
use crate::ledger::{Brake, Claim, Claimer, Dots, Ledger, LedgerError, LedgerKey, Recovered, Step, Worker};
use crate::mail::pace::Pace;
use crate::mail::relays::Relays;
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

    fn order(&self, connection: usize, order: Order) {
        let _ = self.lines[connection].orders.send(order);
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
        let back: Vec<Step> = self.take_from_hand(|_| true).iter().map(|claim| waiting(claim, now)).collect();
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

/// A letter is about to get its dot.
fn sending(claim: &Claim) -> Step {
    Step::Sending { digest: claim.digest, subscriber: claim.subscriber, token: claim.token }
}

/// A letter goes back as it came.
fn waiting(claim: &Claim, now: DateTime<Utc>) -> Step {
    Step::Settle {
        digest: claim.digest,
        subscriber: claim.subscriber,
        token: claim.token,
        state: DeliveryState::Waiting { not_before: now },
        attempts: claim.attempts,
        doubts: claim.doubts,
        reply: String::new(),
        bounce: None,
    }
}

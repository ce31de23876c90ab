//! One connection: speaks with a server, and asks the desk before every final dot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::Job;
use crate::domain::{EmailAddress, Outcome};
use crate::ledger::{Claim, Dots};
use crate::mail::guard;
use crate::mail::mailer::{Envelope, Session};
use crate::mail::outcome::Answer;
use crate::render::letter::{Mold, Reader};

/// How long an idle connection is kept: servers close theirs after minutes.
const IDLE: Duration = Duration::from_secs(20);

/// What the desk tells a connection.
pub enum Order {
    /// Most likely the next letter: compose and sign it while the ledger writes the last one down.
    Prepare(Box<Task>),
    Deliver(Box<Task>),
    /// The ledger says Sending: write the dot.
    Dot(Asked),
    /// Not this letter: the reader left, the lease is lost, the run ends. No dot.
    Drop,
    End,
}

/// When the ledger was asked, by the clock that runs on and by the one on the wall: the first stands
/// still while the machine sleeps, the second can be set.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub monotonic: Instant,
    pub wall: DateTime<Utc>,
}

/// One letter to send.
pub struct Task {
    pub claim: Claim,
    pub mold: Arc<Mold>,
    pub relay: usize,
    /// The ledger says Sending already.
    pub asked: Option<Asked>,
    /// The reader's own token, and the name of this delivery.
    pub token: String,
    pub name: String,
}

/// What a connection tells the desk.
pub struct Event {
    pub connection: usize,
    pub what: What,
}

pub enum What {
    /// A session with this relay stands.
    Opened(usize),
    /// The server waits for the letter: may the dot be written?
    AtTheDot,
    /// The letter was dropped as ordered.
    Dropped,
    /// What became of the letter.
    Answered(Box<Answered>),
}

pub struct Answered {
    pub answer: Answer,
    pub dotted: bool,
    pub opened: bool,
}

/// Serves one connection until told to end.
pub fn serve(
    connection: usize,
    job: &Job<'_>,
    dots: Option<&Dots>,
    hurry: &AtomicBool,
    orders: &Receiver<Order>,
    events: &SyncSender<Event>,
) {
    let mut sender = Connection {
        number: connection,
        job,
        dots,
        hurry,
        orders,
        events,
        session: None,
        ready: None,
        letter: Vec::new(),
        signed: Vec::new(),
    };
    loop {
        let order = if sender.session.is_some() {
            match orders.recv_timeout(IDLE) {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) => {
                    sender.hang_up();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match orders.recv() {
                Ok(order) => order,
                Err(_) => return,
            }
        };
        match order {
            // Whatever stands in its way is told when it is to be delivered.
            Order::Prepare(task) => {
                sender.ready = sender.prepare(&task).is_ok().then_some(task.claim);
            }
            Order::Deliver(task) => {
                let Some(what) = sender.post(&task) else { return };
                sender.tell(what);
            }
            Order::End => return sender.hang_up(),
            // Answers to a question that was not asked: the desk is ending.
            Order::Dot(_) | Order::Drop => return,
        }
    }
}

struct Connection<'m> {
    number: usize,
    job: &'m Job<'m>,
    dots: Option<&'m Dots>,
    hurry: &'m AtomicBool,
    orders: &'m Receiver<Order>,
    events: &'m SyncSender<Event>,
    session: Option<(usize, Session<'m>)>,
    /// The claim whose letter is in the buffers, fit to be sent.
    ready: Option<Claim>,
    letter: Vec<u8>,
    signed: Vec<u8>,
}

impl Connection<'_> {
    /// Brings one letter as far as it goes; `None` when the desk is gone.
    fn post(&mut self, task: &Task) -> Option<What> {
        let answered = |answer: Answer, dotted, opened| {
            let answer = Answer { outcome: answer.outcome.masking(&task.claim.email), ..answer };
            Some(What::Answered(Box::new(Answered { answer, dotted, opened })))
        };
        if let Err(what) = self.prepare(task) {
            let answer = Answer { outcome: Outcome::Misconfigured(what), bounce: None, slow_down: false };
            return answered(answer, false, true);
        }
        let sender = match self.return_address(task) {
            Ok(sender) => sender,
            Err(answer) => return answered(answer, false, true),
        };
        let envelope = Envelope { sender: sender.as_ref(), recipient: &task.claim.email, name: &task.name };
        loop {
            let is_fresh = match self.session_with(task.relay) {
                Ok(is_fresh) => is_fresh,
                Err(answer) => return answered(answer, false, false),
            };
            let (_, session) = self.session.as_mut()?;
            let letter = if self.job.signer.is_some() { &self.signed } else { &self.letter };
            let Err(answer) = session.offer(&envelope, letter.len()) else { break };
            let lost =
                !session.is_usable() && !answer.slow_down && matches!(answer.outcome, Outcome::ServerDown(_));
            self.tidy();
            // A kept connection may have been closed meanwhile: nothing was said, so once more.
            if lost && !is_fresh {
                continue;
            }
            return answered(answer, false, true);
        }
        // The letter first, the commit behind it: the nearer the commit is to the dot, the fewer
        // letters a crash leaves in doubt that never had one.
        let (_, session) = self.session.as_mut()?;
        let letter = if self.job.signer.is_some() { &self.signed } else { &self.letter };
        if let Err(answer) = session.write(letter) {
            self.session = None;
            return answered(answer, false, true);
        }
        let asked = if task.asked.is_some() {
            task.asked.filter(|_| !self.hurry.load(Ordering::Relaxed))
        } else {
            self.tell(What::AtTheDot);
            match self.orders.recv().ok()? {
                Order::Dot(asked) => Some(asked),
                Order::End => return None,
                _ => None,
            }
        };
        if !asked.is_some_and(|asked| self.is_fresh(asked)) {
            self.session = None;
            return Some(What::Dropped);
        }
        if let Some(Err(e)) = self.dots.map(|dots| dots.note(self.number, &task.claim)) {
            self.session = None;
            let what = format!("cannot note a letter beside the ledger: {e}");
            let answer = Answer { outcome: Outcome::Misconfigured(what), bounce: None, slow_down: false };
            return answered(answer, false, true);
        }
        let (_, session) = self.session.as_mut()?;
        let answer = session.dot();
        self.tidy();
        answered(answer, true, true)
    }

    /// Whether the ledger's word is young enough to act upon. A process that was frozen in between
    /// wakes with an order in its hand, when its lease has perhaps ended and somebody else has sent
    /// the letter; a third of a lease leaves the answer time to come.
    fn is_fresh(&self, asked: Asked) -> bool {
        let limit = self.job.settings.lease / 3;
        let on_the_wall = ((self.job.clock)() - asked.wall).to_std().unwrap_or_default();
        asked.monotonic.elapsed() < limit && on_the_wall < limit
    }

    /// Composes, signs and checks the letter, unless it is at hand.
    fn prepare(&mut self, task: &Task) -> Result<(), String> {
        if self.ready.take().is_some_and(|claim| claim == task.claim) {
            return Ok(());
        }
        let message_id = format!("{}@{}", task.name, self.job.sender.domain());
        let reader = Reader { to: &task.claim.email, token: &task.token, message_id: &message_id };
        task.mold.fill(&reader, &mut self.letter);
        if let Some(signer) = self.job.signer {
            signer.sign(&self.letter, &mut self.signed).map_err(|e| e.to_string())?;
        }
        let letter = if self.job.signer.is_some() { &self.signed } else { &self.letter };
        guard::check(letter).map_err(|e| format!("digest {}: {e}", task.claim.digest))
    }

    /// The address that this letter returns to, when it returns.
    fn return_address(&self, task: &Task) -> Result<Option<EmailAddress>, Answer> {
        let Some(base) = self.job.return_path else { return Ok(Some(self.job.sender.clone())) };
        if self.job.plain_return {
            return Ok(Some(base.clone()));
        }
        let own = format!("{}+{}@{}", base.local(), task.name, base.domain());
        EmailAddress::parse(&own).map(Some).map_err(|e| Answer {
            outcome: Outcome::Misconfigured(format!("the return address cannot carry a token: {e}")),
            bounce: None,
            slow_down: false,
        })
    }

    /// Makes sure of an open session with this relay; says whether it is new.
    fn session_with(&mut self, relay: usize) -> Result<bool, Answer> {
        if self.session.as_ref().is_some_and(|(with, _)| *with == relay) {
            return Ok(false);
        }
        self.hang_up();
        let session = self.job.mailer.open(relay, self.hurry)?;
        self.session = Some((relay, session));
        self.tell(What::Opened(relay));
        Ok(true)
    }

    /// Closes a session that cannot take another letter.
    fn tidy(&mut self) {
        if self.session.as_ref().is_some_and(|(_, session)| !session.is_usable()) {
            self.hang_up();
        }
    }

    fn hang_up(&mut self) {
        if let Some((_, session)) = self.session.take() {
            session.quit();
        }
    }

    fn tell(&self, what: What) {
        // A desk that is gone has closed the orders too, which ends this thread.
        let _ = self.events.send(Event { connection: self.number, what });
    }
}

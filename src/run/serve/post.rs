//! The letters that the service writes, on a thread of their own: so that the answer to a form is
//! written before anyone looks whether the address is known, and takes the same time for both.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{info, warn};

use super::{Clock, House};
use crate::domain::{EmailAddress, Language, Outcome, Subscriber, SubscriberId};
use crate::ledger::{Asked, Asking, LedgerError, Membership};
use crate::mail::guard;
use crate::mail::mailer::{Envelope, Mailer};
use crate::mail::sign::Signer;
use crate::render::digest::Theme;
use crate::render::letter::{self, ListSettings, Mold, Parts, Reader};
use crate::render::notice::{Notice, Writer, notice};
use crate::render::words::PageWords;
use crate::run::subscribers::export;

/// Hands a letter to the mail server: who gets it, a name for it, its octets.
pub type Post = Box<dyn FnMut(&EmailAddress, &str, &[u8]) -> Result<(), String> + Send>;

/// Posts letters by the mailer that digests go by, signed like them. A refusal for good is logged
/// and forgotten: the person who asked gave an address that takes no mail.
#[must_use]
pub fn by_mail(mailer: Mailer, signer: Option<Signer>, sender: EmailAddress) -> Post {
    // Nothing hurries these letters, not even the end of the service: they were promised.
    let hurry = AtomicBool::new(false);
    Box::new(move |to, name, letter| {
        let mut with_signatures = Vec::new();
        let letter = match &signer {
            Some(signer) => {
                signer.sign(letter, &mut with_signatures).map_err(|fault| fault.to_string())?;
                &with_signatures
            }
            None => letter,
        };
        guard::check(letter).map_err(|fault| fault.to_string())?;
        let envelope = Envelope { sender: Some(&sender), recipient: to, name };
        let mut last = String::new();
        for relay in 0..mailer.weights().len() {
            match hand_in(&mailer, relay, &hurry, &envelope, letter).masking(to) {
                Outcome::Accepted(_) => return Ok(()),
                Outcome::Refused(why) => {
                    warn!("letter {name} to {} is refused for good: {why}", to.masked());
                    return Ok(());
                }
                Outcome::Deferred(why) | Outcome::LetterRefused(why) | Outcome::Unknown(why) => {
                    return Err(why);
                }
                // This relay is out of order; perhaps the next one is not.
                Outcome::ServerDown(why) | Outcome::Misconfigured(why) => last = why,
            }
        }
        Err(last)
    })
}

/// One conversation for one letter: people subscribe rarely enough.
fn hand_in(
    mailer: &Mailer,
    relay: usize,
    hurry: &AtomicBool,
    envelope: &Envelope<'_>,
    letter: &[u8],
) -> Outcome {
    let said = mailer.open(relay, hurry).and_then(|mut session| {
        session.offer(envelope, letter.len())?;
        session.write(letter)?;
        let answer = session.dot();
        session.quit();
        Ok(answer)
    });
    said.unwrap_or_else(|answer| answer).outcome
}

/// What the pages ask of the letter writer.
pub enum Job {
    /// Someone filled in the form.
    Join(Box<Asking>, &'static PageWords),
    /// Someone confirmed.
    Welcome(Box<Subscriber>, &'static PageWords),
    /// The holder of this token wants to see all that is kept.
    Data(String, &'static PageWords),
    /// The holder of this token wants to be forgotten.
    Forget(String, &'static PageWords),
}

/// The letter writer.
pub struct Writing {
    pub ledger: Box<dyn Membership + Send>,
    pub house: Arc<House>,
    pub list: ListSettings,
    pub theme: Theme,
    pub timezone: chrono_tz::Tz,
    pub clock: Clock,
    pub post: Post,
}

/// A letter that the server did not take yet.
struct Late {
    to: EmailAddress,
    name: String,
    letter: Vec<u8>,
    due: DateTime<Utc>,
    tries: usize,
}

/// Minutes between tries; afterwards the person has to ask again.
const AGAIN: [i64; 4] = [1, 5, 15, 60];
/// Beyond, the oldest letter is given up.
const WAITING: usize = 1000;
/// How often old requests are deleted.
const TIDY: TimeDelta = TimeDelta::hours(6);

impl Writing {
    /// Works until nobody can ask any more.
    pub fn work(mut self, jobs: &Receiver<Job>) {
        let mut late = VecDeque::new();
        let mut tidied: Option<DateTime<Utc>> = None;
        loop {
            match jobs.recv_timeout(Duration::from_secs(20)) {
                Ok(job) => {
                    if let Err(fault) = self.answer(job, &mut late) {
                        warn!("a letter could not be written: {fault}");
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = (self.clock)();
            self.try_again(&mut late, now);
            if tidied.is_none_or(|last| now - last > TIDY) {
                tidied = Some(now);
                match self.ledger.tidy_up(now) {
                    Ok(0) => {}
                    Ok(people) => info!("{people} requests that were never confirmed are deleted"),
                    Err(fault) => warn!("old requests could not be deleted: {fault}"),
                }
            }
        }
        if !late.is_empty() {
            warn!("{} letters of the service were not taken by the mail server and are lost", late.len());
        }
    }

    fn answer(&mut self, job: Job, late: &mut VecDeque<Late>) -> Result<(), LedgerError> {
        let now = (self.clock)();
        match job {
            Job::Join(asking, words) => match self.ledger.ask_to_join(&asking, now)? {
                Asked::Confirm { subscriber, token } => {
                    let confirm = self.link("confirm", &token, words);
                    self.write(&asking.email, subscriber, Notice::Confirm { confirm: &confirm }, words, late);
                }
                Asked::Already { subscriber, token } => {
                    let (preferences, leave) = self.links(&token, words);
                    let already = Notice::Already { preferences: &preferences, leave: &leave };
                    self.write(&asking.email, subscriber, already, words, late);
                }
                Asked::Nothing => {}
            },
            Job::Welcome(person, words) => {
                let (preferences, leave) = self.links(&self.ledger.letter_token(person.id), words);
                let welcome = Notice::Welcome { preferences: &preferences, leave: &leave };
                self.write(&person.email, person.id, welcome, words, late);
            }
            Job::Data(token, words) => {
                let Some(person) = self.ledger.holder(&token)? else { return Ok(()) };
                if self.ledger.may_write(person.id, now)? {
                    let record = export::record(&person, &self.ledger.history(person.id)?);
                    self.write(&person.email, person.id, Notice::Data { record: &record }, words, late);
                }
            }
            Job::Forget(token, words) => {
                let Some(person) = self.ledger.holder(&token)? else { return Ok(()) };
                if self.ledger.may_write(person.id, now)? {
                    let token = self.ledger.ask_to_erase(person.id, now)?;
                    let erase = self.link("erase", &token, words);
                    self.write(&person.email, person.id, Notice::Erase { erase: &erase }, words, late);
                }
            }
        }
        Ok(())
    }

    fn links(&self, token: &str, words: &PageWords) -> (String, String) {
        (self.link("preferences", token, words), self.link("unsubscribe", token, words))
    }

    /// Every link is made of the configured address: what a request says of its host is not asked.
    fn link(&self, page: &str, token: &str, words: &PageWords) -> String {
        format!("{}?lang={}", self.house.url(&format!("{page}/{token}")), words.language)
    }

    fn write(
        &mut self,
        to: &EmailAddress,
        subscriber: SubscriberId,
        about: Notice<'_>,
        words: &'static PageWords,
        late: &mut VecDeque<Late>,
    ) {
        let writer = Writer {
            list: &self.list.name,
            sender: &self.list.sender_name,
            postal_address: &self.list.postal_address,
            theme: &self.theme,
        };
        let said = notice(about, &writer, words);
        let now = (self.clock)();
        let language = Language::parse(words.language).expect("words name their language by a tag");
        let parts = Parts {
            subject: &said.subject,
            html: &said.html,
            text: &said.text,
            images: &[],
            date: now.with_timezone(&self.timezone).fixed_offset(),
            language: &language,
            campaign: "notice",
        };
        let mold = letter::compose_notice(&parts, &self.list);
        let name = self.ledger.notice_name(subscriber, now);
        let message_id = format!("{name}@{}", self.list.sender.domain());
        let mut octets = Vec::new();
        match Mold::parse(&mold) {
            // The token fills slots that a notice does not have.
            Ok(mold) => mold.fill(&Reader { to, token: &name, message_id: &message_id }, &mut octets),
            Err(fault) => return warn!("a letter of the service cannot be composed: {fault}"),
        }
        self.hand_over(Late { to: to.clone(), name, letter: octets, due: now, tries: 0 }, late, now);
    }

    fn hand_over(&mut self, mut letter: Late, late: &mut VecDeque<Late>, now: DateTime<Utc>) {
        let Err(why) = (self.post)(&letter.to, &letter.name, &letter.letter) else {
            return info!("letter {} written to {}", letter.name, letter.to.masked());
        };
        let Some(minutes) = AGAIN.get(letter.tries) else {
            return warn!("letter {} to {} is given up: {why}", letter.name, letter.to.masked());
        };
        warn!("letter {} to {} will be tried again: {why}", letter.name, letter.to.masked());
        letter.tries += 1;
        letter.due = now + TimeDelta::minutes(*minutes);
        if late.len() >= WAITING {
            late.pop_front();
        }
        late.push_back(letter);
    }

    fn try_again(&mut self, late: &mut VecDeque<Late>, now: DateTime<Utc>) {
        for _ in 0..late.len() {
            let Some(letter) = late.pop_front() else { break };
            if letter.due <= now { self.hand_over(letter, late, now) } else { late.push_back(letter) }
        }
    }
}

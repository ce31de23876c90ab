//! What a stage and a reply mean, and what happens to a letter then: two pure tables.
//!
//! [`judge`] reads the enhanced status code first (RFC 3463), then the digit, then the stage: the
//! same `550` says "no such reader" at RCPT and "we do not like you" at the banner. [`after`] turns
//! the meaning into the next state of one delivery. Nothing here knows a clock or a socket.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Bounce, DeliveryState, Outcome};

/// How far a conversation with a server has come when it answers, or fails to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Connect,
    Banner,
    Hello,
    StartTls,
    LogIn,
    Mail,
    Rcpt,
    Data,
    /// The letter is being written, its final dot is not.
    Body,
    /// The final dot may be on the wire.
    Dot,
}

/// A server's reply, read whole and cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// The enhanced status code, such as 5.1.1, when the text begins with one of the same class.
    pub enhanced: Option<(u8, u16, u16)>,
    /// Everything after the codes, lines joined by a blank, control characters removed.
    pub text: String,
}

/// What an answer means for the letter, its reader and our pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub outcome: Outcome,
    pub bounce: Option<Bounce>,
    /// The server finds us too fast.
    pub slow_down: bool,
}

/// The meaning of a reply at a stage, for stages that ended there: a positive reply before the dot
/// is progress and is never judged.
#[must_use]
#[expect(clippy::match_same_arms, reason = "a table is read in its own order")]
pub fn judge(stage: Stage, reply: &Reply) -> Answer {
    let words = reply.to_string();
    let outcome = match (stage, reply.code) {
        (Stage::Dot, 200..=299) => Outcome::Accepted(words),
        (_, 421) => Outcome::ServerDown(words),
        // Anything but a verdict: at the dot nobody knows, before it nothing happened.
        (Stage::Dot, ..400 | 600..) => Outcome::Unknown(words),
        (_, ..400 | 600..) => Outcome::ServerDown(words),
        (Stage::Mail | Stage::Rcpt | Stage::Data, 530 | 534 | 535 | 538) => Outcome::Misconfigured(words),
        (Stage::Mail | Stage::Rcpt | Stage::Data, 503) => Outcome::ServerDown(words),
        (_, 500..=599) if too_big(stage, reply) => Outcome::LetterRefused(words),
        (stage, 400..=499) if stage <= Stage::Mail => Outcome::ServerDown(words),
        (stage, _) if stage <= Stage::Mail => Outcome::Misconfigured(words),
        (_, 400..=499) => Outcome::Deferred(words),
        (_, _) => match (stage, reply.enhanced) {
            (_, Some((_, 1 | 2 | 4, _))) => Outcome::Refused(words),
            (_, Some((_, 7, _))) => Outcome::LetterRefused(words),
            (Stage::Rcpt, _) if reply.code != 554 => Outcome::Refused(words),
            _ => Outcome::LetterRefused(words),
        },
    };
    let bounce = if matches!(outcome, Outcome::Refused(_)) { bounce(reply) } else { None };
    Answer { slow_down: too_fast(reply), outcome, bounce }
}

/// The meaning of a connection that was lost, timed out or spoke nonsense.
#[must_use]
pub fn judge_silence(stage: Stage, what: &str) -> Answer {
    let outcome = match stage {
        Stage::Dot => Outcome::Unknown(what.to_owned()),
        _ => Outcome::ServerDown(what.to_owned()),
    };
    Answer { outcome, bounce: None, slow_down: false }
}

/// What a permanent refusal says of the address itself.
fn bounce(reply: &Reply) -> Option<Bounce> {
    match (reply.enhanced, reply.code) {
        (Some(status), _) => bounce_of_status(status),
        (None, 552) => Some(Bounce::Soft),
        (None, 550 | 551 | 553) => Some(Bounce::Hard),
        (None, _) => None,
    }
}

/// What a permanent failure with this enhanced status code (RFC 3463) says of the mailbox; `None`
/// when it says something of the letter or its sender instead.
#[must_use]
pub fn bounce_of_status(status: (u8, u16, u16)) -> Option<Bounce> {
    match status {
        // 5.1.x the address, 5.2.1 a mailbox closed for good, 5.4.x a host that is not there.
        (_, 1, 0..=3 | 6 | 10) | (_, 2, 1) | (_, 4, 1 | 4) => Some(Bounce::Hard),
        (_, 2, _) => Some(Bounce::Soft),
        _ => None,
    }
}

fn too_big(stage: Stage, reply: &Reply) -> bool {
    match reply.enhanced {
        Some((_, class, detail)) => matches!((class, detail), (3, 4) | (2, 3)),
        None => reply.code == 552 && stage != Stage::Rcpt,
    }
}

/// Too many letters or recipients in too short a time. 4.7.1 alone is greylisting (RFC 6647).
fn too_fast(reply: &Reply) -> bool {
    let negative = (400..600).contains(&reply.code);
    let code = matches!(reply.enhanced, Some((4, 5, 3) | (4, 7, 28 | 0)));
    let text = reply.text.to_ascii_lowercase();
    negative
        && (code
            || ["too fast", "too many", "rate limit", "throttl", "slow down"]
                .iter()
                .any(|w| text.contains(w)))
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some((class, subject, detail)) = self.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}

/// When to try again, and when to stop trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The waits after the first refusals for now.
    pub first: Vec<Duration>,
    /// The wait after all others.
    pub then: Duration,
    /// The sum of waits after which a letter is given up (RFC 5321 4.5.4.1 wants days).
    pub give_up: Duration,
    /// The wait after an answer that never came: a late letter should arrive before its copy.
    pub after_doubt: Duration,
    /// Copies that may be on their way before a person is asked.
    pub max_doubts: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: [5, 15, 30].map(Duration::from_mins).to_vec(),
            then: Duration::from_hours(1),
            give_up: Duration::from_hours(48),
            after_doubt: Duration::from_mins(30),
            max_doubts: 3,
        }
    }
}

/// The next state of a delivery and its counts.
#[derive(Debug, Clone, PartialEq)]
pub struct After {
    pub state: DeliveryState,
    pub attempts: u32,
    pub doubts: u32,
}

/// What becomes of a delivery. `attempts` and `doubts` are its counts before this try; `spread`
/// (any number, the same for the same delivery) sets it apart from others that failed together.
#[must_use]
pub fn after(
    outcome: &Outcome,
    attempts: u32,
    doubts: u32,
    spread: u64,
    now: DateTime<Utc>,
    retry: &Retry,
) -> After {
    let later = |wait: Duration| {
        let jitter = wait.mul_f64((spread % 1000) as f64 / 1000.0 * 0.2);
        let wait = TimeDelta::from_std(wait + jitter).unwrap_or(TimeDelta::MAX);
        DeliveryState::Waiting { not_before: now.checked_add_signed(wait).unwrap_or(now) }
    };
    let (state, attempts, doubts) = match outcome {
        Outcome::Accepted(reply) => (DeliveryState::Sent { at: now, reply: reply.clone() }, attempts, doubts),
        Outcome::Refused(reply) | Outcome::LetterRefused(reply) => {
            (DeliveryState::Refused { at: now, reply: reply.clone() }, attempts, doubts)
        }
        Outcome::Deferred(reply) if retry.waited(attempts) >= retry.give_up => {
            let reply = format!("given up after {} tries: {reply}", attempts + 1);
            (DeliveryState::Refused { at: now, reply }, attempts + 1, doubts)
        }
        Outcome::Deferred(_) => (later(retry.wait(attempts)), attempts + 1, doubts),
        Outcome::ServerDown(_) | Outcome::Misconfigured(_) => {
            (DeliveryState::Waiting { not_before: now }, attempts, doubts)
        }
        Outcome::Unknown(_) if doubts + 1 >= retry.max_doubts => {
            (DeliveryState::InDoubt { since: now }, attempts, doubts + 1)
        }
        Outcome::Unknown(_) => (later(retry.after_doubt), attempts, doubts + 1),
    };
    After { state, attempts, doubts }
}

impl Retry {
    /// The wait after the try number `attempts`, counted from 0.
    fn wait(&self, attempts: u32) -> Duration {
        self.first.get(attempts as usize).copied().unwrap_or(self.then)
    }

    /// All waits so far.
    fn waited(&self, attempts: u32) -> Duration {
        let first: Duration = self.first.iter().take(attempts as usize).sum();
        first + self.then.saturating_mul(attempts.saturating_sub(self.first.len() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        let (code, text) = text.split_once(' ').unwrap_or((text, ""));
        let enhanced = text.split(' ').next().and_then(|word| {
            let numbers: Vec<u16> = word.split('.').map_while(|n| n.parse().ok()).collect();
            <[u16; 3]>::try_from(numbers).ok().map(|[a, b, c]| (a as u8, b, c))
        });
        let text = if enhanced.is_some() { text.split_once(' ').map_or("", |(_, t)| t) } else { text };
        Reply { code: code.parse().unwrap(), enhanced, text: text.to_owned() }
    }

    /// One letter for each meaning, and for what it says of the address and the pace.
    fn meaning(stage: Stage, text: &str) -> String {
        let answer = judge(stage, &reply(text));
        let mut meaning = match answer.outcome {
            Outcome::Accepted(_) => "accepted",
            Outcome::Deferred(_) => "deferred",
            Outcome::Refused(_) => "refused",
            Outcome::LetterRefused(_) => "letter",
            Outcome::ServerDown(_) => "down",
            Outcome::Misconfigured(_) => "us",
            Outcome::Unknown(_) => "unknown",
        }
        .to_owned();
        match answer.bounce {
            Some(Bounce::Hard) => meaning += " hard",
            Some(Bounce::Soft) => meaning += " soft",
            Some(Bounce::Complaint) | None => {}
        }
        if answer.slow_down {
            meaning += " slow";
        }
        meaning
    }

    #[test]
    fn every_stage_and_reply_has_its_meaning() {
        use Stage::{Banner, Body, Connect, Data, Dot, Hello, LogIn, Mail, Rcpt, StartTls};
        for (stage, text, expected) in [
            (Connect, "554 5.7.1 blocked", "us"),
            (Banner, "554 5.7.1 your host is blocked", "us"),
            (Banner, "421 4.3.2 busy", "down"),
            (Banner, "450 later", "down"),
            (Banner, "250 not a banner", "down"),
            (Hello, "550 who are you", "us"),
            (Hello, "451 later", "down"),
            (StartTls, "454 TLS not available", "down"),
            (StartTls, "502 not here", "us"),
            (LogIn, "535 5.7.8 wrong", "us"),
            (LogIn, "454 4.7.0 later", "down slow"),
            (Mail, "550 5.7.1 sender not allowed", "us"),
            (Mail, "553 5.1.8 no such domain", "us"),
            (Mail, "530 5.7.0 log in first", "us"),
            (Mail, "451 4.3.0 later", "down"),
            (Mail, "450 4.7.1 too fast", "down slow"),
            (Mail, "421 too many messages", "down slow"),
            (Mail, "552 5.3.4 too big", "letter"),
            (Mail, "552 too big", "letter"),
            (Rcpt, "550 5.1.1 unknown", "refused hard"),
            (Rcpt, "550 5.1.10 null MX", "refused hard"),
            (Rcpt, "550 5.2.1 closed", "refused hard"),
            (Rcpt, "550 5.4.1 no such host", "refused hard"),
            (Rcpt, "550 no such user", "refused hard"),
            (Rcpt, "553 no", "refused hard"),
            (Rcpt, "552 5.2.2 full", "refused soft"),
            (Rcpt, "552 full", "refused soft"),
            (Rcpt, "550 5.7.1 policy", "letter"),
            (Rcpt, "550 5.7.515 not authenticated", "letter"),
            (Rcpt, "554 no", "letter"),
            (Rcpt, "554 5.1.1 unknown", "refused hard"),
            (Rcpt, "530 log in", "us"),
            (Rcpt, "503 need MAIL", "down"),
            (Rcpt, "450 4.2.1 busy", "deferred"),
            (Rcpt, "451 4.7.1 greylisted", "deferred"),
            (Rcpt, "452 4.5.3 too many", "deferred slow"),
            (Rcpt, "450 4.7.28 rate", "deferred slow"),
            (Rcpt, "421 4.3.2 shutting down", "down"),
            (Data, "451 4.3.0 later", "deferred"),
            (Data, "554 5.7.1 no", "letter"),
            (Data, "554 no valid recipients", "letter"),
            (Data, "250 what", "down"),
            (Body, "421 bye", "down"),
            (Dot, "250 2.0.0 queued", "accepted"),
            (Dot, "251 2.1.5 will forward", "accepted"),
            (Dot, "451 4.3.0 queue error", "deferred"),
            (Dot, "452 4.3.1 no space", "deferred"),
            (Dot, "421 4.3.2 bye", "down"),
            (Dot, "550 5.1.1 unknown", "refused hard"),
            (Dot, "552 5.2.2 full", "refused soft"),
            (Dot, "552 5.3.4 too big", "letter"),
            (Dot, "550 5.7.1 spam", "letter"),
            (Dot, "554 spam", "letter"),
            (Dot, "550 no", "letter"),
            (Dot, "354 again", "unknown"),
            (Dot, "999 what", "unknown"),
        ] {
            assert_eq!(meaning(stage, text), expected, "{stage:?} {text}");
        }
    }

    #[test]
    fn silence_is_a_doubt_only_once_the_dot_may_be_out() {
        for stage in [Stage::Connect, Stage::Mail, Stage::Rcpt, Stage::Body] {
            assert!(matches!(judge_silence(stage, "lost").outcome, Outcome::ServerDown(_)), "{stage:?}");
        }
        assert!(matches!(judge_silence(Stage::Dot, "lost").outcome, Outcome::Unknown(_)));
    }

    fn now() -> DateTime<Utc> {
        "2026-11-20T07:00:00Z".parse().unwrap()
    }

    fn waits(outcome: &Outcome, attempts: u32, spread: u64) -> Option<i64> {
        match after(outcome, attempts, 0, spread, now(), &Retry::default()).state {
            DeliveryState::Waiting { not_before } => Some((not_before - now()).num_minutes()),
            _ => None,
        }
    }

    #[test]
    fn a_refusal_for_now_waits_longer_each_time_and_ends_after_two_days() {
        let later = Outcome::Deferred("450 4.2.0 busy".into());
        let waited: Vec<_> = (0..5).map(|attempts| waits(&later, attempts, 0)).collect();
        assert_eq!(waited, [Some(5), Some(15), Some(30), Some(60), Some(60)]);
        assert_eq!(waits(&later, 3, 999), Some(71), "a fifth of jitter at most, never sooner");
        assert!(waits(&later, 50, 0).is_some());
        let end = after(&later, 51, 0, 0, now(), &Retry::default());
        assert!(
            matches!(end.state, DeliveryState::Refused { reply, .. } if reply.contains("450 4.2.0 busy"))
        );
    }

    #[test]
    fn a_doubt_waits_for_the_late_letter_and_the_third_for_a_person() {
        let lost = Outcome::Unknown("connection lost".into());
        let first = after(&lost, 2, 0, 0, now(), &Retry::default());
        assert_eq!((first.attempts, first.doubts), (2, 1));
        assert_eq!(waits(&lost, 2, 0), Some(30));
        let third = after(&lost, 2, 2, 0, now(), &Retry::default());
        assert_eq!(third.doubts, 3);
        assert!(matches!(third.state, DeliveryState::InDoubt { .. }));
    }

    #[test]
    fn trouble_with_the_server_costs_the_reader_nothing() {
        for outcome in [Outcome::ServerDown("421".into()), Outcome::Misconfigured("535".into())] {
            let after = after(&outcome, 3, 1, 7, now(), &Retry::default());
            assert_eq!(after.state, DeliveryState::Waiting { not_before: now() });
            assert_eq!((after.attempts, after.doubts), (3, 1));
        }
    }
}

//! One conversation with one relay: greeting, protection, log-in, letter after letter.

use std::io;
use std::sync::atomic::AtomicBool;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};

use super::relay::{Relay, Tls};
use super::wire::{Silence, Wire};
use super::{Smtp, TimeOuts};
use crate::domain::Outcome;
use crate::mail::mailer::Envelope;
use crate::mail::outcome::{Answer, Reply, Stage, judge, judge_silence};

/// An open conversation.
pub struct Session<'m> {
    wire: Wire<'m>,
    relay: &'m Relay,
    time_outs: &'m TimeOuts,
    offers: Offers,
    /// Letters that may still go over this connection.
    left: u32,
    state: State,
}

/// What the server can do, as its EHLO says.
#[derive(Debug, Default)]
struct Offers {
    start_tls: bool,
    pipelining: bool,
    smtputf8: bool,
    size: Option<usize>,
    auth: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is begun.
    Clean,
    /// A letter was begun and refused: RSET comes first.
    Begun,
    /// The connection is of no further use.
    Broken,
}

impl<'m> Session<'m> {
    pub(super) fn open(smtp: &'m Smtp, relay: &'m Relay, hurry: &'m AtomicBool) -> Result<Self, Answer> {
        let time_outs = &smtp.time_outs;
        let cannot = |what: &dyn std::fmt::Display| {
            judge_silence(Stage::Connect, &format!("cannot connect to {}: {what}", relay.name()))
        };
        let wire = Wire::connect(relay, time_outs.connect, hurry).map_err(|e| cannot(&e))?;
        let mut session = Self {
            wire,
            relay,
            time_outs,
            offers: Offers::default(),
            left: smtp.per_connection.max(1),
            state: State::Clean,
        };
        if relay.tls == Tls::Implicit {
            session.protect(smtp)?;
        }
        session.expect(Stage::Banner, 220)?;
        session.hello(&smtp.hello)?;
        if relay.tls == Tls::StartTls {
            if !session.offers.start_tls {
                return Err(session.ours("does not offer STARTTLS, and without TLS nothing is sent to it"));
            }
            session.say(Stage::StartTls, "STARTTLS\r\n")?;
            session.expect(Stage::StartTls, 220)?;
            if session.wire.has_more() {
                return Err(
                    session.ours("said something in the clear after STARTTLS: somebody may be in between")
                );
            }
            session.protect(smtp)?;
            session.hello(&smtp.hello)?;
        }
        if let Some(user) = &relay.user {
            session.log_in(user)?;
        }
        Ok(session)
    }

    /// MAIL, RCPT and DATA, in one go where the server allows it.
    pub fn offer(&mut self, envelope: &Envelope<'_>, size: usize) -> Result<(), Answer> {
        if let Some(limit) = self.offers.size.filter(|limit| *limit > 0 && size > *limit) {
            let what = format!(
                "the letter has {size} octets, {} takes {limit}: link the images instead of embedding them",
                self.relay.name()
            );
            return Err(Answer { outcome: Outcome::LetterRefused(what), bounce: None, slow_down: false });
        }
        let utf8 = if envelope.recipient.is_ascii() { "" } else { " SMTPUTF8" };
        if !utf8.is_empty() && !self.offers.smtputf8 {
            let what = format!("{} does not know SMTPUTF8, which this address needs", self.relay.name());
            return Err(Answer { outcome: Outcome::Refused(what), bounce: None, slow_down: false });
        }
        self.left = self.left.saturating_sub(1);
        let sender = envelope.sender.map_or("", |sender| sender.as_str());
        let size = if self.offers.size.is_some() { format!(" SIZE={size}") } else { String::new() };
        let mail = format!("MAIL FROM:<{sender}>{size}{utf8}\r\n");
        let rcpt = format!("RCPT TO:<{}>\r\n", envelope.recipient.as_str());
        let reset = std::mem::replace(&mut self.state, State::Begun) == State::Begun;
        if self.offers.pipelining {
            let reset_line = if reset { "RSET\r\n" } else { "" };
            self.say(Stage::Mail, &format!("{reset_line}{mail}{rcpt}DATA\r\n"))?;
            if reset {
                self.expect(Stage::Mail, 250)?;
            }
            let mail = self.hear(Stage::Mail)?;
            let rcpt = self.hear(Stage::Rcpt)?;
            let data = self.hear(Stage::Data)?;
            return self.agreed(&mail, &rcpt, &data);
        }
        if reset {
            self.say(Stage::Mail, "RSET\r\n")?;
            self.expect(Stage::Mail, 250)?;
        }
        self.say(Stage::Mail, &mail)?;
        self.accepted(Stage::Mail)?;
        self.say(Stage::Rcpt, &rcpt)?;
        self.accepted(Stage::Rcpt)?;
        self.say(Stage::Data, "DATA\r\n")?;
        self.expect(Stage::Data, 354)
    }

    /// Puts the three answers of a pipelined offer together; the first refusal counts.
    fn agreed(&mut self, mail: &Reply, rcpt: &Reply, data: &Reply) -> Result<(), Answer> {
        let is_yes = |reply: &Reply| (200..300).contains(&reply.code);
        let refused = match (is_yes(mail), is_yes(rcpt), data.code) {
            (true, true, 354) => return Ok(()),
            (false, _, _) => judge(Stage::Mail, mail),
            (true, false, _) => judge(Stage::Rcpt, rcpt),
            (true, true, _) => judge(Stage::Data, data),
        };
        if [mail, rcpt, data].iter().any(|reply| reply.code == 421 || !(200..600).contains(&reply.code)) {
            self.state = State::Broken;
        } else if data.code == 354 {
            // It waits for a letter to nobody: an empty one, which it refuses (RFC 2920 3.1).
            self.say(Stage::Data, ".\r\n")?;
            self.hear(Stage::Data)?;
        }
        Err(refused)
    }

    /// The letter with its dots stuffed, up to the last line end.
    pub fn write(&mut self, letter: &[u8]) -> Result<(), Answer> {
        let mut rest = letter;
        let mut at_line_start = true;
        // Encoded letters hardly ever begin a line with a dot, so this is one write.
        loop {
            let dot = if at_line_start && rest.first() == Some(&b'.') { Some(0) } else { find_dot(rest) };
            let Some(dot) = dot else { break };
            self.put(&rest[..dot])?;
            self.put(b".")?;
            rest = &rest[dot..];
            // Past the dot itself, which is not at a line start any more.
            self.put(&rest[..1])?;
            rest = &rest[1..];
            at_line_start = false;
        }
        self.put(rest)
    }

    fn put(&mut self, octets: &[u8]) -> Result<(), Answer> {
        if octets.is_empty() {
            return Ok(());
        }
        self.wire.write(octets, self.time_outs.block).map_err(|silence| self.lost(Stage::Body, &silence))
    }

    /// The final dot and its answer.
    pub fn dot(&mut self) -> Answer {
        self.wire.patient = true;
        // A dot that could not be handed over whole cannot arrive: that is no doubt.
        let written = self.wire.write(b".\r\n", self.time_outs.block).map_err(|e| (Stage::Body, e));
        let answer = written.and_then(|()| self.wire.reply(self.time_outs.dot).map_err(|e| (Stage::Dot, e)));
        self.wire.patient = false;
        match answer {
            Err((stage, silence)) => self.lost(stage, &silence),
            Ok((reply, _)) => {
                self.state = match reply.code {
                    421 | ..200 | 300..400 | 600.. => State::Broken,
                    _ => State::Clean,
                };
                judge(Stage::Dot, &reply)
            }
        }
    }

    pub fn is_usable(&self) -> bool {
        self.state != State::Broken && self.left > 0
    }

    /// Takes leave; whatever the server answers, nothing depends on it.
    pub fn quit(mut self) {
        if self.state != State::Broken {
            let brief = std::time::Duration::from_secs(2);
            let _ = self.wire.write(b"QUIT\r\n", brief).and_then(|()| self.wire.reply(brief));
        }
    }

    /// EHLO, or HELO for servers that do not know it.
    fn hello(&mut self, name: &str) -> Result<(), Answer> {
        self.say(Stage::Hello, &format!("EHLO {name}\r\n"))?;
        let (reply, lines) = self.hear_lines(Stage::Hello)?;
        if matches!(reply.code, 500 | 501 | 502 | 504) {
            self.offers = Offers::default();
            self.say(Stage::Hello, &format!("HELO {name}\r\n"))?;
            return self.expect(Stage::Hello, 250);
        }
        if reply.code != 250 {
            return Err(self.refused(Stage::Hello, &reply));
        }
        self.offers = Offers::read(&lines);
        Ok(())
    }

    fn protect(&mut self, smtp: &Smtp) -> Result<(), Answer> {
        self.wire.start_tls(&smtp.tls, &self.relay.host, self.time_outs.hello).map_err(|e| {
            self.state = State::Broken;
            let what = format!("no TLS with {}: {e}", self.relay.name());
            // A certificate or a version does not mend itself; a lost connection may.
            let ours = e.kind() == io::ErrorKind::InvalidData || e.kind() == io::ErrorKind::Other;
            let outcome = if ours { Outcome::Misconfigured(what) } else { Outcome::ServerDown(what) };
            Answer { outcome, bounce: None, slow_down: false }
        })
    }

    /// AUTH with the best mechanism that both know.
    fn log_in(&mut self, user: &str) -> Result<(), Answer> {
        let Some(password) = &self.relay.password else {
            return Err(self.ours("needs a password: set it in the environment or in password_file"));
        };
        if self.relay.tls == Tls::Plain {
            return Err(self.ours("would hear the password in the clear; use smtps:// or STARTTLS"));
        }
        let wanted: &[Mechanism] =
            if self.relay.oauth { &[Mechanism::Xoauth2] } else { &[Mechanism::Plain, Mechanism::Login] };
        let offered =
            wanted.iter().find(|m| self.offers.auth.iter().any(|o| o.eq_ignore_ascii_case(&m.to_string())));
        let Some(mechanism) = offered.copied() else {
            return Err(self.ours("offers no way to log in that parution knows (PLAIN, LOGIN, XOAUTH2)"));
        };
        let credentials = Credentials::new(user.to_owned(), password.reveal().to_owned());
        let respond = |challenge: Option<&str>| mechanism.response(&credentials, challenge).ok();
        let first = if mechanism.supports_initial_response() {
            format!(" {}", BASE64.encode(respond(None).unwrap_or_default()))
        } else {
            String::new()
        };
        self.say(Stage::LogIn, &format!("AUTH {mechanism}{first}\r\n"))?;
        // LOGIN asks twice; XOAUTH2 explains a refusal in a challenge that wants an empty answer.
        for _ in 0..4 {
            let (reply, lines) = self.hear_lines(Stage::LogIn)?;
            match reply.code {
                235 => return Ok(()),
                334 => {
                    let challenge = lines
                        .first()
                        .and_then(|line| BASE64.decode(line.trim()).ok())
                        .and_then(|octets| String::from_utf8(octets).ok());
                    let answer = match (mechanism, challenge) {
                        (Mechanism::Login, Some(challenge)) => respond(Some(&challenge)).unwrap_or_default(),
                        _ => String::new(),
                    };
                    self.say(Stage::LogIn, &format!("{}\r\n", BASE64.encode(answer)))?;
                }
                _ => return Err(self.refused(Stage::LogIn, &reply)),
            }
        }
        self.state = State::Broken;
        Err(judge_silence(Stage::LogIn, "the log-in does not end"))
    }

    fn say(&mut self, stage: Stage, line: &str) -> Result<(), Answer> {
        let time_out = self.time_out(stage);
        self.wire.write(line.as_bytes(), time_out).map_err(|silence| self.lost(stage, &silence))
    }

    fn hear(&mut self, stage: Stage) -> Result<Reply, Answer> {
        self.hear_lines(stage).map(|(reply, _)| reply)
    }

    fn hear_lines(&mut self, stage: Stage) -> Result<(Reply, Vec<String>), Answer> {
        let time_out = self.time_out(stage);
        self.wire.reply(time_out).map_err(|silence| self.lost(stage, &silence))
    }

    /// Hears one reply that must have this code.
    fn expect(&mut self, stage: Stage, code: u16) -> Result<(), Answer> {
        let reply = self.hear(stage)?;
        if reply.code == code { Ok(()) } else { Err(self.refused(stage, &reply)) }
    }

    /// Hears one reply that must be positive.
    fn accepted(&mut self, stage: Stage) -> Result<(), Answer> {
        let reply = self.hear(stage)?;
        if (200..300).contains(&reply.code) { Ok(()) } else { Err(self.refused(stage, &reply)) }
    }

    fn refused(&mut self, stage: Stage, reply: &Reply) -> Answer {
        if stage < Stage::Mail || reply.code == 421 || !(400..600).contains(&reply.code) {
            self.state = State::Broken;
        }
        let mut answer = judge(stage, reply);
        if let Outcome::Misconfigured(words) | Outcome::ServerDown(words) = &mut answer.outcome {
            *words = format!("{} says {} {}", self.relay.name(), words, asked(stage));
        }
        answer
    }

    fn lost(&mut self, stage: Stage, silence: &Silence) -> Answer {
        self.state = State::Broken;
        judge_silence(stage, &format!("{}: {silence} {}", self.relay.name(), asked(stage)))
    }

    /// A trouble that only a person can mend.
    fn ours(&mut self, what: &str) -> Answer {
        self.state = State::Broken;
        let outcome = Outcome::Misconfigured(format!("{} {what}", self.relay.name()));
        Answer { outcome, bounce: None, slow_down: false }
    }

    fn time_out(&self, stage: Stage) -> std::time::Duration {
        match stage {
            Stage::Connect => self.time_outs.connect,
            Stage::Banner => self.time_outs.banner,
            Stage::Hello | Stage::StartTls | Stage::LogIn => self.time_outs.hello,
            Stage::Mail => self.time_outs.mail,
            Stage::Rcpt => self.time_outs.rcpt,
            Stage::Data => self.time_outs.data,
            Stage::Body => self.time_outs.block,
            Stage::Dot => self.time_outs.dot,
        }
    }
}

impl Offers {
    fn read(lines: &[String]) -> Self {
        let mut offers = Self::default();
        // The first line is the greeting, and may hold any word.
        for line in lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "STARTTLS" => offers.start_tls = true,
                "PIPELINING" => offers.pipelining = true,
                "SMTPUTF8" => offers.smtputf8 = true,
                "SIZE" => offers.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                "AUTH" => offers.auth = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        offers
    }
}

/// The first dot that stands at the start of a line, by its place.
fn find_dot(octets: &[u8]) -> Option<usize> {
    memchr::memmem::find(octets, b"\n.").map(|line_end| line_end + 1)
}

fn asked(stage: Stage) -> &'static str {
    match stage {
        Stage::Connect => "when asked to connect",
        Stage::Banner => "instead of a greeting",
        Stage::Hello => "to EHLO",
        Stage::StartTls => "to STARTTLS",
        Stage::LogIn => "to AUTH",
        Stage::Mail => "to MAIL",
        Stage::Rcpt => "to RCPT",
        Stage::Data => "to DATA",
        Stage::Body => "while the letter was written",
        Stage::Dot => "after the final dot",
    }
}

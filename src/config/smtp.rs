//! `smtp:`: where letters are handed over, how fast, and when to try again.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{Environment, Place, Refusal};
use crate::domain::EmailAddress;
use crate::mail::mailer::smtp::{Relay, Secret, Smtp, TimeOuts, Tls};
use crate::mail::mailer::{Folder, Mailer};
use crate::mail::outcome::Retry;
use crate::mail::pace::{Limit, Limits};
use crate::run::deliver;

/// The variable that holds the password when no file does.
pub const PASSWORD: &str = "PARUTION_SMTP_PASSWORD";

/// How letters leave.
#[derive(Debug)]
pub struct SmtpConfig {
    /// Empty: letters go into the outbox.
    pub relays: Vec<Relay>,
    pub hello: Option<String>,
    pub ca_file: Option<PathBuf>,
    /// The mailbox that gets returned letters; one token for each is put behind a `+`.
    pub return_path: Option<EmailAddress>,
    pub per_connection: u32,
    pub time_outs: TimeOuts,
    pub delivery: deliver::Settings,
}

impl SmtpConfig {
    /// What posts the letters: the relays, or the outbox while there is none. `sender` is the
    /// address in `From`, whose domain is our name unless `smtp.hello` gives another.
    ///
    /// # Errors
    /// When certificates cannot be read.
    pub fn mailer(
        &self,
        outbox: &Path,
        sender: &EmailAddress,
    ) -> Result<Mailer, crate::mail::mailer::smtp::NoTls> {
        if self.relays.is_empty() {
            return Ok(Mailer::Folder(Folder::new(outbox)));
        }
        let hello = self.hello.clone().unwrap_or_else(|| sender.domain().to_owned());
        let mut smtp = Smtp::new(self.relays.clone(), hello, self.ca_file.as_deref())?;
        smtp.per_connection = self.per_connection;
        smtp.time_outs = self.time_outs.clone();
        Ok(Mailer::Smtp(smtp))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    url: Option<String>,
    password_file: Option<String>,
    auth: Option<String>,
    tls: Option<String>,
    relays: Vec<RelayWire>,
    hello: Option<String>,
    ca_file: Option<String>,
    return_path: Option<String>,
    connections: Option<usize>,
    per_connection: Option<u32>,
    pace: PaceWire,
    retry: RetryWire,
    time_outs: TimeOutsWire,
    max_time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RelayWire {
    url: String,
    password_file: Option<String>,
    /// The environment variable that holds this relay's password.
    password_variable: Option<String>,
    auth: Option<String>,
    tls: Option<String>,
    weight: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitWire {
    per_second: Option<f64>,
    per_hour: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PaceWire {
    per_second: Option<f64>,
    per_hour: Option<u32>,
    each_domain: LimitWire,
    domains: HashMap<String, LimitWire>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetryWire {
    first: Option<Vec<String>>,
    then: Option<String>,
    give_up: Option<String>,
    after_doubt: Option<String>,
    after_trouble: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TimeOutsWire {
    connect: Option<String>,
    banner: Option<String>,
    hello: Option<String>,
    mail: Option<String>,
    rcpt: Option<String>,
    data: Option<String>,
    block: Option<String>,
    dot: Option<String>,
}

pub(super) fn check(wire: Wire, place: &Place, environment: Environment) -> Result<SmtpConfig, Refusal> {
    let mut relays = Vec::new();
    let (had_url, had_relays) = (wire.url.is_some(), !wire.relays.is_empty());
    if had_url && had_relays {
        return Err(Refusal::of("smtp.relays", "there is a `url` too", "write one of them"));
    }
    if let Some(url) = wire.url {
        let one = RelayWire {
            url,
            password_file: wire.password_file,
            password_variable: None,
            auth: wire.auth,
            tls: wire.tls,
            weight: None,
        };
        relays.push(relay("smtp", &one, place, environment)?);
    }
    for (i, one) in wire.relays.into_iter().enumerate() {
        relays.push(relay(&format!("smtp.relays[{}]", i + 1), &one, place, environment)?);
    }
    let hello = wire.hello.map(|name| hello(&name)).transpose()?;
    let return_path = wire
        .return_path
        .map(|text| {
            EmailAddress::parse(&text)
                .ok()
                // A `+` and a token of 32 letters must still fit (RFC 5321 4.5.3.1.1).
                .filter(|address| address.is_ascii() && address.local().len() <= 64 - 33)
                .ok_or_else(|| {
                    Refusal::of(
                        "smtp.return_path",
                        format!("`{}` is no address that can carry a token", text.escape_debug()),
                        "write one such as retours@example.org, at most 31 characters before the @",
                    )
                })
        })
        .transpose()?;
    let connections = wire.connections.unwrap_or(4);
    if !(1..=1000).contains(&connections) {
        return Err(Refusal::of("smtp.connections", "it is not between 1 and 1000", "4 is a good start"));
    }
    let defaults = deliver::Settings::default();
    let delivery = deliver::Settings {
        connections,
        retry: retry(&wire.retry, defaults.retry)?,
        max_time: span("smtp.max_time", wire.max_time.as_deref(), defaults.max_time)?,
        after_trouble: span(
            "smtp.retry.after_trouble",
            wire.retry.after_trouble.as_deref(),
            defaults.after_trouble,
        )?,
        pace: pace(wire.pace)?,
        lease: defaults.lease,
    };
    let time_outs = time_outs(&wire.time_outs)?;
    // Another worker may take over when the lease ends; it must not while an answer may come.
    let lease = delivery.lease.max(time_outs.dot + Duration::from_mins(5));
    Ok(SmtpConfig {
        relays,
        hello,
        ca_file: wire.ca_file.map(|file| place.input(&file)),
        return_path,
        per_connection: wire.per_connection.unwrap_or(100).max(1),
        time_outs,
        delivery: deliver::Settings { lease, ..delivery },
    })
}

fn relay(key: &str, wire: &RelayWire, place: &Place, environment: Environment) -> Result<Relay, Refusal> {
    let mut relay = Relay::parse(&wire.url).map_err(|e| {
        Refusal::of(&format!("{key}.url"), e.to_string(), "write it as smtps://user@mail.example.org")
    })?;
    relay.weight = wire.weight.unwrap_or(1);
    relay.oauth = match wire.auth.as_deref() {
        None | Some("password") => false,
        Some("xoauth2") => true,
        Some(_) => {
            return Err(Refusal::of(
                &format!("{key}.auth"),
                "it is not understood",
                "write password or xoauth2, or nothing",
            ));
        }
    };
    match wire.tls.as_deref() {
        Some("required") if relay.tls == Tls::Plain => relay.tls = Tls::StartTls,
        None | Some("required") => {}
        Some("none") if relay.is_loopback() && relay.user.is_none() && relay.tls != Tls::Implicit => {
            relay.tls = Tls::Plain;
        }
        Some("none") => {
            return Err(Refusal::of(
                &format!("{key}.tls"),
                "letters and passwords may not travel in the clear",
                "leave it out; only a server on this machine, without a log-in, may do without TLS",
            ));
        }
        Some(other) => {
            return Err(Refusal::of(
                &format!("{key}.tls"),
                format!("`{}` is not understood", other.escape_debug()),
                "write required, or nothing",
            ));
        }
    }
    if relay.user.is_some() {
        relay.password = Some(password(key, wire, place, environment)?);
    }
    Ok(relay)
}

/// The password of a relay, from its file or the environment; no text of ours ever repeats it.
fn password(key: &str, wire: &RelayWire, place: &Place, environment: Environment) -> Result<Secret, Refusal> {
    let (text, from) = if let Some(file) = &wire.password_file {
        let path = place.input(file);
        let text = fs::read_to_string(&path).map_err(|e| {
            Refusal::of(
                &format!("{key}.password_file"),
                format!("{}: {e}", path.display()),
                "name a file that holds the password and nothing else",
            )
        })?;
        (text, format!("{key}.password_file"))
    } else {
        let variable = wire.password_variable.as_deref().unwrap_or(PASSWORD);
        let text = environment(variable).ok_or_else(|| {
            Refusal::of(
                &format!("{key}.url"),
                "it names a user, and there is no password",
                format!("set {variable} in the environment, or password_file"),
            )
        })?;
        (text, variable.to_owned())
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Refusal::of(&from, "it is empty or holds a control character", "check its contents"));
    }
    Ok(Secret::new(text.to_owned()))
}

/// A domain name, or an address literal in brackets.
fn hello(name: &str) -> Result<String, Refusal> {
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let sound = match literal {
        Some(literal) => literal.strip_prefix("IPv6:").unwrap_or(literal).parse::<std::net::IpAddr>().is_ok(),
        None => {
            !name.is_empty()
                && name.len() <= 255
                && name.split('.').all(|label| {
                    !label.is_empty()
                        && !label.starts_with('-')
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                })
        }
    };
    if sound {
        Ok(name.to_owned())
    } else {
        Err(Refusal::of(
            "smtp.hello",
            format!("`{}` is no domain name", name.escape_debug()),
            "write the name of this machine, such as lettre.example.org",
        ))
    }
}

fn retry(wire: &RetryWire, defaults: Retry) -> Result<Retry, Refusal> {
    let first = match &wire.first {
        None => defaults.first,
        Some(spans) => spans
            .iter()
            .map(|text| span("smtp.retry.first", Some(text), Duration::ZERO))
            .collect::<Result<_, _>>()?,
    };
    Ok(Retry {
        first,
        then: span("smtp.retry.then", wire.then.as_deref(), defaults.then)?,
        give_up: span("smtp.retry.give_up", wire.give_up.as_deref(), defaults.give_up)?,
        after_doubt: span("smtp.retry.after_doubt", wire.after_doubt.as_deref(), defaults.after_doubt)?,
        max_doubts: defaults.max_doubts,
    })
}

fn pace(wire: PaceWire) -> Result<Limits, Refusal> {
    let limit = |per_second: Option<f64>, per_hour: Option<u32>| {
        let sound = per_second.is_none_or(|n| n.is_finite() && n > 0.0) && per_hour.is_none_or(|n| n > 0);
        if sound {
            Ok(Limit { per_second, per_hour })
        } else {
            Err(Refusal::of("smtp.pace", "a limit is not above 0", "leave out what shall not be limited"))
        }
    };
    Ok(Limits {
        overall: limit(wire.per_second, wire.per_hour)?,
        each_domain: limit(wire.each_domain.per_second, wire.each_domain.per_hour)?,
        domains: wire
            .domains
            .into_iter()
            .map(|(domain, wire)| Ok((domain.to_ascii_lowercase(), limit(wire.per_second, wire.per_hour)?)))
            .collect::<Result<_, Refusal>>()?,
    })
}

fn time_outs(wire: &TimeOutsWire) -> Result<TimeOuts, Refusal> {
    let defaults = TimeOuts::default();
    let one = |name: &str, text: &Option<String>, default: Duration| {
        let key = format!("smtp.time_outs.{name}");
        let span = span(&key, text.as_deref(), default)?;
        if span.is_zero() {
            return Err(Refusal::of(&key, "no time at all", "leave it out for the time of RFC 5321"));
        }
        Ok(span)
    };
    Ok(TimeOuts {
        connect: one("connect", &wire.connect, defaults.connect)?,
        banner: one("banner", &wire.banner, defaults.banner)?,
        hello: one("hello", &wire.hello, defaults.hello)?,
        mail: one("mail", &wire.mail, defaults.mail)?,
        rcpt: one("rcpt", &wire.rcpt, defaults.rcpt)?,
        data: one("data", &wire.data, defaults.data)?,
        block: one("block", &wire.block, defaults.block)?,
        dot: one("dot", &wire.dot, defaults.dot)?,
    })
}

/// `30 s`, `5 min`, `48 h`, `2 d`.
pub(super) fn span(key: &str, text: Option<&str>, default: Duration) -> Result<Duration, Refusal> {
    let Some(text) = text else { return Ok(default) };
    let wrong =
        || Refusal::of(key, format!("`{text}` is no span of time"), "write it as 30 s, 5 min, 48 h or 2 d");
    let text_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = text.split_at(text_end);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|span| *span <= Duration::from_hours(24 * 60))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str, password: Option<&str>) -> Result<SmtpConfig, Refusal> {
        let wire: Wire = crate::yaml::settings(yaml).unwrap();
        let place = Place { site: "site".into(), settings: None, here: "here".into() };
        check(wire, &place, &|name| password.filter(|_| name == PASSWORD).map(str::to_owned))
    }

    #[test]
    fn without_a_server_letters_go_into_the_outbox() {
        let config = read("{}", None).unwrap();
        let sender = EmailAddress::parse("lettre@example.org").unwrap();
        assert!(matches!(config.mailer(Path::new("outbox"), &sender), Ok(Mailer::Folder(_))));
        assert_eq!(config.delivery.connections, 4);
    }

    #[test]
    fn a_server_and_its_password_are_read_and_the_password_is_not_printed() {
        let config = read("url: smtps://lettre@mail.example.org", Some("geheim\n")).unwrap();
        assert_eq!(config.relays[0].name(), "mail.example.org:465");
        assert!(!format!("{config:?}").contains("geheim"));
        let wrong = read("url: smtps://lettre:geheim@mail.example.org", None).unwrap_err();
        assert!(!wrong.to_string().contains("geheim"));
        let missing = read("url: smtps://lettre@mail.example.org", None).unwrap_err();
        assert!(missing.to_string().contains(PASSWORD), "{missing}");
    }

    #[test]
    fn what_would_travel_in_the_clear_is_refused() {
        for yaml in [
            "{url: 'smtp://mail.example.org', tls: none}",
            "{url: 'smtp://lettre@localhost', tls: none}",
            "{url: 'smtps://localhost', tls: none}",
            "{url: 'smtp://localhost', tls: opportunistic}",
        ] {
            let refusal = read(yaml, Some("x")).unwrap_err();
            assert_eq!(refusal.key, "smtp.tls", "{yaml}");
        }
        assert_eq!(
            read("{url: 'smtp://localhost', tls: required}", None).unwrap().relays[0].tls,
            Tls::StartTls
        );
    }

    #[test]
    fn limits_spans_and_names_are_checked() {
        let config = read(
            "{url: 'smtp://localhost', max_time: 2 h, retry: {first: [1 min, 90 s]}, time_outs: {dot: 20 min},
              pace: {per_second: 2.5, domains: {Orange.fr: {per_hour: 500}}}}",
            None,
        )
        .unwrap();
        assert_eq!(config.delivery.max_time, Duration::from_hours(2));
        assert_eq!(config.delivery.retry.first, [Duration::from_mins(1), Duration::from_secs(90)]);
        assert_eq!(config.delivery.lease, Duration::from_mins(25), "longer than an answer may take");
        assert_eq!(config.delivery.pace.domains["orange.fr"].per_hour, Some(500));
        for yaml in [
            "{max_time: 5}",
            "{max_time: 5 weeks}",
            "{max_time: -5 s}",
            "{connections: 0}",
            "{pace: {per_second: 0}}",
            "{hello: 'a b'}",
            "{hello: 'host\\r\\nRCPT'}",
            "{return_path: 'nobody'}",
            "{time_outs: {dot: 0 s}}",
            "{url: 'smtp://localhost', relays: [{url: 'smtp://localhost'}]}",
        ] {
            assert!(read(yaml, None).is_err(), "{yaml}");
        }
    }
}

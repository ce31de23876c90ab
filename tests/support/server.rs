//! A mail server on loopback that answers as a test tells it to, and remembers everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::tls::{Identity, Stream};

/// A letter that the server took, whether or not it said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub sender: String,
    pub recipient: String,
    /// Without the stuffed dots and the final one.
    pub letter: Vec<u8>,
    /// The connection it came over, counted from 1.
    pub connection: usize,
    /// The client went on after its 250: it has certainly read it.
    pub known: bool,
}

/// What the server does at a stage instead of agreeing.
#[derive(Debug, Clone)]
pub enum Do {
    Say(&'static str),
    /// Closes without a word; at the dot the letter is not kept.
    Close,
    /// Keeps the letter, and closes without saying so.
    KeepAndClose,
    /// Keeps the letter, and says this.
    KeepAndSay(&'static str),
    /// Says nothing for so long, then agrees.
    Delay(Duration),
}

/// How the server guards itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guard {
    pub implicit_tls: Option<Identity>,
    /// Offers STARTTLS, and asks for nothing less before MAIL.
    pub start_tls: Option<Identity>,
    pub login: Option<Login>,
}

/// Who may post letters, and how they say who they are.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    /// As EHLO offers them: `PLAIN LOGIN`.
    pub mechanisms: &'static str,
    pub user: &'static str,
    pub secret: &'static str,
}

/// A line that a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    line: String,
    in_clear: bool,
}

/// The stage is the verb in upper case: `CONNECT`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `DOT`. The
/// number says how often this recipient (or, before RCPT, any client) came to that stage.
type Script = dyn Fn(&str, &str, usize) -> Option<Do> + Send + Sync;

#[derive(Clone)]
pub struct Server {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    offers: Vec<&'static str>,
    guard: Guard,
    taken: Mutex<Vec<Taken>>,
    said: Mutex<Vec<Said>>,
    seen: Mutex<std::collections::HashMap<(String, String), usize>>,
    connections: AtomicUsize,
    open: AtomicUsize,
}

impl Server {
    /// Agrees with everything.
    pub fn kind() -> Self {
        Self::scripted(|_, _, _| None)
    }

    pub fn scripted(script: impl Fn(&str, &str, usize) -> Option<Do> + Send + Sync + 'static) -> Self {
        Self::guarded(Guard::default(), script)
    }

    pub fn guarded(
        guard: Guard,
        script: impl Fn(&str, &str, usize) -> Option<Do> + Send + Sync + 'static,
    ) -> Self {
        Self::start(&["PIPELINING", "SIZE 1000000", "8BITMIME", "ENHANCEDSTATUSCODES"], guard, script)
    }

    pub fn offering(
        offers: &[&'static str],
        script: impl Fn(&str, &str, usize) -> Option<Do> + Send + Sync + 'static,
    ) -> Self {
        Self::start(offers, Guard::default(), script)
    }

    fn start(
        offers: &[&'static str],
        guard: Guard,
        script: impl Fn(&str, &str, usize) -> Option<Do> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            offers: offers.to_vec(),
            guard,
            taken: Mutex::default(),
            said: Mutex::default(),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let server = Self { port, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                let _ = stream.set_nodelay(true);
                let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
                thread::spawn(move || {
                    let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                    shared.open.fetch_add(1, Ordering::SeqCst);
                    let _ = converse(&shared, Stream::Plain(stream), number);
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Everything taken so far, copies included.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// The recipients of everything taken, sorted.
    pub fn recipients(&self) -> Vec<String> {
        let mut recipients: Vec<String> = self.taken().into_iter().map(|t| t.recipient).collect();
        recipients.sort();
        recipients
    }

    /// Every line that clients said, letters left out.
    pub fn commands(&self) -> Vec<String> {
        self.shared.said.lock().unwrap().iter().map(|said| said.line.clone()).collect()
    }

    /// Those that anyone on the way could have read.
    pub fn commands_in_clear(&self) -> Vec<String> {
        let said = self.shared.said.lock().unwrap();
        said.iter().filter(|said| said.in_clear).map(|said| said.line.clone()).collect()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

fn converse(shared: &Shared, stream: Stream, connection: usize) -> std::io::Result<()> {
    let guard = shared.guard;
    let mut client = BufReader::new(match guard.implicit_tls {
        Some(identity) => stream.accept_tls(identity)?,
        None => stream,
    });
    let (mut sender, mut recipient) = (String::new(), String::new());
    let mut last: Option<usize> = None;
    let mut logged_in = false;
    match ask(shared, "CONNECT", "") {
        Some(Do::Say(line)) => return say(&mut client, line),
        Some(Do::Close) => return Ok(()),
        _ => say(&mut client, "220 mail.example.org ESMTP")?,
    }
    loop {
        let mut line = Vec::new();
        if client.by_ref().take(4096).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let in_clear = client.get_ref().is_clear();
        shared.said.lock().unwrap().push(Said { line: line.clone(), in_clear });
        if let Some(at) = last.take() {
            shared.taken.lock().unwrap()[at].known = true;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let about = if verb == "RCPT" {
            line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
        } else {
            recipient.clone()
        };
        match ask(shared, &verb, &about) {
            Some(Do::Say(answer)) => {
                say(&mut client, answer)?;
                if answer.starts_with("421") {
                    return Ok(());
                }
                if verb == "DATA" && answer.starts_with("354") { /* falls through below */
                } else {
                    continue;
                }
            }
            Some(Do::Close | Do::KeepAndClose) => return Ok(()),
            Some(Do::Delay(span)) => thread::sleep(span),
            _ => {}
        }
        match verb.as_str() {
            "EHLO" => {
                let mut lines = vec!["mail.example.org".to_owned()];
                lines.extend(shared.offers.iter().map(|offer| (*offer).to_owned()));
                if in_clear && guard.start_tls.is_some() {
                    lines.push("STARTTLS".to_owned());
                } else if let Some(login) = guard.login {
                    lines.push(format!("AUTH {}", login.mechanisms));
                }
                let final_line = lines.len() - 1;
                for (i, offer) in lines.iter().enumerate() {
                    say(&mut client, &format!("250{}{offer}", if i == final_line { ' ' } else { '-' }))?;
                }
            }
            "HELO" | "NOOP" => say(&mut client, "250 2.0.0 fine")?,
            "RSET" => {
                recipient.clear();
                say(&mut client, "250 2.0.0 forgotten")?;
            }
            "STARTTLS" if in_clear && guard.start_tls.is_some() => {
                say(&mut client, "220 2.0.0 go on")?;
                let identity = guard.start_tls.expect("just seen");
                client = BufReader::new(client.into_inner().accept_tls(identity)?);
            }
            "AUTH" => {
                let login = guard.login.expect("nobody logs in where it was not offered");
                logged_in = log_in(&mut client, &login, &line)?;
                say(&mut client, if logged_in { "235 2.7.0 welcome" } else { "535 5.7.8 wrong" })?;
            }
            "MAIL" if guard.login.is_some() && !logged_in => say(&mut client, "530 5.7.0 log in first")?,
            "MAIL" => {
                line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut sender);
                recipient.clear();
                say(&mut client, "250 2.1.0 fine")?;
            }
            "RCPT" => {
                recipient = about;
                say(&mut client, "250 2.1.5 fine")?;
            }
            "DATA" if recipient.is_empty() => say(&mut client, "554 5.5.1 no valid recipients")?,
            "DATA" => {
                say(&mut client, "354 go on")?;
                let letter = read_letter(&mut client)?;
                let taken = Taken {
                    sender: sender.clone(),
                    recipient: recipient.clone(),
                    letter,
                    connection,
                    known: false,
                };
                let keep = |taken: Taken| {
                    let mut all = shared.taken.lock().unwrap();
                    all.push(taken);
                    all.len() - 1
                };
                match ask(shared, "DOT", &recipient) {
                    Some(Do::Say(answer)) => {
                        say(&mut client, answer)?;
                        if answer.starts_with("421") {
                            return Ok(());
                        }
                    }
                    Some(Do::Close) => return Ok(()),
                    Some(Do::KeepAndClose) => {
                        keep(taken);
                        return Ok(());
                    }
                    Some(Do::KeepAndSay(answer)) => {
                        keep(taken);
                        say(&mut client, answer)?;
                    }
                    other => {
                        let at = keep(taken);
                        if let Some(Do::Delay(span)) = other {
                            thread::sleep(span);
                        }
                        say(&mut client, "250 2.0.0 queued")?;
                        last = Some(at);
                    }
                }
                recipient.clear();
            }
            "QUIT" => return say(&mut client, "221 2.0.0 bye"),
            _ => say(&mut client, "502 5.5.1 what")?,
        }
    }
}

fn say(client: &mut BufReader<Stream>, line: &str) -> std::io::Result<()> {
    let stream = client.get_mut();
    stream.write_all(format!("{line}\r\n").as_bytes())?;
    stream.flush()
}

/// Hears a log-in out (RFC 4954; XOAUTH2 as Google and Microsoft describe it).
fn log_in(client: &mut BufReader<Stream>, login: &Login, line: &str) -> std::io::Result<bool> {
    let mut answer = |challenge: &str| {
        say(client, &format!("334 {}", BASE64.encode(challenge)))?;
        let mut line = String::new();
        client.read_line(&mut line)?;
        std::io::Result::Ok(line.trim_end().to_owned())
    };
    let decode = |text: &str| String::from_utf8(BASE64.decode(text).unwrap_or_default()).unwrap_or_default();
    let Login { user, secret, .. } = login;
    let mut words = line.split(' ').skip(1);
    let (mechanism, first) = (words.next().unwrap_or_default(), words.next());
    assert!(login.mechanisms.split(' ').any(|offered| offered == mechanism), "{mechanism} was not offered");
    Ok(match mechanism {
        "PLAIN" => decode(first.unwrap_or_default()) == format!("\0{user}\0{secret}"),
        "LOGIN" => decode(&answer("Username:")?) == *user && decode(&answer("Password:")?) == *secret,
        "XOAUTH2" => {
            let right =
                decode(first.unwrap_or_default()) == format!("user={user}\x01auth=Bearer {secret}\x01\x01");
            // The reason of a refusal comes in a challenge, which wants an empty answer.
            right || !answer("{\"status\":\"401\"}")?.is_empty()
        }
        _ => false,
    })
}

/// Counts, and asks the script.
fn ask(shared: &Shared, stage: &str, recipient: &str) -> Option<Do> {
    let times = {
        let mut seen = shared.seen.lock().unwrap();
        let times = seen.entry((stage.to_owned(), recipient.to_owned())).or_insert(0);
        *times += 1;
        *times
    };
    (shared.script)(stage, recipient, times)
}

/// Up to the final dot; only CRLF ends a line.
fn read_letter(input: &mut BufReader<Stream>) -> std::io::Result<Vec<u8>> {
    let mut letter = Vec::new();
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        assert!(line.ends_with(b"\r\n"), "a bare LF on the wire: {line:?}");
        if line == b".\r\n" {
            return Ok(letter);
        }
        letter.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

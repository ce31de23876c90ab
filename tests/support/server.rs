//! A mail server on loopback that answers as a test tells it to, and remembers everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

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

/// The stage is the verb in upper case: `CONNECT`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `DOT`. The
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
    taken: Mutex<Vec<Taken>>,
    commands: Mutex<Vec<String>>,
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
        Self::offering(&["PIPELINING", "SIZE 1000000", "8BITMIME", "ENHANCEDSTATUSCODES"], script)
    }

    pub fn offering(
        offers: &[&'static str],
        script: impl Fn(&str, &str, usize) -> Option<Do> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            offers: offers.to_vec(),
            taken: Mutex::default(),
            commands: Mutex::default(),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let server = Self { port, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                    shared.open.fetch_add(1, Ordering::SeqCst);
                    let _ = converse(&shared, &stream, number);
                    let _ = stream.shutdown(Shutdown::Both);
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
        self.shared.commands.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

fn converse(shared: &Shared, stream: &TcpStream, connection: usize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let (mut input, mut output) = (BufReader::new(stream), stream);
    let mut say = |line: &str| output.write_all(format!("{line}\r\n").as_bytes());
    let (mut sender, mut recipient) = (String::new(), String::new());
    let mut last: Option<usize> = None;
    match ask(shared, "CONNECT", "") {
        Some(Do::Say(line)) => return say(line),
        Some(Do::Close) => return Ok(()),
        _ => say("220 mail.example.org ESMTP")?,
    }
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(4096).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        shared.commands.lock().unwrap().push(line.clone());
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
                say(answer)?;
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
                let mut lines = vec!["mail.example.org"];
                lines.extend(&shared.offers);
                let final_line = lines.len() - 1;
                for (i, offer) in lines.iter().enumerate() {
                    say(&format!("250{}{offer}", if i == final_line { ' ' } else { '-' }))?;
                }
            }
            "HELO" | "NOOP" => say("250 2.0.0 fine")?,
            "RSET" => {
                recipient.clear();
                say("250 2.0.0 forgotten")?;
            }
            "MAIL" => {
                line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut sender);
                recipient.clear();
                say("250 2.1.0 fine")?;
            }
            "RCPT" => {
                recipient = about;
                say("250 2.1.5 fine")?;
            }
            "DATA" if recipient.is_empty() => say("554 5.5.1 no valid recipients")?,
            "DATA" => {
                say("354 go on")?;
                let letter = read_letter(&mut input)?;
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
                        say(answer)?;
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
                        say(answer)?;
                    }
                    other => {
                        let at = keep(taken);
                        if let Some(Do::Delay(span)) = other {
                            thread::sleep(span);
                        }
                        say("250 2.0.0 queued")?;
                        last = Some(at);
                    }
                }
                recipient.clear();
            }
            "QUIT" => return say("221 2.0.0 bye"),
            _ => say("502 5.5.1 what")?,
        }
    }
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
fn read_letter(input: &mut BufReader<&TcpStream>) -> std::io::Result<Vec<u8>> {
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

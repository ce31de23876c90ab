//! One page on this machine that shows the next digest while it is being written.
//!
//! Answers on the loopback address only, to `GET` only, and only when the request names that
//! address as its host, so that no page on the web can read an unpublished letter through the
//! browser (DNS rebinding). The page asks for `/version` every second; that is when the letter is
//! made again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::{Row, rows, signed};
use crate::mail::sign::Signer;
use crate::read::folder::Scan;
use crate::render::digest;
use crate::render::preview_page::{self, Shown};
use crate::run::Fault;
use crate::run::digest::{Made, sample_letter};
use crate::select::Selection;

/// The longest request that is read, octets.
const LONGEST_REQUEST: u64 = 16 * 1024;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One look at the next digest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// `None` when there is nothing to send.
    pub letter: Option<Letter>,
    pub rows: Vec<Row>,
    /// Problems and flaws, a line each.
    pub remarks: Vec<String>,
}

/// The fullest edition, as its reader would get it; equal to another that reads the same, since the
/// octets bear the second in which they were made.
#[derive(Debug, Clone, Eq, Default)]
pub struct Letter {
    pub subject: String,
    pub html: String,
    pub text: String,
    pub octets: Vec<u8>,
    /// The HTML's own weight, without the images that a browser gets inside it.
    pub html_octets: usize,
}

impl PartialEq for Letter {
    fn eq(&self, other: &Self) -> bool {
        (&self.subject, &self.html, &self.text) == (&other.subject, &other.html, &other.text)
    }
}

impl Snapshot {
    /// What a made digest looks like.
    ///
    /// # Errors
    /// When its letter cannot be filled or signed.
    pub fn of(
        made: Option<&Made>,
        scan: &Scan,
        selection: &Selection,
        domain: &str,
        signer: Option<&Signer>,
    ) -> Result<Self, Fault> {
        let first = made.and_then(|made| made.editions.first().zip(made.composed.first()));
        let letter = match first {
            Some((edition, composed)) => Some(Letter {
                subject: composed.subject.clone(),
                html: composed.standalone_html(),
                text: composed.sample_text(),
                octets: signed(sample_letter(edition, domain)?, signer)?,
                html_octets: digest::size(&composed.html),
            }),
            None => None,
        };
        let flaws =
            made.iter().flat_map(|made| made.flaws.iter().map(|flaw| format!("would not be sent: {flaw}")));
        let problems = made.iter().flat_map(|made| made.problems.iter().map(ToString::to_string));
        Ok(Self { letter, rows: rows(scan, selection), remarks: flaws.chain(problems).collect() })
    }
}

/// The page's server, bound and not yet answering.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
}

impl Service {
    /// Binds a port of the loopback address; 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn bind(port: u16) -> Result<Self, Fault> {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .map_err(|error| Fault(format!("the preview cannot answer on 127.0.0.1:{port}: {error}")))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where to point a browser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers until `enough` says so; `look` makes the letter again.
    ///
    /// # Errors
    /// Never for a client's sake; only when the listener itself fails.
    pub fn run(
        &self,
        look: &mut dyn FnMut() -> Result<Snapshot, Fault>,
        enough: &dyn Fn() -> bool,
    ) -> Result<(), Fault> {
        let mut seen = Seen::default();
        for stream in self.listener.incoming() {
            if enough() {
                break;
            }
            let Ok(stream) = stream else { continue };
            if let Err(error) = self.answer(stream, look, &mut seen) {
                tracing::debug!(%error, "a preview request was not answered");
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        mut stream: TcpStream,
        look: &mut dyn FnMut() -> Result<Snapshot, Fault>,
        seen: &mut Seen,
    ) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let Some(request) = Request::read(&stream)? else {
            return respond(&mut stream, "400 Bad Request", "text/plain", b"not a request\n");
        };
        let ours = [self.address.to_string(), format!("localhost:{}", self.address.port())];
        if !ours.contains(&request.host) {
            return respond(&mut stream, "403 Forbidden", "text/plain", b"ask by the printed address\n");
        }
        if request.method != "GET" {
            return respond(&mut stream, "405 Method Not Allowed", "text/plain", b"only GET\n");
        }
        if matches!(request.path.as_str(), "/" | "/version") {
            seen.renew(look());
        }
        let letter = seen.snapshot.letter.clone().unwrap_or_default();
        let (kind, body) = match request.path.as_str() {
            "/" => ("text/html", seen.page().into_bytes()),
            "/version" => ("text/plain", seen.version.to_string().into_bytes()),
            "/letter.html" => ("text/html", letter.html.into_bytes()),
            "/letter.txt" => ("text/plain", letter.text.into_bytes()),
            "/letter.eml" => ("text/plain", letter.octets),
            _ => return respond(&mut stream, "404 Not Found", "text/plain", b"no such page\n"),
        };
        respond(&mut stream, "200 OK", kind, &body)
    }
}

/// What was last shown, and how often it has changed.
#[derive(Debug, Default)]
struct Seen {
    snapshot: Snapshot,
    version: u64,
    fault: Option<String>,
}

impl Seen {
    /// A fault, such as settings half written, leaves the last good letter in place and is shown.
    fn renew(&mut self, look: Result<Snapshot, Fault>) {
        let (snapshot, fault) = match look {
            Ok(snapshot) => (snapshot, None),
            Err(fault) => (self.snapshot.clone(), Some(fault.to_string())),
        };
        if self.version == 0 || snapshot != self.snapshot || fault != self.fault {
            self.version += 1;
        }
        self.snapshot = snapshot;
        self.fault = fault;
    }

    fn page(&self) -> String {
        let letter = self.snapshot.letter.as_ref();
        let octets =
            letter.map(|letter| String::from_utf8_lossy(&letter.octets).into_owned()).unwrap_or_default();
        let head = octets.split("\r\n\r\n").next().unwrap_or_default();
        preview_page::page(&Shown {
            version: self.version,
            subject: letter.map_or("", |letter| &letter.subject),
            text: letter.map_or("", |letter| &letter.text),
            header: head,
            html_octets: letter.map_or(0, |letter| letter.html_octets),
            letter_octets: letter.map_or(0, |letter| letter.octets.len()),
            rows: self
                .snapshot
                .rows
                .iter()
                .map(|row| preview_page::Line {
                    chosen: row.chosen,
                    date: &row.date,
                    title: &row.title,
                    source: &row.source,
                    reason: &row.reason,
                })
                .collect(),
            remarks: self.fault.iter().chain(&self.snapshot.remarks).map(String::as_str).collect(),
        })
    }
}

struct Request {
    method: String,
    path: String,
    host: String,
}

impl Request {
    /// Reads the request line and the `Host` field; a preview needs nothing else.
    fn read(stream: &TcpStream) -> std::io::Result<Option<Self>> {
        let mut lines = BufReader::new(stream.take(LONGEST_REQUEST)).lines();
        let Some(first) = lines.next().transpose()? else { return Ok(None) };
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let mut host = String::new();
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("host")
            {
                value.trim().clone_into(&mut host);
            }
        }
        let path = target.split('?').next().unwrap_or(target).to_owned();
        Ok(Some(Self { method: method.to_owned(), path, host }))
    }
}

fn respond(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]) -> std::io::Result<()> {
    // The letter runs no script and loads nothing; only the page around it has one of its own.
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::{Letter, Seen, Service, Snapshot};
    use crate::run::Fault;

    fn ask(service: &Service, request: &str) -> String {
        let mut stream = TcpStream::connect(service.address).unwrap();
        stream.write_all(request.replace("HOST", &service.address.to_string()).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_page_stays_as_it_is_while_only_the_clock_goes_on() {
        let look = |text: &str, date: &str| {
            let letter = Letter { text: text.to_owned(), octets: date.into(), ..Letter::default() };
            Ok(Snapshot { letter: Some(letter), ..Snapshot::default() })
        };
        let mut seen = Seen::default();
        seen.renew(look("Un texte", "08:00:00"));
        seen.renew(look("Un texte", "08:00:01"));
        assert_eq!(seen.version, 1);
        seen.renew(look("Un autre", "08:00:02"));
        assert_eq!(seen.version, 2);
    }

    #[test]
    fn the_page_follows_the_articles_and_answers_nobody_else() {
        let service = Service::bind(0).unwrap();
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let answers = std::thread::scope(|scope| {
            let requests = [
                "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
                "GET /version HTTP/1.1\r\nHost: HOST\r\n\r\n",
                "GET /version HTTP/1.1\r\nHost: HOST\r\n\r\n",
                "GET /letter.txt HTTP/1.1\r\nHost: evil.example.org\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: HOST\r\n\r\n",
                "GET /letter.txt HTTP/1.1\r\nHost: HOST\r\n\r\n",
            ];
            let count = requests.len();
            let client = scope.spawn({
                let (service, asked) = (&service, &asked);
                move || {
                    let answers: Vec<String> = requests
                        .iter()
                        .map(|request| {
                            asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            ask(service, request)
                        })
                        .collect();
                    asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    let _ = TcpStream::connect(service.address);
                    answers
                }
            });
            let mut looks = 0;
            let mut look = || {
                looks += 1;
                // The third look finds settings that cannot be read.
                if looks == 3 {
                    return Err(Fault("parution.yml:3: unknown key".to_owned()));
                }
                let letter = Letter {
                    subject: "Un titre".to_owned(),
                    text: "Un texte".to_owned(),
                    ..Letter::default()
                };
                Ok(Snapshot { letter: Some(letter), ..Snapshot::default() })
            };
            service.run(&mut look, &|| asked.load(std::sync::atomic::Ordering::SeqCst) > count).unwrap();
            client.join().unwrap()
        });
        assert!(answers[0].contains("<h1>Un titre</h1>"), "{}", answers[0]);
        assert!(answers[1].ends_with("\r\n\r\n1"), "{}", answers[1]);
        assert!(answers[2].ends_with("\r\n\r\n2"), "the fault is shown: {}", answers[2]);
        assert!(answers[3].starts_with("HTTP/1.1 403"), "{}", answers[3]);
        assert!(answers[4].starts_with("HTTP/1.1 405"), "{}", answers[4]);
        assert!(answers[5].ends_with("Un texte"), "the last good letter stays: {}", answers[5]);
    }
}

//! Octets to and from a server, each wait with an end.
//!
//! Waits are cut into short slices, so that a run that is asked to stop does so soon: at once where
//! nothing can be lost, after a moment of grace where an answer may still come.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;

use super::relay::Relay;
use super::reply::{Nonsense, Reading};
use crate::mail::outcome::Reply;

/// How often a wait looks whether the run must end.
const SLICE: Duration = Duration::from_millis(200);

/// How long the answer to a final dot is awaited once the run must end.
const GRACE: Duration = Duration::from_secs(10);

/// A connection, plain or under TLS.
pub struct Wire<'m> {
    stream: Stream,
    arrived: Vec<u8>,
    hurry: &'m AtomicBool,
    /// How long one read waits, as the socket was told.
    slice: Duration,
    /// Behind the dot an answer is worth a moment even to a run that must end.
    pub patient: bool,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
    Gone,
}

/// Why no reply came.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    #[error("no answer within {0:?}")]
    TimeOut(Duration),
    #[error("the server closed the connection")]
    Closed,
    #[error("the run was asked to stop")]
    Hurry,
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
    #[error("{0}")]
    Lost(io::Error),
}

impl<'m> Wire<'m> {
    /// Connects to the first address of the relay that answers.
    pub fn connect(relay: &Relay, time_out: Duration, hurry: &'m AtomicBool) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (relay.host.as_str(), relay.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, time_out) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(SLICE))?;
                    stream.set_write_timeout(Some(SLICE))?;
                    return Ok(Self {
                        stream: Stream::Plain(stream),
                        arrived: Vec::with_capacity(512),
                        hurry,
                        slice: SLICE,
                        patient: false,
                    });
                }
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    /// Turns the connection into a TLS one; the name of the relay must be in its certificate.
    pub fn start_tls(
        &mut self,
        config: &Arc<rustls::ClientConfig>,
        host: &str,
        time_out: Duration,
    ) -> io::Result<()> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let client = rustls::ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let Stream::Plain(socket) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::Error::other("TLS is on already"));
        };
        let mut tls = rustls::StreamOwned::new(client, socket);
        let end = Instant::now() + time_out;
        tls.sock.set_read_timeout(Some(SLICE))?;
        self.slice = SLICE;
        while tls.conn.is_handshaking() {
            match tls.conn.complete_io(&mut tls.sock) {
                Ok(_) => {}
                Err(e) if is_slice(&e) => {
                    if Instant::now() >= end || self.hurry.load(Ordering::Relaxed) {
                        return Err(io::Error::new(io::ErrorKind::TimedOut, "no end of the TLS handshake"));
                    }
                }
                Err(e) => return Err(e),
            }
        }
        self.stream = Stream::Tls(Box::new(tls));
        Ok(())
    }

    /// Whether the server has said more than it was asked.
    pub fn has_more(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Reads one reply, with its lines apart.
    pub fn reply(&mut self, time_out: Duration) -> Result<(Reply, Vec<String>), Silence> {
        let start = Instant::now();
        let mut hurried: Option<Instant> = None;
        let mut reading = Reading::default();
        let mut octets = [0_u8; 4096];
        loop {
            if let Some(reply) = reading.take(&mut self.arrived)? {
                return Ok(reply);
            }
            let left = time_out.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Silence::TimeOut(time_out));
            }
            if self.hurry.load(Ordering::Relaxed) {
                let since = *hurried.get_or_insert_with(Instant::now);
                if !self.patient || since.elapsed() > GRACE {
                    return Err(Silence::Hurry);
                }
            }
            self.wait_at_most(left.min(SLICE)).map_err(Silence::Lost)?;
            match self.stream.read(&mut octets) {
                Ok(0) => return Err(Silence::Closed),
                Ok(count) => self.arrived.extend_from_slice(&octets[..count]),
                Err(e) if is_slice(&e) => {}
                Err(e) => return Err(Silence::Lost(e)),
            }
        }
    }

    /// Tells the socket how long one read waits, where that changes: a call to the system each time
    /// would be a third of all.
    fn wait_at_most(&mut self, slice: Duration) -> io::Result<()> {
        if slice != self.slice {
            self.stream.socket()?.set_read_timeout(Some(slice))?;
            self.slice = slice;
        }
        Ok(())
    }

    /// Writes everything; the time-out is for a wait without one octet of progress.
    pub fn write(&mut self, mut octets: &[u8], time_out: Duration) -> Result<(), Silence> {
        let mut progress = Instant::now();
        let mut flushed = false;
        while !octets.is_empty() || !flushed {
            let step = if octets.is_empty() {
                self.stream.flush().map(|()| {
                    flushed = true;
                    0
                })
            } else {
                self.stream.write(octets)
            };
            match step {
                Ok(count) => {
                    octets = &octets[count..];
                    progress = Instant::now();
                }
                Err(e) if is_slice(&e) => {
                    if progress.elapsed() >= time_out {
                        return Err(Silence::TimeOut(time_out));
                    }
                    if self.hurry.load(Ordering::Relaxed) && !self.patient {
                        return Err(Silence::Hurry);
                    }
                }
                Err(e) => return Err(Silence::Lost(e)),
            }
        }
        Ok(())
    }
}

impl Stream {
    fn socket(&self) -> io::Result<&TcpStream> {
        match self {
            Self::Plain(socket) => Ok(socket),
            Self::Tls(tls) => Ok(&tls.sock),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(octets),
            Self::Tls(tls) => match tls.read(octets) {
                // Closed without TLS saying so: an end all the same.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                result => result,
            },
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(octets),
            Self::Tls(tls) => tls.write(octets),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Drop for Wire<'_> {
    fn drop(&mut self) {
        if let Ok(socket) = self.stream.socket() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// A slice of waiting is over, nothing else.
fn is_slice(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

//! Tells a WebSub hub that a feed has changed.
//!
//! One POST of a form, as hubs have taken it since PubSubHubbub 0.4; the W3C Recommendation leaves
//! this step to publishers and hubs. A hub that is slow, down or rude costs at most a few time-outs
//! and is no fault of the run: the caller asks again another day. Redirections are not followed.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::domain::Ping;

/// Why a hub did not take a ping.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    #[error("hub {0} cannot be reached: {1}")]
    Unreachable(Url, io::Error),
    #[error("hub {0} answered «{1}»")]
    Refused(Url, String),
}

/// Tells the hub. `patience` bounds each wait for the network.
///
/// # Errors
/// The hub was not reached, or answered anything but 2xx.
pub fn ping(ping: &Ping, patience: Duration) -> Result<(), PingError> {
    let status = ask(ping, patience).map_err(|error| PingError::Unreachable(ping.hub.clone(), error))?;
    match status.split(' ').nth(1) {
        Some(code) if code.len() == 3 && code.starts_with('2') => Ok(()),
        _ => Err(PingError::Refused(ping.hub.clone(), status)),
    }
}

/// Posts the form; gives the first line of the answer.
fn ask(ping: &Ping, patience: Duration) -> io::Result<String> {
    let host = ping.hub.host_str().unwrap_or_default();
    let port = ping.hub.port_or_known_default().unwrap_or(443);
    let stream = connect(host, port, patience)?;
    let request = request(ping);
    match ping.hub.scheme() {
        "http" => exchange(stream, &request),
        "https" => {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let connection = ClientConnection::new(trust()?, name).map_err(io::Error::other)?;
            exchange(StreamOwned::new(connection, stream), &request)
        }
        other => Err(io::Error::other(format!("{other}: is no scheme of a hub"))),
    }
}

fn request(ping: &Ping) -> String {
    let topic = ping.topic.as_str();
    let form = Serializer::new(String::new())
        .append_pair("hub.mode", "publish")
        // The name that PubSubHubbub gave it, and the one of the Recommendation.
        .append_pair("hub.url", topic)
        .append_pair("hub.topic", topic)
        .finish();
    let authority = &ping.hub[url::Position::BeforeHost..url::Position::AfterPort];
    let target = &ping.hub[url::Position::BeforePath..url::Position::AfterQuery];
    format!(
        "POST {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: parution\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n{form}",
        form.len()
    )
}

fn connect(host: &str, port: u16, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the host has no address");
    // The brackets of an IPv6 address belong to the URL.
    for address in (host.trim_matches(['[', ']']), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => {
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
    /// A hub that drips its answer octet by octet is given up: a status line fits in far fewer.
    const MOST_READS: usize = 16;
    const LONGEST_LINE: usize = 512;
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut part = [0; LONGEST_LINE];
    for _ in 0..MOST_READS {
        let read = stream.read(&mut part)?;
        answer.extend_from_slice(&part[..read]);
        let end = answer.iter().position(|octet| *octet == b'\n');
        if end.is_some() || read == 0 || answer.len() > LONGEST_LINE {
            let line = &answer[..end.unwrap_or(answer.len()).min(LONGEST_LINE)];
            let text = String::from_utf8_lossy(line);
            return Ok(text.chars().filter(|c| !c.is_control()).collect());
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "it answers too slowly"))
}

/// The authorities that this machine trusts.
fn trust() -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

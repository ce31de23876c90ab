//! TLS for servers on loopback: certificates of an authority of our own (`tls/make.sh`), which a
//! client trusts only when it is given [`authority`].

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Who a server says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// `localhost` and 127.0.0.1, for a hundred years.
    Good,
    OtherHost,
    Expired,
}

/// The certificate of the authority, for `ca_file`.
pub fn authority() -> PathBuf {
    folder().join("ca.pem")
}

impl Identity {
    /// A server's settings for TLS 1.2 and 1.3.
    pub fn config(self) -> Arc<ServerConfig> {
        let file = folder().join(match self {
            Self::Good => "good.pem",
            Self::OtherHost => "other-host.pem",
            Self::Expired => "expired.pem",
        });
        let certificate = CertificateDer::from_pem_file(&file).unwrap();
        let key = PrivateKeyDer::from_pem_file(&file).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls")
}

/// A server's end of a connection.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    /// Answers the client's handshake.
    ///
    /// # Errors
    /// The client's, when it does not like the certificate.
    pub fn accept_tls(self, identity: Identity) -> io::Result<Self> {
        let Self::Plain(socket) = self else { panic!("TLS is on already") };
        let mut connection = ServerConnection::new(identity.config()).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut &socket)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    pub fn is_clear(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

impl Read for Stream {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(octets),
            Self::Tls(tls) => tls.read(octets),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(octets),
            Self::Tls(tls) => tls.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

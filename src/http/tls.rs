//! Connections with TLS.

use super::wire::{Link, Tcp};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the files of a certificate are checked.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The first byte of a TLS connection.
pub(super) const HANDSHAKE: u8 = 0x16;

/// The certificate of a server and its key, read again when their files change.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Files>);

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    used: Mutex<Used>,
}

/// The pair that is in use, and the checksums of the files.
#[derive(Debug)]
struct Used {
    config: Arc<ServerConfig>,
    /// The checksums of the files that were read last, whether they could be used or not.
    tried: Sums,
    /// The checksums at the last look.
    seen: Sums,
    looked: Instant,
}

/// The checksums of the two files; `None` for one that cannot be read.
type Sums = [Option<u32>; 2];

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{path}: {message}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is missing.
        message: String,
    },
    /// The certificate and the key do not belong together.
    #[error("{certificate} and {key}: {message}")]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        message: String,
    },
}

impl Identity {
    /// Reads a certificate with those of its authorities, and its key, both as PEM.
    ///
    /// # Errors
    /// Files that hold something else, or a key that belongs to another certificate.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let sums = sums(certificate, key);
        let config = config(certificate, key)?;
        let used = Used { config, tried: sums, seen: sums, looked: Instant::now() };
        let (certificate, key, used) = (certificate.into(), key.into(), Mutex::new(used));
        Ok(Self(Arc::new(Files { certificate, key, used })))
    }

    /// Checks from time to time whether the files have changed, and uses the new pair once it has stayed the same for
    /// a moment. A pair that cannot be used is logged, and the previous pair stays in use.
    pub(super) fn look(&self) {
        let Files { certificate, key, .. } = &*self.0;
        let mut used = self.used();
        if used.looked.elapsed() < LOOK {
            return;
        }
        used.looked = Instant::now();
        let now = sums(certificate, key);
        let settled = std::mem::replace(&mut used.seen, now) == now;
        if now == used.tried || !settled {
            return;
        }
        used.tried = now;
        match config(certificate, key) {
            Ok(config) => {
                used.config = config;
                log::info!("{}: the new certificate is used from now on", certificate.display());
            }
            Err(error) => log::error!("{error}; the previous certificate stays in use"),
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sums(certificate: &Path, key: &Path) -> Sums {
    [certificate, key].map(|path| Some(crc32fast::hash(&std::fs::read(path).ok()?)))
}

/// Reads a pair of files.
fn config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, IdentityError> {
    let pem = |path: &Path, message: String| IdentityError::Pem { path: path.into(), message };
    let text = read(certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| pem(certificate, format!("not PEM: {error}")))?;
    if chain.is_empty() {
        let message = "it holds no certificate (-----BEGIN CERTIFICATE-----)";
        return Err(pem(certificate, message.into()));
    }
    // The error might quote a part of the key.
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| {
            let message = "it holds no private key that can be used (-----BEGIN PRIVATE KEY-----, without a password)";
            pem(key, message.into())
        })?;
    let provider = Arc::new(ring::default_provider());
    let pair = |error: rustls::Error| IdentityError::Pair {
        certificate: certificate.into(),
        key: key.into(),
        message: error.to_string(),
    };
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(pair)?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, secret).map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|source| IdentityError::Read { path: path.into(), source })
}

/// A connection with TLS on top of another.
pub(super) struct Encrypted {
    below: Tcp,
    session: ServerConnection,
    /// When what is done now has to be done.
    until: Instant,
}

impl Encrypted {
    pub(super) fn new(below: Tcp, identity: &Identity) -> io::Result<Self> {
        let session =
            ServerConnection::new(identity.used().config.clone()).map_err(io::Error::other)?;
        Ok(Self { below, session, until: Instant::now() })
    }

    /// One read or write below may take the rest of the time, so that a sender cannot be slow in many small steps.
    fn next_step(&mut self) -> io::Result<()> {
        match self.until.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => self.below.wait_at_most(left),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Sends the pending data of TLS.
    fn send_all(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.next_step()?;
            if self.session.write_tls(&mut self.below)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

impl Read for Encrypted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(out) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The connection ended without a TLS close; the reader knows how much had to come.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.send_all()?;
            self.next_step()?;
            self.session.read_tls(&mut self.below)?;
            if let Err(error) = self.session.process_new_packets() {
                // The other side gets an alert with the reason.
                let _ = self.send_all();
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        }
    }
}

impl Write for Encrypted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.session.writer().write(bytes)?;
        self.send_all()?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_all()
    }
}

impl Link for Encrypted {
    fn wait_at_most(&mut self, time: Duration) -> io::Result<()> {
        self.until = Instant::now() + time;
        Ok(())
    }

    fn close_writing(&mut self) {
        self.session.send_close_notify();
        let _ = self.send_all();
        self.below.close_writing();
    }
}

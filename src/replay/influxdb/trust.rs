//! The certificates that are trusted.

use super::InfluxError;
use super::access::{Access, Trust};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{RootCertStore, crypto::ring};
use std::path::Path;
use std::sync::Arc;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Returns how the servers of an address are checked.
///
/// # Errors
/// A file without certificates, or a system without any.
pub(super) fn config(access: &Access) -> Result<TlsConfig, InfluxError> {
    let builder =
        TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
    if !access.is_encrypted() {
        return Ok(builder.build());
    }
    let authorities = match &access.trust {
        Trust::Blindly => return Ok(builder.disable_verification(true).build()),
        Trust::System => of_the_system()?,
        Trust::File(path) => of_a_file(path)?,
    };
    let authorities: Vec<_> =
        authorities.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Ok(builder.root_certs(RootCerts::from(authorities)).build())
}

fn of_the_system() -> Result<Vec<CertificateDer<'static>>, InfluxError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(InfluxError::NoAuthorities(why));
    }
    Ok(found.certs)
}

fn of_a_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, InfluxError> {
    let refuse = |message: String| InfluxError::Authorities { path: path.into(), message };
    let bytes = std::fs::read(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = read.map_err(|error| refuse(format!("not PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(refuse("it holds no certificate (-----BEGIN CERTIFICATE-----)".into()));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        let added = store.add(certificate.clone());
        added.map_err(|error| refuse(format!("a certificate cannot be used: {error}")))?;
    }
    Ok(certificates)
}

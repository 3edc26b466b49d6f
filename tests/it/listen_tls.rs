//! `listen` with TLS: certificates that are used, refused and renewed.

use crate::house::certificate;
use crate::listen_live::{mirror, sorted};
use crate::listener::send;
use crate::util::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A client that believes our authority only.
fn client() -> ureq::Agent {
    let ca = CertificateDer::from_pem_file(certificate("ca.pem")).unwrap();
    let roots = RootCerts::from(vec![Certificate::from_der(&ca).to_owned()]);
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(roots);
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.tls_config(tls.build()).build().into()
}

#[test]
fn senders_with_tls_are_served_and_all_others_are_told_or_left() {
    let (cert, key) = (certificate("server.pem"), certificate("server.key"));
    let tls = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let listening =
        mirror(&[&tls[..], &["--read-timeout", "2s", "--max-connections", "20"]].concat());
    let url = format!("https://{}", listening.address);
    // A handshake that stops in the middle, garbage, and silence, more of them than there are places.
    let kinds: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x16garbage that goes on and on",
        b"",
        b"\x16\x03\x01",
    ];
    let open: Vec<_> = (0..40)
        .map(|i| {
            let mut stream = listening.connect();
            let _ = stream.write_all(kinds[i % kinds.len()]);
            stream
        })
        .collect();
    let write = |body: &str| {
        let request = client().post(format!("{url}/api/v2/write?bucket=d&precision=s"));
        request.send(body).map(|response| response.status().as_u16())
    };
    let ends = Instant::now() + crate::daemon::NEVER;
    while !matches!(write("m x=1 1"), Ok(204)) {
        assert!(Instant::now() < ends, "no place is ever free");
    }
    assert_eq!(write("m x=2 2\nbad").unwrap(), 400);
    let large = "m x=3 3\n".repeat(200_000);
    assert_eq!(write(&large).unwrap(), 204);
    // Many requests over one connection.
    let agent = client();
    for _ in 0..20 {
        let answer = agent.get(format!("{url}/health")).call().unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }
    let (status, answer) = send(&mut listening.connect(), "POST /write?db=d", "", b"m x=4 4");
    assert!(status == 400 && answer.contains("this port speaks TLS only"), "{answer}");
    drop(open);
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    let mut lines = sorted(&out);
    lines.dedup();
    assert_eq!(lines, ["m x=1 1000000000", "m x=3 3000000000"], "{err}");
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn certificates_that_cannot_be_used_are_told_before_anything_is_taken() {
    let folder = Folder::new("listen-certificates");
    let empty = folder.write("empty.pem", "");
    let other = folder
        .write("other.key", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n");
    let script = repo("scripts/mirror.rhai");
    let [cert, key] = [certificate("server.pem"), certificate("server.key")];
    for (cert, key, why) in [
        (&cert, &empty, "it holds no private key"),
        (&cert, &other, "failed to parse private key"),
        (&empty, &key, "it holds no certificate"),
        (&certificate("ca.pem"), &key, "ca.pem and "),
        (&folder.path("no"), &key, "cannot be read"),
    ] {
        let mut command = binary();
        command
            .arg("listen")
            .arg(&script)
            .args(["--port", "0", "--tls-cert"])
            .arg(cert)
            .arg("--tls-key")
            .arg(key);
        let run = feed(&mut command, &[]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(
            run.stderr.contains(why) && !run.stderr.contains("s3cret"),
            "{why}: {}",
            run.stderr
        );
    }
    let run = feed(binary().arg("listen").arg(&script).arg("--tls-cert").arg(&cert), &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

/// Makes a request over TLS on a connection of its own.
fn ping(url: &str) -> Result<u16, ureq::Error> {
    client().get(format!("{url}/ping")).call().map(|answer| answer.status().as_u16())
}

#[test]
fn a_certificate_that_is_renewed_is_used_and_one_that_is_broken_is_not() {
    let folder = Folder::new("listen-renewed");
    let (cert, key) = (folder.path("cert.pem"), folder.path("cert.key"));
    let put = |name: &str| std::fs::copy(certificate(name), &cert).unwrap();
    put("server.pem");
    std::fs::copy(certificate("server.key"), &key).unwrap();
    let tls = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let mut listening = mirror(&[&tls[..], &["--log-level", "info"]].concat());
    let url = format!("https://{}", listening.address);
    assert_eq!(ping(&url).unwrap(), 204);
    put("other-host.pem");
    listening.wait_for("the new certificate is used from now on");
    assert!(ping(&url).unwrap_err().to_string().contains("certificate"));
    put("server.pem");
    listening.wait_for("the new certificate is used from now on");
    // None of these is taken in place of the good one.
    std::fs::write(&cert, "garbage").unwrap();
    listening.wait_for("it holds no certificate (-----BEGIN CERTIFICATE-----); the previous certificate stays in use");
    put("ca.pem");
    listening.wait_for("; the previous certificate stays in use");
    std::fs::remove_file(&key).unwrap();
    listening.wait_for(
        "cert.key: cannot be read: No such file or directory (os error 2); the previous certificate",
    );
    assert_eq!(ping(&url).unwrap(), 204);
    assert_eq!(listening.stop().2, Some(0));
}

use crate::util::{Fleet, Servers, points, text};
use data_encoding::BASE64URL_NOPAD;
use std::process::Command;

/// The accounts that docs/fleet.md shows.
const ACCOUNTS: &str = r#"
authorization {
  users: [
    { user: admin, password: a }
    { user: feed, password: f, permissions: {
        publish: ["t.in.>", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.t_META"]
        subscribe: ["_INBOX.>"] } }
    { user: worker, password: w, permissions: {
        publish: ["t.j.>", "t.out.>", "t.beat", "_INBOX.>", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*",
                  "$JS.API.STREAM.PURGE.*", "$JS.API.STREAM.MSG.DELETE.*", "$JS.API.CONSUMER.CREATE.*",
                  "$JS.API.CONSUMER.CREATE.*.>", "$JS.API.CONSUMER.MSG.NEXT.*.*"]
        subscribe: ["t.beat", "t.control", "_INBOX.>"] } }
  ]
}
"#;

#[test]
fn feeds_and_workers_need_few_rights() {
    let Some(servers) = Servers::start_with(1, ACCOUNTS) else { return };
    let account = |user: &str, password: &str| {
        format!("partitions = 2\n[security]\nuser = \"{user}\"\npassword = \"{password}\"\n")
    };
    let fleet = Fleet::create(servers.urls(), &account("admin", "a"));
    let as_user = |user, password| {
        let mut other = Fleet::new(servers.urls(), &account(user, password));
        other.rest.clear();
        other
    };
    let feed_account = as_user("feed", "f");
    let worker_account = as_user("worker", "w");
    let (feed, _worker) = (feed_account.feed(), worker_account.worker("a"));
    feed.send_until_taken(&points(0, 500, 10));
    assert_eq!(fleet.output(500).lines().count(), 500);
    // Neither can change the fleet, nor can anybody who has no account.
    let refused = feed_account.run(&["repartition", "--partitions", "4"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    let refused = worker_account.run(&["repartition", "--partitions", "4"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    let refused = as_user("feed", "wrong").run(&["status"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).to_lowercase().contains("auth"), "{}", text(&refused.stderr));
}

/// A token as `nsc` makes it: claims that a key has signed.
fn token(by: &nkeys::KeyPair, of: &nkeys::KeyPair, claims: serde_json::Value) -> String {
    let part = |value: serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let head = part(serde_json::json!({"typ": "JWT", "alg": "ed25519-nkey"}));
    let body = part(serde_json::json!({
        "jti": "t", "iat": 1_700_000_000, "iss": by.public_key(), "sub": of.public_key(), "name": "t", "nats": claims,
    }));
    let signature = by.sign(format!("{head}.{body}").as_bytes()).unwrap();
    format!("{head}.{body}.{}", BASE64URL_NOPAD.encode(&signature))
}

#[test]
fn credentials_of_an_account_are_asked_for() {
    use nkeys::KeyPair;
    use serde_json::json;
    let (operator, account, system) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1});
    let claims = |limits| json!({"type": "account", "version": 2, "limits": limits});
    let plain = json!({"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1});
    let text = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}\n",
        token(&operator, &operator, json!({"type": "operator", "version": 2})),
        system.public_key(),
        account.public_key(),
        token(&operator, &account, claims(limits)),
        system.public_key(),
        token(&operator, &system, claims(plain)),
    );
    let Some(servers) = Servers::start_with(1, &text) else { return };
    let fleet =
        Fleet::new(servers.urls(), "partitions = 1\n[security]\ncredentials = \"user.creds\"\n");
    let write = |signer: &KeyPair| {
        let user = KeyPair::new_user();
        let claims = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
        let creds = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            token(signer, &user, claims),
            user.seed().unwrap()
        );
        std::fs::write(fleet.folder.path().join("user.creds"), creds).unwrap();
    };
    write(&account);
    fleet.ok(&["create"]);
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    feed.send_until_taken(&points(0, 100, 5));
    assert_eq!(fleet.output(100).lines().count(), 100);
    write(&KeyPair::new_account());
    let refused = fleet.run(&["status"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        crate::util::text(&refused.stderr).contains("auth"),
        "{}",
        crate::util::text(&refused.stderr)
    );
}

#[test]
fn senders_to_the_feed_need_a_token_and_may_speak_tls() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 1");
    std::fs::write(fleet.folder.path().join("tokens"), "secret\n").unwrap();
    let feed = fleet.feed_with(&["--token-file", "tokens", "--user", "me:word"]);
    let line = points(0, 1, 1);
    assert_eq!(feed.send(&line), 401);
    assert_eq!(feed.send_with("Authorization: Token wrong\r\n", &line), 401);
    assert_eq!(feed.send_with("Authorization: Token secret\r\n", &line), 204);
    assert_eq!(feed.send_with("Authorization: Basic bWU6d29yZA==\r\n", &line), 204);
    let refused = fleet.run(&["feed", "--user", "me"]);
    assert_eq!(refused.status.code(), Some(2));
    if certificate(fleet.folder.path(), "port") {
        let feed = fleet.feed_with(&["--tls-cert", "port.pem", "--tls-key", "port.key"]);
        let url = format!("https://{}/write?db=d", feed.address);
        let sent = Command::new("curl")
            .args(["-sf", "--cacert", "port.pem", "--data-binary", &line, &url])
            .current_dir(fleet.folder.path())
            .status();
        assert!(sent.unwrap().success());
    }
}

#[test]
fn a_client_without_its_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    if !["server", "client", "other"].iter().all(|name| certificate(folder.path(), name)) {
        assert!(std::env::var_os("RHAI_UDF_FLEET").is_none(), "openssl is not installed");
        return;
    }
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}\n",
        path("server.pem"),
        path("server.key"),
        path("client.pem")
    );
    let Some(servers) = Servers::start_with(1, &tls) else { return };
    let with = |who: &str| {
        let own = format!(
            "cert = \"{}\"\nkey = \"{}\"\n",
            path(&format!("{who}.pem")),
            path(&format!("{who}.key"))
        );
        let own = if who.is_empty() { String::new() } else { own };
        format!("partitions = 1\n[security]\nca = \"{}\"\n{own}", path("server.pem"))
    };
    let fleet = Fleet::create(servers.urls(), &with("client"));
    assert!(fleet.ok(&["status"]).contains("no owner"));
    for who in ["other", ""] {
        let refused = Fleet::new(servers.urls(), &with(who)).run(&["status"]);
        assert_eq!(refused.status.code(), Some(1), "as '{who}'");
    }
}

/// Makes a key and a certificate; returns false where openssl is not installed.
fn certificate(folder: &std::path::Path, name: &str) -> bool {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .current_dir(folder)
        .output();
    made.is_ok_and(|output| output.status.success())
}

#[test]
fn a_server_with_another_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    if !(certificate(folder.path(), "good") && certificate(folder.path(), "other")) {
        assert!(std::env::var_os("RHAI_UDF_FLEET").is_none(), "openssl is not installed");
        return;
    }
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
        path("good.pem"),
        path("good.key")
    );
    let Some(servers) = Servers::start_with(1, &tls) else { return };
    let with = |ca: &str| format!("partitions = 1\n[security]\nca = \"{}\"\n", path(ca));
    let fleet = Fleet::create(servers.urls(), &with("good.pem"));
    assert!(fleet.ok(&["status"]).contains("no owner"));
    let refused = Fleet::new(servers.urls(), &with("other.pem")).run(&["status"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("certificate") || text(&refused.stderr).contains("TLS"),
        "{}",
        text(&refused.stderr)
    );
    let refused = Fleet::new(servers.urls(), "partitions = 1").run(&["status"]);
    assert_eq!(refused.status.code(), Some(1), "a certificate that nobody known has signed");
}

#[test]
fn an_unknown_nkey_is_refused() {
    let (known, other) = (nkeys::KeyPair::new_user(), nkeys::KeyPair::new_user());
    let account = format!("authorization {{ users: [ {{ nkey: {} }} ] }}\n", known.public_key());
    let Some(servers) = Servers::start_with(1, &account) else { return };
    let fleet = Fleet::new(servers.urls(), "partitions = 1\n[security]\nnkey = \"seed.nk\"\n");
    let seed = fleet.folder.path().join("seed.nk");
    std::fs::write(&seed, known.seed().unwrap()).unwrap();
    fleet.ok(&["create"]);
    std::fs::write(&seed, "no seed").unwrap();
    let refused = fleet.run(&["status"]);
    assert!(text(&refused.stderr).contains("must hold the seed"), "{}", text(&refused.stderr));
    std::fs::write(&seed, other.seed().unwrap()).unwrap();
    let refused = fleet.run(&["status"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
}

use crate::util::{Fleet, Servers, points, text};
use std::process::Command;

/// The accounts that docs/fleet.md shows.
const ACCOUNTS: &str = r#"
authorization {
  users: [
    { user: admin, password: a }
    { user: feed, password: f, permissions: {
        publish: ["t.in.>", "$JS.API.STREAM.INFO.t_META", "$JS.API.STREAM.MSG.GET.t_META"]
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
    std::fs::write(&seed, other.seed().unwrap()).unwrap();
    let refused = fleet.run(&["status"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
}

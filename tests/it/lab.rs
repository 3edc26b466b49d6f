//! `rhai-udf lab`: what the page is told, and who is not answered. The page itself is tested in a browser
//! (`lab/test/browser.mjs`).

use crate::util::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

const SCRIPT: &str = "\
fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{\n\
    field: \"string\", factor: #{ type: \"double\", min: 0.0, max: 10.0, default: 2.0 } } } }\n\
fn state(opt) { #{ sum: 0.0 } }\n\
fn point(p, opt) { this.sum += p[opt.field]; p.y = opt.factor * p[opt.field]; emit(p); }\n";

/// Points of two hosts, a second apart, with one of `a` that sticks out.
fn data() -> String {
    let line = |i: i64| {
        let host = if i % 2 == 0 { "a" } else { "b" };
        let x = if i == 60 { 50 } else { i % 7 };
        format!("m,host={host} x={x} {}000000000\n", 1_600_000_000 + i)
    };
    (0..100).map(line).collect()
}

/// A lab, ended with the test.
struct Lab {
    child: Child,
    out: BufReader<ChildStdout>,
    folder: Folder,
    address: String,
    token: String,
}

impl Lab {
    fn start(name: &str, more: &[&str]) -> Self {
        let folder = Folder::new(name);
        folder.write("data.lp", &data());
        folder.write("script.rhai", SCRIPT);
        let given = ["script.rhai", "--data", "data.lp", "--set", "field=x", "--group-by", "host"];
        Self::run(folder, &[&given[..], more].concat())
    }

    fn run(folder: Folder, arguments: &[&str]) -> Self {
        let mut child = binary()
            .current_dir(folder.path(""))
            .arg("lab")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let url = Self::line(&mut out, "open http://");
        let (address, token) = url.split_once('/').unwrap();
        let (address, token) = (address.to_owned(), token.trim_matches('/').to_owned());
        Self { child, out, folder, address, token }
    }

    fn line(out: &mut BufReader<ChildStdout>, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "the lab has ended");
            if let Some(rest) = line.trim().strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    /// Sends a request as it is; the status, the head and the body.
    fn raw(&self, head: &str, body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())
            .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let head = format!("GET /{}/api/{path} HTTP/1.1\r\nHost: {}", self.token, self.address);
        let (status, _, body) = self.raw(&head, b"");
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let head = format!(
            "POST /{}/api/{path} HTTP/1.1\r\nHost: {}\r\nOrigin: http://{}\r\n\
             Content-Type: application/json",
            self.token, self.address, self.address
        );
        let (status, _, body) = self.raw(&head, body.to_string().as_bytes());
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// Waits for a replay of which something is true.
    fn study(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        let mut seen = 0;
        loop {
            let (status, news) = self.get(&format!("news?seen={seen}&pixels=500"));
            assert_eq!(status, 200, "{news}");
            seen = news["changes"].as_u64().unwrap();
            if wanted(&news["study"]) {
                return news["study"].clone();
            }
            assert!(Instant::now() < end, "not seen: {news}");
        }
    }

    fn save(&self, text: &str) -> (u16, Value) {
        self.post("save", &json!({ "name": "script.rhai", "text": text, "base": null }))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn any(study: &Value) -> bool {
    study["run"].is_u64()
}

#[test]
fn a_page_of_another_site_is_not_answered() {
    let lab = Lab::start("lab-doors", &[]);
    let Lab { address, token, .. } = &lab;
    let ok = format!("GET /{token}/ HTTP/1.1\r\nHost: {address}");
    assert_eq!(lab.raw(&ok, b"").0, 200);
    let port = address.rsplit_once(':').unwrap().1;
    assert_eq!(lab.raw(&format!("GET /{token}/ HTTP/1.1\r\nHost: localhost:{port}"), b"").0, 200);
    let wrong = format!("{}0", &token[..token.len() - 1]);
    for (head, why) in [
        (format!("GET / HTTP/1.1\r\nHost: {address}"), "no token"),
        (format!("GET /{wrong}x/ HTTP/1.1\r\nHost: {address}"), "another token"),
        (format!("GET /{}/ HTTP/1.1\r\nHost: {address}", &token[..40]), "a part of the token"),
        (format!("GET /{token}/ HTTP/1.1\r\nHost: evil.example:{port}"), "another name"),
        (format!("{ok}\r\nOrigin: http://evil.example"), "another origin"),
        (format!("{ok}\r\nOrigin: null"), "no real origin"),
        (format!("{ok}\r\nOrigin: http://127.0.0.1:1"), "another port"),
        (format!("{ok}\r\nSec-Fetch-Site: cross-site"), "asked for by another page"),
    ] {
        let (status, _, body) = lab.raw(&head, b"");
        assert_eq!(status, 403, "{why}: {body}");
        assert!(!body.contains(token.as_str()), "{why}");
    }
    let post = format!("POST /{token}/api/save HTTP/1.1\r\nHost: {address}");
    assert_eq!(lab.raw(&format!("{post}\r\nContent-Type: text/plain"), b"{}").0, 415);
    assert_eq!(lab.raw(&format!("{post}\r\nContent-Type: application/json"), b"{").0, 400);
    assert_eq!(lab.raw(&format!("DELETE /{token}/ HTTP/1.1\r\nHost: {address}"), b"").0, 405);
    assert_eq!(lab.get("nothing").0, 404);
}

#[test]
fn the_page_lets_nothing_else_run() {
    let lab = Lab::start("lab-policy", &[]);
    let page = format!("GET /{}/ HTTP/1.1\r\nHost: {}", lab.token, lab.address);
    let (_, head, body) = lab.raw(&page, b"");
    let policy =
        head.lines().find_map(|line| line.strip_prefix("Content-Security-Policy: ")).unwrap();
    for part in
        ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(body.contains(&format!("content=\"{nonce}\"")) && !body.contains("@NONCE@"));
    assert!(!lab.raw(&page, b"").2.contains(nonce), "each page has its own");
    assert!(
        head.contains("Cache-Control: no-store") && head.contains("Referrer-Policy: no-referrer")
    );
    for name in ["lab.js", "lab.css", "licenses.txt"] {
        let file = format!("GET /{}/{name} HTTP/1.1\r\nHost: {}", lab.token, lab.address);
        let (status, _, body) = lab.raw(&file, b"");
        assert_eq!(status, 200);
        assert!(!body.contains("https://cdn") && body.len() > 1000, "{name}");
    }
}

#[test]
fn files_outside_of_the_folder_are_neither_read_nor_written() {
    let lab = Lab::start("lab-files", &[]);
    let outer = Folder::new("lab-outside");
    let secret = outer.write("secret.rhai", "secret");
    std::fs::create_dir(lab.folder.path("parts")).unwrap();
    lab.folder.write("parts/module.rhai", "fn twice(x) { 2 * x }");
    symlink(&secret, lab.folder.path("link.rhai")).unwrap();
    symlink(outer.path(""), lab.folder.path("folder")).unwrap();
    assert_eq!(lab.get("file?name=parts/module.rhai").1["text"], "fn twice(x) { 2 * x }");
    let outside = format!("../{}", secret.strip_prefix("/tmp").unwrap_or(&secret).display());
    for name in [
        secret.to_str().unwrap(),
        &outside,
        "link.rhai",
        "folder/secret.rhai",
        "parts/../../x.rhai",
        "data.lp/../link.rhai",
        "../../../../etc/passwd",
        "/etc/passwd",
    ] {
        let escaped = name.replace('/', "%2F");
        let (status, answer) = lab.get(&format!("file?name={escaped}"));
        assert!(status == 403 && answer["text"].is_null(), "{name}: {status} {answer}");
        let (status, answer) = lab.post("save", &json!({ "name": name, "text": "gone" }));
        assert_eq!(status, 403, "{name}: {answer}");
    }
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret");
    for name in ["rhai-udf.toml", "new.sh", "data.lp", "x.test.toml"] {
        let (status, _) = lab.post("save", &json!({ "name": name, "text": "x" }));
        assert_eq!(status, 403, "{name}: the page writes scripts only");
    }
    // A module that is a link is not read either, and no line of it is shown.
    for (text, why) in [("secret words here", "no script"), ("fn f() { 1 }", "a script")] {
        std::fs::write(&secret, text).unwrap();
        lab.save(&format!("import \"link\" as l;\n// {why}\n{SCRIPT}"));
        let study =
            lab.study(|study| study["findings"].to_string().contains("link that leads out of"));
        assert_eq!(study["failed"], true, "{why}");
        assert!(!study.to_string().contains("secret words"), "{why}: {study}");
    }
    let files = lab.get("start").1["files"].clone();
    assert_eq!(files, json!(["script.rhai", "parts/module.rhai"]));
}

#[test]
fn what_is_only_looked_at_is_not_written() {
    let lab = Lab::start("lab-no-edit", &["--no-edit"]);
    lab.study(any);
    assert_eq!(lab.get("start").1["edit"], false);
    assert_eq!(lab.save("gone").0, 403);
    let wish = json!({ "name": "x", "from": "0", "to": "9", "history": true });
    assert_eq!(lab.post("cut", &wish).0, 403);
    assert_eq!(std::fs::read_to_string(lab.folder.path("script.rhai")).unwrap(), SCRIPT);
    let turned = json!({ "settings": { "options": { "factor": ["3.0"] } } });
    assert_eq!(lab.post("settings", &turned).0, 200, "options can be turned");
    lab.study(|study| study["settings"]["options"]["factor"] == json!(["3.0"]));
}

#[test]
fn a_save_replays_and_is_compared_with_the_version_before() {
    let lab = Lab::start("lab-save", &["--crit", "y > 90"]);
    let first = lab.study(any);
    assert_eq!(first["alertCount"], 2, "critical and OK again: {}", first["alerts"]);
    assert_eq!(first["picture"]["group"], "host=a", "the worst group is shown");
    assert!(first["changes"].is_null());
    let rows = first["picture"]["rows"].as_array().unwrap();
    let fields: Vec<_> = rows.iter().map(|row| (&row["side"], &row["field"])).collect();
    assert_eq!(fields, [(&json!("in"), &json!("x")), (&json!("out"), &json!("y"))]);
    assert_eq!(rows[1]["values"][0].as_array().unwrap().len(), 50);
    assert_eq!(first["picture"]["thresholds"][0]["value"], 90.0);
    assert_eq!(first["states"][0]["groups"].as_array().unwrap().len(), 2);
    let factor =
        first["knobs"].as_array().unwrap().iter().find(|knob| knob["key"] == "factor").unwrap();
    assert_eq!((&factor["max"], &factor["default"]), (&json!(10.0), &json!("2.0")));

    let (status, saved) = lab.save(&SCRIPT.replace("p.y =", "p.y = 0.5 *"));
    assert_eq!(status, 200, "{saved}");
    let run = saved["run"].clone();
    let second = lab.study(|study| study["run"] == run);
    assert_eq!(
        (&second["changes"]["goneCount"], &second["changes"]["addedCount"]),
        (&json!(2), &json!(0))
    );
    let made = second["picture"]["rows"][1].clone();
    assert_eq!(made["lines"], json!(["now", "before"]));
    assert_eq!(
        made["values"][0][10].as_f64().unwrap() * 2.0,
        made["values"][1][10].as_f64().unwrap()
    );

    // The disk, by another editor; what is replayed again as it was keeps what it is compared with.
    lab.folder.write("script.rhai", SCRIPT);
    let third = lab.study(|study| study["alertCount"] == 2);
    assert_eq!(third["changes"]["addedCount"], 2);
    let (_, wanted) = lab.post("settings", &json!({ "settings": {} }));
    let again = lab.study(|study| study["run"] == wanted["run"]);
    assert_eq!(again["changes"]["addedCount"], 2);
    let (status, conflict) = lab
        .post("save", &json!({ "name": "script.rhai", "text": "mine", "base": saved["version"] }));
    assert_eq!((status, &conflict["text"]), (409, &json!(SCRIPT)), "{conflict}");
}

#[test]
fn errors_stand_at_their_line_in_the_words_of_check() {
    let lab = Lab::start("lab-errors", &[]);
    lab.study(any);
    let broken = SCRIPT.replace("emit(p)", "emit(q)");
    let (_, looked) = lab.post("check", &json!({ "name": "script.rhai", "text": broken }));
    lab.save(&broken);
    let study = lab.study(|study| study["failed"] == true);
    assert_eq!(looked["findings"], study["findings"]);
    let finding = &study["findings"][0];
    assert_eq!((&finding["file"], &finding["line"]), (&json!("script.rhai"), &json!(4)));
    let checked = binary().arg("check").arg(lab.folder.path("script.rhai")).output().unwrap();
    let printed = String::from_utf8(checked.stdout).unwrap();
    assert!(printed.contains(finding["text"].as_str().unwrap().trim()), "{printed}\n{finding}");
    // An error of the data.
    lab.save(&SCRIPT.replace("emit(p);", "if p.x > 40.0 { throw \"too hot\"; } emit(p);"));
    let study = lab.study(|study| {
        study["findings"][0]["message"].as_str().is_some_and(|m| m.contains("too hot"))
    });
    assert_eq!(study["findings"][0]["line"], 4);
    assert!(
        !study["picture"]["rows"].as_array().unwrap().is_empty(),
        "what came before it is drawn"
    );
    // A top level that never ends, which nothing but its steps can stop.
    lab.save(&format!("loop {{ }}\n{SCRIPT}"));
    lab.study(|study| study["failed"] == true && study["findings"][0]["line"] == 1);
}

#[test]
fn an_overtaken_replay_is_dropped_in_the_middle_of_a_call() {
    let lab = Lab::start("lab-overtaken", &[]);
    lab.study(any);
    let (_, endless) = lab.save(&SCRIPT.replace("emit(p);", "loop { } emit(p);"));
    // It is at work; nothing comes of it until it is overtaken.
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let (_, saved) = lab.save(SCRIPT);
    let study = lab.study(|study| study["run"] == saved["run"]);
    assert_eq!(study["failed"], false);
    assert!(began.elapsed() < Duration::from_secs(30), "the limit of a call is a minute");
    assert!(endless["run"].as_u64() < saved["run"].as_u64());
    // Many wishes at once: the last is replayed.
    let mut last = Value::Null;
    for i in 0..50 {
        let turned = json!({ "settings": { "options": { "factor": [format!("{}.5", i % 10)] } }, "dragging": i < 49 });
        last = lab.post("settings", &turned).1["run"].clone();
    }
    let study = lab.study(|study| study["run"] == last);
    assert_eq!(study["settings"]["options"]["factor"], json!(["9.5"]));
}

#[test]
fn a_script_that_is_too_big_is_refused_and_a_big_one_is_not() {
    let lab = Lab::start("lab-big", &[]);
    lab.study(any);
    let big = format!("{SCRIPT}{}", "// a comment that takes room\n".repeat(200_000));
    let (status, saved) = lab.save(&big);
    assert_eq!(status, 200, "{saved}");
    lab.study(|study| study["run"] == saved["run"] && study["failed"] == false);
    let bigger = "/".repeat(9 << 20);
    assert_eq!(lab.save(&bigger).0, 422);
    let huge = "/".repeat(20 << 20);
    let head = format!(
        "POST /{}/api/save HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json",
        lab.token, lab.address
    );
    let body = json!({ "name": "script.rhai", "text": huge, "base": null }).to_string();
    let mut stream = TcpStream::connect(&lab.address).unwrap();
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
    // It is refused before all of it has come.
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(std::fs::read_to_string(lab.folder.path("script.rhai")).unwrap(), big);
}

#[test]
fn a_point_is_shown_with_the_state_before_it() {
    let lab = Lab::start("lab-moment", &[]);
    let study = lab.study(any);
    let group = &study["picture"]["group"];
    let (status, moment) =
        lab.post("moment", &json!({ "time": "1600000010400000000", "group": group }));
    assert_eq!(status, 200, "{moment}");
    assert_eq!(moment["at"], "2020-09-13T12:26:50Z", "the point that is not later");
    assert_eq!(moment["measured"]["fields"]["x"], 3.0);
    assert_eq!(moment["made"]["fields"]["y"], 6.0);
    let groups = moment["states"][0]["groups"].as_array().unwrap();
    let own = groups.iter().find(|one| one["group"] == *group).unwrap();
    // 0, 2, 4, 6 and 1: what came of host a before.
    assert_eq!(own["state"]["sum"], 13.0, "{moment}");
}

#[test]
fn a_slice_is_cut_out_as_a_test_case_that_runs() {
    let lab = Lab::start("lab-cut", &["--crit", "y > 90"]);
    lab.study(any);
    let wish = |name: &str, from: i64, to: i64| {
        let time = |second: i64| (1_600_000_000 + second).to_string() + "000000000";
        json!({ "name": name, "from": time(from), "to": time(to), "history": false })
    };
    let (status, cut) = lab.post("cut", &wish("it's \"hot\"", 50, 70));
    assert_eq!(status, 200, "{cut}");
    assert_eq!(cut["file"], "script.test.toml");
    assert_eq!(lab.post("cut", &wish("nothing happens", 0, 20)).0, 200);
    assert_eq!(lab.post("cut", &wish("", 0, 20)).0, 422);
    assert_eq!(lab.post("cut", &wish("no data", 5_000, 6_000)).0, 422);
    let tested = binary().arg("test").arg(lab.folder.path("")).output().unwrap();
    let printed = String::from_utf8(tested.stdout).unwrap();
    assert!(tested.status.success(), "{printed}");
    assert!(printed.contains("hot") && printed.contains("nothing happens"), "{printed}");
    let text = std::fs::read_to_string(lab.folder.path("script.test.toml")).unwrap();
    assert!(text.contains("level = \"CRITICAL\"") && text.contains("expect.none = true"), "{text}");
    // A case fails once the script is another.
    lab.folder.write("script.rhai", &SCRIPT.replace("p.y =", "p.y = 0.5 *"));
    let tested = binary().arg("test").arg(lab.folder.path("")).output().unwrap();
    assert_eq!(tested.status.code(), Some(1));
}

#[test]
fn a_tickscript_is_turned_by_its_variables_and_its_functions_options() {
    let folder = Folder::new("lab-tick");
    folder.write("data.lp", &data());
    folder.write("script.rhai", SCRIPT);
    let task = "var limit = 90.0 // degrees\n\nstream\n    |from()\n        .groupBy('host')\n    @scale()\n        \
                .field('x')\n    |alert()\n        .crit(lambda: \"y\" > limit)\n        .stateChangesOnly()\n";
    folder.write("task.tick", task);
    let arguments = ["task.tick", "--udf", "scale=script.rhai", "--data", "data.lp"];
    let lab = Lab::run(folder, &arguments);
    let study = lab.study(any);
    let keys: Vec<_> =
        study["knobs"].as_array().unwrap().iter().map(|knob| knob["key"].clone()).collect();
    assert_eq!(keys, ["var:limit", "udf:scale.factor", "udf:scale.field"]);
    assert_eq!(study["alertCount"], 2, "{study}");
    let turned = json!({ "settings": { "options": { "var:limit": ["500.0"] } } });
    let (_, wanted) = lab.post("settings", &turned);
    let study = lab.study(|study| study["run"] == wanted["run"]);
    assert_eq!((&study["alertCount"], &study["failed"]), (&json!(0), &json!(false)));
    let turned = json!({ "settings": { "options": { "var:limit": ["400.0"], "udf:scale.factor": ["9.0"] } } });
    let (_, wanted) = lab.post("settings", &turned);
    assert_eq!(lab.study(|study| study["run"] == wanted["run"])["alertCount"], 2);
    let text = lab.get("tickscript").1["text"].as_str().unwrap().to_owned();
    assert!(
        text.contains("var limit = 400.0 // degrees") && text.contains(".factor(9.0)"),
        "{text}"
    );
    // What is written does the same.
    lab.folder.write("task.tick", &text);
    let (_, wanted) = lab.post("settings", &json!({ "settings": {} }));
    let study = lab.study(|study| study["run"].as_u64() >= wanted["run"].as_u64());
    assert_eq!((&study["alertCount"], &study["failed"]), (&json!(2), &json!(false)), "{study}");
    // Other folders are not opened by what a page writes.
    for source in ["file:///etc", "file:///"] {
        let text =
            format!("stream|from()|sideload().source('{source}').order('a.json').field('x', 0.0)");
        lab.post("save", &json!({ "name": "task.tick", "text": text, "base": null }));
        let study = lab.study(|study| {
            study["failed"] == true && study["findings"].to_string().contains(source)
        });
        assert!(
            study["findings"][0]["message"].as_str().unwrap().contains("script's folder"),
            "{study}"
        );
    }
    lab.folder.write("task.tick", "stream|from()|nothing()");
    let study = lab.study(|study| study["failed"] == true && study["findings"][0]["line"] != 0);
    assert_eq!(
        (&study["findings"][0]["file"], &study["findings"][0]["line"]),
        (&json!("task.tick"), &json!(1))
    );
}

#[test]
fn labels_judge_while_options_are_turned() {
    let folder = Folder::new("lab-labels");
    folder.write("data.lp", &data());
    folder.write("script.rhai", SCRIPT);
    folder.write("labels.json", "[[\"2020-09-13 12:27:38\", \"2020-09-13 12:27:42\"]]");
    let arguments = [
        "script.rhai",
        "--data",
        "data.lp",
        "--set",
        "field=x",
        "--crit",
        "y > 90",
        "--labels",
        "labels.json",
    ];
    let lab = Lab::run(folder, &arguments);
    let study = lab.study(any);
    assert_eq!(study["quality"]["hits"], 1, "{}", study["quality"]);
    assert_eq!(study["quality"]["f1"], 1.0);
    assert_eq!(study["picture"]["labels"].as_array().unwrap().len(), 1);
    let (_, wanted) =
        lab.post("settings", &json!({ "settings": { "conditions": { "crit": "y > 5" } } }));
    let study = lab.study(|study| study["run"] == wanted["run"]);
    assert!(study["quality"]["falseAlarms"].as_u64().unwrap() > 3, "{}", study["quality"]);
    assert_eq!(study["qualityBefore"]["f1"], 1.0);
}

#[test]
fn live_points_are_replayed_as_they_come() {
    let folder = Folder::new("lab-live");
    folder.write("script.rhai", SCRIPT);
    let arguments = [
        "script.rhai",
        "--live",
        "--port",
        "0",
        "--set",
        "field=x",
        "--crit",
        "y > 90",
        "--keep",
        "1000",
    ];
    let lab = Lab::run(folder, &arguments);
    let (_, start) = lab.get("start");
    let listener = start["live"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let write = |body: &str| {
        let mut stream = TcpStream::connect(&listener).unwrap();
        write!(
            stream,
            "POST /write?db=d HTTP/1.1\r\nHost: {listener}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    };
    write(&data());
    let study = lab.study(|study| study["alertCount"] == 2);
    assert_eq!(study["picture"]["last"], "1600000099000000000");
    write("m,host=a x=80 1600000200000000000\n");
    let study = lab.study(|study| study["alertCount"] == 3);
    assert_eq!(study["alerts"][2]["level"], "CRITICAL");
}

#[test]
fn what_a_lab_cannot_do_is_refused_by_name() {
    let folder = Folder::new("lab-usage");
    folder.write("script.rhai", SCRIPT);
    folder.write("data.lp", &data());
    symlink(folder.path("script.rhai"), folder.path("link.rhai")).unwrap();
    let told = |arguments: &[&str]| {
        let out =
            binary().current_dir(folder.path("")).arg("lab").args(arguments).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(out.stderr).unwrap()
    };
    let script = ["script.rhai", "--data", "data.lp"];
    for (more, named) in [
        (&["--sweep", "factor=1,2"][..], "--sweep"),
        (&["-o", "out.lp"], "--output"),
        (&["--watch"], "--watch"),
        (&["--keep", "5"], "--keep"),
        (&["--live"], "--live"),
        (&["--port", "1"], "--port"),
    ] {
        let text = told(&[&script[..], more].concat());
        assert!(text.contains(named), "{text}");
    }
    assert!(told(&["link.rhai", "--data", "data.lp"]).contains("link"));
    assert!(told(&["data.lp", "--data", "data.lp"]).contains("scripts (.rhai)"));
}

#[test]
fn a_signal_ends_it_and_those_who_wait() {
    let mut lab = Lab::start("lab-signal", &[]);
    lab.study(any);
    let pid = lab.child.id().to_string();
    let waiting = std::thread::scope(|scope| {
        let waits = scope.spawn(|| lab.get("news?seen=99"));
        std::thread::sleep(Duration::from_millis(200));
        assert!(
            std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success()
        );
        waits.join().unwrap()
    });
    assert_eq!(waiting.1["ended"], true, "{waiting:?}");
    assert!(lab.child.wait().unwrap().success());
    let mut rest = String::new();
    lab.out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

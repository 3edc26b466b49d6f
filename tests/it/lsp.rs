//! The language server, driven over standard input and output as an editor does it.

use crate::util::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// An editor with the server that it has started.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: i64,
    /// Notifications that came before the answer that was waited for.
    notices: Vec<Value>,
}

impl Client {
    fn start() -> Self {
        let mut child = binary();
        let child =
            child.arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, next: 0, notices: Vec::new() }
    }

    /// Started and initialized, with these options.
    fn ready(options: &Value) -> Self {
        let mut client = Self::start();
        let answer = client
            .ask("initialize", json!({ "capabilities": {}, "initializationOptions": options }));
        assert_eq!(answer["result"]["capabilities"]["positionEncoding"], "utf-16", "{answer}");
        client.tell("initialized", json!({}));
        client
    }

    fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn post(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        self.send(
            &json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params }),
        );
        self.next
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.post(method, params);
        self.answer(id)
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the server has left");
            match line.trim_end().split_once(": ") {
                Some((_, n)) => length = n.parse().unwrap(),
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn answer(&mut self, id: i64) -> Value {
        loop {
            let message = self.read();
            if message["id"] == id {
                return message;
            }
            self.notices.push(message);
        }
    }

    /// The diagnostics of a file, as soon as those of this version have come: line, severity and text.
    fn diagnostics(&mut self, path: &Path, version: Option<i64>) -> Vec<(u64, u64, String)> {
        let uri = uri(path);
        let is_wanted = |notice: &Value| {
            notice["method"] == "textDocument/publishDiagnostics"
                && notice["params"]["uri"] == uri
                && (version.is_none() || notice["params"]["version"] == json!(version))
        };
        let notice = match self.notices.iter().position(is_wanted) {
            Some(at) => self.notices.remove(at),
            None => loop {
                let message = self.read();
                if is_wanted(&message) {
                    break message;
                }
                self.notices.push(message);
            },
        };
        let all = notice["params"]["diagnostics"].as_array().unwrap();
        let one = |d: &Value| {
            let line = d["range"]["start"]["line"].as_u64().unwrap();
            (line, d["severity"].as_u64().unwrap(), d["message"].as_str().unwrap().to_owned())
        };
        all.iter().map(one).collect()
    }

    fn open(&mut self, path: &Path, text: &str) {
        let item = json!({ "uri": uri(path), "languageId": "rhai", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": item }));
    }

    fn change(&mut self, path: &Path, version: i64, text: &str) {
        let params = json!({
            "textDocument": { "uri": uri(path), "version": version },
            "contentChanges": [{ "text": text }],
        });
        self.tell("textDocument/didChange", params);
    }

    /// Asks at the place that `¦` marks in a text, which is opened without it.
    fn at(&mut self, path: &Path, marked: &str, method: &str) -> Value {
        let (before, after) = marked.split_once('¦').unwrap();
        self.open(path, &format!("{before}{after}"));
        let answer = self.ask(method, place(path, before));
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    fn labels(&mut self, path: &Path, marked: &str) -> Vec<String> {
        let items = self.at(path, marked, "textDocument/completion");
        items.as_array().unwrap().iter().map(|i| i["label"].as_str().unwrap().to_owned()).collect()
    }

    fn end(mut self) -> i32 {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The parameters for the place behind a text.
fn place(path: &Path, before: &str) -> Value {
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap().encode_utf16().count();
    json!({ "textDocument": { "uri": uri(path) }, "position": { "line": line, "character": column } })
}

/// A place in a text, by the first occurrence of a piece.
fn place_of(path: &Path, text: &str, piece: &str) -> Value {
    place(path, &text[..text.find(piece).unwrap() + 1])
}

const GOOD: &str = "fn info() {
    #{ wants: \"stream\", provides: \"stream\", options: #{ size: #{ type: \"int\", default: 5 } } }
}

fn state(opt) {
    #{ stats: moving_stats(opt.size), seen: 0 }
}

/// Doubles a number.
fn twice(x) { x * 2 }

fn point(p, opt) {
    let mean = this.stats.push(p.x).mean;
    if mean != () { p.mean = twice(mean); }
    this.seen += 1;
    emit(p);
}
";

#[test]
fn diagnostics_are_those_of_check() {
    let folder = Folder::new("lsp");
    let mut client = Client::ready(&Value::Null);
    let bad = format!("{GOOD}fn pont(p) {{ meen([1]); let half = 5 / 2; }}\n");
    let broken = "fn info() { #{ wants: \"stream\" }\n";
    for (version, text) in [(2, bad.as_str()), (3, broken), (4, GOOD)] {
        let path = folder.write("script.rhai", text);
        if version == 2 {
            client.open(&path, "");
        }
        client.change(&path, version, text);
        let shown = client.diagnostics(&path, Some(version));
        let run = feed(binary().arg("check").arg("--format").arg("json").arg(&path), &[]);
        let checked: Value = serde_json::from_slice(&run.stdout).unwrap();
        let problems = checked[0]["problems"].as_array().unwrap();
        let expected: Vec<(u64, u64, String)> = problems
            .iter()
            .map(|p| {
                let severity = if p["severity"] == "error" { 1 } else { 2 };
                let line = p["line"].as_u64().map_or(0, |line| line - 1);
                (line, severity, p["message"].as_str().unwrap().to_owned())
            })
            .collect();
        assert_eq!(shown, expected);
        assert_eq!(shown.is_empty(), version == 4, "{shown:?}");
    }
    assert_eq!(client.end(), 0);
}

#[test]
fn problems_of_a_module_are_told_at_the_module() {
    let folder = Folder::new("lsp");
    std::fs::create_dir(folder.path("lib")).unwrap();
    let module = folder
        .write("lib/half.rhai", "fn half(x) { x / 2 }\nfn odd() { nothing_of_this_name(1) }\n");
    let text = format!("import \"lib/half\" as half;\n{GOOD}fn init() {{ half::halve(1); }}\n");
    let script = folder.write("script.rhai", &text);
    let mut client = Client::ready(&Value::Null);
    client.open(&script, &text);
    let own = client.diagnostics(&script, Some(1));
    assert!(
        own.iter().any(|(_, _, text)| text.contains("module half has no function halve")),
        "{own:?}"
    );
    let of_module = client.diagnostics(&module, None);
    assert!(
        of_module.iter().any(|(line, _, text)| *line == 1 && text.contains("nothing_of_this_name")),
        "{of_module:?}"
    );
    // Opened itself, it is no script without `info`.
    client.open(&module, &std::fs::read_to_string(&module).unwrap());
    let of_module = client.diagnostics(&module, Some(1));
    assert!(of_module.iter().all(|(_, _, text)| !text.contains("has no fn info")), "{of_module:?}");
    assert!(!of_module.is_empty());
}

#[test]
fn completion_knows_types() {
    let folder = Folder::new("lsp");
    let path = folder.path("script.rhai");
    folder.write("data.lp", "m,host=a temp=1.5,ok=true,n=3i 1\n");
    let mut client = Client::ready(&Value::Null);
    let has = |labels: &[String], wanted: &[&str], others: &[&str]| {
        for name in wanted {
            assert!(labels.iter().any(|label| label == name), "{name} is not in {labels:?}");
        }
        for name in others {
            assert!(labels.iter().all(|label| label != name), "{name} is in {labels:?}");
        }
    };
    let inside = |body: &str| GOOD.replace("    emit(p);\n", &format!("    {body}\n"));
    has(
        &client.labels(&path, &inside("p.¦")),
        &["time", "tags", "has", "set"],
        &["mean", "push", "temp"],
    );
    let sampled = format!("// sample: data.lp\n{}", inside("p.¦"));
    has(&client.labels(&path, &sampled), &["temp", "ok", "n", "time"], &[]);
    let sampled = format!("// sample: data.lp\n{}", inside("p[\"¦\"];"));
    has(&client.labels(&path, &sampled), &["temp", "ok", "n"], &["time"]);
    has(&client.labels(&path, &inside("opt.¦")), &["size", "keys"], &["mean"]);
    has(&client.labels(&path, &inside("opt.si¦")), &["size"], &[]);
    has(&client.labels(&path, &inside("this.¦")), &["stats", "seen"], &[]);
    has(
        &client.labels(&path, &inside("this.stats.¦")),
        &["push", "mean", "z"],
        &["hampel", "tags"],
    );
    has(
        &client.labels(&path, &inside("let s = series([1]); s.¦")),
        &["mean", "present", "sort"],
        &["push"],
    );
    has(
        &client.labels(&path, &inside("let m = series([1]) > 2; m.¦")),
        &["any", "indices"],
        &["mean"],
    );
    has(
        &client.labels(&path, &inside("welch_ttest([1, 2], [3, 4]).¦")),
        &["pvalue", "df"],
        &["push"],
    );
    has(&client.labels(&path, &inside("\"text\".¦")), &["len", "split"], &["push_each"]);
    has(
        &client.labels(&path, &inside("¦")),
        &["mean", "opt", "twice", "emit", "welch_ttest", "if"],
        &["pvalue"],
    );
    has(&client.labels(&path, &inside("cusum(#{ ¦ })")), &["drift", "warmup"], &["emit"]);
    has(&client.labels(&path, &inside("log_info(`a ${p.¦}`)")), &["time"], &["mean"]);
    has(&client.labels(&path, &format!("{GOOD}\n¦")), &["migrate", "init"], &["point"]);
    assert!(client.labels(&path, &inside("// p.¦")).is_empty());
    // Each function comes with what is said of it.
    let items = client.at(&path, &inside("mov¦"), "textDocument/completion");
    let moving = items.as_array().unwrap().iter().find(|i| i["label"] == "moving_stats").unwrap();
    let said = moving["documentation"]["value"].as_str().unwrap();
    assert!(said.contains("last `size` values") && said.contains("// => "), "{said}");
    // A setting names the sample for all scripts.
    let settings = json!({ "rhaiUdf": { "sample": folder.path("data.lp") } });
    client.tell("workspace/didChangeConfiguration", json!({ "settings": settings }));
    has(&client.labels(&path, &inside("p.¦")), &["temp"], &[]);
    has(&client.labels(&path, &inside("p.tag(\"¦\")")), &["host"], &["temp"]);
    assert_eq!(client.end(), 0);
}

#[test]
fn half_typed_scripts_are_completed_too() {
    let folder = Folder::new("lsp");
    let path = folder.path("script.rhai");
    let mut client = Client::ready(&Value::Null);
    for text in [
        "fn point(p) { p.¦",
        "fn point(p) {\n    if p.x > 1 { emit(p.¦\n",
        "fn point(p) {\n    let s = \"abc;\n    p.¦\n}\nfn other() { }",
        "fn point(p) {\r\n    let é😀 = 1; p.¦\r\n}\r\n",
        "fn point(p) {\n    `a ${p.¦",
        "}}}) fn point(p) { p.¦ }",
    ] {
        let labels = client.labels(&path, text);
        assert!(labels.iter().any(|label| label == "time"), "{text}: {labels:?}");
    }
    // Nothing here may fail, whatever comes back.
    for text in [
        "¦", "p¦", ".¦", "::¦", "#{¦", "\"¦", "fn ¦", "let ¦", "fn f(¦", "f(((¦", "1.¦", "x[¦",
        "`${¦",
    ] {
        for method in [
            "textDocument/completion",
            "textDocument/hover",
            "textDocument/signatureHelp",
            "textDocument/definition",
        ] {
            client.at(&path, text, method);
        }
    }
    assert_eq!(client.end(), 0);
}

#[test]
fn hover_and_signatures_say_what_the_page_says() {
    let folder = Folder::new("lsp");
    let path = folder.path("script.rhai");
    let mut client = Client::ready(&Value::Null);
    client.open(&path, GOOD);
    let mut hover = |piece: &str| {
        let answer = client.ask("textDocument/hover", place_of(&path, GOOD, piece));
        answer["result"]["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    let page = std::fs::read_to_string(repo("docs/functions.md")).unwrap();
    let said = hover("moving_stats(");
    assert!(said.contains("Makes an object that holds the last `size` values."), "{said}");
    assert!(page.contains("Makes an object that holds the last `size` values."));
    assert!(hover("mean;").contains("The mean of the values held"));
    assert!(hover("push(p.x)").contains("Adds values and returns"));
    assert!(hover("twice(mean)").contains("Doubles a number."));
    assert!(hover("size)").contains("An option of the task."));
    assert!(hover("point(p").contains("Called for each point"));
    assert!(hover("p.mean = ").contains("p: point"));
    let help =
        client.at(&path, "fn point(p) { welch_ttest([1, 2], ¦", "textDocument/signatureHelp");
    assert_eq!(help["activeParameter"], 1);
    assert!(
        help["signatures"][0]["label"]
            .as_str()
            .unwrap()
            .starts_with("welch_ttest(a: sample, b: sample)")
    );
    let help =
        client.at(&path, "fn twice(x) { x }\nfn point(p) { twice(¦", "textDocument/signatureHelp");
    assert_eq!(help["signatures"][0]["label"], "twice(x)");
    assert_eq!(client.end(), 0);
}

#[test]
fn names_are_found_and_renamed_over_modules() {
    let folder = Folder::new("lsp");
    let library = "// é😀\nfn half(x) { x / 2.0 }\n";
    let module = folder.write("lib.rhai", library);
    let text = format!(
        "import \"lib\" as lib;\n{GOOD}fn init() {{ let x = lib::half(4); log_info(`${{x}}`); }}\n"
    );
    let script = folder.write("script.rhai", &text);
    let mut client = Client::ready(&Value::Null);
    client.open(&script, &text);
    let mut line_of = |piece: &str| {
        let answer = client.ask("textDocument/definition", place_of(&script, &text, piece));
        let result = answer["result"].clone();
        (
            result["uri"].as_str().unwrap_or_default().to_owned(),
            result["range"]["start"]["line"].as_u64(),
        )
    };
    assert_eq!(line_of("half(4)"), (uri(&module), Some(1)));
    assert_eq!(line_of("lib::half"), (uri(&module), Some(0)));
    assert_eq!(line_of("twice(mean)"), (uri(&script), Some(10)));
    assert_eq!(line_of("mean);"), (uri(&script), Some(13)));
    assert_eq!(line_of("size)"), (uri(&script), Some(2)));
    // A variable inside of a string's expression.
    let rename = |client: &mut Client, piece: &str, new: &str| {
        let mut params = place_of(&script, &text, piece);
        params["newName"] = new.into();
        client.ask("textDocument/rename", params)
    };
    let edits = rename(&mut client, "x = lib", "halved")["result"]["changes"][uri(&script)].clone();
    assert_eq!(edits.as_array().unwrap().len(), 2, "{edits}");
    let changes = rename(&mut client, "half(4)", "halve")["result"]["changes"].clone();
    assert_eq!(changes[uri(&module)].as_array().unwrap().len(), 1, "{changes}");
    assert_eq!(changes[uri(&script)].as_array().unwrap().len(), 1, "{changes}");
    assert_eq!(changes[uri(&module)][0]["range"]["start"], json!({ "line": 1, "character": 3 }));
    let changes = rename(&mut client, "size)", "length")["result"]["changes"].clone();
    assert_eq!(changes[uri(&script)].as_array().unwrap().len(), 2, "{changes}");
    for (piece, new, why) in [
        ("point(p", "other", "called by rhai-udf"),
        ("mean = this", "let", "is not a valid name"),
        ("mean = this", "p", "is already the name of something else"),
        ("emit(p", "send", "only variables"),
    ] {
        let answer = rename(&mut client, piece, new);
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(why), "{piece}: {answer}");
    }
    for (with_definition, count) in [(true, 2), (false, 1)] {
        let mut params = place_of(&script, &text, "twice(mean)");
        params["context"] = json!({ "includeDeclaration": with_definition });
        let uses = client.ask("textDocument/references", params);
        assert_eq!(uses["result"].as_array().unwrap().len(), count, "{uses}");
    }
    assert_eq!(client.end(), 0);
}

#[test]
fn the_outline_and_the_format_are_given() {
    let folder = Folder::new("lsp");
    let path = folder.path("script.rhai");
    let mut client = Client::ready(&Value::Null);
    let messy = GOOD.replace("    ", "  ").replace("x * 2", "x*2").replace('\n', "\r\n");
    client.open(&path, &messy);
    let document = json!({ "textDocument": { "uri": uri(&path) }, "options": { "tabSize": 4, "insertSpaces": true } });
    let outline = client.ask("textDocument/documentSymbol", document.clone())["result"].clone();
    let names: Vec<&str> =
        outline.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["info", "state", "twice", "point"]);
    assert_eq!(outline[0]["children"][0]["name"], "size");
    let edits = client.ask("textDocument/formatting", document.clone())["result"].clone();
    let edit = &edits[0];
    let offset = |place: &Value| {
        let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
        let start: usize = messy.split_inclusive('\n').take(line).map(str::len).sum();
        start + usize::try_from(place["character"].as_u64().unwrap()).unwrap()
    };
    let mut edited = messy.clone();
    let range = offset(&edit["range"]["start"])..offset(&edit["range"]["end"]);
    edited.replace_range(range, edit["newText"].as_str().unwrap());
    assert_eq!(edited, GOOD.replace('\n', "\r\n"));
    // A script that cannot be read stays as it is.
    client.change(&path, 2, "fn f( {");
    assert_eq!(client.ask("textDocument/formatting", document)["result"], json!([]));
    assert_eq!(client.end(), 0);
}

#[test]
fn bytes_that_are_no_message_are_told_and_passed_by() {
    let mut client = Client::start();
    client.raw(b"hello\r\n\r\nContent-Length: 4\r\n\r\n{]x]");
    let answer = client.read();
    assert_eq!(answer["error"]["code"], -32700, "{answer}");
    let early = client.ask("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002, "{early}");
    client.ask("initialize", json!({ "capabilities": {} }));
    let unknown = client.ask("textDocument/none", json!({}));
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    let wrong = client.ask("textDocument/hover", json!({ "position": 5 }));
    assert_eq!(wrong["error"]["code"], -32602, "{wrong}");
    client.tell("textDocument/didChange", json!([1, 2]));
    client.tell("$/something", Value::Null);
    let closed = client.ask("textDocument/hover", place(Path::new("/none.rhai"), ""));
    assert!(closed["error"]["message"].as_str().unwrap().contains("is not open"), "{closed}");
    assert_eq!(client.end(), 0);
}

#[test]
fn a_request_that_was_cancelled_while_it_waited_is_answered_so() {
    let folder = Folder::new("lsp");
    let path = folder.path("script.rhai");
    let mut client = Client::ready(&Value::Null);
    client.open(&path, GOOD);
    // All in one write, so that the cancellation is read before the request's turn comes.
    let id = 77;
    let mut bytes = Vec::new();
    let cancel = json!({ "jsonrpc": "2.0", "method": "$/cancelRequest", "params": { "id": id } });
    let request = json!({ "jsonrpc": "2.0", "id": id, "method": "textDocument/hover", "params": place(&path, "") });
    for message in [cancel, request] {
        let text = message.to_string();
        bytes.extend(format!("Content-Length: {}\r\n\r\n{text}", text.len()).bytes());
    }
    client.raw(&bytes);
    assert_eq!(client.answer(id)["error"]["code"], -32800);
    assert_eq!(client.end(), 0);
}

#[test]
fn the_server_ends_with_its_client() {
    // `exit` without `shutdown` is an error by the protocol, and so is a client that is gone.
    let mut client = Client::ready(&Value::Null);
    client.tell("exit", Value::Null);
    assert_eq!(client.child.wait().unwrap().code(), Some(1));
    let mut client = Client::ready(&Value::Null);
    drop(client.input.take());
    assert_eq!(client.child.wait().unwrap().code(), Some(1));
    let mut client = Client::ready(&Value::Null);
    client.ask("shutdown", Value::Null);
    assert_eq!(client.ask("textDocument/hover", json!({}))["error"]["code"], -32600);
}

#[test]
fn big_files_and_endless_scripts_are_answered() {
    let folder = Folder::new("lsp");
    let path = folder.path("script.rhai");
    let mut client = Client::ready(&Value::Null);
    let many: String =
        (0..1_000).map(|i| format!("fn f{i}(x) {{ let y = x + {i}; y * 2 }}\n")).collect();
    let text = format!("{GOOD}{many}fn last(p) {{ f999(1); }}\n");
    client.open(&path, &text);
    let answer = client.ask("textDocument/definition", place_of(&path, &text, "f999(1)"));
    assert_eq!(answer["result"]["range"]["start"]["line"], 1_016, "{answer}");
    assert!(client.diagnostics(&path, Some(1)).iter().all(|(_, severity, _)| *severity == 2));
    client.change(&path, 2, "fn info() { loop {} }");
    let told = client.diagnostics(&path, Some(2));
    assert!(told[0].2.contains("too many operations"), "{told:?}");
    assert_eq!(client.end(), 0);
}

//! `completions`, `man`, `init` and `doctor`: what a user meets first.

use crate::daemon::Daemon;
use crate::util::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn run(arguments: &[&str]) -> Run {
    feed(binary().args(arguments), b"")
}

#[test]
fn every_shell_gets_completions_for_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = run(&["completions", shell]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        for word in ["replay", "doctor", "state-dir"] {
            assert!(run.text().contains(word), "{shell}: {word}");
        }
    }
    let wrong = run(&["completions", "tcsh"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("bash, elvish, fish, powershell, zsh"), "{}", wrong.stderr);
}

/// Bash itself completes with what is printed.
#[test]
fn bash_completes_a_command() {
    let folder = Folder::new("completions");
    let script = folder.write("rhai-udf.bash", &run(&["completions", "bash"]).text());
    let ask = "source \"$1\"; COMP_WORDS=(rhai-udf rep); COMP_CWORD=1; _rhai__udf rhai-udf rep rhai-udf; \
               echo ${COMPREPLY[@]}";
    let run = feed(Command::new("bash").args(["-c", ask, "-"]).arg(script), b"");
    assert_eq!(run.text().trim(), "replay", "{}", run.stderr);
}

#[test]
fn every_command_has_a_man_page() {
    let folder = Folder::new("man");
    let pages = folder.path("pages");
    let written = run(&["man", pages.to_str().unwrap()]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let help = run(&["--help"]).text();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() >= 18, "{commands:?}");
    for command in commands {
        let page = pages.join(format!("rhai-udf-{command}.1"));
        let text =
            std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        assert!(text.contains(".SH SYNOPSIS") && text.contains(".SH OPTIONS"), "{command}");
    }
    assert!(pages.join("rhai-udf.1").exists());
    assert!(!help.contains("man "), "it is for packages");
}

/// Every command of a new project's README and CI succeeds.
#[test]
fn what_init_makes_passes_its_own_tests() {
    let folder = Folder::new("init");
    let made = feed(binary().current_dir(folder.path("")).args(["init", "hot_end"]), b"");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let project = folder.path("hot_end");
    assert!(made.text().contains("hot_end/hot_end.rhai\n"), "{}", made.text());
    let program = binary().get_program().to_owned();
    let bin = Path::new(&program).parent().unwrap().to_owned();
    let search = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let shell = |text: &str| {
        let mut command = Command::new("sh");
        feed(command.args(["-ec", text]).current_dir(&project).env("PATH", &search), b"")
    };
    let readme = std::fs::read_to_string(project.join("README.md")).unwrap();
    let commands: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("    rhai-udf ")).collect();
    assert_eq!(commands.len(), 6, "{readme}");
    for command in &commands[..5] {
        let run = shell(&format!("rhai-udf {command}"));
        assert_eq!(run.code, Some(0), "{command}: {}{}", run.text(), run.stderr);
        if command.starts_with("replay") {
            assert!(run.text().contains("CRITICAL"), "{command}: {}", run.text());
        }
        assert!(
            !command.starts_with("test") || run.text().contains("4 passed, 0 failed"),
            "{}",
            run.text()
        );
    }
    let ci = shell("./ci.sh");
    assert_eq!(ci.code, Some(0), "{}{}", ci.text(), ci.stderr);
    assert!(project.join("report.xml").exists());
    for line in std::fs::read_to_string(project.join(".gitignore")).unwrap().lines() {
        assert!(project.join(&line[1..]).exists(), "{line} is made");
    }
    // Every file is named in the README, and nothing is left of the pattern.
    for (path, text) in files(&project) {
        assert!(!text.contains("__NAME__") && !path.contains("__NAME__"), "{path}");
        let made = ["README.md", ".gitignore", "data.lp", "report.xml"].contains(&path.as_str());
        assert!(made || readme.contains(&format!("`{path}`")), "{path}");
    }
    let again = feed(binary().current_dir(folder.path("")).args(["init", "hot_end"]), b"");
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("hot_end/README.md: it exists already"), "{}", again.stderr);
}

/// The files below a folder, with their texts.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    found
}

#[test]
fn a_name_that_a_task_cannot_call_is_refused() {
    for name in ["hot-end", "7th", "", "a b", "../x", "task", "ä"] {
        let run = run(&["init", "--", name]);
        assert_eq!(run.code, Some(2), "{name}: {}", run.stderr);
    }
}

/// A configuration with this below `[udf.functions.x]`, and what doctor says of it.
struct Patient(Folder);

impl Patient {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        folder.write("a.rhai", "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { emit(p); }\n");
        std::fs::set_permissions(folder.path(""), PermissionsExt::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// `BIN` and `DIR` stand for the program and the folder. The first line of `lines` is line 4.
    fn says(&self, lines: &str) -> (Option<i32>, String) {
        let bin = binary().get_program().to_string_lossy().into_owned();
        let dir = self.0.path("").display().to_string();
        let lines = lines
            .replace("BIN", &bin)
            .replace("DIR/", &dir)
            .replace("DIR", dir.trim_end_matches('/'));
        let text = format!("# The daemon's.\n[udf]\n[udf.functions.x]\n{lines}\n");
        let conf = self.0.write("kapacitor.conf", &text);
        let mut command = binary();
        command.arg("doctor").arg(conf).args(["--user", "root", "--kapacitord", "/bin/false"]);
        let run = feed(&mut command, b"");
        (run.code, run.text())
    }
}

#[test]
fn doctor_says_what_is_wrong_and_the_line() {
    let patient = Patient::new("doctor");
    let good = "prog = \"BIN\"\nargs = [\"run\", \"DIR/a.rhai\"]\ntimeout = \"10s\"";
    let (code, said) = patient.says(good);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("ok       udf.functions.x: script ") && said.contains("0 errors"),
        "{said}"
    );
    patient.0.write(
        "broken.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p { }\n",
    );
    patient.0.write("plain.txt", "");
    let run = |args: &str| format!("prog = \"BIN\"\nargs = {args}\ntimeout = \"10s\"");
    for (lines, line, what, fix) in [
        (
            "prog = \"BIN\"\nargs = [\"run\", \"DIR/a.rhai\"]".into(),
            3,
            "it has no timeout",
            "timeout = \"10s\"",
        ),
        (good.replace("10s", "ten"), 6, "timeout = \"ten\": ", "timeout = \"10s\""),
        (good.replace("\"10s\"", "3"), 6, "timeout has another type", "timeout = \"10s\""),
        (good.replace("\"DIR/a.rhai\"", "7"), 5, "args has another type than", "args = [\"run\""),
        (good.replace("\"10s\"", "\"500us\""), 6, "its timeout is too small", "timeout = \"10s\""),
        (good.replace("timeout", "timeuot"), 6, "did you mean timeout?", "a function has prog"),
        (good.replace("prog = \"BIN\"", "prog = \"DIR/none\""), 4, "DIR/none does not exist", ""),
        (
            good.replace("prog = \"BIN\"", "prog = \"DIR/plain.txt\""),
            4,
            "root may not execute",
            "chmod a+x DIR/plain.txt",
        ),
        (
            good.replace("prog = \"BIN\"\n", ""),
            3,
            "neither prog nor socket",
            "rhai-udf conf SCRIPT",
        ),
        (format!("{good}\nsocket = \"DIR/x.sock\""), 7, "prog and socket", "remove the line"),
        (run("[\"run\", \"DIR/b.rhai\"]"), 5, "DIR/b.rhai does not exist", ""),
        (
            run("[\"run\", \"--wacth\", \"DIR/a.rhai\"]"),
            5,
            "unexpected argument '--wacth'",
            "args = [",
        ),
        (run("[\"run\"]"), 5, "name a script, or a folder", "args = ["),
        (run("[\"serve\", \"--socket\", \"x\", \"DIR/a.rhai\"]"), 5, "another command", "args = ["),
        (
            run("[\"run\",\n\"DIR/broken.rhai\"]"),
            0,
            "broken.rhai:2:12: ",
            "rhai-udf check DIR/broken.rhai",
        ),
        (
            run("[\"run\", \"--dir\", \"DIR\"]"),
            0,
            "broken.rhai:2:12: ",
            "rhai-udf check DIR/broken.rhai",
        ),
        (run("[\"run\", \"--dir\",\n\"DIR/none\"]"), 6, "DIR/none does not exist", ""),
        (
            run("[\"run\", \"--state-dir\", \"DIR/plain.txt\", \"DIR/a.rhai\"]"),
            5,
            "is not a folder",
            "",
        ),
        (
            run("[\"run\", \"--config\", \"DIR/no.toml\", \"DIR/a.rhai\"]"),
            0,
            "no.toml: cannot be read",
            "",
        ),
        (
            "socket = \"DIR/no.sock\"\ntimeout = \"10s\"".into(),
            4,
            "the daemon waits for it",
            "systemctl start rhai-udf, or rhai-udf serve --socket DIR/no.sock",
        ),
        (
            "socket = \"DIR/plain.txt\"\ntimeout = \"10s\"".into(),
            4,
            "is not a socket",
            "systemctl start rhai-udf",
        ),
        (
            "socket = \"DIR/no.sock\"\nargs = [\"run\"]\ntimeout = \"10s\"".into(),
            4,
            "args and socket",
            "remove",
        ),
        ("prog = \"/bin/false\"\ntimeout = \"10s\"".into(), 4, "the daemon does not start", ""),
        (
            "prog = unquoted".into(),
            4,
            "kapacitor.conf:4: ",
            "correct the file: the daemon starts with valid TOML only",
        ),
    ] {
        let lines: String = lines;
        let (code, said) = patient.says(&lines);
        let dir = patient.0.path("").display().to_string();
        let dir = dir.trim_end_matches('/');
        let (what, fix) = (what.replace("DIR", dir), fix.replace("DIR", dir));
        assert!(
            said.contains(&what) && said.contains(&format!("→ {fix}")) | fix.is_empty(),
            "{lines}\n{said}"
        );
        assert!(
            line == 0
                || said.contains(&format!("kapacitor.conf:{line}\n"))
                || said.contains(&format!("kapacitor.conf:{line}: ")),
            "{lines}\n{said}"
        );
        assert_eq!(
            code,
            Some(i32::from(!lines.contains("timeuot") || !lines.contains("timeout ="))),
            "{lines}\n{said}"
        );
    }
}

/// Configurations of a second attack: each mistake is told once, with what to write.
#[test]
fn doctor_tells_a_mistake_once() {
    let patient = Patient::new("doctor-once");
    let good = "prog = \"BIN\"\nargs = [\"run\", \"DIR/a.rhai\"]\ntimeout = \"10s\"";
    let args = |args: &str| format!("prog = \"BIN\"\nargs = {args}\ntimeout = \"10s\"");
    for (lines, what, fix, not) in [
        (
            args("\"run DIR/a.rhai\""),
            "args has another type than",
            "args = [",
            "does not start with",
        ),
        (args("[]"), "it has no args", "args = [\"run\"", "Runs Kapacitor"),
        (
            args("[\"run\", \"DIR\"]"),
            "is a folder",
            "args = [\"run\", \"--dir\", \"DIR\"]",
            "shows the line",
        ),
        (
            args("[\"run\", \"--dir\", \"DIR\", \"--edges\", \"up\"]"),
            "batch-to-stream",
            "",
            "SCRIPT.rhai",
        ),
        (
            good.replace("10s", "10 s"),
            "is not a duration",
            "timeout = \"10s\"",
            "it has no timeout",
        ),
        (good.replace("10s", "0s"), "too small", "timeout = \"10s\"", "sends a keepalive every"),
        (
            good.replace("BIN", "BIN run"),
            "'run' belongs into args",
            "prog = \"BIN\"",
            "does not exist\n",
        ),
        (
            format!("{good}\n[udf.functions.x.env]\nLEVEL = 3"),
            "env has another type than",
            "env = {",
            "warning  udf",
        ),
        (
            format!("{good}\n[udf.functions.my-avg]\n{good}"),
            "no TICKscript can call it",
            "[udf.functions.my_avg]",
            "error ",
        ),
        (
            format!("{good}\n[udf.function.y]\n{good}"),
            "does not know 'function'; did you mean functions?",
            "[udf.functions.NAME]",
            "error ",
        ),
        (
            args("[\"run\", \"--state-dir\", \"DIR/a.rhai\", \"DIR/a.rhai\"]"),
            "is not a folder",
            "name a folder",
            "may not",
        ),
    ] {
        let (_, said) = patient.says(&lines);
        let bin = binary().get_program().to_string_lossy().into_owned();
        let dir = patient.0.path("").display().to_string();
        let fix = fix.replace("BIN", &bin).replace("DIR", dir.trim_end_matches('/'));
        assert!(
            said.contains(what) && said.contains(&fix) && !said.contains(not),
            "{lines}\n{said}"
        );
    }
    // A file in which udf is no table keeps the daemon from starting.
    let conf = patient.0.write("flat.conf", "udf = 3\n");
    let run = feed(binary().arg("doctor").arg(conf).args(["--user", "root"]), b"");
    assert!(
        run.code == Some(1) && run.text().contains("error    udf: it is not a table"),
        "{}",
        run.text()
    );
}

#[test]
fn doctor_asks_a_server_and_answers_in_json() {
    let patient = Patient::new("doctor-socket");
    let socket = patient.0.path("a.sock");
    let mut command = binary();
    command.args(["serve", "--socket"]).arg(&socket).arg(patient.0.path("a.rhai"));
    let server = Daemon::start(&mut command);
    server.log.wait("served on", 1);
    let (code, said) = patient.says("socket = \"DIR/a.sock\"\ntimeout = \"10s\"");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("a server answers on "), "{said}");
    drop(server);
    let (code, said) = patient.says("socket = \"DIR/a.sock\"\ntimeout = \"10s\"");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no server answers on it"), "{said}");
    let mut command = binary();
    command.arg("doctor").arg(patient.0.path("kapacitor.conf"));
    let run = feed(command.args(["--user", "root", "--format", "json"]), b"");
    assert_eq!(run.code, Some(1));
    let value: serde_json::Value = serde_json::from_str(&run.text()).unwrap();
    assert_eq!(value["errors"], 1);
    let findings = value["findings"].as_array().unwrap();
    let error = findings.iter().find(|finding| finding["level"] == "error").unwrap();
    assert_eq!((&error["about"], &error["line"]), (&"udf.functions.x".into(), &4.into()));
    assert!(error["fix"].as_str().unwrap().contains("rhai-udf serve --socket"));
}

#[test]
fn doctor_names_a_file_that_is_not_there_and_a_user_that_is_not() {
    let gone = run(&["doctor", "/none/kapacitor.conf", "--user", "root"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.text().contains("/none/kapacitor.conf cannot be read"), "{}", gone.text());
    let user = run(&["doctor", "--user", "nobody-of-that-name"]);
    assert_eq!(user.code, Some(2));
    assert!(user.stderr.contains("there is no user 'nobody-of-that-name'"), "{}", user.stderr);
}

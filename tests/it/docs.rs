//! The documents are true: their scripts pass `check`, their snippets run, their names exist.
//!
//! A block `rhai` is a script; `rhai point` is the body of `point`, `rhai batch` that of `end_batch`.

use crate::util::*;

/// The blocks of a page, with what follows the fence and the line of it.
fn blocks(page: &str) -> Vec<(usize, String, String)> {
    let text = std::fs::read_to_string(repo(page)).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for (i, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(label), None) => open = Some((i + 1, label.to_owned(), String::new())),
            (None, Some((_, _, text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    blocks
}

fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(repo("docs")).unwrap() {
        pages.push(format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    }
    // The examples of these are expressions with their values; `script::api` and `script::reference` run them.
    let elsewhere = ["docs/statistics.md", "docs/functions.md"];
    pages.retain(|page| page.ends_with(".md") && !elsewhere.contains(&page.as_str()));
    pages.sort();
    pages
}

fn checked(page: &str, line: usize, text: &str) {
    let folder = Folder::new("docs");
    let path = folder.write("script.rhai", text);
    let run = feed(binary().arg("check").arg(path), &[]);
    assert_eq!(run.code, Some(0), "{page}:{line}: {} {}", run.text(), run.stderr);
    // A page that shows how options are declared need not use them all.
    let text = run.text();
    let mut warnings = text.lines().filter(|line| line.contains(" warning: "));
    assert!(warnings.all(|line| line.ends_with("but never read")), "{page}:{line}: {text}");
}

fn runs(page: &str, line: usize, edge: &str, body: &str) {
    let callback = if edge == "batch" { "end_batch(batch" } else { "point(p" };
    let script = format!(
        "fn info() {{ #{{ wants: \"{edge}\", provides: \"stream\" }} }}\n\
         fn {callback}, opt) {{\n{body}\n}}"
    );
    let data = match edge {
        "batch" => batch("a", &[1.0, 2.0, 3.0, 4.0, 5.0]),
        _ => {
            let mut point = point(1_600_000_000_000_000_000, "", &[("x", 1.5)]);
            if let Request::Point(p) = &mut point {
                p.fields_int.insert("n".into(), 3);
                p.fields_string.insert("s".into(), "text".into());
            }
            vec![point]
        }
    };
    let run = run_text("docs", &script, [vec![init(&[])], data].concat());
    assert_eq!(run.code, Some(0), "{page}:{line}: {}", run.stderr);
}

#[test]
fn every_script_and_snippet_of_the_documents_works() {
    let mut count = 0;
    for page in pages() {
        for (line, label, text) in blocks(&page) {
            match label.as_str() {
                "rhai" => checked(&page, line, &text),
                "rhai point" => runs(&page, line, "stream", &text),
                "rhai batch" => runs(&page, line, "batch", &text),
                _ => continue,
            }
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn the_configuration_of_the_documents_is_the_default_one() {
    let page = "docs/operations.md";
    let all = blocks(page);
    let configuration = |label: &str, text: &str| label == "toml" && text.contains("on_error");
    let (line, _, text) = all.iter().find(|(_, label, text)| configuration(label, text)).unwrap();
    // Where a key has no default, the page shows only that it is there.
    let lines = text.lines().filter(|line| !line.contains("= \"…\""));
    let text = &lines.collect::<Vec<_>>().join("\n");
    let folder = Folder::new("documented");
    folder.write("rhai-udf.toml", text);
    let path =
        folder.write("script.rhai", &std::fs::read_to_string(repo("scripts/mirror.rhai")).unwrap());
    let run = feed(binary().arg("check").arg(path), &[]);
    assert_eq!(run.code, Some(0), "{page}:{line}: {}", run.stderr);
    let config: rhai_udf::script::config::Config =
        rhai_udf::script::config::Config::read(&folder.path("rhai-udf.toml")).unwrap();
    let default = rhai_udf::script::config::Config {
        log: rhai_udf::script::config::LogConfig { level: Some(log::LevelFilter::Info) },
        ..Default::default()
    };
    assert_eq!(config, default);
}

/// Every file in `src/` that ARCHITECTURE.md names is there, and every dependency has its reason.
#[test]
fn the_architecture_names_what_is_there() {
    let text = std::fs::read_to_string(repo("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() < 200);
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    for path in quoted.iter().filter(|q| q.starts_with("src/") || q.starts_with("tests/")) {
        assert!(repo(path).exists(), "{path}");
    }
    let manifest = std::fs::read_to_string(repo("Cargo.toml")).unwrap();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]")
            && let Some((name, _)) = line.split_once(" = ")
        {
            assert!(quoted.contains(&name), "{name} has no reason in ARCHITECTURE.md");
        }
    }
}

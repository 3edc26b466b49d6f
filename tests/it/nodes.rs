//! The page about nodes names every node and property that there is, and its examples are true.

use crate::util::*;
use rhai_udf::tick::definition::handlers::HANDLERS;
use rhai_udf::tick::definition::spec::{NODES, NOT_REPLAYED};
use std::collections::BTreeSet;

fn page() -> String {
    std::fs::read_to_string(repo("docs/nodes.md")).unwrap()
}

/// The words in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_names_every_node_and_property_and_no_other() {
    let page = page();
    let mut named = BTreeSet::new();
    let table = page.split("## Every node").nth(1).unwrap().split("\n## ").next().unwrap();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [name] = quoted(cells[1])[..] else { panic!("{row}") };
        assert!(named.insert(name.to_owned()), "{name} stands there twice");
        assert!(!cells[3].is_empty(), "{name}: what does it do?");
        let told: BTreeSet<_> = quoted(cells[2]).into_iter().map(|name| &name[1..]).collect();
        let known = NODES.iter().find(|spec| spec.name == name);
        let known = known.map_or_else(BTreeSet::new, |spec| {
            spec.properties.iter().map(|(property, _)| *property).collect()
        });
        assert_eq!(told, known, "the properties of {name}");
    }
    let known = NODES.iter().map(|spec| spec.name).chain(NOT_REPLAYED.iter().copied());
    assert_eq!(named, known.map(str::to_owned).collect());
    assert!(HANDLERS.iter().any(|handler| handler.name == "log"));
}

/// A TICKscript with the options it is replayed with, its data and what comes out.
struct Example {
    options: String,
    script: String,
    data: String,
    out: String,
}

fn examples(page: &str) -> Vec<Example> {
    let mut all: Vec<Example> = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some((label, text))) => match (label.split_once(' '), label.as_str()) {
                (_, "lp") => all.last_mut().unwrap().data = text,
                (_, "out") => all.last_mut().unwrap().out = text,
                (options, _) if label.starts_with("tick") => all.push(Example {
                    options: options.map_or_else(String::new, |(_, options)| options.to_owned()),
                    script: text,
                    data: String::new(),
                    out: String::new(),
                }),
                _ => {}
            },
            (Some(label), None) => open = Some((label.to_owned(), String::new())),
            (None, Some((label, text))) => open = Some((label, format!("{text}{line}\n"))),
            (None, None) => {}
        }
    }
    all
}

#[test]
fn the_examples_of_the_page_are_true() {
    let folder = Folder::new("nodes");
    let place = folder.path("").display().to_string();
    let place = place.trim_end_matches('/');
    std::fs::create_dir(folder.path("rooms")).unwrap();
    folder.write("rooms/attic.yml", "limit: 20\nowner: ann\n");
    folder.write("rooms/all.json", "{\"limit\": 25}");
    let examples = examples(&page());
    assert!(examples.len() >= 11, "{}", examples.len());
    for Example { options, script, data, out } in examples {
        let task = folder.write("task.tick", &script.replace("FOLDER", place));
        let data = folder.write("data.lp", &data);
        let mut command = binary();
        command.arg("replay").arg(task).arg("--data").arg(data).args(options.split_whitespace());
        let run = feed(&mut command, &[]);
        assert_eq!(run.code, Some(0), "{script}\n{}", run.stderr);
        assert_eq!(run.text(), out, "{script}");
    }
}

#[test]
fn what_would_be_sent_goes_into_files() {
    let folder = Folder::new("sent");
    let script = "dbrp \"home\".\"autogen\"\n\
                  var data = stream|from().measurement('m').groupBy('w')\n\
                  data|httpPost('http://example.org/').header('token', 'x')\n\
                  data|k8sAutoscale().resourceNameTag('w').replicas(lambda: int(\"v\"))\n\
                  data|kapacitorLoopback().database('b').retentionPolicy('c')\n";
    let task = folder.write("task.tick", script);
    let data = folder.write("data.lp", "m,w=web v=3 1000000000\n");
    let out = folder.path("out");
    let mut command = binary();
    command.arg("replay").arg(task).arg("--data").arg(data).arg("--out").arg(&out);
    let run = feed(command.args(["--replicas", "web=2"]), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.text(), "");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let json = |name: &str| serde_json::from_str::<serde_json::Value>(&read(name)).unwrap();
    let post = json("httpPost.jsonl");
    assert_eq!(post["url"], "http://example.org/");
    assert_eq!(post["headers"]["token"], "x");
    assert!(post["body"].as_str().unwrap().starts_with("{\"series\":[{\"name\":\"m\""));
    let scaling = json("autoscale.jsonl");
    assert_eq!((&scaling["old"], &scaling["new"]), (&2.into(), &3.into()));
    assert_eq!(scaling["resource"], "default/deployments/web");
    assert_eq!(read("loopback.b.c.lp"), "m,w=web v=3 1000000000\n");
}

#[test]
fn replicas_that_nothing_scales_are_refused() {
    let folder = Folder::new("replicas");
    let task = folder.write("task.tick", "stream|from()|log()");
    let data = folder.write("data.lp", "m v=3 1\n");
    let mut command = binary();
    command.arg("replay").arg(task).arg("--data").arg(data);
    let run = feed(command.args(["--replicas", "web=2"]), &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("--replicas does not apply: the TICKscript has no |k8sAutoscale()")
    );
}

/// Each of two nodes scales one of the resources that are given; a third name is a slip.
#[test]
fn a_resource_that_no_node_meets_is_told_with_the_nearest() {
    let folder = Folder::new("resources");
    let task = folder.write(
        "scale.tick",
        "var data = stream|from()\n\
         data|swarmAutoscale().serviceName('web').replicas(lambda: 3)\n\
         data|swarmAutoscale().serviceName('mail').replicas(lambda: 3)",
    );
    let data = folder.write("data.lp", "m v=1 1\n");
    let replay = |more: &[&str]| {
        let arguments = ["--replicas", "web=1", "--replicas", "mail=2"];
        let mut command = binary();
        command.arg("replay").arg(&task).arg("--data").arg(&data).args(arguments).args(more);
        let run = feed(&mut command, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    assert!(!replay(&[]).contains("no node scales"));
    let told = replay(&["--replicas", "wbe=4"]);
    assert!(
        told.contains("--replicas names 'wbe', which no node scales; did you mean 'web'?"),
        "{told}"
    );
    assert_eq!(told.matches("no node scales").count(), 1, "{told}");
}

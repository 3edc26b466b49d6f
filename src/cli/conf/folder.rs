//! `conf --dir`: the functions of the daemon for all scripts of a folder.

use super::comment::Shown;
use super::tickscript::{arguments, literal, properties, written_options};
use super::{Args, STATE_DIR, absolute, load, own_path, quoted};
use rhai_udf::protocol::message::EdgeType;
use rhai_udf::script::folder::{Edges, Entry, Known, ScriptFolder};
use rhai_udf::script::{Declaration, OptionSpec, Program};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The output for a folder.
pub(super) fn text(args: &Args, dir: &Path) -> anyhow::Result<String> {
    let (mut scripts, mut broken) = (BTreeMap::new(), Vec::new());
    for (name, path) in ScriptFolder::new(dir).scripts()? {
        match load(args, &path) {
            Ok(program) => drop(scripts.insert(name, program)),
            // The problem is a comment in the output, because conf writes no log; the functions serve the script once
            // it is corrected.
            Err(error) => broken.push(format!("# {error:#}")),
        }
    }
    let mut text = String::from("# In kapacitor.conf:\n\n[udf]\n[udf.functions]\n");
    for problem in broken {
        let _ = writeln!(text, "{}", problem.replace('\n', "\n# "));
    }
    let used =
        |edges: Edges| scripts.values().any(|program| edges_of(program.declaration()) == edges);
    // Scripts may be added later, and most of them read a stream of points and write one.
    let entries: Vec<Edges> =
        Edges::ALL.into_iter().filter(|edges| *edges == Edges::ALL[0] || used(*edges)).collect();
    for edges in &entries {
        section(args, dir, *edges, &mut text)?;
    }
    text.push_str("\n// A TICKscript:\n");
    let known = known(&scripts);
    for edges in entries {
        let entry = Entry::new(dir, edges);
        let clashes = entry.clashes(&known, &entry.info(&known, None));
        let clashing = |script: &str, option: &str| {
            clashes.iter().any(|clash| clash.script == script && clash.option == option)
        };
        let mut own = scripts.iter().filter(|(_, p)| edges_of(p.declaration()) == edges);
        if let Some((script, program)) = own.next() {
            example(&name(args, edges), script, program, &clashing, &mut text)?;
        }
        let others: Vec<_> = own.collect();
        if !others.is_empty() {
            let names: Vec<_> = others.iter().map(|(name, _)| name.as_str()).collect();
            let _ = writeln!(text, "// In the same way: {}", names.join(", "));
        }
        for (script, program) in others {
            for (option, spec) in &program.declaration().options {
                if clashing(script, option) {
                    let property = by_set(option, spec, &Shown::of(program));
                    let _ = writeln!(
                        text,
                        "// option '{option}' of {script}, which other scripts declare with another type: {property}"
                    );
                }
            }
        }
    }
    Ok(text)
}

fn edges_of(declaration: &Declaration) -> Edges {
    Edges { wants: declaration.wants, provides: declaration.provides }
}

/// The name of an entry in TICKscripts.
fn name(args: &Args, edges: Edges) -> String {
    let base = args.name.as_deref().unwrap_or("rhai");
    let rest = match (edges.wants, edges.provides) {
        (EdgeType::Stream, EdgeType::Stream) => "",
        (EdgeType::Batch, EdgeType::Stream) => "Batch",
        (EdgeType::Batch, EdgeType::Batch) => "BatchToBatch",
        (EdgeType::Stream, EdgeType::Batch) => "StreamToBatch",
    };
    format!("{base}{rest}")
}

fn section(args: &Args, dir: &Path, edges: Edges, text: &mut String) -> anyhow::Result<()> {
    let dir = absolute(dir)?;
    let _ = writeln!(text, "[udf.functions.{}]", name(args, edges));
    match &args.socket {
        Some(sockets) => {
            let _ = writeln!(
                text,
                "  # rhai-udf serve --dir {} --socket {}",
                dir.display(),
                sockets.display()
            );
            let socket = absolute(sockets)?.join(format!("{edges}.sock"));
            let _ = writeln!(text, "  socket = {}", quoted(&socket));
        }
        None => {
            let _ = writeln!(text, "  prog = {}", quoted(&own_path()?));
            let state = quoted(Path::new(STATE_DIR));
            let _ = writeln!(
                text,
                "  args = [\"run\", \"--state-dir\", {state}, \"--dir\", {}, \"--edges\", \"{edges}\"]",
                quoted(&dir)
            );
        }
    }
    text.push_str("  timeout = \"10s\"\n");
    Ok(())
}

/// The scripts as the entries know them.
fn known(scripts: &BTreeMap<String, Program>) -> BTreeMap<String, Known> {
    let known = |program: &Program| Known { info: program.declaration().info(), usable: true };
    scripts.iter().map(|(name, program)| (name.clone(), known(program))).collect()
}

/// How a task calls a script by an entry.
fn example(
    name: &str,
    script: &str,
    program: &Program,
    clashing: &dyn Fn(&str, &str) -> bool,
    text: &mut String,
) -> anyhow::Result<()> {
    let declaration = program.declaration();
    text.push_str("\nstream\n    |from()\n        .measurement('my_measurement')\n");
    if declaration.wants == EdgeType::Batch {
        text.push_str("    |window()\n        .period(5m)\n        .every(5m)\n");
    }
    let _ = writeln!(text, "    @{name}()\n        .script('{script}')");
    let shown = Shown::of(program);
    let given = written_options(declaration, &shown.options)?;
    for (option, spec) in &declaration.options {
        if clashing(script, option) {
            let _ = writeln!(text, "        {}", by_set(option, spec, &shown));
        } else {
            properties(option, spec, &given, text);
        }
    }
    let _ = writeln!(text, "    |httpOut('{script}')");
    Ok(())
}

/// An option that the daemon knows with the types of another script.
fn by_set(option: &str, spec: &OptionSpec, shown: &Shown) -> String {
    let values = shown.options.iter().find(|(name, _)| name == option).map(|(_, v)| v.clone());
    let values = values.unwrap_or_else(|| arguments(spec).replace(['\'', ' '], ""));
    format!(".set('{option}', {})", literal(&values))
}

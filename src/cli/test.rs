//! `test`: runs test cases of scripts.

use super::manner::{self, Ink, Stream};
use super::{logging, stdout, usage, watch};
use anyhow::Context;
use rhai_udf::agent::socket::STACK;
use rhai_udf::cases::{Case, CaseFile, Verdict, is_yaml, judge, report};
use rhai_udf::replay::output_file::OutputFile;
use rhai_udf::script::Watcher;
use rhai_udf::script::config::Config;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How the names of files of test cases end.
const ENDING: &str = ".test.toml";

/// How deep folders are searched.
const DEPTH: usize = 32;

/// Run test cases of scripts: *.test.toml files, and files of kapacitor-unit (.yaml)
///
/// A case gives data to a script or a TICKscript, and says which results are expected. Each case also runs with its
/// functions restarted from snapshots in the middle, and with the data handed over point by point; neither may change
/// the results. docs/testing.md describes the files.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files of test cases, or folders that hold some; default: this folder
    paths: Vec<PathBuf>,
    /// Run only cases whose file or name contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the golden files again, from the output
    #[arg(long)]
    bless: bool,
    /// The folder of the TICKscripts that files of kapacitor-unit name
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The format of the verdicts
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where to write the verdicts in --format; they are also printed as text
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How many cases run at a time; default: the number of cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Run again whenever a test, a script or its data is saved
    #[arg(long, conflicts_with_all = ["output", "bless"])]
    watch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line for each case, and what is wrong below it
    Text,
    /// The Test Anything Protocol
    Tap,
    /// JUnit XML
    Junit,
}

/// The result of one run of all cases.
struct Ran {
    verdicts: Vec<Verdict>,
    took: Duration,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    logging::start_for_tests(level);
    let given = if args.paths.is_empty() { vec![PathBuf::from(".")] } else { args.paths.clone() };
    if args.watch {
        return follow(args, &given);
    }
    let failed = once(args, &given)?;
    match failed {
        0 => Ok(()),
        1 => anyhow::bail!("1 test failed"),
        _ => anyhow::bail!("{failed} tests failed"),
    }
}

/// Runs all cases and prints the verdicts; returns how many failed.
fn once(args: &Args, given: &[PathBuf]) -> anyhow::Result<usize> {
    let files = read(args, given)?;
    let cases = chosen(args, &files)?;
    let as_text = args.format == Format::Text || args.output.is_some();
    let ran = run_all(args, &cases, |verdict| match as_text {
        true => stdout::print(&coloured(verdict)),
        false => Ok(()),
    })?;
    let summary = report::summary(&ran.verdicts, ran.took);
    let formatted = match args.format {
        Format::Text => {
            ran.verdicts.iter().map(report::line).chain([summary.clone()]).collect::<String>()
        }
        Format::Tap => report::tap(&ran.verdicts),
        Format::Junit => report::junit(&ran.verdicts, ran.took),
    };
    if as_text {
        stdout::print(&summary)?;
    } else {
        stdout::print(&formatted)?;
    }
    if let Some(path) = &args.output {
        let reads: Vec<PathBuf> = files.iter().flat_map(CaseFile::reads).collect();
        let mut file = OutputFile::create(path, reads.iter().map(PathBuf::as_path))?;
        file.write_all(formatted.as_bytes()).context("the verdicts cannot be written")?;
        file.keep()?;
    }
    Ok(ran.verdicts.iter().filter(|verdict| !verdict.passed()).count())
}

/// The line of a verdict, its first word in colour where colours are used.
fn coloured(verdict: &Verdict) -> String {
    let text = report::line(verdict);
    let Some((word, rest)) = text.split_once(' ') else { return text };
    let ink = if verdict.passed() { Ink::Green } else { Ink::Red };
    format!("{} {rest}", Stream::Out.paint(ink, word))
}

/// Runs now, and again after each save.
fn follow(args: &Args, given: &[PathBuf]) -> anyhow::Result<()> {
    let watcher = Watcher::start().context("the files cannot be watched")?;
    let follow = watcher.follow(&[], || {});
    loop {
        let found = find(given)?;
        let mut texts = Vec::new();
        let mut others = Vec::new();
        for path in &found {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            texts.push((path.clone(), text));
            for read in CaseFile::read_any(path, args.dir.as_deref())
                .map(|file| file.reads())
                .unwrap_or_default()
            {
                if read.extension().is_some_and(|extension| extension == "rhai") {
                    let config = Config::beside(&read).unwrap_or_default();
                    texts.extend(watch::with_modules(&read, &config));
                } else {
                    others.push(read);
                }
            }
        }
        follow.refollow(&texts);
        follow.also(others);
        if let Err(error) = once(args, given) {
            logging::fatal(&error);
        }
        manner::note("-- waiting for a change");
        while !follow.wait(Duration::from_secs(3600)) {}
    }
}

/// Reads all files of test cases; all their errors are reported together.
fn read(args: &Args, given: &[PathBuf]) -> anyhow::Result<Vec<CaseFile>> {
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    let found = find(given)?;
    if args.dir.is_some() && !found.iter().any(|path| is_yaml(path)) {
        return usage("--dir applies to files of kapacitor-unit (.yaml), and none is given");
    }
    for path in found {
        match CaseFile::read_any(&path, args.dir.as_deref()) {
            Ok(file) => files.push(file),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() { Ok(files) } else { usage(&wrong.join("\n")) }
}

/// Finds the files of test cases in what was given.
fn find(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in given {
        if path.is_dir() {
            let before = found.len();
            search(path, 0, &mut found)?;
            if found.len() == before {
                return usage(&format!("{}: no file in it ends with {ENDING}", path.display()));
            }
        } else if path.is_file() {
            found.push(path.clone());
        } else {
            return usage(&format!("{}: there is no such file or folder", path.display()));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Searches a folder and the folders in it, except hidden folders and those of builds.
fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).with_context(|| format!("{shown}: cannot be read"))?;
    for entry in entries {
        let path = entry.with_context(|| format!("{shown}: cannot be read"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A link to a folder is not followed: it may lead back.
        let is_folder = path.is_dir() && !path.is_symlink();
        let left_out = name.starts_with('.') || name == "target" || name == "node_modules";
        if is_folder && !left_out && depth < DEPTH {
            search(&path, depth + 1, found)?;
        } else if name.ends_with(ENDING) && path.is_file() {
            found.push(path.strip_prefix("./").map_or(path.clone(), Path::to_path_buf));
        }
    }
    Ok(())
}

/// Chooses the cases that run.
fn chosen<'f>(args: &Args, files: &'f [CaseFile]) -> anyhow::Result<Vec<(&'f CaseFile, &'f Case)>> {
    let all = files.iter().flat_map(|file| file.cases().map(move |case| (file, case)));
    let Some(filter) = &args.filter else { return Ok(all.collect()) };
    let chosen: Vec<_> = all
        .filter(|(file, case)| {
            case.name.contains(filter) || file.path.to_string_lossy().contains(filter)
        })
        .collect();
    if chosen.is_empty() {
        return usage(&format!(
            "no test case has '{filter}' in its name or in the name of its file"
        ));
    }
    Ok(chosen)
}

/// Runs cases on several threads; `tell` gets the verdicts in the order of the cases.
fn run_all(
    args: &Args,
    cases: &[(&CaseFile, &Case)],
    mut tell: impl FnMut(&Verdict) -> anyhow::Result<()>,
) -> anyhow::Result<Ran> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores, usize::from).min(cases.len());
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let (sender, verdicts) = channel();
    let mut slots: Vec<Option<Verdict>> = vec![None; cases.len()];
    let mut told = 0;
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let own = sender.clone();
            let (next, bless) = (&next, args.bless);
            let work = move || work(cases, next, bless, &own);
            let thread = std::thread::Builder::new().name("test".into()).stack_size(STACK);
            thread.spawn_scoped(scope, work).context("a thread cannot be started")?;
        }
        drop(sender);
        for (number, verdict) in verdicts {
            slots[number] = Some(verdict);
            while let Some(Some(verdict)) = slots.get(told) {
                tell(verdict)?;
                told += 1;
            }
        }
        anyhow::Ok(())
    })?;
    Ok(Ran { verdicts: slots.into_iter().flatten().collect(), took: started.elapsed() })
}

fn work(
    cases: &[(&CaseFile, &Case)],
    next: &AtomicUsize,
    bless: bool,
    verdicts: &Sender<(usize, Verdict)>,
) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some((file, case)) = cases.get(number) else { return };
        if verdicts.send((number, judge(file, case, bless))).is_err() {
            return;
        }
    }
}

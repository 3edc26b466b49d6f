//! `import intel`: makes a first version in Rhai from the folder of a time series analytics microservice.
//!
//! The folder holds `config.json`, `udfs/NAME.py`, `tick_scripts/*.tick` and `models/`. TICKscripts and models are
//! copied; of the Python, only the names of fields are used.

use super::import_files::{Files, read};
use super::usage;
use anyhow::{Context, bail};
use regex::Regex;
use rhai_udf::model::{DEFAULT_LIMIT, Model, advice};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Make a first version of a script, entries for kapacitor.conf and a list of what is left to do from a folder of
/// another product
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The layout: intel (udfs/NAME.py, tick_scripts/, models/, config.json)
    #[arg(value_parser = ["intel"])]
    layout: String,
    /// The folder, or a tar of it (.tar, .tar.gz, .tgz)
    source: PathBuf,
    /// The folder to write; it is created, and nothing in it is overwritten
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let files = read(&args.source)?;
    let name = udf_name(&files)?;
    let to = args.to.clone().unwrap_or_else(|| PathBuf::from(format!("{name}-rhai")));
    let plan = ImportPlan::new(&name, &files, &to)?;
    plan.write(&to)?;
    let _ = write!(std::io::stdout().lock(), "{}", plan.report(&to));
    Ok(())
}

/// The name that the configuration gives, else that of the only UDF.
fn udf_name(files: &Files) -> anyhow::Result<String> {
    let udfs: Vec<&str> = files
        .keys()
        .filter_map(|path| path.strip_prefix("udfs/")?.strip_suffix(".py"))
        .filter(|name| !name.contains('/') && *name != "__init__")
        .collect();
    let named =
        config(files)?.pointer("/udfs/name").and_then(|name| name.as_str().map(str::to_owned));
    let name = match (named, &udfs[..]) {
        (Some(name), _) if udfs.contains(&name.as_str()) => name,
        (Some(name), _) => {
            bail!(
                "config.json names the UDF '{name}', but there is no udfs/{name}.py; there is {}",
                if udfs.is_empty() { "none".into() } else { udfs.join(", ") }
            )
        }
        (None, [only]) => (*only).to_owned(),
        (None, []) => return usage("there is no udfs/NAME.py; name the folder that holds udfs/"),
        (None, many) => {
            bail!("there are several UDFs ({}) and no config.json names one", many.join(", "))
        }
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !name.chars().all(plain) {
        bail!("'{name}' cannot be the name of a UDF; letters, digits, _ and - can");
    }
    Ok(name)
}

fn config(files: &Files) -> anyhow::Result<serde_json::Value> {
    match files.get("config.json") {
        Some(bytes) => serde_json::from_slice(bytes).context("config.json"),
        None => Ok(serde_json::Value::Null),
    }
}

/// The files that will be written, with notes about them.
struct ImportPlan {
    outputs: BTreeMap<String, Vec<u8>>,
    notes: Vec<String>,
}

impl ImportPlan {
    fn new(name: &str, files: &Files, to: &Path) -> anyhow::Result<Self> {
        let mut plan = Self { outputs: BTreeMap::new(), notes: Vec::new() };
        for (path, bytes) in files {
            if path.starts_with("tick_scripts/") || path.starts_with("models/") {
                plan.outputs.insert(path.clone(), bytes.clone());
            }
        }
        let source = String::from_utf8_lossy(&files[&format!("udfs/{name}.py")]).into_owned();
        let ticks: Vec<(&String, String)> = files
            .iter()
            .filter(|(path, _)| path.starts_with("tick_scripts/"))
            .map(|(path, bytes)| (path, String::from_utf8_lossy(bytes).into_owned()))
            .collect();
        if !ticks.iter().any(|(_, text)| text.contains(&format!("@{name}("))) {
            plan.notes.push(format!("none of the TICKscripts uses @{name}()"));
        }
        let model = plan.model(name, files);
        let options = options(name, ticks.iter().map(|(_, text)| text.as_str()));
        let script = script(name, &source, model.as_deref(), &options);
        plan.outputs.insert(format!("udfs/{name}.rhai"), script.into_bytes());
        let conf = conf(name, to, &config(files)?, &mut plan.notes);
        plan.outputs.insert("kapacitor.conf".into(), conf.into_bytes());
        plan.notes.push(format!(
            "only the names of the fields are taken from udfs/{name}.py: write its computation in udfs/{name}.rhai"
        ));
        for path in files.keys() {
            let kept = plan.outputs.contains_key(path) || path == "config.json";
            if !kept && *path != format!("udfs/{name}.py") {
                plan.notes.push(format!("{path} is not imported"));
            }
        }
        Ok(plan)
    }

    /// The model's file name as the script will load it.
    fn model(&mut self, name: &str, files: &Files) -> Option<String> {
        let mut found = None;
        for (path, bytes) in files {
            let Some(file) = path.strip_prefix("models/").filter(|f| !f.contains('/')) else {
                continue;
            };
            let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
            if let Some((what, line)) = advice::by_extension(extension) {
                self.outputs.remove(path);
                let line = line.replace("model.onnx", &format!("{stem}.onnx"));
                let line = line.replace("\"model.", &format!("\"{stem}."));
                self.notes.push(format!("{path} is {what}; export it in Python: {line}"));
                found = found.or_else(|| Some(format!("{stem}.onnx")));
                continue;
            }
            match Model::load(bytes, DEFAULT_LIMIT) {
                Ok(_) if stem == name || found.is_none() => found = Some(file.to_owned()),
                Ok(_) => {}
                Err(error) => self.notes.push(format!("{path} cannot be used: {error}")),
            }
            if stem != name {
                self.notes.push(format!("{path} is not named after the UDF '{name}'"));
            }
        }
        found
    }

    fn write(&self, to: &Path) -> anyhow::Result<()> {
        for path in self.outputs.keys().map(|path| to.join(path)) {
            if path.exists() {
                bail!(
                    "{} exists already, and nothing is overwritten: choose another folder, or remove it",
                    path.display()
                );
            }
        }
        for (path, bytes) in &self.outputs {
            let path = to.join(path);
            let place = || path.display().to_string();
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).with_context(place)?;
            }
            std::fs::write(&path, bytes).with_context(place)?;
        }
        Ok(())
    }

    fn report(&self, to: &Path) -> String {
        let mut text = String::new();
        for path in self.outputs.keys() {
            let _ = writeln!(text, "wrote {}", to.join(path).display());
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        text
    }
}

/// The fields and tags that the Python reads, and whether they are numbers, in their order: by name,
/// or in a loop over pairs whose `key` is compared with a name.
fn fields_read(source: &str) -> Vec<(String, bool)> {
    let read = r#"\.(fieldsDouble|fieldsInt|fieldsBool|fieldsString|tags)\s*(?:\.get\(|\[)\s*['"]([^'"]+)['"]\s*(\]\s*=[^=])?|\.key\s*==\s*['"]([^'"]+)['"]"#;
    let read = Regex::new(read).expect("a pattern that is right");
    let mut fields: Vec<(String, bool)> = Vec::new();
    for found in read.captures_iter(source).filter(|found| found.get(3).is_none()) {
        let text = found.get(1).is_some_and(|of| ["tags", "fieldsString"].contains(&of.as_str()));
        let Some(name) = found.get(2).or(found.get(4)).map(|name| name.as_str()) else { continue };
        if !fields.iter().any(|(known, _)| known == name) {
            fields.push((name.to_owned(), !text));
        }
    }
    fields
}

/// The options that the TICKscripts give the UDF, with the types of their values.
fn options<'t>(name: &str, ticks: impl Iterator<Item = &'t str>) -> BTreeMap<String, &'static str> {
    let call = format!(r"@{}\(\)((?:\s*\.\w+\([^)]*\))*)", regex::escape(name));
    let call = Regex::new(&call).expect("a pattern that is right");
    let option = Regex::new(r"\.(\w+)\(([^)]*)\)").expect("a pattern that is right");
    let mut options = BTreeMap::new();
    for tick in ticks {
        for call in call.captures_iter(tick) {
            for option in option.captures_iter(&call[1]) {
                let value = option[2].trim();
                let unit = value.ends_with(|c: char| c.is_ascii_alphabetic());
                let kind = match value {
                    _ if value.starts_with('\'') => "string",
                    "TRUE" | "FALSE" => "bool",
                    _ if unit && value.starts_with(|c: char| c.is_ascii_digit()) => "duration",
                    _ if value.contains('.') => "double",
                    _ if value.parse::<i64>().is_ok() => "int",
                    _ => "string",
                };
                options.insert(option[1].to_owned(), kind);
            }
        }
    }
    options
}

fn script(
    name: &str,
    source: &str,
    model: Option<&str>,
    options: &BTreeMap<String, &'static str>,
) -> String {
    let fields = fields_read(source);
    let quoted = |names: Vec<&str>| {
        names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    };
    let numbers =
        quoted(fields.iter().filter(|(_, number)| *number).map(|(n, _)| n.as_str()).collect());
    let texts =
        quoted(fields.iter().filter(|(_, number)| !*number).map(|(n, _)| n.as_str()).collect());
    let mut text = format!("// {name}.rhai: a first version of what udfs/{name}.py did.\n//\n");
    if fields.is_empty() {
        text.push_str(
            "// The names of the fields were not found in the Python: write them below.\n",
        );
    } else {
        let _ = writeln!(text, "// The Python read these numbers: {numbers}");
    }
    if !texts.is_empty() {
        let _ = writeln!(text, "// and these strings and tags: {texts}");
    }
    text.push_str(
        "\nfn info() {\n    #{\n        wants: \"stream\",\n        provides: \"stream\",\n",
    );
    if !options.is_empty() {
        text.push_str("        options: #{\n");
        for (option, kind) in options {
            let _ = writeln!(text, "            {option:?}: \"{kind}\",");
        }
        text.push_str("        },\n");
    }
    text.push_str("    }\n}\n\n");
    match model {
        Some(model) => {
            let _ = write!(
                text,
                "// The features in the order of the training: compare them with the Python.\n\
                 fn state() {{\n    #{{ model: model(\"{model}\", #{{ features: [{numbers}] }}) }}\n}}\n\n\
                 fn point(p) {{\n    let answer = this.model.predict(p);\n    if type_of(answer) == \
                 \"map\" {{\n        p.prediction = answer.label;\n    }} else {{\n        p.prediction \
                 = answer;\n    }}\n    emit(p);\n}}\n"
            );
        }
        None => text.push_str("fn point(p) {\n    emit(p);\n}\n"),
    }
    text
}

/// The entries for `kapacitor.conf`: the UDF, and the broker that the configuration names.
fn conf(name: &str, to: &Path, config: &serde_json::Value, notes: &mut Vec<String>) -> String {
    let script =
        std::path::absolute(to).unwrap_or_else(|_| to.into()).join(format!("udfs/{name}.rhai"));
    let mut text = format!(
        "[udf.functions.{name}]\n  prog = \"/usr/local/bin/rhai-udf\"\n  args = [\"run\", {:?}]\n  \
         timeout = \"60s\"\n",
        script.display().to_string()
    );
    let alerts = config.get("alerts").and_then(|alerts| alerts.as_object());
    for (kind, alert) in alerts.into_iter().flatten() {
        if kind != "mqtt" {
            notes.push(format!("alerts of the kind '{kind}' in config.json are not imported"));
            continue;
        }
        let get = |key: &str| alert.get(key);
        let broker = get("name").and_then(|v| v.as_str()).unwrap_or("my_mqtt_broker");
        let host = get("mqtt_broker_host").and_then(|v| v.as_str()).unwrap_or("localhost");
        let port = get("mqtt_broker_port").and_then(serde_json::Value::as_u64).unwrap_or(1883);
        let _ = write!(
            text,
            "\n[[mqtt]]\n  enabled = true\n  name = {broker:?}\n  default = true\n  url = \"tcp://{host}:{port}\"\n  \
             client-id = \"kapacitor\"\n"
        );
    }
    text
}

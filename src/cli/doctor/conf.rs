//! The functions in kapacitor.conf, with their lines.

use super::Findings;
use rhai_udf::nearest::did_you_mean;
use rhai_udf::protocol::duration;
use rhai_udf::script::config::toml_error;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys that a function can have.
const KEYS: [&str; 5] = ["prog", "args", "timeout", "socket", "env"];

/// The configuration of the daemon, as far as functions are concerned.
#[derive(Debug)]
pub(super) struct KapacitorConf {
    pub(super) functions: Vec<Function>,
}

/// A place in the file.
pub(super) type Place = (PathBuf, usize);

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A `[udf.functions.NAME]`.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    /// The line of its name.
    pub(super) place: Place,
    pub(super) prog: Option<At<String>>,
    pub(super) args: Vec<At<String>>,
    pub(super) socket: Option<At<String>>,
    pub(super) env: BTreeMap<String, String>,
    /// In nanoseconds.
    pub(super) timeout: Option<At<i64>>,
    /// The value cannot be used, which has been reported, so the key is not reported as missing.
    pub(super) told: Vec<&'static str>,
}

impl Function {
    /// Its name in findings.
    pub(super) fn about(&self) -> String {
        format!("udf.functions.{}", self.name)
    }
}

/// The text of the file with its name, to find lines.
struct Text<'t> {
    path: &'t Path,
    text: &'t str,
}

impl Text<'_> {
    fn place<T>(&self, spanned: &Spanned<T>) -> Place {
        let before = self.text.bytes().take(spanned.span().start);
        (self.path.into(), before.filter(|byte| *byte == b'\n').count() + 1)
    }
}

impl KapacitorConf {
    /// Reads the file; `None` if it cannot be used, which is reported.
    pub(super) fn read(path: &Path, findings: &mut Findings) -> Option<Self> {
        let shown = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                findings
                    .error("kapacitor.conf", format!("{shown} cannot be read: {error}"))
                    .fix("name the daemon's configuration: rhai-udf doctor FILE");
                return None;
            }
        };
        let table = match DeTable::parse(&text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let line = error.span().map_or(1, |span| {
                    text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
                });
                findings
                    .error("kapacitor.conf", toml_error(path, &text, &error).to_string())
                    .at(&(path.into(), line))
                    .fix("correct the file: the daemon starts with valid TOML only");
                return None;
            }
        };
        let at = Text { path, text: &text };
        let udf = section(&at, &table, "udf", "udf", findings);
        if let Some(udf) = udf {
            for key in udf.keys().filter(|key| key.get_ref() != "functions") {
                let near = did_you_mean(key.get_ref(), ["functions"]);
                findings
                    .warning("udf", format!("the daemon does not know '{}'{near}", key.get_ref()))
                    .at(&at.place(key))
                    .fix("[udf.functions.NAME]");
            }
        }
        let functions =
            udf.and_then(|udf| section(&at, udf, "functions", "udf.functions", findings));
        let named = functions.into_iter().flatten();
        let functions: Vec<Function> =
            named.filter_map(|(name, value)| function(&at, name, value, findings)).collect();
        match functions.len() {
            0 => drop(
                findings.warning("kapacitor.conf", format!("{shown} defines no function")).fix(
                    "rhai-udf conf SCRIPT, or rhai-udf conf --dir DIR, prints the lines to add",
                ),
            ),
            n => {
                let names: Vec<_> = functions.iter().map(|f| f.name.as_str()).collect();
                let functions = super::counted(n, "function");
                let names = names.join(", ");
                findings.ok("kapacitor.conf", format!("{shown} defines {functions}: {names}"));
            }
        }
        Some(Self { functions })
    }
}

/// A table in another one, if it exists; a value that is not a table is reported.
fn section<'t>(
    at: &Text<'_>,
    table: &'t DeTable<'t>,
    key: &str,
    path: &str,
    findings: &mut Findings,
) -> Option<&'t DeTable<'t>> {
    let value = table.get(key)?;
    if value.get_ref().as_table().is_none() {
        findings
            .error(path, "it is not a table, and the daemon does not start with it")
            .at(&at.place(value))
            .fix(format!("[{path}]"));
    }
    value.get_ref().as_table()
}

fn function(
    at: &Text<'_>,
    name: &Spanned<toml::de::DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    findings: &mut Findings,
) -> Option<Function> {
    let place = at.place(name);
    let name = name.get_ref().to_string();
    let about = format!("udf.functions.{name}");
    let Some(table) = value.get_ref().as_table() else {
        findings
            .error(&about, "it is not a table")
            .at(&place)
            .fix(format!("write [{about}], and its keys below it"));
        return None;
    };
    let mut told = check_keys(table, &about, at, findings);
    if !is_callable(&name) {
        findings
            .warning(
                &about,
                format!("no TICKscript can call it: '@{name}()' is not a valid name in TICKscript"),
            )
            .at(&place)
            .fix(format!("[udf.functions.{}]", callable(&name)));
    }
    let text = |key: &str| {
        let value = table.get(key)?;
        let place = at.place(value);
        Some(At { value: value.get_ref().as_str()?.to_owned(), place })
    };
    let args = table.get("args").and_then(|args| args.get_ref().as_array());
    let args = args.into_iter().flatten().filter_map(|argument| {
        let value = argument.get_ref().as_str()?.to_owned();
        Some(At { value, place: at.place(argument) })
    });
    let env = table.get("env").and_then(|env| env.get_ref().as_table());
    let env = env.into_iter().flatten().filter_map(|(name, value)| {
        Some((name.get_ref().to_string(), value.get_ref().as_str()?.to_owned()))
    });
    let timeout = text("timeout").and_then(|timeout| match duration::parse(&timeout.value) {
        Ok(value) => Some(At { value, place: timeout.place }),
        Err(error) => {
            findings
                .error(&about, format!("timeout = \"{}\": {error}", timeout.value))
                .at(&timeout.place)
                .fix("timeout = \"10s\"");
            told.push("timeout");
            None
        }
    });
    Some(Function {
        place,
        prog: text("prog"),
        args: args.collect(),
        socket: text("socket"),
        env: env.collect(),
        timeout,
        told,
        name,
    })
}

/// Whether a TICKscript can write the name: a letter, then letters, digits and underscores.
fn is_callable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A name like it that a TICKscript can write.
fn callable(name: &str) -> String {
    let letters = name.trim_start_matches(|c: char| !c.is_alphabetic());
    let name: String = letters.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    if name.is_empty() { "NAME".to_owned() } else { name }
}

/// Reports keys that the daemon does not know, and values of a type that it does not read; returns the latter.
fn check_keys(
    table: &DeTable<'_>,
    about: &str,
    at: &Text<'_>,
    findings: &mut Findings,
) -> Vec<&'static str> {
    let mut told = Vec::new();
    for (key, value) in table {
        let written = value.get_ref();
        let (fits, example) = match key.get_ref().as_ref() {
            "args" => (is_texts(written), r#"args = ["run", "/etc/rhai-udf/my.rhai"]"#),
            "env" => (has_texts(written), r#"env = { NAME = "value" }"#),
            "timeout" => (written.as_str().is_some(), r#"timeout = "10s""#),
            "prog" => (written.as_str().is_some(), r#"prog = "/usr/bin/rhai-udf""#),
            "socket" => (written.as_str().is_some(), r#"socket = "/run/rhai-udf/my.sock""#),
            _ => (true, ""),
        };
        if !fits {
            findings
                .error(about, format!("{} has another type than the daemon reads", key.get_ref()))
                .at(&at.place(value))
                .fix(example);
            told.extend(KEYS.iter().find(|known| **known == key.get_ref().as_ref()));
        }
        if !KEYS.contains(&key.get_ref().as_ref()) {
            let near = did_you_mean(key.get_ref(), KEYS);
            findings
                .warning(about, format!("the daemon does not know '{}'{near}", key.get_ref()))
                .at(&at.place(key))
                .fix(format!("a function has {}", KEYS.join(", ")));
        }
    }
    told
}

/// Whether a value is a table of texts.
fn has_texts(value: &DeValue<'_>) -> bool {
    value.as_table().is_some_and(|all| all.values().all(|one| one.get_ref().as_str().is_some()))
}

/// Whether a value is a list of texts.
fn is_texts(value: &DeValue<'_>) -> bool {
    value.as_array().is_some_and(|all| all.iter().all(|one| one.get_ref().as_str().is_some()))
}

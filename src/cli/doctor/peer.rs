//! Functions that are not this program: another program, or a server on a socket.

use super::Findings;
use super::conf::{Function, Place};
use super::function::{found, may};
use super::rights::{User, Want};
use rhai_udf::replay::udfs::external::External;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// A function that is another program: it is asked for its declaration, as the daemon does.
pub(super) fn program(
    function: &Function,
    prog: &str,
    place: &Place,
    user: &User,
    run: bool,
    findings: &mut Findings,
) {
    let about = function.about();
    let path = found(prog);
    if let Some((first, rest)) =
        prog.split_once(' ').filter(|(first, _)| !path.exists() && found(first).exists())
    {
        findings
            .error(&about, format!("{prog} does not exist: prog is the path of the program alone, and '{rest}' belongs into args"))
            .at(place)
            .fix(format!("prog = \"{first}\""));
        return;
    }
    if !may(user, &path, Want::Execute, &about, place, findings) || !run {
        return;
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut words: Vec<String> = vec!["env".into()];
    words.extend(function.env.iter().map(|(name, value)| quoted(&format!("{name}={value}"))));
    words.push(quoted(prog));
    words.extend(function.args.iter().map(|argument| quoted(&argument.value)));
    let asked = External::process(&function.name, &words.join(" ")).and_then(External::info);
    answered(asked.map(drop).map_err(|error| error.to_string()), &about, place, findings);
}

fn answered(asked: Result<(), String>, about: &str, place: &Place, findings: &mut Findings) {
    match asked {
        Ok(()) => findings.ok(about, "it answers with its declaration"),
        Err(error) => drop(
            findings
                .error(about, format!("the daemon does not start, because this fails: {error}"))
                .at(place),
        ),
    }
}

/// A function on a socket.
pub(super) fn socket(
    function: &Function,
    path: &Path,
    place: &Place,
    user: &User,
    findings: &mut Findings,
) {
    let about = function.about();
    let serve =
        format!("systemctl start rhai-udf, or rhai-udf serve --socket {} SCRIPT", path.display());
    match path.metadata() {
        Err(error) => {
            findings
                .error(
                    &about,
                    format!(
                        "socket {}: {error}; the daemon waits for it when it starts",
                        path.display()
                    ),
                )
                .at(place)
                .fix(serve);
        }
        Ok(metadata) if !metadata.file_type().is_socket() => {
            findings
                .error(&about, format!("{} is not a socket", path.display()))
                .at(place)
                .fix(serve);
        }
        Ok(_) => {
            if may(user, path, Want::Write, &about, place, findings) {
                let asked = External::socket(&function.name, path).and_then(External::info);
                match asked {
                    Ok(_) => findings.ok(&about, format!("a server answers on {}", path.display())),
                    Err(error) => drop(
                        findings
                            .error(&about, format!("no server answers on it: {error}"))
                            .at(place)
                            .fix(serve),
                    ),
                }
            }
        }
    }
}

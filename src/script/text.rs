//! The text of a script, read from its file.

use crate::piped;
use crate::script::error::{Problem, ScriptError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The text of a script as it was read.
#[derive(Clone, Debug)]
pub struct ScriptText {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl ScriptText {
    /// Reads a script.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let read = piped::read_to_string(path);
        let there = read.as_ref().map_or_else(|e| e.kind() == ErrorKind::InvalidData, |_| true);
        if let Some(text) = other_kind(path).filter(|_| there) {
            return Err(ScriptError::Load(vec![Problem::new(path, text)]));
        }
        match read {
            // Some editors begin a file with a byte order mark.
            Ok(text) => Ok(Self {
                path: path.into(),
                text: text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text),
            }),
            Err(error) => {
                Err(ScriptError::Load(vec![Problem::new(path, format!("cannot be read: {error}"))]))
            }
        }
    }
}

/// The message about a file that cannot be a script, according to its name.
fn other_kind(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    Some(match plain.rsplit_once('.')?.1 {
        "tick" => {
            "this is a TICKscript, and a script (*.rhai) is wanted here; a TICKscript is played with \
             rhai-udf replay TASK.tick --udf NAME=SCRIPT.rhai --data FILE"
        }
        "lp" | "csv" | "tsv" | "srpl" | "brpl" | "bin" => {
            "this is data, and a script (*.rhai) is wanted here: the script comes first, the data after \
             --data"
        }
        "onnx" | "cbm" => {
            "this is a trained model, and a script (*.rhai) is wanted here: a script loads it with \
             model(\"NAME\"), and rhai-udf model FILE shows what it takes"
        }
        _ => return None,
    })
}

//! The message about a name that the data does not have.

use crate::script::nearest;
use crate::tick::flow::{NameKind, Unseen};

/// Names of the data that are listed where none is near.
const LISTED: usize = 12;

/// Says what the name stands for, and which name may be meant.
pub fn describe(unseen: &Unseen) -> String {
    let Unseen { kind, name, present } = unseen;
    let what = match kind {
        NameKind::Measurement => format!("no point has the measurement '{name}'"),
        NameKind::Tag => format!("no point has a tag '{name}' to group by"),
        NameKind::Field => format!("the script reads a field '{name}' that no point has"),
        NameKind::Resource => format!("--replicas names '{name}', which no node scales"),
        NameKind::ConditionField => {
            format!("a condition names a field '{name}' that no point of the output has")
        }
    };
    match nearest(name, present.iter().map(String::as_str)) {
        Some(near) => format!("{what}; did you mean '{near}'?"),
        None if present.is_empty() => what,
        None => {
            let more = if present.len() > LISTED { ", …" } else { "" };
            let listed = &present[..present.len().min(LISTED)];
            format!("{what}; there are {}{more}", listed.join(", "))
        }
    }
}

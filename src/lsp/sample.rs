//! Fields and tags of the data, from a file that a comment (`// sample: data/printer.lp`) or a setting names.

use crate::protocol::FieldValue;
use crate::replay::source::{Item, Reading, Scratch, open};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Points that are looked at.
const POINTS: usize = 500;

/// Lines in which the comment is looked for.
const LINES: usize = 50;

/// What the points of a sample have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// The types of the fields.
    pub(super) fields: BTreeMap<String, String>,
    pub(super) tags: BTreeSet<String>,
}

/// The file that a script names in a comment; beside the script, if it is relative.
pub(super) fn named_in(text: &str, script: &Path) -> Option<PathBuf> {
    let comments = text.lines().take(LINES).filter_map(|line| line.trim().strip_prefix("//"));
    let named = comments.filter_map(|line| line.trim().strip_prefix("sample:")).next()?;
    Some(script.parent().unwrap_or(Path::new("")).join(named.trim()))
}

impl Sample {
    /// Reads the first points of a file; a file that cannot be read has none.
    pub(super) fn read(path: &Path) -> Self {
        let mut sample = Self::default();
        let reading = Reading { skip_bad_lines: true, ..Reading::default() };
        let Ok(mut source) = open(path, &reading) else { return sample };
        let mut scratch = Scratch::default();
        for _ in 0..POINTS {
            match source.next(&mut scratch) {
                Ok(Some(Item::Point)) => sample.add(&scratch.point),
                Ok(Some(Item::Batch)) => {
                    scratch.batch.points().take(POINTS).for_each(|point| sample.add(&point))
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        sample
    }

    fn add(&mut self, point: &crate::protocol::Point) {
        for (name, value) in point.fields() {
            let kind = match value {
                FieldValue::Double(_) => "double",
                FieldValue::Int(_) => "int",
                FieldValue::Bool(_) => "bool",
                FieldValue::String(_) => "string",
            };
            self.fields.entry(name.into_owned()).or_insert_with(|| kind.to_owned());
        }
        self.tags.extend(point.tags().map(|(name, _)| name.into_owned()));
    }
}

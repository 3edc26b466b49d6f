//! The names of a fleet's streams and subjects.

use crate::error::{FleetError, Result};

/// The names of one fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    name: String,
}

/// A partition of a layout: each `repartition` begins a new generation of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Partition {
    /// The layout's generation, from 1.
    pub(crate) generation: u64,
    /// The number, from 0.
    pub(crate) number: u32,
}

/// The number that stands for the copying of all output, which a worker owns as it owns a partition.
pub(crate) const OUTLET: u32 = u32::MAX;

impl Partition {
    /// Its name in messages.
    pub(crate) fn label(self) -> String {
        match self.number {
            OUTLET => "the output".into(),
            number => format!("partition {number}"),
        }
    }
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.generation, self.number)
    }
}

impl Names {
    /// Checks a fleet's name, which becomes a part of streams and subjects.
    ///
    /// # Errors
    /// A name that NATS could not use.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(good) {
            return Err(FleetError::Usage(format!(
                "name = \"{name}\": use 1 to 40 letters, digits, '_' and '-'; it becomes a part of streams and subjects"
            )));
        }
        Ok(Self { name: name.into() })
    }

    /// The name itself.
    pub(crate) fn fleet(&self) -> &str {
        &self.name
    }

    /// The stream of layouts, versions and scripts.
    pub(crate) fn meta(&self) -> String {
        format!("{}_META", self.name)
    }

    /// A subject of that stream.
    pub(crate) fn meta_subject(&self, key: &str) -> String {
        format!("{}.meta.{key}", self.name)
    }

    /// The stream of a partition's input.
    pub(crate) fn input(&self, of: Partition) -> String {
        format!("{}_IN_{of}", self.name)
    }

    /// Its subject.
    pub(crate) fn input_subject(&self, of: Partition) -> String {
        format!("{}.in.{}.{}", self.name, of.generation, of.number)
    }

    /// The stream of a partition's journal.
    pub(crate) fn journal(&self, of: Partition) -> String {
        format!("{}_J_{of}", self.name)
    }

    /// A subject of the journal; `kind` may be a wildcard.
    pub(crate) fn journal_subject(&self, of: Partition, kind: &str) -> String {
        format!("{}.j.{}.{}.{kind}", self.name, of.generation, of.number)
    }

    /// The partition whose input or journal a stream is, if it is one of this fleet.
    pub(crate) fn partition(&self, stream: &str) -> Option<Partition> {
        let rest = stream.strip_prefix(&self.name)?;
        let rest = rest.strip_prefix("_IN_").or_else(|| rest.strip_prefix("_J_"))?;
        let (generation, number) = rest.split_once('_')?;
        Some(Partition { generation: generation.parse().ok()?, number: number.parse().ok()? })
    }

    /// The name of the fleet whose layouts a stream holds, if it holds any.
    pub(crate) fn fleet_of(stream: &str) -> Option<&str> {
        stream.strip_suffix("_META")
    }

    /// The stream of all output.
    pub(crate) fn output(&self) -> String {
        format!("{}_OUT", self.name)
    }

    /// A subject of that stream.
    pub(crate) fn output_subject(&self, kind: &str) -> String {
        format!("{}.out.{kind}", self.name)
    }

    /// The subject of heartbeats.
    pub(crate) fn beat(&self) -> String {
        format!("{}.beat", self.name)
    }

    /// The subject of commands to workers.
    pub(crate) fn control(&self) -> String {
        format!("{}.control", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_change_subjects_is_refused() {
        for bad in ["", "a.b", "a b", "*", ">", "ä", &"x".repeat(41)] {
            assert!(Names::new(bad).is_err(), "{bad}");
        }
        let names = Names::new("printer").unwrap();
        let of = Partition { generation: 2, number: 7 };
        assert_eq!(names.journal(of), "printer_J_2_7");
        assert_eq!(names.journal_subject(of, "out.>"), "printer.j.2.7.out.>");
        assert_eq!(names.partition("printer_J_2_7"), Some(of));
        assert_eq!(names.partition("printer_IN_2_7"), Some(of));
        for other in ["printer_META", "printer_IN_META", "printer_IN_1_J_2_7", "printers_J_2_7"] {
            assert_eq!(names.partition(other), None, "{other}");
        }
    }
}

//! The data of a fleet as a whole, in a stream of its own: its layout, its current version, and all versions that
//! were ever deployed.

use crate::bundle::Bundle;
use crate::error::{FleetError, Result, did_you_mean};
use crate::names::{Names, Partition};
use crate::task::Version;
use crate::transport::{StreamPlan, Transport};
use async_nats::HeaderMap;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a stored version that go into one message.
const PIECE: usize = 512 << 10;

/// How the groups are spread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// Counts the layouts, from 1.
    pub(crate) generation: u64,
    /// How many partitions there are.
    pub(crate) partitions: u32,
    /// How many servers keep each stream.
    pub(crate) replicas: usize,
    /// Bytes of each input.
    pub(crate) input_bytes: u64,
    /// Bytes of the output.
    pub(crate) output_bytes: u64,
    /// The tags that form the groups; a version with other tags is refused.
    pub(crate) grouping: String,
    /// The number of partitions to which the fleet is changing.
    pub(crate) becomes: Option<u32>,
    /// The generation of the latest attempt to get there: each attempt makes streams of its own, and only the latest
    /// one becomes the layout.
    #[serde(default)]
    pub(crate) attempt: u64,
}

/// The current version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Its name.
    pub(crate) version: String,
    /// The file of its script.
    pub(crate) script: String,
}

impl Layout {
    /// The partitions.
    pub(crate) fn all(&self) -> impl Iterator<Item = Partition> + use<> {
        let generation = self.generation;
        (0..self.partitions).map(move |number| Partition { generation, number })
    }

    /// The plan of a partition's input.
    pub(crate) fn input(&self, names: &Names, of: Partition) -> StreamPlan {
        StreamPlan {
            name: names.input(of),
            subjects: vec![names.input_subject(of)],
            replicas: self.replicas,
            bytes: self.input_bytes,
            forgets: false,
            only_last: false,
        }
    }

    /// The plan of a partition's journal.
    pub(crate) fn journal(&self, names: &Names, of: Partition) -> StreamPlan {
        StreamPlan {
            name: names.journal(of),
            subjects: vec![names.journal_subject(of, ">")],
            bytes: 0,
            ..self.input(names, of)
        }
    }

    /// The plan of the stream of all output.
    pub(crate) fn output(&self, names: &Names) -> StreamPlan {
        StreamPlan {
            name: names.output(),
            subjects: vec![names.output_subject(">")],
            replicas: self.replicas,
            bytes: self.output_bytes,
            forgets: true,
            only_last: false,
        }
    }
}

/// The stream of all that.
#[derive(Clone)]
pub(crate) struct Meta {
    transport: Arc<dyn Transport>,
    names: Names,
    versions: Arc<Mutex<BTreeMap<String, Arc<Version>>>>,
}

impl Meta {
    /// Opens the data of a fleet.
    pub(crate) fn new(transport: Arc<dyn Transport>, names: Names) -> Self {
        Self { transport, names, versions: Arc::default() }
    }

    /// Makes the stream.
    ///
    /// # Errors
    /// Servers that refuse it.
    pub(crate) fn create(&self, replicas: usize) -> Result<()> {
        self.transport.create(&StreamPlan {
            name: self.names.meta(),
            subjects: vec![self.names.meta_subject(">")],
            replicas,
            bytes: 0,
            forgets: false,
            only_last: true,
        })
    }

    /// Returns the layout.
    ///
    /// # Errors
    /// A fleet that was not created.
    pub(crate) fn layout(&self) -> Result<Layout> {
        let fleet = self.names.fleet();
        let missing = || {
            let streams = self.transport.streams().unwrap_or_default();
            let there: Vec<&str> =
                streams.iter().filter_map(|stream| Names::fleet_of(stream)).collect();
            let near = did_you_mean(fleet, there.iter().copied());
            let others = match (&near[..], &there[..]) {
                ("", [_, ..]) => format!("; they have {}", there.join(", ")),
                _ => near,
            };
            FleetError::Usage(format!(
                "the servers have no fleet \"{fleet}\": make it with `rhai-udf-nats create`{others}"
            ))
        };
        match self.read("layout") {
            Ok(layout) => layout.ok_or_else(missing),
            Err(error) => match self.transport.ends(&self.names.meta())? {
                None => Err(missing()),
                Some(_) => Err(error),
            },
        }
    }

    /// Sets the layout, unless somebody has written to the stream since its last message was `after`.
    ///
    /// # Errors
    /// Servers that do not answer; [`FleetError::Fenced`] if somebody has.
    pub(crate) fn replace_layout(&self, layout: &Layout, after: u64) -> Result<()> {
        let text = serde_json::to_vec(layout).expect("plain values have a form in JSON");
        let (stream, subject) = (self.names.meta(), self.names.meta_subject("layout"));
        self.transport.append(&stream, subject, HeaderMap::new(), text.into(), Some(after))?()
            .map(drop)
    }

    /// The number of the last message that was written.
    ///
    /// # Errors
    /// Servers that do not answer.
    pub(crate) fn last(&self) -> Result<u64> {
        Ok(self.transport.ends(&self.names.meta())?.unwrap_or_default().last)
    }

    /// Sets the layout.
    ///
    /// # Errors
    /// Servers that do not answer.
    pub(crate) fn set_layout(&self, layout: &Layout) -> Result<()> {
        self.write("layout", layout)
    }

    /// Returns the version that is wanted.
    ///
    /// # Errors
    /// Servers that do not answer.
    pub(crate) fn wanted(&self) -> Result<Option<Wanted>> {
        self.read("version")
    }

    /// Sets the version that is wanted.
    ///
    /// # Errors
    /// Servers that do not answer.
    pub(crate) fn want(&self, wanted: &Wanted) -> Result<()> {
        self.write("version", wanted)
    }

    /// Stores a version, if it is not there.
    ///
    /// # Errors
    /// Servers that do not answer.
    pub(crate) fn store(&self, bundle: &Bundle) -> Result<()> {
        let hash = bundle.hash();
        let bytes = Bytes::from(bundle.bytes());
        if self.read::<usize>(&format!("bundle.{hash}"))? == Some(bytes.len()) {
            return Ok(());
        }
        let room = PIECE.min(self.transport.largest() / 2);
        for (i, at) in (0..bytes.len()).step_by(room).enumerate() {
            let piece = bytes.slice(at..bytes.len().min(at + room));
            self.put(&format!("bundle.{hash}.{i}"), piece)?;
        }
        self.write(&format!("bundle.{hash}"), &bytes.len())
    }

    /// Returns a version, ready to be run; `None` if it was never stored.
    ///
    /// # Errors
    /// Servers that do not answer, a version that cannot be used.
    pub(crate) fn version(&self, hash: &str) -> Result<Option<Arc<Version>>> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = versions.get(hash) {
            return Ok(Some(version.clone()));
        }
        let Some(length) = self.read::<usize>(&format!("bundle.{hash}"))? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(length);
        for i in 0.. {
            let subject = self.names.meta_subject(&format!("bundle.{hash}.{i}"));
            match self.transport.last_of(&self.names.meta(), &subject)? {
                Some(piece) if bytes.len() < length => bytes.extend_from_slice(&piece.payload),
                _ => break,
            }
        }
        bytes.truncate(length);
        let version = Version::unpack(&Bundle::parse(&bytes, hash)?)?;
        versions.insert(hash.to_owned(), version.clone());
        Ok(Some(version))
    }

    fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let subject = self.names.meta_subject(key);
        let record = self.transport.last_of(&self.names.meta(), &subject)?;
        let parsed = record.map(|record| serde_json::from_slice(&record.payload)).transpose();
        parsed.map_err(|error| FleetError::Foreign { what: subject, why: error.to_string() })
    }

    fn write<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        let text = serde_json::to_vec(value).expect("plain values have a form in JSON");
        self.put(key, text.into())
    }

    fn put(&self, key: &str, payload: Bytes) -> Result<()> {
        let subject = self.names.meta_subject(key);
        let stream = self.names.meta();
        let sent = self.transport.append(&stream, subject, HeaderMap::new(), payload, None)?;
        sent().map(drop)
    }
}

//! Saves the data of a source as a recording that the daemon can read: `.srpl` for points, `.brpl` for
//! batches.

use super::ReplayError;
use super::output_file::refuse_input;
use super::source::{Item, Scratch, Source};
use crate::protocol::line::Writer;
use crate::protocol::time::rfc3339;
use crate::protocol::{Batch, FieldValue, Point};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A stream that is being written.
#[derive(Debug)]
struct Stream {
    file: GzEncoder<BufWriter<File>>,
    writer: Writer,
    text: String,
}

/// A recording that is being written.
#[derive(Debug)]
pub struct RecordingWriter {
    path: PathBuf,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Stream(Box<Stream>),
    /// The batches of each query, in files beside the recording until it ends: a zip is written an
    /// entry at a time.
    Batch(BTreeMap<usize, (PathBuf, BufWriter<File>)>),
}

impl RecordingWriter {
    /// A recording of the kind that the file's name says; `inputs` are the files that the replay reads.
    ///
    /// # Errors
    /// A file that cannot be written, or has another name.
    pub fn create(path: &Path, inputs: &[PathBuf]) -> Result<Self, ReplayError> {
        refuse_input(path, inputs.iter().map(PathBuf::as_path))?;
        let form = match path.extension().and_then(|extension| extension.to_str()) {
            Some("srpl") => {
                let file = File::create(path).map_err(|e| unwritten(path, &e))?;
                let file = GzEncoder::new(BufWriter::new(file), Compression::default());
                let writer = Writer::default();
                Form::Stream(Box::new(Stream { file, writer, text: String::new() }))
            }
            Some("brpl") => Form::Batch(BTreeMap::new()),
            _ => {
                let message = "the name must tell what is saved: end it with .srpl for a stream of points, or .brpl for batches";
                return Err(data(path, message.into()));
            }
        };
        Ok(Self { path: path.into(), form })
    }

    /// Appends a point.
    ///
    /// # Errors
    /// A file that cannot be written, or is for batches.
    pub fn point(&mut self, point: &Point) -> Result<(), ReplayError> {
        let Form::Stream(stream) = &mut self.form else {
            return Err(data(
                &self.path,
                "the data is a stream of points: end the name with .srpl".into(),
            ));
        };
        let Stream { file, writer, text } = &mut **stream;
        text.clear();
        text.push_str(&point.database());
        text.push('\n');
        text.push_str(&point.retention_policy());
        text.push('\n');
        if !writer.write(point, "", text) {
            return Ok(());
        }
        text.push('\n');
        file.write_all(text.as_bytes()).map_err(|e| unwritten(&self.path, &e))
    }

    /// Appends a batch of a query.
    ///
    /// # Errors
    /// A file that cannot be written, or is for points.
    pub fn batch(&mut self, query: usize, batch: &Batch) -> Result<(), ReplayError> {
        let Form::Batch(parts) = &mut self.form else {
            return Err(data(&self.path, "the data is batches: end the name with .brpl".into()));
        };
        let (path, file) = match parts.entry(query) {
            Entry::Occupied(part) => part.into_mut(),
            Entry::Vacant(free) => {
                let path = self.path.with_extension(format!("{query}.part"));
                let file = File::create(&path).map_err(|e| unwritten(&path, &e))?;
                free.insert((path, BufWriter::new(file)))
            }
        };
        writeln!(file, "{}", record(batch)).map_err(|e| unwritten(path, &e))
    }

    /// Ends the recording; `queries` is how many queries the task has, whether or not they gave batches.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, queries: Option<usize>) -> Result<(), ReplayError> {
        let Self { path, form } = self;
        let failed = |e: std::io::Error| unwritten(&path, &e);
        match form {
            Form::Stream(stream) => {
                stream.file.finish().and_then(|mut file| file.flush()).map_err(failed)
            }
            Form::Batch(parts) => pack(&path, parts, queries.unwrap_or(1)).map_err(failed),
        }
    }
}

/// Puts the batches of each query into an entry, the script's last query first, as the daemon reads
/// and writes them.
fn pack(
    path: &Path,
    mut parts: BTreeMap<usize, (PathBuf, BufWriter<File>)>,
    queries: usize,
) -> std::io::Result<()> {
    let mut zip = ZipWriter::new(BufWriter::new(File::create(path)?));
    let last = parts.keys().next_back().copied().unwrap_or(0);
    for (entry, query) in (0..queries.max(last + 1)).rev().enumerate() {
        zip.start_file(entry.to_string(), SimpleFileOptions::default())?;
        if let Some((part, mut file)) = parts.remove(&query) {
            file.flush()?;
            std::io::copy(&mut BufReader::new(File::open(&part)?), &mut zip)?;
            std::fs::remove_file(part)?;
        }
    }
    zip.finish()?.flush()
}

/// A batch as the daemon writes it.
fn record(batch: &Batch) -> Value {
    let point = |point: Point| {
        let tags: BTreeMap<_, _> = point.tags().collect();
        let fields: Map<_, _> = point
            .fields()
            .filter_map(|(name, value)| Some((name.into_owned(), json_of(&value)?)))
            .collect();
        json!({ "fields": fields, "tags": tags, "time": rfc3339(point.time()) })
    };
    let mut record = json!({ "name": batch.name, "tmax": rfc3339(batch.tmax) });
    let mut add = |name: &str, value: Value| record[name] = value;
    if !batch.group.is_empty() {
        add("group", batch.group.clone().into());
    }
    if batch.by_name {
        add("byname", true.into());
    }
    if !batch.tags.is_empty() {
        add("tags", json!(batch.tags));
    }
    if !batch.is_empty() {
        add("points", batch.points().map(point).collect());
    }
    record
}

fn json_of(value: &FieldValue<'_>) -> Option<Value> {
    Some(match value {
        FieldValue::String(text) => text.as_ref().into(),
        FieldValue::Int(value) => (*value).into(),
        FieldValue::Double(value) if value.is_finite() => (*value).into(),
        FieldValue::Double(_) => return None,
        FieldValue::Bool(value) => (*value).into(),
    })
}

fn unwritten(path: &Path, error: &std::io::Error) -> ReplayError {
    data(path, format!("cannot be written: {error}"))
}

fn data(path: &Path, message: String) -> ReplayError {
    ReplayError::Data { path: path.into(), line: None, message }
}

/// A source whose items are recorded as they are read.
pub struct Saved<'s> {
    source: Box<dyn Source + 's>,
    recorder: Option<RecordingWriter>,
}

impl<'s> Saved<'s> {
    /// Records the data of a source.
    pub fn new(source: Box<dyn Source + 's>, recorder: RecordingWriter) -> Self {
        Self { source, recorder: Some(recorder) }
    }
}

impl Source for Saved<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let item = self.source.next(scratch)?;
        match (item, &mut self.recorder) {
            (Some(Item::Point), Some(recorder)) => recorder.point(&scratch.point)?,
            (Some(Item::Batch), Some(recorder)) => recorder.batch(scratch.query, &scratch.batch)?,
            (None, recorder) => {
                if let Some(recorder) = recorder.take() {
                    recorder.finish(self.source.queries())?;
                }
            }
            _ => {}
        }
        Ok(item)
    }

    fn queries(&self) -> Option<usize> {
        self.source.queries()
    }
}

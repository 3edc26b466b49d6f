//! A snapshot in a form for people and programs.

use crate::agent::Pulse;
use crate::script::api::{self, Form, NativeTypes};
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::error::ScriptError;
use crate::script::host::Host;
use crate::script::state::bounds::Bounds;
use crate::script::state::groups::Groups;
use rhai::{Array, Blob, Dynamic, ImmutableString, Map};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::rc::Rc;

/// What a snapshot holds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SnapshotView {
    /// The hash of the script that made it.
    pub script: String,
    /// The name of the script's file; empty in snapshots of rhai-udf 0.1.
    pub file: String,
    /// The options it ran with.
    pub options: String,
    /// Bytes of the snapshot.
    pub bytes: usize,
    /// The groups, the one that was not seen for the longest time first.
    pub groups: Vec<GroupView>,
}

/// The state of a group.
#[derive(Clone, Debug, serde::Serialize)]
pub struct GroupView {
    /// The group's id.
    pub group: String,
    /// The latest time of its data, RFC 3339; `None` if there was none.
    pub seen: Option<String>,
    /// `this`.
    pub state: Value,
}

impl SnapshotView {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// Bytes that are no snapshot of this version.
    pub fn read(snapshot: &[u8]) -> Result<Self, ScriptError> {
        let mut types = NativeTypes::default();
        let mut engine = engine::engine(&Limits::default(), &Pulse::default());
        api::register(&mut engine, &Rc::new(Host::new(PathBuf::new())), &mut types);
        let (groups, origin) = Groups::restore(snapshot, &types, Bounds::default())
            .map_err(|e| ScriptError::Snapshot(e.to_string()))?;
        let view = |(id, group): (&[u8], &super::groups::Group)| GroupView {
            group: String::from_utf8_lossy(id).into_owned(),
            seen: (group.seen != i64::MIN).then(|| crate::protocol::time::rfc3339(group.seen)),
            state: group.state.as_ref().map_or(Value::Null, |state| shown(state, &types)),
        };
        Ok(Self {
            script: origin.script,
            file: origin.file,
            options: origin.options,
            bytes: snapshot.len(),
            groups: groups.iter().map(view).collect(),
        })
    }
}

/// A script's value as JSON; native objects under their name.
fn shown(value: &Dynamic, types: &NativeTypes) -> Value {
    if value.is_unit() {
        Value::Null
    } else if let Ok(flag) = value.as_bool() {
        flag.into()
    } else if let Ok(int) = value.as_int() {
        int.into()
    } else if let Ok(float) = value.as_float() {
        // JSON has no NaN and no infinities.
        serde_json::Number::from_f64(float).map_or_else(|| float.to_string().into(), Into::into)
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        text.as_str().into()
    } else if let Some(array) = value.read_lock::<Array>() {
        array.iter().map(|value| shown(value, types)).collect()
    } else if let Some(map) = value.read_lock::<Map>() {
        map.iter().map(|(key, value)| (key.to_string(), shown(value, types))).collect()
    } else if let Some(blob) = value.read_lock::<Blob>() {
        json!({ "blob": blob.iter().map(|b| format!("{b:02x}")).collect::<String>() })
    } else if let Some(kind) = types.of_value(value) {
        let inner = match kind.form {
            Form::Values { parts, .. } => parts(value).ok().map(|p| shown(&p.into(), types)),
            Form::Bytes { .. } => types.show(value),
        };
        let inner = inner.unwrap_or_else(|| value.to_string().into());
        Value::Object([(kind.name.to_owned(), inner)].into_iter().collect())
    } else {
        value.to_string().into()
    }
}

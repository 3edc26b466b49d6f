//! A snapshot in a form for people and programs.

use crate::agent::Pulse;
use crate::script::api::{self, Form, NativeTypes};
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::error::ScriptError;
use crate::script::host::Host;
use crate::script::reference;
use crate::script::state::bounds::Bounds;
use crate::script::state::groups::Groups;
use rhai::{AST, Array, Blob, Dynamic, Engine, ImmutableString, Map, Scope};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

/// The content of a snapshot.
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
    /// `this`, with all that native objects remember.
    pub state: Value,
    /// `this` as a script can read it: native objects by their properties.
    #[serde(skip)]
    pub read: Value,
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
        let properties = Properties { engine, types: &types, compiled: RefCell::default() };
        let (groups, origin) = Groups::restore(snapshot, &types, Bounds::default())
            .map_err(|e| ScriptError::Snapshot(e.to_string()))?;
        let view = |(id, group): (&[u8], &super::groups::Group)| GroupView {
            group: String::from_utf8_lossy(id).into_owned(),
            seen: (group.seen != i64::MIN).then(|| crate::protocol::time::rfc3339(group.seen)),
            state: group
                .state
                .as_ref()
                .map_or(Value::Null, |state| shown(state, &types, &|_| None)),
            read: group.state.as_ref().map_or(Value::Null, |state| properties.read(state)),
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

/// The properties of native objects, read as scripts read them.
struct Properties<'t> {
    engine: Engine,
    types: &'t NativeTypes,
    /// The expressions that read the properties of a type, compiled once.
    compiled: RefCell<HashMap<&'static str, Rc<Accessors>>>,
}

/// The name of each property with the expression that reads it.
type Accessors = Vec<(&'static str, AST)>;

/// Properties for which the values of the object are shown instead.
const VALUES: [&str; 2] = ["series", "mask"];

impl Properties<'_> {
    fn read(&self, value: &Dynamic) -> Value {
        shown(value, self.types, &|value| self.of(value))
    }

    /// The properties of a native object; its name alone if it has none. Properties that do not exist yet are left out.
    fn of(&self, value: &Dynamic) -> Option<Value> {
        let kind = self.types.of_value(value)?.name;
        if VALUES.contains(&kind) {
            return None;
        }
        let accessors = self.accessors(kind);
        if accessors.is_empty() {
            return Some(kind.into());
        }
        let told = accessors.iter().filter_map(|(name, ast)| {
            let mut scope = Scope::new();
            scope.push_dynamic("it", value.clone());
            let value = self.engine.eval_ast_with_scope::<Dynamic>(&mut scope, ast).ok()?;
            (!value.is_unit()).then(|| ((*name).to_owned(), self.read(&value)))
        });
        let told: serde_json::Map<_, _> = told.collect();
        Some(Value::Object([(kind.to_owned(), Value::Object(told))].into_iter().collect()))
    }

    fn accessors(&self, kind: &'static str) -> Rc<Accessors> {
        let mut compiled = self.compiled.borrow_mut();
        let compile = || {
            let mut scope = Scope::new();
            scope.push("it", ());
            let names = reference::members(kind, reference::Form::Property).into_iter();
            let accessor = |name| {
                let text = format!("it.{name}");
                Some((name, self.engine.compile_expression_with_scope(&scope, text).ok()?))
            };
            Rc::new(names.filter_map(accessor).collect())
        };
        Rc::clone(compiled.entry(kind).or_insert_with(compile))
    }
}

/// A script's value as JSON; native objects as `of` tells them, else by what they remember, under their name.
fn shown(value: &Dynamic, types: &NativeTypes, of: &dyn Fn(&Dynamic) -> Option<Value>) -> Value {
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
        array.iter().map(|value| shown(value, types, of)).collect()
    } else if let Some(map) = value.read_lock::<Map>() {
        map.iter().map(|(key, value)| (key.to_string(), shown(value, types, of))).collect()
    } else if let Some(blob) = value.read_lock::<Blob>() {
        json!({ "blob": blob.iter().map(|b| format!("{b:02x}")).collect::<String>() })
    } else if let Some(told) = of(value) {
        told
    } else if let Some(kind) = types.of_value(value) {
        let inner = match kind.form {
            Form::Values { parts, .. } => parts(value).ok().map(|p| shown(&p.into(), types, of)),
            Form::Bytes { .. } => types.show(value),
        };
        let inner = inner.unwrap_or_else(|| value.to_string().into());
        Value::Object([(kind.name.to_owned(), inner)].into_iter().collect())
    } else {
        value.to_string().into()
    }
}

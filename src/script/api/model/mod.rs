//! Trained models in a script: `model(path)`, `predict`, `run`.
//!
//! A model in a state is a name with options: the bytes stay in the library of the version that
//! runs, so a snapshot holds the name and the digest, and a new version brings its own.

mod annotate;
mod answer;
mod input;
mod rows;
mod tensors;

use super::arguments::describe;
use super::{Fallible, Form, NativeError, NativeType, NativeTypes, fail, fail_in};
use crate::model::{Labels, Port};
use crate::script::host::Host;
use crate::script::library::{Library, Loaded};
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A model as a script holds it.
#[derive(Clone)]
pub(crate) struct SharedModel(Rc<Handle>);

struct Handle {
    name: String,
    settings: Settings,
    /// The digest that a snapshot knows, until the model is used.
    expected: RefCell<Option<String>>,
    /// The model in the library of the version that used it last.
    found: RefCell<Option<(Rc<Library>, Rc<Loaded>)>>,
}

/// The options of `model(path, options)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Settings {
    /// The names of the columns, in their order.
    features: Option<Vec<String>>,
    /// Whether a missing field is NaN instead of an error.
    missing_is_nan: bool,
    labels: Option<Names>,
}

/// Names of classes as a snapshot stores them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Names {
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl Names {
    fn labels(&self) -> Arc<Labels> {
        Arc::new(match self {
            Self::Ints(v) => Labels::Ints(v.clone()),
            Self::Texts(v) => Labels::Texts(v.iter().map(|text| text.as_str().into()).collect()),
        })
    }
}

/// The form of a model in a snapshot.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    digest: String,
    settings: Settings,
}

impl Handle {
    /// The model of the version that runs.
    fn get(&self, host: &Host) -> Fallible<Rc<Loaded>> {
        if let Some((library, loaded)) = &*self.found.borrow()
            && Rc::ptr_eq(library, &host.library)
        {
            return Ok(loaded.clone());
        }
        // The model comes from a snapshot or another version, and is loaded when it is used.
        let loaded = host.library.load(&self.name).map_err(fail)?;
        if let Some(expected) = self.expected.take()
            && expected != loaded.model.digest
        {
            log::warn!(
                "model {}: the snapshot was made with version {}, and the file is now {}",
                self.name,
                short(&expected),
                short(&loaded.model.digest)
            );
        }
        *self.found.borrow_mut() = Some((host.library.clone(), loaded.clone()));
        Ok(loaded)
    }

    fn digest(&self) -> String {
        let found = self.found.borrow();
        let found = found.as_ref().map(|(_, loaded)| loaded.model.digest.clone());
        found.or(self.expected.borrow().clone()).unwrap_or_default()
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    registry.add::<SharedModel>(NativeType {
        name: "model",
        form: Form::Bytes {
            write: |value, out| {
                let model = value.read_lock::<SharedModel>().ok_or(NativeError::Type)?;
                let stored = Stored {
                    name: model.0.name.clone(),
                    digest: model.0.digest(),
                    settings: model.0.settings.clone(),
                };
                let taken = std::mem::take(out);
                *out = postcard::to_extend(&stored, taken)?;
                Ok(())
            },
            read: |bytes| {
                let stored: Stored = postcard::from_bytes(bytes)?;
                Ok(Dynamic::from(SharedModel(Rc::new(Handle {
                    name: stored.name,
                    settings: stored.settings,
                    expected: RefCell::new(Some(stored.digest)),
                    found: RefCell::default(),
                }))))
            },
        },
    });
    engine.register_type_with_name::<SharedModel>("Model");
    rows::register(engine, host, registry);
    annotate::register(engine, host);
    makers(engine, host);
    properties(engine, host);
    let h = host.clone();
    engine.register_fn("predict", move |m: &mut SharedModel, value: Dynamic| {
        predict(&h, &m.0, &value)
    });
    let h = host.clone();
    engine.register_fn("run", move |m: &mut SharedModel, inputs: Map| -> Fallible<Map> {
        let loaded = m.0.get(&h)?;
        let inputs = tensors::tensors(&loaded.model, &inputs)?;
        let run = h.budget.model_run();
        let outputs = loaded.model.run(&inputs, &run).map_err(|e| fail_in("run", e))?;
        let outputs = outputs.iter();
        Ok(outputs.map(|(name, value)| (name.as_str().into(), answer::nested(value))).collect())
    });
}

fn makers(engine: &mut Engine, host: &Rc<Host>) {
    let make = |host: &Host, name: &str, settings: Settings| -> Fallible<SharedModel> {
        let loaded = host.library.get(name).map_err(fail)?;
        settings.check(&loaded)?;
        Ok(SharedModel(Rc::new(Handle {
            name: name.into(),
            settings,
            expected: RefCell::default(),
            found: RefCell::new(Some((host.library.clone(), loaded))),
        })))
    };
    let h = host.clone();
    engine.register_fn("model", move |name: &str| make(&h, name, Settings::default()));
    let h = host.clone();
    engine.register_fn("model", move |name: &str, options: Map| {
        make(&h, name, Settings::read(&options)?)
    });
    engine.register_fn("==", |a: SharedModel, b: SharedModel| {
        a.0.name == b.0.name && a.0.settings == b.0.settings
    });
    let show = |m: &mut SharedModel| format!("model {}", m.0.name);
    engine.register_fn("to_string", show);
    engine.register_fn("to_debug", show);
}

fn properties(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_get("features", move |m: &mut SharedModel| -> Fallible<Dynamic> {
        let loaded = m.0.get(&h)?;
        Ok(match m.0.features(&loaded) {
            Some(names) => {
                let text = |name: &String| ImmutableString::from(name.as_str()).into();
                names.iter().map(text).collect::<Array>().into()
            }
            None => {
                h.note("the model does not say the names of its features");
                Dynamic::UNIT
            }
        })
    });
    let h = host.clone();
    engine.register_get("labels", move |m: &mut SharedModel| -> Fallible<Dynamic> {
        let loaded = m.0.get(&h)?;
        let given = m.0.settings.labels.as_ref().map(|names| (*names.labels()).clone());
        Ok(match given.or(loaded.model.labels.clone()) {
            Some(labels) => answer::labels(&labels).into(),
            None => {
                h.note("the model has no labels");
                Dynamic::UNIT
            }
        })
    });
    for (name, ports) in [
        ("inputs", (|loaded: &Loaded| ports(&loaded.model.inputs)) as fn(&Loaded) -> Array),
        ("outputs", |loaded: &Loaded| ports(&loaded.model.outputs)),
    ] {
        let h = host.clone();
        engine.register_get(name, move |m: &mut SharedModel| -> Fallible<Array> {
            Ok(ports(&*m.0.get(&h)?))
        });
    }
    let h = host.clone();
    engine.register_get("digest", move |m: &mut SharedModel| -> Fallible<ImmutableString> {
        Ok(m.0.get(&h)?.model.digest.as_str().into())
    });
    engine.register_get("name", |m: &mut SharedModel| ImmutableString::from(m.0.name.as_str()));
}

fn ports(ports: &[Port]) -> Array {
    let size = |size: &Option<usize>| size.map_or(Dynamic::UNIT, |size| (size as i64).into());
    let port = |port: &Port| {
        let shape = port.shape.as_deref().unwrap_or_default().iter().map(size);
        let mut map = Map::new();
        map.insert("name".into(), port.name.as_str().into());
        map.insert("type".into(), port.kind.name().into());
        map.insert("shape".into(), shape.collect::<Array>().into());
        Dynamic::from(map)
    };
    ports.iter().map(port).collect()
}

fn predict(host: &Host, handle: &Handle, value: &Dynamic) -> Fallible<Dynamic> {
    let loaded = handle.get(host)?;
    let Some(input) = input::Input::read(host, handle, &loaded, value)? else {
        return Ok(Dynamic::UNIT);
    };
    let labels = handle.settings.labels.as_ref().map(Names::labels);
    let prediction = loaded
        .model
        .predict_named(input.rows, labels.as_ref(), &host.budget.model_run())
        .map_err(|error| fail_in("predict", format_args!("model {}: {error}", loaded.name)))?;
    Ok(if input.single { answer::one(&prediction) } else { answer::many(&prediction) })
}

impl Handle {
    /// The names of the columns: those that were given, else the model's own.
    fn features<'a>(&'a self, loaded: &'a Loaded) -> Option<&'a [String]> {
        self.settings.features.as_deref().or(loaded.model.features.as_deref())
    }
}

impl Settings {
    fn read(options: &Map) -> Fallible<Self> {
        let mut settings = Self::default();
        for (key, value) in options {
            let wrong = |what: &str| {
                fail_in("model", format_args!("{key} must be {what}, not {}", describe(value)))
            };
            match key.as_str() {
                "features" => {
                    let list = value.read_lock::<Array>().and_then(|list| texts(&list));
                    settings.features = Some(list.ok_or_else(|| wrong("an array of names"))?);
                }
                "missing" => match value.read_lock::<ImmutableString>().as_deref() {
                    Some(text) if text.as_str() == "nan" => settings.missing_is_nan = true,
                    Some(text) if text.as_str() == "error" => settings.missing_is_nan = false,
                    _ => return Err(wrong("\"nan\" or \"error\"")),
                },
                "labels" => {
                    let names = value.read_lock::<Array>().and_then(|list| {
                        let ints = list.iter().map(|v| v.as_int().ok()).collect::<Option<_>>();
                        ints.map(Names::Ints).or_else(|| texts(&list).map(Names::Texts))
                    });
                    let names = names.ok_or_else(|| wrong("an array of names"))?;
                    settings.labels = Some(names);
                }
                other => {
                    let text = "known are features, missing, labels";
                    return Err(fail_in("model", format_args!("unknown option '{other}'; {text}")));
                }
            }
        }
        Ok(settings)
    }

    /// Refuses names that are not as many as the model has columns or classes.
    fn check(&self, loaded: &Loaded) -> Fallible<()> {
        if let (Some(features), Ok(layout)) = (&self.features, loaded.model.layout()) {
            let columns = layout.columns();
            if features.len() != columns {
                let text =
                    format!("{} features are named, but the model has {columns}", features.len());
                return Err(fail_in("model", format_args!("{}: {text}", loaded.name)));
            }
        }
        let given = self.labels.as_ref().map(|names| names.labels().len());
        let own = loaded.model.labels.as_ref().map(Labels::len);
        if let (Some(given), Some(own)) = (given, own)
            && given != own
        {
            let text = format!("{given} labels are given, but the model has {own}");
            return Err(fail_in("model", format_args!("{}: {text}", loaded.name)));
        }
        Ok(())
    }
}

fn texts(list: &Array) -> Option<Vec<String>> {
    let text = |value: &Dynamic| value.read_lock::<ImmutableString>().map(|text| text.to_string());
    list.iter().map(text).collect()
}
